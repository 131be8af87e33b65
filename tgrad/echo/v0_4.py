"""Tensors as PyTorch 0.4.0 printed them: a column for the sign everywhere, and no word about the graph.

tensor([[ 1.,  1.],
        [ 1.,  1.]])
"""

from __future__ import annotations

import math
from typing import Any

from ..dtype import get_default_dtype
from .layout import bracketed, visible
from .legacy import choose_style, host_array, numeric
from .options import PRINT_OPTS


def tensor_repr(t: Any) -> str:
    """The text of `repr(t)` in 0.4.0: elements, then device and dtype where they are not the usual ones."""
    indent = len("tensor(")
    array = numeric(host_array(t))
    name = "uint8" if t.dtype.name == "bool" else t.dtype.name
    default = get_default_dtype().name
    implied = (default, "int64") if array.size else (default,)
    suffix = "" if name in implied else f", dtype=torch.{name}"
    if t.device.type != "cpu":
        suffix += f", device='{t.device}'"
    if not array.size:
        return f"tensor([]{suffix})"
    style = choose_style(array, 2, point=t.dtype.is_floating_point)
    heading = style.scale_line()
    if heading:
        heading += " " * indent
    shown = visible(array, PRINT_OPTS)
    if shown is None:
        return f"tensor({heading}[...]{suffix})"
    array, dots = shown
    texts = style.texts(array.ravel().tolist())
    if not array.ndim:
        # A lone number gives up the column for its sign.
        return f"tensor({heading}{texts[0].lstrip()}{suffix})"
    # 0.4.0 left room for one character more than it used.
    per_line = max(1, math.floor((PRINT_OPTS.linewidth - (indent + array.ndim - 1)) / (style.width + 3)))
    return f"tensor({heading}{bracketed(texts, array.shape, dots, indent, per_line)}{suffix})"
