"""Custom functions: a forward and a backward of the user's own, as one node of the graph.

Note [One object is context and node]
The `ctx` that `forward` and `backward` receive is the node itself (class `<Name>Backward`): what the user puts on it
lives as long as the graph does. `apply` runs `forward` unrecorded and then ties the outputs to the node. An output can
be one of four things, and each is tied differently:

    a fresh tensor           the node becomes its history
    an input, marked dirty   the node becomes its new history (through CopySlices on the base, if it is a view)
    an input as it is        a view of it is returned instead, since the input keeps the history that it has
    a view of an input       the node becomes its history, and in-place writes through it are refused
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor, make, mark_view, wrap
from .anomaly import remember
from .history import check_rebase, edge, rebase
from .modes import state
from .node import PACKED, AccumulateGrad, Node, changed, gone, next_seq
from .places import draws_numbers
from .saved import SavedTensor, keep

LEGACY = (
    "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with "
    "static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
)
SEVERAL_FROM_VIEW = (
    "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return more than one "
    "Tensor. This is not supported by the current autograd engine. You should either make sure the input is not a view "
    "(using .clone() for example) or make your Function only return one Tensor (potentially splitting it into two Functions: "
    "one doing the inplace that returns a single Tensor and a second one that does the other operations). You can ask on the "
    "forum https://discuss.pytorch.org/ if you need help to do this change."
)


class FunctionCtx:
    """What `forward` and `backward` share, and how `forward` says what is special about its tensors."""

    to_save: tuple[Any, ...] | None = None
    saved_for_forward: tuple[Any, ...] | None = None
    dirty_tensors: tuple[Any, ...] | None = None
    non_differentiable: tuple[Any, ...] | None = None
    materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors (or None) for `backward`, which finds them in `ctx.saved_tensors`.

        Unlike attributes put on `ctx`, they are freed after the pass and refused when written into in the meantime.
        Called at most once, from `forward` or `setup_context`, with inputs, outputs or intermediate tensors.
        """
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keeps tensors (or None) for `jvp`, which finds them in `ctx.saved_tensors`."""
        for tensor in tensors:
            if not (isinstance(tensor, Tensor) or tensor is None):
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on ctx."
                )
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Any) -> None:
        """Says that these inputs were written in place; each must be returned as well."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Says that these outputs have no gradient; `backward` still gets a (zero) argument for each."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """With False, `backward` gets None instead of zeros for outputs that nothing arrived for."""
        self.materialize = bool(value)

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Does nothing any more; which tensors share memory is known without being told."""
        warnings.warn(
            "mark_shared_storage is deprecated. Tensors with shared storages are automatically tracked. Note that calls to "
            "`set_()` are not tracked",
            FutureWarning,
            stacklevel=2,
        )


class BackwardCFunction(Node, FunctionCtx):
    """The node of a custom function; see Note [One object is context and node]."""

    _forward_cls: type[Function]
    needs_input_grad: tuple[bool, ...] = ()
    _kept: tuple[tuple[Any, int, int | None], ...] | None = ()  # (value, version, output number if own); None: freed
    _places: tuple[int, ...] = ()  # the position among forward's arguments that each edge belongs to
    _zeros: tuple[Any, ...] = ()  # shape and dtype of each output, None for one that is no tensor

    # -- what users see
    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept; RuntimeError once it is freed, or if one was written into since."""
        if self._kept is None:
            raise gone()
        return tuple([self._unpack(*kept) for kept in self._kept])

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The name that `saved_tensors` had before 0.4."""
        warnings.warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2)
        return self.saved_tensors

    @property
    def _raw_saved_tensors(self) -> tuple[SavedTensor, ...]:
        if self._kept is None:
            raise gone()
        return tuple([SavedTensor(self, i) for i in range(len(self._kept))])

    def saved_slot(self, i: int) -> tuple[Any, Any]:
        if self._kept is None:
            return None, 0
        value, version, _ = self._kept[i]
        return value, None if value is None else version

    def set_saved_slot(self, i: int, value: Any, version: int) -> None:
        assert self._kept is not None
        self._kept = (*self._kept[:i], (value, version, self._kept[i][2]), *self._kept[i + 1 :])

    def saved_value(self, i: int) -> Any:
        return self.saved_tensors[i]

    @property
    def requires_grad(self) -> bool:
        return any(e is not None for e in self.edges)

    def maybe_clear_saved_tensors(self) -> None:
        """Frees the saved tensors now."""
        self.release()

    def _unpack(self, value: Any, version: int, own: int | None) -> Any:
        if value is None:
            return None
        if version == PACKED:
            t = value.unpack()
        else:
            t = value
            if t._vc is not None and t._vc.n != version:
                raise changed(t, version) if own is None else changed(t, version, (self, own))
        if own is None or t._node is not None:
            return t
        # an own output is kept without its history, which would be a cycle
        return t._alias((self, own) if own else self)

    def release(self) -> None:
        self._kept = None

    # -- what the engine calls
    def apply(self, *grads: Any) -> Any:
        """Gradients of the tensor inputs, from arrays to arrays."""
        if len(grads) != 1 or isinstance(grads[0], Tensor):  # called by a user, as PyTorch's nodes can be
            return self._user(*grads)
        given = grads[0] if type(grads[0]) is list else [grads[0]]
        shown = [None if g is None or z is None else wrap(g) for g, z in zip(given, self._zeros, strict=True)]
        return [None if g is None else g._a for g in self._backward(shown)]

    def apply_t(self, grad: Any) -> Any:
        """The same from Tensors to Tensors."""
        given = grad if type(grad) is list else [grad]
        return self._backward([None if z is None else g for g, z in zip(given, self._zeros, strict=True)])

    def apply_jvp(self, *args: Any) -> Any:
        """Calls the user's `jvp`."""
        return self._forward_cls.jvp(self, *args)

    def _user(self, *grads: Any) -> Any:
        cls = self._forward_cls
        backward, vjp = cls.backward, cls.vjp
        if backward is not Function.backward and vjp is not Function.vjp:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of "
                "them."
            )
        return (vjp if vjp is not Function.vjp else backward)(self, *grads)

    def _backward(self, grads: list[Any]) -> list[Any]:
        out = self._user(*grads)
        got = out if isinstance(out, tuple) else (out,)
        n = len(self.needs_input_grad)
        if len(got) > n and all(g is None for g in got[n:]):
            got = got[:n]
        if len(got) != n:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {n}, got {len(got)})"
            )
        places = self._places
        for i, g in enumerate(got):
            if g is not None and i not in places:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position {i + 1}, but the "
                    "corresponding forward input was not a Variable"
                )
        found = []
        for k, (e, place) in enumerate(zip(self.edges, places, strict=True)):
            g = got[place]
            if g is not None and not isinstance(g, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
            found.append(g)
            if e is not None and g is not None:
                check_gradient(self, k, e, g)
        return found


BackwardCFunction.__module__ = "torch.autograd.function"


def check_gradient(node: Node, k: int, e: Any, g: Tensor) -> None:
    """Refuses what a user's code returned as the gradient along edge `e` if it cannot be brought to its shape or dtype."""
    to, nr = e if type(e) is tuple else (e, 0)
    if isinstance(to, AccumulateGrad):
        to = to.variable
    if isinstance(to, Tensor):
        shape, dt = to._a.shape, to._a.dtype
    elif isinstance(to.shape, list):
        shape, dt = to.shape[nr], to.dt[nr]
    else:
        shape, dt = to.shape, to.dt
    a = g._a
    if a.shape != tuple(shape):
        # Broadcasting may be undone here, so a gradient of a larger shape is fine.
        fits = len(a.shape) >= len(shape)
        tail = a.shape[len(a.shape) - len(shape) :] if fits else ()
        if not fits or any(n not in (1, m) for n, m in zip(shape, tail, strict=True)):
            raise RuntimeError(
                f"Function {node.name()} returned an invalid gradient at index {k} - got {list(a.shape)} but expected shape "
                f"compatible with {list(shape)}"
            )
    if a.dtype.kind == "c" and dt.kind != "c":
        raise RuntimeError(
            "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) to be true, but got false.  "
            "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
        )


class FunctionMeta(type):
    """Makes the node class `<Name>Backward` along with each custom function."""

    def __init__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> None:
        body = {
            "_forward_cls": cls,
            "__module__": "torch.autograd.function",
            "__doc__": f"The recorded call of `{name}`.",
        }
        cls._backward_cls = type(name + "Backward", (BackwardCFunction,), body)
        super().__init__(name, bases, attrs)


class Function(metaclass=FunctionMeta):
    """Base of custom functions: subclass it with static `forward` and `backward`, and call `apply`.

    `forward(ctx, *args)` computes the outputs (a tensor, or a tuple of tensors and anything else) and notes on `ctx` what
    `backward(ctx, *grads)` needs. `backward` gets a gradient per output and returns one per argument of `forward` (None
    for those without). Alternatively `forward(*args)` with `setup_context(ctx, inputs, output)`.

    >>> import tgrad as torch
    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x**2 * grad
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> y = Cube.apply(x)
    >>> y
    tensor(8., grad_fn=<CubeBackward>)
    >>> y.backward()
    >>> x.grad
    tensor(12.)
    """

    _backward_cls: type[BackwardCFunction]
    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{self.__class__} should not be instantiated. Methods on autograd functions are all static, so you should invoke "
            "them on the class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(LEGACY)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The computation; to be overridden."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Notes on `ctx` what `backward` needs, if `forward` takes no `ctx`; may be overridden."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of forward's arguments from those of its outputs; to be overridden."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward "
            "mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the outputs from those of the inputs; may be overridden."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """The function over a batch; may be overridden."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs `forward` on the arguments and records the call, if a tensor among them requires grad."""
        split = cls.setup_context is not Function.setup_context
        if split:
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, {}
        ctx = cls._backward_cls()
        ctx.seq, ctx.extra, ctx.plain = next_seq(), None, False
        tensors = [(i, a) for i, a in enumerate(args) if isinstance(a, Tensor)]
        needs = [False] * len(args)
        for i, t in tensors:
            needs[i] = t.requires_grad
        ctx.needs_input_grad = tuple(needs)
        recorded = state.grad and any(needs)
        ctx._places = tuple([i for i, _ in tensors])
        ctx.edges = tuple([edge(t) for _, t in tensors]) if recorded else ()
        before, state.grad = state.grad, False
        try:
            if split:
                out = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, out)
            else:
                out = cls.forward(ctx, *args, **kwargs)
        finally:
            state.grad = before
        several = isinstance(out, tuple)
        outs = tie(ctx, [t for _, t in tensors], list(out) if several else [out], recorded)
        if recorded:
            remember(ctx)
            _save(ctx, outs)
        ctx.to_save = ctx.dirty_tensors = ctx.non_differentiable = None
        return tuple(outs) if several else outs[0]


