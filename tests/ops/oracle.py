"""tgrad beside the real PyTorch: twins of a tensor in both libraries, and what it means that they agree.

Every helper takes ours first and PyTorch's second. A test builds its inputs once, as PyTorch tensors, and `twin` gives
the same memory layout to both sides.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import tgrad

torch = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
COMPLEX = ("complex64", "complex128")
DTYPES = (*FLOATS, *INTEGERS, "bool", *COMPLEX)

# Relative and absolute tolerance where both sides round differently on the way (libm against SLEEF, order of sums).
TOLERANCE = {
    "float16": (1e-3, 1e-5), "bfloat16": (8e-3, 1e-3), "float32": (2e-6, 1e-6), "complex64": (4e-6, 2e-6),
    "float64": (1e-12, 1e-13), "complex128": (1e-12, 1e-13),
}  # fmt: skip


# ---- the same tensor in both libraries


def dtype_name(t: Any) -> str:
    """'float32' of a tensor or dtype of either library."""
    return str(getattr(t, "dtype", t)).rpartition(".")[2]


def to_array(t: Any) -> np.ndarray:
    """A fresh numpy array of a tensor of either library; bfloat16 is widened to float32."""
    t = t.detach().clone()
    if dtype_name(t) == "bfloat16":
        t = t.float()
    if hasattr(t, "resolve_conj"):
        t = t.resolve_conj().resolve_neg()
    return np.array(t.numpy())


def to_tgrad(t: Any, requires_grad: bool | None = None) -> Any:
    """The tgrad twin of a PyTorch tensor: same elements, shape, strides and offset, memory of its own."""
    flat = _memory(t)
    raw = flat.view(torch.int16) if t.dtype == torch.bfloat16 else flat
    block = tgrad.from_numpy(raw.numpy().copy())
    if t.dtype == torch.bfloat16:
        block = block.view(tgrad.bfloat16)
    made = block.as_strided(tuple(t.shape), tuple(t.stride()), t.storage_offset())
    made = made.detach()
    return made.requires_grad_(t.requires_grad if requires_grad is None else requires_grad)


def _memory(t: Any) -> Any:
    t = t.detach()
    count = t.untyped_storage().nbytes() // t.element_size()
    return t.as_strided((count,), (1,), 0).clone()


def copy_of(t: Any, requires_grad: bool | None = None) -> Any:
    """A PyTorch tensor with the same layout and memory of its own."""
    made = _memory(t).as_strided(tuple(t.shape), tuple(t.stride()), t.storage_offset()).detach()
    return made.requires_grad_(t.requires_grad if requires_grad is None else requires_grad)


def twin(value: Any, requires_grad: bool | None = None) -> tuple[Any, Any]:
    """(tgrad's, PyTorch's) copy of a tensor, of a list or tuple of them, or of anything else (passed on as it is)."""
    if isinstance(value, torch.Tensor):
        wanted = requires_grad and (value.is_floating_point() or value.is_complex())
        return to_tgrad(value, wanted), copy_of(value, wanted)
    if isinstance(value, (torch.dtype, torch.memory_format)):
        return getattr(tgrad, str(value).rpartition(".")[2]), value
    if isinstance(value, (list, tuple)):
        pairs = [twin(v, requires_grad) for v in value]
        return type(value)(p[0] for p in pairs), type(value)(p[1] for p in pairs)
    if isinstance(value, dict):
        pairs = {k: twin(v, requires_grad) for k, v in value.items()}
        return {k: p[0] for k, p in pairs.items()}, {k: p[1] for k, p in pairs.items()}
    return value, value


# ---- agreement


def compare(
    ours: Any,
    theirs: Any,
    *,
    strides: bool = True,
    grad_fn: bool = True,
    exact: bool = False,
    scale: float = 1.0,
    note: str = "",
) -> None:
    """Fails unless both results agree: kind, dtype, shape, strides, requires_grad, name of grad_fn, and values.

    `exact` asks for the same bits (and signs of zero); else floats may differ by the rounding of their dtype, times
    `scale`. Tuples, lists and named tuples are compared element by element, with their field names.
    """
    if isinstance(theirs, (list, tuple)) and not isinstance(theirs, torch.Size):
        assert isinstance(ours, (list, tuple)), f"{note}: {type(ours).__name__} for {type(theirs).__name__}"
        assert len(ours) == len(theirs), f"{note}: {len(ours)} results for {len(theirs)}"
        for field in ("values", "indices", "min", "max"):
            assert hasattr(ours, field) == hasattr(theirs, field), f"{note}: field {field}"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            compare(a, b, strides=strides, grad_fn=grad_fn, exact=exact, scale=scale, note=f"{note}[{i}]")
        return
    if not isinstance(theirs, torch.Tensor):
        if isinstance(theirs, torch.dtype):
            assert dtype_name(ours) == dtype_name(theirs), f"{note}: {ours} for {theirs}"
            return
        assert type(ours).__name__ == type(theirs).__name__, (
            f"{note}: {type(ours).__name__} for {type(theirs).__name__}"
        )
        same = ours == theirs or (theirs != theirs and ours != ours)
        assert same or (isinstance(theirs, float) and ours == pytest.approx(theirs)), f"{note}: {ours!r} for {theirs!r}"
        return
    assert isinstance(ours, tgrad.Tensor), f"{note}: {type(ours).__name__} for a tensor"
    assert dtype_name(ours) == dtype_name(theirs), f"{note}: dtype {ours.dtype} for {theirs.dtype}"
    assert tuple(ours.shape) == tuple(theirs.shape), f"{note}: shape {tuple(ours.shape)} for {tuple(theirs.shape)}"
    if strides:
        mine, want = live_strides(ours), live_strides(theirs)
        assert mine == want, f"{note}: strides {mine} for {want}"
    assert ours.requires_grad == theirs.requires_grad, f"{note}: requires_grad {ours.requires_grad}"
    if grad_fn:
        mine, want = (t.grad_fn.name() if t.grad_fn is not None else None for t in (ours, theirs))
        assert mine == want, f"{note}: grad_fn {mine} for {want}"
    same_values(to_array(ours), to_array(theirs), dtype_name(theirs), exact, scale, note)


def live_strides(t: Any) -> tuple[int, ...]:
    """The strides that matter: those of dimensions longer than 1, none for an empty tensor."""
    if t.numel() == 0:
        return ()
    return tuple(s for s, n in zip(t.stride(), t.shape, strict=True) if n > 1)


def same_values(ours: np.ndarray, theirs: np.ndarray, dtype: str, exact: bool, scale: float, note: str) -> None:
    if exact or dtype not in TOLERANCE:
        np.testing.assert_array_equal(ours, theirs, err_msg=note)
        if theirs.dtype.kind == "f":
            real = ~np.isnan(theirs)
            np.testing.assert_array_equal(np.signbit(ours)[real], np.signbit(theirs)[real], err_msg=f"{note}: sign")
        return
    rtol, atol = TOLERANCE[dtype]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(ours, theirs, rtol * scale, atol * scale, equal_nan=True, err_msg=note)


def same_error(ours: Callable[[], Any], theirs: Callable[[], Any], *, text: bool = True, note: str = "") -> None:
    """Fails unless PyTorch raises, and ours raises the same type with the same first line."""
    want = caught(theirs)
    assert want is not None, f"{note}: PyTorch raises nothing"
    got = caught(ours)
    assert got is not None, f"{note}: nothing raised; PyTorch: {type(want).__name__}: {first_line(want)}"
    shown = f"{note}: {type(got).__name__}: {first_line(got)}\n  for {type(want).__name__}: {first_line(want)}"
    assert type(got).__name__ == type(want).__name__, shown
    if text:
        assert first_line(got) == first_line(want), shown


def same_outcome(ours: Callable[[], Any], theirs: Callable[[], Any], *, text: bool = True, **kw: Any) -> None:
    """`compare` where PyTorch gives a result, `same_error` where it raises."""
    try:
        want = theirs()
    except Exception:
        same_error(ours, theirs, text=text, note=kw.get("note", ""))
        return
    compare(ours(), want, **kw)


def caught(fn: Callable[[], Any]) -> BaseException | None:
    try:
        fn()
    except Exception as error:
        return error
    return None


def first_line(error: BaseException) -> str:
    """The first line of a message, without the file and line that some of PyTorch's texts begin with."""
    text = str(error).strip()
    line = text.splitlines()[0] if text else ""
    return re.sub(r"^\S+\.(cpp|h|py):\d+[,:]?\s*", "", line).replace("tgrad.", "torch.")


