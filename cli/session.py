"""Runs cells and says what came of them. Knows no terminal: nothing here prints.

>>> from tgrad.cli.session import Session
>>> result = Session().run("x = 20\\nx + 22", capture=True)
>>> result.value, result.text
(42, '42\\n')
"""

from __future__ import annotations
import __future__

import ast
import builtins
import contextlib
import importlib
import io
import os
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

from .dialects import get_dialect, set_dialect
from .magics import translate
from .tracebacks import format_error, remember_source

Kind = Literal["stdout", "stderr", "value", "note"]
Mode = Literal["cell", "prompt", "script"]
_FUTURES = {getattr(__future__, name).compiler_flag: name for name in __future__.all_feature_names}


@dataclass(frozen=True)
class Output:
    """Something that a cell gave: text it printed, the echo of a value, or a remark of the session about it."""

    kind: Kind
    text: str


@dataclass
class Result:
    """What came of a cell: ``outputs`` in order, the last echoed ``value``, or the ``error`` that ended it."""

    number: int
    code: str
    filename: str
    outputs: list[Output] = field(default_factory=list)
    value: Any = None
    error: BaseException | None = None
    hidden: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.error is None

    @property
    def interrupted(self) -> bool:
        return isinstance(self.error, KeyboardInterrupt)

    @property
    def text(self) -> str:
        """All that was printed and echoed, as it stands on the screen."""
        return "".join(output.text for output in self.outputs if output.kind != "note")

    @property
    def traceback(self) -> str:
        """As Python prints it, the user's frames only; '' if the cell went well."""
        return format_error(self.error, self.hidden) if self.error is not None else ""


class _Writer(io.TextIOBase):
    """Stands in for stdout or stderr while a cell runs, and passes on what is written."""

    def __init__(self, kind: Kind, sink: Callable[[Output], None]) -> None:
        self._kind: Kind = kind
        self._sink = sink

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if text:
            self._sink(Output(self._kind, text))
        return len(text)


