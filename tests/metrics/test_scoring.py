"""Every metric by name: composed for tasks, streamed, resampled, and scored with an interval."""

import subprocess
import sys

import numpy as np
import pytest

from multimed_hf.metrics import METRICS, Accumulator, bootstrap_interval, find_metric, score_with_interval
from multimed_hf.metrics.rows import Metric
from multimed_hf.tasks import TASKS

GENERATOR = np.random.default_rng(0)
N = 60
PROBABILITIES, CLASSES = GENERATOR.dirichlet(np.ones(3), N), GENERATOR.integers(3, size=N)
CHAINS = [np.cumsum(GENERATOR.normal(size=(12, 3)), axis=0) for _ in range(N)]
MASKS = [GENERATOR.integers(2, size=(6, 5)) for _ in range(N)]
BOXES = [{"boxes": np.sort(GENERATOR.random((2, 2, 2)) * 20, axis=1).reshape(2, 4), "labels": [0, 0]} for _ in range(N)]
CORNERS = GENERATOR.normal(size=(N, 2, 4))
OUTCOMES = np.stack([GENERATOR.exponential(100, N).round() + 1, GENERATOR.random(N) < 0.6], axis=1)

# Predictions and references of 60 rows for each metric.
ROWS = {
    "classification": (PROBABILITIES, CLASSES),
    "multilabel": (GENERATOR.random((N, 3)), GENERATOR.integers(-1, 2, (N, 3))),
    "ordinal": (PROBABILITIES, CLASSES),
    "eeg": (PROBABILITIES, CLASSES),
    "cell_type": (PROBABILITIES, np.where(GENERATOR.random(N) < 0.2, -1, CLASSES)),
    "expression": (GENERATOR.normal(size=(N, 3)), GENERATOR.normal(size=(N, 3))),
    "structure": ([chain + GENERATOR.normal(size=chain.shape) for chain in CHAINS], CHAINS),
    "answer": (GENERATOR.choice(["yes", "no"], N).tolist(), GENERATOR.choice(["yes", "no"], N).tolist()),
    "segmentation": ([GENERATOR.integers(2, size=(6, 5)) for _ in range(N)], MASKS),
    "grounding": ([GENERATOR.random((6, 5)) for _ in range(N)], MASKS),
    "detection": (
        [
            {"boxes": image["boxes"] + np.tile(shift[:, :2], 2), "scores": GENERATOR.random(2), "labels": [0, 0]}
            for image, shift in zip(BOXES, CORNERS, strict=True)
        ],
        BOXES,
    ),
    "survival": (GENERATOR.normal(size=N), OUTCOMES),
    "retrieval": (GENERATOR.normal(size=(N, 12)), GENERATOR.integers(12, size=N)),
    "calibration": (PROBABILITIES, CLASSES),
}
GROUPS = [f"patient {row // 2}" for row in range(N)]


def taken(values, indices):
    return [values[index] for index in indices]


