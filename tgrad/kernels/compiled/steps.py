"""Steps of optimizers: everything that one step does to one element, in one pass. Elements lo to hi."""

from __future__ import annotations

from .lang import like, select, sqrt


def adam(
    p, g, m, v, most, lo, hi, sign, shrink, decay, one_less_beta1, beta2, one_less_beta2, root2, eps, step, amsgrad
):
    """Kingma and Ba (2015) as PyTorch computes it; `shrink` is the factor of decoupled decay, `decay` the coupled one."""
    z = p[lo]
    w1, b2, w2 = like(one_less_beta1, z), like(beta2, z), like(one_less_beta2, z)
    r2, e, s, k, d, o = like(root2, z), like(eps, z), like(step, z), like(shrink, z), like(decay, z), like(sign, z)
    decays = decay != 0.0  # without decay an infinite parameter leaves the gradient alone
    if amsgrad == 0:
        for i in range(lo, hi):
            x = p[i] * k
            d_x = select(decays, g[i] * o + x * d, g[i] * o)
            a = m[i] + (d_x - m[i]) * w1
            b = v[i] * b2 + d_x * d_x * w2
            m[i] = a
            v[i] = b
            p[i] = x - a * s / (sqrt(b) / r2 + e)
    else:
        for i in range(lo, hi):
            x = p[i] * k
            d_x = select(decays, g[i] * o + x * d, g[i] * o)
            a = m[i] + (d_x - m[i]) * w1
            b = v[i] * b2 + d_x * d_x * w2
            top = most[i]
            top = select(b > top, b, select(b != b, b, top))
            m[i] = a
            v[i] = b
            most[i] = top
            p[i] = x - a * s / (sqrt(top) / r2 + e)


def sgd(p, g, buffer, lo, hi, sign, lr, momentum, undamped, decay, nesterov, has_buffer):
    z = p[lo]
    o, s, mu, u, d = like(sign, z), like(lr, z), like(momentum, z), like(undamped, z), like(decay, z)
    decays = decay != 0.0
    if has_buffer == 0:
        for i in range(lo, hi):
            p[i] = p[i] - select(decays, g[i] * o + p[i] * d, g[i] * o) * s
    elif nesterov == 0:
        for i in range(lo, hi):
            b = buffer[i] * mu + select(decays, g[i] * o + p[i] * d, g[i] * o) * u
            buffer[i] = b
            p[i] = p[i] - b * s
    else:
        for i in range(lo, hi):
            x = select(decays, g[i] * o + p[i] * d, g[i] * o)
            b = buffer[i] * mu + x * u
            buffer[i] = b
            p[i] = p[i] - (x + b * mu) * s
