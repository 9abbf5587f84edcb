import os
import subprocess
import sys
from pathlib import Path

import datasets
import pytest

from multimed_hf.data.build import build
from multimed_hf.data.prepare import prepare
from multimed_hf.data.schema import features_of
from multimed_hf.simulation import Simulation

from . import tiny

ELSEWHERE = """
from datasets import load_dataset
for streaming in (False, True):
    data = load_dataset("multimed", "eeg", streaming=streaming)
    train = data["train"]
    print(list(data), train.features["motor_imagery"].names, len(list(train)), train.info.version)
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    tiny.install(monkeypatch)
    monkeypatch.chdir(tmp_path)


def cached(cache, subset="eeg"):
    """What `load_dataset` finds from a folder that has no `multimed/`."""
    loaded = datasets.load_dataset("multimed", subset, cache_dir=str(cache))
    return {split: data[:] for split, data in loaded.items()}


def built(name, subset="eeg"):
    loaded = datasets.load_dataset(str(Path(name).absolute()), subset)
    return {split: data[:] for split, data in loaded.items()}


def test_from_any_folder_offline_in_a_process_of_its_own(tmp_path):
    build(["eeg"])
    home = tmp_path / "home"
    prepare(cache_dir=home / "datasets")
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home)},
        capture_output=True,
        text=True,
    )
    line = "['train', 'validation', 'test'] ['left_fist', 'right_fist', 'both_fists', 'both_feet'] 42 0.1.0"
    assert done.stdout.splitlines() == [line, line], done.stderr


def test_rows_and_features_are_those_of_the_folder(tmp_path):
    build(["eeg", "scrna"], out="data")
    assert list(prepare(out="data", cache_dir=tmp_path / "cache")) == ["eeg", "scrna"]
    for subset in ("eeg", "scrna"):
        assert cached(tmp_path / "cache", subset) == built("data", subset)
        loaded = datasets.load_dataset("multimed", subset, cache_dir=str(tmp_path / "cache"), split="train")
        assert loaded.features == features_of(subset)


def test_the_newest_is_found_and_the_older_removed(tmp_path):
    cache = tmp_path / "cache"
    for seed in (0, 1, 0):
        build(["eeg"], simulation=Simulation(seed=seed), out="data")
        place = prepare(["eeg"], out="data", cache_dir=cache)["eeg"]
        assert cached(cache) == built("data")
        assert [path for path in place.parent.iterdir() if path.is_dir()] == [place]


def test_it_comes_before_what_was_loaded_from_a_folder_earlier(tmp_path):
    cache = tmp_path / "cache"
    build(["eeg"], simulation=Simulation(seed=0), out="new")
    place = prepare(out="new", cache_dir=cache)["eeg"]
    build(["eeg"], simulation=Simulation(seed=1))
    datasets.load_dataset("multimed", "eeg", cache_dir=str(cache))
    os.utime(place, (1, 1))
    assert prepare(out="new", cache_dir=cache)["eeg"] == place
    Path("multimed").rename("moved")
    assert cached(cache) == built("new")


def test_only_what_was_asked_for(tmp_path):
    build(["eeg", "scrna"])
    assert list(prepare(["scrna"], cache_dir=tmp_path / "cache")) == ["scrna"]


def test_bad_input(tmp_path):
    cache = tmp_path / "cache"
    with pytest.raises(FileNotFoundError, match=r"manifest.json, found none"):
        prepare(cache_dir=cache)
    build(["eeg"])
    with pytest.raises(ValueError, match="Did you mean 'eeg'"):
        prepare(["egg"], cache_dir=cache)
    with pytest.raises(ValueError, match=r"Expected scrna in multimed, which holds eeg: build it first"):
        prepare(["scrna"], cache_dir=cache)
    with Path("multimed/eeg/train-00000-of-00001.parquet").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ValueError, match=r"bytes, expected \d+: build eeg again"):
        prepare(cache_dir=cache)
    assert not cache.exists()
