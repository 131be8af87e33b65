"""Hooks of modules: on the way in, on the way out, and on the gradients that pass.

Note [Hooks on a module's gradients]
A full backward hook wants the gradients of a module's inputs and outputs. Both are caught by identity functions in the
graph: one that all inputs go through, one that all outputs go through. In the backward pass the outputs' one is met
first and notes what arrives; the inputs' one is met last and calls the hooks with both.
"""

from __future__ import annotations

import functools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ...graph.function import Function
from ...graph.hooks import RemovableHandle
from ...graph.modes import is_grad_enabled
from ...tensor import Tensor

Hooks = OrderedDict[int, Callable[..., Any]]

BOTH_KINDS = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."
)
BOTH_KINDS_GLOBAL = "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only one of them."


class Everywhere:
    """The hooks that run for every module."""

    def __init__(self) -> None:
        self.forward_pre: Hooks = OrderedDict()
        self.forward: Hooks = OrderedDict()
        self.with_kwargs: dict[int, bool] = {}
        self.always: dict[int, bool] = {}
        self.backward_pre: Hooks = OrderedDict()
        self.backward: Hooks = OrderedDict()
        self.full: bool | None = None
        self.parameter: Hooks = OrderedDict()
        self.buffer: Hooks = OrderedDict()
        self.module: Hooks = OrderedDict()


everywhere = Everywhere()


def _global(hooks: Hooks, hook: Callable[..., Any], *extra: dict[int, bool]) -> RemovableHandle:
    handle = RemovableHandle(hooks, extra_dict=list(extra))
    hooks[handle.id] = hook
    return handle


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, args)` before every forward of every module; what it returns replaces the arguments."""
    return _global(everywhere.forward_pre, hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """`hook(module, args, output)` after every forward of every module; what it returns replaces the output."""
    handle = _global(everywhere.forward, hook, everywhere.with_kwargs, everywhere.always)
    if with_kwargs:
        everywhere.with_kwargs[handle.id] = True
    if always_call:
        everywhere.always[handle.id] = True
    return handle


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, grad_output)` before the gradients pass back through any module."""
    return _global(everywhere.backward_pre, hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, grad_input, grad_output)` when the gradients of any module's inputs are known."""
    if everywhere.full is False:
        raise RuntimeError(BOTH_KINDS_GLOBAL)
    everywhere.full = True
    return _global(everywhere.backward, hook)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """The hook of the time before full backward hooks, for every module."""
    if everywhere.full is True:
        raise RuntimeError(BOTH_KINDS_GLOBAL)
    everywhere.full = False
    return _global(everywhere.backward, hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, name, parameter)` when a parameter is registered anywhere; what it returns replaces it."""
    return _global(everywhere.parameter, hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, name, buffer)` when a buffer is registered anywhere; what it returns replaces it."""
    return _global(everywhere.buffer, hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(module, name, submodule)` when a module is registered anywhere; what it returns replaces it."""
    return _global(everywhere.module, hook)


# ---- gradients; see Note [Hooks on a module's gradients]


class BackwardHookFunction(Function):
    """The identity, whose backward passes the gradients through a callback."""

    @staticmethod
    def forward(ctx: Any, callback: Callable[..., Any], *tensors: Tensor) -> Any:
        ctx.callback = callback
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None, *ctx.callback(grads)


class BackwardHook:
    """The full backward hooks of one call of a module."""

    def __init__(self, module: Any, hooks: list[Callable[..., Any]], pre_hooks: list[Callable[..., Any]]) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.inputs_at: list[int] | None = None
        self.n_inputs = self.n_outputs = -1
        self.outputs_at: list[int] = []

    def _through(
        self, values: tuple[Any, ...], callback: Callable[..., Any]
    ) -> tuple[tuple[Any, ...], list[int] | None]:
        """The values with their tensors passed through the identity, and where those stand; None where nothing is recorded."""
        at = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
        if not (any(values[i].requires_grad for i in at) and is_grad_enabled()):
            return values, None
        made = BackwardHookFunction.apply(callback, *[values[i] for i in at])
        out = list(values)
        for i, t in zip(at, made if isinstance(made, tuple) else (made,)):
            out[i] = t
        return tuple(out) if type(values) is tuple else type(values)(*out), at

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.n_inputs = len(args)
        args, self.inputs_at = self._through(args, self._inputs_passed)
        return args

    def outputs(self, result: Any) -> Any:
        single = not isinstance(result, tuple)
        values = (result,) if single else result
        self.n_outputs = len(values)
        values, at = self._through(values, self._outputs_reached)
        self.outputs_at = at or []
        return values[0] if single else values

    @staticmethod
    def _spread(at: list[int], n: int, values: Any) -> tuple[Any, ...]:
        out: list[Any] = [None] * n
        for i, v in zip(at, values):
            out[i] = v
        return tuple(out)

    def _outputs_reached(self, grads: Any) -> Any:
        out = self._spread(self.outputs_at, self.n_outputs, grads)
        for hook in self.pre_hooks:
            got = hook(self.module, out)
            if got is None:
                continue
            if len(got) != len(out):
                raise RuntimeError(
                    f"Backward pre hook returned an invalid number of grad_output, got {len(got)}, but expected {len(out)}"
                )
            out = got
        if self.inputs_at is None:  # nothing will come to the inputs: the hooks are called here
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require "
                "gradients. See "
                "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for "
                "more details.",
                stacklevel=5,
            )
            for hook in self.hooks:
                got = hook(self.module, (None,) * self.n_inputs, out)
                if got is not None and not (isinstance(got, tuple) and all(g is None for g in got)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None or None for all gradients."
                    )
        else:
            self.grad_outputs = out
        return [out[i] for i in self.outputs_at]

    def _inputs_passed(self, grads: Any) -> Any:
        if self.grad_outputs is None:  # it came some other way, not through the module's output
            return list(grads)
        assert self.inputs_at is not None
        grad_inputs = self._spread(self.inputs_at, self.n_inputs, grads)
        for hook in self.hooks:
            got = hook(self.module, grad_inputs, self.grad_outputs)
            if got is None:
                continue
            if len(got) != len(grad_inputs):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(got)}, but expected {len(grad_inputs)}"
                )
            grad_inputs = got
        self.grad_outputs = None
        return [grad_inputs[i] for i in self.inputs_at]


