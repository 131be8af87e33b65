"""Sample calls of what reads images or tables at other places: interpolation, grids, bags of rows. See samples.py."""

from __future__ import annotations

from .specs import bad, call, const, f, ints, samples, still

LINE, IMAGE, VOLUME = f(2, 2, 5), f(2, 2, 4, 5), f(1, 2, 3, 2, 4)
FLOATS = ("float32",)

# ---- another size
samples("F.interpolate", *(call(x, size, mode=mode) for mode in ("nearest", "nearest-exact", "area") for x, size in
        ((LINE, 3), (LINE, (8,)), (IMAGE, (3, 7)), (IMAGE, 6), (VOLUME, (5, 1, 3)))), dtypes=FLOATS)  # fmt: skip
samples("F.interpolate", *(call(x, scale_factor=s, mode=mode) for mode in ("nearest", "nearest-exact") for x, s in
        ((LINE, 1.7), (LINE, 0.5), (IMAGE, (2, 0.7)), (VOLUME, 2.5))), dtypes=FLOATS)  # fmt: skip
for align in (False, True, None):
    for x, mode in ((LINE, "linear"), (IMAGE, "bilinear"), (IMAGE, "bicubic"), (VOLUME, "trilinear")):
        samples(
            "F.interpolate",
            call(x, 3, mode=mode, align_corners=align),
            call(x, scale_factor=1.7, mode=mode, align_corners=align),
            call(x, scale_factor=1.7, mode=mode, align_corners=align, recompute_scale_factor=True),
            dtypes=FLOATS,
        )
samples("F.interpolate", call(IMAGE, (4, 9), mode="bilinear"), call(LINE, 1, mode="linear", align_corners=True),
        *(call(IMAGE, size, mode=mode, antialias=True) for mode in ("bilinear", "bicubic", "lanczos") for size in ((2, 3), (7, 2), (5, 9))),
        call(IMAGE, scale_factor=(0.6, 1.4), mode="bicubic", antialias=True, align_corners=True),
        call(const("uint8", 1, 3, 6, 5, low=0, high=255), (4, 7), mode="nearest"), dtypes=FLOATS)  # fmt: skip
samples("F.interpolate", *(call(const("uint8", 1, c, 6, 5, low=0, high=255), size, mode=mode, antialias=anti) for c in (3, 6)
        for mode in ("bilinear", "bicubic") for anti in (False, True) for size in ((4, 7), (11, 2))), dtypes=())  # fmt: skip
samples("F.upsample", call(IMAGE, scale_factor=2), call(IMAGE, 3, mode="bilinear", align_corners=True), dtypes=FLOATS)
samples("F.upsample_nearest F.upsample_bilinear", call(IMAGE, (3, 4)), call(IMAGE, scale_factor=2), dtypes=FLOATS)
bad("F.interpolate", call(LINE), call(LINE, 3, 2.0), call(LINE, (3, 4)), call(LINE, scale_factor=(1.0, 2.0)), call(LINE, (2.5,)), call(LINE, 2.5),
    call(LINE, 3, mode="bilinear"), call(IMAGE, 3, mode="linear"), call(VOLUME, 3, mode="bilinear"), call(f(2, 3), 3), call(LINE, 3, mode="x"),
    call(LINE, 3, align_corners=True), call(LINE, 3, mode="linear", antialias=True), call(LINE, 3, recompute_scale_factor=True),
    call(LINE, 0), call(IMAGE, (3, 0)), call(f(1, 0, 4), 3), call(f(1, 2, 0), 3), call(LINE, scale_factor=-1.0), call(const("int64", 1, 2, 4), 3),
    call(const("int64", 1, 2, 4, 4), 3, mode="bicubic"), call(const("uint8", 1, 2, 4), 3, mode="linear"), call(IMAGE, 3, mode="lanczos"),
    call(IMAGE, 3, mode="lanczos", antialias=True, align_corners=True), call(IMAGE, 3, mode="bilinear", align_corners=2))  # fmt: skip

# ---- points of a grid, most of them inside, some beyond the edges
POINTS, SPACE = f(2, 3, 2, 2, low=-1.4, high=1.4), f(1, 2, 1, 3, 3, low=-1.4, high=1.4)
for padding in ("zeros", "border", "reflection"):
    for align in (False, True):
        samples("F.grid_sample", call(IMAGE, POINTS, "bilinear", padding, align), call(VOLUME, SPACE, "bilinear", padding, align),
                call(IMAGE, POINTS, "bicubic", padding, align), dtypes=FLOATS)  # fmt: skip
        samples("F.grid_sample", call(IMAGE, POINTS, "nearest", padding, align), call(VOLUME, SPACE, "nearest", padding, align),
                order=1, smooth=False, dtypes=FLOATS)  # fmt: skip
samples(
    "F.grid_sample",
    call(IMAGE, POINTS),
    call(f(1, 1, 1, 1), f(1, 1, 2, 2), padding_mode="reflection", align_corners=True),
    dtypes=FLOATS,
)
samples("grid_sampler grid_sampler_2d", call(IMAGE, POINTS, 0, 0, False), dtypes=FLOATS)
samples("grid_sampler grid_sampler_3d", call(VOLUME, SPACE, 0, 1, True), dtypes=FLOATS)
samples("F.affine_grid", call(f(2, 2, 3), (2, 1, 3, 4), True), call(f(2, 2, 3), (2, 1, 1, 4), False), call(f(1, 3, 4), (1, 2, 2, 3, 2), False),
        call(f(2, 2, 3), (2, 1, 3, 4)), dtypes=FLOATS)  # fmt: skip
