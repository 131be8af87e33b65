"""The quick form of what docs/ACCURACY.md tells: no function is off by more than 2 units in the last place.

A sigmoid and the rows are formulas of several steps, each of which rounds."""

from __future__ import annotations

import numpy as np
import pytest

from .measure import F32, F64, functions, measure, ulps

pytest.importorskip("mpmath")
STEPS = 2.5


@pytest.mark.usefixtures("compiled_tier")
@pytest.mark.parametrize("name", list(functions()))
def test_bounds(name: str) -> None:
    f = functions()[name]
    for kind in f.kinds:
        ours, _, right = measure(f, kind, 100_000)
        assert ours.ulp <= (STEPS if "sigmoid" in name or "row" in name else 2), (name, kind, ours.where)
        assert right, f"{name} of special values, {kind}"


def test_the_measure_itself() -> None:
    for kind in (F32, F64):
        one = np.array([1, 1, 1], kind)
        next_ = np.nextafter(one, np.array([1, 2, 0], kind))
        truth = one.astype(np.longdouble)
        assert ulps(next_, truth).tolist() == [0, 1, 0.5]
        assert ulps(np.array([np.nan, np.inf, 0.0], kind), truth)[:2].tolist() == [np.inf, np.inf]
        assert ulps(np.array([np.inf, np.nan, -np.inf], kind), np.array([np.inf, np.nan, np.inf])).tolist() == [
            0,
            0,
            np.inf,
        ]
        least = np.finfo(kind).smallest_subnormal
        assert ulps(np.array([least * 3]), np.array([least * 1], np.longdouble)).tolist() == [2]
