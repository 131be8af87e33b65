"""`torch.nn.init` next to PyTorch's: the numbers for a seed, bit for bit, the errors and the warnings."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from twins import array, outcome

DRAWN: list[Callable[[Any, Any], Any]] = [
    lambda I, t: I.uniform_(t),
    lambda I, t: I.uniform_(t, -3, 5.5),
    lambda I, t: I.normal_(t, 1, 0.1),
    lambda I, t: I.constant_(t, 0.3),
    lambda I, t: I.ones_(t),
    lambda I, t: I.zeros_(t),
    lambda I, t: I.eye_(t),
    lambda I, t: I.dirac_(t.view(*t.shape[:1], -1, 1)),
    lambda I, t: I.dirac_(t.view(2, 3, -1), groups=2),
    lambda I, t: I.dirac_(t.view(2, 3, 2, -1)),
    lambda I, t: I.dirac_(t.view(1, 2, 3, 1, -1)),
    lambda I, t: I.xavier_uniform_(t),
    lambda I, t: I.xavier_uniform_(t, gain=I.calculate_gain("tanh")),
    lambda I, t: I.xavier_normal_(t.view(2, 3, -1), 2),
    lambda I, t: I.kaiming_uniform_(t, 0.5, "fan_out"),
    lambda I, t: I.kaiming_uniform_(t, mode="FAN_OUT", nonlinearity="selu"),
    lambda I, t: I.kaiming_normal_(t, nonlinearity="relu"),
    lambda I, t: I.kaiming_normal_(t.view(2, 3, -1), 1, "fan_out", "leaky_relu"),
    lambda I, t: I.trunc_normal_(t),
    lambda I, t: I.trunc_normal_(t, 0.5, 2, -1, 1),
    lambda I, t: I.trunc_normal_(t, std=0.02),
    lambda I, t: I.trunc_normal_(t, 3, 0.5, 2, 2.5),
    lambda I, t: I.trunc_normal_(t, 0, 1, 3, 4),
    lambda I, t: I.trunc_normal_(t, 0, 1, 0.6, 2),  # a quarter lies inside
    lambda I, t: I.trunc_normal_(t, 0, 1, 0.4, 2),  # a third
    lambda I, t: I.sparse_(t, 0.4),
    lambda I, t: I.sparse_(t, 0.9, 2.0),
    lambda I, t: I.orthogonal_(t),
    lambda I, t: I.orthogonal_(t.t().contiguous(), gain=2),
    lambda I, t: I.orthogonal_(t.view(2, 3, -1), 0.5),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("size", [(6, 8), (12, 18)])
def test_numbers(torch: ModuleType, dtype: str, size: tuple[int, int]) -> None:
    for i, draw in enumerate(DRAWN):
        if dtype == "bfloat16" and i >= len(DRAWN) - 3:
            continue  # no decomposition of halves
        made = []
        for T in (tgrad, torch):
            T.manual_seed(7)
            t = draw(T.nn.init, T.zeros(size, dtype=getattr(T, dtype)))
            made.append([array(t.double()), array(T.rand(3))])  # the generator is as far
        assert np.array_equal(made[0][1], made[1][1]), i
        if i >= len(DRAWN) - 3:
            np.testing.assert_allclose(
                made[0][0], made[1][0], atol=1e-5 if dtype == "float32" else 1e-12, err_msg=str(i)
            )
        else:
            assert np.array_equal(made[0][0], made[1][0]), i


def test_a_generator_of_ones_own(torch: ModuleType) -> None:
    names = "uniform_ normal_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ trunc_normal_ orthogonal_".split()
    for name in names:
        made = []
        for T in (tgrad, torch):
            generator = T.Generator()
            generator.manual_seed(4)
            T.manual_seed(0)
            made += [array(getattr(T.nn.init, name)(T.empty(3, 4), generator=generator)), array(T.rand(2))]
        np.testing.assert_allclose(made[0], made[2], rtol=0 if name != "orthogonal_" else 1e-5, err_msg=name)
        assert np.array_equal(made[1], made[3]), name


def test_in_place_of_a_parameter(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        p = T.nn.Parameter(T.ones(3, 4))
        for name in ("uniform_", "ones_", "eye_", "kaiming_uniform_", "orthogonal_", "trunc_normal_"):
            assert getattr(T.nn.init, name)(p) is p and p.requires_grad and p.is_leaf, name


ERRORS: list[Callable[[Any], Any]] = [
    lambda T: T.nn.init.eye_(T.ones(2)),
    lambda T: T.nn.init.dirac_(T.ones(2, 2)),
    lambda T: T.nn.init.dirac_(T.ones(3, 2, 2), groups=2),
    lambda T: T.nn.init.xavier_uniform_(T.ones(3)),
    lambda T: T.nn.init.xavier_normal_(T.ones(3)),
    lambda T: T.nn.init.kaiming_uniform_(T.ones(3)),
    lambda T: T.nn.init.kaiming_normal_(T.ones(3, 3), mode="fan"),
    lambda T: T.nn.init.kaiming_normal_(T.ones(3, 3), nonlinearity="other"),
    lambda T: T.nn.init.orthogonal_(T.ones(3)),
    lambda T: T.nn.init.orthogonal_(T.ones(0, 3)),
    lambda T: T.nn.init.sparse_(T.ones(3), 0.5),
    lambda T: T.nn.init.calculate_gain("leaky_relu", True),
    lambda T: T.nn.init.calculate_gain("leaky_relu", "x"),
    lambda T: T.nn.init.calculate_gain("other"),
    lambda T: [T.nn.init.calculate_gain(n) for n in "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split()],
    lambda T: [T.nn.init.calculate_gain(n, 2) for n in "sigmoid tanh relu leaky_relu selu".split()],
    lambda T: T.nn.init.uniform_(T.ones(2), 3, 1),
    lambda T: T.nn.init.normal_(T.ones(2), 0, -1),
    lambda T: T.nn.init._calculate_fan_in_and_fan_out(T.ones(2, 3, 4, 5)),
    lambda T: T.nn.init._calculate_correct_fan(T.ones(2, 3), "fan_out"),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(ERRORS)))
def test_errors(torch: ModuleType, i: int) -> None:
    assert outcome(lambda: ERRORS[i](tgrad)) == outcome(lambda: ERRORS[i](torch))


def test_warnings(torch: ModuleType) -> None:
    def said(T: Any) -> Any:
        I = T.nn.init
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            I.trunc_normal_(T.empty(2, 2), 5.0)
            I.kaiming_uniform_(T.empty(0, 2))
            I.kaiming_normal_(T.empty(2, 0))
            for (
                old
            ) in "uniform normal eye xavier_uniform xavier_normal kaiming_uniform kaiming_normal orthogonal".split():
                getattr(I, old)(T.empty(2, 2))
            I.constant(T.empty(2, 2), 3)
            I.sparse(T.empty(2, 2), 0.5)
            I.dirac(T.empty(2, 2, 2))
        return [(w.category, str(w.message)) for w in seen], I.uniform.__name__

    assert said(tgrad) == said(torch)
    assert set(tgrad.nn.init.__all__) == set(torch.nn.init.__all__)
