"""Reading and writing by index beside PyTorch: values, errors and their texts."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tgrad

from .mirror import same, torch

READ = [
    "x[[[0,1],[1,2]]]",
    "x[[0,1]]",
    "x[[0,1],[1,2]]",
    "x[[slice(0,2)]]",
    "x[[slice(0,2),0]]",
    "x[[None,0]]",
    "x[[torch.tensor(0),1]]",
    "x[[torch.tensor([0]),torch.tensor([1])]]",
    "x[[np.array([0,1]),np.array([1,2])]]",
    "x[[[True,False,True]]]",
    "x[[True,False,True]]",
    "x[[]]",
    "x[()]",
    "x[[[]]]",
    "x[np.array([True,False,True])]",
    "x[np.array(1)]",
    "x[np.int64(1)]",
    "x[np.float32(1)]",
    "x[1.0]",
    "x['a']",
    "x[{}]",
    "x[1,2,3]",
    "x[5]",
    "x[-4]",
    "x[0,7]",
    "x[:,9]",
    "z[0]",
    "z[:]",
    "z[...]",
    "z[None]",
    "z[True]",
    "z[False]",
    "z[()]",
    "z[torch.tensor(True)]",
    "z[torch.tensor(0)]",
    "x[...,...]",
    "x[...,...,0]",
    "x[True]",
    "x[False]",
    "x[True,0]",
    "x[True,False]",
    "x[None,True,[0,1]]",
    "x[[0,1],None,[1,2]]",
    "x[m]",
    "x[m[:,0]]",
    "x[m[:2]]",
    "x[m.T]",
    "x[m,0]",
    "x[m[:,0],0]",
    "x[0,m[0]]",
    "x[m[:,0],m[0]]",
    "x[torch.tensor([0,5])]",
    "x[torch.tensor([0,-4])]",
    "x[torch.tensor([0.5])]",
    "x[torch.tensor([0,1],dtype=torch.int32)]",
    "x[torch.tensor([0,1],dtype=torch.int16)]",
    "x[torch.tensor([0,1],dtype=torch.int8)]",
    "x[torch.tensor([0,1,1],dtype=torch.uint8)]",
    "x[[0,1],[0,1,2]]",
    "x[torch.tensor([[0],[1]]),torch.tensor([0,1,2])]",
    "x[:,torch.tensor([0,1])]",
    "x[torch.tensor([0,1]),...,torch.tensor([0,1])]",
    "x[::2]",
    "x[::-1]",
    "x[::0]",
    "x[1:'a']",
    "x[torch.tensor(0):torch.tensor(2)]",
    "x[np.int64(0):2]",
    "x[1.0:2]",
    "x[0:2.0]",
    "x[5:2]",
    "x[-100:100]",
    "x[range(2)]",
    "x[(0,1),]",
    "x[[0,[1,2]]]",
    "x[[(0,1),(1,2)]]",
    "x[((0,1),(1,2))]",
    "x[np.array([[0,1],[1,2]])]",
    "x[np.array([0.5])]",
    "x[np.array(['a'])]",
    "x[1j]",
    "x[torch.tensor(1),torch.tensor([0,1])]",
    "x[slice(None),None,None]",
    "x[torch.tensor([],dtype=torch.long)]",
    "x[torch.tensor([])]",
    "x[:0][torch.tensor([0])]",
    "torch.zeros(0,3)[torch.tensor([],dtype=torch.long)]",
    "torch.zeros(0,3)[:,torch.tensor([5])]",
    "torch.zeros(2,0)[torch.tensor([5])]",
    "torch.zeros(3,0)[torch.tensor([0,1])]",
    "x[object()]",
    "x[None]",
    "x[torch.tensor([[True,False,True,False]])]",
    "x[torch.tensor(True)]",
    "x[torch.tensor(False)]",
    "x[torch.tensor(1,dtype=torch.uint8)]",
    "x[[1.5]]",
    "x[['a']]",
    "x[[None]]",
    "x[[0,None]]",
    "x[[...,0]]",
    "x[[torch.tensor([0,1])]]",
    "x[[[0,1],slice(None)]]",
    "x[[[0,1],torch.tensor([1,1])]]",
    "x[list(range(2))*20]",
    "x[0][0][0][0]",
    "x[0:1,0:1,0:1]",
]

WRITE = [
    "x[0]=1; (x, z, i, m)",
    "x[0]=True; (x, z, i, m)",
    "x[0]=1j; (x, z, i, m)",
    "x[0]='a'; (x, z, i, m)",
    "x[0]=[1,2,3,4]; (x, z, i, m)",
    "x[0]=(1,2,3,4); (x, z, i, m)",
    "x[0]=np.array([1.,2,3,4]); (x, z, i, m)",
    "x[0]=np.float64(3); (x, z, i, m)",
    "x[0]=np.int64(3); (x, z, i, m)",
    "x[0]=np.array(3.); (x, z, i, m)",
    "x[0]=None; (x, z, i, m)",
    "x[0]=torch.arange(4); (x, z, i, m)",
    "x[0]=torch.arange(3); (x, z, i, m)",
    "x[0]=torch.ones(1,4); (x, z, i, m)",
    "x[0]=torch.ones(1,1,4); (x, z, i, m)",
    "x[0]=torch.ones(2,4); (x, z, i, m)",
    "x[0]=torch.ones(1); (x, z, i, m)",
    "x[:]=torch.ones(4); (x, z, i, m)",
    "x[:]=torch.ones(3,1); (x, z, i, m)",
    "x[:]=torch.ones(3); (x, z, i, m)",
    "x[...]=5; (x, z, i, m)",
    "x[True]=5; (x, z, i, m)",
    "x[False]=5; (x, z, i, m)",
    "x[None]=5; (x, z, i, m)",
    "x[None]=torch.ones(3,4); (x, z, i, m)",
    "x[m]=0; (x, z, i, m)",
    "x[m]=torch.arange(6.); (x, z, i, m)",
    "x[m]=torch.arange(5.); (x, z, i, m)",
    "x[m]=torch.arange(6); (x, z, i, m)",
    "x[m]=torch.tensor(7); (x, z, i, m)",
    "x[m]=1j; (x, z, i, m)",
    "x[m]=torch.tensor(1j); (x, z, i, m)",
    "x[0]=torch.tensor(1j); (x, z, i, m)",
    "x[[0,1]]=torch.ones(4); (x, z, i, m)",
    "x[[0,1]]=torch.ones(2,4); (x, z, i, m)",
    "x[[0,1]]=torch.ones(1,2,4); (x, z, i, m)",
    "x[[0,1]]=torch.ones(3,4); (x, z, i, m)",
    "x[[0,1]]=torch.ones(2,4).double(); (x, z, i, m)",
    "x[[0,1]]=torch.ones(2,4).long(); (x, z, i, m)",
    "x[[0,1]]=2; (x, z, i, m)",
    "x[[0,0],[1,1]]=torch.tensor([1.,2.]); (x, z, i, m)",
    "x[:,0]=torch.tensor([1,2,3]); (x, z, i, m)",
    "x[5]=1; (x, z, i, m)",
    "x[0,0,0]=1; (x, z, i, m)",
    "x['a']=1; (x, z, i, m)",
    "x[1.0]=1; (x, z, i, m)",
    "x[m.T]=0; (x, z, i, m)",
    "x[:,[0,1]]=torch.ones(3,2)*9; (x, z, i, m)",
    "x[0:2,[0,1]]=torch.ones(2)*9; (x, z, i, m)",
    "x[torch.tensor(1)]=9; (x, z, i, m)",
    "x[...,torch.tensor([0])]=9; (x, z, i, m)",
    "x[m[:,0],1:3]=9; (x, z, i, m)",
    "x[m,None]=9; (x, z, i, m)",
    "x[::2]=x[:2].clone(); (x, z, i, m)",
    "x[::-1]=0; (x, z, i, m)",
    "x.T[0]=9; (x, z, i, m)",
    "x.expand(2,3,4)[0]=1; (x, z, i, m)",
    "x[0].expand(2,4)[0]=1; (x, z, i, m)",
    "i[0]=1.7; (x, z, i, m)",
    "i[0]=torch.tensor([1.7,2.7,3.7]); (x, z, i, m)",
    "i[0]=True; (x, z, i, m)",
    "i[[0]]=1.7; (x, z, i, m)",
    "i[[0]]=torch.tensor([1.7,2.7,3.7]); (x, z, i, m)",
    "m[0]=2; (x, z, i, m)",
    "m[0]=0.5; (x, z, i, m)",
    "m[m]=False; (x, z, i, m)",
    "x[x>3]=x[x>3]*2; (x, z, i, m)",
    "x[x>3]+=1; (x, z, i, m)",
    "x[[0,0]]+=1; (x, z, i, m)",
    "x[0]+=1; (x, z, i, m)",
    "x[:,1]*=2; (x, z, i, m)",
    "z[0]=1; (x, z, i, m)",
    "z[...]=1; (x, z, i, m)",
    "z[()]=1; (x, z, i, m)",
    "z[None]=1; (x, z, i, m)",
    "z[True]=1; (x, z, i, m)",
    "z[torch.tensor(True)]=4; (x, z, i, m)",
    "x[0,...]=torch.zeros(2); (x, z, i, m)",
    "x[0]=torch.zeros(0); (x, z, i, m)",
    "x[x>100]=torch.zeros(0); (x, z, i, m)",
    "x[x>100]=torch.zeros(2); (x, z, i, m)",
    "x[[]]=1; (x, z, i, m)",
    "x[[]]=torch.zeros(0,4); (x, z, i, m)",
    "del x[0]; (x, z, i, m)",
]

FUNCTIONS = [
    "x.index_put((torch.tensor([0]),),torch.tensor(1.))",
    "x.index_put((torch.tensor([0]),None),torch.tensor(1.))",
    "x.index_put([torch.tensor([0,0])],torch.ones(4),accumulate=True)",
    "x.index_put((torch.tensor([0]),torch.tensor([1]),torch.tensor([1])),torch.tensor(1.))",
    "x.index_put((torch.tensor([7]),),torch.tensor(1.))",
    "x.index_put((m,),torch.tensor(1.))",
    "x.index_put((m,),torch.tensor(1))",
    "x.index_put((torch.tensor([0]),),1.)",
    "x.index_put(torch.tensor([0]),torch.tensor(1.))",
    "x.index_put_((m,),torch.tensor(1.),True)",
    "x.gather(0,i)",
    "x.gather(0,torch.tensor([[0,1,2,0]]))",
    "x.gather(5,i)",
    "x.take(torch.tensor([0,13]))",
    "x.take(torch.tensor([0,-1]))",
    "x.take(torch.tensor([0.]))",
    "x.masked_select(torch.tensor([1]))",
    "x.index_select(0,torch.tensor([0,3]))",
    "x.index_select(0,torch.tensor([[0]]))",
    "x.index_select(2,torch.tensor([0]))",
    "x.index_fill(0,torch.tensor([0]),torch.tensor([1.]))",
    "x.index_fill(0,torch.tensor([0]),torch.tensor(1.))",
    "x.index_fill(0,torch.tensor([5]),1)",
    "x.index_copy(0,torch.tensor([0]),torch.ones(4))",
    "x.index_copy(0,torch.tensor([0]),torch.ones(1,4))",
    "x.index_copy(0,torch.tensor([0,1]),torch.ones(1,4))",
    "x.index_add(0,torch.tensor([0]),torch.ones(1,4),alpha=2)",
    "x.index_add(0,torch.tensor([4]),torch.ones(1,4))",
    "x.index_add(0,torch.tensor([0,0]),torch.ones(1,4))",
    "x.scatter(0,torch.tensor([[0,1]]),1.)",
    "x.scatter(0,torch.tensor([[0,1]]),torch.ones(1,2),reduce='add')",
    "x.scatter(0,torch.tensor([[0,1]]),2.,reduce='multiply')",
    "x.scatter(0,torch.tensor([[0,1]]),2.,reduce='x')",
    "x.scatter_reduce(0,torch.tensor([[0,0]]),torch.ones(1,2),'x')",
    "x.scatter_reduce(0,torch.tensor([[0,0]]),torch.ones(1,2),'mean')",
    "x.masked_scatter(m,torch.ones(3))",
    "x.put(torch.tensor([0,1]),torch.tensor([9.]))",
    "x.put(torch.tensor([0,15]),torch.tensor([9.,8.]))",
    "x.nonzero(as_tuple=True)",
    "x.nonzero()",
    "torch.where(m)",
    "torch.where(m,x,torch.tensor(1))",
    "torch.where(m,1,2)",
    "torch.where(m,1.,2)",
    "torch.where(i,x,x)",
    "x.sort(3)",
    "x.topk(5)",
    "x.kthvalue(9)",
    "torch.searchsorted(torch.tensor([1.,2,3]),torch.tensor([0.,2,5]))",
    "torch.searchsorted(torch.tensor([1.,2,3]),2.,right=True)",
    "torch.bucketize(torch.tensor([0.,2,5]),torch.tensor([1.,2,3]))",
    "torch.bucketize(2,torch.tensor([1.,2,3]))",
    "torch.unravel_index(torch.tensor([5]),(3,4))",
    "torch.select_scatter(x,torch.zeros(3),0,0)",
    "torch.select_scatter(x,torch.zeros(4),0,0)",
    "torch.diagonal_scatter(x,torch.zeros(2))",
    "torch.slice_scatter(x,torch.zeros(2,4),0,0,2)",
    "torch.take_along_dim(x,torch.tensor([[0]]),1)",
    "torch.take_along_dim(x,torch.tensor([[-1]]),1)",
    "torch.take_along_dim(x,torch.tensor([[9]]),1)",
    "torch.argsort(x[0],descending=True)",
    "torch.msort(x)",
    "torch.scatter(x,0,i,1)",
]


@pytest.mark.parametrize("source", READ)
def test_read(source: str) -> None:
    same(source)


@pytest.mark.parametrize("source", WRITE)
def test_write(source: str) -> None:
    same(source)


@pytest.mark.parametrize("source", FUNCTIONS)
def test_functions(source: str) -> None:
    same(source)


# ---- random keys


class Piece:
    """One element of a key, as text (for messages) and as each library's object."""

    def __init__(self, text: str, make: Any) -> None:
        self.text, self.make = text, make

    def __repr__(self) -> str:
        return self.text


