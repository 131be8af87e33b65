"""Every op that is not elementwise, beside PyTorch: each sample of samples.py in every form, dtype and memory layout."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import tgrad
from tgrad import dispatch
from tgrad.ops import ROWS

from .oracle import caught, compare, compare_gradients, same_error, same_outcome, to_tgrad, torch, twin
from .samples import BAD, SAMPLES
from .specs import Sample

pytestmark = pytest.mark.filterwarnings("ignore")
names = pytest.mark.parametrize("name", SAMPLES)


# ---- the forms of an op


def function(library: Any, name: str) -> Callable[..., Any] | None:
    """`F.x` in nn.functional; else the function of that name, which may be in a submodule (`fft.rfft`)."""
    *path, name = name.replace("F.", "nn.functional.").split(".")
    for part in path:
        library = getattr(library, part)
    return getattr(library, name, None)


def method(library: Any, name: str) -> Callable[..., Any] | None:
    return None if "." in name else getattr(library.Tensor, name, None)


def main_form(library: Any, name: str) -> Callable[..., Any]:
    """The function where PyTorch has one, else the method; in-place forms work on a copy."""
    found = (function if function(torch, name) is not None else method)(library, name)
    assert found is not None, f"tgrad has no {name}"
    return on_copy(found) if name.endswith("_") else found


def on_copy(fn: Callable[..., Any]) -> Callable[..., Any]:
    """An in-place function of a copy of its first argument, so that leaves may be given."""
    return lambda x, *args, **kwargs: fn(x.clone(), *args, **kwargs)


class Failures:
    """Runs many checks and reports all that fail."""

    def __init__(self) -> None:
        self.found: list[str] = []

    @contextmanager
    def check(self, note: str) -> Iterator[None]:
        try:
            yield
        except Exception as e:
            text = "\n    ".join(str(e).strip().splitlines()[:12])
            self.found.append(f"{note}: {type(e).__name__}\n    {text}")

    def __enter__(self) -> Failures:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None and self.found:
            pytest.fail(f"{len(self.found)} failures\n" + "\n".join(self.found), pytrace=False)


def seeded(fn: Callable[..., Any], library: Any) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        library.manual_seed(3)
        return fn(*args, **kwargs)

    return run


def calls(
    name: str, sample: Sample, dtype: str, layout: str, grad: bool, form: Callable[[Any, str], Any] = main_form
) -> tuple[Callable[[], Any], Callable[[], Any], list[Any], list[Any]]:
    """(our call, PyTorch's call, our tensors, PyTorch's): of one sample."""
    pairs = [twin(t, grad and live) for t, live in zip(sample.tensors(dtype, layout), sample.live(), strict=True)]
    mine, real = [p[0] for p in pairs], [p[1] for p in pairs]
    sides = []
    for library, tensors in ((tgrad, mine), (torch, real)):
        args, kwargs = sample.filled(tensors, library)
        fn = seeded(form(library, name), library)
        sides.append(lambda fn=fn, args=args, kwargs=kwargs: fn(*args, **kwargs))
    return sides[0], sides[1], mine, real


def variants(sample: Sample) -> Iterator[str]:
    """The layouts that differ for a sample."""
    seen: list[Any] = []
    for layout in sample.layouts:
        made = [(t.stride(), t.shape) for t in sample.tensors(layout=layout)]
        if made not in seen and (sample.ties or layout != "expanded"):
            seen.append(made)
            yield layout


def outputs(r: Any) -> list[Any]:
    return list(r) if isinstance(r, (list, tuple)) else [r]


# ---- what must agree


@names
def test_result(name: str) -> None:
    with Failures() as failures:
        for sample in SAMPLES[name]:
            for layout in variants(sample):
                note = f"{name}{sample} {layout}"
                with failures.check(note):
                    ours, theirs, mine, real = calls(name, sample, "float64", layout, True)
                    try:
                        want = theirs()
                    except Exception:
                        same_error(ours, theirs)
                        continue
                    got = ours()
                    compare(got, want, scale=8)
                    same_nodes(got, want)
                    if sample.memory:
                        same_memory(got, want, mine, real)


def same_nodes(got: Any, want: Any) -> None:
    for a, b in zip(outputs(got), outputs(want), strict=True):
        if isinstance(b, torch.Tensor) and b.grad_fn is not None:
            mine, real = ([n and n.name() for n, _ in t.grad_fn.next_functions] for t in (a, b))
            assert mine == real, f"next functions {mine} for {real}"
            assert [k for _, k in a.grad_fn.next_functions] == [k for _, k in b.grad_fn.next_functions]
            assert a.output_nr == b.output_nr


def same_memory(got: Any, want: Any, mine: list[Any], real: list[Any]) -> None:
    """Which results lie in the memory of which inputs, and which of them say they are views."""
    for a, b in zip(outputs(got), outputs(want), strict=True):
        if isinstance(b, torch.Tensor):
            shared = [at(a) == at(t) for t in mine], [at(b) == at(t) for t in real]
            if b.numel():
                assert shared[0] == shared[1], f"memory shared with inputs: {shared[0]} for {shared[1]}"
                assert a.storage_offset() == b.storage_offset(), f"offset {a.storage_offset()} for {b.storage_offset()}"
            assert a._is_view() == b._is_view(), f"a view: {a._is_view()} for {b._is_view()}"


def at(t: Any) -> int:
    return t.untyped_storage().data_ptr()


@names
def test_method(name: str) -> None:
    if function(torch, name) is None or method(torch, name) is None:
        assert (function(tgrad, name) is None) == (function(torch, name) is None)
        assert (method(tgrad, name) is None) == (method(torch, name) is None)
        return
    if not callable(method(torch, name)):
        return  # a property: real, imag
    with Failures() as failures:
        for sample in SAMPLES[name]:
            if isinstance(sample.tensors()[0], torch.Tensor) and not isinstance(
                sample.args[0], (list, tuple, str, float)
            ):
                with failures.check(f"{name}{sample}"):
                    ours, theirs, *_ = calls(name, sample, "float64", "plain", True, method)
                    same_outcome(ours, theirs, scale=8)


@names
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_gradients(name: str, dtype: str) -> None:
    with Failures() as failures:
        for sample in SAMPLES[name]:
            if dtype == "float64" or dtype in sample.dtypes:
                for layout in variants(sample) if dtype == "float64" else ["plain"]:
                    with failures.check(f"{name}{sample} {layout}"):
                        gradients_agree(name, sample, dtype, layout)


def gradients_agree(name: str, sample: Sample, dtype: str, layout: str) -> None:
    ours, theirs, *_ = calls(name, sample, dtype, layout, True)
    order = sample.order if layout == "plain" else min(sample.order, 1)
    try:
        if not any(isinstance(t, torch.Tensor) and t.requires_grad for t in outputs(theirs())):
            return
    except Exception:
        return
    passes = [lambda run=run: passed(run()) for run in (ours, theirs)]
    if caught(passes[1]) is not None:
        same_error(*passes)
        return
    compare_derivatives(name, sample, dtype, layout, order, main_form)


def passed(result: Any) -> Any:
    """The gradients of the sum of all results."""
    live = [t.abs().sum() for t in outputs(result) if hasattr(t, "requires_grad") and t.requires_grad]
    return sum(live[1:], live[0]).backward()


def compare_derivatives(
    name: str, sample: Sample, dtype: str, layout: str, order: int, form: Callable[[Any, str], Any]
) -> None:
    tensors, live = sample.tensors(dtype, layout), sample.live()
    sides = []
    for library in (tgrad, torch):
        fn = seeded(form(library, name), library)

        def run(*varied: Any, fn: Any = fn, library: Any = library) -> Any:
            left = iter(varied)
            side = 0 if library is tgrad else 1
            all_of = [next(left) if v else twin(t)[side] for t, v in zip(tensors, live, strict=True)]
            args, kwargs = sample.filled(all_of, library)
            return fn(*args, **kwargs)

        sides.append(run)
    compare_gradients(*sides, [t for t, v in zip(tensors, live, strict=True) if v], order=order, scale=50)


@names
@pytest.mark.parametrize("dtype", ["float32", "int64", "complex128"])
def test_other_dtypes(name: str, dtype: str) -> None:
    with Failures() as failures:
        for sample in SAMPLES[name]:
            if dtype in sample.dtypes:
                with failures.check(f"{name}{sample}"):
                    ours, theirs, *_ = calls(name, sample, dtype, "plain", dtype == "complex128")
                    same_outcome(ours, theirs, scale=20)


def inplace_form(library: Any, name: str) -> Callable[..., Any]:
    """The in-place method on a copy; gives back the copy, which the method must return itself."""
    fn = getattr(library.Tensor, name + "_")

    def run(x: Any, *args: Any, **kwargs: Any) -> Any:
        y = x.clone(memory_format=library.preserve_format)
        r = fn(y, *args, **kwargs)
        assert r is y
        return y

    return run


@names
def test_inplace(name: str) -> None:
    if not hasattr(torch.Tensor, name + "_"):
        assert not hasattr(tgrad.Tensor, name + "_"), f"PyTorch has no {name}_"
        return
    with Failures() as failures:
        for sample in [s for s in SAMPLES[name] if s.inplace]:
            for layout in ("plain", "permuted"):
                with failures.check(f"{name}_{sample} {layout}"):
                    ours, theirs, *_ = calls(name, sample, "float64", layout, True, inplace_form)
                    same_outcome(ours, theirs, scale=8)
                    if caught(theirs) is None:
                        assert ours()._version == theirs()._version
                    if layout == "plain" and sample.order:
                        inplace_gradients_agree(name, sample, theirs)


def inplace_gradients_agree(name: str, sample: Sample, theirs: Callable[[], Any]) -> None:
    try:
        if not theirs().requires_grad:
            return
    except Exception:
        return
    compare_derivatives(name, sample, "float64", "plain", 1, inplace_form)


@names
def test_out(name: str) -> None:
    """`out=`: an empty tensor is resized, one of the right shape is written."""
    if function(torch, name) is None or name.endswith("_") or name.startswith("F."):
        return
    with Failures() as failures:
        for sample in SAMPLES[name]:
            _, theirs, *_ = calls(name, sample, "float64", "plain", False)
            try:
                want = theirs()
            except Exception:
                continue
            for shaped in (False, True):
                pairs = [
                    twin(torch.zeros(tuple(t.shape) if shaped else (0,), dtype=t.dtype))
                    for t in outputs(want)
                    if isinstance(t, torch.Tensor)
                ]
                several = isinstance(want, (list, tuple))
                outs = [[p[i] for p in pairs] if several else pairs[0][i] for i in (0, 1)] if pairs else [None, None]
                with failures.check(f"{name}{sample} out={'shaped' if shaped else 'empty'}"):
                    write = lambda library, side, outs=outs, sample=sample: with_out(library, name, sample, outs[side])
                    if caught(lambda write=write: write(torch, 1)) is not None:
                        continue  # the op has no such form
                    want_out, got = write(torch, 1), write(tgrad, 0)
                    compare(got, want_out, strides=False, scale=8)
                    if not several:
                        assert got is outs[0]


def with_out(library: Any, name: str, sample: Sample, out: Any) -> Any:
    tensors = sample.tensors()
    if library is tgrad:
        tensors = [to_tgrad(t) for t in tensors]
    args, kwargs = sample.filled(tensors, library)
    return seeded(main_form(library, name), library)(*args, **kwargs, out=out)


@pytest.mark.parametrize("name", BAD)
def test_errors(name: str) -> None:
    with Failures() as failures:
        for sample in BAD[name]:
            note = f"{name}{sample}"
            with failures.check(note):
                ours, theirs, *_ = calls(name, sample, "float64", "plain", False)
                same_error(ours, theirs)


# ---- completeness


def rows_run(action: Callable[[], Any]) -> set[str]:
    """Names of the rows that an action runs: seen by their prepared functions, and by the general paths of the door."""
    seen: set[str] = set()
    doors = {getattr(dispatch, n).__code__ for n in ("run", "inplace", "new_node")}

    def look(frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            code = frame.f_code
            if code in doors:
                seen.add(frame.f_locals["row"].name)
            elif code.co_filename.startswith("<record "):
                seen.add(code.co_filename[8:-1])

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        action()
    finally:
        sys.setprofile(before)
    return seen


def test_every_row_has_a_sample() -> None:
    """Each row that is not elementwise is run by some sample: by a form of its op, or by a derivative of one."""
    seen: set[str] = set()
    for name, listed in SAMPLES.items():
        for sample in listed:
            for form in [main_form] + [inplace_form] * (hasattr(tgrad.Tensor, name + "_") and sample.inplace):
                ours, _, mine, _ = calls(name, sample, "float64", "plain", True, form)
                seen |= rows_run(lambda ours=ours, mine=mine: differentiated(ours, mine))
    missing = [row.name for row in ROWS.values() if row.family != "pointwise" and row.name not in seen]
    # of operands larger than a sample should be; tests/nn/test_attention.py lowers the bound
    missing = [name for name in missing if not name.startswith("_scaled_dot_product_attention_in_blocks")]
    # whose second derivative is PyTorch's only where its norms stand still; tests/nn/test_parametrize.py has it
    missing = [name for name in missing if name != "_weight_norm_interface"]
    # loaded when first used; tests/nn/test_rnn.py
    missing = [name for name in missing if not re.match("_(lstm|gru|rnn|pack_padded)_", name)]
    assert not missing, f"no sample reaches {missing}"


def differentiated(ours: Callable[[], Any], mine: list[Any]) -> None:
    """The call, and its gradients in such a way that they are recorded, too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            live = [t for t in outputs(ours()) if isinstance(t, tgrad.Tensor) and t.requires_grad]
            leaves = [t for t in mine if t.requires_grad]
            if live:
                seeds = [tgrad.ones_like(t, requires_grad=True) for t in live]
                grads = tgrad.autograd.grad(live, leaves, seeds, create_graph=True, allow_unused=True)
                again = [g.sum() for g in grads if g is not None and g.requires_grad]
                tgrad.autograd.grad(again, seeds, create_graph=True, allow_unused=True)
        except (RuntimeError, IndexError, TypeError):
            return  # that a sample fails is the business of the other tests
