"""Large matrix products, shared out to the same threads as everything else.

Note [Who owns the cores]
OpenBLAS keeps threads of its own, and they spin for a while after each product, waiting for the next. An elementwise operation that
comes next then has to share the cores with them; products and elementwise work in turn, which is what training is, can take
twice the time; and where other programs want the cores too, small products that wait for a spinning thread were measured to take a hundred
times as long. So a large product is cut into as many parts as there are threads here, and each is computed by OpenBLAS with one
thread; a small one is computed by one thread alone. Between the two, where waking our threads would take as long as the
product, OpenBLAS's threads are the quicker ones, and do it. Their number is put back after each product: numpy code of the
user's is not affected.

Where numpy has another BLAS, whose number of threads cannot be set here, products are left as they are.
"""

from __future__ import annotations

import ctypes
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np

from ..ops import linalg
from ..pool import POOL
from .crew import CREW
from .expr import F32, F64

ndarray = np.ndarray
SMALL = 4 << 20  # multiplications that one thread does about as quickly as two
WORTH = (
    64 << 20
)  # multiplications of which our threads do their parts before the time that it takes to wake them counts


class _Blas:
    """The number of threads that numpy's OpenBLAS uses, where it can be told."""

    def __init__(self) -> None:
        self._set: Any = None
        self._get: Any = None
        self._lock = threading.Lock()
        self._users = self._usual = 0
        folder = Path(np.__file__).parent
        for path in [*(folder.parent / "numpy.libs").glob("*openblas*"), *(folder / ".dylibs").glob("*openblas*")]:
            try:
                library = ctypes.PyDLL(str(path))  # these calls are too short to let go of the lock
            except OSError:
                continue
            for before in ("scipy_openblas", "openblas"):
                for after in ("64_", ""):
                    put = getattr(library, f"{before}_set_num_threads{after}", None)
                    get = getattr(library, f"{before}_get_num_threads{after}", None)
                    if put is not None and get is not None:
                        self._set, self._get = put, get
                        return

    def __bool__(self) -> bool:
        return self._set is not None

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._usual = self._get()
                self._set(1)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._set(self._usual)


_FOUND: list[_Blas] = []
ALONE = 1 << 18  # multiplications of two matrices that OpenBLAS does with one thread anyway
ALONE_VECTOR = 9216  # the same for a matrix and a vector


def product(a: ndarray, b: ndarray) -> ndarray | None:
    """`a @ b`, in parts or by one thread; None where OpenBLAS uses one thread by itself, or cannot be told to."""
    if (a.dtype is not F32 and a.dtype is not F64) or a.dtype is not b.dtype or a.ndim < 1 or b.ndim < 1:
        return None
    if a.ndim == 1 or b.ndim == 1:
        work, enough = max(a.size, b.size), ALONE_VECTOR
    else:
        work, enough = a.shape[-2] * a.shape[-1] * b.shape[-1], ALONE
        if a.ndim > 2 or b.ndim > 2:
            return _batched(a, b, work)
    if work <= enough or SMALL <= work < WORTH:
        return None
    blas = _blas()
    if not blas:
        return None
    if work < WORTH or CREW.size < 2 or a.ndim == 1 or b.ndim == 1 or a.shape[1] != b.shape[0]:
        with blas:
            return np.matmul(a, b)
    (m, _), n = a.shape, b.shape[1]
    out, rows = POOL.empty((m, n), a.dtype), m >= n
    length = m if rows else n
    unit = -(-length // CREW.size)
    unit = -(-unit // 16) * 16 if unit > 16 else unit

    def part(i: int) -> None:
        at = slice(i * unit, (i + 1) * unit)
        if rows:
            np.matmul(a[at], b, out=out[at])
        else:
            np.matmul(a, b[:, at], out=out[:, at])

    with blas:
        CREW.run(part, -(-length // unit))
    return out


def _batched(a: ndarray, b: ndarray, work: int) -> ndarray | None:
    """The same of batches, where `work` is that of one product."""
    blas = _blas()
    alike = a.ndim == b.ndim and a.shape[:-2] == b.shape[:-2] and a.shape[-1] == b.shape[-2]
    count = a.shape[0]
    if alike and CREW.size > 1 and count > 1 and work * math.prod(a.shape[:-2]) >= WORTH and blas:
        out = POOL.empty((*a.shape[:-1], b.shape[-1]), a.dtype)
        unit = -(-count // min(count, 4 * CREW.size))

        def part(i: int) -> None:
            at = slice(i * unit, (i + 1) * unit)
            np.matmul(a[at], b[at], out=out[at])

        with blas:
            CREW.run(part, -(-count // unit))
        return out
    if work <= ALONE or SMALL <= work < WORTH or not blas:
        return None
    with blas:
        return np.matmul(a, b)


def _blas() -> _Blas:
    if not _FOUND:
        _FOUND.append(_Blas())
    return _FOUND[0]


linalg.shared_product = product
