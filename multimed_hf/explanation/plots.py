"""One figure for one sample: what modalities add, and what their parts add."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .ablation import Contributions
from .attribution import Saliency
from .strips import SHOWN_LINES, draw_strip, lines_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

# Okabe and Ito's blue and orange, which colour-blind readers tell apart.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#595959"
_WIDTH = 11.0  # inches
_CHANNELS, _GENES, _SLICES = 12, 12, 3
# Pixels and voxels are noisy one by one: shown is a mean over this share of the longer side, EEG over these seconds.
_SMOOTH, _SECONDS = 0.015, 0.03


def figure(
    inputs: Mapping[str, Sequence[Any]],
    contributions: Contributions,
    saliencies: Mapping[str, Saliency],
    attention: Mapping[str, float] | None = None,
    title: str = "",
    note: str = "",
) -> Figure:
    """Draws an explanation. Orange raises the number that is explained, blue lowers it.

    Args:
        inputs: the sample, as `contributions` takes it.
        contributions: what modalities add.
        saliencies: part to what its elements add.
        attention: shares of modalities, if there are any.
        title: stands above.
        note: stands below, such as that the data are synthetic.
    """
    from matplotlib.figure import Figure

    panels: list[tuple[float, Callable[[SubFigure], None]]] = [
        (1.0 + 0.5 * len(contributions.alone), partial(_contributions, found=contributions, attention=attention))
    ]
    for part in saliencies.values():
        modality = part.part.removesuffix("_volume").removesuffix("_peaks")
        raw = inputs[modality][0]
        kind = part.axes[0]
        if kind in ("row", "slice"):
            panels.append((3.9, partial(_image if kind == "row" else _volume, part=part, raw=raw)))
        elif kind == "channel":
            height = 1.2 + 0.32 * min(_CHANNELS, len(part.values))
            panels.append((height, partial(_eeg, part=part, raw=raw)))
        elif kind in ("gene", "peak"):
            height = 1.1 + 0.24 * min(_GENES, len(part.values))
            panels.append((height, partial(_genes, part=part)))
        else:
            height = 1.0 + 0.3 * min(SHOWN_LINES, len(lines_of(part)))
            panels.append((height, partial(_strip, part=part)))
    heights = [height for height, _ in panels]
    drawn = Figure(figsize=(_WIDTH, sum(heights) + 0.9), dpi=110, layout="constrained")
    drawn.suptitle(title, fontsize=13, fontweight="bold", wrap=True)
    rows = drawn.subfigures(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for row, (_, draw) in zip(rows, panels, strict=True):
        draw(row)
    if note:
        drawn.supxlabel(note, fontsize=9, color=GREY)
    return drawn


def diverging() -> Colormap:
    """Blue below zero, white at zero, orange above."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("blue_orange", [BLUE, "white", ORANGE])


def _contributions(panel: SubFigure, found: Contributions, attention: Mapping[str, float] | None) -> None:
    axes = panel.subplots()
    names = list(found.alone)
    bars = found.shapley or found.leave_one_out
    values = [bars[name] for name in names]
    axes.barh(names, values, color=[ORANGE if value >= 0 else BLUE for value in values], height=0.6)
    if found.shapley:
        left_out = [found.leave_one_out[name] for name in names]
        axes.plot(left_out, names, "D", color="black", mfc="white", markersize=6, label="what leaving it out changes")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=9, borderaxespad=0)
    if attention:
        shares = [f"{name}\nattention {attention[name]:.0%}" for name in names]
        axes.set_yticks(range(len(names)), shares)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    what = "Shapley value" if found.shapley else "What leaving it out changes"
    whole = found.explained.value
    axes.set_xlabel(f"{what} ({found.explained.unit}); all: {whole:.3g}, none: {found.empty:.3g}", fontsize=9)
    _plain(axes)


def _image(panel: SubFigure, part: Saliency, raw: Any) -> None:
    image = np.asarray(raw["image"] if isinstance(raw, Mapping) else raw)
    left, right = panel.subplots(1, 2)
    left.imshow(image, cmap="gray")
    left.set_title("input", fontsize=9)
    _overlay(panel, [right], [image], [_smooth(part.values)], part, "pixel")
    _head(panel, part)
    for axes in (left, right):
        axes.set_axis_off()


def _volume(panel: SubFigure, part: Saliency, raw: Mapping[str, Any]) -> None:
    volume, smooth = np.asarray(raw["volume"]), _smooth(part.values)
    # A thin smoothed slice next to the strongest shows the same: one from each third of the volume.
    runs = [run for run in np.array_split(np.arange(len(volume)), _SLICES) if len(run)]
    shown = [int(run[np.abs(smooth[run]).sum((1, 2)).argmax()]) for run in runs]
    places = panel.subplots(1, len(shown), squeeze=False)[0]
    _overlay(panel, places, [volume[each] for each in shown], [smooth[each] for each in shown], part, "voxel")
    for axes, each in zip(places, shown, strict=True):
        axes.set_title(f"slice {each} of {len(volume)}", fontsize=9)
        axes.set_axis_off()
    _head(panel, part)


