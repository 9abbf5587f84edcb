"""Protein chains: backbones that respect the geometry of peptides, and losses that rigid motion cannot change."""

import torch

# A trans peptide unit in its own frame, angstrom: origin at one C-alpha, x towards the next, from the ideal bond lengths
# and angles of Engh and Huber (1991). C belongs to the residue at the origin, N to the next.
CALPHA_STEP = 3.804
CARBON = (1.428, 0.534, 0.0)
NITROGEN = (2.396, -0.377, 0.0)
# N of a residue without a predecessor, in the frame of the unit that follows: N - C-alpha - C at 111 degrees.
FIRST_NITROGEN = (-0.013, -1.458, 0.0)
# C and the next N closer than this, in angstrom, are bonded; the ideal bond measures 1.33.
BOND = 2.0


def rotations(six: torch.Tensor) -> torch.Tensor:
    """Rotation matrices `(..., 3, 3)` from two free vectors `(..., 6)` by Gram-Schmidt (Zhou et al., CVPR 2019)."""
    first, second = six.float().split(3, dim=-1)
    x = torch.nn.functional.normalize(first, dim=-1, eps=1e-6)
    y = torch.nn.functional.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1, eps=1e-6)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def build_chain(six: torch.Tensor) -> torch.Tensor:
    """Backbone of one chain from the orientation of its peptide units.

    Units are joined at their C-alphas, so that bond lengths, the planar trans peptide and the C-alpha distance of
    3.80 angstrom hold whatever the network says; it chooses only how each unit is turned.

    Args:
        six: `(residues, 6)`, orientation of the unit that follows each residue; that of the last residue places its C.

    Returns:
        `(residues, 3, 3)` N, C-alpha and C of each residue in angstrom, first C-alpha at the origin.
    """
    units = rotations(six)  # (residues, 3, 3)
    steps = units[:, :, 0] * CALPHA_STEP
    alpha = torch.cumsum(torch.cat([torch.zeros_like(steps[:1]), steps[:-1]]), dim=0)
    carbon = alpha + units @ alpha.new_tensor(CARBON)
    nitrogen = torch.cat(
        [alpha[:1] + units[:1] @ alpha.new_tensor(FIRST_NITROGEN), alpha[:-1] + units[:-1] @ alpha.new_tensor(NITROGEN)]
    )
    return torch.stack([nitrogen, alpha, carbon], dim=1)


def frames(backbone: torch.Tensor) -> torch.Tensor:
    """Right-handed frames `(residues, 3, 3)`, axes as columns, from N, C-alpha, C `(residues, 3, 3)`."""
    nitrogen, alpha, carbon = backbone.unbind(dim=1)
    return rotations(torch.cat([carbon - alpha, nitrogen - alpha], dim=-1))


def frame_aligned_error(
    prediction: torch.Tensor,
    reference: torch.Tensor,
    resolved: torch.Tensor,
    limit: float = 30.0,
    max_frames: int = 128,
) -> torch.Tensor:
    """Frame-aligned point error (Jumper et al., Nature 2021, supplement 1.9.2): mean distance, in units of 10 angstrom, of
    all backbone atoms seen from the frame of each residue. Rigid motion does not change it; a mirror image does.

    Args:
        prediction: `(residues, 3, 3)` angstrom.
        reference: `(residues, 3, 3)` angstrom.
        resolved: `(residues,)` bool; other residues count neither as frames nor as points.
        limit: a distance d counts as `d * limit / (d + limit)`, both in angstrom: nearly itself while small, never more than
            `limit`, and always worth reducing, which a hard limit is not while a chain is still unfolded.
        max_frames: frames taken from a longer chain, evenly spread.
    """
    chosen = resolved.nonzero().squeeze(1)
    eyes = chosen[:: max(1, -(-len(chosen) // max_frames))]
    # What stands at p seen from the frame (R, o) is R^T (p - o): of all points from all frames, one product.
    count = len(eyes)
    seen = []
    for backbone in (prediction, reference):
        backbone = backbone - backbone[chosen, 1].mean(0)  # near the origin, where numbers are finest
        axes = frames(backbone[eyes]).permute(1, 2, 0)  # (from, to, frames)
        origin = (backbone[eyes, 1].T[:, None] * axes).sum(0)
        seen.append((backbone[chosen].flatten(0, 1) @ axes.reshape(3, 3 * count)).view(-1, 3, count) - origin)
    distance = torch.sqrt((seen[0] - seen[1]).square().sum(1) + 1e-4)
    return (distance * limit / (distance + limit)).mean() / 10.0


def unit_orientations(backbone: torch.Tensor) -> torch.Tensor:
    """Orientation of each peptide unit `(residues - 1, 3, 3)`, as `build_chain` takes it, of `(residues, 3, 3)` atoms."""
    step = backbone[1:, 1] - backbone[:-1, 1]
    return rotations(torch.cat([step, backbone[:-1, 2] - backbone[:-1, 1]], dim=-1))


def orientation_error(prediction: torch.Tensor, reference: torch.Tensor, resolved: torch.Tensor) -> torch.Tensor:
    """Mean 1 - cos(angle) between predicted and true peptide units, once the reference is turned to fit best: 0 to 2.

    Every unit has a gradient of its own. Distances in a chain depend on all units between, so that a chain that is still
    unfolded learns little from them alone. The best turn is that of Kabsch (1976) for orientations, held fixed in the gradient.

    Args:
        prediction: `(residues, 3, 3)` angstrom.
        reference: `(residues, 3, 3)` angstrom.
        resolved: `(residues,)` bool; only units between two resolved residues that are bonded count.

    Returns:
        A scalar, 0 for a chain without such units.
    """
    bond = (reference[1:, 0] - reference[:-1, 2]).square().sum(-1) < BOND**2
    chosen = (resolved[1:] & resolved[:-1] & bond).nonzero().squeeze(1)
    if not len(chosen):
        return prediction.sum() * 0.0
    predicted, true = unit_orientations(prediction)[chosen], unit_orientations(reference)[chosen]
    left, _, right = torch.linalg.svd((predicted.detach() @ true.mT).sum(0))
    ends = torch.ones_like(left[0])
    ends[2] = torch.linalg.det(left @ right)
    turn = (left * ends) @ right
    return (predicted - turn @ true).square().sum((1, 2)).mean() / 4
