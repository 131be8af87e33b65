"""Images of another size, and images looked up at the points of a grid."""

from __future__ import annotations

import warnings
from typing import Any

from ...composite.sampling import affine_grid_generator, grid_sampler
from ...dispatch import no_overload
from ...ops import gridsample
from ...ops import resample as rows
from ...tensor import Tensor
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

# ---- another size

_PLAIN = ("nearest", "area", "nearest-exact")
_DIMS = {"linear": 3, "bilinear": 4, "trilinear": 5}
_AREA = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}


def _is_int(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return hasattr(value, "__index__") and (not isinstance(value, Tensor) or not value.is_floating_point())


def _wanted(input: Tensor, size: Any, scale_factor: Any) -> tuple[Any, Any]:
    """(size, scales): one of them as a list with an entry per dimension, the other None."""
    dims, own = input.dim() - 2, list(input.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is None:
        if not isinstance(scale_factor, (list, tuple)):
            return None, [scale_factor] * dims
        if len(scale_factor) != dims:
            raise ValueError(
                f"Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions "
                f"of {own} and scale_factor of shape {scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
                "format and scale_factor in (s1, s2, ...,sK) format."
            )
        return None, scale_factor
    if not isinstance(size, (list, tuple)):
        return [size] * dims, None
    if len(size) != dims:
        raise ValueError(
            f"Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of {own} "
            f"and output size of {size}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and output size in "
            "(o1, o2, ...,oK) format."
        )
    if not all(_is_int(n) for n in size):
        raise TypeError(
            "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size with types "
            f"{[type(n) for n in size]}"
        )
    return size, None


def _resampled(row: Any, input: Tensor, size: Any, scales: Any, *align: Any) -> Tensor:
    """A row with its sizes worked out; TypeError for arguments that are no numbers."""
    name = row.name
    good = all(isinstance(a, bool) for a in align)
    if size is not None:
        good = good and all(_is_int(n) for n in size)
    else:
        good = good and all(isinstance(s, (int, float)) and not isinstance(s, bool) for s in scales)
    if not good:
        raise no_overload(name, input, size, *align, scales)
    if scales is not None:
        size = [int(n * s) for n, s in zip(input.shape[2:], scales, strict=True)]
        scales = tuple(float(s) for s in scales)
    return row.record(input, tuple(int(n) for n in size), align[0] if align else False, scales)


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    """[N, C, *sizes] to another size: `size`, or floor(sizes * scale_factor); each one number, or one per dimension.

    `mode`: nearest, nearest-exact or area over one to three dimensions, linear over one, bilinear, bicubic and (antialiased)
    lanczos over two, trilinear over three. With `align_corners` the middles of the corner pixels fall together, else the
    corners. `recompute_scale_factor` derives the factor from the integer sizes. `antialias` filters over all pixels that an
    output pixel covers (bilinear, bicubic, lanczos). Floats, and bytes where PyTorch takes them. ValueError for arguments that
    do not go together, NotImplementedError for a mode that is not meant for that many dimensions.

    >>> import tgrad as torch
    >>> torch.nn.functional.interpolate(torch.tensor([[[1.0, 3.0]]]), 4, mode="linear")
    tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    """
    if mode in _PLAIN:
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
            )
    elif align_corners is None:
        align_corners = False
    n = input.dim()
    size, scales = _wanted(input, size, scale_factor)
    if recompute_scale_factor and scales is None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if scales is not None and (recompute_scale_factor or mode == "area"):
        size, scales = [int(m * s) for m, s in zip(input.shape[2:], scales, strict=True)], None
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and n == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if n in (3, 4, 5) and mode == "area":
        return _AREA[n](input, size)
    if n in (3, 4, 5) and mode in _PLAIN:
        row = (rows.upsample_nearest if mode == "nearest" else rows.upsample_nearest_exact)[n - 2]
        return _resampled(row, input, size, scales)
    if _DIMS.get(mode) == n and not antialias:
        return _resampled(rows.upsample_linear[n - 2], input, size, scales, align_corners)
    if n == 4 and mode == "lanczos":
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    if n == 4 and antialias:
        return _resampled(rows.upsample_filtered[mode], input, size, scales, align_corners)
    if n == 4 and mode == "bicubic":
        return _resampled(rows.upsample_bicubic, input, size, scales, align_corners)
    if n in (3, 4, 5) and mode in _DIMS:
        raise NotImplementedError(f"Got {n}D input, but {mode} mode needs {_DIMS[mode]}D input")
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {n}D) for the modes: nearest | linear | bilinear | bicubic | "
        f"trilinear | lanczos | area | nearest-exact (got {mode})"
    )


def _outdated(name: str) -> None:
    warnings.warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """The older name of `interpolate`."""
    _outdated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` in mode nearest."""
    _outdated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` in mode bilinear with aligned corners."""
    _outdated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


# ---- points of a grid

_MODES = {"bilinear": gridsample.BILINEAR, "nearest": gridsample.NEAREST, "bicubic": gridsample.BICUBIC}
_PADDINGS = {"zeros": gridsample.ZEROS, "border": gridsample.BORDER, "reflection": gridsample.REFLECTION}


def _unaligned() -> bool:
    warnings.warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
        stacklevel=3,
    )
    return False


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """The image [N, C, H, W] at the points [N, *out, 2] of a grid: [N, C, *out]; or [N, C, D, H, W] at points with three
    coordinates. -1 and 1 are the first and the last element (`align_corners`), or the outer edges of them.

    `mode`: bilinear, nearest, bicubic (images only). Beyond the edge there are zeros, or the border's values, or the
    reflected image. Floats. ValueError for another mode, RuntimeError for shapes that do not fit together.

    >>> import tgrad as torch
    >>> points = torch.tensor([[[[-1.0, 0.0], [0.0, 0.0]]]])
    >>> torch.nn.functional.grid_sample(torch.tensor([[[[1.0, 2.0, 5.0]]]]), points, align_corners=True)
    tensor([[[[1., 2.]]]])
    """
    if mode not in _MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in _PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    align = _unaligned() if align_corners is None else align_corners
    return grid_sampler(input, grid, _MODES[mode], _PADDINGS[padding_mode], align)


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The points that the affine maps `theta` [N, 2, 3] send the pixels of images [N, C, H, W] (`size`) to: [N, H, W, 2]. Or
    [N, 3, 4] and [N, C, D, H, W]: [N, D, H, W, 3]. For `grid_sample`.

    ValueError for other shapes or for integers.

    >>> import tgrad as torch
    >>> torch.nn.functional.affine_grid(torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    align = _unaligned() if align_corners is None else align_corners
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {size}."
        )
    dims = len(size) - 2
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {size}. Got {theta.shape}."
        )
    if align and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This is not an "
            "intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return affine_grid_generator(theta, size, align)
