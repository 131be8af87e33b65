"""`torch.utils`: checkpointing and other helpers, as modules of their own."""

from ..nn.conversion import swap_tensors

__all__ = ["swap_tensors"]
