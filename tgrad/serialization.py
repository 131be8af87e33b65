"""Saving and loading: `torch.save`, `torch.load` and what belongs to them.

Files are PyTorch's own: what one library writes the other reads. The zip format is described in `files/archive.py`, the older one in
`files/legacy.py`, what a file may do without being trusted in `files/allowed.py`, and how a file comes to be whole or not at all in
`files/atomic.py`.
"""

from __future__ import annotations

import contextlib
import enum
import io
import os
import pickle
import shutil
import tarfile
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import IO, Any

from .composite.pickling import _get_layout as _get_layout
from .composite.storages import TypedStorage
from .files import archive, atomic, legacy, names, unpickler
from .files.allowed import StorageType
from .files.pickler import Storages, dumped
from .files.places import (
    NO_META,
    bytes_behind,
    default_restore_location,
    location_tag,
    register_package,
    restorer,
)
from .storage import UntypedStorage, mapped
from .utils.serialization import config

DEFAULT_PROTOCOL = 2
MAP_PRIVATE, MAP_SHARED = 2, 1  # mmap's own numbers on Linux and macOS

UNSAFE_MESSAGE = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`. Re-running "
    "`torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code execution. Do it only "
    "if you got the file from a trusted source."
)
DOCS_MESSAGE = (
    "\n\nCheck the documentation of torch.load to learn more about types accepted by default with weights_only "
    "https://pytorch.org/docs/stable/generated/torch.load.html."
)
SEEKABLE = (
    ". You can only torch.load from a file that is seekable. Please pre-load the data into a buffer like io.BytesIO and try to load "
    "from it instead."
)

__all__ = [
    "LoadEndianness", "SourceChangeWarning", "StorageType", "add_safe_globals", "clear_safe_globals", "default_restore_location",
    "get_crc32_options", "get_default_load_endianness", "get_default_mmap_options", "get_safe_globals",
    "get_unsafe_globals_in_checkpoint", "load", "location_tag", "mkdtemp", "normalize_storage_type", "register_package", "safe_globals",
    "save", "set_crc32_options", "set_default_load_endianness", "set_default_mmap_options", "skip_data", "storage_to_tensor_type",
]  # fmt: skip


class SourceChangeWarning(Warning):
    """A module's source differs from that which was saved with it."""


class LoadEndianness(enum.Enum):
    """The byte order of files that do not say."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class _Local(threading.local):
    skip_data = False
    materialize_fake_tensors = False


_serialization_tls = _Local()


@contextlib.contextmanager
def mkdtemp() -> Iterator[str]:
    """A folder that is removed when the block ends."""
    path = tempfile.mkdtemp()
    try:
        yield path
    finally:
        shutil.rmtree(path)


# ---- settings


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order that files without a mark are taken to have; None for little."""
    return config.load.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Sets it; TypeError for what is no LoadEndianness."""
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    config.load.endianness = endianness


def get_crc32_options() -> bool:
    """Whether `torch.save` computes checksums."""
    return config.save.compute_crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Whether `torch.save` computes checksums. Without them damage goes unnoticed when the file is loaded."""
    config.save.compute_crc32 = compute_crc32


def get_default_mmap_options() -> int | None:
    """How `torch.load(mmap=True)` maps: `mmap.MAP_PRIVATE` or `mmap.MAP_SHARED`."""
    return config.load.mmap_flags


