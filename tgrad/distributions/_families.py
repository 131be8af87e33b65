"""Divergences between two distributions of one family, and of distributions made of others."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as F
from .. import linalg
from ..autograd import grad
from ..nn.functional import softplus
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .kl import kl_divergence, register_kl
from .laplace import Laplace
from .lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    _batch_lowrank_logdet,
    _batch_lowrank_mahalanobis,
)
from .multivariate_normal import MultivariateNormal, _batch_mahalanobis, _half_logdet
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import _sum_rightmost
from .utils import euler_constant as _gamma

_SPACES = " " * 25  # PyTorch's messages hold the indentation of a continued line


@register_kl(Bernoulli, Bernoulli)
def _(p: Any, q: Any) -> Any:
    ones = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    ones[q.probs == 0] = math.inf
    ones[p.probs == 0] = 0
    zeros = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    zeros[q.probs == 1] = math.inf
    zeros[p.probs == 1] = 0
    return ones + zeros


@register_kl(Beta, Beta)
def _(p: Any, q: Any) -> Any:
    total_p, total_q = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    beta_q = q.concentration1.lgamma() + q.concentration0.lgamma() + total_p.lgamma()
    beta_p = p.concentration1.lgamma() + p.concentration0.lgamma() + total_q.lgamma()
    one = (p.concentration1 - q.concentration1) * F.digamma(p.concentration1)
    zero = (p.concentration0 - q.concentration0) * F.digamma(p.concentration0)
    return beta_q - beta_p + one + zero + (total_q - total_p) * F.digamma(total_p)


@register_kl(Binomial, Binomial)
def _(p: Any, q: Any) -> Any:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    kl[p.total_count > q.total_count] = math.inf
    return kl


@register_kl(Categorical, Categorical)
def _categorical(p: Any, q: Any) -> Any:
    terms = p.probs * (p.logits - q.logits)
    terms[(q.probs == 0).expand_as(terms)] = math.inf
    terms[(p.probs == 0).expand_as(terms)] = 0
    return terms.sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _(p: Any, q: Any) -> Any:
    return _categorical(p._categorical, q._categorical)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _(p: Any, q: Any) -> Any:
    own = p._cont_bern_log_norm() + F.log1p(-p.probs)
    return p.mean * (p.logits - q.logits) + own - q._cont_bern_log_norm() - F.log1p(-q.probs)


@register_kl(Dirichlet, Dirichlet)
def _(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    expected = a.digamma() - total.digamma().unsqueeze(-1)
    betas = total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return betas + ((a - b) * expected).sum(-1)


@register_kl(Exponential, Exponential)
def _(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _(p: Any, q: Any) -> Any:
    """The Bregman divergence of the log normalizer."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot"
            + _SPACES
            + "    be computed using Bregman divergences"
        )
    params = [x.detach().requires_grad_() for x in p._natural_params]
    theirs = q._natural_params
    normalizer = p._log_normalizer(*params)
    slopes = grad(normalizer.sum(), params, create_graph=True)
    result = q._log_normalizer(*theirs) - normalizer
    for x, y, slope in zip(params, theirs, slopes, strict=True):
        result = result - _sum_rightmost((y - x) * slope, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    powers = b * (p.rate / q.rate).log() + (F.lgamma(b) - F.lgamma(a))
    return powers + (a - b) * F.digamma(a) + (q.rate - p.rate) * (a / p.rate)


@register_kl(Gumbel, Gumbel)
def _(p: Any, q: Any) -> Any:
    ratio, own, other = p.scale / q.scale, p.loc / q.scale, q.loc / q.scale
    tail = F.exp(other + (1 + ratio).lgamma() - own)
    return -ratio.log() - other + own + ratio * _gamma + tail - (1 + _gamma)


@register_kl(Geometric, Geometric)
def _(p: Any, q: Any) -> Any:
    return -p.entropy() - F.log1p(-q.probs) / p.probs - q.logits


@register_kl(Normal, Normal)
def _normal(p: Any, q: Any) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _(p: Any, q: Any) -> Any:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _(p: Any, q: Any) -> Any:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * F.exp(-away / p.scale) - 1


@register_kl(Pareto, Pareto)
def _(p: Any, q: Any) -> Any:
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    result[p.support.lower_bound < q.support.lower_bound] = math.inf
    return result


@register_kl(Poisson, Poisson)
def _(p: Any, q: Any) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _(p: Any, q: Any) -> Any:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    result[(q.low > p.low) | (q.high < p.high)] = math.inf
    return result


@register_kl(Cauchy, Cauchy)
def _(p: Any, q: Any) -> Any:
    return ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log() - (4 * p.scale * q.scale).log()


@register_kl(TransformedDistribution, TransformedDistribution)
def _(p: Any, q: Any) -> Any:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


def _squares(matrix: Any) -> Any:
    """The sum of all squares of each matrix: the trace of M M^T."""
    return matrix.reshape(-1, matrix.size(-1) * matrix.size(-2)).pow(2).sum(-1).reshape(matrix.shape[:-2])


def _one_event_shape(p: Any, q: Any, what: str) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {what} Normals with{_SPACES} different event shapes cannot be computed"
        )


