"""Reductions of runs of rows, chunks side by side, reading by index under a mask, and names of in-place functions."""

from __future__ import annotations

import numpy as np

from .. import functions
from ..dispatch import bad_argument, into
from ..methods import composite
from ..ops import segments as rows
from ..shape import wrap_dim
from ..tensor import Tensor

_NAMES = {"sum": "sum", "prod": "prod", "mean": "mean", "max": "max", "amax": "max", "min": "min", "amin": "min"}


def _starts(data, lengths, offsets, axis, unsafe):
    """The offsets of all segments, [*batch, segments + 1]."""
    given = lengths if offsets is None else offsets
    which = "lengths" if offsets is None else "offsets"
    if axis != given.dim() - 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of {which} but got {axis}.")
    if offsets is None and not unsafe:
        _check_lengths(data, lengths, axis)
    if given.dtype.name not in ("int32", "int64"):
        kernel = f"_segment_reduce_{which}_cpu_kernel1"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{given.dtype.legacy}'")
    if offsets is not None:
        return offsets._a.astype(np.int64)
    sizes = lengths._a.astype(np.int64)
    return np.concatenate([np.zeros((*sizes.shape[:-1], 1), np.int64), np.cumsum(sizes, -1)], -1)


def _check_lengths(data, lengths, axis):
    sizes = lengths._a
    if (sizes.sum(-1) != data.shape[axis]).any():
        raise RuntimeError(
            "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe."
        )
    if sizes.size and sizes.min() < 0:
        raise RuntimeError("lengths contains negative value!")


def _segment_reduce(
    data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None, out=None
):
    """Sums ("sum", "prod", "mean", "max", "min") of runs of rows along `axis`: [*batch, n, *rest] to [*batch, segments, *rest].

    `lengths` [*batch, segments] says how many rows each run has, or `offsets` [*batch, segments + 1] where each begins. What
    an empty run gives is `initial`, which otherwise takes part in each. Floats; RuntimeError for lengths that do not add up.

    >>> import tgrad as torch
    >>> torch.segment_reduce(torch.tensor([1.0, 2.0, 3.0]), "sum", lengths=torch.tensor([2, 1]))
    tensor([3., 3.])
    """
    if not isinstance(data, Tensor):
        raise bad_argument("segment_reduce", 1, "data", data)
    if reduce not in _NAMES:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    axis = wrap_dim(axis, data.dim())
    starts = _starts(data, lengths, offsets, axis, unsafe)
    r = rows.segment_reduce.record(data, _NAMES[reduce], starts, initial)
    return r if out is None else into(out, r, "segment_reduce")


segment_reduce = composite(name="segment_reduce")(_segment_reduce)


def _chunk_cat(tensors, dim, num_chunks, *, out=None):
    """Cuts each tensor along dim into `num_chunks` equal chunks (zeros fill the last), flattens what follows dim, and joins the
    k-th chunks of all: [*sizes before dim, num_chunks, elements]."""
    if not tensors:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if dim < 0 and any(t.dim() != tensors[0].dim() for t in tensors):
        raise RuntimeError("_chunk_cat expects non-negative dim when input tensors have different ndims")
    dim = wrap_dim(dim, tensors[0].dim())
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    for t in tensors:
        if t.numel() == 0:
            raise RuntimeError("_chunk_cat expects non-empty tensor")
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError("_chunk_cat expects all input tensors with the same dtype")
        if dim >= t.dim():
            raise RuntimeError("_chunk_cat expects dim < ndim for all input tensors")
        if tuple(t.shape[:dim]) != tuple(tensors[0].shape[:dim]):
            raise RuntimeError("_chunk_cat expects same sizes of 0,...,dim-1 dimensions for all tensors")
    r = rows.chunk_cat.record(list(tensors), dim, num_chunks)
    return r if out is None else into(out, r, "_chunk_cat")


def _check_indices(name, indices):
    for i, t in enumerate(indices):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 2, but got {type(t).__name__}")
        if t.dtype.name not in ("int32", "int64"):
            raise RuntimeError(f"{name} found unexpected index type {t.dtype.legacy}")


def _unsafe_masked_index(input, mask, indices, fill):
    """`input[indices]` where the mask is set, `fill` elsewhere; there the indices may be anything."""
    _check_indices("_unsafe_masked_index", indices)
    return rows.masked_index.record(input, mask, list(indices), fill)


def _unsafe_masked_index_put_accumulate(input, mask, indices, values):
    """`input` with `values` added at `indices` where the mask is set."""
    _check_indices("_unsafe_masked_index_put_accumulate", indices)
    return rows.put_accumulate.record(input, mask, list(indices), values)


def _named(name):
    """An in-place method under its name as a function."""

    def call(input, *args, **kwargs):
        if not isinstance(input, Tensor):
            raise bad_argument(name, 1, "input", input)
        return getattr(input, name)(*args, **kwargs)

    call.__doc__ = f"`Tensor.{name}` as a function."
    return composite(name=name)(call)


for _name in ("addmv_", "gcd_", "lcm_"):
    _named(_name)

# Names with an underscore in front: found by name, not listed.
functions.LAZY.update(
    _segment_reduce=lambda: segment_reduce, _chunk_cat=lambda: _chunk_cat, _unsafe_masked_index=lambda: _unsafe_masked_index,
    _unsafe_masked_index_put_accumulate=lambda: _unsafe_masked_index_put_accumulate,
)  # fmt: skip
