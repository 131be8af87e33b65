"""Recurrent networks next to PyTorch's: initial values, values, gradients to second order, nodes, errors, state; compiled and on numpy."""

from __future__ import annotations

import copy
import functools
import pickle
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.kernels import bands, native, recurrent

sys.path.insert(0, str(Path(__file__).parent))
from twins import array, message, node, pair, same

NETWORKS = [
    "RNN(4, 3)",
    "RNN(4, 3, 2, 'relu', bidirectional=True)",
    "RNN(4, 3, nonlinearity='relu', bias=False, batch_first=True)",
    "GRU(4, 3)",
    "GRU(4, 3, 2, bidirectional=True, batch_first=True)",
    "GRU(4, 3, bias=False)",
    "LSTM(4, 3)",
    "LSTM(4, 3, 3, batch_first=True)",
    "LSTM(4, 3, 2, bidirectional=True)",
    "LSTM(4, 3, bias=False)",
    "LSTM(4, 3, 2, bidirectional=True, proj_size=2)",
    "LSTM(4, 3, bias=False, proj_size=1, batch_first=True)",
]
CELLS = ["RNNCell(4, 3)", "RNNCell(4, 3, nonlinearity='relu', bias=False)", "GRUCell(4, 3)", "LSTMCell(4, 3)", "LSTMCell(4, 3, bias=False)"]  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")


def twins(torch: ModuleType, source: str, seed: int = 7) -> list[Any]:
    made = []
    for T in (tgrad, torch):
        T.manual_seed(seed)
        made.append(eval(f"nn.{source}", {"nn": T.nn}))
    return made


def flat(value: Any) -> list[Any]:
    """All tensors of a result, those of a PackedSequence too."""
    if isinstance(value, tuple):
        return [t for part in value for t in flat(part)]
    return [] if value is None else [value]


def states(torch: ModuleType, m: Any, count: int, **keywords: Any) -> tuple[Any, Any]:
    """Initial states for both libraries: a tensor, or a pair of them for an LSTM."""
    layers = m.num_layers * (2 if m.bidirectional else 1)
    h = pair(torch, layers, count, m.proj_size or m.hidden_size, seed=5, **keywords)
    if m.mode != "LSTM":
        return h
    return tuple(zip(h, pair(torch, layers, count, m.hidden_size, seed=6, **keywords), strict=True))  # type: ignore[return-value]


def agree(torch: ModuleType, modules: Any, inputs: Any, hidden: Any, second: bool = True, tolerance: float = 1e-10) -> None:  # fmt: skip
    """Results, their nodes and strides, and the gradients of everything, to second order."""
    found, shown = [], []
    for T, m, x, h in zip((tgrad, torch), modules, inputs, hidden, strict=True):
        out = m(x) if h is None else m(x, h)
        kept = [t for t in flat(out) if t.is_floating_point()]
        leaves = [t for t in [*flat(x), *flat(h), *m.parameters()] if t.requires_grad and t.is_leaf]
        loss = sum(((t * t).sum() + t.sum()) * (i + 1) for i, t in enumerate(kept))
        values = [*kept, *T.autograd.grad(loss, leaves, retain_graph=True)]
        if second:
            first = T.autograd.grad(loss, leaves, create_graph=True)
            values += [*first, *T.autograd.grad(sum((g * g).sum() for g in first), leaves)]
        found.append(values)
        shown.append([(node(t), t.stride()) for t in kept])
    assert shown[0] == shown[1]
    for a, b in zip(*found, strict=True):
        same(a, b, tolerance)


@pytest.fixture(params=["numpy", "compiled"])
def tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "compiled":
        request.getfixturevalue("compiled_tier")
        monkeypatch.setattr(bands, "OFTEN", 0)
        monkeypatch.setattr(recurrent, "SHARED", 0)
    yield request.param


# ---- networks


