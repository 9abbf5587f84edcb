"""Gene regulation of simulated blood cells: from DNA over chromatin and RNA to surface proteins.

One world per seed. Transcription factors bind DNA as their `motifs` say. Factors of a cell type and of its ancestors in the
lineage tree open chromatin peaks, open peaks raise the expression of the genes they are linked to, and surface proteins
follow the expression of their coding gene. Variants in one enhancer change what binds there, and so a module of genes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ...sources import SYNTHETIC_CELL_TYPES
from ..patient import random_of
from .motifs import NUCLEOTIDES, draw_motifs, site_weight

GENES = tuple(f"SIM-G{number:04d}" for number in range(1, 2001))
PROTEINS = tuple(f"SIM-P{number:02d}" for number in range(1, 25))
PEAKS = 3000
PEAK_NAMES = tuple(f"SIM-PEAK{number:04d}" for number in range(1, PEAKS + 1))
FACTORS = 40
"""Transcription factors."""

ENHANCER_LENGTH = 120
"""Nucleotides of the enhancer that differs between donors."""

FUNCTIONAL_VARIANTS, NEUTRAL_VARIANTS = 3, 6
"""Variants of the enhancer: one in each of its sites, and others."""

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

    @cached_property
    def stateful_genes(self) -> tuple[np.ndarray, np.ndarray]:
        """The genes that any state moves, ascending, `(n,)`, and `state_genes` of these, `(states, n)`."""
        return _moved(self.state_genes)

    @cached_property
    def stateful_peaks(self) -> tuple[np.ndarray, np.ndarray]:
        """The peaks that any state moves, ascending, `(n,)`, and `state_peaks` of these, `(states, n)`."""
        return _moved(self.state_peaks)

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


def _moved(effects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    moved = np.flatnonzero(effects.any(0))
    return moved, np.ascontiguousarray(effects[:, moved])


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
    for position in random.permutation(np.flatnonzero(free))[:NEUTRAL_VARIANTS]:
        others = [letter for letter in NUCLEOTIDES if letter != letters[position]]
        variants.append((int(position), others[int(random.integers(3))]))
    return "".join(letters), tuple(sites), tuple(variants)
