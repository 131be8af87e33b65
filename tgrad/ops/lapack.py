"""LAPACK over stacks of matrices: what the linear algebra rows compute with.

numpy's own functions take whole stacks; what numpy lacks (LU, LDL, triangular solvers, reflectors) goes to scipy's LAPACK
one matrix at a time. scipy is imported when first needed. Nothing raises for a singular matrix here: `info` says, per
matrix and in LAPACK's numbering, what went wrong, and who called decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..dtype import from_np
from . import small
from .spec import kind_of


class LinAlgError(RuntimeError):
    """A matrix that an algorithm cannot deal with: singular, not positive-definite, no convergence."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"  # as PyTorch shows it
LinAlgError.__module__ = "torch._C"


# ---- what a matrix must be like


def at_least_2d(a: np.ndarray, name: str, word: str = "A") -> None:
    if a.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {word} must have at least 2 dimensions.")


def square(a: np.ndarray, name: str, word: str = "A") -> None:
    """RuntimeError unless the last two dimensions are equal."""
    at_least_2d(a, name, word)
    m, n = a.shape[-2:]
    if m != n:
        said = f"{name}: " if name else ""
        raise RuntimeError(f"{said}{word} must be batches of square matrices, but they are {m} by {n} matrices")


def floating(a: np.ndarray, name: str, low: bool = True) -> None:
    """RuntimeError for integers and, unless `low` precision is fine, for halves."""
    d = from_np(a.dtype)
    if kind_of(a.dtype) in "bi":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {d.legacy}")
    if not low and a.dtype.itemsize == 2:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {d.legacy}")


def has_kernel(a: np.ndarray, kernel: str) -> None:
    """NotImplementedError for what LAPACK has no routines for: integers and halves."""
    if kind_of(a.dtype) in "bi" or a.dtype.itemsize == 2:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{from_np(a.dtype).legacy}'")


# ---- stacks and their memory


def columns(a: np.ndarray) -> np.ndarray:
    """The same matrices column by column in memory, which is how LAPACK leaves its results."""
    turned = a.swapaxes(-1, -2)
    return a if turned.flags.c_contiguous else np.ascontiguousarray(turned).swapaxes(-1, -2)


def blank_columns(shape: tuple[int, ...], dt: Any) -> np.ndarray:
    return np.empty((*shape[:-2], shape[-1], shape[-2]), dt).swapaxes(-1, -2)


def zero_columns(shape: tuple[int, ...], dt: Any) -> np.ndarray:
    return np.zeros((*shape[:-2], shape[-1], shape[-2]), dt).swapaxes(-1, -2)


def flip(a: np.ndarray) -> np.ndarray:
    """Transposed and conjugated."""
    turned = a.swapaxes(-1, -2)
    return turned.conj() if a.dtype.kind == "c" else turned


