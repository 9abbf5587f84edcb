"""The data card: a pure function of the manifest, which `load_dataset` reads for configurations and typed features."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import resources
from ..sources import get_source
from ..subsets import get_subset
from .manifest import Manifest, SubsetRecord, replace_text

CARD_NAME = "README.md"

_FINGERPRINT = "fingerprint "

# From the freest to the strictest; what is not listed, 'unknown: ...' above all, is stricter than any of these.
_LICENCES = (
    "CC0-1.0",
    "MIT",
    "BSD-3-Clause",
    "Apache-2.0",
    "ODC-By-1.0",
    "CC-BY-4.0",
    "GPL-2.0-only",
    "CC-BY-NC-ND-4.0",
)
# Names of the Hub where they are not the SPDX name in lower case.
_HUB_LICENCES = {"GPL-2.0-only": "gpl-2.0", "ODC-By-1.0": "odc-by"}

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")


def strictest_licence(licences: Iterable[str]) -> str:
    """The licence that binds whoever uses material under all of them.

    Args:
        licences: SPDX names, or 'unknown: <what to check>', which is stricter than any; at least one.
    """
    return max(licences, key=lambda licence: _LICENCES.index(licence) if licence in _LICENCES else len(_LICENCES))


def render_card(manifest: Manifest) -> str:
    """The text of the card: a YAML head that `datasets` and the Hub read, and a body for people.

    Every configuration carries the fingerprint of its files, so that the cache of `datasets`, whose key for a local
    folder is made of this head alone, never serves the rows of an earlier build.

    Args:
        manifest: what was built, at least one subset.
    """
    from huggingface_hub import DatasetCard, DatasetCardData

    names = sorted(manifest.subsets)
    licences = [get_source(name, source).licence for name in names for source in manifest.subsets[name].sources]
    synthetic = any(get_source(name, source).synthetic for name in names for source in manifest.subsets[name].sources)
    rows = sum(sum(record.rows.values()) for record in manifest.subsets.values())
    data = DatasetCardData(
        license=_hub_licence(licences),
        language=["en"],
        pretty_name="MultiMed",
        size_categories=[_SIZES[min(max(len(str(rows)) - 3, 0), len(_SIZES) - 1)]],
        tags=["medical", "multimodal", *(["synthetic"] if synthetic else [])],
        configs=[_config(name, manifest.subsets[name]) for name in names],
        dataset_info=[manifest.subsets[name].dataset_info for name in names],
    )
    card = DatasetCard.from_template(
        data,
        template_path=str(resources.folder("model_cards") / "dataset_card.md"),
        subsets=[_view(name, manifest.subsets[name]) for name in names],
        strictest=strictest_licence(licences),
    )
    return card.content


def write_card(out: Path, manifest: Manifest) -> None:
    """Puts the card of `manifest` into `out`, whole or not at all; without subsets there is none."""
    if manifest.subsets:
        replace_text(out / CARD_NAME, render_card(manifest))
    else:
        (out / CARD_NAME).unlink(missing_ok=True)


def fingerprints_in_card(out: str | os.PathLike[str]) -> dict[str, str]:
    """The subsets that the card of `out` lists, with their fingerprints; empty without a card."""
    from huggingface_hub import DatasetCard

    path = Path(out) / CARD_NAME
    if not path.is_file():
        return {}
    configs = DatasetCard.load(path).data.to_dict().get("configs", [])
    return {config["config_name"]: config.get("description", "").removeprefix(_FINGERPRINT) for config in configs}


def _config(name: str, record: SubsetRecord) -> dict[str, Any]:
    return {
        "config_name": name,
        "version": record.version,
        # A description is no more than a remark to `datasets`, but part of the cache key.
        "description": f"{_FINGERPRINT}{record.fingerprint}",
        "data_files": [{"split": split, "path": f"{name}/{split}-*"} for split in record.rows],
    }


def _hub_licence(licences: list[str]) -> str:
    """The Hub's name of the one licence of all sources, 'other' if there are several or it is unknown."""
    distinct = set(licences)
    if len(distinct) > 1 or not distinct <= set(_LICENCES):
        return "other"
    licence = distinct.pop()
    return _HUB_LICENCES.get(licence, licence.lower())


def _view(name: str, record: SubsetRecord) -> dict[str, Any]:
    """What the template shows of one subset."""
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    info = DatasetInfosDict.from_dataset_card_data(DatasetCardData(dataset_info=[record.dataset_info]))[name]
    declared = {column.name: column for column in get_subset(name).columns}
    columns = [declared[column] for column in info.features if column in declared]
    return {
        "subset": get_subset(name),
        "record": record,
        "sources": [(get_source(name, source), given) for source, given in record.sources.items()],
        "columns": columns,
        "labels": {column.name: _labels(info.features[column.name]) for column in columns if "class" in column.dtype},
    }


def _labels(feature: Any) -> list[str]:
    """Label names of a `ClassLabel`, or of a struct with one field per label."""
    return list(feature) if isinstance(feature, dict) else feature.names
