"""`pipeline("multimed-classification")`: raw values in, named probabilities out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import pipeline

from multimed_hf.models import MultiMedPipeline
from multimed_hf.models.configuration_multimed import MODALITIES


@pytest.fixture(scope="module")
def folder(tester, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tester.model().save_pretrained(folder)
    tester.processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def sample(tester):
    sample = tester.sample(np.random.default_rng(3), MODALITIES)
    return {**sample, "text": ("the question", "heart size is normal"), "choices": ["no", "maybe", "yes"]}


def test_predictions_are_those_of_the_model(folder, sample, tester):
    predict = pipeline("multimed-classification", model=str(folder))
    assert isinstance(predict, MultiMedPipeline)
    found = predict(sample)
    model = tester.model()
    with torch.no_grad():
        logits = model(**tester.batch([{name: sample[name] for name in MODALITIES}], [sample["choices"]])).logits
    assert list(found) == [task["name"] for task in model.config.tasks]
    for task in model.config.tasks:
        name, kind = task["name"], task["kind"]
        if kind in ("structure", "regression", "survival"):
            # Coordinates add up what rounding does to every residue before.
            np.testing.assert_allclose(found[name], logits[name][0], atol=1e-4)
            if kind == "structure":
                assert np.shape(found[name]) == (len(sample["protein"]), 3, 3)
        else:
            labels = sample["choices"] if kind == "answer" else task["labels"]
            scores = [answer["score"] for answer in found[name]]
            assert scores == sorted(scores, reverse=True)
            expected = logits[name][0].sigmoid() if kind == "multi_label" else logits[name][0].softmax(0)
            by_label = {answer["label"]: answer["score"] for answer in found[name]}
            assert [by_label[label] for label in labels] == pytest.approx(expected.tolist(), abs=1e-5)
            if kind != "multi_label":
                assert sum(scores) == pytest.approx(1, abs=1e-4)


def test_named_labels_open_answers_and_risks(tester, tmp_path):
    model = tester.model(tester.config(["text", "scrna"], ["label_text", "label_texts", "decoder", "survival"]))
    model.save_pretrained(tmp_path)
    tester.processor.save_pretrained(tmp_path)
    sample = tester.sample(np.random.default_rng(3), ["text", "scrna"])
    found = pipeline("multimed-classification", model=str(tmp_path))(sample)
    batch = tester.batch([sample])
    with torch.no_grad():
        logits, written = model(**batch).logits, model.generate_answers(**batch)[0]
    for name, scores in (("disease/named", logits["disease/named"].softmax(1)), ("findings/named", None)):
        scores = logits[name].sigmoid() if scores is None else scores
        by_label = {answer["label"]: answer["score"] for answer in found[name]}
        labels = next(task["labels"] for task in model.config.tasks if task["name"] == name)
        assert [by_label[label] for label in labels] == pytest.approx(scores[0].tolist(), abs=1e-5)
    assert found["prognosis/two"] == pytest.approx(logits["prognosis/two"][0].tolist(), abs=1e-5)
    words = [token for token in written.tolist() if token != 0]
    assert found["question/open"] == tester.tokenizer.decode(words) != ""


def test_labels_may_be_given(tester, tmp_path):
    model = tester.model(tester.config(["text", "scrna"], ["single_label", "label_text", "label_texts", "decoder"]))
    model.save_pretrained(tmp_path)
    tester.processor.save_pretrained(tmp_path)
    predict = pipeline("multimed-classification", model=str(tmp_path))
    sample = tester.sample(np.random.default_rng(3), ["text", "scrna"])
    labels = ["pleural effusion", "normal heart", "maybe"]
    found = predict(sample, candidate_labels=labels)
    assert list(found) == ["disease/named", "findings/named"]
    ids = tester.processor.encode_labels(labels)
    for name, scores in found.items():
        logits = model.zero_shot(**tester.batch([sample]), label_ids=ids, task=name)[0]
        expected = logits.softmax(0) if name == "disease/named" else logits.sigmoid()
        by_label = {one["label"]: one["score"] for one in scores}
        assert [by_label[label] for label in labels] == pytest.approx(expected.tolist(), abs=1e-5)
    # In another order, and as one text: the same.
    again = predict(sample, candidate_labels="maybe, pleural effusion, normal heart")
    for name, scores in found.items():
        assert [one["label"] for one in again[name]] == [one["label"] for one in scores]
        assert [one["score"] for one in again[name]] == pytest.approx([one["score"] for one in scores], abs=1e-6)
    assert list(predict(sample, candidate_labels=labels, tasks=["findings/named"])) == ["findings/named"]
    with pytest.raises(ValueError, match=r"head 'label_text' to compare candidate_labels with.*\['question/open'\]"):
        predict(sample, candidate_labels=labels, tasks=["question/open"])
    with pytest.raises(ValueError, match="one or more candidate_labels"):
        predict(sample, candidate_labels=[])


def test_only_what_can_be_asked_and_is_asked(folder):
    predict = pipeline("multimed-classification", model=str(folder))
    found = predict({"text": "no acute disease", "eeg": None})
    assert found.keys() == {"cell_type/ten", "findings/openi", "grade/five", "expression/pbmc", "prognosis/two"}
    assert list(predict({"protein": "MKV"}, tasks=["structure/backbone"])) == ["structure/backbone"]
    several = predict([{"text": "normal"}, {"genomics": "ACGT"}], tasks=["grade/five"])
    assert [list(each) for each in several] == [["grade/five"]] * 2


def test_unknown_modality_is_refused(folder):
    with pytest.raises(ValueError, match=r"got \['ecg'\] as well"):
        pipeline("multimed-classification", model=str(folder))({"text": "normal", "ecg": [1.0]})


def test_saved_by_its_parts_it_predicts_the_same(folder, sample, tmp_path):
    predict = pipeline("multimed-classification", model=str(folder))
    predict.model.save_pretrained(tmp_path)
    predict.processor.save_pretrained(tmp_path)
    again = pipeline("multimed-classification", model=str(tmp_path))
    assert again(sample) == predict(sample)
