"""Matrix decompositions and functions of matrices, with their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import from_np
from . import lapack, small
from .linalg import mT
from .magnitude import norm_grad, vector_norm
from .rearrange import diag_embed, tril, triu
from .solving import HIDDEN, constant, diag, kind, numbers, real, solve, solve_triangular, zeros_like
from .spec import TensorBase, conj, in_rows, op, sizes
from .view import cat, unsqueeze


def off_diagonal(n: int, like: Any) -> Any:
    return constant(1 - np.eye(n), like)


def real_part(x: Any) -> Any:
    return x.real if kind(x) == "c" else x


def with_parts(x: Any, like: Any) -> Any:
    """A real array or Tensor as a complex one where `like` is complex."""
    if kind(like) != "c" or kind(x) == "c":
        return x
    return x.to(like.dtype) if isinstance(x, TensorBase) else x.astype(like.dtype)  # type: ignore[attr-defined]


# ---- Cholesky


def _cholesky_grad(grad: Any, L: Any, upper: bool) -> Any:
    """L^-H S L^-1, S being the lower triangle of L^H grad, halved and made Hermitian (Murray, "Differentiation of the
    Cholesky decomposition", 2016)."""
    if upper:
        L, grad = mT(L), mT(grad)
    low = tril(mT(L) @ grad, 0)
    both = (low + mT(tril(low, -1))) * 0.5
    left = solve_triangular(mT(L), both, upper=True)
    return solve_triangular(L, left, upper=False, left=False)


@op("linalg_cholesky_ex", grad=dict(self=lambda grad, result0, upper: _cholesky_grad(grad, result0, upper)), tensors="self",
    outputs="L info", undiff="info", **HIDDEN)  # fmt: skip
def cholesky_ex(self, *, upper=False, check_errors=False):
    lapack.square(self, "linalg.cholesky")
    lapack.floating(self, "linalg.cholesky")
    lapack.has_kernel(self, "cholesky_cpu")
    return lapack.cholesky(self, upper)


@op("cholesky.row", grad=dict(self=lambda grad, result0, upper: _cholesky_grad(grad, result0, upper)), tensors="self", node="CholeskyBackward0",
    outputs="L info", undiff="info", **HIDDEN)  # fmt: skip
def cholesky(self, upper=False):
    if self.size == 0:
        lapack.at_least_2d(self, "cholesky")
        return np.empty_like(self), lapack.infos(self.shape[:-2])
    lapack.square(self, "cholesky")
    lapack.has_kernel(self, "cholesky_cpu")
    return lapack.cholesky(self, upper)


# ---- QR


def _qr_grad(grads: Any, Q: Any, R: Any, mode: str, shape: Any) -> Any:
    """(gQ + Q G) R^-H with the Hermitian G whose upper triangle is that of gR R^H - Q^H gQ (Seeger et al., "Auto-
    differentiating linear algebra", 2017; Walter and Lehmann, 2010). Columns right of the square part are Q R2."""
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, "
            "mode='reduced') if you are going to differentiate through linalg.qr."
        )
    m, n = shape[-2:]
    if mode == "complete" and m > n:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    gQ, gR = grads
    if m >= n:
        return _square_qr_grad(gQ, gR, Q, R)
    rest = None
    if gR is not None:
        gR, right = gR[..., :m], gR[..., m:]
        rest = Q @ right
        extra = (Q @ R[..., m:]) @ mT(right)
        gQ = extra if gQ is None else gQ + extra
    own = _square_qr_grad(gQ, gR, Q, R[..., :m])
    if rest is None:
        rest = zeros_like((*own.shape[:-1], n - m), own)
    return cat([own, rest], -1)


def _square_qr_grad(gQ: Any, gR: Any, Q: Any, R: Any) -> Any:
    inner = 0
    if gR is not None:
        inner = gR @ mT(R)
    if gQ is not None:
        inner = inner - mT(Q) @ gQ
    upper = triu(inner, 1)
    G = upper + mT(upper) + with_parts(diag_embed(real_part(diag(inner))), inner)
    out = Q @ G if gQ is None else gQ + Q @ G
    return solve_triangular(mT(R), out, upper=False, left=False)


