"""PyTorch's `torch.random`: the default generator's seed and state."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from . import functions as F

manual_seed = F.manual_seed
seed = F.seed
initial_seed = F.initial_seed
get_rng_state = F.get_rng_state
set_rng_state = F.set_rng_state
default_generator = F.default_generator


@contextlib.contextmanager
def fork_rng(
    devices: Any = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cpu",
) -> Iterator[None]:
    """Puts the default generator back, when the block ends, into the state it was in when the block began.

    `devices`, `_caller` and `_devices_kw` are taken for PyTorch's sake: the only generator here is that of the CPU.
    With `enabled=False` nothing is saved and nothing put back. ValueError for a list of devices on the CPU alone.
    """
    if not enabled:
        yield
        return
    if devices:
        warnings.warn("fork_rng() saves the CPU generator's state only", stacklevel=3)
    before = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(before)


__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]
