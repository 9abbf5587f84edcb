"""AUROC, average precision and ranks against scikit-learn and scipy, with ties and masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from multimed_hf.metrics import auroc, average_precision
from multimed_hf.metrics.ranking import average_ranks, best_f1

# Few distinct scores, so that most rows are tied.
ROWS = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), min_size=2, max_size=40)


@given(ROWS)
def test_equal_to_scikit_learn_on_the_known_rows(rows):
    scores, positives, known = (np.array(column) for column in zip(*rows, strict=True))
    kept = positives[known]
    area = auroc(scores, positives, known)
    precision = average_precision(scores, positives, known)
    if kept.any() and not kept.all():
        assert area == pytest.approx(roc_auc_score(kept, scores[known]))
    else:
        assert np.isnan(area)
    if kept.any():
        assert precision == pytest.approx(average_precision_score(kept, scores[known]))
    else:
        assert np.isnan(precision)


def test_columns_are_scored_on_their_own():
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(200, 5)).round(1)
    positives = generator.random((200, 5)) < 0.3
    pairs = list(zip(positives.T, scores.T, strict=True))
    assert auroc(scores, positives) == pytest.approx([roc_auc_score(*pair) for pair in pairs])
    assert average_precision(scores, positives) == pytest.approx([average_precision_score(*pair) for pair in pairs])


def test_constant_scores_are_worth_a_half():
    assert auroc(np.ones(5), [True, False, False, True, False]) == 0.5


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"one shape, got \(3,\), \(2,\)"):
        auroc([1, 2, 3], [True, False])


def test_a_known_score_must_be_a_number():
    with pytest.raises(ValueError, match="got NaN"):
        auroc([1.0, np.nan, 2.0], [True, False, False])
    assert auroc([1.0, np.nan, 0.0], [True, False, False], known=[True, False, True]) == 1.0


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30))
def test_ranks_are_those_of_scipy(values):
    columns = np.array([values, values[::-1]], dtype=float).T
    assert average_ranks(columns).tolist() == rankdata(columns, axis=0).tolist()


@given(st.integers(0, 10_000), st.integers(2, 40))
def test_weights_are_scikit_learns_sample_weights(seed, n):
    generator = np.random.default_rng(seed)
    scores, positives = generator.integers(4, size=n) / 4, generator.random(n) < 0.5
    weights = generator.poisson(1.0, size=(3, n)).astype(float)
    areas, precisions = auroc(scores, positives, weights=weights), average_precision(scores, positives, weights=weights)
    best = best_f1(scores, positives, weights=weights)
    for row, area, precision, f1 in zip(weights, areas, precisions, best, strict=True):
        kept = positives[row > 0]
        if kept.any() and not kept.all():
            assert area == pytest.approx(roc_auc_score(positives, scores, sample_weight=row))
        else:
            assert np.isnan(area)
        if kept.any():
            assert precision == pytest.approx(average_precision_score(positives, scores, sample_weight=row))
            at = [f1_score(positives, scores >= threshold, sample_weight=row) for threshold in set(scores[row > 0])]
            assert f1 == pytest.approx(max(at))
        else:
            assert np.isnan(precision) and np.isnan(f1)


def test_weights_need_not_be_whole():
    generator = np.random.default_rng(0)
    scores, positives = generator.normal(size=50), generator.random(50) < 0.5
    weights = generator.random((2, 50))
    expected = [roc_auc_score(positives, scores, sample_weight=row) for row in weights]
    assert auroc(scores, positives, weights=weights) == pytest.approx(expected)


def test_scores_over_a_wide_range_and_infinite_ones_keep_their_order():
    scores = np.array([-np.inf, -1e300, -1e-300, 0.0, 1e-300, 1e300, np.inf])
    positives = np.array([0, 0, 0, 1, 0, 1, 1], dtype=bool)
    assert auroc(scores, positives) == pytest.approx(roc_auc_score(positives, np.arange(7)))
    assert auroc(np.zeros(7), positives) == 0.5


def test_hundred_thousand_rows_have_no_rounding():
    generator = np.random.default_rng(0)
    scores, positives = generator.integers(50, size=100_000), generator.random(100_000) < 0.01
    assert auroc(scores, positives) == pytest.approx(roc_auc_score(positives, scores), abs=1e-12)
