"""CUDA devices: how many there are, and clear errors where there are none.

This build has no kernels for CUDA yet, so `is_available()` is False and scripts with the usual
`device = 'cuda' if torch.cuda.is_available() else 'cpu'` run on the CPU.
"""

from __future__ import annotations

from typing import Any

from ..device import cuda_available
from ..device import device as _device


def is_available() -> bool:
    """Whether tensors can live on a CUDA device.

    >>> torch.cuda.is_available()
    False
    """
    return cuda_available()


def device_count() -> int:
    """The number of CUDA devices that can be used: 0."""
    return 0


def is_initialized() -> bool:
    """Whether a CUDA device has been used in this process; never yet."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the current device computes in bfloat16; False without one."""
    return False


def _refuse() -> AssertionError:
    return AssertionError("Torch not compiled with CUDA enabled")


def current_device() -> int:
    """The index of the current device; AssertionError without one."""
    raise _refuse()


def set_device(device: Any) -> None:
    """Chooses the current device; AssertionError without one, unless the index is negative."""
    index = device if isinstance(device, int) else _device(device).index
    if index is None or index >= 0:
        raise _refuse()


def get_device_name(device: Any = None) -> str:
    """The device's name; AssertionError without one."""
    raise _refuse()


def get_device_properties(device: Any = None) -> Any:
    """Memory, processors and compute capability of a device; AssertionError without one."""
    raise _refuse()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Compute capability of a device; AssertionError without one."""
    raise _refuse()


def synchronize(device: Any = None) -> None:
    """Waits for a device's work to finish; AssertionError without one."""
    raise _refuse()


def empty_cache() -> None:
    """Gives back cached device memory: there is none."""


def manual_seed(seed: int) -> None:
    """Seeds the current device's generator. Without a device there is nothing to seed, as in PyTorch's CPU build."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seeds the generators of all devices; there are none."""
    int(seed)


def memory_allocated(device: Any = None) -> int:
    """Bytes of device memory held by tensors: 0 without a device."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes ever held: 0 without a device."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes of device memory held by the allocator: 0 without a device."""
    return 0


class OutOfMemoryError(RuntimeError):
    """Raised when a device has no memory left."""


def __getattr__(name: str) -> Any:
    """`amp` is imported when first looked at."""
    if name == "amp":
        import importlib

        return importlib.import_module(f"{__name__}.amp")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
