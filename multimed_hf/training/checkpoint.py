"""Models to train: new ones for the data at hand, and earlier checkpoints with heads for new tasks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.heads import Head
from ..data.samples import reads_reports
from ..sources import sources_of
from ..tasks import get_task
from .genes import GeneAlignment
from .tokenizer import train_tokenizer

if TYPE_CHECKING:
    import datasets

    from ..models import MultiMedForMultitask, MultiMedProcessor

Parts = Sequence[tuple[str, "datasets.Dataset"]]

BASE_NAME = "base"
"""Folder of the base model, beside the folder of its adapter."""

_TEXT_COLUMNS = ("question", "text", "choices")


def load_checkpoint(name: str | os.PathLike[str]) -> tuple[MultiMedForMultitask, MultiMedProcessor]:
    """Model and processor of a checkpoint; a LoRA adapter is merged into its base model.

    Args:
        name: a folder, or a model of the Hub.

    Raises:
        FileNotFoundError: it is neither, or the base of an adapter lies nowhere.
        ValueError: it is a model of another kind.
    """
    from transformers import AutoConfig
    from transformers.utils.peft_utils import find_adapter_config_file

    from ..models import MultiMedConfig, MultiMedForMultitask, MultiMedProcessor

    name = base = str(name)
    try:
        adapter = find_adapter_config_file(name)
        base = _base_of(name) if adapter else name
        config = AutoConfig.from_pretrained(base)
        if not isinstance(config, MultiMedConfig):
            raise ValueError(
                f"Expected a checkpoint of MultiMedForMultitask, got {base}, a {config.model_type!r} model."
            )
        model = MultiMedForMultitask.from_pretrained(base)
        processor = MultiMedProcessor.from_pretrained(name)
    except OSError as error:
        missing = Path(base).is_absolute() and not Path(base).is_dir()
        why = "there is no such folder." if missing else str(error).splitlines()[0]
        raise FileNotFoundError(f"Expected {base} to be a checkpoint folder or a model of the Hub: {why}") from error
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, name).merge_and_unload()
    return model, processor


def new_model(
    parts: Parts, heads: Sequence[Head], genes: Mapping[str, Sequence[str]], vocab_size: int, config: Mapping[str, Any]
) -> tuple[MultiMedForMultitask, MultiMedProcessor]:
    """A new model that reads what the rows carry and has all `heads`; pre-trained encoders alone have no random weights.

    Args:
        parts: `(subset, data)`, the rows to train on.
        heads: the heads.
        genes: subset name to its gene symbols.
        vocab_size: the most entries of the tokenizer.
        config: what `MultiMedConfig` should hold instead of its defaults.
    """
    from ..models import (
        MultiMedCellFeatureExtractor,
        MultiMedConfig,
        MultiMedForMultitask,
        MultiMedImageProcessor,
        MultiMedProcessor,
    )

    modalities = carried(parts)
    # A processor always has a tokenizer, be it for no more than the questions that the tasks ask.
    texts = list(_texts(parts)) or [get_task(head.task).summary for head in heads]
    tokenizer = train_tokenizer(texts, vocab_size)
    vocabulary = list(
        dict.fromkeys(symbol for subset, data in parts if carries(data, "scrna") for symbol in genes.get(subset, ()))
    )
    settings = {
        "modalities": modalities,
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "num_genes": max(1, len(vocabulary)),
        **config,
        "tasks": _entries(parts, heads, genes),
    }
    built = MultiMedConfig(**settings)
    processor = MultiMedProcessor.from_encoders(
        built,
        tokenizer,
        scrna_feature_extractor=MultiMedCellFeatureExtractor(vocabulary),
        patch_image_processor=MultiMedImageProcessor(
            built.image_size,
            built.image_patch_size,
            voxel_size=built.volume_voxel_size,
            volume_patch_size=built.volume_patch_size,
        ),
    )
    return MultiMedForMultitask.from_encoders(built), processor


def extended_model(
    start: str | os.PathLike[str],
    parts: Parts,
    heads: Sequence[Head],
    genes: Mapping[str, Sequence[str]],
    config: Mapping[str, Any],
) -> tuple[MultiMedForMultitask, MultiMedProcessor, list[str]]:
    """The checkpoint `start` with all its heads, and new ones for the `heads` that it lacks.

    Args:
        start: a folder, or a model of the Hub.
        parts: `(subset, data)`, the rows to train on.
        heads: the heads the rows ask for.
        genes: subset name to its gene symbols.
        config: dropout rates to change; the rest is the checkpoint's.

    Returns:
        Model, processor, and the names of the heads that are new.

    Raises:
        ValueError: the checkpoint lacks a modality of the data, a head of the same name asks something else, or
            `config` names what would change the shape of the network.
    """
    from ..models import MultiMedConfig, MultiMedForMultitask

    fixed = sorted(name for name in config if not name.endswith("dropout"))
    if fixed:
        raise ValueError(f"Expected only dropout rates in config with a start checkpoint, got {', '.join(fixed)}.")
    old, processor = load_checkpoint(start)
    modalities, tasks = list(old.config.modalities or ()), list(old.config.tasks or ())
    lacking = [name for name in carried(parts) if name not in modalities]
    if lacking:
        raise ValueError(
            f"The data carry {' and '.join(lacking)}, which {start} does not read "
            f"({', '.join(modalities)}): start from a checkpoint that does."
        )
    own = {task["name"]: task for task in tasks}
    entries = _entries(parts, heads, genes)
    for entry in entries:
        _check_same(start, own.get(entry["name"], entry), entry)
    added = [entry for entry in entries if entry["name"] not in own]
    settings = {**old.config.to_dict(), **config, "tasks": [*tasks, *added]}
    model = MultiMedForMultitask(MultiMedConfig.from_dict(settings))
    missing, unexpected = model.load_state_dict(old.state_dict(), strict=False)
    new = [entry["name"] for entry in added]
    parts_of_new = tuple(f"heads.{part}.{name}." for name in new for part in ("tasks", "balancing.tasks"))
    assert not unexpected and all(key.startswith(parts_of_new) for key in missing)
    return model, processor, new


def alignment(config: Any, processor: Any, genes: Mapping[str, Sequence[str]]) -> GeneAlignment:
    """From the gene numbers of built subsets to those of a model, by symbol.

    Args:
        config: the model's configuration.
        processor: its processor.
        genes: subset name to its gene symbols.
    """
    targets = {task["name"]: task["targets"] for task in config.tasks if "targets" in task}
    return GeneAlignment(genes, processor.scrna_feature_extractor.genes, targets)


def heads_of_model(heads: Sequence[Head], config: Any) -> list[Head]:
    """`heads` of the data as the model has them: outputs in its order, which `AlignedSamples` takes care of."""
    sizes = {task["name"]: task.get("num_targets", 0) for task in config.tasks}
    return [replace(head, target_index=(), num_targets=sizes[head.name]) for head in heads]


def carried(parts: Parts) -> list[str]:
    """Modalities that rows bring as inputs, in the model's order."""
    from ..models.configuration_multimed import MODALITIES

    return [name for name in MODALITIES if any(_is_read(subset, data, name) for subset, data in parts)]


