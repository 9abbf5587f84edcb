"""Scores of how far class probabilities can be believed: calibration, proper scores and selective prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray, IntArray
from multimed_hf.metrics.confusion import divide
from multimed_hf.metrics.rows import Metric, Rows, mean

CALIBRATION_BINS = 15
SMALLEST_LIKELIHOOD = float(np.finfo(np.float64).eps)
COVERAGES = (80, 90)  # per cent
_ROWS_PER_ERROR = 20  # a risk of 5 % is one error in twenty rows; whole numbers compare exactly


def calibration(predictions: ArrayLike, references: ArrayLike, bins: int = CALIBRATION_BINS) -> dict[str, float]:
    """Scores of class probabilities as probabilities. The predicted class is the most probable, the first on a tie;
    the confidence of a row is its probability. Probabilities are taken as they are, not made to add up to 1.

    Equal-width bins are (i / bins, (i + 1) / bins], the first with 0. The gap of a bin is the absolute difference of
    its mean confidence and its accuracy. Selective prediction leaves the least confident rows to somebody else: the
    coverage is the share of rows that are kept, the risk the share of wrong ones among these. Rows of equal
    confidence are kept in random order, and the scores are expected values over that order.

    Args:
        predictions: probabilities `(n, classes)`, each row adding up to 1 within 1e-3.
        references: class indices `(n,)` in [0, classes).
        bins: how many bins, at least 1.

    Returns:
        - `ece`: expected calibration error, the mean gap over equal-width bins weighted by their rows (Naeini et al.
          2015, Guo et al. 2017), in [0, 1].
        - `mce`: maximum calibration error, the largest gap of an equal-width bin with rows (Naeini et al. 2015), in
          [0, 1].
        - `adaptive_ece`: the mean gap over bins that each hold exactly n / bins rows in order of confidence (Nguyen &
          O'Connor 2015), in [0, 1]. A row across the end of a bin belongs to both in part; rows of equal
          confidence are shared out alike. Of the top class only; "ACE" of Nixon et al. (2019) averages over classes.
        - `classwise_ece`: `ece` of the probability of each class against whether it is the true one, averaged over
          all classes, also those without rows (Kull et al. 2019; "SCE" of Nixon et al. 2019), in [0, 1].
        - `brier`: Brier score as the sum over classes, in [0, 2]; for two classes twice the one-class form.
        - `nll`: mean negative log likelihood of the true class in nats (log loss), its probability raised to at least
          2.2e-16, so that no row costs more than 36.04.
        - `aurc`: area under the risk-coverage curve, the mean risk at the coverages 1 / n, 2 / n, ..., 1 (Geifman &
          El-Yaniv 2017), in [0, 1].
        - `e_aurc`: `aurc` less that of an order of the same rows with all wrong ones last (Geifman et al. 2019; from
          the n rows, not from their limit for large n), in [0, 1].
        - `accuracy_at_coverage_80`, `accuracy_at_coverage_90`: accuracy of the 80 % or 90 % most confident rows, their
          number rounded up.
        - `coverage_at_risk_5`: the largest coverage of the rows at or above some confidence whose risk is at most 5 %;
          0 where there is none.

    Raises:
        ValueError: lengths differ, no rows, predictions not finite, not in [0, 1] or not adding up to 1, a reference
            outside the range, or fewer than one bin.
    """
    return CALIBRATION(predictions, references, bins)


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: accuracy against confidence in equal-width bins.

    Attributes:
        edges: `(bins + 1,)`, from 0 to 1; a bin holds its upper edge, the first bin also 0.
        confidence: mean confidence in each bin `(bins,)`, NaN where it is empty.
        accuracy: share of right rows in each bin `(bins,)`, NaN where it is empty.
        counts: rows in each bin `(bins,)`.
    """

    edges: FloatArray
    confidence: FloatArray
    accuracy: FloatArray
    counts: IntArray


def reliability(predictions: ArrayLike, references: ArrayLike, bins: int = CALIBRATION_BINS) -> Reliability:
    """The bins behind `ece` and `mce`; arguments and errors as for `calibration`."""
    rows = _update(predictions, references, bins)
    inside = _bin_indicators(rows.confidence, rows.bins)
    confidence, accuracy = mean(rows.confidence, inside.T), mean(rows.correct.astype(np.float64), inside.T)
    return Reliability(_edges(rows.bins), confidence, accuracy, inside.sum(axis=0).astype(np.int64))


def expected_calibration_error(
    confidence: FloatArray, correct: BoolArray, weights: FloatArray, bins: int = CALIBRATION_BINS
) -> FloatArray:
    """`ece` of `calibration` under each weighting.

    Args:
        confidence: `(n,)` in [0, 1].
        correct: whether each row is right `(n,)`.
        weights: `(weightings, n)`, how often each row counts.
        bins: of equal width.

    Returns:
        `(weightings,)`, NaN where no row counts.
    """
    excess = weights @ (_bin_indicators(confidence, bins) * (confidence - correct)[:, None])
    return divide(np.abs(excess).sum(axis=1), weights.sum(axis=1))


def brier_scores(probabilities: FloatArray, references: IntArray) -> FloatArray:
    """The Brier score of each row `(n,)`, whose mean is `brier` of `calibration`.

    Args:
        probabilities: `(n, classes)`.
        references: class indices `(n,)`.
    """
    truth = references[:, None] == np.arange(probabilities.shape[1])
    return ((probabilities - truth) ** 2).sum(axis=1)


@dataclass(frozen=True)
class CalibrationRows(Rows):
    """`probabilities` `(n, classes)`; `references`, `confidence` and whether the row is `correct`, `(n,)` each."""

    probabilities: FloatArray
    references: IntArray
    confidence: FloatArray
    correct: BoolArray
    bins: int


def _update(predictions: ArrayLike, references: ArrayLike, bins: int = CALIBRATION_BINS) -> CalibrationRows:
    checks.check_lengths(predictions, references)
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise ValueError(f"Expected bins as a whole number of at least 1, got {bins!r}; {CALIBRATION_BINS} is usual.")
    probabilities = checks.distributions(predictions)
    true = checks.class_indices(references, probabilities.shape[1])
    correct = probabilities.argmax(axis=1) == true
    return CalibrationRows(probabilities, true, probabilities.max(axis=1), correct, int(bins))


def _edges(bins: int) -> FloatArray:
    # A quotient of whole numbers is the float nearest to it, as is a decimal such as 0.6: that is on the edge 9 / 15.
    return np.arange(bins + 1) / bins


def _bin_indicators(values: FloatArray, bins: int) -> FloatArray:
    """`(n, bins)`: 1 in the equal-width bin of each value."""
    index = np.searchsorted(_edges(bins)[1:-1], values, side="left")
    return (index[:, None] == np.arange(bins)).astype(np.float64)


@dataclass(frozen=True)
class _Ties:
    """Rows in ascending order of value, those of equal value together.

    Attributes:
        order: of the rows `(n,)`.
        starts: where in that order each group of ties begins `(groups,)`.
    """

    order: IntArray
    starts: IntArray

    @classmethod
    def of(cls, values: FloatArray) -> _Ties:
        order = np.argsort(values, kind="stable")
        ascending = values[order]
        return cls(order, np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1])))

    def running(self, amounts: FloatArray) -> FloatArray:
        """Sums of `amounts` `(weightings, n)` over the first 0, 1, ... groups: `(weightings, groups + 1)`."""
        sums = np.cumsum(np.add.reduceat(amounts[:, self.order], self.starts, axis=1), axis=1)
        return np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)


