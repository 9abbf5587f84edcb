"""How bones of a hand mature: in the known order, girls ahead of boys, each bone near the age of the child."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.hand.hand import Generator
from multimed_hf.simulation.hand.maturity import (
    FUSION,
    GROUPS,
    MILESTONES,
    SCAR,
    Stage,
    best_possible,
    bone_ages,
    months_of,
    stage_of,
)

from .hands import child


def test_milestones_come_in_the_known_order_and_girls_are_ahead() -> None:
    order = ["capitate", "hamate", "triquetrum", "lunate", "trapezium", "pisiform", "sesamoid"]
    for sex in (0, 1):
        appears = [MILESTONES[name].appears[sex] for name in order]
        assert appears == sorted(appears)
        fuses = [MILESTONES[name].fuses[sex] for name in ("dp3", "pp3", "mc3", "radius")]
        assert fuses == sorted(fuses)
    for stages in MILESTONES.values():
        assert stages.appears[0] <= stages.appears[1] and 1 < stages.fuses[1] - stages.fuses[0] < 2.5
        assert stages.appears < stages.full <= stages.fuses
    assert {name for names in GROUPS.values() for name in names} == set(MILESTONES)


@pytest.mark.parametrize("sex", [0, 1])
def test_stages_follow_the_milestones(sex: int) -> None:
    for name, stages in MILESTONES.items():
        assert stage_of(name, stages.appears[sex] - 0.1, sex).growth < 0
        assert stage_of(name, stages.full[sex], sex) == Stage(1.0, 0.0, 0.0, 0.0)
        fused = stage_of(name, stages.fuses[sex] + FUSION, sex)
        assert (fused.closed, fused.scar) == pytest.approx((1, 1))
        assert astuple(stage_of(name, stages.fuses[sex] + FUSION + SCAR, sex))[2:] == pytest.approx((1, 0))


@settings(max_examples=25, deadline=None)
@given(number=st.integers(0, 10_000), year=st.integers(0, 18), sex=st.sampled_from(["female", "male"]))
def test_bones_look_their_age_and_more_so_when_it_is_easy(number: int, year: int, sex: str) -> None:
    person = child(number, year, sex)
    months = months_of(person)
    assert months // 12 == year
    easy, hard = bone_ages(person), bone_ages(child(number, year, sex, 1.0))
    assert all(abs(age - months / 12) < 1.6 for age in easy.values())
    deviation = {name: abs(hard[name] - months / 12) for name in hard}
    assert sum(deviation.values()) > sum(abs(age - months / 12) for age in easy.values())


def test_the_best_possible_score_gets_worse_with_difficulty() -> None:
    (easy, most), (hard, fewer) = best_possible(0.2, "balanced"), best_possible(0.9, "balanced")
    assert 1 < easy < 3.5 < hard < 8 and most > 0.97 > fewer > 0.8
    notes = Generator(Simulation(difficulty=0.2, prevalence="balanced")).notes()
    assert f"{easy:.1f} months on average, within 12 months" in " ".join(notes)
