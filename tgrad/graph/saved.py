"""Hooks on saved tensors: what a graph keeps for its backward pass can be packed on the way in and unpacked on the way out.

The hooks in force are a stack per thread, in `modes.state`; the door asks for them when it saves a tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from .modes import state

PACKED = -2  # as a saved version: the tensor went through hooks

Hook = Callable[[Any], Any]

_INFERENCE = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation "
    "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use "
    "`torch.no_grad()` instead of `torch.inference_mode()`."
)


_MODIFIED = (
    "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified by "
    "in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to perform in-place "
    "operations on the input to a pack hook."
)


class Packed:
    """A saved tensor as the user's pack hook left it."""

    __slots__ = ("packed", "unpack_hook")

    def __init__(self, packed: Any, unpack_hook: Hook) -> None:
        self.packed, self.unpack_hook = packed, unpack_hook

    def unpack(self) -> Any:
        """The tensor that the unpack hook makes of it; TypeError if it makes something else."""
        grad, state.grad = state.grad, False
        try:
            out = self.unpack_hook(self.packed)
        finally:
            state.grad = grad
        if not hasattr(out, "_a"):
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(out).__name__}"
            )
        return out


def pack(t: Any, hooks: tuple[Hook, Hook]) -> Packed:
    """Runs a pack hook, unrecorded and without hooks of its own, and makes sure that it leaves its input alone."""
    grad, stack = state.grad, state.saved_hooks
    state.grad, state.saved_hooks = False, ()
    before = 0 if t._vc is None else t._vc.n
    try:
        packed = Packed(hooks[0](t), hooks[1])
    finally:
        state.grad, state.saved_hooks = grad, stack
    if t._vc is not None and t._vc.n != before:
        raise RuntimeError(_MODIFIED)
    return packed


def keep(t: Any) -> tuple[Any, int]:
    """What a graph keeps of tensor `t`: (the tensor, its version), or (what the pack hook made of it, PACKED)."""
    meta = t._x
    if meta is not None and meta.inference:
        raise RuntimeError(_INFERENCE)
    if state.saved_hooks:
        if state.saved_hooks_disabled is not None:
            raise RuntimeError(state.saved_hooks_disabled)
        return pack(t, state.saved_hooks[-1]), PACKED
    vc = t._vc
    return t, 0 if vc is None else vc.n


class SavedTensor:
    """One saved tensor of a node, as `grad_fn._raw_saved_<name>` gives it; the node keeps it in its slot `key`."""

    __slots__ = ("_key", "_node")

    def __init__(self, node: Any, key: Any) -> None:
        self._node, self._key = node, key

    @property
    def data(self) -> Any:
        """What is kept: the tensor, or what a pack hook made of it."""
        value, version = self._node.saved_slot(self._key)
        return value.packed if version == PACKED else value

    def unpack(self) -> Any:
        """The saved tensor as backward sees it."""
        return self._node.saved_value(self._key)

    def register_hooks(self, pack_hook: Hook, unpack_hook: Hook) -> None:
        """Packs the saved tensor at once with `pack_hook`; backward gets what `unpack_hook` makes of that.

        RuntimeError if there are hooks already, or nothing is kept (any more).
        """
        value, version = self._node.saved_slot(self._key)
        if version == PACKED and value is not None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is "
                "allowed at a time."
            )
        if value is None:
            raise RuntimeError(_FREED_SLOT if version is not None else _NONE_SLOT)
        packed = pack(self._node.saved_value(self._key), (pack_hook, unpack_hook))
        self._node.set_saved_slot(self._key, packed, PACKED)


_FREED_SLOT = (
    "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the graph are freed when "
    "you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second "
    "time or if you need to access saved variables after calling backward."
)
_NONE_SLOT = "Calling register_hooks on a saved tensor with value None is forbidden"


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


__all__ = [
    "PACKED",
    "Packed",
    "SavedTensor",
    "disable_saved_tensors_hooks",
    "keep",
    "save_on_cpu",
    "saved_tensors_hooks",
]
