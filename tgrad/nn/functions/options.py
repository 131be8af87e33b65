"""How `nn.functional.linear_cross_entropy` goes through many samples."""

from __future__ import annotations

import dataclasses
from typing import Any

_POLICIES = ("auto", "accurate", "balanced", "compact")


@dataclasses.dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """How many samples `linear_cross_entropy` looks at together: `batch_chunk_size`, or as `chunking_method` says.

    "aspect_ratio" makes a chunk's logits about as large as the input, "aspect_ratio:N" an N-th of that, "auto" (the default)
    chooses one of them, and None leaves all samples together. `allow_retain_graph`: whether there may be several backward
    passes. `acc_policy` and `acc_dtype` are checked and have no effect: halves are computed in float32. ValueError for others.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        method = self.chunking_method
        if method not in (None, "auto") and _divisor(method) < 1:
            raise ValueError(f"invalid chunking_method: {method!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype is not None and not self.acc_dtype.is_floating_point:
            raise ValueError(
                "acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, torch.float64}, got "
                f"{self.acc_dtype!r}. Pass acc_dtype=None to let the op pick automatically."
            )


# Where PyTorch has it, and pickles look for it.
LinearCrossEntropyOptions.__module__ = "tgrad.nn.modules.linear_cross_entropy_options"


def _divisor(method: str) -> int:
    """N of "aspect_ratio:N"; 0 for no such word."""
    name, colon, factor = method.partition(":")
    if name != "aspect_ratio" or (colon and not factor.isdigit()):
        return 0
    return int(factor) if colon else 1


def chunk_size(options: LinearCrossEntropyOptions, samples: int, features: int, classes: int, half: bool) -> int:
    """How many samples to look at together.

    >>> chunk_size(LinearCrossEntropyOptions(chunking_method="aspect_ratio"), 64, 4, 32, False)
    8
    """
    method, wanted = options.chunking_method, options.batch_chunk_size
    if method == "auto":
        method = None if wanted is not None else "aspect_ratio" if half else "aspect_ratio:2"
    if method is None:
        return max(1, samples if wanted is None else min(wanted, samples))
    ratio = -(-classes // max(features, 1))
    together = max(-(-samples // max(ratio, 1)), 1)
    size = max((1 << (together - 1).bit_length()) // _divisor(method), 1)
    if wanted is not None and wanted != size:
        raise ValueError(
            f"batch_chunk_size (={wanted}) and chunking_method ('{method}') give different chunk sizes ({wanted} vs {size}); pass only "
            "one."
        )
    return size
