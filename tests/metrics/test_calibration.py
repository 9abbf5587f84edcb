"""Calibration and selective prediction against scikit-learn, loops over bins and written-out averages over orders."""

import itertools

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from multimed_hf.metrics.calibration import (
    CALIBRATION,
    brier_scores,
    calibration,
    expected_calibration_error,
    reliability,
)
from multimed_hf.metrics.rows import Accumulator

KEYS = [
    "ece",
    "mce",
    "adaptive_ece",
    "classwise_ece",
    "brier",
    "nll",
    "aurc",
    "e_aurc",
    "accuracy_at_coverage_80",
    "accuracy_at_coverage_90",
    "coverage_at_risk_5",
]


def sample(n, classes, seed=0, tied=False):
    """Random distributions, in tenths where `tied`, and references that mostly follow them."""
    generator = np.random.default_rng(seed)
    if tied:
        probabilities = generator.multinomial(10, np.ones(classes) / classes, n) / 10.0
    else:
        probabilities = generator.dirichlet(np.ones(classes), n)
    references = np.where(generator.random(n) < 0.6, probabilities.argmax(axis=1), generator.integers(0, classes, n))
    return probabilities, references


samples = st.builds(sample, st.integers(1, 60), st.integers(2, 5), st.integers(0, 10_000), st.booleans())


def binned_gaps(confidence, correct, bins):
    """(share of rows, gap) of each bin that holds rows, one row and one bin after the other."""
    members = {}
    for probability, right in zip(confidence, correct, strict=True):
        index = next(i for i in range(bins) if probability <= (i + 1) / bins)
        members.setdefault(index, []).append((probability, float(right)))
    for rows in members.values():
        yield len(rows) / len(confidence), abs(sum(p for p, _ in rows) - sum(c for _, c in rows)) / len(rows)


@settings(max_examples=50)
@given(samples, st.integers(1, 20))
def test_equal_to_loops_over_bins(rows, bins):
    probabilities, references = rows
    scores = calibration(probabilities, references, bins)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == references
    gaps = list(binned_gaps(confidence, correct, bins))
    assert scores["ece"] == pytest.approx(sum(share * gap for share, gap in gaps), abs=1e-12)
    assert scores["mce"] == pytest.approx(max(gap for _, gap in gaps), abs=1e-12)
    of_classes = [
        sum(share * gap for share, gap in binned_gaps(probabilities[:, c], references == c, bins))
        for c in range(probabilities.shape[1])
    ]
    assert scores["classwise_ece"] == pytest.approx(np.mean(of_classes), abs=1e-12)


@pytest.mark.parametrize(("n", "bins"), [(60, 15), (60, 1), (15, 15), (300, 10)])
def test_adaptive_error_is_that_of_equal_slices_of_sorted_rows(n, bins):
    probabilities, references = sample(n, 3)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == references
    order = np.argsort(confidence)
    expected = np.mean([abs((confidence - correct)[part].mean()) for part in np.split(order, bins)])
    assert calibration(probabilities, references, bins)["adaptive_ece"] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30)
@given(samples, st.integers(1, 6))
def test_adaptive_error_shares_out_ties_and_rows_across_bins(rows, bins):
    probabilities, references = rows
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == references
    mean_correct = [correct[confidence == value].mean() for value in confidence]
    # Each row in `bins` equal pieces: then every bin holds n whole pieces.
    pieces = np.repeat(np.sort(confidence) - np.array(mean_correct)[np.argsort(confidence)], bins)
    expected = np.mean([abs(part.mean()) for part in np.split(pieces, bins)])
    assert calibration(probabilities, references, bins)["adaptive_ece"] == pytest.approx(expected, abs=1e-12)


def test_adaptive_error_of_one_confidence_is_its_distance_from_the_accuracy():
    scores = calibration([[0.7, 0.3]] * 10, [0] * 4 + [1] * 6)
    assert scores["adaptive_ece"] == pytest.approx(0.3)
    assert scores["ece"] == pytest.approx(0.3)
    assert scores["mce"] == pytest.approx(0.3)


@settings(max_examples=30)
@given(samples)
def test_proper_scores_are_scikit_learns(rows):
    probabilities, references = rows
    classes = list(range(probabilities.shape[1]))
    scores = calibration(probabilities, references)
    assert scores["nll"] == pytest.approx(sk.log_loss(references, probabilities, labels=classes), abs=1e-12)
    if len(classes) > 2:
        expected = sk.brier_score_loss(references, probabilities, labels=classes, scale_by_half=False)
    else:
        expected = 2.0 * sk.brier_score_loss(references, probabilities[:, 1], labels=classes)
    assert scores["brier"] == pytest.approx(expected, abs=1e-12)
    assert brier_scores(probabilities, references).mean() == pytest.approx(expected, abs=1e-12)


