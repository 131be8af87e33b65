"""Gradients of convolutions, called by name: `torch.nn.grad`.

>>> image, weight = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)
>>> torch.nn.grad.conv2d_input(image.shape, weight, torch.ones(1, 1, 2, 2))[0, 0]
tensor([[1., 2., 1.],
        [2., 4., 2.],
        [1., 2., 1.]])
"""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..ops.conv import convolution_backward
from ..tensor import Tensor
from .functions.sizes import repeated


def _gradients(
    n: int, grad_output: Any, input: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    sizes = (repeated(stride, n), repeated(padding, n), repeated(dilation, n))
    return convolution_backward.record(grad_output, input, weight, *sizes, False, (0,) * n, groups)


def _of_size(size: Any, like: Tensor) -> Tensor:
    """A tensor of which only the size counts, without memory of that size."""
    return fn.zeros(1, dtype=like.dtype).expand(tuple(size))


def conv1d_input(
    input_size: Any, weight: Tensor, grad_output: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:  # fmt: skip
    """The gradient of `conv1d` for its input, of `input_size`, given that for its output."""
    return _gradients(1, grad_output, _of_size(input_size, grad_output), weight, stride, padding, dilation, groups)[0]


def conv1d_weight(
    input: Tensor, weight_size: Any, grad_output: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:  # fmt: skip
    """The gradient of `conv1d` for its weight, of `weight_size`, given that for its output."""
    return _gradients(1, grad_output, input, _of_size(weight_size, grad_output), stride, padding, dilation, groups)[1]


def conv2d_input(
    input_size: Any, weight: Tensor, grad_output: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:  # fmt: skip
    """The gradient of `conv2d` for its input, of `input_size`, given that for its output."""
    return _gradients(2, grad_output, _of_size(input_size, grad_output), weight, stride, padding, dilation, groups)[0]


def conv2d_weight(
    input: Tensor, weight_size: Any, grad_output: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:  # fmt: skip
    """The gradient of `conv2d` for its weight, of `weight_size`, given that for its output."""
    return _gradients(2, grad_output, input, _of_size(weight_size, grad_output), stride, padding, dilation, groups)[1]


def conv3d_input(
    input_size: Any, weight: Tensor, grad_output: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:  # fmt: skip
    """The gradient of `conv3d` for its input, of `input_size`, given that for its output."""
    return _gradients(3, grad_output, _of_size(input_size, grad_output), weight, stride, padding, dilation, groups)[0]


def conv3d_weight(
    input: Tensor, weight_size: Any, grad_output: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:  # fmt: skip
    """The gradient of `conv3d` for its weight, of `weight_size`, given that for its output."""
    return _gradients(3, grad_output, input, _of_size(weight_size, grad_output), stride, padding, dilation, groups)[1]
