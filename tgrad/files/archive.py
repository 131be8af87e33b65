"""The zip archive that checkpoints are, read and written.

Note [Records]
A checkpoint is a zip file without compression. Its records stand under a folder that is named after the file:

    NAME/data.pkl                what was saved, with a reference in place of each storage
    NAME/.format_version         "1"
    NAME/.storage_alignment      "64"
    NAME/byteorder               "little"
    NAME/data/0, NAME/data/1     the bytes of the storages
    NAME/version                 "3"
    NAME/.data/serialization_id  40 digits, made from the names and contents

The contents of each record begin at a multiple of 64 bytes, so that storages can be mapped: an extra field of the local header
("FB", padded with "Z") fills the gap.

Note [Files that lie]
A reader must take nothing in a file for granted. This one reads what the central directory names, once it has been checked: all
records lie inside the file, none overlaps another, no name occurs twice, and what is compressed may not grow without bounds. So
no more memory is taken than the file is large, but for compressed files up to `ALLOWANCE` or `GROWTH` times their size. Names are keys
of a dictionary and never become paths. Contents are held against their CRC-32, unless that is 0, which stands for one that was not
computed (`torch.serialization.set_crc32_options`).
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Any

LOCAL, CENTRAL, END, END64, LOCATOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR = struct.Struct("<4sIQI")
MANY = 0xFFFFFFFF
UTF8, DESCRIPTOR = 0x800, 0x8
STORED, DEFLATED = 0, 8
CHUNK = 1 << 20
ALLOWANCE = 256 << 20  # bytes that a small compressed file may grow to
GROWTH = 20  # times its size that any compressed file may grow to
PICKLE_ALLOWANCE, PICKLE_GROWTH = 1 << 20, 50  # the same for the pickle, whose objects take more memory than its bytes
OLDEST, NEWEST = 1, 10  # versions of the format

HINT = (
    "This is an internal miniz error. If you are seeing this error, there is a high likelihood that your checkpoint file is "
    "corrupted. This can happen if the checkpoint was not saved properly, was transferred incorrectly, or the file was modified "
    "after saving."
)
BAD_HEADER = "invalid header or archive is corrupted"


def broken(what: str, why: str) -> RuntimeError:
    """PyTorch's words for an archive that cannot be read."""
    return RuntimeError(f"PytorchStreamReader failed {what}: {why}. {HINT}")


