"""What event files hold: protocol buffers made from numbers, images and texts."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from ...tensor import Tensor


def array(x: Any) -> np.ndarray:
    """A number, array or tensor as an array of numbers that numpy has; NotImplementedError for anything else."""
    if isinstance(x, Tensor):
        t = x.detach()
        return (t.float() if t.dtype.name == "bfloat16" else t).numpy()
    if isinstance(x, np.ndarray):
        return x
    if np.isscalar(x):
        return np.array([x])
    raise NotImplementedError(f"Got {type(x)}, but numpy array or torch tensor are expected.")


def scalar(tag: str, value: Any, new_style: bool = False, double_precision: bool = False) -> Summary:
    """One number."""
    a = array(value).squeeze()
    if a.ndim != 0:
        raise AssertionError(
            f"Tensor should contain one element (0 dimensions). Was given size: {a.size} and {a.ndim} dimensions."
        )
    if not new_style:
        return Summary(value=[Summary.Value(tag=tag, simple_value=float(a))])
    kind = (
        {"double_val": [float(a)], "dtype": "DT_DOUBLE"}
        if double_precision
        else {"float_val": [float(a)], "dtype": "DT_FLOAT"}
    )
    return Summary(value=[Summary.Value(tag=tag, tensor=TensorProto(**kind), metadata=_plugin("scalars"))])


def _plugin(name: str, content: bytes = b"") -> SummaryMetadata:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=name, content=content))


def default_bins() -> np.ndarray:
    """Limits that grow by a tenth each, from 1e-12 to 1e20 on both sides of zero: what TensorFlow made popular."""
    limits, v = [], 1e-12
    while v < 1e20:
        limits.append(v)
        v *= 1.1
    return np.array([-v for v in reversed(limits)] + [0.0] + limits)


def histogram(tag: str, values: Any, bins: Any, max_bins: int | None = None) -> Summary:
    """How many values lie in each bin; ValueError for none."""
    a = array(values).astype(np.float64).ravel()
    if a.size == 0:
        raise ValueError("The input has no element.")
    counts, limits = np.histogram(a, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        step = len(counts) // max_bins
        if len(counts) % step:
            counts = np.append(counts, np.zeros(step - len(counts) % step, counts.dtype))
        counts, last = counts.reshape(-1, step).sum(axis=-1), limits[-1]
        limits = np.append(limits[:-1][::step], last)[: counts.size + 1]
    filled = np.flatnonzero(counts)
    if filled.size == 0:
        raise ValueError("The histogram is empty, please file a bug report.")
    first, last = int(filled[0]), int(filled[-1])
    # An empty bin in front tells where the first one begins.
    shown = counts[first - 1 : last + 1] if first > 0 else np.concatenate([[0], counts[: last + 1]])
    edges = limits[first : last + 2]
    return histogram_raw(tag, a.min(), a.max(), len(a), a.sum(), a.dot(a), edges.tolist(), shown.tolist())


def histogram_raw(tag: str, min: Any, max: Any, num: Any, sum: Any, sum_squares: Any, limits: Any, counts: Any) -> Summary:  # fmt: skip
    """A histogram that was counted elsewhere."""
    made = HistogramProto(
        min=min, max=max, num=num, sum=sum, sum_squares=sum_squares, bucket_limit=limits, bucket=counts
    )
    return Summary(value=[Summary.Value(tag=tag, histo=made)])


def as_picture(values: Any, dataformats: str) -> np.ndarray:
    """Height x width x 3 of an image, or of a batch of them side by side, whose dimensions are named by letters of NCHW."""
    a, form = array(values), dataformats.upper()
    if len(set(form)) != len(form):
        raise AssertionError(f"You can not use the same dimension shordhand twice. input_format: {form}")
    if a.ndim != len(form):
        raise AssertionError(
            f"size of input tensor and input format are different. tensor shape: {a.shape}, input_format: {form}"
        )
    if len(form) == 4:
        return grid(a.transpose([form.find(c) for c in "NCHW"]))
    if len(form) == 3:
        a = a.transpose([form.find(c) for c in "HWC"])
        return np.concatenate([a, a, a], 2) if a.shape[2] == 1 else a
    a = a.transpose([form.find(c) for c in "HW"])
    return np.stack([a, a, a], 2)


def grid(batch: np.ndarray, columns: int = 8) -> np.ndarray:
    """A batch (N, C, H, W) as one picture of rows of `columns` images."""
    if batch.shape[1] not in (1, 3):
        raise AssertionError(f"Expected 3D or 1D images: got {batch.shape[1]} channels")
    if batch.shape[1] == 1:
        batch = np.concatenate([batch] * 3, 1)
    n, _, h, w = batch.shape
    columns = min(n, columns)
    rows = -(-n // columns)
    out = np.zeros((3, h * rows, w * columns), batch.dtype)
    for i, one in enumerate(batch):
        y, x = divmod(i, columns)
        out[:, y * h : (y + 1) * h, x * w : (x + 1) * w] = one
    return out.transpose(1, 2, 0)


def image(tag: str, values: Any, dataformats: str) -> Summary:
    """A picture as PNG. Numbers from 0 to 1, or bytes."""
    scale = 1 if array(values).dtype == np.uint8 else 255
    picture = np.clip(as_picture(values, dataformats).astype(np.float32) * scale, 0, 255).astype(np.uint8)
    return Summary(value=[Summary.Value(tag=tag, image=png(picture))])


def png(picture: np.ndarray) -> Any:
    """The protocol buffer of a picture of bytes."""
    from PIL import Image

    height, width, channels = picture.shape
    out = io.BytesIO()
    Image.fromarray(picture).save(out, format="PNG")
    return Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=out.getvalue())


def text(tag: str, string: str) -> Summary:
    """A text in Markdown."""
    from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

    content = TextPluginData(version=0).SerializeToString()
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    held = TensorProto(dtype="DT_STRING", string_val=[string.encode()], tensor_shape=shape)
    return Summary(value=[Summary.Value(tag=tag + "/text_summary", metadata=_plugin("text", content), tensor=held)])


def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None) -> Summary:
    """Precision and recall of predictions from 0 to 1 at `num_thresholds` thresholds."""
    y, p = array(labels).astype(bool).ravel(), array(predictions).ravel()
    w = np.ones(len(y)) if weights is None else array(weights).ravel()
    n = min(num_thresholds, 127)
    at = np.int32(np.floor(p * (n - 1)))
    hits, misses = (np.histogram(at, bins=n, range=(0, n - 1), weights=w * chosen)[0] for chosen in (y, ~y))
    tp, fp = np.cumsum(hits[::-1])[::-1], np.cumsum(misses[::-1])[::-1]
    tn, fn = fp[0] - fp, tp[0] - tp
    precision, recall = tp / np.maximum(1e-7, tp + fp), tp / np.maximum(1e-7, tp + fn)
    return pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, n)


def pr_curve_raw(
    tag: str, tp: Any, fp: Any, tn: Any, fn: Any, precision: Any, recall: Any, num_thresholds: int = 127
) -> Summary:
    """The same from counts."""
    from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

    n = min(num_thresholds, 127)
    data = np.stack([np.asarray(x) for x in (tp, fp, tn, fn, precision, recall)])
    content = PrCurvePluginData(version=0, num_thresholds=n).SerializeToString()
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=s) for s in data.shape])
    held = TensorProto(dtype="DT_FLOAT", float_val=data.reshape(-1).tolist(), tensor_shape=shape)
    return Summary(value=[Summary.Value(tag=tag, metadata=_plugin("pr_curves", content), tensor=held)])


def hparams(hparam_dict: Any, metric_dict: Any, domains: Any = None) -> tuple[Summary, Summary, Summary]:
    """(experiment, start, end) of a run with these hyperparameters and metrics; TypeError or ValueError for what they cannot be."""
    from google.protobuf.struct_pb2 import ListValue, Value
    from tensorboard.plugins.hparams.api_pb2 import DataType, Experiment, HParamInfo, MetricInfo, MetricName, Status
    from tensorboard.plugins.hparams.metadata import (
        EXPERIMENT_TAG,
        PLUGIN_DATA_VERSION,
        PLUGIN_NAME,
        SESSION_END_INFO_TAG,
        SESSION_START_INFO_TAG,
    )
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

    domains = domains or {}
    for name, given in (
        ("hparam_dict", hparam_dict),
        ("metric_dict", metric_dict),
        ("hparam_domain_discrete", domains),
    ):
        if not isinstance(given, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    for key, values in domains.items():
        if (
            key not in hparam_dict
            or not isinstance(values, list)
            or not all(isinstance(v, type(hparam_dict[key])) for v in values)
        ):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{key}] should be a list of same type as hparam_dict[{key}]."
            )
    start, infos = SessionStartInfo(), []
    for key, value in hparam_dict.items():
        if value is None:
            continue
        if isinstance(value, Tensor):
            value = float(array(value).ravel()[0])
        # As in PyTorch, where bool is an int and so a number.
        if isinstance(value, (int, float)):
            field, kind = "number_value", "DATA_TYPE_FLOAT64"
        elif isinstance(value, str):
            field, kind = "string_value", "DATA_TYPE_STRING"
        else:
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
        setattr(start.hparams[key], field, value)
        domain = ListValue(values=[Value(**{field: v}) for v in domains[key]]) if key in domains else None
        infos.append(HParamInfo(name=key, type=DataType.Value(kind), domain_discrete=domain))

    def packed(tag: str, **content: Any) -> Summary:
        data = HParamsPluginData(version=PLUGIN_DATA_VERSION, **content).SerializeToString()
        return Summary(value=[Summary.Value(tag=tag, metadata=_plugin(PLUGIN_NAME, data))])

    metrics = [MetricInfo(name=MetricName(tag=k)) for k in metric_dict]
    return (
        packed(EXPERIMENT_TAG, experiment=Experiment(hparam_infos=infos, metric_infos=metrics)),
        packed(SESSION_START_INFO_TAG, session_start_info=start),
        packed(SESSION_END_INFO_TAG, session_end_info=SessionEndInfo(status=Status.Value("STATUS_SUCCESS"))),
    )


def graph(output: Tensor, model: Any) -> Any:
    """The graph that computed a tensor: its nodes by what they do, parameters by their names."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.node_def_pb2 import NodeDef
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    parameters = {id(p): name for name, p in model.named_parameters()}
    names: dict[Any, str] = {}
    made: list[Any] = []
    waiting = [output.grad_fn] if output.grad_fn is not None else []
    order = []
    while waiting:
        node = waiting.pop()
        if node in names:
            continue
        leaf = getattr(node, "variable", None)
        word = type(node).__name__.removesuffix("Backward0")
        names[node] = (
            parameters.get(id(leaf), "input").replace(".", "/") if leaf is not None else f"{word}_{len(names)}"
        )
        order.append(node)
        waiting += [n for n, _ in node.next_functions if n is not None]
    for node in order:
        leaf = getattr(node, "variable", None)
        shape = {"shape": AttrValue(s=str(tuple(leaf.shape)).encode())} if leaf is not None else {}
        inputs = [names[n] for n, _ in node.next_functions if n is not None]
        op = "Parameter" if leaf is not None else type(node).__name__.removesuffix("Backward0")
        made.append(NodeDef(name=names[node], op=op, input=inputs, attr=shape))
    return GraphDef(node=made, versions=VersionDef(producer=22))
