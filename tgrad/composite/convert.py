"""Tensors into other dtypes and devices, into Python numbers, lists and numpy arrays, and their text."""

from __future__ import annotations

import copy as copies
from typing import Any

import numpy as np

from .. import device as devices
from .. import dtype as dtypes
from .. import echo
from ..dtype import dtype
from ..graph.reasons import because
from ..methods import attach, composite, publish
from ..ops import view as rows
from ..ops.layout import is_channels_last
from ..ops.spec import ROWS
from ..storage import memory, offset
from ..tensor import Tensor, make
from .arguments import need_tensors
from .formats import FORMATS


@composite(method=True)
def clone(input, *, memory_format=None):
    """A copy that autograd sees: gradients flow back through it.

    `memory_format` says how it lies in memory: by default as the original does.

    >>> x = torch.ones(2, requires_grad=True)
    >>> x.clone()
    tensor([1., 1.], grad_fn=<CloneBackward0>)
    """
    if memory_format is FORMATS["contiguous_format"]:
        return rows.contiguous.record(input)
    if memory_format in (FORMATS["channels_last"], FORMATS["channels_last_3d"]):
        return rows.clone.record(input, memory_format.name)
    return rows.clone.record(input)


@composite(method=True, function=False)
def contiguous(self, memory_format=None):
    """The tensor itself if its memory is in row-major order, else a copy that is.

    >>> x = torch.zeros(2, 3).t()
    >>> x.is_contiguous(), x.contiguous().is_contiguous()
    (False, True)
    """
    if memory_format in (FORMATS["channels_last"], FORMATS["channels_last_3d"]):
        return self if self.is_contiguous(memory_format) else rows.clone.record(self, memory_format.name)
    return self if self.is_contiguous() else rows.contiguous.record(self)


def _lies(self: Tensor, fmt: Any) -> bool:
    """Whether `to` leaves a tensor where it is. One with one channel or one place is row by row and channels_last as well: its strides say
    which of them is meant."""
    if fmt is FORMATS["contiguous_format"]:
        return self.is_contiguous()
    return self._a.ndim == (4 if fmt is FORMATS["channels_last"] else 5) and is_channels_last(self._a)


def cast(self: Tensor, d: dtype, copy: bool = False, fmt: Any = None) -> Tensor:
    """The tensor in dtype d and, if one is given, in a memory format; itself if it is so already."""
    if fmt is FORMATS["preserve_format"]:
        fmt = None
    same = d.np == self._a.dtype and (fmt is None or _lies(self, fmt))
    if same and not copy:
        return self
    return rows.to_copy.record(self, d) if fmt is None else rows.to_copy.record(self, d, fmt.name)


@composite(function=False, method=True)
def to(self, *args, device=None, dtype=None, non_blocking=False, copy=False, memory_format=None, other=None):
    """The tensor in another dtype and on another device: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`.

    What is already so is returned as it is, unless `copy`. Conversions are recorded, and gradients come back in the dtype of the input.

    >>> torch.tensor([1, 2]).to(torch.float32)
    tensor([1., 2.])
    """
    places = list(args)
    if places and isinstance(places[0], Tensor):
        other = places.pop(0)
    elif (places and isinstance(places[0], (str, devices.device))) or (
        places and isinstance(places[0], int) and not isinstance(places[0], bool)
    ):
        device = places.pop(0)
    elif places and places[0] is None:
        places.pop(0)
    if places and isinstance(places[0], dtypes.dtype):
        dtype = places.pop(0)
    elif places and places[0] is None:
        places.pop(0)
    if places and isinstance(places[0], bool):
        places.pop(0)
    if places and isinstance(places[0], bool):
        copy = places.pop(0)
    if places:
        shown = ", ".join(a.__class__.__name__ for a in args)
        raise TypeError(f"to() received an invalid combination of arguments - got ({shown}), but expected one of:")
    if other is not None:
        dtype = dtype or other.dtype
    if device is not None:
        devices.check(device)
    return cast(self, dtype or self.dtype, copy, memory_format)


def _caster(name: str, d: dtype) -> None:
    def convert(self: Tensor, *args: Any, memory_format: Any = None) -> Tensor:
        if args:
            raise TypeError(f"{name}() takes 0 positional arguments but {len(args)} was given")
        return cast(self, d, fmt=memory_format)

    convert.__name__ = convert.__qualname__ = name
    shown = {0: "[ True, False]", 1: "[1, 0]", 2: "[1., 0.]"}.get(d.category, "[1.+0.j, 0.+0.j]")
    kind = "" if d in (dtypes.bool_, dtypes.int64, dtypes.float32, dtypes.complex64) else f", dtype={d}"
    convert.__doc__ = (
        f"The tensor as {d}; itself, if it is that already. The gradient comes back in the dtype of the tensor.\n\n"
        f">>> torch.tensor([1, 0]).{name}()\ntensor({shown}{kind})\n"
    )
    attach(name, convert)


