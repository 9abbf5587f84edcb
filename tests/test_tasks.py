import pytest

from multimed_hf.columns import COMMON_COLUMNS, MODALITY_COLUMNS, TARGET_COLUMNS
from multimed_hf.subsets import SUBSETS
from multimed_hf.tasks import KINDS, TASKS, UnknownNameError, closest, get_task

MAIN = {
    "disease_classification": "balanced_accuracy",
    "brain_tumor_classification": "balanced_accuracy",
    "breast_cancer_classification": "balanced_accuracy",
    "radiographic_findings_classification": "macro_auroc",
    "bone_age_classification": "quadratic_weighted_kappa",
    "diabetic_retinopathy_classification": "quadratic_weighted_kappa",
    "imagined_motor_imagery_classification": "balanced_accuracy",
    "cell_type_classification": "macro_f1",
    "expression_prediction": "pearson_per_target",
    "protein_structure_prediction": "tm_score",
    "medical_visual_question_answering": "accuracy",
}
AUXILIARY = {
    "eye_state",
    "splice_site",
    "report_findings",
    "medical_question_answering",
    "protein_fitness",
    "disease_prognosis",
}
# The type that the column of the target has, by kind.
TARGET_DTYPES = {
    "single_label": {"class"},
    "ordinal": {"class"},
    "multi_label": {"classes"},
    "regression": {"list<float32>"},
    "structure": {"list<list<list<float32, 3>, 3>>"},
    "answer": {"string"},
    "survival": {"float32"},
}


def test_eleven_main_tasks_with_their_scores_and_the_auxiliary_ones():
    assert {task.name: task.main_score for task in TASKS.values() if not task.auxiliary} == MAIN
    assert {task.name for task in TASKS.values() if task.auxiliary} == AUXILIARY


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_a_task_is_complete(task):
    assert task.name.isidentifier() and task.name == task.name.lower()
    assert task.kind in KINDS
    assert task.subsets and set(task.subsets) <= SUBSETS.keys()
    assert task.summary.endswith("?")
    assert task.main_score not in task.beside and len(set(task.beside)) == len(task.beside) > 0


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_its_target_and_inputs_are_columns_of_the_right_type(task):
    columns = {column.name: column for column in TARGET_COLUMNS[task.name]}
    assert columns[task.column].dtype in TARGET_DTYPES[task.kind]
    assert set(task.inputs) <= columns.keys() - {task.column}


def test_every_target_column_belongs_to_a_task():
    assert TARGET_COLUMNS.keys() == TASKS.keys()
    inputs = {column.name for columns in (COMMON_COLUMNS, *MODALITY_COLUMNS.values()) for column in columns}
    assert not inputs & {column.name for columns in TARGET_COLUMNS.values() for column in columns}


def test_unknown_names():
    assert get_task("eye_state").auxiliary
    with pytest.raises(UnknownNameError, match=r"Unknown task 'eye_stat'. Did you mean 'eye_state'"):
        get_task("eye_stat")
    assert "Did you mean" not in str(closest("zzz", ["eeg"], "subset"))
    assert str(closest("zzz", ["eeg", "text"], "subset")).endswith("Expected one of: eeg, text.")
