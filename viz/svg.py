"""From DOT text to pictures and files. The only place that calls a layout program."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from html import escape
from pathlib import Path

import graphviz
from graphviz.backend import dot_command

from .style import stylesheet

SUFFIXES = (".svg", ".png", ".dot", ".gv", ".json")
_PURE = "graphviz-pure"
_TOO_LARGE = 12_000  # nodes: minutes of layout, and more than a browser wants to show
_PNG_DPI = 144
_PROLOG = re.compile(r"\A.*?(?=<svg\b)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_binary_lock = threading.Lock()


class LayoutError(RuntimeError):
    """The picture cannot be laid out: no layout program, a failing one, or a graph too large for it."""


def to_svg(dot: str, node_count: int, title: str, description: str, engine: str | None = None) -> str:
    """Lay DOT text out and make the result a well-behaved SVG element: titled, dark in dark mode, free of scripts."""
    svg = _layout(dot, "svg", node_count, engine).decode("utf-8")
    svg = _COMMENT.sub("", _PROLOG.sub("", svg))
    head, rest = svg.split(">", 1)
    return (
        f'{head} class="tgrad" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n"
        f"<style>\n{stylesheet()}\n</style>{rest}"
    )


def save_layout(
    path: str | os.PathLike[str], dot: str, node_count: int, title: str, description: str, engine: str | None = None
) -> None:
    """Write DOT text, or what a layout program makes of it, to a file whose suffix says what is wanted."""
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix in (".dot", ".gv"):
        content = dot.encode("utf-8")
    elif suffix == ".svg":
        content = to_svg(dot, node_count, title, description, engine).encode("utf-8")
    elif suffix == ".png":
        sharp = dot.replace("\ngraph [", f"\ngraph [dpi={_PNG_DPI} ", 1)
        content = _layout(sharp, "png", node_count, engine)
    elif suffix == ".json":
        content = _layout(dot, "json", node_count, engine)
    else:
        raise ValueError(f"cannot save a graph as {target.name!r}: the file must end in one of {', '.join(SUFFIXES)}")
    _write_whole(target, content)


def find_engine(engine: str | None = None) -> Path:
    """The layout program to use: ``engine``, else ``$TGRAD_DOT``, else graphviz-pure, else the system's ``dot``.

    Raises LayoutError if it is not there, saying how to get one.
    """
    wanted = engine or os.environ.get("TGRAD_DOT", "")
    if wanted == "pure":
        found = _find_pure()
    elif wanted == "system":
        found = shutil.which("dot")
    elif wanted:
        found = shutil.which(wanted)
    else:
        found = _find_pure() or shutil.which("dot")
    if found is None:
        looked_for = {"": f"{_PURE} or dot", "pure": _PURE, "system": "dot"}.get(wanted, wanted)
        raise LayoutError(
            f"no layout program: {looked_for} was not found. `pip install {_PURE}` brings one; or install Graphviz and "
            "choose it with engine='system' or TGRAD_DOT=system. engine= also takes the path of a dot program. "
            "The text form needs none: save the graph as .dot."
        )
    return Path(found)


def _find_pure() -> str | None:
    beside_python = os.pathsep.join([sysconfig.get_path("scripts"), str(Path(sys.executable).parent)])
    return shutil.which(_PURE, path=beside_python) or shutil.which(_PURE)


def _layout(dot: str, file_format: str, node_count: int, engine: str | None) -> bytes:
    if node_count > _TOO_LARGE:
        raise LayoutError(
            f"a graph of {node_count:,} nodes is too large to lay out (the limit is {_TOO_LARGE:,}): "
            "draw a smaller part of it, or save it as .dot"
        )
    with _binary(find_engine(engine)) as program:
        try:
            # quiet: the program warns about non-ASCII text that it then draws well; errors still raise.
            return graphviz.backend.pipe("dot", file_format, dot.encode("utf-8"), quiet=True)
        except graphviz.ExecutableNotFound as error:
            raise LayoutError(f"the layout program {program} cannot be run") from error
        except graphviz.CalledProcessError as error:
            message = (error.stderr or b"").decode("utf-8", "replace").strip() or f"exit status {error.returncode}"
            raise LayoutError(f"the layout program {program} failed: {message}") from error


@contextlib.contextmanager
def _binary(program: Path) -> Iterator[Path]:
    """Point the graphviz package at a program for one call: the setting is global and may be in use by others."""
    with _binary_lock:
        before = dot_command.DOT_BINARY
        dot_command.DOT_BINARY = program
        try:
            yield program
        finally:
            dot_command.DOT_BINARY = before


def _write_whole(target: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it: beside it first, then renamed over it."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with open(handle, "wb") as stream:
            stream.write(content)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp keeps a file private; a picture is an ordinary file
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
