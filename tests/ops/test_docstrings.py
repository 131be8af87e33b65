"""The examples in docstrings: each runs, and prints in tgrad what it prints in PyTorch.

An example may use `torch`, `nn` and `F` (nn.functional) without importing them, and begins with the seed 0.
"""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import pydoc
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tgrad
import tgrad.nn.functional

# What programs use most; each of these shows how.
MOST_USED = """
    tensor zeros ones zeros_like ones_like full full_like empty arange linspace logspace eye rand randn randint randperm as_tensor from_numpy
    cat stack hstack vstack split chunk unbind reshape flatten unflatten transpose permute movedim squeeze unsqueeze broadcast_to tile
    repeat_interleave flip roll narrow select gather scatter scatter_add index_select index_add masked_select masked_fill where nonzero take
    sum mean prod std var max min amax amin argmax argmin aminmax median quantile topk sort argsort kthvalue cumsum cumprod norm logsumexp
    matmul mm bmm mv dot einsum outer inner tensordot kron cross addmm add sub mul div pow sqrt exp log abs neg sign clamp round floor ceil
    maximum minimum sin cos tanh sigmoid relu softmax log_softmax eq ne lt le gt ge isclose allclose equal isnan isinf isfinite logical_and
    logical_or logical_not any all unique bincount histc searchsorted bucketize tril triu diag trace meshgrid diff cov clone detach numel
    manual_seed is_tensor result_type broadcast_tensors
""".split()
METHODS = """
    view view_as reshape_as expand expand_as repeat contiguous item tolist numpy to float double half long int bool type size dim numel stride
    new_tensor new_zeros new_ones new_full copy_ fill_ zero_ add_ mul_ scatter_ masked_fill_ requires_grad_ backward detach clone where
    register_hook unfold t type_as element_size data_ptr is_contiguous storage_offset
""".split()
FUNCTIONAL = """
    linear relu gelu silu elu leaky_relu softplus sigmoid tanh softmax log_softmax cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss
    huber_loss kl_div binary_cross_entropy binary_cross_entropy_with_logits conv1d conv2d conv_transpose2d max_pool2d avg_pool2d
    adaptive_avg_pool2d pad one_hot embedding layer_norm group_norm batch_norm rms_norm dropout normalize cosine_similarity
    pairwise_distance glu hardtanh relu6 logsigmoid scaled_dot_product_attention unfold fold pixel_shuffle
""".split()

# Their names are of tgrad alone, or they open windows and files.
APART = {"cli", "viz", "vision", "echo", "graph", "interop", "cpu", "version", "testing"}
HERE = Path(tgrad.__file__).parent
# Public modules that no `__all__` of the above lists.
DEEPER = [
    f"tgrad.nn.{name}"
    for name in ("modules.lazy", "modules.utils", "utils.parametrize", "utils.parametrizations", "utils.prune")
] + [f"tgrad.distributions.{name}" for name in ("constraints", "constraint_registry", "transforms", "utils", "kl")]


def public_modules() -> Iterator[types.ModuleType]:
    for name in sorted(set(tgrad._SUBMODULES) - APART):
        spec = importlib.util.find_spec(f"tgrad.{name}")
        if spec is None or not (spec.origin or "").startswith(str(HERE)):  # another tgrad may be installed, too
            continue
        module = importlib.import_module(f"tgrad.{name}")
        yield module
        for inner in getattr(module, "__all__", ()):
            value = getattr(module, inner)
            if isinstance(value, types.ModuleType) and value.__name__.startswith(module.__name__):
                yield value
    yield from map(importlib.import_module, DEEPER)
    yield tgrad.nn.utils.rnn


def public_names(owner: Any) -> list[str]:
    """What `__all__` lists; without it, what a module has that is its own, and all that tgrad and Tensor have."""
    if hasattr(owner, "__all__"):
        return list(owner.__all__)
    names = [n for n in dir(owner) if not n.startswith("_")]
    if owner is tgrad:
        return [n for n in names if n not in tgrad._SUBMODULES]
    if isinstance(owner, types.ModuleType):
        return [n for n in names if getattr(getattr(owner, n), "__module__", None) == owner.__name__]
    return names


