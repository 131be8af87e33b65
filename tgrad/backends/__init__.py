"""PyTorch's switches for its libraries. On the CPU they are remembered and change nothing."""

from __future__ import annotations

from types import SimpleNamespace

from ..composite.einsum import PATHS as opt_einsum  # noqa: F401
from . import attention as _attention

cudnn = SimpleNamespace(
    enabled=True,
    benchmark=False,
    deterministic=False,
    allow_tf32=True,
    is_available=lambda: False,
    version=lambda: None,
)
cuda = SimpleNamespace(
    matmul=SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=True),
    is_built=lambda: False,
    **{name: getattr(_attention, name) for name in _attention.NAMES},
)
mha = SimpleNamespace(
    get_fastpath_enabled=_attention.get_fastpath_enabled, set_fastpath_enabled=_attention.set_fastpath_enabled
)
mps = SimpleNamespace(is_available=lambda: False, is_built=lambda: False)
mkldnn = SimpleNamespace(is_available=lambda: False)
mkl = SimpleNamespace(is_available=lambda: False)
openmp = SimpleNamespace(is_available=lambda: False)
