"""Deprecated: `torch.amp` has these for all devices."""

from .autocast_mode import autocast as autocast
from .grad_scaler import GradScaler as GradScaler
