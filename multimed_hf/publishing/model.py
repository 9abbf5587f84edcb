"""A checkpoint as a repository: weights, processor, the code that they need, where it comes from and what it scored."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.card import CARD_NAME
from ..data.manifest import replace_text
from ..licences import strictest_licence
from .cards import model_card
from .plan import LeftOut, Plan, from_folder
from .terms import sources_of_checkpoint, terms_of_checkpoint, training_record

if TYPE_CHECKING:
    from ..evaluation.results import Result

RESULTS_NAME, PICTURE_NAME = "results.json", "results.png"

_OWNED = ("*.safetensors", "*.safetensors.index.json", "*.py", "*/tokenizer*.json")
_KEPT = ("version", "data", "shots", "lora", "seed")


def plan_model(checkpoint: str | os.PathLike[str], staging: Path, repo: str) -> Plan:
    """What of a checkpoint is published. Low-rank adapters are merged into their base.

    Args:
        checkpoint: a folder that `multimed train` wrote.
        staging: an empty folder for what is published.
        repo: name of the repository, `<organisation>/<name>`.

    Raises:
        FileNotFoundError: it is no checkpoint.
        ValueError: what it was trained on is unknown, or may not be published.
    """
    from ..training.runs import RECORD_NAME

    folder = Path(checkpoint)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"Expected the folder of a checkpoint, found none at {folder}: run multimed train first."
        )
    record, sources = training_record(folder), sources_of_checkpoint(folder)
    # Before seconds are spent on the weights.
    terms_of_checkpoint(sources, [])
    model = _stage(folder, staging)
    terms = terms_of_checkpoint(sources, [entry["model"] for entry in model.config.encoders or ()])
    # Only what says how it came about: settings and earlier checkpoints may hold paths of the machine it was made on.
    kept = {**{key: record[key] for key in _KEPT if key in record}, "sources": sources}
    replace_text(staging / RECORD_NAME, json.dumps(kept, indent=2) + "\n")
    results, left_out = _stage_results(folder, staging, repo)
    picture = PICTURE_NAME if (staging / PICTURE_NAME).is_file() else ""
    card = model_card(repo, model.config, terms, results, record, model.num_parameters(), picture)
    replace_text(staging / CARD_NAME, card)
    files = from_folder(staging)
    taken = {file.path for file in files} | {"adapter_config.json", "adapter_model.safetensors"}
    left_out += [
        LeftOut(file.path, "no part of the model, its processor or its results")
        for file in from_folder(folder)
        if file.path not in taken
    ]
    return Plan("model", repo, strictest_licence(terms.values()), terms, files, tuple(left_out), _OWNED)


def _stage(checkpoint: Path, staging: Path) -> Any:
    """Saves model and processor with the code that loads them, and returns the model."""
    from ..models import MultiMedConfig, MultiMedForMultitask, MultiMedProcessor
    from ..training.checkpoint import load_checkpoint

    model, processor = load_checkpoint(checkpoint)
    classes = {MultiMedConfig: "AutoConfig", MultiMedForMultitask: "AutoModel", MultiMedProcessor: "AutoProcessor"}
    with _travelling(classes):
        model.save_pretrained(staging)
        processor.save_pretrained(staging)
    return model


@contextmanager
def _travelling(classes: dict[Any, str]) -> Iterator[None]:
    """Lets these classes be saved with their code, for as long as this lasts: other checkpoints stay as they are."""
    before = {each: each.__dict__.get("_auto_class") for each in classes}
    for each, auto in classes.items():
        each.register_for_auto_class(auto)
    try:
        yield
    finally:
        for each, was in before.items():
            each._auto_class = was


def _stage_results(checkpoint: Path, staging: Path, repo: str) -> tuple[list[Result], list[LeftOut]]:
    """Copies results that lie in the checkpoint or beside it, under the name of the model, and their plot."""
    from ..evaluation.results import read_results, write_results

    for path in (checkpoint / RESULTS_NAME, checkpoint.resolve().parent / RESULTS_NAME):
        if path.is_file():
            results = read_results(path)
            # By run and folder: both may have moved since, or been named from elsewhere.
            others = {each.model for each in results if Path(each.model).parts[-2:] != checkpoint.resolve().parts[-2:]}
            if others:
                return [], [LeftOut(str(path), f"scores of {', '.join(sorted(others))}, not of this checkpoint")]
            write_results(staging / RESULTS_NAME, [replace(each, model=repo) for each in results])
            if path.with_name(PICTURE_NAME).is_file():
                shutil.copyfile(path.with_name(PICTURE_NAME), staging / PICTURE_NAME)
            return results, []
    return [], []
