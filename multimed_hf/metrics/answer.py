"""Scores of answers in words to closed questions (one of a few answers) and open ones."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multimed_hf.metrics import checks, confusion
from multimed_hf.metrics.arrays import BoolArray, FloatArray, IntArray
from multimed_hf.metrics.rows import Metric, Rows

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_DECIMAL_POINT = re.compile(r"(?<=\d)[.,](?=\d)")
# Han ideographs with their extensions and compatibility forms, hiragana and katakana: written without spaces.
_CJK = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f])")


def answer(
    predictions: Sequence[str], references: Sequence[str], answer_types: Sequence[str] | None = None
) -> dict[str, float]:
    """Scores of answers after `normalise`.

    Args:
        predictions: one answer a row; an empty one is wrong.
        references: the true answer of each row.
        answer_types: "closed" or "open" for each row, in any case. Without it every score is over all rows.

    Returns:
        Over closed questions:
        - `accuracy`: the share of predictions equal to the reference.
        - `macro_f1`: F1 averaged over the answers that occur as references; another prediction is a miss.

        Over open questions:
        - `exact_match`: the share of predictions equal to the reference.
        - `token_f1`: mean F1 of the bags of `tokens` (Rajpurkar et al. 2016).
        - `token_recall`: mean share of the reference's tokens that the prediction holds.

        And `n_closed`, `n_open`: the rows behind them; the scores over no rows are NaN.

    Raises:
        ValueError: lengths differ, no rows, an answer that is not text, a reference that is empty after
            normalisation, or another answer type.
    """
    return ANSWER.scores(answer_rows(predictions, references, answer_types))


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
    """`(n,)` each: which rows are `closed` and which `open`, whether the answer is `correct`, token F1 and recall,
    and the answers as indices among all answers that occur as references; a prediction that is none of them is the
    last index.
    """

    closed: BoolArray
    open: BoolArray
    correct: BoolArray
    token_f1: FloatArray
    token_recall: FloatArray
    predicted: IntArray
    references: IntArray
    answers: int


def answer_rows(
    predictions: Sequence[str], references: Sequence[str], answer_types: Sequence[str] | None = None
) -> AnswerRows:
    """The checked rows of `answer`."""
    checks.check_lengths(predictions, references)
    for name, texts in (("predictions", predictions), ("references", references)):
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise ValueError(
                    f"Expected {name} as text, got {type(text).__name__} in row {row}; decode answers first."
                )
    predicted, true = [normalise(text) for text in predictions], [normalise(text) for text in references]
    if "" in true:
        row = true.index("")
        raise ValueError(
            f"Expected a reference with a word in it, got {references[row]!r} in row {row}; leave out rows without an "
            "answer."
        )
    closed, open_ = _types(answer_types, len(true))
    overlaps = np.array([_overlap(tokens(a), tokens(b)) for a, b in zip(predictions, references, strict=True)])
    index = {text: number for number, text in enumerate(dict.fromkeys(true))}
    return AnswerRows(
        closed=closed,
        open=open_,
        correct=np.array([a == b for a, b in zip(predicted, true, strict=True)]),
        token_f1=overlaps[:, 0],
        token_recall=overlaps[:, 1],
        predicted=np.array([index.get(text, len(index)) for text in predicted]),
        references=np.array([index[text] for text in true]),
        answers=len(index),
    )


def _types(answer_types: Sequence[str] | None, n: int) -> tuple[BoolArray, BoolArray]:
    if answer_types is None:
        return np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    if len(answer_types) != n:
        raise ValueError(f"Expected {n} answer types, one per row, got {len(answer_types)}.")
    lowered = [str(answer_type).lower() for answer_type in answer_types]
    other = set(lowered) - {"closed", "open"}
    if other:
        raise ValueError(
            f"Expected answer types 'closed' or 'open', got {sorted(other)[0]!r}; map other names to these."
        )
    closed = np.array([answer_type == "closed" for answer_type in lowered])
    return closed, ~closed


def _overlap(predicted: list[str], true: list[str]) -> tuple[float, float]:
    """F1 and recall of two bags of tokens."""
    common = (Counter(predicted) & Counter(true)).total()
    return 2.0 * common / (len(predicted) + len(true)), common / len(true)


def _closed(rows: AnswerRows) -> dict[str, float]:
    closed = rows.take(np.flatnonzero(rows.closed))
    n = len(closed.references)
    counts = confusion.confusion_matrix(closed.references, closed.predicted, rows.answers + 1)
    asked = counts.sum(axis=1) > 0
    return {
        "accuracy": float(closed.correct.mean()) if n else float("nan"),
        "macro_f1": float(confusion.f1_scores(counts)[asked].mean()) if n else float("nan"),
        "n_closed": float(n),
    }


def _open(rows: AnswerRows) -> dict[str, float]:
    n = int(rows.open.sum())
    values = {"exact_match": rows.correct, "token_f1": rows.token_f1, "token_recall": rows.token_recall}
    means = {key: float(value[rows.open].mean()) if n else float("nan") for key, value in values.items()}
    return {**means, "n_open": float(n)}


ANSWER = Metric(answer_rows, (_closed, _open))
