"""A made-up `EEG Eye State.arff` in its official layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

CHANNELS = tuple("AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split())
NAME = "EEG Eye State.arff"


def signal(samples: int, seed: int = 0) -> np.ndarray:
    """Values as in the file, `(samples, channels)`: noise of 15 microvolt around an offset of each channel."""
    random = np.random.default_rng(seed)
    return (random.uniform(4000, 4650, len(CHANNELS)) + random.normal(0, 15, (samples, len(CHANNELS)))).round(2)


def states(samples: int, every: int = 1000) -> np.ndarray:
    """0 (open) and 1 (closed) by turns, `(samples,)`."""
    return np.arange(samples) // every % 2


def write(
    folder: Path,
    samples: int = 15_000,
    values: np.ndarray | None = None,
    eye_states: np.ndarray | None = None,
    spikes: Mapping[tuple[int, int], float] | None = None,
) -> Path:
    """Writes the file into `folder`; `spikes` maps (sample, channel) to a value."""
    values = signal(samples) if values is None else values
    eye_states = states(len(values)) if eye_states is None else eye_states
    rows = [[f"{value:.2f}" for value in row] for row in values.tolist()]
    for (sample, channel), value in (spikes or {}).items():
        rows[sample][channel] = str(value)
    path = folder / NAME
    path.write_text(
        "\n".join(
            [
                "@RELATION EEG_DATA",
                "",
                *(f"@ATTRIBUTE {channel} NUMERIC" for channel in CHANNELS),
                "@ATTRIBUTE eyeDetection {0,1}",
                "",
                "@DATA",
                *(",".join([*row, str(state)]) for row, state in zip(rows, eye_states, strict=True)),
                "",
            ]
        )
    )
    return path
