"""Batching rules of linear algebra: its rows work on stacks of matrices, so the batch is one more dimension of the stack.

Where operands have stacks of different depth, which broadcast, the batch must come in front of the deepest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as F
from ..ops.spec import Row
from ..tensor import Tensor
from .batched import full
from .rules import RULES, rule
from .wrapped import Level, call

# How many dimensions an operand has that is no stack of matrices.
DEPTHS = {
    "ormqr": (2, 1, 2), "linalg_lu_solve": (2, 1, 2), "linalg_ldl_solve": (2, 1, 2), "linalg_householder_product": (2, 1), "lu_unpack.row": (2, 1),
}  # fmt: skip


@rule(
    """_linalg_det _linalg_slogdet linalg_inv_ex linalg_pinv.atol_rtol_tensor linalg_solve_triangular triangular_solve cholesky_solve
    cholesky_inverse.row linalg_lu_solve lu_unpack.row linalg_lu_factor_ex linalg_lu linalg_ldl_factor_ex linalg_ldl_solve linalg_cholesky_ex
    cholesky.row linalg_qr geqrf.row linalg_householder_product ormqr _linalg_svd _linalg_eigh linalg_eig linalg_matrix_exp"""
)
def stacked(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """A row over stacks, the batch being their first dimension."""
    return _stacked(lvl, row, inputs, params, DEPTHS.get(row.name, (2,) * len(inputs)))


def _stacked(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any], depths: Sequence[int]) -> Any:
    room = max(x.ndim - d for x, d in zip(inputs, depths, strict=True))
    values = []
    for x, d in zip(inputs, depths, strict=True):
        v, missing = full(x, lvl), room - (x.ndim - d)
        values.append(v.reshape(v.shape[:1] + (1,) * missing + v.shape[1:]) if missing else v)
    got = call("run", row, values, params)
    return [_owned(t, lvl) for t in got] if isinstance(got, (list, tuple)) else got


def _owned(t: Tensor, lvl: Level) -> Tensor:
    """An output that is left empty is so for each sample."""
    return F.zeros((lvl.size, 0), dtype=t.dtype) if t._a.shape == (0,) and lvl.size else t  # type: ignore[attr-defined]


@rule("_linalg_solve_ex linalg_lstsq")
def equations(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """What is a vector for one sample would be taken for a matrix beside a deeper stack: it becomes a column."""
    A, B = inputs
    vector = len(B.shape) == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))
    if vector:
        B = B.unsqueeze(-1)
        params = params | {"vector": False} if "vector" in params else params
    first, *rest = _stacked(lvl, row, (A, B), params, (2, 2))
    if row.name == "_linalg_solve_ex":  # info is that of A
        rest = [rest[0].reshape(lvl.size, *A.shape[:-2])]
    return [first.squeeze(-1) if vector else first, *rest]


__all__ = ["RULES"]
