"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functions as F
from ..graph.modes import no_grad
from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from ._either import Either, require_one
from .exp_family import ExponentialFamily
from .utils import SCALAR, broadcast_all, clamp_probs, lazy_property, logits_to_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(Either, ExponentialFamily):
    """Density proportional to probs ** x * (1 - probs) ** (1 - x) on [0, 1] (Loaiza-Ganem and Cunningham, 2019).

    The formulas are 0 / 0 at probs = 1/2; between the two `lims` around it Taylor's series stand in.

    >>> torch.distributions.ContinuousBernoulli(torch.tensor([0.5])).mean
    tensor([0.5000])
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0
    _expands: ClassVar[Any] = {"probs": 0, "logits": 0, "_param": 0}
    _keeps = ("_lims",)

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        require_one(probs, logits)
        if probs is not None:
            (probs,) = broadcast_all(probs)
            if validate_args is not None and not constraints.unit_interval.check(probs).all():
                raise ValueError("The parameter probs has invalid values")
            self._param = self.probs = clamp_probs(probs)
        else:
            (self.logits,) = (self._param,) = broadcast_all(logits)
        self._lims = lims
        super().__init__(self._param.size(), validate_args=validate_args)

    @lazy_property
    def probs(self) -> Any:
        """The parameter as probabilities, off 0 and 1."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _outside_unstable_region(self) -> Any:
        return F.max(F.le(self.probs, self._lims[0]), F.gt(self.probs, self._lims[1]))

    def _cut_probs(self) -> Any:
        return F.where(self._outside_unstable_region(), self.probs, self._lims[0] * F.ones_like(self.probs))

    def _split(self, formula: Any, taylor: Any) -> Any:
        return F.where(self._outside_unstable_region(), formula, taylor)

    def _cont_bern_log_norm(self) -> Any:
        p = self._cut_probs()
        low = F.where(F.le(p, 0.5), p, F.zeros_like(p))
        high = F.where(F.ge(p, 0.5), p, F.ones_like(p))
        log_norm = F.log(F.abs(F.log1p(-p) - F.log(p)))
        log_norm = log_norm - F.where(F.le(p, 0.5), F.log1p(-2.0 * low), F.log(2.0 * high - 1.0))
        x = F.pow(self.probs - 0.5, 2)
        return self._split(log_norm, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self) -> Any:
        p = self._cut_probs()
        x = self.probs - 0.5
        taylor = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * F.pow(x, 2)) * x
        return self._split(p / (2.0 * p - 1.0) + 1.0 / (F.log1p(-p) - F.log(p)), taylor)

    @property
    def stddev(self) -> Any:
        return F.sqrt(self.variance)

    @property
    def variance(self) -> Any:
        p = self._cut_probs()
        x = F.pow(self.probs - 0.5, 2)
        taylor = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        exact = p * (p - 1.0) / F.pow(1.0 - 2.0 * p, 2) + 1.0 / F.pow(F.log1p(-p) - F.log(p), 2)
        return self._split(exact, taylor)

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        return self.icdf(F.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, self._checked(value))
        return -binary_cross_entropy_with_logits(logits, value, reduction="none") + self._cont_bern_log_norm()

    def cdf(self, value: Any) -> Any:
        value, p = self._checked(value), self._cut_probs()
        exact = (F.pow(p, value) * F.pow(1.0 - p, 1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inside = F.where(F.ge(value, 1.0), F.ones_like(value), self._split(exact, value))
        return F.where(F.le(value, 0.0), F.zeros_like(value), inside)

    def icdf(self, value: Any) -> Any:
        p = self._cut_probs()
        exact = (F.log1p(-p + value * (2.0 * p - 1.0)) - F.log1p(-p)) / (F.log(p) - F.log1p(-p))
        return self._split(exact, value)

    def entropy(self) -> Any:
        log0, log1 = F.log1p(-self.probs), F.log(self.probs)
        return self.mean * (log0 - log1) - self._cont_bern_log_norm() - log0

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Any) -> Any:
        low, high = self._lims[0] - 0.5, self._lims[1] - 0.5
        outside = F.max(F.le(x, low), F.gt(x, high))
        cut = F.where(outside, x, low * F.ones_like(x))
        exact = F.log(F.abs(F.expm1(cut))) - F.log(F.abs(cut))
        return F.where(outside, exact, 0.5 * x + F.pow(x, 2) / 24.0 - F.pow(x, 4) / 2880.0)
