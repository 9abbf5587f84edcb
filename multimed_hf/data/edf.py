"""EEG recordings in EDF, EDF+, BDF and BDF+ files: the scalp electrodes, in microvolt, without anything personal."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import edfio

SUFFIXES = (".edf", ".bdf")

# First bytes of a file and bytes per sample.
_FORMATS = {".edf": (b"0       ", 2), ".bdf": (b"\xffBIOSEMI", 3)}

_MICROVOLTS = {"nv": 1e-3, "uv": 1.0, "\N{MICRO SIGN}v": 1.0, "mv": 1e3, "v": 1e6}

_ELECTRODES = {
    f"{row}{place}".upper(): f"{row}{place}"
    for rows, places in (
        (("Fp", "O"), ("z", 1, 2)),
        (("I", "N"), ("z",)),
        (("AF", "F", "P", "PO"), ("z", *range(1, 11))),
        (("FC", "C", "CP"), ("z", *range(1, 7))),
        (("FT", "T", "TP"), range(7, 11)),
    )
    for row in rows
    for place in places
}
_ELECTRODES |= {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}

# 'EEG Fp1-REF', 'Fc5.', 'C3:M2': a prefix, dots that fill up to a width, a reference away from the scalp.
_LABEL = re.compile(
    r"(?:EEG[ _-]*)?(?P<electrode>[A-Z]+[0-9]*)\.*(?:[-:](?:REF|LE|AR|AVG?|CAR|A1|A2|M1|M2|A1A2|M1M2))?", re.IGNORECASE
)


def electrode_of(label: str) -> str:
    """The scalp electrode in the label of a signal, by its 10-10 name (`T7`, not the old `T3`).

    Empty for anything else: other signals (ECG, EMG), ears, and differences of two scalp electrodes.
    """
    match = _LABEL.fullmatch(label.strip())
    return _ELECTRODES.get(match["electrode"].upper(), "") if match else ""


@dataclass(frozen=True)
class Annotation:
    """What was marked in a recording, at which sample of it."""

    start: int
    text: str


@dataclass(frozen=True)
class Recording:
    """An open recording; signals are read from the file only when a window is asked for (BDF: when it is opened).

    Attributes:
        channels: names of the electrodes.
        sampling_rate: Hz, the same for all channels.
        samples: length of each channel.
        annotations: in the order of time.
        subject_code: the hospital's code of the subject, empty if the header has none. Personal: never to be published.
        continuous: whether the file has no gaps (EDF+C).
        left_out: reason to number of signals that are not among the channels.
        signals: as edfio opened them, one a channel.
    """

    channels: tuple[str, ...]
    sampling_rate: float
    samples: int
    annotations: tuple[Annotation, ...]
    subject_code: str
    continuous: bool
    left_out: Counter[str]
    signals: tuple[edfio.EdfSignal | edfio.BdfSignal, ...]

    def window(self, start: int, length: int) -> np.ndarray:
        """The samples `start` to `start + length`, float32 `(channels, time)` in microvolt."""
        seconds = (start / self.sampling_rate, (start + length) / self.sampling_rate)
        return np.stack(
            [signal.get_data_slice(*seconds) * _scale(signal) for signal in self.signals],
            dtype=np.float32,
            casting="same_kind",
        )


def open_recording(path: Path) -> Recording:
    """Opens an EDF or BDF file. Channels with another than the most common sampling rate are left out.

    Raises:
        ValueError: the file is empty, of another format, or not as long as its header says.
        ImportError: edfio is not installed.
    """
    edfio = _edfio()
    _check_length(path)
    # What edfio warns of (digits of numbers, characters) does not touch the signals; the length was checked.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read = edfio.read_bdf if path.suffix.lower() == ".bdf" else edfio.read_edf
            file = read(path, header_encoding="latin-1")
            signals, left_out = _choose(file.signals)
            rate = signals[0].sampling_frequency if signals else 0.0
            return Recording(
                channels=tuple(electrode_of(signal.label) for signal in signals),
                sampling_rate=rate,
                samples=round(file.duration * rate),
                annotations=tuple(Annotation(round(note.onset * rate), note.text) for note in file.annotations),
                subject_code=_subject_code(file),
                continuous=file.is_continuous,
                left_out=left_out,
                signals=tuple(signals),
            )
        except (ValueError, ArithmeticError, LookupError) as error:
            raise ValueError(
                f"{path}: expected {path.suffix[1:].upper()}, but {' '.join(str(error).split())}."
            ) from error


def _edfio() -> ModuleType:
    try:
        import edfio
    except ImportError as error:
        raise ImportError("Reading EDF and BDF files needs edfio: pip install multimed_hf[eeg]") from error
    return edfio


def _check_length(path: Path) -> None:
    """Compares the size of a file with its header; edfio would only warn, and read what is there."""
    start, width = _FORMATS[path.suffix.lower()]
    kind = path.suffix[1:].upper()
    with path.open("rb") as file:
        header = file.read(256)
        if not header:
            raise ValueError(f"{path}: expected {kind}, found an empty file.")
        if not header.startswith(start):
            raise ValueError(f"{path}: expected {kind}, which starts with {start!r}, found {header[:8]!r}.")
        try:
            header_bytes, records, signals = (
                int(header[at]) for at in (slice(184, 192), slice(236, 244), slice(252, 256))
            )
            fields = file.read(256 * signals)
            # The samples per record stand behind eight other fields of each signal.
            per_record = [int(fields[at : at + 8]) for at in range(216 * signals, 224 * signals, 8)]
        except ValueError as error:
            raise ValueError(f"{path}: expected the numbers of an {kind} header, but {error}.") from error
    expected = header_bytes + records * sum(per_record) * width
    found = path.stat().st_size
    if records < 1 or found != expected:
        length = f"{expected:,} bytes by its header" if records > 0 else "data records, and its header counts none"
        raise ValueError(f"{path}: expected {length}, found {found:,} bytes: the file breaks off or was not closed.")


def _choose(signals: Any) -> tuple[list[Any], Counter[str]]:
    """The signals that are scalp electrodes with a known unit and the most common sampling rate."""
    left_out: Counter[str] = Counter()
    chosen: dict[str, Any] = {}
    for signal in signals:
        electrode = electrode_of(signal.label)
        if not electrode:
            left_out["no scalp electrode by their label"] += 1
        elif signal.physical_dimension.strip().lower() not in _MICROVOLTS or not _calibrated(signal):
            left_out["without a known unit and range"] += 1
        elif electrode in chosen:
            left_out["a second signal of the same electrode"] += 1
        else:
            chosen[electrode] = signal
    rates = Counter(signal.sampling_frequency for signal in chosen.values())
    rate = max(rates, key=lambda rate: (rates[rate], rate), default=0.0)
    kept = [signal for signal in chosen.values() if signal.sampling_frequency == rate]
    left_out["another sampling rate than most electrodes"] = len(chosen) - len(kept)
    return kept, +left_out


def _calibrated(signal: Any) -> bool:
    return signal.digital_max > signal.digital_min and signal.physical_max != signal.physical_min


def _scale(signal: Any) -> float:
    return _MICROVOLTS[signal.physical_dimension.strip().lower()]


def _subject_code(file: Any) -> str:
    """The first of the four fields that EDF+ fixes; what stands there in plain EDF may be a name."""
    fields = file.local_patient_identification.split()
    coded = file.reserved.startswith(("EDF+", "BDF+")) and len(fields) >= 4
    return fields[0] if coded and fields[0].upper() != "X" else ""
