import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from multimed_hf.data.heads import Head
from multimed_hf.data.samples import IGNORE
from multimed_hf.evaluation.baselines import (
    BASELINES,
    FOLDS,
    LOGISTIC_C,
    RIDGE_PENALTIES,
    best_c,
    class_probabilities,
    classical_baseline,
    continued,
    ideal_helix,
    trivial_baseline,
)
from multimed_hf.metrics import tm_score

RANDOM = np.random.default_rng(0)


def sample(label, choices=None, group="", **inputs):
    return {"inputs": inputs, "choices": choices, "labels": {"h": label}, "group": group}


def cells(labels):
    """Cells in which gene 0 follows the label and 5 others are noise, and their dense matrix."""
    dense = RANDOM.gamma(2.0, 1.0, (len(labels), 6))
    dense[:, 0] += np.asarray(labels)
    rows = [{"genes": np.arange(6), "values": row} for row in dense]
    return rows, dense


def chosen_c(head, train):
    """What `classical_baseline` fits with."""
    from multimed_hf.evaluation.features import PlainFeatures
    from multimed_hf.evaluation.predict import references_of

    return best_c(head, PlainFeatures().fit(train).transform(train), np.asarray(references_of(head, train)), train)


def test_class_prior_and_logistic_regression_of_cells():
    labels = RANDOM.integers(0, 3, 90)
    values, dense = cells(labels)
    samples = [
        sample(int(label), scrna=value, group=f"donor-{row // 2}")
        for row, (label, value) in enumerate(zip(labels, values, strict=True))
    ]
    head = Head("h", "cell_type_classification", "single_label", ("a", "b", "c", "never"))
    train, test = samples[:60], samples[60:]
    prior = np.bincount(labels[:60], minlength=4) / 60
    assert trivial_baseline(head, train, test) == pytest.approx(np.tile(prior, (30, 1)))
    scaler = StandardScaler().fit(dense[:60])
    x, x_test = scaler.transform(dense[:60]), scaler.transform(dense[60:])
    direct = LogisticRegression(C=chosen_c(head, train), max_iter=2000).fit(x, labels[:60])
    got = classical_baseline(head, train, test)
    assert got[:, :3] == pytest.approx(direct.predict_proba(x_test))
    assert (got[:, 3] == 0).all() and got.sum(1) == pytest.approx(np.ones(30))


def test_the_penalty_is_the_best_on_held_out_groups():
    labels = RANDOM.integers(0, 2, 120)
    x = np.hstack([labels[:, None] + RANDOM.normal(0, 1.2, (120, 1)), RANDOM.normal(size=(120, 30))])
    groups = [f"donor-{row // 3}" for row in range(120)]
    train = [sample(int(label), group=group) for label, group in zip(labels, groups, strict=True)]
    head = Head("h", "cell_type_classification", "single_label", ("a", "b"))
    folds = GroupKFold(FOLDS, shuffle=True, random_state=0)
    scores = [
        f1_score(
            labels,
            cross_val_predict(LogisticRegression(C=c, max_iter=2000), x, labels, cv=folds, groups=groups),
            average="macro",
        )
        for c in LOGISTIC_C
    ]
    assert len(set(scores)) == len(LOGISTIC_C)
    assert best_c(head, x, labels, train) == LOGISTIC_C[int(np.argmax(scores))]
    assert best_c(head, x, labels, [{**row, "group": "one"} for row in train]) == 1.0


def test_a_single_class_is_certain():
    assert class_probabilities(np.ones((3, 1)), np.array([1, 1, 1]), np.ones((2, 1)), 3).tolist() == [[0, 1, 0]] * 2


def test_labels_are_fitted_one_by_one_without_the_unknown():
    words = ["heart big", "heart small", "lungs clear", "lungs big"] * 5
    labels = np.array([[1, 0], [1, IGNORE], [0, 0], [IGNORE, 0]] * 5, dtype=np.float32)
    samples = [sample(label, text=text, group=text) for label, text in zip(labels, words, strict=True)]
    head = Head("h", "report_findings", "multi_label", ("heart", "never"))
    assert trivial_baseline(head, samples, samples[:1]) == pytest.approx(np.array([[2 / 3, 0.0]]))
    got = classical_baseline(head, samples, samples[:4])
    known = labels[:, 0] >= 0
    x = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2).fit_transform(words)
    direct = LogisticRegression(C=chosen_c(head, samples), max_iter=2000).fit(x[known], labels[known, 0])
    assert got[:, 0] == pytest.approx(direct.predict_proba(x[:4])[:, 1], abs=1e-6)
    assert (got[:, 1] == 0).all()


def one_hot(sequences):
    return np.array([[float(letter == base) for letter in sequence for base in "ACGT"] for sequence in sequences])


