"""The backbone: a sample's outputs are its own, whatever it is packed with and however its modalities are fused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.models import MultiMedForMultitask, MultiMedModel
from multimed_hf.models.configuration_multimed import FUSIONS, MODALITIES

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


@torch.no_grad()
def test_modality_order_is_that_of_the_config_not_of_the_batch(tester, model):
    samples = tester.samples(MODALITIES)
    batch = tester.batch(samples)
    turned = {**batch, "inputs": dict(reversed(batch["inputs"].items()))}
    assert torch.equal(model(**batch).pooler_output, model(**turned).pooler_output)


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
