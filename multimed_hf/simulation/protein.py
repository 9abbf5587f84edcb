"""Simulated protein chains whose backbone follows from their sequence.

A fold is a row of helices, strands and loops. Helices and strands have the canonical torsion angles, loops take a few
regions of the Ramachandran plot (Ramachandran, Ramakrishnan, Sasisekharan, J. Mol. Biol. 7, 95, 1963), chosen so that
the chain is compact and nowhere collides with itself. Bond lengths and angles are those of Engh and Huber (Acta Cryst.
A 47, 392, 1991), peptides are planar and trans, and the chain is built from its torsions (Parsons et al., J. Comput.
Chem. 26, 1063, 2005).

The sequence says all that: residues of helices and strands are drawn by how much they like to be there (Chou, Fasman,
Adv. Enzymol. 47, 45, 1978), more hydrophobic ones where the chain is buried (Kyte, Doolittle, J. Mol. Biol. 157, 105,
1982), helices begin behind a cap and end before glycine or asparagine (Aurora, Rose, Protein Sci. 7, 21, 1998), and
each residue of a loop, together with the next, names its region. What the sequence leaves open is a deviation of the
angles, the same for all members of a fold, and one of each member, which grows with the number of its mutations
(Chothia, Lesk, EMBO J. 5, 823, 1986).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .generator import SubsetGenerator
from .patient import Patient
from .settings import Simulation

BONDS = {"N-CA": 1.458, "CA-C": 1.525, "C-N": 1.329}
"""Lengths in angstrom."""

ANGLES = {"N-CA-C": 111.2, "CA-C-N": 116.2, "C-N-CA": 121.7}
"""Angles between bonds in degrees."""

LENGTHS = (40, 200)
"""Fewest and most residues of a chain."""

TORSIONS = {
    "H": (-57.0, -47.0),
    "E": (-120.0, 130.0),
    "c": (-94.0, 167.0),
    "a": (-65.0, -40.0),
    "b": (-110.0, 130.0),
    "p": (-70.0, 145.0),
    "r": (-90.0, 0.0),
    "l": (57.0, 35.0),
    "m": (85.0, 5.0),
}
"""Phi and psi in degrees of helix, strand, the cap before a helix, and the regions of loops: right-handed, extended,
polyproline, bridge, and the two left-handed ones of glycine and asparagine."""

# Region that a residue of a loop takes before one of _SMALL, and before any other.
_SMALL = "GNDSP"
_REGIONS = dict(zip("GNDEAKQSHRTP", "lm ml ar ab ap pa ra rb br ba bp pp".split(), strict=True))
_CAPS = "STD"

# One letter each; share of residues in proteins in percent; how much more often than elsewhere they are found in helices
# and strands (Chou, Fasman); hydropathy (Kyte, Doolittle).
_RESIDUES = "ARNDCQEGHILKMFPSTWYV"
_SHARE, _IN_HELICES, _IN_STRANDS, _HYDROPATHY = (
    np.array(row.split(), float)
    for row in (
        "8.3 5.5 4.1 5.5 1.4 3.9 6.7 7.1 2.3 5.9 9.7 5.8 2.4 3.9 4.7 6.6 5.3 1.1 2.9 6.9",
        "1.42 .98 .67 1.01 .70 1.11 1.51 .57 1.00 1.08 1.21 1.16 1.45 1.13 .57 .77 .83 1.08 .69 1.06",
        ".83 .93 .89 .54 1.19 1.10 .37 .75 .87 1.60 1.30 .74 1.05 1.38 .55 .75 1.19 1.37 1.47 1.70",
        "1.8 -4.5 -3.5 -3.5 2.5 -3.5 -3.5 -.4 -3.2 4.5 3.8 -3.9 1.9 2.8 -1.6 -.8 -.7 -.9 -1.3 4.2",
    )
)
_PROPENSITY = {"H": _IN_HELICES, "E": _IN_STRANDS}

_NOTED = 6  # folds from which the best score is estimated
_CANDIDATES = 96  # loops that are tried at once
_CONTENDERS = 24  # of these, the compact ones that are looked at closely
_ATTEMPTS = 3  # how often other ones are tried, before the chain is shortened again
_RETURNS = 6  # how often that, before it ends here
_CALPHA_DISTANCE = 4.3  # angstrom, of residues that are three or more apart
_PACKING_DISTANCE = 4.7  # of those six or more apart: side chains need room
_ATOM_DISTANCE = 3.0  # of N and C of residues that are not neighbours


@dataclass(frozen=True, eq=False)
class Fold:
    """What the members of a fold share.

    Attributes:
        states: one key of `TORSIONS` a residue.
        torsions: phi and psi in degrees, `(residues, 2)`.
        backbone: N, C-alpha and C in angstrom, `(residues, 3, 3)`.
        burial: how far inside each residue points, 0 to 1, `(residues,)`.
        sequence: of the ancestor, from which the members mutated.
    """

    states: str
    torsions: np.ndarray
    backbone: np.ndarray
    burial: np.ndarray
    sequence: str


class Generator(SubsetGenerator):
    """Rows of `protein`: members of a fold, which differ by mutations. The condition is the class of the fold."""

    subset = "protein"
    conditions = {"all alpha": 0.25, "all beta": 0.2, "alpha/beta": 0.35, "alpha+beta": 0.2}
    members = 4
    shifts = ()

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        sequence, backbone = simulate_chain(patient, member)
        resolved = _resolved(patient, member, fold_of(patient).states)
        backbone[~resolved] = 0
        return {"has_protein": True, "protein": sequence, "backbone": backbone, "resolved": resolved}

    def notes(self) -> list[str]:
        from ..metrics.structure import tm_score

        folds = [fold_of(self.patient(number)) for number in range(_NOTED)]
        ideal = [build_backbone(_canonical(fold.states))[:, 1] for fold in folds]
        score = np.mean([tm_score(guess, fold.backbone[:, 1]) for guess, fold in zip(ideal, folds, strict=True)])
        return [
            *super().notes(),
            "Sequences tell helices, strands and loops, but not how far angles deviate from theirs: reading every one right "
            f"gives a TM-score of {score:.2f}, on average over the first {_NOTED} folds.",
        ]


def simulate_chain(patient: Patient, member: int) -> tuple[str, np.ndarray]:
    """One member of the fold that a patient stands for.

    Args:
        patient: of the subset `protein`.
        member: 0 or more; each has its own mutations, 30 to 95 % of the residues of two members are the same.

    Returns:
        The sequence, and N, C-alpha and C of each residue in angstrom, float32 `(residues, 3, 3)`, turned at random
        about their mean.
    """
    fold = fold_of(patient)
    random = patient.random("member", member)
    changed = random.uniform(0.05, patient.simulation.harder(0.35, 0.48))
    sequence = _sequence(random, patient.simulation, fold.states, fold.burial, fold.sequence, changed)
    different = sum(one != other for one, other in zip(sequence, fold.sequence, strict=True)) / len(sequence)
    backbone = _relax(random, fold, 0.4 * math.exp(1.87 * different))
    turn, upper = np.linalg.qr(random.normal(size=(3, 3)))
    turn *= np.sign(np.diag(upper))
    turn[:, 0] *= np.linalg.det(turn)
    return sequence, ((backbone - backbone.mean((0, 1))) @ turn).astype(np.float32)


@lru_cache(maxsize=64)
def fold_of(patient: Patient) -> Fold:
    """The fold that a patient stands for: the first of some that is long and round enough, as growing chains get stuck."""
    for attempt in range(100):
        states, torsions = _grow(patient.random("fold", attempt), patient)
        backbone = build_backbone(torsions)
        alphas = backbone[:, 1]
        if len(states) >= LENGTHS[0] and _radius(alphas, alphas[None, :0])[0] < 1.4:
            burial = _burial(backbone)
            sequence = _sequence(patient.random("ancestor"), patient.simulation, states, burial)
            return Fold(states, torsions, backbone, burial, sequence)
    raise AssertionError("Expected a compact chain of 40 residues in 100 attempts.")


def build_backbone(torsions: np.ndarray) -> np.ndarray:
    """The backbone with these torsion angles, from the N to the C terminus.

    Args:
        torsions: phi and psi of each residue in degrees, `(..., residues, 2)`; the first phi and the last psi do nothing.

    Returns:
        N, C-alpha and C in angstrom, `(..., residues, 3, 3)`. The first C-alpha lies at the origin.
    """
    angles = np.moveaxis(torsions, -2, 0)
    atoms, _, _ = _extend(np.eye(3), _FIRST[2], angles[:-1, ..., 1], angles[1:, ..., 0])
    rest = np.moveaxis(atoms, (2, 0, 1), (-3, -2, -1))
    return np.concatenate([np.broadcast_to(_FIRST, (*rest.shape[:-3], 1, 3, 3)), rest], axis=-3)


def _extend(
    frame: np.ndarray, end: np.ndarray, psi: np.ndarray, phi: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Adds residues to a chain. Axes of vectors and matrices come first here, which keeps numpy's loops long.

    Args:
        frame: axes of the last bond from C-alpha to C, as columns: along it, in the plane with N, across the plane.
        end: the last C.
        psi, phi: of the residue before each peptide and of the one behind it, degrees, `(residues, ...)`.

    Returns:
        N, C-alpha and C of the new residues, `(3, xyz, residues, ...)`, and the frame and the C of each.
    """
    one = _turn(psi, ANGLES["CA-C-N"])
    two = _times(one, _wide(_TRANS, psi))
    frames = _times(two, _turn(phi, ANGLES["N-CA-C"]))
    nitrogen = one[:, 0] * BONDS["C-N"]
    alpha = nitrogen + two[:, 0] * BONDS["N-CA"]
    ends = alpha + frames[:, 0] * BONDS["CA-C"]
    # Frame and C of every residue as seen from the start, by doubling the span that is known.
    span = 1
    while span < len(psi):
        known = frames[:, :, :-span]
        moved = _times(known, ends[:, None, span:])[:, 0] + ends[:, :-span]
        ends = np.concatenate([ends[:, :span], moved], axis=1)
        frames = np.concatenate([frames[:, :, :span], _times(known, frames[:, :, span:])], axis=2)
        span *= 2
    start, origin = _wide(frame, psi), _wide(end, psi)
    frames = _times(start, frames)
    ends = origin + _times(start, ends[:, None])[:, 0]
    others = psi.shape[1:]
    before = np.concatenate([np.broadcast_to(start, (3, 3, 1, *others)), frames[:, :, :-1]], axis=2)
    since = np.concatenate([np.broadcast_to(origin, (3, 1, *others)), ends[:, :-1]], axis=1)
    nitrogen, alpha = (_times(before, place[:, None])[:, 0] + since for place in (nitrogen, alpha))
    return np.stack([nitrogen, alpha, ends]), frames, ends


