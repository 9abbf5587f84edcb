"""Every `evaluate` module: loaded as a user loads it, fed in every way, and described truthfully by its README."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import yaml

from multimed_hf.metrics import SCORES, multi_label, regression, single_label, structure
from multimed_hf.resources import folder
from multimed_hf.tasks import TASKS

METRICS = folder("evaluate_metrics")
NAMES = sorted(path.name for path in METRICS.iterdir() if path.is_dir() and path.name != "__pycache__")

GENERATOR = np.random.default_rng(0)
N = 40
PROBABILITIES, CLASSES = GENERATOR.dirichlet(np.ones(3), N), GENERATOR.integers(3, size=N)
CHAINS = [np.cumsum(GENERATOR.normal(size=(8 + row % 3, 3)), axis=0) for row in range(N)]
UNRESOLVED = [np.where(np.arange(len(chain))[:, None] == 2, np.nan, chain) for chain in CHAINS]

# Predictions, references and further arguments by kind, such that every documented key comes back.
KIND_ROWS = {
    "single_label": (PROBABILITIES, CLASSES, {}),
    "multi_label": (GENERATOR.random((N, 2)), GENERATOR.integers(-1, 2, (N, 2)), {"labels": ["<name>", "other"]}),
    "regression": (
        GENERATOR.normal(size=(N, 3)),
        np.where(GENERATOR.random((N, 3)) < 0.1, np.nan, GENERATOR.normal(size=(N, 3))),
        {"train_mean": [0.0] * 3, "strata": ["B", "T"] * (N // 2), "strata_mean": {"B": [1.0] * 3, "T": [0.0] * 3}},
    ),
    "structure": ([chain + 1 for chain in CHAINS], UNRESOLVED, {}),
    "answer": (["yes", "no"] * (N // 2), ["yes"] * N, {"answer_types": ["closed", "open"] * (N // 2)}),
}


def test_modules_are_named_after_tasks_that_have_scores():
    assert len(NAMES) >= 8
    assert all(TASKS[name].kind in SCORES for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_result_is_that_of_the_function(load_metric, name):
    kind = TASKS[name].kind
    predictions, references, kwargs = KIND_ROWS[kind]
    scores = load_metric(name).compute(predictions=predictions, references=references, **kwargs)
    assert scores == SCORES[kind](predictions, references, **kwargs)
    assert TASKS[name].main_score in scores


@pytest.mark.parametrize("name", NAMES)
def test_groups_add_an_interval_of_the_main_score(load_metric, name):
    task = TASKS[name]
    predictions, references, kwargs = KIND_ROWS[task.kind]
    groups = [f"group {row // 2}" for row in range(N)]
    scores = load_metric(name, "grouped").compute(
        predictions=predictions, references=references, groups=groups, unit="patient", resamples=40, **kwargs
    )
    assert (scores["n"], scores["interval"]["groups"], scores["interval"]["unit"]) == (N, N // 2, "patient")
    assert scores["interval"]["low"] <= scores[task.main_score] <= scores["interval"]["high"]


@pytest.mark.parametrize("name", NAMES)
def test_module_names_its_task_and_main_score(load_metric, name):
    metric, task = load_metric(name), TASKS[name]
    assert task.summary in metric.description
    assert task.name in metric.description and task.main_score in metric.description
    assert metric.inputs_description == SCORES[task.kind].__doc__
    assert metric.citation.startswith("@software")


def test_rows_added_singly_and_in_batches_are_scored_together(load_metric):
    metric = load_metric("cell_type_classification")
    metric.add(prediction=PROBABILITIES[0], reference=CLASSES[0])
    metric.add_batch(predictions=PROBABILITIES[1:10], references=CLASSES[1:10])
    metric.add_batch(predictions=PROBABILITIES[10:].tolist(), references=CLASSES[10:].tolist())
    assert metric.compute() == single_label(PROBABILITIES, CLASSES)


def test_chains_added_singly_keep_their_unresolved_residues(load_metric):
    metric = load_metric("protein_structure_prediction")
    for chain, reference in zip(CHAINS, UNRESOLVED, strict=True):
        metric.add(prediction=chain, reference=reference)
    assert metric.compute() == structure(CHAINS, UNRESOLVED)


def test_tensors_are_accepted(load_metric):
    torch = pytest.importorskip("torch")
    predictions, references, _ = KIND_ROWS["multi_label"]
    scores = load_metric("report_findings").compute(
        predictions=torch.from_numpy(predictions), references=torch.from_numpy(references)
    )
    assert scores == multi_label(predictions, references)


def test_two_processes_score_all_rows_once(load_metric, tmp_path):
    # Threads stand in for the processes, which would each import `evaluate` anew; the files they meet at are the same.
    predictions, references, _ = KIND_ROWS["regression"]
    module, parts = type(load_metric("expression_prediction")), (slice(0, 25), slice(25, None))

    def score(rank):
        metric = module(num_process=2, process_id=rank, experiment_id="two", cache_dir=str(tmp_path))
        return metric.compute(predictions=predictions[parts[rank]], references=references[parts[rank]])

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(score, (0, 1))) == [regression(predictions, references), None]


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([[0.5, 0.5]], [0, 1], "Mismatch in the number of predictions"),
        ([], [], "at least one row"),
        ([[0.9, 0.3]], [0], "add up to 1"),
        ([[0.5, 0.5]], [7], r"\[0, 2\), got 7"),
    ],
)
def test_bad_input_is_refused_and_the_metric_still_works(load_metric, predictions, references, message):
    metric = load_metric("eye_state")
    with pytest.raises(ValueError, match=message):
        metric.compute(predictions=predictions, references=references)
    assert metric.compute(predictions=[[0.9, 0.1]], references=[0])["accuracy"] == 1.0


def test_unknown_configuration_is_refused(load_metric):
    with pytest.raises(ValueError, match="a configuration among default, grouped, got 'by_patient'"):
        load_metric("eye_state", "by_patient")


@pytest.mark.parametrize("name", NAMES)
def test_readme_has_what_a_space_needs(name):
    _, front_matter, text = (METRICS / name / "README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(front_matter)
    keys = ["title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "app_file", "tags"]
    assert list(facts) == keys
    assert facts["sdk"] == "gradio" and facts["tags"] == ["evaluate", "metric"]
    assert text.lstrip().startswith(f"# {facts['title']}")


@pytest.mark.parametrize("name", NAMES)
def test_readme_lists_the_keys_that_come_back(name):
    task = TASKS[name]
    predictions, references, kwargs = KIND_ROWS[task.kind]
    text = (METRICS / name / "README.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` \|", text, re.M)
    returned = SCORES[task.kind](predictions, references, **kwargs)
    assert set(listed) == {key for key in returned if not key.endswith("/other")}
    assert f"| `{task.main_score}` | **main score**" in text


@pytest.mark.parametrize("name", NAMES)
def test_readme_example_prints_what_it_says(name, monkeypatch, capsys):
    monkeypatch.chdir(METRICS.parent)
    blocks = re.findall(r"```python\n(.*?)```", (METRICS / name / "README.md").read_text(), re.S)
    namespace = {}
    for block in blocks:
        exec(block, namespace)
    said = re.findall(r"^print\(.*\)  # (.+)$", blocks[0], re.M)
    assert said
    assert capsys.readouterr().out.split() == " ".join(said).split()
