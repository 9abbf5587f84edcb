"""Entries of `MultiMedConfig.encoders`: what is filled in, what is kept, what is refused."""

from __future__ import annotations

import json
import shutil

import pytest
from transformers import AutoConfig, CLIPConfig, T5Config

from multimed_hf.models import MultiMedConfig
from multimed_hf.models.pretrained_configuration_multimed import encoder_config

from .pretrained import FAMILIES, write


@pytest.mark.parametrize("family", FAMILIES)
def test_configuration_comes_back_without_the_model(family, tmp_path):
    modality = FAMILIES[family][0]
    folder = write(family, tmp_path / "model")
    own = AutoConfig.from_pretrained(folder)
    config = MultiMedConfig(encoders=[{"modality": modality, "model": folder}])
    config.save_pretrained(tmp_path / "saved")
    shutil.rmtree(folder)
    loaded = AutoConfig.from_pretrained(tmp_path / "saved")
    assert loaded.encoders == config.encoders
    entry = loaded.encoders[0]
    assert (entry["training"], entry["layer"], entry["rank"]) == ("frozen", -1, 8)
    found, expected = encoder_config(entry), own
    assert type(found) is type(expected)
    for name in FAMILIES[family][1]:
        assert getattr(found, name) == getattr(expected, name), name


def test_what_the_states_do_not_depend_on_is_left_out(tmp_path):
    folder = write("vit", tmp_path, num_labels=30)
    text = json.dumps(MultiMedConfig(encoders=[{"modality": "oct", "model": folder}]).encoders[0]["config"])
    assert "LABEL_" not in text and "architectures" not in text and "dtype" not in text and "path" not in text


def test_texts_bring_their_vocabulary(tmp_path):
    config = MultiMedConfig(encoders=[{"modality": "text", "model": write("bert", tmp_path)}], vocab_size=7)
    assert (config.vocab_size, config.pad_token_id) == (40, 0)
    assert MultiMedConfig().encoders == [] and MultiMedConfig().vocab_size == 8192


def test_wrong_entries_are_refused(tmp_path):
    bert, vit = write("bert", tmp_path / "bert"), write("vit", tmp_path / "vit")
    T5Config(d_model=8).save_pretrained(tmp_path / "t5")
    CLIPConfig().save_pretrained(tmp_path / "clip")
    text = {"modality": "text", "model": bert}
    refused = {
        "name modalities among ['text'], each once, got ['text', 'text']": [text, text],
        "name modalities among ['text'], each once, got ['audio']": [{**text, "modality": "audio"}],
        # Nothing in transformers reads them as tokens.
        "name modalities among ['text'], each once, got ['eeg']": [{**text, "modality": "eeg"}],
        "name modalities among ['text'], each once, got ['oct']": [{"modality": "oct", "model": vit}],
        "dict with `modality` and `model`": [{"modality": "text"}],
        "got bert": ["bert"],
        "and fields of ['modality', 'model', 'training'": [{**text, "lora": True}],
        "one of ['frozen', 'lora', 'full'], got 'half'": [{**text, "training": "half"}],
        "`rank` of an encoder must be a whole number of at least 1, got 0": [{**text, "rank": 0}],
        "last state, or from -3 to 2, got 3": [{**text, "layer": 3}],
        "last state, or from -3 to 2, got -4": [{**text, "layer": -4}],
        "is a 't5' model, which is a pair of networks": [{**text, "model": str(tmp_path / "t5")}],
        "is a 'clip' model, which is a pair of networks": [{**text, "model": str(tmp_path / "clip")}],
    }
    for message, encoders in refused.items():
        with pytest.raises(ValueError) as error:
            MultiMedConfig(modalities=["text", "eeg"], encoders=encoders)
        assert message in str(error.value)


@pytest.mark.parametrize("name", ["/nowhere/at/all", "nobody/nothing", "no such thing"])
def test_models_that_are_not_there_are_refused_in_a_sentence(name):
    with pytest.raises(FileNotFoundError) as error:
        MultiMedConfig(encoders=[{"modality": "text", "model": name}])
    expected = (
        f"Expected '{name}' to be a folder with a config.json or a model of the Hub that can be reached, found neither."
    )
    assert str(error.value) == expected
