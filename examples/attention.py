"""Attention from its parts, on a task that needs it: say a sequence backwards.

Position i of the answer is position n-1-i of the question, so each position must look at one other, and which one it is
depends on where it stands. After training, the printed attention weights show the mirror.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

TOKENS, LENGTH, WIDTH = 8, 6, 32


class Attention(nn.Module):
    """Softmax of scaled dot products over [batch, length, width], with `heads` heads side by side."""

    def __init__(self, width, heads=2):
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.weights = None

    def forward(self, x):
        batch, length, width = x.shape
        qkv = self.to_qkv(x).reshape(batch, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-2, -1) / math.sqrt(width // self.heads)
        weights = torch.softmax(scores, dim=-1)
        self.weights = weights.detach()
        mixed = (weights @ value).transpose(1, 2).reshape(batch, length, width)
        return self.out(mixed)


class Reverser(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.randn(TOKENS, WIDTH) * 0.5)
        self.place = nn.Parameter(torch.randn(LENGTH, WIDTH) * 0.5)
        self.attention = Attention(WIDTH)
        self.hidden = nn.Linear(WIDTH, 2 * WIDTH)
        self.answer = nn.Linear(2 * WIDTH, TOKENS)

    def forward(self, tokens):
        x = self.token[tokens] + self.place
        x = x + self.attention(x)
        return self.answer(torch.relu(self.hidden(x)))


torch.manual_seed(0)
model = Reverser()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
print(sum(p.numel() for p in model.parameters()), "parameters")

for step in range(1, 101):
    question = torch.randint(0, TOKENS, (32, LENGTH))
    logits = model(question)
    loss = F.cross_entropy(logits.reshape(-1, TOKENS), question.flip(1).reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step == 1 or step % 20 == 0:
        print(f"step {step:3d}  loss {loss.item():.4f}")

question = torch.randint(0, TOKENS, (200, LENGTH))
with torch.no_grad():
    answer = model(question).argmax(dim=-1)
right = (answer == question.flip(1)).all(dim=1).float().mean().item()
print(f"{right:.1%} of 200 new sequences are reversed without a mistake")
print(question[0].tolist(), "->", answer[0].tolist())

print("where each position looks (mean over heads and sequences):")
for row in model.attention.weights.mean(dim=(0, 1)):
    print(" ".join(f"{weight:.2f}" for weight in row.tolist()))
