"""The chest radiograph: each sign is where and what the finding says, and anatomy is that of a chest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.simulation import Patient, Simulation
from multimed_hf.simulation.chest.chest import ChestImage, draw_chest
from multimed_hf.simulation.chest.findings import Finding
from multimed_hf.simulation.chest.thorax import view_of
from multimed_hf.simulation.patient import draw_patient
from multimed_hf.sources import NIH_FINDINGS

SIZE = 128
SIDED = (
    "Atelectasis",
    "Consolidation",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
)


def patient_of(number: int, **settings: object) -> Patient:
    return draw_patient(Simulation(**settings), "xray", number, {"": 1.0})  # type: ignore[arg-type]


def finding_of(name: str, side: str = "right", zone: str = "middle", severity: float = 0.6) -> Finding:
    size = {"Nodule": 22.0, "Mass": 50.0, "Hernia": 60.0}.get(name, 0.0)
    return Finding(name, side, zone, size, 1, severity, 1.0)


def drawn(number: int, *findings: Finding, difficulty: float = 0.2, member: int = 0, size: int = SIZE) -> ChestImage:
    return draw_chest(patient_of(number, difficulty=difficulty), member, findings, size)


def width_of(mask: np.ndarray) -> int:
    columns = np.flatnonzero(mask.any(0))
    return int(columns[-1] - columns[0] + 1)


def contrast_of(finding: Finding, number: int, difficulty: float = 0.2) -> tuple[float, float]:
    """Mean change of grey that the sign makes inside and outside its mask; the grain is the same and cancels."""
    chest, normal = (drawn(number, *found, difficulty=difficulty) for found in ((finding,), ()))
    change, mask = np.abs(chest.image - normal.image), chest.masks[finding.name]
    return float(change[mask].mean()), float(change[~mask].mean())


def test_image_is_what_it_says() -> None:
    chest = drawn(0)
    assert chest.image.shape == (SIZE, SIZE)
    assert chest.image.dtype == np.float32
    assert chest.image.min() >= 0
    assert chest.image.max() <= 1
    assert chest.masks == {}
    assert chest.view == view_of(patient_of(0), 0)


def test_lungs_are_darker_than_heart_and_air_outside_is_darkest() -> None:
    for number in range(6):
        chest = drawn(number)
        lungs = chest.lungs & ~chest.heart
        assert np.median(chest.image[chest.heart]) > np.median(chest.image[lungs]) + 0.08
        assert chest.lungs.mean() > 0.15


def test_right_and_left_lung_lie_as_radiographs_are_read() -> None:
    chest = drawn(3)
    columns = np.flatnonzero(chest.heart.any(0))
    middle = np.flatnonzero(chest.lungs.any(0)).mean()
    # The heart reaches farther to the patient's left, which is the right of the image.
    assert columns[-1] - middle > middle - columns[0]


@pytest.mark.parametrize("name", SIDED)
@pytest.mark.parametrize("side", ["right", "left"])
def test_masks_lie_on_the_side_of_the_finding(name: str, side: str) -> None:
    for number in (1, 4):
        chest = drawn(number, finding_of(name, side))
        middle = np.flatnonzero(chest.lungs.any(0)).mean()
        centre = np.nonzero(chest.masks[name])[1].mean()
        assert centre < middle if side == "right" else centre > middle


def test_zones_follow_each_other() -> None:
    for name in ("Nodule", "Consolidation", "Infiltration", "Atelectasis"):
        rows = [
            np.nonzero(drawn(2, finding_of(name, "left", zone)).masks[name])[0].mean() for zone in ("upper", "lower")
        ]
        assert rows[0] < rows[1]


@pytest.mark.parametrize("name", NIH_FINDINGS)
def test_every_sign_changes_its_place_more_than_the_rest(name: str) -> None:
    side = (
        "" if name in ("Cardiomegaly", "Hernia") else "both" if name in ("Edema", "Emphysema", "Fibrosis") else "left"
    )
    changes = [contrast_of(finding_of(name, side, "lower", 0.9), number) for number in range(3)]
    inside, outside = np.mean(changes, axis=0)
    # A large heart leaves most of itself as it was, and flat domes change what is not lung.
    assert inside > (1.0 if name in ("Cardiomegaly", "Emphysema") else 1.5) * outside


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 5000), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_heart_is_wider_than_half_of_the_thorax_exactly_if_it_is_large(
    number: int, severity: float, difficulty: float, large: bool
) -> None:
    found = (replace(finding_of("Cardiomegaly", ""), severity=severity),) if large else ()
    chest = drawn(number, *found, difficulty=difficulty, size=224)
    assert (chest.ratio > 0.5) == large
    seen = width_of(chest.heart) / width_of(chest.lungs)
    assert abs(seen - chest.ratio) < 0.045
    assert (seen > 0.5) == large
    if large:
        assert np.array_equal(chest.masks["Cardiomegaly"], chest.heart)


@pytest.mark.parametrize(("name", "size"), [("Nodule", 24.0), ("Mass", 60.0)])
def test_nodules_and_masses_have_the_size_they_say(name: str, size: float) -> None:
    chest = drawn(5, replace(finding_of(name), size=size), size=224)
    assert width_of(chest.masks[name]) * chest.spacing == pytest.approx(size, rel=0.2)


def test_effusion_lies_at_the_bottom_and_rises_to_the_wall() -> None:
    chest = drawn(7, finding_of("Effusion", "right"), size=224)
    mask = chest.masks["Effusion"]
    columns = np.flatnonzero(mask.any(0))
    surface = mask.argmax(0)[columns]
    assert surface[: len(columns) // 4].mean() < surface[len(columns) // 2 :].mean()
    rows = np.nonzero(mask)[0]
    assert rows.mean() > np.nonzero(chest.lungs)[0].mean()


def test_pneumothorax_is_dark_and_has_no_vessels() -> None:
    finding = finding_of("Pneumothorax", "left", "", 0.9)
    darker = []
    for number in range(4):
        chest, normal = drawn(number, finding, size=224), drawn(number, size=224)
        space = chest.masks["Pneumothorax"]
        lung = chest.lungs & ~space & (np.arange(224) > np.flatnonzero(chest.lungs.any(0)).mean())
        darker.append(
            (normal.image[space].mean() - normal.image[lung].mean())
            - (chest.image[space].mean() - chest.image[lung].mean())
        )
    assert np.mean(darker) > 0.02


def test_severe_is_larger_than_slight() -> None:
    for name in ("Effusion", "Pneumothorax", "Pleural_Thickening", "Consolidation"):
        small, large = (drawn(6, finding_of(name, "left", "lower", severity)).masks[name].sum() for severity in (0, 1))
        assert large > 1.2 * small


@pytest.mark.parametrize("name", ["Nodule", "Consolidation", "Infiltration", "Edema", "Pneumonia", "Fibrosis"])
def test_difficulty_takes_contrast_away(name: str) -> None:
    side = "both" if name in ("Edema", "Fibrosis") else "right"
    finding = finding_of(name, side, "lower")
    easy, hard = (
        np.mean([np.subtract(*contrast_of(finding, number, difficulty)) for number in range(3)])
        for difficulty in (0.1, 0.9)
    )
    assert easy > 1.25 * hard > 0


def test_visits_differ_in_position_and_not_in_anatomy() -> None:
    one, other = (drawn(8, finding_of("Nodule"), member=member) for member in (0, 1))
    assert not np.array_equal(one.image, other.image)
    assert one.ratio == pytest.approx(other.ratio, rel=0.05)


def test_many_findings_at_once_have_masks() -> None:
    everything = [
        finding_of(name, "" if name in ("Cardiomegaly", "Hernia") else "left", "lower", 1.0) for name in NIH_FINDINGS
    ]
    chest = drawn(9, *everything)
    assert list(chest.masks) == list(NIH_FINDINGS)
    assert all(mask.any() and mask.dtype == bool for mask in chest.masks.values())
    assert np.isfinite(chest.image).all()


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="at most once"):
        drawn(0, finding_of("Mass"), finding_of("Mass"))
    with pytest.raises(ValueError, match="64 pixels"):
        drawn(0, size=32)
