"""Products of matrices and vectors in all the shapes that `matmul` takes, and what is made of them."""

from __future__ import annotations

from typing import Any

from ..dispatch import bad_argument, into
from ..methods import attach, composite
from ..ops import linalg as rows
from ..ops import view as views
from ..shape import broadcast_shapes
from ..tensor import Tensor


@composite(method=True)
def matmul(input, other, *, out=None):
    """The matrix product, batched and broadcast over all but the last two dimensions; vectors count as rows or columns.

    >>> matmul(functions.ones(2, 3), functions.ones(3))
    tensor([3., 3.])
    """
    for i, x in enumerate((input, other)):
        if not isinstance(x, Tensor):
            raise bad_argument("matmul", i + 1, ("input", "other")[i], x)
    r = product(input, other)
    return r if out is None else into(out, r, "matmul")


def product(a: Tensor, b: Tensor) -> Tensor:
    m, n = a._a.ndim, b._a.ndim
    if m == 0 or n == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {m}D and {n}D")
    if m == 1 and n == 1:
        return rows.dot.record(a, b)
    if m == 2 and n == 1:
        return rows.mv.record(a, b)
    if m == 1 and n == 2:
        return rows.mm.record(a.unsqueeze(0), b).squeeze(0)  # type: ignore[attr-defined]
    if m == 2 and n == 2:
        return rows.mm.record(a, b)
    return _batched(a, b, m, n)


def _batched(a: Tensor, b: Tensor, m: int, n: int) -> Tensor:
    if (m >= 3 and n <= 2) or (n >= 3 and m <= 2):
        folded = _folded(a, b, m, n)
        if folded is not None:
            return folded
    x = a.unsqueeze(0) if m == 1 else a  # type: ignore[attr-defined]
    y = b.unsqueeze(-1) if n == 1 else b  # type: ignore[attr-defined]
    sa, sb = x._a.shape, y._a.shape
    batch = broadcast_shapes(sa[:-2], sb[:-2])
    count = 1
    for k in batch:
        count *= k
    xe = x.expand((*batch, *sa[-2:])).reshape((count, *sa[-2:]))  # type: ignore[attr-defined]
    ye = y.expand((*batch, *sb[-2:])).reshape((count, *sb[-2:]))  # type: ignore[attr-defined]
    r = rows.bmm.record(xe, ye)
    shape = [*batch]
    if m > 1:
        shape.append(sa[-2])
    if n > 1:
        shape.append(sb[-1])
    return views.unsafe_view.record(r, tuple(shape))


def _folded(a: Tensor, b: Tensor, m: int, n: int) -> Tensor | None:
    """A batch times one matrix is one larger product, when the batch can be seen as one tall matrix without a copy (or
    needs a gradient, where the copy costs less than a batched product)."""
    if n >= 3:
        # (m x k) @ batch = ((batch^T) @ (k x m))^T
        t1 = b.transpose(-1, -2)  # type: ignore[attr-defined]
        t2 = a.t() if m == 2 else a  # type: ignore[attr-defined]
        if m == 2 and not _worth_folding(t1, t2):
            return None
        r = _fold(t1, t2)
        return r.transpose(-1, -2) if m == 2 else r  # type: ignore[attr-defined]
    if n == 2 and not _worth_folding(a, b):
        return None
    return _fold(a, b)


