import pytest

from multimed_hf.data.plan import check_data_dirs, parse_data_dirs, plan_sources
from multimed_hf.subsets import SUBSETS
from multimed_hf.tasks import UnknownNameError


def test_what_has_no_builder_says_what_is_ready():
    with pytest.raises(ValueError, match=r"Source 'aptos2019' of fundus cannot be built yet; ready are: synthetic"):
        plan_sources(["fundus"], ["aptos2019"])


def test_plan():
    assert plan_sources(["eeg", "eeg"], None) == {"eeg": ("synthetic",)}
    assert plan_sources(["scrna", "eeg"], ["edf"]) == {"scrna": ("pbmc68k",), "eeg": ("edf",)}
    assert plan_sources(None, ["pubmedqa"]) == {"text": ("pubmedqa",)}
    real = {"genomics": "sortseq_lac", "scrna": "pbmc68k", "protein": "pdb", "text": "openi_reports"}
    assert plan_sources(None, None) == {name: (real.get(name, "synthetic"),) for name in SUBSETS}
    with pytest.raises(UnknownNameError):
        plan_sources(["text"], ["edf"])


def test_data_dirs_of_the_command_line():
    one, two = {"eeg": ("edf",)}, {"eeg": ("edf", "synthetic")}
    assert parse_data_dirs(["/a"], one) == {"edf": "/a"}
    assert parse_data_dirs(["/a=b"], one) == {"edf": "/a=b"}
    assert parse_data_dirs(["edf=/a", "synthetic=/b=c"], two) == {"edf": "/a", "synthetic": "/b=c"}
    assert parse_data_dirs([], two) == {}
    with pytest.raises(ValueError, match="NAME among edf, synthetic, got '/a'"):
        parse_data_dirs(["/a"], two)
    with pytest.raises(ValueError, match="one --data-dir for source 'edf'"):
        parse_data_dirs(["edf=/a", "edf=/b"], two)


def test_data_dirs_of_sources_that_are_not_built():
    assert check_data_dirs({"edf": "/a"}, {"eeg": ("edf",)}) == {"edf": "/a"}
    with pytest.raises(ValueError, match=r"that are built \(edf\), got one for 'pdb'"):
        check_data_dirs({"pdb": "/a"}, {"eeg": ("edf",)})
