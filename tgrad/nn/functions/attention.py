"""Scaled dot products of queries and keys.

Note [Which attention]
PyTorch has one kernel for attention on a CPU and takes it where the operands suit it (`fused`); else it makes attention of products, a softmax and
dropout (`_composed`), and the graph shows these. The same is done here, except that sequences so long that the matrix of all weights would
have more than LONG elements get a kernel of their own in the second case, too: it goes over some queries at a time, and draws the
numbers of dropout in the order in which they would be drawn for the matrix. Then one node stands for PyTorch's many.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import functions as fn
from ...backends.attention import Switches
from ...dtype import bfloat16, bool_, float16, float32, float64
from ...graph.modes import state
from ...ops import attention as rows
from ...ops.attention_blocks import Noise
from ...ops.scalar import mul_number
from ...tensor import Tensor
from .dropout import dropout

LONG = 1 << 24


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False, *,
    scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query key^T * scale + mask) value over the last two dimensions [length, width].

    scale: 1 / sqrt(width) by default. A bool mask permits where it is True, a float mask is added; `is_causal` permits
    each place itself and those before. `enable_gqa` repeats the heads of key and value to match query's. RuntimeError for dtypes that differ and for
    fewer than two dimensions. Memory grows with the length, not with its square.

    >>> q, k, v = torch.zeros(1, 2, 4), torch.zeros(1, 3, 4), torch.arange(6.0).reshape(1, 3, 2)
    >>> F.scaled_dot_product_attention(q, k, v)
    tensor([[[2., 3.],
             [2., 3.]]])
    >>> F.scaled_dot_product_attention(q, k, v, attn_mask=torch.tensor([[True, False, False], [False, True, True]]))
    tensor([[[0., 1.],
             [3., 4.]]])
    """
    for at, (word, t) in enumerate((("query", query), ("key", key), ("value", value), ("attn_mask", attn_mask)), 1):
        if not isinstance(t, Tensor) and (t is not None or at < 4):
            instead = type(t).__name__
            raise TypeError(
                f"scaled_dot_product_attention(): argument '{word}' (position {at}) must be Tensor, not {instead}"
            )
    special = getattr(type(attn_mask), "_dispatch", None)
    if special is not None:  # a mask that knows how it is to be used: see nn/attention/bias.py
        return special(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)
    _check(query, key, value, attn_mask)
    if _nothing(query, key, value):
        return _of_nothing(query, key, value)
    reason = fused(query, key, value, attn_mask, dropout_p, enable_gqa)
    if not Switches.flash and not Switches.math:
        raise RuntimeError(
            "No viable backend for scaled_dot_product_attention was found. This is likely due to turning off both the math kernel and "
            "the fused kernels."
        )
    if Switches.flash and not reason:
        if dropout_p:
            raise RuntimeError("scaled_dot_product_attention_flash_attention: Currently do not support dropout > 0")
        if key.shape[2] != value.shape[2]:
            raise RuntimeError(f"key has {key.shape[2]} places and value {value.shape[2]}")
        got = rows.attention.record(query, key, value, 0.0, is_causal, attn_mask, scale)  # type: ignore[misc]
        return got[0]
    if not Switches.math:
        warnings.warn("Flash attention kernel not used because:", stacklevel=2)
        warnings.warn(reason, stacklevel=2)
        raise RuntimeError("No available kernel.  Aborting execution.")
    return _composed(query, key, value, attn_mask, float(dropout_p), is_causal, scale, enable_gqa)


def _composed(
    query: Any, key: Any, value: Any, mask: Any, dropout_p: float, is_causal: bool, scale: float | None, enable_gqa: bool
) -> Tensor:  # fmt: skip
    dtype = query.dtype
    if mask is not None and is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")
    if dtype in (float16, bfloat16):  # computed in float32, rounded once
        query, key, value = query.float(), key.float(), value.float()
        mask = mask if mask is None or mask.dtype is bool_ else mask.float()
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"expected scalar type Float but found {dtype.legacy}")
    factor = rows.factor_of(query, scale)
    if enable_gqa:
        key, value = _repeated(query, key, value)
    if _long(query, key, value, mask):
        noise = Noise(fn.default_generator, dropout_p) if dropout_p else None
        mask = mask if mask is None or mask.dtype is bool_ else mask.to(query.dtype)
        matrices = max(t.dim() for t in (query, key, value)) == 2
        row = rows.in_blocks_of_matrices if matrices else rows.in_blocks
        out = row.record(query, key, value, mask, noise, is_causal, factor)[0]
        return out if out.dtype is dtype else out.to(dtype)
    if is_causal:
        mask = fn.ones((query.shape[-2], key.shape[-2]), dtype=bool_).tril()
    if mask is not None and mask.dtype is bool_:
        mask = fn.zeros(mask.shape, dtype=query.dtype).masked_fill(~mask, -math.inf)
    half = math.sqrt(abs(factor))
    scaled_key = mul_number.record(key.transpose(-2, -1), half)  # type: ignore[misc]
    scores = mul_number.record(query, half if factor >= 0 else -half) @ scaled_key  # type: ignore[misc]
    if scores.is_complex():
        raise NotImplementedError(f"\"softmax_lastdim_kernel_impl\" not implemented for '{dtype.legacy}'")
    if mask is not None:
        shape, scores = scores.shape, scores + mask
        if scores.shape != shape:
            raise RuntimeError(
                f"output with shape {list(shape)} doesn't match the broadcast shape {list(scores.shape)}"
            )
    weights = rows.safe_softmax.record(scores)  # type: ignore[misc]
    out = (dropout(weights, dropout_p) if dropout_p else weights) @ value
    return out if out.dtype is dtype else out.to(dtype)


