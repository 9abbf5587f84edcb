"""Folds of simulated proteins: compact rows of helices, strands and loops that nowhere collide with themselves.

Helices and strands have the canonical torsion angles, loops take a few regions of the Ramachandran plot (Ramachandran,
Ramakrishnan, Sasisekharan, J. Mol. Biol. 7, 95, 1963). A chain grows by one helix or strand and the loop before it at a
time: of many loops, the one is kept that leaves the chain compact and its strands side by side. Everything is compared in
double precision, so that the last bits, in which machines differ, decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..patient import Patient
from ..settings import Simulation
from .backbone import (
    CALPHA_DISTANCE,
    build_backbone,
    collides,
    cross,
    extend,
    globule_radius,
    pose_of,
    relative_radius,
)
from .residues import draw_sequence, residue_weights

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

_LOOPS = np.frombuffer(b"abprlm", np.uint8)
_LOOP_LIMITS = np.cumsum([0.2, 0.15, 0.2, 0.15, 0.18])  # how often loops take each of these regions, summed

_CANDIDATES = 160  # loops that are tried at once
_CONTENDERS = 64  # of these, the compact ones that are looked at closely
_FINALISTS = 4  # of these, the best ones whose atoms are built
_ATTEMPTS = 3  # how often loops are tried, before the chain is shortened again
_RETURNS = 6  # how often that, before it ends here
_PACKING_DISTANCE = 4.7  # angstrom, of C-alphas six residues apart or more: side chains need room
_LARGEST = 1.4  # radius of gyration of a fold in units of a globule's

# By how many residues are apart: the least squared distance of their C-alphas.
_LEAST_SQUARED = np.where(np.arange(LENGTHS[1]) < 6, CALPHA_DISTANCE**2, _PACKING_DISTANCE**2)
_LEAST_SQUARED[:3] = -1

# By the character of a state: torsions, and how stiff they are.
_CANONICAL = np.zeros((128, 2))
for _state, _angles in TORSIONS.items():
    _CANONICAL[ord(_state)] = _angles
_STIFFNESS = np.where(np.arange(128) == ord("H"), 0.4, 1.0)


@dataclass(frozen=True, eq=False)
class Fold:
    """What the members of a fold share.

    Attributes:
        states: one key of `TORSIONS` a residue.
        torsions: phi and psi in degrees, `(residues, 2)`.
        backbone: N, C-alpha and C in angstrom, `(residues, 3, 3)`.
        burial: how far inside each residue points, 0 to 1, `(residues,)`.
        weights: of residues in each place, see `residue_weights`.
        sequence: of the ancestor, from which the members mutated.
    """

    states: str
    torsions: np.ndarray
    backbone: np.ndarray
    burial: np.ndarray
    weights: np.ndarray
    sequence: str


@dataclass(frozen=True, eq=False)
class _Chain:
    """A growing chain.

    Attributes:
        states, torsions: as of `Fold`.
        backbone: as of `Fold`, but as seen from the pose of the last residue.
        last: its last helix or strand, 'H', 'E' or ''.
    """

    states: str
    torsions: np.ndarray
    backbone: np.ndarray
    last: str = ""


@lru_cache(maxsize=64)
def fold_of(patient: Patient) -> Fold:
    """The fold that a patient stands for: the first of some that is long and round enough, as growing chains get stuck."""
    for attempt in range(100):
        chain = _grow(patient.random("fold", attempt), patient)
        backbone = build_backbone(chain.torsions)
        if len(backbone) >= LENGTHS[0] and relative_radius(backbone) < _LARGEST:
            burial = _burial(backbone)
            weights = residue_weights(patient.simulation, chain.states, burial)
            sequence = draw_sequence(patient.random("ancestor"), weights)
            return Fold(chain.states, chain.torsions, backbone, burial, weights, sequence)
    raise AssertionError(f"Expected a compact chain of {LENGTHS[0]} residues in 100 attempts.")


def canonical_torsions(states: str) -> np.ndarray:
    """Phi and psi in degrees that the states stand for, `(residues, 2)`."""
    return np.array(_CANONICAL[_codes(states)])


def _codes(states: str) -> np.ndarray:
    return np.frombuffer(states.encode(), np.uint8)


def _draw_torsions(random: np.random.Generator, simulation: Simulation, codes: np.ndarray) -> np.ndarray:
    """Torsion angles `(..., 2)` of the characters of states: helices are stiff, loops and strands are not."""
    spread = simulation.harder(0.5, 8.0) * _STIFFNESS[codes]
    return np.asarray(_CANONICAL[codes] + spread[..., None] * random.standard_normal((*codes.shape, 2)))


def _grow(random: np.random.Generator, patient: Patient) -> _Chain:
    """A chain, grown one helix or strand and the loop before it at a time."""
    wanted = int(random.integers(LENGTHS[0] + 5, LENGTHS[1] - 4))
    states = "".join(random.choice(list("abp"), 2))
    torsions = canonical_torsions(states)
    # Where a chain gets stuck, another way is tried from further back.
    path = [_Chain(states, torsions, _seen_from_end(build_backbone(torsions)))]
    returns = 0
    while len(path[-1].states) < wanted and returns < _RETURNS:
        chain = path[-1]
        kind = _next_kind(random, patient.condition, chain.last, len(chain.states) < wanted / 2)
        size = int(random.integers(8, 21)) if kind == "H" else int(random.integers(4, 10))
        placed = _place(random, patient.simulation, chain, kind * size)
        if placed:
            path.append(placed)
        else:
            returns += 1
            del path[max(1, len(path) - returns) :]
    # A short tail, where there is room for one.
    return _place(random, patient.simulation, path[-1], "p") or path[-1]


def _next_kind(random: np.random.Generator, condition: str, last: str, first_half: bool) -> str:
    if condition in ("all alpha", "all beta"):
        return "H" if condition == "all alpha" else "E"
    if condition == "alpha/beta":
        return "H" if last == "E" else "E"
    return "H" if first_half else "E"


def _place(random: np.random.Generator, simulation: Simulation, chain: _Chain, element: str) -> _Chain | None:
    """The chain with a loop and an element more, the most compact of some that collide with nothing; None without any."""
    inner = _draw_torsions(random, simulation, _codes(element))
    # The element is stiff: it is built once, behind its first residue, and moved to the end of each loop.
    stiff, _ = extend(inner[:-1, 1], inner[1:, 0])
    for _ in range(_ATTEMPTS):
        loops = _draw_loops(random, chain.last, element[0])
        if len(chain.states) + len(loops) + len(element) > LENGTHS[1]:
            continue
        angles = _draw_torsions(random, simulation, loops)
        psi = np.concatenate([np.full((1, _CANDIDATES), chain.torsions[-1, 1]), angles[..., 1]])
        phi = np.concatenate([angles[..., 0], np.full((1, _CANDIDATES), inner[0, 0])])
        flexible, poses = extend(psi, phi)
        ends = poses[:, :, -1]
        radius = _radius(chain.backbone[:, 1], flexible[1], ends, stiff[1])
        # Contacts are counted for the most compact ones only, and for the first, which may be a hairpin.
        best = np.append(np.argsort(radius[1:], kind="stable")[:_CONTENDERS] + 1, 0)
        alphas = np.concatenate([flexible[1][..., best].swapaxes(1, 2), _moved(ends[..., best], stiff[1])], axis=2)
        score = _contacts(chain, alphas, len(loops), element[0]) - 8 * radius[best]
        for rank in np.argsort(-score, kind="stable")[:_FINALISTS]:
            if score[rank] == -np.inf:
                break
            chosen = best[rank]
            atoms = _moved(ends[..., [chosen]], stiff.swapaxes(0, 1))[:, 0]
            atoms = np.concatenate([flexible[..., chosen].swapaxes(0, 1), atoms], axis=2).transpose(2, 1, 0)
            backbone = np.concatenate([chain.backbone, atoms])
            if not collides(backbone, since=len(chain.backbone)):
                states = chain.states + loops[:, chosen].tobytes().decode() + element
                torsions = np.concatenate([chain.torsions, angles[:, chosen], inner])
                return _Chain(states, torsions, _seen_from_end(backbone), element[0])
    return None


def _seen_from_end(backbone: np.ndarray) -> np.ndarray:
    pose = pose_of(backbone[-1])
    return np.asarray((backbone - pose[:, 3]) @ pose[:, :3])


def _draw_loops(random: np.random.Generator, last: str, following: str) -> np.ndarray:
    """Candidate loops between two elements as characters of states, `(residues, candidates)`."""
    least = 3 if last == "H" and following == "H" else 2
    size = min(least + int(random.geometric(0.4)) - 1, 8)
    loops = _LOOPS[np.searchsorted(_LOOP_LIMITS, random.random((size, _CANDIDATES)), side="right")]
    if last == "H":
        # A left-handed residue ends a helix (Schellman motif).
        loops[0] = _codes("lm")[random.integers(2, size=_CANDIDATES)]
    if following == "H":
        loops[-1] = ord("c")
    if last == following == "E" and size == 2:
        # The turn of type I' that makes hairpins.
        loops[:, 0] = _codes("lm")
    return np.asarray(loops)


def _moved(poses: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points `(3, ...)` as seen from each of some poses `(3, 4, poses)`: `(3, poses, ...)`."""
    places = poses[:, 3].reshape(3, -1, *[1] * (points.ndim - 1))
    return np.asarray(np.tensordot(poses[:, :3], points, (1, 0)) + places)


