"""Reductions, softmax, normalisation, indexing, sorting and copies compiled (kernels/table.py), beside the same on numpy.

Parts are tiny here, so that there are many borders between them; see the fixture `compiled_tier`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.kernels import bands, native, table
from tgrad.nn import functional as F

pytestmark = pytest.mark.usefixtures("compiled_tier")

NAN, INF = float("nan"), float("inf")
DTYPES = ["float32", "float64"]


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The rows that a compiled form has served, forward ones by name, derivatives with a star."""
    seen: list[str] = []
    find = table.find

    def watched(forms: dict[str, str], name: str) -> Any:
        form = find(forms, name)
        if form is None:
            return None

        def call(*args: Any, **kwargs: Any) -> Any:
            r = form(*args, **kwargs)
            if r is not None:
                seen.append(name + "*" * (forms is table.DERIVATIVES))
            return r

        return call

    monkeypatch.setattr(bands, "find", watched)
    yield seen


def ints(*shape: int, below: int, seed: int = 0) -> tgrad.Tensor:
    return tgrad.from_numpy(np.random.default_rng(seed).integers(0, below, shape))


def floats(*shape: int, dtype: str = "float64", seed: int = 0) -> tgrad.Tensor:
    return tgrad.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "a line": lambda x: x.reshape(-1),
    "rows": lambda x: x.reshape(-1, 77),
    "columns": lambda x: x.reshape(-1, 77).t(),
    "three": lambda x: x,
    "permuted": lambda x: x.permute(2, 0, 1),
    "turned": lambda x: x.transpose(1, 2),
    "one row": lambda x: x.reshape(1, -1),
    "one column": lambda x: x.reshape(-1, 1),
    "a one within": lambda x: x.reshape(13, 1, -1),
    "gaps": lambda x: x.reshape(-1, 77)[:, ::3],
    "expanded": lambda x: x[:, :1].expand(13, 11, 7),
    "four": lambda x: x.reshape(13, 11, 7, 1).transpose(0, 3),
    "a window": lambda x: x[3:, 2:, 1:],
}


def some(dtype: str, kind: str) -> tgrad.Tensor:
    """1001 numbers in the shape (13, 11, 7)."""
    a = np.random.default_rng(1).standard_normal(1001)
    if kind == "ties":
        a = np.round(a)  # with zeros of both signs
    elif kind == "odd":
        a[[5, 400, 996]] = NAN, INF, -INF
        a[100:107] = INF
        a[200:240] = -INF
        a[300:311] = -0.0
    elif kind == "wide":
        a *= 10.0 ** np.random.default_rng(2).integers(-30, 30, 1001)
    return tgrad.from_numpy(a.astype(dtype).reshape(13, 11, 7))


def numbers(r: Any) -> list[np.ndarray]:
    return [t.detach().numpy() for t in (r if isinstance(r, tuple) else (r,))]


def outcome(fn: Callable[..., Any], *inputs: Any) -> list[np.ndarray] | str:
    """Results, gradients of all float inputs, or the error."""
    leaves = [
        x.detach().requires_grad_() if isinstance(x, tgrad.Tensor) and x.dtype.is_floating_point else x for x in inputs
    ]
    try:
        r = fn(*leaves)
        out = numbers(tuple(r) if isinstance(r, tuple) else r)
        first = r[0] if isinstance(r, tuple) else r
        if first.requires_grad:
            weights = np.random.default_rng(7).standard_normal(tuple(first.shape)).astype(out[0].dtype)
            wanted = [x for x in leaves if isinstance(x, tgrad.Tensor) and x.requires_grad]
            got = tgrad.autograd.grad(first, wanted, tgrad.from_numpy(weights), allow_unused=True)
            out += [g.numpy() for g in got if g is not None]
        return out
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def both_ways(fn: Callable[..., Any], *inputs: Any, note: str, exact: bool = False, eps: float = 64) -> None:
    mode, native.Jit.mode = native.Jit.mode, "off"
    plain = outcome(fn, *inputs)
    native.Jit.mode = mode
    compiled = outcome(fn, *inputs)
    if isinstance(plain, str) or isinstance(compiled, str):
        assert plain == compiled, note
        return
    for a, b in zip(compiled, plain, strict=True):
        assert (a.dtype, a.shape, steps(a)) == (b.dtype, b.shape, steps(b)), note
        if exact or a.dtype.kind != "f":
            np.testing.assert_array_equal(a, b, note)
        else:
            near = eps * np.finfo(a.dtype).eps
            finite = np.abs(b[np.isfinite(b)])
            np.testing.assert_allclose(a, b, rtol=near, atol=near * min(finite.max(initial=0), 1e30), err_msg=note)


