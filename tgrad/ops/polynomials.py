"""Orthogonal polynomials of a degree that may differ from element to element.

Note [Polynomials]
A family is its first polynomial (of degree 1, the one of degree 0 being 1) and the step from two degrees to the next:

    P[k + 1](x) = step(k, x, P[k](x), P[k - 1](x))

All elements take a step at once; each keeps what it has when it comes to its own degree. Degrees are cut to whole numbers,
and a negative one gives 0. Chebyshev's polynomials are trigonometric functions between -1 and 1, which is what high
degrees are computed by there; where that starts is PyTorch's choice. Nothing is differentiable here, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..storage import copied, memory_order
from .spec import FLOAT, Row, lacking, pointwise

Step = Callable[[int, Any, Any, Any], Any]


def _degrees(n: Any) -> np.ndarray:
    """Whole numbers; what is none that counts (nan, or beyond int64) is negative."""
    sound = np.abs(n) < 2.0**63
    return np.where(sound, n, -1).astype(np.int64)


def climb(x: Any, degree: np.ndarray, first: Any, step: Step) -> np.ndarray:
    """The polynomials of these degrees, by recurrence: see Note [Polynomials]."""
    out = np.where(degree < 0, x.dtype.type(0), np.where(degree == 0, x.dtype.type(1), first))
    top = int(degree.max(initial=0))
    before, now = np.ones_like(out), np.broadcast_to(first, out.shape)
    for k in range(1, top):
        before, now = now, step(k, x, now, before)
        above = degree > k
        np.copyto(out, now, where=above)
        if not (above & (now == now)).any():  # what has overflowed stays nan
            break
    return out


def _doubling(k: int, x: Any, now: Any, before: Any) -> Any:
    return (x + x) * now - before


def _laid_out(array: Callable[[Any, Any], Any]) -> Any:
    """The same; beside a number, the result's memory is in the order of the other operand, as ufuncs do it by themselves."""

    def ordered(self: Any, other: Any) -> Any:
        r = array(self, other)
        like = other if np.ndim(self) == 0 else self
        if r.ndim < 2 or (np.ndim(self) and np.ndim(other)) or like.flags.c_contiguous:
            return r
        return copied(r, r.dtype, memory_order([like], r.shape))

    return ordered


def _family(name: str, array: Callable[[Any, Any], Any]) -> Row:
    return pointwise(
        f"special.{name}", _laid_out(array), kind=FLOAT, function=False, method=False, inplace=False, numbers="self other", overloads=True,
        lacks=lacking("hc", f"{name}_cpu"),
    )  # fmt: skip


# ---- Chebyshev's: four kinds, and the same over [0, 1]


def _ratio(top: Any, bottom: Any, limit: Any, near: Any) -> Any:
    """A quotient, and its limit where both sides vanish."""
    return np.where(near, limit, top / np.where(near, bottom.dtype.type(1), bottom))


def _kind_t(degree: Any, angle: Any) -> Any:
    return np.cos(degree * angle)


def _kind_u(degree: Any, angle: Any) -> Any:
    return np.sin((degree + 1) * angle) / np.sin(angle)


def _kind_v(degree: Any, angle: Any) -> Any:
    half, sign = angle / 2, np.where(degree % 2 == 0, 1, -1).astype(angle.dtype)
    return _ratio(
        np.cos((degree + angle.dtype.type(0.5)) * angle), np.cos(half), sign * (degree + degree + 1), np.sin(half) == 1
    )


def _kind_w(degree: Any, angle: Any) -> Any:
    half = angle / 2
    return _ratio(
        np.sin((degree + angle.dtype.type(0.5)) * angle), np.sin(half), degree + degree + 1, np.cos(half) == 1
    )


def _chebyshev(
    kind: Callable[[Any, Any], Any], first: Callable[[Any], Any], ends: str, start: int, shifted: bool
) -> Any:
    """`ends`: the size of the polynomials at 1 and at -1, where n + 1 is written u and 2 n + 1 w."""

    def array(self: Any, other: Any) -> Any:
        x, degree = np.asarray(self), _degrees(other)
        if shifted:
            x = x + x - 1
        x, degree = np.broadcast_arrays(x, degree)
        end = (np.abs(x) == 1) & (degree >= 0)
        turning = (degree > start) & (np.abs(x) < 1)
        out = climb(x, np.where(end | turning, 0, degree), first(x), _doubling)
        if turning.any():
            high = degree.astype(x.dtype)
            out = np.where(turning, kind(high, np.arccos(np.where(turning, x, x.dtype.type(0)))), out)
        if end.any():
            sizes = {"1": np.ones_like(degree), "u": degree + 1, "w": degree + degree + 1}
            sign = np.where(degree % 2 == 0, 1, -1)
            out = np.where(end, np.where(x > 0, sizes[ends[0]], sign * sizes[ends[1]]).astype(x.dtype), out)
        return out

    return array


chebyshev = {
    kind: _family(f"{prefix}chebyshev_polynomial_{kind[-1]}", _chebyshev(fn, first, ends, start, bool(prefix)))
    for kind, fn, first, ends, start, prefix in (
        ("t", _kind_t, lambda x: x, "11", 6, ""),
        ("u", _kind_u, lambda x: x + x, "uu", 8, ""),
        ("v", _kind_v, lambda x: x + x - 1, "1w", 8, ""),
        ("w", _kind_w, lambda x: x + x + 1, "w1", 8, ""),
        ("shifted_t", _kind_t, lambda x: x, "11", 6, "shifted_"),
        ("shifted_u", _kind_u, lambda x: x + x, "uu", 6, "shifted_"),
        ("shifted_v", _kind_v, lambda x: x + x - 1, "1w", 6, "shifted_"),
        ("shifted_w", _kind_w, lambda x: x + x + 1, "w1", 4, "shifted_"),
    )
}


# ---- Hermite's, Laguerre's, Legendre's


def _recurring(first: Callable[[Any], Any], step: Step, limited: bool = False) -> Any:
    """`limited`: beyond degree 128 in float32, 512 in float64, PyTorch does not try."""

    def array(self: Any, other: Any) -> Any:
        x, degree = np.broadcast_arrays(np.asarray(self), _degrees(other))
        if not limited:
            return climb(x, degree, first(x), step)
        beyond = degree > (128 if x.dtype.itemsize == 4 else 512)
        return np.where(beyond, x.dtype.type(np.nan), climb(x, np.where(beyond, 0, degree), first(x), step))

    return array


def _legendre(self: Any, other: Any) -> Any:
    """At -1 and 1 exactly what they are there; the recurrence rounds."""
    x, degree = np.broadcast_arrays(np.asarray(self), _degrees(other))
    out = climb(x, degree, x, lambda k, x, now, before: ((k + k + 1) * x * now - k * before) / (k + 1))
    end = (np.abs(x) == 1) & (degree >= 0)
    return np.where(end, np.where((x > 0) | (degree % 2 == 0), x.dtype.type(1), x.dtype.type(-1)), out)


hermite_polynomial_h = _family(
    "hermite_polynomial_h",
    _recurring(lambda x: x + x, lambda k, x, now, before: (x + x) * now - (k + k) * before, limited=True),
)
hermite_polynomial_he = _family(
    "hermite_polynomial_he", _recurring(lambda x: x, lambda k, x, now, before: x * now - k * before, limited=True)
)
laguerre_polynomial_l = _family(
    "laguerre_polynomial_l",
    _recurring(lambda x: 1 - x, lambda k, x, now, before: ((k + k + (1 - x)) * now - k * before) / (k + 1)),
)
legendre_polynomial_p = _family("legendre_polynomial_p", _legendre)
