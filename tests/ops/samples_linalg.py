"""Sample calls of linear algebra. See samples.py; a key that begins with `linalg.` is a function of `torch.linalg`.

What LAPACKs choose differently (signs and phases of vectors, the order of complex eigenvalues) is compared in test_linalg.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .oracle import torch
from .specs import SQ, A, Dtype, Spec, bad, call, const, f, ints, of, samples, still

inf = float("inf")
# Of what is symmetric only half is read: differences of the other half tell nothing (`smooth=False`).
ROWS_ONLY = ("plain", "permuted", "stepped")


class Matrices(Spec):
    """Fixed matrices, complex ones in a complex run, in any memory layout but the expanded one."""

    def __init__(self, shape: tuple[int, ...], real: np.ndarray, imaginary: np.ndarray) -> None:
        super().__init__(shape, values=real.tolist())
        self.parts = real, imaginary

    def make(self, dtype: str, layout: str, seed: int) -> Any:
        real, imaginary = self.parts
        x = torch.tensor(real + 1j * imaginary if dtype.startswith("complex") else real, dtype=getattr(torch, dtype))
        turned = tuple(reversed(range(x.ndim)))
        if layout == "permuted":
            return x.permute(turned).contiguous().permute(turned)
        if layout == "stepped":
            room = torch.zeros([2 * n for n in x.shape], dtype=x.dtype)
            room[(slice(None, None, 2),) * x.ndim] = x
            return room[(slice(None, None, 2),) * x.ndim]
        return x

    def __repr__(self) -> str:
        return f"<fixed {list(self.shape)}>"


def firm(*shape: int) -> Spec:
    """Far from singular, with distinct singular and eigenvalues: small numbers and large ones on the diagonal."""
    b, i, j = _places(shape)
    small = 0.5 * ((3 * i + 5 * j + b) % 7) / 7 - 0.2
    return Matrices(shape, (3.0 + 1.5 * i + 0.25 * b) * (i == j) + small, 0.4 * ((2 * i + 3 * j + b) % 5) / 5 - 0.1)


def positive(*shape: int) -> Spec:
    """Symmetric (Hermitian) and positive-definite."""
    b, i, j = _places(shape)
    return Matrices(shape, (4.0 + i + 0.5 * b) * (i == j) + 0.3 * ((i + j + b) % 3) - 0.2, 0.2 * (i - j) * (1 + b))


def _places(shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """The number of each element's matrix, its row and its column."""
    *batch, m, n = shape
    count = int(np.prod(batch, dtype=int))
    return tuple(x.reshape(shape) for x in np.meshgrid(np.arange(count), np.arange(m), np.arange(n), indexing="ij"))  # type: ignore[return-value]


S, S2, T, W = firm(3, 3), firm(2, 3, 3), firm(5, 3), firm(3, 5)
P, P2 = positive(3, 3), positive(2, 3, 3)
NONE, NO_BATCH = f(0, 0), f(0, 3, 3)
SQUARE = (call(S), call(S2), call(f(1, 1, low=1)), call(NONE), call(NO_BATCH))
FLOATS = ("float32", "complex128")

# ---- determinants and inverses
samples(
    "linalg.det det",
    *SQUARE,
    call(f(2, 2, 2, 2)),
    dtypes=FLOATS,
    layouts=ROWS_ONLY,
)
samples("linalg.slogdet slogdet logdet", *SQUARE, dtypes=FLOATS, layouts=ROWS_ONLY)
samples("linalg.slogdet slogdet", call(f(2, 2, 2)), dtypes=FLOATS, layouts=ROWS_ONLY)
samples("linalg.inv inverse", *SQUARE, call(f(4, 4)), dtypes=FLOATS, layouts=ROWS_ONLY)
samples("linalg.inv_ex", *SQUARE, call(S, check_errors=True), dtypes=FLOATS, layouts=ROWS_ONLY)
samples("linalg.pinv", call(S), call(T), call(W), call(firm(2, 4, 3)), call(f(0, 3)), call(T, rtol=0.1), call(S, atol=0.1, rtol=0.01), call(P, hermitian=True).but(smooth=False),
        call(P2, atol=1.0, hermitian=True).but(smooth=False), call(S, 0.01), dtypes=FLOATS, layouts=ROWS_ONLY)  # fmt: skip
