import json
import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from multimed_hf.data.build import build
from multimed_hf.data.heads import Head, heads_in
from multimed_hf.data.manifest import Manifest
from multimed_hf.data.samples import SampleDataset
from multimed_hf.evaluation.baselines import FOLDS, LOGISTIC_C
from multimed_hf.evaluation.evaluate import OVERFIT_CHECK, evaluate_checkpoint, training_record
from multimed_hf.evaluation.predict import predict
from multimed_hf.evaluation.results import read_results, write_results
from multimed_hf.metrics import best_f1_thresholds, multilabel
from multimed_hf.tasks import TASKS
from multimed_hf.training.checkpoint import load_checkpoint
from multimed_hf.training.train import Settings, fit

from ..data.pbmc68k import fake as pbmc68k


def evaluated(checkpoint, data, *arguments, **options):
    return evaluate_checkpoint(checkpoint, data, *arguments, progress=False, **options)


@pytest.fixture(scope="module")
def results(checkpoint, built):
    return evaluated(checkpoint, built, baselines=True)


def test_every_head_and_source_has_a_result(results, built):
    found = [(result.subset, result.source, result.task, result.split) for result in results]
    assert sorted(found) == [
        ("eeg", "synthetic", "imagined_motor_imagery_classification", "test"),
        ("eeg", "uci_eye_state", "eye_state", "test"),
        ("genomics", "sortseq_lac", "expression_prediction", "test"),
        ("genomics", "splice_junctions", "splice_site", "test"),
        ("protein", "pdb", "protein_structure_prediction", "test"),
        ("protein", "pdb", "protein_structure_prediction", "train"),
        ("scrna", "pbmc68k", "cell_type_classification", "test"),
        ("scrna", "pbmc68k", "expression_prediction", "test"),
        ("text", "openi_reports", "report_findings", "test"),
        ("text", "pubmedqa", "medical_question_answering", "test"),
    ]
    manifest = Manifest.read(built)
    for result in results:
        task = TASKS[result.task]
        assert result.metric == task.main_score and result.score == result.scores[task.main_score]
        assert (result.auxiliary, result.synthetic) == (task.auxiliary, result.source == "synthetic")
        assert result.data_fingerprint == manifest.subsets[result.subset].fingerprint
        assert (result.low is None) == (result.groups < 20) == ("interval" in result.reasons)
        assert result.low is None or result.low <= result.score <= result.high
        assert set(task.beside) <= set(result.scores)
        assert set(result.baselines) == {"trivial", "classical"}


def test_results_can_be_written_and_read(results, tmp_path):
    write_results(tmp_path / "results.json", results)
    assert read_results(tmp_path / "results.json") == results


def test_the_few_chains_are_checked_on_the_training_split_too(results):
    test, train = (result for result in results if result.task == "protein_structure_prediction")
    assert train.limits == f"{OVERFIT_CHECK}; {test.limits}" and train.n > test.n
    # The chain of nearest composition is the chain itself, but for its two unresolved ends.
    assert train.baselines["classical"]["score"] == pytest.approx(38 / 40, abs=0.01)


def test_the_classical_baseline_is_the_plain_pipeline(results, built):
    from datasets import load_dataset

    splits = {name: load_dataset(str(built), "scrna", split=name) for name in ("train", "test")}
    x, y, groups = {}, {}, {}
    for name, rows in splits.items():
        rows = [row for row in rows if row["cell_type"] >= 0]
        x[name], y[name] = np.zeros((len(rows), len(pbmc68k.GENES))), np.array([row["cell_type"] for row in rows])
        groups[name] = [row["group"] for row in rows]
        for matrix, row in zip(x[name], rows, strict=True):
            matrix[row["gene_index"]] = row["gene_value"]
    seen = x["train"].any(0)
    scaler = StandardScaler().fit(x["train"][:, seen])
    x = {name: scaler.transform(values[:, seen]) for name, values in x.items()}

    def macro_f1(truth, predicted):
        return f1_score(truth, predicted, average="macro", labels=sorted({*truth, *predicted}))

    def model(c):
        return LogisticRegression(C=c, max_iter=2000)

    folds = GroupKFold(FOLDS, shuffle=True, random_state=0)
    held_out = [
        cross_val_predict(model(c), x["train"], y["train"], cv=folds, groups=groups["train"]) for c in LOGISTIC_C
    ]
    best = LOGISTIC_C[int(np.argmax([macro_f1(y["train"], predicted) for predicted in held_out]))]
    expected = macro_f1(y["test"], model(best).fit(x["train"], y["train"]).predict(x["test"]))
    result = next(result for result in results if result.task == "cell_type_classification")
    assert result.baselines["classical"]["score"] == pytest.approx(expected)


