"""Attention with several heads."""

from __future__ import annotations

from typing import Any, ClassVar

from ... import functions as fn
from ...amp._state import is_autocast_enabled
from ...backends.attention import Switches
from ...tensor import Tensor
from .. import functional as F
from .. import init
from ..functions.evaluated import native_multi_head_attention, unrecorded
from ..parameter import Parameter
from .linear import NonDynamicallyQuantizableLinear
from .module import Module


class MultiheadAttention(Module):
    """Attention with several heads over [length, batch, embed_dim], or [length, embed_dim]; [batch, length, embed_dim] with `batch_first`.

    Queries, keys and values are projected to embed_dim, cut into `num_heads` parts that attend each by itself, and what comes out is projected
    once more. kdim, vdim: the widths of keys and values. `add_bias_kv` adds a learned key and value to each sequence, `add_zero_attn` zeros.
    `dropout` is that of the weights. `forward` returns the output and, unless need_weights=False, the weights (averaged over heads by
    default). AssertionError where embed_dim is no multiple of num_heads.

    >>> m = nn.MultiheadAttention(4, 2)
    >>> x = torch.zeros(3, 1, 4)
    >>> out, weights = m(x, x, x)
    >>> out.shape, weights
    (torch.Size([3, 1, 4]), tensor([[[0.3333, 0.3333, 0.3333],
             [0.3333, 0.3333, 0.3333],
             [0.3333, 0.3333, 0.3333]]], grad_fn=<MeanBackward1>))
    """

    __constants__: ClassVar[list[str]] = ["batch_first"]
    bias_k: Any
    bias_v: Any

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads, self.dropout, self.batch_first = num_heads, dropout, batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def empty(*shape: int) -> Parameter:
            return Parameter(fn.empty(shape, device=device, dtype=dtype))

        if self._qkv_same_embed_dim:
            self.in_proj_weight = empty(3 * embed_dim, embed_dim)
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                self.register_parameter(name, None)
        else:
            self.q_proj_weight = empty(embed_dim, embed_dim)
            self.k_proj_weight = empty(embed_dim, self.kdim)
            self.v_proj_weight = empty(embed_dim, self.vdim)
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = empty(3 * embed_dim)
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        if add_bias_kv:
            self.bias_k, self.bias_v = empty(1, 1, embed_dim), empty(1, 1, embed_dim)
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.setdefault("_qkv_same_embed_dim", True)  # files of early versions
        super().__setstate__(state)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Any]:  # fmt: skip
        """Output and weights; see the class. Bool masks forbid where they are True, float masks are added; `attn_mask`: [target length, source
        length], for each head of each sequence if it has a first dimension; `key_padding_mask`: [batch, source length]."""
        floats = any(m is not None and m.is_floating_point() for m in (attn_mask, key_padding_mask))
        key_padding_mask = F._canonical_mask(
            key_padding_mask, "key_padding_mask", F._none_or_dtype(attn_mask), "attn_mask", query.dtype
        )
        attn_mask = F._canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        if not floats and self._evaluates(query, key, value):
            mask, kind = self.merge_masks(attn_mask, key_padding_mask, query)
            ways = (self.in_proj_weight, self.in_proj_bias, self.out_proj.weight, self.out_proj.bias)
            return native_multi_head_attention(
                query, self.embed_dim, self.num_heads, *ways, mask, need_weights, average_attn_weights, kind
            )
        turned = self.batch_first and query.dim() == 3
        if turned:
            # Tensors that are the same stay the same: one product then projects all three.
            seen = {id(x): x.transpose(1, 0) for x in (query, key, value)}  # type: ignore[attr-defined]
            query, key, value = seen[id(query)], seen[id(key)], seen[id(value)]
        out, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (out.transpose(1, 0), weights) if turned else (out, weights)  # type: ignore[attr-defined]

    def _evaluates(self, query: Any, key: Any, value: Any) -> bool:
        """Whether the way of Note [In evaluation] is taken."""
        if self.training or not (
            Switches.fast_path and self.batch_first and query.dim() == 3 and query is key is value
        ):
            return False
        if self.in_proj_weight is None or self.in_proj_bias is None or query.dtype is not self.in_proj_weight.dtype:
            return False
        if self.num_heads % 2 or self.bias_k is not None or self.bias_v is not None or self.add_zero_attn:
            return False
        tensors = (query, self.in_proj_weight, self.in_proj_bias, self.out_proj.weight, self.out_proj.bias)
        return query.dtype is self.in_proj_bias.dtype and not is_autocast_enabled() and unrecorded(tensors)

    def merge_masks(self, attn_mask: Any, key_padding_mask: Any, query: Tensor) -> tuple[Any, Any]:
        """One mask of both, and its type: 1 for [batch, length], 2 for [batch, heads, length, length]; (None, None) without masks."""
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        batch, length, _ = query.shape
        if attn_mask.dim() == 3:
            merged = attn_mask.view(batch, -1, length, length)
        else:
            merged = attn_mask.view(1, 1, length, length).expand(batch, self.num_heads, -1, -1)
        if key_padding_mask is not None:
            merged = merged + key_padding_mask.view(batch, 1, 1, length).expand(-1, self.num_heads, -1, -1)
        return merged, 2


MultiheadAttention.__module__ = MultiheadAttention.__module__.replace(
    ".attention", ".activation"
)  # where PyTorch has it
