"""Functions that join tensors or lay them out against each other."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .. import dtype as dtypes
from .. import functions as F
from ..methods import composite
from ..ops import rearrange
from ..tensor import Tensor, wrap


def _atleast(name: str, n: int) -> Any:
    @composite(name=name)
    def atleast(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
            return tuple(grow(t) for t in tensors[0])
        return grow(tensors[0]) if len(tensors) == 1 else tuple(grow(t) for t in tensors)

    def grow(t: Tensor) -> Tensor:
        if t.ndim >= n:
            return t
        if n == 1:
            return t.reshape(1)
        if t.ndim == 0:
            return t.reshape((1,) * n)
        if n == 2 or t.ndim == 1:
            t = t.unsqueeze(0)
        return t.unsqueeze(-1) if n == 3 else t

    shown = {1: "tensor([5])", 2: "tensor([[5]])", 3: "tensor([[[5]]])"}[n]
    atleast.__doc__ = (
        f"Tensors with dimensions of size 1 added until they have {n}: one tensor, or a tuple of several.\n\n"
        f">>> torch.{name}(torch.tensor(5))\n{shown}\n"
    )
    return atleast


atleast_1d, atleast_2d, atleast_3d = _atleast("atleast_1d", 1), _atleast("atleast_2d", 2), _atleast("atleast_3d", 3)


@composite()
def hstack(tensors, *, out=None):
    """Tensors joined along their second dimension (the first, for 1-d ones).

    >>> torch.hstack((torch.tensor([1, 2]), torch.tensor([3])))
    tensor([1, 2, 3])
    """
    if not tensors:
        raise RuntimeError("hstack expects a non-empty TensorList")
    parts = atleast_1d(tuple(tensors))
    return F.cat(parts, 0 if parts[0].ndim == 1 else 1, out=out)


@composite(aliases="row_stack")
def vstack(tensors, *, out=None):
    """Tensors joined along the first dimension; 1-d ones become rows.

    >>> torch.vstack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[1, 2],
            [3, 4]])
    """
    if not tensors:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return F.cat(atleast_2d(tuple(tensors)), 0, out=out)


@composite()
def dstack(tensors, *, out=None):
    """Tensors joined along the third dimension.

    >>> torch.dstack((torch.tensor([1, 2]), torch.tensor([3, 4]))).shape
    torch.Size([1, 2, 2])
    """
    if not tensors:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return F.cat(atleast_3d(tuple(tensors)), 2, out=out)


@composite()
def column_stack(tensors, *, out=None):
    """Tensors joined along the second dimension; 1-d ones become columns.

    >>> torch.column_stack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    if not tensors:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    return F.cat([t.reshape(t.numel(), 1) if t.ndim <= 1 else t for t in tensors], 1, out=out)


def _triangle(row: int, col: int, offset: int, dtype: Any, within: Any) -> Tensor:
    for word, value in (("row", row), ("col", col)):
        if value < 0:
            raise RuntimeError(f"{word} must be non-negative, got{value}")
    r, c = np.mgrid[:row, :col]
    keep = within(c - r, offset)
    return wrap(np.stack([r[keep], c[keep]]).astype((dtype or dtypes.int64).np))


@composite()
def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None, pin_memory=False):
    """Row and column numbers of the lower triangle of a row x col matrix.

    >>> torch.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle(row, col, offset, dtype, np.less_equal)


@composite()
def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None, pin_memory=False):
    """Row and column numbers of the upper triangle of a row x col matrix.

    >>> torch.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _triangle(row, col, offset, dtype, np.greater_equal)


@composite()
def meshgrid(*tensors, indexing=None):
    """Views that spread 1-d coordinates over a grid.

    With `indexing` 'ij' (the default, with a warning) the first coordinate runs along dimension 0, with 'xy' along dimension 1.

    >>> x, y = torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4, 5]), indexing="ij")
    >>> x
    tensor([[1, 1, 1],
            [2, 2, 2]])
    >>> y
    tensor([[3, 4, 5],
            [3, 4, 5]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if indexing is None:
        import warnings

        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
            UserWarning,
            stacklevel=3,
        )
    for t in tensors:
        if t.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t!r}")
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(tensors) > 1
    ts = [tensors[1], tensors[0], *tensors[2:]] if swap else list(tensors)
    shape = [t.numel() for t in ts]
    grids = [t.view([-1 if j == i else 1 for j in range(len(ts))]).expand(shape) for i, t in enumerate(ts)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@composite()
def block_diag(*tensors):
    """Matrices along the diagonal of a larger one; vectors count as rows, numbers as 1 x 1.

    >>> torch.block_diag(torch.tensor([[1, 2]]), torch.tensor([[3]]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    return rearrange.block_diag.record(list(tensors))


@composite()
def cartesian_prod(*tensors):
    """All tuples of elements, one from each 1-d tensor, as rows (a single tensor is returned as it is).

    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    for t in tensors:
        if t.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    grids = meshgrid(*tensors, indexing="ij")
    return F.stack([g.flatten() for g in grids], 1)


@composite()
def combinations(input, r=2, with_replacement=False):
    """All combinations of r elements of a 1-d tensor, as rows, in the order of their positions.

    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty((0,))
    n = input.numel()
    grids = meshgrid(*[input] * r, indexing="ij")
    order = np.less_equal if with_replacement else np.less
    places = np.indices((n,) * r)
    mask = np.ones((n,) * r, np.bool_)
    for a, b in itertools.pairwise(places):
        mask &= order(a, b)
    return F.stack([g.masked_select(wrap(mask)) for g in grids], 1)
