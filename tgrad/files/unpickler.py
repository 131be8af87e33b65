"""Reads the pickles of files that nobody vouches for: a small machine with PyTorch's set of opcodes; see Note [What a file may do].

Every opcode that protocol 2 writes for data is here, and no other. Lengths are held against what is left of the file before
anything is allocated; the memo is a dict, so that a large number in the file costs nothing. What goes wrong inside (an empty stack,
a key that is missing) is told as a damaged pickle, with the byte where it was noticed.
"""

from __future__ import annotations

import pickle
import struct
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from ..nn.parameter import Parameter
from ..tensor import Tensor
from . import names
from .allowed import LACKING, Allowed, attributes, key, table

BLOCKED = ("sys", "os", "posix", "nt")  # may not even be allowed
LONGEST_NAME = 4096

_marked: set[Any] = set()  # what users allowed


def add_safe(items: Any) -> None:
    global _marked
    _marked = _marked | set(items)


def remove_safe(items: Any) -> None:
    global _marked
    _marked = _marked - set(items)


def clear_safe() -> None:
    global _marked
    _marked = set()


def marked() -> list[Any]:
    return list(_marked)


def user_allowed() -> dict[str, Any]:
    """Name in files -> class or function, of what users allowed."""
    found: dict[str, Any] = {}
    for item in _marked:
        if not isinstance(item, tuple):
            found[names.full(item)] = item
            continue
        if len(item) != 2:
            raise ValueError(
                f"Expected tuple of length 2 (global, str of callable full path), but got tuple of length: {len(item)}"
            )
        if type(item[1]) is not str:
            raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(item[1])}")
        found[item[1]] = item[0]
    return found


def modern(module: str, name: str) -> tuple[str, str]:
    """Names of Python 2 as Python 3 has them."""
    import _compat_pickle

    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def unsafe_globals(data: bytes) -> list[str]:
    """The names in a pickle that are neither in the table nor allowed by the user."""
    known = table().keys() | user_allowed().keys()
    found = set()
    for code, begin, _ in names.walk(data):
        if code not in _RUN:
            raise UnpicklingError(f"Unsupported operand {code}")
        if code == _GLOBAL:
            first = data.index(b"\n", begin)
            found.add(
                ".".join(modern(data[begin:first].decode(), data[first + 1 : data.index(b"\n", first + 1)].decode()))
            )
    return list(found - known)


class Unpickler:
    """`Unpickler(file).load()`: the object that one pickle in a file describes.

    `file` has `read(n)` and `readline(n)`. UnpicklingError for what is not allowed or makes no sense, EOFError where it ends early.
    """

    def __init__(
        self, file: Any, *, encoding: str = "bytes", persistent_load: Callable[[Any], Any] | None = None
    ) -> None:
        self._read, self.readline, self.encoding = file.read, file.readline, encoding
        self.file = file
        self.memo: dict[int, Any] = {}
        self.stack: list[Any] = []
        self.metastack: list[list[Any]] = []
        self.refer = persistent_load
        self.at = 0
        self.known = table()
        self.users = user_allowed()
        self.by_value = {id(a.value): a for a in self.known.values()}

    def read(self, n: int) -> bytes:
        data = self._read(n)
        if len(data) < n:
            raise EOFError("the pickle ends early")
        self.at += n
        return data

    def load(self) -> Any:
        read, run = self._read, _RUN
        self.stack, self.metastack, self.at = [], [], 0
        while True:
            code = read(1)
            if not code:
                raise EOFError("the pickle ends early")
            self.at += 1
            step = run.get(code[0])
            if step is None:
                raise UnpicklingError(f"Unsupported operand {code[0]}")
            if step is _stop:
                if not self.stack:
                    raise self.damaged(code[0], "there is nothing to return")
                return self.stack.pop()
            if step is _reference:  # what goes wrong there is said there
                _reference(self)
                continue
            try:
                step(self)
            except (UnpicklingError, EOFError, NotImplementedError):
                raise
            except RecursionError:
                raise UnpicklingError("the pickle is nested too deeply") from None
            except (IndexError, KeyError, struct.error, UnicodeError, OverflowError, AttributeError, MemoryError) as e:
                raise self.damaged(code[0], f"{type(e).__name__}: {e}") from e
            except (TypeError, ValueError, AssertionError) as e:
                raise self.damaged(code[0], str(e)) from e

    def damaged(self, code: int, why: str) -> UnpicklingError:
        return UnpicklingError(f"the pickle is damaged at byte {self.at} (opcode {code}): {why}")

    def pop_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.metastack.pop()
        return items

    def number(self, form: str) -> int:
        return struct.unpack(form, self.read(_SIZES[form]))[0]

    def line(self) -> str:
        raw = self.readline(LONGEST_NAME)
        self.at += len(raw)
        if not raw.endswith(b"\n"):
            raise EOFError("a name in the pickle has no end")
        return raw[:-1].decode("utf-8")

    def permitted(self, value: Any) -> bool:
        return any(value is v for v in self.users.values())


