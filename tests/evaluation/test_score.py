import numpy as np
import pytest

from multimed_hf.data.heads import Head
from multimed_hf.evaluation.predict import Predictions
from multimed_hf.evaluation.score import UNDEFINED, score_baselines, score_rows, training_profiles
from multimed_hf.metrics import regression, score_with_interval

CELLS = Head("cell_type_classification/x", "cell_type_classification", "single_label", ("a", "b"))
GENES = Head("expression_prediction/x", "expression_prediction", "regression", num_targets=2)


def rows_of(head, predictions, references, groups=None):
    names = [f"row-{number}" for number in range(len(references))]
    count = len(names)
    return Predictions(head, np.arange(count), names, groups or names, ["s"] * count, predictions, references)


def cell_rows(count):
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([1, 1], count)
    return rows_of(CELLS, probabilities, (random.random(count) < probabilities[:, 1]).astype(int))


def test_scores_are_those_of_the_metric_with_its_interval():
    rows = cell_rows(30)
    scored = score_rows(rows, "cell", seed=3, options={"labels": CELLS.labels})
    direct = score_with_interval("cell_type", rows.predictions, rows.references, rows.groups, "cell", seed=3)
    assert (scored["low"], scored["high"]) == (direct["interval"]["low"], direct["interval"]["high"])
    assert scored["score"] == direct["macro_f1"] == scored["scores"]["macro_f1"]
    assert (scored["n"], scored["groups"], scored["reasons"]) == (30, 30, {})
    assert "recall/a" in scored["scores"] and "interval" not in scored["scores"]


def test_few_groups_have_a_reason_instead_of_an_interval():
    rows = cell_rows(30)
    scored = score_rows(rows_of(CELLS, rows.predictions, rows.references, ["one", "two"] * 15), "donor")
    assert (scored["low"], scored["high"], scored["groups"]) == (None, None, 2)
    assert "2 groups (donor)" in scored["reasons"]["interval"]


def test_an_undefined_score_is_none_with_a_reason():
    constant = rows_of(GENES, np.zeros((3, 2)), np.ones((3, 2)))
    scored = score_rows(constant, "cell")
    assert scored["score"] is None and scored["scores"]["pearson_per_target"] is None
    assert scored["reasons"]["score"] == scored["reasons"]["pearson_per_target"] == UNDEFINED


def expression(values):
    return {
        "inputs": {"genomics": "ACGT"},
        "choices": None,
        "labels": {GENES.name: {"index": np.arange(2), "value": values}},
    }


def test_profiles_are_means_of_training_rows_by_stratum():
    nan = np.nan
    train = [expression(np.array(values)) for values in ([1.0, 2.0], [3.0, nan], [5.0, 6.0])]
    profiles = training_profiles(GENES, train, ["t", "b", "t"], ["b", "t", "new"])
    assert profiles["train_mean"].tolist() == [3.0, 4.0]
    assert {name: mean.tolist() for name, mean in profiles["strata_mean"].items()} == {
        "b": [3.0, 4.0],  # the second target was not measured in this stratum
        "t": [3.0, 4.0],
        "new": [3.0, 4.0],
    }
    train[0]["labels"][GENES.name]["value"][0] = -3.0
    assert training_profiles(GENES, train, ["t", "b", "t"], ["t"])["strata_mean"]["t"].tolist() == [1.0, 4.0]
    assert "strata" not in training_profiles(GENES, train, [""] * 3, [""])
    assert training_profiles(GENES, [], [], ["t"]) == {}
    assert "skill_over_cell_type_mean" in regression(
        np.zeros((1, 2)), np.ones((1, 2)), **(profiles | {"strata": ["b"]})
    )


def test_baselines_are_scored_by_the_main_score():
    train = [
        {"inputs": {"protein": text}, "choices": None, "group": "", "labels": {CELLS.name: int("A" in text)}}
        for text in ("AK", "AM", "CK", "CM", "AC")
    ]
    test = [
        {"inputs": {"protein": text}, "choices": None, "labels": {CELLS.name: label}}
        for text, label in (("AAK", 1), ("CCK", 0))
    ]
    rows = rows_of(CELLS, np.full((2, 2), 0.5), np.array([1, 0]))
    scored = score_baselines(rows, train, test)
    assert scored["trivial"] == {"name": "class prior", "score": pytest.approx(1 / 3)}
    assert scored["classical"] == {"name": "logistic regression", "score": pytest.approx(1.0)}
    assert score_baselines(rows, [], test)["classical"] == {"name": "logistic regression", "score": None}
