import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from multimed_hf.data.build import build
from multimed_hf.evaluation.evaluate import OVERFIT_CHECK
from multimed_hf.evaluation.results import Result, write_results
from multimed_hf.evaluation.submission import RELEASES, main, review
from multimed_hf.sources import get_source

KNOWN = next(each for each in RELEASES if each.subset == "scrna" and not each.superseded_by)

RESULT = Result(
    task="cell_type_classification",
    head="cell_type_classification/pbmc68k",
    subset="scrna",
    source="pbmc68k",
    synthetic=False,
    auxiliary=False,
    split="test",
    metric="macro_f1",
    n=109,
    groups=109,
    unit="cell",
    score=0.8,
    low=0.7,
    high=0.9,
    level=0.95,
    scores={"macro_f1": 0.8, "accuracy": 0.85},
    baselines={"trivial": {"name": "class prior", "score": 0.05}},
    limits="one donor",
    model="runs/a/checkpoint",
    seed=0,
    data_fingerprint=KNOWN.fingerprint,
    code_version="0.1.0",
)
NOTHING = replace(RESULT, n=0, groups=0, score=None, low=None, high=None, scores={}, baselines={})
NOTHING = replace(NOTHING, reasons={"score": "no rows in the test split", "interval": "no rows in the test split"})


@pytest.fixture
def reviewed(tmp_path):
    def reviewed(*results, data=None):
        write_results(tmp_path / "results.json", results)
        return review(tmp_path / "results.json", data)

    return reviewed


def test_a_right_file_has_no_problem(reviewed):
    found = reviewed(RESULT, replace(RESULT, seed=1))
    assert (found.results, found.problems, found.notes) == (2, (), ())


def test_what_evaluate_writes_is_right(reviewed):
    structure = replace(
        RESULT,
        task="protein_structure_prediction",
        head="protein_structure_prediction/backbone",
        subset="protein",
        source="pdb",
        split="train",
        metric="tm_score",
        n=11,
        groups=11,
        unit="cluster at 30 % sequence identity",
        score=0.3,
        low=None,
        high=None,
        scores={"tm_score": 0.3},
        limits=f"{OVERFIT_CHECK}; a handful of chains",
        reasons={"interval": "11 groups, fewer than 20"},
        data_fingerprint="0123456789abcdef",
    )
    found = reviewed(NOTHING, structure)
    assert found.problems == ()
    assert len([note for note in found.notes if "shown as a check" in note]) == 1
    assert [note for note in found.notes if "no score: no rows in the test split" in note]
    assert [note for note in found.notes if "1 of 1 score of one seed" in note]
    assert [note for note in found.notes if "0123456789abcdef are not known" in note]
    assert reviewed(replace(structure, limits="a handful of chains")).problems
    assert reviewed(replace(structure, split="validation")).problems


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "validation"}, "expected the test split, got 'validation'"),
        ({"split": "train"}, "expected the test split, got 'train'"),
        ({"seed": None}, "expected the seed of the training, got none"),
        ({"source": "pbmc"}, "Unknown source of scrna 'pbmc'"),
        ({"task": "cell_types"}, "Unknown task 'cell_types'"),
        ({"head": "cell_type_classification/mine"}, "expected a head among"),
        ({"metric": "accuracy", "score": 0.85}, "expected 'macro_f1' as metric, got 'accuracy'"),
        ({"unit": "donor"}, "expected 'cell' as unit, got 'donor'"),
        ({"synthetic": True}, "expected False as synthetic, got True"),
        ({"auxiliary": True}, "expected False as auxiliary, got True"),
        ({"groups": 110}, "expected from 0 to n = 109 groups, got 110"),
        ({"groups": -1}, "expected from 0 to n = 109 groups, got -1"),
        ({"groups": 0}, "nothing to be claimed for 109 rows of 0 groups, got score, low, high, scores"),
        ({"n": 0, "groups": 0}, "nothing to be claimed for 0 rows of 0 groups"),
        ({"score": 0.81}, "expected macro_f1 among scores to be the score 0.81, got 0.8"),
        ({"scores": {}}, "to be the score 0.8, got None"),
        ({"high": None}, "expected both ends of the interval or none"),
        ({"low": 0.95}, "expected a score with an interval from low to high"),
        ({"score": None, "reasons": {"score": "x"}}, "expected a score with an interval from low to high, got None"),
        ({"groups": 19}, "expected no interval from fewer than 20 groups, got one from 19"),
        ({"level": 0.5}, "expected intervals of level 0.95, got 0.5"),
        ({"data_fingerprint": "latest"}, "expected a fingerprint of 16 hexadecimal digits, got 'latest'"),
    ],
)
def test_each_flaw_is_a_problem(reviewed, change, message):
    problems = reviewed(replace(RESULT, **change)).problems
    assert len([text for text in problems if message in text]) == 1, problems


