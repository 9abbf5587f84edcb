"""Generators of all subsets: rows that depend on seed and index alone, complete, labelled, and split without leaks."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest

from multimed_hf.data.schema import RowCompleter
from multimed_hf.data.splits import SPLITS
from multimed_hf.simulation import Simulation, SubsetGenerator, generator_of
from multimed_hf.sources import get_source
from multimed_hf.subsets import SUBSETS
from multimed_hf.tasks import TASKS

each = pytest.mark.parametrize("subset", SUBSETS)


def digest(row: dict[str, Any]) -> str:
    """Of everything in a row; numbers as float32, so that a change of the last bit of a float64 is none."""

    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return hashlib.sha256(value).hexdigest()
        if isinstance(value, np.ndarray):
            return hashlib.sha256(np.ascontiguousarray(value.astype(np.float32)).tobytes()).hexdigest()
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(type(value))

    return hashlib.sha256(json.dumps(row, default=plain, sort_keys=True).encode()).hexdigest()


class Made(SubsetGenerator):
    """A generator for these tests: fundus photographs of one byte."""

    subset = "fundus"
    conditions = {"no retinopathy": 0.7, "mild": 0.3}
    cohort = 3
    members = 2

    def draw(self, patient, member):
        image = {"bytes": bytes([patient.number % 256, member]), "path": None}
        grade = self.observed(patient, patient.condition, list(self.conditions), member)
        return {"has_fundus": True, "fundus": image, "retinopathy": grade}


def test_rows_are_dealt_to_cohorts():
    made = Made(Simulation())
    places = [made.place(index) for index in range(9)]
    assert places == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (4, 0), (5, 0)]
    assert made.row(4)["id"] == "synthetic/fundus-000001-01" and made.row(4)["group"] == "synthetic/fundus-000001"
    assert made.row(4)["fundus"]["bytes"] == bytes([1, 1])
    with pytest.raises(ValueError, match="Expected a row of 0 or more, got -1"):
        made.row(-1)


def test_label_noise_replaces_as_many_labels_as_it_says():
    clean, noisy = Made(Simulation()), Made(Simulation(label_noise=0.25))
    pairs = [(clean.row(i)["retinopathy"], noisy.row(i)["retinopathy"]) for i in range(800)]
    assert np.mean([a != b for a, b in pairs]) == pytest.approx(0.25, abs=0.05)
    assert noisy.notes() and "25%" in noisy.notes()[0] and not clean.notes()


@pytest.mark.parametrize("shift", ["site", "device"])
def test_a_shift_holds_out_one_value(shift):
    made, usual = Made(Simulation(shift=shift)), Made(Simulation())
    seen: dict[str, set[str]] = {split: set() for split in SPLITS}
    for index in range(600):
        number, _ = made.place(index)
        value = getattr(made.patient(number), shift)
        split = made.split(index)
        seen[split].add(value)
        if split != "test":
            # Who stays in train without the shift stays there with it.
            assert usual.split(index) in (split, "test")
    assert len(seen["test"]) == 1 and not seen["test"] & (seen["train"] | seen["validation"])
    assert len(seen["train"]) > 2


def test_a_shift_that_a_subset_does_not_know():
    with pytest.raises(ValueError, match="Synthetic fundus cannot hold out 'organ'; it can hold out: site, device"):
        Made(Simulation(shift="organ"))


@each
def test_rows_are_complete_and_labels_are_those_of_the_source(subset):
    generator, complete = generator_of(subset), RowCompleter(subset)
    source = get_source(subset, "synthetic")
    asked: Counter[str] = Counter()
    ids = set()
    for index in range(24):
        row = complete({**generator.row(index), "source": "synthetic"})
        ids.add(row["id"])
        number, _ = generator.place(index)
        assert row["group"] == generator.patient(number).group
        for target in source.targets:
            value = row[TASKS[target.task].column]
            asked[target.task] += bool(
                isinstance(value, dict) or (value != -1 if isinstance(value, int) else len(value))
            )
    assert len(ids) == 24
    assert asked.keys() == {target.task for target in source.targets}, asked


@each
def test_splits_are_those_of_groups_and_do_not_move(subset):
    generator = generator_of(subset)
    split_of: dict[str, str] = {}
    for index in range(400):
        number, _ = generator.place(index)
        split = generator.split(index)
        assert split_of.setdefault(generator.patient(number).group, split) == split
    assert generator.split(0) == "train"
    assert set(split_of.values()) == set(SPLITS)


def digests() -> dict[str, list[str]]:
    """A few rows of every subset, from the last to the first."""
    return {
        subset: [digest(generator_of(subset, Simulation(seed=5)).row(index)) for index in (7, 3, 0)]
        for subset in SUBSETS
    }


def test_rows_are_the_same_in_another_process_with_another_hash_seed_and_order():
    program = f"import json, runpy; print(json.dumps(runpy.run_path({__file__!r})['digests']()))"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    here = {subset: [] for subset in SUBSETS}
    for subset in reversed(list(SUBSETS)):
        generator = generator_of(subset, Simulation(seed=5))
        rows = {index: digest(generator.row(index)) for index in (0, 1, 3, 7)}
        here[subset] = [rows[7], rows[3], rows[0]]
    assert json.loads(printed) == here


@each
def test_another_seed_is_another_population(subset):
    one, other = (digest(generator_of(subset, Simulation(seed=seed)).row(2)) for seed in (0, 1))
    assert one != other
