"""Steps of optimizers: everything that one step does to one element, in one pass. Elements lo to hi.

The operations and their order are those of PyTorch's kernels: `add(alpha=)`, `addcmul` and `lerp` round once (`fma`), `addcdiv` multiplies,
divides and adds. Numbers are made in float64 and rounded to the parameter's dtype, as scalars are there.
"""

from __future__ import annotations

from .lang import absolute, fma, like, select, sqrt


def adam(p, g, m, v, most, lo, hi, sign, shrink, decay, weight, beta2, share, root2, eps, step, amsgrad):
    """Kingma and Ba (2015); `shrink` is the factor of decoupled decay, `decay` the coupled one, `step` the negative step size."""
    z = p[lo]
    w1, b2, w2 = like(weight, z), like(beta2, z), like(share, z)
    r2, e, s, k, d, o = like(root2, z), like(eps, z), like(step, z), like(shrink, z), like(decay, z), like(sign, z)
    u1 = like(1.0, z) - w1
    decays = decay != 0.0  # without decay an infinite parameter leaves the gradient alone
    near = weight < 0.5
    if amsgrad == 0:
        for i in range(lo, hi):
            x = p[i] * k
            y = select(decays, fma(x, d, g[i] * o), g[i] * o)
            a = select(near, fma(w1, y - m[i], m[i]), fma(m[i] - y, u1, y))
            b = fma(y * w2, y, v[i] * b2)
            m[i] = a
            v[i] = b
            p[i] = x + a * s / (sqrt(b) / r2 + e)
    else:
        for i in range(lo, hi):
            x = p[i] * k
            y = select(decays, fma(x, d, g[i] * o), g[i] * o)
            a = select(near, fma(w1, y - m[i], m[i]), fma(m[i] - y, u1, y))
            b = fma(y * w2, y, v[i] * b2)
            top = most[i]
            top = select(b > top, b, select(b != b, b, top))
            m[i] = a
            v[i] = b
            most[i] = top
            p[i] = x + a * s / (sqrt(top) / r2 + e)


def sgd(p, g, buffer, lo, hi, sign, lr, momentum, undamped, decay, nesterov, has_buffer):
    z = p[lo]
    o, s, mu, u, d = like(sign, z), like(-lr, z), like(momentum, z), like(undamped, z), like(decay, z)
    decays = decay != 0.0
    if has_buffer == 0:
        for i in range(lo, hi):
            p[i] = fma(select(decays, fma(p[i], d, g[i] * o), g[i] * o), s, p[i])
    elif nesterov == 0:
        for i in range(lo, hi):
            b = fma(select(decays, fma(p[i], d, g[i] * o), g[i] * o), u, buffer[i] * mu)
            buffer[i] = b
            p[i] = fma(b, s, p[i])
    else:
        for i in range(lo, hi):
            x = select(decays, fma(p[i], d, g[i] * o), g[i] * o)
            b = fma(x, u, buffer[i] * mu)
            buffer[i] = b
            p[i] = fma(fma(b, mu, x), s, p[i])


def nadam(p, g, m, v, lo, hi, sign, shrink, decay, weight, beta2, share, correction, eps, of_grad, of_mean):
    """Dozat (2016): a step along the gradient and one along the mean, both over the root of the mean square."""
    z = p[lo]
    w1, b2, w2, c2, e = like(weight, z), like(beta2, z), like(share, z), like(correction, z), like(eps, z)
    u1 = like(1.0, z) - w1
    k, d, o, sg, sm = like(shrink, z), like(decay, z), like(sign, z), like(of_grad, z), like(of_mean, z)
    decays = decay != 0.0
    near = weight < 0.5
    for i in range(lo, hi):
        x = p[i] * k
        y = select(decays, fma(x, d, g[i] * o), g[i] * o)
        a = select(near, fma(w1, y - m[i], m[i]), fma(m[i] - y, u1, y))
        b = fma(y * w2, y, v[i] * b2)
        m[i] = a
        v[i] = b
        under = sqrt(b / c2) + e
        x = x + y * sg / under
        p[i] = x + a * sm / under


def radam(p, g, m, v, lo, hi, sign, shrink, decay, weight, beta2, share, correction, lr, root2, eps, rect, adaptive):
    """Liu et al. (2020); not yet `adaptive`, the step is that of the corrected mean."""
    z = p[lo]
    w1, b2, w2, c1, s = like(weight, z), like(beta2, z), like(share, z), like(correction, z), like(lr, z)
    u1 = like(1.0, z) - w1
    k, d, o, r2, e, r = like(shrink, z), like(decay, z), like(sign, z), like(root2, z), like(eps, z), like(rect, z)
    decays = decay != 0.0
    near, one = weight < 0.5, like(1.0, z)
    for i in range(lo, hi):
        x = p[i] * k
        y = select(decays, fma(x, d, g[i] * o), g[i] * o)
        a = select(near, fma(w1, y - m[i], m[i]), fma(m[i] - y, u1, y))
        b = fma(y * w2, y, v[i] * b2)
        m[i] = a
        v[i] = b
        move = a / c1 * s
        if adaptive != 0:
            move = move * (one / (sqrt(b) + e) * r2) * r
        p[i] = x - move


