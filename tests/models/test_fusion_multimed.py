"""Fusion of modalities: each against its equation written out sample by sample, from vectors of modalities alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch

from multimed_hf.models import MultiMedForMultitask, MultiMedModel
from multimed_hf.models.configuration_multimed import FUSIONS
from multimed_hf.models.fusion_multimed import FUSIONS as MODULES
from multimed_hf.models.fusion_multimed import number_sequences

NAMES = ["text", "eeg", "genomics", "protein"]
SUBSETS = [list(subset) for size in range(1, 5) for subset in combinations(NAMES, size)]


def plain_layer(layer, hidden):
    """A layer of the backbone written out for one sequence `(length, hidden)`."""
    attention = layer.attention
    normed = layer.attention_norm(hidden)
    query, key, value = (
        projection(normed).unflatten(-1, (attention.num_heads, -1))
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    weights = (torch.einsum("qhd,khd->hqk", query, key) / query.shape[-1] ** 0.5).softmax(-1)
    hidden = hidden + attention.o_proj(torch.einsum("hqk,khd->qhd", weights, value).flatten(1))
    return hidden + layer.mlp(layer.mlp_norm(hidden))


def pool(model, hidden, embedded):
    """The pooler written out for one sequence."""
    added = model.pooler.mix(torch.cat([hidden.mean(0), hidden.amax(0)]))
    return embedded.mean(0) + added


def late(fusion, vectors):
    return sum(vectors.values()) / len(vectors)


def gated(fusion, vectors):
    values = {name: torch.tanh(fusion.value[name](vector)) for name, vector in vectors.items()}
    gates = {name: torch.exp(fusion.gate[name](vector)) for name, vector in vectors.items()}
    return sum(gates[name] * values[name] for name in vectors) / sum(gates.values())


def tensor(fusion, vectors):
    z = {name: torch.tanh(fusion.project[name](vector)) for name, vector in vectors.items()}
    total = fusion.bias + sum(fusion.single[name](each) for name, each in z.items())
    for a, b in combinations(vectors, 2):
        total = total + fusion.pair[f"{a}-{b}"](torch.outer(z[a], z[b]).flatten())
    return total


def lowrank(fusion, vectors):
    total = fusion.bias.clone()
    for r in range(fusion.rank):
        product = torch.ones_like(total)
        for name, vector in vectors.items():
            rows = slice(r * len(vector), (r + 1) * len(vector))
            factor = fusion.factor[name]
            product = product * (factor.weight[rows] @ vector + factor.bias[rows])
        total = total + fusion.weight[r] * product
    return total


EQUATIONS = {"late": late, "gated": gated, "tensor": tensor, "lowrank": lowrank}


def model_of(tester, fusion, modalities=NAMES, **overrides):
    return tester.model(tester.config(modalities, kinds=(), fusion=fusion, **overrides)).multimed


def vectors_of(model, tester, sample):
    """The vector of each modality of a sample, as the backbone gives it for that modality alone, unfused."""
    vectors = {}
    for name in NAMES:
        if name in sample:
            found = []
            hook = model.pooler.register_forward_hook(lambda _, __, output, found=found: found.append(output))
            model(**tester.batch([{name: sample[name]}]))
            hook.remove()
            vectors[name] = found[0][0]
    return vectors


def test_every_fusion_has_a_module():
    assert ["early", *MODULES] == FUSIONS


@pytest.mark.parametrize("fusion", EQUATIONS)
@torch.no_grad()
def test_fused_vectors_follow_the_equation(tester, fusion):
    model = model_of(tester, fusion)
    rng = np.random.default_rng(0)
    samples = [tester.sample(rng, subset) for subset in SUBSETS]
    fused = model(**tester.batch(samples)).pooler_output
    for sample, vector in zip(samples, fused, strict=True):
        expected = EQUATIONS[fusion](model.fusion, vectors_of(model, tester, sample))
        torch.testing.assert_close(vector, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("first", [0, 1, 2])
@torch.no_grad()
def test_bottleneck_follows_the_equation(tester, first):
    """Each modality a sequence of its own, written out; they meet in the mean of their bottleneck tokens."""
    model = model_of(tester, "bottleneck", num_hidden_layers=4, fusion_layer=first, fusion_tokens=3)
    rng = np.random.default_rng(0)
    samples = [tester.sample(rng, subset) for subset in SUBSETS]
    output = model(**tester.batch(samples))
    for index, sample in enumerate(samples):
        names = [name for name in NAMES if name in sample]
        embedded = {}
        for name in names:
            inputs = tester.batch([{name: sample[name]}])["inputs"][name]
            tokens, _ = model.encoders[name](**{key: value for key, value in inputs.items() if key != "samples"})
            embedded[name] = torch.cat([model.summary[None], tokens]) + model.modality[NAMES.index(name)]
        hidden, bottleneck = dict(embedded), model.fusion.tokens
        for position, layer in enumerate(model.layers):
            if position < first:
                hidden = {name: plain_layer(layer, each) for name, each in hidden.items()}
                continue
            given = {name: plain_layer(layer, torch.cat([hidden[name], bottleneck])) for name in names}
            hidden = {name: each[:-3] for name, each in given.items()}
            bottleneck = torch.stack([each[-3:] for each in given.values()]).mean(0)
        hidden = {name: model.norm(each) for name, each in hidden.items()}
        expected = torch.stack([pool(model, hidden[name], embedded[name]) for name in names]).mean(0)
        torch.testing.assert_close(output.pooler_output[index], expected, atol=1e-5, rtol=1e-5)
        # In packed order: the summary tokens of all modalities, then their tokens.
        start, length = int(output.packing.first[index]), int(output.packing.lengths[index])
        order = [each[:1] for each in hidden.values()] + [each[1:] for each in hidden.values()]
        own = output.last_hidden_state[start : start + length]
        torch.testing.assert_close(own, torch.cat(order), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_tensor_fusion_of_two_is_a_linear_layer_on_the_whole_outer_product(tester):
    """Zadeh et al.: [1, z_a] x [1, z_b], an absent modality being [1, 0, ..., 0]."""
    fusion = model_of(tester, "tensor", ["text", "eeg"], fusion_size=3).fusion
    both, one = torch.randn(2, 5, 32), torch.randn(4, 32)

    def extended(vectors, name):
        return torch.cat([torch.ones(len(vectors), 1), torch.tanh(fusion.project[name](vectors))], 1)

    weight = torch.zeros(32, 4, 4)
    weight[:, 0, 0] = fusion.bias
    weight[:, 1:, 0], weight[:, 0, 1:] = fusion.single["text"].weight, fusion.single["eeg"].weight
    weight[:, 1:, 1:] = fusion.pair["text-eeg"].weight.view(32, 3, 3)
    absent = torch.tensor([1.0, 0, 0, 0]).expand(4, -1)
    expected = torch.cat(
        [
            torch.einsum("hij,si,sj->sh", weight, extended(both[0], "text"), extended(both[1], "eeg")),
            torch.einsum("hij,si,sj->sh", weight, extended(one, "text"), absent),
        ]
    )
    order = torch.tensor([3, 1, 0, 2, 4])
    fused = fusion(
        torch.cat([both[0], one, both[1][order]]),
        torch.cat([torch.arange(9), order]),
        {"text": 9, "eeg": 5},
        9,
    )
    torch.testing.assert_close(fused, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_gates_of_two_are_those_of_the_bimodal_unit(tester):
    """Arevalo et al.: z = sigmoid(V [x_a, x_b] + c), h = z tanh(W_a x_a) + (1 - z) tanh(W_b x_b)."""
    fusion = model_of(tester, "gated", ["text", "eeg"]).fusion
    a, b = torch.randn(2, 5, 32)
    weight = torch.cat([fusion.gate["text"].weight, -fusion.gate["eeg"].weight], 1)
    z = torch.sigmoid(torch.cat([a, b], 1) @ weight.T + fusion.gate["text"].bias - fusion.gate["eeg"].bias)
    expected = z * torch.tanh(fusion.value["text"](a)) + (1 - z) * torch.tanh(fusion.value["eeg"](b))
    fused = fusion(torch.cat([a, b]), torch.arange(5).repeat(2), {"text": 5, "eeg": 5}, 5)
    torch.testing.assert_close(fused, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_gates_do_not_overflow(tester):
    fusion = model_of(tester, "gated").fusion
    for name in NAMES:
        fusion.gate[name].bias.fill_(200.0)
    fused = fusion(torch.randn(3, 32), torch.tensor([0, 1, 0]), {"text": 2, "eeg": 1}, 2)
    assert torch.isfinite(fused).all()


@torch.no_grad()
def test_lowrank_fusion_starts_nearly_linear():
    """At first it is the sum of what it makes of each modality alone, but for products of small numbers."""
    from multimed_hf.models import MultiMedConfig

    torch.manual_seed(0)
    fusion = MultiMedModel(MultiMedConfig(modalities=NAMES, fusion="lowrank")).fusion
    vectors = 0.01 * torch.randn(4, 128)
    counts = dict.fromkeys(NAMES, 1)
    together = fusion(vectors, torch.zeros(4, dtype=torch.long), counts, 1)
    alone = [fusion(vectors[i : i + 1], torch.tensor([0]), {name: 1}, 1) for i, name in enumerate(NAMES)]
    linear = sum(alone)
    assert linear.abs().max() > 0.01
    torch.testing.assert_close(together, linear, atol=2e-3, rtol=0)


@pytest.mark.parametrize("fusion", FUSIONS[1:])
@torch.no_grad()
def test_absent_modalities_are_not_computed(tester, fusion):
    model = model_of(tester, fusion)
    seen = []
    for name, module in model.named_modules():
        if any(part in name.split(".") for part in NAMES) or "-" in name:
            module.register_forward_hook(lambda *_, name=name: seen.append(name))
    rng = np.random.default_rng(0)
    output = model(**tester.batch([tester.sample(rng, ["eeg"]), tester.sample(rng, ["eeg", "protein"])]))
    assert seen and not [name for name in seen if "text" in name or "genomics" in name]
    # A summary token for each modality that is there, and nothing for those that are not.
    tokens = sum(int(lengths.sum()) for lengths in output.token_lengths.values())
    assert len(output.last_hidden_state) == tokens + 3


@pytest.mark.parametrize("fusion", FUSIONS)
@torch.no_grad()
def test_a_segment_without_tokens_is_an_absent_modality(tester, fusion):
    model = model_of(tester, fusion)
    rng = np.random.default_rng(0)
    samples = [tester.sample(rng, ["eeg", "text"]), tester.sample(rng, ["eeg"]), tester.sample(rng, ["eeg", "protein"])]
    batch = tester.batch(samples)
    expected = model(**batch).pooler_output
    text, protein = batch["inputs"]["text"], batch["inputs"]["protein"]
    text["lengths"], text["samples"] = torch.cat([torch.zeros(1).long(), text["lengths"]]), torch.tensor([1, 0])
    protein["lengths"] = torch.cat([protein["lengths"], torch.zeros(1).long()])
    protein["samples"] = torch.cat([protein["samples"], torch.tensor([0])])
    torch.testing.assert_close(model(**batch).pooler_output, expected, atol=1e-6, rtol=1e-6)
    empty = {"input_ids": text["input_ids"][:0], "lengths": torch.zeros(1).long(), "samples": torch.tensor([0])}
    with pytest.raises(ValueError, match="at least one modality for every sample"):
        model(torch.arange(1), {"text": empty})
    with pytest.raises(ValueError, match="at least one modality for every sample"):
        model(torch.arange(1), {})


def test_sequences_are_numbered_modality_after_modality():
    none = torch.zeros(0, dtype=torch.long)
    samples = {"text": torch.tensor([2, 0, 1]), "eeg": torch.tensor([1]), "protein": torch.tensor([0, 2])}
    lengths = {"text": torch.tensor([4, 0, 1]), "eeg": torch.tensor([0]), "protein": torch.tensor([3, 7])}
    owner, sequence, counts = number_sequences(none, samples, lengths)
    assert owner.tolist() == [2, 1, 0, 2]
    assert {name: index.tolist() for name, index in sequence.items()} == {
        "text": [0, 0, 1],
        "eeg": [0],
        "protein": [2, 3],
    }
    assert counts == {"text": 2, "protein": 2}


@pytest.mark.parametrize("fusion", FUSIONS)
@torch.no_grad()
def test_what_modalities_see_of_each_other(tester, fusion):
    """Tokens of other modalities: from the first layer on if early, one layer after the bottleneck, else never."""
    model = model_of(tester, fusion, num_hidden_layers=4, **({"fusion_layer": 1} if fusion == "bottleneck" else {}))
    batch = tester.batch([tester.sample(np.random.default_rng(0), NAMES)])
    before = model(**batch, output_hidden_states=True)
    batch["inputs"]["text"]["input_ids"][0] += 1
    after = model(**batch, output_hidden_states=True)
    places = before.token_index["protein"]
    moved = [
        not torch.equal(one[places], other[places])
        for one, other in zip(before.hidden_states, after.hidden_states, strict=True)
    ]
    expected = {"early": [False, True, True, True, True], "bottleneck": [False, False, False, True, True]}
    assert moved == expected.get(fusion, [False] * 5)
    assert not torch.equal(before.pooler_output, after.pooler_output)


@pytest.mark.parametrize("fusion", ["late", "tensor", "lowrank", "gated"])
@torch.no_grad()
def test_structures_are_read_off_the_residues_alone(tester, fusion):
    """Other modalities do not reach the residues, so that the chain is that of the protein alone; in early fusion they do."""
    for name, reaches in ((fusion, False), ("early", True)):
        model = tester.model(tester.config(NAMES, kinds=["structure"], fusion=name))
        sample = tester.sample(np.random.default_rng(0), NAMES)
        chain = model(**tester.batch([sample])).logits["structure/backbone"]
        alone = model(**tester.batch([{"protein": sample["protein"]}])).logits["structure/backbone"]
        assert chain.shape == alone.shape == (1, len(sample["protein"]), 3, 3)
        assert torch.allclose(chain, alone, atol=1e-4) is not reaches


@pytest.mark.parametrize("fusion", FUSIONS[1:])
def test_initial_weights_of_fusions(tester, fusion, tmp_path):
    """Fresh, and missing from a checkpoint that was trained with early fusion."""
    kinds = {"kinds": ["single_label"], "initializer_range": 0.02}
    MultiMedForMultitask(tester.config(NAMES, **kinds)).save_pretrained(tmp_path)
    config = tester.config(NAMES, **kinds, fusion=fusion)
    loaded, report = MultiMedForMultitask.from_pretrained(tmp_path, config=config, output_loading_info=True)
    assert all(name.startswith("multimed.fusion.") for name in report["missing_keys"])
    for model in (MultiMedForMultitask(config), loaded):
        for name, parameter in model.multimed.fusion.named_parameters():
            kind, last = name.split(".")[0], name.split(".")[-1]
            if kind in ("value", "project", "single", "pair", "factor") and last == "weight":
                assert 0.8 < parameter.std() * parameter.shape[1] ** 0.5 < 1.2, name
            elif name in ("tokens",) or (kind == "gate" and last == "weight"):
                assert 0.01 < parameter.std() < 0.03, name
            else:
                expected = {"lowrank": {"factor": 1.0, "weight": 0.25, "bias": -1.0}}.get(fusion, {}).get(kind, 0.0)
                assert parameter.unique().tolist() == [expected], name
