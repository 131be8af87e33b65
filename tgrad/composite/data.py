"""Tensors from data: numbers, nested sequences, numpy arrays, buffers, other libraries' arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dispatch import bad_argument as bad
from ..dtype import dtype
from ..methods import attach, composite
from ..ops.spec import does_not_fit, number
from ..ops.view import to_copy
from ..tensor import Tensor, wrap
from .creation import at, flagged
from .exchange import array, capsule


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
        elif x is None or not isinstance(x, _NUMBERS):
            raise (
                TypeError("new(): invalid data type 'str'")
                if isinstance(x, str)
                else RuntimeError(f"Could not infer dtype of {type(x).__name__}")
            )
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
            return np.asarray(element(data.item(), d or found))
        return np.asarray(element(data, d or dtypes.of_scalar(data)))
    if isinstance(data, str):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if isinstance(data, (list, tuple)):
        pass
    elif hasattr(data, "__array__"):
        return from_data(np.asarray(data), d)
    elif hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, dict):
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
    one_of_each = {type(x): x for x in flat}
    kinds = one_of_each.keys()
    if d is None:
        d = infer_dtype([*one_of_each.values()])
    if kinds <= {int, bool, float} and not (d.category < 2 and float in kinds):
        try:
            return np.array(flat, dtype=d.np).reshape(shape)
        except OverflowError:
            pass  # the elements are looked at one by one below, which finds the one to blame
    out = np.empty(len(flat), d.np)
    for i, x in enumerate(flat):
        if isinstance(x, (Tensor, np.ndarray, np.generic)):
            x = x.item()
        out[i] = element(x, d)
    return out.reshape(shape)


def element(value: Any, d: dtype) -> Any:
    """One Python number as it is stored in a tensor of dtype d, with the errors that this can have."""
    if not isinstance(value, _NUMBERS) or (isinstance(value, complex) and not d.is_complex):
        kind = type(value).__name__
        if value is None or not isinstance(value, (complex, list, tuple)):
            raise RuntimeError(f"Could not infer dtype of {kind}")
        raise TypeError(f"must be real number, not {kind}" if d.category == 2 else
                        f"'{kind}' object cannot be interpreted as an integer")  # fmt: skip
    if d.category != 1:
        return number(value, d.np)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("Overflow when unpacking long long")
    if does_not_fit(value, d.np):
        raise RuntimeError(f"value cannot be converted to type {d.name} without overflow")
    return number(int(value), d.np)  # type: ignore[arg-type]


def _flatten(data: Any, out: list[Any]) -> None:
    if isinstance(data, (list, tuple)):
        if data and not isinstance(data[0], (list, tuple, Tensor, np.ndarray)):
            out.extend(data)
            return
        for x in data:
            _flatten(x, out)
    elif isinstance(data, Tensor):
        out.extend(
            data._a.reshape(-1).tolist()
            if data.dtype is not dtypes.bfloat16
            else data._a.astype(np.float32).reshape(-1).tolist()
        )
    elif isinstance(data, np.ndarray):
        out.extend(
            data.reshape(-1).tolist()
            if data.dtype.kind != "f"
            else [np.float64(v) if data.dtype.itemsize == 8 else v for v in data.reshape(-1)]
        )
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

    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> torch.tensor([1.5, 2.0], dtype=torch.float64, requires_grad=True)
    tensor([1.5000, 2.0000], dtype=torch.float64, requires_grad=True)
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
    """`data` as a tensor, without a copy where it already is one (or an array) of the dtype asked for.

    >>> x = torch.tensor([1.0])
    >>> torch.as_tensor(x) is x
    True
    >>> torch.as_tensor([1, 2], dtype=torch.float32)
    tensor([1., 2.])
    """
    at(device)
    if isinstance(data, Tensor):
        return data if dtype is None or dtype is data.dtype else data.to(dtype)
    if isinstance(data, np.ndarray) and data.dtype != object:
        t = from_numpy(data)
        return t if dtype is None or dtype is t.dtype else t.to(dtype)
    return wrap(from_data(data, dtype))


@composite()
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """As `as_tensor`, with a say in whether memory is shared: `copy` True (never), False (always) or None (if possible)."""
    at(device)
    if isinstance(obj, Tensor):
        t = obj
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
            raise ValueError(f"can't alias tensor with dtype '{t.dtype.legacy}' into dtype '{dtype.legacy}'.")
        t = t.to(dtype)
    elif copy:
        t = t.clone()
    if requires_grad:
        return t if t.requires_grad else t.requires_grad_()
    if requires_grad is None or not t.requires_grad:
        return t
    # PyTorch switches a leaf itself off, and gives an alias of what has a history.
    return t.requires_grad_(False) if t._node is None else t.detach()


@composite()
def from_numpy(ndarray):
    """A tensor over the memory of a numpy array: writes to either show in both.

    TypeError for what is no array or has a dtype that tensors cannot hold.

    >>> import numpy
    >>> a = numpy.array([1.0, 2.0])
    >>> x = torch.from_numpy(a)
    >>> a[0] = 5
    >>> x
    tensor([5., 2.], dtype=torch.float64)
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
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({n} bytes) minus 1"
        )
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
    if type(ext_tensor).__name__ == "PyCapsule":
        a = array(ext_tensor)
    elif not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack: expected an object with __dlpack__, not {type(ext_tensor).__name__}")
    else:
        kind, _ = ext_tensor.__dlpack_device__()
        if int(kind) != 1:
            raise RuntimeError(
                f"from_dlpack: the tensor lies on DLPack device {int(kind)}, which tgrad cannot read: move it to the CPU"
            )
        a = array(ext_tensor.__dlpack__())
    return wrap(a.copy() if copy else a)


def _dlpack(
    self: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None
) -> Any:
    """A DLPack capsule over this tensor's memory."""
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if max_version and self.dtype is not dtypes.bfloat16:
        return self._a.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)
    return capsule(self._a.copy() if copy else self._a)


attach("__dlpack__", _dlpack)
attach("__dlpack_device__", lambda self: (1, 0))


@composite()
def to_dlpack(tensor):
    """A DLPack capsule over the tensor's memory."""
    return tensor.__dlpack__()


@composite(function=False, method=True)
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """A new tensor from data, by default with this tensor's dtype.

    >>> torch.zeros(1, dtype=torch.float64).new_tensor([1, 2])
    tensor([1., 2.], dtype=torch.float64)
    """
    return tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)
