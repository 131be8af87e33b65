"""Attention: scaled dot products, and several heads at once."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import functions as fn
from ...dtype import bfloat16, bool_, float16, float32
from ...ops import attention as rows
from ...ops.scalar import mul_number
from ...tensor import Tensor
from .activation import softmax
from .dropout import dropout
from .padding import pad
from .sparse import linear


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query key^T * scale + mask) value over the last two dimensions [length, width].

    scale: 1 / sqrt(width) by default. A bool mask permits where it is True, a float mask is added; `is_causal` permits
    each place itself and those before. `enable_gqa` repeats the heads of key and value to match query's.

    >>> q, k, v = torch.zeros(1, 2, 4), torch.zeros(1, 3, 4), torch.arange(6.0).reshape(1, 3, 2)
    >>> F.scaled_dot_product_attention(q, k, v)
    tensor([[[2., 3.],
             [2., 3.]]])
    >>> F.scaled_dot_product_attention(q, k, v, attn_mask=torch.tensor([[True, False, False], [False, True, True]]))
    tensor([[[0., 1.],
             [3., 4.]]])
    """
    _check(query, key, value, attn_mask, is_causal)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    dtype = query.dtype
    mask = attn_mask
    if mask is not None and mask.dtype is bool_:
        mask = fn.zeros(mask.shape, dtype=query.dtype).masked_fill(~mask, -math.inf)
    if _one_op(query, key, value, attn_mask, dropout_p, enable_gqa):
        return rows.attention.record(query, key, value, mask, factor, is_causal)  # type: ignore[misc]
    if query.dtype in (float16, bfloat16):  # computed in float32, rounded once
        query, key, value = (t.float() for t in (query, key, value))  # type: ignore[attr-defined]
        mask = None if mask is None else mask.float()
        wide = scaled_dot_product_attention(query, key, value, mask, dropout_p, is_causal, scale, enable_gqa)
        return wide.to(dtype)  # type: ignore[attr-defined]
    if is_causal:
        mask = _causal(query, key)
    if enable_gqa:
        n = query.shape[-3]
        key = key.repeat_interleave(n // key.shape[-3], -3)  # type: ignore[attr-defined]
        value = value.repeat_interleave(n // value.shape[-3], -3)  # type: ignore[attr-defined]
    half = math.sqrt(factor) if factor >= 0 else None
    if half is None:
        scores = mul_number.record(query, factor) @ key.transpose(-2, -1)  # type: ignore[misc, attr-defined]
    else:
        scaled_key = mul_number.record(key.transpose(-2, -1), half)  # type: ignore[misc, attr-defined]
        scores = mul_number.record(query, half) @ scaled_key  # type: ignore[misc]
    if mask is not None:
        scores = scores + mask
    weights = rows.safe_softmax.record(scores)  # type: ignore[misc]
    return (dropout(weights, dropout_p) if dropout_p else weights) @ value


def _causal(query: Tensor, key: Tensor) -> Tensor:
    allowed = fn.ones((query.shape[-2], key.shape[-2]), dtype=bool_).tril()
    return fn.zeros(allowed.shape, dtype=query.dtype).masked_fill(~allowed, -math.inf)


def _check(query: Tensor, key: Tensor, value: Tensor, attn_mask: Any, is_causal: bool) -> None:
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{_cpp(query)} key.dtype: {_cpp(key)} and value.dtype: {_cpp(value)} instead."
        )
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.dim()}, key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    if attn_mask is not None:
        if attn_mask.dtype is not bool_ and attn_mask.dtype not in (query.dtype, float32):
            raise RuntimeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
                f"{_cpp(attn_mask)} and  query.dtype: {_cpp(query)} instead."
            )
        if is_causal:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
            )


def _cpp(t: Tensor) -> str:
    names = {"float32": "float", "float64": "double", "int64": "long", "int32": "int", "float16": "c10::Half"}
    return {**names, "bfloat16": "c10::BFloat16"}.get(t.dtype.name, t.dtype.name)


