"""DataLoader's worker processes: what they send, how they end, and that nothing is left of them."""

from __future__ import annotations

import faulthandler
import gc
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.fixture(autouse=True)
def many_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """No warning about more workers than a small machine has processors for; and fork is what these tests are about."""
    monkeypatch.setattr(DataLoader, "check_worker_number_rationality", lambda self: None)


class Numbers(Dataset):
    """i, but for one place, where something happens."""

    def __init__(self, n: int = 20, at: int = -1, what: Any = None) -> None:
        self.n, self.at, self.what = n, at, what

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        return self.what(i) if i == self.at else i


def values(loader: Any) -> list[Any]:
    return [batch.tolist() for batch in loader]


def forked(*args: Any, **kwargs: Any) -> DataLoader:
    return DataLoader(*args, multiprocessing_context="fork", **kwargs)


# ---- exceptions and deaths


def raising(error: BaseException) -> Any:
    def fail(i: int) -> Any:
        raise error

    return fail


def test_an_exception_comes_with_its_traceback() -> None:
    with pytest.raises(ValueError, match="Caught ValueError in DataLoader worker process 0") as info:
        list(forked(Numbers(at=5, what=raising(ValueError("no good"))), batch_size=2, num_workers=2))
    text = str(info.value)
    assert text.startswith(
        "Caught ValueError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
    )
    assert "in fail\n    raise error\n" in text and text.endswith("ValueError: no good\n")


def test_exceptions_that_are_not_made_of_a_text() -> None:
    class Told(Exception):
        message = "told"

        def __init__(self, *, message: str) -> None:
            super().__init__(message)

    with pytest.raises(KeyError) as key:
        list(forked(Numbers(at=0, what=raising(KeyError("k"))), num_workers=1))
    assert "\n" in repr(key.value.args[0]) and str(key.value).startswith("Caught KeyError in")
    with pytest.raises(RuntimeError, match="Caught UnicodeDecodeError in DataLoader worker process 0"):
        list(forked(Numbers(at=0, what=raising(UnicodeDecodeError("utf8", b"a", 0, 1, "x"))), num_workers=1))
    with pytest.raises(Exception, match="Caught _Told in"):
        list(forked(Numbers(at=0, what=raising(_Told(message="x"))), num_workers=1))


class _Told(Exception):
    message = "told"

    def __init__(self, *, message: str) -> None:
        super().__init__(message)

    def __reduce__(self) -> Any:
        return _Told, ()


def test_iteration_goes_on_after_an_exception() -> None:
    it = iter(forked(Numbers(6, at=2, what=raising(ValueError())), batch_size=2, num_workers=2))
    assert next(it).tolist() == [0, 1]
    with pytest.raises(ValueError):
        next(it)
    assert values(it) == [[4, 5]]


def test_an_exception_of_worker_init_fn() -> None:
    with pytest.raises(ZeroDivisionError, match="Caught ZeroDivisionError in DataLoader worker process"):
        list(forked(Numbers(), num_workers=2, worker_init_fn=lambda i: 1 // 0))


def test_what_cannot_be_pickled_is_no_hang() -> None:
    loader = forked(Numbers(at=3, what=lambda i: lambda: i), num_workers=2, collate_fn=lambda batch: batch)
    with pytest.raises((AttributeError, Exception), match="pickle"):
        list(loader)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda i: os.kill(os.getpid(), signal.SIGKILL), "is killed by signal: Killed. "),
        (
            lambda i: (faulthandler.disable(), os.kill(os.getpid(), signal.SIGSEGV)),
            "is killed by signal: Segmentation fault. ",
        ),
        (lambda i: os._exit(3), "exited unexpectedly with exit code 3. Details are lost due to multiprocessing."),
        (lambda i: sys.exit(5), "exited unexpectedly with exit code 5."),
    ],
    ids=["killed", "crashed", "left", "exit"],
)
def test_a_worker_that_dies_is_no_hang(what: Any, words: str) -> None:
    before = time.monotonic()
    with pytest.raises(RuntimeError, match=r"^DataLoader worker \(pid\(s\) \d+\) exited unexpectedly$") as info:
        list(forked(Numbers(at=13, what=what), batch_size=2, num_workers=2))
    assert words in str(info.value.__cause__)
    assert time.monotonic() - before < 4


def test_a_worker_killed_from_outside() -> None:
    it = iter(forked(Numbers(10_000), num_workers=2))
    next(it)
    os.kill(it._workers[1].pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=rf"\(pid\(s\) {it._workers[1].pid}\) exited unexpectedly"):
        list(it)


