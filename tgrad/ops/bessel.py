"""Bessel functions, Airy's function and Riemann's zeta: rows that only torch.special shows, most without a derivative.

PyTorch declares the Bessel functions of this file not differentiable: their results never require a gradient. (`i0`, `i1`
and their scaled forms in special.py have derivatives, although modified_bessel_i0 is the same function as i0.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .spec import FLOAT, Row, lacking, pointwise
from .special import hurwitz, scipy_function


def _flat(name: str, array: Callable[[Any], Any]) -> Row:
    return pointwise(
        f"special.{name}",
        array,
        kind=FLOAT,
        function=False,
        method=False,
        inplace=False,
        lacks=lacking("hc", f"{name}_cpu"),
    )


def _airy(self: Any) -> Any:
    """scipy gives up (nan) where the argument is so large that the phase of what it would give is lost."""
    import scipy.special

    r = scipy.special.airy(self)[0]
    lost = np.isnan(r) & np.isfinite(self)
    if not lost.any():
        return r
    size = np.where(lost, np.abs(self), self.dtype.type(1)).astype(np.float64)
    wave = np.sin(2 / 3 * size**1.5 + math.pi / 4) / (math.sqrt(math.pi) * size**0.25)
    return np.where(lost, np.where(self > 0, 0, wave), r)


def _spherical_j0(self: Any) -> Any:
    safe = np.where(self == 0, self.dtype.type(1), self)
    return np.where(self == 0, self.dtype.type(1), np.where(np.isinf(self), self.dtype.type(0), np.sin(safe) / safe))


airy_ai = _flat("airy_ai", _airy)
bessel_j0 = _flat("bessel_j0", scipy_function("j0"))
bessel_j1 = _flat("bessel_j1", scipy_function("j1"))
bessel_y0 = _flat("bessel_y0", scipy_function("y0"))
bessel_y1 = _flat("bessel_y1", scipy_function("y1"))
modified_bessel_i0 = _flat("modified_bessel_i0", scipy_function("i0"))
modified_bessel_i1 = _flat("modified_bessel_i1", scipy_function("i1"))
modified_bessel_k0 = _flat("modified_bessel_k0", scipy_function("k0"))
modified_bessel_k1 = _flat("modified_bessel_k1", scipy_function("k1"))
scaled_modified_bessel_k0 = _flat("scaled_modified_bessel_k0", scipy_function("k0e"))
scaled_modified_bessel_k1 = _flat("scaled_modified_bessel_k1", scipy_function("k1e"))
spherical_bessel_j0 = _flat("spherical_bessel_j0", _spherical_j0)


# ---- zeta: with two tensors, with a number first, with a number second


def _no_slope(grad: Any) -> Any:
    raise NotImplementedError("the derivative for 'zeta' is not implemented.")


def _zeta_slope(grad: Any, self: Any, other: Any) -> Any:
    return grad * -self * zeta(self + 1, other)


zeta, zeta_first, zeta_second = (
    pointwise(
        f"special.zeta.{i}",
        hurwitz,
        node=f"SpecialZetaBackward{i}",
        grad=grad,
        kind=FLOAT,
        function=False,
        method=False,
        inplace=False,
        lacks=lacking("hc", "zeta_cpu"),
    )
    for i, grad in enumerate(
        (dict(self=_no_slope, other=_zeta_slope), dict(other=_zeta_slope), dict(self=_no_slope)),
    )
)
