"""Survival scores against scikit-survival, their definitions written out pair by pair, and published figures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.metrics.rows import Accumulator
from multimed_hf.metrics.survival import SURVIVAL, survival

HORIZONS = (4.0, 7.5, 11.0)


def outcomes(n, generator, tied):
    """Times in days, coarse where tied, and events, of which about half are censored."""
    time = generator.exponential(10, n) + 0.1
    time = np.ceil(time) if tied else time
    return np.stack([time, generator.random(n) < 0.55], axis=1)


def example(n=60, seed=0, tied=True):
    """Risks and curves that are related to the outcomes, and other outcomes that last longer."""
    generator = np.random.default_rng(seed)
    references = outcomes(n, generator, tied)
    risks = generator.normal(size=n) - np.log(references[:, 0])
    risks = risks.round(1) if tied else risks
    rate = np.exp(risks + generator.normal(size=n) / 2)
    curves = np.exp(-rate[:, None] * np.array(HORIZONS) / 4)
    curves = curves.round(1) if tied else curves
    train = outcomes(2 * n, generator, tied)
    train[0] = [references[:, 0].max() + 1.0, 0.0]
    return risks, references, curves, train


def structured(references):
    return np.array([(event == 1, time) for time, event in references], dtype=[("event", "?"), ("time", "f8")])


def written_out_censoring(outcomes, at):
    """G(at), by the definition: the product over times up to it of the share that is not censored then."""
    survival = 1.0
    for time in sorted({time for time, _ in outcomes if time <= at}):
        censored = sum(t == time and not event for t, event in outcomes)
        at_risk = sum(t > time or (t == time and not event) for t, event in outcomes)
        survival *= 1.0 - censored / at_risk if at_risk else 1.0
    return survival


def written_out_concordance(risks, references, weight):
    """Weighted share of concordant pairs, pair by pair; `weight` of the time of the event."""
    concordant = comparable = 0.0
    for risk, (time, event) in zip(risks, references, strict=True):
        for other_risk, (other_time, other_event) in zip(risks, references, strict=True):
            if event and (other_time > time or (other_time == time and not other_event)):
                comparable += weight(time)
                concordant += weight(time) * (1.0 if risk > other_risk else 0.5 if risk == other_risk else 0.0)
    return concordant / comparable if comparable else math.nan


def written_out_brier(curve, references, horizon, outcomes):
    total = 0.0
    for predicted, (time, event) in zip(curve, references, strict=True):
        if time > horizon:
            total += (1 - predicted) ** 2 / written_out_censoring(outcomes, horizon)
        elif event:
            total += predicted**2 / written_out_censoring(outcomes, time)
    return total / len(curve)


def written_out_kaplan_meier(references, at):
    """S(at), or None where the follow-up ends before with a censored row."""
    survival = 1.0
    for time in sorted({time for time, event in references if event and time <= at}):
        survival *= 1.0 - sum(t == time and e for t, e in references) / sum(t >= time for t, _ in references)
    # What is left of a product that ends with all of the rest dying is exactly 0.
    return survival if survival == 0.0 or max(time for time, _ in references) >= at else None


def written_out_calibration(curve, references, horizon):
    """Expected calibration error over ten groups, and the number of rows in groups that are left out."""
    groups = {}
    for predicted, outcome in zip(curve, references, strict=True):
        groups.setdefault(10 * sum(p < predicted for p in curve) // len(curve), []).append((predicted, outcome))
    gaps, sizes, skipped = [], [], 0
    for members in groups.values():
        observed = written_out_kaplan_meier([outcome for _, outcome in members], horizon)
        if observed is None:
            skipped += len(members)
        else:
            gaps.append(abs(observed - sum(p for p, _ in members) / len(members)))
            sizes.append(len(members))
    return (float(np.average(gaps, weights=sizes)) if gaps else math.nan), skipped


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("tau", [None, 9.0])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_concordance_equals_scikit_survival(seed, own, tau, tied):
    metrics = pytest.importorskip("sksurv.metrics")
    risks, references, _, train = example(seed=seed, tied=tied)
    if own:
        train = references
        references[references[:, 0].argmax(), 1] = 0.0
        references[references[:, 0].argmax(), 0] += 1.0
    scores = survival(risks, references, train=None if own else train, tau=tau)
    test = structured(references)
    uno = metrics.concordance_index_ipcw(structured(train), test, risks, tau=tau)[0]
    harrell = metrics.concordance_index_censored(test["event"], test["time"], risks)[0]
    assert scores["uno_c"] == pytest.approx(uno, rel=1e-12)
    assert scores["harrell_c"] == pytest.approx(harrell, rel=1e-12)
    assert (scores["events"], scores["censored"]) == (test["event"].sum(), (~test["event"]).sum())


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_brier_scores_equal_scikit_survival(seed, own, tied):
    metrics = pytest.importorskip("sksurv.metrics")
    risks, references, curves, train = example(seed=seed, tied=tied)
    train = references if own else train
    scores = survival(risks, references, HORIZONS, curves, train=None if own else train, tau=4.0)
    arguments = structured(train), structured(references), curves, HORIZONS
    for horizon, expected in zip(HORIZONS, metrics.brier_score(*arguments)[1], strict=True):
        assert scores[f"brier/{horizon:g}"] == pytest.approx(expected, rel=1e-12)
    assert scores["brier"] == pytest.approx(metrics.integrated_brier_score(*arguments), rel=1e-12)
    single = survival(risks, references, [7.5], curves[:, 1:2], train=None if own else train, tau=4.0)
    assert single["brier"] == single["brier/7.5"] == scores["brier/7.5"]


@pytest.mark.parametrize("tied", [False, True])
def test_calibration_groups_equal_the_definition(tied):
    risks, references, curves, _ = example(n=203, tied=tied)
    scores = survival(risks, references, HORIZONS, curves)
    for horizon, curve in zip(HORIZONS, curves.T, strict=True):
        gap = written_out_kaplan_meier(references.tolist(), horizon) - curve.mean()
        assert scores[f"calibration_gap/{horizon:g}"] == pytest.approx(gap, rel=1e-12)
        error, skipped = written_out_calibration(curve.tolist(), references.tolist(), horizon)
        assert scores[f"ece/{horizon:g}"] == pytest.approx(error, rel=1e-12)
        assert scores[f"ece_skipped/{horizon:g}"] == skipped


cases = st.integers(1, 16).flatmap(
    lambda n: st.tuples(
        st.lists(st.tuples(st.integers(1, 6), st.integers(0, 1)), min_size=n, max_size=n),
        st.lists(st.integers(0, 4), min_size=n, max_size=n),
        st.lists(st.lists(st.sampled_from([0.0, 0.3, 0.8, 1.0]), min_size=2, max_size=2), min_size=n, max_size=n),
        st.permutations(range(n)),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
    )
)


@settings(max_examples=50)
@given(cases, st.sampled_from([None, 2.0, 3.5]))
def test_equals_the_definitions_written_out(case, tau):
    references, risks, curves, _, _ = case
    curves = -np.sort(-np.array(curves), axis=1)
    scores = survival(risks, references, (2, 4.5), curves, tau=tau)
    assert scores["harrell_c"] == pytest.approx(
        written_out_concordance(risks, references, lambda time: 1.0), nan_ok=True
    )

    def weight(time):
        return written_out_censoring(references, time) ** -2 if tau is None or time < tau else 0.0

    early = [time for time, event in references if event and (tau is None or time < tau)]
    if any(written_out_censoring(references, time) == 0 for time in early):
        assert math.isnan(scores["uno_c"])
    else:
        assert scores["uno_c"] == pytest.approx(written_out_concordance(risks, references, weight), nan_ok=True)
    for horizon, curve in zip((2, 4.5), curves.T, strict=True):
        if written_out_censoring(references, horizon) > 0:
            expected = written_out_brier(curve, references, horizon, references)
            assert scores[f"brier/{horizon}"] == pytest.approx(expected)
        else:
            assert f"brier/{horizon}" not in scores and math.isnan(scores["brier"])
        observed = written_out_kaplan_meier(references, horizon)
        if observed is None:
            assert f"calibration_gap/{horizon}" not in scores
        else:
            assert scores[f"calibration_gap/{horizon}"] == pytest.approx(observed - curve.mean())
        error, skipped = written_out_calibration(curve, references, horizon)
        assert scores.get(f"ece/{horizon}", math.nan) == pytest.approx(error, nan_ok=True)
        assert scores[f"ece_skipped/{horizon}"] == skipped


@settings(max_examples=15)
@given(cases, st.booleans())
def test_order_of_rows_does_not_matter(case, with_train):
    references, risks, curves, order, _ = case
    curves, references, risks = -np.sort(-np.array(curves), axis=1), np.array(references), np.array(risks)
    train = [(7, 0), (3, 1), (2, 0)] if with_train else None
    scores = survival(risks, references, (2, 4.5), curves, train)
    order = np.array(order)
    shuffled = survival(risks[order], references[order], (2, 4.5), curves[order], train)
    assert shuffled == pytest.approx(scores, nan_ok=True)


@settings(max_examples=15)
@given(cases, st.booleans(), st.sampled_from([None, 3.0]))
def test_weights_are_repetitions(case, with_train, tau):
    references, risks, curves, _, repeats = case
    curves = -np.sort(-np.array(curves), axis=1)
    rows = SURVIVAL.update(risks, references, (2, 4.5), curves, [(7, 0), (3, 1), (2, 0)] if with_train else None, tau)
    keys = {key for part in SURVIVAL.parts for key in part(rows, np.ones((1, len(rows))))}
    repeats = np.array(repeats) if any(repeats) else np.full(len(rows), 2)
    once, repeated = SURVIVAL.compute(rows), SURVIVAL.compute(rows.take(np.repeat(np.arange(len(rows)), repeats)))
    weights = np.stack([np.ones(len(rows)), repeats]).astype(np.float64)
    for key in keys:
        expected = [once.get(key, math.nan), repeated.get(key, math.nan)]
        assert SURVIVAL.statistic(rows, key)(weights) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("with_train", [False, True])
def test_batches_join(with_train):
    risks, references, curves, train = example()
    options = {"horizons": HORIZONS, "train": train if with_train else None, "tau": 12.0}
    accumulator = Accumulator(SURVIVAL, **options)
    for batch in (slice(0, 1), slice(1, 40), slice(40, 60)):
        accumulator.update(risks[batch], references[batch], curves=curves[batch])
    assert accumulator.compute() == survival(risks, references, curves=curves, **options)


def test_batches_of_other_options_do_not_join():
    risks, references, curves, train = example()
    first = SURVIVAL.update(risks, references, HORIZONS, curves, train)
    other_train = SURVIVAL.update(risks, references, HORIZONS, curves, train[:-1])
    other_horizons = SURVIVAL.update(risks, references, (4, 7.5, 12), curves, train)
    with pytest.raises(ValueError, match="one value of censoring for all batches"):
        type(first).join([first, other_train])
    with pytest.raises(ValueError, match="one value of horizons for all batches"):
        type(first).join([first, other_horizons])


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-50, 50))
def test_concordance_sees_the_order_of_risks_only(seed, scale, offset):
    risks, references, _, _ = example(20, seed)
    risks = np.round(10 * risks)
    before = survival(risks, references)
    assert survival(np.exp(risks / 100) * scale + offset, references) == pytest.approx(before, nan_ok=True)
    after = survival(-risks, references)
    for key in ("uno_c", "harrell_c"):
        assert after[key] == pytest.approx(1 - before[key], nan_ok=True)
        assert math.isnan(before[key]) or 0 <= before[key] <= 1


def test_perfect_reversed_and_constant_risks():
    references = [[1, 1], [2, 1], [3, 0], [4, 1], [5, 0]]
    perfect, reverse, constant = (survival(risks, references) for risks in ([5, 4, 3, 2, 1], [1, 2, 3, 4, 5], [7] * 5))
    for key in ("uno_c", "harrell_c"):
        assert (perfect[key], reverse[key], constant[key]) == (1.0, 0.0, 0.5)


def test_tied_times_and_truncation_by_hand():
    # Comparable: (0, 1), (0, 2), (0, 3), (1, 3), (2, 3): events at one time are not, a censored row at that time is.
    references, risks = [[1, 1], [2, 1], [2, 1], [2, 0]], [3.0, 1.0, 2.0, 1.0]
    scores = survival(risks, references)
    assert scores["harrell_c"] == pytest.approx((3 + 0.5 + 1) / 5)
    # The censored row is the last at day 2, so that G is 0 at the two events there.
    assert math.isnan(scores["uno_c"])
    assert survival(risks, references, tau=2)["uno_c"] == 1.0
    # G(1) = 3 / 4 of train at day 1, 3 / 8 at day 2: weights 16 / 9 for three pairs and 64 / 9 for two.
    train = [[1, 0], [1.5, 1], [2, 0], [3, 1]]
    assert survival(risks, references, train=train)["uno_c"] == pytest.approx((3 * 16 + 1.5 * 64) / (3 * 16 + 2 * 64))


def test_without_censoring_brier_is_the_mean_square_and_gap_the_difference_of_means():
    references = np.array([[1, 1], [3, 1], [5, 1], [9, 1]])
    curves = np.array([[0.9, 0.1], [0.5, 0.2], [0.7, 0.6], [1.0, 0.3]])
    scores = survival(-references[:, 0], references, (2, 20), curves)
    alive = references[:, :1] > [2, 20]
    first, second = ((alive - curves) ** 2).mean(axis=0)
    assert scores["brier/2"] == pytest.approx(first)
    assert scores["brier/20"] == pytest.approx(second)
    assert scores["brier"] == pytest.approx((first + second) / 2)
    assert scores["calibration_gap/2"] == pytest.approx(0.75 - 0.775)
    assert scores["calibration_gap/20"] == pytest.approx(-0.3)
    assert scores["ece/2"] == pytest.approx(np.abs(alive - curves)[:, 0].mean())


def test_degenerate_rows():
    assert survival([1.0], [[5, 0]]) == pytest.approx(
        {"uno_c": math.nan, "harrell_c": math.nan, "events": 0, "censored": 1}, nan_ok=True
    )
    censored = survival([1.0, 2.0], [[5, 0], [9, 0]], [3, 6, 9, 10], [[0.9, 0.8, 0.75, 0.6], [0.8, 0.8, 0.75, 0.6]])
    assert math.isnan(censored["uno_c"]) and math.isnan(censored["harrell_c"]) and math.isnan(censored["brier"])
    assert censored["brier/3"] == pytest.approx((0.1**2 + 0.2**2) / 2)
    # Equal predictions are one group.
    assert censored["ece/9"] == pytest.approx(0.25) and censored["ece_skipped/10"] == 2
    # One of two was censored before day 6: the other stands for both.
    assert censored["brier/6"] == pytest.approx(0.2**2 / 0.5 / 2)
    assert censored["calibration_gap/9"] == pytest.approx(0.25)
    assert not {"brier/9", "brier/10", "calibration_gap/10", "ece/10"} & set(censored)


def test_resamples_in_which_all_leave_together_have_no_uno_c():
    rows = SURVIVAL.update([2.0, 1.0, 0.0], [[1, 1], [1, 0], [3, 0]])
    statistic = SURVIVAL.statistic(rows, "uno_c")
    np.testing.assert_array_equal(
        statistic(np.array([[1.0, 1, 1], [2, 1, 0], [2, 0, 1], [0, 2, 1]])), [1, np.nan, 1, np.nan]
    )


def test_large_sets_take_n_log_n_steps():
    generator = np.random.default_rng(0)
    references = outcomes(20_000, generator, tied=False)
    assert survival(-references[:, 0], references, tau=20)["uno_c"] == 1.0
    assert survival(generator.random(20_000), references, tau=20)["uno_c"] == pytest.approx(0.5, abs=0.01)


def test_published_brier_scores_of_the_breast_cancer_study():
    """Those that the manual of scikit-survival prints for a Cox model of the German Breast Cancer Study Group."""
    pytest.importorskip("sksurv")
    from sksurv.datasets import load_gbsg2
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.preprocessing import OneHotEncoder

    patients, outcome = load_gbsg2()
    patients["tgrade"] = patients["tgrade"].map(len).astype(int)
    covariates = OneHotEncoder().fit_transform(patients)
    model = CoxPHSurvivalAnalysis(ties="efron").fit(covariates, outcome)
    references = np.stack([outcome["time"], outcome["cens"]], axis=1)
    days = np.arange(365.0, 1826.0)
    curves = np.array([curve(days) for curve in model.predict_survival_function(covariates)])
    at_five_years = survival(model.predict(covariates), references, [1825], curves[:, -1:])
    assert at_five_years["brier"] == pytest.approx(0.20881843, abs=5e-9)
    daily = SURVIVAL.update(model.predict(covariates), references, days, curves)
    assert round(SURVIVAL.statistic(daily, "brier")(np.ones((1, len(daily))))[0], 4) == 0.1816


def test_real_metastases_by_size_and_grade_of_the_tumour():
    """198 patients of GSE7390 (Desmedt et al. 2007), with a risk that needs no model."""
    metrics = pytest.importorskip("sksurv.metrics")
    from sksurv.datasets import load_breast_cancer

    patients, outcome = load_breast_cancer()
    event, time = (outcome[name] for name in outcome.dtype.names)
    risks = patients["size"].to_numpy(np.float64)
    scores = survival(risks, np.stack([time, event], axis=1), tau=3650)
    assert scores["uno_c"] == pytest.approx(metrics.concordance_index_ipcw(outcome, outcome, risks, 3650)[0], rel=1e-12)
    assert scores["harrell_c"] == pytest.approx(metrics.concordance_index_censored(event, time, risks)[0], rel=1e-12)
    assert (scores["events"], scores["censored"]) == (51, 147)


GOOD = [[1, 1], [2, 0]]


@pytest.mark.parametrize(
    ("predictions", "references", "options", "message"),
    [
        ([1.0], GOOD, {}, "got 1 predictions and 2 references"),
        ([], [], {}, "at least one row"),
        ([[1.0], [2.0]], GOOD, {}, r"predictions of shape \(n,\), one risk a row, got shape \(2, 1\)"),
        ([1.0, np.nan], GOOD, {}, "finite predictions, got nan in row 1"),
        ([1.0, np.inf], GOOD, {}, "finite predictions, got inf in row 1"),
        ([1.0, 2.0], [[1, 1, 0], [2, 0, 0]], {}, r"references of shape \(n, 2\), n >= 1, got \(2, 3\)"),
        ([1.0, 2.0], [[1, 1], [np.nan, 0]], {}, "finite references, got nan in row 1, column 0"),
        ([1.0, 2.0], [[1, 1], [0, 0]], {}, "times of references above 0 days, got 0 in row 1"),
        ([1.0, 2.0], [[-3, 1], [-4, 0]], {}, r"above 0 days, got -3 in row 0 \(2 such rows\)"),
        ([1.0, 2.0], [[1, 12], [1, 30]], {}, r"events of references that are 1 .* got 12 in row 0 \(2 such rows\)"),
        ([1.0, 2.0], GOOD, {"tau": 0}, "tau above 0 days, got 0"),
        ([1.0, 2.0], GOOD, {"tau": np.nan}, "tau above 0 days, got nan"),
        ([1.0, 2.0], GOOD, {"horizons": [1]}, "horizons and curves together, got horizons alone"),
        ([1.0, 2.0], GOOD, {"curves": [[1], [1]]}, "horizons and curves together, got curves alone"),
        ([1.0, 2.0], GOOD, {"horizons": [], "curves": [[1], [1]]}, r"ascending numbers of days above 0, got \[\]"),
        ([1.0, 2.0], GOOD, {"horizons": [0], "curves": [[1], [1]]}, "ascending numbers of days above 0"),
        ([1.0, 2.0], GOOD, {"horizons": [2, 2], "curves": [[1, 1]] * 2}, "ascending numbers of days above 0"),
        ([1.0, 2.0], GOOD, {"horizons": [2, np.inf], "curves": [[1, 1]] * 2}, "ascending numbers of days above 0"),
        ([1.0, 2.0], GOOD, {"horizons": [1], "curves": [[1, 1]] * 2}, r"curves of shape \(2, 1\).* got \(2, 2\)"),
        ([1.0, 2.0], GOOD, {"horizons": [1], "curves": [[1], [np.nan]]}, "finite curves, got nan in row 1"),
        ([1.0, 2.0], GOOD, {"horizons": [1], "curves": [[90], [80]]}, "got values from 80 to 90"),
        ([1.0, 2.0], GOOD, {"horizons": [1], "curves": [[0.5], [-0.1]]}, "got values from -0.1 to 0.5"),
        ([1.0, 2.0], GOOD, {"horizons": [1, 2], "curves": [[1, 0.9], [0.1, 0.2]]}, r"do not rise .* in row 1"),
        ([1.0, 2.0], GOOD, {"train": np.empty((0, 2))}, r"train of shape \(n, 2\), n >= 1, got \(0, 2\)"),
        ([1.0, 2.0], GOOD, {"train": [[0, 1]]}, "times of train above 0 days"),
        ([1.0, 2.0], [[5, 1], [6, 1]], {"train": [[4, 0]]}, "2 events where it is 0 or unknown, the first at 5 days"),
        ([1.0, 2.0], [[5, 1], [6, 1]], {"train": [[5, 1]]}, "1 row that end at 5 days and 1 event where"),
        ([1.0, 2.0], [[5, 1], [6, 0]], {"train": [[5, 0]]}, "pass a tau at or before the first of these"),
        (
            [1.0, 2.0],
            GOOD,
            {"train": [[4, 0]], "horizons": [4], "curves": [[1], [1]]},
            "1 horizon where it is 0 or unknown, the first at 4 days; leave",
        ),
    ],
)
def test_bad_input_is_refused(predictions, references, options, message):
    with pytest.raises(ValueError, match=message):
        survival(predictions, references, **options)


def test_train_need_cover_only_what_is_used():
    scores = survival([2.0, 1.0], [[5, 1], [9, 0]], [4], [[0.5], [0.8]], train=[[6, 0]])
    assert scores["uno_c"] == 1.0 and scores["brier"] == pytest.approx((0.5**2 + 0.2**2) / 2)
    assert survival([2.0, 1.0], [[5, 1], [9, 1]], train=[[6, 0]], tau=6)["uno_c"] == 1.0
