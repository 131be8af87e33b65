"""Histograms, and a checksum."""

from __future__ import annotations

import math

import numpy as np

from ..dispatch import bad_argument, into, no_overload
from ..methods import composite, return_type
from ..ops import histogram as rows
from ..ops.spec import in_rows
from ..shape import wrap_dim
from ..tensor import Tensor, wrap
from .ranges import linspace

_CPP = {"float32": "float", "float64": "double"}


def _cpp(t):
    return _CPP.get(t.dtype.name, t.dtype.name)


def _checked(input, bins, weight):
    """Input [n, dims] and weight [n], with PyTorch's checks."""
    if weight is not None:
        if tuple(weight.shape) != tuple(input.shape[:-1]):
            raise RuntimeError(
                "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its "
                f"innermost dimension, but got input with shape {list(input.shape)} and weight with shape {list(weight.shape)}"
            )
        if weight.dtype is not input.dtype:
            raise RuntimeError(
                "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got "
                f"input({_cpp(input)}), and weight({_cpp(weight)})"
            )
        weight = weight.reshape(-1)
    for d, edges in enumerate(bins):
        if not isinstance(edges, Tensor):
            if edges <= 0:
                raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {edges} for dimension {d}")
            continue
        if edges.dtype is not input.dtype:
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{_cpp(input)} and bins for dimension {d} with dtype {_cpp(edges)}"
            )
        if edges.dim() != 1:
            raise RuntimeError(
                f"torch.histogramdd: bins tensor should have one dimension, but got {edges.dim()} dimensions in the bins tensor for "
                f"dimension {d}"
            )
        if edges.numel() == 0:
            raise RuntimeError(
                f"torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for dimension {d}"
            )
        if edges.numel() == 1:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got 0 for dimension {d}")
    if input.dtype.name not in _CPP:
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{input.dtype.legacy}'")
    return input.reshape(math.prod(input.shape[:-1]), input.shape[-1]), weight


def _edges(input, bins, range):
    """The edges for numbers of bins: over `range`, or from the smallest to the largest of the data."""
    dims = len(bins)
    if range is not None:
        if len(range) != 2 * dims:
            raise RuntimeError(
                f"torch.histogramdd: for a {dims}-dimensional histogram range should have {2 * dims} elements, but got {len(range)}"
            )
        low, high = [float(v) for v in range[::2]], [float(v) for v in range[1::2]]
    elif input.numel():
        low, high = input._a.min(0).tolist(), input._a.max(0).tolist()
    else:
        low, high = [0.0] * dims, [1.0] * dims
    made = []
    for d, (a, b, n) in enumerate(zip(low, high, bins, strict=True)):
        if not (math.isfinite(a) and math.isfinite(b)):
            raise RuntimeError(f"torch.histogramdd: dimension {d}'s range [{a:g}, {b:g}] is not finite")
        if a > b:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {a:g} max {b:g} for dimension {d}"
            )
        if a == b:
            a, b = a - 0.5, b + 0.5
        made.append(linspace(a, b, n + 1, dtype=input.dtype))
    return made


@composite(method=True)
def histogram(input, bins=100, *, range=None, weight=None, density=False, out=None):
    """How many elements (or what weight) lie in each bin: (hist [bins], bin_edges [bins + 1]).

    `bins`: how many of equal width, between the ends of `range` or of the data; or the edges themselves, ascending. The last
    bin includes its right end; what lies outside does not count. `density` makes the area 1. float32 and float64.

    >>> import tgrad as torch
    >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), 2, range=(0.0, 4.0)).hist
    tensor([2., 1.])
    """
    if not isinstance(input, Tensor):
        raise bad_argument("histogram", 1, "input", input)
    given = isinstance(bins, Tensor)
    if (given and range is not None) or not (given or hasattr(bins, "__index__")):
        raise no_overload("histogram", input, bins, range=range)
    flat = input.reshape(-1, 1)
    flat, _ = _checked(flat, [bins], weight if weight is None else weight.reshape(-1))
    edges = bins if given else _edges(flat, [int(bins)], range)[0]
    hist, edges = rows.histogram.record(input, edges, weight, density)
    made = return_type("histogram", ("hist", "bin_edges"))((hist, edges))
    if out is None:
        return made
    return return_type("histogram_out", ("hist", "bin_edges"))(
        [into(o, r, "histogram") for o, r in zip(out, made, strict=True)]
    )


@composite()
def histogramdd(input, bins, range=None, weight=None, density=False):
    """A histogram in as many dimensions as the last of `input` [..., dims] has: (hist, bin_edges), one tensor of edges for each.

    `bins`: one number for all dimensions, or one for each, or the edges of each; `range`: both ends for each dimension in turn.

    >>> import tgrad as torch
    >>> torch.histogramdd(torch.tensor([[0.0, 1.0], [1.0, 1.0]]), [2, 1], range=[0.0, 2.0, 0.0, 2.0]).hist
    tensor([[1.],
            [1.]])
    """
    if isinstance(bins, Tensor):
        raise no_overload("histogramdd", input, bins)
    if input.dim() < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    dims = input.shape[-1]
    bins = list(bins) if isinstance(bins, (tuple, list)) else [bins] * dims
    if len(bins) != dims:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    flat = _checked(input, bins, weight)[0]
    given = bool(bins) and isinstance(bins[0], Tensor)
    edges = bins if given else _edges(flat, bins, range)
    name = "_histogramdd_from_bin_tensors" if given else "_histogramdd_from_bin_cts"
    hist = rows.histogramdd.record(input, [e._a for e in edges], weight, density, name)
    return return_type("histogramdd", ("hist", "bin_edges"))((hist, tuple(edges)))


@composite(method=True)
def hash_tensor(input, dim=(), *, keepdim=False, mode=0, out=None):
    """The elements' 64 bits (floats as float64, integers as int64) joined by exclusive or, along dimensions or over all: uint64.

    >>> import tgrad as torch
    >>> torch.hash_tensor(torch.tensor([1, 2, 4]))
    tensor(7, dtype=torch.uint64)
    """
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    dims = [wrap_dim(d, input.dim()) for d in (dim if isinstance(dim, (tuple, list)) else [dim])]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    a = input._a
    if a.dtype.kind == "c":
        raise NotImplementedError(f"\"xor_sum_cpu\" not implemented for '{input.dtype.legacy}'")
    if not dims and a.size == 0:
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' "
            "argument."
        )
    for d in dims:
        if a.ndim and a.shape[d] == 0:
            raise IndexError(f"hash_tensor: Expected reduction dim {d} to have non-zero size.")
    bits = a.astype(np.int64 if a.dtype.kind in "bi" else np.uint64 if a.dtype.kind == "u" else np.float64)
    axes = tuple(dims) if dims and a.ndim else tuple(np.arange(a.ndim).tolist())
    r = wrap(in_rows(np.bitwise_xor.reduce(bits.view(np.uint64), axis=axes, keepdims=keepdim)))
    if out is None:
        return r
    if out.dtype is not r.dtype:
        raise RuntimeError(f"Expected result to be of dtype uint64, but got {out.dtype.legacy}")
    return into(out, r, "hash_tensor")
