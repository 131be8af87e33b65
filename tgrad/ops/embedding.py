"""Rows of a table, by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import from_np
from .spec import op


def _need_index(indices: np.ndarray) -> None:
    if indices.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"torch.{from_np(indices.dtype).legacy}Tensor instead (while checking arguments for embedding)"
        )


@op("embedding", grad=dict(weight=lambda grad, weight_sizes, indices, padding_idx, scale_grad_by_freq: embedding_backward(
    grad, indices, weight_sizes, padding_idx, scale_grad_by_freq)), tensors="weight indices", method=False, real_grad=True)  # fmt: skip
def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    _need_index(indices)
    if indices.size and (indices.min() < 0 or indices.max() >= weight.shape[0]):
        raise IndexError("index out of range in self")
    return weight[indices]


@op("embedding_dense_backward",
    grad=dict(grad_output=lambda grad, indices, padding_idx, scale_grad_by_freq: _table_rows(
        grad, indices, padding_idx, scale_grad_by_freq)),
    tensors="grad_output indices", node="EmbeddingDenseBackwardBackward0", function=False, method=False)  # fmt: skip
def embedding_backward(grad_output, indices, weight_sizes, padding_idx=-1, scale_grad_by_freq=False):
    out = np.zeros(weight_sizes, np.float32 if grad_output.dtype.itemsize == 2 else grad_output.dtype)
    flat = indices.reshape(-1)
    g = grad_output.reshape(-1, weight_sizes[1])
    keep = flat != padding_idx
    if not keep.all():
        flat, g = flat[keep], g[keep]
    if scale_grad_by_freq and flat.size:
        g = g / np.bincount(flat)[flat].astype(g.dtype)[:, None]
    np.add.at(out, flat, g)
    return out.astype(grad_output.dtype, copy=False)


def _table_rows(grad: Any, indices: Any, padding_idx: int, scale_grad_by_freq: bool) -> Any:
    if scale_grad_by_freq:
        raise RuntimeError("embedding_backward does not support scale_grad_by_freq=True for double backward")
    rows = embedding(grad, indices)
    if padding_idx < 0:
        return rows
    shape = (*indices.shape, 1)
    return rows * (indices != padding_idx).reshape(shape)


@op("one_hot.fill", function=False, method=False)
def one_hot(self, num_classes=-1):
    """A new last dimension with 1 at each class and 0 elsewhere."""
    if self.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if self.size == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return np.zeros((*self.shape, num_classes), np.int64)
    if self.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(self.max()) + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif self.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return np.equal.outer(self, np.arange(num_classes)).astype(np.int64)
