"""Phantoms of a few shapes, straight and without folds, to compare with geometry."""

from __future__ import annotations

import numpy as np

from multimed_hf.simulation.body.projection import Phantom, Shape, Waves, places_of


def phantom_of(*shapes: Shape) -> Phantom:
    """A phantom of the tissues air, muscle, bone, lung and fat, in this order."""
    waves = [Waves(np.random.default_rng(place), 20, 40, 8) for place in range(5)]
    centres, axes, radii = places_of(shapes)
    return Phantom(
        shapes=shapes,
        centres=centres,
        axes=axes,
        radii=radii,
        tissues=("air", "muscle", "bone", "lung", "fat"),
        bend=(waves[0], waves[1], waves[2]),
        bend_by=0.0,
        folding=waves[3],
        roughness=waves[4],
    )
