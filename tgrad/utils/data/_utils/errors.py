"""An exception on its way from a worker to the process that waits for its data."""

from __future__ import annotations

import sys
import traceback
from typing import Any, NoReturn


class KeyErrorMessage(str):
    """A text that stays readable in a KeyError, which shows the repr of its argument."""

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """The type and the printed traceback of the exception that is being handled (or of `exc_info`); itself it could not be pickled."""

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        found = sys.exc_info() if exc_info is None else exc_info
        self.exc_type = found[0]
        self.exc_msg = "".join(traceback.format_exception(*found))
        self.where = where

    def reraise(self) -> NoReturn:
        """Raises an exception of the same type whose text has the original traceback in it; RuntimeError where the type cannot be made
        from a text."""
        kind: Any = self.exc_type
        text = f"Caught {kind.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if kind is KeyError:
            text = KeyErrorMessage(text)
        elif getattr(kind, "message", None):
            raise kind(message=text)
        try:
            made = kind(text)
        except Exception:
            raise RuntimeError(text) from None
        raise made