for _name, _d in {
    "bool": dtypes.bool_, "byte": dtypes.uint8, "char": dtypes.int8, "short": dtypes.int16, "int": dtypes.int32,
    "long": dtypes.int64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16, "float": dtypes.float32,
    "double": dtypes.float64, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
}.items():  # fmt: skip
    _caster(_name, _d)


_TYPE_NAMES = {
    "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "uint8": "Byte", "int8": "Char",
    "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble", "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64",
}  # fmt: skip


@composite(function=False, method=True)
def type(self, dtype=None, non_blocking=False):
    """The old type name ('torch.FloatTensor'), or the tensor converted to a dtype, type name or legacy type.

    >>> torch.tensor([1, 2]).type()
    'torch.LongTensor'
    >>> torch.tensor([1.5, 2.5]).type(torch.int64)
    tensor([1, 2])
    """
    if dtype is None:
        return f"torch.{_TYPE_NAMES[self.dtype.name]}Tensor"
    if isinstance(dtype, str):
        for d in dtypes.ALL:
            if dtype == f"torch.{_TYPE_NAMES[d.name]}Tensor":
                return cast(self, d)
        raise ValueError(f"invalid type: '{dtype}'")
    wanted: Any = dtype if isinstance(dtype, dtypes.dtype) else getattr(dtype, "_dtype", None)
    if wanted is None:
        raise TypeError("dtype must be a type, str, or dtype object")
    return cast(self, wanted)


@composite(function=False, method=True)
def type_as(self, other):
    """The tensor in the dtype of another.

    >>> torch.tensor([1, 2]).type_as(torch.tensor(1.5))
    tensor([1., 2.])
    """
    return cast(self, other.dtype)


@composite(function=False, method=True)
def cpu(self, memory_format=None):
    """The tensor on the CPU: itself."""
    return self


@composite(function=False, method=True)
def cuda(self, device=None, non_blocking=False, memory_format=None):
    """The tensor on a CUDA device; AssertionError where there is none."""
    devices.check(devices.device("cuda", device) if isinstance(device, int) or device is None else device)
    return self


