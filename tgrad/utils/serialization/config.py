"""Defaults of `torch.save` and `torch.load`: `config.load.mmap`, `config.save.compute_crc32` and so on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


class load:
    """How files are read: mapped or not, in which byte order those are that do not say, and how a mapping is made (2: private)."""

    mmap: bool = False
    endianness: Any = None
    mmap_flags: int | None = 2
    calculate_storage_offsets: bool = False


class save:
    """How files are written: with checksums or without, and where storages begin."""

    compute_crc32: bool = True
    use_pinned_memory_for_d2h: bool = False
    storage_alignment: int = 64


_PARTS = {"load": load, "save": save}


@contextlib.contextmanager
def patch(changes: dict[str, Any] | str, value: Any = None) -> Iterator[None]:
    """Other values while a block runs: `patch("load.mmap", True)` or `patch({"load.mmap": True})`."""
    wanted = changes if isinstance(changes, dict) else {changes: value}
    before = {}
    for name, new in wanted.items():
        part, _, key = name.partition(".")
        if not hasattr(_PARTS.get(part), key):
            raise AttributeError(f"torch.utils.serialization.config.{name} does not exist")
        before[name] = getattr(_PARTS[part], key)
        setattr(_PARTS[part], key, new)
    try:
        yield
    finally:
        for name, old in before.items():
            part, _, key = name.partition(".")
            setattr(_PARTS[part], key, old)
