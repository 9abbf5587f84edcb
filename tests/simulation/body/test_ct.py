"""Simulated CT: reproducible rows, HU that mean something, no shortcut."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation.body import ct
from multimed_hf.simulation.body.anatomy import ORGANS
from multimed_hf.simulation.body.lesions import CONDITIONS, body_of, draw_lesion_views, person_columns
from multimed_hf.simulation.patient import draw_patient
from multimed_hf.simulation.settings import Simulation

from ..shortcuts import excess, image_statistics, metadata


class Small(ct.Generator):
    size = 64


def test_rows_are_complete_and_carry_what_they_should() -> None:
    generator, complete = Small(Simulation(prevalence="balanced")), RowCompleter("ct")
    partial = [generator.row(index) for index in range(40)]
    assert {row["disease"] for row in partial} == set(CONDITIONS)
    rows = [complete({**row, "source": "synthetic"}) for row in partial]
    assert sum(row["has_xray"] and row["has_mri"] for row in rows) == 20
    assert sum(len(row["ct_volume"]) > 0 for row in rows) == 10
    assert {row["organ"] for row in rows} == set(ORGANS) and {row["view"] for row in rows} == {"axial"}
    for row in partial:
        healthy = row["disease"] == "normal"
        assert len(row["boxes"]) == len(row["masks"]) == len(row["box_labels"]) == (0 if healthy else 1)
    first, second = rows[0], rows[1]
    assert first["group"] == second["group"] and first["disease"] == second["disease"]
    assert first["ct"] != second["ct"]


def test_label_noise_and_prevalence() -> None:
    noisy = ct.Generator(Simulation(label_noise=0.3))
    patients = [noisy.patient(number) for number in range(1500)]
    labels = tuple(CONDITIONS)
    wrong = [noisy.observed(someone, someone.condition, labels, 0) != someone.condition for someone in patients]
    assert np.mean(wrong) == pytest.approx(0.3, abs=0.04)
    counts = Counter(someone.condition for someone in patients)
    assert [counts[label] / 1500 for label in labels] == pytest.approx(list(CONDITIONS.values()), abs=0.04)
    even = ct.Generator(Simulation(prevalence="balanced"))
    assert set(Counter(even.patient(number).condition for number in range(50)).values()) == {10}


def test_the_organ_that_is_held_out_is_the_test_split() -> None:
    generator = ct.Generator(Simulation(shift="organ"))
    for index in range(0, 120, 2):
        number, _ = generator.place(index)
        assert (generator.split(index) == "test") == (generator.patient(number).organ == ORGANS[-1])


def test_volumes_are_in_hounsfield_units_and_show_the_lesion() -> None:
    someone = draw_patient(Simulation(difficulty=0.0), "ct", 4, {"calcification": 1.0}, ("liver",))
    volume, spacing = ct.draw_volume(someone, body_of(someone), 0)
    assert volume.dtype == np.int16 and volume.shape == (16, 64, 64)
    assert spacing[0] == 5.0 and 5 < spacing[1] == spacing[2] < 8
    assert np.percentile(volume, 2) < -900 and 0 < np.median(volume[volume > -300]) < 120
    healthy, _ = ct.draw_volume(replace(someone, condition="normal"), body_of(replace(someone, condition="normal")), 0)
    assert (volume[5:11] > 250).sum() > (healthy[5:11] > 250).sum()


def contrast_to_noise(difficulty: float, condition: str = "haemorrhage") -> float:
    values = []
    for number in range(8):
        someone = draw_patient(Simulation(difficulty=difficulty), "ct", number, {condition: 1.0}, ("brain",))
        image, mask = ct.hounsfield_slice(someone, body_of(someone), 0, 96)
        values.append((image[mask].mean() - 30) / image[mask].std())
    return float(np.mean(values))


def test_difficulty_hides_the_sign_but_never_all_of_it() -> None:
    easy, hard = contrast_to_noise(0.1), contrast_to_noise(0.9)
    assert easy > 1.5 * hard > 0.5


def test_the_window_maps_density_to_grey() -> None:
    someone = draw_patient(Simulation(difficulty=0.0), "ct", 1, {"normal": 1.0}, ("bone",))
    density, _ = ct.hounsfield_slice(someone, body_of(someone), 0, 96)
    grey, _ = ct.draw_slice(someone, body_of(someone), 0, 96, "axial")
    inside = (grey > 0) & (grey < 1)
    assert np.corrcoef(density[inside], grey[inside])[0, 1] > 0.9999 and grey[0, 0] == 0


def test_noise_is_correlated_as_after_filtered_back_projection() -> None:
    grains = ct._reconstruct(np.zeros((128, 128), np.float32), np.random.default_rng(0), 0.75, 10.0, 1.0)
    power = np.abs(np.fft.rfft2(grains)) ** 2
    radius = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128)[None])
    low, middle = power[radius < 0.03].mean(), power[(radius > 0.15) & (radius < 0.25)].mean()
    assert grains.std() == pytest.approx(10, rel=0.01) and middle > 2 * low


def within(organs: list[str], statistics: list[list[float]]) -> np.ndarray:
    """Statistics less their mean over images of the same organ, which the row names anyway."""
    values, names = np.array(statistics), np.array(organs)
    means = {organ: values[names == organ].mean(0) for organ in set(organs)}
    return values - np.array([means[organ] for organ in organs])


def test_nothing_but_the_content_tells_the_label() -> None:
    generator = ct.Generator(Simulation(difficulty=0.3, prevalence="balanced"))
    statistics, people, organs, labels, groups = [], [], [], [], []
    for index in range(300):
        someone = generator.patient(generator.place(index)[0])
        columns = {**draw_lesion_views(someone, index % 2, ("ct",), 64).columns, **person_columns(someone)}
        people.append(metadata(columns))
        statistics.append(image_statistics(columns["ct"]))
        organs.append(someone.organ)
        labels.append(someone.condition)
        groups.append(someone.group)
    features = np.concatenate([people, within(organs, statistics)], axis=1).tolist()
    score = excess(features, labels, groups, draws=15)
    assert score < 3.5
