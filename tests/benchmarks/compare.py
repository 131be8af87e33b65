"""Two workers, one after the other, round by round.

Note [Only one runs at a time]
Both libraries keep a thread pool that spins for a while after its work is done. A worker that waits is stopped with a
signal, so that its pool cannot take time from the other's round.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from typing import Any

CAN_STOP = hasattr(signal, "SIGSTOP")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Plan:
    rounds: int
    round_s: float
    warm_s: float
    threads: int


FULL = Plan(rounds=31, round_s=0.04, warm_s=0.5, threads=2)
QUICK = Plan(rounds=9, round_s=0.01, warm_s=0.15, threads=2)


@dataclass
class Side:
    """What was measured of one library in one case: seconds per call of each round, and bytes of memory."""

    module: str
    version: str = ""
    seconds: list[float] = field(default_factory=list)
    peak: int | None = None
    base: int | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def extra(self) -> int | None:
        """Peak memory over what the process held before the case began."""
        return None if self.peak is None or self.base is None else max(0, self.peak - self.base)


@dataclass
class Result:
    case: str
    ours: Side
    theirs: Side

    @property
    def ratio(self) -> float:
        return self.ours.median / self.theirs.median

    @property
    def spread(self) -> tuple[float, float]:
        """First and third quartile of the ratios of neighbouring rounds."""
        ratios = [a / b for a, b in zip(self.ours.seconds, self.theirs.seconds, strict=True)]
        first, _, third = statistics.quantiles(ratios, n=4)
        return first, third

    def as_json(self) -> dict[str, Any]:
        return {
            "case": self.case,
            "ratio": self.ratio,
            "spread": self.spread,
            "ours": {**asdict(self.ours), "median": self.ours.median},
            "theirs": {**asdict(self.theirs), "median": self.theirs.median},
        }


class Remote:
    """A worker process, stopped whenever it is not answering."""

    def __init__(self, module: str, threads: int) -> None:
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        command = [sys.executable, "-m", "tests.benchmarks.worker", module, str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.version = self._answer()["version"]

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        if CAN_STOP:
            self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.process.args)} ended with status {self.process.wait()}")  # type: ignore[arg-type]
        if CAN_STOP:
            self.process.send_signal(signal.SIGSTOP)
        return json.loads(line)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def compare(case: str, modules: tuple[str, str], plan: Plan) -> Result:
    """Time one case in two fresh processes, alternating A B, B A, A B, ... round by round."""
    result = Result(case, Side(modules[0]), Side(modules[1]))
    sides = [result.ours, result.theirs]
    with Remote(modules[0], plan.threads) as ours, Remote(modules[1], plan.threads) as theirs:
        turns = list(zip([ours, theirs], sides, strict=True))
        for remote, side in turns:
            side.version = remote.version
            remote.ask("prepare", case=case, warm_s=plan.warm_s, round_s=plan.round_s)
        for _ in range(plan.rounds):
            for remote, side in turns:
                side.seconds.append(remote.ask("time")["seconds"])
            turns.reverse()
        for remote, side in turns:
            found = remote.ask("memory")
            side.peak, side.base = found["peak"], found["base"]
    return result


IMPORT = "import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
# With an empty cache, so that a compiler would have to run first, if anyone waited for it.
FIRST = (
    "import time, {module} as torch; x = torch.rand(1000, 1000); start = time.perf_counter(); torch.tanh(x).sum(); "
    "print(time.perf_counter() - start)"
)
FRESH = {"import": IMPORT, "first result, empty cache": FIRST}


def compare_fresh(case: str, modules: tuple[str, str], plan: Plan) -> Result:
    """What a program prints as its time, each run in a fresh interpreter, in turn. The first of each warms the disk."""
    result = Result(case, Side(modules[0]), Side(modules[1]))
    sides = [result.ours, result.theirs]
    for turn in range(max(4, plan.rounds // 3) + 1):
        for side in sides:
            command = [sys.executable, "-c", FRESH[case].format(module=side.module)]
            with tempfile.TemporaryDirectory() as empty:
                environment = (
                    os.environ | dict.fromkeys(THREAD_VARIABLES, str(plan.threads)) | {"TGRAD_CACHE_DIR": empty}
                )
                out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            if turn:
                side.seconds.append(float(out.stdout))
        sides.reverse()
    return result
