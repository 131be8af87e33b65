"""Deprecated: `torch.amp` has these for all devices."""

from __future__ import annotations

import warnings
from typing import Any

from ...amp import autocast_mode
from ...dtype import bfloat16

__all__ = ["autocast"]


class autocast(autocast_mode.autocast):
    """Deprecated: `torch.amp.autocast("cpu", ...)`."""

    def __init__(self, enabled: bool = True, dtype: Any = bfloat16, cache_enabled: bool = True) -> None:
        warnings.warn(
            "`torch.cpu.amp.autocast(args...)` is deprecated. Please use `torch.amp.autocast('cpu', args...)` instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__("cpu", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)
