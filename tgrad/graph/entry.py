"""The two ways into the backward pass: `backward` accumulates gradients, `grad` returns them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..dtype import from_np
from ..shape import Size
from ..tensor import FAST, Tensor, wrap
from .edges import GradientEdge
from .engine import ones, run_backward, run_scalar
from .reasons import because


def _sequence(x: Any) -> tuple[Any, ...]:
    return (x,) if isinstance(x, (Tensor, GradientEdge)) else tuple(x)


def _wanted(inputs: Any, caller: str) -> tuple[Any, ...]:
    """The inputs to differentiate by, given one by one, in a sequence, or in a dict."""
    if type(inputs) is dict:
        made = tuple(inputs.values())
    elif isinstance(inputs, Mapping):
        raise TypeError(
            f"`inputs` argument to `{caller}()` must be a dict, not {type(inputs).__name__}. Other Mapping types are not "
            "supported."
        )
    else:
        made = _sequence(inputs)
    if not made:
        raise RuntimeError(f"`inputs` argument to `{caller}()` cannot be empty.")
    return made


def _described(out: Any) -> tuple[tuple[int, ...], np.dtype, bool]:
    """Shape, dtype and whether a gradient is wanted, of an output or of the edge that stands for it."""
    if isinstance(out, GradientEdge):
        node, nr = out.node, out.output_nr
        several = isinstance(node.shape, list)
        return (node.shape[nr], node.dt[nr], True) if several else (node.shape, node.dt, True)
    return out._a.shape, out._a.dtype, out.requires_grad


def make_grads(outputs: Sequence[Any], grads: Sequence[Any], is_batched: bool = False) -> list[Tensor | None]:
    """The gradients to start from: given ones checked, ones for scalars, errors in PyTorch's words."""
    made: list[Tensor | None] = []
    for i, (out, g) in enumerate(zip(outputs, grads, strict=False)):
        shape, dt, live = _described(out)
        if isinstance(g, Tensor):
            first = g[0] if is_batched else g  # type: ignore[index]
            if first._a.shape != tuple(shape):
                # With a batch, PyTorch's message takes the first dimension off twice.
                seen = Size(first.shape[1:]) if is_batched else first.shape
                where = f"grad_output[{i}] has a shape of {seen} and output[{i}] has a shape of {Size(shape)}."
                if is_batched:
                    raise RuntimeError(
                        "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                        "dimension. The sizes of the remaining dimensions are expected to match the shape of corresponding "
                        f"output, but a mismatch was detected: {where} If you only want some tensors in `grad_output` to be "
                        "considered batched, consider using vmap."
                    )
                raise RuntimeError(f"Mismatch in shape: {where}")
            if (dt.kind == "c") != (g._a.dtype.kind == "c"):
                raise RuntimeError(
                    "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
                    f"grad_output[{i}] has a dtype of {g.dtype} and output[{i}] has a dtype of {from_np(dt)}."
                )
            made.append(g)
        elif g is not None:
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif not live:
            made.append(None)
        elif shape and any(n != 1 for n in shape):
            error = RuntimeError("grad can be implicitly created only for scalar outputs")
            raise because(error, "not scalar", tensor=out)
        elif dt.kind not in "fV":
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {from_np(dt)}")
        else:
            made.append(wrap(ones(tuple(shape), dt)))
    return made


def _run(outs: tuple[Any, ...], grads: list[Tensor | None], *rest: Any) -> list[Any]:
    if len(outs) != len(grads):
        raise RuntimeError(f"got {len(outs)} tensors and {len(grads)} gradients")
    return run_backward(outs, grads, *rest)


class _Once:
    warned = False


def _warn_of_cycle() -> None:
    if not _Once.warned:
        _Once.warned = True
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient "
            "which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you "
            "have to use this function, make sure to reset the .grad fields of your parameters to None after use to break the "
            "cycle and avoid the leak.",
            UserWarning,
            stacklevel=4,
        )


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Adds the gradients of `tensors` with respect to the graph's leaves into their `.grad`.

    `grad_tensors`: gradients that arrive at `tensors` (None for scalars: one). `retain_graph` keeps the saved buffers for
    another pass; `create_graph` records the pass itself, for higher derivatives. `inputs`: accumulate only into these.
    RuntimeError for non-scalars without a gradient, mismatched shapes, freed graphs, and changed saved tensors.

    >>> import tgrad as torch
    >>> x = torch.tensor([2.0], requires_grad=True)
    >>> torch.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([4.])
    """
    if (
        grad_tensors is None
        and inputs is None
        and not create_graph
        and grad_variables is None
        and type(tensors) in FAST
        and run_scalar(tensors, bool(retain_graph))
    ):
        return
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use "
                "`grad_tensors`."
            )
        grad_tensors = grad_variables
    ins = () if inputs is None else _wanted(inputs, "backward")
    outs = _sequence(tensors)
    given = (None,) * len(outs) if grad_tensors is None else _sequence(grad_tensors)
    grads = make_grads(outs, given)
    retain = create_graph if retain_graph is None else retain_graph
    if create_graph:
        _warn_of_cycle()
    for t in ins:
        if isinstance(t, Tensor):
            t.retain_grad()
    _run(outs, grads, retain, create_graph, ins, True, True)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The gradients of `outputs` with respect to `inputs`, returned instead of accumulated.

    `inputs`: a tensor, GradientEdge, a sequence of them (the result is a tuple), or a dict (the result is a dict with its
    keys). An input that the graph does not reach is an error unless `allow_unused` (then None) or `materialize_grads`
    (then zeros). `is_grads_batched`: the first dimension of each grad_output counts separate vectors; results are stacked.

    >>> import tgrad as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.grad(x**2, x)
    (tensor(6.),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if allow_unused is None:
        allow_unused = materialize_grads
    outs = _sequence(outputs)
    ins = _wanted(inputs, "grad")
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other parts "
            "of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    given = (None,) * len(outs) if grad_outputs is None else _sequence(grad_outputs)
    grads = make_grads(outs, given, is_grads_batched)
    retain = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        made = _batched(outs, ins, grads, retain, create_graph, allow_unused)
    else:
        made = _run(outs, grads, retain, create_graph, ins, allow_unused, False)
    if materialize_grads:
        if any(g is None and not isinstance(t, Tensor) for t, g in zip(ins, made, strict=True)):
            raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
        made = [wrap(np.zeros_like(t._a)) if g is None else g for t, g in zip(ins, made, strict=True)]
    if type(inputs) is dict:
        return dict(zip(inputs, made, strict=True))
    return tuple(made)


# Set by tgrad.autograd: one pass for all rows of batched gradients at once.
all_rows: Callable[..., list[Any]] | None = None


def _batched(outs: Any, ins: Any, grads: Any, retain: bool, create: bool, allow_unused: bool) -> list[Any]:
    """The gradients for each row of the batched ones, stacked."""
    n = next((g._a.shape[0] for g in grads if g is not None), 0)
    assert all_rows is not None
    return all_rows(n, outs, grads, retain, create, ins, allow_unused) if n else []


__all__ = ["backward", "grad", "make_grads"]
