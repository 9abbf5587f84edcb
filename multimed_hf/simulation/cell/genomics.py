"""Simulated promoters in a reporter assay: which factors bind where decides how strongly the reporter is expressed.

A promoter of 150 nt has its transcription start at position 120. Its background follows a random composition of
dinucleotides; in it stand sites of activators, repressors and of factors that the cells lack. Expression follows from the
sequence alone, by statistical thermodynamics (Bintu et al., Curr. Opin. Genet. Dev. 15, 116, 2005): the probability that
polymerase is bound, over all states of the strongest sites,

    P = w Z_on / (w Z_on + Z_off),

with w the weight of polymerase alone and Z the sums over the states of the sites with and without polymerase. Sites that
overlap cannot be bound together. Activators attract polymerase, the more the nearer they are; repressors keep it
away, most where they cover the core promoter; two activators that sit 10 to 40 nt apart on one side of the helix help each
other. The measured value is log2 expression with normally distributed noise of the assay and of the laboratory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..generator import SubsetGenerator
from ..patient import SITES, Patient, random_of
from ..settings import Simulation
from .motifs import CONSENSUS_WEIGHT, NUCLEOTIDES, encode
from .regulation import FACTORS, world_of

LENGTH = 150
"""Nucleotides of a promoter."""

START = 120
"""Position of the transcription start."""

FAMILY = 4
"""Promoters of a group: a wild type and its mutants."""

ACTIVATORS = tuple(range(8))
"""Factors of the world that are present in the cells of the assay and attract polymerase."""

REPRESSORS = tuple(range(8, 12))
"""Factors that keep polymerase away. All others are not there: their sites mean nothing."""

REPORTER = "SIM-REPORTER"

_BASAL = 0.004  # weight of polymerase where nothing helps it
_STRONGEST = 8  # sites that enter the sum over states
_WEAKEST = 0.1  # weight of a site that enters it
_LONGEST = 10  # nucleotides of a motif
_HELIX = 10.5  # nucleotides of a turn
# Number of sites, from 0. In a genome few promoters are strong.
_ACTIVATOR_SITES = (0.26, 0.32, 0.22, 0.12, 0.06, 0.02)
_REPRESSOR_SITES = (0.6, 0.25, 0.1, 0.05)


class Generator(SubsetGenerator):
    """Rows of `genomics`. A group has a wild type and three mutants of it, in which 5 to 10 % of the nucleotides changed.

    With label noise, the value is that of another promoter, drawn from the same population and measured alike.
    """

    subset = "genomics"
    rows = 2000
    members = FAMILY
    shifts = ("site",)
    genes = (REPORTER,)

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        dna = self.promoter(patient, member)
        noise = patient.random("label noise", member)
        told = dna
        if noise.random() < self.simulation.label_noise:
            told = mutate(draw_promoter(self.simulation, noise), member, noise)
        error = self.noise * patient.random("measurement", member).standard_normal()
        return {
            "has_genomics": True,
            "dna": dna,
            "expression_index": [0],
            "expression": [log2_expression(self.simulation.seed, told) + error + self.offset(patient.site)],
            "site": patient.site,
        }

    def promoter(self, patient: Patient, member: int) -> str:
        """The DNA of a row: member 0 of a family is the wild type, the others are mutants of it."""
        return mutate(_wild_type(patient), member, patient.random("mutations", member))

    @property
    def noise(self) -> float:
        """Standard deviation of a measurement, log2."""
        return self.simulation.harder(0.15, 2.0)

    def offset(self, site: str) -> float:
        """What a laboratory adds to all its measurements, log2."""
        spread = self.simulation.harder(0.05, 0.4)
        return float(spread * random_of(self.simulation.seed, "genomics", site).standard_normal())

    def notes(self) -> list[str]:
        signal = signal_variance(replace(self.simulation, label_noise=0.0, shift="none"))
        laboratories = float(np.var([self.offset(site) for site in SITES]))
        kept = 1 - self.simulation.label_noise
        ceiling = kept * float(np.sqrt(signal / (signal + self.noise**2 + laboratories)))
        return [
            *super().notes(),
            f"Noise ceiling: Pearson's r {ceiling:.3f}, from a variance of {signal:.2f} of the true log2 expression "
            f"(estimated on 400 promoters), {self.noise**2:.2f} of a measurement and {laboratories:.2f} of the "
            "laboratories.",
        ]


@dataclass(frozen=True)
class Site:
    """Where a factor can bind.

    Attributes:
        factor: which one.
        start, end: first position, and the one after the last.
        weight: statistical weight of the bound site, 1 for one that is bound half of the time.
    """

    factor: int
    start: int
    end: int
    weight: float

    @property
    def middle(self) -> float:
        """In nucleotides from the transcription start, negative upstream."""
        return (self.start + self.end - 1) / 2 - START


def log2_expression(seed: int, dna: str) -> float:
    """True log2 expression of a promoter, in thousandths of the full rate; 2 without any site, below 10.

    Args:
        seed: of the world, whose factors bind.
        dna: `LENGTH` letters A, C, G, T.

    Raises:
        ValueError: another length, or another letter.
    """
    if len(dna) != LENGTH:
        raise ValueError(f"Expected a promoter of {LENGTH} nucleotides, got {len(dna)}.")
    return float(np.log2(1000 * polymerase_bound(find_sites(seed, dna))))


def find_sites(seed: int, dna: str) -> list[Site]:
    """The strongest sites of the factors of the assay on both strands, strongest first."""
    table, lengths = _scanner(seed)
    nucleotides = np.concatenate([np.eye(4)[encode(dna)], np.zeros((_LONGEST - 1, 4))])
    windows = np.lib.stride_tricks.sliding_window_view(nucleotides, (_LONGEST, 4)).reshape(len(dna), -1)
    mismatch = (windows @ table).reshape(len(dna), 2, -1).max(1)
    mismatch[np.arange(len(dna))[:, None] + lengths > len(dna)] = -np.inf
    weights = CONSENSUS_WEIGHT * np.exp(mismatch)
    sites = [
        Site(factor, start, start + int(lengths[factor]), float(weights[start, factor]))
        for start, factor in np.argwhere(weights > _WEAKEST).tolist()
    ]
    return sorted(sites, key=lambda site: (-site.weight, site.start, site.factor))[:_STRONGEST]


@lru_cache(maxsize=4)
def _scanner(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What scores every window of nucleotides by all factors, first on the given strand, then on the other one.

    Returns:
        Log weights relative to the consensus `(_LONGEST * 4, 2 * factors)`, and the lengths of the motifs `(factors,)`.
    """
    motifs = [world_of(seed).motifs[factor] for factor in (*ACTIVATORS, *REPRESSORS)]
    table = np.zeros((2, len(motifs), _LONGEST, 4))
    for number, motif in enumerate(motifs):
        costs = motif - motif.max(1, keepdims=True)
        table[0, number, : len(motif)] = costs
        # Reversing the order of A, C, G, T gives the complements.
        table[1, number, : len(motif)] = costs[::-1, ::-1]
    return table.reshape(2 * len(motifs), -1).T, np.array([len(motif) for motif in motifs])


