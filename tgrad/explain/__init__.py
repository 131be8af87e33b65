"""What tgrad knows about errors and gradients beyond PyTorch's sentences: notes under tracebacks, `why`, `provenance`."""

from .switch import provenance

__all__ = ["provenance"]
