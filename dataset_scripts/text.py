"""`text`: chest radiograph reports with indexed findings (Open-i) and yes / no / maybe questions (PubMedQA)."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.files import release_file
from multimed_hf.data.reader import SourceReader
from multimed_hf.data.splits import Entry
from multimed_hf.data.synthetic import synthetic_reader
from multimed_hf.wording import counted


@dataclass(frozen=True)
class Report:
    """One report: its `uid`, its FINDINGS with white space folded, and its major MeSH `headings`, lower case, bare."""

    uid: str
    findings: str
    headings: frozenset[str]

    @property
    def indexed(self) -> bool:
        """Whether an indexer read it."""
        return bool(self.headings) and "no indexing" not in self.headings


def parse_report(xml: bytes) -> Report:
    """One file of the Open-i release.

    Of the sections only FINDINGS is read: the impression and the indication give the findings away.

    Raises:
        ValueError: not an `eCitation` with a `uId`.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise ValueError(f"expected XML, found a damaged file ({error})") from error
    identity = root.find("uId")
    if root.tag != "eCitation" or identity is None or not identity.get("id"):
        raise ValueError(f"expected an 'eCitation' with a 'uId', found {root.tag!r}")
    sections = [section for section in root.iter("AbstractText") if section.get("Label") == "FINDINGS"]
    headings = ("".join(heading.itertext()).split("/")[0] for heading in root.iterfind("MeSH/major"))
    return Report(
        uid=identity.get("id", ""),
        findings=" ".join(" ".join("".join(section.itertext()) for section in sections).split()),
        headings=frozenset(" ".join(heading.split()).lower() for heading in headings),
    )


class OpeniReportsReader(SourceReader):
    """The Indiana University reports of Open-i: one archive of XML files, streamed and never unpacked."""

    subset = "text"
    name = "openi_reports"
    carrier = ("torchxrayvision", "data/NLMCXR_reports.tgz")

    # Headings that mean a finding besides its own name.
    SYNONYMS = {"emphysema": {"pulmonary emphysema"}}

    def index(self) -> list[Entry]:
        entries: list[Entry] = []
        normal_of: defaultdict[str, set[bool]] = defaultdict(set)
        seen: set[str] = set()
        silent = unindexed = 0
        for name, report in self._reports():
            if report.uid in seen:
                raise ValueError(f"{self._path}: expected each report once, found {report.uid!r} twice.")
            seen.add(report.uid)
            if not report.findings:
                silent += 1
            elif not report.indexed:
                unindexed += 1
            else:
                # Many normal reports share their words: were the text not the group, copies would stand on both sides.
                group = hashlib.sha1(report.findings.lower().encode(), usedforsecurity=False).hexdigest()
                normal = "normal" in report.headings
                normal_of[group].add(normal)
                entries.append(Entry(name, group, "normal" if normal else "other"))
        if not seen:
            raise ValueError(f"{self._path}: expected XML reports, found none.")
        self.notes.append(
            f"{silent:,} of {counted(len(seen), 'report')} without FINDINGS and {unindexed:,} more not indexed: left out; "
            f"{len(entries):,} remain."
        )
        self.notes.append(
            f"{counted(len(entries) - len(normal_of), 'row')} with the text of another and in its group; "
            f"{counted(sum(len(labels) > 1 for labels in normal_of.values()), 'such text')} indexed as normal and as not."
        )
        return entries

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        reports = dict(self._reports({str(entry.key) for entry in entries}))
        for entry in entries:
            report = reports[str(entry.key)]
            yield {
                "id": f"{self.name}/{report.uid}",
                "has_text": True,
                "text": report.findings,
                "report_findings": {
                    label: "present" if report.headings & {label, *self.SYNONYMS.get(label, ())} else "absent"
                    for label in self.source.targets[0].labels
                },
            }

    def _reports(self, names: set[str] | None = None) -> Iterator[tuple[str, Report]]:
        """Member names and reports in the order of the archive: all, or only the members called `names`."""
        path = self._path
        try:
            # Unlike tarfile's own decompression, gzip's tells a truncated archive from a short one.
            with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    if member.isdir():
                        continue
                    file = archive.extractfile(member) if member.isreg() else None
                    if file is None:
                        raise ValueError(f"{path}: expected plain files, found the link or device {member.name!r}.")
                    if member.name.endswith(".xml") if names is None else member.name in names:
                        try:
                            yield member.name, parse_report(file.read())
                        except ValueError as error:
                            raise ValueError(f"{path}, {member.name}: {error}.") from error
        except (EOFError, OSError, tarfile.TarError, zlib.error) as error:
            raise ValueError(f"{path}: expected a whole .tgz archive, found a damaged one ({error}).") from error

    @property
    def _path(self) -> Path:
        return release_file(self.location, "NLMCXR_reports.tgz")


