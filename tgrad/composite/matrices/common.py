"""What the functions of linear algebra share: their arguments checked, `out=` written, LAPACK's complaints put into words."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...dispatch import WRONG_OUT, bad_argument, into, no_overload, typed_into
from ...dtype import can_cast
from ...methods import NUMPY_NAMES, missing, return_type
from ...ops.lapack import LinAlgError
from ...ops.solving import numbers
from ...ops.spec import REQUIRED
from ...tensor import Tensor

NO_OUT = object()  # `out=` of a method, which has none
CASTS = "{name}: Expected {word} to be safely castable from {Want} dtype, but got {word} with dtype {Got}"


def public(
    name: str,
    tensors: str = "A",
    out: str | None = WRONG_OUT,
    castable: str = "",
    words: str = "result",
    overloads: str = "",
    exact: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: a function over Tensors under PyTorch's name, which tells missing arguments and those that are no tensors,
    and writes into `out=`. `out` is the error for an `out=` of another dtype; None: there is no such argument. `castable`
    names the function in the error where any dtype will do that holds the result (or, if `exact`, of one that would not), `words`
    the outputs. `overloads`: PyTorch knows several signatures, and says so of what fits none; if "all", also of a first argument that is no tensor."""

    def hang(fn: Callable[..., Any]) -> Callable[..., Any]:
        params = list(inspect.signature(fn).parameters.values())
        places = {p.name: i + 1 for i, p in enumerate(params)}
        plain = [p.name for p in params if p.kind is p.POSITIONAL_OR_KEYWORD]
        fewest = sum(p.default is REQUIRED for p in params)
        room = f"{fewest} positional argument" + "s" * (fewest != 1)
        if fewest != len(plain):
            room = f"from {fewest} to {len(plain)} positional arguments"
        needed = [(p.name, p.name in tensors.split()) for p in params if p.default is REQUIRED]

        @functools.wraps(fn)
        def call(*args: Any, **kwargs: Any) -> Any:
            if len(args) > len(plain):
                if overloads:
                    raise no_overload(name, *args, **kwargs)
                raise TypeError(f"{name}() takes {room} but {len(args)} were given")
            given = dict(zip(plain, args, strict=False))
            strange = [
                key
                for key in kwargs
                if key not in places and not (key == "out" and out is not None and kwargs[key] is not NO_OUT)
            ]
            for key in strange:
                known = "input" if key == "self" else NUMPY_NAMES.get(key, key)
                if known not in places or known in given or known in kwargs:
                    continue
                kwargs[known] = kwargs.pop(key)
            strange = [key for key in strange if key in kwargs]
            absent = [word for word, _ in needed if word not in given and word not in kwargs]
            if overloads and (absent or strange) and not (overloads == "some" and kwargs and not args):
                raise no_overload(name, *args, **kwargs)
            for word, tensor in needed:
                if word in absent:
                    raise missing(name, absent)
                value = given[word] if word in given else kwargs[word]
                if word == "tensors" and not isinstance(value, (tuple, list)):
                    raise bad_argument(name, places[word], word, value, "tuple of Tensors")
                if tensor and not isinstance(value, Tensor):
                    raise (
                        no_overload(name, *args, **kwargs)
                        if overloads == "all"
                        else bad_argument(name, places[word], word, value)
                    )
            if strange:
                raise TypeError(f"{name}() got an unexpected keyword argument '{strange[0]}'")
            if "out" not in kwargs or out is None:
                return fn(*args, **kwargs)
            target = kwargs.pop("out")
            if overloads and target is not None and not isinstance(target, Tensor):
                raise no_overload(name, *args, **kwargs, out=target)
            r = fn(*args, **kwargs)
            return r if target is None else write(target, r)

        def write(target: Any, r: Any) -> Any:
            if not isinstance(r, tuple):
                return put(target, r, words)
            fields = getattr(r, "_fields", words.split())
            if not isinstance(target, (tuple, list)) or len(target) != len(r):
                raise TypeError(f"{name}(): argument 'out' must be tuple of Tensors, not {type(target).__name__}")
            written = [put(o, x, w) for o, x, w in zip(target, r, fields, strict=True)]
            return type(r)(written)

        def put(target: Any, r: Tensor, word: str) -> Tensor:
            if castable:
                if isinstance(target, Tensor) and not can_cast(r.dtype, target.dtype):
                    raise RuntimeError(
                        CASTS.format(name=castable, word=word, Want=r.dtype.legacy, Got=target.dtype.legacy)
                    )
                if not exact:
                    return into(target, r, name)
            return typed_into(target, r, name, out or WRONG_OUT)

        call.__name__ = call.__qualname__ = name
        return call

    return hang


def named(name: str, fields: str, values: Sequence[Any]) -> Any:
    return return_type(name, tuple(fields.split()))(values)


def flag(name: str, word: str, position: int, value: Any) -> None:
    """TypeError unless an argument is a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}(): argument '{word}' (position {position}) must be bool, not {type(value).__name__}")


def dims(name: str, word: str, position: int, value: Any) -> tuple[int, ...] | None:
    """Dimensions given as None, an int or several."""
    if value is None:
        return None
    if isinstance(value, (tuple, list)):
        return tuple(int(d) for d in value)
    if not hasattr(value, "__index__") or isinstance(value, bool):
        raise TypeError(
            f"{name}(): argument '{word}' (position {position}) must be tuple of ints, not {type(value).__name__}"
        )
    return (int(value),)


# ---- LAPACK's complaints

SINGULAR = (
    "The diagonal element {info} is zero, the inversion could not be completed because the input matrix is singular."
)
NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order {info} "
    "is not positive-definite)."
)
UNSOLVED = "The solver failed because the input matrix is singular."
ZERO_PIVOT = (
    "U[{info},{info}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the "
    "factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
)


def check(info: Tensor, name: str, text: str, error: type[Exception] = LinAlgError) -> None:
    """Raises for the first matrix of a stack that `info` complains of."""
    codes = numbers(info)
    if not codes.any():
        return
    first = int(np.flatnonzero(codes)[0])
    where = f"(Batch element {first}): " if codes.ndim else ""
    raise error(f"{name}: {where}" + text.format(info=int(codes.reshape(-1)[first])))


# ---- old functions

_WARNED: set[str] = set()


def deprecated(name: str, instead: str) -> None:
    """Warns, once a process, that a function has a successor."""
    if name not in _WARNED:
        _WARNED.add(name)
        warnings.warn(
            f"torch.{name} is deprecated in favor of {instead} and will be removed in a future PyTorch release.",
            UserWarning,
            stacklevel=4,
        )
