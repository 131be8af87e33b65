"""`torch.autograd.Variable`: what a tensor with a gradient was called until 0.4, when it became one with Tensor."""

from __future__ import annotations

import warnings
from typing import Any

from ..tensor import Tensor


class VariableMeta(type):
    """Every tensor is a Variable."""

    def __instancecheck__(cls, other: object) -> bool:
        return isinstance(other, Tensor)


class Variable(metaclass=VariableMeta):
    """`Variable(data, requires_grad=False)`: a leaf over the memory of `data`, without its history.

    >>> import tgrad as torch
    >>> x = torch.autograd.Variable(torch.ones(2), requires_grad=True)
    >>> x, isinstance(x, torch.autograd.Variable)
    (tensor([1., 1.], requires_grad=True), True)
    """

    def __new__(  # type: ignore[misc]
        cls,
        data: Any = None,
        requires_grad: bool = False,
        volatile: bool | None = None,
    ) -> Tensor:
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        out = data.data
        out.requires_grad = bool(requires_grad)
        out._is_variable = True  # type: ignore[attr-defined]  # the echo of 0.1 announces Variables
        return out


__all__ = ["Variable", "VariableMeta"]
