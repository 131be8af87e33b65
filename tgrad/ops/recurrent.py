"""One layer of a recurrent network in one direction: the loop over time as one op. And packed sequences.

Note [Layers over time]
What comes from the inputs (w_ih x + b_ih) is one product for all steps; then the row goes through time with what depends on the state.
The input is [T, B, F], or, of sequences of different lengths, packed: [N, F], with `batch_sizes` telling how many sequences there are at each step, the longest first. In both cases a step is some rows, one after the other:
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
from .linalg import mm, product
from .pointwise import tanh
from .spec import Row, conj, in_rows, nothing, op
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


# ---- what all layers have in common


def _wide(*arrays: Any) -> list[Any]:
    """Halves in float32."""
    return [a if a is None or not _half(a) else a.astype(np.float32) if type(a) is np.ndarray else a.float() for a in arrays]  # fmt: skip


def _half(a: Any) -> bool:
    return (a if type(a) is np.ndarray else a._a).dtype.itemsize == 2


def _kept_values(*arrays: Any) -> list[Any]:
    """What derivatives multiply with: conjugates of what was kept, as PyTorch's convention has it for complex numbers."""
    return [a if a is None else conj(a) for a in _wide(*arrays)]


def _as(arrays: Sequence[Any], like: Any) -> tuple[Any, ...]:
    """Halves again, if the operands were."""
    if not _half(like):
        return tuple(arrays)
    if type(like) is np.ndarray:
        return tuple(None if a is None else a.astype(like.dtype) for a in arrays)
    return tuple(None if a is None else a.to(like.dtype) for a in arrays)


def _igates(input: np.ndarray, w_ih: np.ndarray, *biases: Any) -> np.ndarray:
    """What comes from the inputs, for all steps: [N, G], in memory of its own."""
    out = product(_flat(input), w_ih.T)
    for b in biases:
        if b is not None:
            out += b
    return out


def _of_input(whole: Any, input: Any, w_ih: Any, to_input: bool, to_weight: bool) -> tuple[Any, Any]:
    """The gradients of the input and of its weight."""
    return (
        mm(whole, w_ih).reshape(input.shape) if to_input else None,
        mm(whole.T, _flat(input)) if to_weight else None,
    )


def _of_biases(of_input: Any, of_state: Any, to_input: bool, to_state: bool) -> tuple[Any, Any]:
    """The gradients of the two biases."""
    first = of_input.sum(0) if to_input else None
    if of_state is of_input and first is not None:
        return first, first + 0 if to_state else None
    return first, of_state.sum(0) if to_state else None


# ---- long short-term memory


def _lstm(
    input: Any, hx: Any, cx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, w_hr: Any = None,
    batch_sizes: Any = None, reverse: bool = False, keep: bool = True,
) -> tuple[Any, ...]:  # fmt: skip
    """output [T, B, R] (or [N, R]), the last states h [B, R] and c [B, H], the gates i f g o [N, 4H] and the cells c [N, H].

    c' = f c + i g, h' = o tanh(c'), or w_hr times that; the gates are sigmoids (g: tanh) of w_ih x + b_ih + w_hh h + b_hh.
    """
    x, hx, cx, w_ih, w_hh, b_ih, b_hh, w_hr = _wide(input, hx, cx, w_ih, w_hh, b_ih, b_hh, w_hr)
    gates = _igates(x, w_ih, b_ih, b_hh)
    h, c, turned = hx.copy(order="C"), cx.copy(order="C"), w_hh.T
    H = c.shape[1]
    cells, output = np.empty((len(gates), H), gates.dtype), np.empty((len(gates), h.shape[1]), gates.dtype)
    spans = _spans(input.shape, batch_sizes)
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
    return *_as((output.reshape(*input.shape[:-1], h.shape[1]), h, c), input), gates, cells


def _sigmoid(a: np.ndarray) -> None:
    """In place."""
    np.negative(a, out=a)
    np.exp(a, out=a)
    a += 1
    np.reciprocal(a, out=a)


def _lstm_grad(
    gates: Any, cells: Any, grads: Any, input: Any, hx: Any, cx: Any, w_ih: Any, w_hh: Any, w_hr: Any, batch_sizes: Any, reverse: bool,
    needs: Any,
) -> tuple[Any, ...]:  # fmt: skip
    spans = _spans(input.shape, batch_sizes)
    x, hx, cx, w_ih, w_hh, w_hr, gates, cells = _kept_values(input, hx, cx, w_ih, w_hh, w_hr, gates, cells)
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
    if needs[4] or needs[7]:
        outward = _parts(gates, 4)[3] * tanh(cells)
        states = outward if w_hr is None else mm(outward, w_hr.T)
        of_weight = mm(whole.T, cat(_before(states, hx, spans, reverse), 0))
        of_projection = mm(cat(projected, 0).T, outward) if needs[7] else None
    to_x, to_w = _of_input(whole, x, w_ih, needs[0], needs[3])
    return _as((to_x, dh, dc, to_w, of_weight, *_of_biases(whole, whole, *needs[5:7]), of_projection), input)


# ---- gated recurrent units


def _gru(
    input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, batch_sizes: Any = None, reverse: bool = False,
    keep: bool = True,
) -> tuple[Any, ...]:  # fmt: skip
    """output [T, B, H] (or [N, H]), the last state [B, H], [N, 4H]: the gates r z n, and m, what comes from the state to n; states [N, H].

    r and z are sigmoids of x' + h', with x' = w_ih x + b_ih and h' = w_hh h + b_hh; n = tanh(x' + r h'), and the next state n + z (h - n).
    """
    x, hx, w_ih, w_hh, b_ih, b_hh = _wide(input, hx, w_ih, w_hh, b_ih, b_hh)
    igates, h, turned = _igates(x, w_ih, b_ih), hx.copy(order="C"), w_hh.T
    H = h.shape[1]
    gates, output = np.empty((len(igates), 4 * H), h.dtype), np.empty((len(igates), H), h.dtype)
    spans = _spans(input.shape, batch_sizes)
    for t in _in_time(spans, reverse):
        at, n = spans[t]
        part, come, state = gates[at : at + n], igates[at : at + n], h[:n]
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
    return *_as((output.reshape(*input.shape[:-1], H), h), input), gates, output.copy()


