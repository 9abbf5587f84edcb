"""What the terms of the sources let anyone publish: rows, and checkpoints that were trained on them.

Whether rows of a source may be published is a fact of `multimed_hf.sources`. What is made of rows, be it a list of
genes, an embedding or a checkpoint, is treated as they are; what comes from nobody knows where is not published.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..sources import SOURCES

ENCODER_LICENCES = {
    "facebook/esm2_t6_8M_UR50D": "MIT",
    "facebook/esm2_t12_35M_UR50D": "MIT",
    "sentence-transformers/all-MiniLM-L6-v2": "Apache-2.0",
    "google/vit-base-patch16-224-in21k": "Apache-2.0",
}
"""Pre-trained models of the Hub that may be part of a published checkpoint, to the licences on their cards."""


def objection(subset: str, source: str) -> str:
    """Why nothing that comes from this source may be published; empty if it may."""
    declared = SOURCES.get((subset, source))
    if declared is None:
        return f"{source} is no source that this version knows, so that its terms are unknown"
    if not declared.publishable:
        return f"the terms of {source} do not allow it ({declared.licence})"
    return ""


def training_record(checkpoint: Path) -> dict[str, Any]:
    """How a checkpoint was trained: `training.json` in its folder or beside it.

    Raises:
        ValueError: there is none that names sources.
    """
    from ..training.runs import RECORD_NAME

    for path in (checkpoint / RECORD_NAME, checkpoint.resolve().parent / RECORD_NAME):
        if path.is_file():
            try:
                record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                if record["sources"] and all(isinstance(names, list) for names in record["sources"].values()):
                    return record
            except (AttributeError, KeyError, TypeError, ValueError):
                pass
            raise ValueError(f"{path} does not name the sources of {checkpoint}: train it again with this version.")
    raise ValueError(
        f"Expected {RECORD_NAME} in {checkpoint} or beside it, found none: what it was trained on is unknown, so it is "
        "not published."
    )


def sources_of_checkpoint(checkpoint: Path) -> dict[str, list[str]]:
    """Subset name to the sources that a checkpoint, or a checkpoint it started from, was trained on.

    Raises:
        ValueError: what it, or one it started from, was trained on is unknown.
    """
    found: dict[str, dict[str, None]] = {}
    seen: set[Path] = set()
    current: Path | None = checkpoint
    while current is not None and current.resolve() not in seen:
        seen.add(current.resolve())
        record = training_record(current)
        for subset, names in record["sources"].items():
            found.setdefault(subset, {}).update(dict.fromkeys(names))
        start = record.get("start")
        if start is not None and not Path(start).is_dir():
            raise ValueError(
                f"{current} started from {start}, which is no folder here: what that was trained on is unknown, so it "
                "is not published."
            )
        current = None if start is None else Path(start)
    return {subset: list(names) for subset, names in found.items()}


def terms_of_checkpoint(sources: Mapping[str, list[str]], encoders: list[str]) -> dict[str, str]:
    """What a checkpoint is made of to its licence.

    Args:
        sources: as `sources_of_checkpoint` gives them.
        encoders: names of the pre-trained models that are part of it.

    Raises:
        ValueError: the terms of some part forbid to publish it, or are unknown.
    """
    terms = {}
    for subset, names in sources.items():
        for name in names:
            if why := objection(subset, name):
                raise ValueError(f"A checkpoint trained on {subset} from {name} is not published: {why}.")
            terms[f"{subset}/{name}"] = SOURCES[subset, name].licence
    for encoder in encoders:
        if encoder not in ENCODER_LICENCES:
            raise ValueError(
                f"A checkpoint with the pre-trained encoder {encoder} is not published: its licence is unknown. "
                f"Known are {', '.join(ENCODER_LICENCES)}."
            )
        terms[encoder] = ENCODER_LICENCES[encoder]
    return terms
