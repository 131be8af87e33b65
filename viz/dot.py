"""From data to Graphviz's language: cards as HTML-like tables, the same bytes for the same graph.

Text from outside (names of variables, of functions, source lines) is escaped in two ways: `_html` inside a card,
`_quoted` inside an attribute. Both first make control and direction characters visible, so that a name can neither
break the file nor turn the text around it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape

from .data import Edge, Node, Saved
from .style import CONST_EDGE, EDGE, LOOKS, MUTED, PAGE, TEXT, Look

_LONGEST_NAME = 40
_LARGE = 1500  # drawn nodes, above which a good layout would take minutes

_SHORT_DTYPES = {"float": "f", "bfloat": "bf", "int": "i", "uint": "u", "complex": "c"}


def to_dot(nodes: Sequence[Node], edges: Sequence[Edge], outputs: Sequence[str], direction: str = "TB") -> str:
    """The graph as DOT text. ``direction`` is ``TB`` or ``LR``; another one raises ValueError."""
    if direction not in ("TB", "LR"):
        raise ValueError(f"direction must be 'TB' (top to bottom) or 'LR' (left to right), not {direction!r}")
    hurry = " nslimit=0.1 nslimit1=0.1" if len(nodes) > _LARGE else ""
    title = _quoted(describe(nodes, outputs)[0])
    lines = [
        "digraph tgrad {",
        f'graph [rankdir={direction} nodesep=0.28 ranksep=0.36 pad=0.25 bgcolor="{PAGE}" tooltip={title}{hurry}];',
        f'node [shape=plain fontname="Helvetica" fontsize=12 fontcolor="{TEXT}"];',
        f'edge [color="{EDGE}" penwidth=1.2 arrowsize=0.6];',
    ]
    lines += [_node_line(node) for node in nodes]
    by_id = {node.id: node for node in nodes}
    lines += [_edge_line(edge, by_id) for edge in edges]
    lines += _saved_beside_owner(edges)
    return "\n".join([*lines, "}", ""])


def _saved_beside_owner(edges: Sequence[Edge]) -> list[str]:
    """Saved tensors stand at the height of the node that keeps them; left alone they would all float to the top."""
    rows: dict[str, list[str]] = {}
    for edge in edges:
        if edge.kind == "saved":
            rows.setdefault(edge.src, [edge.src]).append(edge.dst)
    return [f"{{rank=same; {'; '.join(row)};}}" for row in rows.values()]


def describe(nodes: Sequence[Node], outputs: Sequence[str]) -> tuple[str, str]:
    """A title and a sentence or two, for readers who cannot see the picture."""
    by_id = {node.id: node for node in nodes}
    leaves = [f"{card_name(node)} {type_text(node)}" for node in nodes if node.is_leaf]
    title = "autograd graph of " + ", ".join(card_name(by_id[output]) for output in outputs)
    text = f"{len(nodes)} nodes; data flows from the leaves to the outputs. "
    text += f"Leaves: {', '.join(leaves[:20]) or 'none'}{', …' if len(leaves) > 20 else ''}."
    return visible(title), visible(text)


def card_name(node: Node) -> str:
    return node.name or node.op or node.kind


def type_text(node: Node) -> str:
    """Dtype and shape in short, as in ``f32[2, 2]``; empty where they are unknown."""
    return "" if node.shape is None else short_type(node.shape, node.dtype or "")


def short_type(shape: Sequence[int], dtype: str) -> str:
    """
    >>> short_type((2, 2), "float32"), short_type((), "bool"), short_type((3,), "float8_e4m3fn")
    ('f32[2, 2]', 'bool[]', 'f8_e4m3fn[3]')
    """
    stem = dtype.rstrip("0123456789") if "_" not in dtype else dtype.split("_")[0].rstrip("0123456789")
    short = _SHORT_DTYPES[stem] + dtype[len(stem) :] if stem in _SHORT_DTYPES else dtype
    return f"{short}[{', '.join(map(str, shape))}]"


def visible(text: str) -> str:
    """Show characters that would act instead of being seen (newline, NUL, direction marks) as Python escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _html(text: str) -> str:
    text = visible(text)
    if len(text) > _LONGEST_NAME:
        text = text[: _LONGEST_NAME - 1] + "…"
    return escape(text).replace("\\", r"\\")


def _quoted(text: str) -> str:
    """A tooltip's value. Graphviz reads entities in it, and backslashes twice: ``\\\\N`` is still a node's name."""
    text = "\n".join(visible(line) for line in text.split("\n"))
    text = escape(text, quote=False).replace("\\", "\\" * 4).replace('"', r"\"")
    return '"' + text.replace("\n", r"\n") + '"'


def _font(text: str, color: str, size: str = "", face: str = "") -> str:
    attributes = f' FACE="{face}"' * bool(face) + f' POINT-SIZE="{size}"' * bool(size)
    return f'<FONT{attributes} COLOR="{color}">{text}</FONT>'


def _table(rows: str, look: Look, padding: int) -> str:
    style = f' STYLE="{look.style}"' if look.style else ""
    return (
        f'<<TABLE BORDER="{look.border}" COLOR="{look.stroke}" BGCOLOR="{look.fill}"{style} CELLBORDER="0" '
        f'CELLSPACING="0" CELLPADDING="{padding}"><TR><TD><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" '
        f'CELLPADDING="1">{rows}</TABLE></TD></TR></TABLE>>'
    )


def _cell(content: str, text: str = "", attributes: str = "") -> str:
    """A table cell. The layout program knows the widths of Latin letters only: it is told those of wider text."""
    width = f' WIDTH="{_wide_text_width(text)}"' if text and not text.isascii() else ""
    return f"<TD{attributes}{width}>{content}</TD>"


