"""Reverse mode as transforms of functions: `grad`, `vjp`, `jacrev`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import functions as F
from ..graph.engine import on_backward
from ..graph.modes import enable_grad, state
from ..shape import Size
from ..tensor import NO_GRAD_DTYPE, Tensor
from . import tree
from .mapping import vmap
from .wrapped import NO_BACKWARD, RUNNING, depends_on_more, detached, differentiate, found, variable, zeros


def variables(values: Sequence[Any]) -> list[Tensor]:
    for v in values:
        if not isinstance(v, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(v)}")
        if v._a.dtype.kind not in "fcV":
            raise RuntimeError(NO_GRAD_DTYPE.replace("floating point and complex", "floating point"))
    return [variable(v) for v in values]


def chosen(argnums: Any, args: tuple[Any, ...]) -> tuple[int, ...]:
    """The positions that `argnums` names, checked."""
    if not isinstance(argnums, (int, tuple)) or isinstance(argnums, bool):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    many = argnums if isinstance(argnums, tuple) else (argnums,)
    for a in many:
        if not isinstance(a, int):
            raise RuntimeError(f"argnum must be int, got: {type(a)}")
        if not -len(args) <= a < len(args):
            raise RuntimeError(f"Got argnum={a}, but only {len(args)} positional inputs")
    placed = tuple(a % len(args) for a in many)
    if len(set(placed)) < len(placed):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return placed


def picked(argnums: Any, args: tuple[Any, ...]) -> Any:
    """The arguments that `argnums` names: one, or a tuple."""
    at = chosen(argnums, args)
    return tuple(args[i] for i in at) if isinstance(argnums, tuple) else args[at[0]]


def replaced(argnums: Any, args: tuple[Any, ...], new: Any) -> tuple[Any, ...]:
    at = chosen(argnums, args)
    out = list(args)
    for i, v in zip(at, new if isinstance(argnums, tuple) else (new,), strict=True):
        out[i] = v
    return tuple(out)


def with_aux(out: Any, has_aux: bool, who: str) -> tuple[Any, Any]:
    if not has_aux:
        return out, None
    if not (isinstance(out, tuple) and len(out) == 2):
        raise RuntimeError(f"{who}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return out


def _no_backward(roots: Any) -> None:
    """Notice of a backward pass while a function is being differentiated: only this module's own are in order."""
    if RUNNING.passes == 0:
        raise RuntimeError(NO_BACKWARD)


class _Pulled:
    """A function's run with the graph behind it: the outputs, and gradients of any weighting of them."""

    def __init__(self, fn: Callable[[list[Tensor]], Any], values: Sequence[Any]) -> None:
        with enable_grad():
            self.inputs = variables(values)
            on_backward.append(_no_backward)
            state.transforms += 1
            try:
                self.result = fn(self.inputs)
            finally:
                on_backward.remove(_no_backward)
                state.transforms -= 1

    def settle(self, outs: Sequence[Any]) -> None:
        """Whether what comes out of this is to be differentiated further, by somebody outside."""
        self.more = depends_on_more(outs, self.inputs)

    def outward(self, x: Any) -> Any:
        return tree.map_leaves(lambda t: t if self.more or not isinstance(t, Tensor) else detached(t), x)

    def gradients(self, outs: Sequence[Tensor], weights: Sequence[Any]) -> list[Tensor]:
        got = differentiate(outs, self.inputs, weights, self.more and state.grad)
        return [zeros(x) if g is None else g for g, x in zip(got, self.inputs, strict=True)]


