"""Models to train: new ones for the data at hand, and earlier checkpoints with heads for new tasks."""

from __future__ import annotations

import os
import warnings
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

_TEXT_COLUMNS = ("question", "text", "choices", "answer")


def load_checkpoint(
    name: str | os.PathLike[str], changes: Mapping[str, Any] | None = None
) -> tuple[MultiMedForMultitask, MultiMedProcessor]:
    """Model and processor of a checkpoint; a LoRA adapter is merged into its base model.

    Args:
        name: a folder, or a model of the Hub.
        changes: dropout rates to put in place of those of its configuration.

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
        if changes:
            config = MultiMedConfig.from_dict({**config.to_dict(), **changes})
        model = MultiMedForMultitask.from_pretrained(base, config=config)
        processor = MultiMedProcessor.from_pretrained(name)
    except OSError as error:
        missing = Path(base).is_absolute() and not Path(base).is_dir()
        why = "there is no such folder." if missing else str(error).splitlines()[0]
        raise FileNotFoundError(f"Expected {base} to be a checkpoint folder or a model of the Hub: {why}") from error
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, name).merge_and_unload()
        # PEFT has frozen what it adapted. Pre-trained encoders say for themselves what learns.
        model.requires_grad_(True).train(model.training)
    return model, processor


def new_model(
    parts: Parts,
    heads: Sequence[Head],
    genes: Mapping[str, Sequence[str]],
    vocab_size: int,
    config: Mapping[str, Any],
    peaks: Mapping[str, Sequence[str]] | None = None,
) -> tuple[MultiMedForMultitask, MultiMedProcessor]:
    """A new model that reads what the rows carry and has all `heads`; pre-trained encoders alone have no random weights.

    Open answers are read and written through the embedding of texts. Where a pre-trained encoder brings one of another
    width than `hidden_size`, their heads are left out, with a warning.

    Args:
        parts: `(subset, data)`, the rows to train on.
        heads: the heads.
        genes: subset name to its gene symbols.
        vocab_size: the most entries of the tokenizer.
        config: what `MultiMedConfig` should hold instead of its defaults; `num_peaks` 0 leaves out what `peaks` names.
        peaks: subset name to the names of its peaks.
    """
    from ..models import (
        MultiMedCellFeatureExtractor,
        MultiMedConfig,
        MultiMedForMultitask,
        MultiMedPeakFeatureExtractor,
        MultiMedProcessor,
    )

    modalities = carried(parts)
    named = [head for head in heads if head.head == "label_text"]
    if named and "text" not in modalities:
        # Labels are read as samples are.
        modalities = ["text", *modalities]
    # A processor always has a tokenizer, be it for no more than the questions that the tasks ask.
    texts = [*_texts(parts), *(text for head in named for text in head.texts)]
    texts = texts or [get_task(head.task).summary for head in heads]
    tokenizer = train_tokenizer(texts, vocab_size)
    vocabulary, known_peaks = _named(parts, "scrna", genes), _named(parts, "genomics", peaks or {})
    settings = {
        "modalities": modalities,
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "num_genes": max(1, len(vocabulary)),
        "num_peaks": len(known_peaks),
        **config,
    }
    built = MultiMedConfig(**settings)
    processor = MultiMedProcessor.from_encoders(
        built,
        tokenizer,
        scrna_feature_extractor=MultiMedCellFeatureExtractor(vocabulary),
        peak_feature_extractor=MultiMedPeakFeatureExtractor(known_peaks if built.num_peaks else ()),
    )
    entries = _entries(parts, _answerable(heads, built), genes, processor)
    built = MultiMedConfig.from_dict({**built.to_dict(), "tasks": entries})
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
    fixed = sorted(name for name in config if not name.endswith("dropout"))
    if fixed:
        raise ValueError(f"Expected only dropout rates in config with a start checkpoint, got {', '.join(fixed)}.")
    model, processor = load_checkpoint(start, config)
    modalities = list(model.config.modalities or ())
    lacking = [name for name in carried(parts) if name not in modalities]
    if lacking:
        raise ValueError(
            f"The data carry {' and '.join(lacking)}, which {start} does not read "
            f"({', '.join(modalities)}): start from a checkpoint that does."
        )
    own = {task["name"]: task for task in model.config.tasks or ()}
    entries = _entries(parts, _answerable(heads, model.config), genes, processor)
    for entry in entries:
        _check_same(start, own.get(entry["name"], entry), entry)
    added = [entry for entry in entries if entry["name"] not in own]
    for entry in added:
        model.add_task(entry)
    return model, processor, [entry["name"] for entry in added]


def alignment(
    config: Any,
    processor: Any,
    genes: Mapping[str, Sequence[str]],
    peaks: Mapping[str, Sequence[str]] | None = None,
) -> GeneAlignment:
    """From the numbers of genes and peaks of built subsets to those of a model, by name.

    Args:
        config: the model's configuration.
        processor: its processor.
        genes: subset name to its gene symbols.
        peaks: subset name to the names of its peaks.
    """
    targets = {task["name"]: task["targets"] for task in config.tasks if "targets" in task}
    known = processor.scrna_feature_extractor.genes, targets, peaks, processor.peak_feature_extractor.peaks
    return GeneAlignment(genes, *known)


def heads_of_model(heads: Sequence[Head], config: Any) -> list[Head]:
    """The `heads` of the data that the model has, as it has them: outputs in its order, which `AlignedSamples` takes care of,
    and the token that ends an open answer.
    """
    own = {task["name"]: task for task in config.tasks}
    return [
        replace(
            head,
            target_index=(),
            num_targets=own[head.name].get("num_targets", 0),
            end_token_id=own[head.name].get("end_token_id", -1),
        )
        for head in heads
        if head.name in own
    ]


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


def _named(parts: Parts, modality: str, lists: Mapping[str, Sequence[str]]) -> list[str]:
    """The names in the lists of all subsets whose rows carry the modality, each once."""
    return list(
        dict.fromkeys(name for subset, data in parts if carries(data, modality) for name in lists.get(subset, ()))
    )


def _texts(parts: Parts) -> Iterator[str]:
    for _, data in parts:
        for row in data.select_columns([name for name in _TEXT_COLUMNS if name in data.column_names]):
            # An answer that is chosen stands among the choices already.
            values = [value for name, value in row.items() if name != "answer" or not row["choices"]]
            for value in values:
                yield from filter(None, [value] if isinstance(value, str) else value)


def _answerable(heads: Sequence[Head], config: Any) -> Sequence[Head]:
    """`heads` without those of open answers, if the embedding of texts has another width than they need."""
    from ..models.pretrained_configuration_multimed import encoder_config

    own = [encoder_config(entry) for entry in config.encoders if entry["modality"] == "text"]
    widths = [getattr(encoder, "embedding_size", encoder.hidden_size) for encoder in own]
    left_out = [head.name for head in heads if head.head == "decoder"]
    if not left_out or widths in ([], [config.hidden_size]):
        return heads
    warnings.warn(
        f"Left out, since answers are written through text embeddings of width {config.hidden_size}, hidden_size, and those "
        f"of the pre-trained encoder have {widths[0]}: {', '.join(left_out)}.",
        stacklevel=4,
    )
    return [head for head in heads if head.head != "decoder"]


def _entries(
    parts: Parts, heads: Sequence[Head], genes: Mapping[str, Sequence[str]], processor: Any
) -> list[dict[str, Any]]:
    """Entries of `MultiMedConfig.tasks`: with symbols of genes, tokens of label texts, and the token that ends answers."""
    entries = []
    for head in heads:
        entry = head.config
        if head.head == "label_text":
            entry["label_ids"] = processor.encode_labels(head.texts)
        if head.head == "decoder":
            entry["end_token_id"] = _end_of_text(processor.tokenizer)
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
    names = ["kind", "labels"]
    if "targets" not in own or "targets" not in asked:
        names += ["num_targets", "targets"]
    # How a head compares is its own affair, unless texts of labels or written answers are asked for.
    if "head" in asked:
        names += ["head"]
    for name in names:
        if own.get(name) != asked.get(name):
            raise ValueError(
                f"Head {asked['name']!r} of {start} has {name} {own.get(name)}, the data ask {asked.get(name)}: start "
                "from a checkpoint of the same release, or from none."
            )


def _end_of_text(tokenizer: Any) -> int:
    """The token that ends a text."""
    found = [token for token in (tokenizer.sep_token_id, tokenizer.eos_token_id) if token is not None]
    if not found:
        raise ValueError("Expected a tokenizer with a separator or an end token, to end answers by, got one without.")
    return int(found[0])


def _base_of(adapter: str) -> str:
    """Where the base model of an adapter lies: where it was, or beside the adapter if both have moved."""
    from peft import PeftConfig

    recorded = str(PeftConfig.from_pretrained(adapter).base_model_name_or_path)
    beside = Path(adapter).resolve().parent / BASE_NAME
    return str(beside) if not Path(recorded).is_dir() and beside.is_dir() else recorded
