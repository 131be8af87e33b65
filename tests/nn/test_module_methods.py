"""Module, method by method, next to PyTorch's: hooks, state, conversions, registration, and what goes wrong."""

from __future__ import annotations

import copy
import functools
import importlib
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from twins import Log, noting, outcome


def tree(T: Any) -> Any:
    """a (with x, tied as y), b.c, b.d, with buffers that are kept and one that is not."""
    nn = T.nn
    root = nn.Module()
    root.a = nn.Linear(2, 2)
    root.b = nn.Module()
    root.b.c = nn.BatchNorm1d(2)
    root.b.d = root.a
    root.tied = root.a.weight
    root.register_buffer("kept", T.ones(2))
    root.register_buffer("dropped", T.zeros(1), persistent=False)
    root.register_buffer("none", None)
    root.register_parameter("nothing", None)
    root.plain = 3
    with T.no_grad():
        for p in root.parameters():
            p.fill_(0.5)
    return root


def do(module: Any, act: Callable[[Any], Any], then: Callable[[Any], Any] = lambda m: list(m.state_dict())) -> Any:
    return act(module), then(module)


def first_line(act: Callable[[], Any]) -> Any:
    kind, text = outcome(act)
    return kind, text.split("\n")[0]


class Extra:
    """A module with a state of its own, in either library."""

    @staticmethod
    def make(T: Any, get: bool = True, take: bool = True) -> Any:
        class WithExtra(T.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.w = T.nn.Parameter(T.ones(1))
                self.more = {"n": 1}

            if get:

                def get_extra_state(self) -> Any:
                    return dict(self.more)

            if take:

                def set_extra_state(self, state: Any) -> None:
                    self.more = state

        return T.nn.Sequential(WithExtra())


def loading(T: Any, *args: Any, hook: Any = None, **kwargs: Any) -> Any:
    module = tree(T)
    if hook is not None:
        hook(module)
    state = module.state_dict()
    for edit in args:
        edit(state)
    return repr(module.load_state_dict(state, **kwargs)), list(state)


def put(**values: Any) -> Callable[[Any], Any]:
    return lambda state: state.update({k.replace("__", "."): v for k, v in values.items()})


def drop(*keys: str) -> Callable[[Any], Any]:
    return lambda state: [state.pop(k) for k in keys]


def misused(T: Any, name: str) -> Any:
    """A module whose registration goes wrong in the constructor."""

    class Early(T.nn.Module):
        def __init__(self) -> None:
            getattr(self, name)("x", None)

    return Early()


def without_persistent(T: Any, persistent: bool) -> Any:
    class Own(T.nn.Module):
        def register_buffer(self, name: str, tensor: Any) -> None:  # type: ignore[override]
            super().register_buffer(name, tensor)

    module = Own()
    module.x = T.nn.Buffer(T.ones(1), persistent=persistent)
    return list(module.state_dict())


CASES: list[Callable[[Any], Any]] = [
    # walks
    lambda T: [n for n, _ in tree(T).named_parameters()],
    lambda T: [n for n, _ in tree(T).named_parameters("p", False)],
    lambda T: [n for n, _ in tree(T).named_parameters(prefix="p", remove_duplicate=False)],
    lambda T: [n for n, _ in tree(T).named_buffers("p", True, False)],
    lambda T: [n for n, _ in tree(T).named_buffers(recurse=False)],
    lambda T: [n for n, _ in tree(T).named_modules()],
    lambda T: [n for n, _ in tree(T).named_modules(prefix="p", remove_duplicate=False)],
    lambda T: [n for n, _ in tree(T).named_modules({tree(T)}, "q")],
    lambda T: [n for n, _ in tree(T).named_children()],
    lambda T: (len(list(tree(T).modules())), len(list(tree(T).modules(remove_duplicate=False))), len(list(tree(T).children()))),
    lambda T: (len(list(tree(T).parameters())), len(list(tree(T).parameters(recurse=False))), len(list(tree(T).buffers()))),
    lambda T: sorted(n for n in dir(tree(T)) if not n.startswith("_")),
    lambda T: "0" in dir(T.nn.Sequential(T.nn.ReLU())),
    # by name
    lambda T: tree(T).get_submodule(""),
    lambda T: tree(T).get_submodule("b.c"),
    lambda T: tree(T).get_submodule("b.x"),
    lambda T: tree(T).get_submodule("a.weight"),
    lambda T: tree(T).get_submodule("plain"),
    lambda T: tree(T).get_parameter("a.weight"),
    lambda T: tree(T).get_parameter("a.x"),
    lambda T: tree(T).get_parameter("kept"),
    lambda T: tree(T).get_parameter("x.weight"),
    lambda T: tree(T).get_parameter("a"),
    lambda T: tree(T).get_buffer("b.c.running_mean"),
    lambda T: tree(T).get_buffer("b.c.weight"),
    lambda T: tree(T).get_buffer("b.c.x"),
    lambda T: do(tree(T), lambda m: m.set_submodule("b.c", T.nn.ReLU()), repr),
    lambda T: do(tree(T), lambda m: m.set_submodule("b.new", T.nn.ReLU()), repr),
    lambda T: do(tree(T), lambda m: m.set_submodule("new", T.nn.ReLU()), repr),
    lambda T: do(tree(T), lambda m: m.set_submodule("b.new", T.nn.ReLU(), strict=True), repr),
    lambda T: do(tree(T), lambda m: m.set_submodule("x.new", T.nn.ReLU()), repr),
    lambda T: do(tree(T), lambda m: m.set_submodule("plain", T.nn.ReLU()), repr),
    lambda T: do(tree(T), lambda m: m.set_submodule("", T.nn.ReLU()), repr),
    lambda T: do(tree(T), lambda m: m.set_submodule("b.c", 3), repr),
    # registration
    lambda T: misused(T, "register_buffer"),
    lambda T: misused(T, "register_parameter"),
    lambda T: misused(T, "add_module"),
    lambda T: tree(T).register_buffer(3, None),
    lambda T: tree(T).register_buffer("plain", None),
    lambda T: tree(T).register_buffer("x", T.nn.ReLU()),
    lambda T: tree(T).register_parameter("x.y", None),
    lambda T: tree(T).register_parameter("", None),
    lambda T: tree(T).register_parameter("plain", None),
    lambda T: tree(T).register_parameter("x", T.ones(1)),
    lambda T: tree(T).register_parameter("x", T.nn.Parameter(T.ones(1)) * 2),
    lambda T: tree(T).register_module("x", 3),
    lambda T: tree(T).register_module(3, None),
    lambda T: tree(T).register_module("plain", None),
    lambda T: tree(T).register_module("", None),
    lambda T: do(tree(T), lambda m: m.register_module("x", None), repr),
    lambda T: do(tree(T), lambda m: m.register_buffer("kept", T.zeros(3), persistent=False)),
    lambda T: do(tree(T), lambda m: m.register_buffer("dropped", T.zeros(3))),
    lambda T: do(tree(T), lambda m: setattr(m, "a", T.nn.Parameter(T.ones(1)))),
    lambda T: do(tree(T), lambda m: setattr(m, "kept", T.nn.Parameter(T.ones(1)))),
    lambda T: do(tree(T), lambda m: setattr(m, "tied", T.nn.ReLU())),
    lambda T: do(tree(T), lambda m: setattr(m, "kept", None)),
    lambda T: do(tree(T), lambda m: setattr(m, "a", None)),
    lambda T: do(tree(T), lambda m: setattr(m, "tied", T.nn.Buffer(T.ones(1)))),
    lambda T: do(tree(T), lambda m: setattr(m, "plain", T.nn.Buffer(T.ones(1)))),
    lambda T: do(tree(T), lambda m: setattr(m, "plain", T.ones(1))),
    lambda T: do(tree(T), lambda m: setattr(m, "tied", T.ones(1))),
    lambda T: do(tree(T), lambda m: setattr(m, "kept", "text")),
    lambda T: do(tree(T), lambda m: setattr(m, "a", "text")),
    lambda T: do(tree(T), lambda m: delattr(m, "a")),
    lambda T: do(tree(T), lambda m: delattr(m, "dropped")),
    lambda T: do(tree(T), lambda m: delattr(m, "x")),
    lambda T: without_persistent(T, True),
    lambda T: without_persistent(T, False),
    lambda T: T.nn.Buffer(T.ones(2, requires_grad=True)).requires_grad,
    lambda T: (repr(T.nn.Buffer()), T.nn.Buffer(T.ones(1), persistent=False).persistent, repr(T.nn.Parameter())),
    # state
    lambda T: noting(T, lambda T: list(tree(T).state_dict(OrderedDict(), "p.", True))),
    lambda T: list(tree(T).state_dict(prefix="p.", destination={"z": 1})),
    lambda T: [v.requires_grad for v in tree(T).state_dict(keep_vars=True).values()],
    lambda T: tree(T).state_dict()._metadata,
    lambda T: loading(T),
    lambda T: loading(T, drop("a.weight", "b.c.bias")),
    lambda T: loading(T, put(a__extra=T.ones(1), zz=T.ones(1), b__q__r=T.ones(1))),
    lambda T: loading(T, drop("a.bias"), put(a__extra=T.ones(1), a__weight=T.ones(3))),
    lambda T: loading(T, drop("a.bias"), put(a__extra=T.ones(1)), strict=False),
    lambda T: loading(T, put(a__weight=T.ones(3)), strict=False),
    lambda T: loading(T, put(a__weight="text")),
    lambda T: loading(T, put(nothing=T.ones(1))),
    lambda T: loading(T, put(b__c__num_batches_tracked=T.ones(1, dtype=T.int64))),
    lambda T: loading(T, put(_extra_state=3)),
    lambda T: tree(T).load_state_dict(3),
    lambda T: tree(T).load_state_dict({}),
    lambda T: list(Extra.make(T).state_dict().items()),
    lambda T: Extra.make(T).load_state_dict({"0.w": T.ones(1)}),
    lambda T: Extra.make(T).load_state_dict({"0.w": T.ones(1), "0._extra_state": {"n": 5}}),
    lambda T: Extra.make(T, take=False).load_state_dict({"0.w": T.ones(1), "0._extra_state": {"n": 5}}),
    lambda T: T.nn.Module().get_extra_state(),
    lambda T: T.nn.Module().set_extra_state(3),
    lambda T: (repr(T.nn.modules.module._IncompatibleKeys([], [])), repr(T.nn.modules.module._IncompatibleKeys(["a"], [])), str(T.nn.modules.module._IncompatibleKeys([], ["b"]))),
    lambda T: T.nn.BatchNorm1d(2).load_state_dict({"weight": T.ones(2), "bias": T.ones(2), "running_mean": T.ones(2), "running_var": T.ones(2)}),
    lambda T: T.nn.InstanceNorm1d(2).load_state_dict({"running_mean": T.ones(2), "running_var": T.ones(2)}),
    lambda T: T.nn.Linear(2, 3).load_state_dict(T.nn.LazyLinear(3).state_dict()),
    # conversions
    lambda T: tree(T).to(T.float64).b.c.running_mean,
    lambda T: tree(T).to("cpu", T.float16).b.c.num_batches_tracked.dtype,
    lambda T: tree(T).to(T.ones(1, dtype=T.float64)).kept.dtype,
    lambda T: tree(T).to(device="cpu", dtype=T.bfloat16, non_blocking=True).kept.dtype,
    lambda T: T.nn.Conv2d(2, 3, 2).to(memory_format=T.channels_last).weight.stride(),
    lambda T: T.nn.Conv2d(2, 3, 2).to("cpu", T.float64, memory_format=T.channels_last).weight.stride(),
    lambda T: noting(T, lambda T: tree(T).to(T.complex64).kept.dtype),
    lambda T: tree(T).to(T.int32),
    lambda T: first_line(lambda: tree(T).to(foo=1)),
    lambda T: first_line(lambda: tree(T).to("cpu", T.float32, False, 3)),
    lambda T: first_line(lambda: tree(T).to(dtype="x")),
    lambda T: first_line(lambda: tree(T).to("cpu", True)),
    lambda T: tree(T).to("nothing"),
    lambda T: tree(T).cuda(),
    lambda T: tree(T).xpu(),
    lambda T: tree(T).mtia(),
    lambda T: (tree(T).type(T.float64).kept.dtype, tree(T).half().kept.dtype, tree(T).bfloat16().kept.dtype, tree(T).double().kept.dtype, tree(T).float().kept.dtype, tree(T).cpu().kept.dtype),
    lambda T: (tree(T).to_empty(device="cpu").a.weight.shape, tree(T).to_empty(device="cpu", recurse=False).tied.requires_grad),
    lambda T: tree(T).to_empty(),
    lambda T: repr(tree(T).share_memory()),
    lambda T: do(tree(T), lambda m: m.requires_grad_(False), lambda m: [p.requires_grad for p in m.parameters()]),
    lambda T: [p.requires_grad for p in tree(T).requires_grad_().parameters()],
    lambda T: tree(T).train(1),
    lambda T: (tree(T).eval().b.c.training, tree(T).train(False).training, tree(T).eval().train().b.c.training),
    lambda T: do([], lambda seen: repr(tree(T).apply(lambda m: seen.append(type(m).__name__))), repr),
    lambda T: tree(T)(3),
    lambda T: T.nn.Module().forward(1, 2),
    lambda T: T.nn.Linear(2, 2)(T.ones(2), 3),
    lambda T: T.nn.Linear(2, 2)(input=T.ones(3)),
    lambda T: tree(T).missing,
    lambda T: tree(T).extra_repr(),
    lambda T: T.nn.Linear(2, 3).compile() is None and T.nn.Linear(2, 3)(T.ones(2)).shape,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("i", range(len(CASES)))
def test_case(torch: ModuleType, i: int) -> None:
    assert outcome(lambda: CASES[i](tgrad)) == outcome(lambda: CASES[i](torch))


# ---- hooks


def small(T: Any) -> Any:
    module = T.nn.Linear(2, 1, dtype=T.float64)
    T.nn.init.constant_(module.weight, 0.5)
    T.nn.init.constant_(module.bias, 0.25)
    return module


def keyword(T: Any) -> Any:
    class Scaled(T.nn.Module):
        def forward(self, x: Any, scale: float = 1.0) -> Any:
            if scale < 0:
                raise ValueError("scale is negative")
            return x * scale

    return Scaled()


def forward_hooks(T: Any, log: Log) -> None:
    m, x = keyword(T), T.ones(2)
    m.register_forward_pre_hook(lambda mod, a: log.note("pre", *a))
    m.register_forward_pre_hook(lambda mod, a: a[0] + 1, prepend=True)
    m.register_forward_pre_hook(lambda mod, a, k: (a, {**k, "scale": k.get("scale", 1) * 2}), with_kwargs=True)
    m.register_forward_hook(lambda mod, a, out: log.note("post", *a, out))
    h = m.register_forward_hook(lambda mod, a, k, out: out + k["scale"], with_kwargs=True, prepend=True)
    m.register_forward_hook(lambda mod, a, k, out: log.note("always", k, out), with_kwargs=True, always_call=True)
    log.note(m(x), m(x, scale=3.0))
    h.remove()
    h.remove()
    log.note(m(x, scale=2.0), len(m._forward_hooks), len(m._forward_hooks_with_kwargs))
    log.note(outcome(lambda: m(x, scale=-1.0)))
    with m.register_forward_pre_hook(lambda mod, a, k: 3, with_kwargs=True):
        log.note(outcome(lambda: m(x)))
    log.note(m(x))


def failing_always(T: Any, log: Log) -> None:
    m = keyword(T)

    def bad(mod: Any, a: Any, out: Any) -> Any:
        raise RuntimeError("the hook fails")

    m.register_forward_hook(bad, always_call=True)
    seen, out = noting(T, lambda T: outcome(lambda: m(T.ones(1), scale=-1.0)))
    log.note(seen, out)


def backward_hooks(T: Any, log: Log) -> None:
    m = small(T)
    x = T.tensor([[1.0, 2.0]], dtype=T.float64, requires_grad=True)
    m.register_full_backward_pre_hook(lambda mod, g: (g[0] * 2,))
    m.register_full_backward_pre_hook(lambda mod, g: log.note("pre", *g), prepend=True)
    m.register_full_backward_hook(lambda mod, gi, go: log.note("full", *gi, *go))
    m.register_full_backward_hook(lambda mod, gi, go: None if gi[0] is None else (gi[0] * 3,), prepend=True)
    out = m(x)
    log.note(out.grad_fn.name(), out.grad_fn.next_functions[0][0].name())
    out.sum().backward()
    log.note(x.grad, m.weight.grad)
    m(x.detach()).sum().backward()  # no input requires grad
    log.note(m.weight.grad)
    m.register_full_backward_hook(lambda mod, gi, go: (gi[0], gi[0]))
    log.note(outcome(lambda: m(x).sum().backward()))
    other = small(T)
    other.register_full_backward_pre_hook(lambda mod, g: (g[0], g[0]))
    log.note(outcome(lambda: other(x).sum().backward()))
    log.note(outcome(lambda: m.register_backward_hook(print)))


def more_backward_hooks(T: Any, log: Log) -> None:
    class Two(T.nn.Module):
        def forward(self, a: Any, b: Any, text: str) -> Any:
            return a * b, text, a + 1

    m = Two()
    m.register_full_backward_hook(lambda mod, gi, go: log.note([None if g is None else g.tolist() for g in (*gi, *go)]))
    a, b = T.ones(2, requires_grad=True), T.full((2,), 3.0)
    (first, text, second) = m(a, b, "t")
    (first.sum() + second.sum()).backward()
    log.note(text, a.grad)

    class Table(T.nn.Module):
        def forward(self, a: Any) -> Any:
            return {"out": a * 2}

    t = Table()
    t.register_full_backward_hook(lambda *a: log.note("called"))
    log.note(noting(T, lambda T: sorted(t(a)))[0])

    class Around(T.nn.Module):
        def forward(self, a: Any) -> Any:
            self.seen = a * 2
            return a.detach() * 2

    w = Around()
    w.register_full_backward_hook(lambda *a: log.note("called"))
    w(a * 1)
    log.note(outcome(lambda: w.seen.sum().backward()))


def old_hooks(T: Any, log: Log) -> None:
    x = T.ones(1, 2, dtype=T.float64, requires_grad=True)

    def made(forward: Any) -> Any:
        class M(T.nn.Module):
            pass

        M.forward = lambda self, *a: forward(*a)
        m = M()
        m.register_backward_hook(lambda mod, gi, go: log.note("old", len(gi), len(go)))
        return m

    def tried(forward: Any, *args: Any) -> None:
        m = made(forward)

        def act(T: Any) -> Any:
            out = m(*args)
            while not hasattr(out, "backward"):
                out = out["a"] if isinstance(out, dict) else out[0]
            out.sum().backward()

        log.note(noting(T, act)[0])

    tried(lambda a: a * 2, x * 1)
    tried(lambda a: (a * 2).sin(), x * 1)
    tried(lambda a: {"a": a * 2}, x * 1)
    tried(lambda a: [a * 2], x * 1)
    tried(lambda a: (a * 2, a * 3), x * 1)
    tried(lambda a, b: a * 2, x * 1, 3)
    m = made(lambda a: a)
    log.note(outcome(lambda: m.register_full_backward_hook(print)))


def global_hooks(T: Any, log: Log) -> None:
    M = importlib.import_module(f"{T.__name__}.nn.modules.module")
    m = T.nn.Sequential(small(T))
    x = T.ones(1, 2, dtype=T.float64, requires_grad=True)
    m[0].register_forward_hook(lambda mod, a, out: log.note("own", out))
    handles = [
        M.register_module_forward_pre_hook(lambda mod, a: log.note("pre", type(mod).__name__)),
        M.register_module_forward_hook(lambda mod, a, out: log.note("post", type(mod).__name__)),
        M.register_module_forward_hook(lambda mod, a, k, out: out * 1, with_kwargs=True),
        M.register_module_full_backward_pre_hook(lambda mod, g: log.note("bpre", type(mod).__name__)),
        M.register_module_full_backward_hook(lambda mod, gi, go: log.note("back", type(mod).__name__, *gi)),
        M.register_module_parameter_registration_hook(lambda mod, name, p: log.note("parameter", name)),
        M.register_module_buffer_registration_hook(lambda mod, name, b: log.note("buffer", name)),
        M.register_module_module_registration_hook(lambda mod, name, c: log.note("module", name)),
    ]
    try:
        m(x).sum().backward()
        log.note(outcome(lambda: M.register_module_backward_hook(print)))
        T.nn.Sequential(T.nn.BatchNorm1d(2))
        host = T.nn.Module()
        host.child = T.nn.ReLU()
        host.child = None
    finally:
        for h in handles:
            h.remove()
    before = len(log)
    m(x)
    log.note(len(log) - before)


def state_hooks(T: Any, log: Log) -> None:
    m = tree(T)
    m.register_state_dict_pre_hook(lambda mod, prefix, keep: log.note("pre", prefix, keep))
    m.b.register_state_dict_post_hook(lambda mod, state, prefix, local: log.note("post", prefix, local, list(state)))
    m._register_state_dict_hook(lambda mod, state, prefix, local: OrderedDict(only=1))
    log.note(list(m.state_dict()))
    m.register_load_state_dict_pre_hook(
        lambda mod, state, prefix, *rest: log.note("load", type(mod).__name__, prefix, rest[1:])
    )
    m.b._register_load_state_dict_pre_hook(lambda state, prefix, *rest: state.pop("b.c.bias"))
    m.register_load_state_dict_post_hook(lambda mod, keys: log.note(keys.missing_keys, keys.unexpected_keys))
    log.note(outcome(lambda: m.load_state_dict(tree(T).state_dict())))
    m.b.register_load_state_dict_post_hook(lambda mod, keys: keys.missing_keys.clear())
    log.note(outcome(lambda: m.load_state_dict(tree(T).state_dict())))
    m.register_load_state_dict_post_hook(lambda mod, keys: 3)
    log.note(outcome(lambda: m.load_state_dict(tree(T).state_dict())))
    hook = functools.partial(lambda *a: 3)
    n = T.nn.ReLU()
    n.register_state_dict_post_hook(hook)
    log.note(outcome(n.state_dict), outcome(lambda: n._register_state_dict_hook(hook)))


HOOKS = [forward_hooks, failing_always, backward_hooks, more_backward_hooks, old_hooks, global_hooks, state_hooks]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", HOOKS)
def test_hooks(torch: ModuleType, run: Callable[[Any, Log], None]) -> None:
    logs = []
    for T in (tgrad, torch):
        logs.append(Log())
        run(T, logs[-1])
    assert logs[0] == logs[1] and logs[0]


# ---- the rest


class Noted:
    """A hook that can be pickled."""

    calls = 0

    def __call__(self, *args: Any) -> None:
        Noted.calls += 1


def test_hooks_are_copied_and_pickled() -> None:
    m = tgrad.nn.Linear(2, 2)
    m.register_forward_hook(Noted())
    m.register_load_state_dict_pre_hook(Noted())
    for again in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        before = Noted.calls
        again(tgrad.ones(2))
        again.load_state_dict(m.state_dict())
        assert Noted.calls == before + 2
        (hook,) = again._load_state_dict_pre_hooks.values()
        assert hook.module() is again
        seen: list[int] = []
        again.register_forward_hook(lambda *a, seen=seen: seen.append(1))  # its number is a new one
        again(tgrad.ones(2))
        assert Noted.calls == before + 3 and seen == [1]


def test_a_module_with_loading_hooks_is_freed_at_once() -> None:
    import gc
    import weakref

    m = tgrad.nn.Linear(2, 2)
    m.register_load_state_dict_pre_hook(Noted())
    ref = weakref.ref(m)
    gc.disable()
    try:
        del m
        assert ref() is None
    finally:
        gc.enable()


@pytest.fixture
def future(torch: ModuleType) -> Any:
    both = [importlib.import_module(f"{T.__name__}.__future__") for T in (tgrad, torch)]
    yield both
    for f in both:
        f.set_overwrite_module_params_on_conversion(False)
        f.set_swap_module_params_on_conversion(False)


def test_conversions_as_the_future_has_them(torch: ModuleType, future: Any) -> None:
    results = []
    for T, f in zip((tgrad, torch), future, strict=True):
        log: list[Any] = [f.get_overwrite_module_params_on_conversion(), f.get_swap_module_params_on_conversion()]
        for overwrite, swap in ((False, False), (True, False), (False, True)):
            f.set_overwrite_module_params_on_conversion(overwrite)
            f.set_swap_module_params_on_conversion(swap)
            m = small(T)
            weight = m.weight
            m(T.ones(2, dtype=T.float64)).sum().backward()
            grad = weight.grad
            m.float()
            log += [
                m.weight is weight,
                m.weight.grad is grad,
                str(m.weight.dtype),
                str(m.weight.grad.dtype),
                str(grad.dtype),
                weight.shape,
            ]
            m = small(T)
            weight = m.weight
            given = {"weight": T.ones(1, 2, dtype=T.float32), "bias": T.zeros(1)}
            log.append(repr(m.load_state_dict(given, assign=swap)))
            log += [
                m.weight is weight,
                str(m.weight.dtype),
                m.weight.tolist(),
                type(m.weight).__name__,
                m.weight.requires_grad,
            ]
        results.append([str(x) for x in log])
    assert results[0] == results[1]


def test_swap_tensors(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        a, b = T.ones(2), T.nn.Parameter(T.zeros(3, dtype=T.float64))
        a.mark = 1
        T.utils.swap_tensors(a, b)
        assert type(b) is T.Tensor and b.tolist() == [1.0, 1.0] and b.mark == 1 and not b.requires_grad
        assert type(a) is T.nn.Parameter and a.shape == (3,) and a.requires_grad and not hasattr(a, "mark")


def test_assign(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        m = T.nn.BatchNorm1d(2)
        m.weight.requires_grad_(False)
        state = {k: v.clone() for k, v in m.double().state_dict().items()}
        m.float()
        m.load_state_dict(state, assign=True)
        assert str(m.weight.dtype).endswith("float64") and not m.weight.requires_grad and m.bias.requires_grad
        assert m.weight.data_ptr() == state["weight"].data_ptr() and m.running_mean is state["running_mean"]
        assert type(m.weight) is T.nn.Parameter


def test_copies_keep_what_is_shared(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        m = tree(T)
        for again in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
            assert again.tied is again.a.weight and again.b.d is again.a and again.a is not m.a
            assert list(again.state_dict()) == list(m.state_dict())
            assert again._non_persistent_buffers_set == {"dropped"}
        shallow = copy.copy(m)
        assert shallow.a is m.a and shallow._parameters is m._parameters


def test_traceback_names_the_forward() -> None:
    def bad(self: Any, x: Any) -> Any:
        raise KeyError("inside")

    m = type("Bad", (tgrad.nn.Module,), {"forward": bad})()
    m.register_forward_hook(Noted())
    with pytest.raises(KeyError, match="inside") as info:
        m(1)
    assert [entry.name for entry in info.traceback][-1] == "bad"
