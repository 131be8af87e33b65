"""Anomaly mode: nodes remember where they were made, and backward stops at the first NaN."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from .modes import state
from .node import Node

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def remember(node: Node) -> None:
    """Notes, in anomaly mode, the line of the user's program that is making this node."""
    if state.anomaly:
        frames = traceback.extract_stack()
        # Functions made from rows have no file; like the rest of tgrad they are not what the user looks for.
        while frames and (frames[-1].filename.startswith(_HERE) or frames[-1].filename.startswith("<")):
            if frames[-1].filename in ("<stdin>", "<string>"):
                break
            frames.pop()
        node.extras().trace = traceback.format_list(frames)


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switches anomaly mode on or off in this thread."""
    state.anomaly, state.check_nan = mode, check_nan
    state.refresh()


class Watching:
    """Set by tgrad itself: what puts the watch for nan and inf at the door and takes it away."""

    start: Callable[[], None]
    stop: Callable[[], None]


class detect_anomaly:
    """Context manager that traces errors in backward to the forward operation that they come from.

    Nodes recorded inside keep the stack of their forward call; an error in a node's backward is preceded by a warning
    with that stack. With `check_nan`, a gradient with a NaN is such an error. Slow: for debugging only.

    `forward`, which PyTorch lacks: stops at the first operation, forward ones too, whose output holds a nan or an inf. Its notes show where
    in the output, which inputs made it, and their ranges.

    >>> import tgrad as torch
    >>> with torch.autograd.detect_anomaly():
    ...     x = torch.tensor(-1.0, requires_grad=True)
    ...     torch.sqrt(x).backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True, *, forward: bool = False) -> None:
        self.prev = state.anomaly
        self.check_nan = check_nan
        self.forward = forward
        self.prev_check_nan = state.check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        if self.forward:
            Watching.start()
        set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        set_anomaly_enabled(self.prev, self.prev_check_nan)
        if self.forward:
            Watching.stop()


class set_detect_anomaly:
    """Switches anomaly mode on or off at once; as a context manager, until the block ends."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev, self.prev_check_nan = state.anomaly, state.check_nan
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        set_anomaly_enabled(self.prev, self.prev_check_nan)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on in this thread."""
    return state.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode stops at NaNs."""
    return state.check_nan


__all__: list[Any] = [
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "remember",
    "set_detect_anomaly",
]
