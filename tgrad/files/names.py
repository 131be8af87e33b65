"""Names of classes and functions in files: `torch...` there, `tgrad...` here.

Note [Names in pickles]
Files must say `torch.nn.modules.linear Linear`, so that PyTorch reads them. Python's pickler writes the module that the class has here.
`rename` puts the other name in its place. What looks like a name inside a saved string must stay, so it walks the opcodes to know which
bytes are names. Frames, which protocol 4 has as hints for buffering, are left out: their lengths would no longer hold.
"""

from __future__ import annotations

import importlib
import importlib.util
import pickletools
import struct
from collections.abc import Iterator
from typing import Any

HERE, THERE = "tgrad", "torch"

# What PyTorch has in another module than this package does: module (with PyTorch's first name) -> {name: its module there}.
ELSEWHERE: dict[str, dict[str, str]] = {
    "torch.nn.modules.attention": {
        "MultiheadAttention": "torch.nn.modules.activation", "NonDynamicallyQuantizableLinear": "torch.nn.modules.linear",
    },
    "torch.nn.modules.vision": {
        "Upsample": "torch.nn.modules.upsampling", "UpsamplingNearest2d": "torch.nn.modules.upsampling",
        "UpsamplingBilinear2d": "torch.nn.modules.upsampling", "PixelShuffle": "torch.nn.modules.pixelshuffle",
        "PixelUnshuffle": "torch.nn.modules.pixelshuffle", "ChannelShuffle": "torch.nn.modules.channelshuffle",
    },
    "torch.nn.modules.padding": {
        "PixelShuffle": "torch.nn.modules.pixelshuffle", "PixelUnshuffle": "torch.nn.modules.pixelshuffle",
        "ChannelShuffle": "torch.nn.modules.channelshuffle",
    },
    "torch.nn.modules.batchnorm": {
        f"{kind}InstanceNorm{n}d": "torch.nn.modules.instancenorm" for kind in ("", "Lazy") for n in (1, 2, 3)
    },
    "torch.nn.modules.pooling": {"Fold": "torch.nn.modules.fold", "Unfold": "torch.nn.modules.fold"},
    "torch.nn.functions.options": {"LinearCrossEntropyOptions": "torch.nn.modules.linear_cross_entropy_options"},
    "torch.nn.modules.linear_cross_entropy": {"LinearCrossEntropyLoss": "torch.nn.modules.loss"},
    "torch.optim.adagrad": {"Adadelta": "torch.optim.adadelta"},
    "torch.optim.adam": {"AdamW": "torch.optim.adamw"},
    "torch.optim.adam_kin": {"Adamax": "torch.optim.adamax", "NAdam": "torch.optim.nadam", "RAdam": "torch.optim.radam"},
}  # fmt: skip
FUNCTIONS, FUNCTIONAL = "torch.nn.functions.", "torch.nn.functional"
# Old and inner names of PyTorch, and what they mean.
MOVED = {
    ("torch._C._nn", "gelu"): (FUNCTIONAL, "gelu"),
    ("torch.tensor", "_rebuild_from_type_v2"): ("torch._tensor", "_rebuild_from_type_v2"),
}


def there(module: str) -> str:
    """A module's name as files have it."""
    return THERE + module[len(HERE) :] if module == HERE or module.startswith(HERE + ".") else module


def written(module: str, name: str) -> tuple[str, str]:
    """(module, name) in files of what is called so here."""
    module = there(module)
    found = ELSEWHERE.get(module, {}).get(name)
    return found or (FUNCTIONAL if module.startswith(FUNCTIONS) else module), name


def here(module: str) -> str:
    """A module of a file by its name in this package."""
    return HERE + module[len(THERE) :] if module == THERE or module.startswith(THERE + ".") else module


def full(obj: Any) -> str:
    """The name of a class or function as files have it."""
    return ".".join(written(obj.__module__, obj.__qualname__))


def find(module: str, name: str) -> Any:
    """What a file's name means here. AttributeError or ModuleNotFoundError for what tgrad does not have."""
    module, name = MOVED.get((module, name), (module, name))
    try:
        return lookup(here(module), name)
    except (AttributeError, ModuleNotFoundError) as e:
        for own, theirs in ELSEWHERE.items():
            if theirs.get(name) == module and importlib.util.find_spec(here(own)) is not None:
                found = getattr(importlib.import_module(here(own)), name, None)
                if found is not None:
                    return found
        if module.split(".")[0] == THERE:
            e.add_note(f"The file names {module}.{name}, which tgrad does not have.")
        raise


def lookup(module: str, name: str) -> Any:
    """The object of a dotted path below a module."""
    found: Any = importlib.import_module(module)
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
_LINES = {
    op.code.encode("latin-1")[0]: 1 + (op.name in ("GLOBAL", "INST"))
    for op in pickletools.opcodes
    if op.arg and op.arg.n == -1
}
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
_POP = b"0"
_PUT = {b"q"[0]: "<B", b"r"[0]: "<I"}
_GET = {b"h"[0]: "<B", b"j"[0]: "<I"}


def rename(data: bytes) -> bytes:
    """A pickle with the names that files have; see Note [Names in pickles]."""
    if HERE.encode() not in data:
        return data
    changes: dict[int, tuple[int, bytes]] = {}  # beginning of what is replaced -> (its end, what takes its place)
    frames: list[int] = []
    strings: list[tuple[int, int]] = []  # where the strings lie that were pushed last, with nothing between them
    memo: dict[int, tuple[int, int]] = {}
    memoized = 0
    for code, begin, end in walk(data):
        if code == _GLOBAL:
            module, name = data[begin : end - 1].decode("utf-8", "surrogateescape").split("\n")
            other = "\n".join(written(module, name))
            changes[begin] = (end - 1, other.encode("utf-8", "surrogateescape"))
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
                module, name = (data[first:last].decode("utf-8", "surrogatepass") for first, last in strings)
                if written(module, name) != (
                    module,
                    name,
                ):  # away with both, which others may refer to, and two of its own instead
                    changes[begin - 1] = (begin - 1, _POP * 2 + b"".join(map(_string, written(module, name))))
            strings = []
        elif code == _FRAME:  # says nothing about the stack
            frames.append(begin - 1)
        else:
            strings = []
    if not changes:
        return data
    changes.update({at: (at + 9, b"") for at in frames})
    out: list[bytes] = []
    done = 0
    for begin, (end, instead) in sorted(changes.items()):
        out += [data[done:begin], instead]
        done = end
    return b"".join([*out, data[done:]])


def _string(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw
