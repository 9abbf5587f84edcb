import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, SpaceCard
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

from multimed_hf.columns import MODALITIES
from multimed_hf.evaluation.report import markdown
from multimed_hf.evaluation.results import Result
from multimed_hf.models import MultiMedConfig
from multimed_hf.publishing.cards import model_card
from multimed_hf.publishing.model import plan_model
from multimed_hf.publishing.space_card import GRADIO_VERSION, space_card

from ..hub.checkpoint import tiny_checkpoint
from ..hub.client import run

TASKS = [
    {
        "name": "imagined_motor_imagery_classification/fists_and_feet",
        "kind": "single_label",
        "labels": ["left", "right"],
    },
    {"name": "report_findings/openi_reports", "kind": "multi_label", "labels": [f"finding {i}" for i in range(30)]},
    {"name": "expression_prediction/sortseq_lac", "kind": "regression", "num_targets": 1},
]
CONFIG = MultiMedConfig(modalities=["text", "eeg"], tasks=TASKS)
TERMS = {"text/pubmedqa": "MIT", "eeg/uci_eye_state": "CC-BY-4.0", "eeg/synthetic": "Apache-2.0"}
RECORD = {
    "version": "0.1.0",
    "data": {"text": "00112233", "eeg": "44556677"},
    "sources": {"text": ["pubmedqa"], "eeg": ["uci_eye_state", "synthetic"]},
    "start": None,
    "lora": False,
    "shots": None,
    "seed": 3,
    "report": {"seconds": 1234.5, "device": "NVIDIA H100", "rows": {"eeg": {"synthetic": 4200, "uci_eye_state": 7}}},
}
SCORED = Result(
    task="imagined_motor_imagery_classification",
    head="imagined_motor_imagery_classification/fists_and_feet",
    subset="eeg",
    source="synthetic",
    synthetic=True,
    auxiliary=False,
    split="test",
    metric="balanced_accuracy",
    n=200,
    groups=40,
    unit="simulated subject",
    score=0.625,
    low=0.5,
    high=0.75,
    level=0.95,
    scores={"balanced_accuracy": 0.625},
    baselines={},
    limits="made by a program",
    model="runs/a/checkpoint",
    seed=3,
    data_fingerprint="44556677",
    code_version="0.1.0",
)
AUXILIARY = replace(
    SCORED,
    task="report_findings",
    head="report_findings/openi_reports",
    subset="text",
    source="openi_reports",
    synthetic=False,
    auxiliary=True,
    metric="macro_auroc",
    score=0.8,
    low=None,
    high=None,
    scores={"macro_auroc": 0.8},
    data_fingerprint="00112233",
    reasons={"interval": "few groups"},
)
UNSCORED = replace(
    SCORED, head="eye_state/open_closed", task="eye_state", n=0, score=None, reasons={"score": "no head"}
)


def card(**changes):
    given = {"config": CONFIG, "terms": TERMS, "results": [SCORED, AUXILIARY], "record": RECORD, "parameters": 1234567}
    return ModelCard(model_card("org/multimed-base", **{**given, **changes}))


def section(found, title):
    """The text of a section, white space folded."""
    return " ".join(found.text.split(f"\n## {title}\n")[1].split("\n## ")[0].split())


def test_head_says_what_the_hub_sorts_by():
    data = card().data.to_dict()
    index = data.pop("model-index")
    assert data == {
        "language": "en",
        "license": "cc-by-4.0",
        "library_name": "transformers",
        "pipeline_tag": "feature-extraction",
        "datasets": ["org/multimed"],
        "tags": ["medical", "multimodal", "text", "eeg", "synthetic-data"],
    }
    name, results = model_index_to_eval_results(index)
    assert name == "multimed-base" and eval_results_to_model_index(name, results) == index
    assert [(each.dataset_config, each.dataset_split, each.metric_type, each.metric_value) for each in results] == [
        ("eeg", "test", "balanced_accuracy", 0.625),
        ("text", "test", "macro_auroc", 0.8),
    ]
    assert [each.task_name for each in results] == [
        "imagined motor imagery classification",
        "report findings (auxiliary)",
    ]
    assert [each.dataset_name for each in results] == [
        "multimed eeg, synthetic (synthetic)",
        "multimed text, openi_reports",
    ]
    assert [each.dataset_revision for each in results] == ["44556677", "00112233"]


def test_rows_of_the_training_and_other_labels_are_marked():
    (trained,) = card(results=[replace(SCORED, split="train")]).data.eval_results
    assert trained.task_name.endswith("(rows it was trained on)")
    asked = replace(SCORED, head="disease/other", zero_shot=SCORED.head)
    (asked,) = card(results=[asked]).data.eval_results
    assert asked.task_name.endswith("(zero-shot)")


@pytest.mark.parametrize(
    ("modalities", "tag"),
    [(["text"], "text-classification"), (["xray", "ct"], "image-classification"), (["eeg"], "feature-extraction")],
)
def test_pipeline_tag(modalities, tag):
    assert card(config=MultiMedConfig(modalities=modalities, tasks=[]), results=[]).data.pipeline_tag == tag


