"""Sequences of simulated proteins: loops, caps, helices and strands can be read off them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from multimed_hf.simulation import Simulation, generator_of
from multimed_hf.simulation.patient import random_of
from multimed_hf.simulation.protein.fold import TORSIONS, Fold, fold_of
from multimed_hf.simulation.protein.residues import (
    CAPS,
    PROPENSITY,
    REGIONS,
    RESIDUES,
    SMALL,
    draw_sequence,
    residue_weights,
    says,
)

STATES = "bpE" + "EEEElmEEEEE" + "abrcHHHHHHHHHlp"


@pytest.fixture(scope="module")
def folds() -> list[Fold]:
    generator = generator_of("protein", Simulation(prevalence="balanced"))
    return [fold_of(generator.patient(number)) for number in range(24)]


def weights(states: str, difficulty: float = 0.5) -> np.ndarray:
    return residue_weights(Simulation(difficulty=difficulty), states, np.full(len(states), 0.5))


def check(states: str, sequence: str) -> None:
    """Every residue of a loop says its region, together with the next."""
    for place, state in enumerate(states):
        following = sequence[place + 1 : place + 2]
        if state == "c":
            assert sequence[place] in CAPS and states[place + 1] == "H"
        elif state not in "HE":
            small = bool(following) and following in SMALL
            assert REGIONS[sequence[place]][0 if small else 1] == state
        elif state == "H" and states[place + 1 : place + 2] not in ("H", ""):
            assert sequence[place + 1] in "GN"


def test_loops_and_caps_follow_from_residue_pairs() -> None:
    random = random_of(0, "residues")
    ancestor = draw_sequence(random, weights(STATES))
    check(STATES, ancestor)
    for _ in range(50):
        check(STATES, draw_sequence(random, weights(STATES), ancestor, 0.4))


def test_as_much_changes_as_was_said() -> None:
    random = random_of(1, "residues")
    loopless = weights("H" * 4000)
    ancestor = draw_sequence(random, loopless)
    again = draw_sequence(random, loopless, ancestor, 0.3)
    # Of the residues drawn anew, some are drawn as they were.
    assert 0.2 < np.mean([one != other for one, other in zip(ancestor, again, strict=True)]) < 0.3
    assert draw_sequence(random, loopless, ancestor, 0.0) == ancestor


@pytest.mark.parametrize("small", [False, True])
def test_every_region_can_be_said_before_any_residue(small: bool) -> None:
    assert all(says(state, small).any() for state in TORSIONS)


def test_helices_have_ends_and_choose_less_with_difficulty() -> None:
    states = "pcHHHHHHHlp"
    one = weights(states)[0]
    at = {letter: place for place, letter in enumerate(RESIDUES)}
    assert one[2, at["P"]] > 20 * one[5, at["P"]] and one[8, at["K"]] == pytest.approx(3 * one[5, at["K"]])
    easy, hard = (weights(states, difficulty)[0, 5] for difficulty in (0.1, 0.9))
    assert easy[at["E"]] / easy[at["G"]] > 10 * hard[at["E"]] / hard[at["G"]]


def test_the_sequence_tells_helices_from_strands(folds: list[Fold]) -> None:
    odds = dict(zip(RESIDUES, np.log(PROPENSITY["H"] / PROPENSITY["E"]), strict=True))
    correct = []
    for fold in folds:
        states = np.array(list(fold.states))
        # Above 0, a window of five looks more like a helix than like a strand.
        read = np.convolve([odds[letter] for letter in fold.sequence], np.ones(5), "same")
        correct += [*(read[states == "H"] > 0), *(read[states == "E"] < 0)]
    assert np.mean(correct) > 0.82


def test_what_is_buried_is_hydrophobic(folds: list[Fold]) -> None:
    buried: Counter[bool] = Counter()
    exposed: Counter[bool] = Counter()
    for fold in folds:
        for letter, burial, state in zip(fold.sequence, fold.burial, fold.states, strict=True):
            if state == "H":
                (buried if burial > 0.5 else exposed)[letter in "AILMFVWC"] += 1
    assert buried[True] / buried.total() > exposed[True] / exposed.total() + 0.2
