"""PyTorch's own op database, replayed: what its samples give here and there, in value, layout, graph and gradient, and its error inputs."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import pytest

import tgrad

from .oracle import caught, compare, compare_gradients, first_line, torch, twin
from .test_rows import Failures

pytest.importorskip("expecttest", reason="PyTorch's op database needs it")
warnings.simplefilter("ignore")
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

# What tgrad does not have, or does differently on purpose.
WITHOUT = {
    "_softmax_backward_data": "a part of PyTorch's own backward pass", "torch.ops.aten._safe_softmax.default": "not a public name",
    "histogramdd": "its edges are not marked as part of the graph, which nothing can be differentiated by",
    "sparse.mm": "no sparse layouts", "sparse.sampled_addmm": "no sparse layouts", "to_sparse": "no sparse layouts",
    "empty": "its values are whatever was there", "empty_like": "its values are whatever was there", "new_empty": "its values are whatever was there",
    "empty_strided": "its values are whatever was there", "new_empty_strided": "its values are whatever was there",
    "empty_permuted": "its values are whatever was there", "resize_": "new elements are whatever was there", "resize_as_": "new elements are whatever was there",
}  # fmt: skip
# Eigenvectors and singular vectors are free in sign and phase.
FREE = (
    "linalg.eigh",
    "linalg.eig",
    "linalg.svd",
    "svd",
    "svd_lowrank",
    "pca_lowrank",
    "linalg.qr",
    "qr",
    "geqrf",
    "linalg.eigvalsh",
)
# PyTorch's own values are wrong from the sixth digit on (tests/ops/test_special.py looks at ours).
LOOSE = (
    "special.bessel",
    "special.modified_bessel",
    "special.scaled_modified_bessel",
    "special.airy",
    "special.spherical_bessel",
    "special.zeta",
)
SAMPLES = 4
ERRORS_ELSEWHERE = {"amax", "amin", "aminmax"}  # one input has 65 dimensions, one more than numpy's arrays can have


def found(library: Any, name: str) -> Any:
    """The function of that (dotted) name, or the method."""
    here = library
    for part in name.split("."):
        here = getattr(here, part, None)
        if here is None:
            return getattr(library.Tensor, name, None)
    return here


def ids(op: Any) -> str:
    return op.name + ("-" + op.variant_test_name if op.variant_test_name else "")


def dtype_of(op: Any) -> Any:
    return next(
        (
            d
            for d in (torch.float64, torch.float32, torch.int64, torch.complex64, torch.bool)
            if d in op.supported_dtypes("cpu")
        ),
        None,
    )


OPS = [op for op in op_db if op.name not in WITHOUT and found(torch, op.name) is not None and dtype_of(op) is not None]


def some(samples: Any) -> list[Any]:
    """A few samples from all over the list."""
    made = list(itertools.islice(samples, 200))
    return [made[i * len(made) // SAMPLES] for i in range(SAMPLES)] if len(made) > SAMPLES else made


def test_everything_is_there() -> None:
    missing = {op.name for op in OPS if found(tgrad, op.name) is None}
    assert not missing


@pytest.mark.parametrize("op", OPS, ids=ids)
def test_samples(op: Any) -> None:
    ours, theirs = found(tgrad, op.name), found(torch, op.name)
    loose = op.name.startswith(LOOSE)
    with Failures() as failures:
        for sample in some(op.sample_inputs("cpu", dtype_of(op), requires_grad=dtype_of(op).is_floating_point)):
            with failures.check(f"{op.name}{sample.summary()}"[:300]):
                one_sample(op, ours, theirs, sample, loose)


def one_sample(op: Any, ours: Any, theirs: Any, sample: Any, loose: bool) -> None:
    args, kwargs = (sample.input, *sample.args), dict(sample.kwargs)
    if any(callable(v) and not isinstance(v, torch.Tensor) for v in kwargs.values()):
        return  # a function over PyTorch's tensors
    mine, real = twin([*args, kwargs])
    torch.manual_seed(3)
    try:
        want = theirs(*real[:-1], **real[-1])
    except Exception:
        return
    tgrad.manual_seed(3)
    got = ours(*mine[:-1], **mine[-1])
    if op.name in FREE:
        for a, b in zip(flat(got), flat(want), strict=True):
            assert tuple(a.shape) == tuple(b.shape) and str(a.dtype) == str(b.dtype), (
                f"{a.shape} {a.dtype} for {b.shape} {b.dtype}"
            )
        return
    compare(got, want, scale=1e8 if loose else 1e3)
    if loose or not op.supports_autograd or op.name in ("nn.functional.ctc_loss",):
        return
    tensors = [t for t in flat([*args, kwargs]) if t.requires_grad]
    if tensors and any(t.requires_grad for t in flat(want)):
        gradients(ours, theirs, args, kwargs, tensors)


def flat(x: Any) -> list[Any]:
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, (list, tuple)):
        return [t for v in x for t in flat(v)]
    return [x] if isinstance(x, (torch.Tensor, tgrad.Tensor)) else []


def gradients(ours: Any, theirs: Any, args: Any, kwargs: Any, tensors: list[Any]) -> None:
    """First derivatives of all floating outputs, as a function of the tensors that require them."""

    def of(fn: Any, library: Any) -> Any:
        def run(*values: Any) -> Any:
            left = dict(zip(map(id, tensors), values, strict=True))
            put = lambda x: rebuilt(x, left, library)
            library.manual_seed(3)
            out = fn(*[put(a) for a in args], **{k: put(v) for k, v in kwargs.items()})
            return tuple(t for t in flat(out) if t.is_floating_point() or t.is_complex())

        return run

    compare_gradients(of(ours, tgrad), of(theirs, torch), [t.detach() for t in tensors], order=1, scale=1e4)


def rebuilt(x: Any, left: dict[int, Any], library: Any) -> Any:
    if id(x) in left:
        return left[id(x)]
    if isinstance(x, (list, tuple)) and not isinstance(x, torch.Size):
        return type(x)(rebuilt(v, left, library) for v in x)
    return twin(x)[0 if library is tgrad else 1]


@pytest.mark.parametrize(
    "op", [o for o in OPS if o.error_inputs_func is not None and o.name not in ERRORS_ELSEWHERE], ids=ids
)
def test_error_inputs(op: Any) -> None:
    ours, theirs = found(tgrad, op.name), found(torch, op.name)
    with Failures() as failures:
        for case in op.error_inputs("cpu"):
            sample = case.sample_input
            if any(t.is_meta for t in flat([sample.input, *sample.args, dict(sample.kwargs)])):
                continue
            with failures.check(f"{op.name}{sample.summary()}"[:300]):
                mine, real = twin([sample.input, *sample.args, dict(sample.kwargs)])
                want = caught(lambda real=real: theirs(*real[:-1], **real[-1]))
                if want is None:
                    continue
                got = caught(lambda mine=mine: ours(*mine[:-1], **mine[-1]))
                assert type(got).__name__ == type(want).__name__, f"{got!r} for {want!r}"
                assert first_line(got) == first_line(want), f"{first_line(got)}\n  for {first_line(want)}"
