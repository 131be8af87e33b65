"""Sample calls of every public op that is not elementwise, and calls that must fail. See specs.py for how to read them.

A key is the name of a function of `torch`, a method of `Tensor`, or both; with `F.`, a function of `nn.functional`. The
runner tries every form that PyTorch has, and each sample in several dtypes and memory layouts: here only shapes and
arguments vary. Points are such that nothing is differentiated at a kink.
"""

from __future__ import annotations

from . import (
    samples_fft,
    samples_linalg,
    samples_losses,
    samples_nn,
    samples_sampling,
    samples_segments,
    samples_signal,
    samples_special,
)
from .specs import BAD, EMPTY, ROW, SAMPLES, SQ, ZERO, A, Dtype, bad, call, const, f, ints, mask, of, samples, still

__all__ = [
    "BAD", "SAMPLES", "samples_fft", "samples_linalg", "samples_losses", "samples_nn", "samples_sampling", "samples_segments",
    "samples_signal", "samples_special",
]  # fmt: skip
ALL = (call(A), call(ROW), call(ZERO), call(EMPTY))
ONE_DIM = (call(A, 1), call(A, -1), call(A, dim=0), call(ROW, 0), call(ZERO, 0), call(EMPTY, 0))
DIMS = (*ONE_DIM, call(A, 1, True), call(A, (0, 2)), call(A, (-1, 0), keepdim=True), call(A, dim=(1,)))
NO_DIM = (call(A, 3), call(ROW, -2), call(ZERO, 1))

# ---- sums and their kin
samples("sum mean nansum", *ALL, *DIMS, call(A, 1, dtype=Dtype("float32")).but(order=1))
samples("mean sum", call(const("int64", 2, 3), dtype=Dtype("float64")))
samples("sum", call(mask(2, 3)), call(mask(2, 3), 0), call(A, ()))
samples("nanmean", *ALL, *DIMS)
samples(
    "prod",
    *ALL,
    *ONE_DIM,
    call(A, 1, True),
    call(of([0.0, 2.0, 3.0])),
    call(of([0.0, 2.0, 0.0])),
    call(of([[0.0, 2.0], [1.0, 3.0]]), 1),
)
samples("all any", *ALL, *ONE_DIM, call(A, 1, True), call(mask(2, 3)), call(mask(2, 3), 1), call(A, (0, 1)))
samples("count_nonzero", *ALL, call(A, 1), call(A, (0, 1)), call(of([0.0, 1.0, 0.0])), call(mask(2, 3), 0))
samples(
    "max min",
    call(A),
    call(ROW),
    call(ZERO),
    call(A, 1),
    call(A, -1, True),
    call(A, dim=0),
    call(ZERO, 0),
    call(EMPTY, 0),
)
samples("max min", call(A, f(3, 1)), call(ROW, f(5)))
samples("amax amin", *DIMS, call(A), call(ZERO), call(of([1.0, 3.0, 3.0])).but(smooth=False), call(A, ()))
samples("aminmax", call(A), call(A, dim=1), call(A, dim=-1, keepdim=True), call(ZERO), call(ROW, dim=0))
samples("argmax argmin", call(A), call(A, 1), call(A, -1, True), call(ZERO), call(ROW, 0), call(of([1.0, 3.0, 3.0])))
samples(
    "median nanmedian",
    call(A),
    call(ROW),
    call(ZERO),
    call(A, 1),
    call(A, -1, True),
    call(A, dim=0),
    call(ZERO, 0),
    ties=False,
)
samples("mode", call(A), call(A, 1), call(A, -1, True), call(of([1.0, 2.0, 2.0, 1.0, 2.0])), call(ZERO), ties=False)
samples("kthvalue", call(A, 2), call(A, 1, 0), call(A, 3, -1, True), call(ROW, 4), call(ZERO, 1), ties=False)
samples("logsumexp", *DIMS)
samples("cumsum", *ONE_DIM, call(A, 1, dtype=Dtype("float32")).but(order=0))
samples("cumprod", *ONE_DIM, call(of([1.0, 0.0, 3.0, 2.0]), 0), call(of([1.0, 0.0, 3.0, 0.0]), 0))
samples("logcumsumexp", *ONE_DIM)
samples("cummax cummin", *ONE_DIM, call(of([1.0, 3.0, 3.0, 2.0]), 0).but(smooth=False))
samples("var std", *ALL[:2], call(A, 1), call(A, (0, 2)), call(A, dim=1, correction=0), call(A, 1, False), call(A, -1, True, True),
        call(A, (0, 2), correction=2, keepdim=True), call(A, False), call(A, 0, keepdim=True))  # fmt: skip
