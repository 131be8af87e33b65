"""Special functions: PyTorch's `torch.special`.

Many are functions of `torch` under another name (`special.expit` is `sigmoid`, `special.gammaln` is `lgamma`): those are
the same rows, and record the same nodes. The others lie over scipy.special. Integers are computed in the default dtype.
The Bessel functions and the polynomials have no derivative: their results never require gradients, as in PyTorch. (In
float64, Bessel's and Airy's functions are right to its last digits here, to the sixth or seventh in PyTorch.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import functions as _F
from .composite.arithmetic import choose as _choose
from .composite.signature import signature as _signature
from .dispatch import into as _into
from .dispatch import no_overload as _no_overload
from .dispatch import pointwise as _pointwise
from .methods import front as _front
from .ops import ROWS as _ROWS
from .ops import bessel as _bessel
from .ops import polynomials as _polynomials
from .ops import scalar as _scalar
from .ops import special as _rows
from .ops.spec import Row as _Row
from .tensor import Tensor as _Tensor

__all__ = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "chebyshev_polynomial_t", "chebyshev_polynomial_u",
    "chebyshev_polynomial_v", "chebyshev_polynomial_w", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit",
    "expm1", "gammainc", "gammaincc", "gammaln", "hermite_polynomial_h", "hermite_polynomial_he", "i0", "i0e", "i1", "i1e",
    "laguerre_polynomial_l", "legendre_polynomial_p", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp",
    "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1", "multigammaln", "ndtr", "ndtri",
    "polygamma", "psi", "round", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w", "sinc", "softmax",
    "spherical_bessel_j0", "xlog1py", "xlogy", "zeta",
]  # fmt: skip


# ---- of one tensor


def _unary(name: str, row: _Row, doc: str, word: str = "input") -> Callable[..., Any]:
    run = _front(row, row.name.replace(".", "_"))
    if word == "x":

        def function(x, *, out=None):
            return run(x) if out is None else run(x, out=out)

    else:

        def function(input, *, out=None):
            return run(input) if out is None else run(input, out=out)

    return _named(name, _signature(f"special_{name}", **{word: "Tensor"}, out="Tensor?")(function, run), doc)


def _named(name: str, fn: Callable[..., Any], doc: str) -> Callable[..., Any]:
    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = doc
    return fn


digamma = _unary("digamma", _rows.digamma, "The derivative of the logarithm of the gamma function.")
psi = _unary("psi", _rows.digamma, "The same as `digamma`.")
gammaln = _unary("gammaln", _rows.lgamma, "The logarithm of the size of the gamma function.")
erf = _unary("erf", _rows.erf, "The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to input.")
erfc = _unary("erfc", _rows.erfc, "1 - erf(input), without cancellation.")
erfcx = _unary("erfcx", _rows.erfcx, "exp(input^2) erfc(input), without overflow.")
erfinv = _unary("erfinv", _rows.erfinv, "The inverse of `erf` on (-1, 1).")
entr = _unary("entr", _rows.entr, "-input log(input): 0 at 0, -inf below.")
exp2 = _unary("exp2", _ROWS["exp2"], "2 to the power of input.")
expit = _unary("expit", _ROWS["sigmoid"], "1 / (1 + exp(-input)).")
expm1 = _unary("expm1", _ROWS["expm1"], "exp(input) - 1, without cancellation near 0.")
log1p = _unary("log1p", _ROWS["log1p"], "log(1 + input), without cancellation near 0.")
sinc = _unary("sinc", _rows.sinc, "sin(pi input) / (pi input), and 1 at 0.")
ndtri = _unary("ndtri", _rows.ndtri, "The argument at which the normal distribution function is input.")
log_ndtr = _unary("log_ndtr", _rows.log_ndtr, "The logarithm of `ndtr`, without underflow.")
i0 = _unary("i0", _rows.i0, "The modified Bessel function of the first kind of order 0.")
i0e = _unary("i0e", _rows.i0e, "exp(-|input|) i0(input).")
i1 = _unary("i1", _rows.i1, "The modified Bessel function of the first kind of order 1.")
i1e = _unary("i1e", _rows.i1e, "exp(-|input|) i1(input).")
airy_ai = _unary("airy_ai", _bessel.airy_ai, "Airy's function Ai. No derivative.", "x")
bessel_j0 = _unary("bessel_j0", _bessel.bessel_j0, "The Bessel function of the first kind of order 0. No derivative.")
bessel_j1 = _unary("bessel_j1", _bessel.bessel_j1, "The Bessel function of the first kind of order 1. No derivative.")
bessel_y0 = _unary("bessel_y0", _bessel.bessel_y0, "The Bessel function of the second kind of order 0. No derivative.")
bessel_y1 = _unary("bessel_y1", _bessel.bessel_y1, "The Bessel function of the second kind of order 1. No derivative.")
modified_bessel_i0 = _unary("modified_bessel_i0", _bessel.modified_bessel_i0, "As `i0`, without a derivative.")
modified_bessel_i1 = _unary("modified_bessel_i1", _bessel.modified_bessel_i1, "As `i1`, without a derivative.")
modified_bessel_k0 = _unary(
    "modified_bessel_k0", _bessel.modified_bessel_k0, "The modified Bessel function of the second kind of order 0."
)
modified_bessel_k1 = _unary(
    "modified_bessel_k1", _bessel.modified_bessel_k1, "The modified Bessel function of the second kind of order 1."
)
scaled_modified_bessel_k0 = _unary(
    "scaled_modified_bessel_k0", _bessel.scaled_modified_bessel_k0, "exp(x) modified_bessel_k0(x).", "x"
)
scaled_modified_bessel_k1 = _unary(
    "scaled_modified_bessel_k1", _bessel.scaled_modified_bessel_k1, "exp(x) modified_bessel_k1(x).", "x"
)
spherical_bessel_j0 = _unary(
    "spherical_bessel_j0", _bessel.spherical_bessel_j0, "sin(x) / x, and 1 at 0. No derivative.", "x"
)


@_signature("special_ndtr", input="Tensor", out="Tensor?")
def ndtr(input, *, out=None):
    """The normal distribution function: (1 + erf(input / sqrt(2))) / 2.

    >>> import tgrad as torch
    >>> torch.special.ndtr(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([0.1587, 0.5000, 0.8413])
    """
    if input.dtype.category < 2:
        inner = _F.mul(input, 0.5**0.5)
    else:
        inner = _pointwise(_scalar.mul_number, (input,), {"other": 0.5**0.5})
    outer = _pointwise(_scalar.add_number, (_pointwise(_rows.erf, (inner,), {}),), {"other": 1})
    r = _pointwise(_scalar.mul_number, (outer,), {"other": 0.5})
    return r if out is None else _into(out, r, "special_ndtr")


@_signature("special_logit", input="Tensor", eps="float?", out="Tensor?")
def logit(input, eps=None, *, out=None):
    """log(input / (1 - input)), the inverse of `expit`; with `eps`, of input brought into [eps, 1 - eps] first."""
    return _F.logit(input, eps) if out is None else _F.logit(input, eps, out=out)


@_signature("special_round", input="Tensor", decimals="int", out="Tensor?")
def round(input, *, decimals=0, out=None):
    """Rounded to the nearest whole number, or to `decimals` digits; halves go to the even neighbour."""
    return _F.round(input, decimals=decimals) if out is None else _F.round(input, decimals=decimals, out=out)


@_signature("special_multigammaln", input="Tensor", p="int", out="Tensor?")
def multigammaln(input, p, *, out=None):
    """The logarithm of the multivariate gamma function of dimension p; see `torch.mvlgamma`."""
    return _F.mvlgamma(input, p, out=out)


@_signature("special_polygamma", n="int", input="Tensor", out="Tensor?")
def polygamma(n, input, *, out=None):
    """The n-th derivative of `digamma`."""
    return _F.polygamma(n, input, out=out)


# ---- along a dimension


@_signature("special_softmax", input="Tensor", dim="int", dtype="dtype?")
def softmax(input, dim, dtype=None):
    """exp(input) normalised to sum 1 along dim."""
    return _F.softmax(input, dim, dtype)


@_signature("special_log_softmax", input="Tensor", dim="int", dtype="dtype?")
def log_softmax(input, dim, *, dtype=None):
    """The logarithm of softmax, computed without overflow."""
    return _F.log_softmax(input, dim, dtype)


@_signature("special_logsumexp", input="Tensor", dim="ints", keepdim="bool", out="Tensor?")
def logsumexp(input, dim, keepdim=False, *, out=None):
    """log(sum(exp(input))) over dim, without overflow."""
    if out is not None and not (out.is_floating_point() or out.is_complex()):
        raise RuntimeError(f"logsumexp(): Expected floating point type for result tensor, but got: {out.dtype.legacy}")
    return _F.logsumexp(input, dim, keepdim, out=out)


# ---- of two tensors


@_signature("special_gammainc", input="Tensor", other="Tensor", out="Tensor?")
def gammainc(input, other, *, out=None):
    """The regularized lower incomplete gamma function, of order input, up to other. Differentiable in `other` only."""
    return _F.igamma(input, other) if out is None else _F.igamma(input, other, out=out)


@_signature("special_gammaincc", input="Tensor", other="Tensor", out="Tensor?")
def gammaincc(input, other, *, out=None):
    """The regularized upper incomplete gamma function: 1 - gammainc. Differentiable in `other` only."""
    return _F.igammac(input, other) if out is None else _F.igammac(input, other, out=out)


def _binary(name: str, rows: tuple[_Row, _Row, _Row], words: tuple[str, str], doc: str) -> Callable[..., Any]:
    """A function of two operands, of which one may be a number; `rows` for two tensors, and a number second or first."""
    called, plain = f"special_{name}", "_".join(p for p in rows[0].name.split(".") if not p.isdigit())

    def function(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        given = dict(zip(words, args, strict=False))
        if len(args) > 2 or {*given, *kwargs} != {*words} or given.keys() & kwargs.keys():
            raise _no_overload(called, *args, **kwargs, out=out)
        given.update(kwargs)
        first, second = (given[w] for w in words)
        if out is not None and not isinstance(out, _Tensor):
            raise _no_overload(called, *args, **kwargs, out=out)
        r = _pointwise(_choose(called, *rows, first, second), (first, second), {})
        return r if out is None else _into(out, r, plain)

    return _named(name, function, doc)


def _polynomial(name: str, row: _Row, doc: str) -> Callable[..., Any]:
    return _binary(
        name, (row, row, row), ("x", "n"), doc + " Degrees are cut to whole numbers; 0 below 0. No derivative."
    )


_OPERANDS = ("input", "other")
xlogy = _binary(
    "xlogy",
    (_rows.xlogy, _rows.xlogy_second, _rows.xlogy_first),
    _OPERANDS,
    "input log(other), and 0 where input is 0.",
)
xlog1py = _binary(
    "xlog1py",
    (_rows.xlog1py, _rows.xlog1py_second, _rows.xlog1py_first),
    _OPERANDS,
    "input log(1 + other), and 0 where input is 0.",
)
zeta = _binary(
    "zeta",
    (_bessel.zeta, _bessel.zeta_second, _bessel.zeta_first),
    _OPERANDS,
    "Hurwitz's zeta function: the sum of 1 / (k + other)^input over k = 0, 1, ... Differentiable in `other` only.",
)

_KINDS = {"t": "first", "u": "second", "v": "third", "w": "fourth"}


def _chebyshev(kind: str, shifted: str = "") -> Callable[..., Any]:
    where = " over [0, 1]" if shifted else ""
    doc = f"Chebyshev's polynomial of the {_KINDS[kind]} kind{where}, of degree n at x."
    return _polynomial(f"{shifted}chebyshev_polynomial_{kind}", _polynomials.chebyshev[shifted + kind], doc)


chebyshev_polynomial_t, chebyshev_polynomial_u, chebyshev_polynomial_v, chebyshev_polynomial_w = map(_chebyshev, "tuvw")
(
    shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
) = (_chebyshev(kind, "shifted_") for kind in "tuvw")
hermite_polynomial_h = _polynomial(
    "hermite_polynomial_h",
    _polynomials.hermite_polynomial_h,
    "Hermite's polynomial (the physicists') of degree n at x.",
)
hermite_polynomial_he = _polynomial(
    "hermite_polynomial_he",
    _polynomials.hermite_polynomial_he,
    "Hermite's polynomial (of probability theory) of degree n at x.",
)
laguerre_polynomial_l = _polynomial(
    "laguerre_polynomial_l", _polynomials.laguerre_polynomial_l, "Laguerre's polynomial of degree n at x."
)
legendre_polynomial_p = _polynomial(
    "legendre_polynomial_p", _polynomials.legendre_polynomial_p, "Legendre's polynomial of degree n at x."
)
