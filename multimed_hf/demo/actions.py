"""What the page does when its visitor does something: HTML out, never an exception, and nothing kept but the session."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ..wording import listed_modalities
from .examples import example
from .limits import Refused, check_text
from .predictor import Answer, Predictor
from .sequences import read_sequence
from .uploads import Given, describe, read_upload
from .views import answers, given, picture, problem

Session = dict[str, Given]
"""What a visitor has uploaded: modality to value. It lives in memory, for as long as the page is open."""

TYPED = ("text", "genomics", "protein")
"""Modalities that are typed; a file only fills the box in."""

_FAILED = "Something went wrong on this side; what you gave was not kept. Try another input."
_logger = logging.getLogger(__name__)


class Actions:
    """The actions of one page.

    Args:
        predictor: the checkpoint.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def upload(self, modality: str, path: str | None, rate: float | None, session: Session) -> tuple[Session, str]:
        """Reads an uploaded file, and removes it. Gives the session with it, or without the modality, and what to show."""
        others = {name: value for name, value in session.items() if name != modality}
        try:
            found = _checked(lambda: read_upload(path or "", modality, rate or 0.0))
        except Refused as error:
            return others, problem(str(error))
        return {**others, modality: found}, given(found.words)

    def fill(self, modality: str, path: str | None) -> tuple[str, str]:
        """Reads a file for one of `TYPED`, and removes it. Gives what to write into its box, and what to show."""
        try:
            found = _checked(lambda: read_upload(path or "", modality))
        except Refused as error:
            return "", problem(str(error))
        return found.value, given(found.words)

    def example(self, subset: str) -> tuple[Session, dict[str, str], str, str, str]:
        """A synthetic example: the session, what to write into the boxes of `TYPED`, the question, the answers to choose
        from, and what to show.
        """
        try:
            found = _checked(lambda: example(subset))
        except Refused as error:
            return {}, {}, "", "", problem(str(error))
        inputs = {name: value for name, value in found["inputs"].items() if name in self.predictor.modalities}
        session = {name: Given(value, describe(value)) for name, value in inputs.items() if name not in TYPED}
        typed = {name: value for name, value in inputs.items() if name in TYPED}
        words = "; ".join(f"{name}: {describe(value)}" for name, value in inputs.items()) or "a question"
        choices = ", ".join(found["choices"])
        return session, typed, found["question"], choices, given(f"a synthetic example, made by a program ({words})")

    def predict(self, session: Session, *typed: str) -> str:
        """Predictions. `typed` is what stands in the boxes of `TYPED`, in their order."""
        return self._answers(lambda inputs: self.predictor.predict(inputs), session, typed)

    def compare(self, labels: str, session: Session, *typed: str) -> str:
        """Scores of a visitor's own labels."""
        return self._answers(lambda inputs: self.predictor.compare(inputs, labels), session, typed)

    def answer(self, question: str, candidates: str, session: Session, *typed: str) -> str:
        """Answers to a question."""
        return self._answers(lambda inputs: self.predictor.answer(inputs, question, candidates), session, typed)

    def heads(self, session: Session, *typed: str) -> list[str]:
        """The heads that can be explained for what was given; none while it cannot be read."""
        try:
            return _checked(lambda: self.predictor.explainable(self._inputs(session, typed)))
        except Refused:
            return []

    def explain(self, head: str | None, session: Session, *typed: str) -> str:
        """A picture of what each modality and each part of it adds to what a head says."""
        try:
            drawn = _checked(lambda: self.predictor.explain(self._inputs(session, typed), head or ""))
        except Refused as error:
            return problem(str(error))
        return picture(drawn.png, drawn.words)

    def _answers(
        self, ask: Callable[[Mapping[str, Any]], list[Answer]], session: Session, typed: tuple[str, ...]
    ) -> str:
        inputs: dict[str, Any] = {}
        try:
            inputs |= _checked(lambda: self._inputs(session, typed))
            found = _checked(lambda: ask(inputs))
        except Refused as error:
            return problem(str(error))
        return answers(found, f"From {listed_modalities(inputs)}." if inputs else "")

    def _inputs(self, session: Session, typed: tuple[str, ...]) -> dict[str, Any]:
        """All that was given: modality to value."""
        inputs: dict[str, Any] = {name: each.value for name, each in session.items()}
        for name, text in zip(TYPED, typed, strict=True):
            if text and text.strip():
                inputs[name] = check_text(text, "text") if name == "text" else read_sequence(text, name)
        return inputs


def _checked(action: Callable[[], Any]) -> Any:
    """What `action` gives; whatever goes wrong becomes a `Refused` with a sentence for the page."""
    try:
        return action()
    except Refused:
        raise
    except ImportError as error:
        raise Refused("This installation lacks what it takes to read such a file.") from error
    except Exception as error:
        # The message may quote what the visitor gave: it belongs neither on the page nor in the log.
        _logger.error("A request to the demo failed with %s.", type(error).__name__)
        _logger.debug("Where it failed:", exc_info=True)
        raise Refused(_FAILED) from error
