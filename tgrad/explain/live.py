"""`tgrad.live`: which graphs are alive, what holds them, and what they keep for backward, by operation and by line."""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import dataclass
from typing import Any

from ..graph import places
from ..graph.node import AccumulateGrad, Node
from ..graph.saved import Packed
from ..tensor import Tensor
from .naming import name_of
from .notes import op_of
from .table import size, table


@dataclass(frozen=True)
class Root:
    """A tensor that keeps a graph alive: its name (or None), how many nodes it alone or with others holds, what they saved, in bytes."""

    name: str | None
    op: str
    nodes: int
    nbytes: int
    line: str
    remark: str = ""


class Live:
    """The report. `roots`: what holds graphs; `by_op`, `by_line`: bytes saved for backward; `nodes`, `nbytes`: in all."""

    def __init__(self, roots: list[Root], by_op: Counter[str], by_line: Counter[str], nodes: int, nbytes: int) -> None:
        self.roots, self.by_op, self.by_line, self.nodes, self.nbytes = roots, by_op, by_line, nodes, nbytes

    def __repr__(self) -> str:
        parts = [f"{self.nodes} nodes alive, {size(self.nbytes)} saved for backward"]
        if self.roots:
            rows = [
                (r.name or "(no name)", r.op, str(r.nodes), size(r.nbytes), r.line, r.remark) for r in self.roots[:20]
            ]
            parts.append(table(("held by", "made by", "nodes", "saved", "line", ""), rows, right=(2, 3)))
        for title, count in (("operation", self.by_op), ("line", self.by_line)):
            if count:
                parts.append(table((title, "saved"), [(k, size(n)) for k, n in count.most_common(10)], right=(1,)))
        return "\n\n".join(parts)


def live() -> Live:
    """Looks through all tensors of the process for those that hold graphs, and adds up what the graphs hold.

    Memory that several nodes saved is counted once. Finds sums that grow with every round of a loop (`total += loss`), which hold the graphs of
    all rounds. Lines need provenance. Takes a few milliseconds for each ten thousand objects.

    >>> import tgrad as torch
    >>> x = torch.ones(1000, requires_grad=True)
    >>> y = x.exp()
    >>> torch.live().by_op["exp"]
    4000
    """
    gc.collect()
    tensors = [t for t in gc.get_objects() if isinstance(t, Tensor) and t._node is not None and t._rg]
    tops: dict[Node, Tensor] = {}
    for t in tensors:
        node = t._node[0] if type(t._node) is tuple else t._node
        if isinstance(node, Node):
            tops.setdefault(node, t)
    inside: set[Node] = set()
    for node in tops:
        inside |= _below(node)
    order = sorted((node for node in tops if node not in inside), key=lambda n: -n.seq)
    counted: set[int] = set()
    nodes: set[Node] = set()
    roots, by_op, by_line = [], Counter[str](), Counter[str]()
    for top in order:
        own = 0
        below = {top, *_below(top)}
        for node in below - nodes:
            kept = _saved(node, counted)
            own += kept
            if kept:
                by_op[op_of(node)] += kept
                made = places.made(node)
                if made is not None:
                    by_line[f"{made}  {made.text}"] += kept
        nodes |= below
        made = places.made(top)
        roots.append(Root(name_of(tops[top]), op_of(top), len(below), own, str(made) if made else "", _growing(top)))
    roots.sort(key=lambda r: (-r.nbytes, -r.nodes))
    return Live(roots, by_op, by_line, len(nodes), sum(by_op.values()))


def _below(node: Node) -> set[Node]:
    seen: set[Node] = set()
    todo: list[Any] = list(node.edges)
    while todo:
        e = todo.pop()
        to = e[0] if type(e) is tuple else e
        if isinstance(to, Node) and not isinstance(to, AccumulateGrad) and to not in seen:
            seen.add(to)
            todo += to.edges
    return seen


def _saved(node: Node, counted: set[int]) -> int:
    """Bytes that a node keeps, without what was counted already and what are leaves (parameters live anyway)."""
    total = 0
    for word in node.saved_words:
        value = getattr(node, "s_" + word, None)
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, Packed):
                item = item.packed
            if not isinstance(item, Tensor) or (item._rg and item._node is None):
                continue
            a = item._a
            while a.base is not None and hasattr(a.base, "nbytes") and hasattr(a.base, "base"):
                a = a.base
            if id(a) not in counted:
                counted.add(id(a))
                total += a.nbytes
    return total


def _growing(top: Node) -> str:
    """A remark where a result is a sum of sums of sums, all made on one line: a loop that adds tensors with their graphs."""
    place = places.made(top)
    node: Any = top
    rounds = 0
    while isinstance(node, Node) and op_of(node) == "add" and node.edges:
        same = places.made(node)
        if place is not None and same is not None and (same.code, same.line) != (place.code, place.line):
            break
        rounds += 1
        e = node.edges[0]
        node = e[0] if type(e) is tuple else e
    if rounds < 3:
        return ""
    return f"grows: a sum over {rounds} rounds, with the graphs of all of them; add loss.item() or loss.detach()"


__all__ = ["Live", "Root", "live"]