def _overlay(
    panel: SubFigure,
    places: Sequence[Axes],
    images: Sequence[np.ndarray],
    values: Sequence[np.ndarray],
    part: Saliency,
    element: str,
) -> None:
    """Saliency over faint images, the stronger the less faint, with one colour bar."""
    limit = max(float(np.quantile(np.abs(np.stack(values)), 0.998)), 1e-12)
    for axes, image, each in zip(places, images, values, strict=True):
        grey = image.mean(2) if image.ndim == 3 else image
        axes.imshow(grey, cmap="gray", alpha=0.75)
        strength = np.clip(np.abs(each) / limit, 0, 1) ** 0.7
        drawn = axes.imshow(each, cmap=diverging(), vmin=-limit, vmax=limit, alpha=0.85 * strength)
    from matplotlib.cm import ScalarMappable

    _bar(panel, ScalarMappable(drawn.norm, diverging()), places, f"{part.explained.unit} per {element}, smoothed")


def _eeg(panel: SubFigure, part: Saliency, raw: Mapping[str, Any]) -> None:
    from matplotlib.collections import LineCollection
    from scipy.ndimage import gaussian_filter1d

    axes, signal = panel.subplots(), np.asarray(raw["signal"], float)
    seconds = np.asarray(part.coordinates[1])
    order = np.sort(np.argsort(-np.abs(part.values).sum(1))[:_CHANNELS])
    smooth = gaussian_filter1d(part.values, max(_SECONDS * float(raw["sampling_rate"]), 0.5), axis=1)
    limit = max(float(np.quantile(np.abs(smooth[order]), 0.99)), 1e-12)
    centred = signal[order] - signal[order].mean(1, keepdims=True)
    height = 2.2 * max(float(np.quantile(np.abs(centred), 0.98)), 1e-9)
    for line, (channel, trace) in enumerate(zip(order, centred, strict=True)):
        points = np.stack([seconds, -line + np.clip(trace / height, -0.6, 0.6)], 1)
        axes.plot(*points.T, color="0.35", linewidth=0.6, zorder=3)
        segments = LineCollection(list(np.stack([points[:-1], points[1:]], 1)), cmap=diverging(), linewidth=4, zorder=2)
        segments.set_array(smooth[channel][1:])
        segments.set_clim(-limit, limit)
        axes.add_collection(segments)
    axes.set_yticks(-np.arange(len(order)), [part.coordinates[0][channel] for channel in order], fontsize=8)
    axes.set_xlim(seconds[0], seconds[-1])
    axes.set_ylim(-len(order) + 0.2, 0.8)
    axes.set_xlabel(f"seconds; {height:.0f} microvolt from line to line", fontsize=9)
    _bar(panel, segments, [axes], f"{part.explained.unit} per value, smoothed")
    more = f", the {len(order)} channels of most weight of {len(signal)}" if len(order) < len(signal) else ""
    _head(panel, part, more)
    _plain(axes)


def _genes(panel: SubFigure, part: Saliency) -> None:
    axes, order = panel.subplots(), np.argsort(-np.abs(part.values), kind="stable")[:_GENES]
    values = part.values[order]
    axes.barh(range(len(order)), values, color=[ORANGE if value >= 0 else BLUE for value in values], height=0.7)
    axes.set_yticks(range(len(order)), [str(part.coordinates[0][place]) for place in order], fontsize=9)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(part.explained.unit, fontsize=9)
    _head(panel, part, f", the {len(order)} {part.axes[0]}s of most weight of {len(part.values)}")
    _plain(axes)


def _strip(panel: SubFigure, part: Saliency) -> None:
    axes = panel.subplots()
    norm, more = draw_strip(axes, part, diverging())
    from matplotlib.cm import ScalarMappable

    _bar(panel, ScalarMappable(norm, diverging()), [axes], part.explained.unit)
    _head(panel, part, more)


def _smooth(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, [0.0] * (values.ndim - 2) + [_SMOOTH * max(values.shape[-2:])] * 2)


def _bar(panel: SubFigure, colours: ScalarMappable, places: Sequence[Axes], label: str) -> None:
    from matplotlib.ticker import ScalarFormatter

    bar = panel.colorbar(colours, ax=list(places), pad=0.01, shrink=0.9)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.formatter = ScalarFormatter()
    bar.formatter.set_powerlimits((-2, 3))
    bar.update_ticks()


def _head(panel: SubFigure, part: Saliency, more: str = "") -> None:
    name, method = part.part.replace("_", " "), part.method.replace("_", " ")
    panel.suptitle(f"{name}: {method} against {part.baseline}{more}", fontsize=10.5, x=0.01, ha="left")


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