def test_ridge_takes_the_best_penalty_for_each_target():
    sequences = ["".join(RANDOM.choice(list("ACGT"), 8)) for _ in range(80)]
    x = one_hot(sequences)
    y = np.stack([x[:, 0] + 0.1 * RANDOM.normal(size=80), RANDOM.normal(size=80)], 1)
    samples = [
        sample({"index": np.arange(2), "value": row}, genomics=text) for row, text in zip(y, sequences, strict=True)
    ]
    head, train, test = Head("h", "t", "regression", num_targets=2), samples[:60], samples[60:]
    assert trivial_baseline(head, train, test) == pytest.approx(np.tile(y[:60].mean(0), (20, 1)))
    got = classical_baseline(head, train, test)
    for target in range(2):
        direct = RidgeCV(RIDGE_PENALTIES).fit(x[:60], y[:60, target])
        assert got[:, target] == pytest.approx(direct.predict(x[60:]), abs=1e-6)


def test_ridge_leaves_out_what_was_not_measured():
    sequences = ["".join(RANDOM.choice(list("ACGT"), 6)) for _ in range(40)]
    x, y = one_hot(sequences), RANDOM.normal(size=(40, 3))
    # Target 1 is measured in every other row, target 2 never.
    labels = [{"index": np.arange(2 - row % 2), "value": y[row, : 2 - row % 2]} for row in range(40)]
    samples = [sample(label, genomics=text) for label, text in zip(labels, sequences, strict=True)]
    head = Head("h", "t", "regression", num_targets=3)
    got = classical_baseline(head, samples, samples)
    assert got[:, 0] == pytest.approx(RidgeCV(RIDGE_PENALTIES).fit(x, y[:, 0]).predict(x), abs=1e-6)
    assert got[:, 1] == pytest.approx(RidgeCV(RIDGE_PENALTIES).fit(x[::2], y[::2, 1]).predict(x), abs=1e-6)
    assert (got[:, 2] == 0).all() and (trivial_baseline(head, samples, samples)[:, 2] == 0).all()


def test_answers_are_chosen_among_the_candidates():
    texts = ["it helped", "it helped much", "it failed", "it helped", "it failed badly"]
    answers = ["yes", "yes", "no", "yes", "no"]
    train = [sample(answer, ["yes", "no"], text=("does it", text)) for answer, text in zip(answers, texts, strict=True)]
    head = Head("h", "medical_question_answering", "answer")
    test = [
        sample("no", ["yes", "no"], text=("does it", "it failed badly")),
        sample("maybe", ["maybe", "no"], text=("does it", "it helped")),
        sample("left", ["left", "right"], text=("which side", "it helped")),
        sample("yes", None, text=("does it", "it helped")),
    ]
    assert trivial_baseline(head, train, test) == ["yes", "no", "left", "yes"]
    assert classical_baseline(head, train, test) == ["no", "no", "left", "yes"]


def test_the_helix_is_a_right_handed_alpha_helix():
    helix = ideal_helix(40)
    steps = np.linalg.norm(np.diff(helix, axis=0), axis=1)
    assert steps == pytest.approx(np.full(39, 3.8), abs=0.05)
    # Residues i and i + 4 of an alpha helix are 6.2 angstrom apart, and its four-residue triple product is positive.
    assert np.linalg.norm(helix[4] - helix[0]) == pytest.approx(6.2, abs=0.2)
    a, b, c = np.diff(helix[:4], axis=0)
    assert np.dot(np.cross(a, b), c) > 0
    assert helix[36, 2] - helix[0, 2] == pytest.approx(36 * 1.5)
    assert helix[18, :2] == pytest.approx(helix[0, :2])


def test_a_chain_is_cut_continued_and_filled():
    chain = ideal_helix(10)
    holes = chain.copy()
    holes[[0, 4, 9]] = np.nan
    assert continued(holes, 6)[[1, 2, 3, 5]] == pytest.approx(chain[[1, 2, 3, 5]])
    longer = continued(holes, 14)
    assert np.isfinite(longer).all() and longer[4] == pytest.approx((chain[3] + chain[5]) / 2)
    outer = np.linalg.norm(np.diff(longer, axis=0), axis=1)[[0, 8, 9, 10, 11, 12]]
    assert outer == pytest.approx(np.full(6, 3.8))
    only = np.full((3, 3), np.nan)
    only[1] = 1.0
    assert np.isfinite(continued(only, 5)).all()


def test_structures_come_from_the_chain_of_nearest_composition():
    def chain(sequence, seed):
        backbone = np.random.default_rng(seed).normal(0, 2, (len(sequence), 3, 3)).cumsum(0).astype(np.float32)
        return sample({"backbone": backbone, "resolved": np.ones(len(sequence), bool)}, protein=sequence)

    train = [chain("AAAAAAAAAAAAAAAAAAAA", 1), chain("CCCCCCCCCCCCDDDDDDDD", 2)]
    head, test = Head("h", "t", "structure"), [chain("CCCCCCCCCCCCDDDDDDDE", 3)]
    (got,) = classical_baseline(head, train, test)
    assert tm_score(got, train[1]["labels"]["h"]["backbone"][:, 1]) == pytest.approx(1.0)
    (helix,) = trivial_baseline(head, train, test)
    assert helix.shape == (20, 3)


def test_every_kind_has_both_baselines():
    kinds = {"single_label", "multi_label", "ordinal", "regression", "structure", "answer"}
    assert all(set(names) == kinds for _, names in BASELINES.values())
