"""Where EEG electrodes sit, from their names in the 10-20 system and its 10-10 extension."""

import math

# Rows of electrodes from front to back: polar angle of the midline electrode from the vertex, and azimuth of the row's
# outermost electrode on the ring through Fpz, T7, Oz and T8, both in degrees (10-10 steps of 18 degrees).
_ROWS = {
    "FP": (72.0, 18.0),
    "AF": (54.0, 36.0),
    "F": (36.0, 54.0),
    "FT": (18.0, 72.0),
    "FC": (18.0, 72.0),
    "T": (0.0, 90.0),
    "C": (0.0, 90.0),
    "TP": (-18.0, 108.0),
    "CP": (-18.0, 108.0),
    "P": (-36.0, 126.0),
    "PO": (-54.0, 144.0),
    "O": (-72.0, 162.0),
}
_RING = math.radians(72.0)
# Share of the way from the midline to the ring; rows at the ring itself have a single electrode a side.
_STEPS = {1: 0.25, 3: 0.5, 5: 0.75, 7: 1.0, 9: 1.25}
_OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
# Electrodes at the ends of the midline and on ears and mastoids.
_FIXED = {
    "NZ": (0.0, 1.0, 0.0),
    "IZ": (0.0, -1.0, 0.0),
    "A1": (-0.95, 0.0, -0.31),
    "A2": (0.95, 0.0, -0.31),
    "M1": (-0.93, -0.2, -0.31),
    "M2": (0.93, -0.2, -0.31),
}


def position(name: str) -> tuple[float, float, float]:
    """Position of an electrode on the unit sphere (right, front, up).

    Names are read without case and without the dots that some EDF files append (`Fc5.`). Lateral electrodes lie on the
    great circle between the midline and the ring, in the proportions of the 10-10 system (Oostenveld, Praamstra, 2001).

    Raises:
        ValueError: the name is not of the 10-10 system.
    """
    plain = name.strip().strip(".").upper()
    plain = _OLD_NAMES.get(plain, plain)
    if plain in _FIXED:
        return _FIXED[plain]
    letters = plain.rstrip("Z0123456789")
    digits = plain[len(letters) :]
    side = int(digits) if digits.isdigit() else 0
    if letters not in _ROWS or not (digits == "Z" or 1 <= side <= 10):
        raise ValueError(f"Expected the name of a 10-20 or 10-10 electrode such as 'C3' or 'FCz', got {name!r}.")
    polar, azimuth = (math.radians(angle) for angle in _ROWS[letters])
    midline = (0.0, math.sin(polar), math.cos(polar))
    if digits == "Z":
        return midline
    outer = (-math.sin(_RING) * math.sin(azimuth), math.sin(_RING) * math.cos(azimuth), math.cos(_RING))
    share = 1.0 if letters in ("FP", "O") else _STEPS[side - 1 + side % 2]
    angle = math.acos(max(-1.0, min(1.0, sum(a * b for a, b in zip(midline, outer, strict=True)))))
    left, right = math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle)
    x, y, z = (left * a + right * b for a, b in zip(midline, outer, strict=True))
    return (x if side % 2 else -x, y, z)