samples("pinverse", call(S), call(T), call(firm(2, 3, 4), rcond=1e-3), dtypes=FLOATS, layouts=ROWS_ONLY)
bad(
    "linalg.inv inverse",
    call(f(2, 3)),
    call(f(3)),
    call(of([[0.0, 0.0], [0.0, 1.0]])),
    call(of([[[1.0]], [[0.0]]])),
    call(const("int64", 2, 2)),
    call(const("float16", 2, 2)),
)
bad("linalg.inv_ex", call(of([[1.0, 2.0], [0.0, 0.0]]), check_errors=True), call(f(2, 3)))
bad(
    "linalg.det det linalg.slogdet slogdet logdet",
    call(f(2, 3)),
    call(f(3)),
    call(const("int64", 2, 2)),
    call(const("float16", 2, 2)),
)
bad("linalg.pinv", call(f(3)), call(const("int64", 2, 2)), call(f(2, 3), hermitian=True))

# ---- equations
samples("linalg.solve linalg.solve_ex", call(S, f(3, 2)), call(S, f(3)), call(S2, f(2, 3, 2)), call(S2, f(2, 3)), call(S2, f(3, 2)), call(S, f(2, 3, 2)),
        call(S, f(2, 3), left=False), call(S2, f(1, 4, 3), left=False), call(NONE, f(0, 2)), call(S, f(3, 0)), call(NO_BATCH, f(0, 3, 2)), dtypes=FLOATS,
        layouts=ROWS_ONLY)  # fmt: skip
samples("linalg.solve_triangular", call(S, f(3, 2), upper=True), call(S2, f(3, 2), upper=False), call(S, f(2, 3), upper=True, left=False),
        call(S2, f(2, 4, 3), upper=False, left=False, unitriangular=True), call(SQ, f(3, 1), upper=True, unitriangular=True),
        call(NONE, f(0, 2), upper=True), dtypes=FLOATS, layouts=ROWS_ONLY)  # fmt: skip
samples("triangular_solve", call(f(3, 2), S), call(f(3, 2), S2, upper=False), call(f(2, 3, 2), S, transpose=True), call(f(3, 1), SQ, False, True, True),
        dtypes=FLOATS, layouts=ROWS_ONLY)  # fmt: skip
samples(
    "cholesky_solve",
    call(f(3, 2), P),
    call(f(2, 3, 2), P, upper=True),
    call(f(3, 1), P2),
    dtypes=FLOATS,
    layouts=ROWS_ONLY,
    smooth=False,
)
samples("cholesky_inverse", call(P), call(P2, upper=True), call(NONE), dtypes=FLOATS, layouts=ROWS_ONLY, smooth=False)
samples(
    "linalg.tensorsolve",
    call(f(2, 3, 6), f(2, 3)),
    call(f(2, 6, 3), f(2, 3), dims=(1,)),
    call(f(2, 6, 3), f(2, 3), (1,)),
    dtypes=FLOATS,
    layouts=ROWS_ONLY,
)
samples(
    "linalg.tensorinv", call(f(4, 2, 2), ind=1), call(f(2, 3, 6)), call(f(6, 3, 2), 1), dtypes=FLOATS, layouts=ROWS_ONLY
)
PIVOTS = ints([2, 3, 3], "int32")
samples("linalg.lu_solve", call(S, PIVOTS, f(3, 2)), call(S, PIVOTS, f(2, 3), left=False), call(S, PIVOTS, f(3, 2), adjoint=True),
        call(S, PIVOTS, f(2, 3), left=False, adjoint=True), call(S, PIVOTS, f(2, 3, 1)), dtypes=FLOATS, layouts=ROWS_ONLY)  # fmt: skip
