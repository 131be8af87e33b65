"""Every elementwise row beside PyTorch: function, method, in-place form, `out=`, layouts, dtypes, derivatives.

Nothing here names an op: the cases come from the registry, and a row's `domain` says where it is tested.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import tgrad
from tgrad.ops import ROWS, Row

from .oracle import (
    DTYPES,
    caught,
    compare,
    compare_gradients,
    copy_of,
    dtype_name,
    first_line,
    layouts,
    same_error,
    same_outcome,
    to_tgrad,
    torch,
    twin,
    values,
)

# Values for the arguments that are not tensors, by the argument's name.
ARGUMENTS = {
    "n": 1, "p": 2, "decimals": 1, "exponent": 2.5, "weight": 0.3, "min": -0.5, "max": 0.75, "value": 2, "alpha": 2,
    "end": 1.5, "other": 0.75,
}  # fmt: skip


def stem(row: Row) -> str:
    return row.name.partition(".")[0]


def is_public(row: Row) -> bool:
    name = stem(row)
    return row.family == "pointwise" and hasattr(torch.Tensor, name) and hasattr(tgrad.Tensor, name)


PUBLIC = sorted((r for r in ROWS.values() if is_public(r)), key=lambda r: r.name)
rows = pytest.mark.parametrize("row", PUBLIC, ids=lambda r: r.name)


def bounds(row: Row) -> tuple[float, float]:
    if row.domain is None:
        return -3.0, 3.0
    low, high = row.domain
    return (-3.0 if low is None else low + 0.05), (3.0 if high is None else high - 0.05)


def operands(row: Row, first: Any, seed: int = 50) -> list[Any]:
    """`first` in the place of self, and tensors or values for the row's other required arguments."""
    low, high = bounds(row)
    rest: list[Any] = []
    for i, p in enumerate(row.params):
        if p.name == "self":
            continue
        if p.name in row.tensors:
            shape = tuple(first.shape)
            if p.name in ("condition", "mask"):
                rest.append(values(shape, "bool", seed=seed))
            elif row.name.endswith((".scalar", "_second", ".2")) and p.name == row.tensors[-1] == "other":
                rest.append(ARGUMENTS["other"])
            else:
                rest.append(values(shape, dtype_name(first), low, high, seed + i))
        elif repr(p.default) == "REQUIRED" or (p.default is None and p.name in ("min", "max")):
            rest.append(ARGUMENTS[p.name])
    return [first, *rest]


def call(name: str) -> Callable[..., Any]:
    """The operation by its method, which takes self first whatever the function's order is."""

    def run(self: Any, *rest: Any) -> Any:
        if name.startswith("round") and rest:
            return getattr(self, name)(decimals=rest[0])
        return getattr(self, name)(*rest)

    return run


def both(name: str, args: list[Any], **kw: Any) -> None:
    ours, theirs = twin(args)
    same_outcome(
        lambda: call(name)(*ours), lambda: call(name)(*theirs), note=f"{name} {[dtype_name(a) for a in args]}", **kw
    )


@rows
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(row: Row, dtype: str) -> None:
    low, high = bounds(row)
    both(stem(row), operands(row, values((3, 4), dtype, low, high)), scale=4)
    both(stem(row), operands(row, values((), dtype, low, high)), scale=4)


@rows
def test_layouts(row: Row) -> None:
    low, high = bounds(row)
    for layout, x in layouts("float32", low, high):
        args = operands(row, x)
        both(stem(row), args, scale=4)
        second = dict(layouts("float32", low, high, seed=9))[layout]
        alike = [second if i and isinstance(a, torch.Tensor) and a.dtype == x.dtype else a for i, a in enumerate(args)]
        both(stem(row), alike, scale=4)
    whole = torch.arange(-2, 3)
    both(stem(row), operands(row, whole), scale=4)


@rows
def test_special_values(row: Row) -> None:
    inf, nan = float("inf"), float("nan")
    x = torch.tensor([inf, -inf, nan, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-30, -1e-30, 3.0, 1.5, 2.5, -1.5])
    args = operands(row, x)
    both(stem(row), args, scale=4)
    if len(args) > 1 and isinstance(args[1], torch.Tensor) and args[1].dtype == x.dtype and row.domain is None:
        grid = torch.meshgrid(x, x, indexing="ij")
        both(stem(row), [grid[0].contiguous(), grid[1].contiguous(), *args[2:]], scale=4)


@rows
def test_function_is_the_method(row: Row) -> None:
    name = stem(row)
    fn = getattr(tgrad, name, None)
    if fn is None or name in ("polygamma", "where", "round"):
        pytest.skip("a method only, or with its arguments in another order")
    low, high = bounds(row)
    for dtype in ("float32", "int64"):
        args = twin(operands(row, values((3,), dtype, low, high)))[0]
        if caught(lambda args=args: call(name)(*args)) is None:
            a, b = fn(*args), call(name)(*args)
            assert a.dtype is b.dtype and tgrad.equal(a.nan_to_num(), b.nan_to_num())


