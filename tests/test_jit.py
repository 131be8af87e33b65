"""The compiled tier as a process sees it: its modes, its cache, its compiler, and what may go wrong with them (kernels/native.py).

Each test runs programs of its own, with an empty cache. Whatever happens, results are right and nothing is raised.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
START = """
import os, signal, sys, threading, time
import numpy as np
import tgrad
from tgrad.kernels import cache, native

x = tgrad.linspace(-5, 5, 100_000)
want = 1 / (1 + np.exp(-x.numpy().astype(float)))

def right():
    return np.allclose(x.sigmoid().numpy(), want, rtol=1e-6)

def states():
    return sorted({"unasked waiting ready failed".split()[k.state] for k in native.KERNELS.values()})

def wait():
    for left in native.COMPILER.remaining():
        pass

def is_there(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")")[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
"""
needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks into /proc")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def environment(folder: Path, mode: str | None, **more: str) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("TGRAD_")}
    env |= {"TGRAD_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT)} | more
    return env if mode is None else env | {"TGRAD_JIT": mode}


def start(code: str, folder: Path, mode: str | None, flags: tuple[str, ...] = (), **more: Any) -> subprocess.Popen[str]:
    cwd = more.pop("cwd", None)
    return subprocess.Popen(
        [sys.executable, *flags, "-c", START + code], env=environment(folder, mode, **more), cwd=cwd, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(code: str, folder: Path, mode: str | None = "eager", *flags: str, **more: Any) -> tuple[list[str], str]:
    """(what the program printed, in words; what it said on stderr)"""
    process = start(code, folder, mode, flags, **more)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.split(), err


def files(folder: Path, kind: str = "*.o") -> list[Path]:
    return sorted(folder.rglob(kind))


# ---- modes


def test_off_compiles_nothing_and_loads_nothing(tmp_path: Path) -> None:
    out, err = run("print(right(), *states(), 'llvmlite' in sys.modules, native.COMPILER.process)", tmp_path, "off")
    assert out == ["True", "unasked", "False", "None"] and err == "" and not files(tmp_path)


def test_eager_is_compiled_the_first_time_and_found_the_next(tmp_path: Path) -> None:
    out, err = run("print(right(), *states())", tmp_path)
    assert out == ["True", "ready"] and err == "" and files(tmp_path)
    out, err = run("print(right(), *states(), native.COMPILER.process, 'numba' in sys.modules)", tmp_path)
    assert out == ["True", "ready", "None", "False"] and err == ""


@pytest.mark.parametrize("mode", [None, "background", " Background "])
def test_in_the_background(tmp_path: Path, mode: str | None) -> None:
    code = """
print(right(), *states())
wait()
print(*states(), right())
"""
    out, err = run(code, tmp_path, mode)
    assert out == ["True", "waiting", "ready", "True"] and err == ""


def test_the_first_result_comes_at_once(tmp_path: Path) -> None:
    code = """
x = tgrad.linspace(-5, 5, 100_000)
started = time.perf_counter()
right()
print(time.perf_counter() - started)
"""
    assert float(run(code, tmp_path, "background")[0][0]) < 0.5  # a compiler needs seconds to start


def test_a_mode_that_there_is_not(tmp_path: Path) -> None:
    out, err = run("print(right(), right(), native.Jit.mode)", tmp_path, "fast")
    assert out == ["True", "True", "background"]
    assert err.count("RuntimeWarning") == 1 and "TGRAD_JIT='fast' is none of background, eager, off" in err


# ---- the cache


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b"", lambda b: b[:-1] + b"?", lambda b: b"x" * 5000])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: Any) -> None:
    run("right()", tmp_path)
    before = {path: path.read_bytes() for path in files(tmp_path)}
    for path, content in before.items():
        path.write_bytes(damage(content))
    out, err = run("print(right(), *states())", tmp_path)
    assert out == ["True", "ready"] and err.count("RuntimeWarning") == 1 and "made again" in err
    assert run("print(right(), native.COMPILER.process)", tmp_path) == (["True", "None"], "")


@pytest.mark.parametrize("mode", ["eager", "background"])
def test_a_folder_that_cannot_be(tmp_path: Path, mode: str) -> None:
    (tmp_path / "file").write_text("")
    code = "print(right()); wait(); print(right(), *states(), cache.folder())"
    out, err = run(code, tmp_path / "file" / "below", mode)
    assert out[:3] == ["True", "True", "ready"]
    assert err.count("RuntimeWarning") == 1 and "TGRAD_CACHE_DIR names another folder" in err
    assert not os.path.exists(out[3])  # its own folder goes with the process


def test_a_relative_folder_stays_where_it_was(tmp_path: Path) -> None:
    code = "print(right()); os.chdir('/'); print((x * 3).numpy()[-1], *states())"
    out, err = run(code, Path("kernels"), cwd=tmp_path)
    assert out == ["True", "15.0", "ready"] and err == "" and len(files(tmp_path)) >= 2


def test_two_processes_at_once(tmp_path: Path) -> None:
    code = "print(right(), (x * 3 + 1).numpy()[-1], x.tanh().sum().numpy() < 1, *states())"
    both = [start(code, tmp_path, "eager") for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert out.split() == ["True", "16.0", "True", "ready"] and err == ""
    assert not files(tmp_path, "*.part")


def test_the_folder_disappears(tmp_path: Path) -> None:
    code = "print(right()); import shutil; shutil.rmtree(cache.folder()); print((x * 3).numpy()[-1], *states())"
    assert run(code, tmp_path / "kernels")[0] == ["True", "15.0", "ready"]


# ---- the compiler's process


@needs_proc
def test_a_compiler_that_is_killed_is_started_once_more(tmp_path: Path) -> None:
    code = """
assert right()
while native.COMPILER.process is None:
    time.sleep(0.01)
first = native.COMPILER.process
os.kill(first.pid, signal.SIGKILL)
print(right())
wait()
print(*states(), right(), max(k.tries for k in native.KERNELS.values()), native.COMPILER.process is not first)
"""
    out, err = run(code, tmp_path, "background")
    assert out == ["True", "ready", "True", "2", "True"] and err == ""


@needs_proc
@pytest.mark.parametrize("mode", ["eager", "background"])
def test_a_compiler_that_always_dies_is_given_up(tmp_path: Path, mode: str) -> None:
    code = """
def killer():
    killed = None
    while True:
        p = native.COMPILER.process
        if p is not None and p is not killed:
            os.kill(p.pid, signal.SIGKILL)
            killed = p
        time.sleep(0.01)

threading.Thread(target=killer, daemon=True).start()
print(right())
wait()
print(right(), *states())
"""
    out, err = run(code, tmp_path, mode)
    assert out == ["True", "True", "failed"] and err == "" and not files(tmp_path)


def test_what_the_compiler_cannot_compile_stays_with_numpy(tmp_path: Path) -> None:
    code = """
from tgrad.kernels import render
render.HEAD += "from nowhere import nothing\\n"
print(right(), *states(), right())
print((x * 2).numpy()[-1])
"""
    assert run(code, tmp_path) == (["True", "failed", "True", "10.0"], "")


@pytest.mark.parametrize("lacking", ["llvmlite", "subprocess.Popen"])
def test_no_compiler_to_be_had(tmp_path: Path, lacking: str) -> None:
    setup = {
        "llvmlite": "sys.modules['llvmlite'] = sys.modules['llvmlite.binding'] = None",
        "subprocess.Popen": "import subprocess\ndef refuse(*args, **kwargs): raise OSError('no')\nsubprocess.Popen = refuse",
    }
    for mode in ("eager", "background"):
        assert run(setup[lacking] + "\nprint(right()); wait(); print(right(), *states())", tmp_path, mode) == (
            ["True", "True", "failed"],
            "",
        )


def test_warnings_that_are_errors_do_not_reach_operations(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out, _ = run(
        "print(right(), right()); wait(); print(*states())",
        tmp_path / "file" / "below",
        "fast",
        "-W",
        "error",
        PYTHONWARNINGS="error",
    )
    assert out == ["True", "True", "ready"]


def test_modules_and_settings_of_the_user_are_not_the_compilers(tmp_path: Path) -> None:
    for name in ("queue", "llvmlite", "numba", "tgrad"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    out, err = run(
        "print(right(), *states())",
        tmp_path / "kernels",
        "eager",
        "-P",
        cwd=tmp_path,
        NUMBA_DISABLE_JIT="1",
        NUMBA_OPT="0",
    )
    assert out == ["True", "ready"] and err == ""


@needs_proc
def test_the_end_of_a_process_that_waits_for_kernels(tmp_path: Path) -> None:
    code = """
assert right()
while native.COMPILER.process is None:
    time.sleep(0.01)
for f in "exp log tanh sin cos erf expm1 log1p".split():  # much to do
    getattr(x, f)()
time.sleep(float(os.environ["PAUSE"]))
print(native.COMPILER.process.pid, flush=True)
"""
    for pause in ("0", "1.5"):  # while it imports, and while it compiles
        process = start(code, tmp_path / pause, "background", PAUSE=pause)
        assert process.stdout is not None and process.stderr is not None
        pid = int(process.stdout.readline())
        started = time.monotonic()
        assert process.wait(timeout=30) == 0 and time.monotonic() - started < 2
        assert process.stderr.read() == ""
        while os.path.exists(f"/proc/{pid}") and time.monotonic() - started < 20:
            time.sleep(0.05)
        assert time.monotonic() - started < 10  # on a quiet machine, two seconds
        process.stdout.close(), process.stderr.close()


# ---- forks and threads


@needs_fork
@pytest.mark.parametrize("mode", ["eager", "background"])
def test_a_fork(tmp_path: Path, mode: str) -> None:
    """With kernels loaded, and while one is on its way."""
    code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads
assert right()
(x * 3).numpy()
if native.Jit.mode == "background":
    x.tanh()
child = os.fork()
if child == 0:
    signal.alarm(60)
    assert right() and np.allclose((x * 3).numpy(), 3 * x.numpy()) and np.allclose(x.tanh().numpy(), np.tanh(x.numpy()))
    wait()
    right()  # the first compiled call asks for what shares it out
    wait()
    ok = right() and states() == ["ready"] and np.allclose(x.tanh().numpy(), np.tanh(x.numpy()))
    os._exit(0 if ok else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
wait()
right()
wait()
print(right(), *states())
"""
    out, err = run(code, tmp_path, mode)
    assert out == ["True", "ready"] and err == ""


@needs_proc
@needs_fork
def test_a_child_that_lives_on_does_not_keep_the_compiler(tmp_path: Path) -> None:
    code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
assert right()
pid = native.COMPILER.process.pid
child = os.fork()
if child == 0:
    os.close(1), os.close(2)
    time.sleep(20)
    os._exit(0)
print(pid, child, flush=True)
"""
    out, _ = run(code, tmp_path)
    pid, child = map(int, out)
    try:
        started = time.monotonic()
        while os.path.exists(f"/proc/{pid}") and time.monotonic() - started < 10:
            time.sleep(0.05)
        assert os.path.exists(f"/proc/{child}") and not os.path.exists(f"/proc/{pid}")
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("mode", ["eager", "background"])
def test_threads(tmp_path: Path, mode: str) -> None:
    code = """
names = "exp tanh sin cos sigmoid".split()
want = {n: getattr(x.double(), n)().numpy() for n in names}
wrong = []
meet = threading.Barrier(6)

def work(k):
    meet.wait()
    for i in range(20):
        n = names[(i + k) % len(names)] if i else names[0]
        if not np.allclose(getattr(x, n)().numpy(), want[n], rtol=1e-5, atol=1e-6):
            wrong.append(n)
        if not np.isclose(float(x.sum()), 0, atol=0.1):
            wrong.append("sum")

started = [threading.Thread(target=work, args=(k,)) for k in range(6)]
for t in started: t.start()
for t in started: t.join()
wait()
print(wrong, *states(), max(k.tries for k in native.KERNELS.values()))
"""
    assert run(code, tmp_path, mode) == (["[]", "ready", "1"], "")


# ---- Ctrl-C

INTERRUPT = """
signal.signal(signal.SIGINT, signal.default_int_handler)
sent = []

def later(seconds):
    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)
    threading.Timer(seconds, send).start()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_stops_a_long_compiled_operation(tmp_path: Path) -> None:
    code = """
big = tgrad.rand(30_000_000)
ops = [lambda: big.erf(), lambda: big.sum(), lambda: big.cumsum(0), lambda: big.view(-1, 1000).softmax(1), lambda: big.view(1000, -1).t().contiguous()]
for op in ops:
    op()
    later(0.1)
    try:
        while True:
            op()
    except KeyboardInterrupt:
        print(time.perf_counter() - sent[-1])
    assert right() and float(op().flatten()[0]) >= 0
print(*states())
"""
    out, err = run(INTERRUPT + code, tmp_path)
    assert out.pop() == "ready" and err == ""
    assert len(out) == 5 and all(float(t) < 0.5 for t in out), out


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_while_waiting_for_the_compiler(tmp_path: Path) -> None:
    code = """
later(0.3)
try:
    right()
    print("done before")
except KeyboardInterrupt:
    print(time.perf_counter() - sent[-1] < 0.5)
print(right(), *states())
"""
    out, err = run(INTERRUPT + code, tmp_path)
    assert out == ["True", "True", "ready"] and err == ""
