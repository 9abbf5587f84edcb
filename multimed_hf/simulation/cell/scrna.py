"""Rows of simulated blood cells: RNA, open chromatin, surface proteins and the donor's DNA, see `cells`.

A cell gives two rows: one to be typed, and one whose surface proteins, counted by antibodies with DNA tags, are predicted
(CITE-seq: Stoeckius et al., Nat. Methods 14, 865, 2017). The proteins are never an input, and RNA is normalised by RNA
alone. Part of the rows has open peaks and the enhancer of the donor as well. A module of genes, some coding for
proteins, follows the activity of this enhancer; their RNA is sparse, so that DNA tells more of these proteins than RNA does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ...data.splits import split_of_rank
from ...sources import SYNTHETIC_CELL_TYPES
from ..generator import SubsetGenerator
from ..patient import SITES, Patient, draw_patient, random_of
from ..settings import Simulation
from .cells import Cell, donor_of, expected_counts, is_second_population, log_likelihood, simulate_cell
from .regulation import GENES, PEAK_NAMES, PROTEINS, world_of

COUNTS_PER_CELL = 10_000

CELLS_PER_DONOR = 75

HELD_OUT_TYPE = "dendritic cell"
"""The type that only the test split has, under the shift 'cell_type'."""

FREQUENCIES: Mapping[str, float] = {
    "B cell": 0.12,
    "CD4 T cell": 0.30,
    "CD8 T cell": 0.20,
    "NK cell": 0.10,
    "monocyte": 0.20,
    "dendritic cell": 0.04,
    "plasma cell": 0.01,
    "megakaryocyte": 0.03,
}
"""Part of the cells of each type in a blood sample, on average over donors."""

_CHROMATIN_OF_TYPED = 0.3  # part of the rows to be typed that has peaks and DNA
_CHROMATIN_OF_PREDICTED = 0.5
_DONORS_ALIKE = 60.0  # concentration of the Dirichlet distribution of the composition of a donor's blood


class Generator(SubsetGenerator):
    """Rows of `scrna`. Cell `member // 2` of a donor is to be typed in an even row, and to be predicted in an odd one.

    With label noise, a type is another one, and the proteins are those of another cell of the donor.
    """

    subset = "scrna"
    conditions = FREQUENCIES
    rows = 3000
    cohort = 20
    members = 2 * CELLS_PER_DONOR
    shifts = ("donor", "site", "cell_type")
    genes = (*GENES, *PROTEINS)
    peaks = PEAK_NAMES

    def patient(self, number: int) -> Patient:
        return _donor(self.simulation, number)

    def cell_type(self, number: int, cell: int) -> str:
        """The true type of a cell of donor `number`."""
        batch, place = divmod(cell, CELLS_PER_DONOR)
        return SYNTHETIC_CELL_TYPES[_batch(self.simulation, number, batch).types[place]]

    def split(self, index: int) -> str:
        """As the base class says. The shift 'donor' holds out the donors of the second population, whose batch effects are
        stronger; 'cell_type' leaves `HELD_OUT_TYPE` out of train and validation.
        """
        number, member = self.place(index)
        dealt = split_of_rank(number)
        if self.simulation.shift == "donor":
            if is_second_population(number):
                return "test"
            return "train" if dealt == "test" else dealt
        if self.simulation.shift == "cell_type":
            return "" if dealt != "test" and self.cell_type(number, member // 2) == HELD_OUT_TYPE else dealt
        return super().split(index)

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        cell, asks_proteins = divmod(member, 2)
        place = cell % CELLS_PER_DONOR
        batch = _batch(self.simulation, patient.number, cell // CELLS_PER_DONOR)
        simulated, expressed, values = _cell(self.simulation, patient.number, cell)
        annotated = SYNTHETIC_CELL_TYPES[batch.annotated[place]]
        row: dict[str, Any] = {
            "has_scrna": True,
            "gene_index": expressed.copy(),
            "gene_value": values.copy(),
            "donor": f"donor-{patient.number:03d}",
            "site": patient.site,
        }
        if asks_proteins:
            proteins = self._other_proteins(patient, cell) if batch.mistaken[place] else simulated.proteins
            row |= {
                "expression_index": list(range(len(GENES), len(GENES) + len(PROTEINS))),
                "expression": normalise(proteins).tolist(),
                "stratum": annotated,
            }
        else:
            row["cell_type"] = annotated
        if batch.chromatin[place][asks_proteins]:
            dna = donor_of(self.simulation, patient.number, patient.site).dna
            row |= {"has_genomics": True, "dna": dna, "peak_index": simulated.peaks.tolist()}
        return row

    def _other_proteins(self, patient: Patient, cell: int) -> np.ndarray:
        """Surface proteins of another cell of the donor, for those of a cell that are mistaken."""
        random = patient.random("label noise", "proteins", cell)
        types = _batch(self.simulation, patient.number, cell // CELLS_PER_DONOR).types
        donor = donor_of(self.simulation, patient.number, patient.site)
        return simulate_cell(world_of(self.simulation.seed), donor, int(random.choice(types)), random).proteins

    def notes(self) -> list[str]:
        # Neither the labels' noise nor what is held out changes the cells.
        best = best_scores(replace(self.simulation, label_noise=0.0, shift="none"))
        noise, others = self.simulation.label_noise, len(SYNTHETIC_CELL_TYPES) - 1
        kept = [score * (1 - noise) + (1 - score) * noise / others for score in (best.accuracy, best.balanced_accuracy)]
        return [
            *super().notes(),
            f"An observer who knows all means, donor effects, depth and state of a cell tells its type from RNA alone with "
            f"an accuracy of {kept[0]:.3f} and a balanced accuracy of {kept[1]:.3f} (maximum posterior, estimated on "
            f"{best.cells} cells).",
            f"Noise ceiling of the surface proteins: Pearson's r {best.pearson * (1 - noise):.3f} on average over the "
            f"{len(PROTEINS)} of them, reached by their expected shares (estimated on {best.cells} cells).",
        ]


def normalise(counts: np.ndarray) -> np.ndarray:
    """log1p counts per 10,000 of a cell, float32 of the same shape; zeros for a cell without counts."""
    return np.log1p(counts * (COUNTS_PER_CELL / max(int(counts.sum()), 1))).astype(np.float32)


@dataclass(frozen=True)
class BestScores:
    """What the latent model allows, without label noise.

    Attributes:
        accuracy: of cell types at their prevalence.
        balanced_accuracy: mean recall of a classifier that takes all types as equally likely.
        pearson: correlation of measured with expected proteins, averaged over proteins.
        cells: on how many cells the three were estimated.
    """

    accuracy: float
    balanced_accuracy: float
    pearson: float
    cells: int


@lru_cache(maxsize=16)
def best_scores(simulation: Simulation, cells_per_type: int = 50, donors: int = 10) -> BestScores:
    """The scores of an observer of RNA who knows everything but the cell type, and of the expected proteins.

    The likelihood of the counts of a cell is known exactly given its depth, its state and its donor.
    """
    world, random = world_of(simulation.seed), random_of(simulation.seed, "scrna", "best scores")
    population = [donor_of(simulation, number, _donor(simulation, number).site) for number in range(donors)]
    truth = np.repeat(np.arange(len(SYNTHETIC_CELL_TYPES)), cells_per_type)
    weights = _frequencies(simulation)
    likelihoods, expected, measured = [], [], []
    for place, cell_type in enumerate(truth.tolist()):
        donor = population[place % donors]
        cell = simulate_cell(world, donor, cell_type, random)
        means = expected_counts(world, donor, slice(None), cell.library, cell.state)
        likelihoods.append(log_likelihood(cell.counts, means, world.size))
        expected.append(np.log1p(COUNTS_PER_CELL * cell.expected_proteins))
        measured.append(normalise(cell.proteins))
    likelihood = np.array(likelihoods)
    right = (likelihood + np.log(weights)).argmax(1) == truth
    right_if_even = likelihood.argmax(1) == truth
    return BestScores(
        accuracy=float(right.reshape(-1, cells_per_type).mean(1) @ weights),
        balanced_accuracy=float(right_if_even.mean()),
        pearson=float(_correlation(np.array(expected), np.array(measured), weights[truth]).mean()),
        cells=len(truth),
    )


def _correlation(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted Pearson correlation of each column, `(columns,)`."""
    share = (weights / weights.sum())[:, None]
    first, second = first - (share * first).sum(0), second - (share * second).sum(0)
    spread = np.sqrt((share * first**2).sum(0) * (share * second**2).sum(0))
    return (share * first * second).sum(0) / spread


