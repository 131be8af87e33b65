"""Elementary functions without branches, so that loops over them become vector instructions.

Note [Where the accuracy comes from]
float32 functions work in float64 inside: with 29 bits to spare, short polynomials and plain steps round to within a hair of half
a unit in the last place, and no intermediate result overflows or is denormal (but erf's, whose steps are many, are in float32). float64 functions have no wider type to lean on
and take the usual care: arguments reduced in two or three pieces, small corrections added last. `python -m tests.accuracy`
measures both; docs/ACCURACY.md has its answer. The polynomials are printed by tools/coefficients.py. Algorithms: J.-M. Muller,
Elementary Functions (2016), chapters 3, 4 and 11.
"""

from __future__ import annotations

import math

from numba.extending import register_jitable

from .lang import (
    INF,
    NAN,
    absolute,
    bits,
    both,
    by_type,
    copysign,
    either,
    f4,
    f8,
    fma,
    from_bits,
    i8,
    polynomial,
    raised,
    rint,
    select,
    trunc,
)

jitable = register_jitable(error_model="numpy", forceinline=True)

_EXP32 = polynomial((0.001392617611993558, 0.008363173074513711, 0.041666554662050534, 0.1666657702559799, 0.5))
_EXP64 = polynomial(
    (
        2.5100375832561234e-08, 2.7620075879983367e-07, 2.7557268480310024e-06, 2.4801521322368692e-05, 0.00019841269863040545,
        0.0013888888917196719, 0.008333333333330065, 0.041666666666624164, 0.16666666666666669, 0.5,
    )
)  # fmt: skip
_LOG32 = polynomial((0.2957994939197279, 0.3998878056602198, 0.6666668503957586))
_LOG64 = polynomial(
    (
        0.14616449685043406, 0.15331721600556042, 0.18182889125261723, 0.2222221113479508, 0.28571428625975487, 0.39999999999899505,
        0.666666666666667,
    )
)  # fmt: skip
_SIN32 = polynomial((-0.00019587890880412386, 0.008332748270629749, -0.1666666466231438))
_SIN64 = polynomial(
    (
        -7.586697117706918e-13, 1.6058531618986147e-10, -2.5052106232447578e-08, 2.7557319219339167e-06, -0.00019841269841265065,
        0.008333333333333331, -0.16666666666666666,
    )
)  # fmt: skip
_COS32 = polynomial((2.4547942085071572e-05, -0.0013888303035894866, 0.04166666465950221))
_COS64 = polynomial(
    (
        4.7458719020432915e-14, -1.1470460887609959e-11, 2.087675579108042e-09, -2.7557319221402824e-07, 2.4801587301584645e-05,
        -0.0013888888888888887, 0.041666666666666664,
    )
)  # fmt: skip
_ERF32 = polynomial(  # less 1
    (
        -0.0006213630320832717, 0.005034205670465001, -0.026792849179739914, 0.11282494229956908, -0.3761255431104631,
        0.12837915810805428,
    )
)  # fmt: skip
_ERFLOG32 = polynomial(
    (
        -3.1551028589041927e-07, 5.280392496933411e-06, -1.9632314106708984e-05, -0.00024290422394556162, 0.0035700176107794973,
        -0.02383919228700408, 0.10646823570645204, 0.6349612740303113, 1.1287027019419007,
    )
)  # fmt: skip
_ERF64 = polynomial(  # less 1
    (
        5.957176147748911e-11, -1.1372848856791674e-09, 1.4659775274047436e-08, -1.6350312701054695e-07, 1.6461000484121368e-06,
        -1.4925595266831182e-05, 0.0001205533111164271, -0.000854832698083379, 0.0052239776248180145, -0.026866170645076792,
        0.11283791670954879, -0.3761263890318375, 0.12837916709551256,
    )
)  # fmt: skip
_ERFCX32 = polynomial(
    (
        -1.3785595726523144e-06, -3.1976103215910983e-06, 1.774568610432699e-05, 5.551027252663393e-05, -0.0001365787835017614,
        -0.0005346733128713745, 0.0017081974355819614, 0.004078456276512602, -0.03757172480487807, 0.12524806678304917,
        -0.2718612939937228, 0.17900114965404956,
    )
)  # fmt: skip
_TAIL64 = polynomial(  # of (1 + 2 x) exp(x²) erfc(x), which hardly changes: so errors in its argument do not grow
    (
        -6.353575004417368e-10, -2.15749523182615e-09, 1.2441142593192584e-09, 1.53999834865308e-08, 1.7090657564693805e-08,
        -4.5125769875164155e-08, -1.459440874713638e-07, -2.178125943040845e-08, 6.490171220006604e-07, 1.0590807328695695e-06,
        -1.813974379216938e-06, -7.905924126736037e-06, 9.123912070341411e-07, 4.683848265279279e-05, 3.217617591501784e-05,
        -0.00028891916474220984, -0.00030216487284812717, 0.0022691892008680865, 0.0009102316065092965, -0.023282702722346945,
        0.060876965692362374, -0.05186563581831049, -0.11301758843715101,
    )
)  # fmt: skip
TAIL_HIGH, TAIL_LOW = 1.2530080582697296, 4.475327675508059e-17  # its constant term