def grad_and_value(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns (gradients, value) of a scalar `func`; see `grad`. With `has_aux`, the value is (value, aux)."""

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        values, structure = tree.flatten(picked(argnums, args))

        def run(variables: list[Tensor]) -> Any:
            return func(*replaced(argnums, args, tree.unflatten(variables, structure)), **kwargs)

        who = "grad_and_value(f)(*args)"
        pulled = _Pulled(run, values)
        out, aux = with_aux(pulled.result, has_aux, who)
        if not isinstance(out, Tensor):
            raise RuntimeError(f"{who}: Expected f(*args) to return a Tensor, got {type(out)}")
        if out.ndim:
            raise RuntimeError(
                f"{who}: Expected f(*args) to return a scalar Tensor, got tensor with {out.ndim} dims. Maybe you wanted to use the vjp or "
                "jacrev APIs instead?"
            )
        pulled.settle([out, *tree.flatten(aux)[0]])
        grads = pulled.gradients([out], [zeros(out) + 1])
        made = tree.unflatten(grads, structure)
        value = pulled.outward(out)
        return (made, (value, pulled.outward(aux))) if has_aux else (made, value)

    return wrapped


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradients of a scalar `func` with respect to the arguments that `argnums` names, in their structure.
    With `has_aux`, `func` returns (value, aux), and the result is (gradients, aux). RuntimeError where `func` returns no scalar tensor.

    >>> import tgrad as torch
    >>> torch.func.grad(torch.sin)(torch.tensor(0.0))
    tensor(1.)
    >>> torch.vmap(torch.func.grad(torch.sin))(torch.zeros(2))
    tensor([1., 1.])
    """

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        got = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (got[0], got[1][1]) if has_aux else got[0]

    return wrapped


def tensors_only(values: Sequence[Any], who: str) -> None:
    for v in values:
        if not isinstance(v, Tensor):
            raise RuntimeError(f"{who}: expected f(*primals) to return only tensors, got unsupported type {type(v)}")


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(outputs, vjp_fn): the function's outputs, and a function that gives the gradients of the primals for given gradients of the
    outputs, as often as wanted. With `has_aux`, `func` returns (outputs, aux), and so (outputs, vjp_fn, aux).

    >>> import tgrad as torch
    >>> out, vjp_fn = torch.func.vjp(torch.square, torch.tensor([1.0, 2.0]))
    >>> vjp_fn(torch.ones(2))
    (tensor([2., 4.]),)
    """
    values, structure = tree.flatten(primals)
    pulled = _Pulled(lambda variables: func(*tree.unflatten(variables, structure)), values)
    out, aux = with_aux(pulled.result, has_aux, "vjp(f, *primals)")
    outs, shape = tree.flatten(out)
    tensors_only(outs, "vjp(f, *primals)")
    pulled.settle([*outs, *tree.flatten(aux)[0]])

    def vjp_fn(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        weights, own = tree.flatten(given)
        if own != shape:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. cotangents: "
                f"{own!r}, primal output: {shape!r}"
            )
        for i, (w, o) in enumerate(zip(weights, outs, strict=True)):
            if w._a.shape != o._a.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {Size(w.shape)} and output[{i}] has a shape of {Size(o.shape)}."
                )
        more = pulled.more or any(w.requires_grad for w in weights)
        got = differentiate(outs, pulled.inputs, weights, more and state.grad)
        grads = [zeros(x) if g is None else g for g, x in zip(got, pulled.inputs, strict=True)]
        return tree.unflatten(grads, structure)

    shown = pulled.outward(out)
    return (shown, vjp_fn, pulled.outward(aux)) if has_aux else (shown, vjp_fn)


def basis(values: Sequence[Tensor]) -> list[Tensor]:
    """For all elements of all these tensors in turn, the unit vectors: one tensor (elements, *shape) for each."""
    total = sum(v._a.size for v in values)
    out, start = [], 0
    for v in values:
        n = v._a.size
        block = F.zeros(total, n, dtype=v.dtype)  # type: ignore[attr-defined]
        if n:
            block[start : start + n] = F.eye(n, dtype=v.dtype)  # type: ignore[attr-defined]
        out.append(block.reshape(total, *v.shape))
        start += n
    return out


def jacrev(
    func: Callable[..., Any],
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of `func` by reverse mode: for each output a structure like the arguments that `argnums`
    names, with tensors of shape (*output shape, *input shape). One backward pass over all unit vectors at once, or `chunk_size` of them
    at a time. RuntimeError where `func` returns something else than floating-point tensors.

    >>> import tgrad as torch
    >>> torch.func.jacrev(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = picked(argnums, args)
        got = vjp(lambda *a: func(*replaced(argnums, args, a if isinstance(argnums, tuple) else a[0]), **kwargs),
                  *(given if isinstance(argnums, tuple) else (given,)), has_aux=has_aux)  # fmt: skip
        out, vjp_fn = got[:2]
        outs, shape = tree.flatten(out)
        for o in outs:
            if o._a.dtype.kind not in "fcV":
                raise RuntimeError(
                    f"vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype {o.dtype}"
                )
        ins, structure = tree.flatten(given if isinstance(argnums, tuple) else (given,))
        rows = vmap(lambda w: tree.flatten(vjp_fn(tree.unflatten(w, shape)))[0], chunk_size=chunk_size)(basis(outs))
        # rows[k]: the gradients of input k for all elements of all outputs
        made, start = [], 0
        for o in outs:
            n = o._a.size
            parts = [r[start : start + n].reshape(*o.shape, *x.shape) for r, x in zip(rows, ins, strict=True)]
            part = tree.unflatten(parts, structure)
            made.append(part if isinstance(argnums, tuple) else part[0])
            start += n
        jacobian = tree.unflatten(made, shape)
        return (jacobian, got[2]) if has_aux else jacobian

    return wrapped


__all__ = ["basis", "chosen", "found", "grad", "grad_and_value", "jacrev", "picked", "replaced", "vjp"]
