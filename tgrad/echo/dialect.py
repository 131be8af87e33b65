"""Which PyTorch's echo is spoken: today's, that of 0.4, or that of 0.1 to 0.3.

A dialect changes what is printed and nothing else.

>>> with dialect("0.4"):
...     get_dialect()
'0.4'
>>> get_dialect()
'current'
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..tensor import Grads

DIALECTS = ("current", "0.4", "0.1")

_current = "current"


def get_dialect() -> str:
    """The dialect in force: 'current', '0.4' or '0.1'."""
    return _current


def set_dialect(name: str) -> None:
    """Print as that PyTorch did from now on; ValueError for a name that is not in `DIALECTS`."""
    global _current
    if name not in DIALECTS:
        raise ValueError(f"unknown dialect {name!r}: one of {', '.join(map(repr, DIALECTS))}")
    _current = name
    Grads.are_variables = name == "0.1"


@contextmanager
def dialect(name: str) -> Iterator[None]:
    """Speak a dialect inside a `with` block."""
    before = get_dialect()
    set_dialect(name)
    try:
        yield
    finally:
        set_dialect(before)
