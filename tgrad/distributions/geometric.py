"""The geometric distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functions as F
from ..dtype import finfo
from ..graph.modes import no_grad
from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from ._either import Either, require_one
from .distribution import Distribution
from .utils import SCALAR, broadcast_all

__all__ = ["Geometric"]


class Geometric(Either, Distribution):
    """Failures before the first success, each try succeeding with probability `probs` (or sigmoid(`logits`)).

    >>> torch.distributions.Geometric(torch.tensor([0.25])).mean
    tensor([3.])
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer
    _expands: ClassVar[Any] = {"probs": 0, "logits": 0}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        require_one(probs, logits)
        if probs is not None:
            (self.probs,) = (given,) = broadcast_all(probs)
        else:
            (self.logits,) = (given,) = broadcast_all(logits)
        super().__init__(given.size(), validate_args=validate_args)
        if self._validate_args and probs is not None:
            positive = given > 0
            if not positive.all():
                raise ValueError(
                    f"Expected parameter probs ({type(given).__name__} of shape {tuple(given.shape)}) of distribution {self!r} "
                    f"to be positive but found invalid values:\n{given.data[~positive]}"
                )

    @property
    def mean(self) -> Any:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Any:
        return F.zeros_like(self.probs)

    @property
    def variance(self) -> Any:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        probs = self.probs
        with no_grad():
            units = probs.new_empty(self._extended_shape(sample_shape)).uniform_(finfo(probs.dtype).tiny, 1)
            return (units.log() / (-probs).log1p()).floor()

    def log_prob(self, value: Any) -> Any:
        value, probs = broadcast_all(self._checked(value), self.probs)
        probs = probs.clone()
        probs[(probs == 1) & (value == 0)] = 0  # 0 * log(0)
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self) -> Any:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs
