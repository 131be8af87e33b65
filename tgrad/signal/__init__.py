"""Signal processing: PyTorch's `torch.signal`, which holds `windows`."""

from . import windows

__all__ = ["windows"]