samples("lu_solve", call(f(3, 2), S, PIVOTS), dtypes=FLOATS, layouts=ROWS_ONLY)
samples("linalg.ldl_solve", call(still(3, 3), ints([1, 2, 3], "int32"), still(3, 2)), call(still(3, 3), ints([-2, -2, 3], "int32"), still(2, 3, 2), hermitian=True),
        dtypes=FLOATS, layouts=ROWS_ONLY, order=0)  # fmt: skip
samples("linalg.lstsq", call(T, f(5, 2)), call(W, f(3, 2)), call(S, f(3, 2)), call(firm(2, 4, 3), f(2, 4, 1), driver="gelsy"), call(T, f(5, 2), driver="gels"),
        call(T, f(5, 2), driver="gelsd"), call(T, f(5, 1), None, driver="gelss"), call(firm(2, 4, 3), f(2, 4), driver="gelsd"), call(f(3, 0), f(3, 2)),
        dtypes=("float32", "complex128"), layouts=("plain", "permuted"))  # fmt: skip
bad("linalg.solve", call(S, f(2, 3)), call(S, const("float32", 3, 2)), call(f(2, 3), f(2)), call(S, f(3), left=False), call(S2, f(4, 3, 2)),
    call(of([[0.0, 0.0], [0.0, 0.0]]), f(2, 1)), call(const("int64", 2, 2), const("int64", 2, 2)), call(const("float16", 2, 2), const("float16", 2, 2)))  # fmt: skip
bad("linalg.solve_ex", call(of([[0.0, 0.0], [0.0, 0.0]]), f(2, 1), check_errors=True))
bad(
    "linalg.solve_triangular",
    call(S, f(2, 3), upper=True),
    call(S, f(3), upper=True),
    call(S, f(3, 2)),
    call(f(2, 3), f(3, 2), upper=True),
)
bad("triangular_solve", call(f(3), S), call(f(2, 3), S), call(f(3, 2), W))
bad("cholesky_solve", call(f(3), S), call(f(2, 3), S), call(f(3, 2), const("float32", 3, 3)))
bad("cholesky_inverse", call(f(2, 3)), call(of([[1.0, 0.0], [0.0, 0.0]])))
bad("linalg.lu_solve", call(S, SQ, f(3, 2)), call(S, ints([1, 2], "int32"), f(3, 2)), call(S, PIVOTS, f(2, 2)))
bad("linalg.tensorinv", call(SQ, 0), call(f(2, 3), 1), call(SQ, 5))
bad("linalg.tensorsolve", call(SQ, f(2)))
bad("linalg.lstsq", call(T, f(3, 2)), call(T, const("float32", 5, 2)), call(T, f(5, 2), driver="svd"), call(f(3), f(3)))

# ---- decompositions that are one of a kind
samples("linalg.cholesky linalg.cholesky_ex", call(P), call(P2), call(P, upper=True), call(P2, upper=True), call(NONE), call(NO_BATCH), dtypes=FLOATS,
        layouts=("plain", "stepped"), smooth=False)  # fmt: skip
samples("cholesky", call(P), call(P2, True), call(NONE), dtypes=FLOATS, layouts=("plain", "stepped"), smooth=False)
samples("linalg.qr", call(S), call(T), call(W), call(firm(2, 4, 3)), call(S, mode="complete"), call(W, "complete"),
        call(f(3, 0)), call(NO_BATCH), dtypes=FLOATS, layouts=ROWS_ONLY)  # fmt: skip
