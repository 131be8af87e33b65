"""Distances between the rows of matrices, and the norm along one dimension as PyTorch's older composites record it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..dtype import from_np
from .choice import masked_fill
from .linalg import bmm, mm, mT, product
from .magnitude import norm_grad, vector_norm
from .spec import TensorBase, op
from .view import unsqueeze

HIDDEN: dict[str, Any] = dict(function=False, method=False)
BLOCK = 1 << 20  # how many differences are looked at together


@op("norm.dim", grad=dict(self=lambda grad, self, result, p, dim, keepdim: norm_grad(grad, self, result, p, dim, keepdim)),
    tensors="self", node="NormBackward1", **HIDDEN)  # fmt: skip
def norm_dim(self, p, dim, keepdim=False):
    return vector_norm.array(self, float(p), dim, keepdim)


# ---- the p-norm of a difference, and its slope


def _length(d: np.ndarray, p: float) -> np.ndarray:
    """The p-norm along the last dimension, of which `d` may be overwritten."""
    if p == 0:
        return np.minimum(np.ceil(np.abs(d)), 1).sum(-1)
    if p == 2:
        return np.sqrt(np.einsum("...m,...m->...", d, d))
    size = np.abs(d, out=d)
    if p == 1:
        return size.sum(-1)
    if p == math.inf:
        return size.max(-1, initial=0)
    return np.power(np.power(size, p, out=size).sum(-1), 1 / p)


def _slope(d: np.ndarray, dist: np.ndarray, p: float) -> np.ndarray:
    """How the p-norm `dist` [...] moves with each of the differences [..., M]; 0 where there is no derivative."""
    dist = dist[..., None]
    if p == 0:
        return np.zeros_like(d)
    if p == 1:
        return np.sign(d)
    if p == math.inf:
        return np.sign(d) * (np.abs(d) == dist)
    if p == 2:
        slope = d / dist
    elif p < 2:
        slope = np.sign(d) * np.abs(d) ** (p - 1) / dist ** (p - 1)
        if p < 1:
            slope = np.where(d == 0, 0, slope)
    else:
        slope = d * np.abs(d) ** (p - 2) / dist ** (p - 1)
    return np.where(dist == 0, 0, slope)


def _blocks(rows: int, each: int) -> Iterator[slice]:
    step = max(1, BLOCK // max(each, 1))
    for at in range(0, rows, step):
        yield slice(at, at + step)


def _need(kernel: str, a: np.ndarray) -> None:
    if a.dtype not in (np.float32, np.float64):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{from_np(a.dtype).legacy}'")


def _underived(name: str) -> Callable[[Any], Any]:
    def refuse(grad: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return refuse


def summed_to(grad: Any, shape: tuple[int, ...]) -> Any:
    """A gradient of a shape that was broadcast, summed over what it was broadcast along."""
    if tuple(grad.shape) == shape:
        return grad
    if isinstance(grad, TensorBase):
        return grad.sum_to_size(shape)  # type: ignore[attr-defined]
    grad = grad.sum(tuple(range(grad.ndim - len(shape))))
    dims = tuple(d for d, n in enumerate(shape) if n == 1 and grad.shape[d] != 1)
    return grad.sum(dims, keepdims=True) if dims else grad


# ---- all rows of one matrix with all of another


@op("_cdist_forward",
    grad=dict(x1=lambda grad, x1, x2, p, result: summed_to(cdist_backward(grad, x1, x2, p, result), tuple(x1.shape)),
              x2=lambda grad, x1, x2, p, result: summed_to(cdist_backward(mT(grad), x2, x1, p, mT(result)), tuple(x2.shape))),
    tensors="x1 x2", node="CdistBackward0", **HIDDEN)  # fmt: skip
def cdist(x1, x2, p, compute_mode=None):
    """[..., P, M] and [..., R, M]: the p-norms of all differences, [..., P, R]."""
    _need("cdist", x1)
    if x1.dtype != x2.dtype:
        raise RuntimeError(f"expected scalar type {from_np(x1.dtype).legacy} but found {from_np(x2.dtype).legacy}")
    batch = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    out = np.zeros((*batch, x1.shape[-2], x2.shape[-2]), x1.dtype)
    if out.size and x1.shape[-1]:
        for rows in _blocks(x1.shape[-2], math.prod(batch) * x2.size):
            out[..., rows, :] = _length(x1[..., rows, None, :] - x2[..., None, :, :], p)
    return out


@op("_cdist_backward", grad={"grad x1 x2 cdist": _underived("_cdist_backward")}, tensors="grad x1 x2 cdist",
    node="CdistBackwardBackward0", **HIDDEN)  # fmt: skip
def cdist_backward(grad, x1, x2, p, cdist):
    """What comes to x1, broadcast to the batch of all."""
    out = np.zeros((*grad.shape[:-1], x1.shape[-1]), x1.dtype)
    if out.size and x2.size:
        for rows in _blocks(x1.shape[-2], math.prod(grad.shape[:-2]) * x2.size):
            d = x1[..., rows, None, :] - x2[..., None, :, :]
            out[..., rows, :] = np.einsum("...r,...rm->...m", grad[..., rows, :], _slope(d, cdist[..., rows, :], p))
    return out


@op("_euclidean_dist", grad={"x1 x2": lambda grad, x1, x2, result, needs: _euclidean_grads(grad, x1, x2, result, needs)},
    tensors="x1 x2", **HIDDEN)  # fmt: skip
def euclidean_dist(x1, x2):
    """Euclidean distances of all rows by one matrix product: |x|**2 - 2 x . y + |y|**2, never below 0."""
    ones = np.ones((*x1.shape[:-1], 1), x1.dtype), np.ones((*x2.shape[:-1], 1), x2.dtype)
    left = np.concatenate([x1 * -2, (x1 * x1).sum(-1, keepdims=True), ones[0]], -1)
    right = np.concatenate([x2, ones[1], (x2 * x2).sum(-1, keepdims=True)], -1)
    return np.sqrt(np.maximum(product(left, right.swapaxes(-1, -2)), 0))


def _euclidean_grads(grad: Any, x1: Any, x2: Any, result: Any, needs: Any) -> tuple[Any, Any]:
    ratio = masked_fill(grad / result, result == 0, 0)
    times = mm if len(x1.shape) == 2 else bmm
    to_first = to_second = None
    if needs[0]:
        to_first = x1 * unsqueeze(ratio.sum(-1), -1) - times(ratio, x2)
    if needs[1]:
        to_second = x2 * unsqueeze(ratio.sum(-2), -1) - times(mT(ratio), x1)
    return to_first, to_second


# ---- all pairs of rows


@op("_pdist_forward", grad=dict(self=lambda grad, self, p, result: pdist_backward(grad, self, p, result)), tensors="self",
    node="PdistBackward0", **HIDDEN)  # fmt: skip
def pdist(self, p=2.0):
    """[N, M]: the p-norms of the differences of rows i < j, [N (N - 1) / 2]."""
    _need("pdist", self)
    first, second = np.triu_indices(len(self), 1)
    out = np.zeros(len(first), self.dtype)
    if self.shape[1]:
        for pairs in _blocks(len(first), self.shape[1]):
            out[pairs] = _length(self[first[pairs]] - self[second[pairs]], p)
    return out


@op("_pdist_backward", grad={"grad self pdist": _underived("_pdist_backward")}, tensors="grad self pdist",
    node="PdistBackwardBackward0", **HIDDEN)  # fmt: skip
def pdist_backward(grad, self, p, pdist):
    n = len(self)
    upper = np.triu_indices(n, 1)
    full = np.zeros((2, n, n), self.dtype)
    for square, values in zip(full, (grad, pdist), strict=True):
        square[upper] = values
        square.T[upper] = values
    return cdist_backward.array(full[0], self, self, p, full[1])
