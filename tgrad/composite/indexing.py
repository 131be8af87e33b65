"""`x[...]` and `x[...] = value`: views where PyTorch takes views, gathers where it gathers.

A key is read from left to right: ints, slices, None and Ellipsis become select, slice and unsqueeze (views); index tensors
and masks are collected and applied in one gather at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dispatch import check_writable, commit, inplace_node, needs_grad
from ..graph.modes import state
from ..methods import attach, composite
from ..ops import index as rows
from ..ops import view as views
from ..tensor import Tensor, wrap


def _is_sequence_key(key: Any) -> bool:
    """Whether a list stands for a tuple of indices (it holds slices, None, ...) or for an index tensor."""
    return any(k is None or k is Ellipsis or isinstance(k, (slice, Tensor, list, tuple, np.ndarray)) for k in key)


def normalized(key: Any) -> tuple[Any, ...]:
    if isinstance(key, tuple):
        return key
    if isinstance(key, list) and len(key) < 32 and _is_sequence_key(key) and not all(isinstance(k, (list, tuple)) for k in key):
        return tuple(key)
    return (key,)


def _consumes(k: Any) -> int:
    if k is None or k is Ellipsis or isinstance(k, bool):
        return 0
    if isinstance(k, Tensor) and k._a.dtype in (np.bool_, np.uint8):
        return k._a.ndim
    if isinstance(k, np.ndarray) and k.dtype == np.bool_:
        return k.ndim
    if isinstance(k, (list, tuple)):
        a = np.asarray(k)
        return a.ndim if a.dtype == np.bool_ else 1
    return 1


def apply_views(x: Tensor, key: tuple[Any, ...]) -> tuple[Tensor, list[Any]]:
    """The view part of a key; returns the view and the index arrays that are still to be applied (None: dimension whole)."""
    taken = sum(_consumes(k) for k in key)
    if taken > x._a.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x._a.ndim}")
    if sum(k is Ellipsis for k in key) > 1:
        pass  # PyTorch treats further ellipses as empty slices
    dim, later = 0, []
    seen_ellipsis = False
    for k in key:
        if isinstance(k, bool) or (isinstance(k, np.bool_)):
            x = views.unsqueeze.record(x, dim)
            later += [None] * (dim - len(later))
            later.append(np.asarray([0] if k else [], np.int64))
            dim += 1
        elif isinstance(k, int) or (isinstance(k, np.integer)):
            x = _select(x, dim, int(k))
        elif isinstance(k, slice):
            x = _slice(x, dim, k)
            dim += 1
        elif k is None:
            x = views.unsqueeze.record(x, dim)
            dim += 1
        elif k is Ellipsis:
            if not seen_ellipsis:
                dim += x._a.ndim - dim - _rest(key, k)
                seen_ellipsis = True
        else:
            a = as_index(k)
            if isinstance(k, Tensor) and a.ndim == 0 and a.dtype != np.bool_:
                x = _select(x, dim, int(a))
                continue
            if a.ndim == 0:  # a 0-d mask adds a dimension, as a bool does
                x = views.unsqueeze.record(x, dim)
                a = np.asarray([0] if a else [], np.int64)
                later += [None] * (dim - len(later))
                later.append(a)
                dim += 1
                continue
            later += [None] * (dim - len(later))
            if a.dtype == np.bool_:
                for i, n in enumerate(a.shape):
                    if n != x._a.shape[dim + i]:
                        raise IndexError(
                            f"The shape of the mask {_sizes(a.shape)} at index {i} does not match the shape of the indexed tensor "
                            f"{_sizes(x._a.shape)} at index {dim + i}"
                        )
                later.extend(np.nonzero(a))
                dim += a.ndim
            else:
                later.append(a)
                dim += 1
    return x, later


def _rest(key: tuple[Any, ...], ellipsis: Any) -> int:
    """How many dimensions the part of the key after its (first) ellipsis takes up."""
    at = next(i for i, k in enumerate(key) if k is Ellipsis)
    return sum(_consumes(k) for k in key[at + 1 :])


def _sizes(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def as_index(k: Any) -> np.ndarray:
    """An index tensor as an array of int64 or bool; IndexError in PyTorch's words for other dtypes."""
    if isinstance(k, Tensor):
        a = k._a
    elif isinstance(k, np.ndarray):
        a = k
    elif isinstance(k, (list, tuple, range)):
        a = np.asarray([int(i) if isinstance(i, Tensor) else i for i in k]) if len(k) else np.zeros(0, np.int64)
        if a.dtype == object:
            raise TypeError("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices")
    elif hasattr(k, "__index__"):
        return np.asarray(k.__index__())
    else:
        raise TypeError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
            f"{type(k).__name__})"
        )
    if a.dtype == np.uint8 and isinstance(k, Tensor):
        import warnings

        warnings.warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.", stacklevel=5)
        return a != 0
    if a.dtype == np.bool_:
        return a
    if a.dtype.kind not in "iu":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return a.astype(np.int64, copy=False)