def carries(data: datasets.Dataset, modality: str) -> bool:
    """Whether any row carries the modality."""
    flag = f"has_{modality}"
    return flag in data.column_names and any(data[flag][:])


def _is_read(subset: str, data: datasets.Dataset, modality: str) -> bool:
    """Whether the modality is an input of any row, as `multimed_hf.data.samples` makes inputs."""
    if modality != "text":
        return carries(data, modality)
    asks = "question" in data.column_names and any(data["question"][:])
    return asks or (reads_reports(subset) and carries(data, modality))


def _texts(parts: Parts) -> Iterator[str]:
    for _, data in parts:
        for row in data.select_columns([name for name in _TEXT_COLUMNS if name in data.column_names]):
            for value in row.values():
                yield from filter(None, [value] if isinstance(value, str) else value)


def _entries(parts: Parts, heads: Sequence[Head], genes: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Entries of `MultiMedConfig.tasks`; those of expression name the symbols of their targets."""
    entries = []
    for head in heads:
        entry = head.config
        if head.target_index:
            subset = next(
                name
                for name, _ in parts
                for source in sources_of(name)
                if head.name in {one.head for one in source.targets}
            )
            entry["targets"] = [genes[subset][index] for index in head.target_index]
        entries.append(entry)
    return entries


def _check_same(start: str | os.PathLike[str], own: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuses a head of the checkpoint whose outputs mean something else than the data ask."""
    # Expression is aligned gene by gene, so that its number of targets may differ.
    names = (
        ("kind", "labels") if "targets" in own and "targets" in asked else ("kind", "labels", "num_targets", "targets")
    )
    for name in names:
        if own.get(name) != asked.get(name):
            raise ValueError(
                f"Head {asked['name']!r} of {start} has {name} {own.get(name)}, the data ask {asked.get(name)}: start "
                "from a checkpoint of the same release, or from none."
            )


def _base_of(adapter: str) -> str:
    """Where the base model of an adapter lies: where it was, or beside the adapter if both have moved."""
    from peft import PeftConfig

    recorded = str(PeftConfig.from_pretrained(adapter).base_model_name_or_path)
    beside = Path(adapter).resolve().parent / BASE_NAME
    return str(beside) if not Path(recorded).is_dir() and beside.is_dir() else recorded
