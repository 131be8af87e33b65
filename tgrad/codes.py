"""Exchanging what a function does while it stays the same object, for all who hold it, compare with it or pickle it.

Autocast, profilers and `__torch_function__` stand in front of public functions only while somebody uses them, so that nobody else pays:

    fn.__code__ = standing_in(fn, call)     from now on fn(...) is call(...)
    copied(fn)(...)                         what it did before
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

_CALL = "what to call"


def copied(fn: FunctionType) -> FunctionType:
    """The function as another object, which keeps the code that it has now."""
    twin = FunctionType(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)
    twin.__kwdefaults__ = fn.__kwdefaults__
    twin.__dict__.update(fn.__dict__)
    return twin


def standing_in(fn: FunctionType, call: Callable[..., Any]) -> CodeType:
    """Code for `fn` that hands all its arguments to `call`."""
    template = _template(fn.__code__.co_freevars)
    consts = tuple([call if type(c) is str and c == _CALL else c for c in template.co_consts])
    return template.replace(co_consts=consts, co_name=fn.__code__.co_name, co_qualname=fn.__code__.co_qualname)


@functools.cache
def _template(free: tuple[str, ...]) -> CodeType:
    """Code with the closure that a function has: its variables are named behind the return, where they are never looked at. (Code that only
    claims to have them would crash Python when a debugger asks for the frame's variables.)"""
    lines = ["def outer():", *[f"    {name} = None" for name in free]]
    lines += ["    def front(*args, **kwargs):", f"        return ({_CALL!r})(*args, **kwargs)"]
    lines += [f"        {name}" for name in free] + ["    return front"]
    scope: dict[str, Any] = {}
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # a string is called, for now
        exec(compile("\n".join(lines), __file__, "exec"), scope)
    code: CodeType = scope["outer"]().__code__
    if code.co_freevars != free:
        raise AssertionError(f"closure {code.co_freevars} instead of {free}")
    return code


__all__ = ["copied", "standing_in"]
