"""Reductions, scans and whole-row functions beside PyTorch: dims, keepdim, layouts, dtypes, ties, nans, derivatives."""

from __future__ import annotations

from typing import Any

import pytest

from .oracle import (
    DTYPES,
    caught,
    compare_gradients,
    layouts,
    same_error,
    same_outcome,
    tgrad,
    torch,
    twin,
    values,
)

# name: the arguments after the tensor that it is called with
OVER_DIMS: dict[str, list[dict[str, Any]]] = {
    "all_or_dims": [{}, {"dim": 0}, {"dim": -1}, {"dim": (0, 2)}, {"dim": 1, "keepdim": True}, {"dim": (-1, 0), "keepdim": True}],
    "all_or_dim": [{}, {"dim": 0}, {"dim": -1}, {"dim": 1, "keepdim": True}],
    "dims": [{"dim": 0}, {"dim": -1}, {"dim": (0, 2)}, {"dim": 1, "keepdim": True}],
    "dim": [{"dim": 0}, {"dim": -1}, {"dim": 1}],
    "all": [{}],
}  # fmt: skip
REDUCTIONS = {
    "sum": "all_or_dims", "mean": "all_or_dims", "nansum": "all_or_dims", "nanmean": "all_or_dims", "prod": "all_or_dim",
    "max": "all_or_dim", "min": "all_or_dim", "amax": "all_or_dims", "amin": "all_or_dims", "argmax": "all_or_dim",
    "argmin": "all_or_dim", "all": "all_or_dims", "any": "all_or_dims", "count_nonzero": "dim", "var": "all_or_dims",
    "std": "all_or_dims", "var_mean": "all_or_dims", "std_mean": "all_or_dims", "logsumexp": "dims", "softmax": "dim",
    "log_softmax": "dim", "cumsum": "dim", "cumprod": "dim", "logcumsumexp": "dim", "median": "all_or_dim",
    "nanmedian": "all_or_dim", "mode": "all_or_dim", "norm": "all_or_dims", "aminmax": "all",
}  # fmt: skip
# Where several elements are equal PyTorch gives an index that its algorithm happens to meet first.
FREE_INDEX = {"median", "nanmedian", "mode"}
CASES = [(name, kw) for name, kind in REDUCTIONS.items() for kw in OVER_DIMS[kind]]
cases = pytest.mark.parametrize(("name", "kw"), CASES, ids=lambda v: v if isinstance(v, str) else str(v))


# Along a dimension where all elements are one, a deviation is rounding noise and PyTorch's median mixes up its copies.
NOT_EXPANDED = {"std", "std_mean", "median", "nanmedian"}


def call(lib: Any, name: str, x: Any, kw: dict[str, Any]) -> Any:
    return getattr(lib, name)(x, **kw)


@cases
def test_dtypes(name: str, kw: dict[str, Any]) -> None:
    for dtype in DTYPES:
        x = values((2, 3, 4), dtype)
        ours, theirs = twin(x)
        free = name in FREE_INDEX and not (x.is_floating_point() and dtype in ("float32", "float64"))
        pick = (lambda r: r[0] if isinstance(r, tuple) else r) if free else (lambda r: r)
        same_outcome(
            lambda o=ours, p=pick: p(call(tgrad, name, o, kw)),
            lambda t=theirs, p=pick: p(call(torch, name, t, kw)),
            note=f"{name} {kw} {dtype}",
            scale=8,
            strides=False,
        )


@cases
def test_layouts(name: str, kw: dict[str, Any]) -> None:
    for layout, x in layouts("float32"):
        if layout == "expanded" and name in NOT_EXPANDED:
            continue
        ours, theirs = twin(x)
        same_outcome(
            lambda o=ours: call(tgrad, name, o, kw), lambda t=theirs: call(torch, name, t, kw), note=f"{name} {kw} {layout}",
            scale=8, strides=False,
        )  # fmt: skip


