"""Padding, and the shuffling of pixels between channels and places."""

from __future__ import annotations

from typing import Any

from ...ops import pad as rows
from ...ops import shuffle as shuffles
from ...tensor import Tensor


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Adds (or, negative, takes away) elements at the ends of dimensions, the last dimension's two numbers first.

    mode 'constant' (with `value`), 'reflect', 'replicate' or 'circular'.

    >>> F.pad(torch.ones(2), (1, 0))
    tensor([0., 1., 1.])
    >>> F.pad(torch.arange(3.0).reshape(1, 3), (2, 1), mode="reflect")
    tensor([[2., 1., 0., 1., 2., 1.]])
    """
    pad = [int(p) for p in pad]
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * input.dim():
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        _check_sizes(input, pad)
        return rows.constant_pad_nd.record(input, pad, 0.0 if value is None else value)  # type: ignore[misc]
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode == "circular":
        return _circular(input, pad)
    n = len(pad) // 2
    if mode in ("reflect", "replicate") and n in (1, 2, 3) and input.dim() in (n + 1, n + 2):
        _check_source(input, pad, mode, n)
        table = rows.reflection if mode == "reflect" else rows.replication
        return table[n].record(input, tuple(pad))
    if mode not in ("reflect", "replicate"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    raise NotImplementedError(f"Padding size {len(pad)} is not supported for {input.dim()}D input tensor.")


def _check_sizes(input: Tensor, pad: list[int]) -> None:
    for i in range(len(pad) // 2):
        d = input.dim() - 1 - i
        new = input.shape[d] + pad[2 * i] + pad[2 * i + 1]
        if new < 0:
            raise RuntimeError(
                f"The input size {input.shape[d]}, plus negative padding {pad[2 * i]} and {pad[2 * i + 1]} resulted in a negative "
                f"output size, which is invalid. Check dimension {d} of your input."
            )


def _check_source(input: Tensor, pad: list[int], mode: str, n: int) -> None:
    for i in range(n):
        d = input.dim() - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        if mode == "reflect" and (before >= input.shape[d] or after >= input.shape[d]):
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
                f"({before}, {after}) at dimension {d} of input {list(input.shape)}"
            )


def _circular(input: Tensor, pad: list[int]) -> Tensor:
    """The ends of each dimension repeated on the other side."""
    n = len(pad) // 2
    if n > 3 or input.dim() not in (n + 1, n + 2):
        raise NotImplementedError(f"Padding size {len(pad)} is not supported for {input.dim()}D input tensor.")
    shape = list(input.shape)
    for i in range(n):
        d = input.dim() - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        if before > shape[d] or after > shape[d]:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        shape[d] += before + after
        if shape[d] < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
    out = input.new_empty(shape)  # type: ignore[attr-defined]
    inside, source = [], []
    for d in range(input.dim()):
        i = input.dim() - 1 - d
        before, after = (pad[2 * i], pad[2 * i + 1]) if i < n else (0, 0)
        inside.append(slice(max(before, 0), shape[d] - max(after, 0)))
        source.append(slice(max(-before, 0), input.shape[d] - max(-after, 0)))
    out[tuple(inside)] = input[tuple(source)]  # type: ignore[index]
    for i in range(n):
        d = input.dim() - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        size = shape[d]
        if before > 0:
            tail = out.narrow(d, size - before - max(after, 0), before)
            out.narrow(d, 0, before).copy_(tail)
        if after > 0:
            out.narrow(d, size - after, after).copy_(out.narrow(d, max(before, 0), after))
    return out


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """[..., C * r * r, H, W] -> [..., C, H * r, W * r].

    >>> F.pixel_shuffle(torch.arange(4).reshape(1, 4, 1, 1), 2)
    tensor([[[[0, 1],
              [2, 3]]]])
    """
    return shuffles.pixel_shuffle.record(input, upscale_factor)  # type: ignore[misc]


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """[..., C, H * r, W * r] -> [..., C * r * r, H, W].

    >>> F.pixel_unshuffle(torch.arange(4).reshape(1, 1, 2, 2), 2).shape
    torch.Size([1, 4, 1, 1])
    """
    return shuffles.pixel_unshuffle.record(input, downscale_factor)  # type: ignore[misc]


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of [N, C, ...] reordered so that each group gets some of every group's.

    >>> F.channel_shuffle(torch.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    return shuffles.channel_shuffle.record(input, groups)  # type: ignore[misc]
