"""The random numbers: known values that need no PyTorch, and bit-for-bit parity where PyTorch is installed."""

from __future__ import annotations

import copy
import pickle
import platform
import subprocess
import sys
import threading
import warnings

import ml_dtypes
import numpy as np
import pytest

from tgrad.rng import Generator, default_generator, iteration_order, place
from tgrad.rng.engine import Engine
from tgrad.rng.exact import fma64

try:
    import torch
except ImportError:
    torch = None

parity = pytest.mark.skipif(torch is None, reason="the parity extra (torch==2.13.0) is not installed")

SIZES = [0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 100, 1000, 100003]
BF16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = ["float32", "float64", "float16", "bfloat16"]
INTS = ["uint8", "int8", "int16", "int32", "int64"]


def intel() -> bool:
    """PyTorch's build with MKL takes some coins from MKL's own stream, but on Intel processors only."""
    try:
        with open("/proc/cpuinfo") as lines:
            return "GenuineIntel" in lines.read()
    except OSError:
        return "Intel" in platform.processor()


def np_dtype(name: str) -> np.dtype:
    return BF16 if name == "bfloat16" else np.dtype(name)


def as_numpy(tensor) -> np.ndarray:
    if tensor.dtype == torch.bfloat16:
        return tensor.contiguous().view(torch.int16).numpy().view(BF16)
    return tensor.numpy()


def pair(seed: int = 5):
    theirs = torch.Generator()
    theirs.manual_seed(seed)
    return Generator().manual_seed(seed), theirs


def same_bits(ours: np.ndarray, theirs) -> None:
    theirs = as_numpy(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    width = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.uint64}[ours.dtype.itemsize]
    np.testing.assert_array_equal(np.ascontiguousarray(ours).view(width), np.ascontiguousarray(theirs).view(width))


def same_state(ours: Generator, theirs) -> None:
    np.testing.assert_array_equal(ours.get_state_array(), theirs.get_state().numpy())


def empty(size, name):
    return torch.empty(size, dtype=getattr(torch, name))


# ---- known values: no PyTorch needed ----

KNOWN_RAND = {
    0: [0.49625658988952637, 0.7682217955589294, 0.08847743272781372, 0.13203048706054688],
    1: [0.7576315999031067, 0.2793108820915222, 0.40306925773620605, 0.7346844673156738],
    42: [0.8822692632675171, 0.9150039553642273, 0.38286375999450684, 0.9593056440353394],
}


@pytest.mark.parametrize("seed", KNOWN_RAND)
def test_known_uniform(seed):
    assert Generator().manual_seed(seed).uniform(4, np.float32).tolist() == KNOWN_RAND[seed]


KNOWN_NORMAL = [
    ("float32", 3, [0.33669036626815796, 0.12880940735340118, 0.23446236550807953]),
    ("float64", 3, [0.33669035438385886, 0.1288094051365897, 0.23446236336153173]),
    ("float32", 17, [-0.2515752911567688, 0.859858512878418, -0.3097267746925354]),
    ("float64", 17, [0.8651734647119074, 0.855215961472287, 0.2494118796915765]),
]


@pytest.mark.parametrize(("dtype", "size", "expected"), KNOWN_NORMAL)
def test_known_normal(dtype, size, expected):
    assert Generator().manual_seed(42).normal(size, np.dtype(dtype))[-3:].tolist() == expected


def test_known_integers_and_choices():
    generator = Generator().manual_seed(42)
    assert generator.randint(0, 100, 6).tolist() == [42, 67, 76, 14, 26, 35]
    assert generator.randperm(6).tolist() == [4, 5, 0, 1, 2, 3]
    assert generator.bernoulli(8, np.int64, 0.3).tolist() == [0, 0, 0, 0, 1, 0, 0, 1]
    assert generator.multinomial(np.array([0.1, 0.2, 0.7]), 2).tolist() == [1, 2]
    assert generator.multinomial(np.array([0.1, 0.2, 0.7]), 5, True).tolist() == [2, 2, 1, 2, 2]