class set_default_mmap_options:
    """Sets how `torch.load(mmap=True)` maps, as a function or for the length of a `with` block."""

    def __init__(self, flags: int) -> None:
        if flags not in (MAP_PRIVATE, MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, but got "
                f"{flags}"
            )
        self.prev = config.load.mmap_flags
        config.load.mmap_flags = flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        config.load.mmap_flags = self.prev


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Allows classes and functions to be used by files that are loaded with `weights_only`: each or (each, full name)."""
    unpickler.add_safe(safe_globals)


def get_safe_globals() -> list[Any]:
    """What was allowed with `add_safe_globals`."""
    return unpickler.marked()


def clear_safe_globals() -> None:
    """Takes back all that was allowed."""
    unpickler.clear_safe()


class safe_globals:
    """Allows classes and functions for the length of a `with` block."""

    def __init__(self, safe_globals: list[Any]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        unpickler.add_safe(self.safe_globals)

    def __exit__(self, *exc: object) -> None:
        unpickler.remove_safe(self.safe_globals)


class skip_data:
    """Inside, `torch.save` leaves room for the bytes of storages instead of writing them, and `torch.load` does not read them."""

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self) -> None:
        self._before = (_serialization_tls.skip_data, _serialization_tls.materialize_fake_tensors)
        _serialization_tls.skip_data = True
        _serialization_tls.materialize_fake_tensors = self.materialize_fake_tensors

    def __exit__(self, *exc: object) -> None:
        _serialization_tls.skip_data, _serialization_tls.materialize_fake_tensors = self._before


def normalize_storage_type(storage_type: type) -> Any:
    """The storage class of a name in `torch`."""
    from . import functions

    return getattr(functions, storage_type.__name__)


def storage_to_tensor_type(storage: Any) -> Any:
    """The legacy tensor class that goes with a storage."""
    from . import functions

    return getattr(functions, storage.type().rpartition(".")[2].replace("Storage", "Tensor"))


# ---- saving


def save(
    obj: object,
    f: str | os.PathLike[str] | IO[bytes],
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Writes an object, with the tensors in it, to a path or a file-like object.

    Tensors that share memory share it when they are loaded. A path is written whole or not at all: whoever reads it meanwhile finds
    the old file or the new one, and so it is after a crash. RuntimeError for a folder that does not exist; AttributeError or TypeError
    for `f` that cannot be written to.

    >>> import io
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2)}, file)
    >>> torch.load(io.BytesIO(file.getvalue()))
    {'weight': tensor([1., 1.])}
    """
    _check_dill(pickle_module)
    if not isinstance(f, (str, os.PathLike)) and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    if not _use_new_zipfile_serialization and _serialization_tls.skip_data:
        raise RuntimeError("Cannot use skip_data=True with _use_new_zipfile_serialization=False")
    if isinstance(f, (str, os.PathLike)):
        path = os.fspath(f)
        folder = _folder_in_archive(path) if _use_new_zipfile_serialization else ""
        if os.path.isdir(path):
            raise RuntimeError(
                "[enforce fail at inline_container.cc:747] . open file failed with strerror: Is a directory"
            )
        parent = os.path.dirname(path)
        if parent and not os.path.isdir(parent):
            raise RuntimeError(f"Parent directory {parent} does not exist.")
        with atomic.writing(path) as opened:
            _write(obj, opened.write, folder, pickle_module, pickle_protocol, not _disable_byteorder_record)
        return
    if not callable(f.write):
        raise TypeError(f"Buffer of {str(type(f)).strip('<>')} has no callable attribute 'write'")
    folder = "archive" if _use_new_zipfile_serialization else ""
    _write(obj, f.write, folder, pickle_module, pickle_protocol, not _disable_byteorder_record)
    if hasattr(f, "flush"):
        f.flush()


def _folder_in_archive(path: str) -> str:
    """The file's name without folders and extension; "archive" for one that is not ASCII."""
    if not path.isascii():
        return "archive"
    base = path.rpartition("/")[2]
    stem = base.rpartition(".")[0] if "." in base else base
    if not stem:
        raise RuntimeError(f"[enforce fail at inline_container.cc:720] . invalid file name: {path}")
    return stem


