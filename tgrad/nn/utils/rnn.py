"""Sequences of different lengths, as `torch.nn.utils.rnn` has them: padded to one length, or packed without padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ... import functions as fn
from ...dtype import float16, float32, float64, int8, int16, int32, int64, uint8
from ...tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence_(NamedTuple):
    """The fields of PackedSequence."""

    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


def bind(optional: Any, fn: Callable[[Any], Any]) -> Any:
    """fn(optional), or None for None."""
    return None if optional is None else fn(optional)


class PackedSequence(PackedSequence_):
    """Sequences of different lengths, step after step, without padding. Made by `pack_sequence` and `pack_padded_sequence`.

    data: [N, ...], the first elements of all sequences, then the second ones of those that have one, ...;
    batch_sizes: int64, how many sequences there are at each step. Where they had to be sorted by length, sorted_indices says which
    sequence came first, ..., and unsorted_indices is the inverse of it. All recurrent modules take a PackedSequence as input.

    >>> packed = nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 3, 2]), tensor([2, 1]))
    """

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> Any:
        return super().__new__(cls, *_packed_sequence_init_args(data, batch_sizes, sorted_indices, unsorted_indices))

    def pin_memory(self) -> Any:
        """The same in pinned memory."""
        return type(self)(
            self.data.pin_memory(),
            self.batch_sizes,
            bind(self.sorted_indices, lambda t: t.pin_memory()),
            bind(self.unsorted_indices, lambda t: t.pin_memory()),
        )

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """`data` in another dtype or on another device, as Tensor.to; this very object if nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        move = lambda t: t.to(data.device)
        return type(self)(data, self.batch_sizes, bind(self.sorted_indices, move), bind(self.unsorted_indices, move))

    def cuda(self, *args: Any, **kwargs: Any) -> Any:
        """The same on a CUDA device."""
        example = fn.tensor((), dtype=self.data.dtype, device=self.data.device).to(*args, **kwargs)
        return self.to(*args, **kwargs) if example.is_cuda else self.to(*args, **kwargs, device="cuda")

    def cpu(self, *args: Any, **kwargs: Any) -> Any:
        """The same in the CPU's memory."""
        example = fn.tensor((), dtype=self.data.dtype, device=self.data.device).to(*args, **kwargs)
        return self.to(*args, **kwargs) if example.device.type == "cpu" else self.to(*args, **kwargs, device="cpu")

    def double(self) -> Any:
        """`data` in float64."""
        return self.to(dtype=float64)

    def float(self) -> Any:
        """`data` in float32."""
        return self.to(dtype=float32)

    def half(self) -> Any:
        """`data` in float16."""
        return self.to(dtype=float16)

    def long(self) -> Any:
        """`data` in int64."""
        return self.to(dtype=int64)

    def int(self) -> Any:
        """`data` in int32."""
        return self.to(dtype=int32)

    def short(self) -> Any:
        """`data` in int16."""
        return self.to(dtype=int16)

    def char(self) -> Any:
        """`data` in int8."""
        return self.to(dtype=int8)

    def byte(self) -> Any:
        """`data` in uint8."""
        return self.to(dtype=uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether `data` is on a CUDA device."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether `data` is in pinned memory."""
        return self.data.is_pinned()


def _packed_sequence_init_args(data: Any, batch_sizes: Any, sorted_indices: Any, unsorted_indices: Any) -> tuple[Any, ...]:  # fmt: skip
    if unsorted_indices is None:
        unsorted_indices = invert_permutation(sorted_indices)
    if batch_sizes is None:
        if not (isinstance(data, (list, tuple)) and len(data) == 2):
            raise AssertionError("Expected data to be a list or tuple of length 2")
        return data[0], data[1], sorted_indices, unsorted_indices
    if batch_sizes.device.type != "cpu":
        raise ValueError(
            "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. They should be "
            "instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn. "
            "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
        )
    return data, batch_sizes, sorted_indices, unsorted_indices


def _packed_sequence_init(
    data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
) -> PackedSequence:
    return PackedSequence(data, batch_sizes, sorted_indices, unsorted_indices)


def invert_permutation(permutation: Any) -> Any:
    """The inverse of a permutation, int64 [n]; None for None.

    >>> nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    return fn.empty_like(permutation).scatter_(0, permutation, fn.arange(permutation.numel()))


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs padded sequences [T, B, ...] ([B, T, ...] with batch_first) of these lengths, a list or a 1-d tensor.

    RuntimeError if lengths do not decrease; with enforce_sorted=False the sequences are sorted first, and the result remembers how.

    >>> padded = torch.tensor([[1, 3], [2, 0]])
    >>> nn.utils.rnn.pack_padded_sequence(padded, [2, 1])
    PackedSequence(data=tensor([1, 3, 2]), batch_sizes=tensor([2, 1]), sorted_indices=None, unsorted_indices=None)
    """
    if isinstance(lengths, Tensor):
        lengths = lengths.to(dtype=int64)  # type: ignore[attr-defined]
    else:
        lengths = fn.as_tensor(lengths, dtype=int64)
    order = None
    if not enforce_sorted:
        lengths, order = fn.sort(lengths, descending=True)
        input = input.index_select(0 if batch_first else 1, order)  # type: ignore[attr-defined]
    data, batch_sizes = fn._pack_padded_sequence(input, lengths, batch_first)
    return PackedSequence(data, batch_sizes, order, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The inverse of packing: sequences in their original order, padded to [T, B, ...] ([B, T, ...]), and their lengths.

    T is the longest length, or total_length if that is given; ValueError if it is too short.

    >>> packed = nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    longest = sequence.batch_sizes.size(0)
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    padded, lengths = fn._pad_packed_sequence(sequence.data, sequence.batch_sizes, batch_first, padding_value, longest)
    order = sequence.unsorted_indices
    if order is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, order), lengths[order.cpu()]


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences [L, ...] padded to the longest and laid side by side: [T, B, ...] ([B, T, ...] with batch_first).

    padding_side "left" puts the padding in front. The dtype is that of the first sequence.

    >>> nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    items: tuple[Any, ...] = tuple(sequences)
    for i, t in enumerate(items):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    if not items:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    first = items[0]
    if not first.dim():
        raise RuntimeError("ArrayRef: invalid slice, N = 1; size = 0")
    rest, longest = first.shape[1:], max(t.shape[0] for t in items)
    for t in items:
        if t.shape[1:] != rest:
            want, have = ([t.shape[0], *s] for s in (rest, t.shape[1:]))
            if len(have) > len(want) or any(h not in (w, 1) for h, w in zip(have[::-1], want[::-1], strict=False)):
                raise RuntimeError(f"output with shape {want} doesn't match the broadcast shape {have}")
    dims = (len(items), longest) if batch_first else (longest, len(items))
    out = fn.full((*dims, *rest), padding_value, dtype=first.dtype, device=first.device)
    places = []
    for i, t in enumerate(items):
        start = longest - t.shape[0] if padding_side == "left" else 0
        steps = range(start, start + t.shape[0])
        places += [i * longest + s for s in steps] if batch_first else [s * len(items) + i for s in steps]
    joined = fn.cat([t.to(first.dtype).expand(t.shape[0], *rest) for t in items])
    out.flatten(0, 1).index_copy_(0, fn.tensor(places, dtype=int64), joined)
    return out


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences within padded ones [T, B, ...] ([B, T, ...] with batch_first), as a list of [L, ...].

    As in PyTorch, a tensor that is not batch_first has its first two dimensions swapped in place.

    >>> nn.utils.rnn.unpad_sequence(torch.tensor([[1, 2], [3, 0]]), torch.tensor([2, 1]), batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    if not batch_first:
        padded_sequences.transpose_(0, 1)  # type: ignore[attr-defined]
    steps = fn.arange(padded_sequences.shape[1], device=lengths.device)
    return [t[steps < n] for t, n in zip(padded_sequences, lengths, strict=True)]  # type: ignore[call-overload]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs a list of sequences [L, ...]: see `pack_padded_sequence`.

    >>> nn.utils.rnn.pack_sequence([torch.tensor([3]), torch.tensor([1, 2])], enforce_sorted=False).data
    tensor([1, 3, 2])
    """
    lengths = fn.as_tensor([t.size(0) for t in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The list of sequences that were packed, in their original order.

    >>> nn.utils.rnn.unpack_sequence(nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
