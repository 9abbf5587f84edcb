"""The synthetic patient: one latent state from which every modality of a row is drawn, and the randomness it is drawn with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .settings import Simulation

SITES = tuple(f"site-{number}" for number in range(6))
DEVICES = tuple(f"device-{number}" for number in range(4))


def random_of(seed: int, *path: str | int) -> np.random.Generator:
    """Random numbers that depend on `seed` and `path` alone: not on the process, the order of calls or other rows."""
    name = "/".join(map(str, (seed, *path)))
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest[:16], "little")))


@dataclass(frozen=True)
class Patient:
    """Who and what is seen. All images, signals, sequences and texts of a patient are drawn from this.

    Attributes:
        simulation: the settings.
        subset: the subset the patient belongs to; patients of two subsets have nothing in common.
        number: 0 or more.
        condition: what the patient has: a label of the subset, or its name for "nothing".
        severity: 0 (just visible at difficulty 0) to 1 (unmistakable), of the condition.
        organ: where it sits; empty where the subset knows one organ only.
        age: years.
        sex: 'female' or 'male'.
        site: the hospital, one of `SITES`.
        device: the machine, one of `DEVICES`; every site has some of them.
    """

    simulation: Simulation
    subset: str
    number: int
    condition: str
    severity: float
    organ: str
    age: float
    sex: str
    site: str
    device: str

    @property
    def group(self) -> str:
        """The name of the group: `synthetic/<subset>-<number>`."""
        return f"synthetic/{self.subset}-{self.number:06d}"

    def random(self, *purpose: str | int) -> np.random.Generator:
        """Random numbers of this patient for one purpose: the same ones whatever else is drawn."""
        return random_of(self.simulation.seed, self.subset, "patient", self.number, *purpose)

    def style(self, what: str) -> np.random.Generator:
        """Random numbers that all patients of `site` or `device` share; `what` is 'site' or 'device'."""
        return random_of(self.simulation.seed, what, getattr(self, what))


def draw_patient(
    simulation: Simulation, subset: str, number: int, conditions: Mapping[str, float], organs: Sequence[str] = ("",)
) -> Patient:
    """Patient `number` of a subset.

    Condition, organ, age, sex, site and device are independent of each other, so that none gives another away.

    Args:
        simulation: the settings. With balanced prevalence, every run of as many patients as there are conditions has each
            condition once, in a random order.
        subset: name of the subset.
        number: 0 or more.
        conditions: name to weight, as common as in a clinic.
        organs: where conditions may sit, all equally often.
    """
    names = list(conditions)
    random = random_of(simulation.seed, subset, "patient", number)
    draw, severity = random.random(2)
    if simulation.prevalence == "balanced":
        block, place = divmod(number, len(names))
        condition = names[int(random_of(simulation.seed, subset, "block", block).permutation(len(names))[place])]
    else:
        weights = np.cumsum(list(conditions.values()))
        condition = names[min(int(np.searchsorted(weights, draw * weights[-1], side="right")), len(names) - 1)]
    return Patient(
        simulation=simulation,
        subset=subset,
        number=number,
        condition=condition,
        severity=float(severity),
        organ=organs[int(random.integers(len(organs)))],
        age=round(float(np.clip(random.normal(58, 17), 18, 95)), 1),
        sex=("female", "male")[int(random.integers(2))],
        site=SITES[int(random.integers(len(SITES)))],
        device=DEVICES[int(random.integers(len(DEVICES)))],
    )