class Session:
    """One namespace and the cells run in it.

    ``engine`` is the module that plays ``torch``: tgrad unless another is given. ``torch``, ``nn``, ``F``, ``optim``,
    ``np`` and ``Variable`` are bound from the start, unless ``bind`` is False. ``module`` is the module whose globals
    the cells see, a fresh ``__main__`` by default.
    """

    def __init__(
        self, engine: ModuleType | None = None, *, module: ModuleType | None = None, bind: bool = True
    ) -> None:
        self.engine = engine if engine is not None else importlib.import_module("tgrad")
        self.module = module if module is not None else ModuleType("__main__")
        self.namespace: dict[str, Any] = self.module.__dict__
        self.namespace.setdefault("__builtins__", builtins)
        self.number = 0
        self._flags = 0
        self._echoed: list[Any] = []
        self.folder = os.path.dirname(os.path.abspath(self.engine.__file__ or ""))
        # PyTorch's own frames are part of what its users are used to seeing.
        self.hidden: tuple[str, ...] = () if self.engine.__name__ == "torch" else (self.folder,)
        if bind:
            self.namespace.update(self.bindings())

    def bindings(self) -> dict[str, Any]:
        """The names that a session begins with."""
        nn = importlib.import_module(self.engine.__name__ + ".nn")
        return {
            "torch": self.engine,
            "nn": nn,
            "F": importlib.import_module(self.engine.__name__ + ".nn.functional"),
            "optim": importlib.import_module(self.engine.__name__ + ".optim"),
            "np": importlib.import_module("numpy"),
            "Variable": importlib.import_module(self.engine.__name__ + ".autograd").Variable,
        }

    @property
    def dialect(self) -> str:
        return get_dialect(self.engine)

    def set_dialect(self, name: str) -> bool:
        """Chooses the echo: ``0.1``, ``0.4`` or ``current``; False if the engine has only one."""
        return set_dialect(self.engine, name)

    def names_of_values(self) -> dict[str, Any]:
        """The variables that the user made: without the names bound from the start, private ones and modules."""
        given = {"torch", "nn", "F", "optim", "np", "Variable"}
        return {
            name: value
            for name, value in self.namespace.items()
            if not name.startswith("_") and not isinstance(value, ModuleType) and name not in given
        }

    def run(
        self,
        code: str,
        *,
        mode: Mode = "cell",
        capture: bool = False,
        sink: Callable[[Output], None] | None = None,
        filename: str | None = None,
        first_line: int = 1,
        origin: str | None = None,
    ) -> Result:
        """Runs a cell and returns what came of it; an exception, Ctrl-C and ``SystemExit`` end in the result.

        ``mode`` says what is echoed: the last expression of a ``cell``, every expression at a ``prompt``, none in a
        ``script``. A ``;`` at the end of a cell silences it, as in a notebook. With ``capture`` what the cell prints
        is caught, else it goes where ``print`` goes. ``sink`` is called with each output as it comes. ``filename`` and
        ``first_line`` are for code that stands in a file; ``origin`` is another name than ``<cell n>`` in tracebacks.
        """
        self.number += 1
        name = filename or origin or f"<cell {self.number}>"
        result = Result(self.number, code, name, hidden=self.hidden)

        def emit(output: Output) -> None:
            last = result.outputs[-1] if result.outputs else None
            if last is not None and last.kind == output.kind != "value":
                result.outputs[-1] = Output(output.kind, last.text + output.text)
            else:
                result.outputs.append(output)
            if sink is not None:
                sink(output)

        try:
            with self._streams(emit) if capture else contextlib.nullcontext(), self._as_main():
                translated = translate(code)
                for note in translated.notes:
                    emit(Output("note", note + "\n"))
                if filename is None:
                    remember_source(name, code)
                for step, shows in self._compile(translated.code, name, mode, first_line):
                    value = eval(step, self.namespace)
                    if shows and value is not None:
                        self._remember(value)
                        result.value = value
                        emit(Output("value", repr(value) + "\n"))
        except BaseException as error:
            result.error = error
        return result

    def _compile(self, code: str, filename: str, mode: Mode, first_line: int) -> Iterator[tuple[Any, bool]]:
        """The code objects of a cell in order, each with whether its value is echoed.

        The whole cell is parsed before any of it runs: a syntax error at its end must not leave half of it done.
        """
        padded = "\n" * (first_line - 1) + code
        tree = compile(padded, filename, "exec", ast.PyCF_ONLY_AST | self._flags, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        silent = mode == "script" or (mode == "cell" and _ends_in_semicolon(code))
        pending: list[ast.stmt] = []
        steps: list[tuple[ast.Module | ast.Expression, bool]] = []
        for i, node in enumerate(tree.body):
            echoed = isinstance(node, ast.Expr) and not silent and (mode == "prompt" or i == len(tree.body) - 1)
            if not echoed:
                pending.append(node)
                continue
            assert isinstance(node, ast.Expr)
            if pending:
                steps.append((ast.Module(pending, []), False))
                pending = []
            steps.append((ast.Expression(node.value), True))
        if pending:
            steps.append((ast.Module(pending, []), False))
        for step, shows in steps:
            kind = "eval" if shows else "exec"
            yield self._with_futures(compile(step, filename, kind, self._flags, dont_inherit=True)), shows

    def _with_futures(self, code: Any) -> Any:
        for flag in _FUTURES:
            if code.co_flags & flag:
                self._flags |= flag
        return code

    def _remember(self, value: Any) -> None:
        """``_``, ``__`` and ``___`` are the last echoed values, unless the user gave ``_`` a meaning of his own."""
        mine = self._echoed[-1] if self._echoed else None
        if "_" in self.namespace and self.namespace["_"] is not mine:
            return
        self._echoed = [*self._echoed, value][-3:]
        for name, held in zip(("_", "__", "___"), reversed(self._echoed)):
            self.namespace[name] = held

    @contextlib.contextmanager
    def _streams(self, emit: Callable[[Output], None]) -> Iterator[None]:
        with (
            contextlib.redirect_stdout(_Writer("stdout", emit)),  # type: ignore[type-var]
            contextlib.redirect_stderr(_Writer("stderr", emit)),  # type: ignore[type-var]
        ):
            yield

    @contextlib.contextmanager
    def _as_main(self) -> Iterator[None]:
        """Pickle, dataclasses and ``typing`` look a class up in ``sys.modules[cls.__module__]``."""
        before = sys.modules.get(self.module.__name__)
        sys.modules[self.module.__name__] = self.module
        try:
            yield
        finally:
            if before is not None:
                sys.modules[self.module.__name__] = before
            else:
                del sys.modules[self.module.__name__]


def _ends_in_semicolon(code: str) -> bool:
    text = code.rstrip()
    if "#" not in text.rsplit("\n", 1)[-1]:
        return text.endswith(";")
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return False
    strings = [token.string for token in tokens if token.type != tokenize.COMMENT and token.string.strip()]
    return bool(strings) and strings[-1] == ";"
