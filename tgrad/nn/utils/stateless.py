"""A module called with other tensors in the place of its parameters and buffers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...tensor import Tensor
from ..modules.module import Module
from ..parallel.data_parallel import DataParallel


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


_MISSING: Any = object()


class _Place:
    """Where a tensor of a module lives: one of its dicts, or an attribute. AttributeError and TypeError where none can be."""

    def __init__(self, root: Module, full: str) -> None:
        path, _, self.name = full.rpartition(".")
        owner: Any = root
        for i, name in enumerate(path.split(".") if path else []):
            if not hasattr(owner, name):
                raise AttributeError(f"{type(owner).__name__} has no attribute `{name}`")
            owner = getattr(owner, name)
            if not isinstance(owner, Module):
                raise TypeError(
                    f"submodule `{'.'.join(path.split('.')[: i + 1])}`: {owner} is not an instance of torch.nn.Module"
                )
        self.owner = owner
        held = [d for d in (owner._parameters, owner._buffers) if self.name in d]
        self.held: dict[str, Any] | None = held[0] if held else None

    def swap(self, value: Any) -> Any:
        """Puts a value there and gives what was there; _MISSING stands for nothing."""
        if value is not _MISSING and value is not None and not isinstance(value, Tensor):
            raise TypeError(f"{value} is not an instance of torch.Tensor")
        if self.held is not None:
            old = self.held.get(self.name, _MISSING)
            if value is _MISSING:
                self.held.pop(self.name, None)
            else:
                self.held[self.name] = value
            return old
        old = getattr(self.owner, self.name, _MISSING)
        if old is not _MISSING and old is not None and not isinstance(old, Tensor):
            raise TypeError(f"attribute `{self.name}`: {old} is not an instance of torch.Tensor")
        if value is not _MISSING:
            setattr(self.owner, self.name, value)
        elif old is not _MISSING:
            delattr(self.owner, self.name)
        return old


@contextmanager
def _reparametrize_module(
    module: Module, parameters_and_buffers: dict[str, Any], tie_weights: bool = False, strict: bool = False
) -> Iterator[None]:
    """While it lasts, the module has the given tensors. What it itself puts in their places (new buffers) is in the dict afterwards."""
    given = parameters_and_buffers
    places = _places(module)
    values = dict(given)
    if tie_weights:
        for group in _tied(places):
            names = sorted(group & given.keys())
            if names and any(given[n] is not given[names[0]] for n in names):
                raise ValueError(
                    f"functional_call got multiple values for keys {sorted(group)}, which are tied. Consider using tie_weights=False"
                )
            values.update({n: given[names[0]] for n in group if names})
    if strict:
        _check_names(module, [n for n in values if n not in places], [n for n in places if n not in values])
    kept: list[tuple[str, _Place, Any]] = []
    try:
        for n, v in values.items():
            place = _Place(module, n)
            kept.append((n, place, place.swap(v)))
        yield
    finally:
        for n, place, value in kept:
            now = place.swap(value)
            if n in given:
                given[n] = now


def _check_names(module: Module, unexpected: list[str], missing: list[str]) -> None:
    lines = [
        f"{word} key(s): {', '.join(map(repr, sorted(names)))}."
        for word, names in (("Unexpected", unexpected), ("Missing", missing))
        if names
    ]
    if lines:
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t" + "\n\t".join(lines))


def _functional_call(
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
    if isinstance(module, DataParallel):
        raise RuntimeError("The stateless API can't be used with nn.DataParallel module")
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(
    module: Module, parameters_and_buffers: dict[str, Any], args: Any = None, kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True,
    strict: bool = False,
) -> Any:  # fmt: skip
    """Deprecated, with a warning: `torch.func.functional_call`."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future version of PyTorch. "
        "Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)


__all__ = ["functional_call"]
