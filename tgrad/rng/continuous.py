"""Uniform, normal and the distributions computed from them. Flat arrays; the caller holds the engine's lock."""

from __future__ import annotations

import math

import numpy as np

from .boxmuller import box_muller32, box_muller64
from .checks import from_float32, from_float64
from .engine import Engine
from .exact import libm, scale_shift

BLOCK = 1 << 14  # numbers handled at once: the temporaries of a block stay in the second-level cache
_INTO_UNIT32 = np.float32(2.0**-24)
_TWO_PI = 2.0 * math.pi
_FEW = 24


def unit32(engine: Engine, count: int) -> np.ndarray:
    """float32 numbers in [0, 1), 24 bits each."""
    out = np.empty(count, np.float32)
    for start in range(0, count, 4 * BLOCK):
        part = out[start : start + 4 * BLOCK]
        np.multiply(engine.bits24(part.size), _INTO_UNIT32, out=part, dtype=np.float32, casting="unsafe")
    return out


def uniform(engine: Engine, count: int, dtype: np.dtype, low: float, high: float) -> np.ndarray:
    """Numbers in [low, high); a number that rounding carried up to `high` becomes `low`."""
    plain = low == 0.0 and high == 1.0
    if dtype == np.float64:
        out = engine.unit64(count)
        if plain:
            return out
        for first in range(0, count, BLOCK):
            part = out[first : first + BLOCK]
            part[...] = scale_shift(part, high - low, low)
    else:
        out = unit32(engine, count)
        if not plain:
            start = np.float32(low)
            width = np.float32(high) - start
            for first in range(0, count, BLOCK):
                part = out[first : first + BLOCK]
                part[...] = np.multiply(part, float(width), dtype=np.float64) + float(start)
        elif dtype == np.float32:
            return out
        out = from_float32(out, dtype)
    bottom, top = (
        np.asarray(edge, np.float32 if dtype.itemsize < 8 else np.float64).astype(dtype) for edge in (low, high)
    )
    out[out == top] = bottom
    return out


def normal_serial(engine: Engine, count: int) -> np.ndarray:
    """Standard normal float64 numbers in pairs; a second one that is not used waits in the engine for the next call."""
    if count < _FEW:
        return np.array(_normal_few(engine, count), np.float64)
    out = np.empty(count, np.float64)
    rest = out
    if engine.next_double is not None:
        out[0], engine.next_double = engine.next_double, None
        rest = out[1:]
    for start in range(0, rest.size, BLOCK):
        part = rest[start : start + BLOCK]
        units = engine.unit64(part.size + part.size % 2)
        radius = np.sqrt(-2.0 * libm("log1p")(-units[1::2]))
        theta = _TWO_PI * units[0::2]
        sines = radius * libm("sin")(theta)
        part[0::2] = radius * libm("cos")(theta)
        part[1::2] = sines[: part.size // 2]
        if part.size % 2:
            engine.next_double = float(sines[-1])
    return out


def _normal_few(engine: Engine, count: int) -> list[float]:
    """The same for a handful, where one number at a time is faster than numpy."""
    out: list[float] = []
    if count and engine.next_double is not None:
        out.append(engine.next_double)
        engine.next_double = None
    units = iter(engine.unit64((count - len(out) + 1) // 2 * 2).tolist())
    for turn, length in zip(units, units, strict=True):
        radius, theta = math.sqrt(-2.0 * math.log1p(-length)), _TWO_PI * turn
        out += (radius * math.cos(theta), radius * math.sin(theta))
    if len(out) > count:
        engine.next_double = out.pop()
    return out


def _normal_blocks(engine: Engine, count: int, dtype: np.dtype, mean: float, std: float) -> np.ndarray:
    """Sixteen at a time. A last incomplete sixteen is drawn anew over the last 16 places.

    For the half types the incomplete sixteen is never drawn a first time, so they use up fewer words.
    """
    wide = dtype == np.float64
    draw, transform = (Engine.unit64, box_muller64) if wide else (unit32, box_muller32)
    out = np.empty(count, dtype)
    ragged = count % 16
    whole = count - ragged
    for start in range(0, whole, BLOCK):
        part = out[start : min(start + BLOCK, whole)]
        units = draw(engine, part.size)
        if ragged and start + part.size == whole:
            if wide:
                engine.bits53(ragged)
            elif dtype == np.float32:
                engine.bits24(ragged)
            values = transform(np.concatenate((units, draw(engine, 16))), mean, std)
            part[...] = values[:-16]
            out[-16:] = values[-16:]
        else:
            part[...] = transform(units, mean, std)
    return out


def normal(engine: Engine, count: int, dtype: np.dtype, mean: float, std: float, contiguous: bool) -> np.ndarray:
    """Normal numbers. Contiguous outputs from 16 elements up take the block form, the others the serial one."""
    if count >= 16 and contiguous:
        return _normal_blocks(engine, count, dtype, mean, std)
    return from_float64(scale_shift(normal_serial(engine, count), std, mean), dtype)


def log_normal(engine: Engine, count: int, dtype: np.dtype, mean: float, std: float) -> np.ndarray:
    return from_float64(libm("exp")(scale_shift(normal_serial(engine, count), std, mean)), dtype)


def cauchy(engine: Engine, count: int, dtype: np.dtype, median: float, sigma: float) -> np.ndarray:
    tangents = libm("tan")(math.pi * (engine.unit64(count) - 0.5))
    return from_float64(scale_shift(tangents, sigma, median), dtype)


def exponential(engine: Engine, count: int, dtype: np.dtype, rate: float) -> np.ndarray:
    out = np.empty(count, dtype)
    # Rounded to a narrower type, the last bit of a float64 logarithm does not show, so numpy's fast one will do.
    log1p = libm("log1p") if dtype == np.float64 else np.log1p
    for start in range(0, count, BLOCK):
        part = out[start : start + BLOCK]
        part[...] = from_float64((-1.0 / rate) * log1p(-engine.unit64(part.size)), dtype)
    return out
