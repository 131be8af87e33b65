"""Why an error happened, as facts next to its text: the sentence stays PyTorch's, and what tgrad knows beyond it is kept for the notes.

    raise because(RuntimeError("a leaf Variable that requires grad ..."), "leaf written", tensor=t)

`tgrad.explain` turns facts into notes under the traceback. It is imported when the first such error is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

E = TypeVar("E", bound=BaseException)


class Explainer:
    """Set by tgrad itself: adds notes to an error of a kind, from the facts."""

    add: Callable[[BaseException, str, dict[str, Any]], None] | None = None


def because(error: E, kind: str, **facts: Any) -> E:
    """The error, with notes that explain it. An explanation that fails itself never hides the error."""
    if Explainer.add is not None and not getattr(error, "__notes__", None):
        try:
            Explainer.add(error, kind, facts)
        except Exception as inner:
            error.add_note(f"(tgrad could not explain this: {type(inner).__name__}: {inner})")
    return error


__all__ = ["Explainer", "because"]
