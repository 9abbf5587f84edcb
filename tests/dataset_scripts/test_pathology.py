"""`pathology`: images of a made-up BreakHis in its official layout."""

from __future__ import annotations

import re
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.data.schema import features_of
from multimed_hf.data.splits import assign
from multimed_hf.resources import load_script

from ..data.breakhis import fake

pathology = load_script("pathology")
Reader = pathology.BreakHisReader

FEW = [("A", "14-22549AB"), ("DC", "14-2523")]
TOP = "BreaKHis_v1/histology_slides/breast"


class TestBreakHis:
    def test_rows_are_the_files_as_they_are(self, tmp_path: Path, build) -> None:
        fake.write(tmp_path)
        builder, rows = build("pathology", sources=("breakhis",), data_dirs={"breakhis": str(tmp_path)})
        assert builder.info.features == features_of("pathology")
        files = {path.stem: path for path in tmp_path.joinpath("BreaKHis_v1").rglob("*.png")}
        assert {row["id"].removeprefix("breakhis/") for row in rows} == files.keys() and len(rows) == len(files) == 128
        names = features_of("pathology")["breast_cancer"].names
        for row in rows:
            path = files[row["id"].removeprefix("breakhis/")]
            assert row["pathology"] == {"bytes": path.read_bytes(), "path": None}
            assert names[row["breast_cancer"]] in path.parts and row["magnification"] in path.parts
            assert row["group"] == "breakhis/" + "-".join(path.stem.split("-")[1:3])
            assert row["has_pathology"] and not row["has_text"]
        assert {row["split"] for row in rows} == {"train", "validation", "test"}
        assert "32 slides of 32 patients" in builder.notes["breakhis"][0]

    def test_all_that_is_of_one_patient_stays_together(self, tmp_path: Path) -> None:
        slides = [
            *fake.slides(),
            ("A", "14-22549AB"),
            ("A", "14-22549CD"),
            ("DC", "14-13412"),
            ("LC", "14-13412"),
            ("PT", "14-13412"),
            ("MC", "13-13412"),
        ]
        reader = Reader(fake.write(tmp_path, slides, images=2))
        entries = reader.index()
        sizes: dict[str, int] = defaultdict(int)
        for entry in entries:
            sizes[entry.group] += 1
        assert sizes["breakhis/14-22549"] == 2 * 8 and sizes["breakhis/14-13412"] == 3 * 8
        assert sizes["breakhis/13-13412"] == 8
        splits = assign(entries)
        groups = [{entry.group for entry in side} for side in splits.values()]
        assert sum(map(len, groups)) == len(set.union(*groups)) == 35
        assert "38 slides of 35 patients" in reader.notes[0]
        assert "1 patient with benign and malignant slides." in reader.notes

    @pytest.mark.parametrize(
        "top",
        [TOP, f"BreaKHis_v1/{TOP}", f"BreaKHis_v1 /{TOP}", "breast", "."],
        ids=["", "doubled", "blank", "part", "bare"],
    )
    def test_top_folders(self, tmp_path: Path, top: str) -> None:
        reader = Reader(fake.write(tmp_path, FEW, top=top))
        assert len(reader.index()) == 8 and len(reader.notes) == 1

    def test_a_folder_that_is_there_twice_counts_once(self, tmp_path: Path) -> None:
        fake.write(tmp_path, FEW)
        copy = shutil.copytree(tmp_path / TOP, tmp_path / "copy")
        (tmp_path / "figure.png").touch()
        reader = Reader(tmp_path)
        assert len(reader.index()) == 8
        assert "8 images left out: the same file is there in another folder." in reader.notes
        assert "1 other image file ignored: neither in benign nor in malignant." in reader.notes
        path = next(copy.rglob("*DC*-100-001.png"))
        path.write_bytes(fake.png(0))
        with pytest.raises(ValueError, match=r"DC-14-2523-100-001\.png: expected a copy of .*, found other content"):
            reader.index()

    def test_underscore_or_hyphen_and_case(self, tmp_path: Path) -> None:
        fake.write(tmp_path, FEW)
        slide = tmp_path / TOP / "benign/SOB/adenosis/SOB_B_A_14-22549AB"
        (slide / "40X").rename(slide / "40x")
        path = slide / "40x/SOB_B_A-14-22549AB-40-001.png"
        path.rename(path.with_suffix(".PNG"))
        (slide / "40x/._SOB_B_A-14-22549AB-40-001.png").write_bytes(b"\0")
        (slide / "Thumbs.db").touch()
        slide.rename(slide.with_name("SOB_B_A-14-22549AB"))
        reader = Reader(tmp_path)
        rows = {row["id"]: row for row in reader.read(reader.index())}
        assert len(rows) == 8 and rows["breakhis/SOB_B_A-14-22549AB-40-001"]["magnification"] == "40X"

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("benign/SOB/adenosis", "malignant/SOB/adenosis"),
            ("adenosis", "fibroadenoma"),
            ("SOB_B_A_14-22549AB", "SOB_B_A_14-22549CD"),
            ("SOB_B_A_14-22549AB", "SOB_B_F_14-22549AB"),
            ("/100X/", "/200X/"),
            ("/SOB/", "/CNB/"),
            ("/SOB/adenosis", "/adenosis"),
        ],
    )
    def test_a_name_that_belies_its_folders_is_an_error(self, tmp_path: Path, old: str, new: str) -> None:
        fake.write(tmp_path, FEW)
        name = f"{TOP}/benign/SOB/adenosis/SOB_B_A_14-22549AB/100X/SOB_B_A-14-22549AB-100-001.png"
        moved = tmp_path / name.replace(old, new, 1)
        moved.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).rename(moved)
        with pytest.raises(
            ValueError, match=rf"{moved}: expected a file of this name in folders like benign/sob/adenosis"
        ):
            Reader(tmp_path).index()

    @pytest.mark.parametrize(
        "name", ["tile.png", "SOB_B_DC-14-1-40-001.png", "SOB_B_A-14-22549AB-50-001.png", "SOB_B_A-14-22549AB-40.png"]
    )
    def test_names_that_are_no_names_of_the_release(self, tmp_path: Path, name: str) -> None:
        path = fake.add(fake.write(tmp_path, FEW) / TOP, *FEW[0], 40)
        odd = path.rename(path.with_name(name))
        with pytest.raises(ValueError, match=rf"{re.escape(str(odd))}: expected a name such as .*, found '{name}'"):
            Reader(tmp_path).index()

    def test_wrong_folders_say_what_was_sought_and_found(self, tmp_path: Path) -> None:
        sought = (
            r"expected folders such as breast/benign/SOB/adenosis/SOB_B_A_14-22549AB/40X with images in them, found"
        )
        with pytest.raises(ValueError, match=rf"{sought} no files"):
            Reader(tmp_path).index()
        (tmp_path / "BreaKHis_v1.tar.gz").touch()
        with pytest.raises(ValueError, match=rf"{sought} the archive 'BreaKHis_v1.tar.gz': unpack"):
            Reader(tmp_path).index()
        with pytest.raises(FileNotFoundError, match=r"in \$MULTIMED_DATA/breakhis"):
            Reader.locate(None)
        fake.write(tmp_path / "half", FEW[:1])
        with pytest.raises(ValueError, match="expected benign and malignant images, found none that is malignant"):
            Reader(tmp_path / "half").index()

    def test_real_and_simulated_rows_stand_in_one_table(self, tmp_path: Path, build) -> None:
        fake.write(tmp_path, FEW)
        sources = ("breakhis", "synthetic")
        builder, rows = build("pathology", sources=sources, data_dirs={sources[0]: str(tmp_path)}, rows=6)
        assert builder.info.features == features_of("pathology")
        assert Counter(row["source"] for row in rows) == dict.fromkeys(sources, 6)
        assert len({tuple(row) for row in rows}) == 1

    def test_a_damaged_image_is_named_when_it_is_read_and_not_before(self, tmp_path: Path) -> None:
        path = fake.add(fake.write(tmp_path, FEW) / TOP, *FEW[1], 400)
        path.write_bytes(path.read_bytes()[:500])
        reader = Reader(tmp_path)
        entries = reader.index()
        with pytest.raises(ValueError, match=rf"{path}: expected a whole JPEG or PNG image, found a damaged one"):
            list(reader.read(entries))


