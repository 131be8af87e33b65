"""Side-by-side speed: `python -m tests.benchmarks` times tgrad and the real PyTorch in turn and prints the ratios."""

from . import large, training
from .cases import CASES

__all__ = ["CASES", "large", "training"]
