"""Recurrent networks: whole ones over sequences, and cells that take one step."""

from __future__ import annotations

import math
import numbers
import warnings
import weakref
from typing import Any

from ... import functions as fn
from ...tensor import Tensor
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_KINDS = ("weight_ih_l{}{}", "weight_hh_l{}{}", "bias_ih_l{}{}", "bias_hh_l{}{}", "weight_hr_l{}{}")


def _apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    return tensor.index_select(dim, permutation)  # type: ignore[attr-defined]


def apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    """Deprecated: `tensor.index_select(dim, permutation)`."""
    warnings.warn(
        "`apply_permutation` is deprecated, please use `tensor.index_select(dim, permutation)` instead",
        FutureWarning,
        stacklevel=2,
    )
    return _apply_permutation(tensor, permutation, dim)


class RNNBase(Module):
    """What RNN, LSTM and GRU have in common: parameters, their initial values, and checks of inputs.

    Layer k has weight_ih_lk, weight_hh_lk, bias_ih_lk, bias_hh_lk and, with proj_size, weight_hr_lk; those of the direction back in time end
    in `_reverse`. All start uniform in ±1 / sqrt(hidden_size). ValueError or TypeError for sizes and options that do not make sense.
    """

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._flat_weight_refs: list[Any] = []
        _check_options(mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        gates, directions = _GATES[mode] * hidden_size, 2 if bidirectional else 1
        state = proj_size if proj_size > 0 else hidden_size
        self._flat_weights_names: list[str] = []
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for direction in range(directions):
                width = input_size if layer == 0 else state * directions
                shapes = ((gates, width), (gates, state), (gates,), (gates,), (proj_size, hidden_size))
                names = self._names(layer, direction)
                for template, shape in zip(_KINDS, shapes, strict=True):
                    name = template.format(layer, "_reverse" if direction else "")
                    if name in names:
                        setattr(self, name, Parameter(fn.empty(shape, device=device, dtype=dtype)))
                self._flat_weights_names.extend(names)
                self._all_weights.append(names)
        self._init_flat_weights()
        self.reset_parameters()

    def _names(self, layer: int, direction: int) -> list[str]:
        """The names of the parameters of a layer and direction."""
        kinds = [*_KINDS[:2], *(_KINDS[2:4] if self.bias else ()), *(_KINDS[4:] if self.proj_size > 0 else ())]
        return [k.format(layer, "_reverse" if direction else "") for k in kinds]

    def _init_flat_weights(self) -> None:
        self._flat_weights = [getattr(self, name, None) for name in self._flat_weights_names]
        self._flat_weight_refs = [None if w is None else weakref.ref(w) for w in self._flat_weights]
        self.flatten_parameters()

    def __setattr__(self, attr: str, value: Any) -> None:
        names = self.__dict__.get("_flat_weights_names")
        if names is not None and attr in names and "_flat_weights" in self.__dict__:
            self._flat_weights[names.index(attr)] = value
        super().__setattr__(attr, value)

    def flatten_parameters(self) -> None:
        """Nothing on the CPU: elsewhere it would lay all parameters out in one piece of memory."""

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        self._flat_weight_refs = []
        out = super()._apply(fn, recurse)
        self._init_flat_weights()
        return out

    def reset_parameters(self) -> None:
        """Draws the initial values again."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # ---- checks

    def check_input(self, input: Tensor, batch_sizes: Any) -> None:
        """ValueError or RuntimeError for an input of another dtype, number of dimensions or size."""
        kind, shape = self._flat_weights[0]._a.dtype, input._a.shape  # type: ignore[union-attr]
        if input._a.dtype != kind:
            dtype = self._flat_weights[0].dtype  # type: ignore[union-attr]
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: input.to({dtype}), or convert "
                f"model: model.to({input.dtype})"
            )
        dims = 2 if batch_sizes is not None else 3
        if len(shape) != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {len(shape)}")
        if self.input_size != shape[-1]:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {shape[-1]}"
            )

    def _count(self, input: Tensor, batch_sizes: Any) -> int:
        """How many sequences there are."""
        if batch_sizes is not None:
            return int(batch_sizes[0])
        return input._a.shape[0 if self.batch_first else 1]

    def _states(self) -> int:
        return self.num_layers * (2 if self.bidirectional else 1)

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Any) -> tuple[int, int, int]:
        """The shape that h_0 must have."""
        return self._states(), self._count(input, batch_sizes), self.proj_size or self.hidden_size

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """RuntimeError for an initial state of another shape."""
        if hx._a.shape != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Any) -> None:
        """All checks of the arguments of forward."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        """The states of sequences in another order."""
        return hx if permutation is None else _apply_permutation(hx, permutation)

    # ---- weights that were exchanged, text, pickling

    def _weights_have_changed(self) -> bool:
        """Whether a parameter is another object than at the last call, as in functional_call."""
        own = self._parameters
        for ref, name in zip(self._flat_weight_refs, self._flat_weights_names, strict=True):
            weight = own.get(name)
            if weight is None:
                weight = getattr(self, name, None)
            if weight is not None and ref is not None and ref() is not weight:
                return True
        return False

    def _update_flat_weights(self) -> None:
        if self._weights_have_changed():
            self._init_flat_weights()

    def extra_repr(self) -> str:
        s = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            s += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            s += f", num_layers={self.num_layers}"
        if self.bias is not True:
            s += f", bias={self.bias}"
        if self.batch_first is not False:
            s += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            s += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            s += f", bidirectional={self.bidirectional}"
        return s

    def __getstate__(self) -> dict[str, Any]:
        self._update_flat_weights()
        state = self.__dict__.copy()
        del state["_flat_weight_refs"]  # weak references cannot be pickled
        return state

    def __setstate__(self, d: dict[str, Any]) -> None:
        super().__setstate__(d)
        if "all_weights" in d:
            self._all_weights = d["all_weights"]
        if "proj_size" not in d:  # saved by a PyTorch that had none
            self.proj_size = 0
        if not isinstance(self._all_weights[0][0], str):  # saved by a PyTorch that kept the weights themselves here
            directions = 2 if self.bidirectional else 1
            self._all_weights = [self._names(i, k) for i in range(self.num_layers) for k in range(directions)]
            self._flat_weights_names = [name for names in self._all_weights for name in names]
            self._flat_weights = [getattr(self, name, None) for name in self._flat_weights_names]
        self._flat_weight_refs = [None if w is None else weakref.ref(w) for w in self._flat_weights]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    # ---- what RNN and GRU do

    def _zeros(self, input: Tensor, batch_sizes: Any, width: int) -> Tensor:
        count = self._count(input, batch_sizes)
        return fn.zeros(self._states(), count, width, dtype=input.dtype, device=input.device)

    def _options(self) -> tuple[Any, ...]:
        return self._flat_weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional

    def _one_state(self, call: Any, name: str, what: str, input: Any, hx: Any) -> tuple[Any, Tensor]:
        """The network `call`, which has one state, on sequences or one sequence, padded or packed."""
        self._update_flat_weights()
        packed = input if isinstance(input, PackedSequence) else None
        batch_sizes = order = inverse = None
        single, batch_dim = False, 0 if self.batch_first else 1
        if packed is not None:
            input, batch_sizes, order, inverse = packed
        else:
            dims = input.dim()
            if dims not in (2, 3):
                raise ValueError(f"{name}: Expected input to be 2D or 3D, got {dims}D {what}instead")
            single = dims == 2
            if single:
                input = input.unsqueeze(batch_dim)
            if hx is not None:
                if hx.dim() != dims:
                    kind = "unbatched" if single else "batched"
                    raise RuntimeError(
                        f"For {kind} {dims}-D input, hx should also be {dims}-D but got {hx.dim()}-D tensor"
                    )
                hx = hx.unsqueeze(1) if single else hx
        hx = self._zeros(input, batch_sizes, self.hidden_size) if hx is None else self.permute_hidden(hx, order)
        self.check_forward_args(input, hx, batch_sizes)
        if packed is not None:
            output, last = call(input, batch_sizes, hx, *self._options())
            return PackedSequence(output, batch_sizes, order, inverse), self.permute_hidden(last, inverse)
        output, last = call(input, hx, *self._options(), self.batch_first)
        return (output.squeeze(batch_dim), last.squeeze(1)) if single else (output, last)


def _check_options(
    mode: str, input_size: Any, hidden_size: Any, num_layers: Any, bias: Any, batch_first: Any, dropout: Any, proj_size: Any
) -> None:  # fmt: skip
    if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:  # type: ignore[operator]
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:  # type: ignore[operator]
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater than 1, "
            f"but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=3,
        )
    for name, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(value, int):
            raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if mode not in _GATES:
        raise ValueError("Unrecognized RNN mode: " + mode)


_NO_PROJECTION = "proj_size argument is only supported for LSTM, not RNN or GRU"


class RNN(RNNBase):
    """h' = tanh(w_ih x + b_ih + w_hh h + b_hh), step after step: `RNN(input_size, hidden_size, num_layers=1, nonlinearity="tanh",
    bias=True, batch_first=False, dropout=0.0, bidirectional=False, device=None, dtype=None)`.

    Input [T, B, input_size] ([B, T, ...] with batch_first), [T, input_size] or a PackedSequence; h_0 [layers * directions, B, hidden_size],
    zeros by default. Gives (output [T, B, directions * hidden_size], h_n like h_0). nonlinearity may be "relu"; dropout comes between layers.

    >>> output, h = nn.RNN(4, 3, num_layers=2)(torch.ones(5, 2, 4))
    >>> output.shape, h.shape
    (torch.Size([5, 2, 3]), torch.Size([2, 2, 3]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError(_NO_PROJECTION)
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Tensor]:
        call = fn.rnn_tanh if self.mode == "RNN_TANH" else fn.rnn_relu
        return self._one_state(call, "RNN", "tensor ", input, hx)


class GRU(RNNBase):
    """Gated recurrent units (Cho et al. 2014): `GRU(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
    bidirectional=False, device=None, dtype=None)`.

    r, z = sigmoid(w_i x + b_i + w_h h + b_h), n = tanh(w_in x + b_in + r (w_hn h + b_hn)), h' = (1 - z) n + z h. Inputs and outputs are
    those of RNN; the weights of the gates r, z, n lie below each other.

    >>> output, h = nn.GRU(4, 3, bidirectional=True)(torch.ones(5, 2, 4))
    >>> output.shape, h.shape
    (torch.Size([5, 2, 6]), torch.Size([2, 2, 3]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError(_NO_PROJECTION)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Tensor]:
        return self._one_state(fn.gru, "GRU", "", input, hx)


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter, Schmidhuber 1997): `LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
    dropout=0.0, bidirectional=False, proj_size=0, device=None, dtype=None)`.

    i, f, o = sigmoid and g = tanh of w_i x + b_i + w_h h + b_h; c' = f c + i g; h' = o tanh(c'), or with proj_size (Sak et al. 2014)
    w_hr o tanh(c'). Inputs and outputs are those of RNN, but for the state, which is a pair: (h_0, c_0) and (h_n, c_n), h of width
    proj_size if that is set. The weights of the gates i, f, g, o lie below each other.

    >>> output, (h, c) = nn.LSTM(4, 3, proj_size=2)(torch.ones(5, 2, 4))
    >>> output.shape, h.shape, c.shape
    (torch.Size([5, 2, 2]), torch.Size([1, 2, 2]), torch.Size([1, 2, 3]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Any) -> tuple[int, int, int]:
        """The shape that c_0 must have."""
        return self._states(), self._count(input, batch_sizes), self.hidden_size

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Any) -> None:
        """All checks of the arguments of forward."""
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes)
        self.check_hidden_size(hidden[0], expected, "Expected hidden[0] size {}, got {}")
        expected = self.get_expected_cell_size(input, batch_sizes)
        self.check_hidden_size(hidden[1], expected, "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        """The states of sequences in another order."""
        if permutation is None:
            return hx
        return _apply_permutation(hx[0], permutation), _apply_permutation(hx[1], permutation)

    def _zero_states(self, input: Tensor, batch_sizes: Any) -> tuple[Tensor, Tensor]:
        h = self._zeros(input, batch_sizes, self.proj_size or self.hidden_size)
        return h, self._zeros(input, batch_sizes, self.hidden_size) if self.proj_size else h

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, tuple[Tensor, Tensor]]:
        self._update_flat_weights()
        if isinstance(input, PackedSequence):
            data, batch_sizes, order, inverse = input
            hx = self._zero_states(data, batch_sizes) if hx is None else self.permute_hidden(hx, order)
            output, *last = fn.lstm(data, batch_sizes, hx, *self._options())
            return PackedSequence(output, batch_sizes, order, inverse), self.permute_hidden(tuple(last), inverse)
        dims = input.dim()
        if dims not in (2, 3):
            raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {dims}D instead")
        single, batch_dim = dims == 2, 0 if self.batch_first else 1
        if single:
            input = input.unsqueeze(batch_dim)
        if hx is None:
            hx = self._zero_states(input, None)
        else:
            if hx[0].dim() != dims or hx[1].dim() != dims:
                kind = "unbatched" if single else "batched"
                raise RuntimeError(
                    f"For {kind} {dims}-D input, hx and cx should also be {dims}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
                )
            hx = (hx[0].unsqueeze(1), hx[1].unsqueeze(1)) if single else hx
        self.check_forward_args(input, hx, None)
        output, h, c = fn.lstm(input, hx, *self._options(), self.batch_first)
        return (output.squeeze(batch_dim), (h.squeeze(1), c.squeeze(1))) if single else (output, (h, c))


# ---- cells


class RNNCellBase(Module):
    """What the cells have in common: weight_ih, weight_hh, bias_ih and bias_hh, uniform in ±1 / sqrt(hidden_size)."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        empty = lambda *shape: Parameter(fn.empty(shape, device=device, dtype=dtype))
        rows = num_chunks * hidden_size
        self.weight_ih = empty(rows, input_size)
        self.weight_hh = empty(rows, hidden_size)
        if bias:
            self.bias_ih, self.bias_hh = empty(rows), empty(rows)
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def extra_repr(self) -> str:
        s = f"{self.input_size}, {self.hidden_size}"
        if self.__dict__.get("bias", True) is not True:
            s += f", bias={self.bias}"
        if self.__dict__.get("nonlinearity", "tanh") != "tanh":
            s += f", nonlinearity={self.nonlinearity}"
        return s

    def reset_parameters(self) -> None:
        """Draws the initial values again."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(self, call: Any, input: Tensor, hx: Any) -> Tensor:
        """One step of a cell whose state is one tensor, for a batch or for one vector."""
        name = "RNNCell" if isinstance(self, RNNCell) else "GRUCell"
        if input.dim() not in (1, 2):  # type: ignore[attr-defined]
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")  # type: ignore[attr-defined]
        if hx is not None and hx.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected hidden to be 1D or 2D, got {hx.dim()}D instead")
        single = input.dim() == 1  # type: ignore[attr-defined]
        if single:
            input = input.unsqueeze(0)  # type: ignore[attr-defined]
        if hx is None:
            hx = fn.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)  # type: ignore[attr-defined]
        elif single:
            hx = hx.unsqueeze(0)
        out = call(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return out.squeeze(0) if single else out


class RNNCell(RNNCellBase):
    """tanh(w_ih x + b_ih + w_hh h + b_hh), or relu of it: input [B, input_size] (or one vector), h [B, hidden_size], zeros by default.

    >>> nn.RNNCell(4, 3)(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None, dtype: Any = None
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, num_chunks=1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Any = None) -> Tensor:
        return self._step(self._call, input, hx)

    def _call(self, *args: Any) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return (fn.rnn_tanh_cell if self.nonlinearity == "tanh" else fn.rnn_relu_cell)(*args)


class LSTMCell(RNNCellBase):
    """One step of an LSTM: input [B, input_size] (or one vector) and (h, c), each [B, hidden_size], to (h', c').

    >>> h, c = nn.LSTMCell(4, 3)(torch.ones(2, 4))
    >>> h.shape, c.shape
    (torch.Size([2, 3]), torch.Size([2, 3]))
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        if input.dim() not in (1, 2):  # type: ignore[attr-defined]
            raise ValueError(f"LSTMCell: Expected input to be 1D or 2D, got {input.dim()}D instead")  # type: ignore[attr-defined]
        if hx is not None:
            for i, value in enumerate(hx):
                if value.dim() not in (1, 2):
                    raise ValueError(f"LSTMCell: Expected hx[{i}] to be 1D or 2D, got {value.dim()}D instead")
        single = input.dim() == 1  # type: ignore[attr-defined]
        if single:
            input = input.unsqueeze(0)  # type: ignore[attr-defined]
        if hx is None:
            zeros = fn.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)  # type: ignore[attr-defined]
            hx = (zeros, zeros)
        elif single:
            hx = (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        h, c = fn.lstm_cell(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return (h.squeeze(0), c.squeeze(0)) if single else (h, c)


class GRUCell(RNNCellBase):
    """One step of gated recurrent units: input [B, input_size] (or one vector), h [B, hidden_size], zeros by default.

    >>> nn.GRUCell(4, 3)(torch.ones(4)).shape
    torch.Size([3])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, num_chunks=3, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Any = None) -> Tensor:
        return self._step(fn.gru_cell, input, hx)
