"""Sums, means and maxima of bags of rows of a table, without the rows themselves.

Note [Bags]
`offsets` says where each bag begins in `indices`. Which element belongs to which bag is a sparse matrix [bags, rows of the
table], so a sum is a product with it, and its gradient one with the transpose. Elements equal to `padding_idx` count as
absent everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import from_np
from .pooling import widened
from .spec import op, underivable

HIDDEN: dict[str, Any] = dict(function=False, method=False)
SUM, MEAN, MAX = 0, 1, 2


def _argument(text: str) -> RuntimeError:
    return RuntimeError(f"{text} (while checking arguments for embedding_bag)")


def _check(
    weight: np.ndarray, indices: np.ndarray, offsets: np.ndarray, mode: int, weights: Any, last: bool, padding: int
) -> None:
    for word, t in (("indices", indices), ("offsets", offsets)):
        if t.dtype not in (np.int64, np.int32):
            raise _argument(
                f"Expected tensor for argument #1 '{word}' to have one of the following scalar types: Long, Int; but got "
                f"torch.{from_np(t.dtype).legacy}Tensor instead"
            )
    dt = from_np(weight.dtype)
    if weight.dtype.kind in "biuc":
        told = f"CPU{dt.legacy}Type" if weight.dtype.kind in "bc" else f"torch.{dt.legacy}Tensor"
        raise _argument(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, Float, Double; "
            f"but got {told} instead"
        )
    if weights is not None:
        if mode != SUM:
            raise RuntimeError("embedding_bag: per_sample_weights only supported with mode='sum'")
        if weights.dtype != weight.dtype:
            raise _argument(
                "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but "
                f"type torch.{dt.legacy}Tensor does not equal torch.{from_np(weights.dtype).legacy}Tensor"
            )
        if weights.size != indices.size:
            raise _unequal("per_sample_weights.value().numel() == indices.numel()")
    if len(offsets):
        if offsets[0] != 0:
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got "
                f"{offsets[0]}"
            )
        if offsets[-1] > len(indices):
            raise RuntimeError(
                f"offsets[-1] can not be greater than input's length {len(indices)} but got offsets[-1] of {offsets[-1]}"
            )
    elif last:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    outside = indices[(indices < 0) | (indices >= len(weight))]
    if len(outside):
        raise RuntimeError(f"embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {outside[0]}")


def _unequal(what: str) -> RuntimeError:
    return RuntimeError(
        f"Expected {what} to be true, but got false.  (Could this error message be improved?  If so, please report an enhancement "
        "request to PyTorch.)"
    )


def _bags(indices: np.ndarray, offsets: np.ndarray, last: bool) -> tuple[np.ndarray, int]:
    """The bag of each element, and how many bags there are. The last one has all that is left, whatever its end is said to be."""
    count = len(offsets) - (1 if last else 0)
    marks = np.zeros(len(indices) + 1, indices.dtype)
    np.add.at(marks, offsets[:count], 1)
    return (np.cumsum(marks)[: len(indices)] - 1).astype(indices.dtype, copy=False), count


def _matrix(bag: np.ndarray, indices: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> Any:
    from scipy.sparse import csr_array

    starts = np.searchsorted(bag, np.arange(shape[0] + 1))  # bags never go down
    return csr_array((values, indices, starts), shape=shape)


@op("_embedding_bag",
    grad=dict(weight=lambda grads, weight_sizes, indices, scale_grad_by_freq, mode, per_sample_weights, padding_idx, result1, result2,
                  result3: embedding_bag_backward(_first(grads), indices, result1, result2, result3, per_sample_weights,
                  tuple(weight_sizes), scale_grad_by_freq, mode, padding_idx),
              per_sample_weights=lambda grads, weight, indices, mode, padding_idx, result1: sample_weights_backward(
                  _first(grads), weight, indices, result1, padding_idx)),
    tensors="weight indices offsets per_sample_weights", outputs="output offset2bag bag_size max_indices",
    undiff="offset2bag bag_size max_indices", node="EmbeddingBagBackward0", **HIDDEN)  # fmt: skip
def embedding_bag(
    weight, indices, offsets, scale_grad_by_freq=False, mode=SUM, sparse=False, per_sample_weights=None,
    include_last_offset=False, padding_idx=-1,
):  # fmt: skip
    """([bags, d], bag of each element, elements per bag, which row was largest); see Note [Bags]."""
    _check(weight, indices, offsets, mode, per_sample_weights, include_last_offset, padding_idx)
    bag, count = _bags(indices, offsets, include_last_offset)
    keep = (indices != padding_idx) & (bag >= 0)
    sizes = np.zeros(count, indices.dtype)
    own, rows = bag[keep], indices[keep]
    if mode != SUM:
        sizes += np.bincount(own, minlength=count).astype(sizes.dtype)
    table = widened(weight)
    if mode == MAX:
        out, which = _largest(table, own, rows, count)
        return out.astype(weight.dtype, copy=False), bag, sizes, which
    values = np.ones(len(rows), table.dtype)
    if per_sample_weights is not None:
        values = widened(per_sample_weights)[keep]
    out = _matrix(own, rows, values, (count, len(weight))) @ table
    if mode == MEAN:
        out = out / np.maximum(sizes, 1)[:, None].astype(out.dtype)
    return out.astype(weight.dtype, copy=False), bag, sizes, sizes.copy()


def _first(grads: Any) -> Any:
    return grads[0] if isinstance(grads, (list, tuple)) else grads


def _largest(table: np.ndarray, bag: np.ndarray, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    out = np.zeros((count, table.shape[1]), table.dtype)
    which = np.zeros(out.shape, rows.dtype)
    if len(bag):
        taken = table[rows]
        starts = np.flatnonzero(np.diff(bag, prepend=-1))
        best = np.maximum.reduceat(taken, starts, 0)
        place = np.cumsum(np.diff(bag, prepend=-1) != 0) - 1
        found = (taken == best[place]) | np.isnan(taken)
        at = np.where(found, np.arange(len(bag))[:, None], len(bag) - 1)
        out[bag[starts]] = best
        which[bag[starts]] = rows[np.minimum.reduceat(at, starts, 0)]
    return out, which


def _frequencies(indices: np.ndarray) -> np.ndarray:
    """What PyTorch divides the gradient of each row by: how often it comes. But for the k-th of the different rows in ascending
    order it looks at the k-th of all indices in ascending order, which, once a row came twice, is an earlier row."""
    counts, different = np.bincount(indices), np.unique(indices)
    found = np.zeros(len(counts), np.int64)
    found[different] = counts[np.sort(indices)[: len(different)]]
    return found


def _refuse(grad: Any) -> Any:
    raise NotImplementedError("the derivative for '_embedding_bag_backward' is not implemented.")


@op("_embedding_bag_backward", grad={"grad_output per_sample_weights": _refuse},
    tensors="grad_output indices offset2bag bag_size max_indices per_sample_weights", node="EmbeddingBagBackwardBackward0", **HIDDEN)  # fmt: skip
def embedding_bag_backward(
    grad_output,
    indices,
    offset2bag,
    bag_size,
    max_indices,
    per_sample_weights,
    weight_size,
    scale_grad_by_freq,
    mode,
    padding_idx,
):
    shape = tuple(weight_size)
    grad = widened(grad_output)
    if mode == MAX:
        out = np.zeros(shape, grad.dtype)
        full = bag_size > 0
        spots = max_indices[full].astype(np.int64) * shape[1] + np.arange(shape[1])
        np.add.at(out.reshape(-1), spots.reshape(-1), grad[full].reshape(-1))
        return out.astype(grad_output.dtype, copy=False)
    keep = (indices != padding_idx) & (offset2bag >= 0)
    own, rows = offset2bag[keep], indices[keep]
    values = np.ones(len(rows), grad.dtype)
    if per_sample_weights is not None:
        values = widened(per_sample_weights)[keep]
    if scale_grad_by_freq and len(indices):
        values = values / _frequencies(indices)[rows].astype(grad.dtype)
    if mode == MEAN:
        values = values / bag_size[own].astype(grad.dtype)
    out = _matrix(own, rows, values, (len(grad), shape[0])).T @ grad
    return out.astype(grad_output.dtype, copy=False)


@op("_embedding_bag_per_sample_weights_backward",
    grad={"grad_output weight": underivable("_embedding_bag_per_sample_weights_backward")},
    tensors="grad_output weight indices offset2bag", node="torch::autograd::NotImplemented", **HIDDEN)  # fmt: skip
def sample_weights_backward(grad_output, weight, indices, offset2bag, padding_idx):
    inside = offset2bag >= 0
    taken = widened(weight)[indices] * widened(grad_output)[np.where(inside, offset2bag, 0)]
    out = np.where(inside & (indices != padding_idx), taken.sum(1), 0)
    return out.astype(grad_output.dtype, copy=False)