samples("var_mean std_mean", call(A), call(A, 1), call(A, (0, 2), correction=0), call(A, -1, True, True), call(ROW))
samples("norm", call(A), call(A, 1), call(A, 3), call(A, "fro"), call(A, 2, 1), call(A, 2, (0, 1), True), call(A, float("inf")),
        call(A, float("-inf"), 1), call(A, 0), call(A, 0.5, 1), call(ZERO), call(A, 1, -1), call(A, p=2, dim=1, dtype=Dtype("float64")).but(dtypes=()))  # fmt: skip
samples("dist", call(A, f(2, 3, 4)), call(A, f(4), 1), call(A, f(3, 1), 3), call(ROW, f(5), float("inf")))
samples("renorm", call(A, 2, 0, 1.0), call(A, 1, -1, 0.5), call(A, 3, 1, 2.5))
samples("trace", call(SQ), call(f(2, 4)), call(f(4, 2)))
samples("quantile nanquantile", call(ROW, 0.3), call(A, 0.5, 1), call(A, 0.25, -1, True), call(ROW, const("float64", 3, low=0, high=1)),
        call(A, 0.4, 1, interpolation="lower"), call(A, 0.4, interpolation="nearest"), ties=False, dtypes=("float32",))  # fmt: skip
samples("cov corrcoef", call(f(2, 5)), call(ROW), call(f(3, 4)))
samples(
    "cov",
    call(f(2, 5), correction=0),
    call(f(2, 3), fweights=ints([1, 2, 3])),
    call(f(2, 3), aweights=const("float64", 3, low=0.5)),
)
samples("trapezoid trapz cumulative_trapezoid", call(A), call(ROW), call(ROW, f(5)), call(A, f(4)))
samples("trapezoid cumulative_trapezoid", call(A, dx=0.5), call(A, dx=2, dim=1), call(A, f(3), dim=1))
samples(
    "diff", call(A), call(A, 2), call(A, 1, 0), call(ROW, prepend=f(2)), call(A, 1, 1, append=f(2, 1, 4)), call(mask(4))
)
samples(
    "gradient",
    call(ROW),
    call(A, dim=1),
    call(f(3, 4), spacing=2.0),
    call(f(4, 4), edge_order=2),
    call(f(3, 4), dim=(0, 1)),
)
samples("histc", call(ROW, 4), call(A, 5, -1, 1), dtypes=("float32",))
samples("bincount", call(ints([0, 2, 2, 5])), call(ints([1, 1]), const("float64", 2)), call(ints([1]), minlength=4))
samples("allclose equal", call(A, A), call(A, f(2, 3, 4, low=3, high=4)))

bad("sum mean amax amin nansum logsumexp var std all any", *NO_DIM)
bad("sum mean amax nansum logsumexp", call(A, (0, 0)))
bad(
    "prod cumsum cumprod logcumsumexp cummax cummin argmax max min median nanmedian mode",
    call(A, 3),
    call(A, -4),
)
bad("max min amax amin argmax argmin aminmax", call(f(0)), call(EMPTY))
bad("max argmin", call(EMPTY, 1))
bad("mean", call(const("int64", 2, 3)), call(mask(2), 0))
bad("kthvalue", call(ROW, 6), call(ROW, 0))
bad("trace", call(A), call(ROW))
bad("dist", call(A, f(5)))
bad("renorm", call(ROW, 2, 0, 1.0), call(A, -1, 0, 1.0), call(A, 2, 0, -1.0))
bad("cov", call(A))
bad("bincount", call(ints([-1])), call(f(2, 2)))
bad("gradient", call(f(1)), call(ROW, edge_order=3))
bad("quantile", call(ROW, 1.5), call(const("int64", 3), 0.5))

