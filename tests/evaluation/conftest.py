"""A built data set of five subsets in miniature, and a tiny model trained on it for a few steps."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from ..data.openi_reports import fake as openi_reports
from ..data.pbmc68k import fake as pbmc68k
from ..data.pdb import fake as pdb
from ..data.pubmedqa import fake as pubmedqa
from ..data.sortseq_lac import fake as sortseq_lac
from ..data.splice_junctions import fake as splice_junctions
from ..data.uci_eye_state import fake as uci_eye_state

TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
FAKES = {
    "uci_eye_state": uci_eye_state,
    "sortseq_lac": sortseq_lac,
    "splice_junctions": splice_junctions,
    "pbmc68k": pbmc68k,
    "pdb": pdb,
    "openi_reports": openi_reports,
    "pubmedqa": pubmedqa,
}
SOURCES = {
    "eeg": ["uci_eye_state", "synthetic"],
    "genomics": ["sortseq_lac", "splice_junctions"],
    "scrna": ["pbmc68k"],
    "protein": ["pdb"],
    "text": ["openi_reports", "pubmedqa"],
}


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Source name to the folder of its made-up release."""
    folders = {}
    for name, fake in FAKES.items():
        folders[name] = tmp_path_factory.mktemp(name)
        fake.write(folders[name])
    return folders


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, releases: dict[str, Path]) -> Path:
    """A folder with all five subsets."""
    from multimed_hf.data.build import build

    out = tmp_path_factory.mktemp("data") / "multimed"
    for subset, sources in SOURCES.items():
        given = {name: releases[name] for name in sources if name in releases}
        build([subset], sources, given, rows=120 if subset == "eeg" else None, out=out)
    return out


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Path:
    """A model with a head for every task of `built`, hardly trained."""
    from multimed_hf.training.train import Settings, fit

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = Settings(max_steps=3, vocab_size=300, config=TINY)
        return fit(built, output_dir=tmp_path_factory.mktemp("run"), settings=settings, progress=False).checkpoint
