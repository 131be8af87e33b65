"""Gamma numbers, one at a time, since each takes as many uniform and normal numbers as it happens to need."""

from __future__ import annotations

import math

import numpy as np

from .counts import _Units
from .engine import Engine

_TWO_PI = 2.0 * math.pi
# PyTorch writes its constants in float32, whatever it computes in.
_THIRD = float(np.float32(1) / np.float32(3))
_SQUEEZE = float(np.float32(0.0331))


class _Stream:
    """Uniform and normal numbers from one stream. Normal ones come in pairs, and the second waits in the engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.units = engine, _Units(engine)
        self.waiting = engine.next_double

    def normal(self) -> float:
        if self.waiting is not None:
            value, self.waiting = self.waiting, None
            return value
        turn, length = _TWO_PI * next(self.units), next(self.units)
        radius = math.sqrt(-2.0 * math.log1p(-length))
        self.waiting = radius * math.sin(turn)
        return radius * math.cos(turn)

    def settle(self) -> None:
        self.units.settle()
        self.engine.next_double = self.waiting


def _gamma_one(alpha: float, single: bool, stream: _Stream) -> float:
    """The rejection method of G. Marsaglia and W. W. Tsang, 2000; below 1, a number for alpha + 1 times a power of a uniform one.

    `single`: what depends on alpha alone is rounded to float32 on the way.
    """
    scale = 1.0
    if alpha < 1.0:
        if alpha == 0.0:
            return 0.0
        inverse = float(np.float32(1) / np.float32(alpha)) if single else 1.0 / alpha
        scale = (1.0 - next(stream.units)) ** inverse
        alpha = float(np.float32(alpha) + np.float32(1)) if single else alpha + 1.0
    d = float(np.float32(alpha) - np.float32(_THIRD)) if single else alpha - _THIRD
    if not d > 0.0:  # nan, or below zero: no number is ever accepted
        return math.nan
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = stream.normal()
        y = 1.0 + c * x
        while y <= 0.0:
            x = stream.normal()
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - next(stream.units)
        xx = x * x
        if u < 1.0 - _SQUEEZE * xx * xx or math.log(u) < 0.5 * xx + d * (1.0 - v + math.log(v)):
            return scale * d * v


def gamma(engine: Engine, alphas: np.ndarray, single: bool) -> np.ndarray:
    """A gamma number (rate 1), float64, for each alpha of a flat floating array."""
    stream = _Stream(engine)
    out = np.fromiter((_gamma_one(a, single, stream) for a in alphas.tolist()), np.float64, alphas.size)
    stream.settle()
    return out
