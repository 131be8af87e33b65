"""`LinearCrossEntropyOptions` where PyTorch has it."""

from ..functions.options import LinearCrossEntropyOptions

__all__ = ["LinearCrossEntropyOptions"]
