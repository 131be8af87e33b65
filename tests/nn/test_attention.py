"""`scaled_dot_product_attention`, its ways and switches, and `MultiheadAttention`, beside PyTorch's."""

from __future__ import annotations

import inspect
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.nn.functions import attention as sdpa
from tgrad.ops import attention_blocks

sys.path.insert(0, str(Path(__file__).parent))
import beside
from beside import Leaves, alike, chain, outcome, part

HALF = ("float16", "bfloat16")


def four(T: Any, dtype: str = "float64", heads: int = 4) -> tuple[Any, Any, Any]:
    return T.leaf(2, 4, 5, 8, dtype=dtype), T.leaf(2, heads, 6, 8, dtype=dtype), T.leaf(2, heads, 6, 8, dtype=dtype)


def three(T: Any, dtype: str = "float64") -> tuple[Any, ...]:
    return tuple(T.leaf(4, 5, 8, dtype=dtype) for _ in range(3))


def S(T: Any, *args: Any, **kwargs: Any) -> Any:
    return T.nn.functional.scaled_dot_product_attention(*args, **kwargs)


def square(T: Any, *shape: int, **kwargs: Any) -> Any:
    return T.leaf(*shape, grad=False, **kwargs)


WAYS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda T: S(T, *four(T)),
    "causal": lambda T: S(T, *four(T), is_causal=True),
    "scale": lambda T: S(T, *four(T), scale=-0.3),
    "no scale": lambda T: S(T, *four(T), scale=0.0),
    "groups": lambda T: S(T, *four(T, heads=2), enable_gqa=True),
    "groups, causal": lambda T: S(T, *four(T, heads=1), enable_gqa=True, is_causal=True),
    "groups, mask": lambda T: S(T, *four(T, heads=2), square(T, 2, 4, 5, 6), enable_gqa=True),
    "groups, shared mask": lambda T: S(T, *four(T, heads=2), square(T, 2, 1, 5, 6), enable_gqa=True),
    "groups, dropout": lambda T: S(T, *four(T, heads=2), enable_gqa=True, dropout_p=0.3),
    "mask": lambda T: S(T, *four(T), square(T, 5, 6)),
    "mask turned": lambda T: S(T, *four(T), square(T, 6, 5).t()),
    "mask of one row": lambda T: S(T, *four(T), square(T, 1, 6)),
    "mask of one column": lambda T: S(T, *four(T), square(T, 2, 4, 5, 1)),
    "mask of keys": lambda T: S(T, *four(T), square(T, 2, 1, 1, 6)),
    "mask and causal": lambda T: S(T, *four(T), square(T, 5, 6), is_causal=True),
    "mask of float32": lambda T: S(T, *four(T), square(T, 5, 6, dtype="float32")),
    "bools": lambda T: S(T, *four(T), square(T, 5, 6) > 0.3),
    "bools, nothing permitted": lambda T: S(T, *four(T), square(T, 5, 6) > 100),
    "bools of keys": lambda T: S(T, *four(T), T.arange(6)[None, None, None] < 4),
    "bools and causal": lambda T: S(T, *four(T), square(T, 5, 6) > -1, is_causal=True),
    "three dimensions of mask": lambda T: S(T, *four(T), square(T, 4, 5, 6)),
    "mask with a gradient": lambda T: S(T, *four(T), T.leaf(5, 6)),
    "turned": lambda T: S(T, *(T.leaf(2, 5, 4, 8).transpose(1, 2) for _ in range(3))),
    "turned query": lambda T: S(T, T.leaf(2, 5, 4, 8).transpose(1, 2), *four(T)[1:]),
    "steps": lambda T: S(T, *(T.leaf(2, 4, 8, 5).transpose(2, 3) for _ in range(3))),
    "some of the rows": lambda T: S(T, T.leaf(2, 4, 10, 8)[:, :, ::2], *four(T)[1:]),
    "expanded": lambda T: S(T, T.leaf(1, 4, 5, 8).expand(2, 4, 5, 8), *four(T)[1:]),
    "one head of keys": lambda T: S(T, *four(T, heads=1)),
    "another width of values": lambda T: S(T, *four(T)[:2], T.leaf(2, 4, 6, 3)),
    "dropout": lambda T: S(T, *four(T), dropout_p=0.4),
    "dropout, causal": lambda T: S(T, *four(T), dropout_p=0.4, is_causal=True),
    "dropout, mask": lambda T: S(T, *three(T), T.leaf(5, 5), dropout_p=0.4),
    "dropout of all": lambda T: S(T, *four(T), dropout_p=1.0),
    "three": lambda T: S(T, *three(T)),
    "three, causal": lambda T: S(T, *three(T), is_causal=True),
    "three, mask": lambda T: S(T, *three(T), square(T, 5)),
    "three, bools": lambda T: S(T, *three(T), square(T, 5, 5) > 0),
    "three, scale": lambda T: S(T, *three(T), scale=-0.5),
    "two": lambda T: S(T, T.leaf(5, 3), T.leaf(4, 3), T.leaf(4, 2)),
    "five": lambda T: S(T, *(T.leaf(2, 1, 3, 4, 5) for _ in range(3))),
    "no width": lambda T: S(T, T.leaf(2, 4, 5, 0), T.leaf(2, 4, 5, 0), T.leaf(2, 4, 5, 8)),
    "no keys": lambda T: S(T, T.leaf(2, 4, 5, 8), T.leaf(2, 4, 0, 8), T.leaf(2, 4, 0, 8)),
    "upper left": lambda T: S(T, *four(T), part(T, "nn.attention.bias").causal_upper_left(5, 6)),
    "lower right": lambda T: S(T, *four(T), part(T, "nn.attention.bias").causal_lower_right(5, 6)),
    "lower right, dropout": lambda T: S(
        T, *four(T), part(T, "nn.attention.bias").causal_lower_right(5, 6), dropout_p=0.2
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways(torch: ModuleType, way: str) -> None:
    alike(torch, WAYS[way])


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("way", ["four", "three", "mask", "dropout"])
def test_halves(torch: ModuleType, way: str, dtype: str) -> None:
    calls: dict[str, Callable[[Any], Any]] = {
        "four": lambda T: S(T, *four(T, dtype)),
        "three": lambda T: S(T, *three(T, dtype)),
        "mask": lambda T: S(T, *four(T, dtype), square(T, 5, 6, dtype="float32")),
        "dropout": lambda T: S(T, *four(T, dtype), dropout_p=0.3),
    }
    alike(torch, calls[way], near=2e-2)


ERRORS: dict[str, Callable[[Any], Any]] = {
    "dtypes": lambda T: S(T, *four(T)[:2], T.leaf(2, 4, 6, 8, dtype="float32")),
    "dimensions": lambda T: S(T, T.leaf(5), *four(T)[1:]),
    "mask of another dtype": lambda T: S(T, *four(T, "float32"), square(T, 5, 6)),
    "mask of integers": lambda T: S(T, *four(T), T.ones(5, 6, dtype=T.int64)),
    "mask of one dimension": lambda T: S(T, *four(T), square(T, 6)),
    "mask of another size": lambda T: S(T, *four(T), square(T, 5, 7)),
    "mask of another batch": lambda T: S(T, *four(T), square(T, 3, 4, 5, 6)),
    "mask of five dimensions": lambda T: S(T, *four(T), square(T, 1, 1, 1, 5, 6)),
    "mask and causal": lambda T: S(T, *three(T), square(T, 5, 5), is_causal=True),
    "heads": lambda T: S(T, *four(T, heads=3)),
    "groups": lambda T: S(T, *four(T, heads=3), enable_gqa=True),
    "groups of a matrix": lambda T: S(T, T.leaf(5, 8), T.leaf(5, 8), T.leaf(5, 8), enable_gqa=True),
    "widths": lambda T: S(T, *four(T)[:1], T.leaf(2, 4, 6, 9), four(T)[2]),
    "negative dropout": lambda T: S(T, *four(T), dropout_p=-0.1),
    "too much dropout": lambda T: S(T, *four(T), dropout_p=1.1),
    "integers": lambda T: S(T, *(T.ones(2, 4, 5, 8, dtype=T.int64) for _ in range(3))),
    "bools": lambda T: S(T, *(T.ones(4, 5, 8, dtype=T.bool) for _ in range(3))),
    "complex": lambda T: S(T, *four(T, "complex64")),
    "a list": lambda T: S(T, [1.0], *four(T)[1:]),
    "scale by position": lambda T: S(T, *four(T), None, 0.0, False, 0.5),
    "bias and causal": lambda T: S(T, *four(T), part(T, "nn.attention.bias").causal_upper_left(5, 6), is_causal=True),
    "bias of dtypes": lambda T: S(
        T, *four(T)[:2], four(T, "float32")[2], part(T, "nn.attention.bias").causal_lower_right(5, 6)
    ),
    "bias sizes": lambda T: part(T, "nn.attention.bias").causal_lower_right(5),
    "bias variant": lambda T: part(T, "nn.attention.bias").CausalBias(2, 3, 4),
    "kernels": lambda T: part(T, "nn.attention").sdpa_kernel("flash").__enter__(),
}  # fmt: skip


@pytest.mark.parametrize("error", ERRORS)
def test_errors(torch: ModuleType, error: str) -> None:
    assert outcome(lambda: ERRORS[error](Leaves(tgrad))) == outcome(lambda: ERRORS[error](Leaves(torch)))
    result = outcome(lambda: ERRORS[error](Leaves(tgrad)))[0]
    assert isinstance(result, tuple)


def test_no_second_derivative(torch: ModuleType) -> None:
    """PyTorch's kernel has none; its way without the kernel has."""
    for backend in ("FLASH_ATTENTION", "MATH"):
        got = []
        for T in (tgrad, torch):
            T.manual_seed(1)
            attention = part(T, "nn.attention")
            leaves = [T.randn(1, 2, 3, 4, dtype=T.float64, requires_grad=True) for _ in range(3)]
            with attention.sdpa_kernel(getattr(attention.SDPBackend, backend)):
                first = T.autograd.grad(S(T, *leaves).sin().sum(), leaves, create_graph=True)
            names = [g.grad_fn.name() for g in first]
            second = outcome(lambda T=T, first=first, leaves=leaves: T.autograd.grad(first[0].pow(2).sum(), leaves))
            got.append((names, second))
        (names, (second, _)), (want_names, (want, _)) = got
        assert names == want_names or backend == "MATH"
        if backend == "FLASH_ATTENTION":
            assert second == want == ("RuntimeError", second[1]) and "is not implemented" in second[1]
        else:
            for a, b in zip(second, want, strict=True):
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


def test_what_the_node_keeps(torch: ModuleType) -> None:
    kept = []
    for T in (tgrad, torch):
        q = T.arange(24.0).reshape(1, 2, 3, 4).sin().requires_grad_()
        mask = T.tensor([[0.0, -T.inf, 0.0], [-T.inf, -T.inf, -T.inf], [0.0, 0.0, 1.0]])
        out = S(T, q, q * 2, q * 3, mask, scale=0.7)
        node = out.grad_fn
        kept.append([node._saved_logsumexp.numpy(), node._saved_output.detach().numpy(), node._saved_scale])
        assert node._saved_is_causal is False and node._saved_dropout_p == 0.0 and node._saved_output.grad_fn == node
        grads = T.autograd.grad(out.sum(), q)[0]
        kept[-1] += [grads.stride()]
        with pytest.raises(RuntimeError):
            node._saved_output
    for a, b in zip(*kept, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def test_kernels_and_switches(torch: ModuleType) -> None:
    got = []
    for T in (tgrad, torch):
        attention, cuda, mine = part(T, "nn.attention"), T.backends.cuda, Leaves(T)
        seen: list[Any] = []
        for chosen in ("MATH", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", None):
            backend = [] if chosen is None else getattr(attention.SDPBackend, chosen)
            with attention.sdpa_kernel(backend) as given:
                seen.append(given)
                seen.append([cuda.flash_sdp_enabled(), cuda.math_sdp_enabled(), cuda.mem_efficient_sdp_enabled()])
                for call in (four, three):
                    seen.append(outcome(lambda call=call, T=T, mine=mine: chain(S(T, *call(mine)).grad_fn)))
        seen.append([cuda.flash_sdp_enabled(), cuda.math_sdp_enabled(), cuda.cudnn_sdp_enabled()])
        cuda.enable_flash_sdp(False)
        seen.append([cuda.flash_sdp_enabled(), chain(S(T, *four(mine)).grad_fn)])
        cuda.enable_flash_sdp(True)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with cuda.sdp_kernel(enable_flash=False):
                seen.append(cuda.flash_sdp_enabled())
        seen.append([(w.category, str(w.message)) for w in said][:1])
        seen.append(cuda.is_flash_attention_available())
        params = cuda.SDPAParams(*four(mine), None, 0.0, False, False)
        seen.append([f(params) for f in (cuda.can_use_flash_attention, cuda.can_use_efficient_attention)])
        kinds = attention.SDPBackend
        seen.append(
            [repr(kinds.MATH), str(kinds.MATH), int(kinds.OVERRIDEABLE), kinds.ERROR.value, list(kinds.__members__)]
        )
        seen.append([T.backends.mha.get_fastpath_enabled(), attention.current_flash_attention_impl()])
        seen.append(outcome(lambda attention=attention: attention.activate_flash_attention_impl("none"))[0][1][:40])
        with attention.sdpa_kernel([kinds.MATH, kinds.FLASH_ATTENTION], set_priority=True):
            seen.append([b.name for b in attention._cur_sdpa_kernel_backends(with_priority=True)])
        bias = part(T, "nn.attention.bias")
        seen.append(
            [repr(bias.causal_lower_right(2, 4)), repr(bias.causal_upper_left(2, 4)), bias.CausalVariant(2).name]
        )
        seen.append(outcome(lambda bias=bias: bias.causal_lower_right(4, 2) is None))
        seen.append([sorted(attention.__all__), sorted(bias.__all__)])
        got.append(seen)
    for a, b in zip(*got, strict=True):
        assert a == b


# ---- long sequences


@pytest.fixture
def all_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything counts as long, and blocks are so small that there are many."""
    monkeypatch.setattr(sdpa, "LONG", 0)
    monkeypatch.setattr(attention_blocks, "LIMIT", 40)


@pytest.mark.parametrize("way", WAYS)
def test_in_blocks(torch: ModuleType, all_long: None, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """The same values, gradients, random numbers and name of the node, if not the nodes behind it."""
    monkeypatch.setattr(beside, "chain", lambda node: None if node is None else node.name())
    alike(torch, WAYS[way])


def test_random_numbers_go_on_after_blocks(torch: ModuleType, all_long: None) -> None:
    draws = []
    for T in (tgrad, torch):
        T.manual_seed(3)
        S(T, *(T.ones(3, 7, 4) for _ in range(3)), dropout_p=0.5)
        draws.append(T.rand(5).tolist())
    assert draws[0] == draws[1]


def test_second_derivatives_of_blocks(torch: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdpa, "LONG", 0)
    got = []
    for T in (tgrad, torch):
        T.manual_seed(2)
        leaves = [T.randn(*s, dtype=T.float64, requires_grad=True) for s in ((2, 4, 3), (1, 5, 3), (2, 5, 2), (4, 5))]
        out = S(T, *leaves, dropout_p=0.3)
        first = T.autograd.grad(out.sin().sum(), leaves, create_graph=True)
        got.append([*first, *T.autograd.grad(sum(g.pow(2).sum() for g in first), leaves)])
    for a, b in zip(*got, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


MEMORY = """
import resource, sys
import tgrad as torch
from tgrad.nn.functional import scaled_dot_product_attention
kind, T = sys.argv[1], int(sys.argv[2])
options = {"causal": dict(is_causal=True), "dropout": dict(dropout_p=0.1)}.get(kind, {})
if kind == "bools":
    options["attn_mask"] = torch.arange(T)[None, None, None] < T - 5
if kind == "mask with a gradient":
    options["attn_mask"] = torch.zeros(1, 1, 1, T, requires_grad=True)
lead = (1,) if kind == "three" else (1, 1)
q, k, v = (torch.randn(*lead, T, 16, requires_grad=True) for _ in range(3))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if kind == "halves":
    q, k, v = (x.half() for x in (q, k, v))
out = scaled_dot_product_attention(q, k, v, **options)
out.backward(torch.ones_like(out))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("kind", ["plain", "causal", "bools", "three", "halves", "dropout", "mask with a gradient"])
def test_no_matrix_of_all_weights(kind: str) -> None:
    """Forward and backward. The matrix would have 1 GiB for `plain`, 144 MiB for the others."""
    length = 16384 if kind == "plain" else 6144
    run = subprocess.run([sys.executable, "-c", MEMORY, kind, str(length)], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 72


# ---- several heads


def module(T: Any, *args: Any, **kwargs: Any) -> Any:
    T.manual_seed(4)
    return T.nn.MultiheadAttention(*args, **{"dtype": T.float64, **kwargs})


MODULES: dict[str, dict[str, Any]] = {
    "plain": {},
    "no bias": dict(bias=False),
    "bias of keys": dict(add_bias_kv=True),
    "zeros": dict(add_zero_attn=True),
    "widths": dict(kdim=5, vdim=3),
    "width of values": dict(vdim=3, bias=False, add_bias_kv=True),
    "batch first": dict(batch_first=True),
    "dropout": dict(dropout=0.4, add_zero_attn=True),
    "all": dict(kdim=5, add_bias_kv=True, add_zero_attn=True, batch_first=True, dropout=0.2),
}


def inputs(T: Any, options: dict[str, Any], unbatched: bool = False) -> list[Any]:
    sizes = [(4, 3), (6, 3), (6, 3)]
    widths = [8, options.get("kdim", 8), options.get("vdim", 8)]
    if unbatched:
        return [T.leaf(n, w) for (n, _), w in zip(sizes, widths, strict=True)]
    turn = -1 if options.get("batch_first") else 1
    return [T.leaf(*s[::turn], w) for s, w in zip(sizes, widths, strict=True)]


MASKS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "none": lambda T: {},
    "mask": lambda T: dict(attn_mask=square(T, 4, 6)),
    "bools": lambda T: dict(attn_mask=square(T, 4, 6) > 0.8),
    "for each head": lambda T: dict(attn_mask=square(T, 6, 4, 6)),
    "padding": lambda T: dict(key_padding_mask=T.arange(6) >= T.tensor([[3], [6], [5]])),
    "float padding": lambda T: dict(key_padding_mask=square(T, 3, 6)),
    "both": lambda T: dict(key_padding_mask=T.arange(6) >= T.tensor([[3], [6], [5]]), attn_mask=square(T, 4, 6) > 0.8),
    "mixed": lambda T: dict(key_padding_mask=T.arange(6) >= T.tensor([[3], [6], [5]]), attn_mask=square(T, 4, 6)),
    "causal": lambda T: dict(attn_mask=T.triu(T.full((4, 6), -T.inf, dtype=T.float64), 1), is_causal=True),
    "causal padding": lambda T: dict(
        attn_mask=T.ones(4, 6, dtype=T.bool).triu(1), is_causal=True, key_padding_mask=T.arange(6).expand(3, 6) > 4
    ),
}


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("options", MODULES)
def test_modules(torch: ModuleType, options: str, weights: bool) -> None:
    given = MODULES[options]
    for mask in MASKS if options in ("plain", "all") else ("none", "both"):

        def run(T: Any, mask: str = mask) -> Any:
            m = module(T, 8, 2, **given)
            return m(*inputs(T, given), **MASKS[mask](T), need_weights=weights, average_attn_weights=options != "plain")

        alike(torch, run)
    alike(torch, lambda T: module(T, 8, 2, **given)(*inputs(T, given, unbatched=True), need_weights=weights))


def test_unbatched_masks(torch: ModuleType) -> None:
    for mask in ("mask", "bools"):
        alike(torch, lambda T, mask=mask: module(T, 8, 2)(*inputs(T, {}, True), **MASKS[mask](T)))
    alike(torch, lambda T: module(T, 8, 2)(*inputs(T, {}, True), attn_mask=square(T, 2, 4, 6)))
    alike(torch, lambda T: module(T, 8, 2)(*inputs(T, {}, True), key_padding_mask=T.arange(6) > 4))


@pytest.mark.parametrize("shared", ["all", "keys"])
def test_one_product_for_several_projections(torch: ModuleType, shared: str) -> None:
    def run(T: Any) -> Any:
        x, y = T.leaf(4, 3, 8), T.leaf(5, 3, 8)
        return module(T, 8, 2, batch_first=False)(x, *((x, x) if shared == "all" else (y, y)))

    alike(torch, run)


@pytest.mark.parametrize("options", MODULES)
def test_state(torch: ModuleType, options: str) -> None:
    mine, theirs = (module(T, 8, 2, **MODULES[options]) for T in (tgrad, torch))
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for a, b in zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    theirs.load_state_dict({k: torch.from_numpy(v.numpy() * 2) for k, v in mine.state_dict().items()})
    mine.load_state_dict({k: tgrad.from_numpy(v.numpy()) for k, v in theirs.state_dict().items()})
    np.testing.assert_array_equal(mine.out_proj.weight.detach().numpy(), theirs.out_proj.weight.detach().numpy())
    assert type(mine).__module__.replace("tgrad", "torch") == type(theirs).__module__
    assert type(mine.out_proj).__module__.replace("tgrad", "torch") == type(theirs.out_proj).__module__


EVALUATED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "plain": lambda T: {},
    "padding": lambda T: dict(key_padding_mask=T.tensor([[0, 0, 1], [1, 1, 1]]).bool()),
    "float padding": lambda T: dict(key_padding_mask=T.tensor([[0, 0.5, -T.inf], [0, 0, 0]], dtype=T.float64)),
    "mask": lambda T: dict(attn_mask=T.ones(3, 3).triu(1).bool()),
    "for each head": lambda T: dict(attn_mask=T.ones(4, 3, 3).triu(1).bool()),
    "nothing": lambda T: dict(attn_mask=T.ones(3, 3).bool()),
    "both": lambda T: dict(
        key_padding_mask=T.tensor([[0, 0, 1], [1, 1, 1]]).bool(), attn_mask=T.ones(3, 3).triu(1).bool()
    ),
    "a hint": lambda T: dict(is_causal=True),
    "sizes of mask": lambda T: dict(attn_mask=T.ones(3, 4).bool()),
    "sizes of padding": lambda T: dict(key_padding_mask=T.ones(2, 4).bool()),
    "dimensions of padding": lambda T: dict(key_padding_mask=T.ones(3).bool()),
}


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("options", EVALUATED)
def test_evaluated(torch: ModuleType, options: str, weights: bool) -> None:
    """What PyTorch computes by another way if nothing is recorded: masks, rows of nothing, layouts."""

    def run(T: Any) -> Any:
        m, x = module(T, 4, 2, batch_first=True).eval(), T.leaf(2, 3, 4, grad=False)
        with T.no_grad():
            return m(x, x, x, need_weights=weights, **EVALUATED[options](T))

    alike(torch, run)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 5), (2, 4), (4,)])