samples(
    "affine_grid_generator",
    call(f(2, 2, 3), (2, 1, 3, 4), True),
    call(f(1, 3, 4), (1, 2, 2, 3, 2), False),
    dtypes=FLOATS,
)
bad("F.grid_sample", call(IMAGE, POINTS, "x"), call(IMAGE, POINTS, "bilinear", "x"), call(IMAGE, f(1, 3, 2, 2)), call(IMAGE, f(2, 3, 2, 3)),
    call(VOLUME, SPACE, "bicubic"), call(f(2, 1, 0, 3), POINTS), call(f(2, 3, 4), f(2, 3, 1)), call(IMAGE, const("float32", 2, 3, 2, 2)),
    call(const("int64", 2, 2, 4, 5), const("int64", 2, 3, 2, 2)))  # fmt: skip
bad(
    "grid_sampler",
    call(),
    call(IMAGE),
    call(IMAGE, POINTS, 0.5, 0, False),
    call(IMAGE, None, 0, 0, False),
    call(IMAGE, POINTS, 0, 0, 1),
)
bad("F.affine_grid", call(f(2, 2, 3), (2, 1, 3)), call(f(2, 3, 4), (2, 1, 3, 4)), call(const("int64", 2, 2, 3), (2, 1, 3, 4)),
    call(f(2, 2, 3), (2, 1, 0, 4)))  # fmt: skip
bad("affine_grid_generator", call(f(2, 2, 3), (2, 1, 3), True), call(f(3, 2, 3), (2, 1, 3, 4), True))

# ---- bags of rows
TABLE, MEMBERS, STARTS = f(5, 3), ints([0, 2, 1, 2, 4, 4]), ints([0, 2, 2, 5])
for mode in ("sum", "mean", "max"):
    samples(
        "F.embedding_bag",
        call(MEMBERS, TABLE, STARTS, mode=mode),
        call(MEMBERS, TABLE, STARTS, mode=mode, padding_idx=2),
        call(MEMBERS, TABLE, STARTS, mode=mode, padding_idx=-1),
        call(MEMBERS, TABLE, ints([0, 2, 2, 6]), mode=mode, include_last_offset=True),
        call(ints([[0, 2], [1, 1]]), TABLE, mode=mode).but(ties=False),
        call(ints([]), TABLE, ints([0, 0]), mode=mode),
        call(ints([0, 1], dtype="int32"), TABLE, ints([0], dtype="int32"), mode=mode),
        dtypes=FLOATS,
        order=1,
    )
samples("F.embedding_bag", call(MEMBERS, TABLE, STARTS, scale_grad_by_freq=True).but(smooth=False), call(MEMBERS, still(5, 3), STARTS, 1.0).but(layouts=("plain", "stepped")),
        call(MEMBERS, TABLE, STARTS, mode="sum", per_sample_weights=f(6)).but(order=1),
        call(ints([[0, 2], [1, 1]]), TABLE, mode="sum", per_sample_weights=f(2, 2)).but(order=1),
        call(MEMBERS, TABLE, STARTS, mode="sum", per_sample_weights=f(6), padding_idx=2).but(order=1), dtypes=FLOATS)  # fmt: skip
samples(
    "embedding_bag", call(TABLE, MEMBERS, STARTS), order=1, dtypes=()
)  # float32 leaves the second part of the tuple empty
samples("embedding_bag", call(TABLE, MEMBERS, STARTS, False, 1), call(TABLE, MEMBERS, STARTS, False, 2),
        call(TABLE, MEMBERS, STARTS, False, 1, False, None, True, 2), order=1, dtypes=FLOATS)  # fmt: skip
samples(
    "embedding_renorm_",
    call(still(5, 3), ints([0, 2, 2]), 1.0, 2.0),
    call(still(5, 3), ints([3]), 0.5, 1.0),
    dtypes=FLOATS,
)
bad("F.embedding_bag", call(MEMBERS, TABLE), call(MEMBERS, TABLE, ints([[0]])), call(ints([[0, 1]]), TABLE, ints([0])), call(ints([[[0]]]), TABLE),
    call(MEMBERS, f(5), STARTS), call(MEMBERS, TABLE, STARTS, mode="x"), call(MEMBERS, TABLE, STARTS, per_sample_weights=f(6)),
    call(MEMBERS, TABLE, STARTS, mode="sum", per_sample_weights=f(5)), call(MEMBERS, TABLE, STARTS, mode="max", scale_grad_by_freq=True),
    call(MEMBERS, TABLE, STARTS, mode="max", sparse=True), call(MEMBERS, TABLE, ints([1])), call(MEMBERS, TABLE, ints([0, 9])),
    call(ints([7]), TABLE, ints([0])), call(ints([-1]), TABLE, ints([0])), call(MEMBERS, TABLE, STARTS, padding_idx=7), call(f(2), TABLE, ints([0])),
    call(MEMBERS, const("int64", 5, 3), STARTS), call(ints([]), TABLE, ints([]), include_last_offset=True),
    call(MEMBERS, TABLE, STARTS, mode="sum", per_sample_weights=const("float32", 6)))  # fmt: skip
bad("embedding_bag", call(TABLE, MEMBERS), call(TABLE, MEMBERS, STARTS, mode=3), call(f(5), MEMBERS, STARTS))
