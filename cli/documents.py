"""Reads a file into cells: scripts, notebooks, and any text that shows Python.

>>> from tgrad.cli.documents import parse_text
>>> [cell] = parse_text(">>> 1 + 1\\n2\\n").cells
>>> cell.code, cell.expected
('1 + 1', '2')
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from importlib.util import decode_source
from pathlib import Path
from typing import Any, Literal

from .blocks import IN, Block, find_blocks, language
from .dialects import infer_dialect
from .mixed import Piece, Scope, looks_like_python, may_print, prompt_of, split_plain, split_prompts, trim
from .statements import parse, split_statements
from .transcripts import split_transcript

Language = Literal["python", "shell", "magic"]

PYTHON = frozenset(
    "python py python2 python3 py2 py3 ipython ipython2 ipython3 pycon python-repl doctest pytorch".split()
)
SHELL = frozenset("bash sh shell console zsh fish cmd bat powershell terminal shell-session shellscript".split())
SCRIPTS = frozenset({".py", ".pyw"})
PRINTED = frozenset("text txt output out plaintext plain none stdout result".split())


@dataclass(frozen=True)
class Cell:
    """A piece of a document to run at once.

    ``expected`` is what the document prints under it, None where it shows nothing; ``line`` is where the code begins,
    from 1; ``block`` numbers the code block it stands in, from 1; ``prompt`` cells echo every expression, others the
    last one, as a notebook does.
    """

    code: str
    line: int
    block: int
    language: Language = "python"
    expected: str | None = None
    prompt: bool = False


@dataclass
class Document:
    """Cells in order. ``kind`` is ``script``, ``notebook`` or ``text``."""

    name: str
    kind: Literal["script", "notebook", "text"]
    cells: list[Cell] = field(default_factory=list)
    source: str = ""

    @property
    def dialect(self) -> str:
        """The echo that the printed outputs are written in: ``0.1``, ``0.4`` or ``current``."""
        return infer_dialect(self.source if self.kind == "text" else _shown(self.cells))


class DocumentError(Exception):
    """A file that cannot be read as a document; the text says why."""


def read(path: str) -> Document:
    """Reads a document from a file, or from stdin for ``-``.

    Raises ``OSError`` if there is no such file, ``DocumentError`` if it is not text or a broken notebook.
    """
    if path == "-":
        return parse_document(sys.stdin.read(), "<stdin>", "")
    raw = Path(path).read_bytes()
    suffix = Path(path).suffix.lower()
    try:
        # A script may declare an encoding of its own; decode_source() knows how.
        text = decode_source(raw) if suffix in SCRIPTS else raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path}: not a UTF-8 text file ({error.reason} at byte {error.start})") from error
    except SyntaxError as error:
        raise DocumentError(f"{path}: {error}") from error
    return parse_document(text, path, suffix)


def parse_document(text: str, name: str, suffix: str) -> Document:
    """``suffix`` decides how to read ``text``; without a known one, the text itself does."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if suffix in SCRIPTS:
        return parse_script(text, name)
    if suffix == ".ipynb" or (not suffix and re.match(r'\s*\{\s*"', text) and '"cells"' in text):
        return parse_notebook(text, name)
    if suffix in {".md", ".markdown", ".txt", ".rst", ".qmd", ".rmd", ".html", ".htm"}:
        return parse_text(text, name)
    # Unknown: what compiles is a script, so is what shows no block of code, for Python to complain about.
    if parse(text) is not None:
        return parse_script(text, name)
    document = parse_text(text, name)
    return document if document.cells else parse_script(text, name)


def parse_script(text: str, name: str = "<script>") -> Document:
    """A Python file; its cells are the top-level statements, grouped where no blank line parts them."""
    document = Document(name, "script", source=text)
    lines = text.split("\n")
    begin = end = 0
    for chunk in split_statements(text):
        start = chunk.line - 1
        if begin < end and start > end:
            document.cells.append(_script_cell(lines, begin, end, len(document.cells) + 1))
            begin = start
        elif begin == end:
            begin = start
        end = start + chunk.code.count("\n") + 1
    if begin < end:
        document.cells.append(_script_cell(lines, begin, end, len(document.cells) + 1))
    return document


def _script_cell(lines: list[str], begin: int, end: int, number: int) -> Cell:
    return Cell("\n".join(lines[begin:end]).rstrip(), begin + 1, number)


