"""Simulated cells: rows as the real source has them, DNA that adds to RNA, and no way around the biology."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from multimed_hf.data.schema import RowCompleter
from multimed_hf.data.splits import split_of_rank
from multimed_hf.simulation import Simulation, generator_of
from multimed_hf.simulation.cell.cells import donor_of
from multimed_hf.simulation.cell.regulation import GENES, PROTEINS, world_of
from multimed_hf.simulation.cell.scrna import FREQUENCIES, HELD_OUT_TYPE, Generator, best_scores
from multimed_hf.simulation.patient import SITES
from multimed_hf.sources import SYNTHETIC_CELL_TYPES as TYPES
from multimed_hf.sources import get_source

from ..shortcuts import excess, metadata, signal_statistics


@cache
def rows(count: int, **settings: Any) -> list[dict[str, Any]]:
    generator = Generator(Simulation(**settings))
    return [generator.row(index) for index in range(count)]


def typed(count: int, **settings: Any) -> list[dict[str, Any]]:
    return [row for row in rows(count, **settings) if "cell_type" in row]


def predicted(count: int, **settings: Any) -> list[dict[str, Any]]:
    return [row for row in rows(count, **settings) if "expression" in row]


def matrix(cells: list[dict[str, Any]]) -> np.ndarray:
    """Expression `(cells, genes)`."""
    values = np.zeros((len(cells), len(GENES)), dtype=np.float32)
    for place, row in enumerate(cells):
        values[place, row["gene_index"]] = row["gene_value"]
    return values


def donor_number(row: dict[str, Any]) -> int:
    return int(row["donor"].removeprefix("donor-"))


def is_of_training(cells: list[dict[str, Any]]) -> np.ndarray:
    return np.array([split_of_rank(donor_number(row)) == "train" for row in cells])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_a_row_does_not_depend_on_others_and_is_complete(index: int, seed: int) -> None:
    generator = Generator(Simulation(seed=seed, label_noise=0.1))
    row = generator.row(index)
    generator.row(index + 1)
    assert Generator(Simulation(seed=seed, label_noise=0.1)).row(index) == row
    complete = RowCompleter("scrna")({**row, "source": "synthetic"})
    assert complete["site"] in SITES and complete["donor"]
    number, member = generator.place(index)
    assert donor_number(row) == number and ("expression" in row) == (member % 2 == 1)


def test_the_generator_is_the_declared_one() -> None:
    assert isinstance(generator_of("scrna"), Generator)
    assert Generator.genes == (*GENES, *PROTEINS) and len(set(Generator.genes)) == 2024
    assert len(set(Generator.peaks)) == 3000
    assert set(FREQUENCIES) == set(TYPES) == set(get_source("scrna", "synthetic").targets[0].labels)
    assert sum(FREQUENCIES.values()) == pytest.approx(1)
    assert Generator.rows == Generator.cohort * Generator.members == 3000


def test_inputs_are_rna_per_ten_thousand_without_the_targets() -> None:
    for row in rows(80):
        index, value = np.array(row["gene_index"]), np.array(row["gene_value"])
        assert (np.diff(index) > 0).all() and index[0] >= 0 and index[-1] < len(GENES)
        assert (value > 0).all() and np.expm1(value).sum() == pytest.approx(10_000, rel=1e-4)
        assert 200 < len(index) < 1400
        if "expression" in row:
            assert row["expression_index"] == list(range(2000, 2024))
            assert np.expm1(row["expression"]).sum() == pytest.approx(10_000, rel=1e-4)
            assert row["stratum"] in TYPES
        assert ("dna" in row) == ("peak_index" in row) == ("has_genomics" in row)
        if "dna" in row:
            peaks = np.array(row["peak_index"])
            assert len(row["dna"]) == 120 and (np.diff(peaks) > 0).all() and peaks[-1] < 3000


def test_both_rows_of_a_cell_show_the_same_cell() -> None:
    generator = Generator(Simulation())
    first, second = generator.row(7), generator.row(27)
    assert first["donor"] == second["donor"] and first["group"] == second["group"]
    assert first["gene_index"] == second["gene_index"] and first["cell_type"] == second["stratum"]
    assert first["id"] != second["id"]
    # Who changes one row does not change the other.
    first["gene_value"].clear()
    assert generator.row(27) == second and len(generator.row(7)["gene_value"]) == len(second["gene_value"])


def test_half_of_the_predicted_rows_have_the_dna_of_their_donor() -> None:
    cells = predicted(800)
    with_dna = [row for row in cells if "dna" in row]
    assert 0.4 < len(with_dna) / len(cells) < 0.6
    assert 0.2 < np.mean(["dna" in row for row in typed(800)]) < 0.4
    dna_of = {(row["donor"], row["dna"]) for row in with_dna}
    assert len(dna_of) == len({row["donor"] for row in with_dna}) == 20
    share = Counter(row["stratum"] for row in with_dna)["CD4 T cell"] / len(with_dna)
    assert share == pytest.approx(Counter(row["stratum"] for row in cells)["CD4 T cell"] / len(cells), abs=0.08)


def test_types_are_as_common_as_in_blood_or_balanced() -> None:
    generator = Generator(Simulation())
    counts = Counter(generator.cell_type(number, cell) for number in range(100) for cell in range(75))
    for name in TYPES:
        assert counts[name] / 7500 == pytest.approx(FREQUENCIES[name], rel=0.15, abs=0.006)
    even = Generator(Simulation(prevalence="balanced"))
    for number in range(4):
        assert {even.cell_type(number, cell) for cell in range(8)} == set(TYPES)
    counts = Counter(even.cell_type(number, cell) for number in range(20) for cell in range(75))
    assert max(counts.values()) < 1.15 * min(counts.values())


def test_label_noise_replaces_types_and_proteins() -> None:
    quiet, loud = rows(800), rows(800, label_noise=0.4)
    pairs = list(zip(quiet, loud, strict=True))
    types = [first["cell_type"] != second["cell_type"] for first, second in pairs if "cell_type" in first]
    proteins = [first["expression"] != second["expression"] for first, second in pairs if "expression" in first]
    assert np.mean(types) == pytest.approx(0.4, abs=0.08)
    assert np.mean(proteins) == pytest.approx(0.4, abs=0.08)
    assert all(first["gene_index"] == second["gene_index"] for first, second in pairs)


def test_sites_are_dealt_evenly() -> None:
    generator = Generator(Simulation())
    assert Counter(generator.patient(number).site for number in range(24)) == dict.fromkeys(SITES, 4)


def test_the_held_out_type_appears_in_the_test_split_alone() -> None:
    generator, default = Generator(Simulation(shift="cell_type")), Generator(Simulation())
    splits: dict[str, set[str]] = {"": set(), "train": set(), "validation": set(), "test": set()}
    for index in range(3000):
        number, member = generator.place(index)
        split = generator.split(index)
        splits[split].add(generator.cell_type(number, member // 2))
        assert split in ("", default.split(index))
    assert splits[""] == {HELD_OUT_TYPE} and HELD_OUT_TYPE in splits["test"]
    assert HELD_OUT_TYPE not in splits["train"] | splits["validation"]
    assert splits["train"] == set(TYPES) - {HELD_OUT_TYPE}


@pytest.mark.parametrize("shift", ["donor", "site"])
def test_shifts_hold_out_whole_donors(shift: str) -> None:
    generator = Generator(Simulation(shift=shift))
    held = {number for number in range(20) if generator.split(number) == "test"}
    if shift == "donor":
        assert held == {5, 11, 17}
    else:
        assert held == {number for number in range(20) if generator.patient(number).site == SITES[-1]} != set()
    assert all(generator.split(index) == generator.split(index % 20) for index in range(0, 3000, 7))
    assert {generator.split(number) for number in range(20)} == {"train", "validation", "test"}


def test_other_shifts_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold out 'organ'"):
        Generator(Simulation(shift="organ"))


def test_dna_tells_of_the_proteins_under_its_control_what_rna_does_not() -> None:
    cells = predicted(1200)
    train = is_of_training(cells)
    rna = StandardScaler().fit(matrix(cells)[train]).transform(matrix(cells))
    genotype = np.array([donor_of(Simulation(), donor_number(row), row["site"]).alleles[:3] for row in cells])
    proteins = np.array([row["expression"] for row in cells])

    def correlation(features: np.ndarray) -> np.ndarray:
        guess = Ridge(3000).fit(features[train], proteins[train]).predict(features[~train])
        return np.array([np.corrcoef(guess[:, k], proteins[~train, k])[0, 1] for k in range(len(PROTEINS))])

    alone, both = correlation(rna), correlation(np.concatenate([rna, 20 * (genotype - 0.5)], axis=1))
    controlled = np.isin(np.arange(len(PROTEINS)), world_of(0).module_proteins)
    assert (both - alone)[controlled].mean() > 0.08
    assert abs((both - alone)[~controlled].mean()) < 0.04
    assert 0.25 < alone.mean() < both.mean() < best_scores(Simulation()).pearson


@cache
def type_accuracy(difficulty: float) -> float:
    cells = typed(800, prevalence="balanced", difficulty=difficulty)
    train, names = is_of_training(cells), np.array([row["cell_type"] for row in cells])
    values = matrix(cells)
    model = LogisticRegression(C=0.003, max_iter=30, tol=0.01).fit(values[train], names[train])
    return float((model.predict(values[~train]) == names[~train]).mean())


def test_expression_tells_the_type_less_so_with_difficulty_and_never_beyond_the_bound() -> None:
    easy, hard = type_accuracy(0.1), type_accuracy(0.9)
    assert easy > 0.9 and 0.2 < hard < 0.65
    for difficulty, reached in ((0.1, easy), (0.9, hard)):
        best = best_scores(Simulation(difficulty=difficulty, prevalence="balanced"))
        assert reached <= best.accuracy + 0.02
    assert best_scores(Simulation(difficulty=0.9)).accuracy < 0.95


def test_the_bound_falls_with_difficulty_and_is_told() -> None:
    easy, hard = best_scores(Simulation(difficulty=0.2)), best_scores(Simulation(difficulty=1.0))
    assert hard.accuracy < easy.accuracy and hard.pearson < easy.pearson - 0.1
    notes = " ".join(Generator(Simulation(difficulty=1.0, label_noise=0.25)).notes())
    assert "25%" in notes
    assert f"{hard.accuracy * 0.75 + (1 - hard.accuracy) * 0.25 / 7:.3f}" in notes
    assert f"{hard.pearson * 0.75:.3f}" in notes


def test_closed_and_open_peaks_tell_the_type_too() -> None:
    cells = [row for row in typed(1000, prevalence="balanced", difficulty=0.3) if "dna" in row]
    peaks = np.zeros((len(cells), 3000), dtype=np.float32)
    for place, row in enumerate(cells):
        peaks[place, row["peak_index"]] = 1
    train, names = is_of_training(cells), np.array([row["cell_type"] for row in cells])
    model = LogisticRegression(C=0.1, max_iter=30, tol=0.01).fit(peaks[train], names[train])
    assert (model.predict(peaks[~train]) == names[~train]).mean() > 0.6


def test_metadata_and_simple_statistics_do_not_tell_the_type() -> None:
    cells = typed(1000, prevalence="balanced", difficulty=0.3)[:350]
    features = [
        [*metadata(row), *signal_statistics(row["gene_value"]), "dna" in row, len(row.get("peak_index", []))]
        for row in cells
    ]
    assert excess(features, [row["cell_type"] for row in cells], [row["group"] for row in cells], 20) < 3.5


def test_cells_of_the_same_number_share_nothing_between_donors() -> None:
    depth = np.array([len(row["gene_index"]) for row in typed(800)]).reshape(20, 20)
    alike = np.corrcoef(depth.T)[np.triu_indices(20, 1)]
    assert abs(alike.mean()) < 0.15
