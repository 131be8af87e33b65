"""`torchvision.utils`: images in a grid, and a grid in a file."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as F
from ..dtype import uint8
from ..graph.modes import no_grad
from ..tensor import Tensor
from .pillow import from_array, pillow


@no_grad()
def make_grid(
    tensor: Tensor | list[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """A batch of B x C x H x W, or a list of images of one size, as one image, `nrow` images in a row.

    `normalize` brings values from their smallest to their largest (or from `value_range`) to [0, 1], for the whole batch or, with
    `scale_each`, for each image. Grey images become images of three channels. TypeError for what is no tensor.

    >>> from tgrad.vision.utils import make_grid
    >>> make_grid(torch.ones(4, 3, 2, 2), nrow=2).shape
    torch.Size([3, 10, 10])
    """
    if not isinstance(tensor, Tensor):
        if not isinstance(tensor, list):
            raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
        for t in tensor:
            if not isinstance(t, Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(t)}")
    images: Any = F.stack(tensor, dim=0) if isinstance(tensor, list) else tensor
    if images.dim() == 2:
        images = images.unsqueeze(0)
    if images.dim() == 3:
        if images.size(0) == 1:
            images = F.cat((images, images, images), 0)
        images = images.unsqueeze(0)
    if images.dim() == 4 and images.size(1) == 1:
        images = F.cat((images, images, images), 1)
    if normalize is True:
        images = images.clone()
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        for image in images if scale_each is True else [images]:
            low, high = value_range if value_range is not None else (float(image.min()), float(image.max()))
            image.clamp_(min=low, max=high)
            image.sub_(low).div_(max(high - low, 1e-5))
    if images.size(0) == 1:
        return images.squeeze(0)
    count, channels = images.size(0), images.size(1)
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = images.size(2) + padding, images.size(3) + padding
    grid = images.new_full((channels, height * rows + padding, width * columns + padding), pad_value)
    for k in range(count):
        y, x = divmod(k, columns)
        part = grid.narrow(1, y * height + padding, height - padding)
        part.narrow(2, x * width + padding, width - padding).copy_(images[k])
    return grid


@no_grad()
def save_image(tensor: Tensor | list[Tensor], fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """An image, or the grid of several (`make_grid(tensor, **kwargs)`), of numbers from 0 to 1, into a file.

    `fp` is a path or an open file; its format is that of the path's ending unless `format` tells it.
    """
    grid = make_grid(tensor, **kwargs)
    pixels = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to("cpu", uint8).numpy()
    pillow()  # or its absence would look like a wrong image
    from_array(pixels, "RGB" if pixels.shape[-1] == 3 else "RGBA" if pixels.shape[-1] == 4 else "LA").save(
        fp, format=format
    )


__all__ = ["make_grid", "save_image"]
