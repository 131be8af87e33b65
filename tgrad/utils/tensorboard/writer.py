"""`SummaryWriter`: what a training loop tells TensorBoard."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
from tensorboard.compat.proto import event_pb2
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from ...graph.modes import enable_grad
from ...tensor import Tensor
from . import summary as pack


class FileWriter:
    """Writes events to a file in a folder, from a thread of its own."""

    def __init__(self, log_dir: Any, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = "") -> None:
        self.event_writer = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder."""
        return self.event_writer.get_logdir()

    def add_event(self, event: Any, step: Any = None, walltime: float | None = None) -> None:
        """Adds an event, at a step and a time."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """Adds a summary as an event."""
        self.add_event(event_pb2.Event(summary=summary), global_step, walltime)

    def add_graph(self, graph: Any, walltime: float | None = None) -> None:
        """Adds a graph as an event."""
        self.add_event(event_pb2.Event(graph_def=graph.SerializeToString()), None, walltime)

    def flush(self) -> None:
        """Waits until all events are on the disk."""
        self.event_writer.flush()

    def close(self) -> None:
        """Writes what is left, and ends."""
        self.event_writer.close()

    def reopen(self) -> None:
        """Begins another file."""
        self.event_writer.reopen()


class SummaryWriter:
    """Writes scalars, histograms, images, texts and more for TensorBoard, into `runs/<time>_<host><comment>` unless `log_dir` is given.

    A context manager: leaving it closes the file. Tags name what is written, `global_step` says when.
    """

    def __init__(
        self, log_dir: Any = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10, flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:  # fmt: skip
        if not log_dir:
            import socket
            from datetime import datetime

            log_dir = os.path.join(
                "runs", datetime.now().strftime("%b%d_%H-%M-%S") + "_" + socket.gethostname() + comment
            )
        self.log_dir, self.purge_step = str(log_dir), purge_step
        self.max_queue, self.flush_secs, self.filename_suffix = max_queue, flush_secs, filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self._get_file_writer()
        self.default_bins = pack.default_bins().tolist()

    def _get_file_writer(self) -> FileWriter:
        if self.all_writers is None or self.file_writer is None:
            self.file_writer = FileWriter(self.log_dir, self.max_queue, self.flush_secs, self.filename_suffix)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:  # what an earlier run wrote from there on does not count
                self.file_writer.add_event(Event(step=self.purge_step, file_version="brain.Event:2"))
                self.file_writer.add_event(Event(step=self.purge_step, session_log=SessionLog(status=SessionLog.START)))
                self.purge_step = None
        return self.file_writer

    def get_logdir(self) -> str:
        """The folder of the event files."""
        return self.log_dir

    def _add(self, summary: Any, step: Any, walltime: float | None) -> None:
        self._get_file_writer().add_summary(summary, step, walltime)

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: float | None = None, new_style: bool = False,
        double_precision: bool = False,
    ) -> None:  # fmt: skip
        """A number, of a tensor with one element or Python's."""
        self._add(pack.scalar(tag, scalar_value, new_style, double_precision), global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Numbers for one chart, each in a run of its own (a folder below this one)."""
        base = self._get_file_writer().get_logdir()
        assert self.all_writers is not None
        for tag, value in tag_scalar_dict.items():
            folder = f"{base}/{main_tag.replace('/', '_')}_{tag}"
            if folder not in self.all_writers:
                self.all_writers[folder] = FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)
            self.all_writers[folder].add_summary(pack.scalar(main_tag, value), global_step, walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: Any = None, bins: Any = "tensorflow", walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:  # fmt: skip
        """The distribution of values. `bins`: "tensorflow", or what numpy.histogram takes."""
        limits = self.default_bins if isinstance(bins, str) and bins == "tensorflow" else bins
        self._add(pack.histogram(tag, values, limits, max_bins), global_step, walltime)

    def add_histogram_raw(
        self, tag: str, min: Any, max: Any, num: Any, sum: Any, sum_squares: Any, bucket_limits: Any, bucket_counts: Any,
        global_step: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """A distribution that was counted elsewhere. ValueError if there are not as many limits as counts."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        made = pack.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts)
        self._add(made, global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """An image: floats from 0 to 1 or bytes, its dimensions named by `dataformats`."""
        self._add(pack.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """A batch of images, side by side."""
        if isinstance(img_tensor, list):
            if dataformats.upper() not in ("CHW", "HWC"):
                raise ValueError(
                    "A list of image is passed, but the dataformat is neither CHW nor HWC. Nothing is written."
                )
            dataformats = "N" + dataformats
            img_tensor = np.stack([pack.array(i) for i in img_tensor], 0)
        self._add(pack.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: int | None = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """A matplotlib figure, or several, as images; they are closed unless `close=False`."""
        figures = figure if isinstance(figure, list) else [figure]
        pictures = []
        for one in figures:
            one.canvas.draw()
            pictures.append(np.asarray(one.canvas.buffer_rgba())[..., :3])
            if close:
                import matplotlib.pyplot as plt

                plt.close(one)
        if isinstance(figure, list):
            self.add_image(tag, np.stack(pictures), global_step, walltime, dataformats="NHWC")
        else:
            self.add_image(tag, pictures[0], global_step, walltime, dataformats="HWC")

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """A text in Markdown."""
        self._add(pack.text(tag, text_string), global_step, walltime)

    def add_pr_curve(
        self, tag: str, labels: Any, predictions: Any, global_step: Any = None, num_thresholds: int = 127, weights: Any = None,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Precision and recall of predictions from 0 to 1 for labels of 0 and 1."""
        self._add(pack.pr_curve(tag, labels, predictions, num_thresholds, weights), global_step, walltime)

    def add_pr_curve_raw(
        self, tag: str, true_positive_counts: Any, false_positive_counts: Any, true_negative_counts: Any, false_negative_counts: Any,
        precision: Any, recall: Any, global_step: Any = None, num_thresholds: int = 127, weights: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """The same from counts."""
        counts = (true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts)
        self._add(pack.pr_curve_raw(tag, *counts, precision, recall, num_thresholds), global_step, walltime)

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """The graph that a model records for an input (a tensor or a tuple of them). ValueError without one, or if nothing is recorded."""
        if input_to_model is None:
            raise ValueError("add_graph needs an input: tgrad shows the graph that the model records while it runs")
        with enable_grad():
            result = model(*input_to_model) if isinstance(input_to_model, (tuple, list)) else model(input_to_model)
        while isinstance(result, (tuple, list, dict)):
            result = next(iter(result.values() if isinstance(result, dict) else result))
        if not isinstance(result, Tensor) or result.grad_fn is None:
            raise ValueError("the model recorded no graph: its output requires no gradient")
        made = pack.graph(result, model)
        if verbose:
            print(made)
        self._get_file_writer().add_graph(made)

    def add_hparams(
        self, hparam_dict: dict[str, Any], metric_dict: dict[str, Any], hparam_domain_discrete: dict[str, list[Any]] | None = None,
        run_name: str | None = None, global_step: Any = None,
    ) -> None:  # fmt: skip
        """A run's hyperparameters and what came of them, in a run of its own below this one."""
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        parts = pack.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        with SummaryWriter(os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))) as w:
            for part in parts:
                w._add(part, global_step, None)
            for name, value in metric_dict.items():
                w.add_scalar(name, value, global_step)

    def add_embedding(
        self, mat: Any, metadata: Any = None, label_img: Any = None, global_step: Any = None, tag: str = "default",
        metadata_header: Any = None,
    ) -> None:  # fmt: skip
        """Vectors (N, D) for the projector, with a label and an image (C, H, W) for each if given."""
        points, step = pack.array(mat), 0 if global_step is None else global_step
        if points.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        below = f"{str(step).zfill(5)}/{tag.replace('%', '%25').replace('/', '%2f')}"
        folder = os.path.join(self._get_file_writer().get_logdir(), below)
        os.makedirs(folder, exist_ok=True)
        config = ProjectorConfig()
        one = config.embeddings.add(tensor_name=f"{tag}:{str(step).zfill(5)}", tensor_path=f"{below}/tensors.tsv")
        if metadata is not None:
            if len(metadata) != len(points):
                raise AssertionError("#labels should equal with #data points")
            lines = ["\t".join(map(str, m)) if metadata_header else str(m) for m in metadata]
            head = ["\t".join(metadata_header)] if metadata_header else []
            _write(os.path.join(folder, "metadata.tsv"), [*head, *lines])
            one.metadata_path = f"{below}/metadata.tsv"
        if label_img is not None:
            pictures = pack.array(label_img)
            if len(pictures) != len(points):
                raise AssertionError("#images should equal with #data points")
            side = int(np.ceil(np.sqrt(len(pictures))))
            blank = np.ones((side * side - len(pictures), *pictures.shape[1:]), pictures.dtype)
            sprite = pack.grid(np.concatenate([pictures, blank]), side)
            scale = 1 if pictures.dtype == np.uint8 else 255
            with open(os.path.join(folder, "sprite.png"), "wb") as f:
                f.write(pack.png((sprite * scale).clip(0, 255).astype(np.uint8)).encoded_image_string)
            one.sprite.image_path = f"{below}/sprite.png"
            one.sprite.single_image_dim.extend([pictures.shape[3], pictures.shape[2]])
        _write(os.path.join(folder, "tensors.tsv"), ["\t".join(str(x) for x in row) for row in points.tolist()])
        from google.protobuf import text_format

        with open(os.path.join(self._get_file_writer().get_logdir(), "projector_config.pbtxt"), "a") as f:
            f.write(text_format.MessageToString(config))

    def flush(self) -> None:
        """Waits until all that was added is on the disk."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Writes what is left, and closes; adding more opens another file."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _write(path: str, lines: list[str]) -> None:
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
