"""Pre-trained encoders: their own hidden states, projected; frozen, with adapters, or free; saved with the model."""

from __future__ import annotations

import copy
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model, inject_adapter_in_model
from transformers import AutoImageProcessor, AutoModel, AutoProcessor, AutoTokenizer

from multimed_hf.models import MultiMedConfig, MultiMedForMultitask, MultiMedProcessor, pretrained_encoders_multimed
from multimed_hf.models.pretrained_encoders_multimed import MultiMedLowRank

from .conftest import TASKS
from .pretrained import FAMILIES, words, write

IMAGES = [np.random.default_rng(n).integers(0, 256, (16 + n, 30 - n, 3)[: 2 + n % 2], np.uint8) for n in range(4)]
SAMPLES = {
    "text": ["heart size is normal", ("the question", "no acute disease seen"), "yes", "lungs clear yes maybe no"],
    "protein": ["MKVLAXW", "AC", "M", "ACDEFGHIKL"],
    "xray": IMAGES,
    "fundus": IMAGES,
    "pathology": IMAGES,
}
TINY = {"hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 48, "initializer_range": 0.15}
NO_DROPOUT = dict.fromkeys(("hidden_dropout", "input_dropout", "head_dropout", "drop_path_rate"), 0.0)
LABEL = {"name": "sort/two", "kind": "single_label", "labels": ["a", "b"]}


def settings(modality, folder, tasks=(LABEL,), **entry):
    encoders = [{"modality": modality, "model": str(folder), **entry}]
    return MultiMedConfig(modalities=[modality, "eeg"], tasks=list(tasks), encoders=encoders, **TINY, **NO_DROPOUT)


def adapted(encoder):
    """An encoder whose adapters add something."""
    with torch.no_grad():
        for adapter in encoder.adapters.values():
            adapter.up.normal_(std=0.2)
    return encoder


@pytest.fixture(scope="module", params=FAMILIES)
def case(request, tmp_path_factory):
    """A family: its folder, a model that reads with it, and a batch of samples of different lengths."""
    folder = tmp_path_factory.mktemp(request.param)
    write(request.param, folder)
    modality = FAMILIES[request.param][0]
    config = settings(modality, folder)
    torch.manual_seed(0)
    model, processor = MultiMedForMultitask.from_encoders(config), MultiMedProcessor.from_encoders(config, words())
    batch = processor(**{modality: SAMPLES[modality]})
    return SimpleNamespace(modality=modality, folder=folder, model=model, processor=processor, batch=batch)


@pytest.fixture
def bert(tmp_path):
    return write("bert", tmp_path / "bert")


def text_model(folder, **entry):
    config = settings("text", folder, **entry)
    torch.manual_seed(0)
    model = MultiMedForMultitask.from_encoders(config)
    batch = MultiMedProcessor.from_encoders(config)(text=SAMPLES["text"])
    return model, {**batch, "labels": {LABEL["name"]: torch.tensor([0, 1, 1, 0])}}


def tokens_of(model, batch, modality):
    given = {name: value for name, value in batch["inputs"][modality].items() if name != "samples"}
    return model.multimed.encoders[modality](**given)


def own_states(modality, folder, value, layer=None):
    """What the pre-trained model itself says of one sample, without padding and without this package."""
    model = AutoModel.from_pretrained(folder, dtype=torch.float32)
    if modality in ("text", "protein"):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        pair = value if isinstance(value, tuple) else (value,)
        given = {"input_ids": torch.tensor([tokenizer(*pair)["input_ids"]])}
    else:
        value = value if value.ndim == 3 else np.stack([value] * 3, -1)
        given = AutoImageProcessor.from_pretrained(folder)(value, return_tensors="pt")
    output = model(**given, output_hidden_states=True)
    states = output.last_hidden_state if layer is None else output.hidden_states[layer]
    states = states.flatten(2).transpose(1, 2) if states.ndim == 4 else states
    return states[0, 1:-1] if modality == "protein" else states[0]


@torch.no_grad()
def test_tokens_are_projected_states_of_the_model_itself(case):
    tokens, lengths = tokens_of(case.model, case.batch, case.modality)
    projection = case.model.multimed.encoders[case.modality].projection
    parts = tokens.split(lengths.tolist())
    assert len(parts) == len(SAMPLES[case.modality])
    for found, value in zip(parts, SAMPLES[case.modality], strict=True):
        expected = projection(own_states(case.modality, case.folder, value))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert len({round(part.sum().item(), 3) for part in parts}) == len(parts), "samples must differ"


@torch.no_grad()
def test_no_sample_depends_on_its_batch(case):
    together = case.model(**case.batch)
    for row, value in enumerate(SAMPLES[case.modality]):
        alone = case.model(**case.processor(**{case.modality: [value]}))
        torch.testing.assert_close(alone.pooler_output[0], together.pooler_output[row], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            alone.logits[LABEL["name"]][0], together.logits[LABEL["name"]][row], atol=1e-5, rtol=1e-5
        )


@torch.no_grad()
@pytest.mark.parametrize("shards", [{}, {"max_shard_size": "20KB"}], ids=["whole", "sharded"])
def test_checkpoint_needs_no_other_folder(case, shards, tmp_path):
    case.model.save_pretrained(tmp_path, **shards)
    case.processor.save_pretrained(tmp_path)
    assert not {path.suffix for path in tmp_path.rglob("*") if path.is_file()} - {".json", ".safetensors", ".txt"}
    assert len(list(tmp_path.glob("*.safetensors"))) > 1 or not shards
    hidden = case.folder.with_name(f"{case.folder.name}-hidden")
    case.folder.rename(hidden)
    try:
        loaded, processor = AutoModel.from_pretrained(tmp_path), AutoProcessor.from_pretrained(tmp_path)
    finally:
        hidden.rename(case.folder)
    for name, value in case.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    again = processor(**{case.modality: SAMPLES[case.modality]})
    for name, value in case.batch["inputs"][case.modality].items():
        assert torch.equal(again["inputs"][case.modality][name], value), name
    expected, found = case.model(**case.batch), loaded(**again)
    torch.testing.assert_close(found.pooler_output, expected.pooler_output, atol=1e-6, rtol=1e-6)
    assert not any(parameter.requires_grad for parameter in loaded.multimed.encoders[case.modality].model.parameters())


def test_configuration_alone_loads_no_weights(case):
    fresh = MultiMedForMultitask(case.model.config)
    old = case.model.multimed.encoders[case.modality].model.state_dict()
    new = fresh.multimed.encoders[case.modality].model.state_dict()
    assert old.keys() == new.keys()
    matrices = [name for name, value in old.items() if value.is_floating_point() and value.dim() > 1]
    assert matrices and not any(torch.equal(old[name], new[name]) and old[name].any() for name in matrices)


@torch.no_grad()
@pytest.mark.parametrize("layer", [0, 1, -2])
def test_states_of_another_layer(bert, layer):
    model, batch = text_model(bert, layer=layer)
    tokens, lengths = tokens_of(model, batch, "text")
    first = model.multimed.encoders["text"].projection(own_states("text", bert, SAMPLES["text"][0], layer))
    torch.testing.assert_close(tokens[: lengths[0]], first, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("training", ["frozen", "lora", "full"])
def test_what_a_training_step_moves(case, training, tmp_path):
    # Of a checkpoint, since loading makes new parameters.
    entry = {**case.model.config.encoders[0], "training": training}
    case.model.save_pretrained(tmp_path)
    if training == "lora" and case.modality == "pathology":
        with pytest.raises(ValueError, match="LoRA needs linear layers, and 'resnet' has none"):
            MultiMedForMultitask(MultiMedConfig.from_dict({**case.model.config.to_dict(), "encoders": [entry]}))
        return
    config = MultiMedConfig.from_dict({**case.model.config.to_dict(), "encoders": [entry]})
    model = MultiMedForMultitask.from_pretrained(tmp_path, config=config).train()
    labels = {LABEL["name"]: torch.tensor([0, 1, 1, 0])}
    before = copy.deepcopy(model.state_dict())
    # All parameters, also those that ask for no gradient, and with decay.
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        model(**case.batch, labels=labels).loss.backward()
        optimizer.step()
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    own = {name for name in moved if f"encoders.{case.modality}.model." in name}
    adapters = {name for name in moved if f"encoders.{case.modality}.adapters." in name}
    assert bool(own) is (training == "full") and bool(adapters) is (training == "lora")
    if training == "lora":
        assert adapters == {name for name in before if ".adapters." in name}
    assert f"multimed.encoders.{case.modality}.projection.weight" in moved


def test_frozen_models_stay_in_evaluation_mode(bert):
    # BERT has dropout of its own.
    model, batch = text_model(bert)
    with torch.no_grad():
        expected = model(**batch).pooler_output
        assert model.train().training and not model.multimed.encoders["text"].model.training
        assert torch.equal(model(**batch).pooler_output, expected)
    tokens, _ = tokens_of(model, batch, "text")
    assert tokens.grad_fn.next_functions[1][0] is None, "no graph is kept below the projection"
    free, _ = text_model(bert, training="full")
    assert free.train().multimed.encoders["text"].model.training
    assert not torch.equal(free(**batch).pooler_output, expected)


@torch.no_grad()
def test_adapters_start_at_nothing_and_go_on_from_a_frozen_checkpoint(bert, tmp_path):
    model, batch = text_model(bert)
    model.save_pretrained(tmp_path / "frozen")
    config = settings("text", bert, training="lora", rank=3)
    loaded, report = MultiMedForMultitask.from_pretrained(tmp_path / "frozen", config=config, output_loading_info=True)
    assert {name.split(".")[3] for name in report["missing_keys"]} == {"adapters"} and not report["unexpected_keys"]
    torch.testing.assert_close(loaded(**batch).pooler_output, model(**batch).pooler_output, atol=1e-6, rtol=1e-6)
    adapters = [each for each in loaded.modules() if isinstance(each, MultiMedLowRank)]
    # Four of attention and two of the feed-forward part in each of two layers.
    assert len(adapters) == 12
    assert all(each.down.shape[0] == 3 and each.down.any() and not each.up.any() for each in adapters)


@torch.no_grad()
def test_adapters_equal_those_of_peft(bert):
    model, batch = text_model(bert, training="lora", rank=4)
    encoder = adapted(model.multimed.encoders["text"])
    plain = AutoModel.from_pretrained(bert, add_pooling_layer=False)
    peft = inject_adapter_in_model(LoraConfig(r=4, lora_alpha=16, target_modules="all-linear"), plain)
    for name, adapter in encoder.adapters.items():
        layer = peft.get_submodule(name.replace("/", "."))
        layer.lora_A["default"].weight.copy_(adapter.down)
        layer.lora_B["default"].weight.copy_(adapter.up)
    tokens, lengths = tokens_of(model, batch, "text")
    ids = batch["inputs"]["text"]["input_ids"][: lengths[0]]
    expected = encoder.projection(peft.eval()(input_ids=ids[None]).last_hidden_state[0])
    torch.testing.assert_close(tokens[: lengths[0]], expected, atol=1e-5, rtol=1e-5)
    frozen, _ = text_model(bert)
    assert not torch.allclose(tokens, tokens_of(frozen, batch, "text")[0], atol=1e-2), "adapters must add something"


@torch.no_grad()
def test_adapters_are_saved_and_copied(bert, tmp_path):
    model, batch = text_model(bert, training="lora")
    adapted(model.multimed.encoders["text"])
    expected = model(**batch).pooler_output
    model.save_pretrained(tmp_path)
    torch.testing.assert_close(AutoModel.from_pretrained(tmp_path)(**batch).pooler_output, expected)
    copied = copy.deepcopy(model)
    for adapter in model.multimed.encoders["text"].adapters.values():
        adapter.up.zero_()
    torch.testing.assert_close(copied(**batch).pooler_output, expected)


def test_peft_adapts_a_frozen_encoder(bert, tmp_path):
    model, batch = text_model(bert)
    model.save_pretrained(tmp_path / "base")
    target = LoraConfig(
        target_modules=r".*encoders\.text\.model\..*(query|value)", modules_to_save=["heads"], init_lora_weights=False
    )
    wrapped = get_peft_model(AutoModel.from_pretrained(tmp_path / "base"), target).train()
    wrapped(**batch).loss.backward()
    learning = {name: each for name, each in wrapped.named_parameters() if each.requires_grad and "lora_" in name}
    assert len(learning) == 8 and all(each.grad is not None and each.grad.any() for each in learning.values())
    wrapped.eval().save_pretrained(tmp_path / "adapter")
    loaded = PeftModel.from_pretrained(AutoModel.from_pretrained(tmp_path / "base"), tmp_path / "adapter").eval()
    with torch.no_grad():
        expected = wrapped(**batch).logits[LABEL["name"]]
        assert not torch.allclose(expected, model(**batch).logits[LABEL["name"]], atol=1e-3)
        torch.testing.assert_close(loaded(**batch).logits[LABEL["name"]], expected)


@pytest.mark.parametrize("training", ["frozen", "lora", "full"])
@pytest.mark.parametrize("how", ["autocast", "weights"])
def test_bfloat16(case, training, how, tmp_path):
    if training == "lora" and case.modality == "pathology":
        return
    entry = {**case.model.config.encoders[0], "training": training}
    config = MultiMedConfig.from_dict({**case.model.config.to_dict(), "encoders": [entry]})
    case.model.save_pretrained(tmp_path)
    dtype = torch.bfloat16 if how == "weights" else torch.float32
    model = MultiMedForMultitask.from_pretrained(tmp_path, config=config, dtype=dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        output = model(**case.batch, labels={LABEL["name"]: torch.tensor([0, 1, 1, 0])})
    exact = case.model(**case.batch).pooler_output
    torch.testing.assert_close(output.pooler_output.float(), exact, atol=0.15, rtol=0.1)
    output.loss.backward()
    assert all(each.grad.isfinite().all() for each in model.parameters() if each.grad is not None)


@pytest.mark.parametrize("training", ["lora", "full"])
def test_gradient_checkpointing_changes_no_gradient(bert, training):
    found = []
    for checkpointing in (False, True):
        model, batch = text_model(bert, training=training)
        encoder = adapted(model.multimed.encoders["text"])
        if checkpointing:
            model.activation_checkpointing_enable()
            assert encoder.model.is_activation_checkpointing
        torch.manual_seed(1)
        model.train()(**batch).loss.backward()
        found.append({name: each.grad for name, each in model.named_parameters() if each.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, atol=1e-6, rtol=1e-5)


def test_embeddings_are_those_of_the_model(bert):
    model, batch = text_model(bert)
    embedding = model.get_input_embeddings()
    assert embedding is model.multimed.encoders["text"].model.embeddings.word_embeddings
    assert model.config.vocab_size == len(embedding.weight) and model.config.pad_token_id == 0
    expected = model(**batch).pooler_output
    model.set_input_embeddings(torch.nn.Embedding(*embedding.weight.shape))
    assert not torch.allclose(model(**batch).pooler_output, expected, atol=1e-3)


def test_one_residue_state_each_for_structures(tmp_path):
    config = settings("protein", write("esm", tmp_path), tasks=[TASKS["structure"]])
    model, processor = MultiMedForMultitask.from_encoders(config), MultiMedProcessor.from_encoders(config, words())
    logits = model(**processor(protein=SAMPLES["protein"])).logits["structure/backbone"]
    assert logits.shape == (4, 10, 3, 3)
    assert [int(each.any(-1).any(-1).sum()) for each in logits] == [7, 2, 1, 10]


def test_questions_and_answers_go_through_the_encoder(bert):
    config = settings("text", bert, tasks=[TASKS["answer"]])
    model, processor = MultiMedForMultitask.from_encoders(config), MultiMedProcessor.from_encoders(config)
    batch = processor(text=SAMPLES["text"][:2], choices=[["yes", "no"], ["no", "maybe", "yes"]])
    yes, no, maybe = (words().get_vocab()[answer] for answer in ("yes", "no", "maybe"))
    assert batch["choices"]["input_ids"].tolist() == [2, yes, 3, 2, no, 3, 2, maybe, 3]
    assert model(**batch).logits["question/pubmedqa"].shape == (2, 3)


def test_weights_that_do_not_fit_are_refused(bert, tmp_path):
    other = shutil.copytree(bert, tmp_path / "other")
    # The weights of another kind of model under the configuration of this one.
    weights = write("modernbert", tmp_path / "modern")
    shutil.copy(f"{weights}/model.safetensors", other)
    with pytest.raises(ValueError, match="to hold all weights of a 'bert' model, missing"):
        MultiMedForMultitask.from_encoders(settings("text", other))
    (other / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="as safetensors, in a folder or on the Hub, found none"):
        MultiMedForMultitask.from_encoders(settings("text", other))
    # Pickles are not opened.
    torch.save({}, other / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="as safetensors"):
        MultiMedForMultitask.from_encoders(settings("text", other))


def test_models_of_the_wrong_inputs_are_refused(bert, tmp_path):
    with pytest.raises(ValueError, match=r"encoder of 'xray' must read pixel_values, got .* 'bert' model, which reads"):
        MultiMedForMultitask(settings("xray", bert))
    with pytest.raises(ValueError, match="encoder of 'text' must read input_ids"):
        MultiMedForMultitask(settings("text", write("vit", tmp_path / "vit")))


def scan_model(folder, **entry):
    """A model that reads CT by a pre-trained encoder, whose places mean something, and its processor."""
    config = settings("ct", folder, **entry)
    torch.manual_seed(0)
    model = MultiMedForMultitask.from_encoders(config)
    with torch.no_grad():
        for part in (model.multimed.encoders["ct"].gate, model.multimed.encoders["ct"].shift):
            part.weight.normal_(std=0.3)
    return model, MultiMedProcessor.from_encoders(config, words())


def volume(slices, seed=0, **more):
    values = np.random.default_rng(seed).integers(-1000, 1000, (slices, 9, 7)).astype(np.int16)
    return {"volume": values, "spacing": [6.0, 1.0, 1.0], **more}


@torch.no_grad()
def test_a_volume_of_one_slice_is_the_mean_of_that_image(tmp_path):
    model, processor = scan_model(write("vit", tmp_path))
    batch = processor(ct=[volume(1), IMAGES[0]])
    assert model.multimed(**batch).token_lengths["ct"].tolist() == [1, 5]
    given = batch["inputs"]["ct"]
    tokens, _ = tokens_of(model, batch, "ct")
    image, _ = tokens_of(model, {"inputs": {"ct": {"pixel_values": given["slices"], "samples": None}}}, "ct")
    torch.testing.assert_close(tokens[0], image.mean(0), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_slices_of_a_volume_are_told_apart_by_their_place(tmp_path):
    model, processor = scan_model(write("vit", tmp_path))
    same = {"volume": np.full((3, 8, 8), 100), "spacing": [30.0, 1.0, 1.0]}
    tokens, counts = tokens_of(model, processor(ct=[same]), "ct")
    assert counts.tolist() == [3]
    assert all((tokens[one] - tokens[other]).abs().max() > 0.05 for one, other in ((0, 1), (1, 2), (0, 2)))


@torch.no_grad()
@pytest.mark.parametrize("family", ["vit", "dinov2", "resnet"])
def test_no_scan_depends_on_its_batch(family, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained_encoders_multimed, "SLICES_AT_ONCE", 4)
    model, processor = scan_model(write(family, tmp_path))
    scans = [volume(5), IMAGES[0], volume(3, 1, image=IMAGES[2]), volume(11, 2), IMAGES[3]]
    output = model.multimed(**processor(ct=scans))
    per_image = output.token_lengths["ct"][1].item()
    assert output.token_lengths["ct"].tolist() == [5, per_image, per_image + 3, 11, per_image]
    for place, scan in enumerate(scans):
        alone = model(**processor(ct=[scan])).pooler_output[0]
        torch.testing.assert_close(alone, output.pooler_output[place], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("training", ["frozen", "lora", "full"])
def test_slices_in_chunks_give_the_same_gradients(training, tmp_path, monkeypatch):
    model, processor = scan_model(write("vit", tmp_path), training=training)
    adapted(model.multimed.encoders["ct"])
    model.train()
    batch = {
        **processor(ct=[volume(7), volume(2, 1, image=IMAGES[0])]),
        "labels": {LABEL["name"]: torch.tensor([0, 1])},
    }
    found, seen = [], []
    read = model.multimed.encoders["ct"].model
    read.register_forward_pre_hook(lambda *given: seen.append(len(given[2]["pixel_values"])), with_kwargs=True)
    for size in (32, 4):
        monkeypatch.setattr(pretrained_encoders_multimed, "SLICES_AT_ONCE", size)
        model.zero_grad()
        seen.clear()
        model(**batch).loss.backward()
        found.append({name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None})
        # One image; nine slices in chunks, which are read again on the way back if anything in there learns.
        again = [4, 4, 1] if training != "frozen" and size == 4 else []
        assert sorted(seen) == sorted([1, *([9] if size == 32 else [4, 4, 1]), *again])
    assert found[0].keys() == found[1].keys() and any("ct.projection" in name for name in found[0])
    for name, each in found[0].items():
        torch.testing.assert_close(found[1][name], each, atol=1e-5, rtol=1e-4)


def test_timm(tmp_path):
    pytest.importorskip("timm")
    from transformers import TimmWrapperConfig, TimmWrapperModel

    torch.manual_seed(0)
    for architecture, count in (("vit_tiny_patch16_224", 197), ("resnet18", 49)):
        own = TimmWrapperModel(TimmWrapperConfig(architecture=architecture)).eval()
        own.save_pretrained(tmp_path / architecture)
        model = MultiMedForMultitask.from_encoders(settings("xray", tmp_path / architecture))
        encoder, pixels = model.multimed.encoders["xray"], torch.randn(2, 3, 224, 224)
        with torch.no_grad():
            tokens, lengths = encoder(pixels)
            states = own(pixels).last_hidden_state
            states = states.flatten(2).transpose(1, 2) if states.ndim == 4 else states
        assert lengths.tolist() == [count, count]
        torch.testing.assert_close(tokens, encoder.projection(states.flatten(0, 1)), atol=1e-4, rtol=1e-4)
