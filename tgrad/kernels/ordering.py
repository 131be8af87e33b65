"""Compiled forms of what orders and chooses, with equal elements as PyTorch leaves them: see Note [The order of equals] in ops/equals.py, and
compiled/order.py.

Until a kernel is there numpy does its work, with the same result, in about a microsecond for an element among equals. Where that would take
seconds, PATIENCE elements and more, the compiler is waited for, unless none is wanted (`TGRAD_JIT=off`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import equals, extremes, order
from ..ops.introsort import SHORT
from ..pool import POOL
from ..shape import wrap_dim
from . import movement
from .crew import CREW, portion
from .native import COMPILER, Jit, kernel
from .operands import address

ndarray = np.ndarray
SHARED = 1 << 17  # elements of a row that are worth several threads
LONG = 1 << 22  # elements of a range that take long enough for Ctrl-C to matter
HUGE = 1 << 25  # elements of a row through which a selection takes about as long as Ctrl-C may
PATIENCE = 1 << 22
PLACES = "i8* u1* i8* i4* i4* i4* "
I64 = np.dtype(np.int64)


def _kernel(name: str, signature: str, elements: int) -> Any:
    found = kernel("order." + name, signature)
    run = found.get()
    if run is None and elements >= PATIENCE and Jit.mode != "off":
        COMPILER.wait(found)
        run = found.fn
    return run


def _room(n: int) -> tuple[tuple[ndarray, ...], tuple[int, ...]]:
    """Memory for one row, and the addresses of it."""
    room = *(POOL.empty((n + 64,), np.dtype(np.int32)) for _ in range(3)), np.empty(3 * 256, np.int64)
    return room, tuple(map(address, room))


def _run(run: Any, before: tuple[ndarray, ...], rows: int, n: int, after: tuple[int, ...], stack: bool = True) -> None:
    """A kernel over all rows, some of them on each thread."""
    args = tuple(map(address, before))
    unit = portion(rows, 16 * n)

    def work(k: int) -> None:
        room, places = _room(n)
        run(*args, *(places if stack else places[:3]), k * unit, min(rows, (k + 1) * unit), n, *after)
        del room

    CREW.run(work, -(-rows // unit))


def _packed(order: ndarray, same: ndarray) -> tuple[ndarray, ndarray]:
    return np.ascontiguousarray(order), np.ascontiguousarray(same)


def introsorted(order: ndarray, same: ndarray) -> ndarray:
    """`equals.introsorted`."""
    rows, n = order.shape
    if n <= SHORT or not same.any():
        return order
    run = None
    if n < 1 << 31:
        long = n > SHARED
        name, tail = ("introsorted_part", "i8* i8 i8 i8") if long else ("introsorted", "i8* i8 i8 i8")
        run = _kernel(name, PLACES + tail, order.size)
    if run is None:
        return equals.introsorted(order, same)
    order, same = _packed(order, same)
    out = POOL.empty(order.shape, I64)
    if not long:
        _run(run, (order, same, out), rows, n, ())
        return out
    for r in range(rows):
        if same[r].any():
            _long_row(run, order[r], same[r], out[r])
        else:
            out[r] = order[r]
    return out


def _long_row(run: Any, order: ndarray, same: ndarray, out: ndarray) -> None:
    n = order.size
    room, places = _room(n)
    stack = room[3]
    fixed = *map(address, (order, same, out)), *places[:3]
    run(*fixed, places[3], n, 0, 0)
    ranges, pieces = _taken(stack), max(4 * CREW.size, 2 * n // LONG)
    while 0 < len(ranges) < pieces:
        ranges.sort(key=lambda r: r[1] - r[0])
        stack[0], stack[1:4] = 1, ranges.pop()
        run(*fixed, places[3], n, 1, 1)
        ranges += _taken(stack)
    stacks = np.zeros((len(ranges), stack.size), np.int64)
    stacks[:, 0] = 1
    if ranges:
        stacks[:, 1:4] = ranges
    CREW.each(run, [(*fixed, address(stack), n, 1, 1 << 62) for stack in stacks])
    run(*fixed, places[3], n, 2, 0)


def _taken(stack: ndarray) -> list[list[int]]:
    """The ranges on a stack: from, to, and how often they may be parted."""
    return stack[1 : 1 + 3 * int(stack[0])].reshape(-1, 3).tolist()


def _only(rows: ndarray, out: ndarray, choose: Any, order: ndarray, same: ndarray, *args: Any) -> ndarray:
    """The same choice in some rows alone; `out` has what is right for the others."""
    if rows.size:
        out[rows] = choose(order[rows], same[rows], *args)
    return out


def chosen(order: ndarray, same: ndarray, k: int, ordered: bool) -> ndarray:
    """`equals.chosen`."""
    rows, n = order.shape
    if ordered or 64 * k <= n:
        tied = np.flatnonzero(same[:, 1 : k + 1].any(-1))
        if tied.size < rows:
            return _only(tied, order[:, :k].copy(), chosen, order, same, k, ordered)
    run = None if n > HUGE or not k else _kernel("chosen", PLACES + "i8* i8 i8 i8 i8 i8", order.size)
    if run is None:
        return equals.chosen(order, same, k, ordered)
    order, same = _packed(order, same)
    out = np.empty((rows, k), np.int64)
    _run(run, (order, same, out), rows, n, (k, int(ordered)))
    return out


def kth(order: ndarray, same: ndarray, k: int) -> ndarray:
    """`equals.kth`."""
    rows, n = order.shape
    tied = np.flatnonzero(same[:, k : k + 2].any(-1))
    if tied.size < rows:
        return _only(tied, order[:, k].copy(), kth, order, same, k)
    run = None if n > HUGE else _kernel("kth", PLACES + "i8 i8 i8 i8", order.size)
    if run is None:
        return equals.kth(order, same, k)
    order, same = _packed(order, same)
    out = np.empty(rows, np.int64)
    _run(run, (order, same, out), rows, n, (k,), False)
    return out


# ---- the forms of rows


def _applies(self: ndarray) -> bool:
    return bool(self.ndim and self.size) and self.dtype.kind != "c"


def sort(self, dim=-1, descending=False, stable=False):
    if not _applies(self):
        return None
    d = wrap_dim(dim, self.ndim)
    got = movement.sort(self, dim, descending)
    if got is None:
        return order.sorted_along(self, dim, descending, stable, introsorted)
    if order.steady(self, descending, stable) or not self.strides[d]:
        return got
    values, where = got
    rows = order.lines(values)
    same = equals.neighbours(rows)
    right = introsorted(order.lines(where), same)
    if right.base is where or right is where:
        return got
    where = right.reshape(where.shape)
    bits = rows.view(np.int32 if rows.itemsize == 4 else np.int64)
    if (same[:, 1:] & (bits[:, 1:] != bits[:, :-1])).any():  # 0.0 and -0.0 are equal, and not the same
        found = movement.gather(self, where, -1)
        values = np.take_along_axis(self, where, -1) if found is None else found
    return values, where


def topk(self, k, dim=-1, largest=True, sorted=True):
    if type(k) is not int or not _applies(self) or not 0 < k <= self.shape[wrap_dim(dim, self.ndim)]:
        return None
    got = movement.sort(self, dim, largest)
    if got is None:
        return order.chosen_along(self, k, dim, largest, sorted, chosen)
    values, where = map(order.lines, got)
    rows: Any = slice(None)
    if sorted or 64 * k <= self.shape[-1]:
        rows = np.flatnonzero(equals.neighbours(values[:, : k + 1]).any(-1))
        if not rows.size:
            return tuple([np.ascontiguousarray(a[..., :k]) for a in got])
    at = where[:, :k].copy()
    at[rows] = chosen(where[rows], equals.neighbours(values[rows]), k, sorted)
    at = at.reshape(*self.shape[:-1], k)
    return np.take_along_axis(self, at, -1), at


def kthvalue(self, k, dim=-1, keepdim=False):
    if type(k) is not int or not _applies(self) or not 0 < k <= self.shape[wrap_dim(dim, self.ndim)]:
        return None
    return order.kth_along(self, k, dim, keepdim, kth)


def mode(self, dim=-1, keepdim=False):
    return extremes.mode_along(self, dim, keepdim, introsorted) if _applies(self) else None
