"""The Poisson distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functions as F
from ..graph.modes import no_grad
from . import constraints
from .exp_family import ExponentialFamily
from .utils import SCALAR, broadcast_all

__all__ = ["Poisson"]


class Poisson(ExponentialFamily):
    """How many events happen in a unit of time if they come at `rate`.

    >>> torch.distributions.Poisson(torch.tensor([4.0])).variance
    tensor([4.])
    """

    arg_constraints: ClassVar[Any] = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    _expands: ClassVar[Any] = {"rate": 0}
    rate: Any

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        super().__init__(self._broadcast(rate=rate), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.rate

    @property
    def mode(self) -> Any:
        return self.rate.floor()

    @property
    def variance(self) -> Any:
        return self.rate

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        with no_grad():
            return F.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        rate, value = broadcast_all(self.rate, self._checked(value))
        return value.xlogy(rate) - rate - (value + 1).lgamma()

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (F.log(self.rate),)

    def _log_normalizer(self, x: Any) -> Any:
        return F.exp(x)
