"""`eeg`: windows of made-up releases in their official layouts, of the real Eye State, and simulated trials."""

from __future__ import annotations

import itertools
import json
import pickle
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.data.splits import assign
from multimed_hf.resources import load_script
from multimed_hf.simulation import Simulation
from multimed_hf.simulation.eeg.eeg import CHANNELS, LABELS, Generator, simulate_window

from ..data.edf import fake as fake_edf
from ..data.uci_eye_state import fake as uci_eye_state

eeg = load_script("eeg")

BLOCK, PERIOD, WINDOW = 512, 640, 128


def read_all(reader) -> list[dict]:
    return list(reader.read(reader.index()))


class TestEyeState:
    def test_windows_are_centred_pieces_of_the_recording(self, tmp_path: Path, build) -> None:
        values, states = uci_eye_state.signal(15_000), uci_eye_state.states(15_000)
        path = uci_eye_state.write(tmp_path, values=values, eye_states=states)
        builder, rows = build("eeg", sources=("uci_eye_state",), data_dirs={"uci_eye_state": str(path.parent)})
        centred = (values - np.median(values, axis=0)).T
        assert {row["split"] for row in rows} == {"train", "validation", "test"}
        for row in rows:
            start = int(row["id"].removeprefix("uci_eye_state/"))
            assert row["eeg_channels"] == list(uci_eye_state.CHANNELS) and row["eeg_sampling_rate"] == 128
            np.testing.assert_allclose(row["eeg"], centred[:, start : start + WINDOW], atol=1e-3)
            # 1 is closed in the release, and the second of our names.
            assert row["eye_state"] == states[start] and row["motor_imagery"] == -1
            assert len(set(states[start : start + WINDOW])) == 1
        assert "0 values at 0 moments clipped" in builder.notes["uci_eye_state"][0]

    def test_blocks_share_no_sample_and_lie_a_second_apart(self, tmp_path: Path) -> None:
        entries = eeg.EyeStateReader(uci_eye_state.write(tmp_path)).index()
        samples: dict[str, set[int]] = defaultdict(set)
        for entry in entries:
            samples[entry.group].update(range(entry.key, entry.key + WINDOW))
        spans = sorted((min(block), max(block)) for block in samples.values())
        assert all(after - before > 128 for (_, before), (after, _) in itertools.pairwise(spans))
        assert all(int(group[-2:]) == min(block) // PERIOD for group, block in samples.items())
        assert len(spans) == 24

    def test_windows_of_two_states_are_left_out_and_counted(self, tmp_path: Path) -> None:
        states = np.zeros(PERIOD * 4, int)
        states[300:] = 1
        reader = eeg.EyeStateReader(uci_eye_state.write(tmp_path, len(states), eye_states=states))
        entries = reader.index()
        starts = [entry.key for entry in entries if entry.group.endswith("00")]
        assert starts == [0, 64, 128, 320, 384]
        assert {entry.stratum for entry in entries if entry.group.endswith("00")} == {"open"}
        assert reader.notes[1].startswith("2 windows left out")
        assert [row["eye_state"] for row in reader.read(entries)][:5] == ["open"] * 3 + ["closed"] * 2

    def test_spikes_are_clipped_and_counted(self, tmp_path: Path) -> None:
        values = uci_eye_state.signal(2000)
        spikes = {(100, 0): 715_897, (100, 3): 1.0, (900, 13): 1.0}
        reader = eeg.EyeStateReader(uci_eye_state.write(tmp_path, values=values, spikes=spikes))
        entries = reader.index()
        assert reader.notes[0].startswith("3 values at 2 moments clipped at 15 scaled median absolute deviations")
        rows = {entry.key: row for entry, row in zip(entries, reader.read(entries), strict=True)}
        # 15 deviations of noise of 15 microvolt.
        assert rows[0]["eeg"][0, 100] == pytest.approx(225, rel=0.1)
        assert rows[0]["eeg"][3, 100] == pytest.approx(-225, rel=0.1)
        assert max(np.abs(row["eeg"]).max() for row in rows.values()) < 250
        assert np.abs(rows[0]["eeg"][:, 101]).max() < 80

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                "@ATTRIBUTE O1 NUMERIC",
                "@ATTRIBUTE X1 NUMERIC",
                "expected the numeric attributes AF3, .* found AF3, .*X1",
            ),
            ("@ATTRIBUTE eyeDetection {0,1}", "@ATTRIBUTE eyeDetection NUMERIC", "the nominal eyeDetection"),
            ("eyeDetection {0,1}", "eyeDetection {0,1,2}", None),
            ("@ATTRIBUTE O1 NUMERIC\n", "", "expected 14 values, found 15"),
        ],
    )
    def test_wrong_columns_are_named(self, tmp_path: Path, old: str, new: str, message: str | None) -> None:
        path = uci_eye_state.write(tmp_path, 1000)
        path.write_text(path.read_text().replace(old, new))
        reader = eeg.EyeStateReader(tmp_path)
        if message is None:
            assert reader.index()
            path.write_text(path.read_text().rstrip()[:-1] + "2\n")
            message = r"expected eyeDetection of 0 or 1, found \['2'\]"
        with pytest.raises(ValueError, match=rf"EEG Eye State\.arff.*{message}"):
            reader.index()

    @pytest.mark.parametrize("value", ["?", "nan", "inf"])
    def test_missing_values_are_refused(self, tmp_path: Path, value: str) -> None:
        uci_eye_state.write(tmp_path, 1000, spikes={(500, 6): value})
        with pytest.raises(ValueError, match=r"EEG Eye State\.arff: expected numbers, found (nan|inf) in 'O1'"):
            eeg.EyeStateReader(tmp_path).index()

    def test_empty_broken_and_missing_files_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"Expected one file \*\.arff .* found 0"):
            eeg.EyeStateReader(tmp_path).index()
        path = uci_eye_state.write(tmp_path, 1000)
        text = path.read_text()
        for broken, message in [
            ("", "it is empty or breaks off"),
            (text[: text.index("@DATA")], "one without @data"),
            (text[:-20], r"line \d+: expected 15 values"),
            (text[: text.index("@DATA") + 800], r"line \d+: expected 15 values|expected at least 128 samples"),
        ]:
            path.write_text(broken)
            with pytest.raises(ValueError, match=rf"EEG Eye State\.arff.*{message}"):
                eeg.EyeStateReader(tmp_path).index()

    def test_the_real_release(self, multimed_data: Path) -> None:
        folder = multimed_data / "eeg_eye_state"
        if not folder.is_dir():
            pytest.skip("needs EEG Eye State in $MULTIMED_DATA/eeg_eye_state")
        reader = eeg.EyeStateReader(eeg.EyeStateReader.locate(None))
        rows = read_all(reader)
        assert reader.notes[0].startswith("54 values at 4 moments clipped")
        assert reader.notes[1].startswith("31 windows left out")
        assert Counter(row["eye_state"] for row in rows) == {"open": 70, "closed": 63}
        assert max(np.abs(row["eeg"]).max() for row in rows) < 500


