"""Profiles: what is recorded and how it is shown, beside PyTorch's own."""

from __future__ import annotations

import json
import re
import threading

import pytest

import tgrad
from tgrad.autograd import profiler
from tgrad.graph import profiling
from tgrad.graph.modes import state
from tgrad.ops.spec import Row

torch = pytest.importorskip("torch")
BOTH = pytest.mark.parametrize("lib", [tgrad, torch], ids=["tgrad", "torch"])


def work(lib, prof):
    x = lib.ones(4, 5, requires_grad=True)
    w = lib.ones(3, 5, requires_grad=True)
    with prof, lib.autograd.profiler.record_function("outer"), lib.autograd.profiler.record_function("inner"):
        y = lib.nn.functional.linear(x, w).relu().sum()
        y.backward()
        x.detach().mul_(2)
    return prof


def modules(lib):
    import importlib

    return importlib.import_module(f"{lib.__name__}.autograd.profiler"), importlib.import_module(
        f"{lib.__name__}.profiler"
    )


def test_the_same_names_with_the_same_nesting():
    """All that tgrad records stands in PyTorch's profile under the same name and parent, as often."""
    seen = {}
    for lib in (tgrad, torch):
        prof = work(lib, modules(lib)[0].profile(record_shapes=True))
        events = [e for e in prof.function_events if e.scope != 7]
        seen[lib] = [(e.name, e.scope) for e in events]
        parents = {(e.name, e.cpu_parent.name) for e in events}
        seen[lib, "parents"] = parents
        avgs = {e.key: e.count for e in prof.key_averages()}
        assert avgs["outer"] == avgs["inner"] == 1
        assert {(e.name, e.cpu_parent and e.cpu_parent.name) for e in prof.function_events if e.scope == 7} == {
            ("outer", None),
            ("inner", "outer"),
        }
        mm = [e for e in prof.function_events if e.name == "aten::mm"]
        assert mm[0].input_shapes[:2] == [[4, 5], [5, 3]] and len(mm) == 3
        # a backward node carries the number of the operation that recorded it
        back = next(e for e in prof.function_events if e.name == "MmBackward0")
        assert back.sequence_nr == mm[0].sequence_nr >= 0 and back.scope == 1
    assert set(seen[tgrad]) <= set(seen[torch])
    direct = {
        p for p in seen[tgrad, "parents"] if p[0].startswith(("autograd::", "Mm", "Relu", "aten::relu", "aten::linear"))
    }
    assert direct and direct <= seen[torch, "parents"]
    assert ("aten::threshold_backward", "ReluBackward0") in seen[tgrad, "parents"]
    assert ("aten::mm", "MmBackward0") in seen[tgrad, "parents"]


def fixed(util):
    """The same events in either library."""
    events = []
    spans = [
        ("outer", 0, 5000.5, None),
        ("aten::mm", 10, 1210, 0),
        ("aten::add", 1500, 1500.25, 0),
        ("aten::mm", 2000, 2002000, None),
    ]
    for i, (name, start, end, parent) in enumerate(spans):
        e = util.FunctionEvent(
            i + 1,
            name,
            1,
            start,
            end,
            overload_name="",
            input_shapes=[[2, i], []],
            stack=[],
            flops=0,
            sequence_nr=i,
            cpu_memory_usage=i * 3000,
        )
        if parent is not None:
            events[parent].append_cpu_child(e)
            e.set_cpu_parent(events[parent])
        events.append(e)
    made = util.EventList(events, profile_memory=True, with_flops=True)
    made._tree_built = True
    return made


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sort_by": "self_cpu_time_total"},
        {"sort_by": "count", "row_limit": 1},
        {"header": "A header", "max_name_column_width": 10},
        {"top_level_events_only": True, "time_unit": "us"},
        {"time_unit": "s", "row_limit": -1},
        {"max_shapes_column_width": 6},
    ],
)
@pytest.mark.parametrize("kind", ["events", "averages", "by shape"])
def test_tables_are_those_of_pytorch_to_the_letter(options, kind):
    from torch.autograd import profiler_util as theirs

    from tgrad.autograd import profiler_util as ours

    texts = []
    for util in (ours, theirs):
        events = fixed(util)
        if kind != "events":
            events = events.key_averages(kind == "by shape")
        texts.append(events.table(**options))
        assert events.self_cpu_time_total == pytest.approx(5000.5 + 2000000)
    assert texts[0] == texts[1]
    assert repr(fixed(ours)[0]) == repr(fixed(theirs)[0])
    assert repr(fixed(ours).key_averages()[1]) == repr(fixed(theirs).key_averages()[1])
    assert repr(fixed(ours).total_average()) == repr(fixed(theirs).total_average())


