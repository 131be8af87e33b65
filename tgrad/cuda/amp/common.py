"""What the deprecated `torch.cuda.amp` asks first."""

from __future__ import annotations

from importlib.util import find_spec

from .. import is_available

__all__ = ["amp_definitely_not_available"]


def amp_definitely_not_available() -> bool:
    """Whether there is no device that it could be for."""
    return not (is_available() or find_spec("torch_xla"))
