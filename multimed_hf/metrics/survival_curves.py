"""Kaplan-Meier estimates of survival and of censoring, under many weightings of the rows at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from multimed_hf.metrics.arrays import BoolArray, FloatArray


def kaplan_meier(time: FloatArray, event: BoolArray, weights: FloatArray, at: FloatArray) -> FloatArray:
    """S(t), the probability that the event comes after t (Kaplan & Meier 1958), equal to `survfit` of R.

    Args:
        time: of the event or of censoring `(n,)`.
        event: false where censored `(n,)`.
        weights: `(weightings, n)`, how often each row counts.
        at: the times t.

    Returns:
        `(weightings, len(at))`. NaN where the longest follow-up is a censored one and ends before t: nobody saw it.
    """
    leaving, at_risk, steps = _counts(time, event, weights)
    survival = _product(leaving, at_risk, steps, at)
    followed = np.stack([((time >= t) & (weights > 0)).any(axis=1) for t in at], axis=1)
    return np.where(followed | (survival == 0), survival, np.nan)


def censoring_survival(time: FloatArray, event: BoolArray, weights: FloatArray, at: FloatArray) -> FloatArray:
    """G(t), the probability that censoring comes after t: Kaplan-Meier with events and censoring exchanged.

    Arguments as for `kaplan_meier`. At one time events come before censoring, hence are no longer at risk of it.

    Returns:
        `(weightings, len(at))`: 0 from the end of follow-up on where that is a censored row; else constant from there.
    """
    events, at_risk, steps = _counts(time, event, weights)
    censored, _, _ = _counts(time, ~event, weights)
    return _product(censored, at_risk - events, steps, at)


@dataclass(frozen=True)
class CensoringCurve:
    """`censoring_survival` of outcomes other than those scored, as a step function.

    Attributes:
        outcomes: of how many rows.
        end: the longest follow-up; what comes after it is not known.
        steps: the times at which it may fall, ascending.
        values: its value from each of them on; 1 before the first.
    """

    outcomes: int
    end: float
    steps: tuple[float, ...] = field(repr=False)
    values: tuple[float, ...] = field(repr=False)

    @classmethod
    def of(cls, time: FloatArray, event: BoolArray) -> CensoringCurve:
        """That of rows of these times `(n,)` and events `(n,)`."""
        steps = np.unique(time)
        values = censoring_survival(time, event, np.ones((1, len(time))), steps)[0]
        return cls(len(time), float(steps[-1]), tuple(steps.tolist()), tuple(values.tolist()))

    def __call__(self, at: FloatArray) -> FloatArray:
        """Its values at these times, NaN after the end."""
        values = np.append(1.0, self.values)[np.searchsorted(self.steps, at, side="right")]
        return np.where(at <= self.end, values, np.nan)


def _counts(time: FloatArray, leaves: BoolArray, weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """At each distinct time how many leave and how many are at risk, `(weightings, times)` each; and the times."""
    order = np.argsort(time, kind="stable")
    ordered = time[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    leaving = np.add.reduceat((weights * leaves)[:, order], starts, axis=1)
    ending = np.add.reduceat(weights[:, order], starts, axis=1)
    return leaving, np.cumsum(ending[:, ::-1], axis=1)[:, ::-1], ordered[starts]


def _product(leaving: FloatArray, at_risk: FloatArray, steps: FloatArray, at: FloatArray) -> FloatArray:
    """The share that stays over all steps up to and including each time."""
    hazard = np.divide(leaving, at_risk, out=np.zeros_like(leaving), where=leaving > 0)
    staying = np.cumprod(np.concatenate([np.ones((len(hazard), 1)), 1.0 - hazard], axis=1), axis=1)
    return staying[:, np.searchsorted(steps, at, side="right")]