LOG2E, LN2, LN2_HIGH, LN2_LOW = (
    1.4426950408889634,
    0.6931471805599453,
    0.693147180369123816490,
    1.90821492927058770002e-10,
)
LOG10E = 0.4342944819032518
SQRT_HALF = 4604544271217802189  # the bits of sqrt(1/2)
LN2_HIGH32, LN2_LOW32 = (
    0.693359375,
    -2.12194440054690583e-4,
)  # the first has 9 bits: products with whole numbers are exact
ROUND32 = 12582912.0  # 1.5 * 2**23, for float32
ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the low bits
ROUND_BITS = 4843621399236968448
PIO2_1, PIO2_2, PIO2_3 = 1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33
SMALLEST_NORMAL = 2.2250738585072014e-308


# ---- exponentials


@jitable
def power_of_two(k):  # for k from -1022 to 1023
    return from_bits((k + i8(1023)) << i8(52))


@jitable
def clamped(x, low, high):  # nan stays
    x = select(x < low, low, x)
    return select(x > high, high, x)


@jitable
def exp_inside(x):  # exp of a float32 that came as float64; exact to float32 and a bit, also beyond float32's range
    x = clamped(x, -200.0, 200.0)
    t = fma(x, LOG2E, ROUND)
    k = t - ROUND
    r = fma(k, -LN2, x)
    return fma(r * r, _EXP32(r), r + 1.0) * power_of_two(bits(t) - ROUND_BITS)


@jitable
def expm1_inside(x):
    x = clamped(x, -200.0, 200.0)
    t = fma(x, LOG2E, ROUND)
    k = t - ROUND
    r = fma(k, -LN2, x)
    s = power_of_two(bits(t) - ROUND_BITS)
    return fma(s, fma(r * r, _EXP32(r), r), s - 1.0)


@jitable
def exp32(x):
    return f4(exp_inside(f8(x)))


@jitable
def exp64(x):
    x = clamped(x, -750.0, 710.0)
    t = fma(x, LOG2E, ROUND)
    k = t - ROUND
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, x))
    p = fma(r * r, _EXP64(r), r) + 1.0
    n = bits(t) - ROUND_BITS
    half = n >> i8(1)
    return p * power_of_two(half) * power_of_two(n - half)  # in two steps, for results that are denormal or overflow


@jitable
def expm1_32(x):
    return select(x == f4(0), x, f4(expm1_inside(f8(x))))


@jitable
def expm1_64(x):
    y = clamped(x, -50.0, 50.0)
    t = fma(y, LOG2E, ROUND)
    k = t - ROUND
    r = fma(k, -LN2_HIGH, y)
    c = k * LN2_LOW
    r, c = r - c, (r - (r - c)) - c
    s = power_of_two(bits(t) - ROUND_BITS)
    # s r + (s - 1) first: where s is 2 or 1/2 this is nearly without error, and the rest is small
    y = fma(s, fma(r * r, _EXP64(r), c), fma(s, r, s - 1.0))
    return select(x > 40.0, exp64(x), select(x == 0.0, x, y))


@jitable
def exp2_32(x):
    return f4(exp_inside(f8(x) * LN2))


@jitable
def tanh32(x):
    e = expm1_inside(-2.0 * absolute(f8(x)))
    return copysign(f4(-e / (2.0 + e)), x)


@jitable
def tanh64(x):
    size = absolute(x)
    y = clamped(-2.0 * size, -50.0, 0.0)
    t = fma(y, LOG2E, ROUND)
    k = t - ROUND
    r = fma(k, -LN2_HIGH, y)
    c = k * LN2_LOW
    r, c = r - c, (r - (r - c)) - c
    s = power_of_two(bits(t) - ROUND_BITS)
    first, tail = fma(s, r, s - 1.0), s * fma(r * r, _EXP64(r), c)
    e = first + tail  # exp(-2 |x|) - 1, and what the sum lost
    lost = tail - (e - first)
    d = 2.0 + e
    q = -e / d
    rest = fma(-q, d, -e) - lost - q * (((2.0 - d) + e) + lost)
    return copysign(q + rest / d, x)


@jitable
def sigmoid32(x):
    return f4(1.0 / (1.0 + exp_inside(-f8(x))))