# ---- inputs


def values(shape: Sequence[int], dtype: str = "float32", low: float = -3, high: float = 3, seed: int = 0) -> Any:
    """A PyTorch tensor of random values between low and high (bool: both)."""
    rng = np.random.default_rng(seed + sum(shape) + len(dtype))
    d = getattr(torch, dtype)
    if dtype == "bool":
        return torch.from_numpy(np.asarray(rng.random(tuple(shape)) < 0.5))
    x = np.asarray(rng.uniform(low, high, tuple(shape)))
    if d.is_complex:
        return torch.from_numpy(np.asarray(x + 1j * rng.uniform(low, high, tuple(shape)))).to(d)
    if not d.is_floating_point:
        if dtype == "uint8":
            x = np.asarray(np.abs(x))
        return torch.from_numpy(np.asarray(np.rint(x), np.int64)).to(d)
    return torch.from_numpy(x).to(d)


LAYOUTS: dict[str, Callable[[Callable[[tuple[int, ...]], Any]], Any]] = {
    "plain": lambda make: make((2, 3, 4)),
    "permuted": lambda make: make((4, 2, 3)).permute(1, 2, 0),
    "stepped": lambda make: make((2, 6, 9))[:, ::2, 1::2],
    "expanded": lambda make: make((2, 1, 4)).expand(2, 3, 4),
    "row": lambda make: make((7,)),
    "0-d": lambda make: make(()),
    "empty": lambda make: make((2, 0, 3)),
}