def adamax(p, g, m, norm, lo, hi, sign, decay, weight, beta2, eps, step):
    """Kingma and Ba (2015), section 7.1: the largest gradient of late instead of the root of a mean square."""
    z = p[lo]
    w1, b2, e, s, d, o = like(weight, z), like(beta2, z), like(eps, z), like(step, z), like(decay, z), like(sign, z)
    u1 = like(1.0, z) - w1
    decays = decay != 0.0
    near = weight < 0.5
    for i in range(lo, hi):
        y = select(decays, fma(p[i], d, g[i] * o), g[i] * o)
        a = select(near, fma(w1, y - m[i], m[i]), fma(m[i] - y, u1, y))
        b = norm[i] * b2
        c = absolute(y) + e
        b = select(c > b, c, select(c != c, c, b))
        m[i] = a
        norm[i] = b
        p[i] = p[i] + a * s / b


def adagrad(p, g, total, lo, hi, sign, decay, eps, step):
    z = p[lo]
    d, o, e, s = like(decay, z), like(sign, z), like(eps, z), like(step, z)
    decays = decay != 0.0
    for i in range(lo, hi):
        y = select(decays, fma(p[i], d, g[i] * o), g[i] * o)
        b = fma(y, y, total[i])
        total[i] = b
        p[i] = p[i] + y * s / (sqrt(b) + e)


def adadelta(p, g, square, moved, lo, hi, sign, decay, rho, share, eps, step):
    z = p[lo]
    d, o, e, s, r, w = like(decay, z), like(sign, z), like(eps, z), like(step, z), like(rho, z), like(share, z)
    decays = decay != 0.0
    for i in range(lo, hi):
        y = select(decays, fma(p[i], d, g[i] * o), g[i] * o)
        b = fma(y * w, y, square[i] * r)
        move = sqrt(moved[i] + e) / sqrt(b + e) * y
        square[i] = b
        moved[i] = fma(move * w, move, moved[i] * r)
        p[i] = fma(move, s, p[i])


def rmsprop(p, g, square, mean, buffer, lo, hi, sign, decay, alpha, share, eps, step, momentum, centered, has_buffer):
    z = p[lo]
    d, o, e, s, r, w = like(decay, z), like(sign, z), like(eps, z), like(step, z), like(alpha, z), like(share, z)
    u, mu = like(1.0, z) - w, like(momentum, z)
    decays = decay != 0.0
    near = share < 0.5
    for i in range(lo, hi):
        y = select(decays, fma(p[i], d, g[i] * o), g[i] * o)
        b = fma(y * w, y, square[i] * r)
        square[i] = b
        if centered != 0:
            a = select(near, fma(w, y - mean[i], mean[i]), fma(mean[i] - y, u, y))
            mean[i] = a
            b = fma(-a, a, b)
        under = sqrt(b) + e
        if has_buffer != 0:
            move = buffer[i] * mu + y / under
            buffer[i] = move
            p[i] = fma(move, s, p[i])
        else:
            p[i] = p[i] + y * s / under


def rprop(p, g, before, width, lo, hi, sign, less, more, least, most):
    """Riedmiller and Braun (1993): the widths of steps grow where the sign of the gradient stays, and shrink where it turns."""
    z = p[lo]
    o, down, up, low, high = like(sign, z), like(less, z), like(more, z), like(least, z), like(most, z)
    one, none = like(1.0, z), like(0.0, z)
    for i in range(lo, hi):
        y = g[i] * o
        both = y * before[i]
        by = select(both > none, up, select(both < none, down, one))
        step = width[i] * by
        step = select(step < low, low, select(step > high, high, step))
        y = select(both < none, none, y)
        width[i] = step
        before[i] = y
        way = select(y > none, one, select(y < none, -one, none))
        p[i] = p[i] - way * step


def asgd(p, g, mean, lo, hi, sign, decay, shrink, step, mu, averages):
    """Polyak and Juditsky (1992)."""
    z = p[lo]
    o, d, k, s, w = like(sign, z), like(decay, z), like(shrink, z), like(step, z), like(mu, z)
    decays = decay != 0.0
    for i in range(lo, hi):
        y = select(decays, fma(p[i], d, g[i] * o), g[i] * o)
        x = fma(y, s, p[i] * k)
        p[i] = x
        mean[i] = select(averages != 0, mean[i] + (x - mean[i]) * w, x)
