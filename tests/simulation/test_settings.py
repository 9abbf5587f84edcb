"""Settings of synthetic data: what is allowed, and a sentence for what is not."""

from __future__ import annotations

import pytest

from multimed_hf.simulation import Simulation
from multimed_hf.tasks import UnknownNameError


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True, None])
def test_a_seed_is_an_integer_of_0_or_more(seed):
    with pytest.raises(ValueError, match=r"Expected seed to be an integer of 0 or more, got"):
        Simulation(seed=seed)


@pytest.mark.parametrize("name", ["difficulty", "label_noise"])
@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf"), "hard", True, None])
def test_shares_lie_between_0_and_1(name, value):
    with pytest.raises(ValueError, match=rf"Expected {name} to be a number from 0 to 1, got"):
        Simulation(**{name: value})
    assert getattr(Simulation(**{name: 1}), name) == 1


def test_names_that_do_not_exist_are_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Unknown prevalence 'balance'. Did you mean 'balanced'"):
        Simulation(prevalence="balance")
    with pytest.raises(UnknownNameError, match=r"Unknown shift 'sites'. Did you mean 'site'"):
        Simulation(shift="sites")


def test_harder_goes_from_easy_to_hard():
    assert Simulation(difficulty=0).harder(2, 6) == 2
    assert Simulation(difficulty=0.25).harder(2, 6) == 3
    assert Simulation(difficulty=1).harder(6, 2) == 2


def test_it_describes_itself():
    text = Simulation(seed=3, label_noise=0.1).described()
    assert text == "seed 3, difficulty 0.5, label noise 0.1, prevalence long_tailed, shift none"
