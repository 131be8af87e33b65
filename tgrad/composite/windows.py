"""Windows for spectral analysis: bartlett_window and its kin. (`torch.signal.windows` has more, with other defaults.)

They are computed in the dtype that is asked for, step by step, as in PyTorch: a float16 window carries float16's rounding.
A periodic window is one point longer, without that point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functions as F
from ..dispatch import no_overload
from ..dtype import dtype, get_default_dtype
from ..ops import pointwise as rows
from ..tensor import Tensor, _cpp, wrap
from .creation import at, check_dtype, check_layout
from .signature import KINDS, WRONG, convert

WINDOWS: dict[str, Callable[..., Tensor]] = {}
_FACTORY = ("dtype", "layout", "device", "requires_grad", "pin_memory")


def _ramp(n: int, d: dtype, step: float) -> Any:
    """0, step, 2 step, ... Numbers are rounded to the dtype before they are worked with."""
    return F.arange(n, dtype=d).mul_(_number(step, d))


def _number(value: float, d: dtype) -> Tensor:
    return F.tensor(value, dtype=d)


def _bartlett(n: int, d: dtype) -> Any:
    r = _ramp(n, d, 2 / (n - 1))
    half = ((n - 1) >> 1) + 1
    r.narrow(0, half, n - half).mul_(-1).add_(2)
    return r


def _blackman(n: int, d: dtype) -> Any:
    x = _ramp(n, d, math.pi / (n - 1))
    twice, once = x.mul(4).cos_().mul_(_number(0.08, d)), x.mul(2).cos_().mul_(_number(0.5, d))
    return twice - once + _number(0.42, d)


def _hamming(n: int, d: dtype, alpha: float = 0.54, beta: float = 0.46) -> Any:
    return _ramp(n, d, math.pi * 2 / (n - 1)).cos_().mul_(_number(-beta, d)).add_(_number(alpha, d))


def _hann(n: int, d: dtype) -> Any:
    return _hamming(n, d, 0.5, 0.5)


def _kaiser(n: int, d: dtype, beta: float = 12.0) -> Any:
    x = F.arange(n, dtype=d)._a.astype(np.float64 if d.np.itemsize == 8 else np.float32)
    middle = (n - 1) / 2
    x = beta * np.sqrt(1 - ((x - middle) / middle) ** 2)
    return wrap((rows.i0.array(x) / rows.i0.array(x.dtype.type(beta))).astype(d.np))


def _window(name: str, compute: Callable[..., Any], doc: str, words: tuple[str, ...] = ()) -> None:
    """Adds a window: `name(window_length, periodic=True, *words)`, where the words go with `periodic` only."""
    every = ("window_length", "periodic", *words)

    def function(*args: Any, **kwargs: Any) -> Tensor:
        given = dict(zip(every, args, strict=False))
        named = {k: v for k, v in kwargs.items() if k not in _FACTORY}
        shape = [*given, *[w for w in every if w in named]]
        if (
            len(args) > len(every)
            or {*named} - {*every}
            or given.keys() & named.keys()
            or shape != [*every[: len(shape)]]
            or not shape
        ):
            raise no_overload(name, *args, **kwargs)
        given.update(named)
        if len(shape) == 1:
            length = convert(name, "window_length", "int", given["window_length"], 1 if args else None)
        else:
            length = KINDS["int"](given["window_length"])
        numbers = [KINDS["float"](given[w]) for w in words if w in given]
        periodic = given.get("periodic", True)
        if length is WRONG or not isinstance(periodic, bool) or any(v is WRONG for v in numbers):
            raise no_overload(name, *args, **kwargs)
        return _made(
            name,
            length,
            periodic,
            lambda n, d: compute(n, d, *numbers),
            **{k: kwargs[k] for k in _FACTORY if k in kwargs},
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    WINDOWS[name] = function


def _made(
    name: str,
    length: int,
    periodic: bool,
    compute: Callable[[int, dtype], Any],
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    at(device)
    check_layout(layout)
    check_dtype(name, dtype)
    d = dtype or get_default_dtype()
    if d.category < 2:
        raise RuntimeError(
            f"{name} expects floating point dtypes, got: TensorOptions(dtype={_cpp(d)}, device=cpu, layout=Strided (default), "
            "requires_grad=false (default), pinned_memory=false, memory_format=(nullopt))"
        )
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    if length < 2:
        return F.ones(length, dtype=d, requires_grad=requires_grad)
    r = compute(length + 1, d).narrow(0, 0, length) if periodic else compute(length, d)
    r.requires_grad = requires_grad
    return r


_window("bartlett_window", _bartlett, "A triangle: 1 - |2 n / (N - 1) - 1|, 0 at the ends.")
_window("blackman_window", _blackman, "0.42 - 0.5 cos(2 pi n / (N - 1)) + 0.08 cos(4 pi n / (N - 1)).")
_window(
    "hamming_window",
    _hamming,
    "alpha - beta cos(2 pi n / (N - 1)); alpha is 0.54 and beta 0.46 unless given.",
    ("alpha", "beta"),
)
_window("hann_window", _hann, "0.5 - 0.5 cos(2 pi n / (N - 1)): the square of a sine.")
_window(
    "kaiser_window",
    _kaiser,
    "i0(beta sqrt(1 - (2 n / (N - 1) - 1)^2)) / i0(beta); beta is 12 unless given.",
    ("beta",),
)