@pytest.mark.parametrize("what", ["stack", "flops"])  # with both, PyTorch mixes up the two columns
def test_stacks_and_flops_in_tables(what):
    from torch.autograd import profiler_util as theirs

    from tgrad.autograd import profiler_util as ours

    texts = []
    for util in (ours, theirs):
        events = fixed(util)
        for i, e in enumerate(events):
            if what == "stack":
                e.stack = [f"/a/long/path/to/file{i}.py(3): inner", "main.py(1): <module>"][: 2 - i % 2]
            else:
                e.flops = 1500 * i
        texts.append(events.table(max_src_column_width=20))
        texts.append(events.key_averages(group_by_stack_n=1).table())
    assert texts[:2] == texts[2:]


@BOTH
def test_flops_and_memory(lib):
    with modules(lib)[0].profile(with_flops=True, profile_memory=True) as prof:
        a = lib.ones(20, 30)
        kept = [
            a @ a.t(),
            a * a,
            a + a,
            lib.nn.functional.conv2d(lib.ones(2, 3, 8, 9), lib.ones(4, 3, 3, 3), None, 2, 1),
        ]
    found = {e.key: e for e in prof.key_averages()}
    assert len(kept) == 4
    assert found["aten::mm"].flops == 2 * 20 * 20 * 30
    assert found["aten::mul"].flops == found["aten::add"].flops == 600
    assert found["aten::conv2d"].flops == 2 * 2 * 4 * 5 * 9 * 3 * 4
    assert found["aten::mm"].cpu_memory_usage == 1600 and found["aten::mul"].self_cpu_memory_usage == 2400


@BOTH
def test_switched_off_nested_and_entered_twice(lib):
    P = modules(lib)[0]
    with P.profile(enabled=False) as prof:
        assert prof is None
    prof = P.profile()
    with prof:
        lib.ones(2)
    with pytest.raises(RuntimeError, match="Profiler context manager is not reentrant"):
        prof.__enter__()
    with P.record_function("nobody listens"):
        pass
    assert P.profile().function_events == [] and str(P.profile()) == "<unfinished torch.autograd.profile>"


def test_entering_one_inside_another():
    with profiler.profile() as outer:
        with pytest.raises(RuntimeError, match="already enabled on this thread"), profiler.profile():
            pass
        tgrad.ones(2).exp()
    assert "aten::exp" in [e.name for e in outer.function_events]


def test_nothing_is_left_behind():
    before = (Row.__call__, tgrad.matmul.__code__, state.slow, state.hooked, tgrad.Tensor.sum.__code__)
    with pytest.raises(ValueError), profiler.profile() as prof:
        tgrad.matmul(tgrad.ones(2, 2), tgrad.ones(2, 2))
        assert tgrad.matmul.__code__ is not before[1]
        raise ValueError
    assert (Row.__call__, tgrad.matmul.__code__, state.slow, state.hooked, tgrad.Tensor.sum.__code__) == before
    assert state.profiler is None and not profiling._changed
    assert [e.name for e in prof.function_events][-2:] == ["aten::matmul", "aten::mm"]


def test_an_error_inside_an_operation_closes_its_range():
    with profiler.profile() as prof:
        with pytest.raises(RuntimeError):
            tgrad.ones(2, 3).mm(tgrad.ones(2, 3))
        with pytest.raises(RuntimeError):
            tgrad.ones(2) + tgrad.ones(3)
        tgrad.ones(2).exp()
    exp = next(e for e in prof.function_events if e.name == "aten::exp")
    assert exp.cpu_parent is None and exp.cpu_time_total > 0


def test_results_and_graphs_are_the_same_as_without():
    def steps():
        x = tgrad.arange(6.0).reshape(2, 3).requires_grad_()
        y = tgrad.einsum("ij,kj->ik", x, x).softmax(1).cumsum(0)
        y[0, 1] = 3.0
        z = tgrad.cat([y, y.t()]).var() + x.sort()[0].prod()
        (g,) = tgrad.autograd.grad(z, x, create_graph=True)
        g.pow(2).sum().backward()
        return z, x.grad, tgrad.func.vmap(tgrad.func.grad(lambda v: (v * v).sin().sum()))(x.detach()), z.grad_fn.name()

    plain = steps()
    with profiler.profile(record_shapes=True, with_stack=True, profile_memory=True, with_flops=True):
        timed = steps()
    for a, b in zip(plain[:3], timed[:3], strict=True):
        assert tgrad.equal(a, b)
    assert plain[3] == timed[3]


