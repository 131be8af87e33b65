"""``tgrad run`` and ``:run``."""

from __future__ import annotations

import sys

import click

from ..dialects import DIALECTS
from ..documents import Cell, Document, DocumentError, read
from ..render import Renderer, shell_prompted
from ..runner import Settings, as_script, exit_status, open_session, report, run_cells, run_whole, torch_is
from ..session import Output, Result, Session
from . import CommandError, Desk, command


def load(path: str) -> Document:
    """Reads a file, or ends the program as Python does for a file that is not there."""
    try:
        return read(path)
    except OSError as error:
        click.echo(f"tgrad: can't open file {path!r}: {error.strerror or error}", err=True)
    except DocumentError as error:
        click.echo(f"tgrad: {error}", err=True)
    raise SystemExit(2)


def run_document(document: Document, session: Session, settings: Settings, echo: bool) -> int:
    """Runs a document on the process's own stdout; returns the exit status."""
    if echo:
        return _run_with_transcript(document, session)
    if document.kind == "script":
        result = run_whole(document, session)
        report(result, settings)
        return exit_status(result.error)

    def remark(output: Output) -> None:
        if output.kind == "note":
            click.echo(f"tgrad: {output.text.rstrip()}", err=True)

    results = run_cells(document, session, sink=remark, after=lambda cell, result: report(result, settings))
    return _status(results)


def _run_with_transcript(document: Document, session: Session) -> int:
    screen = Renderer(sys.stdout)
    last_block = 0

    def before(cell: Cell) -> None:
        nonlocal last_block
        if last_block and cell.block != last_block:
            screen.plain("\n")
        last_block = cell.block
        if cell.language == "shell":
            screen.plain(shell_prompted(cell.code) + "\n")
        else:
            screen.code(cell.code)

    def after(cell: Cell, result: Result) -> None:
        screen.new_line()
        if not result.ok and not isinstance(result.error, SystemExit):
            screen.error(result)

    # Captured, so that warnings and what print() leaves without a newline stand where they belong.
    return _status(run_cells(document, session, before=before, after=after, sink=screen.output, capture=True))


def _status(results: list[Result]) -> int:
    """Of a document that went on after errors: that of ``exit()`` or Ctrl-C, else 1 if any cell raised."""
    for result in reversed(results):
        if isinstance(result.error, SystemExit | KeyboardInterrupt):
            return exit_status(result.error)
    return 1 if any(not result.ok for result in results) else 0


@click.command(
    "run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--echo", is_flag=True, help="Print a transcript: each cell and what it echoes.")
@click.option("--real-torch", is_flag=True, help="Run with the installed PyTorch instead of tgrad.")
@click.option(
    "--dialect",
    type=click.Choice(DIALECTS),
    default="auto",
    show_default=True,
    help="Which PyTorch's echo to write; auto reads it off the document's own outputs.",
)
@click.option("--full-traceback", is_flag=True, help="Show tgrad's own frames in tracebacks.")
@click.argument("file")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def cli(file: str, args: tuple[str, ...], echo: bool, real_torch: bool, dialect: str, full_traceback: bool) -> None:
    """Run FILE with ARGS; `import torch` gives tgrad.

    FILE is a script, a notebook (.ipynb), a text with Python in it (Markdown, Jekyll, reStructuredText, `>>>` or
    `In [1]:` transcripts), or - for stdin. Options stand before FILE; what follows it belongs to the script. A script
    ends at an uncaught exception, a document goes on with the next cell; the exit status is 1 for both.

    \b
    Examples:
      tgrad run train.py --epochs 3
      tgrad run --echo tutorial.md
      tgrad run --echo --dialect 0.4 old-notebook.ipynb
      echo 'import torch; print(torch.ones(2))' | tgrad run -
    """
    settings = Settings(real_torch, dialect, full_traceback)
    document = load(file)
    with torch_is(settings) as engine:
        session = open_session(document, engine, settings)
        with as_script(document.name, args, session.module):
            status = run_document(document, session, settings, echo)
            sys.stdout.flush()
    raise SystemExit(status)


@command("run", "FILE", "runs a script, notebook or tutorial in this session")
def run_here(desk: Desk, words: list[str]) -> str:
    if len(words) != 1:
        raise CommandError("usage: :run FILE")
    try:
        document = read(words[0])
    except OSError as error:
        raise CommandError(f"can't open file {words[0]!r}: {error.strerror or error}") from error
    except DocumentError as error:
        raise CommandError(str(error)) from error
    session = desk.session
    with as_script(document.name, [], session.module):
        results = [run_whole(document, session)] if document.kind == "script" else run_cells(document, session)
    failed = [result for result in results if not result.ok and not isinstance(result.error, SystemExit)]
    if failed:
        raise CommandError("".join(result.traceback for result in failed).rstrip("\n"))
    return ""
