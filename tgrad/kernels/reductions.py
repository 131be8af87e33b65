"""Compiled forms of the reductions and of running sums: see Note [Parts] in compiled/reduce.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..pool import POOL
from ..shape import reduced_shape, wrap_dim, wrap_dims
from ..storage import dense
from .crew import CREW, portion
from .expr import F32, F64
from .movement import row_major
from .native import kernel

ndarray = np.ndarray
UNIT = 1 << 16  # elements of one part


class _Folded:
    """An array as (outer, R, K) in the order of memory, and how what is left of it is brought back to its own order."""

    __slots__ = ("K", "P", "R", "address", "code", "dtype", "held", "order", "outer", "unit")

    K: int
    P: int
    R: int
    address: int
    code: str
    dtype: np.dtype
    held: ndarray  # what is at the address
    order: list[int]
    outer: int
    unit: int

    def result(self, r: ndarray, shape: Sequence[int], keepdim: bool, dims: Sequence[int]) -> ndarray:
        """What has one number for each element of (outer, K), in the shape that the caller expects."""
        r = r.reshape([shape[d] for d in self.order if d not in dims])
        kept = [d for d in self.order if d not in dims]
        r = r.transpose([kept.index(d) for d in sorted(kept)])
        r = np.ascontiguousarray(r)
        return r.reshape(reduced_shape(tuple(shape), tuple(dims), keepdim))


def _folded(a: ndarray, dims: Sequence[int]) -> _Folded | None:
    if (a.dtype is not F32 and a.dtype is not F64) or not a.size or not a.flags.aligned or 0 in a.strides:
        return None
    if not dense(a):
        a = row_major(a)
    f = _Folded()
    f.order = list(range(a.ndim))
    f.held = a
    if not a.flags.c_contiguous:
        f.order.sort(key=lambda d: (-a.strides[d], -a.shape[d]))
        assert a.transpose(f.order).flags.c_contiguous
    sizes = [(d in dims, a.shape[d]) for d in f.order if a.shape[d] != 1]
    along = [i for i, (reduced, _) in enumerate(sizes) if reduced]
    if along and along[-1] - along[0] + 1 != len(along):  # other dimensions lie between: they go before, in a copy
        f.order = [d for d in f.order if d not in dims] + [d for d in f.order if d in dims]
        f.held = a = row_major(a.transpose(f.order))
        sizes = [(d in dims, a.shape[i]) for i, d in enumerate(f.order) if a.shape[i] != 1]
        along = [i for i, (reduced, _) in enumerate(sizes) if reduced]
    first, last = (along[0], along[-1] + 1) if along else (len(sizes), len(sizes))
    f.outer = math.prod(n for _, n in sizes[:first])
    f.R = math.prod(n for _, n in sizes[first:last])
    f.K = math.prod(n for _, n in sizes[last:])
    f.unit = max(1, min(f.R, UNIT // f.K)) if f.outer * f.K < UNIT or f.R * f.K > UNIT else f.R
    if f.R // max(1, f.unit) > 64 and f.K > 1:  # few, large parts: each has a row of sums of its own
        f.unit = -(-f.R // 64)
    f.P = -(-f.R // f.unit)
    f.dtype, f.code, f.address = a.dtype, a.dtype.str[1:], a.__array_interface__["data"][0]
    return f


def _kernel(f: _Folded, name: str, outs: str) -> Any:
    rows = f.K == 1
    k = kernel(
        f"reduce.{name}_{'rows' if rows else 'columns'}", f"{f.code}* {outs} i8 i8 i8 i8 i8" + ("" if rows else " i8")
    )
    return k.get()


def _shared(f: _Folded, run: Any, *outs: ndarray) -> None:
    """Runs a kernel over all parts."""
    args = (f.address, *[o.ctypes.data for o in outs])
    geometry = (f.P, f.unit, f.R) if f.K == 1 else (f.P, f.unit, f.R, f.K)
    count = f.outer * f.P
    each = portion(count, f.unit * f.K)
    CREW.over(run, count, each, args, geometry)


def _sum(f: _Folded, name: str) -> ndarray | None:
    """(outer, K) sums in float64."""
    run = _kernel(f, name, "f8*")
    if run is None:
        return None
    out = np.empty((f.outer, f.P, f.K))
    _shared(f, run, out)
    return out[:, 0] if f.P == 1 else np.add.reduce(out, axis=1) if f.K > 1 else _pairwise(out[:, :, 0])


def _pairwise(parts: ndarray) -> ndarray:
    """Sums along the rows, which are neighbours in memory here: numpy adds those pairwise."""
    return np.add.reduce(np.ascontiguousarray(parts), axis=1)[:, None]


def _spread(f: _Folded) -> ndarray | None:
    """(outer, K) sums of squared differences from the mean, the parts' put together after Chan, Golub and LeVeque (1983)."""
    run = _kernel(f, "spread", "f8*")
    if run is None:
        return None
    out = np.empty((f.outer, f.P, 2, f.K))
    _shared(f, run, out)
    means, squares = out[:, :, 0], out[:, :, 1]
    if f.P == 1:
        return squares[:, 0]
    sizes = np.full((f.P, 1), float(f.unit))
    sizes[-1] = f.R - (f.P - 1) * f.unit
    mean = (means * sizes).sum(1, keepdims=True) / f.R
    return squares.sum(1) + (sizes * (means - mean) ** 2).sum(1)


