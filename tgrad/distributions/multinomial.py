"""The multinomial distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functions as F
from ..shape import Size
from . import constraints
from ._either import OfCategorical
from .binomial import Binomial
from .categorical import Categorical
from .distribution import Distribution
from .utils import SCALAR, broadcast_all

__all__ = ["Multinomial"]


class Multinomial(OfCategorical, Distribution):
    """How often each of K outcomes comes up in `total_count` draws from a `Categorical`.

    >>> torch.distributions.Multinomial(8, probs=torch.tensor([1.0, 3.0])).mean
    tensor([2., 6.])
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _expands: ClassVar[Any] = {"_categorical": 0}
    _keeps = ("total_count",)

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        event_shape = self._categorical.param_shape[-1:]
        super().__init__(self._categorical.batch_shape, event_shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Any:
        return self.probs * self.total_count

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        sample_shape = Size(sample_shape)
        outcomes = self._categorical.sample(Size((self.total_count,)) + sample_shape).movedim(0, -1)
        counts = outcomes.new_zeros(self._extended_shape(sample_shape))
        return counts.scatter_add_(-1, outcomes, F.ones_like(outcomes)).type_as(self.probs)

    def entropy(self) -> Any:
        n = F.tensor(self.total_count)
        ordered = n * self._categorical.entropy() - F.lgamma(n + 1)
        counts = self._binomial.enumerate_support(expand=False)[1:]
        return ordered + (F.exp(self._binomial.log_prob(counts)) * F.lgamma(counts + 1)).sum([0, -1])

    def log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, self._checked(value))
        logits = logits.clone()
        logits[(value == 0) & (logits == -math.inf)] = 0
        orders = F.lgamma(value.sum(-1) + 1) - F.lgamma(value + 1).sum(-1)
        return orders + (logits * value).sum(-1)
