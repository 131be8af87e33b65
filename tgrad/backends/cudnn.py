"""torch.backends.cudnn: there is no cuDNN here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

enabled = True
benchmark = False
benchmark_limit: int | None = 10
deterministic = False
allow_tf32 = True
fp32_precision = "none"
_FLAGS = ("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32", "fp32_precision")


def is_available() -> bool:
    """Whether cuDNN can be used: no."""
    return False


def version() -> int | None:
    """Its version: None."""
    return None


def is_acceptable(tensor: Any) -> bool:
    """Whether cuDNN could compute with a tensor: no."""
    return False


def set_flags(**flags: Any) -> tuple[Any, ...]:
    """Sets flags by name (those that are None stay) and returns what all were before."""
    own = globals()
    before = tuple(own[name] for name in _FLAGS)
    for name, value in flags.items():
        if name.lstrip("_") in _FLAGS and value is not None:
            own[name.lstrip("_")] = value
    return before


@contextlib.contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> Iterator[None]:
    """Other flags while a block runs."""
    given = (enabled, benchmark, benchmark_limit, deterministic, allow_tf32, fp32_precision)
    before = set_flags(**dict(zip(_FLAGS, given, strict=True)))
    try:
        yield
    finally:
        globals().update(zip(_FLAGS, before, strict=True))