@cases
def test_special_values(name: str, kw: dict[str, Any]) -> None:
    inf, nan = float("inf"), float("nan")
    if name == "mode":
        pytest.skip("sorting nans is left open")
    for row in (
        [1.0, nan, 3.0],
        [inf, 1.0, -inf],
        [0.0, -0.0, 0.0],
        [inf, inf, 1.0],
        [-inf, -inf, -inf],
        [nan, nan, nan],
    ):
        x = torch.tensor([row, [1.0, 2.0, 3.0]]).reshape(2, 3, 1)
        ours, theirs = twin(x)
        pick = (lambda r: r[0] if isinstance(r, tuple) else r) if name in FREE_INDEX else (lambda r: r)
        same_outcome(lambda o=ours, p=pick: p(call(tgrad, name, o, kw)), lambda t=theirs, p=pick: p(call(torch, name, t, kw)),
                     note=f"{name} {kw} {row}", scale=8, strides=False)  # fmt: skip


@cases
def test_gradients(name: str, kw: dict[str, Any]) -> None:
    for dtype in ("float64", "complex128"):
        for layout, x in layouts(dtype, only=("plain", "permuted", "expanded", "0-d")):
            if layout == "expanded" and name in NOT_EXPANDED:
                continue
            if layout == "0-d" and any(d not in (0, -1) for d in [kw.get("dim", 0)]):
                continue
            theirs = twin(x, True)[1]
            if caught(lambda t=theirs: call(torch, name, t, kw)) is not None:
                continue
            if not any(getattr(r, "requires_grad", False) for r in _several(call(torch, name, theirs, kw))):
                continue
            compare_gradients(
                lambda t: call(tgrad, name, t, kw), lambda t: call(torch, name, t, kw), [x], note=f"{name} {kw} {layout}",
                scale=1e4,
            )  # fmt: skip


def _several(r: Any) -> list[Any]:
    return list(r) if isinstance(r, (tuple, list)) else [r]


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "aminmax", "prod", "cumprod", "norm", "std", "median"])
@pytest.mark.parametrize("row", [[1.0, 1.0, 1.0], [0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [2.0, 2.0, -1.0]])
def test_gradients_at_ties_and_zeros(name: str, row: list[float]) -> None:
    kw = {"dim": 0} if name == "cumprod" else {}
    x = torch.tensor(row, dtype=torch.float64)
    compare_gradients(
        lambda t: call(tgrad, name, t, kw),
        lambda t: call(torch, name, t, kw),
        [x],
        order=1,
        note=f"{name} {row}",
        scale=1e3,
    )


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, float("inf"), -float("inf"), -1, "fro"])
def test_norms(p: Any) -> None:
    for dtype in ("float64", "complex128", "float16"):
        x = values((3, 4), dtype)
        for dim in (None, 0, (0, 1)):
            ours, theirs = twin(x)
            same_outcome(lambda o=ours, d=dim: tgrad.norm(o, p, d), lambda t=theirs, d=dim: torch.norm(t, p, d),
                         note=f"norm {p} {dtype} {dim}", scale=8, strides=False)  # fmt: skip
            if dtype != "float16":
                compare_gradients(lambda t, d=dim: tgrad.norm(t, p, d), lambda t, d=dim: torch.norm(t, p, d), [x],
                                  note=f"norm {p} {dtype} {dim}", scale=1e5)  # fmt: skip


@pytest.mark.parametrize("name", [n for n in REDUCTIONS if n not in ("softmax", "log_softmax")])
def test_empty(name: str) -> None:
    for shape in ((0,), (2, 0), (0, 3)):
        for kw in ({}, {"dim": 0}, {"dim": 1}, {"dim": 0, "keepdim": True}):
            if name == "count_nonzero" and "keepdim" in kw:
                continue
            ours, theirs = twin(values(shape))
            same_outcome(lambda o=ours, k=kw: call(tgrad, name, o, k), lambda t=theirs, k=kw: call(torch, name, t, k),
                         note=f"{name} {shape} {kw}", strides=False)  # fmt: skip


@pytest.mark.parametrize("name", list(REDUCTIONS))
def test_bad_dims(name: str) -> None:
    for dim in (3, -4, (0, 0), "a", 1.5):
        ours, theirs = twin(values((2, 3, 4)))
        error = caught(lambda t=theirs, d=dim: call(torch, name, t, {"dim": d}))
        if error is not None:
            same_error(
                lambda o=ours, d=dim: call(tgrad, name, o, {"dim": d}),
                lambda t=theirs, d=dim: call(torch, name, t, {"dim": d}),
                text=not isinstance(error, TypeError),
                note=f"{name} {dim!r}",
            )


