"""torch.backends.kleidiai: a library for Arm, which is not used here."""

from __future__ import annotations


def is_available() -> bool:
    """Whether KleidiAI can be used: no."""
    return False
