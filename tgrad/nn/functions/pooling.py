"""Pooling as functions. Inputs are [N, C, *sizes] or [C, *sizes]; kernel_size, stride, padding and dilation are one number for
all dimensions or one for each; stride is kernel_size where it is left out.

Over one dimension PyTorch pools images of one row, and so does this: the graphs show it.
"""

from __future__ import annotations

import math
from typing import Any

from ...ops import pooling as rows
from ...ops.layout import channels_innermost, is_channels_last
from ...ops.pooling_checks import check_nonempty, pooled_size
from ...ops.spec import REQUIRED, sizes
from ...tensor import Tensor
from .activation import relu
from .sizes import flag, ints, repeated, tensor


def _one(fn: str, **given: Any) -> None:
    for word, value in given.items():
        if len(value) != 1:
            raise RuntimeError(f"{fn}() argument '{word}' should contain one int (got {len(value)})")


def _two_or_three(fn: str, input: Tensor) -> None:
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {input.dim()}-dimensional tensor for argument #1 'self' (while checking "
            f"arguments for {fn})"
        )


# ---- the largest of each window


def _max_arguments(
    fn: str, n: int, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> tuple[Any, ...]:
    tensor(fn, 1, "input", input)
    return (
        ints(fn, 2, "kernel_size", kernel_size, n),
        () if stride is None else ints(fn, 3, "stride", stride, n),
        ints(fn, 4, "padding", padding, n),
        ints(fn, 5, "dilation", dilation, n),
        flag(fn, 6, "ceil_mode", ceil_mode),
    )


def _max_pool(
    n: int, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any, return_indices: Any
) -> Any:
    fn = f"max_pool{n}d_with_indices" if return_indices else f"max_pool{n}d"
    given = _max_arguments(fn, n, input, kernel_size, stride, padding, dilation, ceil_mode)
    out = rows.max_pool[n].record(input, *given)
    return tuple(out) if return_indices else out[0]


def max_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window: [N, C, L] -> [N, C, L'], or the same without N.

    `padding` stands for elements that are never largest; `ceil_mode` has a last window that reaches past the end.
    With `return_indices` a pair: values, and where in the row each stands. Of equal elements the first counts, and nan is
    larger than all others. RuntimeError for other shapes, or padding of more than half the kernel.

    >>> F.max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[3., 5.]])
    """
    if return_indices:
        return max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    given = _max_arguments("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode)
    _check_max1d(input, *given)
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"\"max_pool1d_impl\" not implemented for '{input.dtype.legacy}'")
    return _max1d(input, *given)[0]


def max_pool1d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`max_pool1d` with indices."""
    given = _max_arguments("max_pool1d_with_indices", 1, input, kernel_size, stride, padding, dilation, ceil_mode)
    return _max1d(input, *given)


