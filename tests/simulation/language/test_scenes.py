"""Scenes: what can be said about an image is what it was drawn from."""

from __future__ import annotations

from collections import Counter

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.language.questions import Generator
from multimed_hf.simulation.language.scenes import scene_of


def test_presence_is_read_off_the_latent():
    generator = Generator(Simulation(prevalence="balanced"))
    kinds: Counter[str] = Counter()
    for number in range(1, 60, 3):
        patient = generator.patient(number)
        scene = scene_of(patient, 0, 96)
        names = {thing.name.removeprefix("a ") for thing in scene.present}
        assert names <= {patient.condition}
        assert not names & {name.removeprefix("a ") for name in scene.absent}
        kinds[patient.condition] += 1
        for thing in scene.present:
            assert thing.place and thing.size > 5
    assert len(kinds) == 5
