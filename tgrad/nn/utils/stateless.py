"""A module called with other tensors in the place of its parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..modules.module import Module


def _places(module: Module) -> dict[str, tuple[dict[str, Any], str]]:
    """For the full name of each parameter and buffer: the dict that holds it, and its name there."""
    out: dict[str, tuple[dict[str, Any], str]] = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for held in (part._parameters, part._buffers):
            for name, value in held.items():
                if value is not None:
                    out[f"{prefix}.{name}" if prefix else name] = held, name
    return out


def _tied(places: dict[str, tuple[dict[str, Any], str]]) -> list[set[str]]:
    groups: dict[int, set[str]] = {}
    for full, (held, name) in places.items():
        groups.setdefault(id(held[name]), set()).add(full)
    return [g for g in groups.values() if len(g) > 1]


def _owner(module: Any, full: str) -> None:
    """AttributeError unless the module that the name is said to be in exists."""
    for name in full.split(".")[:-1]:
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        module = getattr(module, name)


@contextmanager
def _replaced(module: Module, given: dict[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    places = _places(module)
    values = dict(given)
    if tie_weights:
        for group in _tied(places):
            names = sorted(group & given.keys())
            if names and any(given[n] is not given[names[0]] for n in names):
                raise ValueError(
                    f"functional_call got multiple values for keys {sorted(group & given.keys())}, which are tied. Consider using "
                    "tie_weights=False"
                )
            values.update({n: given[names[0]] for n in group if names})
    unexpected = [n for n in given if n not in places]
    missing = [n for n in places if n not in values]
    for n in unexpected:
        _owner(module, n)
    if strict and (unexpected or missing):
        lines = []
        if unexpected:
            lines.append("Unexpected key(s): " + ", ".join(f"'{n}'" for n in sorted(unexpected)) + ".")
        if missing:
            lines.append("Missing key(s): " + ", ".join(f"'{n}'" for n in sorted(missing)) + ".")
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t" + "\n\t".join(lines))
    kept = [(places[n][0], places[n][1], places[n][0][places[n][1]]) for n in values if n in places]
    try:
        for n, v in values.items():
            if n in places:
                held, name = places[n]
                held[name] = v
        yield
    finally:
        for held, name, value in kept:
            held[name] = value


def functional_call(
    module: Module, parameters_and_buffers: dict[str, Any], args: Any = None, kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True,
    strict: bool = False,
) -> Any:  # fmt: skip
    """The module's output with the given tensors, by full name, instead of its own; those that are not named stay. The module itself
    is as before afterwards. `tie_weights`: a tensor given for one of several names of the same parameter counts for all.
    `strict`: RuntimeError unless exactly all names are given.

    >>> import tgrad as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> torch.func.functional_call(layer, {"weight": torch.zeros(1, 2), "bias": torch.ones(1)}, torch.ones(2))
    tensor([1.])
    """
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _replaced(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


__all__ = ["functional_call"]
