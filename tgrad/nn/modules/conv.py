"""Convolutions as modules: the weights, and how the edges of the input are treated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import functions as fn
from ...tensor import Tensor
from .. import functional as F
from .. import init
from ..functions.sizes import repeated
from ..parameter import Parameter, UninitializedParameter
from .lazy import LazyModuleMixin
from .module import Module

_PADDINGS = {"same", "valid"}
_MODES = {"zeros", "reflect", "replicate", "circular"}


def _around(padding: Any, kernel_size: Sequence[int], dilation: Sequence[int]) -> Any:
    """The padding as `F.pad` wants it: both ends of the last dimension first."""
    if not isinstance(padding, str):
        return tuple(p for p in reversed(padding) for _ in range(2))
    both = [0, 0] * len(kernel_size)
    if padding == "same":  # where it does not come out even, the end gets one more
        for i, (d, k) in enumerate(zip(reversed(dilation), reversed(kernel_size), strict=True)):
            total = d * (k - 1)
            both[2 * i], both[2 * i + 1] = total // 2, total - total // 2
    return both


class _ConvNd(Module):
    """Weights [out_channels, in_channels / groups, *kernel_size], with the first two changed about where `transposed`."""

    __constants__ = (
        "stride", "padding", "dilation", "groups", "padding_mode", "output_padding", "in_channels", "out_channels", "kernel_size",
    )  # fmt: skip
    dims = 1

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: tuple[int, ...], stride: tuple[int, ...], padding: Any,
        dilation: tuple[int, ...], transposed: bool, output_padding: tuple[int, ...], groups: int, bias: bool, padding_mode: str,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        _check(in_channels, out_channels, stride, padding, groups, padding_mode)
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.transposed, self.output_padding = transposed, output_padding
        self.groups, self.padding_mode = groups, padding_mode
        self._reversed_padding_repeated_twice = _around(padding, kernel_size, dilation)
        lead = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(fn.empty((*lead, *kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(fn.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the initial values again: uniform in ±1 / sqrt(in_channels / groups * kernel)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        n = len(self.kernel_size)
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        for word, usual in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            value = getattr(self, word)
            if value != (usual,) * n:
                parts.append(f"{word}={value}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


def _check(in_channels: int, out_channels: int, stride: Any, padding: Any, groups: int, padding_mode: str) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    for word, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            raise ValueError(f"{word} must be divisible by groups")
    if isinstance(padding, str):
        if padding not in _PADDINGS:
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {_PADDINGS}")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _MODES:
        raise ValueError(f"padding_mode must be one of {_MODES}, but got padding_mode='{padding_mode}'")


class _Conv(_ConvNd):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        n = self.dims
        super().__init__(
            in_channels, out_channels, repeated(kernel_size, n), repeated(stride, n),
            padding if isinstance(padding, str) else repeated(padding, n), repeated(dilation, n), False, (0,) * n, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Any) -> Tensor:
        convolve = getattr(F, f"conv{self.dims}d")
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0,) * self.dims
        return convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Each output channel is the sum over the input channels of their sliding products with its weights, plus a bias.

    [N, in_channels, L] -> [N, out_channels, L'], or the same without N; L' = (L + 2 padding - dilation (kernel_size - 1) -
    1) // stride + 1. `padding` is a number, 'valid' (none) or 'same' (as much as keeps the size, for stride 1); `padding_mode`
    says what it consists of: 'zeros', 'reflect', 'replicate' or 'circular'. With `groups` the channels are split, and each
    part of the outputs sees its part of the inputs only. ValueError where channels cannot be split so, RuntimeError for
    inputs of other shapes.

    >>> import tgrad as torch
    >>> torch.nn.Conv1d(2, 4, 3, padding="same")(torch.ones(1, 2, 8)).shape
    torch.Size([1, 4, 8])
    """


class Conv2d(_Conv):
    """Conv1d over two dimensions: [N, in_channels, H, W] -> [N, out_channels, H', W'].

    >>> import tgrad as torch
    >>> torch.nn.Conv2d(3, 6, 5, stride=2)(torch.ones(1, 3, 32, 32)).shape
    torch.Size([1, 6, 14, 14])
    """

    dims = 2


class Conv3d(_Conv):
    """Conv1d over three dimensions: [N, in_channels, D, H, W] -> [N, out_channels, D', H', W'].

    >>> nn.Conv3d(2, 4, 3)(torch.ones(1, 2, 5, 5, 5)).shape
    torch.Size([1, 4, 3, 3, 3])
    """

    dims = 3


