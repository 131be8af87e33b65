"""float16 and bfloat16 round where PyTorch rounds them, forward and backward.

Every case is computed by both libraries from the same random operands, in both dtypes. Elementwise ones must agree bit by bit for dense,
turned and strided operands; a few with transcendental functions, sums in another order and products of matrices may differ in the share of
elements that stands beside them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

DTYPES = ("bfloat16", "float16")


@pytest.fixture(autouse=True)
def one_thread(torch: ModuleType) -> Iterator[None]:
    """PyTorch's sums of halves depend on how rows are shared among threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


N, K = 0.3, 1.7  # neither is a half
RNG = np.random.default_rng(0)
X, Y = (RNG.standard_normal((52, 52)).astype(np.float32) for _ in range(2))
Z = np.abs(RNG.standard_normal((52, 52))).astype(np.float32) + np.float32(0.1)

# name: f(torch, F, x, y, z), z positive
ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "x + n": lambda T, F, x, y, z: x + N,
    "x - n": lambda T, F, x, y, z: x - N,
    "n - x": lambda T, F, x, y, z: N - x,
    "x + int": lambda T, F, x, y, z: x + 257,
    "x * n": lambda T, F, x, y, z: x * N,
    "x / n": lambda T, F, x, y, z: x / N,
    "n / x": lambda T, F, x, y, z: N / x,
    "x // n": lambda T, F, x, y, z: (x // N).detach() + x * 0,
    "n // x": lambda T, F, x, y, z: (N // x).detach() + x * 0,
    "div floor": lambda T, F, x, y, z: T.div(x, y, rounding_mode="floor"),
    "div trunc": lambda T, F, x, y, z: T.div(x, y, rounding_mode="trunc"),
    "div trunc n": lambda T, F, x, y, z: T.div(x, N, rounding_mode="trunc"),
    "fmod n": lambda T, F, x, y, z: T.fmod(x, N),
    "remainder n": lambda T, F, x, y, z: T.remainder(x, N),
    "n % x": lambda T, F, x, y, z: (N % x).detach() + x * 0,
    "add alpha": lambda T, F, x, y, z: T.add(x, y, alpha=K),
    "add alpha n": lambda T, F, x, y, z: T.add(x, N, alpha=K),
    "sub alpha": lambda T, F, x, y, z: T.sub(x, y, alpha=K),
    "rsub alpha": lambda T, F, x, y, z: T.rsub(x, N, alpha=K),
    "add alpha row": lambda T, F, x, y, z: T.add(x, y[0], alpha=K),
    "add alpha column": lambda T, F, x, y, z: T.add(x, y[:, :1], alpha=K),
    "add_ alpha": lambda T, F, x, y, z: x.clone().add_(y, alpha=K),
    "add_ n": lambda T, F, x, y, z: x.clone().add_(N),
    "mul_ n": lambda T, F, x, y, z: x.clone().mul_(N),
    "x ** n": lambda T, F, x, y, z: z**N,
    "x ** 3": lambda T, F, x, y, z: x**3,
    "x ** -2": lambda T, F, x, y, z: z**-2,
    "x ** -.5": lambda T, F, x, y, z: z**-0.5,
    "n ** x": lambda T, F, x, y, z: N**x,
    "clamp": lambda T, F, x, y, z: T.clamp(x, -N, K),
    "where n": lambda T, F, x, y, z: T.where(x > y, x, N),
    "lerp n": lambda T, F, x, y, z: T.lerp(x, y, N),
    "lerp 1-n": lambda T, F, x, y, z: T.lerp(x, y, 0.7),
    "lerp tensor": lambda T, F, x, y, z: T.lerp(x, y, z),
    "addcmul": lambda T, F, x, y, z: T.addcmul(x, y, z, value=N),
    "addcdiv": lambda T, F, x, y, z: T.addcdiv(x, y, z, value=N),
    "threshold": lambda T, F, x, y, z: F.threshold(x, N, K),
    "leaky_relu": lambda T, F, x, y, z: F.leaky_relu(x, N),
    "hardtanh": lambda T, F, x, y, z: F.hardtanh(x, -N, K),
    "hardshrink": lambda T, F, x, y, z: F.hardshrink(x, N),
    "softshrink": lambda T, F, x, y, z: F.softshrink(x, N),
    "masked_fill": lambda T, F, x, y, z: x.masked_fill(y > 0, N),
    "hypot": lambda T, F, x, y, z: T.hypot(x, y),
    "rsqrt": lambda T, F, x, y, z: z.rsqrt(),
    "renorm": lambda T, F, x, y, z: T.renorm(x, 2, 0, K).detach() + x * 0,
    "0-d add": lambda T, F, x, y, z: x + T.tensor(N),
    "0-d mul": lambda T, F, x, y, z: x * T.tensor(N),
    "0-d mul left": lambda T, F, x, y, z: T.tensor(N) * x,
    "0-d div": lambda T, F, x, y, z: x / T.tensor(N),
    "0-d div left": lambda T, F, x, y, z: T.tensor(N) / x,
    "0-d pow": lambda T, F, x, y, z: z ** T.tensor(N),
    "0-d base": lambda T, F, x, y, z: T.tensor(N) ** x,
    "0-d atan2": lambda T, F, x, y, z: T.atan2(x, T.tensor(N)),
    "0-d addcmul": lambda T, F, x, y, z: T.addcmul(x, y, T.tensor(N), value=K),
    "0-d float64": lambda T, F, x, y, z: x + T.tensor(N, dtype=T.float64),
}
# With exponentials and logarithms, whose last bit in float32 may be another: this share of elements may differ.
NEARLY = 0.002
TRANSCENDENTAL: dict[str, Callable[..., Any]] = {
    "xlogy": lambda T, F, x, y, z: T.xlogy(x, z),
    "xlogy n": lambda T, F, x, y, z: T.xlogy(x, K),
    "n xlogy": lambda T, F, x, y, z: T.xlogy(N, z),
    "xlog1py n": lambda T, F, x, y, z: T.special.xlog1py(x, N),
    "entr": lambda T, F, x, y, z: T.special.entr(z),
    "logit eps": lambda T, F, x, y, z: T.logit(x.sigmoid(), 0.1),
    "sinc": lambda T, F, x, y, z: T.sinc(x),
    "sigmoid": lambda T, F, x, y, z: x.sigmoid(),
    "logsigmoid": lambda T, F, x, y, z: F.logsigmoid(x),
    "elu": lambda T, F, x, y, z: F.elu(x, K),
    "celu": lambda T, F, x, y, z: F.celu(x, K),
    "softplus": lambda T, F, x, y, z: F.softplus(x, K, N),
    "glu": lambda T, F, x, y, z: F.glu(x),
    "erf": lambda T, F, x, y, z: T.erf(x),
    "log2": lambda T, F, x, y, z: T.log2(z),
    "asinh": lambda T, F, x, y, z: T.asinh(x),
}


def r(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((*shape, seed)).standard_normal(shape).astype(np.float32)


A, B, C, D, V = r(60, 80), r(80, 50), r(60, 50), r(50), r(80)
P, Q, S = r(6, 20, 30), r(6, 30, 25), r(6, 20, 25)
ROWS, OTHER = r(40, 60), r(40, 60, seed=1)
NEAR_ONE = np.abs(r(30, 70)) * np.float32(0.2) + np.float32(0.85)
IMAGE, KERNEL, BIAS = r(3, 4, 14, 14), r(6, 4, 3, 3), r(6)
AT = [i % 7 for i in range(20)]
# Sums may be in another order: this share of elements may be off by their last bit.
SUMS = 0.01
# name: (f(torch, F, *operands), operands)
LARGER: dict[str, tuple[Callable[..., Any], list[np.ndarray]]] = {
    "mm": (lambda T, F, a, b: T.mm(a, b), [A, B]),
    "bmm": (lambda T, F, a, b: T.bmm(a, b), [P, Q]),
    "mv": (lambda T, F, a, b: T.mv(a, b), [A, V]),
    "addmm": (lambda T, F, c, a, b: T.addmm(c, a, b), [C, A, B]),
    "addmm scaled": (lambda T, F, c, a, b: T.addmm(c, a, b, beta=N, alpha=K), [D, A, B]),
    "addmm_": (lambda T, F, c, a, b: c.clone().addmm_(a, b, beta=N), [C, A, B]),
    "linear": (lambda T, F, x, w, b: F.linear(x, w, b), [P, r(12, 30), r(12)]),
    "baddbmm": (lambda T, F, c, a, b: T.baddbmm(c, a, b, beta=N, alpha=K), [S, P, Q]),
    "addbmm": (lambda T, F, c, a, b: T.addbmm(c, a, b, beta=N, alpha=K), [r(20, 25), P, Q]),
    "addmv": (lambda T, F, c, a, b: T.addmv(c, a, b, beta=N, alpha=K), [r(60), A, V]),
    "addr": (lambda T, F, c, a, b: T.addr(c, a, b, beta=N, alpha=K), [C, r(60), D]),
    "conv2d": (lambda T, F, x, w, b: F.conv2d(x, w, b, padding=1), [IMAGE, KERNEL, BIAS]),
    "conv2d groups": (lambda T, F, x, w, b: F.conv2d(x, w, b, groups=2), [IMAGE, r(6, 2, 3, 3), BIAS]),
    "conv1d": (lambda T, F, x, w, b: F.conv1d(x, w, b), [r(3, 4, 40), r(6, 4, 5), BIAS]),
    "conv_transpose2d": (lambda T, F, x, w, b: F.conv_transpose2d(x, w, b, stride=2), [IMAGE, r(4, 5, 3, 3), r(5)]),
    "attention": (lambda T, F, q, k, v: F.scaled_dot_product_attention(q, k, v), [r(2, 3, 10, 8, seed=i) for i in range(3)]),
    "sum": (lambda T, F, x: x.sum(1), [ROWS]),
    "mean": (lambda T, F, x: x.mean(0), [ROWS]),
    "prod": (lambda T, F, x: x.prod(1), [NEAR_ONE]),
    "prod 0": (lambda T, F, x: x.prod(0), [NEAR_ONE]),
    "prod short": (lambda T, F, x: x[:, :20].prod(1), [NEAR_ONE]),
    "var": (lambda T, F, x: x.var(1), [ROWS]),
    "std": (lambda T, F, x: x.std(0), [ROWS]),
    "norm": (lambda T, F, x: x.norm(dim=1), [ROWS]),
    "norm 3": (lambda T, F, x: x.norm(3, dim=1), [ROWS]),
    "softmax": (lambda T, F, x: x.softmax(1), [ROWS]),
    "softmax 0": (lambda T, F, x: x.softmax(0), [ROWS]),
    "log_softmax": (lambda T, F, x: x.log_softmax(1), [ROWS]),
    "log_softmax 0": (lambda T, F, x: x.log_softmax(0), [ROWS]),
    "logsumexp": (lambda T, F, x: x.logsumexp(1), [ROWS]),
    "cumsum": (lambda T, F, x: x.cumsum(1), [ROWS]),
    "cumprod": (lambda T, F, x: x.cumprod(1), [NEAR_ONE]),
    "logcumsumexp": (lambda T, F, x: x.logcumsumexp(1), [ROWS]),
    "layer_norm": (lambda T, F, x, w, b: F.layer_norm(x, (60,), w, b), [ROWS, r(60), r(60, seed=1)]),
    "group_norm": (lambda T, F, x, w, b: F.group_norm(x, 2, w, b), [IMAGE, r(4), r(4, seed=1)]),
    "mse_loss": (lambda T, F, x, y: F.mse_loss(x, y), [ROWS, OTHER]),
    "smooth_l1_loss": (lambda T, F, x, y: F.smooth_l1_loss(x, y, reduction="none", beta=N), [ROWS, OTHER]),
    "huber_loss": (lambda T, F, x, y: F.huber_loss(x, y, reduction="none", delta=N), [ROWS, OTHER]),
    "binary_cross_entropy": (lambda T, F, x, y: F.binary_cross_entropy(x.sigmoid(), y.sigmoid(), reduction="none"), [ROWS, OTHER]),
    "with_logits": (lambda T, F, x, y: F.binary_cross_entropy_with_logits(x, y.sigmoid(), reduction="none"), [ROWS, OTHER]),
    "kl_div": (lambda T, F, x, y: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="sum"), [ROWS, OTHER]),
    "cross_entropy": (lambda T, F, x: F.cross_entropy(x, T.arange(40), label_smoothing=0.1), [ROWS]),
    "bilinear": (lambda T, F, a, b, w, c: F.bilinear(a, b, w, c).detach() + a.sum() * 0, [r(20, 5), r(20, 6), r(7, 5, 6), r(7)]),
    "index_add": (lambda T, F, x, y: x.index_add(0, T.tensor(AT), y[:20]), [ROWS, OTHER]),
    "scatter_add": (lambda T, F, x, y: x.scatter_add(0, T.tensor(AT)[:, None].expand(20, 60), y[:20]), [ROWS, OTHER]),
    "index_put": (lambda T, F, x, y: x.index_put((T.tensor(AT),), y[:20], accumulate=True), [ROWS, OTHER]),
    "index": (lambda T, F, x: x[T.tensor(AT)], [ROWS]),
}  # fmt: skip

LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "dense": lambda t: t,
    "turned": lambda t: t.t(),
    "strided": lambda t: t[::2, ::2],
}