# ---- the hooks of old


def warn_of_old_hooks(inputs: Any, result: Any, node: Any) -> None:
    """Says where a backward hook that is not a full one will miss gradients."""
    text = _missed(inputs, result, node)
    if text:
        warnings.warn(f"Using {text}", FutureWarning, stacklevel=4)


def _missed(inputs: Any, result: Any, node: Any) -> str:
    gone = "is deprecated and will be removed in future versions. This hook will be missing"
    instead = "Please use register_full_backward_hook to get the documented behavior."
    for value, does, which in (
        (result, "return a single Tensor or a tuple of Tensors", "the grad_output"),
        (inputs, "take as input a single Tensor or a tuple of Tensors", "the grad_input"),
    ):
        if not (isinstance(value, Tensor) or (isinstance(value, tuple) and all(isinstance(v, Tensor) for v in value))):
            return f"non-full backward hooks on a Module that does not {does} {gone} some of {which}. {instead}"
    made_by = {r.grad_fn for r in (result if isinstance(result, tuple) else (result,)) if r.grad_fn is not None}
    if not made_by or (len(made_by) == 1 and node not in made_by):
        return f"a non-full backward hook when outputs are nested in python data structure {gone} some grad_output."
    if len(made_by) > 1:
        return f"a non-full backward hook when outputs are generated by different autograd Nodes {gone} some grad_output. {instead}"
    before = {i.grad_fn for i in (inputs if isinstance(inputs, tuple) else (inputs,)) if i.grad_fn is not None}
    if before != {n for n, _ in node.next_functions}:
        return f"a non-full backward hook when the forward contains multiple autograd Nodes {gone} some grad_input. {instead}"
    return ""


# ---- registration on one module


class HookMixin:
    """The part of Module that registers hooks."""

    _forward_hooks: Hooks
    _forward_hooks_with_kwargs: dict[int, bool]
    _forward_hooks_always_called: dict[int, bool]
    _forward_pre_hooks: Hooks
    _forward_pre_hooks_with_kwargs: dict[int, bool]
    _backward_hooks: Hooks
    _backward_pre_hooks: Hooks
    _state_dict_hooks: Hooks
    _state_dict_pre_hooks: Hooks
    _load_state_dict_pre_hooks: Hooks
    _load_state_dict_post_hooks: Hooks
    _is_full_backward_hook: bool | None

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """`hook(module, args[, kwargs], output)` after forward; what it returns (unless None) replaces the output."""
        extra = [self._forward_hooks_with_kwargs, self._forward_hooks_always_called]
        handle = _added(self._forward_hooks, hook, prepend, extra)
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        return handle

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """`hook(module, args[, kwargs])` before forward; what it returns replaces the arguments."""
        handle = _added(self._forward_pre_hooks, hook, prepend, [self._forward_pre_hooks_with_kwargs])
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        return handle

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(module, grad_output)` before the gradients pass back through; what it returns replaces them."""
        return _added(self._backward_pre_hooks, hook, prepend, [])

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(module, grad_input, grad_output)` once both are known; what it returns replaces grad_input."""
        if self._is_full_backward_hook is False:
            raise RuntimeError(BOTH_KINDS)
        self._is_full_backward_hook = True
        return _added(self._backward_hooks, hook, prepend, [])

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The backward hook of old: it sees the gradients of the last operation only. Use the full one."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(BOTH_KINDS)
        self._is_full_backward_hook = False
        return _added(self._backward_hooks, hook, False, [])

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(module, state_dict, prefix, local_metadata)` after `state_dict()`; it changes the dict in place."""
        hook._from_public_api = True  # type: ignore[attr-defined]
        return _added(self._state_dict_hooks, hook, False, [])

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(module, prefix, keep_vars)` before `state_dict()`."""
        return _added(self._state_dict_pre_hooks, hook, False, [])

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        return _added(self._load_state_dict_pre_hooks, _WrappedHook(hook, self if with_module else None), False, [])

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return _added(self._state_dict_hooks, hook, False, [])

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(module, incompatible_keys)` after loading; it may change the lists of keys in place."""
        return _added(self._load_state_dict_post_hooks, hook, False, [])


class _WrappedHook:
    """A hook called with its module in front, if one is given, which it does not keep alive; in a pickle it holds the module itself."""

    def __init__(self, hook: Callable[..., Any], module: Any = None) -> None:
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.with_module = module is not None
        if module is not None:
            self.module = weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.hook, self.with_module = state["hook"], state["with_module"]
        if self.with_module:
            if state["module"] is None:
                raise RuntimeError("You are trying to revive the hook of a dead Module!")
            self.module = weakref.ref(state["module"])


_WrappedHook.__module__ = "tgrad.nn.modules.module"  # where PyTorch has it


def _added(hooks: Hooks, hook: Callable[..., Any], prepend: bool, extra: list[Any]) -> RemovableHandle:
    handle = RemovableHandle(hooks, extra_dict=extra)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle
