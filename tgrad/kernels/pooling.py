"""Compiled pooling: the largest element or the sum of each window. See the end of compiled/conv.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops.pooling import pool_counts
from ..ops.pooling_checks import check_pool, full
from ..pool import POOL
from .convolve import three
from .crew import CREW, portion
from .native import kernel
from .operands import address, suits

ndarray = np.ndarray


def _run(name: str, signature: str, planes: int, each: int, before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    run = kernel("conv." + name, signature).get()
    if run is None:
        return False
    unit = portion(planes, each)
    CREW.over(run, planes, unit, before, after)
    return True


def _pool(dims: int) -> tuple[Any, Any, Any, Any]:
    def max_pool(self, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):  # type: ignore[no-untyped-def]
        if not suits(self):
            return None
        k, s, p, d, out = check_pool("max", self, dims, kernel_size, stride, padding, dilation, ceil_mode)
        sizes, shape = self.shape[self.ndim - dims :], (*self.shape[: self.ndim - dims], *out)
        if not math.prod(shape):
            return None
        values, places = POOL.empty(shape, self.dtype), POOL.empty(shape, np.dtype(np.int64))
        g = np.array(
            [*three(sizes, 1), *three(out, 1), *three(k, 1), *three(s, 1), *three(p, 0), *three(d, 1)], np.int64
        )
        code, planes = self.dtype.str[1:] + "* ", self.size // math.prod(sizes)
        args = tuple(map(address, (self, values, places, g)))
        each = math.prod(out) * math.prod(k)
        return (values, places) if _run("max_pooled", code * 2 + "i8* i8* i8 i8", planes, each, args, ()) else None

    def max_unpool(grad_output, self, kernel_size, stride, padding, dilation, ceil_mode, indices):  # type: ignore[no-untyped-def]
        grad_output = np.ascontiguousarray(grad_output)
        if not suits(grad_output, self) or not indices.flags.c_contiguous:
            return None
        inner, outer = (math.prod(a.shape[a.ndim - dims :]) for a in (grad_output, self))
        out = POOL.empty(self.shape, self.dtype)
        code, args = self.dtype.str[1:] + "* ", tuple(map(address, (grad_output, indices, out)))
        signature = f"{code}i8* {code}i8 i8 i8 i8"
        return out if _run("max_unpooled", signature, self.size // outer, outer, args, (inner, outer)) else None

    def avg_pool(  # type: ignore[no-untyped-def]
        self, kernel_size, stride=(), padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
    ):
        if not suits(self):
            return None
        k, s, p, _, out = check_pool("avg", self, dims, kernel_size, stride, padding, 1, ceil_mode, divisor_override)
        sizes, shape = self.shape[self.ndim - dims :], (*self.shape[: self.ndim - dims], *out)
        if not math.prod(shape):
            return None
        total = POOL.empty(shape, self.dtype)
        g = np.array([*three(sizes, 1), *three(out, 1), *three(k, 1), *three(s, 1), *three(p, 0)], np.int64)
        code, planes = self.dtype.str[1:] + "* ", self.size // math.prod(sizes)
        args = tuple(map(address, (self, total, g)))
        if not _run("sums_pooled", code * 2 + "i8* i8 i8", planes, math.prod(out) * math.prod(k), args, ()):
            return None
        by = divisor_override
        if by is None:
            by = pool_counts(sizes, list(zip(out, k, s, p, strict=True)), count_include_pad)
        total /= np.asarray(by, total.dtype)
        return total

    def avg_unpool(grad_output, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):  # type: ignore[no-untyped-def]
        if not suits(self) or grad_output.dtype != self.dtype:
            return None
        k, s, p = full(kernel_size, dims), full(stride, dims), full(padding, dims)
        out, sizes, by = grad_output.shape[grad_output.ndim - dims :], self.shape[self.ndim - dims :], divisor_override
        if by is None:
            by = pool_counts(sizes, list(zip(out, k, s or k, p, strict=True)), count_include_pad)
        shares = np.ascontiguousarray(grad_output / np.asarray(by, grad_output.dtype))
        grad = POOL.empty(self.shape, self.dtype)
        g = np.array([*three(sizes, 1), *three(out, 1), *three(k, 1), *three(s or k, 1), *three(p, 0)], np.int64)
        code, planes = self.dtype.str[1:] + "* ", self.size // math.prod(sizes)
        args = tuple(map(address, (shares, grad, g)))
        each = math.prod(out) * math.prod(k)
        return grad if _run("sums_unpooled", code * 2 + "i8* i8 i8", planes, each, args, ()) else None

    return max_pool, max_unpool, avg_pool, avg_unpool


max_pool2d, max_pool2d_backward, avg_pool2d, avg_pool2d_backward = _pool(2)
max_pool3d, max_pool3d_backward, avg_pool3d, avg_pool3d_backward = _pool(3)
