"""Large matrix products, shared out to the same threads as everything else.

Note [Who owns the cores]
OpenBLAS keeps threads of its own, and they spin for a while after each product, waiting for the next. An elementwise operation that
comes next then has to share the cores with them; products and elementwise work in turn, which is what training is, can take
twice the time; and where other programs want the cores too, small products that wait for a spinning thread were measured to take a hundred
times as long. So a product is cut into parts, and the crew's threads compute them: each part is a call of OpenBLAS's `gemm` with one
thread, through compiled code (`compiled/team.py`) without the interpreter. Small products are computed by one thread alone. Until that compiled
code is there, products of middle size are left to OpenBLAS's threads, and only very large ones are cut up, since the crew's threads
must then be woken through the interpreter. The number of OpenBLAS's threads is put back after each product: numpy code of the user's is not affected.

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
from .native import Jit, Native, team

ndarray = np.ndarray
SMALL = 4 << 20  # multiplications that one thread does about as quickly as two
WORTH = 64 << 20  # multiplications that take long enough for threads to be woken through the interpreter
SHARED = 1 << 20  # multiplications that pay for a second thread where it is at hand


class _Blas:
    """The number of threads that numpy's OpenBLAS uses, where it can be told."""

    def __init__(self) -> None:
        self._set: Any = None
        self._get: Any = None
        self._lock = threading.Lock()
        self._users = self._usual = 0
        self.gemm: dict[str, int] = {}  # addresses of its matrix products, by dtype
        self.whole = ""  # its integers
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
                        self._find_gemm(library, before.removesuffix("openblas"), after)
                        return

    def _find_gemm(self, library: Any, before: str, after: str) -> None:
        self.whole = "i64" if after else "i32"
        for code, letter in (("f4", "s"), ("f8", "d")):
            found = getattr(library, f"{before}cblas_{letter}gemm{after}", None)
            if found is not None:
                self.gemm[code] = ctypes.cast(found, ctypes.c_void_p).value or 0

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
    if Jit.mode != "off":
        plan = _PLANS.get((a.shape, b.shape, a.strides, b.strides, a.dtype, CREW.size))
        if plan is not None:
            return _planned(plan, a, b)
    if a.ndim == 1 or b.ndim == 1:
        work, enough = max(a.size, b.size), ALONE_VECTOR
    else:
        work, enough = a.shape[-2] * a.shape[-1] * b.shape[-1], ALONE
        if a.ndim > 2 or b.ndim > 2:
            return _batched(a, b, work)
    if work <= enough:
        return None
    blas = _blas()
    if not blas:
        return None
    if enough == ALONE and work >= SHARED and CREW.size > 1 and a.shape[1] == b.shape[0]:
        out = _cut(blas, a, b, work)
        if out is not None:
            return out
    if SMALL <= work < WORTH and CREW.mailbox() is None:
        return None
    with blas:
        return np.matmul(a, b)


