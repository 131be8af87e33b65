"""`torch.utils`: loading data, checkpointing and other helpers, as modules of their own, each imported when first looked at."""

from __future__ import annotations


def __getattr__(name: str):
    import importlib
    import importlib.util

    if not name.startswith("__") and importlib.util.find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torch.utils' has no attribute {name!r}")
