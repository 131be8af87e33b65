"""Puts results on a screen or into a file. Colour and rich only where the stream is a terminal."""

from __future__ import annotations

import os
import re
from typing import IO, Any

from .session import Output, Result
from .statements import split_statements


def wants_colour(stream: IO[str]) -> bool:
    """A terminal, and neither ``NO_COLOR`` nor a dumb one."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "") == "dumb":
        return False
    return bool(getattr(stream, "isatty", lambda: False)())


def prompted(code: str) -> str:
    """Code as it would stand at a prompt: ``>>>`` before each statement, ``...`` before the lines that continue it.

    >>> print(prompted("x = 1\\nfor i in x:\\n    print(i)"))
    >>> x = 1
    >>> for i in x:
    ...     print(i)
    """
    lines = code.split("\n")
    chunks = split_statements(code)
    starts = set()
    for chunk in chunks:
        starts.add(chunk.line - 1)
        # Comments above a statement are lines of their own at a prompt.
        if chunk.valid:
            for i, line in enumerate(chunk.code.split("\n")):
                starts.add(chunk.line - 1 + i)
                if line.strip() and not line.lstrip().startswith("#"):
                    break
    inside = {c.line - 1 + i for c in chunks for i in range(c.code.count("\n") + 1)} - starts
    marked = [(("... " if i in inside else ">>> ") + line).rstrip() for i, line in enumerate(lines)]
    return "\n".join(marked)


def shell_prompted(code: str) -> str:
    """Shell lines behind a dollar, whatever stood before them in the document."""
    lines = [re.sub(r"^\s*(?:!+|\$(?= ))\s*", "", line) for line in code.split("\n")]
    return "\n".join(f"$ {line}" if line.strip() else "" for line in lines)


class Renderer:
    """Writes to ``out``; text for the eye only is dim, and colour is left out where it would be noise."""

    def __init__(self, out: IO[str], *, colour: bool | None = None) -> None:
        self.out = out
        self.colour = wants_colour(out) if colour is None else colour
        self._rich: Any = None
        self._inside_line = False

    def _console(self) -> Any:
        if self._rich is None:
            from rich.console import Console

            self._rich = Console(file=self.out, force_terminal=True, highlight=False, soft_wrap=True)
        return self._rich

    def plain(self, text: str) -> None:
        """Exactly this text."""
        self.out.write(text)
        self.out.flush()
        if text:
            self._inside_line = not text.endswith("\n")

    def new_line(self) -> None:
        """Ends a line that the output left open."""
        if self._inside_line:
            self.plain("\n")

    def styled(self, text: str, style: str) -> None:
        """A line in a rich style, plain without colour."""
        if not self.colour:
            self.plain(text + "\n")
            return
        from rich.text import Text

        self._console().print(Text(text, style=style), soft_wrap=True)

    def dim(self, text: str) -> None:
        self.styled(text, "dim")

    def code(self, code: str) -> None:
        """A cell with prompts."""
        text = prompted(code)
        if not self.colour:
            self.plain(text + "\n")
            return
        from rich.syntax import Syntax

        console = self._console()
        highlighted = Syntax("", "pycon", theme="ansi_dark", background_color="default").highlight(text)
        highlighted.rstrip()
        console.print(highlighted, soft_wrap=True)

    def output(self, output: Output) -> None:
        """An output as it comes; remarks of the session look like comments."""
        if output.kind == "note":
            self.dim("# " + output.text.rstrip("\n"))
        else:
            self.plain(output.text)

    def error(self, result: Result) -> None:
        """The traceback, its last line in red."""
        text = result.traceback
        if not self.colour:
            self.plain(text)
            return
        head, _, last = text.rstrip("\n").rpartition("\n")
        if head:
            self.dim(head)
        self.styled(last, "bold red")
