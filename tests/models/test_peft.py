"""LoRA through PEFT: adapters that carry the heads, and come back as they were."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModel

from multimed_hf.models import MultiMedForMultitask
from multimed_hf.models.configuration_multimed import MODALITIES


def adapter():
    return LoraConfig(target_modules=["q_proj", "v_proj"], modules_to_save=["heads"], init_lora_weights=False)


@pytest.fixture(scope="module")
def setting(tester):
    samples = tester.samples(MODALITIES)
    return tester.batch(samples, tester.choices(samples)), tester.labels(tester.config(), samples)


@pytest.fixture
def base(tester, tmp_path):
    """The folder of a base checkpoint."""
    tester.model().save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def trained(base, setting):
    """An adapted model after three steps."""
    batch, labels = setting
    torch.manual_seed(0)
    model = get_peft_model(AutoModel.from_pretrained(base), adapter())
    model.set_target_statistics("expression/pbmc", [1.0, 2.0, 3.0], [0.5, 1.0, 2.0])
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
    return model.eval()


def assert_equal_logits(one, other, batch, tolerance=0.0):
    with torch.no_grad():
        one, other = one(**batch).logits, other(**batch).logits
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(other[name], one[name], atol=tolerance, rtol=tolerance)


def test_only_adapters_and_heads_learn(base, setting):
    before = AutoModel.from_pretrained(base).state_dict()
    model = trained(base, setting)
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert learning and all("lora_" in name or "heads.modules_to_save" in name for name in learning)
    after = model.unload().state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    heads = {name for name in before if name.startswith("heads.")}
    assert changed == heads


def test_adapter_folder_brings_everything_back(base, setting, tmp_path):
    batch, _ = setting
    model = trained(base, setting)
    model.save_pretrained(tmp_path / "adapter")
    files = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert files <= {"adapter_config.json", "adapter_model.safetensors", "README.md"}
    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    heads = {
        f"base_model.model.{name}" for name in AutoModel.from_pretrained(base).state_dict() if name.startswith("heads.")
    }
    assert heads <= saved.keys(), "the heads, and the statistics of their targets, belong to the adapter"
    assert all("lora_" in name for name in saved.keys() - heads)
    assert_equal_logits(model, PeftModel.from_pretrained(AutoModel.from_pretrained(base), tmp_path / "adapter"), batch)
    automatic = AutoModel.from_pretrained(tmp_path / "adapter")
    assert type(automatic) is MultiMedForMultitask
    assert_equal_logits(model, automatic, batch)


def test_merged_model_is_a_plain_checkpoint(base, setting, tmp_path):
    batch, _ = setting
    model = trained(base, setting)
    with torch.no_grad():
        expected = model(**batch)
    merged = model.merge_and_unload()
    assert type(merged) is MultiMedForMultitask
    assert not any("lora" in name or "modules_to_save" in name for name in merged.state_dict())
    merged.save_pretrained(tmp_path / "merged")
    loaded = AutoModel.from_pretrained(tmp_path / "merged")
    # Convolutions, as matrix products, may depend on where in memory a weight lies.
    assert_equal_logits(merged, loaded, batch, tolerance=1e-5)
    with torch.no_grad():
        found = loaded(**batch)
    for name, logits in expected.logits.items():
        torch.testing.assert_close(found.logits[name], logits, atol=1e-4, rtol=1e-4)


def test_new_heads_for_an_old_base(base, tester, setting, tmp_path):
    """The base knows nothing of the tasks of the adapter."""
    batch, _ = setting
    config = tester.config(tasks=[{"name": "new/task", "kind": "regression", "num_targets": 2}])
    torch.manual_seed(0)
    model = get_peft_model(AutoModel.from_pretrained(base, config=config), adapter()).eval()
    model.set_target_statistics("new/task", [5.0, 6.0], [1.0, 2.0])
    model.save_pretrained(tmp_path / "adapter")
    loaded = PeftModel.from_pretrained(AutoModel.from_pretrained(base, config=config), tmp_path / "adapter")
    assert_equal_logits(model, loaded, batch)


@pytest.mark.parametrize("modality", MODALITIES)
def test_lora_on_one_modality_with_checkpointing(tester, modality):
    """Also without texts, where there are no input embeddings."""
    config = tester.config([modality], ["single_label"])
    samples = tester.samples([modality])
    model = get_peft_model(tester.model(config), adapter()).train()
    model.base_model.model.activation_checkpointing_enable()
    model(**tester.batch(samples), labels=tester.labels(config, samples)).loss.backward()
    learning = {name: each for name, each in model.named_parameters() if each.requires_grad}
    assert all(each.grad is not None and each.grad.any() for each in learning.values())
