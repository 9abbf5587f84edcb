"""The cards of the metrics in `evaluate_metrics`, made from docstrings, tasks and examples that are really run.

python -m multimed_hf.evaluation.metric_cards            writes all
python -m multimed_hf.evaluation.metric_cards --check    names those that are stale, and fails if there are any
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import inspect
import io
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import multimed_hf.metrics
from multimed_hf import resources
from multimed_hf.evaluation.metric_examples import EXAMPLES, SHOWN
from multimed_hf.evaluation.metric_module import GROUPED, PER_ROW, subject
from multimed_hf.metrics import METRICS, NamedMetric, find_metric, score_with_interval
from multimed_hf.metrics.intervals import MINIMUM_GROUPS
from multimed_hf.tasks import TASKS
from multimed_hf.wording import CITATION

CARD_NAME = "README.md"

_ROWS_A_GROUP = 2
_WIDTH = 100


@dataclass(frozen=True)
class _Look:
    """What a card shows besides the docstrings: of a Space, what a group is, and what to mind."""

    emoji: str
    colour_from: str
    colour_to: str
    unit: str = "patient"
    remark: str = ""


_LOOKS = {
    "classification": _Look("🗂️", "blue", "indigo"),
    "multilabel": _Look("🏷️", "blue", "green"),
    "ordinal": _Look("📶", "indigo", "blue"),
    "eeg": _Look("🧠", "indigo", "purple", "subject"),
    "cell_type": _Look("🧫", "green", "blue", "donor"),
    "expression": _Look("📈", "blue", "green", "donor"),
    "structure": _Look("🪢", "purple", "pink", "protein cluster"),
    "answer": _Look("💬", "pink", "red", "image"),
    "segmentation": _Look("🖍️", "red", "yellow"),
    "grounding": _Look("📍", "red", "pink"),
    "detection": _Look("🔲", "yellow", "red"),
    "survival": _Look("⏳", "gray", "blue"),
    "retrieval": _Look("🔎", "yellow", "blue"),
    "calibration": _Look(
        "🎯",
        "green",
        "gray",
        remark="Base rates predicted for every row are well calibrated too: read it beside a score of what is right.",
    ),
    "disease_classification": _Look("🩺", "red", "indigo"),
    "brain_tumor_classification": _Look("🧠", "gray", "red"),
    "breast_cancer_classification": _Look("🔬", "pink", "purple"),
    "radiographic_findings_classification": _Look("🩻", "gray", "blue"),
    "bone_age_classification": _Look("🦴", "gray", "yellow", "image"),
    "diabetic_retinopathy_classification": _Look("👁️", "red", "yellow"),
    "imagined_motor_imagery_classification": _Look(
        "🧠",
        "indigo",
        "purple",
        "subject",
        "Say whether training saw the session, the subject, or neither.",
    ),
    "cell_type_classification": _Look("🧫", "green", "blue", "donor"),
    "expression_prediction": _Look("📈", "blue", "green", "donor"),
    "protein_structure_prediction": _Look("🪢", "purple", "pink", "protein cluster"),
    "medical_visual_question_answering": _Look("🖼️", "pink", "red", "image"),
    "eye_state": _Look(
        "👁️",
        "gray",
        "indigo",
        "recording block",
        "With one recording an interval can only be over blocks of it, and says nothing about new subjects.",
    ),
    "splice_site": _Look("🧬", "yellow", "green", "sequence"),
    "report_findings": _Look("📄", "gray", "green"),
    "medical_question_answering": _Look("💬", "pink", "gray", "abstract"),
    "protein_fitness": _Look("🧬", "purple", "green", "protein cluster"),
    "disease_prognosis": _Look("⏳", "gray", "blue"),
}

_REASONS = {
    "balanced_accuracy": "chance is 1 / classes, however many rows each class has",
    "macro_auroc": "it needs no threshold, and a rare label counts as much as a common one",
    "quadratic_weighted_kappa": "a prediction costs the more the farther it is from the true class, and agreement by "
    "chance is worth nothing",
    "macro_f1": "types differ in number by orders of magnitude, and in it a rare one counts as much as a common one",
    "pearson_per_target": "it asks which samples have more of a target. Correlation within a sample says little, as the "
    "mean profile of the training set reaches a high one without a look at the sample",
    "spearman_per_target": "assays differ in scale, and what matters is the order of the variants",
    "tm_score": "it is over the full length of the target, so that a part that is not predicted well counts, and a "
    "single loop that is far off does not spoil it as it does the RMSD",
    "accuracy": "a closed question is answered rightly or wrongly. Open answers are scored by their words",
    "dice": "it is taken image by image, so that small regions count as much as large ones",
    "pointing_game": "it depends neither on the scale of the maps nor on a threshold",
    "map": "it is of the whole order of the boxes, not of those above one threshold of their scores",
    "uno_c": "it asks who has the event first, and weighs pairs such that it does not hang on who was censored when",
    "recall_at_1": "it asks for a right candidate in the first place",
    "ece": "it is the calibration error that most papers report",
}


@dataclass(frozen=True)
class _Example:
    """Code that was run, and what it printed."""

    code: str
    printed: str
    repeats: int = 1


def card_names() -> tuple[str, ...]:
    """The metrics and tasks that have a card."""
    return (*METRICS, *TASKS)


def render_card(name: str) -> str:
    """The text of the card of a metric or task: front matter for a Space, and a body for people.

    The examples are run in the folder that holds `evaluate_metrics`.

    Raises:
        UnknownNameError: there is no such metric or task.
    """
    import jinja2

    named, look = find_metric(name), _LOOKS[name]
    parts = _sections(named.function)
    example, grouped = _run_examples(named, look.unit)
    options = dict(named.task.options) if named.task else {}
    arguments = {key: text for key, text in _arguments(named.function).items() if key not in options}
    per_row = [f"`{key}`" for key in arguments if key in PER_ROW]
    template = jinja2.Template(
        (resources.folder("model_cards") / "metric_card.md").read_text(encoding="utf-8"), keep_trailing_newline=True
    )
    return template.render(
        title=_title(name),
        emoji=look.emoji,
        colour_from=look.colour_from,
        colour_to=look.colour_to,
        unit=look.unit,
        lead=_lead(named, look),
        example=example,
        grouped=grouped,
        fixed=options,
        metric=named.task.metric if named.task else name,
        task=named.task,
        per_row=per_row,
        minimum_groups=MINIMUM_GROUPS,
        main_score=named.main_score,
        interval_scores=_lowered(_sections(score_with_interval)["Returns"]),
        interval_arguments=_as_list(
            {name: text for name, text in _arguments(score_with_interval).items() if name in GROUPED}
        ),
        definitions=_definitions(named, parts[""]),
        arguments=_as_list(arguments),
        scores=parts["Returns"],
        included_scores=[
            {"name": other, "scores": _sections(METRICS[other].function)["Returns"]} for other in _included(parts)
        ],
        errors=" ".join(parts["Raises"].split()).removeprefix("ValueError: "),
        functions=_functions(named.function),
        citation=CITATION.strip(),
    )


def stale_cards(folder: Path) -> dict[Path, str]:
    """The cards below `folder` that are missing or not what `render_card` makes now, with what it makes."""
    cards = {folder / name / CARD_NAME: render_card(name) for name in card_names()}
    return {
        path: text for path, text in cards.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    }


def main(arguments: list[str] | None = None) -> int:
    """Writes or checks all cards; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m multimed_hf.evaluation.metric_cards",
        description="Writes the cards of all metrics in evaluate_metrics.",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, name stale cards and fail if there are any"
    )
    check = parser.parse_args(arguments).check
    stale = stale_cards(resources.folder("evaluate_metrics"))
    for path, text in stale.items():
        if not check:
            path.write_text(text, encoding="utf-8")
        print(f"stale: {path}" if check else f"wrote {path}")
    return 1 if check and stale else 0


