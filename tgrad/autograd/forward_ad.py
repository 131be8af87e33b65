"""Forward-mode differentiation: tensors that carry a tangent through the operations they take part in.

>>> import tgrad as torch
>>> import tgrad.autograd.forward_ad as fwAD
>>> with fwAD.dual_level():
...     x = fwAD.make_dual(torch.tensor(2.0), torch.tensor(1.0))
...     fwAD.unpack_dual(x * x).tangent
tensor(4.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..graph.modes import state
from ..tensor import Tensor
from ..transforms.dual import Dual
from ..transforms.forward import check_tangent
from ..transforms.wrapped import RUNNING, Level

_LEVELS: list[Level] = []


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns; `tangent` is None for a tensor that has none."""

    primal: Any
    tangent: Any


def enter_dual_level() -> int:
    """Starts a level, at which dual tensors can be made, and returns its number. RuntimeError if one is running."""
    if _LEVELS:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    made = Level(len(RUNNING.levels) + 1)
    RUNNING.levels.append(made)
    state.levels += 1
    state.hooked += 1
    _LEVELS.append(made)
    return len(_LEVELS) - 1


def exit_dual_level(*, level: int | None = None) -> None:
    """Ends a level (the running one); tensors forget their tangents."""
    if not _LEVELS:
        raise RuntimeError("Dual level must be a positive number.")
    if level is not None and level != len(_LEVELS) - 1:
        raise RuntimeError(
            f"Trying to exit a forward AD level that was not the last one that was created. This is not supported. Last created level is "
            f"{len(_LEVELS) - 1} but level {level} was asked to exit."
        )
    RUNNING.levels.remove(_LEVELS.pop())
    state.levels -= 1
    state.hooked -= 1


class dual_level:
    """Context manager of a level of forward mode; all dual tensors are made and used inside."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc: object) -> None:
        exit_dual_level()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Any:
    """A tensor with the value of `tensor` that moves in the direction `tangent`, of the same shape. RuntimeError outside a level, or
    where the shapes differ."""
    if not _LEVELS:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for what, t in (("primal", tensor), ("tangent", tangent)):
        if not (t.is_floating_point() or t.is_complex()):  # type: ignore[attr-defined]
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {t.dtype}")
    own = _LEVELS[-1]
    if isinstance(tensor, Dual) and tensor._level is own:
        raise RuntimeError(
            f"Making a dual Tensor based on a Tensor that already has a forward gradient at the same level {len(_LEVELS) - 1} is not supported."
        )
    check_tangent(tensor, tangent)
    return Dual(tensor.view_as(tensor), tangent, own)  # type: ignore[attr-defined]


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """(primal, tangent) of a tensor."""
    if isinstance(tensor, Dual) and _LEVELS and tensor._level is _LEVELS[-1]:
        return UnpackedDualTensor(tensor.primal, tensor.tangent)
    return UnpackedDualTensor(tensor.primal if isinstance(tensor, Dual) else tensor, None)


__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]
