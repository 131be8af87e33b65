"""tgrad.vision beside torchvision: transforms, grids and data sets, against what torchvision 0.28 gave (vision_cases.py)."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tgrad

pytest.importorskip("PIL", reason="Pillow is not installed")

from tgrad.vision import datasets, transforms, utils

_spec = importlib.util.spec_from_file_location("vision_cases", Path(__file__).with_name("vision_cases.py"))
cases: Any = importlib.util.module_from_spec(_spec)  # type: ignore[arg-type]
_spec.loader.exec_module(cases)  # type: ignore[union-attr]
GOLDEN = json.loads(gzip.decompress(cases.GOLDEN.read_bytes()))
LIBRARY = cases.Library(tgrad, transforms, datasets, utils)


# Least squares come from another routine, and resampled values that lie between two bytes fall to one side or the other.
BY_ONE = ("perspective", "RandomPerspective", "RandomResizedCrop")


def compare(got: Any, expected: Any, path: str) -> None:
    if isinstance(expected, list) and expected and isinstance(expected[0], (dict, list, str)):
        assert isinstance(got, list) and len(got) == len(expected), path
        for i, (a, b) in enumerate(zip(got, expected)):
            compare(a, b, f"{path}[{i}]")
    elif isinstance(expected, dict) and "data" in expected:
        assert isinstance(got, dict) and "data" in got, f"{path}: {got}"
        assert {k: v for k, v in got.items() if k != "data"} == {k: v for k, v in expected.items() if k != "data"}
        a, b = cases.array(got), cases.array(expected)
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6, err_msg=path)
        elif path.startswith(BY_ONE):
            apart = np.abs(a.astype(int) - b.astype(int))
            assert apart.max() <= 1 and (apart != 0).mean() < 0.03, path
        else:
            np.testing.assert_array_equal(a, b, err_msg=path)
    else:
        assert got == expected, path


@pytest.mark.parametrize("name", cases.CASES)
def test_as_torchvision(name: str) -> None:
    got, expected = cases.outcome(LIBRARY, name), GOLDEN[name]
    compare(got["value"], expected["value"], name)
    assert got["warnings"] == expected["warnings"]
    assert got["next"] == expected["next"], "other random numbers were drawn"


def test_golden_values_are_those_of_the_cases() -> None:
    assert list(GOLDEN) == list(cases.CASES)
