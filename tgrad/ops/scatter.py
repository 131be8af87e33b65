"""Reading and writing one element per index along a dimension: gather, scatter and its reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtype import from_np
from ..shape import wrap_dim
from .accumulate import is_half
from .spec import TensorBase, lacking, op, refuse, sizes


def grid(index: np.ndarray, d: int) -> tuple[np.ndarray, ...]:
    """Open mesh that pairs `index` along dimension d with its own position along the others."""
    mesh = list(np.ogrid[tuple(slice(n) for n in index.shape)]) if index.ndim else []
    if index.ndim:
        mesh[d] = index
    return tuple(mesh)


def places(index: np.ndarray, d: int, shape: tuple[int, ...]) -> np.ndarray:
    """Where the elements that `grid` picks lie in a row-major array of `shape`. numpy's loops over flat arrays are several
    times as fast as those over a mesh."""
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    at = index.astype(np.int64, copy=False) * steps[d]
    for i, x in enumerate(np.ogrid[tuple(slice(n) for n in index.shape)]):
        if i != d:
            at += x * steps[i]
    return at


def apply_at(ufunc: np.ufunc, out: np.ndarray, d: int, index: np.ndarray, values: np.ndarray) -> None:
    """`ufunc.at` along dimension d, an element of `values` for each of `index`; sums of halves are rounded once."""
    if ufunc is np.add and is_half(out):
        wide = out.astype(np.float32)
        apply_at(ufunc, wide, d, index, values.astype(np.float32))
        out[...] = wide
        return
    if out.flags.c_contiguous:
        ufunc.at(out.reshape(-1), places(index, d, out.shape).reshape(-1), values.reshape(-1))
    else:
        ufunc.at(out, grid(index, d), values)


def check_gather(name: str, self: np.ndarray, index: np.ndarray, d: int, src: np.ndarray | None = None) -> None:
    """The checks that gather and all scatters share. An empty index is of any dtype and shape."""
    if index.size == 0:
        return
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if max(self.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as {'input' if name == 'gather' else 'self'} tensor"
        )
    if src is not None and max(src.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    bad = any(i != d and m > n for i, (n, m) in enumerate(zip(self.shape, index.shape, strict=False)))
    if bad and name == "gather":
        i = next(i for i, (n, m) in enumerate(zip(self.shape, index.shape, strict=False)) if i != d and m > n)
        raise RuntimeError(
            f"Size does not match at dimension {i} expected index {sizes(index.shape)} to be no larger than self "
            f"{sizes(self.shape)} apart from dimension {d}"
        )
    over = src is not None and any(m > n for n, m in zip(src.shape, index.shape, strict=False))
    if bad or over:
        tail = f" and to be no larger size than src {sizes(src.shape)}" if src is not None else ""
        raise RuntimeError(
            f"Expected index {sizes(index.shape)} to be no larger than self {sizes(self.shape)} apart from dimension {d}{tail}"
        )
    n = self.shape[d] if self.ndim else 1
    wrong = (index < 0) | (index >= n)
    if wrong.any():
        raise RuntimeError(f"index {index[wrong].reshape(-1)[0]} is out of bounds for dimension {d} with size {n}")


@op("gather", apart=True, grad=dict(self=lambda grad, self_sizes, dim, index: gather_backward(grad, index, self_sizes, dim)),
    tensors="self index", signature=lambda self, dim, index, *, sparse_grad=False: None)  # fmt: skip
def gather(self, index, dim, sparse_grad=False):
    d = wrap_dim(dim, self.ndim)
    check_gather("gather", self, index, d)
    if index.size == 0:
        return np.empty(index.shape, self.dtype)
    if self.ndim == 0:
        return np.broadcast_to(self, index.shape).copy()
    if index.ndim == 0:
        return self.reshape(-1)[index]
    if self.flags.c_contiguous:
        return self.reshape(-1).take(places(index, d, self.shape))
    return np.asarray(self[grid(index, d)])


@op("gather_backward", grad=dict(grad_output=lambda grad, dim, index: gather(grad, index, dim)), tensors="grad_output index",
    function=False, method=False)  # fmt: skip
def gather_backward(grad_output, index, input_sizes, dim):
    out = np.zeros(input_sizes, grad_output.dtype)
    if index.size:
        d = wrap_dim(dim, out.ndim)
        if out.ndim == 0:
            out += grad_output.sum()
        else:
            i = index.reshape(1) if index.ndim == 0 else index
            g = grad_output.reshape(1) if index.ndim == 0 else grad_output
            apply_at(np.add, out, d, i, g)
    return out


def value_selecting(grad: Any, shape: Any, dim: int, keepdim: bool, index: Any) -> Any:
    """The gradient of values chosen along dim (max, sort, topk): put back where they came from."""
    if not keepdim and len(shape):
        grad, index = _unsqueezed(grad, dim), _unsqueezed(index, dim)
    return gather_backward(grad, index, shape, dim)


def _unsqueezed(x: Any, dim: int) -> Any:
    return np.expand_dims(x, wrap_dim(dim, x.ndim + 1)) if isinstance(x, np.ndarray) else x.unsqueeze(dim)


def cast(value: Any, like: np.ndarray) -> Any:
    return np.asarray(value).astype(like.dtype, copy=False)


def _same_dtype(self: np.ndarray, src: np.ndarray) -> None:
    if self.dtype != src.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")


# ---- writing


def _read_back(name: str, grad: Any, index: Any, dim: int, shape: Any) -> Any:
    """The gradient of what was scattered; PyTorch has one only where all of src went in."""
    out = gather(grad, index, dim)
    if tuple(out.shape) != tuple(shape):
        raise RuntimeError(
            f"Function {name}Backward0 returned an invalid gradient at index 1 - got {sizes(out.shape)} but expected shape compatible "
            f"with {sizes(shape)}"
        )
    return out


@op("scatter.src", grad=dict(self=lambda grad, dim, index: cleared(grad, dim, index),
                             src=lambda grad, dim, index, src_sizes: _read_back("Scatter", grad, index, dim, src_sizes)),
    tensors="self index src", node="ScatterBackward0", function=False, method=False, inplace=True)  # fmt: skip
def scatter_src(self, index, src, dim):
    d = wrap_dim(dim, self.ndim)
    check_gather("scatter", self, index, d, src)
    _same_dtype(self, src)
    return put_along(self.copy(), d, index, src)


@op("scatter.value", grad=dict(self=lambda grad, dim, index: cleared(grad, dim, index)), tensors="self index",
    node="ScatterBackward1", function=False, method=False, inplace=True)  # fmt: skip
def scatter_value(self, index, dim, value):
    d = wrap_dim(dim, self.ndim)
    check_gather("scatter", self, index, d)
    return put_along(self.copy(), d, index, np.broadcast_to(cast(value, self), index.shape))


def put_along(out: np.ndarray, d: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    if index.size:
        if out.ndim == 0:
            out[...] = src.reshape(-1)[0]
        elif index.ndim == 0:
            out[index] = src.reshape(-1)[0]
        else:
            out[grid(index, d)] = fitting(src, index)
    return out


def fitting(src: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The leading part of src that index reaches."""
    return src[tuple(slice(n) for n in index.shape)] if src.ndim == index.ndim else src.reshape(index.shape)


