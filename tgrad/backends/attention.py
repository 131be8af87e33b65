"""Switches for the ways to compute attention, as PyTorch has them in `torch.backends.cuda` and `torch.backends.mha`.

Of the ways that have a switch, a CPU knows two: the kernel ("flash") and the one made of products ("math"). The others are remembered only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


class Switches:
    """What is on."""

    flash = math = mem_efficient = cudnn = overrideable = True
    half_reductions = False
    fast_path = True
    order: tuple[int, ...] = (1, 2, 0, 3, 4)  # numbers of `SDPBackend`, the preferred ones first


def flash_sdp_enabled() -> bool:
    """Whether the kernel for attention is on."""
    return Switches.flash


def enable_flash_sdp(enabled: bool) -> None:
    """Turns the kernel for attention on or off."""
    Switches.flash = bool(enabled)


def math_sdp_enabled() -> bool:
    """Whether attention made of products is on."""
    return Switches.math


def enable_math_sdp(enabled: bool) -> None:
    """Turns attention made of products on or off."""
    Switches.math = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """Whether the kernel for GPUs that saves memory is on."""
    return Switches.mem_efficient


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Turns the kernel for GPUs that saves memory on or off."""
    Switches.mem_efficient = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """Whether cuDNN's kernel for attention is on."""
    return Switches.cudnn


def enable_cudnn_sdp(enabled: bool) -> None:
    """Turns cuDNN's kernel for attention on or off."""
    Switches.cudnn = bool(enabled)


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    """Whether attention made of products may sum halves as halves."""
    return Switches.half_reductions


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Whether attention made of products may sum halves as halves. Remembered only."""
    Switches.half_reductions = bool(enabled)


def get_fastpath_enabled() -> bool:
    """Whether modules may compute attention in evaluation by a shorter way."""
    return Switches.fast_path


def set_fastpath_enabled(value: bool) -> None:
    """Whether modules may compute attention in evaluation by a shorter way."""
    Switches.fast_path = value


class SDPAParams:
    """The arguments of an attention, to ask which kernel could compute it."""

    def __init__(
        self, query: Any, key: Any, value: Any, attn_mask: Any, dropout: float, is_causal: bool, enable_gqa: bool
    ) -> None:  # fmt: skip
        self.query, self.key, self.value, self.attn_mask = query, key, value, attn_mask
        self.dropout, self.is_causal, self.enable_gqa = dropout, is_causal, enable_gqa


def is_flash_attention_available() -> bool:
    """Whether the kernel for GPUs is there: no."""
    return False


def can_use_flash_attention(params: SDPAParams, debug: bool = False) -> bool:
    """Whether the kernel for GPUs could compute this: no."""
    return False


def can_use_efficient_attention(params: SDPAParams, debug: bool = False) -> bool:
    """Whether the kernel for GPUs that saves memory could compute this: no."""
    return False


def can_use_cudnn_attention(params: SDPAParams, debug: bool = False) -> bool:
    """Whether cuDNN's kernel could compute this: no."""
    return False


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[dict[Any, Any]]:
    """Sets four switches for a block of code. Deprecated in PyTorch: `torch.nn.attention.sdpa_kernel` takes its place."""
    import warnings

    text = (
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will be removed. Please see "
        "`torch.nn.attention.sdpa_kernel()` for the new context manager, with updated signature."
    )
    warnings.warn(text, FutureWarning, stacklevel=3)
    words = ("flash", "math", "mem_efficient", "cudnn")
    before = {w: getattr(Switches, w) for w in words}
    wanted = dict(zip(words, (enable_flash, enable_math, enable_mem_efficient, enable_cudnn), strict=True))
    try:
        for w, on in wanted.items():
            setattr(Switches, w, on)
        yield {}
    finally:
        for w, on in before.items():
            setattr(Switches, w, on)
