"""`python -m tests.benchmarks [-k REGEX] [--quick] [--json FILE] [--plot FILE]`: tgrad against the real PyTorch, in one run.

Prints, per case, the time of one call on either side, the ratio tgrad/PyTorch (below 1: tgrad is faster) with the
quartiles of the rounds, and the peak memory over what the process held before the case began.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .cases import CASES
from .compare import FRESH, FULL, QUICK, Result, compare, compare_fresh
from .plot import picture


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        model = found[1] if found else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts = {"cpu": model, "cores": str(cores), "system": platform.platform(), "python": platform.python_version()}
    for name in ("tgrad", "torch", "numpy", "numba"):
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "not installed"
    return facts


def human_time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def human_bytes(count: int | None) -> str:
    return "" if count is None else f"{count / 2**20:.1f}"


HEADER = f"{'case':<34}{'tgrad':>10}{'PyTorch':>10}{'ratio':>8}  {'quartiles':<14}{'MiB':>8}{'MiB':>8}"


def line(result: Result) -> str:
    low, high = result.spread
    return (
        f"{result.case:<34}{human_time(result.ours.median):>10}{human_time(result.theirs.median):>10}"
        f"{result.ratio:>8.2f}  {f'{low:.2f} to {high:.2f}':<14}"
        f"{human_bytes(result.ours.extra):>8}{human_bytes(result.theirs.extra):>8}"
    )


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    made.add_argument("-k", metavar="REGEX", default="", help="only the cases whose name matches")
    made.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    made.add_argument("--rounds", type=int, help="how many rounds of each side")
    made.add_argument("--threads", type=int, default=2, help="threads of either side (2)")
    made.add_argument("--json", metavar="FILE", help="also write every measurement to FILE")
    made.add_argument("--plot", metavar="FILE", help="also draw the ratios to FILE, an SVG")
    made.add_argument("--list", action="store_true", help="print the names of the cases and stop")
    made.add_argument("--ours", default="tgrad", help=argparse.SUPPRESS)
    made.add_argument("--theirs", default="torch", help=argparse.SUPPRESS)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    names = [name for name in [*CASES, *FRESH] if re.search(options.k, name)]
    if options.list:
        print(*names, sep="\n")
        return 0
    if not names:
        print(f"no case matches {options.k!r}", file=sys.stderr)
        return 2
    plan = replace(QUICK if options.quick else FULL, threads=options.threads)
    if options.rounds:
        plan = replace(plan, rounds=max(2, options.rounds))
    modules = (options.ours, options.theirs)
    facts = machine()
    print("; ".join(f"{name} {value}" for name, value in facts.items()))
    print(f"{plan.rounds} rounds of {plan.round_s * 1e3:g} ms in turn, {plan.threads} threads on either side")
    print(HEADER, flush=True)
    results = []
    for name in names:
        result = compare_fresh(name, modules, plan) if name in FRESH else compare(name, modules, plan)
        print(line(result), flush=True)
        results.append(result)
    if options.plot:
        Path(options.plot).write_text(picture(results, facts))
    if options.json:
        written = {"machine": facts, "plan": vars(plan), "cases": [result.as_json() for result in results]}
        Path(options.json).write_text(json.dumps(written, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
