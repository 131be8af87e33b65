"""Tensors in memory that processes share: `share_memory_`, queues, `torch.multiprocessing.spawn`."""

from __future__ import annotations

import gc
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tgrad
import tgrad.multiprocessing as mp

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def test_sharing_keeps_views_together() -> None:
    x = tgrad.arange(12.0).reshape(3, 4)
    row, turned = x[1], x.t()
    assert not x.is_shared()
    before = x.tolist(), x.stride(), row.storage_offset()
    assert row.share_memory_() is row
    assert x.is_shared() and turned.is_shared() and (x.tolist(), x.stride(), row.storage_offset()) == before
    row[0] = -1
    assert x[1, 0] == -1 and turned[0, 1] == -1
    place = x.data_ptr()
    x.share_memory_()
    assert x.data_ptr() == place


def test_all_parameters_of_a_module() -> None:
    net = tgrad.nn.Linear(3, 2)
    net.share_memory()
    assert all(p.is_shared() and p.is_leaf and p.requires_grad for p in net.parameters())
    net(tgrad.ones(1, 3)).sum().backward()
    assert net.weight.grad is not None


def test_empty_and_0d_and_bfloat16() -> None:
    for t in (tgrad.zeros(0, 3), tgrad.tensor(5), tgrad.ones(3, dtype=tgrad.bfloat16), tgrad.tensor([True])):
        shared = t.clone().share_memory_()
        assert (
            shared.is_shared() and shared.dtype is t.dtype and shared.shape == t.shape and shared.tolist() == t.tolist()
        )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_shared_memory_goes_with_its_last_tensor() -> None:
    def counted() -> tuple[int, int]:
        gc.collect()
        return Path("/proc/self/maps").read_text().count("memfd:tgrad"), len(os.listdir("/proc/self/fd"))

    before = counted()
    x = tgrad.ones(1000).share_memory_()
    part = x[5:7]
    del x
    assert counted() > before and part.tolist() == [1, 1]
    del part
    assert counted() == before


def test_without_files_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems that lack them: a file that has lost its name."""
    monkeypatch.delattr(os, "memfd_create", raising=False)
    x = tgrad.arange(3.0).share_memory_()
    pid = os.fork()
    if pid == 0:
        x += 1
        os._exit(0)
    os.waitpid(pid, 0)
    assert x.tolist() == [1, 2, 3]


def add_one(numbers: Any, back: Any) -> None:
    x = numbers.get()
    x += 1
    back.put([x, x.t(), tgrad.nn.Parameter(tgrad.ones(2)), tgrad.zeros(0), x[0].bfloat16()])
    numbers.get()  # lives until it has been received


def test_queues_hand_memory_over() -> None:
    context = mp.get_context("fork")
    numbers, back = context.Queue(), context.Queue()
    process = context.Process(target=add_one, args=(numbers, back), daemon=True)
    process.start()
    x = tgrad.arange(6.0).reshape(2, 3)
    numbers.put(x)
    got, turned, param, empty, half = back.get(timeout=20)
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]] and x.is_shared()  # the other process wrote into it
    got[0, 0] = 7
    assert x[0, 0] == 7 and turned[0, 0] == 7 and turned.stride() == (1, 3)
    assert type(param) is tgrad.nn.Parameter and param.requires_grad and empty.shape == (0,)
    assert half.dtype is tgrad.bfloat16 and half.tolist() == [1, 2, 3]
    numbers.put(None)
    process.join(20)
    assert process.exitcode == 0


def test_what_cannot_be_sent(torch: Any) -> None:
    from multiprocessing.reduction import ForkingPickler

    texts = []
    for lib in (tgrad, torch):
        with pytest.raises(RuntimeError) as info:
            ForkingPickler.dumps(lib.ones(1, requires_grad=True) * 2)
        texts.append(str(info.value))
    assert texts[0] == texts[1]


SCRIPT = """
import os, sys
import tgrad as torch
import tgrad.multiprocessing as mp

def work(i, x, how):
    x[i] = i + 1
    if i == 1 and how == "raise":
        raise ValueError("no good")
    if i == 1 and how == "exit":
        os._exit(3)
    if i == 1 and how == "kill":
        os.kill(os.getpid(), 9)

if __name__ == "__main__":
    x = torch.zeros(3)
    try:
        mp.spawn(work, (x, sys.argv[1]), nprocs=3)
    except mp.ProcessRaisedException as error:
        print(type(error).__name__, error.error_index, str(error))
    except mp.ProcessExitedException as error:
        print(type(error).__name__, error.error_index, error.exit_code, error.signal_name, error)
    else:
        print(x.tolist())
"""


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("well", "[1.0, 2.0, 3.0]\n"),
        ("exit", "ProcessExitedException 1 3 None process 1 terminated with exit code 3\n"),
        ("kill", "ProcessExitedException 1 -9 SIGKILL process 1 terminated with signal SIGKILL\n"),
    ],
)
def test_spawn(tmp_path: Path, how: str, words: str) -> None:
    assert run(tmp_path, how) == words


def test_spawn_raises(tmp_path: Path) -> None:
    out = run(tmp_path, "raise")
    assert out.startswith(
        "ProcessRaisedException 1 \n\n-- Process 1 terminated with the following error:\nTraceback (most recent call last):\n"
    )
    assert out.endswith("ValueError: no good\n\n")


def run(tmp_path: Path, how: str) -> str:
    path = tmp_path / "program.py"
    path.write_text(SCRIPT)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(path), how], capture_output=True, text=True, env=env, timeout=60)
    assert done.stderr == ""
    return done.stdout


def test_signatures_and_names(torch: Any) -> None:
    import torch.multiprocessing as theirs

    assert set(theirs.__all__) <= set(dir(mp))
    for name in ("spawn", "start_processes", "set_sharing_strategy"):
        assert list(inspect.signature(getattr(mp, name)).parameters) == list(
            inspect.signature(getattr(theirs, name)).parameters
        )
    assert list(inspect.signature(mp.ProcessContext.join).parameters) == list(
        inspect.signature(theirs.ProcessContext.join).parameters
    )
    assert mp.get_all_sharing_strategies() == theirs.get_all_sharing_strategies()
    with pytest.raises(AssertionError, match="invalid sharing strategy 'x'"):
        mp.set_sharing_strategy("x")
