"""What the user calls a tensor: the variable, attribute or item that holds it in the frames that are running, or a parameter's path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from ..graph import places
from ..tensor import Tensor

_ITEMS = 1000  # of a list: `losses` may hold a million tensors


def user_frames(frame: FrameType | None = None) -> Iterator[FrameType]:
    """The user's frames, innermost first."""
    f = sys._getframe(1) if frame is None else frame
    while f is not None:
        if not places.is_inner(f.f_code):
            yield f
        f = f.f_back  # type: ignore[assignment]


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are one value to the user: the same object, or an alias of the same memory with the same history."""
    if a is b:
        return True
    if a._a.shape != b._a.shape or a._a.dtype != b._a.dtype or not a._a.size or a._a.strides != b._a.strides:
        return False
    return a._a.__array_interface__["data"] == b._a.__array_interface__["data"]


def _held(space: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in list(space.items()):
        if name.startswith("__"):
            continue
        yield name, value
        if isinstance(value, (list, tuple)) and len(value) <= _ITEMS:
            yield from ((f"{name}[{i}]", item) for i, item in enumerate(value))
        elif type(value) is dict and len(value) <= _ITEMS:
            yield from ((f"{name}[{key!r}]", item) for key, item in value.items())
        elif _is_module(value):
            for path, item in [*value.named_parameters(), *value.named_buffers()]:
                yield f"{name}.{path}", item
            yield from ((f"{name}.{key}", item) for key, item in vars(value).items() if isinstance(item, Tensor))
        elif type(value).__module__ == "__main__" and not isinstance(value, type) and hasattr(value, "__dict__"):
            yield from ((f"{name}.{key}", item) for key, item in vars(value).items())


def _is_module(value: Any) -> bool:
    """Whether it is an nn.Module, without importing nn for one that is none."""
    return hasattr(type(value), "named_parameters") and hasattr(value, "_parameters")


def name_of(tensor: Tensor) -> str | None:
    """What holds the tensor in the user's frames, the innermost first; None where nothing does."""
    seen: list[dict[str, Any]] = []
    for frame in user_frames():
        for space in (frame.f_locals, frame.f_globals):
            if any(space is other for other in seen):
                continue
            seen.append(space)
            for name, value in _held(space):
                if isinstance(value, Tensor) and same(value, tensor):
                    return name
    return None


def once(tensor: Tensor) -> str | None:
    """The name that a result was given on the line that made it, for one whose function has returned; needs provenance."""
    made = places.made(tensor.grad_fn) if tensor.grad_fn is not None else None
    return made.target if made is not None else None


def view_name(tensor: Tensor) -> str | None:
    """`weight.T` for the transposed view of something that has a name."""
    base = tensor._base
    if (
        base is None
        or base._a.ndim != 2
        or tensor._a.shape != base._a.shape[::-1]
        or tensor._a.strides != base._a.strides[::-1]
    ):
        return None
    name = name_of(base)
    return f"{name}.T" if name else None


def described(tensor: Tensor, called: str | None = None) -> str:
    """`h, a float32 tensor of shape [3, 4]`, without the name where it has none. `called`: the name that it had once."""
    name = name_of(tensor) or called or once(tensor)
    article = "an" if tensor.dtype.name[0] in "iu" and tensor.dtype.name[1] != "i" else "a"
    what = f"{article} {tensor.dtype.name} tensor of shape [{', '.join(map(str, tensor._a.shape))}]"
    return f"`{name}`, {what}," if name else what
