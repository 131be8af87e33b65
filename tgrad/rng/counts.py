"""Poisson and binomial numbers: one at a time, since each takes as many uniform numbers as it happens to need."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from .checks import from_float64, require
from .engine import Engine

_AHEAD = 256


class _Units:
    """Uniform float64 numbers drawn ahead of need; `settle` leaves the engine as if only the used ones were drawn."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._start, self._blocks = engine, engine.save(), 0
        self._rest: Iterator[float] = iter(())

    def __iter__(self) -> Iterator[float]:
        return self

    def __next__(self) -> float:
        for value in self._rest:
            return value
        self._blocks += 1
        self._rest = iter(self._engine.unit64(_AHEAD).tolist())
        return next(self._rest)

    def settle(self) -> None:
        used = self._blocks * _AHEAD - sum(1 for _ in self._rest)
        self._engine.load(self._start)
        self._engine.bits64(used)


def _poisson_one(rate: float, units: _Units) -> int:
    """Small rates multiply uniform numbers until the product falls under exp(-rate); from 10 on it is the transformed
    rejection (PTRS) of W. Hörmann, 1993."""
    if rate == 0.0:
        return 0
    if rate < 10.0:
        floor, product, events = math.exp(-rate), next(units), 0
        while product > floor:
            product *= next(units)
            events += 1
        return events
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = next(units) - 0.5, next(units)
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        bound = -rate + k * log_rate - math.lgamma(k + 1.0)
        if v == 0.0 or math.log(v) + log_inverse_alpha - math.log(a / (us * us) + b) <= bound:
            return k


def poisson(engine: Engine, rates: np.ndarray) -> np.ndarray:
    """A Poisson number for each rate of a flat floating array."""
    wide = rates.astype(np.float64)
    require(bool(np.all(wide >= 0.0)), "invalid Poisson rate, expected rate to be non-negative")
    units = _Units(engine)
    out = np.fromiter((_poisson_one(rate, units) for rate in wide.tolist()), np.float64, wide.size)
    units.settle()
    return from_float64(out, rates.dtype)


def _stirling_tail(k: float) -> float:
    """log(k!) less Stirling's approximation of it."""
    if k < 10:
        return math.lgamma(k + 1) - (0.5 * math.log(2 * math.pi) + (k + 0.5) * math.log(k + 1) - (k + 1))
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


def _binomial_few(count: float, prob: np.floating) -> Callable[[_Units], float]:
    """For count * prob < 10: add up the waiting times between successes until they pass `count`."""
    # Rounded to the dtype first, as the logarithm of a narrow number is.
    log_failure = float(prob.dtype.type(math.log1p(-float(prob))))

    def draw(units: _Units) -> float:
        waited, successes = 0.0, 0.0
        while True:
            unit = next(units)
            waited += math.ceil(math.log(unit) / log_failure) if unit else math.inf
            if waited > count:
                return successes
            successes += 1

    return draw


def _binomial_many(count: np.floating, prob: np.floating) -> Callable[[_Units], float]:
    """The transformed rejection (BTRS) of W. Hörmann, 1993. The first products are rounded to the dtype."""
    cast, one = prob.dtype.type, prob.dtype.type(1)
    n, deviation = float(count), float(np.sqrt(count * prob * (one - prob)))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * float(prob)
    c = float(count * prob) + 0.5
    v_r = 0.92 - 4.2 / b
    odds = float(prob / (one - prob))
    alpha = (2.83 + 5.1 / b) * deviation
    mode = math.floor(float((count + one) * prob))
    at_mode = (mode + 0.5) * math.log((mode + 1) / (odds * (n - mode + 1)))
    tails = _stirling_tail(mode) + _stirling_tail(n - mode)

    def draw(units: _Units) -> float:
        while True:
            u, v = next(units) - 0.5, next(units)
            us = 0.5 - abs(u)
            if us == 0.0:
                continue
            k = float(cast(math.floor((2 * a / us + b) * u + c)))
            if k < 0 or k > n:
                continue
            if us >= 0.07 and v <= v_r:
                return k
            bound = (
                at_mode
                + (n + 1) * math.log((n - mode + 1) / (n - k + 1))
                + (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
                + tails
                - _stirling_tail(k)
                - _stirling_tail(n - k)
            )
            if v == 0.0 or math.log(v * alpha / (a / (us * us) + b)) <= bound:
                return k

    return draw


def _binomial_sampler(count: np.floating, prob: np.floating) -> Callable[[_Units], float]:
    if count <= 0 or prob <= 0:
        return lambda units: 0.0
    if prob >= 1:
        return lambda units: float(count)
    if prob <= 0.5:
        return _binomial_many(count, prob) if count * prob >= 10 else _binomial_few(float(count), prob)
    if prob > 0.5:
        failures = _binomial_sampler(count, prob.dtype.type(1.0 - float(prob)))
        return lambda units: float(count) - failures(units)
    return lambda units: math.nan


def binomial(engine: Engine, counts: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """A binomial number for each pair of two flat arrays of one floating dtype."""
    samplers: dict[tuple[float, float], Callable[[_Units], float]] = {}
    units = _Units(engine)
    out = np.empty(counts.size, np.float64)
    for index, (count, prob) in enumerate(zip(counts, probs, strict=True)):
        key = (float(count), float(prob))
        if key not in samplers:
            samplers[key] = _binomial_sampler(count, prob)
        out[index] = samplers[key](units)
    units.settle()
    return from_float64(out, counts.dtype)
