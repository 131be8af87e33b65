"""Products of matrices and vectors in all the shapes that `matmul` takes, and what is made of them."""

from __future__ import annotations

from math import prod
from typing import Any

from ..dispatch import bad_argument, into, typed_into
from ..methods import attach, composite
from ..ops import linalg as rows
from ..ops import view as views
from ..shape import broadcast_shapes, wrap_dim
from ..tensor import Tensor

_TENSORDOT_OUT = "tensordot: Expected the output tensor to have dtype {Want}, but got an output tensor with dtype {Got}"


@composite(method=True)
def matmul(input, other, *, out=None):
    """The matrix product, batched and broadcast over all but the last two dimensions; vectors count as rows or columns.

    Two vectors give a number, a matrix and a vector a vector, two matrices a matrix; with more dimensions, one for each place of
    the batch. RuntimeError if the sizes do not fit or the dtypes differ.

    >>> torch.matmul(torch.ones(2, 3), torch.ones(3))
    tensor([3., 3.])
    >>> torch.matmul(torch.ones(5, 2, 3), torch.ones(3, 4)).shape
    torch.Size([5, 2, 4])
    """
    if not (isinstance(input, Tensor) and isinstance(other, Tensor)):
        i, x = (0, input) if not isinstance(input, Tensor) else (1, other)
        raise bad_argument("matmul", i + 1, ("input", "other")[i], x)
    r = product(input, other)
    return r if out is None else typed_into(out, r, "matmul")


def product(a: Tensor, b: Tensor) -> Tensor:
    """`matmul` of two tensors: which row it is depends on their dimensions; see Note [Folding]."""
    m, n = a._a.ndim, b._a.ndim
    if m == 2 and n == 2:
        return rows.mm.record(a, b)
    if m == 0 or n == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {m}D and {n}D")
    if m == 1 and n == 1:
        return rows.dot.record(a, b)
    if m == 2 and n == 1:
        return rows.mv.record(a, b)
    if m == 1 and n == 2:
        return rows.mm.record(a.unsqueeze(0), b).squeeze_(0)  # type: ignore[attr-defined]
    if _folds(a, b):
        return _folded(a, b)
    return _batched(a, b)


# Note [Folding]
# A batch times one matrix (or vector) is one larger product of the batch seen as a tall matrix. PyTorch folds when that
# needs no copy of the batch, or when the matrix needs a gradient (expanding it would make its gradient as large as the
# batch). With the batch on the right, everything is transposed first.


def _folds(a: Tensor, b: Tensor) -> bool:
    m, n = a._a.ndim, b._a.ndim
    large, small = (a._a, b) if m >= n else (b._a.swapaxes(-1, -2), a)
    if large.ndim < 3 or small._a.ndim > 2:
        return False
    if small.requires_grad:
        return True
    if m == 2:
        return False
    if large.size == 0:
        return True
    steps, shape = large.strides, large.shape
    return all(steps[i] == steps[i + 1] * shape[i + 1] for i in range(large.ndim - 2))


def _folded(a: Tensor, b: Tensor) -> Tensor:
    m, n = a._a.ndim, b._a.ndim
    turned = n > m
    large = b.mT if turned else a  # type: ignore[attr-defined]
    small = (a.t() if m == 2 else a) if turned else b  # type: ignore[attr-defined]
    shape = large._a.shape
    tall = prod(shape[:-1])
    flat = large.reshape((tall, shape[-1]))
    if small._a.ndim == 1:
        return views.unsafe_view.record(rows.mv.record(flat, small), shape[:-1])
    out = views.unsafe_view.record(rows.mm.record(flat, small), (*shape[:-1], small._a.shape[1]))
    return out.mT.contiguous() if turned else out  # type: ignore[attr-defined]


def _batched(a: Tensor, b: Tensor) -> Tensor:
    m, n = a._a.ndim, b._a.ndim
    sa, sb = a._a.shape, b._a.shape
    if m == 3 and n == 3 and sa[0] != sb[0]:  # a batch of one is a matrix
        if sa[0] == 1 and a.requires_grad:
            return product(a.squeeze(0), b)  # type: ignore[attr-defined]
        if sb[0] == 1 and b.requires_grad:
            return product(a, b.squeeze(0))  # type: ignore[attr-defined]
    tall, inner = (sa[-2] if m > 1 else 1), sa[-1]
    depth, wide = (sb[-2], sb[-1]) if n > 1 else (sb[0], 1)
    batch = broadcast_shapes(sa[:-2], sb[:-2])
    count = prod(batch)
    x = a.expand((*batch, tall, inner)).reshape((count, tall, inner))  # type: ignore[attr-defined]
    shape = (*batch, tall) if m > 1 else batch
    if n == 1:
        y = b.expand((*batch, depth)).reshape((count, depth)).unsqueeze(2)  # type: ignore[attr-defined]
        return views.unsafe_view.record(rows.bmm.record(x, y).squeeze(-1), shape)  # type: ignore[attr-defined]
    y = b.expand((*batch, depth, wide)).reshape((count, depth, wide))  # type: ignore[attr-defined]
    return views.unsafe_view.record(rows.bmm.record(x, y), (*shape, wide))