def _wide(values: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """`values`, of the type of `psi`, with as many axes more."""
    return values.reshape(*values.shape, *[1] * psi.ndim).astype(psi.dtype)


def _times(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Products of many matrices `(3, 3, ...)` and `(3, n, ...)`."""
    product = one[:, 0, None] * other[None, 0]
    product = product + one[:, 1, None] * other[None, 1]
    product += one[:, 2, None] * other[None, 2]
    return np.asarray(product)


def _turn(torsion: np.ndarray, angle: float) -> np.ndarray:
    """Axes `(3, 3, ...)` of the next bond as columns, seen from the last: turned by a torsion, bent to an angle, degrees."""
    radians = np.radians(torsion)
    cosine, sine = np.cos(radians), np.sin(radians)
    along, across = -math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turned = np.zeros((3, 3, *radians.shape), radians.dtype)
    turned[0, 0], turned[0, 1] = along, -across
    turned[1, 0], turned[1, 1], turned[1, 2] = across * cosine, along * cosine, -sine
    turned[2, 0], turned[2, 1], turned[2, 2] = across * sine, along * sine, cosine
    return turned


_TRANS = _turn(np.array(180.0), ANGLES["C-N-CA"])
_BEND = math.radians(ANGLES["N-CA-C"])
_FIRST = np.array(
    [
        (BONDS["N-CA"] * math.cos(_BEND), BONDS["N-CA"] * math.sin(_BEND), 0.0),
        (0.0, 0.0, 0.0),
        (BONDS["CA-C"], 0.0, 0.0),
    ]
)


_CANONICAL = np.zeros((128, 2))
for _state, _angles in TORSIONS.items():
    _CANONICAL[ord(_state)] = _angles


def _canonical(states: str | np.ndarray) -> np.ndarray:
    """Phi and psi `(..., 2)` of a string or an array of states."""
    letters = np.array(list(states)) if isinstance(states, str) else np.ascontiguousarray(states)
    return np.array(_CANONICAL[letters.view(np.uint32)])


def _spread(simulation: Simulation, states: np.ndarray) -> np.ndarray:
    """Standard deviation of the torsion angles of these states: helices are stiff, loops and strands are not."""
    stiff = np.where(states == "H", 0.4, 1.0)
    return np.asarray(stiff * simulation.harder(0.5, 8.0))


def _grow(random: np.random.Generator, patient: Patient) -> tuple[str, np.ndarray]:
    """States and torsions of a chain, grown one helix or strand and the loop before it at a time."""
    wanted = int(random.integers(LENGTHS[0] + 5, LENGTHS[1] - 4))
    states = "".join(random.choice(list("abp"), 2))
    torsions = _canonical(states)
    # Chains with their last element: where one gets stuck, another way is tried from further back.
    path = [((states, torsions, build_backbone(torsions).astype(np.float32)), "")]
    returns = 0
    while len(path[-1][0][0]) < wanted and returns < _RETURNS:
        chain, last = path[-1]
        kind = _next_kind(random, patient.condition, last, len(chain[0]) < wanted / 2)
        size = int(random.integers(8, 21)) if kind == "H" else int(random.integers(4, 10))
        placed = _place(random, patient.simulation, chain, last, kind * size)
        if placed:
            path.append((placed, kind))
        else:
            returns += 1
            del path[max(1, len(path) - returns) :]
    chain, last = path[-1]
    # A short tail, where there is room for one.
    states, torsions, _ = _place(random, patient.simulation, chain, last, "p") or chain
    return states, torsions


def _next_kind(random: np.random.Generator, condition: str, last: str, first_half: bool) -> str:
    if condition in ("all alpha", "all beta"):
        return "H" if condition == "all alpha" else "E"
    if condition == "alpha/beta":
        return "H" if last == "E" else "E"
    return "H" if first_half else "E"


def _place(
    random: np.random.Generator,
    simulation: Simulation,
    chain: tuple[str, np.ndarray, np.ndarray],
    last: str,
    element: str,
) -> tuple[str, np.ndarray, np.ndarray] | None:
    """The chain with a loop and an element more, the most compact of some that collide with nothing; None without any."""
    states, torsions, backbone = chain
    kinds = np.array(list(element))
    inner = _canonical(element) + random.normal(size=(len(element), 2)) * _spread(simulation, kinds)[:, None]
    # The element is stiff: it is built once, behind its first residue, and moved to the end of each loop.
    # Single precision is enough to choose by.
    single = inner.astype(np.float32)
    stiff, _, _ = _extend(np.eye(3), np.zeros(3), single[:-1, 1], single[1:, 0])
    stiff = stiff.swapaxes(0, 1).reshape(3, -1)
    frame = _frame(backbone[-1])
    found: tuple[float, tuple[str, np.ndarray, np.ndarray]] | None = None
    for attempt in range(_ATTEMPTS):
        if found and attempt >= 2:
            break
        loops = _loops(random, last, element[0])
        if len(states) + loops.shape[1] + len(element) > LENGTHS[1]:
            continue
        angles = _canonical(loops)
        angles += random.normal(size=angles.shape) * _spread(simulation, loops)[..., None]
        angles = np.concatenate([angles, np.broadcast_to(inner[:1], (len(angles), 1, 2))], axis=1)
        phi = angles[:, :, 0].T.astype(np.float32)
        psi = np.concatenate([np.full((1, len(angles)), torsions[-1, 1], np.float32), angles[:, :-1, 1].T], axis=0)
        first, frames, ends = _extend(frame, backbone[-1, 2], psi.astype(np.float32), phi)
        rest = frames[:, :, -1].transpose(2, 0, 1) @ stiff + ends[:, -1].T[:, :, None]
        rest = rest.reshape(len(loops), 3, 3, -1).transpose(0, 3, 2, 1)
        atoms = np.concatenate([first.transpose(3, 2, 0, 1), rest], axis=1)
        radius = _radius(backbone[:, 1], atoms[:, :, 1])
        # Contacts are counted for the most compact ones only, and for the first, which may be a hairpin.
        best = np.append(np.argsort(radius[1:], kind="stable")[:_CONTENDERS] + 1, 0)
        score = _contacts(backbone[:, 1], atoms[best, :, 1], states, loops.shape[1], element) - 8 * radius[best]
        for rank in np.argsort(-score, kind="stable")[:4]:
            if score[rank] == -np.inf or (found and score[rank] <= found[0]):
                break
            whole = np.concatenate([backbone, atoms[best[rank]]])
            if not collides(whole, since=len(backbone)):
                joined = np.concatenate([torsions, angles[best[rank], :-1], inner])
                found = float(score[rank]), (states + "".join(loops[best[rank]]) + element, joined, whole)
                break
    return found[1] if found else None


def _loops(random: np.random.Generator, last: str, following: str) -> np.ndarray:
    """States of candidate loops between two elements, `(candidates, residues)`."""
    least = 3 if last == "H" and following == "H" else 2
    size = min(least + int(random.geometric(0.4)) - 1, 8)
    loops = random.choice(list("abprlm"), (_CANDIDATES, size), p=(0.2, 0.15, 0.2, 0.15, 0.18, 0.12))
    if last == "H":
        # A left-handed residue ends a helix (Schellman motif).
        loops[:, 0] = random.choice(list("lm"), _CANDIDATES)
    if following == "H":
        loops[:, -1] = "c"
    if last == following == "E" and size == 2:
        # The turn of type I' that makes hairpins.
        loops[0] = "l", "m"
    return np.asarray(loops)


def _frame(residue: np.ndarray) -> np.ndarray:
    """Axes of the bond from C-alpha to C as columns, see `_extend`, of N, C-alpha and C `(3, 3)`."""
    along = (residue[2] - residue[1]) / BONDS["CA-C"]
    across = np.cross(residue[1] - residue[0], along)
    across /= np.linalg.norm(across)
    return np.stack([along, np.cross(across, along), across], axis=1)


def _radius(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Radius of gyration of old C-alphas `(n, 3)` with each of new ones `(candidates, m, 3)`, in units of a globule's."""
    number = len(old) + new.shape[1]
    centre = (old.sum(0) + new.sum(1)) / number
    squares = (np.square(old).sum() + np.square(new).sum((1, 2))) / number - np.square(centre).sum(1)
    return np.asarray(np.sqrt(np.maximum(squares, 0)) / (2.2 * number**0.38))


def _contacts(old: np.ndarray, new: np.ndarray, states: str, loop: int, element: str) -> np.ndarray:
    """How many contacts each candidate makes, per residue; minus infinity if its C-alphas collide.

    Args:
        old: C-alphas of the chain, `(n, 3)`.
        new: those of the candidates, `(candidates, m, 3)`.
        states: of the chain.
        loop: length of the candidates' loop.
        element: states of the element behind it.
    """
    size = new.shape[1]
    old, new = old - old[-1], new - old[-1]
    every = np.concatenate([np.broadcast_to(old, (len(new), *old.shape)), new], axis=1)
    squares = np.square(every).sum(2)
    squared = squares[:, len(old) :, None] + squares[:, None] - 2 * new @ every.transpose(0, 2, 1)
    apart = np.arange(len(old), len(old) + size)[:, None] - np.arange(len(old) + size)
    closest = np.where(apart < 3, -1.0, np.where(apart < 6, _CALPHA_DISTANCE**2, _PACKING_DISTANCE**2))
    free = (squared >= closest.astype(np.float32)).all((1, 2))
    score = np.full(len(new), -np.inf)
    kept = squared[free][:, :, : len(old)]
    contacts = (kept < 8.0**2).sum((1, 2)) / size
    if element[0] == "E":
        # Strands side by side are hydrogen-bonded at 4.8 to 5.5 angstrom.
        strands = np.array(list(states)) == "E"
        contacts = contacts + 3 * (kept[:, loop:, strands] < 5.7**2).sum((1, 2)) / size
    score[free] = contacts
    return score


def collides(
    backbone: np.ndarray, calpha: float = _CALPHA_DISTANCE, atom: float = _ATOM_DISTANCE, since: int = 0
) -> bool:
    """Whether atoms come too close, of which one at least belongs to residue `since` or a later one.

    Args:
        backbone: N, C-alpha and C in angstrom, `(residues, 3, 3)`.
        calpha: least distance of C-alphas three residues apart or more.
        atom: least distance of any atoms two residues apart or more.
        since: a residue.
    """
    atoms = (backbone - backbone.mean((0, 1))).astype(np.float32).reshape(-1, 3)
    squares = np.square(atoms).sum(1)
    squared = squares[3 * since :, None] + squares - 2 * atoms[3 * since :] @ atoms.T
    # Nearly all pairs that are close are neighbours: few are left to be told apart.
    one, other = np.divmod(np.flatnonzero(squared < atom**2), squared.shape[1])
    if (np.abs(one // 3 + since - other // 3) >= 2).any():
        return True
    alphas = squared[1::3, 1::3]
    one, other = np.divmod(np.flatnonzero(alphas < calpha**2), alphas.shape[1])
    return bool((np.abs(one + since - other) >= 3).any())


def _relax(random: np.random.Generator, fold: Fold, rmsd: float) -> np.ndarray:
    """The backbone with torsions that deviate by so much that C-alphas do by about `rmsd` angstrom, without collisions."""
    from ..metrics.superposition import superpose

    directions = random.normal(size=fold.torsions.shape)
    ancestor = fold.backbone[:, 1]
    scale = 0.1
    for _ in range(2):
        moved = superpose(build_backbone(fold.torsions + scale * directions)[:, 1], ancestor)
        scale *= rmsd / math.sqrt(np.square(moved - ancestor).sum(1).mean())
    for _ in range(6):
        backbone = build_backbone(fold.torsions + scale * directions)
        if not collides(backbone, 4.0, 2.85):
            return backbone
        scale /= 2
    return fold.backbone


def _burial(backbone: np.ndarray) -> np.ndarray:
    """How far inside each residue points, from 0 (least of all) to 1: neighbours on the side of its C-beta, ranked."""
    nitrogen, alpha, carbon = backbone.swapaxes(0, 1)
    one, two = alpha - nitrogen, carbon - alpha
    # The ideal C-beta of an L-amino acid.
    beta = -0.583 * np.cross(one, two) + 0.568 * one - 0.541 * two
    away = alpha[None] - alpha[:, None]
    distance = np.linalg.norm(away, axis=2) + 1e-9
    near = 1 / (1 + np.exp(distance - 10))
    side = np.clip((away * beta[:, None]).sum(2) / distance / np.linalg.norm(beta, axis=1)[:, None] + 0.3, 0, 1)
    inside = (near * side).sum(1)
    return np.argsort(np.argsort(inside, kind="stable"), kind="stable") / max(len(inside) - 1, 1)


def _sequence(
    random: np.random.Generator,
    simulation: Simulation,
    states: str,
    burial: np.ndarray,
    ancestor: str = "",
    changed: float = 1.0,
) -> str:
    """A sequence that says these states; of an ancestor's, the share `changed` is drawn anew."""
    weights = _weights(simulation, states, burial)
    draws, renew = random.random((2, len(states)))
    letters = [""] * len(states)
    # From the end, since a residue of a loop is read together with the next.
    for place in reversed(range(len(states))):
        following = letters[place + 1] if place + 1 < len(states) else ""
        allowed = _allowed(states[place], bool(following) and following in _SMALL)
        if ancestor and renew[place] > changed and allowed[_RESIDUES.index(ancestor[place])]:
            letters[place] = ancestor[place]
            continue
        sums = np.cumsum(weights[place] * allowed)
        letters[place] = _RESIDUES[int(np.searchsorted(sums, draws[place] * sums[-1], side="right"))]
    return "".join(letters)


@lru_cache(maxsize=32)
def _allowed(state: str, small: bool) -> np.ndarray:
    """Which residues can say a state before one of `_SMALL` or another one, bool `(20,)`."""
    if state in "HE":
        return np.ones(len(_RESIDUES), bool)
    if state == "c":
        return np.array([letter in _CAPS for letter in _RESIDUES])
    return np.array([letter in _REGIONS and _REGIONS[letter][0 if small else 1] == state for letter in _RESIDUES])


def _weights(simulation: Simulation, states: str, burial: np.ndarray) -> np.ndarray:
    """How often each residue is drawn in each place, `(residues, 20)`."""
    sharpness = simulation.harder(5.0, 2.0)
    weights = np.tile(_SHARE, (len(states), 1))
    row = np.array(list(states))
    for state, propensity in _PROPENSITY.items():
        weights[row == state] *= propensity**sharpness
    weights *= np.exp(1.2 * (burial[:, None] - 0.5) * _HYDROPATHY)
    before, after = np.roll(row, 1), np.roll(row, -1)
    # Proline and acids begin helices, bases end them: their charges meet the dipole of the helix.
    first = (row == "H") & (before != "H")
    last = (row == "H") & (after != "H")
    weights[np.ix_(first, [_RESIDUES.index(letter) for letter in "PDE"])] *= (30.0, 3.0, 3.0)
    weights[np.ix_(last, [_RESIDUES.index(letter) for letter in "KR"])] *= 3.0
    return weights


def _resolved(patient: Patient, member: int, states: str) -> np.ndarray:
    """Which residues were seen: ends are often disordered, a loop now and then."""
    random = patient.random("resolved", member)
    harder = patient.simulation.harder
    resolved = np.ones(len(states), bool)
    head, tail = np.minimum(random.poisson(harder(0.3, 2.0), 2), len(states) // 10)
    resolved[:head] = False
    resolved[len(states) - tail :] = False
    row = np.array(list(states))
    loop = ~np.isin(row, ("H", "E"))
    starts = np.flatnonzero(loop & ~np.roll(loop, 1))[1:]
    if random.random() < harder(0.05, 0.5) and len(starts):
        start = int(starts[int(random.integers(len(starts)))])
        resolved[start : start + int(np.argmin([*loop[start:], False]))] = False
    return resolved
