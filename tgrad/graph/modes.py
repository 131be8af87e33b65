"""Grad mode and the other switches that the door looks at, one set per thread."""

from __future__ import annotations

import functools
import inspect
import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class State(threading.local):
    """`grad`: ops are recorded. `inference`: results are inference tensors. `slow`: some observer is on (saved-tensor
    hooks, anomaly mode, inference mode, ...), so that the fast paths of the door must not be taken."""

    grad = True
    inference = False
    slow = False
    anomaly = False
    check_nan = True
    saved_hooks: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = ()
    saved_hooks_disabled: str | None = None
    levels = 0  # transforms (vmap, forward mode) that are running: see transforms/wrapped.py
    module = 0  # the module in its forward, while provenance is on: see places.py
    root: Any = None  # and the outermost one
    transforms = 0  # the same, and those of reverse mode
    profiler: Any = None  # what times the operations of this thread: see graph/profiling.py
    hooked = 0  # how many of both there are, for which the door asks `levels.Hooks` first
    running: Any = None  # the backward pass that this thread is in

    def refresh(self) -> None:
        self.slow = (
            self.inference
            or self.anomaly
            or bool(self.saved_hooks)
            or self.saved_hooks_disabled is not None
            or self.profiler is not None
        )


state = State()


class _Mode:
    """A context manager that is a decorator too (of functions, generators and classes' callables)."""

    def __enter__(self) -> Any:
        raise TypeError(f"{type(self).__name__} cannot be entered")

    def __exit__(self, *exc: object) -> None:
        raise TypeError(f"{type(self).__name__} cannot be left")

    def clone(self) -> _Mode:
        return type(self)()

    def __call__(self, fn: F) -> F:
        if inspect.isclass(fn):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate functions "
                "or methods. To preserve the current behavior of class decoration, you can directly decorate the `__init__` "
                "method and nothing else.",
                FutureWarning,
                stacklevel=2,
            )
        if inspect.isgeneratorfunction(fn):
            return self._generator(fn)  # type: ignore[return-value]

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return fn(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    def _generator(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        # The mode holds only while the generator's own code runs, not while it is suspended at a yield.
        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            gen = fn(*args, **kwargs)
            try:
                with self.clone():
                    value = gen.send(None)
                while True:
                    try:
                        sent = yield value
                    except GeneratorExit:
                        with self.clone():
                            gen.close()
                        raise
                    except BaseException as error:
                        with self.clone():
                            value = gen.throw(error)
                    else:
                        with self.clone():
                            value = gen.send(sent)
            except StopIteration as stop:
                return stop.value

        return wrapped


class no_grad(_Mode):
    """Ops inside are not recorded: results do not require grad. Context manager and decorator.

    >>> import tgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    _value = False

    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        self = super().__new__(cls)
        if orig_func is None:
            return self
        self.__init__()  # type: ignore[misc]
        return self(orig_func)  # @no_grad without parentheses

    def __init__(self, orig_func: Callable[..., Any] | None = None) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(state.grad)
        state.grad = self._value

    def __exit__(self, *exc: object) -> None:
        state.grad = self._before.pop()


class enable_grad(no_grad):
    """Ops inside are recorded again, within `no_grad`. Context manager and decorator."""

    _value = True


class set_grad_enabled(_Mode):
    """Switches recording on or off at once; as a context manager, until the block ends."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                f"set_grad_enabled(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}"
            )
        self.prev = state.grad
        self.mode = mode
        state.grad = bool(mode)

    def __call__(self, fn: F) -> F:
        state.grad = self.prev
        return super().__call__(fn)

    def __enter__(self) -> None:
        state.grad = bool(self.mode)

    def __exit__(self, *exc: object) -> None:
        state.grad = self.prev

    def clone(self) -> set_grad_enabled:
        new = set_grad_enabled.__new__(set_grad_enabled)
        new.prev, new.mode = state.grad, self.mode
        return new


class inference_mode(_Mode):
    """No recording, no version counting; results are inference tensors that autograd refuses to save."""

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if isinstance(mode, bool):
            return self
        self.__init__()  # type: ignore[misc]
        return self(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._before.append((state.grad, state.inference))
        state.inference = self.mode
        state.grad = not self.mode
        state.refresh()

    def __exit__(self, *exc: object) -> None:
        state.grad, state.inference = self._before.pop()
        state.refresh()

    def clone(self) -> inference_mode:
        return type(self)(self.mode)


def is_grad_enabled() -> bool:
    """Whether ops are recorded now, in this thread."""
    return state.grad


def is_inference_mode_enabled() -> bool:
    """Whether tensors made now are inference tensors."""
    return state.inference