def test_time_is_over() -> None:
    loader = forked(Numbers(at=3, what=lambda i: time.sleep(60)), batch_size=2, num_workers=2, timeout=0.3)
    it = iter(loader)
    next(it)
    with pytest.raises(RuntimeError, match=r"^DataLoader timed out after 0.3 seconds$"):
        list(it)
    for worker in it._workers:  # or the end of this test would wait for them
        worker.kill()


# ---- the same random numbers as PyTorch's workers


class Draws(Dataset):
    def __init__(self, lib: Any) -> None:
        self.lib = lib

    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> Any:
        info = self.lib.utils.data.get_worker_info()
        drawn = random.random(), int(np.random.randint(10**9)), int(self.lib.randint(0, 10**9, ()))
        return (info.id, info.num_workers, info.seed, type(info.dataset).__name__, *drawn, self.lib.get_num_threads())


def test_seeds_of_workers(torch: Any) -> None:
    got = []
    for lib in (tgrad, torch):
        lib.manual_seed(11)
        loader = lib.utils.data.DataLoader(Draws(lib), None, num_workers=2, multiprocessing_context="fork")
        got.append([list(loader), list(loader), lib.randint(0, 1000, (3,)).tolist()])
    assert got[0] == got[1]
    assert get_worker_info() is None


def test_kept_workers_are_the_same_and_go_on_drawing(torch: Any) -> None:
    got = []
    for lib in (tgrad, torch):
        lib.manual_seed(11)
        loader = lib.utils.data.DataLoader(
            Draws(lib), None, num_workers=2, persistent_workers=True, multiprocessing_context="fork"
        )
        got.append([list(loader), list(loader)])
    assert got[0] == got[1]
    loader = forked(Numbers(), num_workers=2, persistent_workers=True)
    first = [w.pid for w in iter(loader)._workers]
    it = iter(loader)  # the pass before was left in its middle
    assert [w.pid for w in it._workers] == first and values(it) == [[i] for i in range(20)]


def test_as_they_come() -> None:
    loader = forked(Numbers(8, at=0, what=lambda i: time.sleep(0.5) or 0), num_workers=2, in_order=False)
    got = [b.item() for b in loader]
    assert sorted(got) == list(range(8)) and got[0] != 0
    assert [b.item() for b in forked(Numbers(8, at=0, what=lambda i: time.sleep(0.3) or 0), num_workers=2)] == list(
        range(8)
    )


def test_streams_are_split_by_who_reads_them() -> None:
    class Part(IterableDataset):
        def __iter__(self) -> Any:
            info = get_worker_info()
            return iter(range(info.id, 9, info.num_workers))

    for kept in (False, True):
        loader = forked(Part(), batch_size=2, num_workers=3, persistent_workers=kept)
        for _ in range(2):
            assert values(loader) == [[0, 3], [1, 4], [2, 5], [6], [7], [8]]


# ---- memory


def mappings(pid: int | str = "self") -> int:
    return Path(f"/proc/{pid}/maps").read_text().count("memfd:tgrad")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@linux
def test_slabs_are_used_again_and_go() -> None:
    gc.collect()
    before = mappings(), descriptors()
    x = tgrad.arange(400 * 1000.0).reshape(400, 1000)
    seen = 0
    it = iter(forked(TensorDataset(x, tgrad.arange(400)), batch_size=4, num_workers=2))
    for i, (batch, label) in enumerate(it):
        assert batch.is_shared() and label.is_shared() and label.tolist() == list(range(4 * i, 4 * i + 4))
        assert (batch == x[4 * i : 4 * i + 4]).all()
        seen = max(seen, mappings())
    assert (
        seen - before[0] <= 14
    )  # what is ahead, what is held and what is on its way back; without that there would be 100
    del it, batch, label
    gc.collect()
    assert (mappings(), descriptors()) == before


def test_batches_that_are_kept_stay_as_they_are() -> None:
    x = tgrad.arange(4000.0).reshape(100, 40)
    batches = [b for (b,) in forked(TensorDataset(x), batch_size=2, num_workers=2)]
    assert (tgrad.cat(batches) == x).all()
    views = [b[0][1] for b in forked(TensorDataset(x), batch_size=2, num_workers=2)]
    assert (tgrad.stack(views) == x[1::2]).all()
    assert batches[0].untyped_storage().nbytes() == batches[0].numel() * 4 and batches[0].storage_offset() == 0