def steps(a: np.ndarray) -> list[int]:
    """The strides that matter: a dimension of size 1 may have any."""
    return [s for s, n in zip(a.strides, a.shape, strict=True) if n != 1]


REDUCTIONS: dict[str, tuple[str, Callable[..., Any]]] = {
    "sum": ("sum.dim", lambda x, d, k: x.sum(d, k)),
    "mean": ("mean.dim", lambda x, d, k: x.mean(d, k)),
    "var": ("var.correction", lambda x, d, k: x.var(d, keepdim=k)),
    "var 0": ("var.correction", lambda x, d, k: x.var(d, correction=0, keepdim=k)),
    "std": ("std.correction", lambda x, d, k: x.std(d, correction=1.5, keepdim=k)),
    "norm": ("linalg_vector_norm", lambda x, d, k: x.norm(2, d, k)),
    "norm 1": ("linalg_vector_norm", lambda x, d, k: x.norm(1, d, k)),
    "amax": ("amax", lambda x, d, k: x.amax(() if d is None else d, k)),
    "amin": ("amin", lambda x, d, k: x.amin(() if d is None else d, k)),
    "max": ("max.dim", lambda x, d, k: x.max(d, k)),
    "min": ("min.dim", lambda x, d, k: x.min(d, k)),
    "argmax": ("argmax", lambda x, d, k: x.argmax(d, k)),
    "argmin": ("argmin", lambda x, d, k: x.argmin(d, k)),
    "cumsum": ("cumsum", lambda x, d, k: x.cumsum(d)),
    "softmax": ("_softmax", lambda x, d, k: x.softmax(d)),
    "log_softmax": ("_log_softmax", lambda x, d, k: x.log_softmax(d)),
    "logsumexp": ("logsumexp.dims", lambda x, d, k: x.logsumexp(d, k)),
}
ONE_DIM = {"max", "min", "cumsum", "softmax", "log_softmax", "logsumexp"}  # not None
ONLY_INT = {"max", "min", "argmax", "argmin", "cumsum", "softmax", "log_softmax"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["plain", "odd", "ties"])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_along_dimensions(used: list[str], name: str, kind: str, dtype: str) -> None:
    row, fn = REDUCTIONS[name]
    for layout, take in LAYOUTS.items():
        x = take(some(dtype, kind))
        dims: list[Any] = [None, *range(-x.dim(), x.dim())]
        dims = [d for d in dims if not (d is None and name in ONE_DIM)]
        if name not in ONLY_INT and x.dim() > 2:
            dims += [(0, 1), (-1, 1), (0, 2), tuple(range(x.dim()))]
        for d in dims:
            for keep in (False, True):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # var over one element
                    both_ways(lambda x, d=d, k=keep: fn(x, d, k), x, note=f"{name} {d} {keep} of {layout}")
    assert row in used or (name in ("max", "min") and kind == "ties")
    if row + "*" in {n + "*" for n in table.DERIVATIVES}:
        assert row + "*" in used


