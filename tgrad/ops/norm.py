"""Normalisation: over the last dimensions, over a batch, over groups of channels.

Note [Normalising]
All three subtract a mean and divide by a deviation over some of the dimensions (`dims`), then scale and shift. The
gradient of y = (x - mean) / deviation with respect to x is (g - mean(g) - y mean(g y)) / deviation. Over arrays the mean
and 1/deviation that the forward saved are used; over Tensors they are computed again from the input, so that the
gradient of the gradient knows that they depend on it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .activation import need_float
from .layout import laid_like
from .pointwise import rsqrt
from .spec import Row, in_rows, op, sizes


def stats(x: np.ndarray, dims: tuple[int, ...], eps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(centred x, mean, 1/deviation) with the dimensions kept; halves in float32."""
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    n = math.prod(x.shape[d] for d in dims)
    mean = np.add.reduce(wide, axis=dims, keepdims=True) / n
    centre = wide - mean
    var = np.add.reduce(centre * centre, axis=dims, keepdims=True) / n
    return centre, mean, 1 / np.sqrt(var + eps)


def mean_over(x: Any, dims: tuple[int, ...]) -> Any:
    if isinstance(x, np.ndarray):
        return np.add.reduce(x, axis=dims, keepdims=True) / math.prod(x.shape[d] for d in dims)
    return x.mean(dims, keepdim=True)


def sum_over(x: Any, dims: tuple[int, ...], keepdim: bool = False) -> Any:
    if not dims:
        return x
    if isinstance(x, np.ndarray):
        return np.add.reduce(x, axis=dims, keepdims=keepdim)
    return x.sum(dims, keepdim=keepdim)


def restored(x: Any, mean: Any, rstd: Any, dims: tuple[int, ...], eps: float) -> tuple[Any, Any]:
    """(normalised x, 1/deviation), of saved values over arrays and anew over Tensors; see Note [Normalising]."""
    if isinstance(x, np.ndarray):
        shape = tuple(1 if d in dims else n for d, n in enumerate(x.shape))
        rstd = rstd.reshape(shape)
        return (x - mean.reshape(shape)) * rstd, rstd
    centre = x - mean_over(x, dims)
    rstd = rsqrt(mean_over(centre * centre, dims) + eps)
    return centre * rstd, rstd


def through(g: Any, y: Any, rstd: Any, dims: tuple[int, ...]) -> Any:
    """The gradient that reaches the input; see Note [Normalising]."""
    return (g - mean_over(g, dims) - y * mean_over(g * y, dims)) * rstd


def single(grads: Any) -> Any:
    return grads[0] if isinstance(grads, (list, tuple)) else grads


# ---- over the last dimensions


@op("native_layer_norm",
    grad={"input weight bias": lambda grad, input, weight, normalized_shape, eps, result1, result2, needs: _layer_norm_grad(
        grad, input, weight, normalized_shape, eps, result1, result2, needs)},
    tensors="input weight bias", outputs="output mean rstd", undiff="mean rstd", bands="normalized_shape", function=False, method=False)  # fmt: skip
def native_layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    shape = tuple(normalized_shape)
    _check_layer_norm(input, shape, weight, bias)
    first = input.ndim - len(shape)
    dims = tuple(range(first, input.ndim))
    if input.size == 0:
        lead = input.shape[:first] + (1,) * len(shape)
        return np.empty_like(input), np.zeros(lead, input.dtype), np.zeros(lead, input.dtype)
    centre, mean, rstd = stats(input, dims, eps)
    out = centre * rstd
    if input.dtype.itemsize == 2 and (weight is None or weight.dtype == input.dtype):
        mean, rstd = mean.astype(input.dtype), rstd.astype(input.dtype)
    if weight is not None:
        out = out * weight
    if bias is not None:
        out = out + bias
    return in_rows(out).astype(input.dtype, copy=False), in_rows(mean), in_rows(rstd)


def _check_layer_norm(input: np.ndarray, shape: tuple[int, ...], weight: Any, bias: Any) -> None:
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for word, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.shape != shape:
            raise RuntimeError(
                f"Expected {word} to be of same shape as normalized_shape, but got {word} of shape {sizes(t.shape)} and "
                f"normalized_shape = {sizes(shape)}"
            )
    if input.ndim < len(shape) or input.shape[input.ndim - len(shape) :] != shape:
        stars = "".join(f", {n}" for n in shape)
        raise RuntimeError(
            f"Given normalized_shape={sizes(shape)}, expected input with shape [*{stars}], but got input of "
            f"size{sizes(input.shape)}"
        )
    need_float("LayerNormKernelImpl", input)


