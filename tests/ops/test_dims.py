"""First-class dimensions beside PyTorch's: the same lines in a process for each library, since importing `functorch.dim` changes how
tensors are indexed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip("torch")

SETUP = """
import sys, json
A = torch.arange(12.).reshape(3, 4); B = torch.arange(20.).reshape(4, 5); W = torch.arange(24.).reshape(2, 3, 4)
"""

# Each line stands alone; what its last expression gives is compared as text.
LINES = r"""
i, j, k = dims(3); repr((i, j, k)), i.is_bound
i, j = dims(sizes=[3, None]); i.size, j.is_bound, str(i)
one = dims(1); repr(one)
i, = dims(1), ; i.size
dims()
i, j = dims(); repr((i, j))
for q in dims(2): pass
i, j = dims(2); A[i, j]
i, j = dims(2); x = A[i, j]; x.dims, x.ndim, i.size, j.size
i, j, k = dims(3); (A[i, k] * B[k, j]).sum(k).order(i, j)
i, j, k = dims(3); (A[i, k] * B[k, j]).sum(k).order(j, i).shape
i, j = dims(2); A[i, j].order((j, i)), A[i, j].order((i, j)).shape
i, j = dims(2); A[i, j].order(j, i)
i, j = dims(2); A[i].exp().order(i), A[:, j].sum(0).order(j), A[i].sum().order(i)
i, j = dims(2); (A[i, j] + i * 10 - j).order(i, j)
i, j = dims(2); A[i, j].sum((i, j)), A[i, j].mean(i).order(j), A[i, j].amax(j).order(i), A[i, j].prod(dim=j).order(i)
i, j = dims(2); A[i, j].softmax(j).order(i, j), A[i, j].cumsum(i).order(i, j)
i, j = dims(2); A[i, j].max(j)[0].order(i), A[i, j].argmin(i).order(j), A[i, j].var(j).order(i), A[i, j].logsumexp(j).order(i)
i, j = dims(2); (-A[i, j]).sort(j)[0].order(i, j)
i, j = dims(2); i.size = 2; torch.arange(24.)[(i, j),].order(i, j)
i, j, k = dims(3); i.size = 2; j.size = 5; torch.arange(24.)[(i, j, k),]
i, j = dims(2); A.index((0, 1), (i, j)).order(j, i)
i, j = dims(2); A.index(1, j).order(j)
i, j = dims(2); A.index((0, 1), (i,))
i = dims(1); torch.arange(9.).reshape(3, 3)[i, i].order(i)
i, j = dims(2); z = torch.zeros(3, 4); z[i, j] = A[i, j] * 2; z
i, j = dims(2); z = torch.zeros(4, 3); z[j, i] = A[i, j]; z
i, j = dims(2); z = torch.zeros(3, 4); z[i, 1] = A[i, 0]; z
i, j, n = dims(3); stack([A[i, j], A[i, j] + 1], n).order(n, i, j)
i, j, n = dims(3); cat([A[i, j], A[i, j]], j, n).order(i, n)
i, j, p, q = dims(4); p.size = 1; u, v = A[i, j].split((p, q), dim=j); u.order(i, p), v.order(i, q)
i, j, p, q = dims(4); p.size = 1; q.size = 1; A[i, j].split((p, q), dim=j)
i, j = dims(2); A[i, torch.tensor([0, 3])[j]].order(i, j)
i, j = dims(2); A[i, 1:3].order(i), A[i, -1].order(i), tuple(A[i, None].shape)
i, j, k = dims(3); W[i, ..., k].order(k, i)
i, j, k = dims(3); A[i, j, k]
i, j = dims(2); Dim('q').size
i, j = dims(2); A[i, j].order(i, i)
i, j, k = dims(3); A[i, j].order(k)
i = Dim('w', 3); i.size = 4
i, j = dims(2); (A[i, j] > 5).order(i, j), torch.where(A[i, j] > 5, A[i, j], 0.).order(i, j)
i, j = dims(2); torch.exp(A[i, j]).order(i, j), torch.relu(A[i, j] - 4).order(i, j), torch.maximum(A[i, j], A[i, j].mean(j)).order(i, j)
i, j, k = dims(3); a = A.clone().requires_grad_(); (a[i, j] * a[i, k]).sum((i, j, k)).backward(); a.grad
i, j = dims(2); (A[i] @ B).order(i), torch.nn.functional.linear(A[i], B.t()).order(i)
l = DimList(2); repr(l), len(l), repr(l[0]), l.is_bound
repr(DimList()), repr(DimList(name='abc'))
l = DimList(); len(l)
l = DimList(); l[0]
l = DimList(); l.size()
i, j, k = dims(3); i.size = 5; j.size = 5; torch.arange(24.)[(i, j),]
i, j, k = dims(3); torch.arange(24.)[(i, j),]
i, j = dims(sizes=[1, 2, 3])
l = DimList(2); l.bind_len(3)
l = DimList(2); l.bind([3, 4]); A[l].order(*l) if False else A[l[0], l[1]].order(*l)
"""

RUN = """
def run(line):
    scope = {**globals()}
    import ast
    tree = ast.parse(line)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    try:
        exec(compile(tree, "<l>", "exec"), scope)
        return repr(eval(compile(ast.Expression(last.value), "<l>", "eval"), scope)) if last else "nothing"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
