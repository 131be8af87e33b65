"""The old constructors: `torch.FloatTensor(2, 3)`, `torch.Tensor([1, 2])`, `x.new(...)`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import dtype as dtypes
from .. import functions
from ..dtype import dtype
from ..methods import attach, publish
from ..shape import Size
from ..tensor import Tensor, make, wrap
from .creation import at, sizes_of
from .data import from_data


class _Legacy(type):
    """The metaclass of `torch.FloatTensor` and its siblings: calls make tensors, isinstance looks at the dtype."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
        return legacy(cls._dtype, args, kwargs, cls.__name__)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls._dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"

    @property
    def dtype(cls) -> dtypes.dtype:
        return cls._dtype

    _dtype: dtypes.dtype


def legacy(d: dtype, args: tuple[Any, ...], kwargs: dict[str, Any], name: str = "Tensor", typed: bool = True) -> Tensor:
    """The old constructors: sizes make an uninitialised tensor, data is copied (and converted)."""
    if "size" in kwargs and not args:
        args = (tuple(kwargs.pop("size")),)
        return wrap(np.empty(args[0], d.np))
    at(kwargs.pop("device", None))
    if not args:
        return wrap(np.empty(0, d.np))
    first = args[0]
    if all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in args):
        return wrap(np.zeros(sizes_of(args, name), d.np))
    if len(args) > 1:
        bad = next((i for i, a in enumerate(args) if not hasattr(a, "__index__")), None)
        if bad:
            raise TypeError(f"new(): argument 'size' failed to unpack the object at pos {bad + 1} with error \"type must be tuple of ints,"
                            f"but got {type(args[bad]).__name__}\"")  # fmt: skip
        shown = ", ".join(type(a).__name__ for a in args)
        raise TypeError(f"new() received an invalid combination of arguments - got ({shown}), but expected one of:")
    if isinstance(first, Size):
        return wrap(np.zeros(tuple(first), d.np))
    if isinstance(first, Tensor):
        if first.dtype is not d and typed:
            raise _mismatch(d, first)
        return first.detach()  # type: ignore[attr-defined]
    if isinstance(first, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(first, (float, bool)) or first is None:
        raise TypeError(f"new(): data must be a sequence (got {type(first).__name__})")
    return wrap(from_data(first, d))


def _mismatch(d: dtype, t: Tensor) -> TypeError:
    from ..tensor import _cpp

    def options(d: dtype) -> str:
        return (
            f"TensorOptions(dtype={_cpp(d)}, device=cpu, layout=Strided, requires_grad=false (default), pinned_memory=false "
            "(default), memory_format=(nullopt))"
        )

    return TypeError(f"expected {options(d)} (got {options(t.dtype)})")


LEGACY = {
    "FloatTensor": dtypes.float32, "DoubleTensor": dtypes.float64, "HalfTensor": dtypes.float16, "ByteTensor": dtypes.uint8,
    "BFloat16Tensor": dtypes.bfloat16, "CharTensor": dtypes.int8, "ShortTensor": dtypes.int16, "IntTensor": dtypes.int32,
    "LongTensor": dtypes.int64, "BoolTensor": dtypes.bool_,
}  # fmt: skip

for _name, _d in LEGACY.items():
    publish(
        _name, _Legacy(_name, (), {"_dtype": _d, "__module__": "torch", "__doc__": f"Makes {_d} tensors the old way."})
    )


def set_default_tensor_type(t: Any, /) -> None:
    """Sets the dtype of tensors made from Python floats by an old tensor type or its name. Deprecated: `set_default_dtype`.

    TypeError for a type that is not floating or no type at all.
    """
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )
    kind = t
    if isinstance(t, str):
        package, _, name = t.rpartition(".")
        if package == "torch.cuda" and name in LEGACY:
            raise TypeError(f"type {t} not available. Torch not compiled with CUDA enabled.")
        if package != "torch":
            raise ModuleNotFoundError(f"No module named {(package or t).split('.')[0]!r}")
        if name not in LEGACY:
            raise AttributeError(f"module 'torch' has no attribute {name!r}")
        kind = getattr(functions, name)
    if not isinstance(kind, _Legacy):
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    dtypes.set_default_dtype(kind._dtype)


publish("set_default_tensor_type", set_default_tensor_type)


def _new_tensor(cls: type, *args: Any, **kwargs: Any) -> Tensor:
    """`Tensor(2, 3)`, `Tensor([1, 2])`, `Tensor(other)`: the default dtype, whatever the data."""
    out = legacy(dtypes.get_default_dtype(), args, kwargs, typed=False)
    return out if cls is Tensor else make(cls, out._a)


Tensor.__new__ = staticmethod(_new_tensor)  # type: ignore[method-assign,assignment]
Tensor.__init__ = lambda self, *args, **kwargs: None  # type: ignore[method-assign,assignment,misc]


def _new(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The old `x.new(...)`: as the legacy constructors, with this tensor's dtype."""
    return legacy(self.dtype, args, kwargs)


attach("new", _new)
