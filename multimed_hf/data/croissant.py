"""The Croissant description of a built folder: a pure function of the manifest, for machines what the card is for people.

Croissant 1.1 (http://mlcommons.org/croissant/1.1) with the properties for responsible AI that NeurIPS asks of data sets:
those of http://mlcommons.org/croissant/RAI/1.0, `rai:hasSyntheticData`, and where the data come from in the words of PROV.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..columns import LISTED, Column
from ..sources import Source, get_source
from ..subsets import get_subset
from .manifest import Manifest, SubsetRecord, replace_text
from .responsible_ai import responsible_ai

CROISSANT_NAME = "croissant.json"

_REPOSITORY = "repository"
"""Of the published data, the FileObject that stands for the whole repository."""

# The context of the specification, so that readers know every short name.
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{
        name: f"cr:{name}"
        for name in (
            "arrayShape citeAs column containedIn equivalentProperty extract field fileObject fileProperty fileSet format "
            "includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace "
            "samplingRate separator source subField transform"
        ).split()
    },
}

_TYPES = {"string": "sc:Text", "bool": "sc:Boolean", "float32": "cr:Float32", "int16": "cr:Int16", "int32": "cr:Int32"}

_SPLIT_KINDS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}

_NOT_SPDX = "the terms of the sources, each of which has its own: see README.md"


def croissant(manifest: Manifest, address: str = "") -> dict[str, Any]:
    """What `croissant.json` holds: every file with its hash, every subset with its columns, and where the rows come from.

    Args:
        manifest: what was built, at least one subset.
        address: where the folder is published, as `https://huggingface.co/datasets/<org>/<name>`; empty for one on a disk,
            whose files are named as they lie beside `croissant.json`. There is no date: the same files have the same
            description.
    """
    records = {name: manifest.subsets[name] for name in sorted(manifest.subsets)}
    sources = [get_source(name, source) for name, record in records.items() for source in record.sources]
    synthetic = ["synthetic data"] if any(source.synthetic for source in sources) else []
    newest = max((record.version for record in records.values()), key=_numbers)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": "multimed",
        "description": "Medical data of many modalities, one record set per kind: "
        + ", ".join(f"{name} ({get_subset(name).title.lower()})" for name in records)
        + ". Research data, not for decisions about a person.",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "version": newest,
        "license": _licences(sources),
        "citeAs": " ".join(dict.fromkeys(f"{source.citation.rstrip('.')}." for source in sources)),
        "creator": {"@type": "sc:Organization", "name": "The multimed_hf contributors"},
        "keywords": ["medical", "multimodal", *records, *synthetic],
        "inLanguage": "en",
        "isLiveDataset": False,
        **({"url": address} if address else {}),
        **responsible_ai(sources, records),
        "distribution": list(_distribution(records, address)),
        "recordSet": [
            _splits(records),
            *(part for name, record in records.items() for part in _record_sets(name, record)),
        ],
    }


def render_croissant(manifest: Manifest, address: str = "") -> str:
    """`croissant` as the text of the file."""
    return json.dumps(croissant(manifest, address), indent=2, ensure_ascii=False) + "\n"


def write_croissant(out: Path, manifest: Manifest) -> None:
    """Puts the description of `manifest` into `out`, whole or not at all; without subsets there is none."""
    if manifest.subsets:
        replace_text(out / CROISSANT_NAME, render_croissant(manifest))
    else:
        (out / CROISSANT_NAME).unlink(missing_ok=True)


def hashes_in_croissant(out: str | os.PathLike[str]) -> dict[str, str]:
    """The files that the description in `out` lists, with their hashes; empty without one.

    Raises:
        ValueError: it is none.
    """
    path = Path(out) / CROISSANT_NAME
    if not path.is_file():
        return {}
    try:
        distribution = json.loads(path.read_text(encoding="utf-8"))["distribution"]
        return {part["@id"]: part["sha256"] for part in distribution if part["@type"] == "cr:FileObject"}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no description in the words of Croissant ({error}): build again.") from None


def _numbers(version: str) -> list[int]:
    return [int(part) if part.isdigit() else -1 for part in version.split(".")]


def _licences(sources: Sequence[Source]) -> list[str]:
    """Addresses of the SPDX licences, and a sentence where there are others."""
    names = list(dict.fromkeys(source.licence for source in sources))
    known = [f"https://spdx.org/licenses/{name}.html" for name in names if not name.startswith("unknown")]
    return [*known, *([_NOT_SPDX] if len(known) < len(names) else [])]


def _distribution(records: Mapping[str, SubsetRecord], address: str) -> Iterator[dict[str, Any]]:
    """Every file with its hash, and for each subset the set of its Parquet files, which its record set reads."""
    if address:
        yield {
            "@type": "cr:FileObject",
            "@id": _REPOSITORY,
            "name": _REPOSITORY,
            "description": "The repository as a whole; its files have hashes of their own below.",
            "contentUrl": address,
            "encodingFormat": "git+https",
            # A repository has no hash of its own; the specification's issue 80 says so, and readers know this address.
            "sha256": "https://github.com/mlcommons/croissant/issues/80",
        }
    for name, record in records.items():
        for path, file in record.files.items():
            yield {
                "@type": "cr:FileObject",
                "@id": path,
                "name": path,
                "contentUrl": f"{address}/resolve/main/{path}" if address else path,
                "contentSize": f"{file.size} B",
                "encodingFormat": "application/x-parquet" if path.endswith(".parquet") else "text/csv",
                "sha256": file.sha256,
            }
        yield {
            "@type": "cr:FileSet",
            "@id": f"{name}-files",
            "name": f"{name}-files",
            "description": f"All Parquet files of {name}.",
            **({"containedIn": {"@id": _REPOSITORY}} if address else {}),
            "encodingFormat": "application/x-parquet",
            "includes": [f"{name}/{split}-*.parquet" for split in record.rows],
        }


def _splits(records: Mapping[str, SubsetRecord]) -> dict[str, Any]:
    names = [name for name in _SPLIT_KINDS if any(name in record.rows for record in records.values())]
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "The splits; a group stands in one of them.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": "sc:URL"},
        ],
        "data": [{"splits/name": name, "splits/url": _SPLIT_KINDS[name]} for name in names],
    }


def _record_sets(name: str, record: SubsetRecord) -> Iterator[dict[str, Any]]:
    """The rows of a subset, and what its index columns count."""
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    features = DatasetInfosDict.from_dataset_card_data(DatasetCardData(dataset_info=[record.dataset_info]))[
        name
    ].features
    declared = {column.name: column for column in get_subset(name).columns}
    rows = ", ".join(f"{count} {split}" for split, count in record.rows.items())
    yield {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{get_subset(name).title}, from {', '.join(record.sources)}. Rows: {rows}.",
        "key": {"@id": f"{name}/id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/split",
                "name": "split",
                "description": "The split, from the name of the file.",
                "dataType": "sc:Text",
                # It also takes what it gives: mlcroissant transforms once more where it joins.
                "source": {
                    "fileSet": {"@id": f"{name}-files"},
                    "extract": {"fileProperty": "fullpath"},
                    "transform": {"regex": rf"(?:.*{name}/)?({'|'.join(record.rows)})(?:-\d+-of-\d+\.parquet)?$"},
                },
                "references": {"field": {"@id": "splits/name"}},
            },
            *(_field(f"{name}/{column}", declared[column], feature) for column, feature in features.items()),
        ],
    }
    for kind, listed in LISTED.items():
        path = f"{name}/{kind}.csv"
        if path in record.files:
            yield _list(path, listed)


def _field(identity: str, column: Column, feature: Any) -> dict[str, Any]:
    """One column; what it holds decides its type, what was declared its description.

    `mlcroissant` reads every type that occurs. Where it needs more than the specification asks, a comment says so.
    """
    import datasets

    described = f"{column.meaning}{f' ({column.unit})' if column.unit else ''}"
    source = {"fileSet": {"@id": f"{identity.partition('/')[0]}-files"}, "extract": {"column": column.name}}
    common = {"@type": "cr:Field", "@id": identity, "name": column.name}
    if isinstance(feature, dict):
        parts = [_part(identity, column.name, label, source, states) for label, states in feature.items()]
        return {**common, "description": described, "subField": parts}
    if isinstance(feature, datasets.ClassLabel):
        described = f"{described}; {_classes(feature)}"
    lengths = []
    while isinstance(feature, datasets.List):
        lengths.append(feature.length)
        feature = feature.feature
    if isinstance(feature, datasets.Image):
        source = {**source, "transform": {"jsonPath": "bytes"}}
    array: dict[str, Any] = {}
    if lengths:
        array = {"isArray": True, "arrayShape": ",".join(str(length) for length in lengths)}
    if lengths and isinstance(feature, datasets.Image):
        # mlcroissant decodes the images of a list one by one only where the field also says so in the words of 1.0.
        array["repeated"] = True
    return {**common, "description": described, "dataType": _data_type(feature), **array, "source": source}


def _part(identity: str, column: str, label: str, source: Mapping[str, Any], states: Any) -> dict[str, Any]:
    """One field of a struct, which holds a class."""
    return {
        "@type": "cr:Field",
        # White space is not allowed in names that others refer to.
        "@id": f"{identity}/{label.replace(' ', '_')}",
        "name": label,
        "description": _classes(states),
        "dataType": _data_type(states),
        "source": {**source, "transform": {"jsonPath": f'"{label}"'}},
    }


def _classes(feature: Any) -> str:
    """The numbers of classes in words: a reference to a record set of labels would drop the rows of class -1 in a join."""
    return ", ".join(["-1 none", *(f"{index} {name}" for index, name in enumerate(feature.names))])


def _data_type(feature: Any) -> str:
    import datasets

    if isinstance(feature, datasets.Image):
        return "sc:ImageObject"
    return "cr:Int64" if isinstance(feature, datasets.ClassLabel) else _TYPES[feature.dtype]


def _list(path: str, listed: str) -> dict[str, Any]:
    """What index columns count, from a CSV file."""
    identity = path.removesuffix(".csv")
    columns = {
        "index": ("the number that stands in the rows", "sc:Integer"),
        listed: ("what it stands for", "sc:Text"),
        "source": ("the sources that have it, separated by semicolons", "sc:Text"),
    }
    return {
        "@type": "cr:RecordSet",
        "@id": identity,
        "name": identity,
        "key": {"@id": f"{identity}/index"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{identity}/{column}",
                "name": column,
                "description": meaning,
                "dataType": kind,
                "source": {"fileObject": {"@id": path}, "extract": {"column": column}},
            }
            for column, (meaning, kind) in columns.items()
        ],
    }
