"""Attention as one op, and the softmax that knows rows without any permitted place.

Note [Rows of nothing]
A row whose scores are all -inf (everything masked) has no softmax; PyTorch's attention gives zeros for it, and so does
`_safe_softmax`. Its gradient needs no care: it is a product with the zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .softmax import _softmax_grad as softmax_grad
from .spec import in_rows, op


def _safe(x: np.ndarray) -> np.ndarray:
    top = np.maximum.reduce(x, axis=-1, keepdims=True, initial=-np.inf)
    e = np.exp(x - np.where(np.isneginf(top), 0, top))
    total = np.add.reduce(e, axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


@op("_safe_softmax", grad=dict(self=lambda grad, result: softmax_grad(grad, result, -1)), tensors="self",
    node="SafeSoftmaxBackward0", function=False, method=False)  # fmt: skip
def safe_softmax(self):
    """Softmax along the last dimension; see Note [Rows of nothing]."""
    wide = self.astype(np.float32) if self.dtype.itemsize == 2 else self
    return _safe(wide).astype(self.dtype, copy=False)


def turned(x: Any) -> Any:
    return x.swapaxes(-1, -2)


@op("_scaled_dot_product_flash_attention_for_cpu",
    grad={"query key value": lambda grad, query, key, value, attn_mask, scale, is_causal: _attention_grad(
        grad, query, key, value, attn_mask, scale, is_causal)},
    tensors="query key value attn_mask", node="ScaledDotProductFlashAttentionForCpuBackward0", function=False, method=False)  # fmt: skip
def attention(query, key, value, attn_mask=None, scale=1.0, is_causal=False):
    """softmax(query key^T * scale + attn_mask) value, over [batch, heads, length, width]. is_causal: each place sees itself and those
    before."""
    if query.dtype.itemsize == 2:  # computed in float32, rounded once
        wide = [None if x is None else x.astype(np.float32) for x in (query, key, value, attn_mask)]
        return attention.array(*wide, scale, is_causal).astype(query.dtype)  # type: ignore[misc]
    return in_rows(safe_softmax.array(_scores(query, key, attn_mask, scale, is_causal)) @ value)


def _scores(query: Any, key: Any, attn_mask: Any, scale: float, is_causal: bool) -> Any:
    scores = (query @ turned(key)) * scale
    if is_causal:
        ahead = np.triu(np.full((query.shape[-2], key.shape[-2]), -np.inf, np.float32), 1)
        attn_mask = ahead.astype(query.dtype) if type(query) is np.ndarray else query.new_tensor(ahead)
    return scores if attn_mask is None else scores + attn_mask


def _attention_grad(
    grad: Any, query: Any, key: Any, value: Any, attn_mask: Any, scale: float, is_causal: bool
) -> tuple[Any, Any, Any]:
    p = safe_softmax(_scores(query, key, attn_mask, scale, is_causal))
    through = softmax_grad(grad @ turned(value), p, -1) * scale
    return through @ key, turned(through) @ query, turned(p) @ grad