def _max1d(input: Tensor, k: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> tuple[Tensor, Tensor]:
    _two_or_three("max_pool1d", input)
    s = stride or k
    _one("max_pool1d", kernel_size=k, stride=s, padding=padding, dilation=dilation)
    out, indices = rows.max_pool[2].record(
        input.unsqueeze(-2), (1, *k), (1, *s), (0, *padding), (1, *dilation), ceil_mode
    )
    return out.squeeze(-2), indices.squeeze(-2)


def _check_max1d(input: Tensor, k: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> None:
    """What PyTorch's own kernel for one dimension checks, in its words."""
    if input.dim() not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:"
            f"{sizes(input.shape)}"
        )
    kinds = {"stride": "None, an int, list of ints, or tuple", "padding": "an int, list of ints, or tuple"}
    for word, value in (("kernel_size", k), ("stride", stride), ("padding", padding), ("dilation", dilation)):
        if len(value) != 1 and not (word == "stride" and not value):
            kind = kinds.get(word, "an int, list of ints or tuple")
            raise RuntimeError(f"max_pool1d() {word} must be {kind} of ints of size 1 but got size {len(value)}")
    (k,), (s,), (p,), (d,) = k, stride or k, padding, dilation
    for word, value in (("kernel_size", k), ("stride", s)):
        if value <= 0:
            raise RuntimeError(f"max_pool1d() {word} must be greater than zero, but got {value}")
    if p < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {p}")
    if p > k // 2:
        raise RuntimeError(
            f"max_pool1d() padding should be at most half of kernel size, but got padding={p} and kernel_size={k}"
        )
    if d <= 0:
        raise RuntimeError(f"max_pool1d() dilation must be greater than zero, but got {d}")
    out = pooled_size(input.shape[-1], k, s, p, d, ceil_mode)
    if out <= 0:
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {out}")


def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """`max_pool1d` over the last two dimensions: [N, C, H, W] -> [N, C, H', W']; indices count the elements of an image.

    >>> F.max_pool2d(torch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    >>> F.max_pool2d(torch.zeros(1, 1, 5, 5), 3, stride=1, padding=1).shape
    torch.Size([1, 1, 5, 5])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """`max_pool1d` over the last three dimensions: [N, C, D, H, W] -> [N, C, D', H', W'].

    >>> F.max_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """`max_pool2d` with indices."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """`max_pool3d` with indices."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)


# ---- the mean of each window


def avg_pool1d(
    input: Tensor, kernel_size: Any = REQUIRED, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window: [N, C, L] -> [N, C, L'], or the same without N.

    The zeros of `padding` count as elements unless `count_include_pad` is False.

    >>> F.avg_pool1d(torch.tensor([[1.0, 3.0, 2.0, 6.0]]), 2)
    tensor([[2., 4.]])
    """
    fn = "avg_pool1d"
    tensor(fn, 1, "input", input)
    k = ints(fn, 2, "kernel_size", kernel_size, 1)
    s = (() if stride is None else ints(fn, 3, "stride", stride, 1)) or k
    p = ints(fn, 4, "padding", padding, 1)
    flag(fn, 5, "ceil_mode", ceil_mode)
    flag(fn, 6, "count_include_pad", count_include_pad)
    _two_or_three(fn, input)
    _one(fn, kernel_size=k, stride=s, padding=p)
    row = input.unsqueeze(-2)
    return rows.avg_pool[2].record(row, (1, *k), (1, *s), (0, *p), ceil_mode, count_include_pad, None).squeeze(-2)


def _divisor(fn: str, value: Any) -> Any:
    """An integer, or None."""
    if value is None or (hasattr(value, "__index__") and not isinstance(value, bool)):
        return value
    raise TypeError(f"{fn}(): argument 'divisor_override' must be int, not {type(value).__name__}")


def _avg_pool(
    n: int, input: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: Any, count_include_pad: Any, divisor_override: Any
) -> Tensor:  # fmt: skip
    fn = f"avg_pool{n}d"
    return rows.avg_pool[n].record(
        tensor(fn, 1, "input", input),
        ints(fn, 2, "kernel_size", kernel_size, n),
        () if stride is None else ints(fn, 3, "stride", stride, n),
        ints(fn, 4, "padding", padding, n),
        flag(fn, 5, "ceil_mode", ceil_mode),
        flag(fn, 6, "count_include_pad", count_include_pad),
        _divisor(fn, divisor_override),
    )


def avg_pool2d(
    input: Tensor, kernel_size: Any = REQUIRED, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """`avg_pool1d` over the last two dimensions: [N, C, H, W] -> [N, C, H', W'].

    `divisor_override` divides the sums instead of the number of elements. RuntimeError if it is zero.

    >>> F.avg_pool2d(torch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor, kernel_size: Any = REQUIRED, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """`avg_pool2d` over the last three dimensions: [N, C, D, H, W] -> [N, C, D', H', W'].

    >>> F.avg_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The p-norm of each window, p being `norm_type`: the root of the sum of powers.

    >>> F.lp_pool1d(torch.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    if norm_type in (math.inf, -math.inf):
        return _extreme(max_pool1d, input, norm_type, kernel_size, stride, ceil_mode)
    means = avg_pool1d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _root(means, kernel_size, norm_type)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """`lp_pool1d` over the last two dimensions."""
    h, w = repeated(kernel_size, 2)
    if norm_type in (math.inf, -math.inf):
        return _extreme(max_pool2d, input, norm_type, kernel_size, stride, ceil_mode)
    return _root(avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode), h * w, norm_type)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """`lp_pool1d` over the last three dimensions."""
    d, h, w = repeated(kernel_size, 3)
    if norm_type in (math.inf, -math.inf):
        return _extreme(max_pool3d, input, norm_type, kernel_size, stride, ceil_mode)
    return _root(avg_pool3d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode), d * h * w, norm_type)


def _extreme(pool: Any, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    """The norms of infinite order: the largest absolute value, or the smallest."""
    absolute = input.abs()  # type: ignore[attr-defined]
    if norm_type > 0:
        return pool(absolute, kernel_size, stride, 0, 1, ceil_mode)
    return -pool(-absolute, kernel_size, stride, 0, 1, ceil_mode)


def _root(means: Tensor, count: int, norm_type: float) -> Tensor:
    return (means.sign() * relu(means.abs())).mul(count).pow(1.0 / norm_type)  # type: ignore[attr-defined]


# ---- a given number of windows


def _output_size(output_size: Any, input: Tensor) -> Any:
    """The sizes to make, None standing for the input's own."""
    if isinstance(output_size, int) and not isinstance(output_size, bool):
        return output_size
    if input.dim() <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    own = input.shape[input.dim() - len(output_size) :]
    return [size if v is None else v for v, size in zip(output_size, own, strict=True)]


def adaptive_avg_pool1d(input: Tensor, output_size: Any = REQUIRED) -> Tensor:
    """`output_size` means of windows as equal as they can be: [N, C, L] -> [N, C, output_size].

    >>> F.adaptive_avg_pool1d(torch.tensor([[1.0, 3.0, 2.0, 6.0]]), 2)
    tensor([[2., 4.]])
    """
    fn = "adaptive_avg_pool1d"
    tensor(fn, 1, "input", input)
    out = ints(fn, 2, "output_size", output_size, 1)
    _two_or_three(fn, input)
    _one(fn, output_size=out)
    return _adaptive_avg(2, input.unsqueeze(-2), (1, *out)).squeeze(-2)


def _adaptive_avg(n: int, input: Tensor, out: tuple[int, ...]) -> Tensor:
    fn = f"adaptive_avg_pool{n}d"
    if len(out) != n:
        raise RuntimeError(f"{fn}: output_size must be {n}")
    if min(out) < 0:
        text = f"{out[0]}, " + ",".join(map(str, out[1:]))
        raise RuntimeError(f"{fn}: elements of output_size must be greater than or equal to 0 but received {{{text}}}")
    if all(size == 1 for size in out):
        averaged: Any = input.mean([-1, -2, -3][:n], keepdim=True)
        if type(averaged) is Tensor and is_channels_last(input._a) and not input._a.flags.c_contiguous:
            averaged._a = channels_innermost(averaged._a)  # nobody has seen it yet
        return averaged
    return rows.adaptive_avg_pool[n].record(input, out)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool1d` over the last two dimensions; None in `output_size` keeps a dimension's size.

    >>> F.adaptive_avg_pool2d(torch.ones(3, 5, 7), (None, 2)).shape
    torch.Size([3, 5, 2])
    >>> F.adaptive_avg_pool2d(torch.arange(4.0).reshape(1, 2, 2), 1)
    tensor([[[1.5000]]])
    """
    fn = "adaptive_avg_pool2d"
    return _adaptive_avg(
        2, tensor(fn, 1, "input", input), ints(fn, 2, "output_size", _output_size(output_size, input), 2)
    )


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool2d` over the last three dimensions."""
    fn = "adaptive_avg_pool3d"
    return _adaptive_avg(
        3, tensor(fn, 1, "input", input), ints(fn, 2, "output_size", _output_size(output_size, input), 3)
    )


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool1d` with indices."""
    fn = "adaptive_max_pool1d"
    tensor(fn, 1, "input", input)
    out = ints(fn, 2, "output_size", output_size, 1)
    _two_or_three(fn, input)
    _one(fn, output_size=out)
    check_nonempty(fn, input.shape, 1)
    values, indices = rows.adaptive_max_pool[2].record(input.unsqueeze(-2), (1, *out))
    return values.squeeze(-2), indices.squeeze(-2)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of `output_size` windows as equal as they can be: [N, C, L] -> [N, C, output_size].

    >>> F.adaptive_max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 6.0]]), 2)
    tensor([[3., 6.]])
    """
    pair = adaptive_max_pool1d_with_indices(input, output_size)
    return pair if return_indices else pair[0]


def _adaptive_max(n: int, input: Any, output_size: Any) -> tuple[Tensor, Tensor]:
    fn = f"adaptive_max_pool{n}d"
    wanted = _output_size(output_size, input)
    values, indices = rows.adaptive_max_pool[n].record(
        tensor(fn, 1, "input", input), ints(fn, 2, "output_size", wanted, n)
    )
    return values, indices


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool1d` over the last two dimensions; None in `output_size` keeps a dimension's size."""
    pair = _adaptive_max(2, input, output_size)
    return pair if return_indices else pair[0]


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool1d` over the last three dimensions."""
    pair = _adaptive_max(3, input, output_size)
    return pair if return_indices else pair[0]


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool2d` with indices."""
    return _adaptive_max(2, input, output_size)


def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool3d` with indices."""
    return _adaptive_max(3, input, output_size)


# ---- back from the largest elements


def _unpooled_size(input: Tensor, k: Any, s: Any, p: Any, output_size: Any) -> list[int]:
    """The size that was pooled to the input's; several would do, of which `output_size` may choose one."""
    n = len(k)
    own = input.shape[input.dim() - n :]
    usual = [(own[d] - 1) * s[d] + k[d] - 2 * p[d] for d in range(n)]
    if output_size is None:
        return usual
    chosen = output_size[2:] if len(output_size) == n + 2 else output_size
    if len(chosen) != n:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of '{len(chosen)}'"
        )
    for d in range(n):
        if not usual[d] - s[d] < chosen[d] < usual[d] + s[d]:
            raise ValueError(
                f'invalid output_size "{chosen}" (dim {d} must be between {usual[d] - s[d]} and {usual[d] + s[d]})'
            )
    return list(chosen)


