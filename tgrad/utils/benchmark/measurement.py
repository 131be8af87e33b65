"""Times that were measured, and what can be said of them."""

from __future__ import annotations

import contextlib
import math
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ...kernels.crew import get_num_threads, set_num_threads

MOST_FIGURES = 4
SMALLEST_INTERVAL = 25e-9  # about what a clock can tell
WARN, WARN_GROSSLY = 0.1, 0.25  # spreads over medians
UNITS = {"ns": ("nanosecond", 1e-9), "us": ("microsecond", 1e-6), "ms": ("millisecond", 1e-3), "s": ("second", 1)}


@dataclass(init=True, repr=False, eq=True, frozen=True)
class TaskSpec:
    """What was timed: a statement, what went before it, and the words for it."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt + (f": {self.sub_label}" if self.sub_label else "")
        beside = f" ({self.sub_label})" if self.sub_label else ""
        return f"stmt:{beside}\n{textwrap.indent(self.stmt, '  ')}"

    def setup_str(self) -> str:
        """What went before, as text."""
        if self.setup == "pass" or not self.setup:
            return ""
        return f"setup:\n{textwrap.indent(self.setup, '  ')}" if "\n" in self.setup else f"setup: {self.setup}"

    def summarize(self) -> str:
        """The lines of text about the task."""
        parts = [self.title, self.description or "", self.setup_str()]
        return "\n".join(f"{p}\n" if "\n" in p else p for p in parts if p)


_TASK = tuple(f.name for f in fields(TaskSpec))


@dataclass(init=True, repr=False)
class Measurement:
    """Times of a task, each of `number_per_run` runs; what a Timer returns.

    >>> from torch.utils.benchmark import Measurement, TaskSpec
    >>> m = Measurement(100, [0.5, 0.25, 0.75], TaskSpec("f(x)", "pass"))
    >>> m.median, m.iqr
    (0.005, 0.0025)
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None
    _notes: tuple[str, ...] = field(default=(), init=False, compare=False)

    def __getattr__(self, name: str) -> Any:
        if name in _TASK:
            return getattr(self.task_spec, name)
        raise AttributeError(f"'Measurement' object has no attribute {name!r}")

    @property
    def times(self) -> list[float]:
        """Seconds per run, of each measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    def _quantile(self, q: float) -> float:
        return float(np.quantile(np.array(self.times), q)) if self.raw_times else -1.0

    @property
    def median(self) -> float:
        """The middle of the times."""
        return self._quantile(0.5)

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(np.mean(self.times)) if self.raw_times else -1.0

    @property
    def iqr(self) -> float:
        """The distance between the first and the third quarter."""
        return self._quantile(0.75) - self._quantile(0.25)

    @property
    def significant_figures(self) -> int:
        """About how many digits of the median mean something, by the spread of the middle half of the times."""
        ordered = sorted(self.times)
        middle = np.array(ordered[len(ordered) // 4 : math.ceil(3 * len(ordered) / 4)])
        interval = max(1.645 * float(middle.std()) / math.sqrt(len(middle)), SMALLEST_INTERVAL)
        return min(max(math.floor(math.log10(self.median / interval)), 1), MOST_FIGURES)

    def meets_confidence(self, threshold: float = WARN) -> bool:
        """Whether the times lie close together."""
        return self.iqr / self.median < threshold

    @property
    def has_warnings(self) -> bool:
        """Whether they lie so far apart that the median says little."""
        return bool(self._warning())

    def _warning(self) -> str:
        if not self.raw_times or self.meets_confidence(WARN):
            return ""
        gross = not self.meets_confidence(WARN_GROSSLY)
        why = (
            "This suggests significant environmental influence." if gross else "This could indicate system fluctuation."
        )
        return f"  WARNING: Interquartile range is {self.iqr / self.median * 100:.1f}% of the median measurement.\n           {why}"

    @property
    def title(self) -> str:
        """The task's title."""
        return self.task_spec.title

    @property
    def env(self) -> str:
        """Where it was measured, if that was said."""
        return "Unspecified env" if self.task_spec.env is None else self.task_spec.env

    @property
    def as_row_name(self) -> str:
        """What stands in front of its row in a table."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def __repr__(self) -> str:
        n, threads = len(self.raw_times), self.task_spec.num_threads
        unit, scale = select_unit(self.median)
        shown = lambda t: f"{t / scale:.2f}"
        lines = [object.__repr__(self).replace("<tgrad.", "<torch.").replace("measurement.", "utils.common.")]
        lines += [self.task_spec.summarize(), f"  {'Median: ' if n > 1 else ''}{shown(self.median)} {unit}"]
        if n >= 4:
            low, high = shown(self._quantile(0.25)), shown(self._quantile(0.75))
            lines.append(f"  IQR:    {shown(self.iqr)} {unit} ({low} to {high})")
        each = "per measurement," if n > 1 else ","
        lines.append(
            f"  {n} measurement{'s' if n > 1 else ''}, {self.number_per_run} runs {each} {threads} thread{'s' if threads > 1 else ''}"
        )
        return "\n".join(line for line in [*lines, self._warning()] if line)

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Measurements of the same task as one, with times per single run."""
        groups: dict[TaskSpec, list[float]] = {}
        for m in measurements:
            groups.setdefault(m.task_spec, []).extend(m.times)
        return [Measurement(1, times, task) for task, times in groups.items()]


def select_unit(t: float) -> tuple[str, float]:
    """(unit, seconds) in which a time is a number of few digits."""
    power = int(math.log10(t) // 3) if t > 0 else 0
    unit = {-3: "ns", -2: "us", -1: "ms"}.get(power, "s")
    return unit, UNITS[unit][1]


def unit_to_english(u: str) -> str:
    """The word for a unit."""
    return UNITS[u][0]


def trim_sigfig(x: float, n: int) -> float:
    """A number rounded to n digits.

    >>> from torch.utils.benchmark import trim_sigfig
    >>> round(trim_sigfig(3.14159, 3), 4)
    3.14
    """
    if n != int(n):
        raise AssertionError("Number of significant figures must be an integer")
    scale = 10 ** (math.ceil(math.log10(abs(x))) - n)
    return float(np.float32(x / scale).round() * scale)


def ordered_unique(elements: Iterable[Any]) -> list[Any]:
    """Each element once, in the order of first meeting."""
    return list(dict.fromkeys(elements))


@contextlib.contextmanager
def set_torch_threads(n: int) -> Iterator[None]:
    """Another number of threads while a block runs."""
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)
