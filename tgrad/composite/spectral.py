"""Short-time Fourier transforms: the spectra of a signal's overlapping frames, and the signal back from them."""

from __future__ import annotations

import warnings
from typing import Any

from .. import functions as F
from ..dispatch import no_overload
from ..kernels.crew import get_num_threads
from ..methods import attach, composite
from ..ops import fft as rows
from ..ops import pad as pads
from ..ops import restride
from ..ops import view as views
from ..tensor import Tensor
from .signature import KINDS, WRONG, signature

rows.threads = get_num_threads


def _type_of(t: Any) -> str:
    return f"CPU{t.dtype.legacy}Type" if t.is_complex() else f"torch.{t.dtype.legacy}Tensor"


def _shown(name: str, input: Any, **given: Any) -> str:
    """A call as the errors of both functions begin."""
    words = []
    for word, value in given.items():
        if isinstance(value, Tensor):
            value = f"{_type_of(value)}{{{list(value.shape)}}}"
        words.append(f"{word}={int(value) if isinstance(value, bool) else value}")
    return f"{name}({_type_of(input)}{list(input.shape)}, {', '.join(words)}) "


def _extended(input: Any, n: int, mode: str) -> Tensor:
    """The signal with n more points at both ends, which `mode` makes up as `nn.functional.pad` does."""
    ndim = input.dim()
    signal = input.view([1] * (3 - ndim) + list(input.shape))
    length = signal.shape[-1]
    if mode == "constant":
        r = pads.constant_pad_nd.record(signal, [n, n], 0.0)
    elif mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    elif not length:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: "
            f"{list(signal.shape)}"
        )
    elif mode == "replicate":
        r = pads.replication[1].record(signal, (n, n))
    elif mode == "reflect":
        if n >= length:
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
                f"({n}, {n}) at dimension 2 of input {list(signal.shape)}"
            )
        r = pads.reflection[1].record(signal, (n, n))
    else:
        if n > length:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        r = F.cat((signal.narrow(-1, length - n, n), signal, signal.narrow(-1, 0, n)), -1)
    return r.view(r.shape[r.ndim - ndim :])


# The arguments after the input, as PyTorch's own function below stft has them, and their kinds.
_STFT = dict(
    n_fft="int", hop_length="int", win_length="int", window="Tensor", normalized="bool", onesided="bool", return_complex="bool",
    align_to_window="bool",
)  # fmt: skip


