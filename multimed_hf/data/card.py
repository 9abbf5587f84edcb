"""The data card: a pure function of the manifest, which `load_dataset` reads for configurations and typed features."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import resources
from ..licences import hub_licence, strictest_licence
from ..sources import get_source
from ..subsets import get_subset
from ..wording import CITATION
from .manifest import Manifest, SubsetRecord, replace_text
from .responsible_ai import LIMITS, responsible_ai

CARD_NAME = "README.md"

_FINGERPRINT = "fingerprint "

# Subset to the Hub's word for what is asked of it; it has none for signals, cells and sequences.
_CATEGORIES = {
    **dict.fromkeys(("oct", "xray", "bone_age", "fundus", "ct", "mri", "pathology"), "image-classification"),
    "text": "question-answering",
    "vqa": "visual-question-answering",
}

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")


def render_card(manifest: Manifest, repo: str = "multimed") -> str:
    """The text of the card: a YAML head that `datasets` and the Hub read, and a body for people.

    Every configuration carries the fingerprint of its files, so that the cache of `datasets`, whose key for a local
    folder is made of this head alone, never serves the rows of an earlier build.

    Args:
        manifest: what was built, at least one subset.
        repo: what `load_dataset` is given: `<organisation>/<name>` of the Hub, or the name of a folder.
    """
    from huggingface_hub import DatasetCard, DatasetCardData

    names = sorted(manifest.subsets)
    sources = [get_source(name, source) for name in names for source in manifest.subsets[name].sources]
    licences = [source.licence for source in sources]
    synthetic = [source.synthetic for source in sources]
    hub = hub_licence(licences)
    rows = sum(sum(record.rows.values()) for record in manifest.subsets.values())
    data = DatasetCardData(
        license=hub,
        **_other_licence(repo, hub),
        language=["en"],
        pretty_name="MultiMed",
        size_categories=[_SIZES[min(max(len(str(rows)) - 3, 0), len(_SIZES) - 1)]],
        task_categories=_categories(names) or None,
        tags=["medical", "multimodal", *_modalities(names), *(["synthetic"] if any(synthetic) else [])],
        configs=[_config(name, manifest.subsets[name]) for name in names],
        dataset_info=[manifest.subsets[name].dataset_info for name in names],
    )
    card = DatasetCard.from_template(
        data,
        template_path=str(resources.folder("model_cards") / "dataset_card.md"),
        subsets=[_view(name, manifest.subsets[name]) for name in names],
        strictest=strictest_licence(licences),
        repo=repo,
        first=names[0],
        synthetic=any(synthetic),
        all_synthetic=all(synthetic),
        limits=LIMITS,
        responsible=responsible_ai(sources, manifest.subsets),
        citation=CITATION.strip(),
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


def _other_licence(repo: str, licence: str) -> dict[str, Any]:
    """Name and place that the Hub asks for where a licence is none of those it knows."""
    if licence != "other":
        return {}
    place = f"https://huggingface.co/datasets/{repo}" if "/" in repo else CARD_NAME
    return {"license_name": "that-of-each-source", "license_link": f"{place}#licences"}


def _modalities(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(modality for name in names for modality in get_subset(name).modalities))


def _categories(names: Sequence[str]) -> list[str]:
    """The Hub's words for the tasks, as far as it has any."""
    return list(dict.fromkeys(_CATEGORIES[name] for name in names if name in _CATEGORIES))


def _config(name: str, record: SubsetRecord) -> dict[str, Any]:
    return {
        "config_name": name,
        "version": record.version,
        # A description is no more than a remark to `datasets`, but part of the cache key.
        "description": f"{_FINGERPRINT}{record.fingerprint}",
        "data_files": [{"split": split, "path": f"{name}/{split}-*"} for split in record.rows],
    }


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
        "tasks": list(
            dict.fromkeys(target.task for source in record.sources for target in get_source(name, source).targets)
        ),
        "columns": columns,
        "labels": {column.name: _labels(info.features[column.name]) for column in columns if "class" in column.dtype},
    }


def _labels(feature: Any) -> list[str]:
    """Label names of a `ClassLabel`, or of a struct with one field per label."""
    return list(feature) if isinstance(feature, dict) else feature.names
