"""Data types with PyTorch's names, its promotion lattice, and the limits of each type.

>>> promote_types(int64, float16)
torch.float16
>>> finfo(float32).eps
1.1920928955078125e-07
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

_BOOL, _INT, _FLOAT, _COMPLEX = range(4)


class dtype:
    """The type of a tensor's elements.

    Attributes: `name`, `np` (the numpy dtype), `itemsize` in bytes, `category` (0 bool, 1 integer, 2 floating,
    3 complex), `is_floating_point`, `is_complex`, `is_signed`.
    """

    __slots__ = (
        "category",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "legacy",
        "name",
        "np",
        "short",
    )

    name: str
    np: np.dtype
    itemsize: int
    category: int
    is_floating_point: builtins.bool
    is_complex: builtins.bool
    is_signed: builtins.bool
    legacy: str
    short: str

    def __init__(self, name: str, itemsize: int, category: int, legacy: str, short: str) -> None:
        self.name, self.itemsize, self.category, self.legacy, self.short = name, itemsize, category, legacy, short
        self.is_floating_point = category == _FLOAT
        self.is_complex = category == _COMPLEX
        self.is_signed = category != _BOOL and not name.startswith("uint")
        if name != "bfloat16":
            self.np = np.dtype(name)
            _OF_NUMPY[self.np] = self

    def __getattr__(self, key: str) -> Any:
        # Only bfloat16 gets here, once: numpy lacks the type and ml_dtypes is imported when it is first needed.
        if key == "np" and self.name == "bfloat16":
            import ml_dtypes

            self.np = np.dtype(ml_dtypes.bfloat16)
            _OF_NUMPY[self.np] = self
            return self.np
        raise AttributeError(f"'torch.dtype' object has no attribute {key!r}")

    def to_real(self) -> dtype:
        """The floating type of the real part of a complex type; other types stay."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    def to_complex(self) -> dtype:
        """The complex type whose parts have this floating type's precision."""
        if self.is_complex:
            return self
        return complex128 if self is float64 else complex64

    def __repr__(self) -> str:
        return "torch." + self.name

    def __reduce__(self) -> str:
        return self.name


_OF_NUMPY: dict[Any, dtype] = {}

bool_ = dtype("bool", 1, _BOOL, "Bool", "b8")
uint8 = dtype("uint8", 1, _INT, "Byte", "u8")
int8 = dtype("int8", 1, _INT, "Char", "i8")
int16 = dtype("int16", 2, _INT, "Short", "i16")
int32 = dtype("int32", 4, _INT, "Int", "i32")
int64 = dtype("int64", 8, _INT, "Long", "i64")
uint16 = dtype("uint16", 2, _INT, "UInt16", "u16")
uint32 = dtype("uint32", 4, _INT, "UInt32", "u32")
uint64 = dtype("uint64", 8, _INT, "UInt64", "u64")
float16 = dtype("float16", 2, _FLOAT, "Half", "f16")
bfloat16 = dtype("bfloat16", 2, _FLOAT, "BFloat16", "bf16")
float32 = dtype("float32", 4, _FLOAT, "Float", "f32")
float64 = dtype("float64", 8, _FLOAT, "Double", "f64")
complex64 = dtype("complex64", 8, _COMPLEX, "ComplexFloat", "c64")
complex128 = dtype("complex128", 16, _COMPLEX, "ComplexDouble", "c128")

ALL: tuple[dtype, ...] = (bool_, uint8, int8, int16, int32, int64, uint16, uint32, uint64)
ALL += (float16, bfloat16, float32, float64, complex64, complex128)
_BY_NAME = {d.name: d for d in ALL}
_BARE_UNSIGNED = (uint16, uint32, uint64)

# The names that PyTorch offers beside the full ones.
ALIASES = {
    "short": int16,
    "int": int32,
    "long": int64,
    "half": float16,
    "float": float32,
    "double": float64,
    "cfloat": complex64,
    "cdouble": complex128,
}


def by_name(name: str) -> dtype:
    return _BY_NAME[name]


def from_np(np_dtype: np.dtype) -> dtype:
    """The dtype of a numpy dtype; TypeError in PyTorch's words for one that tensors cannot hold."""
    found = _OF_NUMPY.get(np_dtype)
    if found is None:
        np_dtype = np.dtype(np_dtype)
        name = np_dtype.name
        if name == "bfloat16":
            _ = bfloat16.np
            return bfloat16
        native = np_dtype.newbyteorder("=") if np_dtype.kind in "biufc" else None
        if native is not None and native != np_dtype:
            raise ValueError(
                "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
                "currently not supported."
            )
        if native in _OF_NUMPY:  # aliases such as long long, equal to int64 but another type number
            return _OF_NUMPY[native]
        raise TypeError(
            f"can't convert np.ndarray of type {np_dtype.type.__module__}.{np_dtype.type.__name__}. The only supported types "
            "are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, "
            "and bool."
        )
    return found


