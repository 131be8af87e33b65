"""Recurrent networks as `torch` itself has them: whole networks over sequences, and single steps ("cells").

The loop over time of one layer and direction is a row: see Note [Layers over time] in ops/recurrent.py. Loaded when first used.
"""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from .. import functions as F
from ..dispatch import bad_argument, needs_grad, no_overload
from ..graph.modes import state
from ..methods import missing
from ..ops import cells
from ..ops import recurrent as rows
from ..ops.spec import ROWS, sizes
from ..tensor import Tensor

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def _product_error(a: Tensor, b: Tensor) -> RuntimeError | None:
    """What `a @ b.T` would say."""
    if a._a.dtype == b._a.dtype and a._a.shape[-1] == b._a.shape[-1]:
        return None
    if a.dtype is not b.dtype:
        return RuntimeError(f"mat1 and mat2 must have the same dtype, but got {a.dtype.legacy} and {b.dtype.legacy}")
    m, k = prod(a.shape[:-1]), a.shape[-1]
    return RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({m}x{k} and {b.shape[1]}x{b.shape[0]})")


def _state(h: Tensor, count: int) -> Tensor:
    """The initial state of `count` sequences."""
    if h._a.shape[0] == count:
        return h
    if h.shape[0] == 1:
        return h.expand(count, h.shape[1])  # type: ignore[attr-defined]
    raise RuntimeError(
        f"The size of tensor a ({count}) must match the size of tensor b ({h.shape[0]}) at non-singleton dimension 0"
    )


