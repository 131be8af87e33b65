"""Padding as modules."""

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


class _ConstantPadNd(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """A constant at both ends of the last dimension.

    >>> nn.ConstantPad1d((1, 2), 9.0)(torch.tensor([[[1.0, 2.0]]]))
    tensor([[[9., 1., 2., 9., 9.]]])
    """


class ConstantPad2d(_ConstantPadNd):
    """A constant around the last two dimensions.

    >>> nn.ConstantPad2d(1, 9.0)(torch.ones(1, 2, 3, 3)).shape
    torch.Size([1, 2, 5, 5])
    """

    sides = 4


class ConstantPad3d(_ConstantPadNd):
    """A constant around the last three dimensions.

    >>> nn.ConstantPad3d(1, 9.0)(torch.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 5, 5, 5])
    """

    sides = 6


class ZeroPad1d(ConstantPad1d):
    """Zeros at both ends of the last dimension.

    >>> nn.ZeroPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[0., 1., 2., 3., 0.]]])
    """

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Zeros around the last two dimensions.

    >>> nn.ZeroPad2d(1)(torch.ones(1, 2, 3, 3)).shape
    torch.Size([1, 2, 5, 5])
    """

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Zeros around the last three dimensions.

    >>> nn.ZeroPad3d(1)(torch.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 5, 5, 5])
    """

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPadNd(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """The elements next to each end, mirrored.

    >>> nn.ReflectionPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 1., 2., 3., 2.]]])
    """


class ReflectionPad2d(_ReflectionPadNd):
    """The same around the last two dimensions.

    >>> nn.ReflectionPad2d(1)(torch.ones(1, 2, 3, 3)).shape
    torch.Size([1, 2, 5, 5])
    """

    sides = 4


class ReflectionPad3d(_ReflectionPadNd):
    """The same around the last three dimensions.

    >>> nn.ReflectionPad3d(1)(torch.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 5, 5, 5])
    """

    sides = 6


class _ReplicationPadNd(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """The element at each end, repeated.

    >>> nn.ReplicationPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[1., 1., 2., 3., 3.]]])
    """


class ReplicationPad2d(_ReplicationPadNd):
    """The same around the last two dimensions.

    >>> nn.ReplicationPad2d(1)(torch.ones(1, 2, 3, 3)).shape
    torch.Size([1, 2, 5, 5])
    """

    sides = 4


class ReplicationPad3d(_ReplicationPadNd):
    """The same around the last three dimensions.

    >>> nn.ReplicationPad3d(1)(torch.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 5, 5, 5])
    """

    sides = 6


class _CircularPadNd(_Pad):
    mode = "circular"

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """The elements at each end, repeated at the other.

    >>> nn.CircularPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 1., 2., 3., 1.]]])
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.dim()}D input)")


class CircularPad2d(_CircularPadNd):
    """The same around the last two dimensions.

    >>> nn.CircularPad2d(1)(torch.ones(1, 2, 3, 3)).shape
    torch.Size([1, 2, 5, 5])
    """

    sides = 4

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (3, 4):
            raise ValueError(f"expected 3D or 4D input (got {input.dim()}D input)")


class CircularPad3d(_CircularPadNd):
    """The same around the last three dimensions.

    >>> nn.CircularPad3d(1)(torch.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 5, 5, 5])
    """

    sides = 6

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (4, 5):
            raise ValueError(f"expected 4D or 5D input (got {input.dim()}D input)")


__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]
