"""What networks use that is a method of tensors as well."""

from __future__ import annotations

from ..dispatch import bad_argument
from ..methods import composite
from ..ops import activation
from ..tensor import Tensor


@composite(method=True)
def prelu(input, weight):
    """input where positive, weight * input elsewhere; one weight for all, or one per channel (dimension 1).

    >>> torch.prelu(torch.tensor([-1.0, 2.0]), torch.tensor([0.25]))
    tensor([-0.2500,  2.0000])
    """
    if not isinstance(weight, Tensor):
        raise bad_argument("prelu", 2, "weight", weight)
    if input.dtype is not weight.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {_cpp(input)} and {_cpp(weight)}")
    n = weight.numel()
    if n != 1:
        if input.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.ndim > 1 else 1
        if channels != n:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {n} and channel size = "
                f"{channels}."
            )
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if input.ndim == 0:
        weight = weight.reshape(()) if weight.ndim else weight
    elif weight.ndim == 1 or input.ndim != 1:
        shape = [1] * input.ndim
        shape[1 if input.ndim > 1 else 0] = n
        weight = weight.reshape(shape) if list(weight.shape) != shape else weight
    assert activation.prelu_kernel.record is not None
    return activation.prelu_kernel.record(input, weight)


def _cpp(t: Tensor) -> str:
    return {"float32": "float", "float64": "double"}.get(t.dtype.name, t.dtype.name)
