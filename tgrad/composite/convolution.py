"""Convolutions in one, two and three dimensions, and their transposes: `torch.conv2d` and its kin.

Shapes: input [N, C, *sizes] or, for a single sample, [C, *sizes]; weight [out, C / groups, *kernel], for the transposed ones
[C, out / groups, *kernel]; bias [out]. `stride`, `padding`, `dilation` are numbers or one number per dimension.
"""

from __future__ import annotations

import operator
from typing import Any

from .. import functions as fn
from ..dispatch import bad_argument
from ..methods import composite
from ..ops import conv as rows
from ..ops.scalar import mul_number
from ..tensor import Tensor

_CPP = {
    "float32": "float",
    "float64": "double",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "int64": "long int",
    "int32": "int",
}


def _numbers(name: str, value: Any, dims: int) -> tuple[int, ...]:
    """One number per dimension."""
    if isinstance(value, (list, tuple)):
        values = [operator.index(v) for v in value]
        if len(values) == 1:
            return (values[0],) * dims
        if len(values) != dims:
            raise RuntimeError(
                f"expected {name} to be a single integer value or a list of {dims} values to match the convolution dimensions, "
                f"but got {name}={values}"
            )
        return tuple(values)
    return (operator.index(value),) * dims


def _same(input: Tensor, kernel: Any, dilation: Any, dims: int) -> tuple[Tensor, tuple[int, ...]]:
    """(input, padding) such that sizes stay. Where the whole padding is odd, the end gets one more."""
    total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if any(t % 2 for t in total):
        pad: list[int] = []
        for t in reversed(total):
            pad += [0, t % 2]
        input = fn.constant_pad_nd(input, pad, 0)
    return input, tuple(t // 2 for t in total)


def _check(
    x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int, transposed: bool
) -> None:
    """PyTorch's refusals, in its order."""
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(d < 0 for d in dilation):
        raise RuntimeError("dilation should be greater than zero")
    if any(d == 0 for d in dilation):
        raise RuntimeError("non-positive dilation is not supported")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    w, size = list(weight.shape), list(x.shape)
    if w[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {w} instead"
        )
    if w[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{w}] instead"
        )
    channels = w[0] if transposed else w[1] * groups
    if size[1] != channels:
        which = "transposed=1" if transposed else f"groups={groups}"
        raise RuntimeError(
            f"Given {which}, weight of size {w}, expected input{size} to have {channels} channels, but got {size[1]} channels instead"
        )
    outputs = w[1] * groups if transposed else w[0]
    if bias is not None and (bias.dim() != 1 or bias.shape[0] != outputs):
        which = "transposed=1, weight" if transposed else "weight"
        raise RuntimeError(
            f"Given {which} of size {w}, expected bias to be 1-dimensional with {outputs} elements, but got bias of size "
            f"{list(bias.shape)} instead"
        )
    if not transposed:
        padded = [n + 2 * p for n, p in zip(size[2:], padding)]
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, w[2:])]
        if any(n < r for n, r in zip(padded, reach)):
            texts = [" x ".join(map(str, v)) for v in (padded, reach)]
            raise RuntimeError(
                f"Calculated padded input size per channel: ({texts[0]}). Kernel size: ({texts[1]}). Kernel size can't be greater "
                "than actual input size"
            )


def _same_types(x: Tensor, weight: Tensor, bias: Any) -> None:
    if bias is not None and bias.dtype != x.dtype:
        names = [_CPP.get(t._a.dtype.name, t._a.dtype.name) for t in (x, bias)]
        raise RuntimeError(f"Input type ({names[0]}) and bias type ({names[1]}) should be the same")
    if x.dtype != weight.dtype:
        raise RuntimeError(
            f"Input type ({x.type()}) and weight type ({weight.type()}) should be the same or input should be a MKLDNN tensor "  # type: ignore[attr-defined]
            "and weight is a dense tensor"
        )


