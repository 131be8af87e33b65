"""Determinants, inverses, linear equations: `torch.linalg` and what came before it."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ... import functions as F
from ...dispatch import no_overload
from ...ops import decompositions, lapack, solving
from ...ops.choice import where
from ...ops.spec import REQUIRED
from ...ops.view import contiguous
from ...shape import broadcast_shapes
from ...tensor import Tensor
from .common import SINGULAR, UNSOLVED, check, deprecated, named, public

# ---- determinants


@public("linalg_det")
def det(A=REQUIRED):
    """The determinant of a square matrix, or of each in a stack [..., n, n] of floats or complex numbers.

    >>> import tgrad as torch
    >>> torch.linalg.det(torch.tensor([[1.0, 2.0], [0.0, 5.0]]))
    tensor(5.)
    """
    return solving.det.record(A)


@public("det", "input", out=None)
def old_det(input=REQUIRED):
    """`torch.linalg.det`."""
    return solving.det.record(input)


@public("linalg_slogdet")
def slogdet(A=REQUIRED):
    """Sign and logarithm of the absolute value of the determinant of each matrix in a stack [..., n, n]."""
    return named("linalg_slogdet", "sign logabsdet", solving.slogdet.record(A))


@public("slogdet", "input", words="sign logabsdet")
def old_slogdet(input=REQUIRED):
    """`torch.linalg.slogdet`."""
    return named("slogdet", "sign logabsdet", solving.slogdet.record(input))


@public("logdet", "input", out=None)
def logdet(input=REQUIRED):
    """The logarithm of the determinant of each matrix in a stack: nan where that of a real matrix is negative."""
    lapack.square(input._a, "logdet")
    lapack.floating(input._a, "logdet", low=False)
    sign, size = solving.slogdet.record(input)
    if input.dtype.is_complex:
        return sign.log() + size
    return where.record(sign == -1.0, float("nan"), size)


# ---- inverses


def _inv(A: Tensor, name: str) -> Tensor:
    r, info = solving.inv_ex.record(A)
    check(info, name, SINGULAR)
    return r


@public("linalg_inv")
def inv(A=REQUIRED):
    """The inverse of each matrix in a stack [..., n, n]; LinAlgError where one is singular.

    >>> import tgrad as torch
    >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return _inv(A, "linalg.inv")


@public("inverse", "input")
def inverse(input=REQUIRED):
    """`torch.linalg.inv`."""
    return _inv(input, "linalg.inv")


@public("linalg_inv_ex", words="inverse info")
def inv_ex(A=REQUIRED, *, check_errors=False):
    """The inverse of each matrix in a stack, and LAPACK's `info` (0, or which pivot is zero) instead of an error."""
    r, info = solving.inv_ex.record(A)
    if check_errors:
        check(info, "linalg.inv_ex", SINGULAR)
    return named("linalg_inv_ex", "inverse info", (r, info))


def tolerance(A: Tensor, atol: Any, rtol: Any, name: str) -> tuple[Any, Any]:
    """atol and rtol as arrays with one more dimension; by default the rounding errors of a matrix of this size."""
    kinds = {isinstance(value, Tensor) for value in (atol, rtol) if value is not None}
    if len(kinds) > 1 or not all(value is None or isinstance(value, (int, float, Tensor)) for value in (atol, rtol)):
        raise no_overload(name.replace("torch.linalg.", "linalg_"), A, rtol=rtol, atol=atol)
    made = []
    for word, value in (("atol", atol), ("rtol", rtol)):
        if isinstance(value, Tensor):
            if value.dtype.is_complex:
                raise RuntimeError(f"{name}: {word} tensor of complex type is not supported. Got {value.dtype.legacy}")
            made.append(value._a.astype(np.float64)[..., None])
        else:
            made.append(value)
    absolute, relative = made
    if relative is None:
        eps = float(np.finfo(A._a.dtype).eps) * max(A.shape[-2:])
        given = absolute is not None and np.asarray(absolute)
        relative = eps if absolute is None else np.where(given > 0, 0.0, eps)
    absolute = 0.0 if absolute is None else absolute
    return np.asarray(absolute, np.float64), np.asarray(relative, np.float64)


