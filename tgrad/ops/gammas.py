"""How gamma and Dirichlet numbers move with their parameters: implicit reparametrisation, by series and rational approximations.

With F the distribution function and f the density, a number x that was drawn for alpha moves as dx/dalpha = -(dF/dalpha) / f. None of
these has a closed form; PyTorch approximates each region of (x, alpha) by another formula (to about 1e-3), and these are the same.
The table of coefficients for the Beta distribution was fitted by PyTorch's authors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .spec import op
from .special import digamma

# p / q in u = log(x / alpha), v = log(alpha): rows are powers of u; columns powers of v, first p's four, then q's.
_GAMMA = np.array(
    [
        [0.16009398, -0.094634809, 0.025146376, -0.0030648343, 1, 0.32668115, 0.10406089, 0.0014179084],
        [0.53487893, 0.1298071, 0.065735949, -0.0015649758, 0.16639465, 0.020070113, -0.0035938915, -0.00058392623],
        [
            0.040121004,
            -0.0065914022,
            -0.0026286047,
            -0.0013441777,
            0.017050642,
            -0.0021309326,
            0.00085092367,
            -1.5247877e-07,
        ],
    ]
)
# p, q; then powers of u = log(x), of a = log(alpha) - u, of b = log(total) - a.
_BETA = np.array(
    [
        1.003668233, -0.01061107488, -0.0657888334, 0.01201642863, 0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033,
        -0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013, 0.221950385, -0.3187676331, 0.01799915743, 0.01074823814,
        -0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057, 0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05,
        -0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565, 0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181,
        0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05, 1, -0.02924021934, -0.04438342661, 0.007285809825,
        0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521, -0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149,
        0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273, 0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956,
        -0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05, 0.06469649321, -0.0236701437, 0.002902096474,
        -5.896963079e-05, 0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05, -0.0003477407336, 6.959756487e-05,
        1.097287507e-05, -1.650964693e-06,
    ]
).reshape(2, 3, 3, 4)  # fmt: skip


def _by_region(arrays: list[Any], regions: list[tuple[Callable[..., Any], Callable[..., Any]]]) -> Any:
    """Each element by the formula of the first region that it lies in; computed in float64, only where needed."""
    flat = [np.asarray(a, np.float64).ravel() for a in np.broadcast_arrays(*arrays)]
    out = np.empty(flat[0].shape)
    left = np.ones(out.shape, bool)
    with np.errstate(all="ignore"):
        for inside, formula in regions:
            here = left & inside(*flat)
            if here.any():
                out[here] = formula(*(a[here] for a in flat))
            left &= ~here
    shape = np.broadcast_shapes(*(np.shape(a) for a in arrays))
    return out.reshape(shape).astype(arrays[0].dtype, copy=False)


def _psi(x: Any) -> Any:
    """digamma, which at its poles PyTorch takes for infinite here."""
    return np.where((x <= 0) & (x == np.floor(x)), np.inf, digamma(x))


def _known(values: Any) -> Any:
    return np.where(np.isnan(values), 0.0, values)


def _gamma_small(alpha: Any, x: Any) -> Any:
    """Six terms of the series of the distribution function and of its derivative."""
    numerator, denominator = np.ones_like(x), alpha.copy()
    first, second = 1 / denominator, 1 / (denominator * denominator)
    for i in range(1, 6):
        numerator = numerator * -x / i
        denominator = denominator + 1
        first = first + numerator / denominator
        second = second + numerator / (denominator * denominator)
    power = x**alpha
    moved = (np.log(x) - _psi(alpha)) * (power * first) - power * second
    return _known(-moved / (x ** (alpha - 1) * np.exp(-x)))


def _near_mean(alpha: Any, x: Any) -> Any:
    return (alpha > 8) & (np.float32(0.9) * alpha <= x) & (x <= np.float32(1.1) * alpha)


def _gamma_mean(alpha: Any, x: Any) -> Any:
    square = alpha * alpha
    polynomial = 1440 * square + 6 * x * (53 - 120 * x) - 65 * x * x / alpha + alpha * (107 + 3600 * x)
    return (1 + 24 * alpha * (1 + 12 * alpha)) * polynomial / (1244160 * square * square)


def _gamma_saddle(alpha: Any, x: Any) -> Any:
    """Rice's saddle point expansion, away from its singularity at the mean."""
    root, ratio = np.sqrt(8 * alpha), np.log(x / alpha)
    side, tail = root / (alpha - x), (x - alpha - alpha * ratio) ** -1.5
    term = ratio * np.where(x < alpha, side - tail, side + tail)
    term = term - np.sqrt(2 / alpha) * (alpha + x) / (alpha - x) ** 2
    return -(1 + 1 / (12 * alpha) * (1 + 1 / (24 * alpha))) * x * term / root


def _gamma_fitted(alpha: Any, x: Any) -> Any:
    u, v = np.log(x / alpha), np.log(alpha)
    c = _GAMMA[0][:, None] + u * (_GAMMA[1][:, None] + u * _GAMMA[2][:, None])
    p = c[0] + v * (c[1] + v * (c[2] + v * c[3]))
    q = c[4] + v * (c[5] + v * (c[6] + v * c[7]))
    return np.exp(p / q)


def _anywhere(*arrays: Any) -> Any:
    return np.ones(arrays[0].shape, bool)


_GAMMA_REGIONS = [
    (lambda alpha, x: x < np.float32(0.8), _gamma_small),
    (_near_mean, _gamma_mean),
    (lambda alpha, x: alpha > 8, _gamma_saddle),
    (_anywhere, _gamma_fitted),
]


