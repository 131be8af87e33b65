"""What transforms of functions (vmap, forward mode) put in front of the door while they run.

`tgrad.transforms` sets the three functions. Each gives NotImplemented where no input stands for more than it shows, and is asked only
while `state.hooked` says that a transform runs, so that nobody pays for it else. A profiler (`tgrad.graph.profiling`) stands there as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .graph.modes import state
from .ops.spec import Row


def hooked(how: str, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """What the door asks while `state.hooked`: a profiler comes first, and then asks again for the row that it times."""
    if state.profiler is not None:
        return state.profiler.door(how, row, inputs, params)
    return Hooks.transformed(how, row, inputs, params)


def transformed(how: str, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """A row, in one of the ways "run", "pointwise" and "inplace" at the door."""
    return Hooks.transformed(how, row, inputs, params)


class Hooks:
    """Set by `tgrad.transforms`."""

    transformed: Callable[[str, Row, Sequence[Any], dict[str, Any]], Any] = staticmethod(lambda *_: NotImplemented)
    # A function that draws random numbers: (function, how to ask it for more, args, kwargs).
    drawn: Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any] = staticmethod(lambda *_: NotImplemented)
    # A function without a row: (function, the places of arguments that it treats elementwise, args, kwargs).
    mapped: Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any] = staticmethod(lambda *_: NotImplemented)


def leading(
    fn: Callable[..., Any], free: frozenset[Any] | None = None, whole: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """A function without a row that treats leading dimensions alike: vmap runs it over whole batches. `free`: the places and names of the
    arguments for which that is so, if not for all; `whole(size, args, kwargs)` does it where others are batched as well."""
    fn.whole = whole  # type: ignore[attr-defined]

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if state.hooked and (got := Hooks.mapped(call, free, args, kwargs)) is not NotImplemented:
            return got
        return fn(*args, **kwargs)

    return call


def drawing(fn: Callable[..., Any], sizes: Any = None) -> Callable[..., Any]:
    """A function that draws random numbers, such that vmap is asked first. `sizes(n, args, kwargs)` gives the arguments that draw n times as
    much, where it takes sizes instead of tensors."""

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if state.hooked and (got := Hooks.drawn(fn, sizes, args, kwargs)) is not NotImplemented:
            return got
        return fn(*args, **kwargs)

    return call


__all__ = ["Hooks", "drawing", "hooked", "leading", "transformed"]
