"""`tgrad.profile`: what each source line costs, in forward and in backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..autograd import profiler
from ..graph import places
from ..graph.profiling import BACKWARD, FUNCTION, Raw, Recorder
from .table import size, table


@dataclass
class Line:
    """One source line. Times in microseconds, `nbytes` of results made there; `calls` counts operations run from it."""

    place: places.Place | None
    module: str = ""
    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    nbytes: int = 0

    @property
    def total(self) -> float:
        return self.forward + self.backward


class _Recorder(Recorder):
    """Knows, for each outermost range, the place of the line that it belongs to."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.owners: dict[int, int] = {}

    def enter(self, name: str, scope: int = FUNCTION, seq: int = -1) -> Raw:
        outermost = not self.open
        made = super().enter(name, scope, seq)
        if name.startswith("autograd::engine::evaluate_function"):
            self.owners[id(made)] = places.number_made(seq)
        elif outermost:
            self.owners[id(made)] = places.here()
        return made


class profile(profiler.profile):
    """Times what runs inside, line by line: a row for each source line with the forward time of the operations that it called, the
    backward time of the nodes that it made, the bytes of their results, and how many there were. Shown as a table at a prompt.

    It is an `autograd.profiler.profile`, so `key_averages()`, `table()` and `export_chrome_trace(path)` give the same run by operation.
    Provenance is on while it runs.

    >>> import tgrad as torch
    >>> x = torch.ones(1000, requires_grad=True)
    >>> with torch.profile() as p:
    ...     x.exp().sum().backward()
    >>> p.lines[0].calls
    2
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("profile_memory", True)
        super().__init__(**options)

    def _start(self) -> None:
        self.entered = True
        self._before = places.log.on
        places.switch(True)
        self._recorder = _Recorder(self.record_shapes, self.with_stack, self.profile_memory, self.with_flops)
        try:
            self._recorder.start()
        except RuntimeError:
            self._recorder = None
            places.switch(self._before)
            raise

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> bool | None:
        done = super().__exit__(exc_type, exc_val, exc_tb)
        if self.enabled:
            places.switch(self._before)
        return done

    @property
    def lines(self) -> list[Line]:
        """A row for each source line, the costliest first."""
        found: dict[Any, Line] = {}
        recorder = self._recorder
        if not isinstance(recorder, _Recorder):
            return []
        for raw in recorder.ranges:
            owner = recorder.owners.get(id(raw))
            if owner is None:
                continue
            place = places.log.known[owner]
            key = None if place is None else (place.code, place.line)
            row = found.setdefault(key, Line(place, place.module if place is not None else ""))
            micros = (raw.end - raw.start) / 1e3
            if raw.name.startswith("autograd::engine::"):
                row.backward += micros
            else:
                row.forward += micros
                row.calls += 1
        for raw in recorder.ranges:
            if raw.bytes and raw.scope != BACKWARD:
                top = raw
                while id(top) not in recorder.owners and top.parent is not None:
                    top = top.parent
                place = places.log.known[recorder.owners.get(id(top), 0)]
                key = None if place is None else (place.code, place.line)
                if key in found:
                    found[key].nbytes += raw.bytes
        return sorted(found.values(), key=lambda row: -row.total)

    def by_line(self, limit: int = 30) -> str:
        """The table of lines, at most `limit` of them."""
        head = ("forward", "backward", "share", "memory", "calls", "line", "")
        lines = self.lines
        whole = sum(row.total for row in lines) or 1.0
        rows = [
            (
                _time(row.forward), _time(row.backward), f"{row.total / whole:.0%}", size(row.nbytes), str(row.calls),
                str(row.place) if row.place is not None else "(elsewhere)",
                (row.place.text if row.place is not None else "") + (f"   [{row.module}]" if row.module else ""),
            )
            for row in lines[:limit]
        ]  # fmt: skip
        return table(head, rows, right=(0, 1, 2, 3, 4))

    def __repr__(self) -> str:
        return self.by_line() if self._recorder is not None else "<profile that has not run>"

    __str__ = __repr__


def _time(micros: float) -> str:
    return (
        f"{micros / 1e6:.2f} s" if micros >= 1e6 else f"{micros / 1e3:.2f} ms" if micros >= 1e3 else f"{micros:.0f} us"
    )


__all__ = ["Line", "profile"]
