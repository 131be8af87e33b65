"""Products of matrices and einsum beside PyTorch."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tgrad

from .mirror import same, torch
from .oracle import compare_gradients, to_tgrad, values

PRODUCTS = [
    "torch.mm(x,x)",
    "torch.mm(x[0],x)",
    "x@x",
    "x@z",
    "x@x[0].long()",
    "torch.mv(x,x)",
    "torch.dot(x,x)",
    "torch.dot(x[0],x[0,:2])",
    "torch.bmm(x,x)",
    "torch.addmm(x,x,x)",
    "torch.addmm(x[0],x,x.t())",
    "torch.outer(x,x[0])",
    "torch.inner(x,x[:,:2])",
    "torch.tensordot(x,x,3)",
    "torch.tensordot(x,x,([0],[1]))",
    "torch.tensordot(x,x,([0,1],[0]))",
    "torch.kron(x[0],x[1])",
    "torch.cross(x,x)",
    "torch.cross(x,x,dim=1)",
    "torch.trace(x[0])",
    "torch.einsum('ij,jk',x,x)",
    "torch.einsum('ij,jk->ik',x,x)",
    "torch.einsum('i',x)",
    "torch.einsum('ii',x)",
    "torch.einsum('ij->k',x)",
    "torch.einsum('ij->ii',x)",
    "torch.einsum('i1',x)",
    "torch.einsum('i.j',x)",
    "torch.einsum('ij,jk',x)",
    "torch.einsum('ij',x,x)",
    "torch.einsum('ij->ji',x)",
    "torch.einsum('...->...',x)",
    "torch.einsum('...i',x)",
    "torch.einsum('i...->...i',x)",
    "torch.einsum('......',x)",
    "torch.einsum('ij->...i',x)",
    "torch.einsum(x,[0,1],x,[2,1],[0,2])",
    "torch.einsum(x,[0,...],x,[2,...],[0,2])",
    "torch.einsum('')",
    "torch.einsum('ij')",
    "torch.vdot(x[0],x[1])",
    "torch.mm(x,l.t())",
    "torch.mv(x,l[0])",
    "torch.mv(x,x[:,0])",
    "torch.mv(x[0],x[0])",
    "torch.dot(x[0],l[0])",
    "torch.vdot(x[0],l[0])",
    "torch.bmm(b,b)",
    "torch.bmm(b,b.long())",
    "torch.bmm(b,b.transpose(1,2).long())",
    "torch.bmm(x,b)",
    "torch.bmm(b,x)",
    "torch.bmm(b,torch.zeros(3,4,3))",
    "torch.matmul(b,torch.zeros(3,4,3))",
    "torch.matmul(b,x)",
    "torch.matmul(b,x.t().long())",
    "torch.matmul(b,torch.zeros(3))",
    "torch.matmul(torch.zeros(2,2,3,4),torch.zeros(3,4,5))",
    "torch.addmm(x,x,x.t())",
    "torch.addmm(x,x[0],x)",
    "torch.addmm(x,x,l.t())",
    "torch.addmm(l,x,x.t())",
    "torch.addmm(torch.zeros(1,1,1),x,x.t())",
    "torch.addmm(torch.zeros(3,3),x,x.t(),beta=0.5,alpha=2).shape",
    "torch.addmm(torch.zeros(3,3).long(),l,l.t(),beta=0.5)",
    "torch.addmm(torch.zeros(3,3).long(),l,l.t(),alpha=0.5)",
    "torch.baddbmm(b,b,b)",
    "torch.baddbmm(torch.zeros(2,3,3),b,b.transpose(1,2)).shape",
    "torch.baddbmm(torch.zeros(2,3,3),b,b.transpose(1,2).long())",
    "torch.baddbmm(torch.zeros(2,3,3).long(),b,b.transpose(1,2))",
    "torch.baddbmm(torch.zeros(2,3,5),b,b.transpose(1,2))",
    "torch.baddbmm(torch.zeros(2,3,3),x,x)",
    "torch.addbmm(torch.zeros(3,3),b,b.transpose(1,2)).shape",
    "torch.addbmm(torch.zeros(3,4),b,b.transpose(1,2))",
    "torch.addbmm(torch.zeros(3,3),b,b)",
    "torch.addbmm(torch.zeros(3,3).long(),b,b.transpose(1,2))",
    "torch.addmv(torch.zeros(3),x,x[0]).shape",
    "torch.addmv(torch.zeros(4),x,x[0])",
    "torch.addmv(torch.zeros(3),x,x[:,0])",
    "torch.addmv(torch.zeros(3).long(),x,x[0])",
    "torch.addmv(torch.zeros(3),x,l[0])",
    "torch.addmv(x,x,x[0])",
    "torch.addr(torch.zeros(3,4),x[:,0],x[0]).shape",
    "torch.addr(torch.zeros(3,3),x[:,0],x[0])",
    "torch.addr(torch.zeros(3,4),x,x[0])",
    "torch.addr(torch.zeros(3,4).long(),l[:,0],l[0],beta=.5)",
    "torch.addr(torch.zeros(3,4),l[:,0],l[0]).dtype",
    "torch.addr(torch.zeros(3,4,dtype=torch.bool),l[:,0],l[0]).dtype",
    "torch.outer(x,x[0])",
    "torch.outer(x[0],x)",
    "torch.outer(x[0],l[0]).dtype",
    "torch.ger(x[0],l[0]).dtype",
    "torch.inner(x,x[:,:2])",
    "torch.inner(x,l)",
    "torch.inner(x[0],x[1])",
    "torch.inner(torch.tensor(2.),x)",
    "torch.tensordot(x,x,-1)",
    "torch.tensordot(x,l,2)",
    "torch.tensordot(x,x,2)",
    "torch.tensordot(x,x,0).shape",
    "torch.tensordot(x,x,([0,1],[1,0]))",
    "torch.kron(x,torch.tensor(2.))",
    "torch.kron(x[0],x).shape",
    "torch.cross(x,x,dim=0)",
    "torch.cross(x[:,:3],x[:,:2])",
    "torch.cross(x[:,:3],x[:,:3]).tolist()",
    "torch.cross(x[:,:3],l[:,:3])",
    "torch.trace(x)",
    "torch.trace(l)",
    "torch.trace(b)",
    "torch.trace(torch.zeros(0,0))",
    "torch.trace(torch.zeros(2,2,dtype=torch.bool))",
    "torch.mm(torch.zeros(2,2,dtype=torch.bool),torch.zeros(2,2,dtype=torch.bool))",
    "torch.mm(l,l.t())",
    "torch.mm(l.to(torch.int8),l.t().to(torch.int8))",
    "torch.bmm(b.bool(),b.transpose(1,2).bool())",
    "torch.dot(x[0].bool(),x[0].bool())",
    "torch.mv(x.bool(),x[0].bool())",
    "torch.mm(torch.zeros(0,3),torch.zeros(3,2))",
    "torch.mm(torch.zeros(2,0),torch.zeros(0,2))",
    "torch.chain_matmul(x,x.t())",
    "x.matmul(2)",
    "x@2",
    "2@x",
    "torch.matmul(x,2)",
    "torch.matmul(x,[1])",
    "torch.mm(x,2)",
    "torch.einsum('ij,jk->ik',x,x.t().long())",
    "torch.einsum('ij,jk->ik',x,[1])",
    "torch.einsum(1,x)",
    "torch.einsum('ij->','a')",
    "torch.einsum(x,[0,52],[0])",
    "torch.einsum(x,['a',1],[0])",
    "torch.einsum('ij,ij->i',[x,x])",
    "torch.einsum('i j , j k -> i k',x,x.t())",
    "torch.einsum('ij->i->j',x)",
    "torch.einsum('ij,jk,kl->il',x,x.t(),x)",
    "torch.einsum('iijj->ij',torch.arange(36.).reshape(2,2,3,3))",
    "torch.einsum('bij,bij->b',b+1,b+1)",
    "torch.einsum('...ij,...jk->...ik',b+1,x.t())",
    "torch.einsum('ij,->ij',x,torch.tensor(2.))",
    "torch.einsum(',->',torch.tensor(3.),torch.tensor(2.))",
    "torch.einsum('i,j->ij',x[0],x[1])",
    "torch.einsum('i,j->ji',x[0],x[1])",
    "torch.einsum('ij,ji',x,x.t())",
    "torch.einsum('ba',x)",
    "torch.einsum('a...,a...->...',x,x)",
    "torch.einsum('a...,b...->ab',x,x)",
    "torch.einsum('ij,kj->',x,x[:1])",
    "torch.einsum('ij,ij->ij',x,x[:1])",
]


@pytest.mark.parametrize("source", PRODUCTS)
def test_products(source: str) -> None:
    same(source)


# ---- matmul: every pair of dimensions, layouts, who needs a gradient

LEFT = {1: (4,), 2: (3, 4), 3: (2, 3, 4), 4: (5, 2, 3, 4)}
RIGHT = {1: (4,), 2: (4, 2), 3: (2, 4, 2), 4: (1, 2, 4, 2)}


def _names(node: Any, depth: int = 8) -> list[Any]:
    if node is None or depth == 0 or node.name() == "torch::autograd::AccumulateGrad":
        return []
    return [node.name(), [_names(n, depth - 1) for n, _ in node.next_functions]]


def _input(lib: Any, shape: tuple[int, ...], turned: bool, wants: bool, seed: int) -> Any:
    values = np.random.default_rng(seed).normal(size=shape)
    if turned and len(shape) > 1:
        values = np.ascontiguousarray(values.swapaxes(-1, -2))
    t = lib.tensor(values.tolist(), dtype=lib.float64)
    return (t.transpose(-1, -2) if turned and len(shape) > 1 else t).detach().requires_grad_(wants)


def _product(lib: Any, m: int, n: int, turned: tuple[bool, bool], wants: tuple[bool, bool]) -> Any:
    a = _input(lib, LEFT[m], turned[0], wants[0], 1)
    b = _input(lib, RIGHT[n], turned[1], wants[1], 2)
    y = a @ b
    live = [t for t in (a, b) if t.requires_grad]
    first = lib.autograd.grad((y**3).sum(), live, create_graph=True)
    second = lib.autograd.grad(sum((g**2).sum() for g in first), live)
    steps = [s for s, k in zip(y.stride(), y.shape, strict=True) if k > 1]
    return _names(y.grad_fn), tuple(y.shape), steps, [t.detach().tolist() for t in (y, *first, *second)]


@pytest.mark.parametrize("m", LEFT)
@pytest.mark.parametrize("n", RIGHT)
def test_matmul(m: int, n: int) -> None:
    for turned in itertools.product((False, True), repeat=2):
        for wants in ((True, True), (True, False), (False, True)):
            ours, theirs = (_product(lib, m, n, turned, wants) for lib in (tgrad, torch))
            assert ours[:3] == theirs[:3], (turned, wants)
            for x, y in zip(ours[3], theirs[3], strict=True):
                np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-10)


def test_einsum_follows_the_path_of_opt_einsum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any order of products gives the same; the package is asked for it where there are three operands or more."""
    from tgrad.composite.einsum import PATHS

    asked: list[tuple[str, str]] = []

    class Package:
        @staticmethod
        def contract_path(
            equation: str, *shapes: tuple[int, ...], shapes_given: bool = True, optimize: str, **_: Any
        ) -> Any:
            asked.append((equation, optimize))
            assert shapes == ((2, 3), (3, 4), (4, 5), (5, 2))
            return [(1, 2), (0, 2), (0, 1)], "what it costs"

    operands = [values(shape, "float64", seed=i) for i, shape in enumerate([(2, 3), (3, 4), (4, 5), (5, 2)])]
    equation = "ij,jk,kl,lm->im"
    compare_gradients(lambda *x: tgrad.einsum(equation, *x), lambda *x: torch.einsum(equation, *x), operands, scale=64)
    monkeypatch.setattr(PATHS, "get_opt_einsum", lambda: Package)
    monkeypatch.setattr(PATHS, "strategy", "greedy")
    assert tgrad.backends.opt_einsum.is_available()
    compare_gradients(lambda *x: tgrad.einsum(equation, *x), lambda *x: torch.einsum(equation, *x), operands, scale=64)
    assert asked == [(equation, "greedy")]
    monkeypatch.setattr(PATHS, "enabled", False)
    tgrad.einsum(equation, *[to_tgrad(t) for t in operands])
    tgrad.einsum("ij,jk->ik", *[to_tgrad(t) for t in operands[:2]])
    assert len(asked) == 1
