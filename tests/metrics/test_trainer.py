"""`compute_metrics` of Trainer, from arrays as Trainer hands them over; with a model it is tested beside the model."""

from types import SimpleNamespace

import numpy as np
import pytest

from multimed_hf.metrics import (
    answer,
    classification,
    compute_metrics_for,
    multilabel,
    ordinal,
    regression,
    structure,
    survival,
)

GENERATOR = np.random.default_rng(0)
N = 12


def prediction(predictions, label_ids):
    return SimpleNamespace(predictions=predictions, label_ids=label_ids)


def softmax(logits):
    odds = np.exp(logits)
    return odds / odds.sum(axis=1, keepdims=True)


def scalars(scores, prefix=""):
    return {prefix + key: pytest.approx(value, nan_ok=True) for key, value in scores.items() if "/" not in key}


def test_one_task_of_any_model_has_plain_keys():
    logits, labels = GENERATOR.normal(size=(N, 3)), GENERATOR.integers(3, size=N)
    expected = scalars(classification(softmax(logits), labels))
    assert compute_metrics_for("splice_site")(prediction(logits, labels)) == expected
    # Models that return more than logits hand over a tuple.
    assert compute_metrics_for(["classification"])(prediction((logits, labels), labels)) == expected


def test_rows_that_do_not_ask_take_no_part():
    logits, labels = GENERATOR.normal(size=(N, 20)), GENERATOR.integers(20, size=N)
    asked = np.arange(N) % 3 > 0
    months = {"class_values": 12.0 * np.arange(20) + 6, "within": (6, 12)}
    found = compute_metrics_for("bone_age_classification/years")(prediction(logits, np.where(asked, labels, -100)))
    assert found == scalars(ordinal(softmax(logits[asked]), labels[asked], **months))


def test_heads_are_scored_each_by_its_own_metric():
    values, targets = GENERATOR.normal(size=(N, 3)), GENERATOR.normal(size=(N, 3))
    targets[0], targets[1, 0] = np.nan, np.nan
    logits, labels = GENERATOR.normal(size=(N, 2)), GENERATOR.integers(2, size=(N, 2)).astype(float)
    labels[2], labels[3, 1] = -100, -100
    tasks = [
        {"name": "expression_prediction/genes", "kind": "regression"},
        {"name": "report_findings/openi", "kind": "multi_label"},
        {"name": "eye_state/uci", "kind": "single_label"},
    ]
    names = [task["name"] for task in tasks]
    found = compute_metrics_for(tasks)(
        prediction(
            dict(zip(names, (values, logits, logits), strict=True)),
            dict(zip(names, (targets, labels, np.full(N, -100)), strict=True)),
        )
    )
    kept = np.arange(N) != 2
    known = np.where(labels[kept] == -100, -1, labels[kept])
    assert found == {
        **scalars(regression(values[1:], targets[1:]), "expression_prediction/genes/"),
        **scalars(multilabel(1 / (1 + np.exp(-logits[kept])), known), "report_findings/openi/"),
    }


def test_heads_without_labels_are_left_out():
    logits, labels = GENERATOR.normal(size=(N, 3)), GENERATOR.integers(3, size=N)
    given = prediction({"eye_state/a": logits, "splice_site/b": logits}, {"splice_site/b": labels})
    found = compute_metrics_for(["eye_state/a", "splice_site/b"])(given)
    assert found == scalars(classification(softmax(logits), labels), "splice_site/b/")


def test_chains_end_where_their_padding_begins():
    true, predicted = (GENERATOR.normal(size=(4, 9, 3, 3)) * 5 for _ in range(2))
    resolved = np.ones((4, 9), dtype=int)
    resolved[0, 2], resolved[1, 6:], resolved[2], resolved[3] = 0, -100, 0, -100
    resolved[1, 5] = 0  # not resolved, but of the chain: it counts in its length
    found = compute_metrics_for("protein_structure_prediction")(
        prediction(predicted, {"backbone": true, "resolved": resolved})
    )
    masked = np.where(resolved[:, :, None] == 1, true[:, :, 1], np.nan)
    assert found == scalars(structure([predicted[0, :, 1], predicted[1, :6, 1]], [masked[0], masked[1, :6]]))


