"""`vmap`: a function of one sample, run over a batch of them at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import functions as F
from ..graph.engine import run_backward
from ..tensor import Tensor
from . import randomness as _randomness  # noqa: F401 - tells the door
from . import tree
from .batched import Batched, full, of
from .wrapped import Level, level


def _name(fn: Any) -> str:
    if hasattr(fn, "__name__"):
        return fn.__name__
    return f"functools.partial({_name(fn.func)}, ...)" if isinstance(fn, functools.partial) else repr(fn)


def described(s: Any) -> str:
    """A structure as PyTorch prints it."""
    if isinstance(s, tree.Leaf):
        return "*"
    context = s.context if s.context is not None else None
    return f"TreeSpec({s.kind.__name__}, {context}, [" + ",\n  ".join(described(c) for c in s.children) + "])"


def check_randomness(mode: Any) -> None:
    if mode not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {mode}")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Any:
    """A function that runs `func` over a batch: each operation inside runs once for all samples.

    in_dims: which dimension of each input counts the samples (None: the same value for all), one for all inputs or a structure
    like that of the inputs. out_dims: where that dimension stands in the outputs. randomness: what random operations inside do:
    "error", "same" numbers for all samples, or "different" ones. chunk_size: how many samples to take at a time (None: all).
    ValueError for inputs without such a dimension or of differing sizes, and for outputs that are no tensors; RuntimeError for
    values that would have to be looked at (`.item()`, `if x > 0`).

    >>> import tgrad as torch
    >>> torch.vmap(torch.dot)(torch.eye(3), torch.ones(3, 3))
    tensor([1., 1., 1.])
    """
    check_randomness(randomness)
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        size, values, dims, structure = _inputs(func, in_dims, args)
        if chunk_size is None or size <= chunk_size:
            return _mapped(func, size, values, dims, structure, out_dims, randomness, kwargs)
        parts = []
        for low in range(0, size, chunk_size):
            n = min(chunk_size, size - low)
            some = [v if d is None else v.narrow(d, low, n) for v, d in zip(values, dims, strict=True)]
            parts.append(_mapped(func, n, some, dims, structure, out_dims, randomness, kwargs))
        flat = [tree.flatten(p) for p in parts]
        outs = _out_dims(func, out_dims, flat[0][1])
        joined = [
            column[0] if d is None else F.cat(list(column), d)  # type: ignore[attr-defined]
            for column, d in zip(zip(*[f[0] for f in flat], strict=True), outs, strict=True)
        ]
        return tree.unflatten(joined, flat[0][1])

    return wrapped


def _inputs(func: Any, in_dims: Any, args: tuple[Any, ...]) -> tuple[int, list[Any], list[Any], Any]:
    """(number of samples, all input values, the dimension of each, their structure)"""
    head = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): "
    if (not isinstance(in_dims, (int, tuple, list)) and in_dims is not None) or isinstance(in_dims, bool):
        raise ValueError(
            f"{head}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with "
            "no inputs. The latter is unsupported."
        )
    values, structure = tree.flatten(args)
    dims = tree.spread(tuple(in_dims) if isinstance(in_dims, list) else in_dims, structure)
    if dims is None:
        raise ValueError(
            f"{head}in_dims is not compatible with the structure of `inputs`. in_dims has structure {described(tree.flatten(in_dims)[1])} "
            f"but inputs has structure {described(structure)}."
        )
    sizes = []
    for i, (v, d) in enumerate(zip(values, dims, strict=True)):
        if d is not None and (not isinstance(d, int) or isinstance(d, bool)):
            raise ValueError(
                f"{head}Got in_dim={d} for an input but in_dim must be either an integer dimension or None."
            )
        if d is None:
            continue
        if not isinstance(v, Tensor):
            raise ValueError(
                f"{head}Got in_dim={d} for an input but the input is of type {type(v)}. We cannot vmap over non-Tensor arguments, please use "
                "None as the respective in_dim"
            )
        if not -v.ndim <= d < v.ndim:
            raise ValueError(
                f"{head}Got in_dim={d} for some input, but that input is a Tensor of dimensionality {v.ndim} so expected in_dim to satisfy "
                f"-{v.ndim} <= in_dim < {v.ndim}."
            )
        dims[i] = d % v.ndim
        sizes.append(v.shape[dims[i]])
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(n != sizes[0] for n in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension"
        )
    return sizes[0], values, dims, structure


def _mapped(
    func: Any,
    size: int,
    values: Sequence[Any],
    dims: Sequence[Any],
    structure: Any,
    out_dims: Any,
    randomness: str,
    kwargs: Any,
) -> Any:
    with level(size, randomness) as own:
        made = [
            v if d is None else Batched(v.movedim(d, 0) if d else v, own) for v, d in zip(values, dims, strict=True)
        ]
        out = func(*tree.unflatten(made, structure), **kwargs)
        found, shape = tree.flatten(out)
        outs = _out_dims(func, out_dims, shape)
        return tree.unflatten([_taken_out(func, t, d, own) for t, d in zip(found, outs, strict=True)], shape)


def _out_dims(func: Any, out_dims: Any, structure: Any) -> list[Any]:
    dims = tree.spread(out_dims, structure)
    if dims is None:
        raise ValueError(
            f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. out_dims "
            f"has structure {described(tree.flatten(out_dims)[1])} but outputs has structure {described(structure)}."
        )
    return dims


def _taken_out(func: Any, t: Any, d: Any, own: Level) -> Any:
    """An output with the batch as a dimension of its own."""
    if not isinstance(t, Tensor):
        if d is None:
            return t
        raise ValueError(
            f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(t)}. Did you mean to set out_dims= to None "
            "for output?"
        )
    if d is None:
        if of(t, own):
            raise ValueError(
                f"vmap({_name(func)}, ...): `{_name(func)}` can not return a BatchedTensor when out_dim is None"
            )
        return t
    value = t.value if of(t, own) else t.expand(own.size, *t.shape)  # type: ignore[attr-defined]
    return value.movedim(0, d) if d else value


def backward_rows(
    n: int,
    outs: Sequence[Any],
    grads: Sequence[Any],
    retain: bool,
    create: bool,
    inputs: Sequence[Any],
    allow_unused: bool,
) -> list[Any]:
    """One backward pass for `n` gradients per output at once, stacked along their first dimension."""
    with level(n) as own:
        given = [None if g is None else Batched(g, own) for g in grads]
        got = run_backward(outs, given, retain, True, inputs, allow_unused, False)
        rows = [g if g is None else full(g, own) for g in got]
    return rows if create else [None if g is None else g.detach() for g in rows]


__all__ = ["backward_rows", "check_randomness", "vmap"]