def _layer_norm_grad(
    grad: Any, input: Any, weight: Any, normalized_shape: Any, eps: float, mean: Any, rstd: Any, needs: Any
) -> tuple[Any, Any, Any]:
    grad = single(grad)
    first = input.ndim - len(tuple(normalized_shape))
    inner, outer = tuple(range(first, input.ndim)), tuple(range(first))
    half = None
    if isinstance(grad, np.ndarray) and grad.dtype.itemsize == 2:
        if weight is not None and weight.dtype.itemsize == 2:
            half = weight.dtype
        grad, input, mean, rstd = (t.astype(np.float32) for t in (grad, input, mean, rstd))
        weight = None if weight is None else weight.astype(np.float32)
    y, r = restored(input, mean, rstd, inner, eps)
    return (
        through(grad if weight is None else grad * weight, y, r, inner) if needs[0] else None,
        _added(grad * y, outer, half) if needs[1] else None,
        _added(grad, outer, half) if needs[2] else None,
    )


def _added(x: Any, outer: tuple[int, ...], half: Any) -> Any:
    """The sum over the outer dimensions, for halves row after row, rounded each time, as PyTorch does."""
    if half is None or not outer:
        return sum_over(x, outer)
    rows = x.reshape(-1, *x.shape[len(outer) :])
    total = np.zeros(rows.shape[1:], half)
    for row in rows:
        total = (total.astype(np.float32) + row).astype(half)
    return total


# ---- over a batch


@op("native_batch_norm",
    grad={"input weight bias": lambda grad, input, weight, running_mean, running_var, training, eps, result1, result2, needs:
          _batch_norm_grad(grad, input, weight, running_mean, running_var, training, eps, result1, result2, needs)},
    tensors="input weight bias running_mean running_var", outputs="output save_mean save_invstd", undiff="save_mean save_invstd",
    function=False, method=False)  # fmt: skip
def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps):
    _check_batch_norm(input, weight, bias, running_mean, running_var, training)
    if input.ndim < 2:
        return input.copy(), *(np.zeros(0, input.dtype),) * 2
    dims = (0, *range(2, input.ndim))
    shape = _channel_shape(input.ndim)
    wide = np.dtype(np.float32) if input.dtype.itemsize == 2 else input.dtype
    if training:
        centre, mean, rstd = stats(input, dims, eps) if input.size else (input, input[:1], input[:1])
        if running_mean is not None and input.size:
            n = input.size // input.shape[1]
            running_mean += (momentum * (mean.reshape(-1) - running_mean)).astype(running_mean.dtype)
        if running_var is not None and input.size:
            var = (
                np.add.reduce(centre * centre, axis=dims) / max(n - 1, 1)
                if n > 1
                else np.full(input.shape[1], math.nan)
            )
            running_var += (momentum * (var - running_var)).astype(running_var.dtype)
        if input.dtype.itemsize == 2 and (
            weight is None or weight.dtype == input.dtype
        ):  # what PyTorch saves, as a half, is what it computes with
            mean, rstd = (t.astype(input.dtype).astype(np.float32) for t in (mean, rstd))
            centre = input.astype(np.float32) - mean
        saved = mean.reshape(-1), rstd.reshape(-1)
    else:
        rstd = (1 / np.sqrt(running_var + eps)).astype(wide, copy=False).reshape(shape)
        centre = input - running_mean.reshape(shape)
        saved = np.empty(0, wide), np.empty(0, wide)
    out = centre * (rstd if weight is None else rstd * weight.reshape(shape))
    if bias is not None:
        out = out + bias.reshape(shape)
    rowwise = input.flags.c_contiguous
    return (in_rows(out) if rowwise else laid_like(out, input)).astype(input.dtype, copy=False), *saved


# The same under the names that say which statistics there are.
batch_norm_legit = {
    name: Row(
        f"_native_batch_norm_{name}", native_batch_norm.array, family="op", node=node, tensors=" ".join(native_batch_norm.tensors),
        grad={key: formula.fn for key, formula in native_batch_norm.grad.items()}, outputs="output save_mean save_invstd",
        undiff="save_mean save_invstd", function=False, method=False,
    )
    for name, node in (
        ("legit", "NativeBatchNormLegitBackward0"), ("legit_no_stats", "NativeBatchNormLegitBackward1"),
        ("legit_no_training", "NativeBatchNormLegitNoTrainingBackward0"),
    )
}  # fmt: skip


def _channel_shape(ndim: int) -> tuple[int, ...]:
    return (1, -1, *(1,) * (ndim - 2))


def _check_batch_norm(
    input: np.ndarray, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool
) -> None:
    if not training:
        for word, t in (("running_mean", running_mean), ("running_var", running_var)):
            if t is None:
                raise RuntimeError(f"{word} must be defined in evaluation mode")
    channels = input.shape[1] if input.ndim > 1 else 0
    given = (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias))
    for word, t in given:
        if t is not None and t.size != channels:
            raise RuntimeError(f"{word} should contain {channels} elements not {t.size}")
    need_float("batch_norm", input)


