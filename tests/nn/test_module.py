"""Module, Parameter, containers and state_dict next to PyTorch's."""

from __future__ import annotations

import copy
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from twins import array, message

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Linear": (3, 4),
    "Bilinear": (2, 3, 4),
    "Embedding": (5, 3, 1),
    "LinearCrossEntropyLoss": (3, 5),
    "EmbeddingBag": (5, 3, None, 1.5, True, "sum", False, None, False, -2),
    "Upsample": (None, 2),
    "UpsamplingNearest2d": ((3, 4),),
    "UpsamplingBilinear2d": (None, 1.5),
    "LayerNorm": ((3, 4),),
    "RMSNorm": (4,),
    "GroupNorm": (2, 4),
    "LocalResponseNorm": (2,),
    "CrossMapLRN2d": (3,),
    "LazyLinear": (3,),
    "SyncBatchNorm": (4,),
    "Threshold": (0.1, 0.2),
    "PixelShuffle": (2,),
    "PixelUnshuffle": (2,),
    "ChannelShuffle": (2,),
    "MultiheadAttention": (8, 2),
    "Unflatten": (1, (2, 3)),
    "Fold": ((4, 4), 2),
    "Unfold": (2,),
}


def arguments(name: str) -> tuple[Any, ...]:
    if "Pad" in name:
        return (1, 2.5) if "Constant" in name else (1,)
    if name.startswith(("BatchNorm", "InstanceNorm")):
        return (4,)
    if name.startswith("Conv"):
        return (4, 8, 3)
    if name.startswith("LazyConv"):
        return (8, 3)
    if "pool" in name.lower():
        return (2, 3) if name.startswith(("LP", "Fractional")) else (2,)
    return ARGUMENTS.get(name, ())


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in tgrad.nn.modules.__all__
        # Transformer and recurrent modules: see test_transformer.py, test_rnn.py
        if n not in ("Module", "LinearCrossEntropyOptions", "AdaptiveLogSoftmaxWithLoss")
        and not n.startswith(("Transformer", "RNN", "LSTM", "GRU"))
    ],
)
def test_text_and_initial_values(torch: ModuleType, name: str) -> None:
    torch.manual_seed(1)
    tgrad.manual_seed(1)
    theirs = getattr(torch.nn, name)(*arguments(name))
    mine = getattr(tgrad.nn, name)(*arguments(name))
    assert repr(mine) == repr(theirs)
    a, b = mine.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    for key in b:
        if name.startswith("Lazy") and key != "num_batches_tracked":
            assert repr(a[key]) == repr(b[key])
        else:
            assert np.array_equal(array(a[key]), array(b[key])), key


def network(T: Any) -> Any:
    nn = T.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(OrderedDict(first=nn.Linear(3, 4), act=nn.ReLU()))
            self.list = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
            self.dict = nn.ModuleDict({"a": nn.Dropout(0.2), "b": nn.LayerNorm(4)})
            self.params = nn.ParameterList([T.ones(2), T.ones(3, 2)])
            self.scale = nn.Parameter(T.tensor(2.0))
            self.register_buffer("count", T.zeros(2))
            self.register_buffer("hidden", T.zeros(1), persistent=False)
            self.nothing = None
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x: Any) -> Any:
            x = self.inner(x)
            for layer in self.list:
                x = layer(x)
            return self.norm(self.dict["b"](x)) * self.scale

        def extra_repr(self) -> str:
            return "extra=1"

    return Block()


def test_walks(torch: ModuleType) -> None:
    a, b = network(tgrad), network(torch)
    assert repr(a) == repr(b)
    for walk in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [n for n, _ in getattr(a, walk)()] == [n for n, _ in getattr(b, walk)()]
    assert list(a.state_dict()) == list(b.state_dict())
    assert a.state_dict()._metadata == b.state_dict()._metadata
    assert a.get_submodule("inner.first") is a.inner.first
    assert a.get_parameter("inner.first.weight") is a.inner.first.weight


