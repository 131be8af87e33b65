"""Making tensors: from data, from sizes, from other tensors, from numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import device as devices
from .. import dtype as dtypes
from ..dispatch import bad_argument as bad
from ..dispatch import into, mark_inference
from ..dtype import dtype
from ..graph.modes import state
from ..methods import attach, composite, publish
from ..ops.spec import ROWS
from ..ops.view import to_copy
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
            raise TypeError(f'{name}() received an invalid combination of arguments - got (), but expected one of:')
        at(device)
        check_layout(layout)
        d = dtype or (out.dtype if out is not None else dtypes.get_default_dtype())
        a = fill(sizes_of(size, name), d.np)
        if out is not None:
                return into(out, wrap(a), name)
        return flagged(a, requires_grad)

    factory.__name__ = factory.__qualname__ = name
    factory.__doc__ = f"A tensor of the given sizes, as `numpy.{name}`; floats of the default dtype unless `dtype` says else."
    publish(name, factory)
    return factory


zeros = _filled("zeros", np.zeros)
ones = _filled("ones", np.ones)
empty = _filled("empty", np.empty)


@composite()
def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, names=None):
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
    a[...] = _number(fill_value, d)
    if out is not None:
        return into(out, wrap(a), "full")
    return flagged(a, requires_grad)


def _number(value: Any, d: dtype) -> Any:
    from ..dispatch import as_number

    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex) and not d.is_complex:
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {_cpp_name(d)} without overflow")
        value = value.real
    return as_number(value, d)


def _cpp_name(d: dtype) -> str:
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
def full_like(input, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, memory_format=None):
    """`full` with the sizes and, unless given, the dtype of `input`."""
    at(device)
    a = like_array(input, dtype or input.dtype, "empty")
    a[...] = _number(fill_value.item() if isinstance(fill_value, Tensor) else fill_value, dtype or input.dtype)
    return flagged(a, requires_grad)


@composite(function=False, method=True)
def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """`full` of the given sizes with this tensor's dtype."""
    return full(size, fill_value, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@composite(function=False, method=True)
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """A new tensor from data, by default with this tensor's dtype."""
    return tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


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
def empty_permuted(size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
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


# ---- from data


def infer_dtype(data: Any) -> dtype:
    """The dtype of nested Python data: bool, int64, the default floating dtype or its complex one."""
    best: dtype = dtypes.bool_
    any_found = False
    stack = [data]
    while stack:
        x = stack.pop()
        if isinstance(x, (list, tuple)):
            stack.extend(x)
            continue
        any_found = True
        if isinstance(x, Tensor):
            d = x.dtype
        elif isinstance(x, np.generic):
            d = dtypes.from_np(x.dtype)
            if isinstance(x, float):
                d = dtypes.get_default_dtype()
        else:
            d = dtypes.of_scalar(x)
        best = dtypes.promote_types(best, d)
    return best if any_found else dtypes.get_default_dtype()


def shape_of(data: Any) -> tuple[int, ...]:
    """The shape of nested sequences, checked to be the same all over; ValueError in PyTorch's words if not."""
    shape: list[int] = []
    level = data
    while isinstance(level, (list, tuple)):
        shape.append(len(level))
        if not level:
            break
        level = level[0]
    if isinstance(level, (Tensor, np.ndarray)) and shape:
        shape += level.shape
    _check_shape(data, tuple(shape), 0)
    return tuple(shape)


def _check_shape(data: Any, shape: tuple[int, ...], depth: int) -> None:
    if depth == len(shape):
        if isinstance(data, (list, tuple)):
            raise ValueError(f"expected sequence of length 0 at dim {depth} (got {len(data)})")
        return
    if isinstance(data, (Tensor, np.ndarray)):
        return
    if not isinstance(data, (list, tuple)):
        raise TypeError("not a sequence")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    if depth + 1 < len(shape):
        for x in data:
            _check_shape(x, shape, depth + 1)


_NUMBERS = (bool, int, float, complex, np.generic)


def from_data(data: Any, d: dtype | None) -> np.ndarray:
    """A fresh array from numbers, nested sequences, arrays or tensors."""
    if isinstance(data, Tensor):
        a = data._a
        return _converted(a, d or data.dtype)
    if isinstance(data, np.ndarray) and data.dtype != object:
        found = dtypes.from_np(data.dtype)
        return _converted(data, d or found)
    if isinstance(data, _NUMBERS):
        if isinstance(data, np.generic):
            found = dtypes.get_default_dtype() if type(data) is np.float64 and d is None else dtypes.from_np(data.dtype)
            if type(data) is np.float64:
                found = d or dtypes.float64
            return np.asarray(_number(data, d or found))
        return np.asarray(_number(data, d or dtypes.of_scalar(data)))
    if isinstance(data, str) or data is None:
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if isinstance(data, (list, tuple)):
        pass
    elif hasattr(data, "__array__"):
        return from_data(np.asarray(data), d)
    elif hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        data = [data[i] for i in range(len(data))]
    elif hasattr(data, "__index__") or hasattr(data, "__float__"):
        return from_data(data.__index__() if hasattr(data, "__index__") else float(data), d)
    else:
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    return _from_sequence(data, d)


def _converted(a: np.ndarray, d: dtype) -> np.ndarray:
    """A fresh copy in dtype d."""
    with np.errstate(all="ignore"):
        return to_copy.array(a, d) if a.dtype != d.np else a.copy()


def _from_sequence(data: Any, d: dtype | None) -> np.ndarray:
    shape = shape_of(data)
    flat: list[Any] = []
    _flatten(data, flat)
    if not flat or 0 in shape:
        return np.empty(shape, (d or dtypes.get_default_dtype()).np)
    kinds = {type(x) for x in flat}
    if d is None:
        d = infer_dtype(flat)
    if kinds <= {int, bool, float} and not (d.category < 2 and float in kinds):
        try:
            return np.array(flat, dtype=d.np).reshape(shape)
        except OverflowError:
            if d is dtypes.int64 or d.category < 2:
                raise RuntimeError(
                    "Overflow when unpacking long long"
                    if any(isinstance(x, int) and not -(2**63) <= x < 2**64 for x in flat)
                    else f"value cannot be converted to type {_cpp_name(d)} without overflow"
                ) from None
            raise
    out = []
    for x in flat:
        if isinstance(x, (Tensor, np.ndarray)):
            out.append(x.item())
        elif isinstance(x, _NUMBERS):
            out.append(x.item() if isinstance(x, np.generic) else x)
        elif x is None or isinstance(x, str):
            raise TypeError(f"new(): invalid data type '{type(x).__name__}'") if isinstance(x, str) else RuntimeError(
                "Could not infer dtype of NoneType"
            )
        else:
            raise RuntimeError(f"Could not infer dtype of {type(x).__name__}")
    if d.category < 2 and any(isinstance(x, complex) for x in out):
        raise RuntimeError(f"value cannot be converted to type {_cpp_name(d)} without overflow")
    if d.category == 1:
        return np.array([int(x) for x in out]).astype(d.np).reshape(shape)
    return np.array(out).astype(d.np).reshape(shape)


def _flatten(data: Any, out: list[Any]) -> None:
    if isinstance(data, (list, tuple)):
        if data and not isinstance(data[0], (list, tuple, Tensor, np.ndarray)):
            out.extend(data)
            return
        for x in data:
            _flatten(x, out)
    elif isinstance(data, Tensor):
        out.extend(data._a.reshape(-1).tolist() if data.dtype is not dtypes.bfloat16 else data._a.astype(np.float32).reshape(-1).tolist())
    elif isinstance(data, np.ndarray):
        out.extend(data.reshape(-1).tolist() if data.dtype.kind != "f" else [np.float64(v) if data.dtype.itemsize == 8 else v for v in data.reshape(-1)])
    else:
        out.append(data)


def refuse_negative_strides(a: np.ndarray) -> None:
    if any(s < 0 for s in a.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
            "supported. (You can probably work around this by making a copy of your array  with array.copy().) "
        )


@composite()
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False, names=None):
    """A tensor with a copy of `data` (number, nested sequences, array, tensor); always a leaf.

    The dtype is inferred (int64 for ints, the default dtype for floats) unless given.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    at(device)
    if isinstance(data, Tensor):
        import warnings

        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            UserWarning,
            stacklevel=3,
        )
    if isinstance(data, np.float64) and dtype is None:
        dtype = dtypes.float64
    if isinstance(data, np.ndarray):
        refuse_negative_strides(data)
    return flagged(from_data(data, dtype), requires_grad)


@composite()
def scalar_tensor(s, *, dtype=None, layout=None, device=None, requires_grad=False):
    """A 0-d tensor of the default dtype from a number."""
    return tensor(s, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


@composite()
def as_tensor(data, dtype=None, device=None):
    """`data` as a tensor, without a copy where it already is one (or an array) of the dtype asked for."""
    at(device)
    if isinstance(data, Tensor):
        return data if dtype is None or dtype is data.dtype else data.to(dtype)
    if isinstance(data, np.ndarray) and data.dtype != object:
        t = from_numpy(data)
        return t if dtype is None or dtype is t.dtype else t.to(dtype)
    return wrap(from_data(data, dtype))


@composite()
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """As `as_tensor`, with a say in whether memory is shared: `copy` True (never), False (always) or None (if possible)."""
    at(device)
    if isinstance(obj, Tensor):
        t = obj.detach() if not requires_grad or obj._node is None else obj
    elif isinstance(obj, np.ndarray):
        t = from_numpy(obj)
    elif hasattr(obj, "__dlpack__"):
        t = from_dlpack(obj)
    else:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        t = wrap(from_data(obj, dtype))
        copy = None
    if dtype is not None and t.dtype is not dtype:
        if copy is False:
            raise ValueError("can't alias tensor with different dtype")
        t = t.to(dtype)
    elif copy:
        t = t.clone()
    return t.detach().requires_grad_() if requires_grad else t


@composite()
def from_numpy(ndarray):
    """A tensor over the memory of a numpy array: writes to either show in both.

    TypeError for what is no array or has a dtype that tensors cannot hold.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    d = dtypes.from_np(ndarray.dtype)
    refuse_negative_strides(ndarray)
    if any(s % ndarray.itemsize for s in ndarray.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory."
        )
    if not ndarray.flags.writeable:
        import warnings

        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to "
            "this tensor will result in undefined behavior. You may want to copy the array to protect its data or make it "
            "writable before converting it to a tensor. This type of warning will be suppressed for the rest of this program.",
            UserWarning,
            stacklevel=3,
        )
    a = ndarray.view(np.ndarray)
    return wrap(a if a.dtype is d.np else a.view(d.np))