def test_evaluated_shapes(torch: ModuleType, shape: tuple[int, ...]) -> None:
    def run(T: Any) -> Any:
        m, x = module(T, 4, 2, batch_first=True).eval(), T.leaf(*shape, grad=False)
        with T.no_grad():
            return m(x, x, x)

    alike(torch, run)


@pytest.mark.parametrize("off", ["fast path", "heads", "bias", "keys"])
def test_not_evaluated(torch: ModuleType, off: str) -> None:
    def run(T: Any) -> Any:
        heads, options = (1 if off == "heads" else 2), {"bias": False} if off == "bias" else {}
        m, x = module(T, 4, heads, batch_first=True, **options).eval(), T.leaf(2, 3, 4, grad=False)
        T.backends.mha.set_fastpath_enabled(off != "fast path")
        try:
            with T.no_grad():
                return m(x, x.clone() if off == "keys" else x, x, key_padding_mask=T.zeros(2, 3).bool())
        finally:
            T.backends.mha.set_fastpath_enabled(True)

    alike(torch, run)


BAD: dict[str, Callable[[Any], Any]] = {
    "widths of construction": lambda T: T.nn.MultiheadAttention(5, 2),
    "no heads": lambda T: T.nn.MultiheadAttention(4, 0),
    "no width": lambda T: T.nn.MultiheadAttention(-1, 2),
    "dimensions": lambda T: module(T, 4, 2)(*(square(T, 2, 3, 4, 1),) * 3),
    "keys without batch": lambda T: module(T, 4, 2)(square(T, 3, 2, 4), square(T, 3, 4), square(T, 3, 4)),
    "keys with batch": lambda T: module(T, 4, 2)(square(T, 3, 4), square(T, 3, 2, 4), square(T, 3, 4)),
    "padding": lambda T: module(T, 4, 2)(*(square(T, 3, 2, 4),) * 3, key_padding_mask=T.ones(3).bool()),
    "padding sizes": lambda T: module(T, 4, 2)(*(square(T, 3, 2, 4),) * 3, key_padding_mask=T.ones(2, 4).bool()),
    "padding batch": lambda T: module(T, 4, 2)(*(square(T, 3, 2, 4),) * 3, key_padding_mask=T.ones(3, 3).bool()),
    "padding unbatched": lambda T: module(T, 4, 2)(*(square(T, 3, 4),) * 3, key_padding_mask=T.ones(1, 3).bool()),
    "mask": lambda T: module(T, 4, 2)(*(square(T, 3, 2, 4),) * 3, attn_mask=T.ones(3).bool()),
    "mask unbatched": lambda T: module(T, 4, 2)(*(square(T, 3, 4),) * 3, attn_mask=T.ones(3).bool()),
    "mask sizes": lambda T: module(T, 4, 2)(*(square(T, 3, 2, 4),) * 3, attn_mask=T.ones(3, 4).bool()),
    "mask sizes 3": lambda T: module(T, 4, 2)(*(square(T, 3, 2, 4),) * 3, attn_mask=T.ones(3, 3, 3).bool()),
    "mask heads unbatched": lambda T: module(T, 4, 2)(*(square(T, 3, 4),) * 3, attn_mask=T.ones(3, 3, 3).bool()),
    "mask dtype": lambda T: module(T, 4, 2)(*(square(T, 3, 2, 4),) * 3, attn_mask=T.ones(3, 3).long()),
    "padding dtype": lambda T: module(T, 4, 2)(*(square(T, 3, 2, 4),) * 3, key_padding_mask=T.ones(2, 3).long()),
    "hint": lambda T: module(T, 4, 2)(*(square(T, 3, 2, 4),) * 3, is_causal=True),
    "width": lambda T: module(T, 4, 2)(*(square(T, 3, 2, 5),) * 3),
    "values": lambda T: module(T, 4, 2)(square(T, 3, 2, 4), square(T, 3, 2, 4), square(T, 5, 2, 4)),
    "values of another length": lambda T: module(T, 4, 2, kdim=3)(
        square(T, 3, 2, 4), square(T, 3, 2, 3), square(T, 5, 2, 4)
    ),
    "keys of another width": lambda T: module(T, 4, 2, kdim=3)(*(square(T, 3, 2, 4),) * 3),
    "not divisible": lambda T: forward(T, heads=3),
    "no weight": lambda T: forward(T, in_weight=None),
    "no separate weight": lambda T: forward(T, use_separate_proj_weight=True),
    "static keys": lambda T: forward(T, static_k=square(T, 4, 3, 3)),
    "static values": lambda T: forward(T, static_v=square(T, 3, 3, 2)),
    "bias of keys only": lambda T: forward(T, bias_k=square(T, 1, 1, 4)),
    "bias of values only": lambda T: forward(T, bias_v=square(T, 1, 1, 4)),
    "bias and static": lambda T: forward(
        T, bias_k=square(T, 1, 1, 4), bias_v=square(T, 1, 1, 4), static_k=square(T, 4, 3, 2)
    ),
    "mask word": lambda T: T.nn.functional._none_or_dtype(3),
}