@op("linalg_qr", grad=dict(A=lambda grads, result0, result1, mode, A_sizes: _qr_grad(grads, result0, result1, mode, A_sizes)),
    tensors="A", outputs="Q R", materialize=False, **HIDDEN)  # fmt: skip
def qr(A, mode="reduced"):
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    lapack.at_least_2d(A, "linalg.qr")
    lapack.floating(A, "linalg.qr")
    lapack.has_kernel(A, "geqrf_cpu")
    if A.size == 0:
        return _empty_qr(A, mode)
    if mode == "r":
        return np.empty(0, A.dtype), lapack.columns(np.asarray(np.linalg.qr(A, "r")))
    Q, R = np.linalg.qr(A, mode)
    return lapack.columns(Q), lapack.columns(R)


def _empty_qr(A: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    m, n = A.shape[-2:]
    k = m if mode == "complete" else min(m, n)
    R = lapack.zero_columns((*A.shape[:-2], k, n), A.dtype)
    if mode == "r":
        return np.empty(0, A.dtype), R
    Q = lapack.zero_columns((*A.shape[:-2], m, k), A.dtype)
    Q[..., np.arange(k), np.arange(k)] = 1
    return Q, R


@op(
    "geqrf.row",
    grad=dict(self=lambda grads: _no_geqrf_grad(grads)),
    tensors="self",
    node="GeqrfBackward0",
    outputs="a tau",
    real_grad=True,
    **HIDDEN,
)
def geqrf(self):
    if self.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    lapack.has_kernel(self, "geqrf_cpu")
    return lapack.geqrf(self)


def _no_geqrf_grad(grads: Any) -> Any:
    raise NotImplementedError("the derivative for 'geqrf' is not implemented.")


# ---- products of reflectors


def _reflectors(A: Any, k: int) -> Any:
    """The vectors of the reflectors: what stands below the diagonal, with ones on it."""
    return tril(A[..., :k], -1) + constant(np.eye(A.shape[-2], k), A)


def _product_grad(gQ: Any, A: Any, tau: Any, columns: int) -> tuple[Any, Any]:
    """The gradient of the first columns of Q = H_1 ... H_k, H_i = 1 - tau_i v_i v_i^H, for A and tau.

    Q = P H_i S for what stands left and right of one reflector; G = P^H gQ S^H is the gradient of H_i, that of tau_i
    -v^H G v, and that of v -conj(tau) G v - tau G^H v.
    """
    m, k = A.shape[-2], tau.shape[-1]
    if 0 in tuple(A.shape) or 0 in tuple(tau.shape):
        return None, None
    V = _reflectors(A, k)
    v = [V[..., i : i + 1] for i in range(k)]
    t = [unsqueeze(unsqueeze(tau[..., i], -1), -1) for i in range(k)]
    right = [zeros_like((*A.shape[:-2], m, columns), A) + constant(np.eye(m, columns), A)]
    for i in range(k - 1, 0, -1):
        right.append(right[-1] - t[i] * (v[i] @ (mT(v[i]) @ right[-1])))
    right.reverse()
    by_v, by_tau = [], []
    W = gQ  # P^H gQ
    for i in range(k):
        Gv, Hv = W @ (mT(right[i]) @ v[i]), right[i] @ (mT(W) @ v[i])
        by_tau.append(-(mT(v[i]) @ Gv)[..., 0])
        by_v.append(-(conj(t[i]) * Gv) - t[i] * Hv)
        W = W - conj(t[i]) * (v[i] @ (mT(v[i]) @ W))
    gA = tril(cat(by_v, -1), -1)
    if A.shape[-1] > k:
        gA = cat([gA, zeros_like((*A.shape[:-1], A.shape[-1] - k), A)], -1)
    return gA, cat(by_tau, -1)


def check_reflectors(A: np.ndarray, tau: np.ndarray, name: str) -> None:
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if name.endswith("product"):
        if A.shape[-2] < A.shape[-1]:
            raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
        if A.shape[-1] < tau.shape[-1]:
            raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
        if A.ndim - tau.ndim != 1:
            raise RuntimeError(f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and "
                               f"input.ndim is equal to {A.ndim}")  # fmt: skip
        if A.shape[:-2] != tau.shape[:-1]:
            raise RuntimeError(
                f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {sizes(tau.shape[:-1])}"
            )
        if A.dtype != tau.dtype:
            raise RuntimeError(
                f"{name}: tau dtype {from_np(tau.dtype).legacy} does not match input dtype {from_np(A.dtype).legacy}"
            )


@op("linalg_householder_product", grad={"input tau": lambda grad, input, tau: _product_grad(grad, input, tau, input.shape[-1])},
    tensors="input tau", **HIDDEN)  # fmt: skip
def householder_product(input, tau):
    check_reflectors(input, tau, "torch.linalg.householder_product")
    lapack.has_kernel(input, "orgqr_cpu")
    return lapack.orgqr(input, tau)


def _ormqr_grad(grad: Any, A: Any, tau: Any, other: Any, left: bool, transpose: bool, needs: Any) -> Any:
    by_other = ormqr(A, tau, grad, left, not transpose) if needs[2] else None
    if not (needs[0] or needs[1]):
        return None, None, by_other
    if left:
        gQ = other @ mT(grad) if transpose else grad @ mT(other)
    else:
        gQ = mT(grad) @ other if transpose else mT(other) @ grad
    return (*_product_grad(gQ, A, tau, A.shape[-2]), by_other)


@op("ormqr", grad={"self input2 input3": lambda grad, self, input2, input3, left, transpose, needs: _ormqr_grad(
    grad, self, input2, input3, left, transpose, needs)}, tensors="self input2 input3", **HIDDEN)  # fmt: skip
def ormqr(self, input2, input3, left=True, transpose=False):
    check_ormqr(self, input2, input3, left)
    lapack.has_kernel(self, "ormqr_cpu")
    return lapack.ormqr(self, input2, input3, left, transpose)


def check_ormqr(A: np.ndarray, tau: np.ndarray, C: np.ndarray, left: bool) -> None:
    for word, x in (("input", A), ("other", C)):
        if x.ndim < 2:
            raise RuntimeError(f"torch.ormqr: {word} must have at least 2 dimensions.")
    d = -2 if left else -1
    if C.shape[d] < tau.shape[-1]:
        raise RuntimeError(f"torch.ormqr: other.shape[{d}] must be greater than or equal to tau.shape[-1]")
    if C.shape[d] != A.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{d}] must be equal to input.shape[-2]")
    if tau.shape[-1] != min(C.shape[d], A.shape[-1]):
        raise RuntimeError(f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{d}], input.shape[-1])")
    if A.ndim - tau.ndim != 1:
        raise RuntimeError(f"torch.ormqr: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and "
                           f"input.ndim is equal to {A.ndim}")  # fmt: skip
    if A.ndim != C.ndim:
        raise RuntimeError(f"torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to {C.ndim} "
                           f"and input.ndim is equal to {A.ndim}")  # fmt: skip
    if A.shape[:-2] != tau.shape[:-1]:
        raise RuntimeError(
            f"torch.ormqr: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {sizes(tau.shape[:-1])}"
        )
    if A.shape[:-2] != C.shape[:-2]:
        raise RuntimeError(
            f"torch.ormqr: Expected batch dimensions of other to be equal to input.shape[:-2], but got {sizes(C.shape[:-2])}"
        )
    for word, x in (("tau", tau), ("other", C)):
        if x.dtype != A.dtype:
            raise RuntimeError(f"torch.ormqr: Expected input and {word} to have the same dtype, but input has dtype "
                               f"{from_np(A.dtype).legacy} and {word} has dtype {from_np(x.dtype).legacy}")  # fmt: skip