def test_state_dict_goes_both_ways(torch: ModuleType) -> None:
    a, b = network(tgrad), network(torch)
    a.load_state_dict(
        {k: tgrad.tensor(v.tolist(), dtype=getattr(tgrad, str(v.dtype)[6:])) for k, v in b.state_dict().items()}
    )
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    np.testing.assert_allclose(array(a(tgrad.from_numpy(x))), array(b(torch.from_numpy(x))), rtol=1e-3, atol=1e-3)
    b.load_state_dict({k: torch.from_numpy(array(v)) for k, v in a.state_dict().items()})
    np.testing.assert_allclose(array(a(tgrad.from_numpy(x))), array(b(torch.from_numpy(x))), rtol=1e-3, atol=1e-3)
    assert repr(a.load_state_dict(a.state_dict())) == "<All keys matched successfully>"


def _unfinished(T: Any, assign: Any) -> Any:
    class Early(T.nn.Module):
        def __init__(self) -> None:
            assign(self)

    return Early


def _set(m: Any, name: str, value: Any) -> Any:
    setattr(m, name, value)
    return m


ERRORS = [
    lambda T: _unfinished(T, lambda m: _set(m, "a", T.nn.Linear(1, 1)))(),
    lambda T: _unfinished(T, lambda m: _set(m, "a", T.nn.Parameter(T.ones(1))))(),
    lambda T: _unfinished(T, lambda m: m.register_buffer("a", T.ones(1)))(),
    lambda T: _set(T.nn.Linear(1, 1), "weight", T.ones(1, 1)),
    lambda T: _set(network(T), "inner", 3),
    lambda T: _set(network(T), "count", 3),
    lambda T: T.nn.Linear(1, 1).missing,
    lambda T: T.nn.Module().forward(),
    lambda T: T.nn.Module()(1),
    lambda T: T.nn.Module(3),
    lambda T: T.nn.Module(a=3),
    lambda T: T.nn.Linear(1, 1).register_buffer("a.b", None),
    lambda T: T.nn.Linear(1, 1).register_buffer("", None),
    lambda T: T.nn.Linear(1, 1).register_buffer("weight", None),
    lambda T: T.nn.Linear(1, 1).register_buffer("x", 3),
    lambda T: T.nn.Linear(1, 1).register_parameter("x", T.ones(1)),
    lambda T: T.nn.Linear(1, 1).register_parameter(3, None),
    lambda T: T.nn.Linear(1, 1).add_module("x", 3),
    lambda T: T.nn.Linear(1, 1).add_module("x.y", T.nn.ReLU()),
    lambda T: T.nn.Linear(1, 1).train("yes"),
    lambda T: T.nn.Linear(1, 1).to(T.int64),
    lambda T: T.nn.Linear(1, 1).get_submodule("x"),
    lambda T: T.nn.Linear(1, 1).get_submodule("weight"),
    lambda T: T.nn.Linear(1, 1).get_parameter("x"),
    lambda T: T.nn.Linear(2, 1).load_state_dict({"weight": T.ones(1, 3), "x": T.ones(1)}),
    lambda T: T.nn.Linear(2, 1).load_state_dict({"weight": 3, "bias": T.ones(1)}),
    lambda T: T.nn.Linear(2, 1).load_state_dict([]),
    lambda T: T.nn.Sequential(T.nn.ReLU())[3],
    lambda T: T.nn.ModuleList([T.nn.ReLU()])[3],
    lambda T: T.nn.Sequential(T.nn.ReLU()) + 3,
    lambda T: T.nn.Parameter(T.tensor([1])),
    lambda T: T.nn.Dropout(2),
    lambda T: T.nn.GroupNorm(3, 4),
    lambda T: T.nn.BatchNorm1d(3)(T.ones(3)),
    lambda T: T.nn.MultiheadAttention(3, 2),
    lambda T: T.nn.init.xavier_uniform_(T.ones(3)),
    lambda T: T.nn.init.calculate_gain("x"),
]


@pytest.mark.parametrize("i", range(len(ERRORS)))
def test_errors(torch: ModuleType, i: int) -> None:
    kind, text = message(lambda: ERRORS[i](torch))
    assert message(lambda: ERRORS[i](tgrad)) == (kind, text)


