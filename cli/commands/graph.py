"""``tgrad graph`` and ``:graph``."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from ..dialects import DIALECTS
from ..documents import Document
from ..naming import Naming
from ..runner import Settings, as_script, exit_status, open_session, remembering, report, run_cells, run_whole, torch_is
from ..session import Session
from ..watch import Watch, last_results, watch_backward
from . import CommandError, Desk, command
from .run import load


@click.command("graph", context_settings={"ignore_unknown_options": True})
@click.option("-o", "--output", metavar="PATH", help="Where to write: .svg, .png, .dot or .json; - is SVG on stdout.")
@click.option("--var", "variables", metavar="NAME", multiple=True, help="Draw this variable; may be repeated.")
@click.option("--saved", is_flag=True, help="Show the tensors that are kept for the backward pass.")
@click.option("--real-torch", is_flag=True, help="Run with the installed PyTorch instead of tgrad.")
@click.option("--dialect", type=click.Choice(DIALECTS), default="auto", help="Which PyTorch's echo to write.")
@click.argument("file")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def cli(
    file: str,
    args: tuple[str, ...],
    output: str | None,
    variables: tuple[str, ...],
    saved: bool,
    real_torch: bool,
    dialect: str,
) -> None:
    """Run FILE with ARGS and draw its computation graph.

    Drawn are the tensors on which the script calls backward(), once for each line that calls it; else the results that
    nothing else was computed from. A script that fails is drawn as far as it came, and the exit status is 1. The
    picture goes beside FILE as FILE's name with .svg, unless -o says otherwise. Options meant for the script, where
    they look like these, stand behind --.

    \b
    Examples:
      tgrad graph train.py
      tgrad graph train.py -o net.svg --var loss
      tgrad graph tutorial.md -o - > tutorial.svg
      tgrad graph train.py -- --output model.pt
    """
    settings = Settings(real_torch, dialect)
    document = load(file)
    target = output or default_target(document.name)
    to_stdout = target == "-"
    # The script's own printing must not end up in the middle of the picture.
    stdout = contextlib.redirect_stdout(sys.stderr) if to_stdout else contextlib.nullcontext()
    with stdout, torch_is(settings) as engine, remembering(engine):
        session = open_session(document, engine, settings)
        watch = Watch(session, show_saved=saved)
        with as_script(document.name, args, session.module), watch_backward(engine, watch):
            failure = _run(document, session, settings)
        status = exit_status(failure)
        try:
            picture, what = choose(session, watch, variables, document.name, saved)
        except CommandError as error:
            click.echo(f"tgrad: {error}", err=True)
            raise SystemExit(status or 1) from None
    try:
        summary = write(picture, target, what)
    except CommandError as error:
        click.echo(f"tgrad: {error}", err=True)
        raise SystemExit(1) from None
    click.echo(summary, err=to_stdout)
    raise SystemExit(status)


def default_target(name: str) -> str:
    """``dir/train.py`` -> ``dir/train.svg``; for stdin ``graph.svg`` here."""
    return "graph.svg" if name == "<stdin>" else str(Path(name).with_suffix(".svg"))


def _run(document: Document, session: Session, settings: Settings) -> BaseException | None:
    """Runs the file and reports what it raises; returns the error that decides the exit status."""
    if document.kind == "script":
        results = [run_whole(document, session)]
        report(results[0], settings)
    else:
        results = run_cells(document, session, after=lambda cell, result: report(result, settings))
    errors = [result.error for result in results if result.error is not None]
    return next((e for e in errors if isinstance(e, SystemExit | KeyboardInterrupt)), errors[0] if errors else None)


def choose(session: Session, watch: Watch, variables: tuple[str, ...], name: str, saved: bool) -> tuple[Any, str]:
    """The graph to draw, and words for what it shows. Raises ``CommandError`` if there is nothing to draw."""
    if variables:
        tensors = [tensor_of(session, variable) for variable in variables]
        return picture_of(session, tensors, saved), f"of {', '.join(variables)}"
    if watch.picture is not None:
        lines = len(watch.roots)
        calls = f"{watch.calls} backward calls" if watch.calls > 1 else "backward()"
        if watch.calls > lines:
            calls += ", the first drawn" if lines == 1 else f", the first from each of {lines} lines drawn"
        return watch.picture, f"of {calls}"
    results = last_results(session)
    if not results:
        raise CommandError(f"nothing to draw: {name} calls no backward() and leaves no tensor with a grad_fn")
    return picture_of(session, results, saved), _results(results)


def _results(results: list[Any]) -> str:
    return "of the last result" if len(results) == 1 else "of the last results"


def tensor_of(session: Session, name: str) -> Any:
    """The tensor that a name, or an expression like ``losses[0]``, stands for. Raises ``CommandError``."""
    try:
        value = eval(name, session.namespace)
    except Exception as error:
        raise CommandError(f"no variable {name!r} ({type(error).__name__}: {error}){_known(session)}") from error
    if not isinstance(value, session.engine.Tensor):
        raise CommandError(f"{name} is a {type(value).__name__}, not a tensor{_known(session)}")
    return value


def _known(session: Session) -> str:
    naming = Naming(session.engine)
    naming.add(session.namespace)
    names = [name for name, tensor in naming.tensors.items() if tensor.grad_fn is not None]
    return f"; tensors with a graph: {', '.join(names[:12])}" if names else ""


def picture_of(session: Session, tensors: list[Any], saved: bool = False) -> Any:
    """The graph of tensors, with the names of the session's variables and modules."""
    from tgrad import viz

    naming = Naming(session.engine)
    naming.add(session.namespace)
    return viz.graph(*tensors, names=naming.tensors, params=naming.modules, show_saved=saved)


def write(picture: Any, target: str, what: str) -> str:
    """Writes the picture; returns a line about it. Raises ``CommandError`` where that cannot be done."""
    from tgrad import viz

    leaves = sum(node.is_leaf for node in picture.nodes)
    size = f"{_count(len(picture.nodes), 'node')}, {_count(leaves, 'leaf', 'leaves')}"
    try:
        if target == "-":
            click.echo(picture.svg())
            return f"graph {what}: {size}"
        picture.save(target)
    except viz.LayoutError as error:
        raise CommandError(f"cannot lay out the graph: {error}") from error
    except ValueError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"cannot write {target}: {error.strerror or error}") from error
    return f"{os.path.normpath(target)}: graph {what}, {size}"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


@command("graph", "FILE [NAME]", "draws the graph of NAME, else of the last echo or the last results")
def draw(desk: Desk, words: list[str]) -> str:
    if not 1 <= len(words) <= 2:
        raise CommandError("usage: :graph out.svg [NAME]")
    session = desk.session
    target = words[0]
    if len(words) == 2:
        return write(picture_of(session, [tensor_of(session, words[1])]), target, f"of {words[1]}")
    shown = session.namespace.get("_")
    if isinstance(shown, session.engine.Tensor) and shown.grad_fn is not None:
        return write(picture_of(session, [shown]), target, "of the last echo")
    results = last_results(session)
    if not results:
        raise CommandError("nothing to draw: no variable has a grad_fn")
    return write(picture_of(session, results), target, _results(results))
