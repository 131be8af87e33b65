"""Arithmetic with a number as PyTorch records it inside its own composites: MulBackward1 where a user's `x * 2` says
MulBackward0."""

from __future__ import annotations

import numpy as np

from .spec import FLOAT, pointwise

add_number = pointwise(
    "add.number",
    lambda self, other: np.add(self, other),
    tensors="self",
    node="AddBackward1",
    grad=dict(self=lambda grad: grad),
    function=False,
    method=False,
    inplace=False,
)
mul_number = pointwise(
    "mul.number",
    lambda self, other: np.multiply(self, other),
    tensors="self",
    node="MulBackward1",
    grad=dict(self=lambda grad, other: grad * other),
    function=False,
    method=False,
    inplace=False,
)
div_number = pointwise(
    "div.number",
    lambda self, other: np.divide(self, other),
    tensors="self",
    node="DivBackward1",
    grad=dict(self=lambda grad, other: grad / other),
    kind=FLOAT,
    function=False,
    method=False,
    inplace=False,
)