def _tensor(values: Any, dtype: str) -> Piece:
    return Piece(f"tensor({values}, {dtype})", lambda lib: lib.tensor(values, dtype=getattr(lib, dtype)))


def _plain(value: Any) -> Piece:
    return Piece(repr(value), lambda lib: value)


def _nested(draw: Any, shape: tuple[int, ...], low: int, high: int) -> Any:
    if not shape:
        return draw(st.integers(low, high))
    return [_nested(draw, shape[1:], low, high) for _ in range(shape[0])]


@st.composite
def keys(draw: Any, shape: tuple[int, ...]) -> list[Piece]:
    spread = draw(st.sampled_from([(2,), (1,), (2, 1), (3,), (2, 2), ()]))
    out: list[Piece] = []
    dim = 0
    while dim < len(shape) and draw(st.integers(0, 5)):
        n = shape[dim]
        kind = draw(st.sampled_from(["int", "slice", "none", "dots", "index", "list", "array", "mask", "bool"]))
        dim += kind not in ("none", "dots", "bool")
        if kind == "int":
            out.append(
                _plain(draw(st.integers(-n - 1, n) if draw(st.integers(0, 9)) == 0 else st.integers(-n, max(n - 1, 0))))
            )
        elif kind == "slice":
            bound = st.none() | st.integers(-n - 2, n + 2)
            out.append(_plain(slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 3)))))
        elif kind == "none":
            out.append(_plain(None))
        elif kind == "dots":
            if not any(p.text == "Ellipsis" for p in out):
                out.append(_plain(Ellipsis))
        elif kind == "bool":
            out.append(_plain(draw(st.booleans())))
        elif kind == "mask":
            out.append(_tensor([draw(st.booleans()) for _ in range(n)], "bool"))
        else:
            values = _nested(draw, spread, -n, max(n - 1, 0))
            if kind == "index":
                out.append(_tensor(values, draw(st.sampled_from(["int64", "int32"]))))
            elif kind == "array":
                out.append(Piece(f"np.array({values})", lambda lib, v=values: np.array(v)))
            else:
                out.append(_plain(values))
    return out


