"""Linear algebra that no table of samples can hold: vectors known up to a phase, matrices of which half is read, LAPACK's
`info`, random projections, and how late the code is loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.autograd import gradcheck, gradgradcheck

from .oracle import caught, compare, compare_gradients, same_error, to_array, to_tgrad, torch

pytestmark = pytest.mark.filterwarnings("ignore")  # that functions are old
SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 3), (2, 4, 2), (2, 0, 3)]
DTYPES = ["float32", "float64", "complex64", "complex128"]
CLOSE = {"float32": 2e-5, "complex64": 2e-5, "float64": 1e-11, "complex128": 1e-11}


def matrix(*shape: int, dtype: str = "float64", seed: int = 0) -> Any:
    rng = np.random.default_rng([seed, *shape])
    x = rng.uniform(-2, 2, shape) + (1j * rng.uniform(-2, 2, shape) if dtype.startswith("complex") else 0)
    return torch.from_numpy(np.asarray(x)).to(getattr(torch, dtype))


def hermitian(x: Any) -> Any:
    return x @ x.mH + x.new_tensor(np.eye(x.shape[-1]))


def same_frame(ours: Any, theirs: Any) -> None:
    """Fields, shapes, dtypes, strides and names of nodes of a named tuple, whatever the numbers."""
    assert type(ours).__name__ == type(theirs).__name__
    for field, a, b in zip(
        [f for f in dir(theirs) if f in ("U", "S", "Vh")] or ours._fields, ours, theirs, strict=False
    ):
        assert hasattr(ours, field)
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype) == str(b.dtype)
        assert a.numel() == 0 or tuple(a.stride()) == tuple(b.stride())
        assert (a.grad_fn and a.grad_fn.name()) == (b.grad_fn and b.grad_fn.name())


def near(a: Any, b: Any, dtype: str) -> None:
    np.testing.assert_allclose(to_array(a), to_array(b), rtol=CLOSE[dtype], atol=CLOSE[dtype])


# ---- decompositions whose vectors are free


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("full", [False, True])
def test_svd(dtype: str, shape: tuple[int, ...], full: bool) -> None:
    x = matrix(*shape, dtype=dtype).requires_grad_()
    a = to_tgrad(x)
    got, want = tgrad.linalg.svd(a, full), torch.linalg.svd(x, full)
    same_frame(got, want)
    near(got.S, want.S, dtype)
    U, S, Vh = (t.detach() for t in got)
    k = S.shape[-1]
    near(U[..., :k] * S.unsqueeze(-2).to(a.dtype) @ Vh[..., :k, :], x, dtype)
    for vectors in (U.mH @ U, Vh @ Vh.mH):
        near(vectors, np_eye(vectors), dtype)
    near(tgrad.linalg.svdvals(a), want.S, dtype)
    old = tgrad.svd(a, some=not full)
    same_frame(old, torch.svd(x, some=not full))


def np_eye(like: Any) -> Any:
    return torch.from_numpy(np.broadcast_to(np.eye(like.shape[-1]), tuple(like.shape)).copy())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("uplo", ["L", "U"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4), (0, 0), (0, 3, 3)])
def test_eigh(dtype: str, uplo: str, shape: tuple[int, ...]) -> None:
    x = matrix(*shape, dtype=dtype).requires_grad_()  # not symmetric: the other half must not be read
    a = to_tgrad(x)
    got, want = tgrad.linalg.eigh(a, uplo), torch.linalg.eigh(x, uplo)
    same_frame(got, want)
    near(got.eigenvalues, want.eigenvalues, dtype)
    near(tgrad.linalg.eigvalsh(a, uplo), want.eigenvalues, dtype)
    L, V = (t.detach() for t in got)
    half = torch.tril(x.detach()) if uplo == "L" else torch.triu(x.detach()).mH
    whole = half + torch.tril(half, -1).mH
    diagonal = torch.diag_embed(torch.diagonal(whole, dim1=-2, dim2=-1))
    whole = whole - diagonal + diagonal.real.to(whole.dtype)
    near(V * L.unsqueeze(-2).to(a.dtype) @ V.mH, whole, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4), (0, 3, 3)])
def test_eig(dtype: str, shape: tuple[int, ...]) -> None:
    x = matrix(*shape, dtype=dtype).requires_grad_()
    a = to_tgrad(x)
    got, want = tgrad.linalg.eig(a), torch.linalg.eig(x)
    same_frame(got, want)
    L, V = (t.detach() for t in got)
    np.testing.assert_allclose(
        to_array(x).astype(complex) @ to_array(V), to_array(V) * to_array(L)[..., None, :], atol=CLOSE[dtype] * 10
    )
    np.testing.assert_allclose(np.linalg.norm(to_array(V), axis=-2), np.ones(shape[:-1]), rtol=1e-5)
    for values in (tgrad.linalg.eigvals(a), tgrad.linalg.eigvals(a.detach())):
        np.testing.assert_allclose(
            np.sort_complex(to_array(values)), np.sort_complex(to_array(want.eigenvalues)), rtol=1e-4, atol=1e-4
        )


# Functions that do not depend on signs and phases, nor on the order of eigenvalues.


def of_svd(library: Any, full: bool) -> Callable[[Any], Any]:
    def fn(x: Any) -> Any:
        U, S, Vh = library.linalg.svd(x, full)
        k = S.shape[-1]
        return (
            (U[..., :k].abs().cumsum(-1) * S.unsqueeze(-2)).sum()
            + (Vh[..., :k, :].abs().cumsum(-2) ** 2).sum()
            + (S**3).sum()
        )

    return fn


def of_eigh(library: Any, uplo: str = "L") -> Callable[[Any], Any]:
    def fn(x: Any) -> Any:
        L, V = library.linalg.eigh(x, uplo)
        return (V.abs().cumsum(-2) * L.unsqueeze(-2)).sum() + (L**3).sum()

    return fn


def of_eig(library: Any) -> Callable[[Any], Any]:
    def fn(x: Any) -> Any:
        L, V = library.linalg.eig(x)
        return ((V.abs() ** 2).cumsum(-2) * L.abs().unsqueeze(-2)).sum() + (L**3).sum().abs()

    return fn


CASES = {
    "svd": (of_svd, [(3, 3), (4, 2), (2, 4), (2, 3, 3)], (False,)),
    "svd full": (of_svd, [(3, 3), (4, 2), (2, 4)], (True,)),
    "eigh": (of_eigh, [(3, 3), (2, 3, 3)], ("L",)),
    "eigh upper": (of_eigh, [(3, 3)], ("U",)),
    "eig": (of_eig, [(3, 3), (2, 3, 3)], ()),
}


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", CASES)
def test_gradients_of_vectors(name: str, dtype: str) -> None:
    make, shapes, args = CASES[name]
    for shape in shapes:
        x = matrix(*shape, dtype=dtype, seed=3)
        x = hermitian(x) if name.startswith("eigh") else x
        compare_gradients(make(tgrad, *args), make(torch, *args), [x], scale=2e3)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", CASES)
def test_differences_of_vectors(name: str, dtype: str) -> None:
    make, shapes, args = CASES[name]
    fn = make(tgrad, *args)
    for shape in shapes[:3]:
        x = to_tgrad(matrix(*shape, dtype=dtype, seed=3), True)
        of = (lambda x: fn(hermitian_ours(x))) if name.startswith("eigh") else fn
        gradcheck(of, (x,), atol=1e-4)
        gradgradcheck(of, (x,), atol=1e-3, gen_non_contig_grad_outputs=False)


def hermitian_ours(x: Any) -> Any:
    return x @ x.mH + tgrad.eye(x.shape[-1], dtype=x.dtype)


HALVES = {
    "cholesky": lambda L, x: L.cholesky(hermitian_ours(x)),
    "cholesky upper": lambda L, x: L.cholesky(hermitian_ours(x), upper=True),
    "cholesky_ex": lambda L, x: L.cholesky_ex(hermitian_ours(x)).L,
    "old cholesky": lambda L, x: tgrad.cholesky(hermitian_ours(x), True),
    "cholesky_inverse": lambda L, x: tgrad.cholesky_inverse(factor(x)),
    "cholesky_inverse upper": lambda L, x: tgrad.cholesky_inverse(factor(x).mH, True),
    "cholesky_solve": lambda L, x: tgrad.cholesky_solve(x, factor(x)),
    "cholesky_solve upper": lambda L, x: tgrad.cholesky_solve(x, factor(x).mH, True),
    "pinv": lambda L, x: L.pinv(hermitian_ours(x), hermitian=True),
    "eigvalsh": lambda L, x: L.eigvalsh(hermitian_ours(x)),
    "eigvalsh upper": lambda L, x: L.eigvalsh(hermitian_ours(x), "U"),
}


def factor(x: Any) -> Any:
    """A lower triangular matrix with a positive diagonal."""
    return x.tril(-1) + tgrad.diag_embed(x.diagonal(0, -2, -1).abs() + 1).to(x.dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", HALVES)
def test_differences_of_symmetric(name: str, dtype: str) -> None:
    x = to_tgrad(matrix(3, 3, dtype=dtype, seed=5), True)
    fn = lambda x: HALVES[name](tgrad.linalg, x)
    gradcheck(fn, (x,), atol=1e-4)
    gradgradcheck(fn, (x,), atol=1e-3, gen_non_contig_grad_outputs=False)


@pytest.mark.parametrize("name", ["svd", "eigh", "eig"])
def test_what_depends_on_phases_has_no_derivative(name: str) -> None:
    x = hermitian(matrix(3, 3, dtype="complex128"))
    sides = []
    for library, t in ((tgrad, to_tgrad(x, True)), (torch, x.clone().requires_grad_())):
        fn = getattr(library.linalg, name)
        sides.append(lambda fn=fn, t=t: fn(t)[-1].imag.sum().backward())
    same_error(*sides)


# ---- singular matrices


def test_determinant_of_a_singular_matrix() -> None:
    """Its derivative is the adjugate. (PyTorch's own first derivative is 0 unless create_graph is set.)"""
    a = tgrad.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=tgrad.float64, requires_grad=True)
    (plain,) = tgrad.autograd.grad(tgrad.linalg.det(a), a)
    (recorded,) = tgrad.autograd.grad(tgrad.linalg.det(a), a, create_graph=True)
    for g in (plain, recorded):
        np.testing.assert_allclose(to_array(g), [[4, -2], [-2, 1]], atol=1e-12)
    (second,) = tgrad.autograd.grad(recorded[0, 0], a)
    np.testing.assert_allclose(to_array(second), [[0, 0], [0, 1]], atol=1e-12)
    stack = tgrad.tensor([[[1.0, 2.0], [2.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]], dtype=tgrad.float64, requires_grad=True)
    (g,) = tgrad.autograd.grad(tgrad.linalg.det(stack).sum(), stack)
    np.testing.assert_allclose(to_array(g), [[[4, -2], [-2, 1]], [[4, -3], [-2, 1]]], atol=1e-12)


INFOS = {
    "inv_ex": ([[1.0, 2.0], [0.0, 0.0]], lambda L, a: L.inv_ex(a)),
    "solve_ex": ([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 1.0]]], lambda L, a: L.solve_ex(a, a)),
    "cholesky_ex": ([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]], lambda L, a: L.cholesky_ex(a)),
    "lu_factor_ex": ([[[0.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [2.0, 4.0]]], lambda L, a: L.lu_factor_ex(a)),
    "ldl_factor_ex": ([[0.0, 0.0], [0.0, 1.0]], lambda L, a: L.ldl_factor_ex(a)),
}


