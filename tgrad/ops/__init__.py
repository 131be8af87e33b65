"""Declarations: what each op computes and what its derivatives are. Importing this package fills the registry."""

from . import index, linalg, pointwise, reduce, view  # noqa: F401
from .spec import ROWS, Row

__all__ = ["ROWS", "Row"]
