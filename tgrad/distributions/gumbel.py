"""The Gumbel distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functions as F
from ..dtype import finfo
from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, ExpTransform
from .uniform import Uniform
from .utils import broadcast_all, euler_constant

__all__ = ["Gumbel"]


class Gumbel(TransformedDistribution):
    """The Gumbel distribution: loc - scale * log(-log(u)) for a uniform u.

    >>> torch.distributions.Gumbel(0.0, 1.0).mean
    tensor(0.5772)
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    _expands: ClassVar[Any] = {"loc": 0, "scale": 0}

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        info = finfo(self.loc.dtype)
        low, high = F.full_like(self.loc, info.tiny), F.full_like(self.loc, 1 - info.eps)
        minus_log = [ExpTransform().inv, AffineTransform(loc=0, scale=-F.ones_like(self.scale))]
        stretch = [ExpTransform().inv, AffineTransform(loc=loc, scale=-self.scale)]
        super().__init__(
            Uniform(low, high, validate_args=validate_args), minus_log + stretch, validate_args=validate_args
        )

    def log_prob(self, value: Any) -> Any:
        y = (self.loc - self._checked(value)) / self.scale
        return y - y.exp() - self.scale.log()

    @property
    def mean(self) -> Any:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def stddev(self) -> Any:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Any:
        return self.stddev.pow(2)

    def entropy(self) -> Any:
        return self.scale.log() + (1 + euler_constant)
