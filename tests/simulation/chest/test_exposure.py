"""Range compression works on what lies around a place, not on its mirror image."""

from __future__ import annotations

import numpy as np

from multimed_hf.simulation.chest.exposure import surroundings


def test_surroundings_stay_where_they_are() -> None:
    rows, columns = np.mgrid[:224, :224].astype(np.float32)
    water = np.exp(-(((rows - 60) / 30) ** 2) - ((columns - 160) / 30) ** 2)
    smooth = surroundings(water)
    row, column = np.unravel_index(smooth.argmax(), smooth.shape)
    assert abs(row - 60) <= 4 and abs(column - 160) <= 4
    assert np.corrcoef(smooth.ravel(), water.ravel())[0, 1] > 0.9


def test_surroundings_leave_out_what_is_fine() -> None:
    rows, columns = np.mgrid[:224, :224].astype(np.float32)
    fine = np.sin(rows * 2.0) * np.sin(columns * 2.0)
    assert np.abs(surroundings(fine)).max() < 0.05
    np.testing.assert_allclose(surroundings(np.full((224, 224), 7, np.float32))[20:-20, 20:-20], 7, atol=0.1)