@pytest.mark.parametrize("name", INFOS)
def test_info(name: str) -> None:
    values, fn = INFOS[name]
    a = torch.tensor(values, dtype=torch.float64)
    got, want = fn(tgrad.linalg, to_tgrad(a)), fn(torch.linalg, a)
    compare(got.info, want.info)
    assert type(got).__name__ == type(want).__name__
    good = want.info == 0
    if want.info.ndim:
        compare(got[0][to_tgrad(good)], want[0][good], strides=False)


def test_error_class() -> None:
    error = tgrad.linalg.LinAlgError
    assert repr(error) == repr(torch.linalg.LinAlgError)
    assert issubclass(error, RuntimeError)
    with pytest.raises(error, match=r"^linalg.inv: \(Batch element 1\): The diagonal element 2 is zero"):
        tgrad.linalg.inv(tgrad.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [2.0, 4.0]]]))


def test_no_convergence() -> None:
    a = torch.full((2, 2), float("nan"))
    for name in ("svd", "svdvals", "pinv", "cond", "matrix_rank"):
        same_error(
            lambda name=name: getattr(tgrad.linalg, name)(to_tgrad(a)), lambda name=name: getattr(torch.linalg, name)(a)
        )


# ---- many small matrices, which go another way than LAPACK's


@pytest.mark.parametrize("dtype", DTYPES)
def test_many_small_matrices(dtype: str) -> None:
    a, b = matrix(8, 8, 4, 4, dtype=dtype), matrix(8, 8, 4, 3, dtype=dtype)
    tall, wide = matrix(64, 5, 3, dtype=dtype), matrix(64, 3, 5, dtype=dtype)
    for x in (a, tall, wide):
        got, want = tgrad.linalg.lu_factor(to_tgrad(x)), torch.linalg.lu_factor(x)
        assert np.array_equal(to_array(got.pivots), to_array(want.pivots))
        assert tuple(got.LU.stride()) == tuple(want.LU.stride())
        near(got.LU, want.LU, dtype)
    firm = a + 4 * a.new_tensor(np.eye(4))
    for upper in (False, True):
        for unit in (False, True):
            kw = dict(upper=upper, unitriangular=unit)
            near(
                tgrad.linalg.solve_triangular(to_tgrad(firm), to_tgrad(b), **kw),
                torch.linalg.solve_triangular(firm, b, **kw),
                dtype,
            )
            kw["left"] = False
            near(
                tgrad.linalg.solve_triangular(to_tgrad(firm), to_tgrad(b.mT), **kw),
                torch.linalg.solve_triangular(firm, b.mT, **kw),
                dtype,
            )
            for transpose in (False, True):
                args = (upper, transpose, unit)
                near(
                    tgrad.triangular_solve(to_tgrad(b), to_tgrad(firm), *args)[0],
                    torch.triangular_solve(b, firm, *args)[0],
                    dtype,
                )
    near(tgrad.cholesky_solve(to_tgrad(b), to_tgrad(firm)), torch.cholesky_solve(b, firm), dtype)
    scales = torch.logspace(-6, 0.6, 64, dtype=torch.float64).reshape(8, 8, 1, 1).to(a.dtype)
    for x in (a * scales, a * 0):
        near(
            tgrad.matrix_exp(to_tgrad(x)),
            torch.matrix_exp(x.to(torch.complex128 if a.is_complex() else torch.float64)),
            dtype,
        )


