"""Corruptions: worse with every severity, the same every time, and nothing but the input changes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from multimed_hf.columns import MODALITIES
from multimed_hf.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt_row
from multimed_hf.tasks import UnknownNameError

EACH = [(modality, name) for modality, names in CORRUPTIONS.items() for name in names]


def smooth(shape: tuple[int, ...]) -> np.ndarray:
    down, across = np.mgrid[0 : 1 : shape[-2] * 1j, 0 : 1 : shape[-1] * 1j]
    return 0.5 + 0.35 * np.sin(9 * down + 4 * across) * np.cos(7 * across) + np.zeros(shape)


def row(modality: str, number: int = 0) -> dict:
    random = np.random.default_rng(number)
    image = (smooth((64, 64)) * 255).astype(np.uint8)
    values = {
        "text": {"text": "There is a small left pleural effusion of 2 cm. " * 12},
        "eeg": {"eeg": 10 * random.normal(size=(20, 320)).astype(np.float32), "eeg_sampling_rate": 160.0},
        "genomics": {"dna": "".join(random.choice(list("ACGT"), 400))},
        "scrna": {
            "gene_index": np.sort(random.permutation(2000)[:500]).tolist(),
            "gene_value": random.uniform(0.3, 4, 500).tolist(),
        },
        "protein": {"protein": "".join(random.choice(list("ACDEFGHIKLMNPQRSTVWY"), 300))},
    }
    colour = modality in ("fundus", "pathology")
    picture = {modality: Image.fromarray(np.stack([image, image // 2, 255 - image], 2) if colour else image)}
    if modality in ("ct", "mri"):
        volume = (2000 * smooth((4, 16, 16)) - 1000).astype(np.int16)
        picture |= {f"{modality}_volume": volume, f"{modality}_spacing": [2.0, 1.0, 1.0]}
    payload = values.get(modality, picture)
    return {"id": f"synthetic/{number}", f"has_{modality}": True, "disease": 2, **payload}


def distance(one: dict, other: dict, modality: str) -> float:
    """How far the input is from what it was."""
    if modality in ("text", "genomics", "protein"):
        name = {"genomics": "dna"}.get(modality, modality)
        a, b = one[name], other[name]
        return sum(x != y for x, y in zip(a, b, strict=False)) + 10.0 * abs(len(a) - len(b))
    if modality == "scrna":
        a, b = np.zeros(2000), np.zeros(2000)
        a[one["gene_index"]], b[other["gene_index"]] = one["gene_value"], other["gene_value"]
        return float(np.abs(a - b).mean())
    if modality == "eeg":
        return float(np.abs(one["eeg"] - other["eeg"]).mean())
    return float(np.abs(np.asarray(one[modality], dtype=float) - np.asarray(other[modality], dtype=float)).mean())


def test_every_modality_has_some():
    assert set(CORRUPTIONS) == set(MODALITIES)
    assert all(len(names) >= 2 for names in CORRUPTIONS.values())


@pytest.mark.parametrize(("modality", "name"), EACH)
def test_it_gets_worse_with_every_severity(modality, name):
    rows = [row(modality, number) for number in range(12)]
    ladder = [
        np.mean([distance(one, corrupt_row(one, modality, name, severity), modality) for one in rows])
        for severity in SEVERITIES
    ]
    assert ladder[0] > 0
    assert all(after > before for before, after in itertools.pairwise(ladder)), ladder


@pytest.mark.parametrize(("modality", "name"), EACH)
def test_it_keeps_types_labels_and_the_row_it_was_given(modality, name):
    one, untouched = row(modality), row(modality)
    worse = corrupt_row(one, modality, name, 5)
    assert worse.keys() == one.keys() and worse["disease"] == 2 and worse["id"] == one["id"]
    assert distance(one, untouched, modality) == 0
    if modality in one and isinstance(one[modality], Image.Image):
        assert worse[modality].size == one[modality].size and worse[modality].mode == one[modality].mode
    if modality in ("ct", "mri"):
        volume = worse[f"{modality}_volume"]
        before = one[f"{modality}_volume"]
        assert volume.shape == before.shape and volume.dtype == np.int16 and not np.array_equal(volume, before)
        assert volume.min() >= before.min() and volume.max() <= before.max()
    if modality == "eeg":
        assert worse["eeg"].shape == one["eeg"].shape and worse["eeg"].dtype == np.float32
    if modality == "scrna":
        assert len(worse["gene_index"]) == len(worse["gene_value"]) > 0
    if modality in ("genomics", "protein"):
        column = "dna" if modality == "genomics" else "protein"
        assert len(worse[column]) == len(one[column])


@pytest.mark.parametrize(("modality", "name"), EACH)
def test_it_depends_on_row_and_seed_alone(modality, name):
    first, again = (corrupt_row(row(modality), modality, name, 3) for _ in range(2))
    assert distance(first, again, modality) == 0
    if name not in ("blur", "low_contrast", "jpeg", "brightness"):
        assert distance(first, corrupt_row(row(modality), modality, name, 3, seed=1), modality) > 0
        other = {**row(modality), "id": "synthetic/other"}
        assert distance(first, corrupt_row(other, modality, name, 3), modality) > 0


def test_genes_keep_their_total():
    worse = corrupt_row(row("scrna"), "scrna", "lost_genes", 3)
    total = np.expm1(row("scrna")["gene_value"]).sum()
    assert np.expm1(worse["gene_value"]).sum() == pytest.approx(total, rel=1e-3)


def test_a_row_without_the_modality_is_left_alone():
    one = {**row("eeg"), "has_text": False, "text": ""}
    assert corrupt_row(one, "text", "typos", 5) == one


def test_what_does_not_exist_is_named():
    with pytest.raises(UnknownNameError, match=r"Unknown modality 'eegs'. Did you mean 'eeg'"):
        corrupt_row(row("eeg"), "eegs", "gain", 1)
    with pytest.raises(UnknownNameError, match=r"Unknown corruption of eeg 'gains'. Did you mean 'gain'"):
        corrupt_row(row("eeg"), "eeg", "gains", 1)
    for severity in (0, 6, 2.5):
        with pytest.raises(ValueError, match="Expected a severity from 1 to 5"):
            corrupt_row(row("eeg"), "eeg", "gain", severity)
