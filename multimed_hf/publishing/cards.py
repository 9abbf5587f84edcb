"""The card of a model: what it reads and answers, what it was trained on, under which licence, what it scored, and its limits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import resources
from ..data.build import DATASET_NAME
from ..licences import LICENCES, hub_licence, strictest_licence
from ..sources import SOURCES, Source
from ..tasks import TASKS, Task
from ..wording import CITATION, counted

if TYPE_CHECKING:
    from ..evaluation.results import Result

NOT_RECORDED = "not recorded"
"""What a card says where a checkpoint does not say it."""

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_SHOWN_LABELS = 20

_GREY = "a PIL image or an array `(height, width)`"
_COLOUR = "a PIL image or an array `(height, width, 3)`"
_SCAN = f'{_GREY}, or `{{"volume": (slices, rows, columns), "spacing": (slice, row, column)}}`'

# Modality to what the processor takes, in its unit, to how the model sees it, and to an example of an argument.
_READS = {
    "text": ("a string, or a pair (question, context)", "longer texts are cut at the end", '["Heart size is normal."]'),
    "eeg": (
        '`{"signal": (channels, time), "channels": names, "sampling_rate": rate}`',
        "microvolt, Hz; resampled to {eeg_sampling_rate:g} Hz",
        '[{"signal": np.zeros((2, 256)), "channels": ["C3", "C4"], "sampling_rate": 128.0}]',
    ),
    "genomics": (
        'a DNA string, or `{"dna": string, "peaks": open peaks}`',
        "letters ACGTN, 5' to 3'; {num_peaks} peaks known",
        '["ACGT" * 20]',
    ),
    "scrna": (
        '`{"genes": symbols or indices, "values": expression}`',
        "log1p counts per 10,000; {num_genes} genes known",
        '[{"genes": [0], "values": [1.5]}]',
    ),
    "protein": ("a string of residues", "one letter each, X unknown, N to C terminus", '["MKTAYIAKQR"]'),
    "oct": (_GREY, "intensity 0..255; {image_size} px", "[np.zeros((64, 64), np.uint8)]"),
    "xray": (_GREY, "intensity 0..255; {image_size} px", "[np.zeros((64, 64), np.uint8)]"),
    "fundus": (_COLOUR, "sRGB 0..255; {image_size} px", "[np.zeros((64, 64, 3), np.uint8)]"),
    "pathology": (_COLOUR, "sRGB 0..255; {image_size} px", "[np.zeros((64, 64, 3), np.uint8)]"),
    "ct": (_SCAN, "slices 0..255, volumes HU, spacing mm; {image_size} px", "[np.zeros((64, 64), np.uint8)]"),
    "mri": (_SCAN, "slices 0..255, volumes arbitrary, spacing mm; {image_size} px", "[np.zeros((64, 64), np.uint8)]"),
}

_SNIPPET = """\
{first}import numpy as np
from transformers import AutoModel, AutoProcessor