def test_attributes_move_between_kinds(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        m = T.nn.Module()
        m.x = 3
        m.x = T.nn.Parameter(T.ones(1))
        assert [n for n, _ in m.named_parameters()] == ["x"] and "x" not in m.__dict__
        m.x = None
        assert list(m.parameters()) == [] and m.x is None
        del m.x
        m.x = T.nn.ReLU()
        m.y = T.nn.Buffer(T.ones(1), persistent=False)
        assert [n for n, _ in m.named_buffers()] == ["y"] and list(m.state_dict()) == []
        assert isinstance(m.y, T.nn.Buffer) and type(m.y) is T.Tensor
        m.y = T.zeros(2)
        assert list(m.state_dict()) == []


def test_parameter(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        data = T.ones(2)
        p = T.nn.Parameter(data)
        data.add_(1)
        assert repr(p) == "Parameter containing:\ntensor([2., 2.], requires_grad=True)"
        assert isinstance(p, T.Tensor) and isinstance(p, T.nn.Parameter) and p.is_leaf
        assert type(p * 2) is T.Tensor and type(p.data) is T.Tensor and type(p.detach()) is T.Tensor
        p.sum().backward()
        other = copy.deepcopy(p)
        assert type(other) is T.nn.Parameter and other.grad is None and other.tolist() == [2.0, 2.0]
        loaded = pickle.loads(pickle.dumps(p))
        assert type(loaded) is T.nn.Parameter and loaded.requires_grad and loaded.tolist() == [2.0, 2.0]
        with T.no_grad():
            assert T.nn.Parameter(T.ones(1)).requires_grad


def test_copies_and_pickles() -> None:
    m = tgrad.nn.Sequential(tgrad.nn.Linear(2, 3), tgrad.nn.BatchNorm1d(3))
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert repr(other) == repr(m)
        assert all(
            array(a).tolist() == array(b).tolist() for a, b in zip(m.parameters(), other.parameters(), strict=True)
        )
        other[0].weight.data.zero_()
        assert array(m[0].weight).any()


def test_conversions(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        m = T.nn.BatchNorm1d(3)
        weight = m.weight
        weight.sum().backward()
        assert m.double() is m and m.weight is weight
        assert m.weight.dtype is T.float64 and m.weight.grad.dtype is T.float64 and m.running_mean.dtype is T.float64
        assert m.num_batches_tracked.dtype is T.int64
        assert m.to(T.float16).weight.dtype is T.float16 and m.float().weight.dtype is T.float32
        m.zero_grad()
        assert m.weight.grad is None
        m.eval()
        assert not m.training
        m.requires_grad_(False)
        assert not any(p.requires_grad for p in m.parameters())


def test_hooks(torch: ModuleType) -> None:
    logs = []
    for T in (tgrad, torch):
        log: list[Any] = []
        m = T.nn.Linear(2, 1, dtype=T.float64)
        T.nn.init.constant_(m.weight, 0.5)
        T.nn.init.constant_(m.bias, 0.1)
        m.register_forward_pre_hook(lambda mod, args, log=log: log.append(("pre", len(args))) or (args[0] * 2,))
        handle = m.register_forward_hook(lambda mod, args, out, log=log: log.append(("post", out.tolist())) or out + 1)
        m.register_full_backward_pre_hook(lambda mod, grads, log=log: log.append(("bpre", grads[0].tolist())))
        m.register_full_backward_hook(
            lambda mod, gi, go, log=log: log.append(("back", gi[0].tolist(), go[0].tolist())) or (gi[0] * 10,)
        )
        x = T.ones(1, 2, dtype=T.float64, requires_grad=True)
        out = m(x)
        log.append(out.grad_fn.name())
        out.sum().backward()
        log.append(x.grad.tolist())
        log.append(m.weight.grad.tolist())
        handle.remove()
        log.append(m(x.detach()).tolist())
        logs.append(log)
    assert logs[0] == logs[1]


def test_global_and_registration_hooks() -> None:
    from tgrad.nn.modules import hooks

    seen: list[Any] = []
    handles = [
        hooks.register_module_forward_pre_hook(lambda m, args: seen.append("pre")),
        hooks.register_module_forward_hook(lambda m, args, out: seen.append("post")),
        hooks.register_module_module_registration_hook(lambda m, name, child: seen.append(name)),
    ]
    try:
        tgrad.nn.Sequential(tgrad.nn.ReLU())(tgrad.ones(1))
    finally:
        for h in handles:
            h.remove()
    assert seen == ["0", "pre", "pre", "post", "post"]


def test_containers(torch: ModuleType) -> None:
    texts = []
    for T in (tgrad, torch):
        nn = T.nn
        s = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())
        s.append(nn.GELU()).insert(1, nn.Identity())
        del s[0]
        s[0] = nn.ELU()
        many = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()])
        many.insert(0, nn.Tanh())
        many.extend([nn.ReLU()])
        d = nn.ModuleDict([["a", nn.ReLU()], ["b", nn.Tanh()]])
        d.update({"c": nn.GELU()})
        p = nn.ParameterDict({"x": T.ones(2), "y": 3})
        p |= nn.ParameterDict({"z": T.ones(2, 3)})
        texts.append(
            [repr(x) for x in (s, s[1:], s + s, s * 2, many, many[1:3], d, p, nn.ParameterList([T.ones(2), 3]))]
        )
    assert texts[0] == texts[1]


