"""Bootstrap intervals over groups: how far a score could lie elsewhere had other patients been tested."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multimed_hf.metrics.arrays import FloatArray, IntArray
from multimed_hf.wording import counted

Statistic = Callable[[IntArray], float]

MINIMUM_GROUPS = 20
LARGEST_UNDEFINED_SHARE = 0.05


@dataclass(frozen=True)
class Interval:
    """A percentile bootstrap interval.

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
        """The percentile interval of that level, None where there is a `refusal`."""
        if not 0.0 < level < 1.0:
            raise ValueError(f"Expected a level in (0, 1), got {level}; 0.95 is usual.")
        if self.refusal is not None:
            return None
        defined = self.estimates[~np.isnan(self.estimates)]
        low, high = np.quantile(defined, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
        return Interval(float(low), float(high), level, self.groups, len(defined), self.unit)


@dataclass(frozen=True)
class PairedDifference:
    """A difference of two scores on the same rows.

    Attributes:
        difference: statistic A minus statistic B on all rows.
        interval: of the difference, over resamples that both share; None where there are too few groups or too many
            resamples without a score.
        smallest_detectable: half the width of the interval: a difference smaller than this would have left 0 inside.
        refusal: why there is no interval; None where there is one.
    """

    difference: float
    interval: Interval | None
    smallest_detectable: float | None
    refusal: str | None


def bootstrap(
    statistic: Statistic,
    n: int,
    groups: Sequence[Hashable] | NDArray[np.generic] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    minimum_groups: int = MINIMUM_GROUPS,
    unit: str | None = None,
) -> Bootstrap:
    """`statistic` on resamples of groups drawn with replacement; all rows of a drawn group enter together, once a draw.

    Args:
        statistic: the score of the rows at the given indices `(m,)`; NaN where it is undefined on them.
        n: the number of rows.
        groups: the group of each row `(n,)`; every row is its own by default.
        resamples: how many.
        seed: of the draws; the same seed, n and groups draw the same rows.
        minimum_groups: with fewer there is no interval, as it would be far too narrow.
        unit: what one group is, such as "patient", for whoever reads the interval; "row" without groups, else "group".

    Raises:
        ValueError: no rows, another number of groups than of rows, or fewer than one resample.
    """
    members = _members(n, groups)
    unit = unit or ("row" if groups is None else "group")
    if resamples < 1:
        raise ValueError(f"Expected at least 1 resample, got {resamples}; 1000 is usual.")
    if len(members) < minimum_groups:
        too_few = f"{counted(len(members), 'group')} ({unit}), fewer than the {minimum_groups} an interval needs"
        return Bootstrap(np.empty(0), len(members), unit, too_few)
    estimates = np.array([statistic(rows) for rows in _draws(members, resamples, seed)], dtype=np.float64)
    undefined = int(np.isnan(estimates).sum())
    refusal = None
    if undefined > LARGEST_UNDEFINED_SHARE * resamples:
        refusal = (
            f"the score is undefined on {undefined} of {resamples} resamples, more than {LARGEST_UNDEFINED_SHARE:.0%}"
        )
    return Bootstrap(estimates, len(members), unit, refusal)


def bootstrap_interval(
    statistic: Statistic,
    n: int,
    groups: Sequence[Hashable] | NDArray[np.generic] | None = None,
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


def paired_difference(
    statistic_a: Statistic,
    statistic_b: Statistic,
    n: int,
    groups: Sequence[Hashable] | NDArray[np.generic] | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    minimum_groups: int = MINIMUM_GROUPS,
    unit: str | None = None,
) -> PairedDifference:
    """How much better A is than B on the same rows: both are computed on every resample, so what they share cancels.

    Arguments and errors as for `bootstrap`.
    """

    def difference(rows: IntArray) -> float:
        return statistic_a(rows) - statistic_b(rows)

    drawn = bootstrap(difference, n, groups, resamples, seed, minimum_groups, unit)
    interval = drawn.interval(level)
    half_width = None if interval is None else (interval.high - interval.low) / 2.0
    return PairedDifference(float(difference(np.arange(n))), interval, half_width, drawn.refusal)


def _members(n: int, groups: Sequence[Hashable] | NDArray[np.generic] | None) -> list[IntArray]:
    """The rows of each group, in order of first appearance."""
    if n < 1:
        raise ValueError(f"Expected at least one row to resample, got {n}.")
    if groups is None:
        return list(np.arange(n)[:, None])
    if len(groups) != n:
        raise ValueError(
            f"Expected a group for each of {n} rows, got {len(groups)}; pass them in the order of the rows."
        )
    rows: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        rows.setdefault(group, []).append(row)
    return [np.array(group_rows) for group_rows in rows.values()]


def _draws(members: list[IntArray], resamples: int, seed: int) -> Iterator[IntArray]:
    """Row indices of each resample."""
    generator = np.random.default_rng(seed)
    flat = np.concatenate(members)
    sizes = np.array([len(rows) for rows in members])
    starts = np.cumsum(sizes) - sizes
    for _ in range(resamples):
        drawn = generator.integers(len(members), size=len(members))
        drawn_sizes = sizes[drawn]
        ends = np.cumsum(drawn_sizes)
        within = np.arange(ends[-1]) - np.repeat(ends - drawn_sizes, drawn_sizes)
        yield flat[np.repeat(starts[drawn], drawn_sizes) + within]