def layouts(
    dtype: str = "float32", low: float = -3, high: float = 3, seed: int = 0, only: Sequence[str] = tuple(LAYOUTS)
) -> Iterator[tuple[str, Any]]:
    """(name, PyTorch tensor) in every layout: contiguous, permuted, stepped, expanded, a row, 0-d, empty."""
    for i, name in enumerate(only):
        yield name, LAYOUTS[name](lambda shape, i=i: values(shape, dtype, low, high, seed + i))


# ---- gradients


def compare_gradients(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    order: int = 2,
    scale: float = 8.0,
    note: str = "",
) -> None:
    """Fails unless the derivatives of all floating inputs agree, up to `order`, for a fixed random weighting.

    `inputs` are PyTorch tensors and other values, all passed to both functions in order. The second derivatives are
    those of the weighted first ones, by `autograd.grad(..., create_graph=True)`.
    """
    pairs = [twin(x, True) for x in inputs]
    for_ours, for_theirs = [p[0] for p in pairs], [p[1] for p in pairs]
    got, want = _outputs(ours(*for_ours)), _outputs(theirs(*for_theirs))
    leaves = [i for i, t in enumerate(for_theirs) if isinstance(t, torch.Tensor) and t.requires_grad]
    got_leaves, want_leaves = [for_ours[i] for i in leaves], [for_theirs[i] for i in leaves]
    for step in range(1, order + 1):
        live = [i for i, t in enumerate(want) if t is not None and t.requires_grad]
        if not live:
            return
        flat = [i for i in live if got[i] is None or not got[i].requires_grad]
        if flat:
            assert step > 1, f"{note}: output {flat[0]} has no history"
            parts = [torch.view_as_real(want[i]) if want[i].is_complex() else want[i] for i in flat]
            sums = [t.sum() for t in parts]
            _all_zero(torch.autograd.grad(sums, want_leaves, allow_unused=True, retain_graph=True), note)
            live = [i for i in live if i not in flat]
            if not live:
                return
        weights = [_weights(want[i], step) for i in live]
        more = step < order
        kw = dict(create_graph=more, allow_unused=True)
        try:
            want = torch.autograd.grad([want[i] for i in live], want_leaves, weights, **kw)
        except RuntimeError as error:
            if "Could this error message be improved" not in str(error):
                raise
            return  # an internal check of PyTorch fails for some mixtures of real and complex
        got = tgrad.autograd.grad([got[i] for i in live], got_leaves, [to_tgrad(w) for w in weights], **kw)
        for k, (a, b) in enumerate(zip(got, want, strict=True)):
            where = f"{note}, order {step}, input {leaves[k]}"
            if b is None or a is None:
                # Where PyTorch knows a gradient to be zero and leaves it out, zeros of ours say the same.
                rest = a if b is None else b
                assert rest is None or not np.any(to_array(rest)), f"{where}: {a} for {b}"
                continue
            _same_numbers(a, b, scale, where)


def _all_zero(grads: Sequence[Any], note: str) -> None:
    """Where our first derivative does not depend on the inputs, PyTorch's must be constant too."""
    for g in grads:
        assert g is None or not np.any(to_array(g)), f"{note}: PyTorch has a second derivative"


def _same_numbers(a: Any, b: Any, scale: float, note: str) -> None:
    assert dtype_name(a) == dtype_name(b), f"{note}: dtype {a.dtype} for {b.dtype}"
    assert tuple(a.shape) == tuple(b.shape), f"{note}: shape {tuple(a.shape)} for {tuple(b.shape)}"
    same_values(to_array(a), to_array(b), dtype_name(b), False, scale, note)


def _outputs(r: Any) -> list[Any]:
    return list(r) if isinstance(r, (list, tuple)) else [r]


def _weights(t: Any, seed: int) -> Any:
    rng = np.random.default_rng(100 + seed)
    w = torch.from_numpy(np.asarray(rng.uniform(0.5, 1.5, tuple(t.shape))))
    if t.is_complex():
        w = w + 1j * torch.from_numpy(np.asarray(rng.uniform(0.5, 1.5, tuple(t.shape))))
    return w.to(t.dtype)
