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

SMALL: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda torch, x, y: x + y,
    "mul": lambda torch, x, y: x * y,
    "div": lambda torch, x, y: x / y,
    "pow": lambda torch, x, y: x**2,
    "exp": lambda torch, x, y: x.exp(),
    "relu": lambda torch, x, y: x.relu(),
    "matmul": lambda torch, x, y: x @ y,
    "sum": lambda torch, x, y: x.sum(),
    "mean": lambda torch, x, y: x.mean(),
    "view": lambda torch, x, y: x.view(4),
    "index": lambda torch, x, y: x[0],
    "cat": lambda torch, x, y: torch.cat((x, y)),
    "where": lambda torch, x, y: torch.where(x > y, x, y),
}


def _small(op: Callable[[Any, Any, Any], Any], backward: bool, recorded: bool = True) -> Case:
    def setup(torch: ModuleType) -> Timed:
        torch.manual_seed(0)
        x = torch.randn(2, 2, requires_grad=recorded)
        y = torch.randn(2, 2, requires_grad=recorded)
        gradient = torch.ones_like(op(torch, x, y).detach())

        def forward() -> Any:
            return op(torch, x, y)

        def forward_and_backward() -> None:
            x.grad = y.grad = None
            op(torch, x, y).backward(gradient)

        return forward_and_backward if backward else forward

    return setup


for _name, _op in SMALL.items():
    CASES[f"{_name} 2x2"] = _small(_op, backward=False)
    CASES[f"{_name} 2x2, backward"] = _small(_op, backward=True)
    CASES[f"{_name} 2x2, not recorded"] = _small(_op, backward=False, recorded=False)


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


@case("chain of 1000, forward, backward")
def chain(torch: ModuleType) -> Timed:
    x = torch.ones(2, 2, requires_grad=True)

    def run() -> None:
        x.grad = None
        y = x
        for _ in range(500):
            y = (y + 1) * 0.5
        y.sum().backward()

    return run


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