def public_functions() -> Iterator[tuple[str, Any]]:
    """Every public function, class and method by its full name, and the modules."""
    for owner in (tgrad, tgrad.Tensor, *public_modules()):
        module = isinstance(owner, types.ModuleType)
        where = owner.__name__ if module else "tgrad.Tensor"
        if module:
            yield where, owner
        for name in public_names(owner):
            found = getattr(owner, name)
            if isinstance(found, types.ModuleType) or not callable(found):
                continue
            if str(getattr(found, "__module__", "")).partition(".")[0] in ("tgrad", "torch"):
                yield f"{where}.{name}", found


def found_examples() -> dict[str, list[doctest.Example]]:
    """The examples of each docstring; of several names for one, the first that is met."""
    found: dict[str, list[doctest.Example]] = {}
    seen: set[str] = set()
    for name, value in public_functions():
        text = inspect.getdoc(value) or ""
        if ">>>" in text and text not in seen:
            seen.add(text)
            found[name] = doctest.DocTestParser().get_examples(text, name)
    return found


EXAMPLES = found_examples()


def run(name: str, library: Any) -> None:
    """Runs a docstring's examples with a library as `torch`, and fails with doctest's report where it prints something else."""
    library.manual_seed(0)
    scope = {"torch": library, "nn": library.nn, "F": library.nn.functional}
    examples = [
        doctest.Example(
            re.sub(r"\btgrad\b", library.__name__, e.source), e.want, e.exc_msg, e.lineno, e.indent, dict(e.options)
        )
        for e in EXAMPLES[name]
    ]
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(
        doctest.DocTest(examples, scope, name, None, 0, None), out=report.append
    )
    assert result.attempted and not result.failed, "".join(report)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_in_tgrad(name: str) -> None:
    run(name, tgrad)


# What PyTorch does not have, and says nothing about.
OURS = re.compile(r"tgrad\.(explain\b.*|utils\.(datasets|progress|safetensors)\b.*)")


@pytest.mark.parametrize("name", [n for n in EXAMPLES if not OURS.fullmatch(n)])
def test_example_in_pytorch(name: str, torch: types.ModuleType) -> None:
    run(name, torch)


def test_a_wrong_output_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = doctest.DocTestParser().get_examples(">>> torch.zeros(1)\ntensor([1.])\n", "wrong")
    monkeypatch.setitem(EXAMPLES, "wrong", wrong)
    with pytest.raises(AssertionError, match="tensor"):
        run("wrong", tgrad)


@pytest.mark.parametrize(
    ("owner", "names"),
    [(tgrad, MOST_USED), (tgrad.Tensor, METHODS), (tgrad.nn.functional, FUNCTIONAL)],
    ids=["functions", "methods", "functional"],
)
def test_the_most_used_show_how(owner: Any, names: list[str]) -> None:
    lacking = [n for n in names if ">>>" not in (inspect.getdoc(getattr(owner, n)) or "")]
    assert not lacking, f"without an example: {lacking}"


def test_every_public_function_says_what_it_does() -> None:
    lacking = [n for n, value in public_functions() if len(inspect.getdoc(value) or "") < 8]
    assert not lacking, f"without a docstring: {lacking}"


def test_docstrings_are_plain_texts() -> None:
    """As help() wants them: for a function and a method made from a row, and one made of others."""
    for value in (tgrad.exp, tgrad.Tensor.add_, tgrad.Tensor.permute, tgrad.cat, tgrad.matmul):
        assert type(value.__doc__) is str
        assert value.__doc__.splitlines()[0] in pydoc.plain(pydoc.render_doc(value))


def test_a_text_belongs_to_a_row() -> None:
    """Each text is found by the row that it is named after: none is left over, and none stands in another family's file."""
    from tgrad import methods
    from tgrad.ops import ROWS

    named = {}
    for path in (HERE / "ops" / "texts").glob("*.txt"):
        for name in re.findall(r"^== (.+)$", path.read_text("utf-8"), re.MULTILINE):
            assert name not in named, f"two texts for {name}"
            named[name] = path.stem
    assert len(named) > 100
    for name, file in named.items():
        row = ROWS[name]
        assert methods.TEXTS.get(row.family, "arrays") == file, name
        assert methods.text_of(row) and methods.text_of(row) in (
            inspect.getdoc(getattr(tgrad.Tensor, name, None) or getattr(tgrad, name)) or ""
        )
