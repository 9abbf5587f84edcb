"""Draws what the synthetic sources look like: a contact sheet per kind of image, a plot per kind of signal and sequence.

    python docs/synthetic/draw.py [--out docs/synthetic] [SUBSET ...]

Draws every subset by default, in some two minutes.
"""

from __future__ import annotations

import argparse
import io
import itertools
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np

from multimed_hf.simulation import Simulation, SubsetGenerator, generator_of

COLUMNS = 6
DIFFICULTIES = (0.2, 0.5, 0.9)


def image_of(row: dict[str, Any], modality: str) -> np.ndarray:
    """The pixels of an image column."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(row[modality]["bytes"])))


def rows_of(generator: SubsetGenerator, limit: int = 4000) -> Iterator[dict[str, Any]]:
    """Rows from the first."""
    return (generator.row(index) for index in range(limit))


def sheet(path: Path, title: str, lines: dict[str, list[tuple[np.ndarray, str]]]) -> None:
    """A contact sheet: one line of images a name, each with a caption."""
    columns = max(len(images) for images in lines.values())
    figure, axes = plt.subplots(len(lines), columns, figsize=(1.75 * columns, 2.0 * len(lines)), squeeze=False)
    for line, (name, images) in zip(axes, lines.items(), strict=True):
        for place, axis in enumerate(line):
            axis.set_visible(place < len(images))
            axis.set_xticks([])
            axis.set_yticks([])
        for axis, (pixels, caption) in zip(line, images, strict=False):
            axis.imshow(pixels, cmap="gray" if pixels.ndim == 2 else None, vmin=0, vmax=255)
            axis.set_xlabel(caption, fontsize=6)
        line[0].set_ylabel(name, fontsize=8)
    save(figure, path, title)


def save(figure: Any, path: Path, title: str) -> None:
    """Writes a figure whose title says that it is synthetic."""
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.35 / figure.get_figheight()))
    figure.suptitle(f"{title} (synthetic: made by a program)", fontsize=10, y=1 - 0.12 / figure.get_figheight())
    figure.savefig(path, dpi=100, pil_kwargs={"quality": 82})
    plt.close(figure)
    print(path)


def by_label(
    subset: str,
    modality: str,
    label: Callable[[dict[str, Any]], str | None],
    difficulty: float,
    names: list[str],
    count: int,
) -> dict[str, list[tuple[np.ndarray, str]]]:
    """The first images of every label, no two of a patient."""
    generator = generator_of(subset, Simulation(difficulty=difficulty, prevalence="balanced"))
    found: dict[str, list[tuple[np.ndarray, str]]] = {name: [] for name in names}
    seen: dict[str, set[str]] = defaultdict(set)
    for row in rows_of(generator):
        name = label(row) if modality in row else None
        if name in found and len(found[name]) < count and row["group"] not in seen[name]:
            seen[name].add(row["group"])
            found[name].append((image_of(row, modality), f"{row.get('site', '')} {row.get('view', '')}".strip()))
        if all(len(images) == count for images in found.values()):
            break
    return found


def draw_labels(subset: str, modality: str, columns: tuple[str, ...], names: list[str], out: Path, title: str) -> None:
    """One contact sheet: a line a label, two patients each at three difficulties."""
    lines: dict[str, list[tuple[np.ndarray, str]]] = {name: [] for name in names}
    for difficulty in DIFFICULTIES:

        def label(row: dict[str, Any]) -> str | None:
            return next((row[column] for column in columns if column in row), None)

        for name, images in by_label(subset, modality, label, difficulty, names, 2).items():
            lines[name] += [(pixels, f"{caption}  difficulty {difficulty}".strip()) for pixels, caption in images]
    sheet(out / f"{subset}.jpg", title, lines)


def draw_oct(out: Path) -> None:
    draw_labels("oct", "oct", ("disease",), ["NORMAL", "DRUSEN", "DME", "CNV"], out, "OCT of the macula")


def draw_fundus(out: Path) -> None:
    names = ["no retinopathy", "mild", "moderate", "severe", "proliferative"]
    draw_labels("fundus", "fundus", ("retinopathy",), names, out, "Fundus")


def draw_bone_age(out: Path) -> None:
    names = [str(year) for year in (1, 3, 5, 7, 9, 11, 13, 15, 17)]
    draw_labels("bone_age", "xray", ("bone_age",), names, out, "Hands; year of bone age")


def draw_pathology(out: Path) -> None:
    draw_labels("pathology", "pathology", ("breast_cancer",), ["benign", "malignant"], out, "H&E of the breast")


def draw_ct(out: Path) -> None:
    draw_labels(
        "ct", "ct", ("disease",), ["normal", "cyst", "tumour", "haemorrhage", "calcification"], out, "CT slices"
    )


def draw_mri(out: Path) -> None:
    names = ["notumor", "glioma", "meningioma", "pituitary", "normal", "cyst", "tumour", "haemorrhage", "calcification"]
    draw_labels("mri", "mri", ("brain_tumor", "disease"), names, out, "MR slices")


def draw_xray(out: Path) -> None:
    """Each finding alone where there is such a patient, with its mask; then one patient in three modalities."""
    from multimed_hf.sources import NIH_FINDINGS

    generator = generator_of("xray", Simulation(difficulty=0.3))
    found: dict[str, list[tuple[np.ndarray, str]]] = {name: [] for name in ("No finding", *NIH_FINDINGS)}
    views: dict[str, list[tuple[np.ndarray, str]]] = {}
    groups: set[str] = set()
    for row in rows_of(generator, 3000):
        if "findings" not in row:
            if "ct" in row and row["group"] not in groups and row["disease"] != "normal" and len(views) < 5:
                groups.add(row["group"])
                images = [(image_of(row, name), name) for name in ("xray", "ct", "mri")]
                views[f"{row['disease']}\n{row['organ']}"] = images
            continue
        present = [name for name, state in row["findings"].items() if state == "present"]
        if len(present) > 1 or row["group"] in groups:
            continue
        name = present[0] if present else "No finding"
        if len(found[name]) < COLUMNS - 1:
            groups.add(row["group"])
            pixels = image_of(row, "xray")
            if present and row.get("masks"):
                outlined = np.repeat(pixels[..., None], 3, 2)
                mask = np.asarray(image_of({"mask": row["masks"][0]}, "mask")) > 0
                edge = mask & ~(np.roll(mask, 1, 0) & np.roll(mask, -1, 0) & np.roll(mask, 1, 1) & np.roll(mask, -1, 1))
                outlined[edge] = (255, 120, 0)
                found[name].append((pixels, row["view"]))
                found[name].append((outlined, "mask"))
            else:
                found[name].append((pixels, row["view"]))
        if all(len(images) >= COLUMNS - 1 for images in found.values()):
            break
    sheet(out / "xray.jpg", "Chest radiographs, difficulty 0.3", found)
    sheet(out / "one_patient.jpg", "One patient, three modalities, difficulty 0.3", views)


def draw_vqa(out: Path) -> None:
    generator = generator_of("vqa", Simulation(difficulty=0.3))
    figure, axes = plt.subplots(3, 4, figsize=(11, 9))
    for axis, row in zip(axes.flat, (generator.row(index) for index in range(0, 48, 4)), strict=True):
        modality = next(name for name in ("xray", "ct", "mri", "pathology") if name in row)
        pixels = image_of(row, modality)
        axis.imshow(pixels, cmap="gray" if pixels.ndim == 2 else None)
        axis.axis("off")
        axis.set_title(textwrap.fill(f"{row['question']} {row['answer']}", 34), fontsize=7)
    save(figure, out / "vqa.jpg", "Questions")


def draw_eeg(out: Path) -> None:
    """A trial of each movement, mean spectra over C3, C4 and Cz, and the map of power lost in the mu band."""
    generator = generator_of("eeg", Simulation(difficulty=0.2))
    rows = [generator.row(index) for index in range(1200)]
    names = sorted({row["motor_imagery"] for row in rows})
    channels, rate = rows[0]["eeg_channels"], rows[0]["eeg_sampling_rate"]
    figure, axes = plt.subplots(2, len(names), figsize=(3.2 * len(names), 7))
    for column, name in enumerate(names):
        chosen = [row for row in rows if row["motor_imagery"] == name]
        signal = np.asarray(chosen[0]["eeg"])
        time = np.arange(signal.shape[1]) / rate
        for place, label in enumerate(channels):
            axes[0, column].plot(time, signal[place] - 60 * place, lw=0.5, color="black")
            axes[0, column].text(-0.02, -60 * place, label, fontsize=5, ha="right", va="center")
        axes[0, column].set(title=name, yticks=[], xlabel="s; 60 microvolt between lines")
        power = np.mean([np.abs(np.fft.rfft(np.asarray(row["eeg"]))) ** 2 for row in chosen], axis=0)
        frequencies = np.fft.rfftfreq(signal.shape[1], 1 / rate)
        for label in ("C3", "Cz", "C4"):
            axes[1, column].semilogy(frequencies[1:], power[channels.index(label)][1:], label=label, lw=1)
        axes[1, column].set(xlim=(1, 40), xlabel="Hz")
        axes[1, column].legend(fontsize=6)
    save(figure, out / "eeg.png", "EEG of imagined movements, difficulty 0.2")


def draw_scrna(out: Path) -> None:
    """Principal components of cells, by type and by donor, and variance against mean of genes."""
    generator = generator_of("scrna", Simulation(difficulty=0.3))
    rows = [row for row in rows_of(generator, 1600) if row.get("cell_type")]
    dense = np.zeros((len(rows), len(generator.genes)), np.float32)
    for place, row in enumerate(rows):
        dense[place, row["gene_index"]] = row["gene_value"]
    centred = dense - dense.mean(0)
    components = np.linalg.svd(centred, full_matrices=False)
    place = components[0][:, :2] * components[1][:2]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2))
    for axis, column in zip(axes, ("cell_type", "donor"), strict=False):
        values = [row[column] for row in rows]
        for value in sorted(set(values)):
            chosen = np.array([other == value for other in values])
            axis.scatter(*place[chosen].T, s=3, label=value)
        axis.set(title=f"cells by {column}", xlabel="component 1", ylabel="component 2")
    axes[0].legend(fontsize=6, markerscale=2)
    counts = np.expm1(dense)
    axes[2].loglog(counts.mean(0) + 1e-4, counts.var(0) + 1e-4, ".", ms=2)
    axes[2].set(title="genes", xlabel="mean, counts per 10,000", ylabel="variance")
    save(figure, out / "scrna.png", "Cells, difficulty 0.3")


def draw_genomics(out: Path) -> None:
    """Expression of promoters, and how their families spread."""
    generator = generator_of("genomics", Simulation(difficulty=0.2))
    rows = [row for row in rows_of(generator, 1200) if len(row["expression"]) == 1]
    values = np.array([row["expression"][0] for row in rows])
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    axes[0].hist(values, 40, color="gray")
    axes[0].set(xlabel="log2 expression", ylabel="promoters")
    families: dict[str, list[float]] = defaultdict(list)
    for row, value in zip(rows, values, strict=True):
        families[row["group"]].append(value)
    pairs = np.array([(family[0], value) for family in families.values() for value in family[1:]])
    if len(pairs):
        axes[1].plot(*pairs.T, ".", ms=3)
        axes[1].set(xlabel="wild type", ylabel="mutant, log2 expression")
    save(figure, out / "genomics.png", "Promoters, difficulty 0.2")


def draw_protein(out: Path) -> None:
    """C-alpha traces from the N terminus, dark, to the C terminus, and their dihedral angles."""
    generator = generator_of("protein")
    figure = plt.figure(figsize=(13, 6.5))
    angles = []
    for place in range(8):
        backbone = np.asarray(generator.row(place * generator.members * generator.cohort)["backbone"])
        alpha = backbone[:, 1]
        axis = figure.add_subplot(2, 5, place + 1 + place // 4, projection="3d")
        resolved = np.abs(alpha).sum(1) > 0
        axis.plot(*alpha[resolved].T, color="gray", lw=0.8)
        axis.scatter(*alpha[resolved].T, c=np.arange(resolved.sum()), s=6, cmap="viridis")
        axis.set_axis_off()
        axis.set_title(f"{len(alpha)} residues", fontsize=7)
        angles.append(dihedrals(backbone[resolved]))
    axis = figure.add_subplot(2, 5, 5)
    axis.plot(*np.concatenate(angles).T, ".", ms=2)
    axis.set(xlim=(-180, 180), ylim=(-180, 180), xlabel="phi, degrees", ylabel="psi")
    save(figure, out / "protein.png", "Chains")


def dihedrals(backbone: np.ndarray) -> np.ndarray:
    """Phi and psi in degrees of the inner residues, `(residues - 2, 2)`, of `(residues, 3, 3)` atoms."""

    def angle(*points: np.ndarray) -> np.ndarray:
        first, second, third = (after - before for before, after in itertools.pairwise(points))
        one, two = np.cross(first, second), np.cross(second, third)
        sine = (np.cross(one, two) * second).sum(-1) / np.linalg.norm(second, axis=-1)
        return np.degrees(np.arctan2(sine, (one * two).sum(-1)))

    nitrogen, alpha, carbon = (backbone[:, place] for place in range(3))
    phi = angle(carbon[:-2], nitrogen[1:-1], alpha[1:-1], carbon[1:-1])
    psi = angle(nitrogen[1:-1], alpha[1:-1], carbon[1:-1], nitrogen[2:])
    return np.stack([phi, psi], 1)


def draw_text(out: Path) -> None:
    """A few reports, as they are."""
    generator = generator_of("text")
    lines = ["Synthetic reports: made by a program, about nobody.", ""]
    for index in range(8):
        row = generator.row(index)
        states = ", ".join(f"{name} {state}" for name, state in row["report_findings"].items())
        lines += [textwrap.fill(row["text"], 110), f"    [{states}]", ""]
    path = out / "reports.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    print(path)


def main() -> None:
    """Draws."""
    draws = {name.removeprefix("draw_"): function for name, function in globals().items() if name.startswith("draw_")}
    del draws["labels"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subsets", nargs="*", metavar="SUBSET", help="default: all")
    parser.add_argument("--out", default=Path(__file__).parent, type=Path)
    options = parser.parse_args()
    for name in options.subsets or draws:
        if name not in draws:
            parser.error(f"Unknown subset {name!r}: expected one of {', '.join(draws)}.")
        draws[name](options.out)


if __name__ == "__main__":
    main()
