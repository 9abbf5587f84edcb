"""Rows of `xray`: chests with findings, reports and regions, and lesion patients with their other modalities."""

from __future__ import annotations

import io
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation import Simulation, generator_of
from multimed_hf.simulation.chest.chest import draw_chest
from multimed_hf.simulation.chest.findings import draw_findings
from multimed_hf.simulation.chest.xray import CHEST, REPORTED, Generator, best_auroc
from multimed_hf.simulation.images import box_of, is_marked, png, to_bytes
from multimed_hf.simulation.patient import DEVICES, SITES
from multimed_hf.sources import LESIONS, NIH_FINDINGS

from ..shortcuts import excess, image_statistics, metadata

SMALL = 96


class Small(Generator):
    """The same rows, with small images."""

    size = SMALL


@cache
def row_of(index: int, **settings: Any) -> dict[str, Any]:
    return Small(Simulation(**{"prevalence": "balanced", **settings})).row(index)


def chests(count: int, **settings: Any) -> list[dict[str, Any]]:
    """Rows of the first `count` chest patients."""
    return [row_of(4 * number, **settings) for number in range(count)]


def pixels(column: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(column["bytes"])))


def test_it_is_the_generator_of_xray() -> None:
    assert isinstance(generator_of("xray"), Generator)


def test_rows_are_complete() -> None:
    complete = RowCompleter("xray")
    for index in (*range(8), 11, 14):
        row = complete({**row_of(index), "source": "synthetic"})
        assert is_marked(row["xray"]["bytes"])
        assert pixels(row["xray"]).shape == (SMALL, SMALL)
        assert row["age"] >= 18
        assert row["sex"] in ("female", "male")
        assert (row["organ"] == CHEST) == (row["disease"] == -1) == (index % 4 < 2)
        assert (row["organ"] == CHEST) == (row["findings"]["Mass"] >= 0)
        assert row["view"] in ("PA", "AP")


def test_full_size_is_224() -> None:
    assert pixels(Generator(Simulation()).row(0)["xray"]).shape == (224, 224)


def test_findings_are_those_of_the_patient() -> None:
    generator = Small(Simulation(prevalence="balanced"))
    for number, row in enumerate(chests(25)):
        present = {finding.name for finding in draw_findings(generator.patient(2 * number))}
        assert {name for name, state in row["findings"].items() if state == "present"} == present
        assert set(row["box_labels"]) == present
        assert set(row["findings"].values()) <= {"present", "absent"}


def test_boxes_are_those_of_the_masks() -> None:
    for row in chests(12):
        assert len(row["boxes"]) == len(row["masks"]) == len(row["box_labels"])
        for box, mask in zip(row["boxes"], row["masks"], strict=True):
            region = pixels(mask)
            assert region.shape == (SMALL, SMALL)
            assert set(np.unique(region)) == {0, 255}
            assert box_of(region > 0) == box


def test_two_of_three_chests_have_a_report() -> None:
    told = [bool(row.get("has_text")) for row in chests(90)]
    assert np.mean(told) == pytest.approx(REPORTED, abs=0.15)
    assert all(bool(row.get("text")) == bool(row.get("has_text")) for row in chests(90))


def test_visits_of_a_patient_share_findings_and_not_images() -> None:
    one, other = row_of(0), row_of(1)
    assert one["group"] == other["group"]
    assert one["findings"] == other["findings"]
    assert one["xray"]["bytes"] != other["xray"]["bytes"]


def test_lesion_patients_are_balanced_by_themselves() -> None:
    generator = Generator(Simulation(prevalence="balanced"))
    patients = [generator.patient(number) for number in range(1, 100, 2)]
    assert Counter(patient.condition for patient in patients) == dict.fromkeys(LESIONS.labels, 10)
    assert {patient.organ for patient in patients} == set(generator.organs)
    assert [patient.number for patient in patients] == list(range(1, 100, 2))
    usual = Generator(Simulation())
    normal = [usual.patient(number).condition == "normal" for number in range(1, 400, 2)]
    assert np.mean(normal) == pytest.approx(0.5, abs=0.12)


def test_half_of_the_lesion_patients_have_ct_and_mr() -> None:
    rows = [row_of(4 * number + 2) for number in range(14)]
    assert all(bool(row.get("has_ct")) == bool(row.get("has_mri")) for row in rows)
    assert 2 < sum(bool(row.get("has_ct")) for row in rows) < 12
    for row in rows:
        assert row["box_labels"] in ([], [row["disease"]])
        assert (row["disease"] == "normal") <= (row["box_labels"] == [])


def test_shift_holds_out_an_organ_of_lesion_patients() -> None:
    generator = Generator(Simulation(shift="organ"))
    held = [
        generator.patient(generator.place(index)[0]).organ for index in range(400) if generator.split(index) == "test"
    ]
    kept = {
        generator.patient(generator.place(index)[0]).organ for index in range(400) if generator.split(index) != "test"
    }
    assert set(held) == {generator.organs[-1]}
    assert kept == {CHEST, *generator.organs[:-1]}


@pytest.mark.parametrize(("shift", "last"), [("site", SITES[-1]), ("device", DEVICES[-1])])
def test_shift_holds_out_a_site_or_device(shift: str, last: str) -> None:
    generator = Generator(Simulation(shift=shift))
    for index in range(0, 200, 2):
        held_out = getattr(generator.patient(generator.place(index)[0]), shift) == last
        assert (generator.split(index) == "test") == held_out


def test_label_noise_flips_as_many_findings_as_asked() -> None:
    pairs = [
        (row["findings"][name], noisy["findings"][name])
        for row, noisy in zip(chests(50), chests(50, label_noise=0.3), strict=True)
        for name in NIH_FINDINGS
    ]
    assert np.mean([one != other for one, other in pairs]) == pytest.approx(0.3, abs=0.06)
    assert row_of(0)["xray"] == row_of(0, label_noise=0.3)["xray"]


def test_best_auroc_is_what_the_truth_reaches() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    truth = random.random(40_000) < 0.2
    seen = truth ^ (random.random(40_000) < 0.1)
    assert best_auroc(0.2, 0.1) == pytest.approx(roc_auc_score(seen, truth), abs=0.01)
    assert best_auroc(0.2, 0.0) == 1
    notes = " ".join(Generator(Simulation(prevalence="balanced", label_noise=0.1)).notes())
    assert f"{best_auroc(0.2, 0.1):.3f}" in notes


def test_no_shortcut() -> None:
    # Easy images, where signs are strongest and so is what they do to brightness.
    generator = Generator(Simulation(prevalence="balanced", difficulty=0.3, seed=1))
    features, labels, groups = [], [], []
    for number in range(0, 600, 2):
        patient = generator.patient(number)
        findings = draw_findings(patient)
        image = png(to_bytes(draw_chest(patient, 0, findings, 80).image))
        features.append([*metadata(vars(patient)), *image_statistics(image)])
        labels.append({finding.name for finding in findings})
        groups.append(patient.group)
    for name in ("Cardiomegaly", "Effusion", "Emphysema"):
        assert excess(features, [name in found for found in labels], groups, draws=8) < 3.5, name
