"""`torch.utils.checkpoint`: memory for time. Intermediate values are computed again in backward instead of being kept.

Note [Two ways]
The reentrant way is a custom function: forward runs unrecorded, backward runs it again, recorded, and starts a pass of
its own inside the pass. The other way records as usual but keeps a placeholder for each saved tensor; the first one that
backward asks for runs the function again, and that run's saved tensors are handed out by their position.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from .. import functions as F
from ..graph.engine import current_pass
from ..graph.entry import backward
from ..graph.function import Function
from ..graph.modes import enable_grad, state
from ..graph.saved import saved_tensors_hooks
from ..tensor import Tensor

_UNSAID = (
    "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling "
    "checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but if you need to preserve "
    "the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences between "
    "the two variants."
)
_UNSAID_SEQUENTIAL = (
    "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In version 2.9 we "
    "will raise an exception if use_reentrant is not passed. use_reentrant=False is recommended, but if you need to preserve "
    "the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences between "
    "the two variants."
)
_WITH_INPUTS = (
    "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
    ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without passing the "
    "`inputs` argument."
)


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function was not like the first."""


class _Done(Exception):
    """All that backward needs has been computed again: the rest of the function need not run."""


@contextlib.contextmanager
def _numbers_of(rng_state: Any) -> Any:
    """Draws random numbers as from `rng_state` on, and goes on with the present ones afterwards."""
    if rng_state is None:
        yield
        return
    before = F.get_rng_state()  # type: ignore[attr-defined]
    F.set_rng_state(rng_state)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        F.set_rng_state(before)  # type: ignore[attr-defined]


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs cut off their history, tensors that require grad still doing so."""
    if not isinstance(inputs, tuple):
        raise RuntimeError("Only tuple of tensors is supported. Got Unsupported input type: " + type(inputs).__name__)
    return tuple([_detached(x) if isinstance(x, Tensor) else x for x in inputs])


def _detached(x: Tensor) -> Tensor:
    out = x.detach()
    out.requires_grad = x.requires_grad
    return out


class CheckpointFunction(Function):
    """The reentrant way; see Note [Two ways]."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], rng_state: Any, *args: Any) -> Any:
        if not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=4)
        ctx.run_function, ctx.rng_state = run_function, rng_state
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.others = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*[args[i] for i in ctx.places])
        return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        job = current_pass()
        if job is not None and job.only is not None:
            raise RuntimeError(_WITH_INPUTS)
        inputs = list(ctx.others)
        for i, t in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[i] = t
        detached = detach_variable(tuple(inputs))
        with _numbers_of(ctx.rng_state), enable_grad():
            outs = ctx.run_function(*detached)
        outs = outs if isinstance(outs, tuple) else (outs,)
        live = [(o, g) for o, g in zip(outs, grads, strict=True) if isinstance(o, Tensor) and o.requires_grad]
        if not live:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in live], [g for _, g in live])
        return (None, None, *[x.grad if isinstance(x, Tensor) else None for x in detached])


class _Frame:
    """One checkpointed call of the other way: how to run it again, and what the second run saved."""

    def __init__(self, again: Callable[[], Any], check: str, early_stop: bool) -> None:
        self.again, self.check, self.early_stop = again, check, early_stop
        self.shapes: list[dict[str, Any]] = []  # of the tensors that the first run saved
        self.values: list[Any] = []
        self.number: int | None = None  # of the pass that `values` were computed for

    def describe(self, t: Tensor) -> dict[str, Any]:
        return {"shape": t.shape, "dtype": t.dtype, "device": t.device}

    def hooks(self) -> saved_tensors_hooks:
        def pack(t: Tensor) -> int:
            self.shapes.append(self.describe(t))
            return len(self.shapes) - 1

        return saved_tensors_hooks(pack, self.value)

    def value(self, i: int) -> Any:
        job = current_pass()
        number = -1 if job is None else job.number
        if self.number != number or i >= len(self.values):
            self.compute()
            self.number = number
        return self.values[i]

    def compute(self) -> None:
        """Runs the function again, collecting what it saves."""
        self.values = []

        def collect(t: Tensor) -> None:
            self.values.append(t.detach())  # type: ignore[attr-defined]
            if self.early_stop and len(self.values) == len(self.shapes):
                raise _Done

        with saved_tensors_hooks(collect, lambda _: None), enable_grad(), contextlib.suppress(_Done):
            self.again()
        if len(self.values) != len(self.shapes):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.shapes)}\nNumber of tensors saved during "
                f"recomputation: {len(self.values)}."
            )
        if self.check == "default":
            self.compare()

    def compare(self) -> None:
        text = ""
        for i, (was, value) in enumerate(zip(self.shapes, self.values, strict=True)):
            now = self.describe(value)
            if now != was:
                text += f"tensor at position {i}:\nsaved metadata: {was}\nrecomputed metadata: {now}\n"
        if text:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
                f"forward pass.\n{text}."
            )


def _nothing() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]] = _nothing,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args)`, whose intermediate values are not kept but computed again in backward.

    `use_reentrant`: which of the two ways (see the module); False also takes keyword arguments, nested structures and
    `autograd.grad`. `context_fn` gives two context managers, for the first and the second run. `preserve_rng_state`: both
    runs draw the same random numbers. `determinism_check`: "default" compares shapes and dtypes of what both runs save,
    "none" does not. Raises CheckpointError where the second run differs.

    >>> import tgrad as torch
    >>> from tgrad.utils.checkpoint import checkpoint
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda t: t * t * t, x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([ 3., 12.])
    """
    if use_reentrant is None:
        warnings.warn(_UNSAID, stacklevel=2)
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not _nothing or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        rng_state = F.get_rng_state() if preserve_rng_state else None  # type: ignore[attr-defined]
        return CheckpointFunction.apply(function, rng_state, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    first, second = context_fn()
    if not state.grad:
        with first:
            return function(*args, **kwargs)
    rng_state = F.get_rng_state() if preserve_rng_state else None  # type: ignore[attr-defined]

    def again() -> Any:
        with _numbers_of(rng_state), second:
            return function(*args, **kwargs)

    with _Frame(again, determinism_check, early_stop).hooks(), first:
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Runs functions (or the children of a Sequential) one after another, in `segments` checkpointed groups.

    The last group is not checkpointed: backward starts with it anyway.
    """
    if use_reentrant is None:
        warnings.warn(_UNSAID_SEQUENTIAL, stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    chain: Sequence[Callable[..., Any]] = list(functions.children() if hasattr(functions, "children") else functions)

    def group(start: int, end: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for f in chain[start:end]:
                x = f(x)
            return x

        return run

    size, start = len(chain) // segments, 0
    for _ in range(segments - 1):
        step = group(start, start + size)
        input = checkpoint(step, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
        start += size
    return group(start, len(chain))(input)


__all__ = ["CheckpointError", "CheckpointFunction", "checkpoint", "checkpoint_sequential", "detach_variable"]
