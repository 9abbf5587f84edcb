"""The backbone: a sample's outputs are its own, whatever it is packed with and however its modalities are fused."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.models import MultiMedForMultitask, MultiMedModel
from multimed_hf.models.configuration_multimed import FUSIONS, MODALITIES
from multimed_hf.models.packing_multimed import FLEX_BLOCK

SUBSETS = [list(subset) for size in range(1, len(MODALITIES) + 1) for subset in combinations(MODALITIES, size)]
SOME = SUBSETS[:: len(SUBSETS) // 30]
"""About thirty sets, of all sizes."""

subsets = st.sampled_from(SUBSETS)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def models(tester):
    return {fusion: tester.model(tester.config(fusion=fusion)) for fusion in FUSIONS}


@pytest.fixture(scope="module")
def model(models):
    return models["early"]


def outputs_of(output, samples):
    """Per sample, the rows of all logits that are its own, and its vector."""
    found = []
    for index, sample in enumerate(samples):
        own = {name: logits[index] for name, logits in output.logits.items()}
        own["structure/backbone"] = own["structure/backbone"][: len(sample.get("protein", ""))]
        found.append({"pooled": output.pooler_output[index], **own})
    return found


def assert_close(one, other, tolerance):
    """Relative to the largest number of an output or of the sample's vector, of which it is a sum: coordinates are tens of
    angstrom.
    """
    for name, value in one.items():
        size = min(value.shape[-1:], other[name].shape[-1:])  # answers: another sample may have had more candidates
        value, found = (each[..., : size[0]] if size else each for each in (value, other[name]))
        # What stands for no candidate is no scale.
        numbers = torch.cat([value[value > torch.finfo(value.dtype).min].flatten(), one["pooled"], torch.ones(1)])
        torch.testing.assert_close(found, value, atol=tolerance * float(numbers.abs().max()), rtol=0)


def compose(segments, sets):
    """A batch of samples of processed segments: each of `sets` maps modalities to the draw of `segments` to take."""
    inputs = {}
    for name in MODALITIES:
        samples = [index for index, one in enumerate(sets) if name in one]
        if samples:
            own = [segments[sets[index][name]][name] for index in samples]
            inputs[name] = {key: torch.cat([each[key] for each in own]) for key in own[0]}
            inputs[name]["samples"] = torch.tensor(samples)
    return {"sample_ids": torch.arange(len(sets)), "inputs": inputs}


@pytest.mark.slow
@pytest.mark.parametrize("fusion", FUSIONS)
@torch.no_grad()
def test_outputs_do_not_depend_on_the_batch_for_any_set_of_modalities(tester, models, fusion):
    """All sets of modalities, each among many others, and again alone or with others in another order."""
    model = models[fusion]
    rng = np.random.default_rng(0)
    drawn = [tester.sample(rng, MODALITIES) for _ in range(5)]
    segments = [{name: tester.batch([{name: value}])["inputs"][name] for name, value in each.items()} for each in drawn]
    sets = [{name: int(rng.integers(len(drawn))) for name in subset} for subset in SUBSETS]
    proteins = [{"protein": drawn[one["protein"]]["protein"]} if "protein" in one else {} for one in sets]

    def outputs(places):
        output = model(**compose(segments, [sets[place] for place in places]))
        return outputs_of(output, [proteins[place] for place in places])

    together = [each for part in torch.arange(len(sets)).split(200) for each in outputs(part.tolist())]
    order, start = rng.permutation(len(sets)).tolist(), 0
    while start < len(order):
        company = order[start : start + int(rng.choice([1, 5, 60]))]
        start += len(company)
        for place, own in zip(company, outputs(company), strict=True):
            assert_close(together[place], own, 1e-5)


@pytest.mark.parametrize("fusion", FUSIONS)
@torch.no_grad()
def test_a_sample_alone(tester, models, fusion):
    """About thirty sets of modalities, each sample alone and among the others, with its choices."""
    model = models[fusion]
    rng = np.random.default_rng(0)
    samples = [tester.sample(rng, subset) for subset in SOME]
    choices = tester.choices(samples)
    together = outputs_of(model(**tester.batch(samples, choices)), samples)
    for index, sample in enumerate(samples):
        alone = model(**tester.batch([sample], [choices[index]]))
        assert_close(outputs_of(alone, [sample])[0], together[index], 1e-5)


@settings(max_examples=20)
@given(st.sampled_from(FUSIONS), st.lists(subsets, min_size=1, max_size=6), seeds, st.randoms(use_true_random=False))
@torch.no_grad()
def test_order_of_samples_only_permutes_outputs(tester, models, fusion, chosen, seed, random):
    model = models[fusion]
    rng = np.random.default_rng(seed)
    samples = [tester.sample(rng, subset) for subset in chosen]
    choices = tester.choices(samples)
    order = random.sample(range(len(samples)), len(samples))
    straight = outputs_of(model(**tester.batch(samples, choices)), samples)
    moved = [samples[place] for place in order]
    permuted = outputs_of(model(**tester.batch(moved, [choices[place] for place in order])), moved)
    for place, own in zip(order, permuted, strict=True):
        assert_close(straight[place], own, 1e-5)


def change(packed, segment):
    """Changes what a segment of a modality holds, but not its length."""
    for key, lengths in (
        ("input_ids", "lengths"),
        ("values", "lengths"),
        ("pixels", "lengths"),
        ("voxels", "volume_lengths"),
    ):
        if key in packed:
            start = int(packed[lengths][:segment].sum())
            own = packed[key][start : start + int(packed[lengths][segment])]
            own.copy_(own + 3.0 if own.is_floating_point() else (own + 1) % 5)


@settings(max_examples=20)
@given(st.sampled_from(FUSIONS), st.lists(subsets, min_size=2, max_size=5), seeds, st.data())
@torch.no_grad()
def test_attention_never_crosses_samples(tester, models, fusion, chosen, seed, data):
    """A sample that changes, but not its length, changes no bit of the others' outputs, and its own."""
    model = models[fusion]
    rng = np.random.default_rng(seed)
    samples = [tester.sample(rng, subset) for subset in chosen]
    batch = tester.batch(samples)
    before = outputs_of(model(**batch), samples)
    victim = data.draw(st.sampled_from(range(len(samples))))
    packed = batch["inputs"][data.draw(st.sampled_from(chosen[victim]))]
    change(packed, packed["samples"].tolist().index(victim))
    after = outputs_of(model(**batch), samples)
    for index in range(len(samples)):
        same = [torch.equal(before[index][key], after[index][key]) for key in before[index]]
        assert not same[0] if index == victim else all(same)


