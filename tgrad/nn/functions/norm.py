"""Normalisation as functions."""

from __future__ import annotations

from typing import Any

from ... import functions as fn
from ...dtype import finfo
from ...ops import norm as rows
from ...ops.layout import is_channels_last
from ...tensor import Tensor


def layer_norm(input: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1 over the last dimensions `normalized_shape`, then times weight, plus bias.

    That is (x - mean) / sqrt(var + eps) * weight + bias, var without Bessel's correction. RuntimeError if the input does not end in
    `normalized_shape`.

    >>> F.layer_norm(torch.tensor([[1.0, 2.0, 3.0]]), (3,))
    tensor([[-1.2247,  0.0000,  1.2247]])
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    return rows.native_layer_norm.record(input, shape, weight, bias, eps)[0]  # type: ignore[misc]


def rms_norm(input: Tensor, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """input / sqrt(mean(input**2) + eps) over the last dimensions, then times weight; eps: the dtype's by default.

    >>> F.rms_norm(torch.tensor([[3.0, 4.0]]), (2,))
    tensor([[0.8485, 1.1314]])
    """
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    if weight is not None and tuple(weight.shape) != shape:
        raise RuntimeError(
            "Expected weight to be of same shape as normalized_shape, but got weight of shape "
            f"{list(weight.shape)} and normalized_shape = {list(shape)}"
        )
    if tuple(input.shape[input.ndim - len(shape) :]) != shape or input.ndim < len(shape):
        sizes = ", ".join(map(str, shape))  # PyTorch leaves out the first comma
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*{sizes}], but got input of "
            f"size{list(input.shape)}"
        )
    dims = tuple(range(input.ndim - len(shape), input.ndim))
    half = input.itemsize == 2
    x = input.float() if half else input  # type: ignore[attr-defined]
    if eps is None:
        eps = finfo(x.dtype).eps
    out = x * (x.pow(2).mean(dims, keepdim=True) + eps).rsqrt()
    if weight is not None:
        out = out * weight
    return out.to(input.dtype) if half else out.contiguous()


def batch_norm(
    input: Tensor, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Mean 0 and variance 1 per channel (dimension 1): of this batch in training, else by the running statistics.

    Training updates the running statistics in place by `momentum`. ValueError for a single value per channel.

    >>> F.batch_norm(torch.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    >>> F.batch_norm(torch.tensor([[1.0], [3.0]]), torch.tensor([1.0]), torch.tensor([4.0]))
    tensor([[0.0000],
            [1.0000]])
    """
    if training:
        _verify_batch_size(input.size())
        if eps <= 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    elif eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    if input.numel() == 0:  # nothing to normalise: as PyTorch, a copy that knows its first weight and bias
        out = input.clone()
        out = out if weight is None else out * weight[0]
        return out if bias is None else out + bias[0]
    row = rows.native_batch_norm
    return row.record(input, weight, bias, running_mean, running_var, bool(training), momentum, eps)[0]  # type: ignore[misc]


def _verify_batch_size(size: Any) -> None:
    count = size[0]
    for n in size[2:]:
        count *= n
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def group_norm(input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1 per sample over each of `num_groups` groups of channels.

    >>> F.group_norm(torch.tensor([[[1.0, 3.0], [5.0, 9.0]]]), 2).flatten()
    tensor([-1.0000,  1.0000, -1.0000,  1.0000])
    """
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    size = list(input.shape)
    _verify_batch_size([size[0] * size[1] // num_groups, num_groups, *size[2:]])
    channels = size[1]
    if channels % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {size} and "
            f"num_groups={num_groups}"
        )
    for word, t in (("weight", weight), ("bias", bias)):
        if t is not None and (t.dim() != 1 or t.numel() != channels):
            raise RuntimeError(
                f"Expected {word} to be a vector of size equal to the number of channels in input, but got {word} of shape "
                f"{list(t.shape)} and input of shape {size}"
            )
    spots = 1
    for n in size[2:]:
        spots *= n
    x = input if is_channels_last(input._a) else input.contiguous()  # type: ignore[attr-defined]
    weight, bias = (t if t is None else t.contiguous() for t in (weight, bias))
    return rows.native_group_norm.record(x, weight, bias, size[0], channels, spots, num_groups, eps)[0]  # type: ignore[misc]


def instance_norm(
    input: Tensor, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """batch_norm of each sample by itself.

    >>> F.instance_norm(torch.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    if use_input_stats:
        count = 1
        for n in input.size()[2:]:
            count *= n
        if count == 1:
            raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.size()}")
    elif running_mean is None or running_var is None:
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    n, c = input.shape[0], input.shape[1]
    repeated = [None if t is None else t.repeat(n) for t in (weight, bias, running_mean, running_var)]
    flat = input.contiguous().view(1, n * c, *input.shape[2:])  # type: ignore[attr-defined]
    w, b, mean, var = repeated
    out = rows.native_batch_norm.record(flat, w, b, mean, var, use_input_stats, momentum, eps)[0]  # type: ignore[misc]
    for kept, each in ((running_mean, mean), (running_var, var)):
        if kept is not None and each is not None and use_input_stats:
            kept.copy_(each.view(n, c).mean(0))
    return out.view(input.shape)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """input / (k + alpha * mean of squares over `size` neighbouring channels) ** beta.

    >>> F.local_response_norm(torch.ones(1, 2, 2), 2).shape
    torch.Size([1, 2, 2])
    """
    if input.dim() < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    if input.is_complex():
        raise NotImplementedError(f"\"avg_pool{min(input.dim() - 1, 3)}d\" not implemented for '{input.dtype.legacy}'")
    squares = input.mul(input)  # type: ignore[attr-defined]
    channels = input.shape[1]
    before, after = size // 2, (size - 1) // 2
    zeros = [squares.new_zeros((input.shape[0], n, *input.shape[2:])) for n in (before, after)]
    padded = fn.cat([zeros[0], squares, zeros[1]], 1)
    windows = padded.unfold(1, size, 1)
    if input.is_floating_point() or input.is_complex():
        total = windows.mean(-1)[:, :channels]
    else:  # averages of integers are integers
        total = windows.sum(-1)[:, :channels].div(size, rounding_mode="trunc")
    return input / (total * alpha + k) ** beta  # type: ignore[operator]
