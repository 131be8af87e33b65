"""The scalar language: what kernels are written in besides Python's own arithmetic. Each word is one machine operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, overload

f4, f8, u1, i4, i8, u8 = np.float32, np.float64, np.uint8, np.int32, np.int64, np.uint64
INF, NAN = float("inf"), float("nan")

# float32 functions whose inner steps are in float64 and those all in float64 are written apart; a call finds its own by type


def by_type(single: Callable[..., Any], double: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is `single` for float32 and `double` for float64."""

    def stub(*args: Any) -> Any:
        raise TypeError("only for compiled code")

    stub.__name__ = single.__name__.rstrip("32")

    if single.__code__.co_argcount == 1:

        @overload(stub, jit_options={"error_model": "numpy", "forceinline": True})
        def choose(x):  # no hints: numba compares the signatures as texts
            return single if x == types.float32 else double if x == types.float64 else None
    else:

        @overload(stub, jit_options={"error_model": "numpy", "forceinline": True})
        def choose_for_two(x, y):
            return single if x == types.float32 else double if x == types.float64 else None

    return stub


def _llvm(name: str) -> Any:
    """A word for an LLVM intrinsic of one operand."""

    @intrinsic
    def word(typingctx: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.call(builder.module.declare_intrinsic("llvm." + name, [args[0].type]), args)

        return x(x), codegen

    return word


absolute, floor, ceil, trunc, rint, sqrt = (_llvm(n) for n in ("fabs", "floor", "ceil", "trunc", "rint", "sqrt"))


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return a(a, a, a), codegen


@intrinsic
def copysign(typingctx: Any, size: Any, sign: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        return builder.call(
            builder.module.declare_intrinsic("llvm.copysign", [kind], ir.FunctionType(kind, [kind, kind])), args
        )

    return size(size, size), codegen


@intrinsic
def like(typingctx: Any, v: Any, other: Any) -> Any:
    """The float64 v in the type of another float."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return args[0] if other == types.float64 else builder.fptrunc(args[0], ir.FloatType())

    return other(types.float64, other), codegen


@intrinsic
def select(typingctx: Any, condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b, without a branch."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return a(types.boolean, a, a), codegen


@intrinsic
def both(typingctx: Any, a: Any, b: Any) -> Any:
    """Logical and, without a branch."""
    return types.boolean(types.boolean, types.boolean), lambda context, builder, signature, args: builder.and_(*args)


@intrinsic
def either(typingctx: Any, a: Any, b: Any) -> Any:
    """Logical or, without a branch."""
    return types.boolean(types.boolean, types.boolean), lambda context, builder, signature, args: builder.or_(*args)


@intrinsic
def differs(typingctx: Any, a: Any, b: Any) -> Any:
    """Logical exclusive or."""
    return types.boolean(types.boolean, types.boolean), lambda context, builder, signature, args: builder.xor(*args)


@intrinsic
def bits(typingctx: Any, x: Any) -> Any:
    """The bits of a float as an integer of its size."""
    wide = x == types.float64

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64 if wide else 32))

    return (types.int64 if wide else types.int32)(x), codegen


@intrinsic
def from_bits(typingctx: Any, x: Any) -> Any:
    """The float with these bits."""
    wide = x == types.int64

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType() if wide else ir.FloatType())

    return (types.float64 if wide else types.float32)(x), codegen


@intrinsic
def raised(typingctx: Any, p: Any, t: Any) -> Any:
    """p times two to the power in the low bits of t, both float32, where that is a normal number."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.IntType(32)
        exponent = builder.shl(builder.bitcast(args[1], whole), whole(23))
        return builder.bitcast(builder.add(builder.bitcast(args[0], whole), exponent), ir.FloatType())

    return types.float32(types.float32, types.float32), codegen


def polynomial(coefficients: Sequence[float]) -> Any:
    """A word that evaluates a polynomial, the highest power first."""

    @intrinsic
    def evaluate(typingctx: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            p, *rest = (ir.Constant(args[0].type, c) for c in coefficients)
            for c in rest:
                p = builder.fma(p, args[0], c)
            return p

        return x(x), codegen

    return evaluate


# ---- shifts and offsets in pointers


@intrinsic
def at(typingctx: Any, pointer: Any, i: Any) -> Any:
    """The pointer, moved on by i elements."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        element = context.get_data_type(pointer.dtype)
        return builder.gep(args[0], [args[1]], source_etype=element)

    return pointer(pointer, types.int64), codegen


# ---- floats as integers in the same order, so that maxima are maxima of integers, which vectorise. nan comes first or last.


@intrinsic
def rank(typingctx: Any, x: Any) -> Any:
    """An integer of x's size that compares as x does."""
    wide = x == types.float64

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.IntType(64 if wide else 32)
        b = builder.bitcast(args[0], kind)
        sign = builder.ashr(b, kind(63 if wide else 31))
        return builder.xor(b, builder.and_(sign, kind((1 << (63 if wide else 31)) - 1)))

    return (types.int64 if wide else types.int32)(x), codegen


@intrinsic
def unrank(typingctx: Any, k: Any) -> Any:
    """The float that has a rank; nan for the highest."""
    wide = k == types.int64

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        sign = builder.ashr(args[0], kind(63 if wide else 31))
        b = builder.xor(args[0], builder.and_(sign, kind((1 << (63 if wide else 31)) - 1)))
        return builder.bitcast(b, ir.DoubleType() if wide else ir.FloatType())

    return (types.float64 if wide else types.float32)(k), codegen


@intrinsic
def larger(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger of two integers of one type."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.icmp_signed(">", *args), *args)

    return a(a, a), codegen


@intrinsic
def smaller(typingctx: Any, a: Any, b: Any) -> Any:
    """The smaller of two integers of one type."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.icmp_signed("<", *args), *args)

    return a(a, a), codegen


@intrinsic
def level(typingctx: Any, k: Any) -> Any:
    """A rank with -0.0 taken as 0.0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        return builder.select(builder.icmp_signed("==", args[0], kind(-1)), kind(0), args[0])

    return k(k), codegen


def _extreme(highest: bool) -> Any:
    @intrinsic
    def word(typingctx: Any, x: Any) -> Any:
        wide = x in (types.float64, types.int64)
        kind = types.int64 if wide else types.int32

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            size = 64 if wide else 32
            return ir.IntType(size)((1 << (size - 1)) - 1 if highest else -(1 << (size - 1)))

        return kind(x), codegen

    return word


highest, lowest = _extreme(True), _extreme(False)  # of the integers that rank gives
