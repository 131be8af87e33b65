"""Sample calls of what is reached through nn.functional, of random numbers, fills and subscripts. See samples.py."""

from __future__ import annotations

from .specs import EMPTY, ROW, ZERO, A, Dtype, bad, call, const, f, ints, mask, of, samples, still

I3 = ints([0, 2, 2])

# ---- softmax, activations with more than one element in hand
samples(
    "softmax log_softmax F.softmax F.log_softmax F.softmin",
    call(A, 1),
    call(A, -1),
    call(ROW, 0),
    call(ZERO, 0),
    call(EMPTY, 0),
)
samples("softmax log_softmax", call(f(2, 3), dim=0, dtype=Dtype("float32")), order=0)
samples("F.glu", call(A), call(f(4, 3), 0))
samples("F.prelu", call(A, f(3)), call(f(2, 3), f(1)))
bad("softmax log_softmax", call(A, 3), call(const("int64", 3), 0))
bad("F.glu", call(f(3)), call(ZERO))

# ---- tables and normalisation
samples(
    "F.embedding",
    call(ints([[0, 2], [2, 1]]), f(4, 3)),
    call(ints([1, 1]), f(4, 3), padding_idx=1).but(smooth=False),
    call(ints([]), f(4, 3)),
)
samples("F.embedding", call(ints([1, 1, 0]), f(4, 3), scale_grad_by_freq=True).but(smooth=False), order=1)
samples("F.one_hot", call(ints([0, 2, 1])), call(ints([[0], [2]]), 5))
samples("F.linear", call(f(2, 3), f(4, 3)), call(A, f(5, 4), f(5)), call(f(3), f(2, 3), f(2)))
samples("F.bilinear", call(f(2, 3), f(2, 4), f(5, 3, 4), f(5)), dtypes=("float32",))
samples(
    "F.layer_norm", call(A, (4,)), call(A, (3, 4), f(3, 4), f(3, 4)), call(A, (4,), f(4)), dtypes=("float32", "int64")
)
samples("F.rms_norm", call(A, (4,)), call(A, (3, 4), f(3, 4)), dtypes=("float32",))
samples("F.group_norm", call(f(2, 4, 3), 2), call(f(2, 4, 3), 4, f(4), f(4)), dtypes=("float32",))
samples("F.batch_norm", call(f(4, 3), None, None, training=True), call(A, still(3), still(3, low=1), f(3), f(3)),
        call(A, still(3), still(3, low=1), f(3), f(3), True), dtypes=())  # fmt: skip
samples("F.instance_norm", call(A), call(A, None, None, f(3), f(3)), dtypes=("float32",))
# Over permuted memory, PyTorch lays quotients out like the dividend; numpy does not.
ROWS_ONLY = ("plain", "stepped", "expanded")
samples("F.normalize", call(A), call(A, 1.0, -1), call(A, 3.0, 0), layouts=ROWS_ONLY)
samples("F.local_response_norm", call(A, 2), call(f(1, 4, 2), 3, 0.1, 0.5, 2.0), dtypes=("float32",), layouts=ROWS_ONLY)
samples("F.cosine_similarity", call(A, f(2, 3, 4)), call(f(2, 3), f(3), dim=-1))
samples("F.pairwise_distance", call(f(2, 3), f(2, 3)), call(f(2, 3), f(3), 1.0, keepdim=True), dtypes=("float32",))
bad("F.embedding", call(ints([4]), f(4, 3)), call(f(2), f(4, 3)), call(ints([1]), f(4)))
bad("F.one_hot", call(ints([-1])), call(ints([3]), 2), call(f(2)))
bad("F.linear", call(f(2, 3), f(4, 2)))
bad("F.layer_norm", call(A, (3,)), call(A, (4,), f(3)))
bad("F.batch_norm", call(f(1, 3), None, None, training=True), call(f(2, 3), None, None), call(f(2, 3), f(2), f(3)))
bad("F.group_norm", call(f(2, 3, 2), 2), call(f(2, 4, 2), 2, f(3)))

