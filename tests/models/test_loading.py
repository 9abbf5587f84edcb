"""Loading: weights are taken as they are, nothing is drawn over them, and what lacks some is refused."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertModel

from multimed_hf.models import MultiMedConfig, MultiMedForMultitask, MultiMedModel

from .pretrained import write

NAMES = ["text", "scrna"]
HIDDEN = {"hidden_size": 32, "num_hidden_layers": 1}


def rewrite(folder, change):
    """Saves what `change` makes of the weights of a checkpoint."""
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights), folder / "model.safetensors", metadata={"format": "pt"})


def without(*parts):
    return lambda weights: {key: value for key, value in weights.items() if not any(part in key for part in parts)}


@pytest.fixture
def saved(tester, tmp_path):
    tester.model(tester.config(NAMES)).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", [MultiMedForMultitask, MultiMedModel, AutoModel])
def test_loading_draws_no_random_number(saved, kind):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    kind.from_pretrained(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_only_a_new_head_is_drawn(saved):
    drawn = []
    for _ in range(2):
        model = MultiMedForMultitask.from_pretrained(saved)
        torch.manual_seed(3)
        model.add_task({"name": "new/one", "kind": "regression", "num_targets": 2})
        drawn.append(model.state_dict())
    new = {key for key in drawn[0] if "new/one" in key}
    assert all(torch.equal(drawn[0][key], drawn[1][key]) for key in new)
    stored = load_file(saved / "model.safetensors")
    assert stored.keys() == drawn[0].keys() - new
    assert all(torch.equal(drawn[0][key], value) for key, value in stored.items())


@pytest.mark.parametrize("training", ["frozen", "lora", "full"])
def test_pretrained_encoders_hold_the_parameters_that_were_loaded_not_copies(monkeypatch, tmp_path, training):
    loaded = []
    plain = BertModel.from_pretrained.__func__

    def spy(cls, *args, **kwargs):
        loaded.append(plain(cls, *args, **kwargs))
        return loaded[-1]

    folder = write("bert", tmp_path / "bert")
    encoders = [{"modality": "text", "model": folder, "training": training}]
    config = MultiMedConfig(modalities=["text"], encoders=encoders, **HIDDEN)
    monkeypatch.setattr(BertModel, "from_pretrained", classmethod(spy))
    encoder = MultiMedForMultitask.from_encoders(config).multimed.encoders["text"]
    source = dict(loaded[0][0].named_parameters())
    own = dict(encoder.model.named_parameters())
    assert source.keys() == own.keys() and all(own[key].data_ptr() == source[key].data_ptr() for key in own)
    assert {parameter.requires_grad for parameter in own.values()} == {training == "full"}


@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        ("layers.0.mlp.fc1.weight", "layers.0.mlp.fc1.weight"),
        ("encoders.scrna", "encoders.scrna.bias"),
        ("multimed.summary", "summary"),
    ],
)
@pytest.mark.parametrize("kind", [MultiMedForMultitask, MultiMedModel, AutoModel])
def test_a_checkpoint_that_lacks_weights_of_the_backbone_is_refused(saved, kind, lacking, named):
    rewrite(saved, without(lacking))
    with pytest.raises(ValueError, match=rf"to hold all weights .* missing \['(multimed\.)?{named}'"):
        kind.from_pretrained(saved)


def test_a_checkpoint_that_lacks_one_head_is_refused_and_one_that_lacks_all_starts_them_anew(saved, tester, tmp_path):
    model = AutoModel.from_pretrained(saved)
    model.multimed.save_pretrained(tmp_path / "backbone")
    started = MultiMedForMultitask.from_pretrained(tmp_path / "backbone")
    assert torch.equal(started.multimed.summary, model.multimed.summary)
    assert all(parameter.isfinite().all() for parameter in started.heads.parameters())
    name = next(key for key in model.state_dict() if key.startswith("heads."))
    rewrite(saved, without(name))
    with pytest.raises(ValueError, match=rf"missing \['{name}'\]"):
        AutoModel.from_pretrained(saved)


def test_a_checkpoint_that_lacks_weights_of_a_pretrained_encoder_is_refused(tmp_path):
    encoders = [{"modality": "text", "model": write("bert", tmp_path / "bert"), "training": "lora"}]
    MultiMedForMultitask.from_encoders(
        MultiMedConfig(modalities=["text"], encoders=encoders, **HIDDEN)
    ).save_pretrained(tmp_path / "saved")
    MultiMedForMultitask.from_pretrained(tmp_path / "saved")
    rewrite(tmp_path / "saved", without("model.encoder.layer.1.output"))
    with pytest.raises(ValueError, match=r"missing \['multimed.encoders.text.model.encoder.layer.1.output"):
        MultiMedForMultitask.from_pretrained(tmp_path / "saved")


def test_what_another_configuration_adds_starts_anew(tester, saved):
    config = tester.config(NAMES, fusion="gated")
    model, report = AutoModel.from_pretrained(saved, config=config, output_loading_info=True)
    assert report["missing_keys"] and all("fusion." in key for key in report["missing_keys"])
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_foreign_weights_are_named_and_left_out(saved):
    rewrite(saved, lambda weights: {**weights, "multimed.cat.weight": torch.zeros(2)})
    model, report = AutoModel.from_pretrained(saved, output_loading_info=True)
    assert report["unexpected_keys"] == {"multimed.cat.weight"} and not report["missing_keys"]
    assert not any("cat" in key for key in model.state_dict())
