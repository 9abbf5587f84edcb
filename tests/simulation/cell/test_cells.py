"""Cells of simulated donors: counts as droplets give them, donors that differ, modalities that belong together."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.cell.cells import (
    donor_of,
    draw_counts,
    expected_counts,
    is_second_population,
    log_likelihood,
    simulate_cell,
)
from multimed_hf.simulation.cell.regulation import PEAKS, world_of
from multimed_hf.simulation.patient import SITES, random_of
from multimed_hf.sources import SYNTHETIC_CELL_TYPES as TYPES

FREQUENCIES = (0.12, 0.30, 0.20, 0.10, 0.20, 0.04, 0.01, 0.03)


def test_a_cell_depends_on_its_random_numbers_alone() -> None:
    world, donor = world_of(3), donor_of(Simulation(seed=3), 5, SITES[2])
    first = simulate_cell(world, donor, 4, random_of(3, "cell"))
    simulate_cell(world, donor, 2, random_of(3, "another"))
    again = simulate_cell(world, donor, 4, random_of(3, "cell"))
    assert (first.counts == again.counts).all() and (first.peaks == again.peaks).all()
    assert (first.proteins == again.proteins).all() and first.library == again.library


def test_expected_counts_are_those_of_the_state_and_of_burst_cells() -> None:
    world, donor = world_of(0), donor_of(Simulation(), 1, SITES[0])
    state = np.array([0.5, -1.0, 2.0])
    means = expected_counts(world, donor, slice(None), 3000, state)
    own = np.exp(donor.log_means + state @ world.state_genes)
    own /= own.sum(1, keepdims=True)
    share = donor.ambient_share
    np.testing.assert_allclose(means, 3000 * ((1 - share) * own + share * donor.ambient))
    np.testing.assert_allclose(expected_counts(world, donor, 3, 3000, state), means[3])
    np.testing.assert_allclose(means.sum(1), 3000)


def test_the_second_population_has_stronger_batch_effects_and_difficulty_makes_all_stronger() -> None:
    def batch(difficulty: float, second: bool) -> float:
        chosen = [
            donor_of(Simulation(difficulty=difficulty), number, SITES[0])
            for number in range(18)
            if is_second_population(number) == second
        ]
        return float(np.array([donor.log_means[0] for donor in chosen]).std(0).mean())

    assert batch(0.5, True) > 1.3 * batch(0.5, False)
    assert batch(0.9, False) > 2 * batch(0.1, False)
    easy, hard = (donor_of(Simulation(difficulty=value), 0, SITES[0]) for value in (0.1, 0.9))
    assert hard.library < easy.library and hard.ambient_share > 3 * easy.ambient_share
    assert np.ptp(hard.log_means, axis=0).mean() < 0.6 * np.ptp(easy.log_means, axis=0).mean()


def test_counts_are_negative_binomial() -> None:
    mean, size = np.array([0.05, 0.5, 3.0, 40.0]), np.array([1.0, 2.0, 3.0, 4.0])
    cells = 40_000
    counts = draw_counts(random_of(0, "counts"), np.tile(mean, cells), np.tile(size, cells)).reshape(cells, 4)
    np.testing.assert_allclose(counts.mean(0), mean, rtol=0.05)
    np.testing.assert_allclose(counts.var(0), mean + mean**2 / size, rtol=0.1)
    np.testing.assert_allclose((counts == 0).mean(0), (1 + mean / size) ** -size, atol=0.01)


def test_the_likelihood_is_that_of_the_counts() -> None:
    from scipy.stats import nbinom

    random = random_of(0, "likelihood")
    means, size = random.uniform(0.1, 5, (3, 20)), random.uniform(1, 5, 20)
    counts = draw_counts(random, means[0], size)
    exact = nbinom.logpmf(counts, size, size / (size + means)).sum(1)
    ours = log_likelihood(counts, means, size)
    np.testing.assert_allclose(ours - ours[0], exact - exact[0])


def test_proteins_follow_the_peaks_and_genes_of_the_type() -> None:
    world, donor, random = world_of(0), donor_of(Simulation(difficulty=0.2), 0, SITES[0]), random_of(1)
    cells = [[simulate_cell(world, donor, number, random) for _ in range(30)] for number in range(8)]
    proteins = np.log1p([np.mean([cell.proteins for cell in cells_of], 0) for cells_of in cells])
    rna = donor.log_means[:, world.coding]
    alike = [np.corrcoef(rna[:, protein], proteins[:, protein])[0, 1] for protein in range(22)]
    assert np.median(alike) > 0.9
    seen = np.array([np.mean([np.isin(np.arange(PEAKS), cell.peaks) for cell in cells_of], 0) for cells_of in cells])
    assert np.corrcoef(seen.ravel(), (1 / (1 + np.exp(-donor.openness))).ravel())[0, 1] > 0.7


def test_cells_have_the_size_of_real_ones() -> None:
    world, random = world_of(0), random_of(2)
    donors = [donor_of(Simulation(), number, SITES[number]) for number in range(6)]
    totals = [simulate_cell(world, donor, number % 8, random).counts.sum() for number in range(40) for donor in donors]
    assert 2000 < np.median(totals) < 3100
    assert 0.2 < np.log(totals).std() < 0.5


@cache
def counts_of_pbmc68k() -> np.ndarray:
    """Molecules of 700 cells and 765 genes: the smallest value of a cell is one molecule."""
    from multimed_hf.data.h5ad import H5adFile

    package = find_spec("scanpy")
    pytest.importorskip("h5py")
    if package is None or package.origin is None:
        pytest.skip("scanpy, which ships PBMC68k, is not installed")
    with H5adFile(Path(package.origin).parent / "datasets" / "10x_pbmc68k_reduced.h5ad") as file:
        values = np.zeros((len(file.cells), len(file.genes)))
        for row, (genes, expression) in enumerate(file.expression(range(len(file.cells)))):
            values[row, genes] = np.expm1(expression)
    smallest = np.where(values > 0, values, np.inf).min(1)
    return (values / smallest[:, None]).round()


def test_variance_and_zeros_follow_the_mean_as_in_pbmc68k() -> None:
    real = counts_of_pbmc68k()
    world, random = world_of(0), random_of(0, "blood")
    donor = donor_of(Simulation(), 0, SITES[0])
    types = random.choice(len(TYPES), len(real), p=FREQUENCIES)
    simulated = np.array([simulate_cell(world, donor, number, random).counts for number in types.tolist()])

    def slope(counts: np.ndarray) -> float:
        mean, variance = counts.mean(0), counts.var(0)
        kept = mean > 0.02
        return float(np.polyfit(np.log(mean[kept]), np.log(variance[kept]), 1)[0])

    assert slope(simulated) == pytest.approx(slope(real), abs=0.15)
    # Most of the genes of the release were chosen because they vary, so that its genes scatter above.
    for low, high in ((0.1, 0.3), (0.3, 1), (1, 3)):
        zeros, fano = [], []
        for counts in (real, simulated):
            mean = counts.mean(0)
            chosen = counts[:, (mean >= low) & (mean < high)]
            zeros.append((chosen == 0).mean())
            fano.append(float(np.median(chosen.var(0) / chosen.mean(0))))
        assert zeros[1] == pytest.approx(zeros[0], abs=0.1)
        assert fano[1] == pytest.approx(fano[0], rel=0.35)
