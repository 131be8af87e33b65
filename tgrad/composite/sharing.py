"""Memory that several processes see: `share_memory_`, and the segments it moves tensors into.

Note [Shared segments]
A segment is a mapping of a file that has no name: `memfd_create`, or where there is none a temporary file that is unlinked before it
is used. Other processes get the descriptor itself (tgrad/multiprocessing, utils/data). So there is nothing that a killed process
could leave behind: the system frees the memory with the last mapping of it.

An array over a segment holds it through `base`, as arrays over pooled memory hold their lease; the mapping ends with the last array.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import mmap
import os
import weakref
from typing import Any

import numpy as np

from ..methods import composite
from ..pool import alone
from ..tensor import Tensor

ON_SHARING: list[
    Any
] = []  # called before a tensor is shared for the first time: how processes exchange it is another module's matter


@functools.cache
def _libc() -> Any:
    lib = ctypes.CDLL(None, use_errno=True)
    pointer, size, integer = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    lib.mmap.restype, lib.mmap.argtypes = pointer, (pointer, size, integer, integer, integer, ctypes.c_long)
    lib.munmap.restype, lib.munmap.argtypes = integer, (pointer, size)
    return lib


def anonymous_file(nbytes: int) -> int:
    """A descriptor of a file in memory without a name; OSError where the system refuses one."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("tgrad", os.MFD_CLOEXEC)
    else:
        import tempfile

        fd, path = tempfile.mkstemp(prefix="tgrad-")
        os.unlink(path)
    try:
        os.ftruncate(fd, nbytes)
    except OSError:
        os.close(fd)
        raise
    return fd


class Segment:
    """A mapping of such a file: at `address`, `nbytes` long. Closes `fd` with itself, where it was told to keep it."""

    __slots__ = ("__array_interface__", "__weakref__", "_unmap", "address", "fd", "nbytes")

    shared = True

    def __init__(self, fd: int, nbytes: int, keep: bool = True) -> None:
        self.fd, self.nbytes, self.address = fd if keep else None, max(nbytes, 1), 0
        lib = _libc()
        self._unmap = lib.munmap
        address = lib.mmap(None, self.nbytes, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
        if address in (None, ctypes.c_void_p(-1).value):
            code = ctypes.get_errno()
            raise OSError(code, f"cannot map {nbytes} bytes of shared memory: {os.strerror(code)}")
        self.address = address
        self.__array_interface__ = {"shape": (nbytes,), "typestr": "|u1", "data": (address, False), "version": 3}

    @classmethod
    def create(cls, nbytes: int) -> Segment:
        return cls(anonymous_file(max(nbytes, 1)), nbytes)

    def __del__(self) -> None:
        if self.address:
            self._unmap(self.address, self.nbytes)
        if self.fd is not None:
            os.close(self.fd)


_SEEN: weakref.WeakValueDictionary[tuple[int, int], Segment] = weakref.WeakValueDictionary()  # by what their file is


def received(fd: int, nbytes: int) -> Segment:
    """The segment of a descriptor that came from another process: the same object each time while it lives, so that tensors that share
    memory there do so here."""
    status = os.fstat(fd)
    key = status.st_dev, status.st_ino
    found = _SEEN.get(key)
    if found is None:
        found = _SEEN[key] = Segment(fd, nbytes)
    else:
        os.close(fd)
    return found


def root(a: np.ndarray) -> Any:
    """What the memory under an array belongs to, at the end of the chain of bases."""
    while type(a) is np.ndarray and a.base is not None:
        a = a.base
    return a


def segment_of(t: Tensor) -> Segment | None:
    """The segment that a tensor's memory lies in, if it is one that can be handed on."""
    found = root(t._a)
    return found if type(found) is Segment else None


def _whole(a: np.ndarray) -> tuple[int, int]:
    """Address and length, in bytes, of the block that an array is a view of."""
    while type(a.base) is np.ndarray:
        a = a.base
    if a.flags.c_contiguous or a.flags.f_contiguous:
        return a.__array_interface__["data"][0], a.nbytes
    low, high = np.lib.array_utils.byte_bounds(a)
    return low, high - low


def share(t: Tensor) -> Segment:
    """Moves a tensor's memory, and with it all tensors that are views of the same memory, into a segment."""
    found = segment_of(t)
    if found is not None:
        return found
    for hook in ON_SHARING:
        hook()
    whole = _whole(t._a)
    segment = Segment.create(whole[1])
    status = os.fstat(segment.fd)  # type: ignore[arg-type]
    _SEEN[status.st_dev, status.st_ino] = segment
    moved = np.asarray(segment)
    moved[:] = np.ctypeslib.as_array((ctypes.c_uint8 * whole[1]).from_address(whole[0])) if whole[1] else 0
    others = [t]
    if not alone(t._a):  # asked by type: isinstance would have proxies of other libraries look up what they stand for
        others = [x for x in gc.get_objects() if issubclass(type(x), Tensor) and _whole(x._a) == whole]
    for other in others:
        a = other._a
        at = a.__array_interface__["data"][0] - whole[0] if a.size else 0
        other._a = np.ndarray(a.shape, a.dtype, moved, at, a.strides)
    return segment


@composite(function=False, method=True)
def is_shared(self):
    """Whether the memory can be seen by other processes.

    >>> torch.zeros(2).share_memory_().is_shared()
    True
    """
    return bool(getattr(root(self._a), "shared", False))


@composite(function=False, method=True)
def share_memory_(self):
    """Moves the memory to where other processes can see it, those that fork from this one and those that it is sent to. Views of it
    move along; numpy arrays over it do not. A tensor in shared memory stays where it is.

    >>> torch.arange(3).share_memory_()
    tensor([0, 1, 2])
    """
    share(self)
    return self
