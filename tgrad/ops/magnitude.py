"""Norms of vectors, and what is measured by them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtype import from_np
from ..shape import broadcast_shapes, wrap_dim, wrap_dims
from .choice import where
from .elementary import abs_, is_complex, sgn
from .extremes import share
from .reduce import restore, wide
from .spec import conj, in_rows, op


def _norm(self: np.ndarray, ord: float, dims: Any, keepdim: bool) -> np.ndarray:
    out = np.dtype(f"f{self.dtype.itemsize // 2}") if self.dtype.kind == "c" else self.dtype
    if self.size == 0 and (ord < 0 or ord == math.inf) and any(self.shape[d] == 0 for d in dims):
        where_ = "on an empty tensor" if len(dims) == self.ndim else "on the dimension"
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord:g} norm {where_} "
            + (
                "because the operation does not have an identity"
                if len(dims) == self.ndim
                else f"{next(d for d in dims if self.shape[d] == 0)} because this dimension is empty and the operation does not have "
                "an identity"
            )
        )
    x = (self if ord == 2 and self.dtype.kind != "c" else np.abs(self)).astype(wide(out), copy=False)
    if ord == 2:
        r = np.sqrt(np.add.reduce(x * x, axis=dims, keepdims=keepdim))
    elif ord == 1:
        r = np.add.reduce(x, axis=dims, keepdims=keepdim)
    elif ord == 0:
        r = np.add.reduce(x != 0, axis=dims, keepdims=keepdim, dtype=x.dtype)
    elif ord == math.inf:
        r = np.maximum.reduce(x, axis=dims, keepdims=keepdim)
    elif ord == -math.inf:
        r = np.minimum.reduce(x, axis=dims, keepdims=keepdim)
    else:
        r = np.add.reduce(x**ord, axis=dims, keepdims=keepdim) ** (1 / ord)
    return in_rows(r).astype(out, copy=False)


def norm_grad(grad: Any, self: Any, result: Any, ord: float, dim: Any, keepdim: bool) -> Any:
    """grad * self * |self|**(ord - 2) / result**(ord - 1), written so that zeros give zero."""
    shape = tuple(self.shape)
    if ord == 0:
        return None  # a count: PyTorch leaves the gradient undefined
    if abs(ord) == math.inf:
        return share(grad, abs_(self), result, dim, keepdim) * sgn(self)
    grad, result = restore(grad, shape, dim, keepdim), restore(result, shape, dim, keepdim)
    if ord == 1:
        return sgn(self) * grad
    if ord == 2:
        return grad * where(result == 0, 0, self / result)
    size = abs_(self)
    if ord < 1:
        inner = where(size == 0, 0, size ** (ord - 1))
        return sgn(self) * inner * grad * result ** (1 - ord)
    scale = where(result == 0, 0, grad / result ** (ord - 1))
    if ord < 2:
        return sgn(self) * size ** (ord - 1) * scale
    return self * size ** (ord - 2) * scale


@op("linalg_vector_norm", grad=dict(self=norm_grad), tensors="self", node="LinalgVectorNormBackward0", bands="dim", parts="norm", function=False,
    method=False)  # fmt: skip
def vector_norm(self, ord=2, dim=None, keepdim=False):
    return _norm(self, ord, wrap_dims(dim, self.ndim), keepdim)


@op("dist.row", grad={
    "self": lambda grad, self, other, p, result: _dist_grad(grad, self - other, p, result),
    "other": lambda grad, self, other, p, result: _dist_grad(grad, other - self, p, result),
}, tensors="self other", node="DistBackward0", function=False, method=False)  # fmt: skip
def dist(self, other, p=2.0):
    broadcast_shapes(self.shape, other.shape)
    d = np.asarray(self - other)
    return _norm(d, p, tuple(range(d.ndim)), False)


def _dist_grad(grad: Any, gap: Any, p: float, result: Any) -> Any:
    """The engine sums over what was broadcast."""
    return norm_grad(grad, gap, result, p, None, False)


# ---- slices scaled down to a norm


def _others(ndim: int, dim: int) -> tuple[int, ...]:
    d = wrap_dim(dim, ndim)
    return tuple(i for i in range(ndim) if i != d)


def _renorm_grad(grad: Any, self: Any, p: float, dim: int, maxnorm: float) -> Any:
    dims = _others(self.ndim, dim)
    size = vector_norm(self, p, dims, True)
    along = conj(self) * grad
    along = (along.real if is_complex(along) else along).sum(dims, keepdims=True)
    back = norm_grad(along, self, size, p, dims, True)
    scale = 1 / (size + 1e-7)
    return where(size > maxnorm, maxnorm * scale * (grad - scale * back), grad)


@op("renorm", grad=dict(self=_renorm_grad), tensors="self", inplace=True)
def renorm(self, p, dim, maxnorm):
    if isinstance(p, complex) or p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    if self.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {self.ndim} dimensions")
    if self.dtype.kind in "biu":
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {from_np(self.dtype).legacy}"
        )
    size = _norm(self.astype(wide(self.dtype), copy=False), p, _others(self.ndim, dim), True)
    factor = np.where(size > maxnorm, maxnorm / (size + 1e-7), 1)
    if self.dtype.itemsize == 2:
        factor = factor.astype(self.dtype)
    return in_rows(self * factor).astype(self.dtype, copy=False)
