"""Fine-tuning one model on all tasks of some subsets, by `transformers.Trainer`."""

from __future__ import annotations

import os
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..data.build import load_lists
from ..data.heads import Head, by_label_text, heads_in
from ..data.manifest import Manifest
from ..data.samples import MultiMedCollator, SampleDataset
from ..subsets import get_subset
from ..tasks import get_task
from .checkpoint import Parts, alignment, carries, extended_model, heads_of_model, new_model
from .fewshot import support
from .genes import AlignedSamples, GeneAlignment
from .hardware import device_name
from .mixture import mixture_indices
from .runs import Run
from .settings import Settings as Settings
from .targets import labelled_rows, target_statistics

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments

LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2")


@dataclass(frozen=True)
class FitReport:
    """What a training did.

    Attributes:
        checkpoint: folder of the model, or of the LoRA adapter, and of the processor.
        heads: names of the heads that were trained.
        new_heads: those of them that the start checkpoint did not have.
        seconds: time spent in training since it was last started.
        steps: optimizer steps.
        validation_loss: mean loss on the validation splits, None without any.
        device: what it ran on; empty in records of earlier versions.
        rows: subset to source to how many rows it was trained on; empty in records of earlier versions.
    """

    checkpoint: Path
    heads: list[str]
    new_heads: list[str]
    seconds: float
    steps: int
    validation_loss: float | None = None
    device: str = ""
    rows: dict[str, dict[str, int]] = field(default_factory=dict)


def fit(
    data: str | os.PathLike[str] = "multimed",
    subsets: Sequence[str] | None = None,
    output_dir: str | os.PathLike[str] = "runs/train",
    *,
    tasks: Sequence[str] | None = None,
    start: str | os.PathLike[str] | None = None,
    lora: bool = False,
    shots: int | None = None,
    seed: int = 0,
    settings: Settings | None = None,
    resume: bool = True,
    progress: bool = True,
    **overrides: Any,
) -> FitReport:
    """Trains one model on the train splits of built subsets.

    Writes `checkpoint/` (weights as safetensors, processor; with `lora` the adapter, its base beside it in `base/`) and
    `training.json` (data fingerprints, sources, seed, settings) into `output_dir`, and while it runs
    `checkpoint-<step>/`, from which the same call goes on after an interruption. A finished run is not repeated. Works
    under `torchrun` and `accelerate launch`, where every process calls this function.

    Args:
        data: folder that `multimed build` wrote.
        subsets: names; None for all in the folder.
        output_dir: folder of the run.
        tasks: names of the tasks to train; None for all that the rows ask. Rows that ask none of them are left out.
        start: checkpoint to start from, a folder or a model of the Hub; None for random weights.
        lora: train low-rank adapters and heads only; needs `start`.
        shots: groups a class to train on, drawn by `seed`; None for all rows. Validation splits are then left alone.
        seed: seed of weights, order, dropout and supports.
        settings: how to train; None for the defaults.
        resume: take up what `output_dir` holds; False removes an earlier run and starts over.
        progress: whether to show bars.
        **overrides: fields of `Settings` to replace, as in `fit(epochs=3)`.

    Raises:
        UnknownNameError: no subset or task has this name.
        ValueError: subsets that are not built, tasks that no row asks, a folder that holds a run with other data or settings,
            a start checkpoint that does not fit, or arguments that contradict each other.
        FileNotFoundError: no built data, or no checkpoint at `start`.
        OSError: `output_dir` cannot be written.
    """
    import torch
    from transformers import set_seed

    settings = replace(settings or Settings(), **overrides)
    if lora and start is None:
        raise ValueError("LoRA adapts a trained model: give start, the checkpoint to adapt.")
    if shots is not None and settings.select == "best":
        raise ValueError("A few-shot run sees its support only: give select='last', not 'best'.")
    asked = None if tasks is None else list(dict.fromkeys(get_task(name).name for name in tasks))
    folder = Path(data)
    manifest = check_data(folder, subsets)
    arguments = training_arguments(Path(output_dir), settings, seed, progress)
    run = Run(
        Path(output_dir),
        {
            "version": __version__,
            "data": {name: record.fingerprint for name, record in manifest.subsets.items()},
            "sources": {name: list(record.sources) for name, record in manifest.subsets.items()},
            "tasks": asked,
            "start": None if start is None else str(start),
            "lora": lora,
            "shots": shots,
            "seed": seed,
            "processes": arguments.world_size,
            "settings": asdict(settings),
        },
    )
    # The first process alone may remove an earlier run; the others then find what it left.
    with arguments.main_process_first(local=False):
        finished = run.open(resume or not arguments.should_save)
    if finished:
        return FitReport(run.checkpoint, **finished)

    train, validation = _load(folder, list(manifest.subsets))
    named = None if asked is None else _heads_of_tasks(train, asked)
    if named is not None:
        train, validation = _asking(train, named), _asking(validation, named)
    if shots is not None:
        train, validation = support(train, shots, seed, named), []
    if settings.select == "best" and not validation:
        raise ValueError(f"select='best' needs a validation split, and none of {', '.join(manifest.subsets)} has one.")
    heads = [
        head for head in heads_in({subset: [part] for subset, part in train}) if named is None or head.name in named
    ]
    if settings.label_text:
        heads = [by_label_text(head) for head in heads]
    symbols, peaks = (load_lists(folder, manifest.subsets, kind) for kind in ("genes", "peaks"))
    set_seed(seed)
    if start is None:
        model, processor = new_model(train, heads, symbols, settings.vocab_size, settings.config, peaks)
        new = [head.name for head in heads_of_model(heads, model.config)]
    else:
        model, processor, new = extended_model(start, train, heads, symbols, settings.config)
    genes = alignment(model.config, processor, symbols, peaks)
    _warn_of_unknown(genes, train)
    heads = heads_of_model(heads, model.config)
    statistics = target_statistics(train, [head for head in heads if head.name in new], genes)
    for name, (mean, scale) in statistics.items():
        model.set_target_statistics(name, torch.from_numpy(mean), torch.from_numpy(scale))

    with arguments.main_process_first(local=False):
        if arguments.should_save:
            run.begin()
            if lora:
                model.save_pretrained(run.base)
                processor.save_pretrained(run.base)
    wrapped = _with_lora(model, settings, run.base) if lora else model
    trainer = make_trainer(wrapped, processor, heads, genes, train, validation, arguments, settings, seed)
    begin = time.monotonic()
    trainer.train(resume_from_checkpoint=run.newest_state(arguments.world_size))
    seconds = time.monotonic() - begin
    loss = trainer.evaluate()["eval_loss"] if trainer.eval_dataset else None
    report = {
        "heads": [head.name for head in heads],
        "new_heads": new,
        "seconds": seconds,
        # A run that was killed after its last step takes one more when it goes on, at a learning rate of 0.
        "steps": min(trainer.state.global_step, trainer.state.max_steps),
        "validation_loss": loss,
        "device": device_name(arguments.device, arguments.world_size),
        "rows": {subset: dict(Counter(part["source"])) for subset, part in train},
    }
    with arguments.main_process_first(local=False):
        if arguments.should_save:
            run.finish(report, wrapped, processor)
    return FitReport(run.checkpoint, **report)


