"""The progress display: what it says, on a terminal and elsewhere, and how it ends."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tgrad
from tgrad.utils.data import DataLoader
from tgrad.utils.progress import _Display, _shown, _span, progress

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def nothing_runs_on() -> Any:
    yield
    assert not _Display.running


# ---- not a terminal


def test_one_line_for_a_loop() -> None:
    file = io.StringIO()
    seen = []
    for x in (bar := progress([3, 4], desc="train", file=file)):
        seen.append(x)
        bar.set(loss=tgrad.tensor(0.123456), step=x, gone=1)
    bar.set(gone=None)
    assert seen == [3, 4]
    import re

    assert re.fullmatch(r"train: 2/2 in 0\.\d s \(\d+(\.\d)? it/s\), loss 0\.1235  step 4  gone 1\n", file.getvalue())


def test_no_line_for_loops_inside() -> None:
    file = io.StringIO()
    for _ in progress(range(2), desc="epoch {item}", file=file):
        for _ in progress(range(3), desc="train", file=file):
            pass
    assert file.getvalue().startswith("epoch 1: 2/2 in ") and file.getvalue().count("\n") == 1


def test_disabled_and_unknown_length() -> None:
    file = io.StringIO()
    assert list(progress(iter("ab"), file=file, disable=True)) == ["a", "b"] and file.getvalue() == ""
    assert list(progress(iter("ab"), file=file, unit="letters")) == ["a", "b"]
    assert file.getvalue().startswith("2 in 0.0 s (") and "letters/s" in file.getvalue()

    class Stream(tgrad.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            return iter(range(3))

    bar = progress(DataLoader(Stream()), file=file)
    assert bar.total is None and len(list(bar)) == 3
    with pytest.raises(TypeError):
        len(bar)
    assert len(progress(DataLoader(range(10), 4))) == 3


def test_a_loop_that_is_left() -> None:
    file = io.StringIO()
    with pytest.raises(ValueError):
        for x in progress(range(10), desc="a", file=file):
            if x == 4:
                raise ValueError
    for x in progress(range(10), desc="b", file=file):
        if x == 2:
            break
    assert not _Display.running
    a, b = file.getvalue().splitlines()
    assert a.startswith("a: 4/10 done, stopped after 0.0 s") and b.startswith("b: 2/10 done, stopped after")


def test_counting_by_hand() -> None:
    file = io.StringIO()
    with progress(total=100, desc="bytes", unit="B", file=file) as bar:
        for _ in range(10):
            bar.update(10)
    with progress(range(3), file=file) as bar:
        for _ in bar:
            pass
        assert _Display.running  # it ends with the block, not with the loop
    loose = progress(total=3, file=file)
    loose.update(3)
    loose.close()
    loose.close()
    lines = file.getvalue().splitlines()
    assert [line.split(" in")[0] for line in lines] == ["bytes: 100/100", "3/3", "3/3"]
    with pytest.raises(TypeError, match="counts by hand"):
        iter(progress(total=3)).__next__()


def test_used_twice_starts_anew() -> None:
    file = io.StringIO()
    bar = progress(range(3), file=file)
    assert list(bar) == list(bar) == [0, 1, 2]
    assert [line[:3] for line in file.getvalue().splitlines()] == ["3/3", "3/3"]


def test_a_closed_file_is_no_error() -> None:
    file = io.StringIO()
    bar = progress(range(2), file=file)
    for _ in bar:
        file.close()


def test_figures() -> None:
    assert [_span(s) for s in (0.04, 59.9, 61, 3600, 3725)] == ["0.0 s", "59.9 s", "1:01", "1:00:00", "1:02:05"]
    assert [_shown(v) for v in (1, 0.5, 1e-9, tgrad.tensor(2), tgrad.tensor([1.5]), "x")] == [
        "1",
        "0.5",
        "1e-09",
        "2",
        "1.5",
        "x",
    ]
    assert _shown(tgrad.ones(2)) == "tensor([1., 1.])"


def test_it_costs_little() -> None:
    before = time.perf_counter()
    for _ in progress(range(100_000), file=io.StringIO()):
        pass
    assert time.perf_counter() - before < 1.0  # a hundredth of a millisecond each


# ---- a terminal

SCRIPT = """
import sys, time
import tgrad as torch
from tgrad.utils.data import DataLoader
from tgrad.utils.progress import progress

class Data:
    def __len__(self): return 12
    def __getitem__(self, i):
        if i == 5: print("from the data", flush=True)
        return i

def nested(workers):
    for epoch in progress(range(2), desc="epoch {item}"):
        loader = DataLoader(Data(), 3, num_workers=workers, multiprocessing_context="fork" if workers else None)
        for batch in (bar := progress(loader, desc="train")):
            time.sleep(0.15)
            bar.set(loss=torch.tensor(0.25), lr=1e-3)
        print("epoch", epoch, "is over")

