"""Backbones of proteins, built from torsion angles, and whether they collide with themselves.

Bond lengths and angles are those of Engh and Huber (Acta Cryst. A 47, 392, 1991), peptides are planar and trans, and
chains are built from their torsions (Parsons et al., J. Comput. Chem. 26, 1063, 2005). A residue is placed by a pose
`(3, 4)`: the axes of its bond from C-alpha to C as columns (along it, in the plane with N, across the plane), then its C.
Axes of vectors and poses come first in arrays, which keeps numpy's loops long.
"""

from __future__ import annotations

import math

import numpy as np

BONDS = {"N-CA": 1.458, "CA-C": 1.525, "C-N": 1.329}
"""Lengths in angstrom."""

ANGLES = {"N-CA-C": 111.2, "CA-C-N": 116.2, "C-N-CA": 121.7}
"""Angles between bonds in degrees."""

CALPHA_DISTANCE = 4.3
"""Least distance of C-alphas three residues apart or more, angstrom."""

ATOM_DISTANCE = 3.0
"""Least distance of any atoms of residues that are not neighbours, angstrom."""


def build_backbone(torsions: np.ndarray) -> np.ndarray:
    """The backbone with these torsion angles, from the N to the C terminus.

    Args:
        torsions: phi and psi of each residue in degrees, `(residues, 2)`; the first phi and the last psi do nothing.

    Returns:
        N, C-alpha and C in angstrom, `(residues, 3, 3)`. The first C-alpha lies at the origin.
    """
    atoms, _ = extend(torsions[:-1, 1], torsions[1:, 0])
    backbone = np.concatenate([_FIRST, atoms.transpose(2, 0, 1)])
    backbone[:, :, 0] += BONDS["CA-C"]
    return backbone