@given(
    code=st.sampled_from(list(fake.FOLDERS)),
    year=st.integers(10, 99),
    number=st.integers(1, 99_999),
    part=st.sampled_from(["", "A", "AB", "CDE"]),
    magnification=st.sampled_from(fake.MAGNIFICATIONS),
    sequence=st.integers(1, 999),
)
def test_a_name_says_where_it_lies_and_whose_it_is(code, year, number, part, magnification, sequence) -> None:
    kind, _, tumour = fake.FOLDERS[code].split("/")
    name = f"SOB_{kind[0].upper()}_{code}-{year}-{number}{part}-{magnification}-{sequence:03d}.png"
    tile = pathology.parse_name(name)
    assert (tile.label, tile.magnification, tile.patient) == (kind, f"{magnification}X", f"{year}-{number}")
    assert tile.slide == f"{year}-{number}{part}" and tile.place[2] == tumour
    folder = Path(fake.FOLDERS[code], f"SOB_{kind[0].upper()}_{code}_{tile.slide}", f"{magnification}X", name)
    assert pathology.place_of(folder) == tile.place


@given(st.text(alphabet="SOBMADCPTF_-0123456789.png", max_size=32))
def test_a_name_is_understood_whole_or_refused(name: str) -> None:
    try:
        tile = pathology.parse_name(name)
    except ValueError as error:
        assert repr(name) in str(error)
    else:
        assert tile.slide in name and tile.label in ("benign", "malignant")
