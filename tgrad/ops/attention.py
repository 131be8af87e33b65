"""Attention as one op, and the softmax that knows rows without any permitted place.

Note [Rows of nothing]
A row whose scores are all -inf (everything masked) has no softmax; PyTorch's attention gives zeros for it, and so does
`_safe_softmax`. Its gradient needs no care: it is a product with the zeros.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .attention_blocks import backward, forward, leading
from .softmax import _softmax_grad as softmax_grad
from .spec import Row, op, underivable


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


def factor_of(query: Any, scale: float | None) -> float:
    """The scale of scores: 1 / sqrt(width) by default."""
    if scale is not None:
        return scale
    return 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else math.inf


def widened(a: Any) -> Any:
    return a.astype(np.float32) if a is not None and a.dtype.itemsize == 2 else a


# ---- in one kernel, for what PyTorch has one on a CPU: four dimensions, one width, no dropout


@op("_scaled_dot_product_flash_attention_for_cpu",
    grad={"query key value": lambda grad, query, key, value, result0, result1, attn_mask, dropout_p, is_causal, scale: flash_backward(
        single(grad), query, key, value, result0, result1, dropout_p, is_causal, attn_mask, scale)},
    tensors="query key value attn_mask", outputs="output logsumexp", undiff="logsumexp",
    node="ScaledDotProductFlashAttentionForCpuBackward0", function=False, method=False)  # fmt: skip
def attention(query, key, value, dropout_p=0.0, is_causal=False, attn_mask=None, scale=None):
    """softmax(query key^T * scale + attn_mask) value, over [batch, heads, length, width]; is_causal: each place sees itself and those
    before. A mask of bools permits where it is True. Keys may have fewer heads than queries, each for several of them in a row. Second result:
    the logsumexp of the rows, [batch, heads, length]."""
    q, k, v, mask = _grouped(*map(widened, (query, key, value, attn_mask)))
    out = like(query, value.shape[-1], q.dtype)
    lse = forward(
        q,
        k,
        v,
        _of_type(mask, q),
        is_causal,
        factor_of(query, scale),
        out.reshape(*q.shape[:-1], -1),
        half=_half(query),
    )
    return out.astype(query.dtype, copy=False), lse.reshape(query.shape[:-1])


@op("_scaled_dot_product_flash_attention_for_cpu_backward",
    grad={"grad_out query key value out logsumexp": underivable("_scaled_dot_product_flash_attention_for_cpu_backward")},
    tensors="grad_out query key value out logsumexp attn_mask", outputs="grad_query grad_key grad_value",
    node="torch::autograd::NotImplemented", function=False, method=False)  # fmt: skip
def flash_backward(grad_out, query, key, value, out, logsumexp, dropout_p, is_causal, attn_mask=None, scale=None):
    q, k, v, mask = _grouped(*map(widened, (query, key, value, attn_mask)))
    rows, lse = q.shape[:-1], logsumexp.reshape(q.shape[:-1])
    grads = [by_length(a.shape, q.dtype) for a in (query, key, value)]
    gq, gk, gv = (g.reshape(a.shape) for g, a in zip(grads, (q, k, v), strict=True))
    g, result = (widened(a).reshape(*rows, a.shape[-1]) for a in (grad_out, out))
    backward(
        g, q, k, v, _of_type(mask, q), result, lse, is_causal, factor_of(query, scale), gq, gk, gv, half=_half(query)
    )
    return tuple(g.astype(query.dtype, copy=False) for g in grads)


def _half(a: np.ndarray) -> Any:
    return a.dtype if a.dtype.itemsize == 2 else None


def _grouped(q: Any, k: Any, v: Any, mask: Any) -> tuple[Any, Any, Any, Any]:
    """[N, heads, ...] as [N, heads of keys, queries' heads per head of keys, ...]; dimensions are split, which copies nothing."""
    heads, several = k.shape[1], q.shape[1] // k.shape[1]
    q = q.reshape(q.shape[0], heads, several, *q.shape[2:])
    if mask is not None:
        mask = mask[(None,) * (4 - mask.ndim)]
        own = mask.shape[1] > 1
        mask = mask.reshape(mask.shape[0], heads if own else 1, several if own else 1, *mask.shape[2:])
    return q, k[:, :, None], v[:, :, None], mask


def _of_type(mask: Any, q: np.ndarray) -> Any:
    return mask if mask is None or mask.dtype == np.bool_ else mask.astype(q.dtype, copy=False)


def like(query: np.ndarray, width: int, dtype: Any, empty: Any = np.empty) -> np.ndarray:
    """Room for a result whose dimensions lie in the order of query's, as PyTorch's does."""
    shape = (*query.shape[:-1], width)
    steps = query.strides
    order = sorted(range(len(shape)), key=lambda d: -steps[d]) if 0 not in steps else list(range(len(shape)))
    return empty(tuple([shape[d] for d in order]), dtype).transpose(np.argsort(order))


def by_length(shape: tuple[int, ...], dtype: Any, empty: Any = np.zeros) -> np.ndarray:
    """Room for [N, heads, length, width], which lie as [N, length, heads, width]: PyTorch's gradients do."""
    n, heads, length, width = shape
    return empty((n, length, heads, width), dtype).swapaxes(1, 2)


def single(grads: Any) -> Any:
    return grads[0] if isinstance(grads, (list, tuple)) else grads


# ---- of any shape, for long sequences


def _in_blocks(query, key, value, attn_mask=None, noise=None, is_causal=False, scale=1.0):
    """The same over [..., length, width] whose leading dimensions broadcast, with the factors of dropout (`Noise`). See Note [Blocks of
    queries]."""
    q, k, v, mask = _levelled(query, key, value, attn_mask)
    lead = leading(q, k, v)
    out = np.empty((*lead, q.shape[-2], v.shape[-1]), q.dtype)
    return out, forward(q, k, v, mask, is_causal, scale, out, noise)


def _row_in_blocks(name: str, node: str) -> Row:
    """The node bears the name of the last that PyTorch records for its products of matrices, which this stands for."""
    formula = lambda grad, query, key, value, attn_mask, noise, is_causal, scale, result0, result1, needs: _blocks_grad(
        single(grad), query, key, value, attn_mask, noise, is_causal, scale, result0, result1, needs
    )
    return op(name, grad={"query key value attn_mask": formula}, tensors="query key value attn_mask", outputs="output logsumexp",
              undiff="logsumexp", node=node, function=False, method=False)(_in_blocks)  # fmt: skip


in_blocks = _row_in_blocks("_scaled_dot_product_attention_in_blocks", "UnsafeViewBackward0")
in_blocks_of_matrices = _row_in_blocks("_scaled_dot_product_attention_in_blocks.matrices", "MmBackward0")


def _levelled(*arrays: Any) -> list[Any]:
    """Arrays with as many dimensions as the one that has the most, by dimensions of size 1 in front."""
    most = max(a.ndim for a in arrays if a is not None)
    return [None if a is None else a[(None,) * (most - a.ndim)] for a in arrays]


def _blocks_grad(
    grad: Any, query: Any, key: Any, value: Any, attn_mask: Any, noise: Any, is_causal: bool, scale: float, out: Any, lse: Any, needs: Any
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    if type(query) is not np.ndarray:
        return _recorded_grad(grad, query, key, value, attn_mask, noise, is_causal, scale, needs)
    q, k, v, mask = _levelled(query, key, value, attn_mask)
    gq, gk, gv = sums = [np.zeros(a.shape, a.dtype) for a in (q, k, v)]
    gm = np.zeros(mask.shape, mask.dtype) if needs[3] else None
    backward(grad, q, k, v, mask, out, lse, is_causal, scale, gq, gk, gv, gm, noise)
    found = [g.reshape(a.shape) for g, a in zip(sums, (query, key, value), strict=True)]
    return found[0], found[1], found[2], None if gm is None else gm.reshape(attn_mask.shape)


def _recorded_grad(
    grad: Any, query: Any, key: Any, value: Any, attn_mask: Any, noise: Any, is_causal: bool, scale: float, needs: Any
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """Where derivatives of derivatives are wanted, which need the whole matrix."""
    scores = (query @ turned(key)) * scale
    if is_causal:
        ahead = np.triu(np.full((query.shape[-2], key.shape[-2]), -np.inf, np.float32), 1)
        scores = scores + query.new_tensor(ahead)
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype.name == "bool" else scores + attn_mask
    p = safe_softmax(scores)
    kept, flow = p, grad @ turned(value)
    if noise is not None:
        factors = query.new_tensor(noise.source()(tuple(p.shape), query._a.dtype))
        kept, flow = p * factors, flow * factors
    flow = softmax_grad(flow, p, -1)
    gq, gk, gv = flow @ key * scale, turned(flow) @ query * scale, turned(kept) @ grad
    found = [g.sum_to_size(t.shape) for g, t in ((gq, query), (gk, key), (gv, value))]
    return found[0], found[1], found[2], flow.sum_to_size(attn_mask.shape) if needs[3] else None
