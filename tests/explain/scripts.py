"""Programs with a mistake each, written the way people write them. `test_notes.py` runs them and compares what is explained."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3, 4)
        self.fc2 = nn.Linear(4, 1)

    def forward(self, x):
        hidden = self.fc1(x).sigmoid()
        hidden += 1
        return self.fc2(hidden)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(3, 8), nn.ReLU())
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.features(x))


def changed_in_place():
    net = Net()
    loss = net(torch.ones(2, 3)).mean()
    loss.backward()


def changed_twice():
    w = torch.ones(3, requires_grad=True)
    y = w * w
    with torch.no_grad():
        for _ in range(2):
            w.sub_(0.1)
    y.sum().backward()


def second_backward():
    x = torch.ones(3, requires_grad=True)
    shared = x.exp()
    first = (shared * 2).sum()
    second = (shared * 3).sum()
    first.backward()
    second.backward()


def carried_state():
    w = torch.ones(3, requires_grad=True)
    state = torch.zeros(3)
    for _ in range(3):
        state = (state + w).tanh()
        loss = state.sum()
        loss.backward()


def cut_by_argmax():
    model = nn.Linear(3, 4)
    target = torch.zeros(2)
    predicted = model(torch.ones(2, 3)).argmax(1)
    loss = ((predicted - target) ** 2).mean()
    loss.backward()


def cut_by_no_grad():
    model = nn.Linear(3, 4)
    with torch.no_grad():
        outputs = model(torch.ones(2, 3))
    loss = outputs.square().mean()
    loss.backward()


def cut_by_numpy():
    w = torch.ones(3, requires_grad=True)
    values = (w * 2).detach().numpy()
    loss = torch.from_numpy(values).sum()
    loss.backward()


def cut_by_cast():
    w = torch.ones(3, requires_grad=True)
    counts = (w * 2).long()
    loss = counts.sum()
    loss.backward()


def leaf_in_place():
    weight = torch.ones(3, requires_grad=True)
    weight += 1


def unused_input():
    a = torch.ones(3, requires_grad=True)
    b = torch.ones(3, requires_grad=True)
    y = (a * 2).sum()
    torch.autograd.grad(y, [a, b])


def several_losses():
    w = torch.ones(3, requires_grad=True)
    losses = (w - 1) ** 2
    losses.backward()


def numpy_of_a_result():
    w = torch.ones(3, requires_grad=True)
    y = w * 2
    y.numpy()


def view_of_unbind():
    w = torch.ones(4, 3, requires_grad=True)
    rows = (w * 1).unbind(0)
    rows[0].add_(1)


def shapes_in_a_module():
    model = Classifier()
    model(torch.ones(2, 3))


def shapes_in_a_sum():
    scores = torch.ones(4, 3, 5)
    bias = torch.ones(4)
    return scores + bias


def dtypes_in_a_module():
    model = Classifier()
    data = torch.ones(2, 3, dtype=torch.float64)
    model(data)


def channels():
    conv = nn.Conv2d(3, 8, 3)
    image = torch.ones(1, 1, 8, 8)
    conv(image)


def broken_lists():
    a = torch.ones(2, 3)
    b = torch.ones(3, 3)
    torch.cat([a, b], dim=1)
