"""Fractional max pooling: a number of windows that does not divide the size, at random distances."""

from __future__ import annotations

from typing import Any

from ... import functions as fn
from ...ops.fractional import fractional_max_pool as rows
from ...tensor import Tensor
from .sizes import ints, repeated


def _pool(
    n: int, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Any
) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{n}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is None:
        if n == 2 and len(output_ratio) > 2:
            raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
        ratios = repeated(output_ratio, n)
        output_size = [int(input.size(d - n) * ratios[d]) for d in range(n)]
    if samples is None:
        batch = 1 if input.dim() == n + 1 else input.size(0)
        samples = fn.rand(batch, input.size(-n - 1), n, dtype=input.dtype, device=input.device)
    values, indices = rows[n].record(
        input, ints(name, 2, "kernel_size", kernel_size, n), ints(name, 3, "output_size", output_size, n), samples
    )
    return values, indices


def fractional_max_pool2d(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:  # fmt: skip
    """The largest element of each of `output_size` windows, [N, C, H, W] -> [N, C, *output_size], or the same without N.

    The windows begin at distances that differ, moved by one random number for each channel and dimension. Instead of
    `output_size` its ratio to the input's may be given. With `return_indices` a pair. ValueError if neither is given,
    RuntimeError where so many windows do not fit.

    >>> F.fractional_max_pool2d(torch.ones(1, 2, 9, 9), 2, output_ratio=(0.6, 0.5)).shape
    torch.Size([1, 2, 5, 4])
    """
    pair = _pool(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return pair if return_indices else pair[0]


def fractional_max_pool3d(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:  # fmt: skip
    """`fractional_max_pool2d` over three dimensions: [N, C, D, H, W] -> [N, C, *output_size]."""
    pair = _pool(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return pair if return_indices else pair[0]


def fractional_max_pool2d_with_indices(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:  # fmt: skip
    """`fractional_max_pool2d` with indices."""
    return _pool(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d_with_indices(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:  # fmt: skip
    """`fractional_max_pool3d` with indices."""
    return _pool(3, input, kernel_size, output_size, output_ratio, _random_samples)
