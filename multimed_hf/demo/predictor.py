"""A loaded checkpoint that answers visitors: predictions, own labels, questions, and explanations."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..evaluation.results import Result
from ..wording import listed_modalities
from .calibration import calibration_note, results_of
from .heads import EXPLAINABLE, Entry, answering, asked
from .limits import MOST_LABEL_LETTERS, MOST_LABELS, Refused, check_text

_SHOWN_TARGETS = 10


@dataclass(frozen=True)
class Answer:
    """What one head says.

    Attributes:
        head: its name.
        kind: its kind.
        scores: labels or targets and their numbers, those of most weight first.
        probabilities: whether the numbers are probabilities.
        words: what there is to say in words; empty where `scores` say it all.
        calibration: what is known about the probabilities.
        more: targets that `scores` leave out.
    """

    head: str
    kind: str
    scores: list[tuple[str, float]] = field(default_factory=list)
    probabilities: bool = False
    words: str = ""
    calibration: str = ""
    more: int = 0


@dataclass(frozen=True)
class Picture:
    """An explanation: a PNG image, and the same in words."""

    png: bytes
    words: str


class Predictor:
    """A model, its processor and what is known about it. One request at a time uses the model; others wait.

    Args:
        model: a `MultiMedForMultitask`.
        processor: its processor.
        name: how visitors know it.
        results: its results, for notes on calibration.
    """

    def __init__(self, model: Any, processor: Any, name: str = "", results: Sequence[Result] = ()) -> None:
        from ..models import MultiMedPipeline

        self.model, self.processor, self.name, self.results = model.eval(), processor, name, list(results)
        self._pipeline = MultiMedPipeline(model=self.model, processor=processor)
        # Explanations touch the model: what it reads, and for a moment how it answers.
        self._lock = threading.Lock()

    @classmethod
    def load(cls, checkpoint: str | os.PathLike[str]) -> Predictor:
        """The predictor of a checkpoint.

        Args:
            checkpoint: a folder of a model or LoRA adapter, or a model of the Hub.

        Raises:
            FileNotFoundError: it is neither.
            ValueError: it is a model of another kind.
        """
        from ..training.checkpoint import load_checkpoint

        model, processor = load_checkpoint(checkpoint)
        name = os.path.join(*os.path.normpath(checkpoint).split(os.sep)[-2:])
        return cls(model, processor, name, results_of(checkpoint))

    @property
    def modalities(self) -> list[str]:
        """What it reads, in its own order."""
        return list(self.model.config.modalities)

    @property
    def genes(self) -> list[str]:
        """Symbols of the genes that it knows."""
        return list(self.processor.scrna_feature_extractor.genes)

    @property
    def tasks(self) -> list[Entry]:
        """Its heads."""
        return list(self.model.config.tasks)

    @property
    def compares_labels(self) -> bool:
        """Whether it can be asked for labels that it was not trained on."""
        return any(entry.get("head") == "label_text" for entry in self.tasks)

    @property
    def answers_questions(self) -> bool:
        """Whether it has a head for questions."""
        return any(entry["kind"] == "answer" for entry in self.tasks)

    def explainable(self, given: Mapping[str, Any]) -> list[str]:
        """The heads that can be explained for what was given; none for nothing."""
        return [entry["name"] for entry in asked(self.tasks, given) if given and entry["kind"] in EXPLAINABLE]

    def predict(self, given: Mapping[str, Any]) -> list[Answer]:
        """What each head that is about any of the given modalities says.

        Args:
            given: modality to value, as the processor takes it, but genes by symbols.

        Raises:
            Refused: nothing was given, the model reads none of it, or has no head for it.
        """
        inputs = self._inputs(given)
        entries = asked(self.tasks, inputs)
        if not entries:
            raise Refused(f"This checkpoint has no head for {listed_modalities(inputs)} alone.")
        found = self._run(inputs, tasks=[entry["name"] for entry in entries])
        return [self._answer(entry, found[entry["name"]]) for entry in entries if entry["name"] in found]

    def compare(self, given: Mapping[str, Any], labels: str) -> list[Answer]:
        """Scores of labels that a visitor types, by their texts.

        Args:
            given: as `predict` takes it.
            labels: one a line, or separated by commas.

        Raises:
            Refused: as `predict`; no label, one repeated, too many or too long; a model that cannot compare labels.
        """
        wanted = own_labels(labels)
        inputs = self._inputs(given)
        entries = [entry for entry in asked(self.tasks, inputs) if entry.get("head") == "label_text"]
        if not entries:
            raise Refused("This checkpoint has no head that compares what was given with the texts of labels.")
        found = self._run(inputs, tasks=[entry["name"] for entry in entries], candidate_labels=wanted)
        note = "These labels were not trained: how far their numbers can be trusted was not measured."
        return [
            Answer(entry["name"], entry["kind"], _pairs(found[entry["name"]]), True, calibration=note)
            for entry in entries
        ]

    def answer(self, given: Mapping[str, Any], question: str, candidates: str = "") -> list[Answer]:
        """Answers to a question, chosen among candidates if there are any, else written word by word.

        Args:
            given: as `predict` takes it; text becomes the context of the question.
            question: the question.
            candidates: answers to choose from, one a line or separated by commas; may be empty.

        Raises:
            Refused: as `predict`; no question; candidates as labels of `compare`; a model without such a head.
        """
        question = check_text(question, "question")
        if not question:
            raise Refused("Type a question first.")
        if "text" not in self.modalities:
            raise Refused("This checkpoint reads no text, and so no questions.")
        choices = own_labels(candidates, "answer") if candidates.strip() else []
        if len(choices) == 1:
            raise Refused("Expected two or more answers to choose from, or none, got one.")
        context = given.get("text")
        inputs = self._inputs({**given, "text": (question, context) if context else question})
        entries = answering(self.tasks, inputs, not choices)
        if not entries:
            how = "chooses among answers" if choices else "writes answers: give it answers to choose from"
            raise Refused(f"This checkpoint has no head that {how}.")
        found = self._run({**inputs, **({"choices": choices} if choices else {})}, [entry["name"] for entry in entries])
        answers = [self._answer(entry, found[entry["name"]]) for entry in entries if entry["name"] in found]
        return answers

    def explain(self, given: Mapping[str, Any], head: str) -> Picture:
        """What each modality, and each part of it, adds to what a head says.

        Args:
            given: as `predict` takes it.
            head: one of `explainable`.

        Raises:
            Refused: as `predict`; a head that cannot be explained.
        """
        from ..explanation import contributions, figure, saliency

        inputs = {name: [value] for name, value in self._inputs(given).items()}
        if head not in self.explainable(inputs):
            raise Refused("Choose a head to explain that belongs to what was given.")
        with self._lock:
            found = contributions(self.model, self.processor, inputs, head)
            index = found.explained.index if found.explained.target else None
            parts = saliency(self.model, self.processor, inputs, head, index, steps=16)
        what = found.explained
        target = f" {what.target!r}" if what.target else ""
        title = f"{what.task}{target}: {what.unit} {what.value:.2f}"
        note = "Orange raises the number, blue lowers it. What moves a model is no cause of disease."
        # Dollar signs would make mathematics of the title.
        drawn = figure(inputs, found, parts, title=title.replace("$", r"\$"), note=note)
        buffer = io.BytesIO()
        drawn.savefig(buffer, format="png")
        added = found.shapley or found.leave_one_out
        words = "; ".join(f"{name} adds {value:+.2f}" for name, value in added.items())
        return Picture(buffer.getvalue(), f"{title}. {words}.")

    def _inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the model reads of what was given, with the genes that it knows."""
        if not given:
            raise Refused("Give this page something to read first: an example, a file or a text.")
        inputs = {name: value for name, value in given.items() if name in self.modalities}
        if not inputs:
            raise Refused(
                f"This checkpoint reads {listed_modalities(self.modalities)}, not {listed_modalities(given)}."
            )
        if "scrna" in inputs:
            inputs["scrna"] = self._known(inputs["scrna"])
        return inputs

    def _known(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        genes = set(self.genes)
        kept = [place for place, gene in enumerate(cell["genes"]) if gene in genes]
        if not kept:
            raise Refused(f"This checkpoint knows {len(genes):,} genes by their symbols, and none of those given.")
        return {"genes": [cell["genes"][place] for place in kept], "values": np.asarray(cell["values"])[kept]}

    def _run(self, inputs: Mapping[str, Any], tasks: list[str], **asked_for: Any) -> dict[str, Any]:
        try:
            with self._lock:
                return dict(self._pipeline(dict(inputs), tasks=tasks, **asked_for))
        except ValueError as error:
            # The processor's own words: what it expected, and what came.
            raise Refused(" ".join(str(error).split())) from error

    def _answer(self, entry: Entry, found: Any) -> Answer:
        name, kind = entry["name"], entry["kind"]
        if isinstance(found, str):
            return Answer(name, kind, words=found or "(the model wrote nothing)")
        if kind == "structure":
            return Answer(name, kind, words=_folded(np.asarray(found)))
        if kind == "survival":
            number = float(np.ravel(found)[0])
            return Answer(name, kind, words=f"Log risk {number:+.2f} relative to the mean of its training data.")
        if kind == "regression":
            names = list(entry.get("targets") or (f"target {place + 1}" for place in range(len(found))))
            ranked = sorted(zip(names, found, strict=True), key=lambda pair: -abs(pair[1]))
            more = max(0, len(ranked) - _SHOWN_TARGETS)
            return Answer(name, kind, ranked[:_SHOWN_TARGETS], words="In the unit of its training data.", more=more)
        return Answer(name, kind, _pairs(found), True, calibration=calibration_note(self.results, name))


def own_labels(text: str, what: str = "label") -> list[str]:
    """Labels that a visitor typed, one a line or separated by commas.

    Raises:
        Refused: none, one repeated, more than `MOST_LABELS`, or one longer than `MOST_LABEL_LETTERS`.
    """
    labels = [label.strip() for line in check_text(text, f"list of {what}s").splitlines() for label in line.split(",")]
    labels = [label for label in labels if label]
    if not labels:
        raise Refused(f"Type one or more {what}s, separated by commas.")
    if len({label.casefold() for label in labels}) < len(labels):
        raise Refused(f"Expected every {what} once, found one repeated.")
    if len(labels) > MOST_LABELS:
        raise Refused(f"Expected up to {MOST_LABELS} {what}s, got {len(labels)}.")
    if max(map(len, labels)) > MOST_LABEL_LETTERS:
        raise Refused(f"Expected {what}s of up to {MOST_LABEL_LETTERS} letters, got a longer one.")
    return labels


def _pairs(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    return [(each["label"], each["score"]) for each in found]


def _folded(backbone: np.ndarray) -> str:
    """A predicted backbone `(residues, 3, 3)` in angstrom, in words."""
    alphas = backbone[:, 1]
    radius = float(np.sqrt(((alphas - alphas.mean(0)) ** 2).sum(1).mean()))
    ends = float(np.linalg.norm(alphas[-1] - alphas[0]))
    return f"Backbone of {len(alphas)} residues, radius of gyration {radius:.1f} Å, its ends {ends:.1f} Å apart."
