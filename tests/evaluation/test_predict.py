from dataclasses import replace

import numpy as np
import pytest
import torch

from multimed_hf.data.heads import Head, heads_in
from multimed_hf.data.samples import ANSWER_TOKENS, MultiMedCollator, SampleDataset
from multimed_hf.evaluation.predict import predict, references_of
from multimed_hf.training.checkpoint import load_checkpoint


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def rows(built):
    from datasets import load_dataset

    names = ("eeg", "genomics", "scrna", "protein", "text")
    return [(name, load_dataset(str(built), name, split="test")) for name in names]


@pytest.fixture(scope="module")
def heads(rows):
    return heads_in({name: [data] for name, data in rows})


@pytest.fixture(scope="module")
def predicted(model, rows, heads):
    return predict(*model, SampleDataset(rows), heads, batch_size=7, progress=False)


def test_every_head_answers_the_rows_that_ask_it_in_their_order(predicted, rows, heads):
    samples = SampleDataset(rows).__getitems__(range(sum(len(data) for _, data in rows)))
    assert list(predicted) == [head.name for head in heads] and len(heads) == 9
    for name, given in predicted.items():
        asking = [index for index, sample in enumerate(samples) if name in sample["labels"]]
        assert given.rows.tolist() == asking and asking
        assert given.ids == [samples[index]["id"] for index in asking]
        assert given.groups == [samples[index]["group"] for index in asking]
        assert len(given.predictions) == len(given.references) == len(asking)


def test_predictions_do_not_depend_on_the_batch(predicted, model, rows, heads):
    single = predict(*model, SampleDataset(rows), heads, batch_size=1, progress=False)
    for name, given in predicted.items():
        if given.head.kind == "answer":
            assert given.predictions == single[name].predictions
        else:
            for one, other in zip(given.predictions, single[name].predictions, strict=True):
                assert one == pytest.approx(other, abs=1e-3 if given.head.kind == "structure" else 1e-5)


def test_each_kind_has_its_form(predicted):
    by_kind = {given.head.kind: given for given in predicted.values()}
    single, multi = by_kind["single_label"], by_kind["multi_label"]
    assert single.predictions.sum(1) == pytest.approx(np.ones(len(single.rows)))
    assert single.predictions.shape[1] == len(single.head.labels) and single.references.dtype == np.int64
    assert ((multi.predictions > 0) & (multi.predictions < 1)).all() and set(np.unique(multi.references)) <= {-1, 0, 1}
    assert by_kind["regression"].predictions.shape == by_kind["regression"].references.shape
    assert set(by_kind["answer"].predictions) <= {"yes", "no", "maybe"}
    chains = by_kind["structure"]
    for chain, reference in zip(chains.predictions, chains.references, strict=True):
        # The made-up files leave out both ends of every chain.
        assert chain.shape == reference.shape and np.isnan(reference).all(1).tolist() == [True, *[False] * 38, True]
        assert np.linalg.norm(np.diff(chain, axis=0), axis=1) == pytest.approx(np.full(39, 3.8), abs=0.1)


def test_logits_become_probabilities_of_the_model(predicted, model, rows):
    from multimed_hf.data.samples import MultiMedCollator

    given = predicted["report_findings/openi_reports"]
    net, processor = model
    samples = SampleDataset(rows).__getitems__(given.rows[:4])
    with torch.no_grad():
        logits = net(**MultiMedCollator(processor)(samples)).logits["report_findings/openi_reports"]
    assert given.predictions[:4] == pytest.approx(1 / (1 + np.exp(-logits.double().numpy())), abs=1e-5)


def test_rows_of_one_source(predicted):
    given = predicted["imagined_motor_imagery_classification/fists_and_feet"]
    assert given.of_source("synthetic").ids == given.ids
    assert len(given.of_source("edf").rows) == 0


def test_targets_come_in_the_order_of_the_head():
    sample = {"labels": {"h": {"index": np.array([5, 3, 8]), "value": np.array([1.0, 2.0, 3.0])}}, "choices": None}
    head = Head("h", "expression_prediction", "regression", target_index=(3, -1, 5), num_targets=3)
    assert references_of(head, [sample]) == pytest.approx(np.array([[2.0, np.nan, 1.0]]), nan_ok=True)
    plain = {"labels": {"h": {"index": np.arange(2), "value": np.array([1.0, 2.0])}}, "choices": None}
    assert references_of(Head("h", "t", "regression", num_targets=2), [plain]).tolist() == [[1.0, 2.0]]


def test_outcomes_are_days_and_events():
    head = Head("disease_prognosis/any", "disease_prognosis", "survival")
    samples = [{"labels": {head.name: np.array([days, event], np.float32)}} for days, event in ((10.5, 1), (200, 0))]
    assert references_of(head, samples).tolist() == [[10.5, 1], [200, 0]]