samples(
    "linalg.qr", call(T, "complete"), call(W, "r"), call(f(3, 0), "complete"), dtypes=FLOATS, layouts=ROWS_ONLY, order=0
)
samples("qr", call(T), call(W, some=False), dtypes=FLOATS, layouts=ROWS_ONLY)
samples("geqrf", call(S), call(T), call(firm(2, 3, 4)), dtypes=FLOATS, layouts=ROWS_ONLY, order=0)
samples(
    "linalg.householder_product orgqr",
    call(T, f(3)),
    call(firm(2, 4, 3), f(2, 2)),
    call(f(3, 3), f(0)),
    dtypes=FLOATS,
    layouts=ROWS_ONLY,
)
samples("ormqr", call(T, f(3), f(5, 2)), call(T, f(3), f(2, 5), False), call(T, f(3), f(5, 2), True, True), call(firm(2, 4, 3), f(2, 3), f(2, 3, 4), False, True), call(firm(3, 4), f(3), f(3, 1)),
        dtypes=FLOATS, layouts=ROWS_ONLY)  # fmt: skip
samples("linalg.lu linalg.lu_factor linalg.lu_factor_ex", call(S), call(S2), call(T), call(W), call(f(3, 3)), call(f(2, 3, 2)), call(NONE), call(NO_BATCH), dtypes=FLOATS,
        layouts=ROWS_ONLY)  # fmt: skip
samples("lu", call(S), call(T, get_infos=True), call(f(2, 3, 3), True, True), dtypes=FLOATS, layouts=ROWS_ONLY)
samples(
    "lu_unpack",
    call(S, PIVOTS),
    call(T, PIVOTS),
    call(W, PIVOTS),
    call(S, PIVOTS, unpack_data=False),
    call(S, PIVOTS, True, False),
    dtypes=FLOATS,
    layouts=ROWS_ONLY,
)
samples("linalg.ldl_factor linalg.ldl_factor_ex", call(still(3, 3)), call(still(2, 4, 4)), call(still(3, 3), hermitian=True), call(NONE), dtypes=FLOATS, layouts=ROWS_ONLY,
        order=0)  # fmt: skip
bad(
    "linalg.cholesky linalg.cholesky_ex",
    call(f(2, 3)),
    call(f(3)),
    call(const("int64", 2, 2)),
    call(const("float16", 2, 2)),
)
bad(
    "linalg.cholesky cholesky",
    call(of([[1.0, 2.0], [2.0, 1.0]])),
    call(of([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]])),
)
bad("linalg.cholesky_ex", call(of([[1.0, 2.0], [2.0, 1.0]]), check_errors=True))
bad("linalg.qr", call(T, "full"), call(f(3)), call(const("int64", 2, 2)), call(const("float16", 2, 2)))
bad("linalg.householder_product", call(W, f(3)), call(T, f(5)), call(T, f(2, 3)), call(f(3), f(3)))
bad("ormqr", call(T, f(3), f(4, 2)), call(T, f(4), f(5, 2)), call(T, f(2, 3), f(5, 2)), call(T, f(3), f(2, 5, 2)))
bad(
    "linalg.lu linalg.lu_factor linalg.lu_factor_ex lu",
    call(f(3)),
    call(S, pivot=False),
    call(const("int64", 2, 2)),
    call(const("float16", 2, 2)),
)
bad("linalg.lu_factor", call(of([[0.0, 0.0], [0.0, 1.0]])), call(of([[[1.0]], [[0.0]]])))
bad("lu_unpack", call(S, SQ), call(S, ints([1, 9, 3], "int32")), call(f(3), PIVOTS))
bad("linalg.ldl_factor", call(f(2, 3)), call(f(3)), call(const("int64", 2, 2)))

