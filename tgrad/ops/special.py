"""Error functions, gamma functions, Bessel functions: what scipy computes, with derivatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .choice import where
from .elementary import abs_, cos, exp, log, sgn, sin
from .spec import FLOAT, lacking, pointwise


def scipy_function(name: str, operands: int = 1) -> Any:
    """A function of scipy.special, imported when first called (scipy takes a while to import)."""
    found: list[Any] = []

    def load() -> Any:
        import scipy.special

        found.append(getattr(scipy.special, name))
        return found[0]

    def one(self: Any) -> Any:
        return (found[0] if found else load())(self)

    def two(self: Any, other: Any) -> Any:
        return (found[0] if found else load())(self, other)

    return one if operands == 1 else two


# ---- the error function and its kin

erf = pointwise(
    "erf",
    scipy_function("erf"),
    grad=dict(self=lambda grad, self: 2 / math.sqrt(math.pi) * exp(-(self * self)) * grad),
    kind=FLOAT,
    lacks=lacking("c", "erf_vml_cpu"),
)
erfc = pointwise(
    "erfc",
    scipy_function("erfc"),
    grad=dict(self=lambda grad, self: -2 / math.sqrt(math.pi) * exp(-(self * self)) * grad),
    kind=FLOAT,
    lacks=lacking("c", "erfc_vml_cpu"),
)
erfinv = pointwise(
    "erfinv",
    scipy_function("erfinv"),
    grad=dict(self=lambda grad, result: 0.5 * math.sqrt(math.pi) * exp(result * result) * grad),
    kind=FLOAT,
    domain=(-1, 1),
    lacks=lacking("c", "erfinv_vml_cpu"),
)
erfcx = pointwise(
    "special.erfcx",
    scipy_function("erfcx"),
    node="SpecialErfcxBackward0",
    grad=dict(self=lambda grad, self, result: (2 * self * result - 2 / math.sqrt(math.pi)) * grad),
    kind=FLOAT,
    lacks=lacking("hc", "erfcx_cpu"),
)
ndtri = pointwise(
    "special.ndtri",
    scipy_function("ndtri"),
    node="SpecialNdtriBackward0",
    grad=dict(self=lambda grad, result: math.sqrt(2 * math.pi) * exp(result * result / 2) * grad),
    kind=FLOAT,
    domain=(0, 1),
    lacks=lacking("hc", "ndtri_cpu"),
)
_erfcx_of, _erfc_of = scipy_function("erfcx"), scipy_function("erfc")


def _log_ndtr(self: Any) -> Any:
    """PyTorch's two formulas, each step rounded to the dtype: its derivative takes differences of large results, in which that shows."""
    dt = self.dtype
    t = (self.astype(np.float64, copy=False) * math.sqrt(0.5)).astype(dt)
    low = np.minimum(t, 0)  # where the other formula is taken, this one must not overflow
    return np.where(self < -1, np.log(_erfcx_of(-low) / 2) - t * t, np.log1p(-_erfc_of(t) / 2))


log_ndtr = pointwise(
    "special.log_ndtr",
    lambda self: _log_ndtr(self),
    node="SpecialLogNdtrBackward0",
    grad=dict(self=lambda grad, self, result: exp(-(self * self) / 2 - result) / math.sqrt(2 * math.pi) * grad),
    kind=FLOAT,
    lacks=lacking("hc", "log_ndtr_cpu"),
)

# ---- gamma functions


def _lgamma(self: Any) -> Any:
    """scipy says -inf at -inf."""
    return np.where(self == -np.inf, self.dtype.type(np.inf), _gammaln(self))


_gammaln = scipy_function("gammaln")
_psi = scipy_function("psi")
_hurwitz = scipy_function("zeta", 2)


def hurwitz(self: Any, other: Any) -> Any:
    """Zeta. scipy knows the limit for an infinite `other`, PyTorch says nan."""
    r = _hurwitz(self, other)
    return np.where((other == np.inf) & (self > 1), r.dtype.type(np.nan), r)


def _digamma(self: Any) -> Any:
    """scipy says nan at 0; the limit there depends on the zero's sign."""
    return np.where(self == 0, np.copysign(self.dtype.type(np.inf), -self), _psi(self))


def _polygamma(self: Any, n: int) -> Any:
    if n == 0:
        return _digamma(self)
    if n == 1:
        return _trigamma(self)
    sign = 1 if n % 2 else -1
    return (sign * math.factorial(n) * hurwitz(self.dtype.type(n + 1), self)).astype(self.dtype, copy=False)


