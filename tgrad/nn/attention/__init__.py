"""`torch.nn.attention`: which way `scaled_dot_product_attention` is computed.

On a CPU there are two: a kernel (FLASH_ATTENTION) and products, a softmax and another product (MATH).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from ...backends.attention import Switches

__all__ = [
    "WARN_FOR_UNFUSED_KERNELS",
    "SDPBackend",
    "activate_flash_attention_impl",
    "current_flash_attention_impl",
    "list_flash_attention_impls",
    "register_flash_attention_impl",
    "restore_flash_attention_impl",
    "sdpa_kernel",
]

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(Enum):
    """The ways to compute attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __int__(self) -> int:
        return self.value

    __index__ = __int__


_WORDS = {
    SDPBackend.CUDNN_ATTENTION: "cudnn",
    SDPBackend.FLASH_ATTENTION: "flash",
    SDPBackend.EFFICIENT_ATTENTION: "mem_efficient",
    SDPBackend.MATH: "math",
    SDPBackend.OVERRIDEABLE: "overrideable",
}


def _cur_sdpa_kernel_backends(with_priority: bool = False) -> list[SDPBackend]:
    """Those that are on, the preferred ones first if asked."""
    found = [backend for backend, word in _WORDS.items() if getattr(Switches, word)]
    return sorted(found, key=lambda b: Switches.order.index(b.value)) if with_priority else found


def _sdpa_kernel(backends: Iterable[SDPBackend], set_priority: bool = False) -> None:
    wanted = list(backends)
    for backend, word in _WORDS.items():
        setattr(Switches, word, backend in wanted)
    if set_priority:
        first = [b.value for b in wanted]
        Switches.order = (*first, *(n for n in Switches.order if n not in first))


@contextlib.contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[dict[Any, Any]]:
    """Only these ways to compute attention, for a block of code; with `set_priority` the first ones are preferred. RuntimeError comes from
    `scaled_dot_product_attention` where none of them is possible, AssertionError from here for anything but members of SDPBackend.

    >>> attention = torch.nn.attention
    >>> q = torch.zeros(1, 1, 2, 3, requires_grad=True)
    >>> with attention.sdpa_kernel(attention.SDPBackend.MATH):
    ...     print(F.scaled_dot_product_attention(q, q, q).grad_fn.name())
    UnsafeViewBackward0
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got {type(backends).__name__}"
        )
    wanted = list(dict.fromkeys([backends] if isinstance(backends, SDPBackend) else backends))
    before = _cur_sdpa_kernel_backends(with_priority=set_priority)
    try:
        _sdpa_kernel(wanted, set_priority)
        yield {}
    finally:
        _sdpa_kernel(before, set_priority)


# ---- kernels for GPUs that can be registered by name

_REGISTERED: dict[str, Any] = {}
_ACTIVE: list[tuple[str, Any]] = []


def register_flash_attention_impl(impl: str, *, register_fn: Any) -> None:
    """Notes a kernel under a name; `register_fn` is called when it is activated, and gives a handle whose `remove()` undoes that."""
    _REGISTERED[impl] = register_fn


def activate_flash_attention_impl(impl: str) -> None:
    """Activates a kernel that was registered. ValueError for a name that is not known."""
    restore_flash_attention_impl(_raise_warn=False)
    if impl not in _REGISTERED:
        raise ValueError(
            f"Unknown flash attention impl '{impl}'. Available implementations: {list_flash_attention_impls()}"
        )
    handle = _REGISTERED[impl]()
    if handle is not None:
        _ACTIVE.append((impl, handle))


def list_flash_attention_impls() -> list[str]:
    """The names of registered kernels."""
    return sorted(_REGISTERED)


def current_flash_attention_impl() -> str | None:
    """The name of the active one, None if there is none."""
    return _ACTIVE[0][0] if _ACTIVE else None


def restore_flash_attention_impl(_raise_warn: bool = True) -> None:
    """Goes back to none; a line in the log says if there was none."""
    if _ACTIVE:
        _ACTIVE.pop()[1].remove()
    elif _raise_warn:
        logging.getLogger(__name__).warning("Trying to restore default FA2 impl when no custom impl was activated")
