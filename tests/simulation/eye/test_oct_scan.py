"""Where a B-scan cuts the eye: through the macula, each scan a little differently, with the curvature of the eye."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation.eye.oct_scan import DEPTH, WIDTH, cut_eye, wave
from multimed_hf.simulation.patient import draw_patient, random_of
from multimed_hf.simulation.settings import Simulation


def test_scans_show_the_macula_on_the_screen():
    patients = [draw_patient(Simulation(), "oct", number, {"NORMAL": 1}) for number in range(60)]
    scans = [cut_eye(patient, 0, 224) for patient in patients]
    for scan in scans:
        assert scan.x.shape == scan.bruch.shape == (224,)
        assert np.ptp(scan.x) == pytest.approx(WIDTH * 223 / 224)
        assert scan.nasal.min() < -1500 and scan.nasal.max() > 1500
        assert (scan.eccentricity >= np.abs(scan.nasal)).all() and scan.eccentricity.min() < 1200
    assert np.mean([(scan.bruch > 0.3 * DEPTH).mean() for scan in scans]) > 0.97
    assert np.mean([(scan.bruch < DEPTH).mean() for scan in scans]) > 0.9


def test_another_scan_cuts_the_same_eye_differently():
    patient = draw_patient(Simulation(), "oct", 1, {"NORMAL": 1})
    first, second = cut_eye(patient, 0, 224), cut_eye(patient, 1, 224)
    assert not np.array_equal(first.bruch, second.bruch) and not np.array_equal(first.nasal, second.nasal)
    assert np.array_equal(first.bruch, cut_eye(patient, 0, 224).bruch)


def test_waves_have_their_height_and_length():
    x = np.linspace(0, 40000, 4000)
    lines = np.array([wave(random_of(number), x, 1000) for number in range(40)])
    assert lines.std() == pytest.approx(1, abs=0.05)
    crossings = (np.diff(np.sign(lines), axis=1) != 0).sum(1).mean() / 2
    assert 30 < crossings < 60
