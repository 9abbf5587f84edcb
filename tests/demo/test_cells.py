import numpy as np
import pytest

from multimed_hf.demo import cells
from multimed_hf.demo.cells import read_cell_table, read_h5ad
from multimed_hf.demo.limits import Refused

from ..models.conftest import GENES
from .conftest import h5ad


def test_counts_are_normalised_and_values_are_not(tmp_path):
    (tmp_path / "x.csv").write_text("gene,count\nA,1\nB,0\nC,3\n")
    found = read_cell_table(tmp_path / "x.csv")
    assert found["genes"] == ["A", "C"]
    np.testing.assert_allclose(found["values"], np.log([2501, 7501]), rtol=1e-6)
    (tmp_path / "x.csv").write_text("gene,value\nA,1.5\nC,3\n")
    np.testing.assert_allclose(read_cell_table(tmp_path / "x.csv")["values"], [1.5, 3])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gene,count\nA,many\n", "found 'many'"),
        ("gene,count\nA,-1\n", "negative"),
        ("gene,count\nA,0\n", "expresses no gene"),
        ("gene,count\nA,1\nA,2\n", "repeated"),
        ("gene,a,b\nA,1,2\n", "two columns"),
    ],
)
def test_tables_that_are_no_cell(tmp_path, text, words):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(Refused, match=words):
        read_cell_table(tmp_path / "x.csv")


def test_the_first_cell_of_an_h5ad_file(tmp_path):
    found = read_h5ad(h5ad(tmp_path / "x.h5ad"))
    assert found["genes"] == [GENES[0], GENES[2]]
    np.testing.assert_allclose(found["values"], np.log([2501, 7501]), rtol=1e-6)


def _bomb(file):
    file.create_dataset("layers", shape=(10**6, 10**5), dtype="f8", chunks=(1000, 1000), compression="gzip")


def _outside(file):
    import h5py

    del file["raw/X/data"]
    file["raw/X/data"] = h5py.ExternalLink("/etc/passwd", "data")


def _stored_outside(file):
    del file["raw/X/data"]
    file["raw/X"].create_dataset("data", (3,), "f4", external=[("/etc/hostname", 0, 12)])


@pytest.mark.parametrize(
    ("change", "words"),
    [(_bomb, "unpacks to more than"), (_outside, "other places"), (_stored_outside, "other places")],
)
def test_files_that_grow_or_lead_elsewhere(tmp_path, change, words):
    with pytest.raises(Refused, match=words):
        read_h5ad(h5ad(tmp_path / "x.h5ad", change))


def test_long_names_are_counted_as_they_are_read(tmp_path, monkeypatch):
    def lengthen(file):
        file["obs/cell"][0] = "a" * 5000

    path = h5ad(tmp_path / "x.h5ad", lengthen)
    assert read_h5ad(path)["genes"]
    monkeypatch.setattr(cells, "MOST_UNPACKED", 4000)
    with pytest.raises(Refused, match="unpacks to more"):
        read_h5ad(path)


def test_many_parts_and_damage(tmp_path, monkeypatch):
    path = h5ad(tmp_path / "x.h5ad")
    with monkeypatch.context() as patch, pytest.raises(Refused, match="more than 3 parts"):
        patch.setattr(cells, "_MOST_PARTS", 3)
        read_h5ad(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(Refused, match=r"no whole h5ad") as caught:
        read_h5ad(path)
    assert str(tmp_path) not in str(caught.value)
