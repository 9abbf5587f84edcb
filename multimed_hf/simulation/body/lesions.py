"""Lesions of known place and size in the body phantom, and the CT, MR and radiograph of one patient as columns of a row.

A cyst is water with a sharp border. A tumour is soft tissue with an irregular border, a rim, necrosis and oedema. A
haemorrhage is early subacute: clotted blood is dense on CT, and methaemoglobin inside the cells shortens T1 and T2
(Bradley, Radiology 189, 15, 1993). Calcium absorbs X-rays and has few mobile protons. With contrast medium a tumour can be
as dense on CT as a haemorrhage; on T2-weighted MR a calcification is as dark as a haemorrhage. Gliomas, meningiomas and
pituitary adenomas follow Osborn, Brain Imaging, Pathology and Anatomy (Elsevier, 2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..images import box_of, png, to_bytes
from ..patient import Patient
from ..settings import Simulation
from .anatomy import place_in, radius_in, scale_of, shapes_of
from .projection import Phantom, Shape, Waves, places_of, rotation_about
from .tissues import TISSUES, Tissue

CONDITIONS: Mapping[str, float] = {
    "normal": 0.5,
    "cyst": 0.2,
    "tumour": 0.15,
    "haemorrhage": 0.1,
    "calcification": 0.05,
}
"""The conditions of `LESIONS` in `sources`, with how common each is."""

BRAIN_CONDITIONS: Mapping[str, float] = {"notumor": 0.5, "meningioma": 0.22, "glioma": 0.18, "pituitary": 0.1}
"""The conditions of `BRAIN_TUMOURS` in `sources`, with how common each is."""

VIEWS = ("ct", "mri", "xray")

_LESION_TISSUES = ("lesion", "rim", "necrosis", "oedema")
_HOST_TISSUES = {"brain": "white matter", "lung": "lung", "liver": "liver", "kidney": "kidney", "bone": "spongy bone"}


@dataclass(frozen=True)
class Lesion:
    """One lesion.

    Attributes:
        kind: the condition.
        organ: where it sits.
        centre: mm to the patient's left, back and head, from the middle of the body part.
        radii: of the ellipsoid, before its surface is roughened, mm.
        turn: degrees about the long axis of the body.
        visibility: share of the slice that the lesion fills; the rest shows healthy tissue.
        tissues: what it is made of.
    """

    kind: str
    organ: str
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    turn: float
    visibility: float
    tissues: Mapping[str, Tissue]

    @property
    def diameter(self) -> float:
        """The longest extent in the axial plane through the centre, mm."""
        return 2 * max(self.radii[:2])

    @property
    def side(self) -> str:
        """'left' or 'right' of the patient, from the middle of the body part: the other side of the image."""
        return "left" if self.centre[0] > 0 else "right"


@dataclass(frozen=True)
class Body:
    """A body part of a patient.

    Attributes:
        phantom: its shapes.
        centre: where slices go through: the lesion, or a place where one could be, mm.
        lesion: None if there is none.
        tissues: all tissues of the phantom, with those of the lesion.
    """

    phantom: Phantom
    centre: tuple[float, float, float]
    lesion: Lesion | None
    tissues: Mapping[str, Tissue]


@dataclass(frozen=True)
class LesionViews:
    """Images of one patient.

    Attributes:
        columns: columns of a row: `has_<view>`, `<view>` and, if asked for, `<view>_volume` and `<view>_spacing`.
        masks: view to the lesion in the coordinates of its image, bool `(rows, columns)`; None where no lesion is seen.
        lesions: the lesions; empty for a healthy patient. Where an image shows patient's left on the right, as all but
            sagittal ones do, a lesion on the patient's left is in the right half of the image.
        plane: 'axial', 'coronal' or 'sagittal', of the slices.
        weighting: 'T1', 'T2' or 'T1 with contrast', of the MR; empty without MR.
    """

    columns: dict[str, Any]
    masks: dict[str, np.ndarray | None]
    lesions: list[Lesion]
    plane: str
    weighting: str


def draw_lesion_views(
    patient: Patient,
    member: int,
    views: Sequence[str],
    size: int = 224,
    volumes: bool = False,
    plane: str = "axial",
    weighting: str = "",
) -> LesionViews:
    """Images of the one body of a patient.

    Args:
        patient: one whose organ is in `anatomy.ORGANS` and whose condition is in `CONDITIONS` or `BRAIN_CONDITIONS`.
        member: number of the row of the patient: another posture, slice, exposure and noise.
        views: some of 'ct', 'mri' and 'xray'.
        size: rows and columns of the images.
        volumes: whether CT and MR also come as a volume, int16 `(16, 64, 64)` with the spacing in mm.
        plane: of the slices: 'axial', 'coronal' or 'sagittal'.
        weighting: of the MR: 'T1', 'T2' or 'T1 with contrast'; empty to draw T1 or T2.

    Raises:
        ValueError: an unknown view, organ or condition, or an image below 32 pixels.
    """
    from . import ct, mri, radiograph  # they import this module

    unknown = [view for view in views if view not in VIEWS]
    if unknown or not views:
        raise ValueError(f"Expected views among {', '.join(VIEWS)}, got {list(views)}.")
    if size < 32:
        raise ValueError(f"Expected images of 32 pixels or more, got {size}.")
    body = body_of(patient)
    columns: dict[str, Any] = {}
    masks: dict[str, np.ndarray | None] = {}
    if not weighting:
        weighting = ("T1", "T2")[int(patient.random("weighting", member).integers(2))]
    for view in views:
        if view == "xray":
            image, mask = radiograph.draw_radiograph(patient, body, member, size)
        elif view == "ct":
            image, mask = ct.draw_slice(patient, body, member, size, plane)
        else:
            image, mask = mri.draw_slice(patient, body, member, size, plane, weighting)
        columns |= {f"has_{view}": True, view: png(to_bytes(image))}
        masks[view] = mask if mask.any() else None
        if volumes and view != "xray":
            if view == "ct":
                volume, spacing = ct.draw_volume(patient, body, member)
            else:
                volume, spacing = mri.draw_volume(patient, body, member, weighting)
            columns |= {f"{view}_volume": volume, f"{view}_spacing": spacing}
    lesions = [body.lesion] if body.lesion else []
    return LesionViews(columns, masks, lesions, plane, weighting if "mri" in views else "")


def region_columns(mask: np.ndarray | None, label: str) -> dict[str, Any]:
    """`box_labels`, `boxes` and `masks` of the one region of an image; empty lists for None."""
    if mask is None or not mask.any():
        return {"box_labels": [], "boxes": [], "masks": []}
    return {"box_labels": [label], "boxes": [box_of(mask)], "masks": [png(mask)]}


def person_columns(patient: Patient) -> dict[str, Any]:
    """`organ`, `age`, `sex`, `site` and `device`."""
    return {name: getattr(patient, name) for name in ("organ", "age", "sex", "site", "device")}


def limits_of(simulation: Simulation) -> str:
    """What bounds a score on lesions, as a sentence for the card."""
    fullest = simulation.harder(1.0, 0.5)
    return (
        f"Lesions fill {0.85 * fullest:.0%} to {fullest:.0%} of the thickness of their slice and all are in the image, so that "
        f"a reader without noise could name {1 - simulation.label_noise:.0%} of the labels; with one modality, density or "
        "signal alone does not tell all kinds of lesions apart."
    )


@lru_cache(maxsize=4)
def body_of(patient: Patient) -> Body:
    """The body part of a patient, with the lesion if there is one.

    Raises:
        ValueError: an organ or condition that is not known.
    """
    if patient.condition not in (*CONDITIONS, *BRAIN_CONDITIONS):
        known = ", ".join((*CONDITIONS, *BRAIN_CONDITIONS))
        raise ValueError(f"Expected a patient with a condition among {known}, got {patient.condition!r}.")
    shapes = shapes_of(patient)
    centre, lesion = _lesion_of(patient)
    push, size, own = None, 20.0, dict.fromkeys(_LESION_TISSUES, TISSUES["muscle"])
    if lesion is not None:
        shapes += _lesion_shapes(lesion, patient.random("lesion shape"))
        strength = {"calcification": 0.0, "cyst": 0.3}.get(lesion.kind, 0.4) * (
            1.0 if patient.organ == "brain" else 0.5
        )
        size, own = float(np.mean(lesion.radii)), {**own, **lesion.tissues}
        push = (lesion.centre, size, strength) if strength else None
    brain = patient.organ == "brain"
    random = patient.random("waves")
    centres, axes, radii = places_of(shapes)
    phantom = Phantom(
        shapes=shapes,
        centres=centres,
        axes=axes,
        radii=radii,
        tissues=(*TISSUES, *_LESION_TISSUES),
        bend=(Waves(random, 90, 220, 10), Waves(random, 90, 220, 10), Waves(random, 90, 220, 10)),
        bend_by=1.5 if brain else 2.8,
        folding=Waves(random, 18, 29, 40),
        roughness=Waves(random, 0.9 * size, 2.2 * size, 20),
        push=push,
        spared=("air", "bone", "fat", "skin", "spongy bone") if brain else ("air",),
        sulci=float(np.interp(patient.age, [20, 90], [0.9, 2.3])),
        taper=-random.uniform(0.0002, 0.0011) if brain else 0.0,
    )
    return Body(phantom, centre, lesion, {**TISSUES, **own})


def pose_of(patient: Patient, *purpose: str | int) -> np.ndarray:
    """A small random rotation `(3, 3)`: nobody lies straight."""
    turn, nod, tilt = patient.random("pose", *purpose).normal(0, (4.0, 2.0, 2.5))
    return rotation_about(2, turn) @ rotation_about(0, nod) @ rotation_about(1, tilt)


def _lesion_of(patient: Patient) -> tuple[tuple[float, float, float], Lesion | None]:
    """The lesion, and where slices go through; without a lesion they go where one could be."""
    random = patient.random("lesion")
    simulation = patient.simulation
    share = patient.severity * simulation.harder(1.0, 0.5)
    radius = radius_in(patient.organ, share)
    if patient.condition == "calcification":
        radius *= 0.75
    place = place_in(patient.organ, radius, random)
    if patient.condition in BRAIN_CONDITIONS:
        radius = radius_in("brain", 0.2 + 0.8 * share)
        place = _tumour_place(patient.condition, radius, random)
    scale = scale_of(patient)
    place = (scale * place[0], scale * place[1], scale * place[2])
    if patient.condition in ("normal", "notumor"):
        return place, None
    radii = radius * np.array([random.uniform(0.85, 1.2), random.uniform(0.85, 1.2), random.uniform(0.85, 1.0)])
    if patient.condition == "pituitary":
        radii = 0.72 * radius * np.array([1.0, 0.9, 1.15])
    visibility = simulation.harder(1.0, 0.5) * (0.85 + 0.15 * patient.severity)
    x, y, z = radii
    lesion = Lesion(
        kind=patient.condition,
        organ=patient.organ,
        centre=place,
        radii=(float(x), float(y), float(z)),
        turn=float(random.uniform(0, 180)) if patient.condition != "pituitary" else 0.0,
        visibility=visibility,
        tissues=_tissues(patient, random),
    )
    return place, lesion


def _tumour_place(kind: str, radius: float, random: np.random.Generator) -> tuple[float, float, float]:
    """Where a tumour of the head sits, mm; for none, where any could."""
    if kind == "notumor":
        kind = ("glioma", "meningioma", "pituitary")[int(random.integers(3))]
    if kind == "pituitary":
        return float(random.uniform(-2, 2)), -10.0, -40 + 0.75 * radius
    side = random.choice([-1.0, 1.0])
    if kind == "glioma":
        if random.random() < 0.3:  # temporal lobe
            return side * float(random.uniform(34, 46)), float(random.uniform(-18, 18)), float(random.uniform(-34, -18))
        return place_in("brain", radius, random)
    # On the dura of the convexity, beside the falx or on the wing of the sphenoid bone.
    draw = random.random()
    if draw < 0.25:
        return side * 0.75 * radius, float(random.uniform(-50, 50)), float(random.uniform(38, 62))
    if draw < 0.5:
        return side * float(random.uniform(28, 40)), -30.0, float(random.uniform(-32, -20))
    angle, height = random.uniform(0, 2 * np.pi), random.uniform(-5, 55)
    ring = np.sqrt(1 - (height / 84) ** 2)
    x, y = (68 * ring - 0.75 * radius) * np.cos(angle), (86 * ring - 0.75 * radius) * np.sin(angle)
    return float(x), float(y), float(height)


def _tissues(patient: Patient, random: np.random.Generator) -> dict[str, Tissue]:
    """What the lesion of a patient is made of."""
    host = TISSUES[_HOST_TISSUES[patient.organ]]
    oedema = replace(host, hu=host.hu - 12, enhanced=host.enhanced - 12, t1=1500, t2=160, protons=0.88)
    kind = patient.condition
    if kind == "cyst":
        density = random.uniform(0, 15)
        fluid = Tissue(density, density, random.uniform(2200, 3200), random.uniform(500, 1200), 1.0)
        return {"lesion": fluid, "rim": replace(TISSUES["spongy bone"], hu=450, enhanced=450, t2=20, protons=0.3)}
    if kind == "haemorrhage":
        density = random.uniform(60, 85)
        clot = Tissue(density, density, random.uniform(200, 280), random.uniform(28, 38), 0.92)
        edge = replace(clot, hu=density - 8, enhanced=density - 8, t1=300, t2=30)
        return {"lesion": clot, "rim": edge, "oedema": oedema}
    if kind == "calcification":
        density = random.uniform(350, 800)
        calcium = Tissue(density, density, 800, random.uniform(8, 16), random.uniform(0.08, 0.2))
        return {"lesion": calcium, "rim": calcium}
    # Tumours: the values of soft tissue.
    density, gain = random.uniform(30, 50), random.uniform(18, 42)
    t1, t2 = random.uniform(1100, 1500), random.uniform(105, 150)
    if kind == "meningioma":
        t1, t2 = random.uniform(1050, 1250), random.uniform(88, 105)
    if kind == "pituitary":
        t1, t2 = random.uniform(900, 1200), random.uniform(95, 120)
    solid = Tissue(density, density + gain, t1, t2, 0.86, 300 if kind in ("meningioma", "pituitary") else 750)
    edge = replace(solid, hu=density + 4, enhanced=density + gain + 15, t1=0.9 * t1, t2=0.85 * t2, t1_enhanced=280)
    dead = Tissue(random.uniform(14, 24), random.uniform(16, 26), 2000, 260, 0.95)
    return {
        "lesion": solid,
        "rim": solid if kind in ("meningioma", "pituitary") else edge,
        "necrosis": dead,
        "oedema": oedema,
    }


def _lesion_shapes(lesion: Lesion, random: np.random.Generator) -> tuple[Shape, ...]:
    """The ellipsoids of a lesion in the order of painting."""
    host = _HOST_TISSUES[lesion.organ]

    def part(
        tissue: str, grow: float, rough: float, inside: str = host, offset: ArrayLike = (0, 0, 0), kind: str = "mass"
    ) -> Shape:
        x, y, z = np.asarray(lesion.centre) + np.asarray(offset) * lesion.radii
        a, b, c = grow * np.asarray(lesion.radii)
        centre = (float(x), float(y), float(z))
        return Shape(tissue, centre, (float(a), float(b), float(c)), inside, lesion.turn, rough=rough, lesion=kind)

    if lesion.kind == "cyst":
        wall = [part("rim", 1.12, 0.02, kind="around")] if lesion.organ == "bone" else []
        return (*wall, part("lesion", 1.0, 0.02))
    if lesion.kind == "haemorrhage":
        halo = [part("oedema", 1.3, 0.2, kind="around")] if lesion.organ == "brain" else []
        return (*halo, part("rim", 1.0, 0.13), part("lesion", 0.85, 0.13, "rim"))
    if lesion.kind == "calcification":
        # A heap of grains: lobulated, with a border as sharp as the image allows.
        grains = [part("lesion", 0.88, 0.05)]
        for _ in range(6):
            direction = random.standard_normal(3)
            direction *= 0.62 / np.linalg.norm(direction)
            grains.append(part("rim", random.uniform(0.28, 0.38), 0.05, offset=direction))
        return tuple(grains)
    if lesion.kind == "meningioma":
        return part("water", 1.06, 0.03, kind="around"), part("lesion", 1.0, 0.03)
    if lesion.kind == "pituitary":
        return part("lesion", 1.0, 0.03), part("lesion", 0.72, 0.03, offset=(0, 0, 0.75))
    spread = {"brain": 1.55, "liver": 1.12, "kidney": 1.1}.get(lesion.organ, 1.0)
    rough = 0.2 if lesion.kind == "glioma" or lesion.organ == "lung" else 0.15
    shapes = [part("oedema", spread, 0.28, kind="around")] if spread > 1 else []
    shapes += [part("rim", 1.0, rough), part("lesion", 0.8, rough, "rim")]
    for _ in range(int(random.integers(1, 4))):
        direction = random.standard_normal(3)
        direction *= random.uniform(0.1, 0.4) / np.linalg.norm(direction)
        shapes.append(part("necrosis", random.uniform(0.22, 0.45), 0.25, "lesion", direction))
    return tuple(shapes)
