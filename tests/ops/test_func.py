"""torch.func, vmap and forward mode beside PyTorch: each expression must print the same on both sides."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import tgrad

from .oracle import torch as real

pytestmark = pytest.mark.filterwarnings("ignore")

# In these, torch is the library, G its torch.func, F its nn.functional; the rest are tensors.
SAME = """
G.vmap(lambda x: x*2)(A)
G.vmap(torch.dot)(A,A)
G.vmap(lambda a: W@a)(A)
G.vmap(lambda a: a@W)(B)
G.vmap(lambda a,b: a@b)(B,B)
G.vmap(lambda a: a.sum())(A)
G.vmap(lambda a: a.sum(0))(B)
G.vmap(lambda a: a.softmax(-1))(A)
G.vmap(lambda a: a.softmax(0), in_dims=1, out_dims=1)(A)
G.vmap(lambda a: a[0])(A)
G.vmap(lambda a: a[:, 1])(B)
G.vmap(lambda a: a[torch.tensor([0,2])])(A)
G.vmap(lambda a,i: a[i], in_dims=(None,0))(x, torch.tensor([0,2,1]))
G.vmap(lambda a,i: a[i])(A, torch.tensor([0,2,1,1]))
G.vmap(lambda a: torch.cat([a,x]))(A)
G.vmap(lambda a: torch.stack([a,x]))(A)
G.vmap(G.vmap(lambda a,b: a*b, in_dims=(None,0)), in_dims=(0,None))(x,x)
G.vmap(lambda a: a.max(0))(A)
G.vmap(lambda a: a.reshape(9).view(-1,3).t().expand(2,3,3))(B).shape
G.vmap(lambda a: a.mean().exp()+a.std())(B)
G.grad(lambda x: x.sin().sum())(x)
G.grad(G.grad(lambda x: x.sin()))(x[0])
G.grad(G.grad(G.grad(lambda x: x.sin()*x)))(x[0])
G.vmap(G.grad(lambda x: x.sin().sum()))(A)
G.vmap(G.grad(lambda w, x: (x@w).sin().sum()), in_dims=(None,0))(W,A)
G.jacrev(lambda x: W@x.sin())(x)
G.jacfwd(lambda x: W@x.sin())(x)
G.hessian(lambda x: (W@x.sin()).cos().sum())(x)
G.jacrev(G.jacrev(lambda x: (W@x.sin()).cos().sum()))(x)
G.jacfwd(G.jacfwd(lambda x: (W@x.sin()).cos().sum()))(x)
G.jacrev(G.jacfwd(lambda x: (W@x.sin()).cos().sum()))(x)
G.jvp(lambda x: W@x.sin(), (x,), (x,))
G.jvp(lambda x,y: (x.max(), x.sort()[0]*y, x.cumsum(0)), (x,x), (x,x))
G.jvp(lambda x: x.softmax(0).log(), (x,), (x,))
G.jvp(G.grad(lambda x: (x**3).sum()), (x,), (x,))
G.grad(lambda x: G.jvp(lambda y: (y**3).sum(), (x,), (x,))[1])(x)
G.vjp(lambda x: (x.sin(), x.sum()), x)[1]((x, x[0]))
G.vmap(G.vmap(G.grad(lambda w, x: (x@w).sin().sum()), in_dims=(None,0)), in_dims=(0,None))(B,A).shape
G.vmap(G.hessian(lambda w: (w**3).sum()))(A)
G.jacrev(lambda x, y: (x*y, x.sum()), argnums=(0,1))(x,x)
G.jacfwd(lambda x, y: (x*y, x.sum()), argnums=(0,1))(x,x)
G.jacrev(lambda d: {'o': d['a']*d['b']})({'a':x,'b':x})
G.linearize(lambda x: x.sin(), x)[1](x)
G.vmap(lambda a: F.linear(a, W, bias))(A)
G.vmap(lambda a, w: F.linear(a, w, bias))(A, B[:4])
G.vmap(lambda a: F.layer_norm(a, (3,), x, bias))(A)
G.vmap(lambda a, w: F.layer_norm(a, (3,), w, bias))(A,A)
G.vmap(lambda a, w: F.conv1d(a[None], w[None], bias[:1]))(B, B)
G.vmap(G.grad(lambda w, a: F.conv1d(a[None], w[None], bias[:1]).sin().sum()), in_dims=(None,0))(W, B)
G.vmap(lambda a: F.cross_entropy(a[None], torch.tensor([1])))(A)
G.vmap(G.grad(lambda w, a: F.cross_entropy((a@w)[None], torch.tensor([1]))), in_dims=(None,0))(W, A)
G.vmap(lambda a: F.mse_loss(a, x))(A)
G.vmap(lambda a: torch.where(a>0, a, -a))(A)
G.vmap(lambda a: a.clone().add_(a).mul_(x))(A)
G.vmap(lambda a: a.zero_())(A.clone())
G.vmap(lambda a: torch.einsum('ij,jk->ik', a, W))(B).sum()
G.vmap(lambda a: a.norm())(B)
G.vmap(lambda a: a.argmax())(A)
G.vmap(lambda a: a.topk(2))(A)
G.vmap(lambda a: a.unsqueeze(0).squeeze().flip(0).roll(1))(A)
G.vmap(lambda a: a.tril().diagonal().diag_embed())(B).sum()
G.vmap(lambda a: F.max_pool2d(a[None], 2))(B)
G.vmap(lambda a: F.avg_pool2d(a[None], 2))(B)
G.vmap(lambda a: F.embedding(a, W))(torch.tensor([[0,1],[2,2]]))
G.vmap(lambda w: F.embedding(torch.tensor([0,2]), w))(B)
G.vmap(G.grad(lambda w: F.embedding(torch.tensor([0,2]), w).sin().sum()))(B).sum()
G.vmap(lambda a: a.to(torch.float64).long())(A)
G.vmap(lambda a: a.repeat(2))(A)
G.vmap(lambda a: a.chunk(3)[1])(A)
G.vmap(lambda a: a.unbind(0)[1])(A)
G.vmap(lambda a: a.gather(0, torch.tensor([1,1])))(A)
G.vmap(lambda a: a.index_select(0, torch.tensor([1,1])))(A)
G.vmap(lambda a: torch.zeros(5).scatter(0, torch.tensor([1,2,4]), a))(A)
G.vmap(lambda a: a.cumsum(0).prod(0))(A)
G.vmap(lambda a: torch.randn(2)+a[0])(A)
G.vmap(lambda a: torch.randn(2)+a[0], randomness='different')(A).shape
G.vmap(lambda x: x)(3)
G.vmap(lambda x: x)(torch.tensor(1.))
G.vmap(lambda x: x, in_dims=2)(x)
G.vmap(lambda x,y: x, in_dims=(0,))(x,x)
G.vmap(lambda x,y: x, in_dims=(None,None))(x,x)
G.vmap(lambda x,y: x)(x,torch.randn(4))
G.vmap(lambda x: 1)(x)
G.vmap(lambda x: x, out_dims=(0,0))(x)
G.vmap(lambda x: (x,x), out_dims=(0,))(x)
G.vmap(lambda x: x, out_dims=3)(x)
G.vmap(lambda x: x, in_dims=1.0)(x)
G.vmap(lambda x: x, in_dims=(1.0,))(x)
G.vmap(lambda x: x)()
G.vmap(lambda x: x+torch.randn(2))(x)
G.vmap(lambda x: x+torch.randn(2), randomness='foo')(x)
G.vmap(lambda x: x.item())(x)
G.vmap(lambda x: x if x>0 else -x)(x)
G.vmap(lambda x: x[x>0])(x[None])
G.vmap(lambda x: torch.nonzero(x))(x[None])
G.vmap(lambda x: x, out_dims=None)(x)
G.vmap(lambda x: torch.ones(2), out_dims=None)(x)
G.vmap(lambda x: x, chunk_size=0)(x)
G.vmap(lambda x: x*2, chunk_size=2)(x)
G.vmap(lambda x: print(x), )(x)
G.vmap(G.vmap(lambda x: print(x)))(x[None])
G.grad(lambda x: x)(x)
G.grad(lambda x: (x.sum(),x))(x)
G.grad(lambda x: x.sum(), has_aux=True)(x)
G.grad(lambda x: 3)(x)
G.grad(lambda x: x.sum(), argnums=1)(x)
G.grad(lambda x: x.sum(), argnums='a')(x)
G.grad(lambda x: x.sum())(torch.arange(3))
G.grad(lambda x: x.sum())(3.)
G.vjp(lambda x: x)
G.vjp(lambda x: x,3)
G.vjp(lambda x: x, x)[1](torch.randn(4))
G.vjp(lambda x: (x,x), x)[1](x)
G.jvp(lambda x: x, x, x)
G.jvp(lambda x: x, (x,), (torch.randn(4),))
G.jvp(lambda x: x, (x,), (x,x))
G.jvp(lambda x: 3, (x,), (x,))
G.jvp(lambda x: x, (), ())
G.jacrev(lambda x: 3)(x)
G.jacrev(lambda x: x.long())(x)
G.jacfwd(lambda x: 3)(x)
G.jacrev(lambda x: x, chunk_size=-1)(x)
G.jacrev(lambda x: x.sin(), chunk_size=2)(x)
G.jacrev(lambda x: {'a':x.sum(),'b':x}) (x)
G.jvp(lambda x: torch.ones(2), (x,), (x,))
G.grad(lambda x: torch.ones(()))(x)
G.grad(lambda x,y: (x*y).sum(), argnums=(0,1))(x,x)
G.grad(lambda x,y: (x*y).sum(), argnums=(0,0))(x,x)
G.grad(lambda x: x.sum().backward())(x)
torch.autograd.forward_ad.make_dual(x,x)
torch.autograd.forward_ad.unpack_dual(x)
G.jacfwd(lambda x: x.sin(), randomness='x')(x)
G.grad_and_value(lambda x: (x.sin().sum(), x), has_aux=True)(x)
G.jacfwd(lambda x: (x.sin(), x), has_aux=True)(x)
G.jacrev(lambda x: (x.sin(), x), has_aux=True)(x)
G.hessian(lambda d: (d['a']*d['b']).sum())({'a':x,'b':x})
G.vmap(lambda d: d['a']*2, in_dims=({'a':0,'b':None},))({'a':A,'b':x})
G.vmap(lambda a, b: a+b, in_dims=(0,1))(W,W)
G.vmap(lambda a: a.double() + torch.tensor(1.0))(A)
G.vmap(lambda a: a + torch.ones(3,dtype=torch.float64))(A)
G.vmap(lambda a: a.double() * x)(torch.arange(3.))
torch.autograd.grad(A.requires_grad_().sin(), A, torch.ones(2,4,3), is_grads_batched=True)
G.grad(lambda x: (x*A).sum())(x)
G.grad(lambda x: x.detach().sum()*x.sum())(x)
G.jvp(lambda x: torch.zeros(3).copy_(x).mul_(x), (x,),(x,))
G.jvp(lambda x: torch.zeros(3).index_put((torch.tensor([0]),), x[:1]), (x,),(x,))
G.jvp(lambda x: torch.nn.functional.gelu(x)+torch.relu(x), (x,),(x,))
G.jvp(lambda x: x.pow(2.).sum().sqrt()*x, (x,),(x,))
G.jvp(lambda x: (x+1j).abs(), (x,),(x,))
G.jvp(lambda x: torch.view_as_real(x*(1+2j)), (x,),(x,))
""".strip().splitlines()


def names(library: ModuleType) -> dict[str, Any]:
    x = [1.5, -0.25, 2.0]
    A = [[0.5, -1.0, 2.0], [1.25, 0.75, -0.5], [-2.0, 3.0, 0.25], [1.0, -1.5, -0.75]]
    W = [[1.0, -2.0, 0.5], [0.25, 1.0, -1.0], [2.0, 0.5, -0.5]]
    t = library.tensor
    B = t([[[round(((7 * i + 3 * j + 5 * k) % 11 - 5) / 4, 2) for k in range(3)] for j in range(3)] for i in range(5)])
    return {
        "torch": library,
        "G": library.func,
        "F": library.nn.functional,
        "x": t(x),
        "A": t(A),
        "W": t(W),
        "B": B,
        "bias": t([0.5, 0.25, -1.0]),
    }


def shown(library: ModuleType, expression: str) -> str:
    library.manual_seed(0)
    try:
        return repr(eval(expression, names(library)))
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else ""
        return f"{type(error).__name__}: {text}"


@pytest.mark.parametrize("expression", SAME)
def test_same(expression: str, capsys: pytest.CaptureFixture[str]) -> None:
    want = shown(real, expression), capsys.readouterr().out
    got = shown(tgrad, expression), capsys.readouterr().out
    assert got == want


# ---- what prints differently each time


def test_ensemble() -> None:
    """Three models as one: vmap over stacked parameters, and the gradients of each."""
    torch = tgrad
    torch.manual_seed(0)
    models = [torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)) for _ in range(3)]
    params, buffers = torch.func.stack_module_state(models)
    assert all(p.requires_grad and p.is_leaf for p in params.values())
    x = torch.randn(5, 3)

    def loss(p: Any, b: Any, x: Any) -> Any:
        return torch.func.functional_call(models[0], (p, b), (x,)).pow(2).sum()

    values = torch.vmap(loss, in_dims=(0, 0, None))(params, buffers, x)
    grads = torch.vmap(torch.func.grad(loss), in_dims=(0, 0, None))(params, buffers, x)
    for i, model in enumerate(models):
        own = model(x).pow(2).sum()
        assert torch.allclose(values[i], own)
        for name, g in zip(grads, torch.autograd.grad(own, list(model.parameters())), strict=True):
            assert torch.allclose(grads[name][i], g, atol=1e-6)
    before = models[0][0].weight
    assert before is dict(models[0].named_parameters())["0.weight"]


def test_per_sample_gradients() -> None:
    torch = tgrad
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(12, 5))
    x, y = torch.randn(6, 1, 4, 4), torch.tensor([0, 1, 2, 3, 4, 0])
    params = {k: v.detach() for k, v in model.named_parameters()}

    def loss(p: Any, x: Any, y: Any) -> Any:
        out = torch.func.functional_call(model, p, (x.unsqueeze(0),))
        return torch.nn.functional.cross_entropy(out, y.unsqueeze(0))

    grads = torch.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(params, x, y)
    for i in range(6):
        want = torch.autograd.grad(
            torch.nn.functional.cross_entropy(model(x[i : i + 1]), y[i : i + 1]), list(model.parameters())
        )
        for name, g in zip(grads, want, strict=True):
            assert torch.allclose(grads[name][i], g, atol=1e-6)


def test_history_goes_on_outside() -> None:
    """A gradient is part of the outer graph exactly where the outer graph is part of it."""
    x = tgrad.tensor([1.0, 2.0], requires_grad=True)
    g = tgrad.func.grad(lambda v: (v**3).sum())(x)
    g.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]
    w = tgrad.tensor(2.0, requires_grad=True)
    h = tgrad.func.grad(lambda v: (w * v**2).sum())(x.detach())
    assert h.requires_grad
    assert tgrad.autograd.grad(h.sum(), w)[0].item() == 6.0
    plain = tgrad.func.grad(lambda v: (v**2).sum())(x.detach())
    assert not plain.requires_grad and plain.grad_fn is None


def drawn_inside(library: ModuleType, expression: str, mode: str) -> list[Any]:
    return [
        v.tolist()
        for v in library.vmap(lambda v: eval(expression, {"torch": library}), randomness=mode)(library.zeros(3))
    ]


@pytest.mark.parametrize("mode", ["same", "different"])
def test_randomness(mode: str) -> None:
    drawn = tgrad.vmap(lambda v: v + tgrad.randn(3), randomness=mode)(tgrad.zeros(4, 3))
    alike = [drawn[i].equal(drawn[0]) for i in range(4)]
    assert alike == ([True] * 4 if mode == "same" else [True, False, False, False])
    tgrad.manual_seed(0)
    real.manual_seed(0)
    for expression in (
        "torch.randn(17)",
        "torch.rand(5)",
        "torch.randint(0, 9, (4,))",
        "torch.randint(9, (4,))",
        "torch.randperm(5)",
    ):
        ours, theirs = (drawn_inside(lib, expression, mode) for lib in (tgrad, real))
        assert ours == theirs, expression
    x = tgrad.ones(4, 50)
    dropped = tgrad.vmap(lambda v: tgrad.nn.functional.dropout(v, 0.5), randomness=mode)(x)
    assert dropped[0].equal(dropped[1]) == (mode == "same")
    assert set(dropped.flatten().tolist()) == {0.0, 2.0}


def test_a_level_that_ended_leaves_nothing_behind() -> None:
    from tgrad.graph.modes import state
    from tgrad.transforms.wrapped import RUNNING

    with pytest.raises(ZeroDivisionError):
        tgrad.vmap(lambda v: v * (1 / 0))(tgrad.zeros(2))
    with pytest.raises(ZeroDivisionError):
        tgrad.func.jvp(lambda v: v * (1 / 0), (tgrad.zeros(2),), (tgrad.zeros(2),))
    assert state.levels == 0 and RUNNING.levels == []


def dual_program(torch: ModuleType) -> list[str]:
    fw = torch.autograd.forward_ad
    out = []
    x, t = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0])
    with fw.dual_level():
        d = fw.make_dual(x, t)
        out += [
            repr(d),
            repr(fw.unpack_dual(d * d)),
            repr(fw.unpack_dual(x)),
            repr(fw.unpack_dual(d.view(2, 1))[1].shape),
        ]
        out.append(repr(fw.unpack_dual(d.detach())))
        y = torch.zeros(3)
        y[0] = d[1] * 2
        out.append(repr(fw.unpack_dual(y)))
        z = torch.ones(2)
        z.mul_(d)
        z.add_(1)
        out.append(repr(fw.unpack_dual(z).tangent))
        z.fill_(2)
        out.append(repr(fw.unpack_dual(z).tangent))
        base = torch.zeros(2, 2)
        base[:, 1].copy_(d)
        out.append(repr(fw.unpack_dual(base)))
        for bad in (
            lambda: fw.make_dual(d, t),
            lambda: fw.make_dual(x, t[:1]),
            lambda: fw.make_dual(x.long(), t),
            fw.enter_dual_level,
        ):
            try:
                bad()
            except Exception as error:
                out.append(f"{type(error).__name__}: {error}")
    out.append(repr(fw.unpack_dual(d).tangent))
    for bad in (lambda: fw.make_dual(x, t), fw.exit_dual_level):
        try:
            bad()
        except Exception as error:
            out.append(f"{type(error).__name__}: {error}")
    return out


def test_dual_tensors() -> None:
    assert dual_program(tgrad) == dual_program(real)
