"""Is there more to synthetic images and signals than meets a linear probe? Raw input, linear against a small network.

    python benchmarks/synthetic_probe.py [--rows 1600] [--difficulty 0.3] [SUBSET ...]

For each subset: rows with balanced prevalence, split by patient; logistic regression on pixels or samples and a small
convolutional network, both trained on the train rows, settings chosen on the validation rows, scored once on the test rows by
balanced accuracy (macro AUROC for findings). Intervals: bootstrap over patients.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from multimed_hf.metrics import auroc
from multimed_hf.simulation import Simulation, generator_of

SIDE = 96  # pixels of an image that both see
COARSE = 48  # pixels of an image for the linear probe, which has too many weights otherwise


def label_column(column: str) -> Callable[[dict[str, Any]], Any]:
    """Reads a label; None where a row has none."""
    return lambda row: row.get(column)


SUBSETS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "oct": ("oct", label_column("disease")),
    "fundus": ("fundus", label_column("retinopathy")),
    "bone_age": ("xray", lambda row: int(row["bone_age"]) // 4),
    "pathology": ("pathology", label_column("breast_cancer")),
    "xray": ("xray", label_column("findings")),
    "ct": ("ct", label_column("disease")),
    "mri": ("mri", label_column("brain_tumor")),
    "eeg": ("eeg", label_column("motor_imagery")),
}


def load(subset: str, rows: int, difficulty: float) -> tuple[torch.Tensor, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs `(rows, channels, ...)`, labels, groups and splits."""
    from PIL import Image

    modality, label = SUBSETS[subset]
    generator = generator_of(subset, Simulation(difficulty=difficulty, prevalence="balanced"))
    inputs: list[torch.Tensor] = []
    labels: list[Any] = []
    groups: list[str] = []
    splits: list[str] = []
    index = 0
    while len(inputs) < rows:
        row = generator.row(index)
        value = label(row)
        if value is not None:
            if modality == "eeg":
                inputs.append(torch.from_numpy(np.asarray(row["eeg"], dtype=np.float32)) / 20)
            else:
                image = Image.open(io.BytesIO(row[modality]["bytes"])).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
                pixels = torch.from_numpy(np.asarray(image, dtype=np.float32) / 255)
                inputs.append(pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1))
            labels.append(value)
            groups.append(row["group"])
            splits.append(generator.split(index))
        index += 1
    if isinstance(labels[0], dict):
        coded = np.array([[state == "present" for state in value.values()] for value in labels], dtype=np.int64)
    else:
        names = sorted(set(labels), key=str)
        coded = np.array([names.index(value) for value in labels])
    return torch.stack(inputs), coded, np.array(groups), np.array(splits)


def score(labels: np.ndarray, logits: np.ndarray) -> float:
    """Balanced accuracy, or macro AUROC of several labels."""
    if labels.ndim == 2:
        both = [k for k in range(labels.shape[1]) if 0 < labels[:, k].sum() < len(labels)]
        return float(np.mean([auroc(logits[:, k], labels[:, k] == 1) for k in both]))
    chosen = logits.argmax(1)
    return float(np.mean([(chosen[labels == k] == k).mean() for k in np.unique(labels)]))


def interval(labels: np.ndarray, logits: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """95 % of bootstrap draws of groups."""
    random = np.random.default_rng(0)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    draws = []
    for _ in range(300):
        rows = np.concatenate([members[k] for k in random.integers(len(members), size=len(members))])
        draws.append(score(labels[rows], logits[rows]))
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def network(inputs: torch.Tensor, outputs: int) -> nn.Module:
    """A small convolutional network for images, or one of temporal filters and log power for signals."""
    if inputs.ndim == 3:
        return Signals(inputs.shape[1], outputs)
    layers: list[nn.Module] = []
    before = inputs.shape[1]
    for width in (24, 48, 96, 128):
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(before, outputs))


class Signals(nn.Module):
    """Filters in time, then in space, then log power (Schirrmeister et al., Hum. Brain Mapp. 38, 5391, 2017)."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.time = nn.Conv2d(1, 20, (1, 41), padding=(0, 20), bias=False)
        self.space = nn.Conv2d(20, 30, (channels, 1), bias=False)
        self.norm = nn.BatchNorm2d(30)
        self.out = nn.Sequential(nn.Dropout(0.5), nn.Linear(30, outputs))

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        filtered = self.norm(self.space(self.time(signal[:, None])))
        return self.out(torch.log(filtered.square().mean((2, 3)) + 1e-4))


def train(
    model: nn.Module,
    inputs: torch.Tensor,
    labels: np.ndarray,
    splits: np.ndarray,
    epochs: int,
    learning_rate: float,
    decay: float,
) -> tuple[float, np.ndarray]:
    """Best score on validation, and logits of all rows at that epoch."""
    targets = torch.from_numpy(labels.astype(np.float32) if labels.ndim == 2 else labels)
    loss_of = nn.BCEWithLogitsLoss() if labels.ndim == 2 else nn.CrossEntropyLoss()
    rows, held = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "validation")
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, epochs=epochs, steps_per_epoch=-(-len(rows) // 32)
    )
    best, kept = -1.0, np.zeros(0)
    for _ in range(epochs):
        model.train()
        for chosen in torch.from_numpy(rows[torch.randperm(len(rows)).numpy()]).split(32):
            optimizer.zero_grad()
            loss_of(model(inputs[chosen]), targets[chosen]).backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.inference_mode():
            logits = torch.cat([model(part) for part in inputs.split(128)]).numpy()
        reached = score(labels[held], logits[held])
        if reached > best:
            best, kept = reached, logits
    return best, kept


def probe(inputs: torch.Tensor, labels: np.ndarray, splits: np.ndarray, outputs: int) -> np.ndarray:
    """Logits of the linear probe, its weight decay chosen on validation."""
    coarse = nn.functional.interpolate(inputs, (COARSE, COARSE), mode="area") if inputs.ndim == 4 else inputs
    flat = coarse.flatten(1)
    known = flat[torch.from_numpy(splits == "train")]
    flat = (flat - known.mean(0)) / (known.std(0) + 1e-3)
    tried = []
    for decay in (0.01, 0.3, 3.0):
        torch.manual_seed(0)
        tried.append(train(nn.Linear(flat.shape[1], outputs), flat, labels, splits, 25, 1e-3, decay))
    return max(tried, key=lambda pair: pair[0])[1]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subsets", nargs="*", metavar="SUBSET", help="default: all")
    parser.add_argument("--rows", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--difficulty", type=float, default=0.3)
    options = parser.parse_args()
    print(
        "| subset | score | n test | patients | chance | linear probe | small network |\n|---|---|---|---|---|---|---|"
    )
    for subset in options.subsets or SUBSETS:
        begin = time.perf_counter()
        inputs, labels, groups, splits = load(subset, options.rows, options.difficulty)
        outputs = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
        linear = probe(inputs, labels, splits, outputs)
        torch.manual_seed(0)
        _, deep = train(network(inputs, outputs), inputs, labels, splits, options.epochs, 3e-3, 0.01)
        test = splits == "test"
        cells = []
        for logits in (linear, deep):
            low, high = interval(labels[test], logits[test], groups[test])
            cells.append(f"{score(labels[test], logits[test]):.3f} ({low:.3f} to {high:.3f})")
        name, chance = ("macro AUROC", 0.5) if labels.ndim == 2 else ("balanced accuracy", 1 / outputs)
        count = len(np.unique(groups[test]))
        print(f"| {subset} | {name} | {test.sum()} | {count} | {chance:.2f} | {cells[0]} | {cells[1]} |", flush=True)
        print(f"  {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
