"""`Module`: what networks are made of.

Note [Where attributes live]
Assigning a Parameter, a Module or a tensor to an attribute puts it into one of three dicts (`_parameters`, `_modules`,
`_buffers`), never two, and takes it out of the instance's own `__dict__`. Reading goes through `__getattr__`, which Python
asks only for what `__dict__` and the class lack. So `self.training` costs nothing, `self.weight` one lookup.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ...graph.modes import state
from ...graph.places import entering, on_switch
from ...graph.reasons import because
from ...tensor import Tensor
from ..conversion import converted, parse_to
from ..parameter import Buffer, Parameter
from .hooks import (
    BackwardHook,
    HookMixin,
    _WrappedHook,
    everywhere,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
    warn_of_old_hooks,
)
from .names import indented as _addindent
from .names import typename
from .state import StateMixin
from .state import _IncompatibleKeys as _IncompatibleKeys
from .walk import WalkMixin


class Module(WalkMixin, StateMixin, HookMixin):
    """Base class of all networks: subclass it, assign parameters and modules in `__init__`, compute in `forward`.

    >>> import tgrad as torch
    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.tensor(2.0))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scale()(torch.ones(2))
    tensor([2., 2.], grad_fn=<MulBackward0>)
    """

    dump_patches = False
    T_destination = TypeVar("T_destination", bound=dict[str, Any])
    call_super_init = False
    _compiled_call_impl: Any = None
    training: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if self.call_super_init is False and kwargs:
            word = next(iter(kwargs))
            raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument '{word}'")
        if self.call_super_init is False and args:
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
            )
        own = self.__dict__
        own["training"] = True
        own["_parameters"] = {}
        own["_buffers"] = {}
        own["_non_persistent_buffers_set"] = set()
        for name in _HOOKS:
            own[name] = OrderedDict()
            if name == "_backward_hooks":
                own["_is_full_backward_hook"] = None
        own["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *input: Any) -> Any:
        """The computation of each call; subclasses define it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # ---- registration; see Note [Where attributes live]

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """A tensor that belongs to the module without being a parameter; in the state_dict if `persistent`."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        for hook in everywhere.buffer.values():
            replaced = hook(self, name, tensor)
            tensor = tensor if replaced is None else replaced
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """A parameter under a name; None keeps the name without a value."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is None:
            self._parameters[name] = None
            return
        if not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
            )
        if param.grad_fn:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To express "
                f"'{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        for hook in everywhere.parameter.values():
            replaced = hook(self, name, param)
            param = param if replaced is None else replaced
        self._parameters[name] = param

    def _check_name(self, kind: str, name: Any, own: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in own:
            raise KeyError(f"attribute '{name}' already exists")

    def add_module(self, name: str, module: Module | None) -> None:
        """A child under a name, as assigning it to the attribute does."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {typename(name)}")
        if hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError('module name can\'t be empty string ""')
        self._modules[name] = self._module_hooks(name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of `add_module`."""
        self.add_module(name, module)

    def _module_hooks(self, name: str, module: Any) -> Any:
        for hook in everywhere.module.values():
            replaced = hook(self, name, module)
            module = module if replaced is None else replaced
        return module

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for place in ("_parameters", "_buffers", "_modules"):
            if place in own and name in own[place]:
                return own[place][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _forget(self, name: str, *places: str) -> None:
        """Takes a name out of where it lived before it got a value of another kind."""
        own = self.__dict__
        if "__dict__" in places:
            own.pop(name, None)
        for place in ("_parameters", "_buffers", "_modules"):
            if place in places:
                own[place].pop(name, None)
        if "_buffers" in places:
            own["_non_persistent_buffers_set"].discard(name)

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in own:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "__dict__", "_buffers", "_modules")
            self.register_parameter(name, value)
            return
        parameters = own.get("_parameters")
        if parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
            return
        modules = own.get("_modules")
        if isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "__dict__", "_parameters", "_buffers")
            modules[name] = self._module_hooks(name, value)
            return
        if modules is not None and name in modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            modules[name] = self._module_hooks(name, value)
            return
        buffers = own.get("_buffers")
        if isinstance(value, Buffer) or (buffers is not None and name in buffers):
            self._set_buffer(name, value, buffers)
        else:
            super().__setattr__(name, value)

    def _set_buffer(self, name: str, value: Any, buffers: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)"
            )
        if buffers is None:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        if isinstance(value, Buffer):
            persistent = value.persistent  # type: ignore[attr-defined]
        else:
            persistent = name not in self._non_persistent_buffers_set
        if (
            getattr(self.register_buffer, "__func__", None) is Module.register_buffer
            or "persistent" in inspect.signature(self.register_buffer).parameters
        ):
            self.register_buffer(name, value, persistent)
        elif persistent:
            self.register_buffer(name, value)
        else:
            raise RuntimeError(
                "Registering a non-persistent buffer on a Module subclass that implements register_buffer() without the persistent "
                "argument is not allowed."
            )

    def __delattr__(self, name: str) -> None:
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted(name for name in names if not name[0].isdigit())

    # ---- calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._compiled_call_impl is not None:
            return self._compiled_call_impl(*args, **kwargs)
        every = everywhere
        if not (
            self._backward_hooks
            or self._backward_pre_hooks
            or self._forward_hooks
            or self._forward_pre_hooks
            or every.backward_pre
            or every.backward
            or every.forward
            or every.forward_pre
        ):
            try:
                return self.forward(*args, **kwargs)
            except (RuntimeError, ValueError, IndexError) as error:
                because(error, "module", module=self, inputs=args)
                raise
        return self._call_with_hooks(args, kwargs)

    def _call_noting(self, *args: Any, **kwargs: Any) -> Any:
        """`__call__` while provenance is on: what is recorded inside knows the module."""
        root, before = state.root, state.module
        if root is None:
            state.root = root = self
        state.module = entering(root, self) or before
        try:
            return self._call_plain(*args, **kwargs)
        finally:
            state.module = before
            if root is self:
                state.root = None

    _call_plain = __call__
    _wrapped_call_impl = __call__

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        """A call as it is without `compile`."""
        return self._call_with_hooks(args, kwargs)

    def _slow_forward(self, *input: Any, **kwargs: Any) -> Any:
        return self.forward(*input, **kwargs)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        called: set[int] = set()
        result: list[Any] = [None]
        try:
            for now in self._run_pre_hooks(
                args, kwargs
            ):  # what went wrong in between sees what the hooks before made of them
                args, kwargs = now
            backward = None
            full, old = self._get_backward_hooks()
            before = self._get_backward_pre_hooks()
            if full or before:
                backward = BackwardHook(self, full, before)
                args = backward.inputs(args)
            result[0] = self.forward(*args, **kwargs)
            self._run_forward_hooks(args, kwargs, result, called)
            if backward is not None:
                if not isinstance(result[0], (Tensor, tuple)):
                    warnings.warn(
                        "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                        f"{type(result[0])}",
                        stacklevel=3,
                    )
                result[0] = backward.outputs(result[0])
            if old:
                self._hang_old_hooks(old, args, result[0])
            return result[0]
        except Exception:
            self._run_always_called(args, kwargs, result, called)
            raise

    def _run_pre_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
        for key, hook in [*everywhere.forward_pre.items(), *self._forward_pre_hooks.items()]:
            if key in self._forward_pre_hooks_with_kwargs:
                got = hook(self, args, kwargs)
                if got is not None:
                    if not (isinstance(got, tuple) and len(got) == 2):
                        raise RuntimeError(
                            f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {got}."
                        )
                    args, kwargs = got
            else:
                got = hook(self, args)
                if got is not None:
                    args = got if isinstance(got, tuple) else (got,)
            yield args, kwargs

    def _run_forward_hooks(self, args: Any, kwargs: Any, result: list[Any], called: set[int]) -> None:
        for key, hook in [*everywhere.forward.items(), *self._forward_hooks.items()]:
            called.add(key)
            if key in self._forward_hooks_with_kwargs or key in everywhere.with_kwargs:
                got = hook(self, args, kwargs, result[0])
            else:
                got = hook(self, args, result[0])
            if got is not None:
                result[0] = got

    def _run_always_called(self, args: Any, kwargs: Any, result: list[Any], called: set[int]) -> None:
        """After an error: the hooks that asked to be called all the same, whose own errors become warnings."""
        own = [(k, h, "module") for k, h in self._forward_hooks.items() if k in self._forward_hooks_always_called]
        for key, hook, kind in [
            *[(k, h, "global module") for k, h in everywhere.forward.items() if k in everywhere.always],
            *own,
        ]:
            if key in called:
                continue
            with_kwargs = key in self._forward_hooks_with_kwargs
            try:
                got = hook(self, args, kwargs, result[0]) if with_kwargs else hook(self, args, result[0])
                result[0] = result[0] if got is None else got
            except Exception as e:
                warnings.warn(
                    f"{kind} forward hook with ``always_call=True`` raised an exception that was silenced as another error was "
                    f"raised in forward: {e}",
                    stacklevel=4,
                )

    def _get_backward_hooks(self) -> tuple[list[Callable[..., Any]], list[Callable[..., Any]]]:
        """The full backward hooks that count for this module, and those of the old kind."""
        kinds = (everywhere.backward, everywhere.full), (self._backward_hooks, self._is_full_backward_hook)
        full = [hook for hooks, kind in kinds if kind is True for hook in hooks.values()]
        old = [hook for hooks, kind in kinds if kind is False for hook in hooks.values()]
        return full, old

    def _get_backward_pre_hooks(self) -> list[Callable[..., Any]]:
        return [*everywhere.backward_pre.values(), *self._backward_pre_hooks.values()]

    def _hang_old_hooks(self, hooks: list[Callable[..., Any]], args: Any, result: Any) -> None:
        first = result
        while not isinstance(first, Tensor):
            first = next(v for v in first.values() if isinstance(v, Tensor)) if isinstance(first, dict) else first[0]
        node = first.grad_fn
        if node is not None:
            for hook in hooks:
                node.register_hook(_WrappedHook(hook, self))  # type: ignore[attr-defined]
            self._maybe_warn_non_full_backward_hook(args, result, node)

    def _maybe_warn_non_full_backward_hook(self, inputs: Any, result: Any, grad_fn: Any) -> None:
        warn_of_old_hooks(inputs, result, grad_fn)

    # ---- changes to all

    def apply(self, fn: Callable[[Module], Any]) -> Any:
        """Calls `fn` on every submodule and then on this one; returns self. For initialisation, say."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Any:
        """Sets training mode (dropout, batch norm) in this module and all below."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Any:
        """Sets evaluation mode: train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Sets requires_grad of all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Sets the gradients of all parameters to None, or to zeros."""
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
                continue
            if grad.grad_fn is not None:
                grad.detach_()
            else:
                grad.requires_grad_(False)
            grad.zero_()

    def share_memory(self) -> Any:
        """Moves all tensors into shared memory."""
        return self._apply(lambda t: t.share_memory_())

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Any:
        """Every tensor replaced by what `fn` makes of it; parameters as `torch.__future__` says, by default in the same object."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        for key, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[key] = converted(parameter, fn, f"{self._get_name()}.{key}")
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def type(self, dst_type: Any) -> Any:
        """All parameters and buffers in a dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Any:
        """Floating parameters and buffers in float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Any:
        """Floating parameters and buffers in float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Any:
        """Floating parameters and buffers in float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Any:
        """Floating parameters and buffers in bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self) -> Any:
        """All parameters and buffers in the CPU's memory."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Any:
        """All parameters and buffers on a CUDA device: an error here, where there is none."""
        return self._apply(lambda t: t.cuda(device))

    def xpu(self, device: Any = None) -> Any:
        """All parameters and buffers on an XPU device: an error here, where there is none."""
        raise AssertionError("Torch not compiled with XPU enabled")

    def ipu(self, device: Any = None) -> Any:
        """All parameters and buffers on an IPU device: an error here, where there is none."""
        raise RuntimeError("PyTorch is not linked with support for ipu devices")

    def mtia(self, device: Any = None) -> Any:
        """All parameters and buffers on an MTIA device: an error here, where there is none."""
        raise AssertionError(
            "Torch not compiled with MTIA enabled. Ensure you have `import mtia.host_runtime.torch_mtia.dynamic_library` in your python src "
            "file and include `//mtia/host_runtime/torch_mtia:torch_mtia` as your target dependency!"
        )

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """`to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)` or `to(memory_format=...)` for all parameters and buffers.

        Only floating and complex ones change dtype, and only those of 4 and 5 dimensions their order in memory. TypeError for an
        integer dtype, and for other arguments.
        """
        device, dtype, non_blocking, form = parse_to(*args, **kwargs)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise TypeError(
                    f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(
                    "Complex modules are a new feature under active development whose design may change, and some modules might "
                    "not work as expected when using complex tensors as parameters or buffers. Please file an issue at "
                    "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml if a complex module does not work as "
                    "expected.",
                    stacklevel=2,
                )

        def convert(t: Any) -> Any:
            as_dtype = dtype if t.is_floating_point() or t.is_complex() else None
            if form is not None and t.dim() in (4, 5):
                return t.to(device, as_dtype, non_blocking, memory_format=form)
            return t.to(device, as_dtype, non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """All parameters and buffers on a device, with whatever values the memory holds."""
        from ... import functions

        return self._apply(lambda t: functions.empty_like(t, device=device), recurse)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """`torch.compile` of the module's calls, with its options; everything runs eagerly, as before."""
        self._compiled_call_impl = functools.partial(self._call_impl)

    # ---- text

    def extra_repr(self) -> str:
        """What stands between the brackets of `repr`; subclasses define it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): " + _addindent(repr(child), 2) for name, child in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        body = lines + children
        inside = "\n  " + "\n  ".join(body) + "\n" if body else ""
        return f"{self._get_name()}({inside})"

    # ---- copies and pickles

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)
        return state

    def _replicate_for_data_parallel(self) -> Any:
        """A shallow copy without parameters of its own."""
        replica: Any = type(self).__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        replica._parameters = {}
        replica._buffers = replica._buffers.copy()
        replica._modules = replica._modules.copy()
        replica._is_replica = True
        return replica

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _HOOKS:
            self.__dict__.setdefault(name, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)


_HOOKS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)

# PyTorch's names for what is kept in `everywhere`.
_global_parameter_registration_hooks = everywhere.parameter
_global_buffer_registration_hooks = everywhere.buffer
_global_module_registration_hooks = everywhere.module
_global_forward_pre_hooks = everywhere.forward_pre
_global_forward_hooks = everywhere.forward
_global_backward_pre_hooks = everywhere.backward_pre
_global_backward_hooks = everywhere.backward


def _has_any_global_hook() -> bool:
    return bool(everywhere.backward_pre or everywhere.backward or everywhere.forward_pre or everywhere.forward)


def _note_modules(on: bool) -> None:
    Module.__call__ = Module._call_noting if on else Module._call_plain  # type: ignore[method-assign]


on_switch(_note_modules)

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]
