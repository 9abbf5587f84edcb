"""Every head learns 32 random samples of several modalities by heart, with the whole model before it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from multimed_hf.models.chain_multimed import build_chain
from multimed_hf.models.configuration_multimed import KINDS

MODALITIES = ["text", "eeg", "scrna", "protein", "oct"]
SAMPLES = 32
STEPS = 400
LIKELIHOODS = ["single_label", "multi_label", "ordinal", "answer", "label_text", "label_texts"]
THRESHOLDS = {
    # Cross-entropy, in nats: the right label has a probability of 0.95.
    **dict.fromkeys(LIKELIHOODS, 0.05),
    # Squared error, in units of the variance of the targets.
    "regression": 0.01,
    "low_rank": 0.01,
    # Frame-aligned and four times the orientation error of backbones that can be built, 5 before training.
    "structure": 0.5,
    # What a partial likelihood goes to depends on ties and censoring: the order of risks counts, see `right`.
    "survival": float("inf"),
    # Cross-entropy of a token, in nats.
    "decoder": 0.05,
}


def learned(tester, kind):
    """A small model after training on all samples at once until its loss is well below the threshold, with what it learned."""
    config = tester.config(MODALITIES, [kind], hidden_size=64, intermediate_size=128, initializer_range=0.05)
    rng = np.random.default_rng(0)
    # A chain and an image, and any of the others.
    carried = [
        [name for name in MODALITIES if name in ("protein", "oct") or rng.random() < 0.5] for _ in range(SAMPLES)
    ]
    samples = [tester.sample(rng, names) for names in carried]
    batch = tester.batch(samples, tester.choices(samples) if kind == "answer" else None)
    labels = tester.labels(config, samples)
    name = config.tasks[0]["name"]
    model = tester.model(config)
    if kind == "structure":
        labels[name]["backbone"] = buildable(samples, labels[name]["backbone"])
    if config.tasks[0]["kind"] == "regression":
        model.set_target_statistics(name, labels[name].mean(0), labels[name].std(0))
    if kind == "answer":
        # The candidates that a sample has.
        labels[name] = labels[name] % (batch["choices"]["index"] >= 0).sum(1)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 20))
    for _ in range(STEPS):
        output = model(**batch, labels=labels)
        if output.loss < 0.8 * THRESHOLDS[kind] and right(kind, output.logits[name], labels[name]):
            break
        optimizer.zero_grad()
        output.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    # Running statistics catch up with the last weights, as they do while a learning rate falls to nothing.
    with torch.no_grad():
        for _ in range(30):
            model(**batch)
    return model.eval(), batch, labels, name


def buildable(samples, like):
    """Backbones of random turns, which planar peptides can take, `(batch, longest chain, 3, 3)`."""
    generator, chains = torch.Generator().manual_seed(0), torch.zeros_like(like)
    for row, sample in enumerate(samples):
        length = len(sample["protein"])
        chains[row, :length] = build_chain(torch.randn(length, 6, generator=generator))
    return chains


def concordance(risk, time, event):
    """Share of the comparable pairs, an event and a sample that outlasts it, in which the event has the higher risk."""
    pairs = [(i, j) for i in range(len(risk)) if event[i] for j in range(len(risk)) if time[j] > time[i]]
    return float(np.mean([risk[i] > risk[j] for i, j in pairs]))


def right(kind, logits, labels):
    """Whether every decision is that of the labels, where the head makes any."""
    if kind == "survival":
        return concordance(logits[:, 0].tolist(), *labels.T.tolist()) == 1.0
    if kind in ("multi_label", "label_texts"):
        return bool(((logits > 0) == (labels == 1)).all())
    if kind in ("single_label", "ordinal", "answer", "label_text"):
        return bool((logits.argmax(1) == labels).all())
    if kind == "decoder":
        return bool(((logits.argmax(2) == labels) | (labels < 0)).all())
    return True


@pytest.mark.parametrize("kind", [*KINDS, "low_rank", "label_text", "label_texts", "decoder"])
def test_head_overfits(tester, kind):
    model, batch, labels, name = learned(tester, kind)
    with torch.no_grad():
        output = model(**batch, labels=labels)
    assert output.loss < THRESHOLDS[kind]
    assert right(kind, output.logits[name], labels[name])
    if kind == "decoder":
        asked = labels[name]
        written = model.generate_answers(**batch, max_new_tokens=asked.shape[1])
        for answer, reference in zip(written.tolist(), asked.tolist(), strict=True):
            expected = [token for token in reference if token >= 0]
            assert answer[: len(expected)] == expected
