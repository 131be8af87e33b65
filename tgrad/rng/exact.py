"""Arithmetic that lands on the same last bit as PyTorch's compiled kernels: fused multiply-add and libm's functions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

T = TypeVar("T", np.ndarray, np.float64)
_SPLITTER = 134217729.0  # 2**27 + 1 cuts a float64 into two halves whose products are exact


def fma32(wide: np.ndarray, b: float | np.ndarray, c: float | np.ndarray) -> np.ndarray:
    """`wide * b + c` on float32 numbers with one rounding, as the CPU's instruction does it.

    `wide` holds float32 numbers in a float64 array, `b` and `c` are float32 arrays or Python floats. The product of two
    24-bit numbers is exact in float64. The sum is rounded twice, which changes the result only when the first rounding
    hits a tie of the second: about one chance in 2**29 for a sum that needs more than 53 bits.
    """
    total = wide * b
    total += c
    return total.astype(np.float32)


def _two_sum(a: np.ndarray | np.float64, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = a + b
    other = total - a
    return total, (a - (total - other)) + (b - other)


def _split(a: T) -> tuple[T, T]:
    scaled = _SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def fma64(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """`a * b + c` on float64 numbers with one rounding.

    The product and the sum are carried as two float64 numbers each; the low parts are added with rounding to odd, so
    that the last addition rounds as if it saw every bit (Boldo and Melquiond, "Emulation of a FMA and correctly rounded
    sums"). Numbers near the ends of float64's range, where the halves overflow, take the plain formula.
    """
    plain = a * b + c
    if a.size == 0 or not (math.isfinite(b) and math.isfinite(c) and max(abs(b), abs(c)) < 2.0**900):
        return plain
    with np.errstate(all="ignore"):
        product = a * b
        a_high, a_low = _split(a)
        b_high, b_low = _split(np.float64(b))
        error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
        low_high, low_low = _two_sum(np.float64(c), error)
        high, middle = _two_sum(product, low_high)
        rest, lost = _two_sum(middle, low_low)
        bits = rest.view(np.int64)
        # Round to odd: when something was lost and the last bit is even, step to the neighbour on the lost side.
        step = np.where((rest > 0) == (lost > 0), 1, -1)
        odd = np.where((lost != 0) & ((bits & 1) == 0), bits + step, bits).view(np.float64)
        fused = high + odd
    return np.where(np.isfinite(fused), fused, plain)


def scale_shift(values: np.ndarray, scale: float, shift: float) -> np.ndarray:
    """`values * scale + shift` on float64 with one rounding, cheap where nothing needs emulating."""
    if shift == 0.0:
        return values * scale + 0.0  # the addition turns -0.0 into 0.0, as the fused form does
    return fma64(values, scale, shift)


_SAMPLES: dict[str, tuple[float, float]] = {
    "log": (0.0, 1.0),
    "log1p": (-1.0, 0.0),
    "sin": (0.0, 6.2831853),
    "cos": (0.0, 6.2831853),
    "tan": (-1.5707963, 1.5707963),
    "exp": (-8.0, 8.0),
}


@functools.cache
def libm(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """The float64 function `name` with the C library's rounding, over arrays.

    numpy has its own vector versions of some of these, an ulp away at times, and which ones depends on the build and on
    the processor. So numpy's function is tried once against the C library's on a sample of the range that the samplers
    use, and is taken only if they agree; otherwise the C library is called number by number.
    """
    scalar, vector = getattr(math, name), getattr(np, name)

    def one_by_one(values: np.ndarray) -> np.ndarray:
        return np.fromiter(map(scalar, values.tolist()), np.float64, values.size)

    low, high = _SAMPLES[name]
    # Past the strides of the SIMD loops and with all 53 bits in play; 0 < fraction < 1 keeps every function finite.
    fractions = (np.arange(1, 20000) * 0.6180339887498949) % 1.0
    sample = low + (high - low) * fractions
    return vector if np.array_equal(vector(sample), one_by_one(sample)) else _guarded(name, one_by_one)


def _guarded(name: str, function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """`math.log(0)` and `math.exp(1000)` raise where the C functions return an infinity."""
    vector = getattr(np, name)

    def call(values: np.ndarray) -> np.ndarray:
        try:
            return function(values)
        except (ValueError, OverflowError):
            with np.errstate(all="ignore"):
                return vector(values)

    return call
