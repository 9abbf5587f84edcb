"""Rows to samples, and samples to batches with labels of every head."""

from __future__ import annotations

import io
from dataclasses import replace

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from multimed_hf.data.heads import heads_in
from multimed_hf.data.samples import IGNORE, MultiMedCollator, SampleDataset, sample_of
from multimed_hf.data.schema import RowCompleter, features_of
from multimed_hf.models.heads_multimed import IGNORE as MODEL_IGNORE

BACKBONE = np.arange(36, dtype=np.float32).reshape(4, 3, 3)

ROWS = {
    "scrna": [
        {
            "source": "pbmc68k",
            "has_scrna": True,
            "gene_index": [4, 2],
            "gene_value": [0.5, 1.5],
            "cell_type": "CD34+",
            "expression_index": [9, 7],
            "expression": [1.0, 2.0],
        },
        {
            "source": "pbmc68k",
            "has_scrna": True,
            "gene_index": [1],
            "gene_value": [3.0],
            "has_text": True,
            "text": "blood",
            "expression_index": [7, 9],
            "expression": [20.0, 10.0],
        },
    ],
    "eeg": [
        {
            "source": "synthetic",
            "has_eeg": True,
            "eeg": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
            "eeg_channels": ["C3", "C4"],
            "eeg_sampling_rate": 128.0,
            "motor_imagery": "both_feet",
        }
    ],
    "text": [
        {
            "source": "openi_reports",
            "has_text": True,
            "text": "clear",
            "report_findings": {"normal": "present", "opacity": "absent", "nodule": "uncertain"},
        },
        {
            "source": "pubmedqa",
            "has_text": True,
            "text": "abstract",
            "question": "does it?",
            "choices": ["yes", "no", "maybe"],
            "answer": "maybe",
            "answer_type": "closed",
        },
    ],
    "protein": [
        {
            "source": "pdb",
            "has_protein": True,
            "protein": "MKVL",
            "backbone": BACKBONE.tolist(),
            "resolved": [True, True, False, True],
        },
        {"source": "pdb", "has_protein": True, "protein": "MK"},
    ],
    "genomics": [
        {"source": "splice_junctions", "has_genomics": True, "dna": "ACGT", "splice_site": "n"},
        {"source": "sortseq_lac", "has_genomics": True, "dna": "GGGG", "expression_index": [0], "expression": [4.5]},
    ],
}


def built(subset, rows):
    complete = RowCompleter(subset)
    full = [complete({"id": f"{row['source']}/{i}", "group": f"g{i}", **row}) for i, row in enumerate(rows)]
    return datasets.Dataset.from_list(full, features=features_of(subset))


def recorder(**columns):
    """Stands in for a processor: gives back what it was called with."""
    return columns


@pytest.fixture(scope="module")
def parts():
    return [(subset, built(subset, rows)) for subset, rows in ROWS.items()]


@pytest.fixture(scope="module")
def heads(parts):
    return heads_in({subset: [data] for subset, data in parts})


@pytest.fixture(scope="module")
def samples(parts):
    data = SampleDataset(parts)
    return data.__getitems__(range(len(data)))


def test_inputs_are_what_the_processor_takes(samples):
    cell, cell_with_text, eeg, report, question, chain, bare_chain, splice, promoter = [s["inputs"] for s in samples]
    assert list(cell) == ["scrna"] and list(cell_with_text) == ["scrna", "text"]
    assert cell["scrna"]["genes"].tolist() == [4, 2] and cell["scrna"]["values"].tolist() == [0.5, 1.5]
    assert eeg["eeg"]["signal"].shape == (2, 3) and eeg["eeg"]["signal"].dtype == np.float32
    assert eeg["eeg"]["channels"] == ["C3", "C4"] and eeg["eeg"]["sampling_rate"] == 128.0
    assert report["text"] == "clear"
    assert question["text"] == ("does it?", "abstract")
    assert (chain["protein"], bare_chain["protein"]) == ("MKVL", "MK")
    assert (splice["genomics"], promoter["genomics"]) == ("ACGT", "GGGG")
    assert [sample["choices"] for sample in samples] == [None] * 4 + [["yes", "no", "maybe"]] + [None] * 4
    assert samples[0]["id"] == "pbmc68k/0" and samples[0]["group"] == "g0" and samples[0]["source"] == "pbmc68k"


def test_labels_are_there_only_where_the_row_asks(samples):
    assert [sorted(sample["labels"]) for sample in samples] == [
        ["cell_type_classification/pbmc68k", "expression_prediction/pbmc68k"],
        ["expression_prediction/pbmc68k"],
        ["imagined_motor_imagery_classification/fists_and_feet"],
        ["report_findings/openi_reports"],
        ["medical_question_answering/pubmedqa"],
        ["protein_structure_prediction/backbone"],
        [],
        ["splice_site/splice_junctions"],
        ["expression_prediction/sortseq_lac"],
    ]
    assert samples[0]["labels"]["cell_type_classification/pbmc68k"] == 2
    assert samples[4]["labels"]["medical_question_answering/pubmedqa"] == 2
    findings = samples[3]["labels"]["report_findings/openi_reports"]
    assert findings[:2].tolist() == [1, 0] and (findings[2:] == IGNORE).all()
    structure = samples[5]["labels"]["protein_structure_prediction/backbone"]
    np.testing.assert_array_equal(structure["backbone"], BACKBONE)
    assert structure["resolved"].tolist() == [True, True, False, True]