# ---- singular and eigenvalues
VALUES = (call(S), call(S2), call(T), call(W), call(f(0, 3)), call(f(2, 3, 0)))
samples("linalg.svdvals", *VALUES, dtypes=FLOATS, layouts=ROWS_ONLY)
samples("svd", call(S, compute_uv=False), call(f(3, 0)), dtypes=FLOATS, layouts=ROWS_ONLY)
samples("linalg.svd", call(f(3, 0)), call(f(0, 3, 2), full_matrices=False), dtypes=FLOATS, layouts=ROWS_ONLY)
samples(
    "linalg.eigvalsh",
    call(P),
    call(S2),
    call(S, "U"),
    call(S, UPLO="l"),
    call(NONE),
    call(NO_BATCH),
    dtypes=FLOATS,
    layouts=ROWS_ONLY,
    smooth=False,
)
samples(
    "linalg.eigh linalg.eig",
    call(NONE),
    call(NO_BATCH),
    call(f(2, 1, 1, low=1)).but(order=0, dtypes=("float32",)),
    dtypes=FLOATS,
)
samples("linalg.eigvals", call(P), call(NO_BATCH), dtypes=("float32",), layouts=("plain",))
samples("linalg.matrix_rank", call(S), call(T), call(firm(2, 3, 3), tol=3.5), call(P, hermitian=True), call(T, atol=4.0, rtol=0.1), call(of([[1.0, 2.0], [2.0, 4.0]])),
        call(NO_BATCH), call(P2, 5.0, True), dtypes=FLOATS, layouts=ROWS_ONLY)  # fmt: skip
bad(
    "linalg.svd",
    call(f(3)),
    call(of([[float("nan"), 0.0], [0.0, 1.0]])),
    call(S, driver="gesvd"),
    call(const("int64", 2, 2)),
    call(const("float16", 2, 2)),
)
bad("linalg.svdvals svd", call(f(3)))
bad(
    "linalg.eigh linalg.eigvalsh", call(f(2, 3)), call(S, "X"), call(const("int64", 2, 2)), call(const("float16", 2, 2))
)
bad(
    "linalg.eig",
    call(f(2, 3)),
    call(of([[inf, 0.0], [0.0, 1.0]])),
    call(const("int64", 2, 2)),
    call(const("float16", 2, 2)),
)
bad("linalg.matrix_rank", call(f(3)), call(const("int64", 2, 2)))

# ---- norms
ORDERS = ("fro", "nuc", 1, -1, 2, -2, inf, -inf)
samples("linalg.matrix_norm", *[call(T, o) for o in ORDERS], *[call(firm(2, 3, 4), o, dim=(0, 2), keepdim=True) for o in ORDERS], call(S2), call(A, 1, (2, 0)),
        call(T, "fro", dtype=Dtype("float64")).but(dtypes=()), call(f(0, 2, 3)), dtypes=FLOATS, layouts=ROWS_ONLY)  # fmt: skip
samples("linalg.norm", call(T), call(A), call(T, 1), call(S, "nuc"), call(T, 2), call(f(5), 3), call(f(5), 0), call(A, 2, 1), call(A, inf, dim=(0, 2)), call(A, None, (0, 2)),
        call(T, "fro", keepdim=True), call(A, None, None, True), call(f()), dtypes=FLOATS, layouts=ROWS_ONLY)  # fmt: skip
samples("linalg.vector_norm", call(A), call(A, 1), call(A, 3.5, dim=1), call(A, inf, dim=(0, 1), keepdim=True), call(A, -inf, -1), call(A, 0, 1), call(f(0)),
        call(A, dtype=Dtype("float64")).but(dtypes=()), call(f()), dtypes=FLOATS, layouts=ROWS_ONLY)  # fmt: skip
samples("norm", call(T, "nuc"), call(firm(2, 3, 3), "nuc", (1, 2), True), dtypes=FLOATS, layouts=ROWS_ONLY)
samples("nuclear_norm", call(T), call(S2, (0, 2)), call(S2, (0, 2), True), dtypes=FLOATS, layouts=ROWS_ONLY)
samples("frobenius_norm", call(A, 1), call(A, (0, 1)), call(A, (0, 2), True), dtypes=FLOATS, layouts=ROWS_ONLY)
samples("linalg.cond", call(S), call(T), *[call(S2, o).but(smooth=o in (2, -2, "nuc")) for o in ORDERS], call(NONE), call(NO_BATCH, 1), call(of([[1.0, 0.0], [0.0, 0.0]]), 1).but(order=0), dtypes=FLOATS,
        layouts=ROWS_ONLY)  # fmt: skip
