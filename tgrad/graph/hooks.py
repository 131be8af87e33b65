"""Handles of registered hooks, and the dictionaries they live in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away again; a context manager does so at its end."""

    next_id = 0

    def __init__(self, hooks_dict: dict[int, Any], *, extra_dict: Any = None) -> None:
        self._hooks = hooks_dict
        self._extra = [d for d in (extra_dict if isinstance(extra_dict, list) else [extra_dict]) if d is not None]
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # Hooks of a loaded module keep their numbers: those to come must not meet them.
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def remove(self) -> None:
        """Removes the hook; a second call does nothing."""
        self._hooks.pop(self.id, None)
        for d in self._extra:
            d.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def add(hooks: dict[int, Any], hook: Callable[..., Any]) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
