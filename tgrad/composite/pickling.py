"""How tensors and generators are pickled, in PyTorch's terms: which function makes one again, from what.

A tensor names its storage and how it lies in it. `torch.save` writes storages apart, each once, so tensors that shared memory
share it when they are loaded; a plain pickle writes the storage with every tensor, as PyTorch's does. The functions carry the
names of PyTorch's modules (`torch._utils`), because files do.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtype as dtypes
from .. import tensor as tensors
from ..device import device
from ..methods import attach
from ..rng import Generator
from ..shape import Size
from ..storage import UntypedStorage
from ..tensor import Tensor, layout, make
from .storages import NAMES, TypedStorage

HOOKS_LOST = (
    "backward hook {} on tensor will not be serialized.  If this is expected, you can decorate the function with "
    "@torch.utils.hooks.unserializable_hook to suppress this warning"
)


def from_memory(block: np.ndarray, d: dtypes.dtype, offset: Any, size: Any, stride: Any, cls: type = Tensor) -> Any:
    """The tensor of a dtype with these sizes and strides (elements) over a block of bytes.

    TypeError for what are no numbers; RuntimeError, in PyTorch's words, for a tensor that would reach outside the block.
    """
    sizes, steps = ints("size", size), ints("stride", stride)
    (first,) = ints("storage_offset", (offset,))
    if len(sizes) != len(steps):
        raise RuntimeError(f"unequal size length ({len(sizes)}) and stride length ({len(steps)})")
    if len(sizes) > 64:
        raise RuntimeError(f"a tensor has at most 64 dimensions, and this one would have {len(sizes)}")
    if any(n < 0 for n in sizes):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(sizes)}: {list(sizes)}")
    if any(s < 0 for s in steps):
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(sizes)} and strides={list(steps)}")
    if first < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {first}")
    item = d.itemsize
    if 0 in sizes:  # such a tensor may begin anywhere: it has nothing to show
        first, needed = min(first, block.size // item), 0
    else:
        needed = (first + sum((n - 1) * s for n, s in zip(sizes, steps, strict=True)) + 1) * item
    if needed > block.size:
        raise RuntimeError(
            f"setStorage: sizes {list(sizes)}, strides {list(steps)}, storage offset {first}, and itemsize {item} requiring a "
            f"storage size of {needed} are out of bounds for storage of size {block.size}"
        )
    try:
        a = np.ndarray(sizes, d.np, block, first * item, [s * item for s in steps])
    except (ValueError, OverflowError, TypeError):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(sizes)} and strides={list(steps)}"
        ) from None
    return make(cls, a)


def ints(name: str, values: Any) -> tuple[int, ...]:
    """A tuple of ints, and nothing that only looks like one."""
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
        raise TypeError(f"argument '{name}' must be tuple of ints, not {type(values).__name__}")
    for v in values:
        if not isinstance(v, int) or isinstance(v, bool):
            raise TypeError(f"argument '{name}' must be tuple of ints, but found element of type {type(v).__name__}")
    return tuple(values)


def _rebuild_tensor(storage: Any, storage_offset: Any, size: Any, stride: Any) -> Tensor:
    """The tensor of a typed storage's dtype with these sizes and strides over it."""
    if not isinstance(storage, TypedStorage):
        raise TypeError(f"a tensor is made from a TypedStorage, not from {type(storage).__name__}")
    return from_memory(storage._untyped_storage._block, storage.dtype, storage_offset, size, stride)


def _rebuild_tensor_v2(
    storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any, backward_hooks: Any, metadata: Any = None
) -> Tensor:  # fmt: skip
    """`_rebuild_tensor` with a say in whether gradients are wanted, and with `metadata` {"conj": bool, "neg": bool}."""
    return _finished(_rebuild_tensor(storage, storage_offset, size, stride), requires_grad, metadata)


def _rebuild_tensor_v3(
    storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any, backward_hooks: Any, dtype: Any,
    metadata: Any = None,
) -> Tensor:  # fmt: skip
    """The same with a dtype, for those whose storages have no names of their own."""
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    if not isinstance(storage, (TypedStorage, UntypedStorage)):
        raise TypeError(f"a tensor is made from a storage, not from {type(storage).__name__}")
    return _finished(
        from_memory(storage.untyped()._block, dtype, storage_offset, size, stride), requires_grad, metadata
    )


def _finished(t: Tensor, requires_grad: Any, metadata: Any) -> Tensor:
    if metadata:
        if not isinstance(metadata, dict):
            raise AssertionError(f"expected dict, got {type(metadata).__name__}")
        # Here no tensor is lazily conjugated or negated, so what was is computed: its memory is its own then.
        if metadata.get("conj"):
            t = make(Tensor, np.conj(t._a))
        if metadata.get("neg"):
            t = make(Tensor, np.negative(t._a))
    if requires_grad:
        t.requires_grad = True
    return t


def _rebuild_from_type_v2(func: Any, new_type: type, args: tuple[Any, ...], state: Any) -> Any:
    """A tensor of a subclass, or one with attributes of its own."""
    out = func(*args)
    if type(out) is not new_type:
        out = out.as_subclass(new_type)
    own = getattr(new_type, "__setstate__", None)
    if own is not None and own is not getattr(Tensor, "__setstate__", None):
        out.__setstate__(state)
        return out
    return _set_obj_state(out, state)