def test_many_singular_matrices() -> None:
    a = torch.zeros(70, 3, 3, dtype=torch.float64)
    a[:5, 0, 0], a[5:10], a[10:15] = 1, torch.eye(3, dtype=torch.float64), torch.arange(9.0).reshape(3, 3)
    got, want = tgrad.linalg.lu_factor_ex(to_tgrad(a)), torch.linalg.lu_factor_ex(a)
    compare(got, want)


# ---- arguments in their older and newer forms


@pytest.mark.parametrize(
    "form",
    [
        lambda L, a, t: L.matrix_rank(a, t(0.5)),
        lambda L, a, t: L.matrix_rank(a, atol=t([0.5, 9.0])),
        lambda L, a, t: L.matrix_rank(a, atol=t([0.0, 9.0]), rtol=t(0.9)),
        lambda L, a, t: L.matrix_rank(a, rtol=t(0.9), hermitian=True),
        lambda L, a, t: L.matrix_rank(a, atol=0.0),
        lambda L, a, t: L.pinv(a, t(0.9)),
        lambda L, a, t: L.pinv(a, rtol=t([0.1, 0.99])),
        lambda L, a, t: L.pinv(a, atol=t([4.0, 0.0])),
        lambda L, a, t: L.pinv(a, atol=1e9),
        lambda L, a, t: L.norm(a, 3, dim=2),
        lambda L, a, t: L.vector_norm(a, t(3)),
    ],
)
def test_tolerances(form: Callable[..., Any]) -> None:
    a = hermitian(matrix(2, 3, 3, seed=9))
    number = lambda library: lambda value: library.tensor(value, dtype=library.float64)
    compare(form(tgrad.linalg, to_tgrad(a), number(tgrad)), form(torch.linalg, a, number(torch)), scale=100)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 6, 4)])
