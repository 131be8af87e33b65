"""Forward mode as transforms of functions: `jvp`, `jacfwd`, `hessian`, `linearize`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..graph.modes import enable_grad
from ..tensor import Tensor
from . import tree
from .dual import Dual
from .mapping import check_randomness, described, vmap
from .reverse import basis, jacrev, picked, replaced, tensors_only, variables, with_aux
from .wrapped import alias, depends_on_more, detached, differentiate, level, zeros


def check_tangent(primal: Tensor, tangent: Tensor) -> None:
    if primal._a.shape != tangent._a.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. Tensor is "
            f"of size {list(primal.shape)} while the given forward gradient is of size {list(tangent.shape)}."
        )


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """(outputs, their tangents): the function at `primals`, and its derivative in the direction of `tangents`.

    primals, tangents: tuples of the same structure and shapes. With `has_aux`, `func` returns (outputs, aux), and so (outputs,
    tangents, aux). `strict`: RuntimeError where an output does not depend on the inputs (else its tangent is zeros).

    >>> import tgrad as torch
    >>> torch.func.jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
    (tensor(0.), tensor(2.))
    """
    who = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{who}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    values, structure = tree.flatten(primals)
    moves, own = tree.flatten(tangents)
    if structure != own:
        raise RuntimeError(
            f"{who}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple of 3 tensors, "
            f"tangents also must be. Got primals with structure {described(structure)} and tangents with structure {described(own)}"
        )
    for what, given in (("primals", values), ("tangents", moves)):
        if not given:
            raise RuntimeError(f"{who}: Expected {what} to contain at least one Tensor.")
        for v in given:
            if not isinstance(v, Tensor):
                raise RuntimeError(f"{who}: Expected {what} to only contain Tensors, got unsupported type {type(v)}")
    with level() as lvl:
        made = []
        for p, t in zip(values, moves, strict=True):
            check_tangent(p, t)
            made.append(Dual(p, t, lvl))
        out, aux = with_aux(func(*tree.unflatten(made, structure)), has_aux, who)
        outs, shape = tree.flatten(out)
        tensors_only(outs, who)
        mine = lambda t: isinstance(t, Dual) and t._level is lvl
        if strict and not all(mine(o) for o in outs):
            raise RuntimeError("jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed "
                               "with strict=True.")  # fmt: skip
        value = tree.unflatten([o.primal if mine(o) else o for o in outs], shape)
        moved = tree.unflatten(
            [o.tangent if mine(o) and o.tangent is not None else zeros(o.primal if mine(o) else o) for o in outs], shape
        )
        kept = tree.map_leaves(lambda t: t.primal if mine(t) else t, aux)
    return (value, moved, kept) if has_aux else (value, moved)


def jacfwd(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """As `jacrev`, by forward mode: one run over all unit vectors of the inputs at once. Better where there are more outputs than inputs.

    >>> import tgrad as torch
    >>> torch.func.jacfwd(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_randomness(randomness)

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = picked(argnums, args)
        ins, structure = tree.flatten(given)
        seen: dict[str, Any] = {}

        def push(moves: list[Tensor]) -> list[Tensor]:
            def run(*values: Any) -> Any:
                return func(*replaced(argnums, args, tree.unflatten(values, structure)), **kwargs)

            got = jvp(run, tuple(ins), tuple(moves), has_aux=has_aux)
            outs, seen["shape"] = tree.flatten(got[1])
            seen["outs"] = [o.shape for o in outs]
            if has_aux:
                seen["aux"] = got[2]
            return outs

        columns = vmap(push, randomness=randomness)(basis(ins))
        made = []
        for column, shape in zip(columns, seen["outs"], strict=True):
            parts, start = [], 0
            for x in ins:
                n = x._a.size
                block = column[start : start + n].reshape(*x.shape, *shape)
                parts.append(
                    block.movedim(tuple(range(x.ndim)), tuple(range(len(shape), len(shape) + x.ndim)))
                    if x.ndim
                    else block
                )
                start += n
            made.append(tree.unflatten(parts, structure))
        jacobian = tree.unflatten(made, seen["shape"])
        if not has_aux:
            return jacobian
        aux = tree.map_leaves(lambda t: t.value[0] if hasattr(t, "value") and isinstance(t, Tensor) else t, seen["aux"])
        return jacobian, aux

    return wrapped


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """A function that returns the second derivatives of `func`: forward mode over reverse mode.

    >>> import tgrad as torch
    >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(outputs, jvp_fn): the function at `primals`, and its derivative there as a function of tangents, which does not run `func` again.

    The gradients of weights w at the outputs are linear in w; differentiating them by w gives the derivative in a direction.

    >>> import tgrad as torch
    >>> out, jvp_fn = torch.func.linearize(torch.sin, torch.tensor(0.0))
    >>> jvp_fn(torch.tensor(3.0))
    tensor(3.)
    """
    values, structure = tree.flatten(primals)
    with enable_grad():
        inputs = variables(values)
        out = func(*tree.unflatten(inputs, structure))
        outs, shape = tree.flatten(out)
        tensors_only(outs, "linearize(f, *primals)")
        more = depends_on_more(outs, inputs)
        weights = [alias(zeros(o) + 1) for o in outs]
        back = differentiate(outs, inputs, weights, True)

    def jvp_fn(*tangents: Any) -> Any:
        moves, own = tree.flatten(tangents)
        if own != structure:
            raise RuntimeError(f"Expected the tangents {own!r} to have the same argspec as the primals {structure!r}")
        for p, t in zip(values, moves, strict=True):
            if p._a.shape != t._a.shape:
                raise RuntimeError(
                    f"Expected tangent with shape {list(t.shape)} to have the same shape as its primal {list(p.shape)}"
                )
            if p._a.dtype != t._a.dtype:
                raise RuntimeError(
                    f"Expected tangent with dtype {t.dtype} to have the same dtype as its primal {p.dtype}"
                )
        pairs = [(g, t) for g, t in zip(back, moves, strict=True) if g is not None]
        moved = differentiate([g for g, _ in pairs], weights, [t for _, t in pairs], more)
        found = [zeros(o) if t is None else t if more else detached(t) for o, t in zip(outs, moved, strict=True)]
        return tree.unflatten(found, shape)

    shown = tree.unflatten([o if more else detached(o) for o in outs], shape)
    return shown, jvp_fn


__all__ = ["check_tangent", "hessian", "jacfwd", "jvp", "linearize"]
