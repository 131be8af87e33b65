"""DLPack by hand: capsules over a numpy array's memory and back, for the one type that numpy cannot pass (bfloat16) too.

Note [Who frees what]
A capsule named "dltensor" owns a DLManagedTensor. Whoever takes it renames it to "used_dltensor" and calls `deleter` when
done.

    export    the struct, the array and the capsule live in EXPORTED until `deleter` takes them out; those of a capsule that
              was dropped untaken (numpy refuses bfloat16) go at the next export. A destructor on the capsule would have to
              run Python while the taker's exception is on its way.
    import    the array's buffer holds a `_Taken`, whose finaliser calls the exporter's `deleter`
"""

from __future__ import annotations

import ctypes
import sys
import weakref
from typing import Any

import numpy as np

from ..dtype import bfloat16, from_np

CPU = 1
INT, UINT, FLOAT, BFLOAT, COMPLEX, BOOL = 0, 1, 2, 4, 5, 6
_CODES = {"i": INT, "u": UINT, "f": FLOAT, "c": COMPLEX, "b": BOOL}
_KINDS = {INT: "i", UINT: "u", FLOAT: "f", COMPLEX: "c"}


class _Device(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int32), ("number", ctypes.c_int32))


class _Type(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _Type),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    pass


_DELETER = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Managed))
_Managed._fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _DELETER))

_api = ctypes.pythonapi
_new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(("PyCapsule_New", _api))
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_IsValid", _api))
_rename = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_SetName", _api))

FRESH, TAKEN = b"dltensor", b"used_dltensor"  # kept here: a capsule holds a pointer to its name only
EXPORTED: dict[int, Any] = {}  # address of the struct -> what must live as long as it does, the capsule last
DROPPED = 3  # references to a capsule that nobody else holds: EXPORTED's, the loop's, the call's own


@_DELETER
def _forget(managed: Any) -> None:
    EXPORTED.pop(ctypes.addressof(managed.contents), None)


def _sweep() -> None:
    for address, (*_, made) in list(EXPORTED.items()):
        if sys.getrefcount(made) <= DROPPED and _is_valid(made, FRESH):
            EXPORTED.pop(address, None)


def capsule(a: np.ndarray) -> Any:
    """A DLPack capsule over the memory of an array on the CPU; BufferError for a dtype that DLPack has no code for."""
    _sweep()
    kind = BFLOAT if a.dtype == bfloat16.np else _CODES.get(a.dtype.kind)
    if kind is None:
        raise BufferError(f"DLPack has no code for {a.dtype}")
    managed = _Managed()
    t = managed.tensor
    t.data, t.device, t.ndim = a.__array_interface__["data"][0], _Device(CPU, 0), a.ndim
    t.dtype, t.byte_offset = _Type(kind, a.dtype.itemsize * 8, 1), 0
    numbers = ctypes.c_int64 * max(a.ndim, 1)
    shape, strides = numbers(*a.shape), numbers(*[s // a.dtype.itemsize for s in a.strides])
    t.shape, t.strides = ctypes.cast(shape, type(t.shape)), ctypes.cast(strides, type(t.strides))
    managed.deleter = _forget
    address = ctypes.addressof(managed)
    made = _new(address, FRESH, None)
    EXPORTED[address] = (managed, a, shape, strides, made)
    return made


class _Taken:
    """Keeps somebody else's memory until the last array over it is gone."""

    def __init__(self, address: int) -> None:
        managed = _Managed.from_address(address)
        if managed.deleter:
            weakref.finalize(self, managed.deleter, ctypes.pointer(managed))


def array(taken: Any) -> np.ndarray:
    """The writable array over a capsule's memory, which takes the capsule over.

    ValueError for a capsule that was taken before, BufferError for memory off the CPU or an unknown type.
    """
    if not _is_valid(taken, FRESH):
        raise ValueError("a DLPack capsule can be taken once, and must be called 'dltensor'")
    address = _pointer(taken, FRESH)
    t = _Managed.from_address(address).tensor
    if t.device.kind != CPU:
        raise BufferError(f"the memory lies on DLPack device {t.device.kind}, not on the CPU")
    code, bits = t.dtype.code, t.dtype.bits
    if t.dtype.lanes != 1 or (code not in _KINDS and code not in (BFLOAT, BOOL)):
        raise BufferError(f"DLPack type {code} of {bits} bits is not supported")
    dt = bfloat16.np if code == BFLOAT else np.dtype(bool) if code == BOOL else np.dtype(f"{_KINDS[code]}{bits // 8}")
    from_np(dt)  # a dtype that tensors have
    shape = [t.shape[k] for k in range(t.ndim)]
    steps = [t.strides[k] * dt.itemsize for k in range(t.ndim)] if t.strides else None
    _rename(taken, TAKEN)
    owner = _Taken(address)
    span = dt.itemsize
    if steps is None:
        for n in shape:
            span *= n
    else:
        span = 0 if 0 in shape else span + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))
    raw = (ctypes.c_char * span).from_address((t.data or 0) + t.byte_offset)
    raw._owner = owner  # type: ignore[attr-defined]
    return np.ndarray(shape, dt, raw, 0, steps)  # type: ignore[arg-type]  # a ctypes array is a buffer
