"""``:quit``."""

from __future__ import annotations

from . import Desk, Quit, command


@command("quit", "", "leaves, as Ctrl-D does")
def leave(desk: Desk, words: list[str]) -> str:
    raise Quit
