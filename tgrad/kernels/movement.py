"""Compiled forms of copies, picking and adding by index, and sorting: see compiled/move.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..pool import POOL
from ..shape import wrap_dim
from ..storage import dense
from .crew import CREW, portion
from .expr import F32, F64
from .formulas import merged
from .native import kernel
from .operands import address, suits

ndarray = np.ndarray
SIDES = {4: 16, 8: 8}  # elements of a cache line


def contiguous(self):
    """A row-major copy, where the fastest dimension changes."""
    size = self.itemsize
    if size not in SIDES or self.ndim < 2 or not self.flags.aligned or 0 in self.strides:
        return None
    if any(s < 0 or s % size for s in self.strides):
        return None
    out = POOL.empty(self.shape, self.dtype)
    sizes, (sx, so) = merged(self.shape, [[s // a.itemsize for s in a.strides] for a in (self, out)])
    if len(sizes) < 2 or sx[-1] == 1 or 1 not in sx:
        return None
    a = sx.index(1)
    if sizes[a] < SIDES[size] or sizes[-1] < SIDES[size]:
        return None
    run = kernel("move.turned", f"u{size}* u{size}* i8* i8 i8").get()
    if run is None:
        return None
    rest = [d for d in range(len(sizes) - 1) if d != a]
    g = [sizes[a], sizes[-1], sx[-1], so[a], SIDES[size], len(rest)]
    g += [sizes[d] for d in rest] + [sx[d] for d in rest] + [so[d] for d in rest]
    geometry = np.array(g, np.int64)
    blocks = -(-sizes[a] // SIDES[size]) * math.prod(sizes[d] for d in rest)
    unit = portion(blocks, SIDES[size] * sizes[-1])
    args = (address(self), address(out), address(geometry))
    CREW.over(run, blocks, unit, args)
    return out


def row_major(a: ndarray) -> ndarray:
    """The array, or a copy, with its elements in row-major order."""
    if a.flags.c_contiguous:
        return a
    copied = contiguous(a)
    return np.ascontiguousarray(a) if copied is None else copied


def clone(self, memory_format=None):
    return None if memory_format is not None or dense(self) else contiguous(self)


# ---- by index. An index out of bounds is noticed on the way, and the plain form, which comes next, says what is wrong


def _places(index: Any) -> str | None:
    fits = (
        type(index) is ndarray
        and index.dtype in (np.int64, np.int32)
        and index.flags.c_contiguous
        and index.flags.aligned
    )
    return f"i{index.itemsize}*" if fits else None


def _rows(x: ndarray, index: ndarray, shape: tuple[int, ...]) -> ndarray | None:
    places, size = _places(index), x.itemsize
    if places is None or size not in (4, 8) or not x.flags.c_contiguous or not x.flags.aligned or not x.size:
        return None
    run = kernel("move.rows_taken", f"u{size}* {places} u{size}* i8* i8 i8 i8 i8").get()
    if run is None:
        return None
    out, bad, n = POOL.empty(shape, x.dtype), np.zeros(1, np.int64), x.size // x.shape[0]
    unit = portion(index.size, n)
    args = tuple(map(address, (x, index, out, bad)))
    CREW.over(run, index.size, unit, args, (n, x.shape[0]))
    return None if bad[0] else out


def index_select(self, index, dim):
    if not self.ndim or wrap_dim(dim, self.ndim) != 0 or index.ndim != 1:
        return None
    return _rows(self, index, (index.size, *self.shape[1:]))


def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    return _rows(weight, indices, (*indices.shape, weight.shape[1])) if weight.ndim == 2 else None


def _added(out: ndarray, index: ndarray, rows: ndarray, skip: int) -> bool:
    """out[index] += rows, without those that go to `skip`; False where that did not work out."""
    places = _places(index)
    if places is None or not suits(rows, out):
        return False
    code, n = rows.dtype.str[1:] + "* ", out.size // out.shape[0]
    if rows.size != index.size * n:
        return False
    run = kernel("move.rows_added", f"{code}{places} {code}i8* i8 i8 i8 i8 i8 i8").get()
    if run is None:
        return False
    bad = np.zeros(1, np.int64)
    strips = CREW.size if n >= 32 * CREW.size else 1
    width = -(-n // strips)
    args = tuple(map(address, (rows, index, out, bad)))
    geometry = (n, out.shape[0], index.size, skip)
    CREW.over(run, n, width, args, geometry)
    return not bad[0]


def zeros(shape: Any, dtype: np.dtype) -> ndarray:
    out = POOL.empty(shape, dtype)
    out.fill(0)
    return out


def embedding_backward(grad_output, indices, weight_sizes, padding_idx=-1, scale_grad_by_freq=False):
    if scale_grad_by_freq or not grad_output.size:
        return None
    grad_output = np.ascontiguousarray(grad_output)
    out = zeros(tuple(weight_sizes), grad_output.dtype)
    return out if _added(out, indices, grad_output, int(padding_idx)) else None


def select_add(grad_output, index, input_sizes, dim):
    if not len(input_sizes) or wrap_dim(dim, len(input_sizes)) != 0 or not grad_output.size:
        return None
    grad_output = np.ascontiguousarray(grad_output)
    out = zeros(tuple(input_sizes), grad_output.dtype)
    return out if _added(out, index, grad_output, -1) else None


def index_add(self, index, source, dim, alpha=1):
    if not self.ndim or wrap_dim(dim, self.ndim) != 0 or alpha != 1 or index.ndim != 1 or not suits(self, source):
        return None
    if source.shape != (index.size, *self.shape[1:]):
        return None
    out = self.copy()
    return out if _added(out, index, source, -1) else None


def _along(shape: tuple[int, ...], index: ndarray, dim: Any) -> tuple[int, int, int, int] | None:
    """(outer, R, K, I), where index has the sizes of the array but along dim."""
    if not shape or len(shape) != index.ndim or not index.size:
        return None
    d = wrap_dim(dim, len(shape))
    if index.shape[:d] != shape[:d] or index.shape[d + 1 :] != shape[d + 1 :]:
        return None
    return math.prod(shape[:d]), shape[d], math.prod(shape[d + 1 :]), index.shape[d]


def gather(self, index, dim, sparse_grad=False):
    found, places, size = _along(self.shape, index, dim), _places(index), self.itemsize
    if found is None or places is None or size not in (4, 8) or not self.flags.c_contiguous or not self.flags.aligned:
        return None
    outer, R, K, I = found
    name, count, each = ("gathered_rows", outer, I) if K == 1 else ("gathered", outer * I, K)
    run = kernel("move." + name, f"u{size}* {places} u{size}* i8* i8 i8 i8 i8 i8").get()
    if run is None:
        return None
    out, bad = POOL.empty(index.shape, self.dtype), np.zeros(1, np.int64)
    unit = portion(count, each)
    args = tuple(map(address, (self, index, out, bad)))
    CREW.over(run, count, unit, args, (R, K, I))
    return None if bad[0] else out


def _scattered(out: ndarray, index: ndarray, src: ndarray, dim: Any) -> bool:
    found, places = _along(out.shape, index, dim), _places(index)
    if found is None or places is None or index.shape != src.shape or not suits(src, out):
        return False
    code = src.dtype.str[1:] + "* "
    run = kernel("move.scattered", f"{code}{places} {code}i8* i8 i8 i8 i8 i8 i8").get()
    if run is None:
        return False
    outer, R, K, I = found
    strips = 1 if outer >= 2 * CREW.size else max(1, min(4 * CREW.size, K // 32))
    bad = np.zeros(1, np.int64)
    unit = portion(outer * strips, I * K // strips)
    args = tuple(map(address, (src, index, out, bad)))
    count = outer * strips
    CREW.over(run, count, unit, args, (R, K, I, strips))
    return not bad[0]


def scatter_add(self, index, src, dim):
    if self.dtype != src.dtype or not self.flags.c_contiguous:
        return None
    out = POOL.empty(self.shape, self.dtype)
    out[...] = self
    return out if _scattered(out, index, src, dim) else None


def gather_backward(grad_output, index, input_sizes, dim):
    if grad_output.dtype is not F32 and grad_output.dtype is not F64:
        return None
    grad_output = np.ascontiguousarray(grad_output)
    out = zeros(tuple(input_sizes), grad_output.dtype)
    return out if _scattered(out, index, grad_output, dim) else None


# ---- sorting


def sort(self, dim=-1, descending=False, stable=False):
    if not self.ndim or not suits(self) or wrap_dim(dim, self.ndim) != self.ndim - 1 or self.shape[-1] < 256:
        return None
    code, n, rows = self.dtype.str[1:], self.shape[-1], self.size // self.shape[-1]
    if n > LONG:
        return _sort_long(self, descending)
    wide = self.dtype is F64
    name = "sorted_rows_wide" if wide else "sorted_rows"
    run = kernel("move." + name, f"{code}* {code}* i8* i8* i4* i8* i8 i8 i8 i8").get()
    if run is None:
        return None
    whole = np.dtype(np.int64)
    values, where = POOL.empty(self.shape, self.dtype), POOL.empty(self.shape, whole)
    args = (address(self), address(values), address(where))
    unit = portion(rows, 16 * n)

    def work(k: int) -> None:
        keys, places = POOL.empty((2 * n,), whole), POOL.empty((2 * n if wide else 0,), np.dtype(np.int32))
        counts = np.empty((6 if wide else 3) << BITS, np.int64)
        room = (address(keys), address(places), address(counts))
        run(*args, *room, k * unit, min(rows, (k + 1) * unit), n, int(descending))

    CREW.run(work, -(-rows // unit))
    return values, where


BITS = 11  # of a digit, as in compiled/move.py
LONG = 1 << 22  # elements of a row that take long enough for Ctrl-C to matter


def _sort_long(self: ndarray, descending: bool) -> tuple[ndarray, ndarray] | None:
    """The same for long rows, one after the other, LONG elements a call: see `sorted_part` in compiled/move.py."""
    code, whole = self.dtype.str[1:], np.dtype(np.int32 if self.dtype is F32 else np.int64)
    run = kernel("move.sorted_part", f"{code}* {code}* i8* i{whole.itemsize}* i8* i8* i8 i8 i8 i8 i8 i8 i8 i8").get()
    if run is None:
        return None
    n, passes = self.shape[-1], -(-8 * whole.itemsize // BITS)
    values, where = POOL.empty(self.shape, self.dtype), POOL.empty(self.shape, np.dtype(np.int64))
    keys, places = POOL.empty((2 * n,), whole), POOL.empty((2 * n,), np.dtype(np.int64))
    for r in range(self.size // n):
        counts = np.zeros((passes, 1 << BITS), np.int64)
        row = tuple(address(a) + r * n * a.itemsize for a in (self, values, where))
        fixed = (*row, address(keys), address(places))

        def phase(number: int, counts: ndarray, shift: int, source: int, target: int, fixed: Any = fixed) -> None:
            for low in range(0, n, LONG):
                high = min(n, low + LONG)
                run(*fixed, address(counts), low, high, n, int(descending), number, shift, source, target)

        phase(0, counts, 0, 0, n)
        source, target = 0, n
        for p in range(passes):
            if counts[p].max() < n:  # else all have the same digit
                phase(1, np.cumsum(counts[p]) - counts[p], p * BITS, source, target)
                source, target = target, source
        phase(2, counts, 0, source, target)
    return values, where