@pytest.mark.parametrize("source", [*NETWORKS, *CELLS])
def test_made_alike(torch: ModuleType, source: str) -> None:
    mine, theirs = twins(torch, source)
    assert repr(mine) == repr(theirs)
    ours, other = mine.state_dict(), theirs.state_dict()
    assert list(ours) == list(other)
    for a, b in zip(ours.values(), other.values(), strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_array_equal(array(a), array(b))  # the same draws
    for m in (mine, theirs):
        m.reset_parameters()
    np.testing.assert_array_equal(array(mine.weight_hh if "Cell" in source else mine.weight_hh_l0),
                                  array(theirs.weight_hh if "Cell" in source else theirs.weight_hh_l0))  # fmt: skip
    if "Cell" not in source:
        assert mine._flat_weights_names == theirs._flat_weights_names
        assert mine._all_weights == theirs._all_weights
        assert [[tuple(w.shape) for w in ws] for ws in mine.all_weights] == [
            [tuple(w.shape) for w in ws] for ws in theirs.all_weights
        ]
    for T, to, origin in ((tgrad, mine, other), (torch, theirs, ours)):  # states go both ways
        to.load_state_dict({k: T.tensor((array(v) * 2).tolist()) for k, v in origin.items()})


@pytest.mark.parametrize("source", NETWORKS)
def test_padded(torch: ModuleType, source: str, tier: str) -> None:
    modules = [m.double() for m in twins(torch, source)]
    inputs = pair(torch, 5, 3, 4)
    count = 5 if modules[0].batch_first else 3
    agree(torch, modules, inputs, (None, None))
    agree(torch, modules, inputs, states(torch, modules[0], count))
    single = [x[0] for x in inputs]
    agree(torch, modules, [x.detach().requires_grad_() for x in single], (None, None), second=False)
    h = states(torch, modules[0], 1, grad=False)
    without = [tuple(t[:, 0] for t in s) if isinstance(s, tuple) else s[:, 0] for s in h]
    agree(torch, modules, [x.detach().requires_grad_() for x in single], without, second=False)
    if tier == "compiled" and "proj" not in source:
        kind = source.partition("(")[0].lower()
        ready = {k.function for k in native.KERNELS.values() if k.state == native.READY and k.module == "recur"}
        assert {kind, kind + "_back"} <= ready


@pytest.mark.parametrize("source", [s for s in NETWORKS if "batch_first" not in s])
@pytest.mark.parametrize("lengths", [[5, 3, 3, 1], [2, 5, 1, 2], [4, 4, 4]], ids=str)
def test_packed(torch: ModuleType, source: str, lengths: list[int], tier: str) -> None:
    modules = [m.double() for m in twins(torch, source)]
    inputs = pair(torch, 5, len(lengths), 4)
    packed = [
        T.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        for T, x in zip((tgrad, torch), inputs, strict=True)
    ]
    for h in ((None, None), states(torch, modules[0], len(lengths))):
        shown = []
        for m, x, s in zip(modules, packed, h, strict=True):
            out, last = m(x, s)
            shown.append([t.tolist() for t in out[1:]])
            assert type(out) is type(x)
            del last
        assert shown[0] == shown[1]
        for data, T in zip(inputs, (tgrad, torch), strict=True):  # gradients come to the padded input, too
            assert T.autograd.grad(modules[T is torch](packed[T is torch])[0].data.sum(), data, retain_graph=True)
        leaves = [p._replace(data=p.data.detach().requires_grad_()) for p in packed]
        agree(torch, modules, leaves, h)


@pytest.mark.parametrize("source", NETWORKS)
def test_float32(torch: ModuleType, source: str, tier: str) -> None:
    """Where PyTorch leaves an LSTM to oneDNN, which its nodes tell."""
    modules = twins(torch, source)
    inputs = pair(torch, 5, 3, 4, dtype="float32")
    agree(torch, modules, inputs, (None, None), second=False, tolerance=2e-5)
    for lengths in ([5, 2, 1], [4, 4, 4]):
        packed = [
            T.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=False)
            for T, x in zip((tgrad, torch), inputs, strict=True)
        ]
        leaves = [p._replace(data=p.data.detach().requires_grad_()) for p in packed]
        agree(torch, modules, leaves, (None, None), second=False, tolerance=2e-5)


