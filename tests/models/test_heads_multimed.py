"""Heads: what each predicts, and its loss against independent references."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from multimed_hf.models import MultiMedForMultitask
from multimed_hf.models.heads_multimed import HEADS, is_present

TASK = {"name": "t", "labels": ["a", "b", "c", "d"], "num_targets": 3}
seeds = st.integers(0, 2**32 - 1)


def head_of(tester, kind, seed=0, scale=1.0, **task):
    """A head in evaluation mode with random weights and biases of `scale`."""
    head = HEADS[kind](tester.config(), {**TASK, **task}).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    return head


def vectors(tester, size, seed=0, scale=1.0):
    return (
        torch.from_numpy(np.random.default_rng(seed).normal(size=(size, tester.config().hidden_size))).float() * scale
    )


@settings(max_examples=50)
@given(seeds, st.integers(2, 20), st.sampled_from([0.01, 1.0, 10.0]))
@torch.no_grad()
def test_ordinal_probabilities_sum_to_one_and_thresholds_ascend(tester, seed, labels, scale):
    head = head_of(tester, "ordinal", seed, scale, labels=[str(grade) for grade in range(labels)])
    logits = head(vectors(tester, 50, seed))
    probabilities = logits.exp()
    assert probabilities.shape == (50, labels)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(50), atol=1e-4, rtol=0)
    # So softmax, which other heads need, gives the same.
    torch.testing.assert_close(logits.softmax(1), probabilities, atol=1e-4, rtol=0)
    # Without a score, P(y > k) = sigmoid(-threshold_k): it falls from label to label.
    above = 1 - head(torch.zeros(1, vectors(tester, 1).shape[1])).exp().double().cumsum(1)[0, :-1]
    assert all(low <= high + 1e-6 for high, low in pairwise(above.tolist()))


@torch.no_grad()
def test_ordinal_score_moves_along_the_labels(tester):
    head = head_of(tester, "ordinal")
    head.out.weight.fill_(1.0)
    size = head.out.weight.shape[1]
    scores = torch.linspace(-30, 30, 200)[:, None].expand(-1, size) / size
    expected = (head(scores).exp() * torch.arange(4)).sum(1)
    assert all(one <= other + 1e-5 for one, other in pairwise(expected.tolist()))
    assert head(scores).argmax(1)[0] == 0 and head(scores).argmax(1)[-1] == 3


@torch.no_grad()
def test_ordinal_odds_are_proportional(tester):
    """`log odds(y > k) = score - threshold_k`: between two samples they differ by the same for every k (McCullagh, 1980)."""
    head = head_of(tester, "ordinal", scale=0.3)
    pooled = vectors(tester, 2, scale=0.5)
    above = 1 - head(pooled).double().exp().cumsum(1)[:, :-1]
    odds = torch.logit(above)
    difference = (odds[0] - odds[1]).float()
    torch.testing.assert_close(difference, head.out(pooled[0] - pooled[1]).expand(3), atol=1e-3, rtol=1e-3)


def test_ordinal_labels_far_off_keep_a_gradient(tester):
    """A probability of 1e-40 is no number in single precision, its logarithm is."""
    head = head_of(tester, "ordinal")
    with torch.no_grad():
        head.out.weight.fill_(1.0)
    pooled = torch.full((4, head.out.weight.shape[1]), 100.0 / head.out.weight.shape[1], requires_grad=True)
    losses = head.loss(head(pooled), torch.arange(4))
    assert losses[:3].min() > 90 and losses[3] < 1e-3
    losses.sum().backward()
    slope = pooled.grad.sum(1) / pooled.shape[1]
    torch.testing.assert_close(slope, torch.tensor([1.0, 1.0, 1.0, 0.0]), atol=1e-4, rtol=0)


def test_ordinal_starts_with_all_labels_likely(tester):
    head = MultiMedForMultitask(tester.config()).eval().heads.tasks["grade/five"]
    probabilities = head(torch.zeros(1, 32)).exp()
    assert probabilities.min() > 0.1


@pytest.mark.parametrize("kind", ["single_label", "ordinal"])
@torch.no_grad()
def test_class_losses_are_log_losses(tester, kind):
    head = head_of(tester, kind, scale=0.3)
    logits = head(vectors(tester, 20))
    labels = torch.arange(20) % 4
    expected = log_loss(labels, logits.double().softmax(1), labels=range(4))
    assert head.loss(logits, labels).mean().item() == pytest.approx(expected, rel=1e-4)
    labels[3] = -100
    assert head.loss(logits, labels)[3] == 0 and is_present(kind, labels).tolist() == [i != 3 for i in range(20)]


@torch.no_grad()
def test_multi_label_loss_counts_known_labels_only(tester):
    head = head_of(tester, "multi_label", scale=0.3)
    logits = head(vectors(tester, 3))
    labels = torch.tensor([[1.0, 0, 1, 0], [1, -100, -100, 0], [-100] * 4])
    losses = head.loss(logits, labels)
    for row, known in ((0, [0, 1, 2, 3]), (1, [0, 3])):
        truth, probability = labels[row, known].numpy(), logits[row, known].sigmoid().double().numpy()
        expected = -(truth * np.log(probability) + (1 - truth) * np.log(1 - probability)).mean()
        assert losses[row].item() == pytest.approx(expected, rel=1e-5)
    assert losses[2] == 0 and is_present("multi_label", labels).tolist() == [True, True, False]


@torch.no_grad()
def test_regression_speaks_in_units_of_the_data(tester):
    head = head_of(tester, "regression", scale=0.3)
    pooled = vectors(tester, 5)
    raw = head(pooled)
    mean, scale = torch.tensor([10.0, -5.0, 0.0]), torch.tensor([2.0, 0.5, 1.0])
    head.mean.copy_(mean)
    head.scale.copy_(scale)
    torch.testing.assert_close(head(pooled), raw * scale + mean)
    labels = torch.tensor([[10.0, -5.0, 0.0], [float("nan"), -4.0, float("nan")], [float("nan")] * 3, [0] * 3, [1] * 3])
    losses = head.loss(head(pooled), labels)
    standard = ((labels - mean) / scale).numpy()
    asking = [0, 1, 3, 4]
    expected = np.nanmean((raw.numpy() - standard)[asking] ** 2, axis=1)
    np.testing.assert_allclose(losses[asking], expected, rtol=1e-4)
    assert losses[2] == 0 and is_present("regression", labels).tolist() == [True, True, False, True, True]


@torch.no_grad()
def test_structure_head_splits_chains(tester):
    head = head_of(tester, "structure", scale=0.2)
    pooled, residues = vectors(tester, 5), vectors(tester, 12)
    lengths, samples = torch.tensor([5, 1, 6]), torch.tensor([0, 2, 3])
    chains = head(pooled, residues, lengths, samples)
    assert chains.shape == (5, 6, 3, 3)
    for sample, start, end in ((0, 0, 5), (2, 5, 6), (3, 6, 12)):
        alone = head(pooled[:1], residues[start:end], torch.tensor([end - start]), torch.tensor([0]))
        torch.testing.assert_close(chains[sample, : end - start], alone[0])
        assert not chains[sample, 0, 1].any(), "every chain starts at the origin"
        assert not chains[sample, end - start :].any()
    assert not chains[[1, 4]].any() and head(pooled).shape == (5, 0, 3, 3)
    resolved = torch.tensor([[1] * 5 + [-100], [-100] * 6, [1] + [-100] * 5, [1] * 6, [-100] * 6])
    labels = {"backbone": chains + torch.tensor([100.0, -3.0, 7.0]), "resolved": resolved}
    losses = head.loss(chains, labels)
    assert losses.shape == (5,) and losses.max() < 2e-3
    # Three residues fix no structure.
    resolved[3, 3:] = 0
    assert head.loss(chains * 2, labels)[1:].tolist() == [0, 0, 0, 0]
    assert is_present("structure", labels).tolist() == [True, False, False, False, False]
    with pytest.raises(ValueError, match=r"backbones of shape \(5, 6, 3, 3\).*got \(5, 7, 3, 3\)"):
        head.loss(chains, {"backbone": torch.zeros(5, 7, 3, 3), "resolved": torch.zeros(5, 7)})


@torch.no_grad()
def test_structures_keep_their_precision_under_autocast(tester):
    head = head_of(tester, "structure", scale=0.2)
    residues, one = vectors(tester, 300), torch.tensor([0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        chain = head(residues[:1], residues, torch.tensor([300]), one)
        loss = head.loss(chain, {"backbone": chain + 1e3, "resolved": torch.ones(1, 300)})
    chain = chain[0]
    assert chain.dtype == loss.dtype == torch.float32 and loss < 5e-3
    steps = (chain[1:, 1] - chain[:-1, 1]).norm(dim=-1)
    torch.testing.assert_close(steps, torch.full_like(steps, 3.804), atol=1e-3, rtol=0)
    bonds = (chain[1:, 0] - chain[:-1, 2]).norm(dim=-1)
    torch.testing.assert_close(bonds, torch.full_like(bonds, 1.33), atol=2e-3, rtol=0)


@settings(max_examples=40)
@given(seeds, st.integers(2, 6), st.randoms(use_true_random=False))
@torch.no_grad()
def test_answers_are_scored_one_by_one(tester, seed, count, random):
    """The order of the candidates, and other samples' candidates, change no score."""
    head = head_of(tester, "answer", scale=0.3)
    pooled, candidates = vectors(tester, 3, seed), vectors(tester, 8, seed + 1)
    chosen = random.sample(range(8), count)
    alone = head(pooled[:1], candidates, torch.tensor([chosen]))
    order = random.sample(range(count), count)
    turned = head(pooled[:1], candidates, torch.tensor([[chosen[place] for place in order]]))
    torch.testing.assert_close(turned, alone[:, order])
    rows = [chosen + [-1] * (6 - count), random.sample(range(8), 6), [7] + [-1] * 5]
    among = head(pooled, candidates, torch.tensor(rows))
    torch.testing.assert_close(among[:1, :count], alone)
    assert (among[0, count:] == torch.finfo(torch.float32).min).all()
    torch.testing.assert_close(among.softmax(1)[0, :count], alone.softmax(1)[0])
    assert among.softmax(1)[2].tolist() == [1, 0, 0, 0, 0, 0]
    labels = torch.tensor([count - 1, -100, 0])
    losses = head.loss(among, labels)
    assert losses[0].item() == pytest.approx(-alone.log_softmax(1)[0, -1].item(), abs=1e-5)
    assert losses[1] == losses[2] == 0
