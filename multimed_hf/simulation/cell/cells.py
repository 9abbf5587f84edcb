"""Cells of simulated blood donors, as droplets show them: RNA, open chromatin and surface proteins.

Donors differ from the world's `regulation` by batch effects (Zhang, Parmigiani, Johnson, NAR Genom. Bioinform. 2, lqaa078,
2020), by RNA from burst cells (Young, Behjati, GigaScience 9, giaa151, 2020) and by the variants of one enhancer. Counts of
RNA molecules are negative binomial, with a variance of mean + mean^2 / size, as droplet counts are (Grun, Kester,
van Oudenaarden, Nat. Methods 11, 637, 2014); zeros follow from low means and need no mechanism of their own (Svensson,
Nat. Biotechnol. 38, 147, 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ...sources import SYNTHETIC_CELL_TYPES
from ..patient import SITES, random_of
from ..settings import Simulation
from .regulation import FUNCTIONAL_VARIANTS, GENES, NEUTRAL_VARIANTS, PEAKS, PROTEINS, World, world_of

MEDIAN_LIBRARY = 2500
"""RNA molecules counted in a cell at difficulty 0.5."""

_POPULATIONS = 6  # every sixth donor is of the second population


@dataclass(frozen=True)
class Donor:
    """What the cells of a donor share, at the difficulty of the simulation.

    Attributes:
        dna: the donor's enhancer.
        alleles: of the enhancer's variants, `(variants,)`, 0 or 1.
        activity: of the enhancer.
        population: 0, or 1 for the second one, whose batch effects are stronger.
        log_means: log expression, `(types, genes)`, up to a constant.
        ambient: share of each gene in the RNA of burst cells, `(genes,)`, sums to 1.
        ambient_share: part of a cell's molecules that come from there.
        openness: log-odds that a peak is open, `(types, peaks)`.
        log_proteins: log abundance of the proteins, `(types, proteins)`, up to a constant.
        library: median number of molecules of a cell.
        translation_noise: standard deviation of the log abundance of a protein from cell to cell.
    """

    dna: str
    alleles: np.ndarray
    activity: float
    population: int
    log_means: np.ndarray
    ambient: np.ndarray
    ambient_share: float
    openness: np.ndarray
    log_proteins: np.ndarray
    library: float
    translation_noise: float

    # What all cells of a donor need, so that a cell is left with the exponentials of what its state moves.
    @cached_property
    def expression(self) -> np.ndarray:
        """Expression of the genes, `(types, genes)`, up to a constant."""
        return np.exp(self.log_means)

    @cached_property
    def closed_odds(self) -> np.ndarray:
        """Odds that a peak is closed, `(types, peaks)`."""
        return np.exp(-self.openness)


@dataclass(frozen=True)
class Cell:
    """One simulated cell.

    Attributes:
        counts: RNA molecules of each gene, `(genes,)`.
        peaks: peaks seen open, ascending.
        proteins: counted tags of each surface protein, `(proteins,)`.
        library: molecules that were to be expected.
        state: of the programmes that vary within a type, `(states,)`, standard normal.
        expected_proteins: the share of each protein before translation and counting noise, `(proteins,)`.
    """

    counts: np.ndarray
    peaks: np.ndarray
    proteins: np.ndarray
    library: float
    state: np.ndarray
    expected_proteins: np.ndarray


def simulate_cell(world: World, donor: Donor, cell_type: int, random: np.random.Generator) -> Cell:
    """One cell of a donor.

    Args:
        world: the world of the seed.
        donor: whose cell it is.
        cell_type: position in `SYNTHETIC_CELL_TYPES`.
        random: what the cell is drawn from, and nothing else.
    """
    state = random.standard_normal(len(world.state_genes))
    library = donor.library * math.exp(0.3 * random.standard_normal())
    counts = draw_counts(random, expected_counts(world, donor, cell_type, library, state), world.size)

    open_share = 1 / (1 + donor.closed_odds[cell_type] / _fold_changes(state, PEAKS, world.stateful_peaks))
    # Few of the open peaks are tagged and sequenced: how many depends on the depth, not on how many are open.
    seen = min(350 * math.exp(0.35 * random.standard_normal()) / float(open_share.sum()), 1.0)
    peaks = np.flatnonzero(random.random(PEAKS) < seen * open_share)

    log_proteins = donor.log_proteins[cell_type] + world.protein_gain * (state @ world.state_genes[:, world.coding])
    expected = np.exp(log_proteins - log_proteins.max())
    noisy = expected * np.exp(donor.translation_noise * random.standard_normal(len(PROTEINS)))
    depth = 2500 * math.exp(0.35 * random.standard_normal())
    # A few antibodies stick to any cell.
    shares = 0.95 * noisy / noisy.sum() + 0.05 / len(PROTEINS)
    return Cell(
        counts=counts,
        peaks=peaks,
        proteins=random.poisson(depth * shares),
        library=library,
        state=state,
        expected_proteins=0.95 * expected / expected.sum() + 0.05 / len(PROTEINS),
    )


def expected_counts(
    world: World, donor: Donor, cell_type: int | slice, library: float, state: np.ndarray
) -> np.ndarray:
    """Mean number of molecules of each gene, `(genes,)`, or `(types, genes)` for a slice of types."""
    expression = donor.expression[cell_type] * _fold_changes(state, len(GENES), world.stateful_genes)
    own = library * (1 - donor.ambient_share) / expression.sum(-1, keepdims=True) * expression
    return np.asarray(own + library * donor.ambient_share * donor.ambient)


def _fold_changes(state: np.ndarray, number: int, stateful: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """By what a state multiplies expression or odds, `(number,)`: 1 for all but those that are `stateful`, see `World`."""
    moved, effects = stateful
    changes = np.ones(number)
    changes[moved] = np.exp(state @ effects)
    return changes


def draw_counts(random: np.random.Generator, mean: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Negative binomial counts `(genes,)`: Poisson, with a rate that varies as a gamma distribution."""
    return random.poisson(random.standard_gamma(size) * (mean / size))


