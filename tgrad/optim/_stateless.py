"""Steps over parameters and states that are not the optimizer's own."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer

_WHO = "swap_in_optimizer_params_and_state requires "


def _checked_state(given: Any) -> dict[Any, Any]:
    state = given.get("state")
    if not isinstance(state, dict):
        raise RuntimeError(
            f"{_WHO}swapin_optim_state['state'] to be a dict mapping packed parameter ids to per-param state dicts, got "
            f"{type(state).__name__}."
        )
    if any(isinstance(k, Tensor) for k in state):
        raise RuntimeError(f"{_WHO}optimizer.state_dict()-style state keyed by packed parameter ids.")
    if any(isinstance(k, int) and not isinstance(v, dict) for k, v in state.items()):
        raise RuntimeError(f"{_WHO}per-parameter optimizer state entries to be dictionaries.")
    return state


def _checked_groups(optimizer: Optimizer, given: Any) -> list[dict[str, Any]]:
    groups = given.get("param_groups")
    if not isinstance(groups, list):
        raise RuntimeError(
            f"{_WHO}swapin_optim_state['param_groups'] to be a list of param-group dicts, got {type(groups).__name__}."
        )
    if len(optimizer.param_groups) != len(groups):
        raise RuntimeError("swapin_optim_state has a different number of parameter groups than the live optimizer.")
    return groups


def _checked_ids(number: int, live: dict[str, Any], given: Any) -> list[int]:
    if not isinstance(given, dict):
        raise RuntimeError(f"{_WHO}each optimizer param group to be a dictionary.")
    ids = given.get("params")
    if not isinstance(ids, list) or not all(isinstance(i, int) for i in ids):
        raise RuntimeError(
            f"{_WHO}optimizer.state_dict()-style param_groups[*]['params'] entries keyed by packed parameter ids."
        )
    if len(live["params"]) != len(ids):
        raise RuntimeError(
            f"swapin_optim_state param group {number} has a different number of params than the live optimizer param group."
        )
    only_given, only_live = [k for k in given if k not in live], [k for k in live if k not in given]
    if only_given or only_live:
        raise RuntimeError(
            f"{_WHO}optimizer.state_dict()-style param group keys to exactly match the live optimizer group keys for group {number}. "
            f"Keys only in swap-in: {only_given}. Keys only in live: {only_live}."
        )
    return ids


@contextlib.contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Any], swapin_optim_state: dict[str, Any]
) -> Iterator[None]:
    """Within the block, `optimizer` steps `swapin_parameters` with the state and options of a `state_dict()`; after it, its own again.

    RuntimeError where these do not fit the optimizer's groups.
    """
    if not optimizer.state:
        raise RuntimeError(f"{_WHO}initialized optimizer state.")
    if not isinstance(swapin_optim_state, dict):
        raise RuntimeError(f"{_WHO}a DCP-style optimizer state_dict.")
    state = _checked_state(swapin_optim_state)
    groups = _checked_groups(optimizer, swapin_optim_state)
    given = list(swapin_parameters.values())
    plan: list[tuple[dict[str, Any], dict[str, Any], list[int], list[Any]]] = []
    at = 0
    for number, (live, group) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        ids = _checked_ids(number, live, group)
        if at + len(ids) > len(given):
            raise RuntimeError(f"{_WHO}the explicit parameter state to match optimizer.param_groups ordering.")
        plan.append((live, group, ids, given[at : at + len(ids)]))
        at += len(ids)
    known = {i for _, _, ids, _ in plan for i in ids}
    extra = [k for k in state if k not in known]
    if extra:
        raise RuntimeError(
            f"{_WHO}swapin_optim_state['state'] to be keyed only by packed parameter ids from param_groups[*]['params']; got extra keys "
            f"{extra!r}."
        )
    own_state, own_groups = optimizer.state, [dict(g) for g in optimizer.param_groups]
    try:
        swapped: Any = defaultdict(dict)
        for live, group, ids, params in plan:
            live.update({k: v for k, v in group.items() if k != "params"}, params=params)
            for p, i in zip(params, ids, strict=True):
                swapped[p] = dict(state.get(i, {}))
        optimizer.state = swapped
        yield
    finally:
        for live, own in zip(optimizer.param_groups, own_groups, strict=True):
            live.clear()
            live.update(own)
        optimizer.state = own_state
