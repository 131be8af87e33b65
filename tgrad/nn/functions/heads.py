"""Attention with several heads: projections, masks, dot products, and a projection of what comes out."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import functions as fn
from ...dtype import bool_
from ...tensor import Tensor
from .activation import softmax
from .attention import scaled_dot_product_attention
from .dropout import dropout
from .padding import pad
from .sparse import linear


def _none_or_dtype(input: Any) -> Any:
    """The dtype of a mask, None for none."""
    if input is None:
        return None
    if isinstance(input, Tensor):
        return input.dtype
    raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")


def _canonical_mask(
    mask: Any, mask_name: str, other_type: Any, other_name: str, target_type: Any, check_other: bool = True
) -> Any:
    """A mask as what is added to the scores: a bool one forbids where it is True."""
    if mask is None:
        return None
    if mask.dtype is not bool_ and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype is not other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=2,
        )
    if mask.is_floating_point():
        return mask
    return fn.zeros_like(mask, dtype=target_type).masked_fill_(mask, -math.inf)


def _in_projection_packed(q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Any = None) -> list[Any]:
    """The three projections by one weight, in one product where query, key and value are one tensor."""
    width = q.size(-1)
    if k is v:
        if q is k:
            return _several(linear(q, w, b), width, 3)
        wq, wkv = w.split([width, width * 2])  # type: ignore[attr-defined]
        bq, bkv = (None, None) if b is None else b.split([width, width * 2])
        return [linear(q, wq, bq), *_several(linear(k, wkv, bkv), width, 2)]
    ws = w.chunk(3)  # type: ignore[attr-defined]
    bs = (None, None, None) if b is None else b.chunk(3)
    return [linear(x, *pair) for x, *pair in zip((q, k, v), ws, bs, strict=True)]


def _several(joint: Any, width: int, n: int) -> list[Any]:
    """What one product gave for n projections, each in a block of memory of its own."""
    parts = joint.unflatten(-1, (n, width)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
    return [parts[i] for i in range(n)]


def _in_projection(
    q: Tensor, k: Tensor, v: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, b_q: Any = None, b_k: Any = None, b_v: Any = None
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The three projections by weights of their own, whose shapes are checked."""
    width, wide_k, wide_v = q.size(-1), k.size(-1), v.size(-1)
    for word, w, want in (("q", w_q, (width, width)), ("k", w_k, (width, wide_k)), ("v", w_v, (width, wide_v))):
        if tuple(w.shape) != want:
            names = {"q": "query", "k": "key", "v": "value"}
            raise AssertionError(f"expecting {names[word]} weights shape of {want}, but got {w.shape}")
    for word, bias in (("query", b_q), ("key", b_k), ("value", b_v)):
        if bias is not None and tuple(bias.shape) != (width,):
            raise AssertionError(f"expecting {word} bias shape of {(width,)}, but got {bias.shape}")
    return linear(q, w_q, b_q), linear(k, w_k, b_k), linear(v, w_v, b_v)


