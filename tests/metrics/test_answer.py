"""Answers: what counts as the same, by words and by character; scores against scikit-learn and nltk."""

import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import sentence_bleu
from sklearn.metrics import accuracy_score, f1_score

from multimed_hf.metrics.answer import ANSWER, answer, normalise, tokens
from multimed_hf.metrics.rows import Accumulator

WORDS = st.sampled_from(["yes", "no", "left", "lung", "the", "肺", "右", "1.5", "mm", "...", ""])
TEXTS = st.lists(WORDS, max_size=6).map(" ".join)
ROWS = st.lists(
    st.tuples(
        TEXTS,
        TEXTS.filter(normalise),
        st.sampled_from(["closed", "Open"]),
        st.sampled_from(["organ", "MODALITY", "a/b", ""]),
    ),
    min_size=1,
    max_size=12,
)
KEYS = (
    *("accuracy", "macro_f1", "n_closed", "exact_match", "token_f1", "token_recall", "bleu_1", "n_open"),
    *("accuracy/organ", "token_f1/organ", "accuracy/plane", "token_f1/plane"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Yes.\n", "yes"),
        ("The  Left-sided X-ray!", "left sided x ray"),
        ("Crohn's disease", "crohns disease"),
        ("Crohn’s disease", "crohns disease"),
        ("1.5 mm, at an angle", "1.5 mm at angle"),
        ("HER2+ (score 3+)", "her2+ score 3+"),
        ("ＣＴ", "ct"),
        ("A", "a"),
        ("A.", "a"),
        ("anaemia", "anaemia"),
        ("...", ""),
    ],
)
def test_normalise(text, expected):
    assert normalise(text) == expected
    assert normalise(normalise(text)) == expected


def test_tokens_are_words_and_single_chinese_characters():
    assert tokens("The right lung") == ["right", "lung"]
    assert tokens("右肺 CT 平扫。") == ["右", "肺", "ct", "平", "扫"]


def test_scores_of_closed_and_open_questions_by_hand():
    scores = answer(
        predictions=["Yes", "no", "maybe", "left upper lobe", "肺炎", ""],
        references=["yes.", "yes", "no", "the left lung", "右肺炎", "tumour"],
        answer_types=["CLOSED", "closed", "closed", "open", "OPEN", "open"],
        question_types=["presence", "presence", "size", "organ", "organ", ""],
    )
    assert scores == pytest.approx(
        {
            "accuracy": 1 / 3,
            "macro_f1": (2 / 3 + 0) / 2,
            "exact_match": 0.0,
            "token_f1": (2 / 5 + 4 / 5 + 0) / 3,
            "token_recall": (1 / 2 + 2 / 3 + 0) / 3,
            "bleu_1": (1 / 3 + math.exp(1 - 3 / 2) + 0) / 3,
            "n_closed": 3,
            "n_open": 3,
            "accuracy/presence": 1 / 2,
            "accuracy/size": 0.0,
            "token_f1/organ": (2 / 5 + 4 / 5) / 2,
        },
        rel=1e-15,
    )


def test_repeated_words_count_as_often_as_they_stand_in_both():
    scores = answer(["pain pain pain"], ["pain pain swelling"], ["open"])
    assert scores["token_f1"] == scores["bleu_1"] == pytest.approx(2 / 3)


def test_bleu_1_is_the_worked_example_of_its_paper():
    # Papineni et al. 2002, example 2, with its first reference: "the" counts twice, as often as there. Here it is
    # "thee", as articles vanish.
    scores = answer(["thee " * 7], ["thee cat is on thee mat"], ["open"])
    assert scores["bleu_1"] == pytest.approx(2 / 7, rel=1e-15)


def bag_f1(predicted, true):
    """F1 of bags of tokens as in SQuAD, written out: a token of one is struck off the other."""
    left, common = list(true), 0
    for token in predicted:
        if token in left:
            left.remove(token)
            common += 1
    if not common:
        return 0.0
    precision, recall = common / len(predicted), common / len(true)
    return 2 * precision * recall / (precision + recall)


def plain_scores(rows):
    """The definitions written out on `(prediction, reference, answer type, question type)`, without keys of no rows."""
    closed = [(normalise(p), normalise(r), q) for p, r, kind, q in rows if kind.lower() == "closed"]
    open_ = [(tokens(p), tokens(r), q) for p, r, kind, q in rows if kind.lower() == "open"]
    scores = {"n_closed": len(closed), "n_open": len(open_)}
    if closed:
        predicted, true, _ = zip(*closed, strict=True)
        scores["accuracy"] = accuracy_score(true, predicted)
        scores["macro_f1"] = f1_score(true, predicted, labels=sorted(set(true)), average="macro", zero_division=0)
    if open_:
        exact = [normalise(p) == normalise(r) for p, r, kind, _ in rows if kind.lower() == "open"]
        scores["exact_match"] = np.mean(exact)
        scores["token_f1"] = np.mean([bag_f1(p, r) for p, r, _ in open_])
        scores["token_recall"] = np.mean(
            [sum(min(p.count(t), r.count(t)) for t in set(r)) / len(r) for p, r, _ in open_]
        )
        scores["bleu_1"] = np.mean([nltk_bleu(p, r) for p, r, _ in open_])
    for question_type in {q for *_, q in rows if q}:
        correct = [p == r for p, r, q in closed if q == question_type]
        f1 = [bag_f1(p, r) for p, r, q in open_ if q == question_type]
        scores |= {f"accuracy/{question_type}": np.mean(correct)} if correct else {}
        scores |= {f"token_f1/{question_type}": np.mean(f1)} if f1 else {}
    return scores


