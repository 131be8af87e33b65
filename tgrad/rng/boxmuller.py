"""Pairs of uniform numbers into pairs of normal ones: the float32 form of the vector unit, and the float64 form.

Note [Which bits a float32 normal has]
PyTorch's large float32 normals do not come from the C library. Its AVX2 kernel evaluates cephes' single-precision
polynomials, and the compiler contracts each multiply and following add into one fused operation. Both are reproduced
here step by step: the polynomial coefficients are cephes' published ones, and `fma32` stands where a fusion happens.
"""

from __future__ import annotations

import math

import numpy as np

from .exact import fma32, libm, scale_shift


def _float32(*values: float) -> list[float]:
    """Constants of the float32 kernel. As Python floats they take on the dtype of the array that they meet."""
    return [float(np.float32(value)) for value in values]


# fmt: off
_LOG = _float32(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
# fmt: on
_SIN = _float32(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = _float32(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_QUARTER_PI_PARTS = _float32(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
_SQRT_HALF, _LN2_HIGH, _LN2_LOW = _float32(0.707106781186547524, 0.693359375, -2.12194440e-4)
_FOUR_OVER_PI, _TWO_PI = _float32(1.27323954473516, 2 * math.pi)


def _horner(coefficients: list[float], wide: np.ndarray) -> np.ndarray:
    total = fma32(wide, coefficients[0], coefficients[1])
    for coefficient in coefficients[2:]:
        total = fma32(wide, total, coefficient)
    return total


def log32(x: np.ndarray) -> np.ndarray:
    """Natural logarithm of positive normal float32 numbers."""
    bits = x.view(np.int32)
    mantissa = ((bits & 0x007FFFFF) | 0x3F000000).view(np.float32)  # in [0.5, 1)
    small = mantissa < _SQRT_HALF
    exponent = ((bits >> 23) - 126 - small).astype(np.float32)
    # Doubling the small ones is exact, so this is (mantissa - 1) + mantissa there.
    x = mantissa * (small + np.float32(1)) - np.float32(1)
    wide, square = x.astype(np.float64), x * x
    wide_square = square.astype(np.float64)
    y = fma32(wide_square, _horner(_LOG, wide) * x, exponent * _LN2_LOW)
    y = fma32(wide_square, -0.5, y)
    return fma32(exponent.astype(np.float64), _LN2_HIGH, x + y)


def sincos32(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of non-negative float32 angles."""
    octant = ((theta * _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    turns = octant.astype(np.float64)
    x = theta
    for part in _QUARTER_PI_PARTS:
        x = fma32(turns, part, x)
    square = x * x
    wide = square.astype(np.float64)
    cosine = fma32(wide, _horner(_COS, wide) * square, square * -0.5) + np.float32(1)
    sine = fma32((_horner(_SIN, wide) * square).astype(np.float64), x, x)
    straight = (octant & 2) == 0
    sines = np.where(straight, sine, cosine).view(np.int32)
    cosines = np.where(straight, cosine, sine).view(np.int32)
    sines ^= (octant & 4) << 29
    cosines ^= (~(octant - 2) & 4) << 29
    return sines.view(np.float32), cosines.view(np.float32)


def box_muller32(uniform: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Normal float32 numbers from as many uniform ones; each run of 16 pairs its first half with its second."""
    pairs = uniform.reshape(-1, 2, 8)
    radius = np.sqrt(log32((np.float32(1) - pairs[:, 0]).reshape(-1)) * -2.0)
    sines, cosines = sincos32((pairs[:, 1] * _TWO_PI).reshape(-1))
    out = np.empty(pairs.shape, np.float32)
    mean, std = _float32(mean, std)
    for half, values in enumerate((cosines, sines)):
        values *= radius
        if mean == 0.0 and std == 1.0:
            values += 0.0  # keeps the numbers and clears the sign of -0.0, as the fused form does
        else:
            values = fma32(values.astype(np.float64), std, mean)
        out[:, half] = values.reshape(-1, 8)
    return out.reshape(-1)


def box_muller64(uniform: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Normal float64 numbers from as many uniform ones, paired as in `box_muller32`."""
    pairs = uniform.reshape(-1, 2, 8)
    radius = np.sqrt(-2.0 * libm("log")((1.0 - pairs[:, 0]).reshape(-1)))
    theta = (2.0 * math.pi * pairs[:, 1]).reshape(-1)
    out = np.empty(pairs.shape, np.float64)
    for half, name in enumerate(("cos", "sin")):
        out[:, half] = scale_shift(radius * libm(name)(theta), std, mean).reshape(-1, 8)
    return out.reshape(-1)
