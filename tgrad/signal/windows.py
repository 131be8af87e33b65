"""Windows for spectral analysis: PyTorch's `torch.signal.windows`.

Each is a function of its number of points `M` (0 gives none, a negative one is a ValueError), float32 or float64. `sym`
makes it symmetric, for filters; False makes it periodic, for spectra: a window one point longer, without that point. With
`requires_grad` it is the points it is computed at that require gradients, so that a window of several is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from .. import functions as F
from ..dtype import float32, float64, get_default_dtype
from ..tensor import Tensor, strided_layout

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann", "kaiser",
    "nuttall",
]  # fmt: skip


def _checked(name: str, M: int, dtype: Any, layout: Any) -> Any:
    """The dtype, after the checks that all windows begin with."""
    d = get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided_layout:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if d not in (float32, float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {d}")
    return d


class _Points:
    """Where a window is computed: points from a number on, at a distance, of a dtype."""

    def __init__(self, name: str, M: int, sym: bool, dtype: Any, layout: Any, device: Any, requires_grad: bool) -> None:
        self.M, self.kw = M, dict(dtype=_checked(name, M, dtype, layout), device=device, requires_grad=requires_grad)
        self.span = M if sym or M < 2 else M + 1  # as long as the window whose part this one is

    def none(self) -> Any:
        return F.empty((0,), **self.kw)

    def one(self) -> Any:
        return F.ones((1,), **self.kw)

    def between(self, start: Any, end: Any) -> Any:
        return F.linspace(start, end, self.M, **self.kw)


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None,
    layout: Any = strided_layout, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """exp(-|n - center| / tau), about the middle unless `center` is given (for periodic windows only)."""
    at = _Points("exponential", M, sym, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return at.none()
    if center is None:
        center = (at.span - 1) / 2.0
    step = 1 / tau
    return F.exp(-F.abs(at.between(-center * step, (-center + (M - 1)) * step)))


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = strided_layout,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """sin(pi (n + 1/2) / M): half a wave."""
    at = _Points("cosine", M, sym, dtype, layout, device, requires_grad)
    if M == 0:
        return at.none()
    step = math.pi / at.span
    return F.sin(at.between(0.5 * step, (0.5 + (M - 1)) * step))


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = strided_layout, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """exp(-((n - (M - 1) / 2) / std)^2 / 2)."""
    at = _Points("gaussian", M, sym, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return at.none()
    start, step = -(at.span - 1) / 2.0, 1 / (std * math.sqrt(2))
    return F.exp(-(at.between(start * step, (start + (M - 1)) * step) ** 2))


def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = strided_layout, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """i0(beta sqrt(1 - (2 n / (M - 1) - 1)^2)) / i0(beta)."""
    at = _Points("kaiser", M, sym, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M == 0:
        return at.none()
    if M == 1:
        return at.one()
    slope = F.tensor(beta, dtype=at.kw["dtype"])
    end = F.minimum(slope, -slope + (M - 1) * (2.0 * slope / (at.span - 1)))
    return F.i0(F.sqrt(slope * slope - F.pow(at.between(-slope, end), 2))) / F.i0(slope)


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = strided_layout,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle: 1 - |2 n / (M - 1) - 1|."""
    at = _Points("bartlett", M, sym, dtype, layout, device, requires_grad)
    if M == 0:
        return at.none()
    if M == 1:
        return at.one()
    return 1 - F.abs(at.between(-1, -1 + (M - 1) * (2 / (at.span - 1))))


def general_cosine(
    M: int, *, a: Iterable[float], sym: bool = True, dtype: Any = None, layout: Any = strided_layout, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The sum of (-1)^i a[i] cos(2 pi i n / (M - 1)) over the coefficients.

    >>> from tgrad.signal import windows
    >>> windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    at = _Points("general_cosine", M, sym, dtype, layout, device, requires_grad)
    if M == 0:
        return at.none()
    if M == 1:
        return at.one()
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    k = at.between(0, (M - 1) * (2 * math.pi / (at.span - 1)))
    kw = {**at.kw, "requires_grad": requires_grad}
    weights = F.tensor([(-1) ** i * w for i, w in enumerate(a)], **kw)
    order = F.arange(weights.shape[0], **kw)
    return (weights.unsqueeze(-1) * F.cos(order.unsqueeze(-1) * k)).sum(0)


def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, layout: Any = strided_layout, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """alpha - (1 - alpha) cos(2 pi n / (M - 1))."""
    weights = [alpha, 1.0 - alpha]
    return general_cosine(M, a=weights, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def _fixed(name: str, weights: list[float], doc: str, own: bool = False) -> Callable[..., Tensor]:
    """A sum of cosines with these weights; one with errors of its `own` does not call itself general_cosine in them."""

    def window(
        M: int,
        *,
        sym: bool = True,
        dtype: Any = None,
        layout: Any = strided_layout,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        if own:
            _checked(name, M, dtype, layout)
        return general_cosine(
            M, a=weights, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
        )

    window.__name__ = window.__qualname__ = name
    window.__doc__ = doc
    return window


hamming = _fixed("hamming", [0.54, 1.0 - 0.54], "0.54 - 0.46 cos(2 pi n / (M - 1)).")
hann = _fixed("hann", [0.5, 0.5], "(1 - cos(2 pi n / (M - 1))) / 2.")
blackman = _fixed(
    "blackman", [0.42, 0.5, 0.08], "0.42 - 0.5 cos(2 pi n / (M - 1)) + 0.08 cos(4 pi n / (M - 1)).", own=True
)
nuttall = _fixed(
    "nuttall", [0.3635819, 0.4891775, 0.1365995, 0.0106411], "Nuttall's sum of four cosines, lowest side lobes."
)
