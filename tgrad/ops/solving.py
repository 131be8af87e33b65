"""Determinants, inverses, solutions of linear equations, with their derivatives.

The formulas are those of Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), with conjugates where PyTorch's convention for complex gradients asks for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import from_np
from ..shape import broadcast_shapes
from . import lapack
from .choice import where
from .linalg import mT
from .rearrange import diag_embed, tril, triu
from .scan import cumprod
from .spec import TensorBase, conj, in_rows, op, sizes, underivable
from .view import cat, diagonal, expand, flip, sum_to, unsqueeze

HIDDEN: dict[str, Any] = dict(function=False, method=False)


# ---- what formulas are made of: over arrays and over Tensors


def constant(values: np.ndarray, like: Any) -> Any:
    """A constant as an array or Tensor of the dtype of another."""
    return like.new_tensor(values) if isinstance(like, TensorBase) else values.astype(like.dtype)  # type: ignore[attr-defined]


def diag(x: Any) -> Any:
    return diagonal(x, 0, -2, -1)


def swap(x: Any) -> Any:
    """The last two dimensions swapped, without conjugation."""
    return x.swapaxes(-1, -2)


def solve(A: Any, B: Any) -> Any:
    """X with A X = B, over stacks alike."""
    return solve_ex(A, B, True, False)[0]


def real(x: Any, like: Any) -> Any:
    """The real part of a gradient where the input is real."""
    return x if kind(like) == "c" or kind(x) != "c" else x.real


def numbers(x: Any) -> np.ndarray:
    """The bare array, for questions that are no part of a formula; the whole batch, of a Tensor that stands for one."""
    while hasattr(x, "parts"):
        x = x.parts()[0]
    return x._a if isinstance(x, TensorBase) else np.asarray(x)  # type: ignore[attr-defined]


def kind(x: Any) -> str:
    return x._a.dtype.kind if isinstance(x, TensorBase) else x.dtype.kind  # type: ignore[attr-defined]


def scaled_identity(factor: Any, n: int) -> Any:
    """factor times the identity, one for each number."""
    if not isinstance(factor, TensorBase):
        factor = np.asarray(factor)  # numbers, where 0-d arrays were multiplied
    return diag_embed(expand(unsqueeze(factor, -1), (*factor.shape, n)))


# ---- determinants


@op("_linalg_det", grad=dict(A=lambda grad, A, result: _det_grad(grad, A, result)), node="LinalgDetBackward0", **HIDDEN)
def det(A):
    lapack.square(A, "linalg.det")
    lapack.floating(A, "linalg.det")
    lapack.has_kernel(A, "lu_cpu")
    return in_rows(np.asarray(np.linalg.det(A), A.dtype))


def _det_grad(grad: Any, A: Any, result: Any) -> Any:
    """conj(det) A^-H; of singular matrices the adjugate, from the singular value decomposition."""
    n = A.shape[-1]
    singular = result == 0
    if not numbers(singular).any():
        return solve(mT(A), scaled_identity(grad * conj(result), n))
    here = unsqueeze(unsqueeze(singular, -1), -1)
    regular = where(here, constant(np.eye(n), A), A)
    plain = solve(mT(regular), scaled_identity(grad * conj(result), n))
    return where(here, _adjugate(grad, where(here, A, constant(np.diag(np.arange(n, 0, -1)), A))), plain)


def _adjugate(grad: Any, A: Any) -> Any:
    """grad times the derivative of det(U) prod(S) det(Vh) by A, which needs no inverse."""
    from .decompositions import svd

    U, S, Vh = svd(A, False)
    factor = unsqueeze(conj(det(U) * det(Vh)) * grad, -1) * _product_of_others(S)
    return (U * unsqueeze(factor, -2)) @ Vh


def _product_of_others(S: Any) -> Any:
    """For each element, the product of all others in its row."""
    n = S.shape[-1]
    ones, back = S[..., :1] * 0 + 1, flip(S, (-1,))
    before = cat([ones, cumprod(S[..., : n - 1], -1)], -1)
    return before * flip(cat([ones, cumprod(back[..., : n - 1], -1)], -1), (-1,))


@op("_linalg_slogdet", grad=dict(A=lambda grads, A, result0: _slogdet_grad(grads, A, result0)), node="LinalgSlogdetBackward0",
    outputs="sign logabsdet", materialize=False, **HIDDEN)  # fmt: skip
def slogdet(A):
    lapack.square(A, "linalg.slogdet")
    lapack.floating(A, "linalg.slogdet", low=False)
    sign, logabs = np.linalg.slogdet(A)
    return in_rows(np.asarray(sign, A.dtype)), in_rows(logabs)


def _slogdet_grad(grads: Any, A: Any, sign: Any) -> Any:
    """A^-H times the gradient of the logarithm; that of the sign, a phase, stands in the imaginary part."""
    by_sign, by_log = grads
    if kind(A) != "c":
        if by_log is None:
            return None
        return solve(mT(A), scaled_identity(by_log, A.shape[-1]))
    factor: Any = 0
    if by_log is not None:
        factor = by_log + 0j
    if by_sign is not None:
        factor = factor - 1j * (conj(by_sign) * sign).imag
    return solve(mT(A), scaled_identity(factor, A.shape[-1]))


# ---- inverses and solutions


def _inv_grad(grad: Any, inverse: Any) -> Any:
    turned = mT(inverse)
    return -(turned @ (grad @ turned))


@op(
    "linalg_inv_ex",
    grad=dict(A=lambda grad, result0: _inv_grad(grad, result0)),
    tensors="A",
    outputs="inverse info",
    undiff="info",
    **HIDDEN,
)
def inv_ex(A, *, check_errors=False):
    lapack.square(A, "linalg.inv")
    lapack.floating(A, "linalg.inv", low=False)
    return lapack.inv(A)


def is_vector(A: Any, shape: Any) -> bool:
    """Whether B is a vector, or a stack of vectors: NumPy's rule, which looks at the shapes of both."""
    return len(shape) == 1 or (A.ndim - 1 == len(shape) and tuple(shape) == tuple(A.shape[:-1]))


