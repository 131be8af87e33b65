"""Tensors and modules without sizes yet, modules called with other tensors, and wrappers for several devices, next to PyTorch's."""

from __future__ import annotations

import copy
import functools
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from twins import Log, array, noting, outcome


def test_lazy(torch: ModuleType) -> None:
    """What a tensor without a size allows, and what it refuses in whose words."""
    acts: list[Callable[[Any, Any], Any]] = [
        lambda T, p: p + 1,
        lambda T, p: p.mean(),
        lambda T, p: -p,
        lambda T, p: p @ p,
        lambda T, p: p == p,
        lambda T, p: p[0],
        lambda T, p: bool(p),
        lambda T, p: list(p),
        lambda T, p: p.shape,
        lambda T, p: p.share_memory_(),
        lambda T, p: p.numel(),
        lambda T, p: p.requires_grad_(False),
        lambda T, p: p.detach(),
        lambda T, p: p.clone(),
        lambda T, p: p.add_(1),
        lambda T, p: p.bfloat16(),
        lambda T, p: (p.size(), p.dtype, p.device, p.requires_grad, p.is_leaf, p.grad, p.ndim, p.is_floating_point()),
        lambda T, p: (repr(p), str(p), type(p.double()).__name__, p.cpu() is p, T.is_tensor(p)),
        lambda T, p: (isinstance(p, T.nn.Parameter), isinstance(p, T.nn.Buffer), T.nn.parameter.is_lazy(p)),
        lambda T, p: (
            type(copy.copy(p)).__name__,
            type(pickle.loads(pickle.dumps(p))).__name__,
        ),
        lambda T, p: (p.materialize((2, 3)), type(p).__name__, p.shape, p.requires_grad, p.dtype),
        lambda T, p: (p.materialize((2,), dtype=T.float64), p.dtype),
        lambda T, p: T.nn.init.zeros_(p),
        lambda T, p: T.nn.functional.linear(T.ones(2, 2), p),
    ]
    for kind in ("UninitializedParameter", "UninitializedBuffer"):
        for i, act in enumerate(acts):
            mine = outcome(functools.partial(act, tgrad, getattr(tgrad.nn, kind)()))
            assert mine == outcome(functools.partial(act, torch, getattr(torch.nn, kind)())), (kind, i)
    assert type(copy.deepcopy(tgrad.nn.UninitializedParameter())) is tgrad.nn.UninitializedParameter
    # for functions PyTorch shows where they are in memory: only their names can be the same
    with pytest.raises(ValueError, match="uninitialized parameter in <built-in function add>"):
        tgrad.add(tgrad.nn.UninitializedParameter(), 1)
    with pytest.raises(ValueError, match="uninitialized parameter in <built-in function zeros_like>"):
        tgrad.zeros_like(tgrad.nn.UninitializedParameter())


