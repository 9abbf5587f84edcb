"""Open answers: causal, from the own sample only, the same whatever else is in the batch, and learnt word for word."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from multimed_hf.models import MultiMedForMultitask
from multimed_hf.models.answer_decoder_multimed import memory_of
from multimed_hf.models.packing_multimed import Packing

MODALITIES = ["text", "scrna", "protein"]
NAME = "question/open"


@pytest.fixture(scope="module")
def setting(tester):
    model = tester.model(tester.config(MODALITIES, ["decoder"]))
    samples = tester.samples(MODALITIES)
    return model, samples, tester.batch(samples), tester.labels(model.config, samples)


def logits_of(model, batch, labels):
    with torch.no_grad():
        return model(**batch, labels={NAME: labels}).logits[NAME]


def test_memory_is_the_tokens_of_each_sample():
    """Against a loop over samples, for some of them, in another order."""
    sample, length = torch.tensor([0, 1, 2, 3, 1, 3]), torch.tensor([2, 1, 2, 3, 4, 0])
    packing = Packing.of(4, [(sample[:4], length[:4]), (sample[4:], length[4:])])
    tokens = torch.arange(int(length.sum()), dtype=torch.float32)[:, None]
    rows = torch.tensor([3, 0, 2])
    found = {}
    for places, memory in memory_of(tokens, packing, rows):
        found |= {int(rows[place]): part[:, 0] for place, part in zip(places, memory, strict=True)}
    assert sorted(found) == [0, 2, 3]
    for row, part in found.items():
        assert part.tolist() == tokens[packing.sample == row, 0].tolist()


def test_later_tokens_change_nothing_before(setting):
    model, samples, batch, _ = setting
    labels = torch.randint(1, 10, (len(samples), 6), generator=torch.Generator().manual_seed(0))
    before = logits_of(model, batch, labels)
    labels[:, 3] += 1
    after = logits_of(model, batch, labels)
    torch.testing.assert_close(after[:, :4], before[:, :4])
    assert ((after[:, 4:] - before[:, 4:]).abs().amax((1, 2)) > 1e-3).all()


def test_logits_do_not_depend_on_the_batch(tester, setting):
    model, samples, batch, labels = setting
    together = logits_of(model, batch, labels[NAME])
    for row, sample in enumerate(samples):
        alone = logits_of(model, tester.batch([sample]), labels[NAME][row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-5)


def test_only_who_asks_gets_logits(setting):
    model, samples, batch, labels = setting
    asked = torch.arange(len(samples)) % 2 == 0
    some = torch.where(asked[:, None], labels[NAME], -100)
    found, every = logits_of(model, batch, some), logits_of(model, batch, labels[NAME])
    torch.testing.assert_close(found[asked], every[asked], atol=1e-5, rtol=1e-5)
    assert not found[~asked].any()
    assert model(**batch).logits[NAME].shape == (len(samples), 0, 0)


def test_an_answer_looks_at_the_tokens_of_its_sample(setting):
    """Not at its vector alone: with the vector held fast, the tokens of the sample still count."""
    model, _, batch, labels = setting
    head, encoded = model.heads.tasks[NAME], model.multimed(batch["sample_ids"], batch["inputs"])
    _, packing, embedding = model._memory(encoded)
    arguments = packing, embedding, labels[NAME]
    one = head(encoded.pooler_output, encoded.last_hidden_state, *arguments)
    other = head(encoded.pooler_output, encoded.last_hidden_state * 2 + 1, *arguments)
    asked = labels[NAME][:, 0] != -100
    assert ((one - other)[asked].abs().amax((1, 2)) > 1e-4).all()


def test_loss_is_the_mean_over_the_tokens_of_an_answer(setting):
    model, samples, batch, labels = setting
    logits = logits_of(model, batch, labels[NAME]).double()
    found = model.heads.tasks[NAME].loss(logits.float(), labels[NAME])
    for row in range(len(samples)):
        known = labels[NAME][row][labels[NAME][row] != -100]
        expected = -logits[row, range(len(known)), known] + logits[row, : len(known)].logsumexp(-1)
        assert found[row].item() == pytest.approx(expected.mean().item(), rel=1e-5)
    assert model.heads.tasks[NAME].loss(logits.float(), torch.full_like(labels[NAME], -100)).tolist() == [0.0] * len(
        samples
    )


def test_generation_takes_the_likeliest_next_token(setting):
    """Against teacher forcing on what was written: every token is the most likely one after those before it."""
    model, samples, batch, _ = setting
    written = model.generate_answers(**batch, max_new_tokens=5)
    assert written.shape[0] == len(samples) and 1 <= written.shape[1] <= 5
    best = logits_of(model, batch, written).argmax(-1)
    for row in range(len(samples)):
        ends = (written[row] == 0).nonzero().flatten().tolist()
        length = ends[0] + 1 if ends else written.shape[1]
        assert torch.equal(best[row, :length], written[row, :length])
        assert not written[row, length:].any()


def test_an_answer_ends_where_it_says_so(setting, monkeypatch):
    model, samples, batch, _ = setting
    free = model.generate_answers(**batch, max_new_tokens=5)
    end = int(free[0, 1])
    monkeypatch.setattr(model.heads.tasks[NAME], "end", end)
    found = model.generate_answers(**batch, max_new_tokens=5)
    for row in range(len(samples)):
        ends = (free[row] == end).nonzero().flatten().tolist()
        length = ends[0] + 1 if ends else 5
        assert torch.equal(found[row, :length], free[row, : min(length, found.shape[1])])
        assert not found[row, length:].any()
    assert end != 0 and (found[0] != 0).sum() <= 2 < found.shape[1]


def test_answers_are_learnt_word_for_word(tester):
    rng = np.random.default_rng(0)
    samples = [tester.sample(rng, ["scrna", "text"]) for _ in range(6)]
    answers = ["yes", "no", "heart size normal", "pleural effusion", "lungs clear", None]
    config = tester.config(["text", "scrna"], ["decoder"], initializer_range=0.05)
    model, batch = tester.model(config).train(), tester.batch(samples)
    labels = {NAME: tester.processor.encode_answers(answers, end_token_id=0)}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
    written = model.eval().generate_answers(**batch)
    texts = tester.tokenizer.batch_decode(written, skip_special_tokens=True)
    assert texts[:5] == answers[:5]


def test_answers_as_labels(tester):
    labels = tester.processor.encode_answers(["no disease", None, "yes"], end_token_id=0)
    words = tester.tokenizer.get_vocab()
    assert labels.tolist() == [[words["no"], words["disease"], 0], [-100] * 3, [words["yes"], 0, -100]]
    assert tester.processor.encode_answers([None, None], 0, return_tensors="np").tolist() == [[-100], [-100]]


def test_without_such_a_task_or_a_token_it_is_refused(tester, setting):
    model, _, batch, _ = setting
    with pytest.raises(ValueError, match=r"one of \['question/open'\], got 'question/pubmedqa'"):
        model.generate_answers(**batch, task="question/pubmedqa")
    with pytest.raises(ValueError, match="max_new_tokens of at least 1, got 0"):
        model.generate_answers(**batch, max_new_tokens=0)


def test_layers_are_counted_and_embeddings_shared(tester):
    task = {"name": NAME, "kind": "answer", "head": "decoder", "end_token_id": 0, "num_layers": 2}
    model = MultiMedForMultitask(tester.config(["text"], tasks=[task]))
    head = model.heads.tasks[NAME]
    assert len(head.layers) == 2
    assert not [name for name, each in head.named_parameters() if len(each) == len(tester.tokenizer)]
