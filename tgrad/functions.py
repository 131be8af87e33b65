"""The namespace of public functions: what `torch.<name>` is. `tgrad.methods` and the composites fill it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Functions that are generated when first asked for.
LAZY: dict[str, Callable[[], Callable[..., Any]]] = {}


def __getattr__(name: str) -> Any:
    if name in LAZY:
        fn = globals()[name] = LAZY[name]()
        return fn
    raise AttributeError(f"tgrad has no function {name!r}")


def __dir__() -> list[str]:
    return sorted({k for k in globals() if not k.startswith("_")} | set(LAZY))
