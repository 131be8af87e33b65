"""Convolutions in one, two and three dimensions, and their transposes: `torch.conv2d` and its kin.

Shapes: input [N, C, *sizes] or, for a single sample, [C, *sizes]; weight [out, C / groups, *kernel], for the transposed ones
[C, out / groups, *kernel]; bias [out]. `stride`, `padding`, `dilation` are numbers or one number per dimension.
"""

from __future__ import annotations

import operator
from typing import Any

from .. import functions as fn
from ..dispatch import bad_argument, no_overload
from ..methods import composite
from ..ops import conv as rows
from ..ops.layout import channels_innermost
from ..tensor import Tensor

_CPP = {
    "float32": "float",
    "float64": "double",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "int64": "long int",
    "int32": "int",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}


def _numbers(fn_name: str, name: str, value: Any, dims: int) -> tuple[int, ...]:
    """An argument as PyTorch's parser reads it: a number stands for one per dimension, a list is taken as it is."""
    if isinstance(value, (list, tuple)):
        return tuple(operator.index(v) for v in value)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise _wrong_kind(fn_name, name, value, "tuple of ints")
    return (operator.index(value),) * dims


def _wrong_kind(fn_name: str, name: str, value: Any, want: str) -> TypeError:
    """conv1d to conv3d have two signatures (padding as a word, or as numbers), their transposes one."""
    kind = type(value).__name__
    if "transpose" in fn_name:
        return TypeError(f"{fn_name}(): argument '{name}' must be {want}, not {kind}")
    return TypeError(
        f"{fn_name}() received an invalid combination of arguments - got (Tensor, Tensor, {name}={kind}), but expected one of:"
    )


def _spread(name: str, values: tuple[int, ...], dims: int) -> tuple[int, ...]:
    """One number per dimension of the kernel; a single one counts for all."""
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values to match the convolution dimensions, but got "
            f"{name}={list(values)}"
        )
    return values


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
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    w, size = list(weight.shape), list(x.shape)
    _same_dims(x, weight)
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


def _same_dims(x: Tensor, weight: Tensor, gap: str = " ") -> None:
    n = weight.dim()
    if x.dim() != n:
        raise RuntimeError(
            f"Expected {n}-dimensional input for {n}-dimensional weight{gap}{list(weight.shape)}, but got {x.dim()}-dimensional input of "
            f"size {list(x.shape)} instead"
        )


def _as_images(values: Any, filler: int) -> tuple[int, ...]:
    """PyTorch computes one dimension as images of height 1, and its errors tell so."""
    return (filler, *values) if len(values) == 1 else tuple(values)


def _named(word: str, values: Any, between: str = " ") -> str:
    names = ("depth", "height", "width")[-len(values) :]
    return between.join(f"{word}_{n}: {v}" for n, v in zip(names, values, strict=True))


def no_kernel(x: Tensor, dims: int, transposed: bool, dilated: bool) -> NotImplementedError:
    """The error for a dtype that the kernel for such a convolution does not take."""
    name = "slow_conv_dilated<>" if dilated else "compute_columns3d" if dims == 3 else "slow_conv2d_cpu"
    if transposed:
        name = f"slow_conv_transpose{max(dims, 2)}d_out_cpu"
    return NotImplementedError(f"\"{name}\" not implemented for '{x.dtype.legacy}'")


def _check_kernels(
    x: Tensor, weight: Tensor, stride: Any, padding: Any, dilation: Any, extra: Any, transposed: bool, fast: bool
) -> None:
    """What the kernels that compute refuse, after the checks of all convolutions."""
    kernel, gaps = _as_images(weight.shape[2:], 1), _as_images(dilation, 1)
    if min(kernel) <= 0:
        if len(kernel) == 3:
            raise RuntimeError(
                f"kernel size should be greater than zero, but got: {' x '.join(map(str, kernel))} (TxHxW)"
            )
        raise RuntimeError(f"kernel size should be greater than zero, but got {_named('kernel', kernel)}")
    if min(gaps) <= 0 and fast and not transposed:
        raise RuntimeError("non-positive dilation is not supported")
    if min(gaps) <= 0:
        told = _named("dilation", gaps, ", ") if transposed else str(list(gaps))
        raise RuntimeError(f"dilation should be greater than zero, but got {told}")
    if x.dtype.name == "bool":
        raise no_kernel(x, len(kernel), transposed, max(gaps) > 1)
    if not transposed:
        return
    if any(o >= s and o >= d for o, s, d in zip(extra, stride, dilation)):
        groups = (("output_padding", extra, 0), ("stride", stride, 1), ("dilation", dilation, 1))
        told = " ".join(_named(w, _as_images(v, f)) for w, v, f in groups)
        raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {told}")
    sizes = [n for n in x.shape[2:]]
    out = rows.transposed_sizes(sizes, weight.shape[2:], stride, padding, dilation, extra)
    if min(out) < 1:
        texts = [" x ".join(map(str, _as_images(v, 1))) for v in (sizes, out)]
        raise RuntimeError(
            f"Given input size per channel: ({texts[0]}). Calculated output size per channel: ({texts[1]}). Output size is too small"
        )