# ---- one function for each opcode


def _stop(self: Unpickler) -> None:
    """Never called: `load` knows it."""


def _proto(self: Unpickler) -> None:
    version = self.number("<B")
    if version != 2:
        warnings.warn(
            f"Detected pickle protocol {version} in the checkpoint, which was not the default pickle protocol used by `torch.load` "
            "(2). The weights_only Unpickler might not support all instructions implemented by this protocol, please file an issue "
            "for adding support if you encounter this.",
            stacklevel=2,
        )


def _global(self: Unpickler) -> None:
    module, name = modern(self.line(), self.line())
    path = f"{module}.{name}"
    if module in BLOCKED:
        raise UnpicklingError(f"Trying to load unsupported GLOBAL {path} whose module {module} is blocked.")
    found = self.known.get(path)
    if found is not None:
        self.stack.append(found.value)
    elif path in self.users:
        self.stack.append(self.users[path])
    elif path in LACKING:
        raise NotImplementedError(f"the file uses {path}, which tgrad does not have")
    else:
        path = path[len("builtins.") :] if path.startswith("builtins.") else path
        raise UnpicklingError(
            f"Unsupported global: GLOBAL {path} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{path}])` or the `torch.serialization.safe_globals([{path}])` context manager to "
            "allowlist this global if you trust this class/function."
        )


def _entry(self: Unpickler, value: Any) -> Allowed | None:
    found = self.by_value.get(id(value))
    return found if found is not None and found.value is value else None


def _newobj(self: Unpickler) -> None:
    args, cls = self.stack.pop(), self.stack.pop()
    entry = _entry(self, cls)
    if type(args) is not tuple:
        raise UnpicklingError(f"the arguments of a call must be a tuple, but are {type(args)}")
    if entry is not None and entry.new is not None:
        self.stack.append(entry.new(*args))
    elif isinstance(cls, type) and self.permitted(cls):
        self.stack.append(cls.__new__(cls, *args))
    else:
        raise UnpicklingError(
            f"Can only create new object for nn.Parameter or classes allowlisted via `add_safe_globals` but got {cls}"
        )


def _reduce(self: Unpickler) -> None:
    args, func = self.stack.pop(), self.stack[-1]
    entry = _entry(self, func)
    if type(args) is not tuple:
        raise UnpicklingError(f"the arguments of a call must be a tuple, but are {type(args)}")
    if entry is not None and entry.call is not None:
        self.stack[-1] = entry.call(*args)
    elif self.permitted(func):
        self.stack[-1] = func(*args)
    else:
        owner = f" which belongs to {func.__self__}" if hasattr(func, "__self__") else ""
        raise UnpicklingError(f"Trying to call reduce for unrecognized function {func}{owner}")


def _build(self: Unpickler) -> None:
    state, inst = self.stack.pop(), self.stack[-1]
    kind = type(inst)
    if kind is Tensor or kind is Parameter:
        if type(state) not in (tuple, list) or len(state) < 3:
            raise UnpicklingError(f"the state of a tensor must be a tuple, not {type(state)}")
        inst.__setstate__(tuple(state))
    elif kind in (OrderedDict, Counter):
        inst.__dict__.update(attributes(state))
    elif self.permitted(kind):
        _set_state(inst, state)
    else:
        raise UnpicklingError(
            "Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got "
            + str(kind)
        )


def _set_state(inst: Any, state: Any) -> None:
    """What pickle does with an object of a class that the user allowed."""
    if hasattr(inst, "__setstate__"):
        inst.__setstate__(state)
        return
    own, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if own:
        inst.__dict__.update(own)
    for name, value in (slots or {}).items():
        setattr(inst, name, value)


def _append(self: Unpickler) -> None:
    item, target = self.stack.pop(), self.stack[-1]
    if type(target) is not list:
        raise UnpicklingError(f"Can only append to lists, but got {type(target)}")
    target.append(item)


def _appends(self: Unpickler) -> None:
    items, target = self.pop_mark(), self.stack[-1]
    if type(target) is not list:
        raise UnpicklingError(f"Can only extend lists, but got {type(target)}")
    target.extend(items)


