"""Clusters and rejection against scikit-learn, and that unseen types stay out of everything else."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from multimed_hf.metrics.cell_type import CELL_TYPE, cell_type
from multimed_hf.metrics.classification import CLASSIFICATION
from multimed_hf.metrics.rows import Accumulator

LABELS = ["B", "T", "NK", "mono", "DC"]


def sample(n, types=3, clusters=4, seed=0, tied=False, unseen=0.2):
    generator = np.random.default_rng(seed)
    if tied:
        probabilities = generator.multinomial(5, np.ones(types) / types, n) / 5.0
    else:
        probabilities = generator.dirichlet(np.ones(types), n)
    references = np.where(generator.random(n) < 0.5, probabilities.argmax(axis=1), generator.integers(0, types, n))
    groups = np.where(generator.random(n) < 0.5, references % clusters, generator.integers(0, clusters, n))
    return probabilities, np.where(generator.random(n) < unseen, -1, references), groups


samples = st.builds(
    sample,
    st.integers(1, 50),
    st.integers(2, 5),
    st.integers(1, 6),
    st.integers(0, 10_000),
    st.booleans(),
    st.sampled_from([0.0, 0.3, 1.0]),
)


def blobs(n, types=4, dimensions=3, seed=0):
    """Well separated clouds of points, and which one each is of."""
    generator = np.random.default_rng(seed)
    references = generator.integers(0, types, n)
    return generator.normal(size=(n, dimensions)) + 50.0 * np.eye(types)[references][:, :dimensions], references


def uniform(n, types):
    return np.full((n, types), 1.0 / types)


@settings(max_examples=40)
@given(samples)
def test_agreement_of_clusters_is_scikit_learns(rows):
    probabilities, references, clusters = rows
    scores = cell_type(probabilities, references, clusters=clusters)
    seen = references >= 0
    if not seen.any():
        assert np.isnan(scores["ari"])
        assert np.isnan(scores["nmi"])
        return
    assert scores["ari"] == pytest.approx(sk.adjusted_rand_score(references[seen], clusters[seen]), abs=1e-12)
    expected = sk.normalized_mutual_info_score(references[seen], clusters[seen])
    assert scores["nmi"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("references", "clusters"),
    [
        ([0], [0]),
        ([0, 0, 0], [0, 0, 0]),
        ([0, 0, 0], [0, 1, 2]),
        ([0, 1, 2], [0, 0, 0]),
        ([0, 1, 2], [5, 7, 6]),
        ([0, 0, 1, 1], [0, 1, 0, 1]),
    ],
)
def test_agreement_of_degenerate_partitions_is_scikit_learns(references, clusters):
    scores = cell_type(uniform(len(references), 3), references, clusters=clusters)
    assert scores["ari"] == pytest.approx(sk.adjusted_rand_score(references, clusters), abs=1e-12)
    assert scores["nmi"] == pytest.approx(sk.normalized_mutual_info_score(references, clusters), abs=1e-12)


def test_adjusted_rand_index_worked_by_hand():
    # Hubert & Arabie: 2 of 15 pairs together in both, 6 and 3 in either: (2 - 18/15) / (4.5 - 18/15).
    scores = cell_type(uniform(6, 2), [0, 0, 0, 1, 1, 1], clusters=["a", "a", "b", "b", "c", "c"])
    assert scores["ari"] == pytest.approx((2 - 6 * 3 / 15) / ((6 + 3) / 2 - 6 * 3 / 15))


def test_names_and_numbers_of_clusters_are_one():
    probabilities, references, clusters = sample(30)
    names = np.array(["x", "leiden 1", "b", "a"])[clusters]
    named = cell_type(probabilities, references, clusters=names)
    assert named == pytest.approx(cell_type(probabilities, references, clusters=clusters))


@settings(max_examples=30)
@given(samples)
def test_classification_is_that_of_the_seen_cells(rows):
    probabilities, references, clusters = rows
    labels = LABELS[: probabilities.shape[1]]
    scores = cell_type(probabilities, references, labels, clusters)
    seen = references >= 0
    if seen.any():
        expected = CLASSIFICATION(probabilities[seen], references[seen], labels)
        assert {key: scores[key] for key in expected} == pytest.approx(expected, abs=1e-12, nan_ok=True)
        own = {"ari", "nmi", "unseen"} | ({"rejection_auroc", "rejection_fpr95"} if not seen.all() else set())
        assert scores.keys() == expected.keys() | own
    else:
        assert np.isnan([scores["accuracy"], scores["auroc"], scores["ece"], scores["classes_absent"]]).all()
        assert not any("/" in key for key in scores)
    assert scores["unseen"] == (~seen).sum()


@settings(max_examples=40)
@given(samples)
def test_rejection_is_scikit_learns(rows):
    probabilities, references, _ = rows
    unseen, doubt = references == -1, 1.0 - probabilities.max(axis=1)
    scores = cell_type(probabilities, references)
    if not unseen.any():
        assert not any(key.startswith("rejection") for key in scores)
        return
    if unseen.all():
        assert np.isnan(scores["rejection_auroc"])
        assert np.isnan(scores["rejection_fpr95"])
        return
    assert scores["rejection_auroc"] == pytest.approx(sk.roc_auc_score(unseen, doubt), abs=1e-12)
    # Seen cells are the positives, and confidence is what is high for them.
    false_rate, true_rate, _ = sk.roc_curve(~unseen, -doubt, drop_intermediate=False)
    assert scores["rejection_fpr95"] == pytest.approx(false_rate[true_rate >= 0.95 - 1e-12].min(), abs=1e-12)


def test_own_rejection_scores_replace_the_confidence():
    probabilities, references, _ = sample(60)
    doubt = np.random.default_rng(1).normal(size=60)
    scores = cell_type(probabilities, references, rejection_scores=doubt)
    assert scores["rejection_auroc"] == pytest.approx(sk.roc_auc_score(references == -1, doubt))
    perfect = cell_type(probabilities, references, rejection_scores=(references == -1).astype(float))
    assert perfect["rejection_auroc"] == 1.0
    assert perfect["rejection_fpr95"] == 0.0
    useless = cell_type(probabilities, references, rejection_scores=np.zeros(60))
    assert useless["rejection_auroc"] == 0.5
    assert useless["rejection_fpr95"] == 1.0


def test_nineteen_of_twenty_seen_cells_are_95_per_cent():
    doubt = [*range(19), 30, 18.5, 40]
    scores = cell_type(uniform(22, 2), [0] * 20 + [-1, -1], rejection_scores=doubt)
    assert scores["rejection_fpr95"] == 0.0
    doubt[18] = 18.5
    assert cell_type(uniform(22, 2), [0] * 20 + [-1, -1], rejection_scores=doubt)["rejection_fpr95"] == 0.5


def test_accuracy_with_rejection_worked_by_hand():
    predictions = [[0.9, 0.1], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5], [0.8, 0.2]]
    scores = cell_type(predictions, [0, 1, 0, -1, -1], rejection_threshold=0.3)
    assert scores["accuracy_with_rejection"] == 2 / 5
    assert scores["seen_rejected"] == 1 / 3
    assert scores["unseen_rejected"] == 1 / 2
    at_it = cell_type(predictions, [0, 1, 0, -1, -1], rejection_threshold=0.5)
    assert at_it["seen_rejected"] == 0.0
    assert "accuracy_with_rejection" not in cell_type(predictions, [0, 1, 0, -1, -1])
    assert np.isnan(cell_type(predictions[:2], [0, 1], rejection_threshold=0.3)["unseen_rejected"])


def test_k_means_finds_what_is_apart():
    points, references = blobs(120)
    scores = cell_type(uniform(120, 4), references, embeddings=points)
    assert scores["ari"] == 1.0
    assert scores["nmi"] == pytest.approx(1.0)


def test_k_means_finds_rare_types_among_many():
    sizes = [200, 150, 100, *[5] * 12]
    references = np.repeat(np.arange(15), sizes)
    points = np.random.default_rng(0).normal(size=(len(references), 15)) + 100.0 * np.eye(15)[references]
    assert cell_type(uniform(len(references), 15), references, embeddings=points)["ari"] == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_k_means_descends_as_far_as_scikit_learns(seed):
    points = np.random.default_rng(seed).normal(size=(80, 2)) * [3.0, 1.0] + 1e8
    groups = CELL_TYPE.update(uniform(80, 5), np.arange(80) % 5, embeddings=points).cluster_indices

    def within(groups):
        return sum(((points[groups == g] - points[groups == g].mean(axis=0)) ** 2).sum() for g in range(5))

    theirs = KMeans(5, n_init=10, random_state=0).fit(points)
    assert len(set(groups)) == 5
    assert within(groups) <= 1.02 * within(theirs.labels_)


def test_as_many_clusters_as_seen_types_that_occur():
    points, references = blobs(60, types=3)
    references[references == 2] = -1
    groups = CELL_TYPE.update(uniform(60, 5), references, embeddings=points).cluster_indices
    assert set(groups[references >= 0]) == {0, 1}
    scores = cell_type(uniform(60, 5), references, embeddings=points)
    assert scores["ari"] == 1.0


def test_equal_embeddings_are_one_cluster():
    scores = cell_type(uniform(6, 2), [0, 0, 0, 1, 1, 1], embeddings=np.full((6, 3), 0.1))
    assert scores["ari"] == 0.0
    assert scores["nmi"] == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 4))
def test_order_of_rows_is_without_effect_on_k_means(seed, n, types):
    generator = np.random.default_rng(seed)
    points, references = generator.integers(0, 4, (n, 2)) / 3.0, generator.integers(-1, types, n)
    order = generator.permutation(n)
    got = cell_type(uniform(n, types + 1)[order], references[order], embeddings=points[order])
    expected = cell_type(uniform(n, types + 1), references, embeddings=points)
    assert got == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(max_examples=20)
@given(samples, st.randoms(use_true_random=False))
def test_order_of_rows_is_without_effect(rows, random):
    probabilities, references, clusters = rows
    order = random.sample(range(len(references)), len(references))
    got = cell_type(probabilities[order], references[order], clusters=clusters[order], rejection_threshold=0.4)
    expected = cell_type(probabilities, references, clusters=clusters, rejection_threshold=0.4)
    assert got == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(max_examples=20)
@given(samples, st.integers(0, 1000))
def test_weights_are_repetitions(sampled, seed):
    probabilities, references, clusters = sampled
    labels = LABELS[: probabilities.shape[1]]
    rows = CELL_TYPE.update(probabilities, references, labels, clusters, rejection_threshold=0.4)
    weights = np.random.default_rng(seed).poisson(1.0, (4, len(references))).astype(float)
    weights[:, 0] += 1.0
    repeated = [np.repeat(np.arange(len(references)), row.astype(int)) for row in weights]
    expected = [
        cell_type(probabilities[i], references[i], labels, clusters[i], rejection_threshold=0.4) for i in repeated
    ]
    for key in CELL_TYPE.compute(rows):
        got = CELL_TYPE.statistic(rows, key)(weights)
        wanted = [scores.get(key, np.nan) for scores in expected]
        assert got == pytest.approx(wanted, abs=1e-12, nan_ok=True), key


def test_draws_keep_the_clusters_of_all_cells():
    generator = np.random.default_rng(0)
    points, references = generator.normal(size=(50, 2)), generator.integers(-1, 3, 50)
    rows = CELL_TYPE.update(uniform(50, 3), references, embeddings=points)
    weights = generator.poisson(1.0, (3, 50)).astype(float)
    drawn = [np.repeat(np.arange(50), row.astype(int)) for row in weights]
    drawn = [index[references[index] >= 0] for index in drawn]
    expected = [sk.adjusted_rand_score(references[index], rows.cluster_indices[index]) for index in drawn]
    assert CELL_TYPE.statistic(rows, "ari")(weights) == pytest.approx(expected, abs=1e-12)


def test_no_rows_under_a_weighting_is_undefined():
    probabilities, references, clusters = sample(10)
    rows = CELL_TYPE.update(probabilities, references, clusters=clusters, rejection_threshold=0.4)
    for key in set(CELL_TYPE.compute(rows)) - {"unseen"}:
        assert np.isnan(CELL_TYPE.statistic(rows, key)(np.zeros((1, 10)))), key


@pytest.mark.parametrize("option", ["clusters", "embeddings"])
def test_batches_joined_equal_one_shot(option):
    probabilities, references, clusters = sample(40)
    references[:6] = -1  # the first batch is all unseen
    column = clusters if option == "clusters" else np.random.default_rng(0).normal(size=(40, 3))
    accumulator = Accumulator(CELL_TYPE, labels=LABELS[:3], rejection_threshold=0.5)
    for part in np.split(np.arange(40), [5, 18, 30]):
        accumulator.update(probabilities[part], references[part], **{option: column[part]})
    expected = cell_type(probabilities, references, LABELS[:3], rejection_threshold=0.5, **{option: column})
    assert accumulator.compute() == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clusters": [0]}, r"clusters as 2 names or 2 integers, got shape \(1,\) of int"),
        ({"clusters": ["a", None]}, "of NoneType, str; give one per row"),
        ({"clusters": ["a", float("nan")]}, "of float, str"),
        ({"embeddings": [0.0, 1.0]}, r"embeddings as numbers of shape \(n, dimensions\), got shape \(2,\)"),
        ({"embeddings": [[0.0]]}, "embeddings of 2 rows, got 1"),
        ({"embeddings": [[0.0], [np.nan]]}, "finite embeddings, got nan in row 1"),
        ({"clusters": [0, 1], "embeddings": [[0.0], [1.0]]}, "clusters or embeddings, got both"),
        ({"rejection_scores": [0.0]}, r"rejection_scores as 2 finite numbers, got float64 of shape \(1,\)"),
        ({"rejection_scores": [0.0, np.inf]}, "without NaN or infinity"),
        ({"rejection_scores": ["a", "b"]}, "rejection_scores as 2 finite numbers"),
        ({"rejection_threshold": np.nan}, "finite rejection_threshold, got nan"),
        ({"labels": ["a"]}, "2 distinct label names"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cell_type([[0.5, 0.5], [0.5, 0.5]], [0, 1], **options)


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([[0.5, 0.5]], [0, 1], "got 1 predictions and 2 references"),
        ([], [], "at least one row"),
        ([[np.nan, 0.5]], [0], "finite predictions, got nan in row 0"),
        ([[0.5, 0.5]], [2], r"references in \[0, 2\), got 2"),
        ([[0.5, 0.5]], [-2], r"type indices or -1 \(unseen type\), got -2 \(1 such row\)"),
        ([[0.5, 0.5]], [0.5], "integers"),
        ([[0.5, 0.5]], [[0]], r"shape \(n,\), got shape \(1, 1\)"),
        ([[0.5, 0.502]], [0], "add up to 1 in each row"),
        ([0.5], [0], r"shape \(n, classes\)"),
    ],
)
def test_bad_input_is_refused(predictions, references, message):
    with pytest.raises(ValueError, match=message):
        cell_type(predictions, references)
