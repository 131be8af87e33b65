"""The crew's compiled half (kernels/crew.py, compiled/team.py): every block exactly once, whoever takes it and whatever comes between."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tgrad.kernels import native
from tgrad.kernels.crew import _TURN, CREW, Crew

pytestmark = pytest.mark.usefixtures("compiled_tier")


def step() -> Any:
    """A kernel that subtracts 1 from a range of p: an element that is visited twice, or not at all, shows."""
    run = native.kernel("steps.sgd", "f8* f8* f8* i8 i8 f8 f8 f8 f8 f8 i8 i8").get()
    assert type(run) is native.Native
    return run


def job(p: np.ndarray, g: np.ndarray) -> tuple[tuple[int, ...], tuple[float, ...]]:
    return (p.ctypes.data, g.ctypes.data, p.ctypes.data), (1.0, 1.0, 0.0, 1.0, 0.0, 0, 0)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_every_block_once(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(CREW, "size", size)
    run, rng = step(), random.Random(size)
    for n in [1, 2, 3, 100, 4099, 70_000]:
        p, g = np.zeros(n), np.ones(n)
        before, after = job(p, g)
        for turn in range(60):
            CREW.over(run, n, rng.randint(1, n), before, after)
            if turn % 20 == 19:
                time.sleep(0.01)  # the helpers fall asleep
        assert (p == -60).all()
        cuts = sorted(rng.randint(0, n) for _ in range(9))
        CREW.each(run, [(*before, a, b, *after) for a, b in zip([0, *cuts], [*cuts, n], strict=True) if a < b])
        assert (p == -61).all()
    assert not CREW._busy.locked()


def test_several_callers_at_once() -> None:
    run = step()
    wrong: list[int] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        p, g = np.zeros(5000), np.ones(5000)
        before, after = job(p, g)
        for k in range(1, 300):
            CREW.over(run, 5000, rng.randint(50, 3000), before, after)
            if not (p == -k).all():
                wrong.append(k)

    callers = [threading.Thread(target=work, args=(i,)) for i in range(5)]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    assert not wrong


def test_python_work_and_compiled_work_in_turn() -> None:
    run = step()
    p, g = np.zeros(1000), np.ones(1000)
    before, after = job(p, g)
    for k in range(1, 200):
        seen: list[int] = []
        CREW.run(seen.append, 20)
        assert sorted(seen) == list(range(20))
        CREW.over(run, 1000, 100, before, after)
        assert (p == -k).all()


def test_an_interrupt_between_turns_cancels_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun is finished before the caller sees the exception, and the next job is whole."""
    run = step()
    n, unit = 100_000, 100
    p, g = np.zeros(n), np.ones(n)
    before, after = job(p, g)
    CREW.over(run, n, unit, before, after)
    box = CREW._mailbox
    assert box is not None
    share = box.share

    def interrupted(at: Any, most: int) -> int:
        monkeypatch.setattr(box, "share", share)
        raise KeyboardInterrupt

    for k in range(1, 50):
        p[:] = 0
        monkeypatch.setattr(box, "share", interrupted)
        if k % 2:
            time.sleep(0.002)
        try:
            CREW.over(run, n, unit, before, after)
        except KeyboardInterrupt:
            done = -p.reshape(-1, unit)
            assert set(done.ravel().tolist()) <= {0.0, 1.0} and (done.min(1) == done.max(1)).all()
            assert done[:_TURN].all()
            kept = p.copy()
            time.sleep(0.001)
            assert (p == kept).all()  # nobody is at it any more
        p[:] = 0
        CREW.over(run, n, unit, before, after)
        assert (p == -1).all()
    assert not CREW._busy.locked()


def test_a_crew_of_its_own_forgets_its_helpers() -> None:
    run = step()
    crew = Crew(3)
    p, g = np.zeros(3000), np.ones(3000)
    before, after = job(p, g)
    crew.over(run, 3000, 100, before, after)
    crew.forget()
    crew.over(run, 3000, 100, before, after)
    assert (p == -2).all()


def test_the_process_ends_while_helpers_look_for_work(kernel_folder: Path) -> None:
    code = """
import os, sys
os.environ["TGRAD_JIT"] = "eager"
import tgrad
tgrad.set_num_threads(4)
x = tgrad.rand(1_000_000)
for _ in range(50):
    x = x * 0.5 + 1.0
print(float(x.max()))
"""
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "TGRAD_CACHE_DIR": str(kernel_folder)},
        )
        assert (done.returncode, done.stderr) == (0, "") and done.stdout.strip() == "2.0"