def tensor(T: Any, a: np.ndarray, dtype: Any) -> Any:
    return T.from_numpy(np.array(a, order="C")).to(getattr(T, dtype))


def results(T: Any, f: Callable[..., Any], operands: list[Any]) -> list[np.ndarray]:
    """The value and the gradients of all operands that have one."""
    leaves = [t.detach().requires_grad_() for t in operands]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = f(T, T.nn.functional, *leaves)
    grad = r(*out.shape, seed=9) if out.dim() else np.float32(1.3)
    grads = T.autograd.grad(
        out, leaves, tensor(T, np.asarray(grad), str(out.dtype).partition(".")[2]), allow_unused=True
    )
    return [out.detach().float().numpy(), *[g.float().numpy() for g in grads if g is not None]]


def compare(
    torch: Any, f: Callable[..., Any], arrays: list[np.ndarray], share: float, lay: Callable[[Any], Any] = lambda t: t
) -> None:
    for dtype in DTYPES:
        ours, theirs = (results(T, f, [lay(tensor(T, a, dtype)) for a in arrays]) for T in (tgrad, torch))
        assert len(ours) == len(theirs)
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert a.shape == b.shape
            differ = ~((a == b) | (np.isnan(a) & np.isnan(b)))
            # of a handful of elements two may differ where any may
            assert differ.sum() <= max(share * a.size, 2 if share else 0), (
                dtype,
                "value" if i == 0 else f"gradient {i}",
                differ.mean(),
            )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(torch: ModuleType, name: str, layout: str) -> None:
    compare(torch, ELEMENTWISE[name], [X, Y, Z], 0, LAYOUTS[layout])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", TRANSCENDENTAL)
