"""What a declaration of a source says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Target:
    """What one source asks of one task.

    Attributes:
        task: name of the task.
        label_set: name of the answers' space; sources that share it share a head.
        labels: label names in order; empty for regression, structure and answers.
        unit: unit of a regression target.
        spelt: what the labels say in words, in their order, where their names are codes; see `texts`.
    """

    task: str
    label_set: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    spelt: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """Name of the model's head for this target: `<task>/<label set>`."""
        return f"{self.task}/{self.label_set}"

    @property
    def open_head(self) -> str:
        """Name of the head that writes the answers to its questions without candidates: `<task>/<label set>/open`."""
        return f"{self.head}/open"

    @property
    def texts(self) -> tuple[str, ...]:
        """The labels as texts, for heads that compare samples with them: as spelt out, or their names without `_`."""
        return self.spelt or tuple(label.replace("_", " ") for label in self.labels)


@dataclass(frozen=True)
class Source:
    """One release that rows come from.

    Attributes:
        name: what `--source` takes and the `source` column says.
        subset: the subset it belongs to.
        summary: one sentence.
        targets: the tasks it asks, with their labels.
        group: what a group is; the unit of every interval.
        limits: what a score on it does not say.
        licence: SPDX name, or 'unknown: <what to check>'.
        publishable: whether rows may be put on a hub.
        homepage: where the release lives.
        citation: whom to cite.
        split: 'grouped' (ours, group-safe) or 'official' (the release's own, group-safe too).
        carrier: installed package that ships the data, as a pip requirement; empty if none does.
        extra: optional dependency of this project that reads it: `pip install multimed_hf[<extra>]`.
        ready: whether a builder reads it today.
    """

    name: str
    subset: str
    summary: str
    targets: tuple[Target, ...]
    group: str
    limits: str
    licence: str
    publishable: bool
    homepage: str
    citation: str
    split: Literal["grouped", "official"] = "grouped"
    carrier: str = ""
    extra: str = ""
    ready: bool = True

    @property
    def synthetic(self) -> bool:
        """Whether a program made this data."""
        return self.name == "synthetic"