Function.vjp = Function.backward  # type: ignore[method-assign]


def tie(ctx: BackwardCFunction, inputs: Sequence[Tensor], outs: list[Any], recorded: bool) -> list[Any]:
    """Makes the outputs of a custom function's forward what `apply` returns; see Note [One object is context and node]."""
    given = {id(t) for t in inputs}
    dirty = _marked(ctx.dirty_tensors, "mark_dirty")
    plain = _marked(ctx.non_differentiable, "mark_non_differentiable")
    several = len(outs) > 1
    if not dirty <= {id(t) for t in outs}:
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified "
            "inplace must all be outputs of the Function."
        )
    shapes: list[Any] = []
    dts: list[Any] = []
    views = 0
    out: list[Any] = []
    live: list[Tensor] = []
    for k, t in enumerate(outs):
        if not isinstance(t, Tensor):
            shapes.append(())
            dts.append(np.dtype(np.float32))
            ctx._zeros += (None,)
            out.append(t)
            continue
        shapes.append(t._a.shape)
        dts.append(t._a.dtype)
        ctx._zeros += ((t._a.shape, t._a.dtype),)
        own = (ctx, k) if k else ctx
        is_input, is_dirty = id(t) in given, id(t) in dirty
        if not recorded or id(t) in plain or t.dtype.category < 2:
            t = _untied(t, is_input, is_dirty)
        elif is_dirty:
            _rebased(ctx, own, t, is_input, several)
            live.append(t)
        else:
            if is_input:
                t = _view_of(t, "function")
            t._node, t._rg = own, True
            meta = t._x
            if meta is not None and meta.base is not None:
                meta.creation, meta.version = "function", t._counter().n
                views += 1
            live.append(t)
        out.append(t)
    if views and len(live) > 1:
        for t in live:
            if t._x is not None and t._x.base is not None:
                t._x.creation = "multi"
    if len(outs) > 1:
        ctx.n_outputs, ctx.shape, ctx.dt = len(outs), shapes, dts
    else:
        ctx.shape, ctx.dt = shapes[0], dts[0]
    return out