def _equal_width(rows: CalibrationRows, weights: FloatArray) -> dict[str, FloatArray]:
    inside = _bin_indicators(rows.confidence, rows.bins)
    counts, excess = weights @ inside, np.abs(weights @ (inside * (rows.confidence - rows.correct)[:, None]))
    largest = np.where(counts > 0, excess / np.maximum(counts, 1.0), 0.0).max(axis=1)
    return {
        "ece": expected_calibration_error(rows.confidence, rows.correct, weights, rows.bins),
        "mce": np.where(counts.sum(axis=1) > 0, largest, np.nan),
    }


def _equal_mass(rows: CalibrationRows, weights: FloatArray) -> dict[str, FloatArray]:
    ties = _Ties.of(rows.confidence)
    mass, excess = ties.running(weights), ties.running(weights * (rows.confidence - rows.correct))
    # Where the running excess goes straight from one group of ties to the next, each row of a group is an average one.
    at_ends = np.stack(
        [
            np.interp(np.arange(rows.bins + 1) * masses[-1] / rows.bins, masses, excesses)
            for masses, excesses in zip(mass, excess, strict=True)
        ]
    )
    return {"adaptive_ece": divide(np.abs(np.diff(at_ends, axis=1)).sum(axis=1), mass[:, -1])}


