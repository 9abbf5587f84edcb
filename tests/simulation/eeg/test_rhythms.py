"""What the brain of a simulated subject does in a trial."""

from __future__ import annotations

import pytest

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.eeg.eeg import Generator
from multimed_hf.simulation.eeg.rhythms import LABELS, imagine


@pytest.mark.parametrize("prevalence", ["balanced", "long_tailed"])
def test_four_trials_in_a_row_have_each_label_once_in_varying_order(prevalence: str) -> None:
    patient = Generator(Simulation(prevalence=prevalence)).patient(2)
    blocks = [tuple(imagine(patient, 4 * block + place).label for place in range(4)) for block in range(60)]
    assert all(sorted(block) == sorted(LABELS) for block in blocks)
    assert len(set(blocks)) > 15
