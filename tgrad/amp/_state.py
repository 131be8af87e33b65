"""Which devices are autocast in this thread, and to what: the functions behind `torch.is_autocast_enabled` and its kin."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

from ..dtype import bfloat16, float16

# Devices that PyTorch can autocast, with what they begin with.
DTYPES = {
    "cpu": bfloat16, "cuda": float16, "mps": float16, "xpu": float16, "hpu": bfloat16, "mtia": float16, "ipu": float16,
    "privateuseone": float16, "xla": bfloat16, "maia": bfloat16,
}  # fmt: skip
_KNOWN = "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, privateuseone"


class State(threading.local):
    """`now`: what the functions of the CPU are cast to; None while nothing is, and within such a function."""

    now: Any = None
    nesting = 0
    cache_enabled = True

    def __init__(self) -> None:
        self.enabled = dict.fromkeys(DTYPES, False)
        self.dtypes = dict(DTYPES)
        self.cache: dict[Any, tuple[Any, Any]] = {}


state = State()
# Called when the CPU begins or ceases to be autocast in a thread: see _casts.py, which sets it.
switched: list[Callable[[bool], None]] = []


def available(device_type: str) -> bool:
    """Whether a device can be autocast; RuntimeError for a word that names none."""
    if device_type not in _KNOWN.split(", "):
        raise RuntimeError(f"Expected one of {_KNOWN} device type at start of device string: {device_type}")
    return device_type in DTYPES


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether a device is autocast here.

    >>> torch.is_autocast_enabled("cpu")
    False
    """
    if not available(device_type):
        raise RuntimeError("unknown device type for autocast in get_autocast_dispatch_key_from_device_type")
    return state.enabled[device_type]


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Says whether a device is autocast: `set_autocast_enabled("cpu", True)`; with one argument, for CUDA."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    if not available(device_type):
        raise RuntimeError("unknown device type for autocast in get_autocast_dispatch_key_from_device_type")
    before = state.enabled[device_type]
    state.enabled[device_type] = bool(enabled)
    if device_type == "cpu":
        if before != bool(enabled):
            for notice in switched:
                notice(bool(enabled))
        _refresh()


def _refresh() -> None:
    state.now = state.dtypes["cpu"] if state.enabled["cpu"] else None


def get_autocast_dtype(device_type: str) -> Any:
    """What a device is autocast to.

    >>> torch.get_autocast_dtype("cpu")
    torch.bfloat16
    """
    if not available(device_type):
        raise RuntimeError("unsupported scalarType")
    return state.dtypes[device_type]


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Says what a device is autocast to."""
    if not available(device_type):
        raise RuntimeError("unknown device type for autocast in get_autocast_dispatch_key_from_device_type")
    state.dtypes[device_type] = dtype
    if device_type == "cpu":
        _refresh()


def is_autocast_cache_enabled() -> bool:
    """Whether the casts of parameters are kept until the outermost autocast ends."""
    return state.cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Says whether the casts of parameters are kept."""
    state.cache_enabled = enabled


def clear_autocast_cache() -> None:
    """Forgets the casts of parameters."""
    state.cache.clear()


def autocast_increment_nesting() -> int:
    """Enters one more autocast; gives how many there are."""
    state.nesting += 1
    return state.nesting


def autocast_decrement_nesting() -> int:
    """Leaves an autocast; gives how many there are still."""
    state.nesting -= 1
    return state.nesting


def _old(name: str, arguments: str, new: str, fn: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        warnings.warn(
            f"torch.{name}({arguments}) is deprecated. Please use torch.{new} instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return fn(*args)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Deprecated: `torch.{new}`."
    return call


def _olds() -> dict[str, Callable[..., Any]]:
    out: dict[str, Callable[..., Any]] = {}

    def add(name: str, arguments: str, new: str, fn: Callable[..., Any]) -> None:
        out[name] = _old(name, arguments, new, fn)

    for device in ("cpu", "ipu", "xla"):
        enabled, dtype = f"is_autocast_{device}_enabled", f"get_autocast_{device}_dtype"
        add(enabled, "", f"is_autocast_enabled('{device}')", lambda d=device: is_autocast_enabled(d))
        add(
            f"set_autocast_{device}_enabled", "enabled", f"set_autocast_enabled('{device}', enabled)",
            lambda x, d=device: set_autocast_enabled(d, x),
        )  # fmt: skip
        add(dtype, "", f"get_autocast_dtype('{device}')", lambda d=device: get_autocast_dtype(d))
        add(
            f"set_autocast_{device}_dtype", "dtype", f"set_autocast_dtype('{device}', dtype)",
            lambda x, d=device: set_autocast_dtype(d, x),
        )  # fmt: skip
    add("get_autocast_gpu_dtype", "", "get_autocast_dtype('cuda')", lambda: get_autocast_dtype("cuda"))
    add("set_autocast_gpu_dtype", "dtype", "set_autocast_dtype('cuda', dtype)", lambda x: set_autocast_dtype("cuda", x))
    return out


OLD = _olds()
globals().update(OLD)