# ---- seeds and state ----


def test_seeds():
    generator = Generator()
    assert generator.initial_seed() == 67280421310721
    assert generator.manual_seed(-1) is generator
    assert generator.initial_seed() == 2**64 - 1
    first = generator.uniform(3, np.float32)
    # Only the low 32 bits reach the engine.
    np.testing.assert_array_equal(first, generator.manual_seed(2**32 - 1).uniform(3, np.float32))
    assert generator.seed() == generator.initial_seed()
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="Overflow when unpacking long long"):
            generator.manual_seed(seed)
    for seed, name in ((1.5, "float"), (True, "bool"), ("a", "str"), (None, "NoneType")):
        with pytest.raises(RuntimeError, match=f"manual_seed expected a long, but got {name}"):
            generator.manual_seed(seed)
    with pytest.raises(TypeError, match="an integer is required"):
        generator.manual_seed(np.int64(3))


def test_device():
    assert repr(Generator().device) == "device(type='cpu')"
    assert repr(Generator("cpu:0").device) == "device(type='cpu')"
    with pytest.raises(RuntimeError, match="Cannot get"):
        Generator("cuda")


def test_state_survives_every_copy():
    generator = Generator().manual_seed(3)
    generator.normal(3, np.float32)
    twins = [copy.copy(generator), copy.deepcopy(generator), pickle.loads(pickle.dumps(generator)), Generator()]
    twins[3].set_state_array(generator.get_state_array())
    expected = generator.normal(5, np.float64)
    for twin in twins:
        assert twin.initial_seed() == 3
        np.testing.assert_array_equal(twin.normal(5, np.float64), expected)


def test_state_errors():
    generator = Generator()
    with pytest.raises(TypeError, match="RNG state must be"):
        generator.set_state_array(np.zeros(5056, np.float32))
    with pytest.raises(RuntimeError, match=r"Expected a CPUGeneratorImplState of size 5056 but found .* to be 5"):
        generator.set_state_array(np.zeros(5, np.uint8))
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        generator.set_state_array(np.zeros(5056, np.uint8))
    for call in (generator.get_offset, lambda: generator.set_offset(1)):
        with pytest.raises(RuntimeError, match="CPU Generator does not use offset"):
            call()


@parity
def test_state_bytes():
    for draws in (0, 1, 3, 623, 624, 625, 1248):
        ours, theirs = pair(7)
        same_state(ours, theirs)
        ours.uniform(draws, np.float32)
        torch.empty(draws).uniform_(generator=theirs)
        same_state(ours, theirs)
        loaded = Generator()
        loaded.set_state_array(theirs.get_state().numpy())
        same_state(loaded, theirs)
        back = torch.Generator()
        back.set_state(torch.from_numpy(ours.get_state_array()))
        same_bits(loaded.normal(3, np.float64), empty(3, "float64").normal_(generator=theirs))
        same_bits(ours.normal(3, np.float64), empty(3, "float64").normal_(generator=back))
        same_state(ours, back)


def test_default_generator_is_shared():
    assert isinstance(default_generator, Generator)


# ---- parity, sampler by sampler ----


@parity
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.3, 2.17), (5.0, 5.0), (0.0, 0.1), (-1000.0, 1e4), (0.999, 1.0)])
def test_uniform(name, bounds):
    for size in SIZES:
        ours, theirs = pair()
        same_bits(ours.uniform(size, np_dtype(name), *bounds), empty(size, name).uniform_(*bounds, generator=theirs))
        same_state(ours, theirs)


@parity
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("moments", [(0.0, 1.0), (0.3, 1.7), (-2.0, 0.0), (0.0, 0.02), (1e3, 1e-3)])
@pytest.mark.parametrize("contiguous", [True, False])
def test_normal(name, moments, contiguous):
    for size in SIZES:
        ours, theirs = pair()
        out = empty(size, name) if contiguous else empty(2 * size, name)[::2]
        same_bits(
            ours.normal(size, np_dtype(name), *moments, contiguous=contiguous), out.normal_(*moments, generator=theirs)
        )
        if size > 1:
            same_state(ours, theirs)