def test_model_and_data_agree_on_what_is_ignored():
    assert IGNORE == MODEL_IGNORE


def test_samples_by_index_keep_the_order_asked_for(parts, samples):
    data = SampleDataset(parts)
    assert len(data) == len(samples) == 9
    order = [8, 0, 5, 5, 1]
    assert [sample["id"] for sample in data.__getitems__(order)] == [samples[index]["id"] for index in order]
    assert data[3]["inputs"] == samples[3]["inputs"]
    assert data.__getitems__([]) == []
    for outside in (9, -1):
        with pytest.raises(IndexError):
            data[outside]


def test_selections_and_empty_parts(parts):
    scrna = dict(parts)["scrna"]
    data = SampleDataset([("scrna", scrna.select([1])), ("scrna", scrna.select([])), ("scrna", scrna)])
    assert [sample["id"] for sample in data.__getitems__([0, 1, 2])] == ["pbmc68k/1", "pbmc68k/0", "pbmc68k/1"]


def png(colour, mode="L"):
    buffer = io.BytesIO()
    Image.new(mode, (6, 4), colour).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def test_images_come_as_images_and_scans_with_what_there_is_of_them():
    volume = np.arange(24).reshape(2, 3, 4) - 12
    scan = {"ct_volume": volume.tolist(), "ct_spacing": [5.0, 1.0, 2.0]}
    rows = [
        {"source": "synthetic", "has_ct": True, "ct": png(7), "disease": "cyst"},
        {"source": "synthetic", "has_ct": True, "ct": png(8), "disease": "cyst", **scan},
        {"source": "synthetic", "has_ct": True, "disease": "cyst", **scan, "has_xray": True, "xray": png(9)},
    ]
    flat, both, deep = [
        sample["inputs"] for sample in SampleDataset([("ct", built("ct", rows))]).__getitems__([0, 1, 2])
    ]
    assert list(flat) == list(both) == ["ct"] and list(deep) == ["ct", "xray"]
    assert flat["ct"].size == (6, 4) and np.asarray(flat["ct"]).max() == 7
    assert np.asarray(both["ct"]["image"]).max() == 8 and deep["ct"]["image"] is None
    for value in (both["ct"], deep["ct"]):
        assert value["volume"].dtype == np.int16 and value["spacing"].tolist() == [5.0, 1.0, 2.0]
        np.testing.assert_array_equal(value["volume"], volume)
    assert np.asarray(deep["xray"]).max() == 9


def test_images_that_are_read_already_or_lie_in_a_file(tmp_path):
    Image.new("RGB", (5, 3), (1, 2, 3)).save(tmp_path / "eye.png")
    row = RowCompleter("fundus")(
        {"id": "synthetic/1", "source": "synthetic", "group": "g", "has_fundus": True, "fundus": png(0, "RGB")}
    )
    read = {**row, "retinopathy": -1, "fundus": Image.new("RGB", (5, 3))}
    assert sample_of(read, "fundus")["inputs"]["fundus"] is read["fundus"]
    named = {**read, "fundus": {"bytes": None, "path": str(tmp_path / "eye.png")}}
    assert sample_of(named, "fundus")["inputs"]["fundus"].getpixel((0, 0)) == (1, 2, 3)


def test_dna_and_open_peaks_are_one_modality():
    complete = RowCompleter("scrna")
    row = {"id": "synthetic/1", "source": "synthetic", "group": "g", "has_genomics": True}
    for columns, expected in (
        ({"dna": "ACG"}, "ACG"),
        ({"peak_index": [3, 1]}, {"peaks": [3, 1]}),
        ({"dna": "ACG", "peak_index": [3, 1]}, {"dna": "ACG", "peaks": [3, 1]}),
    ):
        assert sample_of(complete({**row, **columns}), "scrna")["inputs"] == {"genomics": expected}


def test_a_report_is_no_input_beside_the_image_it_speaks_of():
    row = {"source": "synthetic", "has_xray": True, "xray": png(7), "has_text": True, "text": "No effusion."}
    (sample,) = SampleDataset([("xray", built("xray", [row]))]).__getitems__([0])
    assert list(sample["inputs"]) == ["xray"]
    question = {"question": "Effusion?", "choices": ["yes", "no"], "answer": "no", "answer_type": "closed"}
    rows = [{**row, **question}, {**row, **question, "has_text": False, "text": ""}]
    asked, bare = SampleDataset([("vqa", built("vqa", rows))]).__getitems__([0, 1])
    assert asked["inputs"]["text"] == ("Effusion?", "No effusion.")
    # A question is an input whether or not there is a text.
    assert bare["inputs"]["text"] == "Effusion?"


