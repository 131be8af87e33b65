"""Decompositions: `torch.linalg` and what came before it."""

from __future__ import annotations

from typing import Any

from ... import functions as F
from ...dispatch import bad_argument
from ...graph.modes import state
from ...ops import decompositions, solving
from ...ops.solving import numbers
from ...ops.spec import REQUIRED
from ...tensor import Tensor
from .common import NOT_POSITIVE, ZERO_PIVOT, check, deprecated, flag, named, public

# ---- Cholesky


@public("linalg_cholesky", "input")
def cholesky(input=REQUIRED, *, upper=False):
    """The lower triangular L with A = L L^H (U with A = U^H U, if `upper`) of each positive-definite matrix in a stack, of
    which only that half is read. LinAlgError where one is not positive-definite.

    >>> import tgrad as torch
    >>> torch.linalg.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    L, info = decompositions.cholesky_ex.record(input, upper=bool(upper))
    check(info, "linalg.cholesky", NOT_POSITIVE)
    return L


@public("linalg_cholesky_ex", "input", words="L info")
def cholesky_ex(input=REQUIRED, *, upper=False, check_errors=False):
    """`cholesky`, with LAPACK's `info` (0, or the order of the first minor that is not positive) instead of an error."""
    L, info = decompositions.cholesky_ex.record(input, upper=bool(upper))
    if check_errors:
        check(info, "linalg.cholesky_ex", NOT_POSITIVE)
    return named("linalg_cholesky_ex", "L info", (L, info))


@public("cholesky", "input", castable="cholesky")
def old_cholesky(input=REQUIRED, upper=False):
    """`torch.linalg.cholesky`."""
    flag("cholesky", "upper", 2, upper)
    L, info = decompositions.cholesky.record(input, bool(upper))
    deprecated("cholesky", "torch.linalg.cholesky")
    check(info, "cholesky", NOT_POSITIVE)
    return L


# ---- LU and LDL


@public("linalg_lu", words="P L U")
def lu(A=REQUIRED, *, pivot=True):
    """P, L and U with A = P L U for each matrix in a stack [..., m, n], rows being exchanged for the sake of large pivots."""
    return named("linalg_lu", "P L U", solving.lu.record(A, pivot=bool(pivot)))


def _factor(A: Tensor, pivot: bool) -> list[Tensor]:
    return solving.lu_factor_ex.record(A, pivot=pivot)


@public("linalg_lu_factor", words="LU pivots")
def lu_factor(A=REQUIRED, *, pivot=True):
    """Both factors of `lu` in one matrix, and the exchanges of rows, counted from 1; RuntimeError where U has a zero on its
    diagonal."""
    LU, pivots, info = _factor(A, bool(pivot))
    check(info, "torch.linalg.lu_factor", ZERO_PIVOT, RuntimeError)
    return named("linalg_lu_factor", "LU pivots", (LU, pivots))


@public("linalg_lu_factor_ex", words="LU pivots info")
def lu_factor_ex(A=REQUIRED, *, pivot=True, check_errors=False):
    """`lu_factor`, with LAPACK's `info` (0, or which pivot is zero) instead of an error."""
    r = _factor(A, bool(pivot))
    if check_errors:
        check(r[2], "torch.linalg.lu_factor_ex", ZERO_PIVOT, RuntimeError)
    return named("linalg_lu_factor_ex", "LU pivots info", r)


def old_lu(A, pivot=True, get_infos=False, out=None):
    """`torch.linalg.lu_factor`, that of singular matrices too; with `get_infos`, of `lu_factor_ex`."""
    if not isinstance(A, Tensor):
        raise bad_argument("_lu_with_info", 1, "input", A)
    LU, pivots, info = _factor(A, bool(pivot))
    deprecated("lu", "torch.linalg.lu_factor / torch.linalg.lu_factor_ex")
    r = named("_lu_with_info", "LU pivots info", (LU, pivots, info)) if get_infos else (LU, pivots)
    if out is None:
        return r
    if not isinstance(out, (tuple, list)):
        raise TypeError(f"argument 'out' must be tuple of Tensors, not {type(out).__name__}")
    if len(out) - int(get_infos) != 2:
        raise TypeError(f"expected tuple of {2 + int(get_infos)} elements but got {len(out)}")
    for target, value in zip(out, r, strict=True):
        target.resize_as_(value).copy_(value)
    return out


