"""Modules as functions of their parameters."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from .. import functions as F
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.modules.module import Module
from ..nn.utils import stateless
from ..tensor import Tensor
from ..transforms import tree
from ..transforms.wrapped import Wrapped


def functional_call(
    module: Module, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True,
    strict: bool = False,
) -> Any:  # fmt: skip
    """`nn.utils.stateless.functional_call`, which takes a sequence of dicts, too; no name may stand in two of them (ValueError)."""
    given = parameter_and_buffer_dicts
    if isinstance(given, (list, tuple)):
        if not all(isinstance(d, dict) for d in given):
            raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
        names = [k for d in given for k in d]
        repeated = [k for k in dict.fromkeys(names) if names.count(k) > 1]
        if repeated:
            raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
        given = {k: v for d in given for k, v in d.items()}
    if not isinstance(given, dict):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(given)}"
        )
    return stateless._functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(parameters, buffers) of several models of one class, each stacked along a new first dimension: what `vmap` runs an ensemble by.
    RuntimeError for no models, models of different classes, or some that train and some that do not.

    >>> import tgrad as torch
    >>> params, buffers = torch.func.stack_module_state([torch.nn.Linear(2, 1) for _ in range(3)])
    >>> params["weight"].shape
    torch.Size([3, 1, 2])
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = {k: _stacked(k, [dict(m.named_parameters())[k] for m in models]) for k, _ in models[0].named_parameters()}
    buffers = {k: _stacked(k, [dict(m.named_buffers())[k] for m in models]) for k, _ in models[0].named_buffers()}
    return params, buffers


def _stacked(name: str, tensors: list[Any]) -> Any:
    needs = [t.requires_grad for t in tensors]
    if any(needs) and not all(needs):
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    out = F.stack(tensors).detach()  # type: ignore[attr-defined]
    out.requires_grad = all(needs)
    return out


def functionalize(func: Any, *, remove: str = "mutations") -> Any:
    """`func`, whose in-place operations then show in results only, not in the arguments that the caller holds: it runs on copies."""
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for parameter 'remove': {remove}, "
            "expected 'mutations' or 'mutations_and_views'"
        )

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        own: dict[int, Any] = {}

        def copied(x: Any) -> Any:
            if not isinstance(x, Tensor):
                return x
            return own.setdefault(id(x), x.clone())  # type: ignore[attr-defined]

        out = func(*tree.map_leaves(copied, list(args)), **tree.map_leaves(copied, kwargs))
        for x in tree.flatten((list(args), kwargs))[
            0
        ]:  # as in PyTorch, what was written reaches the arguments in the end
            if isinstance(x, Tensor) and own[id(x)]._version:
                x.copy_(own[id(x)])  # type: ignore[attr-defined]
        return out

    return wrapped


def debug_unwrap(tensor: Any, *, recurse: bool = True) -> Any:
    """What is inside a tensor that a transform made: the whole batch, or the value without its tangent. `recurse`: down to plain tensors."""
    while isinstance(tensor, Wrapped):
        tensor = tensor.parts()[0]
        if not recurse:
            break
    return tensor


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Lets all batch norms of a model do without running statistics, in place, so that it can be mapped over; returns the model."""
    for part in root.modules():
        if isinstance(part, _BatchNorm):
            part.running_mean = part.running_var = part.num_batches_tracked = None
            part.track_running_stats = False
    return root


__all__ = ["debug_unwrap", "functional_call", "functionalize", "replace_all_batch_norm_modules_", "stack_module_state"]
