"""The echo of today against the real PyTorch: the same numbers in both, texts equal byte for byte."""

from __future__ import annotations

import importlib
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tgrad import echo

# `tgrad.dtype` is the class; this is the module behind it
dtypes = importlib.import_module("tgrad.dtype")

DTYPES = [d.name for d in dtypes.ALL if d.name not in ("uint16", "uint32", "uint64")]


class Standin:
    """What the echo asks of a tensor, and no more."""

    def __init__(
        self, array: np.ndarray, device: str = "cpu", requires_grad: bool = False, grad_fn: Any = None
    ) -> None:
        self._a = array = np.asarray(array)
        self.dtype = dtypes.from_np(array.dtype)
        self.shape = array.shape
        self.device = Device(device)
        self.requires_grad = requires_grad or grad_fn is not None
        self.grad_fn = grad_fn

    def detach(self) -> Standin:
        return self

    def cpu(self) -> Standin:
        return self

    def item(self) -> Any:
        return self._a.item()

    def __repr__(self) -> str:
        return echo.tensor_repr(self)

    def __format__(self, spec: str) -> str:
        return echo.tensor_format(self, spec)


class Device:
    def __init__(self, text: str) -> None:
        self.type, _, index = text.partition(":")
        self.index = int(index) if index else None

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


# The engine's classes are known by name and package.
Tensor = type("Tensor", (Standin,), {"__module__": "tgrad.tensor"})
Parameter = type(
    "Parameter", (Tensor,), {"__module__": "tgrad.nn.parameter", "__repr__": lambda self: echo.parameter_repr(self)}
)


def numpy_of(name: str) -> np.dtype:
    return dtypes.by_name(name).np


def to_torch(torch: Any, array: np.ndarray) -> Any:
    if array.dtype.name == "bfloat16":
        bits = np.ascontiguousarray(array).view(np.int16)
        return torch.from_numpy(bits).view(torch.bfloat16).reshape(array.shape)
    return torch.from_numpy(np.array(array))


@pytest.fixture
def both_options(torch: Any):
    """Set print options on both sides; puts both back."""

    def apply(**options: Any) -> None:
        torch.set_printoptions(**options)
        echo.set_printoptions(**options)

    yield apply
    apply(profile="default")


def outcome(call: Any) -> tuple[str, str]:
    try:
        return "text", call()
    except Exception as error:
        return type(error).__name__, str(error)


def check(torch: Any, array: np.ndarray) -> None:
    assert repr(Tensor(array)) == repr(to_torch(torch, array))


SHAPES = [
    (), (1,), (2,), (7,), (23,), (2, 2), (1, 30), (30, 1), (3, 4), (2, 3, 4), (1, 1, 1), (2, 1, 3, 2), (2, 2, 1, 2, 3),
    (0,), (0, 3), (3, 0), (2, 0, 4), (1001,), (40, 40), (5, 300), (300, 5), (7, 7, 30), (2, 3, 200), (4, 8, 8, 8),
    (2, 7, 7, 7, 8), (1000,), (10, 100), (1001, 1), (1, 1001),
]  # fmt: skip


