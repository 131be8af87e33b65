"""`torch.nn.functional`: the functions behind the modules.

>>> import tgrad.nn.functional as F
>>> import tgrad as torch
>>> F.relu(torch.tensor([-1.0, 1.0]))
tensor([0., 1.])
"""

from __future__ import annotations

from .functions.activation import (
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
    threshold_,
)
from .functions.attention import multi_head_attention_forward, scaled_dot_product_attention
from .functions.distance import cosine_similarity, normalize, pairwise_distance
from .functions.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from .functions.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cross_entropy,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    multilabel_soft_margin_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from .functions.norm import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, rms_norm
from .functions.padding import channel_shuffle, pad, pixel_shuffle, pixel_unshuffle
from .functions.sparse import bilinear, embedding, linear, one_hot

__all__ = [name for name in dir() if not name.startswith("_") and name not in ("annotations", "functions")]