def _pinv(A: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    a = A._a
    if a.ndim < 2 or a.dtype.kind in "biu" or a.dtype.itemsize == 2:
        shape = ", ".join(map(str, a.shape))
        raise RuntimeError(f"linalg.pinv({A.dtype.legacy}{{[{shape}]}}): expected a tensor with 2 or more dimensions of float, double, cfloat or "
                           "cdouble types")  # fmt: skip
    absolute, relative = tolerance(A, atol, rtol, "torch.linalg.pinv")
    return decompositions.pinv.record(A, absolute, relative, bool(hermitian))


@public("linalg_pinv", castable="linalg.pinv", overloads="all")
def pinv(A=REQUIRED, rcond=None, hermitian=False, *, atol=None, rtol=None):
    """The pseudo-inverse of each matrix in a stack [..., m, n], by its singular values.

    Singular values up to max(atol, rtol * the largest) count as zero; atol and rtol are numbers or tensors, one for each
    matrix. `hermitian` matrices go by their eigenvalues. `rcond` is an older name of rtol.
    """
    return _pinv(A, atol, rtol if rcond is None else rcond, hermitian)


@public("pinverse", "input", out=None)
def pinverse(input=REQUIRED, rcond=1e-15):
    """The pseudo-inverse of each matrix in a stack; singular values up to rcond times the largest count as zero."""
    return _pinv(input, 0.0, rcond, False)


# ---- equations


@public("linalg_solve", "A B")
def solve(A=REQUIRED, B=REQUIRED, *, left=True):
    """X with A X = B (X A = B unless `left`), for stacks of square A [..., n, n] and of matrices or vectors B.

    LinAlgError where an A is singular. Results lie column by column in memory.
    """
    r, info = solving.solve_ex.record(A, B, left)
    check(info, "torch.linalg.solve", UNSOLVED)
    return r


@public("linalg_solve_ex", "A B", words="result info")
def solve_ex(A=REQUIRED, B=REQUIRED, *, left=True, check_errors=False):
    """`solve`, with LAPACK's `info` (0, or which pivot is zero) instead of an error."""
    r, info = solving.solve_ex.record(A, B, left)
    if check_errors:
        check(info, "torch.linalg.solve_ex", UNSOLVED)
    return named("linalg_solve_ex", "result info", (r, info))


@public("linalg_solve_triangular", "input B", out="expected scalar type {Want} but found {Got}")
def solve_triangular(input=REQUIRED, B=REQUIRED, *, upper=REQUIRED, left=True, unitriangular=False):
    """X with A X = B (X A = B unless `left`) for triangular A, whose other half is not read; with `unitriangular` neither is
    its diagonal, which counts as ones. A zero on the diagonal gives infinities."""
    return solving.solve_triangular.record(
        input, B, upper=bool(upper), left=bool(left), unitriangular=bool(unitriangular)
    )


@public("triangular_solve", "input A", words="solution cloned_coefficient")
def triangular_solve(input=REQUIRED, A=REQUIRED, upper=True, transpose=False, unitriangular=False):
    """X with A X = input for triangular A (its transpose, if asked), and a copy of A."""
    r = solving.triangular_solve.record(input, A, upper, transpose, unitriangular)
    deprecated("triangular_solve", "torch.linalg.solve_triangular")
    return named("triangular_solve", "solution cloned_coefficient", r)


@public("cholesky_solve", "input input2", castable="cholesky_solve")
def cholesky_solve(input=REQUIRED, input2=REQUIRED, upper=False):
    """X with A X = B, given the Cholesky factor L of A (the upper one with `upper`)."""
    return solving.cholesky_solve.record(input, input2, bool(upper))


@public("cholesky_inverse", "input", castable="cholesky_inverse")
def cholesky_inverse(input=REQUIRED, upper=False):
    """The inverse of A, given its Cholesky factor L (the upper one with `upper`)."""
    r, info = solving.cholesky_inverse.record(input, bool(upper))
    check(info, "cholesky_inverse", SINGULAR)
    return r


@public("linalg_lu_solve", "LU pivots B")
def lu_solve(LU=REQUIRED, pivots=REQUIRED, B=REQUIRED, *, left=True, adjoint=False):
    """X with A X = B (X A = B unless `left`), given `lu_factor(A)`; with `adjoint`, A^H stands for A."""
    return solving.lu_solve.record(LU, pivots, B, left=bool(left), adjoint=bool(adjoint))


@public("lu_solve", "input LU_data LU_pivots")
def old_lu_solve(input=REQUIRED, LU_data=REQUIRED, LU_pivots=REQUIRED):
    """`torch.linalg.lu_solve` with its arguments the other way round."""
    deprecated("lu_solve", "torch.linalg.lu_solve")
    return solving.lu_solve.record(LU_data, LU_pivots, input)


@public("linalg_ldl_solve", "LD pivots B")
def ldl_solve(LD=REQUIRED, pivots=REQUIRED, B=REQUIRED, *, hermitian=False):
    """X with A X = B, given `ldl_factor(A)`."""
    return solving.ldl_solve.record(LD, pivots, B, hermitian=bool(hermitian))


@public("linalg_lstsq", "input b", castable="torch.linalg.lstsq")
def lstsq(input=REQUIRED, b=REQUIRED, rcond=None, *, driver=None):
    """X that makes |input X - b| smallest, for stacks [..., m, n] and [..., m, k] (or of vectors [..., m]).

    `driver` is LAPACK's: gelsy (the default), gels (full rank), gelsd or gelss. Comes with the squared residuals (where
    m > n and the rank is full), the rank and the singular values, empty where the driver has none.
    """
    A, B, name = input, b, "torch.linalg.lstsq"
    if A._a.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B._a.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if not 0 <= A._a.ndim - B._a.ndim <= 1:
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    vector = solving.is_vector(A, tuple(B.shape))
    if A.shape[-2] != (B.shape[-1] if vector else B.shape[-2]):
        raise RuntimeError(f"{name}: input.size(-2) should match other.size({-1 if vector else -2})")
    if A.dtype is not B.dtype:
        raise RuntimeError(f"{name}: Expected input and other to have the same dtype, but got input's dtype {A.dtype.legacy} and other's dtype "
                           f"{B.dtype.legacy}")  # fmt: skip
    if driver is not None and driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    if A._a.dtype.kind in "biu" or A._a.dtype.itemsize == 2:
        raise RuntimeError("This function doesn't handle types other than float and double")
    own = float(np.finfo(A._a.dtype).eps) * max(A.shape[-2:])
    batch = tuple(A.shape[:-2]) if vector else broadcast_shapes(tuple(A.shape[:-2]), tuple(B.shape[:-2]))
    x, residuals, rank, values = decompositions.lstsq.record(
        _spread(A, batch),
        B if vector else _spread(B, batch),
        own if rcond is None else float(rcond),
        driver or "gelsy",
        vector,
    )
    own_batch = tuple(A.shape[:-2])
    if own_batch != batch:  # what depends on the matrices only comes once for each of them
        rank, values = (t if not t._a.size else _gathered(t, own_batch, len(batch)) for t in (rank, values))
    return named("linalg_lstsq", "solution residuals rank singular_values", (x, residuals, rank, values))


def _gathered(t: Tensor, batch: tuple[int, ...], spread: int) -> Tensor:
    """Results for `spread` dimensions of stacks, of which the stacks of `batch` alone are wanted."""
    for _ in range(spread - len(batch)):
        t = t[0]
    for d, n in enumerate(batch):
        if n == 1:
            t = t.narrow(d, 0, 1)  # type: ignore[attr-defined]
    return t


def _spread(A: Tensor, batch: tuple[int, ...]) -> Tensor:
    return A if tuple(A.shape[:-2]) == batch else A.expand((*batch, *A.shape[-2:]))  # type: ignore[attr-defined]


# ---- of tensors seen as matrices


@public("linalg_tensorinv", "input", castable="tensorinv")
def tensorinv(input=REQUIRED, ind=2):
    """The inverse of A seen as a matrix, its first `ind` dimensions making up the rows."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind', but got " + str(ind))
    if ind > input.ndim:
        raise RuntimeError(f"ArrayRef: invalid slice, N = {ind}; size = {input.ndim}")
    rows, cols = tuple(input.shape[:ind]), tuple(input.shape[ind:])
    if prod(rows) != prod(cols):
        raise RuntimeError("Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
                           f"{prod(cols)} != {prod(rows)}")  # fmt: skip
    return _inv(input.reshape((prod(cols), prod(rows))), "linalg.inv").reshape((*cols, *rows))


@public("linalg_tensorsolve", "input other", castable="tensorsolve")
def tensorsolve(input=REQUIRED, other=REQUIRED, dims=None):
    """X with tensordot(A, X) = B, A seen as a matrix whose rows are the dimensions of B; `dims` of A are moved to the end."""
    moved = input
    if dims is not None:
        given = (dims,) if isinstance(dims, int) else tuple(dims)
        moved = input.movedim(given, tuple(range(input.ndim - len(given), input.ndim)))
    shape = tuple(moved.shape[other.ndim :])
    if prod(shape) != other.numel():
        raise RuntimeError("Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
                           f"{prod(shape)} != {other.numel()}")  # fmt: skip
    n = other.numel()
    return solve(moved.reshape((n, n)), other.flatten()).reshape(shape)


# ---- powers


@public("linalg_matrix_power", "input", castable="matrix_power", exact=True)
def matrix_power(input=REQUIRED, n=REQUIRED):
    """Each matrix of a stack [..., n, n] multiplied n times by itself; the inverse for negative n.

    >>> import tgrad as torch
    >>> torch.linalg.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    if not hasattr(n, "__index__") or isinstance(n, bool):
        raise TypeError(f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    return _power(input, int(n))


@public("matrix_power", "input", castable="matrix_power", exact=True)
def old_matrix_power(input=REQUIRED, n=REQUIRED):
    """`torch.linalg.matrix_power`."""
    if not hasattr(n, "__index__") or isinstance(n, bool):
        raise TypeError(f"matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    return _power(input, int(n))


def _power(A: Tensor, n: int) -> Tensor:
    lapack.square(A._a, "linalg.matrix_power")
    if n == 0:
        return contiguous.record(A).copy_(F.eye(A.shape[-1], dtype=A.dtype))  # type: ignore[attr-defined]
    if n == 1:
        return contiguous.record(A)
    if n < 0:
        A, n = _inv(A, "linalg.inv"), -n
    if n == 1:
        return A
    if n == 3:
        return F.matmul(F.matmul(A, A), A)
    square, r = None, None
    while n:
        square = A if square is None else F.matmul(square, square)
        if n & 1:
            r = square if r is None else F.matmul(r, square)
        n >>= 1
    return r  # type: ignore[return-value]


@public("linalg_matrix_exp", "input", out=None)
def matrix_exp(input=REQUIRED):
    """The exponential series of each matrix in a stack [..., n, n]."""
    return decompositions.matrix_exp.record(input)


@public("matrix_exp", "input", out=None)
def old_matrix_exp(input=REQUIRED):
    """`torch.linalg.matrix_exp`."""
    return decompositions.matrix_exp.record(input)
