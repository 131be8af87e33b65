"""Arguments of functions whose signature is fixed: bound, converted and refused as PyTorch's own parser does it.

Note [Signatures]
A function is declared with the kind of each argument, `?` after a kind meaning that None will do:

    @signature("fft_fft", input="Tensor", n="int?", dim="int", norm="str?", out="Tensor?")
    def fft(input, n=None, dim=-1, norm=None, *, out=None): ...

What reaches it is of that kind: a whole number out of a numpy integer or a 0-d tensor, a tuple out of a list of them.
Everything else is a TypeError that names the function, the argument, and its position unless it was given by name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dispatch import _type_name as type_name
from ..dtype import dtype
from ..methods import NUMPY_NAMES, missing
from ..tensor import Tensor

WRONG: Any = object()

# How a kind is called in messages.
CALLED = {"ints": "tuple of ints", "dtype": "torch.dtype"}


def _int(value: Any) -> Any:
    if type(value) is int:
        return value
    if isinstance(value, (bool, np.bool_, float)):
        return WRONG
    if isinstance(value, Tensor):
        whole = value.numel() == 1 and value.dtype.category == 1  # type: ignore[attr-defined]
        return int(value.item()) if whole else WRONG  # type: ignore[attr-defined]
    return value.__index__() if hasattr(value, "__index__") else WRONG


def _float(value: Any) -> Any:
    if isinstance(value, (int, float, np.integer, np.floating)):
        return float(value)
    if isinstance(value, Tensor) and value.numel() == 1 and not value.requires_grad and value.dtype.category < 3:  # type: ignore[attr-defined]
        return float(value.item())  # type: ignore[attr-defined]
    return WRONG


def _ints(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(value)
    one = _int(value)
    return WRONG if one is WRONG else (one,)


def _instance(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, kind) else WRONG


KINDS: dict[str, Callable[[Any], Any]] = {
    "Tensor": _instance(Tensor), "int": _int, "float": _float, "bool": _instance(bool), "str": _instance(str), "ints": _ints,
    "dtype": _instance(dtype), "any": lambda value: value,
}  # fmt: skip


def convert(name: str, word: str, kind: str, value: Any, position: int | None) -> Any:
    """A value as the kind that an argument is of; TypeError."""
    optional = kind.endswith("?")
    kind = kind.rstrip("?")
    if optional and value is None:
        return None
    place = "" if position is None else f" (position {position})"
    got = KINDS[kind](value)
    if got is WRONG:
        raise TypeError(f"{name}(): argument '{word}'{place} must be {CALLED.get(kind, kind)}, not {type_name(value)}")
    if kind == "ints":
        out = []
        for i, element in enumerate(got):
            whole = _int(element)
            if whole is WRONG:
                raise TypeError(
                    f"{name}(): argument '{word}'{place} must be tuple of ints, but found element of type "
                    f"{type_name(element)} at pos {i}"
                )
            out.append(whole)
        return tuple(out)
    return got


def signature(name: str, **kinds: str) -> Callable[..., Callable[..., Any]]:
    """Decorator: see Note [Signatures]. `name` is what messages call the function."""

    def bind(fn: Callable[..., Any], quick: Callable[[Tensor], Any] | None = None) -> Callable[..., Any]:
        """`quick` is the function of a tensor alone, where there is a shorter one."""
        params = inspect.signature(fn).parameters.values()
        words = [p.name for p in params if p.kind is not p.KEYWORD_ONLY]
        every = [p.name for p in params]
        required = [p.name for p in params if p.default is p.empty]
        most, least = len(words), len([w for w in words if w in required])
        one = least == 1 and kinds[words[0]] == "Tensor"
        alone = quick or fn

        @functools.wraps(fn)
        def call(*args: Any, **kwargs: Any) -> Any:
            if one and not kwargs and len(args) == 1 and type(args[0]) is Tensor:
                return alone(args[0])  # nothing to look at
            if len(args) > most:
                plural = "" if most == 1 else "s"
                takes = (
                    f"{most} positional argument{plural}"
                    if least == most
                    else f"from {least} to {most} positional arguments"
                )
                raise TypeError(f"{name}() takes {takes} but {len(args)} were given")
            given = {}
            for key, value in kwargs.items():
                new = key if key in every else NUMPY_NAMES.get(key, key)
                given[new if new in every and new not in given else key] = value
            absent = [w for i, w in enumerate(words) if w in required and i >= len(args) and w not in given]
            if absent:  # what stands before the first of them is looked at first
                for i, w in enumerate(words[: words.index(absent[0])]):
                    if i < len(args) or w in given:
                        convert(
                            name, w, kinds[w], args[i] if i < len(args) else given[w], i + 1 if i < len(args) else None
                        )
                raise missing(name, absent)
            bound = [convert(name, w, kinds[w], v, i) for i, (w, v) in enumerate(zip(words, args, strict=False), 1)]
            named = {w: convert(name, w, kinds[w], given[w], None) for w in every[len(args) :] if w in given}
            for key in given:
                if key not in every:
                    raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
                if key not in named:
                    raise TypeError(f"{name}() got multiple values for argument '{key}'")
            return fn(*bound, **named)

        return call

    return bind
