"""Creation in memory formats, sharing by `asarray`, generators that print and chain, and sizes that do not fit."""

from __future__ import annotations

import re
from typing import Any

import pytest

import tgrad

real = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")

SAME = """
t.empty((2, 3, 5, 7), memory_format=t.channels_last).stride()
t.empty((2, 3, 5, 7, 2), memory_format=t.channels_last_3d).stride()
t.empty(2, 3, memory_format=t.contiguous_format).stride()
t.empty(2, 3, memory_format=t.channels_last)
t.empty(2, 3, memory_format=t.preserve_format)
t.zeros(2, 3, 4, 5, memory_format=t.channels_last)
t.zeros_like(t.ones(2, 3, 4, 5), memory_format=t.channels_last).stride()
t.ones_like(t.ones(2, 3, 4, 5), memory_format=t.channels_last).sum()
t.ones_like(t.ones(2, 3, 4, 5).permute(0, 2, 3, 1), memory_format=t.contiguous_format).stride()
t.ones_like(t.ones(2, 3, 4, 5).permute(0, 2, 3, 1), memory_format=t.preserve_format).stride()
t.full_like(t.ones(2, 3, 4, 5), 3, memory_format=t.channels_last).stride()
t.rand_like(t.ones(2, 3, 4, 5), memory_format=t.channels_last).stride()
t.randn_like(t.ones(2, 3, 4, 5), memory_format=t.channels_last).stride()
t.randint_like(t.ones(2, 3, 4, 5), 9, memory_format=t.channels_last).stride()
t.empty_like(t.ones(2, 3), memory_format=t.channels_last)
t.allclose(t.ones(4, 4), t.ones(5, 5))
t.isclose(t.ones(2, 4), t.ones(3, 4))
t.ones(2).masked_fill(t.ones(3) > 0, 1)
t.ones(2).masked_fill_(t.ones(3) > 0, 1)
t.Generator()
t.Generator().set_state(t.Generator().get_state())
t.manual_seed(3)
""".strip().splitlines()


def outcome(library: Any, expression: str) -> str:
    library.manual_seed(0)
    try:
        shown = repr(eval(expression, {"t": library}))
    except Exception as error:
        shown = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return re.sub("0x[0-9a-f]+", "0x", shown)


@pytest.mark.parametrize("expression", SAME)
def test_expression(expression: str) -> None:
    assert outcome(tgrad, expression) == outcome(real, expression)


@pytest.mark.parametrize("dtype", [None, "float64"])
@pytest.mark.parametrize("copy", [None, True, False])
@pytest.mark.parametrize("requires_grad", [None, False, True])
@pytest.mark.parametrize("source", ["plain", "leaf", "result"])
def test_asarray(source: str, requires_grad: bool | None, copy: bool | None, dtype: str | None) -> None:
    """Whether it is the same tensor, shares memory, asks for a gradient, and what it was made by."""

    def run(t: Any) -> list[Any]:
        x = t.ones(2, requires_grad=source != "plain")
        x = x + 1 if source == "result" else x
        kw: dict[str, Any] = {} if requires_grad is None else {"requires_grad": requires_grad}
        try:
            y = t.asarray(x, copy=copy, dtype=dtype and getattr(t, dtype), **kw)
        except ValueError as error:
            return [str(error)]
        return [y is x, y.data_ptr() == x.data_ptr(), y.requires_grad, y.is_leaf, y.grad_fn and y.grad_fn.name(), x.requires_grad]  # fmt: skip

    assert run(tgrad) == run(real)
