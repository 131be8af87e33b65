"""The multivariate normal distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functions as F
from .. import linalg
from . import constraints
from .distribution import Distribution
from .utils import SCALAR, _standard_normal, lazy_property

__all__ = ["MultivariateNormal"]


def _batch_mv(bmat: Any, bvec: Any) -> Any:
    """Matrices [..., n, m] times vectors [..., m]."""
    return F.matmul(bmat, bvec.unsqueeze(-1)).squeeze(-1)


def _batch_mahalanobis(bL: Any, bx: Any) -> Any:
    """x^T (L L^T)^-1 x for lower triangular L [*batch, n, n] and vectors [*more, *sizes, n].

    `sizes` are multiples of `batch`. To solve for all vectors of one matrix at once, each such dimension is split in (multiple, batch),
    and the multiples are moved in front:

        more, (i1 b1), (i2 b2), n  ->  more, i1, i2, b1, b2, n
    """
    n, batch = bx.size(-1), bL.dim() - 2
    more = bx.dim() - 1 - batch
    split = bx.shape[:more]
    for size, wanted in zip(bL.shape[:-2], bx.shape[more:-1], strict=True):
        split += (wanted // size, size)
    multiples, batches = range(more, more + 2 * batch, 2), range(more + 1, more + 2 * batch, 2)
    moved = bx.reshape(split + (n,)).permute([*range(more), *multiples, *batches, more + 2 * batch])
    matrices = bL.reshape(-1, n, n)
    columns = moved.reshape(-1, matrices.size(0), n).permute(1, 2, 0)
    squares = linalg.solve_triangular(matrices, columns, upper=False).pow(2).sum(-2)
    back = [d for i in range(batch) for d in (more + i, more + batch + i)]
    return squares.t().reshape(moved.shape[:-1]).permute([*range(more), *back]).reshape(bx.shape[:-1])


def _precision_to_scale_tril(P: Any) -> Any:
    """The Cholesky factor of the inverse of P: P turned round has the factor whose turned transpose is that factor's inverse."""
    turned = linalg.cholesky(F.flip(P, (-2, -1)))
    inverse = F.transpose(F.flip(turned, (-2, -1)), -2, -1)
    return linalg.solve_triangular(inverse, F.eye(P.shape[-1], dtype=P.dtype), upper=False)


def _half_logdet(tril: Any) -> Any:
    """The sum of the diagonal's logarithms."""
    return tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class MultivariateNormal(Distribution):
    """Normal vectors [..., n] of mean `loc`, given by one of covariance, precision (its inverse) and lower Cholesky factor.

    >>> torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(torch.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _expands: ClassVar[Any] = {"loc": 1, "covariance_matrix": 2, "scale_tril": 2, "precision_matrix": 2}
    _keeps = ("_unbroadcasted_scale_tril",)

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        every = dict(scale_tril=scale_tril, covariance_matrix=covariance_matrix, precision_matrix=precision_matrix)
        given = [(name, m) for name, m in every.items() if m is not None]
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given
        if matrix.dim() < 2:
            what = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(f"{what} must be at least two-dimensional, with optional leading batch dimensions")
        batch_shape = F.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(batch_shape + (-1, -1)))
        self.loc = loc.expand(batch_shape + (-1,))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        else:
            factor = linalg.cholesky if name == "covariance_matrix" else _precision_to_scale_tril
            self._unbroadcasted_scale_tril = factor(matrix)

    def _whole(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Any:
        """The lower Cholesky factor of the covariance."""
        return self._whole(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        return self._whole(F.matmul(self._unbroadcasted_scale_tril, self._unbroadcasted_scale_tril.mT))

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        return self._whole(F.cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        noise = _standard_normal(self._extended_shape(sample_shape), self.loc.dtype, self.loc.device)
        return self.loc + _batch_mv(self._unbroadcasted_scale_tril, noise)

    def log_prob(self, value: Any) -> Any:
        away = self._checked(value) - self.loc
        squares = _batch_mahalanobis(self._unbroadcasted_scale_tril, away)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + squares) - _half_logdet(self._unbroadcasted_scale_tril)

    def entropy(self) -> Any:
        constant = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        result = constant + _half_logdet(self._unbroadcasted_scale_tril)
        return result.expand(self._batch_shape) if self._batch_shape else result