def test_low_rank(shape: tuple[int, ...]) -> None:
    """The same projections are drawn, so the same singular values come out, and vectors up to signs."""
    x = matrix(*shape)
    for fn in (
        lambda lib, a: lib.svd_lowrank(a, 3),
        lambda lib, a: lib.pca_lowrank(a, 2, niter=1),
        lambda lib, a: lib.svd_lowrank(a, 2, M=a * 0.5),
    ):
        outs = []
        for library, a in ((tgrad, to_tgrad(x)), (torch, x)):
            library.manual_seed(4)
            outs.append(fn(library, a))
        for a, b in zip(*outs, strict=True):
            np.testing.assert_allclose(np.abs(to_array(a)), np.abs(to_array(b)), atol=1e-9)
    same_error(lambda: tgrad.pca_lowrank(to_tgrad(x), 9), lambda: torch.pca_lowrank(x, 9))


# ---- the module


def test_every_name_is_there() -> None:
    names = [n for n in dir(torch.linalg) if not n.startswith("_") and callable(getattr(torch.linalg, n))]
    assert sorted(tgrad.linalg.__all__) == sorted(n for n in names if n != "common_notes")
    for name in names:
        mine, real = getattr(tgrad.linalg, name), getattr(torch.linalg, name)
        assert mine.__name__ == real.__name__ or name == "LinAlgError", name
        assert len(mine.__doc__) > 20