def _one_op(query: Tensor, key: Tensor, value: Tensor, mask: Any, dropout_p: float, enable_gqa: bool) -> bool:
    """Whether PyTorch on a CPU would take its fused kernel, whose name then stands in the graph."""
    tensors = (query, key, value)
    if dropout_p or enable_gqa or any(t.dim() != 4 for t in tensors):
        return False
    if not query.shape[:2] == key.shape[:2] == value.shape[:2]:
        return False
    if not query.shape[-1] == key.shape[-1] == value.shape[-1]:
        return False
    if any(0 in t.shape for t in tensors) or any(t.stride(-1) != 1 for t in tensors):
        return False
    if mask is None:
        return True
    if mask.requires_grad or mask.dim() not in (2, 4):
        return False
    want = (query.shape[0], query.shape[1], query.shape[2], key.shape[2])[-mask.dim() :]
    return all(n in (1, w) for n, w in zip(mask.shape, want))


# ---- several heads


def _canonical_mask(
    mask: Any, mask_name: str, other: Any, other_name: str, target_type: Any, check_other: bool = True
) -> Any:
    """A mask as what is added to the scores: a bool one forbids where it is True."""
    if mask is None:
        return None
    if mask.dtype is not bool_ and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other is not None and mask.dtype is not other.dtype:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.is_floating_point():
        return mask
    return fn.zeros_like(mask, dtype=target_type).masked_fill_(mask, -math.inf)


