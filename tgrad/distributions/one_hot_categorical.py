"""Categorical distributions over one-hot vectors."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functions as F
from ..nn.functional import one_hot
from ..shape import Size
from . import constraints
from ._either import OfCategorical
from .categorical import Categorical
from .distribution import Distribution
from .utils import SCALAR

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(OfCategorical, Distribution):
    """A `Categorical` whose values are one-hot vectors [..., K].

    >>> torch.distributions.OneHotCategorical(torch.tensor([1.0, 3.0])).mode
    tensor([0., 1.])
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True
    _expands: ClassVar[Any] = {"_categorical": 0}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits)
        event_shape = self._categorical.param_shape[-1:]
        super().__init__(self._categorical.batch_shape, event_shape, validate_args=validate_args)

    @property
    def _param(self) -> Any:
        return self._categorical._param

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        return one_hot(self.probs.argmax(dim=-1), num_classes=self.probs.shape[-1]).to(self.probs)

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        return one_hot(self._categorical.sample(Size(sample_shape)), self._categorical._num_events).to(self.probs)

    def log_prob(self, value: Any) -> Any:
        return self._categorical.log_prob(self._checked(value).max(-1)[1])

    def entropy(self) -> Any:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Any:
        n, batch = self.event_shape[0], self.batch_shape
        values = F.eye(n, dtype=self._param.dtype).view((n,) + (1,) * len(batch) + (n,))
        return values.expand((n, *batch, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The same, with `rsample`: the gradient goes to the probabilities as if they were the sample (Bengio et al., 2013)."""

    has_rsample = True

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
