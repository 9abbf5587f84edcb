"""Sequences of simulated proteins, which say what structure each residue takes.

Residues of helices and strands are drawn by how much they like to be there (Chou, Fasman, Adv. Enzymol. 47, 45, 1978), more
hydrophobic ones where the chain is buried (Kyte, Doolittle, J. Mol. Biol. 157, 105, 1982). Helices begin behind a cap and
end before glycine or asparagine (Aurora, Rose, Protein Sci. 7, 21, 1998), and each residue of a loop, together with the
next, names its region of the Ramachandran plot. States of residues are the letters of `fold.TORSIONS`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..settings import Simulation

# One letter each; share of residues in proteins in percent; how much more often than elsewhere they are found in helices
# and strands (Chou, Fasman); hydropathy (Kyte, Doolittle).
RESIDUES = "ARNDCQEGHILKMFPSTWYV"
_SHARE, _IN_HELICES, _IN_STRANDS, _HYDROPATHY = (
    np.array(row.split(), float)
    for row in (
        "8.3 5.5 4.1 5.5 1.4 3.9 6.7 7.1 2.3 5.9 9.7 5.8 2.4 3.9 4.7 6.6 5.3 1.1 2.9 6.9",
        "1.42 .98 .67 1.01 .70 1.11 1.51 .57 1.00 1.08 1.21 1.16 1.45 1.13 .57 .77 .83 1.08 .69 1.06",
        ".83 .93 .89 .54 1.19 1.10 .37 .75 .87 1.60 1.30 .74 1.05 1.38 .55 .75 1.19 1.37 1.47 1.70",
        "1.8 -4.5 -3.5 -3.5 2.5 -3.5 -3.5 -.4 -3.2 4.5 3.8 -3.9 1.9 2.8 -1.6 -.8 -.7 -.9 -1.3 4.2",
    )
)

PROPENSITY = {"H": _IN_HELICES, "E": _IN_STRANDS}
"""How much more often than elsewhere each of `RESIDUES` is found in helices and strands."""

SMALL = "GNDSP"
REGIONS = dict(zip("GNDEAKQSHRTP", "lm ml ar ab ap pa ra rb br ba bp pp".split(), strict=True))
"""The region that a residue of a loop takes before one of `SMALL`, and before any other."""

CAPS = "STD"
"""Residues before a helix."""


def says(state: str, small: bool) -> np.ndarray:
    """Which of `RESIDUES` can say a state before one of `SMALL`, or before another one or the end, bool `(20,)`."""
    if state in PROPENSITY:
        return np.ones(len(RESIDUES), bool)
    if state == "c":
        return np.array([letter in CAPS for letter in RESIDUES])
    return np.array([letter in REGIONS and REGIONS[letter][0 if small else 1] == state for letter in RESIDUES])


def residue_weights(simulation: Simulation, states: str, burial: np.ndarray) -> np.ndarray:
    """How often each residue is drawn in each place.

    Args:
        simulation: the settings; the more difficult, the less helices and strands choose.
        states: of the residues.
        burial: how far inside each residue points, 0 to 1, `(residues,)`.

    Returns:
        Weights where the next residue is none of `SMALL`, and where it is one, `(2, residues, 20)`.
    """
    sharpness = simulation.harder(5.0, 2.0)
    row = np.frombuffer(states.encode(), np.uint8)
    weights = _sayings()[:, row] * np.exp(1.2 * (burial[:, None] - 0.5) * _HYDROPATHY)
    for state, propensity in PROPENSITY.items():
        weights[:, row == ord(state)] *= propensity**sharpness
    # Proline and acids begin helices, bases end them: their charges meet the dipole of the helix.
    helix = np.concatenate([[False], row == ord("H"), [False]])
    first, last = (np.flatnonzero(helix[1:-1] & ~beside) for beside in (helix[:-2], helix[2:]))
    weights[:, first[:, None], [RESIDUES.index(letter) for letter in "PDE"]] *= (30.0, 3.0, 3.0)
    weights[:, last[:, None], [RESIDUES.index(letter) for letter in "KR"]] *= 3.0
    return np.asarray(weights)


def draw_sequence(random: np.random.Generator, weights: np.ndarray, ancestor: str = "", changed: float = 1.0) -> str:
    """A sequence that says the states for which the weights are.

    Args:
        random: what it is drawn from.
        weights: see `residue_weights`.
        ancestor: a sequence of as many residues, or none.
        changed: share of its residues that is drawn anew.
    """
    draws, renew = random.random((2, weights.shape[1]))
    sums = weights.cumsum(2)
    letters = (sums <= draws[:, None] * sums[:, :, -1:]).sum(2)
    if ancestor:
        old = np.array([RESIDUES.index(letter) for letter in ancestor])
        kept = (renew > changed) & (weights[:, np.arange(len(old)), old] > 0)
        letters = np.where(kept, old, letters)
    sequence, small = [], False
    # From the end, since a residue of a loop is read together with the next.
    for one, before_small in zip(*letters[:, ::-1].tolist(), strict=True):
        letter = RESIDUES[before_small if small else one]
        small = letter in SMALL
        sequence.append(letter)
    return "".join(reversed(sequence))


@lru_cache(maxsize=1)
def _sayings() -> np.ndarray:
    """Share of the residues that can say a state in all proteins, by the state's character, `(2, 128, 20)`."""
    sayings = np.zeros((2, 128, len(RESIDUES)))
    for state in (*PROPENSITY, "c", *set("".join(REGIONS.values()))):
        for small in (False, True):
            sayings[int(small), ord(state)] = _SHARE * says(state, small)
    return sayings