@composite(function=False, method=True)
def pin_memory(self, device=None):
    """Page-locked memory serves transfers to CUDA devices; RuntimeError where there is none."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


@composite(function=False, method=True)
def is_pinned(self, device=None):
    """Whether the memory is page-locked; never without a CUDA device."""
    return False


# ---- Python numbers


@composite(function=False, method=True)
def item(self):
    """The single element as a Python number; RuntimeError if there are more or none.

    >>> torch.tensor([2.5]).item()
    2.5
    """
    a = self._a
    if a.size != 1:
        raise RuntimeError(f"a Tensor with {a.size} elements cannot be converted to Scalar")
    value = a.item()
    return value if a.dtype.name != "bfloat16" else float(value)


@composite(function=False, method=True)
def tolist(self):
    """Nested lists of Python numbers (a number, for a 0-d tensor).

    >>> torch.tensor([[1, 2], [3, 4]]).tolist()
    [[1, 2], [3, 4]]
    """
    a = self._a
    return a.astype(np.float32).tolist() if a.dtype.name == "bfloat16" else a.tolist()


def _bool(self: Tensor) -> bool:
    a = self._a
    if a.size != 1:
        if a.size == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
    return bool(a.reshape(())[()] != 0)


def _index(self: Tensor) -> int:
    if self._a.size != 1 or self._a.dtype.kind not in "biu":
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self._a.item())


def _need_one(self: Tensor) -> None:
    if self._a.size != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")


def _to_int(self: Tensor) -> int:
    _need_one(self)
    return int(self.item().real if self.is_complex() else self.item())  # type: ignore[attr-defined]


def _to_float(self: Tensor) -> float:
    _need_one(self)
    v = self.item()  # type: ignore[attr-defined]
    if isinstance(v, complex):
        if v.imag:
            raise RuntimeError("value cannot be converted to type double without overflow")
        return v.real
    return float(v)


attach("__bool__", _bool)
attach("__index__", _index)
attach("__int__", _to_int)
attach("__float__", _to_float)
attach("__complex__", lambda self: complex(self.item()))


def _len(self: Tensor) -> int:
    if self._a.ndim == 0:
        raise TypeError("len() of a 0-d tensor")
    return self._a.shape[0]


def _iter(self: Tensor) -> Any:
    if self._a.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))  # type: ignore[attr-defined]


attach("__len__", _len)
attach("__iter__", _iter)
attach("__reversed__", lambda self: self if self._a.ndim == 0 else self.flip(0))


def _contains(self: Tensor, element: Any) -> bool:
    if isinstance(element, (Tensor, int, float, complex, bool)):
        return bool((self == element).any().item())  # type: ignore[attr-defined]
    raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {element.__class__}.")


attach("__contains__", _contains)

# ---- numpy


@composite(function=False, method=True)
def numpy(self, *, force=False):
    """A numpy array over the same memory. RuntimeError on a tensor that requires grad, unless `force`.

    bfloat16, which numpy lacks, is a TypeError, as in PyTorch.

    >>> torch.tensor([[1, 2], [3, 4]]).numpy().shape
    (2, 2)
    """
    if not force and self.requires_grad:
        text = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        raise because(RuntimeError(text), "numpy", tensor=self)
    if self._a.dtype.name == "bfloat16":
        raise TypeError("Got unsupported ScalarType BFloat16")
    return self._a.view()


def _array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    a = self.numpy()  # type: ignore[attr-defined]
    if dtype is not None and a.dtype != dtype:
        return a.astype(dtype)
    return a.copy() if copy else a


def _array_wrap(self: Tensor, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Tensor:
    from .data import from_numpy

    if array.dtype == np.bool_:  # as PyTorch, whose masks were bytes once
        array = array.astype(np.uint8)
    return from_numpy(np.ascontiguousarray(array) if array.ndim else np.asarray(array))


attach("__array__", _array)
attach("__array_wrap__", _array_wrap)

# ---- copies and pickles


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you "
            "were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]
    out = make(self.__class__, _copied(self._a, memo))
    out._rg = self._rg
    if self._grad is not None:
        out._grad = copies.deepcopy(self._grad, memo)
    out.__dict__.update(copies.deepcopy(self.__dict__, memo))
    memo[id(self)] = out
    return out


def _copied(a: np.ndarray, memo: dict[Any, Any]) -> np.ndarray:
    """The same place in a copy of the memory block: what shared memory before shares it after."""
    block = memory(a)
    key = ("memory", block.__array_interface__["data"][0], block.nbytes)
    if key not in memo:
        memo[key] = block.view(np.uint8).copy()
    return np.ndarray(a.shape, a.dtype, memo[key], offset(a) * a.dtype.itemsize, a.strides)


attach("__deepcopy__", _deepcopy)

# ---- text


def _repr(self: Tensor, *, tensor_contents: str | None = None) -> str:
    return echo.tensor_repr(self, tensor_contents=tensor_contents)


attach("__repr__", _repr)
attach("__format__", lambda self, spec: echo.tensor_format(self, spec))

# ---- parts of complex tensors


@composite(method=True, function=True)
def real(input):
    """The real part: a view of a complex tensor, the tensor itself otherwise.

    >>> torch.real(torch.tensor([1 + 2j]))
    tensor([1.])
    """
    need_tensors("real", input=input)
    return _part(input, 0) if input.is_complex() else input


@composite(method=True, function=True)
def imag(input):
    """The imaginary part, as a view; RuntimeError for a tensor that is not complex.

    >>> torch.imag(torch.tensor([1 + 2j]))
    tensor([2.])
    """
    need_tensors("imag", input=input)
    if not input.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _part(input, 1)


def _part(input: Tensor, index: int) -> Tensor:
    """PyTorch records a part as one column of the pairs that complex numbers are in memory."""
    return rows.view_as_real.record(input).select(-1, index)


attach("real", property(real))
attach("imag", property(imag))


@composite(method=True)
def conj(input):
    """The complex conjugate; a real tensor is returned as it is.

    >>> torch.conj(torch.tensor([1 + 2j])).resolve_conj()
    tensor([1.-2.j])
    """
    need_tensors("conj", input=input)
    return ROWS["conj"].record(input) if input.is_complex() else input


@composite(method=True)
def resolve_conj(input):
    """The tensor itself: conjugation is carried out at once here."""
    return input


@composite(method=True)
def resolve_neg(input):
    """The tensor itself: negation is carried out at once here."""
    return input


@composite(method=True)
def is_conj(input):
    """Whether conjugation is still to be carried out; never here."""
    return False


@composite(method=True)
def is_neg(input):
    """Whether negation is still to be carried out; never here."""
    return False


def _question(name: str) -> None:
    method = getattr(Tensor, name)

    def ask(input: Any) -> Any:
        need_tensors(name, input=input)
        return method(input)

    ask.__name__ = ask.__qualname__ = name
    ask.__doc__ = method.__doc__
    publish(name, ask)


for _name in ("is_floating_point", "is_complex", "is_signed", "is_inference", "numel"):
    _question(_name)


@composite()
def is_tensor(obj):
    """Whether `obj` is a tensor.

    >>> torch.is_tensor(torch.zeros(1)), torch.is_tensor([0.0])
    (True, False)
    """
    return isinstance(obj, Tensor)


@composite(method=True)
def is_nonzero(input):
    """Whether the single element is not zero; RuntimeError for more elements or none."""
    if input.numel() != 1:
        if input.numel() == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
    return bool(input)


@composite(function=False, method=True)
def as_subclass(self, cls):
    """The same memory and history as an instance of a Tensor subclass."""
    out = rows.alias.record(self)
    out.__class__ = cls
    return out
