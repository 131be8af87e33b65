"""Images looked up at the points of a grid, as `torch` itself has it."""

from __future__ import annotations

from ..dispatch import bad_argument
from ..methods import composite, missing
from ..ops import gridsample as rows
from ..ops.spec import REQUIRED, sizes
from ..tensor import Tensor


def _checked(name, input, grid, interpolation_mode, padding_mode, align_corners):
    given = dict(
        input=input,
        grid=grid,
        interpolation_mode=interpolation_mode,
        padding_mode=padding_mode,
        align_corners=align_corners,
    )
    absent = [w for w, v in given.items() if v is REQUIRED]
    if absent:
        raise missing(name, absent)
    for i, (word, value) in enumerate(given.items(), 1):
        if i < 3 and not isinstance(value, Tensor):
            raise bad_argument(name, i, word, value)
        if i in (3, 4) and (isinstance(value, bool) or not hasattr(value, "__index__")):
            raise bad_argument(name, i, word, value, "int")
        if i == 5 and not isinstance(value, bool):
            raise bad_argument(name, i, word, value, "bool")


@composite()
def grid_sampler(
    input=REQUIRED, grid=REQUIRED, interpolation_mode=REQUIRED, padding_mode=REQUIRED, align_corners=REQUIRED
):
    """[N, C, H, W] at the points [N, *out, 2], or [N, C, D, H, W] at the points [N, *out, 3]: [N, C, *out].

    `interpolation_mode` 0 bilinear, 1 nearest, 2 bicubic; `padding_mode` 0 zeros, 1 border, 2 reflection. See
    `nn.functional.grid_sample`.
    """
    _checked("grid_sampler", input, grid, interpolation_mode, padding_mode, align_corners)
    n = input.dim()
    if grid.shape[-1:] != (n - 2,) and len(input) == len(grid):
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {n - 2} in last dimension, but got grid with sizes {sizes(grid.shape)}"
        )
    row = rows.grid_sampler_2d if n == 4 else rows.grid_sampler_3d
    return row.record(input, grid, int(interpolation_mode), int(padding_mode), align_corners)


@composite()
def affine_grid_generator(theta, size, align_corners):
    """The points that affine maps [N, 2, 3] send the pixels of images of a size (N, C, H, W) to: [N, H, W, 2]; or [N, 3, 4] and
    (N, C, D, H, W). See `nn.functional.affine_grid`."""
    return rows.affine_grid_generator.record(theta, tuple(int(n) for n in size), align_corners)
