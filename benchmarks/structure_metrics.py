"""Time of TM-score and C-alpha lDDT beside other programs, on compact chains made here.

TM-score at the known correspondence is compared with the program `TMscore`, started once a pair as its users do, and
lDDT with two Python loops over residues and with biotite. Medians of turns taken alternately, on one thread.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import importlib
import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from multimed_hf.metrics.lddt import LDDT_RADIUS, LDDT_THRESHOLDS, lddt
from multimed_hf.metrics.structure import tm_score

TM_LENGTH, LDDT_LENGTH = 300, 600
# Uniform noise of so many angstrom on each axis: a good, a fair and a poor model, the last of them slow to search.
NOISE = (1.0, 4.0, 8.0)
TM_STRETCH_SECONDS = 0.010
LOOP_GOAL = 20.0


def compact_chain(length: int, seed: int) -> np.ndarray:
    """A random walk of 3.8 angstrom steps in a sphere of the size of a folded protein."""
    generator, radius = np.random.default_rng(seed), 3.0 * np.cbrt(length) + 3.0
    chain = [np.zeros(3)]
    while len(chain) < length:
        step = generator.normal(size=3)
        position = chain[-1] + 3.8 * step / np.linalg.norm(step)
        if np.linalg.norm(position) < radius:
            chain.append(position)
    return np.array(chain).round(3)


def noisy(chain: np.ndarray, scale: float) -> np.ndarray:
    """The chain with uniform noise, rounded as a PDB file rounds."""
    return (chain + np.random.default_rng(0).uniform(-scale, scale, chain.shape)).round(3)


def write_pdb(path: Path, chain: np.ndarray) -> None:
    """The C-alpha atoms of a chain."""
    lines = [
        f"ATOM  {row:5d}  CA  ALA A{row:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           C\n"
        for row, (x, y, z) in enumerate(chain, start=1)
    ]
    path.write_text("".join(lines) + "TER\nEND\n")


def lddt_by_loops(prediction: np.ndarray, reference: np.ndarray) -> float:
    """lDDT as its definition reads, pair by pair, each pair once."""
    predicted, true = prediction.tolist(), reference.tolist()
    kept = pairs = 0
    for i in range(len(true)):
        for j in range(i):
            distance = math.dist(true[i], true[j])
            if distance <= LDDT_RADIUS:
                error = abs(distance - math.dist(predicted[i], predicted[j]))
                kept += sum(error <= threshold for threshold in LDDT_THRESHOLDS)
                pairs += 1
    return kept / (len(LDDT_THRESHOLDS) * pairs)


def biotite_lddt(prediction: np.ndarray, reference: np.ndarray) -> Callable[[], float] | None:
    """biotite's function on arrays made beforehand; None where it is not installed."""
    try:
        structure = importlib.import_module("biotite.structure")  # it has no types
    except ImportError:
        return None
    array = structure.AtomArray(len(reference))
    array.coord, array.res_id = reference.astype(np.float32), np.arange(1, len(reference) + 1)
    array.chain_id[:], array.res_name[:], array.atom_name[:] = "A", "ALA", "CA"
    predicted = prediction.astype(np.float32)
    return lambda: float(structure.lddt(array, predicted))


def medians(sides: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Median seconds of each side. They take turns, so that a slow minute of the machine falls on all of them; the
    first turn warms up and does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(turns + 1):
        for name, call in sides.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(taken[1:])) for name, taken in seconds.items()}


def show(title: str, taken: dict[str, float]) -> None:
    """The times of one comparison, and how many times as long as ours each is."""
    print(title)
    for name, seconds in taken.items():
        print(f"  {name:<24}{1e3 * seconds:>10.2f} ms{seconds / taken['ours']:>9.2f} x ours")


def verdict(goal: str, met: bool) -> None:
    """One line a goal."""
    print(f"goal: {goal}: {'met' if met else 'MISSED'}\n")


def compare_tm_score(turns: int) -> None:
    """TM-score beside the program, on a good, a fair and a poor model."""
    program = shutil.which("TMscore")
    reference = compact_chain(TM_LENGTH, 1)
    with tempfile.TemporaryDirectory() as folder:
        model, native = Path(folder) / "model.pdb", Path(folder) / "native.pdb"
        write_pdb(native, reference)
        ours, theirs = [], []
        for scale in NOISE:
            prediction = noisy(reference, scale)
            write_pdb(model, prediction)
            sides: dict[str, Callable[[], object]] = {"ours": partial(tm_score, prediction, reference)}
            if program:
                command = [program, str(model), str(native)]
                sides["program TMscore"] = partial(subprocess.run, command, capture_output=True, check=True)
            taken = medians(sides, turns)
            score = tm_score(prediction, reference)
            show(f"TM-score, {TM_LENGTH} residues, TM-score {score:.3f}", taken)
            ours.append(taken["ours"])
            theirs += [taken["program TMscore"]] if program else []
    if not program:
        print("the program TMscore is not installed (Debian: tm-align)")
    for scale, mine, other in zip(NOISE, ours, theirs, strict=False):
        verdict(f"TM-score not slower than the program, noise of {scale:g} A", mine <= other)
    verdict(
        f"(stretch) TM-score within {1e3 * TM_STRETCH_SECONDS:g} ms on the fair model", ours[1] <= TM_STRETCH_SECONDS
    )


def compare_lddt(turns: int) -> None:
    """C-alpha lDDT beside two loops and biotite."""
    reference = compact_chain(LDDT_LENGTH, 2)
    prediction = noisy(reference, 2.0)
    sides: dict[str, Callable[[], object]] = {
        "ours": partial(lddt, prediction, reference),
        "two Python loops": partial(lddt_by_loops, prediction, reference),
    }
    library = biotite_lddt(prediction, reference)
    if library:
        sides["biotite"] = library
    values = {name: call() for name, call in sides.items()}
    taken = medians(sides, turns)
    show(
        f"C-alpha lDDT, {LDDT_LENGTH} residues, {', '.join(f'{name} {value:.6f}' for name, value in values.items())}",
        taken,
    )
    ratio = taken["two Python loops"] / taken["ours"]
    verdict(f"lDDT at least {LOOP_GOAL:g} x faster than two Python loops", ratio >= LOOP_GOAL)
    if library:
        verdict("lDDT not slower than biotite", taken["ours"] <= taken["biotite"])
    else:
        print("biotite is not installed")


def main() -> None:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--turns", type=int, default=9, help="turns of each side, of which the median counts (default 9)"
    )
    arguments = parser.parse_args()
    if arguments.turns < 1:
        parser.error(f"--turns should be 1 or more, got {arguments.turns}")
    print(f"medians of {arguments.turns} turns, Python {sys.version.split()[0]}, numpy {np.__version__}\n")
    compare_tm_score(arguments.turns)
    compare_lddt(arguments.turns)


if __name__ == "__main__":
    main()