def test_other_threads_are_not_recorded_and_have_their_own():
    names = {}

    def other():
        tgrad.ones(3).exp()
        with profiler.profile() as own:
            tgrad.ones(3).log()
        names["other"] = [e.name for e in own.function_events]

    with profiler.profile() as prof:
        t = threading.Thread(target=other)
        t.start()
        t.join()
        tgrad.ones(3).sin()
    names["this"] = [e.name for e in prof.function_events]
    assert names == {"other": ["aten::ones", "aten::log"], "this": ["aten::ones", "aten::sin"]}


def test_stacks_show_the_program(tmp_path):
    def called():
        return tgrad.ones(3, requires_grad=True).exp().sum()

    with profiler.profile(with_stack=True) as prof:
        called().backward()
    exp = next(e for e in prof.function_events if e.name == "aten::exp")
    assert exp.stack[0].endswith(": called") and "test_profiler.py(" in exp.stack[0]
    back = next(e for e in prof.function_events if e.name == "ExpBackward0")
    assert back.stack == exp.stack  # where the forward operation was called
    prof.export_stacks(str(tmp_path / "stacks"), "self_cpu_time_total")
    assert re.search(r"called \d+$", (tmp_path / "stacks").read_text().splitlines()[0])
    with pytest.raises(AssertionError, match="requires with_stack=True"), profiler.profile() as without:
        without.export_stacks("x")


def test_chrome_traces(tmp_path):
    prof = work(tgrad, profiler.profile(record_shapes=True))
    prof.export_chrome_trace(str(tmp_path / "t.json"))
    rows = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    spans = {r["name"]: r for r in rows if r["ph"] == "X"}
    assert spans["aten::mm"]["cat"] == "cpu_op" and spans["outer"]["cat"] == "user_annotation"
    assert spans["aten::linear"]["args"]["Input Dims"][:2] == [[4, 5], [3, 5]]
    inner, outer = spans["inner"], spans["outer"]
    assert outer["ts"] <= inner["ts"] and inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]
    assert sorted({r["ph"] for r in rows}) == ["M", "X", "f", "s"]


@BOTH
def test_decorated_and_repeated(lib):
    P = modules(lib)[0]

    @P.record_function("mine")
    def fn():
        return lib.ones(2)

    with P.profile() as prof:
        fn()
        fn()
    assert {e.key: e.count for e in prof.key_averages()}["mine"] == 2


@BOTH
@pytest.mark.filterwarnings("ignore:Warning. Profiler clears events")
def test_schedules(lib):
    P = modules(lib)[1]
    plan = P.schedule(skip_first=1, wait=1, warmup=1, active=2, repeat=2)
    assert [plan(i).name for i in range(10)] == [
        *("NONE", "NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE", "NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE", "NONE"),
    ]
    ready = []
    with P.profile(
        activities=[P.ProfilerActivity.CPU],
        schedule=plan,
        on_trace_ready=lambda p: ready.append(
            (p.step_num, [e.name for e in p.events() if e.name in ("aten::exp", "ProfilerStep*")])
        ),
    ) as prof:
        for _ in range(10):
            lib.ones(3).exp()
            prof.step()
    assert ready == [(5, ["ProfilerStep*", "aten::exp"] * 2), (9, ["ProfilerStep*", "aten::exp"] * 2)]
    assert {e.key: e.count for e in prof.key_averages()}["aten::exp"] == 2
    with pytest.raises(AssertionError, match=r"Invalid profiler schedule arguments. Got wait=0 \(need >= 0\)"):
        P.schedule(wait=0, warmup=0, active=0)
    with pytest.raises(AssertionError, match="No valid profiler activities found"):
        P.profile(activities=[])
    with pytest.raises(AssertionError, match="Profiler must be initialized before accessing events"):
        P.profile().events()


def test_gradients_of_hooked_and_several_leaves():
    x = tgrad.ones(3, requires_grad=True)
    x.register_hook(lambda g: g * 2)
    with profiler.profile() as prof:
        (x * x).sum().backward()
        (x * 3).sum().backward()
    assert x.grad.tolist() == [10.0] * 3
    names = [e.name for e in prof.function_events]
    assert names.count("torch::autograd::AccumulateGrad") == 2
    assert all(e.time_range.end >= e.time_range.start for e in prof.function_events)