class _ConvTransposeNd(_ConvNd):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
        groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        n = self.dims
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels, out_channels, repeated(kernel_size, n), repeated(stride, n), repeated(padding, n), repeated(dilation, n),
            True, repeated(output_padding, n), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding(self, input: Tensor, output_size: Any) -> Any:
        """What has to be added at the ends to come to `output_size` (with or without batch and channels)."""
        if output_size is None:
            return self.output_padding
        n = self.dims
        lead = 2 if input.dim() == n + 2 else 1
        if len(output_size) == lead + n:
            output_size = output_size[lead:]
        if len(output_size) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or {lead + n} elements (got "
                f"{len(output_size)})"
            )
        numbers = zip(self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = [(input.size(lead + i) - 1) * s - 2 * p + d * (k - 1) + 1 for i, (s, p, d, k) in enumerate(numbers)]
        most = [size + s - 1 for size, s in zip(least, self.stride, strict=True)]
        if any(not low <= size <= high for low, size, high in zip(least, output_size, most, strict=True)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {least} to {most} (for an input of "
                f"{input.size()[2:]})"
            )
        return [size - low for size, low in zip(output_size, least, strict=True)]

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        convolve = getattr(F, f"conv_transpose{self.dims}d")
        extra = self._output_padding(input, output_size)
        return convolve(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)


class ConvTranspose1d(_ConvTransposeNd):
    """What a Conv1d does to gradients, as a map of its own: each input element is spread over a window of the output.

    [N, in_channels, L] -> [N, out_channels, L'], L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) +
    output_padding + 1. Several L' belong to the same L where stride > 1: `output_padding`, or `output_size` in the call,
    says which is meant. ValueError for an output_size out of reach.

    >>> import tgrad as torch
    >>> up = torch.nn.ConvTranspose1d(4, 2, 3, stride=2)
    >>> up(torch.ones(1, 4, 5)).shape, up(torch.ones(1, 4, 5), output_size=(12,)).shape
    (torch.Size([1, 2, 11]), torch.Size([1, 2, 12]))
    """


class ConvTranspose2d(_ConvTransposeNd):
    """ConvTranspose1d over two dimensions: [N, in_channels, H, W] -> [N, out_channels, H', W'].

    >>> nn.ConvTranspose2d(4, 2, 3, stride=2)(torch.ones(1, 4, 5, 5)).shape
    torch.Size([1, 2, 11, 11])
    """

    dims = 2


class ConvTranspose3d(_ConvTransposeNd):
    """ConvTranspose1d over three dimensions: [N, in_channels, D, H, W] -> [N, out_channels, D', H', W'].

    >>> nn.ConvTranspose3d(4, 2, 3)(torch.ones(1, 4, 5, 5, 5)).shape
    torch.Size([1, 2, 7, 7, 7])
    """

    dims = 3


class _LazyConvXdMixin(LazyModuleMixin):
    """Takes `in_channels` from the first input."""

    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
        bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device=device, dtype=dtype
        )
        self._leave_open(out_channels, bias, device, dtype)

    def _leave_open(self: Any, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self: Any) -> None:
        """Draws the initial values again, once the sizes are known."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self: Any, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """in_channels from the input, with or without batch."""
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._get_in_channels(input)
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        ends = [self.in_channels, self.out_channels // self.groups]
        if not self.transposed:
            ends = [self.out_channels, self.in_channels // self.groups]
        self.weight.materialize((*ends, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _get_in_channels(self, input: Tensor) -> int:
        alone = self._get_num_spatial_dims() + 1
        if input.dim() not in (alone, alone + 1):
            raise RuntimeError(
                f"Expected {alone}D (unbatched) or {alone + 1}D (batched) input to {type(self).__name__}, but got input of size: "
                f"{input.shape}"
            )
        return input.shape[1] if input.dim() == alone + 1 else input.shape[0]

    def _get_num_spatial_dims(self: Any) -> int:
        return self.dims


class _LazyConvTransposeMixin(_LazyConvXdMixin):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
        bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        LazyModuleMixin.__init__(
            self,
            0,
            0,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            False,
            dilation,
            padding_mode,
            device,
            dtype,
        )
        self._leave_open(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConvXdMixin, Conv1d):  # type: ignore[misc]
    """A Conv1d that takes `in_channels` from the first input.

    >>> nn.LazyConv1d(4, 2)(torch.ones(1, 2, 3)).shape
    torch.Size([1, 4, 2])
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvXdMixin, Conv2d):  # type: ignore[misc]
    """A Conv2d that takes `in_channels` from the first input.

    >>> nn.LazyConv2d(4, 2)(torch.ones(1, 2, 3, 3)).shape
    torch.Size([1, 4, 2, 2])
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConvXdMixin, Conv3d):  # type: ignore[misc]
    """A Conv3d that takes `in_channels` from the first input.

    >>> nn.LazyConv3d(4, 2)(torch.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 4, 2, 2, 2])
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTransposeMixin, ConvTranspose1d):  # type: ignore[misc]
    """A ConvTranspose1d that takes `in_channels` from the first input.

    >>> nn.LazyConvTranspose1d(4, 2)(torch.ones(1, 2, 3)).shape
    torch.Size([1, 4, 4])
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTransposeMixin, ConvTranspose2d):  # type: ignore[misc]
    """A ConvTranspose2d that takes `in_channels` from the first input.

    >>> nn.LazyConvTranspose2d(4, 2)(torch.ones(1, 2, 3, 3)).shape
    torch.Size([1, 4, 4, 4])
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTransposeMixin, ConvTranspose3d):  # type: ignore[misc]
    """A ConvTranspose3d that takes `in_channels` from the first input.

    >>> nn.LazyConvTranspose3d(4, 2)(torch.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 4, 4, 4, 4])
    """

    cls_to_become = ConvTranspose3d


__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "LazyConv1d", "LazyConv2d", "LazyConv3d",
    "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d",
]  # fmt: skip