def _write(
    obj: Any, write: Callable[[Any], Any], folder: str, pickle_module: Any, protocol: int, with_order: bool
) -> None:
    """Everything, in the zip format or, without a folder, in the old one."""
    if not folder:
        legacy.save(obj, write, pickle_module, protocol)
        return
    storages = Storages()
    body = dumped(obj, pickle_module, protocol, storages)
    alignment = config.save.storage_alignment
    out = archive.Writer(write, folder, config.save.compute_crc32, alignment)
    out.add("data.pkl", body)
    out.add(".format_version", b"1")
    out.add(".storage_alignment", str(alignment).encode())
    if with_order:
        import sys

        out.add("byteorder", sys.byteorder.encode())
    for key, (storage, _) in storages.found.items():
        if _serialization_tls.skip_data:
            out.add(f"data/{key}", b"", blank=storage.nbytes())
        else:
            out.add(f"data/{key}", storage._block)
    out.finish()


def _check_dill(pickle_module: Any) -> None:
    if pickle_module is None or getattr(pickle_module, "__name__", "") != "dill":
        return
    version = tuple(int(part) for part in pickle_module.__version__.split(".")[:3] if part.isdigit())
    if version < (0, 3, 1):
        raise ValueError(
            f"'torch' supports dill >= 0.3.1, but you have dill {pickle_module.__version__}. Please upgrade dill or switch to 'pickle'"
        )


# ---- loading


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Reads what `torch.save` of this library or PyTorch wrote, from a path or a seekable file-like object.

    With `weights_only`, the default, a file can make tensors, containers, numbers and texts, and what was allowed with
    `torch.serialization.add_safe_globals`; it never runs code. With `weights_only=False` it can run anything: only for files from
    somebody you trust. `map_location` (a device, its name, {from: to} or a function of storage and location) says where storages go;
    with `mmap` they are read from the file when they are looked at.

    UnpicklingError for what is not allowed, RuntimeError or EOFError for a file that is damaged.
    """
    weights_only, pickle_module = _choose(weights_only, pickle_module)
    if pickle_load_args and weights_only:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    mapping = config.load.mmap if mmap is None else mmap
    _check_dill(pickle_module)
    pickle_load_args.setdefault("encoding", "utf-8")
    is_path = isinstance(f, (str, os.PathLike))
    if is_path and os.fspath(f).endswith(".safetensors"):  # type: ignore[arg-type]
        return _load_safetensors(os.fspath(f), map_location)  # type: ignore[arg-type]
    with open(f, "rb") if is_path else _seekable(f) as opened:  # type: ignore[arg-type]
        unpickle = _reader(weights_only, pickle_module, pickle_load_args)
        try:
            if not _is_zip(opened):
                return _load_old(opened, f, map_location, unpickle, weights_only, mapping)
            found = archive.Reader(opened)
            if "constants.pkl" in found:
                return _load_script(opened, weights_only, map_location)
            if mapping and not is_path:
                raise ValueError("f must be a file path in order to use the mmap argument")
            return _load(found, map_location, unpickle, os.fspath(f) if mapping else None)  # type: ignore[arg-type]
        except pickle.UnpicklingError as e:
            if not weights_only:
                raise
            raise pickle.UnpicklingError(_explained(str(e))) from None


def _choose(weights_only: bool | None, pickle_module: Any) -> tuple[bool, Any]:
    """`weights_only` and the module to unpickle with, from the arguments and the environment."""
    given = weights_only is not None
    chosen = bool(weights_only) if given else pickle_module is None
    true = ("1", "y", "yes", "true")
    force = os.getenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0").lower() in true
    force_not = os.getenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0").lower() in true
    if force and force_not:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` should be set, but both were set."
        )
    if force:
        chosen = True
    elif force_not and not given:
        warnings.warn(
            "Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected, since the`weights_only` argument was not explicitly passed "
            "to `torch.load`, forcing weights_only=False.",
            UserWarning,
            stacklevel=3,
        )
        chosen = False
    if chosen and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    return chosen, (pickle if pickle_module is None and not chosen else pickle_module)


def _explained(message: str) -> str:
    """PyTorch's text around what the restricted unpickler says."""
    if "was not an allowed global by default." in message:
        return (
            "Weights only load failed. This file can still be loaded, to do so you have two options, \033[1mdo those steps only if you "
            f"trust the source of the checkpoint\033[0m. \n\t(1) {UNSAFE_MESSAGE}\n\t(2) Alternatively, to load with `weights_only=True` "
            f"please check the recommended steps in the following error message.\n\tWeightsUnpickler error: {message}{DOCS_MESSAGE}"
        )
    text = f"Weights only load failed. {UNSAFE_MESSAGE}\n"
    if not (message.startswith("Trying to load unsupported GLOBAL") and message.endswith("is blocked.")):
        text += (
            "Please file an issue with the following so that we can make `weights_only=True` compatible with your use case: "
            "WeightsUnpickler error: "
        )
    return f"{text}\n\n{message}{DOCS_MESSAGE}"


