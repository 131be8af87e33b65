"""Norms, condition, rank, and the products that `torch.linalg` names."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from ... import functions as F
from ...dtype import dtype as Dtype
from ...dtype import from_np, int64, promote_types
from ...levels import leading
from ...ops import decompositions, lapack, magnitude, scan, solving
from ...ops.decompositions import frobenius
from ...ops.linalg import linalg_cross
from ...ops.spec import REQUIRED
from ...shape import wrap_dim
from ...tensor import Tensor, wrap
from ..products import multi_dot as chained
from . import equations, factors
from .common import dims, public

WRONG_NORM_OUT = "linalg.{name} expected out tensor dtype {{Want}} but got: {{Got}}"


def check_dtype(A: Tensor, dtype: Any, name: str) -> None:
    """RuntimeError unless a norm of A can be computed in a dtype."""
    if dtype is None:
        return
    if not isinstance(dtype, Dtype):
        raise TypeError(f"{name.replace('.', '_')}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    if dtype.category < 2:
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {dtype.legacy}")
    if dtype.is_complex != A.dtype.is_complex:
        wanted, own = ("complex", "complex") if A.dtype.is_complex else ("real", "real")
        raise RuntimeError(f"{name}: dtype should be {wanted} for {own} inputs, but got {dtype.legacy}")
    if promote_types(A.dtype, dtype) is not dtype:
        raise RuntimeError(f"{name}: the dtype of the input ({A.dtype.legacy}) should be convertible without narrowing to the specified dtype "
                           f"({dtype.legacy})")  # fmt: skip


def order_of(name: str, ord: Any) -> float:
    """The order of a vector norm as a number."""
    if isinstance(ord, Tensor) and ord.ndim == 0:
        ord = ord.item()  # type: ignore[attr-defined]
    if isinstance(ord, complex):
        raise RuntimeError("linalg.vector_norm: Expected a non-complex scalar as the order of norm.")
    if isinstance(ord, bool) or not isinstance(ord, (int, float, np.number)):
        raise TypeError(f"{name}(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}")
    return float(ord)


def _vector(x: Tensor, ord: float, dim: Any, keepdim: bool, dtype: Any) -> Tensor:
    lapack.floating(x._a, "linalg.vector_norm")
    check_dtype(x, dtype, "linalg.vector_norm")
    if dtype is not None and dtype is not x.dtype:
        x = x.to(dtype)  # type: ignore[attr-defined]
    return magnitude.vector_norm.record(x, ord, None if dim == () else dim, keepdim)


@public("linalg_vector_norm", "input")
def vector_norm(input=REQUIRED, ord=2, dim=None, keepdim=False, *, dtype=None):
    """(sum |x|**ord)**(1/ord) over dim (everything by default); inf and -inf for the largest and smallest, 0 for how many are
    not 0. Real, for complex x too.

    >>> import tgrad as torch
    >>> torch.linalg.vector_norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return _vector(
        input, order_of("linalg_vector_norm", ord), dims("linalg_vector_norm", "dim", 3, dim), bool(keepdim), dtype
    )


def _to_the_end(A: Tensor, pair: tuple[int, int]) -> tuple[Tensor, list[int]]:
    """A with two dimensions moved to the end, and the permutation that moves them back."""
    order = [d for d in range(A.ndim) if d not in pair] + list(pair)
    return A.permute(order), [order.index(d) for d in range(A.ndim)]  # type: ignore[attr-defined]


def _matrix(A: Tensor, ord: Any, dim: tuple[int, ...], keepdim: bool, dtype: Any) -> Tensor:
    name = "linalg.matrix_norm"
    text = isinstance(ord, str)
    low = not (text and ord == "nuc") and not (not text and abs(ord) == 2)
    if text and ord not in ("fro", "nuc"):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    if not text and abs(ord) not in (1, 2, inf):
        raise RuntimeError(f"{name}: Order {ord:g} not supported.")
    lapack.at_least_2d(A._a, name)
    lapack.floating(A._a, name, low)
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {', '.join(map(str, dim))}")
    a, b = wrap_dim(dim[0], A.ndim), wrap_dim(dim[1], A.ndim)
    if a == b:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    check_dtype(A, dtype, name)
    if text and ord == "fro":
        return _vector(A, 2.0, (a, b), keepdim, dtype)
    if text or abs(ord) == 2:
        if dtype is not None:
            A = A.to(dtype)  # type: ignore[attr-defined]
        moved, back = _to_the_end(A, (a, b))
        values = factors.singular_values(moved)
        r = values.sum(-1, keepdim=keepdim) if text else _extreme(values, -1, keepdim, ord)  # type: ignore[attr-defined]
        return r.unsqueeze(-1).permute(back) if keepdim else r
    if abs(ord) == inf:
        a, b = b, a
    sums = _vector(A, 1.0, (a,), keepdim, dtype)
    return _extreme(sums, b - 1 if not keepdim and a < b else b, keepdim, ord)


