"""Bones of the chest: they attenuate, more in the young, and are the same at every visit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.chest.bones import draw_bones
from multimed_hf.simulation.chest.thorax import Thorax
from multimed_hf.simulation.patient import draw_patient


def bones_of(number: int, age: float = 50.0, size: int = 224) -> tuple[Thorax, np.ndarray]:
    """A thorax of nothing but bones, and how much they attenuate."""
    chest = Thorax(replace(draw_patient(Simulation(), "xray", number, {"": 1.0}), age=age), 0, {}, size)
    chest.draw_lungs()
    draw_bones(chest)
    return chest, chest.water


def test_bones_only_add() -> None:
    for number in range(4):
        chest, water = bones_of(number)
        assert np.isfinite(water).all()
        assert water.min() > -1e-3
        spine = np.abs(chest.x) < 12
        assert water[spine].mean() > 2 * water[~spine].mean()


def test_ribs_cross_the_lungs_one_below_the_other() -> None:
    chest, water = bones_of(1)
    # Ten posterior ribs and seven anterior ones; where two cross, they may make one peak or three.
    inner = (chest.x > 45) & (chest.x < 50) & chest.lungs
    profile = np.where(inner, water, 0).sum(1) / np.maximum(inner.sum(1), 1)
    profile = profile[inner.any(1)]
    peaks = (profile[1:-1] > profile[:-2]) & (profile[1:-1] >= profile[2:]) & (profile[1:-1] > 5)
    assert 12 <= peaks.sum() <= 24


def test_bones_of_the_old_are_less_dense() -> None:
    young, old = (bones_of(2, age)[1].sum() for age in (50, 95))
    assert 0.75 < old / young < 0.9
