import numpy as np
import pytest

from multimed_hf.data.heads import heads_in
from multimed_hf.training import targets
from multimed_hf.training.genes import GeneAlignment
from multimed_hf.training.targets import labelled_rows, target_statistics

GENES = ["A", "B", "C", "D"]


def cell(number, expression=None, index=(1, 3), cell_type=None):
    row = {"id": f"pbmc68k/{number}", "source": "pbmc68k", "group": f"cell-{number}", "has_scrna": True}
    row |= {"gene_index": [0], "gene_value": [1.0]}
    if expression is not None:
        row |= {"expression_index": list(index), "expression": list(expression)}
    return row | ({"cell_type": cell_type} if cell_type else {})


def test_rows_say_their_group_head_and_classes(make):
    data = make("scrna", [cell(0, cell_type="Dendritic"), cell(1, [1.0, 2.0]), cell(2)])
    rows = labelled_rows("scrna", data)
    assert [row.group for row in rows] == ["pbmc68k/cell-0", "pbmc68k/cell-1", "pbmc68k/cell-2"]
    assert [row.head for row in rows] == ["cell_type_classification/pbmc68k", "expression_prediction/pbmc68k", ""]
    assert [row.classes for row in rows] == [("Dendritic",), (), ()]


def test_of_several_heads_a_row_counts_for_one_that_is_asked_about(make):
    both = make("scrna", [cell(0, [1.0, 2.0], cell_type="Dendritic"), cell(1, cell_type="Dendritic")])
    expression = "expression_prediction/pbmc68k"
    assert [row.head for row in labelled_rows("scrna", both, {expression})] == [expression, ""]


def test_questions_without_candidates_are_another_head(make):
    common = {"source": "synthetic", "has_text": True, "text": "x", "question": "which?"}
    kinds = ({"choices": ["a", "b"], "answer": "a"}, {"answer": "left"}, {})
    rows = [{**common, "id": f"synthetic/{n}", "group": str(n), **kind} for n, kind in enumerate(kinds)]
    name = "medical_visual_question_answering/synthetic"
    assert [row.head for row in labelled_rows("vqa", make("vqa", rows))] == [name, f"{name}/open", ""]


def test_classes_of_several_labels_are_those_present(make):
    findings = {"opacity": "present", "nodule": "uncertain", "normal": "absent", "scoliosis": "present"}
    row = {"id": "openi_reports/1", "source": "openi_reports", "group": "1", "has_text": True, "text": "x"}
    (found,) = labelled_rows("text", make("text", [{**row, "report_findings": findings}]))
    assert found.classes == ("opacity", "scoliosis")


def test_rows_follow_a_selection(make):
    data = make("scrna", [cell(number, [1.0, 2.0]) for number in range(5)]).select([4, 1])
    assert [row.group for row in labelled_rows("scrna", data)] == ["pbmc68k/cell-4", "pbmc68k/cell-1"]


def alignment(outputs, subset="scrna", head="expression_prediction/pbmc68k"):
    return GeneAlignment({subset: GENES}, GENES, {head: outputs})


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_statistics_are_those_of_numpy(make, monkeypatch, batch):
    monkeypatch.setattr(targets, "_BATCH", batch)
    values = np.random.default_rng(0).normal(50, [2, 5], size=(40, 2)).astype(np.float32)
    data = make("scrna", [cell(number, row.tolist()) for number, row in enumerate(values)])
    heads = heads_in({"scrna": [data]})
    # Two parts, so that batches of different parts are merged too.
    parts = [("scrna", data.select(range(25))), ("scrna", data.select(range(25, 40)))]
    ((mean, scale),) = target_statistics(parts, heads, alignment(["B", "D"])).values()
    np.testing.assert_allclose(mean, values.mean(0, dtype=np.float64), rtol=1e-9)
    np.testing.assert_allclose(scale, values.std(0, dtype=np.float64), rtol=1e-9)


def test_outputs_stand_where_the_alignment_puts_them(make):
    data = make("scrna", [cell(0, [1.0, 20.0]), cell(1, [3.0, 40.0])])
    (head,) = heads_in({"scrna": [data]})
    ((mean, scale),) = target_statistics([("scrna", data)], [head], alignment(["D", "unheard of"])).values()
    # B is no output, D is the first, and the second was never measured.
    np.testing.assert_allclose(mean, [30, 0])
    np.testing.assert_allclose(scale, [10, 1])


def test_a_target_that_never_varies_has_scale_one(make):
    data = make("scrna", [cell(number, [0.1, float(number)]) for number in range(4)])
    ((mean, scale),) = target_statistics([("scrna", data)], heads_in({"scrna": [data]}), alignment(["B", "D"])).values()
    np.testing.assert_allclose(mean, [0.1, 1.5], rtol=1e-6)
    np.testing.assert_allclose(scale, [1, np.sqrt(1.25)])


def test_heads_without_numbers_have_no_statistics(make):
    data = make("scrna", [cell(0, cell_type="Dendritic")])
    assert target_statistics([("scrna", data)], heads_in({"scrna": [data]}), alignment([])) == {}
