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

_F = np.float32
_LOG = [_F(c) for c in (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)]  # fmt: skip
_SIN = [_F(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)]
_COS = [_F(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)]
_SQRT_HALF = _F(0.707106781186547524)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_QUARTER_PI_PARTS = [_F(c) for c in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)]
_FOUR_OVER_PI = _F(1.27323954473516)
_TWO_PI = _F(2 * math.pi)


def _horner(coefficients: list[np.float32], x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64)
    total: np.ndarray = fma32(wide, coefficients[0], coefficients[1])
    for coefficient in coefficients[2:]:
        total = fma32(wide, total, coefficient)
    return total


def log32(x: np.ndarray) -> np.ndarray:
    """Natural logarithm of positive normal float32 numbers."""
    bits = x.view(np.int32)
    mantissa = ((bits & 0x007FFFFF) | 0x3F000000).view(_F)  # in [0.5, 1)
    small = mantissa < _SQRT_HALF
    exponent = ((bits >> 23) - 126 - small).astype(_F)
    x = np.where(small, mantissa, _F(0)) + (mantissa - _F(1))
    square = x * x
    y = _horner(_LOG, x) * x
    y = fma32(y, square, exponent * _LN2_LOW)
    y = fma32(square, _F(-0.5), y)
    return fma32(exponent, _LN2_HIGH, x + y)


def sincos32(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of non-negative float32 angles."""
    octant = ((theta * _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    turns = octant.astype(_F)
    x = theta
    for part in _QUARTER_PI_PARTS:
        x = fma32(turns, part, x)
    square = x * x
    cosine = _horner(_COS, square) * square
    cosine = fma32(cosine, square, square * _F(-0.5)) + _F(1)
    sine = fma32(_horner(_SIN, square) * square, x, x)
    straight = (octant & 2) == 0
    sine_sign = (octant & 4) << 29
    cosine_sign = (~(octant - 2) & 4) << 29
    sines = np.where(straight, sine, cosine).view(np.int32) ^ sine_sign
    cosines = np.where(straight, cosine, sine).view(np.int32) ^ cosine_sign
    return sines.view(_F), cosines.view(_F)


def box_muller32(uniform: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Normal float32 numbers from as many uniform ones; each run of 16 pairs its first half with its second."""
    pairs = uniform.reshape(-1, 2, 8)
    radius = np.sqrt(_F(-2) * log32(np.subtract(_F(1), pairs[:, 0]).reshape(-1)))
    sines, cosines = sincos32((_TWO_PI * pairs[:, 1]).reshape(-1))
    out = np.empty(pairs.shape, _F)
    mean, std = float(_F(mean)), float(_F(std))
    for half, values in enumerate((cosines, sines)):
        scaled = radius * values
        # Adding zero keeps the numbers and clears the sign of -0.0, as the fused form does.
        out[:, half] = (scaled + _F(0) if (mean, std) == (0.0, 1.0) else fma32(scaled, std, mean)).reshape(-1, 8)
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