@pytest.mark.parametrize(("kind", "batch", "width"), [("LSTM", 21, 33), ("GRU", 9, 16), ("RNN", 1, 40)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wide(torch: ModuleType, kind: str, batch: int, width: int, dtype: str, tier: str) -> None:
    """Blocks of rows of all sizes, panels that are filled up, and long sums."""
    modules = [m.to(getattr(T, dtype)) for T, m in zip((tgrad, torch), twins(torch, f"{kind}(7, {width})"), strict=True)]  # fmt: skip
    agree(torch, modules, pair(torch, 6, batch, 7, dtype=dtype), (None, None), False, 2e-4 if dtype == "float32" else 1e-11)  # fmt: skip


@pytest.mark.parametrize("source", ["LSTM(4, 3, 3, dropout=0.4)", "GRU(4, 3, 2, dropout=0.5, bidirectional=True)", "RNN(4, 3, 2, dropout=1.0)"])  # fmt: skip
def test_dropout_draws_the_same(torch: ModuleType, source: str) -> None:
    modules = [m.double() for m in twins(torch, source)]
    inputs = pair(torch, 5, 3, 4)
    for training in (True, False):
        outs = []
        for T, m, x in zip((tgrad, torch), modules, inputs, strict=True):
            m.train(training)
            T.manual_seed(11)
            packed = T.nn.utils.rnn.pack_padded_sequence(x, [5, 4, 1])
            outs.append([*flat(m(x)), m(packed)[0].data, T.rand(3)])
        for a, b in zip(*outs, strict=True):
            same(a, b, 1e-12)


def test_only_some_gradients(torch: ModuleType, tier: str) -> None:
    """A gradient through the last state alone, through c alone, for the weights alone, and none for an unused output."""
    for source in ("LSTM(4, 3)", "GRU(4, 3)", "RNN(4, 3)"):
        modules = [m.double() for m in twins(torch, source)]
        inputs = pair(torch, 5, 3, 4, grad=False)
        for pick in range(len(flat(modules[0](inputs[0])))):
            found = []
            for T, m, x in zip((tgrad, torch), modules, inputs, strict=True):
                found.append(T.autograd.grad(flat(m(x))[pick].sin().sum(), [m.weight_hh_l0]))
            same(found[0][0], found[1][0])


def test_outputs_may_be_written_into(torch: ModuleType) -> None:
    modules = [m.double() for m in twins(torch, "GRU(4, 3)")]
    found = []
    for T, m, x in zip((tgrad, torch), modules, pair(torch, 5, 3, 4), strict=True):
        out = m(x)[0]
        out.mul_(2)
        found.append(T.autograd.grad((out * out).sum(), [x, m.weight_hh_l0]))
    for a, b in zip(*found, strict=True):
        same(a, b)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves(torch: ModuleType, dtype: str) -> None:
    for source in ("LSTM(4, 3)", "GRU(4, 3, bidirectional=True)", "RNN(4, 3)"):
        modules = [m.to(getattr(T, dtype)) for T, m in zip((tgrad, torch), twins(torch, source), strict=True)]
        found = []
        for T, m, x in zip((tgrad, torch), modules, pair(torch, 4, 2, 4, dtype=dtype), strict=True):
            out = m(x)[0]
            g = T.autograd.grad(out.sum(), [x, *m.parameters()])
            assert {str(t.dtype) for t in (out, *g)} == {f"torch.{dtype}"}
            found.append([node(out), [t.float() for t in (out, *g)]])
        assert found[0][0] == found[1][0]
        for a, b in zip(found[0][1], found[1][1], strict=True):
            same(a, b, 0.1 if dtype == "bfloat16" else 0.02)


def test_without_recording(torch: ModuleType, tier: str) -> None:
    for source in NETWORKS:
        mine, theirs = twins(torch, source)
        x, y = pair(torch, 5, 3, 4, dtype="float32", grad=False)
        with tgrad.no_grad(), torch.no_grad():
            for a, b in zip(flat(mine(x)), flat(theirs(y)), strict=True):
                assert not a.requires_grad
                same(a, b, 2e-6)


# ---- cells and functions


@pytest.mark.parametrize("source", CELLS)
def test_cells(torch: ModuleType, source: str) -> None:
    modules = [m.double() for m in twins(torch, source)]
    inputs, h, c = pair(torch, 2, 4), pair(torch, 2, 3, seed=1), pair(torch, 2, 3, seed=2)
    hidden = zip(h, c, strict=True) if "LSTM" in source else h
    agree(torch, modules, inputs, (None, None))
    agree(torch, modules, inputs, tuple(hidden))
    single = [x.detach()[0].requires_grad_() for x in inputs]
    agree(torch, modules, single, (None, None))
    vectors = [tuple(t[0] for t in s) if "LSTM" in source else s[0][0] for s in zip(h, c, strict=True)]
    agree(torch, modules, single, [tuple(t.detach() for t in v) if isinstance(v, tuple) else v.detach() for v in vectors])  # fmt: skip


@pytest.mark.parametrize("source", CELLS)
def test_cells_in_batches(source: str) -> None:
    tgrad.manual_seed(0)
    m = eval(f"nn.{source}", {"nn": tgrad.nn}).double()
    x, func = tgrad.randn(3, 2, 4, dtype=tgrad.float64), tgrad.func
    parameters = dict(m.named_parameters())
    loss = lambda p, a: sum((t**2).sum() for t in flat(func.functional_call(m, p, (a,))))
    each = func.vmap(func.grad(loss), in_dims=(None, 0))(parameters, x)
    several = func.vmap(loss, in_dims=(0, None))({k: tgrad.stack([v, v * 0.5]) for k, v in parameters.items()}, x[0])
    for i in range(3):
        for k, v in func.grad(loss)(parameters, x[i]).items():
            same(each[k][i], v)
    same(several[1], loss({k: v * 0.5 for k, v in parameters.items()}, x[0]))


def test_cells_of_halves_and_written_states(torch: ModuleType) -> None:
    for source in ("LSTMCell(4, 3)", "GRUCell(4, 3)", "RNNCell(4, 3)"):
        found = []
        for T, m, x in zip((tgrad, torch), twins(torch, source), pair(torch, 2, 4, dtype="bfloat16"), strict=True):
            out = flat(m.bfloat16()(x))
            grads = T.autograd.grad(sum(t.sum() for t in out), [x, *m.parameters()])
            found.append([t.float() for t in (*out, *grads)])
        for a, b in zip(*found, strict=True):
            same(a, b, 0.1)
    found = []
    for T, m, x in zip((tgrad, torch), twins(torch, "LSTMCell(4, 3)"), pair(torch, 2, 4, dtype="float32"), strict=True):
        h, c = m(x)
        c.mul_(2)  # PyTorch keeps tanh(c), not c
        found.append(T.autograd.grad((h + c).sum(), [x, *m.parameters()]))
    for a, b in zip(*found, strict=True):
        same(a, b, 1e-5)


def weights(T: Any, gates: int) -> list[Any]:
    rng = np.random.default_rng(3)
    shapes = [(gates * 2, 4), (gates * 2, 2), (gates * 2,), (gates * 2,)]
    return [T.tensor(rng.standard_normal(s).astype("float32")) for s in shapes]


CALLS = """
lstm()
lstm(1, 2)
lstm(x, (h,), w4, True, 1, 0.0, False, False, False)
lstm(x, h, w4, True, 1, 0.0, False, False, False)
lstm(x, (h, h), w4[:2], True, 1, 0.0, False, False, False)
lstm(x, (h, h), w4 * 2, True, 1, 0.0, False, True, False)
lstm(x, (h2, h2), w4, True, 2, 0.0, False, False, False)
lstm(x, (h2, h2), w4, True, 2, 0.0, False, True, False)
lstm(x, (h, h), w4 * 2, True, 2, 0.0, False, False, False)
gru(x, h2, w3, True, 2, 0.0, False, False, False)
gru(x, h2, w3, True, 1, 0.0, False, True, False)
gru(x, h, w3 * 2, True, 1, 0.0, False, True, False)
rnn_tanh(x, h2, w1 * 2, True, 1, 0.0, False, False, False)
rnn_tanh(x, h, [], True, 1, 0.0, False, False, False)
lstm(x[0], (h, h), w4, True, 1, 0.0, False, False, False)
lstm(x.double(), (h, h), w4, True, 1, 0.0, False, False, False)
lstm(x[:0], (h, h), w4, True, 1, 0.0, False, False, False)
gru(x[:0], h, w3, True, 1, 0.0, False, False, False)
gru(x, h, w4, True, 1, 0.0, False, False, False)
gru(x, (h,), w3, True, 1, 0.0, False, False, False)
rnn_tanh(x, h, w4, True, 1, 0.0, False, False, False)
rnn_relu(x, h.double(), w1, True, 1, 0.0, False, False, False)
rnn_relu(x, h, w1, 1, 1, 0.0, False, False, False)
lstm(x.view(15, 4), torch.tensor([3] * 5).int(), (h, h), w4, True, 1, 0.0, False, False)
lstm(x.view(15, 4), torch.tensor([2, 2, 3, 4, 4]), (h, h), w4, True, 1, 0.0, False, False)
lstm(x.view(15, 4), torch.tensor([3] * 4), (h, h), w4, True, 1, 0.0, False, False)
lstm_cell()
lstm_cell(x[0], h[0], *w4)
lstm_cell(x[0], (h[0],), *w4)
lstm_cell(x[0], (h[0], h[0, :, :1]), *w4)
lstm_cell(x[0, :, :3], (h[0], h[0]), *w4)
lstm_cell(x[0, 0], (h[0], h[0]), *w4)
lstm_cell(x[0, :2], (h[0], h[0]), *w4)
lstm_cell(x[0], (h[0], h[0]), w4[0][:5], *w4[1:])
lstm_cell(x[0].double(), (h[0], h[0]), *w4)
lstm_cell(x[0], (h[0], h[0]), *w4, 1)
gru_cell(x[0], 3, *w3)
gru_cell(x[0], h[0][:, :1], *w3)
rnn_tanh_cell(x[0], h[0], w1[0][:1], w1[1])
rnn_relu_cell(x[0], h[0], w1[0])
_pack_padded_sequence(x, [5, 2, 1], False)
_pack_padded_sequence(x, torch.tensor([5, 2]), False)
_pack_padded_sequence(x, torch.tensor([5, 2, 0]), False)
_pack_padded_sequence(x, torch.tensor([5, 2, 3]), False)
_pack_padded_sequence(x, torch.tensor([5.0, 2, 3]), False)
_pack_padded_sequence(x[:0], torch.tensor([5, 2, 1]), False)
_pad_packed_sequence(x[0], torch.tensor([2, 1]), False, 0.0, 1)
_pad_packed_sequence(x[0], torch.tensor([]).long(), False, 0.0, 1)
""".strip().splitlines()


@pytest.mark.parametrize("source", CALLS)
def test_errors_of_functions(torch: ModuleType, source: str) -> None:
    said = []
    for T in (tgrad, torch):
        scope = {"torch": T, "x": T.ones(5, 3, 4), "h": T.zeros(1, 3, 2), "h2": T.zeros(2, 3, 2)} | {
            f"w{n}": weights(T, n) for n in (1, 3, 4)
        }
        name, error = message(lambda scope=scope: eval("torch." + source, scope))
        said.append((name, error.split("\n")[0]))
    assert said[0] == said[1]


def test_functions(torch: ModuleType) -> None:
    found = []
    for T in (tgrad, torch):
        x, h = pair(torch, 5, 3, 4, dtype="float32")[T is torch], pair(torch, 1, 3, 2, dtype="float32")[T is torch]
        outs = []
        for name, n in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)):
            state, w, call = (h, h) if n == 4 else h, weights(T, n), getattr(T, name)
            outs += call(x, state, w, True, 1, 0.0, False, False, batch_first=False)
            data = x.reshape(15, 4)[:9]
            outs += call(data, T.tensor([3, 3, 2, 1]), state, w, True, 1, 0.0, False, False)
            outs += call(input=x, hx=state, params=w, has_biases=True, num_layers=1, dropout=0.0, train=True, bidirectional=False, batch_first=False)  # fmt: skip
            cell = getattr(T, name + "_cell")(x[0], (h[0], h[0]) if n == 4 else h[0], *w[:2], b_ih=w[2])
            outs += cell if n == 4 else [cell]
        found.append([(node(t), t) for t in outs])
    for (mine, a), (theirs, b) in zip(*found, strict=True):
        assert mine == theirs
        same(a, b, 1e-5)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_complex_numbers(torch: ModuleType, name: str) -> None:
    """Values and gradients to second order; PyTorch's relu refuses them."""
    n = {"lstm": 4, "gru": 3}.get(name, 1)
    for cell in ("", "_cell"):
        found: list[Any] = []
        for T in (tgrad, torch):
            rng = np.random.default_rng(0)

            def leaf(*shape: int, T: Any = T, rng: Any = rng) -> Any:
                values = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * 0.3
                return T.tensor(values.tolist(), dtype=T.complex128).requires_grad_()

            x, *state = (leaf(3, 4), leaf(3, 2), leaf(3, 2)) if cell else (leaf(5, 3, 4), leaf(1, 3, 2), leaf(1, 3, 2))
            weights = [leaf(2 * n, 4), leaf(2 * n, 2), leaf(2 * n), leaf(2 * n)]
            state = state if n == 4 else state[:1]
            rest = weights if cell else [weights, True, 1, 0.0, True, False, False]
            call = functools.partial(getattr(T, name + cell), x, state if n == 4 else state[0], *rest)
            if name == "rnn_relu":
                found.append(message(call))
                continue
            outs = flat(call())
            leaves = [x, *state, *weights]
            loss = sum((t * t.conj()).real.sum() + (t * (1 + 2j)).imag.sum() for t in outs)
            first = T.autograd.grad(loss, leaves, create_graph=True)
            second = T.autograd.grad(sum((g * g.conj()).real.sum() for g in first), leaves)
            found.append([*outs, *first, *second])
        if name == "rnn_relu":
            assert found[0] == found[1]
            continue
        for a, b in zip(*found, strict=True):
            same(a, b, 1e-8)


