"""`torchvision.ops`, which is not here: a script may import it, and is told when it uses it."""

from __future__ import annotations

from . import missing


def __getattr__(name: str):
    raise missing(__name__, name)