def _convolve(
    name: str, dims: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int,
    output_padding: Any = None,
) -> Tensor:  # fmt: skip
    for i, (word, t) in enumerate((("input", input), ("weight", weight), ("bias", bias))):
        if not isinstance(t, Tensor) and (i < 2 or t is not None):
            raise bad_argument(name, i + 1, word, t)
    single = input.dim() == dims + 1
    if not single and input.dim() != dims + 2:
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: {list(input.shape)}"
        )
    spatial = weight.dim() - 2
    x = input.unsqueeze(0) if single else input
    stride, dilation = _numbers("stride", stride, dims), _numbers("dilation", dilation, dims)
    if spatial != dims:  # PyTorch spreads numbers over its own dimensions before it looks at the weight
        stride = _numbers("stride", stride, spatial)
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if padding == "same" and any(s != 1 for s in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        if padding == "same":
            x, padding = _same(x, weight.shape[2:], dilation, spatial)
        else:
            padding = (0,) * spatial
    padding = _numbers("padding", padding, spatial)
    transposed = output_padding is not None
    extra = _numbers("output_padding", output_padding if transposed else 0, spatial)
    _same_types(x, weight, bias)
    _check(x, weight, bias, stride, padding, dilation, groups, transposed)
    if transposed and any(o >= s and o >= d for o, s, d in zip(extra, stride, dilation)):
        raise RuntimeError(_too_much(extra, stride, dilation))
    form = (stride, padding, dilation, transposed, extra, groups)
    out = (_complex if x.is_complex() else rows.convolution.record)(x, weight, bias, *form)
    return out.squeeze(0) if single else out


def _complex(x: Any, weight: Any, bias: Any, *form: Any) -> Tensor:
    """Three real convolutions: (a + bi)(c + di) = ac - bd + i((a + b)(c + d) - ac - bd). The bias counts with the first and the last."""
    real: Any = None if bias is None else bias.real
    imag: Any = None if bias is None else bias.imag
    a = rows.convolution.record(x.real, weight.real, real, *form)
    b = rows.convolution.record(x.imag, weight.imag, None, *form)
    c = rows.convolution.record(
        x.real + x.imag, weight.real + weight.imag, None if bias is None else real + imag, *form
    )
    return a - b + mul_number.record((c - a - b).to(x.dtype), 1j)


def _too_much(extra: Any, stride: Any, dilation: Any) -> str:
    names = {1: [""], 2: ["height", "width"], 3: ["depth", "height", "width"]}[len(stride)]
    groups = (("output_padding", extra), ("stride", stride), ("dilation", dilation))
    told = " ".join(f"{word}_{n}: {v}" for word, values in groups for n, v in zip(names, values))
    return f"output padding must be smaller than either stride or dilation, but got {told}"


@composite()
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Windows of [N, C, L] times each filter: [N, out, L']. `padding` may be "valid" (none) or "same" (L' = L, stride 1).

    RuntimeError where sizes, types or channels do not fit together.

    >>> torch.conv1d(torch.ones(1, 1, 5), torch.ones(1, 1, 3))
    tensor([[[3., 3., 3.]]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@composite()
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Windows of [N, C, H, W] times each filter: [N, out, H', W'], H' = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1.

    RuntimeError where sizes, types or channels do not fit together.

    >>> F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    >>> F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(6, 3, 3, 3), padding="same").shape
    torch.Size([1, 6, 8, 8])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@composite()
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """As `conv2d`, over [N, C, D, H, W].

    >>> F.conv3d(torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2))
    tensor([[[[[8.]]]]])
    """
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@composite()
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The gradient of `conv1d` with respect to its input, as an operation: [N, C, L] to [N, out, L'], with
    L' = (L - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.

    >>> F.conv_transpose1d(torch.ones(1, 1, 2), torch.ones(1, 1, 2))
    tensor([[[1., 2., 1.]]])
    """
    return _convolve("conv_transpose1d", 1, input, weight, bias, stride, padding, dilation, groups, output_padding)


@composite()
def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """As `conv_transpose1d`, over [N, C, H, W].

    >>> F.conv_transpose2d(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 2, 2))
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """
    return _convolve("conv_transpose2d", 2, input, weight, bias, stride, padding, dilation, groups, output_padding)


@composite()
def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """As `conv_transpose1d`, over [N, C, D, H, W].

    >>> F.conv_transpose3d(torch.ones(1, 1, 1, 1, 1), torch.ones(1, 1, 1, 1, 2))
    tensor([[[[[1., 1.]]]]])
    """
    return _convolve("conv_transpose3d", 3, input, weight, bias, stride, padding, dilation, groups, output_padding)


@composite()
def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """The operation under `conv1d` to `conv_transpose3d`, in as many dimensions as the weight has beyond two.

    >>> torch.convolution(torch.ones(1, 1, 3), torch.ones(1, 1, 2), None, [1], [0], [1], False, [0], 1)
    tensor([[[2., 2.]]])
    """
    dims = weight.dim() - 2
    extra = output_padding if transposed else None
    return _convolve("convolution", dims, input, weight, bias, stride, padding, dilation, groups, extra)
