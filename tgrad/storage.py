"""Memory behind tensors: which block an array lies in, where in it, and views of it by strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .device import CPU
from .device import check as check_device
from .shape import is_contiguous


class VersionCounter:
    """Counts in-place writes into a memory block; shared by a tensor, its views and its detached aliases."""

    __slots__ = ("by", "n")

    n: int
    by: int  # who wrote last, while provenance is on: see graph/places.py; often unset

    def __init__(self, n: int = 0) -> None:
        self.n = n


class _InferenceCounter(VersionCounter):
    """Stands in the place of a counter in inference tensors: they count nothing, and saving one for backward fails."""

    __slots__ = ()

    @property
    def n(self) -> int:  # type: ignore[override]
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
            "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
            "autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
        )

    @n.setter
    def n(self, value: int) -> None:
        pass


INFERENCE = _InferenceCounter()


def memory(a: np.ndarray) -> np.ndarray:
    """The whole memory block that `a` is a view of, as a flat array of a's dtype (without a copy)."""
    b = a
    while type(b.base) is np.ndarray:
        b = b.base
    if b.ndim != 1 or not b.flags.c_contiguous:
        flat = b.ravel(order="K")
        b = flat if flat.base is not None else a
    if b.dtype != a.dtype:
        whole = b.nbytes // a.dtype.itemsize * a.dtype.itemsize
        b = b.view(np.uint8)[:whole].view(a.dtype)
    return b


def strides(a: np.ndarray) -> tuple[int, ...]:
    """Strides in elements; those of row-major order where nothing is there and numpy has none."""
    size = a.dtype.itemsize
    if not a.size and not any(a.strides):
        steps = [1]
        for n in a.shape[:0:-1]:
            steps.append(steps[-1] * max(n, 1))
        return tuple(steps[::-1][: a.ndim])
    return tuple([s // size for s in a.strides])


def offset(a: np.ndarray) -> int:
    """Where the first element of `a` lies in its memory block, in elements."""
    b = a.base
    if b is None:
        return 0
    return (a.__array_interface__["data"][0] - memory(a).__array_interface__["data"][0]) // a.dtype.itemsize


def strided(a: np.ndarray, size: Sequence[int], stride: Sequence[int], first: int | None = None) -> np.ndarray:
    """A view of a's memory block with the given sizes and strides (elements), starting at element `first` of the block
    (default: where `a` starts). Nothing is checked but that the view stays inside the block.
    """
    item = a.dtype.itemsize
    steps = [s * item for s in stride]
    if first is None and a.flags.c_contiguous and a.size:
        return np.ndarray(size, a.dtype, a, 0, steps)
    block = memory(a)
    at = offset(a) if first is None else first
    if 0 in size:  # an empty view may begin past the end, where numpy would not let it
        at = min(at, block.size)
    return np.ndarray(size, a.dtype, block, at * item, steps)


def overlaps_itself(a: np.ndarray) -> bool:
    """Whether a dimension repeats the same memory, so that writing would be ambiguous. Other overlaps (of windows, say) are
    not looked for, as in PyTorch."""
    if a.flags.c_contiguous or a.flags.f_contiguous:
        return False
    return any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape, strict=True))


def blank(a: np.ndarray) -> np.ndarray:
    """Memory for a result laid out like `a`: its order of dimensions if it is dense, else row-major."""
    return np.empty_like(a) if dense(a) else np.empty(a.shape, a.dtype)


def same_strides(a: np.ndarray) -> np.ndarray:
    """A copy with the very strides of an array, gaps included; row-major where elements share memory."""
    if a.size == 0 or overlaps_itself(a):
        return a.copy()
    extent = a.itemsize + sum((n - 1) * s for n, s in zip(a.shape, a.strides, strict=True))
    out: np.ndarray = np.ndarray(a.shape, a.dtype, np.empty(extent, np.uint8), 0, a.strides)
    out[...] = a
    return out


def laid_out(r: np.ndarray, operands: Sequence[np.ndarray]) -> np.ndarray:
    """The result of an elementwise op with its dimensions in memory in the order that the operands ask for.

    Dimensions are sorted by the strides of the first operand that tells two of them apart; numpy falls back to row-major
    order where operands disagree.
    """
    if len(operands) < 2:
        return r
    first, shape = operands[0].strides, operands[0].shape
    # Where operands broadcast, PyTorch looks at the strides of their size-1 dimensions too, which `c_contiguous` ignores.
    for a in operands:
        if a.shape != shape or not a.flags.c_contiguous:
            break
    else:
        return r
    if all(a.strides == first for a in operands):
        return r
    order = memory_order(operands, r.shape)
    steps, step = [0] * r.ndim, r.itemsize
    for d in order:
        steps[d] = step
        step *= r.shape[d]
    if all(n == 1 or s == t for n, s, t in zip(r.shape, r.strides, steps, strict=True)):
        return r
    return copied(r, r.dtype, order)


