"""`eeg`: trials of a made-up EEGMMIDB in its official layout."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from multimed_hf.data import edf, eegmmidb
from multimed_hf.data.schema import features_of
from multimed_hf.data.splits import assign
from multimed_hf.models.electrodes_multimed import position
from multimed_hf.resources import load_script

from ..data.edf import fake as fake_edf
from ..data.eegmmidb import fake

pytest.importorskip("edfio")
Reader = load_script("eeg").EegmmidbReader


def rows_of(folder: Path) -> list[dict]:
    reader = Reader(folder)
    return list(reader.read(reader.index()))


class TestEegmmidb:
    def test_rows_are_the_trials_of_the_imagined_runs(self, tmp_path: Path, build) -> None:
        fake.write(tmp_path)
        builder, rows = build("eeg", sources=("eegmmidb",), data_dirs={"eegmmidb": str(tmp_path)})
        assert builder.info.features == features_of("eeg")
        names = features_of("eeg")["motor_imagery"].names
        assert len(rows) == 7 * 2 * 2 and {row["split"] for row in rows} == {"train", "validation", "test"}
        for row in rows:
            recording, start = row["id"].removeprefix("eegmmidb/").split("/")
            subject, run = int(recording[1:4]), int(recording[5:])
            # T2 comes at 4.2 s and T1 at 12.5 s.
            expected = {4: {672: "right_fist", 2000: "left_fist"}, 6: {672: "both_feet", 2000: "both_fists"}}
            assert names[row["motor_imagery"]] == expected[run][int(start)]
            signals = fake_edf.eeg(20, fake.FEW, 160, seed=100 * subject + run)
            window = np.stack([signal.values for signal in signals])[:, int(start) : int(start) + 640]
            np.testing.assert_allclose(row["eeg"], window, atol=0.01)
            assert row["eeg_channels"] == ["FC5", "C3", "Cz", "Fp1", "T10"] and row["eeg_sampling_rate"] == 160
            assert row["subject"] == f"S{subject:03d}" and row["session"] == f"R{run:02d}"
            assert row["group"] == f"eegmmidb/S{subject:03d}" and row["eye_state"] == -1
        assert builder.notes["eegmmidb"] == [
            "14 recordings not read: the movement is executed in them, or nothing is done."
        ]

    @pytest.mark.parametrize("run", range(1, 15))
    def test_what_the_cues_mean_depends_on_the_run(self, tmp_path: Path, run: int) -> None:
        fake.write(tmp_path, subjects=[1], runs=[run], labels=fake.FEW[:1])
        meanings = {0: ["right_fist", "left_fist"], 2: ["both_feet", "both_fists"]}
        if run in (4, 6, 8, 10, 12, 14):
            assert [row["motor_imagery"] for row in rows_of(tmp_path)] == meanings[run % 4]
        else:
            with pytest.raises(ValueError, match="expected recordings of imagined movements"):
                rows_of(tmp_path)

    def test_irregular_subjects_are_left_out_by_name(self, tmp_path: Path) -> None:
        fake.write(tmp_path, subjects=[37, 38, 88, 100], runs=[4], labels=fake.FEW[:1])
        # What is not taken is not opened either.
        (tmp_path / "S088/S088R04.edf").write_bytes(b"")
        reader = Reader(tmp_path)
        assert {entry.group for entry in reader.index()} == {"eegmmidb/S037"}
        assert (
            "Subjects S038, S088, S100 left out: their sampling rate or the length of their trials differs."
            in reader.notes
        )
        shutil.rmtree(tmp_path / "S037")
        with pytest.raises(ValueError, match=r"found none in 3: subjects \(38, .*104\) are never read"):
            reader.index()

    def test_trials_that_are_too_short_are_left_out_and_counted(self, tmp_path: Path) -> None:
        cues = [(0, 3.9, "T1"), (3.9, 4.1, "T0"), (8, 4, "T2 "), (10, 0, "cough"), (12, 5, "T1"), (17, 3, "T2")]
        fake.write(tmp_path, subjects=[5], runs=[4], labels=fake.FEW[:1], cues=cues)
        reader = Reader(tmp_path)
        assert [(entry.key[3], entry.stratum) for entry in reader.index()] == [
            (1280, "right_fist"),
            (1920, "left_fist"),
        ]
        assert "2 trials left out: shorter than 4 s." in reader.notes

    def test_all_channels_of_the_release_have_names_that_models_know(self, tmp_path: Path) -> None:
        fake.write(tmp_path, subjects=[1], runs=[4], labels=fake.LABELS)
        row = rows_of(tmp_path)[0]
        known = [label for label in fake.LABELS if edf.electrode_of(label)]
        assert len(fake.LABELS) == 64 and len(known) == 64
        assert [name.upper() for name in row["eeg_channels"]] == [label.strip(".").upper() for label in known]
        assert len({position(name) for name in row["eeg_channels"]}) == len(known) == len(row["eeg"])
        assert {"Fp1", "FCz", "Cz", "AFz", "T9", "T10", "PO8", "TP7"} <= set(row["eeg_channels"])

    def test_a_recording_keeps_its_own_rate(self, tmp_path: Path) -> None:
        fake.write(tmp_path, subjects=[1, 2], runs=[4])
        fake.write(tmp_path, subjects=[3], runs=[4], rate=128)
        reader = Reader(tmp_path)
        shapes = Counter((row["eeg_sampling_rate"], row["eeg"].shape) for row in reader.read(reader.index()))
        assert shapes == {(160, (5, 640)): 4, (128, (5, 512)): 2}
        assert "Recordings keep their own sampling rate: 1 at 128 Hz, 2 at 160 Hz." in reader.notes

    @pytest.mark.parametrize("top", ["physionet.org/files/eegmmidb/1.0.0", "eegmmidb /eegmmidb ", "."])
    def test_top_folders(self, tmp_path: Path, top: str) -> None:
        fake.write(tmp_path / top, subjects=[1], runs=[4])
        (tmp_path / top / "S001/._S001R04.edf").write_bytes(b"\0\5\x16\7")
        (tmp_path / top / "S001/.DS_Store").touch()
        path = tmp_path / top / "S001/S001R04.edf"
        assert len(rows_of(tmp_path)) == 2
        path.rename(path.with_name("s001r04.EDF"))
        assert len(rows_of(tmp_path)) == 2

    def test_a_recording_that_is_there_twice_counts_once(self, tmp_path: Path) -> None:
        fake.write(tmp_path / "a", subjects=[1], runs=[4])
        fake.write(tmp_path / "b", subjects=[1], runs=[4])
        reader = Reader(tmp_path)
        assert len(reader.index()) == 2
        assert "1 recordings left out: the same file is there in another folder." in reader.notes
        fake.write(tmp_path / "b", subjects=[1], runs=[4], seconds=25)
        with pytest.raises(ValueError, match=r"b/S001/S001R04\.edf: expected a copy of .*a/S001/S001R04\.edf"):
            reader.index()

    def test_what_cannot_be_used_is_counted(self, tmp_path: Path) -> None:
        fake.write(tmp_path, subjects=[1], runs=[4], labels=[*fake.FEW, "Status"])
        fake.write(tmp_path, subjects=[2], runs=[4], labels=["Status"])
        fake.write(tmp_path, subjects=[3], runs=[4], cues=[(0, 20, "T0")])
        gaps = [*range(10), *range(11, 21)]
        fake_edf.write(tmp_path / "S004R04.edf", fake_edf.eeg(20), [(4, "T1")], starts=gaps)
        reader = Reader(tmp_path)
        assert len(reader.index()) == 2
        for note in (
            "1 recordings left out: no EEG channels.",
            "1 recordings left out: no annotation T1 or T2.",
            "1 recordings left out: they have gaps (EDF+D).",
            "2 signals left out: no scalp electrode by their label.",
        ):
            assert note in reader.notes

    def test_damaged_files_are_named(self, tmp_path: Path) -> None:
        fake.write(tmp_path, subjects=[1, 2], runs=[4])
        path = tmp_path / "S002/S002R04.edf"
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(ValueError, match=rf"{path}: expected .* bytes by its header, found"):
            Reader(tmp_path).index()

    def test_wrong_folders_say_what_was_sought_and_found(self, tmp_path: Path) -> None:
        sought = r"expected recordings of imagined movements, such as S001/S001R04\.edf \(runs 4, .*\), found"
        with pytest.raises(ValueError, match=rf"{sought} no files"):
            Reader(tmp_path).index()
        archive = tmp_path / "eeg-motor-movementimagery-dataset-1.0.0.zip"
        archive.touch()
        with pytest.raises(ValueError, match=rf"{sought} the archive '{archive.name}': unpack"):
            Reader(tmp_path).index()
        with pytest.raises(FileNotFoundError, match=r"in \$MULTIMED_DATA/eegmmidb"):
            Reader.locate(None)
        fake.write(tmp_path, subjects=[1], runs=[4], cues=[(0, 20, "T0")])
        with pytest.raises(ValueError, match=r"expected trials of 4 s after annotations T1 and T2"):
            Reader(tmp_path).index()

    def test_any_part_of_the_entries_can_be_read_by_another_process(self, tmp_path: Path) -> None:
        reader = Reader(fake.write(tmp_path, subjects=[1, 2], runs=[4, 6]))
        entries = reader.index()
        rows = {row["id"]: row for row in reader.read(entries)}
        there = pickle.loads(pickle.dumps(reader))
        for row in there.read([entries[6], entries[0], entries[7]]):
            np.testing.assert_array_equal(row["eeg"], rows[row["id"]]["eeg"])

    def test_subjects_stay_together(self, tmp_path: Path) -> None:
        splits = assign(Reader(fake.write(tmp_path, runs=[4, 6], labels=fake.FEW[:1])).index())
        groups = [{entry.group for entry in side} for side in splits.values()]
        assert sum(map(len, groups)) == len(set.union(*groups)) == 7


@given(st.integers(0, 999), st.integers(0, 99))
def test_a_name_says_subject_and_run(subject: int, run: int) -> None:
    name = f"S{subject:03d}R{run:02d}.edf"
    assert eegmmidb.parse_name(name) == eegmmidb.parse_name(name.upper()) == (subject, run)
    for other in (f"{name}.event", f"._{name}", f"{name[:-4]}", f"0{name}", name.replace("R", "R0")):
        assert eegmmidb.parse_name(other) is None


@given(
    st.lists(st.tuples(st.integers(1, 900), st.sampled_from(["T0", "T1", "T2", "T3", "blink"])), max_size=12),
    st.sampled_from(sorted(eegmmidb.IMAGINED_RUNS)),
)
# A cue beyond the end of the recording, as a file that was cut may have it.
@example([(900, "T0")] * 3 + [(900, "T1"), (900, "T0")], 4)
def test_trials_end_before_the_next_cue(steps: list[tuple[int, str]], run: int) -> None:
    starts = np.cumsum([step for step, _ in steps]).tolist()
    notes = tuple(edf.Annotation(start, text) for start, (_, text) in zip(starts, steps, strict=True))
    recording = edf.Recording(("Cz",), 160.0, 4000, notes, "", True, Counter(), ())
    counts: Counter[str] = Counter()
    trials = list(eegmmidb.trials(recording, run, 640, counts))
    cues = {start: text for start, (_, text) in zip(starts, steps, strict=True) if text in ("T0", "T1", "T2")}
    assert len(trials) + counts["short"] == sum(text != "T0" for text in cues.values())
    for trial in trials:
        assert eegmmidb.IMAGINED_RUNS[run][cues[trial.start]] == trial.label
        assert trial.start + 640 <= 4000
        assert not any(trial.start < start < trial.start + 640 for start in cues)
