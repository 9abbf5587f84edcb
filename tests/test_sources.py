import re

import pytest

from multimed_hf.sources import SOURCES, get_source, labels_of, sources_of
from multimed_hf.subsets import SUBSETS
from multimed_hf.tasks import TASKS, UnknownNameError

LABELLED = {"single_label", "multi_label", "ordinal"}
READY = {
    ("scrna", "pbmc68k"),
    ("genomics", "sortseq_lac"),
    ("genomics", "splice_junctions"),
    ("text", "openi_reports"),
    ("text", "pubmedqa"),
    ("protein", "pdb"),
    ("eeg", "uci_eye_state"),
    ("eeg", "edf"),
    ("eeg", "eegmmidb"),
    ("oct", "kermany_oct2017"),
    ("xray", "nih_chestxray14"),
    ("pathology", "breakhis"),
    *((subset, "synthetic") for subset in SUBSETS),
}

each = pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.name)


def test_what_can_be_built():
    assert {key for key, source in SOURCES.items() if source.ready} == READY


def test_every_subset_has_a_source_and_every_main_task_too():
    assert {subset for subset, _ in SOURCES} == SUBSETS.keys()
    asked = {target.task for source in SOURCES.values() for target in source.targets}
    assert {task.name for task in TASKS.values() if not task.auxiliary} <= asked


@each
def test_a_source_is_complete(source):
    assert re.fullmatch(r"[a-z0-9_]+", source.name)
    assert source.summary.endswith(".")
    assert source.group and source.limits and source.citation
    assert source.split in ("grouped", "official")
    assert source.homepage.startswith("https://") or source.synthetic
    assert not source.carrier or re.fullmatch(r"[a-z0-9_-]+==[0-9.]+", source.carrier)
    assert source.extra in ("", "scrna", "genomics", "protein", "eeg")


@each
def test_its_licence_allows_what_it_says(source):
    assert re.fullmatch(r"[A-Za-z0-9.-]+|unknown: .+", source.licence)
    if source.licence.startswith("unknown") or "-NC" in source.licence or "-ND" in source.licence:
        assert not source.publishable


@each
def test_its_targets_are_asked_in_its_subset_with_labels_where_the_kind_needs_them(source):
    assert source.targets
    assert len({target.task for target in source.targets}) == len(source.targets)
    for target in source.targets:
        task = TASKS[target.task]
        assert source.subset in task.subsets
        assert target.label_set and "/" not in target.label_set
        assert target.head == f"{target.task}/{target.label_set}"
        assert bool(target.labels) == (task.kind in LABELLED)
        assert len(set(target.labels)) == len(target.labels) != 1
        assert all(label == label.strip() != "" for label in target.labels)
        if task.kind in ("regression", "structure"):
            assert target.unit


def test_sources_that_share_a_head_share_its_labels():
    labels: dict[str, tuple[str, ...]] = {}
    for source in SOURCES.values():
        for target in source.targets:
            assert labels.setdefault(target.head, target.labels + target.texts) == target.labels + target.texts


def test_labels_of_a_subset_are_those_of_all_its_sources():
    assert labels_of("eeg", "eye_state") == ("open", "closed")
    assert labels_of("oct", "disease_classification") == ("CNV", "DME", "DRUSEN", "NORMAL")
    assert labels_of("xray", "disease_classification")[:4] == ("NORMAL", "PNEUMONIA", "normal", "cyst")
    assert labels_of("text", "medical_question_answering") == ()
    for subset in SUBSETS.values():
        for task in subset.tasks:
            names = labels_of(subset.name, task)
            assert len(set(names)) == len(names)


def test_unknown_names():
    assert get_source("eeg", "synthetic").synthetic and not get_source("eeg", "edf").synthetic
    assert [source.name for source in sources_of("protein")] == ["pdb", "synthetic"]
    with pytest.raises(UnknownNameError, match=r"Unknown source of eeg 'efd'. Did you mean 'edf'"):
        get_source("eeg", "efd")
