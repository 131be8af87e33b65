"""`x[...]` and `x[...] = value`: views where PyTorch takes views, gathers where it gathers.

A key is read from left to right: ints, slices, None and Ellipsis become select, slice and unsqueeze (views); index tensors
and masks are collected and applied in one gather (or one write) at the end.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import levels
from ..dispatch import check_writable, commit, inplace_node, needs_grad
from ..graph.modes import state
from ..methods import attach
from ..ops import index as rows
from ..ops import view as views
from ..tensor import Tensor, wrap

NOT_AN_INDEX = "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices"
ZERO_DIM = (
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a "
    "number"
)
NON_TUPLE = (
    "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use "
    "x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, x[torch.tensor(seq)], which "
    "will result either in an error or a different result"
)
NO_MASK = "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing with a boolean mask."
NUMPY_TYPES = "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool"


def normalized(key: Any) -> tuple[Any, ...]:
    """The key as a tuple. A short list that holds a sequence, slice, None, Ellipsis or tensor counts as a tuple too."""
    if isinstance(key, tuple):
        return key
    if isinstance(key, list) and len(key) < 32:
        for k in key:
            if k is None or k is Ellipsis or isinstance(k, (slice, Tensor, list, tuple, np.ndarray, str)):
                warnings.warn(NON_TUPLE, UserWarning, stacklevel=4)
                return tuple(key)
    return (key,)


def _is_int(k: Any) -> bool:
    return isinstance(k, (int, np.integer)) and not isinstance(k, bool)


def read(k: Any) -> Any:
    """One element of a key: itself for ints, slices, None, Ellipsis and bools, else an index tensor."""
    if k is None or k is Ellipsis or isinstance(k, (slice, bool)) or _is_int(k):
        return k
    if isinstance(k, np.bool_):
        return bool(k)
    return as_index(k)


def as_index(k: Any) -> Tensor:
    """An index tensor of int64, bool or uint8; IndexError or TypeError in PyTorch's words for anything else."""
    if isinstance(k, Tensor):
        a = k._a
        if a.dtype == np.int32:
            return wrap(a.astype(np.int64))
        if a.dtype not in (np.int64, np.bool_, np.uint8):
            if a.ndim == 0 and a.dtype.kind in "iu":  # one integer of any type selects
                return wrap(a.astype(np.int64))
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return k
    if isinstance(k, np.ndarray):
        if k.dtype.kind not in "biufc":
            raise TypeError(f"can't convert np.ndarray of type {k.dtype.type.__module__}.{k.dtype.type.__name__}. The only supported "
                            f"types are: {NUMPY_TYPES}.")  # fmt: skip
        return wrap(k if k.dtype in (np.bool_, np.uint8) else k.astype(np.int64))
    if isinstance(k, (list, tuple, range)):
        return _from_sequence(k)
    if isinstance(k, str):
        raise TypeError("new(): invalid data type 'str'")
    if hasattr(k, "__index__"):
        return wrap(np.asarray(k.__index__()))
    name = type(k).__name__
    raise IndexError(f"{NOT_AN_INDEX} (got {'numpy.' + name if isinstance(k, np.generic) else name})")


def _from_sequence(k: Sequence[Any]) -> Tensor:
    if _has_str(k):
        raise TypeError("new(): invalid data type 'str'")
    values = _plain(k)
    try:
        a = np.asarray(values) if len(values) else np.zeros(0, np.int64)
    except ValueError:
        raise ValueError(f"expected sequence of length {len(k[0])} at dim 1 (got {len(k[1])})") from None
    return wrap(a if a.dtype == np.bool_ else a.astype(np.int64))


def _has_str(k: Any) -> bool:
    return isinstance(k, str) or (isinstance(k, (list, tuple)) and any(_has_str(i) for i in k))


def _plain(k: Any) -> Any:
    if isinstance(k, (list, tuple, range)):
        return [_plain(i) for i in k]
    return k.tolist() if isinstance(k, Tensor) else k


def _consumes(k: Any) -> int:
    """How many dimensions an element of a key takes up."""
    if isinstance(k, Tensor):
        return k._a.ndim if k._a.dtype in (np.bool_, np.uint8) else 1
    return 0 if k is None or k is Ellipsis or isinstance(k, bool) else 1


