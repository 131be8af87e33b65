"""Functions that read and write by index: index_put, scatter, take, nonzero, and what they share with `x[...]`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functions as F
from ..dispatch import bad_argument, inplace, into, no_overload, typed_into
from ..methods import attach, composite
from ..ops import index as rows
from ..ops import scatter as scatters
from ..ops.view import undifferentiated
from ..shape import wrap_dim
from ..tensor import Tensor, wrap
from .subscript import put, unmasked


def _index_list(name: str, indices: Any, values: Any) -> tuple[list[Any], Tensor | None]:
    if not isinstance(indices, (tuple, list)):
        raise bad_argument(name, 1, "indices", indices, "tuple of Tensors")
    if not isinstance(values, Tensor):
        raise bad_argument(name, 2, "values", values)
    for i, k in enumerate(indices):
        if not isinstance(k, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(k).__name__}")
    return unmasked(indices)


@composite(method=True)
def index_put(input, indices, values, accumulate=False):
    """A copy of `input` with `values` written (or added, with `accumulate`) at the positions that `indices` name.

    >>> torch.index_put(torch.zeros(3), (torch.tensor([0, 2]),), torch.tensor(5.0))
    tensor([5., 0., 5.])
    """
    positions, mask = _index_list("index_put", indices, values)
    if mask is not None and values._a.size == 1 and not accumulate and values.dtype is not input.dtype:
        values = values.to(input.dtype)
    return rows.index_put.record(input, values, positions, accumulate)


@composite(method=True)
def index_put_(input, indices, values, accumulate=False):
    """In-place `index_put`."""
    positions, mask = _index_list("index_put_", indices, values)
    return put(input, positions, values, accumulate, mask)


@composite(method=True)
def nonzero(input, *, out=None, as_tuple=False):
    """The indices of all elements that are not zero: one row each, or with `as_tuple` one index tensor per dimension.

    They are int64, in the order of the elements.

    >>> torch.nonzero(torch.tensor([[0, 5], [7, 0]]))
    tensor([[0, 1],
            [1, 0]])
    >>> torch.nonzero(torch.tensor([0, 5, 7]), as_tuple=True)
    (tensor([1, 2]),)
    """
    if as_tuple:
        a = input._a if input._a.ndim else input._a.reshape(1)
        return tuple(wrap(i.astype(np.int64)) for i in np.nonzero(a))
    r = rows.nonzero.record(input)
    if out is None:
        return r
    if isinstance(out, Tensor) and out._a.dtype != np.int64:
        raise RuntimeError(
            f"nonzero: Expected out tensor to have scalar type Long but got scalar type {out.dtype.legacy}"
        )
    return into(out, r, "nonzero")


@composite(method=True)
def nonzero_static(input, *, size, fill_value=-1, out=None):
    """`nonzero` with exactly `size` rows: cut, or filled up with `fill_value`."""
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = rows.nonzero.array(input._a)[:size]
    a = np.full((size, found.shape[1]), fill_value, np.int64)
    a[: len(found)] = found
    return wrap(a) if out is None else into(out, wrap(a), "nonzero_static")


@composite(method=True)
def argwhere(input):
    """The indices of all elements that are not zero, one row each.

    >>> torch.argwhere(torch.tensor([[0, 5], [7, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return rows.nonzero.record(input)


@composite()
def unravel_index(indices, shape):
    """Positions in the flat tensor as one index tensor per dimension of `shape`."""
    if not isinstance(indices, Tensor):
        raise TypeError(f"unravel_index(): argument 'indices' must be Tensor, not {type(indices).__name__}")
    if indices._a.dtype.kind not in "iu":
        raise ValueError(f"unravel_index(): 'indices' must be integer dtype, but got {indices.dtype}")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"unravel_index(): 'shape' cannot have negative values, but got {tuple(shape)}")
    at, out = indices._a, []
    for n in reversed(shape):
        out.append(at % n)
        at = at // n
    together = np.stack([np.asarray(a) for a in reversed(out)], -1) if out else np.zeros((*indices.shape, 0), np.int64)
    return tuple(wrap(together[..., i]) for i in range(len(shape)))  # as PyTorch's, they lie side by side in memory


# ---- scatter


@composite(method=True)
def scatter(input, dim, index, src=None, *, value=None, reduce=None, out=None):
    """A copy of `input` with `src` (a tensor or number) written at `index` along dim.

    For dim 0, result[index[i][j]][j] = src[i][j]; where an index comes several times, one of the sources wins. With `reduce`
    ('add', 'multiply') what is there is combined with `src`. RuntimeError for an index out of range, or a `src` of another dtype.

    >>> torch.scatter(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    >>> torch.scatter(torch.zeros(2, 2), 1, torch.tensor([[0], [1]]), 9.0)
    tensor([[9., 0.],
            [0., 9.]])
    """
    r = _scatter(input, dim, index, src if value is None else value, reduce, False)
    return r if out is None else typed_into(out, r, "scatter")


@composite(function=False, method=True)
def scatter_(self, dim, index, src=None, *, value=None, reduce=None):
    """In-place `scatter`.

    >>> torch.zeros(2, 3).scatter_(1, torch.tensor([[0], [2]]), 1.0)
    tensor([[1., 0., 0.],
            [0., 0., 1.]])
    """
    return _scatter(self, dim, index, src if value is None else value, reduce, True)


def _scatter(input: Tensor, dim: int, index: Tensor, src: Any, reduce: str | None, in_place: bool) -> Tensor:
    if not isinstance(index, Tensor):
        raise bad_argument("scatter", 2, "index", index)
    if src is None:
        raise no_overload("scatter_" if in_place else "scatter", input, dim, index)
    if reduce is not None:
        return _scatter_with(input, dim, index, src, reduce, in_place)
    if isinstance(src, Tensor):
        if in_place:
            return inplace(scatters.scatter_src, (input, index, src), {"dim": dim})
        return scatters.scatter_src.record(input, index, src, dim)
    if in_place:
        return inplace(scatters.scatter_value, (input, index), {"dim": dim, "value": src})
    return scatters.scatter_value.record(input, index, dim, src)


def _scatter_with(input: Tensor, dim: int, index: Tensor, src: Any, reduce: str, in_place: bool) -> Tensor:
    """The old `reduce='add'|'multiply'` of scatter, which has no derivative in PyTorch either."""
    if reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    target = input if in_place else input.detach().contiguous().clone()  # type: ignore[attr-defined]
    d = wrap_dim(dim, target._a.ndim)
    scatters.check_gather("scatter", target._a, index._a, d, src._a if isinstance(src, Tensor) else None)
    values = src._a if isinstance(src, Tensor) else np.broadcast_to(np.asarray(src, target._a.dtype), index._a.shape)
    scatters.accumulate(target._a, np.add if reduce == "add" else np.multiply, d, index._a, values)
    target._bump()
    return target if in_place else undifferentiated.record(input, target._a, "scatter")


@composite(method=True)
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True, out=None):
    """`input` with the elements of `src` reduced into the places that `index` gives along dim: by sum, prod, mean, amax or
    amin; without `include_self`, a place's own element does not count.

    >>> torch.scatter_reduce(torch.zeros(2), 0, torch.tensor([0, 0, 1]), torch.tensor([1.0, 5.0, 3.0]), "amax")
    tensor([5., 3.])
    """
    r = scatters.scatter_reduce.record(input, index, src, dim, reduce, include_self)
    return r if out is None else typed_into(out, r, "scatter_reduce")


@composite(method=True, function=False)
def scatter_reduce_(self, dim, index, src, reduce, *, include_self=True):
    """In-place `scatter_reduce`."""
    params = {"dim": dim, "reduce": reduce, "include_self": include_self}
    return inplace(scatters.scatter_reduce, (self, index, src), params)


def _warn_index_reduce() -> None:
    import warnings

    warnings.warn("index_reduce() is in beta and the API may change at any time.", UserWarning, stacklevel=4)


@composite(method=True)
def index_reduce(input, dim, index, source, reduce, *, include_self=True, out=None):
    """`input` with slices of `source` reduced into the slices that `index` gives: by prod, mean, amax or amin."""
    _warn_index_reduce()
    r = rows.index_reduce.record(input, index, source, dim, reduce, include_self)
    return r if out is None else typed_into(out, r, "index_reduce")


@composite(method=True, function=False)
def index_reduce_(self, dim, index, source, reduce, *, include_self=True):
    """In-place `index_reduce`."""
    _warn_index_reduce()
    params = {"dim": dim, "reduce": reduce, "include_self": include_self}
    return inplace(rows.index_reduce, (self, index, source), params)


# ---- fill and put


def _fill_value(value: Any) -> Any:
    if isinstance(value, Tensor) and value._a.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._a.ndim} dimension(s)."
        )
    return value


