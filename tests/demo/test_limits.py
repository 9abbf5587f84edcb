import gzip
import os

import pytest

from multimed_hf.demo import limits
from multimed_hf.demo.limits import Refused, check_size, check_suffix, check_text, read_text, unpack


def test_a_file_is_measured_before_it_is_read(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"")
    with pytest.raises(Refused, match="empty"):
        check_size(path)
    # Two gigabytes that take no space: reading them would take the memory.
    with path.open("wb") as file:
        os.truncate(file.fileno(), 2 * 1024**3)
    with pytest.raises(Refused, match=r"2,048 MB; this page takes up to 100 MB"):
        check_size(path)


def test_a_bomb_is_never_unpacked_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(bytes(5 * limits.MEGABYTE)))
    assert len(unpack(path)) == 5 * limits.MEGABYTE
    with pytest.raises(Refused, match="unpacks to more than 2 MB"):
        unpack(path, 2 * limits.MEGABYTE)


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(os.urandom(999))[:-20], b"\x1f\x8b\x08\x00" + bytes(30)])
def test_damaged_gzip_is_refused(tmp_path, content):
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises(Refused, match="no whole gzip"):
        unpack(path)


def test_texts():
    assert check_text("  two\nlines ", "text") == "two\nlines"
    with pytest.raises(Refused, match="The question has 100,000 characters; this page takes up to 20,000"):
        check_text("a" * 100_000, "question")
    with pytest.raises(Refused, match="control characters"):
        check_text("a\x00b", "text")


def test_names_and_bytes_of_files(tmp_path):
    path = tmp_path / "X.NII.GZ"
    check_suffix(path, (".nii.gz",))
    with pytest.raises(Refused, match=r"ends in \.png or \.jpg"):
        check_suffix(path, (".png", ".jpg"))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Refused, match="UTF-8"):
        read_text(path)
