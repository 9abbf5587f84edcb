"""The simulated regulation: a lineage tree, peaks that raise genes, an enhancer whose variants move a module of genes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.cell.cells import donor_of
from multimed_hf.simulation.cell.regulation import ENHANCER_LENGTH, FACTORS, GENES, NODES, PEAKS, PROTEINS, world_of
from multimed_hf.simulation.patient import SITES
from multimed_hf.sources import SYNTHETIC_CELL_TYPES as TYPES


def test_another_seed_is_another_world() -> None:
    first, second = world_of(0), world_of(1)
    assert first.enhancer != second.enhancer
    assert (first.coding != second.coding).any()
    assert abs(np.corrcoef(first.baseline, second.baseline)[0, 1]) < 0.1


def test_states_move_few_genes_and_peaks() -> None:
    world = world_of(0)
    for effects, (moved, kept) in (
        (world.state_genes, world.stateful_genes),
        (world.state_peaks, world.stateful_peaks),
    ):
        assert 0.1 < len(moved) / effects.shape[1] < 0.25
        again = np.zeros_like(effects)
        again[:, moved] = kept
        np.testing.assert_array_equal(again, effects)


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
