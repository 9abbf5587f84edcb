"""Builds the subset `eeg`: EEG Eye State (UCI), EEGMMIDB, folders of EDF recordings, and simulated motor imagery."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from multimed_hf.data import edf, eegmmidb
from multimed_hf.data.arff import read_arff
from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.images import first_of_each, release_files, wrong_release
from multimed_hf.data.reader import SourceReader
from multimed_hf.data.splits import Entry
from multimed_hf.data.synthetic import synthetic_reader
from multimed_hf.tasks import TASKS
from multimed_hf.wording import counted

# File, subject, first sample, labels by column.
_Window = tuple[str, str, int, tuple[tuple[str, str], ...]]


class EyeStateReader(SourceReader):
    """Windows of the one recording of EEG Eye State.

    Neighbouring samples are alike, and so would be windows of one recording that are split at random. The recording is
    cut into blocks with gaps between them, windows lie within a block, and blocks are never divided by a split. The
    median and the spread of each channel, by which spikes are clipped and the offset is removed, are those of the whole
    recording, test blocks too; they know nothing of labels.

    Class attributes:
        SAMPLING_RATE: Hz.
        BLOCK, GAP, WINDOW, HOP: seconds.
        SPIKE: a sample farther from its channel's median than this many scaled median absolute deviations is clipped.
            Any limit from 15 to 20 clips the same four moments of this recording.
    """

    subset = "eeg"
    name = "uci_eye_state"
    layout = "eeg_eye_state"

    SAMPLING_RATE: ClassVar[int] = 128
    BLOCK: ClassVar[float] = 4.0
    GAP: ClassVar[float] = 1.0
    WINDOW: ClassVar[float] = 1.0
    HOP: ClassVar[float] = 0.5
    SPIKE: ClassVar[float] = 15.0

    CHANNELS: ClassVar[tuple[str, ...]] = tuple("AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split())
    STATES: ClassVar[dict[str, str]] = {"0": "open", "1": "closed"}

    def index(self) -> Sequence[Entry]:
        _, states, clipped = self._load()
        block, gap, window, hop = (
            round(seconds * self.SAMPLING_RATE) for seconds in (self.BLOCK, self.GAP, self.WINDOW, self.HOP)
        )
        entries = []
        mixed = 0
        for number, start in enumerate(range(0, len(states), block + gap)):
            stop = min(start + block, len(states))
            group = f"{self.name}/block-{number:02d}"
            majority = Counter(states[start:stop]).most_common(1)[0][0]
            for first in range(start, stop - window + 1, hop):
                if len(set(states[first : first + window])) == 1:
                    entries.append(Entry(key=first, group=group, stratum=majority))
                else:
                    mixed += 1
        if not entries:
            raise ValueError(
                f"{self._file()}: expected at least {window} samples with one state of the eyes, none in {len(states)}."
            )
        moments = int(clipped.any(0).sum())
        self.notes += [
            f"{counted(int(clipped.sum()), 'value')} at {counted(moments, 'moment')} clipped at {self.SPIKE:g} scaled "
            "median absolute deviations from the median of their channel; the median subtracted: both of the whole recording.",
            f"{counted(mixed, 'window')} left out: the eyes open or close within them.",
            f"{self.GAP:g} s after each block of {self.BLOCK:g} s left out: windows of two blocks share nothing.",
        ]
        return entries

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        signal, states, _ = self._load()
        window = round(self.WINDOW * self.SAMPLING_RATE)
        for entry in entries:
            start = cast(int, entry.key)
            yield {
                "id": f"{self.name}/{start:05d}",
                "has_eeg": True,
                "eeg": signal[:, start : start + window],
                "eeg_channels": list(self.CHANNELS),
                "eeg_sampling_rate": float(self.SAMPLING_RATE),
                "eye_state": states[start],
                "subject": f"{self.name}/subject",
                "session": f"{self.name}/recording",
            }

    def _file(self) -> Path:
        assert self.location
        if self.location.is_file():
            return self.location
        files = sorted(path for path in self.location.glob("*.arff") if not path.name.startswith("._"))
        if len(files) != 1:
            raise ValueError(f"Expected one file *.arff (EEG Eye State.arff) in {self.location}, found {len(files)}.")
        return files[0]

    def _load(self) -> tuple[np.ndarray, list[str], np.ndarray]:
        """The mended signal `(channels, time)` in microvolt, the state at each sample, and where it was clipped."""
        path = self._file()
        relation = read_arff(path)
        columns = (tuple(relation.numeric), tuple(relation.nominal))
        if columns != (self.CHANNELS, ("eyeDetection",)):
            raise ValueError(
                f"{path}: expected the numeric attributes {', '.join(self.CHANNELS)} and the nominal eyeDetection, "
                f"found {', '.join(columns[0])} and {', '.join(columns[1]) or 'none'}."
            )
        raw = np.stack(list(relation.numeric.values()))
        if not np.isfinite(raw).all():
            channel, sample = np.argwhere(~np.isfinite(raw))[0]
            raise ValueError(f"{path}: expected numbers, found {raw[channel, sample]} in {self.CHANNELS[channel]!r}.")
        states = relation.nominal["eyeDetection"].tolist()
        unknown = set(states) - set(self.STATES)
        if unknown:
            raise ValueError(f"{path}: expected eyeDetection of {' or '.join(self.STATES)}, found {sorted(unknown)}.")
        signal = raw - np.median(raw, axis=1, keepdims=True)
        # 1.4826 makes the median absolute deviation of a normal distribution its standard deviation.
        limit = self.SPIKE * 1.4826 * np.median(np.abs(signal), axis=1, keepdims=True)
        clipped = np.abs(signal) > limit
        mended = np.clip(signal, -limit, limit).astype(np.float32)
        return mended, [self.STATES[state] for state in states], clipped


class EdfReader(SourceReader):
    """Windows of a file, or of all EDF and BDF files of a folder.

    An annotation whose text is a label of a task (`left_fist`, `both feet`, `closed`) gives a labelled window from its
    onset. A recording without such annotations gives unlabelled windows, one after the other. Nothing of the header but
    channels, rates and annotations goes into a row: subjects and recordings appear as hashes.

    Class attributes:
        WINDOW: seconds.
    """

    subset = "eeg"
    name = "edf"

    WINDOW: ClassVar[float] = 4.0

    def index(self) -> Sequence[Entry]:
        files = self._files()
        counts: Counter[str] = Counter(files=len(files))
        signals: Counter[str] = Counter()
        entries: list[Entry] = []
        for path in files:
            recording = edf.open_recording(path)
            signals.update(recording.left_out)
            length = self._length(recording)
            if not recording.channels:
                counts["no channels"] += 1
            elif not recording.continuous:
                counts["gaps"] += 1
            elif recording.samples < length:
                counts["short"] += 1
            else:
                subject = self._subject(path, recording, counts)
                for start, labels in self._windows(recording, length, counts):
                    key: _Window = (str(path), subject, start, tuple(labels.items()))
                    entries.append(Entry(key, group=f"{self.name}/{subject}", stratum="+".join(labels.values())))
        if not entries:
            raise ValueError(
                f"Expected windows of {self.WINDOW:g} s of EEG in {self.location}, found none in {counted(len(files), 'file')}: "
                "signals need names of the 10-20 system and a unit of volts."
            )
        self._note(counts, signals)
        return entries

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        keys = [cast(_Window, entry.key) for entry in entries]
        for path, windows in itertools.groupby(keys, key=lambda key: key[0]):
            recording = edf.open_recording(Path(path))
            session = f"recording-{_hash(self._relative(Path(path)))}"
            for _, subject, start, labels in windows:
                yield {
                    "id": f"{self.name}/{session}/{start:09d}",
                    "has_eeg": True,
                    "eeg": recording.window(start, self._length(recording)),
                    "eeg_channels": list(recording.channels),
                    "eeg_sampling_rate": recording.sampling_rate,
                    "subject": subject,
                    "session": session,
                    **dict(labels),
                }

    def _files(self) -> list[Path]:
        assert self.location
        if self.location.is_file():
            candidates = [self.location]
        else:
            candidates = [path for path in sorted(self.location.rglob("*")) if not path.name.startswith("._")]
        files = [path for path in candidates if path.suffix.lower() in edf.SUFFIXES and path.is_file()]
        if not files:
            raise ValueError(f"Expected files ending in .edf or .bdf in {self.location}, found none.")
        return files

    def _length(self, recording: edf.Recording) -> int:
        return round(self.WINDOW * recording.sampling_rate)

    def _relative(self, path: Path) -> str:
        return path.name if path == self.location else path.relative_to(self.location or "").as_posix()

    def _subject(self, path: Path, recording: edf.Recording, counts: Counter[str]) -> str:
        """A pseudonym: from the code in the header, else the `sub-<label>` of a BIDS name, else the file's name."""
        bids = re.search(r"(?:^|/)(sub-[A-Za-z0-9]+)", self._relative(path))
        if not recording.subject_code and not bids:
            counts["anonymous"] += 1
        return f"subject-{_hash(recording.subject_code or (bids[1] if bids else path.stem))}"

    def _windows(
        self, recording: edf.Recording, length: int, counts: Counter[str]
    ) -> Iterator[tuple[int, dict[str, str]]]:
        """First sample and labels by column of each window of a recording."""
        columns = {label: TASKS[target.task].column for target in self.source.targets for label in target.labels}
        events = []
        for annotation in recording.annotations:
            label = "_".join(annotation.text.casefold().split())
            if label in columns:
                events.append((annotation.start, columns[label], label))
        if not events:
            counts["unlabelled"] += 1
            for start in range(0, recording.samples - length + 1, length):
                yield start, {}
        for start, together in itertools.groupby(events, key=lambda event: event[0]):
            labels = {column: label for _, column, label in together}
            within = [event for event in events if start <= event[0] < start + length]
            if start < 0 or start + length > recording.samples:
                counts["cut off"] += 1
            elif any(labels.get(column, label) != label for _, column, label in within):
                counts["mixed"] += 1
            else:
                yield start, labels

    def _note(self, counts: Counter[str], signals: Counter[str]) -> None:
        of_files = f"of {counted(counts['files'], 'file')}"
        sentences = {
            "no channels": f"{{}} {of_files} left out: no EEG channels.",
            "gaps": f"{{}} {of_files} left out: recordings with gaps (EDF+D).",
            "short": f"{{}} {of_files} left out: shorter than {self.WINDOW:g} s.",
            "unlabelled": f"{{}} {of_files} without an annotation that names a label: windows of these are unlabelled.",
            "anonymous": f"{{}} {of_files} without the name of a subject: each counts as a subject of its own.",
        }
        self.notes += [text.format(counts[key]) for key, text in sentences.items() if counts[key]]
        windows = {
            "cut off": "the recording ends, or has not begun, within them.",
            "mixed": "an annotation with another label lies within them.",
        }
        self.notes += [
            f"{counted(counts[key], 'window')} left out: {why}" for key, why in windows.items() if counts[key]
        ]
        self.notes += [f"{counted(count, 'signal')} left out: {reason}." for reason, count in sorted(signals.items())]


