"""Sizes as arguments: one number for all dimensions, or one per dimension."""

from __future__ import annotations

from typing import Any

from ...dispatch import _type_name, bad_argument
from ...methods import missing
from ...ops.spec import REQUIRED
from ...tensor import Tensor


def _is_int(value: Any, first: bool = True) -> bool:
    """Whether a value may stand for an int: PyTorch refuses bools only where it looks for the kind of a list."""
    if isinstance(value, bool):
        return not first
    if isinstance(value, Tensor):
        return (
            value.numel() == 1
            and not (value.is_floating_point() or value.is_complex())
            and str(value.dtype) != "torch.bool"
        )
    return hasattr(value, "__index__")


def ints(fn: str, position: int, word: str, value: Any, n: int) -> tuple[int, ...]:
    """An argument that PyTorch declares as int[n]: a number stands for n of them, a list is taken as it is.

    TypeError in PyTorch's words for anything else.
    """
    if value is REQUIRED:
        raise missing(fn, [word])
    if _is_int(value):
        return (int(value),) * n
    if not isinstance(value, (tuple, list)):
        raise bad_argument(fn, position, word, value, "tuple of ints")
    for i, element in enumerate(value):
        if _is_int(element, i == 0):
            continue
        if i == 0:
            raise TypeError(
                f"{fn}(): argument '{word}' (position {position}) must be tuple of ints, but found element of type "
                f"{_type_name(element)} at pos 0"
            )
        raise TypeError(
            f"{fn}(): argument '{word}' failed to unpack the object at pos {i + 1} with error \"type must be tuple of ints,but "
            f'got {_type_name(element)}"'
        )
    return tuple(int(v) for v in value)


def flag(fn: str, position: int, word: str, value: Any) -> bool:
    """An argument that PyTorch declares as bool, and takes no number for."""
    if not isinstance(value, bool):
        raise bad_argument(fn, position, word, value, "bool")
    return value


def tensor(fn: str, position: int, word: str, value: Any) -> Tensor:
    """An argument that has to be a tensor."""
    if not isinstance(value, Tensor):
        raise bad_argument(fn, position, word, value)
    return value


def repeated(value: Any, n: int) -> tuple[Any, ...]:
    """What PyTorch's modules keep: anything that is no sequence, n times.

    >>> repeated(3, 2), repeated([1, 2], 2)
    ((3, 3), (1, 2))
    """
    return tuple(value) if hasattr(value, "__iter__") and not isinstance(value, Tensor) else (value,) * n