def _extreme(x: Tensor, dim: int, keepdim: bool, ord: float) -> Tensor:
    return x.amax(dim, keepdim) if ord > 0 else x.amin(dim, keepdim)  # type: ignore[attr-defined]


def _order(name: str, ord: Any) -> Any:
    return ord if isinstance(ord, str) else order_of(name, ord)


@public("linalg_matrix_norm", "input", out=WRONG_NORM_OUT.format(name="matrix_norm"), overloads="some")
def matrix_norm(input=REQUIRED, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """The norm of the matrices along two dimensions: "fro" (of the elements), "nuc" (the sum of the singular values), 2 and -2
    (the largest, the smallest of them), 1 and -1 (of the sums of columns), inf and -inf (of rows)."""
    return _matrix(
        input, _order("linalg_matrix_norm", ord), dims("linalg_matrix_norm", "dim", 3, dim) or (), bool(keepdim), dtype
    )


def _norm(A: Tensor, ord: Any, dim: tuple[int, ...] | None, keepdim: bool, dtype: Any) -> Tensor:
    if dim is not None and len(dim) not in (1, 2) and not isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if dim is None and ord is not None and A.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    if isinstance(ord, str):
        return _matrix(A, ord, (0, 1) if dim is None else dim, keepdim, dtype)
    if ord is not None and (len(dim) == 2 if dim is not None else A.ndim == 2):
        return _matrix(A, ord, (0, 1) if dim is None else dim, keepdim, dtype)
    return _vector(A, 2.0 if ord is None else ord, dim, keepdim, dtype)


@public("linalg_norm", "input", out=WRONG_NORM_OUT.format(name="norm"), overloads="some")
def norm(input=REQUIRED, ord=None, dim=None, keepdim=False, *, dtype=None):
    """`matrix_norm` where `dim` names two dimensions (or there are two, and `ord` is given), `vector_norm` else.

    >>> import tgrad as torch
    >>> torch.linalg.norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), 2)
    tensor(4.)
    """
    own = None if ord is None else _order("linalg_norm", ord)
    return _norm(input, own, dims("linalg_norm", "dim", 3, dim), bool(keepdim), dtype)


@public("nuclear_norm", "input", out=WRONG_NORM_OUT.format(name="matrix_norm"), overloads="some")
def nuclear_norm(input=REQUIRED, dim=None, keepdim=False):
    """The sum of the singular values."""
    if isinstance(dim, bool):
        dim, keepdim = None, dim
    return nuclear(input, dim, bool(keepdim))


def nuclear(input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    """`nuclear_norm`, which `torch.norm` is for "nuc"."""
    return _matrix(input, "nuc", (-2, -1) if dim is None else dims("nuclear_norm", "dim", 2, dim) or (), keepdim, None)


@public("frobenius_norm", "input")
def frobenius_norm(input=REQUIRED, dim=REQUIRED, keepdim=False):
    """The square root of the sum of squares over one or two dimensions."""
    along = dims("frobenius_norm", "dim", 2, dim) or ()
    if len(along) > 2:
        raise RuntimeError(f"Expected at most 2 dimensions, but got {len(along)} dimensions instead.")
    return frobenius.record(input, along or None, bool(keepdim))


# ---- condition and rank


@public("linalg_cond", "input", castable="linalg.cond", overloads="some")
def cond(input=REQUIRED, p=None):
    """The condition number of each matrix in a stack, by the norm p: largest over smallest singular value by default."""
    if isinstance(p, str):
        if p not in ("fro", "nuc"):
            raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    elif p is not None:
        p = order_of("linalg_cond", p)
        if abs(p) not in (1, 2, inf):
            raise RuntimeError(f"linalg.cond got an invalid norm type: {p:g}")
    if input._a.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p is None or p in (2, -2):
        if input._a.size == 0:
            return _no_condition(input)
        values = factors.singular_values(input)
        k = values.shape[-1]
        first, last = values.narrow(-1, 0, 1), values.narrow(-1, k - 1, 1)  # type: ignore[attr-defined]
        return (last / first if p == -2 else first / last).squeeze(-1)
    lapack.square(input._a, f"linalg.cond(ord={p if isinstance(p, str) else format(p, 'g')})")
    if input._a.size == 0:
        return _no_condition(input)
    if p == "nuc":
        return matrix_norm(input, "nuc") * matrix_norm(equations.inv(input), "nuc")
    inverse, info = solving.inv_ex.record(input)
    inverse.masked_fill_(
        (info > 0).unsqueeze(-1).unsqueeze(-1), inf
    )  # in place, as PyTorch does: so there is no derivative
    r = matrix_norm(input, p) * matrix_norm(inverse, p)
    return r.nan_to_num(inf, inf, -inf)


def _no_condition(A: Tensor) -> Tensor:
    return F.zeros(tuple(A.shape[:-2]), dtype=from_np(A._a.real.dtype))


@public("linalg_matrix_rank", "input", castable="torch.linalg.matrix_rank", overloads="all")
@leading
def matrix_rank(input=REQUIRED, tol=None, hermitian=False, *, atol=None, rtol=None):
    """How many singular values of each matrix in a stack exceed max(atol, rtol * the largest), as int64.

    `hermitian` matrices go by their eigenvalues. atol and rtol are numbers or tensors, one for each matrix.
    """
    return rank(input, atol, rtol, tol, bool(hermitian))


def rank(A: Tensor, atol: Any, rtol: Any, tol: Any, hermitian: bool) -> Tensor:
    if tol is not None:
        atol, rtol = tol, None
    a = A._a
    if a.ndim < 2:
        raise RuntimeError("torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    if a.dtype.kind in "biu" or a.dtype.itemsize == 2:
        raise RuntimeError("This function doesn't handle types other than float and double")
    absolute, relative = equations.tolerance(A, atol, rtol, "torch.linalg.matrix_rank")
    if tol is not None:
        relative = np.zeros(())
    if a.size == 0:
        return wrap(np.zeros(a.shape[:-2], np.int64))
    size = (
        np.abs(decompositions.eigh.array(a, "L", False)[0])
        if hermitian
        else decompositions.svd.array(a, False, False)[1]
    )
    top = size.max(-1, keepdims=True)
    return wrap(np.asarray((size > np.maximum(absolute, relative * top)).sum(-1), np.int64))


# ---- products


@public("linalg_cross", "input other")
def cross(input=REQUIRED, other=REQUIRED, *, dim=-1):
    """The vector product along a dimension of size 3; the others broadcast."""
    return linalg_cross.record(input, other, dim)


@public("linalg_vecdot", "x y", out="linalg.vecdot: Expected out of dtype{Want} but found {Got}")
def vecdot(x=REQUIRED, y=REQUIRED, *, dim=-1):
    """The sum of conj(x) * y along dim; the others broadcast."""
    lapack.floating(x._a, "linalg.vecdot")
    if x.dtype is not y.dtype:
        raise RuntimeError(f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {x.dtype.legacy} and y of type "
                           f"{y.dtype.legacy} instead")  # fmt: skip
    if x.ndim == 1 and y.ndim == 1:
        return F.vdot(x, y)
    return (x.conj() * y).sum(dim)


@public("linalg_multi_dot", "", out="multi_dot(): expected out tensor to have dtype {want} but got {got}")
def multi_dot(tensors=REQUIRED):
    """The product of two or more matrices (the first and last may be vectors), in the order that costs least."""
    return chained(list(tensors))


@public("linalg_diagonal", out=None)
def diagonal(A=REQUIRED, *, offset=0, dim1=-2, dim2=-1):
    """A view of the diagonals of the matrices along two dimensions, by default the last ones."""
    return A.diagonal(offset, dim1, dim2)


@public("linalg_matmul", "input other")
def matmul(input=REQUIRED, other=REQUIRED):
    """The matrix product, as `torch.matmul` makes it."""
    return F.matmul(input, other)


# ---- Vandermonde's matrix


@public("linalg_vander", "x", out=None)
def vander(x=REQUIRED, *, N=None):
    """The powers 0 .. N - 1 (by default as many as there are elements in a row) of each element, along a new last dimension."""
    d = x.dtype
    if d.category == 0 or (d.category == 2 and d.itemsize == 2):
        raise RuntimeError(f"linalg.vander supports floating point, complex, and integer tensors, but got {d.legacy}")
    x = x if x.ndim else x.reshape(1)
    n = x.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    shape = (*x.shape, n - 1)
    powers = scan.cumprod.record(x.unsqueeze(-1).expand(shape), -1)
    return F.cat((F.ones((*x.shape, 1), dtype=powers.dtype), powers), -1)


@public("vander", "x", out=None)
def old_vander(x=REQUIRED, N=None, increasing=False):
    """The powers of each element of a vector, one row each: N of them, falling unless `increasing`."""
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    r = x.new_empty((x.shape[0], n), dtype=int64 if x.dtype.category < 2 else x.dtype)
    if n > 0:
        r.select(1, 0).fill_(1)
        if n > 1:
            r[:, 1:].copy_(x.unsqueeze(1))
            r[:, 1:].copy_(scan.cumprod.record(r[:, 1:], 1))
    return r if increasing else r.flip((1,))
