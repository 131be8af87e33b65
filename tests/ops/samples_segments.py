"""Sample calls of histograms, of reductions of runs of rows, of reading under a mask, and of the norms under their native
names. See samples.py."""

from __future__ import annotations

from .specs import A, bad, call, const, f, ints, mask, of, samples, still

FLOATS = ("float32",)

# ---- histograms and checksums
DATA, EDGES = of([1.0, 2.0, 1.0, 4.0, 2.5, -1.0]), of([0.0, 1.0, 2.0, 5.0])
DATA.grad = EDGES.grad = False  # PyTorch records these without derivatives
samples("histogram", call(DATA, 4), call(DATA, 4, range=(0.0, 3.0)), call(DATA, 3, weight=still(6), density=True), call(DATA, EDGES), call(still(2, 3, 4)),
        call(DATA, EDGES, weight=still(6), density=True), call(still(1), 4), call(still(0), 3), order=1, dtypes=FLOATS, smooth=False)  # fmt: skip
POINTS = of([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [2.0, 2.0]])
POINTS.grad = False
samples("histogramdd", call(POINTS, [3, 2]), call(POINTS, 3), call(POINTS, [2, 2], weight=still(4)), call(POINTS, [2, 2], density=True),
        call(POINTS, [2, 2], range=[0.0, 1.0, 0.0, 1.0]), call(POINTS, [EDGES, EDGES]), call(still(2, 3, 2), (3, 4)),
        order=0, dtypes=FLOATS)  # fmt: skip
samples("hash_tensor", call(A), call(A, 1), call(A, (0, 2), keepdim=True), call(f(), 0), call(mask(2, 3)), call(const("int8", 5)),
        call(const("bfloat16", 5)), call(const("uint8", 5, low=0)), order=0)  # fmt: skip
bad("histogram", call(DATA, 0), call(DATA, 4, range=(3.0, 1.0)), call(DATA, 4, range=(1.0,)), call(DATA, 4, range=(0.0, float("nan"))),
    call(DATA, 4, weight=f(2)), call(DATA, 4, weight=const("float32", 6)), call(DATA, const("float32", 3)), call(DATA, f(2, 2)), call(DATA, f(0)),
    call(DATA, f(1)), call(const("int64", 3), 4), call(of([1.0, float("inf")]), 3), call(DATA, EDGES, range=(0.0, 1.0)))  # fmt: skip
bad(
    "histogramdd",
    call(DATA, 3),
    call(POINTS, [3]),
    call(POINTS, [3, 3], weight=f(6)),
    call(POINTS, [3, 3], range=[0.0, 1.0]),
    call(POINTS, EDGES),
)
bad(
    "hash_tensor",
    call(A, mode=1),
    call(f(0)),
    call(A, 3),
    call(A, (0, 0)),
    call(f(2, 0), 1),
    call(const("complex64", 2)),
)

# ---- runs of rows
LENGTHS, OFFSETS = ints([2, 0, 3]), ints([0, 2, 2, 5])
for how in ("sum", "mean", "max", "min", "prod"):
    samples(
        "segment_reduce",
        call(f(5), how, lengths=LENGTHS),
        call(f(5), how, offsets=OFFSETS),
        call(f(5, 2), how, lengths=LENGTHS, initial=1.5),
        call(f(2, 5, 2), how, lengths=ints([[2, 0, 3], [1, 4, 0]]), axis=1),
        call(of([1.0, 3.0, 3.0, 0.0, 5.0]), how, lengths=LENGTHS),
        call(of([1.0, 0.0, 0.0, 0.0, 5.0]), how, lengths=LENGTHS),
        order=1,
        dtypes=FLOATS,
        ties=False,
        smooth=False,  # an empty run gives nan, or an infinity
    )
    samples(
        "segment_reduce",
        call(f(5, 2), how, lengths=ints([2, 3])),
        call(f(5), how, lengths=ints([4, 1]), initial=0.5),
        order=1,
        ties=False,
        dtypes=(),
    )
samples("segment_reduce", call(f(5), "sum", lengths=ints([2, 1]), unsafe=True), call(f(5), "amax", lengths=ints([5], dtype="int32")), order=1,
        dtypes=FLOATS)  # fmt: skip
