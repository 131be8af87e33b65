"""PyTorch's switches for its libraries, none of which is used here: they are remembered and change nothing.

Each is a module, as in PyTorch, so that `import torch.backends.cudnn as cudnn` works.
"""

from __future__ import annotations

from ..composite.einsum import PATHS as opt_einsum
from . import cpu, cuda, cudnn, cusparselt, kleidiai, mha, mkl, mkldnn, mps, nnpack, openmp, quantized

__all__ = [
    "cpu", "cuda", "cudnn", "cusparselt", "kleidiai", "mha", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum", "quantized",
]  # fmt: skip
