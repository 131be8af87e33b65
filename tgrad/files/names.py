"""Names of classes and functions in files: `torch...` there, `tgrad...` here.

Note [Two names of one length]
Files must say `torch.nn.modules.linear Linear`, so that PyTorch reads them. Python's pickler writes the module that the class has
here. Both names have five letters, so the bytes can be put in place of each other without moving anything, in every protocol. What
looks like a name inside a saved string must stay: `rename` walks the opcodes to know which bytes are names.
"""

from __future__ import annotations

import importlib
import pickletools
import struct
from collections.abc import Iterator
from types import ModuleType
from typing import Any

HERE, THERE = "tgrad", "torch"

# PyTorch's names of what has another place here.
MOVED = {
    ("torch._C._nn", "gelu"): ("torch.nn.functional", "gelu"),
    ("torch.tensor", "_rebuild_from_type_v2"): ("torch._tensor", "_rebuild_from_type_v2"),
    ("torch._C", "device"): ("torch", "device"),
}


def there(module: str) -> str:
    """A module's name as files have it."""
    return THERE + module[len(HERE) :] if module == HERE or module.startswith(HERE + ".") else module


def here(module: str) -> str:
    """A module of a file by its name in this package."""
    return HERE + module[len(THERE) :] if module == THERE or module.startswith(THERE + ".") else module


def full(obj: Any) -> str:
    """The name of a class or function as files have it."""
    return f"{there(obj.__module__)}.{obj.__qualname__}"


def find(module: str, name: str) -> tuple[str, str]:
    """(module, name) here of what a file names."""
    module, name = MOVED.get((module, name), (module, name))
    return here(module), name


def lookup(module: str, name: str) -> Any:
    """The object of a dotted path below a module or one of its parents (modules that exist only as attributes)."""
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError:
        parent, _, last = module.rpartition(".")
        if not parent:
            raise
        found = lookup(parent, last)
        if not isinstance(found, ModuleType):
            raise
    for part in name.split("."):
        found = getattr(found, part)
    return found


# ---- opcodes

# What comes after an opcode: so many bytes, a length and then so many bytes, or so many lines.
_FIXED = {op.code.encode("latin-1")[0]: max(op.arg.n, 0) if op.arg else 0 for op in pickletools.opcodes}
_LENGTH = {
    op.code.encode("latin-1")[0]: {-2: "<B", -3: "<i", -4: "<I", -5: "<Q"}[op.arg.n]
    for op in pickletools.opcodes
    if op.arg and op.arg.n < -1
}
_LINES = {op.code.encode("latin-1")[0]: 1 + (op.name in ("GLOBAL", "INST")) for op in pickletools.opcodes if op.arg and op.arg.n == -1}  # fmt: skip
_WIDTH = {form: struct.calcsize(form) for form in ("<B", "<i", "<I", "<Q")}


def walk(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(opcode, beginning and end of its argument) for each opcode of a pickle up to its STOP."""
    pos, end = 0, len(data)
    while pos < end:
        code = data[pos]
        pos = begin = pos + 1
        if code in _LENGTH:
            form = _LENGTH[code]
            begin = pos + _WIDTH[form]
            pos = begin + struct.unpack_from(form, data, pos)[0]
        elif code in _LINES:
            for _ in range(_LINES[code]):
                pos = data.index(b"\n", pos) + 1
        else:
            pos += _FIXED[code]
        yield code, begin, pos
        if code == _STOP:
            return


_STOP, _GLOBAL, _STACK_GLOBAL, _MEMOIZE, _FRAME = b".c\x93\x94\x95"
_STRINGS = {b"X"[0], b"\x8c"[0], b"\x8d"[0]}
_PUT = {b"q"[0]: "<B", b"r"[0]: "<I"}
_GET = {b"h"[0]: "<B", b"j"[0]: "<I"}


def rename(data: bytes) -> bytes:
    """A pickle with the modules' names that files have; see Note [Two names of one length]."""
    if HERE.encode() not in data:
        return data
    out = bytearray(data)
    strings: list[tuple[int, int]] = []  # where the strings lie that were pushed last, with nothing between them
    memo: dict[int, tuple[int, int]] = {}
    memoized = 0
    for code, begin, end in walk(data):
        if code == _GLOBAL:
            _replace(out, begin, data.index(b"\n", begin))
            strings = []
        elif code in _STRINGS:
            strings = [*strings[-1:], (begin, end)]
        elif code == _MEMOIZE or code in _PUT:
            at = memoized if code == _MEMOIZE else struct.unpack_from(_PUT[code], data, begin)[0]
            memoized += code == _MEMOIZE
            if strings:
                memo[at] = strings[-1]
        elif code in _GET:
            found = memo.get(struct.unpack_from(_GET[code], data, begin)[0])
            strings = [] if found is None else [*strings[-1:], found]
        elif code == _STACK_GLOBAL:
            if len(strings) == 2:
                _replace(out, *strings[0])
            strings = []
        elif code != _FRAME:  # which says nothing about the stack
            strings = []
    return bytes(out)


def _replace(out: bytearray, begin: int, end: int) -> None:
    name = bytes(out[begin:end])
    if name == HERE.encode() or name.startswith(HERE.encode() + b"."):
        out[begin : begin + len(HERE)] = THERE.encode()
