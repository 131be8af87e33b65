"""`Optimizer`: parameter groups, their state, and what a step is."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

from .. import functions as fn
from ..dtype import float32, float64, get_default_dtype
from ..graph.hooks import RemovableHandle
from ..graph.modes import enable_grad, is_grad_enabled, set_grad_enabled
from ..kernels.optimizing import Prepared
from ..kernels.quiet import quiet
from ..nn.modules.names import typename
from ..tensor import Tensor

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]


class _Required:
    """The default of an option that has none."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
# What optimizers take as parameters.
ParamsT = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]

_global_pre_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
_global_post_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(optimizer, args, kwargs)` before every step of every optimizer."""
    return _hung(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`hook(optimizer, args, kwargs)` after every step of every optimizer."""
    return _hung(_global_post_hooks, hook)


def _hung(hooks: Any, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def check_lr(lr: Any, words: str = "Invalid learning rate: ") -> None:
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(f"{words}{lr}")


def check_flags(differentiable: bool, foreach: Any, fused: Any) -> None:
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_least(**values: Any) -> None:
    """ValueError for an option below zero, in PyTorch's words; `epsilon` is what it calls eps."""
    for word, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {word} value: {value}")


def check_betas(betas: Any) -> None:
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def check_fused(p: Any) -> None:
    """RuntimeError for what fused steps are not for."""
    if not p.is_floating_point():
        devices = ["mps", "cuda", "xpu", "hpu", "cpu", "mtia", "privateuseone"]
        raise RuntimeError(
            f"`fused=True` requires all the params to be floating point Tensors of supported devices: {devices} but {p.dtype} and "
            f"{p.device.type}"
        )


def check_steps(
    params: Sequence[Any], *, foreach: Any = False, differentiable: bool = False, capturable: bool = False,
    words: str = "params and state_steps", xla: bool | None = None, **counters: Sequence[Any],
) -> None:  # fmt: skip
    """What the functional forms refuse: counters that are not tensors, and flags that do not go together or not with these parameters."""
    for name, tensors in counters.items():
        if not all(isinstance(t, Tensor) for t in tensors):
            raise RuntimeError(f"API has changed, `{name}` argument must contain a list of singleton tensors")
    if not params:
        return
    if foreach and differentiable:
        raise AssertionError("_foreach ops don't support autograd")
    if capturable:
        devices = ["cuda", "xpu", "hpu", "privateuseone"] + ["xla"] * (not foreach if xla is None else xla)
        raise AssertionError(f"If capturable=True, {words} must be on supported devices: {devices}.")


def counter(fused: Any = False) -> Tensor:
    """The step counter that states carry: a 0-d float tensor."""
    return fn.zeros((), dtype=_counting(fused))


def _counting(fused: Any = False) -> Any:
    return float64 if not fused and get_default_dtype() is float64 else float32


def as_counter(x: Any, fused: Any = False) -> Tensor:
    """A number of a state as the tensor that it is kept as; old files have it as a number of Python's."""
    return x if isinstance(x, Tensor) else fn.tensor(float(x), dtype=_counting(fused))


def stepping(step: Callable[..., Any]) -> Callable[..., Any]:
    """A `step` that is recorded if the optimizer is differentiable, and else is not."""

    def run(self: Any, closure: Callable[[], Any] | None = None) -> Any:
        before = is_grad_enabled()
        set_grad_enabled(bool(self.defaults.get("differentiable")))
        try:
            loss = None
            if closure is not None:
                with enable_grad():
                    loss = closure()
            with quiet:
                step(self)
            return loss
        finally:
            set_grad_enabled(before)

    run.__name__, run.__qualname__, run.__module__ = step.__name__, step.__qualname__, step.__module__
    run.__doc__ = step.__doc__
    return run


class Optimizer:
    """Base class of all optimizers.

    `params`: tensors, (name, tensor) pairs, or dicts with "params" and options of their own; `defaults`: the options of
    groups that do not say otherwise. A subclass defines `_update`, or `step`.
    """

    state: Any
    param_groups: list[dict[str, Any]]

    # What these hooks are given, and may give back.
    OptimizerPreHook = Callable[[Any, tuple[Any, ...], dict[str, Any]], "tuple[tuple[Any, ...], dict[str, Any]] | None"]
    OptimizerPostHook = Callable[[Any, tuple[Any, ...], dict[str, Any]], None]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hooks()
        self._patch_step_function()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + typename(params)
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hooks(self) -> None:
        self._prepared = Prepared()
        self._optimizer_step_pre_hooks: OrderedDict[int, Any] = OrderedDict()
        self._optimizer_step_post_hooks: OrderedDict[int, Any] = OrderedDict()
        self._optimizer_state_dict_pre_hooks: OrderedDict[int, Any] = OrderedDict()
        self._optimizer_state_dict_post_hooks: OrderedDict[int, Any] = OrderedDict()
        self._optimizer_load_state_dict_pre_hooks: OrderedDict[int, Any] = OrderedDict()
        self._optimizer_load_state_dict_post_hooks: OrderedDict[int, Any] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._make_hooks()
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            options = [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
            text += f"\nParameter Group {i}\n" + "".join(options)
        return text + ")"

    # ---- groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group: {"params": tensors, option: value, ...}.

        TypeError or ValueError for what cannot be optimized: not tensors, not leaves, in a group already.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change "
                "between runs. Please use a list instead."
            )
        given = [params] if isinstance(params, Tensor) else list(params)
        names = [p[0] for p in given if isinstance(p, tuple)]
        tensors = [p[1] if isinstance(p, tuple) else p for p in given]
        if names:
            if len(names) != len(tensors):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
        param_group["params"] = tensors
        self._check_params(tensors)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(tensors) != len(set(tensors)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see "
                "github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        seen: set[Any] = set()
        for group in self.param_groups:
            seen.update(group["params"])
            if ("param_names" in param_group) != ("param_names" in group):
                which = "with names" if "param_names" in param_group else "without names"
                raise ValueError(
                    f"all optimizer param groups should be with/without names. cannot add param group {which} to the optimizer"
                )
        if not seen.isdisjoint(tensors):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def _check_params(self, tensors: list[Any]) -> None:
        for p in tensors:
            if not isinstance(p, Tensor):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + typename(p))
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")

    # ---- steps

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Sets the gradients of all parameters to None, or to zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                if set_to_none:
                    p.grad = None
                    continue
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters that have a gradient; `closure` computes the loss anew, and its value is returned."""
        raise NotImplementedError

    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """A `step` with the registered hooks around it. Every optimizer's is, from when the first of its class is made."""

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self = args[0]
            for hook in [*_global_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()]:
                got = hook(self, args, kwargs)
                if got is not None:
                    if not (isinstance(got, tuple) and len(got) == 2):
                        raise RuntimeError(
                            f"{func} must return None or a tuple of (new_args, new_kwargs), but got {got}."
                        )
                    args, kwargs = got
            out = func(*args, **kwargs)
            for hook in [*self._optimizer_step_post_hooks.values(), *_global_post_hooks.values()]:
                hook(self, args, kwargs)
            return out

        return wrapper

    def _accelerator_graph_capture_health_check(self) -> None:
        """Nothing to check: steps are never captured. Optimizers of one's own call it as PyTorch's do."""

    _cuda_graph_capture_health_check = _accelerator_graph_capture_health_check

    def _patch_step_function(self) -> None:
        cls: Any = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = self.profile_hook_step(cls.step)
            cls.step.hooked = True

    def _count_in_tensors(self, group: dict[str, Any], fused: Any = False, words: Sequence[str] = ("step",)) -> None:
        """Makes tensors of counts that old files have as numbers of Python's."""
        for p in group["params"]:
            state = self.state.get(p)
            if state:
                for word in words:
                    state[word] = as_counter(state[word], fused)

    def _gather(
        self, group: dict[str, Any], words: Sequence[str], begin: Callable[[Any, dict[str, Any]], None]
    ) -> tuple[list[Any], list[Any], list[list[Any]]]:
        """The parameters of a group that have a gradient, these gradients, and for each word the entries of their states.

        `begin(p, state)` fills the state of a parameter at its first step."""
        params: list[Any] = []
        grads: list[Any] = []
        entries: list[list[Any]] = [[] for _ in words]
        known = self.state
        for p in group["params"]:
            grad = p.grad
            if grad is None:
                continue
            params.append(p)
            grads.append(grad)
            state = known[p]
            if not state:
                begin(p, state)
            for word, entry in zip(words, entries):
                entry.append(state.get(word))
        return params, grads, entries

    # ---- state

    def state_dict(self) -> dict[str, Any]:
        """{"state": per parameter number, "param_groups": options with parameter numbers}."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {k: v for k, v in group.items() if k != "params"}
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        out: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            got = hook(self, out)
            out = out if got is None else got
        return out

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes a copy of what `state_dict` gave. ValueError if the groups do not fit."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            got = hook(self, state_dict)
            state_dict = state_dict if got is None else got
        own, given = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(own) != len(given):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(own, given)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        numbers = chain.from_iterable(g["params"] for g in given)
        by_number = dict(zip(numbers, chain.from_iterable(g["params"] for g in own)))
        state: Any = defaultdict(dict)
        counting = {
            n: bool(g.get("fused") or g.get("capturable"))
            for g in reversed(state_dict["param_groups"])
            for n in g["params"]
        }
        for key, value in state_dict["state"].items():
            if key in by_number:
                state[by_number[key]] = _fitted(by_number[key], value, counting.get(key, False))
            else:
                state[key] = value
        groups = []
        for mine, loaded in zip(own, given):
            loaded["params"] = mine["params"]
            if "param_names" in mine and "param_names" not in loaded:
                loaded["param_names"] = mine["param_names"]
            groups.append(loaded)
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # ---- hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(optimizer, args, kwargs)` before each step; what it returns replaces the arguments."""
        return _hung(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(optimizer, args, kwargs)` after each step."""
        return _hung(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer)` before `state_dict()`."""
        return _hung(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer, state_dict)` after `state_dict()`; what it returns replaces the dict."""
        return _hung(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer, state_dict)` before loading; what it returns replaces the dict."""
        return _hung(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer)` after loading."""
        return _hung(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _fitted(p: Any, value: Any, counting: bool, key: str | None = None) -> Any:
    """A loaded state with its floating tensors in the parameter's dtype. The step counter keeps its own, or is float32 if `counting`."""
    if isinstance(value, Tensor):
        if key == "step":
            return value.to(dtype=float32) if counting else value  # type: ignore[attr-defined]
        return value.to(dtype=p.dtype) if p.is_floating_point() else value  # type: ignore[attr-defined]
    if isinstance(value, dict):
        return {k: _fitted(p, v, counting, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_fitted(p, v, counting) for v in value)  # type: ignore[call-arg]
    return value