def check_data(folder: Path, subsets: Sequence[str] | None) -> Manifest:
    """The part of the manifest of a built folder that `subsets` names, after a look whether it is whole.

    Raises:
        UnknownNameError: no subset has this name.
        ValueError: a subset that is not built, or whose files are not as they were built.
        FileNotFoundError: `folder` holds no manifest.
    """
    names = None if subsets is None else [get_subset(name).name for name in subsets]
    manifest = Manifest.read(folder)
    chosen = list(manifest.subsets) if not names else list(dict.fromkeys(names))
    for name in chosen:
        if name not in manifest.subsets:
            built = ", ".join(manifest.subsets) or "nothing"
            raise ValueError(
                f"Subset {name!r} is not in {folder}, which holds {built}: run multimed build {name} first."
            )
        # Sizes only: hashing all files, as `multimed_hf.data.manifest.verify` does, may take longer than training.
        for path, record in manifest.subsets[name].files.items():
            size = (folder / path).stat().st_size if (folder / path).is_file() else None
            if size != record.size:
                found = "no file" if size is None else f"{size} bytes"
                raise ValueError(f"Expected {record.size} bytes in {folder / path}, found {found}: build {name} again.")
    if not chosen:
        raise ValueError(f"Expected subsets in {folder}, found none: run multimed build first.")
    return Manifest({name: manifest.subsets[name] for name in chosen})


def training_arguments(output_dir: Path, settings: Settings, seed: int, progress: bool) -> TrainingArguments:
    """Arguments for a plain `Trainer` on packed batches of many tasks.

    Raises:
        ValueError: a launcher started several processes that would train alone, each for itself.
    """
    import torch
    from transformers import TrainingArguments

    best = settings.select == "best"
    cuda = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(output_dir),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup_steps=settings.warmup,
        lr_scheduler_type="cosine",
        max_grad_norm=settings.max_grad_norm,
        # Unless it is told, accelerate does not connect processes that have no accelerator: each would train alone.
        use_cpu=not torch.accelerator.is_available(),
        bf16=cuda and torch.cuda.is_bf16_supported(),
        seed=seed,
        data_seed=seed,
        # Batches are nested dicts made by the collator; only the loss is wanted from evaluation.
        remove_unused_columns=False,
        label_names=["labels"],
        prediction_loss_only=True,
        logging_strategy="epoch",
        eval_strategy="epoch" if best else "no",
        save_strategy="epoch" if best else "steps",
        save_steps=settings.save_steps,
        save_total_limit=1,
        load_best_model_at_end=best,
        dataloader_num_workers=settings.num_workers,
        dataloader_pin_memory=cuda,
        # A batch without some modality leaves its encoder without gradients.
        ddp_find_unused_parameters=True,
        disable_tqdm=not progress,
        report_to="none",
    )
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if launched != arguments.world_size:
        raise ValueError(f"Expected {launched} processes to train together, got {arguments.world_size}: use torchrun.")
    # Several GPUs in one process would mean nn.DataParallel, which cuts every tensor of a packed batch into equal
    # pieces, whatever sample they belong to. One GPU is used instead; `torchrun` uses them all, a process each.
    if arguments.n_gpu > 1:
        warnings.warn(
            f"Using 1 of {arguments.n_gpu} GPUs: start one process a GPU with torchrun to use all.", stacklevel=3
        )
        arguments._n_gpu = 1
    return arguments


