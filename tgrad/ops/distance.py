"""The norm along one dimension as PyTorch's older composites record it: NormBackward1."""

from __future__ import annotations

from .magnitude import norm_grad, vector_norm
from .spec import op


@op("norm.dim", grad=dict(self=lambda grad, self, result, p, dim, keepdim: norm_grad(grad, self, result, p, dim, keepdim)),
    tensors="self", node="NormBackward1", function=False, method=False)  # fmt: skip
def norm_dim(self, p, dim, keepdim=False):
    return vector_norm.array(self, float(p), dim, keepdim)