def _marked(tensors: Any, by: str) -> set[int]:
    for i, t in enumerate(tensors or ()):
        if not isinstance(t, Tensor):
            raise RuntimeError(f"{by} can only accept variables, but argument {i} is of type {type(t).__name__}")
    return {id(t) for t in tensors or ()}


def _untied(t: Tensor, is_input: bool, is_dirty: bool) -> Tensor:
    """An output without history. An input's own history stays: a detached alias is returned in its place."""
    if is_dirty:
        t._bump()
    if not t.requires_grad:
        return _view_of(t, "no_grad") if is_input and not is_dirty else t
    if is_input:
        return t._alias()
    if t._base is None:
        t._node, t._rg = None, False
    return t  # a view made without recording keeps requires_grad, as a view under no_grad does


def _rebased(ctx: BackwardCFunction, own: Any, t: Tensor, is_input: bool, several: bool) -> None:
    meta = t._x
    view = meta is not None and meta.base is not None
    if t._rg and t._node is None:
        raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
    if view:
        assert meta is not None
        if meta.base._rg and meta.base._node is None:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
        if several:
            raise RuntimeError(SEVERAL_FROM_VIEW)
        check_rebase(t, meta, "is being modified")
    if not is_input:
        warnings.warn(
            "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated should be "
            "passed to ctx.mark_dirty().",
            UserWarning,
            stacklevel=4,
        )
    t._bump()
    ctx.shape, ctx.dt = t._a.shape, t._a.dtype
    rebase(t, ctx)
    if not view:
        t._node = own