def _ranks(f: _Folded, name: str, where: bool) -> tuple[ndarray, ndarray | None] | None:
    """(outer, K) extremes as ranks, and where they are."""
    whole = np.dtype(np.int32 if f.dtype is F32 else np.int64)
    run = _kernel(f, name + ("_at" if where else ""), f"{whole.str[1:]}*" + (" i8*" if where else ""))
    if run is None:
        return None
    out = np.empty((f.outer, f.P, f.K), whole)
    at = np.empty((f.outer, f.P, f.K), np.int64) if where else None
    _shared(f, run, out, *([] if at is None else [at]))
    if f.P == 1:
        return out[:, 0], None if at is None else at[:, 0]
    best = (np.argmax if name == "most" else np.argmin)(out, axis=1)[:, None]
    return np.take_along_axis(out, best, 1)[:, 0], None if at is None else np.take_along_axis(at, best, 1)[:, 0]


def _values(ranks: ndarray, dtype: np.dtype) -> ndarray:
    """The floats behind ranks."""
    bits = 8 * dtype.itemsize - 1
    return (ranks ^ ((ranks >> bits) & ranks.dtype.type((1 << bits) - 1))).view(dtype)


# ---- the rows


def _total(name: str, self: ndarray, dims: Sequence[int], keepdim: bool, divide: bool) -> ndarray | None:
    f = _folded(self, dims)
    r = None if f is None else _sum(f, name)
    if r is None:
        return None
    assert f is not None
    return f.result((r / f.R if divide else r).astype(self.dtype), self.shape, keepdim, dims)


def sum_all(self, *, dtype=None):
    return None if dtype is not None else _total("total", self, range(self.ndim), False, False)


def sum_dim(self, dim=None, keepdim=False, *, dtype=None):
    return None if dtype is not None else _total("total", self, wrap_dims(dim, self.ndim), keepdim, False)


def mean_all(self, *, dtype=None):
    return None if dtype is not None else _total("total", self, range(self.ndim), False, True)


def mean_dim(self, dim=None, keepdim=False, *, dtype=None):
    return None if dtype is not None else _total("total", self, wrap_dims(dim, self.ndim), keepdim, True)


def _variance(self: ndarray, dim: Any, correction: float, keepdim: bool) -> ndarray | None:
    dims = wrap_dims(dim, self.ndim)
    f = _folded(self, dims)
    if f is None or correction >= f.R:  # that one comes with a warning
        return None
    r = _spread(f)
    return None if r is None else f.result(r / (f.R - correction), self.shape, keepdim, dims)


def var(self, dim=None, *, correction=1, keepdim=False):
    r = _variance(self, dim, correction, keepdim)
    return None if r is None else r.astype(self.dtype)


def std(self, dim=None, *, correction=1, keepdim=False):
    r = _variance(self, dim, correction, keepdim)
    return None if r is None else np.asarray(np.sqrt(r)).astype(self.dtype)


