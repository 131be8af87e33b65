"""A convolutional network reads handwritten digits, keeps its best state in a checkpoint, and takes up from it again.

    tgrad run digits_cnn.py --epochs 4 --checkpoint digits.pt
    tgrad run digits_cnn.py --epochs 2 --checkpoint digits.pt --resume     goes on where the first left off

The file is PyTorch's own format: what one of the two wrote, the other reads.
"""

import argparse
import os
import tempfile

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--max-lr", type=float, default=0.1)
parser.add_argument("--workers", type=int, default=0, help="processes that prepare batches")
parser.add_argument("--checkpoint", help="where to keep the best state (default: a file that is deleted again)")
parser.add_argument("--resume", action="store_true", help="start from the checkpoint")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--float64", action="store_true", help="compute in double precision")
args = parser.parse_args()


class Digits(Dataset):
    """Pictures as (1, 8, 8), values from 0 to 1, with their class."""

    def __init__(self):
        digits = load_digits()
        self.images = digits.images / 16
        self.targets = digits.target

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return torch.tensor(self.images[index], dtype=torch.get_default_dtype())[None], int(self.targets[index])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(32)
        self.dropout = nn.Dropout(0.25)
        self.output = nn.Linear(32 * 2 * 2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        return self.output(self.dropout(x.flatten(1)))


def evaluate(model, loader):
    model.eval()
    loss, right, count = 0.0, 0, 0
    with torch.no_grad():
        for inputs, targets in loader:
            outputs = model(inputs)
            loss += F.cross_entropy(outputs, targets, reduction="sum").item()
            right += (outputs.argmax(1) == targets).sum().item()
            count += len(targets)
    return loss / count, right / count


def main():
    torch.manual_seed(args.seed)
    if args.float64:
        torch.set_default_dtype(torch.float64)
    dataset = Digits()
    order = torch.randperm(len(dataset)).tolist()
    training, held_out = Subset(dataset, order[:1400]), Subset(dataset, order[1400:])
    loader = DataLoader(training, batch_size=args.batch_size, shuffle=True, drop_last=True, num_workers=args.workers)
    checking = DataLoader(held_out, batch_size=200)

    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.max_lr / 25, momentum=0.9, weight_decay=5e-4, nesterov=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.max_lr, epochs=args.epochs, steps_per_epoch=len(loader)
    )
    path = args.checkpoint or os.path.join(tempfile.mkdtemp(), "digits.pt")
    best, first = float("inf"), 1
    if args.resume:
        state = torch.load(path)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        best, first = state["loss"], state["epoch"] + 1
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, args.max_lr, epochs=args.epochs, steps_per_epoch=len(loader)
        )

    for epoch in range(first, first + args.epochs):
        model.train()
        total = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets, label_smoothing=0.05)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        held_out_loss, right = evaluate(model, checking)
        print(f"epoch {epoch}: loss {total / len(loader):.10f}, held out {held_out_loss:.10f}, right {right:.1%}")
        if held_out_loss < best:
            best = held_out_loss
            torch.save(
                {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "loss": best, "epoch": epoch}, path
            )

    again = Net()
    again.load_state_dict(torch.load(path)["model"])
    print(f"the best state, loaded: held out {evaluate(again, checking)[0]:.10f}")
    if args.checkpoint is None:
        os.remove(path)


if __name__ == "__main__":
    main()
