import json
import math
from dataclasses import replace

import pytest

from multimed_hf.evaluation.results import Result, number_or_none, read_results, write_results

RESULT = Result(
    task="cell_type_classification",
    head="cell_type_classification/pbmc68k",
    subset="scrna",
    source="pbmc68k",
    synthetic=False,
    auxiliary=False,
    split="test",
    metric="macro_f1",
    n=105,
    groups=105,
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
    data_fingerprint="0123456789abcdef",
    code_version="0.1.0",
)


def test_what_is_written_is_read(tmp_path):
    few = replace(
        RESULT, low=None, high=None, groups=4, reasons={"interval": "4 groups"}, shots=5, lora=True, seed=None
    )
    path = tmp_path / "runs" / "results.json"
    write_results(path, [RESULT, few])
    assert read_results(path) == [RESULT, few]
    assert [entry.name for entry in path.parent.iterdir()] == ["results.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "results.json"
    write_results(path, [RESULT])
    with pytest.raises(ValueError, match="nan as score, expected a finite number"):
        write_results(path, [replace(RESULT, score=math.nan)])
    assert read_results(path) == [RESULT]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": {"macro_f1": math.inf}}, "inf as scores"),
        ({"baselines": {"trivial": {"name": "x", "score": math.nan}}}, "nan as baselines"),
        ({"low": None}, "no interval and does not say why"),
        ({"score": None}, "no score and does not say why"),
        ({"scores": {"auroc": None}}, "no auroc and does not say why"),
        ({"n": "many"}, "'many' as n, expected int"),
        ({"n": True}, "True as n, expected int"),
        ({"synthetic": 0}, "0 as synthetic, expected bool"),
    ],
)
def test_what_a_result_may_not_hold(change, message):
    with pytest.raises(ValueError, match=message):
        replace(RESULT, **change).to_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "got something else"),
        ("[]", "format 1"),
        ('{"format": 2, "results": []}', "format 1"),
        ('{"format": 1, "results": [7]}', "a result as a JSON object, got int"),
        ('{"format": 1, "results": 7}', "not iterable"),
        ('{"format": 1, "results": [{"head": "a/b"}]}', "'a/b' has the unknown fields .* lacks .*'task'"),
    ],
)
def test_files_that_are_no_results(tmp_path, text, message):
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_results(path)
    with pytest.raises(FileNotFoundError, match="found no file"):
        read_results(tmp_path / "none.json")


def test_unknown_fields_and_nan_in_a_file_are_refused(tmp_path):
    path = tmp_path / "results.json"
    for change, message in (({"colour": "red"}, r"unknown fields \['colour'\]"), ({"score": math.nan}, "nan as score")):
        path.write_text(json.dumps({"format": 1, "results": [{**RESULT.to_json(), **change}]}))
        with pytest.raises(ValueError, match=message):
            read_results(path)


def test_only_finite_numbers_pass():
    assert [number_or_none(value) for value in (0.5, math.nan, -math.inf, 3)] == [0.5, None, None, 3.0]
