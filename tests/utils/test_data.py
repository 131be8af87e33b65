"""`torch.utils.data` beside PyTorch's: what is drawn and in which order, batches, lengths, warnings and errors."""

from __future__ import annotations

import collections
import inspect
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tgrad
import tgrad.utils.data

torch = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")

Point = collections.namedtuple("Point", "x y")


def plain(value: Any) -> Any:
    """Values and types, without saying whose tensors they are."""
    if isinstance(value, (tgrad.Tensor, torch.Tensor)):
        steps = tuple(value.stride()) if value.numel() else ()
        return "tensor", str(value.dtype), tuple(value.shape), steps, value.tolist()
    if isinstance(value, dict):
        return type(value), {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, collections.deque)):
        return type(value), [plain(v) for v in value]
    return type(value), value if not isinstance(value, np.ndarray) else value.tolist()


def outcome(run: Callable[[Any], Any], lib: Any) -> Any:
    """What a piece of code gives with a library: values, warnings, the state of the generator after it, or the error."""
    lib.manual_seed(7)
    random.seed(1)
    np.random.seed(1)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            got = plain(run(lib))
        except Exception as error:
            got = type(error), str(error)
    said = [(w.category, str(w.message)) for w in seen if "fork" not in str(w.message)]
    return got, said, lib.randint(0, 10**6, (2,)).tolist()


def same(run: Callable[[Any], Any]) -> None:
    ours, theirs = outcome(run, tgrad), outcome(run, torch)
    assert ours == theirs


def D(lib: Any) -> Any:
    return lib.utils.data


def tensors(lib: Any, n: int = 11) -> Any:
    return D(lib).TensorDataset(lib.arange(2.0 * n).reshape(n, 2), lib.arange(n))


SAMPLERS = {
    "sequential": lambda m: D(m).SequentialSampler(range(5)),
    "random": lambda m: D(m).RandomSampler(range(7)),
    "random twice over": lambda m: D(m).RandomSampler(range(7), num_samples=17),
    "replacement": lambda m: D(m).RandomSampler(range(7), replacement=True, num_samples=70),
    "replacement 64": lambda m: D(m).RandomSampler(range(7), True, 64),
    "generator": lambda m: D(m).RandomSampler(range(7), generator=m.Generator().manual_seed(3)),
    "replacement generator": lambda m: D(m).RandomSampler(range(9), True, 40, m.Generator().manual_seed(3)),
    "subset": lambda m: D(m).SubsetRandomSampler([3, 5, 9, 1]),
    "subset generator": lambda m: D(m).SubsetRandomSampler([3, 5, 9, 1], m.Generator().manual_seed(1)),
    "weighted": lambda m: D(m).WeightedRandomSampler([0.1, 0.9, 0.4, 0.0], 20),
    "weighted without": lambda m: D(m).WeightedRandomSampler([0.1, 0.9, 0.4, 2], 4, replacement=False),
    "weighted tensor": lambda m: D(m).WeightedRandomSampler(m.tensor([1, 2, 3]), 5, generator=m.Generator()),
    "batch": lambda m: D(m).BatchSampler(D(m).RandomSampler(range(7)), 3, False),
    "batch drop": lambda m: D(m).BatchSampler(range(7), 3, True),
    "batch even": lambda m: D(m).BatchSampler(range(6), 3, True),
    "distributed": lambda m: D(m).DistributedSampler(range(10), 3, 1),
    "distributed seed": lambda m: D(m).DistributedSampler(range(10), 3, 0, seed=5),
    "distributed drop": lambda m: D(m).DistributedSampler(range(10), 3, 2, drop_last=True),
    "distributed plain": lambda m: D(m).DistributedSampler(range(10), 4, 3, shuffle=False),
    "distributed few": lambda m: D(m).DistributedSampler(range(2), 7, 6),
    "distributed even drop": lambda m: D(m).DistributedSampler(range(9), 3, 2, drop_last=True),
    "no replacement flag": lambda m: D(m).RandomSampler(range(3), replacement=1),
    "no samples": lambda m: D(m).RandomSampler(range(3), num_samples=0),
    "empty": lambda m: D(m).RandomSampler([]),
    "half a sample": lambda m: D(m).RandomSampler([1], num_samples=1.5),
    "weights 2d": lambda m: D(m).WeightedRandomSampler([[0.1]], 2),
    "weights none": lambda m: D(m).WeightedRandomSampler([0.1], True),
    "weights flag": lambda m: D(m).WeightedRandomSampler([0.1], 1, replacement=2),
    "batch size": lambda m: D(m).BatchSampler(range(3), 0, False),
    "batch size bool": lambda m: D(m).BatchSampler(range(3), True, False),
    "batch drop flag": lambda m: D(m).BatchSampler(range(3), 2, 0),
    "rank": lambda m: D(m).DistributedSampler(range(10), 3, 3),
    "no group": lambda m: D(m).DistributedSampler(range(10)),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name: str) -> None:
    def run(lib: Any) -> Any:
        sampler = SAMPLERS[name](lib)
        return list(sampler), len(sampler), list(sampler)

    same(run)