@torch.no_grad()
def test_an_absent_modality_costs_no_token_and_there_is_no_padding(tester, model):
    samples = tester.samples(MODALITIES)
    batch = tester.batch(samples)
    output = model.multimed(**batch)
    lengths = {name: packed["lengths"] for name, packed in batch["inputs"].items()}
    config = model.config
    expected = {
        **lengths,
        "eeg": lengths["eeg"] + 1,  # the map of power
        "genomics": torch.ceil(lengths["genomics"] / config.genomics_stride).long(),
        "scrna": torch.full_like(lengths["scrna"], config.scrna_tokens),
        **{
            name: lengths[name] + batch["inputs"][name]["volume_lengths"]
            for name in MODALITIES
            if "volume_lengths" in batch["inputs"][name]
        },
    }
    for name, count in expected.items():
        assert torch.equal(output.token_lengths[name], count), name
        # The places of a modality's tokens belong to the samples that have it.
        owners = torch.repeat_interleave(batch["inputs"][name]["samples"], count)
        assert torch.equal(output.packing.sample[output.token_index[name]], owners)
    tokens = sum(int(count.sum()) for count in expected.values())
    # One summary token a sample, and nothing else.
    assert output.last_hidden_state.shape == (tokens + len(samples), config.hidden_size)
    alone = model.multimed(**tester.batch(samples[1:2]))
    assert list(alone.token_index) == ["text"]
    assert len(alone.last_hidden_state) == 1 + int(alone.token_lengths["text"].sum())