@composite()
def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A 1-d tensor over the memory of an object with the buffer protocol."""
    if not isinstance(dtype, dtypes.dtype):
        raise bad("frombuffer", 2, "dtype", dtype, "torch.dtype")
    n = memoryview(buffer).nbytes
    if n == 0 or count == 0:
        raise ValueError(f"both buffer length ({n}) and count ({count}) must not be 0")
    if not 0 <= offset < n:
        raise ValueError(f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({n} bytes) minus 1")
    if count < 0 and (n - offset) % dtype.itemsize:
        raise ValueError(
            f"buffer length ({n - offset} bytes) after offset ({offset} bytes) must be a multiple of element size ({dtype.itemsize})"
        )
    if count > 0 and offset + count * dtype.itemsize > n:
        raise ValueError(
            f"requested buffer length ({count} * {dtype.itemsize} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual buffer length ({n} bytes)"
        )
    return flagged(np.frombuffer(buffer, dtype.np, count, offset), requires_grad)


@composite()
def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of any object that speaks DLPack (numpy, torch, cupy, jax ... arrays on the CPU)."""
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach() if not copy else ext_tensor.detach().clone()
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack: expected an object with __dlpack__, not {type(ext_tensor).__name__}")
    kind, _ = ext_tensor.__dlpack_device__()
    if int(kind) != 1:
        raise RuntimeError(f"from_dlpack: the tensor lies on DLPack device {int(kind)}, which tgrad cannot read: move it to the CPU")
    try:
        a = np.from_dlpack(ext_tensor)
    except (RuntimeError, BufferError) as error:
        if "bfloat16" not in repr(getattr(ext_tensor, "dtype", "")):
            raise
        raise RuntimeError("from_dlpack: numpy cannot take bfloat16 through DLPack; pass x.view(int16) and view it back") from error
    if not a.flags.writeable:
        a = _writable_alias(a)
    return wrap(a.copy() if copy else a)