def _reader(weights_only: bool, pickle_module: Any, options: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """A function that reads one pickle from a file, given what its references to storages stand for."""
    if weights_only:
        encoding = options["encoding"]
        return lambda file, refer: unpickler.Unpickler(file, encoding=encoding, persistent_load=refer).load()

    class Unpickler(pickle_module.Unpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            if "Storage" in name:
                with contextlib.suppress(KeyError):
                    return StorageType(name)
            if names.here(module) == module:
                return super().find_class(module, name)
            return names.find(module, name)

    def unpickle(file: Any, refer: Any) -> Any:
        made = Unpickler(file, **options)
        if refer is not None:
            made.persistent_load = refer
        return made.load()

    return unpickle


@contextlib.contextmanager
def _seekable(f: Any) -> Iterator[Any]:
    """The file itself, once it is known that one can move in it."""
    try:
        f.seek(f.tell())
    except (io.UnsupportedOperation, AttributeError) as e:
        if "seek" in str(e) or "tell" in str(e):
            raise type(e)(str(e) + SEEKABLE) from None
        raise
    yield f


def _is_zip(f: Any) -> bool:
    """Whether an archive begins where the file stands."""
    start = f.tell()
    head = f.read(len(archive.LOCAL))
    f.seek(start)
    return head == archive.LOCAL


def _load(found: archive.Reader, map_location: Any, unpickle: Callable[[Any, Any], Any], path: str | None) -> Any:
    """The object in an archive. With a path, its storages are mapped from the file."""
    restore = restorer(map_location)
    if str(map_location) == "meta":
        raise RuntimeError(NO_META)
    swap = _is_foreign(found)
    loaded: dict[str, TypedStorage] = {}
    for name in (".format_version", ".storage_alignment", ".data/serialization_id"):
        if name in found and path is None:
            found.get(name, limit=1024)  # nothing here needs them, but damage to the file may show

    def storage_of(key: str, nbytes: int, d: Any) -> UntypedStorage:
        name = f"data/{key}"
        record = found.record(name)
        if record.size != nbytes:
            raise RuntimeError(
                f"record size ({record.size} bytes) does not match expected size ({nbytes} bytes = {nbytes} elements * 1 "
                "bytes/element) for dtype Byte"
            )
        if path is not None and record.method == archive.STORED:
            shared = config.load.mmap_flags == MAP_SHARED
            block = mapped(path, shared, found.source.start + found.offset(name), nbytes)
            storage = UntypedStorage.over(block, filename=path if shared else None)
        elif _serialization_tls.skip_data:
            storage = UntypedStorage(nbytes)
        else:
            storage = UntypedStorage(nbytes)
            found.into(name, storage._block)
        if swap:
            storage.byteswap(d)
        return storage

    def refer(saved: Any) -> TypedStorage:
        if not isinstance(saved, tuple):
            raise AssertionError(f"saved_id must be a tuple, got {type(saved).__name__}")
        kind = legacy.decoded(saved[0]) if saved else ""
        if kind != "storage":
            raise AssertionError(f"Unknown typename for persistent_load, expected 'storage' but got '{kind}'")
        storage_type, key, location, numel = legacy.parts(saved, 5)
        d = legacy.dtype_of(storage_type)
        key = str(legacy.decoded(key))
        if key not in loaded:
            bare = storage_of(key, numel * d.itemsize, d)
            placed = bytes_behind(restore(bare, legacy.decoded(location)))
            loaded[key] = TypedStorage(wrap_storage=placed, dtype=d, _internal=True)
        return loaded[key]

    return unpickle(io.BytesIO(found.pickle("data.pkl")), refer)


def _is_foreign(found: archive.Reader) -> bool:
    """Whether an archive's numbers have the other byte order."""
    import sys

    native = sys.byteorder
    if "byteorder" in found:
        order = found.get("byteorder", limit=64)
        if order not in (b"little", b"big"):
            raise ValueError("Unknown endianness type: " + order.decode("latin-1"))
        return order.decode() != native
    default = get_default_load_endianness()
    order_name = {LoadEndianness.BIG: "big", LoadEndianness.NATIVE: native}.get(default, "little")  # type: ignore[arg-type]
    return order_name != native


def _load_old(
    opened: Any, f: Any, map_location: Any, unpickle: Callable[[Any, Any], Any], weights_only: bool, mapping: bool
) -> Any:
    """The object in a file of the old format, or of the one before that."""
    if mapping:
        name = f"{f}, " if isinstance(f, str) else ""
        raise RuntimeError(
            f"mmap can only be used with files saved with `torch.save({name}_use_new_zipfile_serialization=True), please torch.save "
            "your checkpoint with this option in order to use mmap."
        )
    restore = restorer(map_location)
    start = opened.tell()
    if start == 0 and _looks_like_tar(opened):
        if weights_only:
            raise RuntimeError(
                "Cannot use ``weights_only=True`` with files saved in the legacy .tar format. " + UNSAFE_MESSAGE
            )
        try:
            return legacy.load_tar(opened, restore, unpickle)
        except tarfile.TarError as e:
            raise RuntimeError(f"the file is a damaged tar archive: {e}") from None
    return legacy.load(opened, restore, unpickle, keep_data=not _serialization_tls.skip_data)


def _looks_like_tar(f: Any) -> bool:
    start = f.tell()
    head = f.read(512)
    f.seek(start)
    return head[257:262] == b"ustar"


def _load_script(opened: Any, weights_only: bool, map_location: Any) -> Any:
    """A TorchScript archive holds a program of its own kind, which there is nothing here to run with."""
    warnings.warn(
        "'torch.load' received a zip file that looks like a TorchScript archive dispatching to 'torch.jit.load' (call 'torch.jit.load' "
        "directly to silence this warning)",
        UserWarning,
        stacklevel=3,
    )
    if weights_only:
        raise RuntimeError(
            "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``. " + UNSAFE_MESSAGE
        )
    from . import jit

    return jit.load(opened, map_location=map_location)


def _load_safetensors(path: str, map_location: Any) -> Any:
    if isinstance(map_location, dict) or callable(map_location):
        kind = "dict" if isinstance(map_location, dict) else "callable"
        raise RuntimeError(
            f"Loading safetensors file with {kind} map_location is not supported. Use a device string or torch.device instead."
        )
    from .utils import safetensors

    return safetensors.load_file(path, "cpu" if map_location is None else str(map_location))


def get_unsafe_globals_in_checkpoint(f: str | os.PathLike[str] | IO[bytes]) -> list[str]:
    """The names in a file that `torch.load` with `weights_only` would refuse at present; nothing is loaded.

    >>> import io
    >>> file = io.BytesIO()
    >>> torch.save(torch.nn.Linear(1, 1), file)
    >>> torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(file.getvalue()))
    ['torch.nn.modules.linear.Linear']
    """
    is_path = isinstance(f, (str, os.PathLike))
    with open(f, "rb") if is_path else _seekable(f) as opened:  # type: ignore[arg-type]
        if not _is_zip(opened):
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        found = archive.Reader(opened)
        if "constants.pkl" in found:
            raise ValueError(
                "Expected input to be a checkpoint returned by torch.save but got a torchscript checkpoint"
            )
        return unpickler.unsafe_globals(found.pickle("data.pkl"))