def padded_backbone(model, tokens, sample):
    """The layers of `model` written out over a padded batch with a mask; packed tokens in, packed tokens out."""
    rows = [tokens[sample == index] for index in range(int(sample.max()) + 1)]
    hidden = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    real = torch.nn.utils.rnn.pad_sequence([torch.ones(len(row)) for row in rows], batch_first=True).bool()
    heads = model.config.num_attention_heads
    for layer in model.layers:
        normed = layer.attention_norm(hidden)
        query, key, value = (
            projection(normed).unflatten(-1, (heads, -1))
            for projection in (layer.attention.q_proj, layer.attention.k_proj, layer.attention.v_proj)
        )
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) / query.shape[-1] ** 0.5
        weights = scores.masked_fill(~real[:, None, None, :], float("-inf")).softmax(-1)
        mixed = torch.einsum("bhqk,bkhd->bqhd", weights, value).flatten(2)
        hidden = hidden + layer.attention.o_proj(mixed)
        hidden = hidden + layer.mlp(layer.mlp_norm(hidden))
    hidden = model.norm(hidden)
    packed = torch.empty_like(tokens)
    for index, row in enumerate(rows):
        packed[sample == index] = hidden[index, : len(row)]
    return packed


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@torch.no_grad()
def test_packed_attention_equals_padding_with_a_mask(tester, attention):
    model = tester.model().multimed
    model.set_attn_implementation(attention)
    entered = []
    model.layers[0].register_forward_pre_hook(lambda _, arguments: entered.append(arguments[0]))
    rng = np.random.default_rng(1)
    output = model(**tester.batch([tester.sample(rng, subset) for subset in SOME]))
    reference = padded_backbone(model, entered[0], output.packing.sample)
    torch.testing.assert_close(output.last_hidden_state, reference, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_modality_order_is_that_of_the_config_not_of_the_batch(tester, model):
    samples = tester.samples(MODALITIES)
    batch = tester.batch(samples)
    turned = {**batch, "inputs": dict(reversed(batch["inputs"].items()))}
    assert torch.equal(model(**batch).pooler_output, model(**turned).pooler_output)


@pytest.mark.parametrize("fusion", FUSIONS)
@torch.no_grad()
def test_hidden_states_of_every_layer(tester, fusion):
    model = tester.model(tester.config(fusion=fusion, num_hidden_layers=3, fusion_layer=1))
    samples = [tester.sample(np.random.default_rng(0), subset) for subset in SOME[::3]]
    batch = tester.batch(samples)
    entered = []
    model.multimed.layers[0].register_forward_pre_hook(lambda _, arguments: entered.append(arguments))
    plain = model(**batch)
    assert plain.hidden_states is None and plain.attentions is None
    output = model.multimed(**batch, output_hidden_states=True)
    assert len(output.hidden_states) == 4
    assert {states.shape for states in output.hidden_states} == {output.last_hidden_state.shape}
    assert output.hidden_states[-1] is output.last_hidden_state
    tokens, packing = entered[0][:2]
    assert torch.equal(output.hidden_states[0], packing.move(tokens, output.packing))
    passed = model(**batch, output_hidden_states=True)
    torch.testing.assert_close(passed.hidden_states, output.hidden_states)
    torch.testing.assert_close(passed.pooler_output, plain.pooler_output)
    # The same tokens alone: all layers in the order that the packing says.
    for index in (0, len(samples) - 1):
        alone = model.multimed(**tester.batch([samples[index]]), output_hidden_states=True)
        own = output.packing.sample == index
        for together, single in zip(output.hidden_states, alone.hidden_states, strict=True):
            torch.testing.assert_close(together[own], single, atol=1e-4, rtol=1e-4)
    model.config.output_hidden_states = True
    assert len(model(**batch).hidden_states) == 4


@pytest.mark.parametrize("fusion", FUSIONS)
@torch.no_grad()
def test_attentions_of_every_layer_and_sample(tester, fusion):
    model = tester.model(tester.config(["text", "genomics", "protein"], fusion=fusion, fusion_tokens=3)).multimed
    rng = np.random.default_rng(0)
    samples = [tester.sample(rng, subset) for subset in (["text", "protein"], ["text"], ["genomics", "protein"])]
    batch = tester.batch(samples)
    with pytest.raises(ValueError, match=r"'eager' for `output_attentions`, got 'sdpa'.*set_attn_implementation"):
        model(**batch, output_attentions=True)
    model.set_attn_implementation("eager")
    output = model(**batch, output_attentions=True, output_hidden_states=True)
    assert len(output.attentions) == 2
    layer = model.layers[0]
    lengths = {
        name: dict(zip(batch["inputs"][name]["samples"].tolist(), output.token_lengths[name].tolist(), strict=True))
        for name in batch["inputs"]
    }
    for index, sample in enumerate(samples):
        names = [name for name in model.config.modalities if name in sample]
        size = int(output.packing.lengths[index])
        own = output.hidden_states[0][output.packing.sample == index]
        # Who may look at whom: all, or a summary token and the tokens of its modality.
        kinds = [0] * size
        if fusion != "early":
            kinds = [*range(len(names)), *(k for k, name in enumerate(names) for _ in range(lengths[name][index]))]
        allowed = torch.tensor(kinds)[:, None] == torch.tensor(kinds)
        normed = layer.attention_norm(own)
        query, key = (
            projection(normed).unflatten(-1, (4, -1)) for projection in (layer.attention.q_proj, layer.attention.k_proj)
        )
        scores = torch.einsum("qhd,khd->hqk", query, key) / query.shape[-1] ** 0.5
        expected = scores.exp() * allowed
        total = expected.sum(-1, keepdim=True)
        if fusion == "bottleneck":
            bottleneck = layer.attention.k_proj(layer.attention_norm(model.fusion.tokens)).unflatten(-1, (4, -1))
            total = total + (torch.einsum("qhd,khd->hqk", query, bottleneck) / query.shape[-1] ** 0.5).exp().sum(
                -1, True
            )
        torch.testing.assert_close(output.attentions[0][index], expected / total, atol=1e-5, rtol=1e-5)
        sums = output.attentions[1][index].sum(-1)
        assert sums.shape == (4, size)
        assert (sums < 1).all() if fusion == "bottleneck" else torch.allclose(sums, torch.ones_like(sums))


@pytest.mark.parametrize("fusion", ["early", "bottleneck"])
@torch.no_grad()
def test_flex_attention_equals_sdpa(tester, monkeypatch, fusion):
    """The whole batch under one mask of blocks, several blocks of it; not compiled, since that asks for a C++ compiler."""
    from torch.nn.attention.flex_attention import flex_attention
    from transformers.integrations.flex_attention import WrappedFlexAttention

    monkeypatch.setattr(WrappedFlexAttention, "__call__", lambda self: flex_attention)
    model = tester.model(
        tester.config(["text", "genomics", "protein"], kinds=(), fusion=fusion, hidden_size=64)
    ).multimed
    rng = np.random.default_rng(0)
    subsets = [["text"], ["text", "genomics"], ["text", "genomics", "protein"]] * 9
    batch = tester.batch([tester.sample(rng, subset) for subset in subsets])
    sdpa = model(**batch)
    assert len(sdpa.last_hidden_state) > 3 * FLEX_BLOCK
    model.set_attn_implementation("flex_attention")
    flex = model(**batch)
    torch.testing.assert_close(flex.last_hidden_state, sdpa.last_hidden_state, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(flex.pooler_output, sdpa.pooler_output, atol=1e-5, rtol=1e-5)


def test_flash_attention_gets_the_boundaries(tester, monkeypatch):
    """The kernel itself needs a GPU: a stand-in computes what it is documented to from what it is given."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    def flash(module, query, key, value, attention_mask, scaling, dropout, cu_seq_lens_q, cu_seq_lens_k, **lengths):
        assert attention_mask is None and not module.is_causal and cu_seq_lens_q.dtype == torch.int32
        bounds = cu_seq_lens_q.tolist()
        assert torch.equal(cu_seq_lens_q, cu_seq_lens_k)
        assert {max(end - start for start, end in pairwise(bounds))} == set(lengths.values())
        mixed = torch.zeros_like(query)
        for start, end in pairwise(bounds):
            q, k, v = (part[:, :, start:end] for part in (query, key, value))
            mixed[:, :, start:end] = torch.softmax(q @ k.mT * scaling, -1) @ v
        return mixed.transpose(1, 2), None

    model = tester.model(tester.config(["text", "genomics"], kinds=(), fusion="late")).multimed
    batch = tester.batch(tester.samples(["text", "genomics"]))
    with torch.no_grad():
        sdpa = model(**batch).last_hidden_state
        monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS._global_mapping, "flash_stand_in", flash)
        model.config._attn_implementation_internal = "flash_stand_in"
        torch.testing.assert_close(model(**batch).last_hidden_state, sdpa, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_autocast(tester, models, fusion, dtype):
    model = models[fusion]
    samples = tester.samples(MODALITIES[:5])
    batch, labels = tester.batch(samples), tester.labels(model.config, samples)
    exact = model(**batch, labels=labels)
    with torch.autocast("cpu", dtype):
        output = model(**batch, labels=labels)
    # Of all numbers together: one that is a small difference of large ones may be far off.
    assert (output.pooler_output.float() - exact.pooler_output).norm() < 0.03 * exact.pooler_output.norm()
    output.loss.backward()
    assert all(torch.isfinite(each.grad).all() for each in model.parameters() if each.grad is not None)
    model.zero_grad()


def test_unknown_modalities_and_bare_samples_are_refused(tester):
    model = tester.model(tester.config(["text"]))
    batch = tester.batch(tester.samples(["text", "eeg"]))
    with pytest.raises(ValueError, match=r"among \['text'\], got \['eeg'\]"):
        model(**batch)
    text = tester.batch([{"text": "normal"}])
    with pytest.raises(ValueError, match="at least one modality for every sample"):
        model(torch.arange(2), text["inputs"])
    with pytest.raises(ValueError, match="at least one modality for every sample"):
        model(torch.arange(1), {})


def test_base_model_stands_alone(tester):
    model = MultiMedModel(tester.config(["eeg"], tasks=[])).eval()
    assert model.get_input_embeddings() is None
    output = model(**tester.batch(tester.samples(["eeg"])))
    assert output.pooler_output.shape == (4, model.config.hidden_size)
    assert model(**tester.batch(tester.samples(["eeg"])), return_dict=False)[0].equal(output.pooler_output)


def test_a_head_holds_the_linear_model_of_the_encoders_tokens(tester):
    """Without the backbone's part, the vector of a cell is affine in the values of its genes."""
    model = tester.model().multimed.eval()
    torch.nn.init.zeros_(model.pooler.mix.weight)
    genes, lengths = torch.tensor([0, 1, 2]), torch.tensor([3])

    def vector(values):
        cell = {"gene_ids": genes, "values": values, "lengths": lengths, "samples": torch.tensor([0])}
        with torch.no_grad():
            return model(torch.tensor([0]), {"scrna": cell}).pooler_output

    one, other = torch.tensor([1.0, 0.5, 2.0]), torch.tensor([0.2, 3.0, 1.0])
    torch.testing.assert_close(vector((one + other) / 2), (vector(one) + vector(other)) / 2)
    assert not torch.allclose(vector(one), vector(other))


@torch.no_grad()
def test_in_training_some_samples_go_without_what_the_backbone_adds(tester):
    """Each vector is the encoders' mean alone, or that and twice what the backbone adds at half a chance."""
    batch = tester.batch(tester.samples(["scrna"]) * 16)
    model = tester.model(tester.config(["scrna"], drop_path_rate=0.5)).multimed
    inputs = batch["sample_ids"], batch["inputs"]
    whole = model(*inputs).pooler_output
    torch.manual_seed(0)
    seen = model.train()(*inputs).pooler_output
    torch.nn.init.zeros_(model.pooler.mix.weight)
    torch.nn.init.zeros_(model.pooler.mix.bias)
    mean = model(*inputs).pooler_output
    without, doubled = (torch.isclose(seen, other, atol=1e-5).all(1) for other in (mean, 2 * whole - mean))
    assert (without ^ doubled).all() and 16 < without.sum() < 48


def test_initial_weights_of_structure_heads_keep_the_variance(tester, tmp_path):
    """Fresh, and missing from a checkpoint."""
    config = tester.config(["protein"], hidden_size=256, initializer_range=0.02)
    MultiMedModel(config).save_pretrained(tmp_path)
    for model in (MultiMedForMultitask(config), MultiMedForMultitask.from_pretrained(tmp_path)):
        (head,) = (head for head in model.heads.tasks.values() if hasattr(head, "mix"))
        for linear in (head.mix, head.out):
            assert 0.9 < linear.weight.std() * linear.in_features**0.5 < 1.1
            assert not linear.bias.any()