@public("lu_unpack", "LU_data LU_pivots", words="P L U")
def lu_unpack(LU_data=REQUIRED, LU_pivots=REQUIRED, unpack_data=True, unpack_pivots=True):
    """P, L and U from `lu_factor`'s result; empty ones where not asked for."""
    a, p = LU_data._a, numbers(LU_pivots)
    if a.ndim < 2:
        raise RuntimeError(
            f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {list(a.shape)} instead"
        )
    if unpack_pivots and p.size and p.dtype.kind == "i" and not ((p > 0) & (p <= a.shape[-2])).all():
        raise RuntimeError(
            "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the result of lu_factor?"
        )
    r = solving.lu_unpack.record(LU_data, LU_pivots, bool(unpack_data), bool(unpack_pivots))
    return named("lu_unpack", "P L U", r)


@public("linalg_ldl_factor", "input", words="LD pivots")
def ldl_factor(input=REQUIRED, *, hermitian=False):
    """LAPACK's packed L D L^T (L D L^H) of each symmetric (`hermitian`) matrix in a stack, and its pivots."""
    LD, pivots, info = solving.ldl_factor_ex.record(input, hermitian=bool(hermitian))
    _check_ldl(info, "torch.linalg.ldl_factor")
    return named("linalg_ldl_factor", "LD pivots", (LD, pivots))


@public("linalg_ldl_factor_ex", "input", words="LD pivots info")
def ldl_factor_ex(input=REQUIRED, *, hermitian=False, check_errors=False):
    """`ldl_factor`, with LAPACK's `info` instead of an error."""
    r = solving.ldl_factor_ex.record(input, hermitian=bool(hermitian))
    if check_errors:
        _check_ldl(r[2], "torch.linalg.ldl_factor_ex")
    return named("linalg_ldl_factor_ex", "LD pivots info", r)


def _check_ldl(info: Tensor, name: str) -> None:
    codes = numbers(info)
    codes = codes[codes != 0]
    if codes.size:
        raise RuntimeError(f"{name}: Unknown error code: {int(codes.reshape(-1)[0])}.")


# ---- QR


@public("linalg_qr", words="Q R")
def qr(A=REQUIRED, mode="reduced"):
    """Q with orthonormal columns and upper triangular R with A = Q R, for stacks [..., m, n].

    `mode`: "reduced" (Q [..., m, k], k the smaller of m and n), "complete" (Q square), or "r" (Q left empty).
    """
    return named("linalg_qr", "Q R", decompositions.qr.record(A, mode))


@public("qr", "input", words="Q R")
def old_qr(input=REQUIRED, some=True):
    """`torch.linalg.qr`, complete unless `some`."""
    flag("qr", "some", 2, some)
    deprecated("qr", "torch.linalg.qr")
    return named("qr", "Q R", decompositions.qr.record(input, "reduced" if some else "complete"))


@public("geqrf", "input", castable="torch.geqrf", words="a tau")
def geqrf(input=REQUIRED):
    """LAPACK's packed QR decomposition: R on and above the diagonal, reflectors below it, and their factors tau."""
    return named("geqrf", "a tau", decompositions.geqrf.record(input))


@public("linalg_householder_product", "input tau", castable="torch.linalg.householder_product")
def householder_product(input=REQUIRED, tau=REQUIRED):
    """The first n columns of the product of the reflectors 1 - tau_i v_i v_i^H that `geqrf` packs, input [..., m, n]."""
    return decompositions.householder_product.record(input, tau)


@public("orgqr", "input input2", castable="torch.linalg.householder_product")
def orgqr(input=REQUIRED, input2=REQUIRED):
    """`torch.linalg.householder_product`."""
    return decompositions.householder_product.record(input, input2)


@public("ormqr", "input input2 input3", out="torch.ormqr: Expected input and result to have the same dtype, but input has dtype{Want} and result "
        "has dtype {Got}")  # fmt: skip
def ormqr(input=REQUIRED, input2=REQUIRED, input3=REQUIRED, left=True, transpose=False):
    """Q other (other Q unless `left`; Q^H for Q with `transpose`), for the Q that `geqrf` packs."""
    return decompositions.ormqr.record(input, input2, input3, bool(left), bool(transpose))


# ---- singular values


@public("linalg_svd", words="U S Vh")
def svd(A=REQUIRED, full_matrices=True, *, driver=None):
    """U, S and Vh with A = U diag(S) Vh, S descending, for stacks [..., m, n]; U and Vh square unless `full_matrices` is off.

    Singular vectors are known up to their sign (phase) only, and up to rotations where singular values are equal: a
    function that depends on more has no derivative.
    """
    return named("linalg_svd", "U S Vh", decompositions.svd.record(A, bool(full_matrices), True, driver))


