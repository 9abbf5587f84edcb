"""`multimed publish` as it is typed, against the Hub of the tests."""

import json
import subprocess
import sys

import pytest

from multimed_hf.cli import main

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


@pytest.mark.slow
def test_what_is_published_loads_without_the_package(hub, multimed, tmp_path):
    from multimed_hf.data.build import build

    out = build(["eeg", "genomics"], ["synthetic"], rows=60, out=tmp_path / "multimed").out
    status, _, err = multimed("dataset", "--data", out)
    assert status == 0, err
    sent = hub.stored()
    assert sent == len(list(out.glob("*/*.parquet")))
    # A second time no shard moves.
    assert multimed("dataset", "--data", out)[0] == 0
    assert hub.stored() == sent
    for part in tiny_checkpoint():
        part.save_pretrained(tmp_path / "run/checkpoint")
    (tmp_path / "run/training.json").write_text(json.dumps({"sources": {"text": ["pubmedqa"]}}))
    status, _, err = multimed("model", "--checkpoint", "run/checkpoint", "--name", "multimed-text")
    assert status == 0, err
    seen = run(
        hub,
        tmp_path / "elsewhere",
        """if 1:
        import json, sys
        from datasets import get_dataset_config_names, load_dataset
        from huggingface_hub import ModelCard
        from transformers import AutoModel, AutoProcessor
        sys.modules["multimed_hf"] = None
        data = {name: load_dataset("org/multimed", name, revision="v0.1.0") for name in ("eeg", "genomics")}
        ids = [row["id"] for row in load_dataset("org/multimed", "eeg", split="test", streaming=True)]
        where = {"revision": "v0.1.0", "trust_remote_code": True}
        model = AutoModel.from_pretrained("org/multimed-text", **where)
        processor = AutoProcessor.from_pretrained("org/multimed-text", **where)
        print(json.dumps({
            "names": get_dataset_config_names("org/multimed"),
            "rows": {name: sum(splits.num_rows.values()) for name, splits in data.items()},
            "same": ids == data["eeg"]["test"]["id"][:],
            "logits": model.eval()(**processor(text=["a heart"])).logits["question/yes"].tolist(),
            "licence": ModelCard.load("org/multimed-text").data.license,
        }))""",
    )
    model, processor = tiny_checkpoint()
    expected = model.eval()(**processor(text=["a heart"])).logits["question/yes"].tolist()
    assert json.loads(seen.splitlines()[-1]) == {
        "names": ["eeg", "genomics"],
        "rows": {"eeg": 60, "genomics": 60},
        "same": True,
        "logits": [pytest.approx(expected[0], abs=1e-5)],
        "licence": "mit",
    }
