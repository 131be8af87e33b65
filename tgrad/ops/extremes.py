"""The largest, the smallest, the one in the middle, the most frequent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..shape import wrap_dim, wrap_dims
from . import equals
from .choice import where
from .ranking import argsort_stable
from .reduce import restore
from .scatter import value_selecting
from .spec import TensorBase, in_rows, lacking, op, refuse

HIDDEN: dict[str, Any] = dict(function=False, method=False)


def no_empty(name: str, a: np.ndarray, dim: Any, error: type[Exception] = RuntimeError) -> None:
    """What has no elements has no largest one."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        if a.size == 0:
            hint = "" if error is IndexError else " Specify the reduction dim with the 'dim' argument."
            raise error(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.{hint}")
        return
    for d in wrap_dims(dim, a.ndim):
        if a.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def share(grad: Any, self: Any, best: Any, dim: Any, keepdim: bool, nans: bool = False) -> Any:
    """The gradient of an extreme value, in equal parts to all elements that reach it; with `nans`, nan equals nan."""
    shape = tuple(self.shape)
    best, grad = restore(best, shape, dim, keepdim), restore(grad, shape, dim, keepdim)
    mask = self == best
    if nans:
        mask = mask | ((self != self) & (best != best))
    axes = wrap_dims(dim, len(shape))
    if isinstance(mask, TensorBase):
        hits = mask.sum(axes, keepdim=True) if shape else mask.to(grad.dtype)  # type: ignore[attr-defined]
    else:
        hits = np.sum(mask, axis=axes, keepdims=True).astype(grad.dtype)
    return where(mask, grad, 0) / hits


def best_of(fn: Any, a: np.ndarray, axes: Any, keepdims: bool) -> np.ndarray:
    return in_rows(fn(a, axis=axes, keepdims=keepdims))


# ---- over everything


@op("max.all", grad=dict(self=lambda grad, self, result: share(grad, self, result, None, False, True)), node="MaxBackward1", parts="same",
    **HIDDEN)  # fmt: skip
def max_all(self):
    no_empty("max", self, None)
    refuse(self, lacking("c", "max_all"))
    return best_of(np.max, self, None, False)


@op("min.all", grad=dict(self=lambda grad, self, result: share(grad, self, result, None, False, True)), node="MinBackward1", parts="same",
    **HIDDEN)  # fmt: skip
def min_all(self):
    no_empty("min", self, None)
    refuse(self, lacking("c", "min_all"))
    return best_of(np.min, self, None, False)


@op(
    "amax",
    out="Expected the dtype for input and out to match, but got {Want} for input's dtype and {Got} for out's dtype.",
    grad=dict(self=lambda grad, self, result, dim, keepdim: share(grad, self, result, dim, keepdim)),
    tensors="self",
    real_grad=True,
)
def amax(self, dim=(), keepdim=False):
    no_empty("amax", self, dim)
    if self.size:
        refuse(self, lacking("c", "max_values_cpu"))
    return best_of(np.max, self, wrap_dims(dim, self.ndim), keepdim)


@op(
    "amin",
    out="Expected the dtype for input and out to match, but got {Want} for input's dtype and {Got} for out's dtype.",
    grad=dict(self=lambda grad, self, result, dim, keepdim: share(grad, self, result, dim, keepdim)),
    tensors="self",
    real_grad=True,
)
def amin(self, dim=(), keepdim=False):
    no_empty("amin", self, dim)
    if self.size:
        refuse(self, lacking("c", "min_values_cpu"))
    return best_of(np.min, self, wrap_dims(dim, self.ndim), keepdim)


def _share_both(grads: Any, self: Any, low: Any, high: Any, dim: Any, keepdim: bool) -> Any:
    parts = [share(g, self, best, dim, keepdim) for g, best in zip(grads, (low, high), strict=True) if g is not None]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


@op("aminmax.row", grad=dict(self=lambda grads, self, result0, result1, dim, keepdim: _share_both(
    grads, self, result0, result1, dim, keepdim)), tensors="self", outputs="min max", node="AminmaxBackward0", **HIDDEN, real_grad=True)  # fmt: skip
def aminmax(self, dim=None, keepdim=False):
    if dim is None and not self.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    if dim is not None and self.ndim and self.shape[wrap_dim(dim, self.ndim)] == 0:
        raise IndexError(f"aminmax: Expected reduction dim {wrap_dim(dim, self.ndim)} to have non-zero size.")
    refuse(self, lacking("c", "aminmax_cpu"))
    axes = None if dim is None else wrap_dims(dim, self.ndim)
    return best_of(np.min, self, axes, keepdim), best_of(np.max, self, axes, keepdim)


# ---- along a dimension, with the index


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


def chosen(grad: Any, self_sizes: Any, dim: Any, keepdim: Any, result1: Any) -> Any:
    """The gradient of values that were chosen along dim goes back to where they came from."""
    return value_selecting(grad, self_sizes, dim, keepdim, result1)


CHOICE: dict[str, Any] = dict(
    grad=dict(self=chosen), tensors="self", outputs="values indices", undiff="indices", **HIDDEN
)


@op("max.dim", node="MaxBackward0", **CHOICE)
def max_dim(self, dim, keepdim=False):
    d = wrap_dim(dim, self.ndim)
    no_empty("max", self, d)
    refuse(self, lacking("c", "max(): does not support complex input", RuntimeError))
    return first_best(self, d, keepdim, True)


@op("min.dim", node="MinBackward0", **CHOICE)
def min_dim(self, dim, keepdim=False):
    d = wrap_dim(dim, self.ndim)
    no_empty("min", self, d)
    refuse(self, lacking("c", "min(): does not support complex input", RuntimeError))
    return first_best(self, d, keepdim, False)


@op("argmax", method=True)
def argmax(self, dim=None, keepdim=False):
    return _arg(np.argmax, "argmax", self, dim, keepdim)


@op("argmin")
def argmin(self, dim=None, keepdim=False):
    return _arg(np.argmin, "argmin", self, dim, keepdim)


def _arg(fn: Any, name: str, self: np.ndarray, dim: Any, keepdim: bool) -> np.ndarray:
    refuse(self, lacking("b", f"{name}(): does not support bool input", RuntimeError))
    refuse(self, lacking("c", f"{name}(): does not support complex input", RuntimeError))
    if dim is not None and (isinstance(dim, bool) or not hasattr(dim, "__index__")):
        raise TypeError(f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}")
    no_empty(name, self, dim, IndexError)
    if dim is None:
        r = np.asarray(fn(self), np.int64)
        return r.reshape((1,) * self.ndim) if keepdim else r
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        return np.zeros((), np.int64)
    return np.asarray(fn(self, axis=d, keepdims=keepdim), np.int64)


# ---- the middle and the most frequent


def _nans(a: np.ndarray) -> np.ndarray:
    return a != a


def _middle(self: np.ndarray, skip: bool) -> np.ndarray:
    """The lower median of a flat array. nan sorts last: it wins unless it is skipped."""
    if self.size == 0:
        return np.asarray(math.nan, self.dtype) if self.dtype.kind != "i" else np.asarray(np.iinfo(self.dtype).min)
    flat = np.sort(self.reshape(-1))
    bad = int(_nans(flat).sum())
    if bad and not skip:
        return np.asarray(math.nan, self.dtype)
    n = flat.size - bad
    return np.asarray(flat[(n - 1) // 2] if n else flat[0])


def _middle_along(name: str, self: np.ndarray, dim: int, keepdim: bool, skip: bool) -> tuple[np.ndarray, np.ndarray]:
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    no_empty(name, self, d)
    order = argsort_stable(self, d)
    nan = _nans(self)
    n = self.shape[d] - (nan.sum(axis=d, keepdims=True) if skip else np.zeros((), np.int64))
    at = np.take_along_axis(order, np.broadcast_to(np.maximum(n - 1, 0) // 2, _one(self.shape, d)), d)
    if not skip:
        first = np.expand_dims(np.argmax(nan, axis=d), d)
        at = np.where(nan.any(axis=d, keepdims=True), first, at)
    values = in_rows(np.take_along_axis(self, at, d))
    at = in_rows(at)
    return (values, at) if keepdim else (values.squeeze(d), at.squeeze(d))


def _one(shape: tuple[int, ...], d: int) -> tuple[int, ...]:
    return shape[:d] + (1,) + shape[d + 1 :]


MEDIAN_LACKS, MEDIAN_ALONG_LACKS = lacking("bc", "median_cpu"), lacking("bc", "median_out")


@op("median.all", grad=dict(self=lambda grad, self, result: share(grad, self, result, None, False, True)),
    node="MedianBackward0", **HIDDEN)  # fmt: skip
def median_all(self):
    refuse(self, MEDIAN_LACKS)
    return _middle(self, False)


@op("nanmedian.all", grad=dict(self=lambda grad, self, result: share(grad, self, result, None, False, True)),
    node="NanmedianBackward0", **HIDDEN)  # fmt: skip
def nanmedian_all(self):
    refuse(self, MEDIAN_LACKS)
    return _middle(self, True)


@op("median.dim", node="MedianBackward1", **CHOICE)
def median_dim(self, dim, keepdim=False):
    refuse(self, MEDIAN_ALONG_LACKS)
    return _middle_along("median", self, dim, keepdim, False)


@op("nanmedian.dim", node="NanmedianBackward1", **CHOICE)
def nanmedian_dim(self, dim, keepdim=False):
    refuse(self, MEDIAN_ALONG_LACKS)
    return _middle_along("median", self, dim, keepdim, True)


def mode_along(
    self: np.ndarray, dim: int, keepdim: bool, reorder: Any = equals.introsorted, unordered: Any = equals.unordered
) -> tuple[np.ndarray, np.ndarray]:
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    refuse(self, lacking("c", "mode_cpu"))
    no_empty("mode", self, d)
    rows = np.moveaxis(self, d, -1)
    shape, n = rows.shape, rows.shape[-1]
    rows = rows.reshape(-1, n)
    order = argsort_stable(rows, 1)
    order = reorder(order, equals.neighbours(np.take_along_axis(rows, order, 1)))
    bad = np.flatnonzero(_nans(rows).any(1))
    if bad.size:
        order[bad] = unordered(rows[bad])
    ordered = np.take_along_axis(rows, order, 1)
    run = np.ones(rows.shape, np.int64)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=run[:, 1:], casting="unsafe")
    run = np.arange(n) - np.maximum.accumulate(run * np.arange(n), axis=1)  # how many equals stand before each
    end = np.argmax(run, axis=1)[:, None]
    values, at = np.take_along_axis(ordered, end, 1), np.take_along_axis(order, end, 1)
    values, at = (np.moveaxis(a.reshape(*shape[:-1], 1), -1, d) for a in (values, at))
    return (values, at) if keepdim else (values.squeeze(d), at.squeeze(d))


@op("mode.dim", node="ModeBackward0", **CHOICE, real_grad=True)
def mode_dim(self, dim=-1, keepdim=False):
    """The smallest of the most frequent values, with the index that comes last among its equals once PyTorch has sorted the row."""
    return mode_along(self, dim, keepdim)
