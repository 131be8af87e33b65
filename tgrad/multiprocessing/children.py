"""A process that is spawned imports the main module again, before anything else of ours: where `import torch` means tgrad here, it has
to mean that there, too.

What such a process gets first is a pickled dictionary of how things are here (`multiprocessing.spawn.get_preparation_data`). A list in it
that installs the alias when it is unpickled comes early enough.
"""

from __future__ import annotations

from multiprocessing import spawn
from typing import Any

from ..interop import torch_alias


def _with_alias(items: list[str]) -> list[str]:
    torch_alias.install()
    return items


class _Arguments(list[str]):
    """`sys.argv` for a child in which `import torch` means tgrad."""

    def __reduce__(self) -> Any:
        return _with_alias, (list(self),)


_original: Any = spawn.get_preparation_data


def _prepared(name: str) -> dict[str, Any]:
    data: dict[str, Any] = _original(name)
    if torch_alias.is_installed() and "sys_argv" in data:
        data["sys_argv"] = _Arguments(data["sys_argv"])
    return data


def init_children() -> None:
    """Tells `multiprocessing` of it."""
    spawn.get_preparation_data = _prepared