def fails():
    for i in progress(range(9), desc="fails"):
        time.sleep(0.01)
        if i == 3: 1 / 0

def unknown():
    for i in progress(iter(range(5)), desc="stream"):
        time.sleep(0.15)

def waits():
    for i in progress(range(9), desc="waits"):
        for j in progress(range(9), desc="inside"):
            time.sleep(1)

exec(sys.argv[1])
print("end")
"""


ROWS = 80  # room for the longest traceback: Ctrl-C may come while the display draws


@pytest.fixture
def look(tmp_path: Path) -> Any:
    """Runs a part of the script on a terminal: what was on the screen at each change, and what is there at the end."""
    pexpect = pytest.importorskip("pexpect", reason="pexpect is not installed")
    pyte = pytest.importorskip("pyte", reason="pyte is not installed")
    path = tmp_path / "program.py"
    path.write_text(SCRIPT)

    def run(code: str, columns: int = 80, interrupt: str | None = None) -> tuple[list[str], list[str], Any]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        for name in ("NO_COLOR", "COLUMNS", "LINES"):
            env.pop(name, None)
        program = pexpect.spawn(
            sys.executable, [str(path), code], env=env, dimensions=(ROWS, columns), encoding="utf-8", timeout=30
        )
        screen = pyte.Screen(columns, ROWS)
        stream = pyte.Stream(screen)
        seen: list[str] = []
        while True:
            try:
                stream.feed(program.read_nonblocking(4096, timeout=30))
            except pexpect.EOF:
                break
            shown = [line.rstrip() for line in screen.display if line.strip()]
            seen += [line for line in shown if line not in seen]
            if interrupt is not None and any(interrupt in line for line in shown):
                program.sendintr()
                interrupt = None
        program.close()
        return seen, [line.rstrip() for line in screen.display if line.strip()], screen

    return run


def matching(lines: list[str], pattern: str) -> list[str]:
    import re

    return [line for line in lines if re.search(pattern, line)]


@pytest.mark.parametrize("workers", [0, 2])
def test_nested_loops_on_a_terminal(look: Any, workers: int) -> None:
    seen, end, screen = look(f"nested({workers})")
    assert matching(seen, r"^epoch 0 ━+ 0/2 .*it/s$")
    assert matching(seen, r"^train [━╸╺]+ [23]/4 \d\.\d s left \d+\.\d it/s loss 0\.25  lr 0\.001$")
    assert matching(end, r"^epoch 1 ━+ 2/2 \d\.\d s ")  # stays; the inner loops are gone
    assert not matching(end, "train") and end[-1] == "end"
    assert end.count("from the data") == 2 and [line for line in end if "over" in line] == [
        "epoch 0 is over",
        "epoch 1 is over",
    ]
    assert len(end) == 6 and not screen.cursor.hidden


def test_an_exception_on_a_terminal(look: Any) -> None:
    _, end, screen = look("fails()")
    assert matching(end, r"^fails ━+.* 3/9 ") and end[-1] == "ZeroDivisionError: division by zero"
    assert not screen.cursor.hidden


def test_unknown_length_on_a_terminal(look: Any) -> None:
    seen, end, _ = look("unknown()")
    assert matching(seen, r"^stream [━╸╺]+ [234] it \d\.\d s \d+\.\d it/s$") and matching(end, r"^stream ━+ 5 it ")


def test_a_narrow_terminal(look: Any) -> None:
    seen, end, _ = look("nested(0)", columns=30)
    assert all(len(line) <= 30 for line in seen) and end[-1] == "end"
    assert len(matching(end, "^epoch 1 ━")) == 1


def test_ctrl_c_on_a_terminal(look: Any) -> None:
    _, end, screen = look("waits()", interrupt="inside")
    assert end[-1] == "KeyboardInterrupt" and len(matching(end, r"^waits ━+ 0/9")) == 1 and not matching(end, "^inside")
    assert not screen.cursor.hidden


def test_nothing_but_a_line_into_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(SCRIPT)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(path), "nested(2)"], capture_output=True, text=True, env=env, timeout=60)
    assert sorted(done.stdout.splitlines()) == [
        "end",
        "epoch 0 is over",
        "epoch 1 is over",
        "from the data",
        "from the data",
    ]
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("epoch 1: 2/2 in ")


def test_ctrl_c_into_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(SCRIPT)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    program = subprocess.Popen(
        [sys.executable, str(path), "print(1); waits()"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    assert program.stdout is not None and program.stdout.readline() == "1\n"
    time.sleep(0.3)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=20)
    assert err.startswith("waits: 0/9 done, stopped after ") and err.rstrip().endswith("KeyboardInterrupt")