def sample(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of one of many characters: narrow, wide, whole, tiny, huge, with zeros, infinities and nans."""
    if name == "bool":
        return rng.random(shape) < rng.random()
    kind = numpy_of(name)
    if name.startswith(("int", "uint")):
        info = np.iinfo(kind)
        reach = min(int(10 ** rng.uniform(0, 19)), info.max)
        return rng.integers(max(-reach, info.min), reach, shape, dtype=kind, endpoint=True)
    if name.startswith("complex"):
        part = "float32" if name == "complex64" else "float64"
        out = np.empty(shape, kind)
        out.real, out.imag = sample(rng, part, shape), sample(rng, part, shape)
        return out
    values = rng.standard_normal(shape)
    character = rng.integers(8)
    if character == 0:
        values = np.round(values * 10 ** rng.uniform(0, 9))
    elif character == 1:
        values = values * 10.0 ** rng.uniform(-8, 9)
    elif character == 2:
        values = values * 10.0 ** rng.uniform(-3, 3, shape)
    elif character == 3:
        values = values * 10.0 ** rng.uniform(-300, 300) if name == "float64" else values * 10.0 ** rng.uniform(-44, 38)
    elif character == 4:
        values = np.abs(values)
    elif character == 5:
        values = rng.choice([0.0, -0.0, 1.0, 0.5, 1000.0, 1e-4, 1e8], shape)
    if rng.random() < 0.3:
        special = rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan], shape)
        values = np.where(rng.random(shape) < rng.random(), special, values)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(values).astype(kind)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_and_shape(torch, name, shape):
    rng = np.random.default_rng(len(shape) * 100 + DTYPES.index(name))
    for _ in range(3 if math.prod(shape) > 200 else 15):
        check(torch, sample(rng, name, shape))


def test_thousands_of_small_tensors(torch):
    rng = np.random.default_rng(1)
    for _ in range(4000):
        name = DTYPES[rng.integers(len(DTYPES))]
        shape = tuple(int(n) for n in rng.integers(0, 5, rng.integers(0, 6)))
        check(torch, sample(rng, name, shape))


def test_layouts_do_not_show(torch):
    base = np.arange(2.0 * 3 * 4 * 50).reshape(2, 3, 4, 50)
    for view in (base.T, base[:, ::-1, 1:3, ::7], base.transpose(2, 0, 3, 1), np.broadcast_to(base[0, 0], (9, 4, 50))):
        assert repr(Tensor(view)) == repr(to_torch(torch, np.ascontiguousarray(view)))


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 1000.0], [1.0, 1001.0], [1.0, 1000.5], [1e8], [1e8 + 8], [99999999.5], [1e-4], [9.99e-5], [0.0001, 0.1],
        [0.0, -0.0], [-0.0, 1.0], [-0.0, 0.5], [math.nan], [math.inf, -math.inf], [math.nan, 1.0], [math.inf, 1.5],
        [-math.inf, 1e9], [math.nan, 1e-9, 0.0], [5e-324, 1e308], [2.675, 2.665], [0.00005], [123456.789], [0.5] * 30,
        [1.0] * 30, [-1.5] * 30, [1e10] * 30, [12345.0] * 30,
    ],
    ids=str,
)  # fmt: skip
def test_edges_of_the_rules(torch, both_options, values):
    array = np.array(values)
    for sci_mode in (None, True, False):
        both_options(sci_mode=sci_mode)
        for kind in ("float64", "float32", "complex128"):
            with np.errstate(over="ignore", under="ignore"):
                check(torch, array.astype(kind))
        check(torch, np.array([complex(0, v) for v in values]))
        check(torch, np.array(array[0]))


PRINT = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 12),
        "threshold": st.one_of(st.integers(0, 200), st.just(math.inf)),
        "edgeitems": st.integers(0, 5),
        "linewidth": st.integers(1, 200),
        "profile": st.sampled_from(["default", "short", "full", "another"]),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)
ANY_SHAPE = st.lists(st.integers(0, 9), max_size=5).filter(lambda shape: math.prod(shape) <= 400).map(tuple)


@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(DTYPES), ANY_SHAPE, PRINT, st.integers(0, 2**32), st.booleans())
def test_random_options(torch, both_options, name, shape, options, seed, wants_grad):
    array = sample(np.random.default_rng(seed), name, shape)
    both_options(profile="default")
    both_options(**options)
    assert echo.get_printoptions() == torch._tensor_str.get_printoptions()
    theirs = to_torch(torch, array)
    wants_grad = wants_grad and (theirs.is_floating_point() or theirs.is_complex())
    theirs.requires_grad_(wants_grad)
    assert repr(Tensor(array, requires_grad=wants_grad)) == repr(theirs)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.floats(width=32) | st.floats() | st.integers(-(10**6), 10**6).map(float), min_size=1, max_size=12),
    st.sampled_from(["float16", "bfloat16", "float32", "float64"]),
)
def test_any_floats(torch, values, name):
    with np.errstate(all="ignore"):
        check(torch, np.array(values).astype(numpy_of(name)))


NONSENSE = [
    {"edgeitems": 1.5}, {"edgeitems": "a"}, {"edgeitems": -1}, {"edgeitems": -3}, {"edgeitems": True},
    {"precision": -1},
    {"precision": "x"}, {"precision": "3"}, {"precision": 2.5}, {"threshold": "a"}, {"threshold": math.nan},
    {"threshold": -1}, {"linewidth": "a"}, {"linewidth": math.inf}, {"linewidth": math.nan}, {"linewidth": -3},
    {"linewidth": 0}, {"linewidth": 33.7}, {"profile": "none"}, {"profile": 3}, {"sci_mode": "yes"}, {"sci_mode": 0},
]  # fmt: skip


@pytest.mark.parametrize("options", NONSENSE, ids=str)
@pytest.mark.parametrize("shape", [(), (9,), (8, 8), (3, 9, 2)], ids=str)
def test_nonsense_says_what_pytorch_says(torch, both_options, options, shape):
    both_options(threshold=2)
    both_options(**options)
    rng = np.random.default_rng(7)
    for name in ("int64", "float32", "complex64"):
        array = sample(rng, name, shape)
        assert outcome(lambda: repr(Tensor(array))) == outcome(lambda: repr(to_torch(torch, array)))  # noqa: B023


def test_unknown_option():
    with pytest.raises(TypeError, match="unexpected keyword argument 'digits'"):
        echo.set_printoptions(digits=3)


def test_options_are_put_back_even_after_an_error(torch):
    def read(side: Any) -> list[Any]:
        seen = []
        set_, get, context = side
        set_(precision=2, sci_mode=True)
        seen.append(get())
        with pytest.raises(KeyError), context(edgeitems=1, linewidth=60):
            seen.append(get())
            raise KeyError
        seen.append(get())
        set_(threshold=5)
        seen.append(get())
        set_(profile="short", edgeitems=9)
        seen.append(get())
        set_(profile="full")
        seen.append(get())
        set_(profile="default")
        return [*seen, get()]

    theirs = torch._tensor_str
    assert read((echo.set_printoptions, echo.get_printoptions, echo.printoptions)) == read(
        (theirs.set_printoptions, theirs.get_printoptions, theirs.printoptions)
    )


@pytest.mark.parametrize("default", ["float16", "bfloat16", "float32", "float64"])
def test_dtype_is_told_where_it_is_not_the_default(torch, default):
    before = dtypes.get_default_dtype(), torch.get_default_dtype()
    dtypes.set_default_dtype(dtypes.by_name(default))
    torch.set_default_dtype(getattr(torch, default))
    try:
        for name in DTYPES:
            for shape in ((), (2,), (0,), (0, 2), (2, 40)):
                check(torch, np.ones(shape).astype(numpy_of(name)))
    finally:
        dtypes.set_default_dtype(before[0])
        torch.set_default_dtype(before[1])


class AddBackward0:
    pass


class SquareBackward:
    """Named as a custom Function's node is."""


@pytest.mark.parametrize("count", range(1, 12))
def test_suffixes_wrap_where_pytorch_wraps(torch, count):
    for array in (np.full(count, 0.25, np.float64), np.full((2, count), 0.25), np.full((2, count), 0.25, np.float32)):
        theirs = to_torch(torch, array)
        assert repr(Tensor(array, requires_grad=True)) == repr(theirs.clone().requires_grad_())
        theirs = theirs.requires_grad_() + 0
        assert repr(Tensor(array, grad_fn=AddBackward0())) == repr(theirs)


def test_custom_function_node(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, grad):
            return grad

    theirs = Square.apply(torch.ones(2, requires_grad=True))
    assert repr(Tensor(np.ones(2, np.float32), grad_fn=SquareBackward())) == repr(theirs)


def test_a_history_that_cannot_be_rebuilt(torch):
    base = torch.ones(3)
    with torch.no_grad():
        theirs = base[:2]
    base.mul_(torch.full((1,), 2.0, requires_grad=True))

    class Broken(Standin):
        __module__ = "tgrad.tensor"

        @property
        def grad_fn(self) -> Any:
            raise RuntimeError("stale view")

        @grad_fn.setter
        def grad_fn(self, node: Any) -> None:
            pass

    Broken.__name__ = "Tensor"
    assert repr(Broken(theirs.detach().numpy())) == repr(theirs) == "tensor([2., 2.], grad_fn=<Invalid>)"


def test_contents_of_the_callers_own(torch):
    for shape in ((), (2,), (0,), (0, 3)):
        array = np.ones(shape)
        theirs = to_torch(torch, array).requires_grad_()
        mine = echo.tensor_repr(Tensor(array, requires_grad=True), tensor_contents="<here>")
        assert mine == theirs.__repr__(tensor_contents="<here>")


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 3)], ids=str)
def test_meta(torch, shape):
    for name in ("float32", "float64", "int64"):
        theirs = torch.empty(shape, dtype=getattr(torch, name), device="meta")
        assert repr(Tensor(np.empty(shape, name), device="meta")) == repr(theirs)


