"""The namespace of public functions: what `torch.<name>` is. `tgrad.methods` and the composites fill it."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(f"tgrad has no function {name!r}")
