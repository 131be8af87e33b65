"""torch.overrides: for classes with `__torch_function__` and for modes that see every function; see Note [Overrides]."""

from __future__ import annotations

import contextlib
import functools
import importlib
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import functions
from .composite import overriding
from .composite.overriding import (
    NOT_ASKED,
    SPACES,
    DisableTorchFunction,
    DisableTorchFunctionSubclass,
    _disabled_torch_function_impl,
    overloaded,
    state,
)
from .tensor import Tensor

overriding.activate()

__all__ = [
    "BaseTorchFunctionMode", "TorchFunctionMode", "enable_reentrant_dispatch", "get_ignored_functions", "get_overridable_functions",
    "get_testing_overrides", "handle_torch_function", "has_torch_function", "is_tensor_like", "is_tensor_method_or_property",
    "redispatch_function", "resolve_name", "wrap_torch_function",
]  # fmt: skip


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether a class among the arguments wants to be asked, or a mode is open."""
    if state.all_off:
        return False
    return bool(state.modes) or (not state.subclasses_off and bool(overloaded(relevant_args)))


def has_torch_function_unary(arg: Any) -> bool:
    """The same for one argument."""
    return has_torch_function((arg,))


def has_torch_function_variadic(*args: Any) -> bool:
    """The same for arguments."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Asks modes and the classes of `relevant_args` what `public_api(*args, **kwargs)` is. TypeError if all decline.

    >>> class Five:
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         return 5
    >>> def f(x):
    ...     return torch.overrides.handle_torch_function(f, (x,), x)
    >>> f(Five())
    5
    """
    plain = getattr(public_api, "_plain", public_api)
    return overriding.dispatch(public_api, plain, overloaded(relevant_args), args, kwargs)


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: a function that asks the arguments that `dispatcher(*args, **kwargs)` returns before it runs."""

    def wrap(fn: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(fn)
        def call(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return overriding.dispatch(call, fn, overloaded(relevant), args, kwargs)
            return fn(*args, **kwargs)

        return call

    return wrap


def is_tensor_like(inp: Any) -> bool:
    """Whether something is a tensor or its class has `__torch_function__`.

    >>> torch.overrides.is_tensor_like(torch.ones(1)), torch.overrides.is_tensor_like([1])
    (True, False)
    """
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


class TorchFunctionMode:
    """Inside a `with` block of an instance, its `__torch_function__(func, types, args, kwargs)` is asked for every function.

    A mode inside another is asked first; while it answers, it is closed, so that it may call `func`.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> TorchFunctionMode:
        overriding.activate()
        state.modes.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        state.modes.remove(self)

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> TorchFunctionMode:
        """An instance, to be entered."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """Classes and modes are asked inside a handler, too."""
    before = (state.subclasses_off, state.all_off)
    state.subclasses_off = state.all_off = 0
    try:
        yield
    finally:
        state.subclasses_off, state.all_off = before


@contextlib.contextmanager
def redispatch_function() -> Iterator[None]:
    """The same."""
    with enable_reentrant_dispatch():
        yield


@contextlib.contextmanager
def _no_torch_function_mode() -> Iterator[None]:
    before, state.modes = state.modes, []
    try:
        yield
    finally:
        state.modes = before


def _package() -> Any:
    return importlib.import_module(functions.__name__.partition(".")[0])


def _public(module: Any) -> list[tuple[str, Any]]:
    found = [(n, getattr(module, n, None)) for n in dir(module) if not n.startswith("_") and n not in NOT_ASKED]
    return [(n, f) for n, f in found if isinstance(f, types.FunctionType) and hasattr(f, "_plain")]


@functools.cache
def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """Namespace -> the functions, methods and properties in it that ask."""
    package = _package()
    found: dict[Any, list[Callable[..., Any]]] = {package: [f for _, f in _public(package)]}
    for space in SPACES:
        if space != "nn.toplevel":
            module = importlib.import_module(f"{package.__name__}.{space}")
            found[module] = [f for _, f in _public(module)]
    own: list[Callable[..., Any]] = []
    for name in dir(Tensor):
        value = vars(Tensor).get(name)
        if isinstance(value, property):
            own.append(value.__get__)
        elif value is not None and hasattr(getattr(Tensor, name), "_plain"):
            own.append(getattr(Tensor, name))
    found[Tensor] = own
    return found


@functools.cache
def get_ignored_functions() -> set[Callable[..., Any]]:
    """Public functions that never ask."""
    package = _package()
    return {getattr(package, n) for n in NOT_ASKED if hasattr(package, n)}


@functools.cache
def get_testing_overrides() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Each function that asks -> a function of the same arguments that returns -1."""
    return {f: (lambda *args, **kwargs: -1) for fs in get_overridable_functions().values() for f in fs}


def get_default_nowrap_functions() -> set[Callable[..., Any]]:
    """What gives plain tensors of subclasses."""
    return overriding.unwrapped()


@functools.cache
def _names() -> dict[Any, str]:
    found: dict[Any, str] = {}
    for space, fs in get_overridable_functions().items():
        where = "torch.Tensor" if space is Tensor else space.__name__.replace("tgrad", "torch", 1)
        for f in fs:
            owner = getattr(f, "__self__", None)
            name = getattr(f, "__name__", "")
            if isinstance(owner, property):
                name = next(n for n in dir(Tensor) if vars(Tensor).get(n) is owner) + ".__get__"
            found.setdefault(f, f"{where}.{name}")
    return found


def resolve_name(f: Any) -> str | None:
    """The full name of a function that asks: "torch.add"."""
    if isinstance(f, (str, type(None))):
        return f  # type: ignore[return-value]
    return _names().get(f)


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether it is a method of Tensor or the getter of a property."""
    return func in get_overridable_functions()[Tensor] or getattr(func, "__name__", "") == "__get__"


_ = (DisableTorchFunction, DisableTorchFunctionSubclass, _disabled_torch_function_impl)