def _sections(function: Callable[..., Any]) -> dict[str, str]:
    """The docstring by section, `Args`, `Returns`, `Raises`, and what stands before them as ""."""
    split = re.split(r"^(Args|Returns|Raises):\n", inspect.getdoc(function) or "", flags=re.MULTILINE)
    bodies = dict(zip(["", *split[1::2]], split[0::2], strict=True))
    return {name: textwrap.dedent(body).strip() for name, body in bodies.items()}


def _arguments(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring says of each argument, and what it is by default."""
    entries = re.split(r"^([*\w]+): ", _sections(function)["Args"], flags=re.MULTILINE)[1:]
    parameters = inspect.signature(function).parameters
    arguments = {}
    for name, text in zip(entries[::2], entries[1::2], strict=True):
        default = parameters[name.lstrip("*")].default
        said = "" if default in (inspect.Parameter.empty, None, ()) else f" By default {default}."
        arguments[name] = text.strip() + said
    return arguments


def _as_list(arguments: dict[str, str]) -> str:
    return "\n".join(f"- `{name}`: {_indented(text)}" for name, text in arguments.items())


def _indented(text: str) -> str:
    return "\n".join("  " + line.strip() if number else line for number, line in enumerate(text.splitlines()))


def _definitions(named: NamedMetric, text: str) -> str:
    """What stands before the arguments, without the sentence that the card of a metric begins with."""
    if named.task:
        return text
    return text[len(subject(named)) :].strip()


def _included(parts: dict[str, str]) -> list[str]:
    return re.findall(r"all keys of `(\w+)`", parts["Returns"])


def _functions(function: Callable[..., Any]) -> list[dict[str, str]]:
    """What the other functions do that the docstring names, such as that of the score of one row."""
    names = re.findall(r"`([a-z]\w+)`", inspect.getdoc(function) or "")
    found = {}
    for name in dict.fromkeys(names):
        other = getattr(multimed_hf.metrics, name, None)
        if inspect.isfunction(other) and other is not function and name not in METRICS and _sections(other)[""]:
            found[name] = re.sub(r"\s*Arguments and errors as for `\w+`\.", "", _sections(other)[""])
    return [{"name": name, "text": text} for name, text in found.items()]


def _title(name: str) -> str:
    return "EEG" if name == "eeg" else name.replace("_", " ").capitalize()


def _lead(named: NamedMetric, look: _Look) -> str:
    lead = f"{subject(named)} Models are compared by **`{named.main_score}`**: {_REASONS[named.main_score]}."
    if named.task:
        beside = [f"`{key}`" for key in named.task.beside]
        lead += f" {_listed(beside)} always {'stands' if len(beside) == 1 else 'stand'} beside it."
        if named.task.auxiliary:
            lead += " The task is an auxiliary one: its label is only a stand-in for a clinical question."
    return f"{lead} {look.remark}".strip()


def _lowered(text: str) -> str:
    return text[0].lower() + text[1:]


def _listed(items: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def _run_examples(named: NamedMetric, unit: str) -> tuple[_Example, _Example]:
    """The example of a metric or task, and that of its configuration `grouped`, as they were run."""
    setup = EXAMPLES[named.name]
    assigned = {
        target.id
        for statement in ast.parse(setup).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    given = [name for name in inspect.signature(named.function).parameters if name in assigned]
    keys = (named.main_score, *(named.task.beside if named.task else SHOWN[named.name]))
    shown = ", ".join(f'"{key}"' for key in keys)
    code = "\n".join(
        [
            *(["import math", ""] if "math." in setup else []),
            "import evaluate",
            "",
            setup,
            f'metric = evaluate.load("evaluate_metrics/{named.name}")',
            _call("scores = metric.compute", [f"{name}={name}" for name in given]),
            f"shown = ({shown})",
            "print({key: round(scores[key], 3) for key in shown})",
        ]
    )
    namespace: dict[str, Any] = {}
    printed = _run(code, namespace)
    repeats = math.ceil(_ROWS_A_GROUP * MINIMUM_GROUPS / len(namespace["predictions"]))
    n = repeats * len(namespace["predictions"])
    per_row = {"predictions", "references", *PER_ROW}
    passed = [f"{name}={name} * {repeats}" if name in per_row else f"{name}={name}" for name in given]
    groups = f'groups=[f"{unit} {{row % {MINIMUM_GROUPS}}}" for row in range({n})]'
    grouped_code = "\n".join(
        [
            f'grouped = evaluate.load("evaluate_metrics/{named.name}", "grouped")',
            _call("scores = grouped.compute", [*passed, groups, f'unit="{unit}"']),
            'interval = scores["interval"]',
            'print(round(interval["low"], 3), round(interval["high"], 3), interval["groups"], interval["unit"])',
        ]
    )
    return _Example(code, printed), _Example(grouped_code, _run(grouped_code, namespace), repeats)


def _run(code: str, namespace: dict[str, Any]) -> str:
    printed = io.StringIO()
    with contextlib.chdir(resources.folder("evaluate_metrics").parent), contextlib.redirect_stdout(printed):
        exec(compile(code, "<example>", "exec"), namespace)
    return printed.getvalue().strip()


def _call(function: str, arguments: Iterable[str]) -> str:
    arguments = list(arguments)
    line = f"{function}({', '.join(arguments)})"
    return line if len(line) <= _WIDTH else "\n".join([f"{function}(", *(f"    {each}," for each in arguments), ")"])


if __name__ == "__main__":
    sys.exit(main())
