"""Elements moved between channels and places, and channels between groups."""

from __future__ import annotations

import math

import numpy as np

from .layout import laid_like
from .spec import op, sizes


@op("pixel_shuffle", grad=dict(self=lambda grad, upscale_factor: pixel_unshuffle(grad, upscale_factor)), tensors="self",
    method=False)  # fmt: skip
def pixel_shuffle(self, upscale_factor):
    """[..., C * r * r, H, W] -> [..., C, H * r, W * r]."""
    if self.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {self.ndim} dimension(s)"
        )
    r = upscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = self.shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={c} is not divisible by {r * r}"
        )
    split = self.reshape(math.prod(lead), c // (r * r), r, r, h, w)
    return laid_like(split.transpose(0, 1, 4, 2, 5, 3).reshape(*lead, c // (r * r), h * r, w * r), self)


@op("pixel_unshuffle", grad=dict(self=lambda grad, downscale_factor: pixel_shuffle(grad, downscale_factor)), tensors="self",
    method=False)  # fmt: skip
def pixel_unshuffle(self, downscale_factor):
    """[..., C, H * r, W * r] -> [..., C * r * r, H, W]."""
    if self.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {self.ndim} dimension(s)"
        )
    r = downscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = self.shape
    for word, place, size in (("height", -2, h), ("width", -1, w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {word} to be divisible by downscale_factor, but input.size({place})={size} is not "
                f"divisible by {r}"
            )
    split = self.reshape(math.prod(lead), c, h // r, r, w // r, r)
    return laid_like(split.transpose(0, 1, 3, 5, 2, 4).reshape(*lead, c * r * r, h // r, w // r), self)


@op("channel_shuffle", grad=dict(self=lambda grad, groups: channel_shuffle(grad, grad.shape[1] // groups if grad.shape[1] else 1)),
    tensors="self", method=False)  # fmt: skip
def channel_shuffle(self, groups):
    """The channels of [N, C, ...] reordered so that each group gets some of every group's."""
    if self.ndim < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {sizes(self.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    n, c, *rest = self.shape
    if c % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    if not self.size:
        return self.copy()
    split = self.reshape(n, groups, c // groups, *rest)
    return np.ascontiguousarray(split.swapaxes(1, 2)).reshape(self.shape)
