"""How tensors are printed: the options that `torch.set_printoptions` sets, shared by every dialect.

>>> with printoptions(precision=2):
...     get_printoptions()["precision"]
2
>>> get_printoptions()["precision"]
4
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class PrintOptions:
    """The options in force; `sci_mode` None leaves the choice to PyTorch's rule."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PRINT_OPTS = PrintOptions()

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print; an argument left out keeps its value, `sci_mode` alone goes back to None.

    Args:
        precision: digits after the point (4).
        threshold: a tensor with more elements than this is summarised (1000).
        edgeitems: elements shown at each end of a summarised dimension (3); 0 shows the shape instead.
        linewidth: characters in a line before a row is wrapped (80).
        profile: 'default', 'short' or 'full', applied before the other arguments; another name does nothing.
        sci_mode: True or False forces scientific notation on or off; None decides from the values.

    As in PyTorch nothing is checked here: a value that makes no sense raises when a tensor is printed (TypeError,
    ValueError or OverflowError, by what Python makes of it).

    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor([1 / 3])
    tensor([0.33])
    >>> torch.set_printoptions(profile="default")
    """
    wanted = dict(_PROFILES.get(profile, {})) if profile is not None else {}
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    wanted.update((name, value) for name, value in given.items() if value is not None)
    for name, value in wanted.items():
        setattr(PRINT_OPTS, name, value)
    # PyTorch does not let this one survive a call that is silent about it.
    PRINT_OPTS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options as a dictionary that `set_printoptions(**options)` takes back."""
    return asdict(PRINT_OPTS)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Set options for the length of a `with` block (or of a decorated function); arguments as `set_printoptions`."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)
