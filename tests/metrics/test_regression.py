"""Regression scores against scipy, scikit-learn and exact fractions, with values that were not measured."""

import importlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_squared_error, r2_score

from multimed_hf.metrics.regression import REGRESSION, regression
from multimed_hf.metrics.rows import Accumulator

TRAIN_MEAN = np.linspace(-1, 1, 5)
STRATA_MEAN = {"a": np.zeros(5), "b": np.linspace(1, -1, 5)}
KEYS = (
    "pearson_per_target",
    "spearman_per_target",
    "r2",
    "targets_skipped",
    "mse",
    "skill_over_train_mean",
    "skill_over_cell_type_mean",
    "pearson_per_sample",
    "spearman_per_sample",
)


def values(n=60, targets=5, missing=0.2, seed=0, decimals=1):
    generator = np.random.default_rng(seed)
    references = generator.normal(size=(n, targets)).round(decimals)
    predictions = (references + generator.normal(size=(n, targets))).round(decimals)
    return predictions, np.where(generator.random((n, targets)) < missing, np.nan, references)


def with_baselines(n=60, **kwargs):
    strata = np.random.default_rng(n).choice(["a", "b"], n)
    return (*values(n, **kwargs), {"strata": strata, "train_mean": TRAIN_MEAN, "strata_mean": STRATA_MEAN})


def pairs(predictions, references):
    """Predictions and references of each column where they were measured."""
    measured = ~np.isnan(references)
    return [(p[m], r[m]) for p, r, m in zip(predictions.T, references.T, measured.T, strict=True)]


def plain_scores(predictions, references):
    """The definitions written out: one column at a time, undefined where references are all equal."""

    def average(correlation, columns):
        scores = [
            0.0 if len(set(p)) == 1 else correlation(p, r).statistic for p, r in columns if len(set(r.tolist())) > 1
        ]
        return np.mean(scores) if scores else np.nan

    targets, samples = pairs(predictions, references), pairs(predictions.T, references.T)
    varying = [(p, r) for p, r in targets if len(set(r.tolist())) > 1]
    return {
        "pearson_per_target": average(pearsonr, targets),
        "spearman_per_target": average(spearmanr, targets),
        "r2": np.mean([r2_score(r, p) for p, r in varying]) if varying else np.nan,
        "targets_skipped": len(targets) - len(varying),
        "mse": mean_squared_error(*(np.concatenate(parts) for parts in zip(*targets, strict=True))),
        "pearson_per_sample": average(pearsonr, samples),
        "spearman_per_sample": average(spearmanr, samples),
    }


def exact_pearson(x, y):
    x, y = ([Fraction(float(value)) for value in column] for column in (x, y))
    x_mean, y_mean = sum(x) / len(x), sum(y) / len(y)
    xy = sum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True))
    xx, yy = sum((a - x_mean) ** 2 for a in x), sum((b - y_mean) ** 2 for b in y)
    # A root of the ratio: sums of squares as such may lie beyond the range of floats.
    return float(np.sign(xy)) * float(xy * xy / (xx * yy)) ** 0.5


def exact_r2(x, y):
    x, y = ([Fraction(float(value)) for value in column] for column in (x, y))
    mean = sum(y) / len(y)
    return float(1 - sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / sum((b - mean) ** 2 for b in y))


def draws(n, weightings=8, seed=0):
    """Weights of bootstrap resamples, of subsets, of few rows drawn often, and all 1."""
    generator = np.random.default_rng(seed)
    resamples = [np.bincount(generator.integers(n, size=n), minlength=n) for _ in range(weightings)]
    subsets = generator.integers(0, 2, (weightings, n))
    few = [np.bincount(generator.choice(n, 3), weights=generator.integers(1, 5, 3), minlength=n) for _ in range(4)]
    return np.concatenate([resamples, subsets, few, np.ones((1, n))]).astype(np.float64)


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_equal_to_scipy_and_scikit_learn_on_the_measured_values(missing, decimals):
    predictions, references = values(missing=missing, decimals=decimals)
    expected = plain_scores(predictions, references)
    assert regression(predictions, references) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(
    st.integers(2, 6).flatmap(
        lambda n: st.tuples(
            st.lists(st.lists(st.sampled_from([0.0, 0.1, 0.3, 7.0]), min_size=3, max_size=3), min_size=n, max_size=n),
            st.lists(
                st.lists(st.sampled_from([0.1, 0.2, 1 / 3, np.nan]), min_size=3, max_size=3), min_size=n, max_size=n
            ),
        )
    )
)
@settings(max_examples=50)
def test_equal_to_the_definition_on_tied_constant_and_missing_values(drawn):
    predictions, references = np.array(drawn[0]), np.array(drawn[1])
    if np.isnan(references).all():
        return
    expected = plain_scores(predictions, references)
    # Of two nearly constant columns scikit-learn's R² is right to fewer digits than the correlations.
    assert regression(predictions, references) == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