def _writable_alias(a: np.ndarray) -> np.ndarray:
    """numpy imports DLPack memory read-only unless told that it may write; PyTorch always writes."""
    import ctypes

    if not a.size:
        return a.copy()
    low = a.__array_interface__["data"][0]
    span = sum((n - 1) * s for n, s in zip(a.shape, a.strides, strict=True)) + a.itemsize
    raw = (ctypes.c_char * span).from_address(low)
    raw._owner = a  # type: ignore[attr-defined]  # keeps the exporter's memory alive
    return np.ndarray(a.shape, a.dtype, raw, 0, a.strides)


def _dlpack(self: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None) -> Any:
    """A DLPack capsule over this tensor's memory."""
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    return self._a.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy) if max_version else self._a.__dlpack__()


attach("__dlpack__", _dlpack)
attach("__dlpack_device__", lambda self: (1, 0))


@composite()
def to_dlpack(tensor):
    """A DLPack capsule over the tensor's memory."""
    return tensor.__dlpack__()


# ---- ranges


def _range_dtype(values: Sequence[Any], d: dtype | None) -> dtype:
    if d is not None:
        return d
    if any(isinstance(v, (float, np.floating)) or (isinstance(v, Tensor) and v.is_floating_point()) for v in values):
        return dtypes.get_default_dtype()
    return dtypes.int64