def test_what_a_worker_keeps_stays_as_it_is() -> None:
    kept: list[Any] = []

    def collate(batch: list[int]) -> Any:
        kept.append(tgrad.utils.data.default_collate(batch) + 0)
        kept.append(tgrad.utils.data.default_collate([tgrad.tensor(i) for i in batch]))
        return [t.clone() for t in kept], kept[-1]

    for n, (old, new) in enumerate(forked(Numbers(40), batch_size=2, num_workers=1, collate_fn=collate)):
        assert [t.tolist() for t in old] == [[2 * (k // 2), 2 * (k // 2) + 1] for k in range(2 * n + 2)]
        assert new.tolist() == [2 * n, 2 * n + 1]


def test_a_child_keeps_the_batch_it_was_forked_with() -> None:
    it = iter(forked(TensorDataset(tgrad.arange(300)), batch_size=3, num_workers=1))
    (first,) = next(it)
    there, back = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(there[0], 1)
        os.write(back[1], b"y" if first.tolist() == [0, 1, 2] else b"n")
        os._exit(0)
    del first
    for _ in it:
        pass
    os.write(there[1], b"x")
    assert os.read(back[0], 1) == b"y"
    os.waitpid(pid, 0)


def test_all_kinds_of_data() -> None:
    base = tgrad.arange(12.0).reshape(3, 4)
    grad = tgrad.ones(3, requires_grad=True)
    param = tgrad.nn.Parameter(tgrad.ones(2))
    tagged = tgrad.ones(2)
    tagged.note = "kept"
    samples = [
        {
            "views": (base, base.t(), base[1:, 1:]),
            "half": tgrad.ones(400, dtype=tgrad.bfloat16),
            "wide": tgrad.ones(2).expand(3, 2),
        },
        {"grad": grad, "param": param, "tagged": tagged, "empty": tgrad.zeros(0, 3), "0-d": tgrad.tensor(5)},
        {
            "array": np.arange(1000.0),
            "small": np.arange(3),
            "text": "x" * 100_000,
            "none": None,
            "flipped": np.arange(900)[::-1],
        },
        {"complex": tgrad.ones(200, dtype=tgrad.complex64), "bool": tgrad.tensor([True, False])},
    ]
    got = list(forked(samples, batch_size=None, num_workers=2, collate_fn=lambda x: x))
    a, b, c = got[0]["views"]
    assert a.tolist() == base.tolist() and b.stride() == (1, 4) and c.tolist() == base[1:, 1:].tolist()
    a[1, 1] = -1.0
    assert b[1, 1] == -1 and c[0, 0] == -1 and base[1, 1] == 5  # they share memory there as they do here
    assert got[0]["half"].dtype is tgrad.bfloat16 and got[0]["half"].sum() == 400
    assert got[0]["wide"].stride() == (0, 1)
    assert (
        got[1]["grad"].requires_grad and type(got[1]["param"]) is tgrad.nn.Parameter and got[1]["tagged"].note == "kept"
    )
    assert got[1]["empty"].shape == (0, 3) and got[1]["0-d"] == 5
    assert (got[2]["array"] == np.arange(1000.0)).all() and got[2]["array"].flags.writeable
    assert got[2]["flipped"][0] == 899 and len(got[2]["text"]) == 100_000
    assert got[3]["complex"].sum() == 200 and got[3]["bool"].tolist() == [True, False]


def test_a_tensor_with_a_history_is_refused() -> None:
    loader = forked([tgrad.ones(1, requires_grad=True)], batch_size=None, num_workers=1, collate_fn=lambda t: t * 2)
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor which requires_grad"):
        list(loader)


def test_nobody_waits_for_the_other_with_full_sockets() -> None:
    """Places and batches that are both larger than what sockets take."""
    n = 60_000
    batches = [list(range(n))] * 12
    loader = forked(
        range(n), batch_sampler=batches, num_workers=2, prefetch_factor=3, collate_fn=lambda b: [str(i) for i in b]
    )
    assert all(b[-1] == str(n - 1) for b in loader)


def test_threads_of_the_engine_after_a_fork() -> None:
    """The main process has helpers; a worker makes its own."""

    def work(i: int) -> float:
        tgrad.set_num_threads(2)
        return (tgrad.ones(1 << 20) + i).sum().item()

    threads = tgrad.get_num_threads()
    tgrad.set_num_threads(2)
    try:
        assert (tgrad.ones(1 << 20) + 1).sum() == 1 << 21
        for _ in range(2):
            got = list(forked(Numbers(4, what=None), batch_size=None, num_workers=2, collate_fn=work))
        assert got == [(i + 1.0) * (1 << 20) for i in range(4)]
        assert (tgrad.ones(1 << 20) + 1).sum() == 1 << 21
    finally:
        tgrad.set_num_threads(threads)


# ---- the end


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def gone(pids: list[int], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(map(alive, pids))


def test_an_iterator_that_is_dropped_takes_its_workers_along() -> None:
    it = iter(forked(Numbers(10_000), num_workers=2))
    next(it)
    pids = [w.pid for w in it._workers]
    before = time.monotonic()
    del it
    gc.collect()
    assert not any(map(alive, pids)) and time.monotonic() - before < 2


def test_a_copy_in_a_child_harms_nobody() -> None:
    loader = forked(Numbers(100), num_workers=1)
    it = iter(loader)
    next(it)
    pid = os.fork()
    if pid == 0:
        del it
        gc.collect()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert values(it) == [[i] for i in range(1, 100)]


SCRIPT = """
import os, signal, sys, time
import tgrad as torch
from torch_like import DataLoader, Dataset

class Slow(Dataset):
    def __len__(self): return 100000
    def __getitem__(self, i):
        time.sleep(0.01)
        return torch.ones(1000)

def main(context):
    loader = DataLoader(Slow(), batch_size=4, num_workers=2, multiprocessing_context=context)
    it = iter(loader)
    next(it)
    print(*[w.pid for w in it._workers], flush=True)
    for batch in it:
        pass

if __name__ == "__main__":
    main(sys.argv[1])
""".replace("torch_like", "tgrad.utils.data")


def start(tmp_path: Path, context: str) -> tuple[subprocess.Popen[str], list[int]]:
    path = tmp_path / "program.py"
    path.write_text(SCRIPT)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = subprocess.Popen(
        [sys.executable, str(path), context],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )
    assert program.stdout is not None
    return program, [int(pid) for pid in program.stdout.readline().split()]


def left_in_dev_shm() -> set[str]:
    return set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()


@linux
@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("whom", ["everybody", "the main process"])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, context: str, whom: str) -> None:
    shm = left_in_dev_shm()
    program, pids = start(tmp_path, context)
    assert len(pids) == 2 and all(map(alive, pids)) and mappings(pids[0]) > 0
    time.sleep(0.1)
    (os.killpg if whom == "everybody" else os.kill)(program.pid, signal.SIGINT)
    _, err = program.communicate(timeout=20)
    assert err.count("Traceback (most recent call last)") == 1 and err.rstrip().endswith("KeyboardInterrupt"), err
    assert program.returncode in (1, -signal.SIGINT)
    assert gone(pids, 5)
    assert left_in_dev_shm() <= shm


@linux
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_leave_when_the_main_process_is_killed(tmp_path: Path, context: str) -> None:
    shm = left_in_dev_shm()
    program, pids = start(tmp_path, context)
    assert len(pids) == 2
    program.kill()
    program.wait()
    assert gone(pids, 10)
    assert program.stdout is not None and program.stderr is not None
    program.stdout.close(), program.stderr.close()
    assert left_in_dev_shm() <= shm


SPAWNED = """
import sys
import tgrad as torch
from tgrad.utils.data import DataLoader, TensorDataset

def double(batch):
    return torch.stack([x for x, in batch]) * 2

if __name__ == "__main__":
    torch.manual_seed(4)
    x = torch.arange(12.0).reshape(6, 2)
    y = x[2:]
    loader = DataLoader(TensorDataset(x), 3, True, num_workers=2, collate_fn=double, multiprocessing_context=sys.argv[1])
    print([b.tolist() for b in loader], y.is_shared(), x.is_shared())
    x[2, 0] = -1
    print(y[0, 0].item())
"""


@pytest.mark.parametrize("context", ["spawn", "forkserver"])
def test_other_ways_to_start(tmp_path: Path, context: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(SPAWNED)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(path), context], capture_output=True, text=True, env=env, timeout=60)
    assert done.stderr == ""
    tgrad.manual_seed(4)
    x = tgrad.arange(12.0).reshape(6, 2)
    expected = [(b * 2).tolist() for (b,) in DataLoader(TensorDataset(x), 3, True)]
    assert (
        done.stdout == f"{expected} True True\n-1.0\n"
    )  # the data went over in shared memory, and its view along with it
