"""Sums, means, products, truth: reductions over everything or over dimensions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtype import from_np
from ..shape import reduced_shape, wrap_dim, wrap_dims
from .halves import rounded_product
from .scalar import div_number
from .spec import TensorBase, conj, in_rows, lacking, op, refuse
from .view import expand, spread, unsqueezed


def restore(x: Any, shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    """Brings a reduced tensor back to `shape` by repeating it along the reduced dimensions (a view)."""
    if not keepdim:
        dims = wrap_dims(dim, len(shape))
        kept = reduced_shape(shape, dims, True)
        x = (
            unsqueezed(x, [1 if d in dims else 0 for d in range(len(shape))])
            if isinstance(x, TensorBase)
            else x.reshape(kept)
        )
    return expand(x, shape)


def count(shape: tuple[int, ...], dim: Any) -> int:
    return math.prod(shape[d] for d in wrap_dims(dim, len(shape)))


def accumulator_dtype(a: np.ndarray, dtype: Any) -> tuple[np.ndarray, Any]:
    """The array to sum and the dtype of the sum: integers count in int64, halves add up in float32."""
    if dtype is not None:
        a = a.astype(dtype.np, copy=False)
        out = dtype.np
    elif a.dtype.kind in "biu":
        out = np.dtype(np.int64)
    else:
        out = a.dtype
    return a, out


def wide(out: Any) -> Any:
    return np.dtype(np.float32) if out.itemsize == 2 and out.kind not in "iu" else out


def add_up(a: np.ndarray, axis: Any, keepdims: bool, dtype: Any) -> np.ndarray:
    """Sum over axes; numpy adds pairwise only along the fast axis, so a full float sum goes over the flat memory."""
    a, out = accumulator_dtype(a, dtype)
    r = np.add.reduce(a, axis=axis, dtype=wide(out), keepdims=keepdims)
    return in_rows(r if r.dtype == out else r.astype(out))


@op("sum.all", grad=dict(self=lambda grad, self_sizes: spread(grad, self_sizes)), tensors="self", node="SumBackward0", parts="same",
    function=False, method=False)  # fmt: skip
def sum_all(self, *, dtype=None):
    if dtype is None and self.dtype.char in "fd":
        return np.add.reduce(self, axis=None)
    return add_up(self, None, False, dtype)


@op("sum.dim", grad=dict(self=lambda grad, self_sizes, dim, keepdim: restore(grad, self_sizes, dim, keepdim)), tensors="self",
    node="SumBackward1", bands="dim", function=False, method=False)  # fmt: skip
def sum_dim(self, dim=None, keepdim=False, *, dtype=None):
    return add_up(self, wrap_dims(dim, self.ndim), keepdim, dtype)


def need_float(name: str, a: np.ndarray, dtype: Any) -> None:
    d = from_np(a.dtype) if dtype is None else dtype
    if d.category < 2:
        which = "Input dtype" if dtype is None else "Optional dtype"
        raise RuntimeError(
            f"{name}(): could not infer output dtype. {which} must be either a floating point or complex dtype. Got: {d.legacy}"
        )


def mean_of(self: np.ndarray, dims: Any, keepdim: bool, dtype: Any) -> np.ndarray:
    need_float("mean", self, dtype)
    n = self.size if dims is None else math.prod(self.shape[d] for d in dims)
    out = self.dtype if dtype is None else dtype.np
    total = np.add.reduce(self, axis=dims, dtype=wide(out), keepdims=keepdim)
    return in_rows(total / n if n else total * math.nan).astype(out, copy=False)


def _share(grad: Any, shape: tuple[int, ...]) -> Any:
    """What each element has of the gradient of the mean of all. Arrays are divided before they are spread, which is less to divide."""
    n = math.prod(shape)
    return div_number(spread(grad, shape), n) if isinstance(grad, TensorBase) else spread(grad / n, shape)


@op("mean.all", grad=dict(self=lambda grad, self_sizes: _share(grad, self_sizes)), tensors="self",
    node="MeanBackward0", parts="mean", function=False, method=False)  # fmt: skip
def mean_all(self, *, dtype=None):
    if dtype is None and self.dtype.char in "fd" and self.size:
        return np.add.reduce(self, axis=None) / self.size
    return mean_of(self, None, False, dtype)


@op("mean.dim", grad=dict(self=lambda grad, self_sizes, dim, keepdim: div_number(
    restore(grad, self_sizes, dim, keepdim), count(self_sizes, dim))), tensors="self", node="MeanBackward1", bands="dim", function=False, method=False)  # fmt: skip
def mean_dim(self, dim=None, keepdim=False, *, dtype=None):
    return mean_of(self, wrap_dims(dim, self.ndim), keepdim, dtype)


@op("nansum.dims", grad=dict(self=lambda grad, self, dim, keepdim: restore(grad, tuple(self.shape), dim, keepdim)
                             * (self == self)), tensors="self", node="NansumBackward0", bands="dim", function=False, method=False)  # fmt: skip
def nansum(self, dim=None, keepdim=False, *, dtype=None):
    refuse(self, lacking("c", "nansum on CPU does not support complex inputs", RuntimeError))
    whole = np.where(self == self, self, self.dtype.type(0)) if self.dtype.kind not in "biu" else self
    return add_up(whole, wrap_dims(dim, self.ndim), keepdim, dtype)


# ---- products


@op("prod.all", grad=dict(self=lambda grad, self, result: _prod_grad(grad, self, result, None, False)), tensors="self",
    node="ProdBackward0", parts="same", function=False, method=False)  # fmt: skip
def prod_all(self, *, dtype=None):
    a, out = accumulator_dtype(self, dtype)
    if wide(out) is not out:
        return rounded_product(a, tuple(range(a.ndim)), False)
    return np.asarray(np.multiply.reduce(a, axis=None, dtype=out)).astype(out, copy=False)


@op("prod.int", grad=dict(self=lambda grad, self, result, dim, keepdim: _prod_grad(grad, self, result, dim, keepdim)),
    tensors="self", node="ProdBackward1", function=False, method=False)  # fmt: skip
def prod_int(self, dim, keepdim=False, *, dtype=None):
    a, out = accumulator_dtype(self, dtype)
    axes = wrap_dims(dim, self.ndim)
    if wide(out) is not out:
        return rounded_product(a, axes, keepdim)
    return in_rows(np.multiply.reduce(a, axis=axes, dtype=out, keepdims=keepdim)).astype(out, copy=False)


def _prod_grad(grad: Any, self: Any, result: Any, dim: Any, keepdim: bool) -> Any:
    """grad * product of the others: by division where nothing is zero, else from products of what lies on each side."""
    shape = tuple(self.shape)
    if not shape:
        return grad * 1
    zero = bool((self == 0).any()) if self.shape and 0 not in shape else False
    if not zero:
        return restore(grad, shape, dim, keepdim) * conj(restore(result, shape, dim, keepdim) / self)
    if dim is None:
        return _others(self.reshape(-1), 0).reshape(shape) * grad
    return restore(grad, shape, dim, keepdim) * _others(self, wrap_dim(dim, len(shape)))


def _others(x: Any, d: int) -> Any:
    """For each element along d, the product of all others, by exclusive products from both ends."""
    n = x.shape[d]
    parts = []
    for i in range(n):
        keep = [x.swapaxes(0, d)[j] for j in range(n) if j != i]
        total = keep[0] if keep else x.swapaxes(0, d)[0] * 0 + 1
        for k in keep[1:]:
            total = total * k
        parts.append(total)
    from .view import stack

    return conj(stack(parts, d))


# ---- truth


@op("all.dims", function=False, method=False)
def all_(self, dim=None, keepdim=False):
    return _truth(np.logical_and, self, dim, keepdim)


@op("any.dims", function=False, method=False)
def any_(self, dim=None, keepdim=False):
    return _truth(np.logical_or, self, dim, keepdim)


def _truth(ufunc: Any, self: np.ndarray, dim: Any, keepdim: bool) -> np.ndarray:
    out = ufunc.reduce(self != 0 if self.dtype.kind != "b" else self, axis=wrap_dims(dim, self.ndim), keepdims=keepdim)
    return in_rows(out).astype(np.uint8 if self.dtype == np.uint8 else np.bool_)


@op("count_nonzero")
def count_nonzero(self, dim=None):
    return in_rows(np.count_nonzero(self, axis=wrap_dims(dim, self.ndim))).astype(np.int64, copy=False)