def test_base_models_are_those_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    encoder = {"facebook/esm2_t6_8M_UR50D": "MIT"}
    found = card(terms={**TERMS, **encoder}, record={**RECORD, "start": "org/earlier"})
    assert found.data.base_model == ["org/earlier", "facebook/esm2_t6_8M_UR50D"]
    assert "Started from: org/earlier" in section(found, "Training")
    assert "| facebook/esm2_t6_8M_UR50D | pre-trained encoder | | MIT |" in section(
        found, "Training data and provenance"
    )
    # A folder is nobody else's business, and no name of the Hub.
    (tmp_path / "runs" / "a").mkdir(parents=True)
    for start in ("runs/a", str(tmp_path / "runs/a")):
        found = card(record={**RECORD, "start": start})
        assert found.data.base_model is None and start not in found.content


def test_a_licence_that_the_hub_does_not_know_has_a_name_and_a_place():
    data = card(terms={"xray/nih_chestxray14": "unknown: ask"}).data
    assert (data.license, data.license_name) == ("other", "see-training-data")
    assert data.license_link == "https://huggingface.co/org/multimed-base#licence"


def test_sections():
    found = card(picture="results.png")
    assert re.findall("^## (.*)", found.text, re.MULTILINE) == [
        "What it is",
        "What it reads",
        "What it answers",
        "How to load",
        "Training data and provenance",
        "Training",
        "Evaluation",
        "Intended use and limits",
        "Before any use near patients",
        "Bias and what was not tested",
        "Energy and hardware",
        "Licence",
        "How to cite",
    ]
    # Synthetic first, and in words.
    assert found.text.split("\n\n")[1].startswith(
        "**Part of what this model was trained on is synthetic: made by a program"
    )
    assert "not a medical device" in found.text.split("\n\n")[2]
    assert "1,234,567 parameters" in section(found, "What it is")
    assert '| eeg | `{"signal": (channels, time)' in section(found, "What it reads")
    assert "microvolt, Hz; resampled to 128 Hz |" in section(found, "What it reads")
    answers = section(found, "What it answers")
    assert (
        "| one of left, right |" in answers and "finding 19, ... (30 in all) |" in answers and "| 1 number |" in answers
    )
    assert r"report? \* |" in answers and r"imagine? \* |" not in answers
    data = section(found, "Training data and provenance")
    assert data.index("eeg/synthetic") < data.index("text/pubmedqa")
    assert "| eeg/synthetic | **Synthetic.** Simulated motor imagery" in data and "| 4,200 | Apache-2.0 |" in data
    assert "| 7 | CC-BY-4.0 |" in data and "| not recorded | MIT |" in data
    assert "- eeg/uci_eye_state: one recording of one subject" in data and "eeg `44556677`" in data
    training = section(found, "Training")
    for line in (
        "Started from: random weights",
        "Seed: 3",
        "Rows: all of the train splits",
        "adapters only: no",
        "hf 0.1.0",
    ):
        assert line in training
    assert markdown([SCORED, AUXILIARY]).strip() in found.text
    assert "![Scores with their intervals, and baselines](results.png)" in found.text
    assert "External validation" in section(found, "Before any use near patients")
    assert "Monitoring" in section(found, "Before any use near patients")
    bias = section(found, "Bias and what was not tested")
    assert "Too few groups for an interval: report_findings/openi_reports on openi_reports." in bias
    assert "Scored on synthetic rows, which say nothing about people: imagined_motor" in bias
    assert "Hardware: NVIDIA H100 - Time in training: 1,234 s - Energy and carbon: not recorded" in section(
        found, "Energy and hardware"
    )
    assert "**CC-BY-4.0**, which asks to name the authors" in section(found, "Licence")
    assert "@software{multimed_hf," in section(found, "How to cite") and "PubMedQA" in section(found, "How to cite")


def test_few_shot_and_adapters_are_said():
    record = {**RECORD, "shots": 5, "lora": True}
    results = [replace(SCORED, shots=5, lora=True)]
    training = section(card(record=record, results=results), "Training")
    assert "Rows: 5 groups a class" in training and "adapters only: yes" in training


def test_what_is_not_known_is_called_not_recorded():
    found = ModelCard(model_card("org/m", MultiMedConfig(modalities=["text"], tasks=[]), {}))
    assert "model-index" not in found.data.to_dict() and found.data.datasets is None
    assert found.text.count("not recorded") >= 9 and "None" not in found.text.replace("is `None`", "")
    for title in ("Training", "Energy and hardware", "Training data and provenance"):
        assert "not recorded" in section(found, title)
    assert section(found, "Evaluation") == "Not recorded: no results lay beside the checkpoint."
    assert "made by a program" not in found.text


def test_only_a_model_of_synthetic_data_is_called_so():
    assert "synthetic" not in card(terms={"text/pubmedqa": "MIT"}, results=[AUXILIARY], record={}).content
    found = card(terms={"eeg/synthetic": "Apache-2.0"}, results=[])
    assert "**All of what this model was trained on is synthetic" in found.text


