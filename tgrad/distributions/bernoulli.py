"""The Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functions as F
from ..graph.modes import no_grad
from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from ._either import Either, require_one
from .exp_family import ExponentialFamily
from .utils import SCALAR, broadcast_all

__all__ = ["Bernoulli"]


class Bernoulli(Either, ExponentialFamily):
    """1 with probability `probs` (or sigmoid(`logits`)), else 0.

    >>> torch.distributions.Bernoulli(torch.tensor([0.25])).variance
    tensor([0.1875])
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0
    _expands: ClassVar[Any] = {"probs": 0, "logits": 0, "_param": 0}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        require_one(probs, logits)
        if probs is not None:
            (self.probs,) = (self._param,) = broadcast_all(probs)
        else:
            (self.logits,) = (self._param,) = broadcast_all(logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        mode = (self.probs >= 0.5).to(self.probs)
        mode[self.probs == 0.5] = math.nan
        return mode

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        with no_grad():
            return F.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, self._checked(value))
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Any:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Any:
        return self._enumerated(F.arange(2, dtype=self._param.dtype), expand)

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (F.logit(self.probs),)

    def _log_normalizer(self, x: Any) -> Any:
        return F.log1p(F.exp(x))
