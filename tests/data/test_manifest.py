import hashlib
import json
import os
import re
from pathlib import Path

import pytest

from multimed_hf.data.build import build
from multimed_hf.data.manifest import FileRecord, Manifest, fingerprint_of, replace_text, verify

from . import tiny


@pytest.fixture
def built(tmp_path, monkeypatch):
    tiny.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    build(["eeg", "scrna"])
    return Path("multimed")


def test_it_says_what_lies_there(built):
    record = Manifest.read(built).subsets["scrna"]
    assert sorted(record.files) == sorted(f"scrna/{path.name}" for path in (built / "scrna").iterdir())
    for path, file in record.files.items():
        content = (built / path).read_bytes()
        assert file == FileRecord(hashlib.sha256(content).hexdigest(), len(content))
    assert record.rows == {"train": 14, "validation": 3, "test": 3}
    assert record.sources["pbmc68k"].rows == record.rows
    assert (record.version, record.simulation["seed"], record.requested_rows) == ("0.1.0", 0, None)
    assert record.sources["pbmc68k"].group == "cell"
    assert record.shards("train") == ["scrna/train-00000-of-00001.parquet"]


def test_reading_gives_what_was_written(built):
    manifest = Manifest.read(built)
    manifest.write(built)
    assert Manifest.read(built) == manifest
    assert list(manifest.without("eeg").subsets) == ["scrna"]
    assert manifest.without("eeg").having("eeg", manifest.subsets["eeg"]) == manifest


def test_a_whole_folder_has_no_problems(built):
    (built / "eeg" / ".DS_Store").touch()
    assert verify(built) == []


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda out: flip(out / "eeg/test-00000-of-00001.parquet"), "eeg/test-.* has other content than was built"),
        (lambda out: os.truncate(out / "scrna/genes.csv", 3), "scrna/genes.csv has 3 bytes, expected 66"),
        (lambda out: (out / "eeg/train-00000-of-00001.parquet").unlink(), "eeg/train-.* is missing: build eeg again"),
        (lambda out: (out / "eeg/train-more.parquet").touch(), "eeg/train-more.parquet is not part of eeg"),
        (lambda out: Manifest.read(out).without("scrna").write(out), "README.md lists scrna, which manifest.json"),
    ],
)
def test_each_damage_is_one_sentence(built, damage, problem):
    damage(built)
    (sentence,) = verify(built)
    assert re.match(problem, sentence)


def test_a_card_that_is_gone_or_of_another_build(built):
    card = (built / "README.md").read_text()
    (built / "README.md").unlink()
    assert len(verify(built)) == 2
    (built / "README.md").write_text(card.replace(Manifest.read(built).subsets["eeg"].fingerprint, "0" * 16))
    assert verify(built) == ["README.md does not describe eeg as it was built: build the subset again."]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 3, "subsets": {}}', '{"format": 2, "subsets": {"eeg": {}}}']
)
def test_a_damaged_manifest(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest.json is no manifest of format 2 .*build it again"):
        verify(tmp_path)


def test_no_manifest(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Expected .*manifest.json, found none"):
        verify(tmp_path)
    with pytest.raises(FileNotFoundError, match="found none"):
        Manifest.read(tmp_path / "nowhere")


def test_the_fingerprint_changes_with_names_and_content_and_nothing_else():
    files = {"a": FileRecord("1", 5), "b": FileRecord("2", 5)}
    assert fingerprint_of(files) == fingerprint_of(dict(reversed(files.items())))
    others = [{"a": FileRecord("1", 5)}, {**files, "b": FileRecord("3", 5)}, {"a": files["b"], "b": files["a"]}]
    assert len({fingerprint_of(other) for other in (files, *others)}) == 4


def test_text_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    (tmp_path / "x.json").write_text("old")

    def fail(source, target):
        raise OSError("killed")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="killed"):
        replace_text(tmp_path / "x.json", "new")
    assert (tmp_path / "x.json").read_text() == "old"


def test_it_is_readable_by_anyone(built):
    content = json.loads((built / "manifest.json").read_text())
    assert content["subsets"]["eeg"]["sources"]["synthetic"]["notes"] == ["Signals are white noise."]
