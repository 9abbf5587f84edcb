"""Draws docs/model.png: the way of three samples through the model, and who attends to whom in each kind of fusion.

python docs/draw_model.py [--out docs/model.png]
"""

from __future__ import annotations

import argparse
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

COLORS = {"text": "#4477aa", "eeg": "#ee6677", "protein": "#228833", "summary": "#333333", "bottleneck": "#ccbb44"}
SAMPLES = {"A": {"text": 4, "eeg": 3}, "B": {"protein": 4}, "C": {"text": 3, "protein": 4}}
INK = "#222222"


def box(axes: Any, x: float, y: float, width: float, height: float, label: str, color: str = "white") -> None:
    """A rounded box with a label in its middle."""
    patch = FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.15", fc=color, ec=INK, lw=1)
    axes.add_patch(patch)
    ink = "white" if color != "white" else INK
    axes.text(x + width / 2, y + height / 2, label, ha="center", va="center", fontsize=9, color=ink)


def arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """An arrow from one place to another."""
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, lw=0.9, color="#666666"))


def strip(axes: Any, x: float, y: float, kinds: list[str], size: float = 0.5) -> None:
    """A row of tokens, coloured by kind, the first at `x`."""
    for index, kind in enumerate(kinds):
        axes.add_patch(Rectangle((x + index * size, y), size, size, fc=COLORS[kind], ec="white", lw=0.8))


def note(axes: Any, y: float, text: str) -> None:
    """A line of explanation in the left margin."""
    axes.text(0.0, y, text, ha="left", va="center", fontsize=9, color=INK, linespacing=1.3)


def way(axes: Any) -> None:
    """Samples, encoders, the packed batch, the backbone, vectors, heads: from top to bottom."""
    place = {"A": 5.2, "B": 10.2, "C": 14.0}
    encoder = {"text": 5.0, "eeg": 9.6, "protein": 14.2}
    note(axes, 11.3, "samples, each with\nthe modalities it has")
    for name, parts in SAMPLES.items():
        for index, kind in enumerate(parts):
            x = place[name] + 1.9 * index
            box(axes, x, 10.95, 1.7, 0.7, kind, COLORS[kind])
            arrow(axes, (x + 0.85, 10.95), (encoder[kind] + 1.4, 9.85))
        axes.text(place[name] + 0.95 * len(parts), 11.95, f"sample {name}", ha="center", fontsize=9, color=INK)
    note(axes, 9.5, "one encoder per modality,\nrun once for the batch")
    for kind, x in encoder.items():
        box(axes, x, 9.15, 2.8, 0.7, f"{kind} encoder", COLORS[kind])
        arrow(axes, (x + 1.4, 9.15), (x + 1.4, 8.15))
    note(axes, 7.55, "packed: end to end, those of\nequal length side by side,\nno padding")
    x = 5.0
    ends: dict[str, tuple[float, float]] = {}
    # In the order of their lengths.
    for name in sorted(SAMPLES, key=lambda one: sum(SAMPLES[one].values())):
        kinds = ["summary", *(kind for kind, count in SAMPLES[name].items() for _ in range(count))]
        strip(axes, x, 7.4, kinds)
        ends[name] = (x, x + 0.5 * len(kinds))
        axes.text(sum(ends[name]) / 2, 7.1, f"sample {name}", ha="center", va="center", fontsize=8, color=INK)
        x = ends[name][1] + 0.35
    note(axes, 5.85, "transformer layers;\nattention within sequences")
    box(axes, 5.0, 5.5, x - 5.35, 0.7, "MultiMedLayer x num_hidden_layers")
    note(axes, 4.15, "pooling, and fusion unless\nearly: one vector a sample")
    for start, end in ends.values():
        middle = (start + end) / 2
        arrow(axes, (middle, 6.9), (middle, 6.2))
        arrow(axes, (middle, 5.5), (middle, 4.5))
        box(axes, middle - 0.9, 3.8, 1.8, 0.7, "hidden_size")
        arrow(axes, (middle, 3.8), (middle, 3.2))
    note(axes, 2.85, "one head per task and\nlabel set, for every sample")
    for index, label in enumerate(["classes", "ordinal", "regression", "survival", "answer", "structure"]):
        box(axes, 5.0 + 2.02 * index, 2.5, 1.9, 0.7, label)
    axes.plot([16.2, 17.5, 17.5, 17.0], [5.85, 5.85, 2.85, 2.85], color="#666666", lw=0.9, ls="--")
    axes.text(17.6, 4.4, "residues", rotation=90, va="center", fontsize=8, color=INK)


def matrix(axes: Any, x: float, y: float, kinds: list[str], groups: list[int], title: str) -> None:
    """Who attends to whom: tokens of one group to each other; on the edges the kinds of tokens."""
    size = 0.2
    for row in range(len(kinds)):
        for column in range(len(kinds)):
            color = "#9db7d1" if groups[row] == groups[column] else "#f1f1f1"
            corner = (x + column * size, y - row * size)
            axes.add_patch(Rectangle(corner, size, size, fc=color, ec="white", lw=0.4))
    for index, kind in enumerate(kinds):
        axes.add_patch(Rectangle((x + index * size, y + 1.3 * size), size, size, fc=COLORS[kind], ec="white", lw=0.4))
        axes.add_patch(Rectangle((x - 1.3 * size, y - index * size), size, size, fc=COLORS[kind], ec="white", lw=0.4))
    axes.text(x + len(kinds) * size / 2, y + 0.75, title, ha="center", fontsize=9, color=INK)


def patterns(axes: Any) -> None:
    """Attention of sample A in the three arrangements."""
    note(axes, -0.1, "who attends to whom\nin sample A")
    y = 0.75
    matrix(axes, 5.3, y, ["summary", *["text"] * 4, *["eeg"] * 3], [0] * 8, "early")
    apart = ["summary", *["text"] * 4, "summary", *["eeg"] * 3]
    matrix(axes, 8.6, y, apart, [0] * 5 + [1] * 4, "late, tensor, lowrank, gated")
    through = ["summary", *["text"] * 4, *["bottleneck"] * 2, "summary", *["eeg"] * 3, *["bottleneck"] * 2]
    matrix(axes, 12.3, y, through, [0] * 7 + [1] * 6, "bottleneck")
    axes.text(
        15.1, -0.1, "bottleneck tokens of\na sample are averaged\nafter each layer", fontsize=8, va="center", color=INK
    )
    for index, (kind, color) in enumerate(COLORS.items()):
        corner = (5.0 + 2.4 * index, -2.45)
        axes.add_patch(Rectangle(corner, 0.3, 0.3, fc=color, ec="white"))
        axes.text(corner[0] + 0.4, corner[1] + 0.15, kind, va="center", fontsize=8, color=INK)


def main() -> None:
    """Draws and saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="docs/model.png")
    options = parser.parse_args()
    figure, axes = plt.subplots(figsize=(11, 8.6))
    axes.set_xlim(-0.1, 18.1)
    axes.set_ylim(-2.7, 12.4)
    axes.axis("off")
    way(axes)
    patterns(axes)
    figure.savefig(options.out, dpi=130, bbox_inches="tight", facecolor="white", metadata={"Software": None})


if __name__ == "__main__":
    main()
