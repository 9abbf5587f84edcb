"""Questions about synthetic images, of the kinds of VQA-RAD (Lau et al., Sci. Data 5, 180251, 2018), and their answers.

Answers are read off what the image was drawn from: modality, organ, presence, position, count and size. Half of the
questions are closed, with the answers to choose from, and half are open. What is asked for is drawn so that "yes" is right
as often as "no": the question alone says little.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..sources import NIH_FINDINGS
from .anatomy import ORGANS
from .chest import draw_chest
from .findings import draw_findings, probability_of
from .generator import SubsetGenerator
from .images import png, to_bytes
from .lesions import CONDITIONS, draw_lesion_views, person_columns
from .pathology import draw_tile
from .patient import Patient, draw_patient
from .reports import write_report

YES_NO = ("yes", "no")

MODALITIES = {"ct": "CT", "mri": "MRI", "xray": "radiograph", "pathology": "histology"}
"""Column of the image to what it is called in an answer."""

_IMAGES = {"CT": "a CT scan", "MRI": "an MR image", "radiograph": "a radiograph", "histology": "a slide of tissue"}

_SINGULAR = {"nodules": "nodule", "mitoses": "mitosis"}

PARTS = {
    "brain": "head",
    "chest": "chest",
    "lung": "chest",
    "liver": "abdomen",
    "kidney": "abdomen",
    "bone": "thigh",
    "breast": "breast",
}
"""Organ of a patient to the part of the body that an image of it shows."""


@dataclass(frozen=True)
class Thing:
    """Something that an image shows.

    Attributes:
        name: what it is, as in "is there a <name>?", with its article.
        size: longest diameter in mm; 0 if it has none that one would measure.
        count: how many there are.
        place: middle of its mask, row and column from 0 to 1; None if it has no one place.
        side: 'left' or 'right' of the patient; empty if that is no question.
    """

    name: str
    size: float = 0.0
    count: int = 1
    place: tuple[float, float] | None = None
    side: str = ""


@dataclass(frozen=True)
class Scene:
    """An image and what can be said about it.

    Attributes:
        columns: `has_<modality>` and the image.
        modality: key of `MODALITIES`.
        organ: what is shown.
        present: what is seen.
        absent: what could be seen and is not, with how often it is asked for.
        countable: what one may count here, plural, and how many there are.
        common: how many of such images show something that one can ask for.
    """

    columns: dict[str, Any]
    modality: str
    organ: str
    present: tuple[Thing, ...]
    absent: dict[str, float]
    countable: dict[str, int]
    common: float


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


def scene_of(patient: Patient, image: int, size: int = 224) -> Scene:
    """Image number `image` of a patient, drawn by the generator of its modality, with what is known about it."""
    if patient.organ == "breast":
        return _tissue(patient, image, size)
    return _chest(patient, image, size) if patient.organ == "chest" else _body(patient, image, size)


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


# --- the scenes -------------------------------------------------------------------------------------------------------


def _chest(patient: Patient, image: int, size: int) -> Scene:
    findings = draw_findings(patient)
    drawn = draw_chest(patient, image, findings, size)
    things = tuple(
        Thing(
            name=_with_article(finding.name.replace("_", " ").lower()),
            size=finding.size,
            count=finding.count,
            place=_middle(drawn.masks[finding.name]) if finding.side in ("left", "right") else None,
            side=finding.side if finding.side in ("left", "right") else "",
        )
        for finding in findings
    )
    found = {finding.name for finding in findings}
    absent = {
        _with_article(name.replace("_", " ").lower()): probability_of(name, patient.simulation.prevalence)
        for name in NIH_FINDINGS
        if name not in found
    }
    common = 1 - math.prod(1 - probability_of(name, patient.simulation.prevalence) for name in NIH_FINDINGS)
    nodules = next((finding.count for finding in findings if finding.name == "Nodule"), 0)
    columns = {"has_xray": True, "xray": png(to_bytes(drawn.image))}
    return Scene(columns, "xray", "chest", things, absent, {"nodules": nodules}, common)


def _body(patient: Patient, image: int, size: int) -> Scene:
    view = ("ct", "mri", "xray")[int(patient.random("view", image).integers(3))]
    drawn = draw_lesion_views(patient, image, (view,), size)
    mask = drawn.masks[view]
    seen = [lesion for lesion in drawn.lesions if mask is not None]
    paired = patient.organ in ("brain", "lung", "kidney")
    things = tuple(
        Thing(
            name=_with_article(lesion.kind),
            size=lesion.diameter,
            place=None if mask is None else _middle(mask),
            side=lesion.side if paired else "",
        )
        for lesion in seen
    )
    absent = {
        _with_article(name): weight
        for name, weight in CONDITIONS.items()
        if name != "normal" and name not in {lesion.kind for lesion in drawn.lesions}
    }
    share = 1 - CONDITIONS["normal"] / sum(CONDITIONS.values())
    common = 1 - 1 / len(CONDITIONS) if patient.simulation.prevalence == "balanced" else share
    # A lesion that is there but not in the image is nothing to ask about.
    if drawn.lesions and not seen:
        absent = {}
    return Scene(drawn.columns, view, patient.organ, things, absent, {}, common)


def _tissue(patient: Patient, image: int, size: int) -> Scene:
    tile, statistics = draw_tile(patient, image, size)
    malignant = patient.condition == "malignant"
    things = (Thing("malignant tissue"),) if malignant else ()
    absent = {} if malignant else {"malignant tissue": 1.0}
    columns = {"has_pathology": True, "pathology": png(tile)}
    return Scene(columns, "pathology", "breast", things, absent, {"mitoses": statistics.mitoses}, 0.5)


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


def _middle(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float((rows.mean() + 0.5) / mask.shape[0]), float((columns.mean() + 0.5) / mask.shape[1])


def _with_article(name: str) -> str:
    """'a nodule', 'an effusion'; what cannot be counted stays bare."""
    if name in ("cardiomegaly", "edema", "emphysema", "fibrosis", "pneumonia", "pleural thickening", "calcification"):
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _bare(name: str) -> str:
    return name.removeprefix("a ").removeprefix("an ")
