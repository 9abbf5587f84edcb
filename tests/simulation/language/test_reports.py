"""Reports: what they say is what their states say, and only who reads denials can tell."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation import Simulation
from multimed_hf.simulation.chest.findings import Finding, draw_findings
from multimed_hf.simulation.language.reports import WORDS, Generator, write_report
from multimed_hf.sources import NIH_FINDINGS

from ..shortcuts import excess, text_statistics

ROWS = 250
DENIALS = ("no ", "neither", "not seen", "negative for", "free of", "resolved", " gone", "ruled out", "mistaken")
HEDGES = ("possible", "may represent", "suspicious", "cannot be excluded", "questionable", "could reflect")


@cache
def rows(difficulty: float = 0.5, prevalence: str = "balanced", label_noise: float = 0.0) -> tuple[dict[str, Any], ...]:
    generator = Generator(Simulation(difficulty=difficulty, prevalence=prevalence, label_noise=label_noise))
    return tuple(generator.row(index) for index in range(ROWS))


@cache
def pattern_of(finding: str) -> re.Pattern[str]:
    return re.compile("|".join(sorted(WORDS[finding].names, key=len, reverse=True)))


def names_in(text: str, finding: str) -> int:
    """How often a text names a finding."""
    return len(pattern_of(finding).findall(text.lower()))


def read(text: str, finding: str) -> str:
    """What a reader of denials and hedges makes of a text."""
    for sentence in text.lower().split(". "):
        if names_in(sentence, finding):
            if any(word in sentence for word in DENIALS):
                return "absent"
            return "uncertain" if any(word in sentence for word in HEDGES) else "present"
    return "absent" if any(one in text for one in WORDS[finding].normal) else ""


def test_every_finding_has_words() -> None:
    assert tuple(WORDS) == NIH_FINDINGS
    for name, words in WORDS.items():
        others = [noun for other, theirs in WORDS.items() if other != name for noun in theirs.names]
        assert not any(noun in other for noun in words.names for other in others)
        assert not any(names_in(" ".join(theirs.present), name) for other, theirs in WORDS.items() if other != name)


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_text_says_what_the_states_say(difficulty: float) -> None:
    for row in rows(difficulty)[:120]:
        for name in NIH_FINDINGS:
            assert read(row["text"], name) == row["report_findings"].get(name, ""), (name, row["text"])
            assert names_in(row["text"], name) <= 1


def test_rows_are_complete() -> None:
    complete = RowCompleter("text")
    for row in rows()[:100]:
        complete({**row, "source": "synthetic"})
        assert row["text"].isascii()
        assert "  " not in row["text"]
        assert not re.search(r"[{}]| \.|\.\.", row["text"])


def test_every_label_is_present_absent_and_uncertain() -> None:
    seen = {(name, state) for row in rows() for name, state in row["report_findings"].items()}
    assert seen == {(name, state) for name in NIH_FINDINGS for state in ("present", "absent", "uncertain")}


def test_some_findings_are_left_unmentioned() -> None:
    mentioned = np.array([len(row["report_findings"]) for row in rows()])
    assert mentioned.max() < 15
    assert 5 < mentioned.mean() < 12


def test_denials_must_be_read() -> None:
    keyword, negation = [], []
    for name in NIH_FINDINGS:
        told = [row for row in rows() if row["report_findings"].get(name) in ("present", "absent")]
        truth = [row["report_findings"][name] == "present" for row in told]
        keyword.append(roc_auc_score(truth, [names_in(row["text"], name) for row in told]))
        negation.append(roc_auc_score(truth, [read(row["text"], name) == "present" for row in told]))
    assert np.mean(negation) > 0.97
    assert np.mean(keyword) < 0.65


def test_length_does_not_tell_how_much_is_found() -> None:
    found = [sum(state == "present" for state in row["report_findings"].values()) for row in rows(0.3)]
    length = [len(row["text"]) for row in rows(0.3)]
    assert abs(np.corrcoef(found, length)[0, 1]) < 0.15


@pytest.mark.parametrize("name", ["Effusion", "Cardiomegaly", "Nodule"])
def test_no_shortcut(name: str) -> None:
    told = [row for row in rows(0.3) if row["report_findings"].get(name) in ("present", "absent")]
    features = [text_statistics(row["text"]) for row in told]
    labels = [row["report_findings"][name] for row in told]
    assert excess(features, labels, [row["group"] for row in told], draws=10) < 3.5


def test_place_and_size_are_stated() -> None:
    patient = Generator(Simulation(difficulty=0.0)).patient(0)
    nodule = Finding("Nodule", "left", "upper", 17.0, 1, 1.0, 1.0)
    for draw in range(40):
        text, states = write_report(patient, [nodule], patient.random("test", draw))
        if states.get("Nodule") == "present":
            sentence = next(one for one in text.split(". ") if "nodule" in one)
            assert "left" in sentence
            assert "upper" in sentence
            assert "1.7 cm" in sentence


def test_harder_reports_hedge_more() -> None:
    shares = []
    for difficulty in (0.1, 0.9):
        states = [state for row in rows(difficulty) for state in row["report_findings"].values() if state != "absent"]
        shares.append(states.count("uncertain") / len(states))
    assert shares[1] > 1.5 * shares[0]


def test_what_is_certain_is_stated() -> None:
    generator = Generator(Simulation(prevalence="balanced", difficulty=0.2))
    for index in range(150):
        found = {finding.name: finding for finding in draw_findings(generator.patient(index))}
        for name, state in generator.row(index)["report_findings"].items():
            if state == "present":
                assert name in found
            if state == "absent":
                assert name not in found
            if state == "uncertain" and name in found:
                assert found[name].certainty < 0.7


def test_label_noise_changes_as_many_states_as_asked() -> None:
    pairs = [
        (state, noisy["report_findings"][name])
        for clean, noisy in zip(rows(), rows(label_noise=0.2), strict=True)
        for name, state in clean["report_findings"].items()
    ]
    assert [row["text"] for row in rows()] == [row["text"] for row in rows(label_noise=0.2)]
    assert np.mean([one != other for one, other in pairs]) == pytest.approx(0.2, abs=0.03)
    assert any("80%" in note for note in Generator(Simulation(label_noise=0.2)).notes())


def test_long_tails_make_most_findings_absent() -> None:
    states = [row["report_findings"] for row in rows(prevalence="long_tailed")]
    hernia = sum(state.get("Hernia") == "present" for state in states)
    infiltration = sum(state.get("Infiltration") == "present" for state in states)
    assert hernia < 6 < 25 < infiltration


def test_text_is_the_same_on_every_platform() -> None:
    text = "\n".join(row["text"] for row in rows()[:50])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "5ee367ddeb41cab4"