# ---- joining and parting
samples("cat concat concatenate", call([A, A]), call([f(2, 3), f(4, 3)]), call([f(2, 3), f(2, 1)], 1), call([f(2, 3), f(2, 2)], dim=-1),
        call([f(0), f(2, 3)]), call([ROW]), call([f(2), const("int64", 2)]))  # fmt: skip
samples("stack", call([A, A]), call([f(2, 3), f(2, 3)], 1), call([ROW, ROW, ROW], dim=-1), call([ZERO, ZERO]))
samples("hstack vstack dstack column_stack row_stack", call([f(3), f(3)]), call([f(2, 3), f(2, 3)]), call([ZERO, ZERO]))
samples("block_diag", call(f(2, 3), f(4), ZERO), call(f(1, 2)), dtypes=("float32", "int64"))
samples("cartesian_prod", call(f(2), f(3)), call(f(3)))
samples("combinations", call(f(4)), call(f(3), 3), call(f(3), with_replacement=True))
samples("meshgrid", call(f(2), f(3), indexing="ij"), call(f(2), f(3), indexing="xy"), call(f(2), ZERO, indexing="ij"))
samples("broadcast_tensors", call(f(2, 1), f(3)), call(ZERO, f(2)))
samples("split", call(f(5, 2), 2), call(A, 2, 1), call(A, [1, 2], 1), call(A, 3, -1))
samples(
    "split_with_sizes split_with_sizes_copy unsafe_split_with_sizes",
    call(A, [1, 2], 1),
    call(A, [3, 1], -1),
    call(A, [2]),
)
samples("split_copy unsafe_split unsafe_chunk chunk", call(A, 2), call(A, 2, 1), call(A, 3, -1))
samples("tensor_split", call(A, 2, 2), call(A, (1, 2), 1), call(ROW, 3))
samples("hsplit", call(f(2, 4), 2), call(f(4), (1, 2)))
samples("vsplit", call(f(4, 2), 2), call(f(4, 2), (1, 3)))
samples("dsplit", call(A, 2))
samples("unbind unbind_copy", call(A), call(A, 1), call(A, -1))

bad("cat", call([]), call([f(2, 3), f(2, 4)]), call([f(2), f(2, 2)]), call([ZERO, ZERO]), call([A], 3))
bad("stack", call([]), call([f(2), f(3)]), call([f(2)], 2))
bad("split", call(A, -1), call(A, [1, 1], 1), call(ZERO, 1))
bad("chunk", call(A, 0), call(ZERO, 1))
bad("unbind", call(ZERO), call(A, 3))
bad("tensor_split", call(ZERO, 2), call(A, 0))
bad("hsplit", call(ZERO, 2), call(ROW, 2))
bad("meshgrid", call(f(2), indexing="no"), call(f(2), mask(2), indexing="ij"))

