"""Simulated promoters: expression follows from sites by thermodynamics, and composition gives nothing away."""

from __future__ import annotations

import itertools
import zlib
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_predict

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation import Simulation, generator_of
from multimed_hf.simulation.cell.genomics import (
    ACTIVATORS,
    LENGTH,
    REPORTER,
    REPRESSORS,
    START,
    Generator,
    Site,
    draw_promoter,
    find_sites,
    log2_expression,
    mutate,
    polymerase_bound,
)
from multimed_hf.simulation.cell.motifs import CONSENSUS_WEIGHT, NUCLEOTIDES, reverse_complement, site_weight
from multimed_hf.simulation.cell.regulation import world_of
from multimed_hf.simulation.patient import SITES, random_of

BARE = "AT" * (LENGTH // 2)


@cache
def rows(count: int, step: int = 1, **settings: Any) -> list[dict[str, Any]]:
    generator = Generator(Simulation(**settings))
    return [generator.row(index * step) for index in range(count)]


def values(chosen: list[dict[str, Any]]) -> np.ndarray:
    return np.array([row["expression"][0] for row in chosen])


def consensus(factor: int) -> str:
    return "".join(NUCLEOTIDES[base] for base in world_of(0).motifs[factor].argmax(1))


def with_site(factor: int, start: int, promoter: str = BARE) -> str:
    word = consensus(factor)
    return promoter[:start] + word + promoter[start + len(word) :]


def site(factor: int, start: int, length: int = 8, weight: float = 5.0) -> Site:
    return Site(factor, start, start + length, weight)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 3), st.sampled_from(["long_tailed", "balanced"]))
def test_a_row_does_not_depend_on_others_and_is_complete(index: int, seed: int, prevalence: str) -> None:
    simulation = Simulation(seed=seed, prevalence=prevalence, label_noise=0.2)
    generator = Generator(simulation)
    row = generator.row(index)
    generator.row(index + 1)
    assert Generator(simulation).row(index) == row
    complete = RowCompleter("genomics")({**row, "source": "synthetic"})
    assert len(complete["dna"]) == LENGTH and set(complete["dna"]) <= set("ACGT")
    assert complete["expression_index"] == [0] and complete["site"] in SITES and complete["donor"] == ""


def test_the_generator_is_the_declared_one() -> None:
    assert isinstance(generator_of("genomics"), Generator)
    assert Generator.genes == (REPORTER,) and Generator.rows == 2000


def test_a_family_is_a_wild_type_and_three_mutants_in_one_group() -> None:
    for first in range(0, 80, 4):
        family = rows(80)[first : first + 4]
        wild, *mutants = (row["dna"] for row in family)
        assert len({row["group"] for row in family}) == 1
        for mutant in mutants:
            changed = sum(first != second for first, second in zip(wild, mutant, strict=True))
            assert 0.05 * LENGTH - 1 <= changed <= 0.1 * LENGTH
    assert len({row["group"] for row in rows(80)}) == 20
    assert len({row["id"] for row in rows(80)}) == 80


@settings(max_examples=30, deadline=None)
@given(st.text("ACGT", min_size=LENGTH, max_size=LENGTH), st.integers(0, 3))
def test_sites_are_where_the_motif_says_on_both_strands(dna: str, seed: int) -> None:
    found = find_sites(seed, dna)
    assert [item.weight for item in found] == sorted((item.weight for item in found), reverse=True)
    motifs = world_of(seed).motifs
    for item in found:
        word = dna[item.start : item.end]
        best = max(site_weight(motifs[item.factor], strand) for strand in (word, reverse_complement(word)))
        assert item.weight == pytest.approx(best) and 0.1 < item.weight <= CONSENSUS_WEIGHT * 1.0001
    if len(found) < 8:
        for factor, start in itertools.product((*ACTIVATORS, *REPRESSORS), range(LENGTH)):
            word = dna[start : start + len(motifs[factor])]
            if len(word) == len(motifs[factor]) and site_weight(motifs[factor], word) > 0.1001:
                assert any(item.factor == factor and item.start == start for item in found)


def test_a_planted_site_is_found() -> None:
    for factor in (*ACTIVATORS, *REPRESSORS):
        for word in (with_site(factor, 60), reverse_complement(with_site(factor, 60))):
            best = find_sites(0, word)[0]
            assert best.factor == factor and best.weight == pytest.approx(CONSENSUS_WEIGHT)


def test_the_sum_over_states_is_that_of_the_model() -> None:
    basal = polymerase_bound([])
    assert basal == pytest.approx(0.004 / 1.004)
    near, far = site(ACTIVATORS[0], 100), site(ACTIVATORS[0], 20)
    # One site: P = w (1 + s omega) / (w (1 + s omega) + 1 + s).
    omega = 1 + 8 * np.exp(-abs(near.middle) / 70)
    on, off = 0.004 * (1 + 5 * omega), 1 + 5
    assert polymerase_bound([near]) == pytest.approx(on / (on + off))
    assert basal < polymerase_bound([far]) < polymerase_bound([near])
    # Two that exclude each other: no state has both.
    rival = site(ACTIVATORS[1], 104)
    other = 1 + 8 * np.exp(-abs(rival.middle) / 70)
    on, off = 0.004 * (1 + 5 * omega + 5 * other), 1 + 5 + 5
    assert polymerase_bound([near, rival]) == pytest.approx(on / (on + off))


def test_activators_help_each_other_on_one_side_of_the_helix() -> None:
    first = site(ACTIVATORS[0], 60)
    same, opposite = site(ACTIVATORS[1], 60 + 21), site(ACTIVATORS[1], 60 + 16)
    assert polymerase_bound([first, same]) > 1.15 * polymerase_bound([first, opposite])


