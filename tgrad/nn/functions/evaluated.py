"""Attention in evaluation, where nothing is recorded: what modules take instead of the general way.

Note [In evaluation]
PyTorch has kernels for whole layers which it takes when a module is not in training, its input has a batch in front, and nothing requires a gradient. They
give the same values but for three things, which are kept here: masks are bools (a float mask forbids wherever it is not zero), a place
that may see nothing gives NaN, and results lie in row-major order. A hint that a mask is causal is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ... import functions as fn
from ...dtype import bool_
from ...graph.modes import is_grad_enabled, state
from .activation import gelu, softmax
from .attention import scaled_dot_product_attention
from .norm import layer_norm
from .sparse import linear


def unrecorded(tensors: Iterable[Any]) -> bool:
    """Whether an operation on these would record nothing."""
    return not (is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)) and not state.levels


def _mask_of_scores(mask: Any, mask_type: Any, batch: int, heads: int, length: int) -> Any:
    """The mask as bools that broadcast to [batch, heads, length, length]: True where it forbids."""
    if mask is None:
        return None
    mask = mask if mask.dtype is bool_ else mask.to(bool_)
    if mask_type == 1 and mask.dim() == 2:
        if tuple(mask.shape) != (batch, length):
            raise RuntimeError("For mask_type == 1 mask shape should be (B, L)")
        return mask.view(batch, 1, 1, length)
    if tuple(mask.shape) != (batch, heads, length, length):
        raise RuntimeError("For mask_type == 2 mask shape should match input shape")
    return mask


def native_multi_head_attention(
    query: Any, embed_dim: int, num_heads: int, qkv_weight: Any, qkv_bias: Any, proj_weight: Any, proj_bias: Any, mask: Any = None,
    need_weights: bool = True, average_attn_weights: bool = True, mask_type: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """Attention of a sequence [batch, length, embed_dim] to itself; see Note [In evaluation]."""
    batch, length, width = query.shape
    if width != embed_dim:
        raise RuntimeError(f"passed-in embed_dim {embed_dim} didn't match last dim of query {width}")
    if not query.numel():
        return fn.empty_like(query), None
    head = width // num_heads
    joint = linear(query, qkv_weight, qkv_bias).view(batch, length, 3, num_heads, head)
    q, k, v = joint.permute(2, 0, 3, 1, 4).unbind(0)
    forbidden = _mask_of_scores(mask, mask_type, batch, num_heads, length)
    weights = None
    if need_weights:
        scores = (q * (1 / math.sqrt(head))) @ k.transpose(-2, -1)
        if forbidden is not None:
            scores.masked_fill_(forbidden, -math.inf)
        weights = softmax(scores, dim=-1)
        mixed = weights @ v
        weights = weights.mean(dim=1) if average_attn_weights else weights  # type: ignore[attr-defined]
    else:
        mixed = scaled_dot_product_attention(q, k, v, None if forbidden is None else ~forbidden)
        if forbidden is not None and bool((blind := forbidden.all(-1, keepdim=True)).any()):
            mixed = mixed.masked_fill(blind, math.nan)  # type: ignore[attr-defined]
    mixed = mixed.transpose(1, 2).reshape(batch, length, width)  # type: ignore[attr-defined]
    return linear(mixed, proj_weight, proj_bias), weights


def encoder_layer(
    src: Any, embed_dim: int, num_heads: int, qkv_weight: Any, qkv_bias: Any, proj_weight: Any, proj_bias: Any, use_gelu: bool,
    norm_first: bool, eps: float, norm_weight_1: Any, norm_bias_1: Any, norm_weight_2: Any, norm_bias_2: Any, ffn_weight_1: Any,
    ffn_bias_1: Any, ffn_weight_2: Any, ffn_bias_2: Any, mask: Any = None, mask_type: Any = None,
) -> Any:  # fmt: skip
    """A layer of an encoder: attention and two linear maps, each added to what goes in and normalised; see Note [In evaluation]."""

    def attended(x: Any) -> Any:
        ways = (qkv_weight, qkv_bias, proj_weight, proj_bias)
        return native_multi_head_attention(x, embed_dim, num_heads, *ways, mask, False, True, mask_type)[0]

    def fed(x: Any) -> Any:
        x = linear(x, ffn_weight_1, ffn_bias_1)
        return linear(gelu(x) if use_gelu else fn.relu(x), ffn_weight_2, ffn_bias_2)

    first = ((embed_dim,), norm_weight_1, norm_bias_1, eps)
    second = ((embed_dim,), norm_weight_2, norm_bias_2, eps)
    if norm_first:
        x = src + attended(layer_norm(src, *first))
        return x + fed(layer_norm(x, *second))
    x = layer_norm(src + attended(src), *first)
    return layer_norm(x + fed(x), *second)