@rows
def test_in_place(row: Row) -> None:
    name = stem(row) + "_"
    assert hasattr(tgrad.Tensor, name) == hasattr(torch.Tensor, name), name
    if not hasattr(torch.Tensor, name):
        return
    low, high = bounds(row)
    for dtype in ("float32", "int64", "bool", "bfloat16", "complex64"):
        args = operands(row, values((3, 4), dtype, low, high))
        ours, theirs = twin(args)
        same_outcome(lambda o=ours: call(name)(*o), lambda t=theirs: call(name)(*t), note=f"{name} {dtype}", scale=4)
        assert caught(lambda t=theirs: call(name)(*t)) is not None or call(name)(*ours) is ours[0]
    if name in ("masked_fill_", "conj_physical_"):
        return  # PyTorch lets these two write into overlapping memory, or has nothing to write
    args = operands(row, values((3, 4), "float32", low, high))
    expanded = [values((1, 4)).expand(3, 4), *args[1:]]
    ours, theirs = twin(expanded)
    same_error(lambda: call(name)(*ours), lambda: call(name)(*theirs), note=f"{name} of an expanded tensor")


@rows
def test_in_place_is_recorded(row: Row) -> None:
    name = stem(row) + "_"
    if not row.grad or not hasattr(torch.Tensor, name):
        pytest.skip("no in-place form with a derivative")
    low, high = bounds(row)
    args = operands(row, values((3, 4), "float64", low, high))
    ours, theirs = twin(args, True)

    def run(x: Any, *rest: Any) -> Any:
        y = x * 1
        call(name)(y, *rest)
        return y * 2

    error = caught(lambda: run(*theirs).sum().backward())
    if error is not None and "inplace version of" in str(error):
        pytest.skip("PyTorch has no derivative of the in-place form")
    if error is not None:
        text = "derivative for aten::" not in str(error)  # PyTorch names the in-place form there
        same_error(
            lambda: run(*ours).sum().backward(),
            lambda: run(*twin(args, True)[1]).sum().backward(),
            note=name,
            text=text,
        )
        return
    got, want = run(*ours), run(*theirs)
    compare(got, want, note=name, scale=4)
    got.sum().backward()
    compare(ours[0].grad, theirs[0].grad, note=f"gradient through {name}", scale=8)


@rows
def test_out(row: Row) -> None:
    name = stem(row)
    if name in ("polygamma", "where"):
        pytest.skip("its arguments come in another order")
    ours_fn, theirs_fn = getattr(tgrad, name, None), getattr(torch, name, None)
    if theirs_fn is None or ours_fn is None:
        pytest.skip("a method only")
    low, high = bounds(row)
    args = operands(row, values((3, 4), "float32", low, high))
    ours, theirs = twin(args)
    # A few texts name the operation or the kernel in ways of their own.
    exact = not row.lacks and name not in ("nan_to_num", "mvlgamma")
    for out in (
        torch.empty(3, 4).double(),
        torch.empty(0),
        torch.empty(3, 4),
        torch.empty(4, 3).t(),
        torch.empty(2),
        torch.empty(3, 4).int(),
    ):
        a, b = to_tgrad(out), copy_of(out)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            error = caught(lambda b=b: theirs_fn(*theirs, out=b))
            if isinstance(error, TypeError):
                pytest.skip("takes no out=")
            if error is not None:
                got = caught(lambda a=a: ours_fn(*ours, out=a))
                if got is None and out.dtype == torch.float64:
                    continue  # a wider dtype that PyTorch happens to refuse
                assert got is not None, f"{name}: nothing raised; PyTorch: {error}"
                assert not exact or first_line(got) == first_line(error), f"{name}: {got}\n  for {error}"
                continue
            assert ours_fn(*ours, out=a) is a
        compare(a, b, note=f"{name} into {tuple(out.shape)}", scale=1e7 if out.dtype == torch.float64 else 4)


@rows
def test_gradients(row: Row) -> None:
    if not row.grad:
        pytest.skip("no derivative")
    name = stem(row)
    low, high = bounds(row)
    for layout, x in layouts("float64", low, high, only=("plain", "permuted", "expanded", "0-d", "empty")):
        args = operands(row, x)
        _gradients(name, args, f"{name} {layout}")


def _gradients(name: str, args: list[Any], note: str, order: int = 2, scale: float = 1e4) -> None:
    ours, theirs = twin(args, True)
    error = caught(lambda: call(name)(*theirs).sum().backward())
    if error is not None and "implicitly created" not in str(error):
        same_error(
            lambda: call(name)(*ours).sum().backward(),
            lambda: call(name)(*twin(args, True)[1]).sum().backward(),
            note=note,
        )
        return
    compare_gradients(call(name), call(name), args, note=note, order=order, scale=scale)


@rows
def test_gradients_of_mixed_operands(row: Row) -> None:
    """Operands that broadcast, a 0-d one of another dtype, halves, and complex beside real."""
    if not row.grad:
        pytest.skip("no derivative")
    name = stem(row)
    low, high = bounds(row)
    for dtype in ("float32", "bfloat16", "complex128"):
        args = operands(row, values((3, 4), dtype, low, high))
        if caught(lambda args=args: call(name)(*args)) is None:
            _gradients(
                name, args, f"{name} {dtype}", 2 if dtype == "complex128" else 1, 1e4 if dtype != "float32" else 30
            )
    args = operands(row, values((3, 4), "float64", low, high))
    if len(args) > 1 and isinstance(args[1], torch.Tensor) and args[1].dtype == torch.float64:
        _gradients(name, [args[0], args[1][:1], *args[2:]], f"{name} broadcast")
        _gradients(name, [args[0].float(), args[1][0, 0], *args[2:]], f"{name} with 0-d float64", 1, 1e7)
        _gradients(name, [args[0], args[1][0].to(torch.complex128), *args[2:]], f"{name} real with complex")
