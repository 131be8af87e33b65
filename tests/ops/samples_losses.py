"""Sample calls of losses with labels, and of distances between rows. See samples.py."""

from __future__ import annotations

from .specs import A, bad, call, const, f, ints, samples, still

FLOATS = ("float32",)

# ---- margins
SCORES, CLASSES = f(3, 4), ints([0, 3, 2])
MANY = ints([[0, 2, -1, 1], [3, 3, -1, -1], [-1, 0, 1, 2]])
for how in ("mean", "sum", "none"):
    samples(
        "F.multi_margin_loss",
        call(SCORES, CLASSES, reduction=how),
        call(SCORES, CLASSES, 2, 0.5, reduction=how),
        call(SCORES, CLASSES, weight=still(4, low=0.5), reduction=how),
        call(f(4), ints(2), reduction=how),
        call(f(4), ints([2]), reduction=how),
        order=1,
        dtypes=FLOATS,
    )
    samples("F.multilabel_margin_loss", call(SCORES, MANY, reduction=how), call(f(4), ints([1, 2, -1, 0]), reduction=how), order=1,
            dtypes=FLOATS)  # fmt: skip
samples("F.multi_margin_loss", call(f(0, 4), ints([]), reduction="none"), order=1, dtypes=FLOATS, layouts=("plain",))
bad("F.multi_margin_loss", call(SCORES, CLASSES, 3), call(SCORES, ints([0, 1])), call(SCORES, ints([0, 4, 1])), call(SCORES, still(3)),
    call(SCORES, CLASSES, weight=still(3)), call(SCORES, CLASSES, weight=still(4, 1)), call(A, CLASSES), call(f(3, 0), CLASSES),
    call(const("int64", 3, 4), CLASSES), call(SCORES, CLASSES, reduction="x"))  # fmt: skip
bad("F.multilabel_margin_loss", call(SCORES, ints([[0, 1, 2, 3]])), call(SCORES, ints([[0, 1, 2, 4]] * 3)), call(SCORES, ints([[0, 1, 2, -2]] * 3)),
    call(SCORES, still(3, 4)), call(A, ints([[[0]]])), call(const("int64", 3, 4), MANY))  # fmt: skip

# ---- sequences of labels
LOGS, WORDS = f(7, 2, 4, low=-3, high=-0.5), ints([[1, 2, 2], [3, 1, 0]])
for how in ("mean", "sum", "none"):
    samples(
        "F.ctc_loss",
        call(LOGS, WORDS, (7, 5), (3, 2), reduction=how),
        call(LOGS, ints([1, 2, 2, 3, 1]), ints([7, 6]), ints([3, 2]), reduction=how),
        call(LOGS, ints([[0, 2, 2], [3, 0, 1]]), (7, 5), (3, 2), 1, reduction=how),
        call(LOGS, WORDS, (7, 5), (0, 2), reduction=how),
        call(LOGS, WORDS, (2, 5), (3, 2), reduction=how, zero_infinity=True),
        call(f(5, 4, low=-3, high=-0.5), ints([1, 1]), ints(5), ints(2), reduction=how),
        order=1,
        dtypes=FLOATS,
        smooth=False,  # what comes back is the derivative for log-probabilities that add up to 1
    )
samples(
    "ctc_loss",
    call(LOGS, WORDS, (7, 5), (3, 2)),
    call(LOGS, WORDS, ints([7, 5]), ints([3, 2]), 0, 1),
    order=1,
    smooth=False,
    dtypes=FLOATS,
)
bad("F.ctc_loss", call(LOGS, WORDS, (7, 5), (3, 2), 4), call(LOGS, WORDS, (8, 5), (3, 2)), call(LOGS, WORDS, (7,), (3, 2)), call(LOGS, WORDS, (7, 5), (3,)),
    call(LOGS, WORDS, (7, 5), (4, 2)), call(LOGS, WORDS, (7, 5), (-1, 2)), call(LOGS, ints([1, 2]), (7, 5), (3, 2)), call(LOGS, ints([[1, 2]]), (7, 5), (3, 2)),
    call(LOGS, ints([[[1]]]), (7, 5), (3, 2)), call(LOGS, WORDS, f(2), ints([3, 2])), call(f(0, 2, 4), WORDS, (0, 0), (3, 2)), call(LOGS, WORDS, [7, 5], ints([3, 2])),
    call(const("int64", 7, 2, 4), WORDS, (7, 5), (3, 2)), call(LOGS, WORDS, (7, 5), (3, 2), reduction="x"))  # fmt: skip

