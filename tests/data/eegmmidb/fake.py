"""A made-up EEGMMIDB in its official layout: `S001/S001R01.edf` with an `.edf.event` file beside each recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..edf import fake as edf

# As the headers have them: mixed case, dots up to a width of four.
LABELS = """
Fc5. Fc3. Fc1. Fcz. Fc2. Fc4. Fc6. C5.. C3.. C1.. Cz.. C2.. C4.. C6.. Cp5. Cp3. Cp1. Cpz. Cp2. Cp4. Cp6. Fp1. Fpz. Fp2.
Af7. Af3. Afz. Af4. Af8. F7.. F5.. F3.. F1.. Fz.. F2.. F4.. F6.. F8.. Ft7. Ft8. T7.. T8.. T9.. T10. Tp7. Tp8. P7.. P5..
P3.. P1.. Pz.. P2.. P4.. P6.. P8.. Po7. Po3. Poz. Po4. Po8. O1.. Oz.. O2.. Iz..
""".split()
FEW = ("Fc5.", "C3..", "Cz..", "Fp1.", "T10.")
CUES = ((0, 4.2, "T0"), (4.2, 4.1, "T2"), (8.3, 4.2, "T0"), (12.5, 4.1, "T1"), (16.6, 3.4, "T0"))


class _Onset(float):
    """An onset that is written with a duration, `4.2\\x154.1`: text that `edf.write` puts between `+` and the words."""

    duration: float

    def __format__(self, spec: str) -> str:
        return f"{float(self):g}\x15{self.duration:g}"


def onset(start: float, duration: float) -> float:
    """A time in seconds that is written with a duration."""
    time = _Onset(start)
    time.duration = duration
    return time


def write(
    folder: Path,
    subjects: Sequence[int] = range(1, 8),
    runs: Sequence[int] = (1, 3, 4, 6),
    labels: Sequence[str] = FEW,
    cues: Sequence[tuple[float, float, str]] = CUES,
    seconds: int = 20,
    rate: int = 160,
) -> Path:
    """Writes the recordings into `folder` and returns it; runs 1 and 2 have no cue but T0.

    Args:
        folder: where to.
        subjects: their numbers.
        runs: their numbers.
        labels: of the signals.
        cues: onset and duration in seconds, and text.
        seconds: length of a recording.
        rate: Hz.
    """
    for subject in subjects:
        for run in runs:
            path = folder / f"S{subject:03d}" / f"S{subject:03d}R{run:02d}.edf"
            path.parent.mkdir(parents=True, exist_ok=True)
            notes = [(0, float(seconds), "T0")] if run < 3 else cues
            edf.write(
                path,
                edf.eeg(seconds, labels, rate, seed=100 * subject + run),
                [(onset(start, duration), text) for start, duration, text in notes],
            )
            path.with_name(f"{path.name}.event").write_bytes(b"\x00\x01## time resolution: 160\x00")
    (folder / "RECORDS").write_text("".join(f"{path.name}\n" for path in sorted(folder.rglob("*.edf"))))
    return folder