# ---- singular values


def not_converged(a: np.ndarray, name: str, values: str) -> lapack.LinAlgError:
    if not np.isfinite(a).all():
        return lapack.LinAlgError(
            f"{name}: The algorithm failed to converge because the input matrix contained non-finite values."
        )
    return lapack.LinAlgError(f"{name}: The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
                              f"{values} (error code: 1).")  # fmt: skip


@op("_linalg_svd", grad=dict(A=lambda grads, result0, result1, result2, full_matrices, compute_uv, A_sizes: _svd_grad(
    grads, result0, result1, result2, full_matrices, compute_uv, A_sizes)), tensors="A", node="LinalgSvdBackward0",
    outputs="U S Vh", materialize=False, **HIDDEN)  # fmt: skip
def svd(A, full_matrices=False, compute_uv=True, driver=None):
    """A = U diag(S) Vh, over stacks; U and Vh square where `full_matrices`."""
    lapack.at_least_2d(A, "linalg.svd")
    lapack.floating(A, "linalg.svd")
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    lapack.has_kernel(A, "linalg_svd_cpu")
    m, n = A.shape[-2:]
    if A.size == 0:
        k = min(m, n)
        rows, cols = (m, n) if full_matrices else (k, k)
        S = np.empty((*A.shape[:-2], k), A.real.dtype)
        if not compute_uv:
            return np.empty(0, A.dtype), S, np.empty(0, A.dtype)
        U, Vh = (lapack.zero_columns((*A.shape[:-2], *shape), A.dtype) for shape in ((m, rows), (cols, n)))
        for x in (U, Vh):
            x[..., np.arange(min(x.shape[-2:])), np.arange(min(x.shape[-2:]))] = 1
        return U, S, Vh
    try:
        if not compute_uv:
            return np.empty(0, A.dtype), in_rows(np.linalg.svd(A, compute_uv=False)), np.empty(0, A.dtype)
        U, S, Vh = np.linalg.svd(A, full_matrices=full_matrices)
    except np.linalg.LinAlgError:
        raise not_converged(A, "linalg.svd", "singular values") from None
    return lapack.columns(U), in_rows(S), lapack.columns(Vh)


