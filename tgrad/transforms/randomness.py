"""Random functions inside vmap: refused, one set of numbers for all samples, or one for each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import functions as F
from ..levels import Hooks
from ..tensor import Tensor
from . import tree
from .batched import Batched, full, inside, of
from .wrapped import RUNNING, Level


def _call(fn: Callable[..., Any], lvl: Level, args: Any, kwargs: Any, take: Callable[[Any], Any]) -> Any:
    """`fn` with its tensors taken apart, run as if the level were not there."""
    at = RUNNING.levels.index(lvl)
    held = RUNNING.levels[at:]
    del RUNNING.levels[at:]
    try:
        return fn(*tree.map_leaves(take, list(args)), **tree.map_leaves(take, kwargs))
    finally:
        RUNNING.levels[at:] = held


def _sample(lvl: Level, i: int, x: Any) -> Any:
    return x.value[i] if of(x, lvl) else x


def drawn(
    fn: Callable[..., Any], sizes: Callable[..., Any] | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A call of a random function while transforms run; NotImplemented outside vmap. `sizes(n, args, kwargs)` gives the arguments
    that draw n times as much, where the function takes sizes instead of tensors."""
    lvl = next((v for v in reversed(RUNNING.levels) if v.size >= 0), None)
    if lvl is None:
        return NotImplemented
    if lvl.randomness == "error":
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness flags on "
            "vmap or perform the randomness operation out of vmap"
        )
    tensors = [t for t in tree.flatten((list(args), kwargs))[0] if isinstance(t, Tensor)]
    if lvl.randomness == "same":
        if not any(of(t, lvl) for t in tensors):
            return _call(fn, lvl, args, kwargs, lambda x: x)
        state = F.get_rng_state()  # type: ignore[attr-defined]
        outs = []
        for i in range(lvl.size):
            F.set_rng_state(state)  # type: ignore[attr-defined]
            outs.append(_call(fn, lvl, args, kwargs, functools.partial(_sample, lvl, i)))
        return _again(fn, args, lvl, outs)
    if tensors:
        out = _call(fn, lvl, args, kwargs, lambda x: (inside if fn.__name__.endswith("_") else full)(x, lvl))
        return args[0] if fn.__name__.endswith("_") else tree.map_leaves(lambda t: Batched(t, lvl), out)
    if sizes is not None:
        more, also = sizes(lvl.size, args, kwargs)
        return Batched(_call(fn, lvl, more, also, lambda x: x), lvl)
    return Batched(F.stack([_call(fn, lvl, args, kwargs, lambda x: x) for _ in range(lvl.size)]), lvl)  # type: ignore[attr-defined]


def _again(fn: Any, args: Any, lvl: Level, outs: list[Any]) -> Any:
    if fn.__name__.endswith("_"):
        return args[0]
    return Batched(F.stack(outs), lvl)  # type: ignore[attr-defined]


Hooks.drawn = staticmethod(drawn)  # type: ignore[assignment]

__all__ = ["drawn"]
