"""`oct`: B-scans of a made-up OCT2017 in its official layout, and what all releases of images share."""

from __future__ import annotations

import os
import pickle
import re
import shutil
from collections import Counter
from pathlib import Path, PurePath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.data.images import first_of_each, is_image, read_image, release_files, same_bytes
from multimed_hf.data.schema import features_of
from multimed_hf.data.splits import assign
from multimed_hf.resources import load_script

from ..data.kermany_oct2017 import fake
from ..data.nih_chestxray14 import fake as nih_chestxray14

oct_script = load_script("oct")
Reader = oct_script.KermanyOct2017Reader


def ids(reader) -> list[str]:
    return [row["id"] for row in reader.read(reader.index())]


class TestKermany:
    def test_rows_are_the_files_as_they_are(self, tmp_path: Path, build) -> None:
        root = fake.write(tmp_path)
        builder, rows = build("oct", sources=("kermany_oct2017",), data_dirs={"kermany_oct2017": str(tmp_path)})
        assert builder.info.features == features_of("oct")
        names = features_of("oct")["disease"].names
        assert len(rows) == 4 * (8 * 2 + 2) and len({row["id"] for row in rows}) == len(rows)
        for row in rows:
            source, folder, stem = row["id"].split("/")
            label, patient, _ = stem.split("-")
            assert source == row["source"] == "kermany_oct2017"
            assert row["oct"] == {"bytes": (root / folder / label / f"{stem}.jpeg").read_bytes(), "path": None}
            assert names[row["disease"]] == label
            assert row["group"] == f"kermany_oct2017/{patient}"
            assert row["has_oct"] and not row["has_fundus"] and not row["has_text"]
            assert (row["age"], row["sex"], row["fundus"]) == (0, "", None)

    def test_no_patient_stands_in_two_splits_though_the_official_folders_share_some(self, tmp_path: Path) -> None:
        reader = Reader(fake.write(tmp_path))
        splits = assign(reader.index())
        assert splits.keys() == {"train", "validation", "test"}
        sides = [{entry.group for entry in entries} for entries in splits.values()]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 4 * 9
        assert (
            "4 of 8 patients in the official folder test also in train: the split is drawn by patient instead."
            in reader.notes
        )

    def test_one_number_under_two_classes_is_one_patient(self, tmp_path: Path) -> None:
        root = fake.write(tmp_path)
        fake.add(root, "test", "NORMAL", 1003, 1)
        # Leading zeros make no other patient.
        fake.add(root, "val", "DME", "002000", 7, fake.jpeg(5))
        reader = Reader(root)
        groups: dict[str, set[str]] = {}
        for entry in reader.index():
            groups.setdefault(entry.group, set()).add(entry.stratum)
        assert groups["kermany_oct2017/1003"] == {"CNV", "NORMAL"}
        assert len(groups) == 36
        assert "1 of 36 numbers under several classes" in reader.notes[0]
        assert any(note.startswith("1 of 1 patient in the official folder val also in train") for note in reader.notes)

    @pytest.mark.parametrize("top", ["OCT2017", "OCT2017 ", "OCT2017 /OCT2017 ", "."])
    @pytest.mark.parametrize("parent", [True, False])
    def test_top_folders_with_a_blank_or_doubled(self, tmp_path: Path, top: str, parent: bool) -> None:
        root = fake.write(tmp_path, patients=1, scans=1, top=top)
        assert len(Reader(tmp_path if parent else root).index()) == 12

    def test_a_folder_that_is_there_twice_counts_once(self, tmp_path: Path) -> None:
        root = fake.write(tmp_path, patients=2)
        once = ids(Reader(tmp_path))
        shutil.copytree(root, tmp_path / "OCT2017 " / "OCT2017")
        reader = Reader(tmp_path)
        assert sorted(ids(reader)) == sorted(once)
        assert "24 images left out: byte for byte the same as another one of the class." in reader.notes

    def test_the_same_name_with_other_bytes_is_an_error(self, tmp_path: Path) -> None:
        root = fake.write(tmp_path, patients=2)
        copy = shutil.copytree(root, tmp_path / "OCT2017 ") / "train/DME/DME-2001-2.jpeg"
        copy.write_bytes(fake.jpeg(77))
        with pytest.raises(ValueError, match=rf"{copy}: expected a copy of {root}/train/DME/DME-2001-2.jpeg"):
            Reader(tmp_path).index()

    def test_equal_bytes_count_once_and_under_two_classes_not_at_all(self, tmp_path: Path) -> None:
        root = fake.write(tmp_path, patients=2)
        first = (root / "train/DME/DME-2001-2.jpeg").read_bytes()
        fake.add(root, "test", "DME", 2400, 1, first)
        both = (root / "train/CNV/CNV-1001-2.jpeg").read_bytes()
        fake.add(root, "train", "NORMAL", 4400, 1, both)
        reader = Reader(root)
        kept = ids(reader)
        assert len([name for name in kept if name.endswith(("DME-2001-2", "DME-2400-1"))]) == 1
        assert not any(name.endswith(("CNV-1001-2", "NORMAL-4400-1")) for name in kept)
        assert len(kept) == 4 * 6 - 1
        assert "1 image left out: byte for byte the same as another one of the class." in reader.notes
        assert "2 images left out: the same bytes stand under several classes." in reader.notes

    def test_folders_and_suffixes_in_any_case_and_images_elsewhere(self, tmp_path: Path) -> None:
        root = fake.write(tmp_path, patients=1)
        (root / "train/CNV/CNV-1000-1.jpeg").rename(root / "train/CNV/CNV-1000-1.JPG")
        (root / "train/NORMAL").rename(root / "train/Normal ")
        (root / "overview.png").write_bytes(b"no image")
        # The radiographs of the same publication have a class of the same name.
        chest = tmp_path / "chest_xray/train/NORMAL/IM-0115-0001.jpeg"
        chest.parent.mkdir(parents=True)
        chest.write_bytes(fake.jpeg(1))
        reader = Reader(tmp_path)
        assert len(reader.index()) == 4 * 4
        assert "2 other image files ignored: in no folder of a class." in reader.notes

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("train/CNV/DME-1-1.jpeg", r"expected an image of CNV, as its folder says, found 'DME-1-1.jpeg'"),
            ("train/CNV/scan.jpeg", r"expected a name such as CNV-1016042-1.jpeg, found 'scan.jpeg'"),
            ("test/DME/DME-12-.jpeg", r"expected a name such as"),
        ],
    )
    def test_names_that_are_no_names_of_the_release(self, tmp_path: Path, name: str, message: str) -> None:
        root = fake.write(tmp_path, patients=1)
        (root / name).write_bytes(fake.jpeg(1))
        with pytest.raises(ValueError, match=rf"{re.escape(str(root / name))}: {message}"):
            Reader(tmp_path).index()

    def test_wrong_folders_say_what_was_sought_and_found(self, tmp_path: Path) -> None:
        sought = r"expected folders such as OCT2017/train/CNV with images such as CNV-1016042-1\.jpeg"
        with pytest.raises(ValueError, match=rf"{sought}, found no files"):
            Reader(tmp_path).index()
        archive = tmp_path / "OCT2017.tar.gz"
        archive.write_bytes(b"\x1f\x8b")
        with pytest.raises(ValueError, match=rf"{sought}, found the archive 'OCT2017.tar.gz': unpack"):
            Reader(tmp_path).index()
        with pytest.raises(ValueError, match=rf"{sought}, found a file: unpack it"):
            Reader(archive).index()
        archive.unlink()
        (tmp_path / "CNV-1-1.jpeg").write_bytes(fake.jpeg(1))
        with pytest.raises(ValueError, match=rf"{sought}, found 1 other file, such as 'CNV-1-1.jpeg'"):
            Reader(tmp_path).index()
        with pytest.raises(FileNotFoundError, match=r"in \$MULTIMED_DATA/kermany_oct2017"):
            Reader.locate(None)

    def test_a_missing_class_is_named(self, tmp_path: Path) -> None:
        root = fake.write(tmp_path, patients=1)
        for folder in ("train", "test"):
            shutil.rmtree(root / folder / "DRUSEN")
        with pytest.raises(ValueError, match="found none of DRUSEN: the release is incomplete"):
            Reader(tmp_path).index()

    def test_real_and_simulated_rows_stand_in_one_table(self, tmp_path: Path, build) -> None:
        fake.write(tmp_path, patients=2)
        sources = ("kermany_oct2017", "synthetic")
        builder, rows = build("oct", sources=sources, data_dirs={sources[0]: str(tmp_path)}, rows=6)
        assert builder.info.features == features_of("oct")
        assert Counter(row["source"] for row in rows) == dict.fromkeys(sources, 6)
        assert len({tuple(row) for row in rows}) == 1

    def test_a_damaged_image_is_named_when_it_is_read_and_not_before(self, tmp_path: Path, build) -> None:
        root = fake.write(tmp_path, patients=2)
        path = root / "train/DRUSEN/DRUSEN-3001-2.jpeg"
        path.write_bytes(path.read_bytes()[:-100])
        reader = Reader(root)
        entries = reader.index()
        with pytest.raises(ValueError, match=rf"{path}: expected a whole JPEG or PNG image, found a damaged one"):
            list(reader.read(entries))
        with pytest.raises(ValueError, match=rf"{path}: expected a whole"):
            build("oct", sources=("kermany_oct2017",), data_dirs={"kermany_oct2017": str(root)})

    def test_any_part_of_the_entries_can_be_read_by_another_process(self, tmp_path: Path) -> None:
        reader = Reader(fake.write(tmp_path, patients=2))
        entries = reader.index()
        whole = list(reader.read(entries))
        there = pickle.loads(pickle.dumps(reader))
        assert list(there.read([entries[5], entries[0]])) == [whole[5], whole[0]]

    def test_the_order_of_the_file_system_does_not_matter(self, tmp_path: Path, monkeypatch) -> None:
        reader = Reader(fake.write(tmp_path, patients=2))
        entries = reader.index()
        walk = os.walk

        def backwards(*args, **kwargs):
            for folder, folders, names in walk(*args, **kwargs):
                yield folder, folders, names[::-1]

        monkeypatch.setattr(os, "walk", backwards)
        assert reader.index() == entries


