"""Electrode positions against the definition of the 10-20 system: steps of 10 and 20 % of half a circle."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from multimed_hf.models.electrodes_multimed import position

# The 64 channels of EEGMMIDB, as its EDF files spell them.
EEGMMIDB = """
Fc5. Fc3. Fc1. Fcz. Fc2. Fc4. Fc6. C5.. C3.. C1.. Cz.. C2.. C4.. C6.. Cp5. Cp3. Cp1. Cpz. Cp2. Cp4. Cp6. Fp1. Fpz. Fp2.
Af7. Af3. Afz. Af4. Af8. F7.. F5.. F3.. F1.. Fz.. F2.. F4.. F6.. F8.. Ft7. Ft8. T7.. T8.. T9.. T10. Tp7. Tp8. P7.. P5..
P3.. P1.. Pz.. P2.. P4.. P6.. P8.. Po7. Po3. Poz. Po4. Po8. O1.. Oz.. O2.. Iz..
""".split()
NAMES = [*EEGMMIDB, "Nz", "F9", "F10", "TP9", "TP10", "A1", "A2", "M1", "M2"]


def degrees(one, other):
    a, b = position(one), position(other)
    return math.degrees(math.acos(max(-1.0, min(1.0, sum(x * y for x, y in zip(a, b, strict=True))))))


@pytest.mark.parametrize("name", NAMES)
def test_on_the_unit_sphere(name):
    assert math.hypot(*position(name)) == pytest.approx(1.0, abs=2e-3)


def test_all_electrodes_have_places_of_their_own():
    assert len({tuple(round(x, 3) for x in position(name)) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", [name.strip(".") for name in NAMES if name.strip(".")[-1] in "13579"])
def test_left_and_right_are_mirror_images(name):
    letters, number = name.rstrip("13579"), int(name[len(name.rstrip("13579")) :])
    x, y, z = position(name)
    assert position(f"{letters}{number + 1}") == pytest.approx((-x, y, z))
    assert x < 0, "odd numbers are on the left"


@pytest.mark.parametrize("name", [name.strip(".") for name in NAMES if name.strip(".").lower().endswith("z")])
def test_midline(name):
    assert position(name)[0] == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Cz", (0, 0, 1)),
        ("Fz", (0, math.sin(math.radians(36)), math.cos(math.radians(36)))),
        ("Pz", (0, -math.sin(math.radians(36)), math.cos(math.radians(36)))),
        ("C3", (-math.sin(math.radians(36)), 0, math.cos(math.radians(36)))),
        ("T7", (-math.sin(math.radians(72)), 0, math.cos(math.radians(72)))),
        ("Nz", (0, 1, 0)),
        ("Iz", (0, -1, 0)),
    ],
)
def test_known_places(name, expected):
    assert position(name) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("chain", "step"),
    [
        (["T7", "C3", "Cz", "C4", "T8"], 36),  # 20 % of the way from ear to ear
        (["T7", "C5", "C3", "C1", "Cz"], 18),
        (["Fpz", "AFz", "Fz", "FCz", "Cz", "CPz", "Pz", "POz", "Oz"], 18),
        (["Nz", "Fpz"], 18),
        (["Oz", "Iz"], 18),
    ],
)
def test_steps_along_the_great_circles(chain, step):
    assert [degrees(one, other) for one, other in pairwise(chain)] == pytest.approx([step] * (len(chain) - 1))


@pytest.mark.parametrize(("middle", "ends"), [("F3", ("Fz", "F7")), ("P4", ("Pz", "P8")), ("FC3", ("FCz", "FT7"))])
def test_in_the_middle_of_their_row(middle, ends):
    assert degrees(middle, ends[0]) == pytest.approx(degrees(middle, ends[1]))


def test_ring_in_equal_steps():
    """Fp1, AF7, F7, ... O1 lie on one circle of latitude, 10 % of it from one to the next."""
    ring = [position(name) for name in "Fp1 AF7 F7 FT7 T7 TP7 P7 PO7 O1".split()]
    assert [z for _, _, z in ring] == pytest.approx([math.cos(math.radians(72))] * 9)
    azimuths = [math.degrees(math.atan2(-x, y)) for x, y, _ in ring]
    assert azimuths == pytest.approx([18.0 * step for step in range(1, 10)])


def test_front_and_back_and_old_names():
    assert position("Fp1")[1] > position("F3")[1] > position("C3")[1] > position("P3")[1] > position("O1")[1]
    for old, new in [("T3", "T7"), ("T4", "T8"), ("T5", "P7"), ("T6", "P8")]:
        assert position(old) == position(new)
    assert position(" fc5. ") == position("FC5")


@pytest.mark.parametrize("name", ["", "C", "C0", "C11", "X3", "CZ3", "EEG C3", "ECG", "Z", "3", "C3-A2"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="10-20"):
        position(name)
