"""What the random samplers refuse, with PyTorch's exception types and texts."""

from __future__ import annotations

import numpy as np
import pytest

from tgrad.rng import Generator

try:
    import torch
except ImportError:
    torch = None

parity = pytest.mark.skipif(torch is None, reason="the parity extra (torch==2.13.0) is not installed")

WRONG = [
    (lambda g: g.uniform(3, np.float32, 2, 1), lambda t: t.empty(3).uniform_(2, 1)),
    (lambda g: g.uniform(0, np.float32, 2.5, 1), lambda t: t.empty(0).uniform_(2.5, 1)),
    (lambda g: g.uniform(3, np.float32, 0, 1e39), lambda t: t.empty(3).uniform_(0, 1e39)),
    (lambda g: g.uniform(3, np.float32, -3e38, 3e38), lambda t: t.empty(3).uniform_(-3e38, 3e38)),
    (lambda g: g.uniform(3, np.float16, 0, 1e6), lambda t: t.empty(3, dtype=t.half).uniform_(0, 1e6)),
    (lambda g: g.uniform(3, np.int64), lambda t: t.rand(3, dtype=t.int64)),
    (lambda g: g.normal(3, np.float32, 0, -1), lambda t: t.empty(3).normal_(0, -1)),
    (lambda g: g.normal(3, np.int64), lambda t: t.randn(3, dtype=t.int64)),
    (lambda g: g.normal_each(np.zeros(2), np.array([-1.0, 1])), lambda t: t.normal(t.zeros(2), t.tensor([-1.0, 1]))),
    (lambda g: g.log_normal(3, np.float32, 0, 0), lambda t: t.empty(3).log_normal_(0, 0)),
    (lambda g: g.log_normal(3, np.int64), lambda t: t.empty(3, dtype=t.int64).log_normal_()),
    (lambda g: g.cauchy(3, np.float32, 0, -1), lambda t: t.empty(3).cauchy_(0, -1)),
    (lambda g: g.cauchy(3, np.int64), lambda t: t.empty(3, dtype=t.int64).cauchy_()),
    (lambda g: g.exponential(3, np.float32, 0), lambda t: t.empty(3).exponential_(0)),
    (lambda g: g.exponential(3, np.int64), lambda t: t.empty(3, dtype=t.int64).exponential_()),
    (lambda g: g.geometric(3, np.float32, 1.5), lambda t: t.empty(3).geometric_(1.5)),
    (lambda g: g.geometric(3, np.bool_, 0.5), lambda t: t.empty(3, dtype=t.bool).geometric_(0.5)),
    (lambda g: g.bernoulli(3, np.float32, 1.5), lambda t: t.empty(3).bernoulli_(1.5)),
    (lambda g: g.bernoulli(3, np.complex64, 0.5), lambda t: t.empty(3, dtype=t.complex64).bernoulli_(0.5)),
    (lambda g: g.bernoulli(1, np.int64, np.array([1])), lambda t: t.bernoulli(t.tensor([1]))),
    (lambda g: g.dropout_mask(3, np.float32, 1.5), lambda t: t.nn.functional.dropout(t.ones(3), 1.5)),
    (lambda g: g.rrelu_noise(np.ones(3), 0.5, 0.2), lambda t: t.rrelu(t.ones(3), 0.5, 0.2, True)),
    (lambda g: g.random(3, np.uint16), lambda t: t.empty(3, dtype=t.uint16).random_()),
    (lambda g: g.random(3, np.complex64, 0, 3), lambda t: t.empty(3, dtype=t.complex64).random_(0, 3)),
    (lambda g: g.randint(5, 3, 0), lambda t: t.randint(5, 3, (0,))),
    (lambda g: g.randint(0, 2**63, 2), lambda t: t.randint(0, 2**63, (2,))),
    (lambda g: g.randperm(-1), lambda t: t.randperm(-1)),
    (lambda g: g.randperm(3, np.bool_), lambda t: t.randperm(3, dtype=t.bool)),
    (lambda g: g.randperm(2**24 + 2, np.float32), lambda t: t.randperm(2**24 + 2, dtype=t.float32)),
    (lambda g: g.multinomial(np.array([1.0, 2]), 3), lambda t: t.multinomial(t.tensor([1.0, 2]), 3)),
    (lambda g: g.multinomial(np.array([1.0, 2]), 0), lambda t: t.multinomial(t.tensor([1.0, 2]), 0)),
    (lambda g: g.multinomial(np.array([1, 2]), 1), lambda t: t.multinomial(t.tensor([1, 2]), 1)),
    (lambda g: g.multinomial(np.array([1.0, -2]), 1), lambda t: t.multinomial(t.tensor([1.0, -2]), 1)),
    (lambda g: g.multinomial(np.array([0.0, 0]), 1, True), lambda t: t.multinomial(t.tensor([0.0, 0]), 1, True)),
    (lambda g: g.multinomial(np.ones((2, 2, 2)), 1), lambda t: t.multinomial(t.ones(2, 2, 2), 1)),
    (lambda g: g.multinomial(np.array(1.0), 1), lambda t: t.multinomial(t.tensor(1.0), 1)),
    (lambda g: g.poisson(np.array([1])), lambda t: t.poisson(t.tensor([1]))),
    (lambda g: g.poisson(np.array([-1.0])), lambda t: t.poisson(t.tensor([-1.0]))),
    (lambda g: g.binomial(np.array([1]), np.array([0.2])), lambda t: t.binomial(t.tensor([1]), t.tensor([0.2]))),
    (
        lambda g: g.binomial(np.ones(1, np.float16), np.ones(1, np.float16)),
        lambda t: t.binomial(t.ones(1).half(), t.ones(1).half()),
    ),
    (
        lambda g: g.binomial(np.ones(1, np.float32), np.array([0.2])),
        lambda t: t.binomial(t.tensor([1.0]), t.tensor([0.2], dtype=t.double)),
    ),
]


@parity
@pytest.mark.parametrize("ours, theirs", WRONG)
def test_errors_are_pytorchs(ours, theirs):
    with pytest.raises((RuntimeError, ValueError)) as expected:
        theirs(torch)
    with pytest.raises(type(expected.value)) as caught:
        ours(Generator())
    assert str(caught.value) == str(expected.value).split("\n")[0]


def test_errors_without_a_pytorch_text():
    generator = Generator()
    with pytest.raises(RuntimeError, match="Expected p_in >= 0 && p_in <= 1 to be true, but got false"):
        generator.bernoulli(2, np.float32, np.array([0.5, 1.5]))
    with pytest.raises(TypeError, match="no random numbers of dtype"):
        generator.uniform(3, np.dtype("U3"))
