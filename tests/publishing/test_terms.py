import json

import pytest

from multimed_hf.licences import LICENCES
from multimed_hf.publishing.terms import (
    ENCODER_LICENCES,
    objection,
    sources_of_checkpoint,
    terms_of_checkpoint,
    training_record,
)
from multimed_hf.sources import SOURCES


def trained(folder, sources, start=None):
    """A run with an empty checkpoint; gives the folder of the checkpoint."""
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "training.json").write_text(json.dumps({"sources": sources, "start": start and str(start)}))
    return folder / "checkpoint"


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: f"{source.subset}/{source.name}")
def test_objections_follow_the_facts(source):
    why = objection(source.subset, source.name)
    assert bool(why) is not source.publishable
    assert source.publishable or source.licence in why
    # What may be published can be named on a card.
    assert not source.publishable or source.licence in {licence.name for licence in LICENCES}


def test_a_source_that_nobody_knows_is_objected_to():
    assert objection("eeg", "nih_chestxray14") == (
        "nih_chestxray14 is no source that this version knows, so that its terms are unknown"
    )


def test_sources_of_a_run_and_of_what_it_started_from(tmp_path):
    first = trained(tmp_path / "first", {"eeg": ["uci_eye_state"]})
    second = trained(tmp_path / "second", {"eeg": ["synthetic"], "protein": ["pdb"]}, start=first)
    third = trained(tmp_path / "third", {"text": ["pubmedqa"]}, start=second)
    expected = {"text": ["pubmedqa"], "eeg": ["synthetic", "uci_eye_state"], "protein": ["pdb"]}
    assert sources_of_checkpoint(third) == expected
    # A record inside the checkpoint, as a published one has it, goes before one beside it.
    (third / "training.json").write_text(json.dumps({"sources": expected}))
    (third.parent / "training.json").unlink()
    assert sources_of_checkpoint(third) == expected


def test_a_run_that_starts_from_itself_ends(tmp_path):
    folder = trained(tmp_path / "run", {"eeg": ["synthetic"]}, start=tmp_path / "run/checkpoint")
    assert sources_of_checkpoint(folder) == {"eeg": ["synthetic"]}


@pytest.mark.parametrize("start", ["someone/model", "/no/where"])
def test_a_start_of_unknown_origin_is_refused(tmp_path, start):
    folder = trained(tmp_path / "run", {"eeg": ["synthetic"]}, start)
    with pytest.raises(ValueError, match=f"started from {start}, which is no folder here"):
        sources_of_checkpoint(folder)


def test_a_start_without_a_record_is_refused(tmp_path):
    (tmp_path / "deep/old").mkdir(parents=True)
    folder = trained(tmp_path / "run", {"eeg": ["synthetic"]}, tmp_path / "deep/old")
    with pytest.raises(ValueError, match=r"Expected training.json in .*old or beside it, found none"):
        sources_of_checkpoint(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sources": {}}', '{"sources": {"eeg": "synthetic"}}'])
def test_a_record_that_names_no_sources_is_refused(tmp_path, content):
    (tmp_path / "training.json").write_text(content)
    with pytest.raises(ValueError, match="does not name the sources"):
        training_record(tmp_path)


def test_terms_are_licences_of_parts():
    encoder = "facebook/esm2_t6_8M_UR50D"
    assert terms_of_checkpoint({"eeg": ["synthetic", "uci_eye_state"]}, [encoder]) == {
        "eeg/synthetic": "Apache-2.0",
        "eeg/uci_eye_state": "CC-BY-4.0",
        encoder: "MIT",
    }
    assert set(ENCODER_LICENCES.values()) <= {licence.name for licence in LICENCES}


@pytest.mark.parametrize(
    ("sources", "encoders", "said"),
    [
        ({"xray": ["nih_chestxray14"]}, [], "trained on xray from nih_chestxray14 is not published: the terms of"),
        ({"eeg": ["synthetic", "edf"]}, [], "trained on eeg from edf is not published"),
        ({"eeg": ["my_own"]}, [], "my_own is no source that this version knows"),
        ({"eeg": ["synthetic"]}, ["/home/me/bert"], "encoder /home/me/bert is not published: its licence is unknown"),
    ],
)
def test_what_the_terms_forbid_is_refused(sources, encoders, said):
    with pytest.raises(ValueError, match=said):
        terms_of_checkpoint(sources, encoders)
