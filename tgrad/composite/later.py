"""Functions whose modules are imported when one of them is first looked at, which keeps `import tgrad` short."""

from __future__ import annotations

import functools
from typing import Any

from .. import functions
from ..methods import LazyMethod, attach


def _spectral(name: str) -> Any:
    from . import spectral

    return getattr(spectral, name)


def _window(name: str) -> Any:
    from . import windows

    return windows.WINDOWS[name]


for _name in ("stft", "istft"):
    functions.LAZY[_name] = functools.partial(_spectral, _name)
    attach(_name, LazyMethod(_name, functools.partial(_spectral, _name)))
for _name in ("bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"):
    functions.LAZY[_name] = functools.partial(_window, _name)


def _recurrent(name: str) -> Any:
    from . import recurrent

    return recurrent.NAMES[name]


for _name in "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell _pack_padded_sequence _pad_packed_sequence".split():
    functions.LAZY[_name] = functools.partial(_recurrent, _name)
