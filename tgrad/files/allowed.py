"""What a file may name without being trusted: a table of names, and what may be done with each.

Note [What a file may do]
A pickle is a program for a small machine. Run by Python's own unpickler it can call whatever it names. Run by `unpickler.py` it can
name what stands in this table or what the user allowed (`torch.serialization.add_safe_globals`), and every call goes to the function
given here, which looks at its arguments: none takes more memory than the file has bytes, none imports, opens or runs anything.
"""

from __future__ import annotations

import functools
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import Any

from .. import _utils
from ..composite import pickling
from ..composite.legacy import LEGACY
from ..composite.storages import DTYPES, TypedStorage
from ..device import device
from ..dtype import ALL, dtype, float32
from ..nn.parameter import Parameter
from ..shape import Size
from ..storage import UntypedStorage
from ..tensor import Tensor, make


class StorageType:
    """What stands for `torch.FloatStorage` and its kin while a file is read."""

    def __init__(self, name: str) -> None:
        self._dtype = DTYPES[name]

    @property
    def dtype(self) -> Any:
        return self._dtype

    def __str__(self) -> str:
        return f"StorageType(dtype={self.dtype})"


@dataclass(frozen=True)
class Allowed:
    """What a name stands for on the stack, and what REDUCE and NEWOBJ do with it; None: they are refused."""

    value: Any
    call: Callable[..., Any] | None = None
    new: Callable[..., Any] | None = None


# ---- keys

DEEPEST, MOST = 50, 10_000


def key(value: Any) -> Any:
    """A value that may be hashed: Python's hash of nested tuples recurses in C, and takes exponential time where they share parts."""
    if type(value) is tuple:
        _weigh(value, {}, 0)
    return value


def _weigh(value: tuple[Any, ...], known: dict[int, int], depth: int) -> int:
    if depth > DEEPEST:
        raise UnpicklingError(f"a key of a dict or set is a tuple nested more than {DEEPEST} deep")
    if id(value) not in known:
        total = 1 + sum(_weigh(v, known, depth + 1) if type(v) is tuple else 1 for v in value)
        if total > MOST:
            raise UnpicklingError(f"a key of a dict or set is a tuple of more than {MOST} parts")
        known[id(value)] = total
    return known[id(value)]


def pairs(items: Any) -> list[tuple[Any, Any]]:
    """(key, value) pairs that a dict can be made from."""
    if isinstance(items, dict):
        items = list(items.items())
    if type(items) not in (list, tuple):
        raise UnpicklingError(f"a dict cannot be made from {type(items)}")
    for pair in items:
        if type(pair) not in (list, tuple) or len(pair) != 2:
            raise UnpicklingError("a dict is made from pairs")
    return [(key(k), v) for k, v in items]


# ---- what may be called


def ordered(*args: Any) -> OrderedDict[Any, Any]:
    return OrderedDict(pairs(args[0])) if _at_most(1, args) else OrderedDict()


def counter(*args: Any) -> Counter[Any]:
    out: Counter[Any] = Counter()
    for k, v in pairs(args[0]) if _at_most(1, args) else ():
        out[k] = v
    return out


def a_set(*args: Any) -> set[Any]:
    if not _at_most(1, args):
        return set()
    if type(args[0]) not in (list, tuple, set):
        raise UnpicklingError(f"a set cannot be made from {type(args[0])}")
    return {key(v) for v in args[0]}


def encode(text: Any, encoding: Any = "utf-8", errors: Any = "strict") -> bytes:
    """How Python 2's protocol writes bytes: as text in latin1."""
    if type(text) is not str or str(encoding).lower() not in ("latin1", "latin-1", "utf-8", "utf8", "ascii"):
        raise UnpicklingError(f"bytes are encoded from str as latin1, not from {type(text)} as {encoding!r}")
    return text.encode(encoding)


def a_bytearray(*args: Any) -> bytearray:
    if not args:
        return bytearray()
    if type(args[0]) in (bytes, bytearray) and len(args) == 1:
        return bytearray(args[0])
    return bytearray(encode(*args))


def a_complex(*args: Any) -> complex:
    _at_most(2, args)
    if any(type(a) not in (int, float, complex) for a in args):
        raise UnpicklingError("a complex number is made from numbers")
    return complex(*args)


def a_size(*args: Any) -> Size:
    return Size(pickling.ints("size", args[0]) if _at_most(1, args) else ())


def a_device(*args: Any) -> device:
    _at_most(2, args)
    return device(*args)


def a_parameter(*args: Any) -> Parameter:
    data, grad = (*args, True)[:2] if _at_most(2, args) else (None, True)
    if data is not None and not isinstance(data, Tensor):
        raise UnpicklingError(f"a Parameter is made from a tensor, not from {type(data)}")
    return Parameter(data, bool(grad))


def parameter_of(data: Any, requires_grad: Any, backward_hooks: Any) -> Parameter:
    return a_parameter(data, requires_grad)


