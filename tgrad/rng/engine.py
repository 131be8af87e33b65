"""The Mersenne Twister behind a generator: seeding, raw draws, and the saved-state bytes."""

from __future__ import annotations

import os
import threading

import numpy as np

DEFAULT_SEED = 67280421310721
_WORDS = 624

# The record that PyTorch writes for a CPU generator: 5056 bytes. Every state word takes eight bytes, and `normal_x` and
# `normal_rho` are dead fields that are kept only so that old files load.
_RECORD = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "words", "normal_y", "normal_valid", "float_normal", "float_valid"],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", _WORDS), "<f8", "<i4", "<f4", "u1"],
        "offsets": [
            0,
            8,
            12,
            16,
            24,
            24 + 8 * _WORDS + 8,
            24 + 8 * _WORDS + 24,
            24 + 8 * _WORDS + 32,
            24 + 8 * _WORDS + 36,
        ],
        "itemsize": 5056,
    }
)


def check_seed(seed: object) -> int:
    """`seed` as an unsigned 64-bit number. Negative seeds count back from 2**64."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        if isinstance(seed, np.integer):
            raise TypeError("an integer is required")
        raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
    if not -(2**63) <= seed < 2**64:
        raise ValueError("Overflow when unpacking long long")
    return seed % 2**64


class Engine:
    """A stream of 32-bit words, read in blocks.

    numpy's MT19937 under its legacy seeding yields the same words as PyTorch's engine, so numpy draws them and this
    class only decides how many of them make one number: a 64-bit number takes two, the first one high.

    numpy is always asked for words up to the end of a block of 624; those that nobody wants yet wait in `_words`. So a
    few numbers cost one slice, and the place in the stream is numpy's block plus `_at`.

    `lock` guards every compound read; callers hold it for as long as one sampling call lasts.
    """

    __slots__ = ("_at", "_fresh", "_seed", "_source", "_twister", "_words", "lock", "next_double", "next_float")

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self.lock = threading.RLock()
        self._twister = np.random.MT19937(0)
        self._source = np.random.RandomState(self._twister)
        self._words = np.empty(_WORDS, np.uint32)
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Start over from `seed`; only its low 32 bits reach the twister, as in PyTorch."""
        with self.lock:
            self._seed = seed
            self._source.seed(seed & 0xFFFFFFFF)
            self._at = _WORDS
            # A freshly seeded engine and one that has just used up its 624 words stand at the same place but are saved
            # with a different `next`.
            self._fresh = True
            self.next_double: float | None = None
            self.next_float: float | None = None

    def reseed_from_system(self) -> int:
        """Seed from the operating system's entropy and return that seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.reseed(seed)
        return seed

    @property
    def seed(self) -> int:
        return self._seed

    def _refill(self, drawn: int) -> None:
        """Fetch the rest of the block after `drawn` words past a block's end were taken from numpy."""
        self._fresh = False
        self._at = drawn % _WORDS or _WORDS
        # A new array, since slices of the old one are in the callers' hands.
        self._words = np.empty(_WORDS, np.uint32)
        self._words[self._at :] = self._twister.random_raw(_WORDS - self._at)

    def _narrow(self, width: int, count: int) -> np.ndarray:
        at, end = self._at, self._at + count
        if end <= _WORDS:
            self._at = end
            words = self._words[at:end]
            return words if width == 32 else words & np.uint32((1 << width) - 1)
        rest = self._words[at:]
        # A range that is a power of two makes numpy mask each word once and reject nothing.
        drawn = self._source.randint(0, 1 << width, size=end - _WORDS, dtype=np.uint32)
        self._refill(drawn.size)
        if rest.size == 0:
            return drawn
        return np.concatenate((rest if width == 32 else rest & np.uint32((1 << width) - 1), drawn))

    def _wide(self, width: int, count: int) -> np.ndarray:
        at, end = self._at, self._at + 2 * count
        if end <= _WORDS:
            self._at = end
            return _join(self._words[at:end], width)
        rest = self._words[at:]
        straddling = rest.size % 2
        if straddling:
            rest = np.append(rest, self._twister.random_raw(1).astype(np.uint32))
        drawn = self._source.randint(0, 1 << width, size=count - rest.size // 2, dtype=np.uint64)
        self._refill(straddling + 2 * drawn.size)
        return np.concatenate((_join(rest, width), drawn)) if rest.size else drawn

    def bits32(self, count: int) -> np.ndarray:
        """`count` whole words, uint32; not to be written to."""
        return self._narrow(32, count)

    def bits24(self, count: int) -> np.ndarray:
        """The low 24 bits of `count` words, int32."""
        return self._narrow(24, count).view(np.int32)

    def bits64(self, count: int) -> np.ndarray:
        """`count` pairs of words, uint64."""
        return self._wide(64, count)

    def bits53(self, count: int) -> np.ndarray:
        """The low 53 bits of `count` pairs of words, int64."""
        return self._wide(53, count).view(np.int64)

    def unit64(self, count: int) -> np.ndarray:
        """`count` float64 numbers in [0, 1), 53 bits each."""
        return self.bits53(count) * 2.0**-53

    def save(self) -> np.ndarray:
        """The state as PyTorch's 5056 bytes."""
        with self.lock:
            record = np.zeros((), _RECORD)
            record["seed"] = self._seed
            record["seeded"] = 1
            record["left"] = 1 if self._fresh else _WORDS + 1 - self._at
            record["next"] = 0 if self._fresh else self._at
            record["words"] = self._source.get_state(legacy=False)["state"]["key"]
            if self.next_double is not None:
                record["normal_y"], record["normal_valid"] = self.next_double, 1
            if self.next_float is not None:
                record["float_normal"], record["float_valid"] = self.next_float, 1
        return np.frombuffer(record.tobytes(), np.uint8).copy()

    def load(self, data: np.ndarray) -> None:
        """Take over a state that `save`, or PyTorch, wrote."""
        if data.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if data.size != _RECORD.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_RECORD.itemsize} "
                f"but found the input RNG state size to be {data.size}"
            )
        record = np.frombuffer(np.ascontiguousarray(data).tobytes(), _RECORD)[0]
        left, following = int(record["left"]), int(record["next"])
        valid = bool(record["seeded"]) and 0 < left <= _WORDS and following <= _WORDS
        # `left` counts down while `next` counts up; with one left, the next draw twists first whatever `next` says.
        if not valid or (left != 1 and left + following != _WORDS + 1):
            raise RuntimeError("Invalid mt19937 state")
        with self.lock:
            place = _WORDS if left == 1 else following
            self._twister.state = {
                "bit_generator": "MT19937",
                "state": {"key": record["words"].astype(np.uint32), "pos": place},
            }
            self._refill(place)
            self._seed = int(record["seed"])
            self._fresh = left == 1 and following == 0
            self.next_double = float(record["normal_y"]) if record["normal_valid"] else None
            self.next_float = float(record["float_normal"]) if record["float_valid"] else None


def _join(words: np.ndarray, width: int) -> np.ndarray:
    """Pairs of words as uint64, the first one high, cut to the low `width` bits."""
    joined = words[0::2].astype(np.uint64)
    if width < 64:
        joined &= np.uint64((1 << (width - 32)) - 1)
    joined <<= np.uint64(32)
    joined |= words[1::2]
    return joined
