"""A file that is written whole or not at all.

Note [Whole or not at all]
What is written goes into a nameless file in the folder of the target (`O_TMPFILE`; elsewhere one with a name of its own). When it
is complete and on the disk it gets a name, and takes the target's place in one step. Whoever opens the target meanwhile finds the
old file or the new one; a program that is killed leaves the old one, and nothing else, for a nameless file goes with its last
descriptor. An exception leaves the old one, too.

The new file has the old one's permissions, or those that the umask gives. A symbolic link stays, and the file that it points to is
replaced. What is no regular file (a pipe, a terminal, /dev/null) is written to as it is, and so is a file in a folder where
nothing may be created.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from typing import IO


def _mode_of(path: str) -> int | None:
    """The permissions of a regular file; None if there is no file."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise _NotRegular
    return stat.S_IMODE(found.st_mode)


class _NotRegular(Exception):
    pass


def _spare(folder: str, base: str) -> str:
    return os.path.join(folder, f".{base[:200]}.{secrets.token_hex(8)}.tmp")


def _create(folder: str, base: str) -> tuple[int, str | None]:
    """(descriptor, name) of a new file; None for the name of a nameless one."""
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    if hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
        try:
            return os.open(folder, flags | os.O_TMPFILE, 0o666), None
        except OSError:  # a file system that has no such thing
            pass
    name = _spare(folder, base)
    return os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o666), name


def _place(fd: int, target: str, mode: int | None) -> None:
    """Puts a nameless file, complete and on the disk, in the target's place.

    It gets a name for a moment, since a rename is what replaces. The name is the same each time: what a process left that was killed in
    that moment goes with the next save. Of two processes that save at once one may rename the other's file, which is complete as well.
    """
    folder, base = os.path.split(target)
    name = f".{base[:200]}.new"
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for _ in range(100):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=at)
            try:  # only with a descriptor does Python's link() follow the symbolic link that /proc shows
                os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=at, follow_symlinks=True)
                os.replace(os.path.join(folder, name), target)
                return
            except (FileExistsError, FileNotFoundError):  # another process was there in between
                continue
            except OSError:
                break
    finally:
        os.close(at)
    _copy(fd, target, mode)


def _copy(fd: int, target: str, mode: int | None) -> None:
    """The same where /proc or the file system gives a nameless file no name: a copy that has one takes the place."""
    name = _spare(*os.path.split(target))
    try:
        with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as copy:
            os.lseek(fd, 0, os.SEEK_SET)
            while part := os.read(fd, 1 << 20):
                copy.write(part)
            copy.flush()
            if mode is not None:
                os.fchmod(copy.fileno(), mode)
            os.fsync(copy.fileno())
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _sync_folder(folder: str) -> None:
    with contextlib.suppress(OSError):  # some file systems refuse; the file itself is safe
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


@contextlib.contextmanager
def writing(path: str) -> Iterator[IO[bytes]]:
    """A binary file that becomes `path` when the block ends without an exception; see Note [Whole or not at all]."""
    target = os.path.realpath(path)
    folder, base = os.path.split(target)
    if isinstance(folder, bytes) or isinstance(base, bytes):
        raise TypeError("a path must be str")
    try:
        mode = _mode_of(target)
        fd, name = _create(folder, base)
    except (_NotRegular, PermissionError):
        with open(path, "wb") as plain:
            yield plain
        return
    try:
        with open(fd, "wb", buffering=1 << 20) as opened:
            yield opened
            opened.flush()
            if mode is not None:
                os.fchmod(opened.fileno(), mode)
            os.fsync(opened.fileno())
            if name is None:
                _place(opened.fileno(), target, mode)
        if name is not None:
            os.replace(name, target)
    except BaseException:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)
        raise
    _sync_folder(folder)
