"""Which PyTorch wrote the outputs of a document: the marks that its echo left in them."""

from __future__ import annotations

import re
from types import ModuleType

DIALECTS = ("auto", "0.1", "0.4", "current")

# Up to 0.3 a tensor ended in its type and size, and variables were wrapped.
_OLD_ECHO = re.compile(r"\[torch\.(?:cuda\.)?\w+Tensor of size [\dx]+|^Variable containing:", re.MULTILINE)
_OLD_NAMES = re.compile(r"\.creator\b|\bretain_variables=|\[torch\.(?:cuda\.)?\w+Tensor of size ")
# 0.4 left a column for the sign, in positive tensors too; integers never had one.
_SIGN_COLUMN = re.compile(r"\btensor\(\[+ +\d+\.")
# Since 1.0 the first number of an all-positive tensor touches the bracket.
_NO_SIGN_COLUMN = re.compile(r"\btensor\(\[+\d+\.")


def infer_dialect(text: str) -> str:
    """``0.1``, ``0.4`` or ``current``, from text with printed tensors in it.

    >>> infer_dialect("tensor([[ 1.,  1.]])"), infer_dialect("[torch.FloatTensor of size 2x2]")
    ('0.4', '0.1')
    """
    if _OLD_ECHO.search(text):
        return "0.1"
    if _SIGN_COLUMN.search(text) and not _NO_SIGN_COLUMN.search(text):
        return "0.4"
    if _OLD_NAMES.search(text) and "tensor(" not in text:
        return "0.1"
    return "current"


def set_dialect(engine: ModuleType, name: str) -> bool:
    """Sets the echo of ``engine``; False where it has only one, as the real PyTorch."""
    echo = getattr(engine, "echo", None)
    setter = getattr(echo, "set_dialect", None)
    if setter is None:
        return False
    setter(name)
    return True


def get_dialect(engine: ModuleType) -> str:
    """The echo of ``engine`` at present."""
    getter = getattr(getattr(engine, "echo", None), "get_dialect", None)
    return getter() if getter is not None else "current"
