"""`multimed publish` as it is typed, against the Hub of the tests."""

import json
import subprocess
import sys

import pytest

from multimed_hf.cli import main

from ..hub import olah
from ..hub.checkpoint import tiny_checkpoint
from ..hub.client import environment, run


@pytest.fixture
def multimed(hub, tmp_path):
    """`multimed(*arguments)`: runs the command as a user of this Hub, and gives status, stdout and stderr."""

    def multimed(*arguments, token="hf_write"):
        command = [sys.executable, "-m", "multimed_hf", "publish", *map(str, arguments), "--org", "org"]
        env = environment(hub, tmp_path / "home", token)
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    return multimed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["metric", "--metric", "eg"], "Unknown metric 'eg'. Did you mean 'eeg'?"),
        (["metric", "--name", "x"], "Expected --name with dataset, model or space"),
        (["all", "--name", "x"], "Expected --name with dataset, model or space"),
        (["dataset", "--metric", "eeg"], "Expected --metric with metric or all, got it with dataset."),
        (["dataset", "--data", "/no/where"], "Expected /no/where/manifest.json, found none"),
        (["model", "--checkpoint", "/no/where"], "Expected the folder of a checkpoint, found none at /no/where"),
    ],
)
def test_requests_that_make_no_sense(capsys, arguments, said):
    assert main(["publish", *arguments, "--org", "org"]) == 2
    assert f"multimed: {said}" in capsys.readouterr().err


def test_metrics_are_published_and_a_dry_run_asks_nothing(hub, multimed):
    status, out, _ = multimed("metric", "--metric", "eeg", "--metric", "structure", "--dry-run")
    assert status == 0 and not hub.log
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        "space org/eeg, tag v0.1.0, licence Apache-2.0: 3 files, " + out.split("3 files, ")[1].split("\n")[0],
        "space org/structure, tag v0.1.0, licence Apache-2.0: 3 files, " + out.split("3 files, ")[2].split("\n")[0],
    ]
    status, out, err = multimed("metric", "--metric", "eeg", "--metric", "structure", "--tag", "v9", "--private")
    assert status == 0, err
    assert sorted(hub.store.repos) == [("space", "org/eeg"), ("space", "org/structure")]
    assert all(list(repo.tags) == ["v9"] and repo.private for repo in hub.store.repos.values())
    assert "org/eeg: v9 at " in out and "3 files verified, 0 were there, 0 old files removed" in out


def test_an_error_is_one_sentence(hub, multimed):
    status, _, err = multimed("metric", "--metric", "eeg", token="")
    assert status == 2
    assert err == "multimed: Expected a token of the Hub, found none: run hf auth login, or set HF_TOKEN.\n"


READ = """if 1:
    import json, sys
    import evaluate
    from datasets import get_dataset_config_names, load_dataset
    from huggingface_hub import ModelCard
    from transformers import AutoModel, AutoProcessor
    sys.modules["multimed_hf"] = None
    data = {name: load_dataset("org/multimed", name, revision="v0.1.0") for name in ("eeg", "genomics")}
    ids = [row["id"] for row in load_dataset("org/multimed", "eeg", split="test", streaming=True)]
    where = {"revision": "v0.1.0", "trust_remote_code": True}
    model = AutoModel.from_pretrained("org/multimed-text", **where)
    processor = AutoProcessor.from_pretrained("org/multimed-text", **where)
    logits = model.eval()(**processor(text=["a heart"])).logits["question/yes"].tolist()
    # A metric is a few lines that call the package, and the page is part of it.
    del sys.modules["multimed_hf"]
    metric = evaluate.load("org/eeg")
    from multimed_hf.demo.predictor import Predictor
    shown = Predictor.load("org/multimed-text").predict({"text": "a heart"})
    print(json.dumps({
        "names": get_dataset_config_names("org/multimed"),
        "rows": {name: sum(splits.num_rows.values()) for name, splits in data.items()},
        "same": ids == data["eeg"]["test"]["id"][:],
        "logits": logits,
        "shown": [answer.head for answer in shown],
        "licence": ModelCard.load("org/multimed-text").data.license,
        "accuracy": metric.compute(predictions=[[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]], references=[0, 1, 0])["accuracy"],
    }))"""
"""What a user does with all that was published; data and model load without the package."""


def assert_all_was_read(printed):
    model, processor = tiny_checkpoint()
    expected = model.eval()(**processor(text=["a heart"])).logits["question/yes"].tolist()
    assert json.loads(printed.splitlines()[-1]) == {
        "names": ["eeg", "genomics"],
        "rows": {"eeg": 60, "genomics": 60},
        "same": True,
        "logits": [pytest.approx(expected[0], abs=1e-5)],
        "shown": ["question/yes"],
        "licence": "mit",
        "accuracy": pytest.approx(2 / 3),
    }


@pytest.fixture
def published(hub, multimed, tmp_path):
    """A data set, a model and a metric on the Hub."""
    from multimed_hf.data.build import build

    out = build(["eeg", "genomics"], ["synthetic"], rows=60, out=tmp_path / "multimed").out
    for part in tiny_checkpoint():
        part.save_pretrained(tmp_path / "run/checkpoint")
    (tmp_path / "run/training.json").write_text(json.dumps({"sources": {"text": ["pubmedqa"]}}))
    for arguments in (
        ("dataset", "--data", out),
        ("model", "--checkpoint", "run/checkpoint", "--name", "multimed-text"),
        ("metric", "--metric", "eeg"),
    ):
        status, _, err = multimed(*arguments)
        assert status == 0, err
    return out


@pytest.mark.slow
def test_what_is_published_loads_without_the_package(hub, multimed, published, tmp_path):
    sent = hub.stored()
    assert sent == len(list(published.glob("*/*.parquet"))) + len(list((tmp_path / "run").rglob("*.safetensors")))
    # A second time no shard moves.
    assert multimed("dataset", "--data", published)[0] == 0
    assert hub.stored() == sent
    assert_all_was_read(run(hub, tmp_path / "elsewhere", READ))


@pytest.mark.slow
@pytest.mark.skipif(not olah.PROGRAM.is_file(), reason="needs the mirror olah: make .olah/done")
def test_what_is_published_loads_through_an_independent_mirror(hub, published, tmp_path):
    with olah.mirror(hub, tmp_path / "mirror") as address:
        assert_all_was_read(run(address, tmp_path / "elsewhere", READ))
    # It asked for everything by itself: the users knew the mirror alone.
    assert hub.asked("^GET .*parquet") and hub.asked("^GET .*safetensors")
