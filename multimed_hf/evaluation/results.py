"""Results as data: one entry per task, source and split, in a JSON file that never holds NaN."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..data.manifest import replace_text

_FORMAT = 1


@dataclass(frozen=True)
class Result:
    """What one model scored on one task, on the rows of one source in one split.

    Attributes:
        task: name of the task.
        head: what the rows ask, `<task>/<label set>`, of open answers `<task>/<label set>/open`: the name of the model's head.
        subset: subset of the data set.
        source: release the rows come from.
        synthetic: whether a program made the rows.
        auxiliary: whether the task is no clinical question and does not count among the eleven.
        split: the split that was scored.
        metric: name of the main score: that of the task, but of open answers `exact_match`.
        n: rows that ask the task; 0 where nothing was evaluated.
        groups: distinct groups among them.
        unit: what a group is.
        score: the main score; None where it is undefined or nothing was evaluated, and `reasons["score"]` says why.
        low: lower end of the interval over groups; None without one, and `reasons["interval"]` says why.
        high: upper end.
        level: confidence level of the interval.
        scores: every score of the metric; None where undefined.
        baselines: `trivial` and `classical`, each `{"name": str, "score": float or None}`; empty if not asked for.
        limits: what the score does not say.
        model: the checkpoint, as it was named.
        seed: seed of the training; None where unknown.
        data_fingerprint: fingerprint of the subset; results with different ones are not comparable.
        code_version: version of this package.
        shots: groups per class the model was trained on; None for all.
        lora: whether only an adapter was trained.
        zero_shot: name of the model's head that answered by the texts of labels it was not trained on, in place of one that
            the model lacks; empty where the head is the model's own.
        reasons: `score`, `interval` or the name of a score to why there is none.
    """

    task: str
    head: str
    subset: str
    source: str
    synthetic: bool
    auxiliary: bool
    split: str
    metric: str
    n: int
    groups: int
    unit: str
    score: float | None
    low: float | None
    high: float | None
    level: float
    scores: dict[str, float | None]
    baselines: dict[str, dict[str, Any]]
    limits: str
    model: str
    seed: int | None
    data_fingerprint: str
    code_version: str
    shots: int | None = None
    lora: bool = False
    zero_shot: str = ""
    reasons: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """This result as plain values for JSON.

        Raises:
            ValueError: a number is NaN or infinite, or a score is missing without a reason.
        """
        content = asdict(self)
        _check(content, f"Result {self.head!r}")
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Result:
        """The inverse of `to_json`.

        Raises:
            ValueError: fields are unknown, missing or of another type, a number is NaN, or a reason is missing.
        """
        if not isinstance(content, Mapping):
            raise ValueError(f"Expected a result as a JSON object, got {type(content).__name__}.")
        where = f"Result {content.get('head', '?')!r}"
        known = {entry.name for entry in fields(cls)}
        unknown, missing = sorted(content.keys() - known), sorted(known - content.keys())
        if unknown or missing:
            raise ValueError(
                f"{where} has the unknown fields {unknown} and lacks {missing}: evaluate again with this version."
            )
        _check(content, where)
        return cls(**content)


def number_or_none(value: Any) -> float | None:
    """A finite number as a float, and None for what JSON cannot hold: NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def write_results(path: str | os.PathLike[str], results: Sequence[Result]) -> None:
    """Writes results to a JSON file; the file is replaced as a whole or not at all.

    Args:
        path: the file. Its folder is made if needed.
        results: what to write.

    Raises:
        ValueError: a result that JSON cannot hold.
        OSError: the file cannot be written.
    """
    content = {"format": _FORMAT, "results": [result.to_json() for result in results]}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_text(target, text)


def read_results(path: str | os.PathLike[str]) -> list[Result]:
    """The results in a file that `write_results` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, or holds what a result may not hold.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"Expected results in {path}, found no file: run `multimed evaluate` first.") from None
    except ValueError as error:
        raise ValueError(f"Expected results as JSON in {path}, got something else ({error}).") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT or "results" not in content:
        raise ValueError(f"Expected results of format {_FORMAT} in {path}, got another file: evaluate again.")
    try:
        return [Result.from_json(entry) for entry in content["results"]]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "int | None": (int, type(None)),
    "float": (float, int),
    "float | None": (float, int, type(None)),
}


def _check(content: Mapping[str, Any], where: str) -> None:
    for entry in fields(Result):
        value = content[entry.name]
        allowed = _TYPES.get(str(entry.type), (dict,))
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise ValueError(f"{where} has {value!r} as {entry.name}, expected {entry.type}.")
        _refuse_nan(value, f"{where} has", entry.name)
    gaps = {"score": content["score"], "interval": content["low"], **content["scores"]}
    silent = [name for name, value in gaps.items() if value is None and not content["reasons"].get(name)]
    if silent:
        raise ValueError(f"{where} has no {silent[0]} and does not say why: give `reasons[{silent[0]!r}]`.")


def _refuse_nan(value: Any, where: str, name: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_nan(item, where, f"{name}[{key!r}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} {value} as {name}, expected a finite number, or null with a reason.")