TOTALS: dict[str, Callable[[Any], Any]] = {
    "sum.all": lambda x: x.sum(),
    "mean.all": lambda x: x.mean(),
    "max.all": lambda x: x.max(),
    "min.all": lambda x: x.min(),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", TOTALS)
def test_over_everything(used: list[str], row: str, dtype: str) -> None:
    for kind in ("plain", "odd", "ties"):
        for layout, take in LAYOUTS.items():
            used.clear()
            both_ways(TOTALS[row], take(some(dtype, kind)), note=f"{row} of {layout}, {kind}")
            assert row in used or layout in ("gaps", "expanded", "a window")


def test_every_form_is_tried_here() -> None:
    tried = {row for row, _ in REDUCTIONS.values()} | set(TOTALS) | {row for row, _, _ in OTHERS.values()}
    forms = (table.FORMS | table.DERIVATIVES).items()
    assert {row for row, where in forms if where.split(".")[0] in ("reductions", "rowwise", "movement")} <= tried


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_are_as_good_as_exact_ones(dtype: str) -> None:
    x = some(dtype, "wide")
    for t in (x, x.reshape(-1), x.reshape(7, -1).t()):
        exact = math.fsum(t.numpy().ravel().tolist())
        size = math.fsum(np.abs(t.numpy()).ravel().tolist())
        assert abs(float(t.sum()) - exact) <= np.finfo(dtype).eps * abs(exact) + 2e-16 * size
        np.testing.assert_allclose(t.cumsum(0).numpy()[-1], t.numpy().astype("f8").sum(0), rtol=1e-6, atol=2e-16 * size)
    many = tgrad.full((3_000_001,), 0.1, dtype=getattr(tgrad, dtype))
    exact = 3_000_001 * float(many[0])
    assert abs(float(many.sum()) - exact) <= exact * np.finfo(dtype).eps
    assert abs(float(many.mean()) - float(many[0])) <= 1e-7 if dtype == "float32" else 1e-15
    assert abs(float(many.cumsum(0)[-1]) - exact) <= exact * 1e-7 if dtype == "float32" else 1e-10


def test_sums_with_infinities() -> None:
    x = some("float32", "plain").reshape(-1)
    for where in ([3], [3, 700], [3, 4], [999, 1000]):
        for signs in ((1, 1), (1, -1)):
            y = x.clone()
            for k, s in zip(where, signs, strict=False):
                y[k] = s * INF
            want = np.sum(y.numpy())
            np.testing.assert_array_equal(y.sum().numpy(), want)
            np.testing.assert_array_equal(y.reshape(7, -1).sum(0).sum().numpy(), want)
            np.testing.assert_array_equal(y.cumsum(0).numpy()[-1], want)
            np.testing.assert_array_equal(y.norm().numpy(), np.float32(INF))
    huge = tgrad.full((1001,), 3e38)
    assert float(huge.sum()) == INF and float(huge.mean()) == float(huge[0])  # the sum itself is beyond float32
    np.testing.assert_array_equal(tgrad.full((500,), 1e308, dtype=tgrad.float64).sum().numpy(), INF)
    assert float(tgrad.full((500,), 1e-45).sum()) == np.float32(500 * np.float64(np.float32(1e-45)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_first_of_equals(torch: ModuleType, dtype: str) -> None:
    rng = np.random.default_rng(3)
    for shape in ((1001,), (13, 77), (77, 13), (5, 7, 31)):
        a = rng.integers(-2, 3, shape).astype(dtype)
        a[a == 0] *= -1.0
        a.ravel()[rng.integers(0, a.size, 9)] = np.nan
        for d in (None, *range(a.ndim)):
            for name in ("argmax", "argmin", "max", "min"):
                if d is None and len(name) == 3:
                    continue
                ours = getattr(tgrad.from_numpy(a), name)(*([] if d is None else [d]))
                theirs = getattr(torch.from_numpy(a), name)(*([] if d is None else [d]))
                for o, t in zip(
                    numbers(ours),
                    [t.numpy() for t in (theirs if isinstance(theirs, tuple) else (theirs,))],
                    strict=True,
                ):
                    np.testing.assert_array_equal(o, t, f"{name} {d} of {shape}")


def test_warnings_still_come(torch: ModuleType) -> None:
    x = floats(1, 40).expand(1, 40).contiguous()
    for fn in (lambda x: x.var(0), lambda x: x.std(0, keepdim=True), lambda x: x.var((0, 1), correction=40)):
        with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
            fn(x)


# ---- the other rows. Each: the row, the function, its inputs by dtype


def _index(n: int, below: int, kind: Any = np.int64) -> tgrad.Tensor:
    return tgrad.from_numpy(np.random.default_rng(n).integers(0, below, n).astype(kind))


OTHERS: dict[str, tuple[str, Callable[..., Any], Callable[[str], tuple[Any, ...]]]] = {
    "layer_norm": ("native_layer_norm", lambda x, w, b: F.layer_norm(x, (77,), w, b), lambda t: (floats(13, 77, dtype=t), floats(77, dtype=t), floats(77, dtype=t, seed=2))),
    "layer_norm bare": ("native_layer_norm", lambda x: F.layer_norm(x, (11, 7), eps=0.1), lambda t: (floats(13, 11, 7, dtype=t),)),
    "layer_norm weight": ("native_layer_norm", lambda x, w: F.layer_norm(x, (11, 7), w), lambda t: (floats(13, 11, 7, dtype=t), floats(11, 7, dtype=t))),
    "layer_norm of one row": ("native_layer_norm", lambda x: F.layer_norm(x, tuple(x.shape)), lambda t: (floats(13, 11, 7, dtype=t),)),
    "batch_norm": ("native_batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True), lambda t: (floats(5, 6, 33, dtype=t), floats(6, dtype=t), floats(6, dtype=t, seed=2))),
    "batch_norm bare": ("native_batch_norm", lambda x: F.batch_norm(x, None, None, training=True, eps=0.1), lambda t: (floats(5, 6, 3, 11, dtype=t),)),
    "batch_norm eval": ("native_batch_norm", lambda x, w, m: F.batch_norm(x, m.detach() * 1, m.detach() ** 2, w), lambda t: (floats(5, 6, 3, 11, dtype=t), floats(6, dtype=t), floats(6, dtype=t, seed=2))),
    "group_norm": ("native_group_norm", lambda x, w, b: F.group_norm(x, 3, w, b), lambda t: (floats(5, 6, 33, dtype=t), floats(6, dtype=t), floats(6, dtype=t, seed=2))),
    "group_norm bare": ("native_group_norm", lambda x: F.group_norm(x, 2), lambda t: (floats(5, 6, 3, 11, dtype=t),)),
    "group_norm of channels": ("native_group_norm", lambda x, w: F.group_norm(x, 1, w), lambda t: (floats(5, 66, dtype=t), floats(66, dtype=t))),
    "contiguous": ("contiguous.copy", lambda x: x.t().contiguous(), lambda t: (floats(45, 53, dtype=t),)),
    "contiguous, permuted": ("contiguous.copy", lambda x: x.permute(2, 0, 3, 1).contiguous(), lambda t: (floats(3, 17, 21, 18, dtype=t),)),
    "contiguous, a window": ("contiguous.copy", lambda x: x[3:, 2:41].t().contiguous(), lambda t: (floats(45, 53, dtype=t),)),
    "clone": ("clone", lambda x: x[:, 3:40].t().clone(), lambda t: (floats(45, 53, dtype=t),)),
    "index_select": ("index_select", lambda x: x.index_select(0, _index(50, 13)), lambda t: (floats(13, 77, dtype=t),)),
    "index_select int32": ("index_select", lambda x: x.index_select(0, _index(50, 1001, np.int32)), lambda t: (floats(1001, dtype=t),)),
    "index_select backward": ("index_select_backward", lambda x: x.index_select(0, _index(50, 13)), lambda t: (floats(13, 7, 11, dtype=t),)),
    "index_add": ("index_add", lambda x, y: x.index_add(0, _index(50, 13), y), lambda t: (floats(13, 77, dtype=t), floats(50, 77, dtype=t))),
    "embedding": ("embedding", lambda x: F.embedding(ints(6, 9, below=40), x), lambda t: (floats(40, 33, dtype=t),)),
    "embedding backward": ("embedding_dense_backward", lambda x: F.embedding(ints(6, 9, below=40), x), lambda t: (floats(40, 33, dtype=t),)),
    "embedding padding": ("embedding_dense_backward", lambda x: F.embedding(ints(6, 9, below=40), x, padding_idx=3), lambda t: (floats(40, 133, dtype=t),)),
    "gather": ("gather", lambda x: x.gather(1, ints(13, 21, below=77)), lambda t: (floats(13, 77, dtype=t),)),
    "gather columns": ("gather", lambda x: x.gather(0, ints(9, 77, below=13)), lambda t: (floats(13, 77, dtype=t),)),
    "gather backward": ("gather_backward", lambda x: x.gather(1, ints(13, 21, 7, below=11)), lambda t: (floats(13, 11, 7, dtype=t),)),
    "scatter_add": ("scatter_add", lambda x, y: x.scatter_add(1, ints(13, 121, below=77), y), lambda t: (floats(13, 77, dtype=t), floats(13, 121, dtype=t))),
    "scatter_add columns": ("scatter_add", lambda x, y: x.scatter_add(0, ints(29, 177, below=13), y), lambda t: (floats(13, 177, dtype=t), floats(29, 177, dtype=t))),
    "sort": ("sort.plain", lambda x: x.sort(), lambda t: (floats(3, 300, dtype=t),)),
    "sort down": ("sort.plain", lambda x: x.sort(-1, True), lambda t: (floats(3, 300, dtype=t),)),
    "sort stable": ("sort.stable", lambda x: x.round().sort(stable=True), lambda t: (floats(3, 300, dtype=t),)),
    "sort stable down": ("sort.stable", lambda x: x.round().sort(descending=True, stable=True), lambda t: (floats(3, 300, dtype=t),)),
    "topk": ("topk", lambda x: x.topk(7), lambda t: (floats(3, 300, dtype=t),)),
    "topk smallest": ("topk", lambda x: x.topk(300, largest=False), lambda t: (floats(300, dtype=t),)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OTHERS)
def test_other_rows(used: list[str], name: str, dtype: str) -> None:
    row, fn, make = OTHERS[name]
    both_ways(fn, *make(dtype), note=name, eps=256)
    assert row in used
    if row in table.DERIVATIVES:
        assert row + "*" in used
    needs = make(dtype)
    for k in range(1, len(needs)):  # not all gradients are wanted
        both_ways(
            lambda *args, k=k: fn(*(a.detach() if i == k else a for i, a in enumerate(args))),
            *needs,
            note=name,
            eps=256,
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name", ["sort", "sort down", "sort stable", "sort stable down", "topk", "topk smallest", "gather", "index_select"]
)
def test_odd_numbers_move_as_they_are(name: str, dtype: str) -> None:
    _, fn, make = OTHERS[name]
    (x,) = make(dtype)
    x[..., 7::9], x[..., 1::13], x[..., ::17], x[..., 5::19], x[..., 6::23] = NAN, -INF, 0.0, -0.0, INF
    x[..., 3] = 1e-310
    both_ways(lambda x: fn(x.detach()), x, note=name, exact=True)
    mode, native.Jit.mode = native.Jit.mode, "off"
    plain = numbers(fn(x))[0]
    native.Jit.mode = mode
    np.testing.assert_array_equal(np.signbit(numbers(fn(x))[0]), np.signbit(plain))


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_and_kin_of_odd_rows(dtype: str) -> None:
    x = floats(6, 77, dtype=dtype)
    x[0], x[1, 3], x[2, 4], x[3], x[4] = -INF, INF, NAN, 1e4, tgrad.linspace(-1000, 1000, 77)
    for fn in (
        lambda x: x.softmax(1),
        lambda x: x.log_softmax(1),
        lambda x: x.logsumexp(1),
        lambda x: F.layer_norm(x, (77,)),
    ):
        both_ways(fn, x, note="odd rows", eps=256)


@pytest.mark.parametrize("dtype", DTYPES)
def test_running_statistics(used: list[str], torch: ModuleType, dtype: str) -> None:
    x = floats(5, 6, 33, dtype=dtype)
    ours, theirs = tgrad.nn.BatchNorm1d(6, momentum=0.3), torch.nn.BatchNorm1d(6, momentum=0.3)
    ours, theirs = ours.to(getattr(tgrad, dtype)), theirs.to(getattr(torch, dtype))
    for step in range(3):
        a, b = ours(x * (step + 1)), theirs(torch.from_numpy(x.numpy()) * (step + 1))
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.running_mean.numpy(), theirs.running_mean.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.running_var.numpy(), theirs.running_var.numpy(), rtol=1e-5)
    assert int(ours.num_batches_tracked) == 3 and "native_batch_norm" in used
    ours.eval(), theirs.eval()
    np.testing.assert_allclose(
        ours(x).detach().numpy(), theirs(torch.from_numpy(x.numpy())).detach().numpy(), rtol=1e-4, atol=1e-5
    )


ERRORS: dict[str, Callable[[Any], Any]] = {
    "index_select beyond": lambda T: T.zeros(13, 77).index_select(0, T.tensor([0, 13])),
    "index_select below": lambda T: T.zeros(13, 77).index_select(0, T.tensor([0, -1])),
    "index_select dim": lambda T: T.zeros(13, 77).index_select(2, T.tensor([0])),
    "index_select of floats": lambda T: T.zeros(13, 77).index_select(0, T.tensor([0.0])),
    "index_add beyond": lambda T: T.zeros(13, 77).index_add(0, T.tensor([0, 13]), T.zeros(2, 77)),
    "index_add below": lambda T: T.zeros(13, 77).index_add(0, T.tensor([0, -1]), T.zeros(2, 77)),
    "index_add sizes": lambda T: T.zeros(13, 77).index_add(0, T.tensor([0, 1, 2]), T.zeros(2, 77)),
    "index_add shapes": lambda T: T.zeros(13, 77).index_add(0, T.tensor([0, 1]), T.zeros(2, 76)),
    "index_add dtypes": lambda T: T.zeros(13, 77).index_add(0, T.tensor([0, 1]), T.zeros(2, 77, dtype=T.float64)),
    "embedding beyond": lambda T: T.nn.functional.embedding(T.tensor([1, 13]), T.zeros(13, 77)),
    "embedding below": lambda T: T.nn.functional.embedding(T.tensor([1, -1]), T.zeros(13, 77)),
    "gather beyond": lambda T: T.zeros(13, 77).gather(0, T.full((13, 77), 13)),
    "gather below": lambda T: T.zeros(13, 77).gather(1, T.full((13, 2), -1)),
    "gather dimensions": lambda T: T.zeros(13, 77).gather(1, T.tensor([1])),
    "gather sizes": lambda T: T.zeros(13, 77).gather(1, T.zeros(14, 2, dtype=T.int64)),
    "scatter_add beyond": lambda T: T.zeros(13, 77).scatter_add(1, T.full((13, 2), 77), T.zeros(13, 2)),
    "scatter_add below": lambda T: T.zeros(13, 77).scatter_add(0, T.full((1, 77), -1), T.zeros(1, 77)),
    "softmax dim": lambda T: T.zeros(13, 77).softmax(2),
    "softmax of ints": lambda T: T.zeros(13, 77, dtype=T.int64).softmax(1),
    "sum dim": lambda T: T.zeros(13, 77).sum(-3),
    "sum dim twice": lambda T: T.zeros(13, 77).sum((0, 0)),
    "mean of ints": lambda T: T.zeros(13, 77, dtype=T.int64).mean(1),
    "var of ints": lambda T: T.zeros(13, 77, dtype=T.int64).var(1),
    "max dim": lambda T: T.zeros(13, 77).max(5),
    "argmax dim": lambda T: T.zeros(13, 77).argmax(5),
    "argmax of bools": lambda T: T.zeros(13, 77, dtype=T.bool).argmax(),
    "cumsum dim": lambda T: T.zeros(13, 77).cumsum(2),
    "topk k": lambda T: T.zeros(300).topk(301),
    "sort dim": lambda T: T.zeros(300).sort(1),
    "layer_norm shape": lambda T: T.nn.functional.layer_norm(T.zeros(13, 77), (76,)),
    "layer_norm weight": lambda T: T.nn.functional.layer_norm(T.zeros(13, 77), (77,), T.zeros(76)),
    "batch_norm sizes": lambda T: T.nn.functional.batch_norm(T.zeros(3, 4, 9), T.zeros(3), T.ones(4), training=True),
    "batch_norm one": lambda T: T.nn.functional.batch_norm(T.zeros(1, 77), T.zeros(77), T.ones(77), training=True),
    "group_norm groups": lambda T: T.nn.functional.group_norm(T.zeros(3, 4, 9), 3),
    "group_norm weight": lambda T: T.nn.functional.group_norm(T.zeros(3, 4, 9), 2, T.zeros(5)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_pytorchs(torch: ModuleType, name: str) -> None:
    texts = []
    for T in (tgrad, torch):
        with pytest.raises(Exception) as caught:
            ERRORS[name](T)
        texts.append((caught.type.__name__, str(caught.value).splitlines()[0]))
    assert texts[0] == texts[1]


def test_what_a_form_does_not_know_goes_to_numpy(used: list[str]) -> None:
    x = floats(13, 77, dtype="float32")
    for fn in (
        lambda x: x.sum(dtype=tgrad.float64), lambda x: x.sum(1, dtype=tgrad.float64), lambda x: x.mean(0, dtype=tgrad.float64),
        lambda x: x.cumsum(0, dtype=tgrad.float64), lambda x: x.half().sum(1), lambda x: x.int().sum(0), lambda x: x.bfloat16().softmax(1),
        lambda x: x.norm(3), lambda x: x.norm(0, 1), lambda x: x.to(tgrad.complex64).sum(),
        lambda x: x.int().sort(1), lambda x: x.int().argmax(1), lambda x: x[:0].sum(0), lambda x: x[:, :0].sum(1), lambda x: x[3, 4].sum(),
        lambda x: x.softmax(0), lambda x: x.index_select(1, _index(9, 77)), lambda x: x.gather(0, ints(3, 5, below=13)),
        lambda x: F.embedding(ints(0, 4, below=9), x), lambda x: x.gather(1, tgrad.zeros(13, 0, dtype=tgrad.int64)),
        lambda x: x.index_add(0, _index(9, 13), x[:9], alpha=2), lambda x: x.topk(0), lambda x: x.t().sort(0), lambda x: x.half().gather(1, ints(13, 5, below=77)),
        lambda x: F.embedding(ints(7, below=13), x, scale_grad_by_freq=True), lambda x: x.cumsum(1).t().cumsum(1),
    ):  # fmt: skip
        both_ways(fn, x, note="by numpy", eps=256)


def test_indices_that_repeat_step_or_lie_with_gaps() -> None:
    x = floats(13, 77, dtype="float32")
    i = ints(13, 40, below=77)
    for index in (i[:, ::2], i.t().contiguous().t(), i[:, :1].expand(13, 9), i.int()):
        both_ways(lambda x, index=index: x.gather(1, index), x, note="gather")
        both_ways(lambda x, index=index: x.scatter_add(1, index, x[:, : index.shape[1]]), x, note="scatter_add")
        both_ways(lambda x, index=index: F.embedding(index % 13, x), x, note="embedding")


def test_arrays_that_are_not_aligned_or_may_not_be_written(used: list[str]) -> None:
    def unaligned(a: np.ndarray) -> np.ndarray:
        made = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
        made[...] = a
        return made

    def read_only(a: np.ndarray) -> np.ndarray:
        a = a.copy()
        a.flags.writeable = False
        return a

    for make in (unaligned, read_only):
        a = make(some("float32", "plain").numpy())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's about arrays that may not be written
            x, i = tgrad.from_numpy(a), tgrad.from_numpy(make(ints(13, 11, 7, below=11).numpy()))
        others: list[Callable[..., Any]] = [
            lambda x, i: x.gather(1, i), lambda x, i: x.scatter_add(1, i, x), lambda x, i: F.layer_norm(x, (7,)),
            lambda x, i: F.embedding(i, x[0]),
        ]  # fmt: skip
        used.clear()
        for _, fn in REDUCTIONS.values():
            both_ways(lambda x, fn=fn: fn(x, -1, False), x, note="odd memory")
        for fn in others:
            both_ways(fn, x, i, note="odd memory", eps=256)
        own = {"sum.dim", "amax", "argmax", "_softmax", "gather", "native_layer_norm", "embedding"}
        assert own & set(used) == (own if make is read_only else set())
        np.testing.assert_array_equal(a, some("float32", "plain").numpy())


@pytest.mark.parametrize("dtype", DTYPES)
def test_long_rows_are_sorted_in_turns(used: list[str], monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    from tgrad.kernels import movement

    for kind in ("plain", "odd", "ties", "wide"):
        for take in (lambda x: x.reshape(-1), lambda x: x.reshape(-1)[:999].reshape(3, -1)):
            for down in (False, True):
                x = take(some(dtype, kind)).contiguous()
                usual = x.sort(-1, down)
                used.clear()
                with monkeypatch.context() as m:
                    m.setattr(movement, "LONG", 100)
                    long = x.sort(-1, down)
                assert used == ["sort.plain"]
                for a, b in zip(usual, long, strict=True):
                    np.testing.assert_array_equal(a.numpy(), b.numpy())
