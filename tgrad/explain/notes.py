"""The notes under an error: what, where, why, and what to try. PyTorch's sentence stays as it is.

One function per kind of error (see graph/reasons.py) gives the lines, from the facts that the raising code had at hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..graph import places
from ..graph.node import Node
from ..graph.places import Place
from ..tensor import Tensor
from . import slices
from .naming import described, name_of, user_frames

Line = tuple[str, str]
KINDS: dict[str, Callable[..., Iterator[Line]]] = {}
LABELS = ("what", "where", "why", "try")

_SWITCH = "for names of lines, run it with TGRAD_PROVENANCE=1 (or after `tgrad.provenance()`)"


def explains(kind: str) -> Callable[[Callable[..., Iterator[Line]]], Callable[..., Iterator[Line]]]:
    def add(fn: Callable[..., Iterator[Line]]) -> Callable[..., Iterator[Line]]:
        KINDS[kind] = fn
        return fn

    return add


class Last:
    """The last explanation, for `why()`."""

    text: str | None = None


def explain(error: BaseException, kind: str, facts: dict[str, Any]) -> None:
    """Adds the note of a kind to an error. Not in a doctest: it takes the last line of an error, notes included, for its message."""
    frame = next(user_frames(), None)
    if frame is not None and frame.f_code.co_filename.startswith("<doctest "):
        return
    if kind not in KINDS:
        from . import operands, watch  # noqa: F401  # they register their kinds
    lines = list(KINDS[kind](**facts))
    if lines:
        Last.text = "\n".join(f"  {label + ':' if label else '':<7}{text}" for label, text in lines)
        error.add_note(Last.text)


# ---- words


def op_of(node: Node) -> str:
    """What made a node, as people call it: "exp" for ExpBackward0."""
    row = node.row
    return row.name.partition(".")[0].strip("_") if row is not None else re.sub("Backward[0-9]*$", "", node.name())


def at(place: Place | None) -> str:
    """` (train.py:12, in Net.forward, module net.fc1)`, or nothing."""
    if place is None:
        return ""
    parts = [str(place)]
    if place.function != "<module>":
        parts.append(f"in {place.function}")
    if place.module:
        parts.append(f"module {place.module}")
    return f" ({', '.join(parts)})"


def line_of(place: Place | None) -> str:
    """`the line that it was written on`, quoted, with where that is."""
    return "" if place is None else f"`{place.text or place.expression}`{at(place)}"


def asked() -> Node | None:
    """The node whose derivative is being computed, found in the frames of the engine."""
    f = sys._getframe(1)
    while f is not None:
        if places.is_inner(f.f_code):
            node = f.f_locals.get("node")
            if isinstance(node, Node):
                return node
        f = f.f_back  # type: ignore[assignment]
    return None


def times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")


# ---- kinds


@explains("changed")
def changed(saved: Tensor, expected: int, maker: Any) -> Iterator[Line]:
    node = asked()
    place = places.made(node) if node is not None else None
    by = places.written(saved._vc)
    op = op_of(node) if node is not None else "an operation"
    own = maker is not None or (node is not None and saved._node is node)
    what = described(saved, place.target if own and place is not None else None)
    yield "what", f"{what} was saved for the derivative of {op}" + (f" by {line_of(place)}" if place else "")
    writes = times(saved._vc.n - expected)  # type: ignore[union-attr]
    yield "where", f"it was written into {writes} since" + (f", last by {line_of(by)}" if by else f"; {_SWITCH}")
    kept = "result" if own else "input"
    yield "why", f"the derivative of {op} is computed from its {kept}, and the values that it had are gone"
    better = slices.out_of_place(by.code, by.line) if by is not None else None
    yield (
        "try",
        f"`{better}`, which leaves the saved values alone" if better else "the same out of place, or on a clone()",
    )


@explains("freed")
def freed() -> Iterator[Line]:
    node = asked()
    if node is None:
        return
    made, by = places.made(node), places.freed(node)
    yield (
        "what",
        f"{node.name()}" + (f", made by {line_of(made)}," if made else "") + " is part of a graph that was used up",
    )
    yield (
        "where",
        f"its saved tensors were freed by {line_of(by)}"
        if by
        else f"an earlier backward() freed its saved tensors; {_SWITCH}",
    )
    yield "why", "a backward pass frees what it has used, and this one came to the same part of the graph again"
    frame = next(user_frames(), None)
    again = by is not None and frame is not None and (by.code, by.line) == (frame.f_code, frame.f_lineno)
    if again:
        yield "try", "build that part inside the loop, or detach() what is carried from one round to the next"
    else:
        yield "try", "retain_graph=True in the first backward(), or add the losses and call backward() once"


_CUTS = {
    "detach": "detach() cuts the history off on purpose",
    "data": ".data gives the values without their history",
    "no_grad": "nothing is recorded under no_grad",
    "to_copy": "integers have no gradient: the cast ends the history",
}


def cut_behind(tensor: Any) -> tuple[places.Cut | None, bool]:
    """The place where a tensor's history ended, and whether that is certain."""
    cuts = list(places.log.cuts)
    for c in reversed(cuts):
        if c.out is not None and c.out() is tensor:
            return c, True
    name = name_of(tensor)
    for frame in user_frames():
        names = {name} if name is not None else _names_on(frame)
        spans = slices.lines_behind(frame.f_code, {n.split("[")[0] for n in names if n})
        spans.append((frame.f_lineno, frame.f_lineno))
        for c in reversed(cuts):
            if any(code is frame.f_code and any(a <= line <= b for a, b in spans) for code, line in c.stack):
                return c, True
    return (cuts[-1] if len({(c.how, str(c.place)) for c in cuts}) == 1 else None), False


