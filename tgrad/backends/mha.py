"""`torch.backends.mha`: whether modules may compute attention in evaluation by a shorter way."""

from .attention import get_fastpath_enabled, set_fastpath_enabled

__all__ = ["get_fastpath_enabled", "set_fastpath_enabled"]
