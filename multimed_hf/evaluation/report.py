"""Results for people: a table on the console, the same table in Markdown, a plot."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

AUXILIARY = "* auxiliary task: its label is only a stand-in for a clinical question; never counted among the eleven."
GAP = "Gap: score less that of the classical baseline; below zero the model falls short of it."
NO_INTERVAL = "-: no interval. With fewer than 20 groups it would be too narrow to be true."

_NONE = "-"
# Okabe and Ito's colours, which colour-blind readers tell apart; the markers differ as well.
_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#595959"
_DPI = 120
_INCHES = 10.0  # times _DPI: 1200 pixels


@dataclass(frozen=True)
class Line:
    """One result in words, cell by cell."""

    task: str
    metric: str
    source: str
    split: str
    n: str
    groups: str
    score: str
    interval: str
    trivial: tuple[str, str]
    classical: tuple[str, str]
    gap: str
    footnote: int


def lines(results: Sequence[Result]) -> tuple[list[Line], list[str]]:
    """The cells of a table, main tasks before auxiliary ones, and its footnotes.

    Args:
        results: in any order.

    Returns:
        One line a result, and notes: the numbered ones first, which say what the scores do not.
    """
    ordered = sorted(results, key=lambda result: result.auxiliary)
    numbers: dict[str, int] = {}
    found = []
    for result in ordered:
        number = numbers.setdefault(_note(result), len(numbers) + 1)
        found.append(_line(result, number))
    notes = [f"[{number}] {note}" for note, number in numbers.items()]
    if any(result.auxiliary for result in results):
        notes.append(AUXILIARY)
    if any(_gap(result) is not None for result in results):
        notes.append(GAP)
    if any(result.n and result.low is None for result in results):
        notes.append(NO_INTERVAL)
    return found, notes


def table(results: Sequence[Result]) -> Table:
    """The results as a table for `rich.print`; what a number does not say stands below it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    def two(upper: str, lower: str, style: str = "") -> Text:
        return Text.assemble((upper, style), "\n", (lower, "dim"))

    found, notes = lines(results)
    drawn = Table(
        title="Scores",
        box=box.HORIZONTALS,
        caption=Text("\n".join(notes), style="dim"),
        caption_justify="left",
        show_lines=True,
    )
    drawn.add_column(two("Task", "score"), overflow="fold")
    drawn.add_column(two("Source", "split"), overflow="fold")
    drawn.add_column(two("n", "groups"), justify="right", overflow="fold")
    drawn.add_column(two("Score", "95 % interval"), justify="right", overflow="fold")
    drawn.add_column("Trivial\nbaseline", justify="right", overflow="fold")
    drawn.add_column("Classical\nbaseline", justify="right", overflow="fold")
    drawn.add_column("Gap", justify="right", overflow="fold")
    for line in found:
        drawn.add_row(
            # As words, which break between lines.
            two(line.task.replace("_", " "), line.metric.replace("_", " "), "bold"),
            two(f"{line.source} [{line.footnote}]", line.split),
            two(line.n, line.groups),
            two(line.score, line.interval, "bold"),
            two(*line.trivial),
            two(*line.classical),
            Text(line.gap, "" if line.gap == _NONE else "red" if line.gap.startswith("-") else "green"),
        )
    return drawn


def markdown(results: Sequence[Result]) -> str:
    """The results as a Markdown table with its footnotes, for cards and READMEs."""
    found, notes = lines(results)
    head = ("Task", "Source", "Split", "n", "Groups", "Metric", "Score", "95 % interval")
    rows: list[tuple[str, ...]] = [(*head, "Trivial baseline", "Classical baseline", "Gap"), ("---",) * 11]
    for line in found:
        baselines = (" ".join(part for part in pair if part) for pair in (line.trivial, line.classical))
        first = (line.task, f"{line.source} [{line.footnote}]", line.split, line.n, line.groups)
        rows.append((*first, f"`{line.metric}`", line.score, line.interval, *baselines, line.gap))
    body = "\n".join("| " + " | ".join(cell.replace("*", r"\*") for cell in row) + " |" for row in rows)
    return body + "\n\n" + "\n".join(f"- {note}".replace("*", r"\*") for note in notes) + "\n"


