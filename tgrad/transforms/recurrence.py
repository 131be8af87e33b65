"""Batching rules of recurrent layers and of packed sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as F
from ..ops.spec import Row
from ..tensor import Tensor
from .batched import full, of
from .rules import rule
from .wrapped import Level, call


@rule("_lstm_layer _lstm_layer.mkldnn _lstm_layer.data _gru_layer _gru_layer.data _rnn_layer _rnn_layer.data")
def layer(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Padded sequences of all samples are one batch, unless each sample has weights of its own. Anything else runs per sample."""
    states = 2 if row.name.startswith("_lstm") else 1
    weights = inputs[1 + states :]
    if params.get("batch_sizes") is not None or any(of(w, lvl) for w in weights):
        return samples(lvl, row, inputs, params)
    x, *own = (full(t, lvl) for t in inputs[: 1 + states])
    count, steps, width = x.shape[:3]
    got = call("run", row, [x.transpose(0, 1).flatten(1, 2), *[s.flatten(0, 1) for s in own], *weights], params)
    out, *last = got[: 1 + states]
    flat = [t.reshape(steps, count, width, -1).transpose(0, 1).flatten(1, 2) for t in got[1 + states :]]
    return [out.unflatten(1, (count, width)).transpose(0, 1), *[t.unflatten(0, (count, width)) for t in last], *flat]


@rule("_lstm_cell _gru_cell _rnn_tanh_cell _rnn_relu_cell")
def cell(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """The same for single steps."""
    states = 2 if row.name.startswith("_lstm") else 1
    given = inputs[: 1 + states]
    weights = inputs[len(given) :]
    if any(of(w, lvl) for w in weights):
        return samples(lvl, row, inputs, params)
    got = call("run", row, [full(t, lvl).flatten(0, 1) for t in given] + list(weights), params)
    unfold = lambda t: t.unflatten(0, (lvl.size, -1))
    return [unfold(t) for t in got] if isinstance(got, (list, tuple)) else unfold(got)


@rule("_pack_padded_sequence _pack_padded_sequence_backward _pack_padded_sequence.again")
def samples(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """A run per sample."""
    own = [[t.value[i] if of(t, lvl) else t for t in inputs] for i in range(lvl.size)]
    outs = [call("run", row, values, params) for values in own]
    if isinstance(outs[0], Tensor):
        return F.stack(outs)  # type: ignore[attr-defined]
    return [F.stack(list(column)) for column in zip(*outs, strict=True)]  # type: ignore[attr-defined]
