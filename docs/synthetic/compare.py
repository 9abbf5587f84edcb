"""Synthetic data beside the few real files that ship in packages: the same statistics of both, as a table.

    python docs/synthetic/compare.py [--cranium FILE] [NAME ...]

Real files are read where they are found, and left out with a word where not: the head of Debian's `invesalius-examples`
(Cranium.inv3, unpacked), the chest of `pydicom-data` (needs `pydicom`), EEG Eye State and PDB entries below `$MULTIMED_DATA`, and
PBMC68k of `scanpy`. One scanner, one chest, one subject and one donor: this shows gross errors, not agreement.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import plistlib
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from multimed_hf.resources import load_script
from multimed_hf.simulation import Simulation, SubsetGenerator, generator_of

Line = tuple[str, str, str]

CRANIUM = Path(".carriers/usr/share/doc/invesalius-examples/examples/Cranium.inv3")


def rows_of(
    generator: SubsetGenerator, wanted: Callable[[dict[str, Any]], Any], count: int
) -> Iterator[dict[str, Any]]:
    """The first `count` rows that are wanted."""
    found = 0
    for index in range(100_000):
        row = generator.row(index)
        if wanted(row):
            yield row
            found += 1
            if found == count:
                return


# --- CT: shares of tissues by HU, in the head -------------------------------------------------------------------------

TISSUES = {"air, below -700": (-2000, -700), "fat, -150 to -50": (-150, -50), "brain, 10 to 60": (10, 60)}
TISSUES |= {"spongy bone, 150 to 600": (150, 600), "compact bone, above 600": (600, 4000)}


def ct(cranium: Path) -> Iterator[Line]:
    """Of all voxels that are no air outside: how many have the HU of each tissue."""
    with tarfile.open(cranium) as archive:
        names = {Path(member.name).name: member for member in archive.getmembers()}
        plan = plistlib.loads(archive.extractfile(names["main.plist"]).read())["matrix"]  # type: ignore[union-attr]
        raw = archive.extractfile(names["matrix.dat"]).read()  # type: ignore[union-attr]
    real = np.frombuffer(raw, plan["dtype"]).reshape(plan["shape"])
    # Above the orbits, where the skull is closed.
    generator = generator_of("ct", Simulation(prevalence="balanced"))
    made = [
        np.asarray(row["ct_volume"])
        for row in rows_of(generator, lambda r: r["organ"] == "brain" and "ct_volume" in r, 40)
    ]
    share = [tissue_shares(volume) for volume in made]
    for name, value in tissue_shares(real[50:85]).items():
        ours = [each[name] for each in share]
        yield (
            f"CT of the head: {name} HU",
            f"{value:.3f}",
            f"{np.mean(ours):.3f} ({min(ours):.3f} to {max(ours):.3f}, n {len(ours)})",
        )
    brain = [float(np.median(v[(v > 0) & (v < 90)])) for v in (real[50:85], *made)]
    yield "CT of the head: median of 0 to 90 HU", f"{brain[0]:.0f}", f"{np.mean(brain[1:]):.0f}"


def tissue_shares(volume: np.ndarray) -> dict[str, float]:
    """Shares of the voxels inside the skull's box in each slice; a head rest is no part of the skull."""
    from scipy.ndimage import label

    inside = []
    for plane in volume:
        bone, _ = label(plane > 250)
        sizes = np.bincount(bone.ravel())[1:]
        if not len(sizes) or sizes.max() < 20:
            continue
        bone = bone == sizes.argmax() + 1
        rows, columns = np.flatnonzero(bone.any(1)), np.flatnonzero(bone.any(0))
        inside.append(plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].ravel())
    values = np.concatenate(inside)
    return {name: float(((values >= low) & (values < high)).mean()) for name, (low, high) in TISSUES.items()}


# --- radiograph: profiles of mean intensity --------------------------------------------------------------------------


