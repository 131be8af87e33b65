"""Tensors of given sizes: zeros, ones, full, empty, and their likes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import device as devices
from .. import dtype as dtypes
from ..dispatch import bad_argument as bad
from ..dispatch import into, mark_inference
from ..dtype import dtype
from ..graph.modes import state
from ..methods import attach, composite, publish
from ..storage import dense
from ..tensor import NO_GRAD_DTYPE, Tensor, wrap


def flagged(a: np.ndarray, requires_grad: bool = False) -> Tensor:
    t = wrap(a)
    if requires_grad:
        if dtypes.from_np(a.dtype).category < 2:
            raise RuntimeError(NO_GRAD_DTYPE)
        t._rg = True
    if state.inference:
        mark_inference(t)
    return t


def at(device: Any) -> None:
    """Checks the device that a factory was asked for; only the CPU passes."""
    if device is not None:
        devices.check(device)
    elif devices.get_default_device() is not devices.CPU:
        devices.check(devices.get_default_device())


def check_dtype(name: str, d: Any) -> None:
    if d is not None and not isinstance(d, dtypes.dtype):
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(d).__name__}")


def check_layout(layout: Any) -> None:
    if layout is not None and repr(layout) != "torch.strided":
        raise RuntimeError(f"tgrad holds strided tensors only, not layout {layout!r}")


def sizes_of(size: tuple[Any, ...], name: str) -> tuple[int, ...]:
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
    elif len(size) == 1 and isinstance(size[0], Tensor) and size[0]._a.ndim:
        size = tuple(size[0].tolist())
    out = []
    for i, n in enumerate(size):
        if isinstance(n, (bool, float)) or not hasattr(n, "__index__"):
            raise TypeError(
                f"{name}(): argument 'size' (position 1) must be tuple of ints, but found element of type "
                f"{type(n).__name__} at pos {i}"
            )
        out.append(n.__index__())
    for n in out:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{', '.join(map(str, out))}]")
    return tuple(out)


def _filled(name: str, fill: Any) -> Any:
    def factory(
        *size: Any,
        out: Any = None,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
        names: Any = None,
        **kw: Any,
    ) -> Tensor:
        if not size and "size" in kw:
            size = (kw.pop("size"),)
        if kw:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kw))}'")
        if not size:
            raise TypeError(f"{name}() received an invalid combination of arguments - got (), but expected one of:")
        at(device)
        check_layout(layout)
        d = dtype or (out.dtype if out is not None else dtypes.get_default_dtype())
        a = fill(sizes_of(size, name), d.np)
        if out is not None:
            return into(out, wrap(a), name)
        return flagged(a, requires_grad)

    factory.__name__ = factory.__qualname__ = name
    factory.__doc__ = (
        f"A tensor of the given sizes, as `numpy.{name}`; floats of the default dtype unless `dtype` says else."
    )
    publish(name, factory)
    return factory


zeros = _filled("zeros", np.zeros)
ones = _filled("ones", np.ones)
empty = _filled("empty", np.empty)


@composite()
def full(
    size,
    fill_value,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    names=None,
):
    """A tensor of sizes `size` filled with a number; the dtype follows the number's kind.

    >>> full((2,), 3)
    tensor([3, 3])
    """
    at(device)
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    if not isinstance(fill_value, (bool, int, float, complex, np.generic)):
        raise bad("full", 2, "fill_value", fill_value, "Number")
    d = dtype or (out.dtype if out is not None else dtypes.of_scalar(fill_value))
    a = np.empty(sizes_of((size,) if not isinstance(size, int) else (size,), "full"), d.np)
    a[...] = number_for(fill_value, d)
    if out is not None:
        return into(out, wrap(a), "full")
    return flagged(a, requires_grad)


def number_for(value: Any, d: dtype) -> Any:
    from ..dispatch import as_number

    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex) and not d.is_complex:
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {scalar_name(d)} without overflow")
        value = value.real
    return as_number(value, d)


def scalar_name(d: dtype) -> str:
    from ..tensor import _cpp

    return _cpp(d)


def like_array(input: Tensor, d: dtype, fill: str) -> np.ndarray:
    """An array with the input's shape and, if it is dense, its order of dimensions."""
    make_like = getattr(np, fill + "_like")
    return make_like(input._a, dtype=d.np, order="K") if dense(input._a) else getattr(np, fill)(input._a.shape, d.np)


def _like(fill: str) -> None:
    name = fill + "_like"

    def factory(
        input: Any, *, dtype: dtype | None = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
        pin_memory: bool = False, memory_format: Any = None,
    ) -> Tensor:  # fmt: skip
        if not isinstance(input, Tensor):
            raise bad(name, 1, "input", input)
        at(device)
        return flagged(like_array(input, dtype or input.dtype, fill), requires_grad)

    factory.__name__ = factory.__qualname__ = name
    factory.__doc__ = f"`{fill}` with the sizes and, unless given, the dtype of `input`."
    publish(name, factory)

    def new(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, layout: Any = None,
            pin_memory: bool = False, **kw: Any) -> Tensor:  # fmt: skip
        if "size" in kw:
            size = (kw["size"],)
        at(device)
        return flagged(getattr(np, fill)(sizes_of(size, "new_" + fill), (dtype or self.dtype).np), requires_grad)

    new.__name__ = new.__qualname__ = "new_" + fill
    new.__doc__ = f"`{fill}` of the given sizes with this tensor's dtype and device."
    attach("new_" + fill, new)


for _fill in ("zeros", "ones", "empty"):
    _like(_fill)


@composite()
def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """`full` with the sizes and, unless given, the dtype of `input`."""
    at(device)
    a = like_array(input, dtype or input.dtype, "empty")
    a[...] = number_for(fill_value.item() if isinstance(fill_value, Tensor) else fill_value, dtype or input.dtype)
    return flagged(a, requires_grad)


@composite(function=False, method=True)
def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """`full` of the given sizes with this tensor's dtype."""
    return full(size, fill_value, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@composite()
def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """An uninitialised tensor with the given sizes and strides (in elements)."""
    at(device)
    d = dtype or dtypes.get_default_dtype()
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    span = 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    block = np.empty(span, d.np)
    return flagged(np.ndarray(tuple(size), d.np, block, 0, [s * d.itemsize for s in stride]), requires_grad)


attach("new_empty_strided", lambda self, size, stride, *, dtype=None, device=None, requires_grad=False: empty_strided(
    size, stride, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad))  # fmt: skip


@composite()
def empty_permuted(
    size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """An uninitialised dense tensor whose dimensions lie in memory in the order `physical_layout`."""
    size = tuple(size)
    if sorted(physical_layout) != list(range(len(size))):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(physical_layout)}"
        )
    steps, step = [0] * len(size), 1
    for d in reversed(tuple(physical_layout)):
        steps[d] = step
        step *= max(size[d], 1)
    return empty_strided(size, steps, dtype=dtype, device=device, requires_grad=requires_grad)
