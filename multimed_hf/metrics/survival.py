"""Scores of predictions of the time to an event, of which some rows are censored: it had not come when they left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray, IntArray
from multimed_hf.metrics.confusion import divide
from multimed_hf.metrics.rows import Metric, Rows, mean
from multimed_hf.metrics.survival_curves import CensoringCurve, censoring_survival, kaplan_meier
from multimed_hf.wording import counted

CALIBRATION_GROUPS = 10
_RISE_TOLERANCE = 1e-6  # what single precision may add to a survival curve that stays level


def survival(
    predictions: ArrayLike,
    references: ArrayLike,
    horizons: Sequence[float] | None = None,
    curves: ArrayLike | None = None,
    train: ArrayLike | None = None,
    tau: float | None = None,
) -> dict[str, float]:
    """Scores of risks, and of survival probabilities where given, against times that may be censored.

    A pair of rows is comparable where one has the event while the other is known to go on: the other has the longer
    time, or the same time and is censored. Two events at one time are not comparable. It is concordant where the row
    with the event has the higher risk; equal risks count half, and only equal ones: scikit-survival also calls risks
    within 1e-8 equal.

    T is the time of a row; S(t) its predicted probability that the event comes after t; G(t) the probability that
    censoring comes after t, by Kaplan-Meier on `train`. At one time events come before censoring, and G(t) takes in the
    censoring at t itself.

    Args:
        predictions: risks `(n,)`, higher for an earlier event, on any scale. A predicted time must change its sign.
        references: `(n, 2)`: the time in days, above 0, and whether the event came then (1) or the row was censored (0).
        horizons: times in days, ascending and above 0, at which `curves` are given.
        curves: predicted survival probabilities `(n, horizons)`, S(t) at each horizon; they do not rise along a row.
        train: outcomes `(m, 2)` as `references`, from which G is estimated; the scored rows themselves by default.
            scikit-survival asks for these; a number is comparable only with one of the same choice.
        tau: `uno_c` counts events before this time only, in days; all by default. Late events weigh much.

    Returns:
        - `uno_c`: share of comparable pairs that are concordant, each weighted by G(T)^-2 at its event (Uno et al.
          2011), in [0, 1], 0.5 for constant risks. NaN where no pair is comparable, as where no row has the event, and
          where G is 0 at an event before `tau`: one at the very time at which the last censored rows leave.
        - `harrell_c`: the unweighted share over all times (Harrell et al. 1996), in [0, 1]; `tau` has no part in it.
          NaN where no pair is comparable.
        - `events`, `censored`: how many rows are so.
        - with `curves`, `brier`: integrated Brier score, the area under `brier/<days>` by trapezoids from the first
          to the last horizon, divided by the time between them (Graf et al. 1999); with one horizon `brier/<days>`
          itself. At least 0; 0.25 for S = 0.5 throughout where nobody is censored. NaN where it is undefined at one of
          the horizons.
        - `brier/<days>` for each horizon h: the mean over all rows of S(h)^2 / G(T) where the event came at or before
          h, of (1 - S(h))^2 / G(h) where T is above h, and of 0 where the row was censored at or before h. Undefined
          where G(h) is 0: the longest follow-up is a censored one and ends at or before h.
        - `calibration_gap/<days>`: Kaplan-Meier survival at h minus the mean of S(h), in [-1, 1]; positive where more
          survive than predicted. Undefined where Kaplan-Meier is: the longest follow-up is a censored one and ends
          before h.
        - `ece/<days>`: the mean of that gap's absolute value in ten groups, weighted by their rows, in [0, 1] (groups
          as D'Agostino & Nam 2003). A row is in group floor(10 L / n), L rows having a lower S(h), so that equal
          predictions stay together. Groups whose Kaplan-Meier is undefined take no part; undefined where all are.
        - `ece_skipped/<days>`: how many rows are in such groups.

        Keys of a horizon are left out where undefined.

    Raises:
        ValueError: lengths differ, no rows, other shapes, risks, times or probabilities that are not finite, times of
            0 or below, events other than 0 and 1, probabilities outside [0, 1] or rising along a row, horizons that
            are not ascending or not above 0, only one of `horizons` and `curves`, a `tau` that is not above 0, or
            `train` that does not give G above 0 at every horizon and at every event before `tau`.
    """
    return SURVIVAL(predictions, references, horizons, curves, train, tau)


@dataclass(frozen=True)
class SurvivalRows(Rows):
    """`risk`, `time` and `event` `(n,)`, `curves` `(n, horizons)`; `censoring` is None where the rows give their own."""

    risk: FloatArray
    time: FloatArray
    event: BoolArray
    curves: FloatArray
    horizons: tuple[float, ...]
    censoring: CensoringCurve | None
    tau: float

    def censoring_at(self, at: FloatArray, weights: FloatArray) -> FloatArray:
        """G at each time of `at`: `(weightings, len(at))`, or `(1, len(at))` where it is that of other rows."""
        if self.censoring is not None:
            return self.censoring(at)[None]
        return censoring_survival(self.time, self.event, weights, at)


def _update(
    predictions: ArrayLike,
    references: ArrayLike,
    horizons: Sequence[float] | None = None,
    curves: ArrayLike | None = None,
    train: ArrayLike | None = None,
    tau: float | None = None,
) -> SurvivalRows:
    checks.check_lengths(predictions, references)
    risk = np.asarray(predictions)
    if risk.ndim != 1:
        raise ValueError(
            f"Expected predictions of shape (n,), one risk a row, got shape {risk.shape}; pass survival probabilities "
            "as curves."
        )
    risk = checks.matrix(risk[:, None], "predictions", "1")[:, 0]
    time, event = _outcomes(references, "references")
    limit = np.inf if tau is None else float(tau)
    if not limit > 0:
        raise ValueError(f"Expected tau above 0 days, got {tau}; leave it out to count all events.")
    if (horizons is None) != (curves is None):
        given, missing = ("curves", "horizons") if horizons is None else ("horizons", "curves")
        raise ValueError(f"Expected horizons and curves together, got {given} alone; pass {missing} too.")
    at = np.empty(0) if horizons is None else _horizons(horizons)
    probabilities = np.empty((len(risk), 0)) if curves is None else _curves(curves, len(risk), len(at))
    censoring = None if train is None else CensoringCurve.of(*_outcomes(train, "train"))
    if censoring is not None:
        _check_covered(censoring, at, "horizon", "leave out these")
        used = time[event & (time < limit)]
        _check_covered(censoring, used, "event", "pass a tau at or before the first of these")
    return SurvivalRows(risk, time, event, probabilities, tuple(at.tolist()), censoring, limit)


def _outcomes(values: ArrayLike, name: str) -> tuple[FloatArray, BoolArray]:
    """Times and events of checked outcomes."""
    array = checks.matrix(values, name, "2")
    if array.shape[1] != 2 or not len(array):
        raise ValueError(
            f"Expected {name} of shape (n, 2), n >= 1, got {array.shape}; give the time and the event (1, or 0 where "
            "censored) of each row."
        )
    time, event = array.T
    early = np.flatnonzero(time <= 0)
    if len(early):
        raise ValueError(
            f"Expected times of {name} above 0 days, got {time[early[0]]:g} in row {early[0]} "
            f"({counted(len(early), 'such row')}); leave out rows without follow-up."
        )
    other = np.flatnonzero((event != 0) & (event != 1))
    if len(other):
        raise ValueError(
            f"Expected events of {name} that are 1 (came) or 0 (censored), got {event[other[0]]:g} in row {other[0]} "
            f"({counted(len(other), 'such row')}); give the time in the first column, the event in the second."
        )
    return time, event == 1


def _horizons(horizons: Sequence[float]) -> FloatArray:
    at = np.asarray(horizons, dtype=np.float64)
    if at.ndim != 1 or not len(at) or not np.isfinite(at).all() or at[0] <= 0 or (np.diff(at) <= 0).any():
        raise ValueError(
            f"Expected horizons as ascending numbers of days above 0, got {at.tolist()}; sort them, and the columns of "
            "curves alike."
        )
    return at


def _curves(curves: ArrayLike, n: int, horizons: int) -> FloatArray:
    array = checks.matrix(curves, "curves", "horizons")
    if array.shape != (n, horizons):
        raise ValueError(
            f"Expected curves of shape {(n, horizons)}, a row for each prediction and a column for each horizon, got "
            f"{array.shape}."
        )
    if array.min() < -_RISE_TOLERANCE or array.max() > 1.0 + _RISE_TOLERANCE:
        raise ValueError(
            f"Expected curves as probabilities in [0, 1], got values from {array.min():.6g} to {array.max():.6g}; "
            "multiply per cent by 0.01."
        )
    rising = np.flatnonzero((np.diff(array, axis=1) > _RISE_TOLERANCE).any(axis=1))
    if len(rising):
        raise ValueError(
            f"Expected survival probabilities that do not rise with the horizon, got {array[rising[0]].tolist()} in "
            f"row {rising[0]} ({counted(len(rising), 'such row')}); give 1 minus the probability of the event."
        )
    return np.clip(array, 0.0, 1.0)


def _check_covered(censoring: CensoringCurve, at: FloatArray, noun: str, remedy: str) -> None:
    """`censoring` is known and above 0 at each of these times, those of a `noun`."""
    # NaN after its end is not above 0 either.
    bad = at[~(censoring(at) > 0)]
    if len(bad):
        raise ValueError(
            f"Expected train whose G, the probability of censoring later, is above 0 at every {noun} that counts, got "
            f"{counted(censoring.outcomes, 'row')} that end at {censoring.end:g} days and "
            f"{counted(len(bad), noun)} where it is 0 or unknown, the first at {bad.min():g} days; {remedy}."
        )


def _concordance(rows: SurvivalRows, weights: FloatArray) -> dict[str, FloatArray]:
    outliving, concordant = _comparable(rows, weights)
    events = weights * rows.event
    early = (events > 0) & (rows.time < rows.tau)
    censoring = rows.censoring_at(rows.time, weights)
    known = early & (censoring > 0)
    uno = np.divide(events, censoring**2, out=np.zeros_like(events), where=known)
    return {
        "uno_c": np.where(
            (early & ~known).any(axis=1),
            np.nan,
            divide((uno * concordant).sum(axis=1), (uno * outliving).sum(axis=1)),
        ),
        "harrell_c": divide((events * concordant).sum(axis=1), (events * outliving).sum(axis=1)),
    }


def _comparable(rows: SurvivalRows, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """For each row with the event, the weight of the rows comparable with it, and of those with a lower risk, equal
    ones counting half: `(weightings, n)` each, 0 for censored rows.

    With places in order of time, events before censored rows, a row is comparable with those in a later place. Places
    a < b differ first, from the top, in a bit that is 0 in a and 1 in b; so bit by bit, among places alike above it,
    rows with the bit are counted in order of risk for rows without it: n log n steps for n^2 pairs.
    """
    place = 2 * np.unique(rows.time, return_inverse=True)[1] + ~rows.event
    outliving, concordant = np.zeros_like(weights), np.zeros_like(weights)
    for bit in range(int(place.max()).bit_length()):
        alike = place >> (bit + 1)
        order = np.lexsort((rows.risk, alike))
        later = (place[order] >> bit) % 2 == 1
        running = np.zeros((len(weights), len(order) + 1))
        np.cumsum(np.where(later, weights[:, order], 0.0), axis=1, out=running[:, 1:])
        first, last = _runs(alike[order])
        tied_first, tied_last = _runs(alike[order], rows.risk[order])
        asking = np.flatnonzero(~later & rows.event[order])
        row, below = order[asking], running[:, first[asking]]
        outliving[:, row] += running[:, last[asking]] - below
        concordant[:, row] += (running[:, tied_first[asking]] + running[:, tied_last[asking]]) / 2.0 - below
    return outliving, concordant


def _runs(*keys: FloatArray | IntArray) -> tuple[IntArray, IntArray]:
    """For each entry of sorted keys the first of the entries equal to it, and the entry after the last of them."""
    starts = np.append(True, np.any([key[1:] != key[:-1] for key in keys], axis=0))
    run = np.cumsum(starts)
    edges = np.append(np.flatnonzero(starts), len(starts))
    return edges[run - 1], edges[run]


def _counts(rows: SurvivalRows, weights: FloatArray) -> dict[str, FloatArray]:
    return {"events": weights @ rows.event.astype(np.float64), "censored": weights @ (~rows.event).astype(np.float64)}


def _days(horizon: float) -> str:
    return np.format_float_positional(horizon, trim="-")


def _brier(rows: SurvivalRows, weights: FloatArray) -> dict[str, FloatArray]:
    if not rows.horizons:
        return {}
    at = np.array(rows.horizons)
    at_time, at_horizon = rows.censoring_at(rows.time, weights), rows.censoring_at(at, weights)
    scores = []
    for column, horizon in enumerate(at):
        predicted, outlived = rows.curves[:, column], rows.time > horizon
        came = weights * (rows.event & ~outlived) * predicted**2
        # Where G is 0 at an event that counts it is 0 at the horizon too, and there is no score.
        came = np.divide(came, at_time, out=np.zeros_like(came), where=at_time > 0).sum(axis=1)
        stays = divide(weights @ (outlived * (1.0 - predicted) ** 2), at_horizon[:, column])
        scores.append(divide(came + stays, weights.sum(axis=1)))
    by_horizon = np.stack(scores, axis=1)
    area = np.trapezoid(by_horizon, at, axis=1) / (at[-1] - at[0]) if len(at) > 1 else by_horizon[:, 0]
    return {"brier": area} | {f"brier/{_days(horizon)}": score for horizon, score in zip(at, scores, strict=True)}


def _calibration(rows: SurvivalRows, weights: FloatArray) -> dict[str, FloatArray]:
    scores: dict[str, FloatArray] = {}
    for horizon, predicted in zip(rows.horizons, rows.curves.T, strict=True):
        groups = _groups(predicted, weights)
        members = [weights * (groups == group) for group in range(CALIBRATION_GROUPS)]
        gaps = np.stack([np.abs(_gap(rows, horizon, predicted, inside)) for inside in members], axis=1)
        sizes = np.stack([inside.sum(axis=1) for inside in members], axis=1)
        known = np.where(np.isnan(gaps), 0.0, sizes)
        days = _days(horizon)
        scores |= {
            f"calibration_gap/{days}": _gap(rows, horizon, predicted, weights),
            f"ece/{days}": divide((known * np.nan_to_num(gaps)).sum(axis=1), known.sum(axis=1)),
            f"ece_skipped/{days}": (sizes - known).sum(axis=1),
        }
    return scores


def _gap(rows: SurvivalRows, horizon: float, predicted: FloatArray, weights: FloatArray) -> FloatArray:
    """Observed minus predicted survival `(weightings,)`, NaN where Kaplan-Meier is undefined or no row counts."""
    return kaplan_meier(rows.time, rows.event, weights, np.array([horizon]))[:, 0] - mean(predicted, weights)


def _groups(predicted: FloatArray, weights: FloatArray) -> FloatArray:
    """The group of each row in order of prediction, from 0 `(weightings, n)`."""
    order = np.argsort(predicted, kind="stable")
    running = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights[:, order], axis=1)], axis=1)
    lower = running[:, np.searchsorted(predicted[order], predicted, side="left")]
    return CALIBRATION_GROUPS * lower // np.maximum(running[:, -1:], 1.0)


SURVIVAL = Metric(_update, (_concordance, _counts, _brier, _calibration))
