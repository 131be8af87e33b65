"""A small Transformer learns to write, character by character, from a text that every Python brings along.

    tgrad run char_transformer.py --steps 200
    tgrad graph char_transformer.py -o transformer.svg     the computation of one step

The text is Python's own help on its syntax. Each position sees itself and what comes before (a causal mask).
"""

import argparse
import math
from pydoc_data.topics import topics

import torch
import torch.nn.functional as F
from torch import nn

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--context", type=int, default=64, help="characters that are seen at a time")
parser.add_argument("--width", type=int, default=64)
parser.add_argument("--heads", type=int, default=4)
parser.add_argument("--layers", type=int, default=2)
parser.add_argument("--lr", type=float, default=3e-3)
parser.add_argument("--write", type=int, default=0, help="how many characters to write at the end")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--float64", action="store_true", help="compute in double precision")
args = parser.parse_args()

torch.manual_seed(args.seed)
if args.float64:
    torch.set_default_dtype(torch.float64)

text = "".join(topics[name] for name in sorted(topics))
letters = sorted(set(text))
number = {letter: i for i, letter in enumerate(letters)}
data = torch.tensor([number[letter] for letter in text])


class PositionalEncoding(nn.Module):
    """Adds sines and cosines of the position, of wavelengths from 2 pi to 10000 * 2 pi."""

    def __init__(self, width, length):
        super().__init__()
        position = torch.arange(length).unsqueeze(1)
        rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        table = torch.zeros(length, width)
        table[:, 0::2] = torch.sin(position * rates)
        table[:, 1::2] = torch.cos(position * rates)
        self.register_buffer("table", table)

    def forward(self, x):
        return x + self.table[: x.size(1)]


class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(letters), args.width)
        self.positions = PositionalEncoding(args.width, args.context)
        layer = nn.TransformerEncoderLayer(
            args.width, args.heads, dim_feedforward=4 * args.width, dropout=0.1, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, args.layers, norm=nn.LayerNorm(args.width), enable_nested_tensor=False
        )
        self.output = nn.Linear(args.width, len(letters))

    def forward(self, tokens):
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.size(1))
        x = self.positions(self.embedding(tokens) * math.sqrt(args.width))
        return self.output(self.encoder(x, mask=mask, is_causal=True))


model = Writer()
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))
print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(letters)} letters")

for step in range(1, args.steps + 1):
    starts = torch.randint(len(data) - args.context - 1, (args.batch_size,))
    windows = torch.stack([data[start : start + args.context + 1] for start in starts.tolist()])
    logits = model(windows[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    warm_up.step()
    if step % 5 == 0 or step == args.steps:
        print(f"step {step}: loss {loss.item():.10f}, norm of the gradient {norm.item():.8f}")

if args.write:
    model.eval()
    tokens = torch.tensor([[number["\n"]]])
    with torch.no_grad():
        for _ in range(args.write):
            probabilities = F.softmax(model(tokens[:, -args.context :])[0, -1] / 0.8, dim=-1)
            tokens = torch.cat([tokens, torch.multinomial(probabilities, 1)[None]], dim=1)
    print("".join(letters[i] for i in tokens[0].tolist()))
