import pytest

from multimed_hf.demo.examples import example, example_names
from multimed_hf.simulation import generator_of
from multimed_hf.subsets import SUBSETS


def test_every_modality_that_can_be_read_has_an_example():
    genes = generator_of("scrna").genes[:1]
    assert example_names(["eeg", "scrna"], genes) == ["eeg", "scrna"]
    assert example_names(["eeg", "scrna"], ["unknown"]) == ["eeg"]


@pytest.mark.parametrize("subset", SUBSETS)
def test_examples(subset):
    found = example(subset)
    assert found["inputs"] or found["question"]
    assert not isinstance(found["inputs"].get("text", ""), tuple)
    if subset == "scrna":
        assert set(found["inputs"]["scrna"]["genes"]) <= set(generator_of("scrna").genes)
    if subset == "vqa":
        assert found["question"].endswith("?") and "text" not in found["inputs"]