model = AutoModel.from_pretrained("{repo}"{trust})
processor = AutoProcessor.from_pretrained("{repo}"{trust})
batch = processor({modality}={example})
for head, logits in model(**batch).logits.items():
    print(head, tuple(logits.shape))"""


def model_card(
    repo: str,
    config: Any,
    terms: Mapping[str, str],
    results: Sequence[Result] = (),
    record: Mapping[str, Any] | None = None,
    parameters: int = 0,
    picture: str = "",
) -> str:
    """The text of a model's card, with a YAML head that the Hub reads.

    Args:
        repo: name of the repository, `<organisation>/<name>`.
        config: the model's `MultiMedConfig`.
        terms: what it is made of to its licence: `<subset>/<source>` for data, else the name of a pre-trained model.
        results: what it scored; empty if nobody measured it.
        record: what `training.json` holds; None if there is none.
        parameters: how many the model has; 0 if that is not known.
        picture: path of the plot of the results in the repository; empty without one.

    Raises:
        ValueError: results of another model.
    """
    from huggingface_hub import ModelCard, ModelCardData

    from ..evaluation.report import markdown

    record = record or {}
    _check_results(results, config, record)
    sources = {name: SOURCES[key] for name in terms if (key := _source_key(name)) in SOURCES}
    encoders = [name for name in terms if name not in sources]
    strictest = strictest_licence(terms.values()) if terms else f"unknown: {NOT_RECORDED}"
    hub = hub_licence([strictest])
    org, _, name = repo.rpartition("/")
    synthetic = any(source.synthetic for source in sources.values())
    start = str(record.get("start") or "")
    bases = [base for base in (start, *encoders) if _HUB_NAME.fullmatch(base) and not Path(base).exists()]
    other: dict[str, Any] = {
        "license_name": "see-training-data",
        "license_link": f"https://huggingface.co/{repo}#licence",
    }
    data = ModelCardData(
        language="en",
        license=hub,
        **(other if hub == "other" else {}),
        library_name="transformers",
        pipeline_tag=_pipeline_tag(config.modalities),
        base_model=bases or None,
        datasets=[f"{org}/{DATASET_NAME}"] if sources and org else None,
        tags=["medical", "multimodal", *config.modalities, *(["synthetic-data"] if synthetic else [])],
        model_name=name,
        eval_results=[_entry(result) for result in results if result.score is not None] or None,
    )
    tasks = [TASKS.get(task["name"].split("/")[0]) for task in config.tasks]
    report = record.get("report", {})
    card = ModelCard.from_template(
        data,
        template_path=str(resources.folder("model_cards") / "model_card.md"),
        name=name,
        synthetic=synthetic,
        all_synthetic=all(source.synthetic for source in sources.values()),
        parameters=f"{parameters:,} parameters" if parameters else "a number of parameters that was not counted",
        modalities=config.modalities,
        fusion=config.fusion,
        encoders=encoders,
        reads={each: _reads(each, config) for each in config.modalities},
        heads=[_head(entry, task) for entry, task in zip(config.tasks, tasks, strict=True)],
        auxiliary=any(task and task.auxiliary for task in tasks),
        snippet=lambda first: _snippet(first, repo, config.modalities[0]),
        sources=[_source(name, terms[name], sources.get(name), report) for name in _synthetic_first(terms, sources)],
        limits=list(dict.fromkeys(f"{name}: {source.limits}." for name, source in sources.items())),
        fingerprints=record.get("data", {}),
        start="random weights"
        if "start" in record and not start
        else (start if start in bases else "another checkpoint" if start else NOT_RECORDED),
        seed=record.get("seed", NOT_RECORDED),
        shots=_shots(record),
        lora={True: "yes", False: "no"}.get(record.get("lora", ""), NOT_RECORDED),
        version=record.get("version", NOT_RECORDED),
        table=markdown(results) if results else "",
        picture=picture,
        untested=_untested(results, synthetic),
        hardware=report.get("device") or NOT_RECORDED,
        time=f"{report['seconds']:,.0f} s" if "seconds" in report else NOT_RECORDED,
        strictest=strictest,
        asks={each.name: each.asks for each in LICENCES}.get(strictest, ""),
        citation=CITATION.strip(),
        citations=list(dict.fromkeys(source.citation for source in sources.values() if not source.synthetic)),
    )
    return card.content


def _check_results(results: Sequence[Result], config: Any, record: Mapping[str, Any]) -> None:
    """Refuses what another model scored: with heads that this one lacks, or trained otherwise."""
    models = sorted({result.model for result in results})
    if len(models) > 1:
        raise ValueError(f"Expected results of one model, got those of {', '.join(models)}: evaluate it alone.")
    heads = [task["name"] for task in config.tasks]
    for result in results:
        asked = result.zero_shot or result.head
        if result.score is not None and asked not in heads:
            raise ValueError(
                f"Expected results of a model with the heads {', '.join(heads)}, got a score of {asked}: these are results "
                f"of another model ({result.model}); evaluate this one."
            )
        for name in ("seed", "shots", "lora"):
            # Where not even the seed is known, whoever evaluated had no record of the training.
            if name in record and result.seed is not None and getattr(result, name) != record[name]:
                raise ValueError(
                    f"Expected results of a model trained with {name} {record[name]!r}, got some of {result.model} with "
                    f"{getattr(result, name)!r}: evaluate this one."
                )


def _entry(result: Result) -> Any:
    """An entry of the card's `model-index`, which has no place for intervals: these stand in the table."""
    from huggingface_hub import EvalResult

    kinds = {
        "auxiliary": result.auxiliary,
        "zero-shot": result.zero_shot,
        "rows it was trained on": result.split == "train",
    }
    marks = [mark for mark, given in kinds.items() if given]
    return EvalResult(
        task_type=result.task.replace("_", "-"),
        task_name=" ".join([result.task.replace("_", " "), *(f"({mark})" for mark in marks)]),
        dataset_type=DATASET_NAME,
        dataset_name=f"{DATASET_NAME} {result.subset}, {result.source}{' (synthetic)' if result.synthetic else ''}",
        dataset_config=result.subset,
        dataset_split=result.split,
        dataset_revision=result.data_fingerprint,
        metric_type=result.metric,
        metric_name=f"{result.metric} of {result.head}",
        metric_value=result.score,
    )