def _cut(blas: _Blas, a: ndarray, b: ndarray, work: int) -> ndarray | None:
    """In parts along the longer side of the result; None where that is not possible or not worth it."""
    (m, k), n = a.shape, b.shape[1]
    rows = m >= n
    length = m if rows else n
    parts = CREW.size * (-(-length // (512 * CREW.size)))  # more than one per thread: they may not all run as quickly
    unit = -(-length // parts)
    unit = -(-unit // 16) * 16 if unit > 16 else unit
    call = _gemm(blas, a.dtype)
    if call is not None:
        key = (a.shape, b.shape, a.strides, b.strides, a.dtype, CREW.size)
        given = a, b
        (a, ta, lda), (b, tb, ldb) = _laid(a), _laid(b)
        gemm, size, calls = blas.gemm[a.dtype.str[1:]], a.itemsize, []
        for i in range(0, length, unit):
            r, c = (min(unit, m - i), n) if rows else (m, min(unit, n - i))
            to_a, to_b, to_c = (i * a.strides[0], 0, i * n * size) if rows else (0, i * b.strides[1], i * size)
            calls.append(((gemm, 101, ta, tb, r, c, k, 1.0), to_a, lda, to_b, (ldb, 0.0), to_c, n))
        plan = blas, call, (m, n), calls
        if a is given[0] and b is given[1]:
            if len(_PLANS) > _MOST_PLANS:
                _PLANS.clear()
            _PLANS[key] = plan
        return _planned(plan, a, b)
    if work < WORTH:
        return None
    out = POOL.empty((m, n), a.dtype)

    def part(i: int) -> None:
        at = slice(i * unit, (i + 1) * unit)
        if rows:
            np.matmul(a[at], b, out=out[at])
        else:
            np.matmul(a, b[:, at], out=out[:, at])

    with blas:
        CREW.run(part, -(-length // unit))
    return out


Plan = tuple[_Blas, Native, tuple[int, int], list[Any]]
_PLANS: dict[Any, Plan] = {}  # by shapes, strides, dtype and number of threads
_MOST_PLANS = 4096


def _planned(plan: Plan, a: ndarray, b: ndarray) -> ndarray:
    blas, call, shape, calls = plan
    out = POOL.empty(shape, a.dtype)
    at_a, at_b, at_c = _address(a), _address(b), _address(out)
    with blas:
        CREW.each(call, [(*h, at_a + x, la, at_b + y, *lb, at_c + z, lc) for h, x, la, y, lb, z, lc in calls])
    return out


def _address(a: ndarray) -> int:
    return a.__array_interface__["data"][0]


def _laid(a: ndarray) -> tuple[ndarray, int, int]:
    """The matrix, or matrices, copied if need be, CblasNoTrans or CblasTrans, and the leading dimension."""
    size = a.itemsize
    s0, s1 = a.strides[-2:]
    m, n = a.shape[-2:]
    if s1 == size and s0 >= n * size and not s0 % size:
        return a, 111, s0 // size
    if s0 == size and s1 >= m * size and not s1 % size:
        return a, 112, s1 // size
    return np.ascontiguousarray(a), 111, n


def _gemm(blas: _Blas, dtype: np.dtype) -> Native | None:
    """OpenBLAS's product as compiled work for the crew; None where that is not there (yet)."""
    if Jit.mode == "off":
        return None
    code = dtype.str[1:]
    key = code, blas.whole
    made = _CALLS.get(key)
    if made is None:
        if code not in blas.gemm or CREW.mailbox() is None:
            return None
        found = team().fn
        w = "i8" if blas.whole == "i64" else "i4"
        signature = f"i8 i4 i4 i4 {w} {w} {w} {code} f4* {w} f4* {w} {code} f4* {w}"
        made = _CALLS[key] = Native(found[f"gemm_{code}_{blas.whole}"], signature)
    return made


_CALLS: dict[tuple[str, str], Native] = {}
_MANY = 512  # products for which a call each is not too much to write down


def _batched(a: ndarray, b: ndarray, work: int) -> ndarray | None:
    """The same of batches, where `work` is that of one product."""
    blas = _blas()
    alike = a.ndim == b.ndim and a.shape[:-2] == b.shape[:-2] and a.shape[-1] == b.shape[-2]
    if not blas:
        return None
    count = math.prod(a.shape[:-2])
    if alike and CREW.size > 1 and count > 1 and work * count >= SHARED and count <= _MANY:
        call = _gemm(blas, a.dtype)
        if call is not None:
            return _each(blas, call, a, b)
    first = a.shape[0]
    if alike and CREW.size > 1 and first > 1 and work * count >= WORTH:
        out = POOL.empty((*a.shape[:-1], b.shape[-1]), a.dtype)
        unit = -(-first // min(first, 4 * CREW.size))

        def part(i: int) -> None:
            at = slice(i * unit, (i + 1) * unit)
            np.matmul(a[at], b[at], out=out[at])

        with blas:
            CREW.run(part, -(-first // unit))
        return out
    if work <= ALONE or (SMALL <= work < WORTH and CREW.mailbox() is None):
        return None
    with blas:
        return np.matmul(a, b)


def _each(blas: _Blas, call: Native, a: ndarray, b: ndarray) -> ndarray:
    """One call per product."""
    out = POOL.empty((*a.shape[:-1], b.shape[-1]), a.dtype)
    (m, k), n = a.shape[-2:], b.shape[-1]
    (a, ta, lda), (b, tb, ldb) = _laid(a), _laid(b)
    places = [[_address(x)] for x in (a, b, out)]
    for d in range(a.ndim - 2):
        places = [
            [p + i * x.strides[d] for p in own for i in range(a.shape[d])]
            for own, x in zip(places, (a, b, out), strict=True)
        ]
    gemm = blas.gemm[a.dtype.str[1:]]
    with blas:
        CREW.each(
            call,
            [
                (gemm, 101, ta, tb, m, n, k, 1.0, pa, lda, pb, ldb, 0.0, pc, n)
                for pa, pb, pc in zip(*places, strict=True)
            ],
        )
    return out


def _blas() -> _Blas:
    if not _FOUND:
        _FOUND.append(_Blas())
    return _FOUND[0]


linalg.shared_product = product