def test_epochs_of_a_distributed_sampler() -> None:
    def run(lib: Any) -> Any:
        sampler = D(lib).DistributedSampler(range(10), 2, 0)
        seen = []
        for epoch in range(3):
            sampler.set_epoch(epoch)
            seen.append(list(sampler))
        return seen

    same(run)


def streams(m: Any) -> Any:
    class Count(D(m).IterableDataset):
        def __init__(self, n: int, length: int | None = None) -> None:
            self.n, self.length = n, length

        def __iter__(self) -> Any:
            return iter(range(self.n))

        def __len__(self) -> int:
            return self.n if self.length is None else self.length

        def __repr__(self) -> str:
            return "Count"

    return Count


SETS = {
    "tensors": lambda m: [tensors(m)[3], len(tensors(m)), tensors(m)[[1, 2]], tensors(m)[-1]],
    "tensors sizes": lambda m: D(m).TensorDataset(m.zeros(2), m.zeros(3)),
    "tensors past": lambda m: tensors(m)[11],
    "abstract": lambda m: D(m).Dataset()[0],
    "abstract sampler": lambda m: iter(D(m).Sampler()),
    "add": lambda m: list((tensors(m, 2) + tensors(m, 3))[k] for k in range(5)),
    "add streams": lambda m: [list(streams(m)(2) + streams(m)(3)), len(streams(m)(2) + streams(m)(3))],
    "stack": lambda m: D(m).StackDataset([1, 2], "ab")[1],
    "stack dict": lambda m: D(m).StackDataset(a=[1, 2], b="ab")[1],
    "stack batch": lambda m: D(m).StackDataset(D(m).Subset("abcd", [3, 1]), [1, 2]).__getitems__([1, 0]),
    "stack dict batch": lambda m: D(m).StackDataset(a=D(m).Subset("abcd", [3, 1]), b=[1, 2]).__getitems__([1, 0]),
    "stack both": lambda m: D(m).StackDataset([1], a=[1]),
    "stack none": lambda m: D(m).StackDataset(),
    "stack sizes": lambda m: D(m).StackDataset([1], [1, 2]),
    "concat": lambda m: [D(m).ConcatDataset(["ab", "", "c"])[k] for k in (0, 1, 2, -1, -3)],
    "concat sizes": lambda m: [D(m).ConcatDataset(["ab", "c"]).cumulative_sizes, len(D(m).ConcatDataset(["ab", "c"]))],
    "concat old name": lambda m: D(m).ConcatDataset(["ab", "c"]).cummulative_sizes,
    "concat below": lambda m: D(m).ConcatDataset(["ab"])[-3],
    "concat past": lambda m: D(m).ConcatDataset(["ab"])[2],
    "concat none": lambda m: D(m).ConcatDataset([]),
    "concat stream": lambda m: D(m).ConcatDataset([streams(m)(2)]),
    "chain": lambda m: list(D(m).ChainDataset([streams(m)(2), streams(m)(3)])),
    "chain other": lambda m: list(D(m).ChainDataset([streams(m)(2), [1]])),
    "subset": lambda m: [D(m).Subset("abcd", [3, 1])[0], len(D(m).Subset("abcd", [3, 1])), D(m).Subset("abcd", [3, 1]).__getitems__([1])],
    "subset list": lambda m: D(m).Subset(m.arange(5) * 2, [3, 1])[[0, 1]],
    "split": lambda m: [list(p) for p in D(m).random_split(range(10), [3, 7])],
    "split fractions": lambda m: [p.indices for p in D(m).random_split(range(10), [0.3, 0.3, 0.4])],
    "split generator": lambda m: [p.indices for p in D(m).random_split(range(10), [5, 5], m.Generator().manual_seed(42))],
    "split zero": lambda m: [p.indices for p in D(m).random_split(range(2), [0.05, 0.9, 0.05])],
    "split sum": lambda m: D(m).random_split(range(10), [3, 3]),
    "split negative": lambda m: D(m).random_split(range(10), [-0.5, 1.5]),
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_data_sets(name: str) -> None:
    same(SETS[name])


def test_a_subset_with_half_an_override() -> None:
    def run(lib: Any) -> Any:
        kind = type("Half", (D(lib).Subset,), {"__getitem__": lambda self, i: i})
        return kind([1], [0])

    same(run)


BATCHES = {
    "ints": lambda m: [1, 2, 3],
    "large ints": lambda m: [2**63, 1],
    "bools": lambda m: [True, False],
    "int and float": lambda m: [1, 2.5],
    "float and int": lambda m: [2.5, 1],
    "floats": lambda m: [1.5, float("nan")][:1] * 2,
    "strings": lambda m: ["a", "b"],
    "bytes": lambda m: [b"a", b"b"],
    "tensors": lambda m: [m.ones(2, 3), m.zeros(2, 3)],
    "0-d": lambda m: [m.tensor(1), m.tensor(2)],
    "empty tensors": lambda m: [m.zeros(0, 2), m.zeros(0, 2)],
    "transposed": lambda m: [m.arange(6).reshape(2, 3).t(), m.arange(6).reshape(2, 3).t()],
    "bfloat16": lambda m: [m.ones(3, dtype=m.bfloat16), m.zeros(3, dtype=m.bfloat16)],
    "two dtypes": lambda m: [m.ones(2), m.ones(2, dtype=m.float64)],
    "two shapes": lambda m: [m.ones(2), m.ones(3)],
    "dicts": lambda m: [{"a": 0, "b": [1, 2]}, {"a": 5, "b": [3, 4]}],
    "ordered dicts": lambda m: [collections.OrderedDict(a=0), collections.OrderedDict(a=1)],
    "default dicts": lambda m: [collections.defaultdict(int, a=0), collections.defaultdict(int, a=1)],
    "points": lambda m: [Point(0, "a"), Point(1, "b")],
    "tuples": lambda m: [(0, 1.0), (2, 3.0)],
    "lists": lambda m: [[0, 1], [2, 3]],
    "ranges": lambda m: [range(2), range(2, 4)],
    "deques": lambda m: [collections.deque([0, 1]), collections.deque([2, 3])],
    "ragged": lambda m: [[0], [1, 2]],
    "arrays": lambda m: [np.ones(2, np.float32), np.zeros(2, np.float32)],
    "large arrays": lambda m: [np.arange(400).reshape(20, 20), np.ones((20, 20), np.int64)],
    "0-d arrays": lambda m: [np.array(1.5), np.array(2.5)],
    "arrays of two dtypes": lambda m: [np.ones(2, np.float32), np.ones(2)],
    "arrays of two shapes": lambda m: [np.ones(2), np.ones(3)],
    "turned arrays": lambda m: [np.arange(6).reshape(2, 3).T, np.arange(6).reshape(2, 3).T],
    "flipped arrays": lambda m: [np.arange(3)[::-1], np.arange(3)[::-1]],
    "foreign arrays": lambda m: [np.arange(3, dtype=">i4")] * 2,
    "uint16 arrays": lambda m: [np.arange(3, dtype=np.uint16)] * 2,
    "array scalars": lambda m: [np.float64(1), np.float64(2)],
    "numpy bools": lambda m: [np.bool_(True), np.bool_(False)],
    "array of strings": lambda m: [np.array(["a"]), np.array(["b"])],
    "array of objects": lambda m: [np.array([int]), np.array([None])],
    "none": lambda m: [None, None],
    "object": lambda m: [object],
    "nested": lambda m: [{"p": Point((1, np.ones(1)), "x")}, {"p": Point((2, np.zeros(1)), "y")}],
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("fn", ["default_collate", "default_convert"])
def test_collating(name: str, fn: str) -> None:
    same(lambda lib: getattr(D(lib), fn)(BATCHES[name](lib)))


def test_collating_keeps_gradients() -> None:
    for lib in (tgrad, torch):
        x = lib.ones(2, requires_grad=True)
        assert type(D(lib).default_collate([x, x]).grad_fn).__name__ == "StackBackward0"


def test_functions_for_types_of_ones_own() -> None:
    class Word(str):
        pass

    def run(lib: Any) -> Any:
        collate = D(lib)._utils.collate
        table = {
            Word: lambda batch, *, collate_fn_map: "+".join(batch),
            (int, float): lambda b, *, collate_fn_map: sum(b),
        }
        return [
            collate.collate([Word("a"), Word("b")], collate_fn_map=table),
            collate.collate([(1, 2.5), (3, 4.5)], collate_fn_map=table),
            sorted(str(k) for k in collate.default_collate_fn_map if "ensor" not in str(k)),
        ]

    same(run)
    same(lambda lib: D(lib)._utils.collate.collate([b"x"], collate_fn_map={}))


LOADERS = {
    "plain": lambda m: D(m).DataLoader(tensors(m), batch_size=3),
    "shuffle": lambda m: D(m).DataLoader(tensors(m), batch_size=3, shuffle=True),
    "drop": lambda m: D(m).DataLoader(tensors(m), 3, True, drop_last=True),
    "generator": lambda m: D(m).DataLoader(tensors(m), 4, True, generator=m.Generator().manual_seed(5)),
    "one by one": lambda m: D(m).DataLoader([np.ones(1), "b"], batch_size=None),
    "sampler": lambda m: D(m).DataLoader(tensors(m), 2, sampler=[3, 1, -1]),
    "sampler past": lambda m: D(m).DataLoader(tensors(m), 2, sampler=[3, 11]),
    "sampler of tensors": lambda m: D(m).DataLoader(tensors(m), 2, sampler=[m.tensor(3), m.tensor(1)]),
    "batch sampler": lambda m: D(m).DataLoader(tensors(m), batch_sampler=[[3], [1, 2]]),
    "batch sampler alone": lambda m: D(m).DataLoader(tensors(m), batch_size=None, sampler=D(m).BatchSampler(range(5), 2, False)),
    "collate": lambda m: D(m).DataLoader([1, 2, 3], 2, collate_fn=sum),
    "split": lambda m: D(m).DataLoader(D(m).random_split(tensors(m), [4, 7])[0], 3, True),
    "subset past": lambda m: D(m).DataLoader(D(m).Subset(tensors(m), [1, 12]), 2),
    "transposed": lambda m: D(m).DataLoader(D(m).TensorDataset(m.arange(12).reshape(2, 6).t()), 4),
    "stream": lambda m: D(m).DataLoader(streams(m)(5), 2),
    "stream drop": lambda m: D(m).DataLoader(streams(m)(5), 2, drop_last=True),
    "stream one by one": lambda m: D(m).DataLoader(streams(m)(3), None),
    "stream too long": lambda m: D(m).DataLoader(streams(m)(5, 2), 2),
    "empty": lambda m: D(m).DataLoader([], 2),
    "pin": lambda m: D(m).DataLoader([1], pin_memory=True),
    "pin device": lambda m: D(m).DataLoader([1], pin_memory=True, pin_memory_device="cuda"),
    "workers": lambda m: D(m).DataLoader(tensors(m), 3, True, num_workers=2),
    "workers generator": lambda m: D(m).DataLoader(tensors(m), 3, True, num_workers=2, generator=m.Generator()),
    "workers stream": lambda m: D(m).DataLoader(streams(m)(5, 20), 2, num_workers=2),
    "workers stream too long": lambda m: D(m).DataLoader(streams(m)(3), 2, num_workers=2),
    "workers kept": lambda m: D(m).DataLoader(tensors(m), 3, True, num_workers=2, persistent_workers=True),
    "workers kept stream": lambda m: D(m).DataLoader(streams(m)(5, 99), 2, num_workers=2, persistent_workers=True),
    "many workers": lambda m: D(m).DataLoader([1], num_workers=5000),
    "no workers": lambda m: D(m).DataLoader([1], num_workers=-1),
    "timeout": lambda m: D(m).DataLoader([1], timeout=-1),
    "timeout alone": lambda m: D(m).DataLoader([1], timeout=1),
    "prefetch": lambda m: D(m).DataLoader([1], prefetch_factor=2),
    "prefetch negative": lambda m: D(m).DataLoader([1], num_workers=1, prefetch_factor=-2),
    "prefetch none": lambda m: D(m).DataLoader([1], num_workers=1, prefetch_factor=0),
    "persistent": lambda m: D(m).DataLoader([1], persistent_workers=True),
    "both orders": lambda m: D(m).DataLoader([1], sampler=[0], shuffle=True),
    "batch sampler and size": lambda m: D(m).DataLoader([1], 2, batch_sampler=[[0]]),
    "no batch to drop": lambda m: D(m).DataLoader([1], None, drop_last=True),
    "stream shuffled": lambda m: D(m).DataLoader(streams(m)(1), shuffle=True),
    "stream sampled": lambda m: D(m).DataLoader(streams(m)(1), sampler=[1]),
    "stream batches": lambda m: D(m).DataLoader(streams(m)(1), batch_sampler=[1]),
    "context alone": lambda m: D(m).DataLoader([1], multiprocessing_context="fork"),
    "context unknown": lambda m: D(m).DataLoader([1], num_workers=1, multiprocessing_context="spoon"),
    "context no context": lambda m: D(m).DataLoader([1], num_workers=1, multiprocessing_context=3),
    "batch size": lambda m: D(m).DataLoader([1], batch_size=0),
    "shuffle nothing": lambda m: D(m).DataLoader([], shuffle=True),
    "shapes": lambda m: D(m).DataLoader([m.ones(1), m.ones(2)], 2),
}  # fmt: skip


@pytest.mark.parametrize("name", LOADERS)
def test_loaders(name: str) -> None:
    if name == "many workers":  # only the warning: nobody starts them
        same(lambda lib: LOADERS[name](lib).num_workers)
        return

    def run(lib: Any) -> Any:
        loader = LOADERS[name](lib)
        length = len(loader)
        return length, list(loader), lib.randint(0, 100, (2,)), list(loader), len(iter(loader)) if length < 9 else 0

    same(run)


def test_length_of_a_stream_without_one() -> None:
    class Endless(tgrad.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            return iter(range(3))

    loader = tgrad.utils.data.DataLoader(Endless(), 2)
    assert [b.tolist() for b in loader] == [[0, 1], [2]]
    with pytest.raises(TypeError):
        len(loader)


@pytest.mark.parametrize(
    "attribute", ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"]
)
def test_what_is_fixed(attribute: str) -> None:
    same(lambda lib: setattr(D(lib).DataLoader([1]), attribute, 1))


def test_base_seed_is_drawn_when_the_pass_begins() -> None:
    same(lambda lib: [iter(D(lib).DataLoader([1], shuffle=True))._base_seed, lib.initial_seed()])
    same(lambda lib: [iter(D(lib).DataLoader([1], generator=lib.Generator().manual_seed(2)))._base_seed])


def test_iterators_cannot_be_pickled() -> None:
    import pickle

    same(lambda lib: pickle.dumps(iter(D(lib).DataLoader([1])))[:0])


# ---- what stacking by rows must not change


def test_rows_at_once_only_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    data = tgrad.utils.data

    class Doubled(data.TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            return tuple(2 * t for t in super().__getitem__(index))

    assert next(iter(data.DataLoader(Doubled(tgrad.arange(4)), 4)))[0].tolist() == [0, 2, 4, 6]
    grad = data.TensorDataset(tgrad.ones(3, requires_grad=True))
    assert next(iter(data.DataLoader(grad, 3)))[0].grad_fn is not None
    held = data.TensorDataset(tgrad.arange(3))
    batch = next(iter(data.DataLoader(held, 3)))[0]
    batch += 1
    assert held.tensors[0].tolist() == [0, 1, 2]
    table = data._utils.collate.default_collate_fn_map
    monkeypatch.setitem(table, tgrad.Tensor, lambda batch, *, collate_fn_map: len(batch))
    assert next(iter(data.DataLoader(held, 3))) == [3]


# ---- names


def test_signatures() -> None:
    names = [n for n in tgrad.utils.data.__all__ if inspect.isclass(getattr(tgrad.utils.data, n))]
    for name in names:
        ours, theirs = getattr(tgrad.utils.data, name), getattr(torch.utils.data, name)
        a, b = inspect.signature(ours.__init__), inspect.signature(theirs.__init__)
        assert [(p.name, p.kind, p.default) for p in a.parameters.values()] == [
            (p.name, p.kind, p.default) for p in b.parameters.values()
        ], name
        for method, found in vars(theirs).items():
            if not method.startswith("_") and inspect.isfunction(found):
                assert list(inspect.signature(getattr(ours, method)).parameters) == list(
                    inspect.signature(found).parameters
                )


# Data pipes moved to a library of their own, and are not here.
PIPES = "Pipe DataChunk argument_validation functional_datapipe determin runtime_validation".split()


def test_names() -> None:
    for module in ("", ".dataset", ".sampler", ".distributed", ".dataloader", "._utils.collate", "._utils.worker"):
        import importlib

        ours = importlib.import_module(f"tgrad.utils.data{module}")
        theirs = importlib.import_module(f"torch.utils.data{module}")
        names = getattr(theirs, "__all__", None) or [
            n
            for n, v in vars(theirs).items()
            if getattr(v, "__module__", None) == theirs.__name__ and not n.startswith("_")
        ]
        missing = [n for n in names if not hasattr(ours, n) and not any(p in n for p in PIPES)]
        assert [n for n in missing if n != "ManagerWatchdog"] == []
