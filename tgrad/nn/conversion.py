"""How a module's parameters take on another dtype: as new values of the same objects, as new objects, or by swapping contents."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from ..composite.formats import memory_format
from ..device import device as Device
from ..dispatch import no_overload
from ..dtype import dtype as DType
from ..graph.modes import no_grad
from ..tensor import Tensor
from .parameter import Parameter


class Conversion:
    """The two switches of `torch.__future__`."""

    overwrite = False
    swap = False


_SLOTS = tuple(s for s in Tensor.__slots__ if not s.startswith("__"))


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Exchanges all that two tensors consist of (memory, history, class, attributes): whoever holds t1 sees what t2 was.

    RuntimeError if there are weak references to either.

    >>> a, b = torch.ones(2), torch.zeros(3)
    >>> torch.utils.swap_tensors(a, b)
    >>> a
    tensor([0., 0., 0.])
    """
    for name, t in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(t):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    slots: list[Any] = [Tensor.__dict__[s] for s in _SLOTS]  # as they are, whatever a class puts in front of them
    for slot in slots:
        one, other = slot.__get__(t1), slot.__get__(t2)
        slot.__set__(t1, other)
        slot.__set__(t2, one)
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__


def converted(parameter: Any, fn: Callable[[Any], Any], name: str) -> Any:
    """The parameter with its values and its gradient as `fn` makes them: the same object, unless the switch says otherwise."""
    with no_grad():
        made = fn(parameter)
    if Conversion.swap:
        return _by_swap(parameter, made, fn, name)
    grad = parameter._grad
    if Conversion.overwrite:
        out = Parameter(made, parameter.requires_grad)
    else:
        parameter.data = made
        out = parameter
    if grad is not None:
        with no_grad():
            new = fn(grad)
        if Conversion.overwrite:
            out.grad = new.requires_grad_(grad.requires_grad)
        else:
            grad.data = new
    return out


def _by_swap(parameter: Any, made: Any, fn: Callable[[Any], Any], name: str) -> Any:
    grad, parameter.grad = parameter.grad, None
    try:
        swap_tensors(parameter, Parameter(made, requires_grad=parameter.requires_grad))
    except Exception as e:
        parameter.grad = grad
        raise RuntimeError(f"_apply(): Couldn't swap {name}") from e
    if grad is not None:
        with no_grad():
            new = fn(grad)
        new.requires_grad_(grad.requires_grad)
        try:
            swap_tensors(grad, new)
        except Exception as e:
            raise RuntimeError(f"_apply(): Couldn't swap {name}.grad") from e
        parameter.grad = grad
    return parameter


def parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """(device, dtype, non_blocking, memory format) of the ways in which `Module.to` is called; TypeError for others."""
    refused = no_overload("to", *args, **kwargs)
    first = args[0] if args else kwargs.get("tensor")
    words: tuple[str, ...]
    if isinstance(first, Tensor):
        words = ("tensor", "non_blocking", "copy")
    elif isinstance(first, DType):
        words = ("dtype", "non_blocking", "copy")
    else:
        words = ("device", "dtype", "non_blocking", "copy")
    given = dict(zip(words, args, strict=False))
    if len(args) > len(words) or given.keys() & kwargs.keys() or not kwargs.keys() <= {*words, "memory_format"}:
        raise refused
    given |= kwargs
    device, dtype = given.get("device"), given.get("dtype")
    for kind, value in (((str, Device, int), device), (DType, dtype), (memory_format, given.get("memory_format"))):
        if value is not None and not isinstance(value, kind):  # type: ignore[arg-type]
            raise refused
    if any(not isinstance(given.get(w, False), bool) for w in ("non_blocking", "copy")) or isinstance(device, bool):
        raise refused
    if isinstance(first, Tensor):
        device, dtype = first.device, first.dtype
    elif isinstance(device, int):
        raise RuntimeError("Cannot access accelerator device when none is available.")
    return device, dtype, given.get("non_blocking", False), given.get("memory_format")


__all__ = ["Conversion", "converted", "parse_to", "swap_tensors"]
