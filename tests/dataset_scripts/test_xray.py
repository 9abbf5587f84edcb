"""`xray`: radiographs of a made-up ChestX-ray14 in its official layouts."""

from __future__ import annotations

import gzip
import importlib.util
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.columns import FINDING_STATES
from multimed_hf.data.schema import features_of
from multimed_hf.data.splits import assign
from multimed_hf.resources import load_script
from multimed_hf.sources import NIH_FINDINGS

from ..data.nih_chestxray14 import fake

xray = load_script("xray")
Reader = xray.NihChestXray14Reader


def rows_of(folder: Path) -> dict[str, dict]:
    reader = Reader(folder)
    return {row["id"].removeprefix("nih_chestxray14/"): row for row in reader.read(reader.index())}


def carried(name: str) -> Path:
    """A real table that torchxrayvision ships."""
    spec = importlib.util.find_spec("torchxrayvision")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs torchxrayvision, which carries the NIH's tables")
    return Path(spec.submodule_search_locations[0]) / "data" / name


class TestNih:
    @pytest.mark.parametrize("kaggle", [False, True])
    @pytest.mark.parametrize("flat", [False, True])
    def test_rows_are_the_lines_and_the_files(self, tmp_path: Path, build, kaggle: bool, flat: bool) -> None:
        table = "Data_Entry_2017.csv" if kaggle else "Data_Entry_2017_v2020.csv"
        fake.write(tmp_path, fake.lines(30), table=table, flat=flat, kaggle=kaggle)
        builder, rows = build("xray", sources=("nih_chestxray14",), data_dirs={"nih_chestxray14": str(tmp_path)})
        assert builder.info.features == features_of("xray")
        assert len(rows) == 60 and {row["split"] for row in rows} == {"train", "validation", "test"}
        for row in rows:
            name = row["id"].removeprefix("nih_chestxray14/")
            patient, number = map(int, name.split("_"))
            (path,) = (path for path in tmp_path.rglob(f"{name}.png") if not path.name.startswith("._"))
            assert row["xray"] == {"bytes": path.read_bytes(), "path": None}
            present = {label for label, state in row["findings"].items() if FINDING_STATES[state] == "present"}
            assert present == set(fake.LABELS[patient % 5].split("|")) - {"No Finding"}
            assert set(row["findings"].values()) <= {0, 1} and tuple(row["findings"]) == NIH_FINDINGS
            assert row["group"] == f"nih_chestxray14/{patient:08d}"
            assert (row["age"], row["sex"]) == (20 + patient, ("male", "female")[patient % 2])
            assert (row["view"], row["organ"]) == (("PA", "AP")[number], "chest")
            assert row["has_xray"] and not row["has_ct"] and row["disease"] == -1
            assert row["boxes"] == row["masks"] == row["box_labels"] == []

    def test_patients_stay_together_and_rare_findings_reach_all_splits(self, tmp_path: Path) -> None:
        splits = assign(Reader(fake.write(tmp_path, fake.lines(40))).index())
        sides = [{entry.group for entry in entries} for entries in splits.values()]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 40
        for side in sides:
            # Patients 3, 8, 13, ... have a hernia.
            assert any(int(group[-8:]) % 5 == 3 for group in side)

    def test_boxes_are_those_of_the_table(self, tmp_path: Path) -> None:
        boxes = [
            f"{fake.image(2, 1)},Infiltrate,1.5,2.25,30,20.125",
            f"{fake.image(3)},Mass,0,0,64,64",
            f"{fake.image(2, 1)},Infiltration,5,6,7,8",
            f"{fake.image(99)},Mass,1,2,3,4",
        ]
        rows = rows_of(fake.write(tmp_path / "nih", boxes=boxes))
        assert rows["00000002_001"]["box_labels"] == ["Infiltration", "Infiltration"]
        assert rows["00000002_001"]["boxes"] == [[1.5, 2.25, 30, 20.125], [5, 6, 7, 8]]
        assert rows["00000003_000"]["boxes"] == [[0, 0, 64, 64]]
        assert rows["00000002_000"]["boxes"] == []
        assert rows == rows_of(fake.write(tmp_path / "kaggle", boxes=boxes, kaggle=True))

    def test_boxes_survive_the_build(self, tmp_path: Path, build) -> None:
        fake.write(tmp_path, boxes=[f"{fake.image(3)},Mass,1,2,3,4"])
        _, rows = build("xray", sources=("nih_chestxray14",), data_dirs={"nih_chestxray14": str(tmp_path)})
        found = {row["id"]: (row["box_labels"], row["boxes"]) for row in rows if row["boxes"]}
        assert found == {"nih_chestxray14/00000003_000": (["Mass"], [[1, 2, 3, 4]])}

    def test_a_box_outside_its_image_is_an_error(self, tmp_path: Path) -> None:
        fake.write(tmp_path, boxes=[f"{fake.image(3)},Mass,40,2,30,4"])
        with pytest.raises(ValueError, match=r"00000003_000\.png: .* box of Mass at 40, 2 .* found 64 x 64"):
            rows_of(tmp_path)

    def test_ages_of_old_tables_and_impossible_ones(self, tmp_path: Path) -> None:
        ages = {1: "057Y", 2: "006M", 3: "411", 4: "120", 5: "155Y", 6: "", 7: "014D"}
        reader = Reader(fake.write(tmp_path, [fake.line(patient, age=age) for patient, age in ages.items()]))
        rows = {row["id"][-12:-4]: row for row in reader.read(reader.index())}
        found = {patient: rows[f"{patient:08d}"]["age"] for patient in ages}
        assert found == pytest.approx({1: 57, 2: 0.5, 3: 0, 4: 120, 5: 0, 6: 0, 7: 0.04})
        assert "2 ages above 120 years, which cannot be: written as 0, not known." in reader.notes

    def test_missing_unlisted_and_double_images_are_counted(self, tmp_path: Path) -> None:
        folder = fake.write(tmp_path, fake.lines(6))
        (folder / "images_001/images/00000001_000.png").unlink()
        (folder / "images_001/images/00000002_000.png").unlink()
        for number in (1, 2):
            # Equal names do not matter where no table has them.
            (folder / f"images_00{number}/images/logo.png").write_bytes(fake.png(number))
        (folder / "images").mkdir()
        shutil.copy(folder / "images_001/images/00000003_000.png", folder / "images")
        reader = Reader(folder)
        assert len(reader.index()) == 10
        for note in (
            "2 images of 12 listed left out: the file is not there.",
            "2 images left out: in no table.",
            "1 image left out: the same file is there in another folder.",
            "No boxes: BBox_List_2017.csv is not there.",
        ):
            assert note in reader.notes
        (folder / "images/00000003_000.png").write_bytes(fake.png(9))
        with pytest.raises(ValueError, match=r"00000003_000\.png: expected a copy of .*, found other content"):
            reader.index()

    @pytest.mark.parametrize(
        ("shared", "verdict"), [(False, "0 patients .*they are safe"), (True, "1 patient .*they leak")]
    )
    def test_the_official_lists_are_judged(self, tmp_path: Path, shared: bool, verdict: str) -> None:
        fake.write(tmp_path, fake.lines(4))
        fake.write_lists(tmp_path, [fake.image(1), fake.image(2)], [fake.image(2, 1) if shared else fake.image(3)])
        reader = Reader(tmp_path)
        entries = reader.index()
        assert re.search(verdict, " ".join(reader.notes)) and not any(entry.split for entry in entries)

    def test_a_doubled_top_folder_and_both_tables(self, tmp_path: Path) -> None:
        folder = fake.write(tmp_path / "data/data", fake.lines(3))
        # The later table is preferred.
        (folder / "Data_Entry_2017.csv").write_text("broken")
        assert len(rows_of(tmp_path)) == 6

    def test_marks_and_quotes_of_spreadsheets(self, tmp_path: Path) -> None:
        folder = fake.write(tmp_path, fake.lines(3))
        expected = rows_of(folder)
        path = folder / "Data_Entry_2017_v2020.csv"
        text = path.read_text().replace("Patient Gender", "Patient Sex").replace(",Cardiomegaly", ',"Cardiomegaly')
        text = text.replace("|Emphysema,", '|Emphysema",').replace("\n", "\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n,,,,\r\n")
        assert rows_of(folder) == expected

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("View Position,", "", r": expected the columns Image Index,.*which lacks 'View Position'"),
            ("Height]", "Height]x", r": expected the columns .* lacks 'Height\]'"),
            (",PA,2682", ",2682", r", line 2: expected 11 fields, found 10"),
            (",PA,2682", ",XX,2682", r", line 2: expected PA or AP in 'View Position', found 'XX'"),
            (
                "Cardiomegaly|Emphysema",
                "Cardiomegaly|Emphysem",
                r", line 2: expected the 14 findings .* found 'Emphysem'",
            ),
            (
                "Cardiomegaly|Emphysema",
                "No Finding|Emphysema",
                r", line 2: expected each finding once, or 'No Finding'",
            ),
            ("Cardiomegaly|Emphysema", "Emphysema|Emphysema", r", line 2: expected each finding once"),
            ("Cardiomegaly|Emphysema", "", r", line 2: expected the 14 findings .* found ''"),
            (",0,1,21,F", ",0,x,21,F", r", line 2: expected a number in 'Patient ID', found 'x'"),
            (
                ",0,1,21,F",
                ",0,2,21,F",
                r", line 2: expected the patient of '00000001_000.png' in 'Patient ID', found '2'",
            ),
            (",0,1,21,F", ",0,1,old,F", r", line 2: expected an age such as 57 or 057Y in 'Patient Age', found 'old'"),
            (",0,1,21,F", ",0,1,-1,F", r", line 2: expected an age"),
            (",0,1,21,F", ",0,1,21,X", r", line 2: expected M or F in 'Patient Gender', found 'X'"),
            ("00000002_000.png,", "00000001_000.png,", r", line 3: expected .*"),
            ("00000001_000.png", '"00000001_000.png', r": expected a table of comma-separated text"),
        ],
    )
    def test_bad_tables_name_file_line_and_column(self, tmp_path: Path, old: str, new: str, message: str) -> None:
        folder = fake.write(tmp_path, fake.lines(2, each=1))
        path = folder / "Data_Entry_2017_v2020.csv"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(ValueError, match=rf"{path}{message}"):
            Reader(folder).index()

    def test_an_image_listed_twice_and_an_empty_table(self, tmp_path: Path) -> None:
        folder = fake.write(tmp_path, [fake.line(1), fake.line(2), fake.line(1)])
        with pytest.raises(ValueError, match=r"v2020\.csv, line 4: expected each image once, found '00000001_000.png'"):
            Reader(folder).index()
        path = folder / "Data_Entry_2017_v2020.csv"
        path.write_text(fake.HEADER)
        with pytest.raises(ValueError, match=rf"{path}: expected a line for each image, found none"):
            Reader(folder).index()
        for content in (b"", b"\xff\xfe\0\1"):
            path.write_bytes(content)
            with pytest.raises(ValueError, match=rf"{path}: expected "):
                Reader(folder).index()

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (
                "00000001_000.png,Heart,1,2,3,4",
                "line 2: expected one of the 14 findings in 'Finding Label', found 'Heart'",
            ),
            ("00000001_000.png,Mass,1,2,3", "line 2: expected 6 fields, found 5"),
            ("00000001_000.png,Mass,1,2,3,four", "line 2: expected the numbers x, y, w and h"),
            ("00000001_000.png,Mass,1,2,0,4", "line 2: expected a box with an extent"),
            ("00000001_000.png,Mass,-1,2,3,4", "line 2: expected a box with an extent"),
            ("00000001_000.png,Mass,nan,2,3,4", "line 2: expected a box with an extent"),
        ],
    )
    def test_bad_boxes_name_file_and_line(self, tmp_path: Path, line: str, message: str) -> None:
        folder = fake.write(tmp_path, boxes=[line])
        with pytest.raises(ValueError, match=rf"BBox_List_2017\.csv, {message}"):
            Reader(folder).index()

    def test_wrong_folders_say_what_was_sought_and_found(self, tmp_path: Path) -> None:
        sought = r"expected Data_Entry_2017_v2020\.csv or Data_Entry_2017\.csv, found"
        with pytest.raises(ValueError, match=rf"{sought} no files"):
            Reader(tmp_path).index()
        (tmp_path / "images_001.tar.gz").touch()
        with pytest.raises(ValueError, match=rf"{sought} the archive 'images_001.tar.gz': unpack"):
            Reader(tmp_path).index()
        folder = fake.write(tmp_path / "nih", fake.lines(2))
        for images in folder.glob("images_*"):
            shutil.rmtree(images)
        listed = r"expected the images that Data_Entry_2017_v2020.csv lists, such as '00000001_000.png'"
        with pytest.raises(ValueError, match=rf"{listed}.* found 1 other file"):
            Reader(folder).index()
        (folder / "images_001.tar.gz").touch()
        (folder / "images_002.tar.gz").touch()
        with pytest.raises(ValueError, match=rf"{listed}.* found the archive 'images_001.tar.gz' and 1 more archive:"):
            Reader(folder).index()

    def test_real_and_simulated_rows_stand_in_one_table(self, tmp_path: Path, build) -> None:
        fake.write(tmp_path, fake.lines(8))
        sources = ("nih_chestxray14", "synthetic")
        builder, rows = build("xray", sources=sources, data_dirs={sources[0]: str(tmp_path)}, rows=6)
        assert builder.info.features == features_of("xray")
        assert Counter(row["source"] for row in rows) == dict.fromkeys(sources, 6)
        assert len({tuple(row) for row in rows}) == 1

    def test_a_damaged_image_is_named_when_it_is_read_and_not_before(self, tmp_path: Path) -> None:
        folder = fake.write(tmp_path, fake.lines(3))
        path = folder / "images_002/images/00000002_001.png"
        path.write_bytes(path.read_bytes()[:-1000])
        reader = Reader(folder)
        entries = reader.index()
        with pytest.raises(ValueError, match=rf"{path}: expected a whole JPEG or PNG image, found a damaged one"):
            list(reader.read(entries))

    def test_the_real_tables_are_understood(self, tmp_path: Path) -> None:
        for name, columns, parse in (
            ("Data_Entry_2017_v2020.csv", xray.DATA_COLUMNS, xray.parse_radiograph),
            ("BBox_List_2017.csv", xray.BOX_COLUMNS, xray.parse_box),
        ):
            path = tmp_path / name
            with gzip.open(carried(f"{name}.gz")) as stream:
                path.write_bytes(stream.read())
            parsed = [parse(fields) for _, fields in xray.read_table(path, columns)]
            assert len(parsed) > 900