# ---- errors of modules

WRONG = """
RNN(0, 3)
LSTM(3, 0)
GRU(3.0, 3)
LSTM(3, 3.5)
RNN(3, 3, 0)
RNN(3, 3, 1, 'sin')
RNN(3, 3, proj_size=1)
GRU(3, 3, proj_size=1)
LSTM(3, 3, proj_size=3)
LSTM(3, 3, proj_size=-1)
LSTM(3, 3, dropout=2)
LSTM(3, 3, dropout=True)
LSTM(3, 3, dropout='a')
LSTM(3, 3, bias=1)
LSTM(3, 3, batch_first=0)
RNNBase('XYZ', 3, 3)
RNN(3)
LSTM(3, 3)(torch.ones(3))
GRU(3, 3)(torch.ones(3))
RNN(3, 3)(torch.ones(3))
LSTM(3, 3)(torch.ones(2, 3, 4))
LSTM(3, 3)(torch.ones(2, 3, 3), (torch.ones(1, 3, 3), torch.ones(1, 2, 3)))
LSTM(3, 3)(torch.ones(2, 3, 3), (torch.ones(1, 3, 2), torch.ones(1, 3, 3)))
LSTM(3, 3)(torch.ones(2, 3, 3), (torch.ones(3, 3), torch.ones(1, 3, 3)))
LSTM(3, 3)(torch.ones(2, 3), (torch.ones(1, 3, 3), torch.ones(1, 3, 3)))
GRU(3, 3)(torch.ones(2, 3, 3), torch.ones(1, 2, 3))
GRU(3, 3)(torch.ones(2, 3, 3), torch.ones(1, 3))
GRU(3, 3)(torch.ones(2, 3), torch.ones(1, 1, 3))
RNN(3, 3)(torch.ones(2, 3, 3).double())
RNN(3, 3)(torch.ones(0, 3, 3))
LSTM(3, 3)(torch.ones(2, 3, 3), 3)
GRU(3, 3)(pack([torch.ones(3, 4)]))
LSTM(3, 3)(pack([torch.ones(3, 3, 3)]))
GRU(3, 3)(pack([torch.ones(3, 3)]), torch.ones(1, 2, 3))
RNNCell(3, 3)(torch.ones(2, 2, 3))
RNNCell(3, 3)(torch.ones(2, 3), torch.ones(1, 1, 1))
RNNCell(3, 3)(torch.ones(2, 4))
RNNCell(3, 3, nonlinearity='sin')(torch.ones(2, 3))
GRUCell(3, 3)(torch.ones(2, 2, 3))
GRUCell(3, 3)(torch.ones(2, 3), torch.ones(1, 1, 1))
GRUCell(3, 3)(torch.ones(2, 3), torch.ones(1, 3))
LSTMCell(3, 3)(torch.ones(2, 2, 3))
LSTMCell(3, 3)(torch.ones(2, 3), (torch.ones(2, 3), torch.ones(1, 1, 1)))
LSTMCell(3, 3)(torch.ones(2, 3), (torch.ones(2, 2), torch.ones(2, 3)))
LSTM(3, 3).to(torch.int64)
""".strip().splitlines()


