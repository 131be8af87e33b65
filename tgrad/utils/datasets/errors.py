"""The one error of this package, and reading with it."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import IO, Any

GZIP_RATIO = 1032  # the most that deflate can make out of a byte


class DataFileError(ValueError):
    """A data file is not what it should be. `path` is the file, `what` is wrong; made of a text alone (by a DataLoader that passes one on),
    it has that for both."""

    def __init__(self, path: Any, what: str | None = None) -> None:
        super().__init__(path if what is None else f"{path}: {what}")
        self.path, self.what = path, path if what is None else what

    def __reduce__(self) -> Any:
        return type(self), (self.path,) if self.path is self.what else (self.path, self.what)


def opened(path: str | os.PathLike[str]) -> tuple[IO[bytes], int]:
    """A file, unpacked if it is gzipped (by its first bytes, not by its name), and the most bytes that it can hold."""
    path = Path(path)
    size = path.stat().st_size
    file = path.open("rb")
    if file.read(2) == b"\x1f\x8b":
        file.seek(0)
        return gzip.GzipFile(fileobj=file, mode="rb"), size * GZIP_RATIO  # type: ignore[return-value]
    file.seek(0)
    return file, size


def exactly(file: IO[bytes], count: int, path: Any, what: str, at: int) -> bytearray:
    """`count` bytes, of `what`, that begin at byte `at`. DataFileError if there are fewer, or if a gzipped file is damaged."""
    data = bytearray()
    try:
        while len(data) < count:
            piece = file.read(min(count - len(data), 1 << 20))
            if not piece:
                raise DataFileError(
                    path, f"ends at byte {at + len(data)}, within {what} ({len(data)} of {count} bytes are there)"
                )
            data += piece
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataFileError(
            path, f"damaged gzip file, within {what} (after byte {at + len(data)} of what it holds): {error}"
        ) from error
    return data


def no_more(file: IO[bytes], path: Any, at: int) -> None:
    """DataFileError if something follows byte `at`; a gzipped file is checked to its end."""
    try:
        rest = file.read(1 << 20)
        if not rest:
            return
        more = len(rest) if len(rest) < 1 << 20 else 0
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataFileError(path, f"damaged gzip file, at its end: {error}") from error
    count = f"{more} byte{'s' if more != 1 else ''}" if more else "more than a megabyte"
    raise DataFileError(path, f"too long: {count} after the end of the data at byte {at}")