def parse_notebook(text: str, name: str = "<notebook>") -> Document:
    """A Jupyter notebook, of format 3 or 4; a cell's ``line`` is always 1, its block is its number."""
    try:
        data: dict[str, Any] = json.loads(text)
        raw = data["cells"] if "cells" in data else data["worksheets"][0]["cells"]
        spoken = data.get("metadata", {}).get("kernelspec", {}).get("language", "python").lower()
        if spoken != "python":
            raise DocumentError(f"{name}: a notebook in {spoken}, not in Python")
        document = Document(name, "notebook", source=text)
        for item in raw:
            code = _joined(item.get("source", item.get("input", "")))
            if item["cell_type"] == "code" and code.strip():
                outputs = [t for t in map(_notebook_output, item.get("outputs", [])) if t]
                number = len(document.cells) + 1
                piece = Piece(code, 1)
                piece.add_output("\n".join(outputs).split("\n"))
                document.cells.append(_cell(piece, number))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise DocumentError(f"{name}: not a notebook ({type(error).__name__}: {error})") from error
    return document


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _notebook_output(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return _joined(output["text"]).rstrip("\n")
    if output["output_type"] in {"error", "pyerr"}:
        return f"{output['ename']}: {output['evalue']}"
    return _joined(output.get("data", {}).get("text/plain", output.get("text", ""))).rstrip("\n")


def parse_text(text: str, name: str = "<text>") -> Document:
    """Markdown, Jekyll, reStructuredText or a plain transcript."""
    blocks = find_blocks(_plain_spaces(text))
    document = Document(name, "text", source=text)
    document.cells = _Assembler(take_indented=False).cells(blocks)
    if not document.cells:
        # No fence, no prompt: in Markdown's oldest form code is what is indented.
        document.cells = _Assembler(take_indented=True).cells(blocks)
    return document


def _plain_spaces(text: str) -> str:
    """Text copied from a web page brings spaces that Python does not take for spaces."""
    return text.replace("\u00a0", " ").replace("\u200b", "").replace("\ufeff", "")


class _Assembler:
    """Turns blocks into cells and gives each printed block to the code above it."""

    def __init__(self, take_indented: bool) -> None:
        self.take_indented = take_indented
        self.scope = Scope()
        self.pieces: list[tuple[Piece, int]] = []
        self.block = 0
        self.shell: dict[int, str] = {}
        self.may_show = False  # the last block was code, and no prose has come between
        self.depth = 0  # how far that block was indented

    def cells(self, blocks: list[Block]) -> list[Cell]:
        for block in blocks:
            self._take(block)
        return [_cell(piece, block, self.shell.get(block)) for piece, block in self.pieces]

    def _take(self, block: Block) -> None:
        if block.kind == "prose":
            lead_in = len(block.lines) == 1 and len(block.lines[0]) < 40 and block.lines[0].rstrip().endswith(":")
            self.may_show = self.may_show and lead_in
        elif block.kind == "transcript":
            self._add(split_transcript(block.lines, block.line, self.scope))
        elif block.kind == "prompts":
            self._add(split_prompts(block.lines, block.line, self.scope, ">>>", fenced=False))
        elif block.kind == "indented":
            if self.may_show and self.pieces and block.depth > self.depth:
                self.pieces[-1][0].add_output(block.lines)
            elif self.take_indented and looks_like_python("\n".join(block.lines), self.scope):
                self._add(split_plain(block.lines, block.line, self.scope, labelled=False))
        else:
            self._fenced(block)
            self.depth = block.depth

    def _fenced(self, block: Block) -> None:
        name = language(block.info)
        text = "\n".join(block.lines)
        prompt = prompt_of(block.lines)
        if any(IN.match(line) for line in block.lines) and (name in PYTHON or name in PRINTED | {"", "console"}):
            self._add(split_transcript(block.lines, block.line, self.scope))
        elif prompt and (name in PYTHON | PRINTED | SHELL or not name):
            self._add(split_prompts(block.lines, block.line, self.scope, prompt))
        elif name in PYTHON:
            self._add(split_plain(block.lines, block.line, self.scope, labelled=True, printed=self._owes_output()))
        elif name in SHELL or (not name and _is_shell(block.lines)):
            if text.strip():
                self._add([Piece(text.strip("\n"), block.line)])
                self.shell[self.block] = text
        elif not name and looks_like_python(text, self.scope):
            self._add(split_plain(block.lines, block.line, self.scope, labelled=False))
        elif (not name or name in PRINTED) and self.may_show and self.pieces:
            self.pieces[-1][0].add_output(block.lines)
        else:
            self.may_show = False

    def _owes_output(self) -> bool:
        """Whether the last code prints and the document has not shown what."""
        return bool(self.pieces) and self.pieces[-1][0].output is None and may_print(self.pieces[-1][0].code)

    def _add(self, pieces: list[Piece]) -> None:
        if pieces and not pieces[0].code:  # a block that only shows output
            if self.pieces:
                self.pieces[-1][0].add_output(pieces[0].output or [])
            pieces = pieces[1:]
        if pieces:
            self.block += 1
            self.pieces += [(piece, self.block) for piece in pieces]
            self.may_show = True


def _is_shell(lines: list[str]) -> bool:
    text = trim(lines)
    return bool(text) and bool(re.match(r"[$%] \S", text[0]))


def _cell(piece: Piece, block: int, shell: str | None = None) -> Cell:
    lines = [line.strip() for line in piece.code.split("\n") if line.strip()]
    kind: Language = "python"
    if shell is not None or all(line.startswith("!") for line in lines):
        kind = "shell"
    elif lines[0].startswith("%%") or all(line.startswith(("%", "!")) for line in lines):
        kind = "magic"
    expected = "\n".join(piece.output) if piece.output else None
    return Cell(piece.code.rstrip(), piece.line, block, kind, expected, piece.prompt)


def _shown(cells: list[Cell]) -> str:
    return "\n".join(f"{cell.code}\n{cell.expected or ''}" for cell in cells)
