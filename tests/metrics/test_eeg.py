"""Scores by subject against scikit-learn, one subject at a time."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from multimed_hf.metrics.classification import CLASSIFICATION
from multimed_hf.metrics.eeg import EEG, eeg
from multimed_hf.metrics.rows import Accumulator

NAMES = np.array(["S001", "S002", "S010", "a/b"])
OVERALL = ["subject_mean", "subject_sd", "subject_worst", "subjects", "subjects_one_class"]


def sample(n, classes=3, subjects=4, seed=0):
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.ones(classes), n)
    references = np.where(generator.random(n) < 0.5, probabilities.argmax(axis=1), generator.integers(0, classes, n))
    return probabilities, references, NAMES[generator.integers(0, subjects, n)]


samples = st.builds(sample, st.integers(1, 50), st.integers(2, 4), st.integers(1, 4), st.integers(0, 10_000))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
@settings(max_examples=40)
@given(samples)
def test_equal_to_scikit_learn_by_subject(rows):
    probabilities, references, subjects = rows
    scores = eeg(*rows[:2], subjects=subjects)
    each = {}
    for name in set(subjects):
        own = subjects == name
        each[name] = sk.balanced_accuracy_score(references[own], probabilities[own].argmax(axis=1))
        assert scores[f"balanced_accuracy/{name}"] == pytest.approx(each[name], abs=1e-12)
    values = list(each.values())
    assert sum(key.startswith("balanced_accuracy/") for key in scores) == len(each) == scores["subjects"]
    assert scores["subject_mean"] == pytest.approx(np.mean(values), abs=1e-12)
    assert scores["subject_worst"] == pytest.approx(min(values), abs=1e-12)
    if len(values) > 1:
        assert scores["subject_sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-12)
    else:
        assert np.isnan(scores["subject_sd"])
    assert scores["subjects_one_class"] == sum(len(set(references[subjects == name])) == 1 for name in each)


@settings(max_examples=20)
@given(samples)
def test_classification_is_that_of_all_trials(rows):
    probabilities, references, subjects = rows
    expected = CLASSIFICATION(probabilities, references, ["w", "x", "y", "z"][: probabilities.shape[1]])
    scores = eeg(probabilities, references, ["w", "x", "y", "z"][: probabilities.shape[1]], subjects)
    assert {key: scores[key] for key in expected} == pytest.approx(expected, nan_ok=True)


def test_without_subjects_there_is_classification_only():
    probabilities, references, _ = sample(20)
    expected = CLASSIFICATION(probabilities, references)
    assert eeg(probabilities, references) == pytest.approx(expected, nan_ok=True)


def test_subject_of_one_class_has_the_recall_of_that_class():
    scores = eeg([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [0.1, 0.9]], [0, 0, 0, 1], subjects=["a", "a", "b", "b"])
    assert scores["balanced_accuracy/a"] == 0.5
    assert scores["balanced_accuracy/b"] == 1.0
    assert scores["subject_mean"] == 0.75
    assert scores["subject_sd"] == pytest.approx(np.sqrt(0.125))
    assert scores["subject_worst"] == 0.5
    assert scores["subjects"] == 2
    assert scores["subjects_one_class"] == 1


def test_a_subject_with_many_trials_counts_once():
    scores = eeg([[0.9, 0.1]] * 10, [0] * 9 + [1], subjects=["a"] * 9 + ["b"])
    assert scores["subject_mean"] == 0.5
    assert scores["accuracy"] == 0.9


def test_numbers_name_subjects():
    probabilities, references, _ = sample(20)
    numbers = np.arange(20) % 3
    assert eeg(probabilities, references, subjects=numbers) == pytest.approx(
        eeg(probabilities, references, subjects=[str(number) for number in numbers]), nan_ok=True
    )


@settings(max_examples=20)
@given(samples, st.randoms(use_true_random=False))
def test_order_of_rows_is_without_effect(rows, random):
    order = random.sample(range(len(rows[1])), len(rows[1]))
    probabilities, references, subjects = rows
    got = eeg(probabilities[order], references[order], subjects=subjects[order])
    assert got == pytest.approx(eeg(probabilities, references, subjects=subjects), abs=1e-12, nan_ok=True)


@settings(max_examples=20)
@given(samples, st.integers(0, 1000))
def test_weights_are_repetitions(sampled, seed):
    probabilities, references, subjects = sampled
    rows = EEG.update(probabilities, references, ["w", "x", "y", "z"][: probabilities.shape[1]], subjects)
    weights = np.random.default_rng(seed).poisson(1.0, (4, len(references))).astype(float)
    weights[:, 0] += 1.0
    # A subject whose trials all have one weight is repeated as such, which the next test is about.
    weights = weights[[len(set(zip(subjects, row, strict=True))) > len(set(subjects)) for row in weights]]
    assume(len(weights))
    repeated = [np.repeat(np.arange(len(references)), row.astype(int)) for row in weights]
    expected = [
        eeg(probabilities[i], references[i], ["w", "x", "y", "z"][: probabilities.shape[1]], subjects[i])
        for i in repeated
    ]
    for key in EEG.compute(rows):
        got = EEG.statistic(rows, key)(weights)
        wanted = [scores.get(key, np.nan) for scores in expected]
        assert got == pytest.approx(wanted, abs=1e-12, nan_ok=True), key


@settings(max_examples=20)
@given(samples, st.integers(0, 1000))
def test_a_subject_drawn_twice_is_two_subjects(sampled, seed):
    probabilities, references, subjects = sampled
    names = np.unique(subjects)
    draws = np.random.default_rng(seed).poisson(1.0, len(names))
    draws[0] += 1
    index = [np.flatnonzero(subjects == name) for name, times in zip(names, draws, strict=True) for _ in range(times)]
    copies = np.repeat(np.arange(len(index)), [len(part) for part in index])
    drawn = np.concatenate(index)
    expected = eeg(probabilities[drawn], references[drawn], subjects=copies)
    rows = EEG.update(probabilities, references, subjects=subjects)
    weights = draws[np.searchsorted(names, subjects)].astype(float)[None]
    for key in [*OVERALL, "balanced_accuracy", "auroc"]:
        assert EEG.statistic(rows, key)(weights) == pytest.approx([expected[key]], abs=1e-12, nan_ok=True), key


def test_no_rows_under_a_weighting_is_undefined():
    rows = EEG.update([[0.5, 0.5], [0.2, 0.8]], [0, 0], subjects=["a", "b"])
    for key in ("subject_mean", "subject_sd", "subject_worst"):
        assert np.isnan(EEG.statistic(rows, key)(np.zeros((1, 2))))
    assert EEG.statistic(rows, "subjects")(np.zeros((1, 2))) == [0.0]
    assert np.isnan(EEG.statistic(rows, "balanced_accuracy/a")(np.array([[0.0, 1.0]])))


@settings(max_examples=20)
@given(samples)
def test_bounds(rows):
    scores = eeg(*rows[:2], subjects=rows[2])
    assert 0.0 <= scores["subject_worst"] <= scores["subject_mean"] + 1e-12 <= 1.0 + 2e-12
    assert np.isnan(scores["subject_sd"]) or 0.0 <= scores["subject_sd"] <= np.sqrt(0.5) + 1e-12
    assert 0 <= scores["subjects_one_class"] <= scores["subjects"]


def test_batches_joined_equal_one_shot():
    probabilities, references, subjects = sample(40)
    subjects = np.where(subjects == "S001", "a much longer name", subjects)
    accumulator = Accumulator(EEG, labels=["x", "y", "z"])
    for part in np.split(np.arange(40), [1, 18, 30]):
        accumulator.update(probabilities[part], references[part], subjects=subjects[part])
    assert accumulator.compute() == eeg(probabilities, references, ["x", "y", "z"], subjects)


@pytest.mark.parametrize(
    ("subjects", "message"),
    [
        (["a"], r"2 names or 2 integers, got shape \(1,\) of str; give one per row"),
        ([["a"], ["b"]], r"got shape \(2, 1\)"),
        (["a", None], r"got shape \(2,\) of NoneType, str"),
        (["a", float("nan")], r"got shape \(2,\) of float, str"),
        ([1.0, 2.0], r"of float"),
        (["a", 1], r"of int, str"),
    ],
)
def test_bad_subjects_are_refused(subjects, message):
    with pytest.raises(ValueError, match=message):
        eeg([[0.5, 0.5], [0.5, 0.5]], [0, 1], subjects=subjects)


@pytest.mark.parametrize(
    ("predictions", "references", "labels", "message"),
    [
        ([[0.5, 0.5]], [0, 1], None, "got 1 predictions and 2 references"),
        ([], [], None, "at least one row"),
        ([[np.nan, 0.5]], [0], None, "finite predictions, got nan in row 0"),
        ([[0.5, 0.5]], [2], None, r"references in \[0, 2\), got 2"),
        ([[0.5, 0.502]], [0], None, "add up to 1 in each row"),
        ([0.5], [0], None, r"shape \(n, classes\)"),
        ([[0.5, 0.5]], [0], ["a"], "2 distinct label names"),
    ],
)
def test_bad_input_is_refused(predictions, references, labels, message):
    with pytest.raises(ValueError, match=message):
        eeg(predictions, references, labels, subjects=["a"] * len(references))