@pytest.mark.parametrize(("change", "claim"), [({"score": 0.5}, "score"), ({"scores": {"accuracy": 0.5}}, "scores")])
def test_nothing_is_claimed_for_no_rows(reviewed, change, claim):
    problems = reviewed(replace(NOTHING, **change)).problems
    assert [text for text in problems if f"0 rows of 0 groups, got {claim}" in text]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"low": None, "high": None, "groups": 4, "reasons": {"interval": "4 groups"}}, "no interval: 4 groups"),
        ({"baselines": {}}, "no baselines"),
        ({"code_version": "0.0.9"}, "scored by version 0.0.9"),
        ({"low": 0.85}, "the score 0.800 lies outside its interval, 0.850 to 0.900"),
        ({}, "1 of 1 score of one seed"),
    ],
)
def test_notes_are_no_problems(reviewed, change, message):
    found = reviewed(replace(RESULT, **change))
    assert found.problems == ()
    assert [text for text in found.notes if message in text]


def test_a_result_stands_once(reviewed):
    assert reviewed(RESULT, replace(RESULT, model="other")).problems == ()
    assert "expected one result of a model and seed, got 2" in reviewed(RESULT, RESULT).problems[0]


def test_an_empty_file_is_a_problem(reviewed):
    assert reviewed().problems == ("The file holds no result.",)


def test_superseded_data_are_a_problem_that_names_what_replaces_them(reviewed):
    old = next(each for each in RELEASES if each.superseded_by)
    (problem,) = reviewed(replace(RESULT, data_fingerprint=old.fingerprint)).problems
    assert f"{old.fingerprint} are superseded by {old.superseded_by}: {old.reason}" in problem


def test_results_on_two_builds_of_a_subset_do_not_stand_together(reviewed):
    other = replace(RESULT, seed=1, data_fingerprint="0123456789abcdef")
    assert "expected one data fingerprint, got" in reviewed(RESULT, other).problems[0]


def test_releases_are_superseded_by_releases_in_use():
    in_use = {(each.subset, each.fingerprint) for each in RELEASES if not each.superseded_by}
    assert len({(each.subset, each.fingerprint) for each in RELEASES}) == len(RELEASES)
    for each in RELEASES:
        assert bool(each.superseded_by) == bool(each.reason)
        assert not each.superseded_by or (each.subset, each.superseded_by) in in_use


def test_named_data_are_compared(reviewed, tmp_path):
    report = build(["genomics"], ["synthetic"], rows=60, out=tmp_path / "data")
    record = report.subsets["genomics"]
    declared, rows = get_source("genomics", "synthetic"), record.rows["test"]
    target = next(target for target in declared.targets if target.task == "expression_prediction")
    right = replace(
        RESULT,
        task=target.task,
        head=target.head,
        subset="genomics",
        source="synthetic",
        synthetic=True,
        metric="pearson_per_target",
        n=rows,
        groups=3,
        unit=declared.group,
        low=None,
        high=None,
        scores={"pearson_per_target": 0.8},
        reasons={"interval": "3 groups"},
        data_fingerprint=record.fingerprint,
    )
    found = reviewed(right, data=tmp_path / "data")
    assert found.problems == () and not [note for note in found.notes if "not known" in note]
    (problem,) = reviewed(replace(right, n=rows + 1), data=tmp_path / "data").problems
    assert f"the data have {rows} rows, got n = {rows + 1}" in problem
    (problem,) = reviewed(replace(right, data_fingerprint="0123456789abcdef"), data=tmp_path / "data").problems
    assert f"expected the data of --data ({record.fingerprint}), got 0123456789abcdef" in problem
    assert "no such subset" in reviewed(RESULT, data=tmp_path / "data").problems[0]


def test_the_command_says_what_it_found(tmp_path, capsys):
    write_results(tmp_path / "right.json", [RESULT])
    write_results(tmp_path / "wrong.json", [replace(RESULT, split="train")])
    assert main([str(tmp_path / "right.json")]) == 0
    assert capsys.readouterr().out.endswith("1 result, 0 problems\n")
    assert main([str(tmp_path / "wrong.json")]) == 1
    assert "problem: cell_type_classification/pbmc68k on pbmc68k, train: expected the test" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1, "results": null}', '{"format": 9, "results": []}'])
def test_what_is_no_file_of_results_is_a_problem(tmp_path, capsys, text):
    (tmp_path / "results.json").write_text(text)
    assert main([str(tmp_path / "results.json")]) == 1
    assert capsys.readouterr().out.startswith("problem: ")
    assert main([str(tmp_path / "absent.json")]) == 1


def test_nan_is_a_problem(tmp_path, capsys):
    path = tmp_path / "results.json"
    write_results(path, [RESULT])
    content = json.loads(path.read_text())
    content["results"][0]["scores"]["accuracy"] = float("nan")
    path.write_text(json.dumps(content))
    assert main([str(path)]) == 1
    assert "nan as scores['accuracy'], expected a finite number" in capsys.readouterr().out


def test_it_runs_as_a_module(tmp_path):
    write_results(tmp_path / "results.json", [RESULT])
    command = [sys.executable, "-m", "multimed_hf.evaluation.submission", tmp_path / "results.json"]
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run(command, capture_output=True, check=True, text=True, cwd=root).stdout.endswith("0 problems\n")