def test_a_row_that_the_model_cannot_read_is_refused():
    row = {
        **RowCompleter("genomics")(
            {"id": "sortseq_lac/1", "source": "sortseq_lac", "group": "g", "has_genomics": True, "dna": "A"}
        )
    }
    row["has_genomics"] = False
    with pytest.raises(ValueError, match="'sortseq_lac/1' of 'genomics' has no modality"):
        sample_of(row, "genomics")


def test_batch_has_labels_of_every_head_and_sample(samples, heads):
    batch = MultiMedCollator(recorder, heads)(samples)
    labels = batch["labels"]
    assert list(labels) == [head.name for head in heads]
    # Targets in the order of the head's, whatever the order in the row.
    expression = labels["expression_prediction/pbmc68k"]
    assert expression[:2].tolist() == [[1.0, 2.0], [10.0, 20.0]] and torch.isnan(expression[2:]).all()
    assert expression.dtype == torch.float32
    assert labels["expression_prediction/sortseq_lac"][8].tolist() == [4.5]
    types = labels["cell_type_classification/pbmc68k"]
    assert types.dtype == torch.int64 and types.tolist() == [2] + [IGNORE] * 8
    assert labels["medical_question_answering/pubmedqa"].tolist() == [IGNORE] * 4 + [2] + [IGNORE] * 4
    findings = labels["report_findings/openi_reports"]
    assert findings.shape == (9, 14) and findings[3, :2].tolist() == [1, 0]
    assert (findings[[0, 1, 2, 4, 5, 6, 7, 8]] == IGNORE).all()
    structure = labels["protein_structure_prediction/backbone"]
    assert structure["backbone"].shape == (9, 4, 3, 3) and structure["resolved"].shape == (9, 4)
    np.testing.assert_array_equal(structure["backbone"][5], BACKBONE)
    assert structure["resolved"][5].tolist() == [1, 1, 0, 1]
    assert (structure["resolved"][:5] == IGNORE).all()
    # A chain of two residues without a structure: unresolved, and padded to the longest.
    assert sorted(structure["resolved"][6:].tolist()) == sorted([[0, 0, IGNORE, IGNORE]] + [[IGNORE] * 4] * 2)
    assert np.flatnonzero(structure["backbone"].any((1, 2, 3))).tolist() == [5]


def test_processor_gets_one_entry_per_sample(samples):
    batch = MultiMedCollator(recorder)(samples)
    assert batch.keys() == {"scrna", "text", "eeg", "protein", "genomics", "choices"}
    assert [value is None for value in batch["text"]] == [True, False, True, False, False, True, True, True, True]
    assert all(len(values) == len(samples) for values in batch.values())
    alone = MultiMedCollator(recorder)(samples[:1])
    assert alone.keys() == {"scrna", "choices"} and alone["choices"] is None


def test_structure_labels_without_a_chain_are_empty(samples, heads):
    labels = MultiMedCollator(recorder, heads)(samples[:3])["labels"]["protein_structure_prediction/backbone"]
    assert labels["backbone"].shape == (3, 0, 3, 3) and labels["resolved"].shape == (3, 0)


def test_an_answer_beyond_the_choices_is_refused():
    rows = built("text", [{**ROWS["text"][1], "answer": "perhaps"}])
    with pytest.raises(ValueError, match=r"row 'pubmedqa/0' of 'text' to be one of its choices .*, got 'perhaps'"):
        SampleDataset([("text", rows)])[0]


class Words:
    """Stands in for a processor with one token a word: its length."""

    def __call__(self, **columns):
        return columns

    def encode_answers(self, answers, end_token_id, return_tensors):
        assert return_tensors == "np"
        ids = [[] if answer is None else [*map(len, answer.split()), end_token_id] for answer in answers]
        longest = max(1, *map(len, ids))
        return np.array([[*row, *[IGNORE] * (longest - len(row))] for row in ids])


OPEN = "medical_question_answering/pubmedqa/open"


def test_open_answers_are_labels_of_a_head_of_their_own(samples):
    question = {**ROWS["text"][1], "choices": [], "answer": "in most patients", "answer_type": "open"}
    data = built("text", [question])
    (head,) = heads_in({"text": [data]})
    (sample,) = SampleDataset([("text", data)]).__getitems__([0])
    assert sample["labels"] == {OPEN: "in most patients"} and sample["choices"] is None
    labels = MultiMedCollator(Words(), [replace(head, end_token_id=99)])([samples[0], sample])["labels"][OPEN]
    assert labels.tolist() == [[IGNORE] * 4, [2, 4, 8, 99]] and labels.dtype == torch.int64
    # Batches in which nobody asks have the same form, and what is longer than may be written has no end.
    assert MultiMedCollator(Words(), [replace(head, end_token_id=99)])(samples[:2])["labels"][OPEN].shape == (2, 1)
    long = {**sample, "labels": {OPEN: "no " * 50}}
    assert MultiMedCollator(Words(), [replace(head, end_token_id=99)])([long])["labels"][OPEN].tolist() == [[2] * 32]
    with pytest.raises(ValueError, match=f"token that ends an answer, got '{OPEN}' without"):
        MultiMedCollator(Words(), [head])
