"""Activations as modules."""

from __future__ import annotations

import warnings
from typing import Any

from ... import functions as fn
from ...tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .attention import MultiheadAttention  # noqa: F401  (PyTorch has it in this module)
from .module import Module


class _Inplace(Module):
    """An activation with an `inplace` switch and nothing else."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


def _inplace_text(inplace: bool) -> str:
    return ", inplace=True" if inplace else ""


class ReLU(_Inplace):
    """max(0, x).

    >>> nn.ReLU()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([0.0000, 0.0000, 0.0000, 1.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, inplace=self.inplace)


class SELU(_Inplace):
    """The self-normalising exponential linear unit.

    >>> nn.SELU()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-1.5202, -0.6918,  0.0000,  1.5761])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class SiLU(_Inplace):
    """x * sigmoid(x).

    >>> nn.SiLU()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-0.2384, -0.1888,  0.0000,  1.2264])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, inplace=self.inplace)


class Mish(_Inplace):
    """x * tanh(softplus(x)).

    >>> nn.Mish()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-0.2525, -0.2207,  0.0000,  1.4034])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, inplace=self.inplace)


class Hardswish(Module):
    """x * relu6(x + 3) / 6.

    >>> nn.Hardswish()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-0.3333, -0.2083,  0.0000,  1.1250])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


class Hardsigmoid(Module):
    """relu6(x + 3) / 6.

    >>> nn.Hardsigmoid()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([0.1667, 0.4167, 0.5000, 0.7500])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class Hardtanh(Module):
    """x clipped to [min_val, max_val].

    >>> nn.Hardtanh()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-1.0000, -0.5000,  0.0000,  1.0000])
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: Any = None,
        max_value: Any = None,
    ) -> None:
        super().__init__()
        for word, old in (("min_val", min_value), ("max_val", max_value)):
            if old is not None:
                warnings.warn(
                    f"keyword argument `{word[:3]}_value` is deprecated and renamed to `{word}`",
                    FutureWarning,
                    stacklevel=2,
                )
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError(f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})")

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}{_inplace_text(self.inplace)}"


class ReLU6(Hardtanh):
    """min(max(0, x), 6).

    >>> nn.ReLU6()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([0.0000, 0.0000, 0.0000, 1.5000])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """x where positive, negative_slope * x elsewhere.

    >>> nn.LeakyReLU(0.1)(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-0.2000, -0.0500,  0.0000,  1.5000])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}{_inplace_text(self.inplace)}"


class RReLU(Module):
    """leaky_relu with a random slope in training.

    >>> nn.RReLU().eval()(torch.tensor([-3.0, 1.0]))
    tensor([-0.6875,  1.0000])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}{_inplace_text(self.inplace)}"


class ELU(Module):
    """x where positive, alpha * (exp(x) - 1) elsewhere.

    >>> nn.ELU()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-0.8647, -0.3935,  0.0000,  1.5000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}{_inplace_text(self.inplace)}"


class CELU(Module):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).

    >>> nn.CELU()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-0.8647, -0.3935,  0.0000,  1.5000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}{_inplace_text(self.inplace)}"

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


class GELU(Module):
    """x times the normal distribution's cumulative probability at x.

    >>> nn.GELU()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-0.0455, -0.1543,  0.0000,  1.3998])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class GLU(Module):
    """The first half along dim times the sigmoid of the second.

    >>> nn.GLU()(torch.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    >>> nn.Sigmoid()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([0.1192, 0.3775, 0.5000, 0.8176])
    """

    def forward(self, input: Tensor) -> Tensor:
        return fn.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

    >>> nn.Tanh()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-0.9640, -0.4621,  0.0000,  0.9051])
    """

    def forward(self, input: Tensor) -> Tensor:
        return fn.tanh(input)


class LogSigmoid(Module):
    """log(sigmoid(x)).

    >>> nn.LogSigmoid()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-2.1269, -0.9741, -0.6931, -0.2014])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softsign(Module):
    """x / (1 + |x|).

    >>> nn.Softsign()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-0.6667, -0.3333,  0.0000,  0.6000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x).

    >>> nn.Tanhshrink()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-1.0360, -0.0379,  0.0000,  0.5949])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta.

    >>> nn.Softplus()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([0.1269, 0.4741, 0.6931, 1.7014])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardshrink(Module):
    """0 where |x| <= lambd, x elsewhere.

    >>> nn.Hardshrink()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-2.0000,  0.0000,  0.0000,  1.5000])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Module):
    """x moved towards 0 by lambd.

    >>> nn.Softshrink()(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-1.5000, -0.0000,  0.0000,  1.0000])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Threshold(Module):
    """x where it is greater than `threshold`, `value` elsewhere.

    >>> nn.Threshold(0.1, -1.0)(torch.tensor([-2.0, -0.5, 0.0, 1.5]))
    tensor([-1.0000, -1.0000, -1.0000,  1.5000])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}{_inplace_text(self.inplace)}"


class PReLU(Module):
    """x where positive, weight * x elsewhere; the weight (one, or one per channel) is learnt.

    >>> nn.PReLU()(torch.tensor([-2.0, 1.0]))
    tensor([-0.5000,  1.0000], grad_fn=<PreluKernelBackward0>)
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(fn.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the initial value again."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class _AlongDim(Module):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("dim", None)


class Softmax(_AlongDim):
    """exp(x) scaled to sum 1 along dim.

    >>> nn.Softmax(dim=-1)(torch.tensor([[0.0, 1.0], [2.0, 2.0]]))
    tensor([[0.2689, 0.7311],
            [0.5000, 0.5000]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmin(_AlongDim):
    """softmax of -x.

    >>> nn.Softmin(dim=-1)(torch.tensor([[0.0, 1.0], [2.0, 2.0]]))
    tensor([[0.7311, 0.2689],
            [0.5000, 0.5000]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(_AlongDim):
    """log(softmax(x)).

    >>> nn.LogSoftmax(dim=-1)(torch.tensor([[0.0, 1.0], [2.0, 2.0]]))
    tensor([[-1.3133, -0.3133],
            [-0.6931, -0.6931]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax2d(Module):
    """softmax over the channels of [N, C, H, W] or [C, H, W].

    >>> nn.Softmax2d()(torch.ones(1, 4, 2, 2)).sum(1)
    tensor([[[1., 1.],
             [1., 1.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3, _stacklevel=5)
