"""Hooks on saved tensors: what a graph keeps for its backward pass can be packed on the way in and unpacked on the way out.

The hooks in force are a stack per thread, in `modes.state`; the door asks for them when it saves a tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from .modes import state
from .node import PACKED, Packed

Hook = Callable[[Any], Any]

_INFERENCE = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation "
    "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use "
    "`torch.no_grad()` instead of `torch.inference_mode()`."
)


def keep(t: Any, hooks: tuple[Hook, Hook] | None = None) -> tuple[Any, int]:
    """What a graph keeps of tensor `t`: (the tensor, its version), or (what the pack hook made of it, PACKED)."""
    meta = t._x
    if meta is not None and meta.inference:
        raise RuntimeError(_INFERENCE)
    if hooks is None and state.saved_hooks:
        if state.saved_hooks_disabled is not None:
            raise RuntimeError(state.saved_hooks_disabled)
        hooks = state.saved_hooks[-1]
    if hooks is None:
        vc = t._vc
        return t, 0 if vc is None else vc.n
    pack, unpack = hooks
    grad, stack = state.grad, state.saved_hooks
    state.grad, state.saved_hooks = False, ()
    try:
        return Packed(pack(t), unpack), PACKED
    finally:
        state.grad, state.saved_hooks = grad, stack


class saved_tensors_hooks(AbstractContextManager[None]):
    """Within the block, `pack_hook(tensor)` decides what is kept of each saved tensor; `unpack_hook(packed)` must give a
    tensor of the same values back when backward (or a look at `grad_fn._saved_...`) needs it. Blocks nest: the innermost
    hooks count.

    >>> import tgrad as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), lambda v: torch.tensor(v)):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pack_hook: Hook, unpack_hook: Hook) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if state.saved_hooks_disabled is not None:
            raise RuntimeError(state.saved_hooks_disabled)
        state.saved_hooks = (*state.saved_hooks, (self.pack_hook, self.unpack_hook))
        state.refresh()

    def __exit__(self, *exc: object) -> None:
        state.saved_hooks = state.saved_hooks[:-1]
        state.refresh()


class save_on_cpu(saved_tensors_hooks):
    """Within the block, saved tensors are kept in the CPU's memory and moved back when needed.

    `pin_memory` asks for page-locked memory, where the device can use it.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack_to_cpu(tensor: Any) -> Any:
            return tensor.device, tensor.detach().cpu()

        def unpack_from_cpu(packed: Any) -> Any:
            device, tensor = packed
            return tensor.to(device)

        self.pin_memory, self.device_type = pin_memory, device_type
        super().__init__(pack_to_cpu, unpack_from_cpu)


class disable_saved_tensors_hooks(AbstractContextManager[None]):
    """Within the block (or the decorated function), entering `saved_tensors_hooks` raises RuntimeError(error_message)."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message
        self._before: list[str | None] = []

    def __enter__(self) -> None:
        self._before.append(state.saved_hooks_disabled)
        state.saved_hooks_disabled = self.error_message
        if state.saved_hooks:
            state.saved_hooks_disabled = self._before.pop()
            raise RuntimeError(self.error_message)

    def __exit__(self, *exc: object) -> None:
        state.saved_hooks_disabled = self._before.pop()

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        import functools

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.error_message):
                return fn(*args, **kwargs)

        return wrapped


__all__ = ["disable_saved_tensors_hooks", "keep", "save_on_cpu", "saved_tensors_hooks"]
