"""Two models on the same rows: paired intervals, permutation over groups, DeLong and McNemar."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import accuracy_score, roc_auc_score

from multimed_hf.metrics import CLASSIFICATION, MULTILABEL, compare, delong, mcnemar, paired_difference

VALUES = np.random.default_rng(0).normal(size=400)


def mean_of(values):
    return lambda weights: weights @ values / weights.sum(axis=1)


def probabilities(generator, references, strength):
    logits = generator.normal(size=len(references)) + strength * (2 * references - 1)
    positive = 1 / (1 + np.exp(-logits))
    return np.stack([1 - positive, positive], axis=1)


def both(n=60, strengths=(2.0, 0.3), seed=0):
    generator = np.random.default_rng(seed)
    references = generator.integers(2, size=n)
    return *(CLASSIFICATION.update(probabilities(generator, references, s), references) for s in strengths), references


def test_paired_difference_cancels_what_both_share():
    better = VALUES + 0.1 + 0.01 * np.random.default_rng(2).normal(size=400)
    paired = paired_difference(mean_of(better), mean_of(VALUES), 400, unit="row")
    assert paired.difference == pytest.approx(0.1, abs=0.01)
    assert paired.interval.low > 0.09
    assert paired.smallest_detectable == (paired.interval.high - paired.interval.low) / 2 < 0.01


def test_paired_difference_with_too_few_groups_keeps_the_difference():
    paired = paired_difference(mean_of(VALUES + 1), mean_of(VALUES), 400, np.zeros(400))
    assert paired.difference == pytest.approx(1.0)
    assert paired.interval is None and paired.smallest_detectable is None and paired.p_value is None
    assert "1 group (" in paired.refusal


@pytest.mark.parametrize("score", ["accuracy", "macro_f1", "auroc", "ece"])
def test_comparison_is_of_the_two_scores(score):
    a, b, _ = both()
    found = compare(CLASSIFICATION, score, a, b, np.arange(60) // 2, resamples=200, unit="patient")
    assert found.difference == pytest.approx(CLASSIFICATION.compute(a)[score] - CLASSIFICATION.compute(b)[score])
    direct = paired_difference(
        CLASSIFICATION.statistic(a, score), CLASSIFICATION.statistic(b, score), 60, np.arange(60) // 2, 200
    )
    assert (found.interval.low, found.interval.high) == pytest.approx((direct.interval.low, direct.interval.high))
    assert found.interval.unit == "patient"


def test_permutation_agrees_with_every_permutation_there_is():
    a, b, references = both(n=24, strengths=(1.5, 0.2), seed=3)
    groups = np.arange(24) // 3
    right = [(rows.predicted == references).astype(float) for rows in (a, b)]
    observed = right[0].mean() - right[1].mean()
    all_of_them = [
        np.mean(np.where(np.array(signs)[groups], right[0] - right[1], right[1] - right[0]))
        for signs in product((False, True), repeat=8)
    ]
    exact = np.mean(np.abs(all_of_them) >= abs(observed) - 1e-12)
    found = compare(CLASSIFICATION, "accuracy", a, b, groups, resamples=4000)
    assert found.interval is None and "8 groups" in found.refusal
    assert found.p_value == pytest.approx(exact, abs=0.03)
    assert 0 < exact < 1


def test_models_that_are_equal_are_not_told_apart():
    a, _, _ = both()
    found = compare(CLASSIFICATION, "auroc", a, a, resamples=100)
    assert (found.difference, found.p_value, found.interval.low, found.interval.high) == (0.0, 1.0, 0.0, 0.0)


def test_p_values_are_uniform_where_nothing_differs():
    generator = np.random.default_rng(5)
    found = []
    for _ in range(150):
        a, b, _ = both(n=40, strengths=(0.7, 0.7), seed=int(generator.integers(1 << 30)))
        found.append(compare(CLASSIFICATION, "auroc", a, b, np.arange(40) // 2, resamples=99).p_value)
    # 150 draws of a uniform number: 5 % of them lie below 0.05, give or take 1.8 %.
    assert np.mean(np.array(found) <= 0.05) < 0.11
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)


def test_rows_of_a_group_are_exchanged_together():
    # One group, all rows alike: a test over rows would be certain, one over groups cannot know.
    a, b, _ = both(n=60, strengths=(4.0, 0.0))
    assert compare(CLASSIFICATION, "accuracy", a, b, resamples=400).p_value < 0.01
    assert compare(CLASSIFICATION, "accuracy", a, b, np.zeros(60), resamples=400).p_value == 1.0


def test_models_on_other_rows_or_labels_are_refused():
    a, b, _ = both()
    with pytest.raises(ValueError, match="the same rows, got 60 and 59"):
        compare(CLASSIFICATION, "auroc", a, b.take(np.arange(59)))
    one = MULTILABEL.update([[0.1, 0.9]], [[0, 1]], labels=["a", "b"])
    other = MULTILABEL.update([[0.1, 0.9]], [[0, 1]], labels=["a", "c"])
    with pytest.raises(ValueError, match=r"one value of labels for all batches"):
        compare(MULTILABEL, "macro_f1", one, other)


def written_out(a, b, positive):
    """DeLong's variance with all pairs of a positive and a negative."""

    def wins(scores):
        difference = scores[positive][:, None] - scores[~positive][None, :]
        return (difference > 0) + 0.5 * (difference == 0)

    matrices = [wins(scores) for scores in (a, b)]
    by_positive = np.cov([m.mean(axis=1) for m in matrices])
    by_negative = np.cov([m.mean(axis=0) for m in matrices])
    s = by_positive / positive.sum() + by_negative / (~positive).sum()
    return s[0, 0] + s[1, 1] - 2 * s[0, 1]


