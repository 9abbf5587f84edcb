"""How fast synthetic rows are made, on one core.

    python benchmarks/synthetic_speed.py [--seconds 10] [NAME ...]

Prints rows per second of each kind against the goal. Images are 224 x 224 pixels, PNG included; windows of EEG have 64 channels
and 640 samples; cells have 2,000 genes; chains have about 200 residues, their rate scaled to that length.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator

# Before numpy is imported: one core.
os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import numpy as np

from multimed_hf.simulation import Simulation, generator_of

GOALS = {"image": 40.0, "eeg": 300.0, "cell": 2000.0, "chain": 40.0}


def rows(subset: str, modality: str) -> Callable[[], Iterator[float]]:
    """Rows of an imaging subset; the work of a row is the number of its images."""

    def make() -> Iterator[float]:
        generator = generator_of(subset, Simulation())
        for index in itertools.count():
            row = generator.row(index)
            images = sum(name in row for name in ("oct", "xray", "fundus", "ct", "mri", "pathology"))
            if modality in row:
                yield float(images)

    return make


def chests() -> Iterator[float]:
    from multimed_hf.simulation.chest.chest import draw_chest
    from multimed_hf.simulation.chest.findings import draw_findings
    from multimed_hf.simulation.images import png, to_bytes

    generator = generator_of("xray", Simulation())
    for number in itertools.count(0, 2):
        patient = generator.patient(number)
        png(to_bytes(draw_chest(patient, 0, draw_findings(patient)).image))
        yield 1.0


def windows() -> Iterator[float]:
    from multimed_hf.simulation.eeg.eeg import simulate_window
    from multimed_hf.simulation.eeg.head import MONTAGE

    generator = generator_of("eeg", Simulation())
    for index in itertools.count():
        simulate_window(generator.patient(index % 30), index // 30, MONTAGE, 4.0)
        yield 1.0


def cells() -> Iterator[float]:
    generator = generator_of("scrna", Simulation())
    for index in itertools.count():
        generator.row(index)
        yield 1.0


def chains() -> Iterator[float]:
    generator = generator_of("protein", Simulation())
    for index in itertools.count():
        yield len(generator.row(index)["protein"]) / 200


KINDS: dict[str, tuple[str, Callable[[], Iterator[float]]]] = {
    "oct": ("image", rows("oct", "oct")),
    "fundus": ("image", rows("fundus", "fundus")),
    "hand": ("image", rows("bone_age", "xray")),
    "pathology": ("image", rows("pathology", "pathology")),
    "chest": ("image", chests),
    "ct, with mri and xray": ("image", rows("ct", "ct")),
    "mri, with ct and xray": ("image", rows("mri", "mri")),
    "eeg window": ("eeg", windows),
    "cell row": ("cell", cells),
    "chain": ("chain", chains),
}


def rate(make: Callable[[], Iterator[float]], seconds: float) -> tuple[float, float]:
    """Work per second of processor time in five slices: the best, which other work on the machine disturbed least, and the
    median. The first rows, which fill caches, are not counted.
    """
    source = make()
    for _ in range(3):
        next(source)
    rates = []
    for _ in range(5):
        begin, work = time.process_time(), 0.0
        while time.process_time() - begin < seconds / 5:
            work += next(source)
        rates.append(work / (time.process_time() - begin))
    return max(rates), statistics.median(rates)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    unknown = set(options.names) - set(KINDS)
    if unknown:
        parser.error(f"Unknown {sorted(unknown)}: expected some of {', '.join(KINDS)}.")
    print(f"numpy {np.__version__}, one core, processor time")
    for name in options.names or KINDS:
        kind, make = KINDS[name]
        best, usual = rate(make, options.seconds)
        print(f"{name:24s} {best:9.1f} /s   goal {GOALS[kind]:6.0f} /s   (median of slices {usual:.1f})")


if __name__ == "__main__":
    main()