def plot(results: Sequence[Result], path: str | os.PathLike[str], title: str = "Scores of one multitask model") -> None:
    """Draws every scored result with its interval and its baselines.

    Args:
        results: those without a score are left out.
        path: the image, 1200 pixels wide; its folder is made if needed.
        title: stands above.

    Raises:
        ValueError: no result has a score.
    """
    from matplotlib.figure import Figure

    scored = [(result, result.score) for result in results if result.score is not None]
    if not scored:
        raise ValueError("Expected at least one result with a score to plot, got none.")
    scored.sort(key=lambda pair: pair[0].auxiliary)
    # A figure of its own, without pyplot, leaves the backend of whoever calls this alone.
    figure = Figure(figsize=(_INCHES, 1.9 + 0.62 * len(scored)), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    for place, (result, score) in enumerate(scored):
        trivial, classical = (result.baselines.get(role, {}).get("score") for role in ("trivial", "classical"))
        if result.low is not None and result.high is not None:
            ends = ([result.low, result.high], [place, place])
            axes.plot(*ends, color=_BLUE, marker="|", markersize=10, linewidth=1.8, zorder=2)
        if trivial is not None:
            axes.plot(trivial, place, "x", color=_GREY, markersize=8, markeredgewidth=2, zorder=3)
        axes.plot(score, place, "o", color=_BLUE, markersize=8, zorder=4)
        if classical is not None:
            axes.plot([classical, score], [place, place], color=_ORANGE, linewidth=6, alpha=0.3, zorder=1)
            # Hollow, so that the model shows where both score the same.
            axes.plot(classical, place, "D", mec=_ORANGE, mfc="none", markersize=11, markeredgewidth=1.8, zorder=5)
    axes.set_yticks(range(len(scored)), [_label(result) for result, _ in scored], fontsize=9.5)
    axes.set_ylim(len(scored) - 0.4, -0.6)
    axes.set_xlim(min(0.0, *axes.get_xlim()), max(1.0, *axes.get_xlim()))
    axes.set_xlabel("main score, higher is better     * auxiliary task     no interval below 20 groups", fontsize=9.5)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.suptitle(title, fontsize=14, fontweight="bold")
    _legend(figure, any(result.baselines for result, _ in scored))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)


def _legend(figure: Figure, baselines: bool) -> None:
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], color=_BLUE, marker="o", markersize=8, label="model, 95 % interval over groups")]
    if baselines:
        marks += [
            Line2D([], [], color="none", marker="D", mec=_ORANGE, mfc="white", mew=2, label="classical baseline"),
            Line2D([], [], color="none", marker="x", mec=_GREY, mew=2, markersize=8, label="trivial baseline"),
        ]
    figure.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False, fontsize=10)


def _label(result: Result) -> str:
    """Two lines: the task; the source, the score and the number of rows."""
    kind = {"train": "training rows", "validation": "validation rows"}.get(result.split, "rows")
    source = "synthetic" if result.synthetic else result.source
    how = " · zero-shot" if result.zero_shot else ""
    return f"{result.task}{'*' * result.auxiliary}\n{source} · {result.metric} · {result.n:,} {kind}{how}"


def _note(result: Result) -> str:
    """What the score of a result does not say, or why there is none."""
    what = "synthetic data" if result.synthetic else result.source
    if result.score is None:
        return f"{what}: not scored, {result.reasons['score']}."
    if result.zero_shot:
        return f"{what}: zero-shot, by the texts of labels through {result.zero_shot}; {result.limits}."
    return f"{what}: {result.limits}."


def _line(result: Result, footnote: int) -> Line:
    gap = _gap(result)
    return Line(
        task=result.task + "*" * result.auxiliary,
        metric=result.metric + " (zero-shot)" * bool(result.zero_shot),
        source="synthetic" if result.synthetic else result.source,
        split=result.split,
        n=f"{result.n:,}",
        groups=f"{result.groups:,} x {result.unit}" if result.groups else "",
        score=_number(result.score),
        interval=_NONE if result.low is None else f"{_number(result.low)} to {_number(result.high)}",
        trivial=_baseline(result, "trivial"),
        classical=_baseline(result, "classical"),
        gap=_NONE if gap is None else f"{gap:+.3f}",
        footnote=footnote,
    )


def _gap(result: Result) -> float | None:
    classical = result.baselines.get("classical", {}).get("score")
    return None if classical is None or result.score is None else result.score - classical


def _baseline(result: Result, role: str) -> tuple[str, str]:
    """Score and name."""
    baseline = result.baselines.get(role)
    return (_number(baseline["score"]), baseline["name"]) if baseline else (_NONE, "")


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"
