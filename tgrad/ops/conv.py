"""Convolution and its transpose, in any number of dimensions, and their derivatives.

Note [Convolution by products]
Over arrays, all windows of the padded input side by side are one matrix per sample (im2col), and the convolution is a matrix product
with the weights. The gradient of the weights is the product of what arrives with that matrix; the gradient of the input is the
product with the weights' transpose, its columns added back to where they were read (col2im). A transposed convolution is that last
operation by itself. (Large ones take another way: kernels/convolve.py.)

Shapes: input [N, C, *sizes], weight [out, C / groups, *kernel], or [C, out / groups, *kernel] where transposed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .layout import channels_innermost, is_channels_last
from .linalg import product
from .spec import TensorBase, op
from .view import total

ndarray = np.ndarray
Sizes = Sequence[int]


def output_sizes(sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> tuple[int, ...]:
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


def transposed_sizes(
    sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, output_padding: Sizes
) -> tuple[int, ...]:
    return tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        for n, k, s, p, d, o in zip(sizes, kernel, stride, padding, dilation, output_padding, strict=True)
    )


def _wide(a: ndarray) -> ndarray:
    return a.astype(np.float32) if a.dtype.itemsize == 2 and a.dtype.kind not in "iu" else a


def _windows(x: ndarray, kernel: Sizes, out: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> ndarray:
    """[N, C, *kernel, *out]: a view of the padded input."""

    if any(padding):
        x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    steps = x.strides[2:]
    strides = (*x.strides[:2], *(s * d for s, d in zip(steps, dilation)), *(s * t for s, t in zip(steps, stride)))
    return np.lib.stride_tricks.as_strided(x, (*x.shape[:2], *kernel, *out), strides, writeable=False)


def _columns(
    x: ndarray, kernel: Sizes, out: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> ndarray:
    """[N, groups, C / groups * kernel, out]."""
    windows = _windows(x, kernel, out, stride, padding, dilation)
    return windows.reshape(x.shape[0], groups, x.shape[1] // groups * math.prod(kernel), math.prod(out))


def cut(a: ndarray, sizes: Sizes) -> ndarray:
    """The beginning of the last dimensions, of these sizes."""
    at: Any = (Ellipsis, *[slice(n) for n in sizes])
    return np.ascontiguousarray(a[at])


def forward(x: ndarray, weight: ndarray, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> ndarray:
    kernel = weight.shape[2:]
    out = output_sizes(x.shape[2:], kernel, stride, padding, dilation)
    columns = _columns(_wide(x), kernel, out, stride, padding, dilation, groups)
    w = _wide(weight).reshape(groups, weight.shape[0] // groups, -1)
    return product(w, columns).reshape(x.shape[0], weight.shape[0], *out)


def to_input(
    grad: ndarray, weight: ndarray, sizes: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> ndarray:
    """The gradient of the input, which has these sizes."""
    n, kernel, out = len(sizes), weight.shape[2:], grad.shape[2:]
    each = weight.shape[1]
    w = _wide(weight).reshape(groups, weight.shape[0] // groups, -1)
    g = _wide(grad).reshape(grad.shape[0], groups, weight.shape[0] // groups, -1)
    columns = product(w.swapaxes(1, 2), g).reshape(grad.shape[0], groups * each, *kernel, *out)
    if (
        grad.dtype == np.float16
    ):  # oneDNN sums in float32; PyTorch's own kernels, which float16 is left to, round each sum
        columns = columns.astype(np.float16)
    reach = [d * (k - 1) + s * (o - 1) + 1 for d, k, s, o in zip(dilation, kernel, stride, out, strict=True)]
    whole = [max(r, p + m) for r, p, m in zip(reach, padding, sizes, strict=True)]
    padded = np.zeros((grad.shape[0], groups * each, *whole), columns.dtype)
    for place in np.ndindex(*kernel):
        at = tuple(
            slice(k * d, k * d + s * (o - 1) + 1, s) for k, d, s, o in zip(place, dilation, stride, out, strict=True)
        )
        padded[(slice(None), slice(None), *at)] += columns[(slice(None), slice(None), *place)]
    inner = tuple(slice(p, p + m) for p, m in zip(padding, sizes, strict=True))
    assert len(inner) == n
    return np.ascontiguousarray(padded[(slice(None), slice(None), *inner)])


def to_weight(
    grad: ndarray, x: ndarray, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> ndarray:
    """The gradient of the weights, [out, C / groups, *kernel]."""
    columns = _columns(_wide(x), kernel, grad.shape[2:], stride, padding, dilation, groups)
    g = _wide(grad).reshape(grad.shape[0], groups, grad.shape[1] // groups, -1)
    products = product(g, columns.swapaxes(2, 3))
    if grad.dtype == np.float16:  # sample by sample, as in `to_input`
        added = np.zeros(products.shape[1:], np.float16)
        for one in products:
            added = (added + one).astype(np.float16)
    else:
        added = np.add.reduce(products, axis=0)
    return added.reshape(grad.shape[1], x.shape[1] // groups, *kernel)


@op("convolution", grad={"input weight bias": lambda grad, input, weight, stride, padding, dilation, transposed, output_padding, groups, needs:
        _grads(grad, input, weight, stride, padding, dilation, transposed, output_padding, groups, needs)},
    tensors="input weight bias", node="ConvolutionBackward0", function=False, method=False)  # fmt: skip
def convolution(
    input, weight, bias=None, stride=(1,), padding=(0,), dilation=(1,), transposed=False, output_padding=(0,), groups=1
):
    if transposed:
        sizes = transposed_sizes(input.shape[2:], weight.shape[2:], stride, padding, dilation, output_padding)
        out = to_input(input, weight, sizes, stride, padding, dilation, groups)
    else:
        out = forward(input, weight, stride, padding, dilation, groups)
    if bias is not None:
        out = out + bias.reshape(-1, *(1,) * len(stride))
    return out.astype(input.dtype, copy=False)


def _grads(
    grad: Any, input: Any, weight: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any, groups: int,
    needs: Any,
) -> Any:  # fmt: skip
    if isinstance(grad, TensorBase):
        got = convolution_backward.record(
            grad, input, weight, stride, padding, dilation, transposed, output_padding, groups
        )
        to_bias = grad.sum((0, *range(2, input.ndim))) if needs[2] else None  # type: ignore[attr-defined]
        return got[0] if needs[0] else None, got[1] if needs[1] else None, to_bias
    rest = (stride, padding, dilation, transposed, output_padding, groups)
    to_input = input_gradient(grad, weight, tuple(input.shape), *rest) if needs[0] else None
    if to_input is not None and channels_last(input, weight, groups):
        to_input = channels_innermost(to_input)
    return (
        to_input,
        weight_gradient(grad, input, tuple(weight.shape), *rest) if needs[1] else None,
        total(grad, (0, *range(2, input.ndim))) if needs[2] else None,
    )


def by_onednn(input: ndarray, weight: ndarray, groups: int) -> bool:
    """Whether PyTorch would leave a convolution to oneDNN, which words its errors differently."""
    if input.dtype.name == "bfloat16":
        return True
    kernel = weight.shape[2:] if weight.ndim > 3 else (1, *weight.shape[2:])
    large = input.shape[0] > 1 or groups > 1 or min(kernel[-2:]) > 3 or math.prod(input.shape[:4]) > 20480
    return input.dtype.name == "float32" and large


def channels_last(input: ndarray, weight: ndarray, groups: int) -> bool:
    """Whether PyTorch leaves the result, and the gradient of the input, with their channels innermost in memory: where an operand has
    them so, but for its own kernels in three dimensions."""
    if input.strides[1] != input.itemsize and weight.strides[1] != weight.itemsize:
        return False
    if input.ndim == 5 and not by_onednn(input, weight, groups):
        return False
    return is_channels_last(input) or is_channels_last(weight)


# Set by tgrad.kernels: the same two functions, compiled; None for what they do not take.
compiled_input_gradient: Callable[..., ndarray | None] | None = None
compiled_weight_gradient: Callable[..., ndarray | None] | None = None


def input_gradient(
    grad: ndarray, weight: ndarray, sizes: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, transposed: bool,
    output_padding: Sizes, groups: int,
) -> ndarray:  # fmt: skip
    """The gradient of an input of these sizes."""
    if compiled_input_gradient is not None:
        done = compiled_input_gradient(grad, weight, sizes, stride, padding, dilation, transposed, groups)
        if done is not None:
            return done
    if transposed:  # an output padding beyond the stride leaves room for more windows than there were elements
        out = forward(grad, weight, stride, padding, dilation, groups)
        out = cut(out, sizes[2:])
    else:
        out = to_input(grad, weight, sizes[2:], stride, padding, dilation, groups)
    return out.astype(grad.dtype, copy=False)


def weight_gradient(
    grad: ndarray, input: ndarray, sizes: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, transposed: bool,
    output_padding: Sizes, groups: int,
) -> ndarray:  # fmt: skip
    """The gradient of a weight of these sizes."""
    if compiled_weight_gradient is not None:
        done = compiled_weight_gradient(grad, input, sizes, stride, padding, dilation, transposed, groups)
        if done is not None:
            return done
    x, g = (grad, input) if transposed else (input, grad)
    return to_weight(g, x, sizes[2:], stride, padding, dilation, groups).astype(grad.dtype, copy=False)


# The derivative of a convolution is linear in what arrives and in each of its operands; so is the derivative of that.


@op("convolution_backward", grad={"grad_output input weight": lambda grads, grad_output, input, weight, stride, padding, dilation,
        transposed, output_padding, groups, needs: _second(grads, grad_output, input, weight, stride, padding, dilation, transposed,
        output_padding, groups, needs)},
    tensors="grad_output input weight", outputs="grad_input grad_weight", node="ConvolutionBackwardBackward0", function=False,
    method=False)  # fmt: skip
def convolution_backward(
    grad_output, input, weight, stride, padding, dilation, transposed=False, output_padding=(0,), groups=1
):
    rest = (stride, padding, dilation, transposed, output_padding, groups)
    return (
        input_gradient(grad_output, weight, tuple(input.shape), *rest),
        weight_gradient(grad_output, input, tuple(weight.shape), *rest),
    )


def _second(
    grads: Any, grad_output: Any, input: Any, weight: Any, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int, needs: Any,
) -> Any:  # fmt: skip
    of_input, of_weight = grads
    rest = (stride, padding, dilation, transposed, output_padding, groups)
    to_output = to_input_ = to_weight_ = None
    if needs[0]:
        to_output = convolution(of_input, weight, None, *rest) + convolution(input, of_weight, None, *rest)
    if needs[1]:
        to_input_ = convolution_backward(grad_output, input, of_weight, *rest)[0]
    if needs[2]:
        to_weight_ = convolution_backward(grad_output, of_input, weight, *rest)[1]
    return to_output, to_input_, to_weight_


__all__ = ["convolution", "convolution_backward", "output_sizes", "transposed_sizes"]
