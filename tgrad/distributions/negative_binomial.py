"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functions as F
from ..graph.modes import no_grad
from ..nn.functional import logsigmoid
from . import constraints
from ._either import Either, require_one
from .distribution import Distribution
from .gamma import Gamma
from .utils import SCALAR, lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Either, Distribution):
    """Successes of probability `probs` (or sigmoid(`logits`)) until `total_count` failures.

    >>> torch.distributions.NegativeBinomial(3, probs=torch.tensor([0.5])).mean
    tensor([3.])
    """

    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _expands: ClassVar[Any] = {"total_count": 0, "probs": 0, "logits": 0, "_param": 0}
    total_count: Any

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        require_one(probs, logits)
        name = "probs" if probs is not None else "logits"
        shape = self._broadcast(total_count=total_count, **{name: probs if probs is not None else logits})
        self._param = getattr(self, name)
        self.total_count = self.total_count.type_as(self._param)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.total_count * F.exp(self.logits)

    @property
    def mode(self) -> Any:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Any:
        return self.mean / F.sigmoid(-self.logits)

    @lazy_property
    def _gamma(self) -> Any:
        return Gamma(concentration=self.total_count, rate=F.exp(-self.logits), validate_args=False)

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        with no_grad():
            return F.poisson(self._gamma.sample(sample_shape=sample_shape))

    def log_prob(self, value: Any) -> Any:
        value, n = self._checked(value), self.total_count
        powers = n * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        normalizer = -F.lgamma(n + value) + F.lgamma(1.0 + value) + F.lgamma(n)
        return powers - normalizer.masked_fill(n + value == 0.0, 0.0)