def _matmul_method(self: Tensor, other: Any) -> Any:
    return product(self, other) if isinstance(other, Tensor) else NotImplemented


attach("__matmul__", _matmul_method)
attach("__rmatmul__", lambda self, other: product(other, self) if isinstance(other, Tensor) else NotImplemented)


def _method(self: Tensor, other: Any) -> Tensor:
    """The matrix product with `other`."""
    if not isinstance(other, Tensor):
        raise bad_argument("matmul", 1, "other", other)
    return product(self, other)


attach("matmul", _method)


@composite(method=True, aliases="ger")
def outer(input, vec2, *, out=None):
    """Each element of one vector times each of the other.

    [n] and [m] give [n, m]. RuntimeError for anything but vectors.

    >>> torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    for name, t in (("self", input), ("vec2", vec2)):
        if t.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {t.ndim}-D")
    r = input.reshape((input.shape[0], 1)) * vec2
    return r if out is None else into(out, r, "outer")


@composite(method=True)
def inner(input, other, *, out=None):
    """Sums of products over the last dimension of both.

    >>> torch.inner(torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 10]))
    tensor([21, 43])
    """
    if input.ndim == 0 or other.ndim == 0:
        r = input * other
    else:
        if input.shape[-1] != other.shape[-1]:
            raise RuntimeError(
                f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and {list(other.shape)}"
            )
        r = tensordot(input, other, dims=([-1], [-1]))
    return r if out is None else typed_into(out, r, "inner", _TENSORDOT_OUT)


@composite()
def tensordot(a, b, dims=2, out=None):
    """Sums of products over the given dimensions of both tensors.

    `dims` is a number n (the last n of one with the first n of the other) or a pair of lists.

    >>> torch.tensordot(torch.ones(2, 3), torch.ones(3, 4), dims=1).shape
    torch.Size([2, 4])
    >>> torch.tensordot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), dims=([0], [0]))
    tensor(11.)
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        da, db = list(range(-dims, 0)), list(range(dims))
    else:
        da, db = (list(d) if isinstance(d, (list, tuple)) else [d] for d in dims)
    if len(da) != len(db):
        raise RuntimeError("both dimension lists should have same length")
    if a.dtype is not b.dtype:
        raise RuntimeError("both inputs should have same dtype")
    given = zip(da, db, strict=True)
    da, db = [wrap_dim(d, a.ndim) for d in da], [wrap_dim(d, b.ndim) for d in db]
    for (m, n), i, j in zip(given, da, db, strict=True):
        if b.shape[j] == 1:
            a = a.sum(i, keepdim=True) if a.shape[i] != 1 else a
        elif a.shape[i] == 1:
            b = b.sum(j, keepdim=True)
        elif a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {m} and second has size {b.shape[j]} "
                f"in dim {n}"
            )
    ra, rb = [d for d in range(a.ndim) if d not in da], [d for d in range(b.ndim) if d not in db]
    k = prod(a.shape[d] for d in da)
    shape = [a.shape[d] for d in ra] + [b.shape[d] for d in rb]
    x, y = a.permute(ra + da), b.permute(db + rb)
    if not shape and not (a.is_contiguous() and b.is_contiguous()):
        r = (x * y).sum().reshape(())
    elif not shape:
        r = rows.dot.record(x.reshape(-1), y.reshape(-1)).reshape(())
    else:
        left, right = x.reshape((prod(a.shape[d] for d in ra), k)), y.reshape((k, prod(b.shape[d] for d in rb)))
        r = rows.mm.record(left, right).reshape(shape)
    return r if out is None else typed_into(out, r, "tensordot", _TENSORDOT_OUT)


