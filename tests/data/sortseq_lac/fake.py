"""A made-up `sortseq_data.csv.gz` in its official layout: mutants of a promoter, brighter with fewer mutations."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np

WILD_TYPE = "GGCTTTACACTTTATGCTTCCGGCTCGTATGTTGTGTGG"
COLUMNS = ("set", *(f"ct_{number}" for number in range(10)), "x")


def reads(variants: int, seed: int = 0, rate: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """True mean bins `(variants,)` and read counts `(variants, 10)`; column 0 is the unsorted library."""
    random = np.random.default_rng(seed)
    brightness = random.uniform(1.5, 8.5, size=variants)
    bins = np.arange(1, 10)
    weights = np.exp(-0.5 * ((bins - brightness[:, None]) / 1.4) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    counts = np.column_stack([random.poisson(rate / 8, variants), random.poisson(rate * weights)])
    return weights @ bins, counts


def table(variants: int = 60, seed: int = 0) -> list[list[str]]:
    """Lines of the file: distinct sequences in alphabetical order, each read at least once in some bin."""
    random = np.random.default_rng(seed)
    sequences: set[str] = {WILD_TYPE}
    while len(sequences) < variants:
        letters = np.array(list(WILD_TYPE))
        mutated = random.random(len(letters)) < 0.12
        letters[mutated] = random.choice(list("ACGT"), mutated.sum())
        sequences.add("".join(letters))
    lines = []
    for sequence in sorted(sequences):
        mutations = sum(a != b for a, b in zip(sequence, WILD_TYPE, strict=True))
        counts = np.zeros(10, dtype=int)
        for _ in range(1 + random.poisson(0.1)):
            brightness = int(np.clip(round(8.5 - mutations + random.normal(0, 1)), 1, 9))
            counts[0 if random.random() < 0.1 else brightness] = 1
        lines.append([str(random.choice(["training", "validation", "test"])), *map(str, counts), sequence])
    return lines


def write(folder: Path, lines: list[list[str]] | None = None, columns: tuple[str, ...] = COLUMNS) -> Path:
    """Writes the file into `folder`."""
    path = folder / "sortseq_data.csv.gz"
    with gzip.open(path, "wt", newline="") as file:
        csv.writer(file).writerows([columns, *(table() if lines is None else lines)])
    return path