def test_transcendental(torch: ModuleType, name: str, layout: str) -> None:
    compare(torch, TRANSCENDENTAL[name], [X, Y, Z], NEARLY, LAYOUTS[layout])


@pytest.mark.parametrize("name", LARGER)
def test_products_and_reductions(torch: ModuleType, name: str) -> None:
    f, arrays = LARGER[name]
    compare(torch, f, arrays, SUMS)


@pytest.mark.parametrize("n", [1, 20, 31, 32, 33, 64, 100, 127])
def test_ends_of_rows(torch: ModuleType, n: int) -> None:
    """What PyTorch's vectors leave over at the end of a row rounds once more."""
    a, b = r(9, 130), r(9, 130, seed=1)
    for lay in (lambda t: t[:, :n], lambda t: t[:, :n].contiguous(), lambda t: t[:3, :n].t(), lambda t: t[:, None, :n]):
        compare(torch, lambda T, F, x, y: T.add(x, y, alpha=K), [a, b], 0, lay)


@pytest.mark.parametrize("word", ["gt", "ge", "lt", "le", "eq", "ne"])
def test_comparisons_round_the_number(torch: ModuleType, word: str) -> None:
    for dtype in DTYPES:
        for number in (N, -N, K, 257):
            for T in (torch, tgrad):
                x = T.full((40,), number, dtype=getattr(T, dtype))
                assert getattr(T, word)(x, number).tolist() == [word in ("ge", "le", "eq")] * 40
                assert getattr(T, word)(x, T.tensor(float(number))).tolist() == [word in ("ge", "le", "eq")] * 40


