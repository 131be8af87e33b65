"""`tgrad.why`: the last error explained again, or what is behind a tensor: its gradient, its history, its memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import FrameType
from typing import Any

import numpy as np

from ..graph import places
from ..graph.node import AccumulateGrad, Node
from ..tensor import Tensor
from .naming import described, name_of
from .notes import Last, Line, at, cut_behind, line_of, op_of


class Explanation:
    """Labelled lines of text; shown as such at a prompt. `lines` holds them as (label, text)."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines

    def __repr__(self) -> str:
        wide = max((len(label) for label, _ in self.lines), default=0) + 2
        return "\n".join(f"{label + ':' if label else '':<{wide}}{text}" for label, text in self.lines)

    __str__ = __repr__


def why(x: Any = None) -> Explanation:
    """Why something is as it is.

    Without an argument: the explanation of the last error that had one. For a tensor: why it requires a gradient or not, why its gradient
    is None, zero or nan, and what keeps its memory alive. For an exception: its notes. With provenance on, lines are named.
    TypeError for anything else.

    >>> import tgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.why(x * 2)
    history: it is the result of mul, a function of: x
    grad:    None: it is no leaf, and gradients of results are not kept
    try:     `retain_grad()` on it before backward()
    memory:  8 bytes, a block of its own
    """
    if x is None:
        if Last.text is None:
            return Explanation([("why", "no error has been explained yet")])
        return Explanation([_split(line) for line in Last.text.split("\n")])
    if isinstance(x, BaseException):
        notes = getattr(x, "__notes__", [])
        return Explanation(
            [_split(line) for note in notes for line in note.split("\n")]
            or [("why", "nothing is known beyond its text")]
        )
    if not isinstance(x, Tensor):
        raise TypeError(
            f"why(): argument 'x' (position 1) must be Tensor, an exception or None, not {type(x).__name__}"
        )
    return Explanation([*history(x), *gradient(x), *memory(x)])


def _split(line: str) -> Line:
    label, text = line[:9].strip().rstrip(":"), line[9:]
    return (label, text) if line.startswith("  ") else ("", line)


# ---- history


def leaves_of(x: Tensor) -> list[Tensor]:
    """The leaves that a result depends on."""
    found: dict[int, Tensor] = {}
    seen: set[Any] = set()
    todo: list[Any] = [x.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, AccumulateGrad):
            found[id(node.variable)] = node.variable
            continue
        todo += [to for to, _ in node.next_functions]
    return list(found.values())


def history(x: Tensor) -> Iterator[Line]:
    node = x.grad_fn
    if node is not None:
        made = places.made(node)
        yield (
            "history",
            f"it is the result of {op_of(node)}" + (f", by {line_of(made)}" if made else "") + _function_of(x),
        )
        return
    if x.requires_grad:
        yield "history", "it is a leaf that requires grad: requires_grad_(), requires_grad=True or nn.Parameter said so"
        return
    found, sure = cut_behind(x)
    if found is not None and sure and found.place is not None:
        yield (
            "history",
            f"it requires no grad: its history ends at {line_of(found.place)}, with {found.how.partition('.')[0].strip('_')}",
        )
    else:
        yield "history", "it requires no grad, and nothing that it was made of did, as far as is known"


def _function_of(x: Tensor) -> str:
    names = sorted({name_of(leaf) or "a leaf without a name" for leaf in leaves_of(x)})
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f", a function of: {shown}" if names else ""


# ---- gradient


def gradient(x: Tensor) -> Iterator[Line]:
    grad = x._grad
    if grad is not None:
        yield from _values(grad)
        return
    if not x.requires_grad:
        yield "grad", "None: it does not require grad"
    elif x.grad_fn is not None and not (x._x is not None and x._x.retains):
        yield "grad", "None: it is no leaf, and gradients of results are not kept"
        yield "try", "`retain_grad()` on it before backward()"
    else:
        cleared = places.cleared(x)
        if cleared is not None:
            yield "grad", f"None: it was cleared by {line_of(cleared)}"
        elif not places.log.passes:
            yield (
                "grad",
                "None: there was no backward()" + ("" if places.log.on else " that is known of: provenance is off"),
            )
        else:
            number, roots = places.log.passes[-1]
            yield "grad", f"None: the last backward(), {line_of(places.log.known[number])}, did not reach it"
            yield from _not_reached(x, [root() for root in roots])


def _not_reached(x: Tensor, roots: list[Any]) -> Iterator[Line]:
    name = name_of(x) or "it"
    if any(root is None for root in roots):
        return
    yield (
        "why",
        f"what was differentiated is no function of {name}: it was not used, or what was made of it was cut off",
    )
    for c in reversed(places.log.cuts):
        if c.place is not None:
            yield "", f"the last cut was at {line_of(c.place)}, with {c.how}"
            return


def _values(grad: Tensor) -> Iterator[Line]:
    a = grad._a
    if a.dtype.kind not in "fc":
        return
    bad = ~np.isfinite(a)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        kind = "nan" if np.isnan(a).any() else "inf"
        yield "grad", f"{int(bad.sum())} of {a.size} values are {kind}, the first at {list(first)}"
        yield "try", "`with torch.autograd.detect_anomaly(forward=True):` stops at the operation that makes the first"
    elif not a.any():
        yield (
            "grad",
            "all zeros: every path to it passes a flat place (a dead relu, a clamp, a mask, a product with zero)",
        )
    else:
        zeros = int((a == 0).sum())
        yield (
            "grad",
            f"norm {float(np.linalg.norm(a.astype(np.complex128 if a.dtype.kind == 'c' else np.float64))):.4g}, {zeros} of {a.size} values zero",
        )


# ---- memory


def holders(x: Any, depth: int = 1) -> list[str]:
    """What refers to an object: variables, containers and the nodes that saved it."""
    found = []
    for r in gc.get_referrers(x):
        if isinstance(r, FrameType) or r is holders.__dict__:
            continue
        if isinstance(r, Node):
            made = places.made(r)
            found.append(f"{r.name()}, which saved it for backward{at(made)}")
        elif isinstance(r, Tensor):
            found.append(f"a view or an alias of it, {described(r)}".rstrip(","))
    return found


def memory(x: Tensor) -> Iterator[Line]:
    whole = x.untyped_storage().nbytes()  # type: ignore[attr-defined]
    own = x._a.nbytes
    text = (
        f"{whole} bytes, a block of its own"
        if whole == own
        else f"{own} bytes of a block of {whole}, which lives as long as any view of it"
    )
    yield "memory", text
    for line in holders(x):
        yield "", f"held by {line}"


__all__ = ["Explanation", "leaves_of", "why"]
