"""torch.backends.mkl: Intel's library, which is not used here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

VERBOSE_OFF, VERBOSE_ON = 0, 1


def is_available() -> bool:
    """Whether MKL can be used: no."""
    return False


@contextlib.contextmanager
def verbose(enable: int) -> Iterator[None]:
    """Would have MKL say what it does while a block runs."""
    yield
