"""A small network learns to tell two half-moons apart.

The data is made here, so nothing is downloaded: two half circles that reach into each other, with some noise.
"""

import math

import torch
from torch import nn


def two_moons(count, noise=0.1):
    """`count` points of each moon: positions [2 * count, 2] and classes [2 * count]."""
    angle = torch.rand(count) * math.pi
    upper = torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    angle = torch.rand(count) * math.pi
    lower = torch.stack([1 - torch.cos(angle), 0.5 - torch.sin(angle)], dim=1)
    points = torch.cat([upper, lower])
    classes = torch.cat([torch.zeros(count, dtype=torch.int64), torch.ones(count, dtype=torch.int64)])
    return points + noise * torch.randn(2 * count, 2), classes


class Net(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Linear(hidden, 2),
        )

    def forward(self, x):
        return self.layers(x)


def accuracy(model, points, classes):
    with torch.no_grad():
        guess = model(points).argmax(dim=1)
    return (guess == classes).float().mean().item()


torch.manual_seed(0)
points, classes = two_moons(200)
test_points, test_classes = two_moons(100)

model = Net()
print(model)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

for epoch in range(1, 301):
    optimizer.zero_grad()
    loss = criterion(model(points), classes)
    loss.backward()
    optimizer.step()
    if epoch == 1 or epoch % 50 == 0:
        print(
            f"epoch {epoch:3d}  loss {loss.item():.4f}  test accuracy {accuracy(model, test_points, test_classes):.3f}"
        )

final = accuracy(model, test_points, test_classes)
print(f"{final:.1%} of the test points are told apart")
