"""Bootstrap intervals: of a known statistic, over groups, paired, and refused."""

import numpy as np
import pytest
from scipy.stats import norm, t

from multimed_hf.metrics import bootstrap, bootstrap_interval, of_rows

VALUES = np.random.default_rng(0).normal(size=400)


def mean_of(values):
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_interval_of_a_mean_is_close_to_the_normal_one():
    interval = bootstrap_interval(mean_of(VALUES), 400, resamples=4000, level=0.9, unit="cell")
    half = norm.ppf(0.95) * VALUES.std() / 20
    assert interval.low == pytest.approx(VALUES.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(VALUES.mean() + half, abs=0.1 * half)
    assert (interval.level, interval.groups, interval.resamples, interval.unit) == (0.9, 400, 4000, "cell")


def test_few_groups_widen_the_interval_as_the_t_distribution_does():
    values = np.random.default_rng(4).normal(size=20)
    drawn = bootstrap(mean_of(values), 20, resamples=40_000)
    half = t.ppf(0.975, 19) * values.std(ddof=1) / np.sqrt(20)
    interval = drawn.interval()
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.015)
    low, high = np.quantile(drawn.estimates, [0.025, 0.975])
    assert interval.high - interval.low > 1.05 * (high - low)


def test_weights_are_those_of_the_rows_taken():
    groups = np.arange(400) % 25
    by_rows = bootstrap(of_rows(lambda indices: float(VALUES[indices].mean())), 400, groups, resamples=30)
    assert by_rows.estimates == pytest.approx(bootstrap(mean_of(VALUES), 400, groups, resamples=30).estimates)


def test_rows_of_a_group_enter_together_and_as_often():
    groups = np.repeat([f"p{i}" for i in range(30)], np.arange(1, 31))
    generator = np.random.default_rng(1)
    generator.shuffle(groups)
    sizes = {group: (groups == group).sum() for group in groups}
    drawn_sizes = []

    def statistic(indices):
        names, counts = np.unique(groups[indices], return_counts=True)
        assert all(count % sizes[name] == 0 for name, count in zip(names, counts, strict=True))
        assert sum(count // sizes[name] for name, count in zip(names, counts, strict=True)) == 30
        for name in names:
            assert len(set(indices[groups[indices] == name])) == sizes[name]
        drawn_sizes.append(len(indices))
        return 0.0

    assert bootstrap(of_rows(statistic), len(groups), groups, resamples=50).groups == 30
    assert len(set(drawn_sizes)) > 1


def test_identical_rows_in_a_group_add_no_certainty():
    repeated = np.repeat(VALUES[:40], 10)
    alone = bootstrap_interval(mean_of(VALUES[:40]), 40)
    grouped = bootstrap_interval(mean_of(repeated), 400, groups=np.repeat(np.arange(40), 10))
    rows = bootstrap_interval(mean_of(repeated), 400)
    assert (grouped.low, grouped.high) == pytest.approx((alone.low, alone.high))
    assert rows.high - rows.low < 0.5 * (grouped.high - grouped.low)


def test_same_seed_same_interval():
    first, again, other = (bootstrap_interval(mean_of(VALUES), 400, seed=seed) for seed in (3, 3, 4))
    assert first == again != other


def test_too_few_groups_give_no_interval_and_say_so():
    drawn = bootstrap(mean_of(VALUES), 400, np.arange(400) % 19, unit="donor")
    assert drawn.interval() is None
    assert drawn.refusal == "19 groups (donor), fewer than the 20 an interval needs"
    assert bootstrap_interval(mean_of(VALUES), 400, np.arange(400) % 19) is None
    assert bootstrap_interval(mean_of(VALUES), 400, np.arange(400) % 19, minimum_groups=19) is not None
    assert "1 group (" in bootstrap(mean_of(VALUES), 400, np.zeros(400), minimum_groups=1).refusal


def test_unit_is_row_or_group_where_none_is_named():
    assert bootstrap_interval(mean_of(VALUES), 400).unit == "row"
    assert bootstrap_interval(mean_of(VALUES), 400, np.arange(400)).unit == "group"


@pytest.mark.parametrize(("undefined", "refused"), [(50, False), (51, True)])
def test_undefined_resamples_are_counted(undefined, refused):
    calls = iter(range(1000))
    drawn = bootstrap(of_rows(lambda _: np.nan if next(calls) < undefined else 1.0), 30)
    if refused:
        assert drawn.interval() is None
        assert drawn.refusal.startswith("the score is undefined on 51 of 1000 resamples")
    else:
        assert drawn.interval().resamples == 950


@pytest.mark.parametrize(
    ("n", "kwargs", "message"),
    [
        (0, {}, "at least one row"),
        (30, {"groups": ["a"]}, "a group for each of 30 rows, got 1"),
        (30, {"resamples": 0}, "at least 1 resample, got 0"),
        (30, {"level": 95}, r"level in \(0, 1\), got 95"),
    ],
)
def test_bad_input_is_refused(n, kwargs, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(lambda weights: np.zeros(len(weights)), n, **kwargs)
