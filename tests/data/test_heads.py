"""Which heads rows ask for."""

from __future__ import annotations

import datasets
import pytest

from multimed_hf.data.heads import Head, asks, by_label_text, head_name, head_names, heads_in, local_label
from multimed_hf.data.schema import RowCompleter, features_of
from multimed_hf.models import MultiMedConfig
from multimed_hf.sources import PBMC68K_TYPES, SOURCES, Target, get_source, labels_of


def data(subset, *partial):
    complete = RowCompleter(subset)
    numbered = [
        complete({"id": f"{row['source']}/{index}", "group": str(index), **row}) for index, row in enumerate(partial)
    ]
    return datasets.Dataset.from_list(numbered, features=features_of(subset))


def cell(**more):
    return {"source": "pbmc68k", "has_scrna": True, "gene_index": [0, 1], "gene_value": [1.0, 2.0], **more}


def dna(source, **more):
    return {"source": source, "has_genomics": True, "dna": "ACGT", **more}


def target_of(subset, source, task):
    return next(target for target in get_source(subset, source).targets if target.task == task)


def test_one_head_per_task_and_label_set():
    heads = heads_in(
        {
            "genomics": [
                data("genomics", dna("splice_junctions", splice_site="ie")),
                data("genomics", dna("sortseq_lac", expression_index=[0], expression=[4.5])),
            ],
            "scrna": [data("scrna", cell(cell_type="CD34+", expression_index=[7, 3], expression=[0.0, 1.0]))],
        }
    )
    assert heads == [
        Head("splice_site/splice_junctions", "splice_site", "single_label", ("ei", "ie", "n")),
        Head("expression_prediction/sortseq_lac", "expression_prediction", "regression", (), (0,), 1),
        Head("cell_type_classification/pbmc68k", "cell_type_classification", "single_label", PBMC68K_TYPES),
        Head("expression_prediction/pbmc68k", "expression_prediction", "regression", (), (7, 3), 2),
    ]
    # What they say of themselves is what the model's configuration takes.
    config = MultiMedConfig(tasks=[head.config for head in heads])
    assert config.tasks[1] == {"name": "expression_prediction/sortseq_lac", "kind": "regression", "num_targets": 1}
    assert config.tasks[0]["labels"] == ["ei", "ie", "n"]


def test_outcomes_ask_where_there_was_follow_up():
    target = Target("disease_prognosis", "any")
    assert asks(target, {"survival_days": 12.5, "event": False})
    # A row that says nothing holds 0.
    assert not asks(target, {"survival_days": 0.0, "event": False})
    head = Head("disease_prognosis/any", "disease_prognosis", "survival")
    assert MultiMedConfig(tasks=[head.config]).tasks == [{"name": "disease_prognosis/any", "kind": "survival"}]


def test_answers_structures_and_findings():
    question = {"question": "is it?", "choices": ["yes", "no"], "answer": "no", "answer_type": "closed"}
    chain = {
        "source": "pdb",
        "has_protein": True,
        "protein": "MK",
        "backbone": [[[0.0] * 3] * 3] * 2,
        "resolved": [True] * 2,
    }
    heads = heads_in(
        {
            "text": [
                data(
                    "text",
                    {
                        "source": "openi_reports",
                        "has_text": True,
                        "text": "a",
                        "report_findings": {"opacity": "absent"},
                    },
                    {"source": "pubmedqa", "has_text": True, "text": "b", **question},
                )
            ],
            "protein": [data("protein", chain)],
        }
    )
    assert [head.name for head in heads] == [
        "report_findings/openi_reports",
        "medical_question_answering/pubmedqa",
        "protein_structure_prediction/backbone",
    ]
    assert len(heads[0].labels) == 14
    assert [head.config for head in heads[1:]] == [
        {"name": "medical_question_answering/pubmedqa", "kind": "answer"},
        {"name": "protein_structure_prediction/backbone", "kind": "structure"},
    ]