def _mha_shape_check(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Any, attn_mask: Any, num_heads: int
) -> bool:
    """Whether the inputs have a batch dimension; AssertionError for shapes that fit neither form."""
    n = query.dim()
    if n not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {n}-D query tensor")
    form = "For batched (3-D) `query`, expected" if n == 3 else "For unbatched (2-D) `query`, expected"
    if key.dim() != n or value.dim() != n:
        raise AssertionError(
            f"{form} `key` and `value` to be {n}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != n - 1:
        raise AssertionError(
            f"{form} `key_padding_mask` to be `None` or {n - 1}-D but found {key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(
            f"{form} `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D tensor instead"
        )
    if n == 2 and attn_mask is not None and attn_mask.dim() == 3:
        want = (num_heads, query.shape[0], key.shape[0])
        if tuple(attn_mask.shape) != want:
            raise AssertionError(f"Expected `attn_mask` shape to be {want} but got {attn_mask.shape}")
    return n == 3


def _check_key_padding_mask(key_padding_mask: Tensor, src_len: int, bsz: int) -> None:
    for i, want in enumerate((bsz, src_len)):
        if key_padding_mask.shape[i] != want:
            raise AssertionError(
                f"Expected key_padded_mask.shape[{i}] to be {want}, but got {key_padding_mask.shape[i]}"
            )


def _checked_mask(mask: Any, tgt: int, src: int, batch: int, heads: int) -> Any:
    """A mask with three dimensions."""
    if mask is None:
        return None
    if mask.dim() not in (2, 3):
        raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")
    want = (tgt, src) if mask.dim() == 2 else (batch * heads, tgt, src)
    if tuple(mask.shape) != want:
        raise RuntimeError(f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {want}.")
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _projected(
    query: Any,
    key: Any,
    value: Any,
    weight: Any,
    bias: Any,
    separate: bool,
    q_weight: Any,
    k_weight: Any,
    v_weight: Any,
) -> Any:
    if separate:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
    elif key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    if not separate:
        if weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        return _in_projection_packed(query, key, value, weight, bias)
    for word, w in (("q", q_weight), ("k", k_weight), ("v", v_weight)):
        if w is None:
            raise AssertionError(f"use_separate_proj_weight is True but {word}_proj_weight is None")
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return _in_projection(query, key, value, q_weight, k_weight, v_weight, *biases)


def _in_heads(x: Any, static: Any, word: str, every: int, head: int) -> Any:
    """[length, batch, width] as [batch * heads, length, width of a head]; given keys and values are checked."""
    if static is None:
        return x.view(x.shape[0], every, head).transpose(0, 1)
    for i, want in ((0, every), (2, head)):
        if static.size(i) != want:
            raise AssertionError(f"expecting static_{word}.size({i}) of {want}, but got {static.size(i)}")
    return static


def _check_biases(bias_k: Any, bias_v: Any, static_k: Any, static_v: Any) -> None:
    if (bias_k is None) != (bias_v is None):
        words = ("bias_k", "bias_v") if bias_v is None else ("bias_v", "bias_k")
        raise AssertionError(f"{words[0]} is set but {words[1]} is None")
    if bias_k is not None:
        for word, static in (("key", static_k), ("value", static_v)):
            if static is not None:
                raise AssertionError(f"bias cannot be added to static {word}.")


def multi_head_attention_forward(
    query: Any, key: Any, value: Any, embed_dim_to_check: int, num_heads: int, in_proj_weight: Any, in_proj_bias: Any,
    bias_k: Any, bias_v: Any, add_zero_attn: bool, dropout_p: float, out_proj_weight: Any, out_proj_bias: Any,
    training: bool = True, key_padding_mask: Any = None, need_weights: bool = True, attn_mask: Any = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Any = None, k_proj_weight: Any = None, v_proj_weight: Any = None,
    static_k: Any = None, static_v: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Any]:  # fmt: skip
    """Attention with several heads over [length, batch, width], or [length, width]; what `nn.MultiheadAttention` calls.

    Gives the output and, with `need_weights`, the weights [batch, target length, source length], averaged over heads or with a dimension of
    heads before the lengths. Bool masks forbid where they are True. `is_causal` says that `attn_mask`, which must be given, is the causal one. Errors
    are those of PyTorch: AssertionError and RuntimeError for shapes that do not go together.

    >>> x = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> w, none = torch.eye(2).repeat(3, 1), torch.zeros(6)
    >>> out, weights = F.multi_head_attention_forward(x, x, x, 2, 1, w, none, None, None, False, 0.0, torch.eye(2), None)
    >>> weights
    tensor([[[0.6698, 0.3302],
             [0.3302, 0.6698]]])
    """
    batched = _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    tgt, batch, width = query.shape
    src = key.shape[0]
    padding = _canonical_mask(key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and padding is None and not need_weights:
        attn_mask = None  # the hint says as much
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        is_causal = is_causal and padding is None
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    head = width // num_heads
    if head * num_heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    q, k, v = _projected(
        query, key, value, in_proj_weight, in_proj_bias, use_separate_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight
    )  # fmt: skip
    attn_mask = _checked_mask(attn_mask, tgt, src, batch, num_heads)
    _check_biases(bias_k, bias_v, static_k, static_v)

    def widened(mask: Any) -> Any:
        return None if mask is None else pad(mask, (0, 1))

    if bias_k is not None:
        k, v = fn.cat([k, bias_k.repeat(1, batch, 1)]), fn.cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, padding = widened(attn_mask), widened(padding)
    every = batch * num_heads
    q = q.view(tgt, every, head).transpose(0, 1)
    k, v = _in_heads(k, static_k, "k", every, head), _in_heads(v, static_v, "v", every, head)
    if add_zero_attn:
        k, v = (fn.cat([x, fn.zeros((every, 1, head), dtype=x.dtype)], dim=1) for x in (k, v))
        attn_mask, padding = widened(attn_mask), widened(padding)
    src = k.size(1)
    if padding is not None:
        _check_key_padding_mask(padding, src, batch)
        padding = padding.view(batch, 1, 1, src).expand(-1, num_heads, -1, -1).reshape(every, 1, src)
        attn_mask = padding if attn_mask is None else attn_mask + padding
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        if is_causal and attn_mask is None:
            raise AssertionError("FIXME: is_causal not implemented for need_weights")
        scaled, turned = q * math.sqrt(1.0 / float(head)), k.transpose(-2, -1)
        weights = fn.bmm(scaled, turned) if attn_mask is None else fn.baddbmm(attn_mask, scaled, turned)
        weights = softmax(weights, dim=-1)
        weights = dropout(weights, p=dropout_p) if dropout_p > 0.0 else weights
        mixed = fn.bmm(weights, v).transpose(0, 1).reshape(tgt * batch, width)
        out = linear(mixed, out_proj_weight, out_proj_bias)
        out = out.view(tgt, batch, out.size(1))
        weights = weights.view(batch, num_heads, tgt, src)
        weights = weights.mean(dim=1) if average_attn_weights else weights
        return (out, weights) if batched else (out.squeeze(1), weights.squeeze(0))
    if attn_mask is not None:
        whole = attn_mask.size(0) == 1 and attn_mask.dim() == 3
        attn_mask = attn_mask.unsqueeze(0) if whole else attn_mask.view(batch, num_heads, -1, src)
    q, k, v = (x.view(batch, num_heads, n, head) for x, n in ((q, tgt), (k, src), (v, src)))
    mixed = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
    mixed = mixed.permute(2, 0, 1, 3).reshape(batch * tgt, width)  # type: ignore[attr-defined]
    out = linear(mixed, out_proj_weight, out_proj_bias)
    out = out.view(tgt, batch, out.size(1))
    return (out, None) if batched else (out.squeeze(1), None)