@pytest.mark.parametrize("found", [card(), card(terms={}, record=None, results=[])], ids=["full", "bare"])
def test_no_card_claims_more_than_was_shown(found):
    # As claims: each of these words may stand only where it is denied.
    assert not re.search(
        r"clinically (proven|validated)|state.of.the.art|outperform|\bFDA\b|\bCE\b|diagnos\w+ with", found.text
    )
    for word, denial in (("diagnosis", "not meant for"), ("medical device", "not a"), ("fit for", "not")):
        for match in re.finditer(word, " ".join(found.text.split())):
            assert denial in " ".join(found.text.split())[: match.start()][-60:], word


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (
            [SCORED, replace(AUXILIARY, model="runs/b")],
            "Expected results of one model, got those of runs/a/checkpoint, runs/b",
        ),
        (
            [replace(SCORED, head="eye_state/open_closed")],
            "got a score of eye_state/open_closed: these are results of another",
        ),
        ([replace(SCORED, zero_shot="eye_state/other")], "got a score of eye_state/other"),
        ([replace(SCORED, seed=4)], "trained with seed 3, got some of runs/a/checkpoint with 4"),
        ([replace(SCORED, shots=5)], "trained with shots None, got some of runs/a/checkpoint with 5"),
        ([replace(SCORED, lora=True)], "trained with lora False"),
    ],
)
def test_results_of_another_model_are_refused(results, message):
    with pytest.raises(ValueError, match=message):
        card(results=results)


def test_results_without_a_score_are_shown_and_not_indexed():
    found = card(results=[SCORED, UNSCORED, replace(AUXILIARY, seed=None, shots=5)])
    assert len(found.data.eval_results) == 2 and "eye_state" in section(found, "Evaluation")


@pytest.mark.parametrize("modality", MODALITIES)
def test_every_modality_is_described_with_an_example_that_is_python(modality):
    found = card(config=MultiMedConfig(modalities=[modality], tasks=[]), results=[])
    assert (
        f"| {modality} | " in section(found, "What it reads")
        and "{" not in section(found, "What it reads").split("| unit")[0]
    )
    snippets = re.findall(r"```python\n(.*?)```", found.text, re.DOTALL)
    assert len(snippets) == 2
    for snippet in snippets:
        compile(snippet, "<card>", "exec")
        assert f"{modality}=[" in snippet and ("import numpy" in snippet) == ("np." in snippet)


@pytest.mark.slow
def test_snippets_run_as_they_stand(tmp_path):
    folder = tmp_path / "org/tiny"
    folder.mkdir(parents=True)
    for part in tiny_checkpoint():
        part.save_pretrained(tmp_path / "run/checkpoint")
    record = {**RECORD, "sources": {"text": ["pubmedqa"]}}
    (tmp_path / "run/training.json").write_text(json.dumps(record))
    plan_model(tmp_path / "run/checkpoint", folder, "org/tiny")
    code = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    for snippet, path in zip(code, ("", str(Path(__file__).parents[2])), strict=True):
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment = kept | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": path}
        # Without the package, code comes from the folder, as it would from the Hub.
        hidden = "" if path else "import sys; sys.modules['multimed_hf'] = None\n"
        ran = subprocess.run(
            [sys.executable, "-c", hidden + snippet], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert ran.stdout == "question/yes (1, 2)\n", ran.stderr


def test_space_card():
    found = SpaceCard(space_card("org", "multimed-eeg"))
    data = found.data.to_dict()
    assert (data["sdk"], data["app_file"], data["license"]) == ("gradio", "app.py", "apache-2.0")
    assert (data["models"], data["datasets"]) == (["org/multimed-eeg"], ["org/multimed"])
    # Limits of the Hub.
    assert len(data["short_description"]) <= 60
    assert {data["colorFrom"], data["colorTo"]} <= {
        "red",
        "yellow",
        "green",
        "blue",
        "indigo",
        "purple",
        "pink",
        "gray",
    }
    assert yaml.safe_load(found.content.split("---")[1]) == data
    assert "Not a medical device" in found.text and "Do not upload data of patients" in found.text


@pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="the demo is an extra")
def test_the_space_runs_the_version_that_the_demo_is_tested_with():
    assert importlib.metadata.version("gradio") == GRADIO_VERSION


def test_the_hub_takes_all_heads(hub, tmp_path):
    (tmp_path / "model.md").write_text(card().content)
    (tmp_path / "space.md").write_text(space_card("org"))
    (tmp_path / "broken.md").write_text(card().content.replace("language: en", "language: [en"))
    code = """
        from pathlib import Path
        from huggingface_hub import ModelCard, SpaceCard
        from huggingface_hub.utils import get_session
        from huggingface_hub import constants
        ModelCard.load("model.md").validate()
        SpaceCard.load("space.md").validate()
        body = {"repoType": "model", "content": Path("broken.md").read_text()}
        print(get_session().post(f"{constants.ENDPOINT}/api/validate-yaml", json=body).status_code)
    """
    assert run(hub, tmp_path / "home", code, cwd=tmp_path) == "400\n"
    assert len(hub.asked("validate-yaml")) == 3
