"""Whether a file of results may stand beside others: `python -m multimed_hf.evaluation.submission results.json`.

What is checked can be seen in the file, and in the built data if they are named. Nothing is trained or predicted again.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..data.manifest import Manifest
from ..metrics.intervals import MINIMUM_GROUPS
from ..sources import get_source
from ..tasks import UnknownNameError, get_task
from ..wording import counted
from .evaluate import OVERFIT_CHECK
from .results import Result, read_results

LEVEL = 0.95
"""The level of intervals that are compared."""


@dataclass(frozen=True)
class Release:
    """One subset as it was once built. It is never edited: what is wrong with it stays visible, and so does what came after.

    Attributes:
        subset: name of the subset.
        fingerprint: as its manifest and results have it.
        built: the command that builds it, and the versions that did.
        superseded_by: fingerprint of the release that replaces it; empty while it is in use.
        reason: why it was replaced.
    """

    subset: str
    fingerprint: str
    built: str
    superseded_by: str = ""
    reason: str = ""


RELEASES = (
    Release(
        "scrna",
        "e9fc0661f705ab36",
        "multimed build scrna; multimed_hf 0.1.0 before donors and sites, pyarrow 26",
        superseded_by="cf3433b5eaff342f",
        reason="its rows do not say donor and site",
    ),
    Release("scrna", "cf3433b5eaff342f", "multimed build scrna; multimed_hf 0.1.0, pyarrow 26"),
    Release("genomics", "39cff829219e9d81", "multimed build genomics; multimed_hf 0.1.0, pyarrow 26"),
    Release("text", "ef4d04d6f03e4336", "multimed build text; multimed_hf 0.1.0, pyarrow 26"),
)
"""What the default builds from packages give. Parquet files name the library that wrote them: another pyarrow, another print."""


@dataclass(frozen=True)
class Review:
    """What was found in a file.

    Attributes:
        results: number of results.
        problems: one sentence for each reason not to accept it.
        notes: one sentence for each thing that readers should know.
    """

    results: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def review(path: str | os.PathLike[str], data: str | os.PathLike[str] | None = None) -> Review:
    """Checks a file that `multimed evaluate` wrote.

    Args:
        path: the file.
        data: the folder of the built data that were scored; fingerprints and numbers of rows are then compared with its
            manifest.

    Raises:
        FileNotFoundError: no such file, or no manifest in `data`.
        ValueError: no results of this format, or one with a number that is NaN, or with a gap without a reason.
    """
    results = read_results(path)
    manifest = Manifest.read(data) if data is not None else None
    problems, notes = [] if results else ["The file holds no result."], []
    for result in results:
        where = f"{result.head} on {result.source}, {result.split}: "
        problems += [where + text for text in _problems_of(result)]
        notes += [where + text for text in _notes_of(result)]
    problems += _repeated(results)
    for found, text in _about_data(results, manifest):
        (problems if found else notes).append(text)
    return Review(len(results), tuple(problems), tuple(notes + _about_seeds(results)))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 for a file without problems, else 1."""
    parser = argparse.ArgumentParser(prog="python -m multimed_hf.evaluation.submission", description=__doc__)
    parser.add_argument("file", type=Path, help="what `multimed evaluate` wrote")
    parser.add_argument("--data", type=Path, help="folder of the built data that were scored")
    options = parser.parse_args(arguments)
    try:
        found = review(options.file, options.data)
    except (OSError, ValueError) as error:
        print(f"problem: {error}")
        return 1
    for kind, texts in (("problem", found.problems), ("note", found.notes)):
        for text in texts:
            print(f"{kind}: {text}")
    print(f"{counted(found.results, 'result')}, {counted(len(found.problems), 'problem')}")
    return 1 if found.problems else 0


def _overfit_check(result: Result) -> bool:
    """Whether it is one of the training chains that `multimed evaluate` shows beside a handful of test chains."""
    return result.split == "train" and result.limits.startswith(OVERFIT_CHECK)


def _problems_of(result: Result) -> Iterator[str]:
    """What is wrong with one result by itself."""
    if result.split != "test" and not _overfit_check(result):
        yield f"expected the test split, got {result.split!r}: evaluate with --split test."
    if result.seed is None:
        yield "expected the seed of the training, got none: keep the record that `multimed train` writes beside a checkpoint."
    yield from _undeclared(result)
    yield from _impossible(result)


def _undeclared(result: Result) -> Iterator[str]:
    """Where it says something else than the declarations of task and source."""
    try:
        source, task = get_source(result.subset, result.source), get_task(result.task)
    except UnknownNameError as error:
        yield str(error)
        return
    heads = [head for target in source.targets if target.task == task.name for head in (target.head, target.open_head)]
    if result.head not in heads:
        yield f"expected a head among {heads} for {task.name} on {source.name}, got {result.head!r}."
    declared = {
        "metric": "exact_match" if result.head.endswith("/open") else task.main_score,
        "unit": source.group,
        "synthetic": source.synthetic,
        "auxiliary": task.auxiliary,
    }
    for name, expected in declared.items():
        if getattr(result, name) != expected:
            yield f"expected {expected!r} as {name}, got {getattr(result, name)!r}: do not edit results."


