"""Large blocks of memory, kept when they fall free and handed out again.

Note [Why a pool]
A fresh block of some megabytes costs more than the arithmetic that fills it: the system maps it page by page, at the first
touch of each. A block that has been used before has its pages. So results from 64 KiB up lie in blocks from here, and a
block comes back when the last array over it is gone: numpy's arrays hold what they are a view of, through `base`, however
far they travel, and at the end of that chain stands a `Lease`, whose end returns the block.

What lies idle is bounded (`POOL.limit`), and is let go when memory runs short or when `tgrad.cpu.empty_cache()` is called.
"""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

SMALLEST = 64 * 1024
_PAGE = 4096
_SPELLED = frozenset("fiubc")  # kinds of dtypes that numpy's array interface can name; others lie in bytes
_BYTE = np.dtype(np.uint8)


Block = tuple[np.ndarray, int, int]  # the memory, its address, the size that it serves


class Lease:
    """One block on loan: what numpy's arrays over it hold on to."""

    __slots__ = ("__array_interface__", "__weakref__", "block", "pool")

    def __init__(self, pool: Pool, block: Block, start: int, shape: Sequence[int], dtype: np.dtype) -> None:
        self.pool, self.block = pool, block
        self.__array_interface__ = {
            "shape": tuple(shape),
            "typestr": dtype.str,
            "data": (block[1] + start, False),
            "version": 3,
        }

    def __del__(self) -> None:
        self.pool.back(self.block)


class Pool:
    """Free blocks by size. Every method may be called from any thread, `back` also from within a garbage collection."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._free: dict[int, list[Block]] = {}
        self._lock = threading.RLock()  # reentrant: a collection inside `take` may give blocks back
        self._colour = 0
        self.idle = self.loaned = self.peak = self.hits = self.misses = 0

    def empty(self, shape: Sequence[int], dtype: Any) -> np.ndarray:
        """An array with undefined contents, in row-major order; small ones come from numpy as usual."""
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes < SMALLEST:
            return np.empty(shape, dtype)
        if dtype.kind in _SPELLED:
            return np.asarray(
                self._take(nbytes, shape, dtype)
            ).view()  # the base is what tells of other views: see `alone`
        return np.asarray(self._take(nbytes, (nbytes,), _BYTE)).view(dtype).reshape(shape)

    def _take(self, nbytes: int, shape: Sequence[int], dtype: np.dtype) -> Lease:
        size = rounded(nbytes)
        with self._lock:
            found = self._free.get(size)
            # Blocks that begin at the same place of a page slow each other down: the processor takes a load for one that
            # depends on an earlier store. So each begins elsewhere.
            start = self._colour = (self._colour + 5 * 64) % (_PAGE // 2)
            if found:
                block = found.pop()
                self.idle -= size + _PAGE
                self.hits += 1
                self._lent(size + _PAGE)
                return Lease(self, block, start, shape, dtype)
            self.misses += 1
        raw = self._fresh(size)
        with self._lock:
            self._lent(size + _PAGE)
        return Lease(self, (raw, raw.ctypes.data, size), start, shape, dtype)

    def _lent(self, nbytes: int) -> None:
        self.loaned += nbytes
        if self.loaned > self.peak:
            self.peak = self.loaned

    def _fresh(self, size: int) -> np.ndarray:
        if self.idle > self.limit // 4 and short_of_memory(size):
            self.empty_cache()
        try:
            return np.empty(size + _PAGE, np.uint8)
        except MemoryError:
            self.empty_cache()
            return np.empty(size + _PAGE, np.uint8)

    def back(self, block: Block) -> None:
        size = block[2]
        nbytes = size + _PAGE
        with self._lock:
            self.loaned -= nbytes
            if self.idle + nbytes <= self.limit:
                self.idle += nbytes
                if size in self._free:
                    self._free[size].append(block)
                else:
                    self._free[size] = [block]

    def empty_cache(self) -> None:
        """Returns all idle blocks to the system."""
        with self._lock:
            dropped, self._free = self._free, {}
            self.idle = 0
        dropped.clear()

    def stats(self) -> dict[str, int]:
        with self._lock:
            return {
                "allocated_bytes": self.loaned,
                "peak_allocated_bytes": self.peak,
                "idle_bytes": self.idle,
                "limit_bytes": self.limit,
                "reused_blocks": self.hits,
                "new_blocks": self.misses,
            }

    def after_fork(self) -> None:
        self._lock = threading.RLock()  # another thread may have held it


def alone(a: np.ndarray) -> bool:
    """Whether `a` is all of a block of memory, and no other array shows the same block."""
    whole: Any = a.base
    if type(whole) is not np.ndarray or whole.nbytes != a.nbytes:
        return False
    if whole.base is not None and type(whole.base) is not Lease:
        return False
    del whole
    return _references(a) <= _ONE


def _references(a: np.ndarray) -> int:
    """How often what `a` is a view of is referred to; the call itself counts, differently in different Pythons."""
    return sys.getrefcount(a.base)


@functools.lru_cache(maxsize=4096)
def rounded(nbytes: int) -> int:
    """The size of the block that serves a request: at most an eighth larger, so that near sizes share blocks."""
    step = max(_PAGE, 1 << max(0, nbytes.bit_length() - 4))
    return -(-nbytes // step) * step


def short_of_memory(more: int) -> bool:
    """Whether `more` bytes would leave less than a tenth of the machine's memory; False where nobody can tell."""
    try:
        with open("/proc/meminfo") as file:
            facts = dict(line.split(":", 1) for line in file)
        total, available = (int(facts[k].split()[0]) * 1024 for k in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return False
    return available - more < total // 10


def _limit() -> int:
    """An eighth of the memory, 2 GiB at most; `TGRAD_POOL_MIB` says otherwise (0: nothing is kept)."""
    told = os.environ.get("TGRAD_POOL_MIB")
    if told is not None and told.isdigit():
        return int(told) * 2**20
    try:
        return min(2 * 2**30, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8)
    except (AttributeError, ValueError, OSError):
        return 2**29


POOL = Pool(_limit())
_ONE = _references(Pool(0).empty((SMALLEST,), np.dtype(np.uint8)))
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.after_fork)
