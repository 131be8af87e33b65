"""The CPU as a device, under the names that `torch.cpu` has, and the memory that is kept for large results.

>>> import tgrad
>>> tgrad.cpu.empty_cache()
>>> tgrad.cpu.memory_stats()["idle_bytes"]
0
"""

from __future__ import annotations

from typing import Any

from ..pool import POOL
from .warmup import warmup


def is_available() -> bool:
    """True: there is always a CPU."""
    return True


def device_count() -> int:
    """1: all cores together are one device."""
    return 1


def current_device() -> str:
    return "cpu"


def set_device(device: Any) -> None:
    """Does nothing, as there is one device."""


def synchronize(device: Any = None) -> None:
    """Does nothing: operations are finished when they return."""


def empty_cache() -> None:
    """Returns the blocks of memory that no tensor uses, and that were kept for the next large result, to the system."""
    POOL.empty_cache()


def memory_stats() -> dict[str, int]:
    """Figures of the memory behind large results, in bytes: what tensors use now (`allocated_bytes`) and used at most
    (`peak_allocated_bytes`), what lies ready (`idle_bytes`, at most `limit_bytes`); and how often a block could be used
    again (`reused_blocks`) or was new (`new_blocks`). Results under 64 KiB are not counted."""
    return POOL.stats()


def __getattr__(name: str) -> Any:
    """`amp` is imported when first looked at."""
    if name == "amp":
        import importlib

        return importlib.import_module(f"{__name__}.amp")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "is_available",
    "memory_stats",
    "set_device",
    "synchronize",
    "warmup",
]
