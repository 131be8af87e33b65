"""All windows of an image side by side as columns of a matrix (im2col), and columns added back to an image (col2im)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtype import from_np
from .spec import op, sizes

HIDDEN: dict[str, Any] = dict(function=False, method=False)


def _pair_text(values: Any) -> str:
    return f"({values[0]}, {values[1]})"


def _check(given: dict[str, Any]) -> None:
    for word, value in given.items():
        if len(value) != 2:
            raise RuntimeError(f"It is expected {word} equals to 2, but got size {len(value)}")
    for word, value in given.items():
        short = {"kernel_size": "kernel", "padding": "pad"}.get(word, word)
        if word == "output_size":
            continue
        if min(value) < (0 if word == "padding" else 1):
            must = "non-negative" if word == "padding" else "greater than zero"
            raise RuntimeError(
                f"{word.replace('_', ' ')} should be {must}, but got {short}_height: {value[0]} {short}_width: {value[1]}"
            )


def _blocks(size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[int, int]:
    h, w = (
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel_size, dilation, padding, stride, strict=True)
    )
    return h, w


def _refuse_integers(name: str, a: np.ndarray) -> None:
    if a.dtype.kind in "iu":
        raise NotImplementedError(f"\"{name}\" not implemented for '{from_np(a.dtype).legacy}'")


@op("im2col", grad={"self": lambda grad, self_sizes, kernel_size, dilation, padding, stride: col2im(
        grad, tuple(self_sizes)[-2:], kernel_size, dilation, padding, stride)},
    tensors="self", node="Im2ColBackward0", **HIDDEN)  # fmt: skip
def im2col(self, kernel_size, dilation, padding, stride):
    """[N, C, H, W] -> [N, C * kernel, windows]; the same without N."""
    _check({"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride})
    for axis in (1, 2):
        if self.ndim <= axis and (axis == 1 or self.shape[1]):
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-self.ndim}, {self.ndim - 1}], but got {axis})"
            )
    inner = self.shape[-3:]
    if self.ndim not in (3, 4) or 0 in inner:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but "
            f"got: {sizes(self.shape)}"
        )
    oh, ow = _blocks(inner[1:], kernel_size, dilation, padding, stride)
    if min(oh, ow) < 1:
        raise RuntimeError(
            f"Given input with spatial size {_pair_text(inner[1:])}, kernel_size={_pair_text(kernel_size)}, "
            f"dilation={_pair_text(dilation)}, padding={_pair_text(padding)}, calculated shape of the array of sliding blocks "
            f"as ({oh}, {ow}), but its components must be at least one."
        )
    _refuse_integers("im2col_out_cpu", self)
    x = self[None] if self.ndim == 3 else self
    if any(padding):
        x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    n, c, h, w = x.strides
    shape = (*x.shape[:2], *kernel_size, oh, ow)
    steps = (n, c, h * dilation[0], w * dilation[1], h * stride[0], w * stride[1])
    windows = np.lib.stride_tricks.as_strided(x, shape, steps, writeable=False)
    out = np.ascontiguousarray(windows).reshape(x.shape[0], x.shape[1] * math.prod(kernel_size), oh * ow)
    return out[0] if self.ndim == 3 else out


@op("col2im", grad={"self": lambda grad, kernel_size, dilation, padding, stride: im2col(grad, kernel_size, dilation, padding, stride)},
    tensors="self", node="Col2ImBackward0", **HIDDEN)  # fmt: skip
def col2im(self, output_size, kernel_size, dilation, padding, stride):
    """[N, C * kernel, windows] -> [N, C, *output_size], where windows overlap their sum; the same without N."""
    _check(
        {
            "output_size": output_size,
            "kernel_size": kernel_size,
            "dilation": dilation,
            "padding": padding,
            "stride": stride,
        }
    )
    if self.ndim not in (2, 3) or 0 in self.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, "
            f"but got: {sizes(self.shape)}"
        )
    planes, length = self.shape[-2:]
    if planes % math.prod(kernel_size):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={planes} and kernel_size={_pair_text(kernel_size)}."
        )
    oh, ow = _blocks(output_size, kernel_size, dilation, padding, stride)
    given = (
        f"Given output_size={_pair_text(output_size)}, kernel_size={_pair_text(kernel_size)}, dilation={_pair_text(dilation)}, "
        f"padding={_pair_text(padding)}, stride={_pair_text(stride)}, expected"
    )
    if length != oh * ow or min(oh, ow) < 1:
        small = ", which is too small (non-positive)" if length == oh * ow else ""
        raise RuntimeError(
            f"{given} size of input's dimension 2 to match the calculated number of sliding blocks {oh} * {ow} = "
            f"{oh * ow}, but got input.size(2)={length}{small or '.'}"
        )
    if min(output_size) < 1:
        raise RuntimeError(
            f"Expected output spatial size to be positive, but got: output_size={_pair_text(output_size)}."
        )
    _refuse_integers("col2im_out_cpu", self)
    c = planes // math.prod(kernel_size)
    wide = self.astype(np.float32) if self.dtype.itemsize == 2 else self
    columns = wide.reshape(-1 if self.size else 0, c, *kernel_size, oh, ow)
    (h, w), (ph, pw) = output_size, padding
    out = np.zeros((columns.shape[0], c, h + 2 * ph, w + 2 * pw), wide.dtype)
    for i in range(kernel_size[0]):
        top = i * dilation[0]
        for j in range(kernel_size[1]):
            left = j * dilation[1]
            rows = slice(top, top + (oh - 1) * stride[0] + 1, stride[0])
            out[:, :, rows, left : left + (ow - 1) * stride[1] + 1 : stride[1]] += columns[:, :, i, j]
    out = np.ascontiguousarray(out[:, :, ph : ph + h, pw : pw + w]).astype(self.dtype, copy=False)
    return out[0] if self.ndim == 2 else out