OLD = (
    "cholesky cholesky_inverse cholesky_solve det geqrf inverse logdet lu_solve matrix_exp matrix_power orgqr ormqr pinverse qr slogdet svd "
    "triangular_solve frobenius_norm lu_unpack nuclear_norm vander"
).split()
NAMES = ["linalg." + n for n in tgrad.linalg.__all__ if n != "LinAlgError"] + OLD


def find(library: Any, name: str) -> Any:
    return getattr(library.linalg, name[7:]) if name.startswith("linalg.") else getattr(library, name)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_arguments(name: str) -> None:
    """None, something else, too many, an unknown word, an `out=` that is no tensor."""
    calls = [
        lambda f, m: f(),
        lambda f, m: f(1),
        lambda f, m: f(m.eye(2), zz=1),
        lambda f, m: f(*[m.eye(2)] * 7),
    ]
    if name not in ("linalg.pinv", "linalg.matrix_rank"):  # PyTorch's list of arguments ends with a comma there
        calls.append(lambda f, m: f(zz=1))
    if name not in ("linalg.lstsq", "linalg.tensorinv"):  # ours looks at `out` last
        calls.append(lambda f, m: f(m.eye(2), out=1))
    for call in calls:
        same_error(lambda call=call: call(find(tgrad, name), tgrad), lambda call=call: call(find(torch, name), torch))


@pytest.mark.parametrize("name", [n for n in OLD if hasattr(torch.Tensor, n)])
def test_methods(name: str) -> None:
    """The methods take the arguments that PyTorch's do."""
    a, b = to_tgrad(torch.eye(2)), torch.eye(2)
    same_error(lambda: getattr(a, name)(zz=1), lambda: getattr(b, name)(zz=1))
    same_error(lambda: getattr(a, name)(out=a), lambda: getattr(b, name)(out=b))
    for word in ("input2", "tau", "L", "other", "A", "upper", "some"):
        flag = word in ("upper", "some")
        try:
            getattr(b, name)(**{word: True if flag else b})
        except (TypeError, RuntimeError):
            continue
        getattr(a, name)(**{word: True if flag else a})


@pytest.mark.parametrize(
    "call",
    [
        lambda L, a: L.matrix_power(a, 1.5),
        lambda L, a: L.pinv(a, atol=a, rtol=0.1),
        lambda L, a: L.eigh(a, A=a),
    ],
)
def test_wrong_types(call: Callable[..., Any]) -> None:
    a = torch.eye(2)
    same_error(lambda: call(tgrad.linalg, to_tgrad(a)), lambda: call(torch.linalg, a))


