"""`torch.backends.cuda`: switches for GPUs, which change nothing here, and those for ways to compute attention, of which two do."""

from __future__ import annotations

from types import SimpleNamespace

from .attention import (
    SDPAParams,
    allow_fp16_bf16_reduction_math_sdp,
    can_use_cudnn_attention,
    can_use_efficient_attention,
    can_use_flash_attention,
    cudnn_sdp_enabled,
    enable_cudnn_sdp,
    enable_flash_sdp,
    enable_math_sdp,
    enable_mem_efficient_sdp,
    flash_sdp_enabled,
    fp16_bf16_reduction_math_sdp_allowed,
    is_flash_attention_available,
    math_sdp_enabled,
    mem_efficient_sdp_enabled,
    sdp_kernel,
)

__all__ = [
    "SDPAParams",
    "allow_fp16_bf16_reduction_math_sdp",
    "can_use_cudnn_attention",
    "can_use_efficient_attention",
    "can_use_flash_attention",
    "cudnn_sdp_enabled",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "fp16_bf16_reduction_math_sdp_allowed",
    "is_built",
    "is_flash_attention_available",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "preferred_blas_library",
    "preferred_linalg_library",
    "sdp_kernel",
]

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    allow_fp16_accumulation=False,
    fp32_precision="none",
)
cufft_plan_cache = SimpleNamespace(size=0, max_size=0, clear=lambda: None)
_preferred = {"linalg": "default", "blas": "default"}


def is_built() -> bool:
    """Whether there is code for GPUs: no."""
    return False


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
