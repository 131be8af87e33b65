"""Integers and coins. Flat arrays; the caller holds the engine's lock."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .checks import Kind, from_float64, is_floating, kind_of, largest, not_implemented, require
from .engine import Engine

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def cast_integers(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """int64 numbers in a dtype; the two half types are reached through float32."""
    return (
        values.astype(np.float32).astype(dtype) if dtype.itemsize == 2 and is_floating(dtype) else values.astype(dtype)
    )


def _remainder32(words: np.ndarray, divisor: int) -> np.ndarray:
    if divisor & (divisor - 1) == 0:
        return words & np.uint32(divisor - 1)
    # numpy divides by a constant with SIMD but takes remainders one by one.
    return words - words // np.uint32(divisor) * np.uint32(divisor)


def from_to(engine: Engine, count: int, dtype: np.dtype, base: int, span: int) -> np.ndarray:
    """Integers in [base, base + span). From a span of 2**28 on each takes two words, which keeps the skew small."""
    if span >= 1 << 28:
        drawn = (engine.bits64(count) % np.uint64(span)).view(np.int64)
    else:
        drawn = _remainder32(engine.bits32(count), span).astype(np.int64)
    if base:
        drawn += np.int64(base)  # wraps around where the span does not fit into an int64
    return cast_integers(drawn, dtype)


def full_range(engine: Engine, count: int, dtype: np.dtype) -> np.ndarray:
    """Integers over all of int64."""
    kind = kind_of(dtype)
    if kind.enum not in ("Long", "Double", "Float", "BFloat16"):
        kernel = "random_full_64_bits_range_kernel_cpu"
        if kind.digits or kind.barebones or dtype.kind in "bc":
            raise not_implemented(kernel, dtype)
        raise RuntimeError(f"{kernel} handles only int64, double, float and bfloat16")
    return cast_integers(engine.bits64(count).view(np.int64), dtype)


def natural(engine: Engine, count: int, dtype: np.dtype) -> np.ndarray:
    """Integers from 0 to the largest of the dtype, or to 2**digits for floats, where every integer is still exact."""
    kind = kind_of(dtype)
    if kind.barebones or dtype.kind == "c":
        raise not_implemented("random_kernel_cpu", dtype)
    if dtype == np.int64:
        return (engine.bits64(count) & np.uint64(_HIGHEST)).view(np.int64)
    if dtype == np.float64:
        return (engine.bits64(count) % np.uint64(2**53 + 1)).astype(np.float64)
    words = engine.bits32(count)
    if dtype == np.bool_:
        return (words & np.uint32(1)).astype(np.bool_)
    if kind.digits:
        return cast_integers(_remainder32(words, (1 << kind.digits) + 1), dtype)
    return (words & np.uint32(np.iinfo(dtype).max)).astype(dtype)


def _through(value: int, dtype: np.dtype) -> int:
    """An integer after a trip through a floating dtype; what overflows comes back as the lowest int64."""
    with np.errstate(over="ignore"):
        there = np.array([value], np.int64).astype(np.float64 if dtype == np.float64 else np.float32).astype(dtype)
    back = float(there[0])
    return int(back) if math.isfinite(back) and -(2.0**63) <= back < 2.0**63 else _LOWEST


def _inner_from(low: int, dtype: np.dtype, digits: int) -> int:
    """`low` moved up to a number that the dtype holds, if casting would carry it below `low`."""
    after = _through(low + 1, dtype)
    return after + (1 << max(abs(low + 1).bit_length() - digits, 0)) if after < low else low


def _inner_to(high: int, dtype: np.dtype, digits: int) -> int:
    """`high` moved down to a number that the dtype holds, if casting would carry `high - 1` up to it."""
    before = _through(high - 1, dtype)
    return before - (1 << max(abs(high - 1).bit_length() - digits, 0)) if before >= high else high


def _check_bounds(low: int, last: int, dtype: np.dtype, kind: Kind) -> None:
    if kind.digits:
        top = largest(dtype)
        bottom = -top
    elif dtype == np.bool_:
        bottom, top = 0, 1
    elif dtype.kind in "iu":
        bottom, top = np.iinfo(dtype).min, min(np.iinfo(dtype).max, _HIGHEST)
    else:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    for value, name in ((low, "from"), (last, "to - 1")):
        require(bottom <= value <= top, f"{name} is out of bounds for {kind.cpp}")
    for value, name in ((low, "from"), (last, "to - 1")):
        if kind.digits and abs(value) > 1 << kind.digits:
            warnings.warn(
                f"{name} is out of bounds [-(2^{kind.digits}), 2^{kind.digits}]. Due to precision limitations "
                f"{kind.cpp} can support discrete uniform distribution only within this range. This warning will "
                "become an error in version 1.7 release, please fix the code in advance",
                UserWarning,
                stacklevel=5,
            )


def bounded(low: int, high: int | None, dtype: np.dtype) -> tuple[int, int] | None:
    """The checked (base, span) of integers in [low, high), or from `low` up; None stands for all of int64."""
    for value in (low, high):
        if value is not None and not _LOWEST <= value <= _HIGHEST:
            raise ValueError("Overflow when unpacking long long")
    kind = kind_of(dtype)
    if high is not None:
        message = f"but got from={low} >= to={high}"
        require(low < high, f"random_ expects 'from' to be less than 'to', {message}")
        if kind.digits:
            low, high = _inner_from(low, dtype, kind.digits), _inner_to(high, dtype, kind.digits)
            message = f"but got from={low} >= to={high}"
            require(
                low < high, f"random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, {message}"
            )
        _check_bounds(low, high - 1, dtype, kind)
        return low, high - low
    if low == _LOWEST:
        return None
    if kind.digits:
        last = 1 << kind.digits
        low = _inner_from(low, dtype, kind.digits)
        require(
            low < last,
            "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
            f"but got from={low} > to_inc={last}",
        )
    elif dtype.kind in "iu":
        # PyTorch keeps the end in an int64, where that of uint64 turns into -1 and fails the check below.
        last = -1 if dtype == np.uint64 else int(np.iinfo(dtype).max)
    elif dtype == np.bool_:
        last = 1
    else:
        raise RuntimeError("random_from_to_impl handles only integral, floating-point and boolean types")
    _check_bounds(low, last, dtype, kind)
    return low, last - low + 1


def bernoulli(engine: Engine, count: int, dtype: np.dtype, p: float) -> np.ndarray:
    """Ones with probability `p`. Comparing the 53 bits with p * 2**53 is the same as comparing the fractions."""
    return (engine.bits53(count) < math.ceil(p * 2.0**53)).astype(dtype)


def bernoulli_each(engine: Engine, p: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Ones with the probabilities `p`, a flat floating array: 53 bits are drawn for float64, 24 for the others."""
    if not bool(np.all((p >= 0) & (p <= 1))):
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, please report an "
            "enhancement request to PyTorch.)"
        )
    if p.dtype == np.float64:
        return (engine.unit64(p.size) < p).astype(dtype)
    return (engine.bits24(p.size) < p.astype(np.float64) * 2.0**24).astype(dtype)


def geometric(engine: Engine, count: int, dtype: np.dtype, p: float) -> np.ndarray:
    """How many trials until the first success."""
    with np.errstate(divide="ignore"):
        trials = np.ceil(np.log(engine.unit64(count)) / math.log1p(-p))
    return from_float64(trials, dtype)
