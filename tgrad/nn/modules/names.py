"""Texts of names and nested representations."""

from __future__ import annotations

from typing import Any

from ...tensor import Tensor


def typename(obj: Any) -> str:
    """A type's full name without `builtins`; for a tensor its legacy type, e.g. torch.FloatTensor."""
    if isinstance(obj, Tensor):
        return obj.type()  # type: ignore[attr-defined]
    kind = type(obj)
    module = kind.__module__ or ""
    return kind.__qualname__ if module in ("", "builtins", "__builtin__") else f"{module}.{kind.__qualname__}"


def indented(text: str, spaces: int) -> str:
    """All lines but the first moved to the right."""
    first, *rest = text.split("\n")
    return "\n".join([first, *[" " * spaces + line if line.strip() else "" for line in rest]])