# ---- losses
UNIT = f(2, 3, low=0.1, high=0.9)
LOSSES = (
    call(A, f(2, 3, 4)),
    call(A, f(2, 3, 4), reduction="sum"),
    call(A, f(2, 3, 4), reduction="none"),
    call(ZERO, ZERO),
)
samples("F.mse_loss F.l1_loss F.smooth_l1_loss F.huber_loss F.poisson_nll_loss", *LOSSES)
samples(
    "F.soft_margin_loss",
    call(A, still(2, 3, 4)),
    call(A, still(4), reduction="sum"),
    call(A, still(2, 3, 4), reduction="none"),
    dtypes=("float32",),
)
samples("F.smooth_l1_loss", call(A, f(2, 3, 4), beta=0.5))
samples("F.huber_loss", call(A, f(2, 3, 4), delta=0.5))
samples("F.mse_loss", call(A, f(2, 3, 4), weight=still(2, 3, 4)), dtypes=())
samples(
    "F.kl_div",
    call(A, f(2, 3, 4, low=0.1)),
    call(A, A, log_target=True),
    call(A, f(2, 3, 4, low=0.1), reduction="batchmean"),
)
samples(
    "F.binary_cross_entropy",
    call(UNIT, UNIT),
    call(UNIT, UNIT, still(3), reduction="sum"),
    call(UNIT, UNIT, reduction="none"),
    dtypes=("float32",),
)
samples(
    "F.binary_cross_entropy_with_logits",
    call(A, f(2, 3, 4)),
    call(A, f(2, 3, 4), still(4), reduction="none"),
    call(A, f(2, 3, 4), None, pos_weight=still(4)),
    dtypes=("float32",),
)
samples("F.nll_loss", call(f(3, 4), I3), call(f(3, 4), I3, still(4, low=0.5)), call(f(3, 4), I3, ignore_index=2), call(f(3, 4), I3, reduction="none"),
        call(f(1, 4, 2), ints([[1, 3]])), call(f(4), ints(2)), call(f(1, 4, 2, 1), ints([[[1], [3]]]), reduction="sum").but(layouts=("plain",)), dtypes=("float32",))  # fmt: skip
samples("F.cross_entropy", call(f(3, 4), I3), call(f(3, 4), I3, still(4, low=0.5), label_smoothing=0.1), call(f(3, 4), f(3, 4, low=0.1)), call(f(3, 4), I3, ignore_index=2, reduction="sum"),
        call(f(1, 4, 2), ints([[1, 3]])), call(f(4), ints(2)), dtypes=("float32",))  # fmt: skip
SIGNS = ints([1, -1])
samples("F.hinge_embedding_loss", call(f(2), SIGNS), call(f(3, 2), SIGNS, 0.5, reduction="sum"), dtypes=("float32",))
samples(
    "F.margin_ranking_loss",
    call(f(2), f(2), SIGNS),
    call(f(2), f(2), SIGNS, 0.3, reduction="none"),
    dtypes=("float32",),
)
samples("F.cosine_embedding_loss", call(f(2, 3), f(2, 3), SIGNS), call(f(2, 3), f(2, 3), SIGNS, 0.1, reduction="sum"))
samples(
    "F.triplet_margin_loss",
    call(f(2, 3), f(2, 3), f(2, 3)),
    call(f(2, 3), f(2, 3), f(2, 3), swap=True, reduction="none"),
    dtypes=("float32",),
)
samples(
    "F.gaussian_nll_loss",
    call(f(2, 3), f(2, 3), f(2, 3, low=0.2)),
    call(f(2, 3), f(2, 3), f(2, 1, low=0.2), full=True),
    dtypes=("float32",),
)
samples(
    "F.multilabel_soft_margin_loss", call(f(2, 3), UNIT), call(f(2, 3), UNIT, reduction="none"), dtypes=("float32",)
)
bad(
    "F.mse_loss F.l1_loss F.smooth_l1_loss F.huber_loss",
    call(A, A, reduction="no"),
    call(const("int64", 2), const("int64", 2)),
)
bad(
    "F.nll_loss",
    call(f(3, 4), ints([0, 4, 1])),
    call(f(3, 4), ints([0])),
    call(f(3, 4), I3, still(3)),
    call(ZERO, ints(0)),
)
bad("F.cross_entropy", call(f(3, 4), ints([0, 4, 1])), call(f(3, 4), I3, label_smoothing=2.0), call(f(3, 4), f(3, 3)))
bad("F.binary_cross_entropy", call(of([2.0]), of([1.0])), call(UNIT, f(2, 2)))
bad("F.smooth_l1_loss", call(A, A, beta=-1.0))
bad("F.huber_loss", call(A, A, delta=0.0))

