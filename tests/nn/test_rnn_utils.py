"""Packed and padded sequences, and the adaptive softmax, next to PyTorch's."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from twins import array, message, node, pair, same

# Each prints the same in both libraries, or raises the same. R: nn.utils.rnn; x: floats [4, 3], y: [4, 3, 2]; s: sequences
SOURCES = """
R.pack_padded_sequence(x, [4, 2, 1])
R.pack_padded_sequence(x, torch.tensor([4, 2, 1]))
R.pack_padded_sequence(y, [4, 2, 2]).data
R.pack_padded_sequence(x.t(), [4, 2, 1], batch_first=True)
R.pack_padded_sequence(y.transpose(0, 1), [2, 4, 1], True, False)
R.pack_padded_sequence(x, [4, 1, 2], enforce_sorted=False)
R.pack_padded_sequence(x, torch.tensor([4.0, 1, 2]), enforce_sorted=False)
R.pack_padded_sequence(x.long(), [3, 3, 3])
R.pack_padded_sequence(x, [5, 2, 1])
R.pack_padded_sequence(x, [4, 1, 2])
R.pack_padded_sequence(x, [4, 2])
R.pack_padded_sequence(x, [4, 2, 0])
R.pack_padded_sequence(x, [4, 2, -1])
R.pack_padded_sequence(x[0], [3])
R.pack_padded_sequence(x[:0], [4, 2, 1])
R.pack_padded_sequence(1, [1])
R.pack_padded_sequence(x, 4)
R.pad_packed_sequence(packed)
R.pad_packed_sequence(packed, True)
R.pad_packed_sequence(packed, padding_value=-1.5, total_length=6)
R.pad_packed_sequence(packed, batch_first=True, total_length=5)
R.pad_packed_sequence(packed, total_length=2)
R.pad_packed_sequence(unsorted)
R.pad_packed_sequence(unsorted, batch_first=True, padding_value=7)
R.pad_packed_sequence(3)
R.pad_sequence(s)
R.pad_sequence(s, True)
R.pad_sequence(s, batch_first=True, padding_side='left', padding_value=3)
R.pad_sequence(s, False, 2.5, 'left')
R.pad_sequence((t for t in s))
R.pad_sequence(torch.ones(2, 3, 4))
R.pad_sequence([torch.ones(3).long(), torch.ones(2)], padding_value=0.5)
R.pad_sequence([torch.ones(3), torch.ones(2).double()])
R.pad_sequence([torch.ones(0, 2), torch.ones(1, 2)])
R.pad_sequence(s, padding_side='up')
R.pad_sequence([])
R.pad_sequence(3)
R.pad_sequence([1, 2])
R.pad_sequence([torch.tensor(1.0)])
R.pad_sequence([torch.ones(3), torch.ones(2, 2)])
R.pad_sequence([torch.ones(3, 1), torch.ones(2, 2)])
R.pack_sequence(s)
R.pack_sequence(s[::-1])
R.pack_sequence(s[::-1], enforce_sorted=False)
R.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
R.unpad_sequence(R.pad_sequence(s), torch.tensor([3, 2, 1]))
R.unpad_sequence(R.pad_sequence(s, True), torch.tensor([3, 2, 1]), batch_first=True)
R.unpack_sequence(packed)
R.unpack_sequence(unsorted)
R.invert_permutation(torch.tensor([2, 0, 1]))
R.invert_permutation(None)
R.PackedSequence(x, torch.tensor([3]))
R.PackedSequence((x, 2))
R.PackedSequence(x, torch.tensor([3]), torch.tensor([1, 0, 2]))
R.PackedSequence(1)
R.PackedSequence(x, 3)
unsorted.to(torch.float64)
unsorted.to(torch.float32) is unsorted
unsorted.cpu() is unsorted, unsorted.float() is unsorted, unsorted.is_cuda, unsorted.is_pinned()
[getattr(packed, n)().data for n in 'double half long int short char byte'.split()]
packed.cuda()
packed._fields, type(packed).__mro__[1].__name__, len(packed), packed == tuple(packed)
packed._replace(batch_sizes=None)
""".strip().splitlines()


def scope(T: Any) -> dict[str, Any]:
    R = T.nn.utils.rnn
    x = T.arange(12.0).reshape(4, 3).requires_grad_()
    y = T.arange(24.0).reshape(4, 3, 2).requires_grad_()
    s = [T.arange(2.0 * n).reshape(n, 2).requires_grad_() for n in (3, 2, 1)]
    unsorted = R.pack_padded_sequence(y, [2, 4, 1], enforce_sorted=False)
    return {"R": R, "torch": T, "x": x, "y": y, "s": s, "packed": R.pack_sequence(s), "unsorted": unsorted}


@pytest.mark.parametrize("source", SOURCES)
def test_like_pytorch(torch: ModuleType, source: str) -> None:
    said = []
    for T in (tgrad, torch):
        try:
            said.append(repr(eval(source, scope(T))))
        except Exception as e:
            said.append(f"{type(e).__name__}: {e}")
    assert said[0] == said[1]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("lengths", [[4, 2, 1], [4, 4, 4], [1, 4, 2]], ids=str)
def test_gradients(torch: ModuleType, lengths: list[int], first: bool) -> None:
    """Through packing, and through unpacking, to second order."""
    found = []
    for T, x in zip((tgrad, torch), pair(torch, 3, 4, 2) if first else pair(torch, 4, 3, 2), strict=True):
        R = T.nn.utils.rnn
        packed = R.pack_padded_sequence(x, lengths, first, False)
        padded, back = R.pad_packed_sequence(packed, first, 2.0, 5)
        assert back.tolist() == lengths
        one = T.autograd.grad((packed.data**3).sum(), x, create_graph=True)[0]
        two = T.autograd.grad((padded**3).sum(), x, create_graph=True)[0]
        again = [T.autograd.grad((g * g).sum(), x, retain_graph=True)[0] for g in (one, two)]
        found.append(([packed.data, padded, one, two, *again], node(packed.data), node(padded), padded.stride()))
    assert found[0][1:] == found[1][1:]
    for a, b in zip(found[0][0], found[1][0], strict=True):
        same(a, b)


def test_padding_has_gradients(torch: ModuleType) -> None:
    found = []
    for T in (tgrad, torch):
        s = scope(T)["s"]
        for side in ("left", "right"):
            found.append([array(g) for g in T.autograd.grad((T.nn.utils.rnn.pad_sequence(s, padding_side=side) ** 2).sum(), s)])  # fmt: skip
    for mine, theirs in zip(found[:2], found[2:], strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_copies_of_packed_sequences() -> None:
    packed = scope(tgrad)["unsorted"]
    plain = packed._replace(data=packed.data.detach())
    for other in (pickle.loads(pickle.dumps(plain)), copy.deepcopy(plain), copy.copy(plain)):
        assert type(other) is type(packed) and repr(other) == repr(plain)


# ---- the adaptive softmax

ADAPTIVE = ["8, 20, [5, 10]", "8, 20, [5]", "6, 30, [3, 10, 20], div_value=2.0, head_bias=True"]


def adaptive(torch: ModuleType, source: str) -> list[Any]:
    made = []
    for T in (tgrad, torch):
        T.manual_seed(3)
        made.append(eval(f"nn.AdaptiveLogSoftmaxWithLoss({source}, dtype=d)", {"nn": T.nn, "d": T.float64}))
    return made


@pytest.mark.parametrize("source", ADAPTIVE)
def test_adaptive_softmax(torch: ModuleType, source: str) -> None:
    modules = adaptive(torch, source)
    assert repr(modules[0]) == repr(modules[1])
    states = [m.state_dict() for m in modules]
    assert list(states[0]) == list(states[1])
    for a, b in zip(states[0].values(), states[1].values(), strict=True):
        np.testing.assert_array_equal(array(a), array(b))
    names = "in_features n_classes cutoffs div_value head_bias shortlist_size n_clusters head_size".split()
    assert [getattr(modules[0], n) for n in names] == [getattr(modules[1], n) for n in names]
    classes, width = modules[0].n_classes, modules[0].in_features
    inputs = pair(torch, 12, width)
    for targets in (range(0, 12), [*range(classes - 11, classes), 0], [0] * 12):
        found = []
        for T, m, x in zip((tgrad, torch), modules, inputs, strict=True):
            out = m(x, T.tensor(list(targets)))
            leaves = [x, *m.parameters()]
            grads = T.autograd.grad(out.loss, leaves, create_graph=True, allow_unused=True)
            some = [g for g in grads if g is not None]
            again = T.autograd.grad(sum((g * g).sum() for g in some), x)
            found.append(
                ([*out, *some, *again], [g is None for g in grads], [node(t) for t in out], type(out).__name__)
            )
        assert found[0][1:] == found[1][1:]
        for a, b in zip(found[0][0], found[1][0], strict=True):
            same(a, b, 1e-10)
    single = [m(x[0], T.tensor(classes - 1)) for T, m, x in zip((tgrad, torch), modules, inputs, strict=True)]
    for a, b in zip(*single, strict=True):
        same(a, b)
        assert node(a) == node(b)


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_adaptive_predictions(torch: ModuleType, scale: float) -> None:
    """Where all, some or none of the best are in the head."""
    for push in (-20.0, 0.0, 20.0):
        found = []
        for T, m, x in zip((tgrad, torch), adaptive(torch, "8, 20, [5, 10], head_bias=True"), pair(torch, 9, 8), strict=True):  # fmt: skip
            with T.no_grad():
                m.head.bias[:5] += push
                m.tail[0][1].weight.mul_(1 + scale)
            log = m.log_prob(x)
            found.append([log, m.predict(x)])
            assert log.grad_fn.name() == "torch::autograd::CopySlices"
        same(found[0][0], found[1][0])
        assert found[0][1].tolist() == found[1][1].tolist() == found[0][0].argmax(1).tolist()


WRONG = """
(4, 10, [])
(4, 10, [3, 3])
(4, 10, [10])
(4, 10, [5, 2])
(4, 10, [0, 2])
(4, 10, [2.5])
(4, 10, [2, 5])(torch.ones(3, 4), torch.tensor([0, 1]))
(4, 10, [2, 5])(torch.ones(4), torch.tensor([0, 1, 2, 3]))
(4, 10, [2, 5])(torch.ones(2, 4), torch.tensor(0))
(4, 10, [2, 5])(torch.ones(2, 4), torch.tensor([[0, 1]]))
(4, 10, [2, 5])(torch.ones(2, 4), torch.tensor([0, 10]))
(4, 10, [2, 5])(torch.ones(2, 4), torch.tensor([-1, 1]))
""".strip().splitlines()


@pytest.mark.parametrize("source", WRONG)
def test_errors_of_adaptive_softmax(torch: ModuleType, source: str) -> None:
    said = [
        message(lambda T=T: eval("nn.AdaptiveLogSoftmaxWithLoss" + source, {"nn": T.nn, "torch": T}))
        for T in (tgrad, torch)
    ]
    assert said[0] == said[1]