@pytest.mark.parametrize("decimals", [6, 1])
def test_delong_is_the_definition(decimals):
    generator = np.random.default_rng(1)
    positive = generator.random(80) < 0.4
    a = (generator.normal(size=80) + positive).round(decimals)
    b = (generator.normal(size=80) + 0.5 * positive).round(decimals)
    found = delong(a, b, positive, groups=np.arange(80))
    assert found.auroc_a == pytest.approx(roc_auc_score(positive, a))
    assert found.auroc_b == pytest.approx(roc_auc_score(positive, b))
    error = np.sqrt(written_out(a, b, positive))
    assert found.smallest_detectable == pytest.approx(norm.ppf(0.975) * error)
    assert (found.low, found.high) == pytest.approx(
        (found.difference - 1.959964 * error, found.difference + 1.959964 * error), abs=1e-6
    )
    assert found.p_value == pytest.approx(2 * norm.sf(abs(found.difference) / error))


def test_delong_of_equal_models_has_no_doubt():
    scores, positive = np.arange(10.0), np.arange(10) % 2 == 0
    assert delong(scores, scores, positive).p_value == 1.0


def test_mcnemar_is_the_binomial_test():
    generator = np.random.default_rng(2)
    truth = generator.integers(2, size=50)
    a, b = (np.where(generator.random(50) < p, truth, 1 - truth) for p in (0.9, 0.6))
    found = mcnemar(a == truth, b == truth)
    assert found.difference == pytest.approx(accuracy_score(truth, a) - accuracy_score(truth, b))
    assert found.only_a - found.only_b == round(50 * found.difference)
    # Worked by hand: 8 against 1 discordant rows, 2 (C(9, 0) + C(9, 1)) / 2^9.
    eight_to_one = mcnemar([1] * 8 + [0], [0] * 8 + [1])
    assert eight_to_one.p_value == pytest.approx(20 / 512)
    assert mcnemar([1, 0], [1, 0]).p_value == 1.0


@pytest.mark.parametrize(
    ("test", "arguments", "message"),
    [
        (
            delong,
            ([0.1] * 4, [0.2] * 4, [0, 1, 0, 1], ["a", "a", "b", "c"]),
            "one row per group for delong, got 4 rows",
        ),
        (mcnemar, ([1, 0], [0, 0], ["a", "a"]), "one row per group for mcnemar, got 2 rows of 1 groups; use compare"),
        (delong, ([0.1] * 3, [0.2] * 3, [0, 1, 1]), "at least 2 positives and 2 negatives, got 2 and 1"),
        (delong, ([np.nan] * 4, [0.2] * 4, [0, 1, 0, 1]), "finite scores"),
        (delong, ([0.1] * 3, [0.2] * 4, [0, 1, 0, 1]), "one prediction per reference|of one shape"),
        (mcnemar, ([0.5, 1], [0, 1]), "true or false"),
        (mcnemar, ([], []), "at least one row"),
    ],
)
def test_bad_input_is_refused(test, arguments, message):
    with pytest.raises(ValueError, match=message):
        test(*arguments)