# ---- views
samples(
    "view",
    call(A, 6, 4),
    call(A, -1, 2),
    call(A, (2, 12)),
    call(A, Dtype("int64")).but(memory=False),
    call(ZERO, 1, 1),
    call(EMPTY, 0, 5),
)
samples("reshape", call(A, (6, 4)), call(A, (-1,)), call(ZERO, (1, 1)), call(EMPTY, (3, 0)))
samples("view_as reshape_as", call(A, f(6, 4)), call(A, f(24)))
samples("view_copy", call(A, (6, 4)), call(A, (-1, 2)))
samples("expand", call(f(3, 1), 2, 3, 4), call(f(3, 1), -1, 4), call(ZERO, 2, 3), call(f(1, 3), (2, 3)))
samples("expand_copy", call(f(3, 1), (2, 3, 4)), call(ZERO, (2, 3)))
samples("expand_as", call(f(3, 1), f(2, 3, 4)))
samples("broadcast_to", call(f(3, 1), (2, 3, 4)), call(ZERO, (2,)))
samples("transpose swapaxes swapdims", call(A, 0, 1), call(A, -1, 0), call(ZERO, 0, -1), call(A, 1, 1))
samples("transpose_copy", call(A, 0, 2))
samples("t t_copy", call(f(2, 3)), call(ROW), call(ZERO))
samples("adjoint", call(f(2, 3)), call(A))
samples("permute permute_copy", call(A, (2, 0, 1)), call(A, (-1, 0, 1)), call(ZERO, ()))
samples("permute", call(A, dims=(1, 0, 2)))
samples("movedim moveaxis", call(A, 0, 2), call(A, (0, 1), (1, 0)), call(A, -1, 0))
samples(
    "squeeze squeeze_copy",
    call(f(2, 1, 3)),
    call(f(2, 1, 3), 1),
    call(f(2, 1, 3), 0),
    call(f(1, 2, 1), (0, 2)),
    call(ZERO),
    call(ZERO, 0),
    call(f(1, 1), -1),
)
samples("unsqueeze unsqueeze_copy", call(A, 0), call(A, -1), call(A, 2), call(ZERO, 0), call(EMPTY, 1))
samples("select select_copy", call(A, 0, 1), call(A, -1, -2), call(A, dim=1, index=0), call(ROW, 0, 3))
samples("slice_copy", call(A, 1), call(A, 0, 1), call(A, -1, 0, 3, 2), call(ROW, 0, -2))
samples("narrow narrow_copy", call(A, 1, 1, 2), call(A, -1, -2, 1), call(ROW, 0, 2, 0))
samples(
    "diagonal diagonal_copy", call(SQ), call(A), call(A, 1, 1, 2), call(A, -1, 0, -1), call(SQ, 5), call(f(2, 4), -1)
)
samples(
    "unfold unfold_copy", call(ROW, 0, 2, 1), call(A, 2, 2, 2), call(A, -1, 3, 1), call(A, 1, 2, 3), call(ROW, 0, 3, 1)
)
samples(
    "as_strided as_strided_copy",
    call(A, (2, 2), (1, 2)),
    call(A, (3, 3), (1, 1), 2),
    call(A, (2, 3), (0, 1)),
    call(ROW, (), ()),
)
samples("alias_copy detach_copy", call(A), call(ZERO))
samples("flatten", call(A), call(A, 1), call(A, 0, 1), call(A, -2, -1), call(ZERO), call(EMPTY))
samples("unflatten", call(A, 2, (2, 2)), call(A, -1, (2, -1)), call(ROW, 0, (5, 1)))
samples("ravel", call(A), call(ZERO), call(ROW))
samples("atleast_1d atleast_2d atleast_3d", call(ZERO), call(ROW), call(f(2, 3)), call(A))
samples(
    "view_as_real view_as_real_copy real imag", call(const("complex128", 2, 3)), call(const("complex128")), dtypes=()
)
samples("real", call(A))
samples("view_as_complex", call(f(3, 2)), call(f(2, 3, 2)), dtypes=("float32",))
samples("resolve_conj resolve_neg detach", call(A), call(ZERO))
samples("conj", call(A), call(const("complex128", 2, 3)), memory=False)

samples("view_as_complex_copy", call(still(3, 2)), call(still(2, 3, 2)), dtypes=("float32",))

