"""`Timer`: how long a statement takes."""

from __future__ import annotations

import enum
import textwrap
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from .measurement import Measurement, TaskSpec, set_torch_threads

timer = timeit.default_timer
OVERHEAD = 1e-4  # how much of a measurement the clock may take
SMALLEST_RUN = 1e-8


class Language(enum.Enum):
    """What a statement is written in."""

    PYTHON = 0
    CPP = 1


class Timer:
    """Times a statement, given as text, after a setup, with a number of threads (one by default, so that results compare).

    `globals` gives it names besides `torch`. Results are Measurements. NotImplementedError for statements in C++.

    >>> from torch.utils.benchmark import Timer
    >>> m = Timer("x + 1", "x = torch.ones(2)").timeit(10)
    >>> m.number_per_run
    10
    """

    _timer_cls: type[timeit.Timer] = timeit.Timer

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language not in (Language.PYTHON, "py", "python"):
            if language in (Language.CPP, "cpp", "c++"):
                raise NotImplementedError("tgrad has no C++ API: statements in C++ cannot be timed")
            raise ValueError(f"Invalid language `{language}`.")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply be moved to `setup`."
            )
        stmt, setup = (textwrap.dedent(text).strip("\n").rstrip() for text in (stmt, setup))
        names = dict(globals or {})
        names.setdefault("torch", _torch())
        self._globals = names
        self._timer = self._timer_cls(stmt=stmt, setup=setup, timer=timer, globals=names)
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)

    def _timeit(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def timeit(self, number: int = 1000000) -> Measurement:
        """One measurement of `number` runs, after some to warm up."""
        with set_torch_threads(self._task_spec.num_threads):
            self._timeit(number=max(int(number // 100), 2))
            return Measurement(number, [self._timeit(number=number)], self._task_spec)

    def autorange(self, callback: Callable[[int, float], Any] | None = None) -> None:
        """NotImplementedError: `blocked_autorange` is meant."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _block_size(self, min_run_time: float) -> int:
        """How many runs make a measurement of which the clock takes little."""
        with set_torch_threads(self._task_spec.num_threads):
            overhead = float(np.median([self._timeit(0) for _ in range(5)]))
            number = 1
            while True:
                took = self._timeit(number)
                if overhead / took <= OVERHEAD and took >= min_run_time / 1000:
                    return number
                if took > min_run_time:
                    return number
                number *= 10

    def _measure(
        self,
        number: int,
        done: Callable[[list[float]], bool],
        min_run_time: float,
        max_run_time: float | None,
        callback: Any,
    ) -> Measurement:
        total = 0.0
        times: list[float] = []
        with set_torch_threads(self._task_spec.num_threads):
            while total < min_run_time or not done(times):
                times.append(self._timeit(number))
                total += times[-1]
                if callback is not None:
                    callback(number, times[-1])
                if max_run_time is not None and total >= max_run_time:
                    break
        return Measurement(number, times, self._task_spec)

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Many measurements, each of so many runs that the clock matters little, until `min_run_time` seconds are over."""
        return self._measure(self._block_size(min_run_time), lambda times: True, min_run_time, None, callback)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Measurements until their spread is less than `threshold` of their median, or `max_run_time` seconds are over."""
        number = self._block_size(0.05)

        def steady(times: list[float]) -> bool:
            return len(times) > 3 and Measurement(number, times, self._task_spec).meets_confidence(threshold)

        return self._measure(number, steady, min_run_time, max_run_time, callback)

    def collect_callgrind(
        self,
        number: int = 100,
        *,
        repeats: int | None = None,
        collect_baseline: bool = True,
        retain_out_file: bool = False,
    ) -> Any:
        """NotImplementedError: instructions of PyTorch's own code are what PyTorch counts with Valgrind."""
        raise NotImplementedError(
            "tgrad does not count instructions; time with timeit, blocked_autorange or adaptive_autorange"
        )


def _torch() -> Any:
    import sys

    return sys.modules["tgrad"]
