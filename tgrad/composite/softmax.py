"""Logarithms of sums, softmax, norms: reductions that come in their own words."""

from __future__ import annotations

from typing import Any

from .. import dtype as dtypes
from ..dispatch import bad_argument, into, typed_into
from ..methods import composite
from ..ops import magnitude
from ..ops import softmax as rows
from ..ops.spec import REQUIRED
from ..tensor import Tensor
from .reductions import check_input, need


@composite(method=True)
def logsumexp(input=REQUIRED, dim=REQUIRED, keepdim=False, *, out=None):
    """log(sum(exp(input))) over dim, without overflow.

    `dim` is one dimension or several. IndexError for one that is not there.

    >>> torch.logsumexp(torch.tensor([1000.0, 1000.0]), 0)
    tensor(1000.6932)
    """
    need("logsumexp", input=input, dim=dim)
    check_input("logsumexp", input)
    if input.dtype.category < 2:
        input = input.to(dtypes.get_default_dtype())
    r = rows.logsumexp.record(input, dim, keepdim)
    return r if out is None else into(out, r, "logsumexp")


@composite(method=True)
def softmax(input, dim=None, dtype=None, *, out=None):
    """exp(input) normalised to sum 1 along dim.

    That is exp(x_i) / sum_j exp(x_j), computed without overflow. `dtype` converts the input first.

    >>> torch.softmax(torch.tensor([0.0, 0.0, 1.0]), dim=0)
    tensor([0.2119, 0.2119, 0.5761])
    """
    return _soft(rows.softmax, input, dim, dtype, out, "softmax")


@composite(method=True)
def log_softmax(input, dim=None, dtype=None, *, out=None):
    """The logarithm of softmax, computed without overflow.

    That is x_i - log(sum_j exp(x_j)). `dtype` converts the input first.

    >>> torch.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return _soft(rows.log_softmax, input, dim, dtype, out, "log_softmax")


def _soft(row: Any, input: Any, dim: Any, dtype: Any, out: Any, name: str) -> Any:
    if not isinstance(input, Tensor):
        raise bad_argument(name, 1, "input", input)
    if dim is None:
        raise TypeError(f'{name}() missing 1 required positional arguments: "dim"')
    if dtype is not None:
        input = input.to(dtype)
    r = row.record(input, dim)
    return r if out is None else typed_into(out, r, name)


# ---- norms


@composite(method=True)
def norm(input=REQUIRED, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm of all elements or over dim; 'fro' is the 2-norm, 'nuc' the sum of the singular values.

    `p` may be any number, inf and -inf included: sum(|x|**p)**(1 / p), the largest and the smallest magnitude. RuntimeError for integers.

    >>> torch.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    >>> torch.norm(torch.tensor([[3.0, -4.0], [1.0, 1.0]]), p=1, dim=1)
    tensor([7., 2.])
    """
    need("norm", input=input)
    check_input("norm", input)
    if dtype is not None:
        input = input.to(dtype)
    if p == "nuc":
        r = _nuclear(input, dim, keepdim)
    else:
        if input.dtype.category < 2:
            raise RuntimeError(
                f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {input.dtype.legacy}"
            )
        if p == "fro" and isinstance(dim, (tuple, list)) and len(dim) > 2:
            raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
        order = 2.0 if p in ("fro", None) else float(p)
        r = magnitude.vector_norm.record(input, order, dim, keepdim)
    return r if out is None else typed_into(out, r, "norm")


def _nuclear(input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    from .matrices.norms import nuclear

    return nuclear(input, dim, keepdim)


@composite(method=True)
def dist(input=REQUIRED, other=REQUIRED, p=2):
    """The p-norm of input - other.

    >>> torch.dist(torch.tensor([0.0, 0.0]), torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    need("dist", input=input, other=other)
    for i, (word, x) in enumerate((("input", input), ("other", other)), 1):
        if not isinstance(x, Tensor):
            raise bad_argument("dist", i, word, x)
    if not (input.dtype.category >= 2 or other.dtype.category >= 2):
        raise RuntimeError(
            f"norm(): input dtype should be either floating point or complex. Got {(input - other).dtype.legacy} instead."
        )
    return magnitude.dist.record(input, other, float(p))
