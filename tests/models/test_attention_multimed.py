"""Attention stays within sequences, whatever the kernel, and what it sees can be read: hidden states and weights."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
import torch

from multimed_hf.models.configuration_multimed import FUSIONS, MODALITIES
from multimed_hf.models.packing_multimed import FLEX_BLOCK

SUBSETS = [list(subset) for size in range(1, len(MODALITIES) + 1) for subset in combinations(MODALITIES, size)]
SOME = SUBSETS[:: len(SUBSETS) // 30]
"""About thirty sets, of all sizes."""


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
