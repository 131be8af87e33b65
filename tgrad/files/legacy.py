"""The format before the zip archive: pickles one after the other, then the bytes of the storages.

magic number, version, {"protocol_version", "little_endian", "type_sizes"}    a pickle each
the object                                                                    a pickle that refers to storages
[key, key, ...]                                                               a pickle
number of elements (8 bytes), elements                                        for each key
"""

from __future__ import annotations

import io
import struct
import sys
import tarfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..composite import pickling
from ..composite.storages import TypedStorage
from ..dtype import uint8
from ..storage import UntypedStorage
from .allowed import StorageType
from .archive import Source
from .pickler import Storages, dumped
from .places import bytes_behind

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
CHUNK = 1 << 22


def save(obj: Any, write: Callable[[Any], Any], pickle_module: Any, protocol: int) -> None:
    """Writes an object in the old format."""
    storages = Storages()
    info = {
        "protocol_version": VERSION,
        "little_endian": sys.byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    body = dumped(obj, pickle_module, protocol, storages, legacy=True)
    for head in (MAGIC, VERSION, info):
        write(pickle_module.dumps(head, protocol=protocol))
    write(body)
    keys = sorted(storages.found)
    write(pickle_module.dumps(keys, protocol=protocol))
    for key in keys:
        storage, d = storages.found[key]
        write(struct.pack("<q", storage.nbytes() // d.itemsize))
        block = memoryview(storage._block)  # type: ignore[arg-type]
        for first in range(0, len(block), CHUNK):
            write(block[first : first + CHUNK])


class Stream:
    """What unpicklers read from: never more than the file has left."""

    def __init__(self, file: Any) -> None:
        self.source = Source(file)
        self.file, self.end = file, self.source.start + self.source.size

    def left(self) -> int:
        return self.end - self.file.tell()

    def read(self, n: int = -1) -> bytes:
        left = self.left()
        return self.file.read(left if n < 0 else min(n, left))

    def readline(self, limit: int = -1) -> bytes:
        return self.file.readline(limit)

    def readinto(self, room: Any) -> int:
        data = self.read(len(room))
        room[: len(data)] = data
        return len(data)


class References:
    """Storages by the keys of a file in the old format; their bytes come later in the file."""

    def __init__(self, restore: Callable[[Any, str], Any], limit: int) -> None:
        self.restore, self.limit = restore, limit
        self.found: dict[Any, TypedStorage] = {}
        self.taken = 0

    def __call__(self, saved: Any) -> Any:
        if not isinstance(saved, tuple):
            raise AssertionError(f"saved_id must be a tuple, got {type(saved).__name__}")
        kind = decoded(saved[0])
        if kind == "module":
            _, cls, file, source = saved
            if file and source:
                warn_if_changed(cls, source)
            return cls
        if kind != "storage":
            raise RuntimeError(f"Unknown saved id type: {saved[0]}")
        storage_type, root, location, numel, view = parts(saved, 6)
        d = dtype_of(storage_type)
        if root not in self.found:
            self.taken += numel * d.itemsize
            if self.taken > self.limit:
                raise EOFError("the file is shorter than the storages that it names")
            blank = UntypedStorage(numel * d.itemsize)
            placed = bytes_behind(self.restore(blank, decoded(location)))
            self.found[root] = TypedStorage(wrap_storage=placed, dtype=d, _internal=True)
        whole = self.found[root]
        if view is None:
            return whole
        if type(view) is not tuple or len(view) != 3 or not isinstance(view[0], (str, int)):
            raise RuntimeError("a view of a storage is told by its key, offset and size")
        key, offset, n = view
        if key not in self.found:
            first, item = size(offset), d.itemsize
            part = whole._untyped_storage[first * item : (first + size(n)) * item]
            self.found[key] = TypedStorage(wrap_storage=part, dtype=d, _internal=True)
        return self.found[key]


def parts(saved: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    """The parts of a reference to a storage, in either format, after the first: class, key, location, number of elements ..."""
    if len(saved) != n:
        raise RuntimeError(f"a reference to a storage has {n} parts, not {len(saved)}")
    if not isinstance(saved[2], (str, bytes, int)):
        raise RuntimeError(f"the key of a storage is a {type(saved[2]).__name__}")
    if not isinstance(saved[3], (str, bytes)):
        raise RuntimeError(f"the location of a storage is a {type(saved[3]).__name__}")
    size(saved[4])
    return saved[1:]


def dtype_of(storage_type: Any) -> Any:
    """The dtype of a storage's class; bytes have none."""
    if storage_type is UntypedStorage:
        return uint8
    if not isinstance(storage_type, StorageType):
        raise RuntimeError(f"the class of a storage is {storage_type!r}")
    return storage_type.dtype


def size(n: Any) -> int:
    """A number of elements, which a file may claim to be anything."""
    if not isinstance(n, int) or isinstance(n, bool) or n < 0:
        raise RuntimeError(f"a storage cannot have {n!r} elements")
    return n


def decoded(text: Any) -> Any:
    """What Python 2 wrote as bytes."""
    return text.decode("ascii") if isinstance(text, bytes) else text


def warn_if_changed(cls: type, source: str) -> None:
    """Warns of a module whose text is not what it was when it was saved."""
    import inspect

    from ..serialization import SourceChangeWarning

    try:
        now = inspect.getsource(cls)
    except (OSError, TypeError):
        warnings.warn(
            f"Couldn't retrieve source code for container of type {cls.__name__}. It won't be checked for correctness upon loading.",
            stacklevel=2,
        )
        return
    if now != source and not cls.__module__.startswith("tgrad."):
        warnings.warn(
            f"source code of class '{cls.__module__}.{cls.__qualname__}' has changed. you can retrieve the original source code by "
            "accessing the object's source attribute or set `torch.nn.Module.dump_patches = True` and use the patch tool to revert "
            "the changes.",
            SourceChangeWarning,
            stacklevel=2,
        )


def load(file: Any, restore: Callable[[Any, str], Any], unpickle: Callable[..., Any], keep_data: bool = True) -> Any:
    """Reads an object in the old format; `unpickle(stream, references)` reads one pickle."""
    stream = Stream(file)
    magic = unpickle(stream, None)
    if magic != MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = unpickle(stream, None)
    if version != VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    info = unpickle(stream, None)
    references = References(restore, stream.source.size)
    result = unpickle(stream, references)
    keys = unpickle(stream, None)
    if not isinstance(keys, list):
        raise RuntimeError(f"the list of storages is a {type(keys).__name__}; corrupt file?")
    if not keep_data:
        return result
    swap = isinstance(info, dict) and info.get("little_endian", True) is not (sys.byteorder == "little")
    for key in keys:
        if key not in references.found:
            raise AssertionError(f"storage key {key!r} not found in deserialized_objects")
        fill(stream, references.found[key], swap)
    return result


def fill(stream: Stream, typed: TypedStorage, swap: bool = False) -> None:
    """Reads a storage's elements, which follow their number."""
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError("the file ends before the storages that it names")
    (n,) = struct.unpack("<q", head)
    block, item = typed._untyped_storage._block, typed.dtype.itemsize
    if n * item != block.size:
        raise RuntimeError(f"storage has wrong byte size: expected {block.size} got {n * item}")
    into(stream, block)
    if swap:
        typed._untyped_storage.byteswap(typed.dtype)


def into(stream: Stream, block: np.ndarray) -> None:
    """Fills a block of bytes from where the stream stands."""
    done = 0
    while done < block.size:
        data = stream.read(min(CHUNK, block.size - done))
        if not data:
            raise RuntimeError(f"unexpected EOF, expected {block.size - done} more bytes. The file might be corrupted.")
        block[done : done + len(data)] = np.frombuffer(data, np.uint8)
        done += len(data)


# ---- older still


def load_tar(file: Any, restore: Callable[[Any, str], Any], unpickle: Callable[..., Any]) -> Any:
    """Reads the format of PyTorch 0.1.1 to 0.1.9, a tar archive; tarfile.TarError if the file is none."""
    found: dict[int, Any] = {}
    with tarfile.open(fileobj=file, mode="r:", format=tarfile.PAX_FORMAT) as tar:

        def part(name: str) -> Stream:
            member = tar.extractfile(name)
            if member is None:
                raise RuntimeError(f"the archive holds no file {name!r}")
            return Stream(io.BytesIO(member.read()))

        stream = part("storages")
        for _ in range(unpickle(stream, None)):
            key, location, kind = unpickle(stream, None)
            (n,) = struct.unpack("<q", stream.read(8))
            if size(n) * kind.dtype.itemsize > stream.left():
                raise EOFError("the file ends before the storages that it names")
            block = np.empty(n * kind.dtype.itemsize, np.uint8)
            into(stream, block)
            placed = bytes_behind(restore(UntypedStorage.over(block), location))
            found[key] = TypedStorage(wrap_storage=placed, dtype=kind.dtype, _internal=True)
        for target, root, offset, n in unpickle(stream, None):
            whole, item = found[root], found[root].dtype.itemsize
            view = whole._untyped_storage[offset * item : (offset + n) * item]
            found[target] = TypedStorage(wrap_storage=view, dtype=whole.dtype, _internal=True)
        stream = part("tensors")
        for _ in range(unpickle(stream, None)):
            key, storage, _kind = unpickle(stream, None)
            (ndim,) = struct.unpack("<i4x", stream.read(8))
            numbers = struct.unpack(f"<{2 * ndim + 1}q", stream.read(8 * (2 * ndim + 1)))
            found[key] = pickling._rebuild_tensor(found[storage], numbers[-1], numbers[:ndim], numbers[ndim : 2 * ndim])

        def refer(saved: Any) -> Any:
            return saved[0] if isinstance(saved, tuple) else found[int(saved)]

        return unpickle(part("pickle"), refer)
