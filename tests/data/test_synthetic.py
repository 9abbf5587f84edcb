"""The source `synthetic` as a build sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from multimed_hf.data.build import build
from multimed_hf.data.plan import check_simulation
from multimed_hf.data.schema import RowCompleter
from multimed_hf.data.splits import assign
from multimed_hf.data.synthetic import synthetic_reader
from multimed_hf.simulation import Simulation
from multimed_hf.simulation.images import png

Reader = synthetic_reader("eeg")


def test_rows_are_the_same_whatever_their_number(tmp_path: Path):
    few, many = (assign(Reader(None, rows=rows).index(), rows) for rows in (40, 200))
    for split, entries in few.items():
        assert entries == many[split][: len(entries)]
    one = next(Reader(None, rows=40).read(few["test"][:1]))
    other = next(Reader(None, rows=200).read(few["test"][:1]))
    assert one["id"] == other["id"] and (one["eeg"] == other["eeg"]).all()


def test_one_row_is_a_train_row():
    entries = Reader(None, rows=1).index()
    assert [entry.split for entry in entries] == ["train"]


def test_notes_say_how_it_was_made():
    reader = Reader(None, rows=30, simulation=Simulation(seed=2, difficulty=0.8, label_noise=0.1))
    reader.index()
    assert reader.notes[0] == (
        "Made by a program: seed 2, difficulty 0.8, label noise 0.1, prevalence long_tailed, shift none."
    )
    assert any("10% of the labels are wrong on purpose" in note for note in reader.notes)


def test_fewer_rows_than_conditions_are_a_warning():
    reader = synthetic_reader("oct")(None, rows=3)
    reader.index()
    assert reader.warnings == ["3 rows cannot show all of its 4 conditions"]


def test_a_folder_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="is generated: expected no --data-dir"):
        Reader.locate(tmp_path)


def test_a_build_says_what_it_was_asked_for(tmp_path: Path):
    simulation = Simulation(seed=4, difficulty=0.2, shift="site")
    report = build(["eeg"], rows=8, out=tmp_path / "multimed", simulation=simulation)
    record = report.subsets["eeg"]
    assert record.simulation == {
        "seed": 4,
        "difficulty": 0.2,
        "label_noise": 0.0,
        "prevalence": "long_tailed",
        "shift": "site",
    }
    card = (tmp_path / "multimed" / "README.md").read_text()
    assert "seed 4, difficulty 0.2" in card and "Synthetic: made by a program" in card


def test_settings_without_a_synthetic_source_are_refused():
    with pytest.raises(ValueError, match=r"settings of the source 'synthetic', got pbmc68k: leave them out"):
        check_simulation(Simulation(difficulty=1), {"scrna": ["pbmc68k"]})
    check_simulation(None, {"scrna": ["pbmc68k"]})
    check_simulation(Simulation(difficulty=1), {"scrna": ["pbmc68k"], "eeg": ["synthetic"]})
    with pytest.raises(ValueError, match="cannot hold out 'organ'"):
        check_simulation(Simulation(shift="organ"), {"eeg": ["synthetic"]})


def test_synthetic_images_are_refused_under_another_name(tmp_path: Path):
    import numpy as np

    row = {"group": "g", "has_oct": True, "oct": png(np.zeros((8, 8), np.uint8)), "disease": "CNV"}
    complete = RowCompleter("oct")
    assert complete({**row, "id": "synthetic/1", "source": "synthetic"})["source"] == "synthetic"
    (tmp_path / "a.png").write_bytes(row["oct"]["bytes"])
    for image in (row["oct"], str(tmp_path / "a.png"), {"bytes": None, "path": str(tmp_path / "a.png")}):
        with pytest.raises(ValueError, match=r"comes from 'kermany_oct2017', but the image in 'oct' carries the mark"):
            complete({**row, "oct": image, "id": "kermany_oct2017/1", "source": "kermany_oct2017"})