@pytest.mark.parametrize("q", [0.0, 0.3, 1.0, [0.25, 0.5]])
@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantiles(name: str, interpolation: str, q: Any) -> None:
    x = values((3, 5), "float64")
    if name == "nanquantile":
        x[0, 1] = float("nan")
    for kw in ({}, {"dim": 0}, {"dim": -1, "keepdim": True}):

        def run(lib: Any, t: Any, kw: Any = kw) -> Any:
            ranks = q if isinstance(q, float) else lib.tensor(q, dtype=lib.float64)
            return getattr(lib, name)(t, ranks, interpolation=interpolation, **kw)

        ours, theirs = twin(x)
        same_outcome(
            lambda o=ours, f=run: f(tgrad, o), lambda t=theirs, f=run: f(torch, t), note=f"{name} {kw}", strides=False
        )
        compare_gradients(lambda t, f=run: f(tgrad, t), lambda t, f=run: f(torch, t), [x], order=1, note=f"{name} {kw}")


@pytest.mark.parametrize("correction", [0, 1, 2, 0.5])
@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
def test_corrections(name: str, correction: float) -> None:
    x = values((3, 4), "float64")
    kw = {"dim": 1, "correction": correction}
    compare_gradients(lambda t: call(tgrad, name, t, kw), lambda t: call(torch, name, t, kw), [x], note=name, scale=1e4)


@pytest.mark.parametrize("text", [
    "cov(x)", "cov(x, correction=0)", "corrcoef(x)", "trapezoid(x)", "trapezoid(x, dx=0.5)", "trapezoid(x, x[0], dim=1)",
    "cumulative_trapezoid(x)", "cumulative_trapezoid(x, x[0])", "gradient(x)[0]", "gradient(x, spacing=2.0)[1]",
    "gradient(x, spacing=(x[0, :3].cumsum(0), x[0].cumsum(0)))[1]", "gradient(x, edge_order=2)[1]", "diff(x)", "diff(x, 2, 0)",
    "dist(x, x * 2)", "dist(x, x + 1, 1)", "dist(x, x * x, 3)", "renorm(x, 2, 0, 1.0)", "renorm(x, 1, 1, 0.5)", "frexp(x)[0]",
    "sum(x, dtype=lib.float32)", "mean(x, dtype=lib.float32)", "prod(x, 1, dtype=lib.float32)",
    "cumsum(x, 0, dtype=lib.float32)", "x.sum_to_size(1, 5)", "x.sum_to_size(5)", "logcumsumexp(x * 100, 1)",
])  # fmt: skip
def test_other_functions(text: str) -> None:
    def run(lib: Any, t: Any) -> Any:
        return eval(text if text.startswith("x.") else f"lib.{text}", {}, {"lib": lib, "x": t})

    x = values((3, 5), "float64", 0.2, 3)
    ours, theirs = twin(x, True)
    same_outcome(lambda: run(tgrad, ours), lambda: run(torch, theirs), note=text, scale=100, strides=False)
    scale = 1e9 if "float32" in text else 1e5
    compare_gradients(lambda t: run(tgrad, t), lambda t: run(torch, t), [x], note=text, scale=scale)


@pytest.mark.parametrize("text", [
    "unique(i)", "unique(i, return_inverse=True, return_counts=True)", "unique(i, dim=0)", "unique_consecutive(i)",
    "unique_consecutive(i, return_inverse=True, return_counts=True)", "bincount(i)", "bincount(i, minlength=9)",
    "bincount(i, weights=x)", "histc(x, bins=4)", "histc(x, 3, -1.0, 1.0)", "isin(i, i[:2])", "isin(i, 1)", "count_nonzero(i)",
])  # fmt: skip
def test_counts(text: str) -> None:
    def run(lib: Any) -> Any:
        x = lib.tensor([0.5, -1.0, 0.5, 2.0, 0.0])
        return eval(f"lib.{text}", {}, {"lib": lib, "x": x, "i": lib.tensor([3, 1, 1, 0, 3])})

    same_outcome(lambda: run(tgrad), lambda: run(torch), note=text)