# ---- random numbers: both libraries are seeded before each call
samples(
    "normal", call(A, 2.0), call(1.0, f(3, low=0.5)), call(A, f(2, 3, 4, low=0.5)), dtypes=("float32",), inplace=False
)
samples("bernoulli", call(UNIT), call(A, 0.3), dtypes=("float32",))
samples(
    "uniform_ normal_ random_ bernoulli_ exponential_ cauchy_ log_normal_",
    call(A),
    call(ZERO),
    call(EMPTY),
    dtypes=("float32",),
)
samples("uniform_", call(A, 1, 3))
samples("geometric_", call(A, 0.4))
samples("F.dropout", call(A), call(A, 0.2, False), dtypes=("float32",))
bad("normal", call(A, -1.0))
bad("uniform_", call(A, 3, 1))
bad("bernoulli", call(of([2.0])))
bad("geometric_", call(A, 1.5))

# ---- filling and copying
samples("fill fill_", call(A, 2), call(A, ZERO))
samples("zero_", call(A))
samples("copy_", call(A, f(3, 4)), call(A, const("float32", 2, 3, 4)), call(A, ZERO))
samples("squeeze_", call(f(2, 1, 3)), call(f(2, 1, 3), 1), call(f(1, 2, 1), (0, 2)))
samples("frexp", call(const("float64", 2, 3)), dtypes=())
samples("to", call(A, Dtype("float32")), call(const("int64", 2), Dtype("float64")), dtypes=())
samples("type_as", call(A, const("float32", 1)), dtypes=())
bad("fill_", call(A, f(2)))
bad("copy_", call(A, f(2)))

# ---- padding, shuffles, attention, subscripts
IMAGE = f(1, 2, 3, 4)
samples("F.pad", call(A, (1, 2)), call(A, (1, 0, 2, 1), value=3.0), call(A, (-1, 1)))
for how in ("reflect", "replicate"):
    samples(
        "F.pad",
        call(A, (1, 2), how),
        call(IMAGE, (1, 2, 0, 1), how),
        call(f(1, 1, 2, 3, 2), (1, 0, 1, 1, 1, 0), how),
        dtypes=("float32",),
    )
bad("F.pad", call(A, (1,)), call(A, (5, 5), "reflect"), call(A, (1, 1), "no"))
samples("F.pixel_shuffle", call(f(1, 4, 2, 3), 2))
samples("F.pixel_unshuffle", call(f(1, 1, 4, 2), 2))
samples("F.channel_shuffle", call(f(1, 4, 2, 2), 2))
samples("F.scaled_dot_product_attention", call(f(1, 2, 3, 4), f(1, 2, 3, 4), f(1, 2, 3, 4)), call(f(3, 4), f(5, 4), f(5, 2)),
        call(f(1, 2, 3, 4), f(1, 2, 3, 4), f(1, 2, 3, 4), mask(3, 3)), call(A, A, A, is_causal=True), dtypes=(), order=1, layouts=("plain",))  # fmt: skip
samples(
    "__getitem__",
    call(A, I3.__class__((2,), dtype="int64", values=[1, 0])),
    call(A, (slice(None), ints([0, 2]), ints([1, 1]))),
    call(A, mask(2, 3)),
    layouts=("plain", "stepped"),
)
samples("norm", call(f(2, 3), "nuc"), layouts=("plain",), order=1, dtypes=("float32",))
samples("random_", call(A, 5), call(A, 1, 7), dtypes=("float32",))
samples("bernoulli_", call(A, still(2, 3, 4, low=0.1, high=0.9)), dtypes=("float32",), layouts=("plain",))

