"""One side of the comparison: a process that imports one of the two modules and times cases when asked to.

It reads one JSON object a line from stdin and answers each with one line on stdout:
{"do": "prepare", "case": ..., "warm_s": ..., "round_s": ...}  ->  {"number": calls in one round}
{"do": "time"}                                                  ->  {"seconds": seconds per call, over one round}
{"do": "memory"}                                                ->  {"peak": bytes, "base": bytes}
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from time import perf_counter
from typing import Any

from .cases import CASES, Timed


def memory(field: str) -> int:
    """VmHWM (peak) or VmRSS (now) of this process in bytes; the peak alone where there is no /proc."""
    try:
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith(field))
        return int(line.split()[1]) * 1024
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """Let the peak start again from what is in use now, where the kernel can do that."""
    if os.path.exists("/proc/self/clear_refs"):
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")


def seconds(run: Timed, number: int) -> float:
    start = perf_counter()
    for _ in range(number):
        run()
    return perf_counter() - start


def warm_up(run: Timed, at_least: float) -> None:
    """Call until it stops getting faster: caches fill, and compiled kernels may arrive from the background."""
    previous = float("inf")
    for _ in range(10):
        best, end = float("inf"), perf_counter() + at_least
        while perf_counter() < end:
            best = min(best, seconds(run, 1))
        if best > 0.9 * previous:
            return
        previous = best


def calls_in_a_round(run: Timed, round_s: float) -> int:
    number = 1
    while (took := seconds(run, number)) < round_s / 4:
        number *= 2
    return max(1, round(number * round_s / took))


class Worker:
    def __init__(self, module: str, threads: int) -> None:
        self.torch = importlib.import_module(module)
        if hasattr(self.torch, "set_num_threads"):
            self.torch.set_num_threads(threads)
        self.run: Timed = lambda: None
        self.number = 1
        self.base = 0

    def prepare(self, case: str, warm_s: float, round_s: float) -> dict[str, Any]:
        gc.collect()
        self.base = memory("VmRSS")
        forget_peak()
        self.run = CASES[case](self.torch)
        warm_up(self.run, warm_s)
        self.number = calls_in_a_round(self.run, round_s)
        return {"number": self.number}

    def time(self) -> dict[str, Any]:
        # Collected before, and left switched on: what a library costs the collector is part of its time.
        gc.collect()
        self.run()
        return {"seconds": seconds(self.run, self.number) / self.number}

    def memory(self) -> dict[str, Any]:
        return {"peak": memory("VmHWM"), "base": self.base}


def main() -> None:
    module, threads = sys.argv[1], int(sys.argv[2])
    # What a library prints must not get between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    worker = Worker(module, threads)
    actions = {"prepare": worker.prepare, "time": worker.time, "memory": worker.memory}
    print(json.dumps({"version": str(getattr(worker.torch, "__version__", ""))}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(actions[request.pop("do")](**request)), file=answers, flush=True)


if __name__ == "__main__":
    main()