class Key:
    """A key applied to a tensor: the view part done, the index tensors waiting (None: dimension whole)."""

    __slots__ = ("indices", "mask", "view")

    def __init__(self, x: Tensor, parts: Sequence[Any]) -> None:
        self.indices: list[Any] = []
        self.mask: Tensor | None = None  # the only index, when that is a mask over leading dimensions
        taken = sum(_consumes(k) for k in parts)
        if taken > x._a.ndim:
            raise IndexError(f"too many indices for tensor of dimension {x._a.ndim}")
        whole, dim, masks = x._a.ndim - taken, 0, 0
        found: list[tuple[int, np.ndarray]] = []
        for at, k in enumerate(parts):
            if isinstance(k, bool):
                x = views.unsqueeze.record(x, dim)
                self._add(dim, wrap(np.asarray([0] if k else [], np.int64)))
                dim += 1
            elif k is None:
                x = views.unsqueeze.record(x, dim)
                dim += 1
            elif k is Ellipsis:
                dim += whole
            elif isinstance(k, slice):
                x = _slice(x, dim, k, len(parts) == 1)
                dim += 1
            elif not isinstance(k, Tensor):
                x = _select(x, dim, k, at)
            elif k._a.ndim == 0 and k._a.dtype == np.int64 and type(k._a) is np.ndarray:
                x = _select(x, dim, k._a, at)
            elif k._a.ndim == 0 and k._a.dtype != np.int64:  # a 0-d mask adds a dimension, as a bool does
                x = views.unsqueeze.record(x, dim)
                self._add(dim, wrap(np.asarray([0] if k._a else [], np.int64)))
                dim += 1
            elif k._a.dtype in (np.bool_, np.uint8):
                if type(k._a) is not np.ndarray:
                    raise RuntimeError(NO_MASK)
                found.append((dim, k._a))
                self.indices += [None] * (dim + k._a.ndim - len(self.indices))
                self.mask, masks = k, masks + 1
                dim += k._a.ndim
            else:
                self._add(dim, k)
                masks += 2
                dim += 1
        for at, mask in found:  # their errors show the shape that all views together give
            self._take_mask(x, at, mask)
        if masks != 1 or len(self.indices) != (self.mask._a.ndim if self.mask is not None else 0):
            self.mask = None
        self.view = x

    def _add(self, dim: int, index: Tensor) -> None:
        self.indices += [None] * (dim - len(self.indices))
        self.indices.append(index)

    def _take_mask(self, x: Tensor, dim: int, mask: np.ndarray) -> None:
        if mask.dtype == np.uint8:
            warnings.warn(
                "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
                UserWarning,
                stacklevel=6,
            )
        for i, n in enumerate(mask.shape):
            if n != x._a.shape[dim + i]:
                raise IndexError(
                    f"The shape of the mask {_sizes(mask.shape)} at index {i} does not match the shape of the indexed tensor "
                    f"{_sizes(x._a.shape)} at index {dim + i}"
                )
        for i, positions in enumerate(np.nonzero(mask)):
            self.indices[dim + i] = wrap(positions.astype(np.int64, copy=False))


