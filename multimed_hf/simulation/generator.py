"""Rows of synthetic subsets: what every generator provides, and which one makes which subset."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..data.splits import split_of_rank
from ..subsets import get_subset
from .patient import DEVICES, SITES, Patient, draw_patient
from .settings import Simulation


class SubsetGenerator(ABC):
    """Makes the rows of the source `synthetic` of one subset.

    Row `index` depends on the settings and on `index` alone. Rows are dealt to patients (or donors, subjects): a cohort of
    `cohort` patients has its first row each, then its second, up to `members`; then comes the next cohort.

    Class attributes:
        subset: name of the subset.
        conditions: condition of a patient to how common it is in a clinic, for long-tailed prevalence.
        organs: where conditions may sit; the last one is held out by the shift 'organ'.
        rows: how many rows a build has unless it is told.
        cohort, members: see above.
        shifts: what can be held out. 'site', 'device' and 'organ' hold out the last one, with its patients.

    Args:
        simulation: the settings.

    Raises:
        ValueError: a shift that the subset does not know.
    """

    subset: ClassVar[str]
    conditions: ClassVar[Mapping[str, float]] = {"": 1.0}
    organs: ClassVar[Sequence[str]] = ("",)
    rows: ClassVar[int] = 600
    cohort: ClassVar[int] = 1
    members: ClassVar[int] = 2
    shifts: ClassVar[Sequence[str]] = ("site", "device")
    genes: ClassVar[Sequence[str]] = ()
    """Symbols that `gene_index` and `expression_index` count, in order."""
    peaks: ClassVar[Sequence[str]] = ()
    """Names of the peaks that `peak_index` counts, in order."""

    def __init__(self, simulation: Simulation) -> None:
        if simulation.shift != "none" and simulation.shift not in self.shifts:
            known = ", ".join(self.shifts) or "none"
            raise ValueError(f"Synthetic {self.subset} cannot hold out {simulation.shift!r}; it can hold out: {known}.")
        self.simulation = simulation

    def place(self, index: int) -> tuple[int, int]:
        """Number of the patient of row `index`, and how many rows the patient has before it."""
        block, within = divmod(index, self.cohort * self.members)
        return block * self.cohort + within % self.cohort, within // self.cohort

    def patient(self, number: int) -> Patient:
        """Patient `number`."""
        return draw_patient(self.simulation, self.subset, number, self.conditions, self.organs)

    def split(self, index: int) -> str:
        """The split of row `index`, which does not depend on how many rows there are; empty for a row to leave out.

        Under a shift, the patients whose site, device or organ is held out are the test split, and all others are dealt to
        train and validation.
        """
        number, _ = self.place(index)
        dealt = split_of_rank(number)
        shift = self.simulation.shift
        if shift == "none":
            return dealt
        held_out = {"site": SITES[-1], "device": DEVICES[-1], "organ": self.organs[-1]}[shift]
        if getattr(self.patient(number), shift) == held_out:
            return "test"
        return "train" if dealt == "test" else dealt

    def row(self, index: int) -> dict[str, Any]:
        """Row `index`: the columns it has, with `id` and `group`.

        Raises:
            ValueError: a negative index.
        """
        if index < 0:
            raise ValueError(f"Expected a row of 0 or more, got {index}.")
        number, member = self.place(index)
        patient = self.patient(number)
        return {"id": f"{patient.group}-{member:02d}", "group": patient.group, **self.draw(patient, member)}

    @abstractmethod
    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        """The columns of one row of a patient, without `id`, `source` and `group`; labels already noisy."""

    def notes(self) -> list[str]:
        """What the card should say: above all the best score that any model can reach, where it can be worked out."""
        noise = self.simulation.label_noise
        return [f"{noise:.0%} of the labels are wrong on purpose: no model can foresee these."] if noise else []

    def observed(self, patient: Patient, label: str, labels: Sequence[str], *purpose: str | int) -> str:
        """`label`, or with the probability `label_noise` another one of `labels`, drawn evenly."""
        random = patient.random("label noise", *purpose)
        wrong, choice = random.random(2)
        if wrong >= self.simulation.label_noise or len(labels) < 2:
            return label
        others = [name for name in labels if name != label]
        return others[int(choice * len(others))]


_MODULES = {
    "oct": "eye.oct",
    "xray": "chest.xray",
    "bone_age": "hand.hand",
    "fundus": "eye.fundus",
    "ct": "body.ct",
    "mri": "body.mri",
    "pathology": "pathology.pathology",
    "eeg": "eeg.eeg",
    "genomics": "cell.genomics",
    "scrna": "cell.scrna",
    "protein": "protein.protein",
    "text": "language.reports",
    "vqa": "language.questions",
}


def generator_of(subset: str, simulation: Simulation | None = None) -> SubsetGenerator:
    """The generator of a subset's synthetic rows.

    Args:
        subset: name of one of the thirteen subsets.
        simulation: the settings; None for the default.

    Raises:
        UnknownNameError: there is no such subset.
        ValueError: a shift that the subset does not know.
    """
    module = importlib.import_module(f".{_MODULES[get_subset(subset).name]}", __package__)
    generator: SubsetGenerator = module.Generator(simulation or Simulation())
    return generator