def _worth_folding(t1: Tensor, t2: Tensor) -> bool:
    if t2.requires_grad or t1._a.ndim < 3:
        return True
    if t1._a.size == 0:
        return True
    from ..shape import view_strides
    from ..storage import strides

    shape = t1._a.shape
    return view_strides(shape, strides(t1._a), (t1._a.size // max(shape[-1], 1), shape[-1])) is not None


def _fold(t1: Tensor, t2: Tensor) -> Tensor:
    shape = t1._a.shape
    tall = 1
    for k in shape[:-1]:
        tall *= k
    flat = t1.reshape((tall, shape[-1]))  # type: ignore[attr-defined]
    if t2._a.ndim == 1:
        return views.unsafe_view.record(rows.mv.record(flat, t2), shape[:-1])
    return views.unsafe_view.record(rows.mm.record(flat, t2), (*shape[:-1], t2._a.shape[1]))


def _matmul_method(self: Tensor, other: Any) -> Any:
    return product(self, other) if isinstance(other, Tensor) else NotImplemented


attach("__matmul__", _matmul_method)
attach("__rmatmul__", lambda self, other: product(other, self) if isinstance(other, Tensor) else NotImplemented)


@composite(method=True, aliases="ger")
def outer(input, vec2, *, out=None):
    """Each element of one vector times each of the other."""
    for name, t in (("self", input), ("vec2", vec2)):
        if t.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {t.ndim}-D")
    r = input.reshape((input.shape[0], 1)) * vec2
    return r if out is None else into(out, r, "outer")


@composite(method=True)
def inner(input, other, *, out=None):
    """Sums of products over the last dimension of both."""
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and {list(other.shape)}"
        )
    return tensordot(input, other, dims=([-1], [-1]))


@composite()
def tensordot(a, b, dims=2, out=None):
    """Sums of products over the given dimensions of both tensors."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        da, db = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        da, db = (list(d) if isinstance(d, (list, tuple)) else [d] for d in dims)
    if len(da) != len(db):
        raise RuntimeError("both dimension lists should have same length")
    da, db = [d % a.ndim if a.ndim else d for d in da], [d % b.ndim if b.ndim else d for d in db]
    for i, j in zip(da, db, strict=True):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and second has size {b.shape[j]} "
                f"in dim {j}"
            )
        if a.shape[i] != b.shape[j]:
            if a.shape[i] == 1:
                b = b.sum(j, keepdim=True)
            else:
                a = a.sum(i, keepdim=True)
    ra, rb = [d for d in range(a.ndim) if d not in da], [d for d in range(b.ndim) if d not in db]
    k = 1
    for d in da:
        k *= a.shape[d]
    left = a.permute(ra + da).reshape((-1 if 0 not in a.shape else _count(a, ra), k))
    right = b.permute(db + rb).reshape((k, -1 if 0 not in b.shape else _count(b, rb)))
    return rows.mm.record(left, right).reshape([a.shape[d] for d in ra] + [b.shape[d] for d in rb])


def _count(t: Tensor, dims: list[int]) -> int:
    n = 1
    for d in dims:
        n *= t.shape[d]
    return n


@composite(method=True)
def addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * outer(vec1, vec2)."""
    prod = outer(vec1, vec2)
    prod = prod if alpha == 1 else prod * alpha
    return prod if beta == 0 else (input if beta == 1 else input * beta) + prod


@composite(method=True)
def addbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * the sum of the batch's products."""
    prod = rows.bmm.record(batch1, batch2).sum(0)
    return (input if beta == 1 else input * beta) + (prod if alpha == 1 else prod * alpha) if beta else prod * alpha


@composite()
def chain_matmul(*matrices, out=None):
    """The product of several matrices, from left to right."""
    r = matrices[0]
    for m in matrices[1:]:
        r = rows.mm.record(r, m)
    return r


@composite()
def linear(input, weight, bias=None):
    """input @ weight.T + bias. AddmmBackward0 for a matrix with bias, as PyTorch records it."""
    if not isinstance(input, Tensor):
        raise bad_argument("linear", 1, "input", input)
    if bias is None:
        return product(input, weight.t() if weight._a.ndim == 2 else weight)
    if weight._a.ndim == 2 and input._a.ndim == 2:
        return rows.addmm.record(bias, input, weight.t())
    if weight._a.ndim == 2 and input._a.ndim == 3 and input.is_contiguous():
        flat = input.view(-1, input._a.shape[-1]) if input._a.size else input.reshape((input._a.shape[0] * input._a.shape[1], input._a.shape[2]))
        return rows.addmm.record(bias, flat, weight.t()).view((*input._a.shape[:-1], weight._a.shape[0]))
    out = product(input, weight.t() if weight._a.ndim == 2 else weight)
    return out.add_(bias) if out._node is not None or not out._rg else out + bias