@composite(method=True)
def index_fill(input, dim, index, value):
    """A copy of `input` with `value` (a number or 0-d tensor) at the given indices of dim.

    >>> torch.index_fill(torch.zeros(3), 0, torch.tensor([0, 2]), 7)
    tensor([7., 0., 7.])
    """
    value = _fill_value(value)
    if isinstance(value, Tensor):
        return rows.index_fill_tensor.record(input, index, value, dim)
    return rows.index_fill_scalar.record(input, index, dim, _fits(input, value))


@composite(function=False, method=True)
def index_fill_(self, dim, index, value):
    """In-place `index_fill`."""
    value = _fill_value(value)
    if isinstance(value, Tensor):
        return inplace(rows.index_fill_tensor, (self, index, value), {"dim": dim})
    return inplace(rows.index_fill_scalar, (self, index), {"dim": dim, "value": _fits(self, value)})


def _fits(input: Tensor, value: Any) -> Any:
    if isinstance(value, complex) and not input.is_complex():
        raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
    return value


@composite(method=True)
def take_along_dim(input, indices, dim=None, *, out=None):
    """Elements at `indices` along dim, broadcasting all other dimensions; without dim, of the flat input.

    >>> x = torch.tensor([[3, 1], [2, 4]])
    >>> torch.take_along_dim(x, x.argsort(dim=1), dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    if not isinstance(indices, Tensor):
        raise bad_argument("take_along_dim", 2, "indices", indices)
    if dim is not None and indices._a.dtype != np.int64:
        raise RuntimeError(f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype.legacy}")
    if dim is None:
        r = input.view(-1).gather(0, indices.view(-1))
        return r if out is None else into(out, r, "take_along_dim")
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    d = wrap_dim(dim, input.ndim)
    shapes = [[1 if i == d else n for i, n in enumerate(t.shape)] for t in (input, indices)]
    from ..shape import broadcast_shapes

    other = broadcast_shapes(*shapes)
    wide = [input.shape[d] if i == d else n for i, n in enumerate(other)]
    narrow = [indices.shape[d] if i == d else n for i, n in enumerate(other)]
    positions = wrap(indices._a % max(input.shape[d], 1)) if input.ndim else indices
    r = input.broadcast_to(wide).gather(d, positions.broadcast_to(narrow))
    return r if out is None else into(out, r, "take_along_dim")


@composite(method=True)
def diag(input, diagonal=0, *, out=None):
    """A vector as the diagonal of a matrix, or the diagonal of a matrix as a vector (a copy).

    `diagonal` above 0 means a diagonal above the main one. RuntimeError for more than two dimensions.

    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    >>> torch.diag(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if input.ndim == 1:
        r = F.diag_embed(input, diagonal)
    elif input.ndim == 2:
        r = F.diagonal_copy(input, diagonal)
    else:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return r if out is None else typed_into(out, r, "diag")


@composite(method=True)
def diagflat(input, offset=0):
    """The flat input on the diagonal of a square matrix.

    >>> torch.diagflat(torch.tensor([1, 2]), 1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    return F.diag_embed(input.contiguous().view(-1), offset)


def _refuse_delete(self: Tensor, key: Any) -> None:
    raise TypeError("Tensor does not support deleting items")


attach("__delitem__", _refuse_delete)