bad("segment_reduce", call(f(5), "x", lengths=LENGTHS), call(f(5), "sum"), call(f(5), "sum", indices=LENGTHS), call(f(5), "sum", lengths=ints([2, 2])),
    call(f(5), "sum", lengths=ints([-1, 6])), call(f(5), "sum", lengths=still(3)), call(f(2, 5), "sum", lengths=LENGTHS, axis=1),
    call(const("int64", 5), "sum", lengths=LENGTHS))  # fmt: skip
samples(
    "_chunk_cat",
    call([f(5, 2), f(3, 2)], 0, 2),
    call([f(2, 3), f(2, 2)], 1, 2),
    call([f(5, 2, 2), f(3, 3)], 0, 3),
    order=0,
    dtypes=FLOATS,
)
bad("_chunk_cat", call([], 0, 2), call([f(5)], 0, 0), call([f(0, 2), f(3, 2)], 0, 2), call([f(5), const("float32", 5)], 0, 2), call([f(5, 2), f(4, 3)], 1, 2),
    call([f(5)], 3, 2), call([f(5, 2), f(4, 3, 2)], -1, 2), call([f(5, 2), f(5)], 1, 2))  # fmt: skip

# ---- reading under a mask
ALLOWED, PLACES = ints([True, False, True], dtype="bool"), ints([0, 9, 2])
samples(
    "_unsafe_masked_index",
    call(f(5), ALLOWED, [PLACES], 7),
    call(f(5), ALLOWED, [ints([-1, 9, -1])], 0.5),
    call(f(3, 4), ALLOWED, [PLACES, ints([1, 0, 3])], 0),
)
samples(
    "_unsafe_masked_index_put_accumulate",
    call(f(5), ALLOWED, [ints([0, 9, 0])], f(3)),
    call(f(3, 4), ALLOWED, [PLACES, ints([1, 0, 3])], f(3)),
)
bad("_unsafe_masked_index", call(f(5), ALLOWED, [mask(5)], 0))
bad("_unsafe_masked_index_put_accumulate", call(f(5), ALLOWED, [PLACES], const("float32", 3)))

# ---- norms under their native names
STATS = (still(3), still(3, low=0.5))
for name in ("native_batch_norm", "_native_batch_norm_legit"):
    samples(
        name,
        call(f(2, 3, 4), f(3), f(3), *STATS, True, 0.1, 1e-5),
        call(f(2, 3), None, None, *STATS, False, 0.1, 1e-5),
        dtypes=FLOATS,
    )
samples("native_batch_norm", call(f(2, 3, 4), f(3), f(3), None, None, True, 0.1, 1e-5), dtypes=FLOATS)
samples("_native_batch_norm_legit_no_training", call(f(2, 3, 4), f(3), f(3), *STATS, 0.1, 1e-5), dtypes=FLOATS)
samples("native_layer_norm", call(A, (4,), f(4), f(4), 1e-5), call(A, (3, 4), None, None, 1e-5), dtypes=FLOATS)
samples(
    "native_group_norm",
    call(f(2, 4, 3), f(4), f(4), 2, 4, 3, 2, 1e-5),
    call(f(2, 4, 3), None, None, 2, 4, 3, 4, 1e-5),
    dtypes=FLOATS,
)

# ---- in place, by name
samples("addmv_", call(f(3), f(3, 2), f(2)), dtypes=FLOATS)
samples("gcd_ lcm_", call(ints([4, 6]), ints([6, 9])), order=0, dtypes=())
for name in ("dropout_", "alpha_dropout_"):
    samples(name, call(A, 0.4, True), call(A, 0.4, False), call(A, 1.0, True), dtypes=FLOATS)
samples("feature_dropout_ feature_alpha_dropout_", call(A, 0.4, True), dtypes=FLOATS)
samples("resize", call(A, 6, 4), call(A, 24), dtypes=FLOATS)
samples("resize_as", call(A, still(4, 6)), dtypes=FLOATS)
bad("resize", call(A, 5), call(A, 5, 2), call(A, (24,)))
samples("_native_batch_norm_legit", call(f(2, 3, 4), f(3), f(3), True, 0.1, 1e-5), dtypes=FLOATS)