def test_every_metric_is_tested_here():
    assert set(ROWS) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_interval_is_that_of_the_score_on_resampled_rows(name):
    predictions, references = ROWS[name]
    named = METRICS[name]
    resamples = 12

    def statistic(weights):
        found = []
        for row in weights.astype(int):
            indices = np.repeat(np.arange(N), row)
            found.append(named(taken(predictions, indices), taken(references, indices))[named.main_score])
        return np.array(found)

    scores = score_with_interval(name, predictions, references, GROUPS, "patient", resamples=resamples)
    expected = bootstrap_interval(statistic, N, GROUPS, resamples=resamples)
    interval = scores.pop("interval")
    assert interval == {
        "low": pytest.approx(expected.low),
        "high": pytest.approx(expected.high),
        "level": 0.95,
        "groups": 30,
        "unit": "patient",
        "note": "",
    }
    assert interval["low"] < scores[named.main_score] < interval["high"]
    assert scores.pop("n") == N
    assert scores == pytest.approx(named.function(predictions, references), nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_weights_are_numbers_of_copies_in_every_score(name):
    named = METRICS[name]
    rows = named.metric.update(*ROWS[name])
    weights = np.random.default_rng(2).poisson(1.0, size=(4, N)).astype(float)
    copies = [named.metric.compute(rows.take(np.repeat(np.arange(N), row.astype(int)))) for row in weights]
    for key in named.metric.compute(rows):
        expected = [scores.get(key, np.nan) for scores in copies]
        assert named.metric.statistic(rows, key)(weights) == pytest.approx(expected, rel=1e-9, nan_ok=True), key


@pytest.mark.parametrize("name", METRICS)
def test_batches_and_processes_give_the_scores_of_all_rows_at_once(name):
    predictions, references = ROWS[name]
    metric = METRICS[name].metric
    first, second = Accumulator(metric), Accumulator(metric)
    for accumulator, parts in ((first, [(0, 1), (1, 20)]), (second, [(20, 59), (59, 60)])):
        for start, end in parts:
            accumulator.update(predictions[start:end], references[start:end])
    first.merge(second)
    assert first.compute() == pytest.approx(METRICS[name](predictions, references), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_order_of_rows_is_of_no_matter(name):
    predictions, references = ROWS[name]
    order = np.random.default_rng(1).permutation(N)
    shuffled = METRICS[name](taken(predictions, order), taken(references, order))
    assert shuffled == pytest.approx(METRICS[name](predictions, references), rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_rows_that_cannot_be_scored_are_refused(name):
    predictions, references = ROWS[name]
    with pytest.raises(ValueError, match=r"got 59 predictions and 60 references|got \d+ predictions and \d+"):
        METRICS[name](predictions[:-1], references)
    with pytest.raises(ValueError, match="at least one row"):
        METRICS[name](predictions[:0], references[:0])
    if name == "answer":
        return
    for value in (np.nan, np.inf):
        spoilt = [poisoned(row, value) for row in predictions]
        with pytest.raises(ValueError, match=r"finite|numbers|values in"):
            METRICS[name](spoilt, references)


def poisoned(row, value):
    """A prediction with one of its numbers replaced."""
    if isinstance(row, dict):
        return {**row, "scores": poisoned(row["scores"], value)}
    spoilt = np.array(row, dtype=float)
    spoilt.flat[0] = value
    return spoilt


def test_an_accumulator_without_a_batch_or_with_unlike_batches_says_so():
    accumulator = Accumulator(METRICS["classification"].metric, top_k=(2,))
    with pytest.raises(ValueError, match="at least one batch before the scores"):
        accumulator.compute()
    with pytest.raises(ValueError, match="one prediction per reference"):
        accumulator.update([[0.5, 0.5]], [0, 1])
    accumulator.update(PROBABILITIES, CLASSES)
    assert "top_2_accuracy" in accumulator.compute()
    accumulator.update([[0.5, 0.5]], [0])
    with pytest.raises(ValueError, match=r"batches of one shape after the rows, got \[\(2,\), \(3,\)\]"):
        accumulator.compute()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_column_that_some_batches_lack_is_refused(order):
    metric = METRICS["eeg"].metric
    batches = [metric.update(PROBABILITIES, CLASSES), metric.update(PROBABILITIES, CLASSES, subjects=CLASSES)]
    with pytest.raises(ValueError, match="subjects with every batch or with none"):
        type(batches[0]).join([batches[index] for index in order])


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_its_metric(name):
    task, named = TASKS[name], find_metric(name)
    assert (named.name, named.main_score, named.task) == (name, task.main_score, task)
    assert named.function is METRICS[task.metric].function
    predictions, references = ROWS[task.metric]
    # What the scores beside the main one need.
    options = {
        "regression": {"train_mean": [0.0] * 3},
        "survival": {"curves": GENERATOR.random((N, 1)), "horizons": [50.0]},
    }
    if task.kind == "ordinal":
        predictions, references = GENERATOR.dirichlet(np.ones(20), N), GENERATOR.integers(20, size=N)
    scores = named(predictions, references, **options.get(task.kind, {}))
    assert {task.main_score, *task.beside} <= set(scores)


def test_bone_age_is_scored_in_months():
    # The middle of year 10 is month 126.
    sure = np.eye(20)[[10, 10, 10]]
    scores = find_metric("bone_age_classification")(sure, [10, 10, 10], reference_values=[126.0, 121.0, 115.0])
    assert scores["mae"] == pytest.approx((0 + 5 + 11) / 3)
    assert scores["accuracy_within_6"] == pytest.approx(2 / 3)
    assert scores["accuracy_within_12"] == 1.0


def test_referable_retinopathy_begins_with_grade_two():
    predictions = [[0.8, 0.1, 0.1, 0, 0], [0, 0.7, 0.3, 0, 0], [0, 0.4, 0.6, 0, 0], [0, 0, 0.1, 0.9, 0]]
    scores = find_metric("diabetic_retinopathy_classification")(predictions, [0, 1, 2, 3])
    assert scores["auroc_from_2"] == 1.0


def test_few_groups_give_no_interval_but_a_reason():
    scores = score_with_interval("classification", PROBABILITIES, CLASSES, CLASSES, "site")
    assert scores["interval"] is None
    assert scores["interval_refusal"] == "3 groups (site), fewer than the 20 an interval needs"


@pytest.mark.parametrize(("fallback", "unit", "count"), [("row", "row", 60), (np.arange(60) // 2, "block", 30)])
def test_few_groups_may_be_resampled_within_and_say_so(fallback, unit, count):
    scores = score_with_interval("eeg", PROBABILITIES, CLASSES, CLASSES, "subject", fallback=fallback)
    assert (scores["interval"]["unit"], scores["interval"]["groups"]) == (unit, count)
    assert scores["interval"]["note"] == "within 3 x subject: says nothing about a new subject"
    many = score_with_interval("eeg", PROBABILITIES, CLASSES, GROUPS, "subject", fallback=fallback)
    assert (many["interval"]["unit"], many["interval"]["note"]) == ("subject", "")


def test_without_groups_every_row_is_its_own():
    interval = score_with_interval("classification", PROBABILITIES, CLASSES)["interval"]
    assert (interval["groups"], interval["unit"]) == (60, "row")


def test_rare_label_makes_a_per_label_score_undefined_too_often():
    references = np.zeros((60, 1), dtype=int)
    references[0] = 1
    scores = score_with_interval("multilabel", GENERATOR.random((60, 1)), references, main_score="auroc/0")
    assert scores["interval"] is None
    assert "undefined on" in scores["interval_refusal"]


def test_rows_are_made_once_for_all_resamples(monkeypatch):
    named, calls = METRICS["structure"], []

    def update(*args, **kwargs):
        calls.append(1)
        return named.metric.update(*args, **kwargs)

    counted = type(named)(named.name, Metric(update, named.metric.parts), named.function, named.main_score)
    monkeypatch.setitem(METRICS, "structure", counted)
    score_with_interval("structure", CHAINS, CHAINS)
    assert calls == [1]


def test_further_arguments_reach_the_metric():
    scores = score_with_interval("structure", CHAINS, CHAINS, lengths=[24] * 60)
    assert scores["tm_score"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("clasification", {}, "Did you mean 'classification'"),
        ("classification", {"main_score": "f1"}, "a score among balanced_accuracy"),
        ("classification", {"groups": CLASSES, "fallback": "block"}, '"row" or the block'),
    ],
)
def test_unknown_names_are_refused(name, kwargs, message):
    with pytest.raises(ValueError, match=message):
        score_with_interval(name, PROBABILITIES, CLASSES, **kwargs)


def test_import_needs_neither_torch_nor_the_hugging_face_libraries():
    heavy = ("torch", "transformers", "datasets", "evaluate", "sklearn", "scipy")
    code = f"import sys, multimed_hf.metrics; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
