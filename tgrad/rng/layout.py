"""In which order a random fill visits a tensor that is not contiguous."""

from __future__ import annotations

import numpy as np


def iteration_order(out: np.ndarray, *inputs: np.ndarray) -> tuple[int, ...]:
    """The dimensions from the slowest to the fastest, as PyTorch's iterator walks them.

    Strides decide, those of `out` first; a dimension that is broadcast (stride 0) leaves the decision to the next
    array. So a transposed dense tensor is filled in the order of its memory, not of its indices.
    """
    operands = (out, *inputs)

    def compare(first: int, second: int) -> int:
        for array in operands:
            a, b = array.strides[first], array.strides[second]
            if a == 0 or b == 0:
                continue
            if a != b:
                return -1 if a < b else 1
            if array.shape[first] > array.shape[second]:
                return 1
        return 0

    order = list(range(out.ndim))[::-1]
    # An insertion sort, since "undecided" is not transitive and the outcome depends on who is compared with whom.
    for index in range(1, len(order)):
        place = index
        for earlier in range(index - 1, -1, -1):
            verdict = compare(order[earlier], order[place])
            if verdict < 0:
                break
            if verdict > 0:
                order[earlier], order[place] = order[place], order[earlier]
                place = earlier
    return tuple(reversed(order))


def place(out: np.ndarray, values: np.ndarray) -> None:
    """Write freshly drawn `values` into `out`, a view with any strides, in PyTorch's order.

    >>> import numpy as np
    >>> out = np.empty((3, 2), np.float32).T
    >>> place(out, np.arange(6, dtype=np.float32))
    >>> out.tolist()
    [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]
    """
    if out.flags.c_contiguous:
        out[...] = values.reshape(out.shape)
        return
    walked = out.transpose(iteration_order(out))
    walked[...] = values.reshape(walked.shape)
