"""Runs whole files: the surroundings that a script expects, then its cells one by one."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

import click

from .dialects import get_dialect, set_dialect
from .documents import Cell, Document
from .session import Output, Result, Session
from .standins import stand_ins
from .tracebacks import format_error, user_traceback

INTERRUPTED = 130  # 128 + SIGINT, what a shell reports for a program that Ctrl-C ended


@dataclass(frozen=True)
class Settings:
    """How to run: with the real PyTorch, in which dialect, and with which frames in tracebacks."""

    real_torch: bool = False
    dialect: str = "auto"
    full_traceback: bool = False


@contextlib.contextmanager
def torch_is(settings: Settings) -> Iterator[ModuleType]:
    """While it is open, ``import torch`` gives the chosen engine, which is also what it yields.

    The engine's dialect is put back at the end. Raises ``click.UsageError`` without the PyTorch that was asked for.
    """
    if settings.real_torch:
        try:
            torch = importlib.import_module("torch")
        except ModuleNotFoundError as error:
            raise click.UsageError("--real-torch: PyTorch is not installed here") from error
        with stand_ins(real_torch=True):
            yield torch
        return
    from tgrad.interop import torch_alias

    engine = importlib.import_module("tgrad")
    dialect = get_dialect(engine)
    with torch_alias.installed(), stand_ins():
        try:
            yield engine
        finally:
            set_dialect(engine, dialect)


def remembering(engine: ModuleType) -> contextlib.AbstractContextManager[object]:
    """While it is open, the engine remembers which line made what, so that errors can name it; the real PyTorch cannot."""
    provenance = getattr(engine, "provenance", None)
    return contextlib.nullcontext() if provenance is None else provenance()


@contextlib.contextmanager
def as_script(path: str, args: Sequence[str], module: ModuleType) -> Iterator[None]:
    """``sys.argv``, ``sys.path[0]`` and ``__main__`` as Python sets them for ``python path args``."""
    before = sys.argv, sys.path[:], sys.modules.get("__main__")
    stdin = path in {"-", "<stdin>"}
    folder = "" if stdin else os.path.dirname(os.path.realpath(path))
    sys.argv = ["-" if stdin else path, *args]
    sys.path.insert(0, folder)
    sys.modules["__main__"] = module
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before[0], before[1]
        if before[2] is not None:
            sys.modules["__main__"] = before[2]


def main_module(document: Document) -> ModuleType:
    """An empty ``__main__`` for a document."""
    module = ModuleType("__main__")
    if document.name != "<stdin>":
        module.__file__ = document.name
    module.__dict__.update(__cached__=None, __annotations__={}, __spec__=None)
    return module


def open_session(document: Document, engine: ModuleType, settings: Settings) -> Session:
    """A session for the document: the usual names bound, except in a script, which imports what it needs."""
    session = Session(engine, module=main_module(document), bind=document.kind != "script")
    dialect = settings.dialect
    if dialect == "auto":
        dialect = "current" if document.kind == "script" else document.dialect
    session.set_dialect(dialect)
    return session


def run_cells(
    document: Document,
    session: Session,
    *,
    before: Callable[[Cell], None] | None = None,
    after: Callable[[Cell, Result], None] | None = None,
    sink: Callable[[Output], None] | None = None,
    capture: bool = False,
) -> list[Result]:
    """Runs every cell. A script ends at its first exception, a document goes on; both end at ``exit()`` and Ctrl-C."""
    results = []
    for number, cell in enumerate(document.cells, 1):
        if before is not None:
            before(cell)
        result = run_cell(document, session, cell, number, sink=sink, capture=capture)
        results.append(result)
        if after is not None:
            after(cell, result)
        fatal = document.kind == "script" and not result.ok
        if fatal or isinstance(result.error, SystemExit | KeyboardInterrupt):
            break
    return results


def run_cell(
    document: Document,
    session: Session,
    cell: Cell,
    number: int,
    *,
    sink: Callable[[Output], None] | None = None,
    capture: bool = False,
) -> Result:
    """Runs one cell of a document; a shell block is reported and not run."""
    if cell.language == "shell":
        note = Output("note", "not run (shell)\n")
        if sink is not None:
            sink(note)
        return Result(number, cell.code, "", [note])
    if document.kind == "script":
        return session.run(cell.code, sink=sink, capture=capture, filename=document.name, first_line=cell.line)
    where = f"{os.path.basename(document.name)}:{cell.line}" if document.kind == "text" else document.name
    result = session.run(
        cell.code,
        mode="prompt" if cell.prompt else "cell",
        sink=sink,
        capture=capture,
        origin=f"<cell {number}, {where}>",
    )
    return result


def run_whole(document: Document, session: Session) -> Result:
    """Runs a script in one piece, as Python does: nothing is echoed."""
    return session.run(document.source, mode="script", filename=document.name)


def exit_status(error: BaseException | None) -> int:
    """What Python's exit status would be; the message of ``sys.exit('text')`` goes to stderr, as with Python."""
    if error is None:
        return 0
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, SystemExit):
        if error.code is None:
            return 0
        if isinstance(error.code, int):
            return error.code
        print(error.code, file=sys.stderr)
    return 1


def report(result: Result, settings: Settings) -> None:
    """The traceback of an uncaught exception on stderr, through ``sys.excepthook`` if the script has set one."""
    error = result.error
    if error is None or isinstance(error, SystemExit):
        return
    sys.stdout.flush()
    if sys.excepthook is not sys.__excepthook__:
        tb = error.__traceback__ if settings.full_traceback else user_traceback(error.__traceback__, result.hidden)
        sys.excepthook(type(error), error.with_traceback(tb), tb)
        return
    sys.stderr.write(format_error(error, result.hidden, full=settings.full_traceback))
    sys.stderr.flush()
