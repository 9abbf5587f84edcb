"""Questions about synthetic images: every kind, answers that follow from what was drawn, no answer in the question."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.language.questions import _KINDS, YES_NO, Generator, Question, ask
from multimed_hf.simulation.language.scenes import MODALITIES, PARTS, Scene, Thing, scene_of
from multimed_hf.simulation.patient import random_of

NODULE = Thing("a nodule", size=22.0, count=1, place=(0.3, 0.8), side="left")
CHEST = Scene({}, "xray", "chest", (NODULE,), {"an effusion": 0.2, "a mass": 0.1}, {"nodules": 1}, 0.6)
HEALTHY = Scene({}, "ct", "liver", (), {"a cyst": 0.5, "a tumour": 0.5}, {}, 0.5)


def asked(scene: Scene, count: int = 600) -> list[Question]:
    return [ask(scene, random_of(0, "questions", number)) for number in range(count)]


def test_every_kind_is_asked_closed_and_open():
    seen = Counter((question.kind, bool(question.choices)) for question in asked(CHEST))
    assert seen.keys() == {(kind, closed) for kind in _KINDS for closed in (True, False)}
    assert min(seen.values()) > 20
    # What is not there has neither place nor size.
    assert {question.kind for question in asked(HEALTHY)} == {"modality", "organ", "presence"}


@pytest.mark.parametrize(
    ("kind", "closed", "answers"),
    [
        ("modality", False, {"radiograph"}),
        ("organ", False, {"chest"}),
        ("presence", False, {"nodule"}),
        ("position", False, {"left"}),
        ("position", True, {"right"}),  # of the image: the patient's left is on its right
        ("count", False, {"1"}),
        ("count", True, {"no"}),
        ("size", False, {"2"}),
    ],
)
def test_answers_follow_from_the_scene(kind, closed, answers):
    made = [_KINDS[kind](CHEST, closed, random_of(1, number)) for number in range(40)]
    questions = [question for question in made if question]
    assert len(questions) == 40
    assert {question.answer for question in questions} == answers
    assert all(bool(question.choices) == closed for question in questions)


def test_yes_and_no_are_true_and_equally_common():
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for question in asked(CHEST, 1500):
        if question.choices != YES_NO:
            continue
        counts[question.kind][question.answer] += 1
        text = question.text
        if question.kind == "presence":
            assert question.answer == ("yes" if "nodule" in text else "no")
        if question.kind == "modality":
            assert question.answer == ("yes" if "a radiograph" in text else "no")
        if question.kind == "organ":
            assert question.answer == ("yes" if "chest" in text else "no")
        if question.kind == "size":
            limit = float(text.split(" cm")[0].split()[-1])
            assert question.answer == ("yes" if limit < 2.2 else "no")
            assert not 1.7 < limit < 2.9
    for kind in ("modality", "organ", "size"):
        assert 0.35 < counts[kind]["yes"] / counts[kind].total() < 0.65, kind


def test_rows_hold_image_question_and_answer():
    generator = Generator(Simulation(difficulty=0.2))
    generator.size = 96
    rows = [generator.row(index) for index in range(48)]
    assert {row["organ"] for row in rows} > {"chest", "breast"}
    reports = 0
    for row in rows:
        images = [name for name in MODALITIES if name in row]
        assert len(images) == 1 and row[f"has_{images[0]}"]
        assert row["question"].endswith("?") and row["answer"]
        assert row["answer_type"] == ("closed" if row["choices"] else "open")
        assert not row["choices"] or row["answer"] in row["choices"]
        assert row.get("has_text", False) == bool(row.get("text"))
        reports += len(row.get("text", "")) > 60
        if row["question_type"] == "organ" and not row["choices"]:
            assert row["answer"] == PARTS[row["organ"]]
    assert reports and {bool(row.get("text")) for row in rows if row["organ"] == "chest"} == {True, False}
    # Two questions an image.
    first, second, third = (rows[index][next(n for n in MODALITIES if n in rows[index])] for index in (0, 1, 2))
    assert first == second != third


def test_noise_changes_closed_answers():
    clean, noisy = (Generator(Simulation(label_noise=noise)) for noise in (0.0, 0.3))
    clean.size = noisy.size = 96
    changed = []
    for index in range(64):
        one, other = clean.row(index), noisy.row(index)
        assert one["question"] == other["question"]
        if one["choices"]:
            changed.append(one["answer"] != other["answer"])
        else:
            assert one["answer"] == other["answer"]
    assert 0.1 < np.mean(changed) < 0.55
    assert "30%" in noisy.notes()[0] and not clean.notes()


def test_the_question_alone_does_not_answer():
    """Of all questions that take yes or no, little more than half are answered by the commoner one."""
    generator = Generator(Simulation())
    counts: Counter[str] = Counter()
    for number in range(45):
        scene = scene_of(generator.patient(number), 0, 96)
        for again in range(20):
            question = ask(scene, random_of(2, number, again))
            if question.choices == YES_NO and question.kind in ("modality", "organ", "presence"):
                counts[question.answer] += 1
    assert 0.4 < counts["yes"] / counts.total() < 0.6, counts