@parity
def test_complex():
    for size in (1, 7, 8, 20):
        for name in ("complex64", "complex128"):
            ours, theirs = pair()
            same_bits(
                ours.normal((size, 2), np.dtype(name)),
                torch.randn(size, 2, dtype=getattr(torch, name), generator=theirs),
            )
            same_bits(
                ours.uniform(size, np.dtype(name)), torch.rand(size, dtype=getattr(torch, name), generator=theirs)
            )
            same_state(ours, theirs)


@parity
def test_the_second_of_a_pair_waits_for_the_next_call():
    ours, theirs = pair()
    for size, name in [
        (1, "float32"),
        (1, "float64"),
        (3, "float16"),
        (2, "float32"),
        (20, "float32"),
        (5, "bfloat16"),
    ]:
        same_bits(ours.normal(size, np_dtype(name)), empty(size, name).normal_(generator=theirs))
        same_bits(ours.log_normal(size, np_dtype(name)), empty(size, name).log_normal_(generator=theirs))
        same_state(ours, theirs)


@parity
def test_normal_each():
    ours, theirs = pair()
    mean, std = torch.linspace(-1, 1, 20).reshape(20, 1), torch.linspace(0, 2, 3)
    for m in (mean, mean.double(), mean.half(), mean.bfloat16(), mean[0, 0], 0.37):
        for s in (std, std.double(), std[1], 1.3):
            if isinstance(m, float) and isinstance(s, float):
                continue
            expected = torch.normal(m, s, generator=theirs)
            m2 = as_numpy(m) if torch.is_tensor(m) else m
            s2 = as_numpy(s) if torch.is_tensor(s) else s
            same_bits(ours.normal_each(m2, s2), expected)
            same_state(ours, theirs)


@parity
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("cauchy", ()),
        ("cauchy", (0.3, 1.7)),
        ("log_normal", ()),
        ("log_normal", (-0.5, 0.25)),
        pytest.param("exponential", (), marks=pytest.mark.skipif(intel(), reason="MKL's stream on Intel")),
        pytest.param("exponential", (1.7,), marks=pytest.mark.skipif(intel(), reason="MKL's stream on Intel")),
        ("exponential", (float("inf"),)),
        ("geometric", (0.1,)),
        ("geometric", (0.9,)),
    ],
)
def test_transformed(name, method, arguments):
    for size in SIZES:
        ours, theirs = pair()
        expected = getattr(empty(size, name), method + "_")(*arguments, generator=theirs)
        with np.errstate(over="ignore"):
            same_bits(getattr(ours, method)(size, np_dtype(name), *arguments), expected)
        same_state(ours, theirs)


@parity
@pytest.mark.parametrize("name", INTS)
def test_geometric_integers(name):
    ours, theirs = pair()
    same_bits(ours.geometric(1000, np_dtype(name), 0.3), empty(1000, name).geometric_(0.3, generator=theirs))


@parity
@pytest.mark.parametrize("name", [*FLOATS, *INTS, "bool"])
def test_random_without_bounds(name):
    for size in SIZES:
        ours, theirs = pair()
        same_bits(ours.random(size, np_dtype(name)), empty(size, name).random_(generator=theirs))
        same_state(ours, theirs)


RANGES = [
    (0, 2), (0, 10), (-7, 9), (3, 4), (0, 128), (-128, 127), (0, 2**15 - 1), (-(2**31), 2**31 - 1), (0, 2**28 - 1),
    (0, 2**28), (5, 2**28 + 6), (0, 2**32), (-(2**63), 2**63 - 1), (0, 2**63 - 1), (5, None), (-3, None),
    (-(2**63), None), (0, 257), (0, 2049), (0, 2050), (2047, 2051), (-2051, -2047), (0, 65504), (0, 65505),
    (0, 70000), (257, 258),
    (0, 2**24 + 3), (2**24 + 1, 2**24 + 2), (2**53 + 1, 2**53 + 9), (2**25, None),
]  # fmt: skip


