"""docs/OPS.md is what tools/optable.py makes of the registry, and what it says of an operation is so in PyTorch, too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tgrad

TOOLS = Path(__file__).resolve().parent.parent / "tools"

# Operations that can do more here than PyTorch's (a second derivative, complex numbers), by group.
MORE: dict[str, set[str]] = {}


@pytest.fixture(scope="module")
def optable() -> Any:
    sys.path.insert(0, str(TOOLS))
    try:
        import optable
    finally:
        sys.path.remove(str(TOOLS))
    return optable


def test_the_page_is_up_to_date() -> None:
    """In a process of its own: functions that are replaced at their first call read differently after it."""
    done = subprocess.run(
        [sys.executable, TOOLS / "optable.py", "--check"], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_making_the_page_sets_nothing(optable: Any) -> None:
    before = tgrad.is_anomaly_enabled(), tgrad.get_num_threads()
    optable.page()
    assert before == (tgrad.is_anomaly_enabled(), tgrad.get_num_threads()), "a function was tried that sets something"


def test_a_kernel_that_goes_is_missed(optable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = optable.line("cumsum", tgrad.cumsum, "f", "")
    assert before == "| `cumsum` | f | arrays | self | yes | yes | forward, gradient | - |"
    monkeypatch.delitem(optable.FORMS, "cumsum")
    optable.numba.cache_clear()
    try:
        assert optable.line("cumsum", tgrad.cumsum, "f", "") == before.replace("forward, gradient", "-")
    finally:
        optable.numba.cache_clear()


def test_what_cannot_be_done_is_noticed(optable: Any) -> None:
    def told(fn: Any) -> tuple[str, str, str]:
        able = optable.Ability(fn, "f(2)")
        return able.grad, able.second, able.complex

    def once(x: Any) -> Any:  # a derivative that has none itself
        class Once(tgrad.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 2

            @staticmethod
            @tgrad.autograd.function.once_differentiable
            def backward(ctx: Any, grad: Any) -> Any:
                return grad * 2

        return Once.apply(x)

    assert told(lambda x: x * x) == ("yes", "yes", "yes")
    assert told(lambda x: (x * x).detach()) == ("no", "-", "yes")
    assert told(lambda x: x.floor()) == ("yes", "yes", "no")
    assert told(once) == ("yes", "no", "yes")


def test_the_page_names_all_public_functions(optable: Any) -> None:
    text = optable.PAGE.read_text("utf-8")
    for owner in optable.GROUPS.values():
        for name in optable.public(owner):
            assert f"`{name}`" in text or f"`{name.removesuffix('_')}`" in text, name
    assert "| ? |" not in text, "no call was found to try it with: see tools/opcalls.py"


def test_rows_of_a_composite(optable: Any) -> None:
    names = [row.name for row in optable.rows_of(tgrad.sum)]
    assert names == ["sum.dim", "sum.all"] or names == ["sum.all", "sum.dim"]
    assert optable.rows_of(tgrad.exp) == [tgrad.ops.ROWS["exp"]]
    assert optable.rows_of(tgrad.manual_seed) == []


def test_what_the_page_says_is_so_in_pytorch(optable: Any, torch: ModuleType) -> None:
    wrong = []
    for group, name, fn in optable.operations():
        if name in MORE.get(group, ()):
            continue
        owner = torch if group.startswith("Functions") else torch.nn.functional
        owner = getattr(torch, group, owner)
        theirs = getattr(owner, name, None)
        if theirs is None or isinstance(theirs, torch.dtype):
            theirs = getattr(torch.Tensor, name)
        ours = optable.ability(name, fn, group)
        other = optable.Ability(theirs, ours.call, torch)
        said, found = ((a.grad, a.second, a.complex) for a in (ours, other))
        if said != found:
            wrong.append(f"{group} {name}({ours.call}): {said}, PyTorch {found}")
    assert not wrong, "\n".join(wrong)
