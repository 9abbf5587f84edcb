"""Gene regulation of simulated blood cells: from DNA over chromatin and RNA to surface proteins.

One world per seed. Transcription factors bind DNA as their motif says: the weight of a bound site falls exponentially with
the mismatch to the motif (Berg, von Hippel, J. Mol. Biol. 193, 723, 1987). Factors of a cell type and of its ancestors in
the lineage tree open chromatin peaks, open peaks raise the expression of the genes they are linked to, and surface proteins
follow the expression of their coding gene. Counts of RNA molecules are negative binomial, with a variance of
mean + mean^2 / size, as droplet counts are (Grun, Kester, van Oudenaarden, Nat. Methods 11, 637, 2014); zeros follow from
low means and need no mechanism of their own (Svensson, Nat. Biotechnol. 38, 147, 2020). Donors differ by batch effects
(Zhang, Parmigiani, Johnson, NAR Genom. Bioinform. 2, lqaa078, 2020), by RNA from burst cells (Young, Behjati,
GigaScience 9, giaa151, 2020) and by variants in one enhancer, which change what binds there and so a module of genes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..sources import SYNTHETIC_CELL_TYPES
from .patient import SITES, random_of
from .settings import Simulation

GENES = tuple(f"SIM-G{number:04d}" for number in range(1, 2001))
PROTEINS = tuple(f"SIM-P{number:02d}" for number in range(1, 25))
PEAKS = 3000
FACTORS = 40
"""Transcription factors."""

NUCLEOTIDES = "ACGT"
CONSENSUS_WEIGHT = 8.0
"""Statistical weight of a factor bound to the consensus of its motif; a free site weighs 1."""

ENHANCER_LENGTH = 120
"""Nucleotides of the enhancer that differs between donors."""

MEDIAN_LIBRARY = 2500
"""RNA molecules counted in a cell at difficulty 0.5."""

# The lineage tree, with what CD8 T and NK cells share on top. A programme is on in all types below its node. The second
# number is its strength: lymphocytes differ from each other by less than from other cells.
_TREE: dict[str, tuple[tuple[str, ...], float]] = {
    "lymphoid": (("B cell", "plasma cell", "CD4 T cell", "CD8 T cell", "NK cell"), 0.9),
    "B lineage": (("B cell", "plasma cell"), 1.0),
    "T and NK": (("CD4 T cell", "CD8 T cell", "NK cell"), 0.9),
    "T": (("CD4 T cell", "CD8 T cell"), 0.6),
    "cytotoxic": (("CD8 T cell", "NK cell"), 0.6),
    "myeloid": (("monocyte", "dendritic cell"), 1.1),
    "B cell": (("B cell",), 0.85),
    "CD4 T cell": (("CD4 T cell",), 0.6),
    "CD8 T cell": (("CD8 T cell",), 0.6),
    "NK cell": (("NK cell",), 0.8),
    "monocyte": (("monocyte",), 0.85),
    "dendritic cell": (("dendritic cell",), 0.8),
    "plasma cell": (("plasma cell",), 1.1),
    "megakaryocyte": (("megakaryocyte",), 1.3),
}
NODES = tuple(_TREE)
"""Nodes of the lineage tree, as names of programmes."""

_HOUSEKEEPING = 900  # genes that all types express alike
_MARKERS = 10  # strongly regulated genes of a node
_UBIQUITOUS = 4  # factors that are active in all types
_MODULE = 40  # genes under the control of the enhancer, apart from coding genes of proteins
_MODULE_PROTEINS = 8
_STATES = 3  # programmes that vary from cell to cell within every type, such as the cell cycle
_FUNCTIONAL, _NEUTRAL = 3, 6  # variants of the enhancer
_POPULATIONS = 6  # every sixth donor is of the second population


@dataclass(frozen=True)
class World:
    """What all donors of a seed share.

    Attributes:
        motifs: of each factor, log-odds against even composition, `(positions, 4)` in the order A, C, G, T.
        activity: of the factors in each type, `(types, factors)`, 0 to about 1.3.
        binding: strength with which factors open peaks, `(peaks, factors)`, mostly 0.
        openness: log-odds that a peak is open, `(types, peaks)`.
        peak_gene: the gene that each peak regulates, `(peaks,)`.
        peak_effect: what the open peak adds to the log expression of its gene, `(peaks,)`.
        baseline: log expression of the genes with all peaks half open, `(genes,)`.
        deviation: what the peaks of a type add to it, `(types, genes)`.
        size: of the negative binomial, `(genes,)`: variance = mean + mean^2 / size.
        gene_node: the position in `NODES` of the programme that owns each gene, -1 for housekeeping, `(genes,)`.
        state_genes: log expression per unit of each state, `(states, genes)`.
        state_peaks: log-odds per unit of each state, `(states, peaks)`.
        module: log expression per unit of enhancer activity, `(genes,)`, 0 outside the module.
        module_proteins: proteins whose coding gene is in the module, ascending.
        coding: the coding gene of each protein, `(proteins,)`.
        protein_base: log abundance of each protein where its gene is at its baseline, `(proteins,)`.
        protein_gain: how strongly it follows its gene, `(proteins,)`.
        enhancer: the reference sequence.
        sites: factor, start and effect of each functional site of the enhancer.
        variants: position and alternative nucleotide, those in the sites first.
        enhancer_peak: the peak in which the enhancer lies.
    """

    motifs: tuple[np.ndarray, ...]
    activity: np.ndarray
    binding: np.ndarray
    openness: np.ndarray
    peak_gene: np.ndarray
    peak_effect: np.ndarray
    baseline: np.ndarray
    deviation: np.ndarray
    size: np.ndarray
    gene_node: np.ndarray
    state_genes: np.ndarray
    state_peaks: np.ndarray
    module: np.ndarray
    module_proteins: np.ndarray
    coding: np.ndarray
    protein_base: np.ndarray
    protein_gain: np.ndarray
    enhancer: str
    sites: tuple[tuple[int, int, float], ...]
    variants: tuple[tuple[int, str], ...]
    enhancer_peak: int

    def dna(self, alleles: np.ndarray) -> str:
        """The enhancer with the alternative nucleotide wherever `alleles` `(variants,)` is 1."""
        letters = list(self.enhancer)
        for allele, (position, letter) in zip(alleles, self.variants, strict=True):
            if allele:
                letters[position] = letter
        return "".join(letters)

    def enhancer_activity(self, dna: str) -> float:
        """Activity of an enhancer by what binds at its sites, about -1 to 1; 0 is half way between the extremes."""
        total = 0.0
        for factor, start, effect in self.sites:
            motif = self.motifs[factor]
            weight = site_weight(motif, dna[start : start + len(motif)])
            total += effect * (weight / (1 + weight) - 0.5)
        return total


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
    state = random.standard_normal(_STATES)
    library = donor.library * np.exp(0.3 * random.standard_normal())
    counts = draw_counts(random, expected_counts(world, donor, cell_type, library, state), world.size)

    odds = donor.openness[cell_type] + state @ world.state_peaks
    open_share = 1 / (1 + np.exp(-odds))
    # Few of the open peaks are tagged and sequenced: how many depends on the depth, not on how many are open.
    seen = min(350 * np.exp(0.35 * random.standard_normal()) / open_share.sum(), 1.0)
    peaks = np.flatnonzero(random.random(PEAKS) < seen * open_share)

    log_proteins = donor.log_proteins[cell_type] + world.protein_gain * (state @ world.state_genes[:, world.coding])
    expected = np.exp(log_proteins - log_proteins.max())
    noisy = expected * np.exp(donor.translation_noise * random.standard_normal(len(PROTEINS)))
    depth = 2500 * np.exp(0.35 * random.standard_normal())
    # A few antibodies stick to any cell.
    shares = 0.95 * noisy / noisy.sum() + 0.05 / len(PROTEINS)
    return Cell(
        counts=counts,
        peaks=peaks,
        proteins=random.poisson(depth * shares),
        library=float(library),
        state=state,
        expected_proteins=0.95 * expected / expected.sum() + 0.05 / len(PROTEINS),
    )


def expected_counts(
    world: World, donor: Donor, cell_type: int | slice, library: float, state: np.ndarray
) -> np.ndarray:
    """Mean number of molecules of each gene, `(genes,)`, or `(types, genes)` for a slice of types."""
    expression = np.exp(donor.log_means[cell_type] + state @ world.state_genes)
    own = (1 - donor.ambient_share) / expression.sum(-1, keepdims=True) * expression
    return library * (own + donor.ambient_share * donor.ambient)


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
    block, place = divmod(number, 2**_FUNCTIONAL)
    order = random_of(simulation.seed, "regulation", "alleles", block).permutation(2**_FUNCTIONAL)
    functional = (int(order[place]) >> np.arange(_FUNCTIONAL)) & 1
    alleles = np.concatenate([functional, random.random(_NEUTRAL) < 0.35]).astype(int)
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


@lru_cache(maxsize=4)
def world_of(seed: int) -> World:
    """The world of a seed: the same one in every process."""
    random = random_of(seed, "regulation", "world")
    types, genes = len(SYNTHETIC_CELL_TYPES), len(GENES)
    below = np.array([[name in members for name in SYNTHETIC_CELL_TYPES] for members, _ in _TREE.values()], float)
    strengths = np.array([strength for _, strength in _TREE.values()])

    factor_node = np.concatenate([np.full(_UBIQUITOUS, -1), np.arange(FACTORS - _UBIQUITOUS) % len(NODES)])
    activity = np.where(factor_node[:, None] < 0, 1.0, (strengths[:, None] * below)[factor_node]).T
    activity = activity + 0.05 * np.abs(random.standard_normal((types, FACTORS)))

    gene_node = np.full(genes, -1)
    regulated = random.permutation(genes)[_HOUSEKEEPING:]
    gene_node[regulated] = np.arange(len(regulated)) % len(NODES)
    strong = regulated[: _MARKERS * len(NODES)]

    # Every gene has a promoter; regulated genes have most of the remaining peaks.
    peak_gene = np.concatenate([np.arange(genes), random.choice(regulated, PEAKS - genes)])
    binding = np.zeros((PEAKS, FACTORS))
    own = random.integers(0, _UBIQUITOUS, PEAKS)
    for node in range(len(NODES)):
        peaks = np.flatnonzero(gene_node[peak_gene] == node)
        own[peaks] = random.choice(np.flatnonzero(factor_node == node), len(peaks))
    binding[np.arange(PEAKS), own] = random.uniform(3, 5, PEAKS)
    binding[np.arange(PEAKS), random.integers(0, FACTORS, PEAKS)] += random.uniform(0, 1, PEAKS)
    constitutive = gene_node[peak_gene] < 0
    threshold = np.where(constitutive, random.uniform(1.5, 3.5, PEAKS), random.uniform(2.0, 3.5, PEAKS))
    openness = activity @ binding.T - threshold

    effect = random.gamma(0.8, 0.7, genes) * np.where(random.random(genes) < 0.2, -1, 1)
    effect[strong] = random.uniform(2.0, 3.5, len(strong))
    effect[gene_node < 0] = 0
    share = random.uniform(0.5, 1, PEAKS)
    share /= np.bincount(peak_gene, share, genes)[peak_gene]
    peak_effect = share * effect[peak_gene]
    half_open = 1 / (1 + np.exp(-openness)) - 0.5
    deviation = np.stack([np.bincount(peak_gene, peak_effect * row, genes) for row in half_open])

    baseline = random.normal(0, 1.35, genes) + 0.3 * (gene_node < 0)
    baseline[strong] = random.normal(0.0, 0.7, len(strong))
    # One marker of every programme, another one of every type, and two genes that say little: 24 proteins.
    markers = [strong[gene_node[strong] == node] for node in range(len(NODES))]
    types_from = len(NODES) - types
    coding = np.array([own[0] for own in markers] + [own[1] for own in markers[types_from:]])
    coding = np.concatenate([coding, regulated[len(strong) :][: len(PROTEINS) - len(coding)]])
    baseline[coding] = random.normal(-0.9, 0.4, len(coding))

    module_proteins = np.sort(random.permutation(len(PROTEINS))[:_MODULE_PROTEINS])
    module = np.zeros(genes)
    others = random.permutation(np.setdiff1d(regulated, np.concatenate([coding, strong])))[:_MODULE]
    for members, size in ((others, 0.8), (coding[module_proteins], 1.0)):
        # As many genes go up as down, so that the sum of all does not tell.
        module[members] = size * np.where(np.arange(len(members)) % 2, -1, 1)
    baseline[others] = random.normal(-1.2, 0.5, _MODULE)

    motifs = draw_motifs(random, FACTORS)
    enhancer, sites, variants = _enhancer(random, motifs)
    loaded = random.random((_STATES, genes)) < 0.06
    return World(
        motifs=motifs,
        activity=activity,
        binding=binding,
        openness=openness,
        peak_gene=peak_gene,
        peak_effect=peak_effect,
        baseline=baseline,
        deviation=deviation,
        size=random.lognormal(np.log(3.0), 0.5, genes),
        gene_node=gene_node,
        state_genes=np.where(loaded, random.normal(0, 0.4, (_STATES, genes)), 0.0),
        state_peaks=np.where(random.random((_STATES, PEAKS)) < 0.06, random.normal(0, 0.6, (_STATES, PEAKS)), 0.0),
        module=module,
        module_proteins=module_proteins,
        coding=coding,
        protein_base=random.normal(0, 0.6, len(PROTEINS)),
        protein_gain=random.uniform(1.2, 1.7, len(PROTEINS)),
        enhancer=enhancer,
        sites=sites,
        variants=variants,
        enhancer_peak=int(random.integers(genes, PEAKS)),
    )


def draw_motifs(random: np.random.Generator, number: int) -> tuple[np.ndarray, ...]:
    """Motifs of 6 to 10 nucleotides as log-odds `(positions, 4)` against even composition.

    Half of the nucleotides of every consensus are G or C, so that the composition of a sequence does not tell which sites
    it has, and no two motifs share five nucleotides in a row on either strand.
    """
    motifs: list[np.ndarray] = []
    taken: set[str] = set()
    while len(motifs) < number:
        length = 6 + len(motifs) % 5
        strong = random.permutation(length) < (length + len(motifs) // 5 % 2) // 2
        consensus = np.where(strong, random.integers(1, 3, length), 3 * random.integers(0, 2, length))
        words = {"".join(NUCLEOTIDES[base] for base in consensus[start : start + 5]) for start in range(length - 4)}
        words |= {reverse_complement(word) for word in words}
        if words & taken:
            continue
        taken |= words
        # Short motifs are strict and long ones loose: all bind about as specifically.
        certainty = random.uniform(0.97 - 0.03 * (length - 6), 0.99 - 0.02 * (length - 6), length)
        probabilities = random.dirichlet(np.full(4, 4.0), length) * (1 - certainty[:, None])
        probabilities[np.arange(length), consensus] += certainty
        motifs.append(np.log(probabilities / 0.25))
    return tuple(motifs)


def reverse_complement(dna: str) -> str:
    """The other strand, 5' to 3'."""
    return dna[::-1].translate(str.maketrans("ACGT", "TGCA"))


def encode(dna: str) -> np.ndarray:
    """Positions of the nucleotides in A, C, G, T, `(nucleotides,)`.

    Raises:
        ValueError: another letter.
    """
    codes = np.frombuffer(dna.translate(str.maketrans("ACGT", "\x00\x01\x02\x03")).encode(), dtype=np.uint8)
    if (codes > 3).any():
        raise ValueError(f"Expected DNA of the letters A, C, G and T, got {dna!r}.")
    return codes


def site_weight(motif: np.ndarray, dna: str) -> float:
    """Statistical weight of the factor bound to `dna`, as long as the motif; the free site weighs 1.

    The consensus weighs `CONSENSUS_WEIGHT`; every mismatch costs what the motif says, in units of kT.
    """
    scores = motif[np.arange(len(motif)), encode(dna)]
    return CONSENSUS_WEIGHT * float(np.exp((scores - motif.max(1)).sum()))


def _enhancer(
    random: np.random.Generator, motifs: tuple[np.ndarray, ...]
) -> tuple[str, tuple[tuple[int, int, float], ...], tuple[tuple[int, str], ...]]:
    """The reference sequence, its sites of factors that are active in all cells, and where donors differ."""
    letters = [NUCLEOTIDES[base] for base in random.integers(0, 4, ENHANCER_LENGTH)]
    sites, variants, free = [], [], np.ones(ENHANCER_LENGTH, bool)
    for number, effect in enumerate((1.0, 0.8, -0.9)):
        motif = motifs[number]
        start = 40 * number + int(random.integers(0, 40 - len(motif)))
        letters[start : start + len(motif)] = [NUCLEOTIDES[base] for base in motif.argmax(1)]
        free[start : start + len(motif)] = False
        sites.append((number, start, effect))
        worst = int((motif.max(1) - motif.min(1)).argmax())
        variants.append((start + worst, NUCLEOTIDES[motif[worst].argmin()]))
    for position in random.permutation(np.flatnonzero(free))[:_NEUTRAL]:
        others = [letter for letter in NUCLEOTIDES if letter != letters[position]]
        variants.append((int(position), others[int(random.integers(3))]))
    return "".join(letters), tuple(sites), tuple(variants)
