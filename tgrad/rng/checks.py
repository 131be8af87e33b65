"""What the samplers need to know of a dtype, and the argument checks with PyTorch's texts."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np


class Kind(NamedTuple):
    """One dtype: PyTorch's enum name and C++ name, mantissa bits (0 for integers), and whether unsigned and wide."""

    enum: str
    cpp: str
    digits: int = 0
    barebones: bool = False


_KINDS = {
    "bool": Kind("Bool", "bool"),
    "uint8": Kind("Byte", "unsigned char"),
    "int8": Kind("Char", "signed char"),
    "int16": Kind("Short", "short int"),
    "int32": Kind("Int", "int"),
    "int64": Kind("Long", "long int"),
    "uint16": Kind("UInt16", "short unsigned int", barebones=True),
    "uint32": Kind("UInt32", "unsigned int", barebones=True),
    "uint64": Kind("UInt64", "long unsigned int", barebones=True),
    "float16": Kind("Half", "c10::Half", 11),
    "bfloat16": Kind("BFloat16", "c10::BFloat16", 8),
    "float32": Kind("Float", "float", 24),
    "float64": Kind("Double", "double", 53),
    "complex64": Kind("ComplexFloat", "c10::complex<float>"),
    "complex128": Kind("ComplexDouble", "c10::complex<double>"),
}
_LARGEST = {"Half": 65504.0, "BFloat16": 3.3895313892515355e38, "Float": float(np.finfo(np.float32).max)}
_LARGEST["Double"] = float(np.finfo(np.float64).max)


@functools.cache
def kind_of(dtype: np.dtype) -> Kind:
    """The `Kind` of a numpy dtype (ml_dtypes' bfloat16 included); TypeError for one that has no PyTorch name."""
    # The cache matters: numpy computes the name anew each time, which takes longer than drawing a few numbers.
    try:
        return _KINDS[dtype.name]
    except KeyError:
        raise TypeError(f"no random numbers of dtype {dtype}") from None


def is_floating(dtype: np.dtype) -> bool:
    return kind_of(dtype).digits > 0


def largest(dtype: np.dtype) -> float:
    """The largest finite number of a floating dtype."""
    return _LARGEST[kind_of(dtype).enum]


def number(value: float) -> str:
    """A number as a C++ stream prints it: six digits, no trailing zeros."""
    return f"{value:g}"


def require(condition: bool, message: str) -> None:
    if not condition:
        raise RuntimeError(message)


def not_implemented(kernel: str, dtype: np.dtype) -> NotImplementedError:
    return NotImplementedError(f"\"{kernel}\" not implemented for '{kind_of(dtype).enum}'")


def require_floating(kernel: str, dtype: np.dtype) -> None:
    if not is_floating(dtype):
        raise not_implemented(kernel, dtype)


def count(shape: tuple[int, ...]) -> int:
    """How many elements a shape has; RuntimeError for a negative size."""
    total = math.prod(shape)
    if total < 0 or any(size < 0 for size in shape):
        negative = next(size for size in shape if size < 0)
        raise RuntimeError(f"Trying to create tensor with negative dimension {negative}: {list(shape)}")
    return total


def from_float32(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """float32 numbers in a floating dtype."""
    return values if dtype == np.float32 else values.astype(dtype)


def from_float64(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """float64 numbers in a dtype; the two half types are reached through float32, so they are rounded twice."""
    if dtype == np.float64:
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        return (
            values.astype(np.float32).astype(dtype)
            if dtype.itemsize == 2 and is_floating(dtype)
            else values.astype(dtype)
        )
