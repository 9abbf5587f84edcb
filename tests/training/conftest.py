"""What the tests of training share: a small built folder, rows in memory, and the smallest sensible settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from multimed_hf.data.schema import RowCompleter, features_of
from multimed_hf.training.train import Settings

from ..data.openi_reports import fake as openi_reports
from ..data.pubmedqa import fake as pubmedqa
from ..data.sortseq_lac import fake as sortseq_lac


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built folder with the subsets `genomics` (regression) and `text` (several labels, answers)."""
    from multimed_hf.data.build import build

    folder = tmp_path_factory.mktemp("releases")
    data_dirs = {
        "sortseq_lac": sortseq_lac.write(folder),
        "openi_reports": openi_reports.write(folder),
        "pubmedqa": pubmedqa.write(folder),
    }
    return build(["genomics", "text"], list(data_dirs), data_dirs, out=folder / "multimed").out


@pytest.fixture(scope="session")
def tiny() -> Settings:
    """Four steps of a network of one narrow layer."""
    config = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return Settings(max_steps=4, batch_size=8, config=config)


@pytest.fixture(scope="session")
def make() -> Callable[[str, list[dict[str, Any]]], datasets.Dataset]:
    """`make(subset, rows)`: rows as readers yield them, as a data set with the columns of the subset."""

    def make(subset: str, rows: list[dict[str, Any]]) -> datasets.Dataset:
        complete = RowCompleter(subset)
        return datasets.Dataset.from_list([complete(row) for row in rows], features=features_of(subset))

    return make
