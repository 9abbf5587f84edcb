"""Reports of chest radiographs: what a radiologist writes, as templates that state, deny, hedge and leave out findings.

A report is easy to search for words and hard to read: most findings it names are denied ("No pleural effusion or
pneumothorax"), some are hedged ("may represent a nodule"), some belong to the past ("has resolved"). That is what the rules
of NegEx (Chapman et al., J. Biomed. Inform. 34, 301, 2001) and the labels of CheXpert (Irvin et al., AAAI 2019) are about:
positive, negative, uncertain or not mentioned. How much is denied and how long the text is do not depend on the patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...sources import NIH_FINDINGS
from ..chest.findings import Finding, draw_findings
from ..generator import SubsetGenerator
from ..patient import Patient


@dataclass(frozen=True)
class _Words:
    """How a finding is spoken of.

    Attributes:
        names: nouns without an article that follow 'no', and 'a' or nothing, see `counted`.
        present: sentences that state it; {side}, {zone}, {degree}, {size} and {name} are filled in.
        normal: sentences that deny it without its name.
        counted: whether its nouns take 'a'.
    """

    names: tuple[str, ...]
    present: tuple[str, ...]
    normal: tuple[str, ...] = ()
    counted: bool = False


WORDS: dict[str, _Words] = {
    "Atelectasis": _Words(
        ("atelectasis", "atelectatic change", "volume loss"),
        (
            "There is {degree} {side} {zone} {name}.",
            "Linear opacities in the {side} {zone} are consistent with {degree} {name}.",
            "{degree} {name} is seen in the {side} {zone}.",
        ),
    ),
    "Cardiomegaly": _Words(
        ("cardiomegaly", "cardiac enlargement", "enlargement of the cardiac silhouette"),
        (
            "There is {degree} {name}.",
            "{degree} {name} is noted.",
            "The heart is enlarged, in keeping with {degree} {name}.",
        ),
        (
            "The heart is normal in size.",
            "Heart size is within normal limits.",
            "The cardiothoracic ratio is below one half.",
        ),
    ),
    "Consolidation": _Words(
        ("consolidation", "focal consolidation", "airspace consolidation"),
        (
            "{degree} {side} {zone} {name} with air bronchograms.",
            "There is {name} in the {side} {zone}.",
            "The {side} {zone} shows {degree} {name}.",
        ),
    ),
    "Edema": _Words(
        ("pulmonary edema", "interstitial edema", "edema"),
        (
            "Perihilar haze and Kerley lines indicate {degree} {name}.",
            "There is {degree} {name}.",
            "{degree} {name} with indistinct vessels.",
        ),
        ("The pulmonary vasculature is sharp and not congested.",),
    ),
    "Effusion": _Words(
        ("pleural effusion", "effusion", "pleural fluid collection"),
        (
            "There is a {degree} {side} {name}.",
            "A {degree} {side} {name} blunts the costophrenic angle.",
            "{degree} {side} {name} is present.",
        ),
        ("Both costophrenic angles are sharp.", "The costophrenic angles are clear."),
    ),
    "Emphysema": _Words(
        ("emphysema", "emphysematous change", "hyperinflation with bullae"),
        (
            "The lungs are hyperlucent with flat diaphragms, in keeping with {degree} {name}.",
            "There is {degree} {name}.",
            "{degree} {name} in both upper lungs.",
        ),
    ),
    "Fibrosis": _Words(
        ("fibrosis", "pulmonary fibrosis", "fibrotic change"),
        (
            "Reticular opacities in the {side} {zone} reflect {degree} {name}.",
            "There is {degree} {name} in the {side} {zone}.",
            "{degree} {side} {zone} {name} is noted.",
        ),
    ),
    "Hernia": _Words(
        ("hiatal hernia", "hiatus hernia"),
        (
            "A retrocardiac {name} with an air-fluid level measures {size}.",
            "There is a {name} of about {size} behind the heart.",
        ),
        counted=True,
    ),
    "Infiltration": _Words(
        ("infiltrate", "infiltration", "patchy infiltrate"),
        (
            "There is {degree} {name} in the {side} {zone}.",
            "Patchy opacities in the {side} {zone} are compatible with {name}.",
            "{degree} {side} {zone} {name} is seen.",
        ),
    ),
    "Mass": _Words(
        ("mass", "lung mass", "pulmonary mass"),
        (
            "There is a {size} {name} in the {side} {zone}.",
            "A {side} {zone} {name} measures {size}.",
            "A lobulated {name} of {size} projects over the {side} {zone}.",
        ),
        counted=True,
    ),
    "Nodule": _Words(
        ("nodule", "pulmonary nodule", "lung nodule"),
        (
            "There is a {size} {name} in the {side} {zone}.",
            "A {side} {zone} {name} measures {size}.",
            "A round {name} of {size} projects over the {side} {zone}.",
        ),
        counted=True,
    ),
    "Pleural_Thickening": _Words(
        ("pleural thickening", "thickening of the pleura"),
        (
            "There is {degree} {side} {name} along the {zone}.",
            "{degree} {name} is seen in the {side} {zone}.",
        ),
    ),
    "Pneumonia": _Words(
        ("pneumonia", "lobar pneumonia", "bronchopneumonia"),
        (
            "Lobar opacity in the {side} {zone} is consistent with {name}.",
            "There is {degree} {side} {zone} {name}.",
            "The {side} {zone} shows {name}.",
        ),
    ),
    "Pneumothorax": _Words(
        ("pneumothorax", "apical pneumothorax"),
        (
            "There is a {degree} {side} {name}.",
            "A visceral pleural line indicates a {degree} {side} {name}.",
            "{degree} {side} {name} is present.",
        ),
        ("The lungs are fully expanded and lung markings reach the chest wall.",),
        counted=True,
    ),
}

_UNCERTAIN = (
    "Possible {plain}.",
    "A faint shadow may represent {phrase}.",
    "Findings are suspicious for {phrase}.",
    "{Phrase} cannot be excluded.",
    "Questionable {plain}.",
    "Subtle change could reflect {phrase} or overlapping structures.",
)
_ABSENT = (
    "No {plain}.",
    "There is no evidence of {plain}.",
    "{Plain} is not seen.",
    "The chest is free of any {plain}.",
    "Negative for {plain}.",
    "No {plain} on the right or left.",
    "No {plain} is identified in the upper, middle or lower zones.",
    "No {small} or {large} {plain}.",
)
# Harder to read: the word that denies stands far away, or there is none.
_ABSENT_HARD = (
    "The {sided} described previously has resolved.",
    "Overlapping soft tissue should not be mistaken for {phrase}.",
    "Compared with the prior study, the {graded} is gone.",
    "{Phrase} was suspected clinically but is ruled out by this study.",
)
_ABSENT_MANY = ("No {list}.", "There is no {list}.", "No evidence of {list}.", "The chest shows no {list}.")
_MIDLINE = ("Cardiomegaly", "Edema", "Emphysema", "Hernia")
_FILLERS = (
    "The trachea is midline.",
    "Mediastinal contours are unremarkable.",
    "The osseous structures are intact.",
    "Degenerative changes of the thoracic spine.",
    "Monitoring leads overlie the chest.",
    "The aorta is mildly tortuous.",
    "Single frontal view of the chest was obtained.",
    "The patient is slightly rotated.",
    "Inspiration is adequate.",
    "The hila are symmetric.",
    "Visualized upper abdomen is within normal limits.",
    "Surgical clips project over the right upper quadrant.",
    "Soft tissues are unremarkable.",
    "The study is mildly limited by exposure.",
)
_OPENINGS = ("", "", "FINDINGS: ", "FRONTAL CHEST RADIOGRAPH. FINDINGS: ", "CHEST, ONE VIEW: ")
_DEGREES = (("small", "mild", "minimal"), ("moderate", "moderate", "moderate"), ("large", "severe", "extensive"))
_SHAPED = ("Effusion", "Pneumothorax")  # large and small, where others are severe and mild
_MEASURED = ("Nodule", "Mass", "Hernia")


def write_report(
    patient: Patient, findings: Sequence[Finding], random: np.random.Generator
) -> tuple[str, dict[str, str]]:
    """A report of what a patient has, and what it says of each finding.

    Args:
        patient: gives the difficulty: hard reports hedge more and deny in more roundabout ways.
        findings: what the patient has. One that is certain is stated, one that is not is hedged, and a few are missed.
        random: decides on words and order.

    Returns:
        ASCII text, and the findings it mentions with 'present', 'uncertain' or 'absent'; the rest is left unmentioned.
    """
    harder = patient.simulation.harder
    had = {finding.name: finding for finding in findings}
    states: dict[str, str] = {}
    sentences: list[str] = []
    for name in NIH_FINDINGS:
        draw, doubt = random.random(2)
        if name in had:
            if draw < harder(0.03, 0.15):
                continue
            sure = had[name].certainty > harder(0.25, 0.6) * (0.6 + 0.8 * doubt)
            states[name] = "present" if sure else "uncertain"
            sentences.append(_state(had[name], random) if sure else _hedge(name, had[name], random))
        elif draw < harder(0.01, 0.04):
            states[name] = "uncertain"
            sentences.append(_hedge(name, None, random))

    # Denials and remarks fill the text up to a length that was drawn before.
    length = random.uniform(380, 800)
    others = [name for name in NIH_FINDINGS if name not in had and name not in states]
    others = [others[place] for place in random.permutation(len(others))]
    fillers = [_FILLERS[place] for place in random.permutation(len(_FILLERS))]
    while sum(map(len, sentences)) + len(sentences) < length and (others or fillers):
        if others and (random.random() < 0.66 or not fillers):
            several = min(len(others), int(random.integers(2, 4)) if random.random() < 0.4 else 1)
            denied, others = others[:several], others[several:]
            sentences.append(_deny(denied, random, harder(0.08, 0.4)))
            states |= dict.fromkeys(denied, "absent")
        else:
            sentences.append(fillers.pop())
    order = random.permutation(len(sentences))
    text = _pick(_OPENINGS, random) + " ".join(sentences[place] for place in order)
    return text, {name: states[name] for name in NIH_FINDINGS if name in states}


def _pick(choices: Sequence[Any], random: np.random.Generator) -> Any:
    return choices[int(random.integers(len(choices)))]


def _state(finding: Finding, random: np.random.Generator) -> str:
    words = WORDS[finding.name]
    name = _pick(words.names, random)
    if finding.count > 1 and finding.name == "Nodule":
        number = {2: "two", 3: "three"}[finding.count]
        sentence = f"There are {number} {{name}}s in the {{side}} {{zone}}, the largest measuring {{size}}."
    else:
        sentence = _pick(words.present, random)
    return _sentence(sentence.format(**_slots(finding, random), name=name))


def _hedge(name: str, finding: Finding | None, random: np.random.Generator) -> str:
    noun = str(_pick(WORDS[name].names, random))
    where = ""
    if name not in _MIDLINE and random.random() < 0.5:
        # A shadow that is nothing has a side too.
        side = finding.side if finding is not None else str(_pick(("right", "left", "both"), random))
        where = " on both sides" if side == "both" else f" on the {side}"
    return _filled(_pick(_UNCERTAIN, random), plain=noun + where, phrase=_with_article(name, noun) + where)


def _deny(names: Sequence[str], random: np.random.Generator, hard: float) -> str:
    nouns = [str(_pick(WORDS[name].names, random)) for name in names]
    if len(nouns) == 2 and random.random() < 0.25:
        return _filled("Neither {pair} is present.", pair=f"{nouns[0]} nor {nouns[1]}")
    if len(nouns) > 1:
        return _filled(_pick(_ABSENT_MANY, random), list=f"{', '.join(nouns[:-1])} or {nouns[-1]}")
    name, noun = names[0], nouns[0]
    if WORDS[name].normal and random.random() < 0.4:
        return str(_pick(WORDS[name].normal, random))
    # The same sides, degrees and sizes as in what is present, so that they do not tell the two apart.
    side = "" if name in _MIDLINE else f"{_pick(('right', 'left'), random)} "
    small, degree, large = ("small", "moderate", "large") if name in _SHAPED else ("mild", "moderate", "severe")
    if name in _MEASURED:
        degree, small, large = f"{random.uniform(0.8, 7.5):.1f} cm", "small", "large"
    choices: Sequence[str] = _ABSENT_HARD if random.random() < hard else _ABSENT
    if name in _MIDLINE:
        choices = tuple(one for one in choices if "zones" not in one and "left" not in one)
    return _filled(
        _pick(choices, random),
        plain=noun,
        phrase=_with_article(name, noun),
        sided=side + noun,
        graded=f"{degree} {side}{noun}",
        small=small,
        large=large,
    )


def _with_article(name: str, noun: str) -> str:
    if not WORDS[name].counted:
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _slots(finding: Finding, random: np.random.Generator) -> dict[str, str]:
    zone = {"upper": ("upper", "upper"), "middle": ("mid", "middle"), "lower": ("lower", "basal")}.get(
        finding.zone, ("", "")
    )
    small = ("small", "moderate", "large")
    step = min(2, int(finding.severity * 3))
    degree = small[step] if finding.name in _SHAPED else _pick(_DEGREES[step][1:], random)
    return {
        "side": "bilateral" if finding.side == "both" else finding.side,
        "zone": f"{_pick(zone, random)} {_pick(('lung', 'zone', 'lung zone'), random)}" if finding.zone else "",
        "degree": degree,
        "size": f"{finding.size / 10:.1f} cm",
    }


def _filled(template: str, **slots: str) -> str:
    capital = {key.capitalize(): value[:1].upper() + value[1:] for key, value in slots.items()}
    return _sentence(template.format(**slots, **capital))


def _sentence(text: str) -> str:
    text = " ".join(text.split()).replace(" .", ".").replace(" ,", ",")
    text = (
        text.replace("in the bilateral", "in both").replace("The bilateral", "Both").replace("A bilateral", "Bilateral")
    )
    text = text.replace("a bilateral", "bilateral").replace("the bilateral", "both")
    return text[:1].upper() + text[1:]


class Generator(SubsetGenerator):
    """Rows of `text`: one report a patient."""

    subset = "text"
    rows = 1200
    members = 1

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        text, states = write_report(patient, draw_findings(patient), patient.random("report", member))
        seen = {name: self.observed(patient, state, _STATES, name, member) for name, state in states.items()}
        return {"has_text": True, "text": text, "report_findings": seen}

    def notes(self) -> list[str]:
        noise = self.simulation.label_noise
        return [
            *super().notes(),
            f"A report says what it says: careful reading gets {1 - noise:.0%} of the states right, "
            "whatever the difficulty.",
        ]


_STATES = ("absent", "present", "uncertain")
