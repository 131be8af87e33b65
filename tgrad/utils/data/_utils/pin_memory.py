"""`torch.utils.data._utils.pin_memory`: moves what is in a batch to page-locked memory, where a device can use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ....tensor import Tensor
from .collate import _listed, _mapped


def pin_memory(data: Any, device: Any = None) -> Any:
    """The same structure with its tensors, and whatever else has a method `pin_memory`, pinned."""
    if isinstance(data, Tensor) or hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, Mapping):
        return _mapped(data, {key: pin_memory(value, device) for key, value in data.items()})
    if isinstance(data, tuple):
        parts = [pin_memory(part, device) for part in data]
        return type(data)(*parts) if hasattr(data, "_fields") else type(data)(parts)  # type: ignore[call-arg]
    if isinstance(data, Sequence):
        return _listed(data, lambda: (pin_memory(part, device) for part in data))
    return data
