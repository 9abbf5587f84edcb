import json

import pytest
from huggingface_hub import DatasetCard

from multimed_hf import resources
from multimed_hf.data.build import build
from multimed_hf.data.manifest import Manifest, hash_files
from multimed_hf.publishing.dataset import plan_dataset

from ..data import tiny


@pytest.fixture
def built(tmp_path, monkeypatch):
    """`eeg` from two sources with different licences, `scrna` with a list of genes, `xray` that must not be published."""
    tiny.install(monkeypatch)
    (tmp_path / "tiny_recording").mkdir()
    (tmp_path / "tiny_recording/recording.txt").write_text("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20")
    out = tmp_path / "multimed"
    data_dirs = {"uci_eye_state": tmp_path / "tiny_recording"}
    build(["eeg"], ["synthetic", "uci_eye_state"], data_dirs, out=out)
    build(["scrna"], out=out)
    with pytest.warns(UserWarning):
        build(["xray"], ["nih_chestxray14"], out=out)
    return out


def test_everything_that_may_be_published_is(built):
    plan = plan_dataset(built, "org/multimed")
    manifest = Manifest.read(built)
    data = {path for name in ("eeg", "scrna") for path in manifest.subsets[name].files}
    assert "scrna/genes.csv" in data
    made = {"README.md", "manifest.json", "croissant.json", "builders/eeg.py", "builders/scrna.py"}
    assert {file.path for file in plan.files} == data | made
    for file in plan.files:
        if file.path in data:
            assert file.content == built / file.path and file.record == hash_files([built / file.path])[0]
    assert (plan.repo_type, plan.repo, plan.licence) == ("dataset", "org/multimed", "CC-BY-4.0")
    assert plan.terms == {
        "eeg/synthetic": "Apache-2.0",
        "eeg/uci_eye_state": "CC-BY-4.0",
        "scrna/pbmc68k": "BSD-3-Clause",
    }


def test_nothing_of_a_forbidden_source_is_named(built):
    """Not its rows, and not what would tell about them."""
    plan = plan_dataset(built, "org/multimed")
    assert [each.what for each in plan.left_out] == ["xray"]
    assert plan.left_out[0].why.startswith("the terms of nih_chestxray14 do not allow it (unknown: ")
    made = {file.path: file.content for file in plan.files if isinstance(file.content, bytes)}
    for path in ("README.md", "manifest.json", "croissant.json"):
        assert b"nih_chestxray14" not in made[path] and b"xray/" not in made[path]
    card = DatasetCard(made["README.md"].decode())
    assert [config["config_name"] for config in card.data.to_dict()["configs"]] == ["eeg", "scrna"]
    assert list(json.loads(made["manifest.json"])["subsets"]) == ["eeg", "scrna"]
    assert b"/datasets/org/multimed" in made["croissant.json"]


def test_what_an_earlier_version_published_goes(built):
    plan = plan_dataset(built, "org/multimed")
    kept = [file.path for file in plan.files]
    old = ["builders/xray.py", "eeg/train-00000-of-00009.parquet", "xray/train-00000-of-00001.parquet"]
    assert plan.stale([*kept, *old, "notes.md", ".gitattributes"]) == old


def test_builder_scripts_are_those_that_built(built):
    made = {file.path: file.content for file in plan_dataset(built, "org/multimed").files}
    assert made["builders/eeg.py"] == (resources.folder("dataset_scripts") / "eeg.py").read_bytes()


def test_a_file_that_was_cut_is_refused(built):
    shard = next(built.glob("eeg/test-*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"is not as it was built: eeg/test-.*expected"):
        plan_dataset(built, "org/multimed")


def test_nothing_to_publish_is_refused(tmp_path, monkeypatch):
    tiny.install(monkeypatch)
    with pytest.warns(UserWarning):
        build(["xray"], ["nih_chestxray14"], out=tmp_path / "multimed")
    with pytest.raises(ValueError, match=r"Nothing of .* can be published: xray: the terms of nih_chestxray14"):
        plan_dataset(tmp_path / "multimed", "org/multimed")
    with pytest.raises(FileNotFoundError, match=r"manifest.json, found none"):
        plan_dataset(tmp_path / "nowhere", "org/multimed")