OUTS = {
    "linalg.inv": 1, "linalg.slogdet": 2, "linalg.eig": 2, "linalg.eigvals": 1, "linalg.eigh": 2, "linalg.svd": 3, "linalg.qr": 2, "linalg.pinv": 1,
    "linalg.lu": 3, "linalg.cond": 1, "linalg.matrix_norm": 1, "linalg.norm": 1, "linalg.vector_norm": 1, "linalg.matrix_rank": 1,
    "linalg.cholesky_ex": 2, "linalg.ldl_factor": 2, "cholesky": 1, "geqrf": 2, "svd": 3, "slogdet": 2, "nuclear_norm": 1, "inverse": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", OUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "complex64"])
def test_out_of_another_dtype(name: str, dtype: str) -> None:
    def call(library: Any) -> Any:
        outs = [library.empty(0, dtype=getattr(library, dtype)) for _ in range(OUTS[name])]
        return find(library, name)(library.eye(3), out=outs[0] if len(outs) == 1 else tuple(outs))

    if caught(lambda: call(torch)) is None:
        compare(call(tgrad), call(torch), strides=False)
    else:
        same_error(lambda: call(tgrad), lambda: call(torch))


def test_out_of_powers_and_solutions() -> None:
    calls = [
        lambda m, out: m.linalg.matrix_power(m.eye(2), 2, out=out),
        lambda m, out: m.linalg.solve(m.eye(2), m.eye(2), out=out),
        lambda m, out: m.linalg.solve_triangular(m.eye(2), m.eye(2), upper=True, out=out),
        lambda m, out: m.linalg.vecdot(m.eye(2), m.eye(2), out=out),
        lambda m, out: m.linalg.multi_dot([m.eye(2), m.eye(2)], out=out),
        lambda m, out: m.linalg.tensorinv(m.eye(2), 1, out=out),
        lambda m, out: m.ormqr(m.eye(2), m.ones(2), m.eye(2), out=out),
        lambda m, out: m.linalg.householder_product(m.eye(2), m.ones(2), out=out),
    ]
    for call in calls:
        for dtype in ("float64", "int64"):
            sides = [lambda m=m: call(m, m.empty(0, dtype=getattr(m, dtype))) for m in (tgrad, torch)]  # noqa: B023
            if caught(sides[1]) is not None:
                same_error(*sides)
            else:
                compare(sides[0](), sides[1](), strides=False)


def test_other_spellings() -> None:
    a = torch.arange(6.0).reshape(2, 3)
    for call in (
        lambda L, a: L.norm(a, axis=1, keepdims=True),
        lambda L, a: L.vector_norm(x=a, ord=3),
        lambda L, a: L.matrix_norm(input=a),
        lambda L, a: L.svdvals(A=a),
    ):
        compare(call(tgrad.linalg, to_tgrad(a)), call(torch.linalg, a))


def test_loaded_when_first_used() -> None:
    code = (
        "import sys, tgrad; names = ('tgrad.linalg', 'tgrad.composite.matrices', 'tgrad.ops.solving');"
        "print([n for n in names if n in sys.modules]); tgrad.eye(2).det(); print([n for n in names if n in sys.modules], 'scipy' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")
    assert out[0] == "[]"
    assert out[1] == "['tgrad.composite.matrices', 'tgrad.ops.solving'] False"


# ---- under transforms


@pytest.mark.parametrize("name", ["cholesky", "cholesky upper", "cholesky_inverse", "cholesky_solve", "eigvalsh"])
def test_tangents_of_symmetric(name: str) -> None:
    """Forward mode, against the directional derivative that reverse mode gives."""
    x, t = (to_tgrad(matrix(3, 3, seed=s)) for s in (5, 6))
    fn = lambda x: HALVES[name](tgrad.linalg, x)
    _, got = tgrad.func.jvp(fn, (x,), (t,))
    rows = tgrad.func.jacrev(fn)(x)
    near(got, to_tensor((to_array(rows) * to_array(t)).sum((-1, -2))), "float64")


def to_tensor(a: np.ndarray) -> Any:
    return torch.from_numpy(np.asarray(a))


def test_singular_matrix_in_a_batch() -> None:
    a = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [2.0, 4.0]]])
    same_error(lambda: tgrad.vmap(tgrad.linalg.inv)(to_tgrad(a)), lambda: torch.vmap(torch.linalg.inv)(a))
    compare(tgrad.vmap(tgrad.linalg.matrix_rank)(to_tgrad(a)), torch.vmap(torch.linalg.matrix_rank)(a))


def test_gradients_in_a_batch() -> None:
    """Per-sample gradients, of a determinant that is zero among them."""
    a = torch.tensor([[[3.0, 1.0], [0.0, 1.0]], [[1.0, 2.0], [2.0, 4.0]]], dtype=torch.float64)
    got = tgrad.vmap(tgrad.func.grad(tgrad.linalg.det))(to_tgrad(a))
    np.testing.assert_allclose(to_array(got), [[[1, 0], [-1, 3]], [[4, -2], [-2, 1]]], atol=1e-12)
    for name in ("slogdet", "inv", "svdvals", "eigvalsh", "matrix_exp", "pinv", "cholesky"):
        sides = []
        for library, t in ((tgrad, to_tgrad(hermitian(a))), (torch, hermitian(a))):
            fn = getattr(library.linalg, name)
            loss = lambda x, fn=fn: (
                fn(x)[1] if fn(x).__class__.__name__ == "linalg_slogdet" else fn(x * 0.25) ** 2
            ).sum()
            sides.append(library.vmap(library.func.grad(loss))(t))
        near(*sides, "float64")
