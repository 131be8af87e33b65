"""A multilayer perceptron reads handwritten digits: 1797 pictures of 8x8 points that come with scikit-learn.

tgrad run digits_mlp.py --epochs 5
tgrad run digits_mlp.py --float64     the losses are then PyTorch's to the last digits printed
"""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--lr", type=float, default=5e-3)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--float64", action="store_true", help="compute in double precision")
args = parser.parse_args()

torch.manual_seed(args.seed)
if args.float64:
    torch.set_default_dtype(torch.float64)

digits = load_digits()
pictures = torch.tensor(digits.data, dtype=torch.get_default_dtype()) / 16
dataset = TensorDataset(pictures, torch.tensor(digits.target, dtype=torch.int64))
training, held_out = random_split(dataset, [0.8, 0.2])
loader = DataLoader(training, batch_size=args.batch_size, shuffle=True)

model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
print(model)

for epoch in range(1, args.epochs + 1):
    model.train()
    total = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(targets)
    scheduler.step()

    model.eval()
    with torch.no_grad():
        inputs, targets = held_out[:]
        outputs = model(inputs)
        right = (outputs.argmax(dim=1) == targets).double().mean().item()
        print(
            f"epoch {epoch}: loss {total / len(training):.10f}, held out {criterion(outputs, targets):.10f}, right {right:.1%}"
        )
