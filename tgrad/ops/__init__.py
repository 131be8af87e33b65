"""Declarations: what each op computes and what its derivatives are. Importing this package fills the registry."""

from . import (  # noqa: F401
    activation,
    embedding,
    index,
    linalg,
    loss,
    norm,
    order,
    pointwise,
    rearrange,
    reduce,
    scalar,
    scatter,
    view,
)
from .spec import ROWS, Row

__all__ = ["ROWS", "Row"]
