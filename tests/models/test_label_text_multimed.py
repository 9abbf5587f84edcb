"""Labels by their texts: cosines with a temperature, labels that travel, and labels that were never trained on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from transformers import AutoModel

from multimed_hf.models import MultiMedForMultitask
from multimed_hf.models.label_text_multimed import MultiMedLabelTextHead, MultiMedLabelTextsHead

MODALITIES = ["text", "scrna", "protein"]
NAMED = ["label_text", "label_texts"]


@pytest.fixture(scope="module")
def setting(tester):
    model = tester.model(tester.config(MODALITIES, NAMED))
    samples = tester.samples(MODALITIES)
    return model, samples, tester.batch(samples)


@pytest.mark.parametrize("kind", [MultiMedLabelTextHead, MultiMedLabelTextsHead])
@torch.no_grad()
def test_logits_are_scaled_cosines(tester, kind):
    torch.manual_seed(0)
    head = kind(tester.config(), {}).eval()
    torch.nn.init.constant_(head.log_scale, math.log(5.0))
    pooled, texts = torch.randn(4, 32) * 10, torch.randn(3, 32)
    expected = 5 * torch.nn.functional.cosine_similarity(head.sample(pooled)[:, None], head.label(texts)[None], dim=-1)
    if head.bias is not None:
        head.bias.fill_(-1.5)
        expected = expected - 1.5
    torch.testing.assert_close(head(pooled, texts), expected)
    # The temperature has a limit.
    head.log_scale.fill_(20.0)
    bias = 0 if head.bias is None else head.bias
    assert (head(pooled, texts) - bias).abs().max() <= 100.001


@torch.no_grad()
def test_cosines_keep_their_precision_under_autocast(tester):
    torch.manual_seed(0)
    head = MultiMedLabelTextHead(tester.config(), {}).eval()
    head.log_scale.fill_(math.log(100.0))
    pooled, texts = torch.randn(4, 32), torch.randn(3, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = head(pooled, texts)
        sample, label = head.sample(pooled).float(), head.label(texts).float()
    expected = 100 * torch.nn.functional.cosine_similarity(sample[:, None], label[None], dim=-1)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_first_scale_is_that_of_clip(tester):
    head = MultiMedForMultitask(tester.config(MODALITIES, NAMED)).heads.tasks["disease/named"]
    assert head.log_scale.exp().item() == pytest.approx(1 / 0.07)


@torch.no_grad()
def test_a_label_is_read_as_a_text(tester, setting):
    """Its vector is that of a sample which has the label's text alone."""
    model, _, batch = setting
    head, texts = model.heads.tasks["disease/named"], tester.batch([{"text": "no disease"}, {"text": "effusion"}])
    output = model(**batch)
    vectors = model(**texts).pooler_output
    torch.testing.assert_close(
        output.logits["disease/named"], head(output.pooler_output, vectors), atol=1e-4, rtol=1e-4
    )


@torch.no_grad()
def test_zero_shot_with_the_labels_trained_on_gives_their_logits(tester, setting):
    model, _, batch = setting
    output = model(**batch)
    for name, labels in (("disease/named", ["no disease", "effusion"]), ("findings/named", ["lungs", "heart", "size"])):
        found = model.zero_shot(**batch, label_ids=tester.processor.encode_labels(labels), task=name)
        torch.testing.assert_close(found, output.logits[name], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_new_labels_are_scored_one_by_one(tester, setting):
    model, samples, batch = setting
    labels = ["heart size is normal", "yes", "pleural effusion", "maybe"]
    ids = tester.processor.encode_labels(labels)
    whole = model.zero_shot(**batch, label_ids=ids, task="disease/named")
    assert whole.shape == (len(samples), 4)
    for place in range(4):
        alone = model.zero_shot(**batch, label_ids=ids[place : place + 1], task="disease/named")
        torch.testing.assert_close(alone[:, 0], whole[:, place], atol=1e-4, rtol=1e-4)


def test_label_ids_travel_with_the_checkpoint(tester, setting, tmp_path):
    model, _, batch = setting
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert loaded.config.tasks == model.config.tasks
    with torch.no_grad():
        one, other = (each(**batch).logits["disease/named"] for each in (model, loaded))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_label_ids_are_those_of_texts(tester):
    ids = tester.processor.encode_labels(["no disease", "effusion"])
    assert ids == tester.processor.tokenizer(["no disease", "effusion"])["input_ids"]
    assert all(isinstance(token, int) for label in ids for token in label)


def test_a_label_never_trained_on_is_recognised(tester):
    """Samples say words, and the label that repeats the word is right: also for words that were no label in training."""
    words = "no acute disease heart size normal lungs clear yes maybe".split()
    ids = tester.processor.encode_labels(words)
    task = {
        "name": "said/word",
        "kind": "single_label",
        "head": "label_text",
        "labels": words[:8],
        "label_ids": ids[:8],
    }
    model = tester.model(tester.config(["text"], tasks=[task], num_hidden_layers=1)).train()
    batch, labels = tester.batch([{"text": word} for word in words[:8]]), {"said/word": torch.arange(8)}
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
    new = tester.batch([{"text": word} for word in words[8:]])
    found = model.eval().zero_shot(**new, label_ids=ids)
    assert found[:, 8:].argmax(1).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("label_ids", "task", "message"),
    [
        ([[2]], None, r"one of \['disease/named', 'findings/named'\], got None"),
        ([[2]], "disease/other", "got 'disease/other'"),
        ([], "disease/named", "one label or more, got"),
        ([[2], []], "disease/named", "one label or more, got"),
    ],
)
def test_wrong_questions_are_refused(setting, label_ids, task, message):
    model, _, batch = setting
    with pytest.raises(ValueError, match=message):
        model.zero_shot(**batch, label_ids=label_ids, task=task)


def test_multi_label_targets_may_be_unknown(tester):
    head = MultiMedLabelTextsHead(tester.config(), {})
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3)))
    losses = head.loss(logits, torch.tensor([[1.0, -100, -100], [-100] * 3]))
    assert losses[0].item() == pytest.approx(-math.log(1 / (1 + math.exp(-logits[0, 0].item()))), rel=1e-5)
    assert losses[1] == 0
