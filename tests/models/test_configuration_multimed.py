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
        ({"image_patch_size": 3}, "from 4 to `image_size`, got 3 and 224"),
        ({"image_size": 8}, "from 4 to `image_size`, got 16 and 8"),
        ({"volume_voxel_size": [1.0, 1.0]}, r"`volume_voxel_size` must be three numbers .* got \[1.0, 1.0\]"),
        ({"volume_patch_size": [4, 1, 4]}, r"`volume_patch_size` must be three numbers of at least 2, got \[4, 1, 4\]"),
        ({"fusion": "middle"}, r"`fusion` must be one of .*, got 'middle'"),
        ({"fusion_tokens": 0}, "at least 1, got .*'fusion_tokens': 0"),
        ({"fusion": "bottleneck", "fusion_layer": 1}, "leave two of `num_hidden_layers` .* got 1 of 2"),
        ({"fusion": "bottleneck", "num_hidden_layers": 1}, "got 0 of 1"),
        ({"tasks": [LABELS, LABELS]}, r"distinct names, got \['t', 't'\]"),
        ({"tasks": [{**LABELS, "name": ""}]}, "needs a `name`"),
        ({"tasks": [{**LABELS, "name": "a.b"}]}, "`name` without dots"),
        ({"tasks": [{**LABELS, "kind": "segmentation"}]}, "`kind` among"),
        ({"tasks": [{**LABELS, "kind": "ordinal", "labels": ["0"]}]}, "two `labels` or more"),
        ({"tasks": [{**LABELS, "rank": 4}]}, "`rank` must be at least 1 and is for regression"),
        ({"tasks": [{"name": "t", "kind": "regression", "num_targets": 5, "rank": 0}]}, "`rank` must be at least 1"),
        ({"tasks": [{"name": "t", "kind": "survival", "ties": "exact"}]}, "'efron' or 'breslow', got 'exact'"),
        ({"tasks": [{**LABELS, "head": "decoder"}]}, "got 'decoder' and 'single_label'"),
        ({"tasks": [{**LABELS, "head": "linear"}]}, "`head` must be one of .* got 'linear'"),
        ({"tasks": [{**LABELS, "head": "label_text"}]}, "`label_ids`, token ids for each of 2 labels, got"),
        ({"tasks": [{**LABELS, "head": "label_text", "label_ids": [[1], []]}]}, "processor.encode_labels"),
        ({"tasks": [{**LABELS, "head": "label_text"}], "modalities": ["eeg"]}, "needs the modality 'text'"),
        ({"tasks": [{"name": "t", "kind": "answer", "head": "decoder"}]}, "needs the `end_token_id`"),
        (
            {"tasks": [{"name": "t", "kind": "answer", "head": "decoder", "end_token_id": 3, "num_layers": 0}]},
            "`num_layers` of at least 1",
        ),
        ({"loss_balancing": "gradnorm"}, "`loss_balancing` must be one of .* got 'gradnorm'"),
        ({"loss_balancing": "dynamic", "loss_balancing_window": 0}, "at least 1, got 'dynamic' and 0"),
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