bad("linalg.matrix_norm", call(T, 3), call(T, "two"), call(f(3)), call(T, dim=(0,)), call(T, dim=(1, 1)), call(T, dim=(0, 4)), call(const("int64", 2, 2)),
    call(T, dtype=Dtype("int64")))  # fmt: skip
bad("linalg.norm", call(T, 3), call(A, 2), call(A, "fro"), call(A, dim=(0, 1, 2)), call(T, "fro", 1), call(f(3), "fro"))
bad(
    "linalg.vector_norm",
    call(A, "fro"),
    call(A, 1j),
    call(const("int64", 3)),
    call(A, dtype=Dtype("float16")),
    call(A, dtype=Dtype("int64")),
    call(A, dtype=Dtype("complex64")),
)
bad("linalg.cond", call(f(3)), call(S, 3), call(S, "two"), call(T, 1))

# ---- powers and products
samples(
    "linalg.matrix_power matrix_power",
    *[call(S, n) for n in (0, 1, 2, 3, 5, -1, -2)],
    call(S2, 3),
    call(NO_BATCH, 2),
    dtypes=FLOATS,
    layouts=ROWS_ONLY,
)
samples(
    "linalg.matrix_exp matrix_exp",
    call(f(3, 3, low=-1, high=1)),
    call(f(2, 2, 2)),
    call(f(1, 1)),
    call(NO_BATCH),
    dtypes=FLOATS,
    layouts=ROWS_ONLY,
)
samples(
    "linalg.multi_dot",
    call([f(2, 3), f(3, 4)]),
    call([f(3), f(3, 4), f(4)]),
    call([f(2, 3), f(3, 4), f(4, 1), f(1, 5)]),
    dtypes=FLOATS,
    layouts=ROWS_ONLY,
)
samples("linalg.vecdot", call(f(3), f(3)), call(A, f(2, 3, 4)), call(A, f(4)), call(A, f(3, 1), dim=1), dtypes=FLOATS)
samples("linalg.cross", call(f(2, 3), f(2, 3)), call(f(3, 4), f(3, 4), dim=0), call(f(2, 3), f(1, 3)))
samples("linalg.diagonal", call(SQ), call(A), call(A, offset=1), call(A, dim1=0, dim2=1))
samples("linalg.matmul", call(A, f(4, 2)), call(f(3), f(3)))
samples("linalg.vander", call(f(3)), call(f(2, 3), N=4), call(f(3), N=2))
samples("vander", call(f(3)), call(f(3), 4), call(f(3), 2, True), call(f(3), N=0).but(order=0), smooth=False)
bad("linalg.matrix_power", call(f(2, 3), 2), call(f(3), 2), call(S, 1.5), call(of([[0.0, 0.0], [0.0, 0.0]]), -1))
bad("linalg.matrix_exp", call(f(2, 3)), call(f(3)), call(const("int64", 2, 2)))
bad("linalg.multi_dot", call([SQ]), call([f(2, 3), f(2, 3)]), call(SQ))
bad("linalg.vecdot", call(f(3), const("float32", 3)), call(f(3), f(2)), call(const("int64", 3), const("int64", 3)))
bad("linalg.cross", call(f(2, 4), f(2, 4)), call(f(), f()), call(const("bool", 3), const("bool", 3)))
NAN = float("nan")
bad("linalg.cholesky cholesky", call(of([[NAN, 0.0], [0.0, 1.0]])), call(of([[1.0, NAN], [NAN, 1.0]])))
bad("geqrf", call(f(3)))
bad("linalg.lu_solve", call(const("float16", 2, 2), ints([1, 2], "int32"), const("float16", 2, 2)))
bad("linalg.vander", call(f(3), N=1), call(const("float16", 3)))
bad("vander", call(SQ), call(f(3), -1))

# ---- removed
bad("solve lstsq", call(SQ, f(3, 1)))
bad("eig symeig matrix_rank", call(SQ))