def xray() -> Iterator[Line]:
    """Mean intensity along and across the chest: correlation with the mean of synthetic chests."""
    import pydicom
    from PIL import Image

    spec = importlib.util.find_spec("data_store")
    if not spec or not spec.submodule_search_locations:
        raise FileNotFoundError("the chest of pydicom-data")
    film = pydicom.dcmread(Path(spec.submodule_search_locations[0]) / "data" / "RG1_UNCR.dcm")
    pixels = film.pixel_array.astype(float)
    # MONOCHROME1: dark is high.
    real = profiles(pixels.max() - pixels if film.PhotometricInterpretation == "MONOCHROME1" else pixels)
    generator = generator_of("xray", Simulation())
    rows = rows_of(generator, lambda r: "present" not in r.get("findings", {"": "present"}).values(), 40)
    made = [profiles(np.asarray(Image.open(io.BytesIO(row["xray"]["bytes"])), dtype=float)) for row in rows]
    for place, name in enumerate(("down", "across")):
        mean = np.mean([profile[place] for profile in made], axis=0)
        ours = [float(np.corrcoef(profile[place], mean)[0, 1]) for profile in made]
        theirs = float(np.corrcoef(real[place], mean)[0, 1])
        yield (
            f"chest radiograph: profile {name}, r with the mean of synthetic ones",
            f"{theirs:.2f}",
            f"{np.mean(ours):.2f} ({min(ours):.2f} to {max(ours):.2f}, n {len(ours)})",
        )