_default = float32


def get_default_dtype() -> dtype:
    """The dtype of tensors made from Python floats (float32 unless changed).

    >>> torch.get_default_dtype()
    torch.float32
    """
    return _default


def set_default_dtype(d: dtype) -> None:
    """Sets the dtype of tensors made from Python floats; TypeError for one that is not floating.

    >>> torch.set_default_dtype(torch.float64)
    >>> torch.tensor([1.5]).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    global _default
    if not isinstance(d, dtype):
        raise TypeError("invalid dtype object")
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _default = d


def default_complex() -> dtype:
    return _default.to_complex()


def of_scalar(value: object) -> dtype:
    """The dtype that a Python number takes on when it becomes a tensor."""
    t = type(value)
    if t is builtins.bool:
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, complex):
        return default_complex()
    return _default


_WIDTH = {uint8: 1, int8: 1, int16: 2, int32: 4, int64: 8}


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that both can be converted to without changing kind, by PyTorch's table.

    >>> torch.promote_types(torch.int32, torch.float16)
    torch.float16
    """
    if not isinstance(type1, dtype) or not isinstance(type2, dtype):
        bad = type1 if not isinstance(type1, dtype) else type2
        raise TypeError(
            f"promote_types(): argument 'type{1 if bad is type1 else 2}' (position {1 if bad is type1 else 2}) must be torch.dtype, "
            f"not {type(bad).__name__}"
        )
    found = _PROMOTED.get((type1, type2))
    if found is None:
        found = _PROMOTED[type1, type2] = _promote(type1, type2)
    return found


_PROMOTED: dict[tuple[dtype, dtype], dtype] = {}


def _bare_unsigned(a: dtype, b: dtype) -> RuntimeError:
    return RuntimeError(
        f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {a.legacy} and {b.legacy}"
    )


def _promote(a: dtype, b: dtype) -> dtype:
    if a is b:
        return a
    first, second = a, b
    if a.category > b.category:
        a, b = b, a
    if b.category == _INT and a.category == _INT:
        if a in _BARE_UNSIGNED or b in _BARE_UNSIGNED:
            raise _bare_unsigned(first, second)
        if a is uint8 or b is uint8:
            other = b if a is uint8 else a
            return int16 if other is int8 else other
        return a if _WIDTH[a] >= _WIDTH[b] else b
    if b.category == _FLOAT and a.category == _FLOAT:
        if a.itemsize == b.itemsize:
            return float32
        return a if a.itemsize > b.itemsize else b
    if (a in _BARE_UNSIGNED or b in _BARE_UNSIGNED) and b.category != _FLOAT:
        raise _bare_unsigned(first, second)
    if b.category == _COMPLEX:
        wide = complex128 in (a, b) or a is float64
        return complex128 if wide else complex64
    return b


def can_cast(from_: dtype, to: dtype) -> builtins.bool:
    """Whether a result of dtype `from_` may be written into a tensor of dtype `to` (kinds may only go up).

    >>> torch.can_cast(torch.float32, torch.int64), torch.can_cast(torch.int64, torch.float32)
    (False, True)
    """
    if from_.category > to.category:
        return False
    return not (from_.category == _INT and to is bool_)


class finfo:
    """Limits of a floating or complex dtype: `bits`, `eps`, `max`, `min`, `tiny`, `smallest_normal`, `resolution`.

    >>> torch.finfo(torch.float16).max
    65504.0
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtype | None = None) -> None:
        d = _default if type is None else type
        if not isinstance(d, dtype):
            raise TypeError(f"finfo(): argument 'type' (position 1) must be torch.dtype, not {_kind(d)}")
        if d.category < _FLOAT:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        d = d.to_real()
        if d is bfloat16:
            import ml_dtypes

            info: Any = ml_dtypes.finfo(d.np)
        else:
            info = np.finfo(d.np)
        self.bits, self.dtype = d.itemsize * 8, d.name
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = 10.0**-info.precision

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype: `bits`, `max`, `min`.

    >>> torch.iinfo(torch.int8).max
    127
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: dtype) -> None:
        if not isinstance(type, dtype):
            raise TypeError(f"iinfo(): argument 'type' (position 1) must be torch.dtype, not {_kind(type)}")
        if type.category >= _FLOAT:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        if type is bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        info = np.iinfo(type.np)
        self.bits, self.dtype, self.max, self.min = type.itemsize * 8, type.name, int(info.max), int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def _kind(x: object) -> str:
    return type(x).__name__
