"""Questions about synthetic images, of the kinds of VQA-RAD (Lau et al., Sci. Data 5, 180251, 2018), and their answers.

Answers are read off what the image was drawn from: modality, organ, presence, position, count and size. Half of the
questions are closed, with the answers to choose from, and half are open. What is asked for is drawn so that "yes" is right
as often as "no": the question alone says little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..body.anatomy import ORGANS
from ..body.lesions import CONDITIONS, person_columns
from ..chest.findings import draw_findings
from ..generator import SubsetGenerator
from ..patient import Patient, draw_patient
from .reports import write_report
from .scenes import MODALITIES, PARTS, Scene, scene_of

YES_NO = ("yes", "no")

_IMAGES = {"CT": "a CT scan", "MRI": "an MR image", "radiograph": "a radiograph", "histology": "a slide of tissue"}

_SINGULAR = {"nodules": "nodule", "mitoses": "mitosis"}


@dataclass(frozen=True)
class Question:
    """A question, its answer, and the answers to choose from: none for an open question."""

    kind: str
    text: str
    answer: str
    choices: tuple[str, ...] = ()


class Generator(SubsetGenerator):
    """Rows of `vqa`: a third each of chest radiographs, tiles of breast tissue, and CT, MR or radiograph of five organs.

    A patient has four rows: two images with two questions each. Half of the rows say why the image was taken; of the other
    rows of a chest, half bring its report, which leaves findings out and hedges others.
    """

    subset = "vqa"
    rows = 1200
    members = 4
    shifts = ("site", "device")
    size = 224

    def patient(self, number: int) -> Patient:
        kind = number % 3
        # One question in six is whether tissue is malignant: as often as not.
        conditions = (CONDITIONS, CONDITIONS, {"benign": 1.0, "malignant": 1.0})[kind]
        organs = (("chest",), ORGANS, ("breast",))[kind]
        return draw_patient(self.simulation, self.subset, number, conditions, organs)

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        scene = scene_of(patient, member // 2, self.size)
        question = ask(scene, patient.random("question", member))
        answer = question.answer
        if question.choices:
            answer = self.observed(patient, answer, question.choices, member)
        columns = {
            **scene.columns,
            **person_columns(patient),
            "question": question.text,
            "choices": list(question.choices),
            "answer": answer,
            "answer_type": "closed" if question.choices else "open",
            "question_type": question.kind,
        }
        random = patient.random("indication", member)
        text = _indication(scene, random)
        if not text and patient.organ == "chest" and random.random() < 0.5:
            text, _ = write_report(patient, draw_findings(patient), random)
        return {**columns, "has_text": True, "text": text} if text else columns

    def notes(self) -> list[str]:
        noise = self.simulation.label_noise
        if not noise:
            return []
        return [f"{noise:.0%} of the answers to closed questions are wrong on purpose: no model can foresee these."]


def ask(scene: Scene, random: np.random.Generator) -> Question:
    """A question about a scene: any kind that makes sense for it, all equally often, half of them closed."""
    order = random.permutation(len(_KINDS))
    closed = bool(random.random() < 0.5)
    for kind in [list(_KINDS)[place] for place in order]:
        for shut in (closed, not closed):
            if question := _KINDS[kind](scene, shut, random):
                return replace(question, kind=kind)
    raise AssertionError("every image has a modality")


# --- the kinds of questions; None where one makes no sense ------------------------------------------------------------


def _modality(scene: Scene, closed: bool, random: np.random.Generator) -> Question:
    name = MODALITIES[scene.modality]
    texts: tuple[str, ...]
    if not closed:
        texts = ("What kind of image is this?", "Which modality was used?", "How was this image taken?")
        return Question("", _pick(texts, random), name)
    asked, answer = _truth_or_lie(name, tuple(MODALITIES.values()), random)
    phrase = _IMAGES[asked]
    texts = (f"Is this {phrase}?", f"Does this look like {phrase}?", f"Are we looking at {phrase}?")
    return Question("", _pick(texts, random), answer, YES_NO)


def _organ(scene: Scene, closed: bool, random: np.random.Generator) -> Question:
    part = PARTS[scene.organ]
    texts: tuple[str, ...]
    if not closed:
        texts = (
            "What part of the body is this?",
            "Which part of the body was imaged?",
            "Which region of the body is shown?",
        )
        return Question("", _pick(texts, random), part)
    asked, answer = _truth_or_lie(part, tuple(dict.fromkeys(PARTS.values())), random)
    texts = (f"Is this an image of the {asked}?", f"Does the image show the {asked}?", f"Is the {asked} shown here?")
    return Question("", _pick(texts, random), answer, YES_NO)


def _presence(scene: Scene, closed: bool, random: np.random.Generator) -> Question | None:
    texts: tuple[str, ...]
    if not closed:
        if len(scene.present) > 1 or not scene.absent:
            return None
        name = scene.present[0].name if scene.present else "none"
        texts = (
            "What is abnormal in this image?",
            "Which abnormality is seen?",
            "What does the image show that should not be?",
        )
        return Question("", _pick(texts, random), _bare(name))
    if not scene.absent:
        return None
    # "yes" wherever there is something to say yes to, as often as that leaves "no" on even terms.
    yes = bool(scene.present) and bool(random.random() < 0.5 / max(scene.common, 0.5))
    if yes:
        name = scene.present[int(random.integers(len(scene.present)))].name
    else:
        weights = np.array(list(scene.absent.values()))
        name = list(scene.absent)[int(random.choice(len(weights), p=weights / weights.sum()))]
    texts = (f"Is there {name}?", f"Does the image show {name}?", f"Is {name} present?", f"Can {name} be seen?")
    return Question("", _pick(texts, random), "yes" if yes else "no", YES_NO)


def _position(scene: Scene, closed: bool, random: np.random.Generator) -> Question | None:
    placed = [thing for thing in scene.present if thing.place]
    if not placed:
        return None
    thing = placed[int(random.integers(len(placed)))]
    what = f"the {_bare(thing.name)}"
    assert thing.place
    row, column = thing.place
    if not closed:
        if not thing.side:
            return None
        texts = (f"On which side of the patient is {what}?", f"Which side of the patient does {what} lie on?")
        return Question("", _pick(texts, random), thing.side)
    # Where the middle is too near to the middle of the image, neither answer would be fair.
    across = abs(column - 0.5) >= abs(row - 0.5)
    if max(abs(column - 0.5), abs(row - 0.5)) < 0.06:
        return None
    names = ("left", "right") if across else ("upper", "lower")
    answer = names[int((column if across else row) > 0.5)]
    texts = (
        f"Is {what} in the {names[0]} or the {names[1]} half of the image?",
        f"Which half of the image shows {what}?",
    )
    return Question("", _pick(texts, random), answer, names)


def _count(scene: Scene, closed: bool, random: np.random.Generator) -> Question | None:
    if not scene.countable:
        return None
    name = list(scene.countable)[int(random.integers(len(scene.countable)))]
    number = scene.countable[name]
    # "None" would be the answer too often.
    if number == 0 and random.random() < 0.6:
        return None
    texts: tuple[str, ...]
    if not closed:
        texts = (f"How many {name} are there?", f"What is the number of {name}?", f"How many {name} can be counted?")
        return Question("", _pick(texts, random), str(number))
    texts = (f"Is there more than one {_SINGULAR[name]}?", f"Are there two or more {name}?")
    return Question("", _pick(texts, random), "yes" if number > 1 else "no", YES_NO)


def _size(scene: Scene, closed: bool, random: np.random.Generator) -> Question | None:
    measured = [thing for thing in scene.present if thing.size and thing.count == 1]
    if not measured:
        return None
    thing = measured[int(random.integers(len(measured)))]
    what = f"the {_bare(thing.name)}"
    texts: tuple[str, ...]
    if not closed:
        texts = (
            f"How large is {what}, in cm?",
            f"What is the diameter of {what}, in cm?",
            f"How many cm does {what} measure?",
        )
        return Question("", _pick(texts, random), str(max(1, round(thing.size / 10))))
    yes = bool(random.random() < 0.5)
    limit = thing.size / 10 * (random.uniform(0.5, 0.75) if yes else random.uniform(1.35, 2.0))
    texts = (f"Is {what} larger than {limit:.1f} cm?", f"Does {what} measure more than {limit:.1f} cm?")
    return Question("", _pick(texts, random), "yes" if yes else "no", YES_NO)


_KINDS: dict[str, Callable[[Scene, bool, np.random.Generator], Question | None]] = {
    "modality": _modality,
    "organ": _organ,
    "presence": _presence,
    "position": _position,
    "count": _count,
    "size": _size,
}


def _indication(scene: Scene, random: np.random.Generator) -> str:
    """Why the image was taken, on half of the rows: known disease is named more often where there is some, not always."""
    if random.random() < 0.5:
        return ""
    plain = (
        "Routine check.",
        "Pain for two weeks.",
        "Follow-up.",
        "Before an operation.",
        "Weight loss.",
        "Second opinion.",
    )
    if scene.present and random.random() < 0.35:
        name = scene.present[int(random.integers(len(scene.present)))].name
        return f"Known {_bare(name)}."
    if scene.absent and random.random() < 0.2:
        names = list(scene.absent)
        return f"Question of {_bare(names[int(random.integers(len(names)))])}."
    return _pick(plain, random)


def _truth_or_lie(truth: str, names: Sequence[str], random: np.random.Generator) -> tuple[str, str]:
    """A name to ask for and the answer: the true one, or another one, equally often."""
    if random.random() < 0.5:
        return truth, "yes"
    others = [name for name in names if name != truth]
    return others[int(random.integers(len(others)))], "no"


def _pick(texts: Sequence[str], random: np.random.Generator) -> str:
    return texts[int(random.integers(len(texts)))]


def _bare(name: str) -> str:
    return name.removeprefix("a ").removeprefix("an ")