def test_attention_module(torch: ModuleType) -> None:
    for options in ({}, {"batch_first": True}, {"kdim": 4, "vdim": 6}, {"add_bias_kv": True, "add_zero_attn": True}):
        results = []
        for T in (tgrad, torch):
            T.manual_seed(0)
            m = T.nn.MultiheadAttention(8, 2, dtype=T.float64, **options)
            q = T.arange(48, dtype=T.float64).reshape(3, 2, 8).sin().requires_grad_()
            k, v = (q, q) if "kdim" not in options else (q[..., :4], q[..., :6])
            out, weights = m(q, k, v)
            (out.sin().sum() + weights.cos().sum()).backward()
            alone, nothing = m(q, k, v, need_weights=False)
            assert nothing is None
            results.append([out, weights, alone, q.grad, m.out_proj.weight.grad])
        for a, b in zip(*results, strict=True):
            np.testing.assert_allclose(array(a), array(b), rtol=1e-10, atol=1e-12)


def test_initial_values(torch: ModuleType) -> None:
    makers = [
        lambda T, t: T.nn.init.uniform_(t, -1, 2),
        lambda T, t: T.nn.init.normal_(t, 1, 2),
        lambda T, t: T.nn.init.xavier_uniform_(t, 2),
        lambda T, t: T.nn.init.xavier_normal_(t),
        lambda T, t: T.nn.init.kaiming_uniform_(t, nonlinearity="relu"),
        lambda T, t: T.nn.init.kaiming_normal_(t, mode="fan_out"),
        lambda T, t: T.nn.init.eye_(t),
        lambda T, t: T.nn.init.ones_(t),
        lambda T, t: T.nn.init.trunc_normal_(t),
        lambda T, t: T.nn.init.sparse_(t, 0.3),
    ]
    for make in makers:
        made = []
        for T in (tgrad, torch):
            T.manual_seed(5)
            made.append(array(make(T, T.empty(6, 7))))
        assert np.array_equal(*made)
    tgrad.manual_seed(5)
    torch.manual_seed(5)
    np.testing.assert_allclose(
        array(tgrad.nn.init.orthogonal_(tgrad.empty(4, 7))),
        array(torch.nn.init.orthogonal_(torch.empty(4, 7))),
        atol=1e-5,
    )


def test_utils(torch: ModuleType) -> None:
    out = []
    for T in (tgrad, torch):
        ps = [T.nn.Parameter(T.ones(2, 3)), T.nn.Parameter(T.ones(2))]
        for p in ps:
            p.grad = T.full_like(p, 2.0)
        norm = T.nn.utils.clip_grad_norm_(ps, 1.5)
        T.nn.utils.clip_grad_value_(ps, 0.4)
        vector = T.nn.utils.parameters_to_vector(ps)
        T.nn.utils.vector_to_parameters(vector * 3, ps)
        out.append([repr(norm), ps[0].grad.tolist(), vector.tolist(), ps[0].tolist()])
    assert out[0] == out[1]
