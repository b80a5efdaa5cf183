#!/usr/bin/env python3
"""Trains the shipped checkpoints and exports them to ONNX, as a user of PyTorch would.

    pip install -r models/requirements.txt
    python models/train.py digits-cnn
    python models/train.py mnist-cnn --data DIR     # DIR holds MNIST images and labels, see load_mnist

Runs on the CPU in a few minutes. Seeds are fixed; another PyTorch version or machine may give other weights,
so the checkpoints that ship are those that `expected.toml` was measured with.
"""

import argparse
import csv
import gzip
import pathlib
import struct

import numpy as np
import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent


class DigitsCnn(nn.Module):
    """8x8 digits: a convolution, a depthwise-separable one and a pointwise one, with batch normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(32 * 2 * 2, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))


class MnistCnn(nn.Module):
    """28x28 digits: conv32 - pool - conv64 - pool - conv64 - dense64 - dense10."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(64, 64, 3), nn.ReLU(),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(64 * 3 * 3, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))


def load_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels / 16 as [n, 1, 8, 8], from the CSV files that ship (64 pixels 0..16, then the label)."""

    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        with open(HERE / "digits-cnn" / name, newline="") as file:
            rows = np.array([[float(v) for v in row] for row in csv.reader(file)], dtype=np.float32)
        return rows[:, :64].reshape(-1, 1, 8, 8) / 16.0, rows[:, 64].astype(np.int64)

    return *read("train.csv"), *read("test.csv")


def load_mnist(folder: pathlib.Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels / 255 as [n, 1, 28, 28]. Reads IDX files (plain or gzip), else `*images*.npy` with `*labels*.npy`."""

    def idx(path: pathlib.Path) -> np.ndarray:
        raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
        rank = raw[3]
        shape = struct.unpack(f">{rank}I", raw[4 : 4 + 4 * rank])
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)

    def one(pattern: str) -> np.ndarray:
        found = sorted(folder.glob(pattern))
        if not found:
            raise SystemExit(f"error: no {pattern} in {folder}")
        return np.load(found[0]) if found[0].suffix == ".npy" else idx(found[0])

    def images(pattern: str) -> np.ndarray:
        return one(pattern).astype(np.float32).reshape(-1, 1, 28, 28) / 255.0

    return (
        images("train*images*"), one("train*labels*").astype(np.int64),
        images("t*est*images*" if list(folder.glob("test*images*")) else "t10k*images*"),
        one("test*labels*" if list(folder.glob("test*labels*")) else "t10k*labels*").astype(np.int64),
    )


def shift(x: torch.Tensor, most: int) -> torch.Tensor:
    """Shifts each picture of the batch by up to `most` pixels, filling with background."""
    padded = nn.functional.pad(x, (most,) * 4)
    h, w = x.shape[2:]
    out = torch.empty_like(x)
    for i, (dy, dx) in enumerate(torch.randint(0, 2 * most + 1, (x.shape[0], 2)).tolist()):
        out[i] = padded[i, :, dy : dy + h, dx : dx + w]
    return out


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    model.eval()
    with torch.no_grad():
        return (torch.cat([model(b) for b in x.split(500)]).argmax(1) == y).float().mean().item()


def train(model: nn.Module, data: tuple[np.ndarray, ...], epochs: int, batch: int, most_shift: int) -> None:
    x, y, x_test, y_test = (torch.from_numpy(a) for a in data)
    steps = epochs * ((len(x) + batch - 1) // batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=steps)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for rows in torch.randperm(len(x)).split(batch):
            loss = nn.functional.cross_entropy(model(shift(x[rows], most_shift)), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        print(f"epoch {epoch + 1:3} loss {total / len(x):.4f} test {accuracy(model, x_test, y_test):.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=["digits-cnn", "mnist-cnn"])
    parser.add_argument("--data", type=pathlib.Path, help="folder with MNIST, for mnist-cnn")
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    torch.manual_seed(7)
    torch.set_num_threads(1)
    if args.model == "digits-cnn":
        model, data, size, batch = DigitsCnn(), load_digits(), 8, 32
    elif args.data is None:
        parser.error("mnist-cnn needs --data")
    else:
        model, data, size, batch = MnistCnn(), load_mnist(args.data), 28, 64
    train(model, data, args.epochs, batch, most_shift=1 if size == 8 else 2)
    model.eval()
    target = HERE / args.model / "model.onnx"
    # Batch normalization stays a node of its own and the batch axis stays open: what most exports look like.
    torch.onnx.export(
        model, (torch.zeros(1, 1, size, size),), str(target), opset_version=17, dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        input_names=["image"], output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
    )
    print(f"wrote {target.relative_to(HERE.parent)}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
