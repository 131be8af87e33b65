"""torch.backends.nnpack: NNPACK, which is not used here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

_state = {"enabled": False}


def is_available() -> bool:
    """Whether NNPACK can be used: no."""
    return False


def set_flags(_enabled: bool) -> tuple[bool]:
    """Remembers whether NNPACK may be used; returns what was before."""
    before = _state["enabled"]
    _state["enabled"] = bool(_enabled)
    return (before,)


@contextlib.contextmanager
def flags(enabled: bool = False) -> Iterator[None]:
    """The same while a block runs."""
    (before,) = set_flags(enabled)
    try:
        yield
    finally:
        set_flags(before)
