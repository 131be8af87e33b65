"""`torch.utils`: loading data, checkpointing and other helpers, as modules of their own; each is imported when it is first looked at."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    import importlib
    import importlib.util

    if name == "swap_tensors":
        return importlib.import_module("..nn.conversion", __name__).swap_tensors
    if not name.startswith("__") and importlib.util.find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torch.utils' has no attribute {name!r}")
