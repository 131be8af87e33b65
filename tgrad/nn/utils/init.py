"""Modules without initial values."""

from __future__ import annotations

import inspect
from typing import Any

from ...rng import default_generator
from ..modules.module import Module


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """A module of a class whose parameters and buffers hold whatever the memory does; the generator is as before.

    RuntimeError unless it is a class of modules that takes a `device`.

    >>> nn.utils.skip_init(nn.Linear, 3, 2)
    Linear(in_features=3, out_features=2, bias=True)
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    before: Any = default_generator
    state = before.get_state()
    try:
        return module_cls(*args, **kwargs).to_empty(device=device)
    finally:
        before.set_state(state)
