"""The picture as plain data: what a node and an edge of a drawn autograd graph are.

Nothing here refers to a tensor or a grad_fn, so a picture outlives the graph that it was taken of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["param", "leaf", "input", "buffer", "op", "view", "inplace", "custom", "saved"]
EdgeKind = Literal["data", "const", "saved"]
Meta = tuple[tuple[int, ...], str]
"""Shape and dtype name of a tensor, for example ``((2, 2), "float32")``."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A value that a node keeps for its backward: the field's name, what it is, and its tensor's shape and dtype."""

    field: str
    text: str
    meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One card of the picture.

    Attributes:
        id: ``n0``, ``n1``, … in an order where inputs come before the nodes that use them.
        kind: what the card stands for; it decides colour, border and chip.
        op: the operation (``mul``), empty for leaves; the full name (``MulBackward0``) in a raw graph.
        name: variable or parameter names that hold this value, empty if unknown.
        shape: shape of the first output, None if it cannot be known.
        dtype: name of the dtype of the first output (``float32``), None if it cannot be known.
        fn_name: name of the grad_fn (``MulBackward0``, ``AccumulateGrad``), empty where there is none.
        constant: scalar arguments, as text (``3``).
        is_output: whether the graph was asked for this node.
        outputs: shape and dtype per output, where a node has several.
        saved: what the node keeps for its backward.
        version: how often the variable has been written in place, None if unknown.
        source: the source line that made the node, if anomaly mode recorded it.
        requires_grad: whether a gradient flows to it.
    """

    id: str
    kind: Kind
    op: str = ""
    name: str = ""
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    fn_name: str = ""
    constant: str = ""
    is_output: bool = False
    outputs: tuple[Meta | None, ...] = ()
    saved: tuple[Saved, ...] = ()
    version: int | None = None
    source: str = ""
    requires_grad: bool = True

    @property
    def is_leaf(self) -> bool:
        return self.kind in ("param", "leaf", "input", "buffer")


@dataclass(frozen=True, slots=True)
class Edge:
    """A value on its way from the node that made it (``src``) to the node that uses it (``dst``).

    ``input_index`` is the position in ``dst``'s ``next_functions``, ``output_nr`` tells which output of ``src`` it is.
    Constants and saved tensors have no position there: their index is None and ``field`` names the argument instead.
    """

    src: str
    dst: str
    input_index: int | None = None
    output_nr: int = 0
    kind: EdgeKind = "data"
    field: str = ""
