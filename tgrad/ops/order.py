"""Sorting and choosing by rank. nan counts as the largest value."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..shape import wrap_dim
from ..storage import blank
from . import equals
from .introsort import SHORT
from .ranking import argsort_stable, take_along
from .scatter import value_selecting
from .spec import in_rows, lacking, op, refuse

UNITED = 1 << 15  # integers in one dimension from which PyTorch sorts by their digits


def steady(self: np.ndarray, descending: bool, stable: bool) -> bool:
    """Whether PyTorch keeps equal elements in order: when it is told to, and when it sorts many integers by their digits. See
    Note [The order of equals]."""
    return stable or (self.ndim == 1 and self.dtype.kind in "iu" and not descending and self.size >= UNITED)


def ranked(self: np.ndarray, d: int, descending: bool) -> tuple[np.ndarray, np.ndarray]:
    """The stable order along d, and which elements of the ordered rows equal the one before, both with d as the last dimension."""
    order = argsort_stable(self, d, descending)
    return to_last(order, d), equals.neighbours(to_last(take_along(self, order, d), d))


def to_last(a: np.ndarray, d: int) -> np.ndarray:
    return a if d == a.ndim - 1 else np.moveaxis(a, d, -1)


def from_last(a: np.ndarray, d: int) -> np.ndarray:
    return a if d == a.ndim - 1 else np.moveaxis(a, -1, d)


def lines(a: np.ndarray) -> np.ndarray:
    return a.reshape(-1, a.shape[-1])


def sorted_along(
    self: np.ndarray, dim: int, descending: bool, stable: bool, reorder: Any = equals.introsorted
) -> tuple[np.ndarray, np.ndarray]:
    d = wrap_dim(dim, self.ndim)
    if self.dtype.kind == "c":
        raise RuntimeError("Sort does not support complex dtypes on CPU")
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    order = argsort_stable(self, d, descending)
    ordered = take_along(self, order, d)
    # A row whose step is 0 is one number: PyTorch does not look at it.
    if not steady(self, descending, stable) and self.shape[d] > SHORT and self.strides[d] and self.size:
        same = equals.neighbours(to_last(ordered, d))
        if same.any():
            last = to_last(order, d)
            order = from_last(reorder(lines(last), lines(same)).reshape(last.shape), d)
            ordered = take_along(self, order, d)  # 0.0 and -0.0 are equal, and not the same
    values, indices = blank(self), np.empty_like(blank(self), np.int64)
    values[...], indices[...] = ordered, order
    return values, indices


@op("sort.plain", grad=dict(self=lambda grad, self_sizes, dim, result1: value_selecting(grad, self_sizes, dim, True, result1)),
    tensors="self", node="SortBackward0", outputs="values indices", undiff="indices", function=False, method=False)  # fmt: skip
def sort(self, dim=-1, descending=False):
    return sorted_along(self, dim, descending, False)


@op("sort.stable", grad=dict(self=lambda grad, self_sizes, dim, result1: value_selecting(grad, self_sizes, dim, True, result1)),
    tensors="self", node="SortBackward1", outputs="values indices", undiff="indices", function=False, method=False)  # fmt: skip
def sort_stable(self, dim=-1, descending=False, stable=False):
    return sorted_along(self, dim, descending, stable)


def chosen_along(
    self: np.ndarray, k: int, dim: int, largest: bool, sorted: bool, choose: Any = equals.chosen
) -> tuple[np.ndarray, np.ndarray]:
    d = wrap_dim(dim, self.ndim)
    n = self.shape[d] if self.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError("selected index k out of range")
    if self.dtype.kind == "c":
        raise RuntimeError("topk does not support complex dtypes on CPU")
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    order, same = ranked(self, d, largest)
    at = choose(lines(order), lines(same), k, sorted) if self.size else order[..., :k]
    at = in_rows(from_last(at.reshape(*order.shape[:-1], k), d))
    return in_rows(take_along(self, at, d)), at


@op("topk", grad=dict(self=lambda grad, self_sizes, dim, result1: value_selecting(grad, self_sizes, dim, True, result1)),
    tensors="self", outputs="values indices", undiff="indices")  # fmt: skip
def topk(self, k, dim=-1, largest=True, sorted=True):
    return chosen_along(self, k, dim, largest, sorted)


def kth_along(
    self: np.ndarray, k: int, dim: int, keepdim: bool, find: Any = equals.kth
) -> tuple[np.ndarray, np.ndarray]:
    d = wrap_dim(dim, self.ndim)
    n = self.shape[d] if self.ndim else 1
    if self.ndim and n == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {d} to have non-zero size.")
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}")
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    refuse(self, lacking("c", "kthvalue_cpu"))
    order, same = ranked(self, d, False)
    at = from_last(find(lines(order), lines(same), k - 1).reshape(*order.shape[:-1], 1), d)
    values, at = in_rows(take_along(self, at, d)), in_rows(at)
    return (values, at) if keepdim else (values.squeeze(d), at.squeeze(d))


@op("kthvalue", apart=True, out="output values must be of same type as input", grad=dict(self=lambda grad, self_sizes, dim, keepdim, result1: value_selecting(
    grad, self_sizes, dim, keepdim, result1)), tensors="self", outputs="values indices", undiff="indices", real_grad=True)  # fmt: skip
def kthvalue(self, k, dim=-1, keepdim=False):
    return kth_along(self, k, dim, keepdim)


@op("cummax.dim", grad=dict(self=lambda grad, self_sizes, dim, result1: value_selecting(grad, self_sizes, dim, True, result1)),
    tensors="self", node="CummaxBackward0", outputs="values indices", undiff="indices", real_grad=True, function=False, method=False)  # fmt: skip
def cummax(self, dim):
    return _running("cummax_cpu", self, dim, np.greater_equal)


@op("cummin.dim", grad=dict(self=lambda grad, self_sizes, dim, result1: value_selecting(grad, self_sizes, dim, True, result1)),
    tensors="self", node="CumminBackward0", outputs="values indices", undiff="indices", real_grad=True, function=False, method=False)  # fmt: skip
def cummin(self, dim):
    return _running("cummin_cpu", self, dim, np.less_equal)


def _running(kernel: str, self: np.ndarray, dim: int, beats: Any) -> tuple[np.ndarray, np.ndarray]:
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    if self.size:
        refuse(self, lacking("c", kernel))
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


def search(boundaries: np.ndarray, values: np.ndarray, right: bool) -> np.ndarray:
    """Positions at which `values` would keep `boundaries` sorted, along the last dimension of both.

    A boundary compares as `not (mid >= value)` (or `not (mid > value)`), which sends nan to the end as PyTorch's search does.
    """
    common = np.promote_types(boundaries.dtype, values.dtype) if boundaries.dtype != values.dtype else values.dtype
    b, v = boundaries.astype(common, copy=False), values.astype(common, copy=False)
    side = "right" if right else "left"
    if b.ndim == 1:
        return np.searchsorted(b, v, side=side)
    if v.size == 0:
        return np.zeros(v.shape, np.int64)
    flat_b, flat_v = b.reshape(-1, b.shape[-1]), v.reshape(-1, v.shape[-1]) if v.ndim else v.reshape(1, 1)
    out = np.empty(flat_v.shape, np.int64)
    for i in range(flat_b.shape[0]):
        out[i] = np.searchsorted(flat_b[i], flat_v[i], side=side)
    return out.reshape(v.shape)
