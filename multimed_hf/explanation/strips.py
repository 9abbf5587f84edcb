"""Letters and words on coloured ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .attribution import Saliency

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize

SHOWN_LINES = 12
"""Lines of a strip that are drawn; of longer sequences those of most weight."""

_LETTERS, _CHARACTERS = 60, 110


def lines_of(part: Saliency) -> list[range]:
    """The places of a sequence line by line: 60 letters, or as many tokens as fit."""
    pieces = part.coordinates[0]
    if part.axes[0] != "token":
        return [range(start, min(start + _LETTERS, len(pieces))) for start in range(0, len(pieces), _LETTERS)]
    lines, start, used = [], 0, 0.0
    for place, piece in enumerate(pieces):
        width = _width(part, str(piece))
        if used + width > _CHARACTERS and place > start:
            lines.append(range(start, place))
            start, used = place, 0.0
        used += width
    return [*lines, range(start, len(pieces))]


def draw_strip(axes: Axes, part: Saliency, colours: Colormap) -> tuple[Normalize, str]:
    """Draws a sequence; gives its scale of colours, and what to say of lines that are left out."""
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    lines, values = lines_of(part), part.values
    weights = [float(np.abs(values[line.start : line.stop]).sum()) for line in lines]
    shown = sorted(np.argsort(weights)[::-1][:SHOWN_LINES].tolist())
    limit = max(float(np.abs(values).max(initial=0)), 1e-12)
    norm = Normalize(-limit, limit)
    for row, line in enumerate(lines[number] for number in shown):
        axes.text(-1.0, -row, str(line.start + 1), ha="right", va="center", fontsize=7, color="0.4")
        left = 0.0
        for place in line:
            piece = _words(str(part.coordinates[0][place]))
            width = _width(part, piece)
            red, green, blue, _ = colours(norm(values[place]))
            axes.add_patch(Rectangle((left, -row - 0.42), width, 0.84, color=(red, green, blue)))
            # Dark ground is rare: letters are white where black would not be read.
            ink = "white" if 0.3 * red + 0.6 * green + 0.1 * blue < 0.5 else "black"
            axes.text(
                left + width / 2,
                -row,
                piece,
                ha="center",
                va="center_baseline",
                fontsize=8,
                family="monospace",
                color=ink,
            )
            left += width
    axes.set_xlim(-4, (_CHARACTERS if part.axes[0] == "token" else _LETTERS) + 0.5)
    axes.set_ylim(-len(shown) + 0.4, 0.6)
    axes.set_axis_off()
    left_out = len(lines) - len(shown)
    return norm, f", {len(shown)} lines of most weight of {len(lines)}" if left_out else ""


def _words(piece: str) -> str:
    """A piece of text on one line, and without the dollar signs that would make mathematics of it."""
    return " ".join(piece.split()).replace("$", r"\$")


def _width(part: Saliency, piece: str) -> float:
    return 1.0 if part.axes[0] != "token" else len(_words(piece)) + 0.8
