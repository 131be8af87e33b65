"""The gamma distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functions as F
from ..dtype import finfo
from ..special import gammainc
from . import constraints
from .exp_family import ExponentialFamily
from .utils import SCALAR

__all__ = ["Gamma"]


def _standard_gamma(concentration: Any) -> Any:
    return F._standard_gamma(concentration)


class Gamma(ExponentialFamily):
    """The gamma distribution of shape `concentration` and `rate`.

    >>> torch.distributions.Gamma(3.0, 2.0).mean
    tensor(1.5000)
    """

    arg_constraints: ClassVar[Any] = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0
    _expands: ClassVar[Any] = {"concentration": 0, "rate": 0}
    concentration: Any
    rate: Any

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        super().__init__(self._broadcast(concentration=concentration, rate=rate), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.concentration / self.rate

    @property
    def mode(self) -> Any:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Any:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        shape = self._extended_shape(sample_shape)
        value = _standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=finfo(value.dtype).tiny)  # beside the graph: the gradient is that of the number drawn
        return value

    def log_prob(self, value: Any) -> Any:
        value = self._checked(F.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device))
        powers = F.xlogy(self.concentration, self.rate) + F.xlogy(self.concentration - 1, value)
        return powers - self.rate * value - F.lgamma(self.concentration)

    def cdf(self, value: Any) -> Any:
        return gammainc(self.concentration, self.rate * self._checked(value))

    def entropy(self) -> Any:
        a = self.concentration
        return a - F.log(self.rate) + F.lgamma(a) + (1.0 - a) * F.digamma(a)

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        return F.lgamma(x + 1) + (x + 1) * F.log(-y.reciprocal())