def _trigamma(self: Any) -> Any:
    """Six steps of the recurrence, then the asymptotic series; by reflection below 1/2."""
    x = self
    low = x < 0.5
    total = np.where(low, -((math.pi / np.sin(math.pi * x)) ** 2), 0.0)
    x = np.where(low, 1 - x, x)
    plus = np.zeros_like(x)  # in the operand's own precision, as PyTorch: the poles come out large, not infinite
    for _ in range(6):
        plus = plus + 1 / (x * x)
        x = x + 1
    r = 1 / (x * x)
    plus = plus + (1 + 1 / (2 * x) + r * (1.0 / 6 - r * (1.0 / 30 - r * (1.0 / 42)))) / x
    return np.where(low, -(total + plus), plus)


lgamma = pointwise(
    "lgamma",
    _lgamma,
    grad=dict(self=lambda grad, self: grad * digamma(self)),
    kind=FLOAT,
    lacks=lacking("c", "lgamma_vml_cpu"),
)
digamma = pointwise(
    "digamma",
    _digamma,
    grad=dict(self=lambda grad, self: grad * polygamma(self, 1)),
    kind=FLOAT,
    lacks=lacking("c", "digamma"),
)
polygamma = pointwise(
    "polygamma.row",
    _polygamma,
    tensors="self",
    node="PolygammaBackward0",
    grad=dict(self=lambda grad, self, n: grad * polygamma(self, n + 1)),
    kind=FLOAT,
    function=False,
    method=False,
    lacks=lacking("c", "trigamma"),
)


def _incomplete(fn: Any, low: int, high: int) -> Any:
    """As scipy, but where one operand decides alone (0, or infinite), it does so beside nan, too."""

    def array(self: Any, other: Any) -> Any:
        r = fn(self, other)
        lost = np.isnan(r)
        if not lost.any():
            return r
        r = np.where(lost & (self != self) & (other == 0), self.dtype.type(low), r)
        r = np.where(lost & (self != self) & (other == np.inf), self.dtype.type(high), r)
        return np.where(lost & (self == np.inf) & (other != other), self.dtype.type(low), r)

    return array


igamma = pointwise(
    "igamma",
    _incomplete(scipy_function("gammainc", 2), 0, 1),
    grad=dict(
        self=lambda grad: _no_slope("igamma"),
        other=lambda grad, self, other: grad * exp((self - 1) * log(other) - other - lgamma(self)),
    ),
    lacks=lacking("bic", "igamma_cpu"),
    domain=(0, None),
)
igammac = pointwise(
    "igammac",
    _incomplete(scipy_function("gammaincc", 2), 1, 0),
    grad=dict(
        self=lambda grad: _no_slope("igammac"),
        other=lambda grad, self, other: -grad * exp((self - 1) * log(other) - other - lgamma(self)),
    ),
    lacks=lacking("bic", "igammac_cpu"),
    domain=(0, None),
)


def _no_slope(name: str) -> Any:
    raise NotImplementedError(f"the derivative for '{name}: input' is not implemented.")


# ---- Bessel functions

i0 = pointwise(
    "i0", scipy_function("i0"), grad=dict(self=lambda grad, self: grad * i1(self)), kind=FLOAT,
    lacks=lacking("c", "i0_vml_cpu"),
)  # fmt: skip
i1 = pointwise(
    "special.i1",
    scipy_function("i1"),
    node="SpecialI1Backward0",
    grad=dict(self=lambda grad, self, result: grad * _i1_slope(self, result)),
    kind=FLOAT,
    lacks=lacking("c", "i1_cpu"),
)
i0e = pointwise(
    "special.i0e",
    scipy_function("i0e"),
    node="SpecialI0EBackward0",
    grad=dict(self=lambda grad, self, result: grad * (i1e(self) - sgn(self) * result)),
    kind=FLOAT,
    lacks=lacking("c", "i0e_cpu"),
)
i1e = pointwise(
    "special.i1e",
    scipy_function("i1e"),
    node="SpecialI1EBackward0",
    grad=dict(self=lambda grad, self, result: grad * _i1e_slope(self, result)),
    kind=FLOAT,
    lacks=lacking("c", "i1e_cpu"),
)


def _away(self: Any) -> tuple[Any, Any]:
    """Where |self| is beyond rounding, and self with the rest (and nan) replaced by 1, so that it can be divided by."""
    far = abs_(self) > 1e-7
    return far, where(far, self, 1)