def _check_kinds(input: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of stft, converted; TypeError in the words for several signatures."""
    out = {}
    sound = isinstance(input, Tensor)
    for word, kind in _STFT.items():
        value = given[word]
        out[word] = KINDS[kind](value) if value is not None or word in ("n_fft", "normalized") else None
        sound = sound and out[word] is not WRONG
    if not sound:
        raise no_overload("stft", input, *given.values())
    return out


@composite(method=True)
def stft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    pad_mode="reflect",
    normalized=False,
    onesided=None,
    return_complex=None,
    align_to_window=None,
):
    """The Fourier transforms of overlapping frames of a signal [T] or of several [B, T]: complex, [(B,) frequencies, frames].

    Frames of `n_fft` points begin every `hop_length` points (a quarter of them). Each is multiplied by `window`, of
    `win_length` points in the middle of the frame (ones). With `center`, frame t is about the point t * hop_length of the
    signal, which is extended by n_fft // 2 points at both ends as `pad_mode` says. A real signal and window give half the
    frequencies unless `onesided` is False. `return_complex` must be given for real signals; False gives pairs of real
    numbers. RuntimeError for lengths that do not fit.

    >>> import tgrad as torch
    >>> torch.stft(torch.ones(8), 4, return_complex=True).shape
    torch.Size([3, 9])
    """
    if center:
        if align_to_window is not None:
            raise RuntimeError("stft align_to_window should only be set when center = false")
        input = _extended(input, int(n_fft // 2), pad_mode)
    given = dict(
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=win_length,
        window=window,
        normalized=normalized,
        onesided=onesided,
        return_complex=return_complex,
        align_to_window=align_to_window,
    )
    return _stft(input, **_check_kinds(input, given))


def _stft(
    input: Any,
    n_fft: int,
    hop_length: Any,
    win_length: Any,
    window: Any,
    normalized: bool,
    onesided: Any,
    return_complex: Any,
    align_to_window: Any,
) -> Tensor:
    hop = n_fft >> 2 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    whole = bool(input.is_complex() or (window is not None and window.is_complex()))
    if return_complex is None and not whole:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further require that "
            "return_complex=True in a future PyTorch release."
        )
    if return_complex is False:
        warnings.warn(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors for all "
            "inputs, and return_complex=False will raise an error.\nNote: you can still call torch.view_as_real on the complex "
            "output to recover the old return format.",
            UserWarning,
            stacklevel=4,
        )
    shown = _shown(
        "stft",
        input,
        n_fft=n_fft,
        hop_length=hop,
        win_length=win,
        window=window,
        normalized=normalized,
        onesided=onesided,
        return_complex=return_complex,
        align_to_window=align_to_window,
    )
    if input.dtype.category < 2:
        raise RuntimeError(f"{shown}: expected a tensor of floating point or complex values")
    if input.ndim not in (1, 2):
        raise RuntimeError(f"{shown}: expected a 1D or 2D tensor")
    x = input.unsqueeze(0) if input.ndim == 1 else input
    length = x.shape[1]
    if not 0 < n_fft <= length:
        raise RuntimeError(f"{shown}: expected 0 < n_fft < {length}, but got n_fft={win}")
    if hop <= 0:
        raise RuntimeError(f"{shown}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win <= n_fft:
        raise RuntimeError(f"{shown}: expected 0 < win_length <= n_fft, but got win_length={win}")
    if window is not None and (window.ndim != 1 or window.shape[0] != win):
        raise RuntimeError(
            f"{shown}: expected a 1D window tensor of size equal to win_length={win}, but got window with size {list(window.shape)}"
        )
    left = (n_fft - win) // 2
    if align_to_window:  # the first window, and not the first frame, begins with the signal
        x = pads.constant_pad_nd.record(x, [left, left], 0.0)
        length += 2 * left
    if win < n_fft:
        ones = input.new_ones(win) if window is None else window
        window = pads.constant_pad_nd.record(ones, [left, n_fft - win - left], 0.0)
    batch, along = x.stride()
    x = x.as_strided((x.shape[0], 1 + (length - n_fft) // hop, n_fft), (batch, hop * along, along))
    if window is not None:
        x = x * window
    mode = 1 if normalized else 0
    if whole:
        if onesided:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        r: Any = rows.fft_c2c.record(x, (2,), mode, True)
    else:
        r = rows.fft_r2c.record(x, (2,), mode, onesided is not False)
    r.transpose_(1, 2)
    if input.ndim == 1:
        r.squeeze_(0)
    return F.view_as_real(r) if return_complex is False else r


@signature(
    "istft", input="Tensor", n_fft="int", hop_length="int?", win_length="int?", window="Tensor?", center="bool",
    normalized="bool", onesided="bool?", length="int?", return_complex="bool",
)  # fmt: skip
def istft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    normalized=False,
    onesided=None,
    length=None,
    return_complex=False,
):
    """The signal whose `stft` comes closest to `input`, [(B,) frequencies, frames] complex: [(B,) T].

    Frames are transformed back, multiplied by the window and added up where they overlap; the sum is divided by that of
    the squared windows, which must not vanish (RuntimeError). `length` cuts or pads the signal; the other arguments are
    those of `stft`.

    >>> import tgrad as torch
    >>> torch.istft(torch.stft(torch.arange(6.0), 4, return_complex=True), 4).round()
    tensor([0., 1., 2., 3., 4., 5.])
    """
    hop = n_fft >> 2 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    if not input.is_complex():
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    shown = _shown(
        "istft",
        input,
        n_fft=n_fft,
        hop_length=hop,
        win_length=win,
        window=window,
        center=center,
        normalized=normalized,
        onesided=onesided,
        length=length,
        return_complex=return_complex,
    )
    pairs = F.view_as_real(input)
    _check_size(pairs.ndim)
    frequencies, frames = pairs.shape[-3], pairs.shape[-2]
    whole = n_fft + hop * (frames - 1)
    onesided = frequencies != n_fft if onesided is None else onesided
    _check_spectrum(shown, pairs, n_fft, hop, win, window, onesided)
    if window is None:
        window = F.ones(win, dtype=pairs.dtype)
    if win != n_fft:
        left = (n_fft - win) // 2
        window = pads.constant_pad_nd.record(window, [left, n_fft - win - left], 0.0)
    if input.ndim == 2:
        pairs = pairs.unsqueeze(0)
    x: Any = F.view_as_complex(pairs.transpose(1, 2))
    mode = 1 if normalized else 2
    if return_complex:
        if onesided:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        x = rows.fft_c2c.record(x, (2,), mode, False)
    else:
        if window.is_complex():
            raise RuntimeError("Complex windows are incompatible with return_complex=False")
        if not onesided:
            x = views.slice_.record(x, 2, 0, n_fft // 2 + 1, 1)
        x = rows.fft_c2r.record(x, (2,), mode, n_fft)
    x = x * window.view(1, 1, n_fft)
    y = restride.unfold_backward.record(x, (x.shape[0], whole), 1, n_fft, hop)
    squares = window.pow(2).expand(1, frames, n_fft)
    weight: Any = restride.unfold_backward.record(squares, (1, whole), 1, n_fft, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else -(n_fft // 2) if center else whole
    y = views.slice_.record(y, 1, start, end, 1)
    weight = views.slice_.record(weight, 1, start, end, 1)
    if weight.abs().min() < 1e-11:
        raise RuntimeError(f"{shown}window overlap add min: 1")
    y = y / weight
    if input.ndim == 2:
        y = y.squeeze(0)
    if end > whole:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please check "
            "your center and hop_length settings.",
            UserWarning,
            stacklevel=3,
        )
        y = pads.constant_pad_nd.record(y, [0, end - whole], 0.0)
    return y


attach("istft", istft)  # in the place of what has found this module


def _check_size(ndim: int) -> None:
    for d in (-2, -3):
        if ndim < -d:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {d})")


def _check_spectrum(shown: str, pairs: Any, n_fft: int, hop: int, win: int, window: Any, onesided: bool) -> None:
    frequencies = pairs.shape[-3]
    if not pairs.numel():
        raise RuntimeError(f"{shown}: input tensor cannot be empty.")
    if pairs.ndim not in (3, 4):
        raise RuntimeError(f"{shown}: expected a tensor with 3 or 4 dimensions, but got {pairs.ndim}")
    if frequencies != (n_fft // 2 + 1 if onesided else n_fft):
        want = "n_fft / 2 + 1 when onesided=True" if onesided else "n_fft when onesided=False"
        raise RuntimeError(
            f"{shown}: expected the frequency dimension (3rd to the last) of the input tensor to match {want}, but got {frequencies}"
        )
    if not 0 < hop <= win:
        raise RuntimeError(f"{shown}: expected 0 < hop_length <= win_length")
    if not 0 < win <= n_fft:
        raise RuntimeError(f"{shown}: expected 0 < win_length <= n_fft")
    if window is not None and (window.ndim != 1 or window.shape[0] != win):
        raise RuntimeError(f"{shown}: Invalid window shape. window has to be 1D and length of `win_length`")
