"""What all optimizers share next to PyTorch's: signatures, errors, groups, hooks, closures, gradients through a step, functional forms."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

from . import cases

NAMES = [*cases.OPTIONS, "LBFGS", "SparseAdam"]
FUNCTIONAL = {
    "sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "nadam": "NAdam", "radam": "RAdam", "adamax": "Adamax", "adagrad": "Adagrad",
    "adadelta": "Adadelta", "rmsprop": "RMSprop", "rprop": "Rprop", "asgd": "ASGD", "_adafactor": "Adafactor", "_muon": "Muon",
}  # fmt: skip


def leaf(T: Any, *size: int) -> Any:
    return T.ones(*(size or (2,)), requires_grad=True)


def signature(fn: Any) -> list[Any]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(fn).parameters.values()]


# ---- names


def test_signatures_and_modules(torch: ModuleType) -> None:
    assert sorted(tgrad.optim.__all__) == sorted(torch.optim.__all__)
    for name in NAMES:
        ours, theirs = getattr(tgrad.optim, name), getattr(torch.optim, name)
        assert signature(ours) == signature(theirs), name
        assert signature(ours.step) == signature(theirs.step), name
        assert ours.__module__ == theirs.__module__.replace("torch", "tgrad")
    for module, name in FUNCTIONAL.items():
        ours, theirs = (importlib.import_module(f"{lib}.optim.{module}") for lib in ("tgrad", "torch"))
        fn = module.lstrip("_")
        assert signature(getattr(ours, fn)) == signature(getattr(theirs, fn)), module
        assert set(theirs.__all__) <= {*ours.__all__, name}
    for name, member in vars(torch.optim.Optimizer).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            assert signature(getattr(tgrad.optim.Optimizer, name)) == signature(member), name


# ---- what is refused


def refused(T: Any, call: Callable[[Any], Any]) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call(T)
            out = None
        except Exception as e:
            out = type(e).__name__, str(e)
    return out, [(w.category.__name__, str(w.message)) for w in caught]


BAD: dict[str, list[dict[str, Any]]] = {
    "SGD": [{"momentum": -1}, {"weight_decay": -1}, {"nesterov": True}, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}],
    "Adam": [{"betas": (1.0, 0.9)}, {"betas": (0.9, 1.0)}, {"eps": -1}, {"weight_decay": -1}, {"betas": (0.9, 0)}],
    "AdamW": [{"betas": (-0.1, 0.9)}, {"eps": -1}, {"weight_decay": -1}],
    "NAdam": [{"betas": (1.0, 0.9)}, {"betas": (0.9, 1.0)}, {"eps": -1}, {"weight_decay": -1}, {"momentum_decay": -1}],
    "RAdam": [{"betas": (1.0, 0.9)}, {"betas": (0.9, 1.0)}, {"eps": -1}, {"weight_decay": -1}],
    "Adamax": [{"betas": (1.0, 0.9)}, {"betas": (0.9, 1.0)}, {"eps": -1}, {"weight_decay": -1}],
    "Adagrad": [{"lr_decay": -1}, {"weight_decay": -1}, {"initial_accumulator_value": -1}, {"eps": -1}],
    "Adadelta": [{"rho": 2}, {"eps": -1}, {"weight_decay": -1}],
    "RMSprop": [{"eps": -1}, {"momentum": -1}, {"weight_decay": -1}, {"alpha": -1}],
    "Rprop": [{"etas": (1.1, 1.2)}, {"etas": (0.5, 0.9)}, {"etas": (0, 2)}],
    "ASGD": [{"weight_decay": -1}],
    "Adafactor": [{"beta2_decay": 1}, {"eps": (-1, 1)}, {"eps": (None, -1)}, {"d": 0.5}, {"weight_decay": -1}],
    "Muon": [{"momentum": -1}, {"weight_decay": -1}, {"adjust_lr_fn": "x"}],
    "LBFGS": [],
    "SparseAdam": [{"lr": 0}, {"eps": 0}, {"betas": (1.0, 0.9)}, {"betas": (0.9, 1.0)}],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_options_that_are_refused(torch: ModuleType, name: str) -> None:
    flags = [{"fused": True, "foreach": True}, {"fused": True, "differentiable": True}]
    for options in [{}, {"lr": -1}, {"lr": "pair"}, {"lr": "one"}, *BAD[name], *flags]:
        if not set(options) <= set(inspect.signature(getattr(torch.optim, name)).parameters):
            continue

        def call(T: Any, options: dict[str, Any] = options) -> Any:
            given = {k: {"pair": T.ones(2), "one": T.ones(1)}.get(v, v) if k == "lr" else v for k, v in options.items()}
            return getattr(T.optim, name)([leaf(T, 2, 2)], **given)

        assert refused(tgrad, call) == refused(torch, call), options


def stepped(T: Any, name: str, dtype: str = "float32", **options: Any) -> Any:
    p = T.ones(2, 2, dtype=getattr(T, dtype), requires_grad=True)
    p.grad = T.ones(2, 2, dtype=p.dtype)
    optimizer = getattr(T.optim, name)([p], **options)
    optimizer.step()
    return optimizer


REFUSED: list[Callable[[Any], Any]] = [
    lambda T: T.optim.SGD([], lr=0.1),
    lambda T: T.optim.SGD(leaf(T), lr=0.1),
    lambda T: T.optim.SGD(3, lr=0.1),
    lambda T: T.optim.SGD([3], lr=0.1),
    lambda T: T.optim.SGD([("a", 3)], lr=0.1),
    lambda T: T.optim.SGD([leaf(T) * 2], lr=0.1),
    lambda T: T.optim.SGD([leaf(T) * 2], lr=0.1, differentiable=True),
    lambda T: T.optim.SGD([("a", leaf(T)), leaf(T)], lr=0.1),
    lambda T: T.optim.SGD([("a", leaf(T))], lr=0.1).add_param_group({"params": [leaf(T)]}),
    lambda T: T.optim.SGD([leaf(T)], lr=0.1).add_param_group({"params": [("a", leaf(T))]}),
    lambda T: (lambda p: T.optim.SGD([p, p], lr=0.1))(leaf(T)),
    lambda T: (lambda p: T.optim.SGD([{"params": [p]}, {"params": [p]}], lr=1))(leaf(T)),
    lambda T: T.optim.SGD([{"params": {leaf(T)}}], lr=1),
    lambda T: T.optim.SGD([{"lr": 1}]),
    lambda T: T.optim.SGD([leaf(T)], lr=1).add_param_group([]),
    lambda T: T.optim.SGD([leaf(T)], lr=1).add_param_group({"params": []}),
    lambda T: T.optim.SGD([leaf(T)], lr=1).load_state_dict({"state": {}, "param_groups": []}),
    lambda T: T.optim.SGD([leaf(T)], lr=1).load_state_dict({"state": {}, "param_groups": [{"params": [0, 1]}]}),
    lambda T: T.optim.SGD([leaf(T)], lr=1).load_state_dict({}),
    lambda T: T.optim.Optimizer([leaf(T)], {}).step(),
    lambda T: T.optim.Optimizer([leaf(T)], {"lr": T.optim._adafactor.Optimizer and importlib.import_module(f"{T.__name__}.optim.optimizer").required}),
    lambda T: T.optim.LBFGS([{"params": [leaf(T)]}, {"params": [leaf(T)]}]),
    lambda T: T.optim.LBFGS([leaf(T)]).step(),
    lambda T: (lambda p: T.optim.LBFGS([p], line_search_fn="x").step(lambda: ((p * p).sum(), (p * p).sum().backward())[0]))(leaf(T)),
    lambda T: T.optim.Muon([leaf(T)]),
    lambda T: T.optim.Muon([leaf(T, 2, 2)], ns_steps=100).step(),
    lambda T: stepped(T, "Muon", ns_steps=100),
    lambda T: stepped(T, "Muon", ns_coefficients=(1, 2)),
    lambda T: stepped(T, "Muon", "complex64"),
    lambda T: stepped(T, "Adafactor", "complex64"),
    lambda T: stepped(T, "SparseAdam"),
    lambda T: T.optim.SparseAdam([leaf(T).to(T.complex64).detach().requires_grad_()]),
    lambda T: T.optim.Adam([leaf(T)], lr=T.tensor(0.1), foreach=True),
    lambda T: T.optim.Adam([leaf(T)], betas=(T.tensor(0.9), T.tensor(0.99)), foreach=True),
    lambda T: T.optim.Adam([leaf(T)], betas=(T.tensor([0.9, 0.9]).max(), T.tensor([0.99])), lr=T.tensor([0.1])),
    lambda T: T.optim.Adam([leaf(T)], betas=(T.tensor(0.9), 0.99)),
    *(lambda T, n=n: stepped(T, n, capturable=True) for n in ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adadelta", "RMSprop", "Rprop", "ASGD")),
    *(lambda T, n=n: stepped(T, n, capturable=True, foreach=True) for n in ("Adam", "NAdam", "RAdam", "Adamax", "Adadelta", "RMSprop", "Rprop", "ASGD")),
    *(lambda T, n=n: stepped(T, n, differentiable=True, foreach=True) for n in ("Adam", "NAdam", "RAdam", "Adamax", "Adadelta", "RMSprop", "Rprop", "ASGD", "Adagrad")),
    *(lambda T, n=n: stepped(T, n, "complex64", fused=True) for n in ("SGD", "Adam", "AdamW", "Adagrad")),
    lambda T: importlib.import_module(f"{T.__name__}.optim.adam").adam(
        [leaf(T)], [leaf(T)], [leaf(T)], [leaf(T)], [], [1], amsgrad=False, beta1=0.9, beta2=0.9, lr=1, weight_decay=0, eps=0, maximize=False
    ),
    lambda T: importlib.import_module(f"{T.__name__}.optim._muon").muon(
        [leaf(T)], [leaf(T)], [leaf(T)], foreach=True, lr=1, weight_decay=0, momentum=0, nesterov=False, ns_coefficients=(1, 1, 1), ns_steps=1,
        eps=0, adjust_lr_fn=None, has_complex=False,
    ),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_what_is_refused(torch: ModuleType, i: int) -> None:
    ours, theirs = (refused(T, REFUSED[i]) for T in (tgrad, torch))
    assert repr(ours).replace("tgrad", "torch").partition("\\n")[0] == repr(theirs).partition("\\n")[0]


# ---- steps


def test_closures_and_hooks(torch: ModuleType) -> None:
    logs = []
    for T in (tgrad, torch):
        module = importlib.import_module(f"{T.__name__}.optim.optimizer")
        log: list[Any] = []
        p, q = leaf(T), leaf(T)
        optimizer = T.optim.SGD([{"params": [p], "lr": 0.5}, {"params": q}], lr=0.1)
        handles = [
            module.register_optimizer_step_pre_hook(
                lambda o, a, k, log=log: log.append(["all before", type(o).__name__, len(a), sorted(k)])
            ),
            module.register_optimizer_step_post_hook(lambda o, a, k, log=log: log.append(["all after", len(a)])),
            optimizer.register_step_pre_hook(lambda o, a, k, log=log: log.append(["before"])),
            optimizer.register_step_post_hook(lambda o, a, k, log=log: log.append(["after"])),
        ]

        def closure(p: Any = p, q: Any = q, optimizer: Any = optimizer, T: Any = T, log: Any = log) -> Any:
            log.append(T.is_grad_enabled())
            optimizer.zero_grad()
            loss = (p * p).sum() + q.sum()
            loss.backward()
            return loss

        with T.no_grad():
            log.append(optimizer.step(closure).item())
            log.append(T.is_grad_enabled())
        log.append(optimizer.step(closure=closure).item())
        handles.append(optimizer.register_step_pre_hook(lambda o, a, k: ((a[0], lambda: 7), {})))
        log.append(optimizer.step(closure))
        for h in handles:
            h.remove()
        log.append(optimizer.step())
        handle = optimizer.register_step_pre_hook(lambda o, a, k: 3)
        with pytest.raises(RuntimeError, match="must return None or a tuple of"):
            optimizer.step()
        handle.remove()
        log += [p.tolist(), q.tolist(), type(optimizer).step.hooked]
        logs.append(log)
    assert logs[0] == logs[1]


def test_hooks_of_states(torch: ModuleType) -> None:
    logs = []
    for T in (tgrad, torch):
        log: list[Any] = []
        optimizer = T.optim.SGD([leaf(T)], lr=0.1)
        optimizer.register_state_dict_pre_hook(lambda o, log=log: log.append("1"))
        optimizer.register_state_dict_pre_hook(lambda o, log=log: log.append("0"), prepend=True)
        optimizer.register_state_dict_post_hook(lambda o, s, log=log: log.append(sorted(s)))
        optimizer.register_state_dict_post_hook(lambda o, s: {**s, "more": 1}, prepend=True)
        optimizer.register_load_state_dict_pre_hook(lambda o, s, log=log: log.append(sorted(s)))
        optimizer.register_load_state_dict_pre_hook(
            lambda o, s: {k: v for k, v in s.items() if k != "more"}, prepend=True
        )
        optimizer.register_load_state_dict_post_hook(lambda o, log=log: log.append("loaded"))
        state = optimizer.state_dict()
        log.append(sorted(state))
        optimizer.load_state_dict(state)
        logs.append(log)
    assert logs[0] == logs[1]


def test_groups_and_names(torch: ModuleType) -> None:
    logs = []
    for T in (tgrad, torch):
        model = T.nn.Linear(2, 3)
        optimizer = T.optim.Adam(model.named_parameters(), lr=0.1)
        log: list[Any] = [optimizer.param_groups[0]["param_names"], repr(optimizer)]
        optimizer.add_param_group({"params": [("more", leaf(T))], "lr": 0.5, "own": "option"})
        state = optimizer.state_dict()
        log += [[{k: v for k, v in g.items()} for g in state["param_groups"]], repr(optimizer)]
        plain = T.optim.Adam([{"params": model.parameters()}, {"params": leaf(T)}])
        plain.load_state_dict(state)
        log.append(plain.param_groups[0]["param_names"])
        for g in state["param_groups"]:
            del g["param_names"]
        optimizer.load_state_dict(state)
        log.append([g["param_names"] for g in optimizer.param_groups])
        log.append(T.optim.SGD({"a": leaf(T)}.values(), lr=0.1).param_groups[0]["lr"])
        generator = T.optim.SGD(iter([{"params": iter([leaf(T)])}]), lr=0.1)
        log.append(len(generator.param_groups[0]["params"]))
        logs.append(log)
    assert logs[0] == logs[1]


@pytest.mark.parametrize("name", cases.OPTIONS)
def test_copies_and_pickles(name: str) -> None:
    params = cases.parameters(tgrad, name, "float64")
    optimizer = cases.made(tgrad, name, params, {})
    cases.steps(tgrad, optimizer, "float64", 3)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert repr(other) == repr(optimizer)
        cases.steps(tgrad, other, "float64", 3, seed=4)
    cases.steps(tgrad, optimizer, "float64", 3, seed=4)
    for p, q in zip(params, other.param_groups[0]["params"], strict=True):
        assert cases.apart(p, q) <= 1e-14 and p is not q


def test_zeroing(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        p, q, r = leaf(T), leaf(T), leaf(T)
        p.grad = T.ones(2)
        q.grad = (leaf(T) * 2).clone()
        optimizer = T.optim.SGD([p, q, r], lr=0.1)
        held = p.grad
        optimizer.zero_grad(set_to_none=False)
        assert (
            p.grad is held
            and p.grad.tolist() == [0.0, 0.0]
            and q.grad.tolist() == [0.0, 0.0]
            and q.grad.grad_fn is None
        )
        optimizer.zero_grad()
        assert p.grad is None and q.grad is None and r.grad is None


def gradients(T: Any, name: str, options: dict[str, Any], count: int) -> list[Any]:
    x = T.tensor([0.5, -1.5, 2.0], dtype=T.float64, requires_grad=True)
    g = T.tensor([[0.3, -0.2, 1.0], [0.1, 0.4, -0.7]], dtype=T.float64, requires_grad=True)
    lr, decay = (T.tensor(v, dtype=T.float64, requires_grad=True) for v in (0.1, 0.3))
    given = {k: {"lr": lr, "decay": decay}.get(v, v) if isinstance(v, str) else v for k, v in options.items()}
    if "betas" in given and given["betas"] == "tensors":
        given["betas"] = tuple(T.tensor(v, dtype=T.float64, requires_grad=True) for v in (0.8, 0.9))
    p = x.clone()
    p.retain_grad()
    optimizer = getattr(T.optim, name)([p], **{"lr": 0.1, "differentiable": True, **given})
    for k in range(count):
        p.grad = g[k] * 2
        optimizer.step()
    wanted = [x, g, lr, decay, *(b for b in given.get("betas", ()) if hasattr(b, "item"))]
    try:
        grads = T.autograd.grad((p * p).sum(), wanted, allow_unused=True)
    except RuntimeError as e:
        return [str(e).partition(", which is output")[0]]
    return [p.tolist(), *[None if v is None else v.tolist() for v in grads]]


@pytest.mark.parametrize("name", [n for n in cases.OPTIONS if n not in ("Adafactor", "Muon")])
def test_gradients_through_steps(torch: ModuleType, name: str) -> None:
    """What the parameters were before a step or two is differentiated, the gradients that the steps were along, and options that are
    tensors. Where a second step writes over what the first one needs, PyTorch and tgrad say so."""
    more: list[dict[str, Any]] = [{}, {"maximize": True}, {"weight_decay": 0.1}]
    if name == "SGD":
        more += [
            {"lr": "lr", "weight_decay": "decay"},
            {"lr": "lr", "momentum": 0.5, "nesterov": True},
            {"weight_decay": "decay", "momentum": 0.5},
        ]
    if name in ("Adam", "AdamW"):
        more += [
            {"lr": "lr"},
            {"betas": "tensors"},
            {"betas": "tensors", "amsgrad": True, "lr": "lr"},
            {"weight_decay": "decay"},
        ]
    for options in [*cases.OPTIONS[name], *more]:
        if "weight_decay" in options and name == "Rprop":
            continue
        for count in (1,) if name == "Rprop" else (1, 2):  # PyTorch writes over its own widths; here they are kept
            ours, theirs = (gradients(T, name, options, count) for T in (tgrad, torch))
            assert len(ours) == len(theirs), (options, count, ours, theirs)
            for a, b in zip(ours, theirs, strict=True):
                if b is None or isinstance(b, str):
                    assert a == b, (options, count)
                else:
                    np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-12, err_msg=f"{options} {count}")


def test_betas_that_are_tensors(torch: ModuleType) -> None:
    for dtype in ("float64", "float32"):
        got = []
        for T in (tgrad, torch):
            params = cases.parameters(T, "Adam", dtype)
            optimizer = T.optim.Adam(
                params, lr=T.tensor(0.02), betas=(T.tensor([0.8]), T.tensor(0.95, dtype=T.float64))
            )
            cases.steps(T, optimizer, dtype, 20)
            got.append((params, repr(optimizer)))
        for p, q in zip(got[0][0], got[1][0], strict=True):
            assert cases.apart(p, q) < (1e-7 if dtype == "float64" else 1e-5)
        assert got[0][1] == got[1][1]


def test_the_counter_follows_the_default_dtype(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        T.set_default_dtype(T.float64)
        try:
            optimizers = [stepped(T, n) for n in ("Adam", "NAdam", "ASGD", "Rprop", "Adagrad")]
            fused = stepped(T, "Adam", fused=True)
        finally:
            T.set_default_dtype(T.float32)
        for o in optimizers:
            assert all(s["step"].dtype is T.float64 for s in o.state.values())
        assert all(s["step"].dtype is T.float32 for s in fused.state.values())


def test_writes_are_noticed() -> None:
    """A step moves the version counters on, so that a stale graph is refused."""
    for name in cases.OPTIONS:
        p = leaf(tgrad, 2, 2)
        loss = (p * p).sum()
        p.grad = tgrad.ones(2, 2)
        getattr(tgrad.optim, name)([p], lr=0.1).step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_functional_forms(torch: ModuleType) -> None:
    """The functions step lists of tensors as the classes do."""
    common = {"lr": 0.1, "weight_decay": 0.1, "maximize": False}
    betas = {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
    given: dict[str, tuple[int, dict[str, Any]]] = {
        "adam": (3, {**common, **betas, "amsgrad": True}), "adamw": (3, {**common, **betas, "amsgrad": True}),
        "radam": (2, {"lr": 0.1, "weight_decay": 0.1, **betas}), "adamax": (2, {"lr": 0.1, "weight_decay": 0.1, **betas}),
        "adagrad": (1, {**common, "lr_decay": 0.1, "eps": 1e-8}), "adadelta": (2, {**common, "rho": 0.9, "eps": 1e-6}),
        "rprop": (2, {"step_size_min": 1e-6, "step_size_max": 50, "etaminus": 0.5, "etaplus": 1.2}),
    }  # fmt: skip
    for name, (count, options) in given.items():
        got = []
        for T in (tgrad, torch):
            fn = getattr(importlib.import_module(f"{T.__name__}.optim._functional"), name)
            ps, gs = ([T.tensor([1.0, -2.0], dtype=T.float64) * k, T.ones(2, 2, dtype=T.float64)] for k in (1, 3))
            states = [[T.full_like(p, 0.25) for p in ps] for _ in range(count)]
            steps = [T.tensor(6.0) for _ in ps]
            fn(ps, gs, *states, steps, **options)
            got.append([[t.tolist() for t in some] for some in (ps, *states, steps)])
        for a, b in zip(*got, strict=True):
            for x, y in zip(a, b, strict=True):
                np.testing.assert_allclose(x, y, rtol=1e-13, err_msg=name)


def test_sgd_fills_its_list_of_buffers(torch: ModuleType) -> None:
    got = []
    for T in (tgrad, torch):
        sgd = importlib.import_module(f"{T.__name__}.optim.sgd").sgd
        ps, gs, buffers = [T.ones(2)], [T.tensor([1.0, 2.0])], [None]
        for _ in range(3):
            sgd(ps, gs, buffers, weight_decay=0.1, momentum=0.9, lr=0.1, dampening=0.0, nesterov=True, maximize=False)
        got.append([ps[0].tolist(), buffers[0].tolist()])
    np.testing.assert_allclose(*got, rtol=1e-6)


def test_swapping_parameters_and_states(torch: ModuleType) -> None:
    logs = []
    for T in (tgrad, torch):
        p = leaf(T)
        optimizer = T.optim.Adam([p], lr=0.1)
        swap = T.optim.swap_in_optimizer_params_and_state
        log: list[Any] = []

        def trial(params: Any, state: Any, optimizer: Any = optimizer, swap: Any = swap, log: Any = log) -> None:
            try:
                with swap(optimizer, params, state):
                    optimizer.param_groups[0]["params"][0].grad = (
                        optimizer.param_groups[0]["params"][0].detach() * 0 + 1
                    )
                    optimizer.step()
            except RuntimeError as e:
                log.append(str(e))

        trial({"p": leaf(T)}, optimizer.state_dict())
        p.grad = T.ones(2)
        optimizer.step()
        state, other = copy.deepcopy(optimizer.state_dict()), leaf(T)
        state["param_groups"][0]["lr"] = 0.5
        trial({"p": other}, state)
        log += [other.tolist(), p.tolist(), optimizer.param_groups[0]["lr"], len(optimizer.state)]
        for bad in (
            3, {"state": 3}, {"state": {p: 1}}, {"state": {0: 3}}, {"state": {}, "param_groups": 3}, {"state": {}, "param_groups": []},
            {"state": {}, "param_groups": [3]}, {"state": {}, "param_groups": [{}]}, {"state": {}, "param_groups": [{"params": []}]},
            {"state": {}, "param_groups": [{"params": [0], "x": 1}]}, {**state, "state": {7: {}}},
        ):  # fmt: skip
            trial({"p": other}, bad)
        trial({}, state)
        logs.append(log)
    np.testing.assert_allclose(logs[0][1:3], logs[1][1:3])
    assert [x for x in logs[0] if isinstance(x, str)] == [x for x in logs[1] if isinstance(x, str)]
    assert logs[0][3:5] == logs[1][3:5]


def test_classes_of_ones_own(torch: ModuleType) -> None:
    """A subclass with a step of its own gets the hooks; one that calls on its base's step as well."""
    logs = []
    for T in (tgrad, torch):

        class Plain(T.optim.Optimizer):  # type: ignore[name-defined, misc]
            def __init__(self, params: Any, lr: float = 0.1) -> None:
                super().__init__(params, {"lr": lr})

            def step(self, closure: Any = None, T: Any = T) -> Any:
                with T.no_grad():
                    for group in self.param_groups:
                        for p in group["params"]:
                            p.sub_(p.grad, alpha=group["lr"])
                            self.state[p]["n"] = self.state[p].get("n", 0) + 1
                return "stepped"

        class Twice(T.optim.SGD):  # type: ignore[name-defined, misc]
            def step(self, closure: Any = None) -> Any:
                super().step()
                return super().step(closure)

        log: list[Any] = []
        for cls in (Plain, Twice):
            p = leaf(T)
            p.grad = T.ones(2)
            optimizer = cls([p], lr=0.1)
            optimizer.register_step_post_hook(lambda o, a, k, log=log: log.append("after"))
            schedule = T.optim.lr_scheduler.StepLR(optimizer, 1)
            log.append(optimizer.step())
            schedule.step()
            log += [p.tolist(), optimizer.param_groups[0]["lr"], repr(optimizer), str(optimizer.state_dict()["state"])]
        logs.append(log)
    assert logs[0] == logs[1]
