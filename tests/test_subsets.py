import re

import pytest

from multimed_hf.columns import MODALITIES, MODALITY_COLUMNS, Column
from multimed_hf.sources import get_source, sources_of
from multimed_hf.subsets import SUBSETS, get_subset
from multimed_hf.tasks import TASKS, UnknownNameError

THIRTEEN = "oct xray bone_age fundus ct mri pathology eeg genomics scrna protein text vqa".split()
SCALAR = r"(?:string|bool|int8|int16|int32|int64|float32|image|nifti)"
DTYPE = re.compile(rf"class|classes|{SCALAR}|(?:list<)+{SCALAR}(?:(?:, \d+)?>)+")
# What numbers may be without a unit: counts, positions, and what the source defines.
UNITLESS = {"gene_index", "peak_index", "expression_index"}


def test_thirteen_subsets_of_ten_modalities_and_fundus():
    assert list(SUBSETS) == THIRTEEN
    assert set(MODALITIES) == set("text oct xray ct mri pathology eeg genomics scrna protein fundus".split())
    assert {subset.modalities[0] for subset in SUBSETS.values()} == set(MODALITIES)


def test_every_subset_has_a_default_that_can_be_built():
    assert all(get_source(subset.name, subset.default_source).ready for subset in SUBSETS.values())
    assert all(get_source(name, "synthetic").synthetic for name in THIRTEEN)


@pytest.mark.parametrize("subset", SUBSETS.values(), ids=lambda subset: subset.name)
def test_a_subset_is_complete(subset):
    assert subset.title and subset.title == subset.title.strip()
    assert set(subset.modalities) <= set(MODALITIES) and len(set(subset.modalities)) == len(subset.modalities)
    assert subset.tasks and sources_of(subset.name)
    asked = {target.task for source in sources_of(subset.name) for target in source.targets}
    assert asked <= set(subset.tasks)


@pytest.mark.parametrize("subset", SUBSETS.values(), ids=lambda subset: subset.name)
def test_its_columns_are_complete(subset):
    names = [column.name for column in subset.columns]
    assert len(set(names)) == len(names)
    assert names[:3] == ["id", "source", "group"]
    for modality in subset.modalities:
        assert {f"has_{modality}", *(column.name for column in MODALITY_COLUMNS[modality])} <= set(names)
    for task in subset.tasks:
        assert {TASKS[task].column, *TASKS[task].inputs} <= set(names)


def _columns():
    return {(column.name, column): column for subset in SUBSETS.values() for column in subset.columns}.values()


@pytest.mark.parametrize("column", _columns(), ids=lambda column: column.name)
def test_a_column_is_described(column: Column):
    assert column.name.isidentifier() and column.name == column.name.lower()
    assert DTYPE.fullmatch(column.dtype) and column.dtype.count("<") == column.dtype.count(">")
    assert column.meaning
    numeric = re.search("float|int|image", column.dtype)
    assert bool(column.unit) == bool(numeric) or column.name in UNITLESS or column.dtype == "class"


def test_a_name_means_the_same_everywhere():
    columns = _columns()
    assert len({column.name for column in columns}) == len(columns)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match=r"Unknown subset 'protien'. Did you mean 'protein'"):
        get_subset("protien")