def forward(T: Any, heads: int = 2, in_weight: Any = 0, bias_k: Any = None, bias_v: Any = None, **kwargs: Any) -> Any:
    x = square(T, 3, 2, 4)
    weight = square(T, 12, 4) if in_weight == 0 else in_weight
    return T.nn.functional.multi_head_attention_forward(
        x, x, x, 4, heads, weight, square(T, 12), bias_k, bias_v, False, 0.0, square(T, 4, 4), square(T, 4), **kwargs
    )


@pytest.mark.parametrize("error", BAD)
def test_bad_calls(torch: ModuleType, error: str) -> None:
    got = outcome(lambda: BAD[error](Leaves(tgrad)))
    assert got == outcome(lambda: BAD[error](Leaves(torch)))
    assert isinstance(got[0], tuple) and isinstance(got[0][0], str)


def test_static_keys_and_values(torch: ModuleType) -> None:
    alike(torch, lambda T: forward(T, static_k=T.leaf(4, 5, 2), static_v=T.leaf(4, 5, 2)))


def test_signatures(torch: ModuleType) -> None:
    names = "multi_head_attention_forward _canonical_mask _none_or_dtype _mha_shape_check _in_projection _in_projection_packed".split()
    pairs = [(getattr(tgrad.nn.functional, n), getattr(torch.nn.functional, n)) for n in names]
    mine, theirs = tgrad.nn.MultiheadAttention, torch.nn.MultiheadAttention
    pairs += [(getattr(mine, n), getattr(theirs, n)) for n in ("__init__", "forward", "merge_masks")]
    pairs += [
        (getattr(tgrad.nn.attention, n), getattr(part(torch, "nn.attention"), n))
        for n in tgrad.nn.attention.__all__
        if n not in ("SDPBackend", "WARN_FOR_UNFUSED_KERNELS")
    ]
    for ours, other in pairs:
        a, b = (inspect.signature(f).parameters.values() for f in (ours, other))
        assert [(p.name, p.kind, p.default) for p in a] == [(p.name, p.kind, p.default) for p in b], ours