def test_the_candidate_chosen_is_the_answer_and_padding_never():
    logits = np.array([[-150.0, -120.0, -100.0], [3.0, 1.0, 2.0], [0.0, 1.0, -100.0], [0.0, 0.0, 0.0]])
    found = compute_metrics_for("medical_question_answering")(prediction(logits, np.array([1, 2, 1, -100])))
    assert found == scalars(answer(["1", "0", "1"], ["1", "2", "1"]))
    empty = compute_metrics_for("medical_question_answering")(prediction(np.zeros((4, 0)), np.full(4, -100)))
    assert empty == {}


def test_open_answers_are_right_if_every_token_is_the_likeliest():
    labels = np.array([[3, 1, 0], [2, 0, -100], [4, 0, -100], [-100] * 3])
    likeliest = np.array([[3, 1, 0], [2, 0, 4], [4, 4, 0], [1, 1, 1]])
    logits = np.full((4, 3, 5), -100.0)
    np.put_along_axis(logits, likeliest[..., None], -99.0, 2)
    name = "medical_question_answering/pubmedqa/open"
    entry = {"name": name, "kind": "answer", "head": "decoder", "end_token_id": 0}
    for tasks, given in ((name, logits), (entry, logits), ([entry], likeliest)):
        assert compute_metrics_for(tasks)(prediction(given, labels)) == {"exact_match": pytest.approx(2 / 3)}
    other = "medical_question_answering/pubmedqa"
    both = {name: logits, other: np.eye(4)}
    found = compute_metrics_for([entry, other])(prediction(both, {name: labels, other: np.array([0, 1, -100, 0])}))
    assert found[f"{name}/exact_match"] == pytest.approx(2 / 3) and found[f"{other}/accuracy"] == pytest.approx(2 / 3)
    assert compute_metrics_for(name)(prediction(logits, np.full((4, 3), -100))) == {}


def test_log_risks_are_scored_against_outcomes():
    risks = GENERATOR.normal(size=(N, 1))
    outcomes = np.stack([GENERATOR.exponential(size=N) * 100 + 1, GENERATOR.random(N) < 0.8], axis=1)
    outcomes[[2, 5]] = np.nan
    kept = ~np.isnan(outcomes[:, 0])
    found = compute_metrics_for("disease_prognosis/any")(prediction(risks, outcomes))
    assert found == scalars(survival(risks[kept, 0], outcomes[kept])) and np.isfinite(found["uno_c"])


@pytest.mark.parametrize(
    ("tasks", "given", "message"),
    [
        ([], None, "at least one task, got none"),
        ("eye_stat", None, "Did you mean 'eye_state'"),
        ("disease_prognosis", (np.zeros((3, 1)), np.zeros(3)), r"\(n, 1\) and \(n, 2\), got \(3, 1\) and \(3,\)"),
        (["segmentation"], None, "scored from logits and labels"),
        (["eye_state", "splice_site"], (np.zeros((2, 3)), np.zeros(2)), "as a dict by task for 2 tasks, got ndarray"),
        ("eye_state/uci", ({"other": np.zeros((2, 3))}, {"eye_state/uci": np.zeros(2)}), "got those of other"),
        (
            "eye_state/uci",
            ({"eye_state/uci": np.zeros((2, 3))}, {"other": np.zeros(2)}),
            "label_ids of 'eye_state/uci', got",
        ),
        ("eye_state", (np.zeros((2, 3)), np.zeros(3)), r"shapes \(n, classes\) and \(n,\), got \(2, 3\) and \(3,\)"),
        ("expression_prediction", (np.zeros((2, 3)), np.zeros((2, 4))), r"got \(2, 3\) and \(2, 4\)"),
        (
            "protein_structure_prediction",
            (np.zeros((2, 3, 3)), np.zeros((2, 3, 3))),
            "backbone and resolved, got ndarray",
        ),
        ("medical_question_answering", (np.zeros((2, 0)), np.zeros(2)), r"got \(2, 0\)"),
        ("medical_question_answering/a/open", (np.zeros((2, 3, 5)), np.zeros((2, 4))), r"got \(2, 3, 5\) and \(2, 4\)"),
        ("eye_state", (np.full((2, 3), np.nan), np.zeros(2)), "finite predictions"),
    ],
)
def test_bad_input_is_refused(tasks, given, message):
    with pytest.raises(ValueError, match=message):
        compute_metrics_for(tasks)(prediction(*given))