def _unpool_arguments(
    n: int, input: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> tuple[Any, Any, list[int]]:
    k = repeated(kernel_size, n)
    s = k if stride is None else repeated(stride, n)
    p = repeated(padding, n)
    return s, p, _unpooled_size(input, k, s, p, output_size)


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Each element back where `max_pool1d` found it, by its indices, and zeros elsewhere: [N, C, L] -> [N, C, L'].

    `output_size` (L', or all sizes) says which of the sizes that pool to L is meant. ValueError if it is none of them,
    RuntimeError for indices outside.

    >>> F.max_unpool1d(torch.tensor([[3.0, 5.0]]), torch.tensor([[1, 3]]), 2)
    tensor([[0., 3., 0., 5.]])
    """
    _, _, size = _unpool_arguments(1, input, kernel_size, stride, padding, output_size)
    out = ints("max_unpool2d", 3, "output_size", [*size, 1], 2)
    return rows.max_unpool2d.record(input.unsqueeze(-1), indices.unsqueeze(-1), out).squeeze(-1)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """`max_unpool1d` over the last two dimensions, for `max_pool2d`."""
    _, _, size = _unpool_arguments(2, input, kernel_size, stride, padding, output_size)
    return rows.max_unpool2d.record(input, indices, ints("max_unpool2d", 3, "output_size", size, 2))


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """`max_unpool1d` over the last three dimensions, for `max_pool3d`."""
    s, p, size = _unpool_arguments(3, input, kernel_size, stride, padding, output_size)
    return rows.max_unpool3d.record(input, indices, ints("max_unpool3d", 3, "output_size", size, 3), s, p)
