"""Single steps of recurrent networks. What a step is made of is in PyTorch a handful of operations; here it is a row, under the name of the operation
that comes last there (but for the product that gives an LSTM's state). Gates are outputs too: see Note [Layers over time] in recurrent.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from .linalg import mm
from .recurrent import (
    HIDDEN,
    _as,
    _igates,
    _kept_values,
    _of_biases,
    _of_input,
    _parts,
    _together,
    _wide,
    product,
    refuse_complex,
)
from .spec import conj, op
from .view import cat

WORDS = "w_ih w_hh b_ih b_hh"


def _gates(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> np.ndarray:
    """What comes from the input and from the state."""
    out = _igates(x, w_ih, b_ih, b_hh)
    out += product(h, w_hh.T)
    return out


def _sigmoid(a: np.ndarray) -> np.ndarray:
    """In place."""
    np.negative(a, out=a)
    np.exp(a, out=a)
    a += 1
    return np.reciprocal(a, out=a)


def _through(of_input: Any, of_state: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, needs: Any) -> tuple[Any, ...]:
    """The gradients of the input, of the state (as far as it came to the gates), of both weights and of both biases."""
    to_x, to_w = _of_input(of_input, x, w_ih, needs[0], needs[2])
    to_h = mm(of_state, w_hh) if needs[1] else None
    return to_x, to_h, to_w, mm(of_state.T, h) if needs[3] else None, *_of_biases(of_input, of_state, *needs[4:6])


@op("_lstm_cell", grad={f"input hx cx {WORDS}": lambda grads, result1, result2, result3, input, hx, cx, w_ih, w_hh, needs: _lstm_grad(
        grads, result1, result2, result3, input, hx, cx, w_ih, w_hh, needs)},
    tensors=f"input hx cx {WORDS}", outputs="cy ifg o curved", node="AddBackward0", **HIDDEN)  # fmt: skip
def lstm_cell(input, hx, cx, w_ih, w_hh, b_ih=None, b_hh=None):
    """The cells f c + i g [B, H], the gates i f g [B, 3H] and o [B, H], and tanh of the cells. Gates are sigmoids, and for g tanh, of
    w_ih x + b_ih + w_hh h + b_hh."""
    x, h, c, w, v, b_ih, b_hh = _wide(input, hx, cx, w_ih, w_hh, b_ih, b_hh)
    gates = _gates(x, h, w, v, b_ih, b_hh)
    H = c.shape[1]
    new = np.tanh(gates[:, 2 * H : 3 * H])
    _sigmoid(gates)
    gates[:, 2 * H : 3 * H] = new
    cy = gates[:, H : 2 * H] * c
    new *= gates[:, :H]
    cy += new
    cy, o, curved = _as((cy, gates[:, 3 * H :], np.tanh(cy)), input)
    return cy, gates[:, : 3 * H], o, curved


def _lstm_grad(
    grads: Any, ifg: Any, o: Any, curved: Any, input: Any, hx: Any, cx: Any, w_ih: Any, w_hh: Any, needs: Any
) -> tuple[Any, ...]:
    x, h, c, w, v, ifg, o, curved = _kept_values(input, hx, cx, w_ih, w_hh, ifg, o, curved)
    of_c, of_ifg, of_o, of_curved = _wide(*grads)
    i, f, g = _parts(ifg, 3)
    if of_curved is not None:
        of_c = _together(of_curved * (1 - curved * curved), of_c)
    of_c = c * 0 if of_c is None else of_c
    of_o = o * 0 if of_o is None else of_o
    parts = [of_c * g, of_c * c, of_c * i]
    if of_ifg is not None:
        parts = [p + q for p, q in zip(parts, _parts(of_ifg, 3), strict=True)]
    slopes = (i * (1 - i), f * (1 - f), 1 - g * g)
    joint: Any = cat([*[p * s for p, s in zip(parts, slopes, strict=True)], of_o * o * (1 - o)], 1)
    to_x, to_h, *rest = _through(joint, joint, x, h, w, v, (*needs[:2], *needs[3:]))
    return _as((to_x, to_h, of_c * f if needs[2] else None, *rest), input)


@op("_gru_cell", grad={f"input hx {WORDS}": lambda grads, result1, input, hx, w_ih, w_hh, needs: _gru_grad(
        grads, result1, input, hx, w_ih, w_hh, needs)},
    tensors=f"input hx {WORDS}", outputs="hy gates", node="AddBackward0", **HIDDEN)  # fmt: skip
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """The state n + z (h - n) [B, H] and [B, 4H]: the gates r z n, and m, what comes from the state to n."""
    x, h, w, v, b_ih, b_hh = _wide(input, hx, w_ih, w_hh, b_ih, b_hh)
    come, own = _igates(x, w, b_ih), _igates(h, v, b_hh)
    H = h.shape[1]
    gates = np.empty((len(h), 4 * H), h.dtype)
    r, z, n, m = _parts(gates, 4)
    m[...] = own[:, 2 * H :]
    np.add(come[:, : 2 * H], own[:, : 2 * H], out=gates[:, : 2 * H])
    _sigmoid(gates[:, : 2 * H])
    np.multiply(r, m, out=n)
    n += come[:, 2 * H :]
    np.tanh(n, out=n)
    hy = h - n
    hy *= z
    hy += n
    return *_as((hy,), input), gates


def _gru_grad(grads: Any, gates: Any, input: Any, hx: Any, w_ih: Any, w_hh: Any, needs: Any) -> tuple[Any, ...]:
    x, h, w, v, gates = _kept_values(input, hx, w_ih, w_hh, gates)
    d, more = _wide(*grads)
    r, z, n, m = _parts(gates, 4)
    d = h * 0 if d is None else d
    extra = [None] * 4 if more is None else _parts(more, 4)
    of_n = _together(d * (1 - z), extra[2]) * (1 - n * n)
    of_r = _together(of_n * m, extra[0]) * r * (1 - r)
    of_z = _together(d * (h - n), extra[1]) * z * (1 - z)
    of_m = _together(of_n * r, extra[3])
    to_x, to_h, *rest = _through(cat([of_r, of_z, of_n], 1), cat([of_r, of_z, of_m], 1), x, h, w, v, needs)
    return _as((to_x, None if to_h is None else to_h + d * z, *rest), input)


def _plain_grad(a: Any, input: Any, hx: Any, w_ih: Any, w_hh: Any, needs: Any) -> tuple[Any, ...]:
    (a,), (x, h, w, v) = _wide(a), _kept_values(input, hx, w_ih, w_hh)
    return _as(_through(a, a, x, h, w, v, needs), input)


@op("_rnn_tanh_cell", grad={f"input hx {WORDS}": lambda grad, result, input, hx, w_ih, w_hh, needs: _plain_grad(
        grad * conj(1 - result * result), input, hx, w_ih, w_hh, needs)},
    tensors=f"input hx {WORDS}", node="TanhBackward0", function=False, method=False)  # fmt: skip
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """tanh(w_ih x + b_ih + w_hh h + b_hh)"""
    out = _gates(*_wide(input, hx, w_ih, w_hh, b_ih, b_hh))
    return _as((np.tanh(out, out=out),), input)[0]


@op("_rnn_relu_cell", grad={f"input hx {WORDS}": lambda grad, result, input, hx, w_ih, w_hh, needs: _plain_grad(
        grad * (result > 0), input, hx, w_ih, w_hh, needs)},
    tensors=f"input hx {WORDS}", node="ReluBackward0", function=False, method=False)  # fmt: skip
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """relu(w_ih x + b_ih + w_hh h + b_hh)"""
    refuse_complex(input)
    out = _gates(*_wide(input, hx, w_ih, w_hh, b_ih, b_hh))
    return _as((np.maximum(out, 0, out=out),), input)[0]
