"""The generalized Pareto distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functions as F
from . import constraints
from .distribution import Distribution
from .utils import SCALAR

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Exceedances over `loc`, of the given `scale`; the tail is heavy for a positive `concentration`, exponential for 0, and ends
    for a negative one.

    >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
    tensor(2.)
    """

    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    _expands: ClassVar[Any] = {"loc": 0, "scale": 0, "concentration": 0}
    loc: Any
    scale: Any
    concentration: Any

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        shape = self._broadcast(loc=loc, scale=scale, concentration=concentration)
        super().__init__(shape, validate_args=validate_args)

    def _safe(self) -> tuple[Any, Any]:
        """Where the tail is exponential, and the concentration with 1 at those places."""
        zero = F.isclose(self.concentration, F.zeros_like(self.concentration))
        return zero, F.where(zero, F.ones_like(self.concentration), self.concentration)

    def _z(self, x: Any) -> Any:
        return (x - self.loc) / self.scale

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        return self.icdf(F.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value: Any) -> Any:
        z = self._z(self._checked(value))
        zero, k = self._safe()
        power = 1 / k + F.ones_like(z)
        other = F.where(power == 0, power, power * F.log1p(k * z))
        return -self.scale.log() - F.where(zero, z, other)

    def log_survival_function(self, value: Any) -> Any:
        """The logarithm of the probability of values beyond `value`."""
        z = self._z(self._checked(value))
        zero, k = self._safe()
        return F.where(zero, -z, -F.log1p(k * z) / k)

    def log_cdf(self, value: Any) -> Any:
        """The logarithm of `cdf`."""
        return F.log1p(-F.exp(self.log_survival_function(value)))

    def cdf(self, value: Any) -> Any:
        return F.exp(self.log_cdf(value))

    def icdf(self, value: Any) -> Any:
        zero, k = self._safe()
        log_rest = F.log1p(-value)
        other = self.loc + self.scale / k * F.expm1(-k * log_rest)
        return F.where(zero, self.loc - self.scale * log_rest, other)

    @property
    def mean(self) -> Any:
        finite = self.concentration < 1
        k = F.where(finite, self.concentration, 0.5)
        return F.where(finite, self.loc + self.scale / (1 - k), math.nan)

    @property
    def variance(self) -> Any:
        finite = self.concentration < 0.5
        k = F.where(finite, self.concentration, 0.25)
        return F.where(finite, self.scale**2 / ((1 - k) ** 2 * (1 - 2 * k)), math.nan)

    def entropy(self) -> Any:
        return F.broadcast_to(F.log(self.scale) + self.concentration + 1, self._batch_shape)

    @property
    def mode(self) -> Any:
        return self.loc

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        end = F.where(self.concentration < 0, self.loc - self.scale / self.concentration, math.inf)
        return constraints.interval(self.loc, end)
