"""Images as matrices of their windows, and back."""

from __future__ import annotations

from typing import Any

from ...ops import sliding as rows
from ...tensor import Tensor
from .sizes import ints, repeated, tensor


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """All windows of images as columns: [N, C, H, W] -> [N, C * kernel, windows], or the same without N.

    A column lists a window's elements channel by channel. RuntimeError where no window fits.

    >>> F.unfold(torch.arange(6.0).reshape(1, 2, 3), 2)
    tensor([[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]])
    """
    words = ("kernel_size", "dilation", "padding", "stride")
    given = zip(words, (kernel_size, dilation, padding, stride), strict=True)
    tensor("im2col", 1, "input", input)
    return rows.im2col.record(input, *(ints("im2col", i, w, repeated(v, 2), 2) for i, (w, v) in enumerate(given, 2)))


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns put back where `unfold` took them from, what meets in one place added up: [N, C * kernel, windows] -> [N, C,
    *output_size], or the same without N.

    RuntimeError if the number of columns is not that of the windows of such an image.

    >>> F.fold(torch.ones(4, 2), (2, 3), 2)
    tensor([[[1., 2., 1.],
             [1., 2., 1.]]])
    """
    words = ("output_size", "kernel_size", "dilation", "padding", "stride")
    given = zip(words, (output_size, kernel_size, dilation, padding, stride), strict=True)
    tensor("col2im", 1, "input", input)
    return rows.col2im.record(input, *(ints("col2im", i, w, repeated(v, 2), 2) for i, (w, v) in enumerate(given, 2)))