def _select(x: Tensor, dim: int, i: int) -> Tensor:
    n = x._a.shape[dim]
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {n}")
    return views.select.record(x, dim, i)


def _slice(x: Tensor, dim: int, k: slice) -> Tensor:
    start, stop, step = (_bound(v) for v in (k.start, k.stop, k.step))
    step = 1 if step is None else step
    if step <= 0:
        raise ValueError("step must be greater than zero")
    if start is None and stop is None and step == 1 and not state.grad:
        return views.alias.record(x)
    return views.slice_.record(x, dim, start, stop, step)


def _bound(v: Any) -> int | None:
    if v is None:
        return None
    if isinstance(v, Tensor):
        return int(v)
    if not hasattr(v, "__index__"):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return v.__index__()


def _getitem(self: Tensor, key: Any) -> Tensor:
    if type(key) is int:
        a = self._a
        if a.ndim == 0:
            raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                             "convert a 0-dim tensor to a number")  # fmt: skip
        return _select(self, 0, key)
    key = normalized(key)
    if self._a.ndim == 0 and any(isinstance(k, (int, np.integer)) and not isinstance(k, (bool, np.bool_)) for k in key):
        raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                         "convert a 0-dim tensor to a number")  # fmt: skip
    x, later = apply_views(self, key)
    if later:
        return gather(x, later)
    return views.alias.record(x) if x is self else x


def gather(x: Tensor, indices: list[Any]) -> Tensor:
    try:
        return rows.index.record(x, indices)
    except IndexError as error:
        if "broadcast" in str(error):
            shapes = ", ".join(_sizes(i.shape) for i in indices if i is not None)
            raise IndexError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}") from None
        raise


attach("__getitem__", _getitem)


def _setitem(self: Tensor, key: Any, value: Any) -> None:
    key = normalized(key)
    if self._a.ndim == 0 and any(isinstance(k, int) and not isinstance(k, bool) for k in key):
        raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                         "convert a 0-dim tensor to a number")  # fmt: skip
    part, later = apply_views(self, key)
    if isinstance(value, np.ndarray):
        value = wrap(value)
    if not isinstance(value, Tensor):
        if not isinstance(value, (bool, int, float, complex, np.generic)):
            raise TypeError(f"can't assign a {type(value).__name__} to a torch.{self.type()[6:]}")  # type: ignore[attr-defined]
        value = wrap(np.asarray(value.item() if isinstance(value, np.generic) else value)).to(self.dtype)  # type: ignore[attr-defined]
    if not later:
        if part is self or part._a.shape != value._a.shape:
            value = _fitted(value, part)
        part.copy_(value)  # type: ignore[attr-defined]
        return
    put(part, later, value.to(part.dtype), False)  # type: ignore[attr-defined]


def _fitted(value: Tensor, part: Tensor) -> Tensor:
    """Leading dimensions of size 1 that the target lacks are dropped, as in numpy."""
    shape = value._a.shape
    while len(shape) > part._a.ndim and shape[0] == 1:
        shape = shape[1:]
    return value if shape == value._a.shape else value.reshape(shape)  # type: ignore[attr-defined]


def put(target: Tensor, indices: list[Any], values: Tensor, accumulate: bool) -> Tensor:
    """Writes values at index arrays, in place, recorded as IndexPutBackward0."""
    recording = state.grad and needs_grad((target, values))
    check_writable(target, recording or (state.grad and target._rg))
    out = rows.index_put.array(target._a, _fit_values(target, indices, values)._a, indices, accumulate)
    node = None
    if recording:
        node = inplace_node(rows.index_put, (target, values), {"indices": indices, "accumulate": accumulate})
    target._a[...] = out
    commit(target, node, rows.index_put)
    return target


def _fit_values(target: Tensor, indices: list[Any], values: Tensor) -> Tensor:
    return values


attach("__setitem__", _setitem)


def _indices(indices: Any) -> list[Any]:
    out: list[Any] = []
    for k in indices:
        if k is None:
            out.append(None)
            continue
        a = as_index(k)
        out.extend(np.nonzero(a) if a.dtype == np.bool_ else [a])
    return out


@composite(method=True)
def index_put(input, indices, values, accumulate=False):
    """A copy of `input` with `values` written (or added, with `accumulate`) at the positions that `indices` name."""
    return rows.index_put.record(input, values, _indices(indices), accumulate)


@composite(method=True)
def index_put_(input, indices, values, accumulate=False):
    """In-place `index_put`."""
    return put(input, _indices(indices), values, accumulate)


@composite(method=True)
def nonzero(input, *, out=None, as_tuple=False):
    """The indices of all elements that are not zero: one row each, or with `as_tuple` one index tensor per dimension."""
    if as_tuple:
        a = input._a if input._a.ndim else input._a.reshape(1)
        return tuple(wrap(i.astype(np.int64, copy=False)) for i in np.nonzero(a))
    return rows.nonzero.record(input)