def extend(psi: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Residues at the end of a chain, or of many, as seen from the pose of the last residue before them.

    Args:
        psi, phi: of the residue before each peptide and of the one behind it, degrees, `(residues, ...)`.

    Returns:
        N, C-alpha and C of the new residues in angstrom, `(atoms, xyz, residues, ...)`, and their poses,
        `(3, 4, residues, ...)`.
    """
    psi, phi = np.radians(psi), np.radians(phi)
    cosine, sine = np.cos(psi), np.sin(psi)
    fixed, even, odd = _PEPTIDE.reshape(3, 3, 4, *[1] * phi.ndim)
    bent = fixed + even * np.cos(phi) + odd * np.sin(phi)
    # First as seen from the residue before; then from the start, by doubling the span that is known.
    poses = np.stack([bent[0], cosine * bent[1] - sine * bent[2], sine * bent[1] + cosine * bent[2]])
    span = 1
    while span < len(psi):
        poses[:, :, span:] = compose(poses[:, :, :-span], poses[:, :, span:])
        span *= 2
    before = np.empty_like(poses)
    before[:, :, :1] = np.eye(3, 4).reshape(3, 4, *[1] * psi.ndim)
    before[:, :, 1:] = poses[:, :, :-1]
    across = cosine * before[:, 1] + sine * before[:, 2]
    atoms = [along * before[:, 0] + aside * across + before[:, 3] for along, aside in _PLANE]
    return np.stack([*atoms, poses[:, 3]]), poses


def compose(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The poses `other` `(3, 4, ...)`, which are given as seen from the poses `one` `(3, 4, ...)`."""
    moved = one[:, 0, None] * other[0]
    moved += one[:, 1, None] * other[1]
    moved += one[:, 2, None] * other[2]
    moved[:, 3] += one[:, 3]
    return np.asarray(moved)


def pose_of(residue: np.ndarray) -> np.ndarray:
    """The pose `(3, 4)` of a residue's N, C-alpha and C `(3, 3)`."""
    along = (residue[2] - residue[1]) / BONDS["CA-C"]
    across = cross(residue[1] - residue[0], along)
    across /= math.sqrt(across @ across)
    return np.stack([along, cross(across, along), across, residue[2]], axis=1)


def cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cross products of vectors `(..., 3)`, without the checks of `numpy.cross`, which take longer than the products."""
    return np.asarray(one[..., _NEXT] * other[..., _LAST] - one[..., _LAST] * other[..., _NEXT])


def collides(
    backbone: np.ndarray, calpha: float = CALPHA_DISTANCE, atom: float = ATOM_DISTANCE, since: int = 0
) -> bool:
    """Whether atoms come too close, of which one at least belongs to residue `since` or a later one.

    Args:
        backbone: N, C-alpha and C in angstrom, `(residues, 3, 3)`.
        calpha: least distance of C-alphas three residues apart or more.
        atom: least distance of any atoms two residues apart or more.
        since: a residue.
    """
    alphas = backbone[:, 1]
    squares = np.square(alphas).sum(1)
    squared = squares[since:, None] + squares - 2 * (alphas[since:] @ alphas.T)
    # Atoms are near where C-alphas are: few pairs of residues are left to be looked at closely.
    near = max(calpha, atom + 2 * BONDS["CA-C"])
    one, other = np.nonzero(squared < near**2)
    apart = one + since - other
    if (squared[one, other][apart >= 3] < calpha**2).any():
        return True
    one, other = one[apart >= 2] + since, other[apart >= 2]
    away = backbone[one][:, :, None] - backbone[other][:, None]
    return bool((np.square(away).sum(-1) < atom**2).any())


def relative_radius(backbone: np.ndarray) -> float:
    """Radius of gyration of the C-alphas in units of a globule's of as many residues, see `globule_radius`."""
    alphas = backbone[:, 1]
    return float(np.sqrt(np.square(alphas - alphas.mean(0)).sum(1).mean()) / globule_radius(len(alphas)))


def globule_radius(residues: int) -> float:
    """Radius of gyration of folded proteins in angstrom (Skolnick, Kolinski, Ortiz, J. Mol. Biol. 265, 217, 1997)."""
    return float(2.2 * residues**0.38)


def _bend(angle: float) -> np.ndarray:
    """Axes `(3, 3)` of the next bond in the plane of the last two, between which the angle is `angle` degrees."""
    along, across = -math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.array([[along, -across, 0], [across, along, 0], [0, 0, 1]])


def _peptide() -> tuple[np.ndarray, np.ndarray]:
    """A peptide as seen from the residue before it, at a psi of 0.

    Returns:
        The pose of the residue behind it: a constant part and those that go with the cosine and the sine of its phi,
        `(3, 3, 4)`; N and C-alpha of that residue, which lie in the plane, `(2, 2)`.
    """
    carbon = _bend(ANGLES["CA-C-N"])
    nitrogen = carbon @ np.diag([1, -1, -1]) @ _bend(ANGLES["C-N-CA"])
    atoms = np.cumsum([carbon[:, 0] * BONDS["C-N"], nitrogen[:, 0] * BONDS["N-CA"]], axis=0)
    # A turn about the first axis, in its constant part and those that go with cosine and sine.
    turns = np.array([np.diag([1, 0, 0]), np.diag([0, 1, 1]), [[0, 0, 0], [0, 0, -1], [0, 1, 0]]])
    axes = nitrogen @ turns @ _bend(ANGLES["N-CA-C"])
    places = axes[:, :, :1] * BONDS["CA-C"]
    places[0, :, 0] += atoms[1]
    return np.concatenate([axes, places], axis=2), atoms[:, :2]


_NEXT, _LAST = [1, 2, 0], [2, 0, 1]
_PEPTIDE, _PLANE = _peptide()
_ANGLE = math.radians(ANGLES["N-CA-C"])
# The first residue in its own pose.
_FIRST = np.array(
    [
        [
            (BONDS["N-CA"] * math.cos(_ANGLE) - BONDS["CA-C"], BONDS["N-CA"] * math.sin(_ANGLE), 0.0),
            (-BONDS["CA-C"], 0.0, 0.0),
            (0.0, 0.0, 0.0),
        ]
    ]
)