def _each_class(rows: CalibrationRows, weights: FloatArray) -> dict[str, FloatArray]:
    errors = [
        expected_calibration_error(probability, rows.references == index, weights, rows.bins)
        for index, probability in enumerate(rows.probabilities.T)
    ]
    return {"classwise_ece": np.mean(errors, axis=0)}


def _proper_scores(rows: CalibrationRows, weights: FloatArray) -> dict[str, FloatArray]:
    likelihood = np.take_along_axis(rows.probabilities, rows.references[:, None], axis=1)[:, 0]
    return {
        "brier": mean(brier_scores(rows.probabilities, rows.references), weights),
        "nll": mean(-np.log(np.maximum(likelihood, SMALLEST_LIKELIHOOD)), weights),
    }


def _selective(rows: CalibrationRows, weights: FloatArray) -> dict[str, FloatArray]:
    ties = _Ties.of(-rows.confidence)
    kept, wrong = ties.running(weights), ties.running(weights * ~rows.correct)
    total, all_wrong = kept[:, -1], wrong[:, -1]
    area = _risk_area(kept, wrong)
    all_right = total - all_wrong
    oracle = _risk_area(
        np.stack([np.zeros_like(total), all_right, total], axis=1),
        np.stack([np.zeros_like(total), np.zeros_like(total), all_wrong], axis=1),
    )
    safe = (kept > 0) & (wrong * _ROWS_PER_ERROR <= kept)
    return {
        "aurc": divide(area, total),
        "e_aurc": divide(np.maximum(area - oracle, 0.0), total),
        **{f"accuracy_at_coverage_{share}": _accuracy_at(share, kept, wrong) for share in COVERAGES},
        "coverage_at_risk_5": divide(np.where(safe, kept, 0.0).max(axis=1), total),
    }


def _risk_area(kept: FloatArray, wrong: FloatArray) -> FloatArray:
    """Sum over k = 1, 2, ... of the expected risk of the first k rows `(weightings,)`.

    Args:
        kept: rows in the first 0, 1, ... groups of ties `(weightings, groups + 1)`.
        wrong: likewise the wrong ones among them.
    """
    count = kept.astype(np.int64)
    harmonic = np.append(0.0, np.cumsum(1.0 / np.arange(1, count.max() + 1)))
    rows, errors = np.diff(kept, axis=1), np.diff(wrong, axis=1)
    rate = np.divide(errors, rows, out=np.zeros_like(rows), where=rows > 0)
    # After a rows with e errors a group of this rate has the risk (e + rate (k - a)) / k = rate + (e - rate a) / k.
    return (errors + (wrong[:, :-1] - rate * kept[:, :-1]) * np.diff(harmonic[count], axis=1)).sum(axis=1)


def _accuracy_at(share: int, kept: FloatArray, wrong: FloatArray) -> FloatArray:
    """Expected accuracy of the most confident `share` per cent of the rows; arguments as for `_risk_area`."""
    wanted = np.ceil(share * kept[:, -1] / 100.0)
    errors = np.array([np.interp(rows, *curve) for rows, *curve in zip(wanted, kept, wrong, strict=True)])
    return 1.0 - divide(errors, wanted)


CALIBRATION = Metric(_update, (_equal_width, _equal_mass, _each_class, _proper_scores, _selective))
