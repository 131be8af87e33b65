"""Automatic mixed precision: `autocast` and `GradScaler`.

>>> import tgrad as torch
>>> with torch.amp.autocast("cpu", dtype=torch.bfloat16):
...     torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype
torch.bfloat16
"""

from typing import Any

from .autocast_mode import (
    _enter_autocast as _enter_autocast,
)
from .autocast_mode import (
    _exit_autocast as _exit_autocast,
)
from .autocast_mode import (
    autocast,
    custom_bwd,
    custom_fwd,
    is_autocast_available,
)

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


def __getattr__(name: str) -> Any:
    """GradScaler is imported when first looked at: it needs optimizers, which need modules, which ask whether casting is automatic."""
    if name == "GradScaler":
        from .grad_scaler import GradScaler

        return GradScaler
    raise AttributeError(f"module 'torch.amp' has no attribute {name!r}")