@composite(method=True)
def argwhere(input):
    """The indices of all elements that are not zero, one row each."""
    return rows.nonzero.record(input)


@composite(method=True)
def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """A copy of `input` with `src` (a tensor or number) written at `index` along dim."""
    return _scatter(input, dim, index, src if value is None else value, reduce, False)


@composite(function=False, method=True)
def scatter_(self, dim, index, src=None, *, value=None, reduce=None):
    """In-place `scatter`."""
    return _scatter(self, dim, index, src if value is None else value, reduce, True)


def _scatter(input: Tensor, dim: int, index: Tensor, src: Any, reduce: str | None, in_place: bool) -> Tensor:
    from ..dispatch import inplace

    if reduce is not None:
        return _scatter_with(input, dim, index, src, reduce, in_place)
    if isinstance(src, Tensor):
        if in_place:
            return inplace(rows.scatter_src, (input, index, src), {"dim": dim})
        return rows.scatter_src.record(input, index, src, dim)
    if in_place:
        return inplace(rows.scatter_value, (input, index), {"dim": dim, "value": src})
    return rows.scatter_value.record(input, index, dim, src)


def _scatter_with(input: Tensor, dim: int, index: Tensor, src: Any, reduce: str, in_place: bool) -> Tensor:
    """The old `reduce='add'|'multiply'` of scatter, which has no derivative in PyTorch either."""
    if reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    target = input if in_place else input.clone()  # type: ignore[attr-defined]
    values = src._a if isinstance(src, Tensor) else np.broadcast_to(np.asarray(src, target._a.dtype), index._a.shape)
    d = dim + target._a.ndim if dim < 0 else dim
    rows.check_gather("scatter", target._a, index._a, d)
    ufunc = np.add if reduce == "add" else np.multiply
    ufunc.at(target._a, rows.grid(index._a, d), values[tuple(slice(n) for n in index._a.shape)])
    target._bump()
    return target


@composite(method=True)
def index_fill(input, dim, index, value):
    """A copy of `input` with `value` at the given indices of dim."""
    v = value.item() if isinstance(value, Tensor) else value
    return rows.index_fill_scalar.record(input, index, dim, v)


@composite(function=False, method=True)
def index_fill_(self, dim, index, value):
    """In-place `index_fill`."""
    from ..dispatch import inplace

    v = value.item() if isinstance(value, Tensor) else value
    return inplace(rows.index_fill_scalar, (self, index), {"dim": dim, "value": v})


@composite(method=True)
def take(input, index):
    """Elements of `input`, seen as flat, at the given positions."""
    n = input.numel()
    flat = input.reshape(-1)
    i = index._a
    if i.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index.dtype.legacy}")
    if i.size and (i.min() < -n or i.max() >= n):
        raise IndexError("out of range: tried to access index " + f"{int(i.max())} on a tensor of {n} elements.")
    return gather(flat, [i])


@composite(method=True)
def take_along_dim(input, indices, dim=None):
    """Elements at `indices` along dim, broadcasting all other dimensions; without dim, of the flat input."""
    if indices._a.dtype != np.int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype.legacy}."
        )
    if dim is None:
        return input.reshape(-1).gather(0, indices.reshape(-1))
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    from ..shape import broadcast_shapes, wrap_dim

    d = wrap_dim(dim, input.ndim)
    other = broadcast_shapes(
        [1 if i == d else n for i, n in enumerate(input.shape)], [1 if i == d else n for i, n in enumerate(indices.shape)]
    )
    wide = [input.shape[d] if i == d else n for i, n in enumerate(other)]
    narrow = [indices.shape[d] if i == d else n for i, n in enumerate(other)]
    return input.expand(wide).gather(d, indices.expand(narrow))


@composite(method=True)
def sort(input, dim=-1, descending=False, stable=False, *, out=None):
    """Values in order along dim, and the indices they came from. nan counts as the largest."""
    from ..methods import return_type

    return return_type("sort", ("values", "indices"))(rows.sort.record(input, dim, descending, bool(stable)))


@composite(method=True)
def argsort(input, dim=-1, descending=False, stable=False):
    """The indices that would sort `input` along dim."""
    return rows.sort.record(input, dim, descending, bool(stable))[1]


@composite(method=True)
def msort(input):
    """Sorted along the first dimension."""
    return sort(input, 0)[0]


@composite(method=True)
def cummax(input, dim):
    """The running maximum along dim and where it was reached."""
    from ..methods import return_type

    return return_type("cummax", ("values", "indices"))(rows.cummax.record(input, dim))


@composite(method=True)
def cummin(input, dim):
    """The running minimum along dim and where it was reached."""
    from ..methods import return_type

    return return_type("cummin", ("values", "indices"))(rows.cummin.record(input, dim))
