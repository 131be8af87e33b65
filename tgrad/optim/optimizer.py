"""`Optimizer`: parameter groups, their state, and what a step is.

Note [One update for arrays and Tensors]
An optimizer writes its update once, with operators and in-place operators only (`buf *= momentum`, `param += ...`). On
the usual path it runs over the parameters' numpy arrays, which costs a fraction of the same on tensors; the version
counters are moved on afterwards. With differentiable=True, or a learning rate that requires grad, it runs over Tensors
and is recorded.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

import numpy as np

from ..graph.hooks import RemovableHandle
from ..graph.modes import enable_grad, no_grad, set_grad_enabled
from ..kernels.optimizing import Prepared
from ..nn.modules.names import typename
from ..tensor import Tensor


class _Required:
    """The default of an option that has none."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
Stepping = tuple[Any, Any, dict[str, Any]]  # a parameter, its gradient and its state

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


def number(x: Any) -> Any:
    """A one-element tensor as the Python number in it; anything else as it is."""
    return x.item() if isinstance(x, Tensor) else x


def check_lr(lr: Any, least: str = "Invalid learning rate: ") -> None:
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(f"{least}{lr}")


def check_flags(differentiable: bool, foreach: Any, fused: Any) -> None:
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def root(x: Any) -> Any:
    """The square root over arrays and Tensors."""
    return np.sqrt(x) if isinstance(x, np.ndarray) else x.sqrt()


def larger(a: Any, b: Any) -> Any:
    """The elementwise maximum over arrays and Tensors."""
    return np.maximum(a, b) if isinstance(a, np.ndarray) else a.maximum(b)


def size(x: Any) -> Any:
    """|x| over arrays and Tensors."""
    return np.abs(x) if isinstance(x, np.ndarray) else x.abs()


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """A class's `step` with the registered hooks around it."""
    if getattr(step, "hooked", False):
        return step

    @functools.wraps(step)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not (
            _global_pre_hooks or _global_post_hooks or self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks
        ):
            out = step(self, *args, **kwargs)
            self._opt_called = True
            return out
        for hook in [*_global_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()]:
            got = hook(self, args, kwargs)
            if got is not None:
                if not (isinstance(got, tuple) and len(got) == 2):
                    raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {got}.")
                args, kwargs = got
        out = step(self, *args, **kwargs)
        self._opt_called = True
        for hook in [*self._optimizer_step_post_hooks.values(), *_global_post_hooks.values()]:
            hook(self, args, kwargs)
        return out

    run.hooked = True  # type: ignore[attr-defined]
    return run


class Optimizer:
    """Base class of all optimizers.

    `params`: tensors, (name, tensor) pairs, or dicts with "params" and options of their own; `defaults`: the options of
    groups that do not say otherwise. A subclass defines `_update`, or `step`.
    """

    state: Any
    param_groups: list[dict[str, Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hooks()
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
        """One update of all parameters that have a gradient; `closure` computes the loss anew and is returned's value."""
        raise NotImplementedError

    def _closed(self, closure: Callable[[], Any] | None) -> Any:
        if closure is None:
            return None
        with enable_grad():
            return closure()

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        """The usual step: `_update` for each parameter with a gradient. See Note [One update for arrays and Tensors]."""
        recorded = bool(self.defaults.get("differentiable"))
        loss = self._closed(closure)
        with set_grad_enabled(True) if recorded else no_grad():
            for group in self.param_groups:
                over_tensors = recorded or getattr(group["lr"], "requires_grad", False)
                has_state = self._has_state(group)
                stepping: list[Stepping] = []
                for p in group["params"]:
                    grad = p.grad
                    if grad is None:
                        continue
                    state = self.state[p] if has_state else {}
                    if not state:
                        self._begin(group, p, state)
                    if over_tensors:
                        self._update(group, p, -grad if group.get("maximize") else grad, state, state)
                    else:
                        stepping.append((p, grad, state))
                if stepping and len({id(one[0]) for one in stepping}) == len(stepping):
                    stepping = self._together(group, stepping)
                for p, grad, state in stepping:
                    self._update_array(group, p, grad, state)
        return loss

    def _together(self, group: dict[str, Any], stepping: list[Stepping]) -> list[Stepping]:
        """Does the steps that a compiled kernel can do for many parameters at a time; gives what is left."""
        return stepping

    def _update_array(self, group: dict[str, Any], p: Any, grad: Any, state: dict[str, Any]) -> None:
        a, g = p._a, grad._a
        if a.dtype.kind == "c":
            a, g = as_real(a), as_real(g)
            arrays = {k: as_real(v._a) if isinstance(v, Tensor) and v._a.ndim else v for k, v in state.items()}
        else:
            arrays = {k: v._a if isinstance(v, Tensor) and k != "step" else v for k, v in state.items()}
        with np.errstate(all="ignore"):
            self._update(group, a, -g if group.get("maximize") else g, arrays, state)
        p._bump()

    def _has_state(self, group: dict[str, Any]) -> bool:
        """Whether parameters of a group have a state at all."""
        return True

    def _begin(self, group: dict[str, Any], p: Any, state: dict[str, Any]) -> None:
        """Fills the state of a parameter at its first step."""

    def _update(self, group: dict[str, Any], p: Any, grad: Any, s: dict[str, Any], state: dict[str, Any]) -> None:
        """Changes `p` in place. `s` is the state as what `p` is, arrays or Tensors; `state` takes new entries."""
        raise NotImplementedError

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
        for key, value in state_dict["state"].items():
            if key in by_number:
                state[by_number[key]] = _fitted(by_number[key], value)
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


def as_real(a: np.ndarray) -> np.ndarray:
    """A complex array as a real one with a last dimension of 2, over the same memory."""
    return a[..., None].view(a.real.dtype)


def _fitted(p: Any, value: Any, key: str | None = None) -> Any:
    """A loaded state with its floating tensors in the parameter's dtype (the step counter keeps its own)."""
    if isinstance(value, Tensor):
        return value if key == "step" or not p.is_floating_point() else value.to(dtype=p.dtype)  # type: ignore[attr-defined]
    if isinstance(value, dict):
        return {k: _fitted(p, v, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_fitted(p, v) for v in value)  # type: ignore[call-arg]
    return value


def check_least(**values: Any) -> None:
    """ValueError for an option below zero, in PyTorch's words; `epsilon` is what it calls eps."""
    for word, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {word} value: {value}")


def check_betas(betas: Any) -> None:
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def rate(group: dict[str, Any]) -> Any:
    """The learning rate as a number, or as the tensor that it is if it requires grad."""
    lr = group["lr"]
    return lr if getattr(lr, "requires_grad", False) else number(lr)


def decayed(group: dict[str, Any], p: Any, grad: Any) -> Any:
    """The gradient with weight decay in it; decoupled decay goes to the parameter instead."""
    decay = group["weight_decay"]
    if decay == 0:
        return grad
    if group.get("decoupled_weight_decay"):
        p *= 1 - rate(group) * decay
        return grad
    return grad + p * decay
