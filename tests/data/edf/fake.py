"""Made-up EDF, EDF+ and BDF files, written byte by byte after the specification (https://www.edfplus.info)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Signal:
    """One signal: its label, its values in the unit `dimension`, its rate in Hz, and the largest value it can hold."""

    label: str
    values: np.ndarray
    rate: int = 100
    dimension: str = "uV"
    largest: float = 200.0


def eeg(seconds: int, channels: Sequence[str] = ("C3", "Cz", "C4"), rate: int = 100, seed: int = 0) -> list[Signal]:
    """Noise of 20 microvolt."""
    random = np.random.default_rng(seed)
    return [Signal(name, random.normal(0, 20, seconds * rate), rate) for name in channels]


def write(
    path: Path,
    signals: Sequence[Signal],
    annotations: Sequence[tuple[float, str]] = (),
    patient: str = "X X X X",
    plus: bool = True,
    starts: Sequence[float] | None = None,
) -> Path:
    """Writes a file with data records of one second; the suffix of `path` says EDF or BDF.

    Args:
        path: where to.
        signals: all of the same number of seconds.
        annotations: onset in seconds, and text; EDF+ only.
        patient: the local patient identification.
        plus: whether the file is EDF+ (BDF+), with a signal of annotations.
        starts: onset of each record in seconds, if the recording has gaps (EDF+D).
    """
    bdf = path.suffix == ".bdf"
    kind, width, top = ("BDF", 3, 2**23 - 1) if bdf else ("EDF", 2, 2**15 - 1)
    records = len(signals[0].values) // signals[0].rate
    room = 120  # bytes of annotations in a record
    count = len(signals) + plus

    def column(size: int, values: Sequence[str | float], annotation: str | float) -> bytes:
        fields = [*values, *([annotation] if plus else [])]
        texts = [field if isinstance(field, str) else f"{field:.8g}" for field in fields]
        return b"".join(text.ljust(size).encode("latin-1") for text in texts)

    reserved = f"{kind}+{'D' if starts else 'C'}" if plus else ("24BIT" if bdf else "")
    header = (b"\xffBIOSEMI" if bdf else b"0".ljust(8)) + patient.ljust(80).encode("latin-1")
    header += b"Startdate X X X X".ljust(80) + b"01.01.01" + b"00.00.00"
    header += str(256 * (count + 1)).ljust(8).encode() + reserved.ljust(44).encode()
    header += str(records).ljust(8).encode() + b"1".ljust(8) + str(count).ljust(4).encode()
    header += column(16, [signal.label for signal in signals], f"{kind} Annotations")
    header += column(80, [""] * len(signals), "")
    header += column(8, [signal.dimension for signal in signals], "")
    header += column(8, [-signal.largest for signal in signals], -1)
    header += column(8, [signal.largest for signal in signals], 1)
    header += column(8, [-top] * len(signals), -top - 1)
    header += column(8, [top] * len(signals), top)
    header += column(80, [""] * len(signals), "")
    header += column(8, [signal.rate for signal in signals], room // width)
    header += column(32, [""] * len(signals), "")

    body = b""
    for record in range(records):
        for signal in signals:
            values = signal.values[record * signal.rate : (record + 1) * signal.rate]
            digital = np.round(values / signal.largest * top).astype("<i4")
            body += digital.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
        if plus:
            text = f"+{starts[record] if starts else record}\x14\x14\x00"
            text += "".join(f"+{onset}\x14{words}\x14\x00" for onset, words in annotations if int(onset) == record)
            body += text.encode().ljust(room, b"\0")
    path.write_bytes(header + body)
    return path