def test_a_wrong_certain_row_costs_a_finite_likelihood():
    assert calibration([[1.0, 0.0]], [1])["nll"] == pytest.approx(36.04, abs=5e-3)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from([0.6, 0.7, 0.9]), st.booleans()), min_size=1, max_size=6))
def test_selective_scores_are_means_over_all_orders_of_ties(rows):
    confidence, correct = np.array(rows).T
    probabilities = np.stack([confidence, 1.0 - confidence], axis=1)
    scores = calibration(probabilities, np.where(correct == 1, 0, 1))
    n = len(rows)
    orders = [o for o in itertools.permutations(range(n)) if (np.diff(confidence[list(o)]) <= 0).all()]
    wrong = 1.0 - correct

    def area(errors):
        return np.mean([errors[: k + 1].mean() for k in range(n)])

    assert scores["aurc"] == pytest.approx(np.mean([area(wrong[list(o)]) for o in orders]), abs=1e-12)
    assert scores["e_aurc"] == pytest.approx(scores["aurc"] - area(np.sort(wrong)), abs=1e-12)
    for share in (80, 90):
        kept = -(-share * n // 100)
        expected = np.mean([correct[list(o)][:kept].mean() for o in orders])
        assert scores[f"accuracy_at_coverage_{share}"] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30)
@given(samples)
def test_coverage_is_the_largest_over_all_thresholds(rows):
    probabilities, references = rows
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == references
    expected = max(
        [0.0] + [(confidence >= t).mean() for t in confidence if (~correct[confidence >= t]).mean() <= 0.05 + 1e-12]
    )
    assert calibration(probabilities, references)["coverage_at_risk_5"] == pytest.approx(expected, abs=1e-12)


def test_one_error_in_twenty_rows_is_a_risk_of_five_per_cent():
    confident = [[0.9, 0.1]] * 20
    assert calibration([*confident, [0.6, 0.4]], [0] * 19 + [1, 1])["coverage_at_risk_5"] == pytest.approx(20 / 21)


def test_risk_coverage_worked_by_hand():
    # In order of confidence right, wrong, right: risks 0, 1/2, 1/3; with the wrong one last 0, 0, 1/3.
    scores = calibration([[0.7, 0.3], [0.9, 0.1], [0.8, 0.2]], [0, 0, 1])
    assert scores["aurc"] == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    assert scores["e_aurc"] == pytest.approx((1 / 2) / 3)
    assert scores["coverage_at_risk_5"] == pytest.approx(1 / 3)
    assert scores["accuracy_at_coverage_80"] == pytest.approx(2 / 3)


def test_certain_and_right_is_perfect_and_certain_and_wrong_the_worst():
    right, wrong = calibration(np.eye(3), [0, 1, 2]), calibration(np.eye(2), [1, 0])
    for key in ("ece", "mce", "adaptive_ece", "classwise_ece", "brier", "nll", "aurc", "e_aurc"):
        assert right[key] == 0.0
    for key in ("ece", "mce", "adaptive_ece", "classwise_ece", "aurc"):
        assert wrong[key] == 1.0
    assert wrong["brier"] == 2.0
    assert wrong["e_aurc"] == 0.0
    assert wrong["coverage_at_risk_5"] == 0.0
    assert right["coverage_at_risk_5"] == 1.0


@pytest.mark.parametrize("bins", [1, 5, 7, 15, 100])
def test_upper_edge_of_a_bin_belongs_to_it(bins):
    edges = np.array([edge for edge in np.arange(1, bins + 1) / bins if edge >= 0.5])
    diagram = reliability(np.stack([edges, 1.0 - edges], axis=1), np.zeros(len(edges), dtype=int), bins)
    filled = diagram.counts > 0
    assert diagram.counts.max() == 1
    assert np.array_equal(diagram.edges[1:][filled], edges)


