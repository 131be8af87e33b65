"""Sorting functions: which row PyTorch records, and searches in sorted sequences."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dispatch import into, typed_into
from ..levels import leading
from ..methods import composite, return_type
from ..ops import order as rows
from ..promotion import result_type
from ..tensor import Tensor, wrap

_PAIR = ("values", "indices")


def _into_pair(name: str, out: Any, pair: Any) -> Any:
    made = return_type(name, _PAIR)
    if out is None:
        return made(pair)
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise TypeError(f"{name}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}")
    return made([typed_into(o, r, name) for o, r in zip(out, pair, strict=True)])


def _elementwise_in(place: int) -> Any:
    """Decorator: of the values that are looked for, each is on its own. Where the boundaries differ from sample to sample, `_whole` looks in
    all of them at once."""
    return lambda fn: leading(fn, frozenset((place, "input")), functools.partial(_whole, place))


def _whole(place: int, size: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`searchsorted` (values in second place) or `bucketize` (in the first) over batches of boundaries and of values."""
    names = ("sorted_sequence", "input") if place else ("input", "boundaries")
    given = dict(zip(names, args, strict=False)) | kwargs
    values, bounds = given["input"], given["sorted_sequence" if place else "boundaries"]
    if not place:
        _one_dimension(bounds.ndim - 1, "bucketize: ")
    rest = {k: v for k, v in given.items() if k in ("out_int32", "right", "side", "sorter")}
    if not isinstance(values, Tensor):
        values = wrap(np.full(size, values, result_type((bounds, values)).np))
    if bounds.dtype is not values.dtype:  # over batches PyTorch does not mind
        common = dtypes.promote_types(bounds.dtype, values.dtype)
        bounds, values = bounds.to(common), values.to(common)
    if bounds.ndim > 2 or values.ndim < 1:  # the dimensions before the last one go together as they are
        return searchsorted(bounds, values, **rest)
    flat = values.reshape(size, math.prod(values.shape[1:]))  # type: ignore[attr-defined]
    return searchsorted(bounds, flat, **rest).reshape(values.shape)


@composite(method=True)
def sort(input, dim=-1, descending=False, stable=None, *, out=None):
    """Values in order along dim, and the indices they came from. nan counts as the largest. With `stable`, indices of equal values
    ascend; else they are those that PyTorch gives on a CPU.

    >>> torch.sort(torch.tensor([3, 1, 2]))
    torch.return_types.sort(
    values=tensor([1, 2, 3]),
    indices=tensor([1, 2, 0]))
    >>> torch.sort(torch.tensor([3, 1, 2]), descending=True).values
    tensor([3, 2, 1])
    """
    if stable is None:
        pair = rows.sort.record(input, dim, descending)
    else:
        pair = rows.sort_stable.record(input, dim, descending, bool(stable))
    return _into_pair("sort", out, pair)


@composite(method=True)
def argsort(input, dim=-1, descending=False, stable=False, *, out=None):
    """The indices that would sort `input` along dim: those of `sort`, which gives the values as well. int64, of the input's shape.

    >>> torch.argsort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    if stable:
        r = rows.sort_stable.record(input, dim, descending, True)[1]
    else:
        r = rows.sort.record(input, dim, descending)[1]
    return r if out is None else into(out, r, "argsort")


@composite(method=True)
def msort(input, *, out=None):
    """Sorted along the first dimension.

    >>> torch.msort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    r = rows.sort.record(input, 0)[0]
    return r if out is None else into(out, r, "msort")


@composite(method=True)
def cummax(input, dim, *, out=None):
    """The running maximum along dim and where it was reached.

    >>> torch.cummax(torch.tensor([1, 3, 2]), 0)
    torch.return_types.cummax(
    values=tensor([1, 3, 3]),
    indices=tensor([0, 1, 1]))
    """
    return _into_pair("cummax", out, rows.cummax.record(input, dim))


@composite(method=True)
def cummin(input, dim, *, out=None):
    """The running minimum along dim and where it was reached.

    >>> torch.cummin(torch.tensor([3, 1, 2]), 0).values
    tensor([3, 1, 1])
    """
    return _into_pair("cummin", out, rows.cummin.record(input, dim))


