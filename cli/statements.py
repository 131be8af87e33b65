"""Cuts source text into top-level statements, one line at a time, without running anything.

Three callers share it: a piped prompt (which cannot know the next line yet), documents that mix code with what it
printed, and the transcript, which puts a prompt before each statement. The judge is always Python's own compiler.
"""

from __future__ import annotations

import ast
import codeop
import re
import warnings
from dataclasses import dataclass
from typing import Literal

State = Literal["complete", "incomplete", "invalid"]

_CONTINUES = re.compile(r"(else|elif|except|finally|case)\b")
_NOTEBOOK_LINE = re.compile(r"^([ \t]*)(?:%{1,2}[A-Za-z_]|!{1,2}\s*\S).*$", re.MULTILINE)
_COMPOUND = re.compile(r"(if|for|while|with|try|def|class|match|async)\b|@")


@dataclass(frozen=True)
class Chunk:
    """Source lines of one top-level statement; ``line`` counts from 1, ``valid`` says whether it compiles."""

    code: str
    line: int
    valid: bool


def completeness(code: str) -> State:
    """Whether ``code`` compiles, could still compile with more lines after it, or never will.

    Notebook lines (``%matplotlib inline``, ``!pip install``) count as statements.

    >>> completeness("x = 1"), completeness("if x:"), completeness("x = = 1")
    ('complete', 'incomplete', 'invalid')
    """
    state = _compiles(code)
    if state == "invalid":
        neutral = _NOTEBOOK_LINE.sub(r"\1pass", code)
        if neutral != code:
            return _compiles(neutral)
    return state


def _compiles(code: str) -> State:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "incomplete" if codeop.compile_command(code, "<input>", "exec") is None else "complete"
    except (SyntaxError, ValueError, OverflowError):
        return "invalid"


def parse(code: str) -> ast.Module | None:
    """The syntax tree, or None where ``code`` is not Python; notebook lines stand in it as ``pass``."""
    for text in (code, _NOTEBOOK_LINE.sub(r"\1pass", code)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except (SyntaxError, ValueError):
            continue
    return None


class StatementReader:
    """Takes lines, gives statements back as soon as they are certain to be whole.

    A simple statement is whole at the end of its last line; a compound one when a line at the margin begins another
    statement, because a blank line inside a function is no end to it. Once a line makes a statement impossible, the
    indented lines after it go into the same broken chunk instead of each raising an error of its own.
    """

    def __init__(self, first_line: int = 1) -> None:
        self._lines: list[str] = []
        self._start = first_line
        self._next = first_line
        self._state: State = "complete"

    def push(self, line: str) -> list[Chunk]:
        """Takes one line without its newline; returns the statements that it completed."""
        done: list[Chunk] = []
        number = self._next
        self._next += 1
        blank = not line.strip()
        at_margin = not blank and not line[0].isspace()
        if self._lines and at_margin and self._closes(line):
            done += self.flush()
        if not self._lines:
            if blank:
                return done
            self._start = number
        self._lines.append(line)
        if self._state != "invalid":
            self._state = completeness("\n".join(self._lines))
        if self._state == "complete" and not self._is_compound() and not self._only_comments():
            done += self.flush()
        return done

    def flush(self) -> list[Chunk]:
        """The end of the input: whatever is held, whole or not."""
        while self._lines and not self._lines[-1].strip():
            self._lines.pop()
        if not self._lines:
            self._state = "complete"
            return []
        code = "\n".join(self._lines)
        chunk = Chunk(code, self._start, parse(code) is not None)
        self._lines, self._state = [], "complete"
        return [chunk]

    @property
    def waiting(self) -> bool:
        """Whether a statement has been begun."""
        return bool(self._lines)

    def _closes(self, line: str) -> bool:
        if self._only_comments():
            return False
        if self._state == "invalid":
            return True
        return self._state == "complete" and not _CONTINUES.match(line)

    def _first(self) -> str:
        return next((line for line in self._lines if line.strip() and not line.lstrip().startswith("#")), "")

    def _only_comments(self) -> bool:
        return not self._first()

    def _is_compound(self) -> bool:
        return bool(_COMPOUND.match(self._first()))


def split_statements(code: str, first_line: int = 1) -> list[Chunk]:
    """Every top-level statement of ``code`` with its line; comments before a statement belong to it.

    >>> [c.code for c in split_statements("x = 1\\nif x:\\n    y = 2\\n\\nprint(x)")]
    ['x = 1', 'if x:\\n    y = 2', 'print(x)']
    """
    tree = parse(code)
    if tree is not None:
        return _from_tree(tree, code, first_line)
    reader = StatementReader(first_line)
    chunks: list[Chunk] = []
    for line in code.split("\n"):
        chunks += reader.push(line)
    return chunks + reader.flush()


def _from_tree(tree: ast.Module, code: str, first_line: int) -> list[Chunk]:
    lines = code.split("\n")
    chunks: list[Chunk] = []
    begin = 0
    for i, node in enumerate(tree.body):
        assert node.end_lineno is not None
        end = node.end_lineno
        if i + 1 < len(tree.body) and _start_line(tree.body[i + 1]) <= end:
            continue  # `a = 1; b = 2`: statements on one line stay together
        while begin < end and not lines[begin].strip():
            begin += 1
        chunks.append(Chunk("\n".join(lines[begin:end]).rstrip(), first_line + begin, True))
        begin = end
    rest = "\n".join(lines[begin:]).rstrip()
    if rest.strip():
        chunks.append(Chunk(rest.lstrip("\n"), first_line + begin, True))
    return chunks


def _start_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])
