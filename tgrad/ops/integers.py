"""Ops on integers and bools only: bits, shifts, common divisors. None of them has a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from .spec import lacking, pointwise

bitwise_not = pointwise("bitwise_not", np.invert, lacks=lacking("fc", "bitwise_not_cpu"))
bitwise_and = pointwise(
    "bitwise_and", np.bitwise_and, numbers="self other", overloads=True, lacks=lacking("fc", "bitwise_and_cpu")
)
bitwise_or = pointwise(
    "bitwise_or", np.bitwise_or, numbers="self other", overloads=True, lacks=lacking("fc", "bitwise_or_cpu")
)
bitwise_xor = pointwise(
    "bitwise_xor", np.bitwise_xor, numbers="self other", overloads=True, lacks=lacking("fc", "bitwise_xor_cpu")
)


def _beyond(self: Any, other: Any) -> Any:
    """Where a shift is negative or as wide as the integer."""
    return (other < 0) | (other >= 8 * self.dtype.itemsize)


def _left_shift(self: Any, other: Any) -> Any:
    far = _beyond(self, other)
    return np.where(far, self.dtype.type(0), np.left_shift(self, np.where(far, self.dtype.type(0), other)))


def _right_shift(self: Any, other: Any) -> Any:
    """Arithmetic: copies of the sign come in from the left."""
    last = self.dtype.type(8 * self.dtype.itemsize - 1)
    moved = np.right_shift(self, np.where(_beyond(self, other), last, other))
    return np.where(_beyond(self, other), self.dtype.type(0), moved) if self.dtype.kind == "u" else moved


bitwise_left_shift = pointwise(
    "bitwise_left_shift",
    _left_shift,
    numbers="self other",
    overloads=True,
    lacks=lacking("bfc", "lshift_cpu"),
)
bitwise_right_shift = pointwise(
    "bitwise_right_shift",
    _right_shift,
    numbers="self other",
    overloads=True,
    lacks=lacking("bfc", "rshift_cpu"),
)
gcd = pointwise("gcd", np.gcd, lacks=lacking("bfc", "gcd_cpu"))
lcm = pointwise("lcm", np.lcm, lacks=lacking("bfc", "lcm_cpu"))
