"""The cases: functions over a module `torch`, so that the same lines run on tgrad and on the real PyTorch.

A case is called once to set up and returns what is timed. Data is drawn before, never inside, the timed function.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

Timed = Callable[[], Any]
Case = Callable[[ModuleType], Timed]

CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    def add(setup: Case) -> Case:
        CASES[name] = setup
        return setup

    return add


# Recorded ops on 2x2: what one op costs when there is no arithmetic to speak of.

SMALL: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "matmul": lambda x, y: x @ y,
    "mean": lambda x, y: x.mean(),
}


def _small(op: Callable[[Any, Any], Any], backward: bool) -> Case:
    def setup(torch: ModuleType) -> Timed:
        torch.manual_seed(0)
        x = torch.randn(2, 2, requires_grad=True)
        y = torch.randn(2, 2, requires_grad=True)
        gradient = torch.ones_like(op(x, y).detach())

        def forward() -> Any:
            return op(x, y)

        def forward_and_backward() -> None:
            x.grad = y.grad = None
            op(x, y).backward(gradient)

        return forward_and_backward if backward else forward

    return setup


for _name, _op in SMALL.items():
    CASES[f"{_name} 2x2"] = _small(_op, backward=False)
    CASES[f"{_name} 2x2, backward"] = _small(_op, backward=True)


@case("seed forward")
def seed_forward(torch: ModuleType) -> Timed:
    x = torch.ones(2, 2, requires_grad=True)

    def run() -> Any:
        y = x + 2
        z = y * y * 3
        return z.mean()

    return run


@case("seed forward, backward")
def seed_backward(torch: ModuleType) -> Timed:
    x = torch.ones(2, 2, requires_grad=True)

    def run() -> None:
        x.grad = None
        y = x + 2
        z = y * y * 3
        z.mean().backward()

    return run


# Ten million elements: what the memory allows.


@case("add 10M")
def add_large(torch: ModuleType) -> Timed:
    torch.manual_seed(0)
    x, y = torch.rand(10_000_000), torch.rand(10_000_000)
    return lambda: x + y


@case("exp 10M")
def exp_large(torch: ModuleType) -> Timed:
    torch.manual_seed(0)
    x = torch.rand(10_000_000)
    return lambda: x.exp()


@case("matmul 500 and add 500 in turn")
def alternate(torch: ModuleType) -> Timed:
    """A BLAS call and an elementwise kernel in turn: two thread pools that both spin would show here."""
    torch.manual_seed(0)
    x, y = torch.rand(500, 500), torch.rand(500, 500)

    def run() -> Any:
        return (x @ y) + x

    return run


@case("MLP step 2-16-16-1, batch 100")
def mlp_step(torch: ModuleType) -> Timed:
    """One step of training: zero_grad, forward, loss, backward, SGD."""
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
    loss_of = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, target = torch.randn(100, 2), torch.randn(100, 1)

    def run() -> None:
        optimizer.zero_grad()
        loss = loss_of(model(x), target)
        loss.backward()
        optimizer.step()

    return run