@composite(method=True)
def kron(input, other, *, out=None):
    """The Kronecker product: each element of `input` times all of `other`, as blocks.

    >>> torch.kron(torch.tensor([[1, 2]]), torch.tensor([[1], [10]]))
    tensor([[ 1,  2],
            [10, 20]])
    """
    n = max(input.ndim, other.ndim)
    sa, sb = (1,) * (n - input.ndim) + tuple(input.shape), (1,) * (n - other.ndim) + tuple(other.shape)
    x = views.unsafe_view.record(input, [k for m in sa for k in (m, 1)])
    y = views.unsafe_view.record(other, [k for m in sb for k in (1, m)])
    r = views.unsafe_view.record(x * y, [i * j for i, j in zip(sa, sb, strict=True)])
    return r if out is None else into(out, r, "kron")


@composite(method=True)
def cross(input, other, dim=None, *, out=None):
    """The vector product along a dimension of size 3 (by default the first such).

    >>> torch.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]), dim=0)
    tensor([0, 0, 1])
    """
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    r = rows.linalg_cross.record(input, other, dim)
    return r if out is None else into(out, r, "cross")


@composite()
def chain_matmul(*matrices, out=None):
    """The product of several matrices, multiplied in the order that costs least."""
    if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)):
        matrices = tuple(matrices[0])
    r = matrices[0] if len(matrices) == 1 else multi_dot(list(matrices))
    return r if out is None else into(out, r, "chain_matmul")


def multi_dot(tensors: list[Tensor]) -> Tensor:
    """The product of two or more matrices (the first and last may be vectors), in the order that costs least."""
    n = len(tensors)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    shape: list[int] = []
    first, last = tensors[0], tensors[-1]
    if first.ndim not in (1, 2):
        raise RuntimeError(f"multi_dot(): the first tensor must be 1D or 2D but got {first.ndim}D")
    if last.ndim not in (1, 2):
        raise RuntimeError(f"multi_dot(): the last tensor must be 1D or 2D but got {last.ndim}D")
    for i, t in enumerate(tensors[1:-1], 1):
        if t.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {t.ndim}D")
    if first.ndim == 2:
        shape.append(first.shape[0])
    if last.ndim == 2:
        shape.append(last.shape[1])
    parts: list[Any] = [first.unsqueeze(0) if first.ndim == 1 else first, *tensors[1:-1]]  # type: ignore[attr-defined]
    parts.append(last.unsqueeze(-1) if last.ndim == 1 else last)  # type: ignore[attr-defined]
    for i in range(n - 1):
        if parts[i].dtype is not parts[i + 1].dtype:
            raise RuntimeError(f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {parts[0].dtype.legacy} and tensor "
                               f"{i + 1} {parts[i + 1].dtype.legacy}")  # fmt: skip
        if parts[i].shape[1] != parts[i + 1].shape[0]:
            raise RuntimeError(f"multi_dot(): tensors {i} and {i + 1} with shapes {list(parts[i].shape)} and {list(parts[i + 1].shape)} cannot "
                               "be multiplied")  # fmt: skip
    out = rows.mm.record(parts[0], parts[1]) if n == 2 else _cheapest(parts)
    return out.view(shape)


def _cheapest(parts: list[Any]) -> Any:
    """The product by the best bracketing (dynamic programming over the sizes)."""
    sizes = [p.shape[0] for p in parts] + [parts[-1].shape[1]]
    n = len(parts)
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i][j] = min(options)
            cut[i][j] = i + options.index(cost[i][j])

    def build(i: int, j: int) -> Any:
        return parts[i] if i == j else rows.mm.record(build(i, cut[i][j]), build(cut[i][j] + 1, j))

    return build(0, n - 1)


@composite(function=False)
def linear(input, weight, bias=None):
    """input @ weight.T + bias. AddmmBackward0 for a matrix with bias, as PyTorch records it."""
    for i, (word, x) in enumerate((("input", input), ("weight", weight))):
        if not isinstance(x, Tensor):
            raise bad_argument("linear", i + 1, word, x)
    m, n = input._a.ndim, weight._a.ndim
    if m == 0 or n == 0:
        raise RuntimeError(f"both arguments to linear need to be at least 1D, but they are {m}D and {n}D")
    turned = weight.t()
    if bias is None:
        return product(input, turned)
    if m == 2:
        return rows.addmm.record(bias, input, turned)
    if m != 2 and input.is_contiguous():
        shape = input._a.shape
        flat = input.view((prod(shape[:-1]), shape[-1]))
        return rows.addmm.record(bias, flat, turned).view((*shape[:-1], weight._a.shape[0]))
    return product(input, turned).add_(bias)
