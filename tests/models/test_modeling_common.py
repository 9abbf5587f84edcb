"""What every model of transformers promises, for each modality alone, each kind of head alone, and all together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from peft import LoraConfig
from transformers import AutoConfig, AutoModel

from multimed_hf.models import MultiMedForMultitask, MultiMedModel, MultiMedProcessor
from multimed_hf.models.configuration_multimed import FUSIONS, KINDS, MODALITIES
from multimed_hf.models.pretrained_configuration_multimed import TRAINING

from .conftest import ModelTester
from .pretrained import write

HEADS = [*KINDS, "low_rank", "label_text", "label_texts", "decoder"]
CASES = {
    **{f"only-{name}": ([name], HEADS) for name in MODALITIES},
    **{f"head-{kind}": (MODALITIES, [kind]) for kind in HEADS},
    "all": (MODALITIES, HEADS),
    "other-order": (MODALITIES[::-1], HEADS[::-1]),
    "peaks": (["genomics", "scrna"], HEADS, {"num_peaks": 12}),
    **{f"fusion-{name}": (MODALITIES, HEADS, {"fusion": name}) for name in FUSIONS[1:]},
    **{f"encoders-{how}": (["text", "eeg", "xray"], HEADS, {"training": how}) for how in TRAINING},
}


def assert_equal_outputs(one, other, tolerance=0.0):
    assert one.logits.keys() == other.logits.keys()
    for name, logits in one.logits.items():
        torch.testing.assert_close(other.logits[name], logits, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(other.pooler_output, one.pooler_output, atol=tolerance, rtol=tolerance)


def assert_equal_states(one, other):
    one, other = one.state_dict(), other.state_dict()
    assert one.keys() == other.keys()
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert not different


def gradients(model, case):
    model.zero_grad()
    model(**case.batch, labels=case.labels).loss.backward()
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


def with_encoders(tester, training, folder):
    """The tester whose texts go to BERT and X-rays to ViT, tiny and random, and the entries of the configuration."""
    models = {
        "text": write("bert", folder / "bert", hidden_size=32),
        "xray": write("vit", folder / "vit"),
    }
    encoders = [{"modality": name, "model": model, "training": training} for name, model in models.items()]
    plain = tester.processor
    processor = MultiMedProcessor.from_encoders(
        tester.config(list(models), (), encoders=encoders),
        scrna_feature_extractor=plain.scrna_feature_extractor,
        patch_image_processor=plain.patch_image_processor,
    )
    return ModelTester(processor.tokenizer, processor), encoders


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def case(request, tester, tmp_path_factory):
    """A configuration and a batch that uses all of its modalities and heads."""
    modalities, kinds, *overrides = request.param
    overrides = dict(*overrides)
    if "training" in overrides:
        tester, encoders = with_encoders(tester, overrides.pop("training"), tmp_path_factory.mktemp("encoders"))
        overrides["encoders"] = encoders
    config = tester.config(modalities, kinds, **overrides)
    heads = [task["kind"] for task in config.tasks]
    samples = tester.samples(modalities)
    if config.num_peaks:
        samples = tester.with_peaks(samples)
    batch = tester.batch(samples, tester.choices(samples) if "answer" in heads else None)
    model = tester.model(config)
    if "expression/pbmc" in model.heads.tasks:
        model.set_target_statistics("expression/pbmc", [1.0, -2.0, 3.0], [0.5, 1.0, 2.0])
    return SimpleNamespace(
        config=config, batch=batch, labels=tester.labels(config, samples), make=tester.model, model=model, tester=tester
    )


@torch.no_grad()
def test_logits_of_every_head_are_finite(case):
    output = case.model(**case.batch, labels=case.labels)
    assert list(output.logits) == [task["name"] for task in case.config.tasks]
    assert list(output.losses) == [task["name"] for task in case.config.tasks]
    assert all(torch.isfinite(logits).all() for logits in output.logits.values())
    assert output.loss.shape == () and torch.isfinite(output.loss)
    assert output.pooler_output.shape == (len(case.batch["sample_ids"]), case.config.hidden_size)


@torch.no_grad()
def test_saved_model_is_loaded_as_it_was(case, tmp_path):
    case.model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    loaded = AutoModel.from_pretrained(tmp_path)
    assert type(loaded) is MultiMedForMultitask and not loaded.training
    # Buffers and parameters: nothing was initialised over what had been loaded.
    assert_equal_states(case.model, loaded)
    # Not to the last bit: matrix products may depend on where in memory a weight lies, and cosines are multiplied by 14.
    assert_equal_outputs(case.model(**case.batch), loaded(**case.batch), tolerance=1e-5)


@torch.no_grad()
def test_shards_and_device_map(case, tmp_path):
    case.model.save_pretrained(tmp_path, max_shard_size="40KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    loaded = AutoModel.from_pretrained(tmp_path, device_map="cpu")
    assert_equal_states(case.model, loaded)
    assert_equal_outputs(case.model(**case.batch), loaded(**case.batch), tolerance=1e-5)


def test_config_keeps_orders(case, tmp_path):
    case.config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is type(case.config)
    assert loaded.modalities == case.config.modalities
    assert loaded.tasks == case.config.tasks
    assert loaded.to_diff_dict() == case.config.to_diff_dict()


def test_base_model_exchanges_weights_with_the_full_one(case, tmp_path):
    case.model.save_pretrained(tmp_path / "full")
    base, report = MultiMedModel.from_pretrained(tmp_path / "full", output_loading_info=True)
    assert not report["missing_keys"]
    assert_equal_states(case.model.multimed, base)
    base.save_pretrained(tmp_path / "base")
    full, report = MultiMedForMultitask.from_pretrained(tmp_path / "base", output_loading_info=True)
    assert all(name.startswith("heads.") for name in report["missing_keys"])
    assert_equal_states(case.model.multimed, full.multimed)


def test_new_heads_on_an_old_checkpoint_start_small(case, tmp_path):
    case.model.save_pretrained(tmp_path)
    new = [{**task, "name": f"new/{task['kind']}"} for task in case.tester.config(case.config.modalities).tasks]
    tasks = new[:3] + case.config.tasks + new[3:]
    config = type(case.config)(**{**case.config.to_dict(), "tasks": tasks})
    # Memory that is handed out again holds what was written there: garbage, if a buffer were left as it was allocated.
    for size in (1, 3, 5, 32):
        del [torch.full((size,), 1e9) for _ in range(500)][:]
    loaded = AutoModel.from_pretrained(tmp_path, config=config)
    old = case.model.state_dict()
    for name, value in loaded.state_dict().items():
        if name in old:
            assert torch.equal(value, old[name]), name
        elif name.endswith(".scale"):
            assert torch.equal(value, torch.ones_like(value)), name
        else:
            assert name.startswith("heads.tasks.new/")
            assert torch.isfinite(value).all() and value.abs().max() < 10 * config.initializer_range, name
            assert value.abs().max() > 0 or name.endswith(("bias", "mean")), name


@torch.no_grad()
def test_adapters_of_peft_are_added_switched_off_saved_and_loaded(case, tmp_path):
    model = case.make(case.config)
    plain = model(**case.batch)
    torch.manual_seed(0)
    model.add_adapter(LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False), "attention")
    adapted = model(**case.batch)
    assert not torch.allclose(adapted.pooler_output, plain.pooler_output, atol=1e-3)
    model.save_pretrained(tmp_path)
    model.disable_adapters()
    assert_equal_outputs(plain, model(**case.batch))
    again = case.make(case.config)
    again.load_adapter(tmp_path)
    assert_equal_outputs(adapted, again(**case.batch), tolerance=1e-5)


def test_forward_in_bfloat16(case, tmp_path):
    case.model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.bfloat16}
    output, exact = loaded(**case.batch, labels=case.labels), case.model(**case.batch, labels=case.labels)
    assert output.loss.dtype == torch.float32
    torch.testing.assert_close(output.loss, exact.loss, atol=0.05, rtol=0.1)
    for name, logits in output.logits.items():
        assert logits.shape == exact.logits[name].shape and torch.isfinite(logits).all()
    output.loss.backward()
    assert all(torch.isfinite(each.grad).all() for each in loaded.parameters() if each.grad is not None)


def test_dropout_is_the_only_randomness(case):
    rates = ("hidden_dropout", "input_dropout", "head_dropout", "attention_dropout", "drop_path_rate")
    config = type(case.config)(**{**case.config.to_dict(), **dict.fromkeys(rates, 0.2)})
    model, same = case.make(config).train(), case.make(config).train()
    assert_equal_states(model, same)
    losses = []
    for each, seed in ((model, 1), (same, 1), (model, 2)):
        torch.manual_seed(seed)
        losses.append(each(**case.batch, labels=case.labels).loss.item())
    assert losses[0] == losses[1] != losses[2]
    model.eval()
    assert_equal_outputs(model(**case.batch), model(**case.batch))


def test_gradient_checkpointing_changes_no_gradient(case):
    config = type(case.config)(**{**case.config.to_dict(), "hidden_dropout": 0.2})
    plain, checkpointed = case.make(config).train(), case.make(config).train()
    checkpointed.activation_checkpointing_enable()
    calls, found = {plain: 0, checkpointed: 0}, {}
    for model in calls:

        def count(*_, model=model):
            calls[model] += 1

        model.multimed.layers[0].mlp.register_forward_hook(count)
        torch.manual_seed(0)
        found[model] = gradients(model, case)
    # Every layer is run again on the way back.
    assert calls[checkpointed] == 2 * calls[plain] > 0
    assert found[plain].keys() == found[checkpointed].keys()
    assert all(torch.equal(found[plain][name], found[checkpointed][name]) for name in found[plain])


@torch.no_grad()
def test_eager_attention_equals_sdpa(case):
    assert case.model.config._attn_implementation == "sdpa"
    sdpa = case.model(**case.batch)
    case.model.set_attn_implementation("eager")
    eager = case.model(**case.batch)
    case.model.set_attn_implementation("sdpa")
    # Products over all modalities magnify rounding.
    assert_equal_outputs(sdpa, eager, tolerance=1e-4 if case.config.fusion == "lowrank" else 1e-5)


def test_input_embeddings(case):
    model = case.make(case.config)
    if "text" not in case.config.modalities:
        assert model.get_input_embeddings() is None
        return
    old = model.get_input_embeddings()
    assert old is model.multimed.encoders["text"].embedding and len(old.weight) == case.config.vocab_size
    new = torch.nn.Embedding(*old.weight.shape)
    model.set_input_embeddings(new)
    assert model.get_input_embeddings() is model.multimed.get_input_embeddings() is new
    assert not torch.equal(model(**case.batch).pooler_output, case.model(**case.batch).pooler_output)


def test_every_parameter_gets_a_gradient(case):
    found = gradients(case.model, case)
    assert {name for name, each in case.model.named_parameters() if each.requires_grad} == found.keys()
    assert all(torch.isfinite(gradient).all() for gradient in found.values())
    still = {name for name, gradient in found.items() if not gradient.any()}
    # Attention does not see a shift of all keys, and structures are read off the residues, not off the sample's one vector.
    only_structure = {task["kind"] for task in case.config.tasks} == {"structure"}
    assert not [
        name
        for name in still
        if not name.endswith(("k_proj.bias", "key.bias"))
        and not (only_structure and name.startswith("multimed.pooler."))
    ]


@torch.no_grad()
def test_tuple_instead_of_output(case):
    output = case.model(**case.batch, labels=case.labels)
    loss, logits, losses, pooled = case.model(**case.batch, labels=case.labels, return_dict=False)
    assert torch.equal(loss, output.loss) and torch.equal(pooled, output.pooler_output)
    assert logits.keys() == output.logits.keys() and losses.keys() == output.losses.keys()


def test_mismatched_sizes_are_refused_or_started_anew(tester, tmp_path):
    model = tester.model()
    model.save_pretrained(tmp_path)
    tasks = [dict(task) for task in model.config.tasks]
    tasks[0]["labels"] = ["a", "b", "c", "d"]
    tasks[3]["num_targets"] = 5
    config = tester.config(tasks=tasks)
    with pytest.raises(RuntimeError, match="ignore_mismatched_sizes"):
        AutoModel.from_pretrained(tmp_path, config=config)
    loaded, report = AutoModel.from_pretrained(
        tmp_path, config=config, ignore_mismatched_sizes=True, output_loading_info=True
    )
    fresh = {
        f"heads.tasks.{name}.{part}"
        for name in ("cell_type/ten", "expression/pbmc")
        for part in ("out.weight", "out.bias")
    }
    fresh |= {"heads.tasks.expression/pbmc.mean", "heads.tasks.expression/pbmc.scale"}
    assert {key[0] for key in report["mismatched_keys"]} == fresh
    assert loaded.heads.tasks["expression/pbmc"].scale.tolist() == [1.0] * 5
    old, new = model.state_dict(), loaded.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in old.keys() - fresh)


@torch.no_grad()
def test_layers_on_disk(tester, tmp_path):
    """They lie there and are read when they are needed."""
    model = tester.model()
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    parts = ["heads", *(f"multimed.{name}" for name in ("encoders", "summary", "modality", "norm", "pooler"))]
    where = {**dict.fromkeys(parts, "cpu"), "multimed.layers": "disk"}
    loaded = AutoModel.from_pretrained(tmp_path, device_map=where, offload_folder=tmp_path / "offload")
    assert {each.device.type for each in loaded.multimed.layers.parameters()} == {"meta"}
    samples = tester.samples(MODALITIES)
    batch = tester.batch(samples, tester.choices(samples))
    assert_equal_outputs(model(**batch), loaded(**batch), tolerance=1e-5)
