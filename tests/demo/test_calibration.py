from dataclasses import replace

import pytest

from multimed_hf.demo.calibration import UNKNOWN, calibration_note, results_of
from multimed_hf.evaluation.results import write_results

from .results import result


def test_what_was_measured_is_said():
    found = [result(scores={"ece": 0.123, "auroc": 0.9}), result(head="other/set", scores={"ece": 0.5})]
    note = calibration_note(found, "disease/set")
    assert "0.50" not in note
    assert "test split of release (1,200 rows)" in note and "off by 0.12 on average" in note
    assert "synthetic xray data" in calibration_note([replace(found[0], synthetic=True)], "disease/set")


def test_what_was_not_measured_is_said_too():
    missing = result(scores={"ece": None}, reasons={"ece": "one class only"})
    for found in ([], [missing], [replace(result(scores={"ece": 0.1}), zero_shot="x/y")], [result(head="other/set")]):
        assert calibration_note(found, "disease/set") == UNKNOWN


@pytest.mark.parametrize("inside", [True, False])
def test_results_are_found_in_the_folder_and_beside_it(tmp_path, inside):
    folder = tmp_path / "run" / "checkpoint"
    folder.mkdir(parents=True)
    own, other = result(model="elsewhere/run/checkpoint"), result(model="another/checkpoint")
    write_results((folder if inside else folder.parent) / "results.json", [own, other])
    assert results_of(folder) == ([own, other] if inside else [own])


def test_results_that_cannot_be_read_are_left_out(tmp_path):
    (tmp_path / "results.json").write_text("{}")
    with pytest.warns(UserWarning, match="Left out the results"):
        assert results_of(tmp_path) == []


def test_a_checkpoint_of_the_hub_without_results(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def absent(*_):
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", absent)
    assert results_of("nobody/nothing") == []
