"""``tgrad repl``."""

from __future__ import annotations

import sys

import click

from ..dialects import DIALECTS
from ..documents import Document
from ..render import Renderer
from ..runner import Settings, as_script, open_session, remembering, report, run_cells, run_whole, torch_is
from ..session import Session
from .run import load


@click.command("repl")
@click.option("--real-torch", is_flag=True, help="Talk to the installed PyTorch instead of tgrad.")
@click.option("--dialect", type=click.Choice(DIALECTS), default="auto", help="Which PyTorch's echo to write.")
@click.option("--no-chain", is_flag=True, help="Begin without the chain of grad_fns under an echo.")
@click.argument("file", required=False)
def cli(file: str | None, real_torch: bool, dialect: str, no_chain: bool) -> None:
    """Type PyTorch and see what each line gives; FILE is run first.

    torch, nn, F, optim, np and Variable are there from the start. Lines that begin with a colon are commands: :help
    lists them. From a pipe every statement is run and its value echoed, and the exit status is 1 if any of them raised.

    \b
    Examples:
      tgrad repl
      tgrad repl train.py
      echo 'torch.ones(2, requires_grad=True) * 3' | tgrad repl
    """
    settings = Settings(real_torch, dialect)
    document = load(file) if file is not None else None
    with torch_is(settings) as engine, remembering(engine):
        session = open_session(document or Document("<stdin>", "text"), engine, settings)
        session.namespace.update(session.bindings())
        with as_script(document.name if document else "<stdin>", [], session.module):
            if document is not None:
                _run_first(document, session, settings)
            status = _prompt(session, not no_chain)
    raise SystemExit(status)


def _run_first(document: Document, session: Session, settings: Settings) -> None:
    if document.kind == "script":
        report(run_whole(document, session), settings)
    else:
        run_cells(document, session, after=lambda cell, result: report(result, settings))


def _prompt(session: Session, chain: bool) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        from ..piped import Pipe

        return Pipe(session, sys.stdout, sys.stderr).run(sys.stdin)
    from tgrad.version import __version__

    from ..prompt import Prompt, history_path, open_history

    screen = Renderer(sys.stdout)
    screen.dim(f"tgrad {__version__}: torch, nn, F, optim, np, Variable are there; :help for commands, Ctrl-D leaves")
    prompt = Prompt(session, screen, history=open_history(history_path()))
    prompt.desk.chain = chain
    return prompt.run()
