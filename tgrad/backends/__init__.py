"""PyTorch's switches for its libraries. On the CPU they are remembered and change nothing."""

from __future__ import annotations

from types import SimpleNamespace

from ..composite.einsum import PATHS as opt_einsum  # noqa: F401
from . import cuda, mha  # noqa: F401

cudnn = SimpleNamespace(
    enabled=True,
    benchmark=False,
    deterministic=False,
    allow_tf32=True,
    is_available=lambda: False,
    version=lambda: None,
)
mps = SimpleNamespace(is_available=lambda: False, is_built=lambda: False)
mkldnn = SimpleNamespace(is_available=lambda: False)
mkl = SimpleNamespace(is_available=lambda: False)
openmp = SimpleNamespace(is_available=lambda: False)
