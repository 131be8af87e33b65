"""Random numbers: the same stream as PyTorch's CPU generator, drawn with numpy alone."""

from __future__ import annotations

from .generator import Generator
from .layout import iteration_order, place

default_generator = Generator()
default_generator.seed()

__all__ = ["Generator", "default_generator", "iteration_order", "place"]
