"""torch.backends.mha: PyTorch's short way through TransformerEncoder and MultiheadAttention in evaluation."""

from __future__ import annotations

_state = {"fastpath": True}


def get_fastpath_enabled() -> bool:
    """Whether the short way may be taken."""
    return _state["fastpath"]


def set_fastpath_enabled(value: bool) -> None:
    """Allows the short way, or not. There is one way here, with the same results."""
    _state["fastpath"] = value
