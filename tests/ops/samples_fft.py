"""Sample calls of torch.fft. See samples.py.

A spectrum in here is any complex tensor: what PyTorch makes of one that is no spectrum of a real signal is part of the
agreement, and so is the layout of results (Note [The layout of a spectrum] in tgrad/ops/fft.py). Not compared is whether
results are views: PyTorch's conjugates are, ours are computed at once.
"""

from __future__ import annotations

from .specs import ROW, ZERO, A, Dtype, bad, call, const, f, samples

Z = const("complex128", 2, 3, 4)
ZROW = const("complex128", 5)
NORMS = ("forward", "backward", "ortho")

# ---- one dimension
ONE = (
    *(call(x, *rest) for x in (A, Z) for rest in ((), (5,), (2,), (3, 1), (None, 0), (None, -2))),
    *(call(x, norm=norm) for x in (ROW, ZROW) for norm in NORMS),
    call(f(3, 1), 1),
    call(f(1, 3), None, 0, "ortho").but(dtypes=()),
)
samples("fft.fft fft.ifft", *ONE, call(f(3, 1)).but(memory=False))
samples("fft.irfft fft.hfft", *[c for c in ONE if c.args != (A, None, -2)])
samples("fft.rfft fft.ihfft", *[c for c in ONE if c.args[0] not in (Z, ZROW)], call(f(3, 1)).but(memory=False))
bad(
    "fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft",
    call(),
    call([1.0]),
    call(A, 0),
    call(A, -1),
    call(A, 2.5),
    call(A, True),
    call(A, dim=3),
    call(A, None, (0, 1)),
    call(A, dim=(0, 1)),
    call(A, norm="no"),
    call(A, norm=1),
    call(ZERO),
    call(const("float16", 3)),
    call(const("bfloat16", 3)),
    call(A, other=1),
    call(A, None, -1, None, None),
    call(A, 3, n=3),
    call(A, out=const("int64", 3)),
    call(A, out=[]),
)
bad("fft.rfft fft.ihfft", call(Z), call(A, out=const("float64", 3)))
bad("fft.irfft fft.hfft", call(f(3, 1)), call(A, out=Z))

# ---- several
TWO = (
    *(call(x, **k) for x in (A, Z) for k in ({}, dict(s=(2, 5)), dict(dim=(0, 2)), dict(s=(-1, 3), dim=(1, 0)))),
    *(call(x, norm=norm) for x in (A, Z) for norm in NORMS),
)
MANY = (
    *(
        call(x, *rest)
        for x in (A, Z)
        for rest in ((), ((3,),), ((2, 5),), (None, (0,)), (None, (2, 0, 1)), ((4, -1), (0, 2)))
    ),
    call(ROW),
    call(A, 3),
    call(A, None, 1),
)
samples("fft.fft2 fft.ifft2 fft.irfft2 fft.hfft2", *TWO)
samples("fft.rfft2 fft.ihfft2", *[c for c in TWO if c.args[0] is A])
samples("fft.fftn fft.ifftn", *TWO, *MANY, call(A, dim=()), call(ZERO))
samples("fft.irfftn fft.hfftn", *TWO, *MANY)
samples("fft.rfftn", *[c for c in (*TWO, *MANY) if c.args[0] is not Z])
# Over one dimension, PyTorch's ihfftn forgets its out=: see test_fft.py.
samples("fft.ihfftn", *[c for c in TWO if c.args[0] is A], call(A), call(A, (2, 5)), call(A, None, (2, 0, 1)))
SEVERAL = "fft.fft2 fft.ifft2 fft.rfft2 fft.irfft2 fft.hfft2 fft.ihfft2 fft.fftn fft.ifftn fft.rfftn fft.irfftn fft.hfftn fft.ihfftn"
bad(
    SEVERAL,
    call(),
    call([1.0]),
    call(A, 2.5),
    call(A, (2.5, 1)),
    call(A, (0, 2)),
    call(A, (-2, 2)),
    call(A, (2,), (0, 1)),
    call(A, dim=(0, -3)),
    call(A, dim=(0, 3)),
    call(A, norm="no"),
    call(const("float16", 3, 3)),
    call(A, out=const("int64", 3)),
    call(f(0, 3)),
)
bad("fft.fft2 fft.rfft2 fft.irfft2 fft.hfft2 fft.ihfft2", call(ROW), call(A, dim=None), call(A, (2,)))
bad("fft.fftn fft.rfftn fft.irfftn fft.hfftn fft.ihfftn", call(A, (2, 2, 2, 2)))
bad("fft.rfftn fft.irfftn fft.hfftn fft.ihfftn", call(A, dim=()), call(ZERO))
bad("fft.rfftn fft.ihfftn", call(Z), call(A, out=A))

for _c in (*ONE, *TWO, *MANY):
    _c.but(memory=False)

# ---- frequencies
samples("fft.fftshift fft.ifftshift", call(A), call(A, 1), call(A, (0, 2)), call(ROW), call(f(2, 0, 3)))
bad("fft.fftshift fft.ifftshift", call(ZERO), call(ZERO, 0), call(A, 3), call(A, 1.5), call([1]))
samples(
    "fft.fftfreq fft.rfftfreq",
    call(5),
    call(4, 0.25),
    call(1),
    call(0),
    call(4, 0.0),
    call(6, 0.1, dtype=Dtype("float16")),
    call(6, 0.1, dtype=Dtype("bfloat16")),
    order=0,
)
bad(
    "fft.fftfreq fft.rfftfreq",
    call(),
    call(-5),
    call(2.5),
    call(5, "a"),
    call(5, dtype=Dtype("int64")),
    call(5, dtype=Dtype("complex64")),
    call(5, out=const("int64", 5)),
    call(5, out=f(5), dtype=Dtype("float32")),
)