def _i1_slope(self: Any, result: Any) -> Any:
    far, safe = _away(self)
    return where(far, i0(safe) - result / safe, 0.5)


def _i1e_slope(self: Any, result: Any) -> Any:
    far, safe = _away(self)
    return where(far, i0e(safe) - result * (sgn(safe) + 1 / safe), 0.5)


# ---- x log y, sin(x)/x


def _xlogy(self: Any, other: Any) -> Any:
    return np.where(other != other, other, np.where(self == 0, self.dtype.type(0), self * np.log(other)))


def _xlog1py(self: Any, other: Any) -> Any:
    return np.where(other != other, other, np.where(self == 0, self.dtype.type(0), self * np.log1p(other)))


def _xlogy_slope(grad: Any, self: Any, other: Any) -> Any:
    return where(
        (self == 0) & (other <= 0), 0, (xlogy_second if isinstance(other, (int, float)) else xlogy)(grad, other)
    )


def _xlog1py_slope(grad: Any, self: Any, other: Any) -> Any:
    return where(
        (self == 0) & (other <= -1), 0, (xlog1py_second if isinstance(other, (int, float)) else xlog1py)(grad, other)
    )


_HIDDEN: dict[str, Any] = dict(kind=FLOAT, function=False, method=False)
# Three rows each: with two tensors, with a number first, with a number second.
xlogy, xlogy_first, xlogy_second = (
    pointwise(f"xlogy.{i}", _xlogy, node=f"XlogyBackward{i}", grad=grad, lacks=lacking("c", "xlogy_cpu"), **_HIDDEN)
    for i, grad in enumerate(
        (
            dict(self=_xlogy_slope, other=lambda grad, self, other: grad * self / other),
            dict(other=lambda grad, self, other: grad * self / other),
            dict(self=_xlogy_slope),
        )
    )
)
xlog1py, xlog1py_first, xlog1py_second = (
    pointwise(
        f"special.xlog1py.{i}",
        _xlog1py,
        node=f"SpecialXlog1PyBackward{i}",
        grad=grad,
        lacks=lacking("c", "xlog1py_cpu"),
        **_HIDDEN,
    )
    for i, grad in enumerate(
        (
            dict(self=_xlog1py_slope, other=lambda grad, self, other: grad * self / (other + 1)),
            dict(other=lambda grad, self, other: grad * self / (other + 1)),
            dict(self=_xlog1py_slope),
        )
    )
)


def _entr(self: Any) -> Any:
    inside = np.where(self > 0, -self * np.log(self), np.where(self == 0, self.dtype.type(0), self.dtype.type(-np.inf)))
    return np.where(self != self, self, inside)


entr = pointwise(
    "special.entr",
    _entr,
    node="SpecialEntrBackward0",
    grad=dict(self=lambda grad, self: grad * (-log(self) - 1)),
    kind=FLOAT,
    lacks=lacking("c", "entr_cpu"),
    domain=(0, None),
)


def _sinc(self: Any) -> Any:
    x = self * self.dtype.type(math.pi)
    return np.where(x == 0, self.dtype.type(1), np.sin(x) / np.where(x == 0, self.dtype.type(1), x))


def _sinc_slope(self: Any) -> Any:
    x = self * math.pi
    flat = self * self * math.pi
    safe = where(flat == 0, 1, flat)
    return where(flat == 0, 0, (x * cos(x) - sin(x)) / safe)


sinc = pointwise("sinc", _sinc, grad=dict(self=lambda grad, self: grad * _sinc_slope(self)), kind=FLOAT)


def _multi(args: Any, fn: Any, p: int) -> Any:
    """The sum of fn(self - j / 2) for j < p; 0 is added, too, so that a negative zero becomes a positive one."""
    total = fn(args + 0.0)
    for j in range(1, p):
        total = total + fn(args - j / 2)
    return total


def _mvlgamma(self: Any, p: int) -> Any:
    return _multi(self, _lgamma, p) + p * (p - 1) / 4 * math.log(math.pi)


mvlgamma = pointwise(
    "mvlgamma.row",
    _mvlgamma,
    tensors="self",
    node="MvlgammaBackward0",
    grad=dict(self=lambda grad, self, p: grad * _multi(self, digamma, p)),
    kind=FLOAT,
    lacks=lacking("c", "arange_cpu"),
    contiguous=True,
    function=False,
    method=False,
)