class EegmmidbReader(SourceReader):
    """Imagined movements of EEGMMIDB, `S001/S001R04.edf`: one window a trial, from the cue on.

    Runs of executed movements and of rest are not read, nor are subjects whose recordings differ from the others. Any
    part of the release will do, wherever its files lie below the folder.

    Class attributes:
        WINDOW: seconds.
        EXCLUDED: numbers of subjects that are left out.
    """

    subset = "eeg"
    name = "eegmmidb"
    layout = "eegmmidb"

    WINDOW: ClassVar[float] = 4.0
    EXCLUDED: ClassVar[tuple[int, ...]] = eegmmidb.IRREGULAR_SUBJECTS

    def index(self) -> Sequence[Entry]:
        files = release_files(self.location)
        named = [(place, file) for file in files if (place := eegmmidb.parse_name(file.name))]
        imagined = [(place, file) for place, file in named if place[1] in eegmmidb.IMAGINED_RUNS]
        if not imagined:
            expected = "recordings of imagined movements, such as S001/S001R04.edf (runs 4, 6, 8, 10, 12, 14)"
            raise wrong_release(self.location, expected, files)
        root = cast(Path, self.location)
        found, copies = first_of_each(root, imagined)
        counts: Counter[str] = Counter(runs=len(named) - len(imagined), copies=copies)
        signals: Counter[str] = Counter()
        rates: Counter[float] = Counter()
        entries: list[Entry] = []
        for (subject, run), file in sorted(found.items()):
            if subject in self.EXCLUDED:
                continue
            recording = edf.open_recording(root / file)
            signals.update(recording.left_out)
            if not recording.channels or not recording.continuous:
                counts["no channels" if not recording.channels else "gaps"] += 1
                continue
            rates[recording.sampling_rate] += 1
            length = round(self.WINDOW * recording.sampling_rate)
            short = counts["short"]
            trials = list(eegmmidb.trials(recording, run, length, counts))
            counts["no cues"] += not trials and counts["short"] == short
            for trial in trials:
                key = (str(file), subject, run, trial.start, trial.label)
                entries.append(Entry(key, f"{self.name}/S{subject:03d}", trial.label))
        if not entries:
            raise ValueError(
                f"{root}: expected trials of {self.WINDOW:g} s after annotations T1 and T2 in recordings of imagined "
                f"movements, found none in {len(found)}: subjects {self.EXCLUDED} are never read, and the other "
                "files are not those of the release."
            )
        self._note(counts, signals, rates, {subject for subject, _ in found} & set(self.EXCLUDED))
        return entries

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        assert self.location
        keys = [cast(tuple[str, int, int, int, str], entry.key) for entry in entries]
        for file, of_one in itertools.groupby(keys, key=lambda key: key[0]):
            recording = edf.open_recording(self.location / file)
            for _, subject, run, start, label in of_one:
                yield {
                    "id": f"{self.name}/S{subject:03d}R{run:02d}/{start:06d}",
                    "has_eeg": True,
                    "eeg": recording.window(start, round(self.WINDOW * recording.sampling_rate)),
                    "eeg_channels": list(recording.channels),
                    "eeg_sampling_rate": recording.sampling_rate,
                    "motor_imagery": label,
                    "subject": f"S{subject:03d}",
                    "session": f"R{run:02d}",
                }

    def _note(
        self, counts: Counter[str], signals: Counter[str], rates: Counter[float], excluded: Collection[int]
    ) -> None:
        sentences = {
            "runs": "{} recordings not read: the movement is executed in them, or nothing is done.",
            "copies": "{} recordings left out: the same file is there in another folder.",
            "no channels": "{} recordings left out: no EEG channels.",
            "gaps": "{} recordings left out: they have gaps (EDF+D).",
            "no cues": "{} recordings left out: no annotation T1 or T2.",
            "short": f"{{}} trials left out: shorter than {self.WINDOW:g} s.",
        }
        if excluded:
            names = ", ".join(f"S{subject:03d}" for subject in sorted(excluded))
            self.notes.append(f"Subjects {names} left out: their sampling rate or the length of their trials differs.")
        self.notes += [text.format(counts[key]) for key, text in sentences.items() if counts[key]]
        windows = {
            "cut off": "the recording ends, or has not begun, within them.",
            "mixed": "an annotation with another label lies within them.",
        }
        self.notes += [
            f"{counted(counts[key], 'window')} left out: {why}" for key, why in windows.items() if counts[key]
        ]
        self.notes += [f"{counted(count, 'signal')} left out: {reason}." for reason, count in sorted(signals.items())]
        if len(rates) > 1:
            number = ", ".join(f"{count} at {rate:g} Hz" for rate, count in sorted(rates.items()))
            self.notes.append(f"Recordings keep their own sampling rate: {number}.")


SyntheticReader = synthetic_reader("eeg")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Builder(MultiMedBuilder):
    """Builds `eeg` from its sources."""

    subset = "eeg"
    readers = (SyntheticReader, EyeStateReader, EdfReader, EegmmidbReader)
