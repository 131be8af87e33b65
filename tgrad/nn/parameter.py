"""Parameters and buffers: tensors that a Module registers when they are assigned to it."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functions as fn
from ..composite import overriding, pickling
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

    __torch_function__ = overriding._disabled_torch_function_impl

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = pickling._get_obj_state(self)
        plain = self.data
        if not state:
            return _rebuild_parameter, (plain, self.requires_grad, OrderedDict())
        return _rebuild_parameter_with_state, (plain, self.requires_grad, OrderedDict(), state)

    def __repr__(self) -> str:
        return parameter_repr(self)


FAST.add(Parameter)


def _rebuild_parameter(data: Any, requires_grad: Any, backward_hooks: Any) -> Parameter:
    """Undoes pickling: a parameter over the memory of `data`."""
    return Parameter(data, bool(requires_grad))


def _rebuild_parameter_with_state(data: Any, requires_grad: Any, backward_hooks: Any, state: Any) -> Parameter:
    """The same with attributes of its own."""
    return pickling._set_obj_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


for _fn in (_rebuild_parameter, _rebuild_parameter_with_state):
    _fn.__module__ = "tgrad._utils"  # where files look for them, since PyTorch has them there


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


# ---- without a size yet

_array: Any = Tensor.__dict__["_a"]  # the slot itself, whatever a class puts in front of it

# What a parameter without a size can do: be converted, and say what it is.
_ALLOWED = frozenset(
    "size copy_ is_complex is_floating_point half float double char short int long cuda cpu to get_device materialize share_memory_".split()
)
# Operators are looked up on the class; PyTorch names the method that they come to.
_OPERATORS = {
    **{f"__{side}{word}__": word for word in ("add", "sub", "mul", "pow", "matmul") for side in ("", "r")},
    **{f"__{side}truediv__": "div" for side in ("", "r")},
    **{f"__i{word}__": f"{word}_" for word in ("add", "sub", "mul")},
    "__neg__": "neg", "__abs__": "abs", "__iter__": "dim", "__getitem__": "__getitem__", "__setitem__": "__setitem__",
    "__len__": "__len__", "__bool__": "__bool__", "__int__": "__int__", "__float__": "__float__", "__format__": "__format__",
    "__eq__": "__eq__", "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge", "__contains__": "__contains__",
}  # fmt: skip
_GENERIC = ("tgrad.dispatch", "tgrad.fast", "tgrad.prepared", "tgrad.promotion", "tgrad.methods")
_PUBLIC = (
    "tgrad.functions",
    "tgrad.composite",
    "tgrad.nn.functional",
    "tgrad.nn.functions",
    "tgrad.ops",
    "tgrad.linalg",
)


def _method(name: str) -> str:
    kind = "slot wrapper" if name in ("__getitem__", "__setitem__") else "method"
    return f"<{kind} '{name}' of 'torch._C.TensorBase' objects>"


def _caller() -> str:
    """The outermost function of the engine that is at work: what the user has called."""
    frame, name = sys._getframe(2), ""
    while frame is not None and frame.f_globals.get("__name__", "").startswith((*_GENERIC, *_PUBLIC, __name__)):
        here, name_of = (
            frame.f_locals,
            frame.f_code.co_name,
        )  # generated functions have their own names in what they close over
        made = frame.f_globals["__name__"] in _GENERIC
        name = (
            getattr(here.get("row"), "name", None)
            or getattr(here.get("full"), "__name__", None)
            or here.get("name")
            or (name if made else name_of)
        )
        frame = frame.f_back  # type: ignore[assignment]
    return f"<built-in function {name}>"


class UninitializedTensorMixin:
    """A tensor whose size is not known yet: converting it and asking for its dtype works, computing with it is a ValueError.

    Note [Tensors without a size]
    The slot `_a`, where tensors hold their array, is hidden behind a property that raises, so that whatever computes fails at its first look
    at the operand. The allowed methods run with the class that the tensor will have later.
    """

    __slots__ = ()

    cls_to_become: type
    _allowed_methods = sorted(_ALLOWED)

    @property
    def _a(self) -> np.ndarray:
        raise self._refusal(_caller())

    @_a.setter
    def _a(self, value: np.ndarray) -> None:
        _array.__set__(self, value)

    @classmethod
    def _refusal(cls, function: str) -> ValueError:
        return ValueError(
            f"Attempted to use an uninitialized parameter in {function}. This error happens when you are using a `LazyModule` or explicitly "
            f"manipulating `torch.nn.parameter.{cls.__name__}` objects. When using LazyModules Call `forward` with a dummy batch to "
            "initialize the parameters before calling torch functions"
        )

    def _as_it_will_be(self, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        kind = type(self)
        self.__class__ = kind.cls_to_become  # type: ignore[assignment]
        try:
            out = act(self, *args, **kwargs)
        finally:
            self.__class__ = kind  # type: ignore[assignment]
        if kind.cls_to_become is Tensor and type(out) is Tensor:  # a converted buffer is one without a size, too
            out.__class__ = kind  # type: ignore[assignment]
        return out

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name.startswith("_") or name in self.__dict__ or not callable(found):
            return found
        kind = type(self)
        act = getattr(kind.cls_to_become, name, None)
        if name in _ALLOWED:
            return lambda *args, **kwargs: (
                self._as_it_will_be(act, *args, **kwargs)
                if act is not None and name in _CONVERSIONS
                else found(*args, **kwargs)
            )
        if getattr(kind, name, None) is not act:  # a method of a subclass
            return found

        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise kind._refusal(_method(name))

        return refuse

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Gives the tensor its size, in place, with whatever the memory holds; from then on it is one like any other."""
        dtype = self.dtype if dtype is None else dtype
        made = fn.empty(shape, device=self.device if device is None else device, dtype=dtype)
        _array.__set__(self, made._a)
        self.__class__ = type(self).cls_to_become  # type: ignore[assignment]

    def copy_(self, src: Any, non_blocking: bool = False) -> Any:
        """Copies nothing, from another tensor without elements."""
        return self._as_it_will_be(self.cls_to_become.copy_, src.data if is_lazy(src) else src, non_blocking)  # type: ignore[attr-defined]

    @property
    def data(self) -> Tensor:
        """A plain tensor of no elements."""
        return make(Tensor, _array.__get__(self))

    @data.setter
    def data(self, value: Any) -> None:
        _array.__set__(self, _array.__get__(value))

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return 1

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when trying to "
            "load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def share_memory_(self) -> Any:
        """RuntimeError: there is nothing to share yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters before calling "
            "`module.share_memory()`."
        )

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad,)  # type: ignore[attr-defined]


_CONVERSIONS = _ALLOWED - {"materialize", "share_memory_", "copy_"}


def _refusing(name: str) -> Callable[..., Any]:
    def operator(self: Any, *args: Any) -> Any:
        raise self._refusal(_method(name))

    return operator


for _operator, _name in _OPERATORS.items():
    setattr(UninitializedTensorMixin, _operator, _refusing(_name))


def is_lazy(param: Any) -> bool:
    """Whether this is a parameter or buffer without a size yet."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A parameter whose size is not known yet; see UninitializedTensorMixin.

    >>> w = torch.nn.UninitializedParameter()
    >>> w
    <UninitializedParameter>
    >>> w.materialize((2, 3))
    >>> type(w).__name__, w.shape
    ('Parameter', torch.Size([2, 3]))
    """

    __slots__ = ()

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        out = make(cls, fn.empty(0, device=device, dtype=dtype)._a)
        out._rg = requires_grad
        return out

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """All is done by `__new__`."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.device, self.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc]
    """A buffer whose size is not known yet; see UninitializedTensorMixin."""

    __slots__ = ()

    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        out = make(cls, fn.empty(0, device=device, dtype=dtype)._a)
        out._rg = requires_grad
        out.persistent = persistent
        out._is_buffer = True
        return out

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """All is done by `__new__`."""


__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]
