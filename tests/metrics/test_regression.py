"""Regression scores against scipy and scikit-learn, with values that were not measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_squared_error, r2_score

from multimed_hf.metrics import regression


def rows(n=60, targets=5, missing=0.2, seed=0):
    generator = np.random.default_rng(seed)
    references = generator.normal(size=(n, targets)).round(1)
    predictions = (references + generator.normal(size=(n, targets))).round(1)
    return predictions, np.where(generator.random((n, targets)) < missing, np.nan, references)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_equal_to_scipy_and_scikit_learn_on_the_measured_values(missing):
    predictions, references = rows(missing=missing)
    measured = ~np.isnan(references)
    columns = [(p[m], r[m]) for p, r, m in zip(predictions.T, references.T, measured.T, strict=True)]
    scores = regression(predictions, references)
    assert scores["pearson_per_target"] == pytest.approx(np.mean([pearsonr(p, r).statistic for p, r in columns]))
    assert scores["spearman_per_target"] == pytest.approx(np.mean([spearmanr(p, r).statistic for p, r in columns]))
    assert scores["r2"] == pytest.approx(np.mean([r2_score(r, p) for p, r in columns]))
    assert scores["mse"] == pytest.approx(mean_squared_error(references[measured], predictions[measured]))
    assert scores["targets_skipped"] == 0


def test_per_sample_is_the_correlation_along_rows():
    predictions, references = rows(missing=0.0)
    expected = np.mean([pearsonr(p, r).statistic for p, r in zip(predictions, references, strict=True)])
    assert regression(predictions, references)["pearson_per_sample"] == pytest.approx(expected)
    assert "pearson_per_sample" not in regression(predictions[:, :1], references[:, :1])


def test_constant_prediction_scores_zero_and_constant_reference_is_left_out():
    # 0.1 has no exact mean in binary, which must not make a constant look as if it varied.
    predictions = np.array([[0.1, 1.0, 5.0], [0.1, 2.0, 1.0], [0.1, 3.0, 2.0]])
    references = np.array([[1.0, 1.0, 0.1], [2.0, 2.0, 0.1], [4.0, 3.0, 0.1]])
    scores = regression(predictions, references)
    assert scores["pearson_per_target"] == pytest.approx(0.5)
    assert scores["spearman_per_target"] == pytest.approx(0.5)
    assert scores["targets_skipped"] == 1


def test_correlation_without_a_target_that_varies_is_nan():
    scores = regression([[1.0], [2.0]], [[3.0], [3.0]])
    assert np.isnan(scores["pearson_per_target"]) and np.isnan(scores["r2"])
    assert scores["mse"] == pytest.approx(2.5)


def test_skill_is_relative_to_the_baselines():
    references = np.array([[0.0, 1.0], [2.0, np.nan], [4.0, 3.0]])
    train_mean = np.array([1.0, 2.0])
    strata_mean = {"a": [0.0, 1.0], "b": [3.0, 3.0]}
    constant = regression(np.tile(train_mean, (3, 1)), references, train_mean, ["a", "b", "b"], strata_mean)
    assert constant["skill_over_train_mean"] == 0.0
    assert constant["skill_over_cell_type_mean"] == pytest.approx(1 - (1 + 1 + 1 + 9 + 1) / (1 + 1))
    perfect = regression(np.nan_to_num(references), references, train_mean)
    assert perfect["skill_over_train_mean"] == 1.0
    assert "skill_over_cell_type_mean" not in perfect


def test_skill_over_a_perfect_baseline_is_nan():
    assert np.isnan(regression([[1.0], [2.0]], [[3.0], [3.0]], train_mean=[3.0])["skill_over_train_mean"])


@given(st.integers(0, 10_000), st.floats(0.1, 10), st.floats(-5, 5))
def test_correlations_ignore_scale_and_offset(seed, scale, offset):
    predictions, references = rows(20, 3, seed=seed)
    before, after = regression(predictions, references), regression(predictions * scale + offset, references)
    assert after["pearson_per_target"] == pytest.approx(before["pearson_per_target"])


def test_masked_entries_do_not_matter():
    predictions, references = rows()
    other = np.where(np.isnan(references), 1e3, predictions)
    assert regression(other, references) == pytest.approx(regression(predictions, references))


@pytest.mark.parametrize(
    ("predictions", "references", "kwargs", "message"),
    [
        ([[1.0]], [[1.0], [2.0]], {}, "got 1 predictions and 2 references"),
        ([], [], {}, "at least one row"),
        ([[1.0]], [[1.0, 2.0]], {}, r"one shape \(n, targets\), got \(1, 1\) and \(1, 2\)"),
        ([1.0], [1.0], {}, r"shape \(n, targets\), got shape \(1,\)"),
        ([[np.nan]], [[1.0]], {}, "finite predictions"),
        ([[1.0]], [[np.inf]], {}, r"finite or NaN \(not measured\) references, got inf"),
        ([[1.0]], [[np.nan]], {}, "at least one measured reference"),
        ([[1.0]], [[1.0]], {"train_mean": [1.0, 2.0]}, "train_mean as 1 finite numbers"),
        ([[1.0]], [[1.0]], {"strata": ["a"]}, "both strata and strata_mean"),
        ([[1.0]], [[1.0]], {"strata": ["a", "b"], "strata_mean": {"a": [1.0]}}, "strata for 1 row, got 2"),
        ([[1.0]], [[1.0]], {"strata": ["b"], "strata_mean": {"a": [1.0]}}, "every stratum, got none for 'b'"),
    ],
)
def test_bad_input_is_refused(predictions, references, kwargs, message):
    with pytest.raises(ValueError, match=message):
        regression(predictions, references, **kwargs)