def test_lazy_modules(torch: ModuleType) -> None:
    def run(T: Any) -> Any:
        log = Log()
        lazy = T.nn.LazyLinear(3)
        net = T.nn.Sequential(lazy, T.nn.LazyLinear(2, bias=False))
        log.note(
            repr(net),
            repr(net.state_dict()),
            lazy.has_uninitialized_params(),
            repr(copy.deepcopy(net)),
            repr(pickle.loads(pickle.dumps(net))),
        )
        log.note(
            outcome(lambda: sum(p.numel() for p in net.parameters())),
            outcome(net.share_memory),
            outcome(lambda: net.to_empty),
        )
        log.note(
            outcome(lambda: T.nn.Linear(2, 3).load_state_dict(lazy.state_dict())),
            repr(lazy.load_state_dict(T.nn.LazyLinear(3).state_dict())),
        )
        net.double()
        optimizer = T.optim.SGD(net.parameters(), 0.1)
        log.note(
            net(T.ones(4, 5, dtype=T.float64)).shape,
            repr(net),
            [type(m).__name__ for m in net],
            list(lazy.__dict__),
            str(lazy.weight.dtype),
        )
        assert optimizer.param_groups[0]["params"][0] is lazy.weight
        loaded = T.nn.LazyLinear(3)
        log.note(repr(loaded.load_state_dict(T.nn.Linear(4, 3).state_dict())), repr(loaded), loaded.weight.shape)
        log.note(outcome(lambda: loaded(T.ones(2, 5))), loaded(T.ones(2, 4)).shape, repr(loaded))
        log.note(
            outcome(lambda: T.nn.LazyConv2d(2, 3)(T.ones(4, 5))),
            outcome(lambda: T.nn.LazyBatchNorm2d()(T.ones(1, 2, 3))),
        )
        log.note(
            outcome(lambda: T.nn.LazyConv1d(4, 3, groups=2)(T.ones(1, 3, 6))),
            outcome(lambda: T.nn.LazyInstanceNorm1d()(T.ones(4))),
        )
        log.note(T.nn.LazyConv2d(2, 3)(T.ones(3, 5, 5)).shape, T.nn.LazyLinear(2)(input=T.ones(2, 4)).shape)

        class Partly(T.nn.modules.lazy.LazyModuleMixin, T.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.w = T.nn.UninitializedParameter()

            def forward(self, x: Any) -> Any:
                return x

        partly = Partly()
        log.note(outcome(lambda: partly(T.ones(1))))
        Partly.initialize_parameters = lambda self, x: None
        log.note(outcome(lambda: partly(T.ones(1))), outcome(partly._replicate_for_data_parallel))
        return [[outcome(lambda w=w: w) for w in line] for line in log]

    assert run(tgrad) == run(torch)


def test_functional_call(torch: ModuleType) -> None:
    def run(T: Any) -> Any:
        log = Log()
        m = T.nn.BatchNorm1d(2).double()
        given = {"running_mean": T.zeros(2, dtype=T.float64), "weight": T.full((2,), 3.0, dtype=T.float64)}
        x = T.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=T.float64)
        call = T.func.functional_call
        log.note(call(m, given, x), given["running_mean"], m.running_mean, m.weight)

        class Counter(T.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("n", T.zeros(1))
                self.w = T.nn.Parameter(T.ones(1))
                self.again = self.w
                self.plain = T.ones(1)

            def forward(self, x: Any, k: int = 1) -> Any:
                self.n = self.n + k
                return self.w * x + self.again + self.plain

        c, mine = Counter(), {"n": T.full((1,), 5.0)}
        log.note(call(c, mine, (x,), {"k": 2}), mine["n"], c.n)
        log.note(
            call(c, {"w": T.zeros(1)}, x),
            call(c, {"w": T.zeros(1)}, x, tie_weights=False),
            call(c, {"plain": T.zeros(1)}, x),
            c.plain,
        )
        log.note(outcome(lambda: call(c, {"w": T.zeros(1), "again": T.ones(1)}, x)))
        log.note(
            outcome(lambda: call(c, {"w": T.zeros(1)}, x, strict=True)),
            outcome(lambda: call(c, {"w": T.zeros(1), "zz": T.ones(1)}, x, strict=True)),
        )
        log.note(
            outcome(lambda: call(c, {"a.b": T.zeros(1)}, x)),
            outcome(lambda: call(c, {"w": 3}, x)),
            outcome(lambda: call(c, {"training": T.ones(1)}, x)),
        )
        log.note(outcome(lambda: call(T.nn.DataParallel(c), {}, x)), hasattr(c, "zz"))
        log.note(noting(T, lambda T: T.nn.utils.stateless.functional_call(c, {}, x).tolist())[0])
        return log

    assert run(tgrad) == run(torch)


def test_sync_batch_norm_and_data_parallel(torch: ModuleType) -> None:
    def run(T: Any) -> Any:
        net = T.nn.Sequential(
            T.nn.BatchNorm1d(2, affine=False), T.nn.Sequential(T.nn.BatchNorm2d(3, bias=False)), T.nn.ReLU()
        ).eval()
        made = T.nn.SyncBatchNorm.convert_sync_batchnorm(net)
        x = T.tensor(np.random.default_rng(0).standard_normal((4, 2)).tolist())
        wrapped = T.nn.DataParallel(T.nn.Sequential(T.nn.SyncBatchNorm(2)))
        line = [
            repr(made),
            made[0].training,
            made[1][0].training,
            [type(m).__name__ for m in made],
            repr(wrapped),
            list(wrapped.state_dict()),
        ]
        line += [array(wrapped(x)).round(5).tolist(), list(wrapped.__dict__)[-1]]
        line += [
            outcome(lambda: made[0](T.ones(3))),
            outcome(lambda: made[0](T.ones(3, 0))),
            outcome(lambda: T.nn.parallel.DistributedDataParallel(net)),
        ]
        line += [
            outcome(lambda: T.nn.parallel.data_parallel(net, x)),
            outcome(lambda: T.nn.parallel.gather([x], "cpu")),
            outcome(lambda: T.nn.parallel.replicate(net, [0])),
        ]
        state = OrderedDict((f"module.{k}", v) for k, v in net.state_dict().items())
        state._metadata = {"": 1, "module": 2, "module.0": 3}
        T.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
        line += [list(state), state._metadata]
        return line

    assert run(tgrad) == run(torch)