bad("view reshape", call(A, (5, 5)), call(A, (-1, -1)), call(A, (-1, 5)), call(EMPTY, (-1, 0)), call(A, (-2, 3)))
bad("expand", call(A, 2), call(f(3), 4), call(f(3), -1, 3))
bad("transpose", call(A, 0, 3), call(ZERO, 0, 1))
bad("t", call(A))
bad("permute", call(A, (0, 1)), call(A, (0, 0, 1)), call(A, (0, 1, 3)))
bad("movedim", call(A, (0, 1), (0,)), call(A, (0, 0), (1, 2)))
bad("squeeze", call(A, 3))
bad("unsqueeze", call(A, 4), call(A, -5))
bad("select", call(A, 0, 2), call(A, 1, -4), call(ZERO, 0, 0))
bad("narrow", call(A, 1, 2, 2), call(A, 0, 0, -1), call(ZERO, 0, 0, 1))
bad("diagonal", call(ROW), call(A, 0, 1, 1), call(A, 0, 0, 3))
bad("unfold", call(ROW, 0, 6, 1), call(ROW, 0, 2, 0), call(ROW, 1, 2, 1))
bad("as_strided", call(A, (2,), (1, 1)), call(A, (50,), (1,)), call(A, (2,), (-1,)))
bad("flatten", call(A, 2, 1), call(A, 0, 3))
bad("unflatten", call(A, 2, (3, 2)), call(A, 2, ()))
bad("view_as_complex", call(f(2, 3)), call(ZERO))
bad("imag view_as_real", call(f(2)))

# ---- copies that rearrange
samples("clone contiguous", call(A), call(ZERO), call(EMPTY))
samples("repeat", call(A, 1, 2, 1), call(A, 2, 1, 1, 3), call(ZERO, 3), call(f(2), (2, 2)), call(A, 1, 0, 1))
samples("tile", call(A, (2,)), call(ROW, (2, 2)), call(A, (1, 1, 1, 2)))
samples("repeat_interleave", call(A, 2), call(A, 2, 1), call(f(3), ints([1, 0, 2])), call(A, ints([1, 2]), dim=0))
samples("roll", call(A, 1), call(A, 2, 1), call(A, (1, -1), (0, 2)), call(ROW, -7, 0), call(ZERO, 1))
samples("flip", call(A, (0,)), call(A, (1, -1)), call(ZERO, ()))
samples("fliplr flipud", call(f(2, 3)), call(A))
samples("rot90", call(f(2, 3)), call(f(2, 3), 2), call(A, 1, (1, 2)), call(A, -1, (2, 0)), call(f(2, 3), 4))
samples("tril triu", call(SQ), call(A), call(f(2, 4), 1), call(f(4, 2), -1), call(EMPTY))
samples("diag", call(ROW), call(SQ), call(ROW, 1), call(f(2, 4), -1))
samples("diag_embed", call(f(2, 3)), call(ROW, 1), call(f(2, 3), -1, 0, 2))
samples("diagflat", call(f(2, 2)), call(ROW, -1), call(ZERO))
samples("select_scatter", call(A, f(3, 4), 0, 1), call(A, f(2, 3), -1, -2))
samples("slice_scatter", call(A, f(2, 2, 4), 1, 1), call(A, f(2, 3, 2), -1, 0, 4, 2))
samples("diagonal_scatter", call(SQ, f(3)), call(A, f(4, 2), 0, 0, 1), call(SQ, f(2), 1))
samples("as_strided_scatter", call(A, f(2, 2), (2, 2), (1, 2)), call(ROW, f(2), (2,), (2,), 1), layouts=("plain",))

bad("repeat", call(A, 2), call(A, 1, -1, 1))
bad("repeat_interleave", call(A, ints([1, 2]), dim=1), call(A, -1))
bad("roll", call(A, (1, 2), 0), call(A, ()))
bad("flip", call(A, (0, 0)), call(A, (3,)))
bad("fliplr", call(ROW))
bad("rot90", call(ROW), call(A, 1, (0, 0)), call(A, 1, (0,)))
bad("tril", call(ROW))
bad("diag", call(A), call(ZERO))
bad("diag_embed", call(A, 0, 1, 1))
bad("select_scatter", call(A, f(2), 0, 1), call(A, f(3, 4), 0, 5))
bad("slice_scatter", call(A, f(2, 2, 4), 1))
bad("diagonal_scatter", call(SQ, f(2)))