def _sizes(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def _select(x: Tensor, dim: int, i: Any, shown: int = 0) -> Tensor:
    """One index of `dim`; `shown`: the dimension to name in an error, which PyTorch counts by places in the key."""
    i = int(i)
    if x._a.ndim == 0:
        raise IndexError(ZERO_DIM)
    n = x._a.shape[dim] if dim < x._a.ndim else 0
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for dimension {shown} with size {n}")
    return views.select.record(x, dim, i)


def _slice(x: Tensor, dim: int, k: slice, alone: bool) -> Tensor:
    """A slice of one dimension; one that takes all of it is skipped unless it is the whole key."""
    if x._a.ndim == 0:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    start, stop, step = (_bound(v) for v in (k.start, k.stop, k.step))
    step = 1 if step is None else step
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if step < 0:
        raise ValueError("step must be greater than zero")
    if not alone and not start and step == 1 and (stop is None or stop >= x._a.shape[dim]):
        return x
    return views.slice_.record(x, dim, start, stop, step)


def _bound(v: Any) -> int | None:
    if v is None:
        return None
    if isinstance(v, Tensor):
        return int(v)  # type: ignore[call-overload]
    if not hasattr(v, "__index__"):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return v.__index__()


def _getitem(self: Tensor, key: Any) -> Tensor:
    if type(key) is int:
        a = self._a
        if a.ndim and -len(a) <= key < len(a):
            return views.select.record(self, 0, key)
        return _select(self, 0, key)
    if self._a.ndim == 0:
        _refuse_zero_dim(key)
    got = Key(self, [read(k) for k in normalized(key)])
    if got.indices:
        return rows.index.record(got.view, got.indices)
    return views.alias.record(got.view) if got.view is self else got.view


attach("__getitem__", _getitem)


def _refuse_zero_dim(key: Any) -> None:
    if _is_int(key):
        raise IndexError(ZERO_DIM)
    if isinstance(key, slice):
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")


def _setitem(self: Tensor, key: Any, value: Any) -> None:
    value = _as_value(self, value)
    if key is False:
        return
    if self._a.ndim == 0:
        _refuse_zero_dim(key)
    if key is True:
        key = None
    got = Key(self, [read(k) for k in normalized(key)])
    if not got.indices:
        _copy_to(got.view, value)
    else:
        put(got.view, got.indices, _without_leading_ones(value), False, got.mask)


attach("__setitem__", _setitem)


def _as_value(self: Tensor, value: Any) -> Tensor:
    """What is assigned, as a tensor: numbers in the target's dtype, which must hold them."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (bool, int, float, complex)):
        name = type(value).__name__
        name = "numpy.ndarray" if name == "ndarray" else name
        raise TypeError(f"can't assign a {name} to a {self.type()}")  # type: ignore[attr-defined]
    return wrap(np.zeros((), self._a.dtype)).fill_(value)  # type: ignore[attr-defined]


def _copy_to(part: Tensor, value: Tensor) -> None:
    if value._a.shape == part._a.shape:
        part.copy_(value)  # type: ignore[attr-defined]
    elif value._a.ndim == 0:
        part.fill_(value)  # type: ignore[attr-defined]
    else:
        shown = _without_leading_ones(value)
        part.copy_(shown if shown._a.shape == part._a.shape else views.expand.record(shown, part._a.shape))  # type: ignore[attr-defined]


def _without_leading_ones(value: Tensor) -> Tensor:
    shape = value._a.shape
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return views.view_.record(value, shape[first:]) if first else value


def put(target: Tensor, indices: list[Any], values: Tensor, accumulate: bool, mask: Tensor | None = None) -> Tensor:
    """Writes values at index tensors, in place, recorded as IndexPutBackward0. One value under one mask is converted, as
    masked_fill does; elsewhere the dtypes must be equal."""
    if state.levels:
        got = levels.transformed("run", rows.index_put, (target, values, indices), {"accumulate": accumulate})
        if got is not NotImplemented:
            return target.copy_(got)  # type: ignore[attr-defined]
    recording = state.grad and needs_grad((target, values))
    check_writable(target, recording or (state.grad and target._rg))
    node = None
    if recording:
        node = inplace_node(rows.index_put, (target, values, indices), {"accumulate": accumulate})
    a = values._a
    if mask is not None and not accumulate and a.size == 1 and a.dtype != target._a.dtype:
        if a.dtype.kind == "c" and target._a.dtype.kind != "c" and a.reshape(()).imag != 0:
            raise RuntimeError(f"value cannot be converted to type {_c_name(target)} without overflow")
        a = views.to_copy.array(a, target.dtype)
    rows.write_at(target._a, [None if i is None else i._a for i in indices], a, accumulate)
    commit(target, node, rows.index_put)
    return target


def _c_name(t: Tensor) -> str:
    from ..ops.linalg import cpp_name

    return cpp_name(t._a)


def unmasked(indices: Any) -> tuple[list[Any], Tensor | None]:
    """The index list of `index_put`: masks become positions; a lone mask is returned too."""
    out: list[Any] = []
    mask: Tensor | None = None
    for k in indices:
        if k is None:
            out.append(None)
            continue
        t = as_index(k)
        if t._a.dtype in (np.bool_, np.uint8):
            out.extend(wrap(i) for i in np.nonzero(t._a))
            mask = t
        else:
            out.append(t)
    return out, mask if len(list(indices)) == 1 else None


__all__ = ["as_index", "put", "unmasked"]
