"""How EEGMMIDB (PhysioNet) says what was imagined when: runs, cues and the subjects whose recordings differ.

Schalk, McFarland, Hinterberger, Birbaumer, Wolpaw, BCI2000: a general-purpose brain-computer interface system, IEEE
Trans. Biomed. Eng. 51, 1034 (2004).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .edf import Recording

_FISTS = {"T1": "left_fist", "T2": "right_fist"}
_BOTH = {"T1": "both_fists", "T2": "both_feet"}

IMAGINED_RUNS: dict[int, dict[str, str]] = {4: _FISTS, 6: _BOTH, 8: _FISTS, 10: _BOTH, 12: _FISTS, 14: _BOTH}
"""Run to cue to label. T0 is rest; runs 1 and 2 are rest as a whole, and in the others the movement is executed."""

IRREGULAR_SUBJECTS = (38, 88, 89, 92, 100, 104)
"""Recorded at another rate or with cues of another length; usually left out."""

_CUES = ("T0", "T1", "T2")

_NAME = re.compile(r"S(?P<subject>[0-9]{3})R(?P<run>[0-9]{2})\.edf", re.IGNORECASE)


@dataclass(frozen=True)
class Trial:
    """From a cue on: its first sample, and the label of the imagined movement."""

    start: int
    label: str


def parse_name(name: str) -> tuple[int, int] | None:
    """Subject and run in the name of a file, `S001R04.edf`; None for other files, such as `S001R04.edf.event`."""
    match = _NAME.fullmatch(name)
    return (int(match["subject"]), int(match["run"])) if match else None


def trials(recording: Recording, run: int, length: int, counts: Counter[str]) -> Iterator[Trial]:
    """The trials of an imagined run that last at least `length` samples, up to the next cue or the end.

    Args:
        recording: the open file.
        run: a key of `IMAGINED_RUNS`.
        length: in samples.
        counts: gets the number of shorter ones under `short`.
    """
    cues = [(note.start, cue) for note in recording.annotations if (cue := note.text.strip().upper()) in _CUES]
    for (start, cue), (end, _) in itertools.pairwise([*cues, (recording.samples, "")]):
        if cue not in IMAGINED_RUNS[run]:
            continue
        if start < 0 or min(end, recording.samples) - start < length:
            counts["short"] += 1
        else:
            yield Trial(start, IMAGINED_RUNS[run][cue])
