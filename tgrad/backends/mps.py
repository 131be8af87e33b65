"""torch.backends.mps: Apple's GPUs, on which nothing runs here."""

from __future__ import annotations


def is_built() -> bool:
    """Whether this build has kernels for Apple's GPUs: no."""
    return False


def is_available() -> bool:
    """Whether there is such a GPU to use: no."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Whether PyTorch's kernels could run on this version of macOS: there are none."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """The same for macOS 13."""
    return False


def get_name() -> str:
    """The GPU's name: none."""
    return ""


def get_core_count() -> int:
    """How many cores the GPU has: none."""
    return 0
