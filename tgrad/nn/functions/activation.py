"""Activations as functions; `inplace=True` writes into the input."""

from __future__ import annotations

import warnings
from typing import Any

from ... import functions as fn
from ...dispatch import bad_argument
from ...dispatch import inplace as write
from ...levels import drawing
from ...ops import activation as rows
from ...ops.spec import Row
from ...tensor import Tensor, wrap

# What has another node in place: it saves its result, since the input is gone.
IN_PLACE = {"leaky_relu": rows.leaky_relu_inplace, "elu": rows.elu_inplace, "celu": rows.celu_inplace}


def run(row: Row, name: str, input: Any, into: bool, **params: Any) -> Tensor:
    """The row on the input, or written into it."""
    if not isinstance(input, Tensor):
        raise bad_argument(name, 1, "input", input)
    if into:
        return write(IN_PLACE.get(row.name, row), (input,), params)
    assert row.record is not None
    return row.record(input, **params)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, input), elementwise. NaN stays NaN.

    >>> F.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return fn.relu_(input) if inplace else fn.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(0, input), 6), elementwise.

    >>> F.relu6(torch.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """
    return run(rows.hardtanh, "relu6", input, inplace, min_val=0, max_val=6)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where positive, negative_slope * input elsewhere.

    >>> F.leaky_relu(torch.tensor([-1.0, 2.0]), negative_slope=0.1)
    tensor([-0.1000,  2.0000])
    """
    return run(rows.leaky_relu, "leaky_relu", input, inplace, negative_slope=negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where positive, alpha * (exp(input) - 1) elsewhere.

    >>> F.elu(torch.tensor([-1.0, 1.0]))
    tensor([-0.6321,  1.0000])
    """
    return run(rows.elu, "elu", input, inplace, alpha=alpha, scale=1, input_scale=1)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * elu(input, alpha), with the two constants that keep mean 0 and variance 1.

    >>> F.selu(torch.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """
    return run(rows.elu, "selu", input, inplace, alpha=SELU_ALPHA, scale=SELU_SCALE, input_scale=1)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, input) + min(0, alpha * (exp(input / alpha) - 1)). RuntimeError for alpha = 0.

    >>> F.celu(torch.tensor([-1.0, 1.0]))
    tensor([-0.6321,  1.0000])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return run(rows.celu, "celu", input, inplace, alpha=alpha)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input times the normal distribution's cumulative probability at it; approximate='tanh' by the tanh formula.

    That is x * P(X <= x) for a standard normal X, or x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2.

    >>> F.gelu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    >>> F.gelu(torch.tensor([1.0]), approximate="tanh")
    tensor([0.8412])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return run(rows.gelu, "gelu", input, False, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input), also called swish.

    >>> F.silu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2689,  0.0000,  0.7311])
    """
    return run(rows.silu, "silu", input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input)).

    >>> F.mish(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8651])
    """
    return run(rows.mish, "mish", input, inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta; the input itself where beta * input > threshold.

    >>> F.softplus(torch.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    return run(rows.softplus, "softplus", input, False, beta=beta, threshold=threshold)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """The input clipped to [min_val, max_val]. ValueError if min_val > max_val.

    >>> F.hardtanh(torch.tensor([-2.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return run(rows.hardtanh, "hardtanh", input, inplace, min_val=min_val, max_val=max_val)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(input + 3) / 6.

    >>> F.hardsigmoid(torch.tensor([-4.0, 0.0, 1.5]))
    tensor([0.0000, 0.5000, 0.7500])
    """
    return run(rows.hardsigmoid, "hardsigmoid", input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * relu6(input + 3) / 6.

    >>> F.hardswish(torch.tensor([-4.0, 0.0, 3.0]))
    tensor([-0., 0., 3.])
    """
    return run(rows.hardswish, "hardswish", input, inplace)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input)), computed without overflow.

    >>> F.logsigmoid(torch.tensor([0.0, 1.0]))
    tensor([-0.6931, -0.3133])
    """
    return run(rows.log_sigmoid, "log_sigmoid", input, False)


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|).

    >>> F.softsign(torch.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return input / (input.abs() + 1)  # type: ignore[attr-defined]


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input).

    >>> F.tanhshrink(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """
    return input - input.tanh()  # type: ignore[attr-defined]


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it is greater than `threshold`, `value` elsewhere.

    >>> F.threshold(torch.tensor([-1.0, 2.0]), 0.5, 9.0)
    tensor([9., 2.])
    """
    return run(rows.threshold, "threshold", input, inplace, threshold=threshold, value=value)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where |input| <= lambd, the input elsewhere.

    >>> F.hardshrink(torch.tensor([-1.0, 0.3]))
    tensor([-1.,  0.])
    """
    return run(rows.hardshrink, "hardshrink", input, False, lambd=lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input moved towards 0 by lambd, and 0 where it is nearer than that.

    >>> F.softshrink(torch.tensor([-1.0, 0.3]))
    tensor([-0.5000,  0.0000])
    """
    return run(rows.softshrink, "softshrink", input, False, lambd=lambd)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input where positive, weight * input elsewhere; one weight for all, or one per channel (dimension 1).

    >>> F.prelu(torch.tensor([-1.0, 2.0]), torch.tensor([0.25]))
    tensor([-0.2500,  2.0000])
    """
    return fn.prelu(input, weight)


@drawing
def _rrelu_noise(input: Tensor, lower: float, upper: float) -> Tensor:
    return wrap(fn.default_generator.rrelu_noise(input._a, lower, upper))


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """leaky_relu whose slope is drawn from [lower, upper) for each negative element in training, the mean of both else."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    noise = _rrelu_noise(input, lower, upper) if training else fn.empty_like(input)
    params = {"lower": lower, "upper": upper, "training": training}
    if inplace:
        return write(rows.rrelu_with_noise, (input, noise), params)
    assert rows.rrelu_with_noise.record is not None
    return rows.rrelu_with_noise.record(input, noise, **params)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along dim times the sigmoid of the second. RuntimeError for an odd size.

    >>> F.glu(torch.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """
    if input.ndim == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    assert rows.glu.record is not None
    return rows.glu.record(input, dim)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input)).

    >>> F.sigmoid(torch.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return input.sigmoid()  # type: ignore[attr-defined]


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent.

    >>> F.tanh(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return input.tanh()  # type: ignore[attr-defined]


# ---- along a dimension


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(input) scaled to sum 1 along dim.

    Without `dim` it is guessed, with a warning. `dtype` converts the input first.

    >>> F.softmax(torch.tensor([[0.0, 0.0], [0.0, 1.0]]), dim=1)
    tensor([[0.5000, 0.5000],
            [0.2689, 0.7311]])
    """
    if dim is None:
        dim = _implicit_dim("softmax", input.dim(), _stacklevel)
    return fn.softmax(input, dim, dtype=dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax of -input.

    >>> F.softmin(torch.tensor([0.0, 1.0]), dim=0)
    tensor([0.7311, 0.2689])
    """
    if dim is None:
        dim = _implicit_dim("softmin", input.dim(), _stacklevel)
    return fn.softmax(-input, dim, dtype=dtype)  # type: ignore[operator]


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """log(softmax(input)), computed without overflow.

    Without `dim` it is guessed, with a warning. `dtype` converts the input first.

    >>> F.log_softmax(torch.tensor([[0.0, 0.0]]), dim=1)
    tensor([[-0.6931, -0.6931]])
    """
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim(), _stacklevel)
    return fn.log_softmax(input, dim, dtype=dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the Gumbel-softmax distribution; hard=True gives one-hot values with the soft ones' gradient.

    >>> F.gumbel_softmax(torch.zeros(2, 3), hard=True).sum(1)
    tensor([1., 1.])
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    gumbels = -fn.empty_like(logits).exponential_().log()
    soft = fn.softmax((logits + gumbels) / tau, dim)  # type: ignore[operator]
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one = fn.zeros_like(logits).scatter_(dim, index, 1.0)
    return one - soft.detach() + soft


def _named_inplace(name: str, plain: Any) -> Any:
    def written(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return plain(input, *args, inplace=True, **kwargs)

    written.__name__ = name
    written.__doc__ = f"`{plain.__name__}`, written into the input."
    return written


relu_ = _named_inplace("relu_", relu)
elu_ = _named_inplace("elu_", elu)
selu_ = _named_inplace("selu_", selu)
celu_ = _named_inplace("celu_", celu)
hardtanh_ = _named_inplace("hardtanh_", hardtanh)
leaky_relu_ = _named_inplace("leaky_relu_", leaky_relu)
threshold_ = _named_inplace("threshold_", threshold)
rrelu_ = _named_inplace("rrelu_", rrelu)