def _pipeline_tag(modalities: Sequence[str]) -> str:
    """The Hub's word for what it does; of several modalities it has none but for what gives a vector for a sample."""
    from ..models.configuration_multimed import IMAGE_CHANNELS

    if list(modalities) == ["text"]:
        return "text-classification"
    return "image-classification" if set(modalities) <= set(IMAGE_CHANNELS) else "feature-extraction"


def _reads(modality: str, config: Any) -> tuple[str, str]:
    given, unit, _ = _READS[modality]
    return given, unit.format(**config.to_dict())


def _head(entry: Mapping[str, Any], task: Task | None) -> dict[str, str]:
    """A head for people. Its kind says enough where the task is none of ours."""
    labels = entry.get("labels", [])
    more = f", ... ({len(labels)} in all)" if len(labels) > _SHOWN_LABELS else ""
    kinds = {
        "single_label": "one of ",
        "multi_label": "any of ",
        "ordinal": "one of, in order, ",
        "regression": counted(entry.get("num_targets", 0), "number"),
        "structure": "N, C-alpha and C of each residue in angstrom",
        "answer": "a written answer" if entry.get("head") == "decoder" else "one of the given choices",
        "survival": "a risk, and the share that is free of the event over time",
    }
    mark = r" \*" if task and task.auxiliary else ""
    return {
        "name": entry["name"],
        "question": f"{task.summary if task else entry['kind']}{mark}",
        "answers": kinds[entry["kind"]] + ", ".join(labels[:_SHOWN_LABELS]).replace("|", r"\|") + more,
    }


def _snippet(first: str, repo: str, modality: str) -> str:
    trust = "" if first else ", trust_remote_code=True"
    example = _READS[modality][2]
    code = _SNIPPET.format(first=first, repo=repo, trust=trust, modality=modality, example=example)
    return code if "np." in example else code.replace("import numpy as np\n", "")


def _source_key(name: str) -> tuple[str, str]:
    subset, _, source = name.partition("/")
    return subset, source


def _synthetic_first(terms: Mapping[str, str], sources: Mapping[str, Source]) -> list[str]:
    return sorted(terms, key=lambda name: not (name in sources and sources[name].synthetic))


def _source(name: str, licence: str, source: Source | None, report: Mapping[str, Any]) -> dict[str, str]:
    if source is None:
        return {"name": name, "what": "pre-trained encoder", "rows": "", "licence": licence}
    rows = report.get("rows", {}).get(source.subset, {}).get(source.name)
    mark = "**Synthetic.** " if source.synthetic else ""
    home = f" <{source.homepage}>" if source.homepage else ""
    shown = NOT_RECORDED if rows is None else f"{rows:,}"
    return {"name": name, "what": f"{mark}{source.summary}{home}", "rows": shown, "licence": licence}


def _shots(record: Mapping[str, Any]) -> str:
    if "shots" not in record:
        return NOT_RECORDED
    return "all of the train splits" if record["shots"] is None else f"{record['shots']} groups a class"


def _untested(results: Sequence[Result], synthetic: bool) -> list[str]:
    """What nobody looked at, so that nobody takes silence for a good result."""
    small = sorted({f"{result.head} on {result.source}" for result in results if result.n and result.low is None})
    made = sorted({result.head for result in results if result.synthetic})
    return [
        "Scores by age, sex, origin, site and device: not tested. That they are equal is not to be assumed.",
        "Other hospitals, devices and ways of labelling than those of its sources: not tested.",
        "Deliberately changed inputs, and inputs of another kind than it was trained on: not tested.",
        "Whether anybody decides better with it than without: not tested.",
        *(["What it learned from synthetic data need not hold for people."] if synthetic else []),
        *([f"Scored on synthetic rows, which say nothing about people: {', '.join(made)}."] if made else []),
        *([f"Too few groups for an interval: {', '.join(small)}."] if small else []),
    ]