def _impossible(result: Result) -> Iterator[str]:
    """Numbers that cannot have been measured."""
    claims = [name for name in ("score", "low", "high") if getattr(result, name) is not None]
    if any(value is not None for value in result.scores.values()):
        claims.append("scores")
    if not 0 <= result.groups <= result.n:
        yield f"expected from 0 to n = {result.n} groups, got {result.groups}."
    if claims and (result.n < 1 or result.groups < 1):
        yield f"expected nothing to be claimed for {result.n} rows of {result.groups} groups, got {', '.join(claims)}."
    if result.score is not None and result.scores.get(result.metric) != result.score:
        yield f"expected {result.metric} among scores to be the score {result.score}, got {result.scores.get(result.metric)}."
    if (result.low is None) != (result.high is None):
        yield f"expected both ends of the interval or none, got {result.low} and {result.high}."
    elif result.low is not None and result.high is not None:
        if result.score is None or result.low > result.high:
            yield f"expected a score with an interval from low to high, got {result.score}, {result.low} and {result.high}."
        if result.groups < MINIMUM_GROUPS:
            yield f"expected no interval from fewer than {MINIMUM_GROUPS} groups, got one from {result.groups}."
    if result.level != LEVEL:
        yield f"expected intervals of level {LEVEL}, got {result.level}."


def _notes_of(result: Result) -> Iterator[str]:
    """What is right and should be known."""
    if _overfit_check(result):
        yield "rows of the train split, shown as a check and not compared."
    if result.score is None:
        yield f"no score: {result.reasons['score']}."
    elif result.low is None:
        yield f"no interval: {result.reasons['interval']}."
    elif result.high is not None and not result.low <= result.score <= result.high:
        # Resamples of few classes can be biased: rare, and nothing that was done wrong.
        yield f"the score {result.score:.3f} lies outside its interval, {result.low:.3f} to {result.high:.3f}."
    if result.score is not None and not result.baselines:
        yield "no baselines: evaluate with --baselines."
    if result.code_version != __version__:
        yield f"scored by version {result.code_version}, this is {__version__}."


def _run(result: Result) -> tuple[object, ...]:
    """What is the same in results that only repeat a training with another seed."""
    return result.head, result.source, result.split, result.shots, result.lora, result.zero_shot


def _repeated(results: Sequence[Result]) -> list[str]:
    counts = Counter((*_run(result), result.model, result.seed) for result in results)
    return [
        f"{head} on {source}, {split}: expected one result of a model and seed, got {count}."
        for (head, source, split, *_), count in counts.items()
        if count > 1
    ]


def _about_seeds(results: Sequence[Result]) -> list[str]:
    seeds = defaultdict(set)
    for result in results:
        if result.score is not None:
            seeds[_run(result)].add(result.seed)
    single = sum(len(found) == 1 for found in seeds.values())
    return [f"{single} of {counted(len(seeds), 'score')} of one seed: not how far trainings differ."] if single else []


def _about_data(results: Sequence[Result], manifest: Manifest | None) -> Iterator[tuple[bool, str]]:
    """Whether it is a problem, and the sentence."""
    prints = defaultdict(set)
    for result in results:
        prints[result.subset].add(result.data_fingerprint)
    for subset, found in prints.items():
        if len(found) > 1:
            yield (
                True,
                f"{subset}: expected one data fingerprint, got {sorted(found)}: not comparable with one another.",
            )
        for fingerprint in sorted(found):
            yield from _about_fingerprint(subset, fingerprint, manifest)
    if manifest is None:
        return
    for result in results:
        built = manifest.subsets.get(result.subset)
        # Data that are other data already are not counted against.
        if built and built.fingerprint == result.data_fingerprint:
            record = built.sources.get(result.source)
            rows = record.rows.get(result.split, 0) if record else 0
            if result.n > rows:
                yield (
                    True,
                    f"{result.head} on {result.source}: the data have {counted(rows, 'row')}, got n = {result.n}.",
                )


def _about_fingerprint(subset: str, fingerprint: str, manifest: Manifest | None) -> Iterator[tuple[bool, str]]:
    if not re.fullmatch("[0-9a-f]{16}", fingerprint):
        yield True, f"{subset}: expected a fingerprint of 16 hexadecimal digits, got {fingerprint!r}."
        return
    known = {release.fingerprint: release for release in RELEASES if release.subset == subset}
    built = manifest.subsets.get(subset) if manifest else None
    if release := known.get(fingerprint):
        if release.superseded_by:
            after = release.superseded_by
            yield (
                True,
                f"{subset}: the data {fingerprint} are superseded by {after}: {release.reason}. Evaluate on these.",
            )
    elif not (built and built.fingerprint == fingerprint):
        yield False, f"{subset}: the data {fingerprint} are not known here: give --data, and say how they were built."
    if manifest and (built is None or built.fingerprint != fingerprint):
        there = built.fingerprint if built else "no such subset"
        yield True, f"{subset}: expected the data of --data ({there}), got {fingerprint}."


if __name__ == "__main__":
    sys.exit(main())
