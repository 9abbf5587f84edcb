"""Bootstrap intervals over groups: how far a score could lie elsewhere had other patients been tested."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multimed_hf.metrics.arrays import FloatArray, IntArray
from multimed_hf.metrics.rows import Statistic
from multimed_hf.wording import counted

Groups = Sequence[Hashable] | NDArray[np.generic]
"""The group of each row, such as its patient."""

MINIMUM_GROUPS = 20
LARGEST_UNDEFINED_SHARE = 0.05

# Entries of (resamples, rows) handled at once: 8 MiB of weights.
_CHUNK_ELEMENTS = 1 << 20


def of_rows(function: Callable[[IntArray], float]) -> Statistic:
    """A statistic from a function of row indices `(m,)`, a row drawn twice being there twice; slower than weights."""

    def statistic(weights: FloatArray) -> FloatArray:
        index = np.arange(weights.shape[1])
        return np.array([function(np.repeat(index, row.astype(np.int64))) for row in weights], dtype=np.float64)

    return statistic


@dataclass(frozen=True)
class Interval:
    """A percentile bootstrap interval, widened for the number of groups; see `Bootstrap.interval`.

    Attributes:
        low: lower end.
        high: upper end.
        level: the share of samples of groups whose interval is meant to hold the true score.
        groups: how many groups there were.
        resamples: on how many resamples the score was defined.
        unit: what one group is: "patient", "donor", "recording block", "row".
    """

    low: float
    high: float
    level: float
    groups: int
    resamples: int
    unit: str


@dataclass(frozen=True)
class Bootstrap:
    """A statistic on resamples of groups.

    Attributes:
        estimates: `(resamples,)`, NaN where the statistic was undefined; empty where there were too few groups.
        groups: how many groups there were.
        unit: what one group is.
        refusal: why there is no interval; None where there is one.
    """

    estimates: FloatArray
    groups: int
    unit: str
    refusal: str | None

    def interval(self, level: float = 0.95) -> Interval | None:
        """The percentile interval of that level, None where there is a `refusal`.

        Percentiles of resamples of G groups are too narrow by about sqrt((G - 1) / G) and know nothing of the
        t distribution. Taken at Phi(-sqrt(G / (G - 1)) t(G - 1)) instead of at (1 - level) / 2, they have the width of
        a t interval where the score is a mean (Hesterberg 2015, the expanded percentile interval).
        """
        from scipy.special import ndtr, stdtrit

        if not 0.0 < level < 1.0:
            raise ValueError(f"Expected a level in (0, 1), got {level}; 0.95 is usual.")
        if self.refusal is not None:
            return None
        freedom = self.groups - 1
        tail = float(ndtr(np.sqrt(self.groups / freedom) * stdtrit(freedom, (1.0 - level) / 2.0)))
        defined = self.estimates[~np.isnan(self.estimates)]
        low, high = np.quantile(defined, [tail, 1.0 - tail])
        return Interval(float(low), float(high), level, self.groups, len(defined), self.unit)


def bootstrap(
    statistic: Statistic,
    n: int,
    groups: Groups | None = None,
    resamples: int = 1000,
    seed: int = 0,
    minimum_groups: int = MINIMUM_GROUPS,
    unit: str | None = None,
) -> Bootstrap:
    """`statistic` on resamples of groups drawn with replacement; all rows of a drawn group enter together, once a draw.

    Args:
        statistic: the score `(weightings,)` of the rows under weights `(weightings, n)`, how often each row was drawn;
            NaN where it is undefined. `of_rows` makes one from a function of row indices.
        n: the number of rows.
        groups: the group of each row `(n,)`; every row is its own by default.
        resamples: how many.
        seed: of the draws; the same seed, n and groups draw the same rows.
        minimum_groups: with fewer, and always below 2, there is no interval, as it would be far too narrow.
        unit: what one group is, such as "patient", for whoever reads the interval; "row" without groups, else "group".

    Raises:
        ValueError: no rows, another number of groups than of rows, or fewer than one resample.
    """
    group, count = group_indices(n, groups)
    unit = unit or ("row" if groups is None else "group")
    if resamples < 1:
        raise ValueError(f"Expected at least 1 resample, got {resamples}; 1000 is usual.")
    minimum_groups = max(2, minimum_groups)
    if count < minimum_groups:
        too_few = f"{counted(count, 'group')} ({unit}), fewer than the {minimum_groups} an interval needs"
        return Bootstrap(np.empty(0), count, unit, too_few)
    draws = _draws(count, resamples, seed)
    estimates = np.concatenate([statistic(drawn[:, group]) for drawn in chunks(draws, n)])
    undefined = int(np.isnan(estimates).sum())
    refusal = None
    if undefined > LARGEST_UNDEFINED_SHARE * resamples:
        refusal = (
            f"the score is undefined on {undefined} of {resamples} resamples, more than {LARGEST_UNDEFINED_SHARE:.0%}"
        )
    return Bootstrap(estimates, count, unit, refusal)


def bootstrap_interval(
    statistic: Statistic,
    n: int,
    groups: Groups | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    minimum_groups: int = MINIMUM_GROUPS,
    unit: str | None = None,
) -> Interval | None:
    """The percentile interval of `bootstrap`, whose arguments these are; there also stands the reason where this is
    None: fewer than `minimum_groups` groups, or a score that is undefined (NaN) on more than 5 % of the resamples.
    """
    return bootstrap(statistic, n, groups, resamples, seed, minimum_groups, unit).interval(level)


def group_indices(n: int, groups: Groups | None) -> tuple[IntArray, int]:
    """The group of each row `(n,)` as a number in order of first appearance, and how many groups there are.

    Raises:
        ValueError: no rows, or another number of groups than of rows.
    """
    if n < 1:
        raise ValueError(f"Expected at least one row to resample, got {n}.")
    if groups is None:
        return np.arange(n), n
    if len(groups) != n:
        raise ValueError(
            f"Expected a group for each of {n} rows, got {len(groups)}; pass them in the order of the rows."
        )
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups]), len(numbers)


def chunks(draws: FloatArray, n: int) -> Iterator[FloatArray]:
    """The rows of `draws` `(resamples, groups)` in parts that stay small when spread over n rows."""
    step = max(1, _CHUNK_ELEMENTS // n)
    for start in range(0, len(draws), step):
        yield draws[start : start + step]


def _draws(groups: int, resamples: int, seed: int) -> FloatArray:
    """How often each group is drawn in each resample `(resamples, groups)`."""
    generator = np.random.default_rng(seed)
    return np.array(
        [
            np.bincount(generator.integers(groups, size=groups), minlength=groups).astype(np.float64)
            for _ in range(resamples)
        ]
    )
