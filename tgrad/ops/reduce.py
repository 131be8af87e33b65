"""Reductions, scans and the functions of whole rows that are built on them (softmax and its kin)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtype import default_complex, from_np, get_default_dtype, int64
from ..shape import reduced_shape, wrap_dim, wrap_dims
from .pointwise import abs_, exp, sgn, where
from .spec import conj, op, sizes
from .view import expand, spread, unsqueeze



def restore(x: Any, shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    """Brings a reduced tensor back to `shape` by repeating it along the reduced dimensions (a view)."""
    if not keepdim:
        dims = wrap_dims(dim, len(shape))
        x = x.reshape(reduced_shape(shape, dims, True))
    return expand(x, shape)


def count(shape: tuple[int, ...], dim: Any) -> int:
    return math.prod(shape[d] for d in wrap_dims(dim, len(shape)))


def _acc(a: np.ndarray, dtype: Any) -> tuple[np.ndarray, Any]:
    """The array to sum and the dtype of the sum: integers count in int64, halves add up in float32."""
    if dtype is not None:
        a = a.astype(dtype.np, copy=False)
        out = dtype.np
    elif a.dtype.kind in "biu":
        out = np.dtype(np.int64)
    else:
        out = a.dtype
    return a, out


def _wide(out: Any) -> Any:
    return np.dtype(np.float32) if out.itemsize == 2 and out.kind not in "iu" else out


def add_up(a: np.ndarray, axis: Any, keepdims: bool, dtype: Any) -> np.ndarray:
    """Sum over axes; numpy adds pairwise only along the fast axis, so a full float sum goes over the flat memory."""
    a, out = _acc(a, dtype)
    r = np.add.reduce(a, axis=axis, dtype=_wide(out), keepdims=keepdims)
    return r if r.dtype == out else np.asarray(r).astype(out)


@op("sum.all", grad=dict(self=lambda grad, self_sizes: spread(grad, self_sizes)), tensors="self", node="SumBackward0",
    function=False, method=False)  # fmt: skip
def sum_all(self, *, dtype=None):
    return add_up(self, None, False, dtype)


@op("sum.dim", grad=dict(self=lambda grad, self_sizes, dim, keepdim: restore(grad, self_sizes, dim, keepdim)), tensors="self",
    node="SumBackward1", function=False, method=False)  # fmt: skip
def sum_dim(self, dim=None, keepdim=False, *, dtype=None):
    return add_up(self, wrap_dims(dim, self.ndim), keepdim, dtype)


def _need_float(name: str, a: np.ndarray, dtype: Any) -> None:
    d = from_np(a.dtype) if dtype is None else dtype
    if d.category < 2:
        which = "Input dtype" if dtype is None else "Optional dtype"
        raise RuntimeError(
            f"{name}(): could not infer output dtype. {which} must be either a floating point or complex dtype. Got: {d.legacy}"
        )


def _mean(self: np.ndarray, dims: Any, keepdim: bool, dtype: Any) -> np.ndarray:
    _need_float("mean", self, dtype)
    n = self.size if dims is None else math.prod(self.shape[d] for d in dims)
    out = self.dtype if dtype is None else dtype.np
    total = np.add.reduce(self, axis=dims, dtype=_wide(out), keepdims=keepdim)
    return np.asarray(total / n if n else total * math.nan).astype(out, copy=False)


@op("mean.all", grad=dict(self=lambda grad, self_sizes: spread(grad / math.prod(self_sizes), self_sizes)), tensors="self",
    node="MeanBackward0", function=False, method=False)  # fmt: skip
def mean_all(self, *, dtype=None):
    return _mean(self, None, False, dtype)


@op("mean.dim", grad=dict(self=lambda grad, self_sizes, dim, keepdim: restore(grad, self_sizes, dim, keepdim)
                          / count(self_sizes, dim)), tensors="self", node="MeanBackward1", function=False, method=False)  # fmt: skip
def mean_dim(self, dim=None, keepdim=False, *, dtype=None):
    return _mean(self, wrap_dims(dim, self.ndim), keepdim, dtype)


# ---- products


@op("prod.all", grad=dict(self=lambda grad, self, result: _prod_grad(grad, self, result, None, False)), tensors="self",
    node="ProdBackward0", function=False, method=False)  # fmt: skip
def prod_all(self, *, dtype=None):
    a, out = _acc(self, dtype)
    return np.asarray(np.multiply.reduce(a, axis=None, dtype=_wide(out))).astype(out, copy=False)


@op("prod.int", grad=dict(self=lambda grad, self, result, dim, keepdim: _prod_grad(grad, self, result, dim, keepdim)),
    tensors="self", node="ProdBackward1", function=False, method=False)  # fmt: skip
def prod_int(self, dim, keepdim=False, *, dtype=None):
    a, out = _acc(self, dtype)
    axes = wrap_dims(dim, self.ndim)
    return np.asarray(np.multiply.reduce(a, axis=axes, dtype=_wide(out), keepdims=keepdim)).astype(out, copy=False)


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


# ---- extremes


def _no_empty(name: str, a: np.ndarray, dim: Any) -> None:
    if dim is None and a.size == 0:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
            "'dim' argument."
        )
    if dim is not None and a.ndim:
        for d in wrap_dims(dim, a.ndim):
            if a.shape[d] == 0:
                raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def share(grad: Any, self: Any, best: Any, dim: Any, keepdim: bool) -> Any:
    """The gradient of an extreme value, in equal parts to all elements that reach it."""
    shape = tuple(self.shape)
    best, grad = restore(best, shape, dim, keepdim), restore(grad, shape, dim, keepdim)
    mask = self == best
    if isinstance(mask, np.ndarray):
        hits = mask.sum(axis=wrap_dims(dim, len(shape)), keepdims=True).astype(grad.dtype)
        return np.where(mask, grad / hits, 0)
    hits = mask.sum(wrap_dims(dim, len(shape)), keepdim=True) if shape else mask.to(grad.dtype)
    return (grad / hits).masked_fill(~mask, 0)




@op("max.all", grad=dict(self=lambda grad, self, result: share(grad, self, result, None, False)), node="MaxBackward1",
    function=False, method=False)  # fmt: skip
def max_all(self):
    if self.size == 0:
        raise RuntimeError("max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                           "with the 'dim' argument.")  # fmt: skip
    return np.asarray(self.max())


@op("min.all", grad=dict(self=lambda grad, self, result: share(grad, self, result, None, False)), node="MinBackward1",
    function=False, method=False)  # fmt: skip
def min_all(self):
    if self.size == 0:
        raise RuntimeError("min(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                           "with the 'dim' argument.")  # fmt: skip
    return np.asarray(self.min())


@op("amax", grad=dict(self=lambda grad, self, result, dim, keepdim: share(grad, self, result, dim, keepdim)), tensors="self")
def amax(self, dim=(), keepdim=False):
    _no_empty("amax", self, None if dim == () else dim)
    return np.asarray(self.max(axis=wrap_dims(dim, self.ndim), keepdims=keepdim))


@op("amin", grad=dict(self=lambda grad, self, result, dim, keepdim: share(grad, self, result, dim, keepdim)), tensors="self")
def amin(self, dim=(), keepdim=False):
    _no_empty("amin", self, None if dim == () else dim)
    return np.asarray(self.min(axis=wrap_dims(dim, self.ndim), keepdims=keepdim))


def first_best(a: np.ndarray, dim: int, keepdim: bool, largest: bool) -> tuple[np.ndarray, np.ndarray]:
    """The extreme along a dimension and the first index that holds it; a nan counts as the extreme."""
    if a.ndim == 0:
        return a.copy(), np.zeros((), np.int64)
    index = (np.argmax if largest else np.argmin)(a, axis=dim)
    at = np.expand_dims(index, dim)
    values = np.take_along_axis(a, at, dim)
    if not keepdim:
        values = np.squeeze(values, dim)
        at = index
    return values, np.asarray(at, np.int64)


@op("max.dim", grad=dict(self=lambda grad, self_sizes, dim, keepdim, result1: put_back(grad, self_sizes, dim, keepdim, result1)),
    tensors="self", node="MaxBackward0", outputs="values indices", undiff="indices", function=False, method=False)  # fmt: skip
def max_dim(self, dim, keepdim=False):
    d = wrap_dim(dim, self.ndim)
    _no_empty("max", self, d)
    return first_best(self, d, keepdim, True)


@op("min.dim", grad=dict(self=lambda grad, self_sizes, dim, keepdim, result1: put_back(grad, self_sizes, dim, keepdim, result1)),
    tensors="self", node="MinBackward0", outputs="values indices", undiff="indices", function=False, method=False)  # fmt: skip
def min_dim(self, dim, keepdim=False):
    d = wrap_dim(dim, self.ndim)
    _no_empty("min", self, d)
    return first_best(self, d, keepdim, False)


def put_back(grad: Any, shape: tuple[int, ...], dim: int, keepdim: bool, index: Any) -> Any:
    """Zeros of `shape` with the gradient at the chosen index along dim."""
    from .scatter import value_selecting

    return value_selecting(grad, shape, dim, keepdim, index)


@op("argmax", method=True)
def argmax(self, dim=None, keepdim=False):
    return _arg(np.argmax, "argmax", self, dim, keepdim)


@op("argmin")
def argmin(self, dim=None, keepdim=False):
    return _arg(np.argmin, "argmin", self, dim, keepdim)


def _arg(fn: Any, name: str, self: np.ndarray, dim: Any, keepdim: bool) -> np.ndarray:
    if self.dtype.kind == "b":
        raise RuntimeError(f'"{name}_cpu" not implemented for \'Bool\'')
    if dim is None:
        if self.size == 0:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                             "reduction dim with the 'dim' argument.")  # fmt: skip
        r = np.asarray(fn(self), np.int64)
        return r.reshape((1,) * self.ndim) if keepdim else r
    d = wrap_dim(dim, self.ndim)
    _no_empty(name, self, d)
    if self.ndim == 0:
        return np.zeros((), np.int64)
    return np.asarray(fn(self, axis=d, keepdims=keepdim), np.int64)


@op("all.dims", function=False, method=False)
def all_(self, dim=None, keepdim=False):
    return _truth(np.logical_and, self, dim, keepdim)


@op("any.dims", function=False, method=False)
def any_(self, dim=None, keepdim=False):
    return _truth(np.logical_or, self, dim, keepdim)


def _truth(ufunc: Any, self: np.ndarray, dim: Any, keepdim: bool) -> np.ndarray:
    out = ufunc.reduce(self != 0 if self.dtype.kind != "b" else self, axis=wrap_dims(dim, self.ndim), keepdims=keepdim)
    return np.asarray(out).astype(np.uint8 if self.dtype == np.uint8 else np.bool_)


@op("count_nonzero")
def count_nonzero(self, dim=None):
    return np.asarray(np.count_nonzero(self, axis=wrap_dims(dim, self.ndim)), np.int64)


# ---- spread


def _var(self: np.ndarray, dim: Any, correction: float, keepdim: bool) -> np.ndarray:
    if self.dtype.kind in "biu":
        raise RuntimeError("std and var only support floating point and complex dtypes")
    dims = wrap_dims(dim, self.ndim)
    wide = _wide(self.dtype)
    x = self.astype(wide, copy=False)
    n = math.prod(self.shape[d] for d in dims)
    centre = x - (np.add.reduce(x, axis=dims, keepdims=True) / n if n else 0)
    total = np.add.reduce((centre * np.conjugate(centre)).real, axis=dims, keepdims=keepdim)
    free = max(n - correction, 0)
    real = np.dtype(f"f{wide.itemsize // 2}") if wide.kind == "c" else self.dtype
    return np.asarray(np.divide(total, free)).astype(real, copy=False)


def _centred(self: Any, dim: Any) -> Any:
    if isinstance(self, np.ndarray):
        return self - self.mean(axis=wrap_dims(dim, self.ndim), keepdims=True)
    return self - self.mean(wrap_dims(dim, self.ndim) or None, keepdim=True)


def _var_grad(grad: Any, self: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    shape = tuple(self.shape)
    free = max(count(shape, dim) - correction, 0)
    scale = 2 / free if free else math.inf
    return restore(grad, shape, dim, keepdim) * (scale * _centred(self, dim))


@op("var.correction", grad=dict(self=lambda grad, self, dim, correction, keepdim: _var_grad(grad, self, dim, correction, keepdim)),
    tensors="self", node="VarBackward0", function=False, method=False)  # fmt: skip
def var(self, dim=None, *, correction=1, keepdim=False):
    return _var(self, dim, correction, keepdim)


@op("std.correction", grad=dict(self=lambda grad, self, result, dim, correction, keepdim: _std_grad(
    grad, self, result, dim, correction, keepdim)), tensors="self", node="StdBackward0", function=False, method=False)  # fmt: skip
def std(self, dim=None, *, correction=1, keepdim=False):
    return np.asarray(np.sqrt(_var(self, dim, correction, keepdim)))


def _std_grad(grad: Any, self: Any, result: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    half = where(result == 0, 0, grad / (2 * result))
    return _var_grad(half, self, dim, correction, keepdim)


@op("var_mean.correction", grad=dict(self=lambda grads, self, dim, correction, keepdim: _var_grad(
    grads[0], self, dim, correction, keepdim) + restore(grads[1], tuple(self.shape), dim, keepdim)
    / count(tuple(self.shape), dim)), tensors="self", node="VarMeanBackward0", outputs="var mean", function=False,
    method=False)  # fmt: skip
def var_mean(self, dim=None, *, correction=1, keepdim=False):
    dims = wrap_dims(dim, self.ndim)
    return _var(self, dim, correction, keepdim), np.asarray(_mean(self, dims, keepdim, None))


@op("std_mean.correction", grad=dict(self=lambda grads, self, result0, dim, correction, keepdim: _std_grad(
    grads[0], self, result0, dim, correction, keepdim) + restore(grads[1], tuple(self.shape), dim, keepdim)
    / count(tuple(self.shape), dim)), tensors="self", node="StdMeanBackward0", outputs="std mean", function=False,
    method=False)  # fmt: skip
def std_mean(self, dim=None, *, correction=1, keepdim=False):
    dims = wrap_dims(dim, self.ndim)
    return np.asarray(np.sqrt(_var(self, dim, correction, keepdim))), np.asarray(_mean(self, dims, keepdim, None))


# ---- norms and log-sum-exp


def _norm(self: np.ndarray, ord: float, dims: Any, keepdim: bool) -> np.ndarray:
    out = np.dtype(f"f{self.dtype.itemsize // 2}") if self.dtype.kind == "c" else self.dtype
    x = np.abs(self).astype(_wide(out), copy=False)
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
    return np.asarray(r).astype(out, copy=False)


def _norm_grad(grad: Any, self: Any, result: Any, ord: float, dim: Any, keepdim: bool) -> Any:
    shape = tuple(self.shape)
    if ord == 0:
        return self * 0
    if abs(ord) == math.inf:
        size = abs_(self)
        return share(grad, size, result, dim, keepdim) * sgn(self)
    grad, result = restore(grad, shape, dim, keepdim), restore(result, shape, dim, keepdim)
    if ord == 1:
        return grad * sgn(self)
    if ord == 2:
        return where(result == 0, 0, grad * (self / result))
    size = abs_(self)
    inner = where(size == 0, 0, size ** (ord - 1)) if ord < 1 or ord < 2 else size ** (ord - 1)
    scaled = sgn(self) * inner * (grad / result ** (ord - 1))
    return where(result == 0, 0, scaled)


@op("linalg_vector_norm", grad=dict(self=lambda grad, self, result, ord, dim, keepdim: _norm_grad(
    grad, self, result, ord, dim, keepdim)), tensors="self", node="LinalgVectorNormBackward0", function=False,
    method=False)  # fmt: skip
def vector_norm(self, ord=2, dim=None, keepdim=False):
    return _norm(self, ord, wrap_dims(dim, self.ndim), keepdim)


@op("logsumexp.dims", grad=dict(self=lambda grad, self, result, dim, keepdim: restore(grad, tuple(self.shape), dim, keepdim)
                           * exp(self - restore(result, tuple(self.shape), dim, keepdim))), tensors="self",
    node="LogsumexpBackward0", function=False, method=False)  # fmt: skip
def logsumexp(self, dim, keepdim=False):
    dims = wrap_dims(dim, self.ndim)
    wide = self.astype(_wide(self.dtype), copy=False)
    top = np.maximum.reduce(wide, axis=dims, keepdims=True) if 0 not in self.shape else np.zeros((), wide.dtype)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(np.add.reduce(np.exp(wide - top), axis=dims, keepdims=True)) + top
    shape = reduced_shape(self.shape, dims, keepdim)
    return np.asarray(total).reshape(shape).astype(self.dtype, copy=False)


# ---- softmax


def _row_dtype(self: np.ndarray, dtype: Any) -> np.ndarray:
    return self if dtype is None else self.astype(dtype.np, copy=False)


@op("_softmax", grad=dict(self=lambda grad, result, dim: _softmax_grad(grad, result, dim)), tensors="self",
    node="SoftmaxBackward0", function=False, method=False)  # fmt: skip
def softmax(self, dim):
    if self.dtype.kind in "biu":
        raise RuntimeError(f"\"softmax_lastdim_kernel_impl\" not implemented for '{from_np(self.dtype).legacy}'")
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0 or self.size == 0:
        return np.ones_like(self)
    x = self.astype(_wide(self.dtype), copy=False)
    e = np.exp(x - np.maximum.reduce(x, axis=d, keepdims=True))
    e /= np.add.reduce(e, axis=d, keepdims=True)
    return e.astype(self.dtype, copy=False)


def _softmax_grad(grad: Any, result: Any, dim: int) -> Any:
    g = grad * result
    return g - result * _row_sum(g, dim)


def _row_sum(x: Any, dim: int) -> Any:
    if isinstance(x, np.ndarray):
        return np.add.reduce(x, axis=wrap_dims(dim, x.ndim), keepdims=True)
    return x.sum(dim, keepdim=True)


@op("_log_softmax", grad=dict(self=lambda grad, result, dim: grad - exp(result) * _row_sum(grad, dim)), tensors="self",
    node="LogSoftmaxBackward0", function=False, method=False)  # fmt: skip
def log_softmax(self, dim):
    if self.dtype.kind in "biu":
        raise RuntimeError(f"\"log_softmax_lastdim_kernel_impl\" not implemented for '{from_np(self.dtype).legacy}'")
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0 or self.size == 0:
        return np.zeros_like(self)
    x = self.astype(_wide(self.dtype), copy=False)
    x = x - np.maximum.reduce(x, axis=d, keepdims=True)
    x = x - np.log(np.add.reduce(np.exp(x), axis=d, keepdims=True))
    return x.astype(self.dtype, copy=False)


# ---- scans


def _scan(ufunc: Any, self: np.ndarray, dim: int, dtype: Any) -> np.ndarray:
    a, out = _acc(self, dtype)
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        return a.astype(out)
    return ufunc.accumulate(a, axis=d, dtype=_wide(out)).astype(out, copy=False)


def _reversed_cumsum(x: Any, dim: int) -> Any:
    from .view import flip

    if x.ndim == 0:
        return x
    return flip(cumsum(flip(x, (dim,)), dim), (dim,))


@op("cumsum", grad=dict(self=lambda grad, dim: _reversed_cumsum(grad, dim)), tensors="self", inplace=True)
def cumsum(self, dim, *, dtype=None):
    return _scan(np.add, self, dim, dtype)


@op("cumprod", grad=dict(self=lambda grad, self, result, dim: _cumprod_grad(grad, self, result, dim)), tensors="self",
    inplace=True)  # fmt: skip
def cumprod(self, dim, *, dtype=None):
    return _scan(np.multiply, self, dim, dtype)


def _cumprod_grad(grad: Any, self: Any, result: Any, dim: int) -> Any:
    """sum over j >= i of grad_j * result_j / self_i; by explicit products where an element is zero."""
    if self.ndim == 0:
        return grad
    if 0 in tuple(self.shape):
        return grad
    if not bool((self == 0).any()):
        return _reversed_cumsum(grad * conj(result), dim) / conj(self)
    d = wrap_dim(dim, self.ndim)
    n = self.shape[d]
    rows = [self.swapaxes(0, d)[i] for i in range(n)]
    grads = [grad.swapaxes(0, d)[i] for i in range(n)]
    out = []
    for i in range(n):
        before = rows[0] * 0 + 1
        for k in rows[:i]:
            before = before * k
        total = grads[i] * conj(before)
        for j in range(i + 1, n):
            before = before * rows[j]
            total = total + grads[j] * conj(before)
        out.append(total)
    from .view import stack

    return stack(out, d)





