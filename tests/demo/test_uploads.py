import numpy as np
import pytest

from multimed_hf.columns import MODALITIES
from multimed_hf.demo.limits import Refused
from multimed_hf.demo.uploads import SUFFIXES, describe, read_upload

from .conftest import h5ad


def test_every_modality_can_be_uploaded():
    assert set(SUFFIXES) == set(MODALITIES)


@pytest.mark.parametrize(
    ("kind", "modality", "words"),
    [
        ("png", "xray", "image of 30 x 20 pixels"),
        ("png", "ct", "image of 30 x 20 pixels"),
        ("scan", "mri", "volume of 6 x 5 x 4 voxels"),
        ("edf", "eeg", "2 channels, 10.0 s at 100 Hz"),
    ],
)
def test_files_are_read_and_removed(request, kind, modality, words):
    path = request.getfixturevalue(kind)
    assert read_upload(path, modality).words == words
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "content", "modality", "words"),
    [
        ("x.csv", "Fz\n1\n2\n", "eeg", "1 channels, 0.2 s at 10 Hz"),
        ("x.csv", "gene,count\nA,1\n", "scrna", "1 expressed genes"),
        ("x.fa", ">a\nACGT\n", "genomics", "4 letters"),
        ("x.txt", "MKV", "protein", "3 letters"),
        ("x.txt", " No effusion. ", "text", "12 letters"),
    ],
)
def test_texts_and_tables(tmp_path, name, content, modality, words):
    (tmp_path / name).write_text(content)
    assert read_upload(tmp_path / name, modality, 10.0).words == words
    assert not list(tmp_path.iterdir())


def test_cells(tmp_path):
    assert read_upload(h5ad(tmp_path / "x.h5ad"), "scrna").words == "2 expressed genes"


@pytest.mark.parametrize("name", ["x.png", "x.exe", "x.nii.gz"])
def test_what_cannot_be_read_is_removed_too(tmp_path, name):
    (tmp_path / name).write_bytes(b"no such thing")
    with pytest.raises(Refused) as caught:
        read_upload(tmp_path / name, "ct")
    assert not list(tmp_path.iterdir()) and str(tmp_path) not in str(caught.value)


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(Refused, match="could not be read"):
        read_upload(tmp_path / "x.png", "ct")


def test_words():
    scan = {"volume": np.zeros((2, 3, 4)), "image": np.zeros((2, 2))}
    assert describe(scan) == "volume of 2 x 3 x 4 voxels, and a slice"
