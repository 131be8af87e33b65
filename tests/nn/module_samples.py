"""Constructor arguments and inputs of modules that PyTorch's own database leaves out; torch tensors, made by `t(*shape)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Sample = tuple[tuple[Any, ...], dict[str, Any], tuple[Any, ...]]  # constructor's arguments, keywords, inputs


def samples(torch: Any, t: Callable[..., Any]) -> dict[str, list[Sample]]:
    """Name of the module -> samples. `t(*shape)`: normal numbers of the dtype in question that require grad."""

    def whole(*shape: int, high: int = 5) -> Any:
        return torch.randint(0, high, shape)

    def distance(T: Any) -> Any:
        return lambda a, b: 1.0 - T.nn.functional.cosine_similarity(a, b)

    image, line, block = t(2, 4, 6, 6), t(2, 4, 6), t(2, 4, 3, 4, 5)
    dropouts = {
        "Dropout": t(3, 4), "Dropout1d": line, "Dropout2d": image, "Dropout3d": block, "AlphaDropout": t(3, 4), "FeatureAlphaDropout": image,
    }  # fmt: skip
    pooled = {
        n: torch.nn.functional.__dict__[f"max_pool{n}d"](x, 2, return_indices=True)
        for n, x in ((1, line), (2, image), (3, t(2, 3, 4, 4, 4)))
    }
    out: dict[str, list[Sample]] = {
        name: [((), {}, (x,)), ((0.3, False), {}, (x,)), ((0.0,), {}, (x,))] for name, x in dropouts.items()
    }
    out |= {
        "ChannelShuffle": [((2,), {}, (image,))],
        "CosineSimilarity": [((), {}, (t(3, 4), t(3, 4))), ((-1, 1e-3), {}, (t(3, 4, 2), t(3, 4, 2)))],
        "CrossMapLRN2d": [((3,), {}, (image,)), ((5, 0.1, 0.5, 2.0), {}, (t(1, 7, 2, 3),)), ((9,), {}, (image,))],
        "EmbeddingBag": [
            ((5, 3), {"mode": mode}, (whole(2, 4),)) for mode in ("sum", "mean", "max")
        ] + [
            ((5, 3), {"mode": "sum"}, (whole(6), torch.tensor([0, 2, 4]), t(6))),
            ((5, 3), {"mode": "mean", "padding_idx": 2, "include_last_offset": True}, (whole(6), torch.tensor([0, 2, 6]))),
        ],
        "Embedding": [((5, 3), {"max_norm": 1.0}, (whole(2, 3),)), ((5, 3), {"padding_idx": -1, "scale_grad_by_freq": True}, (whole(2, 3),))],
        "Flatten": [((), {}, (image,)), ((0, 2), {}, (image,))],
        "Unflatten": [((1, (2, 2)), {}, (image,)), ((-1, torch.Size([2, 3])), {}, (image,))],
        "Fold": [(((4, 5), 2), {}, (t(1, 8, 12),)), (((4, 4), (2, 2)), {"stride": 2, "padding": 1}, (t(2, 8, 9),))],
        "Unfold": [((2,), {}, (image,)), (((2, 3),), {"dilation": 2, "padding": 1, "stride": (1, 2)}, (image,))],
        "Hardsigmoid": [((), {}, (t(3, 4) * 4,))],
        "Identity": [((), {}, (t(3),)), ((1, 2), {"a": 3}, (t(3),))],
        "LazyBatchNorm1d": [((), {}, (line,)), ((), {"affine": False, "track_running_stats": False}, (t(3, 4),)), ((), {"bias": False}, (line,))],
        "LazyBatchNorm2d": [((), {}, (image,)), ((1e-3, None), {}, (image,))],
        "LazyBatchNorm3d": [((), {}, (block,))],
        "LazyInstanceNorm1d": [((), {}, (line,))],
        "LazyInstanceNorm2d": [((), {"affine": False}, (image,))],
        "LazyInstanceNorm3d": [((), {"track_running_stats": False}, (block,))],
        "LazyLinear": [((3,), {}, (t(2, 4),)), ((3, False), {}, (t(2, 2, 4),))],
        "MaxUnpool1d": [((2,), {}, pooled[1])],
        "MaxUnpool2d": [((2,), {}, pooled[2])],
        "MaxUnpool3d": [((2,), {}, pooled[3])],
        "PairwiseDistance": [((), {}, (t(3, 4), t(3, 4))), ((1, 1e-3, True), {}, (t(3, 4), t(3, 4)))],
        "PixelShuffle": [((2,), {}, (image,))],
        "PixelUnshuffle": [((2,), {}, (image,))],
        "RReLU": [((), {}, (image,)), ((0.3, 0.3), {}, (image,))],
        "Sequential": [],
        "SyncBatchNorm": [((4,), {}, (image,)), ((4,), {"affine": False, "momentum": None}, (t(3, 4),))],
        "TripletMarginLoss": [((), {}, (t(3, 4), t(3, 4), t(3, 4))), ((0.5,), {"swap": True, "p": 1, "reduction": "sum"}, (t(3, 4), t(3, 4), t(3, 4)))],
        "TripletMarginWithDistanceLoss": [((), {}, (t(3, 4), t(3, 4), t(3, 4))), ((), {"distance_function": distance, "swap": True}, (t(3, 4), t(3, 4), t(3, 4)))],
        "CosineEmbeddingLoss": [((0.2,), {}, (t(3, 4), t(3, 4), torch.tensor([1, -1, 1])))],
        "NLLLoss2d": [((), {}, (t(2, 4, 3, 3), torch.randint(0, 4, (2, 3, 3))))],
        "Upsample": [
            (((7, 8),), {}, (image,)), ((None, 2), {"mode": "bilinear"}, (image,)), ((None, 1.5, "linear", True), {}, (line,)),
            (((4, 5, 6),), {"mode": "trilinear"}, (block,)), ((None, 2), {"mode": "bicubic", "align_corners": True}, (image,)),
        ],
        "UpsamplingNearest2d": [((), {"scale_factor": 2}, (image,))],
        "UpsamplingBilinear2d": [(((9, 4),), {}, (image,))],
    }  # fmt: skip
    return out