def nltk_bleu(predicted, true):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are no longer n-grams in common, whose weight is 0
        return sentence_bleu([true], predicted, weights=(1, 0, 0, 0))


@given(ROWS)
@settings(max_examples=50)
def test_equal_to_scikit_learn_nltk_and_the_definitions(rows):
    scores = {key: score for key, score in answer(*zip(*rows, strict=True)).items() if not np.isnan(score)}
    assert scores == pytest.approx(plain_scores(rows), rel=1e-12, abs=1e-15)
    assert all(0.0 <= score <= 1.0 for key, score in scores.items() if not key.startswith("n_"))


@given(ROWS, st.lists(st.integers(1, 11), max_size=4), st.randoms())
@settings(max_examples=25)
def test_batches_and_their_order_do_not_matter(rows, cuts, random):
    shuffled = random.sample(rows, len(rows))
    accumulator = Accumulator(ANSWER)
    edges = [0, *sorted({cut for cut in cuts if cut < len(rows)}), len(rows)]
    for start, end in pairwise(edges):
        predictions, references, kinds, types = zip(*shuffled[start:end], strict=True)
        accumulator.update(predictions, references, answer_types=kinds, question_types=types)
    assert accumulator.compute() == pytest.approx(answer(*zip(*rows, strict=True)), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("key", KEYS)
def test_weights_are_repetitions(key):
    generator = np.random.default_rng(0)
    n, words = 15, np.array(["yes", "no", "left lung", "lung", "肺炎"])
    predictions, references = generator.choice([*words, "", "unseen"], n), generator.choice(words, n)
    kinds, types = generator.choice(["closed", "open"], n), generator.choice(["organ", "plane", ""], n)
    weights = np.concatenate(
        [
            [np.bincount(generator.integers(n, size=n), minlength=n) for _ in range(20)],
            generator.integers(0, 2, (20, n)),
            5 * np.eye(n)[:5],
        ]
    ).astype(np.float64)
    statistic = ANSWER.statistic(ANSWER.update(predictions, references, kinds, types), key)
    for row_weights, score in zip(weights, statistic(weights), strict=True):
        taken = np.repeat(np.arange(n), row_weights.astype(int))
        repeated = answer(predictions[taken], references[taken], kinds[taken], types[taken])
        assert score == pytest.approx(repeated.get(key, np.nan), rel=1e-12, nan_ok=True)
    assert statistic(np.zeros((1, n))) == pytest.approx([0.0 if key.startswith("n_") else np.nan], nan_ok=True)


def test_macro_f1_is_over_the_answers_that_occur_as_references():
    predictions = ["yes", "no", "no", "perhaps", "maybe", "yes"]
    references = ["yes", "yes", "no", "maybe", "maybe", "no"]
    expected = f1_score(references, predictions, labels=["yes", "no", "maybe"], average="macro")
    assert answer(predictions, references)["macro_f1"] == pytest.approx(expected)


def test_answers_that_differ_at_the_end_only_are_not_the_same():
    scores = answer(["yes\x00", "yes", "\ud800"], ["no", "yes", "no"])
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["macro_f1"] == pytest.approx((1.0 + 0.0) / 2)


def test_without_types_every_score_is_over_all_rows():
    scores = answer(["yes", "left lung"], ["yes", "right lung"], question_types=["presence", "organ"])
    assert scores["accuracy"] == scores["exact_match"] == 0.5
    assert scores["token_recall"] == pytest.approx(0.75)
    assert scores["n_closed"] == scores["n_open"] == 2
    assert (scores["accuracy/organ"], scores["token_f1/organ"]) == (0.0, 0.5)


def test_scores_over_no_rows_are_nan():
    scores = answer(["yes"], ["yes"], ["closed"])
    assert scores["n_open"] == 0
    assert all(np.isnan(scores[key]) for key in ("exact_match", "token_f1", "token_recall", "bleu_1"))
    assert all(np.isnan(answer(["yes"], ["yes"], ["open"])[key]) for key in ("accuracy", "macro_f1"))


@pytest.mark.parametrize(
    ("predictions", "references", "types", "question_types", "message"),
    [
        (["yes"], ["yes", "no"], None, None, "got 1 predictions and 2 references"),
        ([], [], None, None, "at least one row"),
        ([1], ["yes"], None, None, "predictions as text, got int in row 0"),
        (["yes"], [None], None, None, "references as text, got NoneType"),
        (["yes"], ["?!"], None, None, "a reference with a word in it, got '\\?!' in row 0"),
        ("yes", "yes", None, None, "predictions as one text per row, got the single text 'yes'"),
        (["yes"], ["yes"], ["closed", "open"], None, "1 answer type, one per row, got 2"),
        (["yes"], ["yes"], ["half-open"], None, "got 'half-open' in row 0"),
        (["yes"], ["yes"], [None], None, "answer types as text, got NoneType in row 0"),
        (["yes"], ["yes"], None, ["organ", "organ"], "1 question type, one per row, got 2"),
        (["yes"], ["yes"], None, [None], "question types as text, got NoneType in row 0; give ''"),
        (["yes"], ["yes"], None, "x", "question types as one text per row"),
    ],
)
def test_bad_input_is_refused(predictions, references, types, question_types, message):
    with pytest.raises(ValueError, match=message):
        answer(predictions, references, types, question_types)