@parity
@pytest.mark.parametrize("name", [*FLOATS, *INTS, "bool", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("bounds", RANGES, ids=str)
@pytest.mark.filterwarnings("ignore:.*out of bounds")
def test_random_with_bounds(name, bounds):
    for size in (0, 1, 33, 1000):
        ours, theirs = pair()
        try:
            expected = empty(size, name).random_(*bounds, generator=theirs)
        except RuntimeError as error:
            with pytest.raises(type(error)) as caught:
                ours.random(size, np_dtype(name), *bounds)
            assert str(caught.value) == str(error).split("\n")[0]
        else:
            same_bits(ours.random(size, np_dtype(name), *bounds), expected)
        same_state(ours, theirs)


@parity
def test_random_warns_where_floats_have_gaps():
    for name, high in (("float16", 60000), ("bfloat16", 1000), ("float32", 2**24 + 9)):
        ours, theirs = pair()
        with pytest.warns(UserWarning) as expected:
            empty(3, name).random_(0, high, generator=theirs)
        with pytest.warns(UserWarning) as caught:
            ours.random(3, np_dtype(name), 0, high)
        assert str(expected[0].message).startswith(str(caught[0].message))


@parity
@pytest.mark.parametrize("name", [*FLOATS, *INTS])
def test_randint_and_randperm(name):
    for size in SIZES:
        ours, theirs = pair()
        dtype = getattr(torch, name)
        same_bits(
            ours.randint(3, 100, size, np_dtype(name)), torch.randint(3, 100, (size,), dtype=dtype, generator=theirs)
        )
        same_state(ours, theirs)
        try:
            expected = torch.randperm(size, dtype=dtype, generator=theirs)
        except RuntimeError as error:
            with pytest.raises(RuntimeError) as caught:
                ours.randperm(size, np_dtype(name))
            assert str(caught.value) == str(error).split("\n")[0]
        else:
            same_bits(ours.randperm(size, np_dtype(name)), expected)
            same_state(ours, theirs)


@parity
@pytest.mark.parametrize("name", [*FLOATS, *INTS, "bool"])
@pytest.mark.skipif(intel(), reason="PyTorch takes these coins from MKL's stream on Intel processors")
def test_bernoulli_and_dropout(name):
    for size in SIZES:
        for p in (0.0, 1.0, 0.5, 0.3, 1e-3, 0.999, 1 / 3):
            ours, theirs = pair()
            same_bits(ours.bernoulli(size, np_dtype(name), p), empty(size, name).bernoulli_(p, generator=theirs))
            same_state(ours, theirs)
            if name in FLOATS:
                with torch.random.fork_rng():
                    torch.manual_seed(9)
                    expected = torch.nn.functional.dropout(torch.ones(size, dtype=getattr(torch, name)), p, True)
                    ours.manual_seed(9)
                    same_bits(np.ones(size, np_dtype(name)) * ours.dropout_mask(size, np_dtype(name), p), expected)
                    same_state(ours, torch.default_generator)


@parity
@pytest.mark.parametrize("name", [*FLOATS, *INTS, "bool"])
@pytest.mark.parametrize("p_name", FLOATS)
def test_bernoulli_each(name, p_name):
    for size in SIZES:
        ours, theirs = pair()
        p = torch.linspace(0, 1, max(size, 1))[:size].to(getattr(torch, p_name))
        same_bits(ours.bernoulli(size, np_dtype(name), as_numpy(p)), empty(size, name).bernoulli_(p, generator=theirs))
        same_state(ours, theirs)
    p = torch.rand(3, 1)
    same_bits(
        ours.bernoulli((2, 3, 5), np_dtype(name), p.numpy()), empty((2, 3, 5), name).bernoulli_(p, generator=theirs)
    )


@parity
@pytest.mark.parametrize("name", ["float32", "float64", "bfloat16"])
def test_rrelu_noise(name):
    ours, theirs = pair()
    for size in SIZES:
        values = ours.normal(size, np_dtype(name), 0.0, 1.0)
        theirs.set_state(torch.from_numpy(ours.get_state_array()))
        noise, tensor = empty(size, name), torch.from_numpy(values.astype(np.float32)).to(getattr(torch, name))
        if name == "float64":
            tensor = torch.from_numpy(values)
        torch.ops.aten.rrelu_with_noise(tensor, noise, 0.1, 0.37, True, theirs)
        same_bits(ours.rrelu_noise(values, 0.1, 0.37), noise)
        same_state(ours, theirs)


@parity
@pytest.mark.parametrize("name", ["float32", "float64", "float16"])
@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.skipif(intel(), reason="PyTorch takes exponential numbers from MKL's stream on Intel processors")
def test_multinomial(name, replacement):
    for shape in ((1,), (5,), (4, 7), (3, 100), (1000,)):
        for samples in (1, 2, 5, 50):
            if not replacement and samples > shape[-1]:
                continue
            ours, theirs = pair()
            weights = torch.rand(shape, generator=theirs, dtype=torch.float64).add(0.01).to(getattr(torch, name))
            ours.set_state_array(theirs.get_state().numpy())
            expected = torch.multinomial(weights, samples, replacement, generator=theirs)
            picked = ours.multinomial(as_numpy(weights), samples, replacement)
            # Half precision ties often, and the order among ties is PyTorch's selection algorithm's own.
            if name != "float16" or replacement or samples == 1:
                same_bits(picked, expected)
            same_state(ours, theirs)


@parity
@pytest.mark.parametrize("name", FLOATS)
def test_poisson(name):
    for rates in ([0.0, 0.5, 3.0, 9.99], [10.0, 11.5, 40.0, 300.0], np.linspace(0, 30, 1000)):
        ours, theirs = pair()
        rate = torch.tensor(rates, dtype=getattr(torch, name))
        same_bits(ours.poisson(as_numpy(rate)), torch.poisson(rate, generator=theirs))
        same_state(ours, theirs)


@parity
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_binomial(name):
    counts = torch.tensor([[0.0], [1.0], [7.0], [30.0], [100.0], [2000.0]], dtype=getattr(torch, name))
    probs = torch.cat([torch.linspace(0, 1, 41), torch.tensor([-0.5, 1.5, 1e-3])]).to(getattr(torch, name))
    for seed in range(5):
        ours, theirs = pair(seed)
        expected = torch.binomial(counts.expand(6, 44), probs.expand(6, 44), generator=theirs)
        same_bits(ours.binomial(as_numpy(counts), as_numpy(probs)), expected)
        same_state(ours, theirs)


@parity
@pytest.mark.slow
@pytest.mark.parametrize("name", FLOATS)
def test_a_million(name):
    ours, theirs = pair()
    size = 1000003
    same_bits(ours.uniform(size, np_dtype(name), -1.3, 2.17), empty(size, name).uniform_(-1.3, 2.17, generator=theirs))
    same_bits(ours.normal(size, np_dtype(name)), empty(size, name).normal_(generator=theirs))
    same_bits(ours.normal(size, np_dtype(name), 0.3, 1.7), empty(size, name).normal_(0.3, 1.7, generator=theirs))
    same_state(ours, theirs)


@parity
def test_a_long_mixed_sequence():
    ours, theirs = pair(11)
    choose = np.random.RandomState(0)
    for _ in range(300):
        size, name = int(choose.randint(0, 40)), FLOATS[choose.randint(4)]
        dtype = np_dtype(name)
        calls = [
            ("uniform", (size, dtype), "uniform_"),
            ("normal", (size, dtype), "normal_"),
            ("log_normal", (size, dtype), "log_normal_"),
            ("random", (size, dtype), "random_"),
            ("cauchy", (size, dtype), "cauchy_"),
            ("randperm", (size,), None),
        ]
        method, arguments, in_place = calls[choose.randint(len(calls))]
        if in_place is None:
            expected = torch.randperm(size, generator=theirs)
        else:
            expected = getattr(empty(size, name), in_place)(generator=theirs)
        same_bits(getattr(ours, method)(*arguments), expected)
        same_state(ours, theirs)


# ---- layout, threads, arithmetic, weight ----


@parity
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.empty(5, 7).t(),
        lambda: torch.empty(2, 3, 4, 5).permute(2, 0, 3, 1),
        lambda: torch.empty(2, 3, 4, 5).to(memory_format=torch.channels_last),
        lambda: torch.empty(6, 8)[:, ::2],
        lambda: torch.empty(6, 8)[::2].t(),
        lambda: torch.empty(4, 1, 5).transpose(0, 2),
        lambda: torch.empty(12)[::3],
        lambda: torch.empty(()),
        lambda: torch.empty(3, 0, 2).permute(2, 1, 0),
        lambda: torch.empty(40).as_strided((3, 4), (1, 4)),
        lambda: torch.empty(60).as_strided((3, 3, 2), (5, 5, 25)),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_place_follows_the_strides(make):
    ours, theirs = pair()
    tensor = make()
    target = tensor.numpy()
    tensor.uniform_(generator=theirs)
    expected = tensor.numpy().copy()
    place(target, ours.uniform(target.shape, np.float32))
    np.testing.assert_array_equal(target, expected)


def test_iteration_order():
    assert iteration_order(np.empty((3, 4))) == (0, 1)
    assert iteration_order(np.empty((3, 4)).T) == (1, 0)
    assert iteration_order(np.broadcast_to(np.empty(4), (3, 4)), np.empty((4, 3)).T) == (1, 0)


def test_threads_do_not_tear_the_stream():
    generator = Generator().manual_seed(1)
    parts: list[np.ndarray] = []

    def draw():
        for _ in range(50):
            parts.append(generator.uniform(1000, np.float32))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Generator().manual_seed(1).uniform((200, 1000), np.float32)
    drawn = np.stack(parts)
    np.testing.assert_array_equal(drawn[np.argsort(drawn[:, 0])], whole[np.argsort(whole[:, 0])])


def test_fma64_rounds_once():
    from fractions import Fraction

    source = np.random.RandomState(0)
    a = source.standard_normal(4000)
    for b, c in ((1.7, 0.3), (0.1, -0.1), (1e-9, 1.0), (3.0, 1e20), (1e-300, 1e-310)):
        expected = [float(Fraction(x) * Fraction(b) + Fraction(c)) for x in a.tolist()]
        np.testing.assert_array_equal(fma64(a, b, c), expected)


def test_wide_permutation_is_a_permutation(monkeypatch):
    from tgrad.rng import choice

    monkeypatch.setattr(choice, "_WIDE_FROM", 10)
    order = Generator().manual_seed(0).randperm(1000)
    assert sorted(order.tolist()) == list(range(1000))
    # The inside-out shuffle, step by step.
    engine, expected = Engine(0), []
    for index, bits in enumerate(engine.bits64(1000).tolist()):
        position = bits % (index + 1)
        expected.append(index)
        expected[index], expected[position] = expected[position], index
    assert order.tolist() == expected


def test_import_is_light():
    code = (
        "import sys, importlib.util as u; s = u.spec_from_file_location('tgrad_rng', sys.argv[1], "
        "submodule_search_locations=[sys.argv[1].rsplit('/', 1)[0]]); m = u.module_from_spec(s); "
        "sys.modules['tgrad_rng'] = m; s.loader.exec_module(m); "
        "print([n for n in ('numba', 'scipy', 'ml_dtypes', 'torch') if n in sys.modules])"
    )
    path = sys.modules["tgrad.rng"].__file__
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_no_warnings_from_the_arithmetic():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generator = Generator().manual_seed(0)
        for dtype in (np.float16, np.float32, np.float64, BF16):
            generator.cauchy(10000, dtype)
            generator.exponential(10000, dtype)
            generator.log_normal(10000, dtype, 1.0, 5.0)
            generator.multinomial(np.array([0.0, 1.0, 2.0], dtype), 2)