def recorded(A: Tensor) -> bool:
    """Whether somebody may ask for derivatives of what becomes of A: vectors must then be computed for their sake."""
    return bool(state.levels or (state.grad and A.requires_grad))


def singular_values(A: Tensor, driver: Any = None) -> Tensor:
    return decompositions.svd.record(A, False, recorded(A), driver)[1]


@public("linalg_svdvals")
def svdvals(A=REQUIRED, *, driver=None):
    """The singular values of each matrix in a stack [..., m, n], in descending order."""
    return singular_values(A, driver)


@public("svd", "input", words="U S V")
def old_svd(input=REQUIRED, some=True, compute_uv=True):
    """U, S and V with input = U diag(S) V^H; square U and V unless `some`, zeros for them without `compute_uv`."""
    if input._a.ndim < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {input._a.ndim} dimensions instead"
        )
    if compute_uv:
        U, S, Vh = decompositions.svd.record(input, not some, True, None)
        return named("svd", "U S V", (U, S, Vh.mH))
    S = singular_values(input)
    batch, (m, n) = tuple(input.shape[:-2]), tuple(input.shape[-2:])
    U, Vh = (F.zeros((*batch, k, k), dtype=input.dtype) for k in (m, n))
    return named("svd", "U S V", (U, S, Vh.mH))


# ---- eigenvalues


@public("linalg_eig", "input", castable="torch.linalg.eig", words="eigenvalues eigenvectors")
def eig(input=REQUIRED):
    """Eigenvalues and eigenvectors (columns of length 1) of each matrix in a stack [..., n, n]: complex ones, in no order."""
    return named("linalg_eig", "eigenvalues eigenvectors", decompositions.eig.record(input))


@public("linalg_eigvals", "input", castable="torch.linalg.eigvals", words="eigenvalues")
def eigvals(input=REQUIRED):
    """The eigenvalues of each matrix in a stack [..., n, n]: complex numbers, in no order."""
    return decompositions.eig.record(input, recorded(input), "linalg.eigvals")[0]


@public("linalg_eigh", "input", words="eigenvalues eigenvectors")
def eigh(input=REQUIRED, UPLO="L"):
    """Eigenvalues, ascending, and eigenvectors (columns of length 1) of each symmetric or Hermitian matrix in a stack.

    Only the half that `UPLO` names ("L" or "U") is read. What holds for the vectors of `svd` holds for eigenvectors.
    """
    return named("linalg_eigh", "eigenvalues eigenvectors", decompositions.eigh.record(input, UPLO, True))


@public("linalg_eigvalsh", "input", words="eigenvalues")
def eigvalsh(input=REQUIRED, UPLO="L"):
    """The eigenvalues, ascending, of each symmetric or Hermitian matrix in a stack, of which half is read."""
    return decompositions.eigh.record(input, UPLO, recorded(input))[0]


# ---- of low rank


def _basis(A: Tensor, q: int, niter: int) -> Tensor:
    """Orthonormal columns that nearly span what A maps to (Halko, Martinsson and Tropp, 2009, algorithm 4.4)."""
    Q = decompositions.qr.record(F.matmul(A, F.randn(A.shape[-1], q, dtype=A.dtype)))[0]
    for _ in range(niter):
        Q = decompositions.qr.record(F.matmul(A.mH, Q))[0]  # type: ignore[attr-defined]
        Q = decompositions.qr.record(F.matmul(A, Q))[0]
    return Q


def svd_lowrank(A, q=6, niter=2, M=None):
    """U, S and V with A - M close to U diag(S) V^H: the q largest singular values, by random projection.

    `niter` steps of subspace iteration; stacks [..., m, n]; draws from the default generator.
    """
    if M is not None:
        A = A - M.broadcast_to(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    A = A.mH if wide else A
    Q = _basis(A, 6 if q is None else q, 2 if niter is None else niter)
    U, S, Vh = decompositions.svd.record(F.matmul(Q.mH, A), False)  # type: ignore[attr-defined]
    U, V = F.matmul(Q, U), Vh.mH
    return (V, S, U) if wide else (U, S, V)


def pca_lowrank(A, q=None, center=True, niter=2):
    """`svd_lowrank` of A with the mean of each column taken away: its q first principal components."""
    k = min(A.shape[-2:])
    if q is None:
        q = min(6, k)
    elif not 0 <= q <= k:
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={k}")
    if not niter >= 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(dim=(-2,), keepdim=True) if center else A, q, niter)
