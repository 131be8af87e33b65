"""Student's t distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functions as F
from . import constraints
from .chi2 import Chi2
from .distribution import Distribution
from .utils import SCALAR, _standard_normal

__all__ = ["StudentT"]


class StudentT(Distribution):
    """Student's t with `df` degrees of freedom, moved by `loc` and stretched by `scale`.

    >>> torch.distributions.StudentT(torch.tensor([4.0])).variance
    tensor([2.])
    """

    arg_constraints: ClassVar[Any] = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True
    _expands: ClassVar[Any] = {"df": 0, "loc": 0, "scale": 0, "_chi2": 0}
    df: Any
    loc: Any
    scale: Any

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        shape = self._broadcast(df=df, loc=loc, scale=scale)
        self._chi2 = Chi2(self.df)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        m = self.loc.clone()
        m[self.df <= 1] = math.nan
        return m

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        df, m = self.df, self.df.clone()
        finite = df > 2
        m[finite] = self.scale[finite].pow(2) * df[finite] / (df[finite] - 2)
        m[(df <= 2) & (df > 1)] = math.inf
        m[df <= 1] = math.nan
        return m

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        normal = _standard_normal(self._extended_shape(sample_shape), self.df.dtype, self.df.device)
        return self.loc + self.scale * (normal * F.rsqrt(self._chi2.rsample(sample_shape) / self.df))

    def log_prob(self, value: Any) -> Any:
        away, df = (self._checked(value) - self.loc) / self.scale, self.df
        normalizer = self.scale.log() + 0.5 * df.log() + 0.5 * math.log(math.pi)
        normalizer = normalizer + F.lgamma(0.5 * df) - F.lgamma(0.5 * (df + 1.0))
        return -0.5 * (df + 1.0) * F.log1p(away**2.0 / df) - normalizer

    def entropy(self) -> Any:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = F.lgamma(half) + math.lgamma(0.5) - F.lgamma(more)
        return self.scale.log() + more * (F.digamma(more) - F.digamma(half)) + 0.5 * self.df.log() + log_beta