def indices(batch: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return np.ndindex(*batch)


def infos(batch: tuple[int, ...]) -> np.ndarray:
    return np.zeros(batch, np.int32)


def routine(name: str, a: np.ndarray) -> Callable[..., Any]:
    """scipy's wrapper of a LAPACK or BLAS routine for the dtype of an array; `name` without the dtype's letter."""
    import scipy.linalg

    letter = {"f": "s", "d": "d", "F": "c", "D": "z"}[a.dtype.char]
    found = getattr(scipy.linalg.lapack, letter + name, None)
    return found if found is not None else getattr(scipy.linalg.blas, letter + name)


def identity(batch: tuple[int, ...], n: int, dt: Any) -> np.ndarray:
    out = np.zeros((*batch, n, n), dt)
    out[..., np.arange(n), np.arange(n)] = 1
    return out


# ---- general matrices


def lu(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P L U of each matrix: both factors in one array, pivots counted from 1, info."""
    if small.pays(A):
        out, pivots, info = small.lu(A)
        return columns(out), pivots, info
    batch, (m, n) = A.shape[:-2], A.shape[-2:]
    out, pivots, info = blank_columns(A.shape, A.dtype), np.empty((*batch, min(m, n)), np.int32), infos(batch)
    if A.size:
        getrf = routine("getrf", A)
        for i in indices(batch):
            out[i], piv, info[i] = getrf(A[i])
            pivots[i] = piv + 1
    return out, pivots, info


def lu_solve(LU: np.ndarray, pivots: np.ndarray, B: np.ndarray, left: bool = True, adjoint: bool = False) -> np.ndarray:
    """X with op(A) X = B, or X op(A) = B, of a factored A; all stacked alike."""
    if not left:  # X op(A) = B is op(A)^T X^T = B^T
        turned = B.swapaxes(-1, -2)
        if adjoint:
            return np.conj(lu_solve(LU, pivots, np.conj(turned))).swapaxes(-1, -2)
        return _getrs(LU, pivots, turned, 1).swapaxes(-1, -2)
    return _getrs(LU, pivots, B, 2 if adjoint else 0)


def _getrs(LU: np.ndarray, pivots: np.ndarray, B: np.ndarray, trans: int) -> np.ndarray:
    out = blank_columns(B.shape, B.dtype)
    if B.size:
        getrs = routine("getrs", LU)
        for i in indices(B.shape[:-2]):
            out[i] = getrs(LU[i], pivots[i] - 1, B[i], trans=trans)[0]
    return out


def solve(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """X with A X = B, and info for each A; their stacks broadcast."""
    try:
        return np.linalg.solve(A, B), infos(A.shape[:-2])
    except np.linalg.LinAlgError:
        LU, pivots, info = lu(A)
        batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
        LU, B = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (LU, B))
        return lu_solve(LU, np.broadcast_to(pivots, LU.shape[:-1]), B), info


def inv(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverses, column by column, and info."""
    try:
        return columns(np.linalg.inv(A.swapaxes(-1, -2)).swapaxes(-1, -2)), infos(A.shape[:-2])
    except np.linalg.LinAlgError:
        LU, pivots, info = lu(A)
        return lu_solve(LU, pivots, identity(A.shape[:-2], A.shape[-1], A.dtype)), info


def solve_triangular(A: np.ndarray, B: np.ndarray, upper: bool, left: bool, unit: bool, trans: int = 0) -> np.ndarray:
    """X with op(A) X = B (X op(A) = B), of which only one triangle is read. trans: 1 transposed, 2 conjugated as well."""
    if small.pays(A) and small.pays(B):
        if trans:
            A, upper = (flip(A) if trans == 2 else A.swapaxes(-1, -2)), not upper
        if left:
            return columns(small.solve_triangular(A, B, upper, unit))
        turned = small.solve_triangular(A.swapaxes(-1, -2), B.swapaxes(-1, -2), not upper, unit)
        return columns(turned.swapaxes(-1, -2))
    out = blank_columns(B.shape, B.dtype)
    if B.size:
        trsm = routine("trsm", A)
        for i in indices(B.shape[:-2]):
            out[i] = trsm(1.0, A[i], B[i], side=not left, lower=not upper, trans_a=trans, diag=unit)
    return out


# ---- positive-definite and symmetric ones


def cholesky(A: np.ndarray, upper: bool) -> tuple[np.ndarray, np.ndarray]:
    """L (or U) with A = L L^H, column by column, and info. (A nan on the diagonal of L counts as a minor that is not positive.)"""
    try:
        out, info = columns(np.linalg.cholesky(A, upper=upper)), infos(A.shape[:-2])
    except np.linalg.LinAlgError:
        out, info, potrf = blank_columns(A.shape, A.dtype), infos(A.shape[:-2]), routine("potrf", A)
        for i in indices(A.shape[:-2]):
            out[i], info[i] = potrf(A[i], lower=not upper, clean=1)
    bad = np.isnan(out.diagonal(0, -2, -1))
    if bad.any():
        info = np.where((info == 0) & bad.any(-1), bad.argmax(-1) + 1, info).astype(np.int32)
    return out, info


def potri(L: np.ndarray, upper: bool) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of L L^H, and info."""
    out, info = zero_columns(L.shape, L.dtype), infos(L.shape[:-2])
    if L.size:
        fn = routine("potri", L)
        for i in indices(L.shape[:-2]):
            half, info[i] = fn(L[i], lower=not upper)
            half = np.triu(half) if upper else np.tril(half)
            out[i] = half + flip(half)
            np.fill_diagonal(out[i], half.diagonal())
    return out, info


def ldl(A: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L D L^T (L D L^H) of each lower triangle, as LAPACK packs it: factors, pivots, info."""
    batch = A.shape[:-2]
    out, pivots, info = zero_columns(A.shape, A.dtype), np.zeros(A.shape[:-1], np.int32), infos(batch)
    if A.size:
        fn = routine("hetrf" if hermitian and A.dtype.kind == "c" else "sytrf", A)
        for i in indices(batch):
            packed, pivots[i], info[i] = fn(A[i], lower=1)
            out[i] = np.tril(packed)
    return out, pivots, info


def ldl_solve(LD: np.ndarray, pivots: np.ndarray, B: np.ndarray, hermitian: bool) -> np.ndarray:
    out = blank_columns(B.shape, B.dtype)
    if B.size:
        fn = routine("hetrs" if hermitian and LD.dtype.kind == "c" else "sytrs", LD)
        for i in indices(B.shape[:-2]):
            out[i] = fn(LD[i], pivots[i], B[i], lower=1)[0]
    return out


# ---- reflectors


def geqrf(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R on and above the diagonal, reflectors below it; and their factors tau."""
    batch, (m, n) = A.shape[:-2], A.shape[-2:]
    out, tau = columns(A.copy()), np.zeros((*batch, min(m, n)), A.dtype)
    if A.size:
        fn = routine("geqrf", A)
        for i in indices(batch):
            out[i], tau[i], *_ = fn(A[i])
    return out, tau


def orgqr(A: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """The first columns of the product of the reflectors that `geqrf` stores below the diagonal."""
    out = zero_columns(A.shape, A.dtype)
    n, k = A.shape[-1], tau.shape[-1]
    if k == 0 or A.size == 0:
        out[..., np.arange(n), np.arange(n)] = 1
        return out
    fn = routine("ungqr" if A.dtype.kind == "c" else "orgqr", A)
    for i in indices(A.shape[:-2]):
        out[i] = fn(A[i], tau[i])[0]
    return out


def ormqr(A: np.ndarray, tau: np.ndarray, C: np.ndarray, left: bool, adjoint: bool) -> np.ndarray:
    """Q C, Q^H C, C Q or C Q^H, for the product Q of all reflectors."""
    out = blank_columns(C.shape, C.dtype)
    if C.size == 0:
        return out
    k = tau.shape[-1]
    if k == 0:
        out[...] = C
        return out
    complex_ = A.dtype.kind == "c"
    fn = routine("unmqr" if complex_ else "ormqr", A)
    side, trans = "L" if left else "R", ("C" if complex_ else "T") if adjoint else "N"
    room = max(1, 64 * C.shape[-1 if left else -2])
    for i in indices(C.shape[:-2]):
        out[i] = fn(side, trans, A[i][:, :k], tau[i], C[i], room)[0]
    return out


# ---- least squares


def lstsq(A: np.ndarray, B: np.ndarray, rcond: float, driver: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (with the rows below it that LAPACK leaves there), ranks and singular values; A and B stacked alike."""
    batch, (m, n), k = A.shape[:-2], A.shape[-2:], B.shape[-1]
    real = np.empty(0, A.dtype).real.dtype
    out = zero_columns((*batch, max(m, n), k), A.dtype)
    ranks, values = np.zeros(batch, np.int64), np.zeros((*batch, min(m, n)), real)
    if A.size == 0 or k == 0:
        return out, ranks, values
    fn, room = routine(driver, A), routine(driver + "_lwork", A)
    for i in indices(batch):
        b = np.zeros((max(m, n), k), A.dtype)
        b[:m] = B[i]
        if driver == "gels":
            work = int(np.real(room(m, n, k)[0]))
            out[i] = fn(A[i], b, lwork=work)[1]
        elif driver == "gelsy":
            work = int(np.real(room(m, n, k, rcond)[0]))
            _, out[i], _, ranks[i], _ = fn(A[i], b, np.zeros((n, 1), np.int32), rcond, work)
        elif driver == "gelss":
            work = int(np.real(room(m, n, k, rcond)[0]))
            _, out[i], values[i], ranks[i], *_ = fn(A[i], b, cond=rcond, lwork=work)
        else:
            given = [int(np.real(size)) for size in room(m, n, k, rcond)[:-1]]
            out[i], values[i], ranks[i], _ = fn(A[i], b, *given, rcond)
    return out, ranks, values