# ---- by index
I3, IJ = ints([0, 2, 2]), ints([[0, 2, 1, 0], [1, 1, 0, 2]])
samples(
    "index_select",
    call(A, 1, I3),
    call(A, -1, ints([3, 0])),
    call(ROW, 0, ints([1])),
    call(ZERO, 0, ints([0, 0])),
    call(A, 0, ints([1], "int32")),
    call(A, 1, ints([])),
)
samples(
    "index_add",
    call(A, 1, I3, f(2, 3, 4)),
    call(ROW, 0, ints([1, 1]), f(2), alpha=2),
    call(A, -1, ints([0]), f(2, 3, 1)),
)
samples("index_copy", call(A, 1, ints([2, 0]), f(2, 2, 4)), call(ROW, 0, ints([1, 4]), f(2)))
samples(
    "index_fill",
    call(A, 1, ints([0, 2]), 3),
    call(A, -1, ints([1]), f()),
    call(ROW, 0, ints([4, 0]), 1.5).but(dtypes=("float32",)),
)
samples(
    "index_reduce",
    call(A, 1, I3, f(2, 3, 4), "amax"),
    call(A, 1, I3, f(2, 3, 4), "amin", include_self=False),
    call(A, 1, I3, f(2, 3, 4), "mean"),
    call(A, 1, I3, f(2, 3, 4), "prod"),
)
samples(
    "gather",
    call(A, 1, ints([[[0, 2, 1, 0]], [[1, 1, 0, 2]]])),
    call(f(3, 4), 0, IJ),
    call(ROW, 0, I3),
    call(ZERO, 0, ints(0)),
    call(f(3, 4), -1, ints([[0], [3], [3]])),
)
samples("scatter", call(f(3, 4), 0, IJ, f(2, 4)), call(f(3, 4), 0, IJ, 2), call(ROW, 0, ints([0, 3]), f(2)))
samples(
    "scatter",
    call(f(3, 4), 0, IJ, 2, reduce="multiply").but(inplace=False),
    call(f(3, 4), 0, ints([[0, 1, 2, 0]]), still(2, 4), reduce="add").but(inplace=False),
    order=0,
)
samples(
    "scatter_add",
    call(f(3, 4), 0, IJ, f(2, 4)),
    call(ROW, 0, I3, f(3)),
    call(f(3, 4), -1, ints([[0, 0], [3, 3]]), f(2, 2)),
)
samples("scatter_reduce", *(call(f(3, 4), 0, IJ, f(2, 4), kind) for kind in ("sum", "mean", "prod", "amax", "amin")),
        *(call(f(3, 4), 0, IJ, f(2, 4), kind, include_self=False) for kind in ("sum", "mean", "prod", "amax", "amin")), ties=False)  # fmt: skip
samples("take", call(A, ints([0, 23, -1])), call(A, IJ), call(ZERO, ints([0])))
samples("take_along_dim", call(f(3, 4), IJ, 0), call(A, ints([5, 0])), call(A, ints([[[0], [1], [0]]]), 2))
samples("put", call(A, ints([0, 5]), f(2)), call(ROW, ints([1, 1, 2]), f(3), True))
samples(
    "index_put",
    call(A, (ints([0, 1]), ints([2, 2])), f(2, 4)),
    call(A, (I3.__class__((2,), values=[1, 1], dtype="int64"),), f(3, 4), True),
    call(f(2, 3), (mask(2, 3),), f()),
)
samples("masked_select", call(A, mask(2, 3, 4)), call(A, mask(3, 1)), call(ROW, mask(5)), call(ZERO, mask()))
samples("masked_scatter", call(A, mask(2, 3, 4), f(24)), call(f(2, 3), mask(3), f(2, 3)))
samples("nonzero argwhere", call(of([[0.0, 1.0], [2.0, 0.0]])), call(mask(2, 3)), call(ZERO), call(EMPTY))
samples("nonzero", call(of([[0.0, 1.0], [2.0, 0.0]]), as_tuple=True), memory=False)
samples("isin", call(ints([1, 2, 3]), ints([2, 5])), call(ROW, f(3)), call(ints([1, 2]), ints([2]), invert=True))
samples(
    "searchsorted",
    call(of([0.0, 1.0, 2.0]), f(2, 3)),
    call(of([0.0, 1.0, 1.0]), of([1.0]), right=True),
    dtypes=("float32",),
)
samples("bucketize", call(f(2, 3), of([-1.0, 0.0, 1.0])), call(f(3), of([0.0, 1.0]), right=True), dtypes=("float32",))

