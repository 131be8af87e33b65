"""Storages with a dtype: `TypedStorage`, its old names (`torch.FloatStorage` ...), and `Tensor.storage()`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtype as dtypes
from .. import storage as blocks
from ..device import check
from ..dtype import dtype
from ..methods import attach, composite, publish
from ..storage import UntypedStorage, memory
from ..tensor import Tensor, wrap

# What checkpoints call the storage of each dtype. The other dtypes are younger than the format: they are written as bytes.
NAMES = {
    dtypes.float64: "DoubleStorage", dtypes.float32: "FloatStorage", dtypes.float16: "HalfStorage", dtypes.int64: "LongStorage",
    dtypes.int32: "IntStorage", dtypes.int16: "ShortStorage", dtypes.int8: "CharStorage", dtypes.uint8: "ByteStorage",
    dtypes.bool_: "BoolStorage", dtypes.bfloat16: "BFloat16Storage", dtypes.complex128: "ComplexDoubleStorage",
    dtypes.complex64: "ComplexFloatStorage",
}  # fmt: skip
DTYPES = {name: d for d, name in NAMES.items()}
CONVERSIONS = {
    "double": dtypes.float64, "float": dtypes.float32, "half": dtypes.float16, "long": dtypes.int64, "int": dtypes.int32,
    "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_, "bfloat16": dtypes.bfloat16,
    "complex_double": dtypes.complex128, "complex_float": dtypes.complex64,
}  # fmt: skip

DEPRECATED = (
    "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. This should "
    "only matter to you if you are using storages directly.  To access UntypedStorage directly, use tensor.untyped_storage() "
    "instead of tensor.storage()"
)


class TypedStorage:
    """The memory block behind a tensor, as elements of its dtype. Deprecated: `UntypedStorage`.

    `TypedStorage(n, dtype=d)` makes one of n elements, `TypedStorage([1, 2], dtype=d)` one with these values,
    `TypedStorage(wrap_storage=s, dtype=d)` shows the bytes of an UntypedStorage.
    """

    __slots__ = ("_untyped_storage", "dtype")
    is_cuda = is_sparse = is_hpu = False
    resizable = True

    def __init__(
        self, *args: Any, wrap_storage: Any = None, dtype: Any = None, device: Any = None, _internal: Any = False
    ):
        if not _internal:
            warnings.warn(DEPRECATED, UserWarning, stacklevel=2)
        self.dtype = dtypes.get_default_dtype() if dtype is None else dtype
        if not isinstance(self.dtype, dtypes.dtype):
            raise TypeError(f"argument 'dtype' must be torch.dtype, not {type(dtype)}")
        if wrap_storage is not None:
            if args:
                raise RuntimeError("TypedStorage: no positional arguments may be given together with 'wrap_storage'")
            if not isinstance(wrap_storage, UntypedStorage):
                raise TypeError(f"Argument 'wrap_storage' must be UntypedStorage, but got {type(wrap_storage)}")
            self._untyped_storage = wrap_storage
            return
        check(device or "cpu")
        self._untyped_storage = UntypedStorage.over(filled(self.dtype, args))

    @property
    def _elements(self) -> np.ndarray:
        block = self._untyped_storage._block
        return block[: block.size // self.dtype.itemsize * self.dtype.itemsize].view(self.dtype.np)

    @property
    def device(self) -> Any:
        """Where the memory lies."""
        return self._untyped_storage.device

    @property
    def filename(self) -> str | None:
        """The file behind a storage that is shared through one."""
        return self._untyped_storage.filename

    @classmethod
    def from_file(cls, filename: str, shared: bool, size: int, dtype: Any = None) -> TypedStorage:
        """The first `size` elements of a file, mapped."""
        d = dtype or getattr(cls, "_dtype", None) or dtypes.get_default_dtype()
        return TypedStorage(
            wrap_storage=UntypedStorage.from_file(filename, shared, size * d.itemsize), dtype=d, _internal=True
        )

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return self._untyped_storage

    def data_ptr(self) -> int:
        """Address of the first element."""
        return self._untyped_storage.data_ptr()

    _data_ptr = data_ptr

    def size(self) -> int:
        """Number of elements."""
        return len(self._elements)

    __len__ = _size = size

    def nbytes(self) -> int:
        """Number of bytes."""
        return self._untyped_storage.nbytes()

    _nbytes = nbytes

    def element_size(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    _element_size = element_size

    def is_shared(self) -> bool:
        """Whether other processes see the memory."""
        return self._untyped_storage.is_shared()

    def is_pinned(self, device: Any = "cuda") -> bool:
        """Whether the memory is locked for transfers to a device: never."""
        return False

    def get_device(self) -> int:
        """The device's number; -1 on the CPU."""
        return -1

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self._elements.tolist()

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not isinstance(i, int):
            raise RuntimeError(f"can't index a {type(self)} with {type(i)}")
        if not -len(self) <= i < len(self):
            raise IndexError(f"index {i} out of range for storage of size {len(self)}")
        return self._elements[i].item()

    def __setitem__(self, i: Any, value: Any) -> None:
        if not isinstance(i, (int, slice)):
            raise RuntimeError(f"can't index a {type(self)} with {type(i)}")
        self._elements[i] = value

    def fill_(self, value: Any) -> TypedStorage:
        """Writes one value into every element."""
        self._elements[...] = value
        return self

    def copy_(self, source: Any, non_blocking: bool | None = None) -> TypedStorage:
        """Takes over the elements of another storage with as many, converted to this one's dtype."""
        if isinstance(source, TypedStorage):
            if len(source) != len(self):
                raise RuntimeError(
                    f"size does not match, self was {len(self)} elements but src was {len(source)} elements"
                )
            self._elements[...] = source._elements
        else:
            self._untyped_storage.copy_(source)
        return self

    def clone(self) -> TypedStorage:
        """A copy."""
        return TypedStorage(wrap_storage=self._untyped_storage.clone(), dtype=self.dtype, _internal=True)

    def cpu(self) -> TypedStorage:
        """Itself, which lies on the CPU."""
        return self

    def resize_(self, size: int) -> None:
        """Gives the storage another number of elements; see `UntypedStorage.resize_`."""
        self._untyped_storage.resize_(size * self.dtype.itemsize)

    def pickle_storage_type(self) -> str:
        """What checkpoints call this storage; KeyError for a dtype that they write as bytes."""
        return NAMES[self.dtype]

    _pickle_storage_type = pickle_storage_type

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The old name of the class, such as "torch.FloatStorage"."""
        return f"torch.{NAMES[self.dtype]}" if dtype is None else self

    def _to(self, d: dtype) -> TypedStorage:
        converted = wrap(self._elements).to(d)._a  # type: ignore[attr-defined]
        if d is self.dtype:
            return self
        return TypedStorage(wrap_storage=UntypedStorage.over(memory(converted)), dtype=d, _internal=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedStorage) and (other.data_ptr(), len(other)) == (self.data_ptr(), len(self))

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __copy__(self) -> TypedStorage:
        return self.clone()

    def __deepcopy__(self, memo: dict[Any, Any]) -> TypedStorage:
        copied = self._untyped_storage.__deepcopy__(memo)
        return TypedStorage(wrap_storage=copied, dtype=self.dtype, _internal=True)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_storage, (self._elements, self.dtype)

    def __repr__(self) -> str:
        body = "\n".join(f" {e}" for e in self.tolist())
        return f"{body}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"


def filled(d: dtype, args: tuple[Any, ...]) -> np.ndarray:
    """The bytes of a new storage: of nothing, a number of elements, a sequence of values or an UntypedStorage."""
    if len(args) > 1:
        raise TypeError(f"TypedStorage() takes at most one positional argument, but {len(args)} were given")
    given = args[0] if args else 0
    if isinstance(given, (int, np.integer)):
        return np.empty(int(given) * d.itemsize, np.uint8)
    if isinstance(given, UntypedStorage):
        return given._block
    if isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, (str, bytes)):
        return np.array(given, dtype=d.np).reshape(-1).view(np.uint8)
    raise TypeError(f"Argument type not recognized: {type(given)}")


def _rebuild_storage(elements: np.ndarray, d: dtype) -> TypedStorage:
    """Undoes pickling."""
    block = elements if elements.flags.writeable else elements.copy()
    return TypedStorage(wrap_storage=UntypedStorage.over(block.view(np.uint8)), dtype=d, _internal=True)


def _untyped_reduce(self: UntypedStorage, protocol: Any) -> Any:
    return _rebuild_untyped, (self._block,)


def _rebuild_untyped(block: np.ndarray) -> UntypedStorage:
    """Undoes pickling."""
    return UntypedStorage.over(block if block.flags.writeable else block.copy())


for _name, _to in CONVERSIONS.items():

    def _converted(self: Any, _d: dtype = _to) -> TypedStorage:
        """The elements converted to another dtype; a storage of bytes counts as uint8."""
        if isinstance(self, UntypedStorage):
            self = TypedStorage(wrap_storage=self, dtype=dtypes.uint8, _internal=True)
        return self._to(_d)

    setattr(TypedStorage, _name, _converted)
    setattr(UntypedStorage, _name, _converted)
UntypedStorage.__reduce_ex__ = _untyped_reduce  # type: ignore[method-assign,assignment]


class _Old(type):
    """The metaclass of `torch.FloatStorage` and its siblings: calls make a TypedStorage, isinstance looks at the dtype."""

    _dtype: dtype

    def __call__(cls, *args: Any, wrap_storage: Any = None, **kwargs: Any) -> TypedStorage:
        if "dtype" in kwargs:
            raise RuntimeError(f"{cls.__qualname__}.__new__: argument 'dtype' may not be given")
        warnings.warn(DEPRECATED, UserWarning, stacklevel=2)
        return TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls._dtype, _internal=True)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TypedStorage) and instance.dtype is cls._dtype

    @property
    def dtype(cls) -> dtype:
        return cls._dtype


class _OldStorage:
    """Base of the old classes: what they can do without an instance."""

    _dtype: dtype

    @classmethod
    def from_buffer(cls, buffer: Any, byte_order: str = "native", count: int = -1, offset: int = 0) -> TypedStorage:
        """A copy of the elements in an object with the buffer protocol."""
        d = cls._dtype
        a = np.frombuffer(buffer, d.np, count, offset).copy()
        made = TypedStorage(wrap_storage=UntypedStorage.over(a.view(np.uint8)), dtype=d, _internal=True)
        if byte_order == "big":
            made._untyped_storage.byteswap(d)
        return made

    @classmethod
    def from_file(cls, filename: str, shared: bool = False, size: int = 0) -> TypedStorage:
        """The first `size` elements of a file, mapped."""
        return TypedStorage.from_file(filename, shared, size, cls._dtype)


for _d, _name in NAMES.items():
    _text = f"Old name for a TypedStorage of {_d}."
    publish(_name, _Old(_name, (_OldStorage,), {"_dtype": _d, "__module__": "tgrad", "__doc__": _text}))
for _storage in (TypedStorage, UntypedStorage):
    _storage.__module__ = "tgrad.storage"
    publish(_storage.__name__, _storage)
# `torch.storage` is where PyTorch has it; this module stands above that one.
blocks.TypedStorage = TypedStorage  # type: ignore[attr-defined]


def is_storage(obj: Any) -> bool:
    """Whether `obj` is a storage.

    >>> torch.is_storage(torch.ones(2).untyped_storage()), torch.is_storage(torch.ones(2))
    (True, False)
    """
    return isinstance(obj, (UntypedStorage, TypedStorage))


publish("is_storage", is_storage)


def from_file(
    filename: str, shared: Any = None, size: int = 0, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A 1-d tensor over the first `size` elements of a file, which is mapped: read when it is looked at.

    With `shared`, writes reach the file, which is made or grows as needed; RuntimeError for one that is too short, or missing, without.
    """
    check(device or "cpu")
    d = dtypes.get_default_dtype() if dtype is None else dtype
    if shared:
        open(filename, "ab").close()
    try:
        block = blocks.mapped(filename, bool(shared), 0, size * d.itemsize)
    except FileNotFoundError:
        raise RuntimeError(
            f"unable to open file <{filename}> in read-{'write' if shared else 'only'} mode: No such file or directory (2)"
        ) from None
    out = wrap(block.view(d.np))
    return out.requires_grad_() if requires_grad else out


publish("from_file", from_file)


def _typed_storage(self: Tensor) -> TypedStorage:
    return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype, _internal=True)


attach("_typed_storage", _typed_storage)


@composite(method=True, function=False)
def storage(self):
    """The memory block behind the tensor, as elements of its dtype. Deprecated: `untyped_storage`."""
    warnings.warn(DEPRECATED, UserWarning, stacklevel=3)
    return _typed_storage(self)


@composite(method=True, function=False)
def storage_type(self):
    """The old class of the tensor's storage, such as torch.FloatStorage."""
    from .. import functions

    return getattr(functions, NAMES[self.dtype])