def stacked(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both with the same leading dimensions."""
    batch = broadcast_shapes(B.shape[:-2], A.shape[:-2])
    return np.broadcast_to(A, (*batch, *A.shape[-2:])), np.broadcast_to(B, (*batch, *B.shape[-2:]))


def fits(A: np.ndarray, B: np.ndarray, left: bool, name: str) -> None:
    """RuntimeError unless the matrices can stand in one equation."""
    if left and A.shape[-2] != B.shape[-2]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation AX = B ({A.shape[-2]}x{A.shape[-1]} and "
            f"{B.shape[-2]}x{B.shape[-1]})"
        )
    if not left and A.shape[-1] != B.shape[-1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation XA = B ({A.shape[-2]}x{A.shape[-1]} and "
            f"{B.shape[-2]}x{B.shape[-1]})"
        )


def same_kinds(A: np.ndarray, B: np.ndarray, name: str, first: str = "A", second: str = "B") -> None:
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"{name}: Expected {first} and {second} to have the same dtype, but found {first} of type "
            f"{from_np(A.dtype).legacy} and {second} of type {from_np(B.dtype).legacy} instead"
        )


def _solve_grad(grad: Any, A: Any, shape: Any, X: Any, left: bool, needs: Any) -> Any:
    """A^-H grad for B, of that shape; for A, minus the product of that with X^H."""
    vector = is_vector(A, shape)
    if vector:
        grad, X = unsqueeze(grad, -1), unsqueeze(X, -1)
    back = mT(A)
    gB = solve_ex(back, grad, left, False)[0]
    gA = None
    if needs[0]:
        gA = sum_to(-(gB @ mT(X)) if left else -(mT(X) @ gB), tuple(A.shape))
    if not needs[1]:
        return gA, None
    return gA, sum_to(gB[..., 0] if vector else gB, shape)


@op("_linalg_solve_ex", grad={"A B": lambda grad, A, B_sizes, result0, left, needs: _solve_grad(grad, A, B_sizes, result0, left, needs)},
    tensors="A B", node="LinalgSolveExBackward0", outputs="result info", undiff="info", **HIDDEN)  # fmt: skip
def solve_ex(A, B, left=True, check_errors=False):
    lapack.floating(A, "linalg.solve")
    same_kinds(A, B, "linalg.solve")
    lapack.square(A, "linalg.solve")
    lapack.has_kernel(A, "lu_cpu")
    vector = is_vector(A, B.shape)
    rhs = B[..., None] if vector else B
    if rhs.ndim < 2:
        raise RuntimeError("linalg.solve: The input tensor B must have at least 2 dimensions.")
    fits(A, rhs, left, "linalg.solve")
    if vector and not left:
        raise RuntimeError("linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
                           "linalg.solve is equivalent to B / A.squeeze(-1)")  # fmt: skip
    broadcast_shapes(rhs.shape[:-2], A.shape[:-2])
    if left:
        X, info = lapack.solve(A, rhs)
        X = lapack.columns(X)
    else:
        X, info = lapack.solve(A.swapaxes(-1, -2), rhs.swapaxes(-1, -2))
        X = np.ascontiguousarray(X.swapaxes(-1, -2))
    if vector:  # stacked vectors are laid out like the columns of a matrix
        X = X[..., 0]
        X = lapack.columns(X) if X.ndim > 1 else X
    return X, info


def _triangular_grad(grad: Any, A: Any, B: Any, X: Any, upper: bool, left: bool, unit: bool, needs: Any) -> Any:
    gB = solve_triangular(mT(A), grad, upper=not upper, left=left, unitriangular=unit)
    gA = None
    if needs[0]:
        full = -(gB @ mT(X)) if left else -(mT(X) @ gB)
        half = triu(full, int(unit)) if upper else tril(full, -int(unit))
        gA = sum_to(half, tuple(A.shape))
    return gA, sum_to(gB, tuple(B.shape)) if needs[1] else None


@op("linalg_solve_triangular", grad={"A B": lambda grad, A, B, result, upper, left, unitriangular, needs: _triangular_grad(
    grad, A, B, result, upper, left, unitriangular, needs)}, tensors="A B", **HIDDEN)  # fmt: skip
def solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    same_kinds(A, B, "linalg.solve_triangular")
    lapack.square(A, "linalg.solve_triangular")
    lapack.at_least_2d(B, "linalg.solve_triangular", "B")
    fits(A, B, left, "linalg.solve_triangular")
    lapack.has_kernel(A, "triangular_solve_cpu")
    a, b = stacked(A, B)
    return lapack.solve_triangular(a, b, upper, left, unitriangular)


def _old_triangular_grad(
    grads: Any, b: Any, A: Any, X: Any, upper: bool, transpose: bool, unit: bool, needs: Any
) -> Any:
    grad, by_copy = grads
    gA = gB = None
    if grad is not None:
        back = conj(A) if transpose else mT(A)
        gB = solve_triangular(back, grad, upper=upper == transpose, left=True, unitriangular=unit)
        if needs[1]:
            full = -(conj(X) @ swap(gB)) if transpose else -(gB @ mT(X))
            gA = sum_to(triu(full, int(unit)) if upper else tril(full, -int(unit)), tuple(A.shape))
        gB = sum_to(gB, tuple(b.shape)) if needs[0] else None
    if by_copy is not None and needs[1]:
        own = sum_to(by_copy, tuple(A.shape))
        gA = own if gA is None else gA + own
    return gB, gA


@op("triangular_solve", grad={"self A": lambda grads, self, A, result0, upper, transpose, unitriangular, needs: _old_triangular_grad(
    grads, self, A, result0, upper, transpose, unitriangular, needs)}, tensors="self A", outputs="solution cloned_coefficient",
    materialize=False, **HIDDEN)  # fmt: skip
def triangular_solve(self, A, upper=True, transpose=False, unitriangular=False):
    for word, x in (("b", self), ("A", A)):
        if x.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {word} to have at least 2 dimensions, but it has {x.ndim} dimensions instead"
            )
    check_system(self, A, "triangular_solve")
    lapack.has_kernel(A, "triangular_solve_cpu")
    a, b = stacked(A, self)
    copy = lapack.blank_columns(a.shape, a.dtype)
    copy[...] = a
    return lapack.solve_triangular(a, b, upper, True, unitriangular, int(transpose)), copy


def check_system(B: np.ndarray, A: np.ndarray, name: str) -> None:
    """RuntimeError unless B and A are of one dtype and go together: what the older functions ask."""
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {from_np(B.dtype).legacy} and A of type "
            f"{from_np(A.dtype).legacy} instead."
        )
    lapack.square(A, "")
    if A.shape[-2] != B.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {A.shape[-1]} by {A.shape[-1]} but each b matrix is "
            f"{B.shape[-2]} by {B.shape[-1]}"
        )


# ---- with a Cholesky factor


def _cholesky_solve_grad(grad: Any, X: Any, B: Any, L: Any, upper: bool, needs: Any) -> Any:
    gB = cholesky_solve(grad, L, upper)
    gL = None
    if needs[1]:
        both = gB @ mT(X)
        both = both + mT(both)
        gL = sum_to(-(L @ both) if upper else -(both @ L), tuple(L.shape))
    return sum_to(gB, tuple(B.shape)) if needs[0] else None, gL


@op("cholesky_solve", grad={"self input2": lambda grad, result, self, input2, upper, needs: _cholesky_solve_grad(
    grad, result, self, input2, upper, needs)}, tensors="self input2", **HIDDEN)  # fmt: skip
def cholesky_solve(self, input2, upper=False):
    for word, x in (("b", self), ("u", input2)):
        if x.ndim < 2:
            raise RuntimeError(f"{word} should have at least 2 dimensions, but has {x.ndim} dimensions instead")
    check_system(self, input2, "cholesky_solve")
    lapack.has_kernel(self, "cholesky_solve_cpu")
    L, B = stacked(input2, self)
    first = lapack.solve_triangular(L, B, upper, True, False, 2 if upper else 0)
    return lapack.solve_triangular(L, first, upper, True, False, 0 if upper else 2)


def _cholesky_inverse_grad(grad: Any, L: Any, upper: bool, X: Any) -> Any:
    both = X @ ((grad + mT(grad)) @ X)
    return -(L @ both) if upper else -(both @ L)


@op("cholesky_inverse.row", grad=dict(self=lambda grad, self, upper, result0: _cholesky_inverse_grad(grad, self, upper, result0)),
    tensors="self", node="CholeskyInverseBackward0", outputs="inverse info", undiff="info", **HIDDEN)  # fmt: skip
def cholesky_inverse(self, upper=False):
    lapack.square(self, "cholesky_inverse")
    lapack.has_kernel(self, "cholesky_inverse_out_cpu")
    return lapack.potri(self, upper)


# ---- with an LU factorisation


def _lu_solve_grad(grad: Any, LU: Any, pivots: Any, B: Any, X: Any, left: bool, adjoint: bool, needs: Any) -> Any:
    """The gradient of A = P L U as in `_solve_grad`, sent on to L and U."""
    R = lu_solve(LU, pivots, grad, left=left, adjoint=not adjoint)
    gLU = None
    if needs[0]:
        P, L, U = lu_unpack(LU, pivots)
        if left:
            gA = -(X @ mT(R)) if adjoint else -(R @ mT(X))
        else:
            gA = -(mT(R) @ X) if adjoint else -(mT(X) @ R)
        inner = swap(P) @ gA
        gLU = sum_to(tril(inner @ mT(U), -1) + triu(mT(L) @ inner, 0), tuple(LU.shape))
    return gLU, sum_to(R, tuple(B.shape)) if needs[1] else None


@op("linalg_lu_solve", grad={"LU B": lambda grad, LU, pivots, B, result, left, adjoint, needs: _lu_solve_grad(
    grad, LU, pivots, B, result, left, adjoint, needs)}, tensors="LU pivots B", **HIDDEN)  # fmt: skip
def lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    lapack.floating(LU, "torch.linalg.lu_solve")
    if LU.dtype != B.dtype:
        raise RuntimeError(f"linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type {from_np(LU.dtype).legacy} and B "
                           f"of type {from_np(B.dtype).legacy} instead")  # fmt: skip
    if pivots.dtype != np.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    lapack.square(LU, "torch.linalg.lu_solve")
    lapack.at_least_2d(B, "linalg.lu_solve", "B")
    fits(LU, B, left, "linalg.lu_solve")
    if LU.shape[-1] != pivots.shape[-1]:
        raise RuntimeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix")
    if LU.shape[:-1] != pivots.shape:
        raise RuntimeError(f"linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
                           f"{sizes(pivots.shape)} instead")  # fmt: skip
    lapack.has_kernel(LU, "linalg.lu_solve_cpu")
    a, b = stacked(LU, B)
    return lapack.lu_solve(a, np.broadcast_to(pivots, a.shape[:-1]), b, left, adjoint)


def unpack(LU: np.ndarray, pivots: np.ndarray, data: bool, pivot: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P, L and U row by row; empty ones where not asked for."""
    m, n = LU.shape[-2:]
    k = min(m, n)
    empty = np.empty(0, LU.dtype)
    L = U = P = empty
    if data:
        L, U = np.ascontiguousarray(np.tril(LU[..., :k], -1)), np.ascontiguousarray(np.triu(LU[..., :k, :]))
        L[..., np.arange(k), np.arange(k)] = 1
    if pivot:
        order = np.broadcast_to(np.arange(m), (*LU.shape[:-2], m)).copy()
        for step in range(pivots.shape[-1]):  # the swaps of each step, in all matrices at once
            other = pivots[..., step, None].astype(np.int64) - 1
            mine, theirs = order[..., step].copy(), np.take_along_axis(order, other, -1)
            order[..., step] = theirs[..., 0]
            np.put_along_axis(order, other, mine[..., None], -1)
        P = np.zeros((*LU.shape[:-2], m, m), LU.dtype)
        np.put_along_axis(P, order[..., None, :], 1, -2)
    return P, L, U


def _unpack_grad(grads: Any, shape: Any) -> Any:
    """Both triangles side by side in one matrix."""
    gL, gU = grads
    m, n = shape[-2:]
    k = min(m, n)
    parts = []
    if gU is not None:
        parts.append(_padded(triu(gU, 0), m - k, 0))
    if gL is not None:
        parts.append(_padded(tril(gL, -1), 0, n - k))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _padded(x: Any, rows: int, cols: int) -> Any:
    """Zeros below and to the right."""
    if rows:
        x = cat([x, zeros_like((*x.shape[:-2], rows, x.shape[-1]), x)], -2)
    if cols:
        x = cat([x, zeros_like((*x.shape[:-1], cols), x)], -1)
    return x


def zeros_like(shape: tuple[int, ...], like: Any) -> Any:
    return like.new_zeros(shape) if isinstance(like, TensorBase) else np.zeros(shape, like.dtype)  # type: ignore[attr-defined]


@op("lu_unpack.row", grad=dict(LU_data=lambda grads, LU_data_sizes: _unpack_grad(grads, LU_data_sizes)), tensors="LU_data LU_pivots",
    node="LuUnpackBackward0", outputs="P L U", undiff="P", materialize=False, **HIDDEN)  # fmt: skip
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True):
    if unpack_pivots and LU_pivots.dtype != np.int32:
        raise RuntimeError("torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
                           "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor")  # fmt: skip
    return unpack(LU_data, LU_pivots, unpack_data, unpack_pivots)


