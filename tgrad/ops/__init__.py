"""Declarations: what each op computes and what its derivatives are. Importing this package fills the registry."""

from . import (  # noqa: F401
    activation,
    attention,
    conv,
    ctc,
    decomposition,
    distance,
    embedding,
    embedding_bag,
    extremes,
    fractional,
    gridsample,
    index,
    linalg,
    loss,
    magnitude,
    margin,
    norm,
    order,
    pad,
    pointwise,
    pooling,
    rearrange,
    reduce,
    resample,
    scalar,
    scan,
    scatter,
    shuffle,
    sliding,
    softmax,
    variance,
    view,
)
from .spec import ROWS, Row

__all__ = ["ROWS", "Row"]
