"""Every documented name of PyTorch's namespaces is there, but for what is listed here with the reason."""

from __future__ import annotations

import functools
import re
import types
from typing import Any

import pytest

import tgrad

torch = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")

# By reason; a name may be a regular expression.
NOT_THERE = {
    "sparse layouts": r"hspmm smm sspaddmm sparse_\w+ to_sparse\w* to_dense coalesce is_coalesced crow_indices col_indices indices values "
    r"dense_dim sparse_dim sparse_mask sparse_resize\w*",
    "quantised tensors": r"quantize\w* dequantize fake_quantize\w* q_\w+ qscheme int_repr",
    "devices other than the CPU and CUDA": r"ipu mtia xpu record_stream to_mkldnn",
    "TorchScript, and what belongs to it": r"fork wait import_ir_module\w* parse_\w+ merge_type_from_type_comment unify_type_list "
    r"sym_sum init_num_threads",
    "masked tensors as a class": r"masked_tensor as_masked_tensor is_masked_tensor MaskedTensor",
    "nested and padded batches": r"to_padded_tensor",
    "products of 8-bit floats": r"scaled_mm scaled_grouped_mm grouped_mm",
    "parts of PyTorch's own implementation": r"has_torch_function\w* native_channel_shuffle NestedIOFunction "
    r"set_multithreading_enabled enforce_grad_layout_policy rearrange region_activation_memory_budget "
    r"set_warn_on_accumulate_grad_stream_mismatch set_override_stale_capture_stream",
}  # fmt: skip
SPACES = (
    "", "Tensor", "nn.functional", "linalg", "fft", "special", "signal.windows", "autograd", "autograd.functional", "autograd.graph",
    "autograd.forward_ad", "func", "masked",
)  # fmt: skip


def space(library: Any, name: str) -> Any:
    return functools.reduce(getattr, [p for p in name.split(".") if p], library)


def documented(where: Any, name: str) -> bool:
    """Whether its docstring shows how it is called."""
    thing = getattr(where, name, None)
    if isinstance(thing, (types.ModuleType, type)) or not callable(thing):
        return False
    return re.search(rf"\b{re.escape(name)}\(", (thing.__doc__ or "")[:400]) is not None


def names(name: str) -> list[str]:
    where = space(torch, name)
    if name in ("", "Tensor", "nn.functional"):
        return [n for n in dir(where) if not n.startswith("_") and documented(where, n)]
    return [
        n for n in getattr(where, "__all__", dir(where)) if not n.startswith("_") and callable(getattr(where, n, None))
    ]


@pytest.mark.parametrize("name", SPACES, ids=lambda n: "torch" + (n and "." + n))
def test_all_names(name: str) -> None:
    where = space(tgrad, name)
    left_out = re.compile("|".join(f"({p})" for patterns in NOT_THERE.values() for p in patterns.split()))
    missing = [n for n in names(name) if not hasattr(where, n) and not left_out.fullmatch(n)]
    assert not missing


def test_nothing_is_listed_that_is_there() -> None:
    """A reason that no longer holds would hide a name that goes missing later."""
    for reason, patterns in NOT_THERE.items():
        for p in patterns.split():
            hidden = [n for s in SPACES for n in names(s) if re.fullmatch(p, n) and not hasattr(space(tgrad, s), n)]
            assert hidden, f"{p} ({reason})"