def vector_norm(self, ord=2, dim=None, keepdim=False):
    if ord not in (1, 2):
        return None
    dims = wrap_dims(dim, self.ndim)
    f = _folded(self, dims)
    r = None if f is None else _sum(f, "squares" if ord == 2 else "sizes")
    if r is None:
        return None
    assert f is not None
    return f.result((np.sqrt(r) if ord == 2 else r).astype(self.dtype), self.shape, keepdim, dims)


def _extreme(name: str, self: ndarray, dims: Sequence[int], keepdim: bool) -> ndarray | None:
    f = _folded(self, dims)
    got = None if f is None else _ranks(f, name, False)
    if got is None:
        return None
    assert f is not None
    return f.result(_values(got[0], self.dtype), self.shape, keepdim, dims)


def max_all(self):
    return _extreme("most", self, range(self.ndim), False)


def min_all(self):
    return _extreme("least", self, range(self.ndim), False)


def amax(self, dim=(), keepdim=False):
    return _extreme("most", self, wrap_dims(dim, self.ndim), keepdim)


def amin(self, dim=(), keepdim=False):
    return _extreme("least", self, wrap_dims(dim, self.ndim), keepdim)


def _placed(name: str, self: ndarray, dim: Any, keepdim: bool) -> tuple[ndarray, ndarray] | None:
    """(values, indices) along a dimension, or, for None, over everything in row-major order."""
    if not self.ndim or isinstance(dim, bool) or (dim is None and not self.flags.c_contiguous):
        return None
    dims = tuple(range(self.ndim)) if dim is None else (wrap_dim(dim, self.ndim),)
    f = _folded(self, dims)
    got = None if f is None else _ranks(f, name, True)
    if got is None:
        return None
    assert f is not None and got[1] is not None
    values = _values(got[0], self.dtype)
    return f.result(values, self.shape, keepdim, dims), f.result(got[1], self.shape, keepdim, dims)


def max_dim(self, dim, keepdim=False):
    return _first("most", self, dim, keepdim)


def min_dim(self, dim, keepdim=False):
    return _first("least", self, dim, keepdim)


def _first(name: str, self: ndarray, dim: Any, keepdim: bool) -> tuple[ndarray, ndarray] | None:
    got = _placed(name, self, dim, True)
    if got is None:
        return None
    d, at = wrap_dim(dim, self.ndim), got[1]
    values = np.take_along_axis(
        self, at, d
    )  # the elements themselves: a zero has a sign, which ranks with places do not keep
    return (values, at) if keepdim else (values.squeeze(d), at.squeeze(d))


def argmax(self, dim=None, keepdim=False):
    got = _placed("most", self, dim, keepdim)
    return None if got is None else got[1]


def argmin(self, dim=None, keepdim=False):
    got = _placed("least", self, dim, keepdim)
    return None if got is None else got[1]


def cumsum(self, dim, *, dtype=None):
    if dtype is not None or not self.ndim or not self.flags.c_contiguous:
        return None
    f = _folded(self, (wrap_dim(dim, self.ndim),))
    if f is None:
        return None
    out = POOL.empty(self.shape, self.dtype)
    if f.K > 1:
        return _cumsum_columns(f, out)
    run = kernel("reduce.running_totals", f"{f.code}* {f.code}* f8* i8 i8 i8 i8 i8").get()
    if run is None:
        return None
    start = np.zeros((f.outer, f.P))
    if f.P > 1:  # the sums of the parts before come first
        sums = _kernel(f, "total", "f8*")
        if sums is None:
            return None
        parts = np.empty((f.outer, f.P))
        _shared(f, sums, parts)
        np.cumsum(parts[:, :-1], axis=1, out=start[:, 1:])
    _shared(f, run, out, start)
    return out


def _cumsum_columns(f: _Folded, out: ndarray) -> ndarray | None:
    run = kernel("reduce.running_totals_columns", f"{f.code}* {f.code}* f8* i8 i8 i8 i8").get()
    if run is None:
        return None
    strips = -(-f.K // 512)
    size = f.R * f.K * f.dtype.itemsize
    target = out.ctypes.data
    sums = np.empty((f.outer, f.K))
    room = sums.ctypes.data

    CREW.each(
        run,
        [
            (f.address + o * size, target + o * size, room + o * f.K * 8, s * 512, min(f.K, (s + 1) * 512), f.R, f.K)
            for o in range(f.outer)
            for s in range(strips)
        ],
    )
    return out
