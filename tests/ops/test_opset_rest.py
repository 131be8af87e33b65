"""Corners of the op set beside PyTorch: texts, layouts in memory, nodes of second derivatives, batched searches. Each snippet must have the
same outcome in both libraries."""

from __future__ import annotations

import numpy as np
import pytest

import tgrad

from .mirror import same

pytestmark = pytest.mark.filterwarnings("ignore")

SETUP = """
F = torch.nn.functional; G = torch.func; cl = torch.channels_last
I = (torch.arange(192.0).reshape(2, 4, 4, 6) / 50 - 2).to(memory_format=cl)
K = torch.arange(72.0).reshape(2, 4, 3, 3) / 30 - 1
V = torch.arange(192.0).reshape(1, 3, 4, 4, 4).to(memory_format=torch.channels_last_3d)
C = torch.arange(1., 25.).reshape(1, 2, 12).to(torch.complex64)
S = torch.arange(24.).mul(7).remainder(5).reshape(4, 6).sort(-1)[0]
Q = torch.arange(24.).mul(5).remainder(7).reshape(4, 3, 2)
P = torch.arange(48.0).reshape(6, 2, 4).log_softmax(2).requires_grad_()
def name(n, depth=9):
    return "None" if n is None or not depth else n.name() + "(" + ",".join([name(m, depth - 1) for m, _ in n.next_functions]) + ")"
def second(f, x):
    x = x.detach().requires_grad_(); y = f(x); seed = torch.ones_like(y).requires_grad_() * 1
    return name(torch.autograd.grad(y, x, seed, create_graph=True)[0].grad_fn)
def laid(f, x):
    x = x.detach().clone().requires_grad_(); y = f(x)
    return y.stride(), torch.autograd.grad(y, x, torch.ones_like(y))[0].stride(), y.detach().double().abs().sum()
def steps(*ts): return [t.stride() for t in ts]
"""

REFUSED_IN_TRANSFORMS = [
    f"G.{transform}(lambda a: ({what}, (a * a).sum())[1])(x[0])"
    for transform in ("grad", "jacrev", "jacfwd", "hessian")
    for what in (
        "a.requires_grad_()",
        "torch.ones(2).requires_grad_()",
        "u.requires_grad_(False)",
        "a.detach().requires_grad_()",
    )
]

