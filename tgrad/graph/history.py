"""How a tensor hangs in the graph: its edge, and what in-place writes do to the histories of views.

Note [In-place on views]

    base ── AddBackward0                base ── CopySlices ── AddBackward0
      └ v = base[0]  (SelectBackward0)            └ fn: MulBackward0 (the in-place op on v)
                                          v ── AsStridedBackward0 ── CopySlices
          before  v.mul_(w)                       after

An in-place op on a view changes the base: the base's new history is CopySlices, which passes the gradient on but for the
view's part, which goes through the op's own node. All views of the base are stale then; each makes a new grad_fn (the
geometry of the view, over the base's new history) when it is next looked at. Staleness is seen by the version counter.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np

from ..ops.spec import ROWS
from ..storage import memory, offset, strided, strides
from .node import SCALAR, Node, next_seq, node_class
from .places import draws_numbers
from .reasons import because


class Meta:
    """What few tensors have: view information, hooks, retained gradient, a name."""

    __slots__ = (
        "accumulator",
        "base",
        "creation",
        "hooks",
        "inference",
        "name",
        "post_hooks",
        "retains",
        "unrecorded",
        "version",
    )

    def __init__(self) -> None:
        self.base: Any = None  # the tensor this one is a view of (never a view itself)
        self.version = 0  # the version counter when grad_fn was made
        self.creation: str | None = (
            None  # why in-place ops must not rebase: 'no_grad', 'multi', 'function', 'inference'
        )
        self.hooks: dict[int, Any] | None = None  # of a leaf
        self.post_hooks: dict[int, Any] | None = None
        self.accumulator: Any = None  # weak reference, or the node itself once it has hooks
        self.retains = False
        self.inference = False
        self.unrecorded = False  # see Nowhere
        self.name: str | None = None


def edge(t: Any) -> Any:
    """What receives the gradient of `t`; see Note [Edges]."""
    meta = t._x
    if meta is not None and meta.base is not None and meta.base._rg:
        if t._vc.n != meta.version:
            _refresh(t, meta)
        elif t._node is None and (meta.unrecorded or not t._rg) and t._a.dtype.kind not in "biu":
            meta.unrecorded, t._rg = True, True
            return Nowhere(t)
    node = t._node
    if node is not None:
        return node
    return t if t._rg else None


_below = itertools.count(-1, -1)  # a pass comes to these last; each has a number of its own, as all nodes do


class Nowhere(Node):
    """Where gradients of a view go that was made without recording: such a view requires grad, as its base does, and
    operations on it are recorded, but nothing leads from it to the base."""

    __slots__ = ()

    def __init__(self, t: Any) -> None:
        self.edges, self.seq, self.extra, self.plain = (), next(_below), None, True
        self.shape, self.dt = t._a.shape, t._a.dtype

    def apply(self, grad: Any) -> tuple[Any, ...]:
        return ()

    apply_t = apply


def _refresh(t: Any, meta: Meta) -> None:
    check_rebase(t, meta)
    row = ROWS["as_strided"]
    node: Any = node_class(row)()
    base = meta.base
    node.edges = (edge(base),)
    node.seq, node.extra, node.plain = next_seq(), None, True
    node.shape, node.dt = t._a.shape, t._a.dtype
    shown = base._a
    if shown.dtype.kind == "c" and node.dt.kind != "c":  # a part of a complex base: strides count real numbers
        node.edges = (_as_real(base),)
        shown = ROWS["view_as_real"].array(shown)
    node.s_self_geometry = geometry(shown)
    node.s_size, node.s_stride, node.s_storage_offset = t._a.shape, strides(t._a), offset(t._a)
    old, t._node, t._rg, meta.version = t._node, node, True, t._vc.n
    _move_retained(meta, old, node)


def _as_real(base: Any) -> Node:
    """The node of `view_as_real(base)`."""
    row = ROWS["view_as_real"]
    node = node_class(row)()
    node.edges, node.seq, node.extra, node.plain = (edge(base),), next_seq(), None, True
    node.shape, node.dt = (*base._a.shape, 2), np.dtype(f"f{base._a.dtype.itemsize // 2}")
    return node


def geometry(a: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    return a.shape, strides(a), offset(a)


_WHY = {
    "no_grad": (
        "A view was created in no_grad mode and {done} inplace with grad mode enabled. Given that this use case is ambiguous "
        "and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both "
        "inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to "
        "be tracked)."
    ),
    "inference": (
        "A view was created in inference mode and {done} inplace in normal mode. Given that this use case is ambiguous and "
        "error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside "
        "the inference_mode block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to "
        "be tracked)."
    ),
    "multi": (
        "Output {nr} of {fn} is a view and {done} inplace. This view is the output of a function that returns multiple "
        "views. Such functions do not allow the output views to be modified inplace. You should replace the inplace "
        "operation by an out-of-place one."
    ),
    "function": (
        "Output {nr} of {fn} is a view and {done} inplace. This view was created inside a custom Function (or because an "
        "input was returned as-is) and the autograd logic to handle view+inplace would override the custom backward "
        "associated with the custom Function, leading to incorrect gradients. This behavior is forbidden. You can fix this "
        "by cloning the output of the custom Function."
    ),
}


def check_rebase(t: Any, meta: Meta, done: str | None = None) -> None:
    """Refuses an in-place write through a view whose history could not be rebased."""
    if meta.creation is None or meta.creation not in _WHY:
        return
    done = done or "its base or another view of its base has been modified"
    node = t._node
    nr = node[1] if type(node) is tuple else 0
    fn = node[0] if type(node) is tuple else node
    # PyTorch names the op here, without the node's "Backward0".
    name = re.sub("Backward[0-9]*$", "", fn.name()) if fn is not None else "None"
    text = _WHY[meta.creation]
    if fn is not None:
        text = text.replace("A view was created", "Output {nr} of {fn} is a view of a view which was created")
    raise because(RuntimeError(text.format(done=done, nr=nr, fn=name)), "view written", tensor=t, node=fn)


def check_inplace(t: Any, recording: bool) -> None:
    """Raises, in PyTorch's words, where an in-place write into `t` would break the graph."""
    meta = t._x
    if not recording:
        return
    if meta is not None and meta.base is not None:
        base = meta.base
        check_rebase(t, meta, "is being modified")
        if base._rg and base._node is None:
            text = "a view of a leaf Variable that requires grad is being used in an in-place operation."
            raise because(RuntimeError(text), "leaf written", tensor=base)
    if t._rg and t._node is None:
        text = "a leaf Variable that requires grad is being used in an in-place operation."
        raise because(RuntimeError(text), "leaf written", tensor=t)