def _skew(x: Any) -> Any:
    return x - mT(x)


PHASE = (
    "{name}: The {what} in the complex case are specified up to multiplication by e^{{i phi}}. The specified loss function "
    "depends on this {term}, {so} ill-defined."
)


def check_phase(imaginary: Any, name: str, what: str, term: str = "quantity", so: str = "so it is") -> None:
    """RuntimeError where a function of vectors depends on their phases, which are arbitrary."""
    a = numbers(imaginary)
    if not np.allclose(a, 0, rtol=1e-2, atol=1e-2):
        raise RuntimeError(PHASE.format(name=name, what=what, term=term, so=so))


def _svd_grad(grads: Any, U: Any, S: Any, Vh: Any, full: bool, with_vectors: bool, shape: Any) -> Any:
    """The derivative of the SVD (Townsend, "Differentiating the singular value decomposition", 2016).

    With P = U^H gU and Q = V^H gV made skew, E_ij = s_j^2 - s_i^2 off the diagonal:
    gA = U (P / E diag(s) + diag(s) Q / E + diag(gS)) V^H, plus what gU and gV have outside the spans of U and V. Of complex
    vectors, the imaginary diagonal of P is shared out by s.
    """
    gU, gS, gVh = grads
    if not with_vectors and (gU is not None or gVh is not None or gS is not None):
        raise RuntimeError("svd_backward: Setting compute_uv to false in torch.svd doesn't compute singular matrices, and hence we cannot "
                           "compute backward. Please use torch.svd(compute_uv=True)")  # fmt: skip
    m, n = shape[-2:]
    k = min(m, n)
    if gU is None and gVh is None:
        if gS is None:
            return None
        return (U[..., :k] * unsqueeze(gS, -2)) @ Vh[..., :k, :]
    if full and gU is not None and U.shape[-1] > k:
        U, gU = U[..., :k], gU[..., :k]
    if full and gVh is not None and Vh.shape[-2] > k:
        Vh, gVh = Vh[..., :k, :], gVh[..., :k, :]
    U, Vh = U[..., :k], Vh[..., :k, :]
    P = None if gU is None else _skew(mT(U) @ gU)
    Q = None if gVh is None else _skew(Vh @ mT(gVh))
    if kind(U) == "c":
        phases = sum(diag(x).imag for x in (P, Q) if x is not None)
        check_phase(phases, "svd_backward", "singular vectors", "phase term", "making it")
    squares = S * S
    gap = unsqueeze(squares, -2) - unsqueeze(squares, -1) + constant(np.eye(k), S)
    inner: Any = 0
    if P is not None:
        if kind(P) == "c":
            own = diag_embed(diag(P) / (2 * S))
            P = P * off_diagonal(k, S)
            inner = P / gap * unsqueeze(S, -2) + own
        else:
            inner = P / gap * unsqueeze(S, -2)
    if Q is not None:
        inner = inner + unsqueeze(S, -1) * (Q * off_diagonal(k, S) / gap)
    if gS is not None:
        inner = inner + diag_embed(gS)
    out = U @ with_parts(inner, U) @ Vh
    if gU is not None and m > k:
        rest = gU / unsqueeze(S, -2)
        out = out + (rest - U @ (mT(U) @ rest)) @ Vh
    if gVh is not None and n > k:
        rest = gVh / unsqueeze(S, -1)
        out = out + U @ (rest - (rest @ mT(Vh)) @ Vh)
    return out


