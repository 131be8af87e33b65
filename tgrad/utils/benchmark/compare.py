"""`Compare`: measurements as a table, a column for each description and a row for each sub-label."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from typing import Any

from .measurement import Measurement, ordered_unique, select_unit, trim_sigfig, unit_to_english

BEST, GOOD, BAD, VERY_BAD = "\033[92m\033[1m", "\033[34m\033[1m", "\033[2m\033[91m", "\033[31m\033[1m"
END = "\033[0m"


class Colorize(enum.Enum):
    """Among which times the best ones are marked by colours."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


class Compare:
    """A table of measurements; `print()` it or take its `str`. ValueError for what is no Measurement.

    >>> from torch.utils.benchmark import Compare, Measurement, TaskSpec
    >>> print(Compare([Measurement(1, [2e-6], TaskSpec("f()", "pass", label="f", description="old"))]))
    [-------- f --------]
               |  old
    1 threads: ----------
          f()  |  2.0
    <BLANKLINE>
    Times are in microseconds (us).
    <BLANKLINE>
    """

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._trim, self._colorize, self._warn = False, Colorize.NONE, False

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Adds measurements."""
        results = list(results)
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(r)} instead.")
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Shows as many digits as mean something."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Marks the best times of each column (or row) by colour."""
        self._colorize = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self) -> None:
        """Marks measurements whose times lie far apart."""
        self._warn = True

    def print(self) -> None:
        """Prints the table."""
        print(str(self))

    def __str__(self) -> str:
        groups: dict[Any, list[Measurement]] = {}
        for m in Measurement.merge(self._results):
            groups.setdefault(m.task_spec.label, []).append(m)
        return "\n".join(_Table(g, self._trim, self._colorize, self._warn).render() for g in groups.values())


class _Table:
    """The measurements of one label."""

    def __init__(self, results: list[Measurement], trim: bool, colorize: Colorize, warn: bool) -> None:
        self.results, self.trim, self.colorize = results, trim, colorize
        self.unit, self.scale = select_unit(min(m.median for m in results))
        self.columns = ordered_unique(m.task_spec.description for m in results)
        self.rows = sorted(ordered_unique(self.row_of(m) for m in results), key=lambda r: r[:2])
        self.cells = {(self.row_of(m), m.task_spec.description): m for m in results}
        self.warn = warn and any(m.has_warnings for m in results)

    @staticmethod
    def row_of(m: Measurement) -> tuple[int, str, str]:
        return m.task_spec.num_threads, m.env, m.as_row_name

    def formats(self, column: Any) -> tuple[int, int, bool]:
        """(width, decimals, whether there is a place for warnings) of a column's numbers."""
        found = [m for (_, c), m in self.cells.items() if c == column]
        digits = [math.ceil(math.log10(m.median / self.scale)) for m in found]
        decimals = 1
        if self.trim:
            decimals = min(max(m.significant_figures - d, 0) for m, d in zip(found, digits, strict=True))
        return (
            max(digits) + decimals + (1 if decimals else 0),
            decimals,
            self.warn and any(m.has_warnings for m in found),
        )

    def number(self, m: Measurement | None, column: Any) -> str:
        width, decimals, warned = self.formats(column)
        if m is None:
            return " " * (max(width, 1 + decimals + bool(decimals)) + 7 * warned)
        value = m.median / self.scale
        if self.trim:
            value = trim_sigfig(value, m.significant_figures)
        note = f" (! {m.iqr / m.median * 100:.0f}%)" if warned and m.has_warnings else ""
        return f"{value:>{width}.{decimals}f}" + (f"{note:>7}" if warned else "")

    def render(self) -> str:
        envs = {m.env for m in self.results}
        env_width = max(map(len, envs)) + 4 if len(envs) > 1 else 4
        lines: list[list[str]] = [["", *(c or "" for c in self.columns)]]
        before: tuple[Any, Any] = (None, None)
        for row in self.rows:
            threads, env, name = row
            shown = f"({env})" if len(envs) > 1 and (threads, env) != before else ""
            before = (threads, env)
            cells = [self.number(self.cells.get((row, c)), c) for c in self.columns]
            lines.append(["  " + shown.ljust(env_width) + name, *cells])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        head = "  |  ".join(text.center(w) for text, w in zip(lines[0], widths, strict=True))
        out, last = [head], None
        for row, line in zip(self.rows, lines[1:], strict=True):
            if row[0] != last:
                out.append(f"{row[0]} threads: ".ljust(len(head), "-"))
                last = row[0]
            cells = [
                self.colored(text.center(w), row, c)
                for text, w, c in zip(line[1:], widths[1:], self.columns, strict=True)
            ]
            out.append("  |  ".join([line[0].ljust(widths[0]), *cells]))
        label = self.results[0].task_spec.label or ""
        text = f"[{f' {label} '.center(len(head) - 2, '-')}]\n" + "\n".join(out)
        text += f"\n\nTimes are in {unit_to_english(self.unit)}s ({self.unit}).\n"
        if self.warn:
            text += "(! XX%) Measurement has high variance, where XX is the IQR / median * 100.\n"
        return text

    def colored(self, text: str, row: tuple[int, str, str], column: Any) -> str:
        m = self.cells.get((row, column))
        if m is None or self.colorize is Colorize.NONE:
            return text
        rowwise = self.colorize is Colorize.ROWWISE
        rivals = [o for (r, c), o in self.cells.items() if (r == row if rowwise else c == column and r[0] == row[0])]
        best, value = min(o.median for o in rivals), m.median
        if value <= best * 1.01 or value <= best + 100e-9:
            return BEST + text + END * 2
        if value <= best * 1.1:
            return GOOD + text + END * 2
        if value >= best * 5:
            return VERY_BAD + text + END * 2
        return BAD + text + END * 2 if value >= best * 2 else text