def _wide_text_width(text: str) -> int:
    return sum(13 if unicodedata.east_asian_width(c) in "WF" else 8 for c in text if not unicodedata.combining(c))


def _node_line(node: Node) -> str:
    css = "output" if node.is_output and not node.is_leaf else node.kind
    look = LOOKS[css]
    if node.kind == "view" and css == "view":
        label = _table(_one_line(node), look, 3)
    elif node.is_leaf and not node.name and not node.op:
        label = _table(_unnamed_leaf(node, look), look, 6)
    else:
        label = _table(_two_lines(node, look, inverted=css == "output"), look, 6)
    return f'{node.id} [id="{node.id}" class="{css}" label={label} tooltip={_quoted(_node_tooltip(node))}];'


def _two_lines(node: Node, look: Look, inverted: bool) -> str:
    text, muted = (PAGE, CONST_EDGE) if inverted else (TEXT, MUTED)
    head, aside = node.op, ""
    if not node.op:
        head = node.name
    elif node.kind == "saved":
        aside = f"= {node.name}" if node.name else ""
    else:
        aside = node.constant
    left = _font(f"<B>{_html(head)}</B>", text)
    left += _font("&#160;" + _html(aside), muted) if aside else ""
    chip = _chip(node)
    right = []
    if node.op and node.name and node.kind != "saved":
        right.append(_font(f"<I>{_html(node.name)}</I>", text))
    if chip:
        right.append(_font(chip, PAGE if inverted else look.stroke, "9"))
    first = _cell(left, head + aside, ' ALIGN="LEFT"')
    span = ""
    if right:
        first += '<TD WIDTH="14"></TD>' + _cell("&#160;&#160;".join(right), "", ' ALIGN="RIGHT"')
        span = ' COLSPAN="3"'
    types = _types(node)
    second = f'<TR><TD ALIGN="LEFT"{span}>{_font(types, muted, "10", "Courier")}</TD></TR>' if types else ""
    return f"<TR>{first}</TR>{second}"


def _one_line(node: Node) -> str:
    cells = [
        _font(_html(node.op), TEXT, "11"),
        _font(_types(node), MUTED, "10", "Courier") if node.shape is not None else "",
    ]
    cells.append(_font(f"<I>{_html(node.name)}</I>", TEXT) if node.name else "")
    cells.append(_font(_chip(node), MUTED, "9"))
    first, *rest = [cell for cell in cells if cell]
    return f"<TR><TD>{first}</TD>" + "".join(f"<TD>&#160;{cell}</TD>" for cell in rest) + "</TR>"


def _unnamed_leaf(node: Node, look: Look) -> str:
    kind = _font(_chip(node), look.stroke, "9")
    return f'<TR><TD>{_font(_types(node), TEXT, "10", "Courier")}</TD><TD WIDTH="8"></TD><TD>{kind}</TD></TR>'


def _chip(node: Node) -> str:
    words = [LOOKS[node.kind].chip]
    if node.kind == "inplace" and node.version:
        words.append(f"v{node.version}")
    if node.kind == "param" and not node.requires_grad:
        words.append("no grad")
    if node.is_output:
        words.append(LOOKS["output"].chip)
    return "&#160;&#160;".join(word for word in words if word)


def _types(node: Node) -> str:
    """The second line. Several outputs of one type are counted, of several types listed."""
    known = [short_type(*meta) for meta in node.outputs if meta is not None]
    if not known:
        return _html(type_text(node))
    if len(set(known)) == 1:
        return _html(f"{known[0]} \u00d7{len(known)}")
    return _html(", ".join(known))


def _node_tooltip(node: Node) -> str:
    lines = [node.fn_name or ("saved " + node.op if node.kind == "saved" else node.kind)]
    if node.name:
        lines.append(f"{node.name}: {type_text(node)}")
    elif node.shape is not None:
        lines.append(type_text(node))
    if node.is_leaf:
        lines.append("leaf, requires_grad" if node.requires_grad else "leaf, no gradient")
    lines += [f"output {i}: {short_type(*meta)}" for i, meta in enumerate(node.outputs) if meta is not None]
    if node.saved and node.kind != "saved":
        lines.append("saved: " + ", ".join(map(_saved_text, node.saved)))
    if node.version:
        lines.append(f"written in place {node.version} time{'s' * (node.version > 1)}")
    if node.source:
        lines.append(node.source)
    return "\n".join(visible(line) for line in lines)


def _saved_text(saved: Saved) -> str:
    if saved.meta is None:
        return f"{saved.field} ({saved.text})"
    return (
        f"{saved.field}={saved.text} {short_type(*saved.meta)}"
        if saved.text
        else f"{saved.field} {short_type(*saved.meta)}"
    )


def _edge_line(edge: Edge, by_id: dict[str, Node]) -> str:
    source, target = by_id[edge.src], by_id[edge.dst]
    what = f"input {edge.input_index}" if edge.input_index is not None else edge.field
    if edge.kind == "saved":
        tooltip, look = (
            f"{card_name(source)} saves {edge.field}",
            (f' style="dotted" color="{LOOKS["saved"].stroke}" arrowhead="none"'),
        )
    else:
        tooltip = f"{card_name(source)} → {card_name(target)} ({what}, output_nr {edge.output_nr})"
        look = f' style="dashed" color="{CONST_EDGE}"' if edge.kind == "const" else ""
    return f'{edge.src} -> {edge.dst} [class="{edge.kind}" tooltip={_quoted(visible(tooltip))}{look}];'
