"""What compiled kernels ask of the arrays that they are given."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .expr import F32, F64

ndarray = np.ndarray


def address(a: ndarray) -> int:
    return a.__array_interface__["data"][0]


def suits(*arrays: Any) -> bool:
    """Whether these are row-major arrays of one floating dtype that kernels know; None may stand among them."""
    first = arrays[0]
    if first.dtype is not F32 and first.dtype is not F64:
        return False
    return bool(first.size) and all(
        a is None or (a.dtype is first.dtype and a.flags.c_contiguous and a.flags.aligned) for a in arrays
    )


@functools.cache
def registers() -> tuple[int, int]:
    """(rows of a block of sums, bytes of a vector) of this processor, as compiled/vector.py has them."""
    import llvmlite.binding as llvm

    return (8, 64) if llvm.get_host_cpu_features().get("avx512f") else (4, 32)
