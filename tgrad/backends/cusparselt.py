"""torch.backends.cusparselt: a library for CUDA, which is not used here."""

from __future__ import annotations


def is_available() -> bool:
    """Whether cuSPARSELt can be used: no."""
    return False


def version() -> int | None:
    """Its version: None."""
    return None


def get_max_alg_id() -> int | None:
    """The number of its algorithms: None."""
    return None