def test_device_is_told_where_it_is_not_the_cpu():
    assert repr(Tensor(np.ones(2, np.float32), device="cuda:0")) == "tensor([1., 1.], device='cuda:0')"
    long = repr(Tensor(np.zeros((2, 0), np.int8), device="cuda:1"))
    assert long == "tensor([], device='cuda:1', size=(2, 0), dtype=torch.int8)"
    wrapped = repr(Tensor(np.full(6, 0.5), device="cuda:0", grad_fn=AddBackward0()))
    assert wrapped == (
        "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000], device='cuda:0',\n"
        "       dtype=torch.float64, grad_fn=<AddBackward0>)"
    )


def test_parameters_and_subclasses(torch):
    class Mine(Tensor):
        pass

    class Weight(Parameter):
        pass

    class TheirMine(torch.Tensor):
        pass

    class TheirWeight(torch.nn.Parameter):
        pass

    TheirMine.__name__, TheirWeight.__name__ = "Mine", "Weight"
    array = np.arange(30.0, dtype=np.float32).reshape(2, 15)
    theirs = to_torch(torch, array)
    grad = {"requires_grad": True}
    assert repr(Parameter(array, **grad)) == repr(torch.nn.Parameter(theirs))
    assert repr(Mine(array)) == repr(theirs.as_subclass(TheirMine))
    assert repr(Weight(array, **grad)) == repr(TheirWeight(theirs))
    marked = Mine(array, **grad)
    marked._is_param = True
    assert repr(marked) == repr(torch.nn.Parameter(theirs.as_subclass(TheirMine)))


