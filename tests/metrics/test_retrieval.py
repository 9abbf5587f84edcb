"""Retrieval against brute-force sorting over all orders of ties, and scikit-learn where there are none."""

import itertools
import math

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.metrics.retrieval import RETRIEVAL, retrieval
from multimed_hf.metrics.rows import Accumulator


def close(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def tied(n=8, candidates=5, seed=0, several=True):
    """Similarities of few values, and one or more right candidates a query."""
    generator = np.random.default_rng(seed)
    right = generator.random((n, candidates)) < (0.3 if several else 0.0)
    right[np.arange(n), generator.integers(candidates, size=n)] = True
    return generator.integers(0, 3, (n, candidates)).astype(float), right


def distinct(n=60, candidates=20, seed=0):
    """Similarities without ties, the right ones somewhat higher."""
    generator = np.random.default_rng(seed)
    references = generator.integers(candidates, size=n)
    similarities = generator.standard_normal((n, candidates))
    similarities[np.arange(n), references] += 1.0
    return similarities, references


def brute_force(similarities, right, ks):
    """The mean over all orders of the candidates, each sorted by a stable sort, of the place of the first right one."""
    ranks, reciprocals, recalls = [], [], {k: [] for k in ks}
    for row, truth in zip(similarities, right, strict=True):
        places = []
        for order in itertools.permutations(range(len(row))):
            ranking = sorted(order, key=lambda candidate: -row[candidate])
            places.append(1 + next(place for place, candidate in enumerate(ranking) if truth[candidate]))
        ranks.append(math.fsum(places) / len(places))
        reciprocals.append(math.fsum(1 / place for place in places) / len(places))
        for k in ks:
            recalls[k].append(sum(place <= k for place in places) / len(places))
    return {
        **{f"recall_at_{k}": np.mean(values) for k, values in recalls.items()},
        "mean_reciprocal_rank": np.mean(reciprocals),
        "median_rank": np.median(ranks),
        "n_candidates": len(similarities[0]),
    }


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("several", [False, True])
def test_ties_are_the_mean_over_all_orders(seed, several):
    similarities, right = tied(seed=seed, several=several)
    scores = retrieval(similarities, right, ks=(1, 2, 4))
    assert scores == close(brute_force(similarities, right, (1, 2, 4)))


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_scikit_learn_without_ties(seed):
    similarities, references = distinct(seed=seed)
    truth = np.eye(20)[references]
    scores = retrieval(similarities, references)
    for k in (1, 5, 10):
        expected = sk.top_k_accuracy_score(references, similarities, k=k, labels=range(20))
        assert scores[f"recall_at_{k}"] == close(expected)
    assert scores["mean_reciprocal_rank"] == close(sk.label_ranking_average_precision_score(truth, similarities))
    # The coverage of one query is the place of its last right candidate, here of its only one.
    ranks = [sk.coverage_error(t[None], s[None]) for t, s in zip(truth, similarities, strict=True)]
    assert scores["median_rank"] == close(np.median(ranks))


@given(st.integers(2, 40), st.integers(1, 30), st.integers(0, 1000))
@settings(max_examples=30)
def test_a_constant_similarity_is_guessing(candidates, n, seed):
    references = np.random.default_rng(seed).integers(candidates, size=n)
    scores = retrieval(np.full((n, candidates), 0.3), references, ks=[1, candidates])
    assert scores["recall_at_1"] == close(1 / candidates)
    assert scores[f"recall_at_{candidates}"] == 1.0
    assert scores["median_rank"] == close((candidates + 1) / 2)
    assert scores["mean_reciprocal_rank"] == close(sum(1 / (1 + place) for place in range(candidates)) / candidates)


def test_worked_example():
    # Ranks 1, 3 and, of several right ones, 2.
    similarities = [[0.9, 0.1, 0.2], [0.5, 0.2, 0.4], [0.7, 0.6, 0.1]]
    right = [[True, False, False], [False, True, False], [False, True, True]]
    assert retrieval(similarities, right, ks=(1, 2)) == close(
        {
            "recall_at_1": 1 / 3,
            "recall_at_2": 2 / 3,
            "mean_reciprocal_rank": (1 + 1 / 3 + 1 / 2) / 3,
            "median_rank": 2.0,
            "n_candidates": 3.0,
        }
    )


def test_columns_booleans_and_numbers_are_one_reference():
    similarities, references = distinct()
    truth = np.arange(20) == references[:, None]
    expected = retrieval(similarities, references)
    assert retrieval(similarities, truth) == expected
    assert retrieval(similarities, truth.astype(int)) == expected
    assert retrieval(similarities.tolist(), references.tolist()) == expected


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_bounds_monotonicity_and_invariance(seed):
    similarities, right = tied(seed=seed)
    ks = (1, 2, 3, 4, 5)
    scores = retrieval(similarities, right, ks)
    recalls = [scores[f"recall_at_{k}"] for k in ks]
    assert recalls == sorted(recalls) and recalls[0] >= 0 and recalls[-1] == 1
    assert recalls[0] - 1e-12 <= scores["mean_reciprocal_rank"] <= 1 <= scores["median_rank"] <= 5
    generator = np.random.default_rng(seed)
    queries, candidates = generator.permutation(len(right)), generator.permutation(5)
    mixed = np.ix_(queries, candidates)
    assert retrieval(similarities[mixed], right[mixed], ks) == close(scores)
    assert retrieval(np.exp(similarities) * 1e-8, right, ks) == close(scores)
    raised = retrieval(similarities + 0.5 * right, right, ks)
    assert all(raised[f"recall_at_{k}"] >= scores[f"recall_at_{k}"] - 1e-12 for k in ks)
    assert raised["median_rank"] <= scores["median_rank"] + 1e-12
    assert raised["mean_reciprocal_rank"] >= scores["mean_reciprocal_rank"] - 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_repetitions(seed):
    similarities, right = tied(n=7, seed=seed)
    rows = RETRIEVAL.update(similarities, right, (1, 3))
    weights = np.random.default_rng(seed).integers(0, 3, (10, 7)).astype(float)
    for key in retrieval(similarities, right, (1, 3)):
        expected = []
        for counts in weights.astype(int):
            repeated = retrieval(np.repeat(similarities, counts, axis=0), np.repeat(right, counts, axis=0), (1, 3))
            expected.append(repeated[key])
        assert RETRIEVAL.statistic(rows, key)(weights) == close(np.array(expected)), key


def test_of_no_query_there_is_no_score():
    rows = RETRIEVAL.update(*distinct())
    for key in ("recall_at_1", "mean_reciprocal_rank", "median_rank"):
        assert np.isnan(RETRIEVAL.statistic(rows, key)(np.zeros((1, len(rows))))).all()


@pytest.mark.parametrize("size", [1, 3, 5])
def test_batches_joined_are_all_queries(size):
    similarities, right = tied()
    batches = Accumulator(RETRIEVAL, ks=(1, 2))
    for start in range(0, len(right), size):
        batches.update(similarities[start : start + size], right[start : start + size])
    assert batches.compute() == close(retrieval(similarities, right, (1, 2)))


def test_batches_of_another_number_of_candidates_are_refused():
    rows = [RETRIEVAL.update(np.zeros((2, candidates)), [0, 1], [1]) for candidates in (3, 4)]
    with pytest.raises(ValueError, match="one value of candidates for all batches, got 3 and 4"):
        type(rows[0]).join(rows)


@pytest.mark.parametrize(
    ("predictions", "references", "ks", "message"),
    [
        ([[0.1, 0.2]], [0, 1], [1], "got 1 predictions and 2 references"),
        ([], [], [1], "at least one row"),
        ([0.1, 0.2], [0, 1], [1], r"predictions as numbers of shape \(n, candidates\), got shape \(2,\)"),
        ([[np.nan, 0.2]], [0], [1], "finite predictions"),
        ([[np.inf, 0.2]], [0], [1], "finite predictions"),
        ([[0.1, 0.2]], [2], [1], r"references in \[0, 2\), got 2"),
        ([[0.1, 0.2]], [-1], [1], r"references in \[0, 2\), got -1"),
        ([[0.1, 0.2]], [0.5], [1], "references as integers"),
        ([[0.1, 0.2]], [True], [1], r"of the shape of the predictions, \(1, 2\), got bool of shape \(1,\)"),
        ([[0.1, 0.2]], [[0, 1, 0]], [1], r"got int64 of shape \(1, 3\)"),
        ([[0.1, 0.2]], [[0, 2]], [1], "as booleans of the shape"),
        ([[0.1, 0.2], [0.1, 0.2]], [[0, 1], [0, 0]], [1], r"right candidate a query, got none in row 1 \(1 such row\)"),
        ([[0.1, 0.2]], [0], [3], r"from 1 to 2, the number of candidates, got \(3,\)"),
        ([[0.1, 0.2]], [0], [0], "from 1 to 2"),
        ([[0.1, 0.2]], [0], [1, 1], "distinct numbers"),
        ([[0.1, 0.2]], [0], [], "distinct numbers"),
        ([[0.1, 0.2]], [0], [1.5], "ks as integers"),
    ],
)
def test_bad_input_is_refused(predictions, references, ks, message):
    with pytest.raises(ValueError, match=message):
        retrieval(predictions, references, ks)