@pytest.mark.parametrize("factor", REPRESSORS)
def test_repressors_act_where_they_cover_the_core_promoter(factor: int) -> None:
    activator = site(ACTIVATORS[0], 70)
    alone = polymerase_bound([activator])
    assert polymerase_bound([activator, site(factor, START - 15)]) < 0.4 * alone
    assert polymerase_bound([activator, site(factor, 5)]) > 0.8 * alone


def test_sequence_with_a_site_is_expressed_as_the_model_says() -> None:
    bare = log2_expression(0, BARE)
    assert bare == pytest.approx(np.log2(1000 * 0.004 / 1.004), abs=0.3)
    assert log2_expression(0, with_site(ACTIVATORS[0], 90)) > bare + 1.5
    assert log2_expression(0, with_site(REPRESSORS[0], START - 15)) < bare - 1
    absent = max((*ACTIVATORS, *REPRESSORS)) + 3
    assert log2_expression(0, with_site(absent, 90)) == pytest.approx(bare, abs=0.5)


def test_wrong_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match="Expected a promoter of 150 nucleotides, got 5"):
        log2_expression(0, "ACGTA")
    with pytest.raises(ValueError, match="Expected DNA of the letters"):
        log2_expression(0, "N" * LENGTH)


def motif_features(chosen: list[dict[str, Any]]) -> np.ndarray:
    """Best weight of each factor of the assay in each promoter, wherever it is, as occupancy."""
    features = np.zeros((len(chosen), len(ACTIVATORS) + len(REPRESSORS)))
    for place, row in enumerate(chosen):
        for item in find_sites(0, row["dna"]):
            features[place, item.factor] += item.weight / (1 + item.weight)
    return features


@cache
def motif_correlation(difficulty: float) -> float:
    chosen = rows(400, 4, difficulty=difficulty, prevalence="balanced")
    truth = values(chosen)
    guess = cross_val_predict(Ridge(1.0), motif_features(chosen), truth, cv=5)
    return float(np.corrcoef(guess, truth)[0, 1])


def test_motifs_alone_tell_much_but_not_all_and_less_with_difficulty() -> None:
    assert 0.7 < motif_correlation(0.2) < 0.96
    assert 0.4 < motif_correlation(0.9) < motif_correlation(0.2) - 0.04


@pytest.mark.parametrize("prevalence", ["balanced", "long_tailed"])
def test_composition_and_complexity_do_not_tell_the_expression(prevalence: str) -> None:
    # Wild types alone: members of a family are no independent evidence.
    chosen = rows(400, 4, difficulty=0.3, prevalence=prevalence)
    expression = values(chosen)
    strong = [sum(base in "GC" for base in row["dna"]) for row in chosen]
    size = [len(zlib.compress(row["dna"].encode())) for row in chosen]
    assert abs(np.corrcoef(strong, expression)[0, 1]) < 0.15
    assert abs(np.corrcoef(size, expression)[0, 1]) < 0.15
    assert {len(row["dna"]) for row in chosen} == {LENGTH}
    assert np.std(strong) > 8


def test_strong_promoters_are_rare_unless_balanced() -> None:
    def share(prevalence: str) -> float:
        drawn = [draw_promoter(Simulation(prevalence=prevalence), random_of(0, number)) for number in range(400)]
        return float(np.mean([log2_expression(0, dna) > 7.5 for dna in drawn]))

    assert share("long_tailed") < 0.6 * share("balanced")
    assert share("long_tailed") > 0.02


def ceiling_of(generator: Generator) -> float:
    return float(generator.notes()[-1].split("Pearson's r ")[1].split(",")[0])


def test_the_noise_is_what_the_ceiling_says() -> None:
    for difficulty in (0.3, 0.9):
        generator = Generator(Simulation(difficulty=difficulty))
        chosen = rows(500, 5, difficulty=difficulty)
        true = np.array([log2_expression(0, row["dna"]) for row in chosen])
        reached = np.corrcoef(true, values(chosen))[0, 1]
        assert reached == pytest.approx(ceiling_of(generator), abs=0.03)
        offsets = np.array([generator.offset(row["site"]) for row in chosen])
        assert float((values(chosen) - true - offsets).std()) == pytest.approx(generator.noise, rel=0.1)
    assert Generator(Simulation(difficulty=0.9)).noise > 3 * Generator(Simulation(difficulty=0.1)).noise


def test_label_noise_tells_the_value_of_another_promoter() -> None:
    quiet, loud = rows(400), rows(400, label_noise=0.3)
    same = [first["expression"] == second["expression"] for first, second in zip(quiet, loud, strict=True)]
    assert 1 - np.mean(same) == pytest.approx(0.3, abs=0.06)
    assert all(first["dna"] == second["dna"] for first, second in zip(quiet, loud, strict=True))
    assert values(loud).mean() == pytest.approx(values(quiet).mean(), abs=0.5)
    assert values(loud).std() == pytest.approx(values(quiet).std(), rel=0.15)
    noisy, clean = Generator(Simulation(label_noise=0.3)), Generator(Simulation())
    assert "30%" in noisy.notes()[0]
    assert ceiling_of(noisy) == pytest.approx(0.7 * ceiling_of(clean), abs=0.002)


def test_a_mutant_of_no_member_is_the_wild_type() -> None:
    assert mutate(BARE, 0, random_of(0)) == BARE != mutate(BARE, 1, random_of(0))


def test_the_shift_holds_out_a_laboratory() -> None:
    generator = Generator(Simulation(shift="site"))
    for index in range(0, 400, 4):
        held_out = generator.patient(generator.place(index)[0]).site == SITES[-1]
        assert (generator.split(index) == "test") == held_out
    with pytest.raises(ValueError, match="cannot hold out 'device'"):
        Generator(Simulation(shift="device"))
