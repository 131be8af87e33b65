"""Devices and what is available of them. The engine's memory lives on a `device`; here is where a new kind is added."""

from __future__ import annotations

import threading

KINDS = ("cpu", "cuda", "meta", "mps", "xpu")
_TEXT_KINDS = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, "
    "privateuseone"
)


class device:
    """Where a tensor's memory lies: `device('cpu')`, `device('cuda:0')`, `device('cuda', 1)`.

    RuntimeError for a string that names no device.

    >>> torch.device("cpu")
    device(type='cpu')
    >>> torch.device("cuda", 1).index
    1
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: object = None, index: int | None = None) -> None:
        if isinstance(type, device):
            self.type, self.index = type.type, type.index if index is None else index
            return
        if isinstance(type, int) and not isinstance(type, bool):
            self.type, self.index = "cuda", type
            return
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        kind, colon, number = type.partition(":")
        if colon:
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}'")
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {type}"
                )
            index = int(number)
        if not kind:
            raise RuntimeError("Device string must not be empty" if not type else f"Invalid device string: '{type}'")
        if kind not in KINDS:
            raise RuntimeError(f"Expected one of {_TEXT_KINDS} device type at start of device string: {kind}")
        if index is not None and index < 0:
            raise RuntimeError("Device index must not be negative")
        self.type, self.index = kind, index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __repr__(self) -> str:
        at = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{at})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self):
        return device, (self.type,) if self.index is None else (self.type, self.index)

    def __enter__(self) -> device:
        _stack().append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        _stack().pop()


CPU = device("cpu")
_local = threading.local()


def _stack() -> list[device]:
    try:
        return _local.stack
    except AttributeError:
        _local.stack = []
        return _local.stack


_default = CPU


def get_default_device() -> device:
    """The device on which factory functions make tensors when none is given."""
    stack = getattr(_local, "stack", None)
    return stack[-1] if stack else _default


def set_default_device(device_: object) -> None:
    """Sets the device for factory functions; None means the CPU."""
    global _default
    _default = CPU if device_ is None else check(device_)


def cuda_available() -> bool:
    """Whether tensors can live on a CUDA device here; False until kernels for CUDA are part of this build."""
    return False


def check(given: object) -> device:
    """`given` (device, string or index) as a device that can hold tensors; PyTorch's error when it cannot."""
    d = given if isinstance(given, device) else device(given)
    if d.type == "cpu":
        return CPU
    if d.type == "cuda":
        raise AssertionError("Torch not compiled with CUDA enabled")
    if d.type == "meta":
        raise RuntimeError("tgrad holds no 'meta' tensors: use device='cpu'")
    raise RuntimeError(f"PyTorch is not linked with support for {d.type} devices")
