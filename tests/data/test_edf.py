"""EDF and BDF against what was written byte by byte, and broken."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from multimed_hf.data.edf import Annotation, electrode_of, open_recording

from .edf import fake

pytest.importorskip("edfio")

SUFFIXES = pytest.mark.parametrize("suffix", ["edf", "bdf"])


@pytest.mark.parametrize(
    ("label", "electrode"),
    [
        ("C3", "C3"),
        ("EEG Fp1-REF", "Fp1"),
        ("EEG FPZ-LE", "Fpz"),
        ("Fc5.", "FC5"),
        ("Cz..", "Cz"),
        ("C4:M1", "C4"),
        ("eeg o2-a1", "O2"),
        ("T3", "T7"),
        ("EEG T6-AR", "P8"),
        ("PO10", "PO10"),
        ("Fp1-F7", ""),
        ("EEG Fpz-Cz", ""),
        ("ECG", ""),
        ("EMG submental", ""),
        ("EOG left", ""),
        ("A1", ""),
        ("C7", ""),
        ("Fp3", ""),
        ("Status", ""),
        ("", ""),
    ],
)
def test_electrodes_are_told_by_their_label(label: str, electrode: str) -> None:
    assert electrode_of(label) == electrode


@SUFFIXES
@pytest.mark.parametrize("plus", [True, False])
def test_windows_are_what_was_written(tmp_path: Path, suffix: str, plus: bool) -> None:
    signals = fake.eeg(7, rate=128)
    recording = open_recording(fake.write(tmp_path / f"a.{suffix}", signals, plus=plus))
    assert recording.channels == ("C3", "Cz", "C4")
    assert (recording.sampling_rate, recording.samples, recording.continuous) == (128.0, 7 * 128, True)
    assert not recording.left_out and not recording.annotations
    for start, length in ((0, 7 * 128), (100, 130), (895, 1)):
        window = recording.window(start, length)
        assert window.dtype == np.float32
        expected = np.stack([signal.values[start : start + length] for signal in signals])
        np.testing.assert_allclose(window, expected, atol=200 / 2**15)


@SUFFIXES
@pytest.mark.parametrize(("dimension", "factor"), [("uV", 1), ("µV", 1), ("mV", 1e3), ("V", 1e6), ("nV", 1e-3)])
def test_units_become_microvolt(tmp_path: Path, suffix: str, dimension: str, factor: float) -> None:
    values = np.random.default_rng(0).normal(0, 20, 300)
    signal = fake.Signal("Cz", values / factor, 100, dimension, largest=200 / factor)
    window = open_recording(fake.write(tmp_path / f"a.{suffix}", [signal])).window(0, 300)
    np.testing.assert_allclose(window[0], values, atol=200 / 2**15)


def test_other_signals_are_counted_and_left_out(tmp_path: Path) -> None:
    noise = np.zeros(500)
    signals = [
        *fake.eeg(5),
        fake.Signal("ECG", noise),
        fake.Signal("EMG chin", noise),
        fake.Signal("O1", noise, dimension="%"),
        fake.Signal("O2", noise, dimension=""),
        fake.Signal("EEG C3-REF", noise),
        fake.Signal("Fz", np.zeros(1000), rate=200),
    ]
    recording = open_recording(fake.write(tmp_path / "a.edf", signals))
    assert recording.channels == ("C3", "Cz", "C4")
    assert recording.left_out == {
        "no scalp electrode by their label": 2,
        "without a known unit and range": 2,
        "a second signal of the same electrode": 1,
        "another sampling rate than most electrodes": 1,
    }


def test_a_recording_without_electrodes_has_no_channels(tmp_path: Path) -> None:
    recording = open_recording(fake.write(tmp_path / "a.edf", [fake.Signal("ECG", np.zeros(300))]))
    assert (recording.channels, recording.sampling_rate, recording.samples) == ((), 0.0, 0)


@SUFFIXES
def test_annotations_stand_at_their_sample(tmp_path: Path, suffix: str) -> None:
    notes = [(0.5, "open"), (3.25, "both feet"), (3.25, "Müller hat sich bewegt")]
    recording = open_recording(fake.write(tmp_path / f"a.{suffix}", fake.eeg(6), notes))
    assert set(recording.annotations) == {Annotation(round(onset * 100), text) for onset, text in notes}
    assert [note.start for note in recording.annotations] == [50, 325, 325]


def test_gaps_are_seen(tmp_path: Path) -> None:
    path = fake.write(tmp_path / "a.edf", fake.eeg(5), starts=[0, 1, 2, 30, 31])
    assert not open_recording(path).continuous


@pytest.mark.parametrize(
    ("patient", "plus", "code"),
    [
        ("MCH-0234567 F 02-MAY-1951 Haagse_Harry", True, "MCH-0234567"),
        ("X F X Haagse_Harry", True, ""),
        ("Harry Haagse", True, ""),
        ("Harry von der Haagse", False, ""),
        ("", True, ""),
    ],
)
def test_only_a_code_of_edf_plus_is_a_code(tmp_path: Path, patient: str, plus: bool, code: str) -> None:
    path = fake.write(tmp_path / "a.edf", fake.eeg(4), patient=patient, plus=plus)
    assert open_recording(path).subject_code == code


@SUFFIXES
def test_files_that_are_not_whole_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    data = fake.write(path, fake.eeg(5)).read_bytes()
    for broken, message in [
        (b"", "found an empty file"),
        (b"PK\x03\x04" + data, r"expected .DF, which starts with"),
        (data[:100], "expected the numbers of an .DF header"),
        (data[:400], "expected the numbers of an .DF header"),
        (data[:-1], "the file breaks off or was not closed"),
        (data[: len(data) // 2], r"expected [\d,]+ bytes by its header, found [\d,]+ bytes"),
        (data + b"\0", "bytes by its header"),
        (data[:236] + b"-1      " + data[244:], "its header counts none"),
        (data[:236] + b"0       " + data[244 : int(data[184:192])], "its header counts none"),
        (data[:236] + b"many    " + data[244:], "expected the numbers of an .DF header"),
        (data[:244] + b"long    " + data[252:], "expected .DF, but"),
    ]:
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=rf"a\.{suffix}: .*{message}"):
            open_recording(path)


def test_without_edfio_the_message_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "edfio", None)
    with pytest.raises(ImportError, match=r"pip install multimed_hf\[eeg\]"):
        open_recording(tmp_path / "a.edf")
