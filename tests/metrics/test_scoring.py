"""Scores by kind, and the interval of the main one."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

from multimed_hf.metrics import SCORES, bootstrap_interval, score_with_interval, structure
from multimed_hf.tasks import KINDS

GENERATOR = np.random.default_rng(0)
PROBABILITIES, CLASSES = GENERATOR.dirichlet(np.ones(3), 60), GENERATOR.integers(3, size=60)
CHAINS = [np.cumsum(GENERATOR.normal(size=(12, 3)), axis=0) for _ in range(60)]

# Kind, its main score, predictions and references of 60 rows.
KIND_ROWS = {
    "single_label": ("macro_f1", PROBABILITIES, CLASSES),
    "multi_label": ("macro_auroc", GENERATOR.random((60, 3)), GENERATOR.integers(-1, 2, (60, 3))),
    "ordinal": ("quadratic_weighted_kappa", PROBABILITIES, CLASSES),
    "regression": ("pearson_per_target", GENERATOR.normal(size=(60, 3)), GENERATOR.normal(size=(60, 3))),
    "structure": ("tm_score", [chain + GENERATOR.normal(size=chain.shape) for chain in CHAINS], CHAINS),
    "answer": ("accuracy", GENERATOR.choice(["yes", "no"], 60).tolist(), GENERATOR.choice(["yes", "no"], 60).tolist()),
}
GROUPS = [f"patient {row // 2}" for row in range(60)]


def test_every_kind_of_target_but_survival_has_scores():
    assert set(SCORES) == set(KIND_ROWS) == set(KINDS) - {"survival"}


@pytest.mark.parametrize("kind", KIND_ROWS)
def test_interval_is_that_of_the_score_on_resampled_rows(kind):
    main, predictions, references = KIND_ROWS[kind]

    def recomputed(indices):
        taken = [predictions[i] for i in indices], [references[i] for i in indices]
        return SCORES[kind](*taken)[main]

    scores = score_with_interval(kind, main, predictions, references, GROUPS, "patient", resamples=12)
    expected = bootstrap_interval(recomputed, 60, GROUPS, resamples=12)
    interval = scores.pop("interval")
    assert interval == {
        "low": pytest.approx(expected.low),
        "high": pytest.approx(expected.high),
        "level": 0.95,
        "groups": 30,
        "unit": "patient",
    }
    assert interval["low"] < scores[main] < interval["high"]
    assert scores.pop("n") == 60
    assert scores == pytest.approx(SCORES[kind](predictions, references), nan_ok=True)


def test_few_groups_give_no_interval_but_a_reason():
    scores = score_with_interval("single_label", "accuracy", PROBABILITIES, CLASSES, CLASSES, "site")
    assert scores["interval"] is None
    assert scores["interval_refusal"] == "3 groups (site), fewer than the 20 an interval needs"


def test_without_groups_every_row_is_its_own():
    interval = score_with_interval("single_label", "accuracy", PROBABILITIES, CLASSES)["interval"]
    assert (interval["groups"], interval["unit"]) == (60, "row")


def test_rare_label_makes_a_per_label_score_undefined_too_often():
    references = np.zeros((60, 1), dtype=int)
    references[0] = 1
    scores = score_with_interval("multi_label", "auroc/0", GENERATOR.random((60, 1)), references)
    assert scores["interval"] is None
    assert "undefined on" in scores["interval_refusal"]


def test_chains_are_scored_once_each(monkeypatch):
    # The package's attribute of that name is the function.
    module = importlib.import_module("multimed_hf.metrics.structure")
    calls = []
    search = module._search
    monkeypatch.setattr(module, "_search", lambda *args, **kwargs: calls.append(1) or search(*args, **kwargs))
    score_with_interval("structure", "tm_score", CHAINS, CHAINS)
    assert len(calls) == 60


def test_further_arguments_reach_the_metric():
    scores = score_with_interval("structure", "tm_score", CHAINS, CHAINS, lengths=[24] * 60)
    assert scores["tm_score"] == pytest.approx(0.5) == structure(CHAINS, CHAINS, lengths=[24] * 60)["tm_score"]


@pytest.mark.parametrize(
    ("kind", "main", "message"),
    [
        ("survival", "uno_c", "a kind among single_label"),
        ("single_label", "f1", "a main score among balanced_accuracy"),
    ],
)
def test_unknown_names_are_refused(kind, main, message):
    with pytest.raises(ValueError, match=message):
        score_with_interval(kind, main, PROBABILITIES, CLASSES)


def test_import_needs_neither_torch_nor_the_hugging_face_libraries():
    heavy = ("torch", "transformers", "datasets", "evaluate", "sklearn", "scipy")
    code = f"import sys, multimed_hf.metrics; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