class PubMedQAReader(SourceReader):
    """PubMedQA's labelled questions. The conclusion, LONG_ANSWER, gives the answer away: it is never read."""

    subset = "text"
    name = "pubmedqa"
    layout = "pubmedqa"

    ANSWERS = ("yes", "no", "maybe")

    def index(self) -> list[Entry]:
        questions = self._questions()
        path = self._find("test_ground_truth.json")
        test = _read_json(path)
        for pmid, answer in test.items():
            if pmid not in questions:
                raise ValueError(f"{path}: expected ids of ori_pqal.json, found {pmid!r}.")
            if answer != questions[pmid]["final_decision"]:
                raise ValueError(
                    f"{path}: expected the final_decision of ori_pqal.json, found {answer!r} for {pmid!r}."
                )
        split_of = dict.fromkeys(test, "test")
        for answer in self.ANSWERS:
            rest = [pmid for pmid, item in questions.items() if item["final_decision"] == answer and pmid not in test]
            rest.sort(key=lambda pmid: hashlib.sha256(pmid.encode()).digest())
            # 3 of 20, spread evenly and train first.
            split_of |= {pmid: "validation" if (rank + 1) * 3 % 20 < 3 else "train" for rank, pmid in enumerate(rest)}
        sizes = Counter(split_of.values())
        self.notes.append(
            f"{sizes['test']} test questions are the official ones; of the other {len(questions) - sizes['test']}, "
            f"{sizes['train']} were drawn for train and {sizes['validation']} for validation, stratified by answer."
        )
        return [
            Entry(pmid, f"{self.name}/{pmid}", item["final_decision"], split_of[pmid])
            for pmid, item in questions.items()
        ]

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        questions = self._questions()
        for entry in entries:
            item = questions[str(entry.key)]
            yield {
                "id": entry.group,
                "has_text": True,
                "text": " ".join(item["CONTEXTS"]),
                "question": item["QUESTION"],
                "choices": list(self.ANSWERS),
                "answer": item["final_decision"],
                "answer_type": "closed",
            }

    def _questions(self) -> dict[str, dict[str, Any]]:
        """The questions by PubMed id, with the fields that a row may see."""
        path = self._find("ori_pqal.json")
        questions = {}
        for pmid, item in _read_json(path).items():
            where = f"{path}, question {pmid!r}"
            missing = {"QUESTION", "CONTEXTS", "final_decision"} - (item.keys() if isinstance(item, dict) else set())
            if missing:
                raise ValueError(f"{where}: expected QUESTION, CONTEXTS and final_decision, lacks {sorted(missing)}.")
            question, contexts, answer = item["QUESTION"], item["CONTEXTS"], item["final_decision"]
            if not isinstance(contexts, list) or not contexts or not all(map(_is_text, (question, *contexts))):
                raise ValueError(f"{where}: expected a text as QUESTION and a list of texts as CONTEXTS, found others.")
            if answer not in self.ANSWERS:
                raise ValueError(f"{where}: expected final_decision among {', '.join(self.ANSWERS)}, found {answer!r}.")
            questions[pmid] = {"QUESTION": question, "CONTEXTS": contexts, "final_decision": answer}
        return questions

    def _find(self, name: str) -> Path:
        folder = self.location.parent if self.location is not None and self.location.is_file() else self.location
        return release_file(folder, f"data/{name}", name)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: expected a whole JSON file, found a damaged one ({error}).") from error
    if not isinstance(content, dict) or not content:
        raise ValueError(
            f"{path}: expected a JSON object with one member per PubMed id, found {type(content).__name__}."
        )
    return content


SyntheticReader = synthetic_reader("text")


class Builder(MultiMedBuilder):
    """Builds `text`."""

    subset = "text"
    readers = (OpeniReportsReader, PubMedQAReader, SyntheticReader)
