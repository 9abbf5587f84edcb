"""Every `evaluate` module: loaded as a user loads it, fed in every way, and described truthfully by its README."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import evaluate
import numpy as np
import pytest

from multimed_hf.metrics import METRICS, find_metric
from multimed_hf.resources import folder
from multimed_hf.tasks import TASKS

from .examples import CHAINS, CLASSES, MASKS, PROBABILITIES, ROWS, TASK_ROWS, UNRESOLVED, N

FOLDER = folder("evaluate_metrics")
NAMES = (*METRICS, *TASKS)


def rows_of(name):
    return TASK_ROWS.get(name) or ROWS[TASKS[name].metric if name in TASKS else name]


def same(left, right):
    """Equal, NaN being equal to NaN."""
    np.testing.assert_equal(left, right)
    return True


def test_every_metric_and_task_has_a_folder_of_the_same_files():
    assert sorted(path.name for path in FOLDER.iterdir() if path.name != "__pycache__") == sorted(NAMES)
    for name in NAMES:
        files = {path.name for path in (FOLDER / name).iterdir() if path.is_file()}
        assert files == {"README.md", "app.py", f"{name}.py"}
    assert len({(FOLDER / name / "app.py").read_text() for name in NAMES}) == 1


@pytest.mark.parametrize("name", NAMES)
def test_result_is_that_of_the_function(load_metric, name):
    predictions, references, options = rows_of(name)
    named = find_metric(name)
    fixed = named.task.options if named.task else {}
    scores = load_metric(name).compute(predictions=predictions, references=references, **options)
    assert same(scores, named.function(predictions, references, **{**fixed, **options}))
    assert np.isfinite(scores[named.main_score])
    assert named.task is None or all(key in scores for key in named.task.beside)


@pytest.mark.parametrize("name", NAMES)
def test_groups_add_an_interval_of_the_main_score(load_metric, name):
    predictions, references, options = rows_of(name)
    metric, groups = load_metric(name, "grouped"), [f"group {row % 20}" for row in range(N)]
    scores = metric.compute(
        predictions=predictions, references=references, groups=groups, unit="patient", resamples=30, **options
    )
    interval = scores.pop("interval")
    assert list(interval) == ["low", "high", "level", "groups", "unit", "note"]
    assert (interval["groups"], interval["unit"], interval["note"], scores.pop("n")) == (20, "patient", "", N)
    assert interval["low"] <= scores[find_metric(name).main_score] <= interval["high"]
    assert same(scores, find_metric(name)(predictions, references, **options))


@pytest.mark.parametrize("name", NAMES)
def test_readme_lists_the_keys_that_come_back(name):
    predictions, references, options = rows_of(name)
    text = (FOLDER / name / "README.md").read_text(encoding="utf-8").split("\n## Scores\n")[1].split("\n## ")[0]
    listed = [re.sub(r"<\w+>", ".+", re.escape(key)) for key in re.findall(r"`([a-z][^`\s]*)`", text)]
    returned = find_metric(name)(predictions, references, **options)
    assert [key for key in returned if not any(re.fullmatch(pattern, key) for pattern in listed)] == []


@pytest.mark.parametrize("name", NAMES)
def test_readme_examples_print_what_they_say(load_metric, name, monkeypatch, capsys):
    loaded = {config_name: load_metric(name, config_name) for config_name in (None, "grouped")}
    monkeypatch.setattr(evaluate, "load", lambda path, config_name=None: loaded[config_name])
    blocks = re.findall(r"```python\n(.*?)```", (FOLDER / name / "README.md").read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 2
    namespace = {}
    for block in blocks:
        assert f'evaluate.load("evaluate_metrics/{name}"' in block
        exec(block, namespace)
        assert capsys.readouterr().out.strip() == block.strip().splitlines()[-1].removeprefix("# ")


@pytest.mark.parametrize("name", NAMES)
def test_module_describes_itself(load_metric, name):
    metric, named = load_metric(name), find_metric(name)
    assert metric.name == name
    assert named.main_score in metric.description
    assert named.task is None or named.task.summary in metric.description
    assert metric.inputs_description.splitlines()[0] in named.function.__doc__
    assert metric.inputs_description in metric.compute.__doc__
    assert metric.citation.startswith("@software")


def test_rows_added_singly_and_in_batches_are_scored_together(load_metric):
    metric = load_metric("cell_type_classification")
    metric.add(prediction=PROBABILITIES[0], reference=CLASSES[0])
    metric.add_batch(predictions=PROBABILITIES[1:10], references=CLASSES[1:10])
    metric.add_batch(predictions=PROBABILITIES[10:].tolist(), references=CLASSES[10:].tolist())
    embeddings = np.arange(2.0 * N).reshape(N, 2)
    scores = metric.compute(embeddings=embeddings)
    assert same(scores, find_metric("cell_type")(PROBABILITIES, CLASSES, embeddings=embeddings))


def test_chains_added_singly_keep_their_unresolved_residues(load_metric):
    metric = load_metric("protein_structure_prediction")
    for chain, reference in zip(CHAINS, UNRESOLVED, strict=True):
        metric.add(prediction=chain, reference=reference)
    assert same(metric.compute(), find_metric("structure")(CHAINS, UNRESOLVED))


def test_boxes_are_added_singly_with_or_without_labels(load_metric):
    metric, box = load_metric("detection"), [[0, 0, 4, 4]]
    metric.add(prediction={"boxes": box, "scores": [0.5]}, reference={"boxes": box})
    metric.add(prediction={"boxes": [], "scores": [], "labels": []}, reference={"boxes": box, "labels": [0]})
    assert metric.compute()["map"] == 0.5


def test_masks_may_be_volumes(load_metric):
    metric, volumes = load_metric("segmentation"), [np.stack([mask > 0, mask > 1]) for mask in MASKS]
    references = volumes[1:] + volumes[:1]
    references = [np.resize(reference, volume.shape) for reference, volume in zip(references, volumes, strict=True)]
    scores = metric.compute(predictions=volumes, references=references)
    assert same(scores, find_metric("segmentation")(volumes, references))
    grounded = load_metric("grounding").compute(predictions=[np.eye(3)[None]], references=[np.eye(3)[None] > 0])
    assert grounded["pointing_game"] == 1.0


def test_right_candidates_may_be_marked(load_metric):
    predictions, references, _ = ROWS["retrieval"]
    marked = np.arange(12) == references[:, None]
    metric = load_metric("retrieval")
    by_index = metric.compute(predictions=predictions, references=references)
    assert same(metric.compute(predictions=predictions, references=marked), by_index)


def test_tensors_are_accepted(load_metric):
    torch = pytest.importorskip("torch")
    predictions, references, _ = ROWS["multilabel"]
    scores = load_metric("report_findings").compute(
        predictions=torch.from_numpy(predictions).requires_grad_(), references=torch.from_numpy(references)
    )
    assert same(scores, find_metric("multilabel")(predictions, references))


def test_numbers_are_as_good_groups_as_texts(load_metric):
    predictions, references, _ = ROWS["answer"]
    metric, numbers = load_metric("answer", "grouped"), [row % 20 for row in range(N)]
    given = {"predictions": predictions, "references": references, "resamples": 30}
    assert same(metric.compute(groups=numbers, **given), metric.compute(groups=[str(n) for n in numbers], **given))


def test_arguments_of_the_interval_are_passed_on(load_metric):
    predictions, references, _ = ROWS["classification"]
    given = {"predictions": predictions, "references": references, "groups": ["one"] * N}
    metric = load_metric("classification", "grouped")
    refused = metric.compute(**given)
    assert refused["interval"] is None and "1 group" in refused["interval_refusal"]
    options = {"unit": "subject", "main_score": "kappa", "resamples": 50, "level": 0.9}
    scores = [metric.compute(**given, **options, fallback="row", seed=seed) for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]
    interval = scores[0]["interval"]
    assert interval["level"] == 0.9 and "new subject" in interval["note"]
    assert interval["low"] <= scores[0]["kappa"] <= interval["high"]


def test_modules_combine(load_metric):
    predictions, references, _ = ROWS["classification"]
    both = evaluate.combine([load_metric("classification"), load_metric("calibration")])
    scores = both.compute(predictions=predictions, references=references)
    assert scores["accuracy"] == find_metric("classification")(predictions, references)["accuracy"]
    assert scores["aurc"] == find_metric("calibration")(predictions, references)["aurc"]
    assert scores["classification_brier"] == pytest.approx(scores["calibration_brier"])


def test_two_processes_score_all_rows_once(load_metric, tmp_path):
    # Threads stand in for the processes, which would each import `evaluate` anew; the files they meet at are the same.
    predictions, references, _ = ROWS["expression"]
    module, parts = type(load_metric("expression_prediction")), (slice(0, 25), slice(25, None))

    def score(rank):
        metric = module(num_process=2, process_id=rank, experiment_id="two", cache_dir=str(tmp_path))
        return metric.compute(predictions=predictions[parts[rank]], references=references[parts[rank]])

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(score, (0, 1))
    assert same(first, find_metric("expression")(predictions, references))
    assert second is None


PROCESS = """
import sys, evaluate
rank = int(sys.argv[1])
metric = evaluate.load(
    sys.argv[2], num_process=2, process_id=rank, experiment_id="real", cache_dir=sys.argv[3]
)
predictions, references, subjects = [[[0.9, 0.1]], [[0.2, 0.8], [0.7, 0.3]]], [[0], [1, 1]], ["a", "b", "b"]
scores = metric.compute(predictions=predictions[rank], references=references[rank], subjects=subjects)
print(None if scores is None else [scores[key] for key in ("accuracy", "subject_worst", "subjects")])
"""


def test_two_real_processes_score_all_rows_in_order(tmp_path):
    command = [sys.executable, "-c", PROCESS]
    processes = [
        subprocess.Popen(
            [*command, str(rank), str(FOLDER / "eeg"), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(FOLDER.parent)},
        )
        for rank in (0, 1)
    ]
    said = [process.communicate(timeout=200) for process in processes]
    assert [out.strip() for out, _ in said] == [str([2 / 3, 0.5, 2.0]), "None"], said


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([[0.5, 0.5]], [0, 1], "references for each of 1 predictions, got 2"),
        ([], [], "at least one row"),
        ([[0.5, 0.5]], None, "Expected references with the rows, got none"),
        ([[0.9, 0.3]], [0], "add up to 1"),
        ([[0.5, 0.5]], [7], r"\[0, 2\), got 7"),
        ([[0.5, 0.5]], [0.7], "whole numbers"),
        ([[0.5, 0.5]], ["open"], "could not convert string to float: 'open'"),
    ],
)
def test_bad_input_is_refused_and_the_metric_still_works(load_metric, predictions, references, message):
    metric = load_metric("eye_state")
    with pytest.raises(ValueError, match=message):
        metric.compute(predictions=predictions, references=references)
    assert metric.compute(predictions=[[0.9, 0.1]], references=[0])["accuracy"] == 1.0


@pytest.mark.parametrize("in_memory", [False, True])
def test_refused_rows_leave_no_file(load_metric, tmp_path, in_memory):
    metric = type(load_metric("eye_state"))(cache_dir=str(tmp_path), keep_in_memory=in_memory)
    for _ in range(2):
        with pytest.raises(ValueError, match="add up to 1"):
            metric.compute(predictions=[[0.9, 0.3]], references=[0])
        assert not list(tmp_path.rglob("*.arrow"))
    metric.add(prediction=[0.9, 0.1], reference=0)
    with pytest.raises(ValueError, match="at least one row"):
        metric.compute(predictions=[], references=[])
    assert metric.compute(predictions=[[0.9, 0.1]], references=[1])["accuracy"] == 0.5


@pytest.mark.parametrize("name", ["segmentation", "retrieval"])
def test_no_rows_are_refused_where_there_are_several_forms(load_metric, name):
    with pytest.raises(ValueError, match="at least one row"):
        load_metric(name).compute(predictions=[], references=[])


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        ({"boxes": [], "score": []}, "keys among boxes, labels, scores, got the keys boxes, score in row 0"),
        ([[0, 0, 1, 1]], "got list in row 0"),
        ({"boxes": []}, "scores"),
    ],
)
def test_wrong_boxes_are_refused(load_metric, prediction, message):
    metric = load_metric("detection")
    with pytest.raises(ValueError, match=message):
        metric.compute(predictions=[prediction], references=[{"boxes": []}])


def test_unknown_arguments_are_refused_before_rows_are_lost(load_metric):
    metric = load_metric("retrieval")
    metric.add(prediction=[0.9, 0.1], reference=0)
    with pytest.raises(ValueError, match="Expected arguments among ks, got 'k'"):
        metric.compute(k=[1])
    with pytest.raises(ValueError, match="load the configuration 'grouped'"):
        metric.compute(groups=["a"])
    with pytest.raises(ValueError, match="Expected a value of reference"):
        metric.add(prediction=[0.9, 0.1])
    assert metric.compute(ks=[1])["recall_at_1"] == 1.0
    with pytest.raises(ValueError, match="ks, unit, main_score, fallback, resamples, level, seed, got 'units'"):
        load_metric("retrieval", "grouped").compute(predictions=[[1.0]], references=[0], groups=["a"], units="b")


def test_grouped_wants_groups(load_metric):
    with pytest.raises(ValueError, match="groups"):
        load_metric("answer", "grouped").compute(predictions=["yes"], references=["yes"])
    with pytest.raises(ValueError, match="groups for each of 1 predictions, got 2"):
        load_metric("answer", "grouped").compute(predictions=["yes"], references=["yes"], groups=["a", "b"])


def test_unknown_configuration_is_refused(load_metric):
    with pytest.raises(ValueError, match="a configuration among default, grouped, got 'by_patient'"):
        load_metric("eye_state", "by_patient")