def _of_tril(d: Any) -> Any:
    return 2 * _half_logdet(d._unbroadcasted_scale_tril)


def _of_factor(d: Any) -> Any:
    W, D = d._parts
    return _batch_lowrank_logdet(W, D, d._capacitance_tril)


def _against_factor(p: Any, q: Any) -> Any:
    """Woodbury's correction matrix for q, and the Mahalanobis distance of the means."""
    W, D = q._parts
    A = linalg.solve_triangular(q._capacitance_tril, W.mT / D.unsqueeze(-2), upper=False)
    return A, _batch_lowrank_mahalanobis(W, D, q.loc - p.loc, q._capacitance_tril)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _(p: Any, q: Any) -> Any:
    _one_event_shape(p, q, "Low Rank Multivariate")
    (W, D), E = p._parts, q._unbroadcasted_cov_diag
    A, away = _against_factor(p, q)
    trace = (D / E).sum(-1) + _squares(W * E.rsqrt().unsqueeze(-1))
    trace = trace - _squares(A * D.sqrt().unsqueeze(-2)) - _squares(A.matmul(W))
    return 0.5 * (_of_factor(q) - _of_factor(p) + trace + away - p.event_shape[0])


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _(p: Any, q: Any) -> Any:
    _one_event_shape(p, q, "(Low Rank) Multivariate")
    A, away = _against_factor(p, q)
    L = p._unbroadcasted_scale_tril
    trace = _squares(L * q._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1)) - _squares(A.matmul(L))
    return 0.5 * (_of_factor(q) - _of_tril(p) + trace + away - p.event_shape[0])


def _whitened(q: Any, *matrices: Any) -> Any:
    """The sum of squares of L^-1 M for q's Cholesky factor L and each of some batches of matrices."""
    L, n = q._unbroadcasted_scale_tril, q.event_shape[0]
    total: Any = 0
    for m in matrices:
        batch = F.broadcast_shapes(L.shape[:-2], m.shape[:-2])
        tril, m = L.expand(batch + (n, n)), m.expand(batch + m.shape[-2:])
        total = total + _squares(linalg.solve_triangular(tril, m, upper=False))
    return total


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _(p: Any, q: Any) -> Any:
    _one_event_shape(p, q, "(Low Rank) Multivariate")
    W, D = p._parts
    trace = _whitened(q, W, F.diag_embed(D.sqrt()))
    away = _batch_mahalanobis(q._unbroadcasted_scale_tril, q.loc - p.loc)
    return 0.5 * (_of_tril(q) - _of_factor(p) + trace + away - p.event_shape[0])


@register_kl(MultivariateNormal, MultivariateNormal)
def _(p: Any, q: Any) -> Any:
    _one_event_shape(p, q, "Multivariate")
    half = _half_logdet(q._unbroadcasted_scale_tril) - _half_logdet(p._unbroadcasted_scale_tril)
    away = _batch_mahalanobis(q._unbroadcasted_scale_tril, q.loc - p.loc)
    return half + 0.5 * (_whitened(q, p._unbroadcasted_scale_tril) + away - p.event_shape[0])