class Source:
    """A seekable file from where it stands to its end, read by position and never past the end."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.start = file.tell()
        self.size = max(file.seek(0, 2) - self.start, 0)
        file.seek(self.start)

    def read(self, at: int, n: int) -> bytes:
        """Exactly n bytes; EOFError if there are fewer."""
        return bytes(self.into(at, bytearray(n))) if at >= 0 and at + n <= self.size else self._short()

    def into(self, at: int, room: Any) -> Any:
        """Fills a writable buffer from a position."""
        view = memoryview(room).cast("B")
        if at < 0 or at + len(view) > self.size:
            self._short()
        self.file.seek(self.start + at)
        done = 0
        while done < len(view):
            part = self._some(view[done:])
            if not part:
                self._short()
            done += part
        return room

    def _some(self, view: memoryview) -> int:
        reader = getattr(self.file, "readinto", None)
        if reader is not None:
            return reader(view) or 0
        data = self.file.read(min(len(view), CHUNK))
        view[: len(data)] = data
        return len(data)

    def _short(self) -> Any:
        raise EOFError("the file ends before what it should hold")


class Record:
    """One entry of the central directory."""

    __slots__ = ("compressed", "crc", "flags", "header", "method", "name", "size")

    def __init__(self, name: str, method: int, flags: int, crc: int, compressed: int, size: int, header: int) -> None:
        self.name, self.method, self.flags, self.crc = name, method, flags, crc
        self.compressed, self.size, self.header = compressed, size, header


class Reader:
    """The records of an archive. RuntimeError, in PyTorch's words, for one that is damaged or lies (Note [Files that lie])."""

    def __init__(self, file: Any) -> None:
        self.source = Source(file)
        try:
            self.records, self.folder = self._directory()
        except (EOFError, struct.error):
            raise broken("reading zip archive", BAD_HEADER) from None
        self._check_extents()
        self._check_version()

    # ---- the directory

    def _directory(self) -> tuple[dict[str, Record], str]:
        count, size, at, end = self._end()
        if size > end or at + size > end or count * _CENTRAL.size > size:
            raise broken("reading zip archive", BAD_HEADER)
        raw = self.source.read(at, size)
        records: dict[str, Record] = {}
        folder, pos = "", 0
        for _ in range(count):
            if pos + _CENTRAL.size > size:
                raise broken("reading zip archive", BAD_HEADER)
            one = _CENTRAL.unpack_from(raw, pos)
            sign, _, _, flags, method, _, _, crc, compressed, plain, named, extra, comment, _, _, _, header = one
            after = pos + _CENTRAL.size + named + extra + comment
            if sign != CENTRAL or after > size:
                raise broken("reading zip archive", BAD_HEADER)
            first = pos + _CENTRAL.size
            whole = raw[first : first + named].decode("utf-8", "surrogateescape")
            sizes = [plain, compressed, header]
            self._wide(raw[first + named : first + named + extra], sizes)
            plain, compressed, header = sizes
            if method == STORED and plain != compressed:
                raise broken("reading zip archive", BAD_HEADER)
            slash = whole.find("/")
            if not folder:
                if slash < 0:
                    raise RuntimeError(
                        f"[enforce fail at inline_container.cc:180] . file in archive is not in a subdirectory: {whole}"
                    )
                folder = whole[:slash]
            if whole[:slash] == folder and slash >= 0:
                name = whole[slash + 1 :]
                if name in records:
                    raise broken("reading zip archive", f"the archive holds two files of the name {name}")
                records[name] = Record(name, method, flags, crc, compressed, plain, header)
            pos = after
        return records, folder

    def _end(self) -> tuple[int, int, int, int]:
        """(entries, bytes and position of the central directory, where it must have ended), from the record at the end."""
        total = self.source.size
        if total < _END.size:
            raise broken("reading zip archive", "not a ZIP archive")
        back = min(total, _END.size + 0xFFFF)
        tail = self.source.read(total - back, back)
        found = tail.rfind(END, 0, back - _END.size + len(END))
        if found < 0:
            raise broken("reading zip archive", "failed finding central directory")
        end = total - back + found
        _, disk, start_disk, _, count, size, at, _ = _END.unpack_from(tail, found)
        if end >= _LOCATOR.size:
            locator = _LOCATOR.unpack(self.source.read(end - _LOCATOR.size, _LOCATOR.size))
            if locator[0] == LOCATOR:
                wide = locator[2]
                if wide + _END64.size > end - _LOCATOR.size:
                    raise broken("reading zip archive", BAD_HEADER)
                record = _END64.unpack(self.source.read(wide, _END64.size))
                if record[0] != END64:
                    raise broken("reading zip archive", BAD_HEADER)
                disk, start_disk, count, size, at = record[4], record[5], *record[7:10]
                end = wide
        if disk or start_disk:
            raise broken("reading zip archive", "unsupported multidisk archive")
        return count, size, at, end

    @staticmethod
    def _wide(extra: bytes, sizes: list[int]) -> None:
        """Puts 64-bit numbers from the extra field into the places of those that did not fit 32 bits."""
        pos = 0
        while pos + 4 <= len(extra):
            kind, length = struct.unpack_from("<HH", extra, pos)
            if kind == 1:
                numbers = extra[pos + 4 : pos + 4 + length]
                for i, n in enumerate(sizes):
                    if n == MANY:
                        if len(numbers) < 8:
                            raise broken("reading zip archive", BAD_HEADER)
                        (sizes[i],), numbers = struct.unpack("<Q", numbers[:8]), numbers[8:]
                return
            pos += 4 + length

    def _check_extents(self) -> None:
        """No record shares bytes with another, and all that is compressed together stays in bounds."""
        end, grown = 0, 0
        for r in sorted(self.records.values(), key=lambda r: r.header):
            if r.header < end or r.header + _LOCAL.size + r.compressed > self.source.size:
                raise broken(f"reading file {r.name}", BAD_HEADER)
            end = r.header + _LOCAL.size + r.compressed
            grown += r.size if r.method != STORED else 0
        if grown > max(ALLOWANCE, GROWTH * self.source.size):
            raise broken(
                "reading zip archive",
                f"its compressed files of together {self.source.size} bytes would grow to {grown}. torch.save does not compress: "
                "if you did, and trust the file, unpack it and pack it again without compression",
            )

    def _check_version(self) -> None:
        if "version" not in self.records and ".data/version" not in self.records:
            raise RuntimeError(
                'Expected hasRecord("version") to be true, but got false.  (Could this error message be improved?  If so, please '
                "report an enhancement request to PyTorch.)"
            )
        raw = self.get("version" if "version" in self.records else ".data/version", limit=64)
        text = raw.decode("latin-1").strip()
        if not text.isascii() or not text.isdigit():
            raise RuntimeError(
                f"[enforce fail at inline_container.cc:215] . Couldn't parse the version {text} as Long Long."
            )
        version = int(text)
        if version < OLDEST:
            raise RuntimeError(
                f"[enforce fail at inline_container.cc:222] . Attempted to read a PyTorch file with version {version}, but the minimum "
                f"supported version for reading is {OLDEST}. Your PyTorch script module file is too old. Please regenerate it with "
                "latest version of PyTorch to mitigate this issue."
            )
        if version > NEWEST:
            raise RuntimeError(
                f"[enforce fail at inline_container.cc:230] . Attempted to read a PyTorch file with version {version}, but the "
                f"maximum supported version for reading is {NEWEST}. The version of your PyTorch installation may be too old, please "
                "upgrade PyTorch to latest version to mitigate this issue."
            )

    # ---- contents

    def __contains__(self, name: str) -> bool:
        return name in self.records

    def record(self, name: str) -> Record:
        """The entry of a name; RuntimeError if there is none, or one that cannot be read."""
        found = self.records.get(name)
        if found is None:
            raise broken(f"locating file {name}", "file not found")
        if found.flags & 1:
            raise broken(f"retrieving file meta-data for {name}", "unsupported encryption")
        if found.method not in (STORED, DEFLATED):
            raise broken(f"retrieving file meta-data for {name}", "unsupported method")
        return found

    def offset(self, name: str) -> int:
        """Where the contents of a record begin, from the beginning of the archive."""
        found = self.record(name)
        try:
            head = _LOCAL.unpack(self.source.read(found.header, _LOCAL.size))
        except EOFError:
            raise broken(f"reading file {name}", BAD_HEADER) from None
        at = found.header + _LOCAL.size + head[9] + head[10]
        if head[0] != LOCAL or at + found.compressed > self.source.size:
            raise broken(f"reading file {name}", BAD_HEADER)
        return at

    def get(self, name: str, limit: int | None = None) -> bytes:
        """The contents of a record, at most `limit` bytes (RuntimeError for more)."""
        size = self.record(name).size
        if limit is not None and size > limit:
            raise broken(f"reading file {name}", f"{size} bytes are more than it should hold")
        return bytes(self.into(name, bytearray(size)))

    def pickle(self, name: str) -> bytes:
        """The contents of a record that is a pickle, whose compression is bounded more strictly."""
        found = self.record(name)
        if found.method != STORED and found.size > PICKLE_ALLOWANCE + PICKLE_GROWTH * found.compressed:
            raise broken(f"reading file {name}", f"{found.compressed} compressed bytes would grow to {found.size}")
        return self.get(name)

    def into(self, name: str, room: Any) -> Any:
        """Fills a writable buffer of the record's size with its contents, and checks them."""
        found, at = self.record(name), self.offset(name)
        try:
            if found.method == STORED:
                self.source.into(at, room)
            else:
                self._inflate(found, at, memoryview(room).cast("B"))
        except (EOFError, zlib.error):
            raise broken(f"reading file {name}", "decompression failed or file is damaged") from None
        if found.crc and zlib.crc32(room) != found.crc:
            raise broken(f"reading file {name}", "CRC-32 check failed")
        return room

    def _inflate(self, found: Record, at: int, room: memoryview) -> None:
        engine, left, filled = zlib.decompressobj(-15), found.compressed, 0
        waiting = b""
        while not engine.eof:
            if not waiting:
                n = min(left, CHUNK)
                if n == 0:
                    raise EOFError
                waiting, at, left = self.source.read(at, n), at + n, left - n
            part = engine.decompress(waiting, min(CHUNK, len(room) - filled + 1))
            waiting = engine.unconsumed_tail
            if filled + len(part) > len(room):
                raise EOFError
            room[filled : filled + len(part)] = part
            filled += len(part)
        if filled != len(room):
            raise EOFError


