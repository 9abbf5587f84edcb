import numpy as np
import pytest

from multimed_hf.data.samples import SampleDataset
from multimed_hf.training.genes import AlignedSamples, GeneAlignment

HEAD = "expression_prediction/pbmc68k"


def cell(number, genes, values, expression=None, **more):
    row = {"id": f"pbmc68k/{number}", "source": "pbmc68k", "group": str(number), "has_scrna": True}
    row |= {"gene_index": genes, "gene_value": values}
    if expression:
        row |= {"expression_index": list(expression), "expression": list(expression.values())}
    return row | more


@pytest.fixture
def samples(make):
    cells = [cell(0, [0, 2, 3], [1.0, 2.0, 3.0], {1: 10.0, 4: 40.0}), cell(1, [3], [5.0], has_text=True, text="a cell")]
    report = {"id": "openi_reports/1", "source": "openi_reports", "group": "1", "has_text": True, "text": "clear"}
    return SampleDataset([("text", make("text", [report])), ("scrna", make("scrna", cells))])


def align(samples, vocabulary, targets):
    return AlignedSamples(samples, GeneAlignment({"scrna": list("ABCDE")}, vocabulary, {HEAD: targets}))


def test_genes_and_targets_take_the_numbers_of_the_model(samples):
    text, cell, _ = align(samples, ["D", "A", "C"], ["E", "B"]).__getitems__([0, 1, 2])
    assert text["inputs"] == {"text": "clear"}
    np.testing.assert_array_equal(cell["inputs"]["scrna"]["genes"], [1, 2, 0])
    np.testing.assert_array_equal(cell["inputs"]["scrna"]["values"], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(cell["labels"][HEAD]["index"], [1, 0])
    np.testing.assert_array_equal(cell["labels"][HEAD]["value"], [10.0, 40.0])


def test_unknown_genes_are_left_out_with_their_values(samples):
    cell = align(samples, ["C", "Z"], ["E"])[1]
    np.testing.assert_array_equal(cell["inputs"]["scrna"]["genes"], [0])
    np.testing.assert_array_equal(cell["inputs"]["scrna"]["values"], [2.0])
    np.testing.assert_array_equal(cell["labels"][HEAD]["index"], [0])
    np.testing.assert_array_equal(cell["labels"][HEAD]["value"], [40.0])


def test_a_head_that_predicts_none_of_the_targets_is_not_asked(samples):
    assert HEAD not in align(samples, list("ABCDE"), ["Z"])[1]["labels"]


def test_a_cell_without_known_genes_keeps_its_other_modalities(samples):
    assert align(samples, ["A"], [])[2]["inputs"] == {"text": "a cell"}


def test_a_cell_with_nothing_left_is_refused(samples):
    with pytest.raises(ValueError, match=r"'pbmc68k/0' of 'scrna' has no gene that the model knows"):
        align(samples, ["Z"], [])[1]


def test_the_samples_themselves_stay_as_they_are(samples):
    before = samples[1]
    align(samples, ["C"], [])[1]
    after = samples[1]
    np.testing.assert_array_equal(before["inputs"]["scrna"]["genes"], after["inputs"]["scrna"]["genes"])


def chromatin(make, **columns):
    row = {"id": "synthetic/1", "source": "synthetic", "group": "1", "has_genomics": True, **columns}
    return SampleDataset([("scrna", make("scrna", [row]))])


def align_peaks(samples, known, names=("a", "b", "c", "d")):
    return AlignedSamples(samples, GeneAlignment({}, peaks={"scrna": list(names)} if names else {}, known_peaks=known))


def test_peaks_take_the_numbers_of_the_model(make):
    both = chromatin(make, dna="ACGT", peak_index=[0, 2, 3])
    found = align_peaks(both, ["d", "z", "a"])[0]["inputs"]["genomics"]
    assert found["dna"] == "ACGT" and found["peaks"].tolist() == [2, 0]
    alone = align_peaks(chromatin(make, peak_index=[1, 2]), ["c", "b"])[0]["inputs"]["genomics"]
    assert alone.keys() == {"peaks"} and alone["peaks"].tolist() == [1, 0]


def test_dna_stays_where_no_peak_is_known(make):
    both = chromatin(make, dna="ACGT", peak_index=[0, 2])
    for aligned in (align_peaks(both, ["b", "d"]), align_peaks(both, []), align_peaks(both, ["a"], names=())):
        assert aligned[0]["inputs"] == {"genomics": "ACGT"}
    cell = chromatin(make, peak_index=[0], has_scrna=True, gene_index=[0], gene_value=[1.0])
    assert align_peaks(cell, [])[0]["inputs"].keys() == {"scrna"}


def test_chromatin_with_nothing_left_is_refused(make):
    with pytest.raises(ValueError, match=r"'synthetic/1' of 'scrna' has no peak that the model knows"):
        align_peaks(chromatin(make, peak_index=[0, 2]), ["b"])[0]


def test_unknown_names_the_peaks():
    genes = GeneAlignment({"scrna": ["A"]}, ["A"], peaks={"scrna": ["a", "b", "c"]}, known_peaks=["c", "a"])
    assert genes.unknown("scrna", "peaks") == ["b"] and genes.unknown("scrna") == genes.unknown("eeg", "peaks") == []


def test_unknown_names_the_symbols():
    assert GeneAlignment({"scrna": ["A", "B", "C"]}, ["C", "A"]).unknown("scrna") == ["B"]
