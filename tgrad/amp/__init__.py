"""Automatic mixed precision: `autocast` and `GradScaler`.

>>> import tgrad as torch
>>> with torch.amp.autocast("cpu", dtype=torch.bfloat16):
...     torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype
torch.bfloat16
"""

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
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
