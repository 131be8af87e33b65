"""Random correlation matrices."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functions as F
from ..dtype import finfo
from ..shape import Size
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import SCALAR, broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Cholesky factors of `dim` x `dim` correlation matrices, of density det ** (concentration - 1): 1 is uniform.

    Drawn by the onion method of Lewandowski, Kurowicka and Joe (2009).

    >>> torch.distributions.LKJCholesky(3, 0.5).event_shape
    torch.Size([3, 3])
    """

    arg_constraints: ClassVar[Any] = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _keeps = ("dim",)
    _expands: ClassVar[Any] = {"concentration": 0, "_beta": 1}

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        marginal = self.concentration + 0.5 * (dim - 2)
        # Row i's squared length off the diagonal is Beta distributed; the first row, which has none, is filled up.
        row = F.arange(dim - 1, dtype=self.concentration.dtype)
        row = F.cat([row.new_zeros((1,)), row])
        self._beta = Beta(row + 0.5, marginal.unsqueeze(-1) - 0.5 * row)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args)

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        square = self._beta.sample(sample_shape).unsqueeze(-1)
        normal = F.randn(self._extended_shape(sample_shape), dtype=square.dtype).tril(-1)
        direction = normal / normal.norm(dim=-1, keepdim=True)
        direction[..., 0, :].fill_(0.0)
        w = F.sqrt(square) * direction
        left = F.clamp(1 - F.sum(w**2, dim=-1), min=finfo(w.dtype).tiny)
        return w + F.diag_embed(left.sqrt())

    def log_prob(self, value: Any) -> Any:
        diagonal = self._checked(value).diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - F.arange(2, self.dim + 1)
        less = self.dim - 1
        alpha = self.concentration + 0.5 * less
        normalizer = 0.5 * less * math.log(math.pi) + F.mvlgamma(alpha - 0.5, less) - F.lgamma(alpha) * less
        return F.sum(order * diagonal.log(), dim=-1) - normalizer