def test_per_sample_scores_need_two_targets():
    predictions, references = values()
    assert not {"pearson_per_sample", "spearman_per_sample"} & set(regression(predictions[:, :1], references[:, :1]))


def test_constant_prediction_scores_zero_and_constant_reference_is_left_out():
    # 0.1 has no exact mean in binary, which must not make a constant look as if it varied.
    predictions = np.array([[0.1, 1.0, 5.0], [0.1, 2.0, 1.0], [0.1, 3.0, 2.0]])
    references = np.array([[1.0, 1.0, 0.1], [2.0, 2.0, 0.1], [4.0, 3.0, 0.1]])
    scores = regression(predictions, references)
    assert scores["pearson_per_target"] == scores["spearman_per_target"] == 0.5
    assert scores["targets_skipped"] == 1
    by_sample = regression(predictions.T, references.T)
    assert by_sample["pearson_per_sample"] == by_sample["spearman_per_sample"] == 0.5


def test_perfect_and_reversed_predictions_score_exactly_one_and_minus_one():
    references = np.random.default_rng(0).normal(size=(20, 3))
    for predictions, expected in ((references, 1.0), (-references, -1.0)):
        scores = regression(predictions, references)
        assert all(scores[key] == expected for key in ("pearson_per_target", "spearman_per_target"))
        assert scores["pearson_per_sample"] == pytest.approx(expected, abs=1e-15)
    assert regression(references, references)["r2"] == 1.0


def test_the_mean_of_these_references_has_an_r2_of_zero():
    references = np.random.default_rng(0).normal(size=(40, 2))
    scores = regression(np.tile(references.mean(axis=0), (40, 1)), references)
    assert scores["r2"] == pytest.approx(0.0, abs=1e-15)
    assert scores["pearson_per_target"] == 0.0


def test_correlation_without_a_target_that_varies_is_nan():
    scores = regression([[1.0], [2.0]], [[3.0], [3.0]])
    assert all(np.isnan(scores[key]) for key in ("pearson_per_target", "spearman_per_target", "r2"))
    assert scores["mse"] == pytest.approx(2.5)
    assert np.isnan(regression([[1.0, 2.0]], [[3.0, 3.0]])["pearson_per_sample"])


@pytest.mark.parametrize(
    ("offset", "scale"), [(1e6, 1e-3), (-3e9, 1.0), (0.0, 1e-120), (0.0, 1e-200), (1.0, 1e-14), (1e99, 1e90)]
)
def test_right_for_large_offsets_and_for_tiny_and_huge_values(offset, scale):
    generator = np.random.default_rng(1)
    references = offset + scale * generator.normal(size=(50, 2))
    predictions = references + scale * generator.normal(size=(50, 2))
    expected = np.mean([exact_pearson(p, r) for p, r in pairs(predictions, references)])
    assert regression(predictions, references)["pearson_per_target"] == pytest.approx(expected, abs=1e-12)
    by_sample = regression(predictions.T, references.T)["pearson_per_sample"]
    assert by_sample == pytest.approx(expected, abs=1e-12)
    assert regression(references, references)["r2"] == 1.0


