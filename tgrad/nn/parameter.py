"""Parameters and buffers: tensors that a Module registers when they are assigned to it."""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..echo import parameter_repr
from ..tensor import FAST, Tensor, make

NO_GRAD = "Only Tensors of floating point and complex dtype can require gradients"


class _ParameterMeta(type(Tensor)):  # type: ignore[misc]
    """A subclassed tensor that was made a parameter carries a mark instead of this class."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False):
            return True
        return super().__instancecheck__(instance)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that counts as a module's parameter when assigned to one.

    It shares the memory of `data` (any floating dtype; empty by default) and is a leaf that requires grad, also when made
    under no_grad. RuntimeError for an integer `data` unless requires_grad=False.

    >>> import tgrad as torch
    >>> torch.nn.Parameter(torch.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = fn.empty(0)
        if type(data) is Tensor or type(data) is Parameter:
            if requires_grad and data.dtype.category < 2:
                raise RuntimeError(NO_GRAD)
            out = make(cls, data._a)
            out._vc = data._counter()
            out._rg = bool(requires_grad)
            return out
        t = data.detach()
        t.requires_grad = requires_grad
        if type(t) is not type(data):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} requires that detach() returns an "
                f"instance of the same type, but return type {type(t).__name__} was found instead. To use the type as a "
                "Parameter, please correct the detach() semantics defined by its __torch_dispatch__() implementation."
            )
        t._is_param = True
        return t

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        """All is done by `__new__`."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A parameter with a copy of the values; the gradient is not copied."""
        if id(self) in memo:
            return memo[id(self)]
        out = type(self)(self.data.clone(), self.requires_grad)  # type: ignore[attr-defined]
        memo[id(self)] = out
        return out

    def __repr__(self) -> str:
        return parameter_repr(self)


FAST.add(Parameter)


class _BufferMeta(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False):
            return True
        return super().__instancecheck__(instance)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that counts as a module's buffer when assigned to one; `persistent` ones are part of its state_dict.

    What comes back is a plain Tensor over the memory of `data` that carries the mark.
    """

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = fn.empty(0)
        t = data.detach()
        t.requires_grad = data.requires_grad
        t.persistent = persistent
        t._is_buffer = True
        return t
