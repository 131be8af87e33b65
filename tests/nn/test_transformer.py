"""The Transformer's modules beside PyTorch's."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from beside import Leaves, alike, outcome

NAMES = "Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer TransformerDecoderLayer".split()


def functions(T: Any) -> Any:
    return importlib.import_module(f"{T.__name__}.nn.modules.transformer")


def layer(T: Any, **kwargs: Any) -> Any:
    T.manual_seed(3)
    given = {"dim_feedforward": 6, "dtype": T.float64, **kwargs}
    return T.nn.TransformerEncoderLayer(4, given.pop("nhead", 2), **given)


def decoder_layer(T: Any, **kwargs: Any) -> Any:
    T.manual_seed(3)
    return T.nn.TransformerDecoderLayer(4, 2, **{"dim_feedforward": 6, "dtype": T.float64, **kwargs})


def encoder(T: Any, depth: int = 2, norm: bool = True, nested: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    one = layer(T, **kwargs)
    end = T.nn.LayerNorm(4, dtype=T.float64) if norm else None
    return T.nn.TransformerEncoder(one, depth, end, **(nested or {}))


def whole(T: Any, **kwargs: Any) -> Any:
    T.manual_seed(3)
    given = {"num_encoder_layers": 1, "num_decoder_layers": 2, "dim_feedforward": 6, "dtype": T.float64, **kwargs}
    return T.nn.Transformer(4, 2, **given)


def square(T: Any, *shape: int, **kwargs: Any) -> Any:
    return T.leaf(*shape, grad=False, **kwargs)


def causal(T: Any, n: int) -> Any:
    return T.nn.Transformer.generate_square_subsequent_mask(n, dtype=T.float64)


def padding(T: Any, n: int, *lengths: int) -> Any:
    return T.arange(n) >= T.tensor(lengths)[:, None]


OPTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "plain": lambda T: {},
    "batch first": lambda T: dict(batch_first=True),
    "norm first": lambda T: dict(norm_first=True, activation="gelu"),
    "no bias": lambda T: dict(bias=False, batch_first=True),
    "no dropout": lambda T: dict(dropout=0.0, layer_norm_eps=0.1),
    "function": lambda T: dict(activation=T.tanh, dropout=0.5),
    "module": lambda T: dict(activation=T.nn.GELU(approximate="tanh"), batch_first=True),
}
MASKS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "none": lambda T: {},
    "causal": lambda T: dict(src_mask=causal(T, 5)),
    "hint": lambda T: dict(src_mask=causal(T, 5), is_causal=True),
    "bools": lambda T: dict(src_mask=square(T, 5, 5) > 1),
    "for each head": lambda T: dict(src_mask=square(T, 6, 5, 5)),
    "padding": lambda T: dict(src_key_padding_mask=padding(T, 5, 2, 5, 3)),
    "both": lambda T: dict(src_mask=T.ones(5, 5).triu(1).bool(), src_key_padding_mask=padding(T, 5, 2, 5, 3)),
    "mixed": lambda T: dict(src_mask=causal(T, 5), src_key_padding_mask=padding(T, 5, 2, 5, 3)),
}


def source(T: Any, given: dict[str, Any], n: int = 5) -> Any:
    return T.leaf(3, n, 4) if given.get("batch_first") else T.leaf(n, 3, 4)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("options", OPTIONS)
def test_encoder_layers(torch: ModuleType, options: str, train: bool) -> None:
    for mask in MASKS:

        def run(T: Any, mask: str = mask) -> Any:
            given = OPTIONS[options](T)
            return layer(T, **given).train(train)(source(T, given), **MASKS[mask](T))

        alike(torch, run)
    alike(torch, lambda T: layer(T, **OPTIONS[options](T)).train(train)(T.leaf(5, 4)))


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("options", OPTIONS)
def test_decoder_layers(torch: ModuleType, options: str, train: bool) -> None:
    masks: list[Callable[[Any], dict[str, Any]]] = [
        lambda T: {},
        lambda T: dict(tgt_mask=causal(T, 5), memory_mask=square(T, 5, 6), tgt_is_causal=True),
        lambda T: dict(
            tgt_key_padding_mask=padding(T, 5, 2, 5, 3),
            memory_key_padding_mask=padding(T, 6, 1, 6, 4),
            memory_mask=T.ones(5, 6).triu(1).bool(),
            memory_is_causal=True,
        ),
    ]
    for mask in masks:

        def run(T: Any, mask: Any = mask) -> Any:
            given = OPTIONS[options](T)
            return decoder_layer(T, **given).train(train)(source(T, given), source(T, given, 6), **mask(T))

        alike(torch, run)
    alike(torch, lambda T: decoder_layer(T, **OPTIONS[options](T)).train(train)(T.leaf(5, 4), T.leaf(6, 4)))


def of_encoder(masks: dict[str, Any]) -> dict[str, Any]:
    return {"mask" if k == "src_mask" else k: v for k, v in masks.items()}


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("options", OPTIONS)
def test_encoders(torch: ModuleType, options: str, train: bool) -> None:
    """With gradients; the warning about nested tensors is compared, too."""
    for mask in ("causal", "hint", "both", "padding"):

        def run(T: Any, mask: str = mask) -> Any:
            given = OPTIONS[options](T)
            return encoder(T, **given).train(train)(source(T, given), **of_encoder(MASKS[mask](T)))

        alike(torch, run)


@pytest.mark.parametrize("options", OPTIONS)
def test_whole(torch: ModuleType, options: str) -> None:
    masks: list[Callable[[Any], dict[str, Any]]] = [
        lambda T: {},
        lambda T: dict(src_mask=causal(T, 5), tgt_mask=causal(T, 6), memory_mask=square(T, 6, 5)),
        lambda T: dict(
            src_key_padding_mask=padding(T, 5, 2, 5, 3),
            tgt_key_padding_mask=padding(T, 6, 2, 5, 3),
            memory_key_padding_mask=padding(T, 5, 2, 5, 3),
            tgt_mask=causal(T, 6).isinf(),
            tgt_is_causal=True,
        ),
    ]
    for train in (True, False):
        for mask in masks:

            def run(T: Any, train: bool = train, mask: Any = mask) -> Any:
                given = OPTIONS[options](T)
                return whole(T, **given).train(train)(source(T, given), source(T, given, 6), **mask(T))

            alike(torch, run)


def test_gradients_of_parameters(torch: ModuleType) -> None:
    got = []
    for T in (tgrad, torch):
        m = whole(T)
        T.manual_seed(8)
        out = m(T.randn(5, 3, 4, dtype=T.float64), T.randn(6, 3, 4, dtype=T.float64), tgt_mask=causal(T, 6))
        out.sin().sum().backward()
        got.append({n: p.grad.numpy() for n, p in m.named_parameters()})
    assert list(got[0]) == list(got[1])
    for name, a in got[0].items():
        np.testing.assert_allclose(a, got[1][name], rtol=1e-10, atol=1e-12, err_msg=name)


def test_training(torch: ModuleType) -> None:
    """20 steps with dropout, in float64: the same losses."""
    losses: list[list[float]] = []
    for T in (tgrad, torch):
        m = encoder(T, batch_first=True, nhead=2)
        head = T.nn.Linear(4, 3, dtype=T.float64)
        step = T.optim.SGD([*m.parameters(), *head.parameters()], lr=0.1)
        T.manual_seed(9)
        x, y = T.randn(8, 5, 4, dtype=T.float64), T.randint(0, 3, (8, 5))
        found = []
        for _ in range(20):
            step.zero_grad()
            loss = T.nn.functional.cross_entropy(head(m(x, mask=causal(T, 5))).transpose(1, 2), y)
            loss.backward()
            step.step()
            found.append(loss.item())
        losses.append(found)
    np.testing.assert_allclose(*losses, rtol=1e-9)
    assert losses[0][-1] < losses[0][0]


EVALUATED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "none": lambda T: {},
    "padding": lambda T: dict(src_key_padding_mask=padding(T, 3, 2, 0)),
    "short": lambda T: dict(src_key_padding_mask=padding(T, 3, 2, 1)),
    "not at the end": lambda T: dict(src_key_padding_mask=T.tensor([[0, 1, 0], [0, 1, 1]]).bool()),
    "all": lambda T: dict(src_key_padding_mask=T.ones(2, 3).bool()),
    "float padding": lambda T: dict(src_key_padding_mask=T.tensor([[0, 0.5, -T.inf], [0, 0, -T.inf]], dtype=T.float64)),
    "float mask": lambda T: dict(src_mask=T.tensor([[0, 0.5, -T.inf]] * 3, dtype=T.float64)),
    "mask": lambda T: dict(src_mask=T.ones(3, 3).triu(1).bool()),
    "nothing": lambda T: dict(src_mask=T.ones(3, 3).bool()),
    "both": lambda T: dict(src_mask=T.ones(3, 3).triu(1).bool(), src_key_padding_mask=padding(T, 3, 2, 1)),
    "hint": lambda T: dict(is_causal=True),
    "sizes of mask": lambda T: dict(src_mask=T.ones(3, 4).bool()),
    "sizes of padding": lambda T: dict(src_key_padding_mask=T.ones(2, 4).bool()),
}


def evaluate(T: Any, m: Any, masks: dict[str, Any], shape: tuple[int, ...] = (2, 3, 4)) -> Any:
    x = T.leaf(*shape, grad=False)
    with T.no_grad():
        return m.eval()(x, **masks)


@pytest.mark.parametrize("masks", EVALUATED)
def test_evaluated(torch: ModuleType, masks: str) -> None:
    """Without gradients, PyTorch leaves padding out: zeros stand there, or the bias of the last norm."""
    first = dict(batch_first=True)
    alike(torch, lambda T: evaluate(T, layer(T, **first), EVALUATED[masks](T)))
    alike(torch, lambda T: evaluate(T, layer(T, **first, norm_first=True, activation="gelu"), EVALUATED[masks](T)))
    alike(torch, lambda T: evaluate(T, encoder(T, **first), of_encoder(EVALUATED[masks](T))))
    alike(torch, lambda T: evaluate(T, encoder(T, **first, norm=False), of_encoder(EVALUATED[masks](T))))
    unchecked = {"mask_check": False}
    if masks not in ("sizes of padding",):  # PyTorch looks beyond the end then
        alike(torch, lambda T: evaluate(T, encoder(T, **first, nested=unchecked), of_encoder(EVALUATED[masks](T))))
    off = {"enable_nested_tensor": False}
    alike(torch, lambda T: evaluate(T, encoder(T, **first, nested=off), of_encoder(EVALUATED[masks](T))))


@pytest.mark.parametrize("options", OPTIONS)
def test_evaluated_options(torch: ModuleType, options: str) -> None:
    for kind in ("none", "mask"):

        def run(T: Any, kind: str = kind) -> Any:
            return evaluate(T, encoder(T, **OPTIONS[options](T)), of_encoder(EVALUATED[kind](T)), (3, 3, 4))

        alike(torch, run)
    alike(torch, lambda T: evaluate(T, encoder(T, **OPTIONS[options](T)), {}, (3, 4)))
    alike(torch, lambda T: evaluate(T, encoder(T, **OPTIONS[options](T)), {}, (0, 3, 4)))


@pytest.mark.parametrize("change", ["hook", "pre-hook", "eps", "switch", "heads", "width"])
def test_what_stands_against_the_short_way(torch: ModuleType, change: str) -> None:
    """The general way then: float masks are added, and places that see nothing give no NaN."""

    def run(T: Any) -> Any:
        m = layer(T, batch_first=True, nhead=1 if change == "heads" else 2)
        if change == "hook":
            m.linear1.register_forward_hook(lambda *_: None)
        if change == "pre-hook":
            m.linear1.register_forward_pre_hook(lambda *_: None)
        if change == "eps":
            m.norm2.eps = 0.1
        T.backends.mha.set_fastpath_enabled(change != "switch")
        try:
            mask = T.tensor([[0, 0.5, -T.inf]] * 3, dtype=T.float64)
            return evaluate(T, m, dict(src_mask=mask), (2, 3, 5 if change == "width" else 4))
        finally:
            T.backends.mha.set_fastpath_enabled(True)

    alike(torch, run)


REFUSED: dict[str, Callable[[Any], Any]] = {
    "activation": lambda T: layer(T, activation="swish"),
    "heads": lambda T: T.nn.TransformerEncoderLayer(5, 2),
    "batches": lambda T: whole(T)(square(T, 5, 3, 4), square(T, 6, 2, 4)),
    "batches first": lambda T: whole(T, batch_first=True)(square(T, 3, 5, 4), square(T, 2, 5, 4)),
    "width": lambda T: whole(T)(square(T, 5, 3, 5), square(T, 6, 3, 4)),
    "width of target": lambda T: whole(T)(square(T, 5, 3, 4), square(T, 6, 3, 5)),
    "hint": lambda T: layer(T)(square(T, 5, 3, 4), is_causal=True),
    "hint of decoder": lambda T: decoder_layer(T)(square(T, 5, 3, 4), square(T, 5, 3, 4), memory_is_causal=True),
    "mask of integers": lambda T: layer(T)(square(T, 5, 3, 4), T.ones(5, 5).long()),
    "padding of integers": lambda T: layer(T)(square(T, 5, 3, 4), src_key_padding_mask=T.ones(3, 5).long()),
    "mask": lambda T: encoder(T)(square(T, 5, 3, 4), T.ones(5, 4).bool()),
    "padding": lambda T: encoder(T)(square(T, 5, 3, 4), src_key_padding_mask=T.ones(2, 5).bool()),
    "no layers": lambda T: T.nn.TransformerEncoder(layer(T), 0)(square(T, 5, 3, 4)),
    "dimensions": lambda T: layer(T)(square(T, 4)),
}


@pytest.mark.parametrize("error", REFUSED)
def test_errors(torch: ModuleType, error: str) -> None:
    got = outcome(lambda: REFUSED[error](Leaves(tgrad)))
    assert got == outcome(lambda: REFUSED[error](Leaves(torch)))
    assert isinstance(got[0], tuple) and isinstance(got[0][0], str)


WARNED: dict[str, Callable[[Any], Any]] = {
    "batch second": lambda T: layer(T),
    "norm first": lambda T: layer(T, batch_first=True, norm_first=True),
    "no bias": lambda T: layer(T, batch_first=True, bias=False),
    "activation": lambda T: layer(T, batch_first=True, activation=T.tanh),
    "heads": lambda T: layer(T, batch_first=True, nhead=1),
    "other": lambda T: T.nn.Linear(2, 2),
    "fine": lambda T: layer(T, batch_first=True),
}


@pytest.mark.parametrize("kind", WARNED)
def test_warnings(torch: ModuleType, kind: str) -> None:
    def made(T: Any, **options: Any) -> Any:
        m = T.nn.TransformerEncoder(WARNED[kind](T), 1, **options)
        return m.use_nested_tensor, m.enable_nested_tensor, m.mask_check, m.num_layers

    for options in ({}, {"enable_nested_tensor": False}):
        got = outcome(lambda options=options: made(Leaves(tgrad), **options))
        assert got == outcome(lambda options=options: made(Leaves(torch), **options))
        assert bool(got[1]) == (kind != "fine" and not options)


MADE: dict[str, Callable[[Any], Any]] = {
    "whole": whole,
    "whole, norm first": lambda T: whole(T, norm_first=True, bias=False, activation=T.nn.GELU()),
    "encoder": encoder,
    "layer": lambda T: layer(T, activation=T.nn.ReLU(), batch_first=True),
    "decoder layer": lambda T: decoder_layer(T, bias=False, activation="gelu"),
    "custom": lambda T: whole(T, custom_encoder=T.nn.Linear(2, 2, bias=False), custom_decoder=decoder_layer(T)),
}


@pytest.mark.parametrize("kind", MADE)
def test_state(torch: ModuleType, kind: str) -> None:
    """Initial values for a seed, names, text, and the state from one library to the other and back."""
    mine, theirs = (MADE[kind](T) for T in (tgrad, torch))
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert list(dict(mine.named_modules())) == list(dict(theirs.named_modules()))
    for (name, a), b in zip(mine.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=name)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy() * 2) for k, v in mine.state_dict().items()})
    mine.load_state_dict({k: tgrad.from_numpy(v.numpy()) for k, v in theirs.state_dict().items()})
    for again in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        assert repr(again) == repr(mine)
        for a, b in zip(again.state_dict().values(), theirs.state_dict().values(), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    told = [{k: v for k, v in vars(m).items() if not k.startswith("_") and not callable(v)} for m in (mine, theirs)]
    assert told[0] == told[1]


def test_layers_are_copies() -> None:
    one = layer(tgrad)
    m = tgrad.nn.TransformerEncoder(one, 2, enable_nested_tensor=False)
    first, second = m.layers
    assert first is not one and first.linear1.weight is not second.linear1.weight
    with tgrad.no_grad():
        first.linear1.weight.zero_()
    assert second.linear1.weight.abs().sum() > 0 and one.linear1.weight.abs().sum() > 0


def test_old_pickles(torch: ModuleType) -> None:
    """Files of early versions lack some attributes."""
    for T in (tgrad, torch):
        for made in (layer(T), decoder_layer(T)):
            state = dict(vars(made))
            del state["activation"]
            again = type(made).__new__(type(made))
            again.__setstate__(state)
            assert again.activation is T.nn.functional.relu
        attention = layer(T).self_attn
        state = dict(vars(attention))
        del state["_qkv_same_embed_dim"]
        again = type(attention).__new__(type(attention))
        again.__setstate__(state)
        assert again._qkv_same_embed_dim is True


def test_helpers(torch: ModuleType) -> None:
    got = []
    for T in (tgrad, torch):
        f, seen = functions(T), []
        for dtype in (None, "float64", "bfloat16"):
            made = f._generate_square_subsequent_mask(3, dtype=None if dtype is None else getattr(T, dtype))
            seen.append([made.tolist(), str(made.dtype)])
        seen.append(T.nn.Transformer.generate_square_subsequent_mask(0).shape == (0, 0))
        seen.append([f._get_seq_len(T.ones(*s), b) for s in ((2, 4), (2, 3, 4)) for b in (True, False)])
        mask = f._generate_square_subsequent_mask(3)
        other = mask.clone()
        other[0, 0] = 1
        masks = (None, mask, other, mask.isinf(), mask.expand(2, 3, 3), T.zeros(3, 3))
        seen.append(
            [f._detect_is_causal_mask(m, c, n) for m in masks for c in (None, True, False) for n in (None, 3, 4)]
        )
        seen.append([f._get_activation_fn(n) is getattr(T.nn.functional, n) for n in ("relu", "gelu")])
        seen.append(outcome(lambda f=f: f._get_activation_fn("tanh")))
        clones = f._get_clones(T.nn.Linear(2, 2), 3)
        seen.append([repr(clones), len({id(c.weight) for c in clones})])
        seen.append(sorted(f.__all__))
        got.append(seen)
    for a, b in zip(*got, strict=True):
        assert a == b


def test_signatures(torch: ModuleType) -> None:
    for name in NAMES:
        mine, theirs = getattr(tgrad.nn, name), getattr(torch.nn, name)
        assert mine.__module__.replace("tgrad", "torch") == theirs.__module__
        assert getattr(mine, "__constants__", []) == getattr(theirs, "__constants__", [])
        for method in (
            "__init__",
            "forward",
            "_sa_block",
            "_ff_block",
            "_mha_block",
            "generate_square_subsequent_mask",
        ):
            if hasattr(theirs, method):
                a, b = (list(inspect.signature(getattr(c, method)).parameters.values()) for c in (mine, theirs))
                assert [(p.name, p.kind) for p in a] == [(p.name, p.kind) for p in b], (name, method)
                plain = [(x.default, y.default) for x, y in zip(a, b, strict=True) if not callable(x.default)]
                assert all(x == y for x, y in plain), (name, method)
    for name in (
        "_generate_square_subsequent_mask",
        "_get_seq_len",
        "_get_clones",
        "_get_activation_fn",
        "_detect_is_causal_mask",
    ):
        a, b = (inspect.signature(getattr(functions(T), name)).parameters.values() for T in (tgrad, torch))
        assert [(p.name, p.kind, p.default) for p in a] == [(p.name, p.kind, p.default) for p in b], name