# ---- eigenvalues


def _eigh_grad(grads: Any, L: Any, V: Any) -> Any:
    """V (P / E + diag(gL)) V^H with P = V^H gV made skew and E_ij = l_j - l_i (Boeddeker et al., "On the computation of complex-valued gradients
    with application to statistically optimum beamforming", 2017)."""
    gL, gV = grads
    if gL is None and gV is None:
        return None
    if gV is None:
        return (V * unsqueeze(gL, -2)) @ mT(V)
    inner = mT(V) @ gV
    n = L.shape[-1]
    if kind(V) == "c":
        check_phase(diag(inner).imag, "linalg_eigh_backward", "eigenvectors")
    gap = unsqueeze(L, -2) - unsqueeze(L, -1) + constant(np.eye(n), L)
    inner = _skew(inner) * 0.5 * off_diagonal(n, L) / gap
    if gL is not None:
        inner = inner + diag_embed(gL)
    return V @ with_parts(inner, V) @ mT(V)


@op("_linalg_eigh", grad=dict(A=lambda grads, result0, result1: _eigh_grad(grads, result0, result1)), tensors="A", node="LinalgEighBackward0",
    outputs="eigenvalues eigenvectors", materialize=False, **HIDDEN)  # fmt: skip
def eigh(A, UPLO="L", compute_v=True):
    lapack.square(A, "linalg.eigh")
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    lapack.has_kernel(A, "linalg_eigh_cpu")
    try:
        if not compute_v:
            return in_rows(np.linalg.eigvalsh(A, UPLO.upper())), np.empty(0, A.dtype)
        L, V = np.linalg.eigh(A, UPLO.upper())
    except np.linalg.LinAlgError:
        raise lapack.LinAlgError("linalg.eigh: The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
                                 "repeated eigenvalues (error code: 2).") from None  # fmt: skip
    return in_rows(L), lapack.columns(V)