samples("F.linear_cross_entropy", call(f(3, 2), f(4, 2), CLASSES), call(f(3, 2), f(4, 2), CLASSES, linear_bias=f(4), reduction="sum", ignore_index=3),
        call(f(2), f(4, 2), ints(1)), call(f(3, 2), f(4, 5, 2), ints([[0, 1, 2, 3, 0]] * 3), linear_bias=f(4, 5)),
        call(f(3, 2), f(4, 2), f(3, 4, low=0.1), label_smoothing=0.1), call(f(3, 2), f(4, 2), CLASSES, weight=still(4, low=0.5)), dtypes=FLOATS)  # fmt: skip
bad("F.linear_cross_entropy", call(f(1, 3, 2), f(4, 2), CLASSES), call(f(3, 2), f(2), CLASSES), call(f(3, 2), f(4, 3), CLASSES),
    call(f(3, 2), f(4, 2), CLASSES, linear_bias=f(3)), call(f(2), f(4, 5, 2), ints([0])), call(f(3, 2), f(4, 2), f(3, 4), ignore_index=1))  # fmt: skip
samples(
    "poisson_nll_loss",
    call(A, f(2, 3, 4, low=0.1), True, False, 1e-8, 1),
    call(f(3, low=0.1), f(3, low=0.1), False, True, 1e-8, 0),
    dtypes=FLOATS,
)
bad("poisson_nll_loss", call(A, A), call(A, A, True, False, 1e-8))
samples("hinge_embedding_loss", call(f(2), ints([1, -1])), dtypes=FLOATS)
samples("kl_div", call(A, f(2, 3, 4, low=0.1)), dtypes=FLOATS)
samples("margin_ranking_loss", call(f(2), f(2), ints([1, -1])), dtypes=FLOATS)

# ---- distances of rows
ROWS, OTHERS = f(4, 3), f(2, 3)
for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf")):
    samples(
        "cdist",
        call(ROWS, OTHERS, p),
        call(f(2, 1, 4, 3), f(3, 2, 3), p),
        order=1,
        dtypes=FLOATS,
        layouts=("plain", "permuted", "stepped"),
    )
    samples("pdist F.pdist", call(ROWS, p), call(f(1, 3), p), order=1, dtypes=FLOATS, ties=False)
samples("cdist", call(f(27, 3), OTHERS), call(f(2, 1, 27, 3), f(3, 2, 3)), call(ROWS, OTHERS, compute_mode="use_mm_for_euclid_dist"),
        dtypes=FLOATS, layouts=("plain", "permuted", "stepped"))  # fmt: skip
samples("cdist", call(f(27, 3), OTHERS, compute_mode="donot_use_mm_for_euclid_dist"), call(f(3, 0), f(2, 0)), call(f(0, 3), OTHERS), order=1,
        dtypes=FLOATS, layouts=("plain",))  # fmt: skip
bad("cdist", call(ROWS), call(ROWS, f(3)), call(f(3), ROWS), call(ROWS, f(2, 4)), call(ROWS, OTHERS, -1.0), call(ROWS, OTHERS, 2.0, "x"),
    call(const("int64", 2, 3), ROWS), call(ROWS, const("float32", 2, 3)), call(f(2, 4, 3), f(3, 2, 3)), call(ROWS, 3))  # fmt: skip
bad("pdist", call(), call(f(3)), call(ROWS, -1.0), call(const("int64", 2, 3)))