def rebase(t: Any, node: Node) -> None:
    """Makes `node` (an in-place op into `t`, already run and counted) the history of `t`; see Note [In-place on views]."""
    meta = t._x
    if meta is not None and meta.base is not None:
        base = meta.base
        copy = CopySlices()
        copy.fn = node
        copy.base, copy.view = geometry(base._a), geometry(t._a)
        copy.edges = (edge(base), *node.edges[1:])
        copy.seq, copy.extra, copy.plain = next_seq(), None, True
        copy.shape, copy.dt = base._a.shape, base._a.dtype
        copy.real = copy.dt.kind == "c" and t._a.dtype.kind != "c"
        _set(base, copy)
        edge(t)  # makes the view's own new grad_fn
    else:
        _set(t, node)


def _set(t: Any, node: Node) -> None:
    old, t._node, t._rg = t._node, node, True
    meta = t._x
    if meta is not None:
        _move_retained(meta, old, node)


def _move_retained(meta: Meta, old: Any, node: Node) -> None:
    """`retain_grad` follows the tensor to its new history; other hooks stay with the old one."""
    if not meta.retains or old is None:
        return
    from_, nr = old if type(old) is tuple else (old, 0)
    if from_.extra is not None:
        ref = from_.extra.retains.pop(nr, None)
        if ref is not None:
            node.extras().retains[0] = ref


class CopySlices(Node):
    """The history of a base one of whose views was written in place."""

    __slots__ = ("base", "fn", "real", "view")

    fn: Node
    real: bool  # the base is complex and the view shows real parts of it: its geometry counts real numbers

    base: Any
    view: Any

    def name(self) -> str:
        return "torch::autograd::CopySlices"

    def apply(self, grad: np.ndarray) -> tuple[Any, ...]:
        size, stride, first = self.base
        block = np.empty(_extent(size, stride), grad.dtype)
        whole = np.ndarray(size, grad.dtype, block, 0, [s * grad.dtype.itemsize for s in stride])
        whole[...] = grad
        vsize, vstride, vfirst = self.view
        item, at = grad.dtype.itemsize, vfirst - first
        dt = grad.dtype
        if self.real:
            item, at, dt = item // 2, vfirst - 2 * first, np.dtype(f"f{item // 2}")
        at = 0 if 0 in vsize else at  # an empty view may begin past the end
        part = np.ndarray(vsize, dt, block, at * item, [s * item for s in vstride])
        got = self.fn.apply(part.copy())
        if got[0] is None:
            part[...] = 0
        else:
            part[...] = got[0]
        return (whole, *got[1:])

    def apply_t(self, grad: Any) -> tuple[Any, ...]:
        size, stride, first = self.base
        vsize, vstride, vfirst = self.view
        whole = grad.new_zeros(_extent(size, stride)).as_strided(size, stride, 0).copy_(grad)
        if self.real:
            part = ROWS["view_as_real"].record(whole).as_strided(vsize, vstride, vfirst - 2 * first)
        else:
            part = whole.as_strided(vsize, vstride, vfirst - first)
        got = self.fn.apply_t(part.clone())
        if got[0] is None:
            part.zero_()
        else:
            part.copy_(got[0])
        return (whole, *got[1:])

    def release(self) -> None:
        self.fn.release()


CopySlices.__module__ = "builtins"


def _extent(size: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """Elements from the first to the last one that a strided view touches."""
    return 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))


__all__ = ["SCALAR", "CopySlices", "Meta", "check_inplace", "edge", "memory", "rebase", "strided"]

draws_numbers(globals())