def _set_obj_state(obj: Any, state: Any) -> Any:
    """Gives an object the attributes of a state as `object.__getstate__` returns it."""
    if isinstance(state, tuple):
        if len(state) != 2:
            raise RuntimeError(f"Invalid serialized state: {state}")
        own, slots = state
    else:
        own, slots = state, None
    for attributes in (own, slots):
        for name, value in (attributes or {}).items():
            setattr(obj, name, value)
    return obj


def _get_obj_state(obj: Any) -> Any:
    """The attributes that a tensor has besides those of every tensor."""
    if type(obj).__getstate__ is not object.__getstate__:
        return obj.__getstate__()
    return {k: v for k, v in obj.__dict__.items()} or None


def _rebuild_meta_tensor_no_storage(dtype: Any, size: Any, stride: Any, requires_grad: Any) -> Tensor:
    """RuntimeError: there are no meta tensors."""
    raise RuntimeError("tgrad holds no 'meta' tensors: use device='cpu'")


def _rebuild_device_tensor_from_numpy(data: Any, dtype: Any, device: Any, requires_grad: Any) -> Tensor:
    """A tensor that PyTorch saved through numpy, because its device has no storages."""
    if not isinstance(data, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(data).__name__})")
    return _finished(make(Tensor, data.astype(dtype.np)), requires_grad, None)


def _rebuild_device_tensor_from_cpu_tensor(data: Any, dtype: Any, device: Any, requires_grad: Any) -> Tensor:
    """The same through a tensor on the CPU."""
    return _finished(data.detach().to(dtype), requires_grad, None)


def _refuse(name: str, kind: str) -> Any:
    def refuse(*args: Any) -> Any:
        raise NotImplementedError(
            f"the file holds a {kind} tensor, and tgrad has strided tensors only: convert it before saving"
        )

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"NotImplementedError: there are no tensors here that are {kind}."
    refuse.__module__ = "tgrad._utils"
    return refuse


_rebuild_sparse_tensor = _refuse("_rebuild_sparse_tensor", "sparse")
_rebuild_qtensor = _refuse("_rebuild_qtensor", "quantized")
_rebuild_nested_tensor = _refuse("_rebuild_nested_tensor", "nested")
_rebuild_wrapper_subclass = _refuse("_rebuild_wrapper_subclass", "wrapper subclass")


def warn_if_has_hooks(tensor: Tensor) -> None:
    """Warns of hooks that a file will not have."""
    meta = tensor._x
    for hook in ((meta.hooks or {}) if meta is not None else {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(HOOKS_LOST.format(repr(hook)), stacklevel=3)


def reduce_parts(t: Tensor) -> tuple[Any, tuple[Any, ...]]:
    """(function, arguments) that make a plain tensor again."""
    warn_if_has_hooks(t)
    named = t.dtype in NAMES
    parts: tuple[Any, ...] = (t.storage_offset(), tuple(t._a.shape), t.stride(), t.requires_grad, OrderedDict())
    if named:
        return _rebuild_tensor_v2, (t._typed_storage(), *parts)
    return _rebuild_tensor_v3, (t.untyped_storage(), *parts, t.dtype)


def reduce_tensor(self: Tensor, protocol: Any) -> Any:
    """What pickle asks for."""
    func, args = reduce_parts(self)
    state = _get_obj_state(self)
    if type(self) is Tensor and not state:
        return func, args
    return _rebuild_from_type_v2, (func, type(self), args, state)


attach("__reduce_ex__", reduce_tensor)


def _set_state(self: Tensor, state: Any) -> None:
    """For tensors in the files of old releases: (storage, offset, size, stride), or (requires_grad, _, hooks)."""
    if not self.is_leaf:
        raise RuntimeError("__setstate__ can be only called on leaf Tensors")
    if len(state) == 4:
        source, offset, size, stride = state
        self._a = from_memory(source.untyped()._block, self.dtype, offset, size, stride)._a
        return
    if len(state) == 5:
        self.data = state[0]
        state = (state[3], state[4], state[2])
    self.requires_grad = bool(state[0])


attach("__setstate__", _set_state)


def _get_layout(name: str) -> layout:
    """The layout of a name such as "torch.strided"; KeyError for another."""
    known = ("strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
    kind = name.removeprefix("torch.")
    if kind not in known:
        raise KeyError(name)
    return tensors.strided_layout if kind == "strided" else layout(kind)


def _reduce_layout(self: layout, protocol: Any) -> Any:
    return _get_layout, (repr(self),)


def _reduce_generator(self: Generator, protocol: Any) -> Any:
    state = make(Tensor, self.get_state_array())
    return Generator, (self.device,), (self.initial_seed(), None, state)


def _set_generator(self: Generator, state: Any) -> None:
    self.set_state_array(state[2]._a)


layout.__reduce_ex__ = _reduce_layout  # type: ignore[method-assign,assignment]
Generator.__reduce_ex__ = _reduce_generator  # type: ignore[method-assign,assignment]
Generator.__setstate__ = _set_generator  # type: ignore[attr-defined]

# Where PyTorch has them, and so where files look for them.
for _fn in (
    _rebuild_tensor, _rebuild_tensor_v2, _rebuild_tensor_v3, _rebuild_meta_tensor_no_storage, _rebuild_device_tensor_from_numpy,
    _rebuild_device_tensor_from_cpu_tensor, _set_obj_state, _get_obj_state,
):  # fmt: skip
    _fn.__module__ = "tgrad._utils"
_rebuild_from_type_v2.__module__ = "tgrad._tensor"
_get_layout.__module__ = "tgrad.serialization"
Generator.__module__ = "tgrad._C"
for _cls in (Tensor, Size, layout, dtypes.dtype, device):
    _cls.__module__ = "tgrad"
