"""Floating-point warnings off while a kernel runs: PyTorch divides by zero in silence, and numpy's own setting, which
belongs to the user's numpy code, must not be touched outside.

`numpy.errstate` does this in about a microsecond, as much as the whole arithmetic of a small tensor; swapping numpy's
context variable does it in a tenth. Where numpy hides that variable elsewhere, errstate serves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _swap() -> tuple[Callable[[Any], Any], Callable[[Any], Any], Any]:
    try:
        from numpy._core.umath import _extobj_contextvar, _make_extobj  # type: ignore[attr-defined]

        silent = _make_extobj(all="ignore")
        _extobj_contextvar.reset(_extobj_contextvar.set(silent))
        return _extobj_contextvar.set, _extobj_contextvar.reset, silent
    except (ImportError, AttributeError, TypeError):

        def enter(_: Any) -> Any:
            state = np.errstate(all="ignore")
            state.__enter__()
            return state

        def leave(state: Any) -> None:
            state.__exit__(None, None, None)

        return enter, leave, None


class _Quiet:
    """`with quiet:`; `fast` is (enter, leave, what enter takes) for callers that cannot afford the block. Reentrant."""

    def __init__(self) -> None:
        self.fast = _swap()
        self._tokens: list[Any] = []

    def __enter__(self) -> None:
        enter, _, silent = self.fast
        _local().append(enter(silent))

    def __exit__(self, *exc: object) -> None:
        self.fast[1](_local().pop())


import threading  # noqa: E402

_thread = threading.local()


def _local() -> list[Any]:
    try:
        return _thread.tokens
    except AttributeError:
        _thread.tokens = []
        return _thread.tokens


quiet = _Quiet()
