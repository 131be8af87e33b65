"""PyTorch's `torch.utils.tensorboard`: event files for TensorBoard, through its own package (the extra `tensorboard`)."""

from __future__ import annotations

try:
    import tensorboard
except ModuleNotFoundError as e:
    if e.name != "tensorboard":
        raise
    raise ModuleNotFoundError(
        "No module named 'tensorboard' (pip install 'tgrad[tensorboard]')", name="tensorboard"
    ) from None

if not hasattr(tensorboard, "__version__") or int(tensorboard.__version__.split(".")[0]) < 2:
    raise ImportError("TensorBoard logging requires TensorBoard version 1.15 or above")

from tensorboard.summary.writer.record_writer import RecordWriter

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
