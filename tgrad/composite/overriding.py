"""`__torch_function__`: classes that have a say in what functions do with them.

Note [Overrides]
Nobody pays for this who does not use it. The first subclass of Tensor that a program defines, the first `TorchFunctionMode` and the
import of `torch.overrides` put a look at the arguments in front of every public function, method and property (`activate`). It asks,
in PyTorch's order, the modes that are open and then the classes of the arguments, subclasses first and else from the left. What it
hands them is the public function itself, so that tables with functions as keys work.

An object that is no Tensor but has `__torch_function__` is seen from then on, too.

A handler that calls the function again does so without overrides, as `Tensor.__torch_function__` does: it computes, and makes
results instances of the subclass.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import threading
import types
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from .. import codes, functions
from ..methods import LazyMethod
from ..tensor import FAST, Tensor


class _State(threading.local):
    subclasses_off = 0
    all_off = 0

    def __init__(self) -> None:
        self.modes: list[Any] = []


state = _State()


class DisableTorchFunctionSubclass:
    """Inside a `with` block of it, classes of arguments are not asked; modes are."""

    def __enter__(self) -> None:
        state.subclasses_off += 1

    def __exit__(self, *exc: object) -> None:
        state.subclasses_off -= 1


class DisableTorchFunction:
    """Inside a `with` block of it, neither classes nor modes are asked."""

    def __enter__(self) -> None:
        state.all_off += 1

    def __exit__(self, *exc: object) -> None:
        state.all_off -= 1


def _disabled_torch_function_impl(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """What a class sets as its `__torch_function__` to be taken as a plain tensor."""
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


def handler_of(kind: type) -> Any:
    """The `__torch_function__` of a class; None for plain tensors and classes that do without."""
    if kind in FAST or kind in _PLAIN:
        return None
    found = getattr(kind, "__torch_function__", None)
    return None if found is _disabled_torch_function_impl else found


_PLAIN = frozenset({int, float, bool, complex, str, type(None), slice, type(Ellipsis)})


def overloaded(args: Iterable[Any]) -> list[Any]:
    """The arguments (and elements of lists) whose classes want to be asked, one of each class, in the order of asking."""
    found: list[Any] = []
    for a in args:
        kind = type(a)
        if kind in FAST or kind in _PLAIN:
            continue
        for x in a if kind is list or kind is tuple else (a,):
            other = type(x)
            if handler_of(other) is None or any(type(f) is other for f in found):
                continue
            at = next((i for i, f in enumerate(found) if issubclass(other, type(f))), len(found))
            found.insert(at, x)
    return found


def dispatch(public: Any, plain: Callable[..., Any], asked: list[Any], args: tuple[Any, ...], kwargs: Any) -> Any:
    """Asks the innermost mode, then the classes; TypeError if all decline."""
    kinds = tuple(type(a) for a in asked)
    if state.modes:
        mode = state.modes.pop()
        try:
            result = mode.__torch_function__(public, kinds, args, kwargs or {})
        finally:
            state.modes.append(mode)
        if result is not NotImplemented:
            return result
    if not asked:
        return plain(*args, **kwargs)
    for a in asked:
        result = handler_of(type(a))(public, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    module, word = getattr(public, "__module__", None) or "", getattr(public, "__name__", public)
    name = f"{module}.{word}".replace("tgrad", "torch", 1)
    if module.startswith("tgrad") and ".nn." not in module:
        listed = "".join(f"  - tensor subclass {kind}\n" for kind in kinds)
        raise TypeError(
            f"Multiple dispatch failed for '{name}'; all __torch_function__ handlers returned NotImplemented:\n\n{listed}\nFor more "
            "information, try re-running with TORCH_LOGS=not_implemented"
        )
    text = f"no implementation found for '{name}' on types that implement __torch_function__: {list(kinds)}"
    raise TypeError(text + (f" nor was it found on the currently active mode {state.modes[-1]}" if state.modes else ""))


def overridable(plain: Callable[..., Any], public: Any = None, name: str = "") -> Callable[..., Any]:
    """A function that asks first. `public`: what handlers are told was called, if not this function; `name`: its own."""

    @functools.wraps(plain)
    def ask(*args: Any, **kwargs: Any) -> Any:
        if state.all_off or (state.subclasses_off and not state.modes):
            return plain(*args, **kwargs)
        asked = [] if state.subclasses_off else overloaded((*args, *kwargs.values()) if kwargs else args)
        if not asked and not state.modes:
            return plain(*args, **kwargs)
        return dispatch(ask if public is None else public(), plain, asked, args, kwargs or None)

    ask._plain = plain  # type: ignore[attr-defined]
    if name:
        ask.__name__ = name
    return ask


def asking(fn: types.FunctionType) -> types.FunctionType:
    """The function itself, which asks first from now on: its code gives way to code that does, so that it stays the same object for all who
    hold it, compare with it or pickle it."""
    code, plain = fn.__code__, codes.copied(fn)

    def ask(*args: Any, **kwargs: Any) -> Any:
        if state.all_off or (state.subclasses_off and not state.modes):
            return plain(*args, **kwargs)
        asked = [] if state.subclasses_off else overloaded((*args, *kwargs.values()) if kwargs else args)
        if not asked and not state.modes:
            return plain(*args, **kwargs)
        return dispatch(fn, plain, asked, args, kwargs or None)

    fn.__signature__ = inspect.signature(fn)  # type: ignore[attr-defined]
    fn.__code__ = codes.standing_in(fn, ask)
    fn._plain = plain  # type: ignore[attr-defined]
    Active.undo.append((fn, "__code__", code))
    return fn


# ---- what every subclass inherits


def converted(result: Any, cls: type) -> Any:
    """Results as instances of a subclass, containers looked into."""
    if cls is Tensor:
        return result
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else result.as_subclass(cls)  # type: ignore[attr-defined]
    if isinstance(result, (tuple, list)) and any(isinstance(r, (Tensor, tuple, list)) for r in result):
        return type(result)([converted(r, cls) for r in result])
    return result


def _default(cls: type, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Computes as for plain tensors, and makes results instances of this class. NotImplemented for classes that are no ancestors of it."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
        return result if func in unwrapped() else converted(result, cls)


Tensor.__torch_function__ = classmethod(_default)  # type: ignore[attr-defined]


def unwrapped() -> set[Any]:
    """What returns plain tensors of subclasses: their gradients and bases."""
    return {vars(Tensor)[name].__get__ for name in ("_base", "grad")}


# ---- putting it there

# What handlers are told where an operator is another method's.
_OPERATORS = {
    "__add__": "add", "__radd__": "add", "__sub__": "sub", "__mul__": "mul", "__rmul__": "mul", "__truediv__": "div", "__mod__": "remainder",
    "__matmul__": "matmul", "__rmatmul__": "matmul", "__rand__": "bitwise_and", "__ror__": "bitwise_or", "__rxor__": "bitwise_xor",
    "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge", "__ne__": "ne", "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_",
    "__itruediv__": "div_", "__neg__": "neg", "__abs__": "abs", "__pos__": "positive",
}  # fmt: skip
_LEFT_ALONE = {
    "__new__", "__init__", "__hash__", "__setstate__", "__torch_function__", "__init_subclass__", "__array_wrap__", "as_subclass",
}  # fmt: skip
# Functions that take no tensors, or say something about objects: the same for all.
NOT_ASKED = frozenset(
    "is_tensor is_storage typename compile manual_seed seed initial_seed get_rng_state set_rng_state set_default_dtype get_default_dtype "
    "set_default_tensor_type set_default_device get_default_device set_printoptions set_num_threads get_num_threads set_num_interop_threads "
    "get_num_interop_threads set_flush_denormal use_deterministic_algorithms are_deterministic_algorithms_enabled "
    "is_deterministic_algorithms_warn_only_enabled set_deterministic_debug_mode get_deterministic_debug_mode set_float32_matmul_precision "
    "get_float32_matmul_precision is_grad_enabled is_inference_mode_enabled is_inference_mode set_anomaly_enabled is_anomaly_enabled "
    "is_autocast_enabled promote_types can_cast from_dlpack to_dlpack from_numpy as_tensor asarray save load cond vmap broadcast_shapes is_anomaly_check_nan_enabled".split()
)
SPACES = ("nn.functional", "nn.toplevel", "linalg", "fft", "special", "nn.init")


class Active:
    undo: ClassVar[list[tuple[Any, str, Any]]] = []  # (owner, name, what was there)
    on = False


def _set(owner: Any, name: str, value: Any) -> None:
    Active.undo.append((owner, name, vars(owner)[name]))
    setattr(owner, name, value)


def activate() -> None:
    """Puts the look at the arguments in front of everything public, once."""
    if Active.on:
        return
    Active.on = True
    for name, value in list(vars(Tensor).items()):
        if name in _LEFT_ALONE or (name.startswith("_") and not name.startswith("__")):
            continue
        public = functools.partial(getattr, Tensor, _OPERATORS[name]) if name in _OPERATORS else None
        told = {"__pow__": "pow", "__ipow__": "pow_"}.get(name, name)
        if isinstance(value, LazyMethod):
            _set(Tensor, name, LazyMethod(name, functools.partial(_built, value.build, public, told)))
        elif isinstance(value, types.FunctionType):
            _set(Tensor, name, overridable(value, public, told))
        elif isinstance(value, property):
            _set(Tensor, name, _property(value))
    known: dict[int, types.FunctionType] = {}
    for name, value in list(vars(functions).items()):
        if isinstance(value, types.FunctionType) and not name.startswith("__") and name not in NOT_ASKED:
            known[id(value)] = value
    for name, build in list(functions.LAZY.items()):
        if name not in NOT_ASKED and name not in vars(functions):
            Active.undo.append((functions.LAZY, name, build))
            functions.LAZY[name] = functools.partial(_asked_for, build)
    package = functions.__name__.partition(".")[0]
    for space in SPACES:
        module = importlib.import_module(f"{package}.{space}")  # these look at it, and are not looked at from here
        for name, value in list(vars(module).items()):
            if isinstance(value, types.FunctionType) and not name.startswith("_"):
                known[id(value)] = value
    for value in known.values():
        asking(value)


def _asked_for(build: Callable[[], Any]) -> Any:
    found = build()
    return asking(found) if isinstance(found, types.FunctionType) else overridable(found)


def _built(build: Callable[[], Any], public: Any, name: str) -> Any:
    return overridable(build(), public, name)


def _property(plain: property) -> property:
    """A property whose getter and setter ask first; handlers are told `Tensor.name.__get__` and `Tensor.name.__set__`."""
    assert plain.fget is not None
    made: Any
    getter = overridable(plain.fget, lambda: made.__get__, "__get__")
    setter = None if plain.fset is None else overridable(plain.fset, lambda: made.__set__, "__set__")
    made = property(getter, setter, plain.fdel, plain.__doc__)
    return made


def deactivate() -> None:
    """Takes it away again; for tests."""
    for owner, name, value in reversed(Active.undo):
        if isinstance(owner, dict):
            owner[name] = value
        else:
            setattr(owner, name, value)
        if name == "__code__":
            owner.__dict__.pop("_plain", None)
    Active.undo.clear()
    Active.on = False


def subclassed(cls: type) -> None:
    """A program defines a subclass of Tensor."""
    package = functions.__name__.partition(".")[0]
    if cls.__module__.partition(".")[0] != package and handler_of(cls) is not None:
        activate()


Tensor._on_subclass = staticmethod(subclassed)  # type: ignore[method-assign]
