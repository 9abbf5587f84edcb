"""Scores of answers in words to closed questions (one of a few answers) and open ones."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray, IntArray
from multimed_hf.metrics.rows import Metric, Rows, mean
from multimed_hf.wording import counted

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_DECIMAL_POINT = re.compile(r"(?<=\d)[.,](?=\d)")
# Han ideographs with their extensions and compatibility forms, hiragana and katakana: written without spaces.
_CJK = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f])")


def answer(
    predictions: Sequence[str],
    references: Sequence[str],
    answer_types: Sequence[str] | None = None,
    question_types: Sequence[str] | None = None,
) -> dict[str, float]:
    """Scores of answers in words, all in [0, 1]. Two answers are equal where `normalise` makes them the same text.

    Args:
        predictions: one answer a row; an empty one is wrong.
        references: the true answer of each row.
        answer_types: "closed" or "open" for each row, in any case. Without it every score is over all rows.
        question_types: what each row asks about, such as "modality" or "organ", by the names of the data; "" for a
            question of no type. Adds the scores of each type.

    Returns:
        Over closed questions:
        - `accuracy`: the share of predictions equal to the reference.
        - `macro_f1`: F1 averaged over the answers that occur as references; a prediction that is none of them is a
          miss.

        Over open questions:
        - `exact_match`: the share of predictions equal to the reference.
        - `token_f1`: mean F1 of the bags of `tokens` (Rajpurkar et al. 2016).
        - `token_recall`: mean share of the reference's tokens that the prediction holds.
        - `bleu_1`: mean over questions of BLEU with single tokens only (Papineni et al. 2002): the share of the
          prediction's tokens that the reference holds, times exp(1 - r / c) where the prediction is shorter, c tokens
          for the reference's r. It is that of each answer, as papers on VQA-RAD and SLAKE average it, not of all
          answers as one corpus; 0 for an empty prediction.

        And `n_closed`, `n_open`: the rows behind them; the scores over no rows are NaN.

        With `question_types`, `accuracy/<type>` over the closed and `token_f1/<type>` over the open questions of that
        type, left out where there are none.

    Raises:
        ValueError: lengths differ, no rows, an answer or question type that is not text, a reference that is empty
            after normalisation, or another answer type.
    """
    return ANSWER(predictions, references, answer_types, question_types)


def normalise(text: str) -> str:
    """The form in which answers are compared: `"The  Left-sided X-ray."` and `"left sided x ray"` are one.

    Unicode NFKC (full-width to plain), lower case; apostrophes vanish, other punctuation becomes a space, but not a
    point or comma between digits (1.5 is not 15) nor symbols (+, <, degree sign); the articles a, an, the vanish
    unless nothing else is there (option "A"); white space collapses.
    """
    lowered = unicodedata.normalize("NFKC", text).lower()
    decimal_points = {match.start() for match in _DECIMAL_POINT.finditer(lowered)}
    plain = "".join(
        character if index in decimal_points else _without_punctuation(character)
        for index, character in enumerate(lowered)
    )
    return " ".join(_ARTICLES.sub(" ", plain).split()) or " ".join(plain.split())


def tokens(text: str) -> list[str]:
    """The words of `text` after `normalise`; Han characters and kana are a token each, as Chinese has no spaces."""
    return _CJK.sub(r" \1 ", normalise(text)).split()


def _without_punctuation(character: str) -> str:
    if character in "'\u2019":
        return ""
    return " " if unicodedata.category(character).startswith("P") else character


@dataclass(frozen=True)
class AnswerRows(Rows):
    """`(n,)` each: which rows are `closed` and which `open`, whether the answer is `correct`, the scores of its tokens,
    both answers after `normalise`, and the question's type, "" for none.
    """

    closed: BoolArray
    open: BoolArray
    correct: BoolArray
    token_f1: FloatArray
    token_recall: FloatArray
    bleu_1: FloatArray
    predicted: NDArray[np.object_]
    references: NDArray[np.object_]
    question_types: NDArray[np.object_]


def _update(
    predictions: Sequence[str],
    references: Sequence[str],
    answer_types: Sequence[str] | None = None,
    question_types: Sequence[str] | None = None,
) -> AnswerRows:
    given, true = (
        _texts(values, name, "decode answers first")
        for name, values in (("predictions", predictions), ("references", references))
    )
    checks.check_lengths(given, true)
    predicted, expected = [normalise(text) for text in given], [normalise(text) for text in true]
    if "" in expected:
        row = expected.index("")
        raise ValueError(
            f"Expected a reference with a word in it, got {true[row]!r} in row {row}; leave out rows without an answer."
        )
    closed, open_ = _answer_types(answer_types, len(true))
    token_scores = np.array([_token_scores(tokens(a), tokens(b)) for a, b in zip(given, true, strict=True)])
    return AnswerRows(
        closed=closed,
        open=open_,
        correct=np.array([a == b for a, b in zip(predicted, expected, strict=True)]),
        token_f1=token_scores[:, 0],
        token_recall=token_scores[:, 1],
        bleu_1=token_scores[:, 2],
        # As objects: arrays of characters are all as wide as the longest answer, and drop NUL at the end.
        predicted=np.array(predicted, dtype=object),
        references=np.array(expected, dtype=object),
        question_types=_question_types(question_types, len(true)),
    )


def _texts(values: Sequence[str], name: str, advice: str) -> list[str]:
    if isinstance(values, str):
        raise ValueError(f"Expected {name} as one text per row, got the single text {values!r}; put it into a list.")
    texts = list(values)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"Expected {name} as text, got {type(text).__name__} in row {row}; {advice}.")
    return texts


def _answer_types(answer_types: Sequence[str] | None, n: int) -> tuple[BoolArray, BoolArray]:
    """Which rows are closed, and which open."""
    if answer_types is None:
        return np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    types = [text.lower() for text in _texts(answer_types, "answer types", "say 'closed' or 'open'")]
    _check_count(types, "answer type", n)
    for row, answer_type in enumerate(types):
        if answer_type not in ("closed", "open"):
            raise ValueError(
                f"Expected answer types 'closed' or 'open', got {answer_type!r} in row {row}; map other names to these."
            )
    closed = np.array([answer_type == "closed" for answer_type in types])
    return closed, ~closed


def _question_types(question_types: Sequence[str] | None, n: int) -> NDArray[np.object_]:
    if question_types is None:
        return np.full(n, "", dtype=object)
    types = _texts(question_types, "question types", "give '' to a question of no type")
    _check_count(types, "question type", n)
    return np.array(types, dtype=object)


def _check_count(types: list[str], noun: str, n: int) -> None:
    if len(types) != n:
        raise ValueError(
            f"Expected {counted(n, noun)}, one per row, got {len(types)}; pass them in the order of the rows."
        )


def _token_scores(predicted: list[str], true: list[str]) -> tuple[float, float, float]:
    """F1, recall and BLEU-1 of two bags of tokens."""
    common = (Counter(predicted) & Counter(true)).total()
    brevity_penalty = math.exp(min(0.0, 1.0 - len(true) / max(1, len(predicted))))
    precision = common / max(1, len(predicted))
    return 2.0 * common / (len(predicted) + len(true)), common / len(true), precision * brevity_penalty


def _among(rows: BoolArray, values: NDArray[Any], weights: FloatArray) -> FloatArray:
    """Weighted means `(weightings,)` of the values of some rows."""
    return mean(np.where(rows, values, np.nan), weights)


def _closed(rows: AnswerRows, weights: FloatArray) -> dict[str, FloatArray]:
    return {
        "accuracy": _among(rows.closed, rows.correct, weights),
        "macro_f1": _macro_f1(rows.take(np.flatnonzero(rows.closed)), weights[:, rows.closed]),
        "n_closed": weights @ rows.closed,
    }


def _open(rows: AnswerRows, weights: FloatArray) -> dict[str, FloatArray]:
    return {
        "exact_match": _among(rows.open, rows.correct, weights),
        "token_f1": _among(rows.open, rows.token_f1, weights),
        "token_recall": _among(rows.open, rows.token_recall, weights),
        "bleu_1": _among(rows.open, rows.bleu_1, weights),
        "n_open": weights @ rows.open,
    }


def _macro_f1(rows: AnswerRows, weights: FloatArray) -> FloatArray:
    """F1 `(weightings,)`, averaged over the references of some weight."""
    index = {text: number for number, text in enumerate(dict.fromkeys(rows.references))}
    true = np.array([index[text] for text in rows.references], dtype=np.int64)
    # A prediction that is no reference is one class more, which has no reference of any weight.
    predicted = np.array([index.get(text, len(index)) for text in rows.predicted], dtype=np.int64)

    def total(classes: IntArray, row_weights: FloatArray) -> FloatArray:
        counts = np.bincount(classes, weights=row_weights, minlength=len(index) + 1)
        return counts.astype(np.float64, copy=False)

    scores = np.full(len(weights), np.nan)
    for weighting, row_weights in enumerate(weights):
        support = total(true, row_weights)
        asked = support > 0
        if asked.any():
            hits = total(true, row_weights * rows.correct)
            scores[weighting] = (2.0 * hits / np.where(asked, support + total(predicted, row_weights), 1.0))[
                asked
            ].mean()
    return scores


def _by_question_type(rows: AnswerRows, weights: FloatArray) -> dict[str, FloatArray]:
    scores = {}
    for question_type in sorted(set(rows.question_types) - {""}):
        of_type = rows.question_types == question_type
        scores[f"accuracy/{question_type}"] = _among(of_type & rows.closed, rows.correct, weights)
        scores[f"token_f1/{question_type}"] = _among(of_type & rows.open, rows.token_f1, weights)
    return scores


ANSWER = Metric(_update, (_closed, _open, _by_question_type))