def _view_of(t: Tensor, creation: str) -> Tensor:
    out = make(type(t), t._a.view())
    mark_view(out, t, creation)
    return out


def _save(ctx: BackwardCFunction, outs: Sequence[Any]) -> None:
    kept: list[tuple[Any, int, int | None]] = []
    for i, t in enumerate(ctx.to_save or ()):
        if t is None:
            kept.append((None, 0, None))
            continue
        if not isinstance(t, Tensor):
            raise TypeError(
                f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}"
            )
        e = t._node
        made, nr = e if type(e) is tuple else (e, 0)
        own = nr if made is ctx else None
        value, version = keep(t)
        if own is not None and value is t:
            value = t._alias()
        kept.append((value, version, own))
    ctx._kept = tuple(kept)


# ---- derivatives that may be taken once only


class Error(Node):
    """Stands in the graph where differentiating is refused."""

    __slots__ = ("text",)

    text: str

    def name(self) -> str:
        return "torch::autograd::Error"

    def apply(self, grad: Any) -> Any:
        raise RuntimeError(self.text)

    apply_t = apply


Error.__module__ = "builtins"


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for a `backward` whose own operations must not be differentiated: a second derivative is an error."""

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        before, state.grad = state.grad, False
        try:
            outputs = fn(ctx, *args)
        finally:
            state.grad = before
        sources = [a for a in args if isinstance(a, Tensor) and a.requires_grad]
        if not state.grad or not sources:
            return outputs
        several = isinstance(outputs, tuple)
        outs = outputs if several else (outputs,)
        return tuple([None if t is None else _refusing(t) for t in outs])

    return wrapper


def _refusing(t: Tensor) -> Tensor:
    leaf = t._alias()
    leaf._rg = True
    node = Error()
    node.text = "trying to differentiate twice a function that was marked with @once_differentiable"
    node.edges, node.seq, node.extra, node.plain = (leaf,), next_seq(), None, True
    node.shape, node.dt = t._a.shape, t._a.dtype
    return leaf._alias(node)


class InplaceFunction(Function):
    """A custom function that can be told, on making it, to work in place; kept for old code."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "FunctionMeta", "InplaceFunction", "once_differentiable"]

draws_numbers(globals())