@pytest.mark.parametrize("source", WRONG)
def test_errors_of_modules(torch: ModuleType, source: str) -> None:
    said = []
    for T in (tgrad, torch):
        scope = {"nn": T.nn, "torch": T, "pack": T.nn.utils.rnn.pack_sequence}
        said.append(message(lambda scope=scope: eval("nn." + source, scope)))
    assert said[0] == said[1]


def test_warnings(torch: ModuleType) -> None:
    said = []
    for T in (tgrad, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            T.nn.GRU(3, 3, dropout=0.25)
            T.nn.modules.rnn.apply_permutation(T.ones(1, 2), T.tensor([1, 0]))
        said.append([(w.category, str(w.message)) for w in caught])
    assert said[0] == said[1] and len(said[0]) == 2


# ---- weights, copies, transforms


def test_weights_follow() -> None:
    m = tgrad.nn.LSTM(4, 3, 2)
    x = tgrad.randn(5, 2, 4)
    before = m(x)[0]
    m.weight_ih_l1 = tgrad.nn.Parameter(m.weight_ih_l1.detach() * 0)
    assert m._flat_weights[4] is m.weight_ih_l1
    after = m(x)[0]
    assert not tgrad.equal(before, after)
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert tgrad.equal(other(x)[0], after)
        assert all(a is b for a, b in zip(other._flat_weights, other.parameters(), strict=True))
        assert not any(a is b for a, b in zip(other.parameters(), m.parameters(), strict=True))
        with tgrad.no_grad():
            other.weight_hh_l1.zero_()
        assert not tgrad.equal(other(x)[0], after) and tgrad.equal(m(x)[0], after)
    zeros = {k: tgrad.zeros_like(v) for k, v in m.named_parameters()}
    assert not tgrad.func.functional_call(m, zeros, (x,))[0].any()
    assert tgrad.equal(m(x)[0], after)
    m.double()
    assert m._flat_weights[0] is m.weight_ih_l0 and m(x.double())[0].dtype is tgrad.float64
    m.flatten_parameters()


def test_states_of_old_files() -> None:
    m = tgrad.nn.GRU(4, 3, bidirectional=True)
    state = m.__getstate__()
    assert "_flat_weight_refs" not in state
    weights = [m.weight_ih_l0, m.weight_hh_l0, m.bias_ih_l0, m.bias_hh_l0]
    state["all_weights"], names = [weights, weights], state.pop("_flat_weights_names")
    del state["proj_size"], state["_flat_weights"]
    old = tgrad.nn.GRU.__new__(tgrad.nn.GRU)
    old.__setstate__(state)
    assert old._flat_weights_names == names and old.proj_size == 0
    x = tgrad.randn(5, 2, 4)
    assert tgrad.equal(old(x)[0], m(x)[0])


@pytest.mark.parametrize("source", ["LSTM(4, 3, 2, bidirectional=True)", "GRU(4, 3)", "RNN(4, 3, batch_first=True)"])
def test_transforms(torch: ModuleType, source: str) -> None:
    """jvp, per-sample gradients and batches of weights, against PyTorch's gradients and loops over samples."""
    mine, theirs = (m.double() for m in twins(torch, source))
    x, y = pair(torch, 3, 5, 2, 4, grad=False)
    func = tgrad.func
    parameters = dict(mine.named_parameters())
    loss = lambda p, a: (func.functional_call(mine, p, (a,))[0] ** 2).sum()
    batched = func.vmap(lambda a: mine(a)[0])(x)
    each = func.vmap(func.grad(loss), in_dims=(None, 0))(parameters, x)
    for i in range(3):
        same(batched[i], mine(x[i])[0])
        theirs.zero_grad()
        (theirs(y[i])[0] ** 2).sum().backward()
        for name, p in theirs.named_parameters():
            same(each[name][i], p.grad, 1e-10)
    several = {k: tgrad.stack([v, v * 0.5]) for k, v in parameters.items()}
    got = func.vmap(loss, in_dims=(0, None))(several, x[0])
    for i in range(2):
        same(got[i], loss({k: v[i] for k, v in several.items()}, x[0]))
    value, along = func.jvp(lambda a: mine(a)[0], (x[0],), (x[1],))
    found = torch.autograd.functional.jvp(lambda a: theirs(a)[0], y[0], y[1])
    same(value, found[0])
    same(along, found[1])


def test_gradcheck() -> None:
    for m in (tgrad.nn.LSTM(2, 2, proj_size=1), tgrad.nn.GRU(2, 2), tgrad.nn.RNN(2, 2)):
        m.double()
        x = tgrad.randn(3, 2, 2, dtype=tgrad.float64, requires_grad=True)
        packed = lambda x, m=m: flat(m(tgrad.nn.utils.rnn.pack_padded_sequence(x, [3, 1])))[0]
        assert tgrad.autograd.gradcheck(packed, (x,))
        assert tgrad.autograd.gradgradcheck(lambda x, m=m: tuple(flat(m(x))), (x,))


def test_training_follows_pytorch(torch: ModuleType) -> None:
    modules = [m.double() for m in twins(torch, "LSTM(4, 3, 2)")]
    curves = []
    for T, m, x in zip((tgrad, torch), modules, pair(torch, 6, 5, 4, grad=False), strict=True):
        optimizer = T.optim.SGD(m.parameters(), lr=0.5)
        curve = []
        for _ in range(30):
            optimizer.zero_grad()
            loss = ((m(x)[0] - x[..., :3]) ** 2).mean()
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        curves.append(curve)
    np.testing.assert_allclose(*curves, rtol=1e-11)
    assert curves[0][-1] < curves[0][0]
