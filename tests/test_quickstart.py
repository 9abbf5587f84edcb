import json
import warnings
from io import StringIO

import pytest
from rich.console import Console

from multimed_hf import quickstart
from multimed_hf.data.manifest import Manifest
from multimed_hf.data.reader import SourceReader
from multimed_hf.evaluation.results import read_results
from multimed_hf.resources import load_script
from multimed_hf.training.train import Settings

from .data.pdb import fake as pdb
from .data.pubmedqa import fake as pubmedqa

TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SETTINGS = Settings(max_steps=2, vocab_size=300, config=TINY)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with two official layouts and no carrier package; the working folder is empty."""
    folder = tmp_path / "official"
    for name, fake in (("pdb", pdb), ("pubmedqa", pubmedqa)):
        (folder / name).mkdir(parents=True)
        fake.write(folder / name)
    monkeypatch.setenv("MULTIMED_DATA", str(folder))
    for subset in ("eeg", "genomics", "scrna", "protein", "text"):
        load_script(subset)
    for reader in SourceReader.__subclasses__():
        monkeypatch.setattr(reader, "carrier", ("", ""))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def console():
    return Console(file=StringIO(), width=300)


def said(console):
    return console.file.getvalue()


def test_what_this_machine_has_is_found_and_the_rest_is_named(machine, console, monkeypatch):
    reader = next(reader for reader in SourceReader.__subclasses__() if reader.name == "splice_junctions")
    monkeypatch.setattr(reader, "DEBIAN", machine / "none")
    found = quickstart.located_sources(console)
    assert found == {"eeg": ["synthetic"], "protein": ["pdb"], "text": ["pubmedqa"]}
    unread = "oct xray bone_age fundus ct mri pathology vqa".split()
    lines = [line for line in said(console).splitlines() if "images take longer" not in line]
    assert [line.split(":")[0] for line in said(console).splitlines() if "images take longer" in line] == unread
    named = {line.split("'")[1] for line in lines}
    assert named == {"uci_eye_state", "edf", "eegmmidb", "sortseq_lac", "splice_junctions", "pbmc68k", "openi_reports"}
    assert len(lines) == len(named)
    assert any("pip install --no-deps mavenn" in line for line in lines)


def test_the_whole_way_and_a_second_run_that_does_nothing_twice(machine, capsys, monkeypatch):
    monkeypatch.setattr(quickstart, "located_sources", lambda console: {"protein": ["pdb"], "text": ["pubmedqa"]})
    assert quickstart.run(rows=40, settings=SETTINGS) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("Data: ", "Training: ", "Evaluation: ", "ideal helix", "logistic regression"))
    out = machine / "runs" / "quickstart"
    assert {"checkpoint", "results.json", "results.png", "training.json"} <= {path.name for path in out.iterdir()}
    results = read_results(out / "results.json")
    assert {result.task for result in results} == {"protein_structure_prediction", "medical_question_answering"}
    assert all(result.baselines for result in results)

    def forbidden(*_, **__):
        raise AssertionError("was done before")

    monkeypatch.setattr("multimed_hf.data.build.build", forbidden)
    monkeypatch.setattr("transformers.Trainer.train", forbidden)
    assert quickstart.run(rows=40, settings=SETTINGS) == 0
    assert "built before" in capsys.readouterr().out
    assert read_results(out / "results.json") == results


def test_a_subset_is_built_again_when_anything_differs(machine, console):
    data = machine / "multimed"
    for rows, expected in ((20, 20), (20, 20), (24, 24)):
        assert quickstart.build_subset(console, data, "text", ["pubmedqa"], rows)
        assert sum(Manifest.read(data).subsets["text"].rows.values()) == expected
    assert said(console).count("built before") == 1
    for path in data.glob("text/train*"):
        path.write_bytes(b"broken")
    quickstart.build_subset(console, data, "text", ["pubmedqa"], 24)
    assert said(console).count("built before") == 1
    quickstart.build_subset(console, data, "text", ["pubmedqa"], 24)
    assert said(console).count("built before") == 2


def test_a_missing_library_leaves_the_subset_out(machine, console, monkeypatch):
    def build(*_, **__):
        raise ImportError("Reading structures needs gemmi: pip install multimed_hf[protein].")

    monkeypatch.setattr("multimed_hf.data.build.build", build)
    assert not quickstart.build_subset(console, machine / "multimed", "protein", ["pdb"], None)
    assert "protein: left out: Reading structures needs gemmi: pip install multimed_hf[protein]." in said(console)


def test_a_run_on_other_data_or_with_other_settings_is_replaced(machine, console, monkeypatch):
    asked = []

    def fit(data, subsets, output_dir, *, seed, settings, resume):
        asked.append(resume)
        return real(data, subsets, output_dir, seed=seed, settings=settings, resume=resume, progress=False)

    from multimed_hf.training import train

    real = train.fit
    monkeypatch.setattr(train, "fit", fit)
    data, out = machine / "multimed", machine / "run"
    quickstart.build_subset(console, data, "text", ["pubmedqa"], 20)
    steps = []
    for settings in (SETTINGS, SETTINGS, Settings(max_steps=1, vocab_size=300, config=TINY)):
        checkpoint = quickstart.train(console, data, ["text"], out, settings)
        steps.append(json.loads((out / "training.json").read_text())["report"]["steps"])
    assert (steps, asked) == ([2, 2, 1], [True, True, False]) and checkpoint == out / "checkpoint"
    quickstart.build_subset(console, data, "text", ["pubmedqa"], 24)
    quickstart.train(console, data, ["text"], out, Settings(max_steps=1, vocab_size=300, config=TINY))
    assert asked[-1] is False and said(console).count("starting over") == 2


def test_only_genomics_is_capped(machine, monkeypatch):
    capped = []

    def build_subset(console, data, subset, sources, rows):
        capped.append((subset, rows))
        return False

    class Enough(Exception):
        pass

    def train(*_):
        raise Enough

    found = {"genomics": ["sortseq_lac"], "text": ["pubmedqa"]}
    monkeypatch.setattr(quickstart, "located_sources", lambda console: found)
    monkeypatch.setattr(quickstart, "build_subset", build_subset)
    monkeypatch.setattr(quickstart, "train", train)
    for rows in (None, 7):
        with pytest.raises(Enough):
            quickstart.run(rows=rows)
    assert capped == [("genomics", 6000), ("text", None), ("genomics", 7), ("text", 7)]
