"""An LSTM learns the start of Python's own help texts, carrying its state from one piece of the text to the next.

    tgrad run char_lstm.py --epochs 20 --write 200

The state is detached between pieces: gradients go back through one piece only (truncated backpropagation through time).
"""

import argparse
from pydoc_data.topics import topics

import torch
from torch import nn

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--characters", type=int, default=8000, help="how much of the text to use")
parser.add_argument("--batch-size", type=int, default=8)
parser.add_argument("--piece", type=int, default=50, help="characters per piece")
parser.add_argument("--hidden", type=int, default=64)
parser.add_argument("--layers", type=int, default=2)
parser.add_argument("--lr", type=float, default=5e-3)
parser.add_argument("--write", type=int, default=0, help="how many characters to write at the end")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--float64", action="store_true", help="compute in double precision")
args = parser.parse_args()

torch.manual_seed(args.seed)
if args.float64:
    torch.set_default_dtype(torch.float64)

text = "".join(topics[name] for name in sorted(topics))[: args.characters]
letters = sorted(set(text))
number = {letter: i for i, letter in enumerate(letters)}
rows = torch.tensor([number[letter] for letter in text])
rows = rows[: len(rows) // args.batch_size * args.batch_size].view(args.batch_size, -1)


class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(letters), 32)
        self.lstm = nn.LSTM(32, args.hidden, num_layers=args.layers, dropout=0.1, batch_first=True)
        self.output = nn.Linear(args.hidden, len(letters))

    def forward(self, tokens, state=None):
        hidden, state = self.lstm(self.embedding(tokens), state)
        return self.output(hidden), state


model = Writer()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=args.lr)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
print(model)

for epoch in range(1, args.epochs + 1):
    model.train()
    state, total, pieces = None, 0.0, 0
    for start in range(0, rows.size(1) - args.piece - 1, args.piece):
        inputs = rows[:, start : start + args.piece]
        targets = rows[:, start + 1 : start + args.piece + 1]
        logits, state = model(inputs, state)
        state = tuple(part.detach() for part in state)
        loss = criterion(logits.transpose(1, 2), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        total += loss.item()
        pieces += 1
    scheduler.step()
    print(f"epoch {epoch}: loss {total / pieces:.10f}")

if args.write:
    model.eval()
    letter, state, written = torch.zeros(1, 1, dtype=torch.int64), None, []
    with torch.no_grad():
        for _ in range(args.write):
            logits, state = model(letter, state)
            letter = torch.multinomial(torch.softmax(logits[0], dim=-1), 1)
            written.append(letters[letter.item()])
    print("".join(written))
