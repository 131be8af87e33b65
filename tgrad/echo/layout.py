"""Brackets, line breaks and dots around the texts of a tensor's elements.

texts ' 0.', ' 1.', ' 5.', '10.' of shape (2, 2), indent 7
     |
     v
tensor([[ 0.,  1.],        the first line begins where the caller's prefix ends,
        [ 5., 10.]])       and the caller writes what follows
"""

from __future__ import annotations

import numpy as np

from .options import PrintOptions


def visible(array: np.ndarray, options: PrintOptions) -> tuple[np.ndarray, list[int | None]] | None:
    """The elements that will be shown, and for each dimension the place of its dots (None where it is whole).

    A tensor above the threshold shows the first and last `edgeitems` of every dimension that has more than twice as
    many. Only these are read, so the size of the tensor does not matter. None stands for dots alone: no edge items.
    """
    n = options.edgeitems
    whole: list[int | None] = [None] * array.ndim
    if not array.size > options.threshold or not array.ndim:
        return array, whole
    if not n:
        return None
    cut = [size > 2 * n for size in array.shape]
    if not any(cut):
        return array, whole
    if array.ndim == 1:
        array = np.concatenate((array[:n], array[-n:]))
        return array, [array.size // 2]
    if n < 0:
        # What PyTorch says when it stacks no slices.
        raise RuntimeError("stack expects a non-empty TensorList")
    kept = [[*range(n), *range(size - n, size)] if c else range(size) for size, c in zip(array.shape, cut, strict=True)]
    return array[np.ix_(*kept)], [n if c else None for c in cut]


def bracketed(texts: list[str], shape: tuple[int, ...], dots: list[int | None], indent: int, per_line: int) -> str:
    """The nested rows of `texts` (in C order, of `shape`), `indent` columns from the left.

    `dots[d]` is the place of the dots in dimension d, None where it is whole. A row is broken after `per_line` texts.
    A 0-d tensor is its bare text.
    """
    if not shape:
        return texts[0]
    depth = len(shape)
    wrap = ",\n" + " " * (indent + depth)
    items, mark, joint = texts, " ...", ", "
    for d in range(depth - 1, -1, -1):
        count, at, rows = shape[d], dots[d], []
        for start in range(0, len(items), count):
            row = items[start : start + count]
            if at is not None:
                row.insert(at, mark)
            if d == depth - 1 and len(row) > per_line:
                lines = [joint.join(row[i : i + per_line]) for i in range(0, len(row), per_line)]
                rows.append("[" + wrap.join(lines) + "]")
            else:
                rows.append("[" + joint.join(row) + "]")
        # Every dimension further out puts one more empty line between its slices.
        items, mark, joint = rows, "...", "," + "\n" * (depth - d) + " " * (indent + d)
    return items[0]