def _frequencies(simulation: Simulation) -> np.ndarray:
    if simulation.prevalence == "balanced":
        return np.full(len(SYNTHETIC_CELL_TYPES), 1 / len(SYNTHETIC_CELL_TYPES))
    weights = np.array([FREQUENCIES[name] for name in SYNTHETIC_CELL_TYPES])
    return weights / weights.sum()


@lru_cache(maxsize=256)
def _donor(simulation: Simulation, number: int) -> Patient:
    """Donor `number`. Six donors in a row have each site once, so that small builds hold every site."""
    block, place = divmod(number, len(SITES))
    order = random_of(simulation.seed, "scrna", "sites", block).permutation(len(SITES))
    patient = draw_patient(simulation, "scrna", number, FREQUENCIES)
    return replace(patient, site=SITES[int(order[place])])


@dataclass(frozen=True)
class _Batch:
    """What is drawn for `CELLS_PER_DONOR` cells of a donor at once, each of that length.

    Attributes:
        types: as positions in `SYNTHETIC_CELL_TYPES`.
        annotated: the types that the rows tell, some of them wrong.
        mistaken: whether the proteins are told of another cell.
        chromatin: whether the row to be typed and the one to be predicted have peaks and DNA.
    """

    types: list[int]
    annotated: list[int]
    mistaken: list[bool]
    chromatin: list[list[bool]]


