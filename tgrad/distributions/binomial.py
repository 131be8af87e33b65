"""The binomial distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functions as F
from ..graph.modes import no_grad
from . import constraints
from ._either import Either, require_one
from .distribution import Distribution
from .utils import SCALAR

__all__ = ["Binomial"]


def _positive_part(x: Any) -> Any:
    """max(x, 0), whose gradient at 0 is 1/2."""
    return (x.clamp(min=0) + x - x.clamp(max=0)) / 2


class Binomial(Either, Distribution):
    """Successes in `total_count` tries of probability `probs` (or sigmoid(`logits`)).

    >>> torch.distributions.Binomial(10, probs=torch.tensor([0.25])).mean
    tensor([2.5000])
    """

    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.nonnegative_integer, "probs": constraints.unit_interval, "logits": constraints.real
    }  # fmt: skip
    has_enumerate_support = True
    _expands: ClassVar[Any] = {"total_count": 0, "probs": 0, "logits": 0, "_param": 0}
    total_count: Any

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        require_one(probs, logits)
        name = "probs" if probs is not None else "logits"
        shape = self._broadcast(total_count=total_count, **{name: probs if probs is not None else logits})
        self._param = getattr(self, name)
        self.total_count = self.total_count.type_as(self._param)
        super().__init__(shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Any:
        return self.total_count * self.probs

    @property
    def mode(self) -> Any:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return F.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Any) -> Any:
        value, n, logits = self._checked(value), self.total_count, self.logits
        # n * log(1 + exp(logits)), without overflow
        normalizer = n * _positive_part(logits) + n * F.log1p(F.exp(-F.abs(logits))) - F.lgamma(n + 1)
        return value * logits - F.lgamma(value + 1) - F.lgamma(n - value + 1) - normalizer

    def _one_count(self, asked: str) -> int:
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{asked}`.")
        return count

    def entropy(self) -> Any:
        self._one_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(F.exp(log_prob) * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Any:
        count = self._one_count("enumerate_support")
        return self._enumerated(F.arange(1 + count, dtype=self._param.dtype), expand)
