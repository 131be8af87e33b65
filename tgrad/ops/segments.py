"""Reductions of runs of rows, pieces of tensors side by side, and reading by index under a mask."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtype import from_np
from .index import added_at, as_key, clone
from .pooling import widened
from .spec import in_rows, number, op, underivable

HIDDEN: dict[str, Any] = dict(function=False, method=False)

# ---- runs of rows

_COMBINE: dict[str, tuple[np.ufunc, float]] = {
    "sum": (np.add, 0.0), "mean": (np.add, 0.0), "prod": (np.multiply, 1.0), "max": (np.maximum, -math.inf),
    "min": (np.minimum, math.inf),
}  # fmt: skip


def _runs(data: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The data as [rows, ...] over all batches; for each row the segment it is in, counted over all (the last one: none); and
    how long the segments are. `starts` [*batch, segments + 1] holds the offsets along the reduced dimension."""
    batch, n = starts.shape[:-1], data.shape[starts.ndim - 1]
    count, segments = math.prod(batch), starts.shape[-1] - 1
    flat = widened(data).reshape(count * n, math.prod(data.shape[starts.ndim :]))
    starts = starts.reshape(count, -1)
    own = np.full((count, n), count * segments)
    place = np.arange(n)
    which = np.stack([np.searchsorted(row, place, "right") - 1 for row in starts]) if count else own
    inside = (which >= 0) & (which < segments)
    own = np.where(inside, which + np.arange(count)[:, None] * segments, own)
    return flat, own.reshape(-1), np.diff(starts, axis=1).reshape(-1)


def _reduced(flat: np.ndarray, own: np.ndarray, count: int, how: np.ufunc, start: Any) -> np.ndarray:
    """One row per segment; rows of one segment lie side by side."""
    out = np.full((count + 1, flat.shape[1]), start, flat.dtype)
    if len(own):
        first = np.flatnonzero(np.diff(own, prepend=-1))
        at = own[first]
        out[at] = how(out[at], how.reduceat(flat, first, 0))
    return out


@op("segment_reduce.offsets",
    grad=dict(data=lambda grad, data, result, reduce, starts, initial: segment_backward(grad, result, data, reduce, starts, initial)),
    tensors="data", node="SegmentReduceBackward0", **HIDDEN)  # fmt: skip
def segment_reduce(data, reduce, starts, initial=None):
    """[*batch, n, *rest] to [*batch, segments, *rest]; `starts` [*batch, segments + 1]: an array of offsets along n."""
    if data.dtype.kind in "biuc":
        raise NotImplementedError(f"\"_segment_reduce_cpu\" not implemented for '{from_np(data.dtype).legacy}'")
    flat, own, lengths = _runs(data, starts)
    how, neutral = _COMBINE[reduce]
    begin = neutral if initial is None else number(initial, flat.dtype)
    out = _reduced(flat, own, len(lengths), how, begin)[:-1]
    if reduce == "mean":
        divisor = lengths.astype(out.dtype)[:, None]
        out = np.where(divisor > 0, out / divisor, np.nan if initial is None else begin)
    shape = (*starts.shape[:-1], starts.shape[-1] - 1, *data.shape[starts.ndim :])
    return in_rows(out.reshape(shape)).astype(data.dtype, copy=False)


@op("segment_reduce.backward", grad={"grad output data": underivable("_segment_reduce_backward")}, tensors="grad output data",
    node="torch::autograd::NotImplemented", **HIDDEN)  # fmt: skip
def segment_backward(grad, output, data, reduce, starts, initial=None):
    flat, own, lengths = _runs(data, starts)
    spare = np.zeros((1, flat.shape[1]), flat.dtype)  # what rows outside of all segments look at
    per_row = lambda a: np.concatenate([widened(a).reshape(len(lengths), -1), spare])[own]
    arriving = per_row(grad)
    if reduce == "mean":
        arriving = arriving / np.append(lengths, 1)[own][:, None].astype(flat.dtype)
    elif reduce in ("max", "min"):
        best = (flat == per_row(output)) | np.isnan(flat)
        ties = _reduced(best.astype(flat.dtype), own, len(lengths), np.add, 0)[own]
        arriving = np.where(best, arriving / np.maximum(ties, 1), 0)
    elif reduce == "prod":
        arriving = arriving * _others(flat, own, len(lengths), per_row(output), initial)
    arriving = np.where((own < len(lengths))[:, None], arriving, 0)
    return arriving.reshape(data.shape).astype(data.dtype, copy=False)


def _others(flat: np.ndarray, own: np.ndarray, count: int, product: np.ndarray, initial: Any) -> np.ndarray:
    """For each row the product of the other rows of its segment."""
    zero, nan = flat == 0, np.isnan(flat)
    plain = np.where(zero | nan, 1, flat)
    rest = _reduced(plain, own, count, np.multiply, 1 if initial is None else number(initial, flat.dtype))[own]
    zeros, nans = (_reduced(m.astype(flat.dtype), own, count, np.add, 0)[own] - m for m in (zero, nan))
    special = np.where(nans > 0, np.nan, np.where(zeros > 0, 0, rest))
    return np.where(zero | nan, special, product / np.where(zero, 1, flat))


# ---- chunks side by side


@op("chunk_cat.flat", grad={"tensors": underivable("_chunk_cat")}, tensors="tensors*", node="torch::autograd::NotImplemented",
    **HIDDEN)  # fmt: skip
def chunk_cat(tensors, dim, num_chunks):
    """Each tensor cut along dim into chunks of equal size, zeros filling the last one; the k-th chunks of all joined, flat."""
    pieces = []
    for t in tensors:
        lead, n = t.shape[:dim], t.shape[dim]
        each = -(-n // num_chunks)
        padded = np.zeros((*lead, each * num_chunks, *t.shape[dim + 1 :]), t.dtype)
        padded[(slice(None),) * dim + (slice(0, n),)] = t
        pieces.append(padded.reshape(*lead, num_chunks, -1))
    return np.concatenate(pieces, dim + 1)


# ---- reading by index where a mask says so


def _clamped(shape: tuple[int, ...], indices: list[np.ndarray]) -> list[np.ndarray]:
    return [np.clip(i.astype(np.int64), -n, n - 1) for i, n in zip(indices, shape, strict=False)]


@op("unsafe_masked_index.read",
    grad=dict(self=lambda grad, self_sizes, mask, indices: put_accumulate(_zeros(grad, tuple(self_sizes)), mask, indices, grad)),
    tensors="self mask indices*", node="UnsafeMaskedIndexBackward0", **HIDDEN)  # fmt: skip
def masked_index(self, mask, indices, fill):
    read = self[as_key(_clamped(self.shape, indices))]
    return np.where(mask != 0, read, number(fill, self.dtype))


@op("unsafe_masked_index_put_accumulate.write",
    grad=dict(self=lambda grad: grad, values=lambda grad, mask, indices: masked_index(grad, mask, indices, 0)),
    tensors="self mask indices* values", node="UnsafeMaskedIndexPutAccumulateBackward0", **HIDDEN)  # fmt: skip
def put_accumulate(self, mask, indices, values):
    if self.dtype != values.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {from_np(self.dtype).legacy} for the destination and "
            f"{from_np(values.dtype).legacy} for the source."
        )
    kept = np.where(mask != 0, values, np.zeros((), values.dtype))
    out = clone.array(self)
    out += added_at(self.shape, _clamped(self.shape, indices), kept)
    return out


def _zeros(grad: Any, shape: tuple[int, ...]) -> Any:
    return np.zeros(shape, grad.dtype) if isinstance(grad, np.ndarray) else grad.new_zeros(shape)