def outlying(n=30, outliers=8, seed=2):
    """Columns of which some weightings take the first rows only: these lie far from all others, so that most digits are
    lost about a common center, or are equal there; and a column whose squares vanish beside the largest.
    """
    generator = np.random.default_rng(seed)
    references, noise = generator.normal(size=(2, n, 5))
    predictions = references + noise
    references[:outliers, 0] += 1e9
    predictions[:outliers, 1] += 1e9
    references[:, 2] = np.where(np.arange(n) < outliers, 0.3, 0.1)
    predictions[:, 3] = np.where(np.arange(n) < outliers, 0.7, 0.1)
    references[1:, 4] *= 1e-170
    predictions[:, 4] = references[:, 4] * (1.0 + noise[:, 4])
    alone = generator.integers(1, 4, (6, n)) * (np.arange(n) < outliers)
    return predictions, references, np.concatenate([draws(n), alone.astype(np.float64)])


@pytest.mark.parametrize("key", ["pearson_per_target", "r2", "targets_skipped"])
def test_weights_lose_no_digits_to_outliers_and_constants(key):
    predictions, references, weights = outlying()
    statistic = REGRESSION.statistic(REGRESSION.update(predictions, references), key)
    for row_weights, score in zip(weights, statistic(weights), strict=True):
        taken = np.repeat(np.arange(len(references)), row_weights.astype(int))
        columns = [(p, r) for p, r in pairs(predictions[taken], references[taken]) if len(set(r.tolist())) > 1]
        if key == "targets_skipped":
            assert score == references.shape[1] - len(columns)
        elif key == "pearson_per_target":
            expected = [0.0 if len(set(p.tolist())) == 1 else exact_pearson(p, r) for p, r in columns]
            assert score == pytest.approx(np.mean(expected), abs=1e-12)
        else:
            assert score == pytest.approx(np.mean([exact_r2(p, r) for p, r in columns]), rel=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.5])
