"""Reading and writing whole slices by index: index_select and its kin, masks, and what `x[...]` needs.

Note [Indices]
`indices` of advanced indexing is a list of int64 index tensors with None for the dimensions taken whole; masks have become
the positions of their true elements before. The tensors are inputs of the rows, so a node notices when one was changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import from_np
from ..shape import broadcast_shapes, wrap_dim
from ..storage import blank
from .accumulate import add_along, added_at, is_half
from .pointwise import times
from .scatter import REDUCERS, cast, divided, filled, neutral, reduced_grads
from .spec import lacking, op, refuse, sizes
from .view import cat, clone, reshape, sum_to, total


def check_vector(name: str, index: np.ndarray, what: str = "Index is supposed to be a vector") -> None:
    if index.ndim > 1:
        raise IndexError(f"{name}(): {what}")


@op("index_select", apart=True, out="index_select(): self and result must have the same scalar type", grad=dict(self=lambda grad, self_sizes, dim, index: select_add(
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
        if index.size != 1:
            raise RuntimeError("index_select(): Index to scalar can have only 1 value, got " + f"{index.size} value(s)")
        if index[0] != 0:
            raise IndexError("index out of range in self")
        return self.copy()
    n = self.shape[d]
    wrong = index[(index < 0) | (index >= n)]
    if wrong.size and d == 1:
        raise RuntimeError(f"INDICES element is out of DATA bounds, id={wrong[0]} axis_dim={n}")
    if wrong.size:
        raise IndexError("index out of range in self")
    return np.take(self, index, axis=d)


@op("index_select_backward", grad=dict(grad_output=lambda grad, dim, index: index_select(grad, index, dim)),
    tensors="grad_output index", function=False, method=False)  # fmt: skip
def select_add(grad_output, index, input_sizes, dim):
    out = np.zeros(input_sizes, grad_output.dtype)
    if out.ndim == 0:
        out += grad_output.sum(dtype=out.dtype)
        return out
    return add_along(out, wrap_dim(dim, out.ndim), index.reshape(-1), grad_output)


def _from_slices(grad: Any, index: Any, dim: int, shape: Any) -> Any:
    """The gradient of a source of slices: those of `grad` at index. A 0-d source is one slice."""
    return reshape(index_select(grad, index, dim), shape) if not len(shape) else index_select(grad, index, dim)


@op("index_add", grad=dict(self=lambda grad: grad, source=lambda grad, dim, index, source_sizes, alpha: times(
    _from_slices(grad, index, dim, source_sizes), alpha)),
    tensors="self index source", signature=lambda self, dim, index, source, *, alpha=1: None, inplace=True)  # fmt: skip
def index_add(self, index, source, dim, alpha=1):
    d = wrap_dim(dim, self.ndim)
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError("index_add_(): Expected dtype int32/int64 for index but got: " + from_np(index.dtype).legacy)
    if self.dtype != source.dtype:
        raise RuntimeError(
            f"index_add_(): self ({from_np(self.dtype).legacy}) and source ({from_np(source.dtype).legacy}) must have the same scalar type"
        )
    if index.ndim > 1:
        raise IndexError("index_add_(): Index is supposed to be a vector, but got dim: "
                         f"{index.ndim} with type: {from_np(index.dtype).legacy} and size: {sizes(index.shape)}")  # fmt: skip
    if source.ndim and self.ndim and source.ndim != self.ndim:
        _slice_mismatch(self, source)
    index = index.reshape(-1)
    n = source.shape[wrap_dim(dim, source.ndim)] if source.ndim else 1
    if index.size != n:
        raise RuntimeError(
            f"index_add_(): Number of indices ({index.size}) should be equal to source.size(dim): ({n}), for dim: {dim}"
        )
    if source.ndim and any(i != d and a != b for i, (a, b) in enumerate(zip(self.shape, source.shape, strict=False))):
        _slice_mismatch(self, source)
    out = self.copy()
    n = self.shape[d] if self.ndim else 1
    wrong = (index < 0) | (index >= n)
    if wrong.any() and (self.ndim < 2 or d not in (0, self.ndim - 1)):
        raise IndexError("index out of range in self")
    if wrong.any():
        raise RuntimeError(f"index {index[wrong][0]} is out of bounds for dimension {d} with size {n}")
    src = source if alpha == 1 else source * self.dtype.type(alpha)
    if out.ndim == 0:
        return out + src.sum(dtype=out.dtype)
    return add_along(out, d, index, src.reshape((1,) * out.ndim) if src.ndim == 0 else src)


def _slice_mismatch(self: np.ndarray, source: np.ndarray) -> None:
    raise RuntimeError(
        "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
        f"{sizes(self.shape)} source.shape = {sizes(source.shape)}"
    )


def _fill(self: np.ndarray, index: np.ndarray, dim: int, value: Any) -> np.ndarray:
    if index.dtype not in (np.int64, np.int32):
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    d = wrap_dim(dim, self.ndim)
    out = clone.array(self)
    n = self.shape[d] if self.ndim else 1
    wrong = (index >= n) | (index < -n)
    if wrong.any():
        raise IndexError(f"index {index[wrong].reshape(-1)[0]} is out of bounds for dimension {d} with size {n}")
    if out.ndim == 0:
        out[...] = cast(value, self) if index.size else out
    else:
        out[(slice(None),) * d + (index.reshape(-1),)] = cast(value, self)
    return out


@op("index_fill.scalar", grad=dict(self=lambda grad, dim, index: index_fill_scalar(grad, index, dim, 0)), tensors="self index",
    node="IndexFillBackward0", function=False, method=False, inplace=True)  # fmt: skip
def index_fill_scalar(self, index, dim, value):
    return _fill(self, index, dim, value)


@op("index_fill.tensor", grad=dict(self=lambda grad, dim, index: index_fill_scalar(grad, index, dim, 0),
                                   value=lambda grad, dim, index: _filled_sum(grad, dim, index)),
    tensors="self index value", node="IndexFillBackward1", function=False, method=False, inplace=True)  # fmt: skip
def index_fill_tensor(self, index, value, dim):
    if value.ndim:
        raise RuntimeError(f"Only supports 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).")
    return _fill(self, index, dim, value)


def _filled_sum(grad: Any, dim: int, index: Any) -> Any:
    """Each place counts once, however often it was filled."""
    if isinstance(grad, np.ndarray):
        return total(index_select.array(grad, np.unique(index), dim))
    return index_select(grad, index.unique(), dim).sum()


@op("index_copy", grad=dict(self=lambda grad, dim, index: index_fill_scalar(grad, index, dim, 0),
                            source=lambda grad, dim, index, source_sizes: _from_slices(grad, index, dim, source_sizes)),
    tensors="self index source", signature=lambda self, dim, index, source: None, inplace=True)  # fmt: skip
def index_copy(self, index, source, dim):
    d = wrap_dim(dim, self.ndim)
    if index.ndim > 1:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if source.ndim == 0 and index.size != 1:
        raise IndexError(f"index_copy_(): When source is scalar, index should have one element (got {index.size})")
    if source.ndim != self.ndim and source.ndim and self.ndim:
        raise IndexError("index_copy_(): When source and destination are not scalars, their dimensionality must match. Source "
                         f"dimensionality ({source.ndim}), destination dimensionality ({self.ndim})")  # fmt: skip
    if index.dtype != np.int64:
        raise RuntimeError("index_copy_(): Expected a long tensor for index, but got " + from_np(index.dtype).legacy)
    if self.dtype != source.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{from_np(self.dtype).legacy} and (source) {from_np(source.dtype).legacy}"
        )
    index = index.reshape(-1)
    rest = [n for i, n in enumerate(self.shape) if i != d]
    given = [n for i, n in enumerate(source.shape) if i != d]
    if source.ndim and rest != given:
        raise IndexError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{_spaced(rest)} at dimension {d} and source slice shape: {_spaced(given)} at dimension {d if given else 0}."
        )
    n = source.shape[d] if source.ndim else 1
    if source.ndim and index.size != n:
        raise IndexError(f"index_copy_(): Number of indices ({index.size}) should be equal to source.size(dim) ({n})")
    out = self.copy()
    bound = self.shape[d] if self.ndim else 1
    wrong = (index >= bound) | (index < 0)
    if wrong.any():
        raise IndexError(f"index_copy_(): index {index[wrong][0]} is out of bounds for dimension {d} with size {bound}")
    if out.ndim == 0:
        out[...] = source.reshape(-1)[-1] if source.size else out
        return out
    out[(slice(None),) * d + (index,)] = source.reshape((1,)) if source.ndim == 0 else source
    return out


def _spaced(shape: list[int]) -> str:
    return " ".join(map(str, shape))


@op("index_reduce.rows", grad={"self source": lambda grad, self, dim, index, source, reduce, include_self, result: _index_reduce_grad(
        grad, self, dim, index, source, reduce, include_self, result)},
    tensors="self index source", node="IndexReduceBackward0", function=False, method=False, inplace=True, real_grad=True)  # fmt: skip
def index_reduce(self, index, source, dim, reduce, include_self=True):
    d = wrap_dim(dim, self.ndim)
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    if index.ndim > 1:
        raise IndexError("index_reduce(): Index is supposed to be a vector")
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError("index_reduce(): Expected dtype int32/int64 for index")
    if self.dtype != source.dtype:
        raise RuntimeError("index_reduce(): self and source must have the same scalar type")
    index = index.reshape(-1)
    n = source.shape[d] if source.ndim else 1
    if index.size != n:
        raise RuntimeError(
            f"index_reduce(): Number of indices ({index.size}) should be equal to source.size(dim): ({n}), for dim: {dim}"
        )
    bound = self.shape[d] if self.ndim else 1
    if index.size and (index.min() < 0 or index.max() >= bound):
        raise IndexError("index out of range in self")
    if self.dtype.kind == "c" and not include_self:
        refuse(self, lacking("c", "index_reduce_func_exclude_input_init"))
    if self.dtype.kind == "c" and reduce in ("amax", "amin"):
        refuse(self, lacking("c", "maximum_cpu" if reduce == "amax" else "minimum_cpu"))
    out = self.copy().reshape(self.shape or (1,))
    src = source.reshape(source.shape or (1,))
    front, moved = np.moveaxis(out, d, 0), np.moveaxis(src, d, 0)
    if not include_self:
        front[index] = np.asarray(neutral(reduce, self.dtype)).astype(self.dtype)
    REDUCERS[reduce].at(front, index, moved)
    if reduce == "mean":
        count = np.bincount(index, minlength=bound) + (1 if include_self else 0)
        front[...] = divided(front, count.reshape((-1,) + (1,) * (front.ndim - 1)))
    return out.reshape(self.shape)


def _index_reduce_grad(
    grad: Any, self: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool, result: Any
) -> tuple[Any, Any]:
    g_self, g_src = reduced_grads(
        grad, self, source, reduce, include_self, result,
        lambda x: _from_slices(x, index, dim, source.shape), lambda base, x: index_add(base, index, x, dim),
        lambda a, s: index_reduce(a, index, s, dim, "prod", include_self),
    )  # fmt: skip
    return (g_self if include_self else index_fill_scalar(g_self, index, dim, 0)), g_src


# ---- the tensor seen as flat


@op(
    "take",
    apart=True,
    grad=dict(self=lambda grad, self_sizes, index: put(_zeros(grad, self_sizes), index, grad, True)),
    tensors="self index",
)
def take(self, index):
    if index.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {from_np(index.dtype).legacy}")
    if self.size == 0 and index.size:
        raise IndexError("take(): tried to take from an empty tensor")
    _flat_bounds(self, index)
    return np.asarray(self.reshape(-1)[index])


def _flat_bounds(self: np.ndarray, index: np.ndarray) -> None:
    wrong = (index >= self.size) | (index < -self.size)
    if wrong.any():
        raise IndexError(
            f"out of range: tried to access index {index[wrong].reshape(-1)[0]} on a tensor of {self.size} elements."
        )


def _zeros(grad: Any, shape: Any) -> Any:
    return np.zeros(shape, grad.dtype) if isinstance(grad, np.ndarray) else grad.new_zeros(shape)


@op("put", grad=dict(self=lambda grad, index, source_sizes, accumulate: grad if accumulate else put(
        grad, index, _zeros(grad, source_sizes), False),
    source=lambda grad, index, source_sizes: reshape(take(grad, index), source_sizes)),
    tensors="self index source", inplace=True)  # fmt: skip
def put(self, index, source, accumulate=False):
    if index.dtype != np.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {from_np(index.dtype).legacy}")
    if self.dtype != source.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {from_np(self.dtype).legacy} and "
            f"source.dtype = {from_np(source.dtype).legacy}"
        )
    if index.size != source.size:
        raise IndexError(f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
                           f"{source.size}, index.numel() = {index.size}")  # fmt: skip
    if self.size == 0 and index.size:
        raise IndexError("put_(): tried to put elements into an empty tensor")
    _flat_bounds(self, index)
    flat = self.reshape(-1).copy()
    if accumulate:
        np.add.at(flat, index.reshape(-1), source.reshape(-1))
    else:
        flat[index.reshape(-1)] = source.reshape(-1)
    out = blank(self)
    out[...] = flat.reshape(self.shape)
    return out


# ---- advanced indexing; see Note [Indices]


def as_key(indices: Any) -> tuple[Any, ...]:
    return tuple(slice(None) if i is None else i for i in indices)


@op("index.Tensor", grad=dict(self=lambda grad, self_sizes, indices: index_backward(grad, indices, self_sizes)),
    tensors="self indices*", node="IndexBackward0", function=False, method=False)  # fmt: skip
def index(self, indices):
    if check_bounds(self, indices):  # nothing is read: out of range indices do not count
        indices = [None if i is None else np.zeros_like(i) for i in indices]
    given = [at for at, i in enumerate(indices) if i is not None]
    if len(given) == 1:
        return np.asarray(np.take(self, indices[given[0]], axis=given[0]))
    return np.ascontiguousarray(self[as_key(indices)])


def check_bounds(self: np.ndarray, indices: Any) -> bool:
    """Too many indices, indices that do not broadcast, indices out of range: PyTorch's errors, in its order. True if the
    result has no elements."""
    if len(indices) > self.ndim:
        raise IndexError(f"too many indices for tensor of dimension {self.ndim} (got {len(indices)})")
    given = [i for i in indices if i is not None]
    try:
        shape = np.broadcast_shapes(*[i.shape for i in given])
    except ValueError:
        shapes = ", ".join(sizes(i.shape) for i in given)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    empty = 0 in shape or any(n == 0 for k, n in zip(indices, self.shape, strict=False) if k is None)
    empty = empty or 0 in self.shape[len(indices) :]
    shown = -1  # PyTorch counts index tensors here, not dimensions
    for at, i in enumerate(indices):
        if i is None:
            continue
        shown += 1
        if not i.size:
            continue
        n = self.shape[at]
        if n == 0 and 0 not in shape:
            raise IndexError(f"index is out of bounds for dimension with size {n}")
        if not empty:
            wrong = (i < -n) | (i >= n)
            if wrong.any():
                raise IndexError(
                    f"index {i[wrong].reshape(-1)[0]} is out of bounds for dimension {shown} with size {n}"
                )
    return empty


@op("index_backward", grad=dict(grad_output=lambda grad, indices: index(grad, indices)), tensors="grad_output indices*",
    function=False, method=False)  # fmt: skip
def index_backward(grad_output, indices, input_sizes):
    return added_at(input_sizes, indices, grad_output)


@op("index_put.values", grad=dict(self=lambda grad, indices, accumulate: grad if accumulate else put_zero(grad, indices),
                                  values=lambda grad, indices, values_sizes: sum_to(index(grad, indices), values_sizes)),
    tensors="self values indices*", node="IndexPutBackward0", function=False, method=False, inplace=True)  # fmt: skip
def index_put(self, values, indices, accumulate=False):
    out = clone.array(self)
    write_at(out, indices, values, accumulate)
    return out


def write_at(out: np.ndarray, indices: Any, values: np.ndarray, accumulate: bool) -> None:
    """Writes `values` into `out` itself, broadcast to what the indices read."""
    if out.dtype != values.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {from_np(out.dtype).legacy} for the destination "
            f"and {from_np(values.dtype).legacy} for the source."
        )
    if check_bounds(out, indices):  # nothing is written: out of range indices do not count
        indices = [None if i is None else np.zeros_like(i) for i in indices]
    key = as_key(indices)
    try:
        if accumulate:
            spread = np.broadcast_to(values, out[key].shape)
            if is_half(out):  # each sum is rounded
                out[...] = added_at(out.shape, indices, spread, out)
            else:
                out += added_at(out.shape, indices, spread)
        else:
            out[key] = values
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {sizes(values.shape)} cannot be broadcast to indexing result of shape "
            f"{sizes(out[key].shape)}"
        ) from None


@op(
    "_put_zero",
    grad=dict(self=lambda grad, indices: put_zero(grad, indices)),
    tensors="self indices*",
    function=False,
    method=False,
)
def put_zero(self, indices):
    out = self.copy()
    if not check_bounds(out, indices):
        out[as_key(indices)] = 0
    return out


@op("nonzero.all", function=False, method=False)
def nonzero(self):
    if self.ndim == 0:
        return np.zeros((1 if self else 0, 0), np.int64)
    return np.array(
        np.nonzero(self), np.int64
    ).T  # one row per element over memory that runs by dimension, as PyTorch has it


# ---- masks


@op(
    "masked_select",
    apart=True,
    out="masked_select(): self and result must have the same scalar type",
    grad=dict(self=lambda grad, self_sizes, mask: _unmask(grad, self_sizes, mask)),
    tensors="self mask",
)
def masked_select(self, mask):
    if mask.dtype != np.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    broadcast_shapes(mask.shape, self.shape)
    a, m = np.broadcast_arrays(self, mask)
    return a[m]


def _unmask(grad: Any, shape: Any, mask: Any) -> Any:
    full = np.broadcast_shapes(tuple(shape), tuple(mask.shape))
    return sum_to(masked_scatter(_zeros(grad, full), mask, grad), shape)


@op("masked_scatter", grad=dict(self=lambda grad, mask: filled(grad, mask, 0),
                                source=lambda grad, mask, source_sizes: _masked_source(grad, mask, source_sizes)),
    tensors="self mask source", inplace=True)  # fmt: skip
def masked_scatter(self, mask, source):
    if self.dtype != source.dtype:
        raise RuntimeError("masked_scatter: expected self and source to have same dtypes but got "
                           f"{from_np(self.dtype).legacy} and {from_np(source.dtype).legacy}")  # fmt: skip
    if mask.dtype != np.bool_:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {from_np(mask.dtype).legacy}"
        )
    shape = np.broadcast_shapes(self.shape, mask.shape)
    m = np.broadcast_to(mask, shape)
    n = int(m.sum())
    if source.size < n:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    out = np.broadcast_to(self, shape).copy()
    out[m] = source.reshape(-1)[:n]
    return out


def _masked_source(grad: Any, mask: Any, shape: Any) -> Any:
    n = 1
    for k in shape:
        n *= k
    if isinstance(grad, np.ndarray):
        taken = grad[np.broadcast_to(mask, grad.shape)]
        return np.concatenate([taken, np.zeros(n - taken.size, grad.dtype)]).reshape(shape)
    taken = grad.masked_select(mask)
    whole = taken.new_zeros((n - taken.numel(),))
    return cat([taken, whole], 0).reshape(shape)
