"""Runs the same few lines of Python with tgrad and with the real PyTorch as `torch`, and compares what comes of them.

A snippet is statements separated by `;` or lines; its last expression is the outcome. An error is an outcome too: its type
and the first line of its text. Each library gets fresh inputs, made by PREPARE.
"""

from __future__ import annotations

import ast
import copy
import math
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest

import tgrad

torch = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")

PREPARE = """
x = torch.arange(12.0).reshape(3, 4)
w = (torch.arange(12.0).reshape(3, 4) / 7 - 0.6).requires_grad_()
v = torch.tensor([0.5, -1.5, 2.5], requires_grad=True)
u = torch.tensor([0.25, 1.25, -0.75, 2.0])
b = torch.arange(24.0).reshape(2, 3, 4) / 5 - 2
c = (torch.arange(24.0).reshape(2, 3, 4) / 9 - 1).requires_grad_()
z = torch.tensor(3.0)
i = torch.arange(6).reshape(2, 3)
l = torch.arange(12).reshape(3, 4)
m = x > 5
k = torch.tensor([0, 2])
"""


def outcome(library: Any, source: str) -> Any:
    """What the snippet gives with `library` as torch, in plain data."""
    names: dict[str, Any] = {"torch": library, "np": np, "copy": copy, "pickle": pickle}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(PREPARE, names)
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        try:
            exec(compile(tree, "<snippet>", "exec"), names)
            value = eval(compile(ast.Expression(last.value), "<snippet>", "eval"), names) if last is not None else None
            return plain(library, value)
        except Exception as error:
            return type(error).__name__, without_addresses(str(error).split("\n")[0])


def without_addresses(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x", text)


def plain(library: Any, value: Any) -> Any:
    if isinstance(value, library.Tensor):
        node = value.grad_fn
        name = node.name() if node is not None else None
        t = value.detach()
        steps = tuple(s for s, n in zip(t.stride(), t.shape, strict=True) if n > 1) if t.numel() else ()
        return "tensor", str(t.dtype), tuple(t.shape), steps, value.requires_grad, name, t.tolist()
    if isinstance(value, np.ndarray):
        return "array", str(value.dtype), value.shape, value.tolist()
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(library, x) for x in value]
    if isinstance(value, dict):
        return {k: plain(library, x) for k, x in value.items()}
    if isinstance(value, (bool, int, float, complex, str, bytes)) or value is None:
        return value
    return without_addresses(repr(value))


def close(a: Any, b: Any) -> bool:
    """Equal, floats up to the rounding of float32."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, (float, complex)) and isinstance(b, (float, complex)) and type(a) is type(b):
        if a != a or b != b:
            return (a != a) == (b != b)
        return (
            abs(a - b) <= 1e-5 * max(1.0, abs(b))
            if isinstance(a, complex)
            else math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-5)
        )
    return type(a) is type(b) and a == b


def same(source: str) -> None:
    """Fails unless both libraries come to the same outcome."""
    theirs = outcome(torch, source)
    ours = outcome(tgrad, source)
    assert close(ours, theirs), f"\n{source}\ntgrad: {ours}\ntorch: {theirs}"
