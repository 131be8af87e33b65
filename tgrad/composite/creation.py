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
from ..levels import leading
from ..methods import attach, composite, missing, publish
from ..ops.layout import FORMATS as FASTEST_LAST
from ..ops.layout import restrided
from ..ops.spec import REQUIRED, fitting
from ..storage import dense
from ..tensor import NO_GRAD_DTYPE, Tensor, wrap
from .arguments import is_number, need_tensors, plain
from .formats import FORMATS


def flagged(a: np.ndarray, requires_grad: bool = False) -> Tensor:
    """A new tensor around an array, a leaf that requires grad if asked."""
    t = wrap(a)
    if requires_grad:
        if dtypes.from_np(a.dtype).category < 2:
            raise RuntimeError(NO_GRAD_DTYPE[0].upper() + NO_GRAD_DTYPE[1:])
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


def _is_int(n: Any) -> bool:
    return hasattr(n, "__index__") and not isinstance(n, bool)


def sizes_of(size: tuple[Any, ...], name: str) -> tuple[int, ...]:
    """The sizes given as `f(2, 3)` or `f((2, 3))`, checked in PyTorch's words."""
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
        single = False
    elif len(size) == 1 and isinstance(size[0], Tensor) and size[0]._a.ndim:
        size = tuple(size[0].tolist())  # type: ignore[attr-defined]
        single = False
    else:
        single = len(size) == 1
    out = []
    for i, n in enumerate(size):
        if not _is_int(n):
            if single or i == 0:
                raise bad(name, 1, "size", n if single else size, "tuple of ints")
            raise TypeError(
                f"{name}(): argument 'size' failed to unpack the object at pos {i + 1} with error \"type must be tuple of "
                f'ints,but got {type(n).__name__}"'
            )
        out.append(n.__index__())
    for n in out:
        if n < 0:
            if name == "zeros":
                raise RuntimeError("zeros: Dimension size must be non-negative.")
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{', '.join(map(str, out))}]")
    return tuple(out)


def _filled(name: str, fill: Any, doc: str) -> Any:
    def factory(
        *size: Any,
        out: Any = None,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        names: Any = None,
        **kw: Any,
    ) -> Tensor:
        if not size and "size" in kw:
            size = (kw.pop("size"),)
        fmt = kw.pop("memory_format", None) if name == "empty" else None
        if kw:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kw))}'")
        if not size:
            raise missing(name, ["size"])
        at(device)
        check_layout(layout)
        check_dtype(name, dtype)
        if out is not None and dtype is not None and out.dtype is not dtype:
            raise RuntimeError(f"dtype {dtype.legacy} does not match dtype of out parameter ({out.dtype.legacy})")
        d = dtype or (out.dtype if out is not None else dtypes.get_default_dtype())
        shape = sizes_of(size, name)
        a = fill(shape, d.np) if fmt is None else laid_out(shape, d, fmt)
        if out is not None:
            return into(out, wrap(a), name)
        return flagged(a, requires_grad)

    factory.__name__ = factory.__qualname__ = name
    factory.__doc__ = f"A tensor of the given sizes {doc}"
    publish(name, factory)
    return factory


zeros = _filled(
    "zeros",
    np.zeros,
    """filled with zeros, in the default dtype unless `dtype` says else. Sizes may be
given one by one or as a sequence. RuntimeError for a negative size.

>>> torch.zeros(2, 3)
tensor([[0., 0., 0.],
        [0., 0., 0.]])
>>> torch.zeros((2,), dtype=torch.int64)
tensor([0, 0])
""",
)
ones = _filled(
    "ones",
    np.ones,
    """filled with ones, in the default dtype unless `dtype` says else. Sizes may be
given one by one or as a sequence. RuntimeError for a negative size.

>>> torch.ones(2, 2)
tensor([[1., 1.],
        [1., 1.]])
>>> torch.ones(2, dtype=torch.bool)
tensor([True, True])
""",
)
empty = _filled(
    "empty",
    np.empty,
    """whose elements are whatever the memory held, in the default dtype unless `dtype` says else. Sizes may be
given one by one or as a sequence. RuntimeError for a negative size.

>>> torch.empty(2, 3).shape
torch.Size([2, 3])
""",
)


# ---- filled with a number


def _fill_value(name: str, value: Any) -> Any:
    if isinstance(value, Tensor) and value.ndim == 0:
        return value.item()  # type: ignore[attr-defined]
    if not is_number(value):
        raise bad(name, 2, "fill_value", value, "Number")
    return plain(value)


def _size_tuple(name: str, size: Any) -> tuple[int, ...]:
    if not isinstance(size, (tuple, list)):
        raise bad(name, 1, "size", size, "tuple of ints")
    return sizes_of((tuple(size),), name)