def _repeated(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
    """Key and value with their heads repeated until there are as many as query has."""
    heads = [t.size(-3) for t in (query, key, value)]
    if any(not n or heads[0] % n for n in heads[1:]):
        raise RuntimeError("Number of heads in key and value must divide the number of heads in ")
    return key.repeat_interleave(heads[0] // heads[1], -3), value.repeat_interleave(heads[0] // heads[2], -3)


def _long(query: Tensor, key: Tensor, value: Tensor, mask: Any) -> bool:
    """Whether the matrix of weights is one not to be made, and the kernel in blocks knows the operands."""
    size = query.shape[-2] * key.shape[-2]
    if max(query.dim(), key.dim()) > 2:
        try:
            lead = fn.broadcast_shapes(query.shape[:-2], key.shape[:-2])
            whole = fn.broadcast_shapes(lead, value.shape[:-2])
        except RuntimeError:
            return False
        size *= math.prod(lead)
        if lead != whole:
            return False
    elif value.dim() > 2:
        return False
    if size <= LONG or state.levels or query.dtype not in (float32, float64):
        return False
    if not query.shape[-1] or query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        return False
    if mask is None:
        return True
    want = (*fn.broadcast_shapes(query.shape[:-2], key.shape[:-2]), query.shape[-2], key.shape[-2])
    fits = len(mask.shape) <= len(want)
    return fits and all(n in (1, w) for n, w in zip(mask.shape[::-1], want[::-1], strict=False))


def _nothing(query: Tensor, key: Tensor, value: Tensor) -> bool:
    return 0 in query.shape[:-1] or not key.shape[-2] or not value.shape[-1]


def _of_nothing(query: Any, key: Any, value: Any) -> Tensor:
    """Zeros, which depend on all three."""
    zeros = fn.zeros((*query.shape[:-1], value.shape[-1]), dtype=query.dtype)
    return zeros + mul_number.record(query.sum() + key.sum() + value.sum(), 0)  # type: ignore[misc]


def _check(query: Tensor, key: Tensor, value: Tensor, attn_mask: Any) -> None:
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{_cpp(query)} key.dtype: {_cpp(key)} and value.dtype: {_cpp(value)} instead."
        )
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.dim()} key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    if attn_mask is None:
        return
    if attn_mask.dtype is not bool_ and attn_mask.dtype not in (query.dtype, float32):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{_cpp(attn_mask)} and  query.dtype: {_cpp(query)} instead."
        )
    if attn_mask.dim() == 1 and query.dim() == 4:
        attn_mask.size(-2)  # an IndexError


_CPP = {
    "float32": "float", "float64": "double", "int64": "long int", "int32": "int", "int16": "short int", "int8": "signed char",
    "uint8": "unsigned char", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}  # fmt: skip


def _cpp(t: Tensor) -> str:
    return _CPP.get(t.dtype.name, t.dtype.name)


def fused(
    query: Tensor, key: Tensor, value: Tensor, mask: Any, dropout_p: float = 0.0, enable_gqa: bool = False
) -> str:
    """Why PyTorch would not take its kernel for CPUs; nothing where it does."""
    tensors = (query, key, value)
    if dropout_p > 0:
        return "Flash Attention does not support dropout"
    if any(t.dim() != 4 for t in tensors):
        dims = f"Query dim: {query.dim()}, Key dim: {key.dim()}, Value dim: {value.dim()}"
        return f"All fused kernels requires query, key and value to be 4 dimensional, but got {dims} instead."
    if query.dtype not in (float32, float64, float16, bfloat16):
        return f"Flash attention kernels do not support {query.dtype}"
    heads = [t.shape[1] for t in tensors]
    alike = heads[1] == heads[2] and (heads[0] == heads[1] or (enable_gqa and heads[0] % heads[1] == 0))
    if not alike or not query.shape[0] == key.shape[0] == value.shape[0]:
        sizes = ", ".join(
            f"{w} sizes: {list(t.shape)}" for w, t in zip(("Query", "Key", "Value"), tensors, strict=True)
        )
        return (
            f"Flash attention kernels require query, key and value to have the same batch_size and num_heads. {sizes}"
        )
    if not query.shape[-1] == key.shape[-1] == value.shape[-1]:
        sizes = ", ".join(f"{w} {t.shape[-1]}" for w, t in zip(("Query", "Key", "Value"), tensors, strict=True))
        return f"Flash attention requires q,k,v to have the same last dimension. Got {sizes}"
    if any(t.stride(-1) != 1 for t in tensors) or not query.shape[-1]:
        return "All fused kernels require the last dimension of the input to have stride 1."
    if mask is None:
        return ""
    if mask.requires_grad:
        return "Flash Attention does not support a mask that requires grad"
    want = (query.shape[0], query.shape[1], query.shape[2], key.shape[2])[-mask.dim() :]
    if mask.dim() not in (2, 4) or not all(n in (1, w) for n, w in zip(mask.shape, want, strict=True)):
        return "Please use a mask of two or four dimensions that can be broadcast to the scores"
    return ""