def test_second_derivative(torch: ModuleType) -> None:
    for dtype in DTYPES:
        got = []
        for T in (tgrad, torch):
            x = tensor(T, Z, dtype).requires_grad_()
            (g,) = T.autograd.grad((x**K * N + x.log() / N).sum(), x, create_graph=True)
            got.append(T.autograd.grad((g * N).sum(), x)[0].float().numpy())
        assert (got[0] == got[1]).mean() > 0.999


def test_clone_takes_the_format_itself(torch: ModuleType) -> None:
    for shape, name in (
        ((2, 3, 4, 5), "channels_last"),
        ((2, 1, 4, 5), "channels_last"),
        ((1, 2, 3, 4, 5), "channels_last_3d"),
    ):
        seen = []
        for T in (tgrad, torch):
            x = T.arange(float(np.prod(shape))).reshape(shape).requires_grad_()
            for y in (x, x.transpose(-1, -2), x.contiguous(memory_format=getattr(T, name))):
                out = y.clone(memory_format=getattr(T, name))
                (grad,) = T.autograd.grad((out * out).sum(), x)
                seen.append((out.stride(), out.grad_fn.name(), out.grad_fn.next_functions[0][0].name(), out.data_ptr() == y.data_ptr(),
                             out.tolist(), grad.tolist()))  # fmt: skip
        assert seen[:3] == seen[3:]
