"""The picture as an object: data that can be shown as DOT, SVG or a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from .data import Edge, Node
from .dot import describe, to_dot
from .svg import save_layout, to_svg

Direction = Literal["TB", "LR"]


@dataclass(frozen=True)
class Graph:
    """An autograd graph as data: nodes with inputs first, edges from input to user, ids of the tensors asked for.

    In a notebook it shows itself as a picture.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    outputs: tuple[str, ...]

    @property
    def title(self) -> str:
        """One line for readers who cannot see the picture, also the picture's ``<title>``."""
        return describe(self.nodes, self.outputs)[0]

    def dot(self, direction: Direction = "TB") -> str:
        """The picture in Graphviz's language: the same bytes for the same graph. ``LR`` lets data flow to the right."""
        return to_dot(self.nodes, self.edges, self.outputs, direction)

    def svg(self, engine: str | None = None, direction: Direction = "TB") -> str:
        """The picture as an SVG element that follows the reader's light or dark mode.

        ``engine`` is ``"pure"``, ``"system"`` or the path of a ``dot`` program; the default is ``$TGRAD_DOT``, then
        graphviz-pure, then the system's ``dot``. Raises `tgrad.viz.LayoutError` if there is none or it fails.
        """
        title, text = describe(self.nodes, self.outputs)
        return to_svg(self.dot(direction), len(self.nodes), title, text, engine)

    def save(self, path: str | os.PathLike[str], engine: str | None = None, direction: Direction = "TB") -> None:
        """Write the picture to a file; the suffix decides: .svg, .png, .dot (also .gv) or .json (with coordinates).

        The file appears whole or not at all. Raises ValueError for another suffix, and as `svg` does.
        """
        title, text = describe(self.nodes, self.outputs)
        save_layout(path, self.dot(direction), len(self.nodes), title, text, engine)

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        shown = self.title.removeprefix("autograd graph of ")
        return f"<Graph of {shown}: {len(self.nodes)} nodes, {len(self.edges)} edges>"
