"""Causal masks that `scaled_dot_product_attention` need not see as matrices.

They are made where PyTorch would make them: for LOWER_RIGHT with lengths that differ. UPPER_LEFT is what `is_causal=True` means.
"""

from __future__ import annotations

import warnings
from enum import IntEnum, auto
from typing import Any

from ... import functions as fn
from ...composite.overriding import _disabled_torch_function_impl
from ...dtype import bool_
from ...tensor import Tensor

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """Which corner the triangle stands in: query i sees keys 0 to i (UPPER_LEFT), or all but as many as there are queries after it
    (LOWER_RIGHT). The two differ where there are more keys than queries, or fewer."""

    UPPER_LEFT = auto()
    LOWER_RIGHT = auto()


class CausalBias(Tensor):
    """A causal mask for `scaled_dot_product_attention`, given as its `attn_mask`; made by `causal_upper_left` and `causal_lower_right`.

    >>> from tgrad.nn.attention.bias import causal_lower_right
    >>> causal_lower_right(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    __torch_function__ = _disabled_torch_function_impl  # the function itself knows what to do with one

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        super().__init__()
        self.variant, self.seq_len_q, self.seq_len_kv = variant, seq_len_q, seq_len_kv
        if seq_len_q > seq_len_kv and variant == CausalVariant.LOWER_RIGHT:
            warnings.warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!", stacklevel=2
            )

    def _materialize(self, device: Any = None) -> Any:
        """The mask as a matrix of bools [seq_len_q, seq_len_kv]."""
        whole = fn.ones((self.seq_len_q, self.seq_len_kv), dtype=bool_)
        lower = self.variant == CausalVariant.LOWER_RIGHT
        return fn.tril(whole, diagonal=self.seq_len_kv - self.seq_len_q if lower else 0)

    @staticmethod
    def _dispatch(
        query: Tensor, key: Tensor, value: Tensor, attn_mask: CausalBias, dropout_p: float = 0.0, is_causal: bool = False,
        scale: float | None = None, enable_gqa: bool = False,
    ) -> Tensor:  # fmt: skip
        """What `scaled_dot_product_attention` does with such a mask. ValueError if `is_causal` is set, too."""
        from ..functional import scaled_dot_product_attention

        if is_causal:
            raise ValueError("CausalBias should not be used with causal=True")
        same = attn_mask.seq_len_q == attn_mask.seq_len_kv
        if same or attn_mask.variant == CausalVariant.UPPER_LEFT:
            return scaled_dot_product_attention(
                query, key, value, None, dropout_p, True, scale=scale, enable_gqa=enable_gqa
            )
        words = ("query", "key", "value")
        dtypes = [t.dtype for t in (query, key, value)]
        if len(set(dtypes)) > 1:
            parts = [f"{w}.dtype: {d}" for w, d in zip(words, dtypes, strict=True)]
            raise ValueError(
                f"Expected query, key, and value to have the same dtype, but got {', '.join(parts[:2])}, and {parts[2]} instead."
            )
        dims = [t.dim() for t in (query, key, value)]
        if min(dims) < 2:
            parts = [f"{w}.dim: {d}" for w, d in zip(words, dims, strict=True)]
            raise ValueError(
                "Expected query, key, and value to all be  at least 2 dimensional, but got "
                f"{', '.join(parts[:2])} and {parts[2]} instead."
            )
        mask = attn_mask._materialize()
        return scaled_dot_product_attention(query, key, value, mask, dropout_p, scale=scale, enable_gqa=enable_gqa)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return repr(self._materialize())


def causal_upper_left(*size: int) -> CausalBias:
    """The mask [queries, keys] by which query i sees keys 0 to i. AssertionError for other than two sizes."""
    if len(size) != 2:
        raise AssertionError("causal_upper_left only supports 2D tensors")
    return CausalBias(CausalVariant.UPPER_LEFT, *size)


def causal_lower_right(*size: int) -> CausalBias:
    """The mask [queries, keys] by which the last query sees all keys, and each one before it one less. AssertionError for other than two
    sizes."""
    if len(size) != 2:
        raise AssertionError("causal_lower_right only supports 2D tensors")
    return CausalBias(CausalVariant.LOWER_RIGHT, *size)