class TestEdf:
    @pytest.fixture(autouse=True)
    def needs_edfio(self) -> None:
        pytest.importorskip("edfio")

    def test_annotations_that_name_a_label_give_labelled_windows(self, tmp_path: Path) -> None:
        notes = [(1, "left_fist"), (6.5, "Both Feet"), (11, "T0"), (13, "closed"), (18, "RIGHT_FIST")]
        signals = fake_edf.eeg(24)
        fake_edf.write(tmp_path / "a.edf", signals, notes)
        reader = eeg.EdfReader(tmp_path)
        entries = reader.index()
        rows = list(reader.read(entries))
        found = [(row["id"][-9:], row.get("motor_imagery"), row.get("eye_state")) for row in rows]
        assert found == [
            ("000000100", "left_fist", None),
            ("000000650", "both_feet", None),
            ("000001300", None, "closed"),
            ("000001800", "right_fist", None),
        ]
        assert [entry.stratum for entry in entries] == ["left_fist", "both_feet", "closed", "right_fist"]
        expected = np.stack([signal.values[650:1050] for signal in signals])
        np.testing.assert_allclose(rows[1]["eeg"], expected, atol=0.01)
        assert rows[1]["eeg_channels"] == ["C3", "Cz", "C4"] and rows[1]["eeg_sampling_rate"] == 100

    def test_labels_of_two_tasks_at_one_onset_are_one_row(self, tmp_path: Path) -> None:
        fake_edf.write(tmp_path / "a.edf", fake_edf.eeg(8), [(2, "closed"), (2, "both fists")])
        (row,) = read_all(eeg.EdfReader(tmp_path))
        assert (row["eye_state"], row["motor_imagery"]) == ("closed", "both_fists")

    def test_mixed_and_cut_windows_are_left_out_and_counted(self, tmp_path: Path) -> None:
        notes = [(0, "open"), (3, "closed"), (10, "open"), (12, "open"), (17, "closed"), (17, "open"), (22, "closed")]
        fake_edf.write(tmp_path / "a.edf", fake_edf.eeg(25), notes)
        reader = eeg.EdfReader(tmp_path)
        assert [entry.key[2] for entry in reader.index()] == [300, 1000, 1200]
        assert "2 windows left out: an annotation with another label lies within them." in reader.notes
        assert "1 window left out: the recording ends, or has not begun, within them." in reader.notes

    def test_recordings_without_labels_give_consecutive_windows(self, tmp_path: Path, build) -> None:
        for number in range(6):
            fake_edf.write(tmp_path / f"{number}.edf", fake_edf.eeg(11, seed=number), [(2, "coughs")])
        builder, rows = build("eeg", sources=("edf",), data_dirs={"edf": str(tmp_path)})
        assert len(rows) == 12 and len({row["group"] for row in rows}) == 6
        assert Counter(row["id"][-9:] for row in rows) == {"000000000": 6, "000000400": 6}
        assert {(row["eye_state"], row["motor_imagery"]) for row in rows} == {(-1, -1)}
        assert {row["split"] for row in rows} == {"train", "validation", "test"}
        assert {np.shape(row["eeg"]) for row in rows} == {(3, 400)}
        assert (
            "6 of 6 files without an annotation that names a label: windows of these are unlabelled."
            in builder.notes["edf"]
        )

    def test_nothing_personal_enters_a_row(self, tmp_path: Path, build) -> None:
        folder = tmp_path / "Haagse Harry"
        folder.mkdir()
        patient = "MCH-0234567 M 02-MAY-1951 Haagse_Harry"
        fake_edf.write(folder / "harry-monday.edf", fake_edf.eeg(9, seed=1), [(1, "open"), (2, "Harry")], patient)
        fake_edf.write(folder / "harry-friday.bdf", fake_edf.eeg(9, seed=2), patient=patient)
        fake_edf.write(folder / "harry-plain.edf", fake_edf.eeg(9, seed=3), patient="Haagse Harry 1951 x", plus=False)
        builder, rows = build("eeg", sources=("edf",), data_dirs={"edf": str(tmp_path)})
        described = [{column: value for column, value in row.items() if column != "eeg"} for row in rows]
        text = json.dumps([described, builder.notes]).lower()
        for secret in ("harry", "haagse", "mch", "0234567", "1951", "monday"):
            assert secret not in text
        # The code in the header holds two recordings together; the third names nobody.
        assert sorted(Counter(row["group"] for row in rows).values()) == [2, 3]
        assert {row["group"] for row in rows} == {f"edf/{row['subject']}" for row in rows}
        assert len({row["session"] for row in rows}) == 3
        assert (
            "1 of 3 files without the name of a subject: each counts as a subject of its own." in builder.notes["edf"]
        )

    def test_names_after_bids_hold_the_runs_of_a_subject_together(self, tmp_path: Path) -> None:
        for name in ("sub-01/eeg/sub-01_run-1_eeg.edf", "sub-01/eeg/sub-01_run-2_eeg.edf", "sub-02_run-1_eeg.edf"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            fake_edf.write(tmp_path / name, fake_edf.eeg(4))
        reader = eeg.EdfReader(tmp_path)
        assert sorted(Counter(entry.group for entry in reader.index()).values()) == [1, 2]
        assert not any("the name of a subject" in note for note in reader.notes)

    def test_what_cannot_be_used_is_counted(self, tmp_path: Path) -> None:
        fake_edf.write(tmp_path / "a.edf", [*fake_edf.eeg(5), fake_edf.Signal("ECG", np.zeros(500))])
        fake_edf.write(tmp_path / "b.edf", [fake_edf.Signal("ECG", np.zeros(500))])
        fake_edf.write(tmp_path / "c.edf", fake_edf.eeg(5), starts=[0, 1, 5, 6, 7])
        fake_edf.write(tmp_path / "d.edf", fake_edf.eeg(3))
        (tmp_path / "._a.edf").write_bytes(b"\0")
        (tmp_path / "notes.txt").touch()
        reader = eeg.EdfReader(tmp_path)
        assert len(reader.index()) == 1
        for note in (
            "1 of 4 files left out: no EEG channels.",
            "1 of 4 files left out: recordings with gaps (EDF+D).",
            "1 of 4 files left out: shorter than 4 s.",
            "2 signals left out: no scalp electrode by their label.",
        ):
            assert note in reader.notes

    def test_any_part_of_the_entries_can_be_read_by_another_process(self, tmp_path: Path) -> None:
        for name in ("a.edf", "b.bdf"):
            fake_edf.write(tmp_path / name, fake_edf.eeg(13))
        reader = eeg.EdfReader(tmp_path)
        entries = reader.index()
        rows = {row["id"]: row for row in reader.read(entries)}
        there = pickle.loads(pickle.dumps(reader))
        mixed = [entries[5], entries[0], entries[4]]
        for entry, row in zip(mixed, there.read(mixed), strict=True):
            assert row["id"].endswith(f"{entry.key[2]:09d}")
            np.testing.assert_array_equal(row["eeg"], rows[row["id"]]["eeg"])

    def test_bad_folders_and_files_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="its files in --data-dir"):
            eeg.EdfReader.locate(None)
        with pytest.raises(ValueError, match=r"Expected files ending in \.edf or \.bdf in .*, found none"):
            eeg.EdfReader(tmp_path).index()
        path = fake_edf.write(tmp_path / "a.edf", [fake_edf.Signal("ECG", np.zeros(500))])
        with pytest.raises(ValueError, match=r"Expected windows of 4 s of EEG in .*, found none in 1 file"):
            eeg.EdfReader(tmp_path).index()
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(ValueError, match=r"a\.edf: expected .* bytes by its header"):
            eeg.EdfReader(path).index()


