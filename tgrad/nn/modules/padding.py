"""Padding and the shuffling of pixels as modules."""

from __future__ import annotations

from typing import Any

from ...tensor import Tensor
from .. import functional as F
from .module import Module


class _Pad(Module):
    """Pads the last `sides / 2` dimensions; one number stands for all sides."""

    sides = 2
    mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = (padding,) * self.sides if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A constant at both ends of the last dimension."""


class ConstantPad2d(_ConstantPad):
    """A constant around the last two dimensions."""

    sides = 4


class ConstantPad3d(_ConstantPad):
    """A constant around the last three dimensions."""

    sides = 6


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """Zeros at both ends of the last dimension."""


class ZeroPad2d(_ZeroPad):
    """Zeros around the last two dimensions."""

    sides = 4


class ZeroPad3d(_ZeroPad):
    """Zeros around the last three dimensions."""

    sides = 6


class ReflectionPad1d(_Pad):
    """The elements next to each end, mirrored."""

    mode = "reflect"


class ReflectionPad2d(ReflectionPad1d):
    """The same around the last two dimensions."""

    sides = 4


class ReflectionPad3d(ReflectionPad1d):
    """The same around the last three dimensions."""

    sides = 6


class ReplicationPad1d(_Pad):
    """The element at each end, repeated."""

    mode = "replicate"


class ReplicationPad2d(ReplicationPad1d):
    """The same around the last two dimensions."""

    sides = 4


class ReplicationPad3d(ReplicationPad1d):
    """The same around the last three dimensions."""

    sides = 6


class CircularPad1d(_Pad):
    """The elements at each end, repeated at the other."""

    mode = "circular"


class CircularPad2d(CircularPad1d):
    """The same around the last two dimensions."""

    sides = 4


class CircularPad3d(CircularPad1d):
    """The same around the last three dimensions."""

    sides = 6


class PixelShuffle(Module):
    """[..., C * r * r, H, W] -> [..., C, H * r, W * r]."""

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """[..., C, H * r, W * r] -> [..., C * r * r, H, W]."""

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels reordered so that each group gets some of every group's."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