def _in_projection_packed(q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The three projections, in one product where query, key and value are one tensor."""
    width = q.shape[-1]
    if k is v and q is k:
        joint = linear(q, w, b)
        parts = joint.unflatten(-1, (3, width)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
        return parts[0], parts[1], parts[2]
    if k is v:
        wq, wkv = w.split([width, width * 2])  # type: ignore[attr-defined]
        bq, bkv = (None, None) if b is None else b.split([width, width * 2])
        joint = linear(k, wkv, bkv)
        parts = joint.unflatten(-1, (2, width)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
        return linear(q, wq, bq), parts[0], parts[1]
    ws = w.chunk(3)  # type: ignore[attr-defined]
    bs = (None, None, None) if b is None else b.chunk(3)
    return linear(q, ws[0], bs[0]), linear(k, ws[1], bs[1]), linear(v, ws[2], bs[2])


def _batched(query: Tensor, key: Tensor, value: Tensor, padding: Any, mask: Any, heads: int) -> bool:
    """Whether the inputs have a batch dimension; AssertionError for shapes that fit neither form."""
    n = query.dim()
    if n not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {n}-D query tensor")
    if key.dim() != n or value.dim() != n:
        word = "batched (3-D)" if n == 3 else "unbatched (2-D)"
        raise AssertionError(
            f"For {word} `query`, expected `key` and `value` to be {n}-D but found {key.dim()}-D and {value.dim()}-D tensors "
            "respectively"
        )
    if padding is not None and padding.dim() != n - 1:
        word = "batched (3-D)" if n == 3 else "unbatched (2-D)"
        raise AssertionError(
            f"For {word} `query`, expected `key_padding_mask` to be `None` or {n - 1}-D but found {padding.dim()}-D tensor instead"
        )
    if mask is not None and mask.dim() not in (2, 3):
        word = "batched (3-D)" if n == 3 else "unbatched (2-D)"
        raise AssertionError(
            f"For {word} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.dim()}-D tensor instead"
        )
    if n == 2 and mask is not None and mask.dim() == 3:
        want = (heads, query.shape[0], key.shape[0])
        if tuple(mask.shape) != want:
            raise AssertionError(f"Expected `attn_mask` shape to be {want} but got {mask.shape}")
    return n == 3


def _checked_mask(mask: Any, tgt: int, src: int, batch: int, heads: int) -> Any:
    if mask is None:
        return None
    if mask.dim() == 2:
        if tuple(mask.shape) != (tgt, src):
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {(tgt, src)}.")
        return mask.unsqueeze(0)
    if mask.dim() == 3:
        if tuple(mask.shape) != (batch * heads, tgt, src):
            raise RuntimeError(
                f"The shape of the 3D attn_mask is {mask.shape}, but should be {(batch * heads, tgt, src)}."
            )
        return mask
    raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")


def multi_head_attention_forward(
    query: Any, key: Any, value: Any, embed_dim_to_check: int, num_heads: int, in_proj_weight: Any, in_proj_bias: Any,
    bias_k: Any, bias_v: Any, add_zero_attn: bool, dropout_p: float, out_proj_weight: Any, out_proj_bias: Any,
    training: bool = True, key_padding_mask: Any = None, need_weights: bool = True, attn_mask: Any = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Any = None, k_proj_weight: Any = None, v_proj_weight: Any = None,
    static_k: Any = None, static_v: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Any]:  # fmt: skip
    """Attention with several heads over [length, batch, width]; what `nn.MultiheadAttention` calls."""
    batched = _batched(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    tgt, batch, width = query.shape
    src = key.shape[0]
    padding = _canonical_mask(key_padding_mask, "key_padding_mask", attn_mask, "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and padding is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        is_causal = is_causal and padding is None
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    head = width // num_heads
    if head * num_heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
        biases = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
        q = linear(query, q_proj_weight, biases[0])
        k = linear(key, k_proj_weight, biases[1])
        v = linear(value, v_proj_weight, biases[2])
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        q, k, v = _in_projection_packed(query, key, value, in_proj_weight, in_proj_bias)
    attn_mask = _checked_mask(attn_mask, tgt, src, batch, num_heads)

    def widened(mask: Any) -> Any:
        return None if mask is None else pad(mask, (0, 1))

    if bias_k is not None and bias_v is not None:
        k, v = fn.cat([k, bias_k.repeat(1, batch, 1)]), fn.cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, padding = widened(attn_mask), widened(padding)
    every = batch * num_heads
    q = q.view(tgt, every, head).transpose(0, 1)
    k = k.view(k.shape[0], every, head).transpose(0, 1) if static_k is None else static_k
    v = v.view(v.shape[0], every, head).transpose(0, 1) if static_v is None else static_v
    if add_zero_attn:
        k, v = (fn.cat([x, fn.zeros((every, 1, head), dtype=x.dtype)], dim=1) for x in (k, v))
        attn_mask, padding = widened(attn_mask), widened(padding)
    src = k.size(1)
    if padding is not None:
        if tuple(padding.shape) != (batch, src):
            which = 0 if padding.shape[0] != batch else 1
            raise AssertionError(
                f"Expected key_padded_mask.shape[{which}] to be {(batch, src)[which]}, but got {padding.shape[which]}"
            )
        padding = padding.view(batch, 1, 1, src).expand(-1, num_heads, -1, -1).reshape(every, 1, src)
        attn_mask = padding if attn_mask is None else attn_mask + padding
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        scaled = q * math.sqrt(1.0 / float(head))
        turned = k.transpose(-2, -1)
        weights = fn.bmm(scaled, turned) if attn_mask is None else fn.baddbmm(attn_mask, scaled, turned)
        weights = softmax(weights, dim=-1)
        weights = dropout(weights, p=dropout_p) if dropout_p > 0.0 else weights
        mixed = fn.bmm(weights, v).transpose(0, 1).contiguous().view(tgt * batch, width)
        out = linear(mixed, out_proj_weight, out_proj_bias)
        out = out.view(tgt, batch, out.size(1))
        weights = weights.view(batch, num_heads, tgt, src)
        weights = weights.mean(dim=1) if average_attn_weights else weights
        return (out, weights) if batched else (out.squeeze(1), weights.squeeze(0))
    if attn_mask is not None:
        whole = attn_mask.size(0) == 1 and attn_mask.dim() == 3
        attn_mask = attn_mask.unsqueeze(0) if whole else attn_mask.view(batch, num_heads, -1, src)
    q, k, v = (x.view(batch, num_heads, x.shape[1], head) for x in (q, k, v))
    mixed = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
    mixed = mixed.permute(2, 0, 1, 3).contiguous().view(batch * tgt, width)
    out = linear(mixed, out_proj_weight, out_proj_bias)
    out = out.view(tgt, batch, out.size(1))
    return (out, None) if batched else (out.squeeze(1), None)