@pytest.mark.parametrize("key", KEYS)
def test_weights_are_repetitions(key, missing):
    predictions, references, options = with_baselines(12, missing=missing, decimals=0)
    strata = options.pop("strata")
    rows = REGRESSION.update(predictions, references, strata=strata, **options)
    weights = draws(12)
    for row_weights, score in zip(weights, REGRESSION.statistic(rows, key)(weights), strict=True):
        taken = np.repeat(np.arange(12), row_weights.astype(int))
        if np.isnan(references[taken]).all():
            continue
        repeated = regression(predictions[taken], references[taken], strata=strata[taken], **options)
        assert score == pytest.approx(repeated[key], rel=1e-12, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("key", KEYS)
def test_no_weight_at_all_is_nan(key):
    predictions, references, options = with_baselines(12)
    score = REGRESSION.statistic(REGRESSION.update(predictions, references, **options), key)(np.zeros((2, 12)))
    np.testing.assert_array_equal(score, [5.0, 5.0] if key == "targets_skipped" else [np.nan, np.nan])


def test_blocks_of_targets_and_chunks_of_weightings_do_not_matter(monkeypatch):
    module = importlib.import_module("multimed_hf.metrics.regression")
    predictions, references = values(missing=0.3)
    weights = draws(len(references))

    def scores():
        rows = REGRESSION.update(predictions, references)
        keys = [key for key in KEYS if not key.startswith("skill")]
        return np.array([REGRESSION.statistic(rows, key)(weights) for key in keys])

    whole = scores()
    for name in ("_BLOCK_ELEMENTS", "_CHUNK_ELEMENTS", "_CACHE_ELEMENTS"):
        monkeypatch.setattr(module, name, 2 * len(references))
    np.testing.assert_allclose(scores(), whole, rtol=1e-12)


@given(st.lists(st.integers(1, 11), max_size=4), st.integers(0, 1000))
@settings(max_examples=30)
def test_batches_and_their_order_do_not_matter(cuts, seed):
    predictions, references, options = with_baselines(12, seed=seed, missing=0.4)
    strata = options.pop("strata")
    accumulator = Accumulator(REGRESSION, **options)
    order = np.random.default_rng(seed).permutation(12)
    for batch in np.split(order, sorted(set(cuts))):
        accumulator.update(predictions[batch], references[batch], strata=strata[batch])
    assert accumulator.compute() == pytest.approx(
        regression(predictions, references, strata=strata, **options), rel=1e-12
    )


def test_a_batch_may_have_nothing_measured():
    accumulator = Accumulator(REGRESSION)
    accumulator.update([[1.0]], [[np.nan]])
    with pytest.raises(ValueError, match="at least one measured reference, got only NaN"):
        accumulator.compute()
    accumulator.update([[1.0]], [[2.0]])
    assert accumulator.compute()["mse"] == 1.0


def test_skill_is_relative_to_the_baselines():
    references = np.array([[0.0, 1.0], [2.0, np.nan], [4.0, 3.0]])
    train_mean = np.array([1.0, 2.0])
    strata_mean = {"a": [0.0, 1.0], "b": [3.0, 3.0], "c": [0.0, 0.0]}
    constant = regression(np.tile(train_mean, (3, 1)), references, train_mean, ["a", "b", "b"], strata_mean)
    assert constant["skill_over_train_mean"] == 0.0
    assert constant["skill_over_cell_type_mean"] == pytest.approx(1 - (1 + 1 + 1 + 9 + 1) / (1 + 1))
    perfect = regression(np.nan_to_num(references), references, train_mean)
    assert perfect["skill_over_train_mean"] == 1.0
    assert "skill_over_cell_type_mean" not in perfect


def test_skill_over_a_perfect_baseline_is_nan():
    assert np.isnan(regression([[1.0], [2.0]], [[3.0], [3.0]], train_mean=[3.0])["skill_over_train_mean"])


@given(st.integers(0, 10_000), st.floats(0.1, 10), st.floats(-5, 5))
@settings(max_examples=30)
def test_correlations_ignore_scale_and_offset_and_keep_their_bounds(seed, scale, offset):
    predictions, references = values(20, 3, seed=seed)
    before, after = regression(predictions, references), regression(predictions * scale + offset, references)
    for key in ("pearson_per_target", "pearson_per_sample"):
        assert after[key] == pytest.approx(before[key], abs=1e-12)
        assert -1.0 <= after[key] <= 1.0
    assert after["r2"] <= 1.0 and after["mse"] >= 0.0


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_spearman_knows_order_only(seed):
    predictions, references = values(20, 3, seed=seed)
    before, after = regression(predictions, references), regression(np.exp(predictions), references)
    for key in ("spearman_per_target", "spearman_per_sample"):
        assert after[key] == pytest.approx(before[key], abs=1e-14)


def test_masked_entries_do_not_matter():
    predictions, references = values()
    other = np.where(np.isnan(references), 1e3, predictions)
    assert regression(other, references) == pytest.approx(regression(predictions, references), rel=1e-12)


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
        ([[1.0, -2e300]], [[1.0, 2.0]], {}, r"from -1e\+100 to 1e\+100, got -2e\+300 in row 0, column 1"),
        ([[1.0]], [[1e101]], {}, r"references from .* got 1e\+101 in row 0, column 0"),
        ([[1.0]], [[1.0]], {"train_mean": [1.0, 2.0]}, r"train_mean as 1 finite number, .* got shape \(2,\)"),
        ([[1.0]], [[1.0]], {"train_mean": [np.nan]}, "train_mean as 1 finite number, .* got nan for target 0"),
        ([[1.0]], [[1.0]], {"train_mean": ["high"]}, "train_mean as 1 finite number, .* got something else"),
        ([[1.0]], [[1.0]], {"strata": ["a"]}, "both strata and strata_mean"),
        ([[1.0]], [[1.0]], {"strata_mean": {"a": [1.0]}}, "both strata and strata_mean"),
        ([[1.0]], [[1.0]], {"strata": ["a", "b"], "strata_mean": {"a": [1.0]}}, "strata for 1 row, got 2"),
        ([[1.0]], [[1.0]], {"strata": ["b"], "strata_mean": {"a": [1.0]}}, "every stratum, got none for 'b'"),
        ([[1.0]], [[1.0]], {"strata": ["a"], "strata_mean": {"a": [np.inf]}}, r"strata_mean\['a'\] .* got inf"),
    ],
)
def test_bad_input_is_refused(predictions, references, kwargs, message):
    with pytest.raises(ValueError, match=message):
        regression(predictions, references, **kwargs)