@jitable
def sigmoid64(x):
    return 1.0 / (1.0 + exp64(-x))


# ---- logarithms


@jitable
def log_inside(x):  # of a positive normal float64: exact to float32 and a bit
    n = bits(x) - SQRT_HALF
    k = n >> i8(52)
    f = from_bits((n & i8(0xFFFFFFFFFFFFF)) + SQRT_HALF) - 1.0
    s = f / (2.0 + f)
    z = s * s
    return fma(f8(k), LN2, fma(s * z, _LOG32(z), 2.0 * s))


@jitable
def log_edges(x, r):  # what is outside of the positive numbers
    r = select(x < 0.0, NAN, r)
    r = select(x == 0.0, -INF, r)
    return select(either(x != x, x == INF), x, r)


@jitable
def log32(x):
    y = f8(x)
    return f4(log_edges(y, log_inside(y)))


@jitable
def log2_32(x):
    y = f8(x)
    n = bits(y) - SQRT_HALF
    k = n >> i8(52)
    f = from_bits((n & i8(0xFFFFFFFFFFFFF)) + SQRT_HALF) - 1.0
    s = f / (2.0 + f)
    z = s * s
    return f4(log_edges(y, fma(fma(s * z, _LOG32(z), 2.0 * s), LOG2E, f8(k))))


@jitable
def log10_32(x):
    y = f8(x)
    return f4(log_edges(y, log_inside(y) * LOG10E))


@jitable
def log_normal64(x, correction):  # log(x + correction), of a positive normal x and a correction below its last bit
    n = bits(x) - SQRT_HALF
    k = f8(n >> i8(52))
    f = from_bits((n & i8(0xFFFFFFFFFFFFF)) + SQRT_HALF) - 1.0
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * f * f
    small = fma(s, fma(_LOG64(z), z, half), fma(k, LN2_LOW, correction / x))
    return fma(k, LN2_HIGH, f - (half - small))


@jitable
def log64(x):
    tiny = x < SMALLEST_NORMAL
    y = select(tiny, x * 18014398509481984.0, x)
    n = bits(y) - SQRT_HALF
    k = f8(n >> i8(52)) - select(tiny, 54.0, 0.0)
    f = from_bits((n & i8(0xFFFFFFFFFFFFF)) + SQRT_HALF) - 1.0
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * f * f
    small = fma(s, fma(_LOG64(z), z, half), k * LN2_LOW)
    return log_edges(x, fma(k, LN2_HIGH, f - (half - small)))


@jitable
def log1p32(x):
    y = f8(x)
    u = 1.0 + y
    r = log_inside(u) + (y - (u - 1.0)) / u
    return f4(select(absolute(y) < 1e-20, y, log_edges(u, r)))


@jitable
def log1p64(x):
    u = 1.0 + x
    lost = select(u >= 2.0, 1.0 - (u - x), x - (u - 1.0))
    r = log_edges(u, log_normal64(u, lost))
    return select(absolute(x) < 1e-17, x, r)


# ---- sine and cosine. Beyond `SIN_LIMIT` the caller takes libm's, which knows pi to a thousand bits

SIN_LIMIT32, SIN_LIMIT64 = 1e8, 5e5


@jitable
def reduced(x):  # (x less the nearest multiple of pi/2, which multiple)
    t = fma(x, 0.6366197723675814, ROUND)
    k = t - ROUND
    r = fma(k, -PIO2_3, fma(k, -PIO2_2, fma(k, -PIO2_1, x)))
    return r, bits(t)


@jitable
def quarter32(r, quadrant):
    z = r * r
    s = fma(r * z, _SIN32(z), r)
    c = fma(z * z, _COS32(z), fma(z, -0.5, 1.0))
    v = select((quadrant & i8(1)) != i8(0), c, s)
    return select((quadrant & i8(2)) != i8(0), -v, v)


@jitable
def quarter64(r, quadrant):
    z = r * r
    s = fma(r * z, _SIN64(z), r)
    half = 0.5 * z
    w = 1.0 - half
    c = w + (((1.0 - w) - half) + z * z * _COS64(z))
    v = select((quadrant & i8(1)) != i8(0), c, s)
    return select((quadrant & i8(2)) != i8(0), -v, v)


@jitable
def sin32(x):
    r, q = reduced(f8(x))
    return select(x == f4(0), x, f4(quarter32(r, q)))


@jitable
def cos32(x):
    r, q = reduced(f8(x))
    return f4(quarter32(r, q + i8(1)))


@jitable
def sin64(x):
    r, q = reduced(x)
    return select(x == 0.0, x, quarter64(r, q))


@jitable
def cos64(x):
    r, q = reduced(x)
    return quarter64(r, q + i8(1))