def copied(a: np.ndarray, dtype: np.dtype, order: list[int]) -> np.ndarray:
    """A copy with the dimensions in memory in this order, the one with the smallest step first."""
    out = np.empty([a.shape[d] for d in reversed(order)], dtype).transpose(np.argsort(order[::-1]))
    out[...] = a
    return out


def memory_order(operands: Sequence[np.ndarray], shape: Sequence[int]) -> list[int]:
    """The dimensions of an elementwise result, the one with the smallest step first. See `laid_out`."""
    order = list(range(len(shape)))[::-1]
    for i in range(1, len(shape)):
        at = i
        for j in range(i - 1, -1, -1):
            c = _slower(order[j], order[at], shape, operands)
            if c > 0:
                order[j], order[at] = order[at], order[j]
                at = j
            elif c < 0:
                break
    return order


def _slower(a: int, b: int, shape: Sequence[int], operands: Sequence[np.ndarray]) -> int:
    """1 if dimension a steps further than b, -1 if less, 0 if no operand can tell."""
    for x in operands:
        lead = len(shape) - x.ndim
        s, t = (0 if d < lead or (x.shape[d - lead] == 1 and shape[d] != 1) else x.strides[d - lead] for d in (a, b))
        if s == 0 or t == 0:
            continue
        if s != t:
            return 1 if s > t else -1
        if shape[a] > shape[b]:
            return 1
    return 0


