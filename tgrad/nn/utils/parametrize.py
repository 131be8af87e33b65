"""Tensors of a module that are computed from others each time they are looked at: `torch.nn.utils.parametrize`.

Note [Parametrized modules]
Registering a parametrization of `module.weight` moves the tensor into `module.parametrizations.weight.original` and gives the module a
class of its own, derived from the one it had, with a property `weight`. Reading it runs the parametrizations over the original; writing
runs their `right_inverse`s. A parametrization that takes several tensors has `original0`, `original1`, ...; `right_inverse` makes them.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from typing import Any, ClassVar

from ...graph.modes import no_grad
from ...tensor import Tensor
from ..conversion import Conversion, swap_tensors
from ..modules.container import ModuleDict, ModuleList
from ..modules.module import Module
from ..parameter import Parameter


class _Cache:
    depth = 0
    tensors: ClassVar[dict[tuple[int, str], Tensor]] = {}


@contextmanager
def cached() -> Iterator[None]:
    """While it lasts, a parametrized tensor is computed when first looked at, and kept.

    >>> class Double(nn.Module):
    ...     def forward(self, w):
    ...         return 2 * w
    >>> layer = nn.utils.parametrize.register_parametrization(nn.Linear(2, 2), "weight", Double())
    >>> with nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.tensors = {}


def _register_parameter_or_buffer(module: Module, name: str, X: Any) -> None:
    if isinstance(X, Parameter):
        module.register_parameter(name, X)
    else:
        module.register_buffer(name, X)


