"""A made-up `DNA.rda` in mlbench's layout: a data frame of 180 indicator factors and a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

CODES = {"A": "100", "C": "010", "G": "001", "T": "000"}
SITES = {"ei": (30, "GT"), "ie": (28, "AG"), "n": (0, "")}


def windows(per_class: int = 12, seed: int = 0) -> list[tuple[str, str]]:
    """Sequences of 60 letters with their classes, donor and acceptor sites with their two fixed letters."""
    random = np.random.default_rng(seed)
    rows = []
    for label, (start, site) in SITES.items():
        for _ in range(per_class):
            sequence = "".join(random.choice(list("ACGT"), 60))
            rows.append((sequence[:start] + site + sequence[start + len(site) :], label))
    return rows


def write(folder: Path, rows: list[tuple[str, str]] | None = None, name: str = "DNA", target: str = "Class") -> Path:
    """Writes the file into `folder`; `name` is the data frame's, `target` that of the class's column."""
    import pandas as pd
    import rdata

    rows = windows() if rows is None else rows
    indicators = np.array(
        [["01".find(digit) for letter in sequence for digit in CODES[letter]] for sequence, _ in rows]
    )
    columns = {
        # -1, for any digit but 0 and 1, is a missing value.
        f"V{number + 1}": pd.Categorical.from_codes(indicators[:, number], ["0", "1"])
        for number in range(180)
    }
    columns[target] = pd.Categorical([label for _, label in rows])
    path = folder / "DNA.rda"
    rdata.write_rda(path, {name: pd.DataFrame(columns)})
    return path