def _same_types(x: Tensor, weight: Tensor, bias: Any, groups: int) -> None:
    if bias is not None and bias.dtype != x.dtype:
        names = [_CPP.get(t._a.dtype.name, t._a.dtype.name) for t in (x, bias)]
        raise RuntimeError(f"Input type ({names[0]}) and bias type ({names[1]}) should be the same")
    if x.dtype == weight.dtype:
        return
    if not x.is_complex() and not rows.by_onednn(x._a, weight._a, groups):
        raise RuntimeError(f"expected scalar type {x.dtype.legacy} but found {weight.dtype.legacy}")
    names = [f"CPU{t.dtype.legacy}Type" if t.dtype.name in _NO_TYPE else t.type() for t in (x, weight)]  # type: ignore[attr-defined]
    rest = "" if x.is_complex() else " or input should be a MKLDNN tensor and weight is a dense tensor"
    raise RuntimeError(f"Input type ({names[0]}) and weight type ({names[1]}) should be the same{rest}")


# Types without a legacy tensor class.
_NO_TYPE = ("bfloat16", "complex64", "complex128", "bool")


def _convolve(
    name: str, dims: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int,
    output_padding: Any = None,
) -> Tensor:  # fmt: skip
    for i, (word, t) in enumerate((("input", input), ("weight", weight), ("bias", bias))):
        if not isinstance(t, Tensor) and (i < 2 or t is not None):
            if "transpose" in name:
                raise bad_argument(name, i + 1, word, t)
            raise no_overload(name, input, weight, *(() if bias is None else (bias,)))
    single = input.dim() == dims + 1
    if not single and input.dim() != dims + 2:
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: {list(input.shape)}"
        )
    transposed = output_padding is not None
    stride, dilation = _numbers(name, "stride", stride, dims), _numbers(name, "dilation", dilation, dims)
    if transposed or not isinstance(padding, str):
        padding = _numbers(name, "padding", padding, dims)
    extra = _numbers(name, "output_padding", output_padding if transposed else 0, dims)
    if isinstance(groups, bool) or not hasattr(groups, "__index__"):
        raise _wrong_kind(name, "groups", groups, "int")
    if weight.dim() < 3:
        raise RuntimeError("weight should have at least three dimensions")
    spatial = weight.dim() - 2
    x = input.unsqueeze(0) if single else input
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if padding == "same":
            if any(s != 1 for s in stride):
                raise RuntimeError("padding='same' is not supported for strided convolutions")
            _same_dims(x, weight, "")  # PyTorch forgets the space here
            x, padding = _same(x, weight.shape[2:], _spread("dilation", dilation, spatial), spatial)
        else:
            padding = (0,)
    stride, padding = _spread("stride", stride, spatial), _spread("padding", padding, spatial)
    dilation, extra = _spread("dilation", dilation, spatial), _spread("output_padding", extra, spatial)
    _same_types(x, weight, bias, groups)
    _check(x, weight, bias, stride, padding, dilation, groups, transposed)
    if min(extra) < 0:
        raise RuntimeError("negative output_padding is not supported")
    _check_kernels(x, weight, stride, padding, dilation, extra, transposed, rows.by_onednn(x._a, weight._a, groups))
    if name == "convolution" and x.is_complex():  # conv1d and its kin compute with the parts
        raise no_kernel(x, spatial, transposed, max(dilation) > 1)
    out = _recorded(x, weight, bias, (stride, padding, dilation, transposed, extra, groups))
    return out.squeeze(0) if single else out


def _recorded(x: Tensor, weight: Tensor, bias: Any, rest: tuple[Any, ...]) -> Tensor:
    """The convolution itself; of complex numbers, three of real ones: with x = a + bi and w = c + di, the real part is
    ac - bd, and the imaginary part (a + b)(c + d) - ac - bd."""
    if not x.is_complex():
        out = rows.convolution.record(x, weight, bias, *rest)
        if type(out) is Tensor and rows.channels_last(x._a, weight._a, rest[-1]):
            out._a = channels_innermost(out._a)  # nobody has seen it yet
        return out
    (a, b), (c, d) = (_parts(t) for t in (x, weight))
    p, q = (None, None) if bias is None else _parts(bias)
    first = rows.convolution.record(a, c, p, *rest)
    second = rows.convolution.record(b, d, None, *rest)
    both = rows.convolution.record(a + b, c + d, p if p is None else p + q, *rest)
    return (first - second) + (both - first - second) * 1j


def _parts(t: Tensor) -> tuple[Tensor, Tensor]:
    pairs = fn.view_as_real(t)
    return pairs.select(-1, 0), pairs.select(-1, 1)


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