def _beta_low(x: Any, alpha: Any, total: Any) -> Any:
    """Along alpha, x near 0: a series of eleven terms."""
    beta = total - alpha
    factor = _psi(alpha) - _psi(alpha + beta) - np.log(x)
    numerator, series = np.ones_like(x), 1 / alpha * (factor + 1 / alpha)
    for i in range(1, 11):
        numerator = numerator * ((i - beta) * x / i)
        series = series + numerator / (alpha + i) * (factor + 1 / (alpha + i))
    return _known(x * (1 - x) ** -beta * series)


def _beta_high(x: Any, alpha: Any, total: Any) -> Any:
    """Along alpha, x near 1: that of 1 - x along the other parameter."""
    x, alpha, beta = 1 - x, total - alpha, alpha
    factor = _psi(alpha + beta) - _psi(beta)
    numerator, betas, slopes = np.ones_like(x), np.ones_like(x), np.zeros_like(x)
    series = factor / alpha
    for i in range(1, 9):
        numerator = numerator * (-x / i)
        slopes = slopes * (beta - i) + betas
        betas = betas * (beta - i)
        series = series + numerator / (alpha + i) * (slopes + factor * betas)
    return -_known(-((1 - x) ** (1 - beta)) * series)


def _deviation(alpha: Any, total: Any) -> Any:
    return np.sqrt(alpha * (total - alpha) / (total + 1)) / total


def _both_large(x: Any, alpha: Any, total: Any) -> Any:
    return (alpha > 6) & (total - alpha > 6)


def _at_mean(x: Any, alpha: Any, total: Any) -> Any:
    return _both_large(x, alpha, total) & (np.abs(x - alpha / total) <= 0.1 * _deviation(alpha, total))


def _beta_mean(x: Any, alpha: Any, total: Any) -> Any:
    a, b = alpha, total - alpha
    inner = (453 + 1620 * b * (1 - x) - 455 * x) * b + a * (8 * (1 - x) * (135 * b - 11))
    inner = 3 * (59 + 180 * b - 90 * x) * b**2 + a * inner
    inner = (43 + 20 * (16 + 27 * b) * x) * b**3 + a * inner
    top = (1 + 12 * a) * (1 + 12 * b) / (total * total)
    return top / (1 - x) * (47 * x * b**4 + a * inner) / (12960 * a**3 * b**2 * (1 + 12 * total))


def _stirling(n: Any) -> Any:
    return 1 + 1 / (12 * n) + 1 / (288 * n * n)


def _beta_saddle(x: Any, alpha: Any, total: Any) -> Any:
    a, b = alpha, total - alpha
    away = a * (x - 1) + b * x
    first = 2 * a * a * (x - 1) + a * b * (x - 1) - x * b * b
    first = first / (np.sqrt(2 * a / b) * total**1.5 * away * away)
    third = np.sqrt(8 * a * b / total) / away
    fourth = (b * np.log(b / (total * (1 - x))) + a * np.log(a / (total * x))) ** -1.5
    sum_ = first + 0.5 * np.log(a / (total * x)) * (third + np.where(x < a / total, fourth, -fourth))
    return _stirling(a) * _stirling(b) / _stirling(total) * (-x / np.sqrt(2 * a * b / total)) * sum_


def _beta_fitted(x: Any, alpha: Any, total: Any) -> Any:
    """An analytic approximation times a rational correction."""
    u = np.log(x)
    a = np.log(alpha) - u
    b = np.log(total) - a
    powers = lambda t, n: np.stack([t**i for i in range(n)])
    p, q = np.einsum("kijl,in,jn,ln->kn", _BETA, powers(u, 3), powers(a, 3), powers(b, 4))
    return p / q * (x * (_psi(total) - _psi(alpha)) / (total - alpha))


_BETA_REGIONS = [
    (lambda x, alpha, total: (x <= 0.5) & (total * x * (1 - x) < 2.5), _beta_low),
    (lambda x, alpha, total: (x >= 0.5) & (total * x * (1 - x) < 0.75), _beta_high),
    (_at_mean, _beta_mean),
    (_both_large, _beta_saddle),
    (_anywhere, _beta_fitted),
]


def _underived(name: str) -> Callable[[Any], Any]:
    def refuse(grad: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return refuse


def _no_dirichlet(grad: Any) -> Any:
    raise RuntimeError("derivative for aten::_sample_dirichlet is not implemented")


@op(
    "_standard_gamma_grad",
    tensors="self output",
    grad=dict(self=_underived("_standard_gamma_grad"), output=_underived("_standard_gamma_grad")),
    function=False,
    method=False,
)
def standard_gamma_grad(self: Any, output: Any) -> Any:
    return _by_region([self, output], _GAMMA_REGIONS)


@op(
    "_dirichlet_grad",
    tensors="x alpha total",
    grad={word: _underived("_dirichlet_grad") for word in ("x", "alpha", "total")},
    function=False,
    method=False,
)
def dirichlet_grad(x: Any, alpha: Any, total: Any) -> Any:
    return _by_region([x, alpha, total], _BETA_REGIONS)


# The number itself comes from the generator; the row only says how it hangs on the parameter.
@op(
    "standard_gamma.drawn",
    tensors="self",
    node="StandardGammaBackward0",
    grad=dict(self=lambda grad, self, result: grad * standard_gamma_grad(self, result)),
    function=False,
    method=False,
)
def standard_gamma(self: Any, drawn: Any) -> Any:
    return drawn


@op(
    "sample_dirichlet.drawn", tensors="self", node="NotImplemented", grad=dict(self=_no_dirichlet), function=False, method=False
)  # fmt: skip
def sample_dirichlet(self: Any, drawn: Any) -> Any:
    return drawn
