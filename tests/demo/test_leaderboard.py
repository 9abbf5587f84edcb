import io

import pytest
from PIL import Image

from multimed_hf.demo.leaderboard import (
    HEAD,
    KINDS,
    model_of,
    notes,
    ordered,
    radar,
    read_leaderboard,
    rows,
)
from multimed_hf.evaluation.results import write_results

from .results import result


def test_files_and_folders_are_read(tmp_path):
    one, two = result(), result(model="runs/two/checkpoint", score=0.5)
    write_results(tmp_path / "runs" / "one" / "results.json", [one])
    write_results(tmp_path / "runs" / "two" / "results.json", [two])
    assert read_leaderboard([tmp_path / "runs"]) == [one, two]
    assert read_leaderboard([tmp_path / "runs" / "two" / "results.json"]) == [two]
    with pytest.raises(FileNotFoundError, match="Expected results"):
        read_leaderboard([tmp_path / "nothing"])


def test_lines_hold_numbers_and_say_what_they_are_of():
    (line,) = rows([result(synthetic=True, auxiliary=True, score=0.71234)])
    assert dict(zip(HEAD, line, strict=True)) == {
        "Model": "one/checkpoint",
        "Task": "disease_classification*",
        "Source": "synthetic xray",
        "Split": "test",
        "Metric": "accuracy",
        "Score": 0.712,
        "Low": 0.7,
        "High": 0.8,
        "Classical": 0.5,
        "Gap": 0.212,
        "Rows": 1200,
    }
    assert len(KINDS) == len(HEAD)
    (bare,) = rows(
        [result(score=None, low=None, high=None, baselines={}, reasons={"score": "no rows", "interval": "no"})]
    )
    assert bare[5:10] == [None] * 5


def test_lines_are_sorted_and_those_without_a_number_stay_last():
    nothing = result(score=None, low=None, high=None, baselines={}, reasons={"score": "no rows", "interval": "no"})
    table = rows([result(score=0.2), nothing, result(score=0.9), result(score=0.5)])
    place = HEAD.index("Score")
    assert [line[place] for line in ordered(table, "Score", ascending=False)] == [0.9, 0.5, 0.2, None]
    assert [line[place] for line in ordered(table, "Score", ascending=True)] == [0.2, 0.5, 0.9, None]
    assert ordered(table, None, ascending=True) == table
    with pytest.raises(ValueError, match="Expected a column among Model, Task"):
        ordered(table, "score", ascending=True)


def test_notes_stand_once():
    found = notes([result(), result(head="disease/other"), result(source="other", limits="two hospitals")])
    assert [note for note in found if "hospital" in note] == ["release: one hospital.", "other: two hospitals."]
    (empty,) = [note for note in notes([result(low=None, high=None)]) if "interval" in note]
    assert empty.startswith("No Low and High: no interval.")


def test_a_radar_needs_three_scores_that_all_models_have():
    heads = [result(head=f"disease/{name}", score=score) for name, score in (("a", 0.9), ("b", -0.5), ("c", 0.4))]
    others = [result(head=each.head, score=0.5, model="runs/two/checkpoint") for each in heads]
    assert Image.open(io.BytesIO(radar([*heads, *others]) or b"")).width > 500
    assert radar(heads[:2]) is None
    # Of other data: no scores to compare with.
    assert (
        radar([*heads, *others[:2], result(head="disease/c", model="runs/two/checkpoint", data_fingerprint="x")])
        is None
    )


def test_models_are_called_by_run_and_folder():
    assert model_of(result(model="/somebody/runs/one/checkpoint")) == "one/checkpoint"
    assert model_of(result(model="org/multimed-base")) == "org/multimed-base"