def _unequal(a: int, b: int) -> RuntimeError:
    return RuntimeError(f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension 1")  # fmt: skip


def _check_gates(kind: str, width: int, w_hh: Tensor, state: Tensor) -> None:
    """RuntimeError where the gates do not go with each other or with the state, in the words of the operation that would find out."""
    if width != w_hh._a.shape[0]:
        raise _unequal(width, w_hh.shape[0])
    hidden, count = state._a.shape[1], GATES[kind]
    if width == count * hidden:
        return
    if count == 1:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({state.shape[0]}x{width} and {w_hh.shape[1]}x{width})")  # fmt: skip
    each = -(-width // count)
    last = width - (count - 1) * each
    raise _unequal(last, each) if last != each else _unequal(each, hidden)


def _onednn(input: Tensor) -> bool:
    """Whether PyTorch would leave an LSTM over padded sequences to oneDNN, which shows in the node's name."""
    dtype = input._a.dtype
    return (dtype.char == "f" or (dtype.itemsize == 2 and dtype.name == "bfloat16")) and input._a.size > 0


@functools.cache
def _warn_of_projections() -> None:
    """Once, as PyTorch does."""
    warnings.warn(
        "LSTM with projections is not supported with oneDNN. Using default implementation.", UserWarning, stacklevel=7
    )


def _layer(
    kind: str, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor], biased: bool, batch_sizes: Any, reverse: bool
) -> tuple[Tensor, list[Tensor]]:  # fmt: skip
    """The output of one layer in one direction, and its last states."""
    w_ih, w_hh = weights[:2]
    b_ih, b_hh = weights[2:4] if biased else (None, None)
    w_hr = weights[-1] if kind == "lstm" and len(weights) == (5 if biased else 3) else None
    h, *rest = states
    _check_weights(kind, x, w_ih, w_hh, b_ih, b_hh, h)
    count = batch_sizes[0] if batch_sizes is not None else x._a.shape[1]
    h, *rest = [_state(s, count) for s in (h, *rest)]
    _check_gates(kind, w_ih._a.shape[0], w_hh, h if kind != "lstm" else rest[0])
    variant = "" if batch_sizes is None else "data"
    keep = bool(state.levels) or needs_grad((x, h, *rest, *weights))
    if kind == "lstm":
        if batch_sizes is None and _onednn(x):
            if w_hr is not None:
                _warn_of_projections()
            else:
                variant = "mkldnn"
        given = (x, h, rest[0], w_ih, w_hh, b_ih, b_hh, w_hr)
        out, hn, cn, *_ = rows.LSTM[variant].record(*given, batch_sizes, reverse, keep)
        return out, [hn, cn]
    if kind == "gru":
        out, hn, *_ = rows.GRU[variant].record(x, h, w_ih, w_hh, b_ih, b_hh, batch_sizes, reverse, keep)
    else:
        out, hn, *_ = rows.RNN[variant].record(x, h, w_ih, w_hh, b_ih, b_hh, kind[4:], batch_sizes, reverse, keep)
    return out, [hn]


def _check_weights(kind: str, x: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any, b_hh: Any, h: Tensor) -> None:
    """RuntimeError where an operand does not go with its weight, or a weight with its bias."""
    wrong = _product_error(x, w_ih) or _product_error(h, w_hh)
    if wrong is not None:
        raise wrong
    for w, b in ((w_ih, b_ih), (w_hh, b_hh)):
        if b is None:
            continue
        if b._a.dtype != w._a.dtype:
            raise RuntimeError(f"self and mat2 must have the same dtype, but got {b.dtype.legacy} and {w.dtype.legacy}")
        if b._a.shape != (w._a.shape[0],):
            raise RuntimeError(
                f"The expanded size of the tensor ({w.shape[0]}) must match the existing size ({b.shape[-1]}) at non-singleton "
                f"dimension 1.  Target sizes: {[x.numel() // x.shape[-1], w.shape[0]]}.  Tensor sizes: {list(b.shape)}"  # type: ignore[attr-defined]
            )


def _check_counts(states: int, weights: int, layers: int, both_ways: bool) -> None:
    """RuntimeError unless there is a state and a group of weights for each layer and direction."""
    if both_ways:
        if states % 2 or weights % 2:
            raise RuntimeError("Odd number of params or hiddens given to a bidirectional RNN")
        states, weights = states // 2, weights // 2
    if states != layers:
        raise RuntimeError("Expected more hidden states in stacked_rnn")
    if weights != layers:
        raise RuntimeError("Expected more weights in stacked_rnn")


def _network(
    kind: str, x: Tensor, batch_sizes: Any, states: Sequence[Tensor], params: Sequence[Tensor], biased: bool, layers: int, dropout: float,
    train: bool, both_ways: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """All layers: the last one's output, and the last states of all, stacked."""
    each = 4 if biased else 2
    projections = (
        kind == "lstm" and len(states) == 2 and states[0]._a.shape[-1:] != states[1]._a.shape[-1:] and len(params) > 0
    )
    each += projections
    if len(params) % each:
        raise RuntimeError(f"MatrixRef: ArrayRef size {len(params)} not divisible by stride {each}")
    directions = 2 if both_ways else 1
    whole = kind == "lstm" and batch_sizes is None and not projections and _onednn(x)
    if not whole:
        _check_counts(states[0]._a.shape[0], len(params) // each, layers, both_ways)
    ends: list[list[Tensor]] = []
    for layer in range(layers):
        outs = []
        for d in range(directions):
            k = layer * directions + d
            own = [s.select(0, k) for s in states]  # type: ignore[attr-defined]
            given = params[k * each : (k + 1) * each]
            if not given:
                raise RuntimeError(f"ArrayRef: invalid slice, N = {k * each}; M = {each}; size = {len(params)}")
            out, last = _layer(kind, x, own, given, biased, batch_sizes, d == 1)
            outs.append(out)
            ends.append(last)
        x = F.cat(outs, -1) if both_ways else outs[0]
        if dropout and train and layer < layers - 1:
            x = F.dropout(x, dropout, train)
    return x, *[F.stack(list(s), 0) for s in zip(*ends, strict=True)]


_WORDS = "has_biases num_layers dropout train bidirectional".split()
_TRUTHS = ("has_biases", "train", "bidirectional")
_FORMS = (  # the words, those of them that are bools, those that are tensors whatever the network is
    (("input", "hx", "params", *_WORDS, "batch_first"), (*_TRUTHS, "batch_first"), ("input",)),
    (("data", "batch_sizes", "hx", "params", *_WORDS), _TRUTHS, ("data", "batch_sizes")),
)


def _bound(kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name: of padded sequences, or of packed ones."""
    several = kind == "lstm"
    for words, truths, which in _FORMS:
        given = dict(zip(words, args, strict=False))
        if kwargs:
            given |= kwargs
        if len(args) > len(words) or len(given) != len(args) + len(kwargs) or given.keys() != set(words):
            continue
        lists = (given["params"], given["hx"]) if several else (given["params"],)
        if not all([isinstance(a, (list, tuple)) for a in lists]) or not all(
            [isinstance(given[w], Tensor) for w in which]
        ):
            continue
        if not several and not isinstance(given["hx"], Tensor):
            continue
        if all([isinstance(given[w], bool) for w in truths]):
            for i, a in reversed(list(enumerate(lists))):
                for j, t in enumerate(a):
                    if not isinstance(t, Tensor):
                        at = words.index("hx" if i else "params")
                        raise TypeError(f"expected Tensor as element {j} in argument {at}, but got {type(t).__name__}")
            return given
    raise no_overload(kind, *args, **kwargs)


def _run(kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, ...]:
    given = _bound(kind, args, kwargs)
    states: Sequence[Tensor] = given["hx"] if kind == "lstm" else (given["hx"],)
    if kind == "lstm" and len(states) != 2:
        raise RuntimeError("lstm expects two hidden states")
    options = [given[w] for w in ("params", *_WORDS)]
    if "data" in given:
        data = given["data"]
        counts = _sizes(given["batch_sizes"], data)
        unlike = kind != "lstm" or not _onednn(data) or states[0]._a.shape[-1:] != states[1]._a.shape[-1:]
        if unlike or counts[0] != counts[-1]:
            return _network(kind, data, counts, states, *options)
        # All of one length: nothing is packed, and oneDNN's op serves.
        padded = data.view(len(counts), counts[0], data.shape[1])
        out, h, c = _network(kind, padded, None, states, *options)
        return out.reshape(data.shape[0], -1), h, c  # type: ignore[attr-defined]
    x, first = given["input"], given["batch_first"]
    if x._a.ndim != 3:
        if x.dim() < 3:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{max(x.dim(), 1)}, {max(x.dim(), 1) - 1}], but got 2)"
            )
        raise RuntimeError(f"shape '{sizes(x.shape)}' is invalid for input of size {x.numel()}")
    if first:
        x = x.transpose(0, 1)
    if not x._a.shape[0]:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    out, *last = _network(kind, x, None, states, *options)
    if first:
        # PyTorch swaps in place where it is not an LSTM, which shows in the node's name.
        out = out.transpose(0, 1) if kind == "lstm" else ROWS["transpose_.int"].record(out, 0, 1)  # type: ignore[attr-defined]
    return out, *last


def _sizes(batch_sizes: Tensor, data: Tensor) -> tuple[int, ...]:
    if batch_sizes.dtype.name != "int64":
        kind = batch_sizes.dtype.legacy
        raise RuntimeError(f"expected scalar type Long but found {kind}")
    found = tuple(batch_sizes.reshape(-1).tolist())  # type: ignore[attr-defined]
    if sum(found) != data.shape[0] or batch_sizes.dim() != 1:  # type: ignore[attr-defined]
        shape = (batch_sizes.shape[0], found[0], *data.shape[1:])
        raise RuntimeError(f"shape '{sizes(shape)}' is invalid for input of size {data.numel()}")  # type: ignore[attr-defined]
    for a, b in itertools.pairwise(found):
        if b > a:
            raise RuntimeError(
                f"The size of tensor a ({b}) must match the size of tensor b ({a}) at non-singleton dimension 0"
            )
    return found


def lstm(*args, **kwargs):
    """A long short-term memory of several layers: `(output, h_n, c_n)`.

    `lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)` for padded sequences, input [T, B, F]
    ([B, T, F] with batch_first); `lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)` for packed
    ones, data [N, F]. hx: two tensors, h_0 [layers * directions, B, R] and c_0 [layers * directions, B, H]. params: for each layer and
    direction w_ih [4H, F], w_hh [4H, R], then, if has_biases, b_ih and b_hh [4H], and where R is not H the projection w_hr [R, H].
    """
    return _run("lstm", args, kwargs)


def gru(*args, **kwargs):
    """A network of gated recurrent units: `(output, h_n)`. Arguments are those of `lstm`, with one tensor as hx and 3H for 4H."""
    return _run("gru", args, kwargs)


def rnn_tanh(*args, **kwargs):
    """A recurrent network with tanh: `(output, h_n)`. Arguments are those of `lstm`, with one tensor as hx and H for 4H."""
    return _run("rnn_tanh", args, kwargs)


def rnn_relu(*args, **kwargs):
    """A recurrent network with relu: `(output, h_n)`. Arguments are those of `lstm`, with one tensor as hx and H for 4H."""
    return _run("rnn_relu", args, kwargs)


# ---- single steps

_CELL = ("input", "hx", "w_ih", "w_hh", "b_ih", "b_hh")


def _cell(kind: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
    """The arguments of a cell, checked: (input, states, weights, biases)."""
    if kwargs or not 4 <= len(args) <= 6:
        args = _cell_arguments(kind + "_cell", args, kwargs)
    x, states, w_ih, w_hh, b_ih, b_hh = (*args, None, None)[:6]
    several = kind == "lstm"
    for i, value in enumerate((x, states, w_ih, w_hh, b_ih, b_hh)):
        if several and i == 1:
            if not isinstance(value, (tuple, list)):
                raise bad_argument(kind + "_cell", 2, "hx", value, "tuple of Tensors")
        elif not isinstance(value, Tensor) and not (i > 3 and value is None):
            raise bad_argument(kind + "_cell", i + 1, _CELL[i], value)
    states = tuple(states) if several else (states,)
    if several and len(states) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    _check_cell(kind, x, states, w_ih, w_hh)
    _check_weights(kind, x, w_ih, w_hh, b_ih, b_hh, states[0])
    return x, states, w_ih, w_hh, b_ih, b_hh


def _cell_arguments(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """All six, by position."""
    if len(args) > 6:
        raise TypeError(f"{name}() takes from 4 to 6 positional arguments but {len(args)} were given")
    given: dict[str, Any] = dict(zip(_CELL, args, strict=False))
    for key, value in kwargs.items():
        if key not in _CELL:
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
        if key in given:
            raise TypeError(f"{name}() got multiple values for argument '{key}'")
        given[key] = value
    absent = [w for w in _CELL[:4] if w not in given]
    if absent:
        raise missing(name, absent)
    return tuple(given.get(w) for w in _CELL)


def _check_cell(kind: str, x: Tensor, states: Sequence[Tensor], w_ih: Tensor, w_hh: Tensor) -> None:
    shape, hidden = x._a.shape, w_hh._a.shape[1]
    if len(shape) < 2:
        low = max(len(shape), 1)
        raise IndexError(f"Dimension out of range (expected to be in range of [-{low}, {low - 1}], but got 1)")
    if shape[1] != w_ih._a.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {shape[1]} expected {w_ih.shape[1]}")
    for i, h in enumerate(states):
        own = h._a.shape
        if shape[0] != own[0]:
            raise RuntimeError(f"Input batch size {shape[0]} doesn't match hidden{i} batch size {own[0]}")
        if own[1] != hidden:
            raise RuntimeError(f"hidden{i} has inconsistent hidden_size: got {own[1]}, expected {hidden}")
    rows, times = w_ih._a.shape[0], GATES[kind]
    if rows != times * hidden:
        raise RuntimeError(f"weight_ih first dim must be {times} * hidden_size = {times * hidden}, but got {rows}")


def lstm_cell(*args, **kwargs):
    """One step of a long short-term memory: `lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None)` gives `(h, c)`.

    input [B, F], hx two tensors [B, H], w_ih [4H, F], w_hh [4H, H], biases [4H]; the gates stand in the order i, f, g, o:
    c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c'). RuntimeError for sizes that do not go together.
    """
    x, (h, c), *rest = _cell("lstm", *args, **kwargs)
    cy, _, o, curved = cells.lstm_cell.record(x, h, c, *rest)
    return o * curved, cy


def gru_cell(*args, **kwargs):
    """One step of gated recurrent units: `gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None)` gives h [B, H].

    w_ih [3H, F], w_hh [3H, H], biases [3H], in the order r, z, n: n = tanh(n_i + sigmoid(r) n_h), h' = n + sigmoid(z) (h - n).
    """
    x, (h,), *rest = _cell("gru", *args, **kwargs)
    return cells.gru_cell.record(x, h, *rest)[0]


def rnn_tanh_cell(*args, **kwargs):
    """tanh(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh): `rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None)`."""
    x, (h,), *rest = _cell("rnn_tanh", *args, **kwargs)
    return cells.rnn_tanh_cell.record(x, h, *rest)


def rnn_relu_cell(*args, **kwargs):
    """relu(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh): `rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None)`."""
    x, (h,), *rest = _cell("rnn_relu", *args, **kwargs)
    return cells.rnn_relu_cell.record(x, h, *rest)


# ---- packed sequences


def _pack_padded_sequence(input, lengths, batch_first):
    """`(data, batch_sizes)` of padded sequences [T, B, ...] ([B, T, ...] with batch_first) whose int64 lengths decrease."""
    for i, (word, t) in enumerate((("input", input), ("lengths", lengths)), 1):
        if not isinstance(t, Tensor):
            raise bad_argument("_pack_padded_sequence", i, word, t)
    if input.dim() < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    return tuple(rows.pack_padded_sequence.record(input, lengths, batch_first))


def _pad_packed_sequence(data, batch_sizes, batch_first, padding_value, total_length):
    """Padded sequences [T, B, ...] ([B, T, ...] with batch_first) of packed ones, and the length of each.

    total_length: T, if it is to be more than the longest length; RuntimeError if it is less.
    """
    for i, (word, t) in enumerate((("data", data), ("batch_sizes", batch_sizes)), 1):
        if not isinstance(t, Tensor):
            raise bad_argument("_pad_packed_sequence", i, word, t)
    rows.check_lengths(batch_sizes._a)
    counts = batch_sizes._a
    steps = len(counts)
    if not steps:
        raise RuntimeError("batch_sizes can not be empty")
    if total_length > 0:
        if total_length < steps:
            raise RuntimeError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    width, rest = int(counts[0]), data.shape[1:]
    for n in counts[counts > width][:1].tolist():
        raise RuntimeError(f"output with shape {[1, width, *rest]} doesn't match the broadcast shape {[1, n, *rest]}")
    at, sequences = rows.places(counts)
    padded = F.full((steps, width, *rest), padding_value, dtype=data.dtype)
    used = data if len(at) == data.shape[0] else data.narrow(0, 0, len(at))
    padded.flatten(0, 1).index_copy_(0, F.from_numpy(at * width + sequences), used)
    lengths = F.from_numpy((counts[:, None] > np.arange(width)).sum(0))
    return (padded.transpose(0, 1) if batch_first else padded), lengths


NAMES: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (lstm, gru, rnn_tanh, rnn_relu, lstm_cell, gru_cell, rnn_tanh_cell, rnn_relu_cell, _pack_padded_sequence, _pad_packed_sequence)
}  # fmt: skip