@composite()
@_elementwise_in(1)
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None, out=None):
    """Positions in `sorted_sequence` (sorted along its last dimension) before which `input` would be inserted; with `right`,
    after equal elements. int64, or int32 with `out_int32`.

    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([0, 3, 9]))
    tensor([0, 1, 3])
    >>> torch.searchsorted(torch.tensor([1, 3, 5]), 3, right=True)
    tensor(2)
    """
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
        if right and side == "left":
            raise RuntimeError(
                "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
            )
        right = side == "right"
    seq = sorted_sequence
    scalar = not isinstance(input, Tensor)
    if scalar:
        if seq.ndim != 1:
            raise RuntimeError("torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we "
                               f"got boundaries tensor dim({seq.ndim}) and input value's dim(0) numel(1)")  # fmt: skip
        values = wrap(np.asarray(input, result_type((seq, input)).np))
    else:
        values = input
    _check_search(seq, values, sorter, scalar)
    if out is not None:
        want = dtypes.int32 if out_int32 else dtypes.int64
        if out.dtype is not want:
            raise RuntimeError(
                f"torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether "
                f"out_int32 flag is True, but we got output tensor's dtype {out.dtype.legacy} and out_int32 flag is {out_int32!s}"
            )
    b = seq._a if sorter is None else np.take_along_axis(seq._a, sorter._a, -1)
    v = values._a
    common = dtypes.promote_types(seq.dtype, values.dtype)
    if v.size and (common.is_complex or common is dtypes.bool_):
        name = "ComplexHalf" if scalar and seq.dtype is dtypes.float16 else common.legacy
        raise NotImplementedError(f"\"searchsorted_out_cpu\" not implemented for '{name}'")
    wide = dtypes.float32 if common.itemsize == 2 and common.is_floating_point else common
    found = rows.search(b.astype(wide.np, copy=False), v.astype(wide.np, copy=False), right)
    r = wrap(np.asarray(found).astype(np.int32 if out_int32 else np.int64, copy=False))
    return r if out is None else into(out, r, "searchsorted")


def _check_search(seq: Tensor, values: Tensor, sorter: Tensor | None, scalar: bool) -> None:
    name = "torch.searchsorted(): "
    if not scalar and seq.dtype is not values.dtype and values._a.ndim:
        raise RuntimeError(
            f"{name}boundary tensor and input value tensor should have same dtype, but got boundary tensor's dtype "
            f"{seq.dtype.legacy} and input value tensor's dtype {values.dtype.legacy}"
        )
    if values._a.ndim == 0 and seq._a.ndim != 1:
        raise RuntimeError(
            f"{name}input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor "
            f"dim({seq._a.ndim}) and input value's dim({values._a.ndim}) numel({values._a.size})"
        )
    if seq._a.ndim == 0:
        raise RuntimeError(f"{name}boundaries tensor should have positive dimension, but got 0 dimension")
    if seq._a.ndim != 1 and seq._a.shape[:-1] != values._a.shape[:-1]:
        raise RuntimeError(
            f"{name}boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor "
            f"must match, but we got boundaries tensor {list(seq._a.shape)} and input value tensor {list(values._a.shape)}"
        )
    if sorter is not None:
        if sorter._a.shape != seq._a.shape:
            raise RuntimeError(
                f"{name}boundary and sorter must have the same size, but got boundary tensor {list(seq._a.shape)} and got sorter "
                f"tensor {list(sorter._a.shape)}"
            )
        if sorter._a.dtype != np.int64:
            raise RuntimeError(f"{name}sorter must be a tensor of long dtype but got dtype {sorter.dtype.legacy}")
        if sorter._a.size and (sorter._a.min() < 0 or sorter._a.max() >= seq._a.shape[-1]):
            raise RuntimeError(f"{name}sorter index out of range")


def _one_dimension(n: int, who: str = "") -> None:
    if n != 1:
        raise RuntimeError(f"{who}boundaries tensor must be 1 dimension, but got dim({n})")


@composite()
@_elementwise_in(0)
def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """The bucket that each element falls into, between the sorted 1-d `boundaries`.

    int64, or int32 with `out_int32`: boundaries[i-1] < x <= boundaries[i] for bucket i; with `right`, <= and <.

    >>> torch.bucketize(torch.tensor([0, 3, 9]), torch.tensor([1, 3, 5]))
    tensor([0, 1, 3])
    """
    _one_dimension(boundaries.ndim)
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)