def test_a_log_risk_is_one_number_a_row(checkpoint, rows):
    model, processor = load_checkpoint(checkpoint)
    head = Head("disease_prognosis/any", "disease_prognosis", "survival")
    model.add_task(head.config)
    outcome = {head.name: np.array([30.0, 1.0], np.float32)}

    class Followed:
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            samples = SampleDataset(rows).__getitems__(indices)
            return [
                {**sample, "labels": outcome if index else {}} for index, sample in zip(indices, samples, strict=True)
            ]

    found = predict(model, processor, Followed(), [head], progress=False)[head.name]
    batch = MultiMedCollator(processor, [head])(Followed().__getitems__(range(4)))
    with torch.inference_mode():
        output = model(**batch)
    assert found.predictions == pytest.approx(output.logits[head.name][1:, 0].numpy(), abs=1e-5)
    assert found.references.tolist() == [[30.0, 1.0]] * 3
    assert batch["labels"][head.name].isnan().any(1).tolist() == [True, False, False, False]
    # Three who leave together, against Efron: log(3) + log(2) for equal risks.
    assert output.losses[head.name].item() == pytest.approx(np.log(6) / 3, abs=0.05)


def test_unknown_labels_and_open_answers():
    head = Head("h", "t", "multi_label", ("a", "b"))
    sample = {"labels": {"h": np.array([-100, 1], np.float32)}, "choices": None}
    assert references_of(head, [sample]).tolist() == [[-1, 1]]
    closed = {"labels": {"h": 1}, "choices": ["left", "right"]}
    opened = {"labels": {"h": "spleen"}, "choices": None}
    assert references_of(Head("h", "t", "answer"), [closed, opened]) == ["right", "spleen"]


class Relabelled:
    """Rows of a data set that ask something else; every other one asks nothing."""

    def __init__(self, rows, places, labels, every=2):
        self.samples, self.places, self.labels, self.every = SampleDataset(rows), places, labels, every

    def __len__(self):
        return len(self.places)

    def __getitems__(self, indices):
        samples = self.samples.__getitems__([self.places[index] for index in indices])
        return [
            {**sample, "choices": None, "labels": {} if index % self.every else self.labels}
            for index, sample in zip(indices, samples, strict=True)
        ]


def test_open_answers_are_written_for_the_rows_that_ask(checkpoint, predicted, rows):
    model, processor = load_checkpoint(checkpoint)
    end = processor.tokenizer.sep_token_id
    head = Head("medical_question_answering/pubmedqa/open", "medical_question_answering", "answer", head="decoder")
    torch.manual_seed(0)
    model.add_task({**head.config, "end_token_id": end})
    asking = Relabelled(rows, predicted["medical_question_answering/pubmedqa"].rows, {head.name: "in most"})
    for parameter in (*model.heads.tasks[head.name].parameters(), model.get_input_embeddings().weight):
        torch.nn.init.normal_(parameter, std=0.7)
    found = predict(model, processor, asking, [replace(head, end_token_id=end)], batch_size=5, progress=False)[
        head.name
    ]
    assert found.rows.tolist() == list(range(0, len(asking), 2)) and set(found.references) == {"in most"}
    with torch.no_grad():
        for row, text in list(zip(found.rows, found.predictions, strict=True))[:3]:
            batch = MultiMedCollator(processor)(asking.__getitems__([row]))
            written = model.generate_answers(**batch, task=head.name, max_new_tokens=ANSWER_TOKENS)
            assert processor.decode_answers(written, end) == [text]
    assert len(set(found.predictions)) > len(found.rows) / 2


def test_a_head_that_the_model_lacks_is_answered_by_the_texts_of_its_labels(checkpoint, rows, predicted):
    """The same labels in another order give the same scores in that order."""
    model, processor = load_checkpoint(checkpoint)
    own = {"name": "named", "kind": "single_label", "labels": ["x", "y"], "head": "label_text", "label_ids": [[7], [8]]}
    torch.manual_seed(0)
    model.add_task(own)
    texts = ("left fist", "both feet", "eyes closed")
    places = predicted["report_findings/openi_reports"].rows[:6]

    def scores(order):
        head = Head("other/new", "other", "single_label", tuple("abc"), texts=tuple(texts[place] for place in order))
        data = Relabelled(rows, places, {"other/new": 1})
        return predict(model, processor, data, [head], 4, progress=False, zero_shot={"other/new": "named"})["other/new"]

    plain, turned = scores((0, 1, 2)), scores((2, 0, 1))
    assert plain.rows.tolist() == [0, 2, 4] and plain.predictions.shape == (3, 3)
    assert turned.predictions == pytest.approx(plain.predictions[:, [2, 0, 1]], abs=1e-6)
    assert plain.predictions.sum(1) == pytest.approx(np.ones(3)) and plain.predictions.std(1).min() > 1e-6


def test_a_head_that_the_model_lacks_is_refused(model, rows):
    with pytest.raises(ValueError, match=r"Expected heads among .* got 'eye_state/other'"):
        predict(*model, SampleDataset(rows), [Head("eye_state/other", "eye_state", "single_label", ("a", "b"))])
