"""DNA motifs of simulated transcription factors: how strongly each site binds.

The weight of a bound site falls exponentially with the mismatch to the motif (Berg, von Hippel, J. Mol. Biol. 193, 723,
1987).
"""

from __future__ import annotations

import numpy as np

NUCLEOTIDES = "ACGT"
CONSENSUS_WEIGHT = 8.0
"""Statistical weight of a factor bound to the consensus of its motif; a free site weighs 1."""


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
