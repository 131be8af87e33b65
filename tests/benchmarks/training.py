"""Cases that train: convolutions forward and backward, and whole steps of small models."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from .cases import CASES, Timed


def convolution(name: str, shape: tuple[int, ...], out: int, kernel: int, **keywords: Any) -> None:
    def setup(torch: ModuleType) -> Timed:
        torch.manual_seed(0)
        x = torch.rand(shape).requires_grad_()
        weight = torch.rand(out, shape[1] // keywords.get("groups", 1), kernel, kernel).requires_grad_()
        bias = torch.rand(out).requires_grad_()
        apply = torch.nn.functional.conv2d
        gradient = torch.rand(tuple(apply(x, weight, bias, **keywords).shape))

        def run() -> None:
            x.grad = weight.grad = bias.grad = None
            apply(x, weight, bias, **keywords).backward(gradient)

        return run

    CASES[f"conv2d {name}, backward"] = setup


convolution("16x16x32x32 k3", (16, 16, 32, 32), 16, 3, padding=1)
convolution("8x64x28x28 k3", (8, 64, 28, 28), 64, 3, padding=1)
convolution("32x3x64x64 k7 s2", (32, 3, 64, 64), 64, 7, padding=3, stride=2)
convolution("depthwise 8x64x28x28 k3", (8, 64, 28, 28), 64, 3, padding=1, groups=64)


def embedding(torch: ModuleType) -> Timed:
    torch.manual_seed(0)
    weight = torch.rand(10_000, 256).requires_grad_()
    index = torch.randint(0, 10_000, (64, 128))
    gradient = torch.rand(64, 128, 256)

    def run() -> None:
        weight.grad = None
        torch.nn.functional.embedding(index, weight).backward(gradient)

    return run


CASES["embedding 10000x256, backward"] = embedding

Build = Callable[[Any], tuple[Any, Callable[[], Any], Any]]  # torch -> (parameters, loss, optimizer)


def step(name: str, build: Build) -> None:
    def setup(torch: ModuleType) -> Timed:
        torch.manual_seed(0)
        _, loss, optimizer = build(torch)

        def run() -> None:
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()

        return run

    CASES[name] = setup


def classifier(optimizer: str, **options: Any) -> Build:
    def build(torch: Any) -> tuple[Any, Callable[[], Any], Any]:
        nn = torch.nn
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        x, y = torch.rand(64, 784), torch.randint(0, 10, (64,))
        made = getattr(torch.optim, optimizer)(model.parameters(), **options)
        return model, lambda: nn.functional.cross_entropy(model(x), y), made

    return build


step("MLP 784-128-10 b64, SGD", classifier("SGD", lr=0.1))
step("MLP 784-128-10 b64, Adam", classifier("Adam"))


def lenet(torch: Any) -> tuple[Any, Callable[[], Any], Any]:
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    x, y = torch.rand(32, 1, 28, 28), torch.randint(0, 10, (32,))
    return model, lambda: nn.functional.cross_entropy(model(x), y), torch.optim.SGD(model.parameters(), lr=0.1)


step("LeNet b32, SGD", lenet)


def transformer(torch: Any) -> tuple[Any, Callable[[], Any], Any]:
    """Four blocks, 128 wide, 4 heads, on 8 texts of 64 characters."""
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.LayerNorm(128), nn.LayerNorm(128)
            self.attend, self.project = nn.Linear(128, 384), nn.Linear(128, 128)
            self.widen, self.narrow = nn.Linear(128, 512), nn.Linear(512, 128)

        def forward(self, x: Any) -> Any:
            n, t, c = x.shape
            parts = self.attend(self.first(x)).split(128, dim=2)
            q, k, v = (p.view(n, t, 4, 32).transpose(1, 2) for p in parts)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.project(y.transpose(1, 2).contiguous().view(n, t, c))
            return x + self.narrow(F.gelu(self.widen(self.second(x))))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.letters, self.places = nn.Embedding(96, 128), nn.Embedding(64, 128)
            self.blocks = nn.Sequential(*[Block() for _ in range(4)])
            self.norm, self.head = nn.LayerNorm(128), nn.Linear(128, 96)

        def forward(self, text: Any) -> Any:
            x = self.letters(text) + self.places(torch.arange(text.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    model = Model()
    text, following = torch.randint(0, 96, (8, 64)), torch.randint(0, 96, (8, 64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return model, lambda: F.cross_entropy(model(text).view(-1, 96), following.view(-1)), optimizer


step("char transformer 4x128 b8 t64, AdamW", transformer)


def lstm(torch: Any) -> tuple[Any, Callable[[], Any], Any]:
    """One layer, 128 wide, over 32 steps of a batch of 16, its cell written out."""
    nn = torch.nn

    class Cell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.of_input, self.of_state, self.head = nn.Linear(64, 512), nn.Linear(128, 512), nn.Linear(128, 1)

        def forward(self, x: Any) -> Any:
            h = c = torch.zeros(x.shape[1], 128)
            for part in self.of_input(x):
                i, f, g, o = (part + self.of_state(h)).chunk(4, 1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
            return self.head(h)

    model = Cell()
    x, y = torch.rand(32, 16, 64), torch.rand(16, 1)
    return model, lambda: nn.functional.mse_loss(model(x), y), torch.optim.SGD(model.parameters(), lr=0.01)


step("LSTM 128 t32, SGD", lstm)


def recurrent(kind: str, width: int, batch: int, steps: int, **options: Any) -> Build:
    """The module of that name, and a linear map of its last output."""

    def build(torch: Any) -> tuple[Any, Callable[[], Any], Any]:
        nn = torch.nn
        layers, head = getattr(nn, kind)(width // 2, width, **options), nn.Linear(width, 1)
        x, y = torch.rand(steps, batch, width // 2), torch.rand(batch, 1)
        optimizer = torch.optim.SGD([*layers.parameters(), *head.parameters()], lr=0.01)
        return layers, lambda: nn.functional.mse_loss(head(layers(x)[0][-1]), y), optimizer

    return build


step("nn.LSTM 128 t32, SGD", recurrent("LSTM", 128, 16, 32))
step("nn.GRU 128 t32, SGD", recurrent("GRU", 128, 16, 32))
step("nn.RNN 128 t32, SGD", recurrent("RNN", 128, 16, 32))
step("nn.LSTM 16 t20 b1, SGD", recurrent("LSTM", 16, 1, 20))