class Writer:
    """Writes an archive, record by record, into anything that has `write`; see Note [Records]."""

    def __init__(self, write: Any, folder: str, crc: bool = True, alignment: int = 64) -> None:
        self.write, self.folder, self.crc, self.alignment = write, folder, crc, alignment
        self.at = 0
        self.directory: list[bytes] = []
        self.names = hashlib.sha256()
        self.contents = hashlib.sha256()

    def _put(self, data: Any) -> None:
        self.write(data)
        self.at += len(data)

    def add(self, name: str, data: Any, blank: int | None = None) -> None:
        """One record. With `blank`, room for that many bytes instead of contents."""
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        size = len(view) if blank is None else blank
        crc = zlib.crc32(view) if self.crc and blank is None else 0
        start, whole = self.at, f"{self.folder}/{name}".encode()
        wide = b""
        if size >= MANY or start >= MANY:
            numbers = ([size, size] if size >= MANY else []) + ([start] if start >= MANY else [])
            wide = struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers)
        begins = start + _LOCAL.size + len(whole) + len(wide) + 4
        gap = self.alignment - begins % self.alignment
        flags = UTF8 | (DESCRIPTOR if size else 0)
        extra = wide + struct.pack("<2sH", b"FB", gap) + b"Z" * gap
        self._put(_LOCAL.pack(LOCAL, 0, flags, STORED, 0, 0, 0, 0, 0, len(whole), len(extra)) + whole + extra)
        if blank is None:
            for first in range(0, size, 64 * CHUNK):
                self._put(view[first : first + 64 * CHUNK])
        else:
            for first in range(0, size, CHUNK):
                self._put(bytes(min(CHUNK, size - first)))
        if size:
            self._put(b"PK\x07\x08" + struct.pack("<IQQ" if wide else "<III", crc, size, size))
        short, begin = min(size, MANY), min(start, MANY)
        entry = _CENTRAL.pack(
            CENTRAL, 0, 0, flags, STORED, 0, 0, crc, short, short, len(whole), len(wide), 0, 0, 0, 0, begin
        )
        self.directory.append(entry + whole + wide)
        self.names.update(whole[len(self.folder) :] + b"\0")
        self.contents.update(struct.pack("<QI", size, crc))

    def finish(self) -> None:
        """The last records and the directory."""
        self.add("version", b"3\n")
        numbers = (int.from_bytes(h.digest()[:8], "big") for h in (self.names, self.contents))
        self.add(".data/serialization_id", "".join(f"{n:020}" for n in numbers).encode())
        start, entries = self.at, b"".join(self.directory)
        n, size = len(self.directory), len(entries)
        self._put(entries)
        end = self.at
        self._put(_END64.pack(END64, _END64.size - 12, 0x31E, 45, 0, 0, n, n, size, start))
        self._put(_LOCATOR.pack(LOCATOR, 0, end, 1))
        short = [min(k, m) for k, m in ((n, 0xFFFF), (n, 0xFFFF), (size, MANY), (start, MANY))]
        self._put(_END.pack(END, 0, 0, *short, 0))