def overlap_partly(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two dense arrays share memory without being the same view of it, so that writing into one while reading the
    other would go wrong. Arrays with gaps count as apart, as in PyTorch."""
    if a is b or not np.may_share_memory(a, b) or not dense(a) or not dense(b):
        return False
    same = a.__array_interface__["data"][0] == b.__array_interface__["data"][0] and a.nbytes == b.nbytes
    return not (same and a.strides == b.strides)


def dense(a: np.ndarray) -> bool:
    """Whether the elements fill a block without gaps, in whatever order of dimensions."""
    if a.flags.c_contiguous or a.flags.f_contiguous:
        return True
    pairs = sorted(((s, n) for s, n in zip(strides(a), a.shape, strict=True) if n != 1), reverse=True)
    return is_contiguous([n for _, n in pairs], [s for s, _ in pairs])


class UntypedStorage:
    """A block of memory as bytes: that behind one or more tensors, or a new one.

    `UntypedStorage(n)` makes one of n bytes (anything may stand in them), `UntypedStorage([1, 2])` one with these bytes.
    RuntimeError for what is neither, or a negative size.

    >>> torch.ones(2).untyped_storage().tolist()
    [0, 0, 128, 63, 0, 0, 128, 63]
    """

    __slots__ = ("__weakref__", "_block", "device", "filename")

    _block: np.ndarray
    filename: str | None
    is_cuda = is_sparse = is_sparse_csr = is_hpu = False
    resizable = True

    def __init__(self, size: Any = 0, *, device: Any = None) -> None:
        if isinstance(size, (int, np.integer)) and not isinstance(size, bool):
            if size < 0:
                raise RuntimeError(f"Storage size calculation overflowed with sizes=[{size}]")
            block = np.empty(int(size), np.uint8)
        elif isinstance(size, Sequence) and not isinstance(size, (str, bytes)):
            block = np.array([int(b) & 255 for b in size], np.uint8)
        else:
            raise RuntimeError(
                f"torch.UntypedStorage(): tried to construct a storage from a sequence ({type(size).__name__}), but one of the items "
                "was of a type other than int"
            )
        self._block, self.device, self.filename = block, CPU if device is None else check_device(device), None

    @classmethod
    def over(cls, block: np.ndarray, device: Any = CPU, filename: str | None = None) -> UntypedStorage:
        """A storage over the memory of a flat array."""
        made = cls.__new__(cls)
        made._block, made.device, made.filename = block.view(np.uint8), device, filename
        return made

    @classmethod
    def from_file(cls, filename: str, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The bytes of a file, mapped: they are read when they are looked at. Writes reach the file only if `shared`."""
        return cls.over(mapped(filename, shared, 0, nbytes), CPU, filename if shared else None)

    @classmethod
    def from_buffer(cls, buffer: Any, *args: Any, **kwargs: Any) -> UntypedStorage:
        """A copy of the bytes of an object with the buffer protocol."""
        return cls.over(np.frombuffer(buffer, np.uint8).copy())

    def data_ptr(self) -> int:
        """Address of the block's first byte; 0 for an empty block."""
        return self._block.__array_interface__["data"][0] if self._block.size else 0

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._block.nbytes

    size = nbytes

    def __len__(self) -> int:
        return self._block.nbytes

    def element_size(self) -> int:
        """1: an element is a byte."""
        return 1

    def get_device(self) -> int:
        """The device's number; -1 on the CPU."""
        return -1

    def is_pinned(self, device: Any = "cuda") -> bool:
        """Whether the memory is locked for transfers to a device: never."""
        return False

    def is_shared(self) -> bool:
        """Whether other processes see the memory: that of a file mapped as shared is."""
        return self.filename is not None

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def cpu(self) -> UntypedStorage:
        """Itself, which lies on the CPU."""
        return self

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            start, stop, step = i.indices(len(self))
            if step != 1:
                raise RuntimeError(f"Trying to slice with a step of {step}, but only a step of 1 is supported")
            part = self._block[start : max(stop, start)]
            # Through a memoryview the part counts as a block of its own, which a tensor over it can tell.
            apart = np.frombuffer(memoryview(part), np.uint8) if part.size else part.copy()  # type: ignore[arg-type]
            return UntypedStorage.over(apart, self.device)
        if not -len(self) <= i < len(self):
            raise IndexError(f"index {i} out of range for storage of size {len(self)}")
        return int(self._block[i])

    def __setitem__(self, i: Any, value: Any) -> None:
        self._block[i] = value

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def tolist(self) -> list[int]:
        """The bytes as Python ints."""
        return self._block.tolist()

    def fill_(self, value: int) -> UntypedStorage:
        """Writes one value into every byte."""
        self._block[...] = int(value) & 255
        return self

    def copy_(self, source: Any, non_blocking: bool | None = None) -> UntypedStorage:
        """Takes over the bytes of another storage of the same size, else RuntimeError."""
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
            )
        self._block[...] = source.untyped()._block
        return self

    def clone(self) -> UntypedStorage:
        """A copy."""
        return UntypedStorage.over(self._block.copy(), self.device)

    def resize_(self, size: int) -> UntypedStorage:
        """Gives this storage another size, keeping its leading bytes. Tensors that were made over it keep the old memory."""
        if size > len(self):
            grown = np.empty(size, np.uint8)
            grown[: len(self)] = self._block
            self._block = grown
        else:
            self._block = self._block[:size]
        return self

    def byteswap(self, dtype: Any) -> None:
        """Turns the bytes of each element of the dtype around, in place."""
        item = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
        whole = self._block[: len(self) // item * item].reshape(-1, item)
        whole[...] = whole[:, ::-1].copy()

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of the class."""
        return "torch.storage.UntypedStorage" if dtype is None else self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other.data_ptr() == self.data_ptr() and len(other) == len(self)

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __copy__(self) -> UntypedStorage:
        return self.clone()

    def __deepcopy__(self, memo: dict[Any, Any]) -> UntypedStorage:
        # The key is that of tensors' deepcopy: what shared memory before shares it after.
        key = ("memory", self._block.__array_interface__["data"][0], self._block.nbytes)
        if key not in memo:
            memo[key] = self._block.copy()
        return UntypedStorage.over(memo[key], self.device)

    def __repr__(self) -> str:
        body = "\n".join(f" {b}" for b in self._block.tolist())
        return f"{body}\n[torch.storage.UntypedStorage(device={self.device}) of size {len(self)}]"


def mapped(filename: str, shared: bool, start: int, nbytes: int) -> np.ndarray:
    """Bytes of a file as an array over a mapping: writes stay in this process unless `shared`.

    RuntimeError if the file is shorter; a shared file grows instead.
    """
    import mmap
    import os

    with open(filename, "r+b" if shared else "rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if start + nbytes > size:
            if not shared:
                raise RuntimeError(
                    f"unable to mmap {nbytes} bytes from file <{filename}>: Cannot allocate memory (12)"
                    if size == 0
                    else f"file <{filename}> size <{size}> is smaller than the required mapping size <{start + nbytes}>"
                )
            os.ftruncate(opened.fileno(), start + nbytes)
        if nbytes == 0:
            return np.empty(0, np.uint8)
        whole = mmap.mmap(opened.fileno(), start + nbytes, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
    return np.frombuffer(whole, np.uint8, nbytes, start)