def _radius(old: np.ndarray, flexible: np.ndarray, ends: np.ndarray, stiff: np.ndarray) -> np.ndarray:
    """Radius of gyration of each candidate's C-alphas, in units of a globule's, `(candidates,)`.

    Args:
        old: C-alphas of the chain, `(n, 3)`.
        flexible: of the candidates' loops, `(3, m, candidates)`.
        ends: the poses in which the loops end, `(3, 4, candidates)`.
        stiff: C-alphas behind the loop as seen from there, `(3, k)`.
    """
    number = len(old) + flexible.shape[1] + stiff.shape[1]
    turned, places = np.tensordot(ends[:, :3], stiff.sum(1), (1, 0)), ends[:, 3]
    centre = (old.sum(0)[:, None] + flexible.sum(1) + turned + stiff.shape[1] * places) / number
    squares = np.square(old).sum() + np.square(flexible).sum((0, 1)) + np.square(stiff).sum()
    squares += (places * (2 * turned + stiff.shape[1] * places)).sum(0)
    return np.asarray(np.sqrt(np.maximum(squares / number - np.square(centre).sum(0), 0)) / globule_radius(number))


def _contacts(chain: _Chain, alphas: np.ndarray, loop: int, kind: str) -> np.ndarray:
    """How many contacts each candidate makes with the chain, per residue; minus infinity if its C-alphas collide.

    Args:
        chain: the chain.
        alphas: C-alphas of the candidates, `(3, candidates, residues)`.
        loop: length of the candidates' loop.
        kind: 'H', 'E' or another state: what comes behind it.
    """
    old, (_, candidates, size) = chain.backbone[:, 1], alphas.shape
    new = np.concatenate([alphas, np.ones((1, candidates, size)), np.square(alphas).sum(0)[None]]).transpose(1, 2, 0)
    every = np.empty((candidates, 5, len(old) + size))
    every[:, :3, : len(old)], every[:, :3, len(old) :] = -2 * old.T, -2 * alphas.swapaxes(0, 1)
    every[:, 3, : len(old)], every[:, 3, len(old) :] = np.square(old).sum(1), new[:, :, 4]
    every[:, 4] = 1
    squared = new @ every
    place = np.arange(len(old) + size)
    collide = (squared < _LEAST_SQUARED[np.abs(place[len(old) :, None] - place)]).any((1, 2))
    near = squared[:, :, : len(old)]
    contacts = (near < 8.0**2).sum((1, 2))
    if kind == "E":
        # Strands side by side are hydrogen-bonded at 4.8 to 5.5 angstrom.
        strands = np.flatnonzero(_codes(chain.states) == ord("E"))
        contacts += 3 * (near[:, loop:, strands] < 5.7**2).sum((1, 2))
    return np.where(collide, -np.inf, contacts / size)


def _burial(backbone: np.ndarray) -> np.ndarray:
    """How far inside each residue points, from 0 (least of all) to 1: neighbours on the side of its C-beta, ranked."""
    nitrogen, alpha, carbon = backbone.swapaxes(0, 1)
    one, two = alpha - nitrogen, carbon - alpha
    # The ideal C-beta of an L-amino acid.
    beta = -0.583 * cross(one, two) + 0.568 * one - 0.541 * two
    away = alpha[None] - alpha[:, None]
    distance = np.sqrt(np.square(away).sum(2)) + 1e-9
    near = 1 / (1 + np.exp(distance - 10))
    cosine = (away @ (beta / np.linalg.norm(beta, axis=1)[:, None])[:, :, None])[:, :, 0] / distance
    inside = (near * np.clip(cosine + 0.3, 0, 1)).sum(1)
    return np.argsort(np.argsort(inside, kind="stable"), kind="stable") / max(len(inside) - 1, 1)