def _gru_grad(
    gates: Any, states: Any, grads: Any, input: Any, hx: Any, w_ih: Any, w_hh: Any, batch_sizes: Any, reverse: bool, needs: Any
) -> tuple[Any, ...]:  # fmt: skip
    spans = _spans(input.shape, batch_sizes)
    x, hx, w_ih, w_hh, gates, states = _kept_values(input, hx, w_ih, w_hh, gates, states)
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
    inward, onward = cat(of_input, 0), cat(of_state, 0)
    to_x, to_w = _of_input(inward, x, w_ih, needs[0], needs[2])
    of_weight = mm(onward.T, cat(before, 0)) if needs[3] else None
    return _as((to_x, dh, to_w, of_weight, *_of_biases(inward, onward, *needs[4:])), input)


# ---- plain ones


def refuse_complex(a: np.ndarray) -> None:
    """relu knows no order of complex numbers."""
    if a.dtype.kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")


def _rnn(
    input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, nonlinearity: str = "tanh", batch_sizes: Any = None,
    reverse: bool = False, keep: bool = True,
) -> tuple[Any, ...]:  # fmt: skip
    """output [T, B, H] (or [N, H]), the last state [B, H], states [N, H]: tanh (or relu) of w_ih x + b_ih + w_hh h + b_hh."""
    x, hx, w_ih, w_hh, b_ih, b_hh = _wide(input, hx, w_ih, w_hh, b_ih, b_hh)
    if nonlinearity == "relu":
        refuse_complex(x)
    output, h, turned = _igates(x, w_ih, b_ih, b_hh), hx.copy(order="C"), w_hh.T
    spans = _spans(input.shape, batch_sizes)
    for t in _in_time(spans, reverse):
        at, n = spans[t]
        part = output[at : at + n]
        part += h[:n] @ turned
        np.tanh(part, out=part) if nonlinearity == "tanh" else np.maximum(part, 0, out=part)
        h[:n] = part
    return *_as((output.reshape(*input.shape[:-1], h.shape[1]), h), input), output.copy()


def _rnn_grad(
    states: Any, grads: Any, input: Any, hx: Any, w_ih: Any, w_hh: Any, nonlinearity: str, batch_sizes: Any, reverse: bool, needs: Any
) -> tuple[Any, ...]:  # fmt: skip
    spans = _spans(input.shape, batch_sizes)
    x, hx, w_ih, w_hh, states = _kept_values(input, hx, w_ih, w_hh, states)
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
    to_x, to_w = _of_input(whole, x, w_ih, needs[0], needs[2])
    of_weight = mm(whole.T, cat(_before(states, hx, spans, reverse), 0)) if needs[3] else None
    return _as((to_x, dh, to_w, of_weight, *_of_biases(whole, whole, *needs[4:])), input)


# ---- the rows

NODES = {"": "StackBackward0", ".data": "CatBackward0", ".mkldnn": "MkldnnRnnLayerBackward0"}


def _rows(name: str, array: Callable[..., Any], kinds: Sequence[str], key: str, formula: Any, outputs: str) -> dict[str, Row]:  # fmt: skip
    return {
        kind.lstrip("."): Row(f"_{name}_layer{kind}", array, family="op", grad={key: formula}, tensors=key, node=NODES[kind],
                              outputs=outputs, **HIDDEN)
        for kind in kinds
    }  # fmt: skip


# Derivatives over arrays as rows, so that they have compiled forms.
lstm_backward, gru_backward, rnn_backward = (
    Row(f"_{name}_layer_backward", array, family="op", tensors=first, function=False, method=False)
    for name, array, first in (("lstm", _lstm_grad, "gates"), ("gru", _gru_grad, "gates"), ("rnn", _rnn_grad, "states"))
)


def _lstm_formula(grads, result3, result4, input, hx, cx, w_ih, w_hh, w_hr, batch_sizes, reverse, needs):
    call: Any = lstm_backward if type(result3) is np.ndarray else _lstm_grad
    return call(result3, result4, grads, input, hx, cx, w_ih, w_hh, w_hr, batch_sizes, reverse, needs)


def _gru_formula(grads, result2, result3, input, hx, w_ih, w_hh, batch_sizes, reverse, needs):
    call: Any = gru_backward if type(result2) is np.ndarray else _gru_grad
    return call(result2, result3, grads, input, hx, w_ih, w_hh, batch_sizes, reverse, needs)


def _rnn_formula(grads, result2, input, hx, w_ih, w_hh, nonlinearity, batch_sizes, reverse, needs):
    call: Any = rnn_backward if type(result2) is np.ndarray else _rnn_grad
    return call(result2, grads, input, hx, w_ih, w_hh, nonlinearity, batch_sizes, reverse, needs)


LSTM = _rows("lstm", _lstm, ("", ".data", ".mkldnn"), "input hx cx w_ih w_hh b_ih b_hh w_hr", _lstm_formula, "output hn cn gates cells")  # fmt: skip
GRU = _rows("gru", _gru, ("", ".data"), "input hx w_ih w_hh b_ih b_hh", _gru_formula, "output hn gates states")
RNN = _rows("rnn", _rnn, ("", ".data"), "input hx w_ih w_hh b_ih b_hh", _rnn_formula, "output hn states")


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
