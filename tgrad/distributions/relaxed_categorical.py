"""Categorical distributions made continuous."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functions as F
from . import constraints
from ._either import OfCategorical
from .categorical import Categorical
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform
from .utils import SCALAR, broadcast_all, clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(OfCategorical, Distribution):
    """The logarithm of `RelaxedOneHotCategorical` values: Gumbel noise on the logits (Maddison et al., 2017)."""

    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector  # strictly, those whose exponentials add up to 1
    has_rsample = True
    _expands: ClassVar[Any] = {"_categorical": 0}
    _keeps = ("temperature",)

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        event_shape = self._categorical.param_shape[-1:]
        super().__init__(self._categorical.batch_shape, event_shape, validate_args=validate_args)

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        units = clamp_probs(F.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype))
        scores = (self.logits - (-units.log()).log()) / self.temperature
        return scores - scores.logsumexp(dim=-1, keepdim=True)

    def log_prob(self, value: Any) -> Any:
        n = self._categorical._num_events
        logits, value = broadcast_all(self.logits, self._checked(value))
        normalizer = F.full_like(self.temperature, float(n)).lgamma() - self.temperature.log().mul(-(n - 1))
        score = logits - value.mul(self.temperature)
        return (score - score.logsumexp(dim=-1, keepdim=True)).sum(-1) + normalizer


class RelaxedOneHotCategorical(TransformedDistribution):
    """One-hot vectors made continuous: points on the simplex, nearer to its corners for a small `temperature`.

    >>> torch.distributions.RelaxedOneHotCategorical(torch.tensor([2.0]), probs=torch.tensor([0.5, 0.5])).event_shape
    torch.Size([2])
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

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
