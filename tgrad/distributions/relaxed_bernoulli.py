"""Bernoulli distributions made continuous."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functions as F
from . import constraints
from ._either import Either, require_one
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import SigmoidTransform
from .utils import SCALAR, broadcast_all, clamp_probs

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(Either, Distribution):
    """The logit of a `RelaxedBernoulli` number (Maddison et al., 2017; Jang et al., 2017)."""

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    _expands: ClassVar[Any] = {"probs": 0, "logits": 0, "_param": 0}
    _keeps = ("temperature",)

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        require_one(probs, logits)
        if probs is not None:
            (self.probs,) = (self._param,) = broadcast_all(probs)
        else:
            (self.logits,) = (self._param,) = broadcast_all(logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        units = clamp_probs(F.rand(shape, dtype=probs.dtype))
        return (units.log() - (-units).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, self._checked(value))
        away = logits - value.mul(self.temperature)
        return self.temperature.log() + away - 2 * away.exp().log1p()


class RelaxedBernoulli(TransformedDistribution):
    """A Bernoulli number made continuous: between 0 and 1, nearer to them for a small `temperature`, and differentiable.

    >>> torch.distributions.RelaxedBernoulli(torch.tensor([2.0]), probs=torch.tensor([0.5])).support
    Interval(lower_bound=0.0, upper_bound=1.0)
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(
            LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args=validate_args
        )

    @property
    def temperature(self) -> Any:
        """How far from discrete the values are."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Any:
        """The parameter as logits."""
        return self.base_dist.logits

    @property
    def probs(self) -> Any:
        """The parameter as probabilities."""
        return self.base_dist.probs