@st.composite
def cases(draw: Any) -> tuple[tuple[int, ...], list[int], list[Piece]]:
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    order = draw(st.permutations(range(len(shape))))
    return shape, list(order), draw(keys(tuple(shape[d] for d in order)))


def _source(lib: Any, shape: tuple[int, ...], order: list[int]) -> tuple[Any, Any]:
    n = int(np.prod(shape))
    leaf = (lib.arange(float(n)) / 8 + 0.5).reshape(shape).detach().requires_grad_()
    return leaf, (leaf * 1).permute(order)


def _key(lib: Any, pieces: list[Piece]) -> Any:
    made = tuple(p.make(lib) for p in pieces)
    return made[0] if len(made) == 1 else made


def _read(lib: Any, case: Any) -> Any:
    shape, order, pieces = case
    leaf, x = _source(lib, shape, order)
    try:
        y = x[_key(lib, pieces)]
        (y * y).sum().backward()
    except Exception as error:
        return type(error).__name__, str(error).split("\n")[0]
    return tuple(y.shape), y.grad_fn.name(), y.tolist(), leaf.grad.tolist()


def _write(lib: Any, case: Any, cut: int) -> Any:
    shape, order, pieces = case
    leaf, x = _source(lib, shape, order)
    try:
        with lib.no_grad():
            target = tuple(x[_key(lib, pieces)].shape)[cut:]
        value = (lib.arange(float(np.prod(target))) + 10).reshape(target).requires_grad_()
        x[_key(lib, pieces)] = value
        (x * x).sum().backward()
    except Exception as error:
        return type(error).__name__, str(error).split("\n")[0]
    return x.tolist(), leaf.grad.tolist(), value.grad.tolist() if value.grad is not None else None


def _unique(case: Any) -> bool:
    """Whether the key names no element twice: what stays, when two values go to one place, is nobody's promise."""
    shape, order, pieces = case
    with contextlib.suppress(Exception):
        picked = torch.arange(int(np.prod(shape))).reshape(shape).permute(order)[_key(torch, pieces)]
        return picked.unique().numel() == picked.numel()
    return True


@settings(max_examples=400, deadline=None)
@given(cases())
def test_read_any_key(case: Any) -> None:
    assert _read(tgrad, case) == _read(torch, case)


@settings(max_examples=400, deadline=None)
@given(cases(), st.integers(0, 2))
def test_write_any_key(case: Any, cut: int) -> None:
    if _unique(case):
        assert _write(tgrad, case, cut) == _write(torch, case, cut)