@pytest.mark.parametrize("spec", ["", ".3f", ">10", "e", "d", "08.2f", "%", "x", "nonsense"])
def test_format(torch, spec):
    for value in (2.5, 3, True, 1 + 2j, math.nan):
        for make in (np.array, lambda v: np.array([v])):
            array = make(value)
            assert outcome(lambda: format(Tensor(array), spec)) == outcome(  # noqa: B023
                lambda: format(to_torch(torch, array), spec)  # noqa: B023
            )
    p = np.array(2.5, np.float32)
    mine, theirs = Parameter(p, requires_grad=True), torch.nn.Parameter(to_torch(torch, p))
    assert outcome(lambda: format(mine, spec)) == outcome(lambda: format(theirs, spec))
    assert outcome(lambda: format(Tensor(p, device="meta"), ".2f")) == outcome(
        lambda: format(torch.tensor(1.0, device="meta"), ".2f")
    )


def test_a_large_tensor_is_summarised_before_it_is_read():
    huge = np.lib.stride_tricks.as_strided(np.ones(8, np.float32), (10**9, 10**9), (0, 0))
    assert repr(Tensor(huge)).count("1.") == 36


def test_a_small_tensor_is_quick():
    import timeit

    t = SimpleNamespace(t=Tensor(np.array([[1.5, 2.0], [3.0, 4.0]], np.float32)))
    best = min(timeit.repeat(lambda: repr(t.t), number=200, repeat=5)) / 200
    assert best < 60e-6
