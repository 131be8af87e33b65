"""Tracebacks as the user wrote the code: frames of the command line and of the engine are left out."""

from __future__ import annotations

import linecache
import os
import traceback
from collections.abc import Collection
from types import FrameType, TracebackType

HERE = os.path.dirname(os.path.abspath(__file__))
# Python's import system, and the functions that the engine writes for itself from its rows.
_MACHINERY = ("<frozen importlib", "<frozen runpy", "<record ", "<node ", "<function ")


def remember_source(filename: str, code: str) -> None:
    """Lets tracebacks, ``inspect`` and ``pdb`` show the source of a cell, which is in no file."""
    lines = [line + "\n" for line in code.split("\n")]
    # Without a modification time the entry survives linecache.checkcache().
    linecache.cache[filename] = (len(code), None, lines, filename)


def is_hidden(filename: str, folders: Collection[str]) -> bool:
    """Whether a frame of this file belongs to the machinery rather than to the user."""
    if filename.startswith(_MACHINERY):
        return True
    return any(filename.startswith(folder + os.sep) for folder in (HERE, *folders))


def user_frames(frame: FrameType | None, folders: Collection[str]) -> list[FrameType]:
    """The user's frames from ``frame`` outwards, innermost first."""
    found = []
    while frame is not None:
        if not is_hidden(frame.f_code.co_filename, folders):
            found.append(frame)
        frame = frame.f_back
    return found


def format_error(error: BaseException, folders: Collection[str] = (), full: bool = False) -> str:
    """What Python prints for an uncaught exception, without the frames of ``folders`` unless ``full``.

    Chained exceptions and groups are treated alike. The text ends in a newline.
    """
    report = traceback.TracebackException.from_exception(error)
    if not full:
        _prune(report, folders, set())
    return "".join(report.format())


def _prune(report: traceback.TracebackException, folders: Collection[str], seen: set[int]) -> None:
    if id(report) in seen:
        return
    seen.add(id(report))
    kept = [frame for frame in report.stack if not is_hidden(frame.filename, folders)]
    report.stack = traceback.StackSummary.from_list(kept)
    for other in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if other is not None:
            _prune(other, folders, seen)


def user_traceback(tb: TracebackType | None, folders: Collection[str]) -> TracebackType | None:
    """The traceback from the first frame of the user on, for a hook that the script has set."""
    while tb is not None and is_hidden(tb.tb_frame.f_code.co_filename, folders):
        tb = tb.tb_next
    return tb
