"""How the bones of a hand mature: milestones of each bone by sex, and what can be known from them.

Ossification centres of the wrist appear one after the other, epiphyses appear beside the shafts, widen until they are as
wide as the metaphysis, and fuse. Median ages of appearance are close to those of Garn, Rohmann and Silverman (Med.
Radiogr. Photogr. 43, 45, 1967), of widening and fusion to the stages of Greulich and Pyle (Radiographic Atlas of Skeletal
Development of the Hand and Wrist, 2nd ed., 1959) and of Gilsanz and Ratib (Hand Bone Age, 2005); girls are ahead of boys.
What is seen of a bone follows its own age: the bone age, and a deviation of the child's group of bones and of the bone,
because wrist, fingers and forearm need not agree (Tanner et al., Assessment of Skeletal Maturity, TW3, 2001).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..patient import Patient, random_of
from ..settings import Simulation

LABELS = tuple(str(year) for year in range(20))
"""Years of bone age: months // 12."""


FREQUENCIES = {str(year): math.exp(-0.5 * ((year + 0.5 - 10.6) / 3.4) ** 2) for year in range(20)}
"""How common each year is: a bell around ten and a half, as of children whose bone age is asked for."""


@dataclass(frozen=True)
class Milestones:
    """When a bone reaches its stages, in years of bone age, each for (girls, boys).

    Attributes:
        appears: its ossification centre is first seen.
        full: the epiphysis is as wide as the metaphysis; a carpal has its adult size and shape.
        fuses: the growth plate begins to close; equal to `full` for a bone without a growth plate.
    """

    appears: tuple[float, float]
    full: tuple[float, float]
    fuses: tuple[float, float]

    def end(self, sex: int) -> float:
        """The age from which the bone changes no more, in years."""
        return self.fuses[sex] if self.fuses == self.full else self.fuses[sex] + FUSION + SCAR


FUSION = 1.3
"""Years from the first bridge across a growth plate until it is closed."""

SCAR = 1.7
"""Years after that in which a dense line still shows where the plate was."""


def _carpal(appears: tuple[float, float], full: tuple[float, float]) -> Milestones:
    return Milestones(appears, full, full)


MILESTONES: dict[str, Milestones] = {
    "capitate": _carpal((0.2, 0.25), (12.5, 14.5)),
    "hamate": _carpal((0.22, 0.3), (12.5, 14.5)),
    "triquetrum": _carpal((1.8, 2.4), (12.5, 14.5)),
    "lunate": _carpal((2.7, 4.0), (12.5, 14.5)),
    "trapezium": _carpal((4.1, 5.8), (12.5, 14.5)),
    "trapezoid": _carpal((4.3, 6.0), (12.5, 14.5)),
    "scaphoid": _carpal((4.3, 5.7), (12.5, 14.5)),
    "pisiform": _carpal((8.7, 10.8), (13.0, 15.0)),
    "sesamoid": _carpal((10.8, 12.9), (13.0, 15.0)),
    "pp1": Milestones((1.7, 2.9), (8.5, 10.0), (14.2, 16.0)),
    "pp2": Milestones((1.0, 1.4), (8.2, 9.8), (14.3, 16.1)),
    "pp3": Milestones((0.9, 1.4), (8.2, 9.8), (14.3, 16.1)),
    "pp4": Milestones((1.0, 1.5), (8.2, 9.8), (14.3, 16.1)),
    "pp5": Milestones((1.2, 1.8), (8.4, 10.0), (14.3, 16.1)),
    "mp2": Milestones((1.4, 2.1), (8.6, 10.3), (14.2, 16.0)),
    "mp3": Milestones((1.3, 2.0), (8.6, 10.3), (14.2, 16.0)),
    "mp4": Milestones((1.3, 2.0), (8.6, 10.3), (14.2, 16.0)),
    "mp5": Milestones((1.9, 3.2), (8.8, 10.6), (14.2, 16.0)),
    "dp1": Milestones((1.0, 1.5), (8.6, 10.3), (13.3, 15.3)),
    "dp2": Milestones((1.8, 2.9), (8.8, 10.6), (13.5, 15.5)),
    "dp3": Milestones((1.5, 2.4), (8.8, 10.6), (13.5, 15.5)),
    "dp4": Milestones((1.5, 2.5), (8.8, 10.6), (13.5, 15.5)),
    "dp5": Milestones((2.0, 3.1), (8.9, 10.7), (13.5, 15.5)),
    "mc1": Milestones((1.6, 2.5), (9.0, 11.0), (14.3, 16.2)),
    "mc2": Milestones((1.1, 1.6), (9.0, 11.0), (14.9, 16.6)),
    "mc3": Milestones((1.1, 1.7), (9.0, 11.0), (14.9, 16.6)),
    "mc4": Milestones((1.3, 2.0), (9.0, 11.0), (14.9, 16.6)),
    "mc5": Milestones((1.4, 2.2), (9.0, 11.0), (14.9, 16.6)),
    "ulna": Milestones((5.5, 6.9), (10.0, 12.0), (15.6, 17.2)),
    "radius": Milestones((0.8, 1.1), (8.5, 10.3), (16.0, 17.6)),
}


