"""torch.backends.openmp: threads are tgrad's own."""

from __future__ import annotations


def is_available() -> bool:
    """Whether OpenMP shares out the work: no."""
    return False
