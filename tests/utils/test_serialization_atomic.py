"""A path is written whole or not at all: killed, out of room, or in the middle of an exception."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tgrad
from tgrad.files import atomic

ROOT = Path(__file__).resolve().parent.parent.parent

SAVER = """
import sys, tgrad
path, rounds = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
for i in range(rounds):
    tgrad.save({"round": i, "x": tgrad.full((1 << 18,), float(i)), "y": tgrad.full((1000,), float(i))}, path)
"""


def consistent(path: Path) -> int:
    """The round in which a file was written; it must be whole."""
    found = tgrad.load(path)
    i = found["round"]
    assert (found["x"] == i).all() and (found["y"] == i).all() and found["x"].numel() == 1 << 18
    return i


def test_a_killed_process_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """Forks of one process, so that there is time for many: each is killed somewhere in the middle of its saves."""
    path, draw = tmp_path / "model.pt", random.Random(0)
    tgrad.save({"round": -1, "x": tgrad.full((1 << 18,), -1.0), "y": tgrad.full((1000,), -1.0)}, path)
    start, rounds, seen = time.perf_counter(), 0, set()
    while rounds < 60 and time.perf_counter() - start < 9:
        child = os.fork()
        if child == 0:  # in the child nothing of pytest may run
            with contextlib.suppress(BaseException):
                for i in range(1000):
                    value = float(1000 * rounds + i)
                    tgrad.save(
                        {"round": value, "x": tgrad.full((1 << 18,), value), "y": tgrad.full((1000,), value)}, path
                    )
            os._exit(1)
        time.sleep(0.01 + draw.random() * 0.15)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen.add(consistent(path))
        rounds += 1
    assert rounds >= 20 and len(seen) > rounds // 4, (rounds, len(seen))
    # A kill between the file's getting a name and its taking the old one's place leaves that name, until the next save.
    assert {p.name for p in tmp_path.iterdir()} <= {"model.pt", ".model.pt.new"}
    tgrad.save(1, path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def test_two_processes_may_save_at_once(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    command = [sys.executable, "-c", SAVER, str(path), "40"]
    writers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    told = [w.communicate()[1].decode() for w in writers]
    assert [w.returncode for w in writers] == [0, 0], told
    assert consistent(path) == 39 and [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def test_readers_find_a_whole_file_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    tgrad.save({"round": -1, "x": tgrad.full((1 << 18,), -1.0), "y": tgrad.full((1000,), -1.0)}, path)
    with subprocess.Popen([sys.executable, "-c", SAVER, str(path), "60"], cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        seen = []
        while writer.poll() is None:
            seen.append(consistent(path))
    assert writer.returncode == 0 and seen == sorted(seen) and len(set(seen)) > 2
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def old(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    tgrad.save({"old": tgrad.ones(3)}, path)
    return path


@pytest.mark.parametrize("new", [True, False])
def test_an_exception_leaves_the_old_file_and_no_litter(tmp_path: Path, new: bool) -> None:
    path = old(tmp_path)
    with pytest.raises((AttributeError, TypeError)):
        tgrad.save({"x": tgrad.zeros(100), "f": lambda: 1}, path, _use_new_zipfile_serialization=new)
    assert tgrad.load(path)["old"].tolist() == [1, 1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


@pytest.mark.parametrize("nameless", [True, False])
def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: Any, nameless: bool) -> None:
    path = old(tmp_path)
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        tgrad.save({"x": tgrad.zeros(100)}, path)
    monkeypatch.undo()
    assert tgrad.load(path)["old"].tolist() == [1, 1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_what_is_no_regular_file_is_written_to(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        tgrad.save(tgrad.zeros(1 << 20), "/dev/full")
    tgrad.save(tgrad.zeros(10), "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("nameless", [True, False])
def test_permissions_and_links_stay(tmp_path: Path, monkeypatch: Any, nameless: bool) -> None:
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path = old(tmp_path)
    for mode in (0o600, 0o640, 0o755):
        os.chmod(path, mode)
        tgrad.save(1, path)
        assert stat.S_IMODE(path.stat().st_mode) == mode
    before = os.umask(0o027)
    try:
        tgrad.save(1, tmp_path / "new.pt")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.pt").stat().st_mode) == 0o640
    folder = tmp_path / "deep"
    folder.mkdir()
    link = folder / "latest.pt"
    link.symlink_to("../model.pt")
    tgrad.save({"through": 1}, link)
    assert link.is_symlink() and tgrad.load(path) == {"through": 1}
    dangling = folder / "dangling.pt"
    dangling.symlink_to("target.pt")
    tgrad.save(2, dangling)
    assert dangling.is_symlink() and tgrad.load(folder / "target.pt") == 2


def test_where_links_to_descriptors_are_refused_a_copy_is_made(tmp_path: Path, monkeypatch: Any) -> None:
    def refused(*args: Any, **options: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    path = old(tmp_path)
    os.chmod(path, 0o604)
    tgrad.save({"x": tgrad.arange(1000)}, path)
    assert tgrad.load(path)["x"].sum() == 499500
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def test_nothing_is_renamed_before_it_is_on_the_disk(tmp_path: Path, monkeypatch: Any) -> None:
    events = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, real=real, name=name: (events.append(name), real(*a))[1])
    with atomic.writing(str(tmp_path / "a")) as f:
        f.write(b"x")
        assert not (tmp_path / "a").exists()
    assert events == ["fsync", "replace", "fsync"] and (tmp_path / "a").read_bytes() == b"x"


def test_errors_of_paths(torch: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "a.pt", tmp_path, "", ".pt", tmp_path / "a.pt" / "b"):
        told = []
        for library in (tgrad, torch):
            with pytest.raises(RuntimeError) as e:
                library.save(1, path)
            told.append(str(e.value).splitlines()[0])
        assert told[0] == told[1]
    for f in (5, None, io.StringIO):
        for library in (tgrad, torch):
            with pytest.raises((AttributeError, TypeError)):
                library.save(1, f)
    assert not list(tmp_path.iterdir())
