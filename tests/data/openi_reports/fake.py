"""A made-up `NLMCXR_reports.tgz` in its official layout: one XML file a report, in one folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from xml.sax.saxutils import escape

PHRASES = {
    "normal": "The heart is normal in size. The lungs are clear.",
    "Cardiomegaly/mild": "The heart is mildly enlarged.",
    "Opacity/lung/base/right": "There is an opacity at the right base.",
    "Pulmonary Emphysema": "The lungs are hyperexpanded with flat diaphragms.",
    "Pleural Effusion/left": "There is blunting of the left costophrenic angle.",
}


def report(number: int, findings: str, headings: list[str], impression: str = "See above.") -> bytes:
    """One XML file, with the parts of the official ones that matter."""
    major = "".join(f"\n      <major>{escape(heading)}</major>\n" for heading in headings)
    return f"""<?xml version="1.0" encoding="utf-8"?>
<eCitation>
   <meta type="rr"/>
   <uId id="CXR{number}"/>
   <MedlineCitation Owner="Indiana University" Status="supplied by publisher">
      <Article PubModel="Electronic">
         <Abstract>
            <AbstractText Label="COMPARISON">None.</AbstractText>
            <AbstractText Label="INDICATION">Chest pain</AbstractText>
            <AbstractText Label="FINDINGS">{escape(findings)}</AbstractText>
            <AbstractText Label="IMPRESSION">{escape(impression)}</AbstractText>
         </Abstract>
      </Article>
   </MedlineCitation>
   <MeSH>{major}
      <automatic>made up</automatic>
   </MeSH>
</eCitation>
""".encode()


def reports(count: int = 40) -> list[bytes]:
    """Reports of which every other is normal, the rest with one finding each; all texts differ."""
    abnormal = list(PHRASES)[1:]
    files = []
    for number in range(1, count + 1):
        heading = "normal" if number % 2 else abnormal[number // 2 % len(abnormal)]
        files.append(report(number, f"{PHRASES[heading]} Image {number}.", [heading]))
    return files


def write(folder: Path, files: list[bytes] | None = None) -> Path:
    """Writes the archive into `folder`."""
    path = folder / "NLMCXR_reports.tgz"
    with tarfile.open(path, "w:gz") as archive:
        top = tarfile.TarInfo("ecgen-radiology")
        top.type = tarfile.DIRTYPE
        archive.addfile(top)
        for number, content in enumerate(reports() if files is None else files, start=1):
            member = tarfile.TarInfo(f"ecgen-radiology/{number}.xml")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path
