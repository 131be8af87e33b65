"""Sample calls of short-time Fourier transforms and windows. See samples.py."""

from __future__ import annotations

from .specs import Dtype, bad, call, const, f, of, samples

# ---- short-time Fourier transforms
X, BATCH, Z = f(20), f(2, 20), const("complex128", 20)
W8, W5, ZW = f(8, low=0.2), f(5, low=0.2), const("complex128", 8)
C = dict(return_complex=True)
samples(
    "stft",
    *(
        call(x, 8, **C, **more)
        for x in (X, BATCH, Z)
        for more in (
            {},
            dict(hop_length=3),
            dict(win_length=5),
            dict(window=W8),
            dict(win_length=5, window=W5),
            dict(center=False),
            dict(center=False, win_length=5, window=W5, align_to_window=True),
            dict(center=False, align_to_window=False),
            dict(pad_mode="constant"),
            dict(pad_mode="replicate"),
            dict(normalized=True),
            dict(onesided=False),
        )
    ),
    call(X, 8, return_complex=False),
    call(Z, 8),
    call(X, 8, window=ZW),
    call(X, 7, **C),
    call(X, 8, 2, 8, W8, True, "reflect", False, True, True),
    memory=False,
    dtypes=("float32", "int64"),
    layouts=("plain", "permuted", "stepped"),
)
samples("stft", call(X, 8, pad_mode="circular", **C), order=0, memory=False, dtypes=())
bad(
    "stft",
    call(),
    call(X),
    call(X, 8),
    call(X, 8, window=W8),
    call(Z, 8, onesided=True),
    call(X, 8, onesided=True, window=ZW),
    call(X, 8, align_to_window=True, **C),
    *(call(x, 8, **C, **m) for x in (X, BATCH, Z) for m in (
        dict(hop_length=0), dict(win_length=0), dict(win_length=9), dict(window=W5), dict(window=f(1, 8)), dict(hop_length=2.5),
        dict(window="a"), dict(other=1), dict(pad_mode="no"), dict(normalized=1), dict(onesided=2),
    )),
    call(X, 0, **C),
    call(X, 40, **C),
    call(X, 40, center=False, **C),
    call(X, 50, pad_mode="circular", **C),
    call(X, 8.0, **C),
    call(f(), 8, **C),
    call(f(0), 8, **C),
    call(f(1, 4, 5), 4, **C),
    call(f(1, 4, 5), 4, center=False, **C),
    call(const("int64", 20), 8, **C),
    call(const("float16", 20), 8, **C),
    call(const("bfloat16", 20), 8, **C),
    call([1.0], 8, **C),
    call([1.0], 8, center=False, **C),
)  # fmt: skip

HALF, HALVES, WHOLE = const("complex128", 5, 7), const("complex128", 2, 5, 7), const("complex128", 8, 7)
samples(
    "istft",
    *(
        call(x, 8, **more)
        for x in (HALF, HALVES, WHOLE)
        for more in (
            {},
            dict(hop_length=3),
            dict(win_length=5),
            dict(window=W8),
            dict(win_length=6, window=f(6, low=0.2)),
            dict(center=False),
            dict(length=9),
            dict(length=30),
            dict(center=False, length=15),
            dict(normalized=True),
        )
    ),
    call(WHOLE, 8, return_complex=True),
    call(WHOLE, 8, return_complex=True, window=ZW),
    call(HALF, 9),
    call(HALF, 8, 2, 8, W8, True, False, True, 12, False),
    memory=False,
    dtypes=(),
)
bad(
    "istft",
    call(),
    call(HALF),
    call([1], 8),
    call(X, 8),
    call(Z, 8),
    call(const("complex128", 1, 2, 5, 7), 8),
    call(const("complex128", 5, 0), 8),
    call(const("complex128", 5, 1), 8),
    *(call(x, 8, **m) for x in (HALF, HALVES) for m in (
        dict(hop_length=0), dict(hop_length=9), dict(hop_length=6, win_length=5), dict(win_length=0), dict(win_length=9),
        dict(window=W5), dict(window=f(1, 8)), dict(window=of([0.0] * 8)), dict(other=1), dict(hop_length=1.5), dict(length=2.5),
        dict(length=0), dict(length=-1), dict(center=1), dict(onesided=False), dict(return_complex=True), dict(window=ZW),
        dict(window=[1.0]),
    )),
    call(HALF, 10),
    call(HALF, "a"),
    call(HALF, 8, 2, 8, W8, True, False, True, 12, False, 1),
)  # fmt: skip

