"""What can be asked of synthetic data: how hard, how noisy its labels, how common its conditions, what the test holds out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from ..tasks import closest

PREVALENCES = ("long_tailed", "balanced")
SHIFTS = ("none", "organ", "cell_type", "donor", "site", "device")


@dataclass(frozen=True)
class Simulation:
    """Settings of a synthetic source.

    Attributes:
        seed: 0 or more; another seed is another population.
        difficulty: 0 (a glance is enough) to 1 (signs are faint and the noise is strong).
        label_noise: share of labels that are replaced by another one, drawn evenly; 0 to 1. Of findings, each by itself.
        prevalence: 'long_tailed', conditions as common or rare as in a clinic, or 'balanced', all alike.
        shift: what the test split shows and training never did: 'none', or 'organ', 'cell_type', 'donor', 'site', 'device'.

    Raises:
        ValueError: a value outside its range; the message says what was expected.
        UnknownNameError: a prevalence or shift that does not exist.
    """

    seed: int = 0
    difficulty: float = 0.5
    label_noise: float = 0.0
    prevalence: str = "long_tailed"
    shift: str = "none"

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"Expected seed to be an integer of 0 or more, got {self.seed!r}.")
        for name in ("difficulty", "label_noise"):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or not 0 <= value <= 1:
                raise ValueError(f"Expected {name} to be a number from 0 to 1, got {value!r}.")
        if self.prevalence not in PREVALENCES:
            raise closest(self.prevalence, PREVALENCES, "prevalence")
        if self.shift not in SHIFTS:
            raise closest(self.shift, SHIFTS, "shift")

    def harder(self, easy: float, hard: float) -> float:
        """A number between `easy` (difficulty 0) and `hard` (difficulty 1)."""
        return easy + (hard - easy) * self.difficulty

    def described(self) -> str:
        """The settings as the end of a sentence: 'seed 0, difficulty 0.5, ...'."""
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(self).items())