findings = st.lists(st.sampled_from(NIH_FINDINGS), unique=True, max_size=5)


@given(
    labels=findings,
    patient=st.integers(1, 99_999_999),
    number=st.integers(0, 999),
    age=st.integers(0, 999),
    old=st.booleans(),
    sex=st.sampled_from("MFmf"),
    view=st.sampled_from(["PA", "AP"]),
)
def test_a_line_says_what_was_written(labels, patient, number, age, old, sex, view) -> None:
    text = fake.line(patient, number, "|".join(labels) or "No Finding", f"{age:03d}Y" if old else str(age), sex, view)
    radiograph = xray.parse_radiograph(text.split(","))
    assert radiograph.image == fake.image(patient, number) and radiograph.patient == patient
    assert radiograph.findings == tuple(labels) and radiograph.age == age
    assert (radiograph.sex, radiograph.view) == ({"m": "male", "f": "female"}[sex.lower()], view)


@given(st.lists(st.text(alphabet="0123456789.-PAMFY|_ xNoFindg", max_size=10), min_size=11, max_size=11))
def test_any_line_is_understood_or_refused(fields: list[str]) -> None:
    try:
        radiograph = xray.parse_radiograph(fields)
    except ValueError as error:
        assert str(error).startswith("expected ")
    else:
        assert radiograph.age >= 0 and radiograph.patient >= 0 and set(radiograph.findings) <= set(NIH_FINDINGS)
