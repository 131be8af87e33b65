"""`torch.multiprocessing`: Python's `multiprocessing`, with tensors that are handed over in shared memory instead of being copied.

A tensor that is put into a queue, or given to a process that is spawned, moves into shared memory (`Tensor.share_memory_`); the other
side gets a tensor over the same memory. As with PyTorch's default strategy the sender has to live until the receiver has taken it.

>>> import torch.multiprocessing as mp
>>> mp.get_sharing_strategy()
'file_descriptor'
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403

from .children import init_children
from .reductions import init_reductions
from .spawn import (  # noqa: F401
    ENV_VAR_PARALLEL_START,
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

_sharing_strategy = "file_descriptor"
_all_sharing_strategies = {"file_descriptor", "file_system"}


def set_sharing_strategy(new_strategy: str) -> None:
    """Takes one of `get_all_sharing_strategies()`, for scripts that ask for one; memory is handed over by descriptor in both.

    AssertionError for another name.
    """
    global _sharing_strategy
    if new_strategy not in _all_sharing_strategies:
        raise AssertionError(f"invalid sharing strategy {new_strategy!r}, expected one of {_all_sharing_strategies}")
    _sharing_strategy = new_strategy


def get_sharing_strategy() -> str:
    """The name that was last set."""
    return _sharing_strategy


def get_all_sharing_strategies() -> set[str]:
    """The names that `set_sharing_strategy` takes."""
    return _all_sharing_strategies


init_reductions()
init_children()

__all__ = ["get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", *multiprocessing.__all__]