def test_questions_without_candidates_ask_a_head_of_their_own():
    closed = {"choices": ["yes", "no"], "answer": "no", "answer_type": "closed"}
    opened = {"answer": "left lung", "answer_type": "open"}
    rows = [
        {"source": "synthetic", "has_text": True, "text": "x", "question": "which?", **kind}
        for kind in (closed, opened, {})
    ]
    name = "medical_visual_question_answering/synthetic"
    choosing, writing = heads_in({"vqa": [data("vqa", *rows)]})
    assert (choosing.name, choosing.config) == (name, {"name": name, "kind": "answer"})
    assert (writing.name, writing.head) == (f"{name}/open", "decoder")
    assert writing.config == {"name": f"{name}/open", "kind": "answer", "head": "decoder"}
    assert (choosing.main_score, writing.main_score) == ("accuracy", "exact_match")
    assert heads_in({"vqa": [data("vqa", *rows[1:])]}) == [writing]
    target = target_of("vqa", "synthetic", "medical_visual_question_answering")
    assert head_names(target) == (name, f"{name}/open")
    assert [head_name(target, {"choices": choices}) for choices in (["a"], [])] == list(head_names(target))


def test_labels_as_texts():
    tumours = target_of("mri", "nickparvar_mri", "brain_tumor_classification")
    assert tumours.texts == ("glioma", "meningioma", "no tumour", "pituitary tumour")
    assert target_of("eeg", "edf", "imagined_motor_imagery_classification").texts[0] == "left fist"
    for head, form in ((Head("h", "t", "single_label", ("a",)), "label_text"), (Head("h", "t", "ordinal", ("a",)), "")):
        assert by_label_text(head).head == form
    for source in SOURCES.values():
        for target in source.targets:
            assert len(set(target.texts)) == len(target.labels) and "_" not in "".join(target.texts)


def test_sources_that_share_a_label_set_share_a_head():
    signal = {"has_eeg": True, "eeg": [[0.0, 1.0]], "eeg_channels": ["Cz"], "eeg_sampling_rate": 128.0}
    rows = data(
        "eeg",
        {"source": "synthetic", **signal, "motor_imagery": "left_fist"},
        {"source": "edf", **signal, "motor_imagery": "both_feet"},
        {"source": "uci_eye_state", **signal, "eye_state": "open"},
    )
    assert [head.name for head in heads_in({"eeg": [rows]})] == [
        "imagined_motor_imagery_classification/fists_and_feet",
        "eye_state/open_closed",
    ]


def test_only_heads_that_some_row_asks():
    rows = data("scrna", cell(), cell(cell_type="Dendritic"))
    assert [head.task for head in heads_in({"scrna": [rows]})] == ["cell_type_classification"]
    # Found in another split, and through the indices of a selection.
    assert len(heads_in({"scrna": [rows.select([0]), rows]})) == 1
    assert len(heads_in({"scrna": [rows.select([1, 0])]})) == 1
    both = data(
        "genomics", dna("splice_junctions", splice_site="n"), dna("sortseq_lac", expression_index=[0], expression=[1.0])
    )
    # Indices out of order: the source of a row is looked up through them.
    found = heads_in({"genomics": [both.select([1, 0])]})
    assert [head.name for head in found] == ["expression_prediction/sortseq_lac", "splice_site/splice_junctions"]
    with pytest.raises(ValueError, match=r"rows with labels in \['scrna'\], got none"):
        heads_in({"scrna": [rows.select([0])]})
    with pytest.raises(ValueError, match="rows with labels"):
        heads_in({})


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [("cell_type", -1, False), ("cell_type", 0, True), ("expression", [], False), ("expression", [0.0], True)],
)
def test_whether_a_row_asks(column, value, expected):
    task = "cell_type_classification" if column == "cell_type" else "expression_prediction"
    assert asks(target_of("scrna", "pbmc68k", task), {column: value}) is expected


def test_a_finding_that_is_not_stated_asks_nothing():
    target = target_of("text", "openi_reports", "report_findings")
    assert not asks(target, {"report_findings": {"normal": -1, "opacity": -1}})
    assert asks(target, {"report_findings": {"normal": -1, "opacity": 0}})


def test_local_label_is_the_place_within_the_head():
    names = labels_of("eeg", "imagined_motor_imagery_classification")
    target = target_of("eeg", "edf", "imagined_motor_imagery_classification")
    assert [target.labels[local_label("eeg", target, index)] for index in range(len(names))] == list(names)
    # The subset's names are those of all its sources; a head counts its own.
    cells = labels_of("scrna", "cell_type_classification")
    own = Target("cell_type_classification", "two", ("Dendritic", "CD34+"))
    assert [local_label("scrna", own, cells.index(name)) for name in own.labels] == [0, 1]
