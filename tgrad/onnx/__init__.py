"""torch.onnx: models are not exported. `export` says so, and how it can be done."""

from __future__ import annotations

from typing import Any

__all__ = ["ONNXProgram", "OnnxExporterError", "export", "is_in_onnx_export"]


class OnnxExporterError(RuntimeError):
    """A model cannot be exported."""


class ONNXProgram:
    """An exported model. None is ever made here."""


def is_in_onnx_export() -> bool:
    """Whether a model is being exported: no."""
    return False


def export(model: Any, args: tuple[Any, ...] = (), f: Any = None, **options: Any) -> None:
    """OnnxExporterError: operations run eagerly and leave no program to translate. The text says what to do instead."""
    raise OnnxExporterError(
        "tgrad does not export to ONNX: it runs models eagerly and has no program to translate. Save the weights with "
        "torch.save(model.state_dict(), f), load them into the same model in PyTorch, and export it there"
    )