bad(
    "index_select",
    call(A, 1, ints([3])),
    call(A, 3, I3),
    call(A, 0, ints([[0]])),
    call(A, 0, f(2)),
    call(A, 0, ints([-1])),
)
bad("index_add", call(A, 1, I3, f(2, 2, 4)), call(A, 1, ints([[0]]), A), call(A, 1, ints([5]), f(2, 1, 4)))
bad("index_copy", call(A, 1, ints([5]), f(2, 1, 4)), call(A, 1, I3, f(2, 2, 4)))
bad("index_fill", call(A, 1, ints([5]), 1.0), call(A, 1, ints([0]), f(2)), call(A, 0, f(2), 1.0))
bad(
    "gather",
    call(f(3, 4), 0, ints([[5]])),
    call(f(3, 4), 0, I3),
    call(f(3, 4), 2, IJ),
    call(f(3, 4), 0, f(2, 4)),
    call(f(3, 4), 1, ints([[0], [0], [0], [0]])),
)
bad(
    "scatter",
    call(f(3, 4), 0, ints([[5]]), f(1, 1)),
    call(f(3, 4), 0, IJ, f(1, 1)),
    call(f(3, 4), 0, I3, f(3)),
    call(f(3, 4), 0, IJ, f(2, 4), reduce="no"),
)
bad("scatter_add", call(f(3, 4), 0, ints([[7]]), f(1, 1)), call(f(3, 4), 0, IJ, const("float32", 2, 4)))
bad("scatter_reduce", call(f(3, 4), 0, IJ, f(2, 4), "no"))
bad("take", call(A, ints([24])), call(A, f(2)))
bad("take_along_dim", call(A, I3, 0), call(A, f(2)))
bad("put", call(A, ints([24]), f(1)), call(A, ints([0]), f(2)))
bad("masked_select", call(A, f(2, 3, 4)), call(A, mask(2)))
bad("masked_scatter", call(A, mask(2, 3, 4), f(2)), call(A, f(4), A))
bad("index_reduce", call(A, 1, I3, f(2, 3, 4), "no"))

# ---- order
samples(
    "sort",
    call(A),
    call(A, 1),
    call(A, 0, True),
    call(A, dim=-1, descending=True, stable=True),
    call(ROW),
    call(ZERO),
    call(EMPTY),
    ties=False,
)
samples(
    "argsort",
    call(A),
    call(A, 1),
    call(A, 0, True),
    call(ZERO),
    call(A, stable=True, dim=1, descending=True),
    ties=False,
)
samples("msort", call(A), call(ROW), ties=False)
samples(
    "topk",
    call(A, 2),
    call(A, 1, 1),
    call(A, 2, 0, False),
    call(ROW, 3, largest=False),
    call(ZERO, 1),
    call(ROW, 0),
    ties=False,
    dtypes=("float32", "complex128"),
)
samples(
    "unique",
    call(ints([3, 1, 3, 2])),
    call(of([2.0, 1.0, 2.0]), return_inverse=True, return_counts=True),
    call(of([[1, 2], [1, 2], [0, 3]]), dim=0),
)
samples("unique_consecutive", call(of([1, 1, 2, 2, 1])), call(of([1, 1, 2]), return_inverse=True, return_counts=True))

bad("sort", call(A, 3))
bad("topk", call(A, 5), call(A, 1, 3), call(ROW, -1))

