"""Is there more to synthetic images and signals than meets a linear probe? Raw input, linear against a small network.

    python benchmarks/synthetic_probe.py [--rows 2000] [--epochs 20] [--side 112] [--difficulty 0.3] [SUBSET ...]

For each subset: rows with balanced prevalence, split by patient; logistic regression on pixels or samples and a small
convolutional network, both trained on the train rows, the decay and the pass that is kept chosen on the validation rows, scored
once on the test rows by balanced accuracy (macro AUROC for findings). The network sees images mirrored and shifted at random.
CT and MR are those of the brain. Intervals: bootstrap over patients, from 20 of them.
"""

from __future__ import annotations

import argparse
import copy
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from multimed_hf.metrics import auroc
from multimed_hf.metrics.intervals import MINIMUM_GROUPS
from multimed_hf.simulation import Simulation, generator_of
from multimed_hf.simulation.body.lesions import BRAIN_CONDITIONS
from multimed_hf.simulation.chest.xray import CHEST
from multimed_hf.simulation.patient import Patient

SIDE = 96  # pixels of an image that the network sees, where not more is needed
COARSE = 48  # pixels of an image for the linear probe, which has too many weights otherwise


@dataclass(frozen=True)
class Probed:
    """What is read from the rows of a subset.

    Attributes:
        modality: the column of the input.
        label: the column of the label; rows without one are left out.
        side: rows and columns of the images that the network sees.
        asked: which patients have such a label, or are looked at: the rows of others are not drawn.
    """

    modality: str
    label: str
    side: int = SIDE
    asked: Callable[[Patient], bool] = lambda patient: True


SUBSETS = {
    "oct": Probed("oct", "disease"),
    # Microaneurysms are less than two pixels wide as it is.
    "fundus": Probed("fundus", "retinopathy", 224),
    "bone_age": Probed("xray", "bone_age"),
    "pathology": Probed("pathology", "breast_cancer", 128),
    "xray": Probed("xray", "findings", 128, asked=lambda patient: patient.organ == CHEST),
    # Of five organs together, these few rows would show each lesion of each organ to the network some thirty times.
    "ct": Probed("ct", "disease", 112, lambda patient: patient.organ == "brain"),
    "mri": Probed("mri", "brain_tumor", 112, lambda patient: patient.condition in BRAIN_CONDITIONS),
    "eeg": Probed("eeg", "motor_imagery"),
}


