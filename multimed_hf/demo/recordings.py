"""Uploaded EEG: the first seconds of an EDF or BDF file, or a table of microvolts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.edf import electrode_of, open_recording
from .limits import Refused
from .tables import read_table

MOST_SECONDS = 10
"""What is read of a recording, from its start."""
_MOST_CHANNELS = 128


def read_edf(path: Path) -> dict[str, Any]:
    """The first `MOST_SECONDS` seconds of the scalp electrodes of an EDF or BDF file.

    Returns:
        `signal` `(channels, time)` microvolt, `channels` and `sampling_rate` in Hz.

    Raises:
        Refused: it is no such file, not as long as its header says, or has no electrode of the 10-20 system.
    """
    try:
        recording = open_recording(path)
        if not recording.channels:
            raise Refused("The recording has no channel that is named as an electrode of the 10-20 system.")
        if not 1 <= recording.sampling_rate <= 100_000:
            raise Refused(f"Expected a sampling rate from 1 to 100,000 Hz, found {recording.sampling_rate:g}.")
        length = min(recording.samples, round(MOST_SECONDS * recording.sampling_rate))
        signal = recording.window(0, length)
    except Refused:
        raise
    except (ValueError, ArithmeticError, LookupError, OSError, MemoryError):
        raise Refused("The file is no whole EDF or BDF recording, or is not as long as its header says.") from None
    return _checked(signal, list(recording.channels), recording.sampling_rate)


def read_microvolts(path: Path, sampling_rate: float) -> dict[str, Any]:
    """A CSV file of microvolts: electrodes in its first line, then one line a sample. Returns what `read_edf` does.

    Args:
        path: the file.
        sampling_rate: Hz, which the file does not say.

    Raises:
        Refused: names that are no electrodes, or cells that are no numbers.
    """
    if not 1 <= sampling_rate <= 100_000:
        raise Refused(f"Expected a sampling rate from 1 to 100,000 Hz, got {sampling_rate:g}.")
    table = read_table(path)
    names = [electrode_of(name) for name in table.head]
    if not all(names) or len(set(names)) < len(names):
        raise Refused("Expected the first line to name electrodes of the 10-20 system, such as Fz,Cz,Pz, each once.")
    signal = table.numbers(range(len(names))).T[:, : round(MOST_SECONDS * sampling_rate)]
    return _checked(signal.astype(np.float32), names, sampling_rate)


def _checked(signal: np.ndarray, channels: list[str], sampling_rate: float) -> dict[str, Any]:
    if len(channels) > _MOST_CHANNELS:
        raise Refused(f"The recording has {len(channels)} channels; this page takes up to {_MOST_CHANNELS}.")
    if not signal.shape[1] or not np.isfinite(signal).all():
        raise Refused("Expected one or more samples of finite microvolts.")
    return {"signal": signal, "channels": channels, "sampling_rate": float(sampling_rate)}