# ---- pooling
POOLED, VOLUME = f(2, 3, 5, 4), f(1, 2, 4, 5, 3)
SPACED = ("plain", "stepped")
samples("F.max_pool1d", call(A, 2), call(A, 3, 1, 1), dtypes=("float32",), layouts=SPACED)
samples(
    "F.max_pool2d F.max_pool2d_with_indices",
    call(POOLED, 2),
    call(POOLED, (3, 2), 1, 1, (1, 2), True),
    layouts=SPACED,
    dtypes=("int64",),
)
samples(
    "F.max_pool3d F.max_pool3d_with_indices", call(VOLUME, 2), call(VOLUME, 3, 2, 1), layouts=SPACED, dtypes=("int64",)
)
samples("F.avg_pool1d", call(A, 2), call(A, 3, 1, 1), layouts=SPACED, dtypes=("float32",))
samples("F.avg_pool2d", call(POOLED, 2), call(POOLED, 3, 2, 1, True, False, 5), layouts=SPACED, dtypes=("int64",))
samples("F.avg_pool3d", call(VOLUME, 2), call(VOLUME, 3, 2, 1, False, False), layouts=SPACED, dtypes=("int64",))
samples(
    "F.adaptive_avg_pool2d F.adaptive_max_pool2d",
    call(POOLED, 3),
    call(POOLED, (None, 1)),
    layouts=SPACED,
    dtypes=("float32",),
)
samples("F.adaptive_avg_pool3d F.adaptive_max_pool3d", call(VOLUME, 2), layouts=SPACED, dtypes=("float32",))
samples("F.max_unpool2d", call(f(1, 1, 2, 2), ints([[[[0, 3], [9, 15]]]]), 2), layouts=SPACED, dtypes=("float32",))
samples("F.max_unpool3d", call(f(1, 1, 1, 2), ints([[[[0, 30]]]]), 2, 3), layouts=SPACED, dtypes=("float32",))
samples("F.unfold", call(POOLED, 2), call(POOLED, (2, 3), 1, (1, 0), 2), layouts=SPACED, dtypes=("complex128",))
samples("F.fold", call(f(2, 12, 12), (5, 4), 2), call(f(4, 9), 2, 2, 1, 1), layouts=SPACED, dtypes=("complex128",))
for n, image in ((2, POOLED), (3, VOLUME)):
    random = still(image.shape[0], image.shape[1], n, low=0.1, high=0.9)
    samples(
        f"F.fractional_max_pool{n}d",
        call(image, 2, 2 if n == 2 else 1, _random_samples=random),
        layouts=SPACED,
        dtypes=("float32",),
    )
bad("F.max_pool2d F.avg_pool2d", call(A, 9), call(f(3), 2), call(POOLED, 2, 0))

# ---- convolution
IMAGE, FILTERS = f(2, 4, 5, 6), f(6, 2, 3, 2)
samples(
    "F.conv1d",
    call(A, f(2, 3, 2)),
    call(f(3, 4), f(3, 1, 2), f(3), 1, 1, 2, 3),
    layouts=SPACED,
    dtypes=("float32", "int64"),
)
samples("F.conv2d", call(IMAGE, FILTERS, f(6), 2, 1, 1, 2), call(IMAGE, f(2, 4, 2, 2), padding="same"), layouts=SPACED,
        dtypes=("float32", "float16", "bfloat16"))  # fmt: skip
samples("F.conv3d", call(VOLUME, f(2, 2, 2, 2, 2)), layouts=SPACED, dtypes=("float32",))
samples("F.conv_transpose1d", call(A, f(3, 2, 2), f(2), 2, 0, 1), layouts=SPACED, dtypes=("float32",))
samples("F.conv_transpose2d", call(IMAGE, f(4, 3, 2, 2), f(6), 2, 1, 0, 2), layouts=SPACED, dtypes=("float32",))
samples("F.conv_transpose3d", call(VOLUME, f(2, 2, 2, 1, 2)), layouts=SPACED, dtypes=("float32",))
samples(
    "convolution",
    call(IMAGE, FILTERS, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 2),
    layouts=SPACED,
    dtypes=("float32",),
)
bad(
    "F.conv2d",
    call(IMAGE, FILTERS),
    call(f(3), FILTERS),
    call(IMAGE, FILTERS, f(5), 1, 0, 1, 2),
    call(IMAGE, FILTERS, None, 0),
)