def _batch_norm_grad(
    grad: Any, input: Any, weight: Any, running_mean: Any, running_var: Any, training: bool, eps: float, mean: Any, rstd: Any,
    needs: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    grad = single(grad)
    if input.ndim < 2:
        return grad, None, None
    dims = (0, *range(2, input.ndim))
    shape = _channel_shape(input.ndim)
    scaled = grad if weight is None else grad * weight.reshape(shape)
    if training:
        y, r = restored(input, mean, rstd, dims, eps)
        to_input = through(scaled, y, r, dims) if needs[0] else None
    else:
        r = rsqrt(running_var + eps).reshape(shape)
        y = (input - running_mean.reshape(shape)) * r
        to_input = scaled * r if needs[0] else None
    return to_input, sum_over(grad * y, dims) if needs[1] else None, sum_over(grad, dims) if needs[2] else None


def _rest(input: Any) -> tuple[int, ...]:
    """All dimensions but the channels."""
    return (0, *range(2, input.ndim))


# ---- over groups of channels


@op("native_group_norm",
    grad={"input weight bias": lambda grad, input, weight, group, eps, result1, result2, needs: _group_norm_grad(
        grad, input, weight, group, eps, result1, result2, needs)},
    tensors="input weight bias", outputs="output mean rstd", undiff="mean rstd", function=False, method=False)  # fmt: skip
def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    need_float("GroupNormKernelImpl", input)
    if input.size == 0:
        return np.empty_like(input), np.zeros((N, group), input.dtype), np.zeros((N, group), input.dtype)
    centre, mean, rstd = stats(input.reshape(N, group, -1), (2,), eps)
    out = (centre * rstd).reshape(input.shape)
    shape = _channel_shape(input.ndim)
    if weight is not None:
        out = out * weight.reshape(shape)
    if bias is not None:
        out = out + bias.reshape(shape)
    kept = (
        mean.dtype if weight is not None and weight.dtype != input.dtype else input.dtype
    )  # PyTorch's stay halves, too
    saved = [t.reshape(N, group).astype(kept, copy=False) for t in (mean, rstd)]
    return laid_like(out, input).astype(input.dtype, copy=False), *saved


def _group_norm_grads(
    grads: Any, input: Any, weight: Any, group: int, eps: float, mean: Any, rstd: Any, needs: Any
) -> tuple[Any, Any, Any]:
    """What comes through the output, and through the statistics themselves."""
    own, of_mean, of_rstd = grads
    to_input = to_weight = to_bias = None
    if own is not None:
        to_input, to_weight, to_bias = _group_norm_grad(own, input, weight, group, eps, mean, rstd, needs)
    if needs[0] and (of_mean is not None or of_rstd is not None):
        n = math.prod(input.shape[1:]) // group
        x = input.reshape(input.shape[0], group, n)
        y, r = restored(x, mean, rstd, (2,), eps)
        extra = y * 0
        if of_mean is not None:
            extra = extra + of_mean.reshape(*of_mean.shape, 1) / n
        if of_rstd is not None:
            extra = extra - of_rstd.reshape(*of_rstd.shape, 1) * (y * r * r) / n
        extra = extra.reshape(tuple(input.shape))
        to_input = extra if to_input is None else to_input + extra
    return to_input, to_weight, to_bias


def _group_norm_grad(
    grad: Any, input: Any, weight: Any, group: int, eps: float, mean: Any, rstd: Any, needs: Any
) -> tuple[Any, Any, Any]:
    grad = single(grad)
    if 0 in input.shape:
        zero = [None if not need else g for need, g in zip(needs[1:], (sum_over(grad, _rest(input)),) * 2)]
        return grad, *zero
    whole, grouped = tuple(input.shape), (input.shape[0], group, -1)
    dims = _rest(input)
    y, r = restored(input.reshape(grouped), mean, rstd, (2,), eps)
    scaled = grad if weight is None else grad * weight.reshape(_channel_shape(input.ndim))
    return (
        through(scaled.reshape(grouped), y, r, (2,)).reshape(whole) if needs[0] else None,
        sum_over(grad * y.reshape(whole), dims) if needs[1] else None,
        sum_over(grad, dims) if needs[2] else None,
    )


# The same for those who ask for the statistics, which then have derivatives, too.
group_norm_stats = op(
    "native_group_norm.stats",
    grad={"input weight bias": lambda grads, input, weight, group, eps, result1, result2, needs: _group_norm_grads(
        grads, input, weight, group, eps, result1, result2, needs)},
    tensors="input weight bias", outputs="output mean rstd", node="NativeGroupNormBackward0", materialize=False, function=False,
    method=False,
)(lambda input, weight, bias, N, C, HxW, group, eps: native_group_norm(input, weight, bias, N, C, HxW, group, eps))  # fmt: skip
