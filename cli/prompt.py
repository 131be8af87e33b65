"""The prompt: ask, run, show. Terminal, history and session are all handed in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus, has_selection, is_searching
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import Output as Terminal
from pygments.lexers.python import PythonLexer

from .commands import CommandError, Desk, Quit, dispatch, is_command
from .commands.chain import chain_of
from .complete import complete
from .render import Renderer
from .runner import exit_status
from .session import Session
from .statements import completeness, parse

INDENT = "    "


def history_path() -> Path:
    """Where typed lines are kept: ``$XDG_DATA_HOME/tgrad/history``, by default under ``~/.local/share``."""
    base = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return Path(base) / "tgrad" / "history"


def open_history(path: Path) -> History:
    """The lasting history; one for this session alone where the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path)) if os.access(path, os.R_OK | os.W_OK) else InMemoryHistory()


def submits(text: str) -> bool:
    """Whether Enter at the end of ``text`` runs it: it is complete, and no block is still open to more lines.

    >>> submits("x = 1"), submits("for i in x:\\n    f(i)"), submits("for i in x:\\n    f(i)\\n")
    (True, False, True)
    """
    if is_command(text) or not text.strip():
        return True
    state = completeness(text)
    if state == "incomplete":
        return False
    if state == "invalid" or "\n" not in text:
        # One line can still be a block: `for i in x: f(i)` wants a blank line, as at Python's own prompt.
        return state == "invalid" or not _ends_in_block(text)
    return not text.rsplit("\n", 1)[-1].strip() or not _ends_in_block(text)


def _ends_in_block(text: str) -> bool:
    tree = parse(text)
    return tree is not None and bool(tree.body) and hasattr(tree.body[-1], "body")


def indentation(line: str) -> str:
    """The indentation of the line after ``line``."""
    depth = re.match(r"[ \t]*", line)
    indent = depth[0] if depth else ""
    code = line.split("#", 1)[0].rstrip()
    if code.endswith((":", "(", "[", "{")):
        return indent + INDENT
    if re.match(r"\s*(?:return|pass|break|continue|raise)\b", line):
        return indent[: -len(INDENT)]
    return indent


class _SessionCompleter(Completer):
    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        matches = complete(document.text_before_cursor, self._session.namespace, self._session.engine.__name__)
        return [Completion(match.text, start_position=-match.length) for match in matches]


def key_bindings() -> KeyBindings:
    """Enter, Alt-Enter and Tab as an editor of Python wants them; all else is prompt_toolkit's."""
    keys = KeyBindings()
    editing = has_focus(DEFAULT_BUFFER) & ~is_searching

    @Condition
    def at_indentation() -> bool:
        return not get_app().current_buffer.document.current_line_before_cursor.strip()

    @keys.add("enter", filter=editing & ~has_selection)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        at_end = not buffer.document.text_after_cursor.strip()
        if at_end and submits(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n" + indentation(buffer.document.current_line_before_cursor))

    @keys.add("escape", "enter", filter=editing)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n" + indentation(event.current_buffer.document.current_line_before_cursor))

    @keys.add("tab", filter=editing & at_indentation)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(INDENT)

    return keys


class Prompt:
    """Reads cells from a terminal until Ctrl-D or ``:quit``.

    ``input`` and ``output`` are prompt_toolkit's, the process's terminal by default; ``screen`` takes what is shown.
    """

    def __init__(
        self,
        session: Session,
        screen: Renderer,
        *,
        input: Input | None = None,
        output: Terminal | None = None,
        history: History | None = None,
    ) -> None:
        self.desk = Desk(session)
        self.screen = screen
        self._asks: PromptSession[str] = PromptSession(
            ">>> ",
            input=input,
            output=output,
            history=history if history is not None else InMemoryHistory(),
            lexer=PygmentsLexer(PythonLexer) if screen.colour else None,
            completer=_SessionCompleter(session),
            complete_while_typing=False,
            complete_in_thread=True,
            multiline=True,
            prompt_continuation=lambda width, line, wrapped: "... ",
            key_bindings=key_bindings(),
            enable_open_in_editor=True,
        )

    def run(self) -> int:
        """The exit status: 0, or what ``exit()`` was called with."""
        while True:
            try:
                text = self._asks.prompt()
                status = self.take(text)
            except KeyboardInterrupt:
                continue  # Ctrl-C clears the line
            except EOFError:
                return 0
            if status is not None:
                return status

    def take(self, text: str) -> int | None:
        """Runs what was typed and shows what comes of it; returns an exit status if that ends the session."""
        if not text.strip():
            return None
        if is_command(text):
            return self._command(text)
        result = self.desk.session.run(text.rstrip() + "\n", sink=self.screen.output)
        if isinstance(result.error, SystemExit):
            return exit_status(result.error)
        if not result.ok:
            self.screen.error(result)
        elif self.desk.chain and result.outputs and result.outputs[-1].kind == "value":
            self._chain(result.value)
        return None

    def _chain(self, value: Any) -> None:
        try:
            chain = chain_of(self.desk.session, value)
        except Exception as error:
            # A tensor too strange to describe must not cost the user his session.
            self.screen.dim(f"(no chain: {type(error).__name__}: {error})")
            return
        if chain is not None:
            self.screen.dim(chain)

    def _command(self, text: str) -> int | None:
        try:
            answer = dispatch(self.desk, text)
        except Quit:
            return 0
        except CommandError as error:
            self.screen.styled(str(error), "red")
            return None
        if answer:
            self.screen.plain(answer + "\n")
        return None
