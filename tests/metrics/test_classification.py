"""Single-label scores against scikit-learn, and the choices for classes that are absent."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.metrics import classification


def rows(n, classes, seed=0, present=None):
    """Random distributions and references; where `present` is given the references are among those classes."""
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.ones(classes), n), generator.choice(present or classes, n)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 60))
def test_equal_to_scikit_learn(seed, classes, n):
    probabilities, references = rows(n, classes, seed)
    predicted = probabilities.argmax(axis=1)
    scores = classification(probabilities, references)
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(references, predicted))
    assert scores["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(references, predicted))
    assert scores["macro_f1"] == pytest.approx(sk.f1_score(references, predicted, average="macro"))
    assert scores["weighted_f1"] == pytest.approx(sk.f1_score(references, predicted, average="weighted"))
    assert scores["mcc"] == pytest.approx(sk.matthews_corrcoef(references, predicted), abs=1e-12)
    if len(set(references) | set(predicted)) > 1:
        assert scores["kappa"] == pytest.approx(sk.cohen_kappa_score(references, predicted), abs=1e-12)
    truth = references[:, None] == np.arange(classes)
    assert scores["brier"] == pytest.approx(((probabilities - truth) ** 2).sum() / n)
    present = [c for c in range(classes) if 0 < (references == c).sum() < n]
    assert scores["classes_absent"] == classes - len(set(references))
    if present:
        expected = np.mean([sk.roc_auc_score(references == c, probabilities[:, c]) for c in present])
        assert scores["auroc"] == pytest.approx(expected)
    else:
        assert np.isnan(scores["auroc"])


def test_auroc_and_brier_are_scikit_learns_multiclass_forms():
    probabilities, references = rows(100, 4)
    scores = classification(probabilities, references)
    assert scores["auroc"] == pytest.approx(sk.roc_auc_score(references, probabilities, multi_class="ovr"))
    assert scores["brier"] == pytest.approx(sk.brier_score_loss(references, probabilities, scale_by_half=False))


def test_top_k_is_scikit_learns_and_ties_go_to_the_first():
    probabilities, references = rows(80, 5)
    scores = classification(probabilities, references, top_k=(1, 3, 5))
    assert scores["top_1_accuracy"] == scores["accuracy"]
    assert scores["top_3_accuracy"] == pytest.approx(sk.top_k_accuracy_score(references, probabilities, k=3))
    assert scores["top_5_accuracy"] == 1.0
    # All equally probable: the first two columns are the first two places.
    even = classification(np.full((4, 4), 0.25), [0, 1, 2, 3], top_k=(2,))
    assert (even["top_2_accuracy"], even["accuracy"]) == (0.5, 0.25)
    for k in (0, 6):
        with pytest.raises(ValueError, match=rf"top_k in \[1, 5\], got {k}"):
            classification(probabilities, references, top_k=(1, k))


def test_calibration_error_is_that_of_a_loop_over_bins():
    probabilities, references = rows(300, 3)
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == references
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (top > low) & (top <= low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(top[inside].mean() - right[inside].mean())
    assert classification(probabilities, references)["ece"] == pytest.approx(expected)


def test_upper_end_of_a_calibration_bin_belongs_to_it():
    scores = classification([[0.6, 0.4], [0.59, 0.41]], [0, 1])
    assert scores["ece"] == pytest.approx(abs((0.6 - 1) + 0.59) / 2)


def test_a_confident_and_right_model_is_calibrated():
    scores = classification(np.eye(3), [0, 1, 2])
    assert scores["ece"] == 0.0
    assert scores["brier"] == 0.0


def test_class_without_reference_is_left_out_and_counted():
    probabilities = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]
    scores = classification(probabilities, [0, 1, 1], labels=["a", "b", "c"])
    assert scores["balanced_accuracy"] == pytest.approx(0.75)
    assert scores["classes_absent"] == 1
    assert "recall/c" not in scores
    assert scores["recall/b"] == 0.5
    assert scores["f1/c"] == 0.0


def test_one_class_only_shows_no_skill():
    scores = classification([[0.9, 0.1], [0.8, 0.2]], [0, 0])
    assert scores["kappa"] == 0.0
    assert scores["mcc"] == 0.0
    assert np.isnan(scores["auroc"])


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([[0.5, 0.5]], [0, 1], "got 1 predictions and 2 references"),
        ([], [], "at least one row"),
        ([[np.nan, 0.5]], [0], "finite predictions, got nan in row 0"),
        ([[np.inf, 0.5]], [0], "finite predictions, got inf"),
        ([[0.5, 0.5]], [2], r"references in \[0, 2\), got 2 in row 0"),
        ([[0.5, 0.5]], [-1], r"references in \[0, 2\), got -1"),
        ([[0.5, 0.5]], [0.5], "integers"),
        ([[0.5, 0.5]], ["cat"], "integers"),
        ([[0.5, 0.5]], [[0]], r"shape \(n,\), got shape \(1, 1\)"),
        ([[0.5, 0.502]], [0], "add up to 1 in each row, got a sum of 1.002"),
        ([[-1.0, 2.0]], [0], r"probabilities in \[0, 1\], got values from -1 to 2"),
        ([[1.0]], [0], "at least 2 classes, got 1"),
        ([0.5, 0.5], [0, 1], r"shape \(n, classes\), got shape \(2,\)"),
        ([[0.5, 0.5], [1.0]], [0, 1], "same number of values"),
    ],
)
def test_bad_input_is_refused(predictions, references, message):
    with pytest.raises(ValueError, match=message):
        classification(predictions, references)


@pytest.mark.parametrize("labels", [["a"], ["a", "a"]])
def test_labels_must_name_every_class_once(labels):
    with pytest.raises(ValueError, match="2 distinct label names"):
        classification([[0.5, 0.5]], [0], labels=labels)


def test_single_precision_softmax_is_accepted():
    logits = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert classification(probabilities, np.zeros(50, dtype=np.int64))["classes_absent"] == 6
