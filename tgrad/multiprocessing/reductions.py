"""How tensors are pickled on their way to another process: the descriptor of their memory goes, not what lies in it."""

from __future__ import annotations

import os
import sys
from multiprocessing import reduction
from typing import Any

import numpy as np

from ..composite import sharing
from ..dtype import by_name
from ..nn.parameter import Buffer, Parameter
from ..tensor import Tensor, make

_NON_LEAF = (
    "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing process "
    "boundaries.  If you just want to transfer the data, call detach() on the tensor before serializing (e.g., putting it on the "
    "queue)."
)


def rebuild_tensor(
    kind: type,
    handle: Any,
    nbytes: int,
    place: tuple[tuple[int, ...], tuple[int, ...], int],
    dtype: str,
    requires_grad: bool,
    attributes: dict[str, Any],
) -> Tensor:
    """The tensor of class `kind` over received memory: `place` are its sizes, its steps and its beginning, in bytes."""
    segment = sharing.received(handle.detach(), nbytes)
    shape, strides, at = place
    out = make(kind, np.ndarray(shape, by_name(dtype).np, np.asarray(segment), at, strides))
    out._rg = requires_grad
    out.__dict__.update(attributes)
    return out


def rebuild_empty(
    kind: type, shape: tuple[int, ...], dtype: str, requires_grad: bool, attributes: dict[str, Any]
) -> Tensor:
    """A tensor without elements, for which there is no memory to hand over."""
    out = make(kind, np.empty(shape, by_name(dtype).np))
    out._rg = requires_grad
    out.__dict__.update(attributes)
    return out


def reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
    """What `ForkingPickler` writes for a tensor. RuntimeError for one with a history."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(_NON_LEAF)
    rest = (tensor.dtype.name, tensor._rg, dict(tensor.__dict__))
    if tensor._a.size == 0:
        return rebuild_empty, (type(tensor), tensor._a.shape, *rest)
    segment = sharing.share(tensor)
    a = tensor._a
    place = (a.shape, a.strides, a.__array_interface__["data"][0] - segment.address)
    if segment.fd is None:
        raise RuntimeError("this memory was received without its descriptor and cannot be handed on")
    return rebuild_tensor, (type(tensor), reduction.DupFd(segment.fd), segment.nbytes, place, *rest)


def init_reductions() -> None:
    """Tells `multiprocessing` of it. Where descriptors cannot be handed over (Windows), tensors are copied."""
    if sys.platform == "win32" or not hasattr(os, "fork"):
        return
    for kind in (Tensor, Parameter, Buffer):
        reduction.ForkingPickler.register(kind, reduce_tensor)
