"""The Laplace distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functions as F
from ..dtype import finfo
from . import constraints
from .distribution import Distribution
from .utils import SCALAR

__all__ = ["Laplace"]


class Laplace(Distribution):
    """Exponential to both sides of `loc`, with the mean distance `scale`.

    >>> torch.distributions.Laplace(0.0, 1.0).entropy()
    tensor(1.6931)
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _expands: ClassVar[Any] = {"loc": 0, "scale": 0}
    loc: Any
    scale: Any

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(self._broadcast(loc=loc, scale=scale), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        return 2 * self.scale.pow(2)

    @property
    def stddev(self) -> Any:
        return 2**0.5 * self.scale

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        low = finfo(self.loc.dtype).eps - 1
        u = self.loc.new_empty(self._extended_shape(sample_shape)).uniform_(low, 1)
        return self.loc - self.scale * u.sign() * F.log1p(-u.abs())

    def log_prob(self, value: Any) -> Any:
        return -F.log(2 * self.scale) - F.abs(self._checked(value) - self.loc) / self.scale

    def cdf(self, value: Any) -> Any:
        away = self._checked(value) - self.loc
        return 0.5 - 0.5 * away.sign() * F.expm1(-away.abs() / self.scale)

    def icdf(self, value: Any) -> Any:
        off = value - 0.5
        return self.loc - self.scale * off.sign() * F.log1p(-2 * off.abs())

    def entropy(self) -> Any:
        return 1 + F.log(2 * self.scale)