def _maybe_set(dest: Any, src: Any) -> None:
    """Gives `dest` the memory of `src`; its contents, where `torch.__future__` says that conversions swap."""
    if Conversion.swap:
        if isinstance(dest, Parameter) and not isinstance(src, Parameter):
            src = Parameter(src, requires_grad=dest.requires_grad)
        swap_tensors(dest, src)
    else:
        dest.set_(src)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in order, and what they start from: `original`, or `original0`, `original1`, ...

    Called, it gives the parametrized tensor. ValueError if there is no parametrization, and where one changes the dtype or the shape of the
    tensor, unless `unsafe`.
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):  # then it starts from the tensor as it is
                        new = module.right_inverse(new)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)  # type: ignore[arg-type]
        if self.is_tensor:
            self._start_from_one(original, new)
        else:
            self._start_from_several(original, new)
        if not self.unsafe:
            _check_kept(self(), shape, dtype)

    def _start_from_one(self, original: Any, new: Any) -> None:
        for word in ("dtype", "device"):
            if getattr(original, word) != getattr(new, word):
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the {word}.\n"
                    f"original.{word}: {getattr(original, word)}\n"
                    f"right_inverse(original).{word}: {getattr(new, word)}"
                )
        with no_grad():
            _maybe_set(original, new)
        _register_parameter_or_buffer(self, "original", original)

    def _start_from_several(self, original: Any, new: Any) -> None:
        for i, part in enumerate(new):
            if not isinstance(part, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                    f"{i} of the sequence with type {type(part).__name__}."
                )
            if isinstance(original, Parameter):
                part = Parameter(part, original.requires_grad)
            part.requires_grad_(original.requires_grad)
            _register_parameter_or_buffer(self, f"original{i}", part)

    def right_inverse(self, value: Any) -> None:
        """Sets the original(s) so that the parametrized tensor becomes `value`, as far as the parametrizations' inverses are right.

        RuntimeError if one of them has no `right_inverse`.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            if self.is_tensor:
                if not isinstance(value, Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
                if value.dtype != self.original.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {value.dtype} while `original` has dtype "
                        f"{self.original.dtype}"
                    )
                _maybe_set(self.original, value)
                return
            if not isinstance(value, Sequence):
                raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(value).__name__}.")
            if len(value) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of length "
                    f"{len(value)}."
                )
            for i, part in enumerate(value):
                own = getattr(self, f"original{i}")
                if not isinstance(part, Tensor):
                    raise ValueError(
                        "'right_inverse' must return a sequence of tensors or reference-type opaques. Got element "
                        f"{i} of type {type(part).__name__}."
                    )
                if own.dtype != part.dtype:
                    raise ValueError(
                        f"Tensor {i} returned by `right_inverse` has dtype {part.dtype} while `original{i}` has dtype {own.dtype}"
                    )
                _maybe_set(own, part)

    def forward(self) -> Any:  # type: ignore[override]
        first, *others = list(self)
        x = (
            first(self.original)
            if self.is_tensor
            else first(*[getattr(self, f"original{i}") for i in range(self.ntensors)])
        )
        for module in others:
            x = module(x)
        return x


def _check_kept(Z: Any, shape: Any, dtype: Any) -> None:
    if not isinstance(Z, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(Z).__name__}.")
    for word, before, after in (("dtype", dtype, Z.dtype), ("shape", shape, Z.shape)):
        if before != after:
            raise ValueError(
                f"Registering a parametrization may not change the {word} of the tensor, unless `unsafe` flag is enabled.\n"
                f"unparametrized {word}: {before}\n"
                f"parametrized {word}: {after}"
            )


def _copied(self: Any, memo: dict[int, Any]) -> Any:
    """deepcopy of a parametrized module, whose pickled state is not to be had."""
    if id(self) in memo:
        return memo[id(self)]
    replica = memo[id(self)] = object.__new__(type(self))
    replica.__dict__ = deepcopy(self.__dict__, memo)
    for slot in copyreg._slotnames(type(self)):  # type: ignore[attr-defined]
        if hasattr(self, slot):
            setattr(replica, slot, deepcopy(getattr(self, slot), memo))
    return replica


def _no_state(self: Any) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\n"
        "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
        "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
    )


def _inject_new_class(module: Module) -> None:
    """A class of the module's own to hang properties on; see Note [Parametrized modules]."""
    cls = type(module)
    members: dict[str, Any] = {"__getstate__": _no_state}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = _copied
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _inject_property(module: Module, tensor_name: str) -> None:
    if hasattr(module, tensor_name):
        raise AssertionError(f"Module already has an attribute named '{tensor_name}'")

    def read(self: Any) -> Any:
        parametrization = self.parametrizations[tensor_name]
        if not _Cache.depth:
            return parametrization()
        key = (id(module), tensor_name)
        if key not in _Cache.tensors:
            _Cache.tensors[key] = parametrization()
        return _Cache.tensors[key]

    def write(self: Any, value: Any) -> None:
        self.parametrizations[tensor_name].right_inverse(value)

    setattr(type(module), tensor_name, property(read, write))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on `module.tensor_name`, a parameter or buffer, is `parametrization(original)`, computed at each look.

    Further parametrizations run over the result of those before. If the parametrization has a method `right_inverse`, it gives the original
    to start from, and is asked again when a value is assigned; one or several tensors, which `forward` then takes. ValueError for a name that
    is neither parameter nor buffer, and, unless `unsafe`, where dtype or shape would change. Returns the module.

    >>> class Symmetric(nn.Module):
    ...     def forward(self, X):
    ...         return X.triu() + X.triu(1).transpose(-1, -2)
    >>> layer = nn.Linear(3, 3)
    >>> _ = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> torch.equal(layer.weight, layer.weight.T), sorted(layer.state_dict())
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    held: Any = module
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_next(held, tensor_name, parametrization)
        held.parametrizations[tensor_name].append(parametrization)
        held.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_new_class(module)
            held.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        held.parametrizations[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    return module


def _check_next(module: Any, tensor_name: str, parametrization: Any) -> None:
    """ValueError unless a further parametrization, and its inverse, keep dtype and shape."""
    Y = getattr(module, tensor_name)
    X = parametrization(Y)
    if not isinstance(X, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(X).__name__}.")
    for word in ("dtype", "shape"):
        if getattr(X, word) != getattr(Y, word):
            raise ValueError(
                f"Registering a parametrization may not change the {word} of the tensor, unless the `unsafe` flag is enabled.\n"
                f"module.{tensor_name}.{word}: {getattr(Y, word)}\n"
                f"parametrization(module.{tensor_name}).{word}: {getattr(X, word)}"
            )
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        Z = parametrization.right_inverse(X)
    except NotImplementedError:
        return
    if not isinstance(Z, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(Z).__name__}")
    for word in ("dtype", "shape"):
        if getattr(Z, word) != getattr(Y, word):
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {word} as module.{tensor_name}, unless the "
                "`unsafe` flag is enabled.\n"
                f"module.{tensor_name}.{word}: {getattr(Y, word)}\n"
                f"returned {word}: {getattr(Z, word)}"
            )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether this tensor of the module, or any, has parametrizations."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Takes the parametrizations of a tensor away: it keeps the value they gave it, or that of the original if not `leave_parametrized`.

    ValueError if there are none, and for an original value where several tensors stand for it. Returns the module, which has its own class
    again once nothing is parametrized.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held: Any = module
    parametrizations = held.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with no_grad():
                _maybe_set(original, getattr(module, tensor_name))
    elif leave_parametrized:
        t = getattr(module, tensor_name)
        original = Parameter(t) if t.requires_grad else t
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del held.parametrizations[tensor_name]
    _register_parameter_or_buffer(module, tensor_name, original)
    if not is_parametrized(module):
        del held.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that a module had before it was parametrized.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> type(layer).__name__, nn.utils.parametrize.type_before_parametrizations(layer).__name__
    ('ParametrizedLinear', 'Linear')
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Parametrizes another module like this one, with the same originals: one tensor, or all. Returns the other module."""
    if not is_parametrized(from_module):
        return to_module
    source, target = vars(from_module)["_modules"]["parametrizations"], to_module
    for name in source if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in source[name]:
            register_parametrization(to_module, name, parametrization)
        held: Any = target.parametrizations[name]  # type: ignore[union-attr,index,operator]
        words = (
            ["original"]
            if hasattr(source[name], "original")
            else [f"original{i}" for i in range(source[name].ntensors)]
        )
        for word in words:
            setattr(held, word, getattr(source[name], word))
    return to_module


__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]
