"""Nested containers of values, taken apart and put together again: tuples, named tuples, lists, dicts."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any


class Leaf:
    """The structure of a single value."""

    def __repr__(self) -> str:
        return "*"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Leaf)

    __hash__ = object.__hash__


class Structure:
    """A container: its type, what its places are called, and the structures in them."""

    def __init__(self, kind: type, context: Any, children: Sequence[Any]) -> None:
        self.kind, self.context, self.children = kind, context, list(children)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and (self.kind, self.context, self.children) == (
            other.kind,
            other.context,
            other.children,
        )

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        if issubclass(self.kind, dict):
            names = self.context[1] if isinstance(self.context, tuple) else self.context
            return "{" + ", ".join(f"{k!r}: {c!r}" for k, c in zip(names, self.children, strict=True)) + "}"
        inner = ", ".join(map(repr, self.children))
        if self.kind is tuple:
            return f"({inner},)" if len(self.children) == 1 else f"({inner})"
        return f"[{inner}]" if self.kind is list else f"{self.kind.__name__}({inner})"


def _named(x: Any) -> bool:
    return isinstance(x, tuple) and hasattr(x, "_fields")


def parts(x: Any) -> tuple[Any, list[Any]] | None:
    """(what its places are called, what is in them) of a container; None for anything else."""
    kind = type(x)
    if kind in (tuple, list, deque) or _named(x):
        return (x.maxlen if kind is deque else None), list(x)
    if isinstance(x, defaultdict):
        return (x.default_factory, list(x)), list(x.values())
    if kind in (dict, OrderedDict):
        return list(x), list(x.values())
    if isinstance(x, tuple) and hasattr(x, "n_sequence_fields"):  # structures that functions return
        return None, list(x)
    return None


def flatten(x: Any) -> tuple[list[Any], Any]:
    """(values in order, structure)"""
    got = parts(x)
    if got is None:
        return [x], Leaf()
    values: list[Any] = []
    children = []
    for inner in got[1]:
        found, structure = flatten(inner)
        values += found
        children.append(structure)
    return values, Structure(type(x), got[0], children)


def unflatten(values: Sequence[Any], structure: Any) -> Any:
    """The container of that structure with these values."""
    it = iter(values)

    def build(s: Any) -> Any:
        if isinstance(s, Leaf):
            return next(it)
        inner = [build(c) for c in s.children]
        if s.kind is deque:
            return deque(inner, s.context)
        if issubclass(s.kind, defaultdict):
            return defaultdict(s.context[0], zip(s.context[1], inner, strict=True))
        if issubclass(s.kind, dict):
            return s.kind(zip(s.context, inner, strict=True))
        if hasattr(s.kind, "_make"):
            return s.kind._make(inner)
        return s.kind(inner)

    return build(structure)


def map_leaves(fn: Callable[..., Any], x: Any) -> Any:
    """`fn` of each value, in the same structure."""
    values, structure = flatten(x)
    return unflatten([fn(v) for v in values], structure)


def spread(prefix: Any, structure: Any) -> list[Any] | None:
    """The values of `prefix`, each repeated for all values of `structure` below its place; None where they do not fit together."""
    if isinstance(structure, Leaf):
        return [prefix] if parts(prefix) is None else None
    got = parts(prefix)
    if got is None:
        return [prefix] * count(structure)
    same = type(prefix) is structure.kind or (
        issubclass(structure.kind, tuple) and type(prefix) in (tuple, list) and structure.kind is tuple
    )
    if not same or len(got[1]) != len(structure.children):
        return None
    out: list[Any] = []
    for p, c in zip(got[1], structure.children, strict=True):
        found = spread(p, c)
        if found is None:
            return None
        out += found
    return out


def count(structure: Any) -> int:
    return 1 if isinstance(structure, Leaf) else sum(count(c) for c in structure.children)


__all__ = ["Leaf", "Structure", "count", "flatten", "map_leaves", "parts", "spread", "unflatten"]
