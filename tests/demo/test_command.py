import sys

import pytest

from multimed_hf.cli import main
from multimed_hf.demo import command
from multimed_hf.evaluation.results import write_results

from .results import result


def test_arguments(monkeypatch):
    started = []
    monkeypatch.setattr(command, "start", lambda *given: started.append(given))
    assert main(["demo"]) == 0 and main(["demo", "a/b", "--port", "80", "--results", "x", "--results", "y"]) == 0
    assert started == [("runs/quickstart/checkpoint", (), None), ("a/b", ["x", "y"], 80)]


@pytest.mark.parametrize("given", [True, False])
def test_the_leaderboard_is_of_what_was_given_or_of_the_checkpoint(monkeypatch, predictor, tmp_path, given):
    from multimed_hf.demo import page
    from multimed_hf.demo.predictor import Predictor

    own, other, built = result(model="own"), result(model="other"), []
    loaded = Predictor(predictor.model, predictor.processor, results=[own])
    monkeypatch.setattr(Predictor, "load", lambda _: loaded)
    monkeypatch.setattr(page, "build", lambda *parts: built.append(parts) or "page")
    monkeypatch.setattr(page, "serve", lambda *parts: built.append(parts))
    write_results(tmp_path / "results.json", [other])
    command.start("somewhere", [str(tmp_path)] if given else (), 8000)
    assert built == [(loaded, [other] if given else [own]), ("page", 8000)]


def test_without_gradio_it_says_what_to_install(monkeypatch, predictor):
    from multimed_hf.demo.page import build

    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ImportError, match=r"pip install multimed_hf\[demo\]"):
        build(predictor)


def test_a_checkpoint_that_is_none(tmp_path, capsys):
    assert main(["demo", str(tmp_path / "nothing")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
