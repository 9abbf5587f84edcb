"""From nothing to a table of scores: builds what this machine has data for, trains one model on it, evaluates it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__, resources
from .data.manifest import MANIFEST_NAME, Manifest, verify_subset
from .simulation.settings import Simulation
from .sources import sources_of
from .subsets import SUBSETS
from .training.settings import Settings
from .wording import counted

if TYPE_CHECKING:
    from rich.console import Console

SUBSETS_TRAINED = ("eeg", "genomics", "scrna", "protein", "text")
"""The subsets that a quickstart builds and trains on: those without images, which take longer."""

ROWS: Mapping[str, int] = {"genomics": 6000}
"""Rows that a quickstart takes from each source of a subset; all rows of subsets that are not named.

`sortseq_lac` has some 45,000 variants, which would take most of the time and teach little more; no other source of
`genomics` has as many as this.
"""

SETTINGS = Settings(epochs=2.0, mixture=0.3)
"""How a quickstart trains: four to eight minutes on two cores. Small sources come more often than they would otherwise, so
that what is to be learnt by heart, a handful of protein chains, is seen often enough."""

_SEED = 0
_WIDTH = 150  # of the table where the console does not say how wide it is


def run(
    out: str | os.PathLike[str] = "runs/quickstart",
    data: str | os.PathLike[str] = "multimed",
    rows: int | None = None,
    settings: Settings = SETTINGS,
) -> int:
    """Builds, trains, evaluates, prints a table. What is there already is not done again.

    Args:
        out: folder of the run: `checkpoint/`, `training.json`, `results.json` and `results.png`.
        data: folder of the data set. A subset in it that was built otherwise is built again.
        rows: rows from each source; None for those of `ROWS`, or all.
        settings: how to train.

    Returns:
        0.

    Raises:
        ValueError: a source is not what its layout promises, or `out` or `data` holds something else.
        OSError: `out` or `data` cannot be written.
    """
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    out, data = Path(out), Path(data)
    with _stage(console, "Data"):
        built = [
            subset
            for subset, sources in located_sources(console).items()
            if build_subset(console, data, subset, sources, ROWS.get(subset) if rows is None else rows)
        ]
    with _stage(console, "Training"):
        checkpoint = train(console, data, built, out, settings)
    with _stage(console, "Evaluation"):
        from .evaluation.evaluate import evaluate_checkpoint
        from .evaluation.report import plot, table
        from .evaluation.results import write_results

        results = evaluate_checkpoint(checkpoint, data, built, baselines=True)
        write_results(out / "results.json", results)
        plot(results, out / "results.png")
    console.print(table(results))
    _say(console, f"Written: {out / 'results.json'}, {out / 'results.png'}, {checkpoint}")
    return 0


def located_sources(console: Console) -> dict[str, list[str]]:
    """Subset name to its ready sources that lie on this machine, of `SUBSETS_TRAINED`; says in a line each why others are
    left out.
    """
    found: dict[str, list[str]] = {}
    for subset, spec in SUBSETS.items():
        if subset not in SUBSETS_TRAINED:
            _say(console, f"{subset}: left out: images take longer than a quickstart: multimed train {subset}")
            continue
        for source in sources_of(subset):
            # Real data first: a program's only where a subset has no other that is always there.
            if not source.ready or (source.synthetic and source.name != spec.default_source):
                continue
            try:
                resources.load_script(subset).Builder.reader(source.name).locate(None)
            except FileNotFoundError as error:
                _say(console, f"{subset}: left out: {error}")
            else:
                found.setdefault(subset, []).append(source.name)
    return found


def build_subset(console: Console, data: Path, subset: str, sources: Sequence[str], rows: int | None) -> bool:
    """Builds a subset unless `data` holds it already, exactly so and whole.

    Args:
        console: where to say what is done.
        data: folder of the data set.
        subset: name of the subset.
        sources: names of its sources.
        rows: rows from each of them; None for all.

    Returns:
        Whether it is there: false if a library that reads it is missing, which is said in a line.
    """
    from .data.build import build

    named = f"{subset} from {', '.join(sources)}"
    record = Manifest.read(data).subsets.get(subset) if (data / MANIFEST_NAME).is_file() else None
    if record:
        was = (list(record.sources), record.requested_rows, record.version, record.simulation)
        if was == (list(sources), rows, __version__, asdict(Simulation())) and not verify_subset(data, subset, record):
            _say(console, f"{named}: {_counts(record.rows)}, built before")
            return True
    try:
        report = build([subset], sources, rows=rows, out=data)
    except ImportError as error:
        _say(console, f"{subset}: left out: {error}")
        return False
    _say(console, f"{named}: {_counts(report.subsets[subset].rows)}")
    return True


def train(console: Console, data: Path, subsets: Sequence[str], out: Path, settings: Settings) -> Path:
    """Trains on the subsets, goes on with an interrupted run, or keeps a finished one on the same data.

    Args:
        console: where to say what is done.
        data: folder of the data set.
        subsets: names.
        out: folder of the run. A run in it on other data or with other settings is replaced.
        settings: how to train.

    Returns:
        Folder of the trained model.
    """
    from .evaluation.evaluate import training_record
    from .training.runs import CHECKPOINT_NAME
    from .training.train import fit

    manifest = Manifest.read(data)
    asked = {
        "version": __version__,
        "data": {name: manifest.subsets[name].fingerprint for name in subsets},
        "settings": json.loads(json.dumps(asdict(settings))),
    }
    record = training_record(out / CHECKPOINT_NAME)
    same = all(record.get(name) == value for name, value in asked.items())
    if record and not same:
        _say(console, f"{out} holds a run on other data or with other settings: starting over")
    report = fit(data, subsets, out, seed=_SEED, settings=settings, resume=same or not record)
    _say(console, f"{counted(report.steps, 'step')} in {report.seconds:.0f} s: {', '.join(report.heads)}")
    return report.checkpoint


@contextmanager
def _stage(console: Console, name: str) -> Iterator[None]:
    console.rule(name, align="left")
    start = time.monotonic()
    yield
    _say(console, f"{name}: {time.monotonic() - start:.0f} s")


def _say(console: Console, text: str) -> None:
    # Nothing in it is markup: `multimed_hf[scrna]` would be taken for a style.
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _counts(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {split}" for split, number in rows.items())