def polymerase_bound(sites: list[Site]) -> float:
    """Probability that polymerase sits at the start, 0..1, summed exactly over all states of the sites."""
    states = _states(len(sites))
    start, end = np.array([site.start for site in sites]), np.array([site.end for site in sites])
    middle = np.array([site.middle for site in sites])
    activates = np.array([site.factor in ACTIVATORS for site in sites], dtype=bool)
    near = np.exp(-np.abs(middle) / 70)
    # Polymerase covers -35 to +10: a repressor there hardly lets it bind.
    covers = np.exp(-((np.maximum(np.abs(middle + 12) - 22, 0) / 30) ** 2))
    help_polymerase = np.where(activates, np.log(1 + 8 * near), np.log(1 - 0.95 * covers))
    log_weight = np.log([site.weight for site in sites])

    distance = np.abs(middle[:, None] - middle)
    cooperate = np.outer(activates, activates) & (distance >= 10) & (distance <= 40)
    helical = np.where(cooperate, 1.0 * np.maximum(np.cos(2 * np.pi * distance / _HELIX), 0), 0)
    overlap = (start[:, None] < end) & (start < end[:, None])
    pair = np.triu(np.where(overlap, -np.inf, helical), 1)
    with np.errstate(invalid="ignore"):
        pairs = np.where(states[:, :, None] & states[:, None, :], pair, 0).sum((1, 2))
    off = np.exp(states @ log_weight + pairs)
    on = _BASAL * (off * np.exp(states @ help_polymerase)).sum()
    return float(on / (on + off.sum()))