def test_f1_is_at_thresholds_of_the_validation_split(results, checkpoint, built):
    from datasets import load_dataset

    splits = {name: load_dataset(str(built), "text", split=name) for name in ("validation", "test")}
    heads = [head for head in heads_in({"text": splits.values()}) if head.kind == "multi_label"]
    validation, test = (
        predict(*load_checkpoint(checkpoint), SampleDataset([("text", rows)]), heads, progress=False)[heads[0].name]
        for rows in splits.values()
    )
    thresholds = best_f1_thresholds(validation.predictions, validation.references)
    scores = multilabel(test.predictions, test.references, heads[0].labels, thresholds)
    result = next(result for result in results if result.task == "report_findings")
    assert result.scores["macro_f1"] == pytest.approx(scores["macro_f1"])
    assert ((test.predictions >= thresholds) != (test.predictions >= 0.5)).any()


def test_skill_over_train_and_cell_type_means_is_scored(results):
    cells, promoters = (result for result in results if result.task == "expression_prediction" and result.n)
    if cells.source != "pbmc68k":
        cells, promoters = promoters, cells
    assert {"skill_over_train_mean", "skill_over_cell_type_mean"} <= set(cells.scores)
    assert "skill_over_train_mean" in promoters.scores and "skill_over_cell_type_mean" not in promoters.scores


def test_evaluation_is_reproducible_and_the_seed_draws_the_resamples(checkpoint, built, results, monkeypatch):
    from multimed_hf.evaluation import evaluate

    seeds = []
    score = evaluate.score_rows
    monkeypatch.setattr(evaluate, "score_rows", lambda *given: seeds.append(given[2]) or score(*given))
    again = evaluated(checkpoint, built, ["text"])
    assert again == [replace(result, baselines={}) for result in results if result.subset == "text"]
    evaluated(checkpoint, built, ["protein"], seed=4)
    assert seeds == [0, 0, 4, 4]


def test_a_split_that_is_too_small_to_exist_is_named(checkpoint, releases, tmp_path):
    with pytest.warns(UserWarning, match="no rows for validation and test"):
        build(["protein"], ["pdb"], {"pdb": releases["pdb"]}, rows=1, out=tmp_path / "multimed")
    skipped, train = evaluated(checkpoint, tmp_path / "multimed", ["protein"], baselines=True)
    assert (skipped.split, skipped.n, skipped.score, skipped.low) == ("test", 0, None, None)
    assert skipped.reasons["score"] == "no rows in the test split: too few groups to fill it"
    assert (train.split, train.n) == ("train", 1) and train.limits.startswith(OVERFIT_CHECK)


def test_heads_that_only_one_side_has_are_named(built, checkpoint, tmp_path):
    cells = fit(built, ["scrna"], tmp_path / "cells", settings=tiny(), progress=False).checkpoint
    by_task = {result.task: result for result in evaluated(cells, built, ["scrna", "text"])}
    assert by_task["report_findings"].reasons["score"] == "the model has no head for it"
    assert by_task["cell_type_classification"].score is not None
    with pytest.warns(UserWarning, match="these data do not ask: cell_type_classification/pbmc68k"):
        part = tmp_path / "part"
        shutil.copytree(built, part)
        manifest = Manifest.read(part)
        replace(manifest, subsets={"text": manifest.subsets["text"]}).write(part)
        evaluated(cells, part)


def tiny(**options):
    config = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return Settings(**{"max_steps": 2, "vocab_size": 300, "config": config, **options})