def _load(folder: Path, subsets: Sequence[str]) -> tuple[Parts, Parts]:
    """Train and validation splits of the subsets that have them."""
    from datasets import load_dataset

    loaded = {name: load_dataset(str(folder), name) for name in subsets}
    train, validation = (
        [(name, splits[split]) for name, splits in loaded.items() if split in splits]
        for split in ("train", "validation")
    )
    return train, validation


def _heads_of_tasks(parts: Parts, tasks: Sequence[str]) -> set[str]:
    """Names of the heads of some tasks that rows ask."""
    found = heads_in({subset: [part] for subset, part in parts})
    for task in tasks:
        if not any(head.task == task for head in found):
            asked = ", ".join(dict.fromkeys(head.task for head in found))
            raise ValueError(f"Expected rows that ask {task}, found none: those to train on ask {asked}.")
    return {head.name for head in found if head.task in tasks}


def _asking(parts: Parts, heads: set[str]) -> Parts:
    """The rows that ask one of the heads; subsets without any are left out."""
    found = []
    for subset, part in parts:
        rows = [index for index, row in enumerate(labelled_rows(subset, part, heads)) if row.head]
        if rows:
            found.append((subset, part.select(rows)))
    return found


def make_trainer(
    model: Any,
    processor: Any,
    heads: Sequence[Head],
    genes: GeneAlignment,
    train: Parts,
    validation: Parts,
    arguments: TrainingArguments,
    settings: Settings,
    seed: int,
) -> Trainer:
    """A plain `Trainer` over the mixture of tasks.

    Args:
        model: the model, or a PEFT model around it.
        processor: its processor.
        heads: the heads to train, as `heads_of_model` gives them.
        genes: the numbers of genes, as `alignment` gives them.
        train: `(subset, data)` of the rows to train on.
        validation: the same of the rows to measure the loss on; may be empty.
        arguments: as `training_arguments` gives them.
        settings: how to train.
        seed: seed of the mixture.
    """
    from torch.utils.data import Subset
    from transformers import PrinterCallback, Trainer

    known = {head.name for head in heads}
    asked, also = (
        [row.head for subset, part in parts for row in labelled_rows(subset, part, known)]
        for parts in (train, validation)
    )
    mixture = mixture_indices(asked, settings.mixture, seed)
    measured = [index for index, head in enumerate(also) if head]
    trainer = Trainer(
        model=model,
        args=arguments,
        data_collator=MultiMedCollator(processor, heads),
        train_dataset=Subset(_samples(train, genes), mixture),
        eval_dataset=Subset(_samples(validation, genes), measured) if measured else None,
        processing_class=processor,
    )
    # Without bars, Trainer would print its log instead.
    trainer.remove_callback(PrinterCallback)
    optimizer, options = Trainer.get_optimizer_cls_and_kwargs(arguments)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    matrices, vectors = ([part for part in trained if (part.ndim > 1) is wide] for wide in (True, False))
    trainer.optimizer = optimizer(
        [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        **options,
    )
    return trainer


def _samples(parts: Parts, genes: GeneAlignment) -> Any:
    """The rows of all parts, one after the other. `Any`: torch wants a subclass of its own, and needs none."""
    return AlignedSamples(SampleDataset(parts), genes)


def _with_lora(model: Any, settings: Settings, base: Path) -> Any:
    """The model with adapters that name `base` as the place of what they adapt, new heads included."""
    from peft import LoraConfig, get_peft_model

    model.name_or_path = str(base.resolve())
    lora = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=list(LORA_TARGETS),
        # Layers of pre-trained encoders may have the same names; how they learn is theirs to say.
        exclude_modules=r".*encoders\.\w+\.model\..*",
        modules_to_save=["heads"],
    )
    return get_peft_model(model, lora)


def _warn_of_unknown(genes: GeneAlignment, train: Parts) -> None:
    for subset, data in train:
        for kind, modality in (("genes", "scrna"), ("peaks", "genomics")):
            if carries(data, modality) and (unknown := genes.unknown(subset, kind)):
                warnings.warn(
                    f"The model does not know {len(unknown)} of the {len(genes.names(subset, kind))} {kind} of {subset} "
                    f"({', '.join(unknown[:5])}{', ...' if len(unknown) > 5 else ''}): left out of the input.",
                    stacklevel=3,
                )