def draw_promoter(simulation: Simulation, random: np.random.Generator) -> str:
    """A promoter: background, decoys, then sites of repressors and activators at random places and strands."""
    letters = _background(random)
    free = np.ones(LENGTH, dtype=bool)
    if simulation.prevalence == "balanced":
        activators, repressors = int(random.integers(6)), int(random.integers(4))
    else:
        activators = int(random.choice(len(_ACTIVATOR_SITES), p=_ACTIVATOR_SITES))
        repressors = int(random.choice(len(_REPRESSOR_SITES), p=_REPRESSOR_SITES))
    decoys = range(len(ACTIVATORS) + len(REPRESSORS), FACTORS)
    # With more sites that matter come fewer that do not, so that the number of all sites says little.
    for factors, number in ((ACTIVATORS, activators), (REPRESSORS, repressors), (decoys, 8 - activators - repressors)):
        for _ in range(number):
            site = _sample_site(simulation, random, factors[int(random.integers(len(factors)))])
            # A promoter has room for eight sites: the last one nearly always finds a place.
            for start in random.integers(0, LENGTH - len(site) + 1, 30).tolist():
                if free[start : start + len(site)].all():
                    letters[start : start + len(site)] = site
                    free[start : start + len(site)] = False
                    break
    return "".join(NUCLEOTIDES[base] for base in letters)


def mutate(wild_type: str, member: int, random: np.random.Generator) -> str:
    """`wild_type` itself for member 0; for others, 5 to 10 % of its nucleotides replaced."""
    if member == 0:
        return wild_type
    codes = encode(wild_type).copy()
    changed = random.permutation(LENGTH)[: round(random.uniform(0.05, 0.1) * LENGTH)]
    codes[changed] = (codes[changed] + random.integers(1, 4, len(changed))) % 4
    return "".join(NUCLEOTIDES[base] for base in codes)


def _sample_site(simulation: Simulation, random: np.random.Generator, factor: int) -> np.ndarray:
    """A site as the motif says, on either strand; the higher the difficulty, the farther from the consensus."""
    limits = _site_limits(simulation.seed, simulation.harder(1.6, 0.85))[factor]
    site = (random.random((len(limits), 1)) > limits).sum(1)
    return 3 - site[::-1] if random.random() < 0.5 else site


@lru_cache(maxsize=8)
def _site_limits(seed: int, sharpness: float) -> list[np.ndarray]:
    """Cumulative probabilities of A, C and G at each position of each motif, `(positions, 3)`."""
    limits = []
    for motif in world_of(seed).motifs:
        weights = np.exp(sharpness * motif)
        limits.append((weights / weights.sum(1, keepdims=True)).cumsum(1)[:, :3])
    return limits


def _background(random: np.random.Generator) -> np.ndarray:
    """Codes `(LENGTH,)` of a Markov chain: G and C are 35 to 65 %, CG is rare as in vertebrates, AA and TT are common."""
    strong = random.uniform(0.35, 0.65)
    composition = np.array([1 - strong, strong, strong, 1 - strong]) / 2
    steps = np.tile(composition, (4, 1))
    steps[1, 2] *= random.uniform(0.3, 0.9)
    steps[[0, 3], [0, 3]] *= random.uniform(1.0, 1.5)
    limits = (steps / steps.sum(1, keepdims=True)).cumsum(1)[:, :3].tolist()
    codes, base = [], int(random.integers(4))
    for draw in random.random(LENGTH).tolist():
        low, middle, high = limits[base]
        base = (draw > low) + (draw > middle) + (draw > high)
        codes.append(base)
    return np.array(codes)


@lru_cache(maxsize=8)
def _wild_type(patient: Patient) -> str:
    return draw_promoter(patient.simulation, patient.random("promoter"))


@lru_cache(maxsize=16)
def signal_variance(simulation: Simulation, promoters: int = 400) -> float:
    """Variance of the true log2 expression over wild types and mutants as they come."""
    random = random_of(simulation.seed, "genomics", "signal variance")
    values = [
        log2_expression(simulation.seed, mutate(draw_promoter(simulation, random), number % FAMILY, random))
        for number in range(promoters)
    ]
    return float(np.var(values))


@lru_cache(maxsize=_STRONGEST + 1)
def _states(sites: int) -> np.ndarray:
    """All combinations of bound and free sites, bool `(2 ** sites, sites)`."""
    return (np.arange(2**sites)[:, None] >> np.arange(sites) & 1).astype(bool)
