"""torch.fft beyond its samples: larger signals, where values come from, and what differs from PyTorch on purpose."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tgrad
from tgrad.ops import fft as fft_rows

from .oracle import compare, same_outcome, to_array, torch, twin, values

SIZES = (1, 2, 3, 4, 5, 8, 17, 30, 64, 97, 128, 1000)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128", "int32", "bool"])
def test_sizes(dtype: str) -> None:
    for name in ["fft", "ifft", "irfft", "hfft"] + ["rfft", "ihfft"] * (not dtype.startswith("complex")):
        for norm in (None, "ortho", "forward"):
            for n in SIZES:
                both(name, values((2, n), dtype), norm)


def both(name: str, x: object, norm: str | None) -> None:
    ours, theirs = twin(x)
    same_outcome(
        lambda: getattr(tgrad.fft, name)(ours, norm=norm),
        lambda: getattr(torch.fft, name)(theirs, norm=norm),
        note=f"{name} of {list(theirs.shape)}",
        scale=40,
    )


def test_back_and_forth() -> None:
    x = tgrad.randn(3, 5, 7, dtype=tgrad.float64)
    for there, back, more in (("fft", "ifft", {}), ("rfft", "irfft", {"n": 7}), ("ihfft", "hfft", {"n": 7})):
        for norm in (None, "forward", "ortho"):
            y = getattr(tgrad.fft, there)(x, norm=norm)
            assert tgrad.allclose(getattr(tgrad.fft, back)(y, norm=norm, **more).real, x)
    for there, back, more in (
        ("fftn", "ifftn", {}),
        ("rfftn", "irfftn", {"s": (3, 5, 7)}),
        ("ihfftn", "hfftn", {"s": (3, 5, 7)}),
    ):
        assert tgrad.allclose(getattr(tgrad.fft, back)(getattr(tgrad.fft, there)(x), **more).real, x)
    assert tgrad.equal(tgrad.fft.ifftshift(tgrad.fft.fftshift(x)), x)


def test_single_precision_stays() -> None:
    """A float32 signal is transformed in float32, as by PyTorch: its error is that of single precision."""
    x = values((4, 1000), "float32")
    got = to_array(tgrad.fft.fft(twin(x)[0]))
    exact = np.fft.fft(to_array(x).astype(np.float64))
    assert 1e-8 < np.abs(got - exact).max() / np.abs(exact).max() < 1e-6


def test_large_signals_are_shared_out() -> None:
    """The same bits from one thread and from two; LARGE says from where on."""
    before = tgrad.get_num_threads()
    try:
        for shape in ((40, 3000), (3000, 40)):
            x = tgrad.randn(*shape)
            assert x.numel() > fft_rows.LARGE
            found = []
            for n in (1, 2):
                tgrad.set_num_threads(n)
                y = tgrad.fft.fftn(x)
                found.append((y, tgrad.fft.rfft(x), tgrad.fft.irfft(y), tgrad.fft.fft(x)))
            assert all(tgrad.equal(a, b) for a, b in zip(*found, strict=True))
    finally:
        tgrad.set_num_threads(before)


def test_both_halves_over_several_dims() -> None:
    x = values((3, 4, 5), "float64")
    ours, theirs = twin(x)
    compare(fft_rows.fft_r2c.record(ours, (0, 2), 0, False), torch._fft_r2c(theirs, (0, 2), 0, False), scale=8)


@pytest.mark.parametrize("args", [(3,), (None, 1), ((2,), (0,))])
def test_ihfftn_over_one_dim(args: tuple[object, ...]) -> None:
    ours, theirs = twin(values((2, 3, 4), "float64"), True)
    got, want = tgrad.fft.ihfftn(ours, *args), torch.fft.ihfftn(theirs, *args)
    compare(got, want, scale=8)
    # PyTorch leaves `out` as it is there.
    out = tgrad.empty(0, dtype=tgrad.complex128)
    assert tgrad.fft.ihfftn(ours.detach(), *args, out=out) is out and tgrad.equal(out, got.detach())


def test_a_batch_without_elements() -> None:
    """MKL refuses it; other builds of PyTorch give an empty result, and so do we."""
    x = tgrad.zeros(0, 4)
    for name, shape in (("fft", (0, 4)), ("rfft", (0, 3)), ("irfft", (0, 6)), ("ihfft", (0, 3)), ("fftn", None)):
        if shape:
            assert tuple(getattr(tgrad.fft, name)(x).shape) == shape
    assert tuple(tgrad.fft.fftn(x, dim=1).shape) == (0, 4)


def test_frequencies_that_require_gradients() -> None:
    for name in ("fftfreq", "rfftfreq"):
        for out in (False, True):
            ours, theirs = (
                getattr(m.fft, name)(5, requires_grad=True, out=m.empty(0) if out else None) for m in (tgrad, torch)
            )
            compare(ours, theirs)


def test_a_real_signal_is_saved() -> None:
    """PyTorch's node holds it, and so notices when it was written to."""
    for library in (tgrad, torch):
        x = library.ones(4, requires_grad=True) * 1
        y = library.fft.rfft(x)
        assert y.grad_fn._saved_onesided is True and y.grad_fn._saved_dim == (0,)
        x.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.abs().sum().backward()


def test_modules_are_found() -> None:
    """However they are imported, and not before they are asked for."""
    code = (
        "import sys, tgrad\n"
        "names = ['tgrad.fft', 'tgrad.special', 'tgrad.signal', 'tgrad.signal.windows']\n"
        "print([n for n in names if n in sys.modules])\n"
        "print(tgrad.fft.fft is sys.modules['tgrad.fft'].fft)\n"
        "import tgrad.fft, tgrad.special, tgrad.signal.windows\n"
        "from tgrad import fft, special, signal\n"
        "from tgrad.signal import windows\n"
        "from tgrad.interop import torch_alias\n"
        "torch_alias.install()\n"
        "import torch\n"
        "import torch.fft as f\n"
        "from torch.special import erf\n"
        "print(f is fft is torch.fft, erf is special.erf, torch.signal.windows is windows)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "True", "True True True"]
