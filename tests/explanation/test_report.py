"""A row of a built data set explained on the command line: the figure, the numbers, and requests that cannot be met."""

import json
import math
import warnings

import numpy as np
import pytest
from PIL import Image

from multimed_hf import __version__
from multimed_hf.cli import main
from multimed_hf.data.build import build
from multimed_hf.data.manifest import Manifest
from multimed_hf.training.train import Settings, fit

TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "multimed"
    build(["eeg"], ["synthetic"], rows=24, out=out)
    return out


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = Settings(max_steps=2, vocab_size=300, config=TINY)
        return fit(data, output_dir=tmp_path_factory.mktemp("run"), settings=settings, progress=False).checkpoint


def explain(checkpoint, data, *more):
    return main(["explain", str(checkpoint), "eeg", "--data", str(data), "--split", "train", *map(str, more)])


def test_command_writes_a_figure_and_numbers(capsys, checkpoint, data, tmp_path):
    assert explain(checkpoint, data, "--row", 1, "--target", "left_fist", "--out", tmp_path / "out") == 0
    shown = capsys.readouterr().out
    assert "Shapley value" in shown and "explanation.json" in shown
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"explanation.png", "explanation.json"}
    assert Image.open(tmp_path / "out/explanation.png").width > 1000
    found = json.loads((tmp_path / "out/explanation.json").read_text())
    assert found["synthetic"] and found["code_version"] == __version__ and found["model"] == str(checkpoint)
    assert found["data_fingerprint"] == Manifest.read(data).subsets["eeg"].fingerprint
    explained = found["contributions"]["explained"]
    assert explained["target"] == "left_fist" and explained["unit"] == "log odds"
    part = found["saliency"]["eeg"]
    assert part["axes"] == ["channel", "second"] and len(part["block_starts"][0]) == len(part["block_sums"])
    change = explained["value"] - part["baseline_value"]
    assert np.sum(part["block_sums"]) == pytest.approx(change + part["gap"], abs=1e-6)
    assert math.isclose(sum(found["attention"].values()), 1)


def test_rows_are_found_by_id(capsys, checkpoint, data, tmp_path):
    import datasets

    row = datasets.load_dataset(str(data), "eeg", split="train")["id"][2]
    assert explain(checkpoint, data, "--id", row, "--method", "occlusion", "--out", tmp_path) == 0
    assert json.loads((tmp_path / "explanation.json").read_text())["id"] == row


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--id", "none"], "Expected the id of a row in the train split of 'eeg', such as 'synthetic/"),
        (["--row", 999], "Expected a row from 0 to "),
        (["--row", -1], "Expected a row from 0 to "),
        (["--task", "eye_state/other"], "Expected a head of the model, one of"),
        (["--target", "left_foot"], "among left_fist, right_fist, both_fists, both_feet, got 'left_foot'"),
        (["--split", "trial"], "trial"),
    ],
)
def test_wrong_requests_are_answered_by_one_sentence(capsys, checkpoint, data, tmp_path, more, message):
    assert explain(checkpoint, data, *more, "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
    assert not (tmp_path / "out").exists()
