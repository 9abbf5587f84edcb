import json
import re
from dataclasses import replace

import pytest
import torch
from huggingface_hub import ModelCard

from multimed_hf.evaluation.results import Result, read_results, write_results
from multimed_hf.models import MultiMedForMultitask
from multimed_hf.publishing.model import plan_model

from ..hub.checkpoint import tiny_checkpoint

RESULT = Result(
    task="question",
    head="question/yes",
    subset="text",
    source="pubmedqa",
    synthetic=False,
    auxiliary=False,
    split="test",
    metric="balanced_accuracy",
    n=10,
    groups=10,
    unit="article",
    score=0.75,
    low=0.5,
    high=0.9,
    level=0.95,
    scores={"balanced_accuracy": 0.75},
    baselines={},
    limits="",
    model="runs/text/checkpoint",
    seed=3,
    data_fingerprint="0123456789abcdef",
    code_version="0.1.0",
)


@pytest.fixture
def checkpoint(tmp_path):
    """What a run leaves: model and processor, the record with paths of this machine, and something of no use."""
    folder = tmp_path / "text/checkpoint"
    for part in tiny_checkpoint():
        part.save_pretrained(folder)
    record = {
        "version": "0.1.0",
        "data": {"text": "0123456789abcdef"},
        "sources": {"text": ["pubmedqa"]},
        "start": None,
        "lora": False,
        "shots": None,
        "seed": 3,
        "settings": {"config": {"somewhere": str(tmp_path)}},
        "report": {"seconds": 1.0},
    }
    (folder.parent / "training.json").write_text(json.dumps(record))
    (folder / "optimizer.pt").write_bytes(b"pickle")
    (folder / "entities.parquet").write_bytes(b"rows")
    return folder


@pytest.fixture
def staging(tmp_path):
    (tmp_path / "staging").mkdir()
    return tmp_path / "staging"


def record_of(checkpoint, **changes):
    path = checkpoint.parent / "training.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_model_is_published_with_all_it_takes(checkpoint, staging):
    write_results(checkpoint.parent / "results.json", [RESULT])
    (checkpoint.parent / "results.png").write_bytes(b"picture")
    plan = plan_model(checkpoint, staging, "org/multimed-text")
    files = {file.path for file in plan.files}
    assert files >= {"README.md", "config.json", "model.safetensors", "processor_config.json", "tokenizer.json"}
    assert files >= {
        "modeling_multimed_multitask.py",
        "processing_multimed.py",
        "training.json",
        "results.json",
        "results.png",
    }
    assert not [path for path in files if not re.search(r"\.(md|json|safetensors|py|png)$", path)]
    assert (plan.repo_type, plan.licence, plan.terms) == ("model", "MIT", {"text/pubmedqa": "MIT"})
    assert [each.what for each in plan.left_out] == ["entities.parquet", "optimizer.pt"]
    assert json.loads((staging / "training.json").read_text()) == {
        "version": "0.1.0",
        "data": {"text": "0123456789abcdef"},
        "shots": None,
        "lora": False,
        "seed": 3,
        "sources": {"text": ["pubmedqa"]},
    }
    assert read_results(staging / "results.json")[0].model == "org/multimed-text"
    # Nothing tells about the machine.
    assert not [
        path for path in staging.rglob("*") if path.is_file() and str(checkpoint.parent).encode() in path.read_bytes()
    ]


def test_code_travels_with_what_is_published_and_with_nothing_else(checkpoint, staging):
    plan_model(checkpoint, staging, "org/model")
    assert json.loads((staging / "config.json").read_text())["auto_map"] == {
        "AutoConfig": "configuration_multimed.MultiMedConfig",
        "AutoModel": "modeling_multimed_multitask.MultiMedForMultitask",
    }
    processor = json.loads((staging / "processor_config.json").read_text())
    assert processor["auto_map"] == {"AutoProcessor": "processing_multimed.MultiMedProcessor"}
    for part in tiny_checkpoint():
        part.save_pretrained(staging / "later")
    assert not list((staging / "later").glob("*.py"))


def test_the_same_checkpoint_gives_the_same_files(checkpoint, tmp_path):
    plans = []
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        plans.append(plan_model(checkpoint, tmp_path / name, "org/model"))
    once, again = ({file.path: file.record for file in plan.files} for plan in plans)
    assert once == again


def test_card(checkpoint, staging):
    record_of(checkpoint, sources={"text": ["pubmedqa"], "eeg": ["uci_eye_state", "synthetic"]})
    write_results(checkpoint.parent / "results.json", [RESULT])
    plan_model(checkpoint, staging, "org/multimed-text")
    card = ModelCard.load(staging / "README.md")
    assert (card.data.license, card.data.library_name) == ("cc-by-4.0", "transformers")
    (entry,) = card.data.eval_results
    assert (entry.metric_type, entry.metric_value, entry.dataset_split) == ("balanced_accuracy", 0.75, "test")
    assert entry.dataset_revision == "0123456789abcdef"


def test_scores_of_another_checkpoint_are_left_out(checkpoint, staging):
    write_results(checkpoint.parent / "results.json", [replace(RESULT, model="runs/other/checkpoint")])
    plan = plan_model(checkpoint, staging, "org/model")
    assert "results.json" not in {file.path for file in plan.files}
    assert plan.left_out[0].why == "scores of runs/other/checkpoint, not of this checkpoint"
    assert ModelCard.load(staging / "README.md").data.eval_results is None


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (
            {"text": ["openi_reports"]},
            r"trained on text from openi_reports is not published: the terms of openi_reports",
        ),
        ({"text": ["pubmedqa", "hospital"]}, "hospital is no source that this version knows"),
    ],
)
def test_what_must_not_be_published_is_refused_before_it_is_loaded(checkpoint, staging, sources, said):
    record_of(checkpoint, sources=sources)
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=said):
        plan_model(checkpoint, staging, "org/model")
    assert not list(staging.iterdir())


def test_no_record_and_no_folder(checkpoint, staging, tmp_path):
    (checkpoint.parent / "training.json").unlink()
    with pytest.raises(ValueError, match=r"Expected training.json in .* what it was trained on is unknown"):
        plan_model(checkpoint, staging, "org/model")
    with pytest.raises(FileNotFoundError, match="Expected the folder of a checkpoint, found none at"):
        plan_model(tmp_path / "nowhere", staging, "org/model")


def test_an_adapter_is_merged_into_its_base(checkpoint, staging):
    from peft import LoraConfig, get_peft_model

    model, processor = tiny_checkpoint()
    base = checkpoint.parent / "base"
    for part in (model, processor):
        part.save_pretrained(base)
    model.name_or_path = str(base)
    adapted = get_peft_model(model, LoraConfig(target_modules=r".*layers.*(q|v)\w*|.*qkv", init_lora_weights=False))
    with torch.no_grad():
        expected = adapted.eval()(**processor(text=["the heart is large"])).logits["question/yes"]
    run = checkpoint.parent / "adapter"
    adapted.save_pretrained(run)
    processor.save_pretrained(run)
    plan = plan_model(run, staging, "org/model")
    assert "adapter_config.json" not in {file.path for file in plan.files}
    own = MultiMedForMultitask.from_pretrained(staging).eval()
    with torch.no_grad():
        torch.testing.assert_close(own(**processor(text=["the heart is large"])).logits["question/yes"], expected)
    assert str(base).encode() not in b"".join(path.read_bytes() for path in staging.rglob("*") if path.is_file())
