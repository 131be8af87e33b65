"""Batching rules of reading and writing at places that tensors tell: indexing, gather and scatter, embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as F
from ..ops.spec import Row
from ..tensor import Tensor
from .batched import full, of, one_by_one
from .rules import rule
from .wrapped import Level, call


@rule("embedding")
def _embedding(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    weight, at = inputs
    if not of(weight, lvl):
        return call("run", row, [weight, at.value], params)
    v, w = full(at, lvl), weight.value
    starts = F.arange(lvl.size).reshape(-1, *(1,) * (v.ndim - 1)) * w.shape[1]  # type: ignore[attr-defined]
    return call("run", row, [w.flatten(0, 1), v + starts], params | {"padding_idx": -1})


@rule("embedding_dense_backward")
def _embedding_backward(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    g, at = full(inputs[0], lvl), full(inputs[1], lvl)
    rows, width = params["weight_sizes"]
    skip = params["padding_idx"]
    if skip is not None and skip >= 0:
        g = g.masked_fill((at == skip).unsqueeze(-1), 0)
    starts = F.arange(lvl.size).reshape(-1, *(1,) * (at.ndim - 1)) * rows  # type: ignore[attr-defined]
    out = call("run", row, [g, at + starts], params | {"weight_sizes": (lvl.size * rows, width), "padding_idx": -1})
    return out.reshape(lvl.size, rows, width)


@rule("index_select")
def _index_select(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, at = inputs
    d = params["dim"] % max(1, x.ndim)
    if not of(at, lvl):
        v = x.value if x.ndim else x.value.unsqueeze(1)
        out = call("run", row, [v, at], params | {"dim": d + 1})
        return out if x.ndim else out.squeeze(1)
    v, i = full(x, lvl), at.value
    if i.ndim == 1:
        i = i.unsqueeze(1)
    if v.ndim == 1:
        return v.unsqueeze(1).gather(1, i).squeeze(1)
    shape = [lvl.size] + [1] * (v.ndim - 1)
    shape[d + 1] = i.shape[1]
    wide = list(v.shape)
    wide[d + 1] = i.shape[1]
    return v.gather(d + 1, i.reshape(shape).expand(wide))


@rule("index_select_backward select_add")
def _index_select_backward(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    g, at = full(inputs[0], lvl), full(inputs[1], lvl)
    sizes = tuple(params["input_sizes"])
    d = params["dim"] % max(1, len(sizes)) + 1
    if not sizes:
        return g.reshape(lvl.size)
    shape = [1] * g.ndim
    shape[0], shape[d] = lvl.size, g.shape[d]
    return g.new_zeros((lvl.size, *sizes)).scatter_add(d, at.reshape(shape).expand(g.shape), g)


@rule("index_add index_copy index_fill.scalar index_fill.tensor index_reduce.rows")
def _index_write(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    words = dict(zip(row.tensors, inputs, strict=True))
    if any(isinstance(words.get(w), Tensor) and of(words[w], lvl) for w in ("index", "value")):
        return one_by_one(lvl, row, inputs, params)
    n = inputs[0].ndim
    values = [x if w in ("index", "value") else full(x, lvl) for w, x in words.items()]
    if n == 0:
        values = [v.unsqueeze(1) if isinstance(v, Tensor) and w in ("self", "source") and v.ndim == 1 else v
                  for w, v in zip(words, values, strict=True)]  # fmt: skip
    if values[0].ndim and "index" in words and words["index"].ndim == 0:
        values = [v.unsqueeze(0) if w == "index" else v.unsqueeze(params["dim"] % max(1, n) + 1) if w == "source" and v.ndim < values[0].ndim else v
                  for w, v in zip(words, values, strict=True)]  # fmt: skip
    out = call("run", row, values, params | {"dim": params["dim"] % max(1, n) + 1})
    return out if n else out.squeeze(1)


@rule("gather scatter.src scatter.value scatter_add scatter_reduce.two gather_backward")
def _gather(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    n = len(params["input_sizes"]) if "input_sizes" in params else inputs[0].ndim
    values = [full(x, lvl) for x in inputs]
    if n == 0:
        values = [v.unsqueeze(1) if isinstance(v, Tensor) and v.ndim == 1 else v for v in values]
    given = params | {"dim": params["dim"] % max(1, n) + 1}
    if "input_sizes" in given:
        given["input_sizes"] = (lvl.size, *given["input_sizes"]) if n else (lvl.size, 1)
    out = call("run", row, values, given)
    return out.squeeze(1) if n == 0 and out.ndim == 2 and inputs[-1].ndim == 0 else out


@rule("take")
def _take(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, at = full(inputs[0], lvl), full(inputs[1], lvl)
    flat = x.reshape(lvl.size, -1)
    return flat.gather(1, _forward(at.reshape(lvl.size, -1), flat.shape[1])).reshape(at.shape)


def _forward(at: Any, n: int) -> Any:
    """Indices counted from the end, from the start."""
    return F.where(at < 0, at + n, at)  # type: ignore[attr-defined]


@rule("put")
def _put(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, at, source = (full(t, lvl) for t in inputs)
    flat = x.reshape(lvl.size, -1)
    at = _forward(at.reshape(lvl.size, -1), flat.shape[1])
    write = flat.scatter_add if params.get("accumulate") else flat.scatter
    return write(1, at, source.reshape(at.shape)).reshape(x.shape)


class _Places:
    """Index tensors of x[..., i, ..., j, ...] over a batch: the batch's own index first, all index dimensions behind it.

    The result of indexing with them has the shape (batch, *index dimensions, *the others); `back` moves the index dimensions to
    where they stand in the result for one sample.
    """

    def __init__(self, lvl: Level, indices: Sequence[Any], ndim: int) -> None:
        self.n = max(i.ndim for i in indices if i is not None)
        taken = [k for k, i in enumerate(indices) if i is not None]
        adjacent = taken[-1] - taken[0] == len(taken) - 1
        self.front = taken[0] if adjacent else 0
        own = F.arange(lvl.size).reshape(-1, *(1,) * self.n)  # type: ignore[attr-defined]
        made: list[Any] = []
        for i in indices:
            if i is None:
                made.append(None)
                continue
            v = full(i, lvl)
            made.append(v.reshape(v.shape[:1] + (1,) * (self.n - i.ndim) + v.shape[1:]))
        self.indices = [own, *made]

    def back(self, out: Tensor) -> Tensor:
        if not self.front or not self.n:
            return out
        return out.movedim(tuple(range(1, 1 + self.n)), tuple(range(1 + self.front, 1 + self.front + self.n)))

    def forth(self, values: Tensor) -> Tensor:
        if not self.front or not self.n:
            return values
        return values.movedim(tuple(range(1 + self.front, 1 + self.front + self.n)), tuple(range(1, 1 + self.n)))


@rule("index.Tensor")
def _index(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, indices = inputs
    places = _Places(lvl, indices, x.ndim)
    return places.back(call("run", row, [full(x, lvl), places.indices], params))


@rule("index_backward")
def _index_backward(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    g = inputs[0]
    indices = inputs[1] if len(inputs) > 1 else params["indices"]
    sizes = params["input_sizes"]
    places = _Places(lvl, indices, len(sizes))
    zeros = full(g, lvl).new_zeros((lvl.size, *sizes))
    return zeros.index_put(tuple(places.indices), places.forth(full(g, lvl)), accumulate=True)


@rule("index_put.values")
def _index_put(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    words = dict(zip([t.rstrip("*") for t in row.tensors], inputs, strict=True)) | params
    x, values = words["self"], words["values"]
    places = _Places(lvl, words["indices"], x.ndim)
    target = full(x, lvl)
    # values broadcast to the shape that indexing one sample gives
    v = full(values, lvl)
    want = places.back(target[tuple(slice(None) if i is None else i for i in places.indices)]).shape
    v = v.reshape(v.shape[:1] + (1,) * (len(want) - v.ndim) + v.shape[1:]).expand(want)
    return target.index_put(tuple(places.indices), places.forth(v), accumulate=words["accumulate"])


@rule("masked_scatter masked_select nonzero.all")
def _unknown_size(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    name = row.name.partition(".")[0]
    raise RuntimeError(
        f"vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::{name}. Please file an "
        "issue at https://github.com/pytorch/pytorch/issues if you need this feature."
    )