def log_likelihood(counts: np.ndarray, means: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Log-likelihood `(types,)` of the counts `(genes,)` under each row of `means` `(types, genes)`, up to a constant."""
    return (counts * np.log(means) - (counts + size) * np.log(means + size)).sum(1)


def is_second_population(number: int) -> bool:
    """Whether donor `number` is of the second population, whose batch effects are stronger."""
    return number % _POPULATIONS == _POPULATIONS - 1


@lru_cache(maxsize=64)
def donor_of(simulation: Simulation, number: int, site: str) -> Donor:
    """Donor `number`, who gave cells at `site`."""
    world = world_of(simulation.seed)
    random = random_of(simulation.seed, "regulation", "donor", number)
    population = int(is_second_population(number))
    batch = simulation.harder(0.08, 0.3) * (1.8 if population else 1.0)

    # Eight donors in a row have each combination of the functional alleles once, so that few donors show their effects.
    block, place = divmod(number, 2**FUNCTIONAL_VARIANTS)
    order = random_of(simulation.seed, "regulation", "alleles", block).permutation(2**FUNCTIONAL_VARIANTS)
    functional = (int(order[place]) >> np.arange(FUNCTIONAL_VARIANTS)) & 1
    alleles = np.concatenate([functional, random.random(NEUTRAL_VARIANTS) < 0.35]).astype(int)
    dna = world.dna(alleles)
    activity = world.enhancer_activity(dna)

    strength = simulation.harder(1.9, 0.55)
    regulated = strength * world.deviation + activity * world.module
    laboratory = random_of(simulation.seed, "regulation", "site", SITES.index(site))
    batch_effect = batch * (0.8 * random.standard_normal(len(GENES)) + 0.6 * laboratory.standard_normal(len(GENES)))
    log_means = world.baseline + regulated + batch_effect
    shares = np.exp(log_means)
    shares /= shares.sum(1, keepdims=True)
    burst = random.dirichlet(np.full(len(SYNTHETIC_CELL_TYPES), 2.0))
    openness = world.openness + 0.5 * batch * random.standard_normal(PEAKS)
    openness[:, world.enhancer_peak] += activity
    proteins = world.protein_base + world.protein_gain * regulated[:, world.coding]
    return Donor(
        dna=dna,
        alleles=alleles,
        activity=activity,
        population=population,
        log_means=log_means,
        ambient=burst @ shares,
        ambient_share=float(min(simulation.harder(0.02, 0.25) * random.lognormal(0, 0.3), 0.5)),
        openness=openness,
        log_proteins=proteins + 0.5 * batch * random.standard_normal(len(PROTEINS)),
        library=MEDIAN_LIBRARY * simulation.harder(1.3, 0.7) * random.lognormal(0, 0.12),
        translation_noise=simulation.harder(0.2, 0.6),
    )
