"""torch.backends.mkldnn: oneDNN, which is not used here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

enabled = True
deterministic = False
allow_tf32 = True
fp32_precision = "none"
VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION = 0, 1, 2
_FLAGS = ("enabled", "deterministic", "allow_tf32", "fp32_precision")


def is_available() -> bool:
    """Whether oneDNN can be used: no."""
    return False


def set_flags(**flags: Any) -> tuple[Any, ...]:
    """Sets flags by name (those that are None stay) and returns what all were before."""
    own = globals()
    before = tuple(own[name] for name in _FLAGS)
    for name, value in flags.items():
        if name.lstrip("_") in _FLAGS and value is not None:
            own[name.lstrip("_")] = value
    return before


@contextlib.contextmanager
def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True, fp32_precision: str = "none"
) -> Iterator[None]:
    """Other flags while a block runs."""
    before = set_flags(
        enabled=enabled, deterministic=deterministic, allow_tf32=allow_tf32, fp32_precision=fp32_precision
    )
    try:
        yield
    finally:
        globals().update(zip(_FLAGS, before, strict=True))


@contextlib.contextmanager
def verbose(level: int) -> Iterator[None]:
    """Would have oneDNN say what it does while a block runs."""
    yield