def load(
    subset: str, rows: int, difficulty: float, side: int | None = None
) -> tuple[torch.Tensor, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs `(rows, channels, ...)`, labels, groups and splits; `side` in place of the subset's own."""
    from PIL import Image

    probed = SUBSETS[subset]
    size = (side or probed.side,) * 2
    generator = generator_of(subset, Simulation(difficulty=difficulty, prevalence="balanced"))
    inputs: list[torch.Tensor] = []
    labels: list[Any] = []
    groups: list[str] = []
    splits: list[str] = []
    index = 0
    while len(inputs) < rows:
        index += 1
        if not probed.asked(generator.patient(generator.place(index - 1)[0])):
            continue
        row = generator.row(index - 1)
        value = row.get(probed.label)
        if value is None:
            continue
        if probed.modality == "eeg":
            inputs.append(torch.from_numpy(np.asarray(row["eeg"], dtype=np.float32)) / 20)
        else:
            image = Image.open(io.BytesIO(row[probed.modality]["bytes"]))
            pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float32) / 255
            inputs.append(torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1))
        # Bone age in steps of four years.
        labels.append(int(value) // 4 if probed.label == "bone_age" else value)
        groups.append(row["group"])
        splits.append(generator.split(index - 1))
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
    return Images(inputs.shape[1], outputs)


class Images(nn.Module):
    """Convolutions that halve the image first, so that much of it fits, then look at small places of it.

    They see the image and its contrast, the image less its surroundings, as is usual where dots of a pixel or two decide (Graham,
    Kaggle Diabetic Retinopathy Detection, 2015).
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width, size, step in (
            (2 * channels, 16, 5, 2),
            (16, 32, 3, 2),
            (32, 48, 3, 1),
            (48, 96, 3, 2),
            (96, 96, 3, 1),
        ):
            layers += [nn.Conv2d(before, width, size, step, size // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.out = nn.Sequential(nn.BatchNorm1d(192), nn.Dropout(0.3), nn.Linear(192, outputs))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on a processor

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        coarse = nn.functional.avg_pool2d(image, 8, ceil_mode=True, count_include_pad=False)
        surroundings = nn.functional.interpolate(coarse, size=image.shape[2:], mode="bilinear")
        both = torch.cat([image - 0.3, 6 * (image - surroundings)], 1)
        seen = self.features(both.contiguous(memory_format=torch.channels_last))
        # A lesion stands out somewhere: the largest answer; how many there are, or a change of all the tissue: the mean.
        return self.out(torch.cat([seen.amax((2, 3)), seen.mean((2, 3))], 1))


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
    """Best score on validation, and logits of the test rows after that pass."""
    targets = torch.from_numpy(labels.astype(np.float32) if labels.ndim == 2 else labels)
    loss_of = nn.BCEWithLogitsLoss() if labels.ndim == 2 else nn.CrossEntropyLoss()
    rows, held, test = (np.flatnonzero(splits == name) for name in ("train", "validation", "test"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, epochs=epochs, steps_per_epoch=-(-len(rows) // 32)
    )

    def answers(chosen: np.ndarray) -> np.ndarray:
        model.eval()
        with torch.inference_mode():
            return torch.cat([model(inputs[part]) for part in torch.from_numpy(chosen).split(128)]).numpy()

    best, kept = -1.0, copy.deepcopy(model.state_dict())
    for _ in range(epochs):
        model.train()
        for chosen in torch.from_numpy(rows[torch.randperm(len(rows)).numpy()]).split(32):
            seen = varied(inputs[chosen]) if inputs.ndim == 4 else inputs[chosen]
            optimizer.zero_grad()
            loss_of(model(seen), targets[chosen]).backward()
            optimizer.step()
            schedule.step()
        reached = score(labels[held], answers(held))
        if reached > best:
            best, kept = reached, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    return best, answers(test)


def varied(images: torch.Tensor) -> torch.Tensor:
    """Images mirrored and shifted by up to a twelfth of their side, each by itself."""
    count, _, rows, columns = images.shape
    most = rows // 12
    padded = nn.functional.pad(images, (most,) * 4, mode="replicate")
    starts = torch.randint(2 * most + 1, (count, 2)).tolist()
    shifted = torch.stack(
        [image[:, y : y + rows, x : x + columns] for image, (y, x) in zip(padded, starts, strict=True)]
    )
    return torch.where(torch.rand(count, 1, 1, 1) < 0.5, shifted.flip(3), shifted)


def probe(inputs: torch.Tensor, labels: np.ndarray, splits: np.ndarray, outputs: int) -> np.ndarray:
    """Logits of the linear probe on the test rows, its weight decay chosen on validation."""
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
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--side", type=int, help="pixels of an image that the network sees; default: by subset")
    parser.add_argument("--difficulty", type=float, default=0.3)
    options = parser.parse_args()
    print(
        "| subset | score | n test | patients | chance | linear probe | small network |\n|---|---|---|---|---|---|---|"
    )
    for subset in options.subsets or SUBSETS:
        begin = time.process_time()
        inputs, labels, groups, splits = load(subset, options.rows, options.difficulty, options.side)
        outputs = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
        linear = probe(inputs, labels, splits, outputs)
        torch.manual_seed(0)
        rate = 3e-3 if inputs.ndim == 3 else 6e-3
        _, deep = train(network(inputs, outputs), inputs, labels, splits, options.epochs, rate, 0.01)
        test = splits == "test"
        count, cells = len(np.unique(groups[test])), []
        for logits in (linear, deep):
            low, high = interval(labels[test], logits, groups[test])
            shown = f" ({low:.3f} to {high:.3f})" if count >= MINIMUM_GROUPS else ""
            cells.append(f"{score(labels[test], logits):.3f}{shown}")
        name, chance = ("macro AUROC", 0.5) if labels.ndim == 2 else ("balanced accuracy", 1 / outputs)
        print(f"| {subset} | {name} | {test.sum()} | {count} | {chance:.2f} | {cells[0]} | {cells[1]} |", flush=True)
        print(f"  {time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    main()
