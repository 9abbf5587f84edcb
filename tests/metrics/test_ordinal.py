"""Ordinal scores against scikit-learn and by hand."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.metrics import ordinal


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 60))
def test_equal_to_scikit_learn(seed, classes, n):
    generator = np.random.default_rng(seed)
    probabilities, references = generator.dirichlet(np.ones(classes), n), generator.integers(classes, size=n)
    predicted, expected = probabilities.argmax(axis=1), probabilities @ np.arange(classes)
    scores = ordinal(probabilities, references)
    if len(set(references) | set(predicted)) > 1:
        kappa = sk.cohen_kappa_score(references, predicted, labels=range(classes), weights="quadratic")
        assert scores["quadratic_weighted_kappa"] == pytest.approx(kappa, abs=1e-12)
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(references, predicted))
    assert scores["mae"] == pytest.approx(sk.mean_absolute_error(references, expected))
    errors = np.abs(expected - references)
    per_class = [errors[references == c].mean() for c in set(references)]
    assert scores["macro_mae"] == pytest.approx(np.mean(per_class))


def test_values_of_classes_give_errors_in_their_unit():
    probabilities = [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    scores = ordinal(
        probabilities, [0, 2], class_values=[6, 18, 30], reference_values=[3.0, 29.0], within=(6, 12), positive_from=2
    )
    assert scores["mae"] == pytest.approx((9 + 1) / 2)
    assert scores["accuracy_within_6"] == 0.5
    assert scores["accuracy_within_12"] == 1.0
    assert scores["auroc_from_2"] == 1.0


def test_area_from_a_class_is_that_of_its_upper_tail():
    generator = np.random.default_rng(0)
    probabilities, references = generator.dirichlet(np.ones(5), 100), generator.integers(5, size=100)
    expected = sk.roc_auc_score(references >= 2, probabilities[:, 2:].sum(axis=1))
    assert ordinal(probabilities, references, positive_from=2)["auroc_from_2"] == pytest.approx(expected)


def test_one_class_only_shows_no_skill():
    assert ordinal([[0.9, 0.1]], [0])["quadratic_weighted_kappa"] == 0.0


@pytest.mark.parametrize(
    ("predictions", "references", "kwargs", "message"),
    [
        ([[0.5, 0.5]], [0, 1], {}, "got 1 predictions and 2 references"),
        ([], [], {}, "at least one row"),
        ([[np.nan, 0.5]], [0], {}, "finite predictions"),
        ([[0.5, 0.6]], [0], {}, "add up to 1"),
        ([[0.5, 0.5]], [2], {}, r"\[0, 2\), got 2"),
        ([[0.5, 0.5]], [0], {"class_values": [1.0]}, "2 ascending numbers"),
        ([[0.5, 0.5]], [0], {"class_values": [2.0, 1.0]}, "2 ascending numbers"),
        ([[0.5, 0.5]], [0], {"reference_values": [1.0, 2.0]}, "1 finite numbers"),
        ([[0.5, 0.5]], [0], {"reference_values": [np.nan]}, "1 finite numbers"),
        ([[0.5, 0.5]], [0], {"positive_from": 0}, r"\[1, 2\), got 0"),
        ([[0.5, 0.5]], [0], {"positive_from": 2}, r"\[1, 2\), got 2"),
    ],
)
def test_bad_input_is_refused(predictions, references, kwargs, message):
    with pytest.raises(ValueError, match=message):
        ordinal(predictions, references, **kwargs)
