"""The simulated regulation: the same everywhere, one mechanism from DNA to protein, counts as droplets give them."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.patient import SITES, random_of
from multimed_hf.simulation.regulation import (
    CONSENSUS_WEIGHT,
    ENHANCER_LENGTH,
    FACTORS,
    GENES,
    NODES,
    NUCLEOTIDES,
    PEAKS,
    PROTEINS,
    donor_of,
    draw_counts,
    draw_motifs,
    encode,
    is_second_population,
    log_likelihood,
    reverse_complement,
    simulate_cell,
    site_weight,
    world_of,
)
from multimed_hf.sources import SYNTHETIC_CELL_TYPES as TYPES

FREQUENCIES = (0.12, 0.30, 0.20, 0.10, 0.20, 0.04, 0.01, 0.03)

DIGEST = """
import hashlib
from multimed_hf.simulation import Simulation
from multimed_hf.simulation.patient import random_of
from multimed_hf.simulation.regulation import donor_of, simulate_cell, world_of
world, donor = world_of(3), donor_of(Simulation(seed=3), 5, "site-2")
cell = simulate_cell(world, donor, 4, random_of(3, "cell"))
parts = [world.enhancer, world.variants, donor.dna, cell.counts.tolist(), cell.peaks.tolist(), cell.proteins.tolist()]
print(hashlib.sha256(repr(parts).encode()).hexdigest())
"""


def test_a_new_process_gives_the_same_world_donor_and_cell() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_is_another_world() -> None:
    first, second = world_of(0), world_of(1)
    assert first.enhancer != second.enhancer
    assert (first.coding != second.coding).any()
    assert abs(np.corrcoef(first.baseline, second.baseline)[0, 1]) < 0.1


def test_sizes() -> None:
    world = world_of(0)
    assert (len(GENES), PEAKS, FACTORS, len(PROTEINS), len(TYPES)) == (2000, 3000, 40, 24, 8)
    assert world.deviation.shape == (8, 2000) and world.openness.shape == (8, 3000)
    assert {len(motif) for motif in world.motifs} == {6, 7, 8, 9, 10} and len(world.motifs) == 40
    assert len(world.enhancer) == ENHANCER_LENGTH == 120
    assert len(set(world.coding.tolist())) == 24
    assert set(range(2000)) == set(world.peak_gene.tolist())


@pytest.mark.parametrize("seed", [0, 1])
def test_types_of_a_lineage_are_alike(seed: int) -> None:
    deviation = world_of(seed).deviation
    distance = np.linalg.norm(deviation[:, None] - deviation, axis=-1)
    at = {name: TYPES.index(name) for name in TYPES}
    np.fill_diagonal(distance, np.inf)
    nearest = {name: TYPES[int(distance[at[name]].argmin())] for name in TYPES}
    assert nearest["plasma cell"] == "B cell" and nearest["B cell"] == "plasma cell"
    assert nearest["monocyte"] == "dendritic cell" and nearest["dendritic cell"] == "monocyte"
    assert nearest["CD4 T cell"] in ("CD8 T cell", "NK cell") and nearest["CD8 T cell"] in ("CD4 T cell", "NK cell")
    assert nearest["NK cell"] in ("CD4 T cell", "CD8 T cell")
    assert TYPES[int(distance.min(1).argmax())] == "megakaryocyte"


def test_housekeeping_genes_are_alike_in_all_types_and_markers_are_not() -> None:
    world = world_of(0)
    spread = np.ptp(world.deviation, axis=0)
    effect = np.bincount(world.peak_gene, world.peak_effect)
    assert (spread[world.gene_node < 0] == 0).all()
    for node, name in enumerate(NODES):
        if name in TYPES:
            genes = np.flatnonzero(world.gene_node == node)
            markers = genes[np.argsort(-effect[genes])[:10]]
            assert (world.deviation[:, markers].argmax(0) == TYPES.index(name)).all()
            assert np.median(spread[markers]) > 0.8


def test_factors_open_peaks_and_open_peaks_raise_expression() -> None:
    world = world_of(0)
    main = world.binding.argmax(1)
    regulated = np.flatnonzero(world.gene_node[world.peak_gene] >= 0)
    alike = [np.corrcoef(world.activity[:, main[peak]], world.openness[:, peak])[0, 1] for peak in regulated]
    assert np.median(alike) > 0.95
    alone = regulated[
        (np.bincount(world.peak_gene)[world.peak_gene] == 1)[regulated] & (world.peak_effect[regulated] > 1)
    ]
    assert len(alone) > 30
    for peak in alone:
        assert np.corrcoef(world.openness[:, peak], world.deviation[:, world.peak_gene[peak]])[0, 1] > 0.8


def test_motifs_say_nothing_by_composition_and_share_no_words() -> None:
    words: set[str] = set()
    for motif in draw_motifs(random_of(7), FACTORS):
        consensus = "".join(NUCLEOTIDES[base] for base in motif.argmax(1))
        assert abs(sum(base in "GC" for base in consensus) - len(consensus) / 2) <= 0.5
        own = {consensus[start : start + 5] for start in range(len(consensus) - 4)}
        own |= {reverse_complement(word) for word in own}
        assert not own & words
        words |= own
        assert (np.exp(motif) * 0.25).sum(1) == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, FACTORS - 1), st.data())
def test_the_consensus_binds_best_and_every_mismatch_costs(factor: int, data: st.DataObject) -> None:
    motif = world_of(0).motifs[factor]
    consensus = "".join(NUCLEOTIDES[base] for base in motif.argmax(1))
    assert site_weight(motif, consensus) == pytest.approx(CONSENSUS_WEIGHT)
    place = data.draw(st.integers(0, len(motif) - 1))
    letter = data.draw(st.sampled_from([letter for letter in NUCLEOTIDES if letter != consensus[place]]))
    assert site_weight(motif, consensus[:place] + letter + consensus[place + 1 :]) < CONSENSUS_WEIGHT


@given(st.text("ACGT", min_size=1, max_size=50))
def test_the_other_strand_of_the_other_strand_is_the_first(dna: str) -> None:
    assert reverse_complement(reverse_complement(dna)) == dna
    assert (encode(reverse_complement(dna)) == 3 - encode(dna)[::-1]).all()


def test_other_letters_are_refused() -> None:
    with pytest.raises(ValueError, match="Expected DNA of the letters"):
        encode("ACGN")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3), st.lists(st.integers(0, 1), min_size=9, max_size=9))
def test_three_variants_of_the_enhancer_matter_and_six_do_not(seed: int, alleles: list[int]) -> None:
    world = world_of(seed)
    dna = world.dna(np.array(alleles))
    assert sum(first != second for first, second in zip(dna, world.enhancer, strict=True)) == sum(alleles)
    silent = world.dna(np.array([*alleles[:3], *[0] * 6]))
    assert world.enhancer_activity(dna) == world.enhancer_activity(silent)
    for number, (_, _, effect) in enumerate(world.sites):
        other = alleles.copy()
        other[number] = 1 - other[number]
        change = world.enhancer_activity(world.dna(np.array(other))) - world.enhancer_activity(dna)
        # The alternative allele breaks the site.
        assert change * effect * (1 if alleles[number] else -1) > 0.2


def test_the_enhancer_moves_its_module_and_no_other_gene() -> None:
    world = world_of(0)
    donors = [donor_of(Simulation(difficulty=0), number, SITES[0]) for number in range(48)]
    activity = np.array([donor.activity for donor in donors])
    assert len({tuple(donor.alleles[:3]) for donor in donors[:8]}) == 8
    means = np.array([donor.log_means[0] for donor in donors])
    slopes = ((activity - activity.mean()) @ means) / ((activity - activity.mean()) ** 2).sum()
    inside = world.module != 0
    assert inside.sum() == 48 and set(world.coding[world.module_proteins]) <= set(np.flatnonzero(inside))
    assert np.corrcoef(slopes[inside], world.module[inside])[0, 1] > 0.98
    assert np.abs(slopes[~inside]).mean() < 0.05
    proteins = np.array([donor.log_proteins[0] for donor in donors])
    follow = ((activity - activity.mean()) @ proteins) / ((activity - activity.mean()) ** 2).sum()
    expected = world.protein_gain * world.module[world.coding]
    np.testing.assert_allclose(follow, expected, atol=0.15)


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
    random = random_of(0, "counts")
    counts = np.array([draw_counts(random, mean, size) for _ in range(40_000)])
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