# ---- windows
WINDOWS = "bartlett_window blackman_window hamming_window hann_window kaiser_window"
D = Dtype
samples(
    WINDOWS,
    *(call(n) for n in (0, 1, 2, 3, 8, 33)),
    *(call(n, False) for n in (0, 1, 2, 3, 8)),
    *(call(n, dtype=D(d)) for n in (1, 7) for d in ("float64", "float16", "bfloat16")),
    call(7, requires_grad=True),
    call(7, True, dtype=D("float64"), requires_grad=True),
    call(window_length=6, periodic=False),
    order=0,
    memory=False,
)
samples(
    "hamming_window",
    call(6, True, 0.3),
    call(6, False, 0.3, 0.7),
    call(6, True, alpha=0.4, beta=0.3),
    order=0,
    memory=False,
)
samples("kaiser_window", call(6, True, 0.3), call(6, False, beta=7.5), call(6, True, 0.0), order=0, memory=False)
bad(
    WINDOWS,
    call(),
    call(-1),
    call(5.0),
    call("a"),
    call(True),
    call(window_length=2.5),
    call(5, 1),
    call(5, None),
    call(5, True, "a"),
    call(5, True, 0.3, 0.7, 1),
    call(5, other=1),
    call(5, alpha=0.3),
    call(5, beta=0.3),
    call(5, dtype=D("int64")),
    call(5, dtype=D("complex64")),
)
bad("hann_window bartlett_window blackman_window", call(5, True, 0.3), call(5, True, alpha=0.3))

SIGNAL = {
    "bartlett": ({},),
    "blackman": ({},),
    "cosine": ({},),
    "exponential": ({}, dict(tau=2.5), dict(sym=False, center=1.5)),
    "gaussian": ({}, dict(std=2.5)),
    "general_cosine": (dict(a=[0.4, 0.3, 0.2]), dict(a=(1, 0.5))),
    "general_hamming": ({}, dict(alpha=0.3)),
    "hamming": ({},),
    "hann": ({},),
    "kaiser": ({}, dict(beta=3.0), dict(beta=0.0)),
    "nuttall": ({},),
}
for _name, _options in SIGNAL.items():
    _first = {k: v for k, v in _options[0].items() if k == "a"}
    samples(
        f"signal.windows.{_name}",
        *(call(n, **o) for o in _options for n in (0, 1, 2, 9)),
        *(call(n, sym=False, dtype=D("float64"), **_first) for n in (0, 1, 2, 9)),
        *(call(n, requires_grad=True, **_first) for n in (0, 1, 9)),
        order=0,
        memory=False,
    )
    bad(
        f"signal.windows.{_name}",
        call(),
        call(-1, **_first),
        call("a", **_first),
        call(5, dtype=D("float16"), **_first),
        call(5, dtype=D("int64"), **_first),
        call(5, layout="x", **_first),
        call(5, other=1, **_first),
    )
bad("signal.windows.bartlett signal.windows.hann", call(5, True))
bad("signal.windows.exponential", call(5, tau=0), call(5, center=1.0))
bad("signal.windows.gaussian", call(5, std=0))
bad("signal.windows.kaiser", call(5, beta=-1.0))
bad("signal.windows.general_cosine", call(5, a=[]), call(5, a=0.5), call(5))
