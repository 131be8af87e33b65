"""Words for whole blocks of numbers held in vector registers: turning a block, and the inner loops of convolutions and products.

How many registers there are decides the sizes: with AVX-512, 32 of 64 bytes; else 16 of 32 bytes.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

WIDE = bool(llvm.get_host_cpu_features().get("avx512f"))
BYTES = 64 if WIDE else 32
ROWS = 8 if WIDE else 4  # rows of a block in `multiplied`
VECTORS = 2  # its columns, in vectors


# ---- blocks of a matrix, a cache line wide, turned in registers


@intrinsic
def turn(typingctx: Any, x: Any, sx: Any, out: Any, so: Any) -> Any:
    """Transposes a square block of 64 bytes by as many rows: x and out are pointers, sx and so the steps from row to row.

    Taking v[i] and v[i + n/2] apart and putting their elements alternately side by side, log2(n) times over, transposes n vectors.
    """
    bits = x.dtype.bitwidth
    n = 512 // bits

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        element = ir.IntType(bits)
        vector = ir.VectorType(element, n)
        source, step, target, wide = args

        def place(p: Any, s: Any, i: int) -> Any:
            at = builder.gep(p, [builder.mul(s, s.type(i))], source_etype=element)
            return builder.bitcast(at, vector.as_pointer())

        v = [builder.load(place(source, step, i), align=bits // 8, typ=vector) for i in range(n)]
        half = n // 2
        low = ir.Constant(ir.VectorType(ir.IntType(32), n), [k // 2 + (k % 2) * n for k in range(n)])
        high = ir.Constant(ir.VectorType(ir.IntType(32), n), [half + k // 2 + (k % 2) * n for k in range(n)])
        count = n
        while count > 1:
            v = [builder.shuffle_vector(v[i // 2], v[i // 2 + half], low if i % 2 == 0 else high) for i in range(n)]
            count //= 2
        for i in range(n):
            builder.store(v[i], place(target, wide, i), align=bits // 8)
        return context.get_dummy_value()

    return types.none(x, types.int64, out, types.int64), codegen


# ---- products


def _vector(bits: int) -> tuple[Any, Any, int]:
    element = ir.FloatType() if bits == 32 else ir.DoubleType()
    lanes = BYTES * 8 // bits
    return element, ir.VectorType(element, lanes), lanes


def _spread(builder: Any, value: Any, vector: Any) -> Any:
    """A vector of one number."""
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    vector = a.type
    name = f"llvm.fma.v{vector.count}f{32 if isinstance(vector.element, ir.FloatType) else 64}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
    return builder.call(function, [a, b, c])


def multiplied(rows: int, vectors: int) -> Any:
    """A word for out[r, c] = sum over t of w[t, r] x[place[t] + c], for `rows` r and `vectors` times a vector's lanes of c."""

    @intrinsic
    def word(typingctx: Any, x: Any, place: Any, w: Any, count: Any, out: Any, step: Any) -> Any:
        bits = x.dtype.bitwidth

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, places, weights, n, target, so = args
            element, vector, lanes = _vector(bits)
            whole = ir.IntType(64)
            sums = [[cgutils.alloca_once(builder, vector) for _ in range(vectors)] for _ in range(rows)]
            for line in sums:
                for s in line:
                    builder.store(ir.Constant(vector, [0.0] * lanes), s)
            with cgutils.for_range(builder, n, intp=whole) as loop:
                t = loop.index
                at = builder.load(builder.gep(places, [t], source_etype=whole), typ=whole)
                v = []
                for k in range(vectors):
                    p = builder.gep(source, [builder.add(at, whole(k * lanes))], source_etype=element)
                    v.append(builder.load(builder.bitcast(p, vector.as_pointer()), align=bits // 8, typ=vector))
                first = builder.mul(t, whole(rows))
                for r in range(rows):
                    one = builder.load(
                        builder.gep(weights, [builder.add(first, whole(r))], source_etype=element), typ=element
                    )
                    wide = _spread(builder, one, vector)
                    for k in range(vectors):
                        s = sums[r][k]
                        builder.store(_fma(builder, v[k], wide, builder.load(s, typ=vector)), s)
            for r in range(rows):
                for k in range(vectors):
                    at = builder.add(builder.mul(so, whole(r)), whole(k * lanes))
                    p = builder.gep(target, [at], source_etype=element)
                    s = builder.load(sums[r][k], typ=vector)
                    builder.store(s, builder.bitcast(p, vector.as_pointer()), align=bits // 8)
            return context.get_dummy_value()

        return types.none(x, place, w, types.int64, out, types.int64), codegen

    return word


def dotted(rows: int, columns: int) -> Any:
    """A word for out[r * columns + t] = sum over b and i of g[b gb + r step + i] x[b xb + place[t] + i], b below `batch`; i counts in
    whole vectors up to n."""

    @intrinsic
    def word(
        typingctx: Any, g: Any, step: Any, gb: Any, x: Any, place: Any, xb: Any, batch: Any, n: Any, out: Any
    ) -> Any:
        bits = x.dtype.bitwidth

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            left, so, gs, right, places, xs, many, count, target = args
            element, vector, lanes = _vector(bits)
            whole = ir.IntType(64)
            starts = [builder.gep(left, [builder.mul(so, whole(r))], source_etype=element) for r in range(rows)]
            others = []
            for t in range(columns):
                at = builder.load(builder.gep(places, [whole(t)], source_etype=whole), typ=whole)
                others.append(builder.gep(right, [at], source_etype=element))
            sums = [[cgutils.alloca_once(builder, vector) for _ in range(columns)] for _ in range(rows)]
            for line in sums:
                for s in line:
                    builder.store(ir.Constant(vector, [0.0] * lanes), s)

            def load(p: Any, i: Any) -> Any:
                at = builder.gep(p, [i], source_etype=element)
                return builder.load(builder.bitcast(at, vector.as_pointer()), align=bits // 8, typ=vector)

            steps = builder.udiv(count, whole(lanes))
            with cgutils.for_range(builder, many, intp=whole) as over:
                ahead, beyond = builder.mul(over.index, gs), builder.mul(over.index, xs)
                with cgutils.for_range(builder, steps, intp=whole) as loop:
                    i = builder.mul(loop.index, whole(lanes))
                    a = [load(p, builder.add(i, ahead)) for p in starts]
                    for t in range(columns):
                        b = load(others[t], builder.add(i, beyond))
                        for r in range(rows):
                            s = sums[r][t]
                            builder.store(_fma(builder, a[r], b, builder.load(s, typ=vector)), s)
            for r in range(rows):
                for t in range(columns):
                    v = builder.load(sums[r][t], typ=vector)
                    parts = [builder.extract_element(v, ir.IntType(32)(k)) for k in range(lanes)]
                    while len(parts) > 1:
                        parts = [builder.fadd(parts[k], parts[k + 1]) for k in range(0, len(parts), 2)]
                    p = builder.gep(target, [whole(r * columns + t)], source_etype=element)
                    builder.store(parts[0], p)
            return context.get_dummy_value()

        whole_numbers = types.int64
        return types.none(
            g, whole_numbers, whole_numbers, x, place, whole_numbers, whole_numbers, whole_numbers, out
        ), codegen

    return word


def combined(rows: int, vectors: int, fresh: bool) -> Any:
    """A word for out[r step + c] (+)= sum over t of w[r wr + t wt] * x[t xs + c], for `rows` r and `vectors` times a vector's lanes of c;
    `fresh`: whether the sums begin at zero, and not at what is there."""

    @intrinsic
    def word(typingctx: Any, w: Any, wr: Any, wt: Any, x: Any, xs: Any, count: Any, out: Any, step: Any) -> Any:
        bits = x.dtype.bitwidth

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            weights, by_row, by_term, source, line, n, target, so = args
            element, vector, lanes = _vector(bits)
            whole = ir.IntType(64)

            def place(p: Any, i: Any) -> Any:
                return builder.bitcast(builder.gep(p, [i], source_etype=element), vector.as_pointer())

            spots = [
                [place(target, builder.add(builder.mul(so, whole(r)), whole(k * lanes))) for k in range(vectors)]
                for r in range(rows)
            ]
            sums = [[cgutils.alloca_once(builder, vector) for _ in range(vectors)] for _ in range(rows)]
            for r in range(rows):
                for k in range(vectors):
                    start = (
                        ir.Constant(vector, [0.0] * lanes)
                        if fresh
                        else builder.load(spots[r][k], align=bits // 8, typ=vector)
                    )
                    builder.store(start, sums[r][k])
            with cgutils.for_range(builder, n, intp=whole) as loop:
                first = builder.mul(loop.index, line)
                v = [
                    builder.load(place(source, builder.add(first, whole(k * lanes))), align=bits // 8, typ=vector)
                    for k in range(vectors)
                ]
                term = builder.mul(loop.index, by_term)
                for r in range(rows):
                    at = builder.add(term, builder.mul(by_row, whole(r)))
                    one = builder.load(builder.gep(weights, [at], source_etype=element), typ=element)
                    wide = _spread(builder, one, vector)
                    for k in range(vectors):
                        s = sums[r][k]
                        builder.store(_fma(builder, v[k], wide, builder.load(s, typ=vector)), s)
            for r in range(rows):
                for k in range(vectors):
                    builder.store(builder.load(sums[r][k], typ=vector), spots[r][k], align=bits // 8)
            return context.get_dummy_value()

        number = types.int64
        return types.none(w, number, number, x, number, number, out, number), codegen

    return word