def factor_grad(P: Any, L: Any, U: Any, gL: Any, gU: Any, shape: Any) -> Any:
    """The gradient of A = P L U, by that of L and U (either None).

    In the square case, P L^-H (tril(L^H gL, -1) + triu(gU U^H)) U^-H. The rows below (columns right of) the square part
    are products with the inverse of one factor, and are dealt with first.
    """
    m, n = shape[-2:]
    k = min(m, n)
    zero = zeros_like((*L.shape[:-2], 1, 1), L)
    outside: Any = None
    L1, U1 = L[..., :k, :], U[..., :, :k]
    if m > n:  # A2 = L2 U
        top, gL2 = (None, None) if gL is None else (gL[..., :k, :], gL[..., k:, :])
        if gL2 is not None:
            outside = solve_triangular(mT(U1), gL2, upper=False, left=False)
            extra = mT(L[..., k:, :]) @ outside
            gU = -extra if gU is None else gU - extra
        gL = top
    elif n > m:  # A2 = L U2
        first, gU2 = (None, None) if gU is None else (gU[..., :k], gU[..., k:])
        if gU2 is not None:
            outside = solve_triangular(mT(L1), gU2, upper=True, unitriangular=True)
            extra = outside @ mT(U[..., k:])
            gL = -extra if gL is None else gL - extra
        gU = first
    inner = zero if gL is None else tril(mT(L1) @ gL, -1)
    if gU is not None:
        inner = inner + triu(gU @ mT(U1), 0)
    if tuple(inner.shape[-2:]) != (k, k):
        inner = expand(inner, (*L.shape[:-2], k, k))
    own = solve_triangular(mT(U1), inner, upper=False, left=False)
    own = solve_triangular(mT(L1), own, upper=True, unitriangular=True)
    if m > n:
        own = cat([own, zeros_like((*own.shape[:-2], m - k, n), own) if outside is None else outside], -2)
    elif n > m:
        own = cat([own, zeros_like((*own.shape[:-1], n - k), own) if outside is None else outside], -1)
    return P @ own


