"""Reading and writing by index: gather, scatter, index_select, masks, and what `x[...]` needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import from_np
from ..shape import wrap_dim
from .pointwise import times
from .spec import op, sizes


def grid(index: np.ndarray, d: int) -> tuple[np.ndarray, ...]:
    """Open mesh that pairs `index` along dimension d with its own position along the others."""
    mesh = list(np.ogrid[tuple(slice(n) for n in index.shape)]) if index.ndim else []
    if index.ndim:
        mesh[d] = index
    return tuple(mesh)


def _need_int64(name: str, index: np.ndarray) -> None:
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")


def check_gather(name: str, self: np.ndarray, index: np.ndarray, d: int, src: np.ndarray | None = None) -> None:
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if index.size == 0:
        return
    if max(self.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {'input' if name == 'gather' else 'self'} tensor")
    for i, (n, m) in enumerate(zip(self.shape, index.shape, strict=False)):
        if i != d and m > n:
            if name == "gather":
                raise RuntimeError(
                    f"Size does not match at dimension {i} expected index {sizes(index.shape)} to be no larger than self "
                    f"{sizes(self.shape)} apart from dimension {d}"
                )
            tail = f" and to be no larger size than src {sizes(src.shape)}" if src is not None else ""
            raise RuntimeError(
                f"Expected index {sizes(index.shape)} to be no larger than self {sizes(self.shape)} apart from dimension {d}{tail}"
            )
    n = self.shape[d] if self.ndim else 1
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= n:
        bad = low if low < 0 else high
        raise RuntimeError(f"index {bad} is out of bounds for dimension {d} with size {n}")


@op("gather", grad=dict(self=lambda grad, self_sizes, dim, index: gather_backward(grad, index, self_sizes, dim)),
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
            np.add.at(out, grid(i, d), g)
    return out


def value_selecting(grad: Any, shape: Any, dim: int, keepdim: bool, index: Any) -> Any:
    """The gradient of values chosen along dim (max, sort, topk): put back where they came from."""
    if not keepdim and len(shape):
        grad, index = _unsqueezed(grad, dim), _unsqueezed(index, dim)
    return gather_backward(grad, index, shape, dim)


def _unsqueezed(x: Any, dim: int) -> Any:
    return np.expand_dims(x, wrap_dim(dim, x.ndim + 1)) if isinstance(x, np.ndarray) else x.unsqueeze(dim)


def _cast(value: Any, like: np.ndarray) -> Any:
    return np.asarray(value).astype(like.dtype, copy=False)


def _same_dtype(name: str, self: np.ndarray, src: np.ndarray) -> None:
    if self.dtype != src.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")


@op("scatter.src", grad=dict(self=lambda grad, dim, index: _cleared(grad, dim, index),
                             src=lambda grad, dim, index: gather(grad, index, dim)),
    tensors="self index src", node="ScatterBackward0", function=False, method=False, inplace=True)  # fmt: skip
def scatter_src(self, index, src, dim):
    d = wrap_dim(dim, self.ndim)
    _same_dtype("scatter", self, src)
    check_gather("scatter", self, index, d, src)
    return put_along(self.copy(), d, index, src)


@op("scatter.value", grad=dict(self=lambda grad, dim, index: _cleared(grad, dim, index)), tensors="self index",
    node="ScatterBackward1", function=False, method=False, inplace=True)  # fmt: skip
def scatter_value(self, index, dim, value):
    d = wrap_dim(dim, self.ndim)
    check_gather("scatter", self, index, d)
    return put_along(self.copy(), d, index, np.broadcast_to(_cast(value, self), index.shape))


def put_along(out: np.ndarray, d: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    if index.size:
        if out.ndim == 0:
            out[...] = src.reshape(-1)[0]
        elif index.ndim == 0:
            out[index] = src.reshape(-1)[0]
        else:
            out[grid(index, d)] = src[tuple(slice(n) for n in index.shape)]
    return out


def _cleared(grad: Any, dim: int, index: Any) -> Any:
    return scatter_value(grad, index, dim, 0)


@op("scatter_add", grad=dict(self=lambda grad: grad, src=lambda grad, dim, index: gather(grad, index, dim)),
    tensors="self index src", signature=lambda self, dim, index, src: None, inplace=True)  # fmt: skip
def scatter_add(self, index, src, dim):
    d = wrap_dim(dim, self.ndim)
    if self.dtype != src.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    check_gather("scatter", self, index, d, src)
    out = self.copy()
    if index.size:
        if out.ndim == 0:
            out += src.sum(dtype=out.dtype)
        elif index.ndim == 0:
            np.add.at(out, index.reshape(1), src.reshape(1))
        else:
            np.add.at(out, grid(index, d), src[tuple(slice(n) for n in index.shape)])
    return out


@op("index_select", grad=dict(self=lambda grad, self_sizes, dim, index: select_add(
    grad, index, self_sizes, dim)),
    tensors="self index", signature=lambda self, dim, index: None)  # fmt: skip
def index_select(self, index, dim):
    d = wrap_dim(dim, self.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    index = index.reshape(-1)
    if self.ndim == 0:
        return self.copy() if index.size == 1 else np.repeat(self.reshape(1), index.size)
    n = self.shape[d]
    if index.size and (index.min() < 0 or index.max() >= n):
        raise IndexError("index out of range in self")
    return np.take(self, index, axis=d)


@op("index_select_backward", grad=dict(grad_output=lambda grad, dim, index: index_select(grad, index, dim)),
    tensors="grad_output index", function=False, method=False)  # fmt: skip
def select_add(grad_output, index, input_sizes, dim):
    out = np.zeros(input_sizes, grad_output.dtype)
    if out.ndim == 0:
        out += grad_output.sum(dtype=out.dtype)
    else:
        np.add.at(out, (slice(None),) * wrap_dim(dim, out.ndim) + (index.reshape(-1),), grad_output)
    return out


@op("index_add", grad=dict(self=lambda grad: grad, source=lambda grad, dim, index, alpha: times(
    index_select(grad, index, dim), alpha)),
    tensors="self index source", signature=lambda self, dim, index, source, *, alpha=1: None, inplace=True)  # fmt: skip
def index_add(self, index, source, dim, alpha=1):
    d = wrap_dim(dim, self.ndim)
    if index.ndim > 1:
        raise IndexError("index_add_(): Index is supposed to be a vector")
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError("index_add_(): Expected dtype int32/int64 for index")
    if self.dtype != source.dtype:
        raise RuntimeError("index_add_(): self and source must have the same scalar type")
    index = index.reshape(-1)
    n = source.shape[wrap_dim(dim, source.ndim)] if source.ndim else 1
    if index.size != n:
        raise RuntimeError(
            f"index_add_(): Number of indices ({index.size}) should be equal to source.size(dim): ({n}), for dim: {dim}"
        )
    out = self.copy()
    if index.size and out.ndim and (index.min() < 0 or index.max() >= out.shape[d]):
        raise RuntimeError("index out of range in self")
    src = source if alpha == 1 else source * self.dtype.type(alpha)
    if out.ndim == 0:
        out += src.sum(dtype=out.dtype)
    else:
        np.add.at(out, (slice(None),) * d + (index,), src.reshape((1,)) if src.ndim == 0 else src)
    return out


@op("index_fill.scalar", grad=dict(self=lambda grad, dim, index: index_fill_scalar(grad, index, dim, 0)), tensors="self index",
    node="IndexFillBackward0", function=False, method=False, inplace=True)  # fmt: skip
def index_fill_scalar(self, index, dim, value):
    if index.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    d = wrap_dim(dim, self.ndim)
    out = self.copy()
    if index.size and self.ndim and (index.max() >= self.shape[d] or index.min() < -self.shape[d]):
        raise IndexError(f"index {int(index.max())} is out of bounds for dimension {d} with size {self.shape[d]}")
    if out.ndim == 0:
        out[...] = value
    else:
        out[(slice(None),) * d + (index.reshape(-1),)] = _cast(value, self)
    return out


@op("index_copy", grad=dict(self=lambda grad, dim, index: index_fill_scalar(grad, index, dim, 0),
                            source=lambda grad, dim, index: index_select(grad, index, dim)),
    tensors="self index source", signature=lambda self, dim, index, source: None, inplace=True)  # fmt: skip
def index_copy(self, index, source, dim):
    d = wrap_dim(dim, self.ndim)
    if index.ndim > 1:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if index.dtype != np.int64:
        raise RuntimeError("index_copy_(): Expected a long tensor for index, but got " + from_np(index.dtype).legacy)
    if self.dtype != source.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{from_np(self.dtype).legacy} and (source) {from_np(source.dtype).legacy}"
        )
    index = index.reshape(-1)
    out = self.copy()
    if out.ndim == 0:
        out[...] = source.reshape(-1)[-1] if source.size else out
        return out
    if index.size and (index.max() >= self.shape[d] or index.min() < 0):
        raise IndexError(f"index {int(index.max())} is out of bounds for dimension {d} with size {self.shape[d]}")
    out[(slice(None),) * d + (index,)] = source.reshape((1,)) if source.ndim == 0 else source
    return out


# ---- advanced indexing: `indices` is a list with None for the dimensions taken whole


def _key(indices: Any) -> tuple[Any, ...]:
    return tuple(slice(None) if i is None else i for i in indices)


@op("index.Tensor", grad=dict(self=lambda grad, self_sizes, indices: index_backward(grad, self_sizes, indices)), tensors="self",
    node="IndexBackward0", function=False, method=False)  # fmt: skip
def index(self, indices):
    _bounds(self, indices)
    return np.asarray(self[_key(indices)])


def _bounds(self: np.ndarray, indices: Any) -> None:
    at = 0
    for i in indices:
        if i is None:
            at += 1
            continue
        if i.dtype.kind == "b":
            at += max(i.ndim, 1)
            continue
        n = self.shape[at]
        if i.size:
            low, high = int(i.min()), int(i.max())
            if low < -n or high >= n:
                raise IndexError(f"index {low if low < -n else high} is out of bounds for dimension {at} with size {n}")
        at += 1


@op("index_backward", grad=dict(grad_output=lambda grad, indices: index(grad, indices)), tensors="grad_output",
    function=False, method=False)  # fmt: skip
def index_backward(grad_output, input_sizes, indices):
    out = np.zeros(input_sizes, grad_output.dtype)
    key = _key(indices)
    if all(i is None or i.dtype.kind == "b" for i in indices):  # masks hit each element once
        out[key] = grad_output
    else:
        np.add.at(out, key, grad_output)
    return out


@op("index_put.values", grad=dict(self=lambda grad, indices, accumulate: grad if accumulate else _put_zero(grad, indices),
                                  values=lambda grad, indices, values_sizes: _summed(index(grad, indices), values_sizes)),
    tensors="self values", node="IndexPutBackward0", function=False, method=False, inplace=True)  # fmt: skip
def index_put(self, values, indices, accumulate=False):
    _bounds(self, indices)
    if self.dtype != values.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {from_np(self.dtype).legacy} for the destination "
            f"and {from_np(values.dtype).legacy} for the source."
        )
    out = self.copy()
    key = _key(indices)
    try:
        if accumulate:
            np.add.at(out, key, values)
        else:
            out[key] = values
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {sizes(values.shape)} cannot be broadcast to indexing result of shape "
            f"{sizes(self[key].shape)}"
        ) from None
    return out


def _summed(grad: Any, shape: Any) -> Any:
    from .view import sum_to

    return sum_to(grad, shape)


@op("_put_zero", grad=dict(self=lambda grad, indices: _put_zero(grad, indices)), tensors="self", function=False, method=False)
def _put_zero(self, indices):
    out = self.copy()
    out[_key(indices)] = 0
    return out


@op("nonzero.all", function=False, method=False)
def nonzero(self):
    if self.ndim == 0:
        return np.zeros((1 if self else 0, 0), np.int64)
    return np.stack(np.nonzero(self), axis=1).astype(np.int64, copy=False)


@op("masked_select", grad=dict(self=lambda grad, self_sizes, mask: _unmask(grad, self_sizes, mask)), tensors="self mask")
def masked_select(self, mask):
    if mask.dtype != np.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    a, m = np.broadcast_arrays(self, mask)
    return a[m]


def _unmask(grad: Any, shape: Any, mask: Any) -> Any:
    from .view import sum_to

    full = np.broadcast_shapes(tuple(shape), tuple(mask.shape))
    m = np.broadcast_to(mask if isinstance(mask, np.ndarray) else mask._a, full)
    if isinstance(grad, np.ndarray):
        out = np.zeros(full, grad.dtype)
        out[m] = grad
        return sum_to(out, shape)
    return sum_to(index_backward(grad, full, [m]), shape)


@op("masked_scatter", grad=dict(self=lambda grad, mask: _fill_masked(grad, mask, 0),
                                source=lambda grad, mask, source_sizes: _masked_source(grad, mask, source_sizes)),
    tensors="self mask source", inplace=True)  # fmt: skip
def masked_scatter(self, mask, source):
    if mask.dtype != np.bool_:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {from_np(mask.dtype).legacy}")
    if self.dtype != source.dtype:
        raise RuntimeError("masked_scatter: expected self and source to have same dtypes but got "
                           f"{from_np(self.dtype).legacy} and {from_np(source.dtype).legacy}")  # fmt: skip
    shape = np.broadcast_shapes(self.shape, mask.shape)
    m = np.broadcast_to(mask, shape)
    n = int(m.sum())
    if source.size < n:
        raise RuntimeError(f"Number of elements of source < number of ones in mask: {source.size} < {n}")
    out = np.broadcast_to(self, shape).copy()
    out[m] = source.reshape(-1)[:n]
    return out


def _fill_masked(grad: Any, mask: Any, value: Any) -> Any:
    return np.where(mask, grad.dtype.type(value), grad) if isinstance(grad, np.ndarray) else grad.masked_fill(mask, value)


def _masked_source(grad: Any, mask: Any, shape: Any) -> Any:
    n = 1
    for k in shape:
        n *= k
    if isinstance(grad, np.ndarray):
        taken = grad[np.broadcast_to(mask, grad.shape)]
        return np.concatenate([taken, np.zeros(n - taken.size, grad.dtype)]).reshape(shape)
    taken = grad.masked_select(mask)
    return taken.new_zeros(n).index_put((np.arange(taken.numel()),), taken).reshape(shape)


# ---- order


@op("sort.stable", grad=dict(self=lambda grad, self_sizes, dim, result1: value_selecting(grad, self_sizes, dim, True, result1)),
    tensors="self", node="SortBackward0", outputs="values indices", undiff="indices", function=False, method=False)  # fmt: skip
def sort(self, dim=-1, descending=False, stable=False):
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    order = argsort_stable(self, d, descending)
    return np.take_along_axis(self, order, d), order


def argsort_stable(a: np.ndarray, d: int, descending: bool) -> np.ndarray:
    """Stable order with nan as the largest value; descending keeps the order of equals too."""
    if not descending:
        return np.argsort(a, axis=d, kind="stable")
    turned = np.flip(a, d)
    order = np.flip(np.argsort(turned, axis=d, kind="stable"), d)
    return a.shape[d] - 1 - order


@op("topk", grad=dict(self=lambda grad, self_sizes, dim, result1: value_selecting(grad, self_sizes, dim, True, result1)),
    tensors="self", outputs="values indices", undiff="indices")  # fmt: skip
def topk(self, k, dim=-1, largest=True, sorted=True):
    d = wrap_dim(dim, self.ndim)
    n = self.shape[d] if self.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError("selected index k out of range")
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    order = argsort_stable(self, d, largest)
    at = np.ascontiguousarray(np.take(order, range(k), axis=d))
    return np.take_along_axis(self, at, d), at


@op("kthvalue", grad=dict(self=lambda grad, self_sizes, dim, keepdim, result1: value_selecting(
    grad, self_sizes, dim, keepdim, result1)), tensors="self", outputs="values indices", undiff="indices")  # fmt: skip
def kthvalue(self, k, dim=-1, keepdim=False):
    d = wrap_dim(dim, self.ndim)
    n = self.shape[d] if self.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}")
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    at = np.take(argsort_stable(self, d, False), [k - 1], axis=d)
    values = np.take_along_axis(self, at, d)
    return (values, at) if keepdim else (values.squeeze(d), at.squeeze(d))


@op("cummax.dim", grad=dict(self=lambda grad, self_sizes, dim, result1: value_selecting(grad, self_sizes, dim, True, result1)),
    tensors="self", node="CummaxBackward0", outputs="values indices", undiff="indices", function=False, method=False)  # fmt: skip
def cummax(self, dim):
    return _running(self, dim, np.greater_equal)


@op("cummin.dim", grad=dict(self=lambda grad, self_sizes, dim, result1: value_selecting(grad, self_sizes, dim, True, result1)),
    tensors="self", node="CumminBackward0", outputs="values indices", undiff="indices", function=False, method=False)  # fmt: skip
def cummin(self, dim):
    return _running(self, dim, np.less_equal)


def _running(self: np.ndarray, dim: int, beats: Any) -> tuple[np.ndarray, np.ndarray]:
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    x = np.moveaxis(self, d, 0)
    values, at = np.empty_like(x), np.zeros(x.shape, np.int64)
    for i in range(x.shape[0]):
        if i == 0:
            values[0] = x[0]
            continue
        better = beats(x[i], values[i - 1]) | (x[i] != x[i])
        values[i] = np.where(better, x[i], values[i - 1])
        at[i] = np.where(better, i, at[i - 1])
    return np.moveaxis(values, 0, d).copy(), np.moveaxis(at, 0, d).copy()


