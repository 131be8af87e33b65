"""Batching rules of resampling, distances, alignments and losses over classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as F
from ..ops.spec import ROWS, Row
from ..tensor import Tensor
from .batched import full, of, one_by_one
from .rules import by, rule
from .wrapped import Level, call

_UPSAMPLE = " ".join(n for n in ROWS if "upsample" in n)


@rule(
    f"""{_UPSAMPLE} grid_sampler.lookup grid_sampler.lookdown grid_sampler_2d grid_sampler_3d grid_sampler_2d_backward
    grid_sampler_3d_backward affine_grid_generator"""
)
def _folded(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """The batch folded into the images' own first dimension, which sizes among the arguments count, too."""
    values = [full(x, lvl) for x in inputs]
    given = dict(params)
    for word in ("input_size", "size"):
        if word in given and len(given[word]) > 2:
            given[word] = (lvl.size * given[word][0], *given[word][1:])
    shape = values[0].shape[:2]
    got = call("run", row, [v.flatten(0, 1) for v in values], given)
    return [t.unflatten(0, shape) for t in got] if isinstance(got, (list, tuple)) else got.unflatten(0, shape)


@rule("_cdist_forward _cdist_backward _euclidean_dist")
def _cdist(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    values = [full(x, lvl) for x in inputs]
    n = max(v.ndim for v in values)
    return call("run", row, [v.reshape(v.shape[:1] + (1,) * (n - v.ndim) + v.shape[1:]) for v in values], params)


@by("_pdist_forward")
def _pdist(x: Any, p: float = 2.0) -> Any:
    n = x.shape[1]
    i, j = F.triu_indices(n, n, 1)  # type: ignore[attr-defined]
    return (x[:, i] - x[:, j]).norm(p, -1)


@rule("_ctc_loss")
def _ctc(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, targets = (full(t, lvl) for t in inputs)
    n = x.shape[2]
    got = call("run", row, [_side_by_side(x), targets.reshape(-1, *targets.shape[2:])], _lengths(lvl, params))
    return [t.unflatten(0, (lvl.size, n)) for t in got]


@rule("_ctc_loss_backward")
def _ctc_backward(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    g, x, targets, likelihood, alpha = (full(t, lvl) for t in inputs)
    n = x.shape[2]
    given = [
        g.flatten(),
        _side_by_side(x),
        targets.reshape(-1, *targets.shape[2:]),
        likelihood.flatten(),
        alpha.flatten(0, 1),
    ]
    return call("run", row, given, _lengths(lvl, params)).unflatten(1, (lvl.size, n)).movedim(1, 0)


def _side_by_side(x: Any) -> Any:
    """[batch, time, N, classes] as [time, batch * N, classes]."""
    return x.movedim(0, 1).flatten(1, 2)


def _lengths(lvl: Level, params: dict[str, Any]) -> dict[str, Any]:
    return params | {k: tuple(params[k]) * lvl.size for k in ("input_lengths", "target_lengths")}


@rule("multi_margin_loss multilabel_margin_loss_forward")
def _margins(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    if len(inputs) > 2 and isinstance(inputs[2], Tensor) and of(inputs[2], lvl):
        return one_by_one(lvl, row, inputs, params)
    x, target = (full(t, lvl) for t in inputs[:2])
    single = inputs[0].ndim == 1
    if single:
        x = x.unsqueeze(1)
        target = target.reshape(lvl.size, 1) if row.name == "multi_margin_loss" else target.unsqueeze(1)
    got = call("run", row, [x.flatten(0, 1), target.flatten(0, 1), *inputs[2:]], params | {"reduction": 0})
    several = isinstance(got, (list, tuple))
    outs = [t.unflatten(0, x.shape[:2]) for t in (got if several else [got])]
    if params["reduction"]:
        outs[0] = outs[0].mean(1) if params["reduction"] == 1 else outs[0].sum(1)
    elif single and not (row.name == "multi_margin_loss" and inputs[1].ndim == 1):
        outs[0] = outs[0].squeeze(1)
    if several and single:
        outs[1] = outs[1].squeeze(1)
    return outs if several else outs[0]


@rule("segment_reduce.offsets")
def _segments(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """The first dimension is reduced by segments; the batch goes to the back, among those that are left alone."""
    return call("run", row, [inputs[0].value.movedim(0, -1)], params).movedim(-1, 0)
