"""`text`: made-up releases in their official layouts, and the real ones where they lie."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from multimed_hf.resources import load_script
from multimed_hf.sources import OPENI_FINDINGS

from ..data.openi_reports import fake as openi_reports
from ..data.openi_reports.fake import report
from ..data.pubmedqa import fake as pubmedqa

text = load_script("text")


def read_all(reader) -> list[dict]:
    return list(reader.read(reader.index()))


def present(row: dict) -> set[str]:
    return {label for label, state in row["report_findings"].items() if state == "present"}


# Open-i


def test_a_report_gives_its_findings_section_and_labels(tmp_path: Path) -> None:
    files = [
        report(1, "Lungs\n  are\tclear. ", ["normal"], impression="No acute disease."),
        report(2, "Flat diaphragms.", ["Pulmonary Emphysema", "Cardiomegaly/mild", "Spine/degenerative"]),
        report(3, "Air in the chest wall.", ["Subcutaneous Emphysema"]),
    ]
    rows = read_all(text.OpeniReportsReader(openi_reports.write(tmp_path, files)))
    assert [row["id"] for row in rows] == [f"openi_reports/CXR{number}" for number in (1, 2, 3)]
    assert [row["text"] for row in rows] == ["Lungs are clear.", "Flat diaphragms.", "Air in the chest wall."]
    assert [present(row) for row in rows] == [{"normal"}, {"emphysema", "cardiomegaly"}, set()]
    for row in rows:
        assert tuple(row["report_findings"]) == OPENI_FINDINGS
        assert set(row["report_findings"].values()) <= {"present", "absent"}


def test_reports_without_findings_or_indexing_are_left_out_and_counted(tmp_path: Path) -> None:
    files = [
        report(1, " \n", ["normal"]),
        report(2, "Clear.", ["No Indexing"]),
        report(3, "Clear.", []),
        report(4, "Clear.", ["normal"]),
    ]
    reader = text.OpeniReportsReader(openi_reports.write(tmp_path, files))
    assert [row["id"] for row in read_all(reader)] == ["openi_reports/CXR4"]
    assert reader.notes[0] == "1 of 4 reports without FINDINGS and 2 more not indexed: left out; 1 remain."


def test_texts_that_differ_only_in_case_and_spaces_share_a_group(tmp_path: Path) -> None:
    files = [
        report(1, "Lungs clear.", ["normal"]),
        report(2, " lungs  CLEAR.", ["Opacity"]),
        report(3, "No.", ["normal"]),
    ]
    reader = text.OpeniReportsReader(openi_reports.write(tmp_path, files))
    entries = reader.index()
    assert entries[0].group == entries[1].group != entries[2].group
    assert [entry.stratum for entry in entries] == ["normal", "other", "normal"]
    assert reader.notes[1].startswith("1 row with the text of another and in its group; 1 such text")


def test_entries_can_be_read_in_any_order(tmp_path: Path) -> None:
    reader = text.OpeniReportsReader(openi_reports.write(tmp_path))
    entries = reader.index()[::-3]
    assert [f"ecgen-radiology/{row['id'].split('CXR')[1]}.xml" for row in reader.read(entries)] == [
        entry.key for entry in entries
    ]


def test_links_in_the_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "NLMCXR_reports.tgz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("ecgen-radiology/1.xml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(ValueError, match=r"expected plain files, found the link or device 'ecgen-radiology/1\.xml'"):
        text.OpeniReportsReader(path).index()


def test_files_outside_the_layout_are_passed_over(tmp_path: Path) -> None:
    path = openi_reports.write(tmp_path, [])
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("README.txt")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"hello"))
    with pytest.raises(ValueError, match="expected XML reports, found none"):
        text.OpeniReportsReader(path).index()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<eCitation><uId id=", r"reports\.tgz, ecgen-radiology/2\.xml: expected XML, found a damaged file"),
        (b"", "expected XML, found a damaged file"),
        (b"<article/>", "expected an 'eCitation' with a 'uId', found 'article'"),
        (report(1, "Clear.", ["normal"]), "expected each report once, found 'CXR1' twice"),
    ],
)
def test_bad_reports_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = openi_reports.write(tmp_path, [report(1, "Clear.", ["normal"]), content])
    with pytest.raises(ValueError, match=message):
        text.OpeniReportsReader(path).index()


@pytest.mark.parametrize("content", [b"", gzip.compress(b""), b"no archive"])
def test_empty_files_and_files_of_another_kind_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "NLMCXR_reports.tgz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"NLMCXR_reports\.tgz: expected a whole \.tgz archive, found a damaged one"):
        text.OpeniReportsReader(path).index()


def test_a_truncated_archive_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    path = openi_reports.write(tmp_path)
    content = path.read_bytes()
    # The last bytes are the padding of the archive and gzip's checksum: all reports stand before them.
    for size in range(0, len(content) - 20, 7):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"expected a whole \.tgz archive, found a damaged one"):
            text.OpeniReportsReader(path).index()


def test_the_real_reports() -> None:
    try:
        location = text.OpeniReportsReader.locate(None)
    except FileNotFoundError:
        pytest.skip("needs torchxrayvision, which ships the Open-i reports")
    reader = text.OpeniReportsReader(location)
    rows = read_all(reader)
    assert len(rows) == 3335
    counts = Counter(label for row in rows for label in present(row))
    assert counts["normal"] == 1206 and counts["cardiomegaly"] == 311 and set(counts) == set(OPENI_FINDINGS)
    assert not any("normal" in present(row) and len(present(row)) > 1 for row in rows)
    assert reader.notes[0].startswith("530 of 3,955 reports without FINDINGS and 90 more not indexed")
    assert reader.notes[1].startswith("731 rows with the text of another")


# PubMedQA


def sentences(passage: str) -> set[str]:
    return {sentence.strip() for sentence in re.split(r"(?<=[.!?])\s+", passage) if len(sentence) > 10}


@pytest.mark.parametrize("flat", [False, True])
def test_a_question_stands_beside_its_abstract_without_the_conclusion(tmp_path: Path, flat: bool) -> None:
    items = pubmedqa.questions()
    rows = read_all(text.PubMedQAReader(pubmedqa.write(tmp_path, items, flat=flat)))
    assert [row["id"] for row in rows] == [f"pubmedqa/{pmid}" for pmid in items]
    for row, item in zip(rows, items.values(), strict=True):
        assert row["text"] == " ".join(item["CONTEXTS"])
        assert row["question"] == item["QUESTION"]
        assert row["choices"] == ["yes", "no", "maybe"]
        assert row["answer"] == item["final_decision"] and row["answer_type"] == "closed"
        seen = json.dumps({name: value for name, value in row.items() if name != "answer"})
        assert not any(sentence in seen for sentence in sentences(item["LONG_ANSWER"]))


def test_official_test_questions_stay_and_the_rest_is_split_by_answer(tmp_path: Path) -> None:
    items = pubmedqa.questions(per_answer=80)
    entries = text.PubMedQAReader(pubmedqa.write(tmp_path, items)).index()
    split_of = {str(entry.key): entry.split for entry in entries}
    assert {pmid for pmid, split in split_of.items() if split == "test"} == set(list(items)[:120])
    counts = Counter((entry.split, entry.stratum) for entry in entries)
    assert all(counts["train", answer] == 34 and counts["validation", answer] == 6 for answer in pubmedqa.RESULTS)

    # Neither the order of the file nor more test questions move another question.
    shuffled = dict(reversed(items.items()))
    again = text.PubMedQAReader(
        pubmedqa.write(tmp_path, shuffled, {p: items[p]["final_decision"] for p in list(items)[:120]})
    )
    assert {str(entry.key): entry.split for entry in again.index()} == split_of


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"final_decision": "perhaps"},
            r"question '10000000': expected final_decision among yes, no, maybe, found 'perhaps'",
        ),
        ({"CONTEXTS": []}, "expected a text as QUESTION and a list of texts as CONTEXTS"),
        ({"CONTEXTS": "The whole abstract."}, "expected a text as QUESTION and a list of texts as CONTEXTS"),
        ({"CONTEXTS": [float("nan")]}, "expected a text as QUESTION and a list of texts as CONTEXTS"),
        ({"QUESTION": " "}, "expected a text as QUESTION"),
        ({"CONTEXTS": None, "QUESTION": ...}, r"expected QUESTION, CONTEXTS and final_decision, lacks \['QUESTION'\]"),
    ],
)
def test_bad_questions_are_named(tmp_path: Path, change: dict, message: str) -> None:
    items = pubmedqa.questions()
    first = items["10000000"] | change
    items["10000000"] = {name: value for name, value in first.items() if value is not ...}
    with pytest.raises(ValueError, match=message):
        text.PubMedQAReader(pubmedqa.write(tmp_path, items, test={})).index()


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ({"1": "yes"}, r"test_ground_truth\.json: expected ids of ori_pqal\.json, found '1'"),
        ({"10000000": "no"}, r"expected the final_decision of ori_pqal\.json, found 'no' for '10000000'"),
    ],
)
def test_a_ground_truth_that_does_not_fit_is_refused(tmp_path: Path, truth: dict, message: str) -> None:
    items = pubmedqa.questions()
    path = pubmedqa.write(tmp_path, items)
    (path / "data/test_ground_truth.json").write_text(json.dumps(truth))
    with pytest.raises(ValueError, match=message):
        text.PubMedQAReader(path).index()


@pytest.mark.parametrize("name", ["ori_pqal.json", "test_ground_truth.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"truncated", b"\xff\xfe"])
def test_empty_and_damaged_json_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = pubmedqa.write(tmp_path) / "data" / name
    path.write_bytes(path.read_bytes()[:-40] if content == b"truncated" else content)
    with pytest.raises(ValueError, match=rf"{name}: expected a (whole )?JSON"):
        text.PubMedQAReader(tmp_path).index()


def test_a_missing_ground_truth_is_refused(tmp_path: Path) -> None:
    (pubmedqa.write(tmp_path) / "data/test_ground_truth.json").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"Expected the file data/test_ground_truth\.json or test_ground_truth\.json in"
    ):
        text.PubMedQAReader(tmp_path).index()


def test_the_real_questions(multimed_data: Path) -> None:
    if not (multimed_data / "pubmedqa").is_dir():
        pytest.skip("needs pubmedqa/ below MULTIMED_DATA")
    reader = text.PubMedQAReader(multimed_data / "pubmedqa")
    entries = reader.index()
    counts = Counter((entry.split, entry.stratum) for entry in entries)
    assert [counts["test", answer] for answer in ("yes", "no", "maybe")] == [276, 169, 55]
    assert [counts["validation", answer] for answer in ("yes", "no", "maybe")] == [41, 25, 8]
    items = json.loads((multimed_data / "pubmedqa/data/ori_pqal.json").read_text())
    shared = 0
    for entry, row in zip(entries, reader.read(entries), strict=True):
        item = items[entry.key]
        assert row["text"] == " ".join(item["CONTEXTS"])
        shared += any(sentence in row["text"] for sentence in sentences(item["LONG_ANSWER"]))
    # One abstract says two sentences of its conclusion among its results as well.
    assert shared <= 1


# Both


def test_building_both_sources(tmp_path: Path, build) -> None:
    folders = {"openi_reports": openi_reports.write(tmp_path), "pubmedqa": pubmedqa.write(tmp_path)}
    builder, rows = build("text", sources=tuple(folders), data_dirs={name: str(path) for name, path in folders.items()})
    assert set(builder.notes) == set(folders) and not any(builder.missing_splits.values())
    assert Counter(row["source"] for row in rows) == {"openi_reports": 40, "pubmedqa": 48}
    for row in rows:
        states = set(row["report_findings"].values())
        if row["source"] == "pubmedqa":
            assert states == {-1} and row["answer"] in row["choices"]
        else:
            # The labels of another source are not asked.
            asked = {row["report_findings"][name] for name in OPENI_FINDINGS}
            assert (
                asked <= {0, 1}
                and states - asked <= {-1}
                and row["choices"] == []
                and row["question"] == row["answer"] == ""
            )
    assert {row["split"] for row in rows if row["source"] == "openi_reports"} == {"train", "validation", "test"}
