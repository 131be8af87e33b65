"""torch.accelerator: the one device beside the CPU, whatever its kind. There is none here."""

from __future__ import annotations

from typing import Any

from ..device import cuda_available, device

NONE = "Cannot access accelerator device when none is available."


def is_available() -> bool:
    """Whether there is an accelerator.

    >>> torch.accelerator.is_available(), torch.accelerator.current_accelerator()
    (False, None)
    """
    return cuda_available()


def current_accelerator(check_available: bool = False) -> device | None:
    """The accelerator's device without a number; None without one."""
    return device("cuda") if cuda_available() else None


def device_count() -> int:
    """How many accelerators there are."""
    return 0


def _refused(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError(NONE)


def current_device_index() -> int:
    """The number of the device in use. RuntimeError without one."""
    return _refused()


def set_device_index(device: Any, /) -> None:
    """Chooses a device. RuntimeError without one."""
    _refused()


def current_stream(device: Any = None, /) -> Any:
    """The stream in use. RuntimeError without a device."""
    return _refused()


def set_stream(stream: Any) -> None:
    """Chooses a stream. RuntimeError without a device."""
    _refused()


def synchronize(device: Any = None, /) -> None:
    """Waits for a device. RuntimeError without one."""
    _refused()


def get_device_capability(device: Any = None, /) -> Any:
    """What a device can do. RuntimeError without one."""
    return _refused()


def empty_cache() -> None:
    """Gives memory back that lies idle. RuntimeError without a device; the CPU's is `torch.cpu.empty_cache`."""
    _refused()


def empty_host_cache() -> None:
    """Gives pinned memory back that lies idle. RuntimeError without a device."""
    _refused()


def memory_stats(device_index: Any = None, /) -> Any:
    """Figures of a device's memory. RuntimeError without one; the CPU's are `torch.cpu.memory_stats`."""
    return _refused()


def memory_allocated(device_index: Any = None, /) -> int:
    """Bytes in use on a device. RuntimeError without one."""
    return _refused()


def max_memory_allocated(device_index: Any = None, /) -> int:
    """The most bytes in use so far. RuntimeError without a device."""
    return _refused()


def memory_reserved(device_index: Any = None, /) -> int:
    """Bytes held on a device. RuntimeError without one."""
    return _refused()


def max_memory_reserved(device_index: Any = None, /) -> int:
    """The most bytes held so far. RuntimeError without a device."""
    return _refused()


def reset_accumulated_memory_stats(device_index: Any = None, /) -> None:
    """Sets sums of figures to zero. RuntimeError without a device."""
    _refused()


def reset_peak_memory_stats(device_index: Any = None, /) -> None:
    """Sets the most so far to what is now. RuntimeError without a device."""
    _refused()


def get_memory_info(device_index: Any = None, /) -> tuple[int, int]:
    """(free, all) bytes of a device. RuntimeError without one."""
    return _refused()


class device_index:
    """Another device while a block runs. RuntimeError on entering, without one; None changes nothing."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            _refused()

    def __exit__(self, *exc: object) -> None:
        pass


current_device_idx, set_device_idx = current_device_index, set_device_index

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream", "device_count", "device_index", "empty_cache",
    "empty_host_cache", "get_device_capability", "get_memory_info", "is_available", "max_memory_allocated", "max_memory_reserved",
    "memory_allocated", "memory_reserved", "memory_stats", "reset_accumulated_memory_stats", "reset_peak_memory_stats", "set_device_idx",
    "set_device_index", "set_stream", "synchronize",
]  # fmt: skip
