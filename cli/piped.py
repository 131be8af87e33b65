"""A session fed from a pipe: no prompts, no control codes, every expression echoed as at Python's prompt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from .commands import CommandError, Desk, Quit, dispatch, is_command
from .render import Renderer
from .runner import exit_status
from .session import Session
from .statements import Chunk, StatementReader


class Pipe:
    """Runs statements as their last line arrives, so that a program may talk to a session line by line."""

    def __init__(self, session: Session, out: IO[str], err: IO[str]) -> None:
        self.desk = Desk(session)
        self._screen = Renderer(out, colour=False)
        self._errors = Renderer(err, colour=False)
        self._failed = False

    def run(self, lines: Iterable[str]) -> int:
        """Everything is run, whatever fails. Returns 1 if anything raised, or what ``exit()`` was called with."""
        reader = StatementReader()
        for line in lines:
            text = line.rstrip("\r\n")
            if is_command(text) and not (reader.waiting and text[:1].isspace()):
                status = self._run(reader.flush())
                status = self._command(text) if status is None else status
            else:
                status = self._run(reader.push(text))
            if status is not None:
                return status
        status = self._run(reader.flush())
        return status if status is not None else int(self._failed)

    def _run(self, chunks: list[Chunk]) -> int | None:
        for chunk in chunks:
            result = self.desk.session.run(chunk.code, mode="prompt", sink=self._screen.output)
            if isinstance(result.error, SystemExit | KeyboardInterrupt):
                return exit_status(result.error)
            if not result.ok:
                self._failed = True
                self._errors.error(result)
        return None

    def _command(self, text: str) -> int | None:
        try:
            answer = dispatch(self.desk, text)
        except Quit:
            return int(self._failed)
        except CommandError as error:
            self._failed = True
            self._errors.plain(f"{error}\n")
            return None
        if answer:
            self._screen.plain(answer + "\n")
        return None
