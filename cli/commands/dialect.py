"""``:dialect``."""

from __future__ import annotations

from ..dialects import DIALECTS
from . import CommandError, Desk, command


@command("dialect", "[0.1|0.4|current]", "shows or sets which PyTorch's echo is written")
def choose(desk: Desk, words: list[str]) -> str:
    if words and (len(words) > 1 or words[0] not in DIALECTS[1:]):
        raise CommandError("usage: :dialect 0.1|0.4|current")
    if words and not desk.session.set_dialect(words[0]):
        raise CommandError(f"{desk.session.engine.__name__} has only its own echo")
    return f"dialect: {desk.session.dialect}"
