"""Machine code on disk: one file per kernel, in a folder whose name stands for everything that the code depends on.

`TGRAD_CACHE_DIR` names another place than the user's cache folder. Files are written beside and moved into place, so that several
processes can share the folder; one that is damaged is noticed by its checksum, and made again.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import sys
import warnings
from pathlib import Path

MAGIC = b"tgrad kernel 1\n"


def warn(text: str) -> None:
    """Warns, but never raises into an operation, even where warnings are errors."""
    with contextlib.suppress(RuntimeWarning):
        warnings.warn(text, RuntimeWarning, stacklevel=3)


def home() -> Path:
    """The cache folder: $TGRAD_CACHE_DIR, else the user's."""
    told = os.environ.get("TGRAD_CACHE_DIR")
    if told:
        return Path(told).absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "tgrad"


def fingerprint() -> str:
    """What compiled code depends on: versions, the processor, and the sources of this package."""
    import hashlib
    import platform
    from importlib.metadata import version

    import llvmlite.binding as llvm

    found = hashlib.sha256(MAGIC)
    facts = [
        version("numba"),
        version("llvmlite"),
        platform.machine(),
        sys.platform,
        ".".join(map(str, sys.version_info[:2])),
    ]
    features = ",".join(sorted(k for k, on in llvm.get_host_cpu_features().items() if on))
    for fact in [*facts, llvm.get_host_cpu_name(), features]:
        found.update(fact.encode() + b"\0")
    for path in sorted((Path(__file__).parent / "compiled").glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:20]


@functools.cache
def folder() -> Path:
    """Where this process finds and leaves compiled kernels; a folder of its own, with one warning, where the cache cannot be used."""
    import tempfile

    path = home() / "kernels" / fingerprint()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        warn(
            f"tgrad cannot write to its cache folder ({error}); compiled kernels are not kept. TGRAD_CACHE_DIR names another folder."
        )
    own = tempfile.mkdtemp(prefix="tgrad-")
    atexit.register(_remove, own, os.getpid())
    return Path(own)


def _remove(folder: str, maker: int) -> None:
    if os.getpid() == maker:  # and not a process that was forked from it
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


class Damaged(Exception):
    """A file in the cache that is not what was written."""


def write(path: Path, symbol: str, code: bytes) -> None:
    import hashlib
    import tempfile

    body = symbol.encode() + b"\n" + code
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def read(path: Path) -> tuple[str, bytes] | None:
    """(symbol, object code), None where there is no such file. Raises Damaged."""
    import hashlib

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Damaged(str(error)) from error
    magic, rest = content[: len(MAGIC)], content[len(MAGIC) :]
    checksum, _, body = rest.partition(b"\n")
    if magic != MAGIC or hashlib.sha256(body).hexdigest().encode() != checksum:
        raise Damaged(f"{path} is damaged")
    symbol, _, code = body.partition(b"\n")
    return symbol.decode(), code