@settings(max_examples=30)
@given(samples)
def test_reliability_is_scikit_learns_curve(rows):
    probabilities, references = rows
    diagram = reliability(probabilities, references, bins=8)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == references
    accuracy, mean_confidence = calibration_curve(correct, confidence, n_bins=8)
    filled = diagram.counts > 0
    assert diagram.accuracy[filled] == pytest.approx(accuracy, abs=1e-12)
    assert diagram.confidence[filled] == pytest.approx(mean_confidence, abs=1e-12)
    assert np.isnan(diagram.accuracy[~filled]).all()
    assert np.isnan(diagram.confidence[~filled]).all()
    assert diagram.counts.sum() == len(references)
    gaps = np.abs(diagram.accuracy - diagram.confidence)[filled]
    scores = calibration(probabilities, references, bins=8)
    assert scores["ece"] == pytest.approx((gaps * diagram.counts[filled]).sum() / len(references), abs=1e-12)
    assert scores["mce"] == pytest.approx(gaps.max(), abs=1e-12)


@settings(max_examples=30)
@given(samples)
def test_bounds(rows):
    scores = calibration(*rows)
    assert list(scores) == KEYS
    for key in set(KEYS) - {"brier", "nll"}:
        assert -1e-12 <= scores[key] <= 1.0 + 1e-12
    assert 0.0 <= scores["brier"] <= 2.0
    assert 0.0 <= scores["nll"] <= 36.05
    assert scores["e_aurc"] <= scores["aurc"] + 1e-12
    assert scores["ece"] <= scores["mce"] + 1e-12


@settings(max_examples=30)
@given(samples, st.randoms(use_true_random=False))
def test_order_of_rows_is_without_effect(rows, random):
    probabilities, references = rows
    order = random.sample(range(len(references)), len(references))
    assert calibration(probabilities[order], references[order]) == pytest.approx(
        calibration(probabilities, references), abs=1e-12
    )


@settings(max_examples=20)
@given(samples, st.integers(0, 1000))
def test_weights_are_repetitions(sampled, seed):
    probabilities, references = sampled
    rows = CALIBRATION.update(probabilities, references, 7)
    weights = np.random.default_rng(seed).poisson(1.0, (4, len(references))).astype(float)
    weights[0] = 1.0
    weights[1:, 0] = 1.0 + np.arange(3)
    repeated = [np.repeat(np.arange(len(references)), row.astype(int)) for row in weights]
    expected = [calibration(probabilities[index], references[index], 7) for index in repeated]
    for key in KEYS:
        got = CALIBRATION.statistic(rows, key)(weights)
        assert got == pytest.approx([scores[key] for scores in expected], abs=1e-12), key


@pytest.mark.parametrize("key", KEYS)
def test_no_rows_under_a_weighting_is_undefined(key):
    rows = CALIBRATION.update([[0.5, 0.5], [0.2, 0.8]], [0, 0])
    got = CALIBRATION.statistic(rows, key)(np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert np.isnan(got[0])
    assert not np.isnan(got[1])


def test_batches_joined_equal_one_shot():
    probabilities, references = sample(50, 4, tied=True)
    accumulator = Accumulator(CALIBRATION, bins=6)
    for part in np.split(np.arange(50), [1, 20, 33]):
        accumulator.update(probabilities[part], references[part])
    assert accumulator.compute() == calibration(probabilities, references, 6)


def test_helper_of_other_metrics_gives_the_same_error():
    probabilities, references = sample(80, 3)
    correct = probabilities.argmax(axis=1) == references
    got = expected_calibration_error(probabilities.max(axis=1), correct, np.ones((1, 80)))
    assert got == [calibration(probabilities, references)["ece"]]


@pytest.mark.parametrize(
    ("predictions", "references", "bins", "message"),
    [
        ([[0.5, 0.5]], [0, 1], 15, "got 1 predictions and 2 references"),
        ([], [], 15, "at least one row"),
        ([[np.nan, 0.5]], [0], 15, "finite predictions, got nan in row 0"),
        ([[np.inf, 0.5]], [0], 15, "finite predictions, got inf"),
        ([[0.5, 0.5]], [2], 15, r"references in \[0, 2\), got 2 in row 0"),
        ([[0.5, 0.502]], [0], 15, "add up to 1 in each row"),
        ([0.5, 0.5], [0, 1], 15, r"shape \(n, classes\), got shape \(2,\)"),
        ([[0.5, 0.5]], [0], 0, "at least 1, got 0; 15 is usual"),
        ([[0.5, 0.5]], [0], 2.5, "at least 1, got 2.5"),
    ],
)
def test_bad_input_is_refused(predictions, references, bins, message):
    for function in (calibration, reliability):
        with pytest.raises(ValueError, match=message):
            function(predictions, references, bins)
