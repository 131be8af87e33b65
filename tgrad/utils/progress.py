"""A progress display for training loops: how far, how fast, how long still, and the numbers that the loop reports.

    from tgrad.utils.progress import progress

    for epoch in progress(range(3), desc="epoch {item}"):
        for x, y in (bar := progress(loader, desc="train")):
            ...
            bar.set(loss=loss, accuracy=hits / count)

On a terminal there is a line for each loop that runs, loops inside loops below the outer ones; what is printed meanwhile goes above them.
Elsewhere there is one line for each outermost loop, at its end. Both go to stderr. A loop that is left by an exception, by `break` or by Ctrl-C
ends its line. Without an iterable, `update` counts:

    with progress(total=100) as bar:
        bar.update(10)
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Generic, TextIO, TypeVar

_T = TypeVar("_T")
_INTERVAL = 0.1  # seconds between two drawings


def progress(
    iterable: Iterable[_T] | None = None,
    desc: str = "",
    total: int | None = None,
    unit: str = "it",
    leave: bool | None = None,
    disable: bool = False,
    file: TextIO | None = None,
) -> Progress[_T]:
    """Wraps an iterable, or counts by hand.

    - `desc` stands in front; "{item}" in it is replaced by what the loop is at (an epoch's number, say). It can be set later: `bar.desc`.
    - `total`: how many there will be; by default `len(iterable)` where there is one. Unknown is fine.
    - `unit`: what is counted, for the rate.
    - `leave`: whether the line stays when the loop is over; by default for outermost loops.
    - `disable`: nothing is shown at all.
    - `file`: where it is shown, instead of stderr.

    >>> import io
    >>> file = io.StringIO()
    >>> for i in (bar := progress(range(3), desc="work", file=file)):
    ...     bar.set(loss=torch.tensor(0.5))
    >>> file.getvalue().startswith("work: 3/3 in ")
    True
    """
    return Progress(iterable, desc, total, unit, leave, disable, file)


class Progress(Generic[_T]):
    """One loop's display; see `progress`. Iterating over it, and `with`, begin and end it."""

    def __init__(
        self,
        iterable: Iterable[_T] | None,
        desc: str,
        total: int | None,
        unit: str,
        leave: bool | None,
        disable: bool,
        file: TextIO | None,
    ) -> None:
        if total is None and isinstance(iterable, Sized):
            with contextlib.suppress(
                TypeError, NotImplementedError
            ):  # a loader of a stream has the method, but no length
                total = len(iterable)
        self.iterable, self.desc, self.total, self.unit = iterable, desc, total, unit
        self.leave, self.disable, self.file = leave, disable, file
        self.done = 0
        self.metrics: dict[str, Any] = {}
        self._item: Any = None
        self._began = self._ended = 0.0
        self._next = 0.0
        self._display: _Display | None = None
        self._open = False

    # ---- for the loop

    def __iter__(self) -> Iterator[_T]:
        if self.iterable is None:
            raise TypeError("this progress display counts by hand: it has nothing to iterate over")
        outer = self._open  # `with progress(...) as bar: for x in bar` ends with the `with`
        complete = False
        try:
            self._start()
            for item in self.iterable:
                self._item = item
                if "{item}" in self.desc:
                    self._draw()
                yield item
                self.update()
            complete = True
        finally:  # also where the loop is left by an exception: its iterator dies with the loop
            if not outer:
                self._finish(complete)

    def __enter__(self) -> Progress[_T]:
        try:
            self._start()
        except BaseException:  # Ctrl-C, most likely
            self._finish(False)
            raise
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self._finish(kind is None)

    def __len__(self) -> int:
        if self.total is None:
            raise TypeError("the length is not known")
        return self.total

    def update(self, n: int = 1) -> None:
        """`n` more are done."""
        if not self._open:
            self._start()
        self.done += n
        if self._display is not None and time.monotonic() >= self._next:
            self._draw()

    def set(self, **metrics: Any) -> None:
        """Numbers to show (tensors with one element are numbers too), in the order in which they were first set; None takes one away."""
        for name, value in metrics.items():
            if value is None:
                self.metrics.pop(name, None)
            else:
                self.metrics[name] = value

    def close(self) -> None:
        """Ends the display of a loop that is counted by hand without `with`."""
        self._finish(True)

    # ---- what is shown

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return (self._ended or time.monotonic()) - self._began

    @property
    def rate(self) -> float:
        """How many a second, on average."""
        return self.done / max(self.elapsed, 1e-9)

    def head(self) -> str:
        """The description as it is now."""
        return self.desc.replace("{item}", "" if self._item is None else str(self._item)).strip()

    def count(self) -> str:
        return f"{self.done}/{'?' if self.total is None else self.total}"

    def numbers(self) -> str:
        return "  ".join(f"{name} {_shown(value)}" for name, value in self.metrics.items())

    def summary(self, complete: bool) -> str:
        """The line that stands for the loop where there is no terminal."""
        head = f"{self.head()}: " if self.desc else ""
        done = self.count() if self.total is not None else str(self.done)
        word = "in" if complete else "done, stopped after"
        numbers = self.numbers()
        return f"{head}{done} {word} {_span(self.elapsed)} ({_rate(self)}){', ' + numbers if numbers else ''}"

    # ---- begin, draw, end

    def _start(self) -> None:
        if self._open:
            return
        self._open = True
        self.done, self._began, self._ended, self._next = 0, time.monotonic(), 0.0, 0.0
        if not self.disable:
            self._display = _Display.of(self.file)
            self._display.add(self)
            if "{item}" not in self.desc or self.iterable is None:  # else it is drawn when the first is there
                self._draw()

    def _draw(self) -> None:
        if self._display is not None:
            self._next = time.monotonic() + _INTERVAL
            self._display.draw()

    def _finish(self, complete: bool) -> None:
        if not self._open:
            return
        self._open, self._ended = False, time.monotonic()
        display, self._display = self._display, None
        if display is not None:
            display.remove(self, complete)


def _shown(value: Any) -> str:
    if hasattr(value, "item") and not isinstance(value, (int, float)):
        try:
            value = value.item()
        except (RuntimeError, ValueError, TypeError):
            return str(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _span(seconds: float) -> str:
    """3.2 s, 1:05, 2:03:04."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _rate(bar: Progress[Any]) -> str:
    rate = bar.rate
    if 0 < rate < 1:
        return f"{_span(1 / rate)} each"
    return f"{rate:.{1 if rate < 100 else 0}f} {bar.unit}/s"


class _Display:
    """All loops that run now on one file."""

    running: dict[int, _Display] = {}  # noqa: RUF012 (by the file's id, while there are loops)

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.bars: list[Progress[Any]] = []
        self.live: Any = None
        self.console: Any = None
        if file.isatty() if hasattr(file, "isatty") else False:
            from rich.console import Console

            console = Console(file=file)
            if console.is_terminal and not console.is_dumb_terminal:
                self.console = console

    @classmethod
    def of(cls, file: TextIO | None) -> _Display:
        found = sys.stderr if file is None else file
        found = getattr(found, "rich_proxied_file", found)  # while a display runs, rich stands in for stderr
        display = cls.running.get(id(found))
        if display is None:
            display = cls.running[id(found)] = cls(found)
        return display

    def add(self, bar: Progress[Any]) -> None:
        self.bars.append(bar)
        if self.console is not None and self.live is None:
            from rich.live import Live

            # No thread draws: a loop that forks workers must not leave them a lock that a thread held.
            self.live = Live(
                console=self.console,
                auto_refresh=False,
                get_renderable=self._lines,
                redirect_stdout=bool(getattr(sys.stdout, "isatty", lambda: False)()),
                redirect_stderr=self.file is sys.stderr,
            )
            self.live.start()

    def draw(self) -> None:
        if self.live is not None:
            self.live.refresh()

    def remove(self, bar: Progress[Any], complete: bool) -> None:
        outermost = self.bars[:1] == [bar]
        stays = bar.leave if bar.leave is not None else outermost
        line = self._line(bar) if self.live is not None and stays and bar in self.bars else None
        try:
            if bar in self.bars:
                self.bars.remove(bar)
            if line is not None:
                self.console.print(line)
            elif self.console is None and outermost:
                self.file.write(bar.summary(complete) + "\n")
                self.file.flush()
        except (OSError, ValueError):
            pass  # nobody reads it any more
        finally:
            if not self.bars:
                self.running.pop(id(self.file), None)
                self._stop()
            else:
                self.draw()

    def _stop(self) -> None:
        live, self.live = self.live, None
        if live is not None:
            live.transient = True  # lines that stay have been printed
            live.stop()

    def left_behind(self) -> None:
        """In a child that was forked: the display is the parent's."""
        if self.live is not None:
            self.live._restore_stdout_stderr() if hasattr(self.live, "_restore_stdout_stderr") else None
            self.console.clear_live() if hasattr(self.console, "clear_live") else None
        for bar in self.bars:
            bar._display = None
        self.bars, self.live = [], None

    def _lines(self) -> Any:
        from rich.console import Group

        return Group(*[self._line(bar) for bar in self.bars])

    def _line(self, bar: Progress[Any]) -> Any:
        """description ━━━━━━━╸━━━ 37/100 0:12 left, 8.1 it/s, loss 0.25"""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        over = bool(bar._ended)
        left = None if not bar.total or over or not bar.done else (bar.total - bar.done) / bar.rate
        when = _span(bar.elapsed) if left is None else f"{_span(max(left, 0.0))} left"
        width = max(5, min(30, self.console.width // 4))
        row = Table.grid(padding=(0, 1))
        cells: list[Any] = []
        if bar.desc:
            cells.append(Text(bar.head(), no_wrap=True, overflow="ellipsis"))
        cells.append(
            ProgressBar(total=bar.total, completed=bar.done, width=width, pulse=bar.total is None and not over)
        )
        cells.append(Text(bar.count() if bar.total is not None else f"{bar.done} {bar.unit}", "green", no_wrap=True))
        taken = width + sum([cell.cell_len for cell in cells if isinstance(cell, Text)])
        room = self.console.width - taken - len(cells)
        for text, style in ((when, "cyan"), (_rate(bar), "dim")):
            room -= len(text) + 1
            if room >= 0:  # a line that is too long would be broken by the terminal, and could not be drawn over
                cells.append(Text(text, style, no_wrap=True))
        if bar.metrics:
            cells.append(Text(bar.numbers(), "bold", no_wrap=True, overflow="ellipsis"))
        for _ in cells:
            row.add_column(no_wrap=True)
        row.add_row(*cells)
        return row


def _after_fork() -> None:
    for display in _Display.running.values():
        display.left_behind()
    _Display.running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

__all__ = ["Progress", "progress"]