def _plain(v: Any) -> Any:
    return v.item() if isinstance(v, (Tensor, np.generic)) else v


@composite()
def arange(start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The numbers from `start` up to but not including `end`, in steps.

    >>> arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    at(device)
    if end is None:
        start, end = 0, start
    d = _range_dtype((start, end, step), dtype or (out.dtype if out is not None else None))
    start, end, step = _plain(start), _plain(end), _plain(step)
    for v in (start, end, step):
        if not isinstance(v, (int, float)):
            raise TypeError(f"arange(): argument 'end' must be Number, not {type(v).__name__}")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if start != start or end != end or abs(start) == float("inf") or abs(end) == float("inf"):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (step > 0 and start > end) or (step < 0 and start < end):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if all(isinstance(v, int) for v in (start, end, step)):
        n = -((start - end) // step)
    else:
        n = int(np.ceil((end - start) / step))
    wide = np.float64 if d.category >= 2 else np.int64
    a = (np.arange(n) * np.asarray(step, wide) + np.asarray(start, wide)).astype(d.np)
    if out is not None:
        return into(out, wrap(a), "arange")
    return flagged(a, requires_grad)


@composite(name="range")
def range_(start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """As `arange` with the end included; deprecated in PyTorch in favour of it."""
    import warnings

    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with Python's "
        "range builtin. Instead, use torch.arange, which produces values in [start, end).",
        UserWarning,
        stacklevel=3,
    )
    if end is None:
        start, end = 0, start
    n = int(np.floor((end - start) / step)) + 1
    d = dtype or dtypes.get_default_dtype()
    return flagged((np.arange(n) * step + start).astype(d.np), requires_grad)


@composite()
def linspace(start, end, steps=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """`steps` evenly spaced numbers from `start` to `end`, both included."""
    at(device)
    start, end = _plain(start), _plain(end)
    d = dtype or (dtypes.default_complex() if isinstance(start, complex) or isinstance(end, complex) else dtypes.get_default_dtype())
    if steps is None:
        raise TypeError("linspace() missing 1 required positional arguments: \"steps\"")
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if d.category == 1:
        start, end = int(start), int(end)
    a = _linspace(start, end, steps, d)
    if out is not None:
        return into(out, wrap(a), "linspace")
    return flagged(a, requires_grad)


def _linspace(start: Any, end: Any, steps: int, d: dtype) -> np.ndarray:
    """From both ends towards the middle, in the working dtype, as PyTorch does: rounding is symmetric."""
    if steps == 1:
        return np.asarray([start]).astype(d.np)
    if d.category == 1:
        step: Any = np.float32(end - start) / np.float32(max(steps - 1, 1))
        low = (start + step * np.arange(steps).astype(np.float32)).astype(d.np)
        high = (end - step * np.arange(steps)[::-1].astype(np.float32)).astype(d.np)
    else:
        work = d.np if d.itemsize >= 4 else np.dtype(np.float32)
        t = work.type
        step = t(t(end) - t(start)) / t(max(steps - 1, 1))
        low = (t(start) + step * np.arange(steps).astype(work)).astype(d.np)
        high = (t(end) - step * np.arange(steps)[::-1].astype(work)).astype(d.np)
    return np.where(np.arange(steps) < steps // 2, low, high)


@composite()
def logspace(start, end, steps=None, base=10.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """`steps` numbers from base**start to base**end, evenly spaced on a logarithmic scale."""
    at(device)
    d = dtype or dtypes.get_default_dtype()
    a = (float(base) ** np.linspace(float(_plain(start)), float(_plain(end)), steps)).astype(d.np)
    return flagged(a, requires_grad)


@composite()
def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The n x m matrix (square by default) with ones on the diagonal."""
    at(device)
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    if m is not None and m < 0:
        raise RuntimeError(f"m must be greater or equal to 0, got {m}")
    a = np.eye(n, m, dtype=(dtype or dtypes.get_default_dtype()).np)
    if out is not None:
        return into(out, wrap(a), "eye")
    return flagged(a, requires_grad)


@composite(name="complex")
def complex_(real, imag, *, out=None):
    """A complex tensor from its real and imaginary parts, both of one floating dtype."""
    for t in (real, imag):
        if t.dtype not in (dtypes.float32, dtypes.float64, dtypes.float16):
            raise RuntimeError(
                f"Expected both inputs to be Half, Float or Double tensors but got {real.dtype.legacy} and {imag.dtype.legacy}"
            )
    if real.dtype is not imag.dtype:
        raise RuntimeError(f"Expected object of scalar type {real.dtype.legacy} but got scalar type {imag.dtype.legacy} for second argument")
    r = ROWS["complex"].record(real, imag)
    return r if out is None else into(out, r, "complex")