def cleared(grad: Any, dim: int, index: Any) -> Any:
    return scatter_value(grad, index, dim, 0)


@op("scatter_add", grad=dict(self=lambda grad: grad, src=lambda grad, dim, index, src_sizes: _read_back(
        "ScatterAdd", grad, index, dim, src_sizes)),
    tensors="self index src", signature=lambda self, dim, index, src: None, inplace=True)  # fmt: skip
def scatter_add(self, index, src, dim):
    d = wrap_dim(dim, self.ndim)
    check_gather("scatter", self, index, d, src)
    _same_dtype(self, src)
    return accumulate(self.copy(), np.add, d, index, src)


def accumulate(out: np.ndarray, ufunc: np.ufunc, d: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    if index.size:
        if out.ndim == 0:
            out = out.reshape(1)
            ufunc.at(out, index.reshape(-1), fitting(src, index).reshape(-1))
            return out.reshape(())
        i = index.reshape(1) if index.ndim == 0 else index
        apply_at(ufunc, out, d, i, fitting(src, index).reshape(i.shape))
    return out


# ---- reductions

REDUCERS = {"sum": np.add, "prod": np.multiply, "mean": np.add, "amax": np.maximum, "amin": np.minimum}


def neutral(reduce: str, dt: np.dtype) -> Any:
    """The value that a reduction starts from when the target's own is not to count."""
    if reduce == "prod":
        return 1
    if reduce in ("sum", "mean"):
        return 0
    if dt.kind in "fV":
        return -np.inf if reduce == "amax" else np.inf
    if dt.kind == "b":
        return reduce == "amin"
    info = np.iinfo(dt)
    return info.min if reduce == "amax" else info.max


def divided(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """A mean from a sum; integers round down."""
    count = np.maximum(count, 1)
    if total.dtype.kind in "iu":
        return total // count.astype(total.dtype)
    return total / count.astype(total.dtype)


@op("scatter_reduce.two", grad={"self src": lambda grad, self, dim, index, src, reduce, include_self, result: _scatter_reduce_grad(
        grad, self, dim, index, src, reduce, include_self, result)},
    tensors="self index src", node="ScatterReduceBackward0", function=False, method=False, inplace=True, real_grad=True)  # fmt: skip
def scatter_reduce(self, index, src, dim, reduce, include_self=True):
    d = wrap_dim(dim, self.ndim)
    if reduce not in REDUCERS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    check_gather("scatter", self, index, d, src)
    _same_dtype(self, src)
    if index.size == 0:
        return self.copy()
    if reduce in ("amax", "amin"):
        refuse(self, lacking("c", f"scatter_gather_tensor_cpu_reduce_{reduce}"))
    out = self.copy()
    if not include_self:
        out = put_along(
            out, d, index, np.broadcast_to(np.asarray(neutral(reduce, self.dtype)).astype(self.dtype), index.shape)
        )
    out = accumulate(out, REDUCERS[reduce], d, index, src)
    if reduce == "mean":
        count = np.ones(self.shape, np.int64)
        if not include_self:
            count = put_along(count, d, index, np.zeros(index.shape, np.int64))
        out = divided(out, accumulate(count, np.add, d, index, np.ones(index.shape, np.int64)))
    return out


# What follows serves derivatives, over arrays and over Tensors.


def _is_array(x: Any) -> bool:
    return not isinstance(x, TensorBase)


def filled(x: Any, mask: Any, value: Any) -> Any:
    """`x` with `value` where the mask is true."""
    return x.masked_fill(mask, value) if not _is_array(x) else np.where(mask, x.dtype.type(value), x)


def _like(mask: Any, x: Any) -> Any:
    return mask.to(x.dtype) if not _is_array(x) else mask.astype(x.dtype)


def _ones(x: Any, value: int = 1) -> Any:
    return x.detach().new_full(x.shape, value) if not _is_array(x) else np.full(x.shape, value, x.dtype)


def choose(mask: Any, a: Any, b: Any) -> Any:
    return a.where(mask, b) if not _is_array(a) else np.where(mask, a, b)


def _scatter_reduce_grad(
    grad: Any, self: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool, result: Any
) -> tuple[Any, Any]:
    def take(x: Any) -> Any:
        return gather(x, index, dim)

    def spread(base: Any, x: Any) -> Any:
        return scatter_add(base, index, x, dim)

    g_self, g_src = reduced_grads(
        grad,
        self,
        src,
        reduce,
        include_self,
        result,
        take,
        spread,
        lambda a, s: scatter_reduce(a, index, s, dim, "prod", include_self),
    )
    return (g_self if include_self else cleared(g_self, dim, index)), g_src


def reduced_grads(
    grad: Any, self: Any, src: Any, reduce: str, include_self: bool, result: Any, take: Any, spread: Any, products: Any
) -> tuple[Any, Any]:
    """Gradients of a reduction of `src` into `self`; `take` reads the places that src went to, `spread` adds to them."""
    if reduce == "sum":
        return grad, take(grad)
    if reduce == "mean":
        count = spread(_ones(grad, 1 if include_self else 0), _ones(src))
        count = filled(count, count == 0, 1)
        return grad / count, take(grad / count)
    if reduce == "prod":
        at_zero = self == 0
        others = products(filled(self, at_zero, 1), src)
        g_self = grad * others / filled(self, at_zero, 1)
        zero = src == 0
        alone = zero & (take(spread(_ones(self, 0), _like(zero, src))) == 1)
        rest = products(self, filled(src, alone, 1))
        g_src = choose(alone, take(grad * rest), take(grad * result) / filled(src, zero, 1))
        return g_self, g_src
    chosen_self, chosen_src = self == result, src == take(result)
    count = spread(_like(chosen_self, grad), _like(chosen_src, grad))
    share = grad / filled(count, count == 0, 1)
    return share * _like(chosen_self, grad), take(share) * _like(chosen_src, grad)


def index_dtype(name: str, index: np.ndarray) -> None:
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index but got: {from_np(index.dtype).legacy}")