@dataclass(frozen=True)
class Stage:
    """How far a bone is.

    Attributes:
        growth: of its centre; negative: not there yet, 1: full.
        capping: 0 to 1 while the full epiphysis bends around the metaphysis and the plate becomes thin.
        closed: share of the growth plate that is bridged, 0 to 1.
        scar: density of the line that stays for a while, 0 to 1.
    """

    growth: float
    capping: float
    closed: float
    scar: float


def stage_of(name: str, age: float, sex: int) -> Stage:
    """The stage of a bone that looks `age` years old; `sex` is 0 for girls, 1 for boys."""
    stages = MILESTONES[name]
    appears, full, fuses = stages.appears[sex], stages.full[sex], stages.fuses[sex]
    closed = _share((age - fuses) / FUSION)
    return Stage(
        growth=min((age - appears) / (full - appears), 1.0),
        capping=_share((age - full) / max(fuses - full, 1e-6)),
        closed=closed,
        scar=min(1.0, 2 * closed) * _share(1 - (age - fuses - FUSION) / SCAR),
    )


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)


GROUPS = {
    "wrist": tuple(name for name, stages in MILESTONES.items() if stages.fuses == stages.full),
    "fingers": tuple(name for name in MILESTONES if name[:2] in ("pp", "mp", "dp", "mc")),
    "forearm": ("ulna", "radius"),
}
"""Bones whose deviations have a part in common."""


def months_of(patient: Patient) -> int:
    """True bone age of a patient whose condition is one of `LABELS`, in months."""
    return 12 * int(patient.condition) + int(patient.random("month").integers(12))


def bone_ages(patient: Patient) -> dict[str, float]:
    """The age that each bone looks like, in years."""
    random = patient.random("maturity")
    together, alone = _deviations(patient.simulation.difficulty)
    root, ages = _root((months_of(patient) + 0.5) / 12), {}
    for names in GROUPS.values():
        shared = random.normal(0, together)
        for name in names:
            ages[name] = max(float(root + shared + random.normal(0, alone)), 0.0) ** 2 - 0.5
    return ages


def _root(age: Any) -> Any:
    """Ages on a scale on which deviations are alike at all ages: they are smaller in small children."""
    return np.sqrt(np.asarray(age) + 0.5)


def _deviations(difficulty: float) -> tuple[float, float]:
    """Standard deviations of a group of bones and of a bone, on the scale of `_root`."""
    simulation = Simulation(difficulty=difficulty)
    year = float(_root(10.5) - _root(9.5))
    return simulation.harder(0.15, 0.9) * year, simulation.harder(0.2, 1.2) * year


@lru_cache(maxsize=8)
def best_possible(difficulty: float, prevalence: str) -> tuple[float, float]:
    """Mean absolute error in months, and share within 12 months, of a reader who sees the age of every bone exactly.

    A bone that has not appeared, or that no longer changes, tells only that. Exact posterior of the bone age for 240
    simulated children, on a grid.
    """
    from scipy.special import log_ndtr

    together, alone = _deviations(difficulty)
    roots = np.linspace(0.0, _root(22.0), 300)
    step = roots[1]
    ages = roots**2 - 0.5
    weights = np.array(list(FREQUENCIES.values())) if prevalence == "long_tailed" else np.ones(len(LABELS))
    prior = np.where((ages >= 0) & (ages < 20), weights[np.clip(ages.astype(int), 0, 19)] * 2 * roots, 0)
    spread = np.exp(-0.5 * ((roots[:, None] - roots) / together) ** 2)
    random = random_of(0, "bone_age", "best possible", str(difficulty), prevalence)
    errors, near = [], []
    for child in range(240):
        sex = child % 2
        age = random.choice(20, p=weights / weights.sum()) + random.random()
        posterior = np.log(prior + 1e-300)
        for names in GROUPS.values():
            starts = _root([MILESTONES[name].appears[sex] for name in names])
            ends = _root([MILESTONES[name].end(sex) for name in names])
            seen = _root(age) + random.normal(0, together) + random.normal(0, alone, len(names))
            away = (np.clip(seen, starts, ends)[:, None] - roots) / alone
            log = np.where((seen < starts)[:, None], log_ndtr(away), -0.5 * away**2)
            log = np.where((seen > ends)[:, None], log_ndtr(-away), log).sum(0)
            posterior = posterior + np.log(spread @ np.exp(log - log.max()) + 1e-300)
        chance = np.exp(posterior - posterior.max())
        chance /= chance.sum() * step
        total = np.cumsum(chance) * step
        errors.append(abs(float(np.interp(0.5, total, ages)) - age))
        # The interval of two years that holds most.
        held = np.interp(ages + 2, ages, total, right=1.0) - total
        near.append(abs(ages[int(held.argmax())] + 1 - age) < 1)
    return 12 * float(np.mean(errors)), float(np.mean(near))