def _target(self: Unpickler, code: str) -> Any:
    target = self.stack[-1]
    if type(target) not in (dict, OrderedDict, Counter):
        raise UnpicklingError(
            f"Can only {code} for dict, collections.OrderedDict, collections.Counter, but got {type(target)}"
        )
    return target


def _setitem(self: Unpickler) -> None:
    value, name = self.stack.pop(), self.stack.pop()
    _target(self, "SETITEM")[key(name)] = value


def _setitems(self: Unpickler) -> None:
    items = self.pop_mark()
    target = _target(self, "SETITEMS")
    for i in range(0, len(items), 2):
        target[key(items[i])] = items[i + 1]


def _mark(self: Unpickler) -> None:
    self.metastack.append(self.stack)
    self.stack = []


def _tuple(self: Unpickler) -> None:
    items = tuple(self.pop_mark())
    self.stack.append(items)


def _tuple_of(n: int) -> Callable[[Unpickler], None]:
    def make(self: Unpickler) -> None:
        if len(self.stack) < n:
            raise IndexError("pop from empty list")
        self.stack[-n:] = [tuple(self.stack[-n:])]

    return make


def _push(make: Callable[[], Any]) -> Callable[[Unpickler], None]:
    return lambda self: self.stack.append(make())


def _push_number(form: str) -> Callable[[Unpickler], None]:
    return lambda self: self.stack.append(self.number(form))


def _unicode(self: Unpickler) -> None:
    self.stack.append(str(self.read(self.number("<I")), "utf-8", "surrogatepass"))


def _short_string(self: Unpickler) -> None:
    data: Any = self.read(self.number("<B"))
    self.stack.append(data if self.encoding == "bytes" else data.decode(self.encoding, "strict"))


def _long(self: Unpickler) -> None:
    self.stack.append(pickle.decode_long(self.read(self.number("<B"))))  # type: ignore[attr-defined]


def _reference(self: Unpickler) -> None:
    if not self.stack:
        raise self.damaged(pickle.BINPERSID[0], "IndexError: pop from empty list")
    pid = self.stack.pop()
    if type(pid) is not tuple and type(pid) is not int:
        raise UnpicklingError(f"persistent_load id must be tuple or int, but got {type(pid)}")
    if type(pid) is tuple and len(pid) > 0 and pid[0] not in ("storage", b"storage"):
        raise UnpicklingError(f"Only persistent_load of storage is allowed, but got {type(pid[0])}")
    if self.refer is None:
        raise UnpicklingError("unsupported persistent id encountered")
    self.stack.append(self.refer(pid))


def _get(form: str) -> Callable[[Unpickler], None]:
    def get(self: Unpickler) -> None:
        self.stack.append(self.memo[self.number(form)])

    return get


def _put(form: str) -> Callable[[Unpickler], None]:
    def put(self: Unpickler) -> None:
        at = self.number(form)
        self.memo[at] = self.stack[-1]

    return put


_SIZES = {form: struct.calcsize(form) for form in ("<B", "<H", "<i", "<I", ">d")}
_GLOBAL = pickle.GLOBAL[0]
_RUN: dict[int, Callable[[Unpickler], None]] = {
    code[0]: step
    for code, step in {
        pickle.STOP: _stop, pickle.PROTO: _proto, pickle.GLOBAL: _global, pickle.NEWOBJ: _newobj, pickle.REDUCE: _reduce,
        pickle.BUILD: _build, pickle.APPEND: _append, pickle.APPENDS: _appends, pickle.SETITEM: _setitem,
        pickle.SETITEMS: _setitems, pickle.MARK: _mark, pickle.TUPLE: _tuple, pickle.TUPLE1: _tuple_of(1),
        pickle.TUPLE2: _tuple_of(2), pickle.TUPLE3: _tuple_of(3), pickle.NONE: _push(lambda: None),
        pickle.NEWFALSE: _push(lambda: False), pickle.NEWTRUE: _push(lambda: True), pickle.EMPTY_TUPLE: _push(tuple),
        pickle.EMPTY_LIST: _push(list), pickle.EMPTY_DICT: _push(dict), pickle.EMPTY_SET: _push(set),
        pickle.BININT: _push_number("<i"), pickle.BININT1: _push_number("<B"), pickle.BININT2: _push_number("<H"),
        pickle.BINFLOAT: _push_number(">d"), pickle.BINUNICODE: _unicode, pickle.SHORT_BINSTRING: _short_string,
        pickle.LONG1: _long, pickle.BINPERSID: _reference, pickle.BINGET: _get("<B"), pickle.LONG_BINGET: _get("<I"),
        pickle.BINPUT: _put("<B"), pickle.LONG_BINPUT: _put("<I"),
    }.items()
}  # fmt: skip