@given(
    label=st.sampled_from(fake.LABELS),
    patient=st.integers(0, 10**9),
    zeros=st.integers(0, 3),
    number=st.integers(0, 9999),
    suffix=st.sampled_from(["jpeg", "JPEG", "jpg", "png"]),
)
def test_a_name_says_label_patient_and_number(label: str, patient: int, zeros: int, number: int, suffix: str) -> None:
    scan = oct_script.parse_name(f"{label}-{'0' * zeros}{patient}-{number}.{suffix}")
    assert (scan.label, scan.patient, scan.number) == (label, str(patient), str(number))


@given(st.text(alphabet="CNVDME-0123456789.jpeg_ ", max_size=24))
def test_a_name_is_understood_whole_or_refused(name: str) -> None:
    try:
        scan = oct_script.parse_name(name)
    except ValueError as error:
        assert repr(name) in str(error)
    else:
        label, patient, rest = name.upper().split("-")
        assert (scan.label, int(scan.patient), scan.number) == (label, int(patient), rest.split(".")[0])


class TestImageFiles:
    @pytest.mark.parametrize("content", [fake.jpeg(3, (48, 64)), nih_chestxray14.png(3, 48)], ids=["jpeg", "png"])
    def test_whole_images_pass_unchanged_and_parts_do_not(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.jpeg"
        path.write_bytes(content)
        image = read_image(path)
        assert image.column == {"bytes": content, "path": None}
        assert image.height == 48 and image.width in (48, 64)
        for part in np.linspace(0, len(content) - 8, 40).astype(int):
            path.write_bytes(content[:part])
            with pytest.raises(ValueError, match=rf"{path}: expected a whole JPEG or PNG image, found an? "):
                read_image(path)

    def test_flipped_bits_of_a_png_are_found(self, tmp_path: Path) -> None:
        content = nih_chestxray14.png(3, 16)
        path = tmp_path / "a.png"
        # The last twelve bytes say that the file ends, and nothing else.
        for at in range(0, len(content) - 12, 7):
            path.write_bytes(content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :])
            with pytest.raises(ValueError, match=r"a\.png: expected a whole"):
                read_image(path)

    @pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"GIF89a", b"\0\5\x16\7"])
    def test_other_files_are_no_images(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.png"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"found {'a damaged' if content else 'an empty'}"):
            read_image(path)

    def test_files_of_operating_systems_are_skipped_and_links_followed(self, tmp_path: Path) -> None:
        for name in ("b/2.PNG", "a/1.jpg", "__MACOSX/a/1.jpg", "a/._1.jpg", "a/.DS_Store", "a/Thumbs.db", ".git/1.jpg"):
            (tmp_path / "real" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "real" / name).touch()
        (tmp_path / "release").mkdir()
        (tmp_path / "release/link").symlink_to(tmp_path / "real")
        (tmp_path / "real/a/round").symlink_to(tmp_path / "real")
        assert release_files(tmp_path / "release") == [PurePath("link/a/1.jpg"), PurePath("link/b/2.PNG")]
        assert release_files(tmp_path / "real/b/2.PNG") == release_files(None) == []

    def test_suffixes(self) -> None:
        names = ["a.png", "a.JPG", "a.JpEg", "a.png.txt", "png", "a.tif"]
        assert [is_image(PurePath(name)) for name in names] == [True, True, True, False, False, False]

    @given(st.lists(st.binary(max_size=2), max_size=8))
    def test_copies_are_the_files_with_equal_bytes(self, tmp_path_factory, contents: list[bytes]) -> None:
        root = tmp_path_factory.mktemp("copies")
        for number, content in enumerate(contents):
            (root / str(number)).write_bytes(content)
        groups = same_bytes(root, [PurePath(str(number)) for number in range(len(contents))])
        found = Counter(contents[int(group[0].name)] for group in groups for _ in group)
        assert found == {content: count for content, count in Counter(contents).items() if count > 1}
        assert all(len({contents[int(file.name)] for file in group}) == 1 for group in groups)

    def test_the_first_of_each_key(self, tmp_path: Path) -> None:
        files = [PurePath("a"), PurePath("b"), PurePath("c")]
        for file in files:
            (tmp_path / file).write_text("same")
        keyed = list(zip("xyx", files, strict=True))
        assert first_of_each(tmp_path, keyed) == ({"x": files[0], "y": files[1]}, 1)
        (tmp_path / "c").write_text("else")
        with pytest.raises(ValueError, match=rf"{tmp_path}/c: expected a copy of {tmp_path}/a, found other content"):
            first_of_each(tmp_path, keyed)