@composite()
def full(
    size=REQUIRED,
    fill_value=REQUIRED,
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

    RuntimeError for a negative size.

    >>> torch.full((2,), 3)
    tensor([3, 3])
    >>> torch.full((2, 2), 0.5)
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    absent = [w for w, v in (("size", size), ("fill_value", fill_value)) if v is REQUIRED]
    if absent:
        raise missing("full", absent)
    at(device)
    check_dtype("full", dtype)
    shape, value = _size_tuple("full", size), _fill_value("full", fill_value)
    d = dtype or (out.dtype if out is not None else dtypes.of_scalar(value))
    a = np.empty(shape, d.np)
    a[...] = fitting(value, d.np)
    if out is not None:
        return into(out, wrap(a), "full")
    return flagged(a, requires_grad)


def laid_out(shape: tuple[int, ...], d: dtype, memory_format: Any) -> np.ndarray:
    """An uninitialised array whose memory has the order of a memory format.

    RuntimeError for a format of another number of dimensions, and for `preserve_format`: there is nothing to preserve.
    """
    if memory_format is FORMATS["preserve_format"]:
        raise RuntimeError("unsupported memory format Preserve")
    if memory_format is FORMATS["contiguous_format"]:
        return np.empty(shape, d.np)
    order = FASTEST_LAST[memory_format.name]
    if len(shape) != len(order):
        raise RuntimeError(f"required rank {len(order)} tensor to use {memory_format.name} format")
    return np.empty([shape[i] for i in order], d.np).transpose(np.argsort(order))


def like_array(input: Tensor, d: dtype, fill: str, memory_format: Any = None) -> np.ndarray:
    """An array with the input's shape and the memory format asked for: else, if the input is dense, its order of dimensions."""
    if memory_format is not None and memory_format is not FORMATS["preserve_format"]:
        a = laid_out(input._a.shape, d, memory_format)
        if fill != "empty":
            a[...] = fill == "ones"
        return a
    make_like = getattr(np, fill + "_like")
    return (
        restrided(make_like(input._a, dtype=d.np, order="K"), input._a)
        if dense(input._a)
        else getattr(np, fill)(input._a.shape, d.np)
    )


def _like(fill: str) -> None:
    name = fill + "_like"

    def factory(
        input: Any = REQUIRED, *, dtype: dtype | None = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
        pin_memory: bool = False, memory_format: Any = None,
    ) -> Tensor:  # fmt: skip
        need_tensors(name, input=input)
        at(device)
        check_dtype(name, dtype)
        return flagged(like_array(input, dtype or input.dtype, fill, memory_format), requires_grad)

    factory.__name__ = factory.__qualname__ = name
    shown = {
        "zeros": ("torch.tensor([1, 2])", "\ntensor([0, 0])"),
        "ones": ("torch.tensor([0.5, 2.0])", "\ntensor([1., 1.])"),
        "empty": ("torch.zeros(2, 3)", ".shape\ntorch.Size([2, 3])"),
    }[fill]
    factory.__doc__ = (
        f"`{fill}` with the sizes and, unless given, the dtype of `input`; its order in memory is kept where it is dense.\n\n"
        f">>> torch.{name}({shown[0]}){shown[1]}\n"
    )
    publish(name, leading(factory))

    def new(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, layout: Any = None,
            pin_memory: bool = False, **kw: Any) -> Tensor:  # fmt: skip
        if "size" in kw:
            size = (kw["size"],)
        if not size:
            raise missing("new_" + fill, ["size"])
        at(device)
        return flagged(getattr(np, fill)(sizes_of(size, "new_" + fill), (dtype or self.dtype).np), requires_grad)

    new.__name__ = new.__qualname__ = "new_" + fill
    printed = {"zeros": "\ntensor([0, 0])", "ones": "\ntensor([1, 1])", "empty": ".shape\ntorch.Size([2])"}[fill]
    new.__doc__ = (
        f"`{fill}` of the given sizes with this tensor's dtype and device.\n\n"
        f">>> torch.tensor([5, 6, 7]).new_{fill}(2){printed}\n"
    )
    attach("new_" + fill, new)


for _fill in ("zeros", "ones", "empty"):
    _like(_fill)


@composite()
@leading
def full_like(
    input=REQUIRED,
    fill_value=REQUIRED,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """`full` with the sizes and, unless given, the dtype of `input`.

    >>> torch.full_like(torch.zeros(2), 7)
    tensor([7., 7.])
    """
    need_tensors("full_like", input=input)
    if fill_value is REQUIRED:
        raise missing("full_like", ["fill_value"])
    at(device)
    check_dtype("full_like", dtype)
    d = dtype or input.dtype
    a = like_array(input, d, "empty", memory_format)
    a[...] = fitting(_fill_value("full_like", fill_value), d.np)
    return flagged(a, requires_grad)


@composite(function=False, method=True)
def new_full(
    self,
    size=REQUIRED,
    fill_value=REQUIRED,
    *,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
):
    """`full` of the given sizes with this tensor's dtype.

    >>> torch.zeros(1, dtype=torch.int64).new_full((2,), 3)
    tensor([3, 3])
    """
    d = dtype or self.dtype
    shape, value = _size_tuple("new_full", size), _fill_value("new_full", fill_value)
    return full(shape, value, dtype=d, device=device, requires_grad=requires_grad)


@composite()
def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """An uninitialised tensor with the given sizes and strides (in elements)."""
    at(device)
    d = dtype or dtypes.get_default_dtype()
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})"
        )
    if any(s < 0 for s in stride):
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    span = 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    block = np.empty(span, d.np)
    return flagged(np.ndarray(tuple(size), d.np, block, 0, [s * d.itemsize for s in stride]), requires_grad)


@composite(function=False, method=True)
def new_empty_strided(self, size, stride, *, dtype=None, device=None, requires_grad=False):
    """`empty_strided` with this tensor's dtype."""
    return empty_strided(size, stride, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@composite()
def empty_permuted(
    size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """An uninitialised dense tensor whose dimensions lie in memory in the order `physical_layout`."""
    size = tuple(size)
    seen: set[int] = set()
    for i, d in enumerate(physical_layout if len(physical_layout) == len(size) else ()):
        if not 0 <= d < len(size):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {d} at index {i}).  NB: "
                "negative dims not currently supported; file an issue if you want it."
            )
        if d in seen:
            raise RuntimeError("Duplicate dim not allowed")
        seen.add(d)
    if len(physical_layout) != len(size):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(physical_layout)}"
        )
    steps, step = [0] * len(size), 1
    for d in reversed(tuple(physical_layout)):
        steps[d] = step
        step *= max(size[d], 1)
    return empty_strided(size, steps, dtype=dtype, device=device, requires_grad=requires_grad)