print("RESULT" + json.dumps([run(line) for line in LINES]))
"""


def outcomes(start: str, lines: list[str]) -> list[str]:
    source = f"{start}\n{SETUP}\nLINES = {lines!r}\n{RUN}"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", source], capture_output=True, text=True, timeout=240)
    assert "RESULT" in done.stdout, done.stderr[-2000:]
    return json.loads(done.stdout.partition("RESULT")[2])


ALIAS = "from tgrad.interop import torch_alias; torch_alias.install()\n"
IMPORTS = "import torch\nfrom functorch.dim import Dim, DimList, cat, dims, stack"


def test_the_same_as_pytorchs():
    lines = LINES.strip().split("\n")
    ours, theirs = (outcomes(start + IMPORTS, lines) for start in (ALIAS, ""))
    wrong = [f"{line}\n  tgrad: {a}\n  torch: {b}" for line, a, b in zip(lines, ours, theirs, strict=True) if a != b]
    assert not wrong, "\n".join(wrong)


OWN = [
    # PyTorch forgets the size here
    ("i, j = dims(2); i.size = 3; A.t()[i, j]", "DimensionBindError: Dim 'i' previously bound to a dimension of size 3 cannot bind to a dimension of size 4"),
    # PyTorch never returns from these
    ("i, j = dims(2); A[i][0:2].order(i).shape", "torch.Size([3, 2])"),
    ("i, j = dims(2); A[i].order(i)[1, 2]", "tensor(6.)"),
    ("l = DimList(); A[l].order(*l).shape", "torch.Size([3, 4])"),
    ("i, j = dims(2); torch.func.vmap(lambda r: (r * A[0]).sum())(A)", "tensor([14., 38., 62.])"),
    ("i, j = dims(2); x = A[i, j]; torch.randn(2).shape, torch.linalg.inv(torch.eye(2)), A.sum()", "(torch.Size([2]), tensor([[1., 0.],\n        [0., 1.]]), tensor(66.))"),
    ("import threading; i, j = dims(2); A[i, j]; out = []; t = threading.Thread(target=lambda: out.append((A[i, j] * 2).order(i, j).sum())); t.start(); t.join(); out", "[tensor(132.)]"),
]  # fmt: skip


def test_where_pytorch_errs_and_beside_other_transforms():
    got = outcomes(ALIAS + IMPORTS, [line for line, _ in OWN])
    assert got == [want for _, want in OWN]


def test_nothing_changes_before_it_is_imported():
    source = """
import tgrad as torch, sys
before = torch.Tensor.__getitem__
from tgrad.graph.modes import state
torch.ones(2)[0]
assert "tgrad.functorch" not in sys.modules and not state.levels
torch.Tensor.index
assert "tgrad.functorch" not in sys.modules
from tgrad.functorch.dim import dims
i, j = dims()
assert not state.levels and not state.hooked
assert torch.ones(2, 3).index((0, 1), (i, j)).order(j, i).shape == (3, 2) and state.levels
print("RESULT")
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=100)
    assert "RESULT" in done.stdout, done.stderr
