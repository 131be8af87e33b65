"""Stacks of small matrices: each step of an algorithm for all of them at once, where calling LAPACK for one after the other
would take longer than the arithmetic."""

from __future__ import annotations

import math

import numpy as np


def pays(a: np.ndarray, largest: int = 8, fewest: int = 64) -> bool:
    """Whether a stack of matrices is better dealt with here: beyond these bounds the calls of LAPACK take no longer."""
    return a.ndim > 2 and max(a.shape[-2:]) <= largest and math.prod(a.shape[:-2]) >= fewest


def size_of(a: np.ndarray) -> np.ndarray:
    """What LAPACK compares when it looks for a pivot."""
    return np.abs(a.real) + np.abs(a.imag) if a.dtype.kind == "c" else np.abs(a)


def lu(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P L U by elimination with partial pivoting, packed as LAPACK does: factors, pivots counted from 1, info."""
    batch, (m, n) = A.shape[:-2], A.shape[-2:]
    a = np.array(A, order="C").reshape(-1, m, n)
    count, k = a.shape[0], min(m, n)
    every, pivots, info = np.arange(count), np.empty((count, k), np.int32), np.zeros(count, np.int32)
    for j in range(k):
        at = j + size_of(a[:, j:, j]).argmax(1)
        pivots[:, j] = at + 1
        chosen = a[every, at]
        a[every, at] = a[:, j]
        a[:, j] = chosen
        pivot = chosen[:, j]
        zero = pivot == 0
        if zero.any():
            info[zero & (info == 0)] = j + 1
            pivot = np.where(zero, 1, pivot)  # what stands below a zero pivot is zero
        a[:, j + 1 :, j] /= pivot[:, None]
        a[:, j + 1 :, j + 1 :] -= a[:, j + 1 :, j, None] * a[:, j, None, j + 1 :]
    return a.reshape(A.shape), pivots.reshape(*batch, k), info.reshape(batch)


def solve_triangular(A: np.ndarray, B: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    """X with A X = B by substitution, row by row; A and B stacked alike."""
    x, n = np.array(B, order="C"), A.shape[-1]
    for i in range(n - 1, -1, -1) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        if known.start < known.stop:
            x[..., i, :] -= (A[..., i, known, None] * x[..., known, :]).sum(-2)
        if not unit:
            x[..., i, :] /= A[..., i, i, None]
    return x


# ---- the exponential

# Of the numerator of the diagonal Pade approximant of degree 13.
PADE = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800,
        33522128640, 1323241920, 40840800, 960960, 16380, 182, 1)  # fmt: skip
REACH = 5.371920351148152  # the 1-norm up to which it is exact to double precision


def exponential(A: np.ndarray) -> np.ndarray:
    """exp(A) by scaling, the approximant of degree 13, and squaring (Higham, "The scaling and squaring method for the matrix
    exponential revisited", 2005), in double precision."""
    wide = np.complex128 if A.dtype.kind == "c" else np.float64
    a = A.astype(wide)
    norm = np.abs(a).sum(-2).max(-1)
    halvings = np.ceil(np.log2(np.maximum(norm / REACH, 1))).astype(int)
    a /= np.exp2(halvings)[..., None, None]
    b, one = PADE, np.eye(A.shape[-1])
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    r = np.linalg.solve(even - odd, even + odd)
    for step in range(int(halvings.max(initial=0))):
        more = halvings > step
        r[more] = r[more] @ r[more]
    return r.astype(A.dtype, copy=False)