def test_genes_in_another_order_are_aligned_by_symbol(checkpoint, tmp_path, results, monkeypatch):
    order = np.random.default_rng(1).permutation(len(pbmc68k.GENES))
    monkeypatch.setattr(pbmc68k, "GENES", tuple(np.array(pbmc68k.GENES)[order]))
    counts = pbmc68k.counts()[:, order]
    (tmp_path / "release").mkdir()
    pbmc68k.write(tmp_path / "release", counts)
    build(["scrna"], ["pbmc68k"], {"pbmc68k": tmp_path / "release"}, out=tmp_path / "multimed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = evaluated(checkpoint, tmp_path / "multimed", baselines=True)
    for before, after in zip((result for result in results if result.subset == "scrna"), found, strict=True):
        assert after.scores == pytest.approx(before.scores, rel=1e-4)  # float32, summed in another order
        for role, baseline in before.baselines.items():
            assert after.baselines[role]["score"] == pytest.approx(baseline["score"], abs=1e-6)
        assert after.data_fingerprint != before.data_fingerprint


def test_an_adapter_is_evaluated_like_a_model(checkpoint, built, tmp_path):
    report = fit(
        built,
        ["scrna"],
        tmp_path / "lora",
        start=checkpoint,
        lora=True,
        shots=2,
        seed=7,
        settings=tiny(config={}),
        progress=False,
    )
    assert (report.checkpoint / "adapter_config.json").is_file()
    found = evaluated(report.checkpoint, built, ["scrna"], baselines=True)
    assert all((result.lora, result.shots, result.seed) == (True, 2, 7) for result in found)
    assert all(result.score is not None for result in found)
    full = evaluated(checkpoint, built, ["scrna"], baselines=True)
    assert [result.baselines["classical"] for result in found] != [result.baselines["classical"] for result in full]


QUESTIONS = "medical_visual_question_answering/synthetic"


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """A folder with questions about tiny images, and a model hardly trained on it."""
    from multimed_hf.simulation.language.questions import Generator

    folder = tmp_path_factory.mktemp("questions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Generator, "size", 64)
        build(["vqa"], rows=96, out=folder / "multimed")
    settings = tiny(config={**tiny().config, "image_size": 32, "image_patch_size": 16})
    return folder / "multimed", fit(folder / "multimed", None, folder / "run", settings=settings, progress=False)


def test_questions_with_and_without_candidates_are_trained_and_scored_apart(questions):
    data, report = questions
    assert report.heads == [QUESTIONS, f"{QUESTIONS}/open"]
    closed, opened = evaluated(report.checkpoint, data, baselines=True)
    assert [result.head for result in (closed, opened)] == report.heads and closed.task == opened.task
    assert (closed.metric, opened.metric) == ("accuracy", "exact_match")
    assert closed.n == closed.scores["n_closed"] > 0 == closed.scores["n_open"]
    assert opened.n == opened.scores["n_open"] > 0 == opened.scores["n_closed"]
    assert opened.score == opened.scores["exact_match"] is not None and opened.scores["accuracy"] is None
    assert opened.baselines["trivial"]["name"] == "majority answer"
    import datasets

    train, test = (datasets.load_dataset(str(data), "vqa", split=name) for name in ("train", "test"))
    answers = [row["answer"] for row in train if not row["choices"]]
    truth = [row["answer"] for row in test if not row["choices"]]
    majority = max(dict.fromkeys(answers), key=answers.count)
    assert opened.baselines["trivial"]["score"] == pytest.approx(truth.count(majority) / len(truth))
    assert opened.baselines["classical"]["score"] >= 0


def test_an_adapter_learns_open_answers_too(questions, tmp_path):
    data, report = questions
    run = fit(data, None, tmp_path, start=report.checkpoint, lora=True, settings=tiny(config={}), progress=False)
    closed, opened = evaluated(run.checkpoint, data)
    assert closed.lora and opened.lora and opened.score is not None


def test_heads_that_are_lacking_are_answered_by_the_texts_of_their_labels(built, tmp_path):
    named = fit(built, ["text"], tmp_path / "named", settings=tiny(label_text=True), progress=False)
    model, _ = load_checkpoint(named.checkpoint)
    assert [task.get("head") for task in model.config.tasks] == ["label_text", None]
    build(["text"], rows=60, sources=["synthetic"], out=tmp_path / "reports")
    (plain,) = evaluated(named.checkpoint, tmp_path / "reports", ["text"])
    assert (plain.score, plain.zero_shot, plain.n) == (None, "", 0)
    assert plain.reasons["score"] == "the model has no head for it"
    (found,) = evaluated(named.checkpoint, tmp_path / "reports", ["text"], zero_shot=True, baselines=True)
    assert found.zero_shot == "report_findings/openi_reports" and found.head == "report_findings/synthetic"
    assert found.n > 0 and 0 <= found.score <= 1 and set(found.baselines) == {"trivial", "classical"}
    write_results(tmp_path / "r.json", [found])
    assert read_results(tmp_path / "r.json") == [found]
    # Its own heads stay its own, and what it does not read it does not answer.
    own, answers = evaluated(named.checkpoint, built, ["text"], zero_shot=True)
    assert own.zero_shot == answers.zero_shot == "" and own.score is not None
    by_task = {result.task: result for result in evaluated(named.checkpoint, built, ["eeg"], zero_shot=True)}
    assert by_task["eye_state"].reasons["score"] == "the model has no head for it"


def test_another_modality_is_no_zero_shot(built, tmp_path):
    named = fit(built, ["scrna"], tmp_path / "named", settings=tiny(label_text=True), progress=False)
    first, second = evaluated(named.checkpoint, built, ["eeg"], zero_shot=True)
    assert first.reasons["score"] == second.reasons["score"] == "the model does not read eeg"


def test_heads_that_mean_something_else_are_refused(checkpoint, built, monkeypatch):
    from multimed_hf.evaluation import evaluate

    def changed(**entry):
        run = type("Run", (), {"entries": {"h": entry}})
        return lambda head: evaluate._Part.refusal(type("Part", (), {"run": run}), head)

    labelled = Head("h", "t", "single_label", ("a", "b"))
    assert changed(kind="single_label", labels=["a", "b"])(labelled) == ""
    assert changed(kind="single_label", labels=["a", "b"], head="label_text")(labelled) == ""
    assert "labels" in changed(kind="single_label", labels=["b", "a"])(labelled)
    assert "another kind" in changed(kind="multi_label", labels=["a", "b"])(labelled)
    assert "another kind" in changed(kind="answer")(Head("h", "t", "answer", head="decoder"))
    genes = Head("h", "t", "regression", target_index=(3, 4), num_targets=2)
    assert changed(kind="regression", num_targets=5, targets=["A"] * 5)(genes) == ""
    assert "which genes" in changed(kind="regression", num_targets=2)(genes)
    assert "has 3 targets" in changed(kind="regression", num_targets=3)(Head("h", "t", "regression", num_targets=2))


def test_bad_requests_are_refused(checkpoint, built, tmp_path):
    with pytest.raises(ValueError, match=r"Unknown split 'tset'\. Did you mean 'test'"):
        evaluated(checkpoint, built, split="tset")
    with pytest.raises(ValueError, match=r"Unknown subset 'scrn'\. Did you mean 'scrna'"):
        evaluated(checkpoint, built, ["scrn"])
    with pytest.raises(ValueError, match="got 'xray': build it first"):
        evaluated(checkpoint, built, ["xray"])
    with pytest.raises(FileNotFoundError, match="manifest"):
        evaluated(checkpoint, tmp_path)
    with pytest.raises(FileNotFoundError, match="checkpoint"):
        evaluated(tmp_path / "none", built)


def test_a_checkpoint_without_a_record_is_evaluated(checkpoint, built, tmp_path):
    alone = tmp_path / "alone"
    shutil.copytree(checkpoint, alone)
    assert training_record(alone) == {} and training_record(checkpoint)["seed"] == 0
    (result, *_) = evaluated(alone, built, ["scrna"], split="validation")
    assert (result.seed, result.shots, result.lora, result.split) == (None, None, False, "validation")
    assert json.dumps(result.to_json())
