"""Answers: what counts as the same, by words and by character."""

import pytest
from sklearn.metrics import f1_score

from multimed_hf.metrics import answer, normalise, tokens


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
    )
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["exact_match"] == 0.0
    assert scores["token_f1"] == pytest.approx((2 / 5 + 4 / 5 + 0) / 3)
    assert scores["token_recall"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert (scores["n_closed"], scores["n_open"]) == (3, 3)


def test_repeated_words_count_as_often_as_they_stand_in_both():
    scores = answer(["pain pain pain"], ["pain pain swelling"], ["open"])
    assert scores["token_f1"] == pytest.approx(2 / 3)


def test_macro_f1_is_over_the_answers_that_occur_as_references():
    predictions = ["yes", "no", "no", "perhaps", "maybe", "yes"]
    references = ["yes", "yes", "no", "maybe", "maybe", "no"]
    expected = f1_score(references, predictions, labels=["yes", "no", "maybe"], average="macro")
    assert answer(predictions, references)["macro_f1"] == pytest.approx(expected)


def test_without_types_every_score_is_over_all_rows():
    scores = answer(["yes", "left lung"], ["yes", "right lung"])
    assert scores["accuracy"] == scores["exact_match"] == 0.5
    assert scores["token_recall"] == pytest.approx(0.75)
    assert scores["n_closed"] == scores["n_open"] == 2


def test_scores_over_no_rows_are_nan():
    scores = answer(["yes"], ["yes"], ["closed"])
    assert scores["n_open"] == 0
    assert scores["token_f1"] != scores["token_f1"]


@pytest.mark.parametrize(
    ("predictions", "references", "types", "message"),
    [
        (["yes"], ["yes", "no"], None, "got 1 predictions and 2 references"),
        ([], [], None, "at least one row"),
        ([1], ["yes"], None, "predictions as text, got int in row 0"),
        (["yes"], [None], None, "references as text, got NoneType"),
        (["yes"], ["?!"], None, "a reference with a word in it, got '\\?!' in row 0"),
        (["yes"], ["yes"], ["closed", "open"], "1 answer types"),
        (["yes"], ["yes"], ["half-open"], "got 'half-open'"),
    ],
)
def test_bad_input_is_refused(predictions, references, types, message):
    with pytest.raises(ValueError, match=message):
        answer(predictions, references, types)
