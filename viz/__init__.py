"""Pictures of autograd graphs.

>>> import tgrad
>>> from tgrad import viz
>>> x = tgrad.ones(2, 2, requires_grad=True)
>>> out = ((x + 2) ** 2).mean()
>>> viz.chain(out, {"x": x})
'MeanBackward0 ← PowBackward0 ← AddBackward0 ← x [2, 2]'
>>> viz.graph(out, names={"x": x, "out": out}).save("out.svg")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .chain import chain
from .data import Edge, Node, Saved
from .graph import Graph
from .svg import LayoutError
from .walk import walk

__all__ = ["Edge", "Graph", "LayoutError", "Node", "Saved", "chain", "graph"]


def graph(
    *tensors: Any,
    names: Mapping[str, Any] | None = None,
    params: Any = None,
    show_saved: bool = False,
    raw: bool = False,
) -> Graph:
    """The autograd graph behind one or more tensors, ready to be shown.

    Args:
        tensors: results whose graph is wanted. A leaf gives a graph of one node.
        names: variable names and their values, ``globals()`` for example. What is not a tensor is ignored.
        params: a module, a mapping of names to tensors, or pairs as ``module.named_parameters()`` gives them.
        show_saved: add a card for every tensor that is kept for the backward pass.
        raw: show ``next_functions`` exactly, ``AccumulateGrad`` included, with the engine's own names.

    Raises:
        TypeError: without tensors, or for something that is not a tensor.

    Example:
        >>> import tgrad
        >>> x = tgrad.ones(2, 2, requires_grad=True)
        >>> y = x * 3
        >>> graph(y, names={"x": x, "y": y})
        <Graph of y: 2 nodes, 1 edges>
    """
    return walk(tensors, names, params, show_saved, raw)
