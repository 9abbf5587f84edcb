"""The tasks, as data: the eleven of the benchmark and the auxiliary ones.

A task says what kind of target it has, which column of a row holds it, and by which score it is judged. What a task looks
like on one release (its label names, its targets) belongs to the source: see `multimed_hf.subsets`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal["single_label", "multi_label", "ordinal", "regression", "structure", "answer", "survival"]

KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Task:
    """One task of the benchmark.

    Attributes:
        name: the name under which `evaluate_metrics/<name>` scores it.
        kind: what the target is; it decides the head of the model.
        subsets: the subsets whose sources may ask it.
        column: the column of a row that holds the target.
        metric: the name in `multimed_hf.metrics.METRICS` of what `evaluate_metrics/<name>` computes.
        main_score: the key of the score by which models are compared.
        beside: scores always shown beside the main one.
        summary: one sentence for cards and `multimed list`.
        auxiliary: its label is only a stand-in for a clinical question; never counted among the eleven.
        inputs: columns besides the modalities that belong to the input.
        options: arguments of the metric that are the same for all releases.
        value_column: the column that holds the true value more finely than the class does, on the scale of the option
            `class_values`.
    """

    name: str
    kind: Kind
    subsets: tuple[str, ...]
    column: str
    metric: str
    main_score: str
    beside: tuple[str, ...]
    summary: str
    auxiliary: bool = False
    inputs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    value_column: str = ""


_TASKS = (
    Task(
        "disease_classification",
        "single_label",
        ("oct", "ct", "xray", "mri"),
        "disease",
        "classification",
        "balanced_accuracy",
        ("macro_f1", "auroc", "ece"),
        "Which disease, if any, does the image show?",
    ),
    Task(
        "brain_tumor_classification",
        "single_label",
        ("mri",),
        "brain_tumor",
        "classification",
        "balanced_accuracy",
        ("macro_f1", "auroc", "ece"),
        "Which kind of brain tumour, if any, does the MR slice show?",
    ),
    Task(
        "breast_cancer_classification",
        "single_label",
        ("pathology",),
        "breast_cancer",
        "classification",
        "balanced_accuracy",
        ("auroc", "macro_f1", "ece"),
        "Is the tissue of the slide benign or malignant?",
    ),
    Task(
        "radiographic_findings_classification",
        "multi_label",
        ("xray",),
        "findings",
        "multilabel",
        "macro_auroc",
        ("macro_average_precision", "macro_f1"),
        "Which findings does the chest radiograph show?",
    ),
    Task(
        "bone_age_classification",
        "ordinal",
        ("bone_age",),
        "bone_age",
        "ordinal",
        "quadratic_weighted_kappa",
        ("mae", "accuracy_within_6", "accuracy_within_12"),
        "How many years old, floor(months / 12), is the skeleton of the hand?",
        inputs=("sex",),
        # A year stands for its middle, in months.
        options={"class_values": tuple(12.0 * year + 6.0 for year in range(20)), "within": (6, 12)},
        value_column="bone_age_months",
    ),
    Task(
        "diabetic_retinopathy_classification",
        "ordinal",
        ("fundus",),
        "retinopathy",
        "ordinal",
        "quadratic_weighted_kappa",
        ("macro_mae", "auroc_from_2"),
        "Which grade of diabetic retinopathy does the fundus photograph show?",
        # Grade 2 and above is referable.
        options={"positive_from": 2},
    ),
    Task(
        "imagined_motor_imagery_classification",
        "single_label",
        ("eeg",),
        "motor_imagery",
        "eeg",
        "balanced_accuracy",
        ("kappa", "accuracy"),
        "Which movement does the subject imagine?",
    ),
    Task(
        "cell_type_classification",
        "single_label",
        ("scrna",),
        "cell_type",
        "cell_type",
        "macro_f1",
        ("balanced_accuracy", "accuracy"),
        "Which type is the cell of?",
    ),
    Task(
        "expression_prediction",
        "regression",
        ("genomics", "scrna"),
        "expression",
        "expression",
        "pearson_per_target",
        ("skill_over_train_mean", "r2"),
        "How strongly are the target genes expressed, given the DNA or the other genes?",
    ),
    Task(
        "protein_structure_prediction",
        "structure",
        ("protein",),
        "backbone",
        "structure",
        "tm_score",
        ("lddt", "gdt_ts", "rmsd"),
        "Where do the backbone atoms of the chain lie?",
    ),
    Task(
        "medical_visual_question_answering",
        "answer",
        ("vqa",),
        "answer",
        "answer",
        "accuracy",
        ("exact_match", "token_f1", "token_recall"),
        "What is the answer to the question about the image?",
        inputs=("question", "choices"),
    ),
    Task(
        "eye_state",
        "single_label",
        ("eeg",),
        "eye_state",
        "eeg",
        "balanced_accuracy",
        ("kappa", "accuracy"),
        "Are the eyes open or closed?",
        auxiliary=True,
    ),
    Task(
        "splice_site",
        "single_label",
        ("genomics",),
        "splice_site",
        "classification",
        "balanced_accuracy",
        ("macro_f1", "accuracy"),
        "Is the middle of the DNA window a donor site, an acceptor site or neither?",
        auxiliary=True,
    ),
    Task(
        "report_findings",
        "multi_label",
        ("text",),
        "report_findings",
        "multilabel",
        "macro_auroc",
        ("macro_average_precision", "macro_f1"),
        "Which findings did the indexers read in the report?",
        auxiliary=True,
    ),
    Task(
        "medical_question_answering",
        "answer",
        ("text",),
        "answer",
        "answer",
        "accuracy",
        ("macro_f1",),
        "Does the abstract answer the question with yes, no or maybe?",
        auxiliary=True,
        inputs=("question", "choices"),
    ),
    Task(
        "protein_fitness",
        "regression",
        ("protein",),
        "fitness",
        "expression",
        "spearman_per_target",
        ("pearson_per_target", "r2"),
        "How well does the mutated protein do its work?",
        auxiliary=True,
    ),
    Task(
        "disease_prognosis",
        "survival",
        ("genomics",),
        "survival_days",
        "survival",
        "uno_c",
        ("brier",),
        "How long does the patient stay free of distant metastases?",
        auxiliary=True,
        inputs=("age",),
    ),
)

TASKS: dict[str, Task] = {task.name: task for task in _TASKS}


class UnknownNameError(ValueError):
    """A subset, source, task or label that does not exist; the message lists what does."""


def closest(name: str, known: Iterable[str], what: str) -> UnknownNameError:
    """The error for a `name` that is not among the `known` ones, with the nearest as a suggestion."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownNameError(f"Unknown {what} {name!r}.{hint} Expected one of: {', '.join(known)}.")


def get_task(name: str) -> Task:
    """The task called `name`.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    if name not in TASKS:
        raise closest(name, TASKS, "task")
    return TASKS[name]