@jitable
def far_sin(x):
    return math.sin(x)


@jitable
def far_cos(x):
    return math.cos(x)


@jitable
def beyond32(x):
    return absolute(x) > f4(SIN_LIMIT32)


@jitable
def beyond64(x):
    return absolute(x) > SIN_LIMIT64


# ---- the error function


@jitable
def erf32(x):  # in float32 throughout: twice as many numbers to a vector
    size = select(absolute(x) > f4(4.0), f4(4.0), absolute(x))
    z = size * size
    near = fma(x, _ERF32(z), x)
    s = -size * _ERFLOG32(size)  # log(erfc): what it lacks shrinks with exp(s), which is less than 0.22 from 7/8 on
    t = fma(s, f4(LOG2E), f4(ROUND32))
    k = t - f4(ROUND32)
    r = fma(k, f4(-LN2_LOW32), fma(k, f4(-LN2_HIGH32), s))
    tail = raised(fma(r * r, _EXP32(r), r) + f4(1.0), t)
    return select(x != x, x, select(size < f4(0.875), near, copysign(f4(1.0) - tail, x)))


@jitable
def tail64(size):  # erfc from 1/2 to 28: exp(-size²), its square to twice the digits, times what is left
    z = size * size
    lost = fma(size, size, -z)
    t = fma(-z, LOG2E, ROUND)
    k = t - ROUND
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, -z)) - lost
    u = (size - 3.0) / (size + 2.0)
    w = _TAIL64(u) * u
    g = TAIL_HIGH + w
    d = 1.0 + 2.0 * size
    q = g / d
    # what g and d lost, as a share of them: 1/g is near 0.84 everywhere, which is enough for a correction
    more = (w - (g - TAIL_HIGH)) + TAIL_LOW - (1.0 - (d - 2.0 * size)) * q
    p = fma(fma(r * r, _EXP64(r), fma(more, 0.84, r)), q, q)
    n = bits(t) - ROUND_BITS
    half = n >> i8(1)
    return p * power_of_two(half) * power_of_two(n - half)


@jitable
def erf64(x):
    y = clamped(x, -6.0, 6.0)
    size = absolute(y)
    z = size * size
    near = fma(y, _ERF64(z), y)
    u = (size - 3.0) / (size + 2.0)
    far = 1.0 - exp64(-z) * fma(_TAIL64(u), u, TAIL_HIGH) / (
        1.0 + 2.0 * size
    )  # less than 0.16 is taken off: no need of tail64
    return select(size < 1.0, near, copysign(far, y))


@jitable
def erfc32(x):
    y = clamped(f8(x), -11.0, 11.0)
    size = absolute(y)
    tail = exp_inside(-size * size) * _ERFCX32((size - 3.0) / (size + 2.0))
    return f4(select(y < 0.0, 2.0 - tail, tail))


@jitable
def erfc64(x):
    y = clamped(x, -28.0, 28.0)
    size = absolute(y)
    tail = tail64(size)
    near = 1.0 - fma(y, _ERF64(size * size), y)
    return select(size < 0.75, near, select(y < 0.0, 2.0 - tail, tail))


# ---- powers


@jitable
def pow32(x, y):  # all the cases of C's pow
    a, b = f8(x), f8(y)
    size = absolute(a)
    usual = exp_inside(b * log_normal64(size, 0.0))  # exponents multiply the error of a logarithm
    r = select(size == 0.0, select(b < 0.0, INF, 0.0), usual)
    grows = (size > 1.0) == (b > 0.0)
    r = select(either(size == INF, absolute(b) == INF), select(size == 1.0, 1.0, select(grows, INF, 0.0)), r)
    whole = rint(b) == b
    odd = both(whole, trunc(b * 0.5) * 2.0 != b)
    negative = bits(a) < i8(0)
    r = select(both(negative, odd), -r, r)
    r = select(both(both(a < 0.0, a != -INF), both(b == b, either(whole, absolute(b) == INF) == False)), NAN, r)  # noqa: E712
    r = select(either(a != a, b != b), NAN, r)
    return f4(select(either(a == 1.0, b == 0.0), 1.0, r))


exp, expm1 = by_type(exp32, exp64), by_type(expm1_32, expm1_64)
log, log1p = by_type(log32, log64), by_type(log1p32, log1p64)
tanh, sigmoid = by_type(tanh32, tanh64), by_type(sigmoid32, sigmoid64)
sin, cos, beyond = by_type(sin32, sin64), by_type(cos32, cos64), by_type(beyond32, beyond64)
erf, erfc = by_type(erf32, erf64), by_type(erfc32, erfc64)
exp2, log2, log10, power = exp2_32, log2_32, log10_32, pow32  # float32 only: numpy's serve float64
