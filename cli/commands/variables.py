"""``:vars``."""

from __future__ import annotations

from typing import Any

from . import Desk, command


@command("vars", "", "lists the variables of this session")
def show(desk: Desk, words: list[str]) -> str:
    session = desk.session
    rows = [(name, *_describe(value, session.engine)) for name, value in session.names_of_values().items()]
    if not rows:
        return "no variables yet"
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def _describe(value: Any, engine: Any) -> tuple[str, str]:
    """Its type, and what one wants to know at a glance; values are not printed, for printing may be slow."""
    kind = type(value).__name__
    if isinstance(value, engine.Tensor):
        how = f"grad_fn={type(value.grad_fn).__name__}" if value.grad_fn is not None else ""
        how = how or ("requires_grad" if value.requires_grad else "")
        return kind, f"{list(value.shape)} {str(value.dtype).removeprefix('torch.')} {how}".rstrip()
    if isinstance(value, engine.nn.Module):
        return kind, f"{sum(p.numel() for p in value.parameters()):,} parameters"
    if isinstance(value, bool | int | float | complex | str | type(None)):
        text = repr(value)
        return kind, text if len(text) <= 60 else text[:57] + "..."
    if isinstance(value, list | tuple | dict | set):
        return kind, f"{len(value)} items"
    return kind, ""