def profiles(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of rows and of columns in 32 steps over the inner 80 % of the image."""
    rows, columns = (slice(round(0.1 * size), round(0.9 * size)) for size in pixels.shape)
    inner = pixels[rows, columns]
    return tuple(np.array([part.mean() for part in np.array_split(inner.mean(1 - axis), 32)]) for axis in (0, 1))  # type: ignore[return-value]


# --- EEG: spectra ----------------------------------------------------------------------------------------------------


def eeg() -> Iterator[Line]:
    """Fall of the power with the frequency, place of the alpha peak and size of the signal, at the electrodes both have."""
    script = load_script("eeg")
    reader = script.EyeStateReader(script.EyeStateReader.locate(None))
    real = spectra(list(reader.read(reader.index())))
    generator = generator_of("eeg", Simulation())
    made = spectra([generator.row(index) for index in range(600)])
    yield "EEG: exponent of 1/f between 2 and 30 Hz, alpha left out", f"{real[0]:.2f}", f"{made[0]:.2f}"
    yield (
        "EEG: peak between 7 and 14 Hz above 1/f",
        f"{real[1]:.1f} Hz, x {real[2]:.1f}",
        f"{made[1]:.1f} Hz, x {made[2]:.1f}",
    )
    yield "EEG: median root mean square of a window", f"{real[3]:.1f} microvolt", f"{made[3]:.1f} microvolt"


def spectra(rows: list[dict[str, Any]]) -> tuple[float, float, float, float]:
    """Exponent, place and height of the alpha peak of the mean spectrum, median root mean square; windows of 1 s."""
    power, strengths = [], []
    for row in rows:
        rate = round(row["eeg_sampling_rate"])
        signal = np.asarray(row["eeg"], dtype=float)[:, :rate]
        signal = signal - signal.mean(1, keepdims=True)
        strengths.append(np.median(signal.std(1)))
        power.append(np.abs(np.fft.rfft(signal * np.hanning(rate))) ** 2 / rate)
    mean = np.exp(np.mean([np.log(each[:, :31] + 1e-9).mean(0) for each in power], axis=0))
    frequency = np.arange(31)
    fitted = (frequency >= 2) & (frequency <= 30) & ((frequency < 7) | (frequency > 14))
    slope, level = np.polyfit(np.log(frequency[fitted]), np.log(mean[fitted]), 1)
    above = mean[7:15] / np.exp(level + slope * np.log(frequency[7:15]))
    return -float(slope), float(7 + above.argmax()), float(above.max()), float(np.median(strengths))


# --- cells: variance and zeros of genes --------------------------------------------------------------------------------


def scrna() -> Iterator[Line]:
    """Variance and share of zeros of genes with the same mean."""
    script = load_script("scrna")
    reader = script.Pbmc68kReader(script.Pbmc68kReader.locate(None))
    real = gene_statistics([row for row in reader.read(reader.index()) if "cell_type" in row], len(reader.genes))
    generator = generator_of("scrna", Simulation())
    rows = list(rows_of(generator, lambda row: "cell_type" in row, 700))
    made = gene_statistics(rows, len(generator.genes))
    for low, high in ((0.5, 2), (2, 8), (8, 32)):
        cells = []
        for mean, variance, zeros in (real, made):
            chosen = (mean >= low) & (mean < high)
            cells.append(
                f"variance {np.median(variance[chosen] / mean[chosen]):.1f} x mean, zeros {np.median(zeros[chosen]):.2f}, "
                f"{chosen.sum()} genes"
            )
        yield f"cells: genes of {low:g} to {high:g} counts per 10,000", cells[0], cells[1]


def gene_statistics(rows: list[dict[str, Any]], genes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance and share of zeros of each gene, in counts per 10,000."""
    dense = np.zeros((len(rows), genes))
    for place, row in enumerate(rows):
        dense[place, row["gene_index"]] = np.expm1(row["gene_value"])
    return dense.mean(0), dense.var(0), (dense == 0).mean(0)


# --- chains: bonds ----------------------------------------------------------------------------------------------------


def protein() -> Iterator[Line]:
    """Lengths and angles of the backbone."""
    script = load_script("protein")
    reader = script.PdbReader(script.PdbReader.locate(None))
    real = bonds(list(reader.read(reader.index())))
    generator = generator_of("protein", Simulation())
    made = bonds([generator.row(index) for index in range(60)])
    for name, values in real.items():
        yield (
            f"chains: {name}",
            f"{np.mean(values):.3f} +- {np.std(values):.3f}",
            f"{np.mean(made[name]):.3f} +- {np.std(made[name]):.3f}",
        )


def bonds(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Angstrom and degrees, over all residues that are resolved with the next one, and bonded."""
    parts: dict[str, list[np.ndarray]] = {}
    for row in rows:
        atoms = np.asarray(row["backbone"], dtype=float)
        known = np.asarray(row["resolved"], dtype=bool)
        step = np.linalg.norm(atoms[1:, 0] - atoms[:-1, 2], axis=1)
        pair = known[1:] & known[:-1] & (step < 2)
        here, there = atoms[:-1][pair], atoms[1:][pair]
        one, two = here[:, 0] - here[:, 1], here[:, 2] - here[:, 1]
        cosine = (one * two).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
        for name, values in (
            ("N to C-alpha, angstrom", np.linalg.norm(one, axis=1)),
            ("C-alpha to C, angstrom", np.linalg.norm(two, axis=1)),
            ("C to next N, angstrom", step[pair]),
            ("C-alpha to next C-alpha, angstrom", np.linalg.norm(there[:, 1] - here[:, 1], axis=1)),
            ("angle N, C-alpha, C, degrees", np.degrees(np.arccos(cosine))),
        ):
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def main() -> None:
    """Compares and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="some of ct, xray, eeg, scrna, protein; default: all")
    parser.add_argument("--cranium", default=CRANIUM, type=Path, help="default: %(default)s")
    options = parser.parse_args()
    print("| statistic | real | synthetic |\n|---|---|---|")
    comparisons: dict[str, Callable[[], Iterator[Line]]] = {
        "ct": lambda: ct(options.cranium),
        "xray": xray,
        "eeg": eeg,
        "scrna": scrna,
        "protein": protein,
    }
    for name in options.names or comparisons:
        if name not in comparisons:
            parser.error(f"Unknown name {name!r}: expected some of {', '.join(comparisons)}.")
        compare = comparisons[name]
        try:
            for line in compare():
                print("| " + " | ".join(line) + " |", flush=True)
        except (FileNotFoundError, ImportError) as error:
            print(f"| {name} | not found: {os.fspath(str(error))} | |")


if __name__ == "__main__":
    main()