def _names_on(frame: Any) -> set[str]:
    """The names on the line that a frame is at."""
    found = slices.statement(frame.f_code, frame.f_lineno)
    return set() if found is None else slices.names(found)


@explains("no history")
def no_history(tensor: Any) -> Iterator[Line]:
    if not isinstance(tensor, Tensor):
        return
    yield "what", f"{described(tensor)} has no grad_fn and does not require grad"
    found, sure = cut_behind(tensor)
    if found is not None and found.place is not None:
        how = "no_grad" if found.how == "no_grad" else found.how.partition(".")[0].strip("_")
        yield "where", f"{'its history ends' if sure else 'a history ended'} at {line_of(found.place)}, with {how}"
        yield (
            "why",
            _CUTS.get(how, f"{how} gives no derivative: what it returns is not a smooth function of its inputs"),
        )
    else:
        yield "where", "no operation is known that cut it off" if places.log.on else f"that is not known; {_SWITCH}"
        yield "why", "nothing that it was computed from requires a gradient, or recording was off"
    yield (
        "try",
        "x.requires_grad_() on what you want gradients for, before it is used, and no detach, no_grad or integer on the way",
    )


@explains("leaf written")
def leaf_written(tensor: Tensor) -> Iterator[Line]:
    frame = next(user_frames(), None)
    yield "what", f"{described(tensor)} is a leaf: its own gradient is to be computed"
    yield (
        "why",
        "were it written into, the values that it had at the start would be lost, and its gradient would have no meaning",
    )
    better = slices.out_of_place(frame.f_code, frame.f_lineno) if frame is not None else None
    yield (
        "try",
        "`with torch.no_grad():` around the line to change a parameter"
        + (f", or `{better}` for a new tensor" if better else ""),
    )


@explains("view written")
def view_written(tensor: Tensor, node: Any) -> Iterator[Line]:
    frame = next(user_frames(), None)
    place = places.made(node) if node is not None else None
    yield "what", f"{described(tensor)} is a view" + (f", made by {line_of(place)}" if place else "")
    yield (
        "why",
        "a write through it would have to change the history of its base and of all its sister views, and that is not kept here",
    )
    better = slices.out_of_place(frame.f_code, frame.f_lineno) if frame is not None else None
    yield "try", f"`{better}`" if better else "the same operation out of place, or on a clone() of the view"


@explains("unused")
def unused(tensor: Any, outputs: Any) -> Iterator[Line]:
    if not isinstance(tensor, Tensor):
        return
    shown = ", ".join(f"`{n}`" for n in (name_of(t) for t in outputs if isinstance(t, Tensor)) if n) or "the outputs"
    yield "what", f"{described(tensor)} is not among what {shown} was computed from"
    made = places.made(tensor.grad_fn) if tensor.grad_fn is not None else None
    if made is not None:
        yield "where", f"it was made by {line_of(made)}"
    found, sure = cut_behind(outputs[0]) if outputs else (None, False)
    del found, sure
    yield "why", "either it was never used, or a new tensor took its name, or what was made of it was detached"
    yield "try", "allow_unused=True gives None for it, materialize_grads=True zeros"


@explains("not scalar")
def not_scalar(tensor: Any) -> Iterator[Line]:
    if not isinstance(tensor, Tensor):
        return
    made = places.made(tensor.grad_fn) if tensor.grad_fn is not None else None
    yield (
        "what",
        f"{described(tensor)} has {tensor._a.size} elements" + (f"; it was made by {line_of(made)}" if made else ""),
    )
    yield "why", "a gradient is that of one number; for several, say how much each of them counts"
    name = name_of(tensor) or "loss"
    call = ".mean()" if "loss" in name else ".sum()"
    yield "try", f"`{name}{call}.backward()`, or `{name}.backward(torch.ones_like({name}))`"


@explains("numpy")
def to_numpy(tensor: Tensor) -> Iterator[Line]:
    made = places.made(tensor.grad_fn) if tensor.grad_fn is not None else None
    yield "what", f"{described(tensor)} requires grad" + (f": it was made by {line_of(made)}" if made else "")
    yield "why", "numpy records nothing, so that gradients would end there without a word"
    yield (
        "try",
        f"`{name_of(tensor) or 'x'}.detach().numpy()`, which shares memory, or the torch function of the same name",
    )


__all__ = ["KINDS", "Last", "at", "cut_behind", "explain", "explains", "line_of", "op_of"]
