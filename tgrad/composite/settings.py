"""Settings of a whole process that PyTorch has: deterministic algorithms, precision of products, threads, denormal numbers.

All of tgrad's algorithms are deterministic and compute in the precision of their inputs, so these are kept and told, and change nothing.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from ..methods import attach, publish
from ..tensor import Tensor


class Settings:
    """What was last set."""

    debug_mode = 0
    precision = "highest"
    interop_threads: int | None = None
    interop_fixed = False


MODES = {"default": 0, "warn": 1, "error": 2}
PRECISIONS = ("highest", "high", "medium")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks for algorithms that give the same result each time, as all of tgrad's do. TypeError unless `mode` is a bool."""
    if not isinstance(mode, bool):
        raise TypeError(
            f"_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not {type(mode).__name__}"
        )
    Settings.debug_mode = 0 if not mode else 1 if warn_only else 2


def are_deterministic_algorithms_enabled() -> bool:
    """Whether deterministic algorithms were asked for.

    >>> import tgrad as torch
    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    return Settings.debug_mode > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether operations without such an algorithm would only warn."""
    return Settings.debug_mode == 1


def get_deterministic_debug_mode() -> int:
    """0 (default), 1 (warn) or 2 (error)."""
    return Settings.debug_mode


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Sets the mode by number or name. TypeError or RuntimeError for anything else."""
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in MODES:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = MODES[debug_mode]
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    Settings.debug_mode = debug_mode


def get_float32_matmul_precision() -> str:
    """How float32 products may be computed: "highest" unless set."""
    return Settings.precision


def set_float32_matmul_precision(precision: str) -> None:
    """Allows float32 products to be computed in less; tgrad always computes them in float32. A warning for an unknown name."""
    if precision not in PRECISIONS:
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the currentsetFloat32MatmulPrecision call has no effect.",
            UserWarning,
            stacklevel=2,
        )
        return
    Settings.precision = precision


def get_num_interop_threads() -> int:
    """How many threads would run operations side by side; tgrad shares the work within one operation instead."""
    return Settings.interop_threads or os.cpu_count() or 1


def set_num_interop_threads(num: int) -> None:
    """Keeps the number. RuntimeError the second time, as in PyTorch."""
    if not isinstance(num, int) or isinstance(num, bool):
        raise RuntimeError(f"set_num_interop_threads expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    if Settings.interop_fixed:
        raise RuntimeError(
            "Error: cannot set number of interop threads after parallel work has started or set_num_interop_threads called"
        )
    Settings.interop_threads, Settings.interop_fixed = num, True


def set_flush_denormal(mode: bool) -> bool:
    """Whether denormal numbers will be taken for zero, if `mode`: False, since tgrad keeps them."""
    return False


def cond(pred: Any, true_fn: Any, false_fn: Any, operands: tuple[Any, ...] = ()) -> Any:
    """`true_fn(*operands)` where `pred` (a bool or a tensor of one element) holds, else `false_fn(*operands)`."""
    return (true_fn if bool(pred) else false_fn)(*operands)


for _fn in (
    use_deterministic_algorithms, are_deterministic_algorithms_enabled, is_deterministic_algorithms_warn_only_enabled,
    get_deterministic_debug_mode, set_deterministic_debug_mode, get_float32_matmul_precision, set_float32_matmul_precision,
    get_num_interop_threads, set_num_interop_threads, set_flush_denormal, cond,
):  # fmt: skip
    publish(_fn.__name__, _fn)


def _dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions in the order of their steps in memory, the largest first."""
    steps = self.stride()
    return tuple(sorted(range(self.ndim), key=lambda d: (-steps[d], d)))


def _get_device(self: Tensor) -> int:
    """The number of the device; -1 on the CPU."""
    return -1


def _const_data_ptr(self: Tensor) -> int:
    """The address of the first element, for reading."""
    return self.data_ptr()


def get_device(input: Tensor) -> int:
    """The number of the device of a tensor; -1 on the CPU."""
    return _get_device(input)


attach("dim_order", _dim_order)
attach("get_device", _get_device)
attach("const_data_ptr", _const_data_ptr)
publish("get_device", get_device)
