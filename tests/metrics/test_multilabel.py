"""Multi-label scores against scikit-learn, with unknown labels and labels of one value."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.metrics import best_f1_thresholds, multilabel


def rows(n=200, labels=4, seed=0, lowest=-1):
    generator = np.random.default_rng(seed)
    return generator.random((n, labels)).round(2), generator.integers(lowest, 2, (n, labels))


def test_equal_to_scikit_learn_on_the_known_entries():
    probabilities, references = rows()
    thresholds = [0.3, 0.5, 0.6, 0.9]
    scores = multilabel(probabilities, references, labels="abcd", thresholds=thresholds)
    areas, precisions, f1 = [], [], []
    for name, p, r, threshold in zip("abcd", probabilities.T, references.T, thresholds, strict=True):
        p, r = p[r >= 0], r[r >= 0]
        areas.append(sk.roc_auc_score(r, p))
        precisions.append(sk.average_precision_score(r, p))
        f1.append(sk.f1_score(r, p >= threshold))
        assert scores[f"auroc/{name}"] == pytest.approx(areas[-1])
        assert scores[f"average_precision/{name}"] == pytest.approx(precisions[-1])
    assert scores["macro_auroc"] == pytest.approx(np.mean(areas))
    assert scores["macro_average_precision"] == pytest.approx(np.mean(precisions))
    assert scores["macro_f1"] == pytest.approx(np.mean(f1))
    known = references >= 0
    assert scores["micro_auroc"] == pytest.approx(sk.roc_auc_score(references[known], probabilities[known]))
    pooled = sk.average_precision_score(references[known], probabilities[known])
    assert scores["micro_average_precision"] == pytest.approx(pooled)
    called = (probabilities >= thresholds)[known]
    assert scores["micro_f1"] == pytest.approx(sk.f1_score(references[known], called))
    assert scores["f1/b"] == pytest.approx(f1[1])
    assert scores["labels_skipped"] == 0


def test_whole_matrix_without_unknowns_is_scikit_learns_macro():
    probabilities, references = rows(lowest=0)
    scores = multilabel(probabilities, references)
    assert scores["macro_auroc"] == pytest.approx(sk.roc_auc_score(references, probabilities, average="macro"))
    assert scores["macro_f1"] == pytest.approx(sk.f1_score(references, probabilities >= 0.5, average="macro"))


def test_labels_of_one_known_value_are_skipped_and_counted():
    probabilities = [[0.9, 0.1, 0.5], [0.2, 0.9, 0.5], [0.4, 0.3, 0.5]]
    references = [[1, 1, 0], [0, -1, 0], [0, 1, -1]]
    scores = multilabel(probabilities, references)
    assert scores["labels_skipped"] == 2
    assert scores["macro_auroc"] == 1.0
    assert set(scores) >= {"auroc/0"}
    assert "auroc/1" not in scores and "average_precision/2" not in scores


def test_scores_over_no_label_are_nan():
    scores = multilabel([[0.9], [0.1]], [[1], [1]])
    assert scores["labels_skipped"] == 1
    assert np.isnan(scores["macro_auroc"]) and np.isnan(scores["micro_auroc"]) and np.isnan(scores["macro_f1"])
    assert np.isnan(scores["micro_average_precision"]) and np.isnan(scores["oracle_macro_f1"])


def test_unknown_entries_do_not_matter():
    probabilities, references = rows()
    other = np.where(references == -1, 1 - probabilities, probabilities)
    assert multilabel(probabilities, references) == pytest.approx(multilabel(other, references))


def test_the_oracle_is_the_best_of_all_thresholds_and_no_threshold_beats_it():
    probabilities, references = rows(60, 3, seed=4)
    best = []
    for p, r in zip(probabilities.T, references.T, strict=True):
        p, r = p[r >= 0], r[r >= 0]
        best.append(max(sk.f1_score(r, p >= threshold) for threshold in p))
    scores = multilabel(probabilities, references, thresholds=best_f1_thresholds(probabilities, references))
    assert scores["oracle_macro_f1"] == pytest.approx(np.mean(best))
    assert scores["macro_f1"] == pytest.approx(scores["oracle_macro_f1"])
    assert multilabel(probabilities, references, thresholds=[0.9] * 3)["macro_f1"] < scores["oracle_macro_f1"]


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(1, 15))
def test_thresholds_reach_the_best_f1_of_any(seed, n):
    probabilities, references = rows(n, 2, seed)
    probabilities = probabilities.round(1)  # many ties
    for column, threshold in enumerate(best_f1_thresholds(probabilities, references)):
        known = references[:, column] >= 0
        p, r = probabilities[known, column], references[known, column]
        if not (r == 1).any():
            assert threshold == 0.5
            continue
        f1 = {t: sk.f1_score(r, p >= t) for t in p}
        assert f1[threshold] == pytest.approx(max(f1.values()))
        assert all(t <= threshold for t, value in f1.items() if value > f1[threshold] - 1e-12)


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([[0.5]], [[0], [1]], "got 1 predictions and 2 references"),
        ([], [], "at least one row"),
        ([[0.5]], [[0, 1]], r"one shape \(n, labels\), got \(1, 1\) and \(1, 2\)"),
        ([[np.nan]], [[0]], "finite predictions"),
        ([[3.2]], [[0]], "apply softmax or sigmoid"),
        ([[0.5]], [[2]], r"-1 \(unknown\), got 2"),
        ([[0.5]], [[np.nan]], "finite references"),
        ([[0.5]], [["present"]], "references as numbers"),
    ],
)
def test_bad_input_is_refused(predictions, references, message):
    with pytest.raises(ValueError, match=message):
        multilabel(predictions, references)


@pytest.mark.parametrize("thresholds", [[0.5, 0.5], [np.nan], 0.5])
def test_thresholds_must_be_one_a_label(thresholds):
    with pytest.raises(ValueError, match="1 finite thresholds"):
        multilabel([[0.5]], [[1]], thresholds=thresholds)
