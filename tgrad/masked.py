"""`torch.masked`: reductions and normalisations over the elements that a mask lets through.

Note [Masked operations]
`mask` is broadcast to the input and read as bool: True lets an element through. The others are replaced by the value that
the operation ignores (0 for a sum, -inf for a maximum), and the operation itself does the rest; so where a mask lets
nothing through, a reduction gives that value. Masked sparse tensors and `MaskedTensor` are not there.

>>> import tgrad as torch
>>> torch.masked.sum(torch.tensor([1.0, 2.0, 3.0]), mask=torch.tensor([True, False, True]))
tensor(4.)
"""

from __future__ import annotations

import math
from typing import Any

from . import functions as fn
from .dtype import bool_, float32, iinfo, int64
from .nn.functions.activation import softmin as _softmin
from .tensor import Tensor

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median", "norm",
    "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip

_SMALL = ("uint8", "bool", "int8", "int16", "int32")  # sums and products of these are int64


def _dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """Sorted dimensions from 0 on; None and () mean all of them."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    ndim = max(ndim, 1)
    given = dim if isinstance(dim, (tuple, list)) else (dim,)
    found: list[int] = []
    for d in given:
        if d in found:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        if not -ndim <= d < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {d})")
        found.append(d % ndim)
    return tuple(sorted(found))


def _input_mask(input: Tensor, mask: Any) -> Tensor:
    """The mask in the input's shape, as bool."""
    if mask is None:
        raise ValueError("_input_mask requires explicit mask")
    if mask.shape != input.shape:
        if mask.ndim > input.ndim:
            raise IndexError(
                "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)"
            )
        mask = fn.broadcast_to(mask.clone(), input.shape)
    return mask.to(bool_)


def _lowest(input: Tensor, name: str, sign: int) -> Any:
    """The least value of a dtype (sign 1), or the greatest (-1)."""
    if input.is_floating_point():
        return -math.inf * sign
    if input.dtype is bool_ or input.dtype.name in ("uint16", "uint32", "uint64"):
        raise NotImplementedError(f"identity of {name} on {input.dtype} input")
    info = iinfo(input.dtype)  # TypeError for complex numbers, which have no order
    return info.min if sign > 0 else info.max


def _identity(name: str, input: Tensor, order: Any = None) -> Any:
    """What an operation ignores."""
    if name in ("amax", "argmax", "logaddexp"):
        return _lowest(input, name, 1)
    if name in ("amin", "argmin"):
        return _lowest(input, name, -1)
    if name == "logsumexp":
        return complex(-math.inf, 0) if input.is_complex() else _lowest(input, name, 1)
    if name == "norm":
        if order == -math.inf:
            assert input.is_floating_point(), f"input must be floating point, got {input.dtype}"
            return math.inf
        return 0
    return {"sum": 0, "prod": 1, "median": math.nan}[name]


def _filled(name: str, input: Tensor, mask: Any, order: Any = None) -> Tensor:
    """The input with the elements that do not count replaced; see Note [Masked operations]."""
    if mask is None:
        return input
    allowed = _input_mask(input, mask)
    return fn.where(allowed, input, fn.tensor(_identity(name, input, order), dtype=input.dtype))


def _wide(input: Tensor, dtype: Any) -> Any:
    """The dtype of a sum or product."""
    return dtype or (int64 if input.dtype.name in _SMALL else input.dtype)