class TestSynthetic:
    def test_rows_are_the_simulated_trials(self, build) -> None:
        simulation = Simulation(seed=5, difficulty=0.2)
        builder, rows = build("eeg", rows=40, simulation=simulation)
        assert len(rows) == 40 and {row["source"] for row in rows} == {"synthetic"}
        assert {row["split"] for row in rows} == {"train", "validation", "test"}
        generator = Generator(simulation)
        for row in rows[::7]:
            subject, trial = (int(part) for part in row["id"].removeprefix("synthetic/eeg-").split("-"))
            signal, label = simulate_window(generator.patient(subject), trial)
            np.testing.assert_array_equal(np.float32(row["eeg"]), signal)
            assert LABELS[row["motor_imagery"]] == label and row["eye_state"] == -1
            assert row["group"] == f"synthetic/eeg-{subject:06d}"
            assert row["eeg_channels"] == list(CHANNELS) and row["eeg_sampling_rate"] == 160
        assert builder.missing_splits == {"synthetic": []}
        assert "seed 5, difficulty 0.2" in builder.notes["synthetic"][0]

    def test_all_rows_are_thirty_subjects_of_forty_trials(self) -> None:
        entries = eeg.SyntheticReader(None).index()
        assert Counter(entry.group for entry in entries) == {f"synthetic/eeg-{number:06d}": 40 for number in range(30)}

    @settings(max_examples=30)
    @given(st.integers(1, 3000))
    def test_any_number_of_rows_has_the_splits_it_can_have(self, rows: int) -> None:
        entries = eeg.SyntheticReader(None, rows).index()
        assert [entry.key for entry in entries] == list(range(rows))
        splits = assign(entries, rows)
        assert sum(map(len, splits.values())) == rows
        assert list(splits) == ["train", "validation", "test"] or rows < 5

    @settings(max_examples=20)
    @given(st.integers(5, 1199), st.integers(5, 1200))
    def test_the_number_of_rows_moves_no_subject_to_another_split(self, few: int, many: int) -> None:
        def splits_of(rows: int) -> dict[str, str]:
            splits = assign(eeg.SyntheticReader(None, rows).index(), rows)
            return {entry.group: split for split, entries in splits.items() for entry in entries}

        one, other = splits_of(few), splits_of(many)
        assert all(one[group] == other[group] for group in one.keys() & other.keys())

    def test_a_site_can_be_held_out(self) -> None:
        reader = eeg.SyntheticReader(None, 300, Simulation(shift="site"))
        patients = {entry.group: reader.generator.patient(int(entry.group[-6:])) for entry in reader.index()}
        held_out = {entry.group for entry in reader.index() if entry.split == "test"}
        assert held_out and {patients[group].site for group in held_out} == {"site-5"}
        assert all(patient.site != "site-5" for group, patient in patients.items() if group not in held_out)

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        assert eeg.SyntheticReader.locate(None) is None
        with pytest.raises(ValueError, match="expected no --data-dir"):
            eeg.SyntheticReader.locate(tmp_path)
