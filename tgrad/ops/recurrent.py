"""One layer of a recurrent network in one direction: the loop over time as one op. And packed sequences.

Note [Layers over time]
What comes from the inputs (weight_ih x + biases, for all steps) is one product, made before; a row here gets it as `igates`, and goes
through time with what depends on the state. `igates` is [T, B, G], or, of sequences of different lengths, packed: [N, G], with
`batch_sizes` telling how many sequences there are at each step, the longest first. In both cases a step is some rows, one after the other:
`_spans`. A step changes the first n rows of the state [B, H]. So states of sequences that have ended stay, and, backward in time
(`reverse`), states of those that have not begun yet are still the initial ones: nothing else is to be done about lengths.

Gates, cells and states are outputs as well (`keep` false: nobody will ask for them), and derivatives are written in terms of them; they take their part in the second derivative
like any other output. So a derivative is one loop back through time, the same over arrays and over Tensors. (States are the output again,
in memory of their own: users may write into the output, which PyTorch's stack does not need.)

PyTorch composes such layers of operations, of which the last gives the output its node: stack, cat for packed sequences, or oneDNN's op.
Hence several rows of one formula.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtype import from_np
from .linalg import mm
from .pointwise import tanh
from .spec import Row, in_rows, nothing, op
from .view import cat

HIDDEN: dict[str, Any] = dict(function=False, method=False, materialize=False)
Spans = list[tuple[int, int]]


def _spans(shape: Sequence[int], batch_sizes: Any) -> Spans:
    """(first row, number of rows) of each step, in order of time."""
    if batch_sizes is None:
        return [(t * shape[1], shape[1]) for t in range(shape[0])]
    out, at = [], 0
    for n in batch_sizes:
        out.append((at, n))
        at += n
    return out


def _flat(a: Any) -> Any:
    return None if a is None else a.reshape(-1, a.shape[-1])


def _in_time(spans: Spans, reverse: bool) -> list[int]:
    """The numbers of the steps, in the order in which the state goes through them."""
    steps = range(len(spans))
    return list(reversed(steps)) if reverse else list(steps)


def _wide(*arrays: Any) -> list[Any]:
    """Halves in float32."""
    return [a.astype(np.float32) if type(a) is np.ndarray and a.dtype.itemsize == 2 else a for a in arrays]


def _narrow(arrays: Sequence[Any], dtype: np.dtype) -> tuple[Any, ...]:
    return tuple(a if a is None or a.dtype is dtype else a.astype(dtype) for a in arrays)


# ---- what all derivatives have in common: steps back through time


def _before(values: Any, first: Any, spans: Spans, reverse: bool) -> list[Any]:
    """What the state was before each step, of which `values` [N, H] are the later ones and `first` [B, H] is the initial one."""
    out = []
    for t, (_, n) in enumerate(spans):
        last = t + 1 if reverse else t - 1
        if not 0 <= last < len(spans):
            out.append(first[:n])
            continue
        at, count = spans[last]
        here = values[at : at + min(n, count)]
        out.append(here if n <= count else cat([here, first[count:n]], 0))
    return out


def _kept(new: Any, old: Any) -> Any:
    """The state, or its gradient, after its first rows have changed."""
    n = new.shape[0]
    return new if n == old.shape[0] else cat([new, old[n:]], 0)


def _plus(a: Any, b: Any, at: int, n: int) -> Any:
    """a, and the rows of b if there is one."""
    return a if b is None else a + b[at : at + n]


def _together(a: Any, b: Any) -> Any:
    return a if b is None else b if a is None else a + b


def _parts(a: Any, count: int) -> list[Any]:
    width = a.shape[1] // count
    return [a[:, i * width : (i + 1) * width] for i in range(count)]


def _weight(of_gates: Any, states: Any) -> Any:
    """The gradient of a weight, over all steps at once."""
    return mm(of_gates.T, states)


# ---- long short-term memory


def _lstm(
    igates: Any,
    hx: Any,
    cx: Any,
    w_hh: Any,
    w_hr: Any = None,
    batch_sizes: Any = None,
    reverse: bool = False,
    keep: bool = True,
) -> tuple[Any, ...]:
    """output [T, B, R] (or [N, R]), the last states h [B, R] and c [B, H], the gates i f g o [N, 4H] and the cells c [N, H].

    c' = f c + i g, h' = o tanh(c'), or w_hr times that; the gates are sigmoids (g: tanh) of igates + w_hh h.
    """
    dtype = igates.dtype
    igates, hx, cx, w_hh, w_hr = _wide(igates, hx, cx, w_hh, w_hr)
    gates = np.array(_flat(igates), order="C")
    h, c, turned = hx.copy(order="C"), cx.copy(order="C"), w_hh.T
    H = c.shape[1]
    cells = np.empty((len(gates), H), gates.dtype)
    output = np.empty((len(gates), h.shape[1]), gates.dtype)
    spans = _spans(igates.shape, batch_sizes)
    for t in _in_time(spans, reverse):
        at, n = spans[t]
        part = gates[at : at + n]
        part += h[:n] @ turned
        i, f, g, o = _parts(part, 4)
        for gate in (part[:, : 2 * H], o):
            _sigmoid(gate)
        np.tanh(g, out=g)
        np.multiply(f, c[:n], out=c[:n])
        c[:n] += i * g
        cells[at : at + n] = c[:n]
        y = np.tanh(c[:n])
        y *= o
        h[:n] = y if w_hr is None else y @ w_hr.T
        output[at : at + n] = h[:n]
    shape = (*igates.shape[:-1], h.shape[1])
    return *_narrow((output.reshape(shape), h, c), dtype), gates, cells


def _sigmoid(a: np.ndarray) -> None:
    """In place."""
    np.negative(a, out=a)
    np.exp(a, out=a)
    a += 1
    np.reciprocal(a, out=a)


def _lstm_grad(
    grads: Any, gates: Any, cells: Any, hx: Any, cx: Any, w_hh: Any, w_hr: Any, igates_sizes: Any, batch_sizes: Any, reverse: bool, needs: Any
) -> tuple[Any, ...]:  # fmt: skip
    dtype, spans = hx.dtype, _spans(igates_sizes, batch_sizes)
    hx, cx, w_hh, w_hr = _wide(hx, cx, w_hh, w_hr)
    g_out, dh, dc, g_gates, g_cells = _wide(*grads)
    g_out = _flat(g_out)
    dh, dc = nothing(hx) if dh is None else dh, nothing(cx) if dc is None else dc
    c_before = _before(cells, cx, spans, reverse)
    of_gates, projected = [None] * len(spans), [None] * len(spans)
    for t in reversed(_in_time(spans, reverse)):
        at, n = spans[t]
        i, f, g, o = _parts(gates[at : at + n], 4)
        curved = tanh(cells[at : at + n])
        d: Any = _plus(dh[:n], g_out, at, n)
        projected[t] = d
        if w_hr is not None:
            d = d @ w_hr
        d_cell = _plus(dc[:n] + d * o * (1 - curved * curved), g_cells, at, n)
        parts = [d_cell * g, d_cell * c_before[t], d_cell * i, d * curved]
        if g_gates is not None:
            parts = [p + q for p, q in zip(parts, _parts(g_gates[at : at + n], 4), strict=True)]
        slopes = (i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o))
        joint: Any = cat([p * s for p, s in zip(parts, slopes, strict=True)], 1)
        of_gates[t] = joint
        dc, dh = _kept(d_cell * f, dc), _kept(joint @ w_hh, dh)
    whole = cat(of_gates, 0)
    of_weight = of_projection = None
    if needs[3] or needs[4]:
        outward = _parts(gates, 4)[3] * tanh(cells)
        states = outward if w_hr is None else mm(outward, w_hr.T)
        of_weight = _weight(whole, cat(_before(states, hx, spans, reverse), 0))
        of_projection = _weight(cat(projected, 0), outward) if needs[4] else None
    own = [whole.reshape(igates_sizes), dh, dc, of_weight, of_projection]
    return own if not isinstance(whole, np.ndarray) else _narrow(own, dtype)  # type: ignore[return-value]


# ---- gated recurrent units


def _gru(
    igates: Any,
    hx: Any,
    w_hh: Any,
    b_hh: Any = None,
    batch_sizes: Any = None,
    reverse: bool = False,
    keep: bool = True,
) -> tuple[Any, ...]:
    """output [T, B, H] (or [N, H]), the last state [B, H], [N, 4H]: the gates r z n, and m, what comes from the state to n; states [N, H].

    r and z are sigmoids of igates + w_hh h + b_hh, n = tanh(igates + r m), h' = n + z (h - n).
    """
    dtype = igates.dtype
    igates, hx, w_hh, b_hh = _wide(igates, hx, w_hh, b_hh)
    x, h, turned = _flat(igates), hx.copy(order="C"), w_hh.T
    H = h.shape[1]
    gates, output = np.empty((len(x), 4 * H), x.dtype), np.empty((len(x), H), x.dtype)
    spans = _spans(igates.shape, batch_sizes)
    for t in _in_time(spans, reverse):
        at, n = spans[t]
        part, come, state = gates[at : at + n], x[at : at + n], h[:n]
        own = state @ turned
        if b_hh is not None:
            own += b_hh
        both = part[:, : 2 * H]
        np.add(own[:, : 2 * H], come[:, : 2 * H], out=both)
        _sigmoid(both)
        r, z, new, m = _parts(part, 4)
        m[...] = own[:, 2 * H :]
        np.multiply(r, m, out=new)
        new += come[:, 2 * H :]
        np.tanh(new, out=new)
        state -= new
        state *= z
        state += new
        output[at : at + n] = state
    return *_narrow((output.reshape(*igates.shape[:-1], H), h), dtype), gates, output.copy()


def _gru_grad(
    grads: Any, gates: Any, states: Any, hx: Any, w_hh: Any, igates_sizes: Any, batch_sizes: Any, reverse: bool, needs: Any
) -> tuple[Any, ...]:  # fmt: skip
    dtype, spans = hx.dtype, _spans(igates_sizes, batch_sizes)
    hx, w_hh = _wide(hx, w_hh)
    g_out, dh, g_gates, g_states = _wide(*grads)
    g_out = _together(_flat(g_out), g_states)
    dh = nothing(hx) if dh is None else dh
    before = _before(states, hx, spans, reverse)
    of_input, of_state = [None] * len(spans), [None] * len(spans)
    for t in reversed(_in_time(spans, reverse)):
        at, n = spans[t]
        r, z, new, m = _parts(gates[at : at + n], 4)
        d: Any = _plus(dh[:n], g_out, at, n)
        d_z, d_new = d * (before[t] - new), d * (1 - z)
        extra = None if g_gates is None else _parts(g_gates[at : at + n], 4)
        if extra is not None:
            d_z, d_new = d_z + extra[1], d_new + extra[2]
        d_new = d_new * (1 - new * new)
        d_r, d_m = d_new * m, d_new * r
        if extra is not None:
            d_r, d_m = d_r + extra[0], d_m + extra[3]
        d_r, d_z = d_r * r * (1 - r), d_z * z * (1 - z)
        of_input[t], of_state[t] = cat([d_r, d_z, d_new], 1), cat([d_r, d_z, d_m], 1)
        dh = _kept(d * z + of_state[t] @ w_hh, dh)  # type: ignore[operator]
    whole: Any = cat(of_state, 0)
    own = [
        cat(of_input, 0).reshape(igates_sizes), dh, _weight(whole, cat(before, 0)) if needs[2] else None,
        whole.sum(0) if needs[3] else None,
    ]  # fmt: skip
    return own if not isinstance(whole, np.ndarray) else _narrow(own, dtype)  # type: ignore[return-value]


# ---- plain ones


def _rnn(
    igates: Any,
    hx: Any,
    w_hh: Any,
    nonlinearity: str = "tanh",
    batch_sizes: Any = None,
    reverse: bool = False,
    keep: bool = True,
) -> tuple[Any, ...]:
    """output [T, B, H] (or [N, H]), the last state [B, H], states [N, H]: h' = tanh (or relu) of igates + w_hh h."""
    dtype = igates.dtype
    igates, hx, w_hh = _wide(igates, hx, w_hh)
    output, h, turned = np.array(_flat(igates), order="C"), hx.copy(order="C"), w_hh.T
    spans = _spans(igates.shape, batch_sizes)
    for t in _in_time(spans, reverse):
        at, n = spans[t]
        part = output[at : at + n]
        part += h[:n] @ turned
        np.tanh(part, out=part) if nonlinearity == "tanh" else np.maximum(part, 0, out=part)
        h[:n] = part
    return *_narrow((output.reshape(*igates.shape[:-1], h.shape[1]), h), dtype), output.copy()


def _rnn_grad(
    grads: Any, states: Any, hx: Any, w_hh: Any, nonlinearity: str, igates_sizes: Any, batch_sizes: Any, reverse: bool, needs: Any
) -> tuple[Any, ...]:  # fmt: skip
    dtype, spans = hx.dtype, _spans(igates_sizes, batch_sizes)
    hx, w_hh = _wide(hx, w_hh)
    g_out, dh, g_states = _wide(*grads)
    g_out = _together(_flat(g_out), g_states)
    dh = nothing(hx) if dh is None else dh
    of_gates: list[Any] = [None] * len(spans)
    for t in reversed(_in_time(spans, reverse)):
        at, n = spans[t]
        y = states[at : at + n]
        d = _plus(dh[:n], g_out, at, n)
        of_gates[t] = d * (1 - y * y) if nonlinearity == "tanh" else d * (y > 0)
        dh = _kept(of_gates[t] @ w_hh, dh)
    whole = cat(of_gates, 0)
    of_weight = _weight(whole, cat(_before(states, hx, spans, reverse), 0)) if needs[2] else None
    own = [whole.reshape(igates_sizes), dh, of_weight]
    return own if not isinstance(whole, np.ndarray) else _narrow(own, dtype)  # type: ignore[return-value]


# ---- the rows

NODES = {"": "StackBackward0", ".data": "CatBackward0", ".mkldnn": "MkldnnRnnLayerBackward0"}


def _rows(
    name: str, array: Callable[..., Any], kinds: Sequence[str], key: str, formula: Any, outputs: str
) -> dict[str, Row]:
    return {
        kind.lstrip("."): Row(f"_{name}_layer{kind}", array, family="op", grad={key: formula}, tensors=key, node=NODES[kind],
                              outputs=outputs, **HIDDEN)
        for kind in kinds
    }  # fmt: skip


def _backward(name: str, array: Callable[..., Any], first: str) -> Row:
    """A derivative over arrays as a row, so that it has a compiled form."""
    return Row(f"_{name}_layer_backward", array, family="op", tensors=first, function=False, method=False)


lstm_backward = _backward(
    "lstm",
    lambda gates, cells, grads, hx, cx, w_hh, w_hr, igates_sizes, batch_sizes, reverse, needs: _lstm_grad(
        grads, gates, cells, hx, cx, w_hh, w_hr, igates_sizes, batch_sizes, reverse, needs
    ),
    "gates",
)
gru_backward = _backward(
    "gru",
    lambda gates, states, grads, hx, w_hh, igates_sizes, batch_sizes, reverse, needs: _gru_grad(
        grads, gates, states, hx, w_hh, igates_sizes, batch_sizes, reverse, needs
    ),
    "gates",
)
rnn_backward = _backward(
    "rnn",
    lambda states, grads, hx, w_hh, nonlinearity, igates_sizes, batch_sizes, reverse, needs: _rnn_grad(
        grads, states, hx, w_hh, nonlinearity, igates_sizes, batch_sizes, reverse, needs
    ),
    "states",
)


def _lstm_formula(grads, result3, result4, hx, cx, w_hh, w_hr, igates_sizes, batch_sizes, reverse, needs):
    given = (hx, cx, w_hh, w_hr, igates_sizes, batch_sizes, reverse, needs)
    if type(result3) is np.ndarray:
        return lstm_backward(result3, result4, grads, *given)
    return _lstm_grad(grads, result3, result4, *given)


def _gru_formula(grads, result2, result3, hx, w_hh, igates_sizes, batch_sizes, reverse, needs):
    given = (hx, w_hh, igates_sizes, batch_sizes, reverse, needs)
    if type(result2) is np.ndarray:
        return gru_backward(result2, result3, grads, *given)
    return _gru_grad(grads, result2, result3, *given)


def _rnn_formula(grads, result2, hx, w_hh, nonlinearity, igates_sizes, batch_sizes, reverse, needs):
    given = (hx, w_hh, nonlinearity, igates_sizes, batch_sizes, reverse, needs)
    return rnn_backward(result2, grads, *given) if type(result2) is np.ndarray else _rnn_grad(grads, result2, *given)


LSTM = _rows(
    "lstm", _lstm, ("", ".data", ".mkldnn"), "igates hx cx w_hh w_hr", _lstm_formula, "output hn cn gates cells"
)
GRU = _rows("gru", _gru, ("", ".data"), "igates hx w_hh b_hh", _gru_formula, "output hn gates states")
RNN = _rows("rnn", _rnn, ("", ".data"), "igates hx w_hh", _rnn_formula, "output hn states")


# ---- packed sequences


def places(batch_sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each packed row its step and its sequence."""
    steps = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
    return steps, np.arange(len(steps)) - np.repeat(np.cumsum(batch_sizes) - batch_sizes, batch_sizes)


def _packed(input: np.ndarray, batch_sizes: np.ndarray, batch_first: bool) -> np.ndarray:
    steps, sequences = places(batch_sizes[: input.shape[1 if batch_first else 0]])
    return in_rows(input[sequences, steps] if batch_first else input[steps, sequences])


@op("_pack_padded_sequence", tensors="input lengths", outputs="data batch_sizes", undiff="batch_sizes", function=False, method=False,
    grad=dict(input=lambda grad, input_sizes, result1, batch_first: unpacked(grad, result1, input_sizes, batch_first)))  # fmt: skip
def pack_padded_sequence(input, lengths, batch_first):
    """The steps of padded sequences without the padding, [N, ...], and how many sequences there are at each step."""
    check_lengths(lengths)
    if not input.size:
        raise RuntimeError("Cannot pack empty tensors.")
    count = input.shape[0 if batch_first else 1]
    if len(lengths) != count:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={count})"
        )
    if lengths[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if (lengths[:-1] < lengths[1:]).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need ONNX "
            "exportability."
        )
    sizes = np.searchsorted(-lengths, -np.arange(lengths[0]), side="left")
    return _packed(input, sizes, batch_first), sizes.astype(np.int64)


def check_lengths(lengths: np.ndarray) -> None:
    if lengths.ndim != 1 or lengths.dtype != np.int64:
        kind = from_np(lengths.dtype).legacy
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.ndim}D cpu {kind} tensor"
        )


@op("_pack_padded_sequence_backward", tensors="grad batch_sizes", function=False, method=False,
    grad=dict(grad=lambda grad, batch_sizes, batch_first: packed_again(grad, batch_sizes, batch_first)))  # fmt: skip
def unpacked(grad, batch_sizes, input_size, batch_first):
    """Packed rows at their places in padded sequences, with zeros elsewhere."""
    out = np.zeros(tuple(input_size), grad.dtype)
    steps, sequences = places(batch_sizes[: out.shape[1 if batch_first else 0]])
    out[(sequences, steps) if batch_first else (steps, sequences)] = grad
    return out


@op("_pack_padded_sequence.again", tensors="input batch_sizes", function=False, method=False, node="PackPaddedSequenceBackward0",
    grad=dict(input=lambda grad, input_sizes, batch_sizes, batch_first: unpacked(grad, batch_sizes, input_sizes, batch_first)))  # fmt: skip
def packed_again(input, batch_sizes, batch_first):
    """The packed rows, where it is known how many there are at each step."""
    return _packed(input, batch_sizes, batch_first)
