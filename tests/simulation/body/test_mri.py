"""Simulated MR: reproducible rows, signals after the spin-echo equation, tumours where they belong, no shortcut."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation.body import mri
from multimed_hf.simulation.body.anatomy import ORGANS
from multimed_hf.simulation.body.lesions import BRAIN_CONDITIONS, CONDITIONS, body_of, draw_lesion_views, person_columns
from multimed_hf.simulation.body.tissues import TISSUES, Tissue
from multimed_hf.simulation.patient import Patient, draw_patient
from multimed_hf.simulation.settings import Simulation

from ..shortcuts import excess, image_statistics, metadata


class Small(mri.Generator):
    size = 64


def tumour(number: int, condition: str, difficulty: float = 0.1) -> Patient:
    return draw_patient(Simulation(difficulty=difficulty), "mri", number, {condition: 1.0}, ("brain",))


def test_rows_are_complete_and_of_both_kinds() -> None:
    generator, complete = Small(Simulation(prevalence="balanced")), RowCompleter("mri")
    rows = [complete({**generator.row(index), "source": "synthetic"}) for index in range(48)]
    heads = [row for row in rows if row["brain_tumor"] >= 0]
    others = [row for row in rows if row["disease"] >= 0]
    assert len(heads) == len(others) == 24 and not any(row["disease"] >= 0 for row in heads)
    assert {row["organ"] for row in heads} == {"brain"} and {row["organ"] for row in others} == set(ORGANS)
    assert len({row["brain_tumor"] for row in heads}) == 4 and len({row["disease"] for row in others}) == 5
    assert {row["view"].split()[0] for row in heads} == {"axial", "coronal", "sagittal"}
    assert {row["view"] for row in others} == {"axial T1", "axial T2"}
    assert sum(row["has_ct"] and row["has_xray"] for row in rows) == 12
    assert sum(len(row["mri_volume"]) > 0 for row in rows) == 12


def test_label_noise_and_prevalence() -> None:
    generator = mri.Generator(Simulation(label_noise=0.25))
    patients = [generator.patient(number) for number in range(2000)]
    for weights in (BRAIN_CONDITIONS, CONDITIONS):
        mine = [someone for someone in patients if someone.condition in weights]
        counts = Counter(someone.condition for someone in mine)
        assert [counts[name] / len(mine) for name in weights] == pytest.approx(list(weights.values()), abs=0.05)
        wrong = [
            generator.observed(someone, someone.condition, tuple(weights), 0) != someone.condition for someone in mine
        ]
        assert np.mean(wrong) == pytest.approx(0.25, abs=0.05)
    even = mri.Generator(Simulation(prevalence="balanced"))
    counts = Counter(even.patient(number).condition for number in range(80))
    assert {counts[name] for name in BRAIN_CONDITIONS} == {10} and {counts[name] for name in CONDITIONS} == {8}


@given(st.floats(200, 4000), st.floats(10, 300), st.floats(0.1, 1), st.floats(300, 5000), st.floats(5, 120))
def test_spin_echo(t1: float, t2: float, protons: float, repetition: float, echo: float) -> None:
    signal = mri.spin_echo(Tissue(0, 0, t1, t2, protons), repetition, echo)
    assert signal == pytest.approx(protons * (1 - np.exp(-repetition / t1)) * np.exp(-echo / t2))
    assert mri.spin_echo(Tissue(0, 0, t1 / 2, t2, protons), repetition, echo) >= signal
    assert mri.spin_echo(Tissue(0, 0, t1, t2 / 2, protons), repetition, echo) <= signal


def test_weighting_orders_the_tissues_of_the_head() -> None:
    water, grey, white = (TISSUES[name] for name in ("water", "grey matter", "white matter"))
    first = [mri.spin_echo(tissue, 500, 12) for tissue in (water, grey, white)]
    second = [mri.spin_echo(tissue, 4000, 95) for tissue in (white, grey, water)]
    assert first == sorted(first) and second == sorted(second)


def test_noise_is_rician() -> None:
    noise = mri._receive(np.zeros((200, 200), np.float32), np.random.default_rng(0), 0.1)
    assert noise.min() >= 0 and noise.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.02)


def test_lesions_follow_the_weighting() -> None:
    def relative(condition: str, weighting: str) -> float:
        values = []
        for number in range(6):
            someone = draw_patient(Simulation(difficulty=0.0), "mri", number, {condition: 1.0}, ("brain",))
            image, mask = mri.signal_slice(someone, body_of(someone), 0, 112, "axial", weighting)
            healthy = mri.spin_echo(TISSUES["white matter"], *((500, 12) if weighting == "T1" else (4000, 95)))
            values.append(np.median(image[mask]) / healthy)
        return float(np.mean(values))

    assert relative("haemorrhage", "T1") > 1 > relative("haemorrhage", "T2")
    assert relative("cyst", "T1") < 0.8 and relative("cyst", "T2") > 2
    assert relative("calcification", "T1") < 0.6 and relative("calcification", "T2") < 0.6
    assert relative("tumour", "T1") < 1 < relative("tumour", "T2")


def test_tumours_sit_where_they_belong_and_contrast_medium_shows_them() -> None:
    for number in range(12):
        for kind in ("glioma", "meningioma", "pituitary"):
            lesion = body_of(tumour(number, kind)).lesion
            assert lesion is not None
            x, y, z = lesion.centre
            if kind == "pituitary":
                assert abs(x) < 3 and z < -20
            if kind == "meningioma" and z > 0 and abs(x) > 30:
                outer = np.hypot(x / 74, y / 92) + lesion.radii[0] / 80
                assert outer > 0.75
            if kind == "glioma":
                assert abs(x) + lesion.radii[0] < 80
    someone = tumour(3, "meningioma")
    plain, mask = mri.signal_slice(someone, body_of(someone), 0, 112, "axial", "T1")
    enhanced, _ = mri.signal_slice(someone, body_of(someone), 0, 112, "axial", "T1 with contrast")
    assert np.median(enhanced[mask]) > 1.2 * np.median(plain[mask])
    assert np.median(enhanced[~mask]) == pytest.approx(np.median(plain[~mask]), rel=0.02)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_every_plane_goes_through_the_tumour(plane: str) -> None:
    for number in range(4):
        for kind in ("glioma", "meningioma", "pituitary"):
            drawn = draw_lesion_views(tumour(number, kind), 0, ("mri",), 64, plane=plane, weighting="T1")
            assert drawn.masks["mri"] is not None and drawn.plane == plane


def test_difficulty_hides_the_sign_but_never_all_of_it() -> None:
    def contrast(difficulty: float) -> float:
        values = []
        for number in range(8):
            someone = draw_patient(Simulation(difficulty=difficulty), "mri", number, {"cyst": 1.0}, ("liver",))
            image, mask = mri.signal_slice(someone, body_of(someone), 0, 96, "axial", "T1")
            liver = 0.75 * (1 - np.exp(-520 / 576)) * np.exp(-11 / 46)
            values.append((liver - image[mask].mean()) / image[mask].std())
        return float(np.mean(values))

    easy, hard = contrast(0.1), contrast(0.9)
    assert easy > 1.5 * hard > 0.3


def within(kinds: list[str], statistics: list[list[float]]) -> np.ndarray:
    """Statistics less their mean over images of the same organ and view, which the row names anyway."""
    values, names = np.array(statistics), np.array(kinds)
    means = {kind: values[names == kind].mean(0) for kind in set(kinds)}
    return values - np.array([means[kind] for kind in kinds])


@pytest.mark.parametrize("head", [True, False])
def test_nothing_but_the_content_tells_the_label(head: bool) -> None:
    generator = mri.Generator(Simulation(difficulty=0.3, prevalence="balanced"))
    statistics, people, organs, labels, groups = [], [], [], [], []
    for index in range(500):
        number, member = generator.place(index)
        someone = generator.patient(number)
        if (someone.condition in BRAIN_CONDITIONS) != head:
            continue
        plane = ("axial", "coronal", "sagittal")[(number // 2 + member) % 3] if head else "axial"
        drawn = draw_lesion_views(someone, member, ("mri",), 64, plane=plane)
        columns = {**drawn.columns, **person_columns(someone)}
        people.append(metadata(columns))
        statistics.append(image_statistics(columns["mri"]))
        organs.append(f"{someone.organ} {drawn.plane} {drawn.weighting}")
        labels.append(someone.condition)
        groups.append(someone.group)
    features = np.concatenate([people, within(organs, statistics)], axis=1).tolist()
    score = excess(features, labels, groups, draws=15)
    assert score < 3.5
