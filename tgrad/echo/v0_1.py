"""Tensors as PyTorch 0.1 to 0.3 printed them, a legacy of Lua: bare numbers above a line with type and size.

Variable containing:
 4.5000  4.5000
 4.5000  4.5000
[torch.FloatTensor of size 2x2]
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .legacy import Style, choose_style, host_array, numeric
from .options import PRINT_OPTS

_DOWN, _DIAGONAL = "\u22ee", "\u22f1"


def is_variable(t: Any) -> bool:
    """Whether `t` would have been a Variable: it takes part in a graph, or it was marked as one."""
    return bool(t.requires_grad or t.grad_fn is not None or getattr(t, "_is_variable", False))


def tensor_repr(t: Any) -> str:
    """The text of `repr(t)`, which ends with a line break; a Variable is announced as one."""
    return ("Variable containing:" if is_variable(t) else "") + data_repr(t)


def data_repr(t: Any) -> str:
    """The text of the tensor that a Variable or Parameter holds.

    A size of () is shown for plain 0-d tensors only: a Variable of those days had at least one dimension, so a 0-d
    result is shown as the size 1 that it was.
    """
    array = numeric(host_array(t))
    name = type_name(t)
    if not array.size:
        return f"[{name} with no dimension]\n"
    if array.ndim == 0:
        style = choose_style(array, 2)
        body = style.scale_line() + style.texts([array.item()])[0] + "\n"
    else:
        body = (_vector, _matrix, _blocks)[min(array.ndim, 3) - 1](array)
    size = "x".join(map(str, array.shape)) or ("1" if is_variable(t) else "()")
    device = "" if t.device.type == "cpu" else f" (GPU {t.device.index or 0})"
    return f"\n{body}[{name} of size {size}{device}]\n"


def type_name(t: Any) -> str:
    """The name of the tensor class of those days: 'torch.FloatTensor', 'torch.cuda.ByteTensor'."""
    legacy = "Byte" if t.dtype.name == "bool" else t.dtype.legacy
    package = "torch" if t.device.type == "cpu" else f"torch.{t.device.type}"
    return f"{package}.{legacy}Tensor"


def _vector(array: np.ndarray) -> str:
    style = choose_style(array, 2)
    margin = " " if style.scale != 1 else ""
    if array.size < PRINT_OPTS.threshold:
        lines = style.texts(array.tolist())
    else:
        n = PRINT_OPTS.edgeitems
        lines = style.texts(array[:n].tolist())
        lines += [f"{_DOWN:^{style.width}}", *style.texts(array[-n:].tolist())]
    return style.scale_line() + "".join(f"{margin}{line}\n" for line in lines)


def _dotted(array: np.ndarray) -> tuple[bool, bool]:
    """Whether a summary would leave out rows, and columns."""
    rows, columns = array.shape[-2:]
    return rows > 2 * PRINT_OPTS.edgeitems, columns > 2 * PRINT_OPTS.edgeitems


def _matrix(array: np.ndarray) -> str:
    # The width has room for the dots even where the matrix is then printed in full.
    cut = any(_dotted(array))
    style = choose_style(array, 5 if cut else 2)
    return _matrix_lines(array, "", style, summarise=cut and array.size >= PRINT_OPTS.threshold)


def _matrix_lines(array: np.ndarray, indent: str, style: Style, *, summarise: bool) -> str:
    """A matrix in full, in chunks of columns where the line is too short for all, or with dots."""
    if summarise:
        return _dotted_matrix(array, indent, style)
    columns = array.shape[1]
    per_line = max(1, math.floor((PRINT_OPTS.linewidth - len(indent)) / (style.width + 1)))
    margin = indent + (" " if style.scale != 1 else "")
    text = ""
    for first in range(0, columns, per_line):
        last = min(first + per_line, columns) - 1
        if per_line < columns:
            # The line break was left out for a chunk that begins at column 1, which only a chunk of one column does.
            text += ("\n" if first != 1 else "") + f"Columns {first} to {last} \n{indent}"
        text += style.scale_line()
        for row in array[:, first : last + 1].tolist():
            text += margin + " ".join(style.texts(row)) + "\n"
    return text


def _dotted_matrix(array: np.ndarray, indent: str, style: Style) -> str:
    n = PRINT_OPTS.edgeitems
    tall, wide = _dotted(array)

    def line(row: np.ndarray) -> str:
        if not wide:
            return " ".join(style.texts(row.tolist())) + "\n"
        ends = (" ".join(style.texts(part.tolist())) for part in (row[:n], row[-n:]))
        return "  ...  ".join(ends) + "\n"

    if not tall:
        return style.scale_line() + "".join(indent + line(row) for row in array)
    if wide:
        dots = f"{'...':^{(style.width + 1) * n - 1}}"
        between = f"{indent}{dots} {_DIAGONAL:^5} {dots}\n"
    else:
        # Centred over a row and its line break, and not indented.
        between = f"{_DOWN:^{len(line(array[0]))}}\n"
    above, below = ("".join(indent + line(row) for row in rows) for rows in (array[:n], array[-n:]))
    return style.scale_line() + above + between + below


def _blocks(array: np.ndarray) -> str:
    """Three and more dimensions: one matrix after another, each under its leading indices."""
    style = choose_style(array, 3 if any(_dotted(array)) else 2)
    summarise = array.size >= PRINT_OPTS.threshold
    digits = max(2, *(len(str(size)) for size in array.shape))
    text = ""
    for index, skipped, restarted in _leading_indices(array.shape[:-2], summarise=summarise):
        if any(skipped):
            text += "".join(f"{'...' if dots else '':^{digits + 1}}" for dots in skipped) + "\n"
        if summarise and any(restarted):
            text += " " + "".join(f"{_DOWN if dots else '':^{digits + 1}}" for dots in restarted) + "\n"
        if text:
            text += "\n"
        text += "(" + ",".join(f"{i:^{digits}}" for i in index) + ",.,.) = \n"
        text += _matrix_lines(array[index], " ", style, summarise=summarise)
    return text


def _leading_indices(
    sizes: tuple[int, ...], *, summarise: bool
) -> Iterator[tuple[tuple[int, ...], list[bool], list[bool]]]:
    """The indices of the blocks in order, and on the way to each: the dimensions that skipped, and that began again."""
    n = PRINT_OPTS.edgeitems
    index = [0] * len(sizes)
    skipped = restarted = [False] * len(sizes)
    while True:
        yield tuple(index), skipped, restarted
        skipped, restarted = [False] * len(sizes), [False] * len(sizes)
        d = len(sizes) - 1
        while d >= 0:
            index[d] += 1
            if summarise and index[d] == n and sizes[d] > 2 * n:
                index[d] = sizes[d] - n
                skipped[d] = True
            if index[d] < sizes[d]:
                break
            index[d] = 0
            restarted[d] = True
            d -= 1
        if d < 0:
            return