# ---- products
samples("mm", call(f(2, 3), f(3, 4)), call(f(2, 0), f(0, 3)), call(f(1, 3), f(3, 1)))
samples("bmm", call(A, f(2, 4, 3)), call(f(0, 2, 3), f(0, 3, 2)))
samples("mv", call(f(2, 3), f(3)), call(f(2, 0), f(0)))
samples("dot vdot", call(ROW, f(5)), call(f(0), f(0)))
samples("matmul", call(f(3), f(3)), call(f(2, 3), f(3)), call(f(3), f(3, 2)), call(f(2, 3), f(3, 4)), call(A, f(4, 2)), call(A, f(4)), call(f(3), A),
        call(A, f(2, 4, 5)), call(f(2, 1, 3, 4), f(5, 4, 2)), call(f(2, 3), f(5, 3, 2)))  # fmt: skip
samples("inner", call(ROW, f(5)), call(A, f(2, 4)), call(ZERO, A))
samples("outer ger", call(f(2), f(3)), call(f(0), f(3)))
samples(
    "addmm",
    call(f(2, 4), f(2, 3), f(3, 4)),
    call(f(4), f(2, 3), f(3, 4), beta=2, alpha=3),
    call(ZERO, f(2, 3), f(3, 4), beta=0),
)
samples("addmv", call(f(2), f(2, 3), f(3)), call(ZERO, f(2, 3), f(3), beta=2, alpha=3))
samples("addbmm", call(f(3, 5), A, f(2, 4, 5)), call(f(5), A, f(2, 4, 5), beta=2, alpha=3).but(inplace=False))
samples("baddbmm", call(f(2, 3, 5), A, f(2, 4, 5)), call(f(5), A, f(2, 4, 5), beta=2, alpha=3))
samples("addr", call(f(2, 3), f(2), f(3)), call(f(3), f(2), f(3), beta=2, alpha=3).but(inplace=False))
samples("chain_matmul", call(f(2, 3), f(3, 4), f(4, 2)))
samples("einsum", call("ij,jk->ik", f(2, 3), f(3, 4)), call("ii", SQ), call("ii->i", SQ), call("bij,bjk->bik", A, f(2, 4, 3)), call("i,j", f(2), f(3)),
        call("...ij->...ji", A), call("ij->", f(2, 3)), call("i,i,i->i", f(3), f(3), f(3)))  # fmt: skip
samples("tensordot", call(A, f(4, 2), 1), call(A, f(3, 4, 2), 2), call(A, f(4, 3), ([1, 2], [1, 0])))
samples("kron", call(f(2), f(3)), call(f(2, 2), f(1, 3)).but(layouts=("plain", "stepped")))
samples("cross", call(f(2, 3), f(2, 3)), call(f(3, 4), f(3, 4), dim=0), call(f(2, 3), f(1, 3), dim=-1))

bad("mm", call(f(2, 3), f(4, 2)), call(A, f(3, 2)), call(f(2, 3), const("float32", 3, 2)))
bad("bmm", call(A, f(2, 3, 3)), call(f(2, 3), A))
bad("mv", call(f(2, 3), f(2)), call(A, f(3)))
bad("dot", call(ROW, f(4)), call(f(2, 2), f(2)), call(ROW, const("float32", 5)))
bad("matmul", call(ZERO, ROW), call(f(2, 3), f(4)), call(A, f(3, 4)), call(A, f(3, 4, 2)))
bad("addmm", call(f(3, 3), f(2, 3), f(3, 4)), call(f(2, 4), f(2, 3), f(2, 4)))
bad("addmv", call(f(3), f(2, 3), f(3)))
bad("baddbmm", call(f(2, 3, 5), A, f(2, 3, 5)))
bad("addr", call(f(2, 3), f(3), f(2)), call(f(2, 3), A, f(3)))
bad("einsum", call("ij,jk", f(2, 3), f(4, 3)), call("ij", f(2)), call("i->j", f(2)))
bad("tensordot", call(A, f(3, 2), 1))
bad("cross", call(f(2, 4), f(2, 4)), call(f(3), f(2)))
bad("outer", call(A, f(2)))
