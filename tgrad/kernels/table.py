"""Which rows, and which of their derivatives, have a compiled form, and where it is written.

A form takes the arguments of the row's array function (or of the derivative's formula) and gives the result, or None where it does
not apply: another dtype, a layout that it does not know, or a kernel that is not ready. The modules are imported when first needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .native import Jit

FORMS = {
    "sum.all": "reductions.sum_all",
    "sum.dim": "reductions.sum_dim",
    "mean.all": "reductions.mean_all",
    "mean.dim": "reductions.mean_dim",
    "var.correction": "reductions.var",
    "std.correction": "reductions.std",
    "linalg_vector_norm": "reductions.vector_norm",
    "max.all": "reductions.max_all",
    "min.all": "reductions.min_all",
    "amax": "reductions.amax",
    "amin": "reductions.amin",
    "max.dim": "reductions.max_dim",
    "min.dim": "reductions.min_dim",
    "argmax": "reductions.argmax",
    "argmin": "reductions.argmin",
    "cumsum": "reductions.cumsum",
    "_softmax": "rowwise.softmax",
    "_log_softmax": "rowwise.log_softmax",
    "logsumexp.dims": "rowwise.logsumexp",
    "_scaled_dot_product_flash_attention_for_cpu": "attention.attention",
    "_scaled_dot_product_flash_attention_for_cpu_backward": "attention.attention_backward",
    "native_layer_norm": "rowwise.layer_norm",
    "native_batch_norm": "rowwise.batch_norm",
    "native_group_norm": "rowwise.group_norm",
    "contiguous.copy": "movement.contiguous",
    "clone": "movement.clone",
    "index_select": "movement.index_select",
    "index_select_backward": "movement.select_add",
    "index_add": "movement.index_add",
    "embedding": "movement.embedding",
    "embedding_dense_backward": "movement.embedding_backward",
    "gather": "movement.gather",
    "gather_backward": "movement.gather_backward",
    "scatter_add": "movement.scatter_add",
    "sort.plain": "ordering.sort",
    "sort.stable": "ordering.sort",
    "topk": "ordering.topk",
    "kthvalue": "ordering.kthvalue",
    "mode.dim": "ordering.mode",
    "max_pool2d_with_indices": "pooling.max_pool2d",
    "max_pool2d_with_indices_backward": "pooling.max_pool2d_backward",
    "max_pool3d_with_indices": "pooling.max_pool3d",
    "max_pool3d_with_indices_backward": "pooling.max_pool3d_backward",
    "avg_pool2d": "pooling.avg_pool2d",
    "avg_pool2d_backward": "pooling.avg_pool2d_backward",
    "avg_pool3d": "pooling.avg_pool3d",
    "avg_pool3d_backward": "pooling.avg_pool3d_backward",
    "convolution": "convolve.convolution",
    "_lstm_layer": "recurrent.lstm",
    "_lstm_layer.data": "recurrent.lstm",
    "_lstm_layer.mkldnn": "recurrent.lstm",
    "_lstm_layer_backward": "recurrent.lstm_back",
    "_gru_layer": "recurrent.gru",
    "_gru_layer.data": "recurrent.gru",
    "_gru_layer_backward": "recurrent.gru_back",
    "_rnn_layer": "recurrent.rnn",
    "_rnn_layer.data": "recurrent.rnn",
    "_rnn_layer_backward": "recurrent.rnn_back",
}

# Forms that decide by themselves what is large enough: the size of the first operand says little about the work.
EAGER = frozenset(
    (
        "convolution _lstm_layer _lstm_layer.data _lstm_layer.mkldnn _lstm_layer_backward _gru_layer _gru_layer.data _gru_layer_backward "
        "_rnn_layer _rnn_layer.data _rnn_layer_backward"
    ).split()
)

# Forms that are quicker than numpy from `Sizes.middle` on, since numpy would make many passes.
MIDDLE = frozenset(
    "_softmax _log_softmax logsumexp.dims native_layer_norm native_batch_norm native_group_norm var.correction std.correction "
    "_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention_for_cpu_backward max_pool2d_with_indices max_pool2d_with_indices_backward "
    "max_pool3d_with_indices "
    "max_pool3d_with_indices_backward avg_pool2d avg_pool2d_backward avg_pool3d avg_pool3d_backward sort.plain sort.stable topk kthvalue "
    "embedding_dense_backward index_select_backward index_add scatter_add gather_backward".split()
)

DERIVATIVES = {
    "_softmax": "rowwise.softmax_grad",
    "_log_softmax": "rowwise.log_softmax_grad",
    "native_layer_norm": "rowwise.layer_norm_grad",
    "native_batch_norm": "rowwise.batch_norm_grad",
    "native_group_norm": "rowwise.group_norm_grad",
}

_FOUND: dict[str, Callable[..., Any]] = {}


def find(table: dict[str, str], name: str) -> Callable[..., Any] | None:
    """The form for a row, if it has one and compiled code is wanted."""
    where = table.get(name)
    if where is None or Jit.mode == "off":
        return None
    made = _FOUND.get(where)
    if made is None:
        module, _, function = where.partition(".")
        made = _FOUND[where] = getattr(importlib.import_module("." + module, __package__), function)
    return made