def parameter_with_state(data: Any, requires_grad: Any, backward_hooks: Any, state: Any) -> Parameter:
    return with_state(a_parameter(data, requires_grad), state)


def from_type(func: Any, kind: Any, args: Any, state: Any) -> Any:
    """A tensor of a class that is allowed, with attributes that are data."""
    from .unpickler import user_allowed

    rebuild = _REBUILD.get(func) if callable(func) else None
    if rebuild is None or type(args) is not tuple:
        raise UnpicklingError(f"Trying to call reduce for unrecognized function {func}")
    out = rebuild(*args)
    if kind is Tensor or kind is Parameter:
        return with_state(out, state)
    if kind not in user_allowed().values() or not (isinstance(kind, type) and issubclass(kind, Tensor)):
        raise UnpicklingError(f"Trying to make a tensor of {kind}, which is not allowed")
    return pickling._rebuild_from_type_v2(rebuild, kind, args, state)


def with_state(t: Any, state: Any) -> Any:
    """A tensor with attributes of its own, which may hide nothing that every tensor has."""
    for part in state if type(state) is tuple else (state,):
        for name, value in (attributes(part) or {}).items():
            if name.startswith("__") or name in _OWN:
                raise UnpicklingError(f"a tensor's attribute may not be called {name!r}")
            t.__dict__[name] = value
    return t


def attributes(state: Any) -> dict[str, Any]:
    """A dict of attributes by name."""
    if state is None:
        return {}
    if not isinstance(state, dict) or any(type(k) is not str for k in state):
        raise UnpicklingError(f"the state of an object must be a dict of its attributes, not {type(state)}")
    return state


def legacy_tensor(d: dtype) -> Callable[..., Tensor]:
    def empty(*args: Any) -> Tensor:
        if args:
            raise UnpicklingError("a tensor is made empty, and then gets its storage")
        return make(Tensor, UntypedStorage(0)._block.view(d.np))

    return empty


def _at_most(n: int, args: tuple[Any, ...]) -> bool:
    if len(args) > n:
        raise UnpicklingError(f"expected at most {n} arguments, got {len(args)}")
    return bool(args)


_OWN = frozenset(Tensor.__slots__) | {"data", "grad", "requires_grad"}
_REBUILD: dict[Any, Callable[..., Any]] = {
    getattr(_utils, name): getattr(_utils, name)
    for name in _utils.__all__
    if name.startswith("_rebuild") and "parameter" not in name
}
_REBUILD[_utils._rebuild_parameter] = parameter_of
_REBUILD[_utils._rebuild_parameter_with_state] = parameter_with_state


@functools.cache
def table() -> dict[str, Allowed]:
    """Name in files -> what it stands for."""
    found = {
        "collections.OrderedDict": Allowed(OrderedDict, ordered, ordered),
        "collections.Counter": Allowed(Counter, counter, counter),
        "torch.nn.parameter.Parameter": Allowed(Parameter, a_parameter, a_parameter),
        "torch.serialization._get_layout": Allowed(pickling._get_layout, pickling._get_layout),
        "torch.Size": Allowed(Size, a_size, a_size),
        "torch.Tensor": Allowed(Tensor, None, legacy_tensor(float32)),
        "torch.device": Allowed(device, a_device),
        "_codecs.encode": Allowed(encode, encode),
        "builtins.bytearray": Allowed(bytearray, a_bytearray, a_bytearray),
        "builtins.set": Allowed(set, a_set, a_set),
        "builtins.complex": Allowed(complex, a_complex, a_complex),
        "torch.storage.UntypedStorage": Allowed(UntypedStorage),
        "torch.storage.TypedStorage": Allowed(TypedStorage),
        "torch._tensor._rebuild_from_type_v2": Allowed(pickling._rebuild_from_type_v2, from_type),
    }
    for d in ALL:
        found[f"torch.{d.name}"] = Allowed(d)
    for name in DTYPES:
        kind = Allowed(StorageType(name))
        found[f"torch.{name}"] = found[f"torch.cuda.{name}"] = kind
    for name, d in LEGACY.items():
        kind = Allowed(type(name, (), {"__module__": "torch"}), None, legacy_tensor(d))
        found[f"torch.{name}"] = found[f"torch.cuda.{name}"] = kind
    for fn, call in _REBUILD.items():
        found[f"torch._utils.{fn.__name__}"] = Allowed(fn, call)
    for scheme in "per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric per_channel_affine_float_qparams".split():
        found[f"torch.{scheme}"] = Allowed(f"torch.{scheme}")
    return found


# PyTorch has these, tgrad does not: a file that names one cannot be read here, whatever is allowed.
LACKING = frozenset(
    "torch." + name
    for name in (
        "complex32 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 bits8 bits16 bits1x8 bits2x4 "
        "bits4x2 qint8 qint32 quint8 quint4x2 quint2x4 QInt8Storage QInt32Storage QUInt8Storage QUInt4x2Storage QUInt2x4Storage "
        "int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7"
    ).split()
)
