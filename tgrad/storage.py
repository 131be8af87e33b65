"""Memory behind tensors: which block an array lies in, where in it, and views of it by strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
    """Strides in elements."""
    size = a.dtype.itemsize
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
    """The memory block behind one or more tensors, as bytes."""

    __slots__ = ("_block", "device")

    def __init__(self, block: np.ndarray, device: Any) -> None:
        self._block, self.device = block.view(np.uint8), device

    def data_ptr(self) -> int:
        """Address of the block's first byte."""
        return self._block.__array_interface__["data"][0]

    def nbytes(self) -> int:
        return self._block.nbytes

    size = nbytes

    def __len__(self) -> int:
        return self._block.nbytes

    def __getitem__(self, i: int) -> int:
        return int(self._block[i])

    def __setitem__(self, i: int, value: int) -> None:
        self._block[i] = value

    def tolist(self) -> list[int]:
        return self._block.tolist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other.data_ptr() == self.data_ptr() and len(other) == len(self)

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __repr__(self) -> str:
        body = "\n".join(f" {b}" for b in self._block.tolist())
        return f"{body}\n[torch.storage.UntypedStorage(device={self.device}) of size {len(self)}]"
