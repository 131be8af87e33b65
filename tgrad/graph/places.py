"""Provenance: which line of the user's program made a node, wrote into a tensor or freed a graph, and inside which module.

Note [Places]
Every way of recording an operation draws a number for its node (`seq`), so that is where provenance looks on: while it is switched
on, the function that numbers are drawn from is one which first finds the user's frame and notes it under the number. Nodes hold
nothing for it, and while it is off nothing runs that would not run without it:

    off    node.seq = next_seq()      itertools.count().__next__
    on     node.seq = next_seq()      the count; then up the stack to the first frame that is not tgrad's; ring[seq] = its place

A place is a small number for (code object, instruction, module): most operations come from few of them. Lines, names and expressions
are worked out from it only when somebody asks. The ring holds the places of the last million operations; older nodes have forgotten
theirs, and no program runs out of memory over it.
"""

from __future__ import annotations

import bisect
import dis
import linecache
import os
import sys
import sysconfig
import weakref
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

from .modes import state

_BITS = 20
MASK = (1 << _BITS) - 1
_ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARIES = tuple(
    {p + os.sep for k, p in sysconfig.get_paths().items() if k in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_WRITTEN = ("<record ", "<node ", "<function ", "<fast ", "<frozen ", "<__array_function__")  # functions without a file

_getframe = sys._getframe


class Place:
    """Where something was done: a line of the user's program, and the module that was running.

    `expression` is the part of the line that did it, `target` the name that its result was given on that line, where it was.
    """

    def __init__(self, code: CodeType, instruction: int, running: Running | None) -> None:
        self.code, self.instruction, self.running = code, instruction, running

    @property
    def filename(self) -> str:
        return self.code.co_filename

    @property
    def function(self) -> str:
        """The function's name; "<module>" at the top of a file."""
        return self.code.co_qualname

    @property
    def position(self) -> tuple[int, int, int | None, int | None]:
        """First and last line, first and last column."""
        found = list(self.code.co_positions())[self.instruction // 2]
        line = found[0] or self.code.co_firstlineno
        return line, found[1] or line, found[2], found[3]

    @property
    def line(self) -> int:
        return self.position[0]

    @property
    def text(self) -> str:
        """The source of the line, or "" where there is none."""
        return linecache.getline(self.filename, self.line).strip()

    @property
    def expression(self) -> str:
        """The source of just the call or operator, or the line's where that is not known."""
        first, last, start, end = self.position
        lines = [linecache.getline(self.filename, n) for n in range(first, last + 1)]
        if start is None or end is None or not all(lines):
            return self.text
        data = [line.encode() for line in lines]
        data[-1] = data[-1][:end]
        data[0] = data[0][start:]
        return " ".join(part.decode(errors="replace").strip() for part in data)

    @property
    def target(self) -> str | None:
        """The name that the result is bound to right away: `h` for the sum in `h = x + y`, None for the product in `h = x * y + 1`."""
        return _target(self.code, self.instruction)

    @property
    def module(self) -> str:
        """The module that was running, as a path from the outermost one called: "net.fc1", or "" outside of modules."""
        return str(self.running) if self.running is not None else ""

    def __str__(self) -> str:
        name = self.filename if self.filename.startswith("<") else os.path.relpath(self.filename)
        if name.startswith(".." + os.sep):
            name = self.filename
        return f"{name}:{self.line}"

    def __repr__(self) -> str:
        return f"<Place {self}, in {self.function}>"


_STORES = {"STORE_NAME", "STORE_FAST", "STORE_GLOBAL", "STORE_DEREF"}
_LOADS = {"LOAD_NAME", "LOAD_FAST", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW"}


def _target(code: CodeType, instruction: int) -> str | None:
    after: Iterator[dis.Instruction] = iter(dis.get_instructions(code))
    step = next(after)
    while step.offset < instruction:
        step = next(after)
    first = next(after, None)
    # Python 3.11 makes some calls in the instruction before CALL.
    while first is not None and first.opname in ("CACHE", "NOP", "EXTENDED_ARG", "CALL"):
        if first.opname == "CALL" and step.opname != "PRECALL":
            break
        first = next(after, None)
    if first is None:
        return None
    if first.opname in _STORES:
        return str(first.argval)
    if first.opname.startswith("STORE_FAST_") and isinstance(first.argval, tuple):  # two steps in one
        return str(first.argval[0])
    second = next(after, None)
    if first.opname in _LOADS and second is not None and second.opname == "STORE_ATTR":
        return f"{first.argval}.{second.argval}"
    return None


class _Log:
    """What has been noted, for the whole process."""

    def __init__(self) -> None:
        self.on = False
        self.ring = array("I", [])  # op number -> place
        self.freed = array("I", [])  # op number -> place of the backward that freed the node
        self.known: list[Place | None] = [None]
        self.numbers: dict[tuple[int, int, int], int] = {}
        self.inner: dict[int, bool] = {}  # by id of a code object: not the user's
        self.alive: list[CodeType] = []  # so that no id is used twice
        self.spans: list[int] = []  # op numbers at which provenance was switched: on, off, on ...
        self.modules: list[Running | None] = [None]  # by number
        self.cuts: deque[Cut] = deque(maxlen=1000)
        self.cleared: dict[int, tuple[weakref.ref[Any], int]] = {}  # by id of a tensor: who set its gradient to None
        self.passes: deque[tuple[int, list[weakref.ref[Any]]]] = deque(
            maxlen=20
        )  # who ran a backward pass, and from which nodes


log = _Log()
_users: list[dict[str, Any]] = []
_switches: list[Callable[[bool], None]] = []
_plain: list[Callable[[], int]] = []


def draws_numbers(scope: dict[str, Any]) -> None:
    """Registers a namespace whose functions call `next_seq()`: provenance puts its own function there while it is on."""
    _users.append(scope)
    scope["next_seq"] = noting if log.on else _plain[0]


def numbers(draw: Callable[[], int]) -> Callable[[], int]:
    """Makes `draw` the source of op numbers."""
    _plain.append(draw)
    return draw


def on_switch(callback: Callable[[bool], None]) -> None:
    """Calls `callback(on)` whenever provenance is switched, and now if it is on."""
    _switches.append(callback)
    if log.on:
        callback(True)


def _is_inner(code: CodeType) -> bool:
    """Whether a frame of this code is tgrad's own, or a library's between tgrad and the user."""
    found = log.inner[id(code)] = code.co_filename.startswith((_ENGINE, *_WRITTEN, *_LIBRARIES))
    log.alive.append(code)
    return found


def here() -> int:
    """The number of the place in the user's program that is running; 0 where there is none."""
    f: Any = _getframe(1)
    inner = log.inner
    while f is not None:
        code = f.f_code
        found = inner.get(id(code))
        if found is None:
            found = _is_inner(code)
        if not found:
            key = (id(code), f.f_lasti, state.module)
            number = log.numbers.get(key)
            return _new(key, code) if number is None else number
        f = f.f_back
    return _in_library()


def _in_library() -> int:
    """The place where no frame is the user's own: the innermost one that is not tgrad's, a library that is run as a program."""
    f: FrameType | None = _getframe(1)
    while f is not None and f.f_code.co_filename.startswith((_ENGINE, *_WRITTEN)):
        f = f.f_back
    if f is None:
        return 0
    key = (id(f.f_code), f.f_lasti, state.module)
    return log.numbers.get(key) or _new(key, f.f_code)


def _new(key: tuple[int, int, int], code: CodeType) -> int:
    number = log.numbers[key] = len(log.known)
    log.known.append(Place(code, key[1], log.modules[key[2]]))
    return number


def noting() -> int:
    """`next_seq` while provenance is on."""
    seq = _plain[0]()
    f: Any = _getframe(1)
    inner = log.inner
    while f is not None:
        code = f.f_code
        found = inner.get(id(code))
        if found is None:
            found = _is_inner(code)
        if not found:
            key = (id(code), f.f_lasti, state.module)
            number = log.numbers.get(key)
            log.ring[seq & MASK] = _new(key, code) if number is None else number
            return seq
        f = f.f_back
    log.ring[seq & MASK] = _in_library()
    return seq


def switch(on: bool) -> None:
    """Switches provenance for the whole process."""
    if on == log.on:
        return
    if on and not log.ring:
        log.ring, log.freed = array("I", bytes(4 << _BITS)), array("I", bytes(4 << _BITS))
    log.on = on
    log.spans.append(_plain[0]())
    for scope in _users:
        scope["next_seq"] = noting if on else _plain[0]
    for callback in _switches:
        callback(on)


def _noted(seq: int) -> bool:
    """Whether the ring still holds what was noted for an op number."""
    if seq < 0 or not log.spans or bisect.bisect_right(log.spans, seq) % 2 == 0:
        return False
    return _plain[0]() - seq < MASK


def made(node: Any) -> Place | None:
    """Where a node was recorded; None where provenance was off, or it was too long ago."""
    return log.known[log.ring[node.seq & MASK]] if _noted(node.seq) else None


def number_made(seq: int) -> int:
    """The number of the place where the node of an op number was recorded; 0 where that is not known."""
    return log.ring[seq & MASK] if _noted(seq) else 0


def freed(node: Any) -> Place | None:
    """Which backward pass freed what a node had saved."""
    return log.known[log.freed[node.seq & MASK]] if _noted(node.seq) else None


def written(counter: Any) -> Place | None:
    """Who wrote last into the memory that a version counter counts for."""
    return log.known[getattr(counter, "by", 0)]


# ---- where graphs end


class Cut:
    """A result that has no history although what it was made of has: `detach`, an argmax, a cast to integers, a no_grad block."""

    def __init__(self, how: str, out: Any) -> None:
        self.how, self.out, self.place = how, None if out is None else weakref.ref(out), log.known[here()]
        self.stack: list[tuple[CodeType, int]] = []  # the user's frames at that time, innermost first
        f: FrameType | None = _getframe(2)
        while f is not None and len(self.stack) < 30:
            if not is_inner(f.f_code):
                self.stack.append((f.f_code, f.f_lineno))
            f = f.f_back


def cut(how: str, out: Any, sources: Any) -> None:
    """Notes that `out`, made by `how`, has no history; not where none of the sources has one."""
    for t in sources:
        if getattr(t, "_rg", False):
            log.cuts.append(Cut(how if state.grad else "no_grad", out))
            return


def clears(t: Any) -> None:
    """Notes who sets a tensor's gradient to None."""
    key = id(t)
    log.cleared[key] = weakref.ref(t, lambda _: log.cleared.pop(key, None)), here()


def cleared(t: Any) -> Place | None:
    """Who set a tensor's gradient to None last."""
    found = log.cleared.get(id(t))
    return log.known[found[1]] if found is not None and found[0]() is t else None


def is_inner(code: CodeType) -> bool:
    """Whether a frame of this code is tgrad's own, or a library's."""
    found = log.inner.get(id(code))
    return _is_inner(code) if found is None else found


# ---- modules


class Running:
    """A module in its `forward`: the outermost one called, and the path in it."""

    def __init__(self, root: Any, path: str, number: int) -> None:
        self.root, self.kind, self.path, self.number = weakref.ref(root), type(root).__name__, path, number

    def __str__(self) -> str:
        root = self.root()
        name = (root is not None and name_of(root)) or self.kind
        return f"{name}.{self.path}" if self.path else name


_running: weakref.WeakKeyDictionary[Any, dict[int, Running]] = weakref.WeakKeyDictionary()


def entering(root: Any, module: Any) -> int:
    """The number of a module that is called inside `root` (the same for the outermost one); 0 for one that is no part of it."""
    found = _running.get(root)
    if found is None:
        found = _running[root] = {}
    known = found.get(id(module))
    if known is None:
        found.clear()
        for path, part in root.named_modules():
            known = found[id(part)] = Running(root, path, len(log.modules))
            log.modules.append(known)
        known = found.get(id(module))
    return 0 if known is None else known.number


def name_of(thing: Any) -> str | None:
    """The variable that holds an object: looked for in the frames that are running, outermost first, and in the main module."""
    spaces: list[dict[str, Any]] = []
    f: FrameType | None = _getframe(1)
    while f is not None:
        if not f.f_code.co_filename.startswith((_ENGINE, *_WRITTEN, *_LIBRARIES)):
            spaces += [f.f_locals, f.f_globals]
        f = f.f_back
    main = sys.modules.get("__main__")
    for space in [*reversed(spaces), vars(main) if main is not None else {}]:
        for name, value in list(space.items()):
            if value is thing and not name.startswith("_") and name != "self":
                return name
    return None


__all__ = [
    "Cut",
    "Place",
    "cleared",
    "clears",
    "cut",
    "draws_numbers",
    "entering",
    "freed",
    "here",
    "is_inner",
    "log",
    "made",
    "name_of",
    "number_made",
    "numbers",
    "on_switch",
    "switch",
    "written",
]