def sum(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The sum along dim (a number, several, or all) of what the mask lets through; small integers give int64."""
    dims = _dims(dim, input.ndim)
    return fn.sum(_filled("sum", input, mask), dims, bool(keepdim), dtype=_wide(input, dtype))


def prod(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The product along dim (a number, several, or all) of what the mask lets through; small integers give int64."""
    out = _filled("prod", input, mask).to(_wide(input, dtype))
    for d in reversed(_dims(dim, input.ndim)):
        out = out.prod(d, bool(keepdim))
    return out


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
    """Running sums along dim, in the input's dtype."""
    d, dtype = _dims(dim, input.ndim)[0], dtype or input.dtype
    return fn.cumsum(_filled("sum", input, mask), d, dtype=dtype).to(dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
    """Running products along dim, in the input's dtype."""
    d, dtype = _dims(dim, input.ndim)[0], dtype or input.dtype
    return fn.cumprod(_filled("prod", input, mask), d, dtype=dtype).to(dtype)


def amax(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The largest element along dim (a number, several, or all) that the mask lets through."""
    x = _filled("amax", input, mask)
    return fn.amax(x, _dims(dim, x.ndim), bool(keepdim)).to(dtype or input.dtype)


def amin(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The smallest element along dim (a number, several, or all) that the mask lets through."""
    x = _filled("amin", input, mask)
    return fn.amin(x, _dims(dim, x.ndim), bool(keepdim)).to(dtype or input.dtype)


def argmax(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Tensor:
    """Where the largest element is that the mask lets through; as numbers of the input's dtype."""
    return fn.argmax(_filled("argmax", input, mask), dim, bool(keepdim)).to(dtype or input.dtype)


def argmin(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Tensor:
    """Where the smallest element is that the mask lets through; as numbers of the input's dtype."""
    return fn.argmin(_filled("argmin", input, mask), dim, bool(keepdim)).to(dtype or input.dtype)


def logsumexp(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """log(sum(exp(input))) along dim (a number, several, or all) of what the mask lets through."""
    dims = _dims(dim, input.ndim)
    return fn.logsumexp(_filled("logsumexp", input, mask), dims, keepdim=keepdim).to(dtype or input.dtype)


def logaddexp(
    input: Tensor, other: Tensor, *, dtype: Any = None, input_mask: Any = None, other_mask: Any = None
) -> Tensor:
    """log(exp(input) + exp(other)), each with a mask of its own."""
    a, b = _filled("logaddexp", input, input_mask), _filled("logaddexp", other, other_mask)
    return fn.logaddexp(a, b).to(dtype or input.dtype)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Tensor:
    """The vector norm along dim (a number, several, or all) of what the mask lets through."""
    x = _filled("norm", input, mask, ord)
    return fn.norm(x, ord, _dims(dim, input.ndim), bool(keepdim), dtype=dtype or input.dtype)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None
) -> Tensor:
    """input / max(its norm along dim, eps), both of what the mask lets through, with zeros elsewhere."""
    x = _filled("sum", input, mask)
    size = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return fn.divide(x, fn.maximum(size, size.new_full([], eps)))


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
    """exp(input) / sum(exp(input)) along dim of what the mask lets through, with zeros elsewhere."""
    x = _filled("amax", input, mask)
    return fn.softmax(x, _dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
    """The logarithm of `softmax`, with -inf elsewhere."""
    x = _filled("amax", input, mask)
    return fn.log_softmax(x, _dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
    """The softmax of -input."""
    x = _filled("amin", input, mask)
    return _softmin(x, _dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def mean(input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The mean along dim (a number, several, or all) of what the mask lets through: nan where it lets nothing through.

    ValueError for integers, unless a floating dtype is given.
    """
    source, dtype = ("Input", input.dtype) if dtype is None else ("Optional", dtype)
    if dtype.category < 2:
        raise ValueError(
            f"mean(): Could not infer output dtype. {source} dtype must be either a floating point or complex dtype. Got: {dtype}"
        )
    count, allowed = _count(input, dim, bool(keepdim), mask)
    return sum(input, dim, keepdim=keepdim, dtype=dtype, mask=allowed) / count


def _count(input: Tensor, dim: Any, keepdim: bool, mask: Any) -> tuple[Any, Any]:
    """How many elements the mask lets through along dim, and the mask itself."""
    if mask is None:
        return sum(fn.ones(input.shape, dtype=int64), dim, keepdim=keepdim), None
    allowed = _input_mask(input, mask)
    return allowed.sum(dim=dim, keepdim=keepdim), allowed


def median(input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Tensor:
    """The lower median along dim of what the mask lets through: nan where it lets nothing through.

    ValueError for integers where that happens.
    """
    dtype, d = dtype or input.dtype, _dims(dim, input.ndim)[0]
    real = input.is_floating_point()
    x = _filled("median", input if real else input.to(float32), mask)
    out = fn.nanmedian(x, d, keepdim)[0]
    if real:
        return out
    if bool(fn.isnan(out).any()):
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return out.to(dtype)


def _spread(
    input: Tensor, dim: Any, unbiased: bool | None, correction: Any, keepdim: Any, dtype: Any, mask: Any
) -> Tensor:
    """The variance; integers are computed, and by default returned, in float32."""
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    less = float(correction) if correction is not None else 1.0 if unbiased is not False else 0.0
    if dtype is None:
        dtype = input.dtype if input.dtype.category >= 2 else float32
    inner = dtype if dtype.category >= 2 else float32
    count, allowed = _count(input, dim, True, mask)
    x = fn.subtract(input, fn.divide(sum(input, dim, keepdim=True, dtype=dtype, mask=allowed), count))
    total = sum(x * x.conj(), dim, keepdim=keepdim, dtype=inner, mask=allowed)
    if not keepdim:
        count = count.reshape(total.shape)
    if less:
        count = count.to(inner.to_real() if inner.is_complex else inner)
        count = fn.subtract(count, less)
        count = fn.maximum(count, count.new_zeros([]))
    return fn.divide(total, count).to(dtype)


def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *, correction: Any = None, keepdim: bool = False, dtype: Any = None,
    mask: Any = None,
) -> Tensor:  # fmt: skip
    """The variance along dim (a number, several, or all) of what the mask lets through, divided by its count - correction."""
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *, correction: Any = None, keepdim: bool = False, dtype: Any = None,
    mask: Any = None,
) -> Tensor:  # fmt: skip
    """The square root of `var`."""
    return fn.sqrt(_spread(input, dim, unbiased, correction, keepdim, dtype, mask))