SNIPPETS = f"""
{chr(10).join(REFUSED_IN_TRANSFORMS)}
G.vjp(lambda a: (a * 1).requires_grad_(), u)
G.vmap(lambda a: torch.ones(2).requires_grad_())(x)
G.jvp(lambda a: a.requires_grad_(), (u,), (u,))
G.grad(lambda a: G.grad(lambda b: (b * b).sum())(a).sum())(u), torch.ones(2).requires_grad_()
F.ctc_loss(P, torch.tensor([[1,2],[2,3]]), torch.tensor([6,5]), torch.tensor([2,2])).backward(create_graph=True); P.grad
l = F.ctc_loss(P, torch.tensor([[1,2],[2,3]]), torch.tensor([6,5]), torch.tensor([2,2])); torch.autograd.grad(l, P, create_graph=True)
l = F.ctc_loss(P, torch.tensor([[1,2],[2,3]]), torch.tensor([6,5]), torch.tensor([2,2])); torch.autograd.grad(torch.autograd.grad(l, P, create_graph=True)[0].sum(), P)
x.fill_diagonal_()
x.fill_diagonal_('a')
x.fill_diagonal_(torch.tensor(2.0))
x.fill_diagonal_(2j)
x.t().fill_diagonal_(2, True)
w.fill_diagonal_(2)
w.t().fill_diagonal_(2)
(w * 1).fill_diagonal_(2)
b.fill_diagonal_(2)
u.fill_diagonal_(2)
torch.convolution(C, C, None, [1], [0], [1], False, [0], 1)
torch.convolution(C, C, None, [1], [0], [2], False, [0], 1)
torch.convolution(C, C[..., :2], None, [1], [0], [2], False, [0], 1)
torch.convolution(C, C, None, [1], [0], [1], True, [0], 1)
torch.convolution(V.to(torch.complex128), V.to(torch.complex128), None, [1]*3, [0]*3, [1]*3, False, [0]*3, 1)
torch.convolution(V.to(torch.complex128), V.to(torch.complex128), None, [1]*3, [0]*3, [1]*3, True, [0]*3, 1)
F.conv1d(C, C)
F.conv_transpose1d(C.bool(), C.bool())
F.conv2d(I.bool(), K.bool(), dilation=2)
torch.normal(C, 1.0).dtype
torch.normal(C.requires_grad_(), 1.0)
torch.normal(C.view(-1), torch.ones(24)).dtype
torch.normal(C.clone().requires_grad_().view(-1), torch.ones(24))
torch.normal(0.0, C)
torch.normal(C, C)
torch.normal(0j, 1.0, (3,))
torch.affine_grid_generator(C.new_ones(1, 2, 3), [1, 1, 2, 2], False)
torch.affine_grid_generator(C.new_ones(1, 2, 3).requires_grad_(), [1, 1, 2, 2], False)
torch.affine_grid_generator(torch.ones(1, 2, 3, dtype=torch.bool), [1, 1, 2, 2], False)
F.bilinear(C[0], C[0], C.new_ones(3, 12, 12))
F.bilinear(C[0].requires_grad_(), C[0], C.new_ones(3, 12, 12))
F.bilinear(C[0].bool(), C[0].bool(), C.new_ones(3, 12, 12).bool())
F.binary_cross_entropy(C, C)
hasattr(torch, 'linear')
F.pad(I, (1, 1), mode='reflect')
F.pad(V, (1, 1, 1, 1), mode='replicate')
F.pad(I, (1,) * 8, mode='circular')
F.pad(u, (1, 1), mode='circular')
second(lambda a: a.mean(), x)
second(lambda a: a.mean(0), x)
second(lambda a: a.mean((0, -1)), b)
second(lambda a: a.mean(1, True), b)
second(lambda a: a.sum(0), x)
second(lambda a: a.sum((0, 2)), b)
second(lambda a: a.squeeze(), x.reshape(3, 1, 4, 1))
second(lambda a: a.squeeze(1), x.reshape(3, 1, 4))
second(lambda a: a.squeeze(-1), x)
second(lambda a: a.squeeze((0, 1)), x.reshape(3, 1, 4))
torch.autograd.grad(x.requires_grad_().mean(0).pow(2).mean(), x, create_graph=True)[0]
torch.autograd.grad(x.requires_grad_().half().mean(1).sum(), x)[0]
G.vmap(torch.searchsorted)(S, Q)
G.vmap(lambda s: torch.searchsorted(s, Q))(S)
G.vmap(lambda s: torch.searchsorted(s, 2.5))(S)
G.vmap(lambda s, q: torch.searchsorted(s, q, right=True, out_int32=True))(S, Q[:, 0, 0])
G.vmap(lambda s, q: torch.searchsorted(s, q, side='right'), in_dims=(1, 0))(S.t(), Q)
G.vmap(torch.searchsorted)(S.reshape(2, 2, 6), Q.reshape(2, 2, 6))
G.vmap(G.vmap(torch.searchsorted))(S.reshape(2, 2, 6), Q.reshape(2, 2, 6))
G.vmap(lambda s: G.vmap(lambda q: torch.searchsorted(s, q))(Q[0]))(S)
G.vmap(torch.searchsorted)(S.reshape(2, 2, 6), Q.reshape(2, 3, 4))
G.vmap(lambda s, p: torch.searchsorted(s, Q, sorter=p))(S.flip(1), torch.arange(5, -1, -1).expand(4, 6))
G.vmap(lambda s, q: torch.bucketize(q, s))(S, Q)
G.vmap(lambda s: torch.bucketize(Q, boundaries=s, right=True))(S)
G.vmap(lambda s, q: torch.bucketize(q, s))(S.reshape(2, 2, 6), Q.reshape(2, 2, 6))
G.vmap(lambda s, q: torch.searchsorted(s, q.double()))(S, Q)
laid(lambda a: F.conv2d(a, K, padding=1), I)
laid(lambda a: F.conv2d(a, K[:, :1], padding=1, groups=2, stride=2) if False else F.conv2d(a, K[:, :2], groups=2), I)
laid(lambda a: F.conv2d(a, K.to(memory_format=cl)), I.contiguous())
laid(lambda a: F.conv2d(a, K), I.contiguous())
laid(lambda a: F.conv2d(a, K.double(), dilation=2, padding=2), I.double())
laid(lambda a: F.conv_transpose2d(a, K.transpose(0, 1)), I)
laid(lambda a: F.conv3d(a, torch.ones(2, 3, 2, 2, 2)), V)
laid(lambda a: F.conv3d(a, torch.ones(2, 3, 2, 2, 2)), torch.cat([V, V]))
laid(lambda a: F.conv3d(a, torch.ones(2, 3, 2, 2, 2).double()), V.double())
laid(lambda a: F.conv_transpose3d(a, torch.ones(3, 2, 2, 2, 2)), V)
laid(lambda a: F.batch_norm(a, None, None, training=True), I)
laid(lambda a: F.batch_norm(a, torch.zeros(4), torch.ones(4)), I)
laid(lambda a: F.batch_norm(a, None, None, training=True), V)
F.group_norm(I, 2).stride()
F.instance_norm(I).stride()
laid(lambda a: F.max_pool2d(a, 2), I)
laid(lambda a: F.avg_pool2d(a, 2), I)
laid(lambda a: F.adaptive_avg_pool2d(a, 2), I)
F.adaptive_avg_pool2d(I, 1).stride()
F.adaptive_avg_pool2d(I.contiguous(), 1).stride()
laid(lambda a: F.interpolate(a, scale_factor=2), I)
laid(lambda a: F.interpolate(a, scale_factor=2, mode='bilinear'), I)
laid(lambda a: F.pad(a, (1, 2)), I)
laid(lambda a: torch.cat([a, a], 1), I)
torch.cat([I, I.contiguous()], 1).stride()
F.pixel_shuffle(I, 2).stride()
F.pixel_unshuffle(I, 2).stride()
steps(torch.empty(2, 3, 4, 5, memory_format=cl), torch.empty_like(K, memory_format=cl), torch.zeros_like(I), torch.ones_like(I, memory_format=torch.contiguous_format), torch.full_like(K, 2, memory_format=cl))
torch.zeros_like(x, memory_format=cl)
o = torch.ones(2, 1, 3, 3); n = o.to(memory_format=cl); steps(n, n.clone(), n.double(), torch.zeros_like(n), n.contiguous(), o.contiguous(memory_format=cl), n.to(memory_format=cl)), n.data_ptr() == o.data_ptr()
n = torch.ones(2, 3, 1, 1).to(memory_format=cl); steps(n, n.clone(), n.half(), torch.empty_like(n)), n.is_contiguous(), n.is_contiguous(memory_format=cl)
n = torch.ones(2, 1, 6, 6).to(memory_format=cl); steps(F.conv2d(n, K[:, :1]), F.max_pool2d(n, 2), F.interpolate(n, scale_factor=2), F.pad(n, (1, 1)))
torch.searchsorted(C[0, 0], C[0, 0])
torch.bucketize(m[0], m[0])
torch.searchsorted(i[0], 1j)
torch.searchsorted(u.half(), 1j)
torch.searchsorted(C[0, 0], C[0, 0, :0])
steps(torch.empty(2, 1, 3, 3, memory_format=cl), torch.empty(2, 1, 3, 3))
y = torch.tensor(1028979.25+1401898.6j, dtype=torch.complex64, requires_grad=True); y.logsumexp(0).abs().backward(); y.grad
torch.full((16,), 3e19+2e19j, dtype=torch.complex64).square()
torch.full((16,), 3e19+2e19j, dtype=torch.complex64).square_()
[torch.autograd.grad(torch.linalg.vector_norm(w * torch.tensor([[1.], [0.], [2.]]), p, 1).sum(), w, create_graph=True)[0].isnan() for p in (0.5, 1, 1.5, 2, 3)]
g = torch.autograd.grad(torch.linalg.vector_norm(v * 0, 2), v, create_graph=True)[0]; torch.autograd.grad(g.sum(), v)
w = torch.full((130,), float('nan'), requires_grad=True); F.elu(w).sum().backward(); w.grad.isnan()
w = torch.full((130,), float('nan'), dtype=torch.float16, requires_grad=True); F.selu(w).sum().backward(); w.grad.isnan()
w = torch.full((130, 2), float('nan'), dtype=torch.bfloat16)[:, 0].requires_grad_(); F.elu(w).sum().backward(); w.grad.isnan()
a = (torch.arange(20.) / 7 - 1).reshape(4, 5).bfloat16().requires_grad_(); F.cosine_similarity(a, u[:1].bfloat16() + a.detach().flip(0)).sum().backward(); a.grad
""".strip().split("\n")


@pytest.mark.parametrize("source", SNIPPETS)
def test_same_outcome(source):
    same(SETUP + source)


@pytest.mark.parametrize("scale", [1.0, 1e20])
@pytest.mark.parametrize("lay", ["whole", "turned", "columns", "rows", "part", "odd"])
def test_squares_of_complex_numbers(torch, lay: str, scale: float) -> None:
    """Bit by bit, what overflows included: PyTorch rounds those beyond the last 16 of a run in another way."""
    rng = np.random.default_rng(0)
    a = (rng.standard_normal((40, 50)) * scale + 1j * rng.standard_normal((40, 50)) * scale).astype(np.complex64)
    cut = {
        "whole": lambda t: t, "turned": lambda t: t.t(), "columns": lambda t: t[:, ::2], "rows": lambda t: t[::2],
        "part": lambda t: t[:, :37], "odd": lambda t: t.reshape(-1)[:1003],
    }[lay]  # fmt: skip
    for f in (lambda t: t.square(), lambda t: t**2, lambda t: t.clone().square_()):
        ours, theirs = (f(cut(T.from_numpy(a.copy()))).numpy() for T in (tgrad, torch))
        np.testing.assert_array_equal(ours, theirs)