def check_lu(A: np.ndarray, pivot: bool, name: str) -> None:
    if A.ndim < 2:
        raise RuntimeError(f"{name}: Expected tensor with 2 or more dimensions. Got size: {sizes(A.shape)} instead")
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    lapack.has_kernel(A, "lu_cpu")


def _lu_factor_grad(grad: Any, LU: Any, pivots: Any, shape: Any) -> Any:
    k = min(shape[-2:])
    P, L, U = lu_unpack(LU, pivots)
    return factor_grad(P, L, U, tril(grad[..., :k], -1), triu(grad[..., :k, :], 0), shape)


@op("linalg_lu_factor_ex", grad=dict(A=lambda grad, result0, result1, A_sizes: _lu_factor_grad(grad, result0, result1, A_sizes)),
    tensors="A", outputs="LU pivots info", undiff="pivots info", **HIDDEN)  # fmt: skip
def lu_factor_ex(A, *, pivot=True, check_errors=False):
    check_lu(A, pivot, "torch.lu_factor")
    return lapack.lu(A)


def _lu_grad(grads: Any, P: Any, L: Any, U: Any, shape: Any) -> Any:
    return factor_grad(P, L, U, grads[0], grads[1], shape)


@op("linalg_lu", grad=dict(A=lambda grads, result0, result1, result2, A_sizes: _lu_grad(grads, result0, result1, result2, A_sizes)),
    tensors="A", outputs="P L U", undiff="P", materialize=False, **HIDDEN)  # fmt: skip
