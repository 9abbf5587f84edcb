"""The data set as a repository: the subsets whose terms allow it, with card, manifest and builder scripts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .. import resources
from ..data.card import CARD_NAME, render_card
from ..data.croissant import CROISSANT_NAME, render_croissant
from ..data.manifest import MANIFEST_NAME, Manifest, verify
from ..licences import strictest_licence
from ..sources import SOURCES
from ..subsets import SUBSETS
from .plan import LeftOut, Plan, PlannedFile, from_bytes
from .terms import objection

BUILDERS = "builders"
"""Folder of the scripts that built the subsets. Not the root: there, `datasets` would take one for a loading script."""


def plan_dataset(folder: str | os.PathLike[str], repo: str) -> Plan:
    """What of a built folder is published.

    A subset with a source whose terms forbid it is left out as a whole: rows of all sources share its files and its
    list of genes.

    Args:
        folder: what `multimed build` wrote.
        repo: name of the repository, `<organisation>/<name>`.

    Raises:
        FileNotFoundError: `folder` holds no manifest.
        ValueError: its files are not as they were built, or nothing of it may be published.
    """
    from huggingface_hub import constants

    problems = verify(folder)
    if problems:
        raise ValueError(f"{folder} is not as it was built: {problems[0]}")
    manifest = Manifest.read(folder)
    left_out = []
    for subset, record in manifest.subsets.items():
        reasons = [why for source in record.sources if (why := objection(subset, source))]
        if reasons:
            left_out.append(LeftOut(subset, "; ".join(reasons)))
    for each in left_out:
        manifest = manifest.without(each.what)
    if not manifest.subsets:
        why = "; ".join(f"{each.what}: {each.why}" for each in left_out) or "nothing is built"
        raise ValueError(f"Nothing of {folder} can be published: {why}.")
    files = [
        PlannedFile(path, Path(folder) / path, record)
        for subset in manifest.subsets.values()
        for path, record in subset.files.items()
    ]
    scripts = resources.folder("dataset_scripts")
    made = {f"{BUILDERS}/{subset}.py": (scripts / f"{subset}.py").read_bytes() for subset in manifest.subsets}
    made |= {
        CARD_NAME: render_card(manifest, repo).encode(),
        CROISSANT_NAME: render_croissant(manifest, f"{constants.ENDPOINT}/datasets/{repo}").encode(),
        MANIFEST_NAME: _manifest_text(manifest),
    }
    files += [from_bytes(path, content) for path, content in made.items()]
    terms = {
        f"{subset}/{source}": SOURCES[subset, source].licence
        for subset, record in manifest.subsets.items()
        for source in record.sources
    }
    return Plan(
        "dataset",
        repo,
        strictest_licence(terms.values()),
        terms,
        tuple(sorted(files, key=lambda file: file.path)),
        tuple(left_out),
        owned=(*(f"{subset}/*" for subset in SUBSETS), f"{BUILDERS}/*"),
    )


def _manifest_text(manifest: Manifest) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        manifest.write(Path(folder))
        return (Path(folder) / MANIFEST_NAME).read_bytes()
