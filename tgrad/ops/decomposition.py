"""Matrix decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .linalg import mT
from .spec import op
from .view import unsqueeze


@op("linalg_svd.reduced", grad=dict(A=lambda grads, result0, result1, result2: _svd_grad(grads, result0, result1, result2)),
    tensors="A", node="LinalgSvdBackward0", outputs="U S Vh", function=False, method=False, materialize=False)  # fmt: skip
def svd(A):
    """The reduced decomposition A = U diag(S) Vh, batched over the leading dimensions."""
    U, S, Vh = np.linalg.svd(A, full_matrices=False)
    return U, S, Vh


def _svd_grad(grads: Any, U: Any, S: Any, Vh: Any) -> Any:
    """The derivative of the reduced SVD (Townsend, Differentiating the Singular Value Decomposition, 2016).

    With P = U^H gU and Q = V^H gV made skew, E_ij = s_j^2 - s_i^2 off the diagonal:
    gA = U (P / E diag(s) + diag(s) Q / E + diag(gS)) V^H, plus what gU and gV have outside the spans of U and V.
    """
    gU, gS, gVh = grads
    row = unsqueeze(S, -2)
    if gU is None and gVh is None:
        return (U * unsqueeze(gS, -2)) @ Vh
    eye = np.eye(S.shape[-1])
    squares = S * S
    gap = (
        unsqueeze(squares, -2)
        - unsqueeze(squares, -1)
        + (eye.astype(S.dtype) if isinstance(S, np.ndarray) else S.new_tensor(eye))
    )
    inner: Any = 0
    if gU is not None:
        P = mT(U) @ gU
        inner = (P - mT(P)) / gap * row
    if gVh is not None:
        Q = Vh @ mT(gVh)
        inner = inner + unsqueeze(S, -1) * ((Q - mT(Q)) / gap)
    out = U @ inner @ Vh
    if gS is not None:
        out = out + (U * unsqueeze(gS, -2)) @ Vh
    if gU is not None and U.shape[-2] > U.shape[-1]:
        rest = gU / row
        out = out + (rest - U @ (mT(U) @ rest)) @ Vh
    if gVh is not None and Vh.shape[-1] > Vh.shape[-2]:
        rest = gVh / unsqueeze(S, -1)
        out = out + U @ (rest - (rest @ mT(Vh)) @ Vh)
    return out