def lu(A, *, pivot=True):
    check_lu(A, pivot, "linalg.lu")
    LU, pivots, _ = lapack.lu(A)
    return unpack(LU, pivots, True, True)


# ---- with an LDL factorisation: PyTorch has no derivatives


def _nothing(name: str) -> Any:
    refuse = underivable(name)
    return lambda grad: refuse(grad)


@op("linalg_ldl_factor_ex", grad=dict(self=_nothing("linalg_ldl_factor_ex")), tensors="self", node="torch::autograd::NotImplemented",
    outputs="LD pivots info", undiff="pivots info", **HIDDEN)  # fmt: skip
def ldl_factor_ex(self, *, hermitian=False, check_errors=False):
    lapack.square(self, "torch.linalg.ldl_factor_ex")
    lapack.floating(self, "torch.linalg.ldl_factor_ex")
    lapack.has_kernel(self, "ldl_factor_kernel_cpu")
    return lapack.ldl(self, hermitian)


@op("linalg_ldl_solve", grad={"LD B": lambda grad: (_nothing("linalg_ldl_solve")(grad), None)}, tensors="LD pivots B",
    node="torch::autograd::NotImplemented", **HIDDEN)  # fmt: skip
def ldl_solve(LD, pivots, B, *, hermitian=False):
    name = "torch.linalg.ldl_solve"
    lapack.square(LD, name)
    lapack.floating(LD, name)
    lapack.at_least_2d(B, name, "B")
    if LD.shape[-2] != B.shape[-2]:
        raise RuntimeError(f"{name}: Incompatible matrix sizes for {name}: each A matrix is {LD.shape[-1]} by {LD.shape[-1]} but each b "
                           f"matrix is {B.shape[-2]} by {B.shape[-1]}")  # fmt: skip
    if LD.shape[:-1] != pivots.shape:
        raise RuntimeError(f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape {sizes(pivots.shape)} "
                           "instead")  # fmt: skip
    if pivots.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {from_np(pivots.dtype).legacy}")
    if LD.dtype != B.dtype:
        raise RuntimeError(f"{name}: Expected LD and B to have the same dtype, but found LD of type {from_np(LD.dtype).legacy} and B of type "
                           f"{from_np(B.dtype).legacy} instead")  # fmt: skip
    lapack.has_kernel(LD, "ldl_solve_kernel_cpu")
    a, b = stacked(LD, B)
    return lapack.ldl_solve(a, np.broadcast_to(pivots, a.shape[:-1]), b, hermitian)
