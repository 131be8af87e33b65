"""`tgrad.provenance`: the switch for remembering lines and modules."""

from __future__ import annotations

from ..graph import places


class provenance:
    """Switches on (or off) that nodes remember the line and the module that made them, at once; as a context manager, until the
    block ends. Errors then say which line saved, changed or freed what. `TGRAD_PROVENANCE=1` switches it on from the start; `tgrad repl`
    and `tgrad graph` do so themselves. Off, it costs nothing; on, less than a microsecond for each recorded operation.

    >>> import tgrad as torch
    >>> with torch.provenance():
    ...     y = torch.ones(2, requires_grad=True) * 3
    >>> torch.explain.place(y).line
    2
    """

    def __init__(self, mode: bool = True) -> None:
        if not isinstance(mode, bool):
            raise TypeError(f"provenance(): argument 'mode' (position 1) must be bool, not {type(mode).__name__}")
        self._before = places.log.on
        places.switch(mode)

    def __enter__(self) -> provenance:
        return self

    def __exit__(self, *exc: object) -> None:
        places.switch(self._before)

    def __repr__(self) -> str:
        return f"provenance({places.log.on})"
