"""Sample calls of torch.special, for its derivatives by finite differences; test_special.py has the rest. See samples.py."""

from __future__ import annotations

from .specs import ROW, ZERO, A, call, f, samples, still

SHAPES = ((2, 3, 4), (5,), (), (2, 0, 3))

samples(
    "special.ndtr special.log_ndtr special.erfcx special.i1 special.i0e special.i1e special.expit special.sinc",
    call(A),
    call(ROW),
    call(ZERO),
)
samples("special.entr special.gammaln special.psi", *(call(f(*s, low=0.3, high=4)) for s in SHAPES))
samples("special.ndtri special.logit special.erfinv", *(call(f(*s, low=0.1, high=0.9)) for s in SHAPES))
samples("special.polygamma", *(call(n, f(2, 3, low=0.5, high=4)) for n in (0, 1, 3)))
samples("special.multigammaln", *(call(f(2, 3, low=1.2, high=4), p) for p in (1, 2, 3)))
samples("special.xlog1py special.xlogy", *(call(a, f(2, 3, low=0.2)) for a in (f(2, 3), f(3), 1.5)), call(f(2, 3), 2.5))
# Differentiable in the second argument only.
samples("special.zeta", call(still(2, 3, low=1.5, high=4), f(2, 3, low=0.5, high=3)), call(2, f(2, 3, low=0.5, high=3)))
samples(
    "special.gammainc special.gammaincc",
    call(still(2, 3, low=0.5, high=3), f(2, 3, low=0.5, high=3)),
    call(still(3, low=0.5, high=3), f(2, 1, low=0.5, high=3)),
)
samples("special.softmax special.log_softmax special.logsumexp", call(A, 1), call(ROW, 0), call(A, -1))
# Not differentiable at all.
samples(
    "special.airy_ai special.bessel_j0 special.modified_bessel_i1 special.spherical_bessel_j0",
    call(f(2, 3, low=0.5)),
    dtypes=("int64",),
)
samples(
    "special.legendre_polynomial_p special.hermite_polynomial_h", call(f(2, 3), f(3, low=0, high=5)), call(f(2, 3), 3)
)
