"""What kinds of arguments the composites accept."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import bad_argument, plain_number
from ..methods import missing
from ..ops.spec import REQUIRED
from ..tensor import Tensor

NUMBERS = (bool, int, float, complex, np.generic)


def is_number(x: Any) -> bool:
    return isinstance(x, NUMBERS)


def plain(x: Any) -> Any:
    """A numpy scalar as the Python number it stands for."""
    return plain_number(x) if isinstance(x, np.generic) else x


def need_tensors(name: str, **given: Any) -> None:
    """Checks positional arguments of an operation with one signature: TypeError for one that is absent or no tensor."""
    absent = [w for w, v in given.items() if v is REQUIRED]
    if absent:
        raise missing(name, absent)
    for i, (word, value) in enumerate(given.items(), 1):
        if not isinstance(value, Tensor):
            raise bad_argument(name, i, word, value)
