"""The commands: in each file a sub-command of ``tgrad``, or a command of the prompt, or both on one subject.

A command of the prompt is a row: ``@command("graph", "OUT [VAR]", "draws …")`` above a function. Help and completion
are made from the rows. A handler gets the :class:`Desk` and the words behind the name, and returns text.
"""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from ..session import Session

# The files that hold rows, in the order of the help.
_ROWS = ("help", "graph", "chain", "variables", "dialect", "run", "quit")


class Quit(Exception):
    """Ends the prompt."""


class CommandError(Exception):
    """A command that cannot do what was asked; the text is for the user."""


@dataclass
class Desk:
    """What commands work on: the session, and the switches of the prompt."""

    session: Session
    chain: bool = True


Handler = Callable[[Desk, list[str]], str]


@dataclass(frozen=True)
class Command:
    """A row: how a command is called, what it takes, what it does."""

    name: str
    usage: str
    help: str
    handler: Handler


_commands: dict[str, Command] = {}


def command(name: str, usage: str, help: str) -> Callable[[Handler], Handler]:
    """The decorator that makes a function a command of the prompt."""

    def register(handler: Handler) -> Handler:
        _commands[name] = Command(name, usage, help, handler)
        return handler

    return register


def commands() -> dict[str, Command]:
    """All commands of the prompt by name."""
    files = [importlib.import_module(f"{__name__}.{name}").__name__ for name in _ROWS]
    return dict(sorted(_commands.items(), key=lambda item: files.index(item[1].handler.__module__)))


def is_command(text: str) -> bool:
    """Whether a line is for the prompt and not for Python: no statement begins with a colon."""
    return text.lstrip().startswith(":")


def dispatch(desk: Desk, line: str) -> str:
    """Runs ``:name words``; returns its text. Raises ``CommandError``, or ``Quit``."""
    try:
        words = shlex.split(line.strip()[1:])
    except ValueError as error:
        raise CommandError(str(error)) from error
    if not words:
        words = ["help"]
    rows = commands()
    matches = [name for name in rows if name == words[0]] or [name for name in rows if name.startswith(words[0])]
    if len(matches) != 1:
        known = f"did you mean :{' or :'.join(matches)}?" if matches else "type :help for the list"
        raise CommandError(f"no command :{words[0]}; {known}")
    return rows[matches[0]].handler(desk, words[1:])
