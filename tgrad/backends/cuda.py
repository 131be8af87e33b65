"""torch.backends.cuda: switches for products and attention on a GPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    allow_fp16_accumulation=False,
    fp32_precision="none",
)
cufft_plan_cache = SimpleNamespace(size=0, max_size=0, clear=lambda: None)
_attention = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True, "reduction": False}
_preferred = {"linalg": "default", "blas": "default"}


def is_built() -> bool:
    """Whether this build has kernels for CUDA."""
    return False


def flash_sdp_enabled() -> bool:
    """What `enable_flash_sdp` set."""
    return _attention["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Allows flash attention on a GPU."""
    _attention["flash"] = bool(enabled)


def math_sdp_enabled() -> bool:
    """What `enable_math_sdp` set."""
    return _attention["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Allows attention by products on a GPU."""
    _attention["math"] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """What `enable_mem_efficient_sdp` set."""
    return _attention["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Allows attention in little memory on a GPU."""
    _attention["mem_efficient"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """What `enable_cudnn_sdp` set."""
    return _attention["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Allows cuDNN's attention on a GPU."""
    _attention["cudnn"] = bool(enabled)


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    """What `allow_fp16_bf16_reduction_math_sdp` set."""
    return _attention["reduction"]


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Allows sums in halves inside attention on a GPU."""
    _attention["reduction"] = bool(enabled)


def is_flash_attention_available() -> bool:
    """Whether flash attention can run on a GPU: no."""
    return False


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[dict[str, Any]]:
    """Other switches of attention while a block runs."""
    before = dict(_attention)
    _attention.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield {}
    finally:
        _attention.update(before)


def preferred_linalg_library(backend: str | None = None) -> str:
    """Which library would factorize matrices on a GPU."""
    if backend is not None:
        _preferred["linalg"] = str(backend)
    return _preferred["linalg"]


def preferred_blas_library(backend: str | None = None) -> str:
    """Which library would multiply matrices on a GPU."""
    if backend is not None:
        _preferred["blas"] = str(backend)
    return _preferred["blas"]