@lru_cache(maxsize=256)
def _batch(simulation: Simulation, number: int, batch: int) -> _Batch:
    """Cells `batch * CELLS_PER_DONOR` onwards of a donor."""
    random = random_of(simulation.seed, "scrna", "types", number, batch)
    count = len(SYNTHETIC_CELL_TYPES)
    if simulation.prevalence == "balanced":
        rounds = [random.permutation(count) for _ in range(-(-CELLS_PER_DONOR // count))]
        types = np.concatenate(rounds)[:CELLS_PER_DONOR]
    else:
        donor = random_of(simulation.seed, "scrna", "composition", number)
        types = random.choice(count, CELLS_PER_DONOR, p=donor.dirichlet(_DONORS_ALIKE * _frequencies(simulation)))
    noise = random_of(simulation.seed, "scrna", "label noise", number, batch)
    wrong, mistaken = noise.random((2, CELLS_PER_DONOR)) < simulation.label_noise
    others = (types + noise.integers(1, count, CELLS_PER_DONOR)) % count
    chromatin = random_of(simulation.seed, "scrna", "chromatin", number, batch).random((CELLS_PER_DONOR, 2))
    return _Batch(
        types=types.tolist(),
        annotated=np.where(wrong, others, types).tolist(),
        mistaken=mistaken.tolist(),
        chromatin=(chromatin < (_CHROMATIN_OF_TYPED, _CHROMATIN_OF_PREDICTED)).tolist(),
    )


# Both rows of a cell are made within one round of the cohort.
@lru_cache(maxsize=64)
def _cell(simulation: Simulation, number: int, cell: int) -> tuple[Cell, list[int], list[float]]:
    """A cell, the genes it expresses, ascending, and their normalised expression."""
    patient = _donor(simulation, number)
    batch, place = divmod(cell, CELLS_PER_DONOR)
    cell_type = _batch(simulation, number, batch).types[place]
    donor = donor_of(simulation, number, patient.site)
    simulated = simulate_cell(world_of(simulation.seed), donor, cell_type, patient.random("cell", cell))
    expressed = np.flatnonzero(simulated.counts)
    return simulated, expressed.tolist(), normalise(simulated.counts[expressed]).tolist()