def _eig_grad(grads: Any, self: Any, L: Any, V: Any) -> Any:
    """V^-H (M / conj(E) + diag(gL)) V^H, M being V^H gV less what moves the length of the eigenvectors."""
    gL, gV = grads
    if gL is None and gV is None:
        return None
    n = L.shape[-1]
    inner: Any = 0
    if gV is not None:
        VhgV = mT(V) @ gV
        lengths = diag(VhgV)
        check_phase(lengths.imag, "linalg_eig_backward", "eigenvectors")
        inner = VhgV - mT(V) @ (V * unsqueeze(lengths.real, -2))
        gap = conj(unsqueeze(L, -2) - unsqueeze(L, -1)) + constant(np.eye(n), L)
        inner = inner * constant(1 - np.eye(n), L) / gap
    if gL is not None:
        inner = inner + diag_embed(gL)
    return real(solve(mT(V), inner @ mT(V)), self)


@op("linalg_eig", grad=dict(self=lambda grads, self, result0, result1: _eig_grad(grads, self, result0, result1)), tensors="self",
    outputs="eigenvalues eigenvectors", materialize=False, **HIDDEN)  # fmt: skip
def eig(self, compute_v=True, name="linalg.eig"):
    check_eig(self, name)
    wide = np.result_type(self.dtype, np.complex64)
    if not compute_v:
        return in_rows(np.asarray(np.linalg.eigvals(self), wide)), np.empty(0, wide)
    L, V = np.linalg.eig(self)
    return in_rows(np.asarray(L, wide)), lapack.columns(np.asarray(V, wide))


def check_eig(a: np.ndarray, name: str) -> None:
    if a.dtype.kind in "biu":
        raise RuntimeError(f"Unknown Complex ScalarType for {from_np(a.dtype).legacy}")
    lapack.square(a, name)
    lapack.has_kernel(a, "linalg_eig_out_cpu")
    if not np.isfinite(a).all():
        raise RuntimeError(f"torch.{name}: input tensor should not contain infs or NaNs.")


# ---- the exponential


def _exp_grad(grad: Any, A: Any) -> Any:
    """The upper right block of exp([[A^H, grad], [0, A^H]]) (Al-Mohy and Higham, 2009)."""
    n, back = A.shape[-1], mT(A)
    top = cat([back, grad], -1)
    low = cat([zeros_like(tuple(A.shape), A), back], -1)
    return matrix_exp(cat([top, low], -2))[..., :n, n:]


@op("linalg_matrix_exp", grad=dict(self=lambda grad, self: _exp_grad(grad, self)), tensors="self", **HIDDEN)
def matrix_exp(self):
    lapack.square(self, "linalg.matrix_exp")
    lapack.floating(self, "linalg.matrix_exp")
    if self.size == 0:
        return self.copy()
    if self.shape[-1] == 1:
        return np.exp(self)
    a = self.astype(np.float32) if self.dtype.itemsize == 2 else self
    bad = ~np.isfinite(a).all((-1, -2))
    r = _exponential(np.where(bad[..., None, None], 0, a) if bad.any() else a)
    if bad.any():
        r[bad] = np.nan
    return np.ascontiguousarray(r).astype(self.dtype, copy=False)


def _exponential(a: np.ndarray) -> np.ndarray:
    if small.pays(a, 16, 8):
        return small.exponential(a)
    import scipy.linalg

    return scipy.linalg.expm(a)


# ---- least squares and the pseudo-inverse


@op("linalg_pinv.atol_rtol_tensor", grad=dict(self=lambda grad, self, result: _pinv_grad(grad, result, self)), tensors="self",
    node="LinalgPinvBackward0", **HIDDEN)  # fmt: skip
def pinv(self, atol, rtol, hermitian):
    """V S^+ U^H, singular values up to the larger of atol and rtol * S_max counting as zero."""
    m, n = self.shape[-2:]
    if self.size == 0:
        return np.zeros((*self.shape[:-2], n, m), self.dtype)
    if hermitian:
        L, V = eigh(self)
        size = np.abs(L)
        top = size.max(-1, keepdims=True)
        inverse = np.where(size > np.maximum(atol, rtol * top), 1 / np.where(size == 0, 1, L), 0).astype(L.dtype)
        return np.ascontiguousarray((V * inverse[..., None, :]) @ lapack.flip(V))
    U, S, Vh = svd(self, False)
    top = S[..., :1]
    inverse = np.where(np.maximum(atol, rtol * top) < S, 1 / np.where(S == 0, 1, S), 0).astype(S.dtype)
    return np.ascontiguousarray((lapack.flip(Vh) * inverse[..., None, :]) @ lapack.flip(U))


