"""Results of one or more models side by side: a table, notes, and a radar plot of what all of them were asked."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..evaluation.report import NO_INTERVAL, lines
from ..evaluation.results import Result, read_results

Line = list[str | float | int | None]
"""One line of the table."""
HEAD = ("Model", "Task", "Source", "Split", "Metric", "Score", "Low", "High", "Classical", "Gap", "Rows")
_TEXT_COLUMNS = 5
KINDS = ("str",) * _TEXT_COLUMNS + ("number",) * (len(HEAD) - _TEXT_COLUMNS)
"""What each column of the table holds."""

_MOST_MODELS, _LEAST_AXES, _MOST_AXES = 5, 3, 12
# Okabe and Ito's colours, which colour-blind readers tell apart; the markers differ as well.
_COLOURS, _MARKERS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#595959"), "oDs^v"


def read_leaderboard(paths: Sequence[str | os.PathLike[str]]) -> list[Result]:
    """The results in files, and in all files `results.json` below folders, in the order of their paths.

    Raises:
        FileNotFoundError: a path that does not exist.
        ValueError: a file that holds no results.
    """
    found: list[Result] = []
    for each in map(Path, paths):
        files = sorted(each.rglob("results.json")) if each.is_dir() else [each]
        for file in files:
            found += read_results(file)
    return found


def rows(results: Sequence[Result]) -> list[Line]:
    """One line for each result, as `HEAD` names its cells; numbers are rounded to three digits, None where there is none."""
    return [
        [
            model_of(result),
            result.task + "*" * result.auxiliary,
            _source(result),
            result.split,
            result.metric + " (zero-shot)" * bool(result.zero_shot),
            _rounded(result.score),
            _rounded(result.low),
            _rounded(result.high),
            _rounded(_classical(result)),
            None if result.score is None else _rounded(_less(result.score, _classical(result))),
            result.n,
        ]
        for result in results
    ]


def ordered(table: Sequence[Line], column: str | None, ascending: bool) -> list[Line]:
    """The lines of `rows` sorted by one column of `HEAD`; those without a number there come last either way.

    Args:
        table: what `rows` gave.
        column: the column; None leaves them as they are.
        ascending: whether the lowest comes first.

    Raises:
        ValueError: there is no such column.
    """
    if column is None:
        return list(table)
    if column not in HEAD:
        raise ValueError(f"Expected a column among {', '.join(HEAD)}, got {column!r}; correct it.")
    place = HEAD.index(column)
    known = [line for line in table if line[place] is not None]
    known.sort(key=lambda line: line[place], reverse=not ascending)  # type: ignore[arg-type,return-value]
    return known + [line for line in table if line[place] is None]


def notes(results: Sequence[Result]) -> list[str]:
    """What the scores do not say, each once."""
    _, found = lines(results)
    # A cell without a number is empty on the page.
    found = [f"No Low and High{note[1:]}" if note == NO_INTERVAL else note for note in found]
    return list(dict.fromkeys(note.partition("] ")[2] or note for note in found))


def model_of(result: Result) -> str:
    """A model by its run and folder, or by its name on the Hub."""
    return "/".join(Path(result.model).parts[-2:])


def radar(results: Sequence[Result]) -> bytes | None:
    """A radar plot of main scores as a PNG image; None with fewer than three scores that all models have.

    An axis is a head on the same split of the same data; scores below 0 are drawn at 0. Of many models and axes the first
    are drawn.
    """
    models = list(dict.fromkeys(map(model_of, results)))[:_MOST_MODELS]
    scores = {(model_of(each), _axis(each)): each for each in results if each.score is not None}
    axes = [axis for axis in dict.fromkeys(map(_axis, results)) if all((model, axis) in scores for model in models)]
    axes = axes[:_MOST_AXES]
    if len(axes) < _LEAST_AXES:
        return None
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(10.0, 7.0), dpi=100, layout="constrained")
    polar = drawn.add_subplot(projection="polar")
    angles = np.linspace(0, 2 * np.pi, len(axes), endpoint=False)
    for model, colour, marker in zip(models, _COLOURS, _MARKERS, strict=False):
        values = [max(0.0, float(scores[model, axis].score or 0.0)) for axis in axes]
        closed = [*values, values[0]]
        polar.plot([*angles, angles[0]], closed, color=colour, marker=marker, label=model.replace("$", r"\$"))
        polar.fill([*angles, angles[0]], closed, color=colour, alpha=0.08)
    polar.set_xticks(angles, [_words(scores[models[0], axis]) for axis in axes], fontsize=9)
    for angle, label in zip(angles, polar.get_xticklabels(), strict=True):
        # Beside the circle, not across it.
        across = np.cos(angle)
        label.set_horizontalalignment("center" if abs(across) < 0.2 else "left" if across > 0 else "right")
    polar.set_ylim(0, 1)
    drawn.legend(loc="outside lower center", ncols=2, frameon=False)
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png")
    return buffer.getvalue()


def _axis(result: Result) -> tuple[str, ...]:
    how = (result.zero_shot, result.metric)
    return (result.head, result.subset, result.source, result.split, result.data_fingerprint, *how)


def _words(result: Result) -> str:
    task = result.task.replace("_classification", "").replace("_prediction", "").replace("_", " ")
    split = "" if result.split == "test" else f", {result.split}"
    return f"{task}\n{_source(result)}{split}".replace("$", r"\$")


def _source(result: Result) -> str:
    """What the rows come from; several subsets share the name of synthetic ones, and of their tasks."""
    return f"synthetic {result.subset}" if result.synthetic else result.source


def _classical(result: Result) -> float | None:
    return result.baselines.get("classical", {}).get("score")


def _less(score: float, other: float | None) -> float | None:
    return None if other is None else score - other


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
