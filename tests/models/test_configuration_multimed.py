"""The configuration: what it fills in and what it refuses."""

from __future__ import annotations

import json

import pytest
from transformers import AutoConfig

from multimed_hf.models import MultiMedConfig
from multimed_hf.models.configuration_multimed import MODALITIES

LABELS = {"name": "t", "kind": "single_label", "labels": ["a", "b"]}


def test_default_is_all_modalities_and_no_head():
    config = MultiMedConfig()
    assert config.modalities == MODALITIES and config.modalities is not MODALITIES
    assert config.tasks == []


def test_orders_survive_the_file(tmp_path):
    tasks = [{**LABELS, "name": name, "labels": ["z", "a", "m"]} for name in ("zebra/1", "ant/2", "mole/3")]
    MultiMedConfig(modalities=["scrna", "text", "eeg"], tasks=tasks).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "multimed"
    config = AutoConfig.from_pretrained(tmp_path)
    assert config.modalities == ["scrna", "text", "eeg"]
    assert [(task["name"], task["labels"]) for task in config.tasks] == [
        (task["name"], ["z", "a", "m"]) for task in tasks
    ]


def test_tasks_are_copied():
    tasks = [dict(LABELS)]
    config = MultiMedConfig(tasks=tasks)
    tasks[0]["name"] = "other"
    assert config.tasks[0]["name"] == "t"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"modalities": []}, "one or more of"),
        ({"modalities": ["text", "audio"]}, r"one or more of .* got \['text', 'audio'\]"),
        ({"modalities": ["text", "text"]}, "each once"),
        ({"hidden_size": 30}, "multiple of `num_attention_heads`, got 30 and 4"),
        ({"tasks": [LABELS, LABELS]}, r"distinct names, got \['t', 't'\]"),
        ({"tasks": [{**LABELS, "name": ""}]}, "needs a `name`"),
        ({"tasks": [{**LABELS, "name": "a.b"}]}, "`name` without dots"),
        ({"tasks": [{**LABELS, "kind": "survival"}]}, "`kind` among"),
        ({"tasks": [{"name": "t", "kind": "multi_label"}]}, "'t' of kind 'multi_label' needs `labels`"),
        ({"tasks": [{**LABELS, "kind": "ordinal", "labels": []}]}, "'t' of kind 'ordinal' needs `labels`"),
        ({"tasks": [{"name": "t", "kind": "regression"}]}, "`num_targets` of at least 1"),
        ({"tasks": [{"name": "t", "kind": "regression", "num_targets": 0}]}, "`num_targets` of at least 1"),
        ({"tasks": [{"name": "t", "kind": "structure"}], "modalities": ["text"]}, "needs the modality 'protein'"),
        ({"tasks": [{"name": "t", "kind": "answer"}], "modalities": ["eeg"]}, "needs the modality 'text'"),
    ],
)
def test_wrong_configurations_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        MultiMedConfig(**wrong)