def _pinv_grad(grad: Any, X: Any, A: Any) -> Any:
    """Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems" (1973)."""
    Xh, g = mT(X), mT(grad)
    if A.shape[-2] <= A.shape[-1]:
        K = g @ X
        KXh = K @ Xh
        return -mT(X @ K) + KXh - (A @ X) @ KXh + (Xh @ X) @ (g - K @ A)
    K = X @ g
    XhK = Xh @ K
    return -mT(K @ X) + (g - A @ K) @ X @ Xh + XhK - (XhK @ X) @ A


def _lstsq_grad(grads: Any, A: Any, B: Any, vector: bool, needs: Any) -> Any:
    """Of X = A^+ B, by the pseudo-inverse; of the residuals |A X - B|^2, by A X - B."""
    gX, gR = grads
    inverse = pseudo_inverse(A)
    if vector:
        B, gX = unsqueeze(B, -1), None if gX is None else unsqueeze(gX, -1)
    gA = gB = None
    if gX is not None:
        if needs[0]:
            gA = _pinv_grad(gX @ mT(B), inverse, A)
        if needs[1]:
            gB = mT(inverse) @ gX
    if gR is not None and 0 not in tuple(gR.shape):
        X = inverse @ B
        missed = (A @ X - B) * (2 * unsqueeze(gR, -2))
        own_A, own_B = missed @ mT(X), -missed
        gA = own_A if gA is None else gA + own_A
        gB = own_B if gB is None else gB + own_B
    if vector and gB is not None:
        gB = gB[..., 0]
    return gA if needs[0] else None, gB if needs[1] else None


def pseudo_inverse(A: Any) -> Any:
    m, n = A.shape[-2:]
    eps = float(np.finfo(numbers(A).dtype).eps)
    return pinv(A, np.zeros((*A.shape[:-2], 1)), np.full((*A.shape[:-2], 1), eps * max(m, n)), False)


@op("linalg_lstsq", grad={"self b": lambda grads, self, b, vector, needs: _lstsq_grad(grads, self, b, vector, needs)}, tensors="self b",
    outputs="solution residuals rank singular_values", undiff="rank singular_values", materialize=False, **HIDDEN)  # fmt: skip
def lstsq(self, b, rcond, driver, vector):
    """Over stacks alike (b of vectors, if `vector`): solution, residuals, rank, singular values; what a driver does not compute is empty."""
    m, n = self.shape[-2:]
    full, ranks, values = lapack.lstsq(self, b[..., None] if vector else b, rcond, driver)
    residuals = np.empty(0, values.dtype)
    if m > n and driver != "gelsy" and (self.size == 0 or driver == "gels" or (ranks == n).all()):
        residuals = np.square(np.abs(full[..., n:, :])).sum(-2, dtype=values.dtype)
    if driver == "gels":
        ranks = np.empty(0, np.int64)
    if driver in ("gels", "gelsy"):
        values = np.empty(0, values.dtype)
    x = full[..., :n, :]
    return x[..., 0] if vector else x, residuals, ranks, values


# ---- the norm of a matrix seen as a vector, as the older function records it


@op("frobenius_norm.dim", grad=dict(self=lambda grad, self, result, dim, keepdim: norm_grad(grad, self, result, 2, dim, keepdim)),
    tensors="self", node="NormBackward1", **HIDDEN)  # fmt: skip
def frobenius(self, dim, keepdim):
    if self.dtype.kind in "biu":
        raise RuntimeError(
            f"norm(): input dtype should be either floating point or complex. Got {from_np(self.dtype).legacy} instead."
        )
    return vector_norm.array(self, 2, dim, keepdim)
