"""Divergences between distributions of two families."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as F
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform
from .utils import euler_constant as _gamma


def _infinite(parameter: str, p: type, *qs: type) -> None:
    """Registers pairs where p reaches beyond q's support: infinity of the shape of a parameter of p."""
    for q in qs:
        register_kl(p, q)(lambda p, q: F.full_like(getattr(p, parameter), math.inf))


_infinite("concentration1", Beta, Pareto)
_infinite("probs", ContinuousBernoulli, Pareto)
_infinite("rate", Exponential, Beta, ContinuousBernoulli, Pareto, Uniform)
_infinite("concentration", Gamma, Beta, ContinuousBernoulli, Pareto, Uniform)
_infinite("loc", Gumbel, Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_infinite("loc", Laplace, Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_infinite("loc", Normal, Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_infinite("scale", Pareto, Beta, ContinuousBernoulli, Uniform)
_infinite("rate", Poisson, Bernoulli, Binomial)


def _log_gamma_norm(q: Any) -> Any:
    """log of the normalizer of a gamma density."""
    return q.concentration.lgamma() - q.concentration * q.rate.log()


def _share(p: Any) -> Any:
    return p.concentration1 / (p.concentration1 + p.concentration0)


def _unless(result: Any, where: Any) -> Any:
    """Infinite at some places."""
    result[where] = math.inf
    return result


@register_kl(Bernoulli, Poisson)
def _(p: Any, q: Any) -> Any:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


def _from_entropy(p: Any, q: Any) -> Any:
    return -p.entropy() - p.mean * q.logits - F.log1p(-q.probs) - q._cont_bern_log_norm()


register_kl(Beta, ContinuousBernoulli)(_from_entropy)


@register_kl(Beta, Exponential)
def _(p: Any, q: Any) -> Any:
    return -p.entropy() - q.rate.log() + q.rate * _share(p)


@register_kl(Beta, Gamma)
def _(p: Any, q: Any) -> Any:
    expected_log = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    result = -p.entropy() + _log_gamma_norm(q) - (q.concentration - 1) * expected_log
    return result + q.rate * p.concentration1 / (p.concentration1 + p.concentration0)


@register_kl(Beta, Normal)
def _(p: Any, q: Any) -> Any:
    mean, variance = _share(p), q.scale.pow(2)
    second = mean * (1 - mean) / (p.concentration1 + p.concentration0 + 1) + mean.pow(2)
    away = second * 0.5 - q.loc * mean + q.loc.pow(2) * 0.5
    return -p.entropy() + 0.5 * (variance * 2 * math.pi).log() + away / variance


@register_kl(Beta, Uniform)
def _(p: Any, q: Any) -> Any:
    result = -p.entropy() + (q.high - q.low).log()
    return _unless(result, (q.low > p.support.lower_bound) | (q.high < p.support.upper_bound))


@register_kl(ContinuousBernoulli, Exponential)
def _(p: Any, q: Any) -> Any:
    return -p.entropy() - F.log(q.rate) + q.rate * p.mean


@register_kl(ContinuousBernoulli, Normal)
def _(p: Any, q: Any) -> Any:
    norm = 0.5 * (math.log(2.0 * math.pi) + F.square(q.loc / q.scale)) + F.log(q.scale)
    away = (p.variance + F.square(p.mean) - 2.0 * q.loc * p.mean) / (2.0 * F.square(q.scale))
    return -p.entropy() + norm + away


@register_kl(ContinuousBernoulli, Uniform)
def _(p: Any, q: Any) -> Any:
    result = -p.entropy() + (q.high - q.low).log()
    # PyTorch calls it infinite from the ends of the interval on.
    beyond = F.max(F.ge(q.low, p.support.lower_bound), F.le(q.high, p.support.upper_bound))
    return F.where(beyond, F.full_like(result, math.inf), result)


@register_kl(Exponential, Gamma)
def _(p: Any, q: Any) -> Any:
    ratio, a = q.rate / p.rate, q.concentration
    return -a * F.log(ratio) + ratio + a.lgamma() + a * _gamma - (1 + _gamma)


@register_kl(Exponential, Gumbel)
def _(p: Any, q: Any) -> Any:
    product, place = p.rate * q.scale, q.loc / q.scale
    tail = F.exp(place) * product / (product + 1)
    return product.log() - 1 - place + tail + product.reciprocal()


@register_kl(Exponential, Normal)
def _(p: Any, q: Any) -> Any:
    variance, square = q.scale.pow(2), p.rate.pow(2)
    away = square.reciprocal() - q.loc / p.rate + q.loc.pow(2) * 0.5
    return 0.5 * F.log(square * variance * 2 * math.pi) - 1 + away / variance


@register_kl(Gamma, Exponential)
def _(p: Any, q: Any) -> Any:
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Gamma, Gumbel)
def _(p: Any, q: Any) -> Any:
    a, product, place = p.concentration, p.rate * q.scale, q.loc / q.scale
    own = (a - 1) * a.digamma() - a.lgamma() - a
    tail = F.exp(place) * (1 + product.reciprocal()).pow(-a) - place
    return own + product.log() + a / product + tail


@register_kl(Gamma, Normal)
def _(p: Any, q: Any) -> Any:
    a, variance, square = p.concentration, q.scale.pow(2), p.rate.pow(2)
    norm = 0.5 * F.log(square * variance * 2 * math.pi) - a - a.lgamma()
    away = 0.5 * (a.pow(2) + a) / square - q.loc * a / p.rate + 0.5 * q.loc.pow(2)
    return norm + (a - 1) * a.digamma() + away / variance


@register_kl(Gumbel, Normal)
def _(p: Any, q: Any) -> Any:
    ratio = p.scale / q.scale
    spread = (math.pi * ratio * 0.5).pow(2) / 3
    away = ((p.loc + p.scale * _gamma - q.loc) / q.scale).pow(2) * 0.5
    return -(ratio / math.sqrt(2 * math.pi)).log() + spread + away - (_gamma + 1)


@register_kl(Laplace, Normal)
def _(p: Any, q: Any) -> Any:
    variance = q.scale.pow(2)
    ratio = p.scale.pow(2) / variance
    away = 0.5 * p.loc.pow(2) - p.loc * q.loc + 0.5 * q.loc.pow(2)
    return -0.5 * F.log(2 * ratio / math.pi) + ratio + away / variance - 1


@register_kl(Normal, Gumbel)
def _(p: Any, q: Any) -> Any:
    own, other, ratio = p.loc / q.scale, q.loc / q.scale, (p.scale / q.scale).pow(2)
    tail = F.exp(-own + 0.5 * ratio + other)
    return -(ratio.log() * 0.5) + (own - other) + tail - 0.5 * (1 + math.log(2 * math.pi))


@register_kl(Normal, Laplace)
def _(p: Any, q: Any) -> Any:
    away = p.loc - q.loc
    steps = away / p.scale
    distance = math.sqrt(2 / math.pi) * p.scale * F.exp(-0.5 * steps.pow(2)) + away * F.erf(math.sqrt(0.5) * steps)
    return -F.log(p.scale / q.scale) + distance / q.scale - 0.5 * (1 + math.log(0.5 * math.pi))


@register_kl(Pareto, Exponential)
def _(p: Any, q: Any) -> Any:
    product = p.scale * q.rate
    result = (p.alpha / product).log() - p.alpha.reciprocal() + p.alpha * product / (p.alpha - 1) - 1
    return _unless(result, p.alpha <= 1)


@register_kl(Pareto, Gamma)
def _(p: Any, q: Any) -> Any:
    expected_log = p.scale.log() + p.alpha.reciprocal()
    result = p.alpha.log() - expected_log + _log_gamma_norm(q) + (1 - q.concentration) * expected_log
    return _unless(result + q.rate * p.alpha * p.scale / (p.alpha - 1) - 1, p.alpha <= 1)


@register_kl(Pareto, Normal)
def _(p: Any, q: Any) -> Any:
    part = p.scale / (p.alpha - 1)
    norm = (math.sqrt(2 * math.pi) * q.scale * p.alpha / p.scale).log() - p.alpha.reciprocal()
    away = p.alpha * part.pow(2) / (p.alpha - 2) + (p.alpha * part - q.loc).pow(2)
    return _unless(norm + away / (2 * q.scale.pow(2)) - 1, p.alpha <= 2)


def _x_log_x(x: Any) -> Any:
    return F.xlogy(x, x)


def _mean_log(low: Any, high: Any) -> Any:
    """The mean of log x over an interval."""
    return (_x_log_x(high) - _x_log_x(low) - (high - low)) / (high - low)


@register_kl(Uniform, Beta)
def _(p: Any, q: Any) -> Any:
    one = (q.concentration1 - 1) * _mean_log(p.low, p.high)
    zero = (q.concentration0 - 1) * _mean_log(1 - p.high, 1 - p.low)
    norm = q.concentration1.lgamma() + q.concentration0.lgamma() - (q.concentration1 + q.concentration0).lgamma()
    result = norm - F.log(p.high - p.low) - one - zero
    return _unless(result, (p.high > q.support.upper_bound) | (p.low < q.support.lower_bound))


@register_kl(Uniform, ContinuousBernoulli)
def _(p: Any, q: Any) -> Any:
    result = _from_entropy(p, q)
    beyond = F.max(F.ge(p.high, q.support.upper_bound), F.le(p.low, q.support.lower_bound))
    return F.where(beyond, F.full_like(result, math.inf), result)


@register_kl(Uniform, Exponential)
def _(p: Any, q: Any) -> Any:
    result = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return _unless(result, p.low < q.support.lower_bound)


@register_kl(Uniform, Gamma)
def _(p: Any, q: Any) -> Any:
    result = -(p.high - p.low).log() + _log_gamma_norm(q) + (1 - q.concentration) * _mean_log(p.low, p.high)
    return _unless(result + q.rate * (p.high + p.low) / 2, p.low < q.support.lower_bound)


@register_kl(Uniform, Gumbel)
def _(p: Any, q: Any) -> Any:
    ratio, high, low = q.scale / (p.high - p.low), (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return ratio.log() + 0.5 * (high + low) - ratio * (F.exp(-high) - F.exp(-low))


@register_kl(Uniform, Normal)
def _(p: Any, q: Any) -> Any:
    width = p.high - p.low
    away = width.pow(2) / 12 + ((p.high + p.low - 2 * q.loc) / 2).pow(2)
    return (math.sqrt(math.pi * 2) * q.scale / width).log() + 0.5 * away / q.scale.pow(2)


@register_kl(Uniform, Pareto)
def _(p: Any, q: Any) -> Any:
    result = _mean_log(p.low, p.high) * (q.alpha + 1)
    result = result - (q.alpha * q.scale.pow(q.alpha) * (p.high - p.low)).log()
    return _unless(result, p.low < q.support.lower_bound)
